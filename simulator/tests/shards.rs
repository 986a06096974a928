//! One proof dealt to shards against the same proof in one.
//!
//! For every journal that is deterministic, on devices that couple sectors and on others, in one and in
//! several lives, sound and flawed: whatever a search finds, to the last figure, is what its shards,
//! told as JSON and put together, find, wherever a bound ends them.

use journal_core::Survivors;
use journal_core::formats::Format;
use simulator::disk::{Fill, presets};
use simulator::explore::shards::{Cut, Searched, SearchedRow, explore_share, put_together};
use simulator::explore::{Bounds, Explored, explore};
use simulator::journals::{self, Family, Row, Visitor};
use simulator::run::{Run, Setup};
use simulator::workload::Workload;

/// Cut wherever that is possible.
const FINE: Cut = Cut { large: 3, segments: 40 };

struct Dealt<'a> {
    setup: &'a Setup,
    bounds: &'a [Bounds],
    pool: &'a rayon::ThreadPool,
}

/// As it is told: written and read again.
fn told(searched: &Searched) -> Searched {
    let json = serde_json::to_string(&SearchedRow::from(searched)).unwrap();
    let row: SearchedRow = serde_json::from_str(&json).unwrap();
    row.read().unwrap()
}

/// All shards of a proof, put together; and the leaves that each visited.
fn put<J: Format>(
    options: &J::Options,
    setup: &Setup,
    bounds: Bounds,
    (of, cut): (u32, Cut),
) -> Option<(Result<Explored, String>, Vec<u64>)> {
    let recorded = || {
        let (mut run, journal) = Run::<J>::new(options, setup.clone()).ok()?;
        run.record(journal, None);
        Some(run)
    };
    let mut segments: Vec<Option<Searched>> = Vec::new();
    let mut leaves = Vec::new();
    for index in 0..of {
        let mut run = recorded()?;
        let share = explore_share(&mut run, bounds, (index, of), cut);
        let count = share.segments as usize;
        assert!(segments.is_empty() || segments.len() == count, "every shard cuts alike");
        segments.resize(count, None);
        leaves.push(share.explored(&mut run, bounds).leaves);
        for searched in share.searched {
            let at = &mut segments[searched.segment as usize];
            assert!(at.is_none(), "a segment is dealt once");
            *at = Some(told(&searched));
        }
    }
    Some((put_together(&mut recorded()?, bounds, (of, cut), segments), leaves))
}

impl Visitor for Dealt<'_> {
    type Out = u64;

    fn visit<J: Format>(self, row: Row, options: J::Options) -> u64 {
        let mut leaves = 0;
        for &bounds in self.bounds {
            let Ok((mut run, journal)) = Run::<J>::new(&options, self.setup.clone()) else {
                return 0;
            };
            run.record(journal, None);
            let alone = explore(&mut run, bounds);
            leaves += alone.leaves;
            for dealt in [(1, FINE), (3, FINE)] {
                let put = self.pool.install(|| put::<J>(&options, self.setup, bounds, dealt));
                let (whole, each) = put.expect("it was set up before");
                let device = &self.setup.contract.name;
                let name = row.name;
                assert_eq!(
                    whole,
                    Ok(alone.clone()),
                    "{name} on {device}, {bounds:?}, {dealt:?}: {each:?}"
                );
            }
        }
        leaves
    }
}

fn deal(family: impl Fn(&Row) -> bool, lives: u32, devices: &[&str]) {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build().unwrap();
    let to = |leaves_max, memory_max| Bounds { leaves_max, memory_max, ..Bounds::default() };
    let bounds = [to(700, 1 << 30), to(133, 1 << 30), to(700, 30_000)];
    let (mut cells, mut leaves) = (0, 0);
    for row in journals::rows().into_iter().filter(family) {
        for device in devices {
            let ops = Workload::appends(4, 100, 2);
            let setup = Setup {
                contract: presets::named(device).expect("a preset"),
                device_bytes: 128 * 1024,
                fill: Fill::Noise,
                workload: Workload::repeated(&ops, lives, Survivors::Carry),
                fault: None,
            };
            let dealt = Dealt { setup: &setup, bounds: &bounds, pool: &pool };
            let visited = journals::visit(row.name, dealt).expect("a journal of the list");
            cells += u32::from(visited > 0);
            leaves += visited;
        }
    }
    println!("{cells} cells, {leaves} leaves");
    assert!(cells >= 20 && leaves > 600, "{leaves} leaves in {cells} cells say little");
}

#[test]
fn one_life_dealt_is_what_it_is_whole() {
    let devices = ["consumer-nvme-no-plp", "hdd-512e", "barrier-flush"];
    deal(|row| row.family != Family::Twin, 1, &devices);
}

#[test]
fn several_lives_dealt_are_what_they_are_whole() {
    let devices = ["consumer-nvme-no-plp", "hdd-512e", "virtio-writeback"];
    deal(|row| row.family != Family::Twin, 2, &devices);
}

#[test]
fn flawed_journals_dealt_are_what_they_are_whole() {
    let fickle = ["twin-nondeterministic", "twin-remembers"];
    let family = |row: &Row| row.family == Family::Twin && !fickle.contains(&row.name);
    deal(family, 2, &["consumer-nvme-no-plp"]);
}
