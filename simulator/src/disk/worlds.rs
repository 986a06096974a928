//! Worlds: which hidden facts are still possible, given all that was read so far.
//!
//! The one idea: a content that has several explanations leaves several boxes (`boxes.rs`), and any
//! one of them will do. Most of what is read says something about few latents, and what is known of
//! some latents has no bearing on others: so knowledge is kept in *parts* that share no latent. All
//! parts hold at once; of each, one box does. What is certain of a latent, whichever boxes do, is
//! kept once, in a part that is a single box.
//!
//! Without the parts, three explanations for each of eight pages were 6,561 boxes; they are 24.
//!
//! Invariant: an answer is offered if and only if some power cut explains it together with all
//! answers before. Parts share no latent and no budget.
//!
//! What it is not: a list of images. It grows with the sectors read and not with their product.

use std::sync::Arc;

use smallvec::SmallVec;

use super::boxes::{Boxes, absorb, bytes_of, within};
pub use super::boxes::{Budget, Latent, Range, Why, World, merged, narrow};

/// The state of knowledge. Never impossible.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Worlds {
    /// What is certain.
    sure: World,
    /// Of each part, the boxes of which one holds: two at least, sorted; the parts sorted too. Most
    /// questions change one part, and each fork keeps all.
    parts: SmallVec<[Arc<[World]>; 2]>,
}

/// What two boxes may not both say something of without being in one part: a latent, or the budget
/// that it counts against.
fn bond(latent: Latent) -> (u8, u32, u64) {
    match latent {
        Latent::Drain { cut } => (0, cut, 0),
        Latent::Stop { command } => (1, 0, u64::from(command)),
        Latent::Page { cut, lba } => (2, cut, lba),
        Latent::Strike { cut, .. } => (3, cut, 0),
        Latent::Flip { cut, .. } => (4, cut, 0),
        Latent::Lost { cut, .. } => (5, cut, 0),
        Latent::Rollback { cut, .. } => (6, cut, 0),
        Latent::Absent { cut, .. } => (7, cut, 0),
        Latent::Held { cut, lba } => (8, cut, lba),
    }
}

/// The same event at another place, if it is one that is counted.
fn counted(latent: Latent, range: &Range, lba: u64) -> Option<Latent> {
    match latent {
        Latent::Strike { cut, .. } => Some(Latent::Strike { cut, lba }),
        Latent::Flip { cut, .. } => Some(Latent::Flip { cut, lba }),
        Latent::Lost { cut, .. } => Some(Latent::Lost { cut, lba }),
        Latent::Rollback { cut, .. } => Some(Latent::Rollback { cut, lba }),
        Latent::Absent { cut, .. } if *range == Range::of(1, 1) => {
            Some(Latent::Absent { cut, command: lba as u32 })
        }
        _ => None,
    }
}

/// What some boxes say something of, sorted: latents, and budgets.
pub(in crate::disk) type Bonds = SmallVec<[(u8, u32, u64); 4]>;

pub(in crate::disk) fn bonds<'a>(boxes: impl IntoIterator<Item = &'a World>) -> Bonds {
    let mut bonds: Bonds = boxes.into_iter().flatten().map(|(l, _)| bond(*l)).collect();
    bonds.sort_unstable();
    bonds.dedup();
    bonds
}

fn bound(boxes: &[World], bonds: &Bonds) -> bool {
    boxes.iter().flatten().any(|(latent, _)| bonds.binary_search(&bond(*latent)).is_ok())
}

/// Whether they have one in common.
pub(super) fn share(some: &Bonds, others: &Bonds) -> bool {
    some.iter().any(|bond| others.binary_search(bond).is_ok())
}

/// Both boxes at once, if that is possible.
pub(super) fn both(a: &World, b: &World) -> Option<World> {
    let mut both = a.clone();
    b.iter().all(|(latent, range)| narrow(&mut both, *latent, range.clone())).then_some(both)
}

impl Worlds {
    /// The worlds in which one of `explanations` also holds; none if that is impossible.
    #[must_use]
    pub fn and(&self, explanations: &[World], budget: Budget) -> Option<Worlds> {
        // What says nothing of any latent holds anyway.
        if explanations.iter().any(World::is_empty) {
            return Some(self.clone());
        }
        let touched = bonds(explanations);
        // Mostly there is one, and what it is about is certain: then it is certain, too.
        if let [why] = explanations
            && !self.parts.iter().any(|part| bound(part, &touched))
        {
            let sure = both(&self.sure, why).filter(|sure| budget.covers(sure))?;
            return Some(Worlds { sure, parts: self.parts.clone() });
        }
        let mut after = Worlds::default();
        let mut here = World::new();
        for known in &self.sure {
            let is_touched = touched.binary_search(&bond(known.0)).is_ok();
            if is_touched { &mut here } else { &mut after.sure }.push(known.clone());
        }
        // The part that the explanations are about, as boxes.
        let mut part: SmallVec<[World; 2]> = SmallVec::from_iter([here]);
        for other in &self.parts {
            if bound(other, &touched) {
                let pairs = part.iter().flat_map(|a| other.iter().filter_map(|b| both(a, b)));
                part = pairs.collect();
            } else {
                after.parts.push(Arc::clone(other));
            }
        }
        let mut boxes = Boxes::new();
        for world in part {
            // What is known already adds nothing, and nothing less is needed beside it.
            if explanations.iter().any(|explanation| within(&world, explanation)) {
                absorb(&mut boxes, world);
                continue;
            }
            for explanation in explanations {
                if let Some(both) = both(&world, explanation).filter(|both| budget.covers(both)) {
                    absorb(&mut boxes, both);
                }
            }
        }
        if boxes.is_empty() {
            return None;
        }
        after.add(boxes.into_iter().map(|(_, world)| world).collect());
        Some(after)
    }

    /// Adds a part that shares nothing with the others.
    fn add(&mut self, mut boxes: SmallVec<[World; 2]>) {
        let Some(first) = boxes.first().cloned() else { return };
        // What all boxes say alike of a latent that no budget ties to others is certain.
        for (latent, range) in first {
            let tied = matches!(
                latent,
                Latent::Strike { .. }
                    | Latent::Flip { .. }
                    | Latent::Lost { .. }
                    | Latent::Rollback { .. }
                    | Latent::Absent { .. }
            );
            let certain = (latent, range);
            let says = |world: &World| world.binary_search(&certain).is_ok();
            if boxes.len() > 1 && (tied || !boxes.iter().all(says)) {
                continue;
            }
            for world in &mut boxes {
                world.retain(|known| known.0 != latent);
            }
            self.sure.push(certain);
        }
        self.sure.sort_unstable();
        boxes.sort_unstable();
        boxes.dedup();
        if boxes.iter().all(|world| !world.is_empty()) {
            self.parts.push(boxes.into_iter().collect());
        }
        self.parts.sort_unstable();
    }

    /// The same knowledge of the latents that `keep` names, and of how many events each cut had:
    /// what tells one of the others from another is dropped.
    #[must_use]
    pub fn project(self, keep: impl Fn(&Latent) -> bool) -> Worlds {
        self.project_counts(keep, |_| true)
    }

    /// [`Worlds::project`], of the latents of which `needed`, sorted, has all that matter: of events that none of
    /// these counts against the number is dropped, too.
    #[must_use]
    pub fn forget_beside(self, needed: &[Latent]) -> Worlds {
        let mut counts: Bonds = needed.iter().map(|latent| bond(*latent)).collect();
        counts.sort_unstable();
        counts.dedup();
        let is_needed = |latent: &Latent| needed.binary_search(latent).is_ok();
        self.project_counts(is_needed, |latent| counts.binary_search(&bond(*latent)).is_ok())
    }

    fn project_counts(
        self,
        keep: impl Fn(&Latent) -> bool,
        counts: impl Fn(&Latent) -> bool,
    ) -> Worlds {
        let mut all =
            self.sure.iter().chain(self.parts.iter().flat_map(|part| part.iter().flatten()));
        if all.all(|(latent, _)| keep(latent)) {
            return self;
        }
        let project = |world: &World| {
            let mut left = World::new();
            let mut dropped = 0;
            for (latent, range) in world {
                if keep(latent) {
                    left.push((*latent, range.clone()));
                } else if let Some(counted) =
                    counted(*latent, range, u64::MAX - 1 - dropped).filter(&counts)
                {
                    // It counts, wherever it was. No device has so many sectors or commands.
                    dropped += 1;
                    left.push((counted, Range::of(1, 1)));
                }
            }
            left.sort_unstable();
            left
        };
        let mut after = Worlds { sure: project(&self.sure), parts: SmallVec::new() };
        for part in &self.parts {
            if part.iter().flatten().all(|(latent, _)| keep(latent)) {
                after.parts.push(Arc::clone(part));
                continue;
            }
            let mut boxes = Boxes::with_capacity(part.len());
            part.iter().for_each(|world| absorb(&mut boxes, project(world)));
            after.add(boxes.into_iter().map(|(_, world)| world).collect());
        }
        after.parts.sort_unstable();
        after
    }

    /// Adds to what some boxes are about what the parts that share something with them are about.
    pub(super) fn link(&self, about: &mut Bonds) {
        // Parts share nothing with each other.
        let linked =
            bonds(self.parts.iter().filter(|part| bound(part, about)).flat_map(|p| &p[..]));
        about.extend(linked);
        about.sort_unstable();
        about.dedup();
    }

    /// Bytes of all boxes.
    #[must_use]
    pub fn kept_bytes(&self) -> u64 {
        let parts = self.parts.iter().flat_map(|part| part.iter());
        size_of_val(&self.sure[..]) as u64 + parts.map(bytes_of).sum::<u64>()
    }

    /// How many boxes the largest part has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.parts.iter().map(|part| part.len()).max().unwrap_or(1)
    }

    /// Whether an explanation holds, whatever is read.
    #[must_use]
    pub fn imply(&self, why: &World) -> bool {
        within(&self.sure, why)
    }

    /// Whether one of `explanations` is still possible.
    #[must_use]
    pub fn admit(&self, explanations: &[World], budget: Budget) -> bool {
        explanations.iter().any(|why| self.admits(why, budget))
    }

    fn admits(&self, why: &World, budget: Budget) -> bool {
        // What says nothing of any latent holds anyway; and where nothing is known, what is possible.
        if why.is_empty() {
            return true;
        }
        if self.sure.is_empty() && self.parts.is_empty() {
            return budget.covers(why);
        }
        let is_touched = |latent| {
            let of = bond(latent);
            why.iter().any(|(known, _)| bond(*known) == of)
        };
        let mut world = why.clone();
        let mut sure = self.sure.iter().filter(|known| is_touched(known.0));
        if !sure.all(|(latent, range)| narrow(&mut world, *latent, range.clone())) {
            return false;
        }
        let tied = |part: &[World]| part.iter().flatten().any(|(latent, _)| is_touched(*latent));
        let parts: SmallVec<[&[World]; 4]> =
            self.parts.iter().filter(|p| tied(p)).map(|p| &p[..]).collect();
        fits(&world, &parts, budget)
    }
}

/// Whether `world` can hold together with one box of each part.
fn fits(world: &World, parts: &[&[World]], budget: Budget) -> bool {
    let Some((part, others)) = parts.split_first() else { return budget.covers(world) };
    let mut with = part.iter().filter_map(|other| both(world, other));
    with.any(|both| fits(&both, others, budget))
}

#[cfg(test)]
mod tests {
    use smallvec::smallvec;

    use super::*;

    const DRAIN: Latent = Latent::Drain { cut: 0 };
    const FREE: Budget = Budget { strikes: u32::MAX, flips: 0, lost: 0, rollbacks: 0, absent: 0 };

    fn strike(lba: u64) -> World {
        smallvec![(Latent::Strike { cut: 0, lba }, Range::of(1, 1))]
    }

    #[test]
    fn contradicting_facts_are_impossible_together() {
        let worlds = Worlds::default();
        let worlds = worlds.and(&[smallvec![(DRAIN, Range::of(2, 5))]], FREE).unwrap();
        assert!(worlds.admit(&[smallvec![(DRAIN, Range::of(5, 9))]], FREE));
        assert!(!worlds.admit(&[smallvec![(DRAIN, Range::of(6, 9))]], FREE));
    }

    #[test]
    fn a_content_with_two_explanations_keeps_both_open() {
        let worlds = Worlds::default();
        let either = [smallvec![(DRAIN, Range::of(0, 1))], smallvec![(DRAIN, Range::of(5, 6))]];
        let worlds = worlds.and(&either, FREE).unwrap();
        assert!(worlds.admit(&[smallvec![(DRAIN, Range::of(1, 1))]], FREE));
        assert!(
            !worlds.admit(&[smallvec![(DRAIN, Range::of(3, 4))]], FREE),
            "a hole, not an interval"
        );
        assert!(worlds.admit(&[smallvec![(DRAIN, Range::of(6, 6))]], FREE));
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
        let narrow = smallvec![(DRAIN, Range::of(2, 3))];
        let wide = smallvec![(DRAIN, Range::of(1, 5))];
        let worlds = Worlds::default().and(&[narrow, wide.clone()], FREE).unwrap();
        assert_eq!(worlds, Worlds::default().and(&[wide], FREE).unwrap());
    }

    #[test]
    fn the_damage_budget_is_counted_per_cut() {
        let one = Budget { strikes: 1, ..FREE };
        let worlds = Worlds::default().and(&[strike(3)], one).unwrap();
        assert!(worlds.admit(&[strike(3)], one), "the same domain costs once");
        assert!(!worlds.admit(&[strike(4)], one));
        let second_cut = smallvec![(Latent::Strike { cut: 1, lba: 4 }, Range::of(1, 1))];
        assert!(worlds.admit(&[second_cut], one));
    }

    #[test]
    fn a_command_that_stops_from_either_end_has_two_ranges() {
        let stop = Latent::Stop { command: 7 };
        // Sector 1 of 3 persisted: at least two from the front, or at most one missing there.
        let worlds =
            Worlds::default().and(&[smallvec![(stop, Range::two((2, 3), (0, 1)))]], FREE).unwrap();
        // Sector 0 lost: only the second way is left.
        let lost_first = smallvec![(stop, Range::two((0, 0), (1, 3)))];
        let worlds = worlds.and(&[lost_first], FREE).unwrap();
        // Then sector 2 must have persisted.
        assert!(!worlds.admit(&[smallvec![(stop, Range::two((0, 2), (3, 3)))]], FREE));
    }

    #[test]
    fn what_has_no_bearing_on_each_other_does_not_multiply() {
        // Found by a campaign that did not end: 1. A page cache was never flushed. 2. Each page has
        // several versions that read the same. 3. All combinations over all pages were kept.
        let page = |lba: u64| Latent::Page { cut: 0, lba };
        let either = |lba| [1, 3, 5].map(|v| smallvec![(page(lba), Range::of(v, v))]);
        let worlds = (0..40)
            .fold(Worlds::default(), |worlds, lba| worlds.and(&either(8 * lba), FREE).unwrap());
        // Each page has one of three versions: one box, and certain.
        assert_eq!((worlds.parts.len(), worlds.len(), worlds.sure.len()), (0, 1, 40));
        assert!(
            worlds.admit(
                &[smallvec![(page(16), Range::of(2, 3)), (page(24), Range::of(5, 9))]],
                FREE
            )
        );
        assert!(!worlds.admit(&[smallvec![(page(16), Range::of(2, 2))]], FREE));
    }

    #[test]
    fn a_part_of_which_one_box_is_left_is_certain() {
        let either = [smallvec![(DRAIN, Range::of(0, 1))], smallvec![(DRAIN, Range::of(5, 6))]];
        let worlds = Worlds::default().and(&either, FREE).unwrap();
        let worlds = worlds.and(&[smallvec![(DRAIN, Range::of(1, 4))]], FREE).unwrap();
        assert_eq!(worlds.sure[..], [(DRAIN, Range::of(1, 1))]);
        assert!(worlds.parts.is_empty());
    }
}
