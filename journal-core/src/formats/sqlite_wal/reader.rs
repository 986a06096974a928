//! Reading an SQLite WAL: the chain of frames, and how much of it is committed.
//!
//! The one idea: walk frames from the first on; stop at the first that does not belong. Of the
//! frames before it only those up to the last commit frame count.
//!
//! Where the walk ends (SQLite 3.40 `walIndexRecover`, `walDecodeFrame`):
//!
//! | found | taken for |
//! |---|---|
//! | no header, or its sum fails | an empty WAL |
//! | header good, version unknown | SQLITE_CANTOPEN: refused |
//! | the next frame does not fit the file | the end |
//! | other salts, or page number 0 | the end: never written, or an older generation |
//! | the running sum fails | the end: torn |
//! | the medium cannot be read | SQLITE_IOERR: refused |
//!
//! Invariant: one frame is held in memory, of at most 65536 bytes of page; each step moves on by a
//! frame, or says why there is none.
//!
//! What it is not: silent about what it stood before. SQLite is; [`Recovered`] says how it ended.

use alloc::vec::Vec;

use super::frame::{FRAME_HEADER_BYTES, FrameHeader, HEADER_BYTES, HeaderRead, Sums, WalHeader};
use crate::bytes;
use crate::claim::Claim;
use crate::device::{BlockDevice, DeviceError};
use crate::formats::page_cache::Area;
use crate::journal::End;

/// A frame that is in the chain, committed or not.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'a> {
    /// The generation it belongs to: the checkpoint sequence of the header.
    pub sequence: u32,
    /// 1 is the first.
    pub number: u64,
    /// Where it begins, from the start of the file.
    pub at_bytes: u64,
    /// Its header, whose sums are good.
    pub header: FrameHeader,
    /// The page.
    pub page: &'a [u8],
}

/// Why the walk ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// There is no valid header to start from.
    NoHeader,
    /// The file ends.
    FileEnd,
    /// The frame at hand carries other salts.
    Salt,
    /// The frame at hand has page number 0.
    PageNumber,
    /// The frame at hand does not continue the sum.
    Sum,
}

/// What recovery learns from a WAL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recovered {
    /// What the first 32 bytes are.
    pub header: HeaderRead,
    /// Frames up to and with the last commit frame.
    pub committed: u64,
    /// Frames in the chain, with those of a transaction that was cut off.
    pub chained: u64,
    /// The running sum after the last commit frame.
    pub sums: Sums,
    /// Why the walk ended.
    pub stop: Stop,
    /// Where, from the start of the file.
    pub stop_at_bytes: u64,
}

impl Recovered {
    /// How the log ended, in the words of the seam.
    #[must_use]
    pub fn end(&self) -> End {
        match self.stop {
            Stop::Sum => End::Torn,
            // Whole frames of a transaction whose commit frame never came.
            _ if self.chained > self.committed => End::Torn,
            Stop::NoHeader if !matches!(self.header, HeaderRead::Nothing) => End::Torn,
            Stop::FileEnd => End::AreaEnd,
            Stop::NoHeader | Stop::Salt | Stop::PageNumber => End::Clean,
        }
    }
}

/// Walks the WAL in `area` and hands out the frames of the chain, in order, whether or not a commit
/// frame follows.
///
/// # Errors
/// The device's, unreadable sectors among them: SQLite gives up with SQLITE_IOERR there, and the
/// database cannot be opened until somebody deals with it.
pub fn read_wal(
    device: &mut dyn BlockDevice,
    area: &Area,
    each: &mut dyn FnMut(&Frame<'_>),
) -> Result<Recovered, DeviceError> {
    let mut reader = WalReader::begin(*area);
    loop {
        if let Some(found) = reader.step(device, each)? {
            return Ok(found);
        }
    }
}

/// A reader on its way along a WAL.
#[derive(Clone, Debug)]
pub struct WalReader {
    area: Area,
    next: Next,
    found: Recovered,
    /// The page of the frame at hand. Nothing of it is needed behind a step.
    page: Vec<u8>,
}

/// What a reader asks about next.
#[derive(Clone, Copy, Debug)]
enum Next {
    Header,
    /// The frame behind those in the chain, whose sum goes on from this one.
    Frame(WalHeader, Sums),
    /// Why there is no whole frame there.
    WhyNot(WalHeader),
}

impl WalReader {
    /// Before the header of the WAL in `area`.
    #[must_use]
    pub fn begin(area: Area) -> Self {
        let found = Recovered {
            header: HeaderRead::Nothing,
            committed: 0,
            chained: 0,
            sums: Sums::default(),
            stop: Stop::NoHeader,
            stop_at_bytes: 0,
        };
        WalReader { area, next: Next::Header, found, page: Vec::new() }
    }

    /// A little further: the header, a frame, or why there is none; what was found, at the end.
    ///
    /// # Errors
    /// As for [`read_wal`].
    pub fn step(
        &mut self,
        device: &mut dyn BlockDevice,
        each: &mut dyn FnMut(&Frame<'_>),
    ) -> Result<Option<Recovered>, DeviceError> {
        match self.next {
            Next::Header => self.header(device),
            Next::Frame(wal, sums) => self.frame(device, &wal, sums, each),
            Next::WhyNot(wal) => {
                let at_bytes = wal.frame_at(self.found.chained + 1);
                let stop = why_not(device, &self.area, at_bytes, &wal)?;
                Ok(Some(self.stopped(&wal, stop)))
            }
        }
    }

    fn header(&mut self, device: &mut dyn BlockDevice) -> Result<Option<Recovered>, DeviceError> {
        // SQLite looks only at files that are longer than a header.
        if self.area.bytes() <= HEADER_BYTES {
            return Ok(Some(self.found));
        }
        self.found.header = self.read_header(device)?;
        let HeaderRead::Valid(wal, start) = self.found.header else {
            return Ok(Some(self.found));
        };
        self.found.sums = start;
        self.next = Next::Frame(wal, start);
        Ok(None)
    }

    fn read_header(&self, device: &mut dyn BlockDevice) -> Result<HeaderRead, DeviceError> {
        let mut bytes = [0; HEADER_BYTES as usize];
        if device.pays_by_parts() {
            let at = self.area.on_device(0);
            bytes::can_be_read(device, at, HEADER_BYTES)?;
            let mut is = |kind: fn(HeaderRead) -> bool| {
                let is_it = |bytes: &[u8]| {
                    bytes.first_chunk().is_some_and(|bytes| kind(WalHeader::decode(bytes)))
                };
                device.passes(at, HEADER_BYTES as usize, &is_it)
            };
            if is(|header| header == HeaderRead::Nothing)? {
                return Ok(HeaderRead::Nothing);
            }
            if is(|header| matches!(header, HeaderRead::BadSum(_)))? {
                // Of its sum nothing is wanted, nor of its version.
                self.area.read(device, 0, &mut bytes[..4])?;
                self.area.read(device, 8, &mut bytes[8..24])?;
                return Ok(HeaderRead::BadSum(WalHeader::fields(&bytes)));
            }
        }
        self.area.read(device, 0, &mut bytes)?;
        Ok(WalHeader::decode(&bytes))
    }

    fn frame(
        &mut self,
        device: &mut dyn BlockDevice,
        wal: &WalHeader,
        sums: Sums,
        each: &mut dyn FnMut(&Frame<'_>),
    ) -> Result<Option<Recovered>, DeviceError> {
        let number = self.found.chained + 1;
        let at_bytes = wal.frame_at(number);
        if at_bytes + wal.frame_bytes() > self.area.bytes() {
            return Ok(Some(self.stopped(wal, Stop::FileEnd)));
        }
        // Whether it is whole is asked before it is read: what is there instead does not matter.
        let (at, from) = (self.area.on_device(at_bytes), at_bytes + FRAME_HEADER_BYTES);
        let page = self.area.on_device(from)..self.area.on_device(from) + u64::from(wal.page_bytes);
        let claims = |bytes: &[u8]| {
            let header = FrameHeader::decode(bytes.first_chunk()?);
            let before = header.before_page(wal, sums);
            let sum = header.sums.number();
            let claim = Claim::new(wal.checksum(), sum, &[&before], page.clone());
            belongs(&header, wal).is_ok().then_some(claim)
        };
        if !device.is_whole(at, FRAME_HEADER_BYTES as usize, &claims)? {
            self.next = Next::WhyNot(*wal);
            return Ok(None);
        }
        let mut bytes = [0; FRAME_HEADER_BYTES as usize];
        self.area.read(device, at_bytes, &mut bytes)?;
        let header = FrameHeader::decode(&bytes);
        // No larger than the file, whatever page size the header names.
        self.area.read_onto(device, from, u64::from(wal.page_bytes), &mut self.page)?;
        self.found.chained = number;
        if header.commits() {
            self.found.committed = number;
            self.found.sums = header.sums;
        }
        self.next = Next::Frame(*wal, header.sums);
        each(&Frame { sequence: wal.sequence, number, at_bytes, header, page: &self.page });
        self.page.clear();
        Ok(None)
    }

    fn stopped(&mut self, wal: &WalHeader, stop: Stop) -> Recovered {
        self.found.stop = stop;
        self.found.stop_at_bytes = wal.frame_at(self.found.chained + 1);
        self.found
    }
}

/// Whether a header is of this WAL at all.
fn belongs(header: &FrameHeader, wal: &WalHeader) -> Result<(), Stop> {
    if header.salts != wal.salts {
        return Err(Stop::Salt);
    }
    if header.page_number == 0 {
        return Err(Stop::PageNumber);
    }
    Ok(())
}

/// Why there is no whole frame at a place: asked in the order in which a reader would meet it.
fn why_not(
    device: &mut dyn BlockDevice,
    area: &Area,
    at_bytes: u64,
    wal: &WalHeader,
) -> Result<Stop, DeviceError> {
    let (at, page) = (area.on_device(at_bytes), area.on_device(at_bytes + FRAME_HEADER_BYTES));
    bytes::can_be_read(device, at, FRAME_HEADER_BYTES)?;
    for stop in [Stop::Salt, Stop::PageNumber] {
        let passes = |bytes: &[u8]| {
            let header = bytes.first_chunk().map(FrameHeader::decode);
            header.is_some_and(|header| belongs(&header, wal) != Err(stop))
        };
        if !device.passes(at, FRAME_HEADER_BYTES as usize, &passes)? {
            return Ok(stop);
        }
    }
    bytes::can_be_read(device, page, u64::from(wal.page_bytes))?;
    Ok(Stop::Sum)
}
