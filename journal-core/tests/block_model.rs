//! Claims about V9 over random inputs: it behaves as a list does, believes no bytes, and tells
//! damage.

use journal_core::rfc::block::{BlockJournal, BlockOptions};
use journal_core::{
    Damage, End, Error, Geometry, Inspect, Journal, Lba, Lsn, MemoryDevice, Opened, Resume,
    Survivors,
};
use proptest::prelude::*;

const HEADERS: usize = 8192;

fn device(blocks: u64, block_bytes: u32) -> MemoryDevice {
    let sectors = 16 + blocks * u64::from(block_bytes) / 512;
    MemoryDevice::new(Geometry { logical_bytes: 512, physical_bytes: 512, sectors }, 0)
}

fn entropy(n: u64) -> [u8; 16] {
    let mut bytes = [0x5a; 16];
    bytes[..8].copy_from_slice(&n.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
    bytes
}

/// Entries with their names.
type Shown = Vec<(Lsn, Vec<u8>)>;

fn open(
    device: &mut MemoryDevice,
    options: BlockOptions,
) -> Result<(BlockJournal, Opened, Shown), Error> {
    let mut entries = Vec::new();
    let (journal, opened) = BlockJournal::open(device, &options, &mut |entry| {
        entries.push((entry.lsn, entry.payload.to_vec()));
    })?;
    assert_eq!(opened.entries, entries.len() as u64);
    assert!(entries.windows(2).all(|w| w[0].0 < w[1].0), "names grow");
    Ok((journal, opened, entries))
}

#[derive(Clone, Debug)]
enum Op {
    Append(usize),
    Commit,
    /// Up to the entry at this share of those named, in 256ths.
    Checkpoint(u8),
    /// Opens again without a shutdown: what was not committed is gone.
    Reopen(bool),
    /// Resumes once more in the same life.
    Again(bool),
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        8 => (0usize..252).prop_map(Op::Append),
        4 => Just(Op::Commit),
        3 => any::<u8>().prop_map(Op::Checkpoint),
        1 => prop::bool::weighted(0.8).prop_map(Op::Reopen),
        1 => prop::bool::weighted(0.8).prop_map(Op::Again),
    ]
}

fn options() -> impl Strategy<Value = (BlockOptions, u64)> {
    (any::<bool>(), any::<bool>(), 1u32..4, 0u64..9).prop_map(|(small, salted, window, more)| {
        let block_bytes = if small { 512 } else { 4096 };
        let blocks = u64::from(window) * 3 + more;
        (BlockOptions { block_bytes, salted, window, grid: None }, blocks)
    })
}

/// A list of entries, the first `freed` of which may be forgotten.
#[derive(Default)]
struct Model {
    durable: Shown,
    freed: usize,
    pending: Shown,
}

impl Model {
    /// Takes over what an open has shown, if the model allows it.
    fn check(&mut self, shown: Shown) {
        let missing = self.durable.len().checked_sub(shown.len()).expect("nothing is invented");
        assert!(missing <= self.freed, "{missing} missing, {} freed", self.freed);
        for (kept, (_, payload)) in self.durable[missing..].iter().zip(&shown) {
            assert_eq!(&kept.1, payload);
        }
        *self = Model { durable: shown, freed: self.freed - missing, pending: Vec::new() };
    }
}

fn how(carry: bool, n: u64) -> Resume {
    let survivors = if carry { Survivors::Carry } else { Survivors::Forget };
    Resume { survivors, entropy: entropy(n) }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn it_behaves_as_a_list_over_many_laps_and_lives(
        (options, blocks) in options(),
        ops in proptest::collection::vec(op(), 1..120),
    ) {
        let mut disk = device(blocks, options.block_bytes);
        BlockJournal::format(&mut disk, &options, entropy(1)).unwrap();
        let mut model = Model::default();
        let (mut journal, ..) = open(&mut disk, options).unwrap();
        journal.resume(&mut disk, how(true, 2)).unwrap();
        for (step, op) in ops.into_iter().enumerate() {
            let fresh = step as u64 + 3;
            match op {
                Op::Append(size) => {
                    let payload: Vec<u8> = (0..size).map(|i| (i * 7 + step) as u8).collect();
                    match journal.append(&mut disk, &payload) {
                        Ok(lsn) => {
                            let last = model.pending.last().or(model.durable.last());
                            prop_assert!(last.is_none_or(|last| last.0 < lsn));
                            model.pending.push((lsn, payload));
                        }
                        Err(Error::Full { .. }) => {
                            // Never with an empty journal: then there is room for a commit.
                            prop_assert!(!model.pending.is_empty() || !model.durable.is_empty());
                        }
                        Err(error) => panic!("{error}"),
                    }
                }
                Op::Commit => {
                    let upto = journal.commit(&mut disk).unwrap();
                    model.durable.append(&mut model.pending);
                    let last = model.durable.last().map_or(upto, |last| last.0);
                    prop_assert_eq!(upto, last);
                }
                Op::Checkpoint(share) => {
                    let upto = model.durable.len() * usize::from(share) / 255;
                    if upto > 0 {
                        journal.checkpoint(&mut disk, model.durable[upto - 1].0).unwrap();
                        model.freed = model.freed.max(upto);
                    }
                }
                Op::Reopen(carry) => {
                    let (reopened, opened, shown) = open(&mut disk, options).unwrap();
                    prop_assert_eq!((opened.end, opened.damage), (End::Clean, None));
                    model.check(shown);
                    journal = reopened;
                    journal.resume(&mut disk, how(carry, fresh)).unwrap();
                    if !carry {
                        model = Model::default();
                    }
                }
                Op::Again(carry) => {
                    journal.resume(&mut disk, how(carry, fresh)).unwrap();
                    model.pending.clear();
                    if !carry {
                        model = Model::default();
                    }
                }
            }
        }
        let (_, _, shown) = open(&mut disk, options).unwrap();
        model.check(shown);
    }

    #[test]
    fn no_bytes_make_it_panic_or_loop(
        (options, blocks) in options(),
        noise in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..40),
        facts in proptest::option::of((any::<u64>(), any::<u32>(), any::<u32>(), any::<u64>())),
        lost in proptest::collection::vec(any::<prop::sample::Index>(), 0..3),
    ) {
        use journal_core::rfc::header::*;
        let mut disk = device(blocks, options.block_bytes);
        BlockJournal::format(&mut disk, &options, entropy(1)).unwrap();
        let (mut journal, ..) = open(&mut disk, options).unwrap();
        journal.resume(&mut disk, how(true, 2)).unwrap();
        for n in 0..4 {
            if journal.append(&mut disk, &[n; 200]).is_ok() {
                journal.commit(&mut disk).unwrap();
            }
        }
        if let Some((start_seq, nblocks, window, counters)) = facts {
            // A header with a right checksum and any facts.
            let header = *journal.header();
            let header = Header {
                start_seq: start_seq >> (counters % 64),
                nblocks: if counters & 64 == 0 { nblocks } else { header.nblocks },
                window: if counters & 128 == 0 { window } else { header.window },
                generation: Generation(counters >> 8),
                header_seq: HeaderSeq((counters >> 1) | 1),
                ..header
            };
            disk.bytes_mut()[..4096].copy_from_slice(&header.encode(Magic::V9));
        }
        for (at, value) in noise {
            let len = disk.bytes().len();
            disk.bytes_mut()[at.index(len)] = value;
        }
        for at in lost {
            let sectors = disk.bytes().len() / 512;
            disk.lose(Lba(at.index(sectors) as u64));
        }
        let mut fields = 0u64;
        BlockJournal::inspect(&mut disk, &options, &mut |_| fields += 1).unwrap();
        prop_assert!(fields < 5000);
        for carry in [true, false] {
            let Ok((mut journal, _, shown)) = open(&mut disk, options) else { continue };
            if journal.resume(&mut disk, how(carry, 3)).is_err() {
                continue;
            }
            let _ = journal.append(&mut disk, b"after");
            let _ = journal.commit(&mut disk);
            if let Some((lsn, _)) = shown.last() {
                let _ = journal.checkpoint(&mut disk, *lsn);
            }
        }
    }

    #[test]
    fn pure_noise_is_no_journal(seed in any::<u64>(), blocks in 3u64..12) {
        let mut disk = device(blocks, 512);
        let mut state = seed | 1;
        for byte in disk.bytes_mut() {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            *byte = (state >> 56) as u8;
        }
        BlockJournal::inspect(&mut disk, &BlockOptions::V9_512, &mut |_| ()).unwrap();
        let opened = open(&mut disk, BlockOptions::V9_512);
        prop_assert!(matches!(opened, Err(Error::NotAJournal { .. })), "noise was believed");
    }
}

/// Commits of one to three blocks, carried over once in the middle, so that survivors, copies and
/// new blocks are all there; returns the disk, what it held a lap ago, and the payloads by block.
fn acknowledged(options: BlockOptions) -> (MemoryDevice, MemoryDevice, BlockJournal) {
    let mut disk = device(48, options.block_bytes);
    BlockJournal::format(&mut disk, &options, entropy(1)).unwrap();
    let (mut journal, ..) = open(&mut disk, options).unwrap();
    journal.resume(&mut disk, how(true, 2)).unwrap();
    let mut last_lap = disk.clone();
    let mut number = 0u32;
    let mut commit = |journal: &mut BlockJournal, disk: &mut MemoryDevice, blocks: usize| {
        let each = options.block_bytes as usize / 230;
        for _ in 0..blocks * each {
            number += 1;
            journal.append(disk, &number.to_be_bytes().repeat(55)).unwrap();
        }
        journal.commit(disk).unwrap()
    };
    for lap in 0..2 {
        for blocks in [1, 3, 2, 1, 1, 3] {
            let upto = commit(&mut journal, &mut disk, blocks);
            if lap == 0 {
                journal.checkpoint(&mut disk, upto).unwrap();
            }
        }
        if lap == 0 {
            last_lap = disk.clone();
        }
    }
    let (mut journal, ..) = open(&mut disk, options).unwrap();
    journal.resume(&mut disk, how(true, 3)).unwrap();
    for blocks in [2, 1] {
        commit(&mut journal, &mut disk, blocks);
    }
    (disk, last_lap, journal)
}

#[test]
fn the_loss_of_any_acknowledged_block_is_proven_unless_nothing_follows() {
    for block_bytes in [512u32, 4096] {
        let options = BlockOptions { block_bytes, window: 4, ..BlockOptions::V9_512 };
        let (disk, last_lap, journal) = acknowledged(options);
        let (_, _, whole) = open(&mut disk.clone(), options).unwrap();
        let (start, next) = (journal.header().start_seq, journal.next().0);
        let block = block_bytes as usize;
        assert!(next - start > 12, "survivors, and more than a window of them");
        for seq in start..next {
            let at = HEADERS + (seq % 48) as usize * block;
            for harm in 0..4 {
                let mut harmed = disk.clone();
                match harm {
                    0 => harmed.lose(Lba(at as u64 / 512)),
                    1 => harmed.bytes_mut()[at..at + block].fill(0),
                    2 => harmed.bytes_mut()[at + block / 2] ^= 0x10,
                    _ => {
                        let old = &last_lap.bytes()[at..at + block];
                        harmed.bytes_mut()[at..at + block].copy_from_slice(old);
                    }
                }
                let (_, opened, shown) = open(&mut harmed, options).unwrap();
                assert!(whole.starts_with(&shown), "block {seq}: a wrong entry");
                assert!(shown.len() < whole.len());
                let proven = opened.damage.is_some_and(|damage| damage.proven);
                // The last commit is one block, and nothing stands behind it.
                assert_eq!(proven, seq + 1 < next, "block {seq}, harm {harm}: {opened:?}");
                if let (true, Some(Damage { at_bytes, .. })) = (proven, opened.damage) {
                    assert_eq!(at_bytes, at as u64);
                }
            }
        }
    }
}
