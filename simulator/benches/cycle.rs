//! Speed: full cycles, crash states of one trace, exhaustive leaves, and the floor below them.
//!
//! Method. V9 in blocks of 512 bytes, 8 records of 200 bytes, a commit after every second, a cache
//! that persists any subset, one core, through the public traits, all oracles on. The floor is the
//! work that no design avoids: the checksums over the blocks and the header, the copy and the
//! comparison of the payloads, and nothing else. Each figure is the median of several rounds; the
//! ratios to the floor come from the same rounds and hold on a noisy machine.
//!
//! ```sh
//! cargo bench -p simulator --bench cycle              # figures and ratios
//! cargo bench -p simulator --bench cycle -- leaves    # leaf counts: n pending entries, each journal
//! cargo bench -p simulator --bench cycle -- count cycle 10000   # a fixed amount, for callgrind
//! ```

use std::hint::black_box;
use std::time::Instant;

use journal_core::Survivors;
use journal_core::checksum::crc32c;
use journal_core::rfc::{RfcJournal, RfcOptions, Strategy};
use simulator::choose::Random;
use simulator::disk::{Fill, presets};
use simulator::explore::{Bounds, explore, prove};
use simulator::journals::{self, Family};
use simulator::run::{Run, Setup};
use simulator::workload::{Payloads, Workload};

const ROUNDS: usize = 9;
const PER_ROUND: u64 = 200_000;

fn setup(entries: u32, bytes: u32, every: u32) -> Setup {
    let ops = Workload::appends(entries, bytes, every);
    Setup {
        contract: presets::named("consumer-nvme-no-plp").expect("a preset"),
        device_bytes: 256 * 1024,
        fill: Fill::Noise,
        workload: Workload::repeated(&ops, 1, Survivors::Carry),
        fault: None,
    }
}

/// The benchmark's journal, recorded, with the snapshot that each cycle begins from.
struct Bench<'o> {
    run: Run<'o, RfcJournal>,
    ready: RfcJournal,
    journal: RfcJournal,
    random: Random,
}

impl<'o> Bench<'o> {
    fn new(options: &'o RfcOptions) -> Self {
        let (mut run, ready) =
            Run::<RfcJournal>::new(options, setup(8, 200, 2)).expect("fits the device");
        let mut journal = ready.clone();
        run.record_with(&mut journal, &mut None);
        Bench { run, ready, journal, random: Random::new(1) }
    }

    /// Append, cut, open, judge.
    fn cycles(&mut self, n: u64) -> u64 {
        for _ in 0..n {
            self.journal.clone_from(&self.ready);
            self.run.record_with(&mut self.journal, &mut None);
            self.random.draw_style();
            black_box(self.run.leaf(&mut self.random));
        }
        n
    }

    /// Cut, open, judge: crash states of the trace recorded last.
    fn states(&mut self, n: u64) -> u64 {
        for _ in 0..n {
            self.random.draw_style();
            black_box(self.run.leaf(&mut self.random));
        }
        n
    }

    /// The same, exhaustively, over and over.
    fn leaves(&mut self, n: u64) -> u64 {
        let mut done = 0;
        while done < n {
            done += explore(&mut self.run, Bounds::default()).leaves;
        }
        done
    }
}

/// Checksums, copy and comparison alone, for as many blocks as the mean crash state reads.
fn floor(n: u64) -> u64 {
    let header = vec![0xffu8; 4096];
    let blocks = vec![0x5au8; 4 * 512];
    let payloads = Payloads::Generated;
    let mut copy = [0u8; 200];
    for i in 0..n {
        black_box(crc32c(black_box(&header)));
        for block in blocks.chunks(512) {
            black_box(crc32c(black_box(block)));
        }
        for entry in 0..8 {
            let bytes = payloads.get(i as u32 + entry, 200);
            copy.copy_from_slice(black_box(bytes));
            assert!(black_box(&copy[..]) == bytes);
        }
    }
    n
}

fn rate(work: &mut dyn FnMut(u64) -> u64) -> f64 {
    let start = Instant::now();
    let done = work(PER_ROUND);
    done as f64 / start.elapsed().as_secs_f64() / 1e6
}

fn median(mut all: Vec<f64>) -> f64 {
    all.sort_by(f64::total_cmp);
    all[all.len() / 2]
}

fn figures(bench: &mut Bench<'_>) {
    let names = ["full cycles", "crash states of one trace", "exhaustive leaves"];
    let mut rates = vec![Vec::new(); names.len()];
    let mut ratios = vec![Vec::new(); names.len()];
    let mut floors = Vec::new();
    for _ in 0..ROUNDS {
        let at_best = rate(&mut floor);
        floors.push(at_best);
        let round = [
            rate(&mut |n| bench.cycles(n)),
            rate(&mut |n| bench.states(n)),
            rate(&mut |n| bench.leaves(n)),
        ];
        for (i, rate) in round.into_iter().enumerate() {
            rates[i].push(rate);
            ratios[i].push(at_best / rate);
        }
    }
    println!("V9, 8 records of 200 B, a commit every 2, any-subset cache, all oracles, one core");
    println!("median of {ROUNDS} rounds of {PER_ROUND}; floor = checksum, copy, compare alone\n");
    println!("{:<28}{:>12}{:>18}", "", "M/s", "times the floor");
    for (i, name) in names.iter().enumerate() {
        let (rate, ratio) = (median(rates[i].clone()), median(ratios[i].clone()));
        println!("{name:<28}{rate:>12.2}{ratio:>18.2}");
    }
    println!("{:<28}{:>12.2}{:>18.2}", "floor", median(floors), 1.0);
}

/// Leaves of one commit of n entries of 48 bytes, one life, for each journal.
fn leaf_table() {
    const COUNTS: [u32; 6] = [1, 2, 4, 8, 12, 16];
    const LEAVES_MAX: u64 = 200_000;
    println!("exhaustive leaves against n entries of 200 B pending in one commit, one life,");
    println!("consumer-nvme-no-plp; `>` where the bound of {LEAVES_MAX} ended the count\n");
    print!("{:<18}", "n");
    COUNTS.iter().for_each(|n| print!("{n:>9}"));
    println!();
    for row in journals::rows().into_iter().filter(|row| row.family != Family::Twin) {
        print!("{:<18}", row.name);
        for n in COUNTS {
            let bounds = Bounds { leaves_max: LEAVES_MAX, first_only: false };
            let cell = prove(row.name, &setup(n, 200, n), bounds).expect("a row of the list");
            let more = if cell.explored.complete { "" } else { ">" };
            print!("{:>9}", format!("{more}{}", cell.explored.leaves));
        }
        println!();
    }
}

fn main() {
    let options = RfcOptions { strategy: Strategy::named("v9-512").expect("on the ladder") };
    let arguments: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        [] => figures(&mut Bench::new(&options)),
        ["leaves"] => leaf_table(),
        ["count", what, n] => {
            let n = n.parse().expect("a number of units");
            let mut bench = Bench::new(&options);
            let done = match what {
                "cycle" => bench.cycles(n),
                "state" => bench.states(n),
                "leaf" => bench.leaves(n),
                _ => panic!("expected cycle, state or leaf, found {what}"),
            };
            println!("{done}");
        }
        _ => eprintln!("expected nothing, `leaves` or `count cycle|state|leaf N`"),
    }
}
