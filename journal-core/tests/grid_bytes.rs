//! The byte tables of the grid, computed here a second time from what they say.

use journal_core::rfc::{RfcJournal, RfcOptions, Strategy};
use journal_core::{Checksum, Entropy, Geometry, Journal, MemoryDevice, Resume, Survivors};

const GEOMETRY: Geometry = Geometry { logical_bytes: 512, physical_bytes: 4096, sectors: 400 };
const SALT: Entropy = [0x5a; 16];
const NO_SALT: Entropy = [0; 16];

/// A journal of two commits, of one entry and of two.
fn written(spelling: &str) -> Vec<u8> {
    let options = RfcOptions { strategy: Strategy::parse(spelling).unwrap() };
    let mut device = MemoryDevice::new(GEOMETRY, 0);
    RfcJournal::format(&mut device, &options, [1; 16]).unwrap();
    let (mut journal, _) = RfcJournal::open(&mut device, &options, &mut |_| ()).unwrap();
    let how = Resume { survivors: Survivors::Carry, entropy: SALT };
    journal.resume(&mut device, how).unwrap();
    for commit in [&[b"one".as_slice()][..], &[b"two", b"three"]] {
        for payload in commit {
            journal.append(&mut device, payload).unwrap();
        }
        journal.commit(&mut device).unwrap();
    }
    device.bytes().to_vec()
}

fn number(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |n, &byte| n << 8 | u64::from(byte))
}

/// The newer of the two header copies.
fn header(image: &[u8]) -> &[u8] {
    let (one, two) = (&image[..4096], &image[4096..8192]);
    if number(&one[16..24]) > number(&two[16..24]) { one } else { two }
}

#[test]
fn a_header_outside_of_the_ladder_says_whose_it_is_and_where_the_log_is_committed_to() {
    let spelling = "stream/entry:crc32c/pad-sector/lap/pointer";
    let image = written(spelling);
    let header = header(&image);
    assert_eq!(&header[..8], b"QJRNLgs\0");
    // Framing 0, entry 4, no block, chain or sector; pad-sector 1, lap 3, pointer 3.
    assert_eq!(number(&header[68..72]), 0x0400_0133);
    assert_eq!(u64::from(Strategy::parse(spelling).unwrap().code()), 0x0400_0133);
    assert_eq!(number(&header[72..80]), 1024, "two sectors, one for each commit");
    let crc = Checksum::Crc32c.of(&[&header[..8], &[0; 4], &header[12..]]);
    assert_eq!(number(&header[8..12]), crc);
    let image = written("block-512/block:crc16/rewrite/sequence+clear/pointer");
    let header = self::header(&image);
    assert_eq!(&header[..8], b"QJRNLgb\0");
    assert_eq!(number(&header[72..80]), (2 + 3) + (2 + 3) + (2 + 5), "block 0, 17 bytes used");
}

#[test]
fn an_entry_has_its_mark_its_link_and_its_record_as_the_byte_table_says() {
    let image = written("stream/entry:crc32c+chain:crc32c/rewrite/sequence/record-after-flush");
    let log = &image[8192..];
    // size, type, cluster 0, payload, checksum over link 0 and all before it.
    assert_eq!(&log[..9], &[13, 2, 0, 0, 0, 0, b'o', b'n', b'e']);
    let mut link = Checksum::Crc32c.of(&[&[0; 4], &log[..9]]);
    assert_eq!(number(&log[9..13]), link);
    let mut at = 13;
    let entries: [(u8, &[u8]); 4] =
        [(4, &13u64.to_be_bytes()), (2, b"two"), (2, b"three"), (4, &59u64.to_be_bytes())];
    for (kind, payload) in entries {
        let size = 2 + 4 + payload.len() + 4;
        assert_eq!((log[at], log[at + 1]), (size as u8, kind), "at {at}");
        assert_eq!(&log[at + 6..at + size - 4], payload);
        link = Checksum::Crc32c.of(&[&(link as u32).to_be_bytes(), &log[at..at + size - 4]]);
        assert_eq!(number(&log[at + size - 4..at + size]), link);
        at += size;
    }
    assert_eq!(&log[at..at + 2], &[0xff, 0xff]);
}

#[test]
fn a_salted_entry_of_another_algorithm_covers_salt_and_place() {
    let image = written("stream/entry:blake3/rewrite/salt+clear/pointer");
    // Carrying nothing into a new generation leaves the first cluster alone.
    let start = number(&header(&image)[48..56]) as usize * 4096;
    let log = &image[8192 + start..];
    let want = Checksum::Blake3.of(&[&SALT, &(start as u64).to_be_bytes(), &log[..5]]);
    assert_eq!((log[0], log[1], number(&log[5..13])), (13, 2, want));
}

#[test]
fn a_block_has_the_head_that_the_byte_table_says() {
    let image = written("block-512/block:xxh3+chain:xxh3/pad-sector/sequence/record-fua");
    let block = |seq: usize| &image[8192 + seq * 512..8192 + (seq + 1) * 512];
    let mut link = Checksum::Crc32c.of(&[&NO_SALT]);
    for (seq, used, flags, upto) in [(0, 5, 1, 0), (1, 0, 2 | 4, 0), (2, 12, 1, 2), (3, 0, 6, 2)] {
        let block = block(seq);
        assert_eq!(&block[..4], b"qjbg");
        assert_eq!(number(&block[8..16]), seq as u64, "mark");
        assert_eq!(number(&block[16..24]), upto, "durable_upto");
        assert_eq!((number(&block[24..26]), number(&block[26..28])), (used, flags), "seq {seq}");
        assert_eq!(number(&block[28..32]), link & 0xffff_ffff, "link");
        assert_eq!(&block[36..48], &[0; 12], "version, committed, zero");
        let zero = [0; 4];
        let pieces: [&[u8]; 6] = [&NO_SALT, &block[..4], &zero, &block[8..32], &zero, &block[36..]];
        let sum = Checksum::Xxh3.of(&pieces);
        assert_eq!(number(&block[4..8]), sum & 0xffff_ffff);
        assert_eq!(number(&block[32..36]), sum >> 32);
        link = sum;
    }
    assert_eq!(&block(0)[48..54], &[5, 2, b'o', b'n', b'e', 0xff]);
}

#[test]
fn stamps_say_which_writing_of_which_block_they_belong_to() {
    let image = written("block-4096/entry:crc16+sector:crc16/rewrite/lap+clear/record-after-flush");
    let block = &image[8192..8192 + 4096];
    // Two commits, each written for its data and for its record.
    let version = number(&block[36..40]);
    assert_eq!(version, 3);
    assert_eq!(number(&block[24..26]), number(&block[40..42]), "all of it is committed");
    for (index, sector) in block.chunks(512).enumerate() {
        let mark = 0u64.to_be_bytes();
        let facts: [&[u8]; 4] = [&NO_SALT, &mark, &(version as u32).to_be_bytes(), &[index as u8]];
        assert_eq!(number(&sector[510..]), Checksum::Crc16.of(&facts), "stamp {index}");
    }
    // The trailer covers salt, mark, offset and what is before it.
    let entry = &block[48..48 + 2 + 3 + 2];
    let want = Checksum::Crc16.of(&[&NO_SALT, &[0; 8], &[0, 48], &entry[..5]]);
    assert_eq!((entry[0], entry[1], number(&entry[5..])), (7, 2, want));
}

#[test]
fn ping_pong_blocks_lie_in_two_slots_by_turns_and_the_newer_version_is_larger() {
    let image = written("block-512/block:crc32/ping-pong/erase/flush");
    let slot = |which: usize| &image[8192 + which * 4096..];
    let facts = |slot: &[u8]| (number(&slot[24..26]), number(&slot[26..28]), number(&slot[36..40]));
    assert_eq!(facts(slot(0)), (5, 2, 0), "the first commit: used, LAST, version");
    assert_eq!(facts(slot(1)), (17, 2, 1), "the second one");
    assert_eq!(number(&slot(1)[8..16]), 0, "erase marks nothing");
    assert_eq!(&image[16384..16388], &[0xff; 4], "not full: its place is untouched");
}
