//! Which of the stream journals it is.
//!
//! The one idea: the answers of a strategy, as the questions that the machine asks: what an entry
//! looks like, whether there is a header, a ring, slots, a unit to fill.
//!
//! Invariant: on the ladder nothing is asked that V8 to V8pp did not ask.
//!
//! What it is not: on the disk, but for what the header holds of it.

use crate::checksum::Checksum;
use crate::rfc::Refusal;
use crate::rfc::entry::{CLUSTER_BYTES, Dialect, Stamp};
use crate::rfc::header::{Header, HeaderPair, Magic};
use crate::rfc::strategy::{CommitRule, Framing, Reuse, ReuseBy, Strategy, TailWrite};

/// What a stream journal needs to know that is not on the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct StreamOptions {
    pub(super) dialect: Dialect,
    pub(super) tail: TailWrite,
    pub(super) reuse: Reuse,
    pub(super) commit: CommitRule,
    /// What the header says whose journal it is.
    pub(super) code: u32,
}

impl StreamOptions {
    /// The options of a strategy.
    ///
    /// # Errors
    /// [`Refusal`] when the strategy frames its entries in blocks.
    pub const fn new(strategy: Strategy) -> Result<Self, Refusal> {
        let literal = match strategy.framing() {
            Framing::StreamLiteral => true,
            Framing::Stream => false,
            Framing::Block { .. } => return Err(Refusal::Senseless("a stream has no blocks")),
        };
        let (reuse, tail, commit) = (strategy.reuse(), strategy.tail(), strategy.commit());
        let salted = matches!(reuse.by, ReuseBy::Salt);
        let chained = !matches!(strategy.integrity().chain, Checksum::None);
        let ladder = !chained
            && matches!(commit, CommitRule::Flush)
            && !matches!(tail, TailWrite::Fresh)
            && match (reuse.by, reuse.clears_after_unclean) {
                (ReuseBy::Erase, false) => matches!(tail, TailWrite::Rewrite),
                (ReuseBy::Salt, true) => true,
                _ => false,
            };
        let dialect = Dialect {
            sum: strategy.integrity().entry,
            salted,
            literal,
            chained,
            stamp: match reuse.by {
                ReuseBy::Sequence => Stamp::Cluster,
                ReuseBy::Lap => Stamp::Lap,
                ReuseBy::Erase | ReuseBy::Salt => Stamp::None,
            },
            extended: !ladder,
        };
        let code = if ladder { Header::UNSPELLED } else { strategy.code() };
        Ok(StreamOptions { dialect, tail, reuse, commit, code })
    }

    /// How entries are written.
    #[must_use]
    pub const fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// Whether the area is used again and again, in a ring.
    pub(super) const fn is_ring(&self) -> bool {
        !matches!(self.reuse.by, ReuseBy::Erase)
    }

    /// Whether there is a header pair.
    pub(super) const fn has_header(&self) -> bool {
        self.is_ring() || matches!(self.commit, CommitRule::Pointer)
    }

    /// Whether each opening has a salt of its own.
    pub(super) const fn renews_salt(&self) -> bool {
        matches!(self.reuse.by, ReuseBy::Salt) && self.reuse.clears_after_unclean
    }

    /// Whether a commit ends with a record.
    pub(super) const fn has_record(&self) -> bool {
        matches!(self.commit, CommitRule::RecordAfterFlush | CommitRule::RecordFua)
    }

    /// Whether a commit fills up a unit, which is then never written again.
    pub(super) const fn pads(&self) -> bool {
        !matches!(self.tail, TailWrite::Rewrite | TailWrite::PingPong)
    }

    pub(super) const fn magic(&self) -> Magic {
        if self.code == Header::UNSPELLED { Magic::V8CE } else { Magic::STREAM }
    }

    /// The first byte behind the header pair, where the slots are if there are any.
    pub(super) const fn slots_from(&self) -> u64 {
        if self.has_header() { 2 * HeaderPair::bytes_each(CLUSTER_BYTES) } else { 0 }
    }

    /// The commit pointer of a journal that is empty from `at` on.
    pub(super) const fn pointer(&self, at: u64) -> u64 {
        match self.commit {
            CommitRule::Pointer => at,
            _ => Header::POINTLESS,
        }
    }
}
