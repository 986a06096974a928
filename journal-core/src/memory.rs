//! A device in memory that does what it is told: for unit tests, doc examples and image decoding.
//!
//! The one idea: a vector of bytes and a set of sectors that cannot be read.
//!
//! What it is not: the simulator's disk. It has no cache, tears nothing, and forgets no write.

use alloc::collections::BTreeSet;
use alloc::vec;
use alloc::vec::Vec;

use crate::device::{BlockDevice, DeviceError, Geometry, Lba, Write};
use crate::same::Span;

/// A device in memory.
#[derive(Clone, Debug)]
pub struct MemoryDevice {
    geometry: Geometry,
    bytes: Vec<u8>,
    unreadable: BTreeSet<u64>,
    /// Flushes seen, for cost figures and tests of commit rules.
    pub flushes: u64,
    /// Write commands seen.
    pub writes: u64,
}

impl MemoryDevice {
    /// A device whose every byte is `fill`.
    #[must_use]
    pub fn new(geometry: Geometry, fill: u8) -> Self {
        let bytes = usize::try_from(geometry.bytes()).expect("a device in memory fits in memory");
        Self::from_bytes(geometry, vec![fill; bytes])
    }

    /// A device of 512-byte sectors over `bytes`, padded with zeros to a whole sector.
    #[must_use]
    pub fn from_image(mut bytes: Vec<u8>) -> Self {
        bytes.resize(bytes.len().next_multiple_of(512), 0);
        let sectors = (bytes.len() / 512) as u64;
        Self::from_bytes(Geometry { logical_bytes: 512, physical_bytes: 512, sectors }, bytes)
    }

    fn from_bytes(geometry: Geometry, bytes: Vec<u8>) -> Self {
        MemoryDevice { geometry, bytes, unreadable: BTreeSet::new(), flushes: 0, writes: 0 }
    }

    /// All bytes, as they are.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// All bytes, to damage them.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.bytes
    }

    /// Makes a sector unreadable until it is written again.
    pub fn lose(&mut self, lba: Lba) {
        self.unreadable.insert(lba.0);
    }

    /// The byte range of an access, checked.
    fn range(&self, at: Lba, len: usize) -> Result<core::ops::Range<usize>, DeviceError> {
        self.geometry.access(at, len)?;
        let start = (at.0 * u64::from(self.geometry.logical_bytes)) as usize;
        Ok(start..start + len)
    }

    /// Counts a command, which heals what it writes.
    fn written(&mut self, at: Lba, sectors: u64) {
        self.unreadable.retain(|&lba| lba < at.0 || lba >= at.0 + sectors);
        self.writes += 1;
    }

    fn readable(&self, at: Lba, len: usize) -> Result<core::ops::Range<usize>, DeviceError> {
        let range = self.range(at, len)?;
        let sectors = len as u64 / u64::from(self.geometry.logical_bytes);
        match self.unreadable.range(at.0..at.0 + sectors).next() {
            Some(&lost) => Err(DeviceError::Unreadable(Lba(lost))),
            None => Ok(range),
        }
    }
}

impl BlockDevice for MemoryDevice {
    fn geometry(&self) -> Geometry {
        self.geometry
    }

    fn read(&mut self, at: Lba, into: &mut [u8]) -> Result<(), DeviceError> {
        let range = self.readable(at, into.len())?;
        into.copy_from_slice(&self.bytes[range]);
        Ok(())
    }

    fn lend<'a>(&'a mut self, at: Lba, scratch: &'a mut [u8]) -> Result<&'a [u8], DeviceError> {
        let range = self.readable(at, scratch.len())?;
        Ok(&self.bytes[range])
    }

    fn write(&mut self, writes: &[Write<'_>]) -> Result<(), DeviceError> {
        for write in writes {
            let range = self.range(write.at, write.data.len())?;
            self.bytes[range].copy_from_slice(write.data);
            let sectors = write.data.len() as u64 / u64::from(self.geometry.logical_bytes);
            self.written(write.at, sectors);
        }
        Ok(())
    }

    fn write_same(&mut self, byte: u8, spans: &[Span]) -> Result<(), DeviceError> {
        for span in spans {
            self.geometry.run(span.at, span.sectors)?;
            let sector = u64::from(self.geometry.logical_bytes);
            let bytes = |lba: u64| (lba * sector) as usize;
            self.bytes[bytes(span.at.0)..bytes(span.at.0 + span.sectors)].fill(byte);
            self.written(span.at, span.sectors);
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), DeviceError> {
        self.flushes += 1;
        Ok(())
    }

    fn discard(&mut self, at: Lba, sectors: u64) -> Result<(), DeviceError> {
        let len = sectors.saturating_mul(u64::from(self.geometry.logical_bytes));
        let range = self.range(at, usize::try_from(len).unwrap_or(usize::MAX))?;
        self.bytes[range].fill(0);
        Ok(())
    }
}
