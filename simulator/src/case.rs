//! Cases: complete experiments, as JSON for people and as a token for a command line.
//!
//! The one idea: journal, contract, workload and decisions are all there is to a run. A case holds
//! them and nothing else, so it gives the same verdict everywhere.
//!
//! Invariant: no file, clock, environment, thread or hash order can change what a case does.
//! Reading a case from untrusted text never panics and allocates no more than the text's size.
//!
//! What it is not: a result. It says what to run; the verdict is found by running it.

use journal_core::formats::Format;
use serde::{Deserialize, Serialize};

use crate::choose::{Decision, Record, Replay};
use crate::disk::contract::Contract;
use crate::disk::{Fault, Fill};
use crate::journals::{self, Row, Visitor};
use crate::malformed::said;
use crate::oracle::{Oracle, OracleSet};
use crate::run::{Leaf, Run, Setup, SetupError, Watch};
use crate::workload::Workload;

pub(crate) mod token;

pub use token::is_token;

/// Version of the case format.
pub const CASE_VERSION: u32 = 1;

/// A complete experiment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "program", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// Version of this format.
    pub version: u32,
    /// Name of the journal.
    pub journal: String,
    /// What the device may do.
    pub contract: Contract,
    /// Size of the device, bytes.
    pub device_bytes: u64,
    /// What untouched sectors hold.
    pub fill: Fill,
    /// What the journal is asked to do.
    pub workload: Workload,
    /// An operation that fails in the first life.
    pub fault: Option<Fault>,
    /// What the disk answered, by name. What is not listed went undisturbed.
    pub decisions: Vec<Decision>,
}

/// Why a case cannot be run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CaseError {
    /// The text is not a case; with what was wrong and where.
    Malformed(String),
    /// A version that this program does not know: of what, which, and which it knows.
    Version {
        /// A case or a token.
        of: &'static str,
        /// What was found.
        found: u32,
        /// What is read.
        reads: &'static str,
    },
    /// No journal of that name.
    UnknownJournal(String),
    /// It makes no sense.
    Senseless(SetupError),
    /// A recorded decision does not fit what the run asked.
    Mismatch(String),
}

/// The one thing that is the same in all versions.
#[derive(Deserialize)]
struct Versioned {
    version: u32,
}

fn known(version: u32) -> Result<(), CaseError> {
    match version {
        CASE_VERSION => Ok(()),
        found => Err(CaseError::Version { of: "case", found, reads: "version 1" }),
    }
}

impl std::fmt::Display for CaseError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            CaseError::Malformed(what) => write!(f, "not a case: {what}"),
            CaseError::Version { of, found, reads } => {
                write!(f, "{of} version {found}, this program reads {reads}")
            }
            CaseError::UnknownJournal(name) => {
                write!(f, "no journal is named `{name}`; `tornwrite list journals` shows all")
            }
            CaseError::Senseless(why) => write!(f, "the case makes no sense: {why}"),
            CaseError::Mismatch(what) => write!(f, "the case does not replay: {what}"),
        }
    }
}

impl std::error::Error for CaseError {}

/// What came of running a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The leaf.
    pub leaf: Leaf,
    /// The oracles owed.
    pub owed: OracleSet,
}

impl Outcome {
    /// The owed oracles that were violated.
    #[must_use]
    pub fn broken(&self) -> OracleSet {
        self.leaf.violated.and(self.owed)
    }

    /// The first of them, in the order of reports.
    #[must_use]
    pub fn first(&self) -> Option<Oracle> {
        self.broken().iter().next()
    }
}

/// Largest token or case text taken, bytes.
const TEXT_MAX: usize = 64 << 20;

impl Case {
    /// A case without decisions.
    #[must_use]
    pub fn new(journal: &str, setup: &Setup) -> Case {
        Case {
            version: CASE_VERSION,
            journal: journal.to_owned(),
            contract: setup.contract.clone(),
            device_bytes: setup.device_bytes,
            fill: setup.fill,
            workload: setup.workload.clone(),
            fault: setup.fault,
            decisions: Vec::new(),
        }
    }

    /// Its setup.
    #[must_use]
    pub fn setup(&self) -> Setup {
        Setup {
            contract: self.contract.clone(),
            device_bytes: self.device_bytes,
            fill: self.fill,
            workload: self.workload.clone(),
            fault: self.fault,
        }
    }

    /// As one word for a command line: version, base64url of a compact encoding, checksum.
    #[must_use]
    pub fn token(&self) -> String {
        token::write(self)
    }

    /// As JSON, for a file.
    #[must_use]
    pub fn json(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).expect("a case is plain data");
        text.push('\n');
        text
    }

    /// Reads a token or JSON.
    ///
    /// # Errors
    /// [`CaseError::Malformed`] or [`CaseError::Version`].
    pub fn parse(text: &str) -> Result<Case, CaseError> {
        let text = text.trim();
        let malformed = |what: String| CaseError::Malformed(what);
        if text.len() > TEXT_MAX {
            return Err(malformed(format!("{} bytes, at most {TEXT_MAX} are taken", text.len())));
        }
        let case = match token::read(text) {
            Some(read) => read?,
            None => serde_json::from_str(text).map_err(|error| {
                // What a later version has more is no mistake of this one.
                let version = serde_json::from_str(text).map(|Versioned { version }| version);
                let later = version.ok().and_then(|version| known(version).err());
                later.unwrap_or_else(|| malformed(said(&error, "a case")))
            })?,
        };
        known(case.version)?;
        if case.workload.lives.is_empty() {
            return Err(malformed("workload: expected at least one life, found none".to_owned()));
        }
        Ok(case)
    }

    /// Runs it.
    ///
    /// # Errors
    /// When it cannot be run, or its decisions do not fit.
    pub fn run(&self, watch: Option<Watch<'_>>) -> Result<Outcome, CaseError> {
        let visited = journals::visit(&self.journal, RunCase { case: self, watch });
        visited.unwrap_or_else(|| Err(CaseError::UnknownJournal(self.journal.clone())))
    }
}

struct RunCase<'c, 'w> {
    case: &'c Case,
    watch: Option<Watch<'w>>,
}

impl Visitor for RunCase<'_, '_> {
    type Out = Result<Outcome, CaseError>;

    fn visit<J: Format>(self, _: Row, options: J::Options) -> Self::Out {
        run_case::<J>(self.case, &options, self.watch)
    }
}

/// Runs a case on a journal that need not have a name.
///
/// # Errors
/// As [`Case::run`].
pub fn run_case<J: journal_core::Stepwise>(
    case: &Case,
    options: &J::Options,
    mut watch: Option<Watch<'_>>,
) -> Result<Outcome, CaseError> {
    let (mut run, mut journal) =
        Run::<J>::new(options, case.setup()).map_err(CaseError::Senseless)?;
    run.record_with(&mut journal, &mut watch);
    let mut replay = Replay::new(&case.decisions);
    let leaf = run.leaf_watched(&mut replay, watch);
    match replay.mismatch() {
        Some(mismatch) => Err(CaseError::Mismatch(mismatch)),
        None => Ok(Outcome { leaf, owed: run.owed() }),
    }
}

/// The decisions of one leaf, by name, leaving out those that were undisturbed anyway.
pub fn decisions_of<J: journal_core::Stepwise, C: crate::choose::Chooser>(
    run: &mut Run<'_, J>,
    chooser: C,
) -> (Leaf, Vec<Decision>) {
    let mut record = Record::new(chooser);
    // Looking again is not evaluating again.
    let evaluated = run.evaluated;
    let leaf = run.leaf(&mut record);
    run.evaluated = evaluated;
    (leaf, record.decisions)
}
