//! All crash states of a run, with what they share done once.
//!
//! Method
//! 1. The odometer (`choose::Exhaustive`) says which leaf comes next: the path of the one before,
//!    changed at its last question that has an answer left. Everything before that question is the
//!    same, so nothing before it is done again: a *fork* is kept of each recovery step that asked
//!    something, as it was before the step, and the next leaf goes on from the last fork that lies
//!    before the change. A journal whose recovery is one step is forked at the power cut.
//! 2. Where the device couples no sectors, the cut is left open: one recovery stands for all crash
//!    points at which it would read the same, and every content that is read narrows them. A leaf
//!    is judged by what is owed at each crash point that is left. Other devices are asked for one
//!    crash point of each kind (`points.rs`).
//! 3. A later life is lived to its end, with its cut left open likewise. What it reads on the way
//!    must not depend on a cut before, so it is asked first whether that came
//!    (`Live::went_before`).
//!
//! 4. Where a checksum or a search covers undecided sectors, it is asked only what its answer tells
//!    of them (`disk/live/asking.rs`). Such a leaf stands for many leaves of [`Run::leaf`], which reads:
//!    for those whose contents were not denied on the way. A case for it is found by `witness.rs`.
//!
//! Invariant: for every crash point that speaks for others, every leaf that [`Run::leaf`] has there
//! is stood for by one leaf here; and nothing else is.
//!
//! What it is not: parallel, or bounded. Its caller is both (`behind.rs`, `explore/parallel.rs`).

use journal_core::{Error, Opened, Recovery, Stepwise};

use super::forks::Fork;
use super::grown::{Begun, Images, Tree};
use super::kept::kept_below;
use super::leaf::{Over, Power};
use super::points::{self, Point};
use super::questions::cut_of;
use super::{Leaf, Run, guarded, reads_max};
use crate::choose::pick;
use crate::disk::Live;
use crate::oracle::{Judge, Judgement, OracleSet, SoFar};

/// A recovery that goes on: where it is, and what was judged of it.
struct Going<R> {
    life: usize,
    recovery: R,
    judged: SoFar,
}

/// A recovery that is over.
type Ended<J> = (SoFar, Result<Result<(J, Opened), Error>, String>);

impl<J: Stepwise> Run<'_, J> {
    /// The end of the next path; it may stand for nothing.
    pub(super) fn next_path(&mut self, tree: &mut Tree<J::Recovery>) -> Option<Leaf> {
        if tree.started {
            let is_over = !tree.questions.odometer.next_leaf();
            self.moved_on(tree, is_over);
            if is_over {
                self.leave();
                return None;
            }
        }
        let fork = if tree.started { self.back_to_fork(tree) } else { None };
        tree.started = true;
        let leaf = match fork.map_or_else(|| self.begin_first(tree), Ok) {
            Ok(going) => self.go_on(tree, going),
            Err(leaf) => leaf,
        };
        tree.note_collisions(self.disk.take_collisions());
        Some(leaf)
    }

    /// From a recovery on its way to the end of a leaf.
    fn go_on(&mut self, tree: &mut Tree<J::Recovery>, mut going: Going<J::Recovery>) -> Leaf {
        self.disk.ask_classes(true);
        loop {
            let life = going.life;
            let ended = self.recover(tree, going);
            match self.after_recovery(tree, life, ended) {
                Ok(next) => going = next,
                Err(leaf) => return leaf,
            }
        }
    }

    /// Cuts the first life.
    fn begin_first(&mut self, tree: &mut Tree<J::Recovery>) -> Result<Going<J::Recovery>, Leaf> {
        self.leave();
        tree.questions.odometer.rewind();
        tree.forks.clear();
        let leaf = Leaf { violated: self.recording_violated, ..Leaf::default() };
        self.evaluated.count(crate::oracle::Oracle::Afterlife);
        if !leaf.violated.and(self.owed).is_empty() {
            return Err(leaf);
        }
        self.ledger.copy_from(&self.recorded);
        self.begin_life(tree, 1, leaf, (self.first_call, None))
    }

    /// Cuts the present life at a crash point from `from` on, and stands before the recovery; at the end
    /// of a path, where it is known what lies behind (`alike.rs`).
    fn begin_life(
        &mut self,
        tree: &mut Tree<J::Recovery>,
        life: usize,
        leaf: Leaf,
        (from, shown): (u32, Option<Judgement>),
    ) -> Result<Going<J::Recovery>, Leaf> {
        if tree.begun.len() < life {
            tree.begun.push(Begun::new(self.disk.stamp()));
        }
        let begun = &mut tree.begun[life - 1];
        self.disk.seal();
        points::list(&self.disk, &self.ledger, from, &mut begun.points);
        // The power went before a question: the calls are all done, and none was in flight.
        if self.disk.is_dead() {
            begun.points.retain(|point| point.first < self.disk.calls());
            let last = begun.points.last_mut().expect("there was a call before");
            last.at = last.at.min(self.disk.calls() - 1);
        }
        if self.disk.leaves_cuts_open() {
            let last = begun.points.last().expect("a life has a crash point");
            self.disk.cut_between(from, last.at);
        } else {
            // Newest first.
            let newest = begun.points.len() - 1;
            let back = pick(&mut tree.questions, cut_of(life), newest as u32 + 1);
            begun.points.swap(0, newest - back as usize);
            begun.points.truncate(1);
            self.disk.cut(begun.points[0].at);
        }
        self.disk.universe_into(&mut begun.universe);
        tree.images.resize(tree.images.len().max(life), Images::default());
        begun.leaf = Leaf { cuts: leaf.cuts + 1, ..leaf };
        begun.stamp = self.disk.stamp();
        begun.shown = shown;
        begun.names.clear();
        begun.entries.clear();
        if life > 1 {
            begun.ledger.copy_from(&self.ledger);
        }
        let leaf = begun.leaf;
        if self.was_met(tree, life) {
            return Err(leaf);
        }
        let (begun, all) = (&mut tree.begun[life - 1], &mut tree.images[life - 1].all);
        for point in &begun.points {
            begun.universe.add_images(&self.disk, point.at, all);
        }
        // Whoever takes the recovery up at a fork has the reads left that there were.
        self.disk.limit_reads(Some(reads_max(&self.disk)));
        let recovery = J::Recovery::begin(self.options);
        Ok(Going { life, recovery, judged: SoFar::default() })
    }

    /// Back to the last fork before what the odometer changed.
    fn back_to_fork(&mut self, tree: &mut Tree<J::Recovery>) -> Option<Going<J::Recovery>> {
        let changed = tree.path().len() - 1;
        while tree.forks.last().is_some_and(|fork| fork.depth > changed) {
            tree.forks.pop();
        }
        let fork = tree.forks.last()?;
        self.disk.rewind(&fork.disk);
        self.disk.leave_open_from(None);
        tree.questions.odometer.rewind_to(fork.depth);
        if let Some(heard) = &mut tree.questions.heard {
            heard.cuts.clear();
        }
        let begun = &mut tree.begun[fork.life - 1];
        begun.names.truncate(fork.names);
        begun.entries.rewind(fork.strangers, fork.judged);
        if self.setup.workload.lives.len() > 1 {
            self.ledger.copy_from(if fork.life > 1 { &begun.ledger } else { &self.recorded });
        }
        Some(Going { life: fork.life, recovery: fork.recovery.clone(), judged: fork.judged })
    }

    /// Runs a recovery to its end, and keeps a fork of each step that asks something.
    fn recover(&mut self, tree: &mut Tree<J::Recovery>, going: Going<J::Recovery>) -> Ended<J> {
        let Going { life, mut recovery, judged } = going;
        tree.recoveries += 1;
        let tree_asks_whole = tree.asks_whole;
        let Tree { questions, forks, begun, .. } = tree;
        let Begun { points, names, entries, .. } = &mut begun[life - 1];
        // At the last point most is owed and most may be there.
        let owed = points.last().expect("a life has a crash point").owed;
        let payloads = &self.setup.workload.payloads;
        let mut judge = Judge::going_on(&self.ledger, payloads, owed, judged);
        let lives = self.setup.workload.lives.len();
        self.disk.allow_clauses(tree_asks_whole, life == lives);
        let (disk, options) = (&mut self.disk, self.options);
        let opened = guarded(|| {
            loop {
                let depth = questions.odometer.depth();
                // Where the step before asked nothing, who comes back goes on from here.
                let below = kept_below(forks.path(), depth) + size_of::<Fork<J::Recovery>>() as u64;
                match forks.at(depth) {
                    Some(fork) => {
                        (fork.depth, fork.life) = (depth, life);
                        fork.recovery.clone_from(&recovery);
                        fork.judged = judge.so_far();
                        (fork.names, fork.strangers) = (names.len(), entries.strangers());
                        fork.disk = disk.mark();
                        fork.kept = below + fork.disk.kept_bytes();
                    }
                    None => {
                        let mark = disk.mark();
                        forks.push(Fork {
                            depth,
                            life,
                            recovery: recovery.clone(),
                            judged: judge.so_far(),
                            names: names.len(),
                            strangers: entries.strangers(),
                            kept: below + mark.kept_bytes(),
                            disk: mark,
                        });
                    }
                }
                let done = recovery.step(&mut Live::new(disk, questions), options, &mut |entry| {
                    judge.entry(entry.payload);
                    names.push(entry.lsn);
                    entries.note(judge.so_far(), entry.payload);
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
        (judged, opened): Ended<J>,
    ) -> Result<Going<J::Recovery>, Leaf> {
        std::mem::swap(&mut self.names, &mut tree.begun[life - 1].names);
        let (over, journal) = self.over(opened, tree.begun[life - 1].stamp);
        let next = self.with_names(tree, life, judged, &over, journal);
        std::mem::swap(&mut self.names, &mut tree.begun[life - 1].names);
        let (leaf, from, shown) = next?;
        self.begin_life(tree, life + 1, leaf, (from, shown))
    }

    /// [`Run::after_recovery`], with the recovery's names in place: the leaf so far, the first
    /// crash point of the life that was lived, and what its resume left to be shown again.
    fn with_names(
        &mut self,
        tree: &mut Tree<J::Recovery>,
        life: usize,
        judged: SoFar,
        over: &Over,
        journal: Option<J>,
    ) -> Result<(Leaf, u32, Option<Judgement>), Leaf> {
        let (from, until) = self.disk.window();
        let begun = &tree.begun[life - 1];
        let mut leaf = begun.leaf;
        leaf.recoveries += 1;
        tree.stands_for.clear();
        // What was read may be so at crash points only that another one speaks for (a sector that was
        // written again with the same bytes in between). That one has a leaf that reads the same.
        let count = begun.points.iter().filter(|p| p.is_within(from, until)).count();
        if count == 0 {
            tree.for_nothing = true;
            return Err(leaf);
        }
        match journal.filter(|_| life < self.setup.workload.lives.len()) {
            Some(journal) => self.live_behind(tree, (life, count), judged, over, (leaf, journal)),
            None => Err(self.end_of_path(tree, life, judged, over, leaf)),
        }
    }

    /// The leaf of a path that ends here, judged at each crash point that it stands for.
    fn end_of_path(
        &mut self,
        tree: &mut Tree<J::Recovery>,
        life: usize,
        judged: SoFar,
        over: &Over,
        mut leaf: Leaf,
    ) -> Leaf {
        let (from, until) = self.disk.window();
        let mut violated_at = None;
        let before = leaf.violated;
        for at in (0..tree.begun[life - 1].points.len()).rev() {
            let point = tree.begun[life - 1].points[at];
            if !point.is_within(from, until) {
                continue;
            }
            let judgement = self.judged_at(&tree.begun[life - 1], point, judged, over);
            self.cover(tree, life, point.at, judgement);
            leaf.violated = leaf.violated.or(judgement.violated);
            tree.stands_for.push((point.at, before.or(judgement.violated)));
            if violated_at.is_none() {
                leaf.last = judgement;
            }
            let wanted = tree.questions.heard.as_ref().map_or(self.owed, |h| h.wanted);
            if violated_at.is_none() && !judgement.violated.and(wanted).is_empty() {
                violated_at = Some(point);
            }
        }
        let at = violated_at.map(|point| point.at);
        self.hear_cut(tree, life, at.unwrap_or(until));
        leaf
    }

    /// Lives on behind a recovery that stands for so many crash points. What comes next depends on what was
    /// owed: one point after the other, newest first.
    fn live_behind(
        &mut self,
        tree: &mut Tree<J::Recovery>,
        (life, count): (usize, usize),
        judged: SoFar,
        over: &Over,
        (mut leaf, mut journal): (Leaf, J),
    ) -> Result<(Leaf, u32, Option<Judgement>), Leaf> {
        let (from, until) = self.disk.window();
        let back = pick(&mut tree.questions, cut_of(life), count as u32) as usize;
        let points = tree.begun[life - 1].points.iter().rev();
        let point = *points.filter(|p| p.is_within(from, until)).nth(back).expect("it was counted");
        let at = point.at;
        self.hear_cut(tree, life, at);
        self.disk.narrow(at, at);
        let judgement = self.judged_at(&tree.begun[life - 1], point, judged, over);
        // Not when it is only on the way to a leaf behind it.
        if tree.questions.odometer.depth() == tree.path().len() {
            self.cover(tree, life, at, judgement);
        }
        leaf.last = judgement;
        leaf.violated = leaf.violated.or(judgement.violated);
        if !judgement.violated.and(self.owed.or(OracleSet::UNTOLD)).is_empty() {
            return Err(leaf);
        }
        if life > 1 {
            self.ledger.cut(at, tree.begun[life - 1].sent_before);
        }
        let (start, sent_before) = (self.disk.calls(), self.ledger.sent.len());
        let (power, owed) = ((life, Power::LeftOpen), (point.owed, None));
        let questions = &mut tree.questions;
        let (violated, resumed) =
            self.live_on(questions, power, &mut journal, owed, judgement, &mut None);
        if tree.begun.len() == life {
            tree.begun.push(Begun::new(self.disk.stamp()));
        }
        tree.begun[life].sent_before = sent_before;
        leaf.violated = leaf.violated.or(violated);
        if !violated.and(self.owed).is_empty() {
            return Err(leaf);
        }
        let from = self.disk.open_from().unwrap_or(start);
        Ok((leaf, from, (!resumed).then_some(judgement)))
    }

    /// The judgement of a recovery for one of the crash points that it stands for.
    fn judged_at(&mut self, begun: &Begun, point: Point, judged: SoFar, over: &Over) -> Judgement {
        let owed = (point.owed, begun.shown);
        if judged.holds_for(point.owed) {
            return self.judged(judged, &begun.entries, over, owed);
        }
        // Entry by entry once more: some of them are judged otherwise with this owed.
        let payloads = &self.setup.workload.payloads;
        let mut judge = Judge::new(&self.ledger, payloads, point.owed);
        let again = begun.entries.payloads(&self.ledger, payloads);
        again.into_iter().for_each(|payload| judge.entry(payload));
        let judged = judge.so_far();
        self.judged(judged, &begun.entries, over, owed)
    }

    /// Counts the images that the recovery just judged stands for.
    fn cover(&self, tree: &mut Tree<J::Recovery>, life: usize, at: u32, judgement: Judgement) {
        let read = &tree.begun[life - 1].universe;
        let at_risk = || read.at_risk(&self.disk, at);
        tree.reads.note(at_risk);
        tree.alike.note_reads(at_risk);
        let (universe, counted) = (&mut tree.begun[life - 1].universe, &mut tree.images[life - 1]);
        universe.add_images(&self.disk, at, &mut counted.covered);
        if !judgement.violated.and(self.owed).is_empty() {
            universe.add_images(&self.disk, at, &mut counted.failing);
        }
    }
}
