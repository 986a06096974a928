//! Sample: crash states drawn at random where the bound ended a search.
//!
//! Method. The experiment is recorded once, and crash states of its first cut are drawn, each with the
//! same probability (`run/drawn.rs`; in later lives decision histories, which are not uniform). The draws
//! are independent of each other and alike, so the share of the crash states that fail has a Wilson
//! score interval: with z = 1.96 and k of n failed, `(k + z^2/2 -+ z sqrt(k (n - k) / n + z^2/4)) / (n +
//! z^2)`. In an experiment of one life that is the share of crash states that violate something owed;
//! in one of several, the share whose *first* recovery does, and beside it that of the histories drawn.
//!
//! A crash state that is one in a billion is not met so. Where nothing failed, as many leaves are *hunted*:
//! each with a style (`choose::Random`: all new, all old, one hole ...), a crash point evenly among all, and
//! each question answered as the style says. They find what even draws do not, the clean prefix and the
//! single hole among many sectors, and no share follows from them.
//!
//! Invariant: the draws follow from the case alone. Whatever was drawn, it is never called a proof.
//!
//! What it is not: a rate of failures per power cut. Who has probabilities can have that exactly
//! (`explore/probable.rs`).

use journal_core::checksum::crc32c;
use journal_core::formats::Format;
use num_bigint::BigUint;

use crate::case::{Case, decisions_of};
use crate::choose::{Decision, Random, Rng};
use crate::journals::{self, Row, Visitor};
use crate::oracle::OracleSet;
use crate::run::Run;

/// What was drawn.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sampled {
    /// The seed, which follows from the case.
    pub seed: u64,
    /// Crash states drawn evenly; none where there is damage at rest.
    pub drawn: u64,
    /// Those that violated an owed oracle, in any life.
    pub failed: u64,
    /// Those of which the first recovery did.
    pub failed_first: u64,
    /// Leaves hunted by style.
    pub hunted: u64,
    /// Those that violated an owed oracle.
    pub hit: u64,
    /// The first of all that did: which oracles, and the case.
    pub first: Option<(OracleSet, Case)>,
}

/// Draws so many crash states of an experiment, and hunts as many leaves if none of them fails. `None`
/// if it makes no sense, or names no journal.
#[must_use]
pub fn sample(case: &Case, leaves: u64) -> Option<Sampled> {
    journals::visit(&case.journal, Draw { case, leaves }).flatten()
}

struct Draw<'c> {
    case: &'c Case,
    leaves: u64,
}

impl Visitor for Draw<'_> {
    type Out = Option<Sampled>;

    fn visit<J: Format>(self, _: Row, options: J::Options) -> Self::Out {
        let (mut run, journal) = Run::<J>::new(&options, self.case.setup()).ok()?;
        run.record(journal, None);
        let case = Case { decisions: Vec::new(), ..self.case.clone() };
        let seed = u64::from(crc32c(case.json().as_bytes()));
        let mut found = Sampled { seed, ..Sampled::default() };
        let mut rng = Rng::new(seed);
        let mut first_cut = run.first_cut();
        let found_first = |decisions: Vec<Decision>| Case { decisions, ..case.clone() };
        while let Some(first_cut) = &mut first_cut
            && found.drawn < self.leaves
        {
            let Some((leaf, decisions)) = run.drawn_leaf(first_cut, &mut rng) else {
                // Not all images can be met, so no share can be told.
                found = Sampled { seed, ..Sampled::default() };
                break;
            };
            found.drawn += 1;
            let broken = leaf.violated.and(run.owed());
            found.failed += u64::from(!broken.is_empty());
            let at_first = leaf.recoveries == 1 && !leaf.last.violated.and(run.owed()).is_empty();
            found.failed_first += u64::from(at_first);
            if !broken.is_empty() && found.first.is_none() {
                found.first = Some((broken, found_first(decisions)));
            }
        }
        if found.failed > 0 {
            return Some(found);
        }
        let mut random = Random::new(seed);
        for _ in 0..self.leaves {
            random.draw_style();
            let before = random.clone();
            let broken = run.leaf(&mut random).violated.and(run.owed());
            found.hunted += 1;
            if broken.is_empty() {
                continue;
            }
            found.hit += 1;
            if found.first.is_none() {
                let (_, decisions) = decisions_of(&mut run, before);
                found.first = Some((broken, found_first(decisions)));
            }
        }
        Some(found)
    }
}

/// 1.96 squared, in ten-thousandths: 95 %.
const Z_SQUARED: u64 = 38_416;

/// The Wilson interval of `failed` in `drawn`, in millionths; the lower end rounded down, the upper
/// end up. Of nothing drawn nothing is known: 0 to 1,000,000.
#[must_use]
pub fn wilson(failed: u64, drawn: u64) -> (u64, u64) {
    const UNIT: u64 = 10_000;
    /// More digits for the root.
    const FINE: u64 = 1_000;
    const MILLION: u64 = 1_000_000;
    if drawn == 0 {
        return (0, MILLION);
    }
    let (k, n) = (BigUint::from(failed.min(drawn)), BigUint::from(drawn));
    // Everything twice, and in units of one ten-millionth; the root is rounded up.
    let failing = &k * (&n - &k) * (4 * UNIT) * Z_SQUARED * (FINE * FINE);
    let radicand = failing / &n + 1u32 + BigUint::from(Z_SQUARED).pow(2) * (FINE * FINE);
    let root = (radicand - 1u32).sqrt() + 1u32;
    let middle = (&k * (2 * UNIT) + Z_SQUARED) * FINE;
    let whole = (&n * UNIT + Z_SQUARED) * (2 * FINE);
    let below = if middle > root { &middle - &root } else { BigUint::default() };
    let millionths = |share: BigUint| u64::try_from(share).map_or(MILLION, |m| m.min(MILLION));
    let lower = millionths(below * MILLION / &whole);
    let upper = millionths(((middle + root) * MILLION + &whole - 1u32) / &whole);
    (lower, upper)
}

#[cfg(test)]
mod tests {
    use journal_core::Survivors;

    use super::*;
    use crate::disk::{Fill, presets};
    use crate::run::Setup;
    use crate::workload::Workload;

    #[test]
    fn the_interval_is_wilsons_and_no_failure_is_an_upper_bound() {
        // z^2 / (n + z^2) for none of n.
        assert_eq!(wilson(0, 1000), (0, 3_827));
        assert_eq!(wilson(0, 0), (0, 1_000_000));
        // 10 of 100, as tabled: 0.0552 to 0.1744.
        let (low, high) = wilson(10, 100);
        assert!((55_220..55_240).contains(&low), "{low}");
        assert!((174_360..174_380).contains(&high), "{high}");
        assert_eq!(wilson(5, 5).1, 1_000_000);
        assert!(wilson(u64::MAX / 2, u64::MAX).1 > 499_999, "no number is too large");
    }

    fn drawn(journal: &str) -> Sampled {
        let setup = Setup {
            contract: presets::named("hdd-512n").unwrap(),
            device_bytes: 128 * 1024,
            fill: Fill::Zeros,
            workload: Workload::repeated(&Workload::appends(4, 48, 2), 2, Survivors::Carry),
            fault: None,
        };
        sample(&Case::new(journal, &setup), 200).unwrap()
    }

    #[test]
    fn the_draws_follow_from_the_case_and_what_fails_is_a_case_that_fails_so() {
        let found = drawn("v8c");
        assert_eq!(found, drawn("v8c"));
        let (broken, case) = found.first.expect("it rewrites its tail");
        assert_eq!(case.run(None).unwrap().broken(), broken);
        let sound = drawn("v9-512");
        assert_eq!((sound.drawn, sound.failed, sound.hunted, sound.hit), (200, 0, 200, 0));
    }
}
