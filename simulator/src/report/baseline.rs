//! What a report found, in brief: the form that a later one is held against.
//!
//! The one idea: of a report, a ratchet needs the answer to each question and nothing of how it was
//! reached: a line for each journal, a word for each experiment. It is small enough to be committed,
//! and a change of it reads as what it is.
//!
//! Invariant: it follows from the report alone; the same report gives the same bytes. A question that
//! changed is told from an answer that did, by a digest.
//!
//! What it is not: evidence. Stories, figures and tokens are in the report.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::build::broken;
use super::model::{Report, Tool};
use super::{json, layout};
use crate::explore::Verdict;
use crate::malformed;
use crate::oracle::{Oracle, OracleSet};

/// Version of the form. It grows when a reader of the old one would be misled.
pub const BASELINE_VERSION: u32 = 1;

/// The section of the grid, and the name of its one workload here.
pub const GRID: &str = "grid";

/// The section of campaigns, and the name of their one workload here.
pub const CAMPAIGN: &str = "campaign";

/// A report in brief.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Baseline {
    /// Version of this form.
    pub baseline_version: u32,
    /// The program that made the report.
    pub tool: Tool,
    /// Digests of the questions: `device ideal`, `workload one-life-48`, `bound`.
    pub asked: BTreeMap<String, String>,
    /// The matrix, journal by journal.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub matrix: Vec<Row>,
    /// The grid, strategy by strategy.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub grid: Vec<Line>,
    /// A random campaign, journal by journal.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub campaign: Vec<Line>,
}

/// A journal or strategy that was asked one question on each device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Line {
    /// Its name or spelling.
    pub journal: String,
    /// Device by device.
    pub on: BTreeMap<String, Mark>,
}

impl Line {
    /// The same as a row, where the one question has this name.
    #[must_use]
    pub fn row(&self, question: &str) -> Row {
        let on = |(device, mark): (&String, &Mark)| {
            let found = [(question.to_owned(), mark.clone())].into();
            (device.clone(), OnDevice { owed: Vec::new(), found })
        };
        Row { journal: self.journal.clone(), on: self.on.iter().map(on).collect() }
    }
}

/// A journal under several workloads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Row {
    /// Its name.
    pub journal: String,
    /// Device by device.
    pub on: BTreeMap<String, OnDevice>,
}

/// A journal on a device.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OnDevice {
    /// The claims that were owed; empty where the report does not say.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub owed: Vec<Oracle>,
    /// What was found, workload by workload.
    pub found: BTreeMap<String, Mark>,
}

/// The answer to one question.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Mark {
    /// The verdict.
    pub verdict: Verdict,
    /// Whether it holds modulo collisions of a checksum.
    pub modulo_collisions: bool,
    /// The owed oracles that were seen violated.
    pub broken: Vec<Oracle>,
}

impl JsonSchema for Mark {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Mark".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "description": "A verdict, `modulo collisions` if so, and behind a colon the oracles that \
                            were seen violated: `refuted: durability, order`.",
        })
    }
}

impl Mark {
    fn new(verdict: Verdict, broken: OracleSet) -> Mark {
        Mark { verdict, modulo_collisions: false, broken: broken.iter().collect() }
    }
}

/// The word for collisions behind a verdict.
const MODULO: &str = " modulo collisions";

/// The word by which JSON has a verdict or an oracle.
fn word<T: Serialize>(of: T) -> String {
    match serde_json::to_value(of) {
        Ok(serde_json::Value::String(word)) => word,
        other => unreachable!("a verdict and an oracle are words: {other:?}"),
    }
}

impl std::fmt::Display for Mark {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&word(self.verdict))?;
        if self.modulo_collisions {
            f.write_str(MODULO)?;
        }
        for (i, oracle) in self.broken.iter().enumerate() {
            write!(f, "{}{}", if i == 0 { ": " } else { ", " }, oracle.name())?;
        }
        Ok(())
    }
}

impl From<Mark> for String {
    fn from(mark: Mark) -> String {
        mark.to_string()
    }
}

impl TryFrom<String> for Mark {
    type Error = String;

    fn try_from(text: String) -> Result<Mark, String> {
        let (head, list) = text.split_once(": ").unwrap_or((&text, ""));
        let (verdict, modulo_collisions) = match head.strip_suffix(MODULO) {
            Some(verdict) => (verdict, true),
            None => (head, false),
        };
        let verdict = serde_json::from_value(serde_json::Value::String(verdict.to_owned()))
            .map_err(|_| format!("expected a verdict such as `proven`, found `{verdict}`"))?;
        let named = |name: &str| {
            let oracle = Oracle::ALL.into_iter().find(|oracle| oracle.name() == name);
            oracle.ok_or_else(|| format!("expected an oracle such as `durability`, found `{name}`"))
        };
        let broken = list.split(", ").filter(|name| !name.is_empty()).map(named);
        Ok(Mark { verdict, modulo_collisions, broken: broken.collect::<Result<_, _>>()? })
    }
}

/// A digest of a question, short: it is compared and never searched for.
fn digest<T: Serialize>(question: &T) -> String {
    let text = layout::text(question).expect("a question is plain data");
    Sha256::digest(text.as_bytes()).iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

/// The row of a journal; a new one at the end if there is none.
fn row<'r, R>(
    rows: &'r mut Vec<R>,
    journal: &str,
    name: fn(&R) -> &str,
    new: fn(String) -> R,
) -> &'r mut R {
    // Reports go journal by journal, so it is the last or none but in reports put together by hand.
    let at = rows.iter().rposition(|row| name(row) == journal).unwrap_or_else(|| {
        rows.push(new(journal.to_owned()));
        rows.len() - 1
    });
    &mut rows[at]
}

/// The row of a journal in the matrix.
fn matrix_row<'r>(rows: &'r mut Vec<Row>, journal: &str) -> &'r mut Row {
    row(rows, journal, |row| &row.journal, |journal| Row { journal, on: BTreeMap::new() })
}

/// The line of a journal or strategy.
fn line<'r>(rows: &'r mut Vec<Line>, journal: &str) -> &'r mut Line {
    row(rows, journal, |line| &line.journal, |journal| Line { journal, on: BTreeMap::new() })
}

fn asked(report: &Report) -> BTreeMap<String, String> {
    let mut asked = BTreeMap::new();
    for device in &report.devices {
        asked.insert(format!("device {}", device.name), digest(&device.contract));
    }
    for row in &report.asked.workloads {
        asked.insert(format!("workload {}", row.name), digest(&row.workload));
    }
    let bound = (report.asked.device_bytes, report.asked.leaves_max);
    asked.insert("bound".to_owned(), digest(&bound));
    if let Some(grid) = &report.grid {
        let of = (grid.leaves_max, &grid.workload.workload);
        asked.insert("grid".to_owned(), digest(&of));
    }
    if let Some(campaign) = &report.campaign {
        let of = (campaign.seed, campaign.runs, campaign.payloads_from_file);
        asked.insert("campaign".to_owned(), digest(&of));
    }
    asked
}

impl Baseline {
    /// The brief form of a report.
    #[must_use]
    pub fn of(report: &Report) -> Baseline {
        let mut brief = Baseline {
            baseline_version: BASELINE_VERSION,
            tool: report.tool.clone(),
            asked: asked(report),
            matrix: Vec::new(),
            grid: Vec::new(),
            campaign: Vec::new(),
        };
        for cell in &report.cells {
            let row = matrix_row(&mut brief.matrix, &cell.journal);
            let on = row.on.entry(cell.device.clone()).or_default();
            let mut owed = OracleSet::default();
            for experiment in &cell.experiments {
                let shown: OracleSet = experiment
                    .counterexample
                    .iter()
                    .flat_map(|found| found.broken.iter().copied())
                    .collect();
                let mut mark = Mark::new(experiment.verdict, broken(&experiment.oracles).or(shown));
                mark.modulo_collisions = experiment.modulo_collisions;
                on.found.insert(experiment.workload.clone(), mark);
                // What does not fit was not run, and nothing was excused.
                if experiment.verdict != Verdict::Senseless {
                    let of = experiment.oracles.iter().filter(|tally| tally.excused.is_none());
                    owed = owed.or(of.map(|tally| tally.oracle).collect());
                }
            }
            on.owed = owed.iter().collect();
        }
        if let Some(grid) = &report.grid {
            for cell in &grid.cells {
                let mark = Mark::new(cell.verdict, cell.broken.iter().copied().collect());
                line(&mut brief.grid, &cell.strategy).on.insert(cell.device.clone(), mark);
            }
        }
        for row in report.campaign.iter().flat_map(|campaign| &campaign.rows) {
            let shown = row.counterexample.iter().flat_map(|found| found.broken.iter().copied());
            let seen = broken(&row.oracles);
            let set = shown.collect::<OracleSet>().or(match row.failing {
                0 => OracleSet::default(),
                _ => seen,
            });
            // Silence of a campaign is a bound, never a proof.
            let verdict = if row.failing > 0 { Verdict::Refuted } else { Verdict::Bounded };
            let on = &mut line(&mut brief.campaign, &row.journal).on;
            on.insert(row.device.clone(), Mark::new(verdict, set));
        }
        brief
    }

    /// Its text.
    ///
    /// # Panics
    /// Never: it is plain data.
    #[must_use]
    pub fn text(&self) -> String {
        layout::text(self).expect("a baseline is plain data")
    }

    /// Reads the text of a baseline, or of a whole report.
    ///
    /// # Errors
    /// What was expected and what was found.
    pub fn parse(text: &str) -> Result<Baseline, String> {
        let value: serde_json::Value = malformed::read(text, "a baseline")?;
        match value.get("baseline_version").map(serde_json::Value::as_u64) {
            Some(Some(version)) if version == u64::from(BASELINE_VERSION) => {
                malformed::read(text, "a baseline")
            }
            Some(Some(found)) => {
                Err(format!("expected baseline_version {BASELINE_VERSION}, found {found}"))
            }
            Some(None) => Err("expected a number `baseline_version`".to_owned()),
            None => {
                let report = json::parse(text)?;
                whole(&report)?;
                Ok(Baseline::of(&report))
            }
        }
    }
}

/// Refuses what is not a whole report.
///
/// # Errors
/// What is missing.
pub fn whole(report: &Report) -> Result<(), String> {
    match report.shard {
        Some(shard) => Err(format!(
            "expected a whole report, found shard {shard}; `tornwrite report merge` puts shards together"
        )),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_reads_back_what_it_says() {
        let all = [Verdict::Proven, Verdict::Refuted, Verdict::NotMeasured, Verdict::Hollow];
        for verdict in all {
            for modulo_collisions in [false, true] {
                for broken in [vec![], vec![Oracle::Durability], Oracle::ALL.to_vec()] {
                    let mark = Mark { verdict, modulo_collisions, broken };
                    assert_eq!(Mark::try_from(mark.to_string()), Ok(mark));
                }
            }
        }
        let mark = Mark::try_from("refuted: durability, order".to_owned()).unwrap();
        assert_eq!(mark.broken, [Oracle::Durability, Oracle::Order]);
        for wrong in ["fine", "refuted: fine", "", "proven modulo"] {
            let said = Mark::try_from(wrong.to_owned()).unwrap_err();
            assert!(said.contains("expected"), "{wrong}: {said}");
        }
    }
}
