//! Asking whether something is whole, as its head claims.
//!
//! Method. Each head that the sectors may hold claims a checksum, or nothing; the choices of contents
//! that pass are those of these checksums. Two answers behind the last cut where one choice passes, and sector
//! by sector otherwise, as for any other question (`asking.rs`). Where heads claim different bytes it is
//! asked first which of them is there, and all that claim nothing are one answer.
//!
//! Invariant: that of `asking.rs`.
//!
//! What it is not: a reading of the head. Which of those that claim nothing is there is told to nobody.

use std::ops::Range;

use journal_core::{Claim, Claims, DeviceError, Lba, claim};
use smallvec::SmallVec;

use super::super::arena::ContentId;
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
        // Mostly nothing is open; or the head is not.
        if let Some(bytes) = self.closed(head) {
            let Some(claim) = bytes.and_then(|bytes| claims(&bytes)) else {
                return Some(Ok(false));
            };
            let summed = (claim.bytes().start, claim.bytes().end);
            if claim.sum.is_weak() || self.is_closed(summed) {
                return None;
            }
            if let Err(error) = self.reading_all_of(summed) {
                return Some(Err(error));
            }
            let (parts, passing) = self.passing_of(head, summed, claims)?;
            return Some(self.ask(&parts, passing, false));
        }
        let parts = self.parts(head, (0, 0));
        let claimed = self.claimed(&parts, head, claims)?;
        let Some((_, first)) = claimed.first() else { return Some(Ok(false)) };
        // Weak ones are passed by mixtures that bad luck alone does not make.
        if claimed.iter().any(|(_, claim)| claim.sum.is_weak()) {
            return None;
        }
        let summed = (first.bytes().start, first.bytes().end);
        if claimed.iter().any(|(_, claim)| claim.bytes() != first.bytes()) {
            let which = claimed.into_iter().map(|(choice, _)| choice).collect();
            return Some(self.ask_after(&parts, which, (head, claims)));
        }
        if let Err(error) = self.reading_all_of(summed) {
            return Some(Err(error));
        }
        let (parts, passing) = self.passing_of(head, summed, claims)?;
        Some(self.ask(&parts, passing, false))
    }

    /// What a sector holds, where that is certain whatever was read.
    fn closed_sector(&mut self, lba: u64) -> Option<ContentId> {
        let certain = self.certain(lba);
        if certain.is_some() || self.disk.rules.independent {
            return certain;
        }
        let listed = self.disk.listed(lba);
        self.settle(lba, &listed)
    }

    /// The bytes of a span, if nothing of it is open; none if a sector of it cannot be read.
    fn closed(&mut self, span: Span) -> Option<Option<SmallVec<[u8; 64]>>> {
        let sector = u64::from(self.disk.geometry.logical_bytes);
        let mut bytes = SmallVec::new();
        let mut can_be_read = true;
        for lba in lbas(span, sector) {
            let content = self.closed_sector(lba)?;
            can_be_read &= content != ContentId::UNREADABLE;
            if can_be_read {
                let base = lba * sector;
                let (from, to) = (span.0.max(base), span.1.min(base + sector));
                let content = self.disk.trace.arena.get(content);
                bytes.extend_from_slice(&content[(from - base) as usize..(to - base) as usize]);
            }
        }
        Some(can_be_read.then_some(bytes))
    }

    /// Whether nothing of a span is open; so it is if it leaves the device, which who reads it is told.
    fn is_closed(&mut self, span: Span) -> bool {
        let sectors = lbas(span, u64::from(self.disk.geometry.logical_bytes));
        let leaves = sectors.end > self.disk.geometry.sectors;
        span.0 >= span.1
            || leaves
            || sectors.into_iter().all(|lba| self.closed_sector(lba).is_some())
    }

    /// Asks which of these heads is there, if any, and then whether it is of something whole.
    fn ask_after(
        &mut self,
        heads: &[Part],
        which: Vec<Choice>,
        (head, claims): (Span, Claims<'_>),
    ) -> Result<bool, DeviceError> {
        if self.narrow_to(heads, which, None)?.is_empty() {
            return Ok(false);
        }
        let heads = self.parts(head, (0, 0));
        let claimed = self.claimed(&heads, head, claims).unwrap_or_default();
        let Some((_, claim)) = claimed.first() else { return Ok(false) };
        let summed = (claim.bytes().start, claim.bytes().end);
        self.reading_all_of(summed)?;
        match self.passing_of(head, summed, claims) {
            Some((parts, passing)) => self.ask(&parts, passing, false),
            None => claim::by_its_head(self, head.0, (head.1 - head.0) as usize, claims),
        }
    }

    /// Begins a read of all sectors of a span, if it is of any.
    fn reading_all_of(&mut self, span: Span) -> Result<(), DeviceError> {
        if span.0 < span.1 {
            let sector = u64::from(self.disk.geometry.logical_bytes);
            let sectors = lbas(span, sector);
            let bytes = (sectors.end - sectors.start) * sector;
            self.reading(Lba(sectors.start), bytes as usize)?;
        }
        Ok(())
    }

    /// The sectors that two spans lie in, those of the first in front.
    fn parts(&mut self, head: Span, summed: Span) -> Vec<Part> {
        let sector = u64::from(self.disk.geometry.logical_bytes);
        let (heads, mut all) = (lbas(head, sector), lbas(head, sector).collect::<Vec<u64>>());
        if summed.0 < summed.1 {
            all.extend(lbas(summed, sector).filter(|lba| !heads.contains(lba)));
        }
        all.into_iter().map(|lba| self.part(lba, within(&[head, summed], lba, sector))).collect()
    }

    /// What the sectors may hold, and which choices of it are whole, where all heads that claim anything
    /// claim these bytes; `None` where nothing is open, or there are too many heads.
    fn passing_of(
        &mut self,
        head: Span,
        summed: Span,
        claims: Claims<'_>,
    ) -> Option<(Vec<Part>, Vec<Choice>)> {
        let sector = u64::from(self.disk.geometry.logical_bytes);
        let mut parts = self.parts(head, summed);
        if !parts.iter().any(|part| part.open) {
            return None;
        }
        let heads = lbas(head, sector).count();
        let passing = self.all_that_pass(&mut parts, heads, head, claims, summed)?;
        Some((parts, passing))
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

/// The sectors that a span lies in.
fn lbas(span: Span, sector: u64) -> Range<u64> {
    span.0 / sector..span.1.div_ceil(sector)
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
