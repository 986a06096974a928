//! Beginning in the middle: the leaves of a tree behind one of its places.
//!
//! The one idea: the leaves of a tree stand in order, and a search of them can be cut in two at any
//! place: who begins at a place need not have visited what lies before it. A place is the beginning
//! of a path; behind it lie the leaves that come after all that begin so. One leaf that begins so is
//! run first and not counted: it leaves the forks, and all else that leaves share, as they are for
//! who visited all leaves before.
//!
//! Invariant: from a place on, the leaves, what is counted with each, and where the work of one goes
//! on from that of another, are those of the whole search.
//!
//! What it is not: a decision where to cut. See `explore/parallel.rs`.

use journal_core::Stepwise;

use super::grown::Tree;
use super::kept::Reads;
use super::{Images, Run};
use crate::choose::{Exhaustive, Path};

/// Where some leaves of a tree begin and end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// They come after all leaves that begin so.
    pub behind: Path,
    /// They agree with it in so many first answers.
    pub fixed: usize,
}

/// What the leaves of a tree counted since it was last taken.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// As [`Tree::images`], also where they cannot be counted.
    pub images: Vec<Images>,
    /// It was asked which explanation holds: some images have several leaves.
    pub told_twice: bool,
    /// As [`Tree::modulo_collisions`].
    pub modulo_collisions: bool,
    /// Recoveries run to their end, from wherever they began.
    pub recoveries: u64,
    /// What recoveries read of the sectors at risk.
    pub reads: Reads,
}

impl<R> Tree<R> {
    /// Whether some images have several leaves: what was read had more explanations than are kept, and
    /// it was asked which of them holds. Then nothing adds up, and nothing is proved.
    #[must_use]
    pub fn told_twice(&self) -> bool {
        self.questions.told_twice
    }

    /// Whether the leaves so far are exact only if no mixture of contents that were written at
    /// different times has the checksum of another. Never where all mixtures could be tried.
    #[must_use]
    pub fn modulo_collisions(&self) -> bool {
        self.modulo_collisions
    }

    /// Takes what was counted; from here on it is counted anew.
    pub fn take_counts(&mut self) -> Counts {
        // Lives that were begun may be gone on with.
        let none = vec![Images::default(); self.images.len()];
        Counts {
            images: std::mem::replace(&mut self.images, none),
            told_twice: std::mem::take(&mut self.questions.told_twice),
            modulo_collisions: std::mem::take(&mut self.modulo_collisions),
            recoveries: std::mem::take(&mut self.recoveries),
            reads: std::mem::take(&mut self.reads),
        }
    }

    /// How many first answers of the path are never changed.
    #[must_use]
    pub fn fixed(&self) -> usize {
        self.questions.odometer.fixed()
    }

    /// Gives away all leaves behind those that begin with the first `length` answers of the present
    /// path, which this tree then will not visit.
    ///
    /// # Panics
    /// Where that is the whole path and more, or nothing of this tree.
    pub fn give_away(&mut self, length: usize) -> Place {
        let fixed = self.fixed();
        assert!(fixed < length && length <= self.path().len(), "there is no such place");
        self.questions.odometer.fix(length);
        self.alike.give_up_behind(length);
        Place { behind: self.path()[..length].to_vec(), fixed }
    }
}

impl<J: Stepwise> Run<'_, J> {
    /// Moves a tree of this run to the leaves of a place. What it remembers of crash states and of their
    /// numbers stays: it holds wherever they are met again.
    pub fn go_behind(&mut self, tree: &mut Tree<J::Recovery>, place: &Place) {
        tree.begin_below(Exhaustive::below(place.behind.clone()));
        let counted = (self.evaluated, self.resumes);
        self.next_leaf(tree);
        (self.evaluated, self.resumes) = counted;
        tree.take_counts();
        tree.questions.odometer.step_back(place.behind.len(), place.fixed);
    }
}
