//! The grid of journal designs, and the ladder of named ones in it.
//!
//! The one idea: a design is a point, five answers to five questions. How are entries framed? What
//! proves them whole? What happens to the tail's sector when more is appended? How is space that
//! was used before told from new? What makes an entry count? An amendment moves along one axis, so
//! its effect can be judged alone.
//!
//! Invariant: a [`Strategy`] that exists can be run. The only ways to get one are
//! [`Strategy::new`], which refuses with the reason in words, and [`LADDER`], whose points a test
//! passes through `new`.
//!
//! What it is not: the bytes. Those are in the byte tables of the framings. How a point is written
//! down and read back is in `spelling`, which points there are in `grid`.

use crate::checksum::Checksum;
use crate::rfc::refusal::{Refusal, judge};
use crate::rfc::spelling::Answer;

/// How entries lie in the area.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Framing {
    /// Type, length, value straight in 4096-byte clusters.
    Stream,
    /// The same, read to the letter: entries of 254 bytes too, hence defect D1.
    StreamLiteral,
    /// Type, length, value inside blocks with a header.
    Block {
        /// Bytes of a block.
        bytes: u32,
    },
}

/// What proves bytes whole: a set, each member with its algorithm ([`Checksum::None`]: absent).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Integrity {
    /// In the last bytes of each entry.
    pub entry: Checksum,
    /// Over each block.
    pub block: Checksum,
    /// Each unit holds the checksum of the one before it.
    pub chain: Checksum,
    /// In each sector, against shorn and mixed ones.
    pub sector: Checksum,
}

impl Integrity {
    /// The empty set.
    pub const NONE: Integrity = Integrity {
        entry: Checksum::None,
        block: Checksum::None,
        chain: Checksum::None,
        sector: Checksum::None,
    };

    /// Only a trailer on each entry.
    #[must_use]
    pub const fn entry(sum: Checksum) -> Self {
        Integrity { entry: sum, ..Integrity::NONE }
    }

    /// A checksum on each block, and each block chained to the one before.
    #[must_use]
    pub const fn chained_blocks(sum: Checksum) -> Self {
        Integrity { block: sum, chain: sum, ..Integrity::NONE }
    }
}

/// What happens to the sector that the log's tail lies in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TailWrite {
    /// It is read, changed and written again, with what was acknowledged in it.
    Rewrite,
    /// Each commit fills it up, to the logical sector (in blocks: to the block); never rewritten.
    PadLogical,
    /// Each commit fills it up, to the physical sector; never rewritten.
    PadPhysical,
    /// It lives in two places by turns until it is full.
    PingPong,
    /// Each commit begins a cluster of its own.
    Fresh,
}

/// How what was in the area before is told from what is in it now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Reuse {
    /// By what.
    pub by: ReuseBy,
    /// Whether an open that was not clean is followed by clearing, or by a new salt, before the
    /// first append. Without it what recovery stopped before can be re-attached: the stale suffix.
    pub clears_after_unclean: bool,
}

/// The mark of the current use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ReuseBy {
    /// None: everything is overwritten with FF first.
    Erase,
    /// A growing number in each unit.
    Sequence,
    /// Random bytes per generation under each checksum.
    Salt,
    /// One bit that flips at each wrap.
    Lap,
}

/// What makes an entry count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CommitRule {
    /// It is there; acknowledged once a flush returned.
    Flush,
    /// A commit record that is written after a flush of what it commits.
    RecordAfterFlush,
    /// A commit record written with FUA.
    RecordFua,
    /// A pointer in the journal header passes it.
    Pointer,
}

/// A point of the grid that can be run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Strategy {
    framing: Framing,
    integrity: Integrity,
    tail: TailWrite,
    reuse: Reuse,
    commit: CommitRule,
}

impl Strategy {
    /// The point with these five answers.
    ///
    /// # Errors
    /// A [`Refusal`]: the answers contradict each other, or nobody built that combination yet.
    pub const fn new(
        framing: Framing,
        integrity: Integrity,
        tail: TailWrite,
        reuse: Reuse,
        commit: CommitRule,
    ) -> Result<Strategy, Refusal> {
        let strategy = Strategy { framing, integrity, tail, reuse, commit };
        match judge(&strategy) {
            None => Ok(strategy),
            Some(refusal) => Err(refusal),
        }
    }

    /// The point on the [`LADDER`] with this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Strategy> {
        LADDER.iter().find(|rung| rung.0 == name).map(|rung| rung.1)
    }

    /// Its name on the [`LADDER`], if it stands there.
    #[must_use]
    pub fn name(&self) -> Option<&'static str> {
        LADDER.iter().find(|rung| rung.1 == *self).map(|rung| rung.0)
    }

    /// How entries are framed.
    #[must_use]
    pub const fn framing(&self) -> Framing {
        self.framing
    }

    /// What proves them whole.
    #[must_use]
    pub const fn integrity(&self) -> Integrity {
        self.integrity
    }

    /// What happens to the tail's sector.
    #[must_use]
    pub const fn tail(&self) -> TailWrite {
        self.tail
    }

    /// How old is told from new.
    #[must_use]
    pub const fn reuse(&self) -> Reuse {
        self.reuse
    }

    /// What makes an entry count.
    #[must_use]
    pub const fn commit(&self) -> CommitRule {
        self.commit
    }

    /// The five answers in 32 bits, four for each of: framing, entry, block, chain, sector, tail,
    /// reuse (8 added if it clears), commit. A journal header outside of the ladder holds it, so
    /// that no point opens another's journal.
    #[must_use]
    pub const fn code(&self) -> u32 {
        let framing = match self.framing {
            Framing::Stream => 0,
            Framing::StreamLiteral => 1,
            Framing::Block { bytes } => bytes.trailing_zeros(),
        };
        let Integrity { entry, block, chain, sector } = self.integrity;
        let clears = if self.reuse.clears_after_unclean { 8 } else { 0 };
        let nibbles = [
            framing & 15,
            entry as u32,
            block as u32,
            chain as u32,
            sector as u32,
            self.tail as u32,
            self.reuse.by as u32 + clears,
            self.commit as u32,
        ];
        let (mut code, mut i) = (0, 0);
        while i < nibbles.len() {
            code = code << 4 | nibbles[i];
            i += 1;
        }
        code
    }

    /// The five answers as (axis, answer), for listings.
    #[must_use]
    pub fn axes(&self) -> [(&'static str, Answer); 5] {
        [
            ("framing", Answer::Framing(self.framing)),
            ("integrity", Answer::Integrity(self.integrity)),
            ("tail", Answer::Tail(self.tail)),
            ("reuse", Answer::Reuse(self.reuse)),
            ("commit", Answer::Commit(self.commit)),
        ]
    }
}

const ERASE: Reuse = Reuse { by: ReuseBy::Erase, clears_after_unclean: false };
const SALT: Reuse = Reuse { by: ReuseBy::Salt, clears_after_unclean: true };
const SEQUENCE: Reuse = Reuse { by: ReuseBy::Sequence, clears_after_unclean: false };

const V8R: Strategy = Strategy {
    framing: Framing::Stream,
    integrity: Integrity::NONE,
    tail: TailWrite::Rewrite,
    reuse: ERASE,
    commit: CommitRule::Flush,
};
const V8: Strategy = Strategy { framing: Framing::StreamLiteral, ..V8R };
const V8C: Strategy = Strategy { integrity: Integrity::entry(Checksum::Crc32c), ..V8R };
const V8C_CRC32: Strategy = Strategy { integrity: Integrity::entry(Checksum::Crc32), ..V8R };
const V8CE: Strategy = Strategy { reuse: SALT, ..V8C };
const V8P: Strategy = Strategy { tail: TailWrite::PadLogical, ..V8CE };
const V8PP: Strategy = Strategy { tail: TailWrite::PingPong, ..V8CE };
const V9_512: Strategy = Strategy {
    framing: Framing::Block { bytes: 512 },
    integrity: Integrity::chained_blocks(Checksum::Crc32c),
    tail: TailWrite::PadLogical,
    reuse: SALT,
    commit: CommitRule::Flush,
};
const V9_4096: Strategy = Strategy { framing: Framing::Block { bytes: 4096 }, ..V9_512 };
const V9_NOSALT: Strategy = Strategy { reuse: SEQUENCE, ..V9_512 };

/// The named points: name, strategy, and what the rung changes.
pub const LADDER: [(&str, Strategy, &str); 10] = [
    ("v8", V8, "the RFC to the letter, with defect D1: an END that looks like NONE"),
    ("v8r", V8R, "the RFC with its ambiguities settled; entries of at most 253 bytes"),
    ("v8c", V8C, "the reviewer's amendment: the last bytes of an entry are its CRC-32C"),
    ("v8c-crc32", V8C_CRC32, "v8c with the CRC-32 of zlib"),
    ("v8ce", V8CE, "v8c in a ring with a header pair; checksums cover a salt and the offset"),
    ("v8p", V8P, "v8ce, each commit padded to the logical sector, no sector written twice"),
    ("v8pp", V8PP, "v8ce, the tail kept in two slots by turns until its sector is full"),
    (
        "v9-512",
        V9_512,
        "entries in chained, salted blocks of 512 bytes; damage is told from a tear",
    ),
    ("v9-4096", V9_4096, "v9 with blocks of 4096 bytes, for disks that rewrite as much at once"),
    ("v9-nosalt", V9_NOSALT, "v9 with sequence numbers only: flawed on purpose"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rung_of_the_ladder_is_a_strategy_that_new_accepts() {
        for (name, s, _) in LADDER {
            let again = Strategy::new(s.framing, s.integrity, s.tail, s.reuse, s.commit);
            assert_eq!(again, Ok(s), "{name}");
            assert_eq!(Strategy::named(name), Some(s));
            assert_eq!(s.name(), Some(name));
        }
        assert_eq!(Strategy::named("v10"), None);
    }
}
