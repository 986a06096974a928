//! Deciding what an undecided sector holds.
//!
//! Method. List what the contract allows there, given all answers so far (`undecided.rs`); ask the
//! chooser, if there is more than one; write the answer down as the newest version of the sector,
//! and what it says of the hidden facts among what is known (`worlds.rs`).
//!
//! Invariant: a question has two answers or more, and each of them is possible.
//!
//! What it is not: a read. It knows nothing of calls, limits and lengths.

use std::num::NonZeroU32;

use journal_core::{DeviceError, Lba};
use smallvec::smallvec;

use super::super::arena::ContentId;
use super::super::at_rest::{AtRest, Pick};
use super::super::flips::flip;
use super::super::trace::NONE;
use super::super::undecided::Listed;
use super::super::worlds::Worlds;
use super::super::worlds::{Latent, Range, Why, World, merged};
use super::Live;
use crate::choose::{Chooser, Label, What, pick};

/// Most boxes of worlds that are kept side by side: where one leaf is wanted, and where all are.
const BOXES_MAX: usize = 512;
pub(super) const BOXES_MAX_OF_ALL: usize = 4096;

impl Live<'_> {
    pub(super) fn decide_independent(&mut self, lba: u64) -> ContentId {
        let disk = &mut *self.disk;
        disk.list_independent(lba);
        let answer = match NonZeroU32::new(disk.options.len() as u32) {
            Some(n) if n.get() > 1 => {
                if self.went_before() {
                    return ContentId::UNREADABLE;
                }
                let disk = &mut *self.disk;
                let what = What::Sector { cut: disk.trace.cuts.len() as u32, lba, whole: n.get() };
                disk.traffic.decided += 1;
                let options = &disk.options;
                let label = |i: u32| match options[i as usize].command {
                    NONE => Label::Old,
                    command => Label::Write(command),
                };
                match disk.agreeing(lba, n.get(), |i| (options[i as usize].content, None)) {
                    None => self.chooser.choose(what, n, &label),
                    Some(agreeing) => one_of(self.chooser, what, &agreeing, &label),
                }
            }
            _ => 0,
        };
        let disk = &mut *self.disk;
        let candidate = disk.options[answer as usize];
        if candidate.window != disk.window() {
            disk.trace.narrow(candidate.window.0, candidate.window.1);
        }
        let now = disk.trace.life_start;
        disk.trace.put(lba, candidate.content, NONE, now);
        candidate.content
    }

    /// Where the cut of this life was left open: asks whether the power went before now, during one
    /// of the calls that were not asked about yet. What is decided from here on has no say in that.
    pub fn went_before(&mut self) -> bool {
        let Some(from) = self.disk.open_from else { return false };
        let now = self.disk.trace.now();
        if now == from || self.disk.dead {
            return self.disk.dead;
        }
        let call = now - 1 - self.disk.trace.life_start;
        let what = What::CutHere { life: self.disk.cuts(), call, left: 0 };
        if pick(self.chooser, what, 2) == 1 {
            self.disk.dead = true;
        } else {
            self.disk.open_from = Some(now);
        }
        self.disk.dead
    }

    /// The error of a sector that has no bytes.
    #[cold]
    pub(super) fn no_bytes(&self, lba: u64) -> DeviceError {
        if self.disk.dead { DeviceError::PowerCut } else { DeviceError::Unreadable(Lba(lba)) }
    }

    /// What a sector with this list holds, if that is certain: then it is written down, and is not looked
    /// for again.
    pub(super) fn settle(&mut self, lba: u64, listed: &Listed) -> Option<ContentId> {
        let disk = &mut *self.disk;
        let only = disk.only_content(listed)?;
        let now = disk.trace.life_start;
        disk.trace.put(lba, only, NONE, now);
        Some(only)
    }

    pub(super) fn decide(&mut self, lba: u64) -> ContentId {
        let mut budget = self.disk.rules.budget;
        if self.disk.asks_classes && self.rests() {
            match self.is_lost(lba) {
                Ok(false) => {}
                _ => return ContentId::UNREADABLE,
            }
            if let Some(content) = self.certain(lba) {
                return content;
            }
            if self.flipped(lba).is_some() {
                return self.which(lba);
            }
            // Who was told that it rested unharmed is told no more of that.
            (budget.flips, budget.lost) = (0, 0);
        }
        let listed = self.listing(lba);
        if let Some(content) = self.settle(lba, &listed) {
            return content;
        }
        let disk = &mut *self.disk;
        let (mut options, whole) = disk.possible(lba, &listed, true);
        let cut = disk.trace.cuts.len() as u32 - 1;
        let rest = AtRest::new(&disk.trace.arena, &disk.worlds, budget, (cut, lba), &mut options);
        let count = options.len() as u32;
        let answers = count + rest.answers();
        assert!(answers > 0, "some image explains what was read so far");
        if answers > 1 && self.went_before() {
            return ContentId::UNREADABLE;
        }
        let disk = &mut *self.disk;
        let label = |i: u32| match rest.split(i, count) {
            Pick::Whole(i) => options[i].label,
            Pick::Lost => Label::Latent,
            Pick::Flip(of, bit) => match options[of].label {
                Label::Write(n) => Label::Flip { of: Some(n), bit },
                Label::Old => Label::Flip { of: None, bit },
                _ => Label::FlipTorn { of: (of - whole) as u32, bit },
            },
        };
        let content = |i: u32| match rest.split(i, count) {
            Pick::Whole(i) => (options[i].content, None),
            Pick::Lost => (ContentId::UNREADABLE, None),
            Pick::Flip(of, bit) => (options[of].content, Some(bit)),
        };
        let answer = match NonZeroU32::new(answers) {
            Some(n) if n.get() > 1 => {
                let what = What::Sector { cut: cut + 1, lba, whole: whole as u32 };
                disk.traffic.decided += 1;
                match disk.agreeing(lba, answers, content) {
                    None => self.chooser.choose(what, n, &label),
                    Some(agreeing) => one_of(self.chooser, what, &agreeing, &label),
                }
            }
            _ => 0,
        };
        let (content, why) = match rest.split(answer, count) {
            Pick::Whole(i) => (options[i].content, options.swap_remove(i).why),
            Pick::Lost => {
                let lost = (Latent::Lost { cut, lba }, Range::of(1, 1));
                (ContentId::UNREADABLE, smallvec![World::from_iter([lost])])
            }
            Pick::Flip(of, bit) => {
                let arena = &mut self.disk.trace.arena;
                let flipped = arena.derive(options[of].content, |bytes| flip(bytes, bit));
                (flipped, rest.why_flipped(arena, flipped, &options))
            }
        };
        self.explain(lba, why);
        let now = self.disk.trace.life_start;
        self.disk.trace.put(lba, content, NONE, now);
        content
    }

    /// One of these boxes holds.
    pub(super) fn explain(&mut self, lba: u64, why: Why) {
        // What says nothing of any latent holds anyway.
        if why.iter().any(World::is_empty) {
            return;
        }
        let mut why = merged(why);
        let budget = self.disk.rules.budget;
        let before = &self.disk.worlds;
        let after = self.known_with(before, &why).unwrap_or_else(|| {
            why.retain(|why| before.admit(std::slice::from_ref(why), budget));
            let what = What::Why { cut: self.disk.trace.cuts.len() as u32, lba };
            let chosen = pick(self.chooser, what, why.len() as u32);
            before.and(&why[chosen as usize..=chosen as usize], budget)
        });
        self.disk.worlds = after.expect("offered answers are possible");
    }
    /// What is known if one of these boxes holds too, which may be impossible; `None` if that has more
    /// explanations than are kept.
    ///
    /// Where contents repeat on many sectors, the boxes multiply. Past a limit it is asked which explanation
    /// holds: every one of them is still visited, only not in one leaf. An image that has several is then told
    /// several times, so a search of all leaves is no proof any more: it goes further before it gives up.
    pub(super) fn known_with(&self, before: &Worlds, why: &Why) -> Option<Option<Worlds>> {
        let most = if self.disk.visits_all { BOXES_MAX_OF_ALL } else { BOXES_MAX };
        if why.len() * before.len() > most * 8 {
            return None;
        }
        let after = before.and(why, self.disk.rules.budget);
        after.as_ref().is_none_or(|worlds| worlds.len() <= most).then_some(after)
    }
}

/// Asks for one of the answers that agree with the facts.
#[cold]
fn one_of(
    chooser: &mut dyn Chooser,
    what: What,
    agreeing: &[u32],
    label: &dyn Fn(u32) -> Label,
) -> u32 {
    let Some(n) = NonZeroU32::new(agreeing.len() as u32) else {
        chooser.nothing_agrees();
        return 0;
    };
    agreeing[chooser.choose(what, n, &|i| label(agreeing[i as usize])) as usize]
}
