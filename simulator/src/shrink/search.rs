//! The search of one setup: is there a crash state that breaks what must be broken, and which is the
//! smallest?
//!
//! Method. [`find`] asks for any: paths by number of deviations from "everything persisted", then
//! from "nothing persisted", then, if there are too many paths, draws. [`fewest`] asks for the
//! smallest: all paths of 0 deviations, of 1, .. up to the first number at which something breaks, and
//! of those the one with the least damage and the earliest cut.
//!
//! Invariant: what is found follows from setup, quarry and number of leaves alone. Draws have fixed
//! seeds.
//!
//! What it is not: a verdict. Finding nothing within the leaves is no proof, unless it says so.

use std::num::NonZeroU32;

use journal_core::Stepwise;

use super::limited::{Background, Limited};
use super::measure::{Answers, Measure, Tally};
use crate::choose::{Chooser, Decision, Label, Random, Replay, What};
use crate::oracle::{Oracle, OracleSet};
use crate::run::{Run, Setup};

/// What is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quarry {
    /// Must be broken.
    pub oracle: Oracle,
    /// Nothing else that is owed may be broken.
    pub among: OracleSet,
}

impl Quarry {
    /// Whether these broken oracles are it.
    #[must_use]
    pub fn is(&self, broken: OracleSet) -> bool {
        broken.contains(self.oracle) && broken.and(self.among) == broken
    }
}

/// A failing path of a setup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failing {
    /// Its measure.
    pub measure: Measure,
    /// What the disk answered, where it was not answer 0.
    pub decisions: Vec<Decision>,
}

/// Leaves left to spend, and spent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Purse {
    /// Still to spend.
    pub left: u64,
    /// Spent so far.
    pub spent: u64,
}

impl Purse {
    /// Takes one leaf; says whether there was one.
    fn take(&mut self) -> bool {
        let any = self.left > 0;
        self.left -= u64::from(any);
        self.spent += u64::from(any);
        any
    }
}

/// A setup under search.
pub struct Search<'o, J: Stepwise> {
    run: Run<'o, J>,
    quarry: Quarry,
}

/// What [`Search::fewest`] found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fewest {
    /// The smallest failing path among those visited.
    pub found: Option<Failing>,
    /// So many deviations at least are needed: every path with fewer was visited.
    pub at_least: u32,
    /// Whether every path with as few deviations as `found` was visited too; without `found`: every
    /// path there is.
    pub complete: bool,
}

impl<'o, J: Stepwise> Search<'o, J> {
    /// Records the first life; `None` if the setup makes no sense.
    pub fn new(options: &'o J::Options, setup: &Setup, quarry: Quarry) -> Option<Self> {
        let (mut run, journal) = Run::<J>::new(options, setup.clone()).ok()?;
        run.record(journal, None);
        Some(Search { run, quarry })
    }

    /// Runs a leaf; its answers if it is what is looked for.
    fn leaf<C: Chooser>(&mut self, chooser: &mut C) -> Option<Answers> {
        let mut tally = Tally::new(chooser);
        let broken = self.run.leaf(&mut tally).violated.and(self.run.owed());
        self.quarry.is(broken).then_some(tally.answers)
    }

    /// A failing path with its decisions, from a chooser that stands at its beginning.
    fn told<C: Chooser>(&mut self, chooser: C) -> Option<Failing> {
        let mut noted = Noted { inner: chooser, decisions: Vec::new() };
        let answers = self.leaf(&mut noted)?;
        let measure = Measure::new(self.run.setup(), &answers);
        Some(Failing { measure, decisions: noted.decisions })
    }

    /// The path of these decisions, if it can be taken and fails.
    pub fn along(&mut self, decisions: &[Decision]) -> Option<Failing> {
        let mut replay = Replay::new(decisions);
        let found = self.told(&mut replay);
        found.filter(|_| replay.mismatch().is_none())
    }

    /// Any failing path, within so many leaves.
    pub fn find(&mut self, leaves: u64, purse: &mut Purse) -> Option<Failing> {
        for (background, share) in [(Background::Newest, 2), (Background::Oldest, 4)] {
            let mut left = leaves / share;
            let mut budget = 0;
            loop {
                let mut limited = Limited::new(background, budget);
                while left > 0 && purse.take() {
                    left -= 1;
                    limited.rewind();
                    if self.leaf(&mut limited).is_some() {
                        limited.rewind();
                        return self.told(limited);
                    }
                    if !limited.next_leaf() {
                        break;
                    }
                }
                if left == 0 || purse.left == 0 {
                    break;
                }
                if !limited.left_out() {
                    // Every path was visited.
                    return None;
                }
                budget += 1;
            }
        }
        (0..leaves / 4).take_while(|_| purse.take()).find_map(|seed| {
            self.leaf(&mut Random::new(seed))?;
            self.told(Random::new(seed))
        })
    }

    /// The failing path with the fewest deviations from a background, of those with fewer than
    /// `below`; among them the least damage and the earliest cut.
    pub fn fewest(
        &mut self,
        background: Background,
        below: u32,
        mut leaves: u64,
        purse: &mut Purse,
    ) -> Fewest {
        let mut best: Option<(Measure, Limited)> = None;
        let mut at_least = 0;
        let mut complete = true;
        while at_least < below && complete && best.is_none() {
            let mut limited = Limited::new(background, at_least);
            loop {
                if leaves == 0 || !purse.take() {
                    complete = false;
                    break;
                }
                leaves -= 1;
                limited.rewind();
                if let Some(answers) = self.leaf(&mut limited) {
                    let measure = Measure::new(self.run.setup(), &answers);
                    if best.as_ref().is_none_or(|(least, _)| measure < *least) {
                        best = Some((measure, limited.clone()));
                    }
                }
                if !limited.next_leaf() {
                    break;
                }
            }
            if best.is_none() && complete {
                at_least += 1;
                if !limited.left_out() {
                    break;
                }
            }
        }
        let found = best.and_then(|(_, mut limited)| {
            limited.rewind();
            self.told(limited)
        });
        Fewest { found, at_least, complete }
    }
}

/// Writes down the answers that are not answer 0.
struct Noted<C> {
    inner: C,
    decisions: Vec<Decision>,
}

impl<C: Chooser> Chooser for Noted<C> {
    fn choose(&mut self, what: What, options: NonZeroU32, label: &dyn Fn(u32) -> Label) -> u32 {
        let answer = self.inner.choose(what, options, label);
        if answer > 0 {
            self.decisions.push(Decision { what: what.named(), is: label(answer) });
        }
        answer
    }
}
