//! Survival against cost, what is owed, and counters: the tables of the page.
//!
//! The one idea: a row of a table is a row of the report, in the report's order.
//!
//! Invariant: nothing is added up over journals or devices; of a cell its experiments are.
//!
//! What it is not: a choice of what to show. All rows are there.

use serde::Serialize;

use super::plot::{Plot, Point, plot};
use super::view::class;
use crate::report::model::{CellRow, Experiment, Ratio, Report};
use crate::report::text::grouped;
use crate::report::{figures, summary};

/// A journal's survival and cost.
#[derive(Clone, Debug, Serialize)]
pub struct StandingView {
    /// The journal.
    pub journal: String,
    /// How many devices it is proven on.
    pub proven: String,
    /// Whether no other gives as much for less.
    pub unbeaten: bool,
    /// Devices on which it is refuted.
    pub refuted: Vec<String>,
    /// Devices where it is neither.
    pub open: Vec<String>,
    /// Figures: bytes per entry, per payload byte, flushes, FUA, rewritten, overwritten, reads, space.
    pub costs: Vec<String>,
}

/// A claim, and on which device it is owed.
#[derive(Clone, Debug, Serialize)]
pub struct OwedView {
    /// The claim's name.
    pub oracle: String,
    /// Device by device: why it is not owed, if it is not.
    pub excused: Vec<Option<String>>,
}

/// A cell's counters.
#[derive(Clone, Debug, Serialize)]
pub struct CounterView {
    /// The journal.
    pub journal: String,
    /// The device.
    pub device: String,
    /// The verdict as a word for a style.
    pub class: String,
    /// Crash states of the first cut, in words.
    pub images: String,
    /// Leaves, recoveries, crash points.
    pub figures: Vec<String>,
    /// In how many experiments the control bit.
    pub teeth: String,
    /// Claim by claim: evaluations, or a dash where it is excused everywhere.
    pub evaluated: Vec<String>,
}

/// See the field of the view.
#[must_use]
pub fn plots(report: &Report) -> Vec<Plot> {
    if report.cells.is_empty() {
        return Vec::new();
    }
    let standings = summary::standings(report);
    let points = |of: &dyn Fn(&summary::Standing) -> Option<Ratio>| -> Vec<Point> {
        let point = |row: &summary::Standing| {
            Some(Point {
                name: row.journal.clone(),
                cost: of(row)?,
                survived: row.proven.len() as u64,
                unbeaten: row.unbeaten,
            })
        };
        standings.iter().filter_map(point).collect()
    };
    let most = report.devices.len() as u64;
    let upward = "contracts survived";
    let written = points(&|row| row.written);
    let flushes = points(&|row| row.flushes);
    [("bytes written per payload byte", written), ("flushes per commit", flushes)]
        .into_iter()
        .filter(|(_, points)| !points.is_empty())
        .map(|(axis, points)| plot(axis, upward, &points, most, true))
        .collect()
}

/// See the field of the view.
#[must_use]
pub fn cost_about(report: &Report) -> String {
    let Some(first) = report.costs.first() else { return String::new() };
    format!(
        "Counted over {} entries of {} bytes in an undisturbed life, on the smallest sectors that the \
         journal runs on.",
        first.entries,
        first.payload_bytes.checked_div(first.entries).unwrap_or(0)
    )
}

/// See the field of the view.
#[must_use]
pub fn standings(report: &Report) -> Vec<StandingView> {
    if report.cells.is_empty() || report.costs.is_empty() {
        return Vec::new();
    }
    let row = |row: summary::Standing| {
        let cost = summary::cost(report, &row.journal);
        let costs = cost.map_or_else(Vec::new, |cost| {
            [
                cost.bytes_per_entry,
                cost.write_amplification,
                cost.flushes_per_commit,
                cost.fua_per_commit,
                cost.rewritten_per_entry,
                cost.overwritten_per_entry,
                cost.reads_per_entry,
                cost.space,
            ]
            .map(|ratio| ratio.to_string())
            .to_vec()
        });
        StandingView {
            proven: format!("{} of {}", row.proven.len(), row.devices),
            journal: row.journal,
            unbeaten: row.unbeaten,
            refuted: row.refuted,
            open: row.open,
            costs,
        }
    };
    summary::standings(report).into_iter().map(row).collect()
}

/// See the field of the view.
#[must_use]
pub fn owed(report: &Report) -> Vec<OwedView> {
    let row = |oracle: crate::oracle::Oracle| OwedView {
        oracle: oracle.name().to_owned(),
        excused: report
            .devices
            .iter()
            .map(|device| {
                let of = report
                    .owed
                    .iter()
                    .find(|row| row.device == device.name && row.oracle == oracle);
                of.and_then(|row| row.excused.clone())
            })
            .collect(),
    };
    report.oracles.iter().map(|known| row(known.oracle)).collect()
}

/// See the field of the view.
#[must_use]
pub fn counters(report: &Report) -> Vec<CounterView> {
    let row = |cell: &CellRow| {
        let all = &cell.experiments;
        let sum = |of: &dyn Fn(&Experiment) -> u64| all.iter().map(of).sum::<u64>();
        let bitten = all.iter().filter(|experiment| experiment.teeth.is_some()).count();
        let evaluated = report.oracles.iter().map(|known| {
            let mine = all.iter().flat_map(|experiment| &experiment.oracles);
            let mine: Vec<_> = mine.filter(|tally| tally.oracle == known.oracle).collect();
            match mine.iter().all(|tally| tally.excused.is_some()) {
                true => "-".to_owned(),
                false => grouped(mine.iter().map(|tally| tally.evaluated).sum::<u64>()),
            }
        });
        CounterView {
            journal: cell.journal.clone(),
            device: cell.device.clone(),
            class: class(cell.verdict),
            images: images(all),
            figures: vec![
                grouped(sum(&|e| e.leaves)),
                grouped(sum(&|e| e.recoveries)),
                grouped(sum(&|e| u64::from(e.crash_points))),
            ],
            teeth: format!("{bitten} of {}", all.len()),
            evaluated: evaluated.collect(),
        }
    };
    report.cells.iter().map(row).collect()
}

/// Crash states of the first cuts, added up.
fn images(all: &[Experiment]) -> String {
    let first = all.iter().filter_map(|experiment| experiment.images.first());
    let sum = first.fold(num_bigint::BigUint::default(), |sum, row| {
        sum + row.all.parse::<num_bigint::BigUint>().unwrap_or_default()
    });
    let text = figures::large(&sum.to_string());
    text.split(" (").next().unwrap_or("").to_owned()
}
