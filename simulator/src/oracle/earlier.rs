//! Earlier logs: what a device that ignores flushes may bring back.
//!
//! The one idea: order, atomicity and integrity say that what is shown is *a* log: nothing invented,
//! nothing missing inside, no group in part. That it is the *newest* is what durability and
//! no-resurrection say, and they are not owed where a flush makes nothing stable: there the medium may be
//! what an earlier life left. So what a recovery shows is held against the log first, and then against the
//! logs that earlier lives ended with, the operations before the first life included.
//!
//! The crash that makes the difference, on a journal of blocks of eight sectors:
//! 1. a block of two entries is torn at the cut, and recovery shows what lies before it;
//! 2. the client does the lost work again, the same bytes, in groups of other sizes; the padding of
//!    the new block is the padding of the old one;
//! 3. of all this the device keeps the new padding, which completes the old block, and not the header
//!    that disowned it: the old log is back. By its bytes it is the beginning of the new log, cut in
//!    the middle of a group; but it is an old group, and it is whole.
//!
//! Invariant: what is a range of no log, neither of this life nor of one before, is never excused: a
//! new beginning with an old end (a *splice*) is order, however much the device may lose.
//!
//! What it is not: asked where flush is honoured. There what a recovery did not show is gone, and what
//! comes back is resurrection.

use super::{Ledger, Obligation};
use crate::workload::Payloads;

/// The log that a life ended with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EarlierLog {
    /// Indices into the entries sent, in order.
    log: Vec<u32>,
    /// How many may be gone at its front.
    released: u32,
}

impl EarlierLog {
    /// Adds to `name` what tells it from others.
    pub(super) fn name(&self, name: &mut Vec<u64>) {
        name.extend([self.log.len() as u64, u64::from(self.released)]);
        name.extend(self.log.iter().map(|&at| u64::from(at)));
    }

    /// Entries that a checkpoint of a later life let go may be missing here, too.
    fn let_go(&mut self, gone: &[u32]) {
        let at_front = |log: &EarlierLog| log.log.get(log.released as usize).copied();
        while at_front(self).is_some_and(|front| gone.contains(&front)) {
            self.released += 1;
        }
    }
}

impl Ledger {
    /// From now on the logs that lives end with are kept, if `whether`.
    pub fn keep_earlier(&mut self, whether: bool) {
        self.keeps_earlier = whether;
    }

    /// Whether they are kept.
    #[inline]
    #[must_use]
    pub fn keeps_earlier(&self) -> bool {
        self.keeps_earlier
    }

    /// The log is about to be made anew: what it was is kept.
    pub(super) fn remember_log(&mut self, released: u32) {
        let ended = EarlierLog { log: self.log.clone(), released };
        if self.keeps_earlier && self.earlier.last() != Some(&ended) {
            self.earlier.push(ended);
        }
    }

    /// The first `count` entries of the log are gone for good.
    pub(super) fn let_go(&mut self, count: usize) {
        for earlier in &mut self.earlier {
            earlier.let_go(&self.log[..count]);
        }
    }

    /// Whether `shown` is what the log of an earlier life may be recovered as: in order, without a gap,
    /// from the first entry that was not released, and, where `groups` are atomic, no group of it in
    /// part.
    #[must_use]
    pub fn was_once(
        &self,
        shown: &[&[u8]],
        payloads: &Payloads,
        owed: Obligation,
        groups: bool,
    ) -> bool {
        let released = &self.log[..(owed.released as usize).min(self.log.len())];
        self.earlier.iter().any(|earlier| {
            let mut earlier = earlier.clone();
            earlier.let_go(released);
            let sent = |at: usize| earlier.log.get(at).map(|&index| &self.sent[index as usize]);
            let is = |at: usize, bytes: &[u8]| {
                sent(at).is_some_and(|sent| payloads.get(sent.key, sent.bytes) == bytes)
            };
            (0..=earlier.released as usize).any(|first| {
                let end = first + shown.len();
                let group = |at: usize| sent(at).map(|sent| sent.group);
                let splits =
                    !shown.is_empty() && end < earlier.log.len() && group(end - 1) == group(end);
                shown.iter().enumerate().all(|(i, bytes)| is(first + i, bytes))
                    && !(groups && splits)
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A life of two groups, (0 1) (2 3), of which a recovery shows the first; then the lost work again,
    /// as groups (2) and (3 4), with the same bytes if `again`.
    fn ledger(again: bool) -> Ledger {
        let mut ledger = Ledger::default();
        ledger.keep_earlier(true);
        for key in 0..4 {
            ledger.append_begins(key, 16, key);
            if key % 2 == 1 {
                ledger.group_ends();
            }
        }
        ledger.reopened(ledger.obligation(9));
        ledger.recovered(0, 2, 0);
        let keys = if again { [2, 3, 4] } else { [12, 13, 14] };
        ledger.append_begins(keys[0], 16, 0);
        ledger.group_ends();
        ledger.append_begins(keys[1], 16, 1);
        ledger.append_begins(keys[2], 16, 2);
        ledger
    }

    fn was_once(ledger: &Ledger, keys: &[u32], groups: bool) -> bool {
        let payloads = Payloads::Generated;
        let shown: Vec<&[u8]> = keys.iter().map(|&key| payloads.get(key, 16)).collect();
        ledger.was_once(&shown, &payloads, ledger.obligation(9), groups)
    }

    #[test]
    fn the_log_of_an_earlier_life_is_known_again_when_it_is_whole() {
        for again in [false, true] {
            let ledger = ledger(again);
            assert!(was_once(&ledger, &[0, 1, 2, 3], true));
            assert!(was_once(&ledger, &[0, 1], true));
            assert!(was_once(&ledger, &[], true));
            assert!(!was_once(&ledger, &[0, 1, 2], true), "half a group of the old log");
            assert!(was_once(&ledger, &[0, 1, 2], false));
        }
    }

    #[test]
    fn a_gap_a_late_beginning_a_splice_and_a_stranger_were_never_a_log() {
        let ledger = ledger(false);
        for keys in [&[0, 2, 3][..], &[1, 2, 3], &[0, 1, 12, 3], &[0, 1, 2, 3, 12], &[99]] {
            assert!(!was_once(&ledger, keys, false), "{keys:?}");
        }
    }

    #[test]
    fn what_a_later_life_released_may_be_missing_from_an_earlier_log_too() {
        let mut ledger = ledger(false);
        ledger.release_begins(1, 3);
        assert!(was_once(&ledger, &[1, 2, 3], true));
        assert!(!was_once(&ledger, &[2, 3], true));
        ledger.reopened(ledger.obligation(9));
        ledger.recovered(1, 2, 1);
        assert!(was_once(&ledger, &[1, 2, 3], true), "gone for good");
    }

    #[test]
    fn nothing_is_kept_where_nobody_asked_for_it() {
        let mut ledger = Ledger::default();
        ledger.append_begins(0, 16, 0);
        ledger.reopened(ledger.obligation(9));
        ledger.recovered(0, 0, 0);
        assert!(!was_once(&ledger, &[0], false));
    }
}
