//! A stretch: leaves one behind the other, and what was found in them.
//!
//! The one idea: what an exploration finds is a sum over its leaves in order, so it can be found
//! stretch by stretch, and the stretches put together in order.
//!
//! Invariant: two stretches of which one ends where the other begins, put together, are what one
//! stretch over all their leaves is.
//!
//! What it is not: a search. It does not choose where it begins.

use journal_core::Stepwise;
use serde::{Deserialize, Serialize};

use super::prove::{Bounds, Explored};
use crate::choose::{Exhaustive, Path};
use crate::disk::COUNTING_SHARE;
use crate::oracle::{Evaluated, Oracle, OracleSet};
use crate::run::{Below, Images, Place, Reads, Room, Run, Tree};

/// Why a stretch ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "program", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Ended {
    /// No leaf comes after it.
    Last,
    /// It has as many leaves as it may have.
    Full,
    /// The first owed violation was found, and no more was asked for.
    Found,
    /// More would have to be kept than may be.
    Outgrown,
    /// The journal is not deterministic.
    Fickle,
    /// It was ended from outside. Nothing that is written ends so.
    #[serde(skip)]
    Interrupted,
}

/// Leaves one behind the other.
#[derive(Clone, Debug, Default)]
pub struct Stretch {
    /// What was found; of the images, those counted here, whether or not they can be counted.
    pub found: Explored,
    /// Some images have several leaves, so they cannot be counted.
    pub told_twice: bool,
    /// The most bytes kept at a leaf, and needed for counting images.
    pub kept: (u64, u64),
    /// What recoveries read of the sectors at risk.
    pub reads: Reads,
    /// Resumes, and those that changed something.
    pub resumes: (u64, u64),
    /// After how many leaves each oracle was first violated; 0 if never.
    pub news: [u64; 9],
    /// The path of the last leaf.
    pub last: Path,
}

impl Stretch {
    /// Visits leaves until `leaves_max` are in this stretch, or more that were found at once, and never more
    /// than the bounds allow. What the run and the tree count until
    /// [`Stretch::close`] is this stretch's.
    pub fn visit<J: Stepwise>(
        &mut self,
        run: &mut Run<'_, J>,
        tree: &mut Tree<J::Recovery>,
        leaves_max: u64,
        bounds: Bounds,
    ) -> Ended {
        let owed = run.owed();
        loop {
            let most = bounds.enough(self.last_news());
            let found = &mut self.found;
            let enough = found.first.is_some() && found.leaves >= most;
            if enough && found.leaves > most {
                return Ended::Found;
            }
            if found.leaves >= leaves_max || enough {
                return if tree.is_last() { Ended::Last } else { Ended::Full };
            }
            if bounds.outside.is_stopped() {
                found.interrupted = true;
                return Ended::Interrupted;
            }
            tree.merge_within(bounds.merges.then(|| room(found, most, bounds)));
            let leaf = run.next_leaf(tree);
            found.nondeterminism = tree.nondeterminism();
            let Some(leaf) = leaf else {
                // Behind the last leaf there may be paths that stand for none.
                self.kept.1 = self.kept.1.max(run.kept_bytes(tree, u32::MAX).1);
                return if found.nondeterminism.is_none() { Ended::Last } else { Ended::Fickle };
            };
            let (kept, counting) = run.kept_bytes(tree, leaf.cuts);
            if let Some((below, kept)) = tree.met() {
                add_news(&mut self.news, found.leaves, &below.news);
                found.leaves += below.leaves;
                bounds.outside.visited(below.leaves);
                self.kept.0 = self.kept.0.max(kept + below.kept.0);
                self.kept.1 = self.kept.1.max(counting).max(below.kept.1);
                note_below(found, below, tree.path());
                continue;
            }
            found.leaves += 1;
            bounds.outside.visited(1);
            if !leaf.violated.is_empty() {
                let first = leaf.violated.iter().filter(|&o| found.violations[o as usize] == 0);
                first.for_each(|oracle| self.news[oracle as usize] = found.leaves);
                note(found, leaf.violated, owed, tree.path());
            }
            if found.nondeterminism.is_some() {
                return Ended::Fickle;
            }
            self.kept = (self.kept.0.max(kept), self.kept.1.max(counting));
            tree.note(leaf.violated, owed, kept);
            let share = bounds.memory_max / COUNTING_SHARE;
            if kept > bounds.memory_max - share || counting > share {
                found.outgrown = true;
                return Ended::Outgrown;
            }
            if bounds.first_only && found.first.is_some() {
                return Ended::Found;
            }
        }
    }

    /// The leaves behind a place, or of all the tree: so many of them, or more that were found at once.
    pub fn behind<J: Stepwise>(
        run: &mut Run<'_, J>,
        tree: &mut Tree<J::Recovery>,
        place: Option<&Place>,
        leaves: u64,
        bounds: Bounds,
    ) -> (Stretch, Ended) {
        match place {
            Some(place) => run.go_behind(tree, place),
            None => tree.restart(),
        }
        (run.evaluated, run.resumes) = (Evaluated::default(), (0, 0));
        let mut stretch = Stretch::default();
        let ended = stretch.visit(run, tree, leaves, bounds);
        stretch.close(run, tree);
        (stretch, ended)
    }

    /// After how many leaves an oracle was violated that had not been before, the last time.
    fn last_news(&self) -> u64 {
        self.news.into_iter().max().unwrap_or(0)
    }

    /// The news of this stretch and the one that begins where it ends.
    pub(super) fn news_with(&self, later: &Stretch) -> [u64; 9] {
        let mut news = self.news;
        add_news(&mut news, self.found.leaves, &later.news);
        news
    }

    /// Ends it: takes over what was counted.
    pub fn close<J: Stepwise>(&mut self, run: &mut Run<'_, J>, tree: &mut Tree<J::Recovery>) {
        run.count_visited(tree);
        let counts = tree.take_counts();
        self.found.images = counts.images;
        self.told_twice = counts.told_twice;
        self.found.modulo_collisions = counts.modulo_collisions;
        self.found.recoveries = counts.recoveries;
        self.reads = counts.reads;
        self.found.evaluated = std::mem::take(&mut run.evaluated);
        self.resumes = std::mem::take(&mut run.resumes);
        self.last = tree.path().to_vec();
    }

    /// Adds the stretch that begins where this one ends.
    pub fn add(&mut self, later: Stretch) {
        let news = self.news_with(&later);
        let (found, more) = (&mut self.found, later.found);
        self.news = news;
        found.leaves += more.leaves;
        found.recoveries += more.recoveries;
        found.violations.iter_mut().zip(more.violations).for_each(|(mine, more)| *mine += more);
        if found.first.is_none() {
            found.first = more.first;
        }
        for (oracle, path) in more.firsts {
            if !found.firsts.iter().any(|&(known, _)| known == oracle) {
                found.firsts.push((oracle, path));
            }
        }
        let cuts = found.images.len().max(more.images.len());
        found.images.resize(cuts, Images::default());
        for (mine, more) in found.images.iter_mut().zip(more.images) {
            mine.all += more.all;
            mine.covered += more.covered;
            mine.failing += more.failing;
        }
        found.modulo_collisions |= more.modulo_collisions;
        found.outgrown |= more.outgrown;
        found.interrupted |= more.interrupted;
        self.kept = (self.kept.0.max(later.kept.0), self.kept.1.max(later.kept.1));
        self.reads.add(later.reads);
        found.evaluated.add(&more.evaluated);
        self.told_twice |= later.told_twice;
        self.resumes.0 += later.resumes.0;
        self.resumes.1 += later.resumes.1;
        self.last = later.last;
    }

    /// What was found, if this is all that is visited of the run's leaves.
    pub fn explored<J: Stepwise>(
        self,
        run: &mut Run<'_, J>,
        ended: Ended,
        memory_max: u64,
    ) -> Explored {
        run.leave();
        let Stretch { mut found, told_twice, last, kept, reads, resumes, .. } = self;
        found.kept_bytes = kept.0 + kept.1;
        found.reads_all = reads.all();
        found.told_twice = told_twice;
        found.complete = ended == Ended::Last && !told_twice;
        let opens_write = found.violations[Oracle::Idempotence as usize] > 0;
        found.recovery_changes_nothing = resumes.0 > 0 && resumes.1 == 0 && !opens_write;
        // A count that was given up is none.
        if told_twice || (found.outgrown && kept.1 > memory_max / COUNTING_SHARE) {
            found.images.clear();
        }
        if !found.complete && !told_twice && found.nondeterminism.is_none() {
            add_unbegun(run, &last, &mut found.images);
        }
        // What the leaves stand for is counted leaf by leaf, and all there is without them.
        found.adds_up = !found.complete || found.images.iter().all(|i| i.covered == i.all);
        found
    }
}

/// Adds the images of the first cut's crash points that were not begun, so that what was covered is
/// a share of all. Only devices that are asked for one crash point after the other leave any out.
#[cold]
fn add_unbegun<J: Stepwise>(run: &mut Run<'_, J>, path: &[(u32, u32)], images: &mut [Images]) {
    let (Some(first), Some(&(begun, points))) = (images.first_mut(), path.first()) else { return };
    if run.disk().leaves_cuts_open() || run.crash_points() < 2 {
        return;
    }
    for point in begun + 1..points {
        let mut tree = Tree::below(Exhaustive::below(vec![(point, points)]));
        run.next_leaf(&mut tree);
        if let Some(images) = tree.images().first() {
            first.all += &images.all;
        }
        run.leave();
    }
}

/// How much of a search is left, where so much was found and `most` is enough if nothing new is.
fn room(found: &Explored, most: u64, bounds: Bounds) -> Room {
    let left = bounds.leaves_max.saturating_sub(found.leaves);
    // Where a violation is known, or among them, the search may end within them.
    let enough = left.min(most.saturating_sub(found.leaves));
    let share = bounds.memory_max / COUNTING_SHARE;
    Room {
        leaves: if found.first.is_some() { enough } else { left },
        failing: if bounds.first_only { 0 } else { enough },
        memory: (bounds.memory_max - share, share),
    }
}

/// Adds when oracles were first violated among the leaves behind so many.
fn add_news(news: &mut [u64; 9], before: u64, later: &[u64; 9]) {
    for (news, &later) in news.iter_mut().zip(later) {
        if *news == 0 && later > 0 {
            *news = before + later;
        }
    }
}

/// Notes all leaves below a crash state that was met before.
fn note_below(found: &mut Explored, below: &Below, path: &[(u32, u32)]) {
    found.violations.iter_mut().zip(below.violations).for_each(|(mine, more)| *mine += more);
    let whole = |rest: &Path| [path, rest].concat();
    if found.first.is_none() {
        found.first = below.first.as_ref().map(|(broken, rest)| (*broken, whole(rest)));
    }
    for (oracle, rest) in &below.firsts {
        if !found.firsts.iter().any(|(known, _)| known == oracle) {
            found.firsts.push((*oracle, whole(rest)));
        }
    }
}

#[cold]
fn note(found: &mut Explored, violated: OracleSet, owed: OracleSet, path: &[(u32, u32)]) {
    for oracle in violated.iter() {
        found.violations[oracle as usize] += 1;
        if !found.firsts.iter().any(|(known, _)| *known == oracle) {
            found.firsts.push((oracle, path.to_vec()));
        }
    }
    let broken = violated.and(owed);
    if found.first.is_none() && !broken.is_empty() {
        found.first = Some((broken, path.to_vec()));
    }
}
