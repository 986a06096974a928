//! Figures of shrinking: each failing case of the corpus, before and after.
//!
//! The one idea: one line per case: entries, operations, bytes, lives, deviations; leaves spent.
//!
//! What it is not: a test. `tests/shrink.rs` holds what must hold.

use std::time::Instant;

use simulator::case::Case;
use simulator::explore::{Bounds, prove};
use simulator::selftest::{CASES, Expect, Expectation};
use simulator::shrink::{Budget, Measure, shrink};

fn case_of(e: &Expectation) -> Option<Case> {
    if e.is_replay() {
        return Some(e.case.clone());
    }
    let bounds = Bounds { leaves_max: e.leaves_max, first_only: true, ..Bounds::default() };
    prove(&e.case.journal, &e.case.setup(), bounds)?.counterexample
}

fn brief(m: &Measure) -> String {
    format!(
        "{:>2}e {:>2}o {:>5}B {}l {}d {:?} {:?} {}",
        m.entries, m.operations, m.bytes, m.lives, m.deviations, m.damage, m.crash, m.device_bytes
    )
}

fn main() {
    let budget = match std::env::args().nth(1).as_deref() {
        Some("brisk") => Budget::BRISK,
        Some("quick") => Budget::QUICK,
        _ => Budget::PATIENT,
    };
    let mut sums = [0u64; 8];
    for (name, text) in CASES {
        let e = Expectation::parse(text).unwrap();
        let Expect::Trips { oracle, .. } = e.expect else { continue };
        let case = case_of(&e).unwrap();
        let begun = Instant::now();
        let s = shrink(&case, None, budget).unwrap().unwrap();
        let ms = begun.elapsed().as_millis();
        let t = shrink(&s.case, None, budget).unwrap().unwrap();
        println!(
            "{name:<38} {:<15} -> {:<15} {} {}{}{}{} {:>7} leaves {ms:>5} ms\n    {}\n    {}",
            oracle.name(),
            s.oracle.name(),
            s.case.decisions.len(),
            if s.fewest { 'F' } else { '.' },
            if s.least { 'L' } else { '.' },
            if s.out_of_leaves { 'X' } else { '.' },
            if t.case == s.case { 'I' } else { '!' },
            s.leaves,
            brief(&s.before),
            brief(&s.after)
        );
        let all = [s.before.entries, s.after.entries, s.before.operations, s.after.operations];
        all.iter().zip(&mut sums).for_each(|(a, b)| *b += u64::from(*a));
        sums[4] += s.before.bytes;
        sums[5] += s.after.bytes;
        sums[6] += s.leaves;
        sums[7] += ms as u64;
    }
    println!("{sums:?}");
}
