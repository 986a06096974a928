//! A part of a device, as a device.
//!
//! The one idea: a journal lives on a whole device, and several can share a disk.
//!
//! Invariant: no access leaves the region, and every address told, in errors too, is the region's own.
//!
//! What it is not: a partition that is independent of its neighbours. A flush reaches the whole disk
//! below, as it does on real ones.

use alloc::vec::Vec;
use core::cell::Cell;
use core::ops::Range;

use crate::checksum::Checksum;
use crate::claim::Claims;
use crate::device::{BlockDevice, DeviceError, Geometry, Lba, Piece, Write};
use crate::same::Span;

/// A run of sectors of another device, as a device of its own.
pub struct Region<'d> {
    below: &'d mut dyn BlockDevice,
    bounds: Bounds,
}

/// Where a region lies.
#[derive(Clone, Copy)]
struct Bounds {
    start: Lba,
    sectors: u64,
    sector: u32,
}

impl Bounds {
    /// The first of some bytes of the region, on the device below.
    fn bytes(self, bytes: Range<u64>) -> Result<u64, DeviceError> {
        let sector = u64::from(self.sector);
        let first = bytes.start / sector;
        self.run(Lba(first), bytes.end.div_ceil(sector) - first)?;
        Ok(self.start.0 * sector + bytes.start)
    }

    /// The first of some sectors of the region, on the device below.
    fn run(self, at: Lba, sectors: u64) -> Result<Lba, DeviceError> {
        match at.0.checked_add(sectors) {
            Some(end) if end <= self.sectors => Ok(self.start.plus(at.0)),
            _ => Err(DeviceError::OutOfRange { at, sectors, have: self.sectors }),
        }
    }

    /// An error of the device below, told in the addresses of the region.
    fn own(self, error: DeviceError) -> DeviceError {
        let own = |lba: Lba| Lba(lba.0.saturating_sub(self.start.0));
        match error {
            DeviceError::Unreadable(lba) => DeviceError::Unreadable(own(lba)),
            DeviceError::Io(lba) => DeviceError::Io(own(lba)),
            DeviceError::NoSpace(lba) => DeviceError::NoSpace(own(lba)),
            other => other,
        }
    }
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
        let Geometry { sectors: have, logical_bytes: sector, .. } = below.geometry();
        let bounds = Bounds { start, sectors, sector };
        match start.0.checked_add(sectors) {
            Some(end) if end <= have => Ok(Region { below, bounds }),
            _ => Err(DeviceError::OutOfRange { at: start, sectors, have }),
        }
    }

    fn place(&self, at: Lba, bytes: usize) -> Result<Lba, DeviceError> {
        self.bounds.run(at, (bytes as u64).div_ceil(u64::from(self.bounds.sector)))
    }

    /// The first of `count` runs of so many bytes from `at` on, none of which leaves the region.
    fn runs(&self, at: Lba, count: u64, bytes: usize) -> Result<Lba, DeviceError> {
        let each = bytes as u64 / u64::from(self.bounds.sector);
        self.bounds.run(at, count.saturating_mul(each))
    }
}

impl BlockDevice for Region<'_> {
    fn geometry(&self) -> Geometry {
        Geometry { sectors: self.bounds.sectors, ..self.below.geometry() }
    }

    fn read(&mut self, at: Lba, into: &mut [u8]) -> Result<(), DeviceError> {
        let place = self.place(at, into.len())?;
        self.below.read(place, into).map_err(|e| self.bounds.own(e))
    }

    fn read_to_rewrite(
        &mut self,
        at: Lba,
        into: &mut [u8],
        overwrites: Range<usize>,
    ) -> Result<bool, DeviceError> {
        let place = self.place(at, into.len())?;
        self.below.read_to_rewrite(place, into, overwrites).map_err(|e| self.bounds.own(e))
    }

    fn lend<'a>(&'a mut self, at: Lba, scratch: &'a mut [u8]) -> Result<&'a [u8], DeviceError> {
        let (place, bounds) = (self.place(at, scratch.len())?, self.bounds);
        self.below.lend(place, scratch).map_err(|e| bounds.own(e))
    }

    fn peek<'a>(
        &'a mut self,
        at: Lba,
        part: Range<usize>,
        scratch: &'a mut [u8],
    ) -> Result<&'a [u8], DeviceError> {
        let (place, bounds) = (self.place(at, scratch.len())?, self.bounds);
        self.below.peek(place, part, scratch).map_err(|e| bounds.own(e))
    }

    fn pays_by_parts(&self) -> bool {
        self.below.pays_by_parts()
    }

    fn doubts(&self, at: Lba) -> u32 {
        self.bounds.run(at, 1).map_or(u32::MAX, |place| self.below.doubts(place))
    }

    fn peek_if<'a>(
        &'a mut self,
        at: Lba,
        part: Range<usize>,
        scratch: &'a mut [u8],
        passes: &dyn Fn(&[u8]) -> bool,
    ) -> Result<Option<&'a [u8]>, DeviceError> {
        let (place, bounds) = (self.place(at, scratch.len())?, self.bounds);
        self.below.peek_if(place, part, scratch, passes).map_err(|e| bounds.own(e))
    }

    fn verify(
        &mut self,
        pieces: &[Piece<'_>],
        sum: Checksum,
        expected: u64,
    ) -> Result<bool, DeviceError> {
        let mut moved = Vec::with_capacity(pieces.len());
        for piece in pieces {
            moved.push(match *piece {
                Piece::Given(bytes) => Piece::Given(bytes),
                Piece::Device { at_bytes, bytes } => Piece::Device {
                    at_bytes: self.bounds.bytes(at_bytes..at_bytes + bytes)?,
                    bytes,
                },
            });
        }
        self.below.verify(&moved, sum, expected).map_err(|e| self.bounds.own(e))
    }

    fn find(
        &mut self,
        at: Lba,
        count: u64,
        scratch: &mut [u8],
        test: &dyn Fn(u64, &[u8]) -> bool,
    ) -> Result<Option<u64>, DeviceError> {
        if count == 0 {
            return Ok(None);
        }
        let place = self.runs(at, count, scratch.len())?;
        self.below.find(place, count, scratch, test).map_err(|e| self.bounds.own(e))
    }

    fn any(
        &mut self,
        at: Lba,
        count: u64,
        scratch: &mut [u8],
        test: &dyn Fn(u64, &[u8]) -> bool,
    ) -> Result<bool, DeviceError> {
        if count == 0 {
            return Ok(false);
        }
        let place = self.runs(at, count, scratch.len())?;
        self.below.any(place, count, scratch, test).map_err(|e| self.bounds.own(e))
    }

    fn is_whole(
        &mut self,
        at_bytes: u64,
        head_bytes: usize,
        claims: Claims<'_>,
    ) -> Result<bool, DeviceError> {
        let bounds = self.bounds;
        let place = bounds.bytes(at_bytes..at_bytes + head_bytes as u64)?;
        let below = self.below.geometry();
        let beyond_all = below.sectors * u64::from(below.logical_bytes);
        // What leaves the region may well exist below. It is asked about behind the end of all, and the error
        // is the region's.
        let leaves = Cell::new(None);
        let moved = |head: &[u8]| {
            let claim = claims(head)?;
            Some(match bounds.bytes(claim.span()) {
                Ok(from) => claim.moved(from),
                Err(error) => {
                    leaves.set(Some(error));
                    claim.moved(beyond_all)
                }
            })
        };
        self.below.is_whole(place, head_bytes, &moved).map_err(|error| {
            match (error, leaves.get()) {
                (DeviceError::OutOfRange { .. }, Some(own)) => own,
                (error, _) => bounds.own(error),
            }
        })
    }

    fn passes(
        &mut self,
        at_bytes: u64,
        len: usize,
        test: &dyn Fn(&[u8]) -> bool,
    ) -> Result<bool, DeviceError> {
        let place = self.bounds.bytes(at_bytes..at_bytes + len as u64)?;
        self.below.passes(place, len, test).map_err(|error| self.bounds.own(error))
    }

    fn write(&mut self, writes: &[Write<'_>]) -> Result<(), DeviceError> {
        if writes.len() > REGION_WRITES_MAX {
            let moved: Result<Vec<_>, _> = writes
                .iter()
                .map(|w| self.place(w.at, w.data.len()).map(|at| Write { at, ..*w }))
                .collect();
            return self.below.write(&moved?).map_err(|e| self.bounds.own(e));
        }
        let mut moved = [Write::cached(Lba(0), &[]); REGION_WRITES_MAX];
        for (slot, write) in moved.iter_mut().zip(writes) {
            *slot = Write { at: self.place(write.at, write.data.len())?, ..*write };
        }
        self.below.write(&moved[..writes.len()]).map_err(|e| self.bounds.own(e))
    }

    fn flush(&mut self) -> Result<(), DeviceError> {
        self.below.flush().map_err(|e| self.bounds.own(e))
    }

    fn write_same(&mut self, byte: u8, spans: &[Span]) -> Result<(), DeviceError> {
        let moved = |span: &Span| {
            self.geometry().run(span.at, span.sectors)?;
            Ok(Span { at: self.bounds.start.plus(span.at.0), ..*span })
        };
        let moved: Result<Vec<_>, _> = spans.iter().map(moved).collect();
        self.below.write_same(byte, &moved?).map_err(|e| self.bounds.own(e))
    }

    fn knows_same(&mut self, at: Lba, sectors: u64, byte: u8) -> u64 {
        match self.geometry().run(at, sectors) {
            Ok(()) => self.below.knows_same(self.bounds.start.plus(at.0), sectors, byte),
            Err(_) => 0,
        }
    }

    fn discard(&mut self, at: Lba, sectors: u64) -> Result<(), DeviceError> {
        let sector = u64::from(self.below.geometry().logical_bytes);
        let bytes = sectors.saturating_mul(sector);
        let place = self.place(at, usize::try_from(bytes).unwrap_or(usize::MAX))?;
        self.below.discard(place, sectors).map_err(|e| self.bounds.own(e))
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;
    use crate::claim::Claim;
    use crate::memory::MemoryDevice;

    const SECTOR: usize = 512;
    const SHAPE: Geometry = Geometry { logical_bytes: 512, physical_bytes: 512, sectors: 8 };

    /// A device that answers questions, and has nothing read but by them.
    struct Asked(MemoryDevice, bool);

    impl Asked {
        fn asked<T>(&mut self, question: impl FnOnce(&mut MemoryDevice) -> T) -> T {
            self.1 = true;
            question(&mut self.0)
        }
    }

    impl BlockDevice for Asked {
        fn geometry(&self) -> Geometry {
            self.0.geometry()
        }
        fn read(&mut self, _: Lba, _: &mut [u8]) -> Result<(), DeviceError> {
            panic!("a question was asked");
        }
        fn write(&mut self, writes: &[Write<'_>]) -> Result<(), DeviceError> {
            self.0.write(writes)
        }
        fn flush(&mut self) -> Result<(), DeviceError> {
            self.0.flush()
        }
        fn discard(&mut self, at: Lba, sectors: u64) -> Result<(), DeviceError> {
            self.0.discard(at, sectors)
        }
        fn verify(
            &mut self,
            of: &[Piece<'_>],
            sum: Checksum,
            is: u64,
        ) -> Result<bool, DeviceError> {
            self.asked(|device| device.verify(of, sum, is))
        }
        fn find(
            &mut self,
            at: Lba,
            count: u64,
            scratch: &mut [u8],
            test: &dyn Fn(u64, &[u8]) -> bool,
        ) -> Result<Option<u64>, DeviceError> {
            self.asked(|device| device.find(at, count, scratch, test))
        }
        fn any(
            &mut self,
            at: Lba,
            count: u64,
            scratch: &mut [u8],
            test: &dyn Fn(u64, &[u8]) -> bool,
        ) -> Result<bool, DeviceError> {
            self.asked(|device| device.any(at, count, scratch, test))
        }
        fn peek_if<'a>(
            &'a mut self,
            at: Lba,
            part: Range<usize>,
            scratch: &'a mut [u8],
            passes: &dyn Fn(&[u8]) -> bool,
        ) -> Result<Option<&'a [u8]>, DeviceError> {
            self.1 = true;
            self.0.peek_if(at, part, scratch, passes)
        }
        fn is_whole(&mut self, at: u64, head: usize, of: Claims<'_>) -> Result<bool, DeviceError> {
            self.asked(|device| device.is_whole(at, head, of))
        }
    }

    /// Sectors that begin with 32 times their number.
    fn content(sectors: u64) -> Vec<u8> {
        (0..sectors as usize * SECTOR).map(|at| (at / SECTOR * 31 + at % 7) as u8).collect()
    }

    /// Asks all questions at each place, within the device and beyond it, and tells the answers; none where
    /// that leaves the device.
    fn answers(device: &mut dyn BlockDevice) -> Vec<Option<Option<u64>>> {
        let bytes = content(SHAPE.sectors);
        let end = bytes.len() as u64;
        let mut told = Vec::new();
        for at in (0..end + 1024).step_by(256) {
            for to in [at + 100, at + 600] {
                let own = bytes.get(at as usize..to as usize).unwrap_or_default();
                let expected = Checksum::Crc32c.of(&[b"salt", own]);
                let of = [Piece::Given(b"salt"), Piece::Device { at_bytes: at, bytes: to - at }];
                let is = device.verify(&of, Checksum::Crc32c, expected);
                told.push(is.map(|is| is.then_some(0)));
                let first = bytes.get(at as usize).copied();
                let claims = |head: &[u8]| {
                    let claim = Claim::new(Checksum::Crc32c, expected, &[b"salt"], at..to);
                    (Some(head[0]) == first).then_some(claim)
                };
                let place = at.min(end - 1);
                told.push(device.is_whole(place, 1, &claims).map(|is| is.then_some(0)));
                let lba = Lba(at / SECTOR as u64);
                let passes = |part: &[u8]| part[0] == 32;
                if lba.0 < SHAPE.sectors {
                    let scratch = &mut [0; SECTOR];
                    let peeked = device.peek_if(lba, 0..2, scratch, &passes);
                    told.push(peeked.map(|part| part.map(|part| u64::from(part[1]))));
                }
            }
        }
        for at in 0..SHAPE.sectors + 2 {
            for (count, each) in [(0, 1), (1, 1), (3, 1), (2, 2)] {
                for wanted in [0, 32, 128] {
                    let scratch = &mut vec![0; each * SECTOR][..];
                    let test = |_: u64, run: &[u8]| run[0] == wanted;
                    let at = Lba(at);
                    if count == 0 || at.0 + count * each as u64 <= SHAPE.sectors {
                        told.push(device.find(at, count, scratch, &test));
                        told.push(device.any(at, count, scratch, &test).map(|is| is.then_some(0)));
                    }
                }
            }
        }
        let within = |told| match told {
            Err(DeviceError::OutOfRange { have, .. }) if have == SHAPE.sectors => None,
            told => Some(told.expect("all can be read")),
        };
        told.into_iter().map(within).collect()
    }

    #[test]
    fn a_region_answers_as_a_device_of_its_own_and_asks_the_one_below() {
        let mut alone = MemoryDevice::new(SHAPE, 0);
        alone.write(&[Write::cached(Lba(0), &content(SHAPE.sectors))]).unwrap();
        let mut below = Asked(MemoryDevice::new(Geometry { sectors: 16, ..SHAPE }, 0xee), false);
        below.write(&[Write::cached(Lba(5), &content(SHAPE.sectors))]).unwrap();
        let own = answers(&mut alone);
        assert_eq!(answers(&mut Region::new(&mut below, Lba(5), SHAPE.sectors).unwrap()), own);
        assert!(below.1);
        let kinds = [None, Some(None), Some(Some(0)), Some(Some(1))];
        assert!(kinds.iter().all(|kind| own.contains(kind)), "answers of all kinds");
    }
}
