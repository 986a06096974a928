//! `torture`: random workloads on random devices, until the runs or the time are used up.
//!
//! The one idea: a campaign is its seed and its number of runs; with `--budget` the number of runs
//! is found out on the way and told, so that the campaign can be had again exactly.
//!
//! Method. Lock the folder; begin the journal in it, or go on where it is; run blocks; write the
//! report; say in the journal that it is written. Each step may be the last before a kill, and
//! `--resume` takes it from there.
//!
//! Invariant: same seed, same number of runs, same result, on any number of threads and in any number
//! of sittings. Silence is told as what was drawn, never as a proof.

use std::hash::{BuildHasher, RandomState};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use simulator::campaign::{self, CampaignError, Folder, FolderError, Hands, Progress, folder};
use simulator::disk::contract::Contract;
use simulator::explore::torture::{DEVICE_BYTES, Found, Plan};
use simulator::journals::Family;
use simulator::report::json::Beside;
use simulator::report::model::{Asked, DeviceRow, JournalRow, Shard, Tool};
use simulator::report::{Report, SCHEMA_VERSION, campaign_text, json, oracles};
use simulator::workload::Sizes;
use simulator::workload::clusters::Clusters;

use super::exit::{Exit, Failure};
use super::screen::{self, Screen, remark};
use super::{Common, list, ratchet, shard, signal};

/// Runs, if neither they nor a budget are given.
const RUNS: u64 = 20_000;

/// What to torture.
#[derive(Clone, Debug, clap::Args)]
pub struct Arguments {
    /// Everything follows from it
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Workloads at most [default: 20000, or as many as the budget allows]
    #[arg(long, value_name = "N")]
    runs: Option<u64>,
    /// Time at most, such as 30s, 10m, 8h, over all sittings of the campaign
    #[arg(long, value_name = "TIME", value_parser = duration)]
    budget: Option<Duration>,
    /// Journals: names of `list journals`, or strategies by their five answers (`list strategies`)
    /// [default: all but twins, and any point of the strategy grid]
    #[arg(long, value_name = "NAME", num_args = 1.., value_parser = super::journal_names())]
    journal: Vec<String>,
    /// Devices [default: all, and such with some knobs turned]
    #[arg(long, value_name = "NAME", num_args = 1.., value_parser = super::device_names())]
    device: Vec<String>,
    /// Go on with the campaign in the folder, if one is there: after a kill, an interrupt, a full disk
    #[arg(long, conflicts_with = "fresh")]
    resume: bool,
    /// Throw away an unfinished campaign that is in the folder
    #[arg(long)]
    fresh: bool,
    /// Only the blocks of runs whose number leaves K when divided by N, in a folder of its own below
    /// --out; `report merge` puts the shards together. `auto` takes both from a Slurm array or a
    /// Kubernetes Indexed Job, `auto/N` takes K alone
    #[arg(long, value_name = "K/N", value_parser = shard::parse)]
    shard: Option<Shard>,
    /// Exit with 1 if anything is found (so it is anyway where a single journal is asked about)
    #[arg(long)]
    strict: bool,
    /// Folder of the campaign: its journal, cases as they are found, and the report in DIR/latest, the
    /// one before in DIR/previous
    #[arg(long, value_name = "DIR", default_value = "reports/out/torture")]
    out: PathBuf,
    /// Take payloads from the 64 KiB clusters of a file, such as a disk image of any size: each run
    /// reads a stretch of its own
    #[arg(long, value_name = "FILE")]
    payload_from: Option<PathBuf>,
    #[command(flatten)]
    ratchet: ratchet::Ratchet,
}

/// Reads `30s`, `10m`, `8h`, `2d`.
fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("expected a number and one of s, m, h, d, such as 30s, found `{text}`");
    let unit = text.chars().last().ok_or_else(wrong)?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        'd' => 86_400,
        _ => return Err(wrong()),
    };
    let number: u64 = text[..text.len() - 1].parse().map_err(|_| wrong())?;
    number.checked_mul(seconds).map(Duration::from_secs).ok_or_else(wrong)
}

/// What is drawn from.
struct Lists {
    journals: Vec<JournalRow>,
    devices: Vec<DeviceRow>,
}

fn plan(arguments: &Arguments) -> Result<(Plan, Lists), Failure> {
    let asked = |names: &[String], name: &str| names.is_empty() || names.iter().any(|n| n == name);
    let mut journals = list::journal_rows_with(&arguments.journal);
    journals.retain(|row| match arguments.journal.is_empty() {
        true => row.family != Family::Twin,
        false => asked(&arguments.journal, &row.name),
    });
    let mut devices = list::device_rows();
    devices.retain(|row| asked(&arguments.device, &row.name));
    let sizes = Sizes::default();
    let payloads = match &arguments.payload_from {
        // One for each life, and one for what comes before them.
        Some(path) => Some(Arc::new(Clusters::open(path, sizes.lives_max as usize + 1)?)),
        None => None,
    };
    let plan = Plan {
        seed: arguments.seed,
        runs: match (arguments.runs, arguments.budget) {
            (Some(runs), _) => runs,
            (None, Some(_)) => u64::MAX,
            (None, None) => RUNS,
        },
        journals: journals.iter().map(|row| row.name.clone()).collect(),
        grid: arguments.journal.is_empty(),
        contracts: devices.iter().map(|row| row.contract.clone()).collect(),
        varied: arguments.device.is_empty(),
        sizes,
        payloads,
        shard: arguments.shard.map_or((0, 1), |shard| (shard.index, shard.of)),
    };
    Ok((plan, Lists { journals, devices }))
}

/// Sixteen bytes that were never used before: the system seeds each of these.
fn entropy() -> [u8; 16] {
    let [high, low] = [1, 2].map(|n| RandomState::new().hash_one(n).to_be_bytes());
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&high);
    bytes[8..].copy_from_slice(&low);
    bytes
}

/// Tortures.
pub fn run(arguments: &Arguments, common: &Common, screen: &Screen) -> Result<Exit, Failure> {
    let mut running = common.begin();
    let held = arguments.ratchet.prepare()?;
    signal::listen();
    let begun = Instant::now();
    let (plan, lists) = plan(arguments)?;
    let out = shard::folder(&arguments.out, arguments.shard);
    let folder = Folder::lock(&out)?;
    let start = match (arguments.resume, arguments.fresh) {
        (true, _) => folder::Start::Resume,
        (false, true) => folder::Start::Fresh,
        (false, false) => folder::Start::Begin,
    };
    let mut progress = folder.campaign(&plan, start, &entropy)?;
    let of_shard = arguments.shard.map_or(String::new(), |shard| format!("   shard {shard}"));
    remark(&format!("tornwrite torture   seed {}{of_shard}", plan.seed));
    let before = progress.state().elapsed_ms;
    if progress.state().totals.runs > 0 {
        remark(&format!("going on after {} runs", progress.state().totals.runs));
    }
    let at_hand = go_on(arguments, common, &plan, &folder, &mut progress, begun, before)?;
    let totals = &progress.state().totals;
    let pool = common.pool()?;
    let campaign = pool.install(|| -> Result<_, CampaignError> {
        let found = campaign::findings(&plan, &folder, totals, at_hand)?;
        let is_shard = arguments.shard.is_some();
        Ok(simulator::report::campaign::campaign(&plan, totals, &found, is_shard))
    })?;
    let partial = signal::stopped() && totals.blocks < plan.own_blocks();
    let contracts: Vec<Contract> = plan.contracts.clone();
    let report = Report {
        schema_version: SCHEMA_VERSION,
        tool: Tool::this(),
        asked: Asked {
            command: "torture".to_owned(),
            device_bytes: DEVICE_BYTES,
            leaves_max: None,
            memory_max: None,
            workloads: Vec::new(),
        },
        partial,
        shard: arguments.shard,
        oracles: oracles::rows(),
        owed: oracles::owed(&contracts),
        cells: Vec::new(),
        costs: Vec::new(),
        grid: None,
        frontiers: Vec::new(),
        campaign: Some(campaign),
        dealt: None,
        journals: lists.journals,
        devices: lists.devices,
    };
    let failing = totals.seen.values().any(|seen| seen.failing > 0);
    // No journal fits its device: that nothing was found says nothing.
    let is_hollow = arguments.shard.is_none()
        && totals.seen.values().any(|seen| seen.senseless > 0)
        && totals.seen.values().all(|seen| seen.leaves == 0);
    running.elapsed_ms_all = Some(before + u64::try_from(begun.elapsed().as_millis()).unwrap_or(0));
    let diff = held.diff(&report);
    let beside = Beside { diff: diff.as_ref(), running: Some(&running) };
    let written = json::write(&report, beside, &out);
    let latest = written.as_ref().ok().map(|path| path.display().to_string());
    screen.show(&report, || campaign_text::draw(&report, latest.as_deref(), screen.look.width))?;
    written?;
    if !partial {
        let finished = progress.finish();
        finished.map_err(|error| folder.told(error, progress.device(), "cannot write"))?;
    }
    let exit = if partial {
        Exit::Interrupted
    } else if failing && (arguments.strict || arguments.journal.len() == 1) {
        Exit::Violation
    } else if is_hollow {
        Exit::Inconclusive
    } else {
        Exit::Clean
    };
    held.end(&report, diff.as_ref(), exit, screen)
}

/// Runs what is left, and returns what it found.
fn go_on(
    arguments: &Arguments,
    common: &Common,
    plan: &Plan,
    folder: &Folder,
    progress: &mut Progress<journal_core::FileDevice>,
    begun: Instant,
    before: u64,
) -> Result<Vec<Found>, Failure> {
    let known = (plan.runs != u64::MAX && arguments.shard.is_none()).then_some(plan.runs);
    let shown = screen::Progress::new("runs", known);
    let elapsed = || u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
    let used = || Duration::from_millis(before + elapsed());
    let late = || arguments.budget.is_some_and(|budget| used() >= budget);
    let stop = || signal::stopped() || late();
    let mut hands = Hands {
        jobs: common.jobs(),
        stop: &stop,
        elapsed: &elapsed,
        told: &mut |state, _| shown.reached(state.totals.runs),
    };
    Ok(campaign::run(plan, folder, progress, &mut hands)?)
}

impl From<FolderError> for Failure {
    fn from(error: FolderError) -> Failure {
        let exit = match error {
            FolderError::Io { .. } | FolderError::Busy { .. } => Exit::Io,
            FolderError::Unfinished { .. } | FolderError::Differs { .. } => Exit::Usage,
            FolderError::Unreadable { .. } => Exit::BadData,
        };
        Failure::new(exit, error.to_string())
    }
}

impl From<CampaignError> for Failure {
    fn from(error: CampaignError) -> Failure {
        match error {
            CampaignError::Payloads(error) => error.into(),
            CampaignError::Folder(error) => error.into(),
            CampaignError::Changed { .. } => Failure::new(Exit::Nondeterminism, error.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn budgets_are_numbers_with_a_unit() {
        assert_eq!(duration("30s"), Ok(Duration::from_secs(30)));
        assert_eq!(duration("8h"), Ok(Duration::from_secs(28_800)));
        for wrong in ["", "s", "30", "x8h", "-1s", "8é", "99999999999999999999d"] {
            assert!(duration(wrong).unwrap_err().contains("expected"), "{wrong}");
        }
    }
}
