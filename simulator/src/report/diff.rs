//! Two reports of the same questions: what got worse, what got better, what was asked otherwise.
//!
//! Method. Each answer of the old report is looked for in the new one. It is a ratchet: whatever
//! makes an answer worth less is held against the new report, also where that looks like silence.
//!
//! ```text
//! before -> after                                    counts as
//! any -> graver                                      worse
//! refuted -> refuted, by another oracle too          a new violation
//! any -> hollow or not measured                      hollow: nothing would have been seen
//! refuted -> bounded or senseless                    undecided: a finding was lost
//! proven -> proven modulo collisions                 weaker
//! a claim owed -> excused                            no longer owed
//! there -> not there                                 vanished
//! ```
//!
//! A refutation that became a proof is better: that the harness still sees is asked of `selftest`. A
//! campaign of another seed or length draws otherwise: what it finds newly is held against it, what it
//! does not meet is not.
//!
//! Invariant: equal answers make no noise; the order is that of the old report.
//!
//! What it is not: a judge of why.

use std::collections::BTreeMap;

use serde::Serialize;

use super::baseline::{Baseline, CAMPAIGN, GRID, Line, Mark, Row};
use super::build::GRAVEST_FIRST;
use super::model::Report;
use super::text::{grouped, wrap};
use crate::explore::Verdict;
use crate::oracle::Oracle;

/// What a change counts as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// The verdict is graver.
    Worse,
    /// Refuted as before, and by another oracle too.
    NewViolation,
    /// Hollow or not measured: the experiment could not have seen a failure.
    Hollow,
    /// Refuted before, and now neither refuted nor proven.
    Undecided,
    /// Proven, and now only modulo collisions.
    Weaker,
    /// A claim that was owed is excused now.
    NoLongerOwed,
    /// Not in the new report.
    Vanished,
    /// The verdict is less grave.
    Better,
    /// An oracle is not violated any more.
    ViolationGone,
    /// Proven without collisions now.
    Stronger,
    /// A claim is owed that was excused.
    NowOwed,
    /// Found by a campaign that drew otherwise, and not met by this one.
    NotMet,
    /// Not in the old report.
    Added,
}

impl Kind {
    /// Whether the ratchet holds it against the new report.
    #[must_use]
    pub const fn fails(self) -> bool {
        (self as u8) <= Kind::Vanished as u8
    }

    /// In a word or two.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Kind::Worse => "worse",
            Kind::NewViolation => "new violation",
            Kind::Hollow => "hollow",
            Kind::Undecided => "undecided",
            Kind::Weaker => "weaker",
            Kind::NoLongerOwed => "no longer owed",
            Kind::Vanished => "vanished",
            Kind::Better => "better",
            Kind::ViolationGone => "violation gone",
            Kind::Stronger => "stronger",
            Kind::NowOwed => "now owed",
            Kind::NotMet => "not met",
            Kind::Added => "added",
        }
    }
}

/// One change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Change {
    /// What it counts as.
    pub kind: Kind,
    /// `matrix`, `grid` or `campaign`.
    pub section: &'static str,
    /// The journal or strategy.
    pub journal: String,
    /// The device.
    pub device: String,
    /// The workload; none for what concerns all of them.
    pub workload: Option<String>,
    /// The answer of the old report, if it has one.
    pub before: Option<Mark>,
    /// The answer of the new report, if it has one.
    pub after: Option<Mark>,
    /// The oracles that came, went, or are owed otherwise.
    pub oracles: Vec<Oracle>,
    /// The new counterexample as one word for a command line, if there is one.
    pub token: Option<String>,
}

/// What differs between two reports.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Diff {
    /// Held against the new report.
    pub worse: Vec<Change>,
    /// Not held against it.
    pub better: Vec<Change>,
    /// Questions that were asked otherwise.
    pub asked_otherwise: Vec<String>,
    /// Answers that are the same.
    pub same: u64,
}

/// Where an answer stands in the order of gravity, from 0 for the best.
fn gravity(verdict: Verdict) -> usize {
    GRAVEST_FIRST.iter().rev().position(|listed| *listed == verdict).unwrap_or(usize::MAX)
}

fn without(all: &[Oracle], those: &[Oracle]) -> Vec<Oracle> {
    all.iter().copied().filter(|oracle| !those.contains(oracle)).collect()
}

/// What the change of an answer counts as, with the oracles that make the difference.
fn judged(before: &Mark, after: &Mark) -> Vec<(Kind, Vec<Oracle>)> {
    let blind = |mark: &Mark| matches!(mark.verdict, Verdict::Hollow | Verdict::NotMeasured);
    let new = without(&after.broken, &before.broken);
    let gone = without(&before.broken, &after.broken);
    if before.verdict != after.verdict {
        let undecided = matches!(after.verdict, Verdict::Bounded | Verdict::Senseless);
        let kind = if blind(after) && !blind(before) {
            Kind::Hollow
        } else if before.verdict == Verdict::Refuted && undecided {
            Kind::Undecided
        } else if gravity(after.verdict) > gravity(before.verdict) {
            Kind::Worse
        } else {
            Kind::Better
        };
        return vec![(kind, if kind == Kind::Better { gone } else { new })];
    }
    let mut found = Vec::new();
    if !new.is_empty() {
        found.push((Kind::NewViolation, new));
    }
    if !gone.is_empty() {
        found.push((Kind::ViolationGone, gone));
    }
    match (before.modulo_collisions, after.modulo_collisions) {
        (false, true) => found.push((Kind::Weaker, Vec::new())),
        (true, false) => found.push((Kind::Stronger, Vec::new())),
        _ => {}
    }
    found
}

impl Diff {
    /// What differs between an old report and a new one.
    #[must_use]
    pub fn between(old: &Baseline, new: &Baseline) -> Diff {
        let mut diff = Diff::default();
        for (question, digest) in &old.asked {
            if new.asked.get(question).is_some_and(|other| other != digest) {
                diff.asked_otherwise.push(question.clone());
            }
        }
        diff.section("matrix", &old.matrix, &new.matrix);
        let rows = |lines: &[Line], question| -> Vec<Row> {
            lines.iter().map(|line| line.row(question)).collect()
        };
        diff.section(GRID, &rows(&old.grid, GRID), &rows(&new.grid, GRID));
        diff.section(CAMPAIGN, &rows(&old.campaign, CAMPAIGN), &rows(&new.campaign, CAMPAIGN));
        if diff.asked_otherwise.iter().any(|question| question == CAMPAIGN) {
            diff.excuse_what_was_not_met();
        }
        diff
    }

    /// Of campaigns that drew otherwise: silence is worth what was drawn, so it is not held against one.
    fn excuse_what_was_not_met(&mut self) {
        let silent = |change: &Change| {
            change.section == CAMPAIGN && matches!(change.kind, Kind::Undecided | Kind::Vanished)
        };
        for mut change in self.worse.extract_if(.., |change| silent(change)) {
            change.kind = Kind::NotMet;
            self.better.push(change);
        }
        for change in self.better.iter_mut().filter(|change| change.section == CAMPAIGN) {
            if change.kind == Kind::ViolationGone {
                change.kind = Kind::NotMet;
            }
        }
    }

    /// As [`Diff::between`], of a whole report, with its tokens.
    #[must_use]
    pub fn of_report(old: &Baseline, new: &Report) -> Diff {
        let mut diff = Diff::between(old, &Baseline::of(new));
        diff.name_cases(new);
        diff
    }

    /// Whether nothing is held against the new report.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.worse.is_empty()
    }

    fn push(&mut self, change: Change) {
        if change.kind.fails() { self.worse.push(change) } else { self.better.push(change) }
    }

    fn section(&mut self, section: &'static str, old: &[Row], new: &[Row]) {
        let listed = |rows: &[Row]| -> BTreeMap<String, usize> {
            rows.iter().enumerate().map(|(i, row)| (row.journal.clone(), i)).collect()
        };
        let (places, known) = (listed(new), listed(old));
        for row in old {
            let other = places.get(&row.journal).map(|&at| &new[at]);
            self.row(section, row, other);
        }
        // What only the new one has.
        for row in new {
            let other = known.get(&row.journal).map(|&at| &old[at]);
            for (device, on) in &row.on {
                let had = other.and_then(|row| row.on.get(device));
                for (workload, mark) in &on.found {
                    if had.is_none_or(|had| !had.found.contains_key(workload)) {
                        let change = Change {
                            kind: Kind::Added,
                            section,
                            journal: row.journal.clone(),
                            device: device.clone(),
                            workload: Some(workload.clone()),
                            before: None,
                            after: Some(mark.clone()),
                            oracles: Vec::new(),
                            token: None,
                        };
                        self.push(change);
                    }
                }
            }
        }
    }

    fn row(&mut self, section: &'static str, old: &Row, new: Option<&Row>) {
        for (device, on) in &old.on {
            let after = new.and_then(|row| row.on.get(device));
            let change = |kind,
                          oracles,
                          workload: Option<&String>,
                          marks: (Option<&Mark>, Option<&Mark>)| {
                Change {
                    kind,
                    section,
                    journal: old.journal.clone(),
                    device: device.clone(),
                    workload: workload.cloned(),
                    before: marks.0.cloned(),
                    after: marks.1.cloned(),
                    oracles,
                    token: None,
                }
            };
            for (workload, mark) in &on.found {
                let Some(now) = after.and_then(|after| after.found.get(workload)) else {
                    self.push(change(
                        Kind::Vanished,
                        Vec::new(),
                        Some(workload),
                        (Some(mark), None),
                    ));
                    continue;
                };
                let found = judged(mark, now);
                self.same += u64::from(found.is_empty());
                for (kind, oracles) in found {
                    self.push(change(kind, oracles, Some(workload), (Some(mark), Some(now))));
                }
            }
            // A report that says nothing of what is owed excuses nothing.
            let Some(after) = after.filter(|after| !after.owed.is_empty() && !on.owed.is_empty())
            else {
                continue;
            };
            for (kind, oracles) in [
                (Kind::NoLongerOwed, without(&on.owed, &after.owed)),
                (Kind::NowOwed, without(&after.owed, &on.owed)),
            ] {
                if !oracles.is_empty() {
                    self.push(change(kind, oracles, None, (None, None)));
                }
            }
        }
    }

    /// Looks up the counterexamples of a report.
    fn name_cases(&mut self, report: &Report) {
        for change in &mut self.worse {
            let workload = change.workload.as_deref();
            let here = |journal: &str, device: &str| {
                change.journal == *journal && change.device == *device
            };
            change.token = match change.section {
                "matrix" => report
                    .cells
                    .iter()
                    .filter(|cell| here(&cell.journal, &cell.device))
                    .flat_map(|cell| &cell.experiments)
                    .filter(|experiment| Some(experiment.workload.as_str()) == workload)
                    .find_map(|e| e.counterexample.as_ref().map(|found| found.token.clone())),
                "grid" => report
                    .grid
                    .iter()
                    .flat_map(|grid| &grid.cells)
                    .filter(|cell| here(&cell.strategy, &cell.device))
                    .find_map(|cell| cell.token.clone()),
                _ => report
                    .campaign
                    .iter()
                    .flat_map(|campaign| &campaign.rows)
                    .filter(|row| here(&row.journal, &row.device))
                    .find_map(|row| row.counterexample.as_ref().map(|found| found.token.clone())),
            };
        }
    }
}

impl Change {
    /// What changed, without where.
    #[must_use]
    pub fn what(&self) -> String {
        let names: Vec<&str> = self.oracles.iter().map(|oracle| oracle.name()).collect();
        let names = names.join(", ");
        match (self.kind, &self.before, &self.after) {
            (Kind::NoLongerOwed | Kind::NowOwed, ..) => names,
            (Kind::NewViolation | Kind::ViolationGone, ..) => names,
            (_, Some(before), Some(after)) => format!("{before} -> {after}"),
            (_, Some(before), None) => format!("was {before}"),
            (_, None, Some(after)) => format!("is {after}"),
            (_, None, None) => names,
        }
    }
}

/// Changes that are alike but for their workloads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alike<'d> {
    /// The first of them.
    pub first: &'d Change,
    /// Their workloads.
    pub workloads: Vec<&'d str>,
}

/// Changes of a journal on a device, put together where only the workload differs.
#[must_use]
pub fn alike(changes: &[Change]) -> Vec<Alike<'_>> {
    let mut groups: Vec<Alike<'_>> = Vec::new();
    for change in changes {
        let same = |group: &&mut Alike<'_>| {
            let first = group.first;
            (first.kind, first.section, &first.journal, &first.device)
                == (change.kind, change.section, &change.journal, &change.device)
                && (&first.before, &first.after, &first.oracles)
                    == (&change.before, &change.after, &change.oracles)
        };
        let workload = change.workload.as_deref();
        // Groups of another journal are done.
        match groups.iter_mut().rev().take(64).find(same) {
            Some(group) => group.workloads.extend(workload),
            None => groups.push(Alike { first: change, workloads: workload.into_iter().collect() }),
        }
    }
    groups
}

/// Lines of text at most, of what is worse and of what is better.
const LINES_MAX: usize = 60;

/// A diff for a terminal.
#[must_use]
pub fn draw(diff: &Diff, old: &str, width: usize) -> String {
    let mut out = String::new();
    let head = if diff.holds() { "RATCHET holds    " } else { "RATCHET BROKEN   " };
    let text = format!(
        "against {old}: {} worse, {} better, {} the same",
        grouped(diff.worse.len()),
        grouped(diff.better.len()),
        grouped(diff.same)
    );
    out += &wrap(head, &text, width);
    if !diff.asked_otherwise.is_empty() {
        out += &wrap("  asked otherwise  ", &diff.asked_otherwise.join(", "), width);
    }
    for (sign, changes) in [('x', &diff.worse), ('+', &diff.better)] {
        let groups = alike(changes);
        for Alike { first, workloads } in groups.iter().take(LINES_MAX) {
            let head = format!("  {sign} {:<14} ", first.kind.name());
            let workloads = match (first.section, workloads.len()) {
                ("matrix", 0) => " (all workloads)".to_owned(),
                ("matrix", _) => format!(" ({})", workloads.join(", ")),
                (section, _) => format!(" ({section})"),
            };
            let text = format!("{} x {}{workloads}: {}", first.journal, first.device, first.what());
            out += &wrap(&head, &text, width);
            if let Some(token) = &first.token {
                out += &format!("      tornwrite replay {token}\n");
            }
        }
        if groups.len() > LINES_MAX {
            out += &format!("  {sign} and {} more like these\n", groups.len() - LINES_MAX);
        }
    }
    out
}
