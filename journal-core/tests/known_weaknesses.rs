//! What the real programs do, kept as it is: each test tells a crash that costs them something.
//!
//! The images are built by hand here; the simulator finds them by itself. A test that fails after
//! a change says that the model has become kinder, or harsher, than the program it stands for.

use journal_core::formats::leveldb::{self, LevelDb};
use journal_core::formats::sqlite_wal::{self, SqliteWal};
use journal_core::{
    BlockDevice, DeviceError, End, Error, Geometry, Journal, Lba, MemoryDevice, Opened, Resume,
    Survivors,
};

const GEOMETRY: Geometry = Geometry { logical_bytes: 512, physical_bytes: 512, sectors: 256 };
const CARRY: Resume = Resume { survivors: Survivors::Carry, entropy: [3; 16] };

type Found = (Vec<Vec<u8>>, Opened);

fn open<J: Journal>(device: &mut MemoryDevice, options: &J::Options) -> Result<(J, Found), Error> {
    let mut found = Vec::new();
    let (journal, opened) =
        J::open(device, options, &mut |entry| found.push(entry.payload.to_vec()))?;
    Ok((journal, (found, opened)))
}

fn new<J: Journal>(options: &J::Options) -> (MemoryDevice, J) {
    let mut device = MemoryDevice::new(GEOMETRY, 0);
    J::format(&mut device, options, [0; 16]).unwrap();
    let (mut journal, _) = open::<J>(&mut device, options).unwrap();
    journal.resume(&mut device, CARRY).unwrap();
    (device, journal)
}

/// Where the log lies that the first resume began: the second of the two files.
fn second_file() -> usize {
    let layout = leveldb::current::Layout::of(GEOMETRY).unwrap();
    layout.files[1].on_device(0) as usize
}

/// Goal: 1. "one" is committed. 2. "two" is written, and its payload torn. 3. Recovery shows "one"
/// and resumes. 4. "three" is committed. 5. Is "three" still there?
fn append_behind_a_torn_tail(options: leveldb::Options) -> Found {
    let (mut device, mut journal) = new::<LevelDb>(&options);
    journal.append(&mut device, &[1; 100]).unwrap();
    journal.commit(&mut device).unwrap();
    let before = device.bytes().to_vec();
    journal.append(&mut device, &[2; 1000]).unwrap();
    journal.commit(&mut device).unwrap();
    // The sector that holds the end of "two" never made it.
    let torn = (0..device.bytes().len() / 512)
        .rfind(|s| device.bytes()[s * 512..][..512] != before[s * 512..][..512])
        .unwrap();
    device.bytes_mut()[torn * 512..][..512].copy_from_slice(&before[torn * 512..][..512]);

    let (mut journal, (found, opened)) = open::<LevelDb>(&mut device, &options).unwrap();
    assert_eq!((found, opened.end), (vec![vec![1; 100]], End::Torn));
    journal.resume(&mut device, CARRY).unwrap();
    journal.append(&mut device, b"three").unwrap();
    journal.commit(&mut device).unwrap();
    open::<LevelDb>(&mut device, &options).unwrap().1
}

#[test]
fn leveldb_with_reuse_logs_loses_what_it_committed_behind_a_torn_tail() {
    let (found, opened) = append_behind_a_torn_tail(leveldb::Options { reuse_logs: true });
    assert_eq!(found, [vec![1; 100]], "\"three\" was acknowledged, and is dropped");
    assert!(opened.damage.is_some());
}

#[test]
fn leveldb_with_a_new_log_per_open_is_not_hurt_by_a_torn_tail() {
    let (found, opened) = append_behind_a_torn_tail(leveldb::Options { reuse_logs: false });
    assert_eq!(found, [vec![1; 100], b"three".to_vec()]);
    assert_eq!(opened.damage, None);
}

#[test]
fn leveldb_passes_a_hole_of_zeros_over_in_silence_and_shows_what_is_behind_it() {
    let options = leveldb::Options::default();
    let (mut device, mut journal) = new::<LevelDb>(&options);
    for payload in [vec![1; 100], vec![2; 30000], vec![3; 10000], vec![4; 100]] {
        journal.append(&mut device, &payload).unwrap();
        journal.commit(&mut device).unwrap();
    }
    // The first sector of the log file is lost to zeros.
    let at = second_file();
    device.bytes_mut()[at..at + 512].fill(0);
    let (found, opened) = open::<LevelDb>(&mut device, &options).unwrap().1;
    // The LAST fragment of the third entry is reported as an orphan, the first two are not missed.
    assert!(found == [vec![4; 100]]);
    assert_eq!(opened.damage.unwrap().what, "the start of a fragmented record");
}

#[test]
fn sqlite_shows_a_transaction_again_that_a_recovery_had_not_shown() {
    // Goal: the salts stay after a recovery, so a stale frame fits once its predecessor is
    // written again with the same bytes.
    let options = sqlite_wal::Options::default();
    let (mut device, mut journal) = new::<SqliteWal>(&options);
    journal.append(&mut device, b"one").unwrap();
    journal.commit(&mut device).unwrap();
    // 1. Two transactions are in flight (synchronous=NORMAL); of the first the frame is lost, of the second it is not.
    let before = device.bytes().to_vec();
    for payload in [b"two".as_slice(), b"three"] {
        journal.append(&mut device, payload).unwrap();
        journal.end_group(&mut device).unwrap();
    }
    let frame = |number: usize| 32 + (number - 1) * (24 + 512);
    let lost = frame(2)..frame(3);
    device.bytes_mut()[lost.clone()].copy_from_slice(&before[lost]);
    // 2. Recovery shows "one" only, and goes on.
    let (mut journal, (found, _)) = open::<SqliteWal>(&mut device, &options).unwrap();
    assert_eq!(found, [b"one"]);
    journal.resume(&mut device, CARRY).unwrap();
    // 3. The application does the same thing again.
    journal.append(&mut device, b"two").unwrap();
    journal.commit(&mut device).unwrap();
    // 4. "three" is back from the dead.
    let (found, _) = open::<SqliteWal>(&mut device, &options).unwrap().1;
    assert_eq!(found, [b"one".to_vec(), b"two".to_vec(), b"three".to_vec()]);
}

#[test]
fn sqlite_drops_the_frames_of_a_transaction_without_its_commit_frame() {
    let options = sqlite_wal::Options::default();
    let (mut device, mut journal) = new::<SqliteWal>(&options);
    journal.append(&mut device, b"one").unwrap();
    journal.commit(&mut device).unwrap();
    let commit_frame = 32 + 2 * (24 + 512);
    for payload in [b"two".as_slice(), b"three"] {
        journal.append(&mut device, payload).unwrap();
    }
    journal.commit(&mut device).unwrap();
    device.bytes_mut()[commit_frame + 24] ^= 1;
    let (found, opened) = open::<SqliteWal>(&mut device, &options).unwrap().1;
    assert_eq!((found, opened.end), (vec![b"one".to_vec()], End::Torn));
}

#[test]
fn sqlite_refuses_to_open_where_its_wal_cannot_be_read() {
    let options = sqlite_wal::Options::default();
    let (mut device, mut journal) = new::<SqliteWal>(&options);
    for _ in 0..4 {
        journal.append(&mut device, b"page").unwrap();
        journal.commit(&mut device).unwrap();
    }
    device.lose(Lba(2));
    let refused = open::<SqliteWal>(&mut device, &options).err();
    // The page of the second frame lies in sectors 1 and 2, and is asked about as a whole.
    assert_eq!(refused, Some(Error::Device(DeviceError::Unreadable(Lba(1)))));
}

#[test]
fn leveldb_ends_its_log_at_a_sector_that_cannot_be_read_and_says_so() {
    let options = leveldb::Options::default();
    let (mut device, mut journal) = new::<LevelDb>(&options);
    for i in 0..8 {
        journal.append(&mut device, &[i; 300]).unwrap();
        journal.commit(&mut device).unwrap();
    }
    device.lose(Lba(second_file() as u64 / 512 + 2));
    let (found, opened) = open::<LevelDb>(&mut device, &options).unwrap().1;
    assert!(found == [vec![0; 300], vec![1; 300], vec![2; 300]]);
    assert_eq!(opened.end, End::Torn);
    assert_eq!(opened.damage.unwrap().what, "a sector that can be read");
}

#[test]
fn sqlite_syncs_a_new_generations_header_before_any_of_its_frames() {
    let options = sqlite_wal::Options::default();
    let (mut device, mut journal) = new::<SqliteWal>(&options);
    journal.append(&mut device, b"one").unwrap();
    let upto = journal.commit(&mut device).unwrap();
    let salts = device.bytes()[16..24].to_vec();
    journal.checkpoint(&mut device, upto).unwrap();
    assert_eq!(device.bytes()[16..24], salts, "a checkpoint alone changes nothing");
    journal.append(&mut device, b"two").unwrap();
    let flushes = device.flushes;
    journal.end_group(&mut device).unwrap();
    assert_eq!(device.flushes, flushes + 1, "the header, and not the frames");
    assert_ne!(device.bytes()[16..24], salts);
    let salt1 = |bytes: &[u8]| u32::from_be_bytes(bytes[..4].try_into().unwrap());
    assert_eq!(salt1(&device.bytes()[16..]), salt1(&salts).wrapping_add(1));
    device.flush().unwrap();
    let (found, _) = open::<SqliteWal>(&mut device, &options).unwrap().1;
    assert_eq!(found, [b"two"]);
}
