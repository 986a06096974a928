//! "It does not pass" as one answer, against one answer for each sector at fault.
//!
//! A tree is told of a torn range only that it is torn, and keeps that as a clause. Told sector by sector it
//! needs no clauses, and has many more leaves. Both must find the same violations, and, since that is where
//! clauses are easy to get wrong, in exactly as many images of the first cut. Of later cuts histories of
//! decisions are counted, and those that are not told apart are one: there are fewer, and some that fail
//! on the one side if there are on the other.

use std::collections::BTreeSet;

use journal_core::Survivors;
use journal_core::formats::Format;
use num_bigint::BigUint;
use proptest::prelude::*;
use simulator::case::Case;
use simulator::disk::contract::{
    CacheOrder, Contract, Flush, Fua, InnerTear, TearShape, TornContents,
};
use simulator::disk::{Disk, Fill, presets};
use simulator::journals::{self, Row, Visitor};
use simulator::oracle::OracleSet;
use simulator::run::{Images, Run, Setup, Tree};
use simulator::workload::{Identity, Life, Op, Payloads, Workload};

/// Leaves of a tree at most; a case that has more is left out.
const LEAVES_MAX: u32 = 2_000;

/// What a tree found: leaves, the sets of violations, images.
type Found = (u32, BTreeSet<OracleSet>, Vec<Images>);

fn found<J: Format>(options: &J::Options, setup: &Setup, whole: bool) -> Option<Found> {
    let (mut run, journal) = Run::<J>::new(options, setup.clone()).ok()?;
    run.record(journal, None);
    let mut tree = Tree::default();
    tree.ask_whole(whole);
    let (mut leaves, mut violated) = (0, BTreeSet::new());
    while let Some(leaf) = run.next_leaf(&mut tree) {
        leaves += 1;
        violated.extend(tree.stands_for().iter().map(|&(_, violated)| violated));
        violated.insert(leaf.violated);
        assert_eq!(tree.nondeterminism(), None);
        if leaves > LEAVES_MAX {
            return None;
        }
    }
    Some((leaves, violated, tree.images().to_vec()))
}

struct Compare<'a>(&'a Setup);

impl Visitor for Compare<'_> {
    type Out = Option<(u32, u32)>;

    fn visit<J: Format>(self, row: Row, options: J::Options) -> Self::Out {
        let case = || format!("{} on {:?}", row.name, self.0.contract);
        let by_sector = found::<J>(&options, self.0, false)?;
        let whole = found::<J>(&options, self.0, true).expect("it has no more leaves");
        assert!(whole.0 <= by_sector.0, "{}: {} and {} leaves", case(), whole.0, by_sector.0);
        assert_eq!(whole.1, by_sector.1, "{}", case());
        // Where sectors are independent no clause outlives its life, and all is as it is sector by sector.
        let disk = Disk::new(&self.0.contract, 1 << 16, Fill::Zeros).expect("a valid contract");
        if disk.leaves_cuts_open() {
            assert_eq!(whole.2, by_sector.2, "{}", case());
        }
        assert_eq!(whole.2.first(), by_sector.2.first(), "{}", case());
        assert_eq!(whole.2.len(), by_sector.2.len(), "{}", case());
        for (images, told) in whole.2.iter().zip(&by_sector.2) {
            assert_eq!(images.covered, images.all, "{}", case());
            assert!(images.all <= told.all && images.failing <= told.failing, "{}", case());
            let fail = [images, told].map(|images| images.failing > BigUint::default());
            assert_eq!(fail[0], fail[1], "{}", case());
        }
        Some((whole.0, by_sector.0))
    }
}

/// How many cases were compared, how many of them have fewer leaves, and the leaves of all, with clauses and without.
#[derive(Debug, Default)]
struct Tally {
    compared: u32,
    fewer: u32,
    leaves: (u64, u64),
}

impl Tally {
    fn add(&mut self, journal: &str, setup: &Setup) {
        let Some(Some((whole, by_sector))) = journals::visit(journal, Compare(setup)) else {
            return;
        };
        self.compared += 1;
        self.fewer += u32::from(whole < by_sector);
        self.leaves.0 += u64::from(whole);
        self.leaves.1 += u64::from(by_sector);
    }
}

fn setup(contract: &Contract, workload: Workload) -> Setup {
    let bytes = 128 * 1024;
    Setup {
        contract: contract.clone(),
        device_bytes: bytes,
        fill: Fill::Noise,
        workload,
        fault: None,
    }
}

fn workload(lives: &[&[u32]], identity: Identity) -> Workload {
    let life = |sizes: &&[u32]| {
        let appends = sizes.iter().map(|bytes| Op::Append(*bytes));
        Life { resume: Survivors::Carry, ops: appends.chain([Op::Commit]).collect() }
    };
    let lives = lives.iter().map(life).collect();
    Workload { before: Vec::new(), lives, identity, payloads: Payloads::Generated }
}

/// Journals that ask for checksums over several sectors; sound and flawed ones.
const JOURNALS: [&str; 13] = [
    "v9-4096",
    "leveldb",
    "leveldb-reuse",
    "sqlite-wal-4096",
    "block-4096/block:crc32c/pad-sector/erase/flush",
    "block-4096/block:crc32c/pad-sector/salt+clear/record-fua",
    "block-4096/block:crc32c+chain:crc32c/pad-sector/erase/flush",
    "block-4096/block:xxh3/pad-sector/erase/flush",
    "block-4096/block:crc32c/ping-pong/erase/flush",
    "block-4096/block:crc32c/rewrite/erase/flush",
    "block-4096/block:crc32c/rewrite/sequence+clear/pointer",
    "twin-middle-unsummed",
    "twin-append-behind-torn-tail",
];

#[test]
fn a_clause_finds_what_each_sector_at_fault_finds_on_every_device() {
    let mut tally = Tally::default();
    // Sector by sector damage at rest takes long: see below.
    for preset in presets::all().into_iter().filter(|p| !p.contract.damages_at_rest()) {
        for journal in JOURNALS {
            let one_life: &[&[u32]] = &[&[240, 240, 240, 240]];
            let two_lives: &[&[u32]] = &[&[48, 240], &[240]];
            for (lives, identity) in [
                (one_life, Identity::Fresh),
                (two_lives, Identity::Fresh),
                (two_lives, Identity::SameAgain),
            ] {
                let setup = setup(&preset.contract, workload(lives, identity));
                tally.add(journal, &setup);
            }
        }
    }
    assert!(tally.compared > 100 && tally.fewer > 20, "{tally:?}");
    assert!(tally.leaves.0 < tally.leaves.1, "{tally:?}");
    println!("{tally:?}");
}

#[test]
fn what_is_asked_of_a_range_at_rest_finds_what_each_of_its_sectors_finds() {
    let lost = Contract { latent_errors: 1, ..Contract::base("lost") };
    let flipped = Contract { bit_flips: 1, ..Contract::base("flipped") };
    let both = Contract { bit_flips: 1, latent_errors: 1, ..Contract::base("both") };
    let hostile = presets::named("ssd-zheng-hostile").expect("a preset");
    let mut tally = Tally::default();
    for contract in [lost, flipped, both, hostile] {
        for journal in ["v8", "v8p", "v9-512", "v9-4096", "leveldb", "twin-middle-unsummed"] {
            let lives: [&[&[u32]]; 2] = [&[&[48, 48]], &[&[48], &[48]]];
            for lives in lives {
                let setup = setup(&contract, workload(lives, Identity::Fresh));
                tally.add(journal, &setup);
            }
        }
    }
    println!("{tally:?}");
    assert!(tally.compared > 15 && tally.fewer > 6, "{tally:?}");
}

/// What torture found on `ssd-zheng-hostile`: bits that flipped in the newest copy of a header, so that an older log is
/// shown; and, last, in two sectors after two cuts.
const TORTURED: [&str; 5] = [
    "tw2-AQR2OGNlEXNzZC16aGVuZy1ob3N0aWxlgASAIIAEgAQCAAEAAAEBAAQAAAEAgIABAAIACQAMAQZmb3JnZXQCAAgADAEAAAEKc2VjdG9yIDEuMA9mbGlwIDMwNTYgb2YgdzUAAAAAAQBl1vO7",
    "tw2-AQR2OHBwEXNzZC16aGVuZy1ob3N0aWxlgASAIIAEgAQCAAEAAAEBAAQAAAEAgIACAAACBWNhcnJ5AwAIAAgCBmZvcmdldAIACQAIAQAAAQpzZWN0b3IgMi4wCGZsaXAgMTkwAAAAAAEAeuDskw",
    "tw2-AQZ2OS01MTIRc3NkLXpoZW5nLWhvc3RpbGWABIAggASABAIAAQAAAQEABAAAAQCAoAEAAgAIAgEGZm9yZ2V0AgAIAAgBAAABCnNlY3RvciAxLjAOZmxpcCA0MDkgb2YgdzQAAAAAAQCiI3H6",
    "tw2-AQZ2OS01MTIRc3NkLXpoZW5nLWhvc3RpbGWABIAggASABAIAAQAAAQEABAAAAQCAoAEAAwAJAAwCAQVjYXJyeQIACAAMAQAAAQpzZWN0b3IgMS4wDmZsaXAgNDA5IG9mIHc0AAAAAAEAYM1a8g",
    "tw2-AQl2OS1ub3NhbHQRc3NkLXpoZW5nLWhvc3RpbGWABIAggASABAIAAQAAAQEABAAAAQCAgAgAAAIFY2FycnkCAAgCBmZvcmdldAIACAAIAQAAAgpzZWN0b3IgMS4wEGZsaXAgMjk3MiBvZiB3MTYKc2VjdG9yIDIuMBBmbGlwIDIyMzIgb2YgdzE5AAAAAAEAsCFjfw",
];

/// Whether a tree has a leaf that violates the same.
struct Finds<'a>(&'a Setup, OracleSet);

impl Visitor for Finds<'_> {
    type Out = bool;

    fn visit<J: Format>(self, _: Row, options: J::Options) -> bool {
        let (mut run, journal) = Run::<J>::new(&options, self.0.clone()).expect("a valid case");
        run.record(journal, None);
        let mut tree = Tree::default();
        tree.ask_whole(true);
        while let Some(leaf) = run.next_leaf(&mut tree) {
            if leaf.violated == self.1 {
                return true;
            }
        }
        false
    }
}

#[test]
fn what_torture_found_where_bits_flip_a_tree_finds() {
    for token in TORTURED {
        let case = Case::parse(token).expect("a case");
        let violated = case.run(None).expect("a case that runs").leaf.violated;
        assert!(violated.iter().next().is_some(), "{token}");
        let found = journals::visit(&case.journal, Finds(&case.setup(), violated));
        assert_eq!(found, Some(true), "{violated:?}: {token}");
    }
}

fn contracts() -> impl Strategy<Value = Contract> {
    let orders = prop_oneof![
        Just(CacheOrder::WriteThrough),
        Just(CacheOrder::Any),
        Just(CacheOrder::Prefix),
        Just(CacheOrder::Epoch),
        (1u32..6).prop_map(CacheOrder::Window),
    ];
    let flushes =
        prop_oneof![Just(Flush::Honoured), Just(Flush::BarrierOnly), Just(Flush::Ignored)];
    let shapes =
        prop_oneof![Just(TearShape::Any), Just(TearShape::Prefix), Just(TearShape::PrefixOrSuffix)];
    let damage = (0u32..3, any::<(bool, bool, bool)>());
    (orders, flushes, shapes, damage, prop_oneof![Just(512u32), Just(4096)]).prop_map(
        |(order, flush, tear_shape, (damage_max, (unreadable, zeros, neighbours)), page_bytes)| {
            let torn = TornContents { unreadable, zeros, ..TornContents::default() };
            let damages = damage_max > 0 && (unreadable || zeros) && page_bytes == 512;
            Contract {
                physical_bytes: 4096,
                order,
                flush,
                fua: Fua::PostFlush,
                tear_shape: if page_bytes == 512 { tear_shape } else { TearShape::Any },
                torn: if damages { torn } else { TornContents::default() },
                inner_tear: InnerTear::Never,
                damage_max: if damages { damage_max } else { 0 },
                neighbours: neighbours && damages,
                page_bytes,
                ..Contract::base("drawn")
            }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn a_clause_finds_what_each_sector_at_fault_finds_on_any_device(
        contract in contracts(),
        journal in 0..JOURNALS.len(),
        lives in prop::collection::vec(prop::collection::vec(1u32..250, 1..4), 1..3),
        again in any::<bool>(),
    ) {
        let identity = if again { Identity::SameAgain } else { Identity::Fresh };
        let lives: Vec<&[u32]> = lives.iter().map(|sizes| &sizes[..]).collect();
        let setup = setup(&contract, workload(&lives, identity));
        journals::visit(JOURNALS[journal], Compare(&setup));
    }
}
