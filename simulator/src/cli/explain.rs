//! `explain`: the picture of a case, or what an oracle claims.
//!
//! The one idea: one command for "what does this mean", whatever this is.

use simulator::disk::presets;
use simulator::oracle::Oracle;
use simulator::report::oracles;
use simulator::report::text::wrap;
use simulator::report::{picture, tell};

use super::cases;
use super::exit::{Exit, Failure};
use super::screen::Screen;

/// What to explain.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// A token, a case file, - for stdin, or the name of an oracle
    #[arg(value_name = "CASE|TOKEN|ORACLE|-")]
    what: String,
}

/// Explains it.
pub fn run(arguments: &Arguments, screen: &Screen) -> Result<Exit, Failure> {
    if let Some(oracle) = Oracle::ALL.into_iter().find(|o| o.name() == arguments.what) {
        return claim(oracle, screen);
    }
    let case = cases::parse(&cases::text(&arguments.what)?)?;
    let (story, _) = tell(&case).map_err(cases::failure)?;
    screen.show(&story, || {
        let mut out = picture::draw(&story, screen.look.width);
        out += &format!("\n  replay   tornwrite replay {}\n", case.token());
        out
    })?;
    Ok(if story.broken.is_empty() { Exit::Clean } else { Exit::Violation })
}

fn claim(oracle: Oracle, screen: &Screen) -> Result<Exit, Failure> {
    let contracts: Vec<_> = presets::all().into_iter().map(|preset| preset.contract).collect();
    let mut rows = oracles::owed(&contracts);
    rows.retain(|row| row.oracle == oracle);
    screen.show(&rows, || {
        let width = screen.look.width;
        let mut out =
            wrap(&format!("{} ({})   ", oracle.name(), oracle.letter()), oracle.claim(), width);
        out += "\nOwed by a journal that promises it, on these devices:\n";
        for row in &rows {
            let why =
                row.excused.as_deref().map_or("owed".to_owned(), |why| format!("not owed: {why}"));
            out += &wrap(&format!("  {:<22} ", row.device), &why, width);
        }
        out
    })?;
    Ok(Exit::Clean)
}
