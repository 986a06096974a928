//! What a recovery handed out, kept so that it can be judged again.
//!
//! The one idea: nearly always the entries are the log's own, one after the other, so two numbers say
//! which; only from the first one on that is not the next of the log are payloads kept.
//!
//! What it is not: a judgement.

use super::{Ledger, SoFar};
use crate::workload::Payloads;

/// The entries of a recovery, in order.
#[derive(Clone, Debug, Default)]
pub struct Shown {
    /// Where the first ones begin in the log, and how many they are.
    clean: (u32, u32),
    /// The payloads from the first one on that was not the next of the log.
    strangers: Vec<Vec<u8>>,
}

impl Shown {
    /// Another entry, and how the recovery was judged with it.
    #[inline]
    pub fn note(&mut self, judged: SoFar, payload: &[u8]) {
        if judged.is_clean() {
            self.clean = judged.shown();
        } else {
            self.strangers.push(payload.to_vec());
        }
    }

    /// No entry.
    pub fn clear(&mut self) {
        *self = Shown { strangers: std::mem::take(&mut self.strangers), ..Shown::default() };
        self.strangers.clear();
    }

    /// Entries that are kept as payloads.
    #[must_use]
    pub fn strangers(&self) -> usize {
        self.strangers.len()
    }

    /// Back to when so many were kept as payloads, and the recovery was judged so.
    pub fn rewind(&mut self, strangers: usize, judged: SoFar) {
        self.strangers.truncate(strangers);
        if judged.is_clean() {
            self.clean = judged.shown();
        }
    }

    /// Their payloads.
    #[must_use]
    pub fn payloads<'a>(&'a self, ledger: &Ledger, payloads: &'a Payloads) -> Vec<&'a [u8]> {
        let (first, count) = self.clean;
        let clean = (first..first + count).map(|at| {
            let sent = ledger.sent[ledger.log[at as usize] as usize];
            payloads.get(sent.key, sent.bytes)
        });
        clean.chain(self.strangers.iter().map(Vec::as_slice)).collect()
    }
}
