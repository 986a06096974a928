//! The seam below every journal: a block device that keeps sectors.
//!
//! The one idea: a device promises little, and says so in its types. Writes of one call are in
//! flight together and may complete, and tear, in any order; only [`BlockDevice::flush`] and
//! [`Durability::Fua`] ask for persistence; a sector that cannot be read is an error and never a
//! block of zeros.
//!
//! Invariant: every access is whole logical sectors, addressed by [`Lba`], never by bytes.
//!
//! What it is not: a promise that the device keeps its word. What a device may do at a power cut
//! is the business of a contract in the simulator, and of luck in production.

use core::fmt;
use core::ops::Range;

use crate::bytes;
use crate::checksum::Checksum;
use crate::claim::{self, Claim, Claims};
use crate::same::{self, Span};

/// The index of a logical sector, counted from the start of the device. Never a byte offset.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Lba(pub u64);

impl Lba {
    /// The sector `sectors` further on.
    #[must_use]
    pub const fn plus(self, sectors: u64) -> Lba {
        Lba(self.0 + sectors)
    }
}

impl fmt::Display for Lba {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LBA {}", self.0)
    }
}

/// The shape of a device, as it reports it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Geometry {
    /// Bytes of a logical sector: the unit of addressing. A power of two, 8 to 65536.
    pub logical_bytes: u32,
    /// Bytes of a physical sector: what the medium rewrites as one. A power of two, at least
    /// `logical_bytes`. On a 512e disk the two differ (512 and 4096).
    pub physical_bytes: u32,
    /// Number of logical sectors.
    pub sectors: u64,
}

impl Geometry {
    /// Bytes of the whole device.
    #[must_use]
    pub const fn bytes(&self) -> u64 {
        self.logical_bytes as u64 * self.sectors
    }

    /// Logical sectors that make up `bytes`, if that is a whole number of them.
    #[must_use]
    pub const fn sectors_in(&self, bytes: u64) -> Option<u64> {
        if bytes.is_multiple_of(self.logical_bytes as u64) {
            Some(bytes / self.logical_bytes as u64)
        } else {
            None
        }
    }

    /// Bytes of one command of a write that grows with the device, such as the erasing of an area:
    /// `least` on devices of up to 1 MiB, and as many times more on larger ones. So it takes as many
    /// commands on any of them.
    #[must_use]
    pub const fn bulk_bytes(&self, least: u64) -> u64 {
        let times = self.bytes().div_ceil(1 << 20);
        if times > 1 { least * times } else { least }
    }

    /// Checks that the device has `sectors` sectors from `at` on, at least one.
    ///
    /// # Errors
    /// As for [`Geometry::access`].
    #[inline]
    pub const fn run(&self, at: Lba, sectors: u64) -> Result<(), DeviceError> {
        let Geometry { logical_bytes: sector, sectors: have, .. } = *self;
        match at.0.checked_add(sectors) {
            _ if sectors == 0 => Err(DeviceError::Misaligned { bytes: 0, sector }),
            Some(end) if end <= have => Ok(()),
            _ => Err(DeviceError::OutOfRange { at, sectors, have }),
        }
    }

    /// The sectors of an access to `bytes` bytes from `at` on, if the device has them.
    ///
    /// # Errors
    /// [`DeviceError::Misaligned`] where that is not a whole number of sectors above zero,
    /// [`DeviceError::OutOfRange`] where it reaches beyond the last one.
    #[inline]
    pub const fn access(&self, at: Lba, bytes: usize) -> Result<u64, DeviceError> {
        let Geometry { logical_bytes: sector, sectors: have, .. } = *self;
        // A power of two, which the compiler cannot know: a division costs as much as the rest.
        if bytes == 0 || bytes & (sector as usize - 1) != 0 {
            return Err(DeviceError::Misaligned { bytes: bytes as u64, sector });
        }
        let sectors = (bytes as u64) >> sector.trailing_zeros();
        match at.0.checked_add(sectors) {
            Some(end) if end <= have => Ok(sectors),
            _ => Err(DeviceError::OutOfRange { at, sectors, have }),
        }
    }
}

/// What the writer asks of one write, beyond being carried out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Durability {
    /// Completion may come before the data is on the medium; a later flush makes it durable.
    #[default]
    Cached,
    /// Force unit access: completion means that *this* write is on the medium. It says nothing of
    /// any other write.
    Fua,
}

/// One write command: consecutive sectors and what they shall hold.
#[derive(Clone, Copy, Debug)]
pub struct Write<'a> {
    /// First sector written.
    pub at: Lba,
    /// The bytes; their length is a non-zero multiple of the logical sector size.
    pub data: &'a [u8],
    /// Cached, or forced to the medium.
    pub durability: Durability,
}

impl<'a> Write<'a> {
    /// A write that a volatile cache may hold back.
    #[must_use]
    pub const fn cached(at: Lba, data: &'a [u8]) -> Self {
        Write { at, data, durability: Durability::Cached }
    }

    /// A write that is on the medium when the call returns.
    #[must_use]
    pub const fn fua(at: Lba, data: &'a [u8]) -> Self {
        Write { at, data, durability: Durability::Fua }
    }
}

/// What a device answers when it cannot do what was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DeviceError {
    /// The sector exists and its content is lost: the medium cannot return it (ECC failure).
    /// Rewriting the sector heals it.
    Unreadable(Lba),
    /// The access reaches beyond the last sector.
    OutOfRange {
        /// First sector asked for.
        at: Lba,
        /// Sectors asked for.
        sectors: u64,
        /// Sectors the device has.
        have: u64,
    },
    /// The length is zero or not a multiple of the logical sector size.
    Misaligned {
        /// Bytes asked for.
        bytes: u64,
        /// Bytes of a logical sector.
        sector: u32,
    },
    /// The command failed; whether a write took effect is unknown (EIO).
    Io(Lba),
    /// The device has no room left to carry out the write (ENOSPC of a thin device or a file).
    NoSpace(Lba),
    /// The power is gone. Nothing that is called after this has any effect.
    PowerCut,
}

impl fmt::Display for DeviceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            DeviceError::Unreadable(lba) => write!(f, "{lba} is unreadable"),
            DeviceError::OutOfRange { at, sectors, have } => {
                write!(f, "{sectors} sectors at {at} reach beyond the {have} sectors of the device")
            }
            DeviceError::Misaligned { bytes, sector } => {
                write!(f, "{bytes} bytes are not a whole number of {sector}-byte sectors")
            }
            DeviceError::Io(lba) => write!(f, "I/O error at {lba}"),
            DeviceError::NoSpace(lba) => write!(f, "no space left to write {lba}"),
            DeviceError::PowerCut => write!(f, "the power was cut"),
        }
    }
}

impl core::error::Error for DeviceError {}

impl DeviceError {
    /// The same where it is not told which sector of a span is lost: it names the first of the span.
    #[must_use]
    pub fn of_span(self, first: Option<Lba>) -> DeviceError {
        match (self, first) {
            (DeviceError::Unreadable(_), Some(first)) => DeviceError::Unreadable(first),
            (error, _) => error,
        }
    }
}

/// A part of what a checksum covers.
#[derive(Clone, Copy, Debug)]
pub enum Piece<'a> {
    /// These bytes: a salt, a field taken as zeros.
    Given(&'a [u8]),
    /// Bytes of the device.
    Device {
        /// First byte, from the start of the device.
        at_bytes: u64,
        /// How many.
        bytes: u64,
    },
}

impl Piece<'_> {
    /// The sectors of so many bytes that it lies in, if it is of the device: the first, and the one behind
    /// the last.
    #[must_use]
    pub fn sectors(&self, sector: u64) -> Option<(u64, u64)> {
        match *self {
            Piece::Given(_) => None,
            Piece::Device { at_bytes, bytes } => {
                Some((at_bytes / sector, (at_bytes + bytes).div_ceil(sector)))
            }
        }
    }
}

/// A device of sectors. Ours, the simulator's, or the user's.
pub trait BlockDevice {
    /// The shape of the device; it does not change while the device is open.
    fn geometry(&self) -> Geometry;

    /// Fills `into` with the sectors from `at` on. On error the content of `into` is unspecified.
    ///
    /// # Errors
    /// [`DeviceError::Unreadable`] names the first sector that is lost: the sectors before it may
    /// be read one by one.
    fn read(&mut self, at: Lba, into: &mut [u8]) -> Result<(), DeviceError>;

    /// Carries out `writes`, in flight together: in any order, any of them torn if the power is
    /// cut before the call returns. When it returns all have completed, which makes them visible
    /// to reads; durable they are as their [`Durability`] says, or after a flush.
    ///
    /// # Errors
    /// On error any subset of the writes may have taken effect.
    fn write(&mut self, writes: &[Write<'_>]) -> Result<(), DeviceError>;

    /// Makes every write that completed before this call durable.
    ///
    /// # Errors
    /// After an error the writes since the last good flush may be lost for good: a second flush
    /// that succeeds proves nothing about them.
    fn flush(&mut self) -> Result<(), DeviceError>;

    /// Writes `byte` all over these spans: what cached writes of such bytes do, one for each span, in
    /// flight together. The default hands them to [`BlockDevice::write`], in pieces and, if they are
    /// many, in several calls.
    ///
    /// # Errors
    /// As for [`BlockDevice::write`].
    fn write_same(&mut self, byte: u8, spans: &[Span]) -> Result<(), DeviceError> {
        same::in_writes(self, byte, spans)
    }

    /// How many of the `sectors` sectors from `at` on, up to the first of which it is not known, hold
    /// nothing but `byte` as the device knows without reading them (GET LBA STATUS of SCSI, `SEEK_DATA`
    /// of files). The default knows of none. Who is told so need not read them.
    fn knows_same(&mut self, at: Lba, sectors: u64, byte: u8) -> u64 {
        let _ = (at, sectors, byte);
        0
    }

    /// Tells the device that the content of these sectors is no longer needed. What they hold
    /// afterwards is unspecified until they are written again.
    ///
    /// # Errors
    /// As for [`BlockDevice::write`].
    fn discard(&mut self, at: Lba, sectors: u64) -> Result<(), DeviceError>;

    /// Fills `into` with the sectors from `at` on, to be written back to the same place: the read of a
    /// read-modify-write, of which the bytes `overwrites` will be new. A device need not say what all of them
    /// hold. Of sectors that lie outside of `overwrites` it may hand out *stand-ins*, and answer false: written
    /// to where they came from, in this life, they stand for what is there, and they are good for nothing else.
    /// Sectors that lie within it may be left as they are in `into`. The default reads, and answers true.
    ///
    /// # Errors
    /// As for [`BlockDevice::read`], but that [`DeviceError::Unreadable`] names the first sector: a kernel
    /// that cannot read a page does not say more.
    fn read_to_rewrite(
        &mut self,
        at: Lba,
        into: &mut [u8],
        overwrites: Range<usize>,
    ) -> Result<bool, DeviceError> {
        let _ = overwrites;
        self.read(at, into).map(|()| true).map_err(|error| error.of_span(Some(at)))
    }

    /// Reads `scratch.len()` bytes and lends them: from the device's own memory where it has
    /// them, or else by way of `scratch`. A recovery that only looks copies nothing.
    ///
    /// # Errors
    /// As for [`BlockDevice::read`].
    fn lend<'a>(&'a mut self, at: Lba, scratch: &'a mut [u8]) -> Result<&'a [u8], DeviceError> {
        self.read(at, scratch)?;
        Ok(scratch)
    }

    /// Lends bytes of the sector `at`: those of `part`, and as many behind them as there is no harm in;
    /// `scratch` has room for the sector. A device may answer without saying what the rest of it holds:
    /// what nobody asks for tells no two crash states apart. The default reads the sector.
    ///
    /// # Errors
    /// As for [`BlockDevice::read`]: a sector that cannot be read has no readable part.
    ///
    /// # Panics
    /// Where the part leaves the sector.
    fn peek<'a>(
        &'a mut self,
        at: Lba,
        part: Range<usize>,
        scratch: &'a mut [u8],
    ) -> Result<&'a [u8], DeviceError> {
        Ok(&self.lend(at, scratch)?[part.start..])
    }

    /// [`BlockDevice::peek`] for who has no use for bytes that do not pass: a device may answer that the part
    /// does not, with `None`, without saying what it holds. It may also hand out such bytes. The default does.
    ///
    /// # Errors
    /// As for [`BlockDevice::peek`].
    ///
    /// # Panics
    /// Where the part leaves the sector.
    fn peek_if<'a>(
        &'a mut self,
        at: Lba,
        part: Range<usize>,
        scratch: &'a mut [u8],
        passes: &dyn Fn(&[u8]) -> bool,
    ) -> Result<Option<&'a [u8]>, DeviceError> {
        let _ = passes;
        self.peek(at, part, scratch).map(Some)
    }

    /// Whether it pays to ask of what lies in one sector part by part, its head first and whether the rest is as
    /// the head claims behind it, and not for all its bytes at once. By default it does not: a device that
    /// reads has read them all.
    fn pays_by_parts(&self) -> bool {
        false
    }

    /// How much the device has to find out to say what this sector holds, compared with others: nothing where it
    /// knows, so that it makes no difference how much of it is read. By default it knows.
    fn doubts(&self, at: Lba) -> u32 {
        let _ = at;
        0
    }

    /// Whether the checksum of the concatenated pieces is `expected`: a question that a device may
    /// answer without handing out the contents. The default reads and computes.
    ///
    /// # Errors
    /// As for [`BlockDevice::read`], but that [`DeviceError::Unreadable`] names the first sector of the
    /// span that the pieces lie in: which of its sectors is lost is not told, as a system call would not.
    fn verify(
        &mut self,
        pieces: &[Piece<'_>],
        sum: Checksum,
        expected: u64,
    ) -> Result<bool, DeviceError> {
        let sector = u64::from(self.geometry().logical_bytes);
        let spans = pieces.iter().filter_map(|piece| piece.sectors(sector));
        let first = spans.map(|(first, _)| Lba(first)).min();
        let mut running = sum.begin();
        for piece in pieces {
            match *piece {
                Piece::Given(bytes) => running.update(bytes),
                Piece::Device { at_bytes, bytes } => {
                    let take = &mut |piece: &[u8]| running.update(piece);
                    let fed = bytes::feed(self, at_bytes, bytes, take);
                    fed.map_err(|error| error.of_span(first))?;
                }
            }
        }
        Ok(running.finish() == expected)
    }

    /// The first of `count` runs of `scratch.len()` bytes, one behind the other from `at` on, that
    /// passes `test`, which is given the number of the run and its bytes: a question that a device
    /// may answer without saying what the others hold. An unreadable run does not pass.
    ///
    /// # Errors
    /// As for [`BlockDevice::read`], save for unreadable sectors.
    fn find(
        &mut self,
        at: Lba,
        count: u64,
        scratch: &mut [u8],
        test: &dyn Fn(u64, &[u8]) -> bool,
    ) -> Result<Option<u64>, DeviceError> {
        let each = scratch.len() as u64 / u64::from(self.geometry().logical_bytes);
        for number in 0..count {
            match self.lend(at.plus(number * each), scratch) {
                Ok(bytes) if test(number, bytes) => return Ok(Some(number)),
                Ok(_) | Err(DeviceError::Unreadable(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }

    /// Whether one of these runs passes: [`BlockDevice::find`] for who does not want to know which. A
    /// device may answer without saying even that.
    ///
    /// # Errors
    /// As for [`BlockDevice::find`].
    fn any(
        &mut self,
        at: Lba,
        count: u64,
        scratch: &mut [u8],
        test: &dyn Fn(u64, &[u8]) -> bool,
    ) -> Result<bool, DeviceError> {
        Ok(self.find(at, count, scratch, test)?.is_some())
    }

    /// Whether there is something whole at `at_bytes`: its first `head_bytes` bytes, 64 at most, are a head
    /// that `claims` what some bytes of the device sum to, and they do. A device may answer that without
    /// saying more of what is there. What cannot be read is not whole.
    ///
    /// # Errors
    /// As for [`BlockDevice::read`], save for unreadable sectors.
    fn is_whole(
        &mut self,
        at_bytes: u64,
        head_bytes: usize,
        claims: Claims<'_>,
    ) -> Result<bool, DeviceError> {
        claim::by_its_head(self, at_bytes, head_bytes, claims)
    }

    /// Whether some bytes can be read, 64 at most, and pass a test: [`BlockDevice::is_whole`] of what is
    /// made of these bytes alone.
    ///
    /// # Errors
    /// As for [`BlockDevice::is_whole`].
    fn passes(
        &mut self,
        at_bytes: u64,
        len: usize,
        test: &dyn Fn(&[u8]) -> bool,
    ) -> Result<bool, DeviceError> {
        self.is_whole(at_bytes, len, &|head| test(head).then(Claim::of_head))
    }

    /// One cached write. See [`BlockDevice::write`].
    ///
    /// # Errors
    /// As for [`BlockDevice::write`].
    fn write_one(&mut self, at: Lba, data: &[u8]) -> Result<(), DeviceError> {
        self.write(&[Write::cached(at, data)])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_access_is_whole_sectors_that_the_device_has_or_says_what_is_wrong() {
        let device = Geometry { logical_bytes: 512, physical_bytes: 4096, sectors: 8 };
        assert_eq!(device.access(Lba(0), 4096), Ok(8));
        assert_eq!(device.access(Lba(7), 512), Ok(1));
        for bytes in [0, 1, 511, 513] {
            let error = DeviceError::Misaligned { bytes: bytes as u64, sector: 512 };
            assert_eq!(device.access(Lba(0), bytes), Err(error));
        }
        for (at, sectors) in [(8, 1), (7, 2), (0, 9), (u64::MAX, 1)] {
            let error = DeviceError::OutOfRange { at: Lba(at), sectors, have: 8 };
            assert_eq!(device.access(Lba(at), 512 * sectors as usize), Err(error));
            assert_eq!(device.run(Lba(at), sectors), Err(error));
        }
        assert_eq!(device.run(Lba(0), 8), Ok(()));
        let error = DeviceError::Misaligned { bytes: 0, sector: 512 };
        assert_eq!(device.run(Lba(0), 0), Err(error));
    }
}
