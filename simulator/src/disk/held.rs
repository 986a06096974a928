//! Held: the clauses of lives that are over, as knowledge.
//!
//! The one idea: a clause says of some sectors that one of them did not hold its class after a cut
//! (`clauses.rs`). The life that follows may write them all over, or some of them in part, and the next
//! cut may show what was below. So whether a sector *held* something else becomes a hidden fact when
//! the life ends: a clause is what is known of these facts, box by box, and of what the sector may hold
//! after a later cut whatever stems from before names the fact. What is written over and never seen again
//! says nothing of it, and a clause that nothing can contradict any more is forgotten like all else that
//! explains nothing.
//!
//! Invariant: of a sector and a cut there is one such fact at most, since no two clauses share a sector.
//!
//! What it is not: for devices whose sectors are independent. Those have no hidden facts.

use super::Disk;
use super::arena::Arena;
use super::clauses::Literal;
use super::denied::Denial;
use super::undecided::Content;
use super::worlds::{Latent, Range, Why, World, Worlds, merged, narrow};

/// A clause of a life that is over.
#[derive(Clone, Debug)]
struct Carried {
    /// The cut, counted from 0.
    cut: u32,
    literals: Vec<Literal>,
}

/// All of them, in order.
#[derive(Clone, Debug, Default)]
pub struct Held(Vec<Carried>);

impl Held {
    /// How many there are.
    #[inline]
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Forgets all but the first `len`.
    pub fn truncate(&mut self, len: usize) {
        self.0.truncate(len);
    }

    /// Bytes of all of them, but for explanations.
    #[must_use]
    pub fn kept_bytes(&self) -> u64 {
        self.0.iter().flat_map(|carried| &carried.literals).map(Literal::kept_bytes).sum()
    }

    /// Says in what explains the contents of a sector after a cut whether they are of the class that a clause
    /// speaks of.
    pub fn tell_apart<'c>(
        &self,
        arena: &Arena,
        (cut, lba): (u32, u64),
        contents: impl Iterator<Item = &'c mut Content>,
    ) {
        let of_cut = self.0.iter().filter(|carried| carried.cut == cut);
        let mut own = of_cut.flat_map(|carried| &carried.literals);
        let Some(literal) = own.find(|literal| literal.lba == lba) else { return };
        for content in contents {
            let differs = !arena.is_among(&literal.class, content.content);
            let range = Range::of(differs.into(), differs.into());
            let says = |why: &mut World| narrow(why, Latent::Held { cut, lba }, range.clone());
            content.why.retain_mut(says);
        }
    }
}

impl Disk {
    /// Why a sector may have held something else than its class after a cut, with the fact that it did.
    fn whys_of_others<'a>(
        &'a self,
        literal: &'a Literal,
        cut: u32,
    ) -> impl Iterator<Item = World> + 'a {
        let held = (Latent::Held { cut, lba: literal.lba }, Range::of(1, 1));
        let whys = self.others_after(literal, cut + 1).flat_map(|other| &other.why);
        whys.filter_map(move |why| {
            let mut why = why.clone();
            narrow(&mut why, held.0, held.1.clone()).then_some(why)
        })
    }

    /// Makes the clauses of the life that is about to end what is known.
    pub(super) fn carry_clauses(&mut self) {
        if self.rules.independent || self.clauses.is_empty() {
            return;
        }
        let open: Vec<Vec<Literal>> =
            self.open_clauses().map(|open| open.into_iter().cloned().collect()).collect();
        let cut = self.cuts() - 1;
        for literals in open {
            let why: Why =
                literals.iter().flat_map(|literal| self.whys_of_others(literal, cut)).collect();
            let after = self.worlds.and(&merged(why), self.rules.budget);
            self.worlds = after.expect("a clause has a way to hold");
            self.held.0.push(Carried { cut, literals });
        }
    }

    /// Denials that make the clauses of the lives before the last one hold, and what is known then.
    pub(super) fn denials_of_held(&self) -> (Vec<Denial>, Worlds) {
        let (mut denials, mut worlds) = (Vec::new(), self.worlds.clone());
        for Carried { cut, literals } in &self.held.0 {
            let way = literals.iter().find_map(|literal| {
                let mut whys = self.whys_of_others(literal, *cut);
                let with = |why| worlds.and(std::slice::from_ref(&why), self.rules.budget);
                whys.find_map(with).map(|known| (literal, known))
            });
            let Some((literal, known)) = way else { continue };
            worlds = known;
            denials.extend(literal.denials(cut + 1));
        }
        (denials, worlds)
    }
}
