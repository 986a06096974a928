//! A disk at work: the device that a journal sees during one life.
//!
//! The one idea: disk and chooser meet here and nowhere else. A read of an undecided sector, and in
//! later lives every write and flush, is a question to the chooser.
//!
//! Invariant: after the power went every call returns `PowerCut` and has no effect.
//!
//! What it is not: part of the search. It does not know which chooser it asks.

mod asking;
mod claimed;
mod deciding;
mod flipped;
mod heads;
mod intact;
mod peeking;
mod recording;
mod resting;
mod rewriting;
mod same;
mod searching;
mod testing;
mod whole;

pub(super) use asking::merge_stretches;

use std::num::NonZeroU32;
use std::ops::Range;

use journal_core::{
    BlockDevice, Checksum, Claim, Claims, DeviceError, Durability, Geometry, Lba, Piece, Span,
    Write, claim,
};

use super::arena::ContentId;
use super::contract::Fua;
use super::trace::{CallKind, NONE};
use super::verified::Question;
use super::{Disk, Fault, FaultKind};
use crate::choose::{Chooser, Label, What};

/// The device of one life.
pub struct Live<'a> {
    disk: &'a mut Disk,
    chooser: &'a mut dyn Chooser,
    /// How many calls an undisturbed life has, if the power may go during this one.
    cuttable: Option<u32>,
}

impl<'a> Live<'a> {
    /// A life during which the power stays on.
    pub fn new(disk: &'a mut Disk, chooser: &'a mut dyn Chooser) -> Self {
        Live { disk, chooser, cuttable: None }
    }

    /// A life during which the power may go at any call; `expected` calls weigh a random cut.
    pub fn cuttable(disk: &'a mut Disk, chooser: &'a mut dyn Chooser, expected: u32) -> Self {
        Live::asking(disk, chooser, Some(expected))
    }

    /// Either of the two: a life that asks at each call, if it is said how many it expects.
    pub fn asking(disk: &'a mut Disk, chooser: &'a mut dyn Chooser, expected: Option<u32>) -> Self {
        Live { disk, chooser, cuttable: expected }
    }

    /// The disk below.
    #[must_use]
    pub fn disk(&self) -> &Disk {
        self.disk
    }

    /// Counts an operation; says how it fails if it does.
    #[inline]
    fn operation(&mut self) -> Result<Option<FaultKind>, DeviceError> {
        if self.disk.dead {
            return Err(DeviceError::PowerCut);
        }
        let now = self.disk.operations;
        self.disk.operations += 1;
        match self.disk.fault {
            Some(Fault { operation, kind }) if operation == now => {
                self.disk.fault_fired = true;
                Ok(Some(kind))
            }
            _ => Ok(None),
        }
    }

    /// Counts a read; fails it if a fault says so, or if the journal has read more than a recovery
    /// that ends would read.
    #[inline]
    fn may_read(&mut self, at: Lba) -> Result<(), DeviceError> {
        if self.operation()?.is_some() {
            return Err(DeviceError::Io(at));
        }
        if let Some(left) = &mut self.disk.reads_left {
            // Once more than allowed is an error; a journal that reads on after that is stopped.
            if *left == 0 {
                crate::quiet::stop("recovery reads without end");
            }
            *left -= 1;
            if *left == 0 {
                return Err(DeviceError::Io(at));
            }
        }
        Ok(())
    }

    /// Asks whether the power goes during the call just recorded.
    #[inline]
    fn may_go(&mut self) -> Result<(), DeviceError> {
        let Some(expected) = self.cuttable else { return Ok(()) };
        let call = self.disk.trace.now() - 1 - self.disk.trace.life_start;
        let what =
            What::CutHere { life: self.disk.cuts(), call, left: expected.saturating_sub(call) };
        let two = const { NonZeroU32::new(2).unwrap() };
        if self.chooser.choose(what, two, &Label::Index) == 1 {
            self.disk.dead = true;
            return Err(DeviceError::PowerCut);
        }
        Ok(())
    }

    /// The sectors of an access, checked.
    #[inline]
    fn range(&self, at: Lba, bytes: usize) -> Result<u64, DeviceError> {
        self.disk.geometry.access(at, bytes)
    }

    /// Begins a read of these sectors, and counts it: how many they are.
    #[inline]
    fn reading(&mut self, at: Lba, bytes: usize) -> Result<u64, DeviceError> {
        let sectors = self.range(at, bytes)?;
        self.may_read(at)?;
        self.disk.traffic.reads += 1;
        self.disk.traffic.bytes_read += bytes as u64;
        Ok(sectors)
    }

    /// What a sector holds now, if that is certain.
    #[inline]
    fn certain(&self, lba: u64) -> Option<ContentId> {
        let trace = &self.disk.trace;
        let newest = trace.newest(lba);
        if newest == NONE {
            // With damage about, a sector that nobody wrote may still have been hit.
            let certain = trace.cuts.is_empty() || self.disk.rules.independent;
            return certain.then(|| trace.original(lba));
        }
        let version = trace.versions[newest as usize];
        if newest >= trace.life_version {
            // Not all is known of one in which bits flipped.
            return Some(version.content).filter(|content| trace.arena.ways(*content).is_none());
        }
        if !self.disk.rules.independent {
            return None;
        }
        // Where the newest version was stable at the last cut nothing is open.
        if trace.certain.contains(&version.call) {
            return Some(version.content);
        }
        trace.only(lba, newest)
    }

    /// What a sector holds now; decided if it was not.
    #[inline]
    fn content(&mut self, lba: u64) -> ContentId {
        match self.certain(lba) {
            Some(content) => content,
            None if self.disk.rules.independent => self.decide_independent(lba),
            None => self.decide(lba),
        }
    }

    /// The contents of as many sectors from `lba` on as lie side by side, at most `sectors`: the
    /// first content and how many. Asks about no sector twice.
    #[inline]
    fn contents_in_a_row(
        &mut self,
        lba: u64,
        sectors: u64,
    ) -> Result<(ContentId, u64), DeviceError> {
        let first = self.content(lba);
        if first == ContentId::UNREADABLE {
            return Err(self.no_bytes(lba));
        }
        let mut count = 1;
        while count < sectors && self.content(lba + count).0 == first.0 + count as u32 {
            count += 1;
        }
        Ok((first, count))
    }

    /// Whether something is whole whose head lies there.
    fn whole_in_parts(
        &mut self,
        (at_bytes, end): (u64, u64),
        claims: Claims<'_>,
    ) -> Result<bool, DeviceError> {
        match self.whole_by_classes((at_bytes, end), claims) {
            Some(answer) => answer,
            None => claim::by_its_head(self, at_bytes, (end - at_bytes) as usize, claims),
        }
    }

    /// Copies what the sectors from `lba` on hold.
    fn gather(&mut self, lba: u64, into: &mut [u8]) -> Result<(), DeviceError> {
        let sector = self.disk.geometry.logical_bytes as usize;
        for (lba, to) in (lba..).zip(into.chunks_exact_mut(sector)) {
            match self.content(lba) {
                ContentId::UNREADABLE => return Err(self.no_bytes(lba)),
                content => to.copy_from_slice(self.disk.trace.arena.get(content)),
            }
        }
        Ok(())
    }
}

impl BlockDevice for Live<'_> {
    fn geometry(&self) -> Geometry {
        self.disk.geometry
    }

    fn read(&mut self, at: Lba, into: &mut [u8]) -> Result<(), DeviceError> {
        self.reading(at, into.len())?;
        self.gather(at.0, into)
    }

    fn read_to_rewrite(
        &mut self,
        at: Lba,
        into: &mut [u8],
        overwrites: Range<usize>,
    ) -> Result<bool, DeviceError> {
        self.read_for(at, into, &overwrites).map_err(|error| error.of_span(Some(at)))
    }

    fn lend<'a>(&'a mut self, at: Lba, scratch: &'a mut [u8]) -> Result<&'a [u8], DeviceError> {
        let sectors = self.reading(at, scratch.len())?;
        let (first, in_a_row) = self.contents_in_a_row(at.0, sectors)?;
        if in_a_row == sectors {
            return Ok(self.disk.trace.arena.in_a_row(first, sectors as usize));
        }
        let sector = self.disk.geometry.logical_bytes as usize;
        let split = in_a_row as usize * sector;
        scratch[..split].copy_from_slice(self.disk.trace.arena.in_a_row(first, in_a_row as usize));
        for (i, to) in (in_a_row..sectors).zip(scratch[split..].chunks_exact_mut(sector)) {
            match self.content(at.0 + i) {
                ContentId::UNREADABLE => return Err(self.no_bytes(at.0 + i)),
                content => to.copy_from_slice(self.disk.trace.arena.get(content)),
            }
        }
        Ok(scratch)
    }

    fn peek<'a>(
        &'a mut self,
        at: Lba,
        part: Range<usize>,
        scratch: &'a mut [u8],
    ) -> Result<&'a [u8], DeviceError> {
        self.peek_part(at, part, scratch.len())
    }

    fn peek_if<'a>(
        &'a mut self,
        at: Lba,
        part: Range<usize>,
        scratch: &'a mut [u8],
        passes: &dyn Fn(&[u8]) -> bool,
    ) -> Result<Option<&'a [u8]>, DeviceError> {
        // Where sectors are independent few contents differ, and to tell them apart is cheaper.
        let merges = self.disk.asks_classes && !self.disk.rules.independent;
        if !merges || self.certain(at.0).is_some() {
            let is_all = part == (0..scratch.len());
            let held = if is_all { self.lend(at, scratch) } else { self.peek(at, part, scratch) };
            return held.map(Some);
        }
        self.peek_passing(at, part, scratch.len(), passes)
    }

    fn pays_by_parts(&self) -> bool {
        // Where a bit flipped all bytes tell it apart from each of the others.
        self.disk.asks_classes && self.disk.rules.budget.flips > 0
    }

    fn doubts(&self, at: Lba) -> u32 {
        // Each flipped bit is another content, where a cut leaves a few.
        match self.certain(at.0) {
            Some(_) => 0,
            None => 1 + u32::from(self.flipped(at.0).is_some()),
        }
    }

    fn find(
        &mut self,
        at: Lba,
        count: u64,
        scratch: &mut [u8],
        test: &dyn Fn(u64, &[u8]) -> bool,
    ) -> Result<Option<u64>, DeviceError> {
        let each = self.searching(at, count, scratch.len())?;
        self.first_that_passes((at.0, count, each), scratch, test)
    }

    fn any(
        &mut self,
        at: Lba,
        count: u64,
        scratch: &mut [u8],
        test: &dyn Fn(u64, &[u8]) -> bool,
    ) -> Result<bool, DeviceError> {
        let each = self.searching(at, count, scratch.len())?;
        if each == 1
            && self.disk.asks_classes
            && self.disk.clauses.allowed
            && !self.disk.rules.independent
            && !self.rests()
            && let Some(answer) = self.ask_any((at.0, count), test)?
        {
            return Ok(answer);
        }
        Ok(self.first_that_passes((at.0, count, each), scratch, test)?.is_some())
    }

    fn is_whole(
        &mut self,
        at_bytes: u64,
        head_bytes: usize,
        claims: Claims<'_>,
    ) -> Result<bool, DeviceError> {
        let sector = u64::from(self.disk.geometry.logical_bytes);
        let end = at_bytes + head_bytes as u64;
        let first = at_bytes / sector;
        self.reading(Lba(first), ((end.div_ceil(sector) - first) * sector) as usize)?;
        self.whole_in_parts((at_bytes, end), claims)
    }

    fn passes(
        &mut self,
        at_bytes: u64,
        len: usize,
        test: &dyn Fn(&[u8]) -> bool,
    ) -> Result<bool, DeviceError> {
        let sector = u64::from(self.disk.geometry.logical_bytes);
        let (lba, from) = (at_bytes / sector, (at_bytes % sector) as usize);
        // Where no bits flip a head that claims nothing else says it as well.
        if !self.pays_by_parts() || from + len > sector as usize {
            return self.is_whole(at_bytes, len, &|head| test(head).then(Claim::of_head));
        }
        self.reading(Lba(lba), sector as usize)?;
        if self.none_may_pass(lba, (from, from + len), test) || !self.none_is_lost([lba])? {
            return Ok(false);
        }
        match self.flipped(lba) {
            Some(_) => self.test_flipped(lba, (from, from + len), test),
            None => self.whole_in_parts((at_bytes, at_bytes + len as u64), &|head| {
                test(head).then(Claim::of_head)
            }),
        }
    }

    fn verify(
        &mut self,
        pieces: &[Piece<'_>],
        sum: Checksum,
        expected: u64,
    ) -> Result<bool, DeviceError> {
        let sector = u64::from(self.disk.geometry.logical_bytes);
        let spans = pieces.iter().filter_map(|piece| piece.sectors(sector));
        let span = spans.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)));
        let of_span = |error: DeviceError| error.of_span(span.map(|(first, _)| Lba(first)));
        let mut question = None;
        if let Some((first, last)) = span {
            self.reading(Lba(first), ((last - first) * sector) as usize)?;
            if self.disk.asks_classes
                && let Some(answer) = self.verify_classes((first, last), pieces, sum, expected)
            {
                return answer;
            }
            // What lies between the pieces is not read where reading might lose it.
            if !self.disk.rules.contract.damages_at_rest() {
                let (content, sectors) =
                    self.contents_in_a_row(first, last - first).map_err(of_span)?;
                if sectors == last - first {
                    let run = (content, sectors as u32);
                    question = Question::new((sum, expected), run, first * sector, pieces);
                }
            }
        }
        let known = question.and_then(|question| self.disk.verified.answer(&question));
        if let Some(answer) = known {
            return Ok(answer);
        }
        let mut running = sum.begin();
        for piece in pieces {
            let (at, bytes) = match *piece {
                Piece::Given(bytes) => {
                    running.update(bytes);
                    continue;
                }
                Piece::Device { at_bytes, bytes } => (at_bytes, bytes),
            };
            let (mut lba, last) = (at / sector, (at + bytes).div_ceil(sector));
            let (mut skip, mut left) = ((at % sector) as usize, bytes as usize);
            while lba < last {
                let (content, sectors) =
                    self.contents_in_a_row(lba, last - lba).map_err(of_span)?;
                let run = &self.disk.trace.arena.in_a_row(content, sectors as usize)[skip..];
                let run = &run[..run.len().min(left)];
                running.update(run);
                left -= run.len();
                skip = 0;
                lba += sectors;
            }
        }
        let answer = running.finish() == expected;
        if let Some(question) = question {
            self.disk.verified.remember(question, answer);
        }
        Ok(answer)
    }

    fn write(&mut self, writes: &[Write<'_>]) -> Result<(), DeviceError> {
        for write in writes {
            self.range(write.at, write.data.len())?;
        }
        let Some(first) = writes.first() else { return Ok(()) };
        let fails = self.operation()?;
        match fails {
            Some(FaultKind::Error) => return Err(DeviceError::Io(first.at)),
            Some(FaultKind::NoSpace) => return Err(DeviceError::NoSpace(first.at)),
            Some(FaultKind::ErrorButDone) | None => {}
        }
        let (call, rank) = self.begin_writes();
        let sector = self.disk.geometry.logical_bytes as usize;
        for write in writes {
            let sectors = (write.data.len() >> sector.trailing_zeros()) as u64;
            self.record(write, sectors, (call, rank));
        }
        self.may_go()?;
        if fails.is_some() {
            return Err(DeviceError::Io(first.at));
        }
        let post_flush = self.disk.rules.fua() == Fua::PostFlush
            && writes.iter().any(|write| write.durability == Durability::Fua);
        if post_flush {
            // Nobody knows whether cached commands beside it had completed when the flush that
            // comes with the FUA one was issued: it covers the calls before.
            let mixed = writes.iter().any(|write| write.durability != Durability::Fua);
            self.flushed(if mixed { call } else { call + 1 });
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), DeviceError> {
        let fails = self.operation()?;
        self.disk.trace.begin_call(CallKind::Flush);
        self.disk.traffic.flushes += 1;
        self.may_go()?;
        if fails.is_some() {
            // fsyncgate: the pages are marked clean, and no later flush writes them.
            let stable_before = self.disk.trace.stable_before;
            let trace = &mut self.disk.trace;
            trace.dropped = true;
            for command in trace.commands.iter_mut().rev() {
                if command.call < stable_before {
                    break;
                }
                command.dropped = true;
            }
            return Err(DeviceError::Io(Lba(0)));
        }
        self.flushed(self.disk.trace.now());
        Ok(())
    }

    fn discard(&mut self, at: Lba, sectors: u64) -> Result<(), DeviceError> {
        self.write_same(0, &[Span { at, sectors }])
    }

    fn write_same(&mut self, byte: u8, spans: &[Span]) -> Result<(), DeviceError> {
        self.write_spans(byte, spans)
    }

    fn knows_same(&mut self, at: Lba, sectors: u64, byte: u8) -> u64 {
        self.known(at.0, sectors, byte)
    }
}
