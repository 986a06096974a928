//! Asking what a part of a sector holds.
//!
//! The one idea: options that agree in the bytes that were asked for are one answer. The sector stays
//! open between them, and who asks for more of it asks on from there: that a line holds the head of an
//! entry is one answer, however many of its stores came behind the head. And parts that are of no use to who
//! asks are one answer among themselves: what is no block is zeros, garbage, or a block of before.
//!
//! Invariant: that of `asking.rs`. Asked part by part, a sector has no more answers than asked whole.
//!
//! What it is not: for a life in which nothing is asked in classes; there a sector is decided whole.

use std::ops::Range;

use journal_core::{DeviceError, Lba};
use smallvec::SmallVec;

use super::super::arena::{Arena, ContentId};
use super::super::classes::Part;
use super::Live;
use super::asking::Means;
use super::flipped::Notice;

/// How far the contents that a sector may hold differ in some bytes.
enum Differ {
    /// Not at all: this one stands for all.
    Never(ContentId),
    /// Wherever they differ.
    Always,
    /// Some of them do, or one cannot be read.
    Partly,
}

impl Live<'_> {
    /// See [`journal_core::BlockDevice::peek`], of a sector of so many bytes.
    pub(super) fn peek_part(
        &mut self,
        at: Lba,
        part: Range<usize>,
        bytes: usize,
    ) -> Result<&[u8], DeviceError> {
        self.reading(at, bytes)?;
        let (content, known) = match self.certain(at.0) {
            None if self.disk.asks_classes => self.peek_class(at.0, (part.start, part.end))?,
            None => (self.content(at.0), true),
            Some(content) => (content, true),
        };
        if content == ContentId::UNREADABLE {
            return Err(self.no_bytes(at.0));
        }
        let end = if known { bytes } else { part.end };
        Ok(&self.disk.trace.arena.get(content)[part.start..end])
    }

    /// A content that an open sector may hold, and that agrees with what it holds from one byte to
    /// another; and whether that is all that it holds.
    fn peek_class(
        &mut self,
        lba: u64,
        covered: (usize, usize),
    ) -> Result<(ContentId, bool), DeviceError> {
        if self.rests() {
            if !self.none_is_lost([lba])? {
                return Err(self.no_bytes(lba));
            }
            if let Some(content) = self.certain(lba) {
                return Ok((content, true));
            }
            if self.flipped(lba).is_some() {
                let part = self.part_of_flipped(lba, &[covered], &Notice::Tells);
                if let Some(content) = self.certain(lba) {
                    return Ok((content, true));
                }
                return match self.question(&part, &|option| class(&part, option))? {
                    Means::Class(class) => Ok((part.content(class), false)),
                    _ => Err(self.no_bytes(lba)),
                };
            }
        }
        match self.differ(lba, covered) {
            Differ::Never(content) => return Ok((content, false)),
            // Then nothing is left open, and there is less to it.
            Differ::Always => return Ok((self.content(lba), true)),
            Differ::Partly => {}
        }
        let part = self.part(lba, vec![covered]);
        let by_clauses = self.disk.part_by_clauses(&part);
        let part = by_clauses.as_ref().unwrap_or(&part);
        match self.question(part, &|option| class(part, option))? {
            Means::Class(class) => Ok((part.content(class), false)),
            _ => Err(self.no_bytes(lba)),
        }
    }

    /// See [`journal_core::BlockDevice::peek_if`], of an open sector of so many bytes, among coupled ones:
    /// contents whose part does not pass have that in common.
    pub(super) fn peek_passing(
        &mut self,
        at: Lba,
        part: Range<usize>,
        bytes: usize,
        passes: &dyn Fn(&[u8]) -> bool,
    ) -> Result<Option<&[u8]>, DeviceError> {
        self.reading(at, bytes)?;
        let (lba, covered) = (at.0, (part.start, part.end));
        if self.rests() && !self.none_is_lost([lba])? {
            return Err(self.no_bytes(lba));
        }
        let is_told = |bytes: &[u8]| passes(&bytes[part.clone()]);
        let held = match self.flipped(lba) {
            Some(_) => self.part_of_flipped(lba, &[covered], &Notice::TellsIf(&is_told)),
            None => self.part(lba, vec![covered]),
        };
        let arena = &self.disk.trace.arena;
        if !held.open {
            return match held.options[0].content {
                ContentId::UNREADABLE => Err(self.no_bytes(lba)),
                content => Ok(Some(&self.disk.trace.arena.get(content)[part])),
            };
        }
        let passing = |class: u32| passes(&arena.get(held.content(class))[part.clone()]);
        let passing: Vec<bool> = (0..held.classes.len() as u32).map(passing).collect();
        let means = |option: usize| match held.class_with(option) {
            None if held.is_flipped() => Means::Other,
            None => Means::Unreadable,
            Some(class) if passing[class as usize] => Means::Class(class),
            Some(_) => Means::Other,
        };
        match self.question(&held, &means)? {
            Means::Class(class) => Ok(Some(&self.disk.trace.arena.get(held.content(class))[part])),
            Means::Unreadable => Err(self.no_bytes(lba)),
            _ => Ok(None),
        }
    }

    /// How far what an open sector may hold differs in these bytes. Contents are looked at, too, that
    /// something else that was read rules out: to ask that takes longer.
    fn differ(&mut self, lba: u64, covered: (usize, usize)) -> Differ {
        if self.disk.rules.independent {
            self.disk.list_independent(lba);
            let contents = self.disk.options.iter().map(|option| option.content);
            return differ(&self.disk.trace.arena, contents, covered);
        }
        let listed = self.listing(lba);
        if self.settle(lba, &listed).is_some() {
            return Differ::Always;
        }
        let (disk, cut) = (&*self.disk, self.disk.cuts());
        let arena = &disk.trace.arena;
        let stands = |content: &ContentId| !disk.denied.after(arena, lba, cut, *content);
        let all = listed.whole.iter().chain(&listed.damaged).map(|option| option.content);
        differ(arena, all.filter(stands), covered)
    }
}

/// What an option means to who asks for bytes.
fn class(part: &Part, option: usize) -> Means {
    part.class_with(option).map_or(Means::Unreadable, Means::Class)
}

fn differ(
    arena: &Arena,
    contents: impl Iterator<Item = ContentId>,
    (from, to): (usize, usize),
) -> Differ {
    let readable = |content: ContentId| content != ContentId::UNREADABLE;
    let (mut never, mut always) = (true, true);
    let mut known: SmallVec<[ContentId; 16]> = SmallVec::new();
    for content in contents {
        if arena.is_among(&known, content) {
            continue;
        }
        for &other in &known {
            let both = readable(content) && readable(other);
            let differ = !both || arena.get(content)[from..to] != arena.get(other)[from..to];
            never &= !differ;
            always &= differ;
        }
        known.push(content);
    }
    match known[..] {
        [first, ..] if never && readable(first) => Differ::Never(first),
        _ if always => Differ::Always,
        _ => Differ::Partly,
    }
}
