//! Asking whether something is whole, as its head claims.
//!
//! Method. Each head that the sectors may hold claims a checksum, or nothing; the choices of contents
//! that pass are those of these checksums. Two answers where one choice passes and clauses are allowed, and sector
//! by sector otherwise, as for any other question (`asking.rs`). Where heads claim different bytes, or bytes
//! that the device does not have, it is asked first which of them is there, and all that claim nothing are
//! one answer.
//!
//! Invariant: that of `asking.rs`.
//!
//! What it is not: a reading of the head. Which of those that claim nothing is there is told to nobody.

use std::ops::Range;

use journal_core::checksum::stored;
use journal_core::{Claim, Claims, DeviceError, Expected, Lba};
use rustc_hash::FxHashMap;
use smallvec::SmallVec;

use super::super::arena::ContentId;
use super::super::classes::{Admitted, Choice, Members, Part};
use super::super::passed::Segment;
use super::Live;
use super::flipped::misses;
use super::intact::Whether;

/// Most heads that are looked at.
const HEADS_MAX: u64 = 256;

/// Half-open, in bytes from the start of the device.
type Span = (u64, u64);

impl Live<'_> {
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
        let of_head = lbas(head, sector);
        if self.rests_unseen()
            && of_head.end - of_head.start == 1
            && let [within] = within(&[head], of_head.start, sector)[..]
            && self.none_may_pass(of_head.start, within, &|head| claims(head).is_some())
        {
            return Some(Ok(false));
        }
        match self.none_is_lost(of_head) {
            Ok(true) => {}
            cannot => return Some(cannot),
        }
        // Mostly nothing is open.
        if let Some(bytes) = self.closed(head) {
            let Some(claim) = bytes.and_then(|bytes| claims(&bytes)) else {
                return Some(Ok(false));
            };
            if self.is_closed(span_of(&claim)) {
                return None;
            }
        }
        let heads = self.heads(head, claims)?;
        let claimed = self.claimed(&heads, head, claims)?;
        let Some((_, first)) = claimed.first() else { return Some(Ok(false)) };
        let summed = span_of(first);
        let is_one = claimed.iter().all(|(_, claim)| span_of(claim) == summed);
        // A claim that leaves the device is an error where that head is, and nowhere else; and where nothing
        // is claimed nothing else is read, so nothing else is lost at rest.
        if is_one && !self.leaves(summed) && !self.rests() {
            return self.ask_claims(heads, (head, summed), claims);
        }
        let which = claimed.into_iter().map(|(choice, _)| choice).collect();
        let merged = is_one.then(|| heads.iter().rposition(|part| part.open)).flatten();
        match self.narrow_to(&heads, which, merged) {
            Ok(left) if left.is_empty() => return Some(Ok(false)),
            Ok(_) => {}
            Err(error) => return Some(Err(error)),
        }
        // What is left of the head claims the same, whichever it is.
        let heads = self.heads(head, claims)?;
        let claimed = self.claimed(&heads, head, claims)?;
        let Some((_, claim)) = claimed.first() else { return Some(Ok(false)) };
        self.ask_claims(heads, (head, span_of(claim)), claims)
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
        let mut sectors = lbas(span, u64::from(self.disk.geometry.logical_bytes));
        self.leaves(span) || sectors.all(|lba| self.closed_sector(lba).is_some())
    }

    /// Whether a span leaves the device.
    fn leaves(&self, span: Span) -> bool {
        let sectors = lbas(span, u64::from(self.disk.geometry.logical_bytes));
        sectors.end > self.disk.geometry.sectors
    }

    /// The sectors of a head, as far as the head tells what they hold apart.
    fn heads(&mut self, head: Span, claims: Claims<'_>) -> Option<Vec<Part>> {
        let sector = u64::from(self.disk.geometry.logical_bytes);
        let part = |lba| match self.flipped(lba) {
            Some(_) => self.head_of_flipped(lba, (head, false), claims),
            None => Some(self.part(lba, within(&[head], lba, sector))),
        };
        lbas(head, sector).map(part).collect()
    }

    /// Asks whether something is whole of which all heads that claim anything claim the same bytes; `None`
    /// where nothing is open, or there are too many heads.
    fn ask_claims(
        &mut self,
        heads: Vec<Part>,
        (head, summed): (Span, Span),
        claims: Claims<'_>,
    ) -> Option<Result<bool, DeviceError>> {
        let sector = u64::from(self.disk.geometry.logical_bytes);
        let sectors = lbas(summed, sector);
        let bytes = (sectors.end - sectors.start) * sector;
        if bytes > 0
            && let Err(error) = self.reading(Lba(sectors.start), bytes as usize)
        {
            return Some(Err(error));
        }
        // Of what is summed whole it makes no difference which sector was damaged, or how.
        let of_head = lbas(head, sector);
        if self.rests_unseen()
            && !self.claimed(&heads, head, claims)?.iter().any(|(_, claim)| misses(claim))
        {
            let all = (0, sector as usize);
            let is_summed = |lba: &u64| within(&[summed], *lba, sector)[..] == [all];
            let whole = sectors.clone().filter(|lba| !of_head.contains(lba) && is_summed(lba));
            match self.are_all(whole, Whether::IsAsLeft) {
                Ok(Some(false)) => {
                    self.disk.collisions.excluded |= self.disk.rules.budget.flips > 0;
                    return Some(Ok(false));
                }
                Ok(_) => {}
                Err(error) => return Some(Err(error)),
            }
        }
        match self.none_is_lost(sectors.clone()) {
            Ok(true) => {}
            cannot => return Some(cannot),
        }
        let count = heads.len();
        let covered = |lba| within(&[head, summed], lba, sector);
        let again = |part: Part| {
            let lba = part.lba;
            match self.flipped(lba) {
                Some(_) => self.head_of_flipped(lba, (head, true), claims),
                None => Some(part.covering(&self.disk.trace.arena, covered(lba))),
            }
        };
        let mut parts: Vec<Part> = heads.into_iter().map(again).collect::<Option<_>>()?;
        let others = sectors.filter(|lba| !of_head.contains(lba));
        parts.extend(others.map(|lba| self.part(lba, covered(lba))));
        if !parts.iter().any(|part| part.open) {
            return None;
        }
        let passing = self.all_that_pass(&mut parts, count, head, claims)?;
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
    ) -> Option<Vec<Choice>> {
        let sector = u64::from(self.disk.geometry.logical_bytes);
        let mut passing: Vec<Choice> = Vec::new();
        let all: Vec<Vec<Members>> =
            parts[..heads].iter().map(|part| part.classes.clone()).collect();
        for (choice, claim) in self.claimed(&parts[..heads], head, claims)? {
            for ((part, classes), &class) in parts.iter_mut().zip(&all).zip(&choice) {
                part.classes = vec![classes[class as usize].clone()];
            }
            let noticed = |part: &Part| part.options.iter().any(Admitted::is_noticed);
            if misses(&claim) && parts.iter().any(noticed) {
                return None;
            }
            let segments = segments(&claim, parts, sector);
            let expected = match claim.expected() {
                Expected::Is(expected) => expected,
                Expected::Behind => 0,
            };
            let found = self.passing((claim.sum, expected), &segments, parts)?;
            passing.extend(found.into_iter().map(|mut found| {
                found[..heads].copy_from_slice(&choice);
                found
            }));
        }
        parts.iter_mut().zip(all).for_each(|(part, classes)| part.classes = classes);
        Some(passing)
    }
}

/// What a claim is about.
pub(super) fn span_of(claim: &Claim) -> Span {
    (claim.span().start, claim.span().end)
}

/// The sectors that a span lies in, if it is of any.
pub(super) fn lbas(span: Span, sector: u64) -> Range<u64> {
    match span.0 < span.1 {
        true => span.0 / sector..span.1.div_ceil(sector),
        false => 0..0,
    }
}

/// What of some spans lies in a sector, in bytes from its start.
pub(super) fn within(spans: &[Span], lba: u64, sector: u64) -> Vec<(usize, usize)> {
    let base = lba * sector;
    let clip = |&(from, to): &Span| {
        let (from, to) = (from.max(base), to.min(base + sector));
        (from < to).then(|| ((from - base) as usize, (to - base) as usize))
    };
    spans.iter().filter_map(clip).collect()
}

/// What a claim is summed of, and where the checksum is stored if it is.
fn segments<'c>(claim: &'c Claim, parts: &[Part], sector: u64) -> Vec<Segment<'c>> {
    let mut segments = vec![Segment::Given(claim.before())];
    let (summed, all) = (claim.bytes(), claim.span());
    let mut of: Vec<(u64, Segment<'_>)> = Vec::with_capacity(parts.len());
    for (part, lba) in parts.iter().enumerate().map(|(number, part)| (number, part.lba)) {
        let of_sum = within(&[(summed.start, summed.end)], lba, sector);
        of.extend(of_sum.into_iter().map(|(from, to)| (lba, Segment::Of { part, from, to })));
        let of_trailer = within(&[(summed.end, all.end)], lba, sector);
        let stored = of_trailer.into_iter();
        of.extend(stored.map(|(from, to)| (lba, Segment::Stored { part, from, to })));
    }
    // In a sector what is summed comes first, and stays there.
    of.sort_by_key(|&(lba, _)| lba);
    segments.extend(of.into_iter().map(|(_, segment)| segment));
    segments
}

/// Whether a claim holds, if what it is about is known: of one sector these bytes, of others the contents,
/// or that they cannot be read.
pub(super) fn holds(
    claim: &Claim,
    (own, bytes): (u64, &[u8]),
    sector: u64,
    contents: &FxHashMap<u64, Option<Vec<u8>>>,
) -> Option<bool> {
    let mut running = claim.sum.begin();
    running.update(claim.before());
    let (mut trailer, summed, span): (SmallVec<[u8; 8]>, _, _) =
        (SmallVec::new(), claim.bytes(), claim.span());
    let mut at = span.start;
    while at < span.end {
        let lba = at / sector;
        let mut end = span.end.min((lba + 1) * sector);
        if at < summed.end {
            end = end.min(summed.end);
        }
        let held = match lba == own {
            true => bytes,
            false => match contents.get(&lba)? {
                Some(held) => held,
                None => return Some(false),
            },
        };
        let here = &held[(at - lba * sector) as usize..(end - lba * sector) as usize];
        match at < summed.end {
            true => running.update(here),
            false => trailer.extend_from_slice(here),
        }
        at = end;
    }
    Some(
        running.finish()
            == match claim.expected() {
                Expected::Is(expected) => expected,
                Expected::Behind => stored(&trailer),
            },
    )
}

/// Whether two heads claim the same.
pub(super) fn same(one: &Option<Claim>, other: &Option<Claim>) -> bool {
    let of = |claim: &Claim| (claim.sum, claim.expected(), claim.bytes());
    match (one, other) {
        (Some(a), Some(b)) => of(a) == of(b) && a.before() == b.before(),
        (None, None) => true,
        _ => false,
    }
}
