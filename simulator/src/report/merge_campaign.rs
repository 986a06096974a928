//! Shards of a campaign, put together again.
//!
//! The one idea: as in `totals.rs`, everything is a sum, a minimum or a union; so the shards of a
//! campaign that was bounded by runs give the bytes of the campaign that was not dealt.
//!
//! Invariant: nothing is left out in silence: a shard that came to its end too early is named and
//! refused. Where time was the bound there is no end to miss; then the whole says how far each came.
//!
//! What it is not: the check that shards are there and alike. That is in `merge.rs`.

use std::collections::BTreeMap;

use super::campaign::{classes_from, saturation};
use super::model::{Campaign, CampaignRow, DeviceRow, FindingRow, JournalRow, Shard};
use crate::explore::torture::BLOCK_RUNS;
use crate::explore::torture::totals::{CLASSES_MAX, FINDINGS_MAX};

/// Puts the campaigns of all shards together, in order of shard. Rows are in the order of these
/// journals and devices; what is drawn besides comes last.
pub(super) fn merge(
    parts: Vec<(Shard, String, Campaign)>,
    journals: &[JournalRow],
    devices: &[DeviceRow],
) -> Result<Campaign, String> {
    let Some((_, first_name, pattern)) = parts.first().cloned() else {
        return Err("expected shards, found none".to_owned());
    };
    let mut rows: Vec<CampaignRow> = Vec::new();
    let mut classes: BTreeMap<u64, u64> = BTreeMap::new();
    let mut findings: BTreeMap<String, FindingRow> = BTreeMap::new();
    let (mut runs, mut blocks, mut more) = (0, Vec::new(), false);
    for (shard, name, part) in parts {
        if let Some(what) = difference(&pattern, &part) {
            return Err(format!("{name}: shard {shard} differs from {first_name} in {what}"));
        }
        let text = part.classes.as_deref().and_then(classes_from);
        let Some(own) = text else {
            return Err(format!("{name}: shard {shard} has no list of classes"));
        };
        if let Some(asked) = part.runs_asked {
            let (index, of) = (u64::from(shard.index), u64::from(shard.of));
            let expected = asked.div_ceil(BLOCK_RUNS).saturating_sub(index).div_ceil(of);
            if part.blocks != expected {
                return Err(format!(
                    "{name}: shard {shard} ended after {} of {expected} blocks; run it to its end",
                    part.blocks
                ));
            }
        }
        runs += part.runs;
        blocks.push(part.blocks);
        more |= part.saturation.as_ref().is_some_and(|s| s.more);
        for (class, block) in own {
            let first = classes.entry(class).or_insert(block);
            *first = block.min(*first);
        }
        for row in part.rows {
            add_row(&mut rows, row);
        }
        for finding in part.findings {
            let place = |finding: &FindingRow| (finding.run, finding.leaf);
            match findings.get(&finding.fingerprint) {
                Some(known) if place(known) <= place(&finding) => {}
                _ => {
                    findings.insert(finding.fingerprint.clone(), finding);
                }
            }
        }
    }
    if classes.len() > CLASSES_MAX {
        let mut order: Vec<(u64, u64)> = classes.iter().map(|(&c, &block)| (block, c)).collect();
        order.sort_unstable();
        order.split_off(CLASSES_MAX).iter().for_each(|(_, class)| {
            classes.remove(class);
        });
    }
    let mut findings: Vec<FindingRow> = findings.into_values().collect();
    findings.sort_by_key(|finding| (finding.run, finding.leaf));
    findings.truncate(FINDINGS_MAX);
    let journal = |row: &CampaignRow| {
        journals.iter().position(|j| j.name == row.journal).unwrap_or(journals.len())
    };
    let device = |row: &CampaignRow| {
        devices.iter().position(|d| d.name == row.device).unwrap_or(devices.len())
    };
    rows.sort_by_key(|row| (journal(row), device(row)));
    let mut saturation = saturation(&classes);
    saturation.more |= more;
    let total = blocks.iter().sum();
    Ok(Campaign {
        runs,
        blocks: total,
        blocks_by_shard: if pattern.runs_asked.is_none() { blocks } else { Vec::new() },
        saturation: Some(saturation),
        rows,
        findings,
        classes: None,
        ..pattern
    })
}

/// In what two shards differ that they must not.
fn difference(one: &Campaign, other: &Campaign) -> Option<&'static str> {
    [
        (one.seed == other.seed, "the seed"),
        (one.runs_asked == other.runs_asked, "the runs that were asked for"),
        ((one.grid, one.varied) == (other.grid, other.varied), "what was drawn"),
        (one.payloads_from_file == other.payloads_from_file, "where payloads came from"),
    ]
    .into_iter()
    .find_map(|(same, what)| (!same).then_some(what))
}

fn add_row(rows: &mut Vec<CampaignRow>, row: CampaignRow) {
    let same = |mine: &&mut CampaignRow| mine.journal == row.journal && mine.device == row.device;
    let Some(mine) = rows.iter_mut().find(same) else {
        rows.push(row);
        return;
    };
    mine.runs += row.runs;
    mine.senseless += row.senseless;
    mine.leaves += row.leaves;
    mine.recoveries += row.recoveries;
    mine.failing += row.failing;
    for (mine, theirs) in mine.oracles.iter_mut().zip(&row.oracles) {
        mine.evaluated += theirs.evaluated;
        mine.violations += theirs.violations;
    }
    // No two shards have the same run.
    let earlier = match (mine.first_run, row.first_run) {
        (Some(mine), Some(theirs)) => theirs < mine,
        (None, Some(_)) => true,
        _ => false,
    };
    if earlier {
        (mine.first_run, mine.counterexample) = (row.first_run, row.counterexample);
    }
}
