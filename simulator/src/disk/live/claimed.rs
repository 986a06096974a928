//! Asking whether something is whole, as its head claims.
//!
//! Method. Each head that the sectors may hold claims a checksum, or nothing; the choices of contents
//! that pass are those of each such checksum, together. Two answers behind the last cut where one choice
//! passes, and sector by sector otherwise, as for any other question (`asking.rs`).
//!
//! Invariant: that of `asking.rs`.
//!
//! What it is not: a reading of the head. Which of those that claim nothing is there is told to nobody; and
//! where heads claim different bytes it is read after all.

use journal_core::{Claim, Claims, DeviceError, Lba};

use super::super::classes::{Choice, Part};
use super::super::passed::Segment;
use super::Live;
use crate::choose::Chooser;

/// Most heads that are looked at.
const HEADS_MAX: u64 = 256;

/// Half-open, in bytes from the start of the device.
type Span = (u64, u64);

impl<C: Chooser> Live<'_, C> {
    /// Answers `is_whole`; `None` where reading answers it as well.
    pub(super) fn whole_by_classes(
        &mut self,
        head: Span,
        claims: Claims<'_>,
    ) -> Option<Result<bool, DeviceError>> {
        if !self.disk.asks_classes {
            return None;
        }
        let sector = u64::from(self.disk.geometry.logical_bytes);
        let lbas = |span: Span| span.0 / sector..span.1.div_ceil(sector);
        let mut parts: Vec<Part> =
            lbas(head).map(|lba| self.part(lba, within(&[head], lba, sector))).collect();
        let claimed = self.claimed(&parts, head, claims)?;
        let Some((_, first)) = claimed.first() else { return Some(Ok(false)) };
        let summed = (first.bytes().start, first.bytes().end);
        // Weak ones are passed by mixtures that bad luck alone does not make.
        let differs = |claim: &Claim| claim.sum.is_weak() || claim.bytes() != first.bytes();
        if claimed.iter().any(|(_, claim)| differs(claim)) {
            return None;
        }
        if summed.0 < summed.1 {
            let sectors = lbas(summed);
            let bytes = (sectors.end - sectors.start) * sector;
            if let Err(error) = self.reading(Lba(sectors.start), bytes as usize) {
                return Some(Err(error));
            }
            for lba in sectors {
                let covered = within(&[head, summed], lba, sector);
                match parts.iter_mut().find(|part| part.lba == lba) {
                    Some(part) => *part = self.part(lba, covered),
                    None => parts.push(self.part(lba, covered)),
                }
            }
        }
        if !parts.iter().any(|part| part.open) {
            return None;
        }
        let heads = lbas(head).count();
        let passing = self.all_that_pass(&mut parts, heads, head, claims, summed)?;
        Some(self.ask(&parts, passing, false))
    }

    /// The heads that claim anything, by the classes of the sectors that they lie in; `None` if there are
    /// too many to look at.
    fn claimed(
        &self,
        parts: &[Part],
        head: Span,
        claims: Claims<'_>,
    ) -> Option<Vec<(Choice, Claim)>> {
        let count = |part: &Part| part.classes.len() as u64;
        let all = parts.iter().fold(1, |all: u64, part| all.saturating_mul(count(part)));
        if all > HEADS_MAX {
            return None;
        }
        let sector = u64::from(self.disk.geometry.logical_bytes);
        let arena = &self.disk.trace.arena;
        let (mut found, mut bytes) = (Vec::new(), Vec::new());
        for number in 0..all {
            let (mut choice, mut rest) = (Choice::with_capacity(parts.len()), number);
            bytes.clear();
            for part in parts {
                let class = (rest % count(part)) as u32;
                rest /= count(part);
                choice.push(class);
                let content = arena.get(part.content(class));
                let here = within(&[head], part.lba, sector);
                here.into_iter().for_each(|(from, to)| bytes.extend_from_slice(&content[from..to]));
            }
            found.extend(claims(&bytes).map(|claim| (choice, claim)));
        }
        Some(found)
    }

    /// The choices of contents that are whole: of `parts`, the first so many of which hold the head.
    fn all_that_pass(
        &mut self,
        parts: &mut [Part],
        heads: usize,
        head: Span,
        claims: Claims<'_>,
        summed: Span,
    ) -> Option<Vec<Choice>> {
        let sector = u64::from(self.disk.geometry.logical_bytes);
        let mut passing: Vec<Choice> = Vec::new();
        let all: Vec<Vec<Vec<usize>>> =
            parts[..heads].iter().map(|part| part.classes.clone()).collect();
        for (choice, claim) in self.claimed(&parts[..heads], head, claims)? {
            for ((part, classes), &class) in parts.iter_mut().zip(&all).zip(&choice) {
                part.classes = vec![classes[class as usize].clone()];
            }
            let segments = segments(&claim, parts, summed, sector);
            let found = self.passing((claim.sum, claim.expected), &segments, parts);
            passing.extend(found.into_iter().map(|mut found| {
                found[..heads].copy_from_slice(&choice);
                found
            }));
        }
        parts.iter_mut().zip(all).for_each(|(part, classes)| part.classes = classes);
        Some(passing)
    }
}

/// What of some spans lies in a sector, in bytes from its start.
fn within(spans: &[Span], lba: u64, sector: u64) -> Vec<(usize, usize)> {
    let base = lba * sector;
    let clip = |&(from, to): &Span| {
        let (from, to) = (from.max(base), to.min(base + sector));
        (from < to).then(|| ((from - base) as usize, (to - base) as usize))
    };
    spans.iter().filter_map(clip).collect()
}

/// What a claim is summed of.
fn segments<'c>(claim: &'c Claim, parts: &[Part], summed: Span, sector: u64) -> Vec<Segment<'c>> {
    let mut segments = vec![Segment::Given(claim.before())];
    let mut of: Vec<(u64, Segment<'_>)> = Vec::with_capacity(parts.len());
    for (number, part) in parts.iter().enumerate() {
        let here = within(&[summed], part.lba, sector);
        of.extend(
            here.into_iter().map(|(from, to)| (part.lba, Segment::Of { part: number, from, to })),
        );
    }
    of.sort_by_key(|&(lba, _)| lba);
    segments.extend(of.into_iter().map(|(_, segment)| segment));
    segments
}
