//! What is drawn against what is proven.
//!
//! Goal: on experiments small enough to visit every leaf, the exact share of failing crash states lies in
//! the interval that the sampler gives, and crash states are drawn as often as their number says. Seeds are
//! fixed, so these tests pass always or never.

use std::collections::BTreeMap;

use journal_core::Survivors;
use journal_core::formats::Format;
use num_bigint::BigUint;
use simulator::case::Case;
use simulator::choose::Rng;
use simulator::disk::contract::Contract;
use simulator::disk::{Fill, presets};
use simulator::explore::sample::{sample, wilson};
use simulator::journals::{self, Row, Visitor};
use simulator::run::{Run, Setup, Tree};
use simulator::workload::Workload;

fn setup(contract: Contract, lives: u32, bytes: u32) -> Setup {
    Setup {
        contract,
        device_bytes: 128 * 1024,
        fill: Fill::Noise,
        workload: Workload::repeated(&Workload::appends(4, bytes, 2), lives, Survivors::Carry),
        fault: None,
    }
}

/// Visits every leaf, and draws.
struct Both<'s> {
    setup: &'s Setup,
    draws: u64,
}

#[derive(Debug)]
struct Found {
    all: BigUint,
    failing: BigUint,
    /// Crash states of the first cut, by how many entries their recovery hands out: exactly.
    exact: BTreeMap<u32, BigUint>,
    /// Draws, likewise.
    drawn: BTreeMap<u32, u64>,
    failed: u64,
}

impl Visitor for Both<'_> {
    type Out = Found;

    fn visit<J: Format>(self, _: Row, options: J::Options) -> Found {
        let (mut run, journal) = Run::<J>::new(&options, self.setup.clone()).unwrap();
        run.record(journal, None);
        let (mut tree, mut before) = (Tree::default(), BigUint::default());
        let mut exact: BTreeMap<u32, BigUint> = BTreeMap::new();
        while let Some(leaf) = run.next_leaf(&mut tree) {
            let covered = tree.images()[0].covered.clone();
            *exact.entry(leaf.last.handed_out).or_default() += &covered - &before;
            before = covered;
        }
        let images = tree.images()[0].clone();
        assert_eq!(images.covered, images.all);
        let mut first = run.first_cut().expect("no damage at rest");
        assert_eq!(first.all(), &images.all, "what is drawn from is what is proven over");
        let (mut rng, mut drawn, mut failed) = (Rng::new(5), BTreeMap::new(), 0);
        for _ in 0..self.draws {
            let (leaf, _) = run.drawn_leaf(&mut first, &mut rng).expect("nothing is left open");
            *drawn.entry(leaf.last.handed_out).or_default() += 1;
            failed += u64::from(!leaf.violated.and(run.owed()).is_empty());
        }
        Found { all: images.all, failing: images.failing, exact, drawn, failed }
    }
}

fn both(journal: &str, setup: &Setup, draws: u64) -> Found {
    journals::visit(journal, Both { setup, draws }).expect("a journal of the list")
}

/// A share in millionths, cut off.
fn millionths(part: &BigUint, whole: &BigUint) -> u64 {
    u64::try_from(part * 1_000_000u32 / whole).unwrap()
}

const EXPERIMENTS: [(&str, &str, u32); 8] = [
    ("v8c", "hdd-512n", 48),
    ("v8r", "consumer-nvme-no-plp", 240),
    ("v9-512", "hdd-512e", 48),
    ("leveldb", "hdd-512n", 240),
    ("v9-4096", "lying-flush", 48),
    ("v8r", "barrier-flush", 240),
    ("sqlite-wal", "virtio-writeback", 48),
    ("v8r", "lying-flush", 240),
];

#[test]
fn the_exact_share_of_failing_crash_states_lies_in_the_interval_of_the_draws() {
    let (mut inside, mut failing) = (0, 0);
    for (journal, device, bytes) in EXPERIMENTS {
        let found = both(journal, &setup(presets::named(device).unwrap(), 1, bytes), 600);
        let exact = millionths(&found.failing, &found.all);
        let (low, high) = wilson(found.failed, 600);
        println!("{journal} on {device}: {exact} of a million, {low} to {high}");
        inside += u32::from(low <= exact && exact <= high);
        failing += u32::from(exact > 0);
    }
    // An interval of 95 % may miss; of eight, one may.
    assert!(inside >= 7, "{inside} of 8");
    assert!(failing >= 5, "shares of nothing say little: {failing}");
}

#[test]
fn leaves_are_drawn_as_often_as_they_have_crash_states() {
    for (journal, device, bytes) in EXPERIMENTS {
        const DRAWS: u64 = 1_500;
        let found = both(journal, &setup(presets::named(device).unwrap(), 1, bytes), DRAWS);
        assert!(found.drawn.keys().all(|shown| found.exact.contains_key(shown)));
        // Chi-square over the classes that are drawn five times or more; the others are one class.
        let (mut squares, mut classes) = (0.0, 0u32);
        let (mut rare, mut rare_drawn) = (0.0, 0u64);
        for (shown, exact) in &found.exact {
            let share = millionths(exact, &found.all) as f64 / 1e6;
            let (expected, drawn) =
                (share * DRAWS as f64, found.drawn.get(shown).copied().unwrap_or(0));
            if expected < 5.0 {
                (rare, rare_drawn) = (rare + expected, rare_drawn + drawn);
                continue;
            }
            squares += (drawn as f64 - expected).powi(2) / expected;
            classes += 1;
        }
        if rare >= 5.0 {
            squares += (rare_drawn as f64 - rare).powi(2) / rare;
            classes += 1;
        }
        // One in a thousand exceeds this, for 1 to 8 degrees of freedom.
        let most = [10.83, 13.82, 16.27, 18.47, 20.52, 22.46, 24.32, 26.12];
        println!("{journal} on {device}: chi-square {squares:.2} over {classes} classes");
        assert!(classes < 2 || squares < most[classes as usize - 2], "{journal} on {device}");
    }
}

#[test]
fn draws_over_several_power_cuts_are_histories_that_replay() {
    for (journal, device) in [("v8c", "consumer-nvme-no-plp"), ("leveldb-reuse", "hdd-512n")] {
        let case = Case::new(journal, &setup(presets::named(device).unwrap(), 2, 240));
        let found = sample(&case, 400).expect("it makes sense");
        assert_eq!(found.drawn, 400);
        assert!(found.failed >= found.failed_first && found.failed > 0, "{found:?}");
        let (broken, case) = found.first.expect("something failed");
        assert_eq!(case.run(None).unwrap().broken(), broken);
    }
}

#[test]
fn where_there_is_damage_at_rest_leaves_are_hunted_and_no_share_is_told() {
    let mut contract = presets::named("consumer-nvme-no-plp").unwrap();
    contract.latent_errors = 1;
    let found = sample(&Case::new("v9-512", &setup(contract, 1, 48)), 50).expect("it makes sense");
    assert_eq!((found.drawn, found.hunted), (0, 50));
}

#[test]
fn a_complete_search_counts_what_may_be_read_under_damage_at_rest() {
    struct All<'s>(&'s Setup);
    impl Visitor for All<'_> {
        type Out = (BigUint, u32);

        fn visit<J: Format>(self, _: Row, options: J::Options) -> Self::Out {
            let (mut run, journal) = Run::<J>::new(&options, self.0.clone()).unwrap();
            run.record(journal, None);
            let (mut tree, mut leaves) = (Tree::default(), 0);
            while run.next_leaf(&mut tree).is_some() {
                leaves += 1;
            }
            assert!(!tree.images().is_empty());
            tree.images().iter().for_each(|images| assert_eq!(images.covered, images.all));
            (tree.images()[0].all.clone(), leaves)
        }
    }
    let all = |latent| {
        let mut contract = presets::named("consumer-nvme-no-plp").unwrap();
        contract.latent_errors = latent;
        let setup = setup(contract, 1, 48);
        journals::visit("v9-512", All(&setup)).unwrap()
    };
    let ((undamaged, few), (damaged, many)) = (all(0), all(1));
    assert!(many > few, "{many} leaves, {few} without damage");
    // Each image as it is, or with one of the sectors of the device lost. At two of the crash points
    // one sector is open between two contents: where that one is lost, both images read alike.
    let sectors = 128 * 1024 / 512u32;
    assert_eq!(undamaged, BigUint::from(2u32 + 2 + 1));
    assert_eq!(damaged, undamaged * (1 + sectors) - 2u32);
}
