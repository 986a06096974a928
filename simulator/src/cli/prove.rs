//! `prove`: one journal, one contract, one workload, exhaustively.
//!
//! The one idea: the smallest report there is, of one cell with one experiment, told at length.
//!
//! Invariant: the exit code is the verdict. Only a complete search ends with 0; of a shard, the complete
//! search of its share.
//!
//! What it is not: a choice of workload. What is not asked for is not proven.

use std::path::{Path, PathBuf};

use journal_core::Survivors;
use simulator::declared::Probabilities;
use simulator::disk::contract::Contract;
use simulator::explore::cell::probable;
use simulator::explore::sample::sample;
use simulator::explore::shards::{SearchedRow, prove_put_together, prove_share};
use simulator::explore::{Bounds, Cell, Verdict, prove};
use simulator::report::environment::Running;
use simulator::report::json::{self, Beside};
use simulator::report::model::{Asked, DealtRow, Experiment, Shard, Tool, WorkloadRow};
use simulator::report::{Report, SCHEMA_VERSION, build, merge, oracles, proof};
use simulator::run::Setup;
use simulator::shrink::Budget;
use simulator::workload::{Op, Workload};

use super::exit::{Exit, Failure};
use super::screen::{Screen, watching, written_to};
use super::{Common, compare, list, shard, shrink, signal, with};

/// More segments are in no proof: so many are told by a file.
const SEGMENTS_MAX: u32 = 1 << 22;

/// What to prove.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The journal: a name of `list journals`, or a strategy by its five answers, such as
    /// block-512/entry:xxh3/ping-pong/salt+clear/flush (`list strategies`)
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
    #[arg(long, value_name = "BYTES", default_value_t = 48, alias = "bytes")]
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
    /// Only the share K of N of the search, into a folder shard-K-of-N below `--out`; `report merge` puts the
    /// shards together. K/N, or `auto` in a batch system. A share that was searched to its end and refutes
    /// nothing ends with 0, and proves nothing
    #[arg(long, value_name = "K/N", value_parser = super::shard::parse)]
    shard: Option<Shard>,
    /// Write the report into this folder: DIR/latest, the one before in DIR/previous
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Chances that you give, for exact probabilities over one power cut: a TOML file with `cut =
    /// "uniform-over-calls"` and `persist = "1/3"`, the chance of each sector of each command at risk to be on
    /// the medium. There is no default; needs `--lives 1` and a device that couples and damages nothing
    #[arg(long, value_name = "FILE", conflicts_with = "shard")]
    probabilities: Option<PathBuf>,
}

/// Proves, or refutes.
pub fn run(arguments: &Arguments, common: &Common, screen: &Screen) -> Result<Exit, Failure> {
    let running = common.begin();
    let out = arguments.out.as_deref().map(|out| shard::folder(out, arguments.shard));
    out.as_deref().map(json::prepare).transpose()?;
    signal::listen();
    let report = report(arguments, common)?;
    show(&report, out.as_deref(), &running, screen)
}

/// Shows a proof, or a shard of one, and says how it ended.
fn show(
    report: &Report,
    out: Option<&Path>,
    running: &Running,
    screen: &Screen,
) -> Result<Exit, Failure> {
    let beside = Beside { running: Some(running), diff: None };
    let written = out.map(|out| json::write(report, beside, out)).transpose();
    let folder = written.as_ref().ok().and_then(Option::as_ref).map(|f| f.display().to_string());
    screen.show(report, || proof::draw(report, screen.look) + &written_to(folder.as_deref()))?;
    written?;
    Ok(match report.cells[0].verdict {
        _ if report.partial => Exit::Interrupted,
        Verdict::Proven => Exit::Clean,
        Verdict::Refuted => Exit::Violation,
        Verdict::Nondeterministic => Exit::Nondeterminism,
        Verdict::Bounded if report.dealt.as_ref().is_some_and(|dealt| dealt.complete) => {
            Exit::Clean
        }
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

/// What is asked of one cell.
struct Question {
    journal: String,
    contract: Contract,
    row: WorkloadRow,
    bounds: Bounds,
    sample: u64,
}

impl Question {
    fn setup(&self) -> Setup {
        compare::setup(&self.contract, &self.row.workload)
    }

    /// The experiment that a whole search is told as, with what is drawn where it was bounded.
    fn experiment(&self, cell: &Cell) -> Experiment {
        let mut experiment = build::experiment(&self.row.name, cell);
        if cell.verdict == Verdict::Bounded && self.sample > 0 && !cell.explored.interrupted {
            sample(&cell.case, self.sample).iter().for_each(|s| experiment.add_sample(s));
        }
        experiment
    }

    /// The report of its experiment.
    fn report(self, mut experiment: Experiment) -> Report {
        shrink::shown(experiment.counterexample.iter_mut(), Budget::BRISK);
        let setup = self.setup();
        let Question { journal, contract, row, bounds, .. } = self;
        let mut journals = list::journal_rows_with(std::slice::from_ref(&journal));
        journals.retain(|row| row.name == journal);
        let mut devices = list::device_rows();
        devices.retain(|row| row.name == contract.name);
        Report {
            schema_version: SCHEMA_VERSION,
            tool: Tool::this(),
            asked: Asked {
                command: "prove".to_owned(),
                device_bytes: setup.device_bytes,
                leaves_max: Some(bounds.leaves_max),
                memory_max: Some(bounds.memory_max),
                workloads: vec![row],
            },
            partial: signal::stopped() && experiment.verdict == Verdict::Bounded,
            shard: None,
            journals,
            devices,
            oracles: oracles::rows(),
            owed: oracles::owed(std::slice::from_ref(&contract)),
            cells: vec![build::cell(&journal, &contract, vec![experiment])],
            costs: Vec::new(),
            grid: None,
            frontiers: Vec::new(),
            campaign: None,
            dealt: None,
        }
    }
}

fn no_such_journal() -> Failure {
    Failure::new(Exit::Ours, "a journal of the list has no type")
}

fn report(arguments: &Arguments, common: &Common) -> Result<Report, Failure> {
    let given = arguments.probabilities.as_deref().map(probabilities).transpose()?;
    let mut devices = list::device_rows();
    devices.retain(|row| row.name == arguments.device);
    let Arguments { leaves_max, memory: memory_max, sample, .. } = *arguments;
    let question = Question {
        journal: arguments.journal.clone(),
        contract: devices.remove(0).contract,
        row: workload(arguments),
        bounds: Bounds { leaves_max, memory_max, outside: signal::outside(), ..Bounds::default() },
        sample,
    };
    let setup = question.setup();
    let Question { journal, contract, bounds, .. } = &question;
    if let Some(shard) = arguments.shard {
        let shared = (shard.index, shard.of);
        let pool = common.pool()?;
        let search = || pool.install(|| prove_share(journal, &setup, *bounds, shared));
        let (cell, share) =
            watching("leaves", &signal::LEAVES, search).ok_or_else(no_such_journal)?;
        if signal::stopped() {
            let said = "interrupted: a share in part is none, and nothing was written";
            return Err(Failure::new(Exit::Interrupted, said));
        }
        let searched = share.searched.iter().map(SearchedRow::from).collect();
        let (segments, complete) = (share.segments, share.complete);
        let dealt = DealtRow { segments, sample, complete, searched };
        let experiment = build::experiment(&question.row.name, &cell);
        let report = question.report(experiment);
        return Ok(Report { shard: Some(shard), dealt: Some(dealt), ..report });
    }
    let probable = match &given {
        None => None,
        Some(given) => {
            let found = probable(journal, &setup, &given.persist, leaves_max)
                .ok_or_else(no_such_journal)?;
            let refused = |why| {
                let said = format!("no probability on {}: {why}", contract.name);
                Failure::new(Exit::Usage, said)
            };
            Some((given, found.map_err(refused)?))
        }
    };
    let pool = common.pool()?;
    let search = || pool.install(|| prove(journal, &setup, *bounds));
    let cell = watching("leaves", &signal::LEAVES, search);
    let mut experiment = question.experiment(&cell.ok_or_else(no_such_journal)?);
    experiment.probabilities =
        probable.map(|(given, found)| build::probabilities(given, experiment.crash_points, &found));
    Ok(question.report(experiment))
}

/// Whether reports are shards of one proof.
pub fn is_dealt(parts: &[(String, Report)]) -> bool {
    parts.iter().any(|(_, report)| report.dealt.is_some())
}

/// The whole proof of its shards; each comes with what to call it.
pub fn merged(
    parts: Vec<(String, Report)>,
    out: Option<&Path>,
    (common, running): (&Common, &Running),
    screen: &Screen,
) -> Result<Exit, Failure> {
    let bad = |what: String| Failure::new(Exit::BadData, what);
    let parts = merge::in_order(parts).map_err(bad)?;
    let of = parts.len() as u32;
    let (question, count) =
        asked(&parts[0].2).map_err(|what| bad(format!("{}: {what}", parts[0].1)))?;
    let mut segments = vec![None; count];
    for (shard, name, report) in &parts {
        let wrong = |what: String| bad(format!("{name}: shard {shard}: {what}"));
        for row in report.dealt.iter().flat_map(|dealt| &dealt.searched) {
            let searched = row.read().map_err(wrong)?;
            let at = segments.get_mut(searched.segment as usize);
            let at = at.filter(|at| at.is_none()).ok_or_else(|| {
                let number = row.segment;
                wrong(format!("segment {number} is of another shard, or of none"))
            })?;
            *at = Some(searched);
        }
    }
    let setup = question.setup();
    let Question { journal, bounds, .. } = &question;
    let found = prove_put_together(journal, &setup, *bounds, of, segments);
    let cell = found.ok_or_else(no_such_journal)?.map_err(bad)?;
    let experiment = common.pool()?.install(|| question.experiment(&cell));
    show(&question.report(experiment), out, running, screen)
}

/// What the shards of a proof were asked, and into how many segments it was cut.
fn asked(report: &Report) -> Result<(Question, usize), String> {
    let ([journal], [device], [row]) =
        (&report.journals[..], &report.devices[..], &report.asked.workloads[..])
    else {
        return Err("expected one journal, one device and one workload".to_owned());
    };
    let (Some(dealt), Some(leaves_max), Some(memory_max)) =
        (&report.dealt, report.asked.leaves_max, report.asked.memory_max)
    else {
        return Err("expected a shard of a proof, with its bounds".to_owned());
    };
    if !list::journal_rows().contains(journal) || !list::device_rows().contains(device) {
        let what = "is not known here as it was there; give the file of your own ones: --with FILE";
        return Err(format!("{} or {} {what}", journal.name, device.name));
    }
    if dealt.segments > SEGMENTS_MAX || row.workload.lives.is_empty() {
        return Err("expected a life, and segments that were searched".to_owned());
    }
    let question = Question {
        journal: journal.name.clone(),
        contract: device.contract.clone(),
        row: row.clone(),
        bounds: Bounds { leaves_max, memory_max, ..Bounds::default() },
        sample: dealt.sample,
    };
    match question.setup().device_bytes == report.asked.device_bytes {
        true => Ok((question, dealt.segments as usize)),
        false => Err("it is of another size of device than proofs have here".to_owned()),
    }
}
