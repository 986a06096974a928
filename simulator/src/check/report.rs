//! What a check found: a table, and for each failure its picture and token.
//!
//! The one idea: the same value serves a test that panics and a program that prints.
//!
//! Invariant: a check passes only if every asserted cell is proven, or was ended by its bound
//! without a violation. A cell that could not be measured fails.
//!
//! What it is not: the project's report. It is text for a terminal.

use std::fmt;

use crate::case::Outcome;
use crate::explore::{Cell, Verdict};
use crate::oracle::{Oracle, OracleSet};

/// One device, one experiment.
#[derive(Clone, Debug)]
pub struct Row {
    /// Name of the device.
    pub device: String,
    /// Name of the experiment.
    pub experiment: String,
    /// Whether the check fails if this does.
    pub asserted: bool,
    /// What was found, with the counterexample, if any, cut down to the decisions that matter.
    pub cell: Cell,
    /// Leaves drawn at random after the bound ended the visit.
    pub samples: u64,
    /// What the counterexample breaks of what is owed.
    pub broken: OracleSet,
    /// The picture of the counterexample.
    pub picture: Option<String>,
}

impl Row {
    /// Whether nothing is wrong here.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        matches!(self.cell.verdict, Verdict::Proven | Verdict::Bounded)
    }

    /// The oracle that names the failure, the first in the order of reports.
    #[must_use]
    pub fn oracle(&self) -> Option<Oracle> {
        self.broken.iter().next()
    }

    fn findings(&self) -> String {
        let leaves = self.cell.explored.leaves;
        let why = self.cell.why.as_deref().unwrap_or("");
        let owed = match self.cell.owed.contains(Oracle::Durability) {
            true => "",
            false => "; durability is not owed here",
        };
        match (self.cell.verdict, self.samples) {
            (Verdict::Proven, _) if self.cell.explored.modulo_collisions => {
                format!("all {leaves} leaves, modulo checksum collisions{owed}")
            }
            (Verdict::Proven, _) => format!("all {leaves} leaves{owed}"),
            (Verdict::Bounded, 0) => format!("{leaves} leaves, not all"),
            (Verdict::Bounded, drawn) => {
                // The rule of three: none of n bounds the share by 3/n at 95 %.
                let one_in = (drawn / 3).max(1);
                format!(
                    "{leaves} leaves, not all; of {drawn} more drawn at random none failed \
                     (fewer than 1 in {one_in} draws, at 95 %){owed}"
                )
            }
            (Verdict::Refuted, 0) => format!("{why}, in leaf {leaves}"),
            (Verdict::Refuted, drawn) => format!("{why}, in draw {drawn} after {leaves} leaves"),
            _ => why.to_owned(),
        }
    }
}

/// The outcome of a check. `Display` is a table.
#[derive(Clone, Debug)]
pub struct CheckReport {
    /// Name of the journal.
    pub name: String,
    /// The cells.
    pub rows: Vec<Row>,
}

impl CheckReport {
    /// The asserted cells that are not clean.
    pub fn failures(&self) -> impl Iterator<Item = &Row> {
        self.rows.iter().filter(|row| row.asserted && !row.is_clean())
    }

    /// Whether every asserted cell is clean, and there is one.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.rows.iter().any(|row| row.asserted) && self.failures().next().is_none()
    }

    /// The cells of a device.
    pub fn on(&self, device: &str) -> impl Iterator<Item = &Row> {
        self.rows.iter().filter(move |row| row.device == device)
    }

    /// The first failure as a person meets it: verdict, picture, how to see it again.
    #[must_use]
    pub fn explain(&self) -> Option<String> {
        self.failures().next().map(|row| self.explain_row(row))
    }

    fn explain_row(&self, row: &Row) -> String {
        let Row { device, experiment, cell, .. } = row;
        let name = &self.name;
        let Some(case) = &cell.counterexample else {
            let (verdict, why) = (cell.verdict.name(), cell.why.as_deref().unwrap_or(""));
            return format!("{verdict}   {name} on {device}, {experiment}: {why}\n");
        };
        let picture = row.picture.as_deref().unwrap_or("");
        let why = cell.why.as_deref().unwrap_or("");
        let claim = row.oracle().map_or("", Oracle::claim);
        format!(
            "FAIL {why}   {name} on {device}, {experiment}\n     broken: {claim}\n\n{picture}\n  \
             replay   in a test, on the same check: .replay(\"{}\")\n",
            case.token()
        )
    }

    /// Panics unless the check passed.
    ///
    /// # Panics
    /// With the first failure and the table.
    pub fn assert(&self) {
        if let Some(failure) = self.explain() {
            panic!("\n{failure}\n{self}");
        }
        assert!(self.passed(), "nothing was asserted:\n{self}");
    }
}

impl fmt::Display for CheckReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{}: a leaf is a class of crash states that recovery cannot tell apart",
            self.name
        )?;
        let width = |of: &dyn Fn(&Row) -> usize| self.rows.iter().map(of).max().unwrap_or(0);
        let (device, experiment) = (width(&|r| r.device.len()), width(&|r| r.experiment.len()));
        let mut last = "";
        for row in &self.rows {
            let same = std::mem::replace(&mut last, &row.device) == row.device;
            let (shown, standing) = match (same, row.asserted) {
                (true, _) => ("", ""),
                (false, true) => (row.device.as_str(), "asserted"),
                (false, false) => (row.device.as_str(), "reported"),
            };
            writeln!(
                f,
                "  {shown:device$}  {standing:8}  {:experiment$}  {:12}  {}",
                row.experiment,
                row.cell.verdict.name(),
                row.findings()
            )?;
        }
        Ok(())
    }
}

/// A case that was run again. `Display` is its picture.
#[derive(Clone, Debug)]
pub struct Replayed {
    /// What was broken.
    pub outcome: Outcome,
    /// The picture.
    pub picture: String,
}

impl fmt::Display for Replayed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.outcome.first() {
            Some(oracle) => writeln!(f, "FAIL {}: {}\n", oracle.name(), oracle.claim())?,
            None => writeln!(f, "holds: this case breaks nothing\n")?,
        }
        f.write_str(&self.picture)
    }
}
