//! A device that remembers writes instead of carrying them out.
//!
//! The one idea: a recovery that repairs the file can be watched without being let at the disk: it
//! reads its own repairs, and the device below stays as it was.
//!
//! Invariant: the device below is read and never written or flushed.
//!
//! What it is not: a cache. What is not overlaid is read from below again each time.

use std::collections::BTreeMap;

use journal_core::{BlockDevice, DeviceError, Geometry, Lba, Write};

/// A device with its writes in memory.
pub struct Overlay<'d> {
    below: &'d mut dyn BlockDevice,
    written: BTreeMap<u64, Vec<u8>>,
}

impl<'d> Overlay<'d> {
    /// An overlay over a device.
    pub fn new(below: &'d mut dyn BlockDevice) -> Self {
        Overlay { below, written: BTreeMap::new() }
    }

    /// Whether anything was written.
    #[must_use]
    pub fn is_untouched(&self) -> bool {
        self.written.is_empty()
    }
}

impl BlockDevice for Overlay<'_> {
    fn geometry(&self) -> Geometry {
        self.below.geometry()
    }

    fn read(&mut self, at: Lba, into: &mut [u8]) -> Result<(), DeviceError> {
        let sectors = self.geometry().access(at, into.len())?;
        if self.written.range(at.0..at.0 + sectors).next().is_none() {
            return self.below.read(at, into);
        }
        let sector = self.geometry().logical_bytes as usize;
        for (lba, to) in (at.0..).zip(into.chunks_exact_mut(sector)) {
            match self.written.get(&lba) {
                Some(bytes) => to.copy_from_slice(bytes),
                None => self.below.read(Lba(lba), to)?,
            }
        }
        Ok(())
    }

    fn write(&mut self, writes: &[Write<'_>]) -> Result<(), DeviceError> {
        for write in writes {
            self.geometry().access(write.at, write.data.len())?;
        }
        let sector = self.geometry().logical_bytes as usize;
        for write in writes {
            for (lba, bytes) in (write.at.0..).zip(write.data.chunks_exact(sector)) {
                self.written.insert(lba, bytes.to_vec());
            }
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), DeviceError> {
        Ok(())
    }

    fn discard(&mut self, at: Lba, sectors: u64) -> Result<(), DeviceError> {
        let sector = self.geometry().logical_bytes as usize;
        let bytes = usize::try_from(sectors).unwrap_or(usize::MAX).saturating_mul(sector);
        self.geometry().access(at, bytes)?;
        self.write(&[Write::cached(at, &vec![0; bytes])])
    }
}
