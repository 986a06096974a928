//! Records of a campaign's journal, and how they lie in its entries.
//!
//! A record is longer than an entry may be, so it is cut into pieces; all pieces of a record are one
//! commit.
//!
//! | offset in an entry | bytes | field |
//! |---|---|---|
//! | 0 | 1 | 1: a record begins; 0: it goes on |
//! | 1 | 4 | where it begins: bytes of the record, little-endian |
//! | 1 or 5 | up to the end | bytes of the record: `postcard` of [`Record`] |
//!
//! Invariant: what was cut comes back whole or is refused with what is wrong; a record that begins
//! before the last one is whole is refused, since a journal that keeps commits whole cannot have it.
//!
//! What it is not: the meaning of records. See `progress.rs`.

use serde::{Deserialize, Serialize};

use super::identity::Identity;
use super::progress::State;
use crate::explore::torture::Totals;

/// A record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Record {
    /// The first: which campaign it is.
    Begun(Identity),
    /// Some more blocks.
    Counted {
        /// What they saw that was not known.
        delta: Totals,
        /// Milliseconds used so far.
        elapsed_ms: u64,
    },
    /// Everything so far, so that what lies before is no longer needed.
    All(Identity, State),
    /// The report is written.
    Finished,
}

/// Most bytes of an entry.
pub(super) const PIECE_BYTES: usize = 251;

/// Bytes that a record may have.
const RECORD_BYTES_MAX: usize = 1 << 28;

/// The entries of a record.
pub(super) fn pieces(record: &Record) -> Vec<Vec<u8>> {
    let bytes = postcard::to_allocvec(record).expect("a record is plain data");
    assert!(bytes.len() <= RECORD_BYTES_MAX, "sets are bounded");
    let mut first = vec![1];
    first.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
    let (begin, rest) = bytes.split_at(bytes.len().min(PIECE_BYTES - first.len()));
    first.extend_from_slice(begin);
    let more = rest.chunks(PIECE_BYTES - 1).map(|piece| [&[0], piece].concat());
    std::iter::once(first).chain(more).collect()
}

/// Puts entries together.
#[derive(Debug, Default)]
pub(super) struct Pieces {
    wanted: usize,
    bytes: Vec<u8>,
    open: bool,
}

impl Pieces {
    /// Takes an entry; returns the record that it completes.
    pub fn take(&mut self, entry: &[u8]) -> Result<Option<Record>, String> {
        let rest = match (entry, self.open) {
            ([1, a, b, c, d, rest @ ..], false) => {
                self.wanted = u32::from_le_bytes([*a, *b, *c, *d]) as usize;
                self.bytes.clear();
                self.open = true;
                rest
            }
            ([0, rest @ ..], true) => rest,
            _ => {
                let expected = if self.open { "the rest" } else { "the begin" };
                let found = entry.get(..entry.len().min(5)).unwrap_or_default();
                return Err(format!("expected {expected} of a record, found {found:02x?}"));
            }
        };
        self.bytes.extend_from_slice(rest);
        match self.bytes.len().cmp(&self.wanted) {
            std::cmp::Ordering::Less => Ok(None),
            std::cmp::Ordering::Equal => {
                self.open = false;
                postcard::from_bytes(&self.bytes)
                    .map(Some)
                    .map_err(|e| format!("expected a record of a campaign, found other bytes: {e}"))
            }
            std::cmp::Ordering::Greater => {
                Err(format!("expected {} bytes of a record, found more", self.wanted))
            }
        }
    }

    /// At the end.
    pub fn end(&self) -> Result<(), String> {
        match self.open {
            false => Ok(()),
            true => Err(format!(
                "expected {} bytes of the last record, found {}",
                self.wanted,
                self.bytes.len()
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(classes: u64) -> Record {
        let mut delta = Totals::default();
        delta.classes.extend((0..classes).map(|class| (class << 40, class)));
        Record::Counted { delta, elapsed_ms: 7 }
    }

    #[test]
    fn records_of_any_length_come_back() {
        let mut pieces_of_all = Pieces::default();
        for classes in [0, 1, 15, 16, 17, 18, 19, 20, 100, 5000] {
            let record = counted(classes);
            let mut all = pieces(&record);
            assert!(all.iter().all(|piece| piece.len() <= PIECE_BYTES));
            let last = all.pop().unwrap();
            for piece in &all {
                assert_eq!(pieces_of_all.take(piece), Ok(None));
                assert!(pieces_of_all.end().is_err());
            }
            assert_eq!(pieces_of_all.take(&last), Ok(Some(record)));
            assert_eq!(pieces_of_all.end(), Ok(()));
        }
    }

    #[test]
    fn what_is_no_record_is_refused_and_never_panics() {
        let long = pieces(&counted(100));
        let mut open = Pieces::default();
        open.take(&long[0]).unwrap();
        assert!(open.take(&long[0]).unwrap_err().contains("expected the rest"));
        assert!(Pieces::default().take(&long[1]).unwrap_err().contains("expected the begin"));
        assert!(Pieces::default().take(&[]).is_err());
        assert!(Pieces::default().take(&[1, 2, 0, 0, 0, 9, 9, 9]).unwrap_err().contains("more"));
        assert!(Pieces::default().take(&[1, 1, 0, 0, 0, 99]).unwrap_err().contains("other bytes"));
    }
}
