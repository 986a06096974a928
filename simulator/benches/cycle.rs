//! How fast the hot path is, and how far from the floor.
//!
//! Method. One workload (8 records of 200 bytes, a commit every two) on `v9-512` over
//! `consumer-nvme-no-plp`, one core, through the public traits with all oracles. Four figures,
//! measured in turns in one process so that a busy machine slows all of them alike; medians of the
//! turns, and ratios to the floor of the same run. The floor is what nobody can avoid for the same
//! bytes: copy the records into blocks, one CRC to write and one to read each, compare.
//!
//! ```text
//! cargo bench --bench cycle                    figures, ratios, and the table of leaves
//! cargo bench --bench cycle -- leaves          the table of leaves alone
//! cargo bench --bench cycle -- run cycle 1000  so many cycles and nothing else, for callgrind;
//!                                              also `leaf`, `exhaustive`, `forked`, `deep`
//! ```
//!
//! What it is not: a gate. Clocks swing on shared machines: CI counts instructions (`.ci/run`,
//! against `ceilings.txt`) and allocations (`tests/speed_allocations.rs`).

use std::hint::black_box;
use std::time::Instant;

use journal_core::formats::Format;
use journal_core::rfc::{RfcJournal, RfcOptions, Strategy};
use journal_core::{Survivors, checksum};
use num_bigint::BigUint;
use simulator::choose::{Exhaustive, Random};
use simulator::disk::contract::Contract;
use simulator::disk::{Fill, presets};
use simulator::explore::{Bounds, explore};
use simulator::journals::{self, Family, Row, Visitor};
use simulator::run::{Run, Setup, Tree};
use simulator::workload::{Op, Payloads, Workload};

const DEVICE: &str = "consumer-nvme-no-plp";
const DEVICE_BYTES: u64 = 128 * 1024;
const RECORDS: u32 = 8;
const RECORD_BYTES: u32 = 200;
const BLOCK_BYTES: usize = 512;

/// Turns, and about how long one lasts.
const TURNS: usize = 15;
const TURN_SECONDS: f64 = 0.1;

fn device() -> Contract {
    presets::named(DEVICE).expect("a preset")
}

fn setup(ops: &[Op]) -> Setup {
    Setup {
        contract: device(),
        device_bytes: DEVICE_BYTES,
        fill: Fill::Zeros,
        workload: Workload::repeated(ops, 1, Survivors::Carry),
        fault: None,
    }
}

/// Something that can be done many times.
type Work<'a> = Box<dyn FnMut(u64) + 'a>;

/// (a) The full cycle: append, commit, cut, decide, recover, judge.
fn cycle(options: &RfcOptions) -> Work<'_> {
    let ops = Workload::appends(RECORDS, RECORD_BYTES, 2);
    let (mut run, snapshot) = Run::<RfcJournal>::new(options, setup(&ops)).expect("it fits");
    let mut journal = snapshot.clone();
    let mut random = Random::new(1);
    Box::new(move |times| {
        for _ in 0..times {
            journal.clone_from(&snapshot);
            run.record_with(&mut journal, &mut None);
            random.draw_style();
            black_box(run.leaf(&mut random));
        }
    })
}

/// (b) Random crash states of one trace.
fn leaf(options: &RfcOptions) -> Work<'_> {
    let ops = Workload::appends(RECORDS, RECORD_BYTES, 2);
    let (mut run, journal) = Run::<RfcJournal>::new(options, setup(&ops)).expect("it fits");
    run.record(journal, None);
    let mut random = Random::new(1);
    Box::new(move |times| {
        for _ in 0..times {
            random.draw_style();
            black_box(run.leaf(&mut random));
        }
    })
}

/// (c) All crash states of one trace, over and over.
fn exhaustive(options: &RfcOptions) -> Work<'_> {
    let ops = Workload::appends(RECORDS, RECORD_BYTES, 2);
    let (mut run, journal) = Run::<RfcJournal>::new(options, setup(&ops)).expect("it fits");
    run.record(journal, None);
    let mut odometer = Exhaustive::new();
    Box::new(move |times| {
        for _ in 0..times {
            odometer.rewind();
            black_box(run.leaf(&mut odometer));
            if !odometer.next_leaf() {
                odometer = Exhaustive::new();
            }
        }
    })
}

/// (d) The same, with what leaves share done once.
fn forked(options: &RfcOptions) -> Work<'_> {
    tree(options, &Workload::appends(RECORDS, RECORD_BYTES, 2))
}

/// (e) The same of a larger tree: twice as many records, and one commit for all of them.
fn deep(options: &RfcOptions) -> Work<'_> {
    tree(options, &Workload::appends(2 * RECORDS, RECORD_BYTES, 2 * RECORDS))
}

fn tree<'o>(options: &'o RfcOptions, ops: &[Op]) -> Work<'o> {
    let (mut run, journal) = Run::<RfcJournal>::new(options, setup(ops)).expect("it fits");
    run.record(journal, None);
    let mut tree = Tree::default();
    Box::new(move |times| {
        for _ in 0..times {
            if black_box(run.next_leaf(&mut tree)).is_none() {
                tree.restart();
            }
        }
    })
}

/// (f) The floor.
fn floor() -> Work<'static> {
    let blocks = (RECORDS / 2) as usize;
    let mut disk = vec![0u8; blocks * BLOCK_BYTES];
    Box::new(move |times| {
        for _ in 0..times {
            let mut equal = 0;
            for (i, block) in (0u32..).zip(disk.chunks_exact_mut(BLOCK_BYTES)) {
                let records = [2 * i, 2 * i + 1].map(|k| Payloads::Generated.get(k, RECORD_BYTES));
                for (to, record) in block.chunks_mut(BLOCK_BYTES / 2).zip(records) {
                    to[..record.len()].copy_from_slice(record);
                }
                black_box(checksum::crc32c(block));
                black_box(checksum::crc32c(black_box(block)));
                for (from, record) in block.chunks(BLOCK_BYTES / 2).zip(records) {
                    equal += u32::from(from[..record.len()] == *record);
                }
            }
            assert_eq!(black_box(equal), RECORDS);
        }
    })
}

/// Units per second, the median of the turns, for each work.
fn medians(works: &mut [(&str, Work<'_>)]) -> Vec<f64> {
    let timed = |work: &mut Work<'_>, times: u64| {
        let begun = Instant::now();
        work(times);
        begun.elapsed().as_secs_f64()
    };
    // Warm up, and find how many units fill a turn.
    let times: Vec<u64> = works
        .iter_mut()
        .map(|(_, work)| {
            let _ = timed(work, 2_000);
            let each = timed(work, 10_000) / 10_000.0;
            ((TURN_SECONDS / each) as u64).max(1)
        })
        .collect();
    let mut rates = vec![Vec::new(); works.len()];
    for _ in 0..TURNS {
        for ((rates, (_, work)), &times) in rates.iter_mut().zip(works.iter_mut()).zip(&times) {
            rates.push(times as f64 / timed(work, times));
        }
    }
    rates
        .into_iter()
        .map(|mut rates| {
            rates.sort_by(f64::total_cmp);
            rates[rates.len() / 2]
        })
        .collect()
}

/// What the leaves of one tree stand for.
struct Worth {
    forked: u64,
    rerun: u64,
    states: BigUint,
}

/// Counts the leaves that recovery run again from each cut has, those of the tree, and the crash
/// states that either covers: the images of all crash points that speak for others.
fn worth(options: &RfcOptions, ops: &[Op]) -> Worth {
    let (mut run, journal) = Run::<RfcJournal>::new(options, setup(ops)).expect("it fits");
    run.record(journal, None);
    let mut odometer = Exhaustive::new();
    let mut rerun = 0;
    loop {
        odometer.rewind();
        run.leaf(&mut odometer);
        rerun += 1;
        if !odometer.next_leaf() {
            break;
        }
    }
    let explored = explore(&mut run, Bounds::default());
    assert!(explored.complete && explored.adds_up);
    let states = explored.images.iter().map(|images| &images.all).sum();
    Worth { forked: explored.leaves, rerun, states }
}

fn figures(options: &RfcOptions) {
    let mut works = [
        ("floor: CRC, copy, compare", floor()),
        ("full cycle", cycle(options)),
        ("random crash state of one trace", leaf(options)),
        ("exhaustive leaf, from the cut", exhaustive(options)),
        ("exhaustive leaf, forked", forked(options)),
        ("the same, 16 records in one commit", deep(options)),
    ];
    let rates = medians(&mut works);
    println!(
        "v9-512 on {DEVICE}, {RECORDS} records of {RECORD_BYTES} B, a commit every 2, one core"
    );
    println!("{:<34} {:>12} {:>12}", "", "per second", "of the floor");
    for ((name, _), rate) in works.iter().zip(&rates) {
        println!("{name:<34} {:>10.2} M {:>11.0} %", rate / 1e6, 100.0 * rate / rates[0]);
    }
    println!("\na forked leaf speaks for all crash points that read so:");
    let shapes = [
        ("8 records, a commit every 2", RECORDS, 2),
        ("16 records in one commit", 2 * RECORDS, 2 * RECORDS),
    ];
    for ((name, records, every), rate) in shapes.into_iter().zip(&rates[4..]) {
        let Worth { forked, rerun, states } =
            worth(options, &Workload::appends(records, RECORD_BYTES, every));
        // The unit of the works: leaves, and one more call that finds none left.
        let trees = rate / (forked + 1) as f64;
        let states = states.to_string();
        let counted: f64 = states.parse().expect("digits");
        println!(
            "{name:<34} {forked:>4} leaves for {rerun:>5} from the cut and {states:>6} crash states: \
             {:.1} M and {:.1} M per second",
            trees * rerun as f64 / 1e6,
            trees * counted / 1e6
        );
    }
}

/// Entries pending, each in a commit of its own that was not flushed: bounds of the table.
const PENDING: [u32; 8] = [1, 2, 3, 4, 6, 8, 12, 16];
const LEAVES_MAX: u64 = 100_000;

/// Leaves of a workload of `n` appends and one commit, for any journal.
struct Leaves {
    n: u32,
}

impl Visitor for Leaves {
    type Out = Option<(u64, bool)>;

    fn visit<J: Format>(self, _: Row, options: J::Options) -> Self::Out {
        let mut ops = vec![Op::Append(RECORD_BYTES); self.n as usize];
        ops.push(Op::Commit);
        let (mut run, journal) = Run::<J>::new(&options, setup(&ops)).ok()?;
        run.record(journal, None);
        let bounds = Bounds { leaves_max: LEAVES_MAX, ..Bounds::default() };
        let explored = explore(&mut run, bounds);
        Some((explored.leaves, explored.complete))
    }
}

fn table() {
    println!(
        "\nexhaustive leaves for n pending entries of {RECORD_BYTES} B and one commit, {DEVICE}"
    );
    print!("{:<18}", "n");
    PENDING.iter().for_each(|n| print!(" {n:>8}"));
    println!();
    for row in journals::rows().into_iter().filter(|row| row.family != Family::Twin) {
        print!("{:<18}", row.name);
        for n in PENDING {
            let cell = match journals::visit(row.name, Leaves { n }).flatten() {
                None => "-".to_owned(),
                Some((leaves, true)) => leaves.to_string(),
                Some((leaves, false)) => format!(">{leaves}"),
            };
            print!(" {cell:>8}");
        }
        println!();
    }
}

fn main() {
    let options = RfcOptions { strategy: Strategy::named("v9-512").expect("a rung") };
    // Cargo adds `--bench`.
    let words: Vec<String> = std::env::args().skip(1).filter(|w| !w.starts_with("--")).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words[..] {
        ["run", what, times] => {
            let times = times.parse().expect("how many times");
            let mut work = match what {
                "cycle" => cycle(&options),
                "leaf" => leaf(&options),
                "exhaustive" => exhaustive(&options),
                "forked" => forked(&options),
                "deep" => deep(&options),
                other => panic!("expected cycle, leaf, exhaustive, forked or deep, found {other}"),
            };
            work(times);
        }
        ["leaves"] => table(),
        _ => {
            figures(&options);
            table();
        }
    }
}
