//! From what an explorer returns to rows of a report.
//!
//! The one idea: a translation, field by field. The only thing added is the story of each
//! counterexample, by one replay of it.
//!
//! Invariant: the gravest verdict of a cell's experiments is the cell's.
//!
//! What it is not: a judge. A counterexample that does not replay to what the explorer saw is
//! reported as nondeterminism, which is what it is.

use super::model::{
    AlsoRow, CellRow, ChanceRow, Counterexample, Experiment, ImagesRow, OracleRow, Origin,
    ProbabilityRow, Report, SampleRow, ShareRow, Tally,
};
use super::oracles::tallies;
use super::story::tell;
use crate::case::Case;
use crate::declared::Probabilities;
use crate::disk::Fraction;
use crate::disk::contract::Contract;
use crate::explore::sample::{Sampled, wilson};
use crate::explore::{Cell, Verdict};
use crate::oracle::{Oracle, OracleSet};
use crate::run::{Images, Probable};
use crate::shrink::Shrunk;

/// Verdicts from gravest to best.
pub(super) const GRAVEST_FIRST: [Verdict; 7] = [
    Verdict::Nondeterministic,
    Verdict::Refuted,
    Verdict::Senseless,
    Verdict::NotMeasured,
    Verdict::Hollow,
    Verdict::Bounded,
    Verdict::Proven,
];

/// The gravest of some verdicts; senseless if there is none.
#[must_use]
pub fn gravest(verdicts: impl Iterator<Item = Verdict> + Clone) -> Verdict {
    let worst = GRAVEST_FIRST.into_iter().find(|worst| verdicts.clone().any(|v| v == *worst));
    worst.unwrap_or(Verdict::Senseless)
}

/// A counterexample with its story; an error if it does not replay to a violation of `broken`.
pub(super) fn counterexample(
    case: &Case,
    broken: Option<OracleSet>,
) -> Result<Counterexample, String> {
    let (story, outcome) = tell(case).map_err(|e| e.to_string())?;
    if outcome.broken().is_empty() || broken.is_some_and(|broken| broken != outcome.broken()) {
        return Err("the case, replayed, does not show the violation".to_owned());
    }
    let broken = outcome.broken().iter().collect();
    Ok(Counterexample { token: case.token(), case: case.clone(), broken, story, shrunk: None })
}

impl Origin {
    /// What `smaller` was made of.
    #[must_use]
    pub fn of(case: &Case, smaller: &Shrunk) -> Origin {
        Origin {
            from: case.token(),
            before: smaller.before.clone(),
            after: smaller.after.clone(),
            fewest_deviations: smaller.fewest,
            out_of_leaves: smaller.out_of_leaves,
        }
    }
}

impl Counterexample {
    /// Shows the smaller case instead; the one that was found is named as its origin. A case that
    /// could not be made smaller, or does not replay, changes nothing.
    pub fn show_smaller(&mut self, smaller: &Shrunk) {
        if smaller.after >= smaller.before {
            return;
        }
        let Ok(found) = counterexample(&smaller.case, Some(smaller.broken)) else { return };
        let origin = Origin::of(&self.case, smaller);
        *self = Counterexample { shrunk: Some(origin), ..found };
    }
}

pub(super) fn images(counted: &[Images]) -> Vec<ImagesRow> {
    let row = |(cut, images): (u32, &Images)| ImagesRow {
        cut,
        all: images.all.to_string(),
        covered: images.covered.to_string(),
        failing: images.failing.to_string(),
    };
    (1..).zip(counted).map(row).collect()
}

impl Experiment {
    /// Adds what was drawn because the bound ended the search. A violation among it refutes.
    pub fn add_sample(&mut self, drawn: &Sampled) {
        let share = |failed| {
            let (at_least_millionths, at_most_millionths) = wilson(failed, drawn.drawn);
            ShareRow { failed, at_least_millionths, at_most_millionths }
        };
        self.sample = Some(SampleRow {
            seed: drawn.seed,
            drawn: drawn.drawn,
            first_recovery: share(drawn.failed_first),
            any_life: share(drawn.failed),
            hunted: drawn.hunted,
            hit: drawn.hit,
        });
        let Some((broken, case)) = &drawn.first else { return };
        match counterexample(case, Some(*broken)) {
            Ok(found) => {
                self.verdict = Verdict::Refuted;
                let names: Vec<_> = broken.iter().map(Oracle::name).collect();
                self.why = Some(format!("{}; drawn at random", names.join(", ")));
                self.counterexample = Some(found);
            }
            Err(said) => {
                self.verdict = Verdict::Nondeterministic;
                self.why = Some(said);
            }
        }
    }
}

/// The row of what follows from chances.
#[must_use]
pub fn probabilities(given: &Probabilities, crash_points: u32, found: &Probable) -> ProbabilityRow {
    let row = |(oracle, chance): &(Oracle, Fraction)| ChanceRow {
        oracle: *oracle,
        probability: chance.to_string(),
    };
    ProbabilityRow {
        cut: given.cut.name().to_owned(),
        persist: given.persist.to_string(),
        crash_points,
        oracles: found.oracles.iter().map(row).collect(),
        any: found.any.to_string(),
    }
}

/// The row of one experiment.
#[must_use]
pub fn experiment(workload: &str, cell: &Cell) -> Experiment {
    let explored = &cell.explored;
    let contract = &cell.case.contract;
    let promises = cell.promises.as_ref();
    let mut row = Experiment {
        workload: workload.to_owned(),
        verdict: cell.verdict,
        why: cell.why.clone(),
        complete: explored.complete,
        leaves: explored.leaves,
        modulo_collisions: explored.modulo_collisions,
        recoveries: explored.recoveries,
        kept_bytes: explored.kept_bytes,
        outgrown: explored.outgrown,
        reads_all: explored.reads_all,
        crash_points: cell.crash_points,
        teeth: cell.teeth,
        images: images(&explored.images),
        sample: None,
        depth: cell.case.workload.lives.len() as u32,
        recovery_changes_nothing: explored.complete && explored.recovery_changes_nothing,
        probabilities: None,
        oracles: tallies(contract, promises, &explored.evaluated, &explored.violations),
        counterexample: None,
        also: cell.also.iter().map(also).collect(),
    };
    if let Some(case) = &cell.counterexample {
        match counterexample(case, explored.first.as_ref().map(|first| first.0)) {
            Ok(found) => row.counterexample = Some(found),
            Err(said) => {
                row.verdict = Verdict::Nondeterministic;
                row.why = Some(said);
            }
        }
    }
    row
}

fn also((broken, case): &(OracleSet, Case)) -> AlsoRow {
    AlsoRow { broken: broken.iter().collect(), token: case.token() }
}

/// The owed oracles that were violated in these figures.
pub(super) fn broken(tallies: &[Tally]) -> OracleSet {
    let owed = tallies.iter().filter(|tally| tally.excused.is_none() && tally.violations > 0);
    owed.map(|tally| tally.oracle).collect()
}

/// The cell of some experiments, in the order of the workloads.
#[must_use]
pub fn cell(journal: &str, contract: &Contract, experiments: Vec<Experiment>) -> CellRow {
    let shown = |e: &Experiment| -> OracleSet {
        e.counterexample.iter().flat_map(|found| found.broken.iter().copied()).collect()
    };
    let all = experiments.iter().map(|e| broken(&e.oracles).or(shown(e)));
    let broken = all.fold(OracleSet::default(), OracleSet::or);
    CellRow {
        journal: journal.to_owned(),
        device: contract.name.clone(),
        verdict: gravest(experiments.iter().map(|e| e.verdict)),
        broken: broken.iter().collect(),
        representatives: contract.uses_representatives(),
        experiments,
    }
}

impl Report {
    /// Tells each counterexample which journals are proven on the device where it failed.
    pub fn name_neighbours(&mut self) {
        let proven: Vec<(String, String)> = self
            .cells
            .iter()
            .filter(|cell| cell.verdict == Verdict::Proven)
            .map(|cell| (cell.device.clone(), cell.journal.clone()))
            .collect();
        for cell in &mut self.cells {
            let mut holds: Vec<String> = Vec::new();
            holds.extend(proven.iter().filter(|p| p.0 == cell.device).map(|p| p.1.clone()));
            for found in cell.experiments.iter_mut().filter_map(|e| e.counterexample.as_mut()) {
                found.story.holds.clone_from(&holds);
            }
        }
    }

    /// The first counterexample, with where it was found: the RFC's journals first, as listed.
    #[must_use]
    pub fn first_counterexample(&self) -> Option<(&CellRow, &Experiment, &Counterexample)> {
        self.cells.iter().find_map(|cell| {
            cell.experiments.iter().find_map(|experiment| {
                experiment.counterexample.as_ref().map(|found| (cell, experiment, found))
            })
        })
    }

    /// The letter of an oracle, as this report has it.
    #[must_use]
    pub fn letter(&self, oracle: crate::oracle::Oracle) -> char {
        let row: Option<&OracleRow> = self.oracles.iter().find(|row| row.oracle == oracle);
        row.map_or('?', |row| row.letter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gravest_verdict_is_the_cells() {
        let all = [Verdict::Proven, Verdict::Bounded, Verdict::Refuted];
        assert_eq!(gravest(all.into_iter()), Verdict::Refuted);
        assert_eq!(gravest(all[..2].iter().copied()), Verdict::Bounded);
        assert_eq!(gravest([].into_iter()), Verdict::Senseless);
        let listed = |v| GRAVEST_FIRST.contains(&v);
        assert!(listed(Verdict::NotMeasured) && listed(Verdict::Hollow));
    }
}
