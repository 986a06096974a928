//! Clauses: ranges that are known not to pass.
//!
//! The one idea: that a checksum over n undecided sectors fails is one answer. It does not say which
//! sector is at fault, only that not all of them hold what would make it pass. Told sector by sector,
//! the same *no* is n answers, and of m torn blocks that are looked at one after the other it is n to
//! the m-th. So it is kept as it was told, as a *clause*: of these sectors at least one does not hold
//! its class. That something of a range passes a test is told in the same way: not all of it fails
//! (`live/searching.rs`).
//!
//! What is offered later must agree with it: a sector may be found to be of its class only if another
//! one may still differ; and what is counted leaves out exactly the images in which all are.
//!
//! Where sectors are coupled, whether a sector may differ hangs on the same hidden facts as all else.
//! So an option is offered only if there is, together with it, a way for every clause to hold; the
//! clauses share no sector, hence one differing sector each is all that has to go together. A sector that may
//! differ for a reason that holds anyway, or that takes none, settles its clause.
//!
//! Invariant: no two clauses of a cut share a sector; who asks about a sector of one asks sector by
//! sector (`live/asking.rs`). Clauses speak of the last cut. When the life behind it ends they become
//! knowledge of hidden facts (`held.rs`); where sectors are independent there are no such facts, and clauses
//! only behind the last cut of a run.
//!
//! What it is not: a denial. Those are of one content in one sector (`denied.rs`).

use super::Disk;
use super::arena::ContentId;
use super::classes::{Admitted, Part};
use super::denied::Denial;
use super::live::merge_stretches;
use super::undecided::Candidate;
use super::worlds::Bonds;

/// That a sector holds a content of its class.
#[derive(Clone, Debug)]
pub struct Literal {
    /// The sector.
    pub lba: u64,
    /// The contents of the class.
    pub class: Vec<ContentId>,
    /// What else it may hold.
    pub others: Vec<Admitted>,
    /// What explains that.
    pub about: Bonds,
}

impl Literal {
    /// That the sector did not hold its class when there had been so many cuts.
    pub(super) fn denials(&self, cut: u32) -> impl Iterator<Item = Denial> + '_ {
        let lba = self.lba;
        self.class.iter().map(move |&content| Denial { lba, cut, content })
    }

    /// Its bytes, but for explanations.
    pub(super) fn kept_bytes(&self) -> u64 {
        let contents = size_of_val(&self.class[..]) + size_of_val(&self.others[..]);
        (size_of::<Literal>() + contents) as u64
    }
}

/// That not all of these hold.
pub type Clause = Vec<Literal>;

/// All clauses, in order.
#[derive(Clone, Debug, Default)]
pub struct Clauses {
    /// Each with the number of cuts by then.
    log: Vec<(u32, Clause)>,
    /// Cuts so far.
    cuts: u32,
    /// Whether there may be any.
    pub allowed: bool,
}

impl Clauses {
    /// How many there are.
    #[inline]
    #[must_use]
    pub fn len(&self) -> usize {
        self.log.len()
    }

    /// Whether there is none of the last cut.
    #[inline]
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.log.last().is_none_or(|(cuts, _)| *cuts != self.cuts)
    }

    /// There were so many cuts by now.
    pub fn of_cut(&mut self, cuts: u32) {
        self.cuts = cuts;
    }

    /// Those of the last cut.
    fn of_last_cut(&self) -> impl Iterator<Item = &Clause> {
        let from = self.log.partition_point(|(cuts, _)| *cuts < self.cuts);
        self.log[from..].iter().map(|(_, clause)| clause)
    }

    /// Forgets all but the first `len`.
    pub fn truncate(&mut self, len: usize) {
        self.log.truncate(len);
    }

    /// Notes one.
    pub fn push(&mut self, clause: Clause) {
        self.log.push((self.cuts, clause));
    }

    /// Bytes of all of them, but for explanations.
    #[must_use]
    pub fn kept_bytes(&self) -> u64 {
        self.log.iter().flat_map(|(_, clause)| clause).map(Literal::kept_bytes).sum()
    }
}

/// What is known of a literal.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Known {
    Holds,
    Fails,
    Open,
}

impl Disk {
    /// From now on a range may be found not to pass without its being said why, if `whether`. Where sectors are
    /// independent only behind the last cut of a run (`held.rs`), and so under damage at rest: what is damaged
    /// stays so in the next life, if it was asked for.
    pub fn allow_clauses(&mut self, whether: bool, is_last: bool) {
        let is_hidden = !self.rules.independent && !self.rules.contract.damages_at_rest();
        self.clauses.allowed = whether && (is_last || is_hidden);
    }

    fn known(&self, literal: &Literal) -> Known {
        match self.told(literal.lba) {
            None => Known::Open,
            Some(content) if self.in_class(literal, content) => Known::Holds,
            Some(_) => Known::Fails,
        }
    }

    /// Whether a content is of the class that a literal speaks of.
    pub(super) fn in_class(&self, literal: &Literal, content: ContentId) -> bool {
        match literal.class.contains(&ContentId::FLIPPED) {
            // All that can be read.
            true => content != ContentId::UNREADABLE,
            false => self.trace.arena.is_among(&literal.class, content),
        }
    }

    /// The clauses that do not hold yet, each with its literals that are open.
    pub(super) fn open_clauses(&self) -> impl Iterator<Item = Vec<&Literal>> {
        self.clauses.of_last_cut().filter_map(|clause| {
            let mut open = Vec::with_capacity(clause.len());
            for literal in clause {
                match self.known(literal) {
                    Known::Holds => {}
                    Known::Fails => return None,
                    Known::Open => open.push(literal),
                }
            }
            debug_assert!(
                !open.is_empty(),
                "all sectors of a clause were found to be of their class"
            );
            Some(open)
        })
    }

    /// Whether a clause that does not hold yet speaks of this sector.
    pub(super) fn is_in_clause(&self, lba: u64) -> bool {
        !self.clauses.is_empty()
            && self.open_clauses().any(|open| open.iter().any(|literal| literal.lba == lba))
    }

    /// What a sector may hold besides its class.
    pub(super) fn others<'a>(&'a self, literal: &'a Literal) -> impl Iterator<Item = &'a Admitted> {
        self.others_after(literal, self.cuts())
    }

    /// What it may have held so when there had been so many cuts.
    pub(super) fn others_after<'a>(
        &'a self,
        literal: &'a Literal,
        cut: u32,
    ) -> impl Iterator<Item = &'a Admitted> {
        let undenied = move |option: &&Admitted| {
            !self.denied.after(&self.trace.arena, literal.lba, cut, option.content)
        };
        literal.others.iter().filter(undenied)
    }

    /// Where sectors are independent, and a clause speaks of this one: what it says, and the crash points
    /// at which another sector of it may differ, as stretches.
    fn of_clause(&self, lba: u64) -> Option<(&Literal, Vec<(u32, u32)>)> {
        if self.clauses.is_empty() {
            return None;
        }
        let is_own = |literal: &&Literal| literal.lba == lba;
        let open = self.open_clauses().find(|open| open.iter().any(&is_own))?;
        let now = self.window();
        let clip = |option: &Admitted| (option.window.0.max(now.0), option.window.1.min(now.1));
        let rest = open.iter().filter(|literal| literal.lba != lba);
        let mut differ: Vec<_> = rest.flat_map(|literal| self.others(literal)).map(clip).collect();
        differ.retain(|window| window.0 <= window.1);
        merge_stretches(&mut differ, 0);
        open.into_iter().find(is_own).map(|own| (own, differ))
    }

    /// Where sectors are independent: leaves of the options of a sector those which clauses allow,
    /// each at the crash points at which they do.
    pub(super) fn strike_by_clauses(&self, lba: u64, options: &mut Vec<Candidate>) {
        let Some((own, differ)) = self.of_clause(lba) else { return };
        let mut left = Vec::with_capacity(options.len());
        for option in options.drain(..) {
            if self.in_class(own, option.content) {
                let here = met(option.window, &differ);
                left.extend(here.map(|window| Candidate { window, ..option }));
            } else {
                left.push(option);
            }
        }
        *options = left;
    }

    /// A sector of a range as clauses allow it by now: while the sectors before it were asked about, it
    /// may have become the only one that may differ.
    pub(super) fn part_by_clauses(&self, part: &Part) -> Option<Part> {
        if !self.rules.independent {
            return None;
        }
        let (own, differ) = self.of_clause(part.lba)?;
        let windows = |option: &Admitted| match self.in_class(own, option.content) {
            true => met(option.window, &differ).collect(),
            false => vec![option.window],
        };
        Some(part.at(windows))
    }

    /// Denials that make all clauses hold, if the cut came at crash point `at`: of the ways to do so
    /// the first.
    #[must_use]
    pub fn denials_of_clauses(&self, at: u32) -> Vec<Denial> {
        let (held, worlds) = self.denials_of_held();
        let differing: Vec<&Literal> = if self.rules.independent {
            let possible = |literal: &&Literal| {
                self.others(literal).any(|o| o.window.0 <= at && at <= o.window.1)
            };
            self.open_clauses().filter_map(|open| open.into_iter().find(possible)).collect()
        } else {
            let (open, mut chosen) = (self.open_clauses().collect::<Vec<_>>(), Vec::new());
            self.differ(&worlds, &open, &mut chosen);
            chosen
        };
        let cut = self.cuts();
        held.into_iter().chain(differing.into_iter().flat_map(|l| l.denials(cut))).collect()
    }
}

/// What of a window lies in stretches.
fn met(window: (u32, u32), stretches: &[(u32, u32)]) -> impl Iterator<Item = (u32, u32)> {
    let meet = move |other: &(u32, u32)| (window.0.max(other.0), window.1.min(other.1));
    stretches.iter().map(meet).filter(|met| met.0 <= met.1)
}
