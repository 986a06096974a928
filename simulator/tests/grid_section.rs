//! The grid section of `compare`: a verdict for each cell, and verdicts that theory can explain.
//!
//! What it is not: the section's arithmetic, which is tested on a grid made by hand in
//! `report/grid.rs`.

use crate::cli_support::{golden, text, tornwrite};
use journal_core::rfc::Strategy;
use journal_core::rfc::strategy::{Framing, Integrity, TailWrite};
use rayon::prelude::*;
use simulator::disk::{Fill, presets};
use simulator::explore::grid::{LEAVES_MAX, cell, workload};
use simulator::explore::{Bounds, Cell, Verdict};
use simulator::oracle::Oracle;
use simulator::report::answers;
use simulator::report::grid::{self, Grid};
use simulator::report::matrix::Look;
use simulator::report::model::WorkloadRow;
use simulator::run::Setup;
use simulator::workload::{Identity, Op, Payloads};

fn prove(strategy: &Strategy, device: &str) -> Cell {
    cell(&strategy.to_string(), &presets::named(device).unwrap()).unwrap()
}

/// Points of the selection, each with its cell on a device; what does not fit is left out.
fn cells(device: &str, which: impl Fn(&Strategy) -> bool) -> Vec<(Strategy, Cell)> {
    let points: Vec<_> = Strategy::selection().filter(which).collect();
    let proven: Vec<_> =
        points.into_par_iter().map(|point| (point, prove(&point, device))).collect();
    let fits = |(_, cell): &(Strategy, Cell)| cell.verdict != Verdict::Senseless;
    proven.into_iter().filter(fits).collect()
}

/// Tells the cells of which `right` is not so.
fn all(cells: &[(Strategy, Cell)], right: impl Fn(&Cell) -> bool) {
    assert!(!cells.is_empty());
    let wrong = cells.iter().filter(|(_, cell)| !right(cell));
    let wrong: Vec<_> = wrong
        .map(|(point, cell)| format!("{point}: {} {:?}", cell.verdict.name(), cell.why))
        .collect();
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), cells.len(), wrong.join("\n"));
}

fn is_proven(cell: &Cell) -> bool {
    cell.verdict == Verdict::Proven
}

fn breaks(cell: &Cell, oracle: Oracle) -> bool {
    cell.owed.contains(oracle) && cell.explored.violations[oracle as usize] > 0
}

#[test]
fn on_the_ideal_device_the_whole_selection_is_proven() {
    all(&cells("ideal", |_| true), is_proven);
}

/// The tail question: what was acknowledged goes with the sector that is rewritten. Each commit of
/// this workload leaves a sector half filled, and the next life writes into it. No checksum and no
/// commit rule helps. (Blocks under a new salt begin each life in blocks of their own, and this
/// workload has one commit a life: it does not ask them the question.)
#[test]
fn whatever_rewrites_its_tail_loses_acknowledged_entries_where_a_rewrite_may_ruin_a_sector() {
    let begins_anew = |point: &Strategy| {
        let blocks = matches!(point.framing(), Framing::Block { .. });
        blocks && point.to_string().contains("/salt+clear/")
    };
    let rewrites = |point: &Strategy| point.tail() == TailWrite::Rewrite && !begins_anew(point);
    let found = cells("hdd-512n", rewrites);
    all(&found, |cell| breaks(cell, Oracle::Durability));
    let small = |point: &Strategy| point.framing() != Framing::Block { bytes: 4096 };
    let pads = cells("hdd-512n", |point| point.tail() == TailWrite::PadLogical && small(point));
    all(&pads, |cell| !breaks(cell, Oracle::Durability));
}

/// What a checksum buys: without one, in a stream or in a block of several sectors, a mix of sectors
/// is an entry. What it does not buy is the test before.
#[test]
fn a_mix_of_sectors_is_believed_without_a_checksum_and_with_none_of_them() {
    let device = "consumer-nvme-no-plp";
    let large = |point: &Strategy| point.framing() != Framing::Block { bytes: 512 };
    let bare = |point: &Strategy| point.integrity() == Integrity::NONE;
    all(&cells(device, |point| large(point) && bare(point)), |cell| {
        breaks(cell, Oracle::Integrity)
    });
    all(&cells(device, |point| !bare(point)), |cell| !breaks(cell, Oracle::Integrity));
}

/// Weak is told from strong by a mixture that an algorithm cannot see: an entry of the next life has
/// the bytes of the lost one, but that two are swapped in its first sector and two in its second.
/// The first sector of the one with the second sector of the other is neither, and has their sum.
#[test]
fn a_byte_sum_believes_half_of_another_entry_and_a_crc_does_not() {
    let entry = |one: u8, other: u8| {
        let mut bytes: Vec<u8> = (0..200u8).map(|i| i.wrapping_mul(7)).collect();
        bytes[..2].copy_from_slice(&[one, other]);
        bytes[198..].copy_from_slice(&[one, other]);
        bytes
    };
    let filler = |seed: u8| (0..200u8).map(|i| i.wrapping_mul(3) ^ seed).collect::<Vec<u8>>();
    // Two entries fill most of a sector, the third straddles; the next life appends its like.
    let mut asked = workload();
    asked.identity = Identity::Fresh;
    asked.lives[0].ops = [200, 200].map(Op::Append).to_vec();
    asked.lives[0].ops.extend([Op::Commit, Op::Append(200), Op::Commit]);
    asked.lives[1].ops = vec![Op::Append(200), Op::Commit];
    let given = [filler(1), filler(2), entry(10, 20), entry(20, 10)];
    asked.payloads = Payloads::Given(given.to_vec());
    let broken = |sum: &str| {
        let setup = Setup {
            contract: presets::named("consumer-nvme-no-plp").unwrap(),
            device_bytes: 64 * 1024,
            fill: Fill::Zeros,
            workload: asked.clone(),
            fault: None,
        };
        let name = format!("stream/entry:{sum}/rewrite/erase/flush");
        breaks(
            &simulator::explore::prove(&name, &setup, Bounds::default()).unwrap(),
            Oracle::Integrity,
        )
    };
    assert!(broken("bytesum"));
    for sum in ["crc16", "crc32", "crc32c", "xxh3", "blake3"] {
        assert!(!broken(sum), "{sum}");
    }
}

/// Where a device damages what it writes, or orders it, some cells are BOUNDED: see
/// `journal_core::rfc::selection`.
#[test]
fn where_sectors_persist_whole_and_in_any_order_no_cell_is_left_undecided() {
    for device in ["enterprise-nvme-plp", "consumer-nvme-no-plp", "cloud-twp-16k"] {
        all(&cells(device, |_| true), |cell| {
            matches!(cell.verdict, Verdict::Proven | Verdict::Refuted)
        });
    }
}

#[test]
fn what_an_answer_buys_and_costs_is_drawn_as_the_golden_text() {
    let points = [
        "stream/none/rewrite/erase/flush",
        "stream/entry:crc32c/rewrite/erase/flush",
        "stream/entry:crc32c/rewrite/salt+clear/flush",
        "stream/entry:crc32c/pad-sector/salt+clear/flush",
        "stream/entry:crc32c/ping-pong/salt+clear/flush",
        "stream/entry:crc32c/ping-pong/salt+clear/record-after-flush",
    ];
    let devices = ["ideal", "consumer-nvme-no-plp", "hdd-512n"].map(str::to_owned);
    let pairs = points.iter().flat_map(|point| devices.iter().map(move |device| (point, device)));
    let cells = pairs.map(|(point, device)| {
        let contract = presets::named(device).unwrap();
        grid::cell(point, &cell(point, &contract).unwrap())
    });
    let mut grid = Grid {
        chosen: "by hand".to_owned(),
        leaves_max: LEAVES_MAX,
        workload: WorkloadRow {
            name: "again-mixed".to_owned(),
            about: "four entries, then three, and two power cuts".to_owned(),
            workload: workload(),
        },
        cells: cells.collect(),
        strategies: points.map(str::to_owned).to_vec(),
        changes: Vec::new(),
    };
    grid.summarise(&devices);
    for width in [80, 100] {
        let drawn = answers::draw(&grid, Look { width, colour: false });
        assert!(drawn.lines().all(|line| line.chars().count() <= width), "{drawn}");
        golden(&format!("answers-{width}"), &drawn);
    }
}

#[test]
fn merged_shards_of_the_grid_are_the_bytes_of_the_unsharded_report() {
    let place = tempfile::tempdir().unwrap();
    let compare = |name: &str, more: &[&str]| {
        let out = place.path().join(name);
        let head = ["compare", "--device", "enterprise-nvme-plp", "--out", out.to_str().unwrap()];
        let ran = tornwrite(&[&head[..], more].concat());
        assert_eq!(ran.exit, 0, "{}", ran.err);
        out.join("latest").to_str().unwrap().to_owned()
    };
    let report = |folder: &str| text(&std::path::Path::new(folder).join("report.json"));
    let whole = report(&compare("whole", &[]));
    assert!(whole.contains("\"grid\": {") && whole.contains("\"axis\": \"tail\""));
    let shards = ["0/2", "1/2"].map(|shard| {
        let latest = compare("dealt", &["--shard", shard]);
        let folder = format!("shard-{}/latest", shard.replace('/', "-of-"));
        latest.replace("latest", &folder)
    });
    let out = place.path().join("merged");
    let mut arguments = vec!["report", "merge", "--out", out.to_str().unwrap()];
    arguments.extend(shards.iter().rev().map(String::as_str));
    assert_eq!(tornwrite(&arguments).exit, 0);
    assert!(report(out.join("latest").to_str().unwrap()) == whole);
    let without = report(&compare("without", &["--journal", "v8"]));
    assert!(!without.contains("\"grid\": {"), "who does not ask for it gets no grid");
}

/// The first life is written out and flushed: nothing of it is open. In the second life's last call a sector
/// of it is written over, and the power goes. The tree, which had left open whether the power went before,
/// says "mixed with write 0"; the ordinary run, which knows that it did not, says "mixed with what was
/// there". The case was looked for by that name and not found: the journal was called nondeterministic.
#[test]
fn a_case_is_found_where_the_tree_has_another_name_for_what_lies_below_a_torn_write() {
    let found = cell(
        "block-512/none/pad-sector/erase/flush",
        &presets::named("virtio-spec-literal").unwrap(),
    );
    let found = found.unwrap();
    assert_eq!(found.verdict, Verdict::Refuted, "{:?}", found.why);
    assert!(breaks(&found, Oracle::Integrity) && found.counterexample.is_some());
}
