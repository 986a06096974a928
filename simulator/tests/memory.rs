//! A search that may keep only so much, and recoveries that read everything.

use journal_core::formats::Format;
use journal_core::{
    BlockDevice, Error, Lba, Survivors, rfc::RfcJournal, rfc::RfcOptions, rfc::Strategy,
};
use simulator::disk::{Fill, presets};
use simulator::explore::{Bounds, Cell, Grain, Verdict, explore, explore_by_parts, prove_with};
use simulator::journals::{self, Row, Visitor};
use simulator::run::{Run, Setup};
use simulator::workload::Workload;

use crate::habits::{Habit, Habitual};

fn setup(device: &str, lives: u32, entries: u32, sectors: u64) -> Setup {
    Setup {
        contract: presets::named(device).unwrap(),
        device_bytes: sectors * 512,
        fill: Fill::Zeros,
        workload: Workload::repeated(
            &Workload::appends(entries, 100, entries),
            lives,
            Survivors::Carry,
        ),
        fault: None,
    }
}

fn options() -> RfcOptions {
    RfcOptions { strategy: Strategy::named("v9-512").unwrap() }
}

#[test]
fn a_search_that_outgrows_its_memory_ends_bounded_with_its_share_at_the_same_leaf_everywhere() {
    // On devices that leave their cuts open and on others; sizes follow from the path alone.
    for device in ["consumer-nvme-no-plp", "hdd-512n", "virtio-writeback"] {
        let setup = setup(device, 2, 4, 256);
        let bounds = Bounds::default();
        let options = options();
        let whole = prove_with::<RfcJournal>("v9-512", &options, &setup, bounds);
        assert_eq!(whole.verdict, Verdict::Proven, "{device}");
        assert!(whole.explored.kept_bytes > 10_000, "{device}");
        let mut ended = 0;
        // Down to less than any leaf needs.
        for eighths in 0..=8 {
            let memory_max = whole.explored.kept_bytes * (8 + eighths) / 16 * 8 / 7;
            let bounds = Bounds { memory_max, ..bounds };
            let cell = prove_with::<RfcJournal>("v9-512", &options, &setup, bounds);
            let found = &cell.explored;
            let run = || {
                let (mut run, journal) = Run::<RfcJournal>::new(&options, setup.clone()).unwrap();
                run.record(journal, None);
                run
            };
            assert_eq!(&explore(&mut run(), bounds), found);
            let finest = Grain { alone: 3, piece: 5, least: 1 };
            for threads in [2, 7] {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                let together = pool.install(|| explore_by_parts(&mut run(), bounds, finest));
                assert_eq!(
                    together.as_ref(),
                    Some(found),
                    "{device}, {memory_max} bytes, {threads} threads"
                );
            }
            if !found.outgrown {
                continue;
            }
            ended += 1;
            assert!(!found.complete && found.leaves >= 1 && found.leaves <= whole.explored.leaves);
            assert_eq!(cell.verdict, Verdict::Bounded, "{device}");
            let first = &found.images[0];
            assert!(first.covered <= first.all, "{device}");
            assert_eq!(first.all, whole.explored.images[0].all, "{device}");
        }
        assert!(ended > 0, "{device}: nothing was outgrown");
    }
}

/// It reads the whole device before it looks at anything.
struct Slurps;

impl Habit for Slurps {
    fn before_open(device: &mut dyn BlockDevice) -> Result<(), Error> {
        let geometry = device.geometry();
        let mut sector = vec![0; geometry.logical_bytes as usize];
        (0..geometry.sectors).try_for_each(|lba| Ok(device.read(Lba(lba), &mut sector)?))
    }
}

#[test]
fn a_recovery_that_reads_all_sectors_at_risk_is_told_and_no_other() {
    let setup = setup("consumer-nvme-no-plp", 1, 24, 64);
    let setup = Setup { device_bytes: 64 * 4096, ..setup };
    let options = options();
    let bounds = Bounds::default();
    let says = |cell: &Cell| (cell.verdict, cell.explored.reads_all.is_some());
    let careful = prove_with::<RfcJournal>("v9-512", &options, &setup, bounds);
    assert_eq!(says(&careful), (Verdict::Proven, false));
    let slurps = prove_with::<Habitual<Slurps>>("slurps", &options, &setup, bounds);
    assert_eq!(says(&slurps), (Verdict::Proven, true), "{:?}", slurps.why);
    // It makes every image a leaf, at the crash point that has the most of them.
    let (sectors, leaves) = (slurps.explored.reads_all.unwrap(), slurps.explored.leaves);
    assert!(leaves >= 1 << sectors.min(20) >> 1, "{leaves} leaves for {sectors} sectors");
    assert!(careful.explored.leaves < leaves, "{} leaves", careful.explored.leaves);
}

/// Flawed twins that read an area of zeros to its end, which is their flaw, and one that does what it
/// likes.
const READS_ALL: [&str; 3] =
    ["twin-zero-record-valid", "twin-loops-on-zeros", "twin-nondeterministic"];

/// Leaves, bytes kept, and bytes allocated at most, on a device of some size.
struct Sizes(Setup);

impl Visitor for Sizes {
    type Out = (u64, u64, u64);

    fn visit<J: Format>(self, _: Row, options: J::Options) -> (u64, u64, u64) {
        let prove = || {
            let (mut run, journal) = Run::<J>::new(&options, self.0.clone()).expect("it fits");
            run.record(journal, None);
            let found = explore(&mut run, Bounds::default());
            (found.leaves, found.kept_bytes)
        };
        // What is allocated once and for all is not a device's.
        prove();
        let mut found = (0, 0);
        let counted = allocation_counter::measure(|| found = prove());
        (found.0, found.1, counted.bytes_max)
    }
}

/// Goal: every journal, also one that erases its area or begins with a file of zeros, on a device of
/// 1 MiB and on one of 1 GiB.
#[test]
fn what_a_proof_keeps_does_not_depend_on_the_size_of_the_device() {
    // Where sectors are independent, in every life; elsewhere in the first.
    for (device, lives, fill) in [
        ("consumer-nvme-no-plp", 2, Fill::Zeros),
        ("consumer-nvme-no-plp", 1, Fill::Noise),
        ("hdd-512e", 1, Fill::Zeros),
    ] {
        for row in journals::rows().iter().filter(|row| !READS_ALL.contains(&row.name)) {
            let name = row.name;
            let [small, large] = [1u64 << 20, 1 << 30].map(|device_bytes| {
                let setup = Setup { device_bytes, fill, ..setup(device, lives, 3, 1) };
                journals::visit(name, Sizes(setup)).expect("a journal of the list")
            });
            assert_eq!(small.0, large.0, "{name} on {device}: leaves");
            for (what, small, large) in
                [("kept", small.1, large.1), ("allocated", small.2, large.2)]
            {
                let near = large.abs_diff(small) * 10 <= small;
                assert!(near, "{name} on {device}: {small} and {large} bytes {what}");
            }
        }
    }
}
