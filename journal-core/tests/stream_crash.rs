//! The rings under power cuts, life after life.
//!
//! Method: a random workload runs on a disk with a cache until the power goes in the middle of
//! some write or flush, recovery and the carrying of survivors included. Every sector that was
//! pending then holds any of the contents it could; a contract may ruin a physical sector around
//! one of them. What open hands out must be a contiguous range that holds everything acknowledged,
//! and opening again must hand out the same.
//!
//! What it is not: a proof. The simulator decides exhaustively what is drawn here.

use std::ops::RangeInclusive;

use crate::stream_support::{CachedDisk, Random, disk, fresh, options, resume};
use journal_core::rfc::strategy::{CommitRule, Framing, Integrity, Reuse, ReuseBy, TailWrite};
use journal_core::rfc::{Strategy, StreamOptions};
use journal_core::{Checksum, Error, Journal, Lsn, Survivors};

/// What the caller knows: every payload ever appended in this world has its own number.
struct World {
    /// Numbers recovered last, or appended since.
    log: Vec<u64>,
    /// How many of them were acknowledged.
    acked: usize,
    /// How many of the first may be missing: a checkpoint was begun.
    forgettable: usize,
    next: u64,
    checkpoints: u64,
    full: u64,
}

fn payload(number: u64, size: u64) -> Vec<u8> {
    let mut bytes = vec![number as u8; 8 + size as usize];
    bytes[..8].copy_from_slice(&number.to_be_bytes());
    bytes
}

/// One life: until the fuse blows, or the operations end.
fn live(
    disk: &mut CachedDisk,
    options: &StreamOptions,
    random: &mut Random,
    world: &mut World,
) -> Result<(), String> {
    let was: Vec<u64> = world.log.clone();
    let mut shown = Vec::new();
    let opened = journal_core::rfc::StreamJournal::open(disk, options, &mut |entry| {
        shown.push((entry.lsn, entry.payload.to_vec()));
    });
    let (mut journal, _) = opened.map_err(|e| format!("open: {e}"))?;
    let numbers: Vec<u64> = shown
        .iter()
        .map(|(_, bytes)| {
            let number = u64::from_be_bytes(bytes[..8].try_into().unwrap());
            assert_eq!(*bytes, payload(number, bytes.len() as u64 - 8), "integrity");
            number
        })
        .collect();
    // The range: from no later than what may be forgotten, to no earlier than what was acknowledged.
    let range = (0..=world.forgettable.min(was.len()))
        .find(|&from| numbers.first() == was.get(from) && was[from..].starts_with(&numbers));
    let ok = match range {
        Some(from) if !numbers.is_empty() => from + numbers.len() >= world.acked,
        _ => numbers.is_empty() && world.forgettable >= world.acked,
    };
    if !ok {
        return Err(format!(
            "shown {numbers:?} of {was:?}, acked {}, forgettable {}",
            world.acked, world.forgettable
        ));
    }
    // Open again: the same.
    let mut again = 0;
    let (_, opened) =
        journal_core::rfc::StreamJournal::open(disk, options, &mut |_| again += 1).unwrap();
    assert_eq!((again, opened.entries), (numbers.len(), numbers.len() as u64));

    let survivors = if random.below(4) == 0 { Survivors::Forget } else { Survivors::Carry };
    world.log = numbers;
    // Shown: the caller acts upon it. Until resume returns, it must be shown again.
    (world.acked, world.forgettable) = (world.log.len(), 0);
    if survivors == Survivors::Forget {
        world.forgettable = world.log.len();
    }
    disk.fuse = if random.below(2) == 0 { random.below(12) } else { random.below(200) };
    let cut = |error: Error| match error {
        Error::Device(journal_core::DeviceError::PowerCut) => Ok(()),
        other => Err(other.to_string()),
    };
    if let Err(error) = journal.resume(disk, resume(survivors, random.next())) {
        return cut(error);
    }
    if survivors == Survivors::Forget {
        world.log.clear();
        (world.acked, world.forgettable) = (0, 0);
    }
    let mut lsns: Vec<Lsn> = shown.iter().map(|(lsn, _)| *lsn).collect();
    if survivors == Survivors::Forget {
        lsns.clear();
    }
    loop {
        let result = match random.below(8) {
            0..=4 => {
                let number = world.next;
                world.next += 1;
                let sizes: RangeInclusive<u64> = 0..=200;
                let bytes = payload(number, random.below(*sizes.end()));
                world.log.push(number);
                match journal.append(disk, &bytes) {
                    Ok(lsn) => {
                        lsns.push(lsn);
                        Ok(())
                    }
                    Err(Error::Full { .. }) => {
                        world.log.pop();
                        world.full += 1;
                        world.forgettable = world.forgettable.max(world.log.len());
                        let result = journal.checkpoint(disk, Lsn(u64::MAX));
                        // Room for the largest entry, or Full is for ever.
                        if result.is_ok() {
                            world.acked = world.log.len();
                            let number = world.next;
                            world.next += 1;
                            world.log.push(number);
                            journal.append(disk, &payload(number, 200)).map(|lsn| lsns.push(lsn))
                        } else {
                            result
                        }
                    }
                    Err(error) => Err(error),
                }
            }
            5 | 6 => journal.commit(disk).map(|_| world.acked = world.log.len()),
            _ if random.below(4) == 0 && !lsns.is_empty() => {
                let covered = random.below(world.acked as u64 + 1) as usize;
                world.forgettable = world.forgettable.max(covered);
                world.checkpoints += 1;
                if covered == 0 { Ok(()) } else { journal.checkpoint(disk, lsns[covered - 1]) }
            }
            _ => Ok(()),
        };
        match result {
            Ok(()) => {}
            Err(error) => return cut(error),
        }
    }
}

/// Worlds in which something was lost or made up.
fn failures(
    options: &StreamOptions,
    (logical, physical): (u32, u32),
    ruins: bool,
    worlds: u64,
) -> Vec<String> {
    let mut failures = Vec::new();
    let (mut checkpoints, mut full) = (0, 0);
    for seed in 0..worlds {
        let mut random = Random(seed);
        let clusters = 2 + random.below(5);
        let bytes = 24576 + clusters * 4096;
        let mut image = disk(logical, physical, bytes, if seed % 2 == 0 { 0 } else { 0xff });
        fresh(&mut image, options);
        let mut world =
            World { log: vec![], acked: 0, forgettable: 0, next: 0, checkpoints: 0, full: 0 };
        for life in 0..6 {
            let mut disk = CachedDisk::new(image);
            if let Err(story) = live(&mut disk, options, &mut random, &mut world) {
                failures.push(format!("seed {seed} life {life}: {story}"));
                break;
            }
            image = disk.crash(&mut random, ruins);
        }
        checkpoints += world.checkpoints;
        full += world.full;
    }
    assert!(checkpoints > worlds / 4 && full > worlds / 16, "a hollow pass: {checkpoints} {full}");
    failures
}

fn salted(tail: TailWrite) -> StreamOptions {
    let reuse = Reuse { by: ReuseBy::Salt, clears_after_unclean: true };
    let integrity = Integrity::entry(Checksum::Crc32c);
    let strategy = Strategy::new(Framing::Stream, integrity, tail, reuse, CommitRule::Flush);
    StreamOptions::new(strategy.unwrap()).unwrap()
}

#[test]
fn every_ring_survives_power_cuts_where_sectors_are_atomic() {
    for name in crate::stream_support::RINGS {
        for shape in [(512, 512), (4096, 4096), (64, 512)] {
            let found = failures(&options(name), shape, false, 300);
            assert!(found.is_empty(), "{name} {shape:?}: {} {}", found.len(), found[0]);
        }
    }
}

#[test]
fn ping_pong_survives_the_loss_of_a_physical_sector_around_a_write() {
    for shape in [(512, 512), (512, 4096), (4096, 4096), (64, 512), (8, 64)] {
        let found = failures(&options("v8pp"), shape, true, 600);
        assert!(found.is_empty(), "{shape:?}: {} {}", found.len(), found[0]);
    }
}

#[test]
fn padding_survives_the_loss_of_the_sector_it_pads_to() {
    for (tail, shape) in [
        (TailWrite::PadLogical, (512, 512)),
        (TailWrite::PadPhysical, (512, 4096)),
        (TailWrite::PadPhysical, (64, 512)),
    ] {
        let found = failures(&salted(tail), shape, true, 600);
        assert!(found.is_empty(), "{tail:?} {shape:?}: {} {}", found.len(), found[0]);
    }
}

#[test]
fn this_test_can_see() {
    // Rewriting the tail loses it with its sector; padding to the logical sector loses what shares
    // the physical one.
    let found = failures(&options("v8ce"), (512, 512), true, 300);
    assert!(found.len() > 10, "{}", found.len());
    let found = failures(&options("v8p"), (512, 4096), true, 300);
    assert!(found.len() > 10, "{}", found.len());
}
