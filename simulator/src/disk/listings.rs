//! Listings: what the sectors may hold that a cut left open, listed once.
//!
//! The one idea: what a contract allows a sector to hold after a cut follows from what was written
//! before it, and not from what is read after it. A search asks of the same few sectors in thousands of
//! leaves behind one cut, so the list is made once, and only what was learned since is held against it.
//!
//! Contents may be made for a list, as mixes are. The disk forgets them when it is rewound to before that,
//! and such a list with them; those that are listed when the cut is made last as long as the cut.
//!
//! Invariant: a list is that of the cut it is kept for, and all that it names is kept. A cut that is
//! taken back and made again is another one ([`Cut::id`]).
//!
//! What it is not: a memory of answers. It says what might have been before anything was read.
//!
//! [`Cut::id`]: super::trace::Cut::id

use std::sync::Arc;

use rustc_hash::FxHashMap;
use smallvec::smallvec;

use super::Disk;
use super::arena::ContentId;
use super::rested::Rested;
use super::undecided::{self, Content, Listed};
use super::worlds::{World, Worlds};

/// The lists of one cut, by sector.
#[derive(Clone, Debug, Default)]
struct OfCut {
    id: u64,
    lists: FxHashMap<u64, List>,
    /// The most that any of them needs.
    needs: usize,
}

#[derive(Clone, Debug)]
struct List {
    listed: Arc<Listed>,
    /// How many contents must be kept, if any was made for it.
    needs: usize,
    /// The same with damage at rest, once that was asked for.
    rested: Option<Arc<Rested>>,
}

/// The lists that are kept: for each of the cuts that there are.
#[derive(Clone, Debug, Default)]
pub struct Listings(Vec<OfCut>);

impl Listings {
    /// The lists of the cut that is the last of `cuts`.
    fn of(&mut self, cuts: usize, id: u64) -> &mut OfCut {
        self.0.truncate(cuts);
        if self.0.len() < cuts || self.0[cuts - 1].id != id {
            self.0.resize_with(cuts, Default::default);
            let of = &mut self.0[cuts - 1];
            (of.id, of.needs) = (id, 0);
            of.lists.clear();
        }
        &mut self.0[cuts - 1]
    }

    /// What a sector with a list may read as after the last of so many cuts, if that is known.
    pub(super) fn rested(&self, cuts: usize, lba: u64) -> Option<Arc<Rested>> {
        self.0.get(cuts - 1)?.lists.get(&lba)?.rested.clone()
    }

    /// Keeps that, where there is a list.
    pub(super) fn keep_rested(&mut self, cuts: usize, lba: u64, rested: &Arc<Rested>) {
        let list = self.0.get_mut(cuts - 1).and_then(|of| of.lists.get_mut(&lba));
        if let Some(list) = list {
            list.rested = Some(Arc::clone(rested));
        }
    }

    /// Forgets the lists that name others than the first `len` contents.
    pub fn truncate(&mut self, len: usize) {
        for of in self.0.iter_mut().filter(|of| of.needs > len) {
            of.lists.retain(|_, list| list.needs <= len);
            of.needs = of.lists.values().map(|list| list.needs).max().unwrap_or_default();
        }
    }
}

impl Disk {
    /// The options of an open sector with this list, see [`undecided::coupled`]; without regard to what was
    /// read of other sectors unless `knowing`.
    pub(super) fn possible(
        &self,
        lba: u64,
        listed: &Listed,
        knowing: bool,
    ) -> (Vec<Content>, usize) {
        let nothing = Worlds::default();
        let demands = knowing.then(|| self.demands());
        let admits = |content, why: &World| match &demands {
            Some(demands) => demands.admits(lba, content, why),
            None => nothing.admit(std::slice::from_ref(why), self.rules.budget),
        };
        undecided::coupled(&self.trace, &self.denied, (lba, listed), &admits)
    }

    /// What a sector with this list holds whatever was read of others, if that is certain: nothing was at
    /// risk there, and nothing is damaged at rest.
    pub(super) fn only_content(&self, listed: &Listed) -> Option<ContentId> {
        if self.rules.contract.damages_at_rest() {
            return None;
        }
        listed.only()
    }

    /// The options of an open sector where sectors are independent, in `options`.
    #[inline]
    pub(super) fn list_independent(&mut self, lba: u64) {
        let mut options = std::mem::take(&mut self.options);
        undecided::independent(&self.trace, &self.denied, lba, &mut options);
        self.strike_by_clauses(lba, &mut options);
        self.options = options;
    }

    /// The same list in a word, where all that the sector may hold reads the same: filler that was written
    /// over filler, which of its bytes ever got there is nobody's concern.
    fn plain(&self, listed: Listed) -> Listed {
        let mut options = listed.whole.iter().chain(&listed.damaged);
        let first = options.next().expect("a sector holds something");
        let differs = |other: &Content| !self.trace.arena.same(first.content, other.content);
        if first.content == ContentId::UNREADABLE
            || self.rules.contract.damages_at_rest()
            || options.any(differs)
        {
            return listed;
        }
        let only = Content { why: smallvec![World::new()], ..*first };
        Listed { whole: vec![only], damaged: Vec::new() }
    }

    /// Forgets all but the first `len` contents, and what names others.
    pub(super) fn forget_contents(&mut self, len: usize) {
        self.trace.arena.truncate(len);
        self.verified.truncate(len as u32);
        self.listings.truncate(len);
    }

    /// What the contract allows an open sector to hold.
    pub(super) fn listed(&mut self, lba: u64) -> Arc<Listed> {
        let cuts = self.trace.cuts.len();
        let id = self.trace.cuts.last().expect("open since a cut").id;
        // Who wants one leaf asks of each sector once.
        if !self.visits_all {
            return Arc::new(undecided::listed(
                &mut self.trace,
                &self.rules,
                (&self.denied, &self.held),
                lba,
            ));
        }
        if let Some(list) = self.listings.of(cuts, id).lists.get(&lba) {
            return Arc::clone(&list.listed);
        }
        let contents = self.trace.arena.len();
        let listed =
            undecided::listed(&mut self.trace, &self.rules, (&self.denied, &self.held), lba);
        let listed = Arc::new(self.plain(listed));
        let now = self.trace.arena.len();
        let needs = if now == contents { 0 } else { now };
        let of = self.listings.of(cuts, id);
        of.needs = of.needs.max(needs);
        of.lists.insert(lba, List { listed: Arc::clone(&listed), needs, rested: None });
        listed
    }
}
