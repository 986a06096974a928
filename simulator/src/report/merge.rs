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
//! `merge_campaign.rs`.

use super::merge_campaign;
use super::model::{Report, Shard};

/// Puts shards together; each comes with what to call it.
///
/// # Errors
/// Which of them does not fit, and why.
pub fn merge(shards: Vec<(String, Report)>) -> Result<Report, String> {
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
    let Some((first, first_name, pattern)) = dealt.first().cloned() else {
        return Err("expected shards, found none".to_owned());
    };
    for (shard, name, report) in &dealt {
        if let Some(what) = difference(&pattern, report) {
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
        .take(10)
        .collect();
    if !missing.is_empty() {
        return Err(format!("missing: shard {}", missing.join(", ")));
    }
    if dealt.iter().all(|(.., report)| report.campaign.is_some()) {
        let parts = dealt
            .into_iter()
            .map(|(shard, name, report)| (shard, name, report.campaign.expect("each has one")));
        let campaign = merge_campaign::merge(parts.collect(), &pattern.journals, &pattern.devices)?;
        return Ok(Report { shard: None, campaign: Some(campaign), ..pattern });
    }
    let mut whole = Report { shard: None, cells: Vec::new(), ..pattern };
    let names = |report: &Report| {
        let pair = |j: &str, d: &str| (j.to_owned(), d.to_owned());
        let devices = report.devices.clone();
        let all = report.journals.iter().flat_map(|journal| {
            devices.iter().map(|device| pair(&journal.name, &device.name)).collect::<Vec<_>>()
        });
        all.collect::<Vec<_>>()
    };
    let mut left: Vec<_> =
        dealt.into_iter().map(|(shard, name, r)| (shard, name, r.cells.into_iter())).collect();
    for (rank, (journal, device)) in names(&whole).into_iter().enumerate() {
        let (shard, name, cells) = &mut left[rank % first.of as usize];
        match cells.next().filter(|cell| cell.journal == journal && cell.device == device) {
            Some(cell) => whole.cells.push(cell),
            None => {
                return Err(format!("{name}: shard {shard} has no cell {journal} x {device}"));
            }
        }
    }
    if let Some((shard, name, _)) = left.iter().find(|(_, _, cells)| cells.len() > 0) {
        return Err(format!("{name}: shard {shard} has cells of other shards"));
    }
    whole.name_neighbours();
    Ok(whole)
}

/// In what two shards of one report differ that they must not.
fn difference(one: &Report, other: &Report) -> Option<&'static str> {
    let of = |report: &Report| report.shard.map(|shard| shard.of);
    [
        (of(one) == of(other), "the number of shards"),
        (one.tool == other.tool, "the program's version"),
        (one.asked == other.asked, "what was asked"),
        (one.journals == other.journals, "the journals"),
        (one.devices == other.devices, "the devices"),
        (one.oracles == other.oracles && one.owed == other.owed, "what is owed"),
        (one.costs == other.costs, "the costs"),
        (one.campaign.is_some() == other.campaign.is_some(), "having a campaign"),
    ]
    .into_iter()
    .find_map(|(same, what)| (!same).then_some(what))
}
