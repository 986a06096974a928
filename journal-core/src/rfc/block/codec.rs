//! The bytes of one V9 block.
//!
//! The one idea: a block proves itself. Its checksum starts with the salt of its generation and
//! covers its sequence number and the checksum of the block before it, so that nothing older,
//! misplaced or half-written passes.
//!
//! Byte table, big-endian, `B` = 512 or 4096:
//!
//! | offset | bytes | field |
//! |---|---|---|
//! | 0 | 4 | magic "qjb9" |
//! | 4 | 4 | CRC-32C over salt, then the block with this field zero |
//! | 8 | 8 | seq |
//! | 16 | 8 | durable_upto: when this block is visible, every block below that number was flushed |
//! | 24 | 2 | used: bytes of entries |
//! | 26 | 2 | flags: 1 FIRST block of its commit, 2 LAST |
//! | 28 | 4 | prev_crc: the checksum of the block before |
//! | 32 | used | entries, each: size (with these 2 bytes), type 2, payload |
//! | 32+used | | FF |
//!
//! A block is good for a place and a salt if and only if magic, seq and checksum are right, no
//! unknown flag is set, `used` fits, and the entries fill `used` exactly.
//!
//! Invariant: a [`Block`] exists only after [`see`] has checked all that; the head of one that is only
//! [`claimed`] is not read for more than to ask whether it holds.
//!
//! The other points of the grid have blocks of another form, in [`variant`](super::variant). What
//! the two share is here: the fields from byte 4 to 31, and what a [`Block`] can be asked.
//!
//! What it is not: a judge of the chain. Whether prev_crc and flags fit the neighbours is for
//! `recover`.

use super::layout::Seq;
use super::variant::{Entries, Shape, Variant};
use crate::checksum::{Checksum, crc32c, crc32c_append};
use crate::claim::Claim;
use crate::rfc::header::Salt;

pub(super) const MAGIC: usize = 0;
pub(super) const CRC: usize = MAGIC + 4;
pub(super) const SEQ: usize = CRC + 4;
pub(super) const DURABLE_UPTO: usize = SEQ + 8;
pub(super) const USED: usize = DURABLE_UPTO + 8;
pub(super) const FLAGS: usize = USED + 2;
pub(super) const PREV_CRC: usize = FLAGS + 2;
/// Bytes before the entries.
pub(super) const HEAD_BYTES: usize = PREV_CRC + 4;
const _: () = assert!(HEAD_BYTES == 32);

const MAGIC_BYTES: [u8; 4] = *b"qjb9";
/// The first block of a commit.
pub(super) const FIRST: u16 = 1;
/// The last block of a commit.
pub(super) const LAST: u16 = 2;

/// Bytes before an entry's payload: size and type.
pub(super) const TLV_BYTES: usize = 2;
/// Largest value of the size byte: 254 would leave room that no END entry of V8 can describe.
pub(super) const TLV_MAX: usize = 253;
pub(super) const TYPE_HASH: u8 = 2;
/// Largest payload: it fits a block of either size.
pub(super) const PAYLOAD_MAX: usize = TLV_MAX - TLV_BYTES;
const _: () = assert!(HEAD_BYTES + TLV_MAX <= 512);

/// What the blocks of a generation have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Front {
    /// V9: the state of the checksum after salt, magic and zeroed field, the same for every block,
    /// so that each costs one call over the rest of it.
    V9(u32, Salt),
    /// Any other point of the grid.
    Variant(Variant),
}

/// The first byte of a block that its checksum covers as it stands.
const SUMMED_FROM: usize = SEQ;

/// What the checksum of a V9 block covers before [`SUMMED_FROM`]: salt, magic, the field as zeros.
fn v9_bytes(salt: Salt) -> [u8; 16 + SUMMED_FROM] {
    let mut bytes = [0; 16 + SUMMED_FROM];
    bytes[..16].copy_from_slice(&salt.0);
    bytes[16..16 + CRC].copy_from_slice(&MAGIC_BYTES);
    bytes
}

impl Front {
    /// Of V9.
    pub fn new(salt: Salt) -> Front {
        Front::V9(crc32c(&v9_bytes(salt)), salt)
    }

    /// The state that V9 goes on from; nothing of any other point.
    pub const fn v9(self) -> u32 {
        match self {
            Front::V9(front, _) => front,
            Front::Variant(_) => 0,
        }
    }

    /// Bytes before the entries.
    #[inline(always)]
    pub const fn head_bytes(self) -> usize {
        match self {
            Front::V9(..) => HEAD_BYTES,
            Front::Variant(_) => super::variant::HEAD_BYTES,
        }
    }

    /// Bytes of an entry besides its payload.
    #[inline(always)]
    pub const fn overhead(self) -> usize {
        match self {
            Front::V9(..) => TLV_BYTES,
            Front::Variant(variant) => variant.shape().overhead(),
        }
    }

    /// Where in a block an entry of `size` bytes goes behind `used` bytes of entries, if it fits.
    #[inline(always)]
    pub fn place(self, used: usize, size: usize, block_bytes: usize) -> Option<usize> {
        match self {
            Front::V9(..) => {
                let at = HEAD_BYTES + used;
                (at + size <= block_bytes).then_some(at)
            }
            Front::Variant(variant) => variant.shape().place(used, size, block_bytes),
        }
    }

    /// What the first block of a generation is chained to.
    pub fn first_link(self, salt: Salt) -> u32 {
        salt.crc() & self.chain_mask()
    }

    /// What of the checksum before a block must be in it: all, or nothing where none is chained.
    #[inline(always)]
    pub const fn chain_mask(self) -> u32 {
        match self {
            Front::V9(..) => u32::MAX,
            Front::Variant(variant) => variant.chain_mask(),
        }
    }
}

fn crc_of(front: u32, block: &[u8]) -> u32 {
    crc32c_append(front, &block[SEQ..])
}

/// What the writer decides about a block, besides its entries.
#[derive(Clone, Copy, Debug)]
pub(super) struct Head {
    pub seq: Seq,
    pub durable_upto: Seq,
    pub used: u16,
    pub flags: u16,
    pub prev_crc: u32,
    /// How often the block was written before; V9 has no place for it.
    pub version: u32,
    /// Bytes of entries that a commit record covers; V9 has no place for it.
    pub committed: u16,
}

/// Fills in the head of a whole block whose entries and padding are in place, and returns what the
/// next block is chained to: its checksum.
#[inline(always)]
pub(super) fn seal(block: &mut [u8], head: Head, front: Front) -> u32 {
    let front = match front {
        Front::V9(front, _) => front,
        Front::Variant(variant) => return variant.seal(block, head),
    };
    assert!(HEAD_BYTES + usize::from(head.used) <= block.len(), "entries beyond the block");
    block[MAGIC..CRC].copy_from_slice(&MAGIC_BYTES);
    block[SEQ..DURABLE_UPTO].copy_from_slice(&head.seq.0.to_be_bytes());
    block[DURABLE_UPTO..USED].copy_from_slice(&head.durable_upto.0.to_be_bytes());
    block[USED..FLAGS].copy_from_slice(&head.used.to_be_bytes());
    block[FLAGS..PREV_CRC].copy_from_slice(&head.flags.to_be_bytes());
    block[PREV_CRC..HEAD_BYTES].copy_from_slice(&head.prev_crc.to_be_bytes());
    let crc = crc_of(front, block);
    block[CRC..SEQ].copy_from_slice(&crc.to_be_bytes());
    crc
}

/// The two bytes before a payload.
pub(super) fn tlv(payload: &[u8]) -> [u8; TLV_BYTES] {
    assert!(payload.len() <= PAYLOAD_MAX, "append checks the size");
    [(payload.len() + TLV_BYTES) as u8, TYPE_HASH]
}

/// What the bytes in a place are.
#[derive(Clone, Copy, Debug)]
pub(super) enum Seen<'a> {
    /// The block that belongs there.
    Good(Block<'a>),
    /// It says that it belongs there, and fails a check.
    Claims,
    /// Something else: never written, an earlier lap, not a block.
    Foreign,
    /// The device cannot return it.
    Unreadable,
}

/// Judges `bytes` as block `seq`; `V9` says that they are of its form. The cheap checks come first: a log
/// usually ends at a place that fails them.
#[inline(always)]
pub(super) fn see<const V9: bool>(bytes: &[u8], seq: Seq, front: Front) -> Seen<'_> {
    let front = match front {
        Front::Variant(variant) if !V9 => return variant.see(bytes, seq),
        front => front.v9(),
    };
    let Some(head) = bytes.first_chunk() else { return Seen::Foreign };
    let block = Block { head, bytes, seq, shape: Shape::V9 };
    if head[MAGIC..CRC] != MAGIC_BYTES || block.mark() != seq.0 {
        return Seen::Foreign;
    }
    if proves_itself(block, front) { Seen::Good(block) } else { Seen::Claims }
}

/// Block `seq` as the first sector of a place has it, if that says that it is: a head to look at,
/// and nothing that was checked.
pub(super) fn claimed(first: &[u8], seq: Seq) -> Option<Block<'_>> {
    let block = Block { head: first.first_chunk()?, bytes: first, seq, shape: Shape::V9 };
    (block.head[MAGIC..CRC] == MAGIC_BYTES && block.mark() == seq.0).then_some(block)
}

/// What such a head claims of a whole block of so many bytes, from this byte of the device on.
pub(super) fn v9_claim(salt: Salt, block: Block<'_>, (at, bytes): (u64, usize)) -> Claim {
    let covered = at + SUMMED_FROM as u64..at + bytes as u64;
    Claim::new(Checksum::Crc32c, u64::from(block.crc()), &[&v9_bytes(salt)], covered)
}

/// The checks that cost something, for a block that says the right thing.
fn proves_itself(block: Block<'_>, front: u32) -> bool {
    let entries = block.bytes.get(HEAD_BYTES..HEAD_BYTES + usize::from(block.used()));
    crc_of(front, block.bytes) == block.crc()
        && block.flags() & !(FIRST | LAST) == 0
        && entries.is_some_and(well_formed)
}

fn well_formed(mut rest: &[u8]) -> bool {
    while let Some((_, tail)) = split_entry(rest) {
        rest = tail;
    }
    rest.is_empty()
}

/// The payload of the first entry, and what follows it.
fn split_entry(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&size, &kind) = (bytes.first()?, bytes.get(1)?);
    let size = usize::from(size);
    if kind != TYPE_HASH || size > TLV_MAX {
        return None;
    }
    Some((bytes.get(TLV_BYTES..size)?, bytes.get(size..)?))
}

/// A block that passed [`see`], or the head of one that was [`claimed`].
#[derive(Clone, Copy, Debug)]
pub(super) struct Block<'a> {
    pub(super) head: &'a [u8; HEAD_BYTES],
    pub(super) bytes: &'a [u8],
    /// The place it was good for.
    pub(super) seq: Seq,
    pub(super) shape: Shape,
}

impl<'a> Block<'a> {
    /// The field at `AT`, a constant, so that no bound is left to check.
    fn field<const AT: usize, const N: usize>(self) -> [u8; N] {
        core::array::from_fn(|i| self.head[AT + i])
    }

    /// The magic, as text.
    pub fn magic(self) -> alloc::string::String {
        alloc::string::String::from_utf8_lossy(&self.head[MAGIC..CRC]).into()
    }

    pub fn bytes(self) -> &'a [u8] {
        self.bytes
    }

    pub fn seq(self) -> Seq {
        self.seq
    }

    /// What tells it from what was in its place before: in V9 its seq.
    pub fn mark(self) -> u64 {
        u64::from_be_bytes(self.field::<SEQ, 8>())
    }

    pub fn crc(self) -> u32 {
        u32::from_be_bytes(self.field::<CRC, 4>())
    }

    pub fn durable_upto(self) -> Seq {
        Seq(u64::from_be_bytes(self.field::<DURABLE_UPTO, 8>()))
    }

    pub fn used(self) -> u16 {
        u16::from_be_bytes(self.field::<USED, 2>())
    }

    pub fn flags(self) -> u16 {
        u16::from_be_bytes(self.field::<FLAGS, 2>())
    }

    pub fn is_first(self) -> bool {
        self.flags() & FIRST != 0
    }

    pub fn is_last(self) -> bool {
        self.flags() & LAST != 0
    }

    pub fn prev_crc(self) -> u32 {
        u32::from_be_bytes(self.field::<PREV_CRC, 4>())
    }

    /// The payloads, in order. The short way is V9's.
    pub fn payloads<const V9: bool>(self) -> impl Iterator<Item = &'a [u8]> {
        let mut short = &self.bytes[HEAD_BYTES..HEAD_BYTES + usize::from(self.used())];
        let mut long = self.entries();
        core::iter::from_fn(move || {
            if !V9 {
                return long.next().map(|entry| entry.payload);
            }
            let (payload, tail) = split_entry(short)?;
            short = tail;
            Some(payload)
        })
    }

    /// The entries, in order.
    pub fn entries(self) -> Entries<'a> {
        self.shape.entries(self.bytes, self.used())
    }

    /// The payloads of the first `used` bytes of entries.
    pub fn payloads_in(self, used: u16) -> impl Iterator<Item = &'a [u8]> {
        let mut rest = self.shape.entries(self.bytes, used);
        core::iter::from_fn(move || rest.next().map(|entry| entry.payload))
    }
}

/// Offset, length and name of each field of the head, for annotated decoding.
pub(super) const FIELDS: [(usize, usize, &str); 7] = [
    (MAGIC, CRC - MAGIC, "magic"),
    (CRC, SEQ - CRC, "crc"),
    (SEQ, DURABLE_UPTO - SEQ, "seq"),
    (DURABLE_UPTO, USED - DURABLE_UPTO, "durable_upto"),
    (USED, FLAGS - USED, "used"),
    (FLAGS, PREV_CRC - FLAGS, "flags"),
    (PREV_CRC, HEAD_BYTES - PREV_CRC, "prev_crc"),
];
