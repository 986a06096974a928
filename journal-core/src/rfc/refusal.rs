//! Which points of the grid can be run, and in words why the others cannot.
//!
//! The one idea: a refusal is one of two kinds, and says which. `Senseless` answers contradict each
//! other and no journal could honour them; `NotBuilt` ones make sense and nobody built them here.
//!
//! Invariant: contradictions are looked for first, so `NotBuilt` is never said of a combination
//! that is known not to make sense.
//!
//! What it is not: a judgement of soundness. Flawed designs are in the grid on purpose.

use core::fmt;

use crate::checksum::Checksum;
use crate::rfc::strategy::{CommitRule, Framing, Integrity, ReuseBy, Strategy, TailWrite};

/// Why a combination is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// The answers contradict each other.
    Senseless(&'static str),
    /// It would make sense, and does not exist here yet.
    NotBuilt(&'static str),
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refusal::Senseless(why) => write!(f, "makes no sense: {why}"),
            Refusal::NotBuilt(what) => write!(f, "not built yet: {what}"),
        }
    }
}

impl core::error::Error for Refusal {}

const fn has(sum: Checksum) -> bool {
    !matches!(sum, Checksum::None)
}

/// The reason to refuse, if there is one.
pub(super) const fn judge(strategy: &Strategy) -> Option<Refusal> {
    match contradiction(strategy) {
        Some(why) => Some(Refusal::Senseless(why)),
        None => match missing(strategy) {
            Some(what) => Some(Refusal::NotBuilt(what)),
            None => None,
        },
    }
}

const fn contradiction(strategy: &Strategy) -> Option<&'static str> {
    let Integrity { entry, block, chain, sector } = strategy.integrity();
    let summed = has(entry) || has(block) || has(chain) || has(sector);
    if matches!(strategy.reuse().by, ReuseBy::Salt) && !summed {
        return Some("a salt works through a checksum, and there is none");
    }
    if matches!(strategy.tail(), TailWrite::PingPong) && !summed {
        return Some("without a checksum a torn slot cannot be told from a whole one");
    }
    match strategy.framing() {
        Framing::Block { bytes } => in_blocks(strategy, bytes),
        Framing::Stream => in_stream(strategy),
        Framing::StreamLiteral => in_literal_stream(strategy),
    }
}

const fn in_stream(strategy: &Strategy) -> Option<&'static str> {
    let Integrity { entry, block, chain, sector } = strategy.integrity();
    if has(block) {
        return Some("a stream has no blocks that a block checksum could cover");
    }
    if has(sector) {
        return Some("a stamp would stand in the middle of an entry that crosses a sector");
    }
    if has(chain) && !has(entry) {
        return Some("a chain of entries links their checksums, and they have none");
    }
    if has(chain) && entry as u8 != chain as u8 {
        return Some("a chain holds the checksums that the entries have: one algorithm for both");
    }
    if !has(entry) && !matches!(strategy.reuse().by, ReuseBy::Erase) {
        return Some("without a checksum the middle of an old entry passes for a new one");
    }
    None
}

const fn in_literal_stream(strategy: &Strategy) -> Option<&'static str> {
    let Integrity { entry, block, chain, sector } = strategy.integrity();
    if has(entry) || has(block) || has(chain) || has(sector) {
        return Some("the literal text has no checksum");
    }
    if !matches!(strategy.tail(), TailWrite::Rewrite) {
        return Some("the literal text has no type to pad with and rewrites its tail");
    }
    if !matches!(strategy.reuse().by, ReuseBy::Erase) || strategy.reuse().clears_after_unclean {
        return Some("the literal text erases before its first append, and at no other time");
    }
    if !matches!(strategy.commit(), CommitRule::Flush) {
        return Some("the literal text has neither commit records nor a header to point from");
    }
    None
}

const fn in_blocks(strategy: &Strategy, bytes: u32) -> Option<&'static str> {
    let Integrity { entry, block, chain, sector } = strategy.integrity();
    if !bytes.is_power_of_two() || bytes < 64 {
        return Some("a block is a power of two, and holds its header and an entry");
    }
    if has(chain) && !has(block) {
        return Some("a chain of blocks links their checksums, and they have none");
    }
    if has(chain) && block as u8 != chain as u8 {
        return Some("a chain holds the checksums that the blocks have: one algorithm for both");
    }
    if has(entry) && has(block) {
        return Some("the checksum of a block covers its entries already");
    }
    if has(sector) && has(block) {
        return Some("the checksum of a block notices a mix of its sectors already");
    }
    if has(sector) && bytes <= 512 {
        return Some("a stamp tells the sectors of a block apart, and this block is one sector");
    }
    if bytes >= 4096 && matches!(strategy.tail(), TailWrite::PadPhysical | TailWrite::Fresh) {
        return Some("a block of a cluster's size is padded to all of these at once: pad-sector");
    }
    None
}

const fn missing(strategy: &Strategy) -> Option<&'static str> {
    let Integrity { entry, sector, .. } = strategy.integrity();
    match strategy.framing() {
        Framing::Block { bytes } => {
            if bytes != 512 && bytes != 4096 {
                return Some("blocks of other sizes than 512 and 4096");
            }
            if has(entry) && has(sector) && entry as u8 != sector as u8 {
                return Some("two algorithms in one journal");
            }
            None
        }
        Framing::Stream | Framing::StreamLiteral => None,
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::*;
    use crate::rfc::strategy::Reuse;

    const ERASE: Reuse = Reuse { by: ReuseBy::Erase, clears_after_unclean: false };
    const SALT: Reuse = Reuse { by: ReuseBy::Salt, clears_after_unclean: true };
    const FLUSH: CommitRule = CommitRule::Flush;

    #[test]
    fn answers_that_contradict_each_other_are_refused_with_the_reason() {
        let salt_alone =
            Strategy::new(Framing::Stream, Integrity::NONE, TailWrite::Rewrite, SALT, FLUSH);
        let words = salt_alone.unwrap_err().to_string();
        assert_eq!(words, "makes no sense: a salt works through a checksum, and there is none");
        let block_sum = Integrity { block: Checksum::Crc32c, ..Integrity::NONE };
        let blockless = Strategy::new(Framing::Stream, block_sum, TailWrite::Rewrite, ERASE, FLUSH);
        assert!(matches!(blockless, Err(Refusal::Senseless(_))));
    }

    #[test]
    fn every_checksum_can_stand_in_the_last_bytes_of_an_entry() {
        for sum in Checksum::ALL.into_iter().filter(|sum| has(*sum)) {
            for (tail, reuse) in [
                (TailWrite::Rewrite, ERASE),
                (TailWrite::Rewrite, SALT),
                (TailWrite::PadLogical, SALT),
                (TailWrite::PadPhysical, SALT),
                (TailWrite::PingPong, SALT),
            ] {
                let integrity = Integrity::entry(sum);
                assert!(Strategy::new(Framing::Stream, integrity, tail, reuse, FLUSH).is_ok());
            }
        }
    }
}
