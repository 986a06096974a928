//! The journal header pair that V8ce and V9 keep in front of their area.
//!
//! The one idea: a header is never changed in place. There are two copies; the next header goes
//! over the *older* one, and until it is whole and durable the newer one still speaks.
//!
//! Byte table of a copy, big-endian, `H` = [`HEADER_BYTES`] bytes, at byte 0 and at byte `H`:
//!
//! | offset | bytes | field |
//! |---|---|---|
//! | 0 | 8 | magic, one of [`Magic`] |
//! | 8 | 4 | CRC-32C over all `H` bytes, this field taken as zero |
//! | 12 | 4 | bytes of the journal's unit (V9: a block; V8ce: a cluster) |
//! | 16 | 8 | header_seq: odd in the copy at 0, even in the copy at `H` |
//! | 24 | 8 | generation |
//! | 32 | 16 | salt |
//! | 48 | 8 | start_seq |
//! | 56 | 4 | nblocks |
//! | 60 | 4 | window |
//! | 64 | 4 | start_prev_crc |
//! | 68 | 4 | strategy, its five answers ([`Strategy::code`](super::Strategy::code)); FF on the ladder |
//! | 72 | 8 | pointer: where the committed log ends; FF where nothing points there |
//! | 80 | H-80 | FF |
//!
//! A copy is valid if and only if it can be read, magic, checksum and unit are right, and its
//! header_seq has the parity of its place. Of two valid copies the one with the larger header_seq
//! counts. The first header of a journal has header_seq 1; the format writes the same facts with
//! header_seq 0 into the other copy, so that there is something to fall back to from the start.
//!
//! Invariant: what the untrusted bytes said becomes a [`Header`] only after all of that was
//! checked. Whether start_seq, nblocks and window make sense is for the format that uses them.
//!
//! What it is not: a defence against losing the newest copy at rest. The older copy then speaks
//! for an older journal; that is told ([`Newest::spoiled`]) but cannot be proven.

use crate::bytes;
use crate::checksum::{Checksum, crc32c};
use crate::device::{BlockDevice, DeviceError, Geometry, Lba, Piece};
use crate::journal::{Entropy, Error};

mod by_parts;
mod inspect;

/// Bytes of a copy: max(unit, 4096), and no unit is larger than 4096.
pub const HEADER_BYTES: usize = 4096;

const MAGIC: usize = 0;
const CRC: usize = MAGIC + 8;
const UNIT_BYTES: usize = CRC + 4;
const HEADER_SEQ: usize = UNIT_BYTES + 4;
const GENERATION: usize = HEADER_SEQ + 8;
const SALT: usize = GENERATION + 8;
const START_SEQ: usize = SALT + 16;
const NBLOCKS: usize = START_SEQ + 8;
const WINDOW: usize = NBLOCKS + 4;
const START_PREV_CRC: usize = WINDOW + 4;
const STRATEGY: usize = START_PREV_CRC + 4;
const POINTER: usize = STRATEGY + 4;
const FILLER: usize = POINTER + 8;
const _: () = assert!(STRATEGY == 68 && FILLER == 80);
// The fields share one sector of 512 bytes; all other sectors are filler that never changes.
const _: () = assert!(FILLER <= 512);

/// Counters beyond this are no header of ours; below it, adding one cannot overflow.
const COUNTER_MAX: u64 = 1 << 62;

/// The first eight bytes: whose header this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Magic(pub [u8; 8]);

impl Magic {
    /// V8 entries with a salted checksum.
    pub const V8CE: Magic = Magic(*b"QJRNLce\0");
    /// Blocks with a chained, salted checksum.
    pub const V9: Magic = Magic(*b"QJRNLv9\0");
    /// Any other stream of the grid.
    pub const STREAM: Magic = Magic(*b"QJRNLgs\0");
    /// Any other blocks of the grid.
    pub const BLOCK: Magic = Magic(*b"QJRNLgb\0");
}

/// Counts the headers written: the larger one is newer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HeaderSeq(pub u64);

impl HeaderSeq {
    /// Which of the two copies holds this header: 0 or 1.
    const fn copy(self) -> u64 {
        1 - self.0 % 2
    }
}

/// One life of a journal between two resets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Generation(pub u64);

/// Bytes that every checksum of a generation begins with, so that no older block or entry passes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Salt(pub Entropy);

impl Salt {
    /// No salt: what a journal without this protection uses for ever.
    pub const ZERO: Salt = Salt([0; 16]);

    /// CRC-32C of the salt alone: where each salted checksum starts, and where a chain starts.
    #[must_use]
    pub fn crc(self) -> u32 {
        crc32c(&self.0)
    }
}

/// A header that passed every check, or that is to be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Bytes of a block or cluster.
    pub unit_bytes: u32,
    /// Its place in the order of headers.
    pub header_seq: HeaderSeq,
    /// The generation it began or goes on with.
    pub generation: Generation,
    /// Salt of that generation.
    pub salt: Salt,
    /// Where recovery starts.
    pub start_seq: u64,
    /// Units of the area.
    pub nblocks: u32,
    /// Most units that are ever unflushed.
    pub window: u32,
    /// What the first unit must be chained to.
    pub start_prev_crc: u32,
    /// Whose journal it is, or [`Header::UNSPELLED`].
    pub strategy: u32,
    /// Where the committed log ends, or [`Header::POINTLESS`].
    pub pointer: u64,
}

impl Header {
    /// A named rung: its magic says whose it is.
    pub const UNSPELLED: u32 = u32::MAX;
    /// No commit pointer.
    pub const POINTLESS: u64 = u64::MAX;

    /// The bytes of a copy.
    #[must_use]
    pub fn encode(&self, magic: Magic) -> [u8; HEADER_BYTES] {
        let mut bytes = [0xff; HEADER_BYTES];
        bytes[MAGIC..CRC].copy_from_slice(&magic.0);
        bytes[UNIT_BYTES..HEADER_SEQ].copy_from_slice(&self.unit_bytes.to_be_bytes());
        bytes[HEADER_SEQ..GENERATION].copy_from_slice(&self.header_seq.0.to_be_bytes());
        bytes[GENERATION..SALT].copy_from_slice(&self.generation.0.to_be_bytes());
        bytes[SALT..START_SEQ].copy_from_slice(&self.salt.0);
        bytes[START_SEQ..NBLOCKS].copy_from_slice(&self.start_seq.to_be_bytes());
        bytes[NBLOCKS..WINDOW].copy_from_slice(&self.nblocks.to_be_bytes());
        bytes[WINDOW..START_PREV_CRC].copy_from_slice(&self.window.to_be_bytes());
        bytes[START_PREV_CRC..STRATEGY].copy_from_slice(&self.start_prev_crc.to_be_bytes());
        bytes[STRATEGY..POINTER].copy_from_slice(&self.strategy.to_be_bytes());
        bytes[POINTER..FILLER].copy_from_slice(&self.pointer.to_be_bytes());
        // The field itself counts as zeros.
        let zeros = &[0; UNIT_BYTES - CRC];
        let crc = Checksum::Crc32c.of(&[&magic.0, zeros, &bytes[UNIT_BYTES..]]) as u32;
        bytes[CRC..UNIT_BYTES].copy_from_slice(&crc.to_be_bytes());
        bytes
    }

    /// The fields as the bytes have them: not yet to be believed.
    fn fields(bytes: &[u8]) -> Header {
        Header {
            unit_bytes: u32_at(bytes, UNIT_BYTES),
            header_seq: HeaderSeq(u64_at(bytes, HEADER_SEQ)),
            generation: Generation(u64_at(bytes, GENERATION)),
            salt: Salt(array_at(bytes, SALT)),
            start_seq: u64_at(bytes, START_SEQ),
            nblocks: u32_at(bytes, NBLOCKS),
            window: u32_at(bytes, WINDOW),
            start_prev_crc: u32_at(bytes, START_PREV_CRC),
            strategy: u32_at(bytes, STRATEGY),
            pointer: u64_at(bytes, POINTER),
        }
    }
}

/// What one copy turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CopyState {
    /// Valid.
    Good(Header),
    /// The device cannot return it: this sector, or one behind it.
    Unreadable(Lba),
    /// Not valid, and why.
    Bad(&'static str),
}

/// What the front of a copy says, before anything is believed.
#[derive(Clone, Copy, Debug)]
enum Facts {
    /// These fields and this checksum.
    Claimed(Header, u32),
    /// It has our magic, and was not read further (`by_parts.rs`).
    Ours,
    /// Nothing of ours.
    Foreign,
    /// The device cannot return it.
    Unreadable(Lba),
}

/// The header that counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Newest {
    /// The newest valid header.
    pub header: Header,
    /// First byte of the other copy, if that is unreadable or invalid: a switch that was torn, or
    /// a newer header that was damaged. Nobody can tell which.
    pub spoiled: Option<u64>,
}

/// Where the two copies are on a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeaderPair {
    unit_bytes: u32,
    sectors_each: u64,
}

impl HeaderPair {
    /// Bytes of each copy for this unit.
    #[must_use]
    pub const fn bytes_each(unit_bytes: u32) -> u64 {
        if unit_bytes as usize > HEADER_BYTES { unit_bytes as u64 } else { HEADER_BYTES as u64 }
    }

    /// The pair on a device of this shape.
    ///
    /// # Errors
    /// [`Error::Unfit`] where the copies would share a physical sector. A drive that loses power
    /// while it rewrites a physical sector may lose all of it, and so both headers.
    pub fn new(unit_bytes: u32, geometry: Geometry) -> Result<Self, Error> {
        let each = HEADER_BYTES as u64;
        if Self::bytes_each(unit_bytes) != each {
            let what = "bytes of a unit at most";
            return Err(Error::Unfit { what, want: each, got: u64::from(unit_bytes) });
        }
        let physical = u64::from(geometry.physical_bytes);
        if physical > each {
            let what = "bytes of a physical sector, each header copy in its own, at most";
            return Err(Error::Unfit { what, want: each, got: physical });
        }
        let Some(sectors_each) = geometry.sectors_in(each) else {
            let got = u64::from(geometry.logical_bytes);
            return Err(Error::Unfit { what: "bytes of a sector, a divisor of", want: each, got });
        };
        if geometry.sectors / 2 < sectors_each {
            let what = "bytes for two header copies";
            return Err(Error::Unfit { what, want: 2 * each, got: geometry.bytes() });
        }
        Ok(HeaderPair { unit_bytes, sectors_each })
    }

    /// First sector behind the pair.
    #[must_use]
    pub const fn end(&self) -> Lba {
        Lba(2 * self.sectors_each)
    }

    const fn lba(&self, copy: u64) -> Lba {
        Lba(copy * self.sectors_each)
    }

    /// Writes both copies of a new journal and flushes: `first` with header_seq 1, and the same
    /// with header_seq 0, so that no header of an earlier journal is left.
    ///
    /// # Errors
    /// The device's.
    pub fn format(
        &self,
        device: &mut dyn BlockDevice,
        magic: Magic,
        first: Header,
    ) -> Result<Header, Error> {
        let before = Header { header_seq: HeaderSeq(0), ..first };
        device.write_one(self.lba(before.header_seq.copy()), &before.encode(magic))?;
        self.write_next(device, magic, before)
    }

    /// Writes `changed` as the successor of the header that counts, and flushes.
    /// `changed.header_seq` is still that of the current header; the header as written comes back.
    ///
    /// The parity of header_seq leads the write away from the current copy:
    /// 1. the header that counts, number 6, lies in copy 1;
    /// 2. number 7 is written to copy 0 and the power goes in the middle of it;
    /// 3. copy 0 fails its checksum, copy 1 was not touched, and number 6 still counts;
    /// 4. the next attempt is number 7 again, over the torn copy.
    ///
    /// That next attempt must not complete the first one:
    /// 1. the first attempt left its facts in copy 0, and a ruined sector in the filler;
    /// 2. the second attempt is cut when it has only healed the filler;
    /// 3. copy 0 is now the first number 7, whole, whose salt fits nothing on the disk any more.
    ///
    /// So facts that claim to be newer than the current header are wiped, durably, before the
    /// copy is written.
    ///
    /// # Errors
    /// The device's. Which header counts is then unknown until the journal is opened again.
    pub fn write_next(
        &self,
        device: &mut dyn BlockDevice,
        magic: Magic,
        changed: Header,
    ) -> Result<Header, Error> {
        let header_seq = HeaderSeq(changed.header_seq.0.saturating_add(1));
        let next = Header { header_seq, ..changed };
        if header_seq.0 >= COUNTER_MAX || next.generation.0 >= COUNTER_MAX {
            let got = header_seq.0.max(next.generation.0);
            return Err(Error::Unfit { what: "header counters below", want: COUNTER_MAX, got });
        }
        assert!(next.unit_bytes == self.unit_bytes, "a header of another journal");
        let at = self.lba(header_seq.copy());
        let bytes = next.encode(magic);
        if self.claims_newer(device, magic, changed.header_seq)? {
            let facts = device.geometry().logical_bytes.max(512) as usize;
            device.write_one(at, &[0xff; HEADER_BYTES][..facts])?;
            device.flush()?;
        }
        device.write_one(at, &bytes)?;
        device.flush()?;
        Ok(next)
    }

    /// Whether the copy that comes after `current` holds, or may hold, facts that would count if
    /// the rest of it were healed.
    fn claims_newer(
        &self,
        device: &mut dyn BlockDevice,
        magic: Magic,
        current: HeaderSeq,
    ) -> Result<bool, DeviceError> {
        let copy = 1 - current.copy();
        Ok(match self.facts(device, magic, copy)? {
            Facts::Claimed(header, _) => header.header_seq > current,
            Facts::Ours => self.is_newer_by_parts(device, copy, current)?,
            Facts::Foreign => false,
            Facts::Unreadable(_) => true,
        })
    }

    /// Reads the facts of a copy, and nothing else of it, and believes nothing.
    fn facts(
        &self,
        device: &mut dyn BlockDevice,
        magic: Magic,
        copy: u64,
    ) -> Result<Facts, DeviceError> {
        let mut bytes = [0; FILLER];
        let at_bytes = copy * HEADER_BYTES as u64;
        let is_ours = |bytes: &[u8]| bytes[MAGIC..CRC] == magic.0;
        let by_parts = device.pays_by_parts();
        let front = if by_parts { &mut bytes[..CRC] } else { &mut bytes };
        match bytes::read_if(device, at_bytes, front, &is_ours) {
            Ok(told) if told && is_ours(&bytes) && by_parts => Ok(Facts::Ours),
            Ok(told) if told && is_ours(&bytes) => {
                Ok(Facts::Claimed(Header::fields(&bytes), u32_at(&bytes, CRC)))
            }
            Ok(_) => Ok(Facts::Foreign),
            Err(DeviceError::Unreadable(lba)) => Ok(Facts::Unreadable(lba)),
            Err(error) => Err(error),
        }
    }

    /// Reads both copies and returns the newest valid one. The copy that claims more is verified
    /// first; if it keeps its claim, the other needs no look beyond its facts.
    ///
    /// # Errors
    /// [`Error::NotAJournal`] when neither copy is valid; device errors other than unreadable
    /// sectors.
    pub fn read_newest(&self, device: &mut dyn BlockDevice, magic: Magic) -> Result<Newest, Error> {
        let facts = [self.facts(device, magic, 0)?, self.facts(device, magic, 1)?];
        // What has our magic claims more than what has not.
        let claim = |copy: u64| match facts[copy as usize] {
            Facts::Claimed(header, _) => Some(header.header_seq),
            Facts::Ours => Some(HeaderSeq(0)),
            _ => None,
        };
        let one = match facts {
            [Facts::Ours, Facts::Ours] => self.newer_by_parts(device)?,
            _ => Some(u64::from(claim(1) > claim(0))),
        };
        let none = Error::NotAJournal { what: "a valid journal header", at_bytes: 0 };
        let Some(one) = one else { return Err(none) };
        let two = 1 - one;
        let each = HEADER_BYTES as u64;
        if let CopyState::Good(header) = self.believe(device, one, facts[one as usize])? {
            let spoiled = claim(two).is_none().then_some(two * each);
            return Ok(Newest { header, spoiled });
        }
        match self.believe(device, two, facts[two as usize])? {
            CopyState::Good(header) => Ok(Newest { header, spoiled: Some(one * each) }),
            _ => Err(none),
        }
    }

    /// Reads copy 0 or 1 and verifies it.
    ///
    /// # Errors
    /// Device errors other than unreadable sectors: a read that failed for a passing reason must
    /// not make an older header count.
    pub fn read_copy(
        &self,
        device: &mut dyn BlockDevice,
        magic: Magic,
        copy: u64,
    ) -> Result<CopyState, DeviceError> {
        let facts = self.facts(device, magic, copy)?;
        self.believe(device, copy, facts)
    }

    /// Verifies what a copy claims.
    fn believe(
        &self,
        device: &mut dyn BlockDevice,
        copy: u64,
        facts: Facts,
    ) -> Result<CopyState, DeviceError> {
        let (header, crc) = match facts {
            Facts::Claimed(header, crc) => (header, crc),
            Facts::Ours => return self.believe_by_parts(device, copy),
            Facts::Foreign => return Ok(CopyState::Bad("no magic")),
            Facts::Unreadable(lba) => return Ok(CopyState::Unreadable(lba)),
        };
        let at_bytes = copy * HEADER_BYTES as u64;
        let pieces = [
            Piece::Device { at_bytes, bytes: CRC as u64 },
            Piece::Given(&[0; UNIT_BYTES - CRC]),
            Piece::Device {
                at_bytes: at_bytes + UNIT_BYTES as u64,
                bytes: (HEADER_BYTES - UNIT_BYTES) as u64,
            },
        ];
        let whole = match device.verify(&pieces, Checksum::Crc32c, u64::from(crc)) {
            Ok(whole) => whole,
            Err(DeviceError::Unreadable(lba)) => return Ok(CopyState::Unreadable(lba)),
            Err(error) => return Err(error),
        };
        Ok(match whole {
            true => self.accept(copy, header),
            false => CopyState::Bad("wrong checksum"),
        })
    }

    /// What a copy is whose checksum was right.
    fn accept(&self, copy: u64, header: Header) -> CopyState {
        if header.header_seq.copy() != copy {
            CopyState::Bad("header_seq of the other copy")
        } else if header.header_seq.0 >= COUNTER_MAX || header.generation.0 >= COUNTER_MAX {
            CopyState::Bad("a counter beyond its limit")
        } else if header.unit_bytes != self.unit_bytes {
            CopyState::Bad("another unit size")
        } else {
            CopyState::Good(header)
        }
    }
}

fn array_at<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    let mut array = [0; N];
    array.copy_from_slice(&bytes[at..at + N]);
    array
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes(array_at(bytes, at))
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_be_bytes(array_at(bytes, at))
}
