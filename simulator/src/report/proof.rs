//! One experiment for a terminal: what was proven, in exact numbers, and what that does not say.
//!
//! The one idea: a pass is as exact as a failure. It names its bound, its contract, its script and
//! what stood for what, so that nobody has to guess how far it reaches.
//!
//! Invariant: drawn from the report alone. What was sampled is an upper bound, in other words than a
//! proof.
//!
//! What it is not: the matrix. It draws the first experiment of the first cell.

use super::figures::{chance, large, percent, share};
use super::matrix::{COLLISIONS, Look};
use super::model::{CellRow, Experiment, ImagesRow, ProbabilityRow, Report, SampleRow, ShareRow};
use super::text::{bytes, count, grouped, wrap, wrap_parts};
use super::{device, picture, summary};
use crate::explore::Verdict;
use crate::workload::{Op, Workload};

/// Draws it.
#[must_use]
pub fn draw(report: &Report, look: Look) -> String {
    let Some((cell, experiment)) =
        report.cells.first().and_then(|cell| Some((cell, cell.experiments.first()?)))
    else {
        return String::new();
    };
    let width = look.width;
    let row = &report.asked.workloads[0];
    let bound = report.asked.leaves_max.unwrap_or(0);
    let memory = report.asked.memory_max.map_or(String::new(), |m| format!(" and {}", bytes(m)));
    let text = format!("{}; at most {} leaves{memory}", row.about, grouped(bound));
    let mut out = wrap("tornwrite prove   ", &text, width);
    if report.partial {
        out += "INTERRUPTED: leaves that were not visited are missing\n";
    }
    if let Some(shard) = summary::shard(report) {
        out += &format!("SHARD {shard}\n");
    }
    out.push('\n');
    let was_run = experiment.verdict != Verdict::Senseless;
    out += &headline(cell, experiment, &row.workload, width);
    if was_run {
        out += &figures(experiment, (&row.workload, report.shard.is_some()), width);
    }
    if let Some(why) = &experiment.why {
        out += &wrap("  why      ", why, width);
    }
    if let (Verdict::Bounded, Some(first)) = (experiment.verdict, experiment.images.first()) {
        out += &explored(first, width);
    }
    let most = report.asked.memory_max;
    if let Some(most) = most.filter(|_| experiment.kept_bytes > 0) {
        out += &wrap("  memory   ", &kept(experiment, most), width);
    }
    if let Some(sectors) = experiment.reads_all {
        out += &wrap("  reads    ", &reads_all(sectors), width);
    }
    if let (true, Some(first)) = (experiment.complete, experiment.images.first()) {
        out += &failing(first, row.workload.lives.len(), width);
    }
    if let Some(sample) = &experiment.sample {
        out += &wrap("  sampled  ", &sampled(sample, row.workload.lives.len()), width);
    }
    if let Some(row) = &experiment.probabilities {
        out += &probabilities(row, width);
    }
    if let Some(found) = &experiment.counterexample {
        out.push('\n');
        out += &picture::draw(&found.story, width);
        out.push('\n');
        out += &picture::shrunk(found.shrunk.as_ref(), width);
        out += &format!("  replay   tornwrite replay {}\n", found.token);
        out += &format!("  explain  tornwrite explain {}\n", found.token);
        for also in &experiment.also {
            let names: Vec<&str> = also.broken.iter().map(|oracle| oracle.name()).collect();
            out += &wrap("  also     ", &format!("breaks {}:", names.join(", ")), width);
            out += &format!("           tornwrite replay {}\n", also.token);
        }
    } else if was_run {
        out += &limits(report, cell, experiment, width);
    }
    out
}

/// The verdict, and of what: in one line, if there is room.
fn headline(cell: &CellRow, experiment: &Experiment, workload: &Workload, width: usize) -> String {
    let what = format!("{}  {} x {}", experiment.verdict.name(), cell.journal, cell.device);
    let asked = match experiment.verdict {
        Verdict::Senseless => "it does not fit, or fails without any fault".to_owned(),
        _ => asked(workload),
    };
    let is_one_line = what.chars().count() + 3 + asked.chars().count() <= width;
    if is_one_line { format!("{what}   {asked}\n") } else { format!("{what}\n  {asked}\n") }
}

/// Entries and cuts.
fn asked(workload: &Workload) -> String {
    let is_append = |op: &&Op| matches!(op, Op::Append(_));
    let entries =
        workload.lives.first().map_or(0, |life| life.ops.iter().filter(is_append).count());
    let lives = workload.lives.len();
    let a_life = if lives > 1 { " in each life" } else { "" };
    let entries = count(entries as u64, "entry", "entries");
    format!("{entries}{a_life}, {}", count(lives as u64, "power cut", "power cuts"))
}

/// Crash states, leaves, recoveries, evaluations.
fn figures(
    experiment: &Experiment,
    (workload, is_shard): (&Workload, bool),
    width: usize,
) -> String {
    let only_begun =
        !experiment.complete && workload.lives.len() > 1 && !experiment.images.is_empty();
    let crash_states = match is_shard {
        true => "crash states are told of the whole".to_owned(),
        false => crash_states(&experiment.images),
    };
    let begun = if only_begun { " (those begun)" } else { "" };
    let mut out = wrap("  states   ", &format!("{crash_states}{begun}"), width);
    let leaves = grouped(experiment.leaves);
    let recoveries = count(experiment.recoveries, "recovery", "recoveries");
    let what = "(classes of crash states that recovery cannot tell apart)";
    out += &wrap("  leaves   ", &format!("{leaves} {what}, {recoveries}"), width);
    let owed = experiment.oracles.iter().filter(|tally| tally.excused.is_none());
    let parts: Vec<String> = owed
        .enumerate()
        .map(|(i, tally)| {
            let (name, times) = (tally.oracle.name(), grouped(tally.evaluated));
            if i == 0 {
                format!("{name} evaluated {times} times")
            } else {
                format!("{name} {times}")
            }
        })
        .collect();
    out + &wrap_parts("  oracles  ", &parts, width)
}

/// Crash states, power cut by power cut.
#[must_use]
pub fn crash_states(images: &[ImagesRow]) -> String {
    let parts: Vec<String> = images
        .iter()
        .map(|row| match row.cut {
            1 => {
                format!("{} crash state{}", large(&row.all), if row.all == "1" { "" } else { "s" })
            }
            cut if row.all == "1" => format!("1 decision history at cut {cut}"),
            cut => format!("{} decision histories at cut {cut}", large(&row.all)),
        })
        .collect();
    match parts.is_empty() {
        true => "crash states not counted".to_owned(),
        false => parts.join(", "),
    }
}

/// How many crash states of the first cut fail, exactly.
fn failing(first: &ImagesRow, lives: usize, width: usize) -> String {
    let Some((fraction, percent)) =
        share(&first.failing, &first.all).filter(|_| first.failing != "0")
    else {
        return String::new();
    };
    let later = if lives > 1 { "; others may fail behind a later cut" } else { "" };
    let text = format!(
        "{} of {} crash states of the first cut at their recovery: {fraction}, {percent} (a share of \
         crash states, not of power cuts){later}",
        large(&first.failing),
        large(&first.all)
    );
    wrap("  failing  ", &text, width)
}

/// What follows from the user's chances.
fn probabilities(row: &ProbabilityRow, width: usize) -> String {
    let mut parts: Vec<String> = row
        .oracles
        .iter()
        .map(|found| format!("{} {}", found.oracle.name(), chance(&found.probability)))
        .collect();
    parts.push(format!("any of them {}", chance(&row.any)));
    let text = format!(
        "that the recovery after one power cut violates: {}. Exact, given what you said: cut {} ({} crash \
         points), each sector write at risk persists with {}",
        parts.join(", "),
        row.cut,
        grouped(row.crash_points),
        row.persist
    );
    wrap("  probability  ", &text, width)
}

/// How much of the first cut was covered.
fn explored(first: &ImagesRow, width: usize) -> String {
    let Some((fraction, percent)) = share(&first.covered, &first.all) else {
        return String::new();
    };
    let text = format!(
        "{percent} of the crash states of the first cut: {fraction}. A crash state counts from its \
         first leaf on; behind it later cuts may be unexplored"
    );
    wrap("  explored ", &text, width)
}

/// How much was kept, and whether that was too much.
fn kept(experiment: &Experiment, most: u64) -> String {
    let kept = bytes(experiment.kept_bytes);
    match experiment.outgrown {
        true => format!(
            "it kept {kept} at its last leaf; of the {} that it may keep, an eighth is for counting \
             crash states. Give it more with --memory",
            bytes(most)
        ),
        false => format!("kept {kept} at most, of {}", bytes(most)),
    }
}

/// A recovery that leaves nothing open.
#[must_use]
pub fn reads_all(sectors: u32) -> String {
    format!(
        "this recovery reads all sectors at risk (up to {sectors}) before it decides, in every \
         leaf, so that each crash state is a leaf of its own: ask with `verify` or `find`, or read \
         block by block and stop at the first that is not valid"
    )
}

/// What was drawn, in words that are no proof.
#[must_use]
pub fn sampled(sample: &SampleRow, lives: usize) -> String {
    let mut parts = Vec::new();
    if sample.drawn > 0 {
        parts.push(format!(
            "{} of {} crash states of the first cut, drawn evenly, failed at their recovery; {} of all of \
             them do (95 %, over crash states, not over power cuts; seed {})",
            grouped(sample.first_recovery.failed),
            grouped(sample.drawn),
            bounds(&sample.first_recovery),
            sample.seed
        ));
    }
    if sample.drawn > 0 && lives > 1 {
        parts.push(format!(
            "{} of the {} histories drawn over {lives} power cuts failed ({} of histories drawn so)",
            grouped(sample.any_life.failed),
            grouped(sample.drawn),
            bounds(&sample.any_life),
        ));
    }
    if sample.hunted > 0 {
        parts.push(format!(
            "{} of {} leaves hunted by style failed, which bounds nothing",
            grouped(sample.hit),
            grouped(sample.hunted)
        ));
    }
    parts.join("; ")
}

/// The interval; where nothing failed it is an upper bound.
fn bounds(share: &ShareRow) -> String {
    let most = percent(share.at_most_millionths);
    match share.failed {
        0 => format!("at most {most}"),
        _ => format!("{} to {most}", percent(share.at_least_millionths)),
    }
}

/// How many power cuts in a row were tried, and whether that is all there is to try.
fn depth(experiment: &Experiment) -> String {
    let cuts = count(u64::from(experiment.depth), "power cut", "power cuts");
    match (experiment.depth, experiment.recovery_changes_nothing) {
        (1, _) => format!("{cuts}: the power stays on during recovery"),
        (_, false) => {
            format!("{cuts} in a row, also during a recovery; more of them were not tried")
        }
        (_, true) => format!(
            "{cuts} in a row. No recovery changed anything on the device, so cuts during recoveries are \
             covered to any depth: they leave what was there"
        ),
    }
}

/// What the answer does not say.
fn limits(report: &Report, cell: &CellRow, experiment: &Experiment, width: usize) -> String {
    let mut out = String::from("\nWhat this does not say\n");
    let bound = match (experiment.complete, report.shard) {
        (true, _) => {
            "every leaf was visited; longer logs, other sizes and more power cuts were not \
                 tried"
        }
        (false, None) => "the search ended before all leaves were visited: nothing is proven",
        (false, Some(_)) => "these are the leaves of one shard: nothing is proven",
    };
    out += &wrap("  bound            ", bound, width);
    out += &wrap("  depth            ", &depth(experiment), width);
    if let Some(row) = report.devices.first() {
        let contract = &row.contract;
        let sectors = device::geometry(contract.logical_bytes, contract.physical_bytes);
        let words = device::words(contract).join("; ");
        let text = format!("{sectors}; {words}. A device that does more is not covered");
        out += &wrap("  contract         ", &text, width);
    }
    let trace = "the calls that this implementation made for this script, and the crash points that \
                 speak for the others; not a compiler, a kernel or a drive";
    out += &wrap("  trace            ", trace, width);
    let representatives = match cell.representatives {
        true => "some contents (garbage, fine mixes) are covered by representatives only",
        false => "none: every content that the contract allows was tried",
    };
    out += &wrap("  representatives  ", representatives, width);
    if experiment.modulo_collisions {
        out += &wrap("  checksums        ", COLLISIONS, width);
    }
    out
}
