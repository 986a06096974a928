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

use std::sync::Arc;

use smallvec::SmallVec;

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
    /// Whether a sector held something else, 1, than the class that a clause speaks of, 0.
    Held {
        /// After which cut.
        cut: u32,
        /// The sector.
        lba: u64,
    },
}

/// The values a latent may have: a set, as runs of numbers.
///
/// A command that stops from either end has two kinds of values: sectors persisted from the front, and
/// sectors missing at the front. The second kind is kept behind the first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Range(Runs);

/// Runs with their ends, ascending, with gaps between them. One run is always `One`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Runs {
    One((u32, u32)),
    Many(Arc<[(u32, u32)]>),
}

/// Where the values of the second kind begin: no command has so many sectors.
const BACK: u32 = 1 << 31;

impl Range {
    /// One run, ends included.
    #[must_use]
    pub const fn of(lo: u32, hi: u32) -> Range {
        Range(Runs::One((lo, hi)))
    }

    /// Values of the first kind and of the second; either run may be empty, its end before its beginning.
    ///
    /// # Panics
    /// When both are.
    #[must_use]
    pub fn two(front: (u32, u32), back: (u32, u32)) -> Range {
        let back = (back.0 + BACK, back.1 + BACK);
        let runs = [front, back].into_iter().filter(|run| run.0 <= run.1).collect();
        Range::from_runs(runs).expect("a command stops somewhere")
    }

    /// From runs that are in order and have gaps between them; none of no runs.
    fn from_runs(runs: Vec<(u32, u32)>) -> Option<Range> {
        match runs[..] {
            [] => None,
            [run] => Some(Range(Runs::One(run))),
            _ => Some(Range(Runs::Many(runs.into()))),
        }
    }

    fn runs(&self) -> &[(u32, u32)] {
        match &self.0 {
            Runs::One(run) => std::slice::from_ref(run),
            Runs::Many(runs) => runs,
        }
    }

    /// The values in both.
    fn meet(&self, other: &Range) -> Option<Range> {
        if let (Runs::One(a), Runs::One(b)) = (&self.0, &other.0) {
            let both = (a.0.max(b.0), a.1.min(b.1));
            return (both.0 <= both.1).then_some(Range(Runs::One(both)));
        }
        let (mut met, a, b) = (Vec::new(), self.runs(), other.runs());
        let (mut i, mut j) = (0, 0);
        while i < a.len() && j < b.len() {
            let both = (a[i].0.max(b[j].0), a[i].1.min(b[j].1));
            if both.0 <= both.1 {
                met.push(both);
            }
            if a[i].1 < b[j].1 {
                i += 1;
            } else {
                j += 1;
            }
        }
        Range::from_runs(met)
    }

    /// The values in either.
    fn join(&self, other: &Range) -> Range {
        let mut runs: Vec<(u32, u32)> = [self.runs(), other.runs()].concat();
        runs.sort_unstable();
        let mut joined: Vec<(u32, u32)> = Vec::with_capacity(runs.len());
        for run in runs {
            match joined.last_mut() {
                Some(last) if run.0 <= last.1.saturating_add(1) => last.1 = last.1.max(run.1),
                _ => joined.push(run),
            }
        }
        Range::from_runs(joined).expect("neither is empty")
    }
}

/// A box: ranges of latents, sorted by latent. Most speak of one or two.
pub type World = SmallVec<[(Latent, Range); 2]>;

/// What explains something: any one of these boxes. Mostly it is one.
pub type Why = SmallVec<[World; 1]>;

/// Boxes under way, each with its sketch.
pub type Boxes = SmallVec<[(u64, World); 2]>;

/// Bytes of a box.
#[must_use]
pub fn bytes_of(world: &World) -> u64 {
    (size_of::<World>() + size_of_val(&world[..])) as u64
}

/// Adds to a box that `latent` lies in `range`. False when the box becomes empty.
#[must_use]
pub fn narrow(world: &mut World, latent: Latent, range: Range) -> bool {
    match world.binary_search_by_key(&latent, |&(l, _)| l) {
        Ok(at) => match world[at].1.meet(&range) {
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
    outer.iter().all(|(latent, range)| {
        inner
            .binary_search_by_key(latent, |&(l, _)| l)
            .is_ok_and(|at| inner[at].1.meet(range).as_ref() == Some(&inner[at].1))
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
            Latent::Held { cut, lba } => (8, cut, lba),
        };
        let mixed = (place << 16 ^ u64::from(cut) << 3 ^ kind).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        1u64 << (mixed >> 58)
    };
    world.iter().fold(0, |bits, (latent, _)| bits | bit(*latent))
}

/// Adds a box to a list, of which none lies within another and no two differ in one latent alone: those
/// are one box, in which this latent has the values of both. Without this a content with many
/// explanations, read a few times, makes as many boxes as all combinations of them.
pub fn absorb(boxes: &mut Boxes, mut new: World) {
    let bits = sketch(&new);
    loop {
        if boxes.iter().any(|(old_bits, old)| old_bits & !bits == 0 && within(&new, old)) {
            return;
        }
        boxes.retain(|(old_bits, old)| bits & !*old_bits != 0 || !within(old, &new));
        let beside = |(old_bits, old): &(u64, World)| match *old_bits == bits {
            true => apart(old, &new),
            false => None,
        };
        let found = (0..boxes.len()).find_map(|i| Some((i, beside(&boxes[i])?)));
        let Some((i, latent)) = found else {
            boxes.push((bits, new));
            return;
        };
        let (_, old) = boxes.swap_remove(i);
        new[latent].1 = new[latent].1.join(&old[latent].1);
    }
}

/// The one latent in which two boxes differ, by its place, if it is one and they say something of the
/// same ones.
fn apart(a: &World, b: &World) -> Option<usize> {
    if a.len() != b.len() {
        return None;
    }
    let mut apart = None;
    for (at, (a, b)) in a.iter().zip(b).enumerate() {
        if a.0 != b.0 || (a.1 != b.1 && apart.is_some()) {
            return None;
        }
        if a.1 != b.1 {
            apart = Some(at);
        }
    }
    apart
}

/// The same explanations in as few boxes as that makes of them, in order.
#[must_use]
pub fn merged(why: Why) -> Why {
    if why.len() < 2 {
        return why;
    }
    let mut boxes = Boxes::with_capacity(why.len());
    why.into_iter().for_each(|world| absorb(&mut boxes, world));
    let mut merged: Why = boxes.into_iter().map(|(_, world)| world).collect();
    merged.sort_unstable();
    merged
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

#[cfg(test)]
mod tests {
    use smallvec::smallvec;

    use super::*;

    const A: Latent = Latent::Stop { command: 1 };
    const B: Latent = Latent::Stop { command: 2 };

    fn set(runs: &[(u32, u32)]) -> Range {
        Range::from_runs(runs.to_vec()).unwrap()
    }

    #[test]
    fn sets_meet_and_join_as_sets_do() {
        // Every pair of sets of the numbers 0 to 5, against bit masks.
        let of = |mask: u32| {
            let values = (0..6).filter(|i| mask >> i & 1 == 1).map(|i| Range::of(i, i));
            values.reduce(|a, b| a.join(&b))
        };
        for a in 1..64 {
            for b in 1..64 {
                let (x, y) = (of(a).unwrap(), of(b).unwrap());
                assert_eq!(x.meet(&y), of(a & b), "{a:b} {b:b}");
                assert_eq!(Some(x.join(&y)), of(a | b), "{a:b} {b:b}");
            }
        }
        assert_eq!(set(&[(0, 2)]).join(&Range::of(3, 4)), Range::of(0, 4), "no gap, one run");
    }

    #[test]
    fn boxes_that_differ_in_one_latent_are_one_box() {
        let world =
            |a: u32, b: u32| -> World { smallvec![(A, Range::of(a, a)), (B, Range::of(b, b))] };
        let why: Why = smallvec![world(1, 1), world(3, 1), world(1, 2), world(3, 2), world(5, 9)];
        let whole: World = smallvec![(A, set(&[(1, 1), (3, 3)])), (B, Range::of(1, 2))];
        assert_eq!(merged(why)[..], [world(5, 9), whole]);
        // One that says nothing of a latent covers those that do.
        assert_eq!(
            merged(smallvec![world(1, 1), smallvec![(B, Range::of(1, 1))]])[..],
            [World::from_iter([(B, Range::of(1, 1))])]
        );
        // In two latents apart: both corners are missing, so it is no box.
        assert_eq!(merged(smallvec![world(1, 1), world(2, 2)]).len(), 2);
    }
}
