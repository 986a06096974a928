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
use crate::same::Span;

static ERASED: [u8; 4096] = [0xff; 4096];

/// Commands in one call to the device.
const AT_ONCE: usize = 32;

/// Bytes of a command on a small device.
const COMMAND_BYTES: u64 = 65_536;

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
        let geometry = device.geometry();
        let (block, sector) =
            (u64::from(self.state.layout.block_bytes), u64::from(geometry.logical_bytes));
        let head = sector.max(512).min(block);
        let most = geometry.bulk_bytes(COMMAND_BYTES) / sector;
        for part in [0..head, head..block] {
            let (first, sectors) = (part.start / sector, (part.end - part.start) / sector);
            if sectors == 0 {
                continue;
            }
            let spans = (0..blocks).map(|index| Span { at: place(index).plus(first), sectors });
            let mut together = [Span::default(); AT_ONCE];
            let mut count = 0;
            for span in spans {
                // What lies side by side is one command: blocks that are all head.
                if let Some(last) = together[..count].last_mut()
                    && last.at.plus(last.sectors) == span.at
                    && last.sectors + sectors <= most
                {
                    last.sectors += sectors;
                    continue;
                }
                if count == AT_ONCE {
                    device.write_same(0xff, &together)?;
                    count = 0;
                }
                together[count] = span;
                count += 1;
            }
            device.write_same(0xff, &together[..count])?;
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
