//! The self-test: whether this program sees what it must see, and is silent where it must be.
//!
//! The one idea: `corpus/cases` is compiled in. Each flawed case names the oracle that must trip,
//! each sound one must be PROVEN and silent; a flaw that goes unseen or a sound twin that makes
//! noise fails the program and not the journal.
//!
//! Invariant: the result depends on the cases alone, not on threads, clock or directory; results
//! come in the order of the cases.
//!
//! What it is not: a measure of any journal but the twins and the RFC's.

mod embedded;
pub mod experiments;
pub mod failures;

use rayon::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::case::Case;
use crate::disk::contract::Contract;
use crate::disk::presets;
use crate::explore::{Bounds, Verdict, prove};
use crate::malformed;
use crate::oracle::{Oracle, OracleSet};
use crate::run::Setup;
use crate::twins::Flaw;

pub use embedded::CASES;

/// What must come of a case.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Expect {
    /// Nothing trips; without decisions: every crash state is covered.
    Silent,
    /// An owed oracle trips.
    Trips {
        /// The one that names the flaw.
        oracle: Oracle,
        /// Exactly these trip as well.
        also: Vec<Oracle>,
    },
    /// No oracle trips, and the verdict is this one.
    Says(Verdict),
}

/// A file of `corpus/cases`: a case and what must come of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expectation {
    /// What this is about, in a line or two.
    pub about: String,
    /// The most leaves to visit, if the case holds no decisions.
    pub leaves_max: u64,
    /// What must come of it.
    pub expect: Expect,
    /// The experiment. With decisions: exactly this crash state. Without: all of them.
    pub case: Case,
}

impl Expectation {
    /// Reads a file of the corpus.
    ///
    /// # Errors
    /// What is wrong with it, and where.
    pub fn parse(text: &str) -> Result<Expectation, String> {
        let read: Expectation = malformed::read(text, "a file of corpus/cases")?;
        // Version and shape of the case are its own to judge.
        Case::parse(&read.case.json()).map_err(|e| e.to_string())?;
        Ok(read)
    }

    /// As a file of the corpus.
    #[must_use]
    pub fn json(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).expect("plain data");
        text.push('\n');
        text
    }

    /// Whether it is an exact replay.
    #[must_use]
    pub fn is_replay(&self) -> bool {
        !self.case.decisions.is_empty()
    }

    /// The oracles that must trip.
    #[must_use]
    pub fn must_trip(&self) -> OracleSet {
        match &self.expect {
            Expect::Trips { oracle, also } => also.iter().copied().chain([*oracle]).collect(),
            Expect::Silent | Expect::Says(_) => OracleSet::default(),
        }
    }
}

/// What came of a case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checked {
    /// Name of the case: its file below `corpus/cases`, without `.json`.
    pub name: &'static str,
    /// The journal.
    pub journal: String,
    /// The device.
    pub device: String,
    /// What had to come.
    pub expect: Expect,
    /// The owed oracles that tripped.
    pub found: OracleSet,
    /// The verdict; none for an exact replay.
    pub verdict: Option<Verdict>,
    /// Crash states visited.
    pub leaves: u64,
    /// What is wrong, if anything is.
    pub wrong: Option<String>,
}

/// The result of a self-test.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SelftestReport {
    /// Case by case, in order.
    pub checked: Vec<Checked>,
}

impl SelftestReport {
    /// Whether everything came as it must, and there was something.
    #[must_use]
    pub fn passed(&self) -> bool {
        !self.checked.is_empty() && self.failures().next().is_none()
    }

    /// What did not come as it must.
    pub fn failures(&self) -> impl Iterator<Item = &Checked> {
        self.checked.iter().filter(|checked| checked.wrong.is_some())
    }
}

/// Runs the cases whose name contains `only`, all of them with an empty one.
#[must_use]
pub fn run(only: &str) -> SelftestReport {
    let chosen: Vec<_> = CASES.iter().filter(|case| case.0.contains(only)).collect();
    let checked = chosen.par_iter().map(|&&(name, text)| check(name, text)).collect();
    SelftestReport { checked }
}

/// Runs one file.
#[must_use]
pub fn check(name: &'static str, text: &str) -> Checked {
    let mut checked = Checked {
        name,
        journal: String::new(),
        device: String::new(),
        expect: Expect::Silent,
        found: OracleSet::default(),
        verdict: None,
        leaves: 0,
        wrong: None,
    };
    let expectation = match Expectation::parse(text) {
        Ok(expectation) => expectation,
        Err(why) => return Checked { wrong: Some(why), ..checked },
    };
    checked.journal.clone_from(&expectation.case.journal);
    checked.device.clone_from(&expectation.case.contract.name);
    checked.expect = expectation.expect.clone();
    checked.wrong = match find(&expectation, &mut checked) {
        Ok(()) => differs(&expectation, &checked),
        Err(why) => Some(why),
    };
    checked
}

fn find(expectation: &Expectation, into: &mut Checked) -> Result<(), String> {
    let case = &expectation.case;
    if expectation.is_replay() {
        let outcome = case.run(None).map_err(|e| e.to_string())?;
        (into.found, into.leaves) = (outcome.broken(), 1);
        return Ok(());
    }
    let bounds =
        Bounds { leaves_max: expectation.leaves_max, first_only: false, ..Bounds::default() };
    let cell = prove(&case.journal, &case.setup(), bounds)
        .ok_or_else(|| format!("no journal is named `{}`", case.journal))?;
    into.found = tripped(&cell.explored.violations, cell.owed);
    into.leaves = cell.explored.leaves;
    into.verdict = Some(cell.verdict);
    Ok(())
}

fn tripped(violations: &[u64; 9], owed: OracleSet) -> OracleSet {
    Oracle::ALL.into_iter().filter(|&o| owed.contains(o) && violations[o as usize] > 0).collect()
}

fn names(set: OracleSet) -> String {
    match set.iter().map(Oracle::name).collect::<Vec<_>>() {
        none if none.is_empty() => "silence".to_owned(),
        some => some.join(", "),
    }
}

fn differs(expectation: &Expectation, checked: &Checked) -> Option<String> {
    let want = expectation.must_trip();
    if want != checked.found {
        return Some(format!("expected {}, found {}", names(want), names(checked.found)));
    }
    let want = match &expectation.expect {
        Expect::Silent => Verdict::Proven,
        Expect::Trips { .. } => Verdict::Refuted,
        Expect::Says(verdict) => *verdict,
    };
    match checked.verdict {
        Some(verdict) if verdict != want => {
            Some(format!("expected {}, found {}", want.name(), verdict.name()))
        }
        _ => None,
    }
}

/// One field of the detection matrix: what the oracles say of a flaw on a device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Detection {
    /// The flaw.
    pub flaw: Flaw,
    /// The device.
    pub device: String,
    /// Whether this is the device of the flaw's own case.
    pub own: bool,
    /// The owed oracles that tripped.
    pub caught_by: OracleSet,
    /// The verdict.
    pub verdict: Verdict,
    /// Crash states visited.
    pub leaves: u64,
}

/// Crash states visited at most for a field of the matrix.
const MATRIX_LEAVES_MAX: u64 = 20_000;

/// The detection matrix: each flaw's script on the device of its own case and on every everyday preset. A
/// flaw that a device never brings out is no gap; that its own device does is what [`run`] checks.
#[must_use]
pub fn matrix() -> Vec<Detection> {
    let presets: Vec<Contract> = presets::everyday().into_iter().map(|p| p.contract).collect();
    let fields = Flaw::ALL.par_iter().flat_map_iter(|&flaw| {
        let setup = flaw.experiment().setup;
        let own = setup.contract.clone();
        let others = presets.iter().filter(|c| c.name != own.name).cloned().collect::<Vec<_>>();
        [own.clone()].into_iter().chain(others).map(move |contract| {
            let units = setup.device_bytes / u64::from(setup.contract.physical_bytes);
            let device_bytes = units * u64::from(contract.physical_bytes);
            let own = contract.name == own.name;
            detect(flaw, Setup { contract, device_bytes, ..setup.clone() }, own)
        })
    });
    fields.collect()
}

fn detect(flaw: Flaw, setup: Setup, own: bool) -> Detection {
    let bounds = Bounds { leaves_max: MATRIX_LEAVES_MAX, first_only: false, ..Bounds::default() };
    let cell = prove(flaw.name(), &setup, bounds).expect("every flaw is in the list of journals");
    Detection {
        flaw,
        device: setup.contract.name,
        own,
        caught_by: tripped(&cell.explored.violations, cell.owed),
        verdict: cell.verdict,
        leaves: cell.explored.leaves,
    }
}
