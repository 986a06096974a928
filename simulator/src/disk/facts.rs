//! Facts: what sectors hold in the images that a leaf of a search stands for.
//!
//! The one idea: a search says of some sectors what they hold, and of others what they do not. A run that
//! reads sectors whole is one of those that the leaf stands for if it agrees with all that was said. What a
//! content is called follows from what was decided before it, and differs between the two; its bytes do
//! not. So a disk can be *held* to facts, and compares bytes.
//!
//! Invariant: a disk that is held to facts offers no content that contradicts one of them.
//!
//! What it is not: a way through. Contents that agree with the facts one by one may not go together; the
//! chooser is told where nothing does, and tries another way (`run/witness.rs`).

use rustc_hash::FxHashMap;

use super::Disk;
use super::arena::{Arena, ContentId};
use super::denied::Denial;
use super::trace::NONE;

/// What a sector reads as; nothing if it is unreadable.
type Bytes = Option<Box<[u8]>>;

/// After which cut, counted from 1, and of which sector.
type Place = (u32, u64);

/// All of them.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    holds: FxHashMap<Place, Bytes>,
    denied: FxHashMap<Place, Vec<Bytes>>,
}

fn bytes(arena: &Arena, content: ContentId) -> Option<&[u8]> {
    (content != ContentId::UNREADABLE).then(|| arena.get(content))
}

impl Facts {
    fn admits(&self, place: Place, bytes: Option<&[u8]>) -> bool {
        let holds = self.holds.get(&place).is_none_or(|holds| holds.as_deref() == bytes);
        let denied = self.denied.get(&place).into_iter().flatten();
        holds && !denied.into_iter().any(|denied| denied.as_deref() == bytes)
    }

    fn says_nothing(&self, place: Place) -> bool {
        !self.holds.contains_key(&place) && !self.denied.contains_key(&place)
    }
}

impl Disk {
    /// What was decided of the sectors after each cut, and what was denied, with `more`.
    pub fn facts(&self, more: &[Denial]) -> Facts {
        let arena = &self.trace.arena;
        let owned = |content| bytes(arena, content).map(Box::from);
        let mut facts = Facts::default();
        for lba in self.trace.touched() {
            let mut at = self.trace.newest(lba);
            while at != NONE {
                let version = self.trace.versions[at as usize];
                if version.command == NONE {
                    let cut = self.trace.cuts.partition_point(|cut| cut.versions <= at);
                    facts.holds.insert((cut as u32, lba), owned(version.content));
                }
                at = self.trace.older(lba, at, version.prev);
            }
        }
        for denial in self.denied.all().iter().chain(more) {
            let place = (denial.cut, denial.lba);
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
            (content, Some(bit)) => {
                let mut flipped = self.trace.arena.get(content).to_vec();
                flipped[bit as usize / 8] ^= 1 << (bit % 8);
                facts.admits(place, Some(&flipped))
            }
        };
        Some((0..answers).filter(agrees).collect())
    }
}
