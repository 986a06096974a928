//! Sample: leaves drawn at random where the bound ended a search.
//!
//! Method. The experiment is recorded once. Each draw takes a style (`choose::Random`), a crash
//! point evenly among all of the first life, and answers each question as the style says; in later
//! lives the power goes at a call drawn evenly. The draws are independent of each other and alike,
//! so the share of them that fails has a Wilson score interval: with z = 1.96 and k of n failed,
//! `(k + z^2/2 -+ z sqrt(k (n - k) / n + z^2/4)) / (n + z^2)`.
//!
//! Invariant: the draws follow from the case alone. Whatever was drawn, it is never called a proof.
//!
//! What it is not: uniform over images, or a rate of failures per power cut. A leaf that stands for
//! a billion images may be drawn as seldom as one that stands for a single one.

use journal_core::checksum::crc32c;
use journal_core::formats::Format;
use num_bigint::BigUint;

use crate::case::{Case, decisions_of};
use crate::choose::Random;
use crate::journals::{self, Row, Visitor};
use crate::oracle::OracleSet;
use crate::run::Run;

/// What was drawn.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sampled {
    /// The seed, which follows from the case.
    pub seed: u64,
    /// Leaves drawn.
    pub drawn: u64,
    /// Those that violated an owed oracle.
    pub failed: u64,
    /// The first of them: which oracles, and the case.
    pub first: Option<(OracleSet, Case)>,
}

/// Draws so many leaves of an experiment. `None` if it makes no sense, or names no journal.
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
        let mut random = Random::new(seed);
        for _ in 0..self.leaves {
            random.draw_style();
            let before = random.clone();
            let broken = run.leaf(&mut random).violated.and(run.owed());
            found.drawn += 1;
            if broken.is_empty() {
                continue;
            }
            found.failed += 1;
            if found.first.is_none() {
                let (_, decisions) = decisions_of(&mut run, before);
                found.first = Some((broken, Case { decisions, ..case.clone() }));
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
        assert_eq!(drawn("v9-512").failed, 0);
    }
}
