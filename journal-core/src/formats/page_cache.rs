//! A file made of sectors: what stands between a byte-wise writer and the block device.
//!
//! The one idea: logs that live in files write bytes, and a page cache turns them into writes of
//! whole pages. An [`Area`] is a run of sectors that stands for the file; a [`PageCache`] keeps the
//! pages being filled, as a kernel does. That is where the read-modify-write of the tail comes
//! from: the last page is written again and again, committed bytes and all.
//!
//! The crash it lets happen:
//! 1. Entry 1 fills 100 bytes of page 0 and is committed: page 0 is written, flushed, acknowledged.
//! 2. Entry 2 goes behind it. The page with both is written again: entry 1 is in flight once more.
//! 3. The power goes. If the device may damage what it was rewriting, entry 1 is gone.
//!
//! On persistent memory there is no such cache: its files are mapped, and who writes a byte touches the
//! line that it lies in. So a page is a line where sectors are that small.
//!
//! Invariants: one write command per dirty page; a page is read from the device only if a part of
//! it is overwritten and the file may hold something there; nothing is written before
//! [`PageCache::write_back`].
//!
//! What it is not: a file system. No length is kept anywhere (a fixed, zeroed area stands for the
//! file, its end for the end of the file), no write-back happens behind the journal's back, and no
//! metadata is ever lost.

use alloc::vec::Vec;
use core::ops::Range;

use crate::bytes;
use crate::device::{BlockDevice, DeviceError, Geometry, Lba, Write};
use crate::journal::Error;
use crate::same::Span;

/// Bytes of a page of the cache: what nearly every kernel uses.
pub const PAGE_BYTES: u64 = 4096;

/// Largest logical sector that fits a page.
const SECTOR_BYTES_MAX: usize = PAGE_BYTES as usize;

/// Bytes of the smallest sector of a disk; smaller ones are lines of memory.
const DISK_SECTOR_BYTES: u32 = 512;

/// Commands in one call of [`Area::zero`].
const ZERO_WRITES: usize = 64;

/// A run of sectors that stands for one file. Offsets are bytes from its start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Area {
    start: Lba,
    bytes: u64,
    sector_bytes: u32,
}

impl Area {
    /// The `bytes` bytes from byte `start_bytes` of a device on; the start is a whole sector.
    ///
    /// # Errors
    /// [`Error::Unfit`] where that is not inside the device, or its sectors are larger than a page.
    pub fn new(geometry: Geometry, start_bytes: u64, bytes: u64) -> Result<Area, Error> {
        let sector_bytes = geometry.logical_bytes;
        if !sector_bytes.is_power_of_two() || sector_bytes as usize > SECTOR_BYTES_MAX {
            return Err(Error::Unfit {
                what: "bytes of a logical sector, a power of two that fits a page of the cache",
                want: PAGE_BYTES,
                got: u64::from(sector_bytes),
            });
        }
        let Some(start) = geometry.sectors_in(start_bytes) else {
            return Err(Error::Unfit {
                what: "start of the area, a multiple of the sector size",
                want: u64::from(sector_bytes),
                got: start_bytes,
            });
        };
        match start_bytes.checked_add(bytes) {
            Some(end) if end <= geometry.bytes() => {
                Ok(Area { start: Lba(start), bytes, sector_bytes })
            }
            _ => Err(Error::Unfit {
                what: "bytes of the device under the area",
                want: start_bytes.saturating_add(bytes),
                got: geometry.bytes(),
            }),
        }
    }

    /// Bytes of the area, which is where the file ends.
    #[must_use]
    pub const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Bytes of a page of a cache over the area, or of a line that nothing is cached of.
    const fn page_bytes(&self) -> usize {
        match self.sector_bytes < DISK_SECTOR_BYTES {
            true => self.sector_bytes as usize,
            false => PAGE_BYTES as usize,
        }
    }

    /// Where the byte `offset` of the file lies on the device.
    #[must_use]
    pub const fn on_device(&self, offset: u64) -> u64 {
        self.start.0 * self.sector_bytes as u64 + offset
    }

    fn lba(&self, offset: u64) -> Lba {
        self.start.plus(offset / u64::from(self.sector_bytes))
    }

    /// The sectors of a page, by bit, that some of its bytes lie in.
    fn sectors_of(&self, bytes: &Range<usize>) -> u64 {
        let sector = self.sector_bytes as usize;
        (bytes.start / sector..bytes.end.div_ceil(sector)).fold(0, |all, number| all | 1 << number)
    }

    /// Hands the bytes `at .. at + len` to `take`, piece by piece, at most a sector at a time. Nothing
    /// else is asked for.
    ///
    /// # Errors
    /// The device's; the pieces before the bad sector have been handed out.
    ///
    /// # Panics
    /// If the range leaves the area: offsets are checked by the caller, who knows why.
    pub fn feed(
        &self,
        device: &mut dyn BlockDevice,
        at: u64,
        len: u64,
        take: &mut dyn FnMut(&[u8]),
    ) -> Result<(), DeviceError> {
        self.assert_inside(at, len);
        bytes::feed(device, self.on_device(at), len, take)
    }

    /// A range that leaves the area is a mistake of the caller, see [`Area::feed`].
    fn assert_inside(&self, at: u64, len: u64) {
        assert!(at.checked_add(len).is_some_and(|end| end <= self.bytes), "read inside the area");
    }

    /// Fills `into` from byte `at` on. See [`Area::feed`].
    ///
    /// # Errors
    /// As for [`Area::feed`].
    pub fn read(
        &self,
        device: &mut dyn BlockDevice,
        at: u64,
        into: &mut [u8],
    ) -> Result<(), DeviceError> {
        self.assert_inside(at, into.len() as u64);
        bytes::read(device, self.on_device(at), into)
    }

    /// Appends `len` bytes from byte `at` on to `into`. See [`Area::feed`].
    ///
    /// # Errors
    /// As for [`Area::feed`]; `into` may then have grown by a part.
    pub fn read_onto(
        &self,
        device: &mut dyn BlockDevice,
        at: u64,
        len: u64,
        into: &mut Vec<u8>,
    ) -> Result<(), DeviceError> {
        self.feed(device, at, len, &mut |piece| into.extend_from_slice(piece))
    }

    /// Writes zeros over the whole area, unflushed: a new, preallocated file.
    ///
    /// # Errors
    /// The device's.
    pub fn zero(&self, device: &mut dyn BlockDevice) -> Result<(), DeviceError> {
        let each = device.geometry().bulk_bytes(PAGE_BYTES);
        let mut at = 0;
        while at < self.bytes {
            let mut spans = [Span::default(); ZERO_WRITES];
            let mut used = 0;
            while used < ZERO_WRITES && at < self.bytes {
                let bytes = each.min(self.bytes - at);
                let sectors = bytes / u64::from(self.sector_bytes);
                spans[used] = Span { at: self.lba(at), sectors };
                used += 1;
                at += bytes;
            }
            device.write_same(0, &spans[..used])?;
        }
        Ok(())
    }

    /// How many bytes from `at` on, which is where a sector begins, the device knows to be zeros: where
    /// a file was never written, nobody need read it.
    pub fn zeros_behind(&self, device: &mut dyn BlockDevice, at: u64) -> u64 {
        let sector = u64::from(self.sector_bytes);
        device.knows_same(self.lba(at), (self.bytes - at) / sector, 0) * sector
    }

    /// How many bytes before `end`, which is where a sector ends, and not before `from`, the device
    /// knows to be zeros: whole sectors.
    pub fn zeros_before(&self, device: &mut dyn BlockDevice, from: u64, end: u64) -> u64 {
        let sector = u64::from(self.sector_bytes);
        let all = (end / sector).saturating_sub(from.div_ceil(sector));
        let (mut known, mut next, mut grows) = (0, 1, true);
        // Twice as many each time as long as they are known, then half as many.
        while next > 0 && known < all {
            let more = next.min(all - known);
            let at = self.lba(end).0 - known - more;
            let is_known = device.knows_same(Lba(at), more, 0) == more;
            known += if is_known { more } else { 0 };
            grows &= is_known;
            next = if grows { 2 * more } else { more / 2 };
        }
        known * sector
    }
}

/// The pages of a file that are in memory, as a kernel keeps them.
#[derive(Debug)]
pub struct PageCache {
    area: Area,
    /// Page numbers, in no order; `dirty`, `strange` and `bytes` run in step with it.
    numbers: Vec<u64>,
    dirty: Vec<bool>,
    /// Of each page the sectors, by bit, of which the device handed out stand-ins.
    strange: Vec<u64>,
    /// The pages' contents, one after the other.
    bytes: Vec<u8>,
    /// Pages from here on hold zeros and need not be read: they are beyond the file's end.
    zero_from: u64,
}

impl Clone for PageCache {
    fn clone(&self) -> Self {
        PageCache {
            area: self.area,
            numbers: self.numbers.clone(),
            dirty: self.dirty.clone(),
            strange: self.strange.clone(),
            bytes: self.bytes.clone(),
            zero_from: self.zero_from,
        }
    }

    /// Keeps the buffers: an explorer copies journals millions of times.
    fn clone_from(&mut self, source: &Self) {
        let PageCache { area, numbers, dirty, strange, bytes, zero_from } = source;
        self.area = *area;
        self.numbers.clone_from(numbers);
        self.dirty.clone_from(dirty);
        self.strange.clone_from(strange);
        self.bytes.clone_from(bytes);
        self.zero_from = *zero_from;
    }
}

impl PageCache {
    /// A cache over a file whose every page may hold something.
    ///
    /// # Panics
    /// If the area is not a whole number of pages.
    #[must_use]
    pub fn over(area: Area) -> Self {
        assert_eq!(area.bytes % PAGE_BYTES, 0, "a page cache covers whole pages");
        PageCache {
            area,
            numbers: Vec::new(),
            dirty: Vec::new(),
            strange: Vec::new(),
            bytes: Vec::new(),
            zero_from: u64::MAX,
        }
    }

    /// A cache over a file of `length` bytes: behind them are zeros, which are not read.
    #[must_use]
    pub fn with_length(area: Area, length: u64) -> Self {
        PageCache { zero_from: length.div_ceil(area.page_bytes() as u64), ..PageCache::over(area) }
    }

    /// The file below.
    #[must_use]
    pub const fn area(&self) -> &Area {
        &self.area
    }

    /// Whether anything waits for [`PageCache::write_back`].
    #[must_use]
    pub fn is_dirty(&self) -> bool {
        self.dirty.contains(&true)
    }

    /// Puts `data` at byte `at` of the file, in memory. Reads the pages that are overwritten in
    /// part and are not in memory, which is the read of the read-modify-write. What such a page holds
    /// beside the new bytes is of no matter, so the device need not say it.
    ///
    /// # Errors
    /// The device's: a kernel fails such a write with EIO, too.
    ///
    /// # Panics
    /// If the range leaves the area.
    pub fn write(
        &mut self,
        device: &mut dyn BlockDevice,
        at: u64,
        data: &[u8],
    ) -> Result<(), DeviceError> {
        let end = at.checked_add(data.len() as u64);
        assert!(end.is_some_and(|end| end <= self.area.bytes), "write inside the area");
        let (mut at, mut left) = (at, data);
        let page = self.area.page_bytes();
        while !left.is_empty() {
            let from = (at % page as u64) as usize;
            let (piece, rest) = left.split_at(left.len().min(page - from));
            let range = from..from + piece.len();
            let slot = self.page(device, at / page as u64, range.clone())?;
            self.bytes[slot * page..][range].copy_from_slice(piece);
            self.dirty[slot] = true;
            at += piece.len() as u64;
            left = rest;
        }
        Ok(())
    }

    /// The slot of page `number`, brought into memory as far as it must be known where `overwrites` of its
    /// bytes will be new.
    fn page(
        &mut self,
        device: &mut dyn BlockDevice,
        number: u64,
        overwrites: Range<usize>,
    ) -> Result<usize, DeviceError> {
        let page = self.area.page_bytes();
        let at = self.area.lba(number * page as u64);
        // The page wanted is nearly always the last one.
        if let Some(slot) = self.numbers.iter().rposition(|&n| n == number) {
            self.know(device, (slot, at), overwrites)?;
            return Ok(slot);
        }
        let slot = self.numbers.len();
        self.bytes.resize((slot + 1) * page, 0);
        let mut strange = 0;
        if overwrites.len() < page && number < self.zero_from {
            let into = &mut self.bytes[slot * page..];
            match device.read_to_rewrite(at, into, overwrites.clone()) {
                Ok(true) => {}
                Ok(false) => strange = !self.area.sectors_of(&overwrites),
                Err(error) => {
                    self.bytes.truncate(slot * page);
                    return Err(error);
                }
            }
        }
        self.numbers.push(number);
        self.dirty.push(false);
        self.strange.push(strange);
        Ok(slot)
    }

    /// Reads what a page in memory has stand-ins of and what is about to be overwritten in part.
    fn know(
        &mut self,
        device: &mut dyn BlockDevice,
        (slot, at): (usize, Lba),
        overwrites: Range<usize>,
    ) -> Result<(), DeviceError> {
        let (page, sector) = (self.area.page_bytes(), self.area.sector_bytes as usize);
        let touched = self.strange[slot] & self.area.sectors_of(&overwrites);
        for number in (0..page / sector).filter(|number| touched >> number & 1 == 1) {
            let bytes = number * sector..(number + 1) * sector;
            if overwrites.start > bytes.start || overwrites.end < bytes.end {
                device.read(at.plus(number as u64), &mut self.bytes[slot * page..][bytes])?;
            }
            self.strange[slot] &= !(1 << number);
        }
        Ok(())
    }

    /// Writes the dirty pages, one command each, all in flight together; flushes nothing. Keeps
    /// only the last page in memory: an appending writer needs no other.
    ///
    /// # Errors
    /// The device's; the pages stay dirty.
    pub fn write_back(&mut self, device: &mut dyn BlockDevice) -> Result<(), DeviceError> {
        if !self.is_dirty() {
            return Ok(());
        }
        let page = self.area.page_bytes();
        let mut dirty: Vec<usize> =
            (0..self.numbers.len()).filter(|&slot| self.dirty[slot]).collect();
        dirty.sort_unstable_by_key(|&slot| self.numbers[slot]);
        let writes: Vec<Write<'_>> = dirty
            .iter()
            .map(|&slot| {
                let at = self.area.lba(self.numbers[slot] * page as u64);
                Write::cached(at, &self.bytes[slot * page..(slot + 1) * page])
            })
            .collect();
        device.write(&writes)?;
        self.keep_last();
        Ok(())
    }

    fn keep_last(&mut self) {
        let Some(last) = (0..self.numbers.len()).max_by_key(|&slot| self.numbers[slot]) else {
            return;
        };
        let (number, page) = (self.numbers[last], self.area.page_bytes());
        if self.zero_from != u64::MAX {
            self.zero_from = self.zero_from.max(number + 1);
        }
        self.bytes.copy_within(last * page..(last + 1) * page, 0);
        self.bytes.truncate(page);
        self.numbers.clear();
        self.numbers.push(number);
        self.dirty.clear();
        self.dirty.push(false);
        let strange = self.strange[last];
        self.strange.clear();
        self.strange.push(strange);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::MemoryDevice;

    const GEOMETRY: Geometry = Geometry { logical_bytes: 512, physical_bytes: 512, sectors: 32 };

    #[test]
    fn a_page_is_written_once_however_many_pieces_fell_into_it() {
        let mut device = MemoryDevice::new(GEOMETRY, 0xaa);
        let area = Area::new(GEOMETRY, 0, 16384).unwrap();
        let mut cache = PageCache::over(area);
        cache.write(&mut device, 10, b"ab").unwrap();
        cache.write(&mut device, 12, b"cd").unwrap();
        cache.write(&mut device, 4094, b"over").unwrap();
        assert_eq!(device.writes, 0, "nothing is written before write_back");
        cache.write_back(&mut device).unwrap();
        assert_eq!((device.writes, device.flushes), (2, 0));
        assert_eq!(&device.bytes()[9..15], b"\xaaabcd\xaa");
        assert_eq!(&device.bytes()[4094..4098], b"over");
    }

    #[test]
    fn a_page_beyond_the_files_end_is_not_read() {
        let mut device = MemoryDevice::new(GEOMETRY, 0);
        device.lose(Lba(9));
        let area = Area::new(GEOMETRY, 0, 16384).unwrap();
        let mut cache = PageCache::with_length(area, 4000);
        cache.write(&mut device, 5000, b"new").unwrap();
        let mut cache = PageCache::over(area);
        let lost = cache.write(&mut device, 5000, b"new");
        assert_eq!(lost, Err(DeviceError::Unreadable(Lba(8))), "of the page no more is said");
        cache.write(&mut device, 4096, &[1; 4096]).unwrap();
    }

    #[test]
    fn on_persistent_memory_a_store_touches_its_lines_alone() {
        let lines = Geometry { logical_bytes: 64, physical_bytes: 64, sectors: 256 };
        let mut device = MemoryDevice::new(lines, 0xaa);
        let mut cache = PageCache::over(Area::new(lines, 0, 16384).unwrap());
        // The end of line 1, all of line 2, the start of line 3; what lies beside them is lost.
        device.lose(Lba(0));
        device.lose(Lba(2));
        device.lose(Lba(4));
        cache.write(&mut device, 120, &[1; 8 + 64 + 8]).unwrap();
        cache.write_back(&mut device).unwrap();
        let mut expected = [0xaa; 192];
        expected[56..136].fill(1);
        assert_eq!(device.bytes()[64..256], expected);
        assert_eq!(device.writes, 3);
    }

    #[test]
    fn an_area_refuses_to_reach_beyond_the_device() {
        assert!(Area::new(GEOMETRY, 512, 16384).is_err());
        assert!(Area::new(GEOMETRY, 100, 512).is_err());
        assert!(Area::new(GEOMETRY, u64::MAX - 511, 1024).is_err());
        let huge = Geometry { logical_bytes: 8192, physical_bytes: 8192, sectors: 4 };
        assert!(Area::new(huge, 0, 8192).is_err());
    }
}
