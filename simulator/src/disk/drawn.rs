//! Images drawn evenly, without making one.
//!
//! Method. The sectors that are open after a cut are gone through in order. At each, every content has
//! as its weight the number of images that agree with the contents drawn so far and with it
//! (`count.rs`, backwards); one is drawn by these weights. The product of the shares is one in all
//! images, whichever was drawn.
//!
//! Invariant: every image that the contract allows after the cut, given what was read before, is drawn
//! with the same probability, exactly: weights are whole numbers, and numbers are drawn by rejection.
//!
//! What it is not: for damage at rest, where sectors are damaged that no cut left open.

use std::collections::BTreeMap;

use num_bigint::BigUint;

use super::Disk;
use super::arena::ContentId;
use super::trace::NONE;
use super::undecided;
use super::worlds::{Budget, Latent, Why, Worlds, merged};
use crate::choose::{Label, Rng};

/// The images after a cut, to draw from.
#[derive(Clone, Debug)]
pub struct Drawable {
    sectors: Vec<Open>,
    /// Which latents contents depend on: behind which sector no more.
    needed: BTreeMap<Latent, usize>,
    start: Worlds,
    budget: Budget,
    /// Images of the sectors from one on, by what is known.
    known: BTreeMap<(usize, Worlds), BigUint>,
}

/// A sector that is open: what it may hold.
#[derive(Clone, Debug)]
struct Open {
    lba: u64,
    /// Of each content, what explains it, and every name that it may go by.
    contents: Vec<(Why, Vec<Label>)>,
}

/// What each open sector holds, by every name that this may go by.
pub type Image = BTreeMap<u64, Vec<Label>>;

impl Disk {
    /// The images after the last cut, given what was read before it; `None` where there is damage at
    /// rest. The cut must not be left open.
    pub fn drawable(&mut self) -> Option<Drawable> {
        if self.rules.contract.damages_at_rest() {
            return None;
        }
        let arena = self.trace.arena.len();
        let mut sectors = Vec::new();
        for lba in self.open() {
            let contents = match self.rules.independent {
                true => self.drawable_independent(lba),
                false => self.drawable_coupled(lba),
            };
            // What holds the same in all images says nothing of any.
            if contents.len() > 1 {
                sectors.push(Open { lba, contents });
            }
        }
        self.forget_contents(arena);
        let mut needed = BTreeMap::new();
        for (step, sector) in sectors.iter().enumerate() {
            let why = sector.contents.iter().flat_map(|(why, _)| why).flatten();
            needed.extend(why.map(|(latent, _)| (*latent, step)));
        }
        let start = self.worlds.clone().project(|latent| needed.contains_key(latent));
        Some(Drawable { sectors, needed, start, budget: self.rules.budget, known: BTreeMap::new() })
    }

    fn drawable_independent(&mut self, lba: u64) -> Vec<(Why, Vec<Label>)> {
        let mut candidates = Vec::new();
        undecided::independent(&self.trace, &self.denied, lba, &mut candidates);
        let label = |candidate: &undecided::Candidate| match candidate.command {
            NONE => Label::Old,
            command => Label::Write(command),
        };
        candidates.iter().map(|candidate| (Why::new(), vec![label(candidate)])).collect()
    }

    fn drawable_coupled(&mut self, lba: u64) -> Vec<(Why, Vec<Label>)> {
        let listed = self.listed(lba);
        let mut contents: Vec<(ContentId, Why, Vec<Label>)> = Vec::new();
        let cuts = self.cuts();
        for mut option in listed.whole.iter().chain(&listed.damaged).cloned() {
            if self.denied.after(&self.trace.arena, lba, cuts, option.content) {
                continue;
            }
            let (worlds, budget) = (&self.worlds, self.rules.budget);
            option.why.retain(|why| worlds.admit(std::slice::from_ref(why), budget));
            if option.why.is_empty() {
                continue;
            }
            let same = |known: ContentId| self.trace.arena.same(known, option.content);
            match contents.iter_mut().find(|(known, ..)| same(*known)) {
                Some((_, why, labels)) => {
                    why.append(&mut option.why);
                    labels.push(option.label);
                }
                None => contents.push((option.content, option.why, vec![option.label])),
            }
        }
        contents.into_iter().map(|(_, why, labels)| (merged(why), labels)).collect()
    }
}

impl Drawable {
    /// How many there are.
    pub fn images(&mut self) -> BigUint {
        self.behind(0, &self.start.clone())
    }

    /// Draws one.
    pub fn draw(&mut self, rng: &mut Rng) -> Image {
        let (mut worlds, mut image) = (self.start.clone(), Image::new());
        for step in 0..self.sectors.len() {
            let ways = self.ways(step, &worlds);
            let all = ways.iter().map(|(_, _, images)| images).sum();
            let mut left = rng.below_big(&all);
            for (content, after, images) in ways {
                if left < images {
                    let sector = &self.sectors[step];
                    image.insert(sector.lba, sector.contents[content].1.clone());
                    worlds = after;
                    break;
                }
                left -= images;
            }
        }
        image
    }

    /// The contents that sector `step` may have: what is known then, and the images behind it.
    fn ways(&mut self, step: usize, worlds: &Worlds) -> Vec<(usize, Worlds, BigUint)> {
        let mut ways = Vec::new();
        for content in 0..self.sectors[step].contents.len() {
            let why = &self.sectors[step].contents[content].0;
            // Where sectors are independent of each other nothing needs to be explained.
            let after =
                if why.is_empty() { Some(worlds.clone()) } else { worlds.and(why, self.budget) };
            let Some(after) = after else { continue };
            let needed = |latent: &Latent| self.needed.get(latent).is_some_and(|&last| last > step);
            let after = after.project(needed);
            let images = self.behind(step + 1, &after);
            ways.push((content, after, images));
        }
        ways
    }

    /// How many images the sectors from `step` on have.
    fn behind(&mut self, step: usize, worlds: &Worlds) -> BigUint {
        if step == self.sectors.len() {
            return BigUint::from(1u32);
        }
        let key = (step, worlds.clone());
        if let Some(known) = self.known.get(&key) {
            return known.clone();
        }
        let images: BigUint = self.ways(step, worlds).into_iter().map(|way| way.2).sum();
        self.known.insert(key, images.clone());
        images
    }
}
