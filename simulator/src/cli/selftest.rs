//! `selftest`: whether the program can still see.
//!
//! The one idea: the flawed journals of the corpus must be caught, by the oracle that names the
//! flaw, and the sound ones must be silent.
//!
//! Invariant: what is wrong here is wrong with the program, and its exit code says so.

use serde::Serialize;
use simulator::explore::Verdict;
use simulator::oracle::Oracle;
use simulator::report::text::{grouped, wrap};
use simulator::selftest::{self, Checked, Expect};

use super::Common;
use super::exit::{Exit, Failure};
use super::screen::Screen;

/// What to check.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Only cases whose name contains this
    #[arg(default_value = "")]
    only: String,
}

/// What came of a case.
#[derive(Debug, Serialize)]
struct Row {
    name: &'static str,
    journal: String,
    device: String,
    expected: Expect,
    found: Vec<Oracle>,
    verdict: Option<Verdict>,
    leaves: u64,
    /// What is wrong, if anything is.
    wrong: Option<String>,
}

impl Row {
    fn new(checked: &Checked) -> Row {
        Row {
            name: checked.name,
            journal: checked.journal.clone(),
            device: checked.device.clone(),
            expected: checked.expect.clone(),
            found: checked.found.iter().collect(),
            verdict: checked.verdict,
            leaves: checked.leaves,
            wrong: checked.wrong.clone(),
        }
    }

    fn text(&self, width: usize) -> String {
        let found: Vec<&str> = self.found.iter().map(|oracle| oracle.name()).collect();
        let found = match found.is_empty() {
            true => "silent".to_owned(),
            false => format!("caught by {}", found.join(", ")),
        };
        let text = match &self.wrong {
            None => format!("{found} ({} crash states)", grouped(self.leaves)),
            Some(wrong) => format!("WRONG: {wrong}"),
        };
        let sign = if self.wrong.is_none() { '+' } else { 'x' };
        wrap(&format!("  {sign} {:<34} ", self.name), &text, width)
    }
}

/// Checks.
pub fn run(arguments: &Arguments, common: &Common, screen: &Screen) -> Result<Exit, Failure> {
    let pool = common.pool()?;
    let report = pool.install(|| selftest::run(&arguments.only));
    let rows: Vec<Row> = report.checked.iter().map(Row::new).collect();
    if rows.is_empty() {
        let said = format!("selftest: no case is named like `{}`", arguments.only);
        return Err(Failure::new(Exit::Usage, said));
    }
    screen.show(&rows, || {
        let mut out: String = rows.iter().map(|row| row.text(screen.look.width)).collect();
        let wrong = rows.iter().filter(|row| row.wrong.is_some()).count();
        out += &match wrong {
            0 => format!("\n{} cases, all as they must be\n", rows.len()),
            wrong => {
                format!("\n{wrong} of {} cases WRONG: do not trust this program\n", rows.len())
            }
        };
        out
    })?;
    Ok(if report.passed() { Exit::Clean } else { Exit::Ours })
}
