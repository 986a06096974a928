//! The tree against the odometer that begins each leaf anew.
//!
//! The tree shares between leaves whatever it can, leaves open where the cut was, and visits one
//! crash point of each kind, and asks of a checksum only whether it holds; the odometer shares
//! nothing, reads everything and visits all. For every journal, on devices of each kind, in one and
//! in several lives, they must find the same.

use std::collections::{BTreeMap, BTreeSet};

use journal_core::formats::Format;
use journal_core::{Stepwise, Survivors};
use simulator::choose::{Exhaustive, Replay};
use simulator::disk::contract::Contract;
use simulator::disk::{Fill, presets};
use simulator::journals::{self, Family, Row, Visitor};
use simulator::oracle::{Oracle, OracleSet};
use simulator::run::{Run, Setup, Tree};
use simulator::workload::{Life, Op, Workload};

/// Leaves of the tree per case at most; a case that has more is left out.
const LEAVES_MAX: u32 = 3_000;
const DEVICE_BYTES: u64 = 128 * 1024;

struct Compare<'a> {
    contract: &'a Contract,
    workload: &'a Workload,
}

impl Visitor for Compare<'_> {
    type Out = u32;

    fn visit<J: Format>(self, row: Row, options: J::Options) -> u32 {
        let setup = Setup {
            contract: self.contract.clone(),
            device_bytes: DEVICE_BYTES,
            fill: Fill::Noise,
            workload: self.workload.clone(),
            fault: None,
        };
        let Ok((mut plain, journal)) = Run::<J>::new(&options, setup.clone()) else { return 0 };
        plain.record(journal, None);
        let (mut forked_run, journal) = Run::<J>::new(&options, setup).expect("as before");
        forked_run.record(journal, None);
        let case = format!("{} on {}", row.name, self.contract.name);
        let shared = forked(&mut forked_run, &case);
        let alone = odometer(&mut plain, &case);
        let (Some(shared), Some(alone)) = (shared, alone) else { return 0 };
        // Whatever is violated anywhere is violated in the tree, and nothing else.
        assert_eq!(shared.violated, alone.violated, "{case}");
        assert_eq!(shared.shown, alone.shown, "{case}");
        for (cut, leaves) in &shared.leaves {
            // In one life the same comes of each crash point that speaks for others.
            assert!(
                self.workload.lives.len() > 1 || alone.leaves.get(cut) == Some(leaves),
                "{case}, crash point {cut}: {leaves:?}, and alone {:?}",
                alone.leaves.get(cut)
            );
        }
        assert!(shared.judged <= alone.judged, "{case}");
        for (oracle, path) in shared.paths {
            let wanted: OracleSet = [oracle].into_iter().collect();
            let (_, decisions) = forked_run.decisions_at(&path, wanted).expect(&case);
            let mut replay = Replay::new(&decisions);
            let leaf = forked_run.leaf(&mut replay);
            assert_eq!(replay.mismatch(), None, "{case}");
            assert!(leaf.violated.contains(oracle), "{case}");
        }
        shared.count
    }
}

/// What a search found.
#[derive(Default)]
struct Found {
    count: u32,
    /// Judgements of last recoveries: leaves, each as often as it has crash points.
    judged: u32,
    violated: BTreeSet<Oracle>,
    /// Everything that was shown: how much, after how many cuts.
    shown: BTreeSet<(u32, u32)>,
    /// For each crash point of the last life, what came of leaves there: how much was shown after
    /// how many cuts, and what was violated.
    leaves: BTreeMap<u32, BTreeSet<(u32, u32, OracleSet)>>,
    paths: BTreeMap<Oracle, Vec<(u32, u32)>>,
}

/// Journals that do not do the same twice, on purpose.
fn is_fickle(case: &str) -> bool {
    case.starts_with("twin-nondeterministic") || case.starts_with("twin-remembers")
}

fn forked<J: Stepwise>(run: &mut Run<'_, J>, case: &str) -> Option<Found> {
    let mut found = Found::default();
    let mut tree = Tree::default();
    while let Some(leaf) = run.next_leaf(&mut tree) {
        if tree.nondeterminism().is_some() {
            assert!(is_fickle(case), "{case}");
            run.leave();
            return None;
        }
        found.count += 1;
        for oracle in leaf.violated.iter() {
            found.violated.insert(oracle);
            found.paths.entry(oracle).or_insert_with(|| tree.path().to_vec());
        }
        found.shown.insert((leaf.last.handed_out, leaf.cuts));
        for &(at, violated) in tree.stands_for() {
            found.judged += 1;
            let seen = (leaf.last.handed_out, leaf.cuts, violated);
            found.leaves.entry(at).or_default().insert(seen);
        }
        if found.count == LEAVES_MAX {
            run.leave();
            return None;
        }
    }
    for images in tree.images() {
        assert_eq!(images.covered, images.all, "{case}");
    }
    Some(found)
}

fn odometer<J: Stepwise>(run: &mut Run<'_, J>, case: &str) -> Option<Found> {
    let mut found = Found::default();
    let mut odometer = Exhaustive::new();
    let calls = run.disk().calls();
    loop {
        odometer.rewind();
        let leaf = run.leaf(&mut odometer);
        found.count += 1;
        found.violated.extend(leaf.violated.iter());
        let back = odometer.path().first().map_or(0, |&(back, _)| back);
        found.judged += 1;
        found.shown.insert((leaf.last.handed_out, leaf.cuts));
        let seen = (leaf.last.handed_out, leaf.cuts, leaf.violated);
        found.leaves.entry(calls - back).or_default().insert(seen);
        if found.count == 20 * LEAVES_MAX {
            return None;
        }
        let more = odometer.next_leaf();
        assert!(odometer.nondeterminism().is_none() || is_fickle(case), "{case}");
        if !more {
            break;
        }
    }
    Some(found)
}

/// Two commits of two entries each; with later lives that append one more.
fn workload(lives: usize, resume: Survivors, bytes: u32) -> Workload {
    let mut workload = Workload::repeated(&Workload::appends(4, bytes, 2), 1, resume);
    let more = Life { resume, ops: vec![Op::Append(bytes), Op::Commit] };
    workload.lives.extend(std::iter::repeat_n(more, lives - 1));
    workload
}

fn compare(twins: bool, lives: usize, resume: Survivors, devices: &[&str]) {
    let contracts: Vec<Contract> =
        devices.iter().map(|device| presets::named(device).expect("a preset")).collect();
    let (cells, leaves) = compare_on(twins, lives, resume, &contracts);
    assert!(cells >= 20 && leaves > 500, "{leaves} leaves in {cells} cells say little");
}

/// How many pairs of a journal and a contract were compared, and their leaves.
fn compare_on(twins: bool, lives: usize, resume: Survivors, contracts: &[Contract]) -> (u32, u32) {
    let (mut cells, mut leaves) = (0, 0);
    let rows = journals::rows().into_iter();
    for row in rows.filter(|row| (row.family == Family::Twin) == twins) {
        for contract in contracts {
            let workload = workload(lives, resume, 100);
            let compare = Compare { contract, workload: &workload };
            let compared = journals::visit(row.name, compare).expect("a journal of the list");
            cells += u32::from(compared > 0);
            leaves += compared;
        }
    }
    println!("{cells} cells and {leaves} leaves of the tree compared");
    (cells, leaves)
}

#[test]
fn the_tree_finds_what_the_odometer_finds_in_one_life() {
    let devices = ["consumer-nvme-no-plp", "enterprise-nvme-plp", "hdd-512e", "lying-flush"];
    compare(false, 1, Survivors::Carry, &devices);
    compare(true, 1, Survivors::Carry, &["consumer-nvme-no-plp", "virtio-writeback"]);
}

#[test]
fn the_tree_finds_what_the_odometer_finds_in_several_lives() {
    compare(false, 2, Survivors::Carry, &["consumer-nvme-no-plp", "hdd-512n", "barrier-flush"]);
    compare(false, 2, Survivors::Forget, &["enterprise-nvme-plp", "virtio-writeback", "ideal"]);
}

/// Whether a sector can be read is asked before what a checksum tells of it; who reads is told both at once.
#[test]
fn the_tree_finds_what_the_odometer_finds_where_a_sector_is_lost_at_rest() {
    let lost = |device: &str| {
        let contract = presets::named(device).expect("a preset");
        Contract { name: format!("{device}, one lost"), latent_errors: 1, ..contract }
    };
    let contracts = ["ideal", "consumer-nvme-no-plp", "hdd-512n"].map(lost);
    let one = compare_on(false, 1, Survivors::Carry, &contracts);
    let two = compare_on(false, 2, Survivors::Carry, &contracts[..1]);
    assert!(one.0 >= 20 && one.1 > 500 && two.0 >= 5 && two.1 > 500, "{one:?} {two:?}");
}

/// FF is written over FF: the sector reads the same before the call and after it, so what was read does
/// not say which of two crash points it was, of which one speaks for the other.
///
/// It was counted for both: of 30 images after the second cut 35 were covered, and the journal, which
/// does nothing wrong, was called nondeterministic.
#[test]
fn the_tree_finds_what_the_odometer_finds_where_sectors_are_written_again_with_their_own_bytes() {
    let strategies = [
        "stream/none/pad-sector/erase+clear/flush",
        "stream/entry:crc32c/rewrite/lap+clear/flush",
        "stream/entry:crc32c/ping-pong/erase/flush",
    ];
    let ops = [Op::Append(48), Op::Append(48), Op::Commit];
    let workload = Workload::repeated(&ops, 2, Survivors::Carry);
    for strategy in strategies {
        for device in ["consumer-nvme-no-plp", "enterprise-nvme-plp"] {
            let contract = presets::named(device).expect("a preset");
            let compare = Compare { contract: &contract, workload: &workload };
            let compared = journals::visit(strategy, compare).expect("a point of the grid");
            assert!(compared > 5, "{strategy} on {device}: {compared} leaves");
        }
    }
}

/// Every stage of a stream's recovery is forked: headers, slots, the walk that counts and the one that
/// shows; and blocks that are wiped many at a time.
#[test]
fn the_tree_finds_what_the_odometer_finds_wherever_a_stream_stands_in_its_recovery() {
    let strategies = [
        "stream/entry:crc32c/fresh/erase/record-fua",
        "stream/entry:crc32c/ping-pong/salt/record-after-flush",
        "stream/entry:crc32c/ping-pong/sequence/flush",
        "stream/entry:crc32c/rewrite/erase/pointer",
        "stream/entry:crc32c/pad-sector/salt+clear/flush",
        "block-512/block:crc32c/pad-sector/erase+clear/flush",
    ];
    let (mut cells, mut leaves) = (0, 0);
    for strategy in strategies {
        for (device, bytes) in
            [("consumer-nvme-no-plp", 200), ("hdd-512n", 60), ("lying-flush", 60)]
        {
            let contract = presets::named(device).expect("a preset");
            let workload = workload(2, Survivors::Carry, bytes);
            let compare = Compare { contract: &contract, workload: &workload };
            let compared = journals::visit(strategy, compare).expect("a point of the grid");
            cells += u32::from(compared > 0);
            leaves += compared;
        }
    }
    println!("{cells} cells and {leaves} leaves of the tree compared");
    assert!(cells >= 8 && leaves > 500, "{leaves} leaves in {cells} cells say little");
}

#[test]
fn the_tree_finds_what_the_odometer_finds_in_flawed_journals() {
    compare(true, 2, Survivors::Carry, &["consumer-nvme-no-plp", "ideal"]);
}
