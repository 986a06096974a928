//! Asking of one sector whether it passes a test.
//!
//! The one idea: what `asking.rs` does for any range, for the case that proofs spend
//! their time in: a look-ahead, sector by sector, over what was pending. Its options fall into two
//! groups, and little is allocated to say so: nothing where a device couples nothing.
//!
//! Invariant: the same questions, in the same order, with the same answers as `asking.rs` has.
//!
//! What it is not: another meaning of a test.

use std::num::NonZeroU32;

use journal_core::DeviceError;

use super::super::denied::Denial;
use super::super::trace::NONE;
use super::super::undecided::Content;
use super::Live;
use super::asking::merge_stretches;
use crate::choose::{Label, What};

impl Live<'_> {
    /// Whether an open sector passes; `None` where it may hold too many contents for this way.
    pub(super) fn test_sector(
        &mut self,
        lba: u64,
        test: &dyn Fn(&[u8]) -> bool,
    ) -> Option<Result<bool, DeviceError>> {
        let disk = &mut *self.disk;
        disk.list_independent(lba);
        if disk.options.len() > u64::BITS as usize {
            return None;
        }
        let bit = |passes: bool, i: usize| u64::from(passes) << i;
        let arena = &disk.trace.arena;
        let verdicts = disk.options.iter().map(|option| test(arena.get(option.content)));
        let passing = verdicts.enumerate().fold(0, |mask, (i, passes)| mask | bit(passes, i));
        let all = u64::MAX >> (u64::BITS as usize - disk.options.len());
        if passing == 0 || passing == all {
            return Some(Ok(passing != 0));
        }
        // The group of the newest option first.
        let newest_passes = passing & 1 == 1;
        let group = |passes: bool| if passes { passing } else { !passing };
        let mut sizes = [0; 2];
        let stretches = &mut disk.stretches;
        stretches.clear();
        for (size, passes) in sizes.iter_mut().zip([newest_passes, !newest_passes]) {
            let before = stretches.len();
            let members = (0..).zip(&disk.options).filter(|(i, _)| group(passes) >> i & 1 == 1);
            stretches.extend(members.map(|(_, option)| option.window));
            merge_stretches(stretches, before);
            *size = stretches.len() - before;
        }
        if self.went_before() {
            return Some(Err(DeviceError::PowerCut));
        }
        let count = NonZeroU32::new((sizes[0] + sizes[1]) as u32).expect("both groups have some");
        let what = What::Class { cut: self.disk.cuts(), lba };
        self.disk.traffic.decided += 1;
        let answer = self.chooser.choose(what, count, &Label::Index) as usize;
        let disk = &mut *self.disk;
        let window = disk.stretches[answer];
        if window != disk.window() {
            disk.trace.narrow(window.0, window.1);
        }
        let passes = (answer < sizes[0]) == newest_passes;
        let (cut, mut left) = (disk.cuts(), None);
        let mut one_is_left = true;
        for (i, option) in disk.options.iter().enumerate() {
            let content = option.content;
            if group(passes) >> i & 1 == 0 {
                disk.denied.push(Denial { lba, cut, content });
            } else {
                let first = *left.get_or_insert(content);
                one_is_left &= disk.trace.arena.same(first, content);
            }
        }
        if let Some(content) = left.filter(|_| one_is_left) {
            let now = disk.trace.life_start;
            disk.trace.put(lba, content, NONE, now);
        }
        Some(Ok(passes))
    }

    /// [`Live::test_sector`] where sectors are coupled.
    pub(super) fn test_coupled(
        &mut self,
        lba: u64,
        test: &dyn Fn(&[u8]) -> bool,
    ) -> Option<Result<bool, DeviceError>> {
        let listed = self.listing(lba);
        let options = || listed.whole.iter().chain(&listed.damaged);
        if options().count() > u64::BITS as usize {
            return None;
        }
        let disk = &*self.disk;
        let (cut, arena) = (disk.cuts(), &disk.trace.arena);
        let bits = |of: &dyn Fn(&Content) -> bool| {
            (0..).zip(options()).fold(0, |mask, (i, option)| mask | u64::from(of(option)) << i)
        };
        let mut passing: u64 = bits(&|option| self.content_passes(option.content, test));
        // Most hold nothing that passes, whatever was read; to find out what is possible takes longer.
        if passing == 0 {
            return Some(Ok(false));
        }
        let (demands, denied) = (disk.demands(), disk.denied.of(lba, cut));
        let possible = bits(&|option| {
            let content = option.content;
            !arena.is_among(&denied, content)
                && option.why.iter().any(|why| demands.admits(lba, content, why))
        });
        passing &= possible;
        if passing == 0 || passing == possible {
            return Some(Ok(passing != 0));
        }
        if self.went_before() {
            return Some(Err(DeviceError::PowerCut));
        }
        let two = const { NonZeroU32::new(2).unwrap() };
        let what = What::Class { cut, lba };
        self.disk.traffic.decided += 1;
        let newest = self.chooser.choose(what, two, &Label::Index) == 0;
        let newest_passes = passing & possible & possible.wrapping_neg() != 0;
        let passes = newest == newest_passes;
        let group = if passes { passing } else { possible & !passing };
        let members = || options().enumerate().filter(|(i, _)| group >> i & 1 == 1);
        let demands = self.disk.demands();
        let admitted = |option: &Content| {
            let content = option.content;
            let all = option.why.iter().filter(|why| demands.admits(lba, content, why));
            all.cloned().collect::<Vec<_>>()
        };
        let why = members().flat_map(|(_, option)| admitted(option)).collect();
        self.explain(lba, why);
        let disk = &mut *self.disk;
        let arena = &disk.trace.arena;
        for (i, option) in options().enumerate().filter(|(i, _)| possible >> i & 1 == 1) {
            let known = |other: &(usize, &Content)| {
                other.0 < i
                    && possible >> other.0 & 1 == 1
                    && arena.same(other.1.content, option.content)
            };
            if group >> i & 1 == 0 && !options().enumerate().any(|other| known(&other)) {
                disk.denied.push(Denial { lba, cut, content: option.content });
            }
        }
        let (_, first) = members().next().expect("an answer has a content");
        if members().all(|(_, option)| arena.same(first.content, option.content)) {
            let now = disk.trace.life_start;
            disk.trace.put(lba, first.content, NONE, now);
        }
        Some(Ok(passes))
    }
}
