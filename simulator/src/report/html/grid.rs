//! The grid on the page: its frontier, what each answer changes, and all of its cells.
//!
//! The one idea: of some hundred strategies those are named that nothing beats: no other survives as
//! much for as little.
//!
//! Invariant: cells in the order of the report. A strategy without a cell on some device has a gap
//! there.
//!
//! What it is not: a place for tokens. The JSON has one for each counterexample.

use serde::Serialize;

use super::plot::{Plot, Point, plot};
use super::view::{Count, class, counted};
use crate::explore::Verdict;
use crate::report::answers;
use crate::report::grid::{AXES, Grid};
use crate::report::matrix::sign;
use crate::report::model::{Ratio, Report};
use crate::report::summary;

/// The grid.
#[derive(Clone, Debug, Serialize)]
pub struct GridView {
    /// How many cells there are, and of which verdict.
    pub sentence: String,
    /// How the strategies were chosen.
    pub chosen: String,
    /// What they were asked.
    pub workload: [String; 2],
    /// Verdicts and how often.
    pub counts: Vec<Count>,
    /// Survival against cost.
    pub plots: Vec<Plot>,
    /// Strategies that nothing beats: spelling, survived, written, flushes, overwritten.
    pub frontier: Vec<Vec<String>>,
    /// What each answer changes.
    pub changes: Vec<ChangeView>,
    /// The names of the axes.
    pub axes: Vec<&'static str>,
    /// All strategies.
    pub rows: Vec<StrategyView>,
}

/// What an answer changes.
#[derive(Clone, Debug, Serialize)]
pub struct ChangeView {
    /// The axis.
    pub axis: String,
    /// Instead of what.
    pub from: String,
    /// The answer.
    pub to: String,
    /// Pairs, mends, breaks, bytes, flushes, overwritten.
    pub figures: Vec<String>,
    /// Claims that are violated no longer, then newly, with counts.
    pub stops: String,
    /// See `stops`.
    pub starts: String,
}

/// A strategy.
#[derive(Clone, Debug, Serialize)]
pub struct StrategyView {
    /// Its answers.
    pub answers: Vec<String>,
    /// How many devices it survives.
    pub survived: u64,
    /// Device by device: a word for a style, and a sign with letters.
    pub cells: Vec<Option<[String; 2]>>,
}

/// A strategy in numbers.
struct Standing<'g> {
    strategy: &'g str,
    survived: u64,
    written: Ratio,
    flushes: Ratio,
    overwritten: u64,
}

impl Standing<'_> {
    /// Whether it survives as much for as little of all, and more or for less.
    fn beats(&self, other: &Standing<'_>) -> bool {
        let cross = |a: Ratio, b: Ratio| {
            (u128::from(a.of) * u128::from(b.per)).cmp(&(u128::from(b.of) * u128::from(a.per)))
        };
        let better = [
            other.survived.cmp(&self.survived),
            cross(self.written, other.written),
            cross(self.flushes, other.flushes),
        ];
        better.iter().all(|order| order.is_le()) && better.iter().any(|order| order.is_lt())
    }
}

/// The grid of a report.
#[must_use]
pub fn grid(grid: &Grid, report: &Report) -> GridView {
    let devices: Vec<&str> = report.devices.iter().map(|row| &row.name[..]).collect();
    // Cells come strategy by strategy, so each has a stretch of its own.
    let mut rows = Vec::new();
    let mut standings: Vec<Standing<'_>> = Vec::new();
    for cells in grid.cells.chunk_by(|a, b| a.strategy == b.strategy) {
        let survived = cells.iter().filter(|cell| cell.verdict == Verdict::Proven).count() as u64;
        let ran = cells.iter().filter(|cell| cell.cost.payload_bytes > 0);
        if let Some(cost) = ran.map(|cell| cell.cost).min_by_key(|cost| cost.bytes_written) {
            standings.push(Standing {
                strategy: &cells[0].strategy,
                survived,
                written: Ratio::new(cost.bytes_written, cost.payload_bytes),
                // The grid's workload is one for all, so flushes need no other measure.
                flushes: Ratio::new(cost.flushes, 1),
                overwritten: cost.sectors_overwritten,
            });
        }
        let cell = |device: &&str| {
            let cell = cells.iter().find(|cell| cell.device == **device)?;
            let letters: String = cell.broken.iter().map(|&oracle| report.letter(oracle)).collect();
            Some([class(cell.verdict), format!("{}{letters}", sign(cell.verdict))])
        };
        rows.push(StrategyView {
            answers: cells[0].strategy.split('/').map(str::to_owned).collect(),
            survived,
            cells: devices.iter().map(cell).collect(),
        });
    }
    let unbeaten: Vec<bool> = standings
        .iter()
        .map(|one| one.survived > 0 && !standings.iter().any(|other| other.beats(one)))
        .collect();
    let points = |of: fn(&Standing<'_>) -> Ratio| -> Vec<Point> {
        standings
            .iter()
            .zip(&unbeaten)
            .map(|(row, &unbeaten)| Point {
                name: row.strategy.to_owned(),
                cost: of(row),
                survived: row.survived,
                unbeaten,
            })
            .collect()
    };
    let most = devices.len() as u64;
    let mut best: Vec<&Standing<'_>> = standings
        .iter()
        .zip(&unbeaten)
        .filter(|(_, unbeaten)| **unbeaten)
        .map(|(row, _)| row)
        .collect();
    best.sort_by_key(|row| std::cmp::Reverse(row.survived));
    GridView {
        sentence: answers::sentence(grid),
        chosen: grid.chosen.clone(),
        workload: [grid.workload.name.clone(), grid.workload.about.clone()],
        counts: counted(&summary::counts(grid.cells.iter().map(|cell| cell.verdict))),
        plots: vec![
            plot(
                "bytes written per payload byte",
                "contracts survived",
                &points(|row| row.written),
                most,
                false,
            ),
            plot(
                "flushes in a life",
                "contracts survived",
                &points(|row| row.flushes),
                most,
                false,
            ),
        ],
        frontier: best
            .iter()
            .map(|row| {
                vec![
                    row.strategy.to_owned(),
                    format!("{} of {most}", row.survived),
                    row.written.to_string(),
                    row.flushes.of.to_string(),
                    row.overwritten.to_string(),
                ]
            })
            .collect(),
        changes: answers::told(grid).into_iter().map(change).collect(),
        axes: AXES.to_vec(),
        rows,
    }
}

fn change(change: &crate::report::grid::Change) -> ChangeView {
    let counts = |rows: &[crate::report::grid::OracleCount]| {
        let mut rows = rows.to_vec();
        rows.sort_by_key(|row| std::cmp::Reverse(row.cells));
        let texts: Vec<String> =
            rows.iter().map(|row| format!("{} {}", row.oracle.name(), row.cells)).collect();
        texts.join(", ")
    };
    ChangeView {
        axis: change.axis.clone(),
        from: change.from.clone(),
        to: change.to.clone(),
        figures: vec![
            change.pairs.to_string(),
            change.mends.to_string(),
            change.breaks.to_string(),
            answers::times(&change.written),
            answers::times(&change.flushes),
            answers::times(&change.overwritten),
        ],
        stops: counts(&change.stops),
        starts: counts(&change.starts),
    }
}
