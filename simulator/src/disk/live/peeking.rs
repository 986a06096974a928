//! Asking what a part of a sector holds.
//!
//! The one idea: options that agree in the bytes that were asked for are one answer. The sector stays
//! open between them, and who asks for more of it asks on from there: that a line holds the head of an
//! entry is one answer, however many of its stores came behind the head.
//!
//! Invariant: that of `asking.rs`. Asked part by part, a sector has no more answers than asked whole.
//!
//! What it is not: for a life in which nothing is asked in classes; there a sector is decided whole.

use journal_core::DeviceError;

use super::super::arena::ContentId;
use super::Live;
use super::asking::Means;
use crate::choose::Chooser;

impl<C: Chooser> Live<'_, C> {
    /// A content that an open sector may hold, and that agrees with what it holds from one byte to
    /// another.
    pub(super) fn peek_class(
        &mut self,
        lba: u64,
        covered: (usize, usize),
    ) -> Result<ContentId, DeviceError> {
        let part = self.part(lba, vec![covered]);
        let by_clauses = self.disk.part_by_clauses(&part);
        let part = by_clauses.as_ref().unwrap_or(&part);
        let means = |option: usize| {
            let class = part.classes.iter().position(|class| class.contains(&option));
            class.map_or(Means::Unreadable, |class| Means::Class(class as u32))
        };
        match self.question(part, &means)? {
            Means::Class(class) => Ok(part.content(class)),
            _ => Err(self.no_bytes(lba)),
        }
    }
}
