//! Limited: every path with at most so many answers that deviate.
//!
//! Method: limited discrepancy search (Harvey and Ginsberg, 1995), here as an odometer with a budget.
//! Each question has one answer that costs nothing, the *calm* one: newest content, or oldest
//! content, whichever background is asked for. Every other answer costs one. Which call the power
//! is cut at costs nothing either way: it says which crash, not how much went wrong in it. A budget of
//! 0, 1, 2, .. one after the other meets each path for the first time at the number of its
//! deviations, so that the first failure met has the fewest there are.
//!
//! Invariant: with a budget of `d` every path of at most `d` deviations is visited once and no other,
//! provided that the same answers lead to the same questions. [`Limited::left_out`] says whether
//! there are others.
//!
//! What it is not: fast at finding failures that need many deviations. The number of paths grows
//! with the power of the budget; whoever uses it counts leaves and stops.

use std::num::NonZeroU32;

use crate::choose::{Chooser, Label, What};

/// What answers are compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Background {
    /// Everything persisted: answer 0.
    Newest,
    /// Nothing persisted: the oldest content without damage.
    Oldest,
}

impl Background {
    /// The answer that does not deviate; none where every answer is as good as another.
    #[must_use]
    pub fn calm(self, what: What) -> Option<u32> {
        match (what, self) {
            (What::Cut | What::CutHere { .. }, _) => None,
            (What::Sector { whole, .. }, Background::Oldest) => Some(whole.saturating_sub(1)),
            _ => Some(0),
        }
    }
}

/// One question of the path.
#[derive(Clone, Copy, Debug)]
struct Step {
    /// Which answer, counted from the calm one.
    rank: u32,
    options: u32,
    calm: Option<u32>,
}

impl Step {
    fn costs(self) -> u32 {
        u32::from(self.calm.is_some() && self.rank > 0)
    }

    /// The calm answer first, then the others in their order.
    fn answer(self) -> u32 {
        match self.calm {
            Some(calm) if self.rank == 0 => calm,
            Some(calm) if self.rank <= calm => self.rank - 1,
            _ => self.rank,
        }
    }
}

/// The odometer with a budget.
#[derive(Clone, Debug)]
pub struct Limited {
    background: Background,
    budget: u32,
    path: Vec<Step>,
    at: usize,
    left_out: bool,
}

impl Limited {
    /// At the first path: no deviation.
    #[must_use]
    pub fn new(background: Background, budget: u32) -> Self {
        Limited { background, budget, path: Vec::new(), at: 0, left_out: false }
    }

    /// Prepares a run: the path is answered from its root.
    pub fn rewind(&mut self) {
        self.at = 0;
    }

    /// Moves to the next path, or says that there is none within the budget.
    pub fn next_leaf(&mut self) -> bool {
        // A run may end before the questions that an earlier one was asked.
        self.path.truncate(self.at);
        self.at = 0;
        let mut spent: u32 = self.path.iter().map(|step| step.costs()).sum();
        while let Some(last) = self.path.last_mut() {
            spent -= last.costs();
            if last.rank + 1 < last.options {
                let next = Step { rank: last.rank + 1, ..*last };
                if spent + next.costs() <= self.budget {
                    *last = next;
                    return true;
                }
                self.left_out = true;
            }
            self.path.pop();
        }
        false
    }

    /// Whether some path was left out for having too many deviations.
    #[must_use]
    pub fn left_out(&self) -> bool {
        self.left_out
    }

    /// Deviations of the present path.
    #[must_use]
    pub fn deviations(&self) -> u32 {
        self.path.iter().map(|step| step.costs()).sum()
    }
}

impl Chooser for Limited {
    fn choose(&mut self, what: What, options: NonZeroU32, _: &dyn Fn(u32) -> Label) -> u32 {
        if self.at == self.path.len() {
            let options = options.get();
            let calm = self.background.calm(what).map(|calm| calm.min(options - 1));
            self.path.push(Step { rank: 0, options, calm });
        }
        let step = self.path[self.at];
        self.at += 1;
        step.answer().min(options.get() - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::choose::pick;

    const fn sector(lba: u64, whole: u32) -> What {
        What::Sector { cut: 1, lba, whole }
    }

    /// A tree whose shape depends on its answers: a cut, and as many sectors as the cut says.
    fn walk(chooser: &mut Limited) -> Vec<u32> {
        let cut = pick(chooser, What::Cut, 3);
        let mut path = vec![cut];
        for lba in 0..=u64::from(cut) {
            path.push(pick(chooser, sector(lba, 2), 3));
        }
        path
    }

    fn all(background: Background, budget: u32) -> (Vec<Vec<u32>>, bool) {
        let mut chooser = Limited::new(background, budget);
        let mut paths = Vec::new();
        loop {
            chooser.rewind();
            let path = walk(&mut chooser);
            let calm = background.calm(sector(0, 2)).unwrap();
            let deviations = path[1..].iter().filter(|&&answer| answer != calm).count();
            assert_eq!(chooser.deviations() as usize, deviations);
            paths.push(path);
            if !chooser.next_leaf() {
                return (paths, chooser.left_out());
            }
        }
    }

    #[test]
    fn the_budget_bounds_the_deviations_and_every_path_within_it_is_visited_once() {
        for (background, calm) in [(Background::Newest, 0), (Background::Oldest, 1)] {
            for budget in 0..=4 {
                let (mut paths, left_out) = all(background, budget);
                let mut expected = Vec::new();
                for cut in 0..3u32 {
                    for code in 0..3u32.pow(cut + 1) {
                        let digits = (0..=cut).map(|at| code / 3u32.pow(at) % 3);
                        let path: Vec<u32> = std::iter::once(cut).chain(digits).collect();
                        let deviations = path[1..].iter().filter(|&&d| d != calm).count();
                        if deviations as u32 <= budget {
                            expected.push(path);
                        }
                    }
                }
                paths.sort();
                expected.sort();
                assert_eq!(paths, expected);
                assert_eq!(left_out, budget < 3);
            }
        }
    }

    #[test]
    fn the_first_path_is_the_calm_one() {
        assert_eq!(all(Background::Newest, 9).0[0], [0, 0]);
        assert_eq!(all(Background::Oldest, 9).0[0], [0, 1]);
    }
}
