//! Devices and strategies that a user declares in a file.
//!
//! The one idea: a declaration varies what is there. A `[[device]]` begins as the preset named by
//! `base`, or as the plain device where none is named, and every knob of [`Contract`] that is given
//! takes the place of its own; a `[[strategy]]` gives the five answers of the grid, and a name.
//!
//! ```toml
//! [[device]]
//! name = "my-disk"
//! base = "hdd-512n"
//! damage_max = 2
//! order = { window = 8 }
//! torn = { unreadable = true }
//!
//! [[strategy]]
//! name = "mine"
//! framing = "block-512"
//! integrity = "entry:xxh3"
//! tail = "ping-pong"
//! reuse = "salt+clear"
//! commit = "record-fua"
//! ```
//!
//! Invariant: what comes out can be run. Whatever is wrong is told with line and column, what was
//! expected there and what was found.
//!
//! What it is not: a registry. Cases hold the contract itself and the strategy's spelling, so they
//! replay where the file is not.

use std::ops::Range;

use journal_core::rfc::{SpellingError, Strategy};
use serde::Deserialize;
use toml::Spanned;

use crate::disk::contract::{CacheOrder, Contract, Flush, Fua, InnerTear, TearShape, TornContents};
use crate::disk::presets;
use crate::journals;

mod probabilities;

pub use probabilities::{CutChance, Probabilities};

/// What a file declares.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Declared {
    /// Devices, in the order of the file.
    pub devices: Vec<Contract>,
    /// Names of strategies, in the order of the file.
    pub strategies: Vec<(String, Strategy)>,
}

/// Where a declaration is wrong, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeclaredError {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// Expected and found.
    pub said: String,
}

impl std::fmt::Display for DeclaredError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "line {}, column {}: {}", self.line, self.column, self.said)
    }
}

impl std::error::Error for DeclaredError {}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    device: Vec<Spanned<Device>>,
    #[serde(default)]
    strategy: Vec<Point>,
}

/// The knobs are those of [`Contract`].
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Device {
    name: Spanned<String>,
    base: Option<Spanned<String>>,
    logical_bytes: Option<Spanned<u32>>,
    physical_bytes: Option<Spanned<u32>>,
    atomic_bytes: Option<Spanned<u32>>,
    page_bytes: Option<Spanned<u32>>,
    tear_shape: Option<Spanned<TearShape>>,
    inner_tear: Option<Spanned<InnerTear>>,
    torn: Option<Spanned<Torn>>,
    damage_max: Option<Spanned<u32>>,
    neighbours: Option<Spanned<bool>>,
    order: Option<Spanned<CacheOrder>>,
    flush: Option<Spanned<Flush>>,
    fua: Option<Spanned<Fua>>,
    bit_flips: Option<Spanned<u32>>,
    latent_errors: Option<Spanned<u32>>,
    domain_bytes: Option<Spanned<u32>>,
    late_calls: Option<Spanned<u32>>,
    store_bytes: Option<Spanned<u32>>,
    rollback_max: Option<Spanned<u32>>,
    lost_writes_max: Option<Spanned<u32>>,
}

/// [`TornContents`] of which some may be left out: those stay as the base has them.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Torn {
    unreadable: Option<bool>,
    zeros: Option<bool>,
    ones: Option<bool>,
    garbage: Option<bool>,
    stale: Option<bool>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Point {
    name: Spanned<String>,
    framing: Spanned<String>,
    integrity: Spanned<String>,
    tail: Spanned<String>,
    reuse: Spanned<String>,
    commit: Spanned<String>,
}

/// A place in the text, and what is wrong there.
type Wrong = (Range<usize>, String);

impl Declared {
    /// Reads declarations.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn parse(text: &str) -> Result<Declared, DeclaredError> {
        let at = |wrong| place(text, wrong);
        let file: File = toml::from_str(text).map_err(|error| {
            let span = error.span().unwrap_or(0..0);
            let said = one_of_a_list(text, &span);
            at((span, said.unwrap_or_else(|| error.message().trim().to_owned())))
        })?;
        let mut declared = Declared::default();
        for device in file.device {
            let contract = device_of(device, &declared.devices).map_err(at)?;
            declared.devices.push(contract);
        }
        for point in file.strategy {
            let named = strategy_of(&point, &declared.strategies).map_err(at)?;
            declared.strategies.push(named);
        }
        Ok(declared)
    }
}

/// What to say where a table stands alone that is one of a list.
fn one_of_a_list(text: &str, span: &Range<usize>) -> Option<String> {
    let line = text.get(span.start..)?.lines().next()?.trim();
    let name = ["device", "strategy"].into_iter().find(|name| line == format!("[{name}]"))?;
    Some(format!("expected `[[{name}]]`, as there may be several, found `[{name}]`"))
}

/// Something wrong, with its line and column.
fn place(text: &str, (span, said): Wrong) -> DeclaredError {
    let before = text.get(..span.start).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    DeclaredError {
        line: before.matches('\n').count() + 1,
        column: before[line_start..].chars().count() + 1,
        said,
    }
}

/// A name is an argument and a folder: short, and of characters that need no quoting.
fn free_name(name: &Spanned<String>, taken: bool, of: &str) -> Result<String, Wrong> {
    let text = name.get_ref();
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if text.is_empty() || text.len() > 64 || !text.chars().all(plain) {
        let said = format!("name: expected 1 to 64 letters, digits and -_., found `{text}`");
        return Err((name.span(), said));
    }
    if taken {
        let said = format!("name: expected a name of its own, found `{text}`, which is {of}");
        return Err((name.span(), said));
    }
    Ok(text.clone())
}

fn device_of(device: Spanned<Device>, before: &[Contract]) -> Result<Contract, Wrong> {
    let whole = device.span();
    let device = device.into_inner();
    let taken = |name: &str| {
        presets::named(name).is_some() || before.iter().any(|other| other.name == name)
    };
    let name = free_name(&device.name, taken(device.name.get_ref()), "a device already")?;
    let mut contract = match &device.base {
        None => Contract::base(&name),
        Some(base) => {
            // A declaration may vary one that stands above it.
            let declared = || before.iter().find(|other| other.name == *base.get_ref()).cloned();
            let found = presets::named(base.get_ref()).or_else(declared);
            let mut found = found.ok_or_else(|| {
                let names: Vec<_> = presets::all().into_iter().map(|p| p.contract.name).collect();
                let said = format!(
                    "base: expected one of {}, or a device declared above, found `{}`",
                    names.join(", "),
                    base.get_ref()
                );
                (base.span(), said)
            })?;
            found.name.clone_from(&name);
            found
        }
    };
    let mut spans: Vec<(&str, Range<usize>)> = Vec::new();
    macro_rules! vary {
        ($($knob:ident),*) => {$(
            if let Some(given) = device.$knob {
                spans.push((stringify!($knob), given.span()));
                contract.$knob = given.into_inner();
            }
        )*};
    }
    vary!(
        logical_bytes,
        physical_bytes,
        atomic_bytes,
        page_bytes,
        tear_shape,
        inner_tear,
        damage_max,
        neighbours,
        order,
        flush,
        fua,
        bit_flips,
        latent_errors,
        domain_bytes,
        late_calls,
        store_bytes,
        rollback_max,
        lost_writes_max
    );
    if let Some(given) = device.torn {
        let Torn { unreadable, zeros, ones, garbage, stale } = given.into_inner();
        let TornContents { unreadable: u, zeros: z, ones: o, garbage: g, stale: s } = contract.torn;
        contract.torn = TornContents {
            unreadable: unreadable.unwrap_or(u),
            zeros: zeros.unwrap_or(z),
            ones: ones.unwrap_or(o),
            garbage: garbage.unwrap_or(g),
            stale: stale.unwrap_or(s),
        };
    }
    contract.validate().map_err(|said| {
        // The words begin with the knob; where the base has it, the whole table is meant.
        let knob = said.split([':', ' ']).next().unwrap_or_default();
        let span = spans.iter().find(|(name, _)| *name == knob).map(|(_, span)| span.clone());
        (span.unwrap_or(whole), said)
    })?;
    Ok(contract)
}

fn strategy_of(point: &Point, before: &[(String, Strategy)]) -> Result<(String, Strategy), Wrong> {
    let text = point.name.get_ref();
    let taken = journals::name_of(text).is_ok() || before.iter().any(|other| other.0 == *text);
    let name = free_name(&point.name, taken, "a journal already")?;
    let words = [&point.framing, &point.integrity, &point.tail, &point.reuse, &point.commit];
    let strategy = Strategy::from_words(words.map(|word| word.get_ref().as_str()));
    let strategy = strategy.map_err(|error| {
        let span = match &error {
            SpellingError::Unknown { axis, .. } => {
                let axes = ["framing", "integrity", "tail", "reuse", "commit"];
                let place = axes.iter().position(|name| name == axis).unwrap_or(0);
                words[place].span()
            }
            // The answers do not go together: the table is meant, and its name begins it.
            _ => point.name.span(),
        };
        (span, error.to_string())
    })?;
    Ok((name, strategy))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(text: &str) -> String {
        Declared::parse(text).unwrap_err().to_string()
    }

    #[test]
    fn a_device_varies_its_base_and_nothing_else() {
        let text = "[[device]]\nname = \"mine\"\nbase = \"hdd-512n\"\ndamage_max = 2\n\
                    order = { window = 8 }\ntorn = { zeros = false }\n";
        let declared = Declared::parse(text).unwrap();
        let base = presets::named("hdd-512n").unwrap();
        let want = Contract {
            name: "mine".to_owned(),
            damage_max: 2,
            order: CacheOrder::Window(8),
            torn: TornContents { unreadable: true, ..TornContents::default() },
            ..base
        };
        assert_eq!(declared.devices, [want]);
        let two = format!("{text}[[device]]\nname = \"other\"\nbase = \"mine\"\nbit_flips = 1\n");
        let declared = Declared::parse(&two).unwrap();
        assert_eq!((declared.devices[1].damage_max, declared.devices[1].bit_flips), (2, 1));
    }

    #[test]
    fn a_strategy_is_its_five_answers() {
        let text = "[[strategy]]\nname = \"mine\"\nframing = \"stream\"\n\
                    integrity = \"entry:crc32c\"\ntail = \"rewrite\"\nreuse = \"salt+clear\"\n\
                    commit = \"flush\"\n";
        let declared = Declared::parse(text).unwrap();
        let v8ce = Strategy::named("v8ce").unwrap();
        assert_eq!(declared.strategies, [("mine".to_owned(), v8ce)]);
        assert_eq!(Declared::parse("").unwrap(), Declared::default());
    }

    #[test]
    fn every_preset_survives_being_written_out_and_read_again() {
        #[derive(serde::Serialize)]
        struct Out {
            device: Vec<Contract>,
        }
        let all = presets::all().into_iter().map(|preset| {
            let name = format!("my-{}", preset.contract.name);
            Contract { name, ..preset.contract }
        });
        let device: Vec<Contract> = all.collect();
        let text = toml::to_string(&Out { device: device.clone() }).unwrap();
        assert_eq!(Declared::parse(&text).unwrap().devices, device, "{text}");
    }

    #[test]
    fn an_error_points_at_what_is_wrong_and_says_what_was_expected() {
        let device = |rest: &str| wrong(&format!("[[device]]\nname = \"mine\"\n{rest}\n"));
        assert!(
            wrong("[[device]\n").starts_with("line 1, column 10: "),
            "{}",
            wrong("[[device]\n")
        );
        assert!(wrong("[[devices]]\n").contains("unknown field `devices`, expected"));
        assert!(wrong("[[device]]\nbase = \"ideal\"\n").contains("missing field `name`"));
        let said = wrong("[device]\nname = \"mine\"\n");
        assert!(said.starts_with("line 1, column 1: expected `[[device]]`"), "{said}");
        let said = device("colour = 1");
        assert!(said.starts_with("line 3, column 1: unknown field `colour`, expected"), "{said}");
        let said = device("damage_max = \"two\"");
        assert!(said.starts_with("line 3, column 14: invalid type: string \"two\""), "{said}");
        let said = device("damage_max = -1");
        assert!(said.starts_with("line 3, column 14: invalid value: integer `-1`"), "{said}");
        let said = device("flush = \"perhaps\"");
        assert!(said.contains("line 3, column 9: unknown variant `perhaps`, expected"), "{said}");
        assert_eq!(
            device("\nphysical_bytes = 1000"),
            "line 4, column 18: physical_bytes: expected a power of two from 512 up, found 1000"
        );
        // What does not go with the base is told where the device begins, or the knob that is given.
        let said = device("base = \"virtio-writeback\"\ndamage_max = 1");
        assert!(said.starts_with("line 1, column 1: page_bytes: a cache of whole pages"), "{said}");
        let said = device("order = { window = 0 }");
        assert!(said.starts_with("line 3, column 9: order window: expected at least 1"), "{said}");
        let said = device("base = \"hdd\"");
        assert!(said.starts_with("line 3, column 8: base: expected one of ideal, "), "{said}");
        let said = wrong("[[device]]\nname = \"ideal\"\n");
        assert!(said.starts_with("line 2, column 8: name: expected a name of its own"), "{said}");
        let said = wrong("[[device]]\nname = \"my disk\"\n");
        assert!(said.starts_with("line 2, column 8: name: expected 1 to 64 letters"), "{said}");
        let strategy = |tail: &str, reuse: &str| {
            wrong(&format!(
                "[[strategy]]\nname = \"s\"\nframing = \"stream\"\nintegrity = \"none\"\n\
                 tail = \"{tail}\"\nreuse = \"{reuse}\"\ncommit = \"flush\"\n"
            ))
        };
        let said = strategy("append", "erase");
        assert!(said.starts_with("line 5, column 8: tail: expected one of rewrite"), "{said}");
        let said = strategy("rewrite", "salt");
        assert!(said.starts_with("line 2, column 8: makes no sense: a salt works"), "{said}");
        let said = wrong("[[strategy]]\nname = \"s\"\n");
        assert!(said.contains("missing field `framing`"), "{said}");
    }
}
