//! A campaign's progress on the simulated disk: our own journal, as we use it, under our own test.
//!
//! Method. The progress of a small campaign is kept on a disk that the power is cut on, over and over, at
//! calls that a seed picks; what a contract allows of the writes in flight is decided by the random
//! chooser. After each cut the campaign goes on. In the end it must be the campaign that was never cut.
//! And the prover visits every crash state of the way in which the journal is used: commits of several
//! blocks that each are one record, and checkpoints.

use std::num::NonZeroU32;

use journal_core::{BlockDevice, DeviceError, Error, Geometry, Lba, Survivors, Write};
use simulator::campaign::progress::{self, Progress};
use simulator::campaign::{Identity, ProgressError};
use simulator::choose::{Chooser, Label, Random, Rng, What};
use simulator::disk::contract::Contract;
use simulator::disk::{Disk, Fill, Live, presets};
use simulator::explore::torture::{Plan, RowKey, Seen, Totals};
use simulator::explore::{Bounds, Verdict, prove};
use simulator::run::Setup;
use simulator::workload::{Identity as Work, Life, Op, Payloads, Sizes, Workload};

/// Answers at random, and cuts the power at the call that it is told.
#[derive(Debug)]
struct Power {
    random: Random,
    /// Calls that change something, until the power goes.
    left: u32,
}

impl Chooser for Power {
    fn choose(&mut self, what: What, n: NonZeroU32, label: &dyn Fn(u32) -> Label) -> u32 {
        if !matches!(what, What::CutHere { .. }) {
            return self.random.choose(what, n, label);
        }
        self.left = self.left.saturating_sub(1);
        u32::from(self.left == 0)
    }
}

/// The simulated disk as a device that owns itself, so that a journal lives on it over many cuts.
#[derive(Debug)]
struct Cut {
    disk: Disk,
    power: Power,
}

impl Cut {
    fn live(&mut self) -> Live<'_> {
        Live::asking(&mut self.disk, &mut self.power, Some(1000))
    }

    /// The power is back, until that many calls from now.
    fn back(mut self, left: u32) -> Cut {
        assert!(self.disk.is_dead(), "only a cut ends a sitting");
        self.disk.cut_here();
        self.power.left = left;
        self.power.random.draw_style();
        self
    }
}

impl BlockDevice for Cut {
    fn geometry(&self) -> Geometry {
        self.disk.geometry()
    }
    fn read(&mut self, at: Lba, into: &mut [u8]) -> Result<(), DeviceError> {
        self.live().read(at, into)
    }
    fn write(&mut self, writes: &[Write<'_>]) -> Result<(), DeviceError> {
        self.live().write(writes)
    }
    fn flush(&mut self) -> Result<(), DeviceError> {
        self.live().flush()
    }
    fn discard(&mut self, at: Lba, sectors: u64) -> Result<(), DeviceError> {
        self.live().discard(at, sectors)
    }
}

fn plan() -> Plan {
    Plan {
        seed: 1,
        runs: u64::MAX,
        journals: vec!["v9-512".to_owned()],
        grid: false,
        contracts: vec![Contract::base("x")],
        varied: false,
        sizes: Sizes::default(),
        payloads: None,
        shard: (0, 1),
    }
}

/// What a block saw: invented, of a length that differs from block to block.
fn saw(block: u64) -> Totals {
    let mut totals = Totals { blocks: 1, runs: 256, ..Totals::default() };
    let key = RowKey { journal: (block % 3) as u16, device: 0 };
    totals.seen.insert(key, Seen { runs: 256, leaves: block, ..Seen::default() });
    let classes = (0..block % 7 * 20).map(|i| ((i * 0x9e37_79b9) % 200, block));
    totals.classes.extend(classes);
    totals
}

fn fold(blocks: u64) -> Totals {
    let mut all = Totals::default();
    (0..blocks).for_each(|block| all.add(&saw(block)));
    all
}

/// Blocks of the invented campaign, and the window of its journal: the area is 30 blocks of 4096 bytes,
/// so they fit only if the journal forgets.
const BLOCKS: u64 = 50;
const WINDOW: u32 = 3;

/// Runs the campaign to its end through power cuts; returns how many there were.
fn through_cuts(contract: &Contract, seed: u64) -> u32 {
    let mut rng = Rng::new(seed);
    let bytes = progress::geometry(WINDOW).bytes();
    let disk = Disk::new(contract, bytes, Fill::Noise).unwrap();
    let power = Power { random: Random::new(seed), left: u32::MAX };
    let begun =
        Progress::begin(Cut { disk, power }, Identity::of(&plan()), WINDOW, [[1; 16], [2; 16]]);
    let mut device = begun.unwrap().into_device();
    device.disk.settle();
    device.power.left = 1 + rng.below(30);
    let (mut acked, mut cuts) = (0, 0);
    loop {
        let read = Progress::read(device).unwrap_or_else(|(error, _)| {
            panic!("{}, seed {seed}, cut {cuts}: {error}", contract.name)
        });
        let there = read.state().totals.blocks;
        assert!(there == acked || there == acked + 1, "{acked} were counted, {there} are there");
        assert_eq!(read.state().totals, fold(there), "{}, seed {seed}", contract.name);
        acked = there;
        let mut entropy = [0; 16];
        entropy[..8].copy_from_slice(&rng.draw().to_be_bytes());
        let resumed = read.resume(entropy);
        let mut progress = match resumed {
            Ok(progress) => progress,
            Err((_, dead)) => {
                cuts += 1;
                device = dead.back(1 + rng.below(40));
                continue;
            }
        };
        while acked < BLOCKS {
            let delta = progress.state().totals.news(&saw(acked));
            match progress.count(delta, acked) {
                Ok(()) => acked += 1,
                Err(error) => {
                    let cut = ProgressError::Journal(Error::Device(DeviceError::PowerCut));
                    assert_eq!(error, cut);
                    // What the whole state was committed for may be counted, and its checkpoint cut.
                    acked = progress.state().totals.blocks;
                    break;
                }
            }
        }
        if acked == BLOCKS {
            assert_eq!(progress.state().totals, fold(BLOCKS));
            return cuts;
        }
        cuts += 1;
        device = progress.into_device().back(1 + rng.below(40));
    }
}

const DEVICES: [&str; 5] =
    ["enterprise-nvme-plp", "consumer-nvme-no-plp", "hdd-512n", "hdd-512e", "virtio-writeback"];

/// Goal: no counted block is lost or counted twice, whatever a device that keeps its word leaves of the
/// writes in flight, cut anywhere: in a commit, a checkpoint, or the recovery from the cut before.
#[test]
fn a_campaign_that_is_cut_at_any_call_counts_each_block_once() {
    let mut cuts = 0;
    for device in DEVICES {
        let contract = presets::named(device).unwrap();
        cuts += (0..12).map(|seed| through_cuts(&contract, seed)).sum::<u32>();
    }
    assert!(cuts > 300, "{cuts} cuts");
}

/// Goal: a damage that is proven is refused, and nothing is written; so is what is no campaign's.
#[test]
fn a_damaged_or_foreign_journal_is_refused_and_left_as_it_is() {
    use journal_core::rfc::{BlockJournal, BlockOptions};
    use journal_core::{Journal, MemoryDevice, Resume};
    // So large that nothing is forgotten.
    let window = 30;
    let device = MemoryDevice::new(progress::geometry(window), 0);
    let begun = Progress::begin(device, Identity::of(&plan()), window, [[1; 16], [2; 16]]);
    let Ok(mut progress) = begun else { panic!("nothing is in the way") };
    for block in 0..10 {
        progress.count(saw(block), 0).unwrap();
    }
    let good = progress.into_device();
    // The second block of the log; later ones say that it was durable.
    let mut device = good.clone();
    device.bytes_mut()[8192 + 4096 + 100] ^= 1;
    let before = device.bytes().to_vec();
    let Err((error, device)) = Progress::read(device) else { panic!("it was believed") };
    assert!(matches!(error, ProgressError::Damaged { .. }), "{error}");
    assert!(device.bytes() == before);
    // Damage to the last one is what a cut leaves, and loses what was in flight.
    let mut device = good.clone();
    let last = device.bytes().chunks(4096).rposition(|block| block.starts_with(b"qjb9")).unwrap();
    device.bytes_mut()[last * 4096 + 100] ^= 1;
    let Ok(read) = Progress::read(device) else { panic!("a torn tail is no damage") };
    assert!(read.state().totals == fold(9));
    // Zeros, noise, and a journal with other entries.
    for fill in [0, 0x5a] {
        let device = MemoryDevice::new(progress::geometry(WINDOW), fill);
        assert!(matches!(Progress::read(device), Err((ProgressError::Journal(_), _))));
    }
    let mut device = MemoryDevice::new(progress::geometry(WINDOW), 0);
    let options = BlockOptions::V9_4096;
    BlockJournal::format(&mut device, &options, [1; 16]).unwrap();
    let (mut journal, _) = BlockJournal::open(&mut device, &options, &mut |_| ()).unwrap();
    let how = Resume { survivors: Survivors::Carry, entropy: [2; 16] };
    journal.resume(&mut device, how).unwrap();
    journal.append(&mut device, b"somebody else's").unwrap();
    journal.commit(&mut device).unwrap();
    assert!(matches!(Progress::read(device), Err((ProgressError::Foreign(_), _))));
}

/// Goal: a proof of the way in which the journal is used: records of two blocks, each a commit and a
/// group, one that holds everything, the checkpoint behind it, and more; two lives.
#[test]
fn every_crash_state_of_the_way_a_campaign_uses_its_journal_is_proven() {
    let record = |pieces: usize| {
        let mut ops = vec![Op::Append(251); pieces];
        ops.extend([Op::EndGroup, Op::Commit]);
        ops
    };
    let life = |ops: &[Vec<Op>]| Life { resume: Survivors::Carry, ops: ops.concat() };
    let forget = || vec![Op::Checkpoint(17)];
    let one = vec![life(&[record(2), record(17), forget(), record(2)])];
    let two = vec![life(&[record(17), forget()]), life(&[record(2)])];
    for (device, lives) in DEVICES.into_iter().flat_map(|device| [(device, &one), (device, &two)]) {
        let setup = Setup {
            contract: presets::named(device).unwrap(),
            device_bytes: 256 * 1024,
            fill: Fill::Zeros,
            workload: Workload {
                before: Vec::new(),
                lives: lives.clone(),
                identity: Work::Fresh,
                payloads: Payloads::Generated,
            },
            fault: None,
        };
        let bounds = Bounds { leaves_max: 100_000, ..Bounds::default() };
        let cell = prove("v9-4096", &setup, bounds).unwrap();
        println!("{device}: {} leaves over {} lives", cell.explored.leaves, lives.len());
        assert_eq!(cell.verdict, Verdict::Proven, "{device}: {:?}", cell.why);
        assert!(cell.explored.complete);
    }
}
