//! The ledger: what was appended, acknowledged and released, with the device calls between.
//!
//! The one idea: the first life is recorded once, and for each of its crash points the obligations
//! follow from when calls began and returned. An operation has begun if the cut comes in or after
//! its first device call, and has returned if the cut comes after its last.
//!
//! Invariant: the log is a list of entries in order; a position in it means the same entry until a
//! recovery makes a new log.
//!
//! What it is not: aware of formats, sectors or decisions.

use journal_core::Lsn;

use super::earlier::EarlierLog;

/// An entry that was handed to `append`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sent {
    /// What names its bytes.
    pub key: u32,
    /// Its length.
    pub bytes: u32,
    /// Its name, once `append` returned.
    pub lsn: Option<Lsn>,
    /// Device calls made before `append` was called.
    pub begun: u32,
    /// Its atomic group.
    pub group: u32,
}

/// What is owed at one crash point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Obligation {
    /// Entries of the log that may be there at all.
    pub sent: u32,
    /// Entries of the log that must be there.
    pub acked: u32,
    /// Entries of the log that may be gone, at its front.
    pub released: u32,
    /// Of the acknowledged ones, those before the last acknowledgement.
    pub acked_before: u32,
}

/// The ledger of a run.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    /// Every entry of every life, in order of appending.
    pub sent: Vec<Sent>,
    /// The log: indices into `sent`.
    pub log: Vec<u32>,
    /// (device calls made when the commit returned, log length acknowledged), growing.
    acks: Vec<(u32, u32)>,
    /// (device calls made when the checkpoint began, log length released), growing.
    releases: Vec<(u32, u32)>,
    group: u32,
    /// Entries that were released and have left the log at its front, since it was last empty.
    gone: u32,
    /// Where flush is not honoured: the logs that earlier lives ended with, oldest first.
    pub(super) earlier: Vec<EarlierLog>,
    pub(super) keeps_earlier: bool,
}

impl Ledger {
    /// An append begins.
    #[inline]
    pub fn append_begins(&mut self, key: u32, bytes: u32, calls: u32) {
        self.log.push(self.sent.len() as u32);
        self.sent.push(Sent { key, bytes, lsn: None, begun: calls, group: self.group });
    }

    /// The append returned a name.
    #[inline]
    pub fn append_returns(&mut self, lsn: Lsn) {
        if let Some(sent) = self.sent.last_mut() {
            sent.lsn = Some(lsn);
        }
    }

    /// The name of the newest entry of the log, or of the one so many places before it.
    #[inline]
    #[must_use]
    pub fn newest_name(&self, back: usize) -> Option<Lsn> {
        let at = self.log.len().checked_sub(1 + back)?;
        self.sent[self.log[at] as usize].lsn
    }

    /// A recovery gave the entries of the log these names: the client knows them by no other.
    pub fn renamed(&mut self, names: &[Lsn]) {
        if names.len() == self.log.len() {
            for (&at, &name) in self.log.iter().zip(names) {
                self.sent[at as usize].lsn = Some(name);
            }
        }
    }

    /// The place of the next entry, counted from the last time the log was begun anew: a client
    /// that does lost work again names its entries by it. Counted from the front of what is left,
    /// a new entry would have the bytes of one that is still there.
    #[inline]
    #[must_use]
    pub fn next_place(&self) -> u32 {
        self.gone + self.log.len() as u32
    }

    /// The append was refused: there is no such entry.
    pub fn append_refused(&mut self) {
        self.sent.pop();
        self.log.pop();
    }

    /// The group is closed.
    #[inline]
    pub fn group_ends(&mut self) {
        self.group += 1;
    }

    /// A commit returned: everything up to `upto` is acknowledged.
    #[inline]
    pub fn acknowledged(&mut self, upto: Lsn, calls: u32) {
        let covered = self
            .log
            .iter()
            .rposition(|&i| self.sent[i as usize].lsn.is_some_and(|lsn| lsn <= upto));
        self.group_ends();
        if let Some(last) = covered {
            self.acks.push((calls, last as u32 + 1));
        }
    }

    /// A checkpoint begins that releases the first `count` entries of the log.
    pub fn release_begins(&mut self, count: u32, calls: u32) {
        self.releases.push((calls, count));
    }

    /// Entries acknowledged so far.
    #[must_use]
    pub fn acked(&self) -> u32 {
        self.acks.iter().map(|ack| ack.1).max().unwrap_or(0)
    }

    /// Entries released so far.
    #[must_use]
    pub fn released(&self) -> u32 {
        self.releases.iter().map(|r| r.1).max().unwrap_or(0)
    }

    /// What is owed when the power goes during call `at` (counted as `calls` above).
    #[must_use]
    pub fn obligation(&self, at: u32) -> Obligation {
        let sent = self.log.partition_point(|&i| self.sent[i as usize].begun <= at) as u32;
        let mut acks = self.acks.iter().filter(|ack| ack.0 <= at).map(|ack| ack.1);
        let (mut acked, mut acked_before) = (0, 0);
        for ack in &mut acks {
            if ack > acked {
                acked_before = acked;
                acked = ack;
            }
        }
        let begun = self.releases.iter().filter(|r| r.0 <= at).map(|r| r.1);
        Obligation { sent, acked, acked_before, released: begun.max().unwrap_or(0) }
    }

    /// The first call after `at` of which [`Ledger::obligation`] may say something else.
    #[must_use]
    pub fn next_change(&self, at: u32) -> Option<u32> {
        let begun = |&i: &u32| self.sent[i as usize].begun;
        let sent = self.log.partition_point(|i| begun(i) <= at);
        let ack = self.acks.partition_point(|ack| ack.0 <= at);
        let release = self.releases.partition_point(|release| release.0 <= at);
        let next = [
            self.log.get(sent).map(begun),
            self.acks.get(ack).map(|ack| ack.0),
            self.releases.get(release).map(|release| release.0),
        ];
        next.into_iter().flatten().min()
    }

    /// The power went during call `at`: the entries of the present life that would have been
    /// appended after it never were.
    pub fn cut(&mut self, at: u32, sent_before: usize) {
        while self.sent.len() > sent_before && self.sent[self.sent.len() - 1].begun > at {
            self.sent.pop();
            self.log.pop();
        }
    }

    /// The power went and the journal was opened, but it did not resume yet: the log is what it was
    /// at the cut.
    pub fn reopened(&mut self, owed: Obligation) {
        self.log.truncate(owed.sent as usize);
        self.remember_log(owed.released);
        self.acks.clear();
        self.acks.extend([(0, owed.acked_before), (0, owed.acked)]);
        self.releases.clear();
        self.releases.push((0, owed.released));
    }

    /// A recovery was completed, `open` and `resume`: what it showed, `first..end` of the log, is
    /// the log from now on and all of it is acknowledged, since the client has acted upon it.
    /// `released` of its entries may still go.
    pub fn recovered(&mut self, first: u32, end: u32, released: u32) {
        self.log.truncate(end as usize);
        let left = (first as usize).min(self.log.len());
        self.let_go(left);
        self.log.drain(..left);
        self.gone += left as u32;
        self.acks.clear();
        self.releases.clear();
        self.acks.push((0, self.log.len() as u32));
        self.releases.push((0, released.saturating_sub(first)));
        self.group += 1;
    }

    /// The survivors were forgotten.
    pub fn forgotten(&mut self) {
        self.log.clear();
        self.gone = 0;
        self.acks.clear();
        self.releases.clear();
        self.group += 1;
    }

    /// Adds to `name` all that tells it, as a judge of the last recovery sees it, from other ledgers of the
    /// same run. What the client called its entries is no matter any more.
    pub fn name(&self, name: &mut Vec<u64>) {
        name.push(self.sent.len() as u64);
        for sent in &self.sent {
            name.extend([sent.key, sent.bytes, sent.group].map(u64::from));
        }
        name.push(self.log.len() as u64);
        name.extend(self.log.iter().map(|&at| u64::from(at)));
        name.push(self.earlier.len() as u64);
        self.earlier.iter().for_each(|earlier| earlier.name(name));
    }

    /// Copies `other` into this ledger without giving up the memory it has.
    pub fn copy_from(&mut self, other: &Ledger) {
        self.sent.clone_from(&other.sent);
        self.log.clone_from(&other.log);
        self.acks.clone_from(&other.acks);
        self.releases.clone_from(&other.releases);
        self.group = other.group;
        self.gone = other.gone;
        self.earlier.clone_from(&other.earlier);
        self.keeps_earlier = other.keeps_earlier;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two appends of one write call each (calls 0 and 1), a flush (call 2), one more append (3).
    fn ledger() -> Ledger {
        let mut ledger = Ledger::default();
        for (i, lsn) in [(0, 10), (1, 11)] {
            ledger.append_begins(i, 48, i);
            ledger.append_returns(Lsn(lsn));
        }
        ledger.acknowledged(Lsn(11), 3);
        ledger.append_begins(2, 48, 3);
        ledger.append_returns(Lsn(12));
        ledger
    }

    #[test]
    fn an_entry_may_be_there_from_its_first_call_on_and_must_be_from_the_commit_on() {
        let ledger = ledger();
        let owed = |at| {
            let o = ledger.obligation(at);
            (o.sent, o.acked)
        };
        assert_eq!(owed(0), (1, 0), "during the first append");
        assert_eq!(owed(1), (2, 0));
        assert_eq!(owed(2), (2, 0), "during the flush nothing is acknowledged yet");
        assert_eq!(owed(3), (3, 2), "during the third append the first two are");
        assert_eq!(owed(4), (3, 2));
    }

    #[test]
    fn a_release_counts_from_its_beginning() {
        let mut ledger = ledger();
        ledger.release_begins(2, 4);
        assert_eq!(ledger.obligation(3).released, 0);
        assert_eq!(ledger.obligation(4).released, 2);
    }

    #[test]
    fn what_a_recovery_showed_is_owed_from_then_on() {
        let mut ledger = ledger();
        ledger.recovered(0, 3, 0);
        assert_eq!(
            ledger.obligation(0).acked,
            3,
            "an unacknowledged entry that was shown is frozen"
        );
        ledger.recovered(1, 2, 0);
        assert_eq!(ledger.log, [1]);
    }

    #[test]
    fn an_entry_appended_behind_released_ones_has_a_place_of_its_own() {
        // Found by torture on the sound twins. 1. Three entries, the first two are released. 2. A
        // recovery shows the third alone. 3. The client works on: were places counted in what is
        // left, the next entry but one would be the third one again, byte for byte.
        let mut ledger = ledger();
        assert_eq!(ledger.next_place(), 3);
        ledger.recovered(2, 3, 0);
        assert_eq!((ledger.log.len(), ledger.next_place()), (1, 3));
        ledger.forgotten();
        assert_eq!(ledger.next_place(), 0, "a log that is begun anew counts anew");
    }
}
