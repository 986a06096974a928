//! A tree, as it is between two of its leaves.
//!
//! The one idea: what two leaves share is kept here, and the walk (`tree.rs`) goes from one to the
//! next: a fork of each recovery step that asked something (`forks.rs`), and for each life on the
//! present path what is known of its recovery besides the recovery itself.
//!
//! Invariant: what is kept is of the present path.
//!
//! What it is not: the odometer. That is asked first which leaf is next.

use journal_core::Lsn;
use num_bigint::BigUint;

use super::Leaf;
use super::alike::Alike;
use super::forks::Forks;
use super::kept::Reads;
use super::points::Point;
use super::questions::Questions;
use crate::choose::{Exhaustive, What};
use crate::disk::{Stamp, Universe};
use crate::oracle::{Judgement, Ledger, OracleSet, Shown};

/// What is known of a life's recovery besides the recovery itself.
#[derive(Debug)]
pub(super) struct Begun {
    pub(super) leaf: Leaf,
    /// State of the disk when the recovery began.
    pub(super) stamp: Stamp,
    /// The crash points of the life before that are possible.
    pub(super) points: Vec<Point>,
    /// What an open before this one showed, if that was not followed by a complete resume.
    pub(super) shown: Option<Judgement>,
    /// The ledger, if it is not that of the recording.
    pub(super) ledger: Ledger,
    /// The sectors that are open.
    pub(super) universe: Universe,
    /// Entries that were in the ledger when the life before began.
    pub(super) sent_before: usize,
    pub(super) names: Vec<Lsn>,
    /// What was handed out, to be judged again.
    pub(super) entries: Shown,
}

impl Begun {
    pub(super) fn new(stamp: Stamp) -> Self {
        Begun {
            leaf: Leaf::default(),
            stamp,
            points: Vec::new(),
            shown: None,
            ledger: Ledger::default(),
            universe: Universe::default(),
            sent_before: 0,
            names: Vec::new(),
            entries: Shown::default(),
        }
    }
}

/// Images of the medium after one of a run's cuts, over all crash points that speak for others and
/// all that happened before.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Images {
    /// Those that the contract allows, counted when the power was cut.
    pub all: BigUint,
    /// Those that agree with what was read in the leaves visited, counted leaf by leaf.
    pub covered: BigUint,
    /// Of these, those whose recovery violates something that is owed.
    pub failing: BigUint,
}

/// The leaves of a run, one by one.
#[derive(Debug)]
pub struct Tree<R> {
    pub(super) questions: Questions,
    pub(super) forks: Forks<R>,
    /// One for each life that was reached on the present path.
    pub(super) begun: Vec<Begun>,
    /// The crash points of the last life that the present leaf stands for, and what is violated there.
    pub(super) stands_for: Vec<(u32, OracleSet)>,
    /// For each cut, the images that it may leave and those that leaves stand for.
    pub(super) images: Vec<Images>,
    /// Some checksum was asked for contents that were once written, and not for all mixtures.
    pub(super) modulo_collisions: bool,
    /// Recoveries run to their end, from wherever they began.
    pub(super) recoveries: u64,
    /// What recoveries read of the sectors at risk.
    pub(super) reads: Reads,
    /// The present path ends at crash points that others speak for, and is none of the leaves.
    pub(super) for_nothing: bool,
    /// Behind the last cut a range that does not pass is one answer.
    pub(super) asks_whole: bool,
    /// Whether there was a leaf before.
    pub(super) started: bool,
    /// Crash states below which all leaves were visited.
    pub(super) alike: Alike,
}

impl<R> Default for Tree<R> {
    fn default() -> Self {
        Tree::below(Exhaustive::new())
    }
}

impl<R> Tree<R> {
    /// The leaves that this odometer visits.
    #[must_use]
    pub fn below(odometer: Exhaustive) -> Self {
        let questions = Questions { odometer, ..Questions::default() };
        Tree {
            questions,
            forks: Forks::new(),
            begun: Vec::new(),
            stands_for: Vec::new(),
            images: Vec::new(),
            modulo_collisions: false,
            for_nothing: false,
            recoveries: 0,
            reads: Reads::default(),
            asks_whole: true,
            started: false,
            alike: Alike::default(),
        }
    }

    /// Whether a range that does not pass is one answer, as it is unless this says
    /// otherwise, or one for each sector that may be the first at fault. It is for the tree's beginning.
    pub fn ask_whole(&mut self, whether: bool) {
        self.asks_whole = whether;
    }

    /// Begins again, with all leaves, and the memory that it has.
    pub fn restart(&mut self) {
        self.questions.odometer.restart();
        self.alike.restart();
        self.forget_path();
    }

    /// Begins again, with the leaves that this odometer visits, of the same recording.
    pub(super) fn begin_below(&mut self, odometer: Exhaustive) {
        self.questions.odometer = odometer;
        self.alike.leave();
        self.forget_path();
    }

    fn forget_path(&mut self) {
        (self.questions.heard, self.questions.told_twice) = (None, false);
        self.forks.clear();
        self.stands_for.clear();
        self.images.clear();
        (self.modulo_collisions, self.for_nothing, self.started) = (false, false, false);
        (self.recoveries, self.reads) = (0, Reads::default());
    }

    /// The path of the present leaf.
    #[must_use]
    pub fn path(&self) -> &[(u32, u32)] {
        self.questions.odometer.path()
    }

    /// The crash points of its last life that the present leaf stands for, each speaking for those
    /// before it at which nothing else is possible; newest first. Each with what is violated there.
    /// Empty for a leaf that ended before its last recovery.
    #[must_use]
    pub fn stands_for(&self) -> &[(u32, OracleSet)] {
        &self.stands_for
    }

    /// Whether no leaf comes after the present one.
    #[must_use]
    pub fn is_last(&self) -> bool {
        self.started && self.questions.odometer.is_last()
    }

    /// For each cut so far, how many images there are and how many of them were covered; empty where
    /// some have several leaves.
    #[must_use]
    pub fn images(&self) -> &[Images] {
        if self.questions.told_twice { &[] } else { &self.images }
    }

    /// See [`Exhaustive::nondeterminism`].
    #[must_use]
    pub fn nondeterminism(&self) -> Option<(What, u32, u32)> {
        self.questions.odometer.nondeterminism()
    }
}
