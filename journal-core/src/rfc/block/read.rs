//! Reading one place of the area.
//!
//! The one idea: whether a block is whole is asked before what it holds. A block of several sectors
//! says in the first of them what it claims to be; whether that is so is a question to the device
//! ([`BlockDevice::verify`]), and only what passed it is read. A device that knows more than bytes need
//! then not say what each sector of a torn block holds: of eight sectors that a cut mixed freely that
//! is nine answers instead of 256.
//!
//! Invariant: what is told of a place is what reading all of it would tell, but that a place which
//! claims nothing is not looked at further.
//!
//! What it is not: a walk. See `recover` and `open_tail`.

use super::codec::{Block, Front, HEAD_BYTES, SUMMED_FROM, Seen, claimed, see, v9_bytes};
use super::layout::{Layout, Seq};
use crate::checksum::Checksum;
use crate::device::{BlockDevice, DeviceError, Piece};
use crate::rfc::header::Salt;

/// Reads one place; `V9` says that the blocks are of its form. Only an unreadable sector is an answer; other errors are not the medium's.
#[inline(always)]
pub(super) fn read<'a, const V9: bool>(
    device: &'a mut dyn BlockDevice,
    layout: &Layout,
    seq: Seq,
    front: Front,
    scratch: &'a mut [u8],
) -> Result<Seen<'a>, DeviceError> {
    let scratch = &mut scratch[..layout.block_bytes as usize];
    if layout.block_bytes > layout.logical_bytes()
        && let Some(seen) = ask::<V9>(device, layout, seq, front, scratch)?
    {
        return Ok(seen);
    }
    match device.lend(layout.lba(seq), scratch) {
        Ok(bytes) => Ok(see::<V9>(bytes, seq, front)),
        Err(DeviceError::Unreadable(_)) => Ok(Seen::Unreadable),
        Err(error) => Err(error),
    }
}

/// What a block of several sectors is, unless it is good so far as its checksum tells: the first
/// sector says what it claims to be, and whether that is so is asked of the device, which need not
/// say what the others hold.
#[cold]
fn ask<'a, const V9: bool>(
    device: &mut dyn BlockDevice,
    layout: &Layout,
    seq: Seq,
    front: Front,
    scratch: &mut [u8],
) -> Result<Option<Seen<'a>>, DeviceError> {
    let sector = layout.logical_bytes() as usize;
    match front {
        Front::V9(_, salt) if V9 && sector >= HEAD_BYTES => {
            ask_v9(device, layout, seq, salt, scratch)
        }
        Front::Variant(variant) => {
            let at = (layout.lba(seq), layout.at_bytes(seq));
            variant.ask(device, at, Some(seq), (sector, scratch))
        }
        Front::V9(..) => Ok(None),
    }
}

/// [`ask`], of V9: whether all sectors can be read matters in any case.
fn ask_v9<'a>(
    device: &mut dyn BlockDevice,
    layout: &Layout,
    seq: Seq,
    salt: Salt,
    scratch: &mut [u8],
) -> Result<Option<Seen<'a>>, DeviceError> {
    let sector = layout.logical_bytes() as usize;
    let first = &mut scratch[..sector];
    let claim = match device.peek(layout.lba(seq), 0..HEAD_BYTES, first) {
        Ok(head) => claimed(head, seq).map(Block::crc),
        Err(DeviceError::Unreadable(_)) => return Ok(Some(Seen::Unreadable)),
        Err(error) => return Err(error),
    };
    let before = v9_bytes(salt);
    let covered = scratch.len() - SUMMED_FROM;
    let at_bytes = layout.at_bytes(seq) + SUMMED_FROM as u64;
    let pieces = [Piece::Given(&before), Piece::Device { at_bytes, bytes: covered as u64 }];
    // No bytes have this checksum: then it is only told whether they can be read.
    let expected = claim.map_or(u64::MAX, u64::from);
    match device.verify(&pieces, Checksum::Crc32c, expected) {
        Ok(true) => Ok(None),
        Ok(false) if claim.is_some() => Ok(Some(Seen::Claims)),
        Ok(false) => Ok(Some(Seen::Foreign)),
        Err(DeviceError::Unreadable(_)) => Ok(Some(Seen::Unreadable)),
        Err(error) => Err(error),
    }
}
