//! A report in a sentence, and each journal in a line: what it survives and what that costs.
//!
//! The one idea: what pages and summaries say first is worked out once, so that they agree.
//!
//! Invariant: counts of what is in the report; a journal that was not judged on every device is not
//! said to survive all.
//!
//! What it is not: a ranking. Cost and survival stay apart.

use serde::Serialize;

use super::model::{CellRow, CostRow, Ratio, Report};
use super::text::{count, grouped};
use crate::explore::Verdict;

/// All verdicts, in the order in which they are told.
pub const VERDICTS: [Verdict; 7] = [
    Verdict::Proven,
    Verdict::Refuted,
    Verdict::Bounded,
    Verdict::Hollow,
    Verdict::NotMeasured,
    Verdict::Senseless,
    Verdict::Nondeterministic,
];

/// A journal in a line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Standing {
    /// The journal.
    pub journal: String,
    /// Devices on which it is proven.
    pub proven: Vec<String>,
    /// Devices on which it is refuted.
    pub refuted: Vec<String>,
    /// Devices with any other verdict.
    pub open: Vec<String>,
    /// Devices of the report.
    pub devices: u64,
    /// Bytes written per payload byte, and flushes per commit, on the smallest sectors.
    pub written: Option<Ratio>,
    /// See `written`.
    pub flushes: Option<Ratio>,
    /// Whether no other journal survives as much for as little of both.
    pub unbeaten: bool,
}

/// Counts of verdicts, those that occur.
#[must_use]
pub fn counts(verdicts: impl Iterator<Item = Verdict> + Clone) -> Vec<(Verdict, u64)> {
    let count = |verdict| verdicts.clone().filter(|found| *found == verdict).count() as u64;
    VERDICTS.into_iter().map(|verdict| (verdict, count(verdict))).filter(|row| row.1 > 0).collect()
}

/// `a of b` as cross products: whether `one` is at most `other`.
fn at_most(one: Ratio, other: Ratio) -> bool {
    u128::from(one.of) * u128::from(other.per) <= u128::from(other.of) * u128::from(one.per)
}

/// The cost of a journal on the smallest sectors it was counted on.
#[must_use]
pub fn cost<'r>(report: &'r Report, journal: &str) -> Option<&'r CostRow> {
    let mine = report.costs.iter().filter(|row| row.journal == journal);
    mine.min_by_key(|row| (row.logical_bytes, row.physical_bytes))
}

/// Each journal in a line, in the order of the matrix.
#[must_use]
pub fn standings(report: &Report) -> Vec<Standing> {
    let mut rows: Vec<Standing> = report
        .journals
        .iter()
        .map(|journal| {
            let mine: Vec<&CellRow> =
                report.cells.iter().filter(|cell| cell.journal == journal.name).collect();
            let on = |suits: &dyn Fn(Verdict) -> bool| -> Vec<String> {
                let mine = mine.iter().filter(|cell| suits(cell.verdict));
                mine.map(|cell| cell.device.clone()).collect()
            };
            let cost = cost(report, &journal.name);
            Standing {
                journal: journal.name.clone(),
                proven: on(&|verdict| verdict == Verdict::Proven),
                refuted: on(&|verdict| verdict == Verdict::Refuted),
                open: on(&|verdict| !matches!(verdict, Verdict::Proven | Verdict::Refuted)),
                devices: report.devices.len() as u64,
                written: cost.map(|row| row.write_amplification).filter(|ratio| ratio.per > 0),
                flushes: cost.map(|row| row.flushes_per_commit).filter(|ratio| ratio.per > 0),
                unbeaten: false,
            }
        })
        .collect();
    for at in 0..rows.len() {
        rows[at].unbeaten = !rows.iter().any(|other| beats(other, &rows[at]))
            && rows[at].written.is_some()
            && !rows[at].proven.is_empty();
    }
    rows
}

/// Whether one survives as many devices for as little, and more or for less.
fn beats(one: &Standing, other: &Standing) -> bool {
    let (Some(written), Some(flushes)) = (one.written, one.flushes) else { return false };
    let (Some(its), Some(its_flushes)) = (other.written, other.flushes) else { return false };
    let as_good = one.proven.len() >= other.proven.len()
        && at_most(written, its)
        && at_most(flushes, its_flushes);
    let better = one.proven.len() > other.proven.len()
        || !at_most(its, written)
        || !at_most(its_flushes, flushes);
    as_good && better
}

fn cells(report: &Report) -> String {
    count(report.cells.len() as u64, "cell", "cells")
}

/// The whole report in a sentence or two.
#[must_use]
pub fn sentence(report: &Report) -> String {
    let mut said = Vec::new();
    if !report.cells.is_empty() {
        said.push(of_matrix(report));
    }
    if let Some(grid) = report.grid.as_ref().filter(|grid| !grid.cells.is_empty()) {
        let of = counts(grid.cells.iter().map(|cell| cell.verdict));
        let of: Vec<String> = of
            .iter()
            .map(|(verdict, count)| format!("{} {}", grouped(count), verdict.name()))
            .collect();
        said.push(format!(
            "The grid: {} on the same devices, {}.",
            count(grid.strategies.len() as u64, "strategy", "strategies"),
            of.join(", ")
        ));
    }
    if let Some(campaign) = &report.campaign {
        let failing = campaign.rows.iter().filter(|row| row.failing > 0).count();
        let leaves: u64 = campaign.rows.iter().map(|row| row.leaves).sum();
        said.push(format!(
            "Torture with seed {}: violations in {failing} of {} pairs of journal and device, {} \
             crash states drawn. Where nothing was found nothing is proven.",
            campaign.seed,
            campaign.rows.len(),
            grouped(leaves)
        ));
    }
    if said.is_empty() {
        said.push("Nothing was run.".to_owned());
    }
    if let Some(shard) = shard(report) {
        said.push(format!("This is shard {shard}."));
    }
    if report.partial {
        said.push("The run was interrupted: what was not finished is missing.".to_owned());
    }
    said.join(" ")
}

/// Which shard this is, and what is missing, if it is one.
#[must_use]
pub fn shard(report: &Report) -> Option<String> {
    let missing = if report.dealt.is_some() { "leaves" } else { "cells" };
    report.shard.map(|shard| format!("{shard}: the other {missing} are missing"))
}

/// One cell in a sentence.
fn of_cell(cell: &CellRow) -> String {
    let names: Vec<&str> = cell.broken.iter().map(|oracle| oracle.name()).collect();
    let found = cell.experiments.iter().find_map(|experiment| experiment.counterexample.as_ref());
    let why = cell.experiments.iter().find_map(|experiment| experiment.why.as_deref());
    let more = match (names.is_empty(), found, why) {
        (false, Some(found), _) => format!(": {} ({})", found.story.headline, names.join(", ")),
        (false, None, _) => format!(": {}", names.join(", ")),
        (true, _, Some(why)) => format!(": {why}"),
        (true, ..) => String::new(),
    };
    format!("{} on {} is {}{more}.", cell.journal, cell.device, cell.verdict.name())
}

fn of_matrix(report: &Report) -> String {
    if let [cell] = &report.cells[..] {
        return of_cell(cell);
    }
    let verdicts = report.cells.iter().map(|cell| cell.verdict);
    let list: Vec<String> = counts(verdicts)
        .iter()
        .map(|(verdict, count)| format!("{} {}", grouped(count), verdict.name()))
        .collect();
    if report.partial {
        let asked = report.journals.len() * report.devices.len();
        let finished = cells(report);
        return format!("Interrupted: {finished} of {asked} finished, {}.", list.join(", "));
    }
    let standings = standings(report);
    let all: Vec<&str> = standings
        .iter()
        .filter(|row| row.proven.len() as u64 == row.devices && row.devices > 0)
        .map(|row| row.journal.as_str())
        .collect();
    let journals = count(standings.len() as u64, "journal", "journals");
    let survive = match all.len() {
        0 => format!("None of {journals} survives"),
        1 => format!("1 of {journals} survives"),
        more => format!("{more} of {journals} survive"),
    };
    let named = match all.len() {
        0 => String::new(),
        1..=6 => format!(": {}", all.join(", ")),
        _ => format!(": {} and {} more", all[..5].join(", "), all.len() - 5),
    };
    let every = match report.devices.len() {
        1 => "the one device".to_owned(),
        2 => "both devices".to_owned(),
        more => format!("all {}", count(more as u64, "device", "devices")),
    };
    format!("{survive} {every}{named}. Of {}, {}.", cells(report), list.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn standing(proven: usize, written: u64, flushes: u64) -> Standing {
        Standing {
            journal: String::new(),
            proven: vec![String::new(); proven],
            refuted: Vec::new(),
            open: Vec::new(),
            devices: 9,
            written: Some(Ratio::new(written, 10)),
            flushes: Some(Ratio::new(flushes, 10)),
            unbeaten: false,
        }
    }

    #[test]
    fn who_survives_more_for_less_beats_and_who_pays_for_it_does_not() {
        let (cheap, dear) = (standing(5, 10, 10), standing(5, 20, 10));
        assert!(beats(&cheap, &dear) && !beats(&dear, &cheap));
        let (frail, firm) = (standing(4, 10, 10), standing(5, 11, 10));
        assert!(!beats(&frail, &firm) && !beats(&firm, &frail));
        assert!(!beats(&cheap, &cheap.clone()), "not its equal");
        let unknown = Standing { written: None, ..standing(9, 1, 1) };
        assert!(!beats(&unknown, &cheap));
    }

    #[test]
    fn verdicts_are_counted_once_each() {
        let found = [Verdict::Refuted, Verdict::Proven, Verdict::Refuted];
        assert_eq!(counts(found.into_iter()), [(Verdict::Proven, 1), (Verdict::Refuted, 2)]);
        let mut all = VERDICTS.to_vec();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), super::super::build::GRAVEST_FIRST.len());
    }
}
