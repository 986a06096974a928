//! Claims about V9 that need no crash: its bytes, its limits, its errors, its decision table.

use journal_core::rfc::block::{BlockJournal, BlockOptions, Conditions, RULES, Row, decide};
use journal_core::{
    BlockDevice, DeviceError, End, Error, Field, Geometry, Inspect, Journal, Lba, Lsn, Mark,
    MemoryDevice, Resume, Survivors, Write,
};
use sha2::{Digest, Sha256};

const SALT: [u8; 16] = [
    0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff,
];
const FORGET: Resume = Resume { survivors: Survivors::Forget, entropy: SALT };
const CARRY: Resume = Resume { survivors: Survivors::Carry, entropy: [7; 16] };

fn device(sectors: u64) -> MemoryDevice {
    MemoryDevice::new(Geometry { logical_bytes: 512, physical_bytes: 512, sectors }, 0)
}

fn fresh(options: BlockOptions, sectors: u64) -> (MemoryDevice, BlockJournal) {
    let mut device = device(sectors);
    BlockJournal::format(&mut device, &options, SALT).unwrap();
    let (mut journal, opened) =
        BlockJournal::open(&mut device, &options, &mut |_| panic!("a new journal is empty"))
            .unwrap();
    assert_eq!((opened.entries, opened.end, opened.damage), (0, End::Clean, None));
    journal.resume(&mut device, FORGET).unwrap();
    (device, journal)
}

fn all(device: &mut MemoryDevice, options: BlockOptions) -> Vec<(Lsn, Vec<u8>)> {
    let mut entries = Vec::new();
    BlockJournal::open(device, &options, &mut |entry| {
        entries.push((entry.lsn, entry.payload.to_vec()));
    })
    .unwrap();
    entries
}

/// The payload of the specification's examples.
fn hash(cluster: u64) -> Vec<u8> {
    let mut payload = Sha256::digest(format!("cluster{cluster}")).to_vec();
    payload.extend((0x50000 + cluster * 0x10000).to_be_bytes());
    payload.extend(cluster.to_be_bytes());
    payload
}

#[test]
fn the_bytes_are_those_of_the_specification() {
    let (mut device, mut journal) = fresh(BlockOptions::V9_512, 128);
    // The header of the format; the one of `resume` went to the other copy.
    assert_eq!(device.bytes()[8..12], [0x51, 0xfd, 0x6c, 0x8e]);
    journal.append(&mut device, &hash(0)).unwrap();
    journal.commit(&mut device).unwrap();
    journal.append(&mut device, &hash(1)).unwrap();
    journal.append(&mut device, &hash(2)).unwrap();
    journal.commit(&mut device).unwrap();
    let bytes = device.bytes();
    let seq0 = [
        0x71, 0x6a, 0x62, 0x39, 0x32, 0x70, 0x20, 0xb1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
        0, 0, 0x00, 0x32, 0x00, 0x03, 0x48, 0xdf, 0xe9, 0x82, 0x32, 0x02, 0xb6, 0x40, 0x7e, 0xa6,
    ];
    assert_eq!(bytes[0x2000..0x2000 + seq0.len()], seq0);
    assert_eq!(bytes[0x2050..0x2054], [0, 0, 0xff, 0xff]);
    let seq1 = [
        0x71, 0x6a, 0x62, 0x39, 0xbe, 0x78, 0x9c, 0x9a, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0,
        0, 1, 0x00, 0x64, 0x00, 0x03, 0x32, 0x70, 0x20, 0xb1, 0x32, 0x02, 0xa1, 0x40, 0x79, 0x1d,
    ];
    assert_eq!(bytes[0x2200..0x2200 + seq1.len()], seq1);
    assert_eq!(bytes[0x2280..0x2286], [0, 0, 0, 2, 0xff, 0xff]);
    assert!(bytes[0x2286..0x2400].iter().all(|&byte| byte == 0xff));
}

#[test]
fn every_input_of_the_recovery_decision_fits_exactly_one_row() {
    let mut used = [false; RULES.len()];
    for bits in 0..64u32 {
        let bit = |n: u32| bits >> n & 1 == 1;
        let seen = Conditions {
            area_end: bit(0),
            inside_commit: bit(1),
            unreadable: bit(2),
            claims: bit(3),
            later: bit(4),
            proof: bit(5),
        };
        let fitting: Vec<Row> =
            RULES.iter().filter(|rule| rule.fits(seen)).map(|rule| rule.row).collect();
        assert_eq!(fitting.len(), 1, "{seen:?} fits {fitting:?}");
        let rule = decide(seen);
        assert_eq!(rule.row, fitting[0]);
        used[rule.row as usize] = true;
        // Proven means proven, and nothing else does.
        let proven = rule.damage.is_some_and(|(_, proven)| proven);
        assert_eq!(proven, seen.proof && !seen.area_end, "{seen:?}");
        let nothing = !(seen.inside_commit || seen.unreadable || seen.claims || seen.later);
        assert_eq!(rule.end == End::Clean, nothing && !proven && !seen.area_end, "{seen:?}");
    }
    assert_eq!(used, [true; RULES.len()], "each row is reached");
}

#[test]
fn a_commit_is_one_write_and_one_flush_and_two_commands_where_the_ring_wraps() {
    // 2H + 10 blocks.
    let options = BlockOptions { window: 3, ..BlockOptions::V9_512 };
    let (mut device, mut journal) = fresh(options, 26);
    let mut commands = Vec::new();
    for _ in 0..5 {
        for _ in 0..3 {
            journal.append(&mut device, &[9; 251]).unwrap();
        }
        let (writes, flushes) = (device.writes, device.flushes);
        let upto = journal.commit(&mut device).unwrap();
        assert_eq!(device.flushes, flushes + 1);
        commands.push(device.writes - writes);
        journal.checkpoint(&mut device, upto).unwrap();
    }
    assert_eq!(commands, [1, 1, 1, 2, 1]);
    let flushes = device.flushes;
    journal.commit(&mut device).unwrap();
    assert_eq!(device.flushes, flushes, "nothing to commit costs nothing");
}

#[test]
fn limits_are_refused_without_harm() {
    let options = BlockOptions { window: 2, ..BlockOptions::V9_512 };
    let (mut device, mut journal) = fresh(options, 28);
    let too_long = journal.append(&mut device, &[0; 252]);
    assert_eq!(too_long, Err(Error::PayloadSize { bytes: 252, min: 0, max: 251 }));
    journal.append(&mut device, &[1; 251]).unwrap();
    journal.append(&mut device, &[2; 251]).unwrap();
    assert!(matches!(journal.append(&mut device, &[3; 251]), Err(Error::Full { free: 0, .. })));
    journal.append(&mut device, &[]).unwrap();
    let first = journal.commit(&mut device).unwrap();
    for _ in 0..3 {
        journal.append(&mut device, &[4; 251]).unwrap();
        journal.commit(&mut device).unwrap();
    }
    // 5 of 12 blocks are live: a sixth could not be carried over past a cut commit.
    assert!(matches!(journal.append(&mut device, &[5]), Err(Error::Full { free: 0, .. })));
    journal.checkpoint(&mut device, first).unwrap();
    journal.append(&mut device, &[5]).unwrap();
    journal.commit(&mut device).unwrap();
    let sizes: Vec<usize> = all(&mut device, options).iter().map(|e| e.1.len()).collect();
    assert_eq!(sizes, [251, 251, 251, 1]);
}

#[test]
fn devices_and_options_that_do_not_fit_are_refused() {
    let unfit = |options: BlockOptions, geometry: Geometry| {
        let mut device = MemoryDevice::new(geometry, 0);
        assert!(matches!(
            BlockJournal::format(&mut device, &options, SALT),
            Err(Error::Unfit { .. })
        ));
    };
    let good = Geometry { logical_bytes: 512, physical_bytes: 512, sectors: 128 };
    unfit(BlockOptions { block_bytes: 1024, ..BlockOptions::V9_512 }, good);
    unfit(BlockOptions { window: 0, ..BlockOptions::V9_512 }, good);
    unfit(BlockOptions { window: 38, ..BlockOptions::V9_512 }, good);
    unfit(BlockOptions { window: u32::MAX, ..BlockOptions::V9_512 }, good);
    unfit(BlockOptions::V9_512, Geometry { sectors: 16, ..good });
    unfit(BlockOptions::V9_512, Geometry { physical_bytes: 8192, ..good });
    let coarse = Geometry { logical_bytes: 4096, physical_bytes: 4096, sectors: 64 };
    unfit(BlockOptions::V9_512, coarse);
    BlockJournal::format(&mut MemoryDevice::new(coarse, 0), &BlockOptions::V9_4096, SALT).unwrap();
    // A journal of the other block size is not taken for this one.
    let (mut device, _) = fresh(BlockOptions::V9_512, 256);
    let other = BlockJournal::open(&mut device, &BlockOptions::V9_4096, &mut |_| ());
    assert!(matches!(other, Err(Error::NotAJournal { .. })));
}

/// Fails the n-th write or flush from now on.
struct Failing {
    below: MemoryDevice,
    calls_left: u32,
}

impl Failing {
    fn spend(&mut self) -> Result<(), DeviceError> {
        self.calls_left = self.calls_left.checked_sub(1).ok_or(DeviceError::Io(Lba(0)))?;
        Ok(())
    }
}

impl BlockDevice for Failing {
    fn geometry(&self) -> Geometry {
        self.below.geometry()
    }
    fn read(&mut self, at: Lba, into: &mut [u8]) -> Result<(), DeviceError> {
        self.below.read(at, into)
    }
    fn write(&mut self, writes: &[Write<'_>]) -> Result<(), DeviceError> {
        self.spend()?;
        self.below.write(writes)
    }
    fn flush(&mut self) -> Result<(), DeviceError> {
        self.spend()?;
        self.below.flush()
    }
    fn discard(&mut self, _: Lba, _: u64) -> Result<(), DeviceError> {
        self.spend()
    }
}

#[test]
fn nothing_is_acknowledged_after_a_failed_write_or_flush() {
    // A flush that fails may have dropped the data; the next one would succeed for nothing.
    for good_calls in [0, 1] {
        for verb in 0..3 {
            let (below, mut journal) = fresh(BlockOptions::V9_512, 128);
            let mut device = Failing { below, calls_left: 2 };
            let lsn = journal.append(&mut device, b"first").unwrap();
            journal.commit(&mut device).unwrap();
            journal.append(&mut device, b"second").unwrap();
            device.calls_left = good_calls;
            let failed = match verb {
                0 => journal.commit(&mut device).map(|_| ()),
                1 => journal.checkpoint(&mut device, lsn),
                _ => journal.resume(&mut device, CARRY),
            };
            assert!(matches!(failed, Err(Error::Device(DeviceError::Io(_)))));
            device.calls_left = 100;
            assert_eq!(journal.commit(&mut device), Err(Error::Poisoned));
            assert_eq!(journal.append(&mut device, b"third"), Err(Error::Poisoned));
            assert_eq!(journal.checkpoint(&mut device, lsn), Err(Error::Poisoned));
            assert_eq!(journal.resume(&mut device, CARRY), Err(Error::Poisoned));
            let mut seen = 0;
            BlockJournal::open(&mut device, &BlockOptions::V9_512, &mut |_| seen += 1).unwrap();
            assert!(seen >= u64::from(verb != 1), "the first entry was acknowledged");
        }
    }
}

#[test]
fn appending_before_resume_is_refused() {
    let (mut device, _) = fresh(BlockOptions::V9_512, 128);
    let (mut journal, _) =
        BlockJournal::open(&mut device, &BlockOptions::V9_512, &mut |_| ()).unwrap();
    assert_eq!(journal.append(&mut device, b"x"), Err(Error::NotResumed));
    assert_eq!(journal.commit(&mut device), Err(Error::NotResumed));
    assert_eq!(journal.checkpoint(&mut device, Lsn(1)), Err(Error::NotResumed));
}

#[test]
fn a_snapshot_is_restored_into_the_same_memory() {
    let (mut device, mut journal) = fresh(BlockOptions::V9_512, 128);
    journal.append(&mut device, b"one").unwrap();
    let (snapshot, disk) = (journal.clone(), device.clone());
    for _ in 0..2 {
        journal.append(&mut device, b"two").unwrap();
        journal.commit(&mut device).unwrap();
        journal.clone_from(&snapshot);
        device.clone_from(&disk);
    }
    journal.commit(&mut device).unwrap();
    let payloads: Vec<_> =
        all(&mut device, BlockOptions::V9_512).into_iter().map(|e| e.1).collect();
    assert_eq!(payloads, [b"one"]);
}

#[test]
fn an_image_is_told_without_gaps_and_says_where_the_log_stops() {
    let (mut device, mut journal) = fresh(BlockOptions::V9_512, 128);
    for cluster in 0..3 {
        journal.append(&mut device, &hash(cluster)).unwrap();
        journal.commit(&mut device).unwrap();
    }
    device.bytes_mut()[0x2000 + 512 + 40] ^= 1;
    let mut fields: Vec<Field> = Vec::new();
    BlockJournal::inspect(&mut device, &BlockOptions::V9_512, &mut |f| fields.push(f)).unwrap();
    let blocks: Vec<&Field> = fields.iter().filter(|f| f.at_bytes >= 0x2000).collect();
    assert!(blocks.windows(2).all(|w| w[0].at_bytes + w[0].bytes == w[1].at_bytes));
    assert_eq!(blocks[0].name, "block 0: magic");
    let stop = blocks.iter().find(|f| f.name == "block 1").unwrap();
    assert_eq!(stop.mark, Mark::Bad);
    // The block behind it proves that block 1 was flushed.
    let proof = blocks.iter().find(|f| f.name == "block 2: durable_upto").unwrap();
    assert_eq!((proof.value.as_str(), proof.mark), ("2", Mark::Bad));
}

#[test]
fn of_a_header_that_cannot_be_read_the_sector_that_is_lost_is_told() {
    let (mut device, _) = fresh(BlockOptions::V9_512, 128);
    device.lose(Lba(8 + 5));
    let mut fields: Vec<Field> = Vec::new();
    BlockJournal::inspect(&mut device, &BlockOptions::V9_512, &mut |f| fields.push(f)).unwrap();
    let lost = fields.iter().find(|f| f.name == "header B").unwrap();
    assert_eq!((lost.value.as_str(), lost.mark), ("LBA 13 is unreadable", Mark::Bad));
}

#[test]
fn survivors_keep_their_names_when_their_blocks_move() {
    let options = BlockOptions { window: 2, ..BlockOptions::V9_512 };
    let (mut device, mut journal) = fresh(options, 48);
    for n in 0..4 {
        journal.append(&mut device, &[n; 200]).unwrap();
        journal.append(&mut device, &[n + 10; 200]).unwrap();
        journal.commit(&mut device).unwrap();
    }
    let mut names = Vec::new();
    let (mut journal, _) =
        BlockJournal::open(&mut device, &options, &mut |entry| names.push(entry.lsn)).unwrap();
    // Twice in one life: the names told by `open` still hold.
    journal.resume(&mut device, CARRY).unwrap();
    journal.resume(&mut device, Resume { entropy: [8; 16], ..CARRY }).unwrap();
    let lsn = journal.append(&mut device, b"new").unwrap();
    assert!(lsn > names[7]);
    journal.commit(&mut device).unwrap();
    // The first block, and then the third but for its second entry.
    for (upto, left) in [(names[1], 7), (names[4], 5)] {
        journal.checkpoint(&mut device, upto).unwrap();
        assert_eq!(all(&mut device, options).len(), left);
    }
    journal.checkpoint(&mut device, lsn).unwrap();
    assert!(all(&mut device, options).is_empty());
}

#[test]
fn a_checkpoint_may_free_the_first_blocks_of_a_commit() {
    let options = BlockOptions { window: 3, ..BlockOptions::V9_512 };
    let (mut device, mut journal) = fresh(options, 48);
    let names: Vec<Lsn> = (0..3).map(|n| journal.append(&mut device, &[n; 251]).unwrap()).collect();
    journal.commit(&mut device).unwrap();
    journal.checkpoint(&mut device, names[0]).unwrap();
    assert_eq!(all(&mut device, options).len(), 2);
    let (mut journal, _) = BlockJournal::open(&mut device, &options, &mut |_| ()).unwrap();
    journal.resume(&mut device, CARRY).unwrap();
    assert_eq!(all(&mut device, options).len(), 2);
}
