//! The oracles and what is owed, as rows.
//!
//! The one idea: the table contract x oracle is code (`Oracle::owed`); here it is read out once for
//! every report, with the reasons.
//!
//! Invariant: a claim that is not owed carries the reason why.
//!
//! What it is not: a second opinion on what is owed.

use journal_core::Promises;

use super::model::{OracleRow, OwedRow, Tally};
use crate::disk::contract::Contract;
use crate::oracle::{Evaluated, Oracle};

/// What a journal promises that promises everything.
pub const EVERYTHING: Promises =
    Promises { atomic_groups: true, honesty: true, resynchronises: false, shows_uncommitted: true };

/// All oracles.
#[must_use]
pub fn rows() -> Vec<OracleRow> {
    let row = |oracle: Oracle| OracleRow {
        oracle,
        letter: oracle.letter(),
        claim: oracle.claim().to_owned(),
    };
    Oracle::ALL.into_iter().map(row).collect()
}

/// The table for some devices.
#[must_use]
pub fn owed(contracts: &[Contract]) -> Vec<OwedRow> {
    let rows = contracts.iter().flat_map(|contract| {
        Oracle::ALL.into_iter().map(|oracle| OwedRow {
            device: contract.name.clone(),
            oracle,
            excused: oracle.owed(contract, &EVERYTHING).err().map(str::to_owned),
        })
    });
    rows.collect()
}

/// The figures of all oracles. Without promises (the journal did not run) nothing is excused.
#[must_use]
pub fn tallies(
    contract: &Contract,
    promises: Option<&Promises>,
    evaluated: &Evaluated,
    violations: &[u64; 9],
) -> Vec<Tally> {
    let promises = promises.unwrap_or(&EVERYTHING);
    let tally = |oracle: Oracle| Tally {
        oracle,
        excused: oracle.owed(contract, promises).err().map(str::to_owned),
        evaluated: evaluated.of(oracle),
        violations: violations[oracle as usize],
    };
    Oracle::ALL.into_iter().map(tally).collect()
}
