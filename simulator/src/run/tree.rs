//! All leaves of a run, with what they share done once.
//!
//! Method. The odometer (`choose::Exhaustive`) says which leaf comes next: the path of the one
//! before, changed at its last question that has an answer left. Everything before that question is
//! the same, so nothing before it is done again: a *fork* is kept of each recovery step that asked
//! something, as it was before the step, and the next leaf goes on from the last fork that lies
//! before the change. A journal whose recovery is one step is forked at the power cut.
//!
//! Invariant: the leaves, their order, their paths and what they find are those that
//! [`Run::leaf`] gives, one after the other, under the same odometer.
//!
//! What it is not: parallel, or bounded. Its caller is both.

use journal_core::{Error, Lsn, Opened, Recovery, Stepwise};

use super::leaf::Past;
use super::{Leaf, Run, guarded, reads_max};
use crate::choose::{Exhaustive, What, pick};
use crate::disk::{Live, Mark};
use crate::oracle::{Judge, Judgement, Ledger, Obligation, Oracle, OracleSet, SoFar};

/// A recovery step that asked something, as things were before it.
#[derive(Debug)]
struct Fork<R> {
    /// Questions of the path before it.
    depth: usize,
    life: usize,
    recovery: R,
    judged: SoFar,
    names: usize,
    disk: Mark,
}

/// What was so when a life's recovery began.
#[derive(Debug)]
struct Begun {
    /// Questions of the path before the cut: of the first life, before the crash point.
    past: Past,
    leaf: Leaf,
    /// The ledger, if it is not that of the recording.
    ledger: Ledger,
    names: Vec<Lsn>,
}

/// The leaves of a run, one by one.
#[derive(Debug)]
pub struct Tree<R> {
    odometer: Exhaustive,
    forks: Vec<Fork<R>>,
    /// One for each life that was reached on the present path.
    begun: Vec<Begun>,
    /// Whether there was a leaf before.
    started: bool,
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
        Tree { odometer, forks: Vec::new(), begun: Vec::new(), started: false }
    }

    /// The path of the present leaf.
    #[must_use]
    pub fn path(&self) -> &[(u32, u32)] {
        self.odometer.path()
    }

    /// Whether no leaf comes after the present one.
    #[must_use]
    pub fn is_last(&self) -> bool {
        self.started && self.odometer.is_last()
    }

    /// See [`Exhaustive::nondeterminism`].
    #[must_use]
    pub fn nondeterminism(&self) -> Option<(What, u32, u32)> {
        self.odometer.nondeterminism()
    }
}

/// A recovery that goes on: where it is, and what was judged of it.
struct Going<R> {
    life: usize,
    recovery: R,
    judged: SoFar,
}

impl<J: Stepwise> Run<'_, J> {
    /// The next leaf of a tree; `None` after the last one. All leaves of a tree must be taken from
    /// the same recording, and nothing else be done with the run meanwhile.
    pub fn next_leaf(&mut self, tree: &mut Tree<J::Recovery>) -> Option<Leaf> {
        if tree.started && !tree.odometer.next_leaf() {
            self.disk.rewind(&self.end);
            return None;
        }
        let mut going = if tree.started { self.back_to_fork(tree) } else { None };
        tree.started = true;
        if going.is_none() {
            match self.begin_first(tree) {
                Ok(begun) => going = Some(begun),
                Err(leaf) => return Some(leaf),
            }
        }
        let mut going = going.expect("just set");
        loop {
            let life = going.life;
            let opened = self.recover(tree, going);
            match self.after_recovery(tree, life, opened) {
                Ok(next) => going = next,
                Err(leaf) => return Some(leaf),
            }
        }
    }

    /// Cuts the first life.
    fn begin_first(&mut self, tree: &mut Tree<J::Recovery>) -> Result<Going<J::Recovery>, Leaf> {
        self.disk.rewind(&self.end);
        tree.odometer.rewind();
        tree.forks.clear();
        let leaf = Leaf { violated: self.recording_violated, ..Leaf::default() };
        self.evaluated.count(Oracle::Afterlife);
        if !leaf.violated.and(self.owed).is_empty() {
            return Err(leaf);
        }
        self.ledger.copy_from(&self.recorded);
        let back = pick(&mut tree.odometer, What::Cut, self.crash_points());
        let at = self.last_call - back;
        self.disk.cut(at);
        let obligation = self.ledger.obligation(at);
        Ok(self.begin_life(tree, 1, leaf, (obligation, None)))
    }

    /// Stands before the recovery of life `life`, with the ledger as it is.
    fn begin_life(
        &mut self,
        tree: &mut Tree<J::Recovery>,
        life: usize,
        leaf: Leaf,
        (obligation, shown): (Obligation, Option<Judgement>),
    ) -> Going<J::Recovery> {
        let past = Past { obligation, shown, stamp: self.disk.stamp() };
        let leaf = Leaf { cuts: leaf.cuts + 1, ..leaf };
        if tree.begun.len() < life {
            let (ledger, names) = (Ledger::default(), Vec::new());
            tree.begun.push(Begun { past, leaf, ledger, names });
        }
        let begun = &mut tree.begun[life - 1];
        (begun.past, begun.leaf) = (past, leaf);
        begun.names.clear();
        if life > 1 {
            begun.ledger.copy_from(&self.ledger);
        }
        let recovery = J::Recovery::begin(self.options);
        Going { life, recovery, judged: SoFar::default() }
    }

    /// Back to the last fork before what the odometer changed.
    fn back_to_fork(&mut self, tree: &mut Tree<J::Recovery>) -> Option<Going<J::Recovery>> {
        let changed = tree.odometer.path().len() - 1;
        while tree.forks.last().is_some_and(|fork| fork.depth > changed) {
            tree.forks.pop();
        }
        let fork = tree.forks.last()?;
        self.disk.rewind(&fork.disk);
        tree.odometer.rewind_to(fork.depth);
        let begun = &mut tree.begun[fork.life - 1];
        begun.names.truncate(fork.names);
        if self.setup.workload.lives.len() > 1 {
            self.ledger.copy_from(if fork.life > 1 { &begun.ledger } else { &self.recorded });
        }
        Some(Going { life: fork.life, recovery: fork.recovery.clone(), judged: fork.judged })
    }

    /// Runs a recovery to its end, and keeps a fork of each step that asks something.
    fn recover(
        &mut self,
        tree: &mut Tree<J::Recovery>,
        going: Going<J::Recovery>,
    ) -> (SoFar, Result<Result<(J, Opened), Error>, String>) {
        let Going { life, mut recovery, judged } = going;
        let Tree { odometer, forks, begun, .. } = tree;
        let Begun { past, names, .. } = &mut begun[life - 1];
        let payloads = &self.setup.workload.payloads;
        let mut judge = Judge::going_on(&self.ledger, payloads, past.obligation, judged);
        self.disk.limit_reads(Some(reads_max(&self.disk)));
        let (disk, options) = (&mut self.disk, self.options);
        let opened = guarded(|| {
            loop {
                let depth = odometer.depth();
                // The step before asked nothing: who comes back goes on from here.
                if forks.last().is_some_and(|fork| fork.depth == depth) {
                    forks.pop();
                }
                forks.push(Fork {
                    depth,
                    life,
                    recovery: recovery.clone(),
                    judged: judge.so_far(),
                    names: names.len(),
                    disk: disk.mark(),
                });
                let done = recovery.step(&mut Live::new(disk, odometer), options, &mut |entry| {
                    judge.entry(entry.payload);
                    names.push(entry.lsn);
                });
                if let Some(opened) = done.transpose() {
                    return opened;
                }
            }
        });
        (judge.so_far(), opened)
    }

    /// Judges a recovery, and lives on if the case says so: the next recovery, or the leaf.
    fn after_recovery(
        &mut self,
        tree: &mut Tree<J::Recovery>,
        life: usize,
        (judged, opened): (SoFar, Result<Result<(J, Opened), Error>, String>),
    ) -> Result<Going<J::Recovery>, Leaf> {
        let begun = &mut tree.begun[life - 1];
        let (past, mut leaf) = (begun.past, begun.leaf);
        std::mem::swap(&mut self.names, &mut begun.names);
        let (judgement, journal, _) = self.judged(judged, opened, past);
        leaf.recoveries += 1;
        leaf.last = judgement;
        leaf.violated = leaf.violated.or(judgement.violated);
        let ended = life == self.setup.workload.lives.len()
            || !judgement.violated.and(self.owed.or(OracleSet::UNTOLD)).is_empty();
        let lived = match journal {
            Some(mut journal) if !ended => {
                let (owed, odometer) = (past.obligation, &mut tree.odometer);
                Some(self.live_on(odometer, life, &mut journal, judgement, owed, &mut None))
            }
            _ => None,
        };
        std::mem::swap(&mut self.names, &mut tree.begun[life - 1].names);
        let Some((violated, resumed)) = lived else { return Err(leaf) };
        leaf.violated = leaf.violated.or(violated);
        if !violated.and(self.owed).is_empty() {
            return Err(leaf);
        }
        self.disk.cut_here();
        let obligation = self.ledger.obligation(u32::MAX);
        let shown = (!resumed).then_some(judgement);
        Ok(self.begin_life(tree, life + 1, leaf, (obligation, shown)))
    }
}
