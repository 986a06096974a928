//! The frontier: the most hostile contracts under which a journal keeps what it claims.
//!
//! Method. What a contract allows grows with every knob (`lattice.rs`), so a *fixed* set of claims
//! that holds on a device holds on every kinder one: survival is antitone. The search keeps a map of
//! points that are known to survive or to break, and takes the kindest unknown one, again and again.
//! If it survives, knob after knob is turned towards hostile as far as it goes: a maximal contract,
//! and all below it survive. If it breaks, knob after knob is turned back as long as it breaks: a
//! minimal cause, and all above it break. When nothing is unknown, all maximal contracts are known
//! (the scheme of MARCO, Liffiton et al., 2016, on chains instead of subsets).
//!
//! What is *owed* depends on the contract (`Oracle::owed`): less where flushes lie, so what is owed
//! there may hold where more was broken on a kinder device. Hence two fixed sets, each asked for
//! everywhere, owed or not:
//!
//! - `promises`: all that is owed on the kindest device of the lattice; over two lives;
//! - `nothing-wrong`: of these, what is owed on every device: order, integrity, and atomicity where
//!   it is promised; over one life. Losing entries is allowed, showing wrong ones is not. (A crash
//!   state in which something owed broke is not lived on in: more would be owed on a kind device, so
//!   less of the second life seen there.)
//!
//! Invariant: a maximal contract was proven: every leaf visited, no claim of the set violated. Same
//! bytes on any number of threads.
//!
//! What it is not: a claim beyond its small script, or a list of devices that exist. A contract that
//! could not be decided within the bound counts as broken, and is told.

pub mod lattice;

use std::collections::BTreeMap;

use journal_core::formats::Format;
use journal_core::{Stepwise, Survivors};
use serde::{Deserialize, Serialize};

use super::cell::{Verdict, prove_with};
use super::prove::Bounds;
use crate::case::Case;
use crate::disk::Fill;
use crate::disk::contract::Contract;
use crate::journals::{self, Row, Visitor};
use crate::oracle::{Oracle, OracleSet};
use crate::run::{Run, Setup, Tree};
use crate::workload::{Life, Op, Workload};
use lattice::{Base, KNOBS, Knob, Point, at_most, point, size};

/// A journal on the contracts of a geometry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "program", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Survey {
    /// The journal.
    pub journal: String,
    /// The sectors.
    pub base: Base,
    /// The verdict on the kindest device.
    pub kindest: Verdict,
    /// Why, if it does not say.
    pub why: Option<String>,
    /// For each set of claims, how far they hold; empty if they do not hold on the kindest device.
    pub claims: Vec<Claim>,
}

/// A fixed set of claims, owed or not, and the lives over which they are asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claims {
    /// What it is called.
    pub name: String,
    /// The claims.
    pub oracles: OracleSet,
    /// Lives of the script: 1 or 2.
    pub lives: u32,
}

impl Claim {
    /// What was asked for.
    #[must_use]
    pub fn claims(&self) -> Claims {
        let oracles = self.oracles.iter().copied().collect();
        Claims { name: self.name.clone(), oracles, lives: self.lives }
    }
}

/// How far a set of claims holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "program", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Claim {
    /// `promises` or `nothing-wrong`.
    pub name: String,
    /// The claims.
    pub oracles: Vec<Oracle>,
    /// Lives of the script, each ended by a power cut.
    pub lives: u32,
    /// The most hostile contracts under which they hold: none is at most another.
    pub maximal: Vec<Maximal>,
    /// Contracts that were explored.
    pub proofs: u64,
    /// Whether every contract of the lattice is known to lie below a maximal one or not.
    pub complete: bool,
}

impl Claim {
    /// Steps that no device may take: each breaks something beyond every maximal contract, so that no contract
    /// which is survived has gone so far in that knob. As told of the first; none where not all was decided.
    #[must_use]
    pub fn never(&self) -> Vec<&Beyond> {
        let Some((first, others)) = self.maximal.split_first().filter(|_| self.complete) else {
            return Vec::new();
        };
        let breaks = |found: &Maximal, step: &str| {
            found.beyond.iter().any(|beyond| beyond.step == step && !beyond.broken.is_empty())
        };
        let is_everywhere =
            |beyond: &&Beyond| others.iter().all(|found| breaks(found, &beyond.step));
        first
            .beyond
            .iter()
            .filter(|beyond| !beyond.broken.is_empty())
            .filter(is_everywhere)
            .collect()
    }
}

/// A contract that is survived, and what breaks just beyond it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "program", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Maximal {
    /// The contract.
    pub contract: Contract,
    /// One step of each knob.
    pub beyond: Vec<Beyond>,
}

/// One step beyond.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "program", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Beyond {
    /// The knob.
    pub knob: Knob,
    /// The step, in words.
    pub step: String,
    /// The claims that break; none if that was not decided within the bound.
    pub broken: Vec<Oracle>,
    /// Whether one of them is owed on that device at all.
    pub owed: bool,
    /// The case that shows it, as one word.
    pub token: Option<String>,
}

/// How long to search.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Effort {
    /// Leaves at most on each contract.
    pub leaves_max: u64,
    /// Contracts explored at most for each set of claims.
    pub proofs_max: u64,
    /// Contracts that are not decided within the bound, at most: each counts as broken and splits
    /// what lies around it, so that a search among many of them finds little but the bound.
    pub undecided_max: u64,
}

impl Default for Effort {
    fn default() -> Self {
        Effort { leaves_max: 60_000, proofs_max: 400, undecided_max: 3 }
    }
}

/// What came of one contract.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tested {
    /// Every leaf was visited, and the claims held.
    Holds,
    /// These broke, in this case; whether one of them is owed there.
    Breaks(OracleSet, Box<Case>, bool),
    /// The bound came first, or the journal does not run there.
    Undecided,
}

/// The experiment of a frontier: an acknowledged entry, then two in one commit that straddle
/// sectors; in the second of two lives one more, over what the first may have left behind a hole.
#[must_use]
pub fn setup(contract: &Contract, lives: u32) -> Setup {
    let (large, small) = (Op::Append(240), Op::Append(48));
    let life = |ops: &[Op]| Life { resume: Survivors::Carry, ops: ops.to_vec() };
    let mut script =
        vec![life(&[small, Op::Commit, large, large, Op::Commit]), life(&[large, Op::Commit])];
    script.truncate(lives as usize);
    let once = Workload::repeated(&[], 1, Survivors::Carry);
    Setup {
        contract: contract.clone(),
        device_bytes: 128 * 1024,
        fill: Fill::Zeros,
        workload: Workload { lives: script, ..once },
        fault: None,
    }
}

/// Finds the frontier of a journal on a geometry. `None` if there is no such journal.
#[must_use]
pub fn survey(journal: &str, base: Base, effort: Effort) -> Option<Survey> {
    journals::visit(journal, Surveyor { base, effort })
}

/// Whether fixed claims hold for a journal on a contract. `None` if there is no such journal.
#[must_use]
pub fn test(
    journal: &str,
    contract: &Contract,
    claims: &Claims,
    leaves_max: u64,
) -> Option<Tested> {
    journals::visit(journal, Tester { contract, claims, leaves_max })
}

struct Tester<'c> {
    contract: &'c Contract,
    claims: &'c Claims,
    leaves_max: u64,
}

impl Visitor for Tester<'_> {
    type Out = Tested;

    fn visit<J: Format>(self, row: Row, options: J::Options) -> Tested {
        tested::<J>(row.name, &options, self.contract, self.claims, self.leaves_max)
    }
}

fn tested<J: Stepwise>(
    name: &str,
    options: &J::Options,
    contract: &Contract,
    claims: &Claims,
    leaves_max: u64,
) -> Tested {
    let setup = setup(contract, claims.lives);
    let Ok((mut run, journal)) = Run::<J>::new(options, setup.clone()) else {
        return Tested::Undecided;
    };
    run.record(journal, None);
    let mut tree = Tree::default();
    for _ in 0..leaves_max {
        let Some(leaf) = run.next_leaf(&mut tree) else {
            return match tree.nondeterminism() {
                None => Tested::Holds,
                Some(_) => Tested::Undecided,
            };
        };
        let broken = leaf.violated.and(claims.oracles);
        if !broken.is_empty() {
            let path = tree.path().to_vec();
            run.leave();
            let Ok((_, decisions)) = run.decisions_at(&path, broken) else {
                return Tested::Undecided;
            };
            let case = Case { decisions, ..Case::new(name, &setup) };
            return Tested::Breaks(broken, Box::new(case), !broken.and(run.owed()).is_empty());
        }
    }
    match tree.is_last() && tree.nondeterminism().is_none() {
        true => Tested::Holds,
        false => Tested::Undecided,
    }
}

struct Surveyor {
    base: Base,
    effort: Effort,
}

impl Visitor for Surveyor {
    type Out = Survey;

    fn visit<J: Format>(self, row: Row, options: J::Options) -> Survey {
        let Surveyor { base, effort } = self;
        let kindest = base.contract(&[0; KNOBS]).expect("the kindest point is a device");
        let bounds =
            Bounds { leaves_max: effort.leaves_max, first_only: false, ..Bounds::default() };
        let cell = prove_with::<J>(row.name, &options, &setup(&kindest, 2), bounds);
        let mut found = Survey {
            journal: row.name.to_owned(),
            base,
            kindest: cell.verdict,
            why: cell.why,
            claims: Vec::new(),
        };
        if !matches!(cell.verdict, Verdict::Proven | Verdict::Hollow | Verdict::NotMeasured) {
            return found;
        }
        let always: OracleSet =
            [Oracle::Order, Oracle::Integrity, Oracle::Atomicity].into_iter().collect();
        for claims in [
            Claims { name: "promises".to_owned(), oracles: cell.owed, lives: 2 },
            Claims { name: "nothing-wrong".to_owned(), oracles: cell.owed.and(always), lives: 1 },
        ] {
            let test = |contract: &Contract| {
                tested::<J>(row.name, &options, contract, &claims, effort.leaves_max)
            };
            let mut search = Search::new(base, &test, effort);
            found.claims.push(search.claim(&claims));
        }
        found
    }
}

/// What is known of a point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Known {
    Nothing,
    Survives,
    Breaks,
    /// The values make no device.
    NoDevice,
}

struct Search<'t> {
    base: Base,
    values: Point,
    points: Vec<(Point, Known)>,
    test: &'t dyn Fn(&Contract) -> Tested,
    /// Contracts that were explored, by their normal point.
    memo: BTreeMap<Point, Tested>,
    effort: Effort,
}

impl<'t> Search<'t> {
    fn new(base: Base, test: &'t dyn Fn(&Contract) -> Tested, effort: Effort) -> Self {
        let values = base.values();
        let with = |point: Point| match base.contract(&point) {
            Some(_) => (point, Known::Nothing),
            None => (point, Known::NoDevice),
        };
        let points = (0..size(&values)).map(|rank| with(point(&values, rank))).collect();
        Search { base, values, points, test, memo: BTreeMap::new(), effort }
    }

    fn rank(&self, point: &Point) -> usize {
        let digits = point.iter().zip(&self.values);
        digits.fold(0, |rank, (&digit, &values)| rank * usize::from(values) + usize::from(digit))
    }

    fn tested(&mut self, point: &Point) -> &Tested {
        let key = self.base.normal(point);
        let (base, test) = (self.base, self.test);
        self.memo.entry(key).or_insert_with(|| match base.contract(&key) {
            Some(contract) => test(&contract),
            None => Tested::Undecided,
        })
    }

    fn survives(&mut self, point: &Point) -> bool {
        match self.points[self.rank(point)].1 {
            Known::Survives => true,
            Known::Breaks | Known::NoDevice => false,
            Known::Nothing => *self.tested(point) == Tested::Holds,
        }
    }

    /// Whether a point is no device, or known or found to break.
    fn breaks(&mut self, point: &Point) -> bool {
        self.points[self.rank(point)].1 != Known::NoDevice && !self.survives(point)
    }

    fn mark(&mut self, known: Known, covers: impl Fn(&Point) -> bool) {
        for (point, state) in &mut self.points {
            if *state == Known::Nothing && covers(point) {
                *state = known;
            }
        }
    }

    /// Turns knobs towards hostile while `point` survives.
    fn grown(&mut self, mut point: Point) -> Point {
        for knob in 0..KNOBS {
            for value in (point[knob] + 1..self.values[knob]).rev() {
                let mut next = point;
                next[knob] = value;
                if self.survives(&next) {
                    point = next;
                    break;
                }
            }
        }
        point
    }

    /// Turns knobs towards kind while `point` breaks.
    fn shrunk(&mut self, mut point: Point) -> Point {
        for knob in 0..KNOBS {
            for value in 0..point[knob] {
                let mut next = point;
                next[knob] = value;
                if self.breaks(&next) {
                    point = next;
                    break;
                }
            }
        }
        point
    }

    fn claim(&mut self, claims: &Claims) -> Claim {
        let mut found: Vec<Point> = Vec::new();
        let mut from = 0;
        while let Some(next) =
            self.points[from..].iter().position(|(_, known)| *known == Known::Nothing)
        {
            from += next;
            let undecided = self.memo.values().filter(|tested| **tested == Tested::Undecided);
            if undecided.count() as u64 >= self.effort.undecided_max
                || self.memo.len() as u64 >= self.effort.proofs_max
            {
                break;
            }
            let seed = self.points[from].0;
            if self.survives(&seed) {
                let maximal = self.grown(seed);
                self.mark(Known::Survives, |point| at_most(point, &maximal));
                found.push(maximal);
            } else {
                let minimal = self.shrunk(seed);
                self.mark(Known::Breaks, |point| at_most(&minimal, point));
            }
        }
        let complete = self.points.iter().all(|(_, known)| *known != Known::Nothing);
        let mut normal: Vec<Point> = found.iter().map(|point| self.base.normal(point)).collect();
        normal.sort_unstable();
        normal.dedup();
        let highest =
            |point: &&Point| !normal.iter().any(|other| other != *point && at_most(point, other));
        let highest: Vec<Point> = normal.iter().filter(highest).copied().collect();
        Claim {
            name: claims.name.clone(),
            oracles: claims.oracles.iter().collect(),
            lives: claims.lives,
            maximal: highest.iter().rev().map(|point| self.maximal(point)).collect(),
            proofs: self.memo.len() as u64,
            complete,
        }
    }

    fn maximal(&mut self, point: &Point) -> Maximal {
        let here = self.base.contract(point).expect("it was explored");
        let mut beyond = Vec::new();
        for knob in Knob::ALL {
            let mut next = *point;
            next[knob as usize] += 1;
            if next[knob as usize] >= self.values[knob as usize] {
                continue;
            }
            match self.base.contract(&next) {
                Some(contract) if contract != here => {}
                _ => continue,
            }
            let step = knob.step(point[knob as usize]).to_owned();
            let (broken, owed, token) = match self.tested(&next) {
                Tested::Holds => continue,
                Tested::Breaks(broken, case, owed) => (*broken, *owed, Some(case.token())),
                Tested::Undecided => (OracleSet::default(), false, None),
            };
            beyond.push(Beyond { knob, step, broken: broken.iter().collect(), owed, token });
        }
        Maximal { contract: here, beyond }
    }
}
