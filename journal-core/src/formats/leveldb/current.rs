//! CURRENT: which of the two log files counts. The stand-in for what LevelDB keeps around its log.
//!
//! The one idea: LevelDB makes a switch of logs atomic by writing a MANIFEST and renaming CURRENT,
//! with the file system's journal below. Here two slots in different pages take turns: the next
//! state goes to the slot that does not count, and wins by its higher sequence once it is whole.
//!
//! Byte table of a slot (ours, little-endian), at the start of its page:
//!
//! | offset | bytes | field | stands for |
//! |---|---|---|---|
//! | 0 | 8 | magic `twCURREN` | - |
//! | 8 | 8 | sequence, higher wins | the number of the MANIFEST |
//! | 16 | 8 | entries before the first of this log | the MANIFEST's last sequence and log number |
//! | 24 | 4 | file, 0 or 1 | the log's name |
//! | 28 | 4 | CRC-32C of bytes 0..28 | the MANIFEST's own checksums, and the rename |
//!
//! The crash it survives: while slot A is written the power goes, and A is lost with everything
//! around it, up to a physical sector or a page. Slot B lies in another one and still says what was
//! true before; what it names is untouched until a later switch, which begins only after a flush.
//!
//! What it is not: LevelDB's bytes. A real CURRENT is a line of text.

use crate::checksum::crc32c;
use crate::device::{BlockDevice, DeviceError, Geometry};
use crate::formats::page_cache::{Area, PAGE_BYTES};
use crate::journal::Error;

const MAGIC: [u8; 8] = *b"twCURREN";
/// Bytes of a slot that mean something.
pub const SLOT_BYTES: u64 = 32;

/// Where everything lies on the device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// The two slots of CURRENT.
    pub slots: [Area; 2],
    /// The two log files.
    pub files: [Area; 2],
}

impl Layout {
    /// Slot, slot, file, file, each beginning on a page and on a physical sector.
    ///
    /// # Errors
    /// [`Error::Unfit`] where a file would be shorter than a page.
    pub fn of(geometry: Geometry) -> Result<Layout, Error> {
        let unit = PAGE_BYTES.max(u64::from(geometry.physical_bytes));
        let file = (geometry.bytes() / unit).saturating_sub(2) / 2 * unit;
        if file == 0 {
            let (want, got) = (4 * unit, geometry.bytes());
            return Err(Error::Unfit { what: "bytes for CURRENT and two logs", want, got });
        }
        let area = |start, bytes| Area::new(geometry, start, bytes);
        Ok(Layout {
            slots: [area(0, unit)?, area(unit, unit)?],
            files: [area(2 * unit, file)?, area(2 * unit + file, file)?],
        })
    }
}

/// What CURRENT says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Current {
    /// Higher wins.
    pub sequence: u64,
    /// Entries that were before the first one of this log.
    pub before: u64,
    /// The file that counts: 0 or 1.
    pub file: u32,
}

impl Current {
    /// The bytes of a slot.
    #[must_use]
    pub fn encode(&self) -> [u8; SLOT_BYTES as usize] {
        let mut slot = [0; SLOT_BYTES as usize];
        slot[..8].copy_from_slice(&MAGIC);
        slot[8..16].copy_from_slice(&self.sequence.to_le_bytes());
        slot[16..24].copy_from_slice(&self.before.to_le_bytes());
        slot[24..28].copy_from_slice(&self.file.to_le_bytes());
        let sum = crc32c(&slot[..28]);
        slot[28..].copy_from_slice(&sum.to_le_bytes());
        slot
    }

    /// A slot's meaning, if it has one.
    #[must_use]
    pub fn decode(slot: &[u8; SLOT_BYTES as usize]) -> Option<Current> {
        let sum = u32::from_le_bytes([slot[28], slot[29], slot[30], slot[31]]);
        if slot[..8] != MAGIC || crc32c(&slot[..28]) != sum {
            return None;
        }
        let long = |at: usize| {
            let mut bytes = [0; 8];
            bytes.copy_from_slice(&slot[at..at + 8]);
            u64::from_le_bytes(bytes)
        };
        let file = u32::from_le_bytes([slot[24], slot[25], slot[26], slot[27]]);
        (file < 2).then_some(Current { sequence: long(8), before: long(16), file })
    }

    /// What counts on this device, and in which slot it stands; `None` where neither is whole.
    ///
    /// # Errors
    /// The device's, besides unreadable sectors: the other slot stands in.
    pub fn load(
        device: &mut dyn BlockDevice,
        layout: &Layout,
    ) -> Result<Option<(Current, usize)>, DeviceError> {
        let mut best: Option<(Current, usize)> = None;
        for (slot, area) in layout.slots.iter().enumerate() {
            let mut bytes = [0; SLOT_BYTES as usize];
            // Where it pays, whether it is whole is asked first: what it is otherwise does not matter.
            let is_one = |slot: &[u8]| {
                slot.first_chunk().is_some_and(|slot| Current::decode(slot).is_some())
            };
            let read = match device.pays_by_parts() {
                true => device.passes(area.on_device(0), bytes.len(), &is_one),
                false => Ok(true),
            };
            let read = read.and_then(|may_be| match may_be {
                true => area.read(device, 0, &mut bytes),
                false => Ok(()),
            });
            match read {
                Ok(()) => {}
                Err(DeviceError::Unreadable(_) | DeviceError::Io(_)) => continue,
                Err(other) => return Err(other),
            }
            if let Some(current) = Current::decode(&bytes)
                && best.is_none_or(|(other, _)| current.sequence > other.sequence)
            {
                best = Some((current, slot));
            }
        }
        Ok(best)
    }

    /// Writes and flushes this state into `slot`.
    ///
    /// # Errors
    /// The device's.
    pub fn store(
        &self,
        device: &mut dyn BlockDevice,
        layout: &Layout,
        slot: usize,
    ) -> Result<(), DeviceError> {
        let geometry = device.geometry();
        let sector = geometry.logical_bytes as usize;
        let mut bytes = [0; PAGE_BYTES as usize];
        bytes[..SLOT_BYTES as usize].copy_from_slice(&self.encode());
        // Whole sectors, and no more of them than the slot needs.
        let len = (SLOT_BYTES as usize).next_multiple_of(sector);
        let at = geometry.sectors_in(layout.slots[slot].on_device(0)).expect("slots are aligned");
        device.write_one(crate::Lba(at), &bytes[..len])?;
        device.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Lba;
    use crate::memory::MemoryDevice;

    #[test]
    fn while_one_slot_is_written_the_other_says_what_was_true_before() {
        let geometry = Geometry { logical_bytes: 512, physical_bytes: 4096, sectors: 64 };
        let mut device = MemoryDevice::new(geometry, 0);
        let layout = Layout::of(geometry).unwrap();
        assert_eq!(Current::load(&mut device, &layout), Ok(None));
        let old = Current { sequence: 5, before: 10, file: 0 };
        let new = Current { sequence: 6, before: 12, file: 1 };
        old.store(&mut device, &layout, 1).unwrap();
        new.store(&mut device, &layout, 0).unwrap();
        assert_eq!(Current::load(&mut device, &layout), Ok(Some((new, 0))));
        for byte in 0..SLOT_BYTES as usize {
            let mut torn = device.clone();
            torn.bytes_mut()[byte] ^= 0x10;
            assert_eq!(Current::load(&mut torn, &layout), Ok(Some((old, 1))), "byte {byte}");
        }
        // The blast radius of a write to slot 0 is its physical sector.
        (0..8).for_each(|lba| device.lose(Lba(lba)));
        assert_eq!(Current::load(&mut device, &layout), Ok(Some((old, 1))));
    }
}
