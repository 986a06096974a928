//! Which of the journals in blocks it is.
//!
//! The one idea: V9 is three facts, and any other point of the grid is its strategy. Whoever runs
//! V9 asks one question, whether there is a strategy, and pays for nothing else.
//!
//! Invariant: a point that V9's bytes can serve is V9.
//!
//! What it is not: on the disk, but for what the header holds of it.

use super::codec::{Front, TLV_BYTES, TLV_MAX};
use super::layout::{Layout, Pointer, Seq};
use super::variant::Variant;
use crate::checksum::Checksum;
use crate::rfc::WINDOW_BLOCKS;
use crate::rfc::header::{Header, Magic, Salt};
use crate::rfc::strategy::{CommitRule, Framing, Integrity, ReuseBy, Strategy, TailWrite};

/// What is not on the disk, or is needed to make one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct BlockOptions {
    /// Bytes of a block: 512 or 4096. At least what the device may damage around a write.
    pub block_bytes: u32,
    /// Whether each generation has a salt of its own. Without it (flawed on purpose) blocks of an
    /// abandoned tail can come back.
    pub salted: bool,
    /// Most blocks of a commit, and so the most that are ever unflushed. Only `format` asks; later
    /// the header tells.
    pub window: u32,
    /// Any point of the grid but V9.
    pub grid: Option<Strategy>,
}

impl BlockOptions {
    /// v9-512.
    pub const V9_512: BlockOptions =
        BlockOptions { block_bytes: 512, salted: true, window: 8, grid: None };
    /// v9-4096.
    pub const V9_4096: BlockOptions = BlockOptions { block_bytes: 4096, ..Self::V9_512 };
    /// v9-nosalt, flawed on purpose.
    pub const V9_NOSALT: BlockOptions = BlockOptions { salted: false, ..Self::V9_512 };

    /// The options of a strategy that V9's bytes can serve.
    #[must_use]
    #[inline(always)]
    pub const fn v9(strategy: &Strategy) -> Option<BlockOptions> {
        let Framing::Block { bytes } = strategy.framing() else { return None };
        let reuse = strategy.reuse();
        let salted = matches!(reuse.by, ReuseBy::Salt);
        let chain = strategy.integrity().chain;
        // A chain is of the blocks' own algorithm. V9 renews its salt at every opening; unsalted, it
        // goes on where it ended.
        let v9 = matches!(chain, Checksum::Crc32c)
            && matches!(strategy.tail(), TailWrite::PadLogical)
            && matches!(strategy.commit(), CommitRule::Flush)
            && (salted || matches!(reuse.by, ReuseBy::Sequence))
            && reuse.clears_after_unclean == salted;
        if v9 {
            Some(BlockOptions { block_bytes: bytes, salted, window: WINDOW_BLOCKS, grid: None })
        } else {
            None
        }
    }

    /// The options of a strategy; none if it does not frame in blocks.
    #[must_use]
    #[inline(always)]
    pub const fn of(strategy: &Strategy) -> Option<BlockOptions> {
        if let Some(v9) = BlockOptions::v9(strategy) {
            return Some(v9);
        }
        BlockOptions::of_variant(strategy)
    }

    const fn of_variant(strategy: &Strategy) -> Option<BlockOptions> {
        let Framing::Block { bytes } = strategy.framing() else { return None };
        let salted = matches!(strategy.reuse().by, ReuseBy::Salt);
        let units = matches!(strategy.tail(), TailWrite::PadPhysical | TailWrite::Fresh);
        Some(BlockOptions {
            block_bytes: bytes,
            salted,
            // Of eight blocks at most, and a commit record fills another unit.
            window: if units { 2 * WINDOW_BLOCKS } else { WINDOW_BLOCKS },
            grid: Some(*strategy),
        })
    }

    pub(super) const fn tail(&self) -> TailWrite {
        match &self.grid {
            Some(strategy) => strategy.tail(),
            None => TailWrite::PadLogical,
        }
    }

    pub(super) const fn commit(&self) -> CommitRule {
        match &self.grid {
            Some(strategy) => strategy.commit(),
            None => CommitRule::Flush,
        }
    }

    /// What tells old from new. V9 does not ask.
    pub(super) const fn by(&self) -> ReuseBy {
        match &self.grid {
            Some(strategy) => strategy.reuse().by,
            None if self.salted => ReuseBy::Salt,
            None => ReuseBy::Sequence,
        }
    }

    /// Whether an opening ends with clearing. V9 does not ask.
    pub(super) const fn clears(&self) -> bool {
        match &self.grid {
            Some(strategy) => strategy.reuse().clears_after_unclean,
            None => self.salted,
        }
    }

    /// Whether the last block takes more entries after a commit.
    pub(super) const fn stays_open(&self) -> bool {
        matches!(self.tail(), TailWrite::Rewrite | TailWrite::PingPong)
    }

    /// Whether a commit ends with a record.
    pub(super) const fn has_record(&self) -> bool {
        matches!(self.commit(), CommitRule::RecordAfterFlush | CommitRule::RecordFua)
    }

    /// Whether a commit is recovered whole or not at all.
    pub(super) const fn keeps_commits_whole(&self) -> bool {
        !self.stays_open() || !matches!(self.commit(), CommitRule::Flush)
    }

    /// Whether damage to what was acknowledged is told wherever something later proves it. It takes
    /// checksums that notice it, and blocks that say what was durable, or a pointer.
    pub(super) const fn tells_damage(&self) -> bool {
        let Some(strategy) = &self.grid else { return true };
        // An entry's checksum does not cover the head, which says how many entries there are.
        let Integrity { block, .. } = strategy.integrity();
        let pointer = matches!(strategy.commit(), CommitRule::Pointer);
        let numbered = matches!(self.by(), ReuseBy::Salt | ReuseBy::Sequence);
        !block.is_weak() && (pointer || (numbered && !self.stays_open()))
    }

    pub(super) const fn payload_max(&self) -> u32 {
        let trailer = match &self.grid {
            Some(strategy) => strategy.integrity().entry.bytes(),
            None => 0,
        };
        (TLV_MAX - TLV_BYTES - trailer) as u32
    }

    pub(super) const fn magic(&self) -> Magic {
        if self.grid.is_some() { Magic::BLOCK } else { Magic::V9 }
    }

    /// What the header says whose journal it is.
    pub(super) const fn code(&self) -> u32 {
        match &self.grid {
            Some(strategy) => strategy.code(),
            None => Header::UNSPELLED,
        }
    }

    /// The commit pointer of an empty journal.
    pub(super) const fn first_pointer(&self) -> u64 {
        match self.commit() {
            CommitRule::Pointer => Pointer { seq: Seq(0), used: 0 }.field(),
            _ => Header::POINTLESS,
        }
    }

    /// What the blocks of a generation have in common.
    #[inline(always)]
    pub(super) fn front(&self, salt: Salt, layout: &Layout) -> Front {
        match &self.grid {
            Some(strategy) => Front::Variant(Variant::new(strategy, salt, layout.nblocks)),
            None => Front::new(salt),
        }
    }
}
