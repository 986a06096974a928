//! Asking whether a range passes, and nothing else.
//!
//! Method. Where one choice of contents passes, the answers are *yes*, which says of every sector that
//! it holds its class, and *no*, which is kept as a clause (`clauses.rs`). Where the cut was left open
//! each of the two is an answer for every stretch of crash points at which it is possible.
//!
//! It is asked so where clauses are allowed, of sectors that no clause speaks of yet, and if at
//! least two of them may be at fault: otherwise sector by sector is as short (`asking.rs`).
//!
//! Invariant: that of `asking.rs`.
//!
//! What it is not: for checksums that several mixtures pass.

use std::num::NonZeroU32;

use journal_core::DeviceError;

use super::super::classes::{Admitted, Part};
use super::super::clauses::Literal;
use super::super::demands::Demands;
use super::super::worlds::{Why, Worlds, bonds, merged};
use super::Live;
use super::asking::{Answer, Means, merge_stretches};
use crate::choose::{Label, What};

/// An open sector, with the options that pass and those that do not.
pub(super) struct Side<'p> {
    pub part: &'p Part,
    pub passing: Vec<usize>,
    pub others: Vec<usize>,
}

impl Live<'_> {
    /// Whether each part holds an option that passes there; `None` where that is to be asked sector by
    /// sector.
    pub(super) fn ask_whole(
        &mut self,
        parts: &[&Part],
        passes: &dyn Fn(usize, usize) -> bool,
    ) -> Result<Option<bool>, DeviceError> {
        let mut sides: Vec<Side> = Vec::with_capacity(parts.len());
        let demands = self.disk.demands();
        for (at, &part) in parts.iter().enumerate().filter(|(_, part)| part.open) {
            let (passing, others): (Vec<usize>, Vec<usize>) =
                self.feasible(part, &demands).into_iter().partition(|&i| passes(at, i));
            if passing.is_empty() {
                return Ok(Some(false));
            }
            sides.push(Side { part, passing, others });
        }
        self.ask_sides(sides)
    }

    /// [`Live::ask_whole`] of sectors of which some option passes.
    pub(super) fn ask_sides(&mut self, sides: Vec<Side<'_>>) -> Result<Option<bool>, DeviceError> {
        let may_fail = || sides.iter().filter(|side| !side.others.is_empty());
        let alone =
            |side: &Side<'_>| side.part.is_flipped() || self.disk.is_in_clause(side.part.lba);
        if may_fail().count() < 2 || may_fail().any(alone) {
            return Ok(None);
        }
        let now = self.disk.window();
        let (yes, no) = if self.disk.rules.independent {
            (all_of(&sides, now), any_of(&sides, now))
        } else {
            let demands = self.disk.demands();
            let Some(possible) = self.both_possible(&sides, &demands) else { return Ok(None) };
            let window = |possible: bool| if possible { vec![now] } else { Vec::new() };
            (window(possible.0), window(possible.1))
        };
        let count = NonZeroU32::new((yes.len() + no.len()) as u32).expect("some image explains it");
        if count.get() == 1 {
            return Ok(Some(no.is_empty()));
        }
        if self.went_before() {
            return Err(DeviceError::PowerCut);
        }
        let what = What::Class { cut: self.disk.cuts(), lba: sides[0].part.lba };
        self.disk.traffic.decided += 1;
        let answer = self.chooser.choose(what, count, &Label::Index) as usize;
        if let Some(&window) = yes.get(answer) {
            for Side { part, passing, .. } in sides {
                self.keep(part, &Answer { group: passing, window, means: Means::Passes });
            }
            return Ok(Some(true));
        }
        let window = no[answer - yes.len()];
        if window != now {
            self.disk.trace.narrow(window.0, window.1);
        }
        if !self.disk.rules.independent {
            let demands = self.disk.demands();
            let reasons = |side: &Side<'_>| Self::reasons(side, &side.others, &demands);
            let why = sides.iter().flat_map(reasons).collect();
            self.explain(sides[0].part.lba, why);
        }
        let clause = sides.iter().filter(|side| !side.others.is_empty()).map(literal).collect();
        self.disk.clauses.push(clause);
        Ok(Some(false))
    }

    /// Why a sector may hold one of these options.
    fn reasons(side: &Side<'_>, options: &[usize], demands: &Demands<'_>) -> Why {
        let lba = side.part.lba;
        let options = options.iter().map(|&i| &side.part.options[i]);
        let all = options.flat_map(|option| option.why.iter().map(|why| (option.content, why)));
        let admitted = all.filter(|(content, why)| demands.admits(lba, *content, why));
        admitted.map(|(_, why)| why.clone()).collect()
    }

    /// Where sectors are coupled: whether all may pass, and whether one of them may not. `None` where
    /// that has more explanations than are kept.
    fn both_possible(&self, sides: &[Side<'_>], demands: &Demands<'_>) -> Option<(bool, bool)> {
        let mut worlds: Option<Worlds> = Some(self.disk.worlds.clone());
        for side in sides {
            let Some(before) = &worlds else { break };
            // As it will be taken in, side by side, if the answer is yes: without a question in between.
            worlds =
                self.known_with(before, &merged(Self::reasons(side, &side.passing, demands)))?;
        }
        let passes = worlds.is_some_and(|worlds| self.disk.can_all_hold(&worlds));
        // Each option that is feasible is so together with all that is known.
        let fails = sides.iter().any(|side| !side.others.is_empty());
        Some((passes, fails))
    }
}

/// What a clause says of a sector.
fn literal(side: &Side<'_>) -> Literal {
    let options = |of: &[usize]| of.iter().map(|&i| &side.part.options[i]).collect::<Vec<_>>();
    let others: Vec<Admitted> = options(&side.others).into_iter().cloned().collect();
    Literal {
        lba: side.part.lba,
        class: options(&side.passing).into_iter().map(|option| option.content).collect(),
        about: bonds(others.iter().flat_map(|option| &option.why)),
        others,
    }
}

/// The crash points at which these options of a sector are possible, as stretches, newest first.
fn windows(side: &Side<'_>, options: &[usize], now: (u32, u32)) -> Vec<(u32, u32)> {
    let clip = |&i: &usize| {
        let window = side.part.options[i].window;
        (window.0.max(now.0), window.1.min(now.1))
    };
    let mut windows: Vec<_> = options.iter().map(clip).filter(|w| w.0 <= w.1).collect();
    merge_stretches(&mut windows, 0);
    windows
}

/// The crash points at which every sector may pass.
fn all_of(sides: &[Side<'_>], now: (u32, u32)) -> Vec<(u32, u32)> {
    let mut all = vec![now];
    for side in sides {
        let here = windows(side, &side.passing, now);
        let meet = |a: (u32, u32), b: (u32, u32)| (a.0.max(b.0), a.1.min(b.1));
        let pairs = all.iter().flat_map(|&a| here.iter().map(move |&b| meet(a, b)));
        all = pairs.filter(|w| w.0 <= w.1).collect();
    }
    merge_stretches(&mut all, 0);
    all
}

/// The crash points at which some sector may not.
fn any_of(sides: &[Side<'_>], now: (u32, u32)) -> Vec<(u32, u32)> {
    let mut any: Vec<_> = sides.iter().flat_map(|side| windows(side, &side.others, now)).collect();
    merge_stretches(&mut any, 0);
    any
}
