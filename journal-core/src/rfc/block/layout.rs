//! Where the blocks of a V9 journal are.
//!
//! The one idea: a block's place follows from its sequence number alone, so that a block found in
//! a place either carries the one number that belongs there now, or is not wanted.
//!
//! | bytes | content |
//! |---|---|
//! | 0 .. 2H | the header pair |
//! | 2H, 2H + 4096 | ping-pong alone: tail slots 0 and 1, a block in each; all behind moves by 8192 |
//! | 2H + (seq mod nblocks) * B | block `seq` |
//!
//! Invariant: whatever header a [`Layout`] was made from, every place it names is on the device.
//!
//! What it is not: the judge of a block. See `codec`.

use core::fmt;

use super::BlockOptions;
use crate::device::{Geometry, Lba};
use crate::journal::Error;
use crate::rfc::entry::CLUSTER_BYTES;
use crate::rfc::header::{Header, HeaderPair};
use crate::rfc::strategy::{CommitRule, TailWrite};

/// The number of a block, counted through all laps and generations; never reset.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Seq(pub u64);

impl Seq {
    /// Where a journal stops to append. Sums with any `u32` and names made of it cannot overflow.
    pub(super) const MAX: Seq = Seq(1 << 50);

    /// The block `blocks` further on.
    #[must_use]
    pub const fn plus(self, blocks: u64) -> Seq {
        Seq(self.0 + blocks)
    }
}

impl fmt::Display for Seq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "block {}", self.0)
    }
}

/// Where a commit pointer stands: `used` bytes into the entries of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Pointer {
    pub seq: Seq,
    pub used: u16,
}

/// Bits of a pointer for the place in a block.
const POINTER_BITS: u32 = 12;

impl Pointer {
    /// From the header's field.
    pub const fn of(field: u64) -> Pointer {
        let used = field & ((1 << POINTER_BITS) - 1);
        Pointer { seq: Seq(field >> POINTER_BITS), used: used as u16 }
    }

    /// As the header's field.
    pub const fn field(self) -> u64 {
        self.seq.0 << POINTER_BITS | self.used as u64
    }
}

/// The area behind the header pair, cut into blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Layout {
    pub block_bytes: u32,
    pub nblocks: u32,
    pub window: u32,
    sectors_each: u64,
    logical_bytes: u32,
    /// Blocks that a commit fills up to a multiple of.
    pub unit: u16,
    /// Sectors of a tail slot; 0 where there are none.
    slot_sectors: u16,
    first: Lba,
    /// The device would rather be asked of a block part by part, though it is one sector.
    pub by_parts: bool,
}

/// Bytes of a tail slot: the largest physical sector, so that two slots never share one.
const SLOT_BYTES: u32 = 4096;

/// What of the layout the strategy decides: sectors of a tail slot, and blocks of a unit.
fn shape(options: &BlockOptions, geometry: Geometry) -> (u16, u16) {
    let slot = SLOT_BYTES / geometry.logical_bytes;
    let physical = geometry.physical_bytes / options.block_bytes;
    match options.tail() {
        TailWrite::PingPong => (slot as u16, 1),
        TailWrite::PadPhysical => (0, physical.max(1) as u16),
        TailWrite::Fresh => (0, (CLUSTER_BYTES / options.block_bytes) as u16),
        TailWrite::Rewrite | TailWrite::PadLogical => (0, 1),
    }
}

impl Layout {
    /// The header pair and the area of a new journal over the whole device.
    pub fn for_format(
        options: &BlockOptions,
        geometry: Geometry,
    ) -> Result<(HeaderPair, Layout), Error> {
        let pair = pair(options, geometry)?;
        let sectors_each = sectors_each(options.block_bytes, geometry)?;
        let (slot_sectors, unit) = shape(options, geometry);
        let first = pair.end().plus(2 * u64::from(slot_sectors));
        let room = geometry.sectors.saturating_sub(first.0) / sectors_each;
        let nblocks = u32::try_from(room).unwrap_or(u32::MAX);
        let nblocks = nblocks / u32::from(unit) * u32::from(unit);
        if options.window == 0 {
            return Err(Error::Unfit { what: "blocks of the window, at least", want: 1, got: 0 });
        }
        // A commit of W blocks is live, another one was cut, the first one is carried over.
        let want = 3 * u64::from(options.window);
        if u64::from(nblocks) < want {
            let what = "blocks in the area, three windows at least";
            return Err(Error::Unfit { what, want, got: u64::from(nblocks) });
        }
        let layout = Layout {
            block_bytes: options.block_bytes,
            nblocks,
            window: options.window,
            sectors_each,
            logical_bytes: geometry.logical_bytes,
            unit,
            slot_sectors,
            first,
            by_parts: false,
        };
        Ok((pair, layout))
    }

    /// The area as a header tells it. The header's checksum was right, its facts need not be.
    #[inline(always)]
    pub fn of(
        options: &BlockOptions,
        header: &Header,
        pair: &HeaderPair,
        geometry: Geometry,
    ) -> Result<Layout, Error> {
        let sectors_each = sectors_each(header.unit_bytes, geometry)?;
        let (slot_sectors, unit) =
            if options.grid.is_some() { shape(options, geometry) } else { (0, 1) };
        let first = pair.end().plus(2 * u64::from(slot_sectors));
        let end = first.0 + u64::from(header.nblocks) * sectors_each;
        let fits = end <= geometry.sectors
            && header.window >= 1
            && u64::from(header.window) * 2 <= u64::from(header.nblocks)
            && header.start_seq <= Seq::MAX.0
            && header.strategy == options.code()
            && points_into_log(options, header);
        if !fits {
            let what = "a header whose area fits the device";
            return Err(Error::NotAJournal { what, at_bytes: 0 });
        }
        Ok(Layout {
            block_bytes: header.unit_bytes,
            nblocks: header.nblocks,
            window: header.window,
            sectors_each,
            logical_bytes: geometry.logical_bytes,
            unit,
            slot_sectors,
            first,
            by_parts: false,
        })
    }

    /// First sector of a block.
    #[inline(always)]
    pub fn lba(&self, seq: Seq) -> Lba {
        self.first.plus(seq.0 % u64::from(self.nblocks) * self.sectors_each)
    }

    /// First sector of tail slot 0 or 1, where there are slots.
    pub fn slot_lba(&self, which: u64) -> Lba {
        Lba(self.first.0 - (2 - which) * u64::from(self.slot_sectors))
    }

    /// First byte of tail slot 0 or 1.
    pub fn slot_bytes(&self, which: u64) -> u64 {
        self.slot_lba(which).0 * u64::from(self.logical_bytes)
    }

    /// Blocks that are missing for `seq` to be the first of a unit. The end of the ring ends one.
    pub fn missing_in_unit(&self, seq: Seq) -> u64 {
        let place = seq.0 % u64::from(self.nblocks);
        let up = place.next_multiple_of(u64::from(self.unit)).min(u64::from(self.nblocks));
        up - place
    }

    /// Bytes of a sector of the device.
    pub fn logical_bytes(&self) -> u32 {
        self.logical_bytes
    }

    /// Whether a block is one sector.
    pub fn is_sector(&self) -> bool {
        self.block_bytes == self.logical_bytes
    }

    /// Whether a block is asked for by all its bytes at once.
    #[inline(always)]
    pub fn is_read_whole(&self) -> bool {
        self.is_sector() && !self.by_parts
    }

    /// First byte of a block.
    pub fn at_bytes(&self, seq: Seq) -> u64 {
        self.lba(seq).0 * u64::from(self.logical_bytes)
    }

    /// How many of `blocks` blocks from `seq` on lie in one stretch before the ring wraps.
    pub fn unwrapped(&self, seq: Seq, blocks: u64) -> u64 {
        let nblocks = u64::from(self.nblocks);
        blocks.min(nblocks - seq.0 % nblocks)
    }

    /// Behind the last block that may belong to the log: a lap from its start, or where the commit
    /// pointer stands.
    #[inline(always)]
    pub fn end_of_log(&self, header: &Header) -> Seq {
        let lap_end = header.start_seq + u64::from(self.nblocks);
        match header.pointer {
            Header::POINTLESS => Seq(lap_end),
            pointer => Seq(lap_end.min(Pointer::of(pointer).seq.0)),
        }
    }

    /// Most blocks that may be live. Beside them there must be room for a cut commit, which is left
    /// alone, and for the copies of all of them when they are carried over.
    pub fn live_max(&self) -> u64 {
        u64::from(self.nblocks.saturating_sub(self.window + u32::from(self.unit) - 1) / 2)
    }
}

/// The header pair for these options.
pub(super) fn pair(options: &BlockOptions, geometry: Geometry) -> Result<HeaderPair, Error> {
    if !matches!(options.block_bytes, 512 | 4096) {
        let got = u64::from(options.block_bytes);
        return Err(Error::Unfit { what: "bytes of a block, or 512", want: 4096, got });
    }
    HeaderPair::new(options.block_bytes, geometry)
}

/// Whether there is a commit pointer just where one belongs, at a block that may be live.
#[inline(always)]
fn points_into_log(options: &BlockOptions, header: &Header) -> bool {
    if options.commit() != CommitRule::Pointer {
        return header.pointer == Header::POINTLESS;
    }
    let seq = Pointer::of(header.pointer).seq.0;
    let log = header.start_seq..=header.start_seq + u64::from(header.nblocks);
    log.contains(&seq)
}

fn sectors_each(block_bytes: u32, geometry: Geometry) -> Result<u64, Error> {
    geometry.sectors_in(u64::from(block_bytes)).ok_or(Error::Unfit {
        what: "bytes of a sector, a divisor of the block's",
        want: u64::from(block_bytes),
        got: u64::from(geometry.logical_bytes),
    })
}
