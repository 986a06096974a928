//! Asking what became of sectors at rest, before anything else is asked of them.
//!
//! The one idea: a sector that is lost at rest is lost whatever it holds, and one in which a bit flipped is
//! hardly ever of use, so which sectors are damaged has little to do with what a checksum or a test tells. It is
//! asked sector by sector: a range of n has n answers more for each kind of damage, and of what is left only
//! the contents differ. That a bit flipped is one answer for each content that it may have flipped in; which
//! bit it was is asked when it matters, and as far as it does (`flipped.rs`).
//!
//! A sector that cannot be read may be torn, or lost at rest; which of the two stays open, as when it is read.
//! And it is decided there and then: what was once lost is lost in all later lives, so it is not left among
//! other contents that fail a test as well. What flipped in an earlier life is told apart here, too: a sector
//! is then open between contents of which all bytes are known.
//!
//! Invariant: who asked of a sector here finds no answer to a later question in the same life that says it
//! cannot be read, or that a bit flipped.
//!
//! What it is not: a way of reading. Who reads every sector is told bit by bit (`at_rest.rs`).

use std::num::NonZeroU32;
use std::sync::Arc;

use journal_core::DeviceError;

use super::super::arena::ContentId;
use super::super::denied::Denial;
use super::super::flips::{self, Bits};
use super::super::rested::{Flipped, Rested};
use super::super::trace::NONE;
use super::super::undecided::{Content, Listed};
use super::super::worlds::Why;
use super::Live;
use super::flipped::all_images;
use crate::choose::{Label, What};

/// What became of a sector at rest.
#[derive(Clone, Copy)]
enum Became {
    /// It is one of those that the cut may have left there.
    Held,
    /// Bits flipped, as this entry says.
    Flipped(usize),
    Lost,
}

impl Live<'_> {
    /// Whether sectors may be damaged at rest at all.
    #[inline]
    pub(super) fn rests(&self) -> bool {
        let budget = self.disk.rules.budget;
        budget.lost > 0 || budget.flips > 0
    }

    /// Whether sectors may be damaged at rest, and clauses may say so: then no life comes behind this one, in which
    /// what was damaged would be seen.
    #[inline]
    pub(super) fn rests_unseen(&self) -> bool {
        self.rests() && self.disk.clauses.allowed
    }

    /// Whether all of these sectors can be read, as far as that is in doubt for damage at rest: elsewhere it is
    /// said that they can. Ends with the first that cannot. Says of each, too, whether bits of it flipped.
    pub(super) fn none_is_lost(
        &mut self,
        lbas: impl IntoIterator<Item = u64>,
    ) -> Result<bool, DeviceError> {
        if !self.rests() {
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
    pub(super) fn is_lost(&mut self, lba: u64) -> Result<bool, DeviceError> {
        if self.was_asked(lba) {
            return Ok(false);
        }
        let rested = self.disk.rested(lba);
        let mut answers = self.became(lba, &rested);
        let count = NonZeroU32::new(answers.len() as u32).expect("some image explains it all");
        let mut answer = 0;
        if count.get() > 1 {
            if self.went_before() {
                return Err(DeviceError::PowerCut);
            }
            let what = What::Class { cut: self.disk.cuts(), lba };
            self.disk.traffic.decided += 1;
            answer = self.chooser.choose(what, count, &Label::Index) as usize;
        }
        let (became, why) = answers.swap_remove(answer);
        if count.get() > 1 {
            self.explain(lba, why);
        }
        let now = self.disk.trace.life_start;
        match became {
            Became::Held => self.is_as_left(lba, &rested, count.get() > 1),
            Became::Flipped(entry) => {
                let entry = &rested.flipped[entry];
                let trace = &mut self.disk.trace;
                let content = trace.arena.flip(entry.over, entry.ways.clone());
                trace.put(lba, content, NONE, now);
            }
            Became::Lost => self.disk.trace.put(lba, ContentId::UNREADABLE, NONE, now),
        }
        Ok(matches!(became, Became::Lost))
    }

    /// Whether it makes no difference to a test of these bytes what became of an open sector at rest, of which
    /// nothing was asked yet: nothing that it may read as passes. In lives before the last one it does: what was
    /// damaged in them stays so, and the next life may damage as much again.
    pub(super) fn none_may_pass(
        &mut self,
        lba: u64,
        covered: (usize, usize),
        test: &dyn Fn(&[u8]) -> bool,
    ) -> bool {
        if !self.rests_unseen() || self.certain(lba).is_some() || self.was_asked(lba) {
            return false;
        }
        let rested = self.disk.rested(lba);
        let arena = &self.disk.trace.arena;
        let of_covered = Bits::of_bytes(arena.bits(), &[covered]);
        let fails = |bytes: &[u8]| !test(&bytes[covered.0..covered.1]);
        let flipped_fails = |flipped: &Flipped| {
            let mut bytes = arena.get(flipped.over).to_vec();
            let (outside, inside) = flips::split(&flipped.ways, &of_covered);
            (outside.is_empty() || fails(&bytes))
                && inside.iter().all(|way| all_images(way, &of_covered, &mut bytes, &fails))
        };
        rested.held.whole.iter().all(|held| fails(arena.get(held.content)))
            && rested.flipped.iter().all(flipped_fails)
    }

    /// Whether it was asked what became of an open sector.
    pub(super) fn was_asked(&self, lba: u64) -> bool {
        // That a sector can be read is not all that there is to ask where bits flip.
        let last = match self.disk.rules.budget.flips {
            0 => ContentId::UNREADABLE,
            _ => ContentId::FLIPPED,
        };
        self.is_denied(lba, last) || self.flipped(lba).is_some()
    }

    pub(super) fn is_denied(&self, lba: u64, content: ContentId) -> bool {
        self.disk.denied.after(&self.disk.trace.arena, lba, self.disk.cuts(), content)
    }

    /// What may have become of a sector, given what is known, the likeliest first, each with why.
    fn became(&self, lba: u64, rested: &Rested) -> Vec<(Became, Why)> {
        let demands = self.disk.demands();
        let admitted = |content, why: &Why| -> Why {
            let mut why = why.clone();
            why.retain(|why| demands.admits(lba, content, why));
            if self.is_denied(lba, content) { Why::new() } else { why }
        };
        let held = rested.held.whole.iter();
        let held = held.flat_map(|held| admitted(held.content, &held.why)).collect();
        let flipped = rested.flipped.iter().enumerate();
        let flipped =
            flipped.map(|(at, of)| (Became::Flipped(at), admitted(ContentId::FLIPPED, &of.why)));
        let lost = (Became::Lost, admitted(ContentId::UNREADABLE, &rested.unreadable));
        let all = std::iter::once((Became::Held, held)).chain(flipped).chain([lost]);
        all.filter(|(_, why)| !why.is_empty()).collect()
    }

    /// Notes that a sector can be read and that nothing flipped which reads otherwise, if that is news.
    fn is_as_left(&mut self, lba: u64, rested: &Rested, is_news: bool) {
        let (cut, listed) = (self.disk.cuts(), self.disk.listed(lba));
        let disk = &mut *self.disk;
        if is_news {
            let flipped = (!rested.flipped.is_empty()).then_some(ContentId::FLIPPED);
            let lost = (!rested.unreadable.is_empty()).then_some(ContentId::UNREADABLE);
            let earlier = listed.whole.iter().chain(&listed.damaged).map(|option| option.content);
            let earlier = earlier.filter(|content| disk.trace.arena.ways(*content).is_some());
            let contents: Vec<ContentId> = flipped.into_iter().chain(lost).chain(earlier).collect();
            contents.iter().for_each(|&content| disk.denied.push(Denial { lba, cut, content }));
        }
        let (worlds, budget) = (&disk.worlds, disk.rules.budget);
        let possible = |held: &&Content| worlds.admit(&held.why, budget);
        let mut held = rested.held.whole.iter().filter(possible).map(|held| held.content);
        if let (Some(only), None) = (held.next(), held.next()) {
            let now = disk.trace.life_start;
            disk.trace.put(lba, only, NONE, now);
        }
    }

    /// What an open sector may hold of which it was asked what became of it at rest.
    pub(super) fn listing(&mut self, lba: u64) -> Arc<Listed> {
        match self.rests() && self.disk.asks_classes {
            true => Arc::clone(&self.disk.rested(lba).held),
            false => self.disk.listed(lba),
        }
    }
}
