//! The questions of the tree, and what was answered in one of its leaves.
//!
//! The one idea: the tree shares and leaves open; a case does neither. So the names of a leaf's
//! answers are written down on the way, and ordinary runs are led along them (`witness.rs`): what
//! they find there is the case, and that they find the violation again is the check on the tree.
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

/// Leaves told sector by sector that are looked through for one that fails.
const TOLD_MAX: u32 = 50_000;

/// The odometer; with an ear, if somebody wants to know the names of its answers.
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
    pub decisions: Vec<Decision>,
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
        if let (Some(heard), What::Sector { .. } | What::Why { .. }) = (&mut self.heard, what) {
            heard.decisions.push(Decision { what: what.named(), is: label(answer) });
        }
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
    /// point, of those that the leaf stands for, at which one of `wanted` is violated. Where many sectors may
    /// be at fault in lives before the last, and a case that fits is not found by trying them, it is that of
    /// the first leaf that violates any of `wanted` among those that are told sector by sector.
    ///
    /// # Errors
    /// In words, when the ordinary run does not violate it: the journal is not deterministic (or
    /// this tree is wrong).
    pub fn decisions_at(
        &mut self,
        path: &[(u32, u32)],
        wanted: OracleSet,
    ) -> Result<(Leaf, Vec<Decision>), String> {
        let found = self.decisions_of(path, wanted, true);
        if found.is_ok() || self.setup.workload.lives.len() == 1 {
            return found;
        }
        let (counted, mut tree) = ((self.evaluated, self.resumes), Tree::default());
        tree.ask_whole(false);
        let mut path = None;
        for _ in 0..TOLD_MAX {
            let Some(leaf) = self.next_leaf(&mut tree) else { break };
            let mut violated = tree.stands_for().iter().map(|&(_, violated)| violated);
            let breaks = |violated: OracleSet| !violated.and(wanted).is_empty();
            if breaks(leaf.violated) || violated.any(breaks) {
                path = Some(tree.path().to_vec());
                break;
            }
        }
        self.leave();
        (self.evaluated, self.resumes) = counted;
        path.map_or(found, |path| self.decisions_of(&path, wanted, false))
    }

    /// [`Run::decisions_at`], of a path of a tree that is told what does not pass as a whole, or sector by
    /// sector.
    fn decisions_of(
        &mut self,
        path: &[(u32, u32)],
        wanted: OracleSet,
        whole: bool,
    ) -> Result<(Leaf, Vec<Decision>), String> {
        let mut tree = Tree::below(Exhaustive::below(path.to_vec()));
        tree.ask_whole(whole);
        tree.questions.heard = Some(Heard { wanted, ..Heard::default() });
        let found = self.next_leaf(&mut tree);
        let heard = tree.questions.heard.take().unwrap_or_default().decisions;
        let broken = |at: &&(u32, OracleSet)| !at.1.and(wanted).is_empty();
        let at = tree.stands_for().iter().find(broken).map_or(self.disk().window().1, |at| at.0);
        // Of a range that does not pass, a case says which sector is at fault.
        let denied = [self.disk().denied(), &self.disk().denials_of_clauses(at)].concat();
        let mut witness = Witness::new(heard, &denied);
        self.leave();
        let evaluated = self.evaluated;
        let mut all_tried = false;
        for _ in 0..WITNESSES_MAX {
            let mut again = Record::new(&mut witness);
            let leaf = self.leaf(&mut again);
            let decisions = again.decisions;
            self.evaluated = evaluated;
            if !leaf.violated.and(wanted).is_empty() {
                return Ok((leaf, decisions));
            }
            all_tried = !witness.next_leaf();
            if all_tried {
                break;
            }
        }
        let tried = if all_tried { "all" } else { "as many as are tried" };
        Err(format!("a leaf was {found:?}, and run again none is so, of {tried} that fit it"))
    }

    /// Tells who listens at which crash point life `life` was cut.
    pub(super) fn hear_cut(&self, tree: &mut Tree<J::Recovery>, life: usize, at: u32) {
        let Some(heard) = &mut tree.questions.heard else { return };
        let (start, calls) = self.disk().last_life();
        if life == 1 {
            let is = Label::Index(self.last_call - at);
            heard.decisions.push(Decision { what: What::Cut, is });
        } else if at < calls {
            let what = What::CutHere { life: life as u32 - 1, call: at - start, left: 0 };
            heard.decisions.push(Decision { what, is: Label::Index(1) });
        }
    }
}
