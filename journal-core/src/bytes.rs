//! Bytes of a device, from anywhere to anywhere.
//!
//! The one idea: who wants a few bytes of a sector asks for these and no more ([`BlockDevice::peek`]). A
//! header tells what comes next by a handful of bytes; what else its sector holds is another question,
//! asked later or never.
//!
//! Invariant: the pieces are handed out in order, each of one sector; of two accesses to the same bytes
//! neither asks the device for more than the other.
//!
//! What it is not: a cache. Bytes that are asked for twice are read twice.

use alloc::vec;

use crate::device::{BlockDevice, DeviceError, Lba};

/// Sectors that scratch on the stack has room for: what most disks have, and what the others do.
const SMALL: usize = 512;
const LARGE: usize = 4096;

/// Hands the bytes from `at_bytes` on, `len` of them, to `take`, piece by piece.
///
/// # Errors
/// The device's; the pieces before the bad sector have been handed out.
#[inline]
pub fn feed<D: BlockDevice + ?Sized>(
    device: &mut D,
    at_bytes: u64,
    len: u64,
    take: &mut dyn FnMut(&[u8]),
) -> Result<(), DeviceError> {
    // Clearing scratch that the device never needs costs more than the read: keep it small.
    match device.geometry().logical_bytes as usize {
        sector @ ..=SMALL => feed_by(device, (at_bytes, len), &mut [0; SMALL][..sector], take),
        sector @ ..=LARGE => feed_by(device, (at_bytes, len), &mut [0; LARGE][..sector], take),
        sector => feed_by(device, (at_bytes, len), &mut vec![0; sector], take),
    }
}

/// [`feed`], with room for a sector.
#[inline]
fn feed_by<D: BlockDevice + ?Sized>(
    device: &mut D,
    (mut at, len): (u64, u64),
    scratch: &mut [u8],
    mut take: impl FnMut(&[u8]),
) -> Result<(), DeviceError> {
    let sector = scratch.len() as u64;
    let end = at + len;
    while at < end {
        let from = at % sector;
        let to = sector.min(from + (end - at));
        let lent = device.peek(Lba(at / sector), from as usize..to as usize, scratch)?;
        take(&lent[..(to - from) as usize]);
        at += to - from;
    }
    Ok(())
}

/// Fills `into` with the bytes from `at_bytes` on, by way of `scratch`, which has room for a sector; says
/// how many there are before a sector that cannot be read.
///
/// # Errors
/// The device's, other than unreadable sectors.
#[inline]
pub fn fill_by(
    device: &mut dyn BlockDevice,
    at_bytes: u64,
    into: &mut [u8],
    scratch: &mut [u8],
) -> Result<usize, DeviceError> {
    let mut filled = 0;
    let fed = feed_by(device, (at_bytes, into.len() as u64), scratch, |piece: &[u8]| {
        into[filled..filled + piece.len()].copy_from_slice(piece);
        filled += piece.len();
    });
    match fed {
        Ok(()) | Err(DeviceError::Unreadable(_)) => Ok(filled),
        Err(error) => Err(error),
    }
}

/// [`fill_by`], with room of its own.
///
/// # Errors
/// As for [`fill_by`].
pub fn fill(
    device: &mut dyn BlockDevice,
    at_bytes: u64,
    into: &mut [u8],
) -> Result<usize, DeviceError> {
    match device.geometry().logical_bytes as usize {
        sector @ ..=SMALL => fill_by(device, at_bytes, into, &mut [0; SMALL][..sector]),
        sector @ ..=LARGE => fill_by(device, at_bytes, into, &mut [0; LARGE][..sector]),
        sector => fill_by(device, at_bytes, into, &mut vec![0; sector]),
    }
}
