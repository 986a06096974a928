//! What a campaign has seen so far.
//!
//! The one idea: sums, minima and sets, so that putting two of them together is commutative and
//! associative: blocks of one thread, of many, of a campaign that was killed and went on, or of
//! shards on other machines give the same.
//!
//! Two sets are bounded, since a campaign may last for months: of classes the [`CLASSES_MAX`] that
//! were seen first are kept, of findings the [`FINDINGS_MAX`] with the lowest runs. "First" is by the
//! number of block or run, so that which ones these are does not depend on who added what when.
//!
//! Invariant: [`Totals::add`] of all blocks in any order and grouping is the same.
//!
//! What it is not: on a disk. `campaign` writes it down.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::finding::{Fingerprint, Found, RowKey, Spot};
use crate::oracle::Evaluated;

/// Classes that are kept.
pub const CLASSES_MAX: usize = 1 << 15;

/// Findings that are kept.
pub const FINDINGS_MAX: usize = 1 << 12;

/// What was seen of one journal on one device.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// Workloads run.
    pub runs: u64,
    /// Workloads that did not fit the device.
    pub senseless: u64,
    /// Crash states visited.
    pub leaves: u64,
    /// Recoveries run.
    pub recoveries: u64,
    /// Leaves that violated an owed oracle.
    pub failing: u64,
    /// Leaves that violated each oracle, owed or not.
    pub violations: [u64; 9],
    /// How often each oracle was evaluated.
    pub evaluated: [u64; 9],
    /// The run and leaf of the first that failed.
    pub first: Option<(u64, u32)>,
}

impl Seen {
    /// Adds evaluations.
    pub(super) fn evaluations(&mut self, evaluated: &Evaluated) {
        self.evaluated.iter_mut().zip(evaluated.0).for_each(|(mine, theirs)| *mine += theirs);
    }

    fn add(&mut self, other: &Seen) {
        self.runs += other.runs;
        self.senseless += other.senseless;
        self.leaves += other.leaves;
        self.recoveries += other.recoveries;
        self.failing += other.failing;
        self.violations.iter_mut().zip(other.violations).for_each(|(mine, theirs)| *mine += theirs);
        self.evaluated.iter_mut().zip(other.evaluated).for_each(|(mine, theirs)| *mine += theirs);
        self.first = self.first.into_iter().chain(other.first).min();
    }
}

/// What a campaign, or a part of it, has seen.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    /// Blocks done.
    pub blocks: u64,
    /// Runs done.
    pub runs: u64,
    /// By journal and device.
    pub seen: BTreeMap<RowKey, Seen>,
    /// Outcome classes and recovery decisions, with the block that saw each first.
    pub classes: BTreeMap<u64, u64>,
    /// Findings, with the place of each.
    pub findings: BTreeMap<Fingerprint, Spot>,
}

impl Totals {
    /// Adds what another part saw.
    pub fn add(&mut self, other: &Totals) {
        self.blocks += other.blocks;
        self.runs += other.runs;
        for (key, seen) in &other.seen {
            self.seen.entry(*key).or_default().add(seen);
        }
        lowest(&mut self.classes, &other.classes, CLASSES_MAX);
        lowest(&mut self.findings, &other.findings, FINDINGS_MAX);
    }

    /// Of another part, what adding it would change here: its sums, and of its sets what is not
    /// here, or here with a higher place.
    #[must_use]
    pub fn news(&self, other: &Totals) -> Totals {
        Totals {
            blocks: other.blocks,
            runs: other.runs,
            seen: other.seen.clone(),
            classes: unknown(&self.classes, &other.classes),
            findings: unknown(&self.findings, &other.findings),
        }
    }

    /// Whether this finding is in it, at this place.
    #[must_use]
    pub fn has(&self, found: &Found) -> bool {
        self.findings.get(&found.fingerprint) == Some(&found.spot)
    }
}

/// Puts `other` into `mine`, each key with its lowest value, and keeps the `most` pairs that are
/// lowest by value and key.
fn lowest<K: Copy + Ord, V: Copy + Ord>(
    mine: &mut BTreeMap<K, V>,
    other: &BTreeMap<K, V>,
    most: usize,
) {
    for (&key, &value) in other {
        mine.entry(key).and_modify(|mine| *mine = value.min(*mine)).or_insert(value);
    }
    if mine.len() > most {
        let mut order: Vec<(V, K)> = mine.iter().map(|(&key, &value)| (value, key)).collect();
        order.sort_unstable();
        for (_, key) in order.split_off(most) {
            mine.remove(&key);
        }
    }
}

fn unknown<K: Copy + Ord, V: Copy + Ord>(
    mine: &BTreeMap<K, V>,
    other: &BTreeMap<K, V>,
) -> BTreeMap<K, V> {
    let new = other.iter().filter(|(key, value)| mine.get(key).is_none_or(|mine| mine > value));
    new.map(|(&key, &value)| (key, value)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounded_sets_keep_the_lowest_whatever_the_order_and_the_grouping() {
        let parts: Vec<BTreeMap<u32, u32>> = (0..6u32)
            .map(|part| {
                (0..5).map(|i| ((part * 7 + i * 3) % 13, (part * 5 + i * 11) % 17)).collect()
            })
            .collect();
        let fold = |order: &[usize]| {
            let mut all = BTreeMap::new();
            order.iter().for_each(|&at| lowest(&mut all, &parts[at], 6));
            all
        };
        let one = fold(&[0, 1, 2, 3, 4, 5]);
        assert_eq!(one.len(), 6);
        assert_eq!(one, fold(&[5, 3, 1, 0, 2, 4]));
        let (mut left, mut right) = (fold(&[4, 0]), fold(&[5, 1, 3]));
        lowest(&mut left, &fold(&[2]), 6);
        lowest(&mut right, &left, 6);
        assert_eq!(one, right);
    }
}
