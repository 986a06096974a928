//! Looking for what passes a test among runs of sectors, one behind the other.
//!
//! Method. One after the other, up to the first that passes. Who wants to know only whether any does is
//! asked so behind the last cut of a run: that none passes says of each sector that it holds what does
//! not, and that one does is kept as a clause (`clauses.rs`): not all of them hold what does not. Two
//! answers, where one after the other has as many as there are sectors. Where sectors are independent it
//! saves no time: there a leaf is cheaper than a clause (`testing.rs`), so it is not asked so.
//!
//! Invariant: that of `asking.rs`.
//!
//! What it is not: for runs of several sectors, of which none is asked for by itself.

use journal_core::{DeviceError, Lba};

use super::super::arena::ContentId;
use super::super::classes::Part;
use super::Live;
use super::whole::Side;

impl Live<'_> {
    /// Begins to look through `count` runs of so many bytes: how many sectors each of them has.
    pub(super) fn searching(
        &mut self,
        at: Lba,
        count: u64,
        bytes: usize,
    ) -> Result<u64, DeviceError> {
        let all = usize::try_from(count).unwrap_or(usize::MAX).saturating_mul(bytes);
        let each = self.range(at, bytes)?;
        self.reading(at, all)?;
        Ok(each)
    }

    /// The first of `count` runs of `each` sectors from `lba` on that passes.
    pub(super) fn first_that_passes(
        &mut self,
        (lba, count, each): (u64, u64, u64),
        scratch: &mut [u8],
        test: &dyn Fn(u64, &[u8]) -> bool,
    ) -> Result<Option<u64>, DeviceError> {
        for number in 0..count {
            let lba = lba + number * each;
            // Where nothing is open there is nothing to ask: most of what lies behind a log.
            if each == 1
                && let Some(content) = self.certain(lba)
            {
                let readable = content != ContentId::UNREADABLE;
                if readable && test(number, self.disk.trace.arena.get(content)) {
                    return Ok(Some(number));
                }
                continue;
            }
            if self.disk.asks_classes {
                match self.test_classes(lba, each, &|bytes| test(number, bytes)) {
                    Some(Ok(true)) => return Ok(Some(number)),
                    Some(Ok(false)) => continue,
                    Some(Err(error)) => return Err(error),
                    None => {}
                }
            }
            if self.reads_as(lba, each, scratch, &|bytes| test(number, bytes))? {
                return Ok(Some(number));
            }
        }
        Ok(None)
    }

    /// Whether a run of `each` sectors can be read, and passes.
    fn reads_as(
        &mut self,
        lba: u64,
        each: u64,
        scratch: &mut [u8],
        test: &dyn Fn(&[u8]) -> bool,
    ) -> Result<bool, DeviceError> {
        match self.contents_in_a_row(lba, each) {
            Ok((first, in_a_row)) if in_a_row == each => {
                Ok(test(self.disk.trace.arena.in_a_row(first, each as usize)))
            }
            Ok(_) => match self.gather(lba, scratch) {
                Ok(()) => Ok(test(scratch)),
                Err(DeviceError::Unreadable(_)) => Ok(false),
                Err(error) => Err(error),
            },
            Err(DeviceError::Unreadable(_)) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Where sectors are coupled: whether any of `count` of them from `lba` on passes; `None` where that is
    /// to be asked sector by sector.
    pub(super) fn ask_any(
        &mut self,
        (lba, count): (u64, u64),
        test: &dyn Fn(u64, &[u8]) -> bool,
    ) -> Result<Option<bool>, DeviceError> {
        let mut open: Vec<u64> = Vec::new();
        for (number, lba) in (0..count).zip(lba..) {
            match self.certain(lba) {
                None => open.push(number),
                Some(content) if self.content_passes(content, &|bytes| test(number, bytes)) => {
                    return Ok(Some(true));
                }
                Some(_) => {}
            }
        }
        // Those that may pass; and of each the options that fail, and those that do not.
        let (mut parts, mut split): (Vec<Part>, Vec<[Vec<usize>; 2]>) = Default::default();
        for number in open {
            let test = |bytes: &[u8]| test(number, bytes);
            // Most hold nothing that passes, whatever was read; to find out what is possible takes longer.
            if !self.may_pass(lba + number, &test) {
                continue;
            }
            let part = self.part(lba + number, Vec::new());
            let (passing, failing): (Vec<usize>, Vec<usize>) = (0..part.options.len())
                .partition(|&option| self.content_passes(part.options[option].content, &test));
            if failing.is_empty() {
                return Ok(Some(true));
            }
            if !passing.is_empty() {
                parts.push(part);
                split.push([failing, passing]);
            }
        }
        if let [part] = &parts[..] {
            let passes = |bytes: &[u8]| test(part.lba - lba, bytes);
            return self.test_classes(part.lba, 1, &passes).transpose();
        }
        if parts.is_empty() {
            return Ok(Some(false));
        }
        // What is asked is whether all of them fail.
        let sides = parts.iter().zip(split);
        let sides = sides
            .map(|(part, [failing, passing])| Side { part, passing: failing, others: passing })
            .collect();
        let all_fail = self.ask_sides(sides)?;
        Ok(all_fail.map(|all_fail| !all_fail))
    }

    /// Whether a content that the contract allows an open sector to hold passes.
    fn may_pass(&mut self, lba: u64, test: &dyn Fn(&[u8]) -> bool) -> bool {
        let listed = self.disk.listed(lba);
        let mut options = listed.whole.iter().chain(&listed.damaged);
        options.any(|option| self.content_passes(option.content, test))
    }

    /// Whether a content passes.
    pub(super) fn content_passes(&self, content: ContentId, test: &dyn Fn(&[u8]) -> bool) -> bool {
        content != ContentId::UNREADABLE && test(self.disk.trace.arena.get(content))
    }
}
