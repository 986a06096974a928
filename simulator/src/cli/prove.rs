//! `prove`: one journal, one contract, one workload, exhaustively.
//!
//! The one idea: the smallest report there is, of one cell with one experiment, told at length.
//!
//! Invariant: the exit code is the verdict. Only a complete search ends with 0.
//!
//! What it is not: a choice of workload. What is not asked for is not proven.

use std::path::{Path, PathBuf};

use journal_core::Survivors;
use simulator::declared::Probabilities;
use simulator::explore::cell::probable;
use simulator::explore::sample::sample;
use simulator::explore::{Bounds, Verdict, prove};
use simulator::report::model::{Asked, Tool, WorkloadRow};
use simulator::report::{Report, SCHEMA_VERSION, build, oracles, proof};
use simulator::shrink::Budget;
use simulator::workload::{Op, Workload};

use super::exit::{Exit, Failure};
use super::screen::Screen;
use super::{Common, compare, list, shrink, with};

/// What to prove.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The journal
    #[arg(long, value_name = "NAME", value_parser = super::journal_names())]
    journal: String,
    /// The device
    #[arg(long, value_name = "NAME", value_parser = super::device_names())]
    device: String,
    /// Entries appended in each life
    #[arg(long, value_name = "N", default_value_t = 4)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=64))]
    entries: u32,
    /// Bytes of each entry
    #[arg(long, value_name = "BYTES", default_value_t = 48)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=65536))]
    payload: u32,
    /// Entries between two commits; there is one at the end anyway
    #[arg(long, value_name = "K", default_value_t = 2)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=64))]
    commit_every: u32,
    /// Lives, each ended by a power cut
    #[arg(long, value_name = "L", default_value_t = 2)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=8))]
    lives: u32,
    /// Leaves visited at most: classes of crash states that recovery cannot tell apart
    #[arg(long, value_name = "N", default_value_t = 2_000_000, alias = "max-leaves")]
    #[arg(value_parser = clap::value_parser!(u64).range(1..))]
    leaves_max: u64,
    /// Bytes that a search may keep, such as 512M; each thread that helps keeps as much again. A
    /// search that would keep more says BOUNDED
    #[arg(long, value_name = "BYTES", default_value = "1G", value_parser = super::bytes::bytes)]
    memory: u64,
    /// Crash states drawn where that bound ends the search, and leaves hunted if none of them fails
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    sample: u64,
    /// Chances that you give, for exact probabilities over one power cut: a TOML file with `cut =
    /// "uniform-over-calls"` and `persist = "1/3"`, the chance of each sector of each command at risk to be on
    /// the medium. There is no default; needs `--lives 1` and a device that couples and damages nothing
    #[arg(long, value_name = "FILE")]
    probabilities: Option<PathBuf>,
}

/// Proves, or refutes.
pub fn run(arguments: &Arguments, common: &Common, screen: &Screen) -> Result<Exit, Failure> {
    let report = report(arguments, common)?;
    screen.show(&report, || proof::draw(&report, screen.look))?;
    Ok(match report.cells[0].verdict {
        Verdict::Proven => Exit::Clean,
        Verdict::Refuted => Exit::Violation,
        Verdict::Nondeterministic => Exit::Nondeterminism,
        _ => Exit::Inconclusive,
    })
}

fn workload(arguments: &Arguments) -> WorkloadRow {
    let Arguments { entries, payload, commit_every, lives, .. } = *arguments;
    let mut ops = Workload::appends(entries, payload, commit_every);
    if ops.last() != Some(&Op::Commit) {
        ops.push(Op::Commit);
    }
    let noun = if entries == 1 { "entry" } else { "entries" };
    let every = match commit_every {
        1 => "a commit after each".to_owned(),
        every => format!("a commit after every {every} and at the end"),
    };
    let lives_text = if lives == 1 { "one life".to_owned() } else { format!("{lives} lives") };
    WorkloadRow {
        name: "prove".to_owned(),
        about: format!("{entries} {noun} of {payload} bytes, {every}, {lives_text}"),
        workload: Workload::repeated(&ops, lives, Survivors::Carry),
    }
}

/// Reads the chances that the user gave.
fn probabilities(path: &Path) -> Result<Probabilities, Failure> {
    let text = with::text(path)?;
    let bad = |error| Failure::new(Exit::BadData, format!("{}: {error}", path.display()));
    Probabilities::parse(&text).map_err(bad)
}

fn report(arguments: &Arguments, common: &Common) -> Result<Report, Failure> {
    let row = workload(arguments);
    let given = arguments.probabilities.as_deref().map(probabilities).transpose()?;
    let named = |name: &str, asked: &str| name == asked;
    let mut journals = list::journal_rows();
    journals.retain(|row| named(&row.name, &arguments.journal));
    let mut devices = list::device_rows();
    devices.retain(|row| named(&row.name, &arguments.device));
    let contract = devices[0].contract.clone();
    let Arguments { leaves_max, memory: memory_max, .. } = *arguments;
    let bounds = Bounds { leaves_max, memory_max, ..Bounds::default() };
    let setup = compare::setup(&contract, &row.workload);
    let probable = match &given {
        None => None,
        Some(given) => {
            let (journal, most) = (&arguments.journal, arguments.leaves_max);
            let found = probable(journal, &setup, &given.persist, most)
                .ok_or_else(|| Failure::new(Exit::Ours, "a journal of the list has no type"))?;
            let refused = |why| {
                let said = format!("no probability on {}: {why}", contract.name);
                Failure::new(Exit::Usage, said)
            };
            Some((given, found.map_err(refused)?))
        }
    };
    let cell = common
        .pool()?
        .install(|| prove(&arguments.journal, &setup, bounds))
        .ok_or_else(|| Failure::new(Exit::Ours, "a journal of the list has no type"))?;
    let mut experiment = build::experiment(&row.name, &cell);
    if cell.verdict == Verdict::Bounded && arguments.sample > 0 {
        sample(&cell.case, arguments.sample).iter().for_each(|s| experiment.add_sample(s));
    }
    experiment.probabilities =
        probable.map(|(given, found)| build::probabilities(given, experiment.crash_points, &found));
    shrink::shown(experiment.counterexample.iter_mut(), Budget::BRISK);
    Ok(Report {
        schema_version: SCHEMA_VERSION,
        tool: Tool::this(),
        asked: Asked {
            command: "prove".to_owned(),
            device_bytes: setup.device_bytes,
            leaves_max: Some(leaves_max),
            memory_max: Some(memory_max),
            workloads: vec![row],
        },
        partial: false,
        shard: None,
        journals,
        devices,
        oracles: oracles::rows(),
        owed: oracles::owed(std::slice::from_ref(&contract)),
        cells: vec![build::cell(&arguments.journal, &contract, vec![experiment])],
        costs: Vec::new(),
        grid: None,
        frontiers: Vec::new(),
        campaign: None,
    })
}
