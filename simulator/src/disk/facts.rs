//! Facts: what sectors hold in the images that a leaf of a search stands for.
//!
//! The one idea: a search says of some sectors what they hold, and of others what they do not. A run that
//! reads sectors whole is one of those that the leaf stands for if it agrees with all that was said. What a
//! content is called follows from what was decided before it, and differs between the two; its bytes do
//! not. So a disk can be *held* to facts, and compares bytes.
//!
//! Of a content that is known but for bits that flipped (`flips.rs`) a fact says what those may be.
//!
//! Invariant: a disk that is held to facts offers no content that contradicts one of them.
//!
//! What it is not: a way through. Contents that agree with the facts one by one may not go together; the
//! chooser is told where nothing does, and tries another way (`run/witness.rs`).

use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHashSet};

use super::Disk;
use super::arena::{Arena, ContentId};
use super::denied::Denial;
use super::flips::{self, Way, differing};
use super::trace::NONE;

/// What a sector reads as: bytes, with the ways in which bits of them may have flipped; nothing if it is
/// unreadable.
type Bytes = Option<(Box<[u8]>, Option<Arc<[Way]>>)>;

/// After which cut, counted from 1, and of which sector.
type Place = (u32, u64);

/// All of them.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    holds: FxHashMap<Place, Bytes>,
    denied: FxHashMap<Place, Vec<Bytes>>,
    /// Where no bit flipped.
    unflipped: FxHashSet<Place>,
}

/// Whether it reads as that.
fn is(known: &Bytes, bytes: Option<&[u8]>) -> bool {
    match (known, bytes) {
        (None, None) => true,
        (Some((known, None)), Some(bytes)) => **known == *bytes,
        (Some((known, Some(ways))), Some(bytes)) => {
            let flipped: Vec<u32> = differing(known, bytes).collect();
            ways.iter().any(|way| flips::fits(way, &flipped))
        }
        _ => false,
    }
}

fn bytes(arena: &Arena, content: ContentId) -> Option<&[u8]> {
    (content != ContentId::UNREADABLE).then(|| arena.get(content))
}

impl Facts {
    fn admits(&self, place: Place, bytes: Option<&[u8]>) -> bool {
        let holds = self.holds.get(&place).is_none_or(|holds| is(holds, bytes));
        let denied = self.denied.get(&place).into_iter().flatten();
        holds && !denied.into_iter().any(|denied| is(denied, bytes))
    }

    fn says_nothing(&self, place: Place) -> bool {
        !self.holds.contains_key(&place)
            && !self.denied.contains_key(&place)
            && !self.unflipped.contains(&place)
    }
}

impl Disk {
    /// What was decided of the sectors after each cut, and what was denied, with `more`.
    pub fn facts(&self, more: &[Denial]) -> Facts {
        let arena = &self.trace.arena;
        let ways = |content| arena.ways(content).cloned();
        let owned = |content| bytes(arena, content).map(|of| (Box::from(of), ways(content)));
        let mut facts = Facts::default();
        for lba in self.trace.touched() {
            let mut at = self.trace.newest(lba);
            while at != NONE {
                let version = self.trace.versions[at as usize];
                if version.command == NONE {
                    let cut = self.trace.cuts.partition_point(|cut| cut.versions <= at);
                    // The newest says most.
                    let holds = facts.holds.entry((cut as u32, lba));
                    holds.or_insert_with(|| owned(version.content));
                }
                at = self.trace.older(lba, at, version.prev);
            }
        }
        for denial in self.denied.all().iter().chain(more) {
            let place = (denial.cut, denial.lba);
            if denial.content == ContentId::FLIPPED {
                facts.unflipped.insert(place);
                continue;
            }
            facts.denied.entry(place).or_default().push(owned(denial.content));
        }
        facts
    }

    /// From now on what is decided of a sector agrees with these facts, if there are any.
    pub fn hold_to(&mut self, facts: Option<Facts>) {
        self.facts = facts.map(Box::new);
    }

    /// Of so many answers to what a sector holds after the last cut those that agree with the facts, each a
    /// content as it is, or with a flipped bit; `None` where it is held to nothing.
    #[inline]
    pub(super) fn agreeing(
        &self,
        lba: u64,
        answers: u32,
        content: impl Fn(u32) -> (ContentId, Option<u32>),
    ) -> Option<Vec<u32>> {
        let (facts, place) = (self.facts.as_ref()?, (self.cuts(), lba));
        if facts.says_nothing(place) {
            return None;
        }
        let agrees = |&answer: &u32| match content(answer) {
            (content, None) => facts.admits(place, bytes(&self.trace.arena, content)),
            (_, Some(_)) if facts.unflipped.contains(&place) => false,
            (content, Some(bit)) => {
                let mut flipped = self.trace.arena.get(content).to_vec();
                flips::flip(&mut flipped, bit);
                facts.admits(place, Some(&flipped))
            }
        };
        Some((0..answers).filter(agrees).collect())
    }
}
