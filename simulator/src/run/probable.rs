//! The probability that a recovery violates each oracle, exactly, over all crash states of one cut.
//!
//! The one idea: leaves share out the images, and each leaf knows what it violates at which crash points;
//! so where it is known how likely each image is (`disk/chances.rs`) and each crash point (all alike), the
//! probability is a sum over leaves, in whole numbers.
//!
//! Invariant: the probabilities of the leaves add up to exactly 1. This is asserted, in release builds too.
//!
//! What it is not: a statement about a device. It is what follows from numbers that the user gave.

use journal_core::Stepwise;
use num_bigint::BigUint;

use super::points::{self, Point};
use super::{Run, Tree};
use crate::disk::Fraction;
use crate::oracle::{Oracle, OracleSet};

/// What follows from the chances.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probable {
    /// For each owed oracle, in the order of reports: the probability that the recovery violates it.
    pub oracles: Vec<(Oracle, Fraction)>,
    /// That it violates any of them.
    pub any: Fraction,
}

impl<J: Stepwise> Run<'_, J> {
    /// The probabilities for a recorded run of one life whose power goes at one of its crash points, all
    /// alike, if each sector write at risk persists with the chance `persist`.
    ///
    /// # Errors
    /// In words, why there are none: the contract, several lives, or more leaves than `leaves_max`.
    pub fn probable(&mut self, persist: &Fraction, leaves_max: u64) -> Result<Probable, String> {
        self.leave();
        if self.setup.workload.lives.len() > 1 {
            let lives = self.setup.workload.lives.len();
            return Err(format!(
                "expected one life, found {lives}: nothing was said of later cuts"
            ));
        }
        if !self.recording_violated.and(self.owed).is_empty() {
            return Err("the journal fails before any cut".to_owned());
        }
        let chances = self.disk.chances(persist.clone())?;
        let mut listed = Vec::new();
        points::list(&self.disk, &self.recorded, self.first_call, &mut listed);
        // Ways in common: as many as the crash point with the most of them has.
        let all: Vec<BigUint> =
            (self.first_call..=self.last_call).map(|at| chances.all(at)).collect();
        let common = all.iter().max().cloned().unwrap_or_default();
        let mut ways = [const { BigUint::ZERO }; Oracle::ALL.len()];
        let (mut any, mut sum) = (BigUint::default(), BigUint::default());
        let mut tree = Tree::default();
        // Chances are multiplied sector by sector.
        tree.ask_whole(false);
        let mut leaves = 0;
        while self.next_leaf(&mut tree).is_some() {
            leaves += 1;
            if leaves > leaves_max || tree.nondeterminism().is_some() {
                self.leave();
                return Err(format!("the search did not finish: {leaves} leaves visited"));
            }
            let (from, until) = self.disk.window();
            for &(at, violated) in tree.stands_for() {
                let spoken_for = |point: &&Point| point.first <= at && at <= point.at;
                let point = listed.iter().find(spoken_for).expect("the points cover the life");
                let mut here = BigUint::default();
                for at in from.max(point.first)..=until.min(point.at) {
                    let scale = &common / &all[(at - self.first_call) as usize];
                    here += chances.agreeing(&self.disk, at) * scale;
                }
                sum += &here;
                let broken = violated.and(self.owed);
                broken.iter().for_each(|oracle| ways[oracle as usize] += &here);
                any += if broken.is_empty() { BigUint::default() } else { here };
            }
        }
        self.leave();
        let whole = common * self.crash_points();
        if sum != whole {
            return Err(format!(
                "the probabilities of the leaves add up to {sum}/{whole} and not to 1: the journal depends on \
                 more than what it reads"
            ));
        }
        let fraction =
            |ways: BigUint| Fraction::new(ways, whole.clone()).expect("a part of the whole");
        let owed: OracleSet = self.owed;
        let oracles = owed.iter().map(|o| (o, fraction(ways[o as usize].clone()))).collect();
        Ok(Probable { oracles, any: fraction(any) })
    }
}
