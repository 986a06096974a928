//! Asking whether sectors can be read, where any of them may be lost at rest.
//!
//! The one idea: a sector that is lost at rest is lost whatever it holds, so whether it is has nothing to do
//! with what a checksum or a test tells. It is asked before anything else is, sector by sector: a range of n has
//! n answers more, and of what is left only the contents differ.
//!
//! A sector that cannot be read may be torn, or lost at rest; which of the two stays open, as when it is read.
//! And it is decided there and then: what was once lost is lost in all later lives, so it is not left among
//! other contents that fail a test as well.
//!
//! Invariant: who asked of a sector here finds no answer to a later question in the same life that says it
//! cannot be read.
//!
//! What it is not: for bits that flip. Under a contract that flips any every sector is read.

use journal_core::DeviceError;
use smallvec::smallvec;

use super::super::arena::ContentId;
use super::super::classes::Admitted;
use super::super::trace::NONE;
use super::super::worlds::{Latent, Range, World};
use super::Live;
use super::asking::Means;

impl Live<'_> {
    /// Whether sectors may be lost at rest at all.
    #[inline]
    pub(super) fn loses(&self) -> bool {
        self.disk.rules.budget.lost > 0
    }

    /// Whether all of these sectors can be read, as far as that is in doubt for damage at rest: elsewhere it is
    /// said that they can. Ends with the first that cannot.
    pub(super) fn none_is_lost(
        &mut self,
        lbas: impl IntoIterator<Item = u64>,
    ) -> Result<bool, DeviceError> {
        if !self.loses() {
            return Ok(true);
        }
        for lba in lbas {
            let lost = match self.certain(lba) {
                Some(content) => content == ContentId::UNREADABLE,
                None => self.is_lost(lba)?,
            };
            if lost {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Whether an open sector cannot be read.
    fn is_lost(&mut self, lba: u64) -> Result<bool, DeviceError> {
        let cut = self.disk.cuts() - 1;
        let lost = World::from_iter([(Latent::Lost { cut, lba }, Range::of(1, 1))]);
        // Most hold one content, and there is as much damage at rest as there may be.
        let listed = self.disk.listed(lba);
        let disk = &mut *self.disk;
        if let Some(only) = listed.only()
            && !disk.worlds.admit(std::slice::from_ref(&lost), disk.rules.budget)
        {
            let now = disk.trace.life_start;
            disk.trace.put(lba, only, NONE, now);
            return Ok(only == ContentId::UNREADABLE);
        }
        let mut part = self.part(lba, Vec::new());
        part.options.push(Admitted {
            content: ContentId::UNREADABLE,
            window: self.disk.window(),
            why: smallvec![lost],
        });
        let unreadable = |option: usize| part.options[option].content == ContentId::UNREADABLE;
        let means = |option: usize| match unreadable(option) {
            true => Means::Unreadable,
            false => Means::Other,
        };
        Ok(self.question(&part, &means)? == Means::Unreadable)
    }
}
