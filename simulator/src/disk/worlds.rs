//! Worlds: which hidden facts are still possible, given all that was read so far.
//!
//! The one idea: sectors are coupled only through a few hidden facts, the *latents*: how far the
//! cache had drained at a cut, where a command stopped, which version of a page was written back,
//! which command struck which domain. Reading a sector says something about some of them. A world
//! is a box: for each latent that anything is known of, the values it may still have; the state of
//! knowledge is a list of boxes, for a content that has several explanations leaves several.
//!
//! Invariant: a box that is kept has at least one real assignment of the latents (given the drain
//! the commands are independent of each other, see the meaning in `contract.rs`), so an answer is
//! offered if and only if some power cut explains it together with all answers before.
//!
//! What it is not: a list of images. Boxes grow with the sectors read and not with their product.

/// A hidden fact.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Latent {
    /// How far the cache had drained at a cut: all write calls below it are on the medium.
    Drain {
        /// Which cut.
        cut: u32,
    },
    /// Where a command stopped.
    Stop {
        /// Which command.
        command: u32,
    },
    /// Which version of a cache page was on the medium at a cut: the number of its last write.
    Page {
        /// Which cut.
        cut: u32,
        /// First sector of the page.
        lba: u64,
    },
    /// Which command struck a damage domain at a cut.
    Strike {
        /// Which cut.
        cut: u32,
        /// First sector of the domain.
        lba: u64,
    },
    /// A bit flipped at rest in this sector.
    Flip {
        /// After which cut.
        cut: u32,
        /// The sector.
        lba: u64,
    },
    /// A latent error in this sector.
    Lost {
        /// After which cut.
        cut: u32,
        /// The sector.
        lba: u64,
    },
}

/// The values a latent may have: one range, or for a command that stops from either end, two
/// (sectors persisted from the front; sectors missing at the front).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Range {
    /// The first range, ends included; empty when `front.0 > front.1`.
    pub front: (u32, u32),
    /// The second range.
    pub back: (u32, u32),
}

const EMPTY: (u32, u32) = (1, 0);

impl Range {
    /// One range, ends included.
    #[must_use]
    pub const fn of(lo: u32, hi: u32) -> Range {
        Range { front: (lo, hi), back: EMPTY }
    }

    /// Two ranges.
    #[must_use]
    pub const fn two(front: (u32, u32), back: (u32, u32)) -> Range {
        Range { front, back }
    }

    fn meet(self, other: Range) -> Option<Range> {
        let meet = |a: (u32, u32), b: (u32, u32)| {
            let both = (a.0.max(b.0), a.1.min(b.1));
            if both.0 > both.1 { EMPTY } else { both }
        };
        let met = Range { front: meet(self.front, other.front), back: meet(self.back, other.back) };
        (met.front != EMPTY || met.back != EMPTY).then_some(met)
    }
}

/// A box: ranges of latents, sorted by latent.
pub type World = Vec<(Latent, Range)>;

/// Adds to a box that `latent` lies in `range`. False when the box becomes empty.
#[must_use]
pub fn narrow(world: &mut World, latent: Latent, range: Range) -> bool {
    match world.binary_search_by_key(&latent, |&(l, _)| l) {
        Ok(at) => match world[at].1.meet(range) {
            Some(met) => {
                world[at].1 = met;
                true
            }
            None => false,
        },
        Err(at) => {
            world.insert(at, (latent, range));
            true
        }
    }
}

/// Whether every assignment in `inner` also lies in `outer`.
fn within(inner: &World, outer: &World) -> bool {
    outer.iter().all(|&(latent, range)| {
        inner
            .binary_search_by_key(&latent, |&(l, _)| l)
            .is_ok_and(|at| inner[at].1.meet(range) == Some(inner[at].1))
    })
}

/// A sketch of the latents that a box says something about: a bit for each, some share one. A box
/// can lie within another only if the sketch of the other is part of its own; among thousands of
/// boxes that answers nearly all such questions.
fn sketch(world: &World) -> u64 {
    let bit = |latent: Latent| {
        let (kind, cut, place) = match latent {
            Latent::Drain { cut } => (0, cut, 0),
            Latent::Stop { command } => (1, 0, u64::from(command)),
            Latent::Page { cut, lba } => (2, cut, lba),
            Latent::Strike { cut, lba } => (3, cut, lba),
            Latent::Flip { cut, lba } => (4, cut, lba),
            Latent::Lost { cut, lba } => (5, cut, lba),
        };
        let mixed = (place << 16 ^ u64::from(cut) << 3 ^ kind).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        1u64 << (mixed >> 58)
    };
    world.iter().fold(0, |bits, &(latent, _)| bits | bit(latent))
}

/// Adds a box to a list, of which none lies within another: without this a content with many
/// explanations, read a few times, makes as many boxes as all combinations of them.
fn absorb(boxes: &mut Vec<(u64, World)>, new: World) {
    let bits = sketch(&new);
    if boxes.iter().any(|(old_bits, old)| old_bits & !bits == 0 && within(&new, old)) {
        return;
    }
    boxes.retain(|(old_bits, old)| bits & !old_bits != 0 || !within(old, &new));
    boxes.push((bits, new));
}

/// How many events of each kind one cut may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Struck domains.
    pub strikes: u32,
    /// Flipped sectors.
    pub flips: u32,
    /// Latent errors.
    pub lost: u32,
}

impl Budget {
    /// Whether no cut of this world has more events than it may.
    fn covers(&self, world: &World) -> bool {
        // Latents of one kind are neighbours in the sorted box, cut by cut.
        let mut run = (0u8, 0u32, 0u32);
        for (latent, _) in world {
            let (kind, cut, most) = match *latent {
                Latent::Strike { cut, .. } => (1, cut, self.strikes),
                Latent::Flip { cut, .. } => (2, cut, self.flips),
                Latent::Lost { cut, .. } => (3, cut, self.lost),
                _ => continue,
            };
            run =
                if (run.0, run.1) == (kind, cut) { (kind, cut, run.2 + 1) } else { (kind, cut, 1) };
            if run.2 > most {
                return false;
            }
        }
        true
    }
}

/// The state of knowledge: the boxes that are still possible. Never empty.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Worlds {
    boxes: Vec<World>,
}

impl Default for Worlds {
    fn default() -> Self {
        Worlds { boxes: vec![World::new()] }
    }
}

impl Worlds {
    /// The worlds in which one of `explanations` also holds; none if that is impossible.
    #[must_use]
    pub fn and(&self, explanations: &[World], budget: Budget) -> Option<Worlds> {
        let mut boxes: Vec<(u64, World)> = Vec::new();
        for world in &self.boxes {
            // What is known already adds nothing, and nothing less is needed beside it.
            if explanations.iter().any(|explanation| within(world, explanation)) {
                absorb(&mut boxes, world.clone());
                continue;
            }
            for explanation in explanations {
                let mut both = world.clone();
                let possible = explanation.iter().all(|&(l, r)| narrow(&mut both, l, r));
                if possible && budget.covers(&both) {
                    absorb(&mut boxes, both);
                }
            }
        }
        let boxes: Vec<World> = boxes.into_iter().map(|(_, world)| world).collect();
        (!boxes.is_empty()).then_some(Worlds { boxes })
    }

    /// The same knowledge of the latents that `keep` names, and of how many events each cut had:
    /// what tells one of the others from another is dropped.
    #[must_use]
    pub fn project(&self, keep: impl Fn(&Latent) -> bool) -> Worlds {
        let mut boxes = Vec::with_capacity(self.boxes.len());
        for world in &self.boxes {
            let mut left: World = Vec::with_capacity(world.len());
            let mut dropped = 0;
            for &(latent, range) in world {
                if keep(&latent) {
                    left.push((latent, range));
                } else if let Latent::Strike { cut, .. } = latent {
                    // It counts, wherever it was. No device has so many sectors.
                    dropped += 1;
                    left.push((Latent::Strike { cut, lba: u64::MAX - dropped }, Range::of(1, 1)));
                }
            }
            left.sort_unstable();
            absorb(&mut boxes, left);
        }
        let mut boxes: Vec<World> = boxes.into_iter().map(|(_, world)| world).collect();
        boxes.sort_unstable();
        Worlds { boxes }
    }

    /// How many boxes there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.boxes.len()
    }

    /// Whether one of `explanations` is still possible.
    #[must_use]
    pub fn admit(&self, explanations: &[World], budget: Budget) -> bool {
        // One box will do: the product of `and` is not needed to know that it is not empty.
        let possible = |world: &World, explanation: &World| {
            let mut both = world.clone();
            explanation.iter().all(|&(l, r)| narrow(&mut both, l, r)) && budget.covers(&both)
        };
        let explained = |world| explanations.iter().any(|why| possible(world, why));
        self.boxes.iter().any(explained)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DRAIN: Latent = Latent::Drain { cut: 0 };
    const FREE: Budget = Budget { strikes: u32::MAX, flips: 0, lost: 0 };

    fn strike(lba: u64) -> World {
        vec![(Latent::Strike { cut: 0, lba }, Range::of(1, 1))]
    }

    #[test]
    fn contradicting_facts_are_impossible_together() {
        let worlds = Worlds::default();
        let worlds = worlds.and(&[vec![(DRAIN, Range::of(2, 5))]], FREE).unwrap();
        assert!(worlds.admit(&[vec![(DRAIN, Range::of(5, 9))]], FREE));
        assert!(!worlds.admit(&[vec![(DRAIN, Range::of(6, 9))]], FREE));
    }

    #[test]
    fn a_content_with_two_explanations_keeps_both_open() {
        let worlds = Worlds::default();
        let either = [vec![(DRAIN, Range::of(0, 1))], vec![(DRAIN, Range::of(5, 6))]];
        let worlds = worlds.and(&either, FREE).unwrap();
        assert!(worlds.admit(&[vec![(DRAIN, Range::of(1, 1))]], FREE));
        assert!(!worlds.admit(&[vec![(DRAIN, Range::of(3, 4))]], FREE), "a hole, not an interval");
        assert!(worlds.admit(&[vec![(DRAIN, Range::of(6, 6))]], FREE));
    }

    #[test]
    fn a_box_within_another_is_not_kept() {
        // Found by the fuzzer as a hang: 1. A sector reads as zeros, and any of twenty commands
        // may have struck it. 2. The next reads as zeros too, then the next. 3. All combinations
        // were kept, although "it was never written" already covers them all.
        let plain = World::new();
        let mut why = vec![plain];
        why.extend((0..20).map(strike));
        let worlds = (0..8).fold(Worlds::default(), |worlds, _| worlds.and(&why, FREE).unwrap());
        assert_eq!(worlds, Worlds::default());
        // What is wider is kept, whatever came first.
        let narrow = vec![(DRAIN, Range::of(2, 3))];
        let wide = vec![(DRAIN, Range::of(1, 5))];
        let worlds = Worlds::default().and(&[narrow, wide.clone()], FREE).unwrap();
        assert_eq!(worlds.boxes, [wide]);
    }

    #[test]
    fn the_damage_budget_is_counted_per_cut() {
        let one = Budget { strikes: 1, ..FREE };
        let worlds = Worlds::default().and(&[strike(3)], one).unwrap();
        assert!(worlds.admit(&[strike(3)], one), "the same domain costs once");
        assert!(!worlds.admit(&[strike(4)], one));
        let second_cut = vec![(Latent::Strike { cut: 1, lba: 4 }, Range::of(1, 1))];
        assert!(worlds.admit(&[second_cut], one));
    }

    #[test]
    fn a_command_that_stops_from_either_end_has_two_ranges() {
        let stop = Latent::Stop { command: 7 };
        // Sector 1 of 3 persisted: at least two from the front, or at most one missing there.
        let worlds =
            Worlds::default().and(&[vec![(stop, Range::two((2, 3), (0, 1)))]], FREE).unwrap();
        // Sector 0 lost: only the second way is left.
        let lost_first = vec![(stop, Range::two((0, 0), (1, 3)))];
        let worlds = worlds.and(&[lost_first], FREE).unwrap();
        // Then sector 2 must have persisted.
        assert!(!worlds.admit(&[vec![(stop, Range::two((0, 2), (3, 3)))]], FREE));
    }
}
