//! Listings: what the sectors may hold that a cut left open, listed once.
//!
//! The one idea: what a contract allows a sector to hold after a cut follows from what was written
//! before it, and not from what is read after it. A search asks of the same few sectors in thousands of
//! leaves behind one cut, so the list is made once, and only what was learned since is held against it.
//!
//! Invariant: a list is that of the cut it is kept for. A cut that is taken back and made again is
//! another one ([`Cut::id`]).
//!
//! What it is not: for contents that were made for the list, as mixes are: the disk forgets those when
//! it is rewound, so such lists are made anew.
//!
//! [`Cut::id`]: super::trace::Cut::id

use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::Disk;
use super::arena::ContentId;
use super::undecided::{self, Content, Listed};
use super::worlds::{World, Worlds};

/// The lists of one cut, by sector.
type OfCut = (u64, FxHashMap<u64, Arc<Listed>>);

/// The lists that are kept: for each of the cuts that there are.
#[derive(Clone, Debug, Default)]
pub struct Listings(Vec<OfCut>);

impl Listings {
    /// The lists of the cut that is the last of `cuts`.
    fn of(&mut self, cuts: usize, id: u64) -> &mut FxHashMap<u64, Arc<Listed>> {
        self.0.truncate(cuts);
        if self.0.len() < cuts || self.0[cuts - 1].0 != id {
            self.0.resize_with(cuts, Default::default);
            let (of, lists) = &mut self.0[cuts - 1];
            *of = id;
            lists.clear();
        }
        &mut self.0[cuts - 1].1
    }
}

impl Disk {
    /// The options of an open sector under any contract, see [`undecided::coupled`]; without regard to
    /// what was read of other sectors unless `knowing`.
    pub(super) fn coupled(&mut self, lba: u64, knowing: bool) -> (Vec<Content>, usize) {
        let listed = self.listed(lba);
        self.possible(lba, &listed, knowing)
    }

    /// [`Disk::coupled`], of a list that is at hand.
    pub(super) fn possible(
        &self,
        lba: u64,
        listed: &Listed,
        knowing: bool,
    ) -> (Vec<Content>, usize) {
        let nothing = Worlds::default();
        let admits = |content, why: &World| match knowing {
            true => self.admits(lba, content, why),
            false => nothing.admit(std::slice::from_ref(why), self.rules.budget),
        };
        undecided::coupled(&self.trace, &self.denied, (lba, listed), &admits)
    }

    /// What a sector with this list holds whatever was read of others, if that is certain: nothing was at
    /// risk there, and nothing is damaged at rest.
    pub(super) fn only_content(&self, listed: &Listed) -> Option<ContentId> {
        if self.rules.contract.damages_at_rest() {
            return None;
        }
        match (&listed.whole[..], &listed.damaged[..]) {
            ([only], []) => only.why.iter().any(World::is_empty).then_some(only.content),
            _ => None,
        }
    }

    /// The options of an open sector where sectors are independent, in `options`.
    #[inline]
    pub(super) fn list_independent(&mut self, lba: u64) {
        let mut options = std::mem::take(&mut self.options);
        undecided::independent(&self.trace, &self.denied, lba, &mut options);
        self.strike_by_clauses(lba, &mut options);
        self.options = options;
    }

    /// What the contract allows an open sector to hold.
    pub(super) fn listed(&mut self, lba: u64) -> Arc<Listed> {
        let cuts = self.trace.cuts.len();
        let id = self.trace.cuts.last().expect("open since a cut").id;
        if self.visits_all
            && let Some(listed) = self.listings.of(cuts, id).get(&lba)
        {
            return Arc::clone(listed);
        }
        let contents = self.trace.arena.len();
        let listed = undecided::listed(&mut self.trace, &self.rules, &self.denied, lba);
        let listed = Arc::new(listed);
        // Who wants one leaf asks of each sector once.
        if self.visits_all && self.trace.arena.len() == contents {
            self.listings.of(cuts, id).insert(lba, Arc::clone(&listed));
        }
        listed
    }
}
