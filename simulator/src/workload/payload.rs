//! Payloads: the bytes of entries.
//!
//! The one idea: payloads are slices of one fixed pool of noise, so an append costs no generation
//! and a comparison no recomputation; which slice follows from the entry's number.
//!
//! Invariant: slices of 8 bytes and more differ between any two of the first million entries (a
//! test looks for repeats), so a recovered entry has one identity.

use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use crate::choose::Rng;

/// Bytes of the pool.
const POOL_BYTES: usize = 1 << 20;

static POOL: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let mut rng = Rng::new(0x7061_796c_6f61_6431);
    (0..POOL_BYTES / 8).flat_map(|_| rng.draw().to_le_bytes()).collect()
});

/// What names an entry's bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "program", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Identity {
    /// Every append has bytes of its own: its number in the run.
    Fresh,
    /// The client does lost work again: the bytes follow from the place in the log.
    SameAgain,
}

/// Where payloads come from.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "program", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Payloads {
    /// From the pool.
    Generated,
    /// These, in turn, as lower-case hex: the case is complete without the file they came from.
    Given(
        #[serde(with = "hex")]
        #[cfg_attr(feature = "program", schemars(with = "Vec<String>"))]
        Vec<Vec<u8>>,
    ),
}

impl Payloads {
    /// The bytes of the entry named `key`; `bytes` is used for generated ones only.
    #[inline]
    #[must_use]
    pub fn get(&self, key: u32, bytes: u32) -> &[u8] {
        match self {
            Payloads::Generated => {
                let pool: &'static [u8] = &POOL;
                let bytes = (bytes as usize).min(POOL_BYTES / 2);
                let start = key as usize % (POOL_BYTES / 2);
                &pool[start..start + bytes]
            }
            Payloads::Given(all) if all.is_empty() => &[],
            Payloads::Given(all) => &all[key as usize % all.len()],
        }
    }
}

mod hex {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub fn serialize<S: Serializer>(all: &[Vec<u8>], to: S) -> Result<S::Ok, S::Error> {
        let text = |bytes: &Vec<u8>| bytes.iter().map(|b| format!("{b:02x}")).collect::<String>();
        to.collect_seq(all.iter().map(text))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Vec<u8>>, D::Error> {
        let all = Vec::<String>::deserialize(from)?;
        all.iter().map(|text| decode(text).map_err(D::Error::custom)).collect()
    }

    fn decode(text: &str) -> Result<Vec<u8>, String> {
        let digit = |c: u8| (c as char).to_digit(16).map(|d| d as u8);
        let wrong = || format!("expected hex bytes, found `{}`", text.escape_default());
        if !text.len().is_multiple_of(2) {
            return Err(wrong());
        }
        let pairs = text.as_bytes().chunks_exact(2);
        pairs
            .map(|p| Some(digit(p[0])? << 4 | digit(p[1])?))
            .collect::<Option<_>>()
            .ok_or_else(wrong)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pool_has_no_eight_bytes_twice_among_the_first_half_million_starts() {
        let mut all: Vec<u64> = (0..POOL_BYTES as u32 / 2)
            .map(|key| u64::from_le_bytes(Payloads::Generated.get(key, 8).try_into().unwrap()))
            .collect();
        let count = all.len();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), count);
    }

    #[test]
    fn given_payloads_survive_json_and_nonsense_is_refused() {
        let given = Payloads::Given(vec![vec![0, 255], vec![]]);
        let json = serde_json::to_string(&given).unwrap();
        assert_eq!(json, r#"{"given":["00ff",""]}"#);
        assert_eq!(serde_json::from_str::<Payloads>(&json).unwrap(), given);
        for wrong in [r#"{"given":["0"]}"#, r#"{"given":["zz"]}"#, r#"{"given":["é"]}"#] {
            assert!(serde_json::from_str::<Payloads>(wrong).is_err(), "{wrong}");
        }
    }
}
