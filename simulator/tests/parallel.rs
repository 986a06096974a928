//! One proof on several threads against the same proof on one.
//!
//! For every journal, on devices that couple sectors and on others, in one and in several lives,
//! sound, flawed and not deterministic: whatever a search finds, to the last figure, it finds on any
//! number of threads, however finely it is split, and wherever a bound ends it.

use journal_core::Survivors;
use journal_core::formats::Format;
use simulator::disk::{Fill, presets};
use simulator::explore::{Bounds, Explored, Grain, explore, explore_by_parts, explore_together};
use simulator::journals::{self, Family, Row, Visitor};
use simulator::run::{Run, Setup};
use simulator::workload::Workload;

/// Split wherever that is possible.
const FINEST: Grain = Grain { alone: 3, piece: 5, least: 1 };
const COARSER: Grain = Grain { alone: 40, piece: 32, least: 20 };

fn threads(count: usize) -> rayon::ThreadPool {
    rayon::ThreadPoolBuilder::new().num_threads(count).build().unwrap()
}

struct Compare<'a> {
    setup: &'a Setup,
    bounds: &'a [Bounds],
    pools: &'a [rayon::ThreadPool],
}

impl Visitor for Compare<'_> {
    type Out = u64;

    fn visit<J: Format>(self, row: Row, options: J::Options) -> u64 {
        let deterministic = !["twin-nondeterministic", "twin-remembers"].contains(&row.name);
        let explored = |bounds: Bounds, split: Option<Grain>| -> Option<Explored> {
            let (mut run, journal) = Run::<J>::new(&options, self.setup.clone()).ok()?;
            run.record(journal, None);
            match split {
                // Without the search that takes the place of one that went wrong.
                Some(grain) if deterministic => explore_by_parts(&mut run, bounds, grain),
                Some(grain) => Some(explore_together(&mut run, bounds, grain)),
                None => Some(explore(&mut run, bounds)),
            }
        };
        let mut leaves = 0;
        for &bounds in self.bounds {
            let Some(alone) = explored(bounds, None) else { return 0 };
            leaves += alone.leaves;
            for (pool, grain) in
                self.pools.iter().flat_map(|pool| [FINEST, COARSER].map(|grain| (pool, grain)))
            {
                let together = pool.install(|| explored(bounds, Some(grain)));
                let device = &self.setup.contract.name;
                let on = pool.current_num_threads();
                assert_eq!(
                    together.as_ref(),
                    Some(&alone),
                    "{} on {device}, {bounds:?}, {grain:?}, {on} threads",
                    row.name
                );
            }
        }
        leaves
    }
}

fn compare(family: impl Fn(&Row) -> bool, lives: u32, devices: &[&str]) {
    let pools = [1, 2, 7].map(threads);
    let to = |leaves_max, first_only| Bounds { leaves_max, first_only, ..Bounds::default() };
    let enough = |leaves_enough| Bounds { leaves_enough, ..to(1_500, false) };
    let bounds = [
        to(1_500, false),
        to(1_500, true),
        to(333, false),
        to(64, false),
        to(3, false),
        enough(200),
        enough(0),
        Bounds { leaves_least: 40, ..enough(900) },
        Bounds { leaves_least: 3, ..to(400, false) },
    ];
    let (mut cells, mut leaves) = (0, 0);
    for row in journals::rows().into_iter().filter(family) {
        for device in devices {
            let setup = Setup {
                contract: presets::named(device).expect("a preset"),
                device_bytes: 128 * 1024,
                fill: Fill::Noise,
                workload: Workload::repeated(
                    &Workload::appends(4, 100, 2),
                    lives,
                    Survivors::Carry,
                ),
                fault: None,
            };
            let compare = Compare { setup: &setup, bounds: &bounds, pools: &pools };
            let compared = journals::visit(row.name, compare).expect("a journal of the list");
            cells += u32::from(compared > 0);
            leaves += compared;
        }
    }
    println!("{cells} cells, {leaves} leaves");
    assert!(cells >= 20 && leaves > 2_000, "{leaves} leaves in {cells} cells say little");
}

/// Where a search ends that may end once what breaks is known, found by searching up to each leaf.
struct Ends<'s>(&'s Setup);

impl Visitor for Ends<'_> {
    type Out = u64;

    fn visit<J: Format>(self, row: Row, options: J::Options) -> Self::Out {
        let found = |bounds: Bounds| {
            let (mut run, journal) = Run::<J>::new(&options, self.0.clone()).expect("it fits");
            run.record(journal, None);
            explore(&mut run, bounds)
        };
        let all = Bounds { leaves_max: 250, ..Bounds::default() };
        let mut ends = 0;
        for (least, enough) in [(0, 200), (10, 120), (60, 61)] {
            let (mut news, mut broken, mut expected) = (0, [false; 9], 0);
            for leaves_max in 1..=all.leaves_max {
                let upto = found(Bounds { leaves_max, ..all });
                let now = upto.violations.map(|count| count > 0);
                if now != broken {
                    (news, broken) = (leaves_max, now);
                }
                expected = upto.leaves;
                let over = leaves_max >= enough || leaves_max >= least && leaves_max >= 2 * news;
                if upto.first.is_some() && over || upto.leaves < leaves_max {
                    break;
                }
            }
            let bounds = Bounds { leaves_least: least, leaves_enough: enough, ..all };
            let what = format!("{} on {}, {least} to {enough}", row.name, self.0.contract.name);
            assert_eq!(found(bounds).leaves, expected, "{what}");
            ends += u64::from(expected < all.leaves_max);
        }
        ends
    }
}

#[test]
fn a_search_is_over_once_half_of_its_leaves_showed_nothing_new() {
    let mut ends = 0;
    for name in ["v8", "leveldb-reuse", "sqlite-wal", "v9-nosalt"] {
        for device in ["virtio-cache-unsafe", "hdd-512e", "lying-flush"] {
            let setup = Setup {
                contract: presets::named(device).expect("a preset"),
                device_bytes: 128 * 1024,
                fill: Fill::Noise,
                workload: Workload::repeated(&Workload::appends(4, 240, 2), 2, Survivors::Carry),
                fault: None,
            };
            ends += journals::visit(name, Ends(&setup)).expect("a journal of the list");
        }
    }
    assert!(ends >= 20, "{ends} ends say little");
}

#[test]
fn one_life_is_the_same_on_any_number_of_threads() {
    let devices = ["consumer-nvme-no-plp", "hdd-512e", "barrier-flush"];
    compare(|row| row.family != Family::Twin, 1, &devices);
}

#[test]
fn several_lives_are_the_same_on_any_number_of_threads() {
    let devices = ["enterprise-nvme-plp", "consumer-nvme-no-plp", "hdd-512e", "virtio-writeback"];
    compare(|row| row.family != Family::Twin, 2, &devices);
}

#[test]
fn flawed_and_fickle_journals_are_the_same_on_any_number_of_threads() {
    compare(|row| row.family == Family::Twin, 2, &["consumer-nvme-no-plp"]);
}
