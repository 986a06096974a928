//! The grid section for a terminal: what each answer buys and costs, a line each.
//!
//! The one idea: an answer is told beside the one that most strategies have instead of it, all else
//! being equal. What it mends is what it buys; what it writes, flushes and overwrites is the price.
//!
//! Invariant: drawn from the report alone, within the width. Ratios are rounded from exact counts.
//!
//! What it is not: all comparisons. The JSON has every two answers of an axis.

use super::grid::{AXES, Change, Grid, OracleCount};
use super::matrix::Look;
use super::text::{grouped, wrap, wrap_parts};
use crate::explore::Verdict;

/// Draws it.
#[must_use]
pub fn draw(grid: &Grid, look: Look) -> String {
    let mut out = format!("\n{}", wrap("The grid   ", &sentence(grid), look.width));
    out += &wrap("           ", &grid.workload.about, look.width);
    if grid.changes.is_empty() {
        return out;
    }
    let shown = told(grid);
    let left = shown.iter().map(|change| brief(&change.to).len()).max().unwrap_or(0) + 4;
    out.push('\n');
    let head = format!("{:<left$} {:>5} {:>5} {:>6}", "", "pairs", "mends", "breaks");
    let costs = format!(" {:>7} {:>7} {:>9}  ", "written", "flushes", "overwrite");
    let head = head + &costs;
    out += &format!("{head}violations\n");
    let mut group = ("", "");
    for change in shown {
        if group != (&change.axis, &change.from) {
            group = (&change.axis, &change.from);
            out += &format!("{}, instead of {}\n", change.axis, brief(&change.from));
        }
        let line = format!(
            "  {:<w$} {:>5} {:>5} {:>6} {:>7} {:>7} {:>9}  ",
            brief(&change.to),
            change.pairs,
            change.mends,
            change.breaks,
            times(&change.written),
            times(&change.flushes),
            times(&change.overwritten),
            w = left - 2,
        );
        let mut parts = counted('-', &change.stops);
        parts.extend(counted('+', &change.starts));
        parts.extend(counted('=', &change.stays));
        out += &wrap_parts(&line, &parts, look.width);
    }
    out + &wrap("  ", LEGEND, look.width)
}

const LEGEND: &str = "Over pairs of strategies that differ in that answer alone, on each device: cells \
    that it mends (refuted before, proven after) and breaks; bytes written, flushes and sectors \
    overwritten, after per before; claims violated before and not after (-), after and not before \
    (+), still (=). Checksums are CRC-32C where none is named. The whole grid, with a token for each \
    counterexample, is in report.json.";

/// The changes that are told: each answer beside one other.
#[must_use]
pub fn told(grid: &Grid) -> Vec<&Change> {
    AXES.iter().flat_map(|axis| against_nearest(grid, axis)).collect()
}

/// How many cells there are, and of which verdict.
#[must_use]
pub fn sentence(grid: &Grid) -> String {
    let count = |verdict| grid.cells.iter().filter(|cell| cell.verdict == verdict).count() as u64;
    let devices = grid.cells.len() / grid.strategies.len().max(1);
    let others = [
        (Verdict::Senseless, "do not fit their device"),
        (Verdict::Bounded, "BOUNDED"),
        (Verdict::NotMeasured, "NOT MEASURED"),
        (Verdict::Hollow, "HOLLOW"),
        (Verdict::Nondeterministic, "NONDETERMINISTIC"),
    ];
    let others = others.into_iter().filter(|(verdict, _)| count(*verdict) > 0);
    let others: Vec<String> =
        others.map(|(verdict, what)| format!(", {} {what}", grouped(count(verdict)))).collect();
    let leaves: u64 = grid.cells.iter().map(|cell| cell.leaves).sum();
    format!(
        "{} strategies x {devices} devices, {}: {} PROVEN, {} REFUTED{}; {} leaves",
        grid.strategies.len(),
        grid.workload.name,
        grouped(count(Verdict::Proven)),
        grouped(count(Verdict::Refuted)),
        others.concat(),
        grouped(leaves),
    )
}

/// Each answer of an axis, told from that one before it with which it has the most pairs.
fn against_nearest<'g>(grid: &'g Grid, axis: &str) -> Vec<&'g Change> {
    let mut best: Vec<&Change> = Vec::new();
    for change in grid.changes.iter().filter(|change| change.axis == axis) {
        match best.iter_mut().find(|known| known.to == change.to) {
            Some(known) if known.pairs >= change.pairs => {}
            Some(known) => *known = change,
            None => best.push(change),
        }
    }
    // In the order of the summary, so that those told from one answer stand together.
    let mut all: Vec<&Change> = grid.changes.iter().collect();
    all.retain(|change| best.iter().any(|known| std::ptr::eq(*known, *change)));
    all
}

/// An answer in short: CRC-32C goes without saying.
fn brief(answer: &str) -> String {
    answer.replace(":crc32c", "")
}

/// A ratio as a factor.
#[must_use]
pub fn times(ratio: &super::model::Ratio) -> String {
    if ratio.per == 0 { "-".to_owned() } else { format!("x{ratio}") }
}

/// The oracles of some counts, the most frequent first.
fn counted(sign: char, counts: &[OracleCount]) -> Vec<String> {
    let mut counts = counts.to_vec();
    counts.sort_by_key(|row| std::cmp::Reverse(row.cells));
    counts.iter().map(|row| format!("{sign}{}{}", row.oracle.letter(), row.cells)).collect()
}
