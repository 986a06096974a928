//! What a self-test saw, as data.
//!
//! The one idea: whoever runs the self-test from a program reads it as a report is read: by a version and a
//! schema.
//!
//! Invariant: case by case, in the order of the corpus; the same program gives the same bytes.
//!
//! What it is not: a report of journals. What is wrong here is wrong with the program.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::model::Tool;
use crate::explore::Verdict;
use crate::oracle::Oracle;
use crate::selftest::{Checked, Expect};

/// Version of the form. It grows when a reader of the old one would be misled.
pub const SELFTEST_VERSION: u32 = 1;

/// A self-test.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Selftest {
    /// Version of this form.
    pub selftest_version: u32,
    /// The program.
    pub tool: Tool,
    /// Whether every case came as it must.
    pub passed: bool,
    /// Case by case.
    pub cases: Vec<Seen>,
}

/// What came of a case.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Seen {
    /// Its file below `corpus/cases`, without `.json`.
    pub name: String,
    /// The journal.
    pub journal: String,
    /// The device.
    pub device: String,
    /// What had to come.
    pub expected: Expect,
    /// The owed oracles that tripped.
    pub found: Vec<Oracle>,
    /// The verdict; none for an exact replay.
    pub verdict: Option<Verdict>,
    /// Crash states visited.
    pub leaves: u64,
    /// What is wrong, if anything is.
    pub wrong: Option<String>,
}

impl Selftest {
    /// What was seen, case by case.
    #[must_use]
    pub fn of(checked: &[Checked]) -> Selftest {
        let seen = |checked: &Checked| Seen {
            name: checked.name.to_owned(),
            journal: checked.journal.clone(),
            device: checked.device.clone(),
            expected: checked.expect.clone(),
            found: checked.found.iter().collect(),
            verdict: checked.verdict,
            leaves: checked.leaves,
            wrong: checked.wrong.clone(),
        };
        let cases: Vec<Seen> = checked.iter().map(seen).collect();
        Selftest {
            selftest_version: SELFTEST_VERSION,
            tool: Tool::this(),
            passed: cases.iter().all(|case| case.wrong.is_none()),
            cases,
        }
    }
}
