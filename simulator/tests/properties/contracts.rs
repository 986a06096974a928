//! Contracts: the knobs run from kind to hostile.
//!
//! Method. A small trace on a disk of four 8-byte sectors, a cut, and every image that recovery
//! could read (all leaves, all sectors in order). At a fixed geometry, turning one knob to the more
//! hostile end must keep every image: then a journal that is safe on the hostile device is safe on
//! the kind one, and what was proved once is proved for the whole cone below it.
//!
//! `neighbours` is not such a knob: it makes the damage domain larger, and a domain is struck by one
//! command where the sectors in it could be struck by one each. Nor is FUA: a device that makes such
//! a write stable ahead of the cached ones breaks their order.
//!
//! What it is not: a check of the images themselves. That is `operational`, against a second
//! implementation.

use std::collections::BTreeSet;

use proptest::collection::vec;
use proptest::prelude::*;

use journal_core::{BlockDevice, Lba, Write};
use simulator::choose::{Exhaustive, Undisturbed};
use simulator::disk::contract::{
    CacheOrder, Contract, Flush, Fua, InnerTear, TearShape, TornContents,
};
use simulator::disk::{Disk, Fill, Live};

const SECTORS: u64 = 4;
const SECTOR_BYTES: u32 = 8;

/// Leaves of one question at most; larger ones are not asked.
const LEAVES_MAX: u32 = 2_000;

#[derive(Clone, Debug)]
enum Call {
    /// Commands of one call: first sector, sectors, fua.
    Write(Vec<(u64, u64, bool)>),
    Flush,
}

fn call() -> impl Strategy<Value = Call> {
    let command = (0..SECTORS, 1..3u64, prop::bool::weighted(0.2));
    let command = command.prop_map(|(lba, sectors, fua)| (lba, sectors.min(SECTORS - lba), fua));
    prop_oneof![3 => vec(command, 1..3).prop_map(Call::Write), 1 => Just(Call::Flush)]
}

/// Whether cached commands stand beside FUA ones.
fn mixed(call: &Call) -> bool {
    match call {
        Call::Write(commands) => commands.iter().any(|c| c.2 != commands[0].2),
        Call::Flush => false,
    }
}

/// What recovery may read: for each sector its bytes, or that it cannot be read.
type Images = BTreeSet<Vec<Option<Vec<u8>>>>;

/// Every image that the contract leaves after a cut, or none if there are too many.
fn images(contract: &Contract, calls: &[Call], cut: usize) -> Option<Images> {
    let bytes = SECTORS * u64::from(SECTOR_BYTES);
    let mut disk = Disk::new(contract, bytes, Fill::Zeros).expect("a valid contract");
    let mut calm = Undisturbed;
    for (number, call) in calls.iter().enumerate() {
        let device = &mut Live::new(&mut disk, &mut calm);
        match call {
            Call::Flush => device.flush().expect("nothing fails"),
            Call::Write(commands) => {
                // Every command has bytes of its own, and so has each granule.
                let data = |i: usize, sectors: u64| -> Vec<u8> {
                    let len = sectors as usize * SECTOR_BYTES as usize;
                    (0..len).map(|b| (number * 64 + i * 32 + b + 1) as u8).collect()
                };
                let data: Vec<Vec<u8>> =
                    commands.iter().enumerate().map(|(i, c)| data(i, c.1)).collect();
                let write = |(i, c): (usize, &(u64, u64, bool))| match c.2 {
                    true => Write::fua(Lba(c.0), &data[i]),
                    false => Write::cached(Lba(c.0), &data[i]),
                };
                let writes: Vec<Write<'_>> = commands.iter().enumerate().map(write).collect();
                device.write(&writes).expect("nothing fails");
            }
        }
    }
    let end = disk.mark();
    let mut odometer = Exhaustive::new();
    let mut found = Images::new();
    for _ in 0..LEAVES_MAX {
        odometer.rewind();
        disk.cut(cut as u32);
        let device = &mut Live::new(&mut disk, &mut odometer);
        let read = |lba| {
            let mut sector = vec![0; SECTOR_BYTES as usize];
            device.read(Lba(lba), &mut sector).ok().map(|()| sector)
        };
        found.insert((0..SECTORS).map(read).collect());
        disk.rewind(&end);
        if !odometer.next_leaf() {
            return Some(found);
        }
    }
    None
}

fn base() -> Contract {
    Contract {
        logical_bytes: SECTOR_BYTES,
        physical_bytes: 2 * SECTOR_BYTES,
        atomic_bytes: SECTOR_BYTES,
        page_bytes: SECTOR_BYTES,
        ..Contract::base("tiny")
    }
}

const ORDERS: [CacheOrder; 6] = [
    CacheOrder::WriteThrough,
    CacheOrder::Prefix,
    CacheOrder::Window(1),
    CacheOrder::Window(2),
    CacheOrder::Window(3),
    CacheOrder::Any,
];
const FLUSHES: [Flush; 3] = [Flush::Honoured, Flush::BarrierOnly, Flush::Ignored];
const SHAPES: [TearShape; 3] = [TearShape::Prefix, TearShape::PrefixOrSuffix, TearShape::Any];
const INNER: [InnerTear; 4] =
    [InnerTear::Never, InnerTear::Linear(4), InnerTear::Linear(2), InnerTear::Any(2)];

/// The sets of torn contents, by their bits.
fn torn(bits: u8) -> TornContents {
    TornContents {
        unreadable: bits & 1 != 0,
        zeros: bits & 2 != 0,
        ones: bits & 4 != 0,
        garbage: bits & 8 != 0,
        stale: bits & 16 != 0,
    }
}

pub fn contract() -> impl Strategy<Value = Contract> {
    let order = prop_oneof![prop::sample::select(&ORDERS[..]), Just(CacheOrder::Epoch)];
    let fua = prop_oneof![Just(Fua::Native), Just(Fua::PostFlush), Just(Fua::Ignored)];
    let flush = prop::sample::select(&FLUSHES[..]);
    let shape = prop::sample::select(&SHAPES[..]);
    let inner = prop::sample::select(&INNER[..]);
    let damage = (0..32u8, 0..3u32, any::<bool>(), 0..2u32);
    let back = (0..2u32, 0..2u32, 0..2u32);
    (order, fua, flush, shape, inner, damage, back).prop_map(
        |(order, fua, flush, tear_shape, inner_tear, damage, back)| Contract {
            order,
            fua,
            flush,
            tear_shape,
            inner_tear,
            torn: torn(damage.0),
            damage_max: damage.1,
            neighbours: damage.2,
            latent_errors: damage.3,
            rollback_max: back.0,
            lost_writes_max: back.1,
            late_calls: back.2,
            ..base()
        },
    )
}

/// A contract with one knob turned to a more hostile place, if there is one.
fn wider(contract: &Contract, knob: u8) -> Option<Contract> {
    let mut wider = contract.clone();
    fn after<T: PartialEq + Copy>(all: &[T], now: T) -> Option<T> {
        all.get(all.iter().position(|&other| other == now)? + 1).copied()
    }
    match knob {
        0 => {
            wider.order = match contract.order {
                CacheOrder::Epoch => CacheOrder::Any,
                now => after(&ORDERS, now)?,
            };
        }
        1 => wider.flush = after(&FLUSHES, contract.flush)?,
        2 => wider.tear_shape = after(&SHAPES, contract.tear_shape)?,
        3 => wider.inner_tear = after(&INNER, contract.inner_tear)?,
        4 => {
            wider.torn =
                torn(bits(contract.torn) | 1 << ((contract.damage_max + contract.rollback_max) % 5))
        }
        5 => wider.damage_max += 1,
        6 => wider.latent_errors += 1,
        8 => wider.rollback_max += 1,
        9 => wider.lost_writes_max += 1,
        10 => wider.late_calls += 1,
        7 if contract.order == CacheOrder::Prefix => wider.order = CacheOrder::Epoch,
        _ => return None,
    }
    (wider != *contract).then_some(wider)
}

fn bits(torn: TornContents) -> u8 {
    let flags = [torn.unreadable, torn.zeros, torn.ones, torn.garbage, torn.stale];
    flags.iter().enumerate().map(|(i, &flag)| u8::from(flag) << i).sum()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, max_global_rejects: 20_000, ..ProptestConfig::default() })]

    #[test]
    fn a_more_hostile_knob_keeps_every_image(
        contract in contract(),
        knob in 0..11u8,
        calls in vec(call(), 1..5),
        cut in any::<prop::sample::Index>(),
    ) {
        let cut = cut.index(calls.len() + 1);
        let wider = wider(&contract, knob);
        prop_assume!(wider.is_some());
        let wider = wider.unwrap();
        // The flush that carries out a FUA write covers what had completed, and as a barrier it
        // also holds back the cached commands beside it: an honoured one is not the kinder there.
        prop_assume!(knob != 1 || contract.fua != Fua::PostFlush || !calls.iter().any(mixed));
        // A stable FUA write may have outrun a cache that keeps order; at risk it keeps it, too.
        let free = matches!(contract.order, CacheOrder::Any | CacheOrder::WriteThrough)
            && contract.flush != Flush::BarrierOnly;
        let forced = |call: &Call| matches!(call, Call::Write(all) if all.iter().any(|c| c.2));
        prop_assume!(knob != 10 || free || !calls.iter().any(forced));
        // What is still on its way late has no order where there is no cache, and the cache's where there is
        // one. Found here: 1. A write completed. 2. The power goes during the next, of which alone
        // something arrived. A cache that drains in order leaves no such image.
        prop_assume!(knob != 0 || contract.order != CacheOrder::WriteThrough || contract.late_calls == 0);
        // Only what is stable goes back. What another knob leaves at risk instead keeps the order of the
        // cache, so that a later write needs it, and tears as its command does. Found here:
        // 1. A FUA write is stable. 2. Another follows. 3. The first is rolled back under the later one.
        //    With a flush that is only a barrier the first is at risk, and the second not there without it.
        // 1. A stable command wrote two sectors. 2. The first of them is rolled back. With late damage the
        //    command is at risk, tears from the front, and its second sector is not there without the first.
        let takes_back = contract.rollback_max > 0 || contract.lost_writes_max > 0;
        let keeps_order = !matches!(wider.order, CacheOrder::Any | CacheOrder::WriteThrough)
            || wider.flush == Flush::BarrierOnly;
        let long = |call: &Call| matches!(call, Call::Write(all) if all.iter().any(|c| c.1 > 1));
        let keeps_shape = contract.tear_shape != TearShape::Any && calls.iter().any(long);
        let leaves_at_risk = matches!(knob, 0 | 1 | 10);
        prop_assume!(!leaves_at_risk || !takes_back || !(keeps_order || keeps_shape));
        let (kind, hostile) = (images(&contract, &calls, cut), images(&wider, &calls, cut));
        prop_assume!(kind.is_some() && hostile.is_some());
        let lost: Vec<_> = kind.unwrap().difference(&hostile.unwrap()).cloned().collect();
        prop_assert!(lost.is_empty(), "images that the more hostile device does not leave: {lost:?}");
    }
}
