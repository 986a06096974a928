//! The LevelDB log format, and its writer: a stream of records cut into blocks of 32 KiB.
//!
//! Byte table (LevelDB `doc/log_format.md`, `db/log_format.h`, as of 1.22), all little-endian:
//!
//! | offset | bytes | field |
//! |---|---|---|
//! | 0 | 4 | masked CRC-32C of type and payload (not of the length) |
//! | 4 | 2 | payload length |
//! | 6 | 1 | type: 1 FULL, 2 FIRST, 3 MIDDLE, 4 LAST; 0 = preallocated, never written |
//! | 7 | n | payload |
//!
//! A record never starts in the last 6 bytes of a block: they are a zero trailer. With exactly 7
//! left, a FIRST record without payload fills them. The mask is a rotation right by 15 and an
//! addition, so that a CRC stored inside checksummed data is not the CRC of itself.
//!
//! Invariant: the writer appends; it never changes a byte it has handed to the page cache.
//!
//! What it is not: a write batch. What a payload means is the database's business.

use crate::checksum::{crc32c, crc32c_append};
use crate::device::{BlockDevice, DeviceError};
use crate::formats::page_cache::{Area, PageCache};
use crate::journal::Error;

/// Bytes of a block.
pub const BLOCK_BYTES: u64 = 32768;
/// Bytes of a record header.
pub const HEADER_BYTES: u64 = 7;

const HEADER: usize = HEADER_BYTES as usize;
const MASK_DELTA: u32 = 0xa282_ead8;

const _: () = assert!(BLOCK_BYTES - HEADER_BYTES <= u16::MAX as u64, "a fragment fits its length");

/// The whole record.
pub const FULL: u8 = 1;
/// The first fragment of one.
pub const FIRST: u8 = 2;
/// A fragment between.
pub const MIDDLE: u8 = 3;
/// The last fragment.
pub const LAST: u8 = 4;

/// A record header, as read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// The masked checksum.
    pub masked: u32,
    /// Payload bytes.
    pub length: u16,
    /// FULL, FIRST, MIDDLE, LAST, or anything.
    pub kind: u8,
}

impl Header {
    /// The header that belongs to a fragment.
    #[must_use]
    pub fn of(kind: u8, payload: &[u8]) -> Header {
        let length = u16::try_from(payload.len()).expect("a fragment is shorter than a block");
        Header { masked: mask(checksum(kind, payload)), length, kind }
    }

    /// Reads one.
    #[must_use]
    pub const fn decode(b: &[u8; HEADER]) -> Header {
        Header {
            masked: u32::from_le_bytes([b[0], b[1], b[2], b[3]]),
            length: u16::from_le_bytes([b[4], b[5]]),
            kind: b[6],
        }
    }

    /// Its bytes.
    #[must_use]
    pub const fn encode(&self) -> [u8; HEADER] {
        let (sum, length) = (self.masked.to_le_bytes(), self.length.to_le_bytes());
        [sum[0], sum[1], sum[2], sum[3], length[0], length[1], self.kind]
    }

    /// The checksum that it claims.
    #[must_use]
    pub const fn claims(&self) -> u32 {
        self.masked.wrapping_sub(MASK_DELTA).rotate_left(15)
    }

    /// Whether the checksum is that of this type and `payload`.
    #[must_use]
    pub fn fits(&self, payload: &[u8]) -> bool {
        mask(checksum(self.kind, payload)) == self.masked
    }
}

fn checksum(kind: u8, payload: &[u8]) -> u32 {
    crc32c_append(crc32c(&[kind]), payload)
}

const fn mask(crc: u32) -> u32 {
    crc.rotate_right(15).wrapping_add(MASK_DELTA)
}

/// Where the log ends if a record of `payload` bytes is appended at `end`. Saturates.
#[must_use]
pub fn end_after(end: u64, payload: u64) -> u64 {
    let left = BLOCK_BYTES - end % BLOCK_BYTES;
    let start = if left < HEADER_BYTES { end + left } else { end };
    let room = BLOCK_BYTES - start % BLOCK_BYTES - HEADER_BYTES;
    if payload <= room {
        return start.saturating_add(HEADER_BYTES + payload);
    }
    // The rest goes to fresh blocks, each with a header.
    let rest = payload - room;
    let headers = rest.div_ceil(BLOCK_BYTES - HEADER_BYTES) * HEADER_BYTES;
    (start + HEADER_BYTES + room).saturating_add(rest).saturating_add(headers)
}

/// Largest payload that fits an empty log of `bytes` bytes.
#[must_use]
pub fn payload_max(bytes: u64) -> u64 {
    let (blocks, rest) = (bytes / BLOCK_BYTES, bytes % BLOCK_BYTES);
    blocks * (BLOCK_BYTES - HEADER_BYTES) + rest.saturating_sub(HEADER_BYTES)
}

/// The appending writer of one log.
#[derive(Debug)]
pub struct LogWriter {
    cache: PageCache,
    end: u64,
}

impl Clone for LogWriter {
    fn clone(&self) -> Self {
        LogWriter { cache: self.cache.clone(), end: self.end }
    }

    fn clone_from(&mut self, source: &Self) {
        let LogWriter { cache, end } = source;
        self.cache.clone_from(cache);
        self.end = *end;
    }
}

impl LogWriter {
    /// A writer that goes on at `end`, taken for the length of the file, whatever lies before it:
    /// the real one, too, is only told a length and computes its place in the block from it.
    #[must_use]
    pub fn at(area: Area, end: u64) -> Self {
        LogWriter { cache: PageCache::with_length(area, end), end }
    }

    /// The length of the file.
    #[must_use]
    pub const fn end(&self) -> u64 {
        self.end
    }

    /// Appends one record, in memory.
    ///
    /// # Errors
    /// [`Error::Full`] where the area ends first (then nothing is appended), and the device's.
    pub fn append(&mut self, device: &mut dyn BlockDevice, payload: &[u8]) -> Result<(), Error> {
        let (have, end) = (self.cache.area().bytes(), self.end);
        let needed = end_after(end, payload.len() as u64);
        if needed > have {
            return Err(Error::Full { needed: needed - end, free: have.saturating_sub(end) });
        }
        self.emit(device, payload)?;
        assert_eq!(self.end, needed, "the size was predicted");
        Ok(())
    }

    fn emit(&mut self, device: &mut dyn BlockDevice, payload: &[u8]) -> Result<(), DeviceError> {
        let mut left = payload;
        let mut begin = true;
        loop {
            let trailer = BLOCK_BYTES - self.end % BLOCK_BYTES;
            if trailer < HEADER_BYTES {
                self.put(device, &[0; HEADER][..trailer as usize])?;
            }
            let room = (BLOCK_BYTES - self.end % BLOCK_BYTES - HEADER_BYTES) as usize;
            let (fragment, rest) = left.split_at(left.len().min(room));
            let kind = match (begin, rest.is_empty()) {
                (true, true) => FULL,
                (true, false) => FIRST,
                (false, false) => MIDDLE,
                (false, true) => LAST,
            };
            self.put(device, &Header::of(kind, fragment).encode())?;
            self.put(device, fragment)?;
            left = rest;
            begin = false;
            if left.is_empty() {
                return Ok(());
            }
        }
    }

    fn put(&mut self, device: &mut dyn BlockDevice, bytes: &[u8]) -> Result<(), DeviceError> {
        self.cache.write(device, self.end, bytes)?;
        self.end += bytes.len() as u64;
        Ok(())
    }

    /// Writes what is in memory to the device, unflushed. See [`PageCache::write_back`].
    ///
    /// # Errors
    /// The device's.
    pub fn write_back(&mut self, device: &mut dyn BlockDevice) -> Result<(), DeviceError> {
        self.cache.write_back(device)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mask_is_the_one_of_leveldb() {
        // util/crc32c_test.cc only asks that masking changes the value; this pair is worked by hand.
        assert_eq!(mask(0), 0xa282_ead8);
        assert_eq!(mask(0x8000), 0xa282_ead9);
        let header = Header::of(FULL, b"payload");
        assert_eq!(header.claims(), checksum(FULL, b"payload"));
    }

    #[test]
    fn the_largest_payload_fits_and_one_more_byte_does_not() {
        for bytes in [7, 8, 4096, 32768, 32774, 32775, 32776, 65536, 100_000] {
            let max = payload_max(bytes);
            assert!(end_after(0, max) <= bytes, "{max} in {bytes}");
            assert!(end_after(0, max + 1) > bytes, "{max} + 1 in {bytes}");
        }
    }
}
