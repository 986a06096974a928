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

use super::outside::Outside;
use super::stretch::Stretch;
use crate::choose::{Path, What};
use crate::disk::MEMORY_MAX;
use crate::oracle::{Evaluated, Oracle, OracleSet};
use crate::run::{Images, Run, Tree};

/// Where an exploration stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Leaves at most.
    pub leaves_max: u64,
    /// Whether to stop at the first owed violation.
    pub first_only: bool,
    /// Leaves after which an owed violation, once there is one, ends the search as the bound does: so
    /// many at most are looked through for all that breaks.
    pub leaves_enough: u64,
    /// So many at least; between the two it is over once as many leaves again as it took to meet the last
    /// oracle that breaks had no other one. What breaks first in the first half of the leaves is seldom
    /// all that breaks, and what did not break in the second seldom does later.
    pub leaves_least: u64,
    /// Whether last lives that end alike are searched once. It makes no difference to what is found.
    pub merges: bool,
    /// Bytes that may be kept, by the sizes of what is kept: an eighth for counting images. Each
    /// thread that helps keeps as much again; what the journal keeps of its own is not seen.
    pub memory_max: u64,
    /// Who may end it before, and watches.
    pub outside: Outside,
}

impl Default for Bounds {
    fn default() -> Self {
        Bounds {
            leaves_max: 2_000_000,
            first_only: false,
            leaves_enough: u64::MAX,
            leaves_least: u64::MAX,
            merges: true,
            memory_max: MEMORY_MAX,
            outside: Outside::default(),
        }
    }
}

impl Bounds {
    /// The leaves that are enough where the last oracle that breaks was first seen to after so many.
    pub(super) fn enough(&self, news: u64) -> u64 {
        self.leaves_enough.min(self.leaves_least.max(news.saturating_mul(2)))
    }

    /// The leaves that are enough, where it is known after how many each oracle was first violated (0 if
    /// never) in a search that did not end then.
    pub(super) fn over_at(&self, news: &[u64; 9], owed: OracleSet) -> u64 {
        let known = owed.iter().map(|oracle| news[oracle as usize]).filter(|&at| at > 0).min();
        let Some(known) = known else { return u64::MAX };
        let mut at: Vec<u64> = news.iter().copied().filter(|&at| at > 0).collect();
        at.sort_unstable();
        let over = (0..at.len()).map(|i| (self.enough(at[i]).max(known).max(at[i]), at.get(i + 1)));
        let mut over = over.filter(|&(over, next)| next.is_none_or(|&next| over < next));
        over.next().map_or(u64::MAX, |(over, _)| over)
    }
}

/// What an exploration found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Explored {
    /// Leaves visited: classes of crash states that recovery cannot tell apart.
    pub leaves: u64,
    /// Recoveries run to their end, each from the last place that it shares with one before; those below a
    /// crash state that was met before count as if they had been run again.
    pub recoveries: u64,
    /// Leaves that violated each oracle, owed or not.
    pub violations: [u64; 9],
    /// The first leaf that violated an owed oracle: which ones, and its path.
    pub first: Option<(OracleSet, Path)>,
    /// The first leaf that violated each oracle, owed or not.
    pub firsts: Vec<(Oracle, Path)>,
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
    /// The most bytes kept at any leaf, and needed for counting its images.
    pub kept_bytes: u64,
    /// Whether more would have had to be kept than may be: that ended the search.
    pub outgrown: bool,
    /// Whether it was ended from outside.
    pub interrupted: bool,
    /// The most sectors that were at risk at a cut, if every recovery read all that were, so that
    /// nothing was left open; none if that says little.
    pub reads_all: Option<u32>,
    /// Whether some images have several leaves, since what was read had more explanations than are
    /// kept: then nothing is counted and nothing proved.
    pub told_twice: bool,
    /// Whether there were recoveries that were completed, and none of them changed anything on the
    /// device: then a cut inside of one leaves what was there, however often it comes.
    pub recovery_changes_nothing: bool,
    /// A question that changed on replay: what, options before, options now.
    pub nondeterminism: Option<(What, u32, u32)>,
}

/// Visits every leaf of a recorded run, within bounds, one after the other.
pub fn explore<J: Stepwise>(run: &mut Run<'_, J>, bounds: Bounds) -> Explored {
    let (mut tree, mut stretch) = (Tree::default(), Stretch::default());
    run.evaluated = Evaluated::default();
    run.resumes = (0, 0);
    run.limit_memory(bounds.memory_max);
    let ended = stretch.visit(run, &mut tree, bounds.leaves_max, bounds);
    stretch.close(run, &mut tree);
    stretch.explored(run, ended, bounds.memory_max)
}
