//! Prove: every leaf of a run.
//!
//! Method: the odometer over choices (`choose::Exhaustive`), one leaf after the other, each from the
//! end of the recorded first life. The first leaf in order that violates an owed oracle is kept as
//! a path; after it the exploration goes on, so that a report can say which oracles fail at all.
//!
//! Invariant: leaves are counted once each; when the tree is exhausted within the bound the result
//! is complete, otherwise it says how far it came.
//!
//! What it is not: minimal. The first failing leaf is the first in the order of the disk's options
//! (newest first, damage last), not the smallest.

use journal_core::Stepwise;

use num_bigint::BigUint;

use crate::choose::{Exhaustive, Path, What};
use crate::oracle::{Evaluated, Oracle, OracleSet};
use crate::run::{Images, Run, Tree};

/// Where an exploration stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Leaves at most.
    pub leaves_max: u64,
    /// Whether to stop at the first owed violation.
    pub first_only: bool,
}

impl Default for Bounds {
    fn default() -> Self {
        Bounds { leaves_max: 2_000_000, first_only: false }
    }
}

/// What an exploration found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Explored {
    /// Leaves visited: classes of crash states that recovery cannot tell apart.
    pub leaves: u64,
    /// Recoveries run.
    pub recoveries: u64,
    /// Leaves that violated each oracle, owed or not.
    pub violations: [u64; 9],
    /// The first leaf that violated an owed oracle: which ones, and its path.
    pub first: Option<(OracleSet, Path)>,
    /// The first leaf that violated each oracle that is not owed.
    pub unowed: Vec<(Oracle, Path)>,
    /// For each power cut: how many images it may leave, over all crash points and pasts, and how
    /// many of them the leaves stand for. Empty where some have several leaves. Behind the first cut
    /// it is histories that are counted, and only those that were begun.
    pub images: Vec<Images>,
    /// Whether the leaves of a complete search stand for exactly all images. If not, the journal
    /// depends on more than what it reads, or the search is wrong: nothing was proved.
    pub adds_up: bool,
    /// Whether some checksum covered more undecided contents than can be tried: then its passing
    /// mixtures were looked for among what the journal wrote, and another one that passes, a
    /// collision, was not looked for.
    pub modulo_collisions: bool,
    /// How often each oracle was evaluated.
    pub evaluated: Evaluated,
    /// Whether every leaf was visited, and each image has one.
    pub complete: bool,
    /// Whether some images have several leaves, since what was read had more explanations than are
    /// kept: then nothing is counted and nothing proved.
    pub told_twice: bool,
    /// Whether there were recoveries that were completed, and none of them changed anything on the
    /// device: then a cut inside of one leaves what was there, however often it comes.
    pub recovery_changes_nothing: bool,
    /// A question that changed on replay: what, options before, options now.
    pub nondeterminism: Option<(What, u32, u32)>,
}

/// Visits every leaf of a recorded run, within bounds.
pub fn explore<J: Stepwise>(run: &mut Run<'_, J>, bounds: Bounds) -> Explored {
    let mut found = Explored::default();
    let mut tree = Tree::default();
    let owed = run.owed();
    run.evaluated = Evaluated::default();
    run.resumes = (0, 0);
    loop {
        if found.leaves == bounds.leaves_max {
            found.complete = tree.is_last();
            break;
        }
        let leaf = run.next_leaf(&mut tree);
        found.nondeterminism = tree.nondeterminism();
        let Some(leaf) = leaf else {
            found.complete = found.nondeterminism.is_none();
            break;
        };
        found.leaves += 1;
        found.recoveries += u64::from(leaf.recoveries);
        if !leaf.violated.is_empty() {
            note(&mut found, leaf.violated, owed, tree.path());
        }
        if found.nondeterminism.is_some() || (bounds.first_only && found.first.is_some()) {
            break;
        }
    }
    run.leave();
    found.told_twice = tree.told_twice();
    found.complete &= !found.told_twice;
    found.images = tree.images().to_vec();
    if !found.complete && !found.told_twice && found.nondeterminism.is_none() {
        add_unbegun(run, tree.path(), &mut found.images);
    }
    // What the leaves stand for is counted leaf by leaf, and all there is without them.
    found.adds_up = !found.complete || found.images.iter().all(|i| i.covered == i.all);
    found.modulo_collisions = tree.modulo_collisions();
    found.evaluated = run.evaluated;
    let opens_write = found.violations[Oracle::Idempotence as usize] > 0;
    found.recovery_changes_nothing = run.resumes.0 > 0 && run.resumes.1 == 0 && !opens_write;
    found
}

/// Adds the images of the first cut's crash points that were not begun, so that what was covered is
/// a share of all. Only devices that are asked for one crash point after the other leave any out.
#[cold]
fn add_unbegun<J: Stepwise>(run: &mut Run<'_, J>, path: &[(u32, u32)], images: &mut [Images]) {
    let (Some(first), Some(&(begun, points))) = (images.first_mut(), path.first()) else { return };
    if run.disk().leaves_cuts_open() || run.crash_points() < 2 {
        return;
    }
    let evaluated = run.evaluated;
    for point in begun + 1..points {
        let mut tree = Tree::below(Exhaustive::below(vec![(point, points)]));
        run.next_leaf(&mut tree);
        first.all += tree.images().first().map_or_else(BigUint::default, |i| i.all.clone());
        run.leave();
    }
    run.evaluated = evaluated;
}

#[cold]
fn note(found: &mut Explored, violated: OracleSet, owed: OracleSet, path: &[(u32, u32)]) {
    for oracle in violated.iter() {
        found.violations[oracle as usize] += 1;
        if !owed.contains(oracle) && !found.unowed.iter().any(|(known, _)| *known == oracle) {
            found.unowed.push((oracle, path.to_vec()));
        }
    }
    let broken = violated.and(owed);
    if found.first.is_none() && !broken.is_empty() {
        found.first = Some((broken, path.to_vec()));
    }
}
