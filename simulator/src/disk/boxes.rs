//! Boxes: what one explanation says about the hidden facts.
//!
//! The one idea: sectors are coupled only through a few hidden facts, the *latents*: how far the
//! cache had drained at a cut, where a command stopped, which version of a page was written back,
//! which command struck which domain. One explanation of a content is a box: for each latent that it
//! says anything of, the values that the latent may have.
//!
//! Invariant: a box that is kept has at least one real assignment of the latents (given the drain
//! the commands are independent of each other, see the meaning in `contract.rs`).
//!
//! What it is not: the state of knowledge. That takes several boxes (`worlds.rs`).

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
    /// A sector rolled back at a cut.
    Rollback {
        /// Which cut.
        cut: u32,
        /// The sector.
        lba: u64,
    },
    /// Whether a stable command never reached the medium, 1, or did, 0.
    Absent {
        /// At which cut.
        cut: u32,
        /// Which command.
        command: u32,
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
#[must_use]
pub fn within(inner: &World, outer: &World) -> bool {
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
            Latent::Rollback { cut, lba } => (6, cut, lba),
            Latent::Absent { cut, command } => (7, cut, u64::from(command)),
        };
        let mixed = (place << 16 ^ u64::from(cut) << 3 ^ kind).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        1u64 << (mixed >> 58)
    };
    world.iter().fold(0, |bits, &(latent, _)| bits | bit(latent))
}

/// Adds a box to a list, of which none lies within another: without this a content with many
/// explanations, read a few times, makes as many boxes as all combinations of them.
pub fn absorb(boxes: &mut Vec<(u64, World)>, new: World) {
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
    /// Sectors rolled back.
    pub rollbacks: u32,
    /// Stable commands that never reached the medium.
    pub absent: u32,
}

impl Budget {
    /// Whether no cut of this world has more events than it may.
    pub fn covers(&self, world: &World) -> bool {
        // Latents of one kind are neighbours in the sorted box, cut by cut.
        let mut run = (0u8, 0u32, 0u32);
        for (latent, range) in world {
            let (kind, cut, most) = match *latent {
                Latent::Strike { cut, .. } => (1, cut, self.strikes),
                Latent::Flip { cut, .. } => (2, cut, self.flips),
                Latent::Lost { cut, .. } => (3, cut, self.lost),
                Latent::Rollback { cut, .. } => (4, cut, self.rollbacks),
                Latent::Absent { cut, .. } if *range == Range::of(1, 1) => (5, cut, self.absent),
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
