//! Bytes of a device, from anywhere to anywhere.
//!
//! The one idea: who wants a few bytes of a sector asks for these and no more ([`BlockDevice::peek`]). A
//! header tells what comes next by a handful of bytes; what else its sector holds is another question,
//! asked later or never.
//!
//! Invariant: the pieces are handed out in order, each of one sector, and no byte outside the range is
//! asked for.
//!
//! What it is not: a cache. Bytes that are asked for twice are read twice.

use alloc::vec;

use crate::checksum::Checksum;
use crate::device::{BlockDevice, DeviceError, Lba, Piece};

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

/// Fills `into` with the bytes from `at_bytes` on.
///
/// # Errors
/// The device's; what was read before the bad sector is in `into`.
#[inline]
pub fn read<D: BlockDevice + ?Sized>(
    device: &mut D,
    at_bytes: u64,
    into: &mut [u8],
) -> Result<(), DeviceError> {
    feed(device, at_bytes, into.len() as u64, &mut filling(into))
}

/// [`read`] for who has no use for bytes that do not pass: false where the device says so and no more. Where
/// they lie in several sectors, they are read.
///
/// # Errors
/// As for [`read`].
#[inline]
pub fn read_if<D: BlockDevice + ?Sized>(
    device: &mut D,
    at_bytes: u64,
    into: &mut [u8],
    passes: &dyn Fn(&[u8]) -> bool,
) -> Result<bool, DeviceError> {
    let sector = u64::from(device.geometry().logical_bytes);
    let (lba, from) = (Lba(at_bytes / sector), (at_bytes % sector) as usize);
    let part = from..from + into.len();
    if part.end as u64 > sector {
        return read(device, at_bytes, into).map(|()| true);
    }
    let peek = |scratch: &mut [u8]| {
        let lent = device.peek_if(lba, part, scratch, passes)?;
        let passing = lent.map(|lent| into.copy_from_slice(&lent[..into.len()]));
        Ok(passing.is_some())
    };
    match sector as usize {
        sector @ ..=SMALL => peek(&mut [0; SMALL][..sector]),
        sector @ ..=LARGE => peek(&mut [0; LARGE][..sector]),
        sector => peek(&mut vec![0; sector]),
    }
}

/// [`read`], by way of `scratch`, which has room for a sector.
///
/// # Errors
/// As for [`read`].
#[inline]
pub fn read_by<D: BlockDevice + ?Sized>(
    device: &mut D,
    at_bytes: u64,
    into: &mut [u8],
    scratch: &mut [u8],
) -> Result<(), DeviceError> {
    feed_by(device, (at_bytes, into.len() as u64), scratch, filling(into))
}

/// Asks whether bytes can be read, and not what they are.
///
/// # Errors
/// The device's; [`DeviceError::Unreadable`] names the first sector of them.
pub fn can_be_read<D: BlockDevice + ?Sized>(
    device: &mut D,
    at_bytes: u64,
    len: u64,
) -> Result<(), DeviceError> {
    // No bytes have this checksum of 32 bits.
    let pieces = [Piece::Device { at_bytes, bytes: len }];
    device.verify(&pieces, Checksum::Crc32c, u64::MAX).map(drop)
}

/// Puts pieces into `into`, one behind the other.
#[inline]
fn filling(into: &mut [u8]) -> impl FnMut(&[u8]) {
    let mut filled = 0;
    move |piece| {
        into[filled..filled + piece.len()].copy_from_slice(piece);
        filled += piece.len();
    }
}
