//! A random campaign on the page: what was found, where nothing was, and whether anything was still new.
//!
//! The one idea: a flat end of the curve is the only thing that says more time would show little; so the
//! curve goes on to the last block that was run, also where the last of them saw nothing new.
//!
//! Invariant: every finding of the report is on the page as a command, and every pair of journal and
//! device in a row.
//!
//! What it is not: a proof. The page says so where nothing was found.

use serde::Serialize;

use super::cards::row_place;
use super::plot::{Plot, curve};
use crate::report::model::{Campaign, CampaignRow, FindingRow, Report};
use crate::report::text::grouped;

/// A campaign.
#[derive(Clone, Debug, Serialize)]
pub struct CampaignView {
    /// In numbers.
    pub said: Vec<String>,
    /// The curve of what was new, if the report has one.
    pub curve: Option<Plot>,
    /// What the curve says.
    pub seen: String,
    /// Pairs that failed.
    pub failed: Vec<PairView>,
    /// Pairs that did not.
    pub silent: Vec<PairView>,
    /// Findings.
    pub findings: Vec<FindingView>,
}

/// A journal on a device.
#[derive(Clone, Debug, Serialize)]
pub struct PairView {
    /// The journal.
    pub journal: String,
    /// The device.
    pub device: String,
    /// Failing crash states, all, workloads, the run with the first violation.
    pub figures: Vec<String>,
    /// The claims that the first violation breaks.
    pub broken: Vec<&'static str>,
    /// The card.
    pub card: Option<String>,
}

/// A finding: the first of its kind.
#[derive(Clone, Debug, Serialize)]
pub struct FindingView {
    /// The journal itself.
    pub journal: String,
    /// The row of the device.
    pub device: String,
    /// The worst claim that breaks.
    pub oracle: &'static str,
    /// The run that met it.
    pub run: String,
    /// The name of its file.
    pub fingerprint: String,
    /// The card that tells it, if one does.
    pub card: Option<String>,
    /// The case.
    pub token: String,
}

/// See the field of the view.
#[must_use]
pub fn campaign(report: &Report) -> Option<CampaignView> {
    let campaign = report.campaign.as_ref()?;
    let of = |failing: bool| -> Vec<PairView> {
        let rows = campaign.rows.iter().enumerate();
        rows.filter(|(_, row)| (row.failing > 0) == failing).map(pair).collect()
    };
    let (failed, silent) = (of(true), of(false));
    let findings = campaign.findings.iter().map(|row| finding(campaign, row));
    Some(CampaignView {
        said: said(campaign, silent.len()),
        curve: saturation(campaign),
        seen: seen(campaign),
        findings: findings.collect(),
        failed,
        silent,
    })
}

fn said(campaign: &Campaign, silent: usize) -> Vec<String> {
    let sum = |of: fn(&CampaignRow) -> u64| grouped(campaign.rows.iter().map(of).sum::<u64>());
    let mut said = vec![format!(
        "Seed {}, {} runs: {} crash states, {} recoveries. {} findings that differ by journal, device, \
         claim and, in the grid, by design.",
        campaign.seed,
        grouped(campaign.runs),
        sum(|row| row.leaves),
        sum(|row| row.recoveries),
        grouped(campaign.findings.len()),
    )];
    if silent > 0 {
        said.push(format!(
            "Nothing was found on {} of {} pairs of journal and device. That is what was drawn, and no \
             proof.",
            grouped(silent),
            grouped(campaign.rows.len())
        ));
    }
    said
}

fn pair((at, row): (usize, &CampaignRow)) -> PairView {
    let found = row.counterexample.as_ref();
    PairView {
        journal: row.journal.clone(),
        device: row.device.clone(),
        figures: vec![
            grouped(row.failing),
            grouped(row.leaves),
            grouped(row.runs),
            row.first_run.map_or(String::new(), grouped),
        ],
        broken: found
            .iter()
            .flat_map(|found| found.broken.iter().map(|oracle| oracle.name()))
            .collect(),
        card: found.map(|_| row_place(at)),
    }
}

fn finding(campaign: &Campaign, row: &FindingRow) -> FindingView {
    let told = campaign.rows.iter().position(|pair| {
        pair.counterexample.as_ref().is_some_and(|found| found.token == row.token)
    });
    FindingView {
        journal: row.journal.clone(),
        device: row.device.clone(),
        oracle: row.oracle.name(),
        run: grouped(row.run),
        fingerprint: row.fingerprint.clone(),
        card: told.map(row_place),
        token: row.token.clone(),
    }
}

fn seen(campaign: &Campaign) -> String {
    let Some(seen) = &campaign.saturation else { return String::new() };
    format!(
        "{}{} outcome classes and {} recovery decisions; the last new one in block {} of {}.",
        if seen.more { "At least " } else { "" },
        grouped(seen.outcomes),
        grouped(seen.decisions),
        grouped(seen.last_new_at),
        grouped(campaign.blocks.max(seen.last_new_at))
    )
}

/// The curve of what was new, to the last block.
fn saturation(campaign: &Campaign) -> Option<Plot> {
    let points = &campaign.saturation.as_ref()?.curve;
    let last = points.last()?;
    let end = campaign.blocks.max(last.blocks);
    let line = |of: fn(&crate::report::model::SaturationPoint) -> u64| {
        let mut places: Vec<(u64, u64)> = points.iter().map(|at| (at.blocks, of(at))).collect();
        if end > last.blocks {
            places.push((end, of(last)));
        }
        places
    };
    let lines = [("outcomes", line(|at| at.outcomes)), ("decisions", line(|at| at.decisions))];
    Some(curve("blocks of 256 runs", "classes seen", &lines))
}
