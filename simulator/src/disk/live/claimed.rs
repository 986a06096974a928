//! Asking whether runs of sectors are what their first sectors claim.
//!
//! Method. Each content that the first sector of a run may hold claims a checksum, or nothing; the
//! choices of contents that pass are those of each such checksum, together. Two answers behind the last
//! cut, and sector by sector otherwise, as for any other question (`asking.rs`).
//!
//! Invariant: that of `asking.rs`.
//!
//! What it is not: a reading of the claim. What it is of the contents that claim something is not
//! told to who asks, unless the run is whole and he reads it.

use std::cell::Cell;

use journal_core::{Claim, Claims, DeviceError, Lba};

use super::super::classes::{Choice, Part};
use super::super::passed::Segment;
use super::Live;
use crate::choose::Chooser;

impl<C: Chooser> Live<'_, C> {
    /// The first of `count` runs of `each` sectors that is whole.
    pub(super) fn first_whole(
        &mut self,
        (at, count, each): (Lba, u64, u64),
        scratch: &mut [u8],
        claims: Claims<'_>,
    ) -> Result<Option<u64>, DeviceError> {
        let sector = self.disk.geometry.logical_bytes as usize;
        for number in 0..count {
            let first = at.0 + number * each;
            let claim = |bytes: &[u8]| claims(number, bytes);
            let whole = match self.is_whole((first, each), &claim) {
                Some(answer) => answer?,
                None => {
                    let claimed = Cell::new(None);
                    let claims = |bytes: &[u8]| {
                        claimed.set(claim(bytes));
                        claimed.get().is_some()
                    };
                    self.reads_as(first, 1, &mut scratch[..sector], &claims)?
                        && self.reads_as(first, each, scratch, &|run| {
                            claimed.get().is_some_and(|claim| claim.holds(run))
                        })?
                }
            };
            if whole {
                return Ok(Some(number));
            }
        }
        Ok(None)
    }

    /// Whether a run is; `None` where reading tells as well.
    fn is_whole(
        &mut self,
        (first, each): (u64, u64),
        claim: &dyn Fn(&[u8]) -> Option<Claim>,
    ) -> Option<Result<bool, DeviceError>> {
        let is_open = |lba| self.certain(lba).is_none();
        if !self.disk.asks_classes || !(first..first + each).any(is_open) {
            return None;
        }
        let sector = self.disk.geometry.logical_bytes as usize;
        let head = self.part(first, vec![(0, sector)]);
        // Most runs behind a log claim nothing, whatever they hold.
        let arena = &self.disk.trace.arena;
        let claimed: Vec<(usize, Claim)> = (0..head.classes.len())
            .filter_map(|class| Some((class, claim(arena.get(head.content(class as u32)))?)))
            .collect();
        if claimed.is_empty() {
            return Some(Ok(false));
        }
        // Weak ones are passed by mixtures that bad luck alone does not make.
        if claimed.iter().any(|(_, claim)| claim.sum.is_weak() || claim.from > sector) {
            return None;
        }
        let mut parts = vec![head];
        parts.extend((first + 1..first + each).map(|lba| self.part(lba, vec![(0, sector)])));
        let mut passing: Vec<Choice> = Vec::new();
        let classes = parts[0].classes.clone();
        for (class, claim) in claimed {
            parts[0].classes = vec![classes[class].clone()];
            let found = self.passing(
                (claim.sum, claim.expected),
                &segments(&claim, &parts, sector),
                &parts,
            );
            passing.extend(found.into_iter().map(|mut choice| {
                choice[0] = class as u32;
                choice
            }));
        }
        parts[0].classes = classes;
        Some(self.ask(&parts, passing, false))
    }
}

/// What a claim is summed of.
fn segments<'c>(claim: &'c Claim, parts: &[Part], sector: usize) -> Vec<Segment<'c>> {
    let mut segments = vec![Segment::Given(claim.before())];
    segments.extend((0..parts.len()).map(|part| Segment::Of {
        part,
        from: if part == 0 { claim.from } else { 0 },
        to: sector,
    }));
    segments
}
