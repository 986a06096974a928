//! Demands: what clauses ask of who explains a sector, where sectors are coupled.
//!
//! The one idea: an option of a sector is offered only if there is, together with it, a way for every
//! clause to hold (`clauses.rs`). All that is known can hold together already. So what must be looked at is
//! what the option can upset: the clauses that share a hidden fact with what explains it, those that share
//! one with these, and so on. All others hold as they did before.
//!
//! Method. Found once for all the options of a question: of each clause that does not hold yet, which sectors may
//! differ for reasons that hold anyway. If two may, the clause asks nothing: if one of them is the
//! sector in question, there is the other one. The clauses that are left are put into *groups* that share no
//! hidden fact, and no budget.
//!
//! Invariant: what is admitted is what looking at every clause would admit.
//!
//! What it is not: knowledge. It is found anew for each question.

use smallvec::SmallVec;

use super::Disk;
use super::arena::ContentId;
use super::clauses::Literal;
use super::worlds::{Bonds, World, Worlds, bonds, share};

/// A clause that does not hold yet, and not for nothing.
struct Tight<'d> {
    /// Those that are open.
    literals: Vec<&'d Literal>,
    /// The only sector that may differ whatever is read.
    free: Option<u64>,
    /// Its group.
    group: usize,
}

/// What clauses ask, as things stand.
pub(super) struct Demands<'d> {
    disk: &'d Disk,
    tight: Vec<Tight<'d>>,
    /// What the clauses of each group are about. Some groups have none any more.
    groups: Vec<Bonds>,
}

impl Disk {
    /// Where sectors are coupled: what clauses ask of who explains a sector, as things stand.
    pub(super) fn demands(&self) -> Demands<'_> {
        let mut demands = Demands { disk: self, tight: Vec::new(), groups: Vec::new() };
        if self.rules.independent || self.clauses.is_empty() {
            return demands;
        }
        let free = |literal: &&Literal| {
            let mut whys = self.others(literal).flat_map(|option| &option.why);
            whys.any(|why| self.worlds.imply(why))
        };
        for literals in self.open_clauses() {
            let mut may_differ = literals.iter().copied().filter(free).map(|literal| literal.lba);
            let free = match (may_differ.next(), may_differ.next()) {
                (Some(_), Some(_)) => continue,
                (one, _) => one,
            };
            demands.add(literals, free);
        }
        demands
    }

    /// Whether all that is known can go together with these worlds.
    pub(super) fn can_all_hold(&self, worlds: &Worlds) -> bool {
        let demands = self.demands();
        let tight = demands.tight.iter().filter(|tight| tight.free.is_none());
        let open: Vec<Vec<&Literal>> = tight.map(|tight| tight.literals.clone()).collect();
        self.differ(worlds, &open, &mut Vec::new())
    }

    /// Whether of each of these clauses a sector may differ, and one for each that do so together.
    pub(super) fn differ<'a>(
        &'a self,
        worlds: &Worlds,
        open: &[Vec<&'a Literal>],
        chosen: &mut Vec<&'a Literal>,
    ) -> bool {
        let Some((clause, others)) = open.split_first() else { return true };
        for &literal in clause {
            for why in self.others(literal).flat_map(|option| &option.why) {
                let (why, budget) = (std::slice::from_ref(why), self.rules.budget);
                chosen.push(literal);
                // What is known behind the last one is nobody's concern.
                let together = match others {
                    [] => worlds.admit(why, budget),
                    _ => {
                        let known = worlds.and(why, budget);
                        known.is_some_and(|worlds| self.differ(&worlds, others, chosen))
                    }
                };
                if together {
                    return true;
                }
                chosen.pop();
            }
        }
        false
    }
}

impl<'d> Demands<'d> {
    fn add(&mut self, literals: Vec<&'d Literal>, free: Option<u64>) {
        let all = literals.iter().flat_map(|literal| literal.about.iter().copied());
        let mut about: Bonds = all.collect();
        about.sort_unstable();
        about.dedup();
        self.disk.worlds.link(&mut about);
        // What it shares something with becomes one group with it.
        let group = self.groups.len();
        for (number, known) in self.groups.iter_mut().enumerate() {
            if share(known, &about) {
                about.extend(known.drain(..));
                let own = self.tight.iter_mut().filter(|tight| tight.group == number);
                own.for_each(|tight| tight.group = group);
            }
        }
        about.sort_unstable();
        about.dedup();
        self.groups.push(about);
        self.tight.push(Tight { literals, free, group });
    }

    /// Whether a sector may hold a content for this reason.
    pub(super) fn admits(&self, lba: u64, content: ContentId, why: &World) -> bool {
        let (disk, alone) = (self.disk, std::slice::from_ref(why));
        let budget = disk.rules.budget;
        if !disk.worlds.admit(alone, budget) {
            return false;
        }
        if self.tight.is_empty() {
            return true;
        }
        let own = |tight: &Tight<'_>| {
            let own = tight.literals.iter().find(|literal| literal.lba == lba)?;
            Some(disk.in_class(own, content) && tight.free.is_none_or(|free| free == lba))
        };
        let asking = self.tight.iter().find(|tight| own(tight) == Some(true));
        // All that is known can be together, and with it what holds anyway.
        if asking.is_none() && disk.worlds.imply(why) {
            return true;
        }
        let touched = bonds(alone);
        let is_touched: SmallVec<[bool; 8]> =
            self.groups.iter().map(|about| share(about, &touched)).collect();
        let of_asking = asking.map(|tight| tight.group);
        let mut open: Vec<Vec<&Literal>> = Vec::new();
        for tight in &self.tight {
            let concerns = is_touched[tight.group] || of_asking == Some(tight.group);
            if own(tight).unwrap_or(concerns && tight.free.is_none()) {
                let others = tight.literals.iter().filter(|literal| literal.lba != lba);
                open.push(others.copied().collect());
            }
        }
        if open.is_empty() {
            return true;
        }
        let Some(worlds) = disk.worlds.and(alone, budget) else { return false };
        disk.differ(&worlds, &open, &mut Vec::new())
    }
}
