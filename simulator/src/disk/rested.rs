//! Rested: what a sector may read as in the life after a cut, with damage at rest laid over what the cut
//! left there, in as few words as there are reasons.
//!
//! The one idea: most flips of a sector have the same reason, and nobody has asked yet which it was. So they are
//! one entry, with its ways (`flips.rs`). Only what reads as another content too has other reasons.
//!
//! Method. Contents that differ in so few bits that flips of both may read the same are looked at together, as
//! ways over one of them. A way that is one of the contents themselves is told with it, with all its reasons;
//! the other ways are put together by theirs.
//!
//! Invariant: no two entries have an image in common, and each has all its reasons. It depends on the cut
//! and on what was known before it, and not on what is read after it.
//!
//! What it is not: the answers of who reads a sector. Those are told bit by bit (`at_rest.rs`).

use std::sync::Arc;

use super::arena::{Arena, ContentId};
use super::denied::Denied;
use super::flips::{self, Over, Way, differing};
use super::undecided::{self, Content, Listed};
use super::worlds::{Budget, Latent, Range, Why, World, Worlds, merged, narrow};
use super::{Disk, trace};

/// Contents that are known but for bits that flipped.
#[derive(Clone, Debug)]
pub struct Flipped {
    /// Over whose bytes.
    pub over: ContentId,
    /// In which ways.
    pub ways: Vec<Way>,
    /// What explains each of them.
    pub why: Why,
}

/// What a sector may read as.
#[derive(Clone, Debug, Default)]
pub struct Rested {
    /// What the cut may have left there, of which the bytes are known.
    pub held: Arc<Listed>,
    /// Why it may be unreadable; empty if it can be read.
    pub unreadable: Why,
    /// All else.
    pub flipped: Vec<Flipped>,
}

impl Rested {
    /// Damage at rest after `cut`, laid over `options`, of which no two are the same.
    pub fn new(
        arena: &Arena,
        budget: Budget,
        (cut, lba): (u32, u64),
        mut options: Vec<Content>,
    ) -> Rested {
        let mut rested = Rested::default();
        options.retain(|option| match option.content {
            ContentId::UNREADABLE => {
                rested.unreadable.extend(option.why.iter().cloned());
                false
            }
            _ => true,
        });
        if budget.lost > 0 {
            rested
                .unreadable
                .push(World::from_iter([(Latent::Lost { cut, lba }, Range::of(1, 1))]));
        }
        rested.unreadable = merged(rested.unreadable);
        let flips = |option: &Content| -> Why {
            let mut why = option.why.clone();
            why.retain_mut(|why| {
                narrow(why, Latent::Flip { cut, lba }, Range::of(1, 1))
                    && Worlds::default().admit(std::slice::from_ref(why), budget)
            });
            why
        };
        let flips: Vec<Why> = options.iter().map(flips).collect();
        let mut held: Vec<Why> = vec![Why::new(); options.len()];
        for near in clusters(arena, &options, &flips) {
            let over = |&(number, ref differs): &(usize, Vec<u32>)| Over {
                differs: differs.clone(),
                ways: arena.ways(options[number].content).map_or(vec![Way::new()], |w| w.to_vec()),
                flips: !flips[number].is_empty(),
            };
            let all: Vec<Over> = near.iter().map(over).collect();
            let first = options[near[0].0].content;
            let mut groups: Vec<Flipped> = Vec::new();
            for (way, by) in flips::joined(arena.bits(), &all) {
                let reasons = by.iter().flat_map(|&(at, flipped)| match flipped {
                    true => flips[near[at].0].iter(),
                    false => options[near[at].0].why.iter(),
                });
                let why = merged(reasons.cloned().collect());
                let plain = |&&(at, flipped): &&(usize, bool)| {
                    !flipped && arena.ways(options[near[at].0].content).is_none()
                };
                if let Some(&(at, _)) = by.iter().find(plain) {
                    held[near[at].0] = why;
                    continue;
                }
                match groups.iter_mut().find(|group| group.why == why) {
                    Some(group) => group.ways.push(way),
                    None => groups.push(Flipped { over: first, ways: vec![way], why }),
                }
            }
            rested.flipped.extend(groups);
        }
        let held = options.into_iter().zip(held).filter(|(_, why)| !why.is_empty());
        let whole = held.map(|(option, why)| Content { why, ..option }).collect();
        rested.held = Arc::new(Listed { whole, damaged: Vec::new() });
        rested
    }

    /// Each content, or so many: how many, what explains it, and what it reads as.
    pub fn entries(&self) -> impl Iterator<Item = (u128, Why, ContentId)> + '_ {
        let held = self.held.whole.iter().map(|held| (1, merged(held.why.clone()), held.content));
        let unreadable = (!self.unreadable.is_empty())
            .then(|| (1, self.unreadable.clone(), ContentId::UNREADABLE));
        let flipped = self.flipped.iter();
        held.chain(unreadable).chain(flipped.map(|flipped| {
            (flips::images_of(&flipped.ways), flipped.why.clone(), ContentId::FLIPPED)
        }))
    }
}

/// Options that flipped bits may make the same, by number, each with the bits in which it differs from the first
/// of them.
fn clusters(arena: &Arena, options: &[Content], flips: &[Why]) -> Vec<Vec<(usize, Vec<u32>)>> {
    let reach = |number: usize| {
        let ways = arena.ways(options[number].content).map_or(&[][..], |ways| ways);
        let most = ways.iter().map(|way| way.iter().map(|(_, n)| n).sum::<u32>()).max();
        most.unwrap_or_default() + u32::from(!flips[number].is_empty())
    };
    let bytes = |number: usize| arena.get(options[number].content);
    let mut cluster: Vec<usize> = (0..options.len()).collect();
    for at in 0..options.len() {
        for other in 0..at {
            let (from, to) = (cluster[at], cluster[other]);
            if from != to && are_near(bytes(at), bytes(other), reach(at) + reach(other)) {
                cluster.iter_mut().filter(|of| **of == from).for_each(|of| *of = to);
            }
        }
    }
    let mut clusters: Vec<Vec<(usize, Vec<u32>)>> = Vec::new();
    for first in 0..options.len() {
        if cluster[..first].contains(&cluster[first]) {
            continue;
        }
        let members = (first..options.len()).filter(|&at| cluster[at] == cluster[first]);
        let differs = |at| differing(bytes(first), bytes(at)).collect();
        clusters.push(members.map(|at| (at, differs(at))).collect());
    }
    clusters
}

fn are_near(a: &[u8], b: &[u8], reach: u32) -> bool {
    differing(a, b).nth(reach as usize).is_none()
}

impl Disk {
    /// [`Disk::rested`], if it was found before.
    pub(super) fn known_rested(&self, lba: u64) -> Option<Arc<Rested>> {
        self.listings.rested(self.trace.cuts.len(), lba).filter(|_| self.visits_all)
    }

    /// What an open sector may read as after the last cut, whatever is read of others.
    pub(super) fn rested(&mut self, lba: u64) -> Arc<Rested> {
        let listed = self.listed(lba);
        if let Some(rested) = self.known_rested(lba) {
            return rested;
        }
        let (nothing, budget) = (Worlds::default(), self.rules.budget);
        let admits = |_, why: &World| nothing.admit(std::slice::from_ref(why), budget);
        let sector = (lba, &*listed);
        let (options, _) = undecided::coupled(&self.trace, &Denied::default(), sector, &admits);
        let at = (self.cuts() - 1, lba);
        let rested = Arc::new(Rested::new(&self.trace.arena, budget, at, options));
        if self.visits_all {
            self.listings.keep_rested(self.trace.cuts.len(), lba, &rested);
        }
        rested
    }
}

/// Adds to what explains the contents of a sector, of which it was asked after a cut whether bits flipped, that a
/// flip made one of another.
pub fn explain_flips(
    trace: &trace::Trace,
    budget: Budget,
    at: (u32, u64),
    (whole, damaged): (&mut [Content], &mut [Content]),
) {
    let arena = &trace.arena;
    let mut options: Vec<Content> = Vec::with_capacity(whole.len() + damaged.len());
    for content in whole.iter().chain(&*damaged) {
        match options.iter_mut().find(|known| arena.same(known.content, content.content)) {
            Some(known) => known.why.extend(content.why.iter().cloned()),
            None => options.push(content.clone()),
        }
    }
    let rested = Rested::new(arena, budget, at, options);
    for content in whole.iter_mut().chain(damaged) {
        let known = rested.held.whole.iter().find(|held| arena.same(held.content, content.content));
        if let Some(known) = known {
            content.why.clone_from(&known.why);
        }
    }
}

#[cfg(test)]
mod tests {
    use smallvec::smallvec;

    use super::*;
    use crate::choose::Label;

    const BUDGET: Budget = Budget { strikes: 0, flips: 1, lost: 0, rollbacks: 0, absent: 0 };

    fn option(content: ContentId, command: u32) -> Content {
        let why = World::from_iter([(Latent::Stop { command }, Range::of(1, 1))]);
        Content { content, label: Label::Old, why: smallvec![why] }
    }

    #[test]
    fn flips_of_contents_that_differ_much_are_one_entry_each_and_of_those_that_differ_little_some_are_shared()
     {
        let mut arena = Arena::new(64);
        let (zeros, bits) = (ContentId::ZEROS, u128::from(arena.bits()));
        let apart = |arena: &mut Arena, bits: &[u32]| {
            arena.derive(zeros, |bytes| {
                bits.iter().for_each(|b| bytes[*b as usize / 8] ^= 1 << (b % 8))
            })
        };
        let mut entries = |differ: &[u32]| {
            let other = apart(&mut arena, differ);
            let options = vec![option(zeros, 0), option(other, 5)];
            let rested = Rested::new(&arena, BUDGET, (0, 3), options);
            let mut entries: Vec<_> = rested.entries().map(|(n, why, _)| (n, why.len())).collect();
            entries.sort_unstable();
            entries
        };
        assert_eq!(entries(&[1, 70, 90]), [(1, 1), (1, 1), (bits, 1), (bits, 1)]);
        // One bit flipped from the one makes the other, and two of them may be flipped in either order.
        assert_eq!(entries(&[5]), [(1, 2), (1, 2), (bits - 1, 1), (bits - 1, 1)]);
        assert_eq!(entries(&[1, 70]), [(1, 1), (1, 1), (2, 2), (bits - 2, 1), (bits - 2, 1)]);
    }

    #[test]
    fn what_flipped_before_may_flip_again_or_back() {
        let mut arena = Arena::new(64);
        let bits = u128::from(arena.bits());
        let all = || vec![Way::from_iter([(flips::Bits::all(512), 1)])];
        let flipped = arena.flip(ContentId::ZEROS, all());
        let rested = Rested::new(&arena, BUDGET, (1, 3), vec![option(flipped, 0)]);
        let entries: Vec<_> = rested.entries().map(|(n, why, _)| (n, why.len())).collect();
        // As it was; and none at all, or two.
        assert_eq!(rested.held.whole.len(), 0);
        assert_eq!(entries.iter().map(|(n, _)| n).sum::<u128>(), bits + 1 + bits * (bits - 1) / 2);
        assert_eq!(entries.len(), 2);
    }
}
