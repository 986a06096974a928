//! How far each journal holds, on the page: the most hostile devices that it survives, and one step beyond.
//!
//! The one idea: what a journal silently assumes is the list of steps that break it whatever else a
//! device does; they stand first, the contracts below.
//!
//! Invariant: every survey of the report is on the page, and every counterexample as a command.
//!
//! What it is not: a search. The surveys were made before.

use serde::Serialize;

use crate::explore::frontier::{Beyond, Claim, Survey};
use crate::report::device::{geometry, words};
use crate::report::frontier::comes_of;
use crate::report::model::Report;

/// A journal.
#[derive(Clone, Debug, Serialize)]
pub struct AssumesView {
    /// The journal.
    pub journal: String,
    /// Steps that break what is owed on all sectors that were tried, whatever else the device does.
    pub assumes: Vec<String>,
    /// What to say where there is no such step.
    pub otherwise: &'static str,
    /// Sectors by sectors.
    pub surveys: Vec<SurveyView>,
}

/// A journal on sectors of a size.
#[derive(Clone, Debug, Serialize)]
pub struct SurveyView {
    /// The sectors in words.
    pub sectors: String,
    /// What came of the kindest device, where there is nothing else to say.
    pub kindest: Option<String>,
    /// Sets of claims.
    pub claims: Vec<ClaimView>,
}

/// How far a set of claims holds.
#[derive(Clone, Debug, Serialize)]
pub struct ClaimView {
    /// Its name in words.
    pub name: String,
    /// The claims.
    pub oracles: String,
    /// Whether all contracts were decided.
    pub complete: bool,
    /// The contracts that are survived.
    pub maximal: Vec<MaximalView>,
}

/// A contract that is survived.
#[derive(Clone, Debug, Serialize)]
pub struct MaximalView {
    /// In words.
    pub words: String,
    /// What breaks one step beyond.
    pub beyond: Vec<BeyondView>,
}

/// One step beyond.
#[derive(Clone, Debug, Serialize)]
pub struct BeyondView {
    /// The step.
    pub step: String,
    /// What comes of it.
    pub what: String,
    /// The case.
    pub token: Option<String>,
}

/// Journal by journal, in the order of the surveys.
#[must_use]
pub fn assumes(report: &Report) -> Vec<AssumesView> {
    let of = |surveys: &[Survey]| {
        let mut never: Vec<Vec<&Beyond>> = surveys
            .iter()
            .filter_map(|survey| survey.claims.first())
            .map(|promises| promises.never().into_iter().filter(|beyond| beyond.owed).collect())
            .collect();
        let first = if never.is_empty() { Vec::new() } else { never.remove(0) };
        let is_everywhere =
            |step: &str| never.iter().all(|others| others.iter().any(|beyond| beyond.step == step));
        let steps = first.into_iter().map(|beyond| beyond.step.clone());
        let assumes = steps.filter(|step| is_everywhere(step)).collect();
        let claims = || surveys.iter().flat_map(|survey| &survey.claims);
        let holds = claims().any(|claim| !claim.maximal.is_empty());
        AssumesView {
            journal: surveys[0].journal.clone(),
            assumes,
            otherwise: match (holds, claims().all(|claim| claim.complete)) {
                (false, _) => "holds on none of the devices that were tried",
                (true, true) => "no step by itself breaks what is owed on all sectors",
                (true, false) => "no step was seen to break it on all sectors; not all was decided",
            },
            surveys: surveys.iter().map(survey).collect(),
        }
    };
    report.frontiers.chunk_by(|a, b| a.journal == b.journal).map(of).collect()
}

fn survey(of: &Survey) -> SurveyView {
    let kindest = of.claims.is_empty().then(|| {
        let why = of.why.as_ref().map_or(String::new(), |why| format!(": {why}"));
        format!("{} on the kindest device{why}", of.kindest.name())
    });
    SurveyView {
        sectors: geometry(of.base.logical_bytes, of.base.physical_bytes),
        kindest,
        claims: of.claims.iter().map(claim).collect(),
    }
}

fn claim(of: &Claim) -> ClaimView {
    let names: Vec<&str> = of.oracles.iter().map(|oracle| oracle.name()).collect();
    ClaimView {
        name: of.name.replace('-', " "),
        oracles: names.join(", "),
        complete: of.complete,
        maximal: of
            .maximal
            .iter()
            .map(|found| MaximalView {
                words: words(&found.contract).join("; "),
                beyond: found.beyond.iter().map(beyond).collect(),
            })
            .collect(),
    }
}

fn beyond(of: &Beyond) -> BeyondView {
    BeyondView { step: of.step.clone(), what: comes_of(of), token: of.token.clone() }
}
