//! Exhaustive: every path, depth first, once.
//!
//! Method: the odometer. A stack of (answer, options) is the path from the root to the present
//! leaf; running it again replays the stack and extends it with zeros; [`Exhaustive::next`]
//! increments the last answer that has a successor and drops what lies behind it. (The choice
//! stack with re-execution of stateless model checkers, such as Jaaru's.)
//!
//! Invariant: on a replayed prefix every question is the one that was asked before and has the
//! number of options it had before, and none of them is left out. If not, what ran is not
//! deterministic: [`Exhaustive::nondeterminism`] says where. (The number alone is not enough: two
//! sectors read in turns have two options each, and half of the leaves would go unvisited.)
//!
//! What it is not: bounded by itself. The explorer counts leaves and stops.

use std::num::NonZeroU32;

use super::{Chooser, Label, What};

/// A path: answers and numbers of options, from the root.
pub type Path = Vec<(u32, u32)>;

/// The odometer.
#[derive(Clone, Debug, Default)]
pub struct Exhaustive {
    path: Path,
    /// The questions of the path, as far as they were asked by a run of this odometer.
    asked: Vec<What>,
    at: usize,
    /// The prefix that `next` never changes: a share of a parallel exploration.
    fixed: usize,
    nondeterminism: Option<(What, u32, u32)>,
}

impl Exhaustive {
    /// At the first leaf: all answers 0.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// At the first leaf below `prefix`; leaves outside are never visited.
    #[must_use]
    pub fn below(prefix: Path) -> Self {
        let fixed = prefix.len();
        Exhaustive { fixed, path: prefix, asked: Vec::new(), at: 0, nondeterminism: None }
    }

    /// Forgets the path, and keeps its memory: the next leaf is the first of all.
    pub fn restart(&mut self) {
        self.path.clear();
        self.asked.clear();
        (self.at, self.fixed, self.nondeterminism) = (0, 0, None);
    }

    /// Prepares a run: the path is replayed from its root.
    pub fn rewind(&mut self) {
        self.at = 0;
    }

    /// Prepares a run that goes on behind the first `depth` questions of the path.
    pub fn rewind_to(&mut self, depth: usize) {
        self.at = depth;
    }

    /// Questions asked so far in this run.
    #[must_use]
    pub fn depth(&self) -> usize {
        self.at
    }

    /// Moves to the next leaf, or says that there is none.
    pub fn next_leaf(&mut self) -> bool {
        if self.at < self.path.len() && self.nondeterminism.is_none() {
            // The run ended before a question that it asked the last time.
            let left_out = self.asked.get(self.at).map(|&what| (what, self.path[self.at].1, 0));
            self.nondeterminism = left_out;
        }
        self.at = 0;
        while self.path.len() > self.fixed {
            let last = self.path.last_mut().expect("longer than the fixed prefix");
            if last.0 + 1 < last.1 {
                last.0 += 1;
                self.asked.truncate(self.path.len());
                return true;
            }
            self.path.pop();
        }
        // Who asks once more is told the same, and not that something was left out.
        self.at = self.path.len();
        false
    }

    /// Whether no leaf comes after the present one.
    #[must_use]
    pub fn is_last(&self) -> bool {
        self.path[self.fixed..].iter().all(|&(answer, options)| answer + 1 >= options)
    }

    /// How many first answers are never changed.
    #[must_use]
    pub fn fixed(&self) -> usize {
        self.fixed
    }

    /// From now on the first `length` answers of the path are never changed.
    pub fn fix(&mut self, length: usize) {
        self.fixed = length;
    }

    /// Goes back to the first `length` answers of the path, the first `fixed` of which are never
    /// changed: the next leaf is the first one behind all that begin so.
    pub fn step_back(&mut self, length: usize, fixed: usize) {
        self.path.truncate(length);
        self.fixed = fixed;
    }

    /// The path of the present leaf.
    #[must_use]
    pub fn path(&self) -> &[(u32, u32)] {
        &self.path
    }

    /// The first question that changed on replay: what is asked now, options before, options now.
    /// Where the numbers are equal it is another question than before; none now: it was left out.
    #[must_use]
    pub fn nondeterminism(&self) -> Option<(What, u32, u32)> {
        self.nondeterminism
    }
}

impl Chooser for Exhaustive {
    #[inline]
    fn choose(&mut self, what: What, options: NonZeroU32, _: &dyn Fn(u32) -> Label) -> u32 {
        let n = options.get();
        let answer = match self.path.get(self.at) {
            Some(&(answer, before)) => {
                let same = match self.asked.get(self.at) {
                    Some(asked) => asked.same_question(&what),
                    None => true,
                };
                if (before != n || !same) && self.nondeterminism.is_none() {
                    self.nondeterminism = Some((what, before, n));
                }
                answer.min(n - 1)
            }
            None => {
                self.path.push((0, n));
                0
            }
        };
        if self.asked.len() == self.at {
            self.asked.push(what);
        }
        self.at += 1;
        answer
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::choose::pick;

    #[test]
    fn every_leaf_is_visited_once_and_in_order() {
        // The number of options of a question depends on the answers before it.
        let mut odometer = Exhaustive::new();
        let mut leaves = Vec::new();
        loop {
            let first = pick(&mut odometer, What::Fault, 3);
            let second = pick(&mut odometer, What::Fault, first + 1);
            let third = pick(&mut odometer, What::Fault, 2);
            leaves.push((first, second, third));
            if !odometer.next_leaf() {
                break;
            }
        }
        let mut sorted = leaves.clone();
        sorted.sort_unstable();
        sorted.dedup();
        assert_eq!(leaves, sorted, "in order, without repeats");
        assert_eq!(leaves.len(), (1 + 2 + 3) * 2);
    }

    #[test]
    fn behind_the_last_leaf_there_is_none_however_often_one_asks() {
        let mut odometer = Exhaustive::below(vec![(1, 3), (0, 2)]);
        pick(&mut odometer, What::Cut, 3);
        pick(&mut odometer, What::Fault, 2);
        assert!(!odometer.next_leaf());
        assert!(!odometer.next_leaf());
        assert_eq!(odometer.nondeterminism(), None);
    }

    #[test]
    fn shares_of_the_tree_partition_it() {
        let run = |odometer: &mut Exhaustive| {
            let first = pick(odometer, What::Fault, 3);
            (first, pick(odometer, What::Fault, 2 + first))
        };
        let mut all = Vec::new();
        for share in 0..3 {
            let mut odometer = Exhaustive::below(vec![(share, 3)]);
            loop {
                all.push(run(&mut odometer));
                if !odometer.next_leaf() {
                    break;
                }
            }
        }
        assert_eq!(all.len(), 2 + 3 + 4);
    }

    #[test]
    fn a_question_that_changes_on_replay_is_named() {
        let mut odometer = Exhaustive::new();
        pick(&mut odometer, What::Fault, 3);
        odometer.rewind();
        pick(&mut odometer, What::Fault, 4);
        assert_eq!(odometer.nondeterminism(), Some((What::Fault, 3, 4)));
    }

    #[test]
    fn another_question_with_as_many_options_is_named() {
        let mut odometer = Exhaustive::new();
        pick(&mut odometer, What::Workload("first sector"), 2);
        pick(&mut odometer, What::Workload("second sector"), 2);
        assert!(odometer.next_leaf());
        pick(&mut odometer, What::Workload("second sector"), 2);
        let changed = Some((What::Workload("second sector"), 2, 2));
        assert_eq!(odometer.nondeterminism(), changed);
    }

    #[test]
    fn a_question_that_is_left_out_on_replay_is_named() {
        let mut odometer = Exhaustive::new();
        pick(&mut odometer, What::Cut, 2);
        pick(&mut odometer, What::Fault, 2);
        assert!(odometer.next_leaf());
        pick(&mut odometer, What::Cut, 2);
        assert_eq!(odometer.nondeterminism(), None, "the run may still ask");
        odometer.next_leaf();
        assert_eq!(odometer.nondeterminism(), Some((What::Fault, 2, 0)));
    }
}
