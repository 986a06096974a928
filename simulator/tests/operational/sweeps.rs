//! The sweeps: for every knob, random traces with that knob set to each of its values and all the
//! others drawn.
//!
//! The one idea: a fixed knob makes sure that each value is met often; the drawn rest makes sure
//! that it is met together with everything else.
//!
//! Invariant: seeds are fixed, so the same traces are compared on every machine. Most cases must
//! be small enough to be compared; the share that is skipped is bounded.

use std::fmt::Debug;

use simulator::choose::Rng;
use simulator::disk::contract::{
    CacheOrder, Contract, DAMAGE_UNBOUNDED, Flush, Fua, InnerTear, TearShape,
};

use crate::compare::{Compared, check};
use crate::traces::{case, lines, mix, torn};

/// Traces for each value of a knob.
pub const EACH: u64 = 56;

/// Traces under contracts with every knob drawn.
pub const DRAWN: u64 = 4_000;

/// Compares `EACH` cases for each value of a knob.
fn sweep_values<V: Debug>(name: &str, values: &[V], set: &dyn Fn(&mut Contract, &V)) {
    for value in values {
        sweep(&format!("{name} {value:?}"), EACH, &|contract, _| set(contract, value));
    }
}

/// Compares `traces` cases, with `change` applied to their contracts. Invalid contracts are not
/// counted.
pub fn sweep(name: &str, traces: u64, change: &dyn Fn(&mut Contract, &mut Rng)) {
    let (mut equal, mut skipped, mut transcripts) = (0, 0, 0);
    let salt = name.bytes().fold(0, |h, b| mix(&[h, u64::from(b)]));
    let mut seed = 0;
    while equal < traces {
        seed += 1;
        let case = case(mix(&[salt, seed]), change);
        if case.contract.validate().is_err() {
            continue;
        }
        match check(&case) {
            Compared::Equal(n) => {
                equal += 1;
                transcripts += n;
            }
            Compared::Skipped => skipped += 1,
        }
    }
    println!("{name}: {equal} traces, {transcripts} transcripts, {skipped} too big");
    assert!(skipped < 4 * traces, "{name}: {skipped} cases were too big for {traces} compared");
}

#[test]
fn drawn_contracts_agree() {
    sweep("drawn", DRAWN, &|_, _| {});
}

#[test]
fn every_order_agrees() {
    let window = CacheOrder::Window;
    let (through, prefix) = (CacheOrder::WriteThrough, CacheOrder::Prefix);
    let orders = [
        through,
        prefix,
        window(1),
        window(2),
        window(3),
        window(4),
        CacheOrder::Epoch,
        CacheOrder::Any,
    ];
    sweep_values("order", &orders, &|c, &order| c.order = order);
}

#[test]
fn every_order_agrees_with_every_flush_and_fua() {
    let orders = [CacheOrder::Prefix, CacheOrder::Window(2), CacheOrder::Epoch, CacheOrder::Any];
    for order in orders {
        for flush in [Flush::Honoured, Flush::BarrierOnly, Flush::Ignored] {
            for fua in [Fua::Native, Fua::PostFlush, Fua::Ignored] {
                let name = format!("{order:?} {flush:?} {fua:?}");
                sweep(&name, EACH / 3, &|c, _| {
                    (c.order, c.flush, c.fua) = (order, flush, fua);
                });
            }
        }
    }
}

#[test]
fn every_tear_shape_agrees_with_every_order() {
    let orders = [CacheOrder::Prefix, CacheOrder::Window(2), CacheOrder::Epoch, CacheOrder::Any];
    for shape in [TearShape::Prefix, TearShape::PrefixOrSuffix, TearShape::Any] {
        for order in orders {
            sweep(&format!("{shape:?} {order:?}"), EACH / 2, &|c, _| {
                (c.tear_shape, c.order) = (shape, order);
            });
        }
    }
}

#[test]
fn every_inner_tear_agrees() {
    type Tear = fn(u32) -> InnerTear;
    let tears: [(&str, Tear); 3] = [
        ("never", |_| InnerTear::Never),
        ("linear", |sector| InnerTear::Linear(sector / 4)),
        ("any", |sector| InnerTear::Any(sector / 4)),
    ];
    for (name, tear) in tears {
        sweep(&format!("inner tear {name}"), EACH, &|c, _| {
            c.inner_tear = tear(c.logical_bytes);
            // Two strikes of many contents are soon too many images; the sweep of amounts has them.
            c.damage_max = 1;
        });
    }
}

#[test]
fn every_set_of_torn_contents_agrees() {
    let masks: Vec<u32> = (0..16).collect();
    sweep_values("torn", &masks, &|c, &mask| {
        c.torn = torn(mask);
        c.damage_max = 1;
    });
}

#[test]
fn every_amount_of_damage_agrees() {
    for neighbours in [false, true] {
        let amounts = [0, 1, 2, DAMAGE_UNBOUNDED];
        sweep_values(&format!("neighbours {neighbours} damage"), &amounts, &|c, &most| {
            c.damage_max = most;
            c.neighbours = neighbours;
            c.domain_bytes = 0;
            if c.torn == torn(0) {
                c.torn = torn(1);
            }
        });
    }
}

#[test]
fn every_physical_sector_agrees() {
    sweep_values("physical", &[1, 2, 4], &|c, &sectors| {
        c.physical_bytes = sectors * c.logical_bytes;
        c.neighbours = true;
        c.damage_max = 1;
        c.torn.unreadable = true;
    });
}

#[test]
fn every_atomic_unit_agrees() {
    for damage in [0, 1] {
        sweep_values(&format!("damage {damage} atomic"), &[1, 2, 4, u32::MAX], &|c, &sectors| {
            c.atomic_bytes = c.logical_bytes.saturating_mul(sectors);
            c.damage_max = damage;
            c.torn.zeros |= damage > 0;
        });
    }
}

#[test]
fn every_page_agrees() {
    for order in [CacheOrder::Any, CacheOrder::WriteThrough] {
        sweep_values(&format!("{order:?} page"), &[2, 4], &|c, &sectors| {
            c.page_bytes = sectors * c.logical_bytes;
            c.atomic_bytes = c.logical_bytes;
            (c.order, c.damage_max) = (order, 0);
        });
    }
}

#[test]
fn damage_at_rest_agrees() {
    for damage in [0, 1] {
        for (bit_flips, latent_errors) in [(1, 0), (0, 1), (1, 1)] {
            let name = format!("damage {damage} flips {bit_flips} latent {latent_errors}");
            sweep(&name, EACH / 2, &|c, _| {
                (c.bit_flips, c.latent_errors) = (bit_flips, latent_errors);
                c.damage_max = damage;
                c.torn.unreadable |= damage > 0;
            });
        }
    }
}

#[test]
fn what_goes_back_agrees() {
    for rollback_max in 0..3 {
        for lost_writes_max in 0..3 {
            let name = format!("rollback {rollback_max} lost {lost_writes_max}");
            sweep(&name, EACH, &|c, _| {
                (c.rollback_max, c.lost_writes_max) = (rollback_max, lost_writes_max);
            });
        }
    }
}

#[test]
fn every_reach_of_late_damage_agrees() {
    sweep_values("late", &[0, 1, 2, 4, 100], &|c, &calls| c.late_calls = calls);
}

#[test]
fn every_size_of_store_agrees() {
    for order in [CacheOrder::Any, CacheOrder::WriteThrough] {
        sweep(&format!("lines {order:?}"), 4 * EACH, &|c, rng| {
            c.order = order;
            lines(rng, c);
        });
    }
}

#[test]
fn every_damage_domain_agrees() {
    sweep_values("domain", &[1, 2, 4], &|c, &sectors| {
        c.physical_bytes = c.logical_bytes;
        c.domain_bytes = sectors * c.logical_bytes;
        (c.neighbours, c.damage_max) = (true, 1);
        c.torn.unreadable = true;
    });
}

#[test]
fn contents_that_are_not_defined_agree() {
    for most in [1, 2, DAMAGE_UNBOUNDED] {
        for mask in [16, 16 | 1, 16 | 2 | 4 | 8] {
            sweep(&format!("undefined {mask} in {most}"), EACH, &|c, _| {
                (c.torn, c.damage_max, c.neighbours) = (torn(mask), most, false);
                c.domain_bytes = 0;
            });
        }
    }
}
