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
    pub fn put(
        &mut self,
        image: &mut [u8],
        at: LogOffset,
        kind: Kind,
        payload: &[u8],
    ) -> LogOffset {
        let into = &mut image[at.in_cluster()..];
        let size = self.dialect.encode(&self.key, at, kind, payload, into);
        self.key = self.dialect.key_behind(&self.key, &into[..size]);
        at.plus(size)
    }

    /// Puts a RECORD; returns the position behind it.
    pub fn put_record(&mut self, image: &mut [u8], at: LogOffset) -> LogOffset {
        self.put(image, at, Kind::Record, &at.0.to_be_bytes())
    }

    /// Puts an END; returns where its bytes end in the image. The position is then the next
    /// cluster's start.
    pub fn put_end(&mut self, image: &mut [u8], at: LogOffset) -> usize {
        let from = at.in_cluster();
        let end = from + self.dialect.end_bytes();
        self.dialect.encode_end(&self.key, at, &mut image[from..]);
        if self.dialect.end_bytes() == self.dialect.overhead_bytes() {
            self.key = self.dialect.key_behind(&self.key, &image[from..end]);
        }
        end
    }

    /// Where [`Composer::fill_unit`] ends.
    pub fn filled(&self, at: LogOffset, unit_bytes: usize) -> LogOffset {
        let from = at.in_cluster();
        let mut to = from.next_multiple_of(unit_bytes);
        // An END must still fit behind a PAD that does not reach the end of the cluster.
        let last = CLUSTER - self.dialect.end_bytes();
        let smallest = self.dialect.overhead_bytes();
        while to > from && to < CLUSTER && (to - from < smallest || to > last) {
            to += unit_bytes;
        }
        LogOffset::of_cluster(at.cluster()).plus(to)
    }

    /// Fills the rest of the unit that `at` lies in, and returns the position behind it. What is
    /// left of the last unit of a cluster becomes an END; a rest too small for a PAD is filled
    /// together with the next unit.
    pub fn fill_unit(&mut self, image: &mut [u8], at: LogOffset, unit_bytes: usize) -> LogOffset {
        let end = self.filled(at, unit_bytes);
        if end == at {
            return at;
        }
        let smallest = self.dialect.overhead_bytes();
        let mut from = at.in_cluster();
        let to = from + (end.0 - at.0) as usize;
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
            self.key = self.dialect.key_behind(&self.key, &image[from..from + piece]);
            from += piece;
        }
        if to == CLUSTER {
            self.put_end(image, cluster.plus(from));
        }
        end
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checksum::Checksum;
    use crate::rfc::entry::Stamp;
    use crate::rfc::header::Salt;

    #[test]
    fn any_rest_of_any_unit_is_filled_with_entries_that_decode() {
        let unchecked = Dialect { extended: true, ..Dialect::V8R };
        let numbered =
            Dialect { stamp: Stamp::Cluster, ..Dialect { extended: true, ..Dialect::V8C } };
        let salted = [Checksum::Crc16, Checksum::Crc32c, Checksum::Xxh3]
            .map(|sum| Dialect { sum, ..Dialect::V8CE });
        for dialect in salted.into_iter().chain([unchecked, numbered]) {
            let key = Key::new(Salt([1; 16]));
            for unit in [8, 16, 512, 4096] {
                for from in 0..=CLUSTER - dialect.end_bytes() {
                    let mut image = [0xff; CLUSTER];
                    let start = LogOffset(8 * 4096 + from as u64);
                    let end = Composer { dialect, key }.fill_unit(&mut image, start, unit);
                    assert_eq!(end.0 % unit as u64, 0);
                    let mut at = start;
                    while at < end {
                        let bytes = &image[at.in_cluster()..];
                        let entry = dialect.decode(&key, at, bytes).unwrap();
                        assert_ne!(entry.kind, Kind::Hash);
                        at = at.plus(entry.size);
                    }
                    assert_eq!(at, end, "{dialect:?} unit {unit} from {from}");
                }
            }
        }
    }
}
