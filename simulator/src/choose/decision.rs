//! Decisions by name: what was asked and what was answered, in words that survive a change of the
//! enumeration.
//!
//! The one idea: "sector 12 after cut 1 holds write 7, torn, unreadable" stays true when options
//! are reordered or new kinds of damage are added; "answer 3 of 5" does not.
//!
//! Invariant: `What` and `Label` print to text that parses back to the same value, and no two options
//! of one question have the same label.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// What is being decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum What {
    /// During which device call of the first life the power is cut: an index, with the last one
    /// meaning after all calls.
    Cut,
    /// Whether the power is cut during this device call of a later life.
    CutHere {
        /// The life, 1 for the first one after a cut.
        life: u32,
        /// Index of the device call within the life.
        call: u32,
        /// How many calls an undisturbed life still has: the weight against a cut, so that a
        /// random cut falls evenly over the life.
        left: u32,
    },
    /// What a sector holds that was undecided until this read.
    Sector {
        /// Power cuts so far.
        cut: u32,
        /// The sector.
        lba: u64,
        /// The first so many options are contents without damage, newest first.
        whole: u32,
    },
    /// Which of several explanations of a content holds, where there are too many to keep open.
    Why {
        /// Power cuts so far.
        cut: u32,
        /// The sector.
        lba: u64,
    },
    /// Which class of contents a sector is of that was not read, but asked for a checksum or a
    /// test. Only the tree of a proof asks so, and no case names it.
    Class {
        /// Power cuts so far.
        cut: u32,
        /// The sector.
        lba: u64,
    },
    /// Which device operation fails, or none (0).
    Fault,
    /// A choice of the workload generator.
    Workload(&'static str),
}

/// A damaged content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Torn {
    /// The first `n` granules are new, the rest is what was there before.
    Prefix(u16),
    /// The last `n` granules are new.
    Suffix(u16),
    /// Some other subset of granules is new, by its bit mask (granule 0 is bit 0), or by the number
    /// of a representative where there are too many granules for a mask.
    Mosaic(u64),
    /// All bytes zero.
    Zeros,
    /// All bytes 0xFF.
    Ones,
    /// A representative of garbage, by number.
    Garbage(u8),
    /// The sector cannot be read.
    Unreadable,
    /// Something older of the sector; like a mix it names what shows.
    Stale,
}

/// The name of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Label {
    /// A plain number.
    Index(u32),
    /// What the sector held before any write that is still undecided.
    Old,
    /// The content of a write command, by its number in the run.
    Write(u32),
    /// Damage by a write command that was in progress; mixes also name what lies below.
    Torn {
        /// The command that was in progress.
        write: u32,
        /// The damage.
        how: Torn,
        /// For mixes: the write that shows through, or none for what was there before.
        below: Option<u32>,
    },
    /// A mix over a damaged content of an earlier cut.
    TornOver {
        /// The command that was in progress.
        write: u32,
        /// The damage.
        how: Torn,
        /// Which of the damaged contents that the sector might have held, in the order listed.
        older: u32,
    },
    /// One bit flipped at rest, over what would have been there.
    Flip {
        /// The write that the sector holds but for the bit, or none for older content.
        of: Option<u32>,
        /// Bit number, counted from the first byte's lowest bit.
        bit: u32,
    },
    /// One bit flipped at rest, over a damaged content.
    FlipTorn {
        /// Which of the damaged contents that the sector may hold, in the order listed.
        of: u32,
        /// Bit number, counted from the first byte's lowest bit.
        bit: u32,
    },
    /// A latent sector error: unreadable at rest.
    Latent,
}

/// One question and its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "program", derive(schemars::JsonSchema))]
pub struct Decision {
    /// What was asked, as text in files.
    #[serde(with = "text")]
    #[cfg_attr(feature = "program", schemars(with = "String"))]
    pub what: What,
    /// The answer, as text in files.
    #[serde(with = "text")]
    #[cfg_attr(feature = "program", schemars(with = "String"))]
    pub is: Label,
}

/// (De)serialisation by `Display` and `FromStr`.
pub mod text {
    use std::fmt::Display;
    use std::str::FromStr;

    use serde::{Deserialize, Deserializer, Serializer};

    /// Writes `value` as its text.
    ///
    /// # Errors
    /// The serializer's.
    pub fn serialize<T: Display, S: Serializer>(value: &T, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(value)
    }

    /// Reads a value from its text.
    ///
    /// # Errors
    /// When the text does not parse.
    pub fn deserialize<'de, T, D>(from: D) -> Result<T, D::Error>
    where
        T: FromStr<Err = String>,
        D: Deserializer<'de>,
    {
        let text = String::deserialize(from)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            What::Cut => write!(f, "cut"),
            // `left` and `whole` weigh and order; they are not part of the name.
            What::CutHere { life, call, .. } => write!(f, "cut-here {life}.{call}"),
            What::Sector { cut, lba, .. } => write!(f, "sector {cut}.{lba}"),
            What::Why { cut, lba } => write!(f, "why {cut}.{lba}"),
            What::Class { cut, lba } => write!(f, "class {cut}.{lba}"),
            What::Fault => write!(f, "fault"),
            What::Workload(name) => write!(f, "workload {name}"),
        }
    }
}

impl FromStr for What {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("expected a decision such as `sector 1.12`, found `{text}`");
        let (head, rest) = text.split_once(' ').unwrap_or((text, ""));
        let pair = || -> Option<(u32, u64)> {
            let (a, b) = rest.split_once('.')?;
            Some((a.parse().ok()?, b.parse().ok()?))
        };
        match head {
            "cut" => Ok(What::Cut),
            "fault" => Ok(What::Fault),
            "why" => {
                let (cut, lba) = pair().ok_or_else(wrong)?;
                Ok(What::Why { cut, lba })
            }
            "class" => {
                let (cut, lba) = pair().ok_or_else(wrong)?;
                Ok(What::Class { cut, lba })
            }
            "cut-here" => {
                let (life, call) = pair().ok_or_else(wrong)?;
                let call = u32::try_from(call).map_err(|_| wrong())?;
                Ok(What::CutHere { life, call, left: 0 })
            }
            "sector" => {
                let (cut, lba) = pair().ok_or_else(wrong)?;
                Ok(What::Sector { cut, lba, whole: 0 })
            }
            _ => Err(wrong()),
        }
    }
}

impl What {
    /// The question by its name alone, without the weights.
    #[must_use]
    pub fn named(self) -> What {
        match self {
            What::CutHere { life, call, .. } => What::CutHere { life, call, left: 0 },
            What::Sector { cut, lba, .. } => What::Sector { cut, lba, whole: 0 },
            other => other,
        }
    }

    /// Whether two questions have the same name (weights aside).
    #[must_use]
    pub fn same_question(&self, other: &What) -> bool {
        self.named() == other.named()
    }
}

impl fmt::Display for Torn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Torn::Prefix(n) => write!(f, "prefix{n}"),
            Torn::Suffix(n) => write!(f, "suffix{n}"),
            Torn::Mosaic(n) => write!(f, "mosaic{n:x}"),
            Torn::Zeros => write!(f, "zeros"),
            Torn::Ones => write!(f, "ones"),
            Torn::Garbage(n) => write!(f, "garbage{n}"),
            Torn::Unreadable => write!(f, "unreadable"),
            Torn::Stale => write!(f, "stale"),
        }
    }
}

impl FromStr for Torn {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("expected a kind of damage such as `unreadable`, found `{text}`");
        let number = |prefix: &str| text.strip_prefix(prefix);
        if let Some(n) = number("prefix") {
            return n.parse().map(Torn::Prefix).map_err(|_| wrong());
        }
        if let Some(n) = number("suffix") {
            return n.parse().map(Torn::Suffix).map_err(|_| wrong());
        }
        if let Some(n) = number("mosaic") {
            return u64::from_str_radix(n, 16).map(Torn::Mosaic).map_err(|_| wrong());
        }
        if let Some(n) = number("garbage") {
            return n.parse().map(Torn::Garbage).map_err(|_| wrong());
        }
        match text {
            "zeros" => Ok(Torn::Zeros),
            "ones" => Ok(Torn::Ones),
            "unreadable" => Ok(Torn::Unreadable),
            "stale" => Ok(Torn::Stale),
            _ => Err(wrong()),
        }
    }
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Label::Index(n) => write!(f, "{n}"),
            Label::Old => write!(f, "old"),
            Label::Write(n) => write!(f, "w{n}"),
            Label::Torn { write, how, below: None } => write!(f, "w{write} torn {how}"),
            Label::Torn { write, how, below: Some(below) } => {
                write!(f, "w{write} torn {how} over w{below}")
            }
            Label::TornOver { write, how, older } => {
                write!(f, "w{write} torn {how} over torn{older}")
            }
            Label::FlipTorn { of, bit } => write!(f, "flip {bit} of torn{of}"),
            Label::Flip { of: None, bit } => write!(f, "flip {bit}"),
            Label::Flip { of: Some(of), bit } => write!(f, "flip {bit} of w{of}"),
            Label::Latent => write!(f, "latent"),
        }
    }
}

impl FromStr for Label {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("expected an answer such as `w7` or `old`, found `{text}`");
        let write = |word: &str| -> Result<u32, String> {
            word.strip_prefix('w').and_then(|n| n.parse().ok()).ok_or_else(wrong)
        };
        let torn = |word: &str| -> Option<u32> { word.strip_prefix("torn")?.parse().ok() };
        let words: Vec<&str> = text.split(' ').collect();
        match words[..] {
            ["old"] => Ok(Label::Old),
            ["latent"] => Ok(Label::Latent),
            ["flip", bit] => Ok(Label::Flip { of: None, bit: bit.parse().map_err(|_| wrong())? }),
            ["flip", bit, "of", of] => {
                if let Some(of) = torn(of) {
                    return Ok(Label::FlipTorn { of, bit: bit.parse().map_err(|_| wrong())? });
                }
                Ok(Label::Flip { of: Some(write(of)?), bit: bit.parse().map_err(|_| wrong())? })
            }
            [w, "torn", how] => {
                Ok(Label::Torn { write: write(w)?, how: how.parse()?, below: None })
            }
            [w, "torn", how, "over", below] => {
                if let Some(older) = torn(below) {
                    return Ok(Label::TornOver { write: write(w)?, how: how.parse()?, older });
                }
                Ok(Label::Torn { write: write(w)?, how: how.parse()?, below: Some(write(below)?) })
            }
            [word] if word.starts_with('w') => Ok(Label::Write(write(word)?)),
            [word] => word.parse().map(Label::Index).map_err(|_| wrong()),
            _ => Err(wrong()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_parses_back_to_itself() {
        let labels = [
            Label::Index(3),
            Label::Old,
            Label::Write(7),
            Label::Torn { write: 7, how: Torn::Unreadable, below: None },
            Label::Torn { write: 7, how: Torn::Prefix(3), below: Some(2) },
            Label::Torn { write: 7, how: Torn::Suffix(1), below: None },
            Label::Torn { write: 7, how: Torn::Mosaic(0xaa), below: None },
            Label::Torn { write: 7, how: Torn::Garbage(1), below: None },
            Label::Torn { write: 7, how: Torn::Zeros, below: None },
            Label::Torn { write: 7, how: Torn::Ones, below: None },
            Label::Torn { write: 7, how: Torn::Stale, below: Some(3) },
            Label::TornOver { write: 7, how: Torn::Stale, older: 1 },
            Label::Flip { of: None, bit: 4095 },
            Label::Flip { of: Some(3), bit: 0 },
            Label::TornOver { write: 7, how: Torn::Prefix(3), older: 2 },
            Label::FlipTorn { of: 2, bit: 9 },
            Label::Latent,
        ];
        for label in labels {
            assert_eq!(label.to_string().parse::<Label>().unwrap(), label);
        }
        let questions = [
            What::Cut,
            What::Fault,
            What::Why { cut: 1, lba: 7 },
            What::Class { cut: 1, lba: 7 },
            What::CutHere { life: 1, call: 4, left: 0 },
            What::Sector { cut: 2, lba: 1 << 40, whole: 0 },
        ];
        for what in questions {
            assert_eq!(what.to_string().parse::<What>().unwrap(), what);
        }
    }

    #[test]
    fn nonsense_is_refused_with_what_was_expected() {
        for text in ["", "w", "wx", "w1 torn", "w1 torn sideways", "flip", "sector 1", "sector a.b"]
        {
            let label = text.parse::<Label>();
            let what = text.parse::<What>();
            assert!(label.is_err() && what.is_err(), "{text}");
            assert!(label.unwrap_err().contains("expected"));
        }
    }
}
