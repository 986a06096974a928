//! What a campaign costs beside the work that it does.
//!
//! Method. The journal and the device of `cycle.rs`: `v9-512` on `consumer-nvme-no-plp`, where nothing is found.
//! The same runs are done in two ways, by turns, in one process:
//!
//! - *bare*: the experiments are drawn beforehand; the clock sees appending, cutting, opening and judging alone,
//!   as `cycle.rs` does it;
//! - *campaign*: as `tornwrite torture` does them: drawn, counted, classified, with the progress in a journal on
//!   a real file, flushed, and the report written.
//!
//! Both visit the same crash states, which is checked. Then the campaign once more on two threads.
//!
//! ```text
//! cargo bench --bench torture                      ratios and rates; wants a quiet machine of two cores
//! cargo bench --bench torture -- run bare 2560     so many runs and nothing else, for callgrind;
//!                                                  also `campaign`, on one thread
//! ```
//!
//! What it is not: a gate on clocks. CI holds the ratio in instructions (`.ci/run`).

use std::time::Instant;

use journal_core::rfc::{RfcJournal, RfcOptions, Strategy};
use simulator::campaign::{self, Folder, Hands, folder::Start};
use simulator::disk::presets;
use simulator::explore::torture::{Bare, DEVICE_BYTES, LEAVES_PER_RUN, Plan, bare};
use simulator::report::model::{Asked, Tool};
use simulator::report::{Report, SCHEMA_VERSION, json, oracles};
use simulator::run::Run;
use simulator::workload::Sizes;

const JOURNAL: &str = "v9-512";
const DEVICE: &str = "consumer-nvme-no-plp";

/// Runs of a turn, and turns: enough that the beginning and the end of a campaign, a tenth of a second on one
/// thread, are lost in it.
const RUNS: u64 = 256 * 320;
const TURNS: usize = 5;

fn plan(runs: u64) -> Plan {
    Plan {
        seed: 1,
        runs,
        journals: vec![JOURNAL.to_owned()],
        grid: false,
        contracts: vec![presets::named(DEVICE).expect("a preset")],
        varied: false,
        sizes: Sizes::default(),
        payloads: None,
        shard: (0, 1),
    }
}

fn drawn(plan: &Plan) -> Vec<Bare> {
    let draw = |number| bare(plan, number).expect("no file is read").expect("a journal");
    (0..plan.runs).map(draw).collect()
}

/// The leaves of these experiments, and how many there were.
fn cycles(experiments: Vec<Bare>) -> u64 {
    let options = RfcOptions { strategy: Strategy::named(JOURNAL).expect("a rung") };
    let mut leaves = 0;
    for mut one in experiments {
        let setup = one.setup.clone();
        let Ok((mut run, journal)) = Run::<RfcJournal>::new(&options, setup) else { continue };
        run.record(journal, None);
        for _ in 0..LEAVES_PER_RUN {
            one.draw_style();
            std::hint::black_box(run.leaf(&mut one.random));
            leaves += 1;
        }
    }
    leaves
}

/// The same as a campaign, from an empty folder to the report.
fn campaign(plan: &Plan, jobs: usize) -> u64 {
    let out = tempfile::tempdir().expect("a folder");
    let folder = Folder::lock(out.path()).expect("nobody else's");
    let mut progress = folder.campaign(plan, Start::Begin, &|| [7; 16]).expect("there is room");
    let mut hands = Hands { jobs, stop: &|| false, elapsed: &|| 0, told: &mut |_, _| () };
    let at_hand = campaign::run(plan, &folder, &mut progress, &mut hands).expect("no trouble");
    let totals = &progress.state().totals;
    let found = campaign::findings(plan, &folder, totals, at_hand).expect("no trouble");
    let report = Report {
        schema_version: SCHEMA_VERSION,
        tool: Tool { name: "tornwrite".to_owned(), version: String::new() },
        asked: Asked {
            command: "torture".to_owned(),
            device_bytes: DEVICE_BYTES,
            leaves_max: None,
            memory_max: None,
            workloads: Vec::new(),
        },
        partial: false,
        shard: None,
        oracles: oracles::rows(),
        owed: oracles::owed(&plan.contracts),
        cells: Vec::new(),
        costs: Vec::new(),
        grid: None,
        frontiers: Vec::new(),
        campaign: Some(simulator::report::campaign::campaign(plan, totals, &found, false)),
        dealt: None,
        journals: Vec::new(),
        devices: Vec::new(),
    };
    json::write(&report, json::Beside { diff: None, running: None }, out.path())
        .expect("there is room");
    let leaves = totals.seen.values().map(|seen| seen.leaves).sum();
    progress.finish().expect("there is room");
    leaves
}

fn timed(work: impl FnOnce() -> u64) -> (u64, f64) {
    let begun = Instant::now();
    let leaves = work();
    (leaves, begun.elapsed().as_secs_f64())
}

fn median(mut all: Vec<f64>) -> f64 {
    all.sort_by(f64::total_cmp);
    all[all.len() / 2]
}

fn figures() {
    let plan = plan(RUNS);
    let experiments = drawn(&plan);
    let (mut one, mut two) = (Vec::new(), Vec::new());
    let (mut rates, mut states) = ([Vec::new(), Vec::new(), Vec::new()], 0);
    for _ in 0..TURNS {
        let again = experiments.clone();
        let (expected, alone) = timed(|| cycles(again));
        let (leaves, single) = timed(|| campaign(&plan, 1));
        let (both, double) = timed(|| campaign(&plan, 2));
        assert_eq!((leaves, both), (expected, expected), "the same crash states");
        states = leaves;
        one.push(single / alone);
        two.push(single / double);
        for (rates, seconds) in rates.iter_mut().zip([alone, single, double]) {
            rates.push(leaves as f64 / seconds / 1e6);
        }
    }
    println!("{JOURNAL} on {DEVICE}, {RUNS} runs, {states} crash states; medians of {TURNS} turns");
    let names = ["bare", "campaign, one thread", "campaign, two threads"];
    for (name, rates) in names.into_iter().zip(rates) {
        println!("{name:<24} {:>6.3} M crash states per second", median(rates));
    }
    println!("a campaign takes         {:>6.3} times the bare time (at most 1.15)", median(one));
    println!("two threads are          {:>6.3} times as fast as one (at least 1.9)", median(two));
}

fn main() {
    // Cargo adds `--bench`.
    let words: Vec<String> = std::env::args().skip(1).filter(|w| !w.starts_with("--")).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words[..] {
        ["run", what, runs] => {
            let plan = plan(runs.parse().expect("how many runs"));
            let leaves = match what {
                "bare" => cycles(drawn(&plan)),
                "campaign" => campaign(&plan, 1),
                other => panic!("expected bare or campaign, found {other}"),
            };
            println!("{leaves} crash states");
        }
        _ => figures(),
    }
}
