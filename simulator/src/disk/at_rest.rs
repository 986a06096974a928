//! Damage at rest, bit by bit: the answers of who reads a sector. Who asks less is told less (`rested.rs`).
//!
//! Method. Two kinds are laid over the options of a sector: one bit flipped, and unreadable. Flips
//! are numbered and not listed, for there are as many as the sector has bits; only those that read
//! as another option, or as a flip of another option, are struck from the numbers. Whatever reads
//! the same is one answer with all its explanations: an unreadable sector is torn, or lost at
//! rest, and which of the two is left open until another read tells.
//!
//! Invariant: no two answers read the same, and no explanation is forgotten.

use super::arena::{Arena, ContentId};
use super::flips::differing;
use super::undecided::Content;
use super::worlds::{Budget, Latent, Range, Why, World, Worlds, narrow};

/// An answer, taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pick {
    /// One of the options as they are.
    Whole(usize),
    /// Unreadable at rest, and by nothing else.
    Lost,
    /// A flipped bit over one of the options.
    Flip(usize, u32),
}

/// Damage at rest on top of a sector's options.
#[derive(Debug, Default)]
pub struct AtRest {
    /// Whether a latent error is an answer of its own.
    may_lose: bool,
    bits: u32,
    /// Options that may have a bit flipped, with the explanations of that.
    flippable: Vec<(usize, Why)>,
    /// Flips (by number) that read as something else already, ascending.
    struck: Vec<u32>,
}

impl AtRest {
    /// Lays damage at rest after `cut` over `options`, which gain explanations by it.
    pub fn new(
        arena: &Arena,
        worlds: &Worlds,
        budget: Budget,
        (cut, lba): (u32, u64),
        options: &mut [Content],
    ) -> AtRest {
        let mut rest = AtRest::default();
        if budget.flips > 0 {
            rest.add_flips(arena, worlds, budget, Latent::Flip { cut, lba }, options);
        }
        let lost = World::from_iter([(Latent::Lost { cut, lba }, Range::of(1, 1))]);
        if budget.lost > 0 && worlds.admit(std::slice::from_ref(&lost), budget) {
            match options.iter_mut().find(|o| o.content == ContentId::UNREADABLE) {
                Some(unreadable) => unreadable.why.push(lost),
                None => rest.may_lose = true,
            }
        }
        rest
    }

    fn add_flips(
        &mut self,
        arena: &Arena,
        worlds: &Worlds,
        budget: Budget,
        flip: Latent,
        options: &mut [Content],
    ) {
        for (i, option) in options.iter().enumerate() {
            if option.content == ContentId::UNREADABLE {
                continue;
            }
            self.bits = arena.get(option.content).len() as u32 * 8;
            let mut why = option.why.clone();
            why.retain_mut(|why| {
                narrow(why, flip, Range::of(1, 1))
                    && worlds.admit(std::slice::from_ref(why), budget)
            });
            if !why.is_empty() {
                self.flippable.push((i, why));
            }
        }
        for (at, (i, why)) in self.flippable.iter().enumerate() {
            let from = arena.get(options[*i].content);
            let number = |bit: u32| at as u32 * self.bits + bit;
            for (j, other) in options.iter_mut().enumerate() {
                if other.content == ContentId::UNREADABLE {
                    continue;
                }
                let earlier = self.flippable[..at].iter().any(|&(k, _)| k == j);
                match differing_bits(from, arena.get(other.content))[..] {
                    [bit] => {
                        self.struck.push(number(bit));
                        other.why.extend(why.iter().cloned());
                    }
                    // Either flip of the one is a flip of the other.
                    [a, b] if earlier => self.struck.extend([number(a), number(b)]),
                    _ => {}
                }
            }
        }
        self.struck.sort_unstable();
        self.struck.dedup();
    }

    /// How many answers there are beyond the options.
    #[must_use]
    pub fn answers(&self) -> u32 {
        let flips = self.bits * self.flippable.len() as u32 - self.struck.len() as u32;
        u32::from(self.may_lose) + flips
    }

    /// What answer `answer` is, with so many options.
    #[must_use]
    pub fn split(&self, answer: u32, options: u32) -> Pick {
        match answer.checked_sub(options) {
            None => Pick::Whole(answer as usize),
            Some(0) if self.may_lose => Pick::Lost,
            Some(rest) => {
                let mut number = rest - u32::from(self.may_lose);
                for &struck in &self.struck {
                    number += u32::from(struck <= number);
                }
                let (option, _) = self.flippable[(number / self.bits) as usize];
                Pick::Flip(option, number % self.bits)
            }
        }
    }

    /// Everything that explains the content `flipped`, the number `flipped` being a flip's.
    #[must_use]
    pub fn why_flipped(&self, arena: &Arena, flipped: ContentId, options: &[Content]) -> Why {
        let flipped = arena.get(flipped);
        let one_away = |i: usize| differing_bits(arena.get(options[i].content), flipped).len() == 1;
        let explain = self.flippable.iter().filter(|(i, _)| one_away(*i));
        explain.flat_map(|(_, why)| why.iter().cloned()).collect()
    }
}

/// The bits in which two contents differ; at most three of them.
fn differing_bits(a: &[u8], b: &[u8]) -> Vec<u32> {
    differing(a, b).take(3).collect()
}
