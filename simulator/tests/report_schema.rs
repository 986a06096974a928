//! The schemas that are kept in the repository, against the types and against an independent validator.
//!
//! The one idea: what is published must be what is written. The validator is Python's `jsonschema`,
//! where it is there; with `TORNWRITE_REQUIRE_PYTHON=1` its absence is a failure.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::cli_support::{case, text, tornwrite};
use simulator::report::baseline::Baseline;
use simulator::report::{json, schema};

fn kept(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../reports/schema/{name}.schema.json"))
}

#[test]
fn the_schemas_in_the_repository_are_those_of_the_types() {
    for name in schema::NAMES {
        let (path, found) = (kept(name), schema::text(name).unwrap());
        if std::env::var_os("TORNWRITE_BLESS").is_some() {
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, &found).unwrap();
        }
        let expected = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(found == expected, "{} differs; TORNWRITE_BLESS=1 rewrites it", path.display());
        assert_eq!(tornwrite(&["schema", name]).out, found);
    }
    assert_eq!(tornwrite(&["schema", "nothing"]).exit, 2);
}

/// Arguments: schema, file, and so on. The last file of each schema is spoilt and must not fit.
const VALIDATE: &str = "
import sys, json
try:
    import jsonschema
except ImportError:
    print('no jsonschema'); sys.exit(0)
load = lambda path: json.load(open(path, encoding='utf-8'))
for schema, file in zip(sys.argv[1::2], sys.argv[2::2]):
    schema = load(schema)
    validator = jsonschema.validators.validator_for(schema)
    assert validator is not None and validator.META_SCHEMA['$id'].endswith('2020-12/schema')
    validator.check_schema(schema)
    data = load(file)
    validator(schema).validate(data)
    def spoilt(at, depth=0):
        # Each number becomes a text, each object gets a field that nobody knows.
        if isinstance(at, dict):
            yield lambda: at.__setitem__('unknown', 1), lambda: at.pop('unknown')
            for key in list(at)[:40]:
                if isinstance(at[key], int):
                    was = at[key]
                    yield lambda: at.__setitem__(key, 'x'), lambda: at.__setitem__(key, was)
                if depth < 7: yield from spoilt(at[key], depth + 1)
        elif isinstance(at, list):
            for item in at[:2]: yield from spoilt(item, depth + 1)
    count = taken = 0
    for spoil, mend in spoilt(data):
        spoil(); count += 1
        taken += validator(schema).is_valid(data)
        mend()
    validator(schema).validate(data)
    print(count, taken)
    assert count >= 3, count
    # A map from names takes any name, and an untagged number may be one of several.
    assert taken * 10 <= count, (file, count, taken)
";

#[test]
fn another_validator_takes_what_is_written_and_refuses_what_is_spoilt() {
    let place = tempfile::tempdir().unwrap();
    let put = |name: &str, text: &str| {
        let path = place.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let ran = tornwrite(&[
        "compare",
        "--journal",
        "v8c",
        "v9-512",
        "--device",
        "hdd-512n",
        "--entries",
        "4",
        "--bytes",
        "48",
        "--format",
        "json",
        "--out",
        place.path().join("out").to_str().unwrap(),
    ]);
    assert_eq!(ran.exit, 0, "{}", ran.err);
    let brief = Baseline::of(&json::parse(&ran.out).unwrap()).text();
    let torture = tornwrite(&[
        "torture",
        "--runs",
        "30",
        "--journal",
        "v8c",
        "--device",
        "hdd-512n",
        "--format",
        "json",
        "--out",
        place.path().join("torture").to_str().unwrap(),
    ]);
    assert!(torture.exit <= 1, "{}", torture.err);
    let selftest = tornwrite(&["selftest", "flawed/rfc", "--format", "json"]);
    assert_eq!(selftest.exit, 0, "{}", selftest.err);
    let beside = |out: &str| text(&place.path().join(out).join("latest/environment.json"));
    let mut command = Command::new("python3");
    command.args(["-c", VALIDATE]);
    for (name, path) in [
        ("report", put("report.json", &ran.out)),
        ("report", put("torture.json", &torture.out)),
        ("case", put("case.json", &case("v8c", "hdd-512n").json())),
        ("baseline", put("baseline.json", &brief)),
        ("selftest", put("selftest.json", &selftest.out)),
        ("environment", put("environment.json", &beside("out"))),
        ("environment", put("environment-torture.json", &beside("torture"))),
    ] {
        command.arg(kept(name)).arg(path);
    }
    let required = std::env::var("TORNWRITE_REQUIRE_PYTHON").is_ok_and(|value| value == "1");
    match command.output() {
        Err(error) => assert!(!required, "python3 does not run: {error}"),
        Ok(ran) => {
            let said = String::from_utf8_lossy(&ran.stdout);
            assert!(ran.status.success(), "{said}{}", String::from_utf8_lossy(&ran.stderr));
            let missing = said.contains("no jsonschema");
            assert!(
                !(missing && required),
                "TORNWRITE_REQUIRE_PYTHON is 1 and jsonschema is missing"
            );
        }
    }
}
