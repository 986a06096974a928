//! Checksums: the one place that calls the crates.
//!
//! The one idea: an algorithm is data, so that it can be listed, swept and printed; a journal asks
//! for "the checksum of these pieces" and stores as many bytes as its byte table says.
//!
//! Invariant: pieces are concatenated. `of(&[a, b]) == of(&[ab])` for every algorithm.
//!
//! What it is not: authentication. None of these stops an adversary, and the short ones do not
//! even stop bad luck; that is why the weak ones are here.

use alloc::boxed::Box;

/// An algorithm, with its width on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Checksum {
    /// No checksum: zero bytes wide.
    None,
    /// The sum of all bytes, mod 2^16: what weak means. 2 bytes.
    ByteSum,
    /// CRC-16/ARC (polynomial 0x8005, reflected). 2 bytes.
    Crc16,
    /// CRC-32/ISO-HDLC, the one of zlib and Ethernet. 4 bytes.
    Crc32,
    /// CRC-32C (Castagnoli), the one of iSCSI, ext4 and LevelDB. 4 bytes.
    Crc32c,
    /// XXH3, 64 bits. 8 bytes.
    Xxh3,
    /// BLAKE3, the first 8 bytes of the digest. 8 bytes.
    Blake3,
    /// The sum of SQLite's WAL over little-endian words: two words that go on from 0, 0. 8 bytes. What
    /// is left of the last 8 bytes is left out.
    SqliteLittle,
    /// The same over big-endian words.
    SqliteBig,
}

impl Checksum {
    /// All that a journal of ours may use, weakest first.
    pub const ALL: [Checksum; 7] = [
        Checksum::None,
        Checksum::ByteSum,
        Checksum::Crc16,
        Checksum::Crc32,
        Checksum::Crc32c,
        Checksum::Xxh3,
        Checksum::Blake3,
    ];

    /// Bytes on disk.
    #[must_use]
    pub const fn bytes(self) -> usize {
        match self {
            Checksum::None => 0,
            Checksum::ByteSum | Checksum::Crc16 => 2,
            Checksum::Crc32 | Checksum::Crc32c => 4,
            Checksum::Xxh3 | Checksum::Blake3 | Checksum::SqliteLittle | Checksum::SqliteBig => 8,
        }
    }

    /// The name used in code, on the command line, in JSON and in docs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Checksum::None => "none",
            Checksum::ByteSum => "bytesum",
            Checksum::Crc16 => "crc16",
            Checksum::Crc32 => "crc32",
            Checksum::Crc32c => "crc32c",
            Checksum::Xxh3 => "xxh3",
            Checksum::Blake3 => "blake3",
            Checksum::SqliteLittle => "sqlite-little",
            Checksum::SqliteBig => "sqlite-big",
        }
    }

    /// Whether bad luck alone makes two contents share a value: none and the 16-bit ones. Whoever
    /// answers for a checksum without computing it, as if no two contents ever shared one, must
    /// compute these.
    #[must_use]
    pub const fn is_weak(self) -> bool {
        self.bytes() < 4
    }

    /// The algorithm of a name.
    #[must_use]
    pub fn named(name: &str) -> Option<Checksum> {
        Checksum::ALL.into_iter().find(|sum| sum.name() == name)
    }

    /// The checksum of the concatenated pieces, in the low [`Checksum::bytes`] bytes.
    #[must_use]
    pub fn of(self, pieces: &[&[u8]]) -> u64 {
        if let (Checksum::Xxh3, [piece]) = (self, pieces) {
            return xxhash_rust::xxh3::xxh3_64(piece);
        }
        let mut running = self.begin();
        pieces.iter().for_each(|piece| running.update(piece));
        running.finish()
    }

    /// Begins a checksum over pieces that are not all at hand.
    #[must_use]
    pub fn begin(self) -> Running {
        Running(match self {
            Checksum::None => State::None,
            Checksum::ByteSum => State::ByteSum(0),
            Checksum::Crc16 => State::Crc16(0),
            Checksum::Crc32 => State::Crc32(crc32fast::Hasher::new()),
            Checksum::Crc32c => State::Crc32c(0),
            Checksum::Xxh3 => State::Xxh3(Box::new(xxhash_rust::xxh3::Xxh3Default::new())),
            Checksum::Blake3 => State::Blake3(Box::new(blake3::Hasher::new())),
            Checksum::SqliteLittle => State::Sqlite(SqliteSum::new(false)),
            Checksum::SqliteBig => State::Sqlite(SqliteSum::new(true)),
        })
    }
}

/// The checksum that is stored in these bytes, big-endian.
#[must_use]
pub fn stored(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |n, &byte| n << 8 | u64::from(byte))
}

/// A checksum under way.
#[derive(Clone)]
pub struct Running(State);

#[derive(Clone)]
enum State {
    None,
    ByteSum(u16),
    Crc16(u16),
    Crc32(crc32fast::Hasher),
    Crc32c(u32),
    // Boxed: they hold kilobytes, the others a word.
    Xxh3(Box<xxhash_rust::xxh3::Xxh3Default>),
    Blake3(Box<blake3::Hasher>),
    Sqlite(SqliteSum),
}

/// The two words, and the bytes that wait for the rest of their eight.
#[derive(Clone)]
struct SqliteSum {
    big_endian: bool,
    words: (u32, u32),
    rest: [u8; 8],
    waiting: usize,
}

impl SqliteSum {
    const fn new(big_endian: bool) -> SqliteSum {
        SqliteSum { big_endian, words: (0, 0), rest: [0; 8], waiting: 0 }
    }

    fn update(&mut self, mut piece: &[u8]) {
        if self.waiting > 0 {
            let (taken, others) = piece.split_at(piece.len().min(8 - self.waiting));
            self.rest[self.waiting..self.waiting + taken.len()].copy_from_slice(taken);
            (self.waiting, piece) = (self.waiting + taken.len(), others);
            if self.waiting < 8 {
                return;
            }
            self.words = sqlite_sums(self.words, self.big_endian, &self.rest);
        }
        self.words = sqlite_sums(self.words, self.big_endian, piece);
        let rest = &piece[piece.len() / 8 * 8..];
        self.rest[..rest.len()].copy_from_slice(rest);
        self.waiting = rest.len();
    }
}

/// The sum of SQLite's WAL, continued over `data`; a rest of less than 8 bytes is left out.
#[must_use]
pub fn sqlite_sums(words: (u32, u32), big_endian: bool, data: &[u8]) -> (u32, u32) {
    fn over(words: (u32, u32), data: &[u8], word: impl Fn([u8; 4]) -> u32) -> (u32, u32) {
        data.chunks_exact(8).fold(words, |(one, two), c| {
            let one = one.wrapping_add(word([c[0], c[1], c[2], c[3]])).wrapping_add(two);
            let two = two.wrapping_add(word([c[4], c[5], c[6], c[7]])).wrapping_add(one);
            (one, two)
        })
    }
    if big_endian {
        over(words, data, u32::from_be_bytes)
    } else {
        over(words, data, u32::from_le_bytes)
    }
}

impl Running {
    /// Adds a piece.
    pub fn update(&mut self, piece: &[u8]) {
        match &mut self.0 {
            State::None => {}
            State::ByteSum(sum) => {
                *sum = piece.iter().fold(*sum, |sum, &byte| sum.wrapping_add(u16::from(byte)));
            }
            State::Crc16(crc) => *crc = crc16(*crc, piece),
            State::Crc32(hasher) => hasher.update(piece),
            State::Crc32c(crc) => *crc = crc32c_append(*crc, piece),
            State::Xxh3(hasher) => hasher.update(piece),
            State::Blake3(hasher) => {
                hasher.update(piece);
            }
            State::Sqlite(sum) => sum.update(piece),
        }
    }

    /// The checksum of all pieces, in the low [`Checksum::bytes`] bytes.
    #[must_use]
    pub fn finish(self) -> u64 {
        match self.0 {
            State::None => 0,
            State::ByteSum(sum) => u64::from(sum),
            State::Crc16(crc) => u64::from(crc),
            State::Crc32(hasher) => u64::from(hasher.finalize()),
            State::Crc32c(crc) => u64::from(crc),
            State::Xxh3(hasher) => hasher.digest(),
            State::Blake3(hasher) => {
                let mut first = [0u8; 8];
                first.copy_from_slice(&hasher.finalize().as_bytes()[..8]);
                u64::from_be_bytes(first)
            }
            State::Sqlite(SqliteSum { words: (one, two), .. }) => {
                u64::from(one) << 32 | u64::from(two)
            }
        }
    }
}

/// CRC-32C of `data` alone.
#[must_use]
pub fn crc32c(data: &[u8]) -> u32 {
    crc32c_append(0, data)
}

/// CRC-32C continued: `crc32c_append(crc32c(a), b) == crc32c(ab)`. A salt that stands in front of
/// fixed-length blocks is therefore one constant.
#[must_use]
pub fn crc32c_append(crc: u32, data: &[u8]) -> u32 {
    // Both crates want the register, which is the inverted checksum.
    #[cfg(feature = "std")]
    {
        let register = u64::from(!crc);
        let mut digest =
            crc_fast::Digest::new_with_init_state(crc_fast::CrcAlgorithm::Crc32Iscsi, register);
        digest.update(data);
        (digest.finalize() & 0xffff_ffff) as u32
    }
    #[cfg(not(feature = "std"))]
    {
        const TABLE: crc::Crc<u32, crc::Table<16>> =
            crc::Crc::<u32, crc::Table<16>>::new(&crc::CRC_32_ISCSI);
        // A reflected algorithm takes its start value bit-reversed.
        let mut digest = TABLE.digest_with_initial((!crc).reverse_bits());
        digest.update(data);
        digest.finalize()
    }
}

/// CRC-16/ARC by a table: it is here to be weak, but the whole grid runs on it in tests.
fn crc16(crc: u16, data: &[u8]) -> u16 {
    const TABLE: [u16; 256] = {
        let (mut table, mut byte) = ([0; 256], 0);
        while byte < 256 {
            let (mut crc, mut bit) = (byte as u16, 0);
            while bit < 8 {
                crc = (crc >> 1) ^ if crc & 1 == 1 { 0xa001 } else { 0 };
                bit += 1;
            }
            table[byte] = crc;
            byte += 1;
        }
        table
    };
    data.iter().fold(crc, |crc, &byte| (crc >> 8) ^ TABLE[usize::from(crc as u8 ^ byte)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_algorithm_gives_its_published_check_value() {
        let check: &[&[u8]] = &[b"123456789"];
        assert_eq!(Checksum::None.of(check), 0);
        assert_eq!(Checksum::ByteSum.of(check), 477);
        assert_eq!(Checksum::Crc16.of(check), 0xbb3d);
        assert_eq!(Checksum::Crc32.of(check), 0xcbf4_3926);
        assert_eq!(Checksum::Crc32c.of(check), 0xe306_9283);
        // The empty-input vectors that the two hash projects publish.
        assert_eq!(Checksum::Xxh3.of(&[b""]), 0x2d06_8005_38d3_94c2);
        assert_eq!(Checksum::Blake3.of(&[b""]), 0xaf13_49b9_f5f9_a1a6);
        // By hand: 1, then 2 + 1 = 3; 1 + 3 + 3 = 7, then 3 + 4 + 7 = 14.
        let words = |order: fn(u32) -> [u8; 4]| [1, 2, 3, 4].map(order).concat();
        assert_eq!(Checksum::SqliteLittle.of(&[&words(u32::to_le_bytes)]), 7 << 32 | 14);
        assert_eq!(Checksum::SqliteBig.of(&[&words(u32::to_be_bytes)]), 7 << 32 | 14);
    }

    #[test]
    fn pieces_are_concatenated() {
        let whole: alloc::vec::Vec<u8> = (0..=255).cycle().take(1000).collect();
        let sqlite = [Checksum::SqliteLittle, Checksum::SqliteBig];
        for sum in Checksum::ALL.into_iter().chain(sqlite) {
            for cut in [0, 1, 7, 512, 999, 1000] {
                let (front, back) = whole.split_at(cut);
                assert_eq!(
                    sum.of(&[front, back]),
                    sum.of(&[&whole]),
                    "{} cut at {cut}",
                    sum.name()
                );
            }
        }
    }

    #[test]
    fn the_short_ones_are_weak_and_the_sum_is_blind_to_order() {
        let weak: alloc::vec::Vec<_> = Checksum::ALL.into_iter().filter(|s| s.is_weak()).collect();
        assert_eq!(weak, [Checksum::None, Checksum::ByteSum, Checksum::Crc16]);
        let (here, there): (&[u8], &[u8]) = (b"sector A", b"sector B");
        for sum in Checksum::ALL {
            let blind = matches!(sum, Checksum::None | Checksum::ByteSum);
            assert_eq!(sum.of(&[here, there]) == sum.of(&[there, here]), blind, "{}", sum.name());
            assert_eq!(Checksum::named(sum.name()), Some(sum));
        }
    }

    #[test]
    fn a_checksum_fits_the_width_it_declares() {
        for sum in Checksum::ALL {
            let value = sum.of(&[b"width"]);
            assert!(sum.bytes() == 8 || value >> (8 * sum.bytes()) == 0, "{}", sum.name());
        }
    }
}
