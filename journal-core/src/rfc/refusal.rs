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
    let stream = !matches!(strategy.framing(), Framing::Block { .. });
    let summed = has(entry) || has(block) || has(chain) || has(sector);
    if let Framing::Block { bytes } = strategy.framing() {
        if !bytes.is_power_of_two() || bytes < 64 {
            return Some("a block is a power of two, and holds its header and an entry");
        }
        if has(chain) && !has(block) {
            return Some("a chain of blocks links their checksums, and they have none");
        }
    }
    if stream && has(block) {
        return Some("a stream has no blocks that a block checksum could cover");
    }
    if matches!(strategy.reuse().by, ReuseBy::Salt) && !summed {
        return Some("a salt works through a checksum, and there is none");
    }
    if matches!(strategy.framing(), Framing::StreamLiteral) && summed {
        return Some("the literal text has no checksum");
    }
    if matches!(strategy.framing(), Framing::StreamLiteral)
        && !matches!(strategy.tail(), TailWrite::Rewrite)
    {
        return Some("the literal text has no type to pad with and rewrites its tail");
    }
    if matches!(strategy.tail(), TailWrite::PingPong) && !summed {
        return Some("without a checksum a torn slot cannot be told from a whole one");
    }
    None
}

const fn missing(strategy: &Strategy) -> Option<&'static str> {
    let Integrity { entry, block, chain, sector } = strategy.integrity();
    if !matches!(strategy.commit(), CommitRule::Flush) {
        return Some("commit records and commit pointers");
    }
    if has(sector) {
        return Some("a stamp in each sector");
    }
    if matches!(strategy.tail(), TailWrite::Fresh) {
        return Some("a fresh cluster for each commit");
    }
    let reuse = strategy.reuse();
    match strategy.framing() {
        Framing::Stream | Framing::StreamLiteral => {
            if has(chain) {
                return Some("chained entries in a stream");
            }
            match (reuse.by, reuse.clears_after_unclean) {
                (ReuseBy::Erase, false) => match strategy.tail() {
                    TailWrite::Rewrite => None,
                    _ => Some("padding or ping-pong in a stream without a journal header"),
                },
                (ReuseBy::Erase, true) => Some("erasing what lies beyond a torn tail"),
                (ReuseBy::Salt, true) => None,
                (ReuseBy::Salt, false) => Some("a stream that keeps its salt after a crash"),
                (ReuseBy::Sequence, _) => Some("sequence numbers in a stream"),
                (ReuseBy::Lap, _) => Some("lap bits in a stream"),
            }
        }
        Framing::Block { bytes } => {
            if bytes != 512 && bytes != 4096 {
                return Some("blocks of other sizes than 512 and 4096");
            }
            if has(entry) {
                return Some("entry checksums inside blocks");
            }
            if !matches!((block, chain), (Checksum::Crc32c, Checksum::Crc32c)) {
                return Some("blocks that are not chained and checked by CRC-32C");
            }
            if !matches!(strategy.tail(), TailWrite::PadLogical) {
                return Some("blocks that are rewritten, or padded to the physical sector");
            }
            match (reuse.by, reuse.clears_after_unclean) {
                (ReuseBy::Salt, true) | (ReuseBy::Sequence, false) => None,
                _ => Some("blocks told apart by other means than a fresh salt or their sequence"),
            }
        }
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
    fn what_makes_sense_and_does_not_exist_is_called_not_built() {
        let entry = Integrity::entry(Checksum::Crc32c);
        for (tail, commit) in
            [(TailWrite::Fresh, FLUSH), (TailWrite::Rewrite, CommitRule::RecordFua)]
        {
            let refused = Strategy::new(Framing::Stream, entry, tail, SALT, commit);
            assert!(matches!(refused, Err(Refusal::NotBuilt(_))), "{refused:?}");
        }
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
