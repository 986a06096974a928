//! Torture: random workloads, devices and decisions, as many as there is time for.
//!
//! Method. Runs are numbered. A run's seed follows from the campaign's seed and its number alone;
//! it picks a journal and a contract, generates a workload, lets an operation fail in one run of
//! four, and visits a handful of leaves under the random chooser. Workers take numbers in blocks; sums are added and the finding with
//! the lowest number is kept, so the result does not depend on who ran what. Payloads may come from
//! the clusters of a file: which ones follows from the run's number, too.
//!
//! Invariant: the same seed and number of runs give the same result on any number of threads.
//!
//! What it is not: a proof, or a rate of failures in the field. Absence of findings is an upper
//! bound over what was drawn, and no more.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use journal_core::formats::Format;

use crate::case::{Case, decisions_of};
use crate::choose::{Random, Rng};
use crate::disk::contract::Contract;
use crate::disk::{Fault, FaultKind, Fill};
use crate::journals::{self, Row, Visitor};
use crate::oracle::{Evaluated, OracleSet};
use crate::run::{Run, Setup};
use crate::workload::clusters::Clusters;
use crate::workload::from_file::FromFileError;
use crate::workload::{Sizes, generate};

/// A campaign.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Everything follows from it.
    pub seed: u64,
    /// Runs at most: a workload each, with several leaves.
    pub runs: u64,
    /// Journals to draw from.
    pub journals: Vec<String>,
    /// Devices to draw from.
    pub contracts: Vec<Contract>,
    /// Threads.
    pub jobs: usize,
    /// Bounds of the workloads.
    pub sizes: Sizes,
    /// A file that the payloads come from, instead of noise.
    pub payloads: Option<Arc<Clusters>>,
}

/// What was seen of one journal on one device.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// Workloads run.
    pub runs: u64,
    /// Crash states visited.
    pub leaves: u64,
    /// Recoveries run.
    pub recoveries: u64,
    /// Leaves that violated each oracle, owed or not.
    pub violations: [u64; 9],
    /// Leaves that violated an owed oracle.
    pub failing: u64,
    /// How often each oracle was evaluated.
    pub evaluated: Evaluated,
    /// Workloads that did not fit the device.
    pub senseless: u64,
    /// The failing case with the lowest run number: that number, which oracles, the case.
    pub first: Option<(u64, OracleSet, Case)>,
}

/// The result of a campaign.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tortured {
    /// Runs done.
    pub runs: u64,
    /// By journal and device, in order of name.
    pub seen: BTreeMap<(String, String), Seen>,
}

/// Leaves visited per workload.
const LEAVES_PER_RUN: u32 = 32;

/// Runs that a worker takes at once.
const BLOCK: u64 = 64;

/// Bytes of the simulated device: small, so that laps are short.
const DEVICE_BYTES: u64 = 128 * 1024;

/// Runs the campaign until its runs are done or `stop` says so. `progress` is told the runs done.
///
/// # Errors
/// When the file that payloads come from cannot be read any more.
pub fn torture(
    plan: &Plan,
    stop: &(dyn Fn() -> bool + Sync),
    progress: &(dyn Fn(u64) + Sync),
) -> Result<Tortured, FromFileError> {
    let next = AtomicU64::new(0);
    let total = Mutex::new(Ok(Tortured::default()));
    let add = |mine: Result<Tortured, FromFileError>| {
        let mut total = total.lock().expect("no worker panics while it adds");
        match (&mut *total, mine) {
            (Ok(total), Ok(mine)) => total.add(mine),
            (Ok(_), Err(error)) => *total = Err(error),
            (Err(_), _) => {}
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..plan.jobs.max(1) {
            scope.spawn(|| {
                let mut mine = Tortured::default();
                while !stop() {
                    let start = next.fetch_add(BLOCK, Ordering::Relaxed);
                    if start >= plan.runs {
                        break;
                    }
                    for number in start..(start + BLOCK).min(plan.runs) {
                        if let Err(error) = one(plan, number, &mut mine) {
                            // Nobody begins another block.
                            next.store(plan.runs, Ordering::Relaxed);
                            return add(Err(error));
                        }
                    }
                    progress(next.load(Ordering::Relaxed).min(plan.runs));
                }
                add(Ok(mine));
            });
        }
    });
    total.into_inner().expect("no worker panics while it adds")
}

/// The seed of a run: mixed, so that neighbours share nothing.
fn seed_of(seed: u64, number: u64) -> u64 {
    let mut mixer = Rng::new(seed ^ number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    mixer.draw()
}

/// In one run of four an operation of the first life fails: one of the first 2, 4 .. 64, since
/// most lives are short and what fails early has more behind it.
fn fault(rng: &mut Rng) -> Option<Fault> {
    if rng.below(4) != 0 {
        return None;
    }
    let kinds = [FaultKind::Error, FaultKind::ErrorButDone, FaultKind::NoSpace];
    let kind = kinds[rng.below(3) as usize];
    let operations = 2 << rng.below(6);
    Some(Fault { operation: rng.below(operations), kind })
}

fn one(plan: &Plan, number: u64, into: &mut Tortured) -> Result<(), FromFileError> {
    into.runs += 1;
    let mut random = Random::new(seed_of(plan.seed, number));
    if plan.journals.is_empty() || plan.contracts.is_empty() {
        return Ok(());
    }
    let journal = &plan.journals[random.rng().below(plan.journals.len() as u32) as usize];
    let contract = &plan.contracts[random.rng().below(plan.contracts.len() as u32) as usize];
    let seen = into.seen.entry((journal.clone(), contract.name.clone())).or_default();
    seen.runs += 1;
    journals::visit(journal, OneRun { plan, number, contract, random, seen }).unwrap_or(Ok(()))
}

struct OneRun<'a> {
    plan: &'a Plan,
    number: u64,
    contract: &'a Contract,
    random: Random,
    seen: &'a mut Seen,
}

impl Visitor for OneRun<'_> {
    type Out = Result<(), FromFileError>;

    fn visit<J: Format>(mut self, row: Row, options: J::Options) -> Self::Out {
        let geometry = self.contract.geometry(DEVICE_BYTES);
        let limits = J::limits(&options, geometry);
        let mut workload = generate(&mut self.random, &limits, self.plan.sizes);
        if let Some(clusters) = &self.plan.payloads {
            workload = clusters.feed(self.number, workload)?;
        }
        let fill = [Fill::Zeros, Fill::Ones, Fill::Noise][self.random.rng().below(3) as usize];
        let fault = fault(self.random.rng());
        let contract = self.contract.clone();
        let setup = Setup { contract, device_bytes: DEVICE_BYTES, fill, workload, fault };
        let Ok((mut run, journal)) = Run::<J>::new(&options, setup) else {
            self.seen.senseless += 1;
            return Ok(());
        };
        run.record(journal, None);
        for _ in 0..LEAVES_PER_RUN {
            self.random.draw_style();
            let before = self.random.clone();
            let leaf = run.leaf(&mut self.random);
            self.seen.leaves += 1;
            self.seen.recoveries += u64::from(leaf.recoveries);
            for oracle in leaf.violated.iter() {
                self.seen.violations[oracle as usize] += 1;
            }
            let broken = leaf.violated.and(run.owed());
            if broken.is_empty() {
                continue;
            }
            self.seen.failing += 1;
            if self.seen.first.as_ref().is_none_or(|first| first.0 > self.number) {
                let case = Case::new(row.name, run.setup());
                let (_, decisions) = decisions_of(&mut run, before);
                self.seen.first = Some((self.number, broken, Case { decisions, ..case }));
            }
        }
        self.seen.evaluated.add(&run.evaluated);
        Ok(())
    }
}

impl Tortured {
    /// Adds what another worker saw.
    pub fn add(&mut self, other: Tortured) {
        self.runs += other.runs;
        for (key, theirs) in other.seen {
            let mine = self.seen.entry(key).or_default();
            mine.runs += theirs.runs;
            mine.leaves += theirs.leaves;
            mine.recoveries += theirs.recoveries;
            mine.failing += theirs.failing;
            mine.senseless += theirs.senseless;
            mine.evaluated.add(&theirs.evaluated);
            for (mine, theirs) in mine.violations.iter_mut().zip(theirs.violations) {
                *mine += theirs;
            }
            let earlier = match (&mine.first, &theirs.first) {
                (Some(mine), Some(theirs)) => theirs.0 < mine.0,
                (None, Some(_)) => true,
                _ => false,
            };
            if earlier {
                mine.first = theirs.first;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::presets;

    fn plan(jobs: usize) -> Plan {
        let contracts = ["consumer-nvme-no-plp", "hdd-512e"];
        Plan {
            seed: 7,
            runs: 300,
            journals: vec!["v9-512".to_owned(), "sqlite-wal".to_owned()],
            contracts: contracts.iter().map(|name| presets::named(name).unwrap()).collect(),
            jobs,
            sizes: Sizes::default(),
            payloads: None,
        }
    }

    #[test]
    fn the_result_is_the_same_on_any_number_of_threads() {
        let run = |jobs| torture(&plan(jobs), &|| false, &|_| ()).unwrap();
        let one = run(1);
        assert_eq!(one, run(2));
        assert_eq!(one, run(5));
        assert_eq!(one.runs, 300);
    }

    #[test]
    fn what_it_finds_replays_to_the_same_violation() {
        let found = torture(&plan(2), &|| false, &|_| ()).unwrap();
        let firsts: Vec<_> = found.seen.values().filter_map(|seen| seen.first.as_ref()).collect();
        assert!(!firsts.is_empty(), "v9-512 on 512e loses acknowledged entries");
        for (_, broken, case) in firsts {
            let again = case.run(None).unwrap();
            assert_eq!(again.broken(), *broken);
            let token = Case::parse(&case.token()).unwrap();
            assert_eq!(&token, case);
            assert_eq!(&Case::parse(&case.json()).unwrap(), case);
        }
    }

    #[test]
    fn payloads_of_a_file_are_the_same_on_any_number_of_threads_and_stay_in_the_case() {
        use std::io::Write;
        let mut file = tempfile::NamedTempFile::new().unwrap();
        for number in 0..90u32 {
            file.write_all(&number.to_le_bytes().repeat(16 * 1024)).unwrap();
        }
        let clusters = Arc::new(Clusters::open(file.path(), 4).unwrap());
        let run = |jobs| {
            let plan = Plan { payloads: Some(clusters.clone()), runs: 192, ..plan(jobs) };
            torture(&plan, &|| false, &|_| ())
        };
        let one = run(1).unwrap();
        assert_eq!(one, run(3).unwrap());
        let firsts: Vec<_> = one.seen.values().filter_map(|seen| seen.first.as_ref()).collect();
        assert!(!firsts.is_empty(), "v9-512 on 512e loses acknowledged entries");
        // A file that is gone fails a campaign, and no case.
        file.as_file().set_len(0).unwrap();
        assert!(matches!(run(3), Err(FromFileError::Io { .. })));
        for (_, broken, case) in firsts {
            let again = Case::parse(&case.token()).unwrap();
            assert_eq!(&again, case);
            assert_eq!(again.run(None).unwrap().broken(), *broken);
        }
    }

    #[test]
    fn sound_twins_are_silent_and_ones_that_take_errors_lightly_are_found() {
        let on = |journal: &str| {
            let plan = Plan { runs: 400, journals: vec![journal.to_owned()], ..plan(2) };
            torture(&plan, &|| false, &|_| ()).unwrap().seen
        };
        for sound in ["twin-sound", "twin-sound-erase", "twin-sound-commit-record"] {
            for (pair, seen) in on(sound) {
                let token = seen.first.map(|(number, _, case)| (number, case.token()));
                assert_eq!((seen.failing, token), (0, None), "{pair:?}");
            }
        }
        for flawed in
            ["twin-retries-flush", "twin-swallows-write-error", "twin-continues-after-no-space"]
        {
            let faults: Vec<_> = on(flawed)
                .into_values()
                .filter_map(|seen| Some(seen.first?.2.fault.is_some()))
                .collect();
            assert_eq!(faults, [true, true], "{flawed}: found by a fault, on both devices");
        }
    }
}
