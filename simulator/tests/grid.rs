//! The grid of strategies against the simulated disk: does each point fail just where its axes say?
//!
//! Method. Theory first, as a table of answers and what they lead to; then the search, over whole
//! families of points. A point that fails where no axis explains it is a bug of the machines.
//!
//! What it is not: a proof of each point on each device. `tornwrite compare --journal SPELLING` is.

use std::sync::Mutex;

use journal_core::rfc::strategy::{CommitRule, Framing, Integrity, ReuseBy, Strategy, TailWrite};
use journal_core::rfc::{RfcJournal, RfcOptions};
use journal_core::{Checksum, Survivors};
use rayon::prelude::*;
use simulator::disk::{Fill, presets};
use simulator::explore::cell::Verdict;
use simulator::explore::{Bounds, Explored, explore};
use simulator::journals;
use simulator::oracle::{Oracle, OracleSet};
use simulator::run::{Run, Setup};
use simulator::workload::{Identity, Op, Workload};

/// What came of a search: the oracles that the first failing leaf broke, and what was searched.
struct Found {
    broken: Option<OracleSet>,
    explored: Explored,
}

fn search(strategy: Strategy, device: &str, workload: &Workload, leaves_max: u64) -> Found {
    let setup = Setup {
        contract: presets::named(device).unwrap(),
        device_bytes: 128 * 1024,
        fill: Fill::Noise,
        workload: workload.clone(),
        fault: None,
    };
    let options = RfcOptions { strategy };
    let (mut run, journal) = Run::<RfcJournal>::new(&options, setup)
        .unwrap_or_else(|error| panic!("{strategy} on {device}: {error}"));
    run.record(journal, None);
    let explored = explore(&mut run, Bounds { leaves_max, first_only: true, ..Bounds::default() });
    assert_eq!(explored.nondeterminism, None, "{strategy} on {device}");
    Found { broken: explored.first.as_ref().map(|first| first.0), explored }
}

fn names(broken: OracleSet) -> String {
    broken.iter().map(|oracle| oracle.name()).collect::<Vec<_>>().join(", ")
}

/// Searches all points, and tells those for which `wrong` says something.
fn all_of(
    points: impl Iterator<Item = Strategy>,
    search: impl Fn(Strategy) -> Found + Sync,
    wrong: impl Fn(&Found) -> Option<String> + Sync,
) -> usize {
    let points: Vec<_> = points.collect();
    let told = Mutex::new(Vec::new());
    points.par_iter().for_each(|&strategy| {
        if let Some(what) = wrong(&search(strategy)) {
            told.lock().unwrap().push(format!("{strategy}: {what}"));
        }
    });
    let mut told = told.into_inner().unwrap();
    told.sort();
    assert!(told.is_empty(), "{} of {}:\n{}", told.len(), points.len(), told.join("\n"));
    points.len()
}

fn fails(found: &Found) -> Option<String> {
    found.broken.map(names)
}

fn unproven(found: &Found) -> Option<String> {
    let cut = || (!found.explored.complete).then(|| "the bound came first".to_owned());
    fails(found).or_else(cut)
}

/// Appends of several sizes, commits and a checkpoint.
fn mixed(lives: u32, resume: Survivors) -> Workload {
    let (small, large) = (Op::Append(60), Op::Append(220));
    let ops = [small, large, Op::Commit, large, Op::Commit, Op::Checkpoint(1), small, Op::Commit];
    Workload::repeated(&ops, lives, resume)
}

/// A commit of as many large entries in each life; a client that lost them appends them again.
fn again(entries: [usize; 2]) -> Workload {
    let ops = |entries| [vec![Op::Append(220); entries], vec![Op::Commit]].concat();
    let mut workload = Workload::repeated(&ops(entries[0]), 2, Survivors::Carry);
    workload.lives[1].ops = ops(entries[1]);
    workload.identity = Identity::SameAgain;
    workload
}

/// Three entries, of which the third is another one when it is appended again.
fn changed() -> Workload {
    let mut workload = again([3, 3]);
    workload.lives[1].ops[2] = Op::Append(200);
    workload
}

fn single(lives: u32) -> Workload {
    Workload::repeated(&[Op::Append(48), Op::Commit], lives, Survivors::Carry)
}

/// What proves bytes whole, and by which algorithm; `None` where there are two.
fn algorithm(set: Integrity) -> Checksum {
    [set.entry, set.block, set.sector].into_iter().max().unwrap()
}

/// Whether a commit writes many sectors at once, each of them a choice of two.
fn wide(strategy: &Strategy) -> bool {
    let units = matches!(strategy.tail(), TailWrite::PadPhysical | TailWrite::Fresh);
    match strategy.framing() {
        Framing::Block { bytes } => bytes == 4096 || units,
        _ => units,
    }
}

/// A block that is rewritten in place and has more sectors than one.
fn rewrites_large_blocks(strategy: &Strategy) -> bool {
    strategy.framing() == Framing::Block { bytes: 4096 } && strategy.tail() == TailWrite::Rewrite
}

/// The theory for a device whose sectors persist independently and whole until a flush: sound is
/// what notices a mix of sectors, says what is old, and rewrites no more than one sector.
fn sound_on_a_volatile_cache() -> impl Iterator<Item = Strategy> {
    Strategy::all().filter(|strategy| {
        algorithm(strategy.integrity()) == Checksum::Crc32c
            && strategy.reuse().clears_after_unclean
            && !rewrites_large_blocks(strategy)
    })
}

#[test]
fn on_the_ideal_device_no_point_of_the_grid_loses_anything() {
    let workload = mixed(1, Survivors::Carry);
    let run = |strategy| search(strategy, "ideal", &workload, 10_000);
    assert_eq!(all_of(Strategy::all(), run, unproven), Strategy::all().count());
}

#[test]
fn nor_in_a_second_life_that_carries_or_forgets() {
    for resume in [Survivors::Carry, Survivors::Forget] {
        let workload = mixed(2, resume);
        let run = |strategy| search(strategy, "ideal", &workload, 30);
        let some = |point: &Strategy| {
            let sum = matches!(algorithm(point.integrity()), Checksum::None | Checksum::Crc32c);
            // A line forgets by erasing, which is not atomic (F5), unless a pointer says it first.
            let line = !matches!(point.framing(), Framing::Block { .. })
                && point.reuse().by == ReuseBy::Erase
                && point.commit() != CommitRule::Pointer;
            sum && (resume == Survivors::Carry || !line)
        };
        all_of(Strategy::all().filter(some), run, fails);
    }
}

#[test]
fn what_theory_calls_sound_on_a_volatile_cache_is_proven_there() {
    let narrow = || sound_on_a_volatile_cache().filter(|strategy| !wide(strategy));
    for workload in [again([6, 5]), changed()] {
        let run = |strategy| search(strategy, "consumer-nvme-no-plp", &workload, 200_000);
        let bounded = |strategy: &Strategy| {
            // Six blocks of a sector each, with nothing that ends the search for a cut early.
            !matches!(strategy.framing(), Framing::Block { .. }) || workload == changed()
        };
        assert!(all_of(narrow().filter(bounded), run, unproven) > 50);
    }
    // One life of the wide ones is proven, and of two lives the beginning is searched.
    let broad = || sound_on_a_volatile_cache().filter(wide);
    let (one, two) = (single(1), single(2));
    let run = |strategy| search(strategy, "consumer-nvme-no-plp", &one, 200_000);
    assert!(all_of(broad(), run, unproven) > 100);
    let run = |strategy| search(strategy, "consumer-nvme-no-plp", &two, 600);
    all_of(broad(), run, fails);
}

/// What a weak answer leads to on a volatile cache, each beside the answer that heals it.
#[test]
fn a_weak_answer_is_refuted_by_the_oracle_that_theory_names_and_its_sibling_is_not() {
    use Oracle::{Durability, Integrity, NoResurrection};
    let rows: [(&str, &str, Workload, Oracle, &str); 9] = [
        (
            "reuse: a salt that is kept, and the suffix of a cut commit comes back",
            "stream/entry:crc32c/pad-sector/salt/flush",
            again([6, 5]),
            NoResurrection,
            "stream/entry:crc32c/pad-sector/salt+clear/flush",
        ),
        (
            "reuse: sequence numbers begin again where they were",
            "block-512/block:crc32c/pad-sector/sequence/flush",
            changed(),
            NoResurrection,
            "block-512/block:crc32c/pad-sector/sequence+clear/flush",
        ),
        (
            "reuse: a lap bit is the same in both lives",
            "block-512/entry:crc32c/rewrite/lap/flush",
            changed(),
            NoResurrection,
            "block-512/entry:crc32c/rewrite/lap+clear/flush",
        ),
        (
            "reuse: erased before the first life, not before the second",
            "stream/entry:crc32c/rewrite/erase/flush",
            again([6, 5]),
            NoResurrection,
            "stream/entry:crc32c/rewrite/erase+clear/flush",
        ),
        (
            "reuse: what does not clear can be healed by a commit that must point",
            "stream/entry:crc32c/fresh/lap/flush",
            again([6, 5]),
            NoResurrection,
            "stream/entry:crc32c/fresh/lap/pointer",
        ),
        (
            "tail: a block of eight sectors is rewritten, and torn",
            "block-4096/block:crc32c/rewrite/salt+clear/flush",
            Workload::repeated(&Workload::appends(4, 220, 2), 1, Survivors::Carry),
            Durability,
            "block-4096/block:crc32c/ping-pong/salt+clear/flush",
        ),
        (
            "integrity: nothing tells a mix of sectors from a block",
            "block-4096/none/pad-sector/erase+clear/flush",
            changed(),
            Integrity,
            "block-4096/sector:crc32c/pad-sector/erase+clear/pointer",
        ),
        (
            "integrity: half an entry, the other half FF",
            "stream/none/pad-sector/erase+clear/flush",
            changed(),
            Integrity,
            "stream/entry:crc32c/pad-sector/erase+clear/flush",
        ),
        (
            "commit: a record that came after a flush leaves nothing half",
            "stream/none/pad-sector/erase+clear/flush",
            changed(),
            Integrity,
            "stream/none/pad-sector/erase+clear/record-fua",
        ),
    ];
    for (why, weak, workload, oracle, healed) in rows {
        let device = "consumer-nvme-no-plp";
        let spelled = |text| Strategy::parse(text).unwrap();
        let found = search(spelled(weak), device, &workload, 200_000);
        let broken = found.broken.unwrap_or_else(|| panic!("{why}: {weak} holds"));
        assert!(broken.contains(oracle), "{why}: {weak} breaks {}", names(broken));
        let found = search(spelled(healed), device, &workload, 200_000);
        assert_eq!(unproven(&found), None, "{why}: {healed}");
    }
}

/// Where a write may ruin the physical sector it is in, what was acknowledged must not be near it.
#[test]
fn tails_are_told_apart_by_a_disk_that_ruins_what_it_writes() {
    // Large enough to fill blocks one after the other; where one commit is eight sectors, small.
    let (large, small) = (Workload::appends(6, 220, 2), Workload::appends(2, 48, 1));
    let one = |ops: &[Op]| Workload::repeated(ops, 1, Survivors::Carry);
    let (large, small) = (one(&large), one(&small));
    for device in ["hdd-512n", "hdd-512e"] {
        let ruins_neighbours = device == "hdd-512e";
        let told = Mutex::new(Vec::new());
        let points: Vec<_> = sound_on_a_volatile_cache()
            .filter(|point| point.integrity().sector == Checksum::None)
            .filter(|point| point.reuse().by == ReuseBy::Salt)
            .filter(|point| point.integrity().chain == Checksum::None)
            .filter(|point| !wide(point) || point.commit() == CommitRule::Flush)
            .collect();
        points.par_iter().for_each(|&strategy| {
            let sound = match strategy.framing() {
                Framing::Block { bytes } => {
                    let aligned = bytes == 4096 || wide(&strategy);
                    strategy.tail() != TailWrite::Rewrite && (aligned || !ruins_neighbours)
                }
                _ => match strategy.tail() {
                    TailWrite::Rewrite => false,
                    TailWrite::PadLogical => !ruins_neighbours,
                    TailWrite::PadPhysical | TailWrite::PingPong | TailWrite::Fresh => true,
                },
            };
            let workload = if wide(&strategy) { &small } else { &large };
            let found = search(strategy, device, workload, 300_000);
            if found.broken.is_none() != sound || (sound && !found.explored.complete) {
                let what = unproven(&found).unwrap_or_else(|| "holds".to_owned());
                told.lock().unwrap().push(format!("{strategy} on {device}: {what}"));
            }
        });
        let mut told = told.into_inner().unwrap();
        told.sort();
        assert!(told.is_empty(), "{} of {}:\n{}", told.len(), points.len(), told.join("\n"));
    }
}

#[test]
fn a_strategy_can_be_named_wherever_a_journal_is_and_a_rung_is_the_same_by_both_names() {
    let spelling = "block-4096/sector:xxh3/ping-pong/lap+clear/pointer";
    assert_eq!(journals::name_of(spelling), Ok(spelling));
    let v9 = Strategy::named("v9-512").unwrap().to_string();
    assert_eq!(journals::name_of(&v9), Ok("v9-512"));
    assert_eq!(journals::name_of("v10"), Err(None));
    let said = journals::name_of("stream/none/rewrite/erase/never").unwrap_err().unwrap();
    assert!(said.to_string().starts_with("commit: expected one of flush"));
}

#[test]
fn what_a_weak_checksum_lets_through_is_found_among_a_million_mixtures() {
    // A line of stores holds one of dozens of mixtures, and an entry of 232 bytes lies in five lines.
    let contract = presets::named("pm-8byte").unwrap();
    for (entry, is_weak) in [("bytesum", true), ("crc16", true), ("crc32c", false)] {
        let spelling = format!("stream/entry:{entry}/pad-sector/erase/flush");
        let cell = simulator::explore::grid::cell(&spelling, &contract).unwrap();
        let torn = cell.explored.firsts.iter().any(|first| first.0 == Oracle::Integrity);
        assert_eq!((cell.verdict, torn), (Verdict::Refuted, is_weak), "{spelling}");
    }
}
