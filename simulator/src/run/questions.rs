//! The questions of the tree, and what was answered in one of its leaves.
//!
//! The one idea: the tree shares and leaves open; a case does neither. So what is known at a leaf is
//! written down, and ordinary runs are held to it (`witness.rs`): what they find there is the case, and that
//! they find the violation again is the check on the tree.
//!
//! Invariant: a case is given out only after the ordinary run of it violated what the tree said.
//!
//! What it is not: small. See `shrink`.

use std::num::NonZeroU32;

use journal_core::Stepwise;

use super::grown::Tree;
use super::witness::Witness;
use super::{Leaf, Run};
use crate::choose::{Chooser, Decision, Exhaustive, Label, Record, What};
use crate::oracle::OracleSet;

/// Leaves that are tried at most for a case of what the tree found.
const WITNESSES_MAX: u32 = 20_000;

/// The odometer; with an ear, if somebody wants to know where the power went.
#[derive(Debug, Default)]
pub(super) struct Questions {
    pub odometer: Exhaustive,
    pub heard: Option<Heard>,
    /// It was asked which explanation holds: some images have several leaves.
    pub told_twice: bool,
}

/// What was heard of a leaf.
#[derive(Debug, Default)]
pub(super) struct Heard {
    /// Where the power went.
    pub cuts: Vec<Decision>,
    /// The oracles of which a violation is wanted.
    pub wanted: OracleSet,
}

/// The question at which point the life before recovery `life` was cut.
pub(super) fn cut_of(life: usize) -> What {
    if life == 1 {
        return What::Cut;
    }
    What::CutHere { life: life as u32 - 1, call: 0, left: 0 }
}

impl Chooser for Questions {
    #[inline]
    fn choose(&mut self, what: What, options: NonZeroU32, label: &dyn Fn(u32) -> Label) -> u32 {
        let answer = self.odometer.choose(what, options, label);
        self.told_twice |= matches!(what, What::Why { .. });
        answer
    }
}

impl<J: Stepwise> Run<'_, J> {
    /// The next leaf of a tree; `None` after the last one. All leaves of a tree must be taken from
    /// the same recording, and nothing else be done with the run meanwhile.
    pub fn next_leaf(&mut self, tree: &mut Tree<J::Recovery>) -> Option<Leaf> {
        loop {
            let leaf = self.next_path(tree)?;
            if !std::mem::take(&mut tree.for_nothing) {
                return Some(leaf);
            }
        }
    }

    /// The leaf at the end of `path`, as decisions that [`Run::leaf`] takes: at the last crash
    /// point, of those that the leaf stands for, at which one of `wanted` is violated.
    ///
    /// # Errors
    /// In words, when the ordinary run does not violate it: the journal is not deterministic (or
    /// this tree is wrong).
    pub fn decisions_at(
        &mut self,
        path: &[(u32, u32)],
        wanted: OracleSet,
    ) -> Result<(Leaf, Vec<Decision>), String> {
        let mut tree = Tree::below(Exhaustive::below(path.to_vec()));
        tree.questions.heard = Some(Heard { wanted, ..Heard::default() });
        let found = self.next_leaf(&mut tree);
        let cuts = tree.questions.heard.take().unwrap_or_default().cuts;
        let broken = |at: &&(u32, OracleSet)| !at.1.and(wanted).is_empty();
        let at = tree.stands_for().iter().find(broken).map_or(self.disk().window().1, |at| at.0);
        // Of a range that does not pass, a case says which sector is at fault: the first that can be.
        let facts = self.disk().facts(&self.disk().denials_of_clauses(at));
        let mut witness = Witness::new(cuts);
        self.leave();
        self.disk.hold_to(Some(facts));
        let evaluated = self.evaluated;
        let mut case = None;
        let mut tried = "as many as are tried";
        for _ in 0..WITNESSES_MAX {
            let mut again = Record::new(&mut witness);
            let leaf = self.leaf(&mut again);
            let decisions = again.decisions;
            self.evaluated = evaluated;
            if !leaf.violated.and(wanted).is_empty() {
                case = Some((leaf, decisions));
                break;
            }
            if !witness.next_leaf() {
                tried = "all";
                break;
            }
        }
        self.disk.hold_to(None);
        let none =
            || format!("a leaf was {found:?}, and run again none is so, of {tried} that fit it");
        case.ok_or_else(none)
    }

    /// Tells who listens at which crash point life `life` was cut.
    pub(super) fn hear_cut(&self, tree: &mut Tree<J::Recovery>, life: usize, at: u32) {
        let Some(heard) = &mut tree.questions.heard else { return };
        let (start, calls) = self.disk().last_life();
        if life == 1 {
            let is = Label::Index(self.last_call - at);
            heard.cuts.push(Decision { what: What::Cut, is });
        } else if at < calls {
            let what = What::CutHere { life: life as u32 - 1, call: at - start, left: 0 };
            heard.cuts.push(Decision { what, is: Label::Index(1) });
        }
    }
}
