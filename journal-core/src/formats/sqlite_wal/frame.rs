//! The bytes of an SQLite WAL: its header, its frames, and the sum that chains them.
//!
//! Byte tables (SQLite 3.40 `src/wal.c`; `fileformat2.html` section 4), all big-endian u32:
//!
//! | offset | header (32 bytes) | frame header (24 bytes, then the page) |
//! |---|---|---|
//! | 0 | magic 0x377f0682 (little-endian sums) or ..83 (big-endian) | page number, not 0 |
//! | 4 | version 3007000 | database size in pages if this frame commits, else 0 |
//! | 8 | page size | salt 1 |
//! | 12 | checkpoint sequence | salt 2 |
//! | 16 | salt 1 | sum 1 |
//! | 20 | salt 2 | sum 2 |
//! | 24 | sum 1 of bytes 0..24 | the page begins here |
//! | 28 | sum 2 | |
//!
//! The one idea: the sum goes on from the header through all frames (first 8 bytes and page of
//! each), so that one valid frame says that everything before it is as it was written. The salts
//! tell this generation from the one whose frames still lie behind.
//!
//! Invariant: header and frames are summed in the byte order that the header's magic names.
//!
//! What it is not: a CRC. It is 64 bits of additions, quick where no instruction helps, and with no
//! guarantee for any class of errors.

use crate::checksum::{Checksum, sqlite_sums};

/// Bytes of the WAL header.
pub const HEADER_BYTES: u64 = 32;
/// Bytes of a frame header.
pub const FRAME_HEADER_BYTES: u64 = 24;

const MAGIC: u32 = 0x377f_0682;
const VERSION: u32 = 3_007_000;

/// The running sum: two words.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sums(pub u32, pub u32);

impl Sums {
    /// Goes on over `data`, whose length is a multiple of 8 (a rest is left out).
    #[must_use]
    pub fn over(self, big_endian: bool, data: &[u8]) -> Sums {
        let (one, two) = sqlite_sums((self.0, self.1), big_endian, data);
        Sums(one, two)
    }

    /// As one number, as the device is told it: [`Checksum`].
    #[must_use]
    pub const fn number(self) -> u64 {
        (self.0 as u64) << 32 | self.1 as u64
    }

    /// Eight bytes whose sum, from the beginning, is this one.
    const fn as_bytes(self, big_endian: bool) -> [u8; 8] {
        let (one, two) = (self.0, self.1.wrapping_sub(self.0));
        let words = if big_endian {
            [one.to_be_bytes(), two.to_be_bytes()]
        } else {
            [one.to_le_bytes(), two.to_le_bytes()]
        };
        let [[a, b, c, d], [e, f, g, h]] = words;
        [a, b, c, d, e, f, g, h]
    }
}

fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

/// Whether SQLite takes a page of this size.
#[must_use]
pub const fn is_page_size(bytes: u32) -> bool {
    bytes.is_power_of_two() && bytes >= 512 && bytes <= 65536
}

/// What the WAL header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WalHeader {
    /// The byte order of the sums, which is that of the machine that wrote it.
    pub big_endian_sums: bool,
    /// Bytes of a page.
    pub page_bytes: u32,
    /// Grows with each restart.
    pub sequence: u32,
    /// The generation.
    pub salts: [u32; 2],
}

/// What 32 bytes at the start of the file are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeaderRead {
    /// A header, and the sum that the first frame goes on from.
    Valid(WalHeader, Sums),
    /// Magic and page size are good, the sum is not. SQLite takes no frame from it, and yet keeps
    /// its sequence and salts for the header it writes next.
    BadSum(WalHeader),
    /// A good sum over a version that this SQLite does not know: it refuses to open.
    BadVersion(u32),
    /// No header at all.
    Nothing,
}

impl WalHeader {
    /// The bytes, and the sum that the first frame goes on from.
    #[must_use]
    pub fn encode(&self) -> ([u8; HEADER_BYTES as usize], Sums) {
        let mut bytes = [0; HEADER_BYTES as usize];
        let magic = MAGIC | u32::from(self.big_endian_sums);
        let [salt1, salt2] = self.salts;
        let words = [magic, VERSION, self.page_bytes, self.sequence, salt1, salt2];
        for (slot, word) in bytes.chunks_exact_mut(4).zip(words) {
            slot.copy_from_slice(&word.to_be_bytes());
        }
        let sums = Sums::default().over(self.big_endian_sums, &bytes[..24]);
        bytes[24..28].copy_from_slice(&sums.0.to_be_bytes());
        bytes[28..].copy_from_slice(&sums.1.to_be_bytes());
        (bytes, sums)
    }

    /// Reads one, with the checks of SQLite in its order.
    #[must_use]
    pub fn decode(bytes: &[u8; HEADER_BYTES as usize]) -> HeaderRead {
        if word(bytes, 0) & !1 != MAGIC || !is_page_size(word(bytes, 8)) {
            return HeaderRead::Nothing;
        }
        let header = WalHeader::fields(bytes);
        let sums = Sums::default().over(header.big_endian_sums, &bytes[..24]);
        if sums != Sums(word(bytes, 24), word(bytes, 28)) {
            return HeaderRead::BadSum(header);
        }
        match word(bytes, 4) {
            VERSION => HeaderRead::Valid(header, sums),
            other => HeaderRead::BadVersion(other),
        }
    }

    /// What a header with the magic says of its frames: its version and its sum are not looked at.
    pub(super) fn fields(bytes: &[u8; HEADER_BYTES as usize]) -> WalHeader {
        WalHeader {
            big_endian_sums: word(bytes, 0) & 1 == 1,
            page_bytes: word(bytes, 8),
            sequence: word(bytes, 12),
            salts: [word(bytes, 16), word(bytes, 20)],
        }
    }

    /// What its frames are summed with.
    #[must_use]
    pub const fn checksum(&self) -> Checksum {
        if self.big_endian_sums { Checksum::SqliteBig } else { Checksum::SqliteLittle }
    }

    /// Bytes of a frame with its page.
    #[must_use]
    pub const fn frame_bytes(&self) -> u64 {
        FRAME_HEADER_BYTES + self.page_bytes as u64
    }

    /// Where frame `number` (1 is the first) begins, from the start of the file.
    #[must_use]
    pub const fn frame_at(&self, number: u64) -> u64 {
        HEADER_BYTES + (number - 1) * self.frame_bytes()
    }
}

/// A frame header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameHeader {
    /// The page's number in the database, from 1.
    pub page_number: u32,
    /// Pages of the database after this transaction, if the frame commits one; else 0.
    pub database_pages: u32,
    /// The generation it was written in.
    pub salts: [u32; 2],
    /// The running sum, up to and with this frame.
    pub sums: Sums,
}

impl FrameHeader {
    /// A frame of `wal` for this page, going on from `before`.
    #[must_use]
    pub fn of(
        wal: &WalHeader,
        before: Sums,
        page_number: u32,
        database_pages: u32,
        page: &[u8],
    ) -> Self {
        let unsummed =
            FrameHeader { page_number, database_pages, salts: wal.salts, sums: Sums::default() };
        FrameHeader { sums: unsummed.chained(wal, before, page), ..unsummed }
    }

    /// Reads one.
    #[must_use]
    pub fn decode(bytes: &[u8; FRAME_HEADER_BYTES as usize]) -> Self {
        FrameHeader {
            page_number: word(bytes, 0),
            database_pages: word(bytes, 4),
            salts: [word(bytes, 8), word(bytes, 12)],
            sums: Sums(word(bytes, 16), word(bytes, 20)),
        }
    }

    /// Its bytes.
    #[must_use]
    pub fn encode(&self) -> [u8; FRAME_HEADER_BYTES as usize] {
        let mut bytes = [0; FRAME_HEADER_BYTES as usize];
        let ([salt1, salt2], Sums(sum1, sum2)) = (self.salts, self.sums);
        let words = [self.page_number, self.database_pages, salt1, salt2, sum1, sum2];
        for (slot, word) in bytes.chunks_exact_mut(4).zip(words) {
            slot.copy_from_slice(&word.to_be_bytes());
        }
        bytes
    }

    /// The sum that a frame with these first 8 bytes and this page must carry behind `before`.
    #[must_use]
    pub fn chained(&self, wal: &WalHeader, before: Sums, page: &[u8]) -> Sums {
        let order = wal.big_endian_sums;
        before.over(order, &self.encode()[..8]).over(order, page)
    }

    /// What a frame's sum covers before its page, so that both are summed from the beginning: bytes that
    /// stand for all frames before it, and its first 8.
    #[must_use]
    pub fn before_page(&self, wal: &WalHeader, before: Sums) -> [u8; 16] {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&before.as_bytes(wal.big_endian_sums));
        bytes[8..].copy_from_slice(&self.encode()[..8]);
        bytes
    }

    /// Whether it ends a transaction.
    #[must_use]
    pub const fn commits(&self) -> bool {
        self.database_pages != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sum_of_a_small_example_is_the_one_worked_by_hand() {
        let data = [1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 4, 0, 0, 0];
        // 1, then 2 + 1 = 3; 1 + 3 + 3 = 7, then 3 + 4 + 7 = 14.
        assert_eq!(Sums::default().over(false, &data), Sums(7, 14));
        assert_eq!(Sums::default().over(false, &data[..8]).over(false, &data[8..]), Sums(7, 14));
    }

    #[test]
    fn a_sum_that_goes_on_is_one_from_the_beginning_over_bytes_that_stand_for_the_rest() {
        let page: [u8; 512] = core::array::from_fn(|i| (i * 31) as u8);
        for big_endian_sums in [false, true] {
            let wal = WalHeader { big_endian_sums, page_bytes: 512, sequence: 7, salts: [1, 2] };
            let before = Sums(0x9abc_def0, 0x1234_5678);
            let header = FrameHeader::of(&wal, before, 3, 0, &page);
            let pieces: [&[u8]; 2] = [&header.before_page(&wal, before), &page];
            assert_eq!(wal.checksum().of(&pieces), header.sums.number());
        }
    }

    #[test]
    fn a_header_is_read_as_it_was_written_in_either_byte_order() {
        for big_endian_sums in [false, true] {
            let header = WalHeader {
                big_endian_sums,
                page_bytes: 512,
                sequence: 7,
                salts: [1, 0xffff_ffff],
            };
            let (mut bytes, sums) = header.encode();
            assert_eq!(WalHeader::decode(&bytes), HeaderRead::Valid(header, sums));
            bytes[13] ^= 1;
            assert!(matches!(WalHeader::decode(&bytes), HeaderRead::BadSum(_)));
            bytes[0] ^= 1;
            assert_eq!(WalHeader::decode(&bytes), HeaderRead::Nothing);
        }
    }
}
