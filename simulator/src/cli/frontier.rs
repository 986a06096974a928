//! `frontier`: what a journal silently assumes of its device.
//!
//! The one idea: one survey for each journal and geometry, independent of each other, on as many
//! threads as there are.
//!
//! Invariant: the same bytes on any number of threads.

use rayon::prelude::*;
use simulator::explore::frontier::lattice::BASES;
use simulator::explore::frontier::{Effort, Survey, survey};
use simulator::journals::Family;
use simulator::report::frontier;
use simulator::report::model::JournalRow;
use simulator::report::text::{grouped, wrap};

use super::exit::{Exit, Failure};
use super::screen::{Progress, Screen};
use super::{Common, compare, list, signal};

/// What to survey.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Journals: names of `list journals`, or strategies by their five answers (`list strategies`)
    /// [default: all but twins]
    #[arg(long, value_name = "NAME", num_args = 1.., value_parser = super::journal_names())]
    journal: Vec<String>,
    /// Leaves visited at most on each contract; one that needs more is told, and counts as broken
    #[arg(long, value_name = "N", default_value_t = Effort::default().leaves_max, alias = "max-leaves")]
    #[arg(value_parser = clap::value_parser!(u64).range(1..))]
    leaves_max: u64,
}

/// Surveys.
pub fn run(arguments: &Arguments, common: &Common, screen: &Screen) -> Result<Exit, Failure> {
    signal::listen();
    let no_twins = |row: &JournalRow| row.family != Family::Twin;
    let rows = list::journal_rows_with(&arguments.journal);
    let journals = compare::chosen(rows, &arguments.journal, |row| &row.name, no_twins);
    let effort = Effort { leaves_max: arguments.leaves_max, ..Effort::default() };
    let found = common.pool()?.install(|| surveys(&journals, effort));
    screen.show(&found, || {
        head(effort, screen.look.width) + &frontier::draw(&found, screen.look.width)
    })?;
    let complete = found.iter().flat_map(|survey| &survey.claims).all(|claim| claim.complete);
    Ok(match complete {
        _ if signal::stopped() => Exit::Interrupted,
        true => Exit::Clean,
        false => Exit::Inconclusive,
    })
}

/// What is shown first: what the lines mean.
fn head(effort: Effort, width: usize) -> String {
    let text = format!(
        "the most hostile devices that a journal survives, and what breaks one step beyond; at most {} leaves \
         on each. `never with` is what no device may do, whatever else it does. What is not owed beyond is \
         lost there without a fault of the journal: its token replays as a case that holds. Tokens stand at \
         the end, by number",
        grouped(effort.leaves_max)
    );
    wrap("tornwrite frontier   ", &text, width) + "\n"
}

/// A survey for each journal and geometry, in order. An interrupt leaves out what was not begun.
pub fn surveys(journals: &[JournalRow], effort: Effort) -> Vec<Survey> {
    let pairs: Vec<_> =
        journals.iter().flat_map(|row| BASES.map(|base| (row.name.as_str(), base))).collect();
    let progress = Progress::new("surveys", Some(pairs.len() as u64));
    let surveyed = |&(journal, base): &(&str, _)| {
        if signal::stopped() {
            return None;
        }
        let found = survey(journal, base, effort);
        progress.one_more();
        found
    };
    pairs.par_iter().with_max_len(1).filter_map(surveyed).collect()
}
