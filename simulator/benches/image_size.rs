//! Whether the size of the device matters: it must not.
//!
//! Method. The same workload (8 entries of 200 bytes, a commit every two, two lives) on a device of
//! 1 MiB and on one of 1 GiB, in one process, in turns; processor time, medians of the turns, and the ratio of the two.
//! Formatting, and what else is made ready before the first life, is timed apart. Memory is what was
//! allocated at most, by a counting allocator, and what the search says it keeps.
//!
//! ```text
//! cargo bench -p simulator --bench image_size                 every journal but the twins
//! cargo bench -p simulator --bench image_size -- v8 leveldb   these, twins too
//! ```
//!
//! What it is not: a gate. `tests/memory.rs` holds what is kept to the same on both, without a clock.

use journal_core::Survivors;
use journal_core::formats::Format;
use simulator::disk::{Fill, presets};
use simulator::explore::{Bounds, explore};
use simulator::journals::{self, Family, Row, Visitor};
use simulator::run::{Run, Setup};
use simulator::workload::Workload;

#[path = "support/clock.rs"]
mod clock;
use clock::{now, seconds_since};

const DEVICE: &str = "consumer-nvme-no-plp";
const SMALL: u64 = 1 << 20;
const LARGE: u64 = 1 << 30;
const TURNS: usize = 11;

/// What a turn takes at least: the clock of a thread may tick a hundred times a second only.
const SECONDS: f64 = 0.15;

fn setup(device_bytes: u64) -> Setup {
    Setup {
        contract: presets::named(DEVICE).expect("a preset"),
        device_bytes,
        fill: Fill::Zeros,
        workload: Workload::repeated(&Workload::appends(8, 200, 2), 2, Survivors::Carry),
        fault: None,
    }
}

struct Sizes;

/// Of the small device and of the large one.
type Pair<T> = [T; 2];

struct Figures {
    leaves: Pair<u64>,
    format_seconds: Pair<f64>,
    leaf_nanos: Pair<f64>,
    allocated: Pair<u64>,
    kept: Pair<u64>,
}

impl Visitor for Sizes {
    type Out = Figures;

    fn visit<J: Format>(self, _: Row, options: J::Options) -> Figures {
        let bounds = Bounds { leaves_max: 20_000, ..Bounds::default() };
        let mut figures = Figures {
            leaves: [0; 2],
            format_seconds: [0.0; 2],
            leaf_nanos: [0.0; 2],
            allocated: [0; 2],
            kept: [0; 2],
        };
        let mut runs = Vec::new();
        for (at, device_bytes) in [SMALL, LARGE].into_iter().enumerate() {
            let fresh = || {
                let begun = now();
                let made = Run::<J>::new(&options, setup(device_bytes)).expect("it fits");
                let seconds = seconds_since(&begun);
                let (mut run, journal) = made;
                run.record(journal, None);
                (run, seconds)
            };
            // What is allocated once and for all is not a device's.
            explore(&mut fresh().0, bounds);
            let counted = allocation_counter::measure(|| {
                let (mut run, _) = fresh();
                figures.kept[at] = explore(&mut run, bounds).kept_bytes;
            });
            figures.allocated[at] = counted.bytes_max;
            let (run, seconds) = fresh();
            figures.format_seconds[at] = seconds;
            runs.push((run, Vec::new()));
        }
        for _ in 0..TURNS {
            for (at, (run, nanos)) in runs.iter_mut().enumerate() {
                let (begun, mut leaves) = (now(), 0);
                while seconds_since(&begun) < SECONDS {
                    figures.leaves[at] = explore(run, bounds).leaves;
                    leaves += figures.leaves[at];
                }
                nanos.push(seconds_since(&begun) * 1e9 / leaves as f64);
            }
        }
        for (at, (_, nanos)) in runs.iter_mut().enumerate() {
            nanos.sort_by(f64::total_cmp);
            figures.leaf_nanos[at] = nanos[TURNS / 2];
        }
        figures
    }
}

fn main() {
    println!("8 entries of 200 B, a commit every 2, two lives, on {DEVICE}: 1 MiB against 1 GiB");
    println!(
        "{:<16} {:>14} {:>20} {:>6} {:>22} {:>6} {:>18} {:>20}",
        "", "leaves", "ns per leaf", "", "bytes allocated", "", "bytes kept", "format ms"
    );
    let asked: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    let wanted = |row: &&Row| match asked.is_empty() {
        true => row.family != Family::Twin,
        false => asked.iter().any(|word| word == row.name),
    };
    for name in journals::rows().iter().filter(wanted).map(|row| row.name) {
        let f = journals::visit(name, Sizes).expect("a journal of the list");
        println!(
            "{name:<16} {:>6} {:>7} {:>9.0} {:>10.0} {:>6.2} {:>10} {:>11} {:>6.2} {:>8} {:>9} {:>9.2} {:>10.2}",
            f.leaves[0],
            f.leaves[1],
            f.leaf_nanos[0],
            f.leaf_nanos[1],
            f.leaf_nanos[1] / f.leaf_nanos[0],
            f.allocated[0],
            f.allocated[1],
            f.allocated[1] as f64 / f.allocated[0] as f64,
            f.kept[0],
            f.kept[1],
            f.format_seconds[0] * 1e3,
            f.format_seconds[1] * 1e3,
        );
    }
}
