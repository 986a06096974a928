//! Shrinking against what it promises: the same failure, no larger, the same each time; and fewest
//! deviations against a count that knows nothing of how shrinking searches.
//!
//! The one idea: every flawed case of the corpus is shrunk; on those whose smallest setup can be
//! visited whole, all leaves are counted here with a chooser of this file.

use std::num::NonZeroU32;

use journal_core::Survivors;
use journal_core::formats::Format;
use simulator::case::Case;
use simulator::choose::{Chooser, Exhaustive, Label, What};
use simulator::disk::{Fill, presets};
use simulator::explore::torture::{Plan, torture};
use simulator::explore::{Bounds, prove};
use simulator::journals::{self, Row, Visitor};
use simulator::oracle::{Oracle, OracleSet};
use simulator::run::{Run, Setup};
use simulator::selftest::{CASES, Expect, Expectation};
use simulator::shrink::{Budget, Shrunk, shrink, shrink_beside, worst};
use simulator::workload::{Identity, Sizes, Workload};

/// The failing cases of the corpus: as given, or the first that a search finds.
fn corpus() -> Vec<(&'static str, Case)> {
    let flawed = CASES.iter().filter_map(|&(name, text)| {
        let read = Expectation::parse(text).unwrap();
        let Expect::Trips { .. } = read.expect else { return None };
        if read.is_replay() {
            return Some((name, read.case));
        }
        let bounds = Bounds { leaves_max: read.leaves_max, first_only: true, ..Bounds::default() };
        let cell = prove(&read.case.journal, &read.case.setup(), bounds).unwrap();
        Some((name, cell.counterexample.unwrap()))
    });
    flawed.collect()
}

fn small(case: &Case) -> Shrunk {
    shrink(case, None, Budget::PATIENT).unwrap().unwrap()
}

/// What must hold of every shrunk case.
fn keeps_its_promises(name: &str, case: &Case) -> Shrunk {
    let broken = case.run(None).unwrap().broken();
    let shrunk = small(case);
    assert_eq!(Some(shrunk.oracle), worst(broken), "{name}");
    let again = shrunk.case.run(None).unwrap().broken();
    assert_eq!(again, shrunk.broken, "{name}");
    assert!(again.contains(shrunk.oracle), "{name}: another oracle");
    assert_eq!(again.and(broken), again, "{name}: breaks what was not broken");
    assert!(shrunk.after <= shrunk.before, "{name}: grew");
    assert_eq!(Case::parse(&shrunk.case.token()).unwrap(), shrunk.case, "{name}");
    assert_eq!(small(case), shrunk, "{name}: not the same twice");
    let twice = small(&shrunk.case);
    assert_eq!(twice.case, shrunk.case, "{name}: shrinks further when shrunk again");
    assert_eq!(twice.before, shrunk.after, "{name}");
    shrunk
}

#[test]
fn shrinking_the_corpus_keeps_the_oracle_never_grows_and_is_done_after_once() {
    let mut entries = (0, 0);
    for (name, case) in corpus() {
        let shrunk = keeps_its_promises(name, &case);
        assert!(!shrunk.out_of_leaves, "{name}");
        assert!(shrunk.fewest && shrunk.least, "{name}: not known to be the fewest");
        entries.0 += shrunk.before.entries;
        entries.1 += shrunk.after.entries;
    }
    assert!(4 * entries.1 < 3 * entries.0, "{entries:?}");
}

#[test]
fn shrinking_a_torture_finding_of_padding_to_512_on_a_512e_disk_leaves_a_few_operations() {
    let plan = Plan {
        payloads: None,
        seed: 7,
        runs: 120,
        journals: vec!["v9-512".to_owned()],
        grid: false,
        contracts: vec![presets::named("hdd-512e").unwrap()],
        varied: false,
        sizes: Sizes::default(),
        shard: (0, 1),
    };
    let (_, found) = torture(&plan, 2).expect("no file");
    let largest = found.iter().max_by_key(|found| found.case.workload.entries()).unwrap();
    let shrunk = keeps_its_promises("v9-512 on hdd-512e", &largest.case);
    assert!(shrunk.before.operations > 10, "{:?}", shrunk.before);
    assert!(shrunk.after.operations <= 5, "{:?}", shrunk.after);
}

#[test]
fn what_came_of_a_like_case_is_taken_where_it_will_do_and_of_no_other() {
    let found = |journal: &str, lives: u32, identity| {
        let workload = Workload::repeated(&Workload::appends(4, 240, 2), lives, Survivors::Carry);
        let setup = Setup {
            contract: presets::named("consumer-nvme-no-plp").unwrap(),
            device_bytes: 128 * 1024,
            fill: Fill::Zeros,
            workload: Workload { identity, ..workload },
            fault: None,
        };
        let bounds = Bounds { first_only: true, ..Bounds::default() };
        prove(journal, &setup, bounds).unwrap().counterexample.unwrap()
    };
    let alone = |case: &Case| shrink(case, None, Budget::QUICK).unwrap().unwrap();
    let one = found("v8", 1, Identity::Fresh);
    let known = [(one.clone(), alone(&one))];
    let beside = |case: &Case| shrink_beside(case, None, Budget::QUICK, &known).unwrap().unwrap();
    let two = found("v8", 2, Identity::Fresh);
    let taken = beside(&two);
    assert_eq!((&taken.case, taken.leaves), (&known[0].1.case, 0));
    assert_eq!((taken.oracle, &taken.before), (alone(&two).oracle, &alone(&two).before));
    assert!(taken.after < taken.before);
    for other in [found("v8r", 2, Identity::Fresh), found("v8", 2, Identity::SameAgain)] {
        assert_eq!(beside(&other), alone(&other), "another journal, or entries that are not fresh");
    }
}

#[test]
fn the_oracle_that_is_asked_for_is_kept_and_one_that_holds_is_nothing_to_shrink() {
    let (_, case) = corpus().into_iter().find(|(name, _)| *name == "flawed/rfc-f5").unwrap();
    let broken = case.run(None).unwrap().broken();
    assert!(broken.contains(Oracle::Durability) && broken.contains(Oracle::Integrity));
    for oracle in broken.iter() {
        let shrunk = shrink(&case, Some(oracle), Budget::QUICK).unwrap().unwrap();
        assert_eq!(shrunk.oracle, oracle);
        assert!(shrunk.broken.contains(oracle));
    }
    assert_eq!(shrink(&case, Some(Oracle::Afterlife), Budget::QUICK), Ok(None));
    let holds = Case { journal: "v9-512".to_owned(), decisions: Vec::new(), ..case };
    assert_eq!(shrink(&holds, None, Budget::QUICK), Ok(None));
}

#[test]
fn a_budget_that_ends_early_still_gives_a_case_that_fails_so() {
    for (name, case) in corpus() {
        for total in [0, 1, 30] {
            let budget = Budget { neighbour: 20, answers: 20, total };
            let shrunk = shrink(&case, None, budget).unwrap().unwrap();
            assert!(shrunk.leaves <= total, "{name}");
            assert!(shrunk.after <= shrunk.before, "{name}");
            let broken = shrunk.case.run(None).unwrap().broken();
            assert!(broken.contains(shrunk.oracle), "{name}");
        }
    }
}

/// Counts, for each path, the answers that are not the newest content and those that are not the
/// oldest, by the words of the fault model and not of the code under test.
struct Count {
    inner: Exhaustive,
    not_newest: u32,
    not_oldest: u32,
}

impl Chooser for Count {
    fn choose(&mut self, what: What, options: NonZeroU32, label: &dyn Fn(u32) -> Label) -> u32 {
        let answer = self.inner.choose(what, options, label);
        if let What::Sector { whole, .. } = what {
            self.not_newest += u32::from(answer != 0);
            self.not_oldest += u32::from(answer + 1 != whole.max(1));
        } else if let What::Why { .. } = what {
            self.not_newest += u32::from(answer != 0);
            self.not_oldest += u32::from(answer != 0);
        }
        answer
    }
}

/// Leaves visited at most by brute force.
const BRUTE_MAX: u64 = 60_000;

/// The fewest deviations over all leaves that break `oracle` and nothing besides `among`; none if
/// there are too many leaves.
struct Brute<'c> {
    case: &'c Case,
    oracle: Oracle,
    among: OracleSet,
}

impl Visitor for Brute<'_> {
    type Out = Option<u32>;

    fn visit<J: Format>(self, _: Row, options: J::Options) -> Option<u32> {
        let (mut run, journal) = Run::<J>::new(&options, self.case.setup()).unwrap();
        run.record(journal, None);
        let mut count = Count { inner: Exhaustive::new(), not_newest: 0, not_oldest: 0 };
        let mut fewest: Option<u32> = None;
        for _ in 0..BRUTE_MAX {
            (count.not_newest, count.not_oldest) = (0, 0);
            count.inner.rewind();
            let broken = run.leaf(&mut count).violated.and(run.owed());
            if broken.contains(self.oracle) && broken.and(self.among) == broken {
                let here = count.not_newest.min(count.not_oldest);
                fewest = Some(fewest.map_or(here, |least| least.min(here)));
            }
            if !count.inner.next_leaf() {
                return fewest;
            }
        }
        None
    }
}

#[test]
fn where_all_leaves_can_be_visited_no_leaf_fails_with_fewer_deviations() {
    let mut checked = 0;
    for (name, case) in corpus() {
        let among = case.run(None).unwrap().broken();
        let shrunk = small(&case);
        let brute = Brute { case: &shrunk.case, oracle: shrunk.oracle, among };
        let Some(fewest) = journals::visit(&shrunk.case.journal, brute).unwrap() else { continue };
        let fault = u32::from(shrunk.case.fault.is_some());
        assert_eq!(shrunk.after.deviations, fewest + fault, "{name}");
        checked += 1;
    }
    assert!(checked > 60, "{checked} setups were small enough");
}
