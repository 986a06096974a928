//! The grid section of `compare`: a verdict for each cell, and verdicts that theory can explain.
//!
//! What it is not: the section's arithmetic, which is tested on a grid made by hand in
//! `report/grid.rs`.

mod cli_support;

use cli_support::{golden, text, tornwrite};
use journal_core::rfc::Strategy;
use journal_core::rfc::strategy::{CommitRule, Framing, TailWrite};
use journal_core::{Checksum, Lba};
use rayon::prelude::*;
use simulator::disk::presets;
use simulator::explore::grid::{DEVICE_BYTES, LEAVES_MAX, cell, workload};
use simulator::explore::{Cell, Verdict};
use simulator::oracle::Oracle;
use simulator::report::answers;
use simulator::report::grid::{self, Grid};
use simulator::report::matrix::Look;
use simulator::report::model::WorkloadRow;

fn prove(strategy: &Strategy, device: &str) -> Cell {
    cell(&strategy.to_string(), &presets::named(device).unwrap()).unwrap()
}

/// Points of the selection, each with its cell on a device; what does not fit is left out.
fn cells(device: &str, which: impl Fn(&Strategy) -> bool) -> Vec<(Strategy, Cell)> {
    let points: Vec<_> = Strategy::selection().filter(which).collect();
    let proven: Vec<_> = points.into_par_iter().map(|point| (point, prove(&point, device))).collect();
    let fits = |(_, cell): &(Strategy, Cell)| cell.verdict != Verdict::Senseless;
    proven.into_iter().filter(fits).collect()
}

/// Tells the cells of which `right` is not so.
fn all(cells: &[(Strategy, Cell)], right: impl Fn(&Cell) -> bool) {
    assert!(!cells.is_empty());
    let wrong = cells.iter().filter(|(_, cell)| !right(cell));
    let wrong: Vec<_> = wrong
        .map(|(point, cell)| format!("{point}: {} {:?}", cell.verdict.name(), cell.why))
        .collect();
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), cells.len(), wrong.join("\n"));
}

fn is_proven(cell: &Cell) -> bool {
    cell.verdict == Verdict::Proven
}

fn breaks(cell: &Cell, oracle: Oracle) -> bool {
    cell.owed.contains(oracle) && cell.explored.violations[oracle as usize] > 0
}
