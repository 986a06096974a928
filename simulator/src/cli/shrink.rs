//! `shrink`: a smaller case that fails in the same way.
//!
//! The one idea: what comes out is a case like any other, as a token and, where asked, as a file; the
//! case that went in is named beside it.
//!
//! Invariant: same case, same bound, same bytes on stdout. A case that breaks nothing is no error:
//! there is nothing to shrink, and the exit code is that of a case that holds.

use std::fs;
use std::path::PathBuf;

use clap::builder::PossibleValuesParser;
use serde::Serialize;
use simulator::case::Case;
use simulator::oracle::Oracle;
use simulator::report::model::{Counterexample, Origin};
use simulator::report::text::{grouped, wrap};
use simulator::report::{Story, picture, tell};
use simulator::shrink::{Budget, Measure, Shrunk, shrink, shrink_beside};

use super::cases;
use super::exit::{Exit, Failure};
use super::screen::Screen;

/// What to shrink.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// A token, a case file, or - for stdin
    #[arg(value_name = "CASE|TOKEN|-")]
    what: String,
    /// The oracle to keep broken [default: the worst that the case breaks]
    #[arg(long, value_name = "ORACLE", value_parser = oracles())]
    oracle: Option<String>,
    /// Leaves visited at most, over all smaller scripts
    #[arg(long, value_name = "N", default_value_t = Budget::PATIENT.total, alias = "leaves-max")]
    max_leaves: u64,
    /// Write the smaller case to this file as well
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

fn oracles() -> PossibleValuesParser {
    PossibleValuesParser::new(Oracle::ALL.map(Oracle::name))
}

/// The facts, for programs.
#[derive(Debug, Serialize)]
struct Facts<'s> {
    /// The smaller case.
    token: String,
    case: &'s Case,
    /// Where it came from.
    shrunk_from: String,
    /// The oracle that was kept broken.
    oracle: Oracle,
    /// All that are owed and broken now.
    broken: Vec<Oracle>,
    before: &'s Measure,
    after: &'s Measure,
    /// Whether fewer deviations are ruled out for this script.
    fewest_deviations: bool,
    /// Whether, with as few deviations, less damage and an earlier cut are ruled out.
    least_damage: bool,
    /// Whether the bound ended the search for smaller scripts.
    out_of_leaves: bool,
    leaves: u64,
    story: &'s Story,
}

/// Shrinks it.
pub fn run(arguments: &Arguments, screen: &Screen) -> Result<Exit, Failure> {
    let case = cases::given(&arguments.what, "")?;
    let keep = Oracle::ALL.into_iter().find(|o| Some(o.name()) == arguments.oracle.as_deref());
    let budget = Budget { total: arguments.max_leaves, ..Budget::PATIENT };
    let Some(shrunk) = shrink(&case, keep, budget).map_err(cases::failure)? else {
        return nothing_to_shrink(&case, keep, screen);
    };
    let (story, _) = tell(&shrunk.case).map_err(cases::failure)?;
    if let Some(path) = &arguments.out {
        fs::write(path, shrunk.case.json()).map_err(|error| {
            Failure::new(Exit::Io, format!("cannot write {}: {error}", path.display()))
        })?;
    }
    let facts = Facts {
        token: shrunk.case.token(),
        case: &shrunk.case,
        shrunk_from: case.token(),
        oracle: shrunk.oracle,
        broken: shrunk.broken.iter().collect(),
        before: &shrunk.before,
        after: &shrunk.after,
        fewest_deviations: shrunk.fewest,
        least_damage: shrunk.least,
        out_of_leaves: shrunk.out_of_leaves,
        leaves: shrunk.leaves,
        story: &story,
    };
    screen.show(&facts, || text(&case, &shrunk, &facts, screen.look.width))?;
    Ok(Exit::Violation)
}

/// Makes the counterexamples of a journal on a device smaller before they are shown. Many fail for one
/// reason: where the result of one will do for another, it is shown for both. One that cannot be shrunk
/// stays as it is.
pub fn shown<'c>(found: impl Iterator<Item = &'c mut Counterexample>, budget: Budget) {
    let mut known = Vec::new();
    for found in found {
        if let Ok(Some(smaller)) = shrink_beside(&found.case, None, budget, &known) {
            let from = found.case.clone();
            found.show_smaller(&smaller);
            known.push((from, smaller));
        }
    }
}

fn nothing_to_shrink(case: &Case, keep: Option<Oracle>, screen: &Screen) -> Result<Exit, Failure> {
    let (story, outcome) = tell(case).map_err(cases::failure)?;
    if let (Some(oracle), Some(first)) = (keep, outcome.first()) {
        let said = format!(
            "shrink: expected a case that breaks {}, found one that breaks {}",
            oracle.name(),
            first.name()
        );
        return Err(Failure::new(Exit::Usage, said));
    }
    screen.show(&story, || picture::draw(&story, screen.look.width))?;
    Ok(Exit::Clean)
}

fn text(case: &Case, shrunk: &Shrunk, facts: &Facts<'_>, width: usize) -> String {
    let origin = Origin::of(case, shrunk);
    let mut out = picture::draw(facts.story, width);
    out.push('\n');
    out += &match shrunk.after < shrunk.before {
        true => picture::shrunk(Some(&origin), width),
        false => "  shrunk   not at all: nothing smaller was found\n".to_owned(),
    };
    let mut known = match (shrunk.fewest, shrunk.least) {
        (true, true) => {
            "no crash state of this script fails so with fewer deviations, nor with as \
                         few and less damage or an earlier cut"
                .to_owned()
        }
        (true, false) => "no crash state of this script fails so with fewer deviations".to_owned(),
        (false, _) => "fewer deviations are not ruled out".to_owned(),
    };
    if shrunk.out_of_leaves {
        known += "; the bound ended the search for smaller scripts";
    }
    out += &wrap("           ", &format!("{known} ({} leaves)", grouped(shrunk.leaves)), width);
    out += &format!("  replay   tornwrite replay {}\n", facts.token);
    out += &format!("  explain  tornwrite explain {}\n", facts.token);
    out
}
