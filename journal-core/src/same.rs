//! The same byte over many sectors, told to a device in a word.
//!
//! The one idea: who makes a journal erases an area, and who makes a log file begins with zeros. What
//! is written then says nothing but where and how long, and devices have commands for that (WRITE SAME
//! of SCSI, Write Zeroes of NVMe, `BLKZEROOUT`). Told so, a device need not be handed as many bytes as
//! it holds, nor keep them.
//!
//! Invariant: [`BlockDevice::write_same`] means what cached writes of these bytes mean, one command for
//! each span, all in flight together. Nothing is promised of it that is not promised of those.
//!
//! What it is not: discarding, after which nobody knows what the sectors hold.

use alloc::vec;

use crate::device::{BlockDevice, DeviceError, Lba, Write};

/// Consecutive sectors.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Span {
    /// The first.
    pub at: Lba,
    /// How many, at least one.
    pub sectors: u64,
}

/// Bytes of a write that stands for a part of a span.
const PIECE_BYTES: u64 = 65_536;

/// Writes in one call.
const PIECES: usize = 64;

/// [`BlockDevice::write_same`] for a device that has no such command: writes of at most
/// 64 KiB, 64 in one call. Spans that take more writes than that take several calls, one after
/// the other.
pub(crate) fn in_writes<D: BlockDevice + ?Sized>(
    device: &mut D,
    byte: u8,
    spans: &[Span],
) -> Result<(), DeviceError> {
    let geometry = device.geometry();
    for span in spans {
        geometry.run(span.at, span.sectors)?;
    }
    let sector = u64::from(geometry.logical_bytes);
    let most = (PIECE_BYTES / sector).max(1);
    let longest = spans.iter().map(|span| span.sectors.min(most)).max().unwrap_or(0);
    let bytes = vec![byte; (longest * sector) as usize];
    let mut writes = [Write::cached(Lba(0), &[]); PIECES];
    let mut count = 0;
    for span in spans {
        let mut done = 0;
        while done < span.sectors {
            let sectors = (span.sectors - done).min(most);
            writes[count] =
                Write::cached(span.at.plus(done), &bytes[..(sectors * sector) as usize]);
            (count, done) = (count + 1, done + sectors);
            if count == PIECES {
                device.write(&writes)?;
                count = 0;
            }
        }
    }
    if count == 0 { Ok(()) } else { device.write(&writes[..count]) }
}
