//! Denied: contents that a sector is known not to hold, though it was not read.
//!
//! The one idea: who asks of a range only whether its checksum holds learns less than who reads it.
//! What he learns is a *restriction*: of the contents that the sector might have held after a cut,
//! these are out. The sector stays undecided among the others.
//!
//! Invariant: a denial is a fact about what the sector held after cut `cut`, so it strikes versions
//! of the lives up to that cut and no later one, however equal their bytes. Nothing is ever taken
//! back but by going back to a mark; where the sector is decided or written, the denials of before
//! are simply no longer looked at, for they strike only what is older.
//!
//! What it is not: knowledge of why. Under contracts that couple sectors the disk's `worlds` take in
//! the explanations of what is left.

use smallvec::SmallVec;

use super::arena::{Arena, ContentId};

/// One content that a sector did not hold.
#[derive(Clone, Copy, Debug)]
pub struct Denial {
    /// The sector.
    pub lba: u64,
    /// Power cuts by then: it did not hold the content after this one.
    pub cut: u32,
    /// The content.
    pub content: ContentId,
}

/// All that was denied, in order.
#[derive(Clone, Debug, Default)]
pub struct Denied {
    log: Vec<Denial>,
}

impl Denied {
    /// How much was denied so far.
    #[must_use]
    pub fn len(&self) -> usize {
        self.log.len()
    }

    /// Forgets all but the first `len` denials.
    pub fn truncate(&mut self, len: usize) {
        self.log.truncate(len);
    }

    /// Notes a denial.
    pub fn push(&mut self, denial: Denial) {
        self.log.push(denial);
    }

    /// All of them.
    #[must_use]
    pub fn all(&self) -> &[Denial] {
        &self.log
    }

    /// Whether a content that came about in a life up to cut `cut` was denied after it.
    #[inline]
    #[must_use]
    pub fn since(&self, arena: &Arena, lba: u64, cut: u32, content: ContentId) -> bool {
        self.log.iter().any(|denial| {
            denial.lba == lba && denial.cut >= cut && arena.same(denial.content, content)
        })
    }

    /// The contents that were denied a sector right after cut `cut`: for who asks of many.
    #[must_use]
    pub fn of(&self, lba: u64, cut: u32) -> SmallVec<[ContentId; 8]> {
        let denials = self.log.iter().filter(|denial| denial.lba == lba && denial.cut == cut);
        denials.map(|denial| denial.content).collect()
    }

    /// Whether a content was denied right after cut `cut`.
    #[inline]
    #[must_use]
    pub fn after(&self, arena: &Arena, lba: u64, cut: u32, content: ContentId) -> bool {
        self.log.iter().any(|denial| {
            denial.lba == lba && denial.cut == cut && arena.same(denial.content, content)
        })
    }
}
