//! The entries of the RFC journal: type, length, value, straight in 4096-byte clusters.
//!
//! The one idea: all dialects of one byte table differ in a few facts (which checksum, what it
//! covers, what marks the use of the area, capped or literal), so a [`Dialect`] is those facts and
//! everything else follows.
//!
//! Byte table of an entry, `s` its size byte, `c` the width of the checksum, big-endian:
//!
//! | dialect | 0 | 1 | payload | checksum | covers | `s` at most |
//! |---|---|---|---|---|---|---|
//! | V8 literal | `s` | type | 2..s | - | - | 254 (defect D1) |
//! | V8r | `s` | type | 2..s | - | - | 253 |
//! | V8c | `s` | type | 2..s-c | s-c..s | 0..s-c | 253 |
//! | V8ce | `s` | type | 2..s-c | s-c..s | salt, u64 offset in the log, 0..s-c | 255 - (2 + c) |
//!
//! The other dialects of the grid have a mark of `m` bytes behind the type, and a payload that much
//! smaller. What the checksum covers is, in this order and as far as the dialect has it: salt and
//! u64 offset in the log (salt); u32 link (chain); size, type, mark, payload. A link is the low half
//! of the checksum of the entry before, PAD, RECORD and a checked END among them.
//!
//! | reuse | `m` | mark | END is checked |
//! |---|---|---|---|
//! | erase | 0 | - | no |
//! | sequence | 4 | the log's cluster, counted through all laps, low half | yes |
//! | salt | 0 | -, the checksum covers it | yes |
//! | lap | 0 | bit 7 of the type: the last bit of the lap | yes |
//!
//! | type | name | bytes written | size byte |
//! |---|---|---|---|
//! | FF | NONE | size FF, type FF: the log ends here | 255 |
//! | 1 | END, V8 to V8c | 2 | up to the end of the cluster |
//! | 1 | END, V8ce | 2, then `c` checksum over salt, offset, 0..2 | up to the end of the cluster |
//! | 2 | HASH | as above; every appended payload travels under this type | 2 + n + c |
//! | 3 | PAD, V8ce | as above, FF for payload; skipped | 2 + c and more |
//! | 4 | RECORD | as above, u64 offset in the log of itself for payload: what is before it counts | 10 + m + c |
//!
//! PAD exists where a dialect is salted or not on the ladder, RECORD only where it is not.
//!
//! The size includes the two header bytes. An entry fits at `o` if and only if an END still fits
//! behind it in the cluster: `o + s <= 4096 - bytes(END)`. The cap follows: where the largest entry
//! does not fit, the END that must be written there has a size of at most 254.
//!
//! Defect D1 of the literal text: with entries of 254 bytes, 255 bytes may be left at the end of a
//! cluster. END then needs the size 255, which belongs to NONE.
//! 1. The log stands at 3841 of a cluster; 254 bytes are appended and do not fit (4095 > 4094).
//! 2. The writer writes `ff 01` at 3841 and the entry into the next cluster; commit acknowledges.
//! 3. Any reader stops at `ff 01`: neither an END that points anywhere nor a NONE. The entry, and
//!    all that follow, are gone without any power cut.
//!
//! Invariant: bytes become a [`Trusted`] entry only after every check of the dialect; a trusted
//! entry has a size of at least 2, so a reader that goes on behind it always makes progress.
//!
//! What it is not: a reader of a device; it sees slices. Where they come from, and what to do when
//! they cannot be read, is recovery's business.

use crate::checksum::{Checksum, crc32c_append, stored};
pub use crate::rfc::place::{BEFORE_MAX, Key, LogOffset};

/// Bytes of a cluster, which no entry crosses.
pub const CLUSTER_BYTES: u32 = 4096;
/// Bytes of size and type.
pub const HEAD_BYTES: usize = 2;
/// Largest number of bytes an entry can have in any dialect.
pub const ENTRY_BYTES_MAX: usize = 254;

const TYPE_END: u8 = 1;
const TYPE_HASH: u8 = 2;
const TYPE_PAD: u8 = 3;
const TYPE_RECORD: u8 = 4;
/// The bit of the type that holds the lap.
const LAP_BIT: u8 = 0x80;
/// Bytes that a RECORD carries.
pub const RECORD_BYTES: usize = 8;
const NONE: u8 = 0xff;

/// What kind of entry, of those a reader goes on behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Goes on in the next cluster.
    End,
    /// A payload.
    Hash,
    /// Filler.
    Pad,
    /// What is before it counts.
    Record,
    /// A type of a later version: skipped by its size.
    Other(u8),
}

/// What in an entry tells it from what was in its place before, besides a salt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stamp {
    /// Nothing.
    None,
    /// The number of its cluster.
    Cluster,
    /// The lap, in a bit of the type.
    Lap,
}

impl Stamp {
    const fn bytes(self) -> usize {
        match self {
            Stamp::Cluster => 4,
            Stamp::None | Stamp::Lap => 0,
        }
    }
}

/// How entries are written: which of the byte tables above.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Dialect {
    /// The checksum that ends each entry; [`Checksum::None`] for V8.
    pub sum: Checksum,
    /// Whether it covers salt and offset, and END as well.
    pub salted: bool,
    /// Whether entries of 254 bytes are written, as the text has it.
    pub literal: bool,
    /// Whether the checksum covers the one before.
    pub chained: bool,
    /// What marks the use of the area.
    pub stamp: Stamp,
    /// Whether there are PAD and RECORD, salted or not.
    pub extended: bool,
}

/// An entry that passed every check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trusted<'a> {
    /// What it is.
    pub kind: Kind,
    /// Bytes to go on by; at least 2.
    pub size: usize,
    /// What it carries; empty for END.
    pub payload: &'a [u8],
    /// What the next entry is chained to.
    pub link: u32,
}

/// Why bytes are not a trusted entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Flaw {
    /// So many bytes are needed from the entry's first one on; fewer were given.
    Short(usize),
    /// `ff ff`: nothing was written here.
    Nothing,
    /// A size no entry of this type can have; 0 and 1 among them, and `ff` without a type `ff`.
    Size,
    /// It would leave no room for an END in its cluster, or is an END that does not point at the
    /// next cluster.
    Place,
    /// Its mark is that of another use of the area, or it is a RECORD of another place.
    Mark,
    /// The checksum does not match.
    Sum,
}

impl Dialect {
    /// Entries as the text has them.
    pub const V8: Dialect = Dialect {
        sum: Checksum::None,
        salted: false,
        literal: true,
        chained: false,
        stamp: Stamp::None,
        extended: false,
    };
    /// The text with its ambiguities settled.
    pub const V8R: Dialect = Dialect { literal: false, ..Dialect::V8 };
    /// The reviewer's checksum in the last bytes.
    pub const V8C: Dialect = Dialect { sum: Checksum::Crc32c, ..Dialect::V8R };
    /// A salt and the offset under the checksum.
    pub const V8CE: Dialect = Dialect { salted: true, ..Dialect::V8C };

    /// Whether an END has a checksum.
    const fn checks_end(self) -> bool {
        self.salted || !matches!(self.stamp, Stamp::None)
    }

    /// Bytes before a payload.
    pub(crate) const fn front_bytes(self) -> usize {
        HEAD_BYTES + self.stamp.bytes()
    }

    /// Bytes written for an END.
    #[must_use]
    pub const fn end_bytes(self) -> usize {
        if self.checks_end() { self.overhead_bytes() } else { HEAD_BYTES }
    }

    /// Bytes of an entry besides its payload; also the smallest PAD.
    #[must_use]
    pub const fn overhead_bytes(self) -> usize {
        self.front_bytes() + self.sum.bytes()
    }

    /// Bytes of a RECORD.
    #[must_use]
    pub const fn record_bytes(self) -> usize {
        self.overhead_bytes() + RECORD_BYTES
    }

    /// Largest entry written.
    #[must_use]
    pub const fn size_max(self) -> usize {
        if self.literal { ENTRY_BYTES_MAX } else { ENTRY_BYTES_MAX + 1 - self.end_bytes() }
    }

    /// Largest payload.
    #[must_use]
    pub const fn payload_max(self) -> usize {
        self.size_max() - self.overhead_bytes()
    }

    /// Whether an entry of `size` bytes at `at` leaves room for an END.
    #[must_use]
    pub const fn fits(self, at: LogOffset, size: usize) -> bool {
        at.in_cluster() + size <= CLUSTER_BYTES as usize - self.end_bytes()
    }

    /// What the checksum of an entry at `at` covers before the entry's own bytes, and how much that is.
    #[must_use]
    pub fn before(self, key: &Key, at: LogOffset) -> ([u8; BEFORE_MAX], usize) {
        key.before(self.salted.then_some(at), self.chained)
    }

    /// The checksum of the bytes `covered` of an entry at `at`.
    fn checksum(self, key: &Key, at: LogOffset, covered: &[u8]) -> u64 {
        if self.salted && !self.chained && self.sum == Checksum::Crc32c {
            let placed = crc32c_append(key.crc, &at.0.to_be_bytes());
            return u64::from(crc32c_append(placed, covered));
        }
        match self.before(key, at) {
            (_, 0) => self.sum.of(&[covered]),
            (before, len) => self.sum.of(&[&before[..len], covered]),
        }
    }

    /// What an entry is chained to that stands behind these bytes, which end with a checksum.
    fn link(self, key: &Key, written: &[u8]) -> u32 {
        let width = self.sum.bytes().min(4);
        if !self.chained {
            return key.link;
        }
        stored(&written[written.len() - width..]) as u32
    }

    /// The key of what follows these bytes, an entry or a checked END as it was encoded.
    #[must_use]
    pub fn key_behind(self, key: &Key, written: &[u8]) -> Key {
        key.behind(self.link(key, written))
    }

    /// The type byte of a type at `at`.
    fn marked(self, key: &Key, at: LogOffset, kind: u8) -> u8 {
        let lap = |clusters: u32| at.cluster() / u64::from(clusters.max(1)) % 2 == 1;
        match self.stamp {
            Stamp::Lap if lap(key.clusters) => kind | LAP_BIT,
            _ => kind,
        }
    }

    /// Writes size, type and mark.
    fn put_front(self, key: &Key, at: LogOffset, size: usize, kind: u8, into: &mut [u8]) {
        into[0] = size as u8;
        into[1] = self.marked(key, at, kind);
        if self.stamp == Stamp::Cluster {
            let cluster = at.cluster() as u32;
            into[HEAD_BYTES..HEAD_BYTES + 4].copy_from_slice(&cluster.to_be_bytes());
        }
    }

    /// Writes the checksum of `entry[..covered]` behind them, and returns the bytes used.
    fn seal(self, key: &Key, at: LogOffset, entry: &mut [u8], covered: usize) -> usize {
        let width = self.sum.bytes();
        let sum = self.checksum(key, at, &entry[..covered]).to_be_bytes();
        entry[covered..covered + width].copy_from_slice(&sum[sum.len() - width..]);
        covered + width
    }

    /// Writes an entry for `at` to the front of `into` and returns its size.
    ///
    /// # Panics
    /// When the payload is larger than [`Dialect::payload_max`], `into` shorter than the entry, or
    /// the kind is END: a caller's mistake.
    pub fn encode(
        self,
        key: &Key,
        at: LogOffset,
        kind: Kind,
        payload: &[u8],
        into: &mut [u8],
    ) -> usize {
        assert!(payload.len() <= self.payload_max(), "checked by append");
        let front = self.front_bytes();
        let covered = front + payload.len();
        let kind = match kind {
            Kind::Hash => TYPE_HASH,
            Kind::Pad => TYPE_PAD,
            Kind::Record => TYPE_RECORD,
            Kind::Other(other) => other,
            Kind::End => panic!("END has its own encoder"),
        };
        self.put_front(key, at, self.overhead_bytes() + payload.len(), kind, into);
        into[front..covered].copy_from_slice(payload);
        self.seal(key, at, into, covered)
    }

    /// Writes an END for `at`, [`Dialect::end_bytes`] of them, to the front of `into`. In the
    /// literal dialect the size may come out as 255: defect D1.
    ///
    /// # Panics
    /// When the end of the cluster is out of an END's reach: a caller's mistake.
    pub fn encode_end(self, key: &Key, at: LogOffset, into: &mut [u8]) {
        let size = CLUSTER_BYTES as usize - at.in_cluster();
        let reach = if self.literal { ENTRY_BYTES_MAX + 1 } else { ENTRY_BYTES_MAX };
        assert!((self.end_bytes()..=reach).contains(&size), "END of {size} bytes");
        self.put_front(key, at, size, TYPE_END, into);
        if self.checks_end() {
            self.seal(key, at, into, self.front_bytes());
        }
    }

    /// Writes a PAD of `size` bytes for `at` to the front of `into`.
    ///
    /// # Panics
    /// When no PAD has that size: a caller's mistake.
    pub fn encode_pad(self, key: &Key, at: LogOffset, size: usize, into: &mut [u8]) {
        let filler = [NONE; ENTRY_BYTES_MAX];
        let bytes = self.encode(key, at, Kind::Pad, &filler[..size - self.overhead_bytes()], into);
        assert!(bytes == size, "PAD of {size} bytes");
    }

    /// Parses the entry that begins with the first of `bytes`, at `at`. More bytes than the entry
    /// needs do no harm; with fewer, the answer says how many are wanted.
    ///
    /// # Errors
    /// The first [`Flaw`], in the order in which they are listed.
    pub fn decode<'a>(
        self,
        key: &Key,
        at: LogOffset,
        bytes: &'a [u8],
    ) -> Result<Trusted<'a>, Flaw> {
        self.parse(key, at, bytes, false)
    }

    /// [`Dialect::decode`], of bytes whose checksum was `verified` already, if it was.
    pub(crate) fn parse<'a>(
        self,
        key: &Key,
        at: LogOffset,
        bytes: &'a [u8],
        verified: bool,
    ) -> Result<Trusted<'a>, Flaw> {
        let left = CLUSTER_BYTES as usize - at.in_cluster();
        if left < HEAD_BYTES {
            return Err(Flaw::Place);
        }
        let &[size, kind, ..] = bytes else { return Err(Flaw::Short(HEAD_BYTES)) };
        if (size, kind) == (NONE, NONE) {
            return Err(Flaw::Nothing);
        }
        // `ff` as a type belongs to NONE, and NONE's size is 255.
        if kind == NONE {
            return Err(Flaw::Size);
        }
        let plain = if self.stamp == Stamp::Lap { kind & !LAP_BIT } else { kind };
        let right_lap = kind == self.marked(key, at, plain);
        let kind = match plain {
            TYPE_END => Kind::End,
            TYPE_HASH => Kind::Hash,
            TYPE_PAD if self.salted || self.extended => Kind::Pad,
            TYPE_RECORD if self.extended => Kind::Record,
            other => Kind::Other(other),
        };
        let size = usize::from(size);
        // `written` bytes are on the device and under the checksum; END leaves the rest alone.
        let (written, right_place) = match kind {
            Kind::End => (self.end_bytes(), size == left),
            _ => (size, self.fits(at, size)),
        };
        let least = match kind {
            Kind::End => self.end_bytes(),
            Kind::Record => self.record_bytes(),
            _ => self.overhead_bytes(),
        };
        let most = if kind == Kind::Record { least } else { ENTRY_BYTES_MAX };
        if size < least || size > most {
            return Err(Flaw::Size);
        }
        if !right_place {
            return Err(Flaw::Place);
        }
        if bytes.len() < written {
            return Err(Flaw::Short(written));
        }
        let front = self.front_bytes();
        let right_cluster = self.stamp != Stamp::Cluster
            || bytes[HEAD_BYTES..front] == (at.cluster() as u32).to_be_bytes();
        if !right_lap || !right_cluster {
            return Err(Flaw::Mark);
        }
        let summed = if kind == Kind::End && !self.checks_end() { 0 } else { self.sum.bytes() };
        let covered = written - summed;
        let mut link = key.link;
        if summed > 0 {
            if !verified
                && stored(&bytes[covered..written]) != self.checksum(key, at, &bytes[..covered])
            {
                return Err(Flaw::Sum);
            }
            link = self.link(key, &bytes[..written]);
        }
        let payload = if kind == Kind::End { &[] } else { &bytes[front..covered] };
        if kind == Kind::Record && payload != at.0.to_be_bytes() {
            return Err(Flaw::Mark);
        }
        Ok(Trusted { kind, size, payload, link })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rfc::header::Salt;

    #[test]
    fn the_caps_of_the_dialects_are_those_of_the_byte_table() {
        assert_eq!(Dialect::V8.size_max(), 254);
        assert_eq!(Dialect::V8R.size_max(), 253);
        assert_eq!(Dialect::V8C.size_max(), 253);
        assert_eq!(Dialect::V8CE.size_max(), 249);
        assert_eq!(Dialect::V8CE.end_bytes(), 6);
    }

    #[test]
    fn wherever_the_largest_entry_does_not_fit_an_end_does_save_for_d1() {
        let key = Key::default();
        for dialect in [Dialect::V8R, Dialect::V8C, Dialect::V8CE] {
            for offset in 0..=CLUSTER_BYTES as usize - dialect.end_bytes() {
                let at = LogOffset(offset as u64);
                if !dialect.fits(at, dialect.size_max()) {
                    let mut bytes = [0xff; 8];
                    dialect.encode_end(&key, at, &mut bytes);
                    let end = dialect.decode(&key, at, &bytes).unwrap();
                    assert_eq!((end.kind, end.size), (Kind::End, 4096 - offset), "{dialect:?}");
                }
            }
        }
        let mut bytes = [0xff; 2];
        Dialect::V8.encode_end(&key, LogOffset(3841), &mut bytes);
        assert_eq!(bytes, [0xff, 0x01]);
        assert_eq!(Dialect::V8.decode(&key, LogOffset(3841), &bytes), Err(Flaw::Size));
    }

    #[test]
    fn a_header_torn_in_two_is_no_entry() {
        let key = Key::default();
        for bytes in [[0xff, 2], [50, 0xff], [0, 0], [1, 2], [0, 2]] {
            assert_eq!(Dialect::V8R.decode(&key, LogOffset(0), &bytes), Err(Flaw::Size));
        }
        assert_eq!(Dialect::V8R.decode(&key, LogOffset(0), &[0xff; 2]), Err(Flaw::Nothing));
    }

    #[test]
    fn any_flipped_bit_of_a_checksummed_entry_is_noticed() {
        let key = Key::new(Salt([7; 16]));
        for dialect in [Dialect::V8C, Dialect::V8CE] {
            let mut bytes = [0; 64];
            let at = LogOffset(100);
            let size = dialect.encode(&key, at, Kind::Hash, b"forty-two", &mut bytes);
            for bit in 0..8 * size {
                bytes[bit / 8] ^= 1 << (bit % 8);
                assert!(dialect.decode(&key, at, &bytes).is_err(), "bit {bit}");
                bytes[bit / 8] ^= 1 << (bit % 8);
            }
            assert_eq!(dialect.decode(&key, at, &bytes).unwrap().payload, b"forty-two");
        }
    }

    #[test]
    fn a_salted_entry_counts_in_its_own_place_and_generation_only() {
        let (key, other) = (Key::new(Salt([7; 16])), Key::new(Salt([8; 16])));
        let mut bytes = [0; 64];
        Dialect::V8CE.encode(&key, LogOffset(4096), Kind::Hash, b"here", &mut bytes);
        assert!(Dialect::V8CE.decode(&key, LogOffset(4096), &bytes).is_ok());
        assert_eq!(Dialect::V8CE.decode(&other, LogOffset(4096), &bytes), Err(Flaw::Sum));
        assert_eq!(Dialect::V8CE.decode(&key, LogOffset(0), &bytes), Err(Flaw::Sum));
    }
}
