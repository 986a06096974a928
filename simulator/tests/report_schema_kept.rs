//! What a schema promised once it keeps: within a version it grows and loses nothing.
//!
//! Method. A schema is written down as lines, one for each field and each word that a field may hold:
//!
//! ```text
//! CellRow.verdict: Verdict, always
//! CellRow.star: boolean, may be missing
//! Verdict = "proven"
//! ```
//!
//! The lines of each version are kept in `reports/schema/kept`. A kept line must be there for ever; a new
//! one may come, unless it asks for a field that older files do not have. So an older file fits a newer
//! schema, and who reads a field finds it where it was.
//!
//! `TORNWRITE_BLESS=1` adds lines and takes none away. What must change otherwise needs a new version.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde_json::Value;
use simulator::report::schema;

/// What a value may be, in a line.
fn shape(of: &Value) -> String {
    let list = |key: &str| of.get(key).and_then(Value::as_array);
    if let Some(name) = of.get("$ref").and_then(Value::as_str) {
        return name.trim_start_matches("#/$defs/").to_owned();
    }
    if let Some(one) = of.get("const") {
        return one.to_string();
    }
    if let Some(words) = list("enum") {
        return words.iter().map(Value::to_string).collect::<Vec<_>>().join(" | ");
    }
    for key in ["oneOf", "anyOf", "allOf"] {
        if let Some(several) = list(key) {
            return several.iter().map(shape).collect::<Vec<_>>().join(" | ");
        }
    }
    let kinds: Vec<String> = match of.get("type") {
        Some(Value::String(kind)) => vec![kind.clone()],
        Some(Value::Array(kinds)) => {
            kinds.iter().filter_map(Value::as_str).map(str::to_owned).collect()
        }
        _ => vec!["anything".to_owned()],
    };
    let one = |kind: &String| match &kind[..] {
        "array" => {
            let parts = list("prefixItems").map(|items| items.iter().map(shape).collect());
            let parts: Vec<String> =
                parts.unwrap_or_else(|| of.get("items").map(shape).into_iter().collect());
            format!("[{}]", parts.join(", "))
        }
        "object" => match of.get("additionalProperties") {
            Some(values @ Value::Object(_)) => format!("{{name: {}}}", shape(values)),
            _ => {
                let fields: Vec<String> = fields(of).into_iter().map(|f| f.join(" ")).collect();
                format!("{{{}}}", fields.join("; "))
            }
        },
        "integer" => of.get("format").and_then(Value::as_str).unwrap_or("integer").to_owned(),
        other => other.to_owned(),
    };
    kinds.iter().map(one).collect::<Vec<_>>().join(" | ")
}

/// Fields of an object: name, and what it holds and whether it is always there.
fn fields(of: &Value) -> Vec<[String; 2]> {
    let required: BTreeSet<&str> = of
        .get("required")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let Some(properties) = of.get("properties").and_then(Value::as_object) else {
        return Vec::new();
    };
    let field = |(name, value): (&String, &Value)| {
        let there = if required.contains(&name[..]) { ALWAYS } else { "may be missing" };
        [format!("{name}:"), format!("{}, {there}", shape(value))]
    };
    properties.iter().map(field).collect()
}

const ALWAYS: &str = "always";

/// The lines of a type, by name.
fn lines_of(name: &str, of: &Value) -> Vec<String> {
    for key in ["oneOf", "anyOf", "enum"] {
        if let Some(several) = of.get(key).and_then(Value::as_array) {
            let words = several.iter().flat_map(|one| match one.get("enum") {
                Some(Value::Array(words)) => words.iter().map(Value::to_string).collect(),
                _ if key == "enum" => vec![one.to_string()],
                _ => vec![shape(one)],
            });
            return words.map(|word| format!("{name} = {word}")).collect();
        }
    }
    let fields = fields(of);
    if fields.is_empty() {
        return vec![format!("{name} = {}", shape(of))];
    }
    fields.into_iter().map(|[field, what]| format!("{name}.{field} {what}")).collect()
}

/// All lines of a schema, sorted; the root's name is that of the schema.
fn lines(name: &str, schema: &Value) -> BTreeSet<String> {
    let mut all: BTreeSet<String> = lines_of(name, schema).into_iter().collect();
    for (name, of) in schema.get("$defs").and_then(Value::as_object).into_iter().flatten() {
        all.extend(lines_of(name, of));
    }
    all
}

/// What the lines of a schema do to those that were kept: those that are gone, and new ones that an older
/// file cannot have.
fn broken(kept: &BTreeSet<String>, now: &BTreeSet<String>) -> Vec<String> {
    let named = |line: &String| line.split(['.', ' ']).next().unwrap_or("").to_owned();
    let known: BTreeSet<String> = kept.iter().map(named).collect();
    let gone = kept.difference(now).map(|line| format!("gone: {line}"));
    let asks = now
        .difference(kept)
        .filter(|line| known.contains(&named(line)))
        .filter(|line| line.contains('.') && line.ends_with(ALWAYS))
        .map(|line| format!("older files do not have it: {line}"));
    gone.chain(asks).collect()
}

fn place(name: &str, version: &Value) -> PathBuf {
    let file = format!("../reports/schema/kept/{name}-{version}.txt");
    Path::new(env!("CARGO_MANIFEST_DIR")).join(file)
}

#[test]
fn a_schema_grows_within_its_version_and_loses_nothing() {
    for name in schema::NAMES {
        let schema: Value = serde_json::from_str(&schema::text(name).unwrap()).unwrap();
        let versions: BTreeMap<&String, &Value> = schema["properties"]
            .as_object()
            .unwrap()
            .iter()
            .filter_map(|(field, of)| Some((field, of.get("const")?)))
            .collect();
        let (_, version) = versions.first_key_value().expect("each schema has its version");
        let path = place(name, version);
        let now = lines(name, &schema);
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        let kept: BTreeSet<String> = text.lines().map(str::to_owned).collect();
        let broken = broken(&kept, &now);
        assert!(
            broken.is_empty(),
            "the schema of a {name}, version {version}, may only grow:\n{}\nLet a new field be missing \
             (serde default) and leave the others as they are, or raise the version.",
            broken.join("\n")
        );
        if std::env::var_os("TORNWRITE_BLESS").is_some() {
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            let text: String = now.iter().map(|line| format!("{line}\n")).collect();
            std::fs::write(&path, text).unwrap();
        } else {
            let new: Vec<&String> = now.difference(&kept).collect();
            assert!(
                new.is_empty(),
                "{} lacks {} lines, such as {:?}; TORNWRITE_BLESS=1 adds them",
                path.display(),
                new.len(),
                &new[..new.len().min(5)]
            );
        }
        assert!(now.len() > 10, "{now:?}");
    }
}

#[test]
fn each_way_in_which_a_schema_breaks_its_word_is_seen() {
    let text = |name: &str| schema::text(name).unwrap();
    let schema: Value = serde_json::from_str(&text("report")).unwrap();
    let kept = lines("report", &schema);
    assert_eq!(broken(&kept, &kept), Vec::<String>::new());
    let told = |spoil: &dyn Fn(&mut Value)| {
        let mut spoilt = schema.clone();
        spoil(&mut spoilt);
        broken(&kept, &lines("report", &spoilt)).join("\n")
    };
    let row = |schema: &mut Value| schema["$defs"]["CellRow"].take();
    let put = |schema: &mut Value, row: Value| schema["$defs"]["CellRow"] = row;
    let lost = told(&|schema| {
        let mut cell = row(schema);
        cell["properties"].as_object_mut().unwrap().remove("verdict");
        put(schema, cell);
    });
    assert!(lost.contains("gone: CellRow.verdict: Verdict, always"), "{lost}");
    let other =
        told(&|schema| schema["$defs"]["CellRow"]["properties"]["device"]["type"] = 1.into());
    assert!(other.contains("gone: CellRow.device: string, always"), "{other}");
    let now_missing = told(&|schema| {
        let required = schema["$defs"]["CellRow"]["required"].as_array_mut().unwrap();
        required.retain(|field| field != "broken");
    });
    assert!(now_missing.contains("gone: CellRow.broken: [Oracle], always"), "{now_missing}");
    let new = |there: bool| {
        told(&|schema: &mut Value| {
            schema["$defs"]["CellRow"]["properties"]["new"] = serde_json::json!({"type": "string"});
            if there {
                let required = schema["$defs"]["CellRow"]["required"].as_array_mut().unwrap();
                required.push("new".into());
            }
        })
    };
    assert_eq!(new(false), "");
    assert!(new(true).contains("older files do not have it: CellRow.new"), "{}", new(true));
    let word = told(&|schema| {
        let text = schema["$defs"]["Verdict"].to_string().replace("\"refuted\"", "\"disproven\"");
        schema["$defs"]["Verdict"] = serde_json::from_str(&text).unwrap();
    });
    assert!(word.contains("gone: Verdict = \"refuted\""), "{word}");
}
