//! `explain`: the picture of a case, or what an oracle claims.
//!
//! The one idea: one command for "what does this mean", whatever this is.

use serde::Serialize;
use simulator::case::Case;
use simulator::disk::presets;
use simulator::oracle::Oracle;
use simulator::report::model::{Origin, OwedRow};
use simulator::report::text::wrap;
use simulator::report::{Story, emit, oracles, picture, requirement, tell};
use simulator::shrink::blame::blame;
use simulator::shrink::{Budget, shrink};

use super::cases;
use super::exit::{Exit, Failure};
use super::screen::Screen;

/// What to explain.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// A token, a case file, - for stdin, or the name of an oracle
    #[arg(value_name = "CASE|TOKEN|ORACLE|-")]
    what: String,
    /// Print a Rust test instead, which fails as long as the case does
    #[arg(long)]
    emit_test: bool,
}

/// Explains it.
pub fn run(arguments: &Arguments, screen: &Screen) -> Result<Exit, Failure> {
    if arguments.emit_test {
        screen.takes_no_json()?;
    }
    if let Some(oracle) = Oracle::ALL.into_iter().find(|o| o.name() == arguments.what) {
        return claim(oracle, screen);
    }
    let oracles = Oracle::ALL.map(Oracle::name).join(", ");
    let case = cases::given(&arguments.what, &format!(", or a claim ({oracles})"))?;
    if arguments.emit_test && !emit::is_known(&case) {
        screen.write(&emit::unnamed(&case))?;
        return Ok(Exit::Clean);
    }
    let (story, outcome) = tell(&case).map_err(cases::failure)?;
    let mut explained = Explained {
        story,
        requires: Vec::new(),
        smaller: None,
        token: case.token(),
        oracle: None,
        smallest: None,
    };
    if outcome.first().is_some() {
        explained.find_requirement(&case)?;
    }
    if arguments.emit_test {
        return emitted(&case, &explained, screen);
    }
    screen.show(&explained, || explained.text(screen.look.width))?;
    Ok(if explained.story.broken.is_empty() { Exit::Clean } else { Exit::Violation })
}

/// Prints the test of a case, in its smallest form.
fn emitted(case: &Case, explained: &Explained, screen: &Screen) -> Result<Exit, Failure> {
    let Some(oracle) = explained.oracle else {
        let said =
            "explain --emit-test: expected a case that breaks what is owed, found one that holds";
        return Err(Failure::new(Exit::Usage, said));
    };
    let small = explained.smallest.as_ref().unwrap_or(case);
    let story = explained.smaller.as_ref().map_or(&explained.story, |smaller| &smaller.story);
    let mut said = vec![format!("In the case: {}.", story.headline)];
    said.extend(explained.requires.iter().map(|sentence| format!("Required: {sentence}.")));
    screen.write(&emit::named(small, oracle, &said))?;
    Ok(Exit::Violation)
}

/// A case, told.
#[derive(Debug, Serialize)]
struct Explained {
    #[serde(flatten)]
    story: Story,
    /// What would have had to hold, found by experiment on the smallest case at hand.
    requires: Vec<String>,
    /// The same failure in a smaller case, if there is one: what `requires` speaks of.
    #[serde(skip_serializing_if = "Option::is_none")]
    smaller: Option<Smaller>,
    #[serde(skip)]
    token: String,
    /// The oracle that `requires` is about.
    #[serde(skip)]
    oracle: Option<Oracle>,
    #[serde(skip)]
    smallest: Option<Case>,
}

#[derive(Debug, Serialize)]
struct Smaller {
    token: String,
    #[serde(flatten)]
    origin: Origin,
    story: Story,
}

impl Explained {
    fn find_requirement(&mut self, case: &Case) -> Result<(), Failure> {
        let Some(shrunk) = shrink(case, None, Budget::BRISK).map_err(cases::failure)? else {
            return Ok(());
        };
        let (story, _) = tell(&shrunk.case).map_err(cases::failure)?;
        let found = blame(&shrunk.case, shrunk.oracle).map_err(cases::failure)?;
        self.requires = requirement::words(&shrunk.case, &story, shrunk.oracle, &found);
        self.oracle = Some(shrunk.oracle);
        self.smallest = Some(shrunk.case.clone());
        if shrunk.after < shrunk.before {
            let origin = Origin::of(case, &shrunk);
            self.smaller = Some(Smaller { token: shrunk.case.token(), origin, story });
        }
        Ok(())
    }

    fn text(&self, width: usize) -> String {
        let mut out = picture::draw(&self.story, width);
        if let Some(smaller) = &self.smaller {
            out += "\nThe same failure in a smaller case:\n\n";
            out += &picture::draw(&smaller.story, width);
            out += &picture::shrunk(Some(&smaller.origin), width);
        }
        if !self.requires.is_empty() {
            out.push('\n');
        }
        for sentence in &self.requires {
            out += &wrap("  requires ", sentence, width);
        }
        out += &format!("\n  replay   tornwrite replay {}\n", self.token);
        if let Some(smaller) = &self.smaller {
            out += &format!("  smaller  tornwrite replay {}\n", smaller.token);
        }
        out
    }
}

/// What an oracle claims, and on which devices a journal that promises it is held to it.
#[derive(Debug, Serialize)]
struct Claim {
    oracle: Oracle,
    letter: char,
    claim: &'static str,
    owed: Vec<OwedRow>,
}

fn claim(oracle: Oracle, screen: &Screen) -> Result<Exit, Failure> {
    let contracts: Vec<_> = presets::all().into_iter().map(|preset| preset.contract).collect();
    let mut owed = oracles::owed(&contracts);
    owed.retain(|row| row.oracle == oracle);
    let claim = Claim { oracle, letter: oracle.letter(), claim: oracle.claim(), owed };
    screen.show(&claim, || {
        let width = screen.look.width;
        let mut out =
            wrap(&format!("{} ({})   ", oracle.name(), oracle.letter()), oracle.claim(), width);
        out += "\nOwed by a journal that promises it, on these devices:\n";
        for row in &claim.owed {
            let why =
                row.excused.as_deref().map_or("owed".to_owned(), |why| format!("not owed: {why}"));
            out += &wrap(&format!("  {:<22} ", row.device), &why, width);
        }
        out
    })?;
    Ok(Exit::Clean)
}
