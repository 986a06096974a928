//! Flipping a knob must change a count: for every knob a trace in which this knob alone decides how
//! many outcomes there are, with the numbers worked out by hand.
//!
//! The one idea: an enumerator and a disk that both forget a knob agree with each other. Numbers
//! that a person counted do not.
//!
//! Invariant: the values of a row differ in one knob, and every count is argued beside it.

use simulator::disk::contract::{
    CacheOrder, Contract, DAMAGE_UNBOUNDED, Flush, Fua, InnerTear, TearShape, TornContents,
};

use crate::told::{SECTOR, base, outcomes};

/// One knob: the trace, and for each value the number of outcomes.
struct Row {
    knob: &'static str,
    sectors: usize,
    trace: &'static str,
    values: Vec<(Contract, usize)>,
}

fn check(rows: Vec<Row>) {
    for Row { knob, sectors, trace, values } in rows {
        for (contract, count) in values {
            assert_eq!(
                outcomes(&contract, sectors, trace),
                count,
                "{knob} on {trace}: {contract:?}"
            );
        }
    }
}

const UNREADABLE: TornContents =
    TornContents { unreadable: true, zeros: false, ones: false, garbage: false, stale: false };

#[test]
fn each_order_has_its_own_count() {
    let with = |order| Contract { order, ..base() };
    check(vec![Row {
        knob: "order",
        sectors: 3,
        // Three calls to three sectors, a flush outside: each order is a set of subsets of {a,b,c}.
        trace: "a@0 | b@1 | c@2",
        values: vec![
            // Completed is stable.
            (with(CacheOrder::WriteThrough), 1),
            // {}, a, ab, abc.
            (with(CacheOrder::Prefix), 4),
            // A window of one lets nothing overtake.
            (with(CacheOrder::Window(1)), 4),
            // Besides: hi < lo + 2, so one hole right before the highest: b, ac.
            (with(CacheOrder::Window(2)), 6),
            // hi < lo + 3 holds for all.
            (with(CacheOrder::Window(3)), 8),
            (with(CacheOrder::Any), 8),
            // No flush, one epoch.
            (with(CacheOrder::Epoch), 8),
        ],
    }]);
    check(vec![Row {
        knob: "order across a flush that makes nothing stable",
        sectors: 3,
        trace: "a@0 b@1 | flush | c@2",
        values: vec![
            // Subsets of {a,b} without c: 4; with c only all of {a,b}: 1.
            (Contract { flush: Flush::BarrierOnly, ..with(CacheOrder::Epoch) }, 5),
            // The flush is none: all subsets.
            (Contract { flush: Flush::Ignored, ..with(CacheOrder::Epoch) }, 8),
        ],
    }]);
}

#[test]
fn each_flush_and_each_fua_has_its_own_count() {
    let flush = |flush| Contract { flush, ..base() };
    let fua = |fua| Contract { fua, ..base() };
    check(vec![
        Row {
            knob: "flush",
            sectors: 3,
            trace: "a@0 b@1 | flush | c@2",
            values: vec![
                // a and b are there, c or not.
                (flush(Flush::Honoured), 2),
                // Subsets of {a,b}, and c on top of both.
                (flush(Flush::BarrierOnly), 5),
                (flush(Flush::Ignored), 8),
            ],
        },
        Row {
            knob: "fua",
            sectors: 3,
            trace: "a@0 | b@1 | c@2!",
            values: vec![
                // c is there, a and b as they like.
                (fua(Fua::Native), 4),
                // The flush behind c covers a and b.
                (fua(Fua::PostFlush), 1),
                (fua(Fua::Ignored), 8),
            ],
        },
    ]);
}

#[test]
fn each_way_to_tear_between_sectors_has_its_own_count() {
    let shape = |tear_shape| Contract { tear_shape, ..base() };
    let atomic = |atomic_bytes| Contract { atomic_bytes, ..base() };
    let page = |sectors| Contract { page_bytes: sectors * SECTOR, ..base() };
    check(vec![
        Row {
            knob: "tear_shape",
            sectors: 4,
            trace: "*abcd@0",
            values: vec![
                // The first 0, 1, 2, 3 or 4.
                (shape(TearShape::Prefix), 5),
                // And the last 1, 2 or 3.
                (shape(TearShape::PrefixOrSuffix), 8),
                // 2 to the power of 4.
                (shape(TearShape::Any), 16),
            ],
        },
        Row {
            knob: "atomic_bytes",
            sectors: 6,
            // Four sectors naturally aligned, and two.
            trace: "*abcd@0 ef@4",
            values: vec![
                // 16 subsets times 4.
                (atomic(SECTOR), 64),
                // The second command whole or not: 16 times 2.
                (atomic(2 * SECTOR), 32),
                // Both: 2 times 2.
                (atomic(4 * SECTOR), 4),
                // Nothing left to make atomic.
                (atomic(u32::MAX), 4),
            ],
        },
        Row {
            knob: "atomic_bytes without alignment",
            sectors: 3,
            trace: "*ab@1",
            // Not at a multiple of two: atomic only where every command is.
            values: vec![(atomic(2 * SECTOR), 4), (atomic(u32::MAX), 2)],
        },
        Row {
            knob: "page_bytes",
            sectors: 4,
            // Sector 0, then 1, then 2.
            trace: "a@0 | b@1 | c@2",
            values: vec![
                (page(1), 8),
                // First page: nothing, a, ab. Second: nothing, c.
                (page(2), 6),
                // One page: nothing, a, ab, abc.
                (page(4), 4),
            ],
        },
    ]);
}

#[test]
fn each_inner_tear_has_its_own_count() {
    let inner = |inner_tear| Contract { inner_tear, damage_max: 1, ..base() };
    check(vec![Row {
        knob: "inner_tear",
        sectors: 1,
        trace: "*a@0",
        values: vec![
            // Old or new.
            (inner(InnerTear::Never), 2),
            // One half or the other new.
            (inner(InnerTear::Linear(4)), 4),
            // Two granules: the same mixes.
            (inner(InnerTear::Any(4)), 4),
            // Four granules: 3 prefixes, 3 suffixes.
            (inner(InnerTear::Linear(2)), 8),
            // 2 to the power of 4 mixes, with old and new among them.
            (inner(InnerTear::Any(2)), 16),
            // 7 prefixes, 7 suffixes; 2 to the power of 8.
            (inner(InnerTear::Linear(1)), 16),
            (inner(InnerTear::Any(1)), 256),
        ],
    }]);
}

#[test]
fn each_kind_and_amount_of_damage_has_its_own_count() {
    let torn = |torn| Contract { torn, damage_max: 1, ..base() };
    let none = TornContents::default();
    let most = |damage_max| Contract { torn: UNREADABLE, damage_max, ..base() };
    check(vec![
        Row {
            knob: "torn",
            sectors: 1,
            // Over `b`, so that zeros are neither old nor new.
            trace: "b@0 | flush | *a@0",
            values: vec![
                // Old or new; then one content more for each kind.
                (torn(none), 2),
                (torn(UNREADABLE), 3),
                (torn(TornContents { zeros: true, ..none }), 3),
                (torn(TornContents { ones: true, ..none }), 3),
                // Inverted, and noise.
                (torn(TornContents { garbage: true, ..none }), 4),
                (
                    torn(TornContents {
                        unreadable: true,
                        zeros: true,
                        ones: true,
                        garbage: true,
                        stale: false,
                    }),
                    7,
                ),
            ],
        },
        Row {
            knob: "damage_max",
            sectors: 3,
            // Each sector is old, new, or (with a strike) unreadable.
            trace: "*a@0 b@1 c@2",
            values: vec![
                // 2 to the power of 3.
                (most(0), 8),
                // One of three unreadable, the other two as they like: 3 times 4 more.
                (most(1), 20),
                // Two of three unreadable: 3 times 2 more.
                (most(2), 26),
                // 3 to the power of 3.
                (most(DAMAGE_UNBOUNDED), 27),
            ],
        },
    ]);
}

#[test]
fn each_reach_of_damage_has_its_own_count() {
    let wide = |neighbours, sectors| Contract {
        torn: UNREADABLE,
        damage_max: 1,
        neighbours,
        physical_bytes: sectors * SECTOR,
        ..base()
    };
    check(vec![
        Row {
            knob: "neighbours",
            sectors: 2,
            trace: "*a@0",
            values: vec![
                // Old, new, unreadable.
                (wide(false, 2), 3),
                // Times the neighbour, kept or unreadable: 3 times 2.
                (wide(true, 2), 6),
            ],
        },
        Row {
            knob: "physical_bytes",
            sectors: 4,
            trace: "*a@0",
            values: vec![
                // No neighbour, one, three: 3 times 2 to their number.
                (wide(true, 1), 3),
                (wide(true, 2), 6),
                (wide(true, 4), 24),
            ],
        },
    ]);
}

#[test]
fn each_damage_at_rest_has_its_own_count() {
    let rest = |bit_flips, latent_errors| Contract { bit_flips, latent_errors, ..base() };
    check(vec![Row {
        knob: "bit_flips and latent_errors",
        sectors: 2,
        // Both sectors are stable, and each has 64 bits.
        trace: "a@0 b@1 | flush",
        values: vec![
            (rest(0, 0), 1),
            // Or one of 2 times 64 bits.
            (rest(1, 0), 129),
            // Both may flip, on their own: 65 times 65.
            (rest(2, 0), 4225),
            // Or one of two unreadable.
            (rest(0, 1), 3),
            (rest(0, 2), 4),
            // None 1, one flip 128, one lost 2, one lost and the other flipped 2 times 64.
            (rest(1, 1), 259),
        ],
    }]);
}
