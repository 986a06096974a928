//! A campaign as rows of a report.
//!
//! The one idea: totals are numbers and places; here they get names, and each first failure its story.
//!
//! Invariant: what comes out follows from the totals and the cases alone, in the order of the plan and
//! of the runs.
//!
//! What it is not: a judge of what was new. The totals are.

use std::collections::BTreeMap;

use rayon::prelude::*;

use super::build::counterexample;
use super::model::{
    Campaign, CampaignRow, Counterexample, FindingRow, Saturation, SaturationPoint, Tally,
};
use super::oracles::tallies;
use crate::disk::contract::{Contract, Flush};
use crate::explore::torture::outcome::DECISION;
use crate::explore::torture::totals::CLASSES_MAX;
use crate::explore::torture::{Fingerprint, Found, Plan, RowKey, Seen, Totals};
use crate::oracle::Evaluated;

/// The campaign of a plan.
#[must_use]
pub fn campaign(
    plan: &Plan,
    totals: &Totals,
    found: &BTreeMap<Fingerprint, Found>,
    is_shard: bool,
) -> Campaign {
    let mut order: Vec<&Found> = found.values().collect();
    order.sort_by_key(|found| (found.spot, found.fingerprint));
    let first = |key: RowKey, seen: &Seen| {
        let at = |found: &&&Found| {
            found.fingerprint.row == key && Some((found.spot.run, found.spot.leaf)) == seen.first
        };
        order.iter().find(at).copied()
    };
    let seen: Vec<(&RowKey, &Seen)> = totals.seen.iter().collect();
    let rows = seen.par_iter().map(|&(&key, seen)| row(plan, key, seen, first(key, seen)));
    Campaign {
        seed: plan.seed,
        runs_asked: (plan.runs != u64::MAX).then_some(plan.runs),
        runs: totals.runs,
        blocks: totals.blocks,
        blocks_by_shard: Vec::new(),
        grid: plan.grid,
        varied: plan.varied,
        payloads_from_file: plan.payloads.is_some(),
        saturation: Some(saturation(&totals.classes)),
        rows: rows.collect(),
        findings: order.iter().map(|found| finding(plan, found)).collect(),
        classes: is_shard.then(|| classes_text(&totals.classes)),
    }
}

fn row(plan: &Plan, key: RowKey, seen: &Seen, first: Option<&Found>) -> CampaignRow {
    let contract = plan.contracts.get(usize::from(key.device));
    CampaignRow {
        journal: plan.journal_name(key).to_owned(),
        device: plan.device_name(key).to_owned(),
        runs: seen.runs,
        senseless: seen.senseless,
        leaves: seen.leaves,
        recoveries: seen.recoveries,
        failing: seen.failing,
        oracles: figures(contract, seen),
        first_run: seen.first.map(|first| first.0),
        counterexample: first.and_then(shown),
    }
}

/// The figures of a row; those of varied contracts are excused one here, another there.
fn figures(contract: Option<&Contract>, seen: &Seen) -> Vec<Tally> {
    let evaluated = Evaluated(seen.evaluated);
    if let Some(contract) = contract {
        return tallies(contract, None, &evaluated, &seen.violations);
    }
    let worst = Contract { flush: Flush::Ignored, bit_flips: 1, ..Contract::base("any") };
    let mut tallies = tallies(&worst, None, &evaluated, &seen.violations);
    for excused in tallies.iter_mut().filter_map(|tally| tally.excused.as_mut()) {
        "as the contract that was drawn has it".clone_into(excused);
    }
    tallies
}

/// The counterexample of a finding: the smaller one, if that replays.
fn shown(found: &Found) -> Option<Counterexample> {
    let mut first = counterexample(&found.case, Some(found.broken)).ok()?;
    if let Some(smaller) = &found.shrunk {
        first.show_smaller(smaller);
    }
    Some(first)
}

fn finding(plan: &Plan, found: &Found) -> FindingRow {
    let shown = found.shown();
    FindingRow {
        fingerprint: plan.fingerprint_name(found.fingerprint),
        journal: found.case.journal.clone(),
        device: plan.device_name(found.fingerprint.row).to_owned(),
        oracle: found.fingerprint.oracle,
        run: found.spot.run,
        leaf: found.spot.leaf,
        token: shown.token(),
        from: (*shown != found.case).then(|| found.case.token()),
    }
}

/// Whether a campaign still saw anything new.
pub(super) fn saturation(classes: &BTreeMap<u64, u64>) -> Saturation {
    // Blocks are numbered from 0 over all shards.
    let last = classes.values().max().map_or(0, |last| last + 1);
    let until = |blocks: u64| {
        let seen = classes.iter().filter(|(_, block)| **block < blocks);
        let (decisions, outcomes): (Vec<u64>, Vec<u64>) =
            seen.map(|(class, _)| class).partition(|class| *class & DECISION != 0);
        SaturationPoint {
            blocks,
            outcomes: outcomes.len() as u64,
            decisions: decisions.len() as u64,
        }
    };
    let doubling = std::iter::successors(Some(1u64), |blocks| blocks.checked_mul(2));
    let points = doubling.take_while(|blocks| *blocks < last).chain((last > 0).then_some(last));
    let curve: Vec<SaturationPoint> = points.map(until).collect();
    let all = until(u64::MAX);
    Saturation {
        outcomes: all.outcomes,
        decisions: all.decisions,
        last_new_at: last,
        more: classes.len() >= CLASSES_MAX,
        curve,
    }
}

/// Classes as text: `class:block` in hexadecimal, in order of class.
fn classes_text(classes: &BTreeMap<u64, u64>) -> String {
    let one = |(class, block): (&u64, &u64)| format!("{class:x}:{block:x}");
    classes.iter().map(one).collect::<Vec<_>>().join(" ")
}

/// Reads such a text.
pub(super) fn classes_from(text: &str) -> Option<BTreeMap<u64, u64>> {
    let number = |text: &str| u64::from_str_radix(text, 16).ok();
    let one = |word: &str| {
        let (class, block) = word.split_once(':')?;
        Some((number(class)?, number(block)?))
    };
    text.split_whitespace().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_curve_doubles_and_ends_where_the_last_new_class_was() {
        let classes: BTreeMap<u64, u64> =
            [(1, 0), (2, 0), (3, 1), (4, 5), (DECISION | 1, 0), (DECISION | 2, 9)].into();
        let found = saturation(&classes);
        assert_eq!((found.outcomes, found.decisions, found.last_new_at), (4, 2, 10));
        let curve: Vec<_> =
            found.curve.iter().map(|p| (p.blocks, p.outcomes, p.decisions)).collect();
        assert_eq!(curve, [(1, 2, 1), (2, 3, 1), (4, 3, 1), (8, 4, 1), (10, 4, 2)]);
        assert_eq!(saturation(&BTreeMap::new()).curve, []);
        assert_eq!(classes_from(&classes_text(&classes)), Some(classes));
        assert_eq!(classes_from("1:2 x"), None);
    }
}
