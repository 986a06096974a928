//! Pairs: every value of a knob together with every value of every other knob, all the rest drawn.
//!
//! The one idea: a rule that is right by itself may be wrong beside another. What a pair of knobs does
//! to each other is met by no sweep of single knobs often enough.
//!
//! Invariant: fixed seeds. A pair is left out only if no drawn contract can have both, and how many
//! those are is fixed.

use simulator::choose::Rng;
use simulator::disk::contract::{
    CacheOrder, Contract, DAMAGE_UNBOUNDED, Flush, Fua, InnerTear, TearShape,
};

use crate::sweeps::{DRAWN, sweep};
use crate::traces::{case, lines, mix};

/// Traces for each pair.
const EACH: u64 = 36;

/// A value of a knob: the knob, and what sets it.
type Value = (&'static str, fn(&mut Contract, &mut Rng));

fn damaged(contract: &mut Contract) {
    contract.damage_max = contract.damage_max.max(1);
    contract.torn.unreadable = true;
}

fn values() -> Vec<Value> {
    vec![
        ("order", |c, _| c.order = CacheOrder::WriteThrough),
        ("order", |c, _| c.order = CacheOrder::Prefix),
        ("order", |c, _| c.order = CacheOrder::Window(2)),
        ("order", |c, _| c.order = CacheOrder::Epoch),
        ("order", |c, _| c.order = CacheOrder::Any),
        ("flush", |c, _| c.flush = Flush::BarrierOnly),
        ("flush", |c, _| c.flush = Flush::Ignored),
        ("fua", |c, _| c.fua = Fua::PostFlush),
        ("fua", |c, _| c.fua = Fua::Ignored),
        ("shape", |c, _| c.tear_shape = TearShape::Prefix),
        ("shape", |c, _| c.tear_shape = TearShape::PrefixOrSuffix),
        ("inner", |c, _| {
            c.inner_tear = InnerTear::Linear(c.logical_bytes / 4);
            c.damage_max = c.damage_max.max(1);
        }),
        ("inner", |c, _| {
            c.inner_tear = InnerTear::Any(c.logical_bytes / 2);
            c.damage_max = c.damage_max.max(1);
        }),
        ("torn", |c, _| damaged(c)),
        ("torn", |c, _| {
            c.torn.zeros = true;
            c.torn.garbage = true;
            c.damage_max = c.damage_max.max(1);
        }),
        ("stale", |c, _| {
            c.torn.stale = true;
            c.damage_max = c.damage_max.max(1);
        }),
        ("damage", |c, _| {
            damaged(c);
            c.damage_max = 2;
        }),
        ("damage", |c, _| {
            damaged(c);
            c.damage_max = DAMAGE_UNBOUNDED;
        }),
        ("domain", |c, _| {
            damaged(c);
            (c.neighbours, c.physical_bytes, c.domain_bytes) = (true, 2 * c.logical_bytes, 0);
        }),
        ("domain", |c, _| {
            damaged(c);
            (c.neighbours, c.physical_bytes) = (true, c.logical_bytes);
            c.domain_bytes = 4 * c.logical_bytes;
        }),
        ("atomic", |c, _| c.atomic_bytes = 2 * c.logical_bytes),
        ("atomic", |c, _| c.atomic_bytes = u32::MAX),
        ("page", |c, _| {
            (c.page_bytes, c.atomic_bytes) = (2 * c.logical_bytes, c.logical_bytes);
            (c.damage_max, c.store_bytes) = (0, 0);
        }),
        ("store", |c, rng| lines(rng, c)),
        ("flips", |c, _| c.bit_flips = 1),
        ("latent", |c, _| c.latent_errors = 1),
        ("rollback", |c, _| c.rollback_max = 1),
        ("rollback", |c, _| c.rollback_max = 2),
        ("lost", |c, _| c.lost_writes_max = 1),
        ("lost", |c, _| c.lost_writes_max = 2),
        ("late", |c, _| c.late_calls = 1),
        ("late", |c, _| c.late_calls = 3),
    ]
}

/// All pairs of values of two knobs, as one change each.
fn pairs() -> Vec<(String, impl Fn(&mut Contract, &mut Rng))> {
    let values = values();
    let mut pairs = Vec::new();
    for (i, &(one, set)) in values.iter().enumerate() {
        for (j, &(other, also)) in values.iter().enumerate().skip(i + 1) {
            if one != other {
                pairs.push((
                    format!("{one} {i} with {other} {j}"),
                    move |c: &mut Contract, rng: &mut Rng| {
                        set(c, rng);
                        also(c, rng);
                    },
                ));
            }
        }
    }
    pairs
}

/// Whether one of the first contracts that are drawn can have both.
fn is_possible(change: &dyn Fn(&mut Contract, &mut Rng)) -> bool {
    (0..200).any(|seed| case(mix(&[9, seed]), change).contract.validate().is_ok())
}

/// Pairs that some device can have.
const POSSIBLE: usize = 471;

/// The pairs whose number leaves `part` when divided by four: so the threads share them.
fn quarter(part: usize) {
    let possible: Vec<_> = pairs().into_iter().filter(|(_, change)| is_possible(change)).collect();
    assert_eq!(possible.len(), POSSIBLE);
    for (name, change) in possible.iter().skip(part).step_by(4) {
        sweep(name, EACH, change);
    }
}

#[test]
fn every_pair_of_knobs_agrees_first_quarter() {
    quarter(0);
}

#[test]
fn every_pair_of_knobs_agrees_second_quarter() {
    quarter(1);
}

#[test]
fn every_pair_of_knobs_agrees_third_quarter() {
    quarter(2);
}

#[test]
fn every_pair_of_knobs_agrees_last_quarter() {
    quarter(3);
}

/// Each sweep compares as many traces as it says, or fails: so this many are compared.
#[test]
fn twenty_thousand_traces_are_compared() {
    const { assert!(POSSIBLE as u64 * EACH + DRAWN >= 20_000) };
}
