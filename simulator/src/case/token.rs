//! A case as one word: version, base64url of a compact encoding, checksum.
//!
//! The one idea: the encoding names no fields, so its layout is fixed by the structs of this file and
//! not by those of the program. Version 1 knows the knobs that contracts had first; what they gained
//! since is behind it, in a token of version 2. A case that does not use them is written as
//! version 1, so a token stays the same word for as long as its meaning does.
//!
//! | version | bytes |
//! |---|---|
//! | `tw1-` | case, CRC-32C |
//! | `tw2-` | case, later knobs, CRC-32C |
//!
//! Invariant: a token that was ever written is read as the case that it was made from.
//!
//! What it is not: for people. They have JSON.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::{Case, CaseError};
use crate::choose::Decision;
use crate::disk::contract::{CacheOrder, Contract, Flush, Fua, InnerTear, TearShape, TornContents};
use crate::disk::{Fault, Fill};
use crate::workload::Workload;

/// How tokens begin, the first version first.
const HEADS: [&str; 2] = ["tw1-", "tw2-"];

/// The case, field by field.
#[derive(Serialize, Deserialize)]
struct Encoded<'c> {
    version: u32,
    journal: Cow<'c, str>,
    contract: Knobs,
    device_bytes: u64,
    fill: Fill,
    workload: Cow<'c, Workload>,
    fault: Option<Fault>,
    decisions: Cow<'c, [Decision]>,
}

/// The knobs of version 1.
#[derive(Serialize, Deserialize)]
struct Knobs {
    name: String,
    logical_bytes: u32,
    physical_bytes: u32,
    atomic_bytes: u32,
    page_bytes: u32,
    tear_shape: TearShape,
    inner_tear: InnerTear,
    /// Unreadable, zeros, ones, garbage.
    torn: (bool, bool, bool, bool),
    damage_max: u32,
    neighbours: bool,
    order: CacheOrder,
    flush: Flush,
    fua: Fua,
    bit_flips: u32,
    latent_errors: u32,
}

/// The knobs of version 2.
#[derive(Default, PartialEq, Eq, Serialize, Deserialize)]
struct Later {
    stale: bool,
    domain_bytes: u32,
    late_calls: u32,
    store_bytes: u32,
    rollback_max: u32,
    lost_writes_max: u32,
}

fn split(contract: &Contract) -> (Knobs, Later) {
    let TornContents { unreadable, zeros, ones, garbage, stale } = contract.torn;
    let knobs = Knobs {
        name: contract.name.clone(),
        logical_bytes: contract.logical_bytes,
        physical_bytes: contract.physical_bytes,
        atomic_bytes: contract.atomic_bytes,
        page_bytes: contract.page_bytes,
        tear_shape: contract.tear_shape,
        inner_tear: contract.inner_tear,
        torn: (unreadable, zeros, ones, garbage),
        damage_max: contract.damage_max,
        neighbours: contract.neighbours,
        order: contract.order,
        flush: contract.flush,
        fua: contract.fua,
        bit_flips: contract.bit_flips,
        latent_errors: contract.latent_errors,
    };
    let later = Later {
        stale,
        domain_bytes: contract.domain_bytes,
        late_calls: contract.late_calls,
        store_bytes: contract.store_bytes,
        rollback_max: contract.rollback_max,
        lost_writes_max: contract.lost_writes_max,
    };
    (knobs, later)
}

fn joined(knobs: Knobs, later: &Later) -> Contract {
    let (unreadable, zeros, ones, garbage) = knobs.torn;
    Contract {
        name: knobs.name,
        logical_bytes: knobs.logical_bytes,
        physical_bytes: knobs.physical_bytes,
        atomic_bytes: knobs.atomic_bytes,
        page_bytes: knobs.page_bytes,
        tear_shape: knobs.tear_shape,
        inner_tear: knobs.inner_tear,
        torn: TornContents { unreadable, zeros, ones, garbage, stale: later.stale },
        damage_max: knobs.damage_max,
        neighbours: knobs.neighbours,
        order: knobs.order,
        flush: knobs.flush,
        fua: knobs.fua,
        bit_flips: knobs.bit_flips,
        latent_errors: knobs.latent_errors,
        domain_bytes: later.domain_bytes,
        late_calls: later.late_calls,
        store_bytes: later.store_bytes,
        rollback_max: later.rollback_max,
        lost_writes_max: later.lost_writes_max,
    }
}

/// The token of a case.
pub fn write(case: &Case) -> String {
    let (contract, later) = split(&case.contract);
    let encoded = Encoded {
        version: case.version,
        journal: Cow::Borrowed(&case.journal),
        contract,
        device_bytes: case.device_bytes,
        fill: case.fill,
        workload: Cow::Borrowed(&case.workload),
        fault: case.fault,
        decisions: Cow::Borrowed(&case.decisions),
    };
    let mut bytes = postcard::to_allocvec(&encoded).expect("a case is plain data");
    let version = usize::from(later != Later::default());
    if version > 0 {
        bytes.extend(postcard::to_allocvec(&later).expect("knobs are plain data"));
    }
    let sum = journal_core::checksum::crc32c(&bytes);
    bytes.extend_from_slice(&sum.to_be_bytes());
    format!("{}{}", HEADS[version], base64url::encode(&bytes))
}

/// Whether a text begins as a token, of this version or of a later one.
#[must_use]
pub fn is_token(text: &str) -> bool {
    version(text).is_some()
}

/// The version that a text begins with, if it begins as a token.
fn version(text: &str) -> Option<u32> {
    text.strip_prefix("tw")?.split_once('-')?.0.parse().ok()
}

/// Reads a token; `None` if the text does not begin as one.
pub fn read(text: &str) -> Option<Result<Case, CaseError>> {
    let found = version(text)?;
    let Some(known) = HEADS.iter().position(|head| text.starts_with(head)) else {
        let reads = "versions 1 and 2";
        return Some(Err(CaseError::Version { of: "token", found, reads }));
    };
    let body = &text[HEADS[known].len()..];
    Some(decode(known, body).map_err(CaseError::Malformed))
}

fn decode(version: usize, body: &str) -> Result<Case, String> {
    let bytes =
        base64url::decode(body).ok_or("the token is cut short or altered: copy it whole")?;
    let (bytes, sum) =
        bytes.split_last_chunk::<4>().ok_or("the token is cut short: copy it whole")?;
    if journal_core::checksum::crc32c(bytes) != u32::from_be_bytes(*sum) {
        return Err("the token's checksum is wrong: was it copied whole?".to_owned());
    }
    let (encoded, rest): (Encoded<'_>, _) =
        postcard::take_from_bytes(bytes).map_err(|e| e.to_string())?;
    let (later, rest) = match version {
        0 => (Later::default(), rest),
        _ => postcard::take_from_bytes(rest).map_err(|e| e.to_string())?,
    };
    if !rest.is_empty() {
        return Err(format!("expected the end of the token, found {} bytes more", rest.len()));
    }
    Ok(Case {
        version: encoded.version,
        journal: encoded.journal.into_owned(),
        contract: joined(encoded.contract, &later),
        device_bytes: encoded.device_bytes,
        fill: encoded.fill,
        workload: encoded.workload.into_owned(),
        fault: encoded.fault,
        decisions: encoded.decisions.into_owned(),
    })
}

pub(crate) mod base64url {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

    pub fn encode(bytes: &[u8]) -> String {
        let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
        for three in bytes.chunks(3) {
            let word = three.iter().fold(0u32, |word, &b| word << 8 | u32::from(b));
            let word = word << (8 * (3 - three.len()));
            for i in 0..=three.len() {
                text.push(DIGITS[(word >> (18 - 6 * i)) as usize & 63] as char);
            }
        }
        text
    }

    pub fn decode(text: &str) -> Option<Vec<u8>> {
        let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
        for four in text.as_bytes().chunks(4) {
            if four.len() == 1 {
                return None;
            }
            let mut word = 0u32;
            for &digit in four {
                let value = DIGITS.iter().position(|&d| d == digit)?;
                word = word << 6 | value as u32;
            }
            word <<= 6 * (4 - four.len());
            bytes.extend_from_slice(&word.to_be_bytes()[1..four.len()]);
        }
        Some(bytes)
    }

    #[cfg(test)]
    mod tests {
        #[test]
        fn every_length_comes_back() {
            for len in 0..50u8 {
                let bytes: Vec<u8> = (0..len).map(|i| i.wrapping_mul(37)).collect();
                assert_eq!(super::decode(&super::encode(&bytes)), Some(bytes));
            }
            assert_eq!(super::encode(b"foobar"), "Zm9vYmFy", "RFC 4648");
            assert_eq!(super::decode("Zm9v*mFy"), None);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::presets;
    use crate::run::Setup;

    /// Written before contracts had the later knobs.
    const OLD: &str = "tw1-AQN2OGMIaGRkLTUxMm6ABIAEgASABAIAAQEAAAEABAABAACAIAAAAQVjYXJyeQMACAIACAAAAAIDY3V0ATEKc2VjdG9yIDEuMA13MyB0b3JuIHplcm9zADNWfw";

    #[test]
    fn a_token_of_before_reads_and_is_written_as_it_was() {
        let case = Case::parse(OLD).unwrap();
        assert_eq!(case.contract, presets::named("hdd-512n").unwrap());
        assert_eq!(case.token(), OLD);
    }

    #[test]
    fn later_knobs_make_a_token_of_the_second_version() {
        for preset in presets::all() {
            let old = Case::parse(OLD).unwrap();
            let setup = Setup { contract: preset.contract.clone(), ..old.setup() };
            let case = Case { decisions: old.decisions, ..Case::new("v8c", &setup) };
            let later = ["pm-8byte", "virtio-spec-literal", "sd-card", "ssd-zheng-hostile"];
            let head = HEADS[usize::from(later.contains(&&preset.contract.name[..]))];
            assert!(case.token().starts_with(head), "{}", preset.contract.name);
            assert_eq!(Case::parse(&case.token()).as_ref(), Ok(&case));
        }
        let cut = |head: &str| Case::parse(&format!("{head}{}", &OLD[4..]));
        assert!(cut("tw2-").is_err(), "the later knobs are missing");
    }
}
