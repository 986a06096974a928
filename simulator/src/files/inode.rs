//! The length of the file on the medium: never damaged, only older.
//!
//! ```text
//! sector at byte 0      the inode:  the last length that a sync made durable
//! sector at byte 4096   the intent: a length that is on its way
//!
//! offset size  field
//! 0      4     magic "inod"
//! 4      8     sequence, little endian
//! 12     8     length of the file, bytes
//! 20     8     uncovered from: the shortest length since the last sync, at most `length`
//! 28     4     CRC-32C of the bytes [uncovered from .. length) of the file
//! 32     4     CRC-32C of the 32 bytes above
//! ```
//!
//! The one idea: "the length only after its data" is an order that a device under test does not
//! keep. So an intent names the bytes it uncovers by their checksum, and a mount that does not find
//! them takes the intent for one that had not been written yet, which it then cannot be told from.
//!
//! The crash that the two places prevent:
//! 1. The length grows, and the sector that holds it is written again.
//! 2. The power goes, and the device damages the sector it was writing.
//! 3. With one place only, the file would be gone; a file system keeps a journal for this.
//!
//! Invariant: the inode is rewritten only while the intent is durable and says the same.
//!
//! What it is not: exact for logs that overwrite several pages not yet synced, in one write: the
//! states in which only some of those pages are new are offered under `Metadata::Writeback` only.

use journal_core::checksum::{crc32c, crc32c_append};
use journal_core::{BlockDevice, DeviceError, Durability, Lba, Write};

use super::PAGE_BYTES;

/// Where the data begins: two pages for inode and intent.
pub const DATA_START: u64 = 2 * PAGE_BYTES;

/// Bytes of a record, less than any sector taken.
pub const RECORD_BYTES: usize = 36;

const MAGIC: [u8; 4] = *b"inod";

/// Which of the two places.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// The last durable length.
    Inode,
    /// One on its way.
    Intent,
}

/// A length, and what it takes to hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record {
    /// Grows with every record.
    pub sequence: u64,
    /// Bytes of the file.
    pub length: u64,
    /// First byte it uncovers.
    pub from: u64,
    /// Checksum of what it uncovers.
    pub sum: u32,
}

impl Record {
    /// A length that holds whatever the data says.
    pub fn certain(sequence: u64, length: u64) -> Record {
        Record { sequence, length, from: length, sum: crc32c(&[]) }
    }

    /// The bytes of its sector.
    pub fn encode(&self, sector_bytes: usize) -> Vec<u8> {
        let mut sector = vec![0; sector_bytes];
        sector[..4].copy_from_slice(&MAGIC);
        sector[4..12].copy_from_slice(&self.sequence.to_le_bytes());
        sector[12..20].copy_from_slice(&self.length.to_le_bytes());
        sector[20..28].copy_from_slice(&self.from.to_le_bytes());
        sector[28..32].copy_from_slice(&self.sum.to_le_bytes());
        let sum = crc32c(&sector[..32]);
        sector[32..36].copy_from_slice(&sum.to_le_bytes());
        sector
    }

    fn decode(sector: &[u8]) -> Option<Record> {
        let number = |at: usize| u64::from_le_bytes(sector[at..at + 8].try_into().expect("8"));
        let small = |at: usize| u32::from_le_bytes(sector[at..at + 4].try_into().expect("4"));
        if sector[..4] != MAGIC || small(32) != crc32c(&sector[..32]) {
            return None;
        }
        let (sequence, length, from) = (number(4), number(12), number(20));
        (from <= length).then(|| Record { sequence, length, from, sum: small(28) })
    }
}

/// The sector of a place.
pub fn lba(place: Place, sector_bytes: usize) -> Lba {
    match place {
        Place::Inode => Lba(0),
        Place::Intent => Lba(PAGE_BYTES / sector_bytes as u64),
    }
}

/// Writes a record so that it is durable when this returns.
pub fn store(
    device: &mut dyn BlockDevice,
    place: Place,
    record: Option<Record>,
) -> Result<(), DeviceError> {
    let sector = device.geometry().logical_bytes as usize;
    let data = record.map_or_else(|| vec![0; sector], |record| record.encode(sector));
    device.write(&[Write { at: lba(place, sector), data: &data, durability: Durability::Fua }])
}

/// The record in a place, if there is one. A damaged sector holds none.
fn load(device: &mut dyn BlockDevice, place: Place) -> Result<Option<Record>, DeviceError> {
    let mut sector = vec![0; device.geometry().logical_bytes as usize];
    match device.read(lba(place, sector.len()), &mut sector) {
        Ok(()) => Ok(Record::decode(&sector)),
        Err(DeviceError::Unreadable(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Whether the medium holds the bytes that a record uncovers.
fn holds(
    device: &mut dyn BlockDevice,
    record: &Record,
    capacity: u64,
) -> Result<bool, DeviceError> {
    if record.length > capacity {
        return Ok(false);
    }
    let mut sector = vec![0; device.geometry().logical_bytes as usize];
    let bytes = sector.len() as u64;
    let (mut at, mut sum) = (record.from, crc32c(&[]));
    while at < record.length {
        let place = Lba((DATA_START + at) / bytes);
        match device.read(place, &mut sector) {
            Ok(()) => {}
            Err(DeviceError::Unreadable(_)) => return Ok(false),
            Err(error) => return Err(error),
        }
        let start = (at % bytes) as usize;
        let end = (bytes - at % bytes).min(record.length - at) as usize + start;
        sum = crc32c_append(sum, &sector[start..end]);
        at += (end - start) as u64;
    }
    Ok(sum == record.sum)
}

/// Finds the length after a crash, as a file system does that replays its own journal, and makes it
/// certain. `None` where no file is.
pub fn mount(device: &mut dyn BlockDevice, capacity: u64) -> Result<Option<Record>, DeviceError> {
    let inode = load(device, Place::Inode)?;
    let intent = load(device, Place::Intent)?;
    let newer = |intent: &Record| inode.is_none_or(|inode| intent.sequence > inode.sequence);
    let Some(intent) = intent.filter(newer) else { return Ok(inode) };
    if holds(device, &intent, capacity)? {
        let certain = Record::certain(intent.sequence, intent.length);
        store(device, Place::Inode, Some(certain))?;
        return Ok(Some(certain));
    }
    if inode.is_some() {
        // Otherwise it could come true later, when the same bytes are written again.
        store(device, Place::Intent, None)?;
    }
    Ok(inode)
}
