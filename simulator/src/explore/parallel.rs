//! Parallel: one proof on several threads.
//!
//! Method. The leaves of a proof stand in order. Whoever searches a *segment* of them, from one place
//! to another, may at any time give away the part behind some place of its present path to whoever
//! has nothing to do (`run/behind.rs`): the segment is split in two, and stays two in order. Subtrees
//! are of very different sizes, so nobody splits in advance: the one at work does when others have
//! nothing to do (`levels.rs` chooses where). Each segment is searched with a run of its own, piece
//! by piece, and at the end the pieces are put together in order (`stretch.rs`).
//!
//! A bound on leaves means the first so many *in order*. What lies behind them is searched in vain
//! where it was begun, and thrown away: a segment stops once it and those before it have enough, or
//! those before it alone. The piece in which the bound falls is searched again from its beginning.
//!
//! A journal that is not deterministic makes every replay a surprise. Once anybody meets one, all is
//! thrown away and [`explore`] says what there is to say.
//!
//! Invariant: the result is that of [`explore`], whatever the number of threads and their timing; but for a
//! journal that is not deterministic and is not caught at it within the bound.
//!
//! What it is not: of use for small proofs. They are over before others are asked.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard};

use journal_core::Stepwise;
use rayon::Scope;

use super::cell::recorded;
use super::levels::Levels;
use super::prove::{Bounds, Explored, explore};
use super::stretch::{Ended, Stretch};
use crate::choose::Path;
use crate::oracle::Evaluated;
use crate::run::{Place, Run, Setup, Tree};

/// How finely a search is split, in leaves. It makes no difference to what is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grain {
    /// Visited before anybody is asked for help.
    pub alone: u64,
    /// Those of a piece, between two looks at what the others do.
    pub piece: u64,
    /// What is given away at least, as far as that can be guessed.
    pub least: u64,
}

impl Default for Grain {
    fn default() -> Self {
        Grain { alone: 2_000, piece: 512, least: 512 }
    }
}

/// Leaves between two looks at whether somebody has nothing to do.
const LOOK_EVERY: u64 = 8;

/// As [`explore`], on the threads of the present pool.
pub fn explore_together<J>(run: &mut Run<'_, J>, bounds: Bounds, grain: Grain) -> Explored
where
    J: Stepwise<Options: Sync>,
{
    let Bounds { leaves_enough, leaves_max, .. } = bounds;
    if leaves_enough >= leaves_max {
        return up_to_bound(run, bounds, grain);
    }
    // Where each thread is in the order of leaves is not known before all is put together, so what is
    // enough is searched first, and only what decides nothing goes on, to the first violation.
    let enough = Bounds { leaves_max: leaves_enough, ..bounds };
    let found = up_to_bound(run, enough, grain);
    let undecided = found.first.is_none() && found.nondeterminism.is_none() && !found.outgrown;
    match undecided && found.leaves == leaves_enough && !found.complete {
        true => up_to_bound(run, Bounds { first_only: true, ..bounds }, grain),
        false => found,
    }
}

/// Up to the bound on leaves, or the first violation if no more is wanted.
fn up_to_bound<J>(run: &mut Run<'_, J>, bounds: Bounds, grain: Grain) -> Explored
where
    J: Stepwise<Options: Sync>,
{
    let bounds = Bounds { leaves_enough: u64::MAX, ..bounds };
    let (mut tree, mut stretch) = (Tree::default(), Stretch::default());
    (run.evaluated, run.resumes) = (Evaluated::default(), (0, 0));
    run.limit_memory(bounds.memory_max);
    let alone = grain.alone.min(bounds.leaves_max);
    let ended = stretch.visit(run, &mut tree, alone, bounds);
    stretch.close(run, &mut tree);
    if ended != Ended::Full || stretch.found.leaves >= bounds.leaves_max {
        return stretch.explored(run, ended, bounds.memory_max);
    }
    let search = Search::<J> {
        options: run.options(),
        setup: run.setup().clone(),
        bounds,
        grain,
        hungry: AtomicBool::new(true),
        state: Mutex::new(State::begun(stretch)),
    };
    rayon::in_place_scope(|scope| {
        search.work(scope, run, 0, tree);
        search.help(scope, run);
    });
    let state = search.state.into_inner().expect("no worker panics while it holds it");
    match state.in_order(run, bounds) {
        Some((stretch, ended)) => stretch.explored(run, ended, bounds.memory_max),
        // Set up anew: what such a journal keeps in its memory it forgets there, if at all.
        None => match recorded::<J>(run.options(), run.setup()) {
            Ok(mut anew) => explore(&mut anew, bounds),
            Err(_) => explore(run, bounds),
        },
    }
}

/// Leaves from one place to the next segment, searched in pieces.
struct Segment {
    is: Is,
    /// Where it begins; the first one begins with the tree.
    place: Option<Place>,
    pieces: Vec<Piece>,
    /// Leaves of the pieces.
    leaves: u64,
}

struct Piece {
    /// It begins behind this path, or with the tree.
    behind: Option<Path>,
    stretch: Stretch,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Is {
    Waiting,
    AtWork,
    /// All of its leaves were visited.
    Done,
    /// It ended early, since nothing behind is wanted.
    Enough,
    /// Nothing of it is wanted.
    InVain,
}

struct State {
    /// In no order; the numbers in `order` are in that of the leaves.
    segments: Vec<Segment>,
    order: Vec<usize>,
    fickle: bool,
}

impl State {
    /// The first segment, at work behind what was visited alone.
    fn begun(alone: Stretch) -> State {
        let leaves = alone.found.leaves;
        let pieces = vec![Piece { behind: None, stretch: alone }];
        let first = Segment { is: Is::AtWork, place: None, pieces, leaves };
        State { segments: vec![first], order: vec![0], fickle: false }
    }

    /// The leaves known to lie before a segment; `None` if what is wanted ends before it.
    fn before(&self, id: usize, leaves_max: u64) -> Option<u64> {
        let mut leaves = 0;
        for &earlier in self.order.iter().take_while(|&&other| other != id) {
            let segment = &self.segments[earlier];
            leaves += segment.leaves;
            if matches!(segment.is, Is::Enough | Is::InVain) {
                return None;
            }
        }
        (leaves < leaves_max).then_some(leaves)
    }

    /// Everything that is wanted, in order, and how it ended; `None` if it was thrown away.
    fn in_order<J: Stepwise>(
        self,
        run: &mut Run<'_, J>,
        bounds: Bounds,
    ) -> Option<(Stretch, Ended)> {
        if self.fickle {
            return None;
        }
        let State { mut segments, order, .. } = self;
        let mut all = Stretch::default();
        for id in order {
            let segment = &mut segments[id];
            for piece in segment.pieces.drain(..) {
                let left = bounds.leaves_max - all.found.leaves;
                if piece.stretch.found.leaves > left {
                    if left > 0 {
                        all.add(again(run, piece.behind, left, bounds));
                    }
                    return Some((all, Ended::Full));
                }
                all.add(piece.stretch);
            }
            match segment.is {
                Is::Done => {}
                Is::Enough if bounds.first_only && all.found.first.is_some() => {
                    return Some((all, Ended::Found));
                }
                Is::Enough if all.found.outgrown => return Some((all, Ended::Outgrown)),
                Is::Enough | Is::InVain if all.found.leaves == bounds.leaves_max => {
                    return Some((all, Ended::Full));
                }
                is => panic!("a segment that is wanted is {is:?}"),
            }
        }
        // If not, the journal is fickle too, and what it is found to be must not depend on us.
        let adds_up = all.told_twice || all.found.images.iter().all(|i| i.covered == i.all);
        adds_up.then_some((all, Ended::Last))
    }
}

/// The first leaves of a piece once more.
fn again<J: Stepwise>(
    run: &mut Run<'_, J>,
    behind: Option<Path>,
    leaves: u64,
    bounds: Bounds,
) -> Stretch {
    let place = behind.map(|behind| Place { behind, fixed: 0 });
    let mut tree = place.map_or_else(Tree::default, |place| run.tree_behind(&place));
    (run.evaluated, run.resumes) = (Evaluated::default(), (0, 0));
    let mut stretch = Stretch::default();
    stretch.visit(run, &mut tree, leaves, Bounds { leaves_max: leaves, ..bounds });
    stretch.close(run, &mut tree);
    stretch
}

/// What the threads share.
struct Search<'o, J: Stepwise> {
    options: &'o J::Options,
    setup: Setup,
    bounds: Bounds,
    grain: Grain,
    /// No segment waits: who is at work may give some of it away.
    hungry: AtomicBool,
    state: Mutex<State>,
}

impl<'o, J: Stepwise<Options: Sync>> Search<'o, J> {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no worker panics while it holds it")
    }

    /// The first segment that waits, if any.
    fn take(&self) -> Option<(usize, Place)> {
        let mut state = self.state();
        let mut taken = None;
        for at in 0..state.order.len() {
            let id = state.order[at];
            if state.segments[id].is != Is::Waiting {
                continue;
            }
            if state.fickle || state.before(id, self.bounds.leaves_max).is_none() {
                state.segments[id].is = Is::InVain;
            } else if taken.is_none() {
                state.segments[id].is = Is::AtWork;
                taken = Some(id);
            } else {
                return taken.map(|id| (id, state.place(id)));
            }
        }
        self.hungry.store(true, Ordering::Relaxed);
        taken.map(|id| (id, state.place(id)))
    }

    /// Searches whatever waits.
    fn help<'s>(&'s self, scope: &Scope<'s>, run: &mut Run<'_, J>) {
        while let Some((id, place)) = self.take() {
            let tree = run.tree_behind(&place);
            self.work(scope, run, id, tree);
        }
    }

    /// As [`Search::help`], on a thread that has no run yet.
    fn come<'s>(&'s self, scope: &Scope<'s>) {
        let Some((id, place)) = self.take() else { return };
        match recorded::<J>(self.options, &self.setup) {
            Ok(mut run) => {
                run.limit_memory(self.bounds.memory_max);
                let tree = run.tree_behind(&place);
                self.work(scope, &mut run, id, tree);
                self.help(scope, &mut run);
            }
            // What could be set up once can be set up again.
            Err(_) => self.state().fickle = true,
        }
    }

    /// Searches a segment, piece by piece, until it ends or nothing more of it is wanted.
    fn work<'s>(
        &'s self,
        scope: &Scope<'s>,
        run: &mut Run<'_, J>,
        id: usize,
        mut tree: Tree<J::Recovery>,
    ) {
        let mut levels = Levels::new(tree.path());
        loop {
            let behind = tree.path().to_vec();
            let mut stretch = Stretch::default();
            (run.evaluated, run.resumes) = (Evaluated::default(), (0, 0));
            let ended = loop {
                let before = levels.changes(tree.path());
                let leaves = stretch.found.leaves + 1;
                let ended = stretch.visit(run, &mut tree, leaves, self.bounds);
                if ended == Ended::Last {
                    // Whether its last run asked all it had asked before.
                    break stretch.visit(run, &mut tree, u64::MAX, self.bounds);
                }
                if ended != Ended::Full || leaves >= self.grain.piece {
                    break ended;
                }
                levels.changed(before, tree.path());
                if levels.leaves().is_multiple_of(LOOK_EVERY) && self.hungry.load(Ordering::Relaxed)
                {
                    self.give(scope, id, &mut tree, &levels);
                }
            };
            stretch.close(run, &mut tree);
            let piece = Piece { behind: Some(behind), stretch };
            if !self.goes_on(id, piece, ended) {
                return;
            }
        }
    }

    /// Gives some of a segment away, if it is large enough.
    fn give<'s>(
        &'s self,
        scope: &Scope<'s>,
        id: usize,
        tree: &mut Tree<J::Recovery>,
        levels: &Levels,
    ) {
        let (least, most) = (self.grain.least, self.bounds.leaves_max / 2);
        let Some(length) = levels.place(tree.path(), tree.fixed(), least, most) else { return };
        let mut state = self.state();
        if !self.hungry.swap(false, Ordering::Relaxed) {
            return;
        }
        let place = Some(tree.give_away(length));
        let new = state.segments.len();
        state.segments.push(Segment { is: Is::Waiting, place, pieces: Vec::new(), leaves: 0 });
        let at = state.order.iter().position(|&other| other == id).expect("it is in order");
        state.order.insert(at + 1, new);
        drop(state);
        scope.spawn(|scope| self.come(scope));
    }

    /// Notes a piece of a segment, and whether more of the segment is wanted.
    fn goes_on(&self, id: usize, piece: Piece, ended: Ended) -> bool {
        let mut state = self.state();
        state.fickle |= ended == Ended::Fickle;
        let before = state.before(id, self.bounds.leaves_max);
        let segment = &mut state.segments[id];
        segment.leaves += piece.stretch.found.leaves;
        segment.pieces.push(piece);
        segment.is = match (ended, before) {
            (_, None) => Is::InVain,
            (Ended::Last, _) => Is::Done,
            (Ended::Found | Ended::Outgrown | Ended::Fickle, _) => Is::Enough,
            (Ended::Full, Some(before)) => {
                match before + segment.leaves >= self.bounds.leaves_max {
                    true => Is::Enough,
                    false => Is::AtWork,
                }
            }
        };
        let goes_on = segment.is == Is::AtWork;
        goes_on && !state.fickle
    }
}

impl State {
    fn place(&self, id: usize) -> Place {
        self.segments[id].place.clone().expect("the first segment never waits")
    }
}
