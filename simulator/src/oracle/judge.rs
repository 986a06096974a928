//! The judge: compares what a recovery hands out with what is owed, entry by entry.
//!
//! Method. The first recovered entry is looked up in the log, which fixes where the recovered range
//! begins; every further one must be the next of the log. What is not the next entry is classified
//! once: elsewhere in the log (order), known but not in the log any more (resurrection), or unknown
//! (integrity). At the end the range is held against the obligation.
//!
//! Invariant: the judge allocates nothing and compares each recovered byte once on the good path.
//!
//! What it is not: lenient. It tells every oracle that was violated, owed or not; which of them
//! count is the contract's business.

use journal_core::{Opened, Promises};

use super::{Ledger, Obligation, Oracle, OracleSet};
use crate::workload::Payloads;

/// How often each oracle was evaluated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Evaluated(pub [u64; 9]);

impl Evaluated {
    /// Counts one evaluation.
    #[inline]
    pub fn count(&mut self, oracle: Oracle) {
        self.0[oracle as usize] += 1;
    }

    /// How often one was evaluated.
    #[must_use]
    pub fn of(&self, oracle: Oracle) -> u64 {
        self.0[oracle as usize]
    }

    /// Adds the counts of another.
    pub fn add(&mut self, other: &Evaluated) {
        self.0.iter_mut().zip(other.0).for_each(|(mine, theirs)| *mine += theirs);
    }
}

/// What the judge found about one recovery.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Judgement {
    /// The oracles that were violated.
    pub violated: OracleSet,
    /// Where the recovered range begins in the log.
    pub first: u32,
    /// Where it ends (exclusive).
    pub end: u32,
    /// Entries handed out.
    pub handed_out: u32,
}

/// What was judged of a recovery so far: to be taken up again by [`Judge::going_on`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SoFar {
    next: Option<u32>,
    found: Judgement,
}

impl SoFar {
    /// Whether every entry so far was the next one of the log.
    #[inline]
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.found.violated.is_empty()
    }

    /// The place in the log of the first entry that was handed out, and how many were.
    #[inline]
    #[must_use]
    pub fn shown(&self) -> (u32, u32) {
        (self.found.first, self.found.handed_out)
    }

    /// Whether what was judged so far would have been judged alike with this owed.
    #[inline]
    #[must_use]
    pub fn holds_for(&self, owed: Obligation) -> bool {
        let (first, _) = self.shown();
        self.is_clean()
            && self.next.is_none_or(|next| next <= owed.sent)
            && (first == 0 || first <= owed.released)
    }
}

/// Judges one recovery.
#[derive(Debug)]
pub struct Judge<'a> {
    ledger: &'a Ledger,
    payloads: &'a Payloads,
    owed: Obligation,
    next: Option<u32>,
    found: Judgement,
}

impl<'a> Judge<'a> {
    /// A judge of the next recovery.
    #[must_use]
    pub fn new(ledger: &'a Ledger, payloads: &'a Payloads, owed: Obligation) -> Self {
        Judge::going_on(ledger, payloads, owed, SoFar::default())
    }

    /// A judge of a recovery that was judged in part.
    #[inline]
    #[must_use]
    pub fn going_on(
        ledger: &'a Ledger,
        payloads: &'a Payloads,
        owed: Obligation,
        so_far: SoFar,
    ) -> Self {
        Judge { ledger, payloads, owed, next: so_far.next, found: so_far.found }
    }

    /// What was judged so far.
    #[inline]
    #[must_use]
    pub fn so_far(&self) -> SoFar {
        SoFar { next: self.next, found: self.found }
    }

    /// The bytes of the entry at a place of the log.
    #[inline]
    fn expected(&self, at: u32) -> Option<&'a [u8]> {
        if at >= self.owed.sent {
            return None;
        }
        let sent = &self.ledger.sent[*self.ledger.log.get(at as usize)? as usize];
        Some(self.payloads.get(sent.key, sent.bytes))
    }

    /// Takes the next recovered entry.
    #[inline]
    pub fn entry(&mut self, payload: &[u8]) {
        self.found.handed_out += 1;
        if let Some(next) = self.next {
            if self.expected(next) == Some(payload) {
                self.next = Some(next + 1);
                return;
            }
        } else if self.expected(0) == Some(payload) {
            self.found.first = 0;
            self.next = Some(1);
            return;
        }
        self.unexpected(payload);
    }

    #[cold]
    fn unexpected(&mut self, payload: &[u8]) {
        let place = (0..self.owed.sent).find(|&at| self.expected(at) == Some(payload));
        match (place, self.next) {
            (Some(at), None) => {
                self.found.first = at;
                self.next = Some(at + 1);
                if at > self.owed.released {
                    self.found.violated.insert(Oracle::Order);
                }
            }
            (Some(at), Some(_)) => {
                self.found.violated.insert(Oracle::Order);
                self.next = Some(at + 1);
            }
            (None, _) => {
                let known = self
                    .ledger
                    .sent
                    .iter()
                    .any(|sent| self.payloads.get(sent.key, sent.bytes) == payload);
                let oracle = if known { Oracle::NoResurrection } else { Oracle::Integrity };
                self.found.violated.insert(oracle);
            }
        }
    }

    /// The recovery is over: holds the range against the obligation.
    pub fn finish(
        mut self,
        opened: &Opened,
        promises: &Promises,
        evaluated: &mut Evaluated,
    ) -> Judgement {
        let owed = self.owed;
        if self.next.is_none() {
            // Nothing of the log shown: the empty range just behind what may be gone.
            self.found.first = owed.released;
        }
        self.found.end = self.next.unwrap_or(owed.released).max(self.found.first);
        for oracle in [Oracle::Order, Oracle::Integrity, Oracle::Availability] {
            evaluated.count(oracle);
        }
        if owed.acked > 0 {
            evaluated.count(Oracle::Durability);
            if self.found.end < owed.acked {
                self.found.violated.insert(Oracle::Durability);
            }
        }
        if self.ledger.sent.len() > owed.sent.min(self.ledger.log.len() as u32) as usize {
            evaluated.count(Oracle::NoResurrection);
        }
        if promises.atomic_groups {
            self.atomicity(evaluated);
        }
        if promises.honesty {
            self.honesty(opened, evaluated);
        }
        self.found
    }

    /// The entry at the end of the range and the one behind it must not be of one group.
    fn atomicity(&mut self, evaluated: &mut Evaluated) {
        evaluated.count(Oracle::Atomicity);
        let group = |at: u32| {
            let index = *self.ledger.log.get(at as usize)?;
            Some(self.ledger.sent[index as usize].group)
        };
        let end = self.found.end;
        if end > self.found.first && end < self.owed.sent && group(end - 1) == group(end) {
            self.found.violated.insert(Oracle::Atomicity);
        }
    }

    /// Damage inside what a later acknowledgement proves durable must be reported; damage must not
    /// be called proven when nothing acknowledged is missing.
    fn honesty(&mut self, opened: &Opened, evaluated: &mut Evaluated) {
        evaluated.count(Oracle::Honesty);
        let reported = opened.damage.is_some_and(|damage| damage.proven);
        let provable = self.found.end < self.owed.acked_before;
        let lost = self.found.end < self.owed.acked;
        if (provable && !reported) || (reported && !lost) {
            self.found.violated.insert(Oracle::Honesty);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use journal_core::{Damage, End, Lsn};

    const PLAIN: Promises = Promises {
        atomic_groups: false,
        honesty: false,
        resynchronises: false,
        shows_uncommitted: true,
    };

    /// Six entries of 16 bytes; four acknowledged in two commits, the first may be gone; a seventh
    /// known one is not in the log.
    fn ledger() -> Ledger {
        let mut ledger = Ledger::default();
        ledger.append_begins(6, 16, 0);
        ledger.forgotten();
        for key in 0..6 {
            ledger.append_begins(key, 16, key);
            ledger.append_returns(Lsn(u64::from(key)));
            if key % 2 == 1 && key < 4 {
                ledger.acknowledged(Lsn(u64::from(key)), key + 1);
            }
        }
        ledger.release_begins(1, 5);
        ledger
    }

    fn judge(keys: &[u32], promises: Promises, damage: Option<Damage>) -> Vec<Oracle> {
        let ledger = ledger();
        let payloads = Payloads::Generated;
        let mut judge = Judge::new(&ledger, &payloads, ledger.obligation(9));
        for &key in keys {
            judge.entry(payloads.get(key, 16));
        }
        let opened = Opened { entries: keys.len() as u64, end: End::Clean, damage };
        let found = judge.finish(&opened, &promises, &mut Evaluated::default());
        found.violated.iter().collect()
    }

    #[test]
    fn every_recovery_that_keeps_its_word_passes() {
        for keys in [&[0, 1, 2, 3][..], &[0, 1, 2, 3, 4], &[0, 1, 2, 3, 4, 5], &[1, 2, 3]] {
            assert_eq!(judge(keys, PLAIN, None), [], "{keys:?}");
        }
    }

    #[test]
    fn each_way_to_break_it_trips_the_oracle_that_names_it() {
        use Oracle::{Durability, Integrity, NoResurrection, Order};
        assert_eq!(judge(&[0, 1, 2], PLAIN, None), [Durability]);
        assert_eq!(judge(&[], PLAIN, None), [Durability]);
        assert_eq!(judge(&[2, 3], PLAIN, None), [Order], "starts behind what may be gone");
        assert_eq!(judge(&[0, 1, 3], PLAIN, None), [Order], "a gap");
        assert_eq!(judge(&[0, 1, 2, 3, 3], PLAIN, None), [Order], "a repeat");
        assert_eq!(judge(&[0, 1, 2, 3, 6], PLAIN, None), [NoResurrection]);
        assert_eq!(judge(&[0, 1, 2, 3, 99], PLAIN, None), [Integrity]);
    }

    #[test]
    fn a_group_split_by_the_end_trips_atomicity() {
        let groups = Promises { atomic_groups: true, ..PLAIN };
        assert_eq!(judge(&[0, 1, 2, 3], groups, None), []);
        assert_eq!(judge(&[0, 1, 2, 3, 4], groups, None), [Oracle::Atomicity]);
    }

    #[test]
    fn a_recovery_of_strangers_alone_shows_the_empty_range() {
        // Found by the reference model: 1. An entry was released. 2. Recovery shows nothing but an
        // entry of an earlier time. 3. The range was taken for "all that was released", and the
        // group that ends there for torn.
        let ledger = ledger();
        let payloads = Payloads::Generated;
        let mut judge = Judge::new(&ledger, &payloads, ledger.obligation(9));
        judge.entry(payloads.get(6, 16));
        let opened = Opened { entries: 1, end: End::Clean, damage: None };
        let groups = Promises { atomic_groups: true, ..PLAIN };
        let found = judge.finish(&opened, &groups, &mut Evaluated::default());
        let violated: Vec<_> = found.violated.iter().collect();
        assert_eq!(violated, [Oracle::Durability, Oracle::NoResurrection]);
        assert_eq!((found.first, found.end), (1, 1));
    }

    #[test]
    fn silence_about_provable_loss_and_false_alarms_trip_honesty() {
        let honest = Promises { honesty: true, ..PLAIN };
        let damage = Some(Damage { at_bytes: 0, proven: true, what: "block" });
        let without_durability = |keys: &[u32], damage| -> Vec<Oracle> {
            judge(keys, honest, damage).into_iter().filter(|&o| o != Oracle::Durability).collect()
        };
        assert_eq!(without_durability(&[0], None), [Oracle::Honesty]);
        assert_eq!(without_durability(&[0], damage), []);
        assert_eq!(without_durability(&[0, 1], None), [], "only the last commit is gone");
        assert_eq!(without_durability(&[0, 1, 2, 3], damage), [Oracle::Honesty], "false alarm");
    }
}
