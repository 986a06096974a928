//! Verified: checksums that were computed before, over the same contents.
//!
//! The one idea: contents never change, so the verdict on a checksum over them need not be found
//! twice. A recovery that verifies the same header in every crash state pays for it once.
//!
//! Invariant: an answer is given from memory only if every piece is the same: the given bytes by
//! comparison, the device's bytes by the numbers of their contents. Nothing is hashed into a key.
//!
//! What it is not: large. A few questions that are asked over and over are all it keeps.

use journal_core::{Checksum, Piece};

use super::arena::ContentId;
use super::passed::Passed;

/// Most pieces of a question that is remembered.
const PIECES_MAX: usize = 4;

/// Most given bytes of a question that is remembered.
const GIVEN_MAX: usize = 32;

/// Questions remembered.
const KEPT: usize = 8;

/// A question: the pieces, with the device's by place within one run of contents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Question {
    sum: Checksum,
    expected: u64,
    first: ContentId,
    sectors: u32,
    /// For each piece: offset in the run and length, or `u64::MAX` and length of given bytes.
    pieces: [(u64, u64); PIECES_MAX],
    given: [u8; GIVEN_MAX],
}

impl Question {
    /// The question of these pieces, where the run of contents `first`, `sectors` long, begins at
    /// byte `base` of the device. `None` if it is too large to remember.
    #[inline]
    pub fn new(
        (sum, expected): (Checksum, u64),
        (first, sectors): (ContentId, u32),
        base: u64,
        pieces: &[Piece<'_>],
    ) -> Option<Question> {
        let mut question = Question {
            sum,
            expected,
            first,
            sectors,
            pieces: [(0, 0); PIECES_MAX],
            given: [0; GIVEN_MAX],
        };
        if pieces.len() > PIECES_MAX {
            return None;
        }
        let mut given = 0;
        for (slot, piece) in question.pieces.iter_mut().zip(pieces) {
            *slot = match *piece {
                Piece::Given(bytes) => {
                    question.given.get_mut(given..given + bytes.len())?.copy_from_slice(bytes);
                    given += bytes.len();
                    (u64::MAX, bytes.len() as u64)
                }
                Piece::Device { at_bytes, bytes } => (at_bytes.checked_sub(base)?, bytes),
            };
        }
        Some(question)
    }
}

/// The memory.
#[derive(Clone, Debug, Default)]
pub struct Verified {
    kept: [Option<(Question, bool)>; KEPT],
    next: usize,
    /// The same over contents that are undecided: which mixtures pass.
    pub passed: Passed,
}

impl Verified {
    /// The answer, if the question was asked before.
    #[inline]
    #[must_use]
    pub fn answer(&self, question: &Question) -> Option<bool> {
        let known = self.kept.iter().flatten().find(|(known, _)| known == question);
        known.map(|&(_, answer)| answer)
    }

    /// Remembers an answer in place of the oldest.
    pub fn remember(&mut self, question: Question, answer: bool) {
        self.kept[self.next] = Some((question, answer));
        self.next = (self.next + 1) % KEPT;
    }

    /// Forgets what was said of contents from number `len` on: the numbers will be given again.
    #[inline]
    pub fn truncate(&mut self, len: u32) {
        self.passed.truncate(len);
        for kept in &mut self.kept {
            if kept.is_some_and(|(question, _)| question.first.0 + question.sectors > len) {
                *kept = None;
            }
        }
    }
}
