//! Last lives that end alike, searched once.
//!
//! The one idea: what the last recovery of a leaf does, and how it is judged, follows from the crash state
//! that it is run on and from what is owed. Many leaves come to the same of both: what a first cut left
//! in sectors that the next life writes over is gone, and two ways to lose an entry are one loss. So the
//! leaves below such a state are visited once, and what was found in them is added where it is met again.
//!
//! Method. The state has a name (`disk/alike.rs`), and so has what is owed: the ledger, and what was judged
//! on the way. While the leaves below a name are visited for the first time, what they find is noted; it is
//! kept when the last of them is done. A path is kept from the state on, so that the first leaf that
//! fails has its own path wherever the state is met.
//!
//! Invariant: what a search finds is the same with this and without it: leaves, images and evaluations are
//! counted for each state that is met, and a bound that would fall among the leaves of a state has them
//! visited one by one.
//!
//! What it is not: for lives before the last, which write, and whose leaves begin others; nor for checksums
//! over more contents than can be tried, whose answers follow from what was once written.

use std::sync::Arc;

use journal_core::Stepwise;
use num_bigint::BigUint;
use rustc_hash::FxHashMap;

use super::kept::Reads;
use super::{Images, Leaf, Run, Tree};
use crate::choose::Path;
use crate::disk::{Collisions, Names};
use crate::oracle::{Evaluated, Judgement, Ledger, Obligation, Oracle, OracleSet};

/// What was found in the leaves below a crash state.
#[derive(Clone, Debug, Default)]
pub struct Below {
    /// How many they are.
    pub leaves: u64,
    /// Those that violated each oracle, owed or not.
    pub violations: [u64; 9],
    /// After how many of them each oracle was first violated; 0 if never.
    pub news: [u64; 9],
    /// The first that violated an owed oracle: which ones, and its path from the state on.
    pub first: Option<(OracleSet, Path)>,
    /// The first that violated each oracle, owed or not.
    pub firsts: Vec<(Oracle, Path)>,
    /// The most bytes kept at any of them, beyond those kept at the state; and needed for counting.
    pub kept: (u64, u64),
    recoveries: u64,
    reads: Reads,
    images: Images,
    evaluated: Evaluated,
}

impl Below {
    /// Notes a leaf: what it violated, its path, and what was kept.
    fn note(&mut self, violated: OracleSet, owed: OracleSet, path: &[(u32, u32)]) {
        self.leaves += 1;
        for oracle in violated.iter() {
            self.violations[oracle as usize] += 1;
            if self.news[oracle as usize] == 0 {
                self.news[oracle as usize] = self.leaves;
            }
            if !self.firsts.iter().any(|(known, _)| *known == oracle) {
                self.firsts.push((oracle, path.to_vec()));
            }
        }
        let broken = violated.and(owed);
        if self.first.is_none() && !broken.is_empty() {
            self.first = Some((broken, path.to_vec()));
        }
    }

    fn kept_bytes(&self) -> u64 {
        let paths = self.first.iter().map(|(_, path)| path.len());
        let firsts = self.firsts.iter().map(|(_, path)| path.len());
        let numbers = [&self.images.all, &self.images.covered, &self.images.failing];
        let numbers = numbers.map(|n: &BigUint| n.bits().div_ceil(64) * 8).iter().sum::<u64>();
        let steps = paths.chain(firsts).sum::<usize>() * size_of::<(u32, u32)>();
        (size_of::<Below>() + steps) as u64 + numbers
    }
}

/// How much of a search is left: a state below which more was found is gone through leaf by leaf.
#[derive(Clone, Copy, Debug)]
pub struct Room {
    /// Leaves that may be visited.
    pub leaves: u64,
    /// The same for leaves of which one violates what is owed.
    pub failing: u64,
    /// Bytes that may be kept, and needed for counting.
    pub memory: (u64, u64),
}

/// A state below which the leaves are being visited.
#[derive(Debug)]
struct Visiting {
    name: Box<[u64]>,
    /// Answers of the path before it.
    depth: usize,
    found: Below,
    /// What had been counted before, since it was last taken.
    since: (Images, Evaluated, u64),
    kept: u64,
    /// Some answer follows from how the state came to be.
    by_history: bool,
}

/// What is known of crash states by name.
#[derive(Debug, Default)]
pub(super) struct Alike {
    room: Option<Room>,
    names: Names,
    known: FxHashMap<Box<[u64]>, Arc<Below>>,
    bytes: u64,
    name: Vec<u64>,
    visiting: Option<Visiting>,
    /// What was found below the state that the present path ends at, if it was met before, and the bytes
    /// kept there.
    met: Option<(Arc<Below>, u64)>,
    /// Bytes that counting images needed: of cuts before the last, not asked for yet; and of the last.
    states: (u64, u64),
}

/// More than so many bytes are not remembered, nor more than this part of what a search may keep: then all
/// is forgotten, and begun anew. What is remembered makes no difference to what is found, and is in no figure.
const REMEMBERED_MAX: u64 = 16 << 20;
const REMEMBERED_SHARE: u64 = 64;

impl Alike {
    /// Forgets everything, and is not used until there is room.
    pub(super) fn restart(&mut self) {
        *self = Alike { name: std::mem::take(&mut self.name), ..Alike::default() };
    }

    /// Remembers what is known, and nothing of the path; not used until there is room.
    pub(super) fn leave(&mut self) {
        (self.room, self.visiting, self.met, self.states) = (None, None, None, (0, 0));
    }

    /// What is being visited will not be visited to its end here, if it goes on behind so many answers.
    pub(super) fn give_up_behind(&mut self, length: usize) {
        self.visiting = self.visiting.take().filter(|visiting| visiting.depth >= length);
    }

    /// Notes what a recovery read, for the state that is being visited.
    pub(super) fn note_reads(&mut self, at_risk: impl FnOnce() -> (u32, u32)) {
        if let Some(visiting) = &mut self.visiting {
            visiting.found.reads.note(at_risk);
        }
    }

    /// Forgets all if that is too much.
    fn forget_what_is_too_much(&mut self) {
        let share = self.room.map_or(0, |room| room.memory.0 / REMEMBERED_SHARE);
        if self.bytes + self.names.kept_bytes() > REMEMBERED_MAX.min(share) {
            (self.known, self.names, self.bytes) = Default::default();
        }
    }

    fn has_room(&self, found: &Below, kept: u64) -> bool {
        let Some(room) = self.room else { return false };
        let most = if found.first.is_some() { room.failing } else { room.leaves };
        let states = self.states.0.max(found.kept.1);
        let within = kept + found.kept.0 <= room.memory.0 && states <= room.memory.1;
        found.leaves <= most && within
    }
}

/// What matters of the past to who judges the last recovery.
fn name_past(ledger: &Ledger, owed: Obligation, leaf: &Leaf, shown: Option<Judgement>) -> Vec<u64> {
    let set = |set: OracleSet| set.iter().map(|oracle| 1 << oracle as u64).sum::<u64>();
    let mut name = vec![set(leaf.violated), u64::from(leaf.cuts), u64::from(leaf.recoveries)];
    name.extend([owed.sent, owed.acked, owed.released, owed.acked_before].map(u64::from));
    let shown = shown.map_or([u64::MAX; 4], |shown| {
        let Judgement { violated, first, end, handed_out } = shown;
        [set(violated), u64::from(first), u64::from(end), u64::from(handed_out)]
    });
    name.extend(shown);
    ledger.name(&mut name);
    name
}

impl<R> Tree<R> {
    /// From here on last lives that end alike are searched once, if there is room; what is counted with
    /// [`Tree::met`] must be added by whoever counts leaves.
    pub fn merge_within(&mut self, room: Option<Room>) {
        self.alike.room = room;
        if room.is_none() {
            self.alike.visiting = None;
        }
    }

    /// What the present leaf stands for, if it is a state that was met before: what was found below it,
    /// and the bytes kept there.
    pub fn met(&self) -> Option<(&Below, u64)> {
        self.alike.met.as_ref().map(|(below, kept)| (&**below, *kept))
    }

    /// Notes what was found at a leaf that is not such a state, and the bytes kept there, for the state that
    /// it lies below. To be called after [`Run::kept_bytes`].
    pub fn note(&mut self, violated: OracleSet, owed: OracleSet, kept: u64) {
        let Some(visiting) = &mut self.alike.visiting else { return };
        let path = &self.questions.odometer.path()[visiting.depth..];
        visiting.found.note(violated, owed, path);
        let above = kept.saturating_sub(visiting.kept);
        let most = &mut visiting.found.kept;
        *most = (most.0.max(above), most.1.max(self.alike.states.1));
    }

    /// The bytes that counting images needed on the way to a leaf of so many cuts since this was asked.
    pub(super) fn take_states(&mut self, cuts: usize) -> u64 {
        let states = self.begun.iter_mut().take(cuts).map(|begun| begun.universe.take_states());
        let states = states.max().unwrap_or(0);
        let before = std::mem::replace(&mut self.alike.states, (0, states)).0;
        before.max(states)
    }

    /// What counting images needed so far is no figure of the state that is entered now.
    fn set_states_apart(&mut self, cuts: usize) {
        let states = self.take_states(cuts);
        self.alike.states = (states, 0);
    }

    /// What was taken for granted on the path that just ended.
    pub(super) fn note_collisions(&mut self, collisions: Collisions) {
        self.modulo_collisions |= collisions.excluded;
        if let Some(visiting) = &mut self.alike.visiting {
            visiting.by_history |= collisions.by_history;
        }
    }
}

impl<J: Stepwise> Run<'_, J> {
    /// The counts so far are about to be taken: what belongs to the state that is being visited is noted.
    pub fn count_visited(&mut self, tree: &mut Tree<J::Recovery>) {
        let Some(visiting) = &mut tree.alike.visiting else { return };
        if tree.questions.told_twice || visiting.by_history {
            tree.alike.visiting = None;
            return;
        }
        let (images, evaluated, recoveries) = std::mem::take(&mut visiting.since);
        let found = &mut visiting.found;
        if let Some(now) = tree.images.last() {
            found.images.all += &now.all - images.all;
            found.images.covered += &now.covered - images.covered;
            found.images.failing += &now.failing - images.failing;
        }
        let mine = found.evaluated.0.iter_mut().zip(self.evaluated.0).zip(evaluated.0);
        mine.for_each(|((mine, now), before)| *mine += now - before);
        found.recoveries += tree.recoveries - recoveries;
    }

    /// The odometer has moved on: if it left the state that was being visited, that is known now.
    pub(super) fn moved_on(&mut self, tree: &mut Tree<J::Recovery>, is_over: bool) {
        tree.alike.met = None;
        let path = tree.questions.odometer.path().len();
        let left = |visiting: &Visiting| is_over || path <= visiting.depth;
        if !tree.alike.visiting.as_ref().is_some_and(left) {
            return;
        }
        self.count_visited(tree);
        let alike = &mut tree.alike;
        let Some(Visiting { name, found, .. }) = alike.visiting.take() else { return };
        alike.bytes += size_of_val(&name[..]) as u64 + found.kept_bytes();
        alike.known.insert(name, Arc::new(found));
    }

    /// The last life was cut: whether its crash state was met before. If so, what was found below it is
    /// counted; if not, it is noted from here on.
    pub(super) fn was_met(&mut self, tree: &mut Tree<J::Recovery>, life: usize) -> bool {
        let last = life > 1 && life == self.setup.workload.lives.len();
        let fresh = tree.questions.odometer.depth() == tree.path().len();
        if !last || !self.disk.has_names() {
            return false;
        }
        let universe = &tree.begun[life - 1].universe;
        self.disk.forget_beside(universe);
        // Who listens wants the leaf itself. Where images have several leaves nothing adds up anyway.
        let is_leaf_wanted = tree.questions.told_twice || tree.questions.heard.is_some();
        if tree.alike.room.is_none() || !fresh || is_leaf_wanted {
            return false;
        }
        tree.alike.forget_what_is_too_much();
        let begun = &tree.begun[life - 1];
        let [point] = begun.points[..] else { return false };
        let alike = &mut tree.alike;
        alike.name.clear();
        alike.name.extend(name_past(&self.ledger, point.owed, &begun.leaf, begun.shown));
        let names = (&mut alike.names, &mut alike.name);
        self.disk.name(&begun.universe, (&self.ready, &self.end), names.0, names.1);
        tree.modulo_collisions |= self.disk.take_collisions().excluded;
        tree.set_states_apart(life - 1);
        let kept = self.kept_before(tree, life);
        let alike = &mut tree.alike;
        let images = &mut tree.images[life - 1];
        if let Some(known) = alike.known.get(&alike.name[..]) {
            if !alike.has_room(known, kept) {
                return false;
            }
            images.all += &known.images.all;
            images.covered += &known.images.covered;
            images.failing += &known.images.failing;
            self.evaluated.add(&known.evaluated);
            tree.recoveries += known.recoveries;
            tree.reads.add(known.reads);
            alike.met = Some((Arc::clone(known), kept));
            return true;
        }
        let since = (images.clone(), self.evaluated, tree.recoveries);
        let name = alike.name[..].into();
        let depth = tree.questions.odometer.depth();
        let found = Below::default();
        alike.visiting = Some(Visiting { name, depth, found, since, kept, by_history: false });
        false
    }
}
