//! What a search of a run's leaves keeps, and what its recoveries read.
//!
//! The one idea: both are figures of a leaf that follow from its path, so their largest over many
//! leaves does not depend on who visited which.
//!
//! Invariant: on any number of threads the same leaves give the same figures.
//!
//! What it is not: what the journal keeps in memory of its own. Nobody can see that but the journal.

use journal_core::Stepwise;
use serde::{Deserialize, Serialize};

use super::forks::Fork;
use super::{Run, Tree};

/// Whether recoveries read everything that was at risk before they knew what to do.
///
/// At each crash point that a recovery stands for, the sectors *at risk* are those that might hold
/// several contents there. A recovery that asks what each of them holds is in no better a position
/// than one that reads an image: nothing is left open, and the proof must visit every image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "program", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Reads {
    /// No recovery left a sector at risk unread.
    all: bool,
    /// The most sectors that were at risk, as long as all were read.
    most: u32,
}

/// Sectors at risk from which on it is worth a word that all of them are read.
const WORTH_A_WORD: u32 = 4;

impl Default for Reads {
    fn default() -> Self {
        Reads { all: true, most: 0 }
    }
}

impl Reads {
    /// Notes a recovery that is over: the sectors that were at risk, and those of them not read.
    #[inline]
    pub(super) fn note(&mut self, at_risk: impl FnOnce() -> (u32, u32)) {
        if self.all {
            let (all, unread) = at_risk();
            self.all = unread == 0;
            self.most = self.most.max(all);
        }
    }

    /// Adds what other recoveries read.
    pub fn add(&mut self, other: Reads) {
        self.all &= other.all;
        self.most = self.most.max(other.most);
    }

    /// Where every recovery read all sectors at risk, the most there were; none where they were too
    /// few to say anything.
    #[must_use]
    pub fn all(self) -> Option<u32> {
        (self.all && self.most >= WORTH_A_WORD).then_some(self.most)
    }
}

/// Bytes kept by the forks before some depth: one there may be replaced.
#[inline]
pub(super) fn kept_below<R>(forks: &[Fork<R>], depth: usize) -> u64 {
    forks.iter().rev().find(|fork| fork.depth < depth).map_or(0, |fork| fork.kept)
}

impl<R> Tree<R> {
    /// Bytes kept for the present path by forks, and by what is known of its first `lives` cuts; and
    /// the bytes that counting images needed on the way since this was asked.
    fn kept_bytes(&mut self, lives: usize) -> (u64, u64) {
        let forks = self.forks.last().map_or(0, |fork| fork.kept);
        (forks + self.universes_bytes(lives), self.take_states(lives))
    }

    fn universes_bytes(&self, lives: usize) -> u64 {
        self.begun.iter().take(lives).map(|begun| begun.universe.kept_bytes()).sum()
    }
}

impl<J: Stepwise> Run<'_, J> {
    /// Bytes kept for the leaf that a tree is at, which has so many cuts, by the sizes of what is
    /// kept; and the bytes that counting its images needed on the way.
    pub fn kept_bytes(&self, tree: &mut Tree<J::Recovery>, cuts: u32) -> (u64, u64) {
        let (kept, counting) = Tree::kept_bytes(tree, cuts as usize);
        (self.table_bytes + self.disk.kept_bytes() + kept, counting)
    }

    /// Bytes kept where the path of a tree has come to cut `lives`, but for what the steps of its recovery
    /// will keep.
    pub(super) fn kept_before(&self, tree: &Tree<J::Recovery>, lives: usize) -> u64 {
        let forks = kept_below(tree.forks.path(), tree.questions.odometer.depth());
        self.table_bytes + self.disk.kept_bytes() + forks + tree.universes_bytes(lives)
    }

    /// Bounds what counting images may take: its share of these bytes.
    pub fn limit_memory(&mut self, bytes: u64) {
        self.disk.limit_memory(bytes);
    }
}
