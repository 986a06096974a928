//! The part of a report that a random campaign is.
//!
//! The one idea: sums by journal and device, and a row for each finding.
//!
//! Invariant: as for the rest of the model: plain values, the same bytes for the same questions.
//!
//! What it is not: the progress of a campaign. That is in its journal.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Counterexample, Tally};
use crate::oracle::Oracle;

/// A random campaign.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Campaign {
    /// Everything follows from it.
    pub seed: u64,
    /// Workloads that were asked for; none where time was the bound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runs_asked: Option<u64>,
    /// Workloads run: the first so many, or, of a shard, the first of those that are its own.
    pub runs: u64,
    /// Blocks of runs done.
    #[serde(default)]
    pub blocks: u64,
    /// Blocks of each shard, where shards came to different ends because time was the bound.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub blocks_by_shard: Vec<u64>,
    /// Whether any point of the grid was drawn, too: the row `grid`.
    #[serde(default)]
    pub grid: bool,
    /// Whether contracts with some knobs turned were drawn, too: the row `varied`.
    #[serde(default)]
    pub varied: bool,
    /// Whether payloads came from a file; the cases carry them.
    #[serde(default)]
    pub payloads_from_file: bool,
    /// Whether it still saw anything new.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub saturation: Option<Saturation>,
    /// Journal by journal, device by device.
    pub rows: Vec<CampaignRow>,
    /// What was found, each fingerprint once, in the order of their runs.
    #[serde(default)]
    pub findings: Vec<FindingRow>,
    /// Of a shard: each class of outcomes with the block that saw it first, as the merger needs it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub classes: Option<String>,
}

/// Outcome classes and recovery decisions that were never seen before, by block.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Saturation {
    /// Outcome classes seen.
    pub outcomes: u64,
    /// Recovery decisions seen.
    pub decisions: u64,
    /// Blocks up to and with the last that saw a new one.
    pub last_new_at: u64,
    /// Whether there were more than are kept.
    pub more: bool,
    /// How many had been seen after the first 1, 2, 4 ... blocks, and after all.
    pub curve: Vec<SaturationPoint>,
}

/// A point of the curve.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SaturationPoint {
    /// After so many blocks.
    pub blocks: u64,
    /// Outcome classes.
    pub outcomes: u64,
    /// Recovery decisions.
    pub decisions: u64,
}

/// One journal on one device in a campaign.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CampaignRow {
    /// The journal.
    pub journal: String,
    /// The device.
    pub device: String,
    /// Workloads run.
    pub runs: u64,
    /// Workloads that did not fit the device.
    pub senseless: u64,
    /// Crash states visited.
    pub leaves: u64,
    /// Recoveries run.
    pub recoveries: u64,
    /// Leaves that violated an owed oracle.
    pub failing: u64,
    /// Each oracle's figures; what is excused depends on the journal and is not told here.
    pub oracles: Vec<Tally>,
    /// Number of the run with the first violation.
    pub first_run: Option<u64>,
    /// The first violation.
    pub counterexample: Option<Counterexample>,
}

/// A finding of a campaign: the first of its fingerprint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FindingRow {
    /// Row of the journal, row of the device, the oracle and, of points of the grid, the design; the
    /// name of its file in `cases`, too.
    pub fingerprint: String,
    /// The journal itself.
    pub journal: String,
    /// The row of the device.
    pub device: String,
    /// The worst oracle that it violates.
    pub oracle: Oracle,
    /// The run that met it first.
    pub run: u64,
    /// The leaf of that run.
    pub leaf: u32,
    /// The case, shrunk, as one word for a command line.
    pub token: String,
    /// The case that was met, where it is another one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
}
