//! Journals that do what none of ours does, and are judged for it all the same.
//!
//! Goal: whatever a recovery may do besides (write over what it did not read, read without end in a torn
//! state alone, ask about a thing that ends behind the device), a proof says of it what running it on each
//! image says.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use journal_core::rfc::{RfcOptions, Strategy};
use journal_core::{BlockDevice, Checksum, Claim, DeviceError, Error, Lba, Survivors, Write};
use simulator::choose::{Exhaustive, Undisturbed};
use simulator::disk::contract::Contract;
use simulator::disk::{Disk, Fault, FaultKind, Fill, Live, presets};
use simulator::explore::{Bounds, Cell, Outside, Verdict, prove, prove_with};
use simulator::oracle::Oracle;
use simulator::run::Setup;
use simulator::workload::Workload;

use crate::habits::{Habit, Habitual};

fn proof<H: Habit>(device: &str, lives: u32, fault: Option<Fault>) -> Cell {
    let setup = Setup {
        contract: presets::named(device).unwrap(),
        device_bytes: 64 * 512,
        fill: Fill::Zeros,
        workload: Workload::repeated(&Workload::appends(2, 48, 1), lives, Survivors::Carry),
        fault,
    };
    let options = RfcOptions { strategy: Strategy::named("v9-512").unwrap() };
    prove_with::<Habitual<H>>("with-a-habit", &options, &setup, Bounds::default())
}

/// It writes notes into the last sector and never reads them; its recovery writes over them.
struct KeepsNotes;

const NOTES: Lba = Lba(63);

fn write_note(device: &mut dyn BlockDevice, byte: u8) -> Result<(), Error> {
    Ok(device.write(&[Write::cached(NOTES, &[byte; 512])])?)
}

impl Habit for KeepsNotes {
    fn after_open(device: &mut dyn BlockDevice, _: u64) -> Result<(), Error> {
        write_note(device, 0xee)
    }

    fn before_append(device: &mut dyn BlockDevice, payload: &[u8]) -> Result<(), Error> {
        write_note(device, payload[0])
    }
}

#[test]
fn what_a_recovery_writes_over_unread_counts_as_often_as_it_may_have_held_something() {
    let refuted = proof::<KeepsNotes>("consumer-nvme-no-plp", 2, None);
    let broken =
        refuted.explored.first.as_ref().map(|(broken, _)| broken.contains(Oracle::Idempotence));
    assert_eq!((refuted.verdict, broken), (Verdict::Refuted, Some(true)), "{:?}", refuted.why);
    // Where flushes mean nothing, a recovery may write.
    let proven = proof::<KeepsNotes>("virtio-cache-unsafe", 2, None);
    assert_eq!(proven.verdict, Verdict::Proven, "{:?}", proven.why);
    for images in &proven.explored.images {
        assert_eq!(images.covered, images.all);
    }
}

/// It reads nearly as much as it may, and as much again if it found no entry.
struct ReadsOn;

fn read_on(device: &mut dyn BlockDevice) -> Result<(), Error> {
    let mut sector = [0; 512];
    (0..1_500).try_for_each(|_| Ok(device.read(NOTES, &mut sector)?))
}

impl Habit for ReadsOn {
    fn before_open(device: &mut dyn BlockDevice) -> Result<(), Error> {
        read_on(device)
    }

    fn after_open(device: &mut dyn BlockDevice, entries: u64) -> Result<(), Error> {
        if entries == 0 { read_on(device) } else { Ok(()) }
    }
}

#[test]
fn reads_are_counted_from_the_beginning_of_a_recovery_wherever_it_is_taken_up() {
    let cell = proof::<ReadsOn>("consumer-nvme-no-plp", 1, None);
    let broken =
        cell.explored.first.as_ref().map(|(broken, _)| broken.contains(Oracle::Availability));
    assert_eq!((cell.verdict, broken), (Verdict::Refuted, Some(true)), "{:?}", cell.why);
}

/// None: V9 as it is.
struct Modest;

impl Habit for Modest {}

#[test]
fn a_fault_that_strikes_nothing_measures_nothing() {
    let at = |operation| Some(Fault { operation, kind: FaultKind::Error });
    let struck = proof::<Modest>("consumer-nvme-no-plp", 2, at(1));
    assert_ne!(struck.verdict, Verdict::NotMeasured, "{:?}", struck.why);
    let missed = proof::<Modest>("consumer-nvme-no-plp", 2, at(1_000));
    assert_eq!(missed.verdict, Verdict::NotMeasured);
    let why = missed.why.unwrap();
    assert!(
        why.starts_with("the fault was to strike operation 1000, and the first life made "),
        "{why}"
    );
}

/// What `is_whole` answers of a head of eight bytes at 0, in all leaves: with one answer for all that reads
/// alike, or each sector read.
fn answers(old: u8, new: u8, asks_classes: bool) -> BTreeSet<String> {
    let contract = Contract {
        logical_bytes: 64,
        physical_bytes: 64,
        atomic_bytes: 64,
        ..Contract::base("any")
    };
    let mut disk = Disk::new(&contract, 8 * 64, Fill::Zeros).unwrap();
    for byte in [old, new] {
        let written =
            Live::new(&mut disk, &mut Undisturbed).write(&[Write::cached(Lba(0), &[byte; 64])]);
        written.unwrap();
        if byte == old {
            disk.settle();
        }
    }
    disk.cut(disk.calls());
    disk.ask_classes(asks_classes);
    disk.allow_clauses(asks_classes, true);
    // 1 claims nothing, 2 what the device has, 3 and 4 what it does not have.
    let claims = |head: &[u8]| match head[0] {
        2 => Some(Claim::new(Checksum::Crc32c, Checksum::Crc32c.of(&[&[2; 64]]), &[], 0..64)),
        3 => Some(Claim::new(Checksum::Crc32c, 7, &[], 0..1 << 20)),
        4 => Some(Claim::new(Checksum::Crc32c, 7, &[], 256..1 << 20)),
        _ => None,
    };
    let (mark, mut chooser, mut found) = (disk.mark(), Exhaustive::new(), BTreeSet::new());
    loop {
        disk.rewind(&mark);
        chooser.rewind();
        let answer: Result<bool, DeviceError> =
            Live::new(&mut disk, &mut chooser).is_whole(0, 8, &claims);
        found.insert(format!("{answer:?}"));
        if !chooser.next_leaf() {
            return found;
        }
    }
}

#[test]
fn a_claim_that_leaves_the_device_is_an_error_where_its_head_is_and_nowhere_else() {
    for old in 1..=4 {
        for new in 1..=4 {
            let (asked, read) = (answers(old, new, true), answers(old, new, false));
            assert_eq!(asked, read, "{old} or {new}");
            assert_eq!(read.len() > 1, old != new, "{read:?}");
        }
    }
}

static STOPPED: AtomicBool = AtomicBool::new(true);
static VISITED: AtomicU64 = AtomicU64::new(0);

/// Goal: on one thread and on three, ended before its first leaf, and watched to its end.
#[test]
fn a_search_that_is_ended_from_outside_says_so_and_one_that_is_watched_finds_the_same() {
    let setup = Setup {
        contract: presets::named("hdd-512n").unwrap(),
        device_bytes: 128 * 512,
        fill: Fill::Zeros,
        workload: Workload::repeated(&Workload::appends(4, 48, 2), 2, Survivors::Carry),
        fault: None,
    };
    for threads in [1, 3] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let found = |outside| {
            let bounds = Bounds { outside, ..Bounds::default() };
            pool.install(|| prove("v9-512", &setup, bounds)).expect("a journal of the list")
        };
        let ended = found(Outside { stop: Some(&STOPPED), leaves: None });
        assert_eq!(ended.verdict, Verdict::Bounded);
        assert_eq!(ended.why.as_deref(), Some("interrupted after 0 leaves"));
        let before = VISITED.load(Ordering::Relaxed);
        let watched = found(Outside { stop: None, leaves: Some(&VISITED) });
        assert_eq!(watched, found(Outside::default()));
        assert_eq!(watched.verdict, Verdict::Proven);
        assert_eq!(VISITED.load(Ordering::Relaxed) - before, watched.explored.leaves);
    }
}
