//! Reading a LevelDB log: what survives, and what is dropped on the way.
//!
//! The one idea: framing inside a block is trusted only as far as checksums reach. When one fails,
//! the length beside it may be wrong as well, so the rest of the block is dropped, and the reader
//! goes on at the next block, whose place is known for certain: it *resynchronises*.
//!
//! Decision table, for each header met (LevelDB `db/log_reader.cc`, 1.22 and later):
//!
//! | found | told | then |
//! |---|---|---|
//! | fewer than 7 bytes left, not in the last, short block | - | next block |
//! | fewer than 7 bytes left in the last, short block | - | end |
//! | the length leaves a whole block | damage | next block |
//! | the length leaves the last, short block | - | end (the writer died in the middle of it) |
//! | type 0, length 0 | - (damage, if a record was begun) | next block (preallocated) |
//! | the checksum fails | damage | next block |
//! | an unknown type, checksum good | damage | next record |
//! | MIDDLE or LAST without FIRST; FIRST or FULL before LAST | damage | next record |
//! | the medium cannot be read | damage | end |
//!
//! Invariant: the reader moves on by at least a header or a block with every second step, and holds at
//! most one record, which is never longer than the area.
//!
//! What it is not: a repair. It also hands out records behind a hole, by design; the order that is
//! lost is for the oracle to judge.

use alloc::vec::Vec;

use super::record::{BLOCK_BYTES, FIRST, FULL, HEADER_BYTES, Header, LAST, MIDDLE};
use crate::checksum::Checksum;
use crate::claim::Claim;
use crate::device::{BlockDevice, DeviceError};
use crate::formats::page_cache::Area;
use crate::journal::{Damage, End};

/// A whole record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// Where its first header lies, from the start of the file.
    pub at_bytes: u64,
    /// What was appended.
    pub payload: &'a [u8],
}

/// What a reader says of the stretch it has just met, for annotated decoding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stretch {
    /// An intact fragment: header and payload.
    Fragment(Header),
    /// Nothing was ever written here: skip to the next block.
    Preallocated,
    /// The end of a block, too short for a header.
    Trailer,
    /// Dropped, for this reason.
    Dropped(&'static str),
    /// A record that the end of the file cuts off.
    CutOff,
}

/// How a log ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogEnd {
    /// Records handed out.
    pub records: u64,
    /// Where the last intact fragment ends, from the start of the file.
    pub intact_bytes: u64,
    /// In the words of the seam.
    pub end: End,
    /// The first damage told, its place from the start of the *device*.
    pub damage: Option<Damage>,
}

/// Reads the log in `area` and hands out its records, in order.
///
/// # Errors
/// The device's, besides sectors that cannot be read: those end the log, as they do for LevelDB
/// without `paranoid_checks`, and are told as damage. LevelDB 1.22 reads a block with one call,
/// which returns the part before the loss, and parses that, as here (but tells nobody); versions
/// that read it in a loop drop the whole block and say so.
pub fn read_log(
    device: &mut dyn BlockDevice,
    area: &Area,
    each: &mut dyn FnMut(Record<'_>),
) -> Result<LogEnd, DeviceError> {
    walk(device, area, each, &mut |_, _, _| {})
}

/// As [`read_log`], and tells every stretch of the file it met: offset, length, meaning.
///
/// # Errors
/// As for [`read_log`].
pub fn walk(
    device: &mut dyn BlockDevice,
    area: &Area,
    each: &mut dyn FnMut(Record<'_>),
    tell: &mut dyn FnMut(u64, u64, Stretch),
) -> Result<LogEnd, DeviceError> {
    let mut reader = LogReader::begin(*area);
    while reader.step(device, each, tell)? {}
    Ok(reader.end())
}

/// A reader on its way along a log.
#[derive(Clone, Debug)]
pub struct LogReader {
    area: Area,
    at: u64,
    /// The header that was read here, whose payload has not been asked about.
    header: Option<Header>,
    /// The payload of the record at hand. Nothing of it is needed behind a step.
    fragment: Vec<u8>,
    record: Vec<u8>,
    /// Where the record being assembled began.
    record_at: Option<u64>,
    found: LogEnd,
}

/// What a header says is at hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Found {
    /// A fragment, as far as its header tells.
    Record(Header),
    /// Its length leaves the block.
    TooLong,
    /// Nothing was ever written here.
    Preallocated,
    /// A fragment that does not fit its checksum, whichever it is.
    Torn,
}

impl Found {
    /// Of a header with so many bytes left of its block, its own among them.
    fn of(header: Header, left: u64) -> Found {
        match u64::from(header.length) {
            length if HEADER_BYTES + length > left => Found::TooLong,
            0 if header.kind == 0 => Found::Preallocated,
            _ => Found::Record(header),
        }
    }
}

impl LogReader {
    /// Before the first byte of the log in `area`.
    #[must_use]
    pub fn begin(area: Area) -> Self {
        let found = LogEnd { records: 0, intact_bytes: 0, end: End::AreaEnd, damage: None };
        let (fragment, record) = (Vec::new(), Vec::new());
        LogReader { area, at: 0, header: None, fragment, record, record_at: None, found }
    }

    /// How the log ended, once [`LogReader::step`] has said that it did.
    #[must_use]
    pub fn end(&self) -> LogEnd {
        // A record that never got its LAST was being written when the power went.
        let torn = self.record_at.is_some() || self.found.damage.is_some();
        LogEnd { end: if torn { End::Torn } else { self.found.end }, ..self.found }
    }

    /// A little further: to the next header, or over what belongs to the one just read. False at the
    /// end.
    ///
    /// # Errors
    /// As for [`read_log`].
    pub fn step(
        &mut self,
        device: &mut dyn BlockDevice,
        each: &mut dyn FnMut(Record<'_>),
        tell: &mut dyn FnMut(u64, u64, Stretch),
    ) -> Result<bool, DeviceError> {
        match self.header.take() {
            Some(header) => self.payload(device, header, each, tell),
            None => self.next_header(device, tell),
        }
    }

    /// Where the block at hand ends, in the area or behind it, and bytes left of it here.
    fn block(&self) -> (u64, u64) {
        let end = self.at - self.at % BLOCK_BYTES + BLOCK_BYTES;
        (end, end.min(self.area.bytes()) - self.at)
    }

    fn next_header(
        &mut self,
        device: &mut dyn BlockDevice,
        tell: &mut dyn FnMut(u64, u64, Stretch),
    ) -> Result<bool, DeviceError> {
        let (block_end, left) = self.block();
        let whole_block = block_end <= self.area.bytes();
        if left < HEADER_BYTES {
            if left > 0 {
                tell(self.at, left, Stretch::Trailer);
            }
            self.at += left;
            return Ok(whole_block && self.at < self.area.bytes());
        }
        if self.skip_preallocated(device, tell) {
            return Ok(self.at < self.area.bytes());
        }
        let found = match device.pays_by_parts() {
            true => self.found_by_parts(device, left),
            false => Ok(None),
        };
        let found = found.and_then(|found| match found {
            Some(found) => Ok(found),
            None => {
                let mut header = [0; HEADER_BYTES as usize];
                self.area.read(device, self.at, &mut header)?;
                Ok(Found::of(Header::decode(&header), left))
            }
        });
        Ok(match found {
            Ok(Found::Record(header)) => {
                self.header = Some(header);
                true
            }
            Ok(Found::TooLong) if !whole_block => {
                tell(self.at, left, Stretch::CutOff);
                self.found.end = End::Torn;
                false
            }
            Ok(Found::TooLong) => {
                self.drop_block(left, "a record length that stays inside its block", tell)
            }
            Ok(Found::Preallocated) => {
                self.preallocated(left, tell);
                self.at < self.area.bytes()
            }
            Ok(Found::Torn) => self.drop_block(left, "a record that fits its checksum", tell),
            Err(error) => !self.lost(Err(error), left, tell)?,
        })
    }

    /// What is at hand, where it pays to ask for it part by part: first whether it is a whole fragment, and if not
    /// which kind of none. `None` where that takes reading.
    #[cold]
    fn found_by_parts(
        &self,
        device: &mut dyn BlockDevice,
        left: u64,
    ) -> Result<Option<Found>, DeviceError> {
        let at = self.area.on_device(self.at);
        let sector = u64::from(device.geometry().logical_bytes);
        let found = |head: &[u8]| Some(Found::of(Header::decode(head.first_chunk()?), left));
        let claims = |head: &[u8]| match found(head)? {
            Found::Record(header) => Some(self.claim(&header)),
            _ => None,
        };
        if device.is_whole(at, HEADER_BYTES as usize, &claims)? {
            return Ok(None);
        }
        // A fragment that lies in one sector can be read if its head can, and then it is torn.
        let is_torn = |found: &Found| match found {
            Found::Record(header) => {
                at % sector + HEADER_BYTES + u64::from(header.length) <= sector
            }
            _ => false,
        };
        for kind in [Found::Torn, Found::TooLong, Found::Preallocated] {
            let is_it = |head: &[u8]| match found(head) {
                Some(found) if is_torn(&found) => kind == Found::Torn,
                found => found == Some(kind),
            };
            if device.passes(at, HEADER_BYTES as usize, &is_it)? {
                return Ok(Some(kind));
            }
        }
        Ok(None)
    }

    fn payload(
        &mut self,
        device: &mut dyn BlockDevice,
        header: Header,
        each: &mut dyn FnMut(Record<'_>),
        tell: &mut dyn FnMut(u64, u64, Stretch),
    ) -> Result<bool, DeviceError> {
        let (_, left) = self.block();
        // Whether it is whole is asked before it is read: a device may know without saying what
        // each sector of a torn one holds, and that is dropped anyway.
        let whole = match self.is_whole(device, &header) {
            Ok(whole) => whole,
            Err(error) => return self.lost(Err(error), left, tell).map(|lost| !lost),
        };
        if !whole {
            return Ok(self.drop_block(left, "a record that fits its checksum", tell));
        }
        let (at, length) = (self.at + HEADER_BYTES, u64::from(header.length));
        let read = self.area.read_onto(device, at, length, &mut self.fragment);
        if self.lost(read, left, tell)? {
            return Ok(false);
        }
        if header.fits(&self.fragment) {
            self.take(header, each, tell);
            self.fragment.clear();
            return Ok(true);
        }
        self.fragment.clear();
        Ok(self.drop_block(left, "a record that fits its checksum", tell))
    }

    /// Whole blocks that the device knows to be zeros, as most of a preallocated file is: read, each of
    /// them would say so.
    fn skip_preallocated(
        &mut self,
        device: &mut dyn BlockDevice,
        tell: &mut dyn FnMut(u64, u64, Stretch),
    ) -> bool {
        if !self.at.is_multiple_of(BLOCK_BYTES) {
            return false;
        }
        let zeros = self.area.zeros_behind(device, self.at) / BLOCK_BYTES * BLOCK_BYTES;
        if zeros > 0 {
            self.preallocated(zeros, tell);
        }
        zeros > 0
    }

    /// Nothing was ever written in the next `bytes` bytes.
    fn preallocated(&mut self, bytes: u64, tell: &mut dyn FnMut(u64, u64, Stretch)) {
        tell(self.at, bytes, Stretch::Preallocated);
        self.found.end = End::Clean;
        if let Some(begun) = self.record_at.take() {
            self.damaged(begun, "the end of a fragmented record");
        }
        self.at += bytes;
    }

    /// Whether the fragment behind `header` has the checksum that it claims.
    fn is_whole(&self, device: &mut dyn BlockDevice, header: &Header) -> Result<bool, DeviceError> {
        self.claim(header).verify(device)
    }

    fn claim(&self, header: &Header) -> Claim {
        let from = self.area.on_device(self.at + HEADER_BYTES);
        let bytes = from..from + u64::from(header.length);
        Claim::new(Checksum::Crc32c, u64::from(header.claims()), &[&[header.kind]], bytes)
    }

    /// An intact fragment: does it continue what came before?
    fn take(
        &mut self,
        header: Header,
        each: &mut dyn FnMut(Record<'_>),
        tell: &mut dyn FnMut(u64, u64, Stretch),
    ) {
        let (at, bytes) = (self.at, HEADER_BYTES + u64::from(header.length));
        self.at += bytes;
        self.found.intact_bytes = self.at;
        self.found.end = End::AreaEnd;
        tell(at, bytes, Stretch::Fragment(header));
        match (header.kind, self.record_at) {
            (FULL, begun) => {
                self.missing_end(begun);
                self.record_at = None;
                self.found.records += 1;
                each(Record { at_bytes: at, payload: &self.fragment });
            }
            (FIRST, begun) => {
                self.missing_end(begun);
                self.record_at = Some(at);
                core::mem::swap(&mut self.record, &mut self.fragment);
            }
            (MIDDLE, Some(_)) => self.record.extend_from_slice(&self.fragment),
            (LAST, Some(begun)) => {
                self.record.extend_from_slice(&self.fragment);
                self.record_at = None;
                self.found.records += 1;
                each(Record { at_bytes: begun, payload: &self.record });
                self.record.clear();
            }
            (MIDDLE | LAST, None) => self.damaged(at, "the start of a fragmented record"),
            _ => {
                self.record_at = None;
                self.damaged(at, "a record type that is known");
            }
        }
    }

    /// A record was begun and another begins. An empty beginning is not worth a report: an early
    /// writer left such at the ends of blocks.
    fn missing_end(&mut self, begun: Option<u64>) {
        if let Some(at) = begun
            && !self.record.is_empty()
        {
            self.damaged(at, "the end of a fragmented record");
        }
    }

    fn damaged(&mut self, at: u64, what: &'static str) {
        // Never proven: an intact record in a later block may be as unacknowledged as this one.
        let at_bytes = self.area.on_device(at);
        self.found.damage.get_or_insert(Damage { at_bytes, proven: false, what });
    }

    /// The rest of the block is dropped. True if there is another.
    fn drop_block(
        &mut self,
        left: u64,
        what: &'static str,
        tell: &mut dyn FnMut(u64, u64, Stretch),
    ) -> bool {
        tell(self.at, left, Stretch::Dropped(what));
        self.damaged(self.at, what);
        self.record_at = None;
        self.at += left;
        self.at < self.area.bytes()
    }

    /// Whether the medium failed; other errors are passed up.
    fn lost(
        &mut self,
        read: Result<(), DeviceError>,
        left: u64,
        tell: &mut dyn FnMut(u64, u64, Stretch),
    ) -> Result<bool, DeviceError> {
        match read {
            Ok(()) => Ok(false),
            Err(DeviceError::Unreadable(_) | DeviceError::Io(_)) => {
                let what = "a sector that can be read";
                tell(self.at, left, Stretch::Dropped(what));
                self.damaged(self.at, what);
                Ok(true)
            }
            Err(other) => Err(other),
        }
    }
}

/// The length that a file system would report for the log in `area`: it reaches to its last byte
/// that is not zero, or to `intact_bytes` if that is further. A sector that cannot be read counts
/// as written.
///
/// # Errors
/// The device's, besides unreadable sectors.
pub fn file_length(
    device: &mut dyn BlockDevice,
    area: &Area,
    intact_bytes: u64,
) -> Result<u64, DeviceError> {
    let sector = u64::from(device.geometry().logical_bytes);
    let mut end = area.bytes();
    // From the end on down, so that a short tail in a large area costs reads of zeros only, and none
    // where the device knows of them.
    while end > intact_bytes {
        end -= area.zeros_before(device, intact_bytes, end);
        if end <= intact_bytes {
            break;
        }
        let start = ((end - 1) - (end - 1) % sector).max(intact_bytes);
        let mut last = None;
        let mut at = start;
        let read = area.feed(device, start, end - start, &mut |piece| {
            if let Some(i) = piece.iter().rposition(|&byte| byte != 0) {
                last = Some(at + i as u64 + 1);
            }
            at += piece.len() as u64;
        });
        match (read, last) {
            (Err(DeviceError::Unreadable(_) | DeviceError::Io(_)), _) => return Ok(end),
            (Err(error), _) => return Err(error),
            (Ok(()), Some(last)) => return Ok(last),
            (Ok(()), None) => end = start,
        }
    }
    Ok(intact_bytes)
}
