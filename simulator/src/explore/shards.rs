//! Shards: one proof on several machines that do not speak with each other.
//!
//! Method. The leaves of a proof stand in order, and a place cuts that order in two (`run/behind.rs`).
//! So every machine cuts the tree into the same *segments*, before anything is known of it (`cut_up`):
//! from a segment its first leaf is taken, and each question on that leaf's path that has answers left
//! begins a segment of its own. Each new segment is tried for a few leaves. One that ends with them is
//! done; of the others the one that seems largest is cut next, until there are enough of them. The large
//! ones are dealt by rank, and each shard searches its own to their ends. What is found is told segment
//! by segment, so that all of it can be put together in order ([`put_together`]).
//!
//! A bound on leaves means the first so many *in order*, over all shards. None of them knows what lies
//! before its segments, so each stops where its own reach the bound, and the segment in which the bound
//! falls is searched once more when they are put together.
//!
//! Invariant: what is put together is what [`super::explore`] finds, to the last figure, for every
//! number of shards.
//!
//! What it is not: balanced beyond a guess. Segments are many ([`Cut`]), so that no guess matters much;
//! of thousands of shards some have nothing to do.

mod proof;
mod row;

use std::sync::{Mutex, MutexGuard, PoisonError};

use journal_core::Stepwise;

use super::cell::recorded;
use super::parallel::again;
use super::prove::{Bounds, Explored};
use super::stretch::{Ended, Stretch};
use crate::choose::Exhaustive;
use crate::run::{Images, Place, Run, Tree};

pub use proof::{prove_put_together, prove_share};
pub use row::SearchedRow;

/// How finely a proof is cut. It makes no difference to what is put together, if all shards cut alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cut {
    /// Leaves after which a segment is large.
    pub large: u64,
    /// Large segments wanted for each shard.
    pub segments: usize,
}

/// Large segments wanted of all shards, at most: every shard cuts all of them.
const SEGMENTS_MAX: usize = 1 << 13;

impl Default for Cut {
    fn default() -> Self {
        Cut { large: 64, segments: 32 }
    }
}

/// What was found in a segment, and how it ended.
#[derive(Clone, Debug)]
pub struct Searched {
    /// Its rank among all segments of the proof.
    pub segment: u32,
    stretch: Stretch,
    ended: Ended,
}

impl Searched {
    /// Whether leaves behind it are wanted, as far as it can tell.
    fn goes_on(&self) -> bool {
        matches!(self.ended, Ended::Last | Ended::Full)
    }
}

/// What one shard found.
#[derive(Clone, Debug, Default)]
pub struct Share {
    /// Segments of the whole proof.
    pub segments: u32,
    /// Whether all leaves of this shard's segments were visited.
    pub complete: bool,
    /// Those of this shard, in order. Those behind the bound on leaves, or behind the end of the search,
    /// are missing.
    pub searched: Vec<Searched>,
}

impl Share {
    /// Its segments, taken for one: what was found in them. It is never complete, and images are not
    /// told, since there are others.
    pub fn explored<J: Stepwise>(&self, run: &mut Run<'_, J>, bounds: Bounds) -> Explored {
        let mut all = Stretch::default();
        self.searched.iter().for_each(|searched| all.add(searched.stretch.clone()));
        all.found.images.clear();
        let surprises = self.searched.iter().map(|s| s.stretch.found.nondeterminism);
        all.found.nondeterminism = surprises.flatten().next();
        all.explored(run, Ended::Full, bounds.memory_max)
    }
}

/// A part of the leaves, in order.
struct Segment {
    /// Where it begins; the first one begins with the tree.
    place: Option<Place>,
    /// What was found, if it was searched while the tree was cut up; else how many leaves it may have.
    known: Result<(Stretch, Ended), f64>,
}

/// Searches the segments of one of so many shards, on the threads of the present pool.
pub fn explore_share<J>(
    run: &mut Run<'_, J>,
    bounds: Bounds,
    (index, of): (u32, u32),
    cut: Cut,
) -> Share
where
    J: Stepwise<Options: Sync>,
{
    run.limit_memory(bounds.memory_max);
    let segments = cut_up(run, bounds, of, cut);
    let count = segments.len() as u32;
    let (mut small, mut large) = (0, 0);
    let mut mine = Vec::new();
    for (rank, segment) in (0..).zip(segments) {
        // By turns, the small ones and the large ones each for themselves.
        let turn = if segment.known.is_ok() { &mut small } else { &mut large };
        if *turn % of == index {
            mine.push((rank, segment));
        }
        *turn += 1;
    }
    let work = Work { bounds, mine, state: Mutex::default() };
    let (options, setup) = (run.options(), run.setup().clone());
    rayon::in_place_scope(|scope| {
        for _ in 1..rayon::current_num_threads() {
            scope.spawn(|_| {
                if let Ok(mut run) = recorded::<J>(options, &setup) {
                    work.search(&mut run);
                }
            });
        }
        work.search(run);
    });
    let mut searched = std::mem::take(&mut work.state().searched);
    searched.sort_by_key(|searched| searched.segment);
    let mut before = 0u64;
    searched.retain(|searched| {
        // Behind the bound, or behind what ended all, it is chance how many were begun.
        let wanted = before < bounds.leaves_max;
        before = match searched.goes_on() {
            true => before.saturating_add(searched.stretch.found.leaves),
            false => u64::MAX,
        };
        wanted
    });
    let all_last = searched.iter().all(|searched| searched.ended == Ended::Last);
    let complete = all_last && searched.len() == work.mine.len();
    Share { segments: count, complete, searched }
}

/// The segments of one shard, and who of its threads does what.
struct Work {
    bounds: Bounds,
    mine: Vec<(u32, Segment)>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    next: usize,
    searched: Vec<Searched>,
    /// Leaves of the segments that are done. They are begun in order, so these lie before all that are
    /// not begun.
    leaves: u64,
    /// Something was found that ends the search.
    is_over: bool,
}

impl Work {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next segment, if it is wanted.
    fn next(&self) -> Option<&(u32, Segment)> {
        let mut state = self.state();
        let enough = state.is_over || state.leaves >= self.bounds.leaves_max;
        let next = self.mine.get(state.next).filter(|_| !enough);
        state.next += 1;
        next
    }

    /// Searches one segment after the other.
    fn search<J: Stepwise>(&self, run: &mut Run<'_, J>) {
        let mut tree = Tree::default();
        run.limit_memory(self.bounds.memory_max);
        loop {
            let Some((rank, segment)) = self.next() else { return };
            let (stretch, ended) = match &segment.known {
                Ok(known) => known.clone(),
                Err(_) => {
                    let (place, Bounds { leaves_max, .. }) = (segment.place.as_ref(), self.bounds);
                    Stretch::behind(run, &mut tree, place, leaves_max, self.bounds)
                }
            };
            let searched = Searched { segment: *rank, stretch, ended };
            let mut state = self.state();
            state.leaves = state.leaves.saturating_add(searched.stretch.found.leaves);
            state.is_over |= !searched.goes_on();
            state.searched.push(searched);
        }
    }
}

/// Cuts the tree into segments, the same ones on every machine.
fn cut_up<J: Stepwise>(run: &mut Run<'_, J>, bounds: Bounds, of: u32, cut: Cut) -> Vec<Segment> {
    let mut tree = Tree::default();
    let mut segments = vec![tried(run, &mut tree, None, (bounds, cut.large))];
    let wanted = cut.segments.saturating_mul(of as usize).min(SEGMENTS_MAX);
    loop {
        let size = |(at, segment): (usize, &Segment)| Some((at, *segment.known.as_ref().err()?));
        let large = || segments.iter().enumerate().filter_map(size);
        // Of two that seem alike the first one.
        let largest = large().max_by(|a, b| a.1.total_cmp(&b.1).then(b.0.cmp(&a.0)));
        let Some((at, _)) = largest.filter(|_| large().count() < wanted) else { return segments };
        let place = segments[at].place.take();
        segments.splice(at..=at, cut_in_parts(run, &mut tree, place, (bounds, cut.large)));
    }
}

/// A segment as its first leaf, and what lies behind it below each question of its path: deepest
/// first.
fn cut_in_parts<J: Stepwise>(
    run: &mut Run<'_, J>,
    tree: &mut Tree<J::Recovery>,
    place: Option<Place>,
    (bounds, large): (Bounds, u64),
) -> Vec<Segment> {
    let fixed = place.as_ref().map_or(0, |place| place.fixed);
    // The leaf itself, and not all that was found below its crash state elsewhere.
    let by_leaf = Bounds { merges: false, ..bounds };
    let first = Stretch::behind(run, tree, place.as_ref(), 1, by_leaf);
    let path = tree.path().to_vec();
    let ended = if first.1 == Ended::Full { Ended::Last } else { first.1 };
    let mut parts = vec![Segment { place, known: Ok((first.0, ended)) }];
    for at in (fixed..path.len()).rev() {
        let (answer, options) = path[at];
        if answer + 1 < options {
            let place = Place { behind: path[..=at].to_vec(), fixed: at };
            parts.push(tried(run, tree, Some(place), (bounds, large)));
        }
    }
    parts
}

/// The segment behind a place, or all of the tree, with what a few of its leaves tell.
fn tried<J: Stepwise>(
    run: &mut Run<'_, J>,
    tree: &mut Tree<J::Recovery>,
    place: Option<Place>,
    (bounds, large): (Bounds, u64),
) -> Segment {
    let (stretch, ended) = Stretch::behind(run, tree, place.as_ref(), large, bounds);
    let known = match ended {
        Ended::Full => Err(stretch.found.leaves as f64 / passed(place.as_ref(), tree.path())),
        ended => Ok((stretch, ended)),
    };
    Segment { place, known }
}

/// Which share of a segment lies before this path of it, if all answers to a question are alike.
fn passed(place: Option<&Place>, path: &[(u32, u32)]) -> f64 {
    // A segment begins behind the last answer of its place, and keeps those before.
    let (begins, fixed) = place.map_or((0, 0), |p| (p.behind[p.fixed].0 + 1, p.fixed));
    let (mut passed, mut each) = (0.0, 1.0);
    for (at, &(answer, options)) in path.iter().enumerate().skip(fixed) {
        let first = if at == fixed { begins } else { 0 };
        each /= f64::from(options - first);
        passed += each * f64::from(answer - first);
    }
    // Where nothing was passed yet, one more answer at the end would be the least.
    passed.max(each)
}

/// What all shards found, put together: what [`super::explore`] finds. Segments are in order; those
/// behind the bound, or behind what ended the search, may be missing.
///
/// # Errors
/// In words, what does not fit.
pub fn put_together<J: Stepwise>(
    run: &mut Run<'_, J>,
    bounds: Bounds,
    (of, cut): (u32, Cut),
    segments: Vec<Option<Searched>>,
) -> Result<Explored, String> {
    run.limit_memory(bounds.memory_max);
    let mut all = Stretch::default();
    let mut end = Ended::Last;
    for (rank, searched) in segments.into_iter().enumerate() {
        let left = bounds.leaves_max.saturating_sub(all.found.leaves);
        if left == 0 && searched.as_ref().is_none_or(|s| s.stretch.found.leaves > 0) {
            end = Ended::Full;
            break;
        }
        let Some(Searched { stretch, ended, .. }) = searched else {
            return Err(format!("segment {rank} was not searched, and is wanted"));
        };
        if ended == Ended::Fickle {
            return Err(format!("segment {rank}: the journal is not deterministic"));
        }
        if stretch.found.leaves > left {
            let mut segments = cut_up(run, bounds, of, cut);
            if rank >= segments.len() {
                let there = segments.len();
                return Err(format!("expected segments below {there}, found number {rank}"));
            }
            let behind = segments.swap_remove(rank).place;
            all.add(again(run, &mut Tree::default(), behind, left, bounds));
            end = Ended::Full;
            break;
        }
        all.add(stretch);
        if ended != Ended::Last {
            end = ended;
            break;
        }
    }
    check(run, &all, end)?;
    Ok(all.explored(run, end, bounds.memory_max))
}

/// Whether what was told can have been found in this tree, as far as somebody relies on it.
fn check<J: Stepwise>(run: &mut Run<'_, J>, all: &Stretch, end: Ended) -> Result<(), String> {
    let uncounted = all.found.images.iter().find(|images| images.covered != images.all);
    if let Some(Images { covered, all: there, .. }) = uncounted
        && end == Ended::Last
        && !all.told_twice
    {
        return Err(format!(
            "the leaves stand for {covered} of {there} images: these are not the shards of one search, or the journal \
             is not deterministic"
        ));
    }
    let last = (end != Ended::Last).then_some((None, &all.last));
    let first = all.found.first.as_ref().map(|(broken, path)| (Some(*broken), path));
    for (broken, path) in first.into_iter().chain(last) {
        let mut tree = Tree::below(Exhaustive::below(path.clone()));
        let leaf = run.next_leaf(&mut tree);
        let owed = run.owed();
        let fits = leaf.is_some_and(|leaf| broken.is_none_or(|b| b == leaf.violated.and(owed)));
        if !fits || !tree.path().starts_with(path) || tree.nondeterminism().is_some() {
            return Err("a path that was told is none of this search".to_owned());
        }
    }
    Ok(())
}
