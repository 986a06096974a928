//! The file on the simulated disk: page cache, length, sync.
//!
//! The one idea: what the kernel knows about the file is a value of its own ([`FileState`]), lost at
//! a power cut and made again by mounting; together with a device it is a file ([`SimFile`]).
//!
//! Invariants: bytes behind the end of the file are zeros in every page in memory; every byte
//! between the shortest length since the last sync and the end is in memory, so that its checksum
//! costs no read; each page that a write touches is one cached write to the device, in one call with
//! the lengths that it leads to. In direct mode a page is a sector, and a write is one command.
//!
//! What it is not: a cache with a limit. Pages stay until the file is mounted again.

use std::collections::BTreeMap;
use std::io;

use journal_core::checksum::crc32c_append;
use journal_core::{BlockDevice, Lba, Write};

use super::inode::{self, DATA_START, Place, Record};
use super::{FileOptions, LogFile, Metadata, Mode, NoRoom, PAGE_BYTES, io_error};

/// What the kernel knows about a mounted file.
#[derive(Clone, Debug)]
pub struct FileState {
    options: FileOptions,
    sector_bytes: usize,
    /// Bytes of a page: of the cache, or a sector in direct mode.
    page_bytes: u64,
    capacity: u64,
    length: u64,
    /// The shortest length since the last sync.
    shortest: u64,
    sequence: u64,
    /// Whether lengths were issued since the last sync.
    unsynced: bool,
    /// Pages in memory.
    pages: BTreeMap<u64, Vec<u8>>,
}

/// A file on a device.
pub struct SimFile<'a> {
    state: &'a mut FileState,
    device: &'a mut dyn BlockDevice,
}

impl FileState {
    fn new(device: &dyn BlockDevice, options: FileOptions) -> io::Result<FileState> {
        let geometry = device.geometry();
        let sector = geometry.logical_bytes as usize;
        let capacity = geometry.bytes().saturating_sub(DATA_START) / PAGE_BYTES * PAGE_BYTES;
        if !(inode::RECORD_BYTES..=PAGE_BYTES as usize).contains(&sector) || capacity == 0 {
            let what = format!(
                "a file system: expected sectors of 64 to {PAGE_BYTES} bytes and room for three pages, \
                 found sectors of {sector} bytes and {} of them",
                geometry.sectors
            );
            return Err(io::Error::new(io::ErrorKind::InvalidInput, what));
        }
        Ok(FileState {
            options,
            sector_bytes: sector,
            page_bytes: match options.mode {
                Mode::Cached => PAGE_BYTES,
                Mode::Direct => sector as u64,
            },
            capacity,
            length: 0,
            shortest: 0,
            sequence: 0,
            unsynced: false,
            pages: BTreeMap::new(),
        })
    }

    /// Makes an empty file out of the whole device, durably.
    ///
    /// # Errors
    /// The device's, and `InvalidInput` where it is too small.
    pub fn create(device: &mut dyn BlockDevice, options: FileOptions) -> io::Result<FileState> {
        let state = FileState::new(device, options)?;
        inode::store(device, Place::Inode, Some(Record::certain(0, 0))).map_err(io_error)?;
        inode::store(device, Place::Intent, None).map_err(io_error)?;
        device.flush().map_err(io_error)?;
        Ok(state)
    }

    /// Finds the file again after a power cut, or for the first time. Writes to the device if the
    /// length has to be made certain.
    ///
    /// # Errors
    /// `NotFound` where no file is, and the device's.
    pub fn mount(device: &mut dyn BlockDevice, options: FileOptions) -> io::Result<FileState> {
        let mut state = FileState::new(device, options)?;
        match inode::mount(device, state.capacity).map_err(io_error)? {
            Some(record) => {
                state.length = record.length.min(state.capacity);
                state.shortest = state.length;
                state.sequence = record.sequence;
                Ok(state)
            }
            None => Err(io::Error::new(io::ErrorKind::NotFound, "no file on this device")),
        }
    }

    /// The file, with the device it is on.
    pub fn on<'a>(&'a mut self, device: &'a mut dyn BlockDevice) -> SimFile<'a> {
        SimFile { state: self, device }
    }

    /// Bytes of the file.
    #[must_use]
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Bytes it can have.
    #[must_use]
    pub fn capacity(&self) -> u64 {
        self.capacity
    }

    fn lba(&self, offset: u64) -> Lba {
        Lba((DATA_START + offset) / self.sector_bytes as u64)
    }

    /// The record of a length between the shortest and the present one: with what it uncovers,
    /// where order is kept.
    fn record(&mut self, length: u64) -> Record {
        self.sequence += 1;
        let certain = Record::certain(self.sequence, length);
        if self.options.metadata == Metadata::Writeback {
            return certain;
        }
        let from = self.shortest.min(length);
        let (mut at, mut sum) = (from, certain.sum);
        while at < length {
            let page = &self.pages[&(at / self.page_bytes)];
            let start = (at % self.page_bytes) as usize;
            let end = self.page_bytes.min(length - (at - start as u64)) as usize;
            sum = crc32c_append(sum, &page[start..end]);
            at += (end - start) as u64;
        }
        Record { from, sum, ..certain }
    }
}

impl SimFile<'_> {
    /// Brings a page into memory; one behind the end of the file is all zeros.
    fn page(&mut self, number: u64) -> io::Result<&mut Vec<u8>> {
        if !self.state.pages.contains_key(&number) {
            let bytes = self.state.page_bytes;
            let start = number * bytes;
            let mut page = vec![0; bytes as usize];
            if start < self.state.length {
                self.device.read(self.state.lba(start), &mut page).map_err(io_error)?;
                let inside = (self.state.length - start).min(bytes) as usize;
                page[inside..].fill(0);
            }
            self.state.pages.insert(number, page);
        }
        Ok(self.state.pages.get_mut(&number).expect("just brought in"))
    }

    /// Issues the pages that hold `from..to`, and the lengths on the way from `before` to the
    /// present one: page by page, as the cache takes them.
    fn issue(&mut self, from: u64, to: u64, before: u64) -> io::Result<()> {
        let FileState { length: now, page_bytes: unit, options, .. } = *self.state;
        let mut lengths: Vec<u64> = Vec::new();
        if now > before && options.mode == Mode::Cached {
            let between = before / unit + 1..now.div_ceil(unit);
            lengths.extend(between.map(|page| page * unit));
        }
        // Overwriting what an intent uncovers makes that intent one of the past.
        let uncovered = options.metadata == Metadata::Ordered
            && self.state.unsynced
            && from < to
            && to > self.state.shortest;
        if now != before || uncovered {
            lengths.push(now);
        }
        let records: Vec<Vec<u8>> = lengths
            .into_iter()
            .map(|length| self.state.record(length).encode(self.state.sector_bytes))
            .collect();
        let state = &*self.state;
        let pages = state.pages.range(from / unit..to.div_ceil(unit));
        let mut joined = Vec::new();
        let mut writes = Vec::new();
        match options.mode {
            Mode::Cached => {
                writes.extend(pages.map(|(&n, page)| Write::cached(state.lba(n * unit), page)));
            }
            Mode::Direct => {
                pages.for_each(|(_, page)| joined.extend_from_slice(page));
                if !joined.is_empty() {
                    writes.push(Write::cached(state.lba(from / unit * unit), &joined));
                }
            }
        }
        let intent = inode::lba(Place::Intent, state.sector_bytes);
        writes.extend(records.iter().map(|record| Write::cached(intent, record)));
        self.device.write(&writes).map_err(io_error)?;
        self.state.unsynced |= !records.is_empty();
        Ok(())
    }

    fn aligned(&self, offset: u64, bytes: usize) -> io::Result<()> {
        let sector = self.state.sector_bytes as u64;
        let whole = offset.is_multiple_of(sector) && (bytes as u64).is_multiple_of(sector);
        if self.state.options.mode == Mode::Cached || whole {
            return Ok(());
        }
        let what =
            format!("direct I/O of {bytes} bytes at byte {offset}: expected multiples of {sector}");
        Err(io::Error::new(io::ErrorKind::InvalidInput, what))
    }

    /// Puts bytes into pages and issues them. `data` begins at `offset`; what lies between the end
    /// of the file and `offset` becomes zeros.
    fn put(&mut self, data: &[u8], offset: u64) -> io::Result<()> {
        let unit = self.state.page_bytes;
        let before = self.state.length;
        let end = offset + data.len() as u64;
        let from = offset.min(before);
        let pages = from / unit..end.div_ceil(unit);
        for number in pages.clone() {
            let start = number * unit;
            if offset <= start && start + unit <= end {
                self.state.pages.entry(number).or_insert_with(|| vec![0; unit as usize]);
            } else {
                self.page(number)?;
            }
        }
        for number in pages {
            let start = number * unit;
            let (a, b) = (offset.max(start), end.min(start + unit));
            if a < b {
                let page = self.state.pages.get_mut(&number).expect("brought in above");
                page[(a - start) as usize..(b - start) as usize]
                    .copy_from_slice(&data[(a - offset) as usize..(b - offset) as usize]);
            }
        }
        self.state.length = before.max(end);
        self.issue(from, end, before)
    }
}

impl LogFile for SimFile<'_> {
    fn read_at(&mut self, into: &mut [u8], offset: u64) -> io::Result<usize> {
        self.aligned(offset, into.len())?;
        let end = offset.saturating_add(into.len() as u64).min(self.state.length);
        let mut at = offset;
        while at < end {
            let unit = self.state.page_bytes;
            let start = (at % unit) as usize;
            let bytes = (unit - at % unit).min(end - at) as usize;
            let done = (at - offset) as usize;
            match self.page(at / unit) {
                Ok(page) => into[done..done + bytes].copy_from_slice(&page[start..start + bytes]),
                // As kernels do: what was read before the bad page is a short read.
                Err(_) if done > 0 => return Ok(done),
                Err(error) => return Err(error),
            }
            at += bytes as u64;
        }
        Ok((at - offset) as usize)
    }

    fn write_all_at(&mut self, data: &[u8], offset: u64) -> io::Result<()> {
        self.aligned(offset, data.len())?;
        let needed = offset.saturating_add(data.len() as u64);
        if needed > self.state.capacity {
            return Err(NoRoom { needed, capacity: self.state.capacity }.into());
        }
        if data.is_empty() {
            return Ok(());
        }
        self.put(data, offset)
    }

    fn set_len(&mut self, len: u64) -> io::Result<()> {
        let before = self.state.length;
        if len > self.state.capacity {
            return Err(NoRoom { needed: len, capacity: self.state.capacity }.into());
        }
        if len > before {
            return self.put(&[], len);
        }
        if len == before {
            return Ok(());
        }
        let unit = self.state.page_bytes;
        let cut = (len % unit) as usize;
        if cut != 0 {
            self.page(len / unit)?[cut..].fill(0);
        }
        self.state.pages.split_off(&len.div_ceil(unit));
        self.state.length = len;
        self.state.shortest = self.state.shortest.min(len);
        // The part of the last page that is cut off, zeroed: a write like any other.
        self.issue(len, len.next_multiple_of(unit), before)
    }

    fn len(&mut self) -> io::Result<u64> {
        Ok(self.state.length)
    }

    fn sync_data(&mut self) -> io::Result<()> {
        self.device.flush().map_err(io_error)?;
        if self.state.unsynced {
            let certain = Record::certain(self.state.sequence, self.state.length);
            inode::store(self.device, Place::Inode, Some(certain)).map_err(io_error)?;
            self.state.unsynced = false;
        }
        self.state.shortest = self.state.length;
        Ok(())
    }
}
