//! One space, searched four ways: by every path, by the tree of a proof, by random draws, and by
//! tapes.
//!
//! Method: on spaces that are small enough to be seen whole, an *outcome* is what the disk answered, by
//! name, what recovery showed after how many cuts, and what was violated. Every path gives the set of
//! outcomes. Random draws of torture, from a fixed row of seeds, must reach each of them and no other.
//! So must tapes: every tape, up to bytes that no question reads and bytes that are the same modulo the
//! options. The tree asks other questions, so of it the outcomes without the answers are compared.
//!
//! Invariant: the sets are equal, not close. Sound and flawed journals, one and two lives, devices that
//! reorder, damage, take back, and tear a line between its stores.

use std::collections::BTreeSet;
use std::num::NonZeroU32;

use journal_core::Survivors;
use journal_core::formats::Format;
use simulator::choose::{Chooser, Exhaustive, Label, Random, Record, Tape, What};
use simulator::disk::contract::Contract;
use simulator::disk::{Fill, presets};
use simulator::journals::{self, Row, Visitor};
use simulator::oracle::OracleSet;
use simulator::run::{Run, Setup, Tree};
use simulator::workload::{Life, Op, Workload};

/// Outcomes of a space: more than a trifle, and few enough to be drawn one and all.
const OUTCOMES: std::ops::RangeInclusive<usize> = 3..=2_000;
/// Draws that have to reach every outcome.
const DRAWS: u64 = 60_000;

/// What was answered, in words.
type Answers = Vec<String>;
/// What came of it: entries shown by the last recovery, power cuts, violations.
type Came = (u32, u32, OracleSet);

struct Space<'a> {
    contract: &'a Contract,
    workload: &'a Workload,
}

/// Asks another chooser and counts the options of each question.
struct Counting<C> {
    inner: C,
    options: Vec<u32>,
}

impl<C: Chooser> Chooser for Counting<C> {
    fn choose(&mut self, what: What, options: NonZeroU32, label: &dyn Fn(u32) -> Label) -> u32 {
        self.options.push(options.get());
        self.inner.choose(what, options, label)
    }
}

fn outcome<J: Format, C: Chooser>(run: &mut Run<'_, J>, chooser: C) -> (Answers, Came) {
    let mut record = Record::new(chooser);
    let leaf = run.leaf(&mut record);
    let answers = record.decisions.iter().map(|d| format!("{} = {}", d.what, d.is)).collect();
    (answers, (leaf.last.handed_out, leaf.cuts, leaf.violated))
}

/// Every path, once.
fn every_path<J: Format>(run: &mut Run<'_, J>) -> BTreeSet<(Answers, Came)> {
    let (mut odometer, mut found) = (Exhaustive::new(), BTreeSet::new());
    loop {
        odometer.rewind();
        assert!(found.insert(outcome(run, &mut odometer)), "two paths are one outcome");
        assert!(found.len() <= *OUTCOMES.end(), "too large a space");
        if !odometer.next_leaf() {
            return found;
        }
    }
}

/// Every tape that ends in a byte other than 0 which is read, and whose bytes are below the options.
fn every_tape<J: Format>(run: &mut Run<'_, J>) -> Vec<(Answers, Came)> {
    let mut found = Vec::new();
    let mut tapes: Vec<Vec<u8>> = vec![Vec::new()];
    while let Some(tape) = tapes.pop() {
        let mut counting = Counting { inner: Tape::new(&tape), options: Vec::new() };
        found.push(outcome(run, &mut counting));
        for (at, &options) in counting.options.iter().enumerate().skip(tape.len()) {
            assert!(options <= 256, "a byte for each question");
            for byte in 1..options {
                let mut longer = tape.clone();
                longer.resize(at, 0);
                longer.push(byte as u8);
                tapes.push(longer);
            }
        }
    }
    found
}

impl Visitor for Space<'_> {
    type Out = usize;

    fn visit<J: Format>(self, row: Row, options: J::Options) -> usize {
        let setup = Setup {
            contract: self.contract.clone(),
            device_bytes: 64 * 1024,
            fill: Fill::Noise,
            workload: self.workload.clone(),
            fault: None,
        };
        let case = format!("{} on {}", row.name, self.contract.name);
        let (mut run, journal) = Run::<J>::new(&options, setup).expect(&case);
        run.record(journal, None);
        let all = every_path(&mut run);
        assert!(OUTCOMES.contains(&all.len()), "{case}: {} outcomes", all.len());

        let taped = every_tape(&mut run);
        assert_eq!(taped.len(), all.len(), "{case}: as many tapes as paths");
        assert_eq!(taped.into_iter().collect::<BTreeSet<_>>(), all, "{case}: tapes");

        let mut drawn = BTreeSet::new();
        for seed in 0..DRAWS {
            let outcome = outcome(&mut run, &mut Random::new(seed));
            assert!(all.contains(&outcome), "{case}: {outcome:?} is on no path");
            drawn.insert(outcome);
            // Nothing can be added any more.
            if drawn.len() == all.len() {
                break;
            }
        }
        let missed: Vec<_> = all.difference(&drawn).collect();
        assert!(missed.is_empty(), "{case}: of {} never drawn: {missed:?}", all.len());

        let came = |(shown, cuts, violated): &Came| (*shown, *cuts, *violated);
        let owed: BTreeSet<_> = all.iter().map(|(_, came_of)| came(came_of)).collect();
        let mut told = BTreeSet::new();
        let mut tree = Tree::default();
        while let Some(leaf) = run.next_leaf(&mut tree) {
            for &(_, violated) in tree.stands_for() {
                told.insert((leaf.last.handed_out, leaf.cuts, violated));
            }
        }
        if self.workload.lives.len() == 1 {
            assert_eq!(told, owed, "{case}: the tree");
        } else {
            // A leaf of the tree stands for several crash points of its last life only.
            let shown = |all: &BTreeSet<Came>| -> BTreeSet<_> {
                all.iter().map(|&(shown, cuts, _)| (shown, cuts)).collect()
            };
            let broken = |all: &BTreeSet<Came>| -> OracleSet {
                all.iter().fold(OracleSet::default(), |set, came| set.or(came.2))
            };
            assert_eq!((shown(&told), broken(&told)), (shown(&owed), broken(&owed)), "{case}");
        }
        println!("{case}: {} outcomes, four ways", all.len());
        all.len()
    }
}

fn life(ops: &[Op]) -> Life {
    Life { resume: Survivors::Carry, ops: ops.to_vec() }
}

fn spaces(journals: &[&str], devices: &[&str], lives: &[Life]) {
    let mut workload = Workload::repeated(&Workload::appends(1, 40, 1), 1, Survivors::Carry);
    workload.lives = lives.to_vec();
    for journal in journals {
        for device in devices {
            let contract = presets::named(device).expect("a preset");
            let space = Space { contract: &contract, workload: &workload };
            journals::visit(journal, space).expect("a journal of the list");
        }
    }
}

#[test]
fn every_way_to_search_finds_the_same_outcomes_of_sound_journals() {
    let one = [life(&[Op::Append(40), Op::Commit])];
    let devices = ["consumer-nvme-no-plp", "hdd-512n", "lying-flush", "cloud-twp-16k"];
    spaces(&["v9-512", "v8ce"], &devices, &one);
    spaces(&["v8ce"], &["pm-8byte"], &one);
}

#[test]
fn every_way_to_search_finds_the_same_outcomes_of_flawed_journals() {
    let two = [life(&[Op::Append(40), Op::Commit, Op::Append(40), Op::Commit])];
    let flawed = ["v8r", "twin-never-syncs", "twin-ack-before-sync"];
    spaces(&flawed, &["consumer-nvme-no-plp", "hdd-512n"], &two);
}

#[test]
fn every_way_to_search_finds_the_same_outcomes_over_two_lives() {
    let lives = [life(&[Op::Append(40), Op::Commit]), life(&[])];
    spaces(&["v9-512"], &["consumer-nvme-no-plp"], &lives);
    spaces(&["v8r"], &["consumer-nvme-no-plp", "enterprise-nvme-plp"], &lives);
}
