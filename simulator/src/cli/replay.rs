//! `replay`: a case, or every counterexample of a report, again.
//!
//! The one idea: the outcome is computed afresh and told; for a report it is compared with what the
//! report says.
//!
//! Invariant: the same case gives the same bytes on stdout.

use serde::Serialize;
use simulator::case::{Case, Outcome};
use simulator::oracle::Oracle;
use simulator::report::json;
use simulator::report::text::wrap_parts;

use super::cases;
use super::exit::{Exit, Failure};
use super::screen::Screen;

/// What to run again.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// A token, a case file, a report or its folder, or - for stdin
    #[arg(value_name = "CASE|TOKEN|REPORT|-")]
    what: String,
}

/// What came of it.
#[derive(Debug, Serialize)]
struct Replayed {
    token: String,
    journal: String,
    device: String,
    /// Owed oracles that were violated.
    broken: Vec<Oracle>,
    /// All that were violated.
    violated: Vec<Oracle>,
    power_cuts: u32,
    recoveries: u32,
    /// For a report's counterexample of the matrix: of which workload.
    #[serde(skip_serializing_if = "Option::is_none")]
    workload: Option<String>,
    /// For a report's counterexample: whether it is what the report says.
    as_reported: Option<bool>,
}

impl Replayed {
    fn new(case: &Case, outcome: &Outcome) -> Replayed {
        Replayed {
            token: case.token(),
            journal: case.journal.clone(),
            device: case.contract.name.clone(),
            broken: outcome.broken().iter().collect(),
            violated: outcome.leaf.violated.iter().collect(),
            power_cuts: outcome.leaf.cuts,
            recoveries: outcome.leaf.recoveries,
            workload: None,
            as_reported: None,
        }
    }

    fn text(&self, width: usize) -> String {
        let verdict = match self.broken.is_empty() {
            true => "HOLDS".to_owned(),
            false => format!("FAIL {}", names(&self.broken)),
        };
        let mut parts =
            vec![format!("journal {}", self.journal), format!("device {}", self.device)];
        parts.extend(self.workload.iter().map(|workload| format!("workload {workload}")));
        parts.push(format!("power cuts {}", self.power_cuts));
        parts.push(format!("recoveries {}", self.recoveries));
        let not_owed: Vec<Oracle> =
            self.violated.iter().copied().filter(|o| !self.broken.contains(o)).collect();
        if !not_owed.is_empty() {
            parts.push(format!("violated and not owed here: {}", names(&not_owed)));
        }
        wrap_parts(&format!("{verdict}   "), &parts, width)
    }
}

fn names(oracles: &[Oracle]) -> String {
    oracles.iter().map(|oracle| oracle.name()).collect::<Vec<_>>().join(", ")
}

/// Runs it again.
pub fn run(arguments: &Arguments, screen: &Screen) -> Result<Exit, Failure> {
    let text = cases::text_of_case(&arguments.what, ", or a report")?;
    if text.trim_start().starts_with('{') && text.contains("\"schema_version\"") {
        return report(&arguments.what, &text, screen);
    }
    let case = cases::named(&arguments.what, &text)?;
    let outcome = case.run(None).map_err(cases::failure)?;
    let replayed = Replayed::new(&case, &outcome);
    screen.show(&replayed, || replayed.text(screen.look.width))?;
    Ok(if replayed.broken.is_empty() { Exit::Clean } else { Exit::Violation })
}

fn report(name: &str, text: &str, screen: &Screen) -> Result<Exit, Failure> {
    let wrong = |what| Failure::new(Exit::BadData, format!("{name}: {what}"));
    let report = json::parse(text).map_err(wrong)?;
    let cells = report.cells.iter().flat_map(|cell| &cell.experiments);
    let matrix = cells.filter_map(|one| Some((Some(&one.workload), one.counterexample.as_ref()?)));
    let campaign = report.campaign.iter().flat_map(|campaign| &campaign.rows);
    let campaign = campaign.filter_map(|row| Some((None, row.counterexample.as_ref()?)));
    let mut all = Vec::new();
    for (workload, example) in matrix.chain(campaign) {
        let case = cases::parse(&example.case.json())?;
        let outcome = case.run(None).map_err(cases::failure)?;
        let mut replayed = Replayed::new(&case, &outcome);
        replayed.workload = workload.cloned();
        replayed.as_reported = Some(replayed.broken == example.broken);
        all.push(replayed);
    }
    let changed = all.iter().filter(|replayed| replayed.as_reported == Some(false)).count();
    screen.show(&all, || {
        let mut out = String::new();
        for replayed in &all {
            if replayed.as_reported == Some(false) {
                out += "CHANGED ";
            }
            out += &replayed.text(screen.look.width);
        }
        let total = all.len();
        out + &format!("{} of {total} counterexamples are as reported\n", total - changed)
    })?;
    Ok(match (changed, all.is_empty()) {
        (0, true) => Exit::Clean,
        (0, false) => Exit::Violation,
        _ => Exit::CannotReplay,
    })
}
