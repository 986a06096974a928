//! Asking of several sectors at once what became of them at rest.
//!
//! The one idea: who finds a range damaged mostly does not mind which sector it was. So where clauses are allowed
//! it is asked whether all of them can be read, or whether all are as the cut left them: two answers, where sector
//! by sector (`resting.rs`) each has one for each kind of damage. *No* is kept as a clause (`clauses.rs`).
//!
//! Invariant: that of `asking.rs`.
//!
//! What it is not: for sectors in which bits are known to have flipped, or for lives before the last.

use journal_core::DeviceError;

use super::super::arena::ContentId;
use super::super::classes::{Admitted, Flips, Part};
use super::Live;

/// What is asked of all of some sectors.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Whether {
    CanBeRead,
    /// And no bits of it flipped.
    IsAsLeft,
}

impl Live<'_> {
    /// Whether all of these sectors are so; `None` where it is to be asked sector by sector.
    pub(super) fn are_all(
        &mut self,
        lbas: impl IntoIterator<Item = u64>,
        whether: Whether,
    ) -> Result<Option<bool>, DeviceError> {
        if !self.rests_unseen() {
            return Ok(None);
        }
        let mut parts: Vec<Part> = Vec::new();
        for lba in lbas {
            match (self.certain(lba), self.flipped(lba)) {
                (Some(ContentId::UNREADABLE), _) => return Ok(Some(false)),
                (None, Some(_)) if whether == Whether::IsAsLeft => return Ok(None),
                (None, None) if !self.was_asked(lba) => parts.push(self.part_at_rest(lba)),
                _ => {}
            }
        }
        let passes = |at: usize, option: usize| match parts[at].options[option].content {
            ContentId::UNREADABLE => false,
            ContentId::FLIPPED => whether == Whether::CanBeRead,
            _ => true,
        };
        let parts: Vec<&Part> = parts.iter().collect();
        self.ask_whole(&parts, &passes)
    }

    /// Whether all of these sectors can be read, as far as that is in doubt for damage at rest.
    pub(super) fn can_all_be_read(
        &mut self,
        lbas: impl Iterator<Item = u64> + Clone,
    ) -> Result<bool, DeviceError> {
        if !self.rests_unseen() {
            return self.none_is_lost(lbas);
        }
        let mut doubtful = Vec::new();
        for lba in lbas {
            match self.certain(lba) {
                Some(ContentId::UNREADABLE) => return Ok(false),
                None if !self.was_asked(lba)
                    && !self.is_denied(lba, ContentId::UNREADABLE)
                    && !self.disk.rested(lba).unreadable.is_empty() =>
                {
                    doubtful.push(lba);
                }
                _ => {}
            }
        }
        match self.are_all(doubtful.iter().copied(), Whether::CanBeRead)? {
            Some(answer) => Ok(answer),
            None => self.none_is_lost(doubtful),
        }
    }

    /// What an open sector may be, of which nothing was asked yet.
    fn part_at_rest(&mut self, lba: u64) -> Part {
        let (rested, window) = (self.disk.rested(lba), self.disk.window());
        let option = |content, why| Admitted { why, ..Admitted::of(content, window) };
        let held = rested.held.whole.iter().map(|held| option(held.content, held.why.clone()));
        let flipped = rested.flipped.iter().map(|of| {
            let flips = Flips { ways: of.ways.clone().into(), bit: None, noticed: true };
            Admitted { flipped: Some(flips), ..option(ContentId::FLIPPED, of.why.clone()) }
        });
        let lost = (!rested.unreadable.is_empty())
            .then(|| option(ContentId::UNREADABLE, rested.unreadable.clone()));
        let options = held.chain(flipped).chain(lost).collect();
        let sector = self.disk.geometry.logical_bytes as usize;
        Part::new(&self.disk.trace.arena, (lba, true), options, vec![(0, sector)])
    }
}
