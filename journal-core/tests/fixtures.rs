//! What real programs wrote is read as they meant it, and written again byte for byte.
//!
//! The fixtures and the scripts that made them are in `corpus/fixtures`.

use journal_core::device::{BlockDevice, Geometry};
use journal_core::formats::leveldb::{self, LogWriter, read_log};
use journal_core::formats::page_cache::Area;
use journal_core::formats::sqlite_wal::frame::{FrameHeader, HeaderRead, Sums};
use journal_core::formats::sqlite_wal::{self, read_wal};
use journal_core::{End, MemoryDevice};

/// A device that holds `image`, and the area that is exactly the file.
fn file(image: &[u8]) -> (MemoryDevice, Area) {
    let device = MemoryDevice::from_image(image.to_vec());
    let area = Area::new(device.geometry(), 0, image.len() as u64).expect("it fits");
    (device, area)
}

/// The values of `make_leveldb.py`.
fn fill(n: usize) -> Vec<u8> {
    (0..n).map(|i| ((i * 7 + n) % 251) as u8).collect()
}

fn varint(mut n: usize, into: &mut Vec<u8>) {
    while n >= 0x80 {
        into.push(n as u8 | 0x80);
        n >>= 7;
    }
    into.push(n as u8);
}

/// A write batch as LevelDB puts it into its log (`db/write_batch.cc`): first sequence number,
/// count, then operations; a value of `None` is a deletion.
fn batch(sequence: u64, operations: &[(&str, Option<Vec<u8>>)]) -> Vec<u8> {
    let mut bytes = sequence.to_le_bytes().to_vec();
    bytes.extend_from_slice(&(operations.len() as u32).to_le_bytes());
    for (key, value) in operations {
        bytes.push(u8::from(value.is_some()));
        varint(key.len(), &mut bytes);
        bytes.extend_from_slice(key.as_bytes());
        if let Some(value) = value {
            varint(value.len(), &mut bytes);
            bytes.extend_from_slice(value);
        }
    }
    bytes
}

/// The five batches of a log that leaves `leave` bytes in its first block.
fn boundary_batches(leave: usize) -> Vec<Vec<u8>> {
    let mut batches = vec![
        batch(1, &[("alpha", Some(b"one".to_vec()))]),
        batch(2, &[("beta", Some(Vec::new())), ("gamma", Some(fill(300))), ("alpha", None)]),
        batch(5, &[("delta", Some(fill(1000)))]),
    ];
    let used: usize = batches.iter().map(|b| b.len() + 7).sum();
    let payload = 32768 - leave - used - 7;
    // Twelve bytes of batch header, tag, key length, "fit", three bytes of value length.
    batches.push(batch(6, &[("fit", Some(fill(payload - 20)))]));
    assert_eq!(batches[3].len(), payload);
    batches.push(batch(7, &[("behind", Some(b"the block boundary".to_vec()))]));
    batches
}

fn leveldb_log_is_read_and_written_again(image: &[u8], expected: &[Vec<u8>]) {
    let (mut device, area) = file(image);
    let mut read = Vec::new();
    let found = read_log(&mut device, &area, &mut |record| read.push(record.payload.to_vec()));
    let found = found.expect("memory does not fail");
    assert!(read == expected, "the payloads are the write batches that were given to LevelDB");
    assert_eq!((found.end, found.damage), (End::AreaEnd, None));
    assert_eq!(found.intact_bytes, image.len() as u64);

    let geometry = Geometry { logical_bytes: 512, physical_bytes: 512, sectors: 256 };
    let mut device = MemoryDevice::new(geometry, 0);
    let area = Area::new(geometry, 0, geometry.bytes()).expect("it fits");
    let mut writer = LogWriter::at(area, 0);
    for payload in expected {
        writer.append(&mut device, payload).expect("there is room");
    }
    writer.write_back(&mut device).expect("memory does not fail");
    assert_eq!(writer.end(), image.len() as u64);
    assert!(device.bytes()[..image.len()] == *image, "the same bytes as LevelDB's");

    let mut told = 0;
    let (mut device, area) = file(image);
    leveldb::inspect_raw_log(&mut device, &area, &mut |field| told += field.bytes).unwrap();
    assert_eq!(told, image.len() as u64, "every byte has a meaning");
}

#[test]
fn a_leveldb_log_with_a_zero_trailer_is_read_and_written_byte_for_byte() {
    let image = include_bytes!("../../corpus/fixtures/leveldb-trailer.log");
    assert_eq!(image[32763..32768], [0; 5]);
    leveldb_log_is_read_and_written_again(image, &boundary_batches(5));
}

#[test]
fn a_leveldb_log_with_an_empty_first_fragment_is_read_and_written_byte_for_byte() {
    let image = include_bytes!("../../corpus/fixtures/leveldb-seven.log");
    assert_eq!(image[32761 + 4..32768], [0, 0, 2], "length 0, type FIRST");
    leveldb_log_is_read_and_written_again(image, &boundary_batches(7));
}

#[test]
fn a_leveldb_record_across_blocks_is_read_and_written_byte_for_byte() {
    let image = include_bytes!("../../corpus/fixtures/leveldb-crossing.log");
    let batches = [
        batch(1, &[("small", Some(fill(20000)))]),
        batch(2, &[("large", Some(fill(20000)))]),
        batch(3, &[("after", Some(fill(11)))]),
    ];
    leveldb_log_is_read_and_written_again(image, &batches);
}

#[test]
fn a_bad_record_costs_the_rest_of_its_block_and_no_more() {
    let image = include_bytes!("../../corpus/fixtures/leveldb-trailer.log");
    let (mut device, area) = file(image);
    device.bytes_mut()[100] ^= 1;
    let mut read = Vec::new();
    let found = read_log(&mut device, &area, &mut |record| read.push(record.payload.to_vec()));
    let batches = boundary_batches(5);
    assert!(read == [batches[0].clone(), batches[4].clone()]);
    assert!(found.unwrap().damage.is_some());
}

/// The facts beside a WAL: SQLite's own count of frames, and each frame slot.
struct Facts {
    page: u32,
    sequence: u32,
    frames: u64,
    /// In the chain or stale, page number, database size, sums.
    slots: Vec<(bool, u32, u32, Sums)>,
}

fn facts(text: &str) -> Facts {
    let mut facts = Facts { page: 0, sequence: 0, frames: 0, slots: Vec::new() };
    for line in text.lines() {
        let words: Vec<&str> = line.split(' ').collect();
        let number = |i: usize| words[i].parse::<u32>().expect("a number");
        let hex = |i: usize| u32::from_str_radix(words[i], 16).expect("a hexadecimal number");
        match words[0] {
            "page" => facts.page = number(1),
            "sequence" => facts.sequence = number(1),
            "frames" => facts.frames = u64::from(number(1)),
            "frame" | "stale" => {
                let sums = Sums(hex(3), hex(4));
                facts.slots.push((words[0] == "frame", number(1), number(2), sums));
            }
            _ => {}
        }
    }
    facts
}

fn wal_is_read_and_written_again(image: &[u8], text: &str) {
    let facts = facts(text);
    let (mut device, area) = file(image);
    let mut frames = Vec::new();
    let found = read_wal(&mut device, &area, &mut |frame| {
        frames.push((frame.header, frame.page.to_vec(), frame.at_bytes));
    });
    let found = found.expect("memory does not fail");
    let HeaderRead::Valid(wal, start) = found.header else { panic!("a header: {found:?}") };
    assert_eq!((wal.page_bytes, wal.sequence), (facts.page, facts.sequence));
    assert_eq!(found.committed, facts.frames, "as many frames as SQLite itself counts");
    let chain: Vec<_> = facts.slots.iter().filter(|slot| slot.0).collect();
    assert_eq!(frames.len(), chain.len());
    for ((header, _, _), (_, page_number, database_pages, sums)) in frames.iter().zip(&chain) {
        let expected = (*page_number, *database_pages, *sums);
        assert_eq!((header.page_number, header.database_pages, header.sums), expected);
    }
    assert_eq!(found.sums, chain.last().expect("there are frames").3);

    let (bytes, encoded_start) = wal.encode();
    assert_eq!((&bytes[..], encoded_start), (&image[..32], start));
    let mut sums = start;
    for (header, page, at) in &frames {
        let again =
            FrameHeader::of(&wal, sums, header.page_number, header.database_pages, page).encode();
        let at = *at as usize;
        assert_eq!(image[at..at + 24], again, "the same frame header as SQLite's");
        sums = header.sums;
    }

    let mut told = 0;
    sqlite_wal::inspect_raw_log(&mut device, &area, &mut |field| told += field.bytes).unwrap();
    let stale_header = if facts.slots.len() > chain.len() { 24 } else { 0 };
    assert_eq!(told, wal.frame_at(found.chained + 1) + stale_header, "every byte it read");
}

#[test]
fn an_sqlite_wal_of_512_byte_pages_is_read_and_written_byte_for_byte() {
    wal_is_read_and_written_again(
        include_bytes!("../../corpus/fixtures/sqlite-wal-512.wal"),
        include_str!("../../corpus/fixtures/sqlite-wal-512.txt"),
    );
}

#[test]
fn an_sqlite_wal_of_4096_byte_pages_is_read_and_written_byte_for_byte() {
    wal_is_read_and_written_again(
        include_bytes!("../../corpus/fixtures/sqlite-wal-4096.wal"),
        include_str!("../../corpus/fixtures/sqlite-wal-4096.txt"),
    );
}

#[test]
fn stale_frames_behind_a_restart_are_rejected_by_their_salts() {
    let text = include_str!("../../corpus/fixtures/sqlite-wal-restarted.txt");
    assert!(text.contains("stale"), "the fixture has what it was made for");
    wal_is_read_and_written_again(
        include_bytes!("../../corpus/fixtures/sqlite-wal-restarted.wal"),
        text,
    );
}
