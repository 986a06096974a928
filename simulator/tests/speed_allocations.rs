//! No allocation per cycle: the hot path works in memory that it has.
//!
//! The one idea: a counting allocator (`allocation-counter`, per thread) around a thousand cycles
//! after a warm-up. Wall clocks swing on shared machines; this count does not.
//!
//! What it is not: a benchmark. See `benches/cycle.rs`.

use journal_core::Survivors;
use journal_core::rfc::{RfcJournal, RfcOptions, Strategy};
use simulator::choose::{Exhaustive, Random};
use simulator::disk::{Fill, presets};
use simulator::run::{Run, Setup};
use simulator::workload::Workload;

const CYCLES: u32 = 1000;

/// Eight records of 200 bytes, a commit every two, on a volatile cache that keeps any subset.
fn setup() -> Setup {
    let ops = Workload::appends(8, 200, 2);
    Setup {
        contract: presets::named("consumer-nvme-no-plp").expect("a preset"),
        device_bytes: 64 * 1024,
        fill: Fill::Zeros,
        workload: Workload::repeated(&ops, 1, Survivors::Carry),
        fault: None,
    }
}

fn options() -> RfcOptions {
    RfcOptions { strategy: Strategy::named("v9-512").expect("a rung") }
}

/// Allocations of a thousand calls, after a warm-up of as many.
fn counted(mut cycle: impl FnMut()) -> u64 {
    (0..CYCLES).for_each(|_| cycle());
    allocation_counter::measure(|| (0..CYCLES).for_each(|_| cycle())).count_total
}

fn run(options: &RfcOptions) -> (Run<'_, RfcJournal>, RfcJournal) {
    Run::<RfcJournal>::new(options, setup()).expect("v9-512 fits")
}

#[test]
fn a_full_cycle_allocates_nothing() {
    let options = options();
    let (mut run, snapshot) = run(&options);
    let mut journal = snapshot.clone();
    let mut random = Random::new(1);
    let allocations = counted(|| {
        journal.clone_from(&snapshot);
        run.record_with(&mut journal, &mut None);
        random.draw_style();
        run.leaf(&mut random);
    });
    assert_eq!(allocations, 0, "allocations in {CYCLES} cycles");
}

#[test]
fn a_random_crash_state_of_one_trace_allocates_nothing() {
    let options = options();
    let (mut run, journal) = run(&options);
    run.record(journal, None);
    let mut random = Random::new(1);
    let allocations = counted(|| {
        random.draw_style();
        run.leaf(&mut random);
    });
    assert_eq!(allocations, 0, "allocations in {CYCLES} leaves");
}

#[test]
fn an_exhaustive_leaf_allocates_nothing() {
    let options = options();
    let (mut run, journal) = run(&options);
    run.record(journal, None);
    let mut odometer = Exhaustive::new();
    let allocations = counted(|| {
        odometer.rewind();
        run.leaf(&mut odometer);
        if !odometer.next_leaf() {
            // Once round: `next_leaf` gave the whole path back.
            odometer.rewind();
        }
    });
    assert_eq!(allocations, 0, "allocations in {CYCLES} leaves");
}

#[test]
fn the_counter_sees_an_allocation() {
    // The control of this file.
    assert!(counted(|| drop(std::hint::black_box(vec![0u8; 9]))) >= u64::from(CYCLES));
}
