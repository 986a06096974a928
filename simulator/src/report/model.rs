//! The report as data: versioned, typed, complete.
//!
//! The one idea: one tree of plain values. What was run, what is owed, what was found, what it
//! costs; nothing refers to anything outside of the tree.
//!
//! Invariant: the same questions give the same bytes. No float, time, thread count or path of the
//! machine is in it; ratios are a numerator and a denominator.
//!
//! What it is not: the memory of a run. It cannot be resumed from.

mod campaign;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use campaign::{Campaign, CampaignRow, FindingRow, Saturation, SaturationPoint};

use super::grid::Grid;
use super::story::Story;
use crate::case::Case;
use crate::disk::contract::Contract;
use crate::explore::Verdict;
use crate::explore::frontier::Survey;
use crate::explore::shards::SearchedRow;
use crate::journals::Family;
use crate::oracle::Oracle;
use crate::shrink::Measure;
use crate::workload::Workload;

/// Version of the report format. It grows when a reader of the old one would be misled.
pub const SCHEMA_VERSION: u32 = 1;

/// A report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Report {
    /// Version of this format.
    pub schema_version: u32,
    /// The program that made it.
    pub tool: Tool,
    /// What was run.
    pub asked: Asked,
    /// Whether it was interrupted: rows that were not begun are missing.
    pub partial: bool,
    /// Which part of the cells this is, if not all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shard: Option<Shard>,
    /// The journals, in the order of the matrix.
    pub journals: Vec<JournalRow>,
    /// The devices, from kind to hostile.
    pub devices: Vec<DeviceRow>,
    /// What must hold after a crash.
    pub oracles: Vec<OracleRow>,
    /// Which claims are owed on which device, with reasons.
    pub owed: Vec<OwedRow>,
    /// The matrix: journal by journal, device by device.
    pub cells: Vec<CellRow>,
    /// What each journal costs on each shape of device.
    pub costs: Vec<CostRow>,
    /// Many strategies under one workload, and what each answer buys and costs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grid: Option<Grid>,
    /// How far each journal holds: the most hostile contracts that it survives, by geometry.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub frontiers: Vec<Survey>,
    /// A random campaign, if that is what was run.
    pub campaign: Option<Campaign>,
    /// What a shard of one proof found, to be put together with the others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dealt: Option<DealtRow>,
}

/// A shard's part of one proof, segment by segment. All shards cut the proof into the same segments.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DealtRow {
    /// Segments of the whole proof.
    pub segments: u32,
    /// Crash states that are drawn if the whole ends BOUNDED.
    pub sample: u64,
    /// Whether all leaves of this shard were visited.
    pub complete: bool,
    /// The segments of this shard, in order. Those behind its bound are missing.
    pub searched: Vec<SearchedRow>,
}

/// The program that made a report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Tool {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
}

impl Tool {
    /// This program.
    #[must_use]
    pub fn this() -> Tool {
        Tool { name: "tornwrite".to_owned(), version: env!("CARGO_PKG_VERSION").to_owned() }
    }
}

/// One of several parts of a report: the cells whose rank, counted journal by journal and in each
/// device by device (in the grid strategy by strategy), leaves `index` when divided by `of`. Of one proof, the
/// segments that `dealt` lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Shard {
    /// From 0.
    pub index: u32,
    /// How many there are.
    pub of: u32,
}

impl Shard {
    /// Whether the cell of a rank belongs to it.
    #[must_use]
    pub const fn holds(self, rank: usize) -> bool {
        rank % self.of as usize == self.index as usize
    }
}

impl std::fmt::Display for Shard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.index, self.of)
    }
}

/// What was run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Asked {
    /// The command.
    pub command: String,
    /// Bytes of each simulated device.
    pub device_bytes: u64,
    /// Leaves visited at most in each experiment; none for campaigns.
    pub leaves_max: Option<u64>,
    /// Bytes kept at most by each search, by the sizes of what is kept; none for campaigns.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_max: Option<u64>,
    /// The workloads that every journal met on every device.
    pub workloads: Vec<WorkloadRow>,
}

/// A workload by name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WorkloadRow {
    /// Its name in this report.
    pub name: String,
    /// A line about it.
    pub about: String,
    /// The script.
    pub workload: Workload,
}

/// A journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct JournalRow {
    /// Its name.
    pub name: String,
    /// Where it comes from.
    pub family: Family,
    /// A line about it.
    pub about: String,
}

/// A device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DeviceRow {
    /// Its name.
    pub name: String,
    /// A line about it.
    pub about: String,
    /// Where its values come from.
    pub source: String,
    /// Whether some damage is covered by representatives only.
    pub representatives: bool,
    /// What it may do.
    pub contract: Contract,
}

/// An oracle.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OracleRow {
    /// Which.
    pub oracle: Oracle,
    /// Its letter in the matrix.
    pub letter: char,
    /// The claim.
    pub claim: String,
}

/// Whether a claim is owed on a device, by a journal that promises everything.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OwedRow {
    /// The device.
    pub device: String,
    /// The claim.
    pub oracle: Oracle,
    /// Why it is not owed; none if it is.
    pub excused: Option<String>,
}

/// One journal on one device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CellRow {
    /// The journal.
    pub journal: String,
    /// The device.
    pub device: String,
    /// The gravest verdict of its experiments.
    pub verdict: Verdict,
    /// The owed oracles that some experiment saw violated.
    pub broken: Vec<Oracle>,
    /// Whether the verdict holds modulo representatives of some contents.
    pub representatives: bool,
    /// One per workload.
    pub experiments: Vec<Experiment>,
}

/// One journal on one device under one workload.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Experiment {
    /// The workload.
    pub workload: String,
    /// The verdict.
    pub verdict: Verdict,
    /// Why, where the verdict alone does not say.
    pub why: Option<String>,
    /// Whether every leaf was visited.
    pub complete: bool,
    /// Leaves visited: classes of crash states that recovery cannot tell apart.
    pub leaves: u64,
    /// Whether some checksum covered more undecided contents than could be tried, so that the
    /// verdict holds modulo collisions of it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub modulo_collisions: bool,
    /// Recoveries run to their end, each from the last place that it shares with one before.
    pub recoveries: u64,
    /// The most bytes kept at any leaf.
    #[serde(default)]
    pub kept_bytes: u64,
    /// Whether more would have had to be kept than may be: that ended the search.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub outgrown: bool,
    /// The most sectors that were at risk, if recovery read all that were at risk in every leaf:
    /// then the search had to visit every image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reads_all: Option<u32>,
    /// Crash points of the first life.
    pub crash_points: u32,
    /// Power cuts in a row that the search goes to, inside of recoveries and behind them.
    pub depth: u32,
    /// Whether no recovery that was completed changed anything on the device: then cuts inside of
    /// recoveries are covered to any depth, since they leave what was there.
    pub recovery_changes_nothing: bool,
    /// Leaves until the control without flushes lost something acknowledged; none if it never did.
    pub teeth: Option<u64>,
    /// Crash states, power cut by power cut. Never empty in a complete experiment whose journal could be
    /// cut; empty where what was read has more explanations than are kept.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub images: Vec<ImagesRow>,
    /// What was drawn at random because the bound ended the search.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sample: Option<SampleRow>,
    /// What follows from chances that the user gave.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probabilities: Option<ProbabilityRow>,
    /// Each oracle's figures.
    pub oracles: Vec<Tally>,
    /// The first violation.
    pub counterexample: Option<Counterexample>,
    /// The first violation of each oracle that is owed and that the counterexample does not violate. As
    /// found, and not shrunk.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub also: Vec<AlsoRow>,
}

/// What else breaks, and the case that shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AlsoRow {
    /// The owed oracles that it violates.
    pub broken: Vec<Oracle>,
    /// The case as one word for a command line.
    pub token: String,
}

/// The crash states of one power cut: images that the contract allows at the crash points that
/// speak for all others. Behind the first cut, decision histories: what was read before, and an
/// image that may follow; there `all` counts those whose past was begun.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ImagesRow {
    /// Which power cut, from 1.
    pub cut: u32,
    /// All there are: a whole number in decimal digits.
    pub all: String,
    /// Those that the leaves visited stand for.
    pub covered: String,
    /// Of these, those whose recovery violates something that is owed.
    pub failing: String,
}

/// Crash states drawn at random, each with the same probability: bounds on a share of them, and no
/// proof.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SampleRow {
    /// The seed of the draws.
    pub seed: u64,
    /// Crash states of the first cut that were drawn, and behind later cuts a history of each. 0 where
    /// there is damage at rest.
    pub drawn: u64,
    /// Those whose first recovery violated an owed oracle: an interval for the share of the crash states
    /// of the first cut that do.
    pub first_recovery: ShareRow,
    /// Those that violated one in any life. In one life the same but for what no recovery shows; in
    /// several lives a share of the histories as they are drawn, which are not equally likely.
    pub any_life: ShareRow,
    /// Leaves that were hunted by style because nothing failed. No share follows from them.
    pub hunted: u64,
    /// Those that violated an owed oracle.
    pub hit: u64,
}

/// How many of the draws failed, and the Wilson interval of their share at 95 %.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ShareRow {
    /// How many.
    pub failed: u64,
    /// Lower end, in millionths, rounded down.
    pub at_least_millionths: u64,
    /// Upper end, in millionths, rounded up.
    pub at_most_millionths: u64,
}

/// Probabilities over one power cut, exactly. They follow from chances that the user gave; there are no
/// others.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProbabilityRow {
    /// Where the power goes, as the user said.
    pub cut: String,
    /// The chance of each sector of each command at risk to persist, as the user said, reduced.
    pub persist: String,
    /// Crash points over which the cut is shared out.
    pub crash_points: u32,
    /// For each owed oracle, the probability that the recovery violates it.
    pub oracles: Vec<ChanceRow>,
    /// The probability that it violates any of them: a reduced fraction.
    pub any: String,
}

/// The probability that a recovery violates an oracle.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ChanceRow {
    /// Which.
    pub oracle: Oracle,
    /// A reduced fraction.
    pub probability: String,
}

/// One oracle in one experiment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Tally {
    /// Which.
    pub oracle: Oracle,
    /// Why the claim is not owed; none if it is.
    pub excused: Option<String>,
    /// How often it was evaluated.
    pub evaluated: u64,
    /// Leaves that violated it, owed or not.
    pub violations: u64,
}

/// A violation that can be run again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Counterexample {
    /// The case as one word for a command line.
    pub token: String,
    /// The case.
    pub case: Case,
    /// The owed oracles that it violates.
    pub broken: Vec<Oracle>,
    /// What happens in it.
    pub story: Story,
    /// Where it came from, if it was shrunk.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shrunk: Option<Origin>,
}

/// The failing case that a smaller one was made of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Origin {
    /// The case that was found, as one word for a command line.
    pub from: String,
    /// Its measure.
    pub before: Measure,
    /// The measure of the case that is shown.
    pub after: Measure,
    /// Whether fewer deviations are ruled out for the script that is shown.
    pub fewest_deviations: bool,
    /// Whether the bound ended the search for smaller scripts.
    pub out_of_leaves: bool,
}

/// What a journal costs on a shape of device, counted over an undisturbed life.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CostRow {
    /// The journal.
    pub journal: String,
    /// Bytes of the device's logical sector.
    pub logical_bytes: u32,
    /// Bytes of its physical sector.
    pub physical_bytes: u32,
    /// Entries appended and taken.
    pub entries: u64,
    /// Bytes of their payloads.
    pub payload_bytes: u64,
    /// Commits that returned.
    pub commits: u64,
    /// Bytes written per entry.
    pub bytes_per_entry: Ratio,
    /// Bytes written per payload byte: write amplification.
    pub write_amplification: Ratio,
    /// Flushes per commit.
    pub flushes_per_commit: Ratio,
    /// Writes with forced unit access per commit.
    pub fua_per_commit: Ratio,
    /// Sectors per entry that were written again while they held something of this life: the
    /// read-modify-write question.
    pub rewritten_per_entry: Ratio,
    /// Sectors per entry that were written over anything of this journal's, erased space included.
    pub overwritten_per_entry: Ratio,
    /// Reads during the life per entry.
    pub reads_per_entry: Ratio,
    /// Bytes of the sectors taken per payload byte: space overhead.
    pub space: Ratio,
}

/// A fraction, as counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Ratio {
    /// Numerator.
    pub of: u64,
    /// Denominator.
    pub per: u64,
}

impl Ratio {
    /// `of` per `per`.
    #[must_use]
    pub const fn new(of: u64, per: u64) -> Ratio {
        Ratio { of, per }
    }
}

impl std::fmt::Display for Ratio {
    /// With two decimals, rounded half up; a dash for a fraction of nothing.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.per == 0 {
            return f.pad("-");
        }
        let per = u128::from(self.per);
        let hundredths = (u128::from(self.of) * 200 + per) / (2 * per);
        f.pad(&format!("{}.{:02}", hundredths / 100, hundredths % 100))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ratios_round_half_up_and_never_divide_by_nothing() {
        assert_eq!(Ratio::new(1, 3).to_string(), "0.33");
        assert_eq!(Ratio::new(1, 8).to_string(), "0.13");
        assert_eq!(Ratio::new(u64::MAX, 1).to_string(), format!("{}.00", u64::MAX));
        assert_eq!(Ratio::new(1, 0).to_string(), "-");
        assert_eq!(format!("{:>6}", Ratio::new(3, 2)), "  1.50");
    }
}
