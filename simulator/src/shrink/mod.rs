//! Shrinking: a smaller case that fails in the same way.
//!
//! Method. Three steps, round and round until none changes anything.
//!
//! 1. *Script*: neighbours of the setup with a smaller script (`structure.rs`) are searched for a
//!    failing path, a bounded number of leaves each (`search.rs`); the first that has one is the
//!    new setup.
//! 2. *Answers*: all paths of the setup, by number of deviations (`limited.rs`), from "everything
//!    persisted" and from "nothing persisted"; the shorter of the two is shown. Where that is too
//!    much, answers of the path at hand are set to "persisted" one by one.
//! 3. *Setting*: plainer settings and a smaller device, if the smallest path that is found there is
//!    not larger for it.
//!
//! What is guaranteed, always: the result replays, breaks [`Shrunk::oracle`], which is the worst of
//! what the given case breaks unless another is asked for, breaks nothing that the given case does not
//! break, and its [`Measure`] is at most the given one's. The same case and budget give the same result;
//! shrinking the result changes nothing, unless [`Shrunk::out_of_leaves`].
//!
//! What is minimal and within which bounds:
//!
//! * *Deviations*, if [`Shrunk::fewest`]: every path of the result's setup with fewer deviations, from
//!   either background, was visited and does not fail so. The number of the crash point is no
//!   deviation. This speaks of this setup: with a longer script fewer may do.
//! * *Damage and crash point*, if [`Shrunk::least`]: every path with as few deviations, from either
//!   background, was visited, and none has less damage, or as much and an earlier cut.
//! * *Script and device* are locally minimal: no neighbour has a failing path that is found within
//!   the leaves of a search. A smaller script further away may exist.
//!
//! What it is not: a search for another failure. A case that breaks two oracles may be two failures;
//! what is kept is the worst of them.

pub mod blame;
pub mod limited;
pub mod measure;
mod search;
mod structure;

use journal_core::Stepwise;
use journal_core::formats::Format;

use crate::case::{Case, CaseError, run_case};
use crate::journals::{self, Row, Visitor};
use crate::oracle::{Oracle, OracleSet};
use crate::run::Setup;

pub use limited::{Background, Limited};
pub use measure::{Measure, worst};
use search::{Failing, Fewest, Purse, Quarry, Search};

/// How many leaves shrinking may visit. Leaves and not time, so that the result is the same
/// everywhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// For each neighbour that is searched.
    pub neighbour: u64,
    /// For the answers of the last setup, from each background.
    pub answers: u64,
    /// In all.
    pub total: u64,
}

impl Budget {
    /// For a person who waits for one case.
    pub const PATIENT: Budget = Budget { neighbour: 4_000, answers: 200_000, total: 4_000_000 };

    /// For a campaign with a finding here and there.
    pub const BRISK: Budget = Budget { neighbour: 1_000, answers: 20_000, total: 100_000 };

    /// For a report with many counterexamples.
    pub const QUICK: Budget = Budget { neighbour: 200, answers: 2_000, total: 10_000 };
}

/// What came of shrinking.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shrunk {
    /// The smaller case, or the given one without answers that are undisturbed anyway.
    pub case: Case,
    /// The oracle that was kept broken.
    pub oracle: Oracle,
    /// All that are owed and broken by the smaller case.
    pub broken: OracleSet,
    /// Measure of the given case.
    pub before: Measure,
    /// Measure of the smaller one.
    pub after: Measure,
    /// Whether fewer deviations were ruled out for its setup.
    pub fewest: bool,
    /// Whether less damage and an earlier cut were ruled out, with as few deviations.
    pub least: bool,
    /// Whether the budget ended before the neighbours did.
    pub out_of_leaves: bool,
    /// Leaves visited.
    pub leaves: u64,
}

/// Shrinks a case of a named journal, so that it breaks the oracle that is to be kept, or, if none is
/// named, the worst that it breaks. `None` if it does not break that, or nothing that is owed.
///
/// # Errors
/// As [`Case::run`].
pub fn shrink(
    case: &Case,
    keep: Option<Oracle>,
    budget: Budget,
) -> Result<Option<Shrunk>, CaseError> {
    shrink_beside(case, keep, budget, &[])
}

/// As [`shrink`], of a case for which what came of a like one will do: of the same journal on the same
/// device and with as fresh entries, if it breaks the same oracle, nothing else that this one does not,
/// and is smaller than it. `known` has what was shrunk, and what came of it.
///
/// # Errors
/// As [`Case::run`].
pub fn shrink_beside(
    case: &Case,
    keep: Option<Oracle>,
    budget: Budget,
    known: &[(Case, Shrunk)],
) -> Result<Option<Shrunk>, CaseError> {
    let visited = journals::visit(&case.journal, Named { case, keep, budget, known });
    visited.unwrap_or_else(|| Err(CaseError::UnknownJournal(case.journal.clone())))
}

struct Named<'c> {
    case: &'c Case,
    keep: Option<Oracle>,
    budget: Budget,
    known: &'c [(Case, Shrunk)],
}

impl Visitor for Named<'_> {
    type Out = Result<Option<Shrunk>, CaseError>;

    fn visit<J: Format>(self, _: Row, options: J::Options) -> Self::Out {
        shrink_known::<J>(self.case, &options, self.keep, (self.budget, self.known))
    }
}

/// As [`shrink`], of a journal that need not have a name.
///
/// # Errors
/// As [`Case::run`].
pub fn shrink_with<J: Stepwise>(
    case: &Case,
    options: &J::Options,
    keep: Option<Oracle>,
    budget: Budget,
) -> Result<Option<Shrunk>, CaseError> {
    shrink_known::<J>(case, options, keep, (budget, &[]))
}

fn shrink_known<J: Stepwise>(
    case: &Case,
    options: &J::Options,
    keep: Option<Oracle>,
    (budget, known): (Budget, &[(Case, Shrunk)]),
) -> Result<Option<Shrunk>, CaseError> {
    let broken = run_case::<J>(case, options, None)?.broken();
    let kept = keep.or_else(|| worst(broken)).filter(|&oracle| broken.contains(oracle));
    let Some(oracle) = kept else { return Ok(None) };
    let quarry = Quarry { oracle, among: broken };
    let setup = case.setup();
    let purse = Purse { left: budget.total, spent: 0 };
    let again =
        Search::<J>::new(options, &setup, quarry).and_then(|mut s| s.along(&case.decisions));
    let Some(failing) = again else {
        let said = "the case, run again, does not show what it showed the first time";
        return Err(CaseError::Mismatch(said.to_owned()));
    };
    let before = failing.measure.clone();
    let will_do = |(from, other): &&(Case, Shrunk)| {
        (&from.journal, &from.contract) == (&case.journal, &case.contract)
            && from.workload.identity == case.workload.identity
            && other.oracle == oracle
            && quarry.is(other.broken)
            && other.after < before
    };
    if let Some((_, other)) = known.iter().find(will_do) {
        return Ok(Some(Shrunk { before, leaves: 0, ..other.clone() }));
    }
    let mut shrinker = Shrinker::<J> { options, quarry, budget, purse, setup, failing };
    loop {
        shrinker.script();
        shrinker.answers(budget.neighbour);
        if !shrinker.setting() {
            break;
        }
    }
    let (fewest, least) = shrinker.answers(budget.answers);
    let Shrinker { setup, failing, purse, .. } = shrinker;
    let small = Case { decisions: failing.decisions, ..Case::new(&case.journal, &setup) };
    let broken = run_case::<J>(&small, options, None)?.broken();
    Ok(Some(Shrunk {
        case: small,
        oracle,
        broken,
        before,
        after: failing.measure,
        fewest,
        least,
        out_of_leaves: purse.left == 0,
        leaves: purse.spent,
    }))
}

/// The state of shrinking: a setup and a path of it that fails.
struct Shrinker<'o, J: Stepwise> {
    options: &'o J::Options,
    quarry: Quarry,
    budget: Budget,
    purse: Purse,
    setup: Setup,
    failing: Failing,
}

impl<'o, J: Stepwise> Shrinker<'o, J> {
    fn limits(&self) -> journal_core::Limits {
        J::limits(self.options, self.setup.contract.geometry(self.setup.device_bytes))
    }

    /// Moves to smaller scripts until no neighbour fails. Goes through the neighbours round and
    /// round: after a move it goes on where it was, since those before that place have just been
    /// refused in a like form.
    fn script(&mut self) {
        let mut all = structure::smaller(&self.setup, &self.limits());
        let (mut at, mut refused) = (0, 0);
        while refused < all.len() && self.purse.left > 0 {
            at %= all.len();
            if let Some(failing) = self.smaller_script(&all[at]) {
                (self.setup, self.failing) = (all.swap_remove(at), failing);
                all = structure::smaller(&self.setup, &self.limits());
                refused = 0;
            } else {
                (at, refused) = (at + 1, refused + 1);
            }
        }
    }

    /// A failing path of a neighbour, if its script is smaller and it has one.
    fn smaller_script(&mut self, setup: &Setup) -> Option<Failing> {
        let calm = Measure::new(setup, &measure::Answers::default());
        if !calm.script_is_smaller(&self.failing.measure) {
            return None;
        }
        let mut search = Search::<J>::new(self.options, setup, self.quarry)?;
        let found = search.find(self.budget.neighbour, &mut self.purse)?;
        self.same_again(setup, found)
    }

    /// What is found, if it is found again from the start: what depends on anything but its case is
    /// not taken.
    fn same_again(&self, setup: &Setup, found: Failing) -> Option<Failing> {
        let again = Search::<J>::new(self.options, setup, self.quarry)?.along(&found.decisions);
        (again.as_ref() == Some(&found)).then_some(found)
    }

    /// Moves to one plainer setting. Says whether it moved.
    fn setting(&mut self) -> bool {
        for setup in structure::plainer(&self.setup) {
            let Some(mut search) = Search::<J>::new(self.options, &setup, self.quarry) else {
                continue;
            };
            let mut found = search.along(&self.failing.decisions);
            if found.is_none() {
                let below = self.failing.measure.deviations + 1;
                let leaves = self.budget.neighbour;
                let newest = search.fewest(Background::Newest, below, leaves, &mut self.purse);
                let oldest = search.fewest(Background::Oldest, below, leaves, &mut self.purse);
                let both = newest.found.into_iter().chain(oldest.found);
                found = both.min_by(|a, b| a.measure.cmp(&b.measure));
            }
            let found = found.filter(|found| found.measure < self.failing.measure);
            if let Some(failing) = found.and_then(|found| self.same_again(&setup, found)) {
                (self.setup, self.failing) = (setup, failing);
                return true;
            }
        }
        false
    }

    /// Moves to the smallest path of the setup that is found within so many leaves from each
    /// background. Says whether fewer deviations, and less damage with as few, are ruled out.
    fn answers(&mut self, leaves: u64) -> (bool, bool) {
        let Some(mut search) = Search::<J>::new(self.options, &self.setup, self.quarry) else {
            return (false, false);
        };
        while self.calmer(&mut search) {}
        // A failing operation is part of the setup, and no answer.
        let fault = u32::from(self.setup.fault.is_some());
        let mut sought = Vec::new();
        for background in [Background::Newest, Background::Oldest] {
            let below = self.failing.measure.deviations - fault + 1;
            let fewest = search.fewest(background, below, leaves, &mut self.purse);
            if let Some(found) = &fewest.found
                && found.measure < self.failing.measure
                && let Some(found) = self.same_again(&self.setup, found.clone())
            {
                self.failing = found;
            }
            sought.push(fewest);
        }
        let here = self.failing.measure.deviations - fault;
        let ruled_out = |f: &Fewest| f.at_least >= here || (f.found.is_none() && f.complete);
        let fewest = sought.iter().all(ruled_out);
        let shown = |f: &Fewest| f.found.as_ref() == Some(&self.failing);
        let complete = sought.iter().all(|f| f.complete) && sought.iter().any(shown);
        (fewest, fewest && complete)
    }

    /// Sets one answer to "persisted", if that is smaller and still fails.
    fn calmer(&mut self, search: &mut Search<'o, J>) -> bool {
        for at in (0..self.failing.decisions.len()).rev() {
            let mut decisions = self.failing.decisions.clone();
            decisions.remove(at);
            if let Some(found) = search.along(&decisions)
                && found.measure < self.failing.measure
            {
                self.failing = found;
                return true;
            }
        }
        false
    }
}
