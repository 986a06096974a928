//! What is on the page, in words and whole numbers.
//!
//! The one idea: all that could be worked out wrong is worked out here, where tests reach it; the
//! template only says where it stands.
//!
//! Invariant: follows from the report and the diff alone. Devices, journals and oracles are those that
//! the report lists.
//!
//! What it is not: markup. No text here is HTML.

use serde::Serialize;

use super::campaign::{CampaignView, campaign};
use super::cards::{Card, cards, place};
use super::frontier::{AssumesView, assumes};
use super::grid::{GridView, grid};
use super::plot::Plot;
use super::tables::{self, CounterView, OwedView, StandingView};
use super::words::{GLOSSARY, limits};
use crate::explore::Verdict;
use crate::report::diff::{Diff, alike};
use crate::report::matrix::{about, sign};
use crate::report::model::{Campaign, CellRow, Experiment, Report};
use crate::report::text::grouped;
use crate::report::{device, figures, summary};

/// Everything on the page.
#[derive(Clone, Debug, Serialize)]
pub struct View {
    /// The command.
    pub command: String,
    /// The report in a sentence.
    pub sentence: String,
    /// Verdicts and how often.
    pub counts: Vec<Count>,
    /// What was run: a noun and what of it.
    pub facts: Vec<[String; 2]>,
    /// Workloads: name and line.
    pub workloads: Vec<[String; 2]>,
    /// Against an older report.
    pub ratchet: Option<Ratchet>,
    /// The heads of the matrix.
    pub devices: Vec<DeviceView>,
    /// The lines of the matrix.
    pub journals: Vec<JournalView>,
    /// Claims: letter, name, claim.
    pub oracles: Vec<[String; 3]>,
    /// The findings.
    pub cards: Vec<Card>,
    /// Survival against cost.
    pub plots: Vec<Plot>,
    /// Each journal in a line.
    pub standings: Vec<StandingView>,
    /// What the costs were counted on.
    pub cost_about: String,
    /// The grid.
    pub grid: Option<GridView>,
    /// How far each journal holds.
    pub frontiers: Vec<AssumesView>,
    /// What is owed: a claim, and device by device whether it is (empty) or why not.
    pub owed: Vec<OwedView>,
    /// Counters against hollow passes.
    pub counters: Vec<CounterView>,
    /// A random campaign.
    pub campaign: Option<CampaignView>,
    /// What the report does not show.
    pub limits: Vec<String>,
    /// Words: a word and its meaning.
    pub glossary: Vec<[&'static str; 2]>,
}

/// A verdict and how often.
#[derive(Clone, Debug, Serialize)]
pub struct Count {
    /// As a word for a style.
    pub class: String,
    /// As shown.
    pub name: &'static str,
    /// Its sign.
    pub sign: char,
    /// What it means.
    pub about: &'static str,
    /// How often.
    pub count: String,
}

/// What differs from an older report.
#[derive(Clone, Debug, Serialize)]
pub struct Ratchet {
    /// Whether nothing is worse.
    pub holds: bool,
    /// In numbers.
    pub said: String,
    /// Lines: whether it fails, what it counts as, where, what, token.
    pub lines: Vec<RatchetLine>,
}

/// A line of it.
#[derive(Clone, Debug, Serialize)]
pub struct RatchetLine {
    /// Whether it is held against the report.
    pub fails: bool,
    /// What it counts as.
    pub kind: &'static str,
    /// Where.
    pub place: String,
    /// What.
    pub what: String,
    /// The case.
    pub token: Option<String>,
}

/// A device.
#[derive(Clone, Debug, Serialize)]
pub struct DeviceView {
    /// Its name.
    pub name: String,
    /// A line about it.
    pub about: String,
    /// Where its values come from.
    pub source: String,
    /// Its contract in words.
    pub words: String,
}

/// A line of the matrix.
#[derive(Clone, Debug, Serialize)]
pub struct JournalView {
    /// Its name.
    pub name: String,
    /// A line about it.
    pub about: String,
    /// Its cells, device by device; none where the report has none.
    pub cells: Vec<Option<CellView>>,
}

/// A cell.
#[derive(Clone, Debug, Serialize)]
pub struct CellView {
    /// The verdict as a word for a style.
    pub class: String,
    /// The verdict as shown.
    pub name: &'static str,
    /// Its sign.
    pub sign: String,
    /// Letters of what broke.
    pub letters: String,
    /// All of it in words.
    pub title: String,
    /// The card, if there is one.
    pub card: Option<String>,
}

/// The word by which styles name a verdict.
#[must_use]
pub fn class(verdict: Verdict) -> String {
    verdict.name().to_lowercase().replace(' ', "-")
}

/// Works out the page.
#[must_use]
pub fn view(report: &Report, diff: Option<&Diff>) -> View {
    let verdicts = report.cells.iter().map(|cell| cell.verdict);
    View {
        command: report.asked.command.clone(),
        sentence: summary::sentence(report),
        counts: match &report.campaign {
            Some(campaign) => met(campaign),
            None => counted(&summary::counts(verdicts)),
        },
        facts: facts(report),
        workloads: report
            .asked
            .workloads
            .iter()
            .map(|row| [row.name.clone(), row.about.clone()])
            .collect(),
        ratchet: diff.map(ratchet),
        devices: devices(report),
        journals: journals(report),
        oracles: report
            .oracles
            .iter()
            .map(|row| [row.letter.to_string(), row.oracle.name().to_owned(), row.claim.clone()])
            .collect(),
        cards: cards(report),
        plots: tables::plots(report),
        standings: tables::standings(report),
        cost_about: tables::cost_about(report),
        grid: report.grid.as_ref().map(|of| grid(of, report)),
        frontiers: assumes(report),
        owed: tables::owed(report),
        counters: tables::counters(report),
        campaign: campaign(report),
        limits: limits(report),
        glossary: GLOSSARY.to_vec(),
    }
}

/// Verdicts and how often, with their words.
#[must_use]
pub fn counted(counts: &[(Verdict, u64)]) -> Vec<Count> {
    let row = |&(verdict, count): &(Verdict, u64)| Count {
        class: class(verdict),
        name: verdict.name(),
        sign: sign(verdict),
        about: about(verdict),
        count: grouped(count),
    };
    counts.iter().map(row).collect()
}

/// Pairs of a campaign on which something was found, and the others.
fn met(campaign: &Campaign) -> Vec<Count> {
    let failing = campaign.rows.iter().filter(|row| row.failing > 0).count();
    let row = |verdict, name, about, count: usize| Count {
        class: class(verdict),
        name,
        sign: sign(verdict),
        about,
        count: grouped(count),
    };
    let silent = campaign.rows.len() - failing;
    vec![
        row(Verdict::Refuted, "FOUND", "pairs on which a violation was found", failing),
        row(Verdict::Bounded, "NOTHING FOUND", "pairs of which nothing is proven", silent),
    ]
}

fn facts(report: &Report) -> Vec<[String; 2]> {
    let fact = |noun: &str, of: String| [noun.to_owned(), of];
    let asked = &report.asked;
    let mut facts = vec![
        fact("program", format!("{} {}", report.tool.name, report.tool.version)),
        fact("journals", grouped(report.journals.len())),
        fact(
            "devices",
            format!("{}, {} KiB each", report.devices.len(), asked.device_bytes / 1024),
        ),
    ];
    if let Some(max) = asked.leaves_max {
        facts.push(fact("bound", format!("{} leaves in each experiment", grouped(max))));
    }
    let sum = |of: &dyn Fn(&Experiment) -> u64| {
        grouped(report.cells.iter().flat_map(|cell| &cell.experiments).map(of).sum::<u64>())
    };
    if !report.cells.is_empty() {
        let experiments: usize = report.cells.iter().map(|cell| cell.experiments.len()).sum();
        facts.push(fact("experiments", grouped(experiments)));
        facts.push(fact("leaves", sum(&|experiment| experiment.leaves)));
        facts.push(fact("recoveries", sum(&|experiment| experiment.recoveries)));
    }
    if let [cell] = &report.cells[..]
        && let [experiment] = &cell.experiments[..]
    {
        facts.extend(of_one(experiment));
    }
    facts
}

/// What there is to say of a single experiment.
fn of_one(experiment: &Experiment) -> Vec<[String; 2]> {
    let mut facts = Vec::new();
    for row in &experiment.images {
        // The exact number may have hundreds of digits; the JSON has it.
        let short = |digits| figures::large(digits).split(" (").next().unwrap_or("").to_owned();
        let of = format!("{}, {} of them failing", short(&row.all), short(&row.failing));
        facts.push([format!("crash states at cut {}", row.cut), of]);
    }
    if let Some(chances) = &experiment.probabilities {
        let any = figures::chance(&chances.any);
        let of = format!("{any}; cut {}, persist {}", chances.cut, chances.persist);
        facts.push(["probability of a violation".to_owned(), of]);
    }
    facts
}

fn ratchet(diff: &Diff) -> Ratchet {
    let mut lines = Vec::new();
    for changes in [&diff.worse, &diff.better] {
        lines.extend(alike(changes).iter().map(|group| {
            let first = group.first;
            let workloads = match group.workloads.len() {
                0 => String::new(),
                _ => format!(" ({})", group.workloads.join(", ")),
            };
            RatchetLine {
                fails: first.kind.fails(),
                kind: first.kind.name(),
                place: format!("{} x {}{workloads}", first.journal, first.device),
                what: first.what(),
                token: first.token.clone(),
            }
        }));
    }
    let mut said = format!(
        "{} worse, {} better, {} the same.",
        grouped(diff.worse.len()),
        grouped(diff.better.len()),
        grouped(diff.same)
    );
    if !diff.asked_otherwise.is_empty() {
        said += &format!(" Asked otherwise: {}.", diff.asked_otherwise.join(", "));
    }
    Ratchet { holds: diff.holds(), said, lines }
}

fn devices(report: &Report) -> Vec<DeviceView> {
    let row = |row: &crate::report::model::DeviceRow| {
        let contract = &row.contract;
        let sectors = device::geometry(contract.logical_bytes, contract.physical_bytes);
        DeviceView {
            name: row.name.clone(),
            about: row.about.clone(),
            source: row.source.clone(),
            words: format!("{sectors}; {}", device::words(contract).join("; ")),
        }
    };
    report.devices.iter().map(row).collect()
}

fn journals(report: &Report) -> Vec<JournalView> {
    let find = |journal: &str, device: &str| {
        report.cells.iter().find(|cell| cell.journal == journal && cell.device == device)
    };
    let row = |row: &crate::report::model::JournalRow| JournalView {
        name: row.name.clone(),
        about: row.about.clone(),
        cells: report
            .devices
            .iter()
            .map(|device| find(&row.name, &device.name).map(|cell| cell_view(report, cell)))
            .collect(),
    };
    // A campaign has journals and no matrix.
    if report.cells.is_empty() { Vec::new() } else { report.journals.iter().map(row).collect() }
}

fn cell_view(report: &Report, cell: &CellRow) -> CellView {
    let star = cell.representatives && cell.verdict == Verdict::Proven;
    let names: Vec<&str> = cell.broken.iter().map(|oracle| oracle.name()).collect();
    let why = cell.experiments.iter().find_map(|experiment| experiment.why.clone());
    let what = match (names.is_empty(), why) {
        (false, _) => format!(": breaks {}", names.join(", ")),
        (true, Some(why)) => format!(": {why}"),
        (true, None) if star => ": some contents by representatives only".to_owned(),
        (true, None) => String::new(),
    };
    let shown = cell.experiments.iter().any(|experiment| experiment.counterexample.is_some());
    CellView {
        class: class(cell.verdict),
        name: cell.verdict.name(),
        sign: format!("{}{}", sign(cell.verdict), if star { "*" } else { "" }),
        letters: cell.broken.iter().map(|&oracle| report.letter(oracle)).collect(),
        title: format!("{} on {}: {}{what}", cell.journal, cell.device, cell.verdict.name()),
        card: shown.then(|| place(report, &cell.journal, &cell.device)),
    }
}
