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
