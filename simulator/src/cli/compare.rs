//! `compare`: the matrix.
//!
//! Method. Every journal meets every device under each workload: one life, two lives, and two lives
//! in which the client does its lost work again. The experiments are independent and run on as many
//! threads as there are; their rows are put together in the order of the lists. Besides, a selection of
//! the strategy grid meets every device under one workload (`grid.rs`), unless journals or workloads
//! were asked for.
//!
//! Invariant: the report does not depend on the number of threads. A refuted cell is a result: the
//! exit code tells of it only where one journal was asked about, or with `--strict`.
//!
//! What it is not: tuned to a verdict. All journals get the same questions and the same bound.

use std::path::PathBuf;

use journal_core::Survivors;
use rayon::prelude::*;
use simulator::case::Case;
use simulator::disk::contract::Contract;
use simulator::disk::{Fill, presets};
use simulator::explore::frontier::Effort;
use simulator::explore::sample::sample;
use simulator::explore::{Bounds, Verdict, prove, prove_alone};
use simulator::journals::Family;
use simulator::report::json::Beside;
use simulator::report::model::{Asked, CostRow, DeviceRow, JournalRow, Shard, Tool, WorkloadRow};
use simulator::report::{Report, SCHEMA_VERSION, build, cost, json, matrix, oracles};
use simulator::run::Setup;
use simulator::shrink::Budget;
use simulator::workload::{Identity, Life, Op, Payloads, Workload, from_file};

use super::exit::{Exit, Failure};
use super::screen::{Progress, Screen, remark, written_to};
use super::{Common, frontier, grid, list, ratchet, shard, shrink, signal};

/// Crash states visited at most in each experiment, unless told otherwise.
const LEAVES_MAX: u64 = 100_000;

/// Those of them in which all that breaks is looked for, at most and at least.
const LEAVES_ENOUGH: u64 = 20_000;
const LEAVES_LEAST: u64 = 5_000;

/// Crash states drawn where that bound ended the search, unless told otherwise.
const SAMPLE: u64 = 1_000;

/// Entries between two commits.
const COMMIT_EVERY: u32 = 2;

/// Bytes of each simulated device.
const DEVICE_BYTES: u64 = 128 * 1024;

/// What to compare.
#[derive(Clone, Debug, clap::Args)]
pub struct Arguments {
    /// Journals: names of `list journals`, or strategies by their five answers (`list strategies`)
    /// [default: all but twins, and the grid; journals that are asked for leave the grid out]
    #[arg(long, value_name = "NAME", num_args = 1.., value_parser = super::journal_names())]
    journal: Vec<String>,
    /// Devices [default: all but pm-8byte, sd-card and ssd-zheng-hostile]
    #[arg(long, value_name = "NAME", num_args = 1.., value_parser = super::device_names())]
    device: Vec<String>,
    /// Entries appended in each life, with a commit after every second and at the end. The grid has a
    /// workload of its own, and is left out where another one than the default is asked for
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=64))]
    entries: u32,
    /// Bytes of each entry; each size gives workloads of its own. The default is the RFC's hash entry,
    /// and one that straddles sectors after a few entries
    #[arg(long, value_name = "N", num_args = 1.., default_values_t = [48, 240], alias = "payload")]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=65536))]
    bytes: Vec<u32>,
    /// Lives at most, each ended by a power cut
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=8))]
    lives: u32,
    /// Leaves visited at most in each experiment: classes of crash states that recovery cannot tell apart. A
    /// search that ends there says BOUNDED. All that breaks is looked for until twice as many were visited as
    /// it took to find the last of it, in 5,000 at least and 20,000 at most, and after those the first
    /// violation alone
    #[arg(long, value_name = "N", default_value_t = LEAVES_MAX, alias = "leaves-max")]
    #[arg(value_parser = clap::value_parser!(u64).range(1..))]
    max_leaves: u64,
    /// Bytes that each search may keep, such as 512M; each thread that helps keeps as much again. A
    /// search that would keep more says BOUNDED
    #[arg(long, value_name = "BYTES", default_value = "1G", value_parser = super::bytes::bytes)]
    memory: u64,
    /// Crash states drawn in each experiment that the bound ended, and leaves hunted if none of them fails;
    /// a violation refutes
    #[arg(long, value_name = "N", default_value_t = SAMPLE)]
    sample: u64,
    /// Leave out the grid: a selection of all strategies, on every device
    #[arg(long)]
    no_grid: bool,
    /// Also how far each journal holds: the most hostile devices that it survives, as `frontier` finds them
    #[arg(long, conflicts_with = "shard")]
    frontier: bool,
    /// Only the cells whose rank, counted journal by journal, leaves K when divided by N, into a folder
    /// shard-K-of-N below `--out`; `report merge` puts the shards together
    #[arg(long, value_name = "K/N", value_parser = super::shard::parse)]
    shard: Option<Shard>,
    /// Exit with 1 if anything is refuted, and with 3 if anything is inconclusive (so it is anyway
    /// where a single journal is asked about)
    #[arg(long)]
    strict: bool,
    /// Folder of the report: DIR/latest, the one before in DIR/previous
    #[arg(long, value_name = "DIR", default_value = "reports/out")]
    out: PathBuf,
    /// Take payloads from the 64 KiB clusters of a file, such as a disk image
    #[arg(long, value_name = "FILE")]
    payload_from: Option<PathBuf>,
    #[command(flatten)]
    ratchet: ratchet::Ratchet,
}

impl Default for Arguments {
    fn default() -> Self {
        #[derive(clap::Parser)]
        struct Alone {
            #[command(flatten)]
            arguments: Arguments,
        }
        <Alone as clap::Parser>::parse_from(["compare"]).arguments
    }
}

/// Compares.
pub fn run(arguments: &Arguments, common: &Common, screen: &Screen) -> Result<Exit, Failure> {
    let running = common.begin();
    let held = arguments.ratchet.prepare()?;
    let out = shard::folder(&arguments.out, arguments.shard);
    json::prepare(&out)?;
    signal::listen();
    let report = report(arguments, common)?;
    let diff = held.diff(&report);
    let beside = Beside { diff: diff.as_ref(), running: Some(&running) };
    let written = json::write(&report, beside, &out);
    let folder = written.as_ref().ok().map(|path| path.display().to_string());
    screen.show(&report, || {
        matrix::draw(&report, folder.as_deref(), screen.look) + &written_to(folder.as_deref())
    })?;
    written?;
    let exit = exit(arguments.strict || arguments.journal.len() == 1, &report);
    held.end(&report, diff.as_ref(), exit, screen)
}

/// How a comparison ends; `strict`: what is refuted or inconclusive is told by the exit code.
pub fn exit(strict: bool, report: &Report) -> Exit {
    let grid = report.grid.iter().flat_map(|grid| &grid.cells).map(|cell| cell.verdict);
    let all = report.cells.iter().map(|cell| cell.verdict).chain(grid);
    let any = |verdict| all.clone().any(|found| found == verdict);
    let inconclusive =
        [Verdict::Bounded, Verdict::Hollow, Verdict::NotMeasured, Verdict::Senseless];
    if report.partial {
        Exit::Interrupted
    } else if any(Verdict::Nondeterministic) {
        Exit::Nondeterminism
    } else if strict && any(Verdict::Refuted) {
        Exit::Violation
    } else if strict && inconclusive.into_iter().any(any) {
        Exit::Inconclusive
    } else {
        Exit::Clean
    }
}

/// Keeps the rows that were asked for, in the order of the list.
pub(super) fn chosen<T>(
    all: Vec<T>,
    asked: &[String],
    name: impl Fn(&T) -> &str,
    by_default: impl Fn(&T) -> bool,
) -> Vec<T> {
    let wanted = |row: &T| match asked {
        [] => by_default(row),
        asked => asked.iter().any(|asked| asked == name(row)),
    };
    all.into_iter().filter(wanted).collect()
}

fn report(arguments: &Arguments, common: &Common) -> Result<Report, Failure> {
    let workloads = workloads(arguments)?;
    let no_twins = |row: &JournalRow| row.family != Family::Twin;
    let rows = list::journal_rows_with(&arguments.journal);
    let journals = chosen(rows, &arguments.journal, |row| &row.name, no_twins);
    let devices = chosen(list::device_rows(), &arguments.device, |row| &row.name, is_usual);
    let contracts: Vec<Contract> = devices.iter().map(|row| row.contract.clone()).collect();
    let pool = common.pool()?;
    let (cells, partial) = pool.install(|| cells(&journals, &contracts, &workloads, arguments));
    let grid =
        asks_grid(arguments).then(|| pool.install(|| grid::run(&contracts, arguments.shard)));
    let frontiers = match arguments.frontier && !partial {
        true => pool.install(|| frontier::surveys(&journals, Effort::default())),
        false => Vec::new(),
    };
    let partial = partial || grid.as_ref().is_some_and(|(_, partial)| *partial);
    let mut report = Report {
        schema_version: SCHEMA_VERSION,
        tool: Tool::this(),
        asked: Asked {
            command: "compare".to_owned(),
            device_bytes: DEVICE_BYTES,
            leaves_max: Some(arguments.max_leaves),
            memory_max: Some(arguments.memory),
            workloads: workloads.clone(),
        },
        partial,
        shard: arguments.shard,
        costs: costs(&journals, &devices, &workloads[0].workload),
        journals,
        devices,
        oracles: oracles::rows(),
        owed: oracles::owed(&contracts),
        cells,
        grid: grid.map(|(grid, _)| grid),
        frontiers,
        campaign: None,
        dealt: None,
    };
    report.name_neighbours();
    Ok(report)
}

/// Whether the grid is asked about: not where some journals are, or a workload that is not the grid's.
fn asks_grid(arguments: &Arguments) -> bool {
    let usual = Arguments::default();
    let workload = |of: &Arguments| (of.entries, of.bytes.clone(), of.lives);
    !arguments.no_grid
        && arguments.journal.is_empty()
        && arguments.payload_from.is_none()
        && workload(arguments) == workload(&usual)
}

/// Searches for each thread from which on each has one thread.
const MANY: usize = 16;

/// The experiment of a workload on a contract.
pub fn setup(contract: &Contract, workload: &Workload) -> Setup {
    Setup {
        contract: contract.clone(),
        device_bytes: DEVICE_BYTES,
        fill: Fill::Zeros,
        workload: workload.clone(),
        fault: None,
    }
}

/// All experiments, and whether some were left out because of an interrupt.
fn cells(
    journals: &[JournalRow],
    contracts: &[Contract],
    workloads: &[WorkloadRow],
    arguments: &Arguments,
) -> (Vec<simulator::report::model::CellRow>, bool) {
    let pairs = journals.iter().flat_map(|j| contracts.iter().map(move |contract| (j, contract)));
    let mine = |(rank, pair)| arguments.shard.is_none_or(|s| s.holds(rank)).then_some(pair);
    let pairs: Vec<_> = pairs.enumerate().filter_map(mine).collect();
    let mut questions = Vec::new();
    for &(journal, contract) in &pairs {
        for workload in workloads {
            questions.push((journal, contract, workload));
        }
    }
    let progress = Progress::new("experiments", Some(questions.len() as u64));
    let Arguments { max_leaves: leaves_max, memory: memory_max, .. } = *arguments;
    let bounds = Bounds {
        leaves_max,
        leaves_enough: LEAVES_ENOUGH,
        leaves_least: LEAVES_LEAST,
        memory_max,
        ..Bounds::default()
    };
    let mut answers: Vec<_> = questions
        .par_iter()
        .with_max_len(1)
        .map(|(journal, contract, workload)| {
            if signal::stopped() {
                return None;
            }
            // Threads help with one search only where there are few: that costs more work.
            let many = questions.len() > MANY * rayon::current_num_threads();
            let prove = if many { prove_alone } else { prove };
            let cell = prove(&journal.name, &setup(contract, &workload.workload), bounds)?;
            let mut row = build::experiment(&workload.name, &cell);
            if cell.verdict == Verdict::Bounded && arguments.sample > 0 {
                sample(&cell.case, arguments.sample).iter().for_each(|s| row.add_sample(s));
            }
            progress.one_more();
            Some(row)
        })
        .collect();
    // After an interrupt they are shown as they were found.
    answers.par_chunks_mut(workloads.len().max(1)).with_max_len(1).for_each(|of_pair| {
        if !signal::stopped() {
            let found = of_pair.iter_mut().flatten().filter_map(|row| row.counterexample.as_mut());
            shrink::shown(found, Budget::QUICK);
        }
    });
    let mut answers = answers.into_iter();
    let mut cells = Vec::new();
    let mut partial = false;
    for (journal, contract) in pairs {
        let mine: Vec<_> = answers.by_ref().take(workloads.len()).flatten().collect();
        if mine.len() == workloads.len() {
            cells.push(build::cell(&journal.name, contract, mine));
        } else {
            partial = true;
        }
    }
    (cells, partial)
}

/// The costs of each journal on each shape of device.
fn costs(journals: &[JournalRow], devices: &[DeviceRow], like: &Workload) -> Vec<CostRow> {
    let first = like.lives[0].ops.iter().find_map(|op| match op {
        Op::Append(bytes) => Some(*bytes),
        _ => None,
    });
    let ops = script(cost::ENTRIES, first.unwrap_or(0));
    let once = Workload::repeated(&ops, 1, Survivors::Carry);
    let workload = Workload { payloads: like.payloads.clone(), ..once };
    let mut rows: Vec<CostRow> = Vec::new();
    for journal in journals {
        for device in devices {
            let shape = (device.contract.logical_bytes, device.contract.physical_bytes);
            let known = |row: &CostRow| {
                row.journal == journal.name && (row.logical_bytes, row.physical_bytes) == shape
            };
            if rows.iter().any(known) {
                continue;
            }
            let case = Case::new(&journal.name, &setup(&device.contract, &workload));
            rows.extend(cost::count(&case).ok().filter(|row| row.entries > 0));
        }
    }
    rows
}

/// Appends with a commit after every second, and at the end.
fn script(entries: u32, bytes: u32) -> Vec<Op> {
    let mut ops = Workload::appends(entries, bytes, COMMIT_EVERY);
    if ops.last() != Some(&Op::Commit) {
        ops.push(Op::Commit);
    }
    ops
}

/// Workloads that are there for one question each.
fn special() -> [WorkloadRow; 2] {
    let again = |lives: [&[Op]; 2]| Workload {
        before: Vec::new(),
        lives: lives.map(|ops| Life { resume: Survivors::Carry, ops: ops.to_vec() }).to_vec(),
        identity: Identity::SameAgain,
        payloads: Payloads::Generated,
    };
    let large = Op::Append(240);
    let one = Op::Append(48);
    let grouped = [one, Op::Commit, one, Op::EndGroup, one, Op::EndGroup, Op::Commit];
    [
        WorkloadRow {
            name: "again-changed".to_owned(),
            about:
                "3 entries of 240 bytes in one commit; what was lost is appended again, but the \
                    third is another one: does its stale namesake come back?"
                    .to_owned(),
            workload: again([
                &[large, large, large, Op::Commit],
                &[large, large, Op::Append(200), Op::Commit],
            ]),
        },
        WorkloadRow {
            name: "again-groups".to_owned(),
            about:
                "an entry and a commit, then two groups without a commit between them; what was \
                    lost is appended again"
                    .to_owned(),
            workload: again([&grouped, &grouped]),
        },
    ]
}

/// Whether a device is asked of unless others are named.
fn is_usual(row: &DeviceRow) -> bool {
    !presets::BY_NAME.contains(&&row.name[..])
}

/// The workloads that every journal meets on every device.
fn workloads(arguments: &Arguments) -> Result<Vec<WorkloadRow>, Failure> {
    let mut entries = arguments.entries;
    let mut payloads = Payloads::Generated;
    let mut from = String::new();
    if let Some(path) = &arguments.payload_from {
        let wanted = entries * arguments.lives;
        let found = from_file::read(path, wanted as usize)?;
        let have = found.payloads.len() as u32;
        if have < arguments.lives {
            let error = found.too_few(path, arguments.lives as usize);
            return Err(Failure::new(
                Exit::BadData,
                format!("{error}; each life takes one: try --lives {have}"),
            ));
        }
        if have < wanted {
            entries = have / arguments.lives;
            remark(&format!(
                "{}: {have} clusters that differ, {wanted} wanted: {entries} entries in each life",
                path.display()
            ));
        }
        payloads = Payloads::Given(found.payloads);
        from = ", payloads from a file".to_owned();
    }
    let sizes = match payloads {
        Payloads::Generated => arguments.bytes.clone(),
        Payloads::Given(_) => vec![from_file::PAYLOAD_BYTES as u32],
    };
    let mut rows: Vec<WorkloadRow> = Vec::new();
    for bytes in sizes {
        let ops = script(entries, bytes);
        let mut add = |name: &str, about: String, lives: u32, identity: Identity| {
            let name = format!("{name}-{bytes}");
            if rows.iter().all(|row| row.name != name) {
                let workload = Workload {
                    identity,
                    payloads: payloads.clone(),
                    ..Workload::repeated(&ops, lives, Survivors::Carry)
                };
                rows.push(WorkloadRow { name, about, workload });
            }
        };
        let noun = if entries == 1 { "entry" } else { "entries" };
        let about = format!(
            "{entries} {noun} of {bytes} bytes{from}, a commit after every second, a power cut at \
             any moment"
        );
        add("one-life", about, 1, Identity::Fresh);
        for lives in 2..=arguments.lives {
            let name = if lives == 2 { "two-lives".to_owned() } else { format!("{lives}-lives") };
            let about = format!("the same {lives} times, each life behind what the last one left");
            add(&name, about, lives, Identity::Fresh);
        }
        if arguments.lives >= 2 {
            let about = "two lives; what was lost is appended again, byte for byte".to_owned();
            add("again", about, 2, Identity::SameAgain);
        }
    }
    if arguments.lives >= 2 && payloads == Payloads::Generated {
        rows.extend(special());
    }
    Ok(rows)
}
