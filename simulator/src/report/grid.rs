//! The grid section of a report: many strategies on every device under one workload, and what each
//! answer of an axis buys and costs.
//!
//! The one idea: two strategies that differ in one answer are an experiment about that answer. Over
//! all such pairs and devices it is counted what the answer mends and breaks, and what it costs.
//!
//! Invariant: a pair is counted once, from the answer that comes first in the grid to the other; the
//! summary follows from the cells, so merged shards have it too. Ratios are counts, not quotients.
//!
//! What it is not: the matrix. There is no story and no picture here; a token replays each
//! counterexample, which is the first one found and was not shrunk.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::build;
use super::model::{ImagesRow, Ratio, WorkloadRow};
use crate::explore::{Cell, Verdict};
use crate::oracle::{Oracle, OracleSet};

/// The axes, in the order of a strategy's spelling.
pub const AXES: [&str; 5] = ["framing", "integrity", "tail", "reuse", "commit"];

/// The grid section.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Grid {
    /// How the strategies were chosen, and how large their devices are.
    pub chosen: String,
    /// Leaves visited at most where a search decided nothing before.
    pub leaves_max: u64,
    /// What every strategy was asked to do on every device.
    pub workload: WorkloadRow,
    /// The strategies by spelling, in the order of the grid.
    pub strategies: Vec<String>,
    /// The cells: strategy by strategy, device by device.
    pub cells: Vec<GridCell>,
    /// What each answer changes; empty where cells are missing.
    pub changes: Vec<Change>,
}

/// One strategy on one device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GridCell {
    /// The strategy by spelling.
    pub strategy: String,
    /// The device.
    pub device: String,
    /// The verdict.
    pub verdict: Verdict,
    /// Why, where neither the verdict nor what broke says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// The owed oracles that were seen violated.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub broken: Vec<Oracle>,
    /// Whether every leaf was visited. If not, more oracles may be violated than were seen.
    pub complete: bool,
    /// Leaves visited: classes of crash states that recovery cannot tell apart.
    pub leaves: u64,
    /// Crash states, power cut by power cut; empty where they cannot be counted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub images: Vec<ImagesRow>,
    /// What the first life cost.
    pub cost: Cost,
    /// The first counterexample as one word for a command line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
}

/// What an undisturbed first life asked of the device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Cost {
    /// Bytes of the payloads that were taken.
    pub payload_bytes: u64,
    /// Bytes written.
    pub bytes_written: u64,
    /// Flushes.
    pub flushes: u64,
    /// Write commands.
    pub writes: u64,
    /// Sectors written over anything of this journal's, erased space included.
    pub sectors_overwritten: u64,
    /// Read calls.
    pub reads: u64,
}

/// What one answer of an axis changes, told from another: over all pairs of strategies that differ in
/// it alone, and all devices on which both are PROVEN or REFUTED.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Change {
    /// The axis.
    pub axis: String,
    /// The answer that comes first in the grid.
    pub from: String,
    /// The other one.
    pub to: String,
    /// Pairs of strategies.
    pub pairs: u64,
    /// Pairs of cells that were compared.
    pub cells: u64,
    /// Of these, those REFUTED before and PROVEN after.
    pub mends: u64,
    /// Of these, those PROVEN before and REFUTED after.
    pub breaks: u64,
    /// Where that is so.
    pub devices: Vec<DeviceChange>,
    /// How often an oracle is violated before and not after.
    pub stops: Vec<OracleCount>,
    /// How often an oracle is violated after and not before.
    pub starts: Vec<OracleCount>,
    /// How often an oracle is violated before and after.
    pub stays: Vec<OracleCount>,
    /// Bytes written, after per before.
    pub written: Ratio,
    /// Flushes, after per before.
    pub flushes: Ratio,
    /// Write commands, after per before.
    pub writes: Ratio,
    /// Sectors written over something, after per before.
    pub overwritten: Ratio,
    /// Reads, after per before.
    pub reads: Ratio,
}

/// What an answer changes on one device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DeviceChange {
    /// The device.
    pub device: String,
    /// Cells mended.
    pub mends: u64,
    /// Cells broken.
    pub breaks: u64,
}

/// How often something is so of an oracle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OracleCount {
    /// Which.
    pub oracle: Oracle,
    /// Pairs of cells.
    pub cells: u64,
}

/// The row of a cell.
#[must_use]
pub fn cell(strategy: &str, cell: &Cell) -> GridCell {
    let explored = &cell.explored;
    let seen = Oracle::ALL.into_iter().filter(|&oracle| explored.violations[oracle as usize] > 0);
    let broken = cell.owed.and(seen.collect::<OracleSet>());
    let traffic = cell.traffic;
    GridCell {
        strategy: strategy.to_owned(),
        device: cell.case.contract.name.clone(),
        verdict: cell.verdict,
        why: cell.why.clone().filter(|_| cell.verdict != Verdict::Refuted),
        broken: broken.iter().collect(),
        complete: explored.complete,
        leaves: explored.leaves,
        images: build::images(&explored.images),
        cost: Cost {
            payload_bytes: cell.appended.1,
            bytes_written: traffic.bytes_written,
            flushes: traffic.flushes,
            writes: traffic.writes,
            sectors_overwritten: traffic.sectors_rewritten,
            reads: traffic.reads,
        },
        token: cell.counterexample.as_ref().map(crate::case::Case::token),
    }
}

/// The one axis in which two spellings differ, with both answers; `None` if they differ in more, or
/// in none.
fn one_apart<'s>(one: &'s str, other: &'s str) -> Option<(usize, &'s str, &'s str)> {
    let mut apart =
        one.split('/').zip(other.split('/')).enumerate().filter(|(_, pair)| pair.0 != pair.1);
    let (axis, (from, to)) = apart.next()?;
    (axis < AXES.len() && apart.next().is_none()).then_some((axis, from, to))
}

/// What is added up for a change.
#[derive(Default)]
struct Sum {
    change: (u64, u64, u64, u64),
    devices: BTreeMap<usize, (u64, u64)>,
    oracles: [[u64; 3]; 9],
    costs: [Cost; 2],
}

impl Sum {
    fn add(&mut self, device: usize, before: &GridCell, after: &GridCell) {
        let sound = |cell: &GridCell| match cell.verdict {
            Verdict::Proven => Some(true),
            Verdict::Refuted => Some(false),
            _ => None,
        };
        let (Some(was), Some(is)) = (sound(before), sound(after)) else { return };
        self.change.1 += 1;
        if was != is {
            let on = self.devices.entry(device).or_default();
            if is {
                (self.change.2, on.0) = (self.change.2 + 1, on.0 + 1);
            } else {
                (self.change.3, on.1) = (self.change.3 + 1, on.1 + 1);
            }
        }
        for (counts, oracle) in self.oracles.iter_mut().zip(Oracle::ALL) {
            match (before.broken.contains(&oracle), after.broken.contains(&oracle)) {
                (true, false) => counts[0] += 1,
                (false, true) => counts[1] += 1,
                (true, true) => counts[2] += 1,
                (false, false) => {}
            }
        }
        for (sum, cell) in self.costs.iter_mut().zip([before, after]) {
            sum.payload_bytes += cell.cost.payload_bytes;
            sum.bytes_written += cell.cost.bytes_written;
            sum.flushes += cell.cost.flushes;
            sum.writes += cell.cost.writes;
            sum.sectors_overwritten += cell.cost.sectors_overwritten;
            sum.reads += cell.cost.reads;
        }
    }

    fn told(self, axis: usize, from: &str, to: &str, devices: &[String]) -> Change {
        let (pairs, cells, mends, breaks) = self.change;
        let counted = |which: usize| {
            let all = Oracle::ALL.into_iter().zip(&self.oracles);
            all.map(|(oracle, counts)| OracleCount { oracle, cells: counts[which] })
                .filter(|row| row.cells > 0)
                .collect()
        };
        let ratio = |of: fn(&Cost) -> u64| Ratio::new(of(&self.costs[1]), of(&self.costs[0]));
        let row = |(&at, &(mends, breaks)): (&usize, &(u64, u64))| DeviceChange {
            device: devices[at].clone(),
            mends,
            breaks,
        };
        Change {
            axis: AXES[axis].to_owned(),
            from: from.to_owned(),
            to: to.to_owned(),
            pairs,
            cells,
            mends,
            breaks,
            devices: self.devices.iter().map(row).collect(),
            stops: counted(0),
            starts: counted(1),
            stays: counted(2),
            written: ratio(|cost| cost.bytes_written),
            flushes: ratio(|cost| cost.flushes),
            writes: ratio(|cost| cost.writes),
            overwritten: ratio(|cost| cost.sectors_overwritten),
            reads: ratio(|cost| cost.reads),
        }
    }
}

/// What each answer changes, axis by axis; answers in the order in which the grid has them first.
/// The cells must be all there are, in order.
///
/// # Panics
/// If cells are missing.
#[must_use]
pub fn changes(strategies: &[String], devices: &[String], cells: &[GridCell]) -> Vec<Change> {
    assert_eq!(cells.len(), strategies.len() * devices.len(), "the grid has all its cells");
    // For each axis, its answers.
    let mut answers: [Vec<&str>; AXES.len()] = Default::default();
    for strategy in strategies {
        for (known, answer) in answers.iter_mut().zip(strategy.split('/')) {
            if !known.contains(&answer) {
                known.push(answer);
            }
        }
    }
    let place = |axis: usize, answer: &str| {
        answers[axis].iter().position(|known| *known == answer).unwrap_or(usize::MAX)
    };
    let mut sums: BTreeMap<(usize, usize, usize), Sum> = BTreeMap::new();
    for (i, one) in strategies.iter().enumerate() {
        for (j, other) in strategies.iter().enumerate().skip(i + 1) {
            let Some((axis, here, there)) = one_apart(one, other) else { continue };
            let (here, there) = (place(axis, here), place(axis, there));
            let (from, to) = if here < there { (i, j) } else { (j, i) };
            let sum = sums.entry((axis, here.min(there), here.max(there))).or_default();
            sum.change.0 += 1;
            for device in 0..devices.len() {
                let cell = |strategy: usize| &cells[strategy * devices.len() + device];
                sum.add(device, cell(from), cell(to));
            }
        }
    }
    let told = |((axis, from, to), sum): ((usize, usize, usize), Sum)| {
        sum.told(axis, answers[axis][from], answers[axis][to], devices)
    };
    sums.into_iter().map(told).collect()
}

impl Grid {
    /// Tells what each answer changes, if no cell is missing.
    pub fn summarise(&mut self, devices: &[String]) {
        if self.cells.len() == self.strategies.len() * devices.len() {
            self.changes = changes(&self.strategies, devices, &self.cells);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cells(rows: &[(&str, [&str; 2])]) -> (Vec<String>, Vec<String>, Vec<GridCell>) {
        let devices = vec!["kind".to_owned(), "hostile".to_owned()];
        let mut cells = Vec::new();
        for (strategy, verdicts) in rows {
            for (device, said) in devices.iter().zip(verdicts) {
                let broken: Vec<Oracle> =
                    Oracle::ALL.into_iter().filter(|o| said.contains(o.letter())).collect();
                let verdict = match *said {
                    "+" => Verdict::Proven,
                    "-" => Verdict::Senseless,
                    _ => Verdict::Refuted,
                };
                let written = if strategy.contains("pad") { 300 } else { 200 };
                cells.push(GridCell {
                    strategy: (*strategy).to_owned(),
                    device: device.clone(),
                    verdict,
                    why: None,
                    broken,
                    complete: true,
                    leaves: 1,
                    images: Vec::new(),
                    cost: Cost { bytes_written: written, flushes: 2, ..Cost::default() },
                    token: None,
                });
            }
        }
        let strategies = rows.iter().map(|row| row.0.to_owned()).collect();
        (strategies, devices, cells)
    }

    #[test]
    fn each_pair_is_counted_once_and_better_is_not_taken_for_worse() {
        let (strategies, devices, cells) = cells(&[
            ("stream/none/rewrite/erase/flush", ["+", "DI"]),
            ("stream/none/pad/erase/flush", ["I", "+"]),
            ("stream/sum/rewrite/erase/flush", ["+", "D"]),
            ("stream/sum/pad/erase/flush", ["-", "+"]),
            ("block/sum/pad/erase/pointer", ["+", "+"]),
        ]);
        let found = changes(&strategies, &devices, &cells);
        let brief: Vec<_> = found
            .iter()
            .map(|c| (&c.axis[..], &c.from[..], &c.to[..], c.pairs, c.cells, c.mends, c.breaks))
            .collect();
        assert_eq!(
            brief,
            [
                // Refuted stays refuted; where one does not fit nothing is compared.
                ("integrity", "none", "sum", 2, 3, 0, 0),
                ("tail", "rewrite", "pad", 2, 3, 2, 1),
            ]
        );
        let of = |rows: &[OracleCount]| -> Vec<(char, u64)> {
            rows.iter().map(|row| (row.oracle.letter(), row.cells)).collect()
        };
        let [sum, pad] = &found[..] else { panic!("two changes") };
        assert_eq!(
            (of(&sum.stops), of(&sum.starts), of(&sum.stays)),
            (vec![('I', 1)], vec![], vec![('D', 1)])
        );
        assert_eq!(of(&pad.stops), [('D', 2), ('I', 1)]);
        assert_eq!(of(&pad.starts), [('I', 1)]);
        let on =
            |name: &str, mends, breaks| DeviceChange { device: name.to_owned(), mends, breaks };
        assert_eq!(pad.devices, [on("kind", 0, 1), on("hostile", 2, 0)]);
        // Costs are summed over what was compared.
        assert_eq!((pad.written, pad.flushes), (Ratio::new(900, 600), Ratio::new(6, 6)));
    }

    #[test]
    fn two_answers_apart_are_no_pair() {
        assert_eq!(one_apart("a/b/c/d/e", "a/x/c/d/y"), None);
        assert_eq!(one_apart("a/b/c/d/e", "a/b/c/d/e"), None);
        assert_eq!(one_apart("a/b/c/d/e", "a/b/c/x/e"), Some((3, "d", "x")));
    }
}
