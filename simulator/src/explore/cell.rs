//! A cell: one journal on one device, from question to verdict.
//!
//! The one idea: a verdict is only worth its controls. Beside the exploration itself a cell runs the
//! teeth control (the same with flushes dropped must lose something acknowledged), asks whether
//! every owed oracle was evaluated, and keeps the costs of the journal, so that the answer says what
//! was proved, whether the harness could have seen a failure, and what the safety costs.
//!
//! Invariant: PROVEN means every leaf within the stated workload was visited and none violated an
//! owed oracle, the teeth control bit, and no owed oracle went unevaluated.
//!
//! What it is not: a report. It is the data of one.

use std::num::NonZeroU32;

use journal_core::formats::Format;
use journal_core::{Promises, Stepwise};
use serde::{Deserialize, Serialize};

use super::parallel::{Grain, explore_together};
use super::prove::{Bounds, Explored, explore};
use crate::case::Case;
use crate::choose::{Chooser, Label, What};
use crate::disk::{Fraction, Traffic};
use crate::journals::{self, Row, Visitor};
use crate::oracle::{Oracle, OracleSet};
use crate::run::{Images, Leaf, Probable, Run, Setup, SetupError, Tree};
use crate::workload::Op;

/// The answer for one cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "program", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Every crash state of the workload was covered and none broke what is owed.
    Proven,
    /// A crash state breaks what is owed.
    Refuted,
    /// The bound ended the search before a violation was found.
    Bounded,
    /// The control without flushes broke nothing either, or the journal took less than half of the
    /// entries: the workload proves nothing.
    NotMeasured,
    /// An oracle that is owed was never evaluated.
    Hollow,
    /// The journal is not deterministic.
    Nondeterministic,
    /// The journal does not fit the device, or fails on it without any fault.
    Senseless,
}

impl Verdict {
    /// As shown.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Verdict::Proven => "PROVEN",
            Verdict::Refuted => "REFUTED",
            Verdict::Bounded => "BOUNDED",
            Verdict::NotMeasured => "NOT MEASURED",
            Verdict::Hollow => "HOLLOW",
            Verdict::Nondeterministic => "NONDETERMINISTIC",
            Verdict::Senseless => "SENSELESS",
        }
    }
}

/// One cell's result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cell {
    /// The experiment, without decisions.
    pub case: Case,
    /// The answer.
    pub verdict: Verdict,
    /// Why, where the verdict alone does not say: the refusal, the oracle that was not evaluated.
    pub why: Option<String>,
    /// What was found.
    pub explored: Explored,
    /// Which oracles were owed.
    pub owed: OracleSet,
    /// What the journal promises.
    pub promises: Option<Promises>,
    /// Crash points of the first life.
    pub crash_points: u32,
    /// Leaves of the teeth control until it bit; none if it did not bite or was not run.
    pub teeth: Option<u64>,
    /// The first violation, if any.
    pub counterexample: Option<Case>,
    /// For each owed oracle that the counterexample does not violate, the first leaf that does, and what
    /// it violates of what is owed.
    pub also: Vec<(OracleSet, Case)>,
    /// What the first life asked of the device.
    pub traffic: Traffic,
    /// Entries and payload bytes of the first life.
    pub appended: (u64, u64),
    /// Where a fault was to strike the first life and did not: the operations of that life.
    pub missed_fault: Option<u32>,
}

/// Proves or refutes a named journal, on the threads of the present pool. `None` if there is no such journal.
#[must_use]
pub fn prove(journal: &str, setup: &Setup, bounds: Bounds) -> Option<Cell> {
    journals::visit(journal, Prove { setup, bounds, alone: false })
}

/// As [`prove`], for one of many cells, on the present thread.
#[must_use]
pub fn prove_alone(journal: &str, setup: &Setup, bounds: Bounds) -> Option<Cell> {
    journals::visit(journal, Prove { setup, bounds, alone: true })
}

/// As [`prove_alone`], for a cell of which above all the verdict is wanted: looks through
/// `leaves_enough` leaves for all that breaks, and where that decided nothing, through as many as it
/// takes to find the first violation or that there is none.
#[must_use]
pub fn decide(journal: &str, setup: &Setup, leaves_enough: u64, leaves_max: u64) -> Option<Cell> {
    prove_alone(journal, setup, Bounds { leaves_max, leaves_enough, ..Bounds::default() })
}

struct Prove<'s> {
    setup: &'s Setup,
    bounds: Bounds,
    alone: bool,
}

impl Visitor for Prove<'_> {
    type Out = Cell;

    fn visit<J: Format>(self, row: Row, options: J::Options) -> Cell {
        let bounds = self.bounds;
        let alone = self.alone || rayon::current_num_threads() == 1;
        prove_by::<J>(row.name, &options, self.setup, |run| match alone {
            true => explore(run, bounds),
            false => explore_together(run, bounds, Grain::default()),
        })
    }
}

/// Proves or refutes any journal, on one thread; `name` is what it is called in the case.
#[must_use]
pub fn prove_with<J: Stepwise>(
    name: &str,
    options: &J::Options,
    setup: &Setup,
    bounds: Bounds,
) -> Cell {
    prove_by::<J>(name, options, setup, |run| explore(run, bounds))
}

/// Proves or refutes by what `explored` finds.
pub(super) fn prove_by<J: Stepwise>(
    name: &str,
    options: &J::Options,
    setup: &Setup,
    explored: impl FnOnce(&mut Run<'_, J>) -> Explored,
) -> Cell {
    let mut cell = Cell {
        case: Case::new(name, setup),
        verdict: Verdict::Senseless,
        why: None,
        explored: Explored::default(),
        owed: OracleSet::default(),
        promises: None,
        crash_points: 0,
        teeth: None,
        counterexample: None,
        also: Vec::new(),
        traffic: Traffic::default(),
        appended: (0, 0),
        missed_fault: None,
    };
    let mut run = match recorded::<J>(options, setup) {
        Ok(run) => run,
        Err(error) => {
            cell.why = Some(error.to_string());
            return cell;
        }
    };
    cell.owed = run.owed();
    cell.promises = Some(*run.promises());
    cell.crash_points = run.crash_points();
    cell.traffic = run.traffic();
    cell.appended = run.appended();
    cell.missed_fault = run.missed_fault();
    cell.explored = explored(&mut run);
    let fickle = counterexamples(&mut cell, &mut run).err();
    cell.teeth = teeth::<J>(options, setup);
    (cell.verdict, cell.why) = match fickle {
        Some(said) => (Verdict::Nondeterministic, Some(said)),
        None => judge(&cell),
    };
    cell
}

/// Finds cases for what was found: for the first violation, and for each oracle that it leaves out.
///
/// # Errors
/// In words, where an ordinary run does not show one: the journal is not deterministic.
fn counterexamples<J: Stepwise>(cell: &mut Cell, run: &mut Run<'_, J>) -> Result<(), String> {
    let Some((broken, path)) = &mut cell.explored.first else { return Ok(()) };
    let (leaf, decisions) = run.decisions_at(path, *broken)?;
    *broken = leaf.violated.and(cell.owed);
    cell.counterexample = Some(Case { decisions, ..cell.case.clone() });
    let mut shown = *broken;
    for (oracle, path) in &cell.explored.firsts {
        if cell.owed.contains(*oracle) && !shown.contains(*oracle) {
            let (leaf, decisions) = run.decisions_at(path, [*oracle].into_iter().collect())?;
            let broken = leaf.violated.and(cell.owed);
            shown = shown.or(broken);
            cell.also.push((broken, Case { decisions, ..cell.case.clone() }));
        }
    }
    Ok(())
}

/// The probabilities of an experiment, from chances that the user gave; see [`Run::probable`]. `None` if
/// there is no such journal.
///
/// # Errors
/// In words, why there are none.
#[must_use]
pub fn probable(
    journal: &str,
    setup: &Setup,
    persist: &Fraction,
    leaves_max: u64,
) -> Option<Result<Probable, String>> {
    journals::visit(journal, AskProbable { setup, persist, leaves_max })
}

struct AskProbable<'s> {
    setup: &'s Setup,
    persist: &'s Fraction,
    leaves_max: u64,
}

impl Visitor for AskProbable<'_> {
    type Out = Result<Probable, String>;

    fn visit<J: Format>(self, _: Row, options: J::Options) -> Self::Out {
        let mut run = recorded::<J>(&options, self.setup).map_err(|error| error.to_string())?;
        run.probable(self.persist, self.leaves_max)
    }
}

/// A run with its first life recorded.
pub(super) fn recorded<'o, J: Stepwise>(
    options: &'o J::Options,
    setup: &Setup,
) -> Result<Run<'o, J>, SetupError> {
    let (mut run, journal) = Run::<J>::new(options, setup.clone())?;
    run.record(journal, None);
    Ok(run)
}

/// The bound of the teeth control: a journal whose flushes are dropped loses something at once.
const TEETH_LEAVES_MAX: u64 = 20_000;

/// Nothing persisted: each sector holds the oldest content that it may.
struct NothingPersisted;

impl Chooser for NothingPersisted {
    fn choose(&mut self, what: What, options: NonZeroU32, _: &dyn Fn(u32) -> Label) -> u32 {
        match what {
            What::Sector { whole, .. } => whole.clamp(1, options.get()) - 1,
            _ => 0,
        }
    }
}

/// The same with flushes dropped: after how many leaves something acknowledged was lost. Where
/// nothing persisted at all most journals lose everything, so that leaf is the first; then all.
fn teeth<J: Stepwise>(options: &J::Options, setup: &Setup) -> Option<u64> {
    let setup = Setup { contract: setup.contract.without_flush(), ..setup.clone() };
    let mut run = recorded::<J>(options, &setup).ok()?;
    let lost = |leaf: Leaf| leaf.violated.contains(Oracle::Durability);
    if lost(run.leaf(&mut NothingPersisted)) {
        return Some(1);
    }
    let mut tree = Tree::default();
    (2..=TEETH_LEAVES_MAX)
        .map_while(|number| Some((number, run.next_leaf(&mut tree)?)))
        .find_map(|(number, leaf)| lost(leaf).then_some(number))
}

fn judge(cell: &Cell) -> (Verdict, Option<String>) {
    let explored = &cell.explored;
    if let Some((what, before, now)) = explored.nondeterminism {
        let why = match now {
            0 => format!("`{what}` was asked, and not when run again"),
            _ if now == before => format!("`{what}` was asked, and something else before that"),
            _ => format!("`{what}` had {before} options, and {now} when run again"),
        };
        return (Verdict::Nondeterministic, Some(why));
    }
    // A counterexample that replays stands, whatever else is wrong.
    if let Some((broken, _)) = &explored.first {
        let names: Vec<_> = broken.iter().map(Oracle::name).collect();
        return (Verdict::Refuted, Some(names.join(", ")));
    }
    if let Some(images) = explored.images.iter().find(|i| !explored.adds_up && i.covered != i.all) {
        let Images { covered, all, .. } = images;
        let why = format!(
            "the leaves stand for {covered} of {all} images: the journal depends on more than what \
             it reads"
        );
        return (Verdict::Nondeterministic, Some(why));
    }
    if let (Some(fault), Some(operations)) = (cell.case.fault, cell.missed_fault) {
        let why = format!(
            "the fault was to strike operation {}, and the first life made {operations}",
            fault.operation
        );
        return (Verdict::NotMeasured, Some(why));
    }
    // A journal that is full most of the time was not asked much.
    let asked = &cell.case.workload.lives[0].ops;
    let asked = asked.iter().filter(|op| matches!(op, Op::Append(_))).count() as u64;
    if cell.case.fault.is_none() && 2 * cell.appended.0 < asked {
        let why = format!("the journal took {} of {asked} entries", cell.appended.0);
        return (Verdict::NotMeasured, Some(why));
    }
    if cell.owed.contains(Oracle::Durability) && cell.teeth.is_none() {
        let why = "with its flushes dropped the journal loses nothing in this workload either";
        return (Verdict::NotMeasured, Some(why.to_owned()));
    }
    if explored.told_twice {
        let why = "what was read has more explanations than are kept apart: nothing adds up";
        return (Verdict::Bounded, Some(why.to_owned()));
    }
    if !explored.complete {
        let why = match explored.outgrown {
            _ if explored.interrupted => format!("interrupted after {} leaves", explored.leaves),
            true => format!("{} leaves visited, and the last kept too much", explored.leaves),
            false => format!("{} leaves visited", explored.leaves),
        };
        return (Verdict::Bounded, Some(why));
    }
    let lives = cell.case.workload.lives.len();
    let hollow = cell.owed.iter().find(|&oracle| {
        // Nothing can come back before something was lost and the journal lived on.
        let later = oracle == Oracle::NoResurrection && lives == 1;
        !later && explored.evaluated.of(oracle) == 0
    });
    if let Some(oracle) = hollow {
        let why = format!("{} was never evaluated", oracle.name());
        return (Verdict::Hollow, Some(why));
    }
    (Verdict::Proven, None)
}
