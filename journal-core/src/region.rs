//! A part of a device, as a device.
//!
//! The one idea: a journal lives on a whole device, and several can share a disk.
//!
//! Invariant: no access leaves the region, and every address told, in errors too, is the region's own.
//!
//! What it is not: a partition that is independent of its neighbours. A flush reaches the whole disk
//! below, as it does on real ones.

use core::ops::Range;

use crate::device::{BlockDevice, DeviceError, Geometry, Lba, Write};
use crate::same::Span;

/// A run of sectors of another device, as a device of its own.
pub struct Region<'d> {
    below: &'d mut dyn BlockDevice,
    start: Lba,
    sectors: u64,
}

/// Writes handed down in one call without allocating.
const REGION_WRITES_MAX: usize = 64;

impl<'d> Region<'d> {
    /// The sectors `start .. start + sectors` of `below`.
    ///
    /// # Errors
    /// [`DeviceError::OutOfRange`] when the device below is too short.
    pub fn new(
        below: &'d mut dyn BlockDevice,
        start: Lba,
        sectors: u64,
    ) -> Result<Self, DeviceError> {
        let have = below.geometry().sectors;
        match start.0.checked_add(sectors) {
            Some(end) if end <= have => Ok(Region { below, start, sectors }),
            _ => Err(DeviceError::OutOfRange { at: start, sectors, have }),
        }
    }

    fn place(&self, at: Lba, bytes: usize) -> Result<Lba, DeviceError> {
        let sector = self.below.geometry().logical_bytes;
        let sectors = (bytes as u64).div_ceil(u64::from(sector));
        match at.0.checked_add(sectors) {
            Some(end) if end <= self.sectors => Ok(self.start.plus(at.0)),
            _ => Err(DeviceError::OutOfRange { at, sectors, have: self.sectors }),
        }
    }
}

/// An error of the device below, told in the addresses of the region from `start` on.
fn relative(start: Lba, error: DeviceError) -> DeviceError {
    let own = |lba: Lba| Lba(lba.0.saturating_sub(start.0));
    match error {
        DeviceError::Unreadable(lba) => DeviceError::Unreadable(own(lba)),
        DeviceError::Io(lba) => DeviceError::Io(own(lba)),
        DeviceError::NoSpace(lba) => DeviceError::NoSpace(own(lba)),
        other => other,
    }
}

impl BlockDevice for Region<'_> {
    fn geometry(&self) -> Geometry {
        Geometry { sectors: self.sectors, ..self.below.geometry() }
    }

    fn read(&mut self, at: Lba, into: &mut [u8]) -> Result<(), DeviceError> {
        let place = self.place(at, into.len())?;
        self.below.read(place, into).map_err(|e| relative(self.start, e))
    }

    fn lend<'a>(&'a mut self, at: Lba, scratch: &'a mut [u8]) -> Result<&'a [u8], DeviceError> {
        let (place, start) = (self.place(at, scratch.len())?, self.start);
        self.below.lend(place, scratch).map_err(|e| relative(start, e))
    }

    fn peek<'a>(
        &'a mut self,
        at: Lba,
        part: Range<usize>,
        scratch: &'a mut [u8],
    ) -> Result<&'a [u8], DeviceError> {
        let (place, start) = (self.place(at, scratch.len())?, self.start);
        self.below.peek(place, part, scratch).map_err(|e| relative(start, e))
    }

    fn write(&mut self, writes: &[Write<'_>]) -> Result<(), DeviceError> {
        if writes.len() > REGION_WRITES_MAX {
            let moved: Result<alloc::vec::Vec<_>, _> = writes
                .iter()
                .map(|w| self.place(w.at, w.data.len()).map(|at| Write { at, ..*w }))
                .collect();
            return self.below.write(&moved?).map_err(|e| relative(self.start, e));
        }
        let mut moved = [Write::cached(Lba(0), &[]); REGION_WRITES_MAX];
        for (slot, write) in moved.iter_mut().zip(writes) {
            *slot = Write { at: self.place(write.at, write.data.len())?, ..*write };
        }
        self.below.write(&moved[..writes.len()]).map_err(|e| relative(self.start, e))
    }

    fn flush(&mut self) -> Result<(), DeviceError> {
        self.below.flush().map_err(|e| relative(self.start, e))
    }

    fn write_same(&mut self, byte: u8, spans: &[Span]) -> Result<(), DeviceError> {
        let moved = |span: &Span| {
            self.geometry().run(span.at, span.sectors)?;
            Ok(Span { at: self.start.plus(span.at.0), ..*span })
        };
        let moved: Result<alloc::vec::Vec<_>, _> = spans.iter().map(moved).collect();
        self.below.write_same(byte, &moved?).map_err(|e| relative(self.start, e))
    }

    fn knows_same(&mut self, at: Lba, sectors: u64, byte: u8) -> u64 {
        match self.geometry().run(at, sectors) {
            Ok(()) => self.below.knows_same(self.start.plus(at.0), sectors, byte),
            Err(_) => 0,
        }
    }

    fn discard(&mut self, at: Lba, sectors: u64) -> Result<(), DeviceError> {
        let sector = u64::from(self.below.geometry().logical_bytes);
        let bytes = sectors.saturating_mul(sector);
        let place = self.place(at, usize::try_from(bytes).unwrap_or(usize::MAX))?;
        self.below.discard(place, sectors).map_err(|e| relative(self.start, e))
    }
}
