//! How a point of the grid is spelled, and read back.
//!
//! The one idea: five words, one per axis, in the order of the axes. What is printed anywhere can
//! be given back as a name, and no two points print the same.
//!
//! | place | axis | words |
//! |---|---|---|
//! | 1 | framing | `stream`, `stream-literal`, `block-512`, `block-4096` |
//! | 2 | integrity | `none`, or members joined by `+`: `entry:`, `block:`, `chain:`, `sector:` and an algorithm |
//! | 3 | tail | `rewrite`, `pad-sector`, `pad-physical`, `ping-pong`, `fresh` |
//! | 4 | reuse | `erase`, `sequence`, `salt`, `lap`; each may end in `+clear` |
//! | 5 | commit | `flush`, `record-after-flush`, `record-fua`, `pointer` |
//!
//! Invariant: `Strategy::parse(&s.to_string()) == Ok(s)` for every point, and an error names the
//! axis, what was expected there and what was found.
//!
//! What it is not: a judge. Whether the five words go together is for `refusal`.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

use crate::checksum::Checksum;
use crate::rfc::refusal::Refusal;
use crate::rfc::strategy::{CommitRule, Framing, Integrity, Reuse, ReuseBy, Strategy, TailWrite};

const FRAMINGS: [(&str, Framing); 4] = [
    ("stream", Framing::Stream),
    ("stream-literal", Framing::StreamLiteral),
    ("block-512", Framing::Block { bytes: 512 }),
    ("block-4096", Framing::Block { bytes: 4096 }),
];

const TAILS: [(&str, TailWrite); 5] = [
    ("rewrite", TailWrite::Rewrite),
    ("pad-sector", TailWrite::PadLogical),
    ("pad-physical", TailWrite::PadPhysical),
    ("ping-pong", TailWrite::PingPong),
    ("fresh", TailWrite::Fresh),
];

const REUSES: [(&str, ReuseBy); 4] = [
    ("erase", ReuseBy::Erase),
    ("sequence", ReuseBy::Sequence),
    ("salt", ReuseBy::Salt),
    ("lap", ReuseBy::Lap),
];

const COMMITS: [(&str, CommitRule); 4] = [
    ("flush", CommitRule::Flush),
    ("record-after-flush", CommitRule::RecordAfterFlush),
    ("record-fua", CommitRule::RecordFua),
    ("pointer", CommitRule::Pointer),
];

const CLEARS: &str = "+clear";

/// One axis' answer; its `Display` is the word used on the command line and in reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Answer {
    /// Of the axis framing.
    Framing(Framing),
    /// Of the axis integrity.
    Integrity(Integrity),
    /// Of the axis tail write.
    Tail(TailWrite),
    /// Of the axis reuse.
    Reuse(Reuse),
    /// Of the axis commit rule.
    Commit(CommitRule),
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Answer::Framing(Framing::Block { bytes }) => write!(f, "block-{bytes}"),
            Answer::Framing(framing) => f.write_str(word(&FRAMINGS, framing)),
            Answer::Integrity(set) => write_set(f, set),
            Answer::Tail(tail) => f.write_str(word(&TAILS, tail)),
            Answer::Reuse(reuse) => {
                f.write_str(word(&REUSES, reuse.by))?;
                f.write_str(if reuse.clears_after_unclean { CLEARS } else { "" })
            }
            Answer::Commit(commit) => f.write_str(word(&COMMITS, commit)),
        }
    }
}

fn word<T: PartialEq>(words: &[(&'static str, T)], value: T) -> &'static str {
    words.iter().find(|row| row.1 == value).map_or("?", |row| row.0)
}

fn write_set(f: &mut fmt::Formatter<'_>, set: Integrity) -> fmt::Result {
    let members =
        [("entry", set.entry), ("block", set.block), ("chain", set.chain), ("sector", set.sector)];
    let mut separator = "";
    for (name, sum) in members.into_iter().filter(|member| member.1 != Checksum::None) {
        write!(f, "{separator}{name}:{}", sum.name())?;
        separator = "+";
    }
    if separator.is_empty() { f.write_str("none") } else { Ok(()) }
}

impl fmt::Display for Strategy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (_, answer)) in self.axes().into_iter().enumerate() {
            let separator = if index == 0 { "" } else { "/" };
            write!(f, "{separator}{answer}")?;
        }
        Ok(())
    }
}

/// Why a text names no strategy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SpellingError {
    /// Not five answers.
    Answers {
        /// How many there are.
        found: usize,
    },
    /// An answer that the axis does not have.
    Unknown {
        /// The axis.
        axis: &'static str,
        /// What could have stood there.
        expected: String,
        /// What stood there.
        found: String,
    },
    /// Five answers that do not go together.
    Refused(Refusal),
}

impl fmt::Display for SpellingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SpellingError::Answers { found } => write!(
                f,
                "expected five answers, framing/integrity/tail/reuse/commit, found {found}"
            ),
            SpellingError::Unknown { axis, expected, found } => {
                write!(f, "{axis}: expected {expected}, found `{found}`")
            }
            SpellingError::Refused(refusal) => write!(f, "{refusal}"),
        }
    }
}

impl core::error::Error for SpellingError {}

impl From<Refusal> for SpellingError {
    fn from(refusal: Refusal) -> Self {
        SpellingError::Refused(refusal)
    }
}

impl Strategy {
    /// The point that `text` spells: its name on the ladder, or its five answers.
    ///
    /// # Errors
    /// A [`SpellingError`] that names the axis.
    ///
    /// ```
    /// use journal_core::rfc::Strategy;
    /// let strategy = Strategy::parse("stream/entry:crc32c/rewrite/salt+clear/flush").unwrap();
    /// assert_eq!(strategy.name(), Some("v8ce"));
    /// ```
    pub fn parse(text: &str) -> Result<Strategy, SpellingError> {
        if let Some(strategy) = Strategy::named(text) {
            return Ok(strategy);
        }
        let answers: Vec<&str> = text.split('/').collect();
        let &[framing, integrity, tail, reuse, commit] = &answers[..] else {
            return Err(SpellingError::Answers { found: answers.len() });
        };
        Strategy::from_words([framing, integrity, tail, reuse, commit])
    }

    /// The point with these five answers, each a word of its axis.
    ///
    /// # Errors
    /// A [`SpellingError`] that names the axis.
    pub fn from_words(words: [&str; 5]) -> Result<Strategy, SpellingError> {
        let [framing, integrity, tail, reuse, commit] = words;
        let clears = reuse.ends_with(CLEARS);
        let by = reuse.strip_suffix(CLEARS).unwrap_or(reuse);
        let by = read("reuse", &REUSES, by).map_err(|error| match error {
            SpellingError::Unknown { axis, expected, .. } => SpellingError::Unknown {
                axis,
                expected: expected + ", each with or without `+clear`",
                found: reuse.to_string(),
            },
            other => other,
        })?;
        let strategy = Strategy::new(
            read("framing", &FRAMINGS, framing)?,
            read_set(integrity)?,
            read("tail", &TAILS, tail)?,
            Reuse { by, clears_after_unclean: clears },
            read("commit", &COMMITS, commit)?,
        )?;
        Ok(strategy)
    }
}

fn read<T: Copy>(
    axis: &'static str,
    words: &[(&'static str, T)],
    found: &str,
) -> Result<T, SpellingError> {
    words.iter().find(|row| row.0 == found).map(|row| row.1).ok_or_else(|| {
        let expected = one_of(words.iter().map(|row| row.0));
        SpellingError::Unknown { axis, expected, found: found.to_string() }
    })
}

fn one_of(words: impl Iterator<Item = &'static str>) -> String {
    let words: Vec<&str> = words.collect();
    String::from("one of ") + &words.join(", ")
}

fn read_set(text: &str) -> Result<Integrity, SpellingError> {
    let unknown = |expected: &str, found: &str| SpellingError::Unknown {
        axis: "integrity",
        expected: expected.to_string(),
        found: found.to_string(),
    };
    let mut set = Integrity::NONE;
    if text == "none" {
        return Ok(set);
    }
    for member in text.split('+') {
        let kinds = "`none`, or entry:, block:, chain:, sector: with an algorithm, joined by +";
        let Some((kind, algorithm)) = member.split_once(':') else {
            return Err(unknown(kinds, member));
        };
        let place = match kind {
            "entry" => &mut set.entry,
            "block" => &mut set.block,
            "chain" => &mut set.chain,
            "sector" => &mut set.sector,
            _ => return Err(unknown(kinds, member)),
        };
        if *place != Checksum::None {
            return Err(unknown("each member once", member));
        }
        *place = match Checksum::named(algorithm) {
            Some(sum) if sum != Checksum::None => sum,
            _ => {
                let sums = Checksum::ALL.into_iter().filter(|sum| *sum != Checksum::None);
                return Err(unknown(&one_of(sums.map(Checksum::name)), algorithm));
            }
        };
    }
    Ok(set)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(text: &str) -> String {
        Strategy::parse(text).unwrap_err().to_string()
    }

    #[test]
    fn a_strategy_is_spelled_by_its_five_answers() {
        let v8p = Strategy::named("v8p").unwrap();
        assert_eq!(v8p.to_string(), "stream/entry:crc32c/pad-sector/salt+clear/flush");
        let v9 = Strategy::named("v9-512").unwrap();
        assert_eq!(v9.axes()[1].1.to_string(), "block:crc32c+chain:crc32c");
        assert_eq!(Strategy::parse("v9-512"), Ok(v9));
        // The order of the members of a set is no answer.
        let turned = "block-512/chain:crc32c+block:crc32c/pad-sector/salt+clear/flush";
        assert_eq!(Strategy::parse(turned), Ok(v9));
    }

    #[test]
    fn a_misspelling_is_told_by_axis_with_what_was_expected_and_found() {
        assert_eq!(
            said("v10"),
            "expected five answers, framing/integrity/tail/reuse/commit, found 1"
        );
        assert_eq!(
            said("line/none/rewrite/erase/flush"),
            "framing: expected one of stream, stream-literal, block-512, block-4096, found `line`"
        );
        assert_eq!(
            said("stream/entry:md5/rewrite/erase/flush"),
            "integrity: expected one of bytesum, crc16, crc32, crc32c, xxh3, blake3, found `md5`"
        );
        assert!(said("stream/sum/rewrite/erase/flush").starts_with("integrity: expected `none`"));
        assert!(said("stream/none+none/rewrite/erase/flush").starts_with("integrity: expected"));
        assert!(said("stream/entry:crc16+entry:crc32/rewrite/erase/flush").contains("once"));
        assert!(said("stream/none/append/erase/flush").starts_with("tail: expected one of"));
        assert_eq!(
            said("stream/none/rewrite/epoch+clear/flush"),
            "reuse: expected one of erase, sequence, salt, lap, each with or without `+clear`, \
             found `epoch+clear`"
        );
        assert!(said("stream/none/rewrite/erase/now").starts_with("commit: expected one of flush"));
        assert!(said("stream/none/rewrite/salt/flush").contains("a salt works through a checksum"));
    }

    #[test]
    fn no_text_makes_the_reader_panic() {
        for text in ["", "/", "////", "+clear/+/:/::/+", "a/b/c/d/e/f", "stream/:/+/+clear/"] {
            assert!(Strategy::parse(text).is_err());
        }
    }
}
