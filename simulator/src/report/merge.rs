//! Shards of a report, put together again.
//!
//! The one idea: cells are dealt by rank, and everything else in a report follows from the questions
//! alone; so the shards agree but for their cells, and the whole is their cells in order.
//!
//! Invariant: what comes out is the report of the unsharded run, byte for byte. Shards that differ
//! in anything but their cells, that are missing, doubled or were interrupted, are named and
//! refused.
//!
//! What it is not: a way to combine different questions. Campaigns are put together in
//! `merge_campaign.rs`; the shards of one proof by who runs it, for a bound is of the whole.

use super::grid::{Grid, GridCell};
use super::merge_campaign;
use super::model::{CellRow, Report, Shard};

/// Missing shards that are named, at most: how many there should be is told by a file.
const NAMED_MAX: usize = 100;

/// All shards of one report, in order; each comes with what to call it.
///
/// # Errors
/// Which of them is none, differs from the others, is missing or there twice.
pub fn in_order(shards: Vec<(String, Report)>) -> Result<Vec<(Shard, String, Report)>, String> {
    let mut dealt: Vec<(Shard, String, Report)> = Vec::new();
    for (name, report) in shards {
        let Some(shard) = report.shard.filter(|shard| shard.index < shard.of) else {
            return Err(format!("{name}: expected a shard, found a whole report"));
        };
        if report.partial {
            return Err(format!("{name}: shard {shard} was interrupted; run it to its end"));
        }
        dealt.push((shard, name, report));
    }
    dealt.sort_by_key(|(shard, ..)| shard.index);
    let Some((first, first_name, pattern)) = dealt.first() else {
        return Err("expected shards, found none".to_owned());
    };
    for (shard, name, report) in &dealt {
        if let Some(what) = difference(pattern, report) {
            return Err(format!("{name}: shard {shard} differs from {first_name} in {what}"));
        }
    }
    if let Some(pair) = dealt.windows(2).find(|pair| pair[0].0 == pair[1].0) {
        return Err(format!("shard {} is there twice: {}, {}", pair[0].0, pair[0].1, pair[1].1));
    }
    let there = |index: u32| dealt.iter().any(|(shard, ..)| shard.index == index);
    let missing: Vec<String> = (0..first.of)
        .filter(|&index| !there(index))
        .map(|index| Shard { index, of: first.of }.to_string())
        .take(NAMED_MAX)
        .collect();
    if !missing.is_empty() {
        // No two are the same.
        let more = first.of as usize - dealt.len() - missing.len();
        let more = if more > 0 { format!(", and {more} more") } else { String::new() };
        return Err(format!("missing: shard {}{more}", missing.join(", ")));
    }
    Ok(dealt)
}

/// Puts shards of a comparison or a campaign together; each comes with what to call it.
///
/// # Errors
/// Which of them does not fit, and why.
pub fn merge(shards: Vec<(String, Report)>) -> Result<Report, String> {
    let mut dealt = in_order(shards)?;
    let pattern = dealt[0].2.clone();
    if dealt.iter().all(|(.., report)| report.campaign.is_some()) {
        let parts = dealt
            .into_iter()
            .map(|(shard, name, report)| (shard, name, report.campaign.expect("each has one")));
        let campaign = merge_campaign::merge(parts.collect(), &pattern.journals, &pattern.devices)?;
        return Ok(Report { shard: None, campaign: Some(campaign), ..pattern });
    }
    let mut whole = Report { shard: None, cells: Vec::new(), ..pattern };
    let devices: Vec<String> = whole.devices.iter().map(|row| row.name.clone()).collect();
    let journals: Vec<String> = whole.journals.iter().map(|row| row.name.clone()).collect();
    let grids: Vec<_> = dealt
        .iter_mut()
        .map(|(shard, name, report)| {
            let cells = report.grid.as_mut().map(|grid| std::mem::take(&mut grid.cells));
            (*shard, name.clone(), cells.unwrap_or_default())
        })
        .collect();
    let cells = dealt.into_iter().map(|(shard, name, report)| (shard, name, report.cells));
    let named = |cell: &CellRow| (cell.journal.clone(), cell.device.clone());
    whole.cells = put_together(cells.collect(), &journals, &devices, named)?;
    if let Some(grid) = &mut whole.grid {
        let named = |cell: &GridCell| (cell.strategy.clone(), cell.device.clone());
        grid.cells = put_together(grids, &grid.strategies, &devices, named)?;
        grid.summarise(&devices);
    }
    whole.name_neighbours();
    Ok(whole)
}

/// All of a grid but what was found.
fn asked_of_grid(report: &Report) -> Option<Grid> {
    let grid = report.grid.as_ref()?;
    Some(Grid {
        chosen: grid.chosen.clone(),
        leaves_max: grid.leaves_max,
        workload: grid.workload.clone(),
        strategies: grid.strategies.clone(),
        cells: Vec::new(),
        changes: Vec::new(),
    })
}

/// Cells that were dealt by rank, in order again.
fn put_together<C>(
    dealt: Vec<(Shard, String, Vec<C>)>,
    journals: &[String],
    devices: &[String],
    named: impl Fn(&C) -> (String, String),
) -> Result<Vec<C>, String> {
    let of = dealt.len();
    let mut whole = Vec::new();
    let mut left: Vec<_> =
        dealt.into_iter().map(|(shard, name, cells)| (shard, name, cells.into_iter())).collect();
    let pairs = journals.iter().flat_map(|journal| devices.iter().map(move |d| (journal, d)));
    for (rank, (journal, device)) in pairs.enumerate() {
        let (shard, name, cells) = &mut left[rank % of];
        match cells.next().filter(|cell| named(cell) == (journal.clone(), device.clone())) {
            Some(cell) => whole.push(cell),
            None => {
                return Err(format!("{name}: shard {shard} has no cell {journal} x {device}"));
            }
        }
    }
    match left.iter().find(|(_, _, cells)| cells.len() > 0) {
        Some((shard, name, _)) => Err(format!("{name}: shard {shard} has cells of other shards")),
        None => Ok(whole),
    }
}

/// In what two shards of one report differ that they must not.
fn difference(one: &Report, other: &Report) -> Option<&'static str> {
    let of = |report: &Report| report.shard.map(|shard| shard.of);
    let cut = |report: &Report| report.dealt.as_ref().map(|dealt| (dealt.segments, dealt.sample));
    [
        (of(one) == of(other), "the number of shards"),
        (one.tool == other.tool, "the program's version"),
        (one.asked == other.asked, "what was asked"),
        (one.journals == other.journals, "the journals"),
        (one.devices == other.devices, "the devices"),
        (one.oracles == other.oracles && one.owed == other.owed, "what is owed"),
        (one.costs == other.costs, "the costs"),
        (one.campaign.is_some() == other.campaign.is_some(), "having a campaign"),
        (asked_of_grid(one) == asked_of_grid(other), "the grid"),
        (cut(one) == cut(other), "how the proof was cut, or the size of its sample"),
    ]
    .into_iter()
    .find_map(|(same, what)| (!same).then_some(what))
}
