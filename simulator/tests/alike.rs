//! Last lives that end alike, searched once, against the same lives searched one by one.
//!
//! A search that adds what it found below a crash state wherever it meets that state again must find what a
//! search finds that visits every leaf: to the last figure, and wherever a bound ends it. Where nothing is met
//! twice that says nothing, so what was met is counted.

use journal_core::Survivors;
use journal_core::formats::Format;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use rayon::prelude::*;
use simulator::disk::contract::{
    CacheOrder, Contract, Flush, Fua, InnerTear, TearShape, TornContents,
};
use simulator::disk::{Disk, Fill, MEMORY_MAX, presets};
use simulator::explore::{Bounds, Explored, Grain, explore, explore_by_parts, explore_together};
use simulator::journals::{self, Family, Row, Visitor};
use simulator::run::{Room, Run, Setup, Tree};
use simulator::workload::{Identity, Life, Op, Payloads, Workload};

/// Leaves of a search that has no other bound.
const LEAVES_MAX: u64 = 120;

fn recorded<'o, J: Format>(options: &'o J::Options, setup: &Setup) -> Option<Run<'o, J>> {
    let (mut run, journal) = Run::<J>::new(options, setup.clone()).ok()?;
    run.record(journal, None);
    Some(run)
}

/// How many leaves there are, and how many of them were added without being visited.
fn merged<J: Format>(options: &J::Options, setup: &Setup, leaves_max: u64) -> (u64, u64) {
    let Some(mut run) = recorded::<J>(options, setup) else { return (0, 0) };
    let (owed, mut tree, mut leaves, mut added) = (run.owed(), Tree::default(), 0, 0);
    loop {
        let left = leaves_max - leaves;
        tree.merge_within(Some(Room {
            leaves: left,
            failing: left,
            memory: (MEMORY_MAX, MEMORY_MAX),
        }));
        let Some(leaf) = run.next_leaf(&mut tree) else { break };
        match tree.met() {
            Some((below, _)) => {
                leaves += below.leaves;
                added += below.leaves;
            }
            None => {
                leaves += 1;
                tree.note(leaf.violated, owed, 0);
            }
        }
        if leaves >= leaves_max {
            break;
        }
    }
    (leaves, added)
}

/// A setup, and the most leaves of a search.
struct Compare<'a>(&'a Setup, u64);

impl Visitor for Compare<'_> {
    type Out = (u64, u64);

    fn visit<J: Format>(self, row: Row, options: J::Options) -> Self::Out {
        let found = |bounds: Bounds, grain: Option<Grain>| -> Option<Explored> {
            let mut run = recorded::<J>(&options, self.0)?;
            match grain {
                // Without the search that takes the place of one that went wrong.
                Some(grain) if row.family != Family::Twin => {
                    explore_by_parts(&mut run, bounds, grain)
                }
                Some(grain) => Some(explore_together(&mut run, bounds, grain)),
                None => Some(explore(&mut run, bounds)),
            }
        };
        let all = Bounds { leaves_max: self.1, memory_max: 64 << 20, ..Bounds::default() };
        let Some(visited) = found(Bounds { merges: false, ..all }, None) else { return (0, 0) };
        // A bound in the middle, and at leaves at which states may begin and end.
        let (half, few) = (visited.leaves / 2 + 1, visited.leaves / 7 + 1);
        let memory = visited.kept_bytes;
        let bounds = [
            all,
            Bounds { leaves_max: half, ..all },
            Bounds { leaves_max: few, ..all },
            Bounds { leaves_enough: few, ..all },
            Bounds { leaves_least: few, ..all },
            Bounds { first_only: true, ..all },
            Bounds { memory_max: memory, ..all },
            Bounds { memory_max: memory - memory / 16, ..all },
        ];
        let grain = Grain { alone: 3, piece: 5, least: 1 };
        for (at, bounds) in bounds.into_iter().enumerate() {
            let visited = found(Bounds { merges: false, ..bounds }, None);
            let added = found(bounds, None);
            assert_eq!(added, visited, "{} on {:?}, {bounds:?}", row.name, self.0.contract);
            if at < 2 {
                let together = found(bounds, Some(grain));
                assert_eq!(together, visited, "{} on {:?}, together", row.name, self.0.contract);
            }
        }
        merged::<J>(&options, self.0, self.1)
    }
}

fn setup(contract: &Contract, workload: Workload) -> Setup {
    let device_bytes = 128 * 1024;
    Setup { contract: contract.clone(), device_bytes, fill: Fill::Noise, workload, fault: None }
}

fn workload(lives: &[&[u32]], survivors: Survivors, identity: Identity) -> Workload {
    let life = |sizes: &&[u32]| {
        let appends = sizes.iter().map(|bytes| Op::Append(*bytes));
        Life { resume: survivors, ops: appends.chain([Op::Commit]).collect() }
    };
    let lives = lives.iter().map(life).collect();
    Workload { before: Vec::new(), lives, identity, payloads: Payloads::Generated }
}

/// Whether crash states of the device have names, so that there is anything to compare.
fn couples(contract: &Contract) -> bool {
    Disk::new(contract, 1 << 20, Fill::Noise).is_ok_and(|disk| disk.has_names())
}

#[test]
fn what_is_found_is_the_same_on_every_device() {
    let two: &[&[u32]] = &[&[48, 100], &[100, 48]];
    let three: &[&[u32]] = &[&[48], &[100], &[48]];
    let cells: Vec<_> = presets::all()
        .into_iter()
        .flat_map(|preset| {
            journals::rows().into_iter().map(move |row| (preset.contract.clone(), row))
        })
        .filter(|(contract, row)| couples(contract) && row.family != Family::Twin)
        .collect();
    let compared = cells.par_iter().flat_map_iter(|(contract, row)| {
        [(two, Identity::SameAgain), (three, Identity::Fresh)].map(|(lives, identity)| {
            let setup = setup(contract, workload(lives, Survivors::Carry, identity));
            journals::visit(row.name, Compare(&setup, LEAVES_MAX)).expect("a journal")
        })
    });
    let (leaves, added) = compared.reduce(|| (0, 0), |a, b| (a.0 + b.0, a.1 + b.1));
    println!("{added} of {leaves} leaves were added without being visited");
    assert!(10 * added > leaves && leaves > 8_000, "{added} of {leaves} leaves say little");
}

/// What was damaged at rest in an earlier life is part of a name, the bits that flipped and that nobody asked
/// for too.
#[test]
fn what_is_found_is_the_same_where_sectors_are_damaged_at_rest() {
    let base = Contract { physical_bytes: 4096, ..Contract::base("at rest") };
    let lost = Contract { latent_errors: 1, rollback_max: 1, ..base.clone() };
    let flipped = Contract { bit_flips: 1, latent_errors: 1, ..base };
    let hostile = presets::named("ssd-zheng-hostile").expect("a preset");
    let journals = ["v8c", "v8p", "v9-512", "leveldb", "sqlite-wal"];
    let cells: Vec<_> = [lost, flipped, hostile]
        .into_iter()
        .flat_map(|contract| journals.map(move |journal| (contract.clone(), journal)))
        .collect();
    let compared = cells.par_iter().map(|(contract, journal)| {
        let lives: &[&[u32]] = &[&[48], &[48]];
        let setup = setup(contract, workload(lives, Survivors::Carry, Identity::Fresh));
        journals::visit(journal, Compare(&setup, 4_000)).expect("a journal")
    });
    let (leaves, added) = compared.reduce(|| (0, 0), |a, b| (a.0 + b.0, a.1 + b.1));
    println!("{added} of {leaves} leaves were added without being visited");
    assert!(50 * added > leaves && leaves > 20_000, "{added} of {leaves} leaves say little");
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
    let inner = prop_oneof![Just(InnerTear::Never), Just(InnerTear::Linear(256))];
    let damage = (0u32..2, any::<(bool, bool, bool, bool)>());
    let back = (0u32..2, 0u32..2, 0u32..3);
    (orders, flushes, shapes, inner, damage, back).prop_map(
        |(order, flush, tear_shape, inner_tear, (damage_max, torn), back)| {
            let (unreadable, zeros, stale, neighbours) = torn;
            let torn = TornContents { unreadable, zeros, stale, ..TornContents::default() };
            let damages = damage_max > 0 && (unreadable || zeros || stale);
            Contract {
                physical_bytes: 4096,
                order,
                flush,
                fua: Fua::PostFlush,
                tear_shape,
                torn: if damages { torn } else { TornContents::default() },
                inner_tear,
                damage_max: if damages { damage_max } else { 0 },
                neighbours: neighbours && damages,
                rollback_max: back.0,
                lost_writes_max: back.1,
                late_calls: back.2,
                ..Contract::base("drawn")
            }
        },
    )
}

// From a seed of its own: some of these searches take minutes, and a test must not take longer by chance.
proptest! {
    #![proptest_config(ProptestConfig { cases: 12, rng_seed: RngSeed::Fixed(2013), ..ProptestConfig::default() })]

    #[test]
    fn what_is_found_is_the_same_on_any_device(
        contract in contracts(),
        journal in any::<prop::sample::Index>(),
        lives in prop::collection::vec(prop::collection::vec(1u32..250, 1..3), 2..4),
        forget in any::<bool>(),
        again in any::<bool>(),
    ) {
        let mut rows = journals::rows();
        // What it shows depends on who was there before: no two searches of it are held to be alike.
        rows.retain(|row| row.name != "twin-remembers");
        let identity = if again { Identity::SameAgain } else { Identity::Fresh };
        let survivors = if forget { Survivors::Forget } else { Survivors::Carry };
        let lives: Vec<&[u32]> = lives.iter().map(|sizes| &sizes[..]).collect();
        let setup = setup(&contract, workload(&lives, survivors, identity));
        journals::visit(journal.get(&rows).name, Compare(&setup, LEAVES_MAX));
    }
}
