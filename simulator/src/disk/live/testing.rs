//! Asking of one sector whether it passes a test, where a device couples nothing.
//!
//! The one idea: what `asking.rs` does for any range and any device, for the case that proofs spend
//! their time in: a look-ahead, sector by sector, over what was pending. Its options fall into two
//! groups, and nothing is allocated to say so.
//!
//! Invariant: the same questions, in the same order, with the same answers as `asking.rs` has.
//!
//! What it is not: another meaning of a test.

use std::num::NonZeroU32;

use journal_core::DeviceError;

use super::super::denied::Denial;
use super::super::trace::NONE;
use super::super::undecided;
use super::Live;
use super::asking::merge_stretches;
use crate::choose::{Chooser, Label, What};

impl<C: Chooser> Live<'_, C> {
    /// Whether an open sector passes; `None` where it may hold too many contents for this way.
    pub(super) fn test_sector(
        &mut self,
        lba: u64,
        test: &dyn Fn(&[u8]) -> bool,
    ) -> Option<Result<bool, DeviceError>> {
        let disk = &mut *self.disk;
        undecided::independent(&disk.trace, &disk.denied, lba, &mut disk.options);
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
                let label = match option.command {
                    NONE => Label::Old,
                    command => Label::Write(command),
                };
                disk.denied.push(Denial { lba, cut, content, label });
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
}
