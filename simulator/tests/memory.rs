//! A search that may keep only so much, and recoveries that read everything.

use journal_core::{
    BlockDevice, Entry, Error, Geometry, Journal, Lba, Limits, Lsn, Opened, Plain, Promises,
    Resume, Survivors, rfc::RfcJournal, rfc::RfcOptions, rfc::Strategy,
};
use simulator::disk::{Fill, presets};
use simulator::explore::{Bounds, Cell, Grain, Verdict, explore, explore_together, prove_with};
use simulator::run::{Run, Setup};
use simulator::workload::Workload;

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
                let together = pool.install(|| explore_together(&mut run(), bounds, finest));
                assert_eq!(&together, found, "{device}, {memory_max} bytes, {threads} threads");
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

/// A journal that reads the whole device before it looks at anything.
#[derive(Debug)]
struct Slurps(RfcJournal);

impl Journal for Slurps {
    type Options = RfcOptions;

    fn promises(options: &RfcOptions) -> Promises {
        RfcJournal::promises(options)
    }

    fn limits(options: &RfcOptions, geometry: Geometry) -> Limits {
        RfcJournal::limits(options, geometry)
    }

    fn format(
        device: &mut dyn BlockDevice,
        options: &RfcOptions,
        entropy: journal_core::Entropy,
    ) -> Result<(), Error> {
        RfcJournal::format(device, options, entropy)
    }

    fn open(
        device: &mut dyn BlockDevice,
        options: &RfcOptions,
        replay: &mut dyn FnMut(Entry<'_>),
    ) -> Result<(Self, Opened), Error> {
        let geometry = device.geometry();
        let mut sector = vec![0; geometry.logical_bytes as usize];
        for lba in 0..geometry.sectors {
            device.read(Lba(lba), &mut sector)?;
        }
        let (journal, opened) = RfcJournal::open(device, options, replay)?;
        Ok((Slurps(journal), opened))
    }

    fn resume(&mut self, device: &mut dyn BlockDevice, how: Resume) -> Result<(), Error> {
        self.0.resume(device, how)
    }

    fn append(&mut self, device: &mut dyn BlockDevice, payload: &[u8]) -> Result<Lsn, Error> {
        self.0.append(device, payload)
    }

    fn end_group(&mut self, device: &mut dyn BlockDevice) -> Result<(), Error> {
        self.0.end_group(device)
    }

    fn commit(&mut self, device: &mut dyn BlockDevice) -> Result<Lsn, Error> {
        self.0.commit(device)
    }

    fn checkpoint(&mut self, device: &mut dyn BlockDevice, upto: Lsn) -> Result<(), Error> {
        self.0.checkpoint(device, upto)
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
    let slurps = prove_with::<Plain<Slurps>>("slurps", &options, &setup, bounds);
    assert_eq!(says(&slurps), (Verdict::Proven, true), "{:?}", slurps.why);
    // It makes every image a leaf, at the crash point that has the most of them.
    let (sectors, leaves) = (slurps.explored.reads_all.unwrap(), slurps.explored.leaves);
    assert!(leaves >= 1 << sectors.min(20) >> 1, "{leaves} leaves for {sectors} sectors");
    assert!(careful.explored.leaves < leaves, "{} leaves", careful.explored.leaves);
}

#[test]
fn what_a_proof_keeps_does_not_depend_on_the_size_of_the_device() {
    // Not for the rungs that erase their area as they format: the disk keeps what was written.
    for name in ["v8ce", "v8pp", "v9-512", "v9-4096"] {
        let options = RfcOptions { strategy: Strategy::named(name).unwrap() };
        let [small, large] = [1u64 << 20, 1 << 30].map(|device_bytes| {
            let setup = Setup { device_bytes, ..setup("consumer-nvme-no-plp", 2, 4, 1) };
            prove_with::<RfcJournal>(name, &options, &setup, Bounds::default()).explored
        });
        assert_eq!(small.leaves, large.leaves, "{name}");
        let (small, large) = (small.kept_bytes, large.kept_bytes);
        assert!(large.abs_diff(small) * 10 <= small, "{name}: {small} and {large} bytes");
    }
}
