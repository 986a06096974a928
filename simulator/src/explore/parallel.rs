//! Parallel: one proof on several threads.
//!
//! Method. The leaves of a proof stand in order. Whoever searches a *segment* of them, from one place
//! to another, may at any time give away the part behind some place of its present path to whoever
//! has nothing to do (`run/behind.rs`): the segment is split in two, and stays two in order. Subtrees
//! are of very different sizes, so nobody splits in advance: the one at work does when others have
//! nothing to do (`levels.rs` chooses where). Each thread has a run and a tree of its own, and keeps
//! what it remembers from one segment to the next. A segment is searched piece by piece, and at the end
//! the pieces are put together in order (`stretch.rs`).
//!
//! A bound on leaves means the first so many *in order*. What lies behind them is searched in vain
//! where it was begun, and thrown away: a segment stops once it and those before it have enough, or
//! those before it alone. The piece in which the bound falls is searched again from its beginning.
//!
//! A journal that is not deterministic makes every replay a surprise. Once anybody meets one, all is
//! thrown away and [`explore`] says what there is to say. The result does not tell whether that came to
//! pass, so whoever wants to know asks [`explore_by_parts`].
//!
//! Invariant: the result is that of [`explore`], whatever the number of threads and their timing; but for a
//! journal that is not deterministic and is not caught at it within the bound.
//!
//! What it is not: of use for small proofs. They are over before others are asked.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use journal_core::Stepwise;

use super::cell::recorded;
use super::levels::Levels;
use super::outside::Outside;
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
    /// What is visited of a segment before any of it is given away, and given away at least, as far as
    /// that can be guessed.
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
    explore_by_parts(run, bounds, grain).unwrap_or_else(|| {
        // Set up anew: what such a journal keeps in its memory it forgets there, if at all.
        match recorded::<J>(run.options(), run.setup()) {
            Ok(mut anew) => explore(&mut anew, bounds),
            Err(_) => explore(run, bounds),
        }
    })
}

/// As [`explore_together`], but `None` where the parts did not fit together: the journal is not
/// deterministic (or this search is wrong).
pub fn explore_by_parts<J>(run: &mut Run<'_, J>, bounds: Bounds, grain: Grain) -> Option<Explored>
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
    let found = up_to_bound(run, enough, grain)?;
    let undecided = found.first.is_none() && found.nondeterminism.is_none();
    let undecided = undecided && !found.outgrown && !found.interrupted;
    match undecided && found.leaves == leaves_enough && !found.complete {
        true => up_to_bound(run, Bounds { first_only: true, ..bounds }, grain),
        false => Some(found),
    }
}

/// Up to the bound on leaves, or the first violation if no more is wanted. That what breaks is known is
/// seen when all is put together, and what lies behind was searched in vain.
fn up_to_bound<J>(run: &mut Run<'_, J>, bounds: Bounds, grain: Grain) -> Option<Explored>
where
    J: Stepwise<Options: Sync>,
{
    let ends = Bounds { leaves_enough: u64::MAX, ..bounds };
    let bounds = Bounds { leaves_least: u64::MAX, ..ends };
    let (mut tree, mut stretch) = (Tree::default(), Stretch::default());
    (run.evaluated, run.resumes) = (Evaluated::default(), (0, 0));
    run.limit_memory(bounds.memory_max);
    let alone = grain.alone.min(bounds.leaves_max);
    let ended = stretch.visit(run, &mut tree, alone, ends);
    stretch.close(run, &mut tree);
    let is_over = ends.over_at(&stretch.news, run.owed()) <= stretch.found.leaves;
    if ended != Ended::Full || stretch.found.leaves >= bounds.leaves_max || is_over {
        return Some(stretch.explored(run, ended, bounds.memory_max));
    }
    let threads = rayon::current_num_threads();
    let search = Search::<J> {
        options: run.options(),
        setup: run.setup().clone(),
        bounds,
        grain,
        threads,
        hungry: AtomicBool::new(threads > 1),
        state: Mutex::new(State::begun(stretch)),
        changed: Condvar::new(),
    };
    rayon::in_place_scope(|scope| {
        (1..threads).for_each(|_| scope.spawn(|_| search.come()));
        let _guard = GivesUp(&search);
        search.work(run, 0, &mut tree);
        search.help(run, &mut tree);
    });
    let state = search.state.into_inner().unwrap_or_else(PoisonError::into_inner);
    let (stretch, ended) = state.in_order(run, &mut tree, ends)?;
    Some(stretch.explored(run, ended, bounds.memory_max))
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
    /// Segments that wait or are at work.
    open: usize,
    /// Nothing that is found is of use: the journal is fickle, or a thread panicked.
    given_up: bool,
}

impl State {
    /// The first segment, at work behind what was visited alone.
    fn begun(alone: Stretch) -> State {
        let leaves = alone.found.leaves;
        let pieces = vec![Piece { behind: None, stretch: alone }];
        let first = Segment { is: Is::AtWork, place: None, pieces, leaves };
        State { segments: vec![first], order: vec![0], open: 1, given_up: false }
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

    /// The first segment that waits and is wanted, if any; it is at work from now on.
    fn take(&mut self, leaves_max: u64) -> Option<(usize, Place)> {
        for at in 0..self.order.len() {
            let id = self.order[at];
            if self.segments[id].is != Is::Waiting {
                continue;
            }
            let is_wanted = self.before(id, leaves_max).is_some();
            let segment = &mut self.segments[id];
            if is_wanted {
                segment.is = Is::AtWork;
                let place = segment.place.clone();
                return Some((id, place.expect("the first segment never waits")));
            }
            segment.is = Is::InVain;
            self.open -= 1;
        }
        None
    }

    /// Everything that is wanted, in order, and how it ended; `None` if it was thrown away.
    fn in_order<J: Stepwise>(
        self,
        run: &mut Run<'_, J>,
        tree: &mut Tree<J::Recovery>,
        bounds: Bounds,
    ) -> Option<(Stretch, Ended)> {
        if self.given_up {
            return None;
        }
        let State { mut segments, order, .. } = self;
        let mut all = Stretch::default();
        let piece_by_piece = Bounds { leaves_least: u64::MAX, ..bounds };
        for id in order {
            let segment = &mut segments[id];
            for piece in segment.pieces.drain(..) {
                let over_at = bounds.over_at(&all.news_with(&piece.stretch), run.owed());
                let left = bounds.leaves_max.min(over_at) - all.found.leaves;
                if piece.stretch.found.leaves > left {
                    if left > 0 {
                        let behind = piece.behind.map(|behind| Place { behind, fixed: 0 });
                        all.add(again(run, tree, behind, left, piece_by_piece));
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
                Is::Enough if all.found.interrupted => return Some((all, Ended::Interrupted)),
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

/// The first leaves behind a place, or of all, once more.
pub(super) fn again<J: Stepwise>(
    run: &mut Run<'_, J>,
    tree: &mut Tree<J::Recovery>,
    place: Option<Place>,
    leaves: u64,
    bounds: Bounds,
) -> Stretch {
    let bounds = Bounds { leaves_max: leaves, outside: Outside::default(), ..bounds };
    Stretch::behind(run, tree, place.as_ref(), leaves, bounds).0
}

/// What the threads share.
struct Search<'o, J: Stepwise> {
    options: &'o J::Options,
    setup: Setup,
    bounds: Bounds,
    grain: Grain,
    threads: usize,
    /// Some thread has nothing to do: who is at work may give some of it away.
    hungry: AtomicBool,
    state: Mutex<State>,
    /// A segment waits, or none is open.
    changed: Condvar,
}

impl<'o, J: Stepwise<Options: Sync>> Search<'o, J> {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells the others what has become of the segments.
    fn tell(&self, state: &State) {
        self.hungry.store(state.open < self.threads, Ordering::Relaxed);
        self.changed.notify_all();
    }

    /// Waits for a segment to be searched; `None` when there will be none.
    fn take(&self) -> Option<(usize, Place)> {
        let mut state = self.state();
        loop {
            if state.given_up {
                return None;
            }
            let open = state.open;
            let taken = state.take(self.bounds.leaves_max);
            if state.open != open {
                self.tell(&state);
            }
            if taken.is_some() || state.open == 0 {
                return taken;
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Searches whatever waits.
    fn help(&self, run: &mut Run<'_, J>, tree: &mut Tree<J::Recovery>) {
        while let Some((id, place)) = self.take() {
            run.go_behind(tree, &place);
            self.work(run, id, tree);
        }
    }

    /// As [`Search::help`], on a thread that has no run yet.
    fn come(&self) {
        let _guard = GivesUp(self);
        let Some((id, place)) = self.take() else { return };
        // What could be set up once can be set up again.
        let Ok(mut run) = recorded::<J>(self.options, &self.setup) else { return self.give_up() };
        run.limit_memory(self.bounds.memory_max);
        let mut tree = Tree::default();
        run.go_behind(&mut tree, &place);
        self.work(&mut run, id, &mut tree);
        self.help(&mut run, &mut tree);
    }

    fn give_up(&self) {
        let mut state = self.state();
        state.given_up = true;
        self.tell(&state);
    }

    /// Searches a segment, piece by piece, until it ends or nothing more of it is wanted.
    fn work(&self, run: &mut Run<'_, J>, id: usize, tree: &mut Tree<J::Recovery>) {
        let mut levels = Levels::new(tree.path());
        loop {
            let behind = tree.path().to_vec();
            let mut stretch = Stretch::default();
            (run.evaluated, run.resumes) = (Evaluated::default(), (0, 0));
            let ended = loop {
                let before = levels.changes(tree.path());
                let leaves = stretch.found.leaves + 1;
                let ended = stretch.visit(run, tree, leaves, self.bounds);
                if ended == Ended::Last {
                    // Whether its last run asked all it had asked before.
                    break stretch.visit(run, tree, u64::MAX, self.bounds);
                }
                levels.changed(before, tree.path());
                if ended != Ended::Full || stretch.found.leaves >= self.grain.piece {
                    break ended;
                }
                if self.hungry.load(Ordering::Relaxed) && self.looks(levels.leaves()) {
                    self.give(id, tree, &levels);
                }
            };
            stretch.close(run, tree);
            let piece = Piece { behind: Some(behind), stretch };
            if !self.goes_on(id, piece, ended) {
                return;
            }
        }
    }

    /// Whether who has visited so many leaves of a segment looks for a place to split it.
    fn looks(&self, leaves: u64) -> bool {
        leaves >= self.grain.least && leaves.is_multiple_of(LOOK_EVERY)
    }

    /// Gives some of a segment away, if it is large enough.
    fn give(&self, id: usize, tree: &mut Tree<J::Recovery>, levels: &Levels) {
        let (least, most) = (self.grain.least, self.bounds.leaves_max / 2);
        let Some(length) = levels.place(tree.path(), tree.fixed(), least, most) else { return };
        let mut state = self.state();
        if state.open >= self.threads {
            return;
        }
        let place = Some(tree.give_away(length));
        let new = state.segments.len();
        state.segments.push(Segment { is: Is::Waiting, place, pieces: Vec::new(), leaves: 0 });
        let at = state.order.iter().position(|&other| other == id).expect("it is in order");
        state.order.insert(at + 1, new);
        state.open += 1;
        self.tell(&state);
    }

    /// Notes a piece of a segment, and whether more of the segment is wanted.
    fn goes_on(&self, id: usize, piece: Piece, ended: Ended) -> bool {
        let mut state = self.state();
        state.given_up |= ended == Ended::Fickle;
        let before = state.before(id, self.bounds.leaves_max);
        let segment = &mut state.segments[id];
        segment.leaves += piece.stretch.found.leaves;
        segment.pieces.push(piece);
        segment.is = match (ended, before) {
            (_, None) => Is::InVain,
            (Ended::Last, _) => Is::Done,
            (Ended::Found | Ended::Outgrown | Ended::Fickle | Ended::Interrupted, _) => Is::Enough,
            (Ended::Full, Some(before)) => {
                match before + segment.leaves >= self.bounds.leaves_max {
                    true => Is::Enough,
                    false => Is::AtWork,
                }
            }
        };
        let goes_on = segment.is == Is::AtWork;
        if !goes_on {
            state.open -= 1;
            self.tell(&state);
        }
        goes_on && !state.given_up
    }
}

/// A thread that panics must not leave the others waiting for the end of its segment.
struct GivesUp<'s, 'o, J: Stepwise<Options: Sync>>(&'s Search<'o, J>);

impl<J: Stepwise<Options: Sync>> Drop for GivesUp<'_, '_, J> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.give_up();
        }
    }
}
