//! Wiping: FF over what must not be taken for part of the log again.
//!
//! The one idea: heads first. A block without its head is none, whatever the rest of it says, so
//! the first 512 bytes of each go first, and are flushed before the rest follows.
//! 1. Block 5 of eight sectors is torn: its head persisted, its padding did not. Recovery ends at 5.
//! 2. All of 5 is wiped with FF at once, and the power goes when only the end of it was.
//! 3. FF is what the padding is made of: 5 is whole, and an entry appears that recovery had denied.
//!
//! Invariant: no block that is live is touched.
//!
//! What it is not: needed by a journal with a new salt, which denies all of it at once.

use super::layout::{Layout, Seq};
use super::{BlockJournal, BlockOptions};
use crate::device::{BlockDevice, DeviceError, Lba, Write};
use crate::journal::Error;
use crate::rfc::strategy::TailWrite;

static ERASED: [u8; 4096] = [0xff; 4096];

/// Commands in one call to the device.
const AT_ONCE: usize = 32;

impl BlockJournal {
    /// Wipes every block that is not live.
    pub(super) fn wipe_free(&mut self, device: &mut dyn BlockDevice) -> Result<(), Error> {
        let state = &self.state;
        let from = if self.extra().open { state.next.plus(1) } else { state.next };
        let live = from.0 - state.header.start_seq;
        self.wipe(device, from, u64::from(state.layout.nblocks) - live)
    }

    /// Wipes `blocks` blocks from `from` on, and flushes.
    pub(super) fn wipe(
        &self,
        device: &mut dyn BlockDevice,
        from: Seq,
        blocks: u64,
    ) -> Result<(), Error> {
        let layout = self.state.layout;
        self.wipe_places(device, blocks, &|index| layout.lba(from.plus(index)))
    }

    /// Wipes both tail slots, and flushes.
    pub(super) fn wipe_slots(&mut self, device: &mut dyn BlockDevice) -> Result<(), Error> {
        let layout = self.state.layout;
        self.wipe_places(device, 2, &|which| layout.slot_lba(which))?;
        self.extra_mut().slot = 0;
        Ok(())
    }

    /// Wipes so many blocks, heads first, and flushes.
    fn wipe_places(
        &self,
        device: &mut dyn BlockDevice,
        blocks: u64,
        place: &dyn Fn(u64) -> Lba,
    ) -> Result<(), Error> {
        let block_bytes = self.state.layout.block_bytes as usize;
        let sector_bytes = device.geometry().logical_bytes as usize;
        let head_bytes = sector_bytes.max(512).min(block_bytes);
        for part in [0..head_bytes, head_bytes..block_bytes] {
            if part.is_empty() {
                continue;
            }
            let sectors = (part.start / sector_bytes) as u64;
            let mut done = 0;
            while done < blocks {
                let mut writes = [Write::cached(Lba(0), &ERASED[part.clone()]); AT_ONCE];
                let count = (blocks - done).min(AT_ONCE as u64);
                for (index, write) in (done..done + count).zip(writes.iter_mut()) {
                    write.at = place(index).plus(sectors);
                }
                device.write(&writes[..count as usize])?;
                done += count;
            }
            device.flush()?;
        }
        Ok(())
    }
}

/// Wipes the tail slots of a journal that is to be made, if it has any.
pub(super) fn erase_slots(
    device: &mut dyn BlockDevice,
    layout: &Layout,
    options: &BlockOptions,
) -> Result<(), DeviceError> {
    if options.tail() != TailWrite::PingPong {
        return Ok(());
    }
    let block = &ERASED[..layout.block_bytes as usize];
    device.write(&[0, 1].map(|which| Write::cached(layout.slot_lba(which), block)))
}
