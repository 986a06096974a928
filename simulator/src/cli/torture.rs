//! `torture`: random workloads on random devices, until the runs or the time are used up.
//!
//! The one idea: a campaign is its seed and its number of runs; with `--budget` the number of runs
//! is found out on the way and told, so that the campaign can be had again exactly.
//!
//! Invariant: same seed, same number of runs, same result, on any number of threads. Silence is
//! told as what was drawn, never as a proof.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rayon::prelude::*;
use simulator::disk::contract::Contract;
use simulator::explore::torture::{Plan, Tortured, torture};
use simulator::journals::Family;
use simulator::report::model::{Asked, Campaign, CampaignRow, JournalRow, Tool};
use simulator::report::text::{grouped, wrap};
use simulator::report::{Report, SCHEMA_VERSION, build, json, oracles, picture};
use simulator::shrink::Budget;
use simulator::workload::Sizes;
use simulator::workload::clusters::Clusters;

use super::exit::{Exit, Failure};
use super::screen::{Progress, Screen, remark};
use super::{Common, list, shrink, signal};

/// Runs, if neither they nor a budget are given.
const RUNS: u64 = 20_000;

/// Bytes of each simulated device, as the campaign has them.
const DEVICE_BYTES: u64 = 128 * 1024;

/// What to torture.
#[derive(Clone, Debug, clap::Args)]
pub struct Arguments {
    /// Everything follows from it
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Workloads at most [default: 20000, or as many as the budget allows]
    #[arg(long, value_name = "N")]
    runs: Option<u64>,
    /// Time at most, such as 30s, 10m, 8h
    #[arg(long, value_name = "TIME", value_parser = duration)]
    budget: Option<Duration>,
    /// Journals [default: all but twins]
    #[arg(long, value_name = "NAME", num_args = 1.., value_parser = super::journal_names())]
    journal: Vec<String>,
    /// Devices [default: all]
    #[arg(long, value_name = "NAME", num_args = 1.., value_parser = super::device_names())]
    device: Vec<String>,
    /// Exit with 1 if anything is found (so it is anyway where a single journal is asked about)
    #[arg(long)]
    strict: bool,
    /// Folder of the report: DIR/latest, the one before in DIR/previous
    #[arg(long, value_name = "DIR", default_value = "reports/out/torture")]
    out: PathBuf,
    /// Take payloads from the 64 KiB clusters of a file, such as a disk image of any size: each run
    /// reads a stretch of its own
    #[arg(long, value_name = "FILE")]
    payload_from: Option<PathBuf>,
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

/// Tortures.
pub fn run(arguments: &Arguments, common: &Common, screen: &Screen) -> Result<Exit, Failure> {
    signal::listen();
    let asked = |names: &[String], name: &str| names.is_empty() || names.iter().any(|n| n == name);
    let mut journals = list::journal_rows_with(&arguments.journal);
    journals.retain(|row| match arguments.journal.is_empty() {
        true => row.family != Family::Twin,
        false => asked(&arguments.journal, &row.name),
    });
    let mut devices = list::device_rows();
    devices.retain(|row| asked(&arguments.device, &row.name));
    let contracts: Vec<Contract> = devices.iter().map(|row| row.contract.clone()).collect();
    let runs = match (arguments.runs, arguments.budget) {
        (Some(runs), _) => runs,
        (None, Some(_)) => u64::MAX,
        (None, None) => RUNS,
    };
    let sizes = Sizes::default();
    let payloads = match &arguments.payload_from {
        // One for each life, and one for what comes before them.
        Some(path) => Some(Arc::new(Clusters::open(path, sizes.lives_max as usize + 1)?)),
        None => None,
    };
    let plan = Plan {
        seed: arguments.seed,
        runs,
        journals: journals.iter().map(|row| row.name.clone()).collect(),
        contracts: contracts.clone(),
        jobs: common.jobs(),
        sizes,
        payloads,
    };
    remark(&format!("tornwrite torture   seed {}", plan.seed));
    let known = (runs != u64::MAX).then_some(runs);
    let progress = Progress::new("runs", known);
    let begun = Instant::now();
    let late = || arguments.budget.is_some_and(|budget| begun.elapsed() >= budget);
    let stop = || signal::stopped() || late();
    let found = torture(&plan, &stop, &|done| progress.reached(done));
    drop(progress);
    let found = found?;
    let pool = common.pool()?;
    let campaign = pool.install(|| campaign(&plan, &journals, &found));
    let report = Report {
        schema_version: SCHEMA_VERSION,
        tool: Tool { name: "tornwrite".to_owned(), version: env!("CARGO_PKG_VERSION").to_owned() },
        asked: Asked {
            command: "torture".to_owned(),
            device_bytes: DEVICE_BYTES,
            leaves_max: None,
            memory_max: None,
            workloads: Vec::new(),
        },
        partial: signal::stopped() && found.runs < runs,
        shard: None,
        oracles: oracles::rows(),
        owed: oracles::owed(&contracts),
        cells: Vec::new(),
        costs: Vec::new(),
        campaign: Some(campaign),
        journals,
        devices,
    };
    let written = json::write(&report, &arguments.out);
    let folder = written.as_ref().ok().map(|path| path.display().to_string());
    screen.show(&report, || text(&report, folder.as_deref(), screen))?;
    written?;
    let failing = found.seen.values().any(|seen| seen.failing > 0);
    Ok(if report.partial {
        Exit::Interrupted
    } else if failing && (arguments.strict || arguments.journal.len() == 1) {
        Exit::Violation
    } else {
        Exit::Clean
    })
}

fn campaign(plan: &Plan, journals: &[JournalRow], found: &Tortured) -> Campaign {
    let mut rows = Vec::new();
    for journal in journals {
        for contract in &plan.contracts {
            let key = (journal.name.clone(), contract.name.clone());
            if let Some(seen) = found.seen.get(&key) {
                rows.push(build::campaign_row(&journal.name, contract, seen));
            }
        }
    }
    // Whoever interrupts waits for nothing more: what was found is shown as it was found.
    if !signal::stopped() {
        rows.par_iter_mut()
            .for_each(|row| shrink::shown(row.counterexample.as_mut(), Budget::BRISK));
    }
    let payloads_from_file = plan.payloads.is_some();
    Campaign { seed: plan.seed, runs: found.runs, payloads_from_file, rows }
}

/// The campaign for people: a line for each pair that failed, a sum for the others.
fn text(report: &Report, folder: Option<&str>, screen: &Screen) -> String {
    let Some(campaign) = &report.campaign else { return String::new() };
    let width = screen.look.width;
    let mut out = String::new();
    let sum = |of: &dyn Fn(&CampaignRow) -> u64| grouped(campaign.rows.iter().map(of).sum::<u64>());
    let facts = format!(
        "seed {}, {} runs on {} journals x {} devices: {} crash states, {} recoveries",
        campaign.seed,
        grouped(campaign.runs),
        report.journals.len(),
        report.devices.len(),
        sum(&|row| row.leaves),
        sum(&|row| row.recoveries),
    );
    out += &wrap("tornwrite torture   ", &facts, width);
    let file = if campaign.payloads_from_file { " --payload-from the same file" } else { "" };
    out += &format!("  again: --seed {} --runs {}{file}\n", campaign.seed, campaign.runs);
    if report.partial {
        out += "INTERRUPTED: fewer runs than asked for\n";
    }
    let (failed, silent): (Vec<_>, Vec<_>) = campaign.rows.iter().partition(|row| row.failing > 0);
    if !failed.is_empty() {
        out += "\nFound                                   failing of crash states   first\n";
    }
    for row in &failed {
        let head = format!("  x {:<15} {:<20}  ", row.journal, row.device);
        let broken: Vec<&str> = row
            .counterexample
            .iter()
            .flat_map(|found| found.broken.iter().map(|oracle| oracle.name()))
            .collect();
        let figures = format!(
            "{} of {}  run {}: {}",
            grouped(row.failing),
            grouped(row.leaves),
            row.first_run.unwrap_or(0),
            broken.join(", ")
        );
        out += &wrap(&head, &figures, width);
    }
    if let (Some(least), Some(most)) =
        (silent.iter().map(|r| r.leaves).min(), silent.iter().map(|r| r.leaves).max())
    {
        let text = format!(
            "{} pairs, {} to {} crash states each. That is what was drawn, and no proof; `compare` \
             proves.",
            silent.len(),
            grouped(least),
            grouped(most)
        );
        out.push('\n');
        out += &wrap("Nothing found on ", &text, width);
    }
    let first = campaign.rows.iter().find_map(|row| Some((row, row.counterexample.as_ref()?)));
    if let Some((row, found)) = first {
        out += "\nThe first of them:\n\n";
        out += &picture::draw(&found.story, width);
        out.push('\n');
        out += &picture::shrunk(found.shrunk.as_ref(), width);
        let case = match folder {
            Some(folder) => {
                format!("{folder}/{}", json::case_file(&row.journal, &row.device, json::CAMPAIGN))
            }
            None => found.token.clone(),
        };
        out += &format!("  replay   tornwrite replay {case}\n");
    }
    if let Some(folder) = folder {
        out += &format!("\nreport   {folder}/report.json\n");
    }
    out
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
