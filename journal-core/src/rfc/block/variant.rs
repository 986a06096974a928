//! The bytes of a block at any point of the grid but V9.
//!
//! The one idea: V9's head with room for what the axes can ask. A field that an axis has no use for
//! is zero, so that what a point leaves out can be seen in its bytes.
//!
//! Byte table, big-endian, `B` = 512 or 4096, `c` the width of the algorithm:
//!
//! | offset | bytes | field |
//! |---|---|---|
//! | 0 | 4 | magic "qjbg" |
//! | 4 | 4 | low half of the block's checksum, over salt and block with both halves zero |
//! | 8 | 8 | mark: seq (sequence, salt), the lap's last bit (lap), 0 (erase) |
//! | 16 | 8 | durable_upto as in V9 (sequence, salt); of a tail that stays open: its seq |
//! | 24 | 2 | used: bytes of entries |
//! | 26 | 2 | flags: 1 FIRST, 2 LAST, 4 RECORD: the commit record of the blocks before it |
//! | 28 | 4 | the low half of the checksum of the block before, where blocks are chained |
//! | 32 | 4 | high half of the block's checksum, of algorithms with 8 bytes |
//! | 36 | 4 | version: how often the block was written before (rewrite, ping-pong) |
//! | 40 | 2 | committed: bytes of entries that a commit record covers (rewrite, ping-pong) |
//! | 42 | 6 | zero |
//! | 48 | used | entries |
//! | 48+used | | FF |
//!
//! An entry is size, type 2, payload, and its trailer of `c` bytes where there is one: the checksum
//! over salt, mark, u16 offset in the block, size, type, payload. Size counts all of it.
//!
//! Stamps. The last `c` bytes of each 512 are a stamp: the checksum of salt, mark, version and u8
//! index of the 512 bytes in the block. It says which writing of which block these 512 bytes belong
//! to and nothing about what they hold. No entry crosses a stamp: what does not fit before it begins
//! behind it, and FF is left between. A reader goes on behind the stamp where it finds FF, or has
//! fewer than two bytes left.
//! 1. A block of 4096 bytes is rewritten with one more entry, which lies in its third sector.
//! 2. The power goes; the first sector persisted and the third did not.
//! 3. The head speaks of an entry where there is padding, or half of one. The third sector's stamp
//!    is that of the version before: the block is not taken for whole.
//!
//! A block is good for a place if and only if magic and mark are right, no unknown flag is set,
//! `used` fits, all stamps, the block's checksum and the trailers that there are match, and the
//! entries fill `used` exactly.
//!
//! Invariant: no bytes make the reader of entries stand still or look beyond the block.
//!
//! What it is not: V9, whose form is smaller and whose checks are cheaper.

mod asked;

use super::codec::{
    Block, CRC, DURABLE_UPTO, FIRST, FLAGS, Head, LAST, MAGIC, PREV_CRC, SEQ, Seen, TLV_BYTES,
    TLV_MAX, TYPE_HASH, USED,
};
use super::layout::Seq;
use crate::checksum::{Checksum, stored};
use crate::rfc::header::Salt;
use crate::rfc::strategy::{ReuseBy, Strategy};

const SUM_HIGH: usize = PREV_CRC + 4;
const VERSION: usize = SUM_HIGH + 4;
const COMMITTED: usize = VERSION + 4;
const ZERO: usize = COMMITTED + 2;
/// Bytes before the entries.
pub(super) const HEAD_BYTES: usize = ZERO + 6;
const _: () = assert!(HEAD_BYTES == 48);
/// The largest entry fits between the head and the stamp of the smallest block.
const _: () = assert!(HEAD_BYTES + TLV_MAX + 8 <= 512);

const MAGIC_BYTES: [u8; 4] = *b"qjbg";
/// The commit record of the blocks before it.
pub(super) const RECORD: u16 = 4;

/// Bytes that a stamp speaks for.
const STAMPED: usize = 512;
const NONE: u8 = 0xff;

/// How entries lie in a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shape {
    head: u8,
    /// Bytes of an entry's trailer.
    trailer: u8,
    /// Bytes of a stamp.
    stamp: u8,
}

/// An entry found in a block.
#[derive(Clone, Copy, Debug)]
pub(super) struct Found<'a> {
    /// Its first byte, from the block's.
    pub at: usize,
    /// All its bytes.
    pub bytes: &'a [u8],
    /// What it carries.
    pub payload: &'a [u8],
}

/// The entries of a block, one after the other.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entries<'a> {
    bytes: &'a [u8],
    shape: Shape,
    at: usize,
    end: usize,
}

impl Shape {
    /// V9's.
    pub const V9: Shape = Shape { head: super::codec::HEAD_BYTES as u8, trailer: 0, stamp: 0 };

    /// Bytes of an entry besides its payload.
    pub const fn overhead(self) -> usize {
        TLV_BYTES + self.trailer as usize
    }

    /// Where an entry of `size` bytes goes behind `used` bytes of entries, if it fits.
    pub fn place(self, used: usize, size: usize, block_bytes: usize) -> Option<usize> {
        let mut at = self.head as usize + used;
        if self.stamp > 0 && at + size > self.stamp_at(at) {
            at = (at / STAMPED + 1) * STAMPED;
        }
        let end = if self.stamp > 0 { self.stamp_at(at) } else { block_bytes };
        (at < block_bytes && at + size <= end).then_some(at)
    }

    /// Where the stamp behind `at` is; the block's end if there is none.
    const fn stamp_at(self, at: usize) -> usize {
        (at / STAMPED + 1) * STAMPED - self.stamp as usize
    }

    /// The entries in the first `used` bytes of them.
    #[inline(always)]
    pub fn entries(self, bytes: &[u8], used: u16) -> Entries<'_> {
        let at = self.head as usize;
        Entries { bytes, shape: self, at, end: (at + usize::from(used)).min(bytes.len()) }
    }
}

impl<'a> Entries<'a> {
    /// Where they begin, or go on.
    pub fn begin(&self) -> usize {
        self.at
    }

    /// Whether all of it was entries.
    pub fn is_done(&self) -> bool {
        self.at == self.end
    }

    #[inline(always)]
    pub fn next(&mut self) -> Option<Found<'a>> {
        if self.at >= self.end {
            return None;
        }
        let Shape { trailer, stamp, .. } = self.shape;
        let mut end = self.end;
        if stamp > 0 {
            let stamp_at = self.shape.stamp_at(self.at);
            let skips = self.bytes.get(self.at).is_none_or(|&size| size == NONE);
            if self.at + TLV_BYTES > stamp_at || skips {
                self.at = (self.at / STAMPED + 1) * STAMPED;
            }
            end = end.min(self.shape.stamp_at(self.at));
        }
        let rest = self.bytes.get(self.at..end)?;
        let (&size, &kind) = (rest.first()?, rest.get(1)?);
        let size = usize::from(size);
        if kind != TYPE_HASH || size > TLV_MAX {
            return None;
        }
        let bytes = rest.get(..size)?;
        let payload = bytes.get(TLV_BYTES..size.checked_sub(usize::from(trailer))?)?;
        let at = self.at;
        self.at += size;
        Some(Found { at, bytes, payload })
    }
}

/// What the blocks of a generation have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Variant {
    salt: Salt,
    block: Checksum,
    entry: Checksum,
    sector: Checksum,
    chained: bool,
    by: ReuseBy,
    nblocks: u32,
}

impl Variant {
    pub fn new(strategy: &Strategy, salt: Salt, nblocks: u32) -> Variant {
        let set = strategy.integrity();
        Variant {
            salt,
            block: set.block,
            entry: set.entry,
            sector: set.sector,
            chained: set.chain != Checksum::None,
            by: strategy.reuse().by,
            nblocks,
        }
    }

    pub const fn shape(&self) -> Shape {
        Shape {
            head: HEAD_BYTES as u8,
            trailer: self.entry.bytes() as u8,
            stamp: self.sector.bytes() as u8,
        }
    }

    pub const fn chain_mask(&self) -> u32 {
        if self.chained { u32::MAX } else { 0 }
    }

    /// What tells the block `seq` from what was in its place before.
    const fn mark(&self, seq: Seq) -> u64 {
        match self.by {
            ReuseBy::Sequence | ReuseBy::Salt => seq.0,
            ReuseBy::Lap => (seq.0 / self.nblocks as u64) & 1,
            ReuseBy::Erase => 0,
        }
    }

    /// Whether a block says its number, so that others can speak of it.
    pub const fn numbers(&self) -> bool {
        matches!(self.by, ReuseBy::Sequence | ReuseBy::Salt)
    }

    fn block_sum(&self, block: &[u8]) -> u64 {
        let zeros = &[0; 4];
        let (fields, rest) = (&block[SEQ..SUM_HIGH], &block[VERSION..]);
        self.block.of(&[&self.salt.0, &block[MAGIC..CRC], zeros, fields, zeros, rest])
    }

    fn entry_sum(&self, mark: u64, at: usize, covered: &[u8]) -> u64 {
        let offset = (at as u16).to_be_bytes();
        self.entry.of(&[&self.salt.0, &mark.to_be_bytes(), &offset, covered])
    }

    fn stamp(&self, mark: u64, version: u32, index: usize) -> u64 {
        let facts = [&self.salt.0[..], &mark.to_be_bytes(), &version.to_be_bytes(), &[index as u8]];
        self.sector.of(&facts)
    }

    /// Puts an entry of the block `seq` behind `into`, which holds the block up to there.
    #[inline(never)]
    pub fn put(&self, seq: Seq, at: usize, payload: &[u8], into: &mut alloc::vec::Vec<u8>) {
        let from = into.len();
        let size = self.shape().overhead() + payload.len();
        assert!(size <= TLV_MAX, "append checks the size");
        into.extend_from_slice(&[size as u8, TYPE_HASH]);
        into.extend_from_slice(payload);
        let sum = self.entry_sum(self.mark(seq), at, &into[from..]);
        into.extend_from_slice(&sum.to_be_bytes()[8 - self.entry.bytes()..]);
    }

    /// As [`super::codec::seal`].
    #[inline(never)]
    pub fn seal(&self, block: &mut [u8], head: Head) -> u32 {
        assert!(HEAD_BYTES + usize::from(head.used) <= block.len(), "entries beyond the block");
        let mark = self.mark(head.seq);
        block[MAGIC..CRC].copy_from_slice(&MAGIC_BYTES);
        block[CRC..SEQ].fill(0);
        block[SEQ..DURABLE_UPTO].copy_from_slice(&mark.to_be_bytes());
        block[DURABLE_UPTO..USED].copy_from_slice(&head.durable_upto.0.to_be_bytes());
        block[USED..FLAGS].copy_from_slice(&head.used.to_be_bytes());
        block[FLAGS..PREV_CRC].copy_from_slice(&head.flags.to_be_bytes());
        let link = head.prev_crc & self.chain_mask();
        block[PREV_CRC..SUM_HIGH].copy_from_slice(&link.to_be_bytes());
        block[SUM_HIGH..VERSION].fill(0);
        block[VERSION..COMMITTED].copy_from_slice(&head.version.to_be_bytes());
        block[COMMITTED..ZERO].copy_from_slice(&head.committed.to_be_bytes());
        block[ZERO..HEAD_BYTES].fill(0);
        let width = self.sector.bytes();
        if width > 0 {
            for (index, sector) in block.chunks_mut(STAMPED).enumerate() {
                let stamp = self.stamp(mark, head.version, index).to_be_bytes();
                let from = sector.len() - width;
                sector[from..].copy_from_slice(&stamp[8 - width..]);
            }
        }
        let sum = self.block_sum(block);
        block[CRC..SEQ].copy_from_slice(&(sum as u32).to_be_bytes());
        block[SUM_HIGH..VERSION].copy_from_slice(&((sum >> 32) as u32).to_be_bytes());
        sum as u32 & self.chain_mask()
    }

    /// As [`super::codec::see`].
    #[inline(never)]
    pub fn see<'a>(&self, bytes: &'a [u8], seq: Seq) -> Seen<'a> {
        let Some(head) = bytes.first_chunk() else { return Seen::Foreign };
        let block = Block { head, bytes, seq, shape: self.shape() };
        if head[MAGIC..CRC] != MAGIC_BYTES || block.mark() != self.mark(seq) {
            return Seen::Foreign;
        }
        if self.proves_itself(block) { Seen::Good(block) } else { Seen::Claims }
    }

    /// What can be asked of a head, for a block of so many bytes.
    fn head_makes_sense(block: Block<'_>, block_bytes: usize) -> bool {
        block_bytes >= STAMPED
            && block.flags() & !(FIRST | LAST | RECORD) == 0
            && HEAD_BYTES + usize::from(block.used()) <= block_bytes
            && block.committed() <= block.used()
            && block.bytes[ZERO..HEAD_BYTES] == [0; HEAD_BYTES - ZERO]
    }

    fn proves_itself(&self, block: Block<'_>) -> bool {
        let bytes = block.bytes;
        if !Self::head_makes_sense(block, bytes.len()) {
            return false;
        }
        let mark = self.mark(block.seq());
        let width = self.sector.bytes();
        let stamped = bytes.chunks(STAMPED).enumerate().all(|(index, sector)| {
            let stamp = self.stamp(mark, block.version(), index).to_be_bytes();
            width == 0 || sector[sector.len() - width..] == stamp[8 - width..]
        });
        if !stamped {
            return false;
        }
        let high = u32::from_be_bytes(array(bytes, SUM_HIGH));
        if self.block_sum(bytes) != u64::from(high) << 32 | u64::from(block.crc()) {
            return false;
        }
        let mut entries = block.shape.entries(bytes, block.used());
        while let Some(Found { at, bytes, .. }) = entries.next() {
            let (covered, sum) = bytes.split_at(bytes.len() - self.entry.bytes());
            if stored(sum) != self.entry_sum(mark, at, covered) {
                return false;
            }
        }
        entries.is_done()
    }
}

impl Block<'_> {
    /// The values of [`FIELDS`].
    pub fn variant_values(self) -> [u64; 4] {
        let high = u32::from_be_bytes(array(self.bytes, SUM_HIGH));
        [u64::from(high), u64::from(self.version()), u64::from(self.committed()), 0]
    }

    /// How often it was written before. Of V9 it means nothing.
    pub fn version(self) -> u32 {
        u32::from_be_bytes(array(self.bytes, VERSION))
    }

    /// Bytes of entries that a commit record covers. Of V9 it means nothing.
    pub fn committed(self) -> u16 {
        u16::from_be_bytes(array(self.bytes, COMMITTED))
    }
}

fn array<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    let mut array = [0; N];
    array.copy_from_slice(&bytes[at..at + N]);
    array
}

/// Offset, length and name of the fields that V9 does not have.
pub(super) const FIELDS: [(usize, usize, &str); 4] = [
    (SUM_HIGH, VERSION - SUM_HIGH, "crc, high half"),
    (VERSION, COMMITTED - VERSION, "version"),
    (COMMITTED, ZERO - COMMITTED, "committed"),
    (ZERO, HEAD_BYTES - ZERO, "zero"),
];
