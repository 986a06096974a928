//! One run, and one block of runs.
//!
//! Method. A run records its workload once and visits [`LEAVES_PER_RUN`] leaves of it. The first leaf
//! is watched, for what its recoveries decide; watching costs, so the others are not.
//!
//! Invariant: what a run does follows from the plan and its number. [`found_again`] makes any finding
//! again from its [`Spot`], so a campaign need not keep cases.
//!
//! What it is not: the judge of what is new. See `totals.rs`.

use std::collections::BTreeMap;

use journal_core::formats::Format;

use super::finding::{Fingerprint, Found, Spot};
use super::outcome::{Counting, decision, outcome};
use super::swarm::{Drawn, draw, fault};
use super::threads::Known;
use super::totals::{Seen, Totals};
use super::{BLOCK_RUNS, BUDGET, DEVICE_BYTES, LEAVES_PER_RUN, Plan};
use crate::case::{Case, decisions_of};
use crate::choose::{Random, Rng};
use crate::disk::{Disk, Fill};
use crate::journals::{self, Row, Visitor};
use crate::oracle::{Ledger, OracleSet};
use crate::run::{Event, Run, Setup};
use crate::shrink::{shrink, worst};
use crate::workload::from_file::FromFileError;
use crate::workload::generate_with;

/// What came of a block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// What was seen in it.
    pub totals: Totals,
    /// Its findings that were not known when they were looked at, shrunk.
    pub found: Vec<Found>,
}

/// A failure as it was met: where, what is broken, and the case.
type Raw = (u64, u32, OracleSet, Case);

/// Runs a block. What `known` has is not shrunk again.
///
/// # Errors
/// When the file that payloads come from cannot be read any more.
pub fn block(plan: &Plan, number: u64, known: &Known) -> Result<Block, FromFileError> {
    let mut totals = Totals::default();
    let mut raw = BTreeMap::new();
    for run in plan.runs_of(number) {
        one(plan, run, None, &mut totals, &mut raw)?;
    }
    totals.blocks = 1;
    let mut found = Vec::new();
    for (fingerprint, raw) in raw {
        let place = (raw.0, raw.1);
        if known.has(fingerprint, place) {
            continue;
        }
        let one = finished(fingerprint, raw);
        totals.findings.insert(fingerprint, one.spot);
        found.push(one);
    }
    found.sort_by_key(|one| one.spot);
    Ok(Block { totals, found })
}

/// Makes a finding again.
///
/// # Errors
/// When the file that payloads come from cannot be read any more. `None` if there is no such failure:
/// then the plan is another one, or the journal is not deterministic.
pub fn found_again(
    plan: &Plan,
    fingerprint: Fingerprint,
    spot: Spot,
) -> Result<Option<Found>, FromFileError> {
    let (mut totals, mut raw) = (Totals::default(), BTreeMap::new());
    one(plan, spot.run, Some(spot.leaf), &mut totals, &mut raw)?;
    Ok(raw.remove(&fingerprint).map(|raw| finished(fingerprint, raw)))
}

fn finished(fingerprint: Fingerprint, (run, leaf, broken, case): Raw) -> Found {
    let shrunk = shrink(&case, Some(fingerprint.oracle), BUDGET).ok().flatten();
    let spot = Spot { run, leaf, crc: 0 };
    let found = Found { fingerprint, spot, broken, case, shrunk };
    let crc = journal_core::checksum::crc32c(found.shown().json().as_bytes());
    Found { spot: Spot { crc, ..spot }, ..found }
}

/// The seed of a run: mixed, so that neighbours share nothing.
fn seed_of(seed: u64, number: u64) -> u64 {
    let mut mixer = Rng::new(seed ^ number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    mixer.draw()
}

/// Does one run; `only` keeps the failure of that leaf alone.
fn one(
    plan: &Plan,
    number: u64,
    only: Option<u32>,
    into: &mut Totals,
    raw: &mut BTreeMap<Fingerprint, Raw>,
) -> Result<(), FromFileError> {
    into.runs += 1;
    let mut random = Random::new(seed_of(plan.seed, number));
    let Some(drawn) = draw(plan, &mut random) else { return Ok(()) };
    let name = drawn.journal;
    journals::visit(name, OneRun { plan, number, only, drawn, random, into, raw }).unwrap_or(Ok(()))
}

struct OneRun<'a, 'p> {
    plan: &'p Plan,
    number: u64,
    only: Option<u32>,
    drawn: Drawn<'p>,
    random: Random,
    into: &'a mut Totals,
    raw: &'a mut BTreeMap<Fingerprint, Raw>,
}

impl Visitor for OneRun<'_, '_> {
    type Out = Result<(), FromFileError>;

    fn visit<J: Format>(mut self, row: Row, options: J::Options) -> Self::Out {
        let Drawn { row: key, design, styles, .. } = self.drawn;
        let seen = self.into.seen.entry(key).or_default();
        seen.runs += 1;
        let setup = setup::<J>(self.plan, self.number, &self.drawn, &mut self.random, &options)?;
        let Ok((mut run, journal)) = Run::<J>::new(&options, setup) else {
            seen.senseless += 1;
            return Ok(());
        };
        run.record(journal, None);
        let mut classes = Vec::with_capacity(2 * LEAVES_PER_RUN as usize);
        for number in 0..LEAVES_PER_RUN {
            draw_style(&mut self.random, styles);
            let before = self.random.clone();
            let mut counting = Counting { chooser: &mut self.random, questions: 0 };
            let leaf = if number == 0 {
                let mut look = |_: &Disk, _: &Ledger, event: Event<'_>| {
                    classes.extend(decision(key, design, &event));
                };
                run.leaf_watched(&mut counting, Some(&mut look))
            } else {
                run.leaf(&mut counting)
            };
            let broken = leaf.violated.and(run.owed());
            classes.push(outcome(key, design, &leaf, broken, counting.questions));
            seen.leaf(&leaf, broken, (self.number, number));
            let Some(oracle) = worst(broken) else { continue };
            let fingerprint = Fingerprint { row: key, design, oracle };
            if self.only.is_some_and(|only| only != number) || self.raw.contains_key(&fingerprint) {
                continue;
            }
            let case = Case::new(row.name, run.setup());
            let (_, decisions) = decisions_of(&mut run, before);
            let case = Case { decisions, ..case };
            self.raw.insert(fingerprint, (self.number, number, broken, case));
        }
        seen.evaluations(&run.evaluated);
        classes.sort_unstable();
        classes.dedup();
        let block = self.number / BLOCK_RUNS;
        for class in classes {
            self.into.classes.entry(class).or_insert(block);
        }
        Ok(())
    }
}

/// A run's experiment and its chooser, without the campaign around them: for whoever wants the same work
/// done bare, and compares.
#[derive(Clone, Debug)]
pub struct Bare {
    /// The journal's name.
    pub journal: &'static str,
    /// The experiment.
    pub setup: Setup,
    /// Behind all that the experiment was drawn with.
    pub random: Random,
    styles: Option<u8>,
}

impl Bare {
    /// Draws the style of the next leaf.
    pub fn draw_style(&mut self) {
        draw_style(&mut self.random, self.styles);
    }
}

/// What a run is about; nothing if the plan has nothing to draw from.
///
/// # Errors
/// When the file that payloads come from cannot be read any more.
pub fn bare(plan: &Plan, number: u64) -> Result<Option<Bare>, FromFileError> {
    struct Draws<'a, 'p>(&'a Plan, u64, Drawn<'p>, Random);
    impl Visitor for Draws<'_, '_> {
        type Out = Result<Bare, FromFileError>;
        fn visit<J: Format>(self, row: Row, options: J::Options) -> Self::Out {
            let Draws(plan, number, drawn, mut random) = self;
            let setup = setup::<J>(plan, number, &drawn, &mut random, &options)?;
            Ok(Bare { journal: row.name, setup, random, styles: drawn.styles })
        }
    }
    let mut random = Random::new(seed_of(plan.seed, number));
    let Some(drawn) = draw(plan, &mut random) else { return Ok(None) };
    journals::visit(drawn.journal, Draws(plan, number, drawn, random)).transpose()
}

fn draw_style(random: &mut Random, styles: Option<u8>) {
    match styles {
        Some(styles) => random.draw_style_of(styles),
        None => random.draw_style(),
    }
}

/// What the run sets up.
fn setup<J: Format>(
    plan: &Plan,
    number: u64,
    drawn: &Drawn<'_>,
    random: &mut Random,
    options: &J::Options,
) -> Result<Setup, FromFileError> {
    let geometry = drawn.contract.geometry(DEVICE_BYTES);
    let limits = J::limits(options, geometry);
    let mut workload = generate_with(random, &limits, drawn.sizes, drawn.features);
    if let Some(clusters) = &plan.payloads {
        workload = clusters.feed(number, workload)?;
    }
    let fill = [Fill::Zeros, Fill::Ones, Fill::Noise][random.rng().below(3) as usize];
    let fault = if drawn.faults { fault(random.rng()) } else { None };
    let contract = drawn.contract.clone().into_owned();
    Ok(Setup { contract, device_bytes: DEVICE_BYTES, fill, workload, fault })
}

impl Seen {
    fn leaf(&mut self, leaf: &crate::run::Leaf, broken: OracleSet, place: (u64, u32)) {
        self.leaves += 1;
        self.recoveries += u64::from(leaf.recoveries);
        for oracle in leaf.violated.iter() {
            self.violations[oracle as usize] += 1;
        }
        if !broken.is_empty() {
            self.failing += 1;
            self.first = Some(self.first.map_or(place, |first| first.min(place)));
        }
    }
}
