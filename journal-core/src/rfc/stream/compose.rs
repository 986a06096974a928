//! Writing into a cluster's image in memory: entries, ENDs, and the filling up of a unit.
//!
//! The one idea: the log is composed in the image of one cluster and reaches the device from
//! there. Appending, committing and carrying survivors over compose with the same three functions,
//! so what a new generation carries has the form of what was appended.
//!
//! Invariant: after each of them the position leaves room for an END in its cluster, or is the
//! start of the next one. An image behind the position is FF.
//!
//! What it is not: a writer. No function here knows the device.

use crate::rfc::entry::{CLUSTER_BYTES, Dialect, ENTRY_BYTES_MAX, Key, Kind, LogOffset};

const CLUSTER: usize = CLUSTER_BYTES as usize;

/// The dialect and the generation that is written.
#[derive(Clone, Copy)]
pub(super) struct Composer {
    pub dialect: Dialect,
    pub key: Key,
}

impl Composer {
    /// Whether a payload of so many bytes goes into the cluster of `at`.
    pub fn fits(&self, at: LogOffset, payload_bytes: usize) -> bool {
        self.dialect.fits(at, self.dialect.overhead_bytes() + payload_bytes)
    }

    /// Puts an entry; returns the position behind it.
    pub fn put(&self, image: &mut [u8], at: LogOffset, kind: Kind, payload: &[u8]) -> LogOffset {
        let size = self.dialect.encode(&self.key, at, kind, payload, &mut image[at.in_cluster()..]);
        at.plus(size)
    }

    /// Puts an END; returns where its bytes end in the image. The position is then the next
    /// cluster's start.
    pub fn put_end(&self, image: &mut [u8], at: LogOffset) -> usize {
        let from = at.in_cluster();
        self.dialect.encode_end(&self.key, at, &mut image[from..]);
        from + self.dialect.end_bytes()
    }

    /// Fills the rest of the unit that `at` lies in, and returns the position behind it. What is
    /// left of the last unit of a cluster becomes an END; a rest too small for a PAD is filled
    /// together with the next unit.
    pub fn fill_unit(&self, image: &mut [u8], at: LogOffset, unit_bytes: usize) -> LogOffset {
        let smallest = self.dialect.overhead_bytes();
        let mut from = at.in_cluster();
        let mut to = from.next_multiple_of(unit_bytes);
        if to == from {
            return at;
        }
        // An END must still fit behind a PAD that does not reach the end of the cluster.
        let last = CLUSTER - self.dialect.end_bytes();
        while to < CLUSTER && (to - from < smallest || to > last) {
            to += unit_bytes;
        }
        let cluster = LogOffset::of_cluster(at.cluster());
        let reach = if to == CLUSTER { ENTRY_BYTES_MAX } else { 0 };
        while to - from > reach {
            let left = to - from;
            let mut piece = left.min(self.dialect.size_max());
            // No rest may be smaller than a PAD or an END; both need the same, or an END less.
            if left > piece && left - piece < smallest {
                piece -= smallest - (left - piece);
            }
            self.dialect.encode_pad(&self.key, cluster.plus(from), piece, &mut image[from..]);
            from += piece;
        }
        if to == CLUSTER {
            self.put_end(image, cluster.plus(from));
        }
        cluster.plus(to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checksum::Checksum;
    use crate::rfc::header::Salt;

    #[test]
    fn any_rest_of_any_unit_is_filled_with_entries_that_decode() {
        for sum in [Checksum::Crc16, Checksum::Crc32c, Checksum::Xxh3] {
            let dialect = Dialect { sum, ..Dialect::V8CE };
            let composer = Composer { dialect, key: Key::new(Salt([1; 16])) };
            for unit in [8, 16, 512, 4096] {
                for from in 0..=CLUSTER - dialect.end_bytes() {
                    let mut image = [0xff; CLUSTER];
                    let start = LogOffset(8 * 4096 + from as u64);
                    let end = composer.fill_unit(&mut image, start, unit);
                    assert_eq!(end.0 % unit as u64, 0);
                    let mut at = start;
                    while at < end {
                        let bytes = &image[at.in_cluster()..];
                        let entry = dialect.decode(&composer.key, at, bytes).unwrap();
                        assert_ne!(entry.kind, Kind::Hash);
                        at = at.plus(entry.size);
                    }
                    assert_eq!(at, end, "{sum:?} unit {unit} from {from}");
                }
            }
        }
    }
}
