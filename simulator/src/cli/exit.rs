//! Exit codes: how a run ended, for scripts.
//!
//! The one idea: finding a violation is success of the tool, so it has a code of its own, apart
//! from every way in which the tool could not do its work.
//!
//! Invariant: a number, once published, keeps its meaning.

use simulator::workload::from_file::FromFileError;

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Done, and nothing that was asked about is violated.
    Clean = 0,
    /// A violation was found: the tool worked.
    Violation = 1,
    /// The arguments make no sense. (What clap refuses ends with the same code.)
    Usage = 2,
    /// Inconclusive: the bound came first, an oracle was never evaluated, the control found nothing.
    Inconclusive = 3,
    /// The case cannot be replayed by this program.
    CannotReplay = 4,
    /// A journal that is not deterministic.
    Nondeterminism = 5,
    /// A data file is malformed.
    BadData = 65,
    /// Our own bug.
    Ours = 70,
    /// The machine: files, disk space.
    Io = 74,
    /// Interrupted; what was found so far is reported.
    Interrupted = 130,
}

/// The exit codes, for the help.
pub const HELP: &str = "\
Exit codes: 0 clean, 1 violation found (the tool worked), 2 usage, 3 inconclusive or hollow,
4 a case cannot be replayed, 5 nondeterminism, 65 bad data file, 70 our bug, 74 I/O,
130 interrupted (a partial report is written)";

/// Why a command could not do its work.
#[derive(Debug)]
pub struct Failure {
    /// How it ends.
    pub exit: Exit,
    /// In words: expected, found, where.
    pub said: String,
}

impl Failure {
    /// A failure in words.
    pub fn new(exit: Exit, said: impl Into<String>) -> Failure {
        Failure { exit, said: said.into() }
    }
}

impl From<simulator::report::json::FileError> for Failure {
    fn from(error: simulator::report::json::FileError) -> Failure {
        let exit = match error {
            simulator::report::json::FileError::Io { .. } => Exit::Io,
            simulator::report::json::FileError::Malformed { .. } => Exit::BadData,
        };
        Failure::new(exit, error.to_string())
    }
}

impl From<FromFileError> for Failure {
    fn from(error: FromFileError) -> Failure {
        let exit = match error {
            FromFileError::Io { .. } => Exit::Io,
            FromFileError::Empty(_) | FromFileError::TooFew { .. } => Exit::BadData,
        };
        Failure::new(exit, error.to_string())
    }
}
