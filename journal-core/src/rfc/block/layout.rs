//! Where the blocks of a V9 journal are.
//!
//! The one idea: a block's place follows from its sequence number alone, so that a block found in
//! a place either carries the one number that belongs there now, or is not wanted.
//!
//! | bytes | content |
//! |---|---|
//! | 0 .. 2H | the header pair |
//! | 2H + (seq mod nblocks) * B | block `seq` |
//!
//! Invariant: whatever header a [`Layout`] was made from, every place it names is on the device.
//!
//! What it is not: the judge of a block. See `codec`.

use core::fmt;

use super::BlockOptions;
use crate::device::{Geometry, Lba};
use crate::journal::Error;
use crate::rfc::header::{Header, HeaderPair};

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

/// The area behind the header pair, cut into blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Layout {
    pub block_bytes: u32,
    pub nblocks: u32,
    pub window: u32,
    sectors_each: u64,
    logical_bytes: u32,
    first: Lba,
}

impl Layout {
    /// The header pair and the area of a new journal over the whole device.
    pub fn for_format(
        options: &BlockOptions,
        geometry: Geometry,
    ) -> Result<(HeaderPair, Layout), Error> {
        let pair = pair(options, geometry)?;
        let sectors_each = sectors_each(options.block_bytes, geometry)?;
        let room = (geometry.sectors - pair.end().0) / sectors_each;
        let nblocks = u32::try_from(room).unwrap_or(u32::MAX);
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
            first: pair.end(),
        };
        Ok((pair, layout))
    }

    /// The area as a header tells it. The header's checksum was right, its facts need not be.
    pub fn of(header: &Header, pair: &HeaderPair, geometry: Geometry) -> Result<Layout, Error> {
        let sectors_each = sectors_each(header.unit_bytes, geometry)?;
        let end = pair.end().0 + u64::from(header.nblocks) * sectors_each;
        let fits = end <= geometry.sectors
            && header.window >= 1
            && u64::from(header.window) * 2 <= u64::from(header.nblocks)
            && header.start_seq <= Seq::MAX.0;
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
            first: pair.end(),
        })
    }

    /// First sector of a block.
    #[inline(always)]
    pub fn lba(&self, seq: Seq) -> Lba {
        self.first.plus(seq.0 % u64::from(self.nblocks) * self.sectors_each)
    }

    /// Bytes of a sector of the device.
    pub fn logical_bytes(&self) -> u32 {
        self.logical_bytes
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

    /// Most blocks that may be live. Beside them there must be room for a cut commit, which is left
    /// alone, and for the copies of all of them when they are carried over.
    pub fn live_max(&self) -> u64 {
        u64::from((self.nblocks - self.window) / 2)
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

fn sectors_each(block_bytes: u32, geometry: Geometry) -> Result<u64, Error> {
    geometry.sectors_in(u64::from(block_bytes)).ok_or(Error::Unfit {
        what: "bytes of a sector, a divisor of the block's",
        want: u64::from(block_bytes),
        got: u64::from(geometry.logical_bytes),
    })
}
