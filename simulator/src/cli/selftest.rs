//! `selftest`: whether the program can still see.
//!
//! The one idea: the flawed journals of the corpus must be caught, by the oracle that names the
//! flaw, and the sound ones must be silent.
//!
//! Invariant: what is wrong here is wrong with the program, and its exit code says so.

use simulator::report::seen::{Seen, Selftest};
use simulator::report::text::{grouped, wrap};
use simulator::selftest;

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

/// A case in a line.
fn text(case: &Seen, width: usize) -> String {
    let found: Vec<&str> = case.found.iter().map(|oracle| oracle.name()).collect();
    let found = match found.is_empty() {
        true => "silent".to_owned(),
        false => format!("caught by {}", found.join(", ")),
    };
    let text = match &case.wrong {
        None => format!("{found} ({} crash states)", grouped(case.leaves)),
        Some(wrong) => format!("WRONG: {wrong}"),
    };
    let sign = if case.wrong.is_none() { '+' } else { 'x' };
    wrap(&format!("  {sign} {:<34} ", case.name), &text, width)
}

/// Checks.
pub fn run(arguments: &Arguments, common: &Common, screen: &Screen) -> Result<Exit, Failure> {
    let pool = common.pool()?;
    let checked = pool.install(|| selftest::run(&arguments.only)).checked;
    let report = Selftest::of(&checked);
    let cases = &report.cases;
    if cases.is_empty() {
        let said = format!("selftest: no case is named like `{}`", arguments.only);
        return Err(Failure::new(Exit::Usage, said));
    }
    screen.show(&report, || {
        let mut out: String = cases.iter().map(|case| text(case, screen.look.width)).collect();
        let wrong = cases.iter().filter(|case| case.wrong.is_some()).count();
        out += &match wrong {
            0 => format!("\n{} cases, all as they must be\n", cases.len()),
            wrong => {
                format!("\n{wrong} of {} cases WRONG: do not trust this program\n", cases.len())
            }
        };
        out
    })?;
    Ok(if report.passed { Exit::Clean } else { Exit::Ours })
}
