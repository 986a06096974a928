//! Findings: what makes two failures one, and where each was first seen.
//!
//! The one idea: a *fingerprint* is known before anything is shrunk, so that a failure that was
//! seen a thousand times is shrunk once.
//!
//! | part of a fingerprint | is |
//! |---|---|
//! | journal | its row: a name, or `grid` |
//! | device | its row: a name, or `varied` |
//! | design | of a point of the grid: framing, whether anything sound is checked, tail, commit; else nothing |
//! | oracle | the worst that is owed and broken, which is the one that shrinking keeps |
//!
//! Invariant: of one fingerprint the failure with the lowest run, and in it the lowest leaf, is the
//! finding, whoever saw it first.
//!
//! What it is not: a root cause. Two flaws of one journal that break one oracle on one device are
//! one finding; one flaw that shows on two devices is two.

use journal_core::rfc::Strategy;
use journal_core::rfc::strategy::{CommitRule, Framing, TailWrite};
use serde::{Deserialize, Serialize};

use crate::case::Case;
use crate::oracle::{Oracle, OracleSet};
use crate::shrink::Shrunk;

/// A journal and a device by their places in the plan; one behind the last is the grid, and the
/// varied contracts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RowKey {
    /// Place of the journal.
    pub journal: u16,
    /// Place of the device.
    pub device: u16,
}

/// What a point of the grid is like, coarsely: a fingerprint of each of thousands of points would
/// tell nothing from nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Design(pub u8);

const TAILS: [(TailWrite, &str); 5] = [
    (TailWrite::Rewrite, "rewrite"),
    (TailWrite::PadLogical, "pad-sector"),
    (TailWrite::PadPhysical, "pad-physical"),
    (TailWrite::PingPong, "ping-pong"),
    (TailWrite::Fresh, "fresh"),
];

const COMMITS: [(CommitRule, &str); 4] = [
    (CommitRule::Flush, "flush"),
    (CommitRule::RecordAfterFlush, "record-after-flush"),
    (CommitRule::RecordFua, "record-fua"),
    (CommitRule::Pointer, "pointer"),
];

impl Design {
    /// Of a journal that goes by its name.
    pub const NAMED: Design = Design(0);

    /// Of a point of the grid.
    #[must_use]
    pub fn of(strategy: &Strategy) -> Design {
        let blocks = u8::from(matches!(strategy.framing(), Framing::Block { .. }));
        let set = strategy.integrity();
        let members = [set.entry, set.block, set.chain, set.sector];
        let checked = u8::from(members.iter().any(|member| !member.is_weak()));
        let tail = TAILS.iter().position(|tail| tail.0 == strategy.tail());
        let commit = COMMITS.iter().position(|commit| commit.0 == strategy.commit());
        let (tail, commit) = (tail.unwrap_or(0) as u8, commit.unwrap_or(0) as u8);
        Design(1 + blocks + 2 * (checked + 2 * (tail + 5 * commit)))
    }

    /// In words; nothing for a named one.
    #[must_use]
    pub fn words(self) -> Option<String> {
        let mut code = usize::from(self.0.checked_sub(1)?);
        let mut digit = |of: usize| {
            let digit = code % of;
            code /= of;
            digit
        };
        let framing = ["stream", "block"][digit(2)];
        let checked = ["unchecked", "checked"][digit(2)];
        let (tail, commit) = (TAILS[digit(5)].1, COMMITS.get(digit(4))?.1);
        Some(format!("{framing}-{checked}-{tail}-{commit}"))
    }
}

/// What makes two failures one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Fingerprint {
    /// Journal and device.
    pub row: RowKey,
    /// What the point of the grid is like.
    pub design: Design,
    /// The worst oracle that is owed and broken.
    pub oracle: Oracle,
}

/// Where a finding was first seen: what makes it again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Spot {
    /// The run.
    pub run: u64,
    /// The leaf of the run.
    pub leaf: u32,
    /// CRC-32C of the JSON of the case that is shown: what is made again must be what was found.
    pub crc: u32,
}

/// A finding with its case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// What makes it one.
    pub fingerprint: Fingerprint,
    /// Where.
    pub spot: Spot,
    /// All that is owed and broken by the case that was found.
    pub broken: OracleSet,
    /// The case that was found.
    pub case: Case,
    /// A smaller one, if it could be had.
    pub shrunk: Option<Shrunk>,
}

impl Found {
    /// The case that is shown.
    #[must_use]
    pub fn shown(&self) -> &Case {
        match &self.shrunk {
            Some(smaller) if smaller.after < smaller.before => &smaller.case,
            _ => &self.case,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn designs_of_all_points_have_words_and_are_few() {
        let all: std::collections::BTreeSet<_> =
            Strategy::all().map(|strategy| Design::of(&strategy)).collect();
        let words: std::collections::BTreeSet<_> =
            all.iter().map(|design| design.words().expect("a point of the grid")).collect();
        assert_eq!(words.len(), all.len());
        assert!(all.len() <= 80 && all.len() > 20, "{}", all.len());
        assert_eq!(Design::NAMED.words(), None);
        let v9 = Design::of(&Strategy::named("v9-512").unwrap());
        assert_eq!(v9.words().unwrap(), "block-checked-pad-sector-flush");
    }
}
