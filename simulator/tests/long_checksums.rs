//! What long checksums cost: leaves in step with the sectors that they cover, not with the contents
//! that those may have together.
//!
//! Method: journals whose entries span many sectors, all of them in flight when the power goes. The
//! number of leaves is asserted, the number of images where it can be said by hand, and that no
//! collision of a checksum had to be ruled out. (Each proof asserts by itself that the images of its
//! leaves add up to all.)

use journal_core::{BlockDevice, Checksum, Lba, Piece, Survivors};
use num_bigint::BigUint;
use simulator::choose::{Exhaustive, Undisturbed};
use simulator::disk::{Disk, Fill, Live, presets};
use simulator::explore::{Bounds, Cell, Verdict, prove};
use simulator::oracle::Oracle;
use simulator::run::Setup;
use simulator::workload::{Op, Workload};

fn explore(journal: &str, device: &str, workload: Workload, leaves_max: u64) -> Cell {
    let setup = Setup {
        contract: presets::named(device).expect("a preset"),
        device_bytes: 256 * 1024,
        fill: Fill::Noise,
        workload,
        fault: None,
    };
    let bounds = Bounds { leaves_max, first_only: false, ..Bounds::default() };
    prove(journal, &setup, bounds).expect("a journal of the list")
}

/// Entries of so many sectors, none of them flushed before the commit behind all.
fn long(entries: usize, sectors: u32) -> Workload {
    let header_bytes = 7;
    let mut ops = vec![Op::Append(sectors * 512 - header_bytes); entries];
    ops.push(Op::Commit);
    Workload::repeated(&ops, 1, Survivors::Carry)
}

#[test]
fn a_torn_switch_of_two_headers_of_eight_sectors_costs_tens_of_leaves() {
    // Both headers in flight: 16 sectors that are old or new each, 2^16 contents.
    const SECTORS: usize = 8;
    let header = |seed: u8| -> Vec<u8> {
        (0..SECTORS * 512).map(|i| seed ^ (i / 512 * 7) as u8 ^ (i % 251) as u8).collect()
    };
    let contract = presets::named("consumer-nvme-no-plp").unwrap();
    let mut disk = Disk::new(&contract, 1 << 16, Fill::Noise).unwrap();
    let mut calm = Undisturbed;
    let mut device = Live::new(&mut disk, &mut calm);
    for (at, seed) in [(0, 1), (8, 2)] {
        device.write_one(Lba(at), &header(seed)).unwrap();
    }
    device.flush().unwrap();
    for (at, seed) in [(0, 3), (8, 4)] {
        device.write_one(Lba(at), &header(seed)).unwrap();
    }
    disk.cut(disk.calls());
    disk.ask_classes(true);
    let mut universe = disk.universe();
    let (mark, at, mut odometer) = (disk.mark(), disk.window().1, Exhaustive::new());
    let (mut leaves, mut covered, mut seen) = (0, BigUint::default(), Vec::new());
    loop {
        disk.rewind(&mark);
        odometer.rewind();
        let mut device = Live::new(&mut disk, &mut odometer);
        let mut holds = |at: u64, seed: u8| {
            let bytes = (SECTORS * 512) as u64;
            let pieces = [Piece::Device { at_bytes: at * 512, bytes }];
            let expected = Checksum::Crc32c.of(&[&header(seed)]);
            device.verify(&pieces, Checksum::Crc32c, expected).unwrap()
        };
        // The new header of either place, or none.
        seen.push([(0, 3), (8, 4)].into_iter().position(|(at, new)| holds(at, new)));
        leaves += 1;
        covered += universe.images(&disk, at);
        if !odometer.next_leaf() {
            break;
        }
    }
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen, [None, Some(0), Some(1)]);
    assert_eq!(covered, BigUint::from(1u32) << 16);
    // The first one holds or fails at one of its sectors; then so does the second.
    assert_eq!(leaves, 1 + 8 * (1 + 8));
}

/// The images of a log of so many pending sectors, each old or new, in pages with `zeros` more that
/// were zeros and are written as zeros; and where one sector may be unreadable, those with one. The
/// last crash point, where all is stable, has one image.
fn images(sectors: u32, zeros: u32, damaged: bool) -> BigUint {
    let whole = BigUint::from(1u32) << sectors;
    let lost = (whole.clone() >> 1u32) * sectors + whole.clone() * zeros;
    whole + if damaged { lost } else { BigUint::default() } + 1u32
}

#[test]
fn two_leveldb_entries_of_twenty_sectors_cost_a_leaf_for_each_answer() {
    for (device, damaged, leaves) in [
        // Of each entry the header is missing, or its checksum fails; or both are there.
        ("consumer-nvme-no-plp", false, 2 * 2 + 1),
        // Or its header is unreadable, or some other sector, and the error does not tell which.
        ("hdd-512n", true, 2 * 2 + 2 + 4),
    ] {
        let cell = explore("leveldb", device, long(2, 20), 1_000);
        assert_eq!(cell.verdict, Verdict::Proven, "{device}: {:?}", cell.why);
        assert_eq!(cell.explored.leaves, leaves, "{device}");
        assert_eq!(cell.explored.images[0].all, images(40, 0, damaged), "{device}");
        assert!(!cell.explored.modulo_collisions, "all mixtures are looked through");
    }
}

#[test]
fn a_hundred_pending_sectors_are_covered_to_the_last_image() {
    // They reach into a second block of 32 KiB, where the reader goes on behind a torn record: what
    // it hands out from there is out of order, and each sector of the first block counts with each
    // of the second. The header of that block is in the hundred and first sector.
    for (device, damaged) in [("consumer-nvme-no-plp", false), ("hdd-512n", true)] {
        let cell = explore("leveldb", device, long(5, 20), 10_000);
        assert!(cell.explored.complete, "{device}");
        assert_eq!(cell.explored.images[0].all, images(101, 3, damaged), "{device}");
        assert_eq!(cell.verdict, Verdict::Refuted, "{device}");
        let broken = cell.explored.first.as_ref().map(|first| first.0);
        assert!(broken.is_some_and(|broken| broken.contains(Oracle::Order)), "{device}");
        // The case that was found among the ordinary leaves, which read every sector.
        let again = cell.counterexample.expect("refuted by a case").run(None).unwrap();
        assert!(again.broken().contains(Oracle::Order), "{device}");
    }
}

#[test]
fn a_checksum_over_more_mixtures_than_can_be_tried_is_told_to_hold_modulo_collisions() {
    let cell = explore("leveldb", "consumer-nvme-no-plp", long(2, 30), 1_000);
    assert_eq!(cell.verdict, Verdict::Proven, "{:?}", cell.why);
    assert_eq!(cell.explored.leaves, 2 * 2 + 1);
    assert_eq!(cell.explored.images[0].all, images(60, 4, false));
    assert!(cell.explored.modulo_collisions);
}

#[test]
fn v9_of_whole_physical_sectors_is_proven_over_two_lives() {
    let workload = Workload::repeated(&Workload::appends(4, 200, 2), 2, Survivors::Carry);
    for device in ["hdd-512n", "hdd-512e"] {
        let cell = explore("v9-4096", device, workload.clone(), 20_000);
        assert_eq!(cell.verdict, Verdict::Proven, "{device}: {:?}", cell.why);
        assert!(!cell.explored.modulo_collisions);
    }
}

#[test]
fn an_entry_torn_between_lines_of_persistent_memory_costs_a_leaf_for_each_thing_it_is_taken_for() {
    // Two entries of 240 bytes, padded to eight lines, each of which holds the first so many of its eight
    // stores. Whoever reads line by line meets 9^8 contents in each of two commits; and after all, one.
    let workload = Workload::repeated(&Workload::appends(4, 240, 2), 1, Survivors::Carry);
    let cell = explore("v8p", "pm-8byte", workload, 1_000);
    assert_eq!(cell.verdict, Verdict::Proven, "{:?}", cell.why);
    assert_eq!(cell.explored.leaves, 11);
    assert_eq!(cell.explored.images[0].all, BigUint::from(9u32).pow(8) * 2u32 + 1u32);
    assert!(!cell.explored.modulo_collisions);
}

#[test]
fn what_a_recovery_and_an_append_need_not_know_of_a_line_costs_no_leaves() {
    // Entries of 240 bytes over two lives: lines that an append writes all over, the end of an entry in a
    // tail slot, a page around a store. Read line by line each had nine contents, and no search ended.
    let workload = Workload::repeated(&Workload::appends(4, 240, 2), 2, Survivors::Carry);
    for (journal, most) in [("v8pp", 2_000), ("sqlite-wal", 4_000)] {
        let cell = explore(journal, "pm-8byte", workload.clone(), most);
        assert_eq!(cell.verdict, Verdict::Proven, "{journal}: {:?}", cell.why);
    }
    let cell = explore("v8c", "pm-8byte", workload, 10_000);
    assert_eq!((cell.verdict, cell.explored.complete), (Verdict::Refuted, true));
}
