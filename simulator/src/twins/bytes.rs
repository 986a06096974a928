//! The bytes of a twin: header slot and record.
//!
//! All numbers are little-endian.
//!
//! | header slot | bytes | |
//! |---|---|---|
//! | 0 | 8 | magic `TWINHEAD` |
//! | 8 | 4 | CRC-32C of bytes 12..44 |
//! | 12 | 8 | generation, the higher one counts |
//! | 20 | 8 | salt of the generation |
//! | 28 | 8 | lsn of the first record |
//! | 36 | 4 | area that holds it, 0 or 1 |
//! | 40 | 4 | mounts (zero; `open-writes` counts here) |
//!
//! | record | bytes | |
//! |---|---|---|
//! | 0 | 4 | magic `twin` |
//! | 4 | 4 | CRC-32C of bytes 8..32 and the payload |
//! | 8 | 8 | salt of the generation that wrote it |
//! | 16 | 4 | durable: all of the area below this offset was flushed when this was built |
//! | 20 | 4 | kind: 1 entry, 2 commit record |
//! | 24 | 4 | entries that a commit record covers |
//! | 28 | 4 | length of the payload |
//! | 32 | | payload, zeros up to the next sector |
//!
//! Valid if and only if magic, salt and checksum agree and the payload ends inside the area.
//!
//! Invariant: decoding any bytes gives a value or says what is wrong; it neither panics nor takes
//! memory.
//!
//! What it is not: a reader. It never sees a device.

use journal_core::Checksum;
use journal_core::checksum::crc32c;

use super::{Base, Flaw, TwinOptions};

/// Bytes of a header slot that mean something.
pub const HEADER_BYTES: usize = 44;

/// Bytes of a record before its payload.
pub const HEAD_BYTES: usize = 32;

/// Bytes of the magic that `trailing-magic` puts behind the payload.
const TRAILER: [u8; 4] = *b"niwt";

const HEADER_MAGIC: [u8; 8] = *b"TWINHEAD";
const RECORD_MAGIC: [u8; 4] = *b"twin";

/// A header, as the slots hold it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Header {
    /// The higher one counts.
    pub generation: u64,
    /// What the records of this generation carry.
    pub salt: u64,
    /// Name of the first record.
    pub start_lsn: u64,
    /// Which area holds the records.
    pub area: u32,
    /// Opens that were counted.
    pub mounts: u32,
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    let mut four = [0; 4];
    four.copy_from_slice(&bytes[at..at + 4]);
    u32::from_le_bytes(four)
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    let mut eight = [0; 8];
    eight.copy_from_slice(&bytes[at..at + 8]);
    u64::from_le_bytes(eight)
}

impl Header {
    /// The sector that a slot is.
    pub fn sector(&self, sector_bytes: usize) -> Vec<u8> {
        let mut bytes = vec![0; sector_bytes];
        bytes[..8].copy_from_slice(&HEADER_MAGIC);
        bytes[12..20].copy_from_slice(&self.generation.to_le_bytes());
        bytes[20..28].copy_from_slice(&self.salt.to_le_bytes());
        bytes[28..36].copy_from_slice(&self.start_lsn.to_le_bytes());
        bytes[36..40].copy_from_slice(&self.area.to_le_bytes());
        bytes[40..44].copy_from_slice(&self.mounts.to_le_bytes());
        let sum = crc32c(&bytes[12..HEADER_BYTES]);
        bytes[8..12].copy_from_slice(&sum.to_le_bytes());
        bytes
    }

    /// The header that a slot holds, if it holds one.
    pub fn parse(bytes: &[u8]) -> Option<Header> {
        let good = bytes.len() >= HEADER_BYTES
            && bytes[..8] == HEADER_MAGIC
            && u32_at(bytes, 8) == crc32c(&bytes[12..HEADER_BYTES])
            && u32_at(bytes, 36) < 2;
        good.then(|| Header {
            generation: u64_at(bytes, 12),
            salt: u64_at(bytes, 20),
            start_lsn: u64_at(bytes, 28),
            area: u32_at(bytes, 36),
            mounts: u32_at(bytes, 40),
        })
    }
}

/// What a record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Holds an entry.
    Entry,
    /// Says that the entries before it are committed.
    Commit,
}

/// What stands before a payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// Its generation.
    pub salt: u64,
    /// All below this offset of the area was flushed when the record was built.
    pub durable: u32,
    /// What it is.
    pub kind: Kind,
    /// Entries that a commit record covers.
    pub covers: u32,
    /// Bytes of the payload.
    pub len: u32,
}

/// Bytes of a record with a payload of so many.
pub fn size(options: TwinOptions, len: u32) -> u64 {
    let trailer = if options.has(Flaw::TrailingMagic) { TRAILER.len() } else { 0 };
    (HEAD_BYTES + trailer) as u64 + u64::from(len)
}

/// The bytes of a record; their checksum depends on the sector size under two flaws.
pub fn record(options: TwinOptions, head: Head, payload: &[u8], sector: usize) -> Vec<u8> {
    let mut bytes = vec![0; HEAD_BYTES];
    bytes[..4].copy_from_slice(&RECORD_MAGIC);
    // FLAW no-generation: stale bytes look like fresh ones.
    let salt = if options.has(Flaw::NoGeneration) { 0 } else { head.salt };
    bytes[8..16].copy_from_slice(&salt.to_le_bytes());
    bytes[16..20].copy_from_slice(&head.durable.to_le_bytes());
    bytes[20..24].copy_from_slice(&(1 + head.kind as u32).to_le_bytes());
    bytes[24..28].copy_from_slice(&head.covers.to_le_bytes());
    bytes[28..32].copy_from_slice(&head.len.to_le_bytes());
    bytes.extend_from_slice(payload);
    if options.has(Flaw::TrailingMagic) {
        bytes.extend_from_slice(&TRAILER);
    }
    let sum = checksum(options, &bytes, head.kind, sector);
    bytes[4..8].copy_from_slice(&sum.to_le_bytes());
    bytes
}

/// The checksum of a record.
pub fn checksum(options: TwinOptions, record: &[u8], kind: Kind, sector: usize) -> u32 {
    let all = &record[8..];
    let sum = match options.flaw {
        // The commit-record base vouches for entries by flushing them before their commit record.
        _ if options.base == Base::CommitRecord && kind == Kind::Entry => 0,
        // FLAW trailing-magic: nothing is summed.
        Some(Flaw::TrailingMagic) => 0,
        // FLAW length-unsummed: whole sectors, without the length.
        Some(Flaw::LengthUnsummed) => {
            let padding = vec![0; record.len().next_multiple_of(sector) - record.len()];
            Checksum::Crc32c.of(&[&record[8..28], &record[32..], &padding])
        }
        // FLAW middle-unsummed: first and last sector.
        Some(Flaw::MiddleUnsummed) => {
            let last = (record.len() - 1) / sector * sector;
            let first = record.len().min(sector);
            Checksum::Crc32c.of(&[&record[8..first], &record[last.max(first)..]])
        }
        // FLAW crc16: one torn record in 65,536 passes, and some payloads always do.
        Some(Flaw::Crc16) => Checksum::Crc16.of(&[all]),
        _ => Checksum::Crc32c.of(&[all]),
    };
    sum as u32
}

/// What the first bytes of a record say, before its payload was looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claim {
    /// No record of this generation.
    Nothing,
    /// A record of this generation, to be checked; its checksum.
    Record(Head, u32),
}

/// Reads the first bytes of a record. `room` is what the area has from here on.
pub fn claim(options: TwinOptions, bytes: &[u8], salt: u64, room: u64) -> Claim {
    let of_this_generation = options.has(Flaw::NoGeneration) || u64_at(bytes, 8) == salt;
    if bytes[..4] != RECORD_MAGIC || !of_this_generation {
        return Claim::Nothing;
    }
    let kind = match u32_at(bytes, 20) {
        1 => Kind::Entry,
        2 => Kind::Commit,
        _ => return Claim::Nothing,
    };
    let len = u32_at(bytes, 28);
    // FLAW huge-length: the length is believed.
    if size(options, len) > room && !options.has(Flaw::HugeLength) {
        return Claim::Nothing;
    }
    let head = Head { salt, durable: u32_at(bytes, 16), kind, covers: u32_at(bytes, 24), len };
    Claim::Record(head, u32_at(bytes, 4))
}

/// Whether a whole record is what its writer wrote, as far as it can tell. `sectors` begins with
/// the record and goes on to the end of its last sector.
pub fn vouched(options: TwinOptions, sectors: &[u8], head: Head, sum: u32, sector: usize) -> bool {
    let record = &sectors[..size(options, head.len) as usize];
    match options.flaw {
        // FLAW trailing-magic: the last bytes are there, so all must be.
        Some(Flaw::TrailingMagic) => record.ends_with(&TRAILER),
        Some(Flaw::LengthUnsummed) => checksum(options, sectors, head.kind, sector) == sum,
        _ => checksum(options, record, head.kind, sector) == sum,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_comes_back_and_one_flipped_bit_spoils_it() {
        let header = Header { generation: 7, salt: 9, start_lsn: 11, area: 1, mounts: 0 };
        let bytes = header.sector(64);
        assert_eq!(Header::parse(&bytes), Some(header));
        for bit in 0..HEADER_BYTES * 8 {
            let mut bytes = bytes.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Header::parse(&bytes), None, "bit {bit}");
        }
    }

    #[test]
    fn a_sound_record_is_vouched_for_and_one_flipped_bit_spoils_it() {
        let options = TwinOptions::sound(Base::Log);
        let head = Head { salt: 3, durable: 64, kind: Kind::Entry, covers: 0, len: 5 };
        let bytes = record(options, head, b"hello", 64);
        let read = |bytes: &[u8]| match claim(options, bytes, 3, 64) {
            Claim::Record(head, sum) => {
                let end = HEAD_BYTES + head.len as usize;
                end == 37 && vouched(options, bytes, head, sum, 64)
            }
            Claim::Nothing => false,
        };
        assert!(read(&bytes));
        for bit in 0..bytes.len() * 8 {
            let mut bytes = bytes.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert!(!read(&bytes), "bit {bit}");
        }
    }

    #[test]
    fn this_difference_is_invisible_to_a_16_bit_checksum() {
        // The generator polynomial itself, in the bit order of CRC-16/ARC.
        assert_eq!(Checksum::Crc16.of(&[&[0x03, 0x40, 0x01]]), 0);
        assert_ne!(Checksum::Crc32c.of(&[&[0x03, 0x40, 0x01]]), Checksum::Crc32c.of(&[&[0; 3]]));
    }
}
