//! The choosers against each other: all of them walk the same tree.
//!
//! Method: for small random cases the exhaustive chooser gives the set of transcripts. Random seeds
//! and random tapes must stay inside it, and reach all of it where it is small. Every leaf is
//! recorded and replayed by name, and must tell the same again.
//!
//! Invariant: fixed seeds; a set that should be reached is so small that the seeds given suffice
//! with room to spare.

use std::collections::HashSet;
use std::num::NonZeroU32;

use simulator::choose::{Chooser, Exhaustive, Label, Random, Record, Replay, Rng, Tape, What};
use simulator::disk::{Disk, Mark};

use crate::compare::{disk_after_cut, leaves, run_lives};
use crate::program::{Transcript, tell};
use crate::traces::{Case, case, mix};

/// Sets up to this size must be reached.
const REACHED_MAX: usize = 8;
/// Runs that have to reach them.
const RUNS: u64 = 900;

/// Cases with between two and `most` leaves.
fn small_cases(salt: u64, count: usize, most: usize) -> Vec<(Case, Vec<Transcript>)> {
    let drawn = (0..).map(|seed| case(mix(&[salt, seed]), &|_, _| {}));
    let valid = drawn.filter(|case| case.contract.validate().is_ok());
    let with_leaves = valid.map(|case| {
        let leaves = leaves(&case, most + 1);
        (case, leaves)
    });
    with_leaves.filter(|(_, all)| (2..=most).contains(&all.len())).take(count).collect()
}

fn run<C: Chooser>(case: &Case, disk: &mut Disk, mark: &Mark, chooser: &mut C) -> Transcript {
    disk.rewind(mark);
    run_lives(case, disk, chooser)
}

/// Runs with `chooser` of a seed stay inside the leaves, and reach all if they are few.
fn covers(salt: u64, chooser: &dyn Fn(&Case, &mut Disk, &Mark, u64) -> Transcript) {
    for (case, leaves) in small_cases(salt, 40, 200) {
        let all: HashSet<&Transcript> = leaves.iter().collect();
        let mut disk = disk_after_cut(&case);
        let mark = disk.mark();
        let mut reached = HashSet::new();
        let few = all.len() <= REACHED_MAX;
        for seed in 0..if few { RUNS } else { RUNS / 20 } {
            let told = chooser(&case, &mut disk, &mark, seed);
            assert!(all.contains(&told), "never by exhaustion: {}\n{case:?}", tell(&told));
            reached.insert(told);
        }
        if few {
            let missed = leaves.iter().find(|leaf| !reached.contains(*leaf)).map(|leaf| tell(leaf));
            assert_eq!(missed, None, "of {} in {case:?}", all.len());
        }
    }
}

/// Answers as `inner` does, and insists that every answer has a name of its own.
struct Named<C>(C);

impl<C: Chooser> Chooser for Named<C> {
    fn choose(&mut self, what: What, options: NonZeroU32, label: &dyn Fn(u32) -> Label) -> u32 {
        let names: HashSet<String> = (0..options.get()).map(|i| label(i).to_string()).collect();
        let all: Vec<String> = (0..options.get()).map(|i| label(i).to_string()).collect();
        assert_eq!(names.len(), all.len(), "{what}: {all:?}");
        self.0.choose(what, options, label)
    }
}

#[test]
fn no_two_answers_to_a_question_have_the_same_name() {
    for seed in 0..1500 {
        let case = case(mix(&[5, seed]), &|contract, _| {
            contract.damage_max = contract.damage_max.max(1);
        });
        if case.contract.validate().is_ok() {
            let mut disk = disk_after_cut(&case);
            let mark = disk.mark();
            for seed in 0..4 {
                run(&case, &mut disk, &mark, &mut Named(Random::new(seed)));
            }
        }
    }
}

#[test]
fn random_runs_stay_inside_the_exhaustive_set_and_reach_small_ones() {
    covers(1, &|case, disk, mark, seed| run(case, disk, mark, &mut Random::new(seed)));
}

#[test]
fn tapes_stay_inside_the_exhaustive_set_and_reach_small_ones() {
    covers(2, &|case, disk, mark, seed| {
        let mut rng = Rng::new(seed);
        let bytes: Vec<u8> = (0..64).map(|_| rng.draw() as u8).collect();
        run(case, disk, mark, &mut Tape::new(&bytes))
    });
}

#[test]
fn an_empty_tape_is_the_first_leaf() {
    for (case, leaves) in small_cases(3, 100, 300) {
        let mut disk = disk_after_cut(&case);
        let mark = disk.mark();
        assert_eq!(run(&case, &mut disk, &mark, &mut Tape::new(&[])), leaves[0], "{case:?}");
    }
}

#[test]
fn every_leaf_is_replayed_by_name_and_tells_the_same() {
    for (case, leaves) in small_cases(4, 250, 200) {
        let mut disk = disk_after_cut(&case);
        let mark = disk.mark();
        let mut chooser = Exhaustive::new();
        for leaf in leaves {
            chooser.rewind();
            let mut record = Record::new(&mut chooser);
            let told = run(&case, &mut disk, &mark, &mut record);
            assert_eq!(told, leaf);
            let decisions = record.decisions;
            let mut replay = Replay::new(&decisions);
            let again = run(&case, &mut disk, &mark, &mut replay);
            assert_eq!(replay.mismatch(), None, "{decisions:?}\n{case:?}");
            assert_eq!(tell(&again), tell(&told), "{decisions:?}\n{case:?}");
            chooser.next_leaf();
        }
    }
}
