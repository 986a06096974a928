//! The grid: one question, asked of many strategies on every device.
//!
//! The one idea: what is compared must be asked alike. The workload and the bounds are the same for
//! all, so two strategies that differ in one answer are an experiment about
//! that answer.
//!
//! Invariant: a cell follows from its strategy and its device alone. It is PROVEN or REFUTED, SENSELESS
//! where the strategy does not fit the device, and BOUNDED where the bound ended the search: so far on
//! `ssd-zheng-hostile` alone, where any bit may flip.
//!
//! What it is not: a choice of strategies (`journal_core::rfc::selection`), or of devices.

use journal_core::Survivors;
use journal_core::rfc::Strategy;
use journal_core::rfc::strategy::Framing;

use super::cell::{Cell, decide};
use crate::disk::Fill;
use crate::disk::contract::Contract;
use crate::run::Setup;
use crate::workload::{Identity, Life, Op, Payloads, Workload};

/// Bytes of the simulated device: no more than the framing needs, since a journal that erases writes
/// all of it in each leaf.
#[must_use]
pub fn device_bytes(strategy: &Strategy) -> u64 {
    match strategy.framing() {
        Framing::Block { bytes: 4096 } => 112 * 1024,
        _ => 64 * 1024,
    }
}

/// Leaves in which all that breaks is looked for.
const LEAVES_ENOUGH: u64 = 256;

/// Leaves at most, where those decided nothing.
pub const LEAVES_MAX: u64 = 100_000;

/// What every strategy is asked to do: four entries in one life, three in the next.
///
/// In a stream the second entry straddles two sectors, and behind it lie two small ones, whole in the
/// second sector; in blocks of a sector they take two. In the second life the client appends again
/// what was lost, but for the last entry: if that comes back, it is the stale suffix. If nothing was
/// lost, what it appends goes into the sector where acknowledged entries end.
#[must_use]
pub fn workload() -> Workload {
    let life = |sizes: &[u32]| {
        let appends = sizes.iter().map(|bytes| Op::Append(*bytes));
        Life { resume: Survivors::Carry, ops: appends.chain([Op::Commit]).collect() }
    };
    Workload {
        before: Vec::new(),
        lives: vec![life(&[48, 232, 232, 48]), life(&[48, 232, 232])],
        identity: Identity::SameAgain,
        payloads: Payloads::Generated,
    }
}

/// A strategy on a device; `None` if there is no strategy of that spelling.
#[must_use]
pub fn cell(strategy: &str, contract: &Contract) -> Option<Cell> {
    let device_bytes = device_bytes(&Strategy::parse(strategy).ok()?);
    let setup = Setup {
        contract: contract.clone(),
        device_bytes,
        fill: Fill::Zeros,
        workload: workload(),
        fault: None,
    };
    decide(strategy, &setup, LEAVES_ENOUGH, LEAVES_MAX)
}
