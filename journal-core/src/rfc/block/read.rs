//! Reading one place of the area.
//!
//! The one idea: whether a block is whole is asked before what it holds. Of a block of several sectors it
//! is asked whether the first of them claims to be it, then whether that is so
//! ([`BlockDevice::verify`]), and only what passed both is read. A device that knows more than bytes need
//! then not say what each sector of a torn block holds: of eight sectors that a cut mixed freely that
//! is nine answers instead of 256.
//!
//! Invariant: what is told of a place is what reading all of it would tell, but that a place which
//! claims nothing is not looked at further.
//!
//! What it is not: a walk. See `recover` and `open_tail`.

use super::codec::{Front, HEAD_BYTES, Seen, claimed, see, v9_claim};
use super::layout::{Layout, Seq};
use super::variant::Asked;
use crate::bytes;
use crate::claim::Claim;
use crate::device::{BlockDevice, DeviceError, Lba};
use crate::rfc::header::Salt;

/// Reads one place; `V9` says that the blocks are of its form. Only an unreadable sector is an answer;
/// other errors are not the medium's.
#[inline(always)]
pub(super) fn read<'a, const V9: bool>(
    device: &'a mut dyn BlockDevice,
    layout: &Layout,
    seq: Seq,
    front: Front,
    scratch: &'a mut [u8],
) -> Result<Seen<'a>, DeviceError> {
    let scratch = &mut scratch[..layout.block_bytes as usize];
    let mut bytes = scratch.len();
    if layout.block_bytes > layout.logical_bytes() {
        match ask::<V9>(device, layout, seq, front, scratch)? {
            Asked::Is(seen) => return Ok(seen),
            Asked::Reads(needed) => bytes = needed,
        }
    }
    match device.lend(layout.lba(seq), &mut scratch[..bytes]) {
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
) -> Result<Asked<'a>, DeviceError> {
    let sector = layout.logical_bytes() as usize;
    match front {
        Front::V9(_, salt) if V9 && sector >= HEAD_BYTES => {
            ask_v9(device, layout, seq, salt, scratch)
        }
        Front::Variant(variant) => {
            let at = (layout.lba(seq), layout.at_bytes(seq));
            variant.ask(device, at, seq, (sector, scratch))
        }
        Front::V9(..) => Ok(Asked::Reads(scratch.len())),
    }
}

/// [`ask`], of V9: whether all sectors can be read matters in any case.
fn ask_v9<'a>(
    device: &mut dyn BlockDevice,
    layout: &Layout,
    seq: Seq,
    salt: Salt,
    scratch: &mut [u8],
) -> Result<Asked<'a>, DeviceError> {
    let (at, at_bytes) = (layout.lba(seq), layout.at_bytes(seq));
    let (sector, block_bytes) = (layout.logical_bytes() as usize, scratch.len());
    let first = &mut scratch[..sector];
    if !head_passes(device, at, first, &|first| claimed(first, seq).is_some())? {
        return not_claimed(device, at_bytes, block_bytes as u64).map(Asked::Is);
    }
    let claim = match device.peek(at, 0..HEAD_BYTES, first) {
        Ok(head) => claimed(head, seq).map(|block| v9_claim(salt, block, (at_bytes, block_bytes))),
        Err(DeviceError::Unreadable(_)) => return Ok(Asked::Is(Seen::Unreadable)),
        Err(error) => return Err(error),
    };
    let Some(claim) = claim else { return Ok(Asked::Is(Seen::Foreign)) };
    verified(device, &claim, block_bytes)
}

/// What a block of so many bytes is that claims to be in its place.
pub(super) fn verified<'a>(
    device: &mut dyn BlockDevice,
    claim: &Claim,
    block_bytes: usize,
) -> Result<Asked<'a>, DeviceError> {
    match claim.verify(device) {
        Ok(true) => Ok(Asked::Reads(block_bytes)),
        Ok(false) => Ok(Asked::Is(Seen::Claims)),
        Err(DeviceError::Unreadable(_)) => Ok(Asked::Is(Seen::Unreadable)),
        Err(error) => Err(error),
    }
}

/// Whether a sector can be read and passes: what it holds otherwise is not asked, as it would be by a look
/// at it.
pub(super) fn head_passes(
    device: &mut dyn BlockDevice,
    at: Lba,
    scratch: &mut [u8],
    test: &dyn Fn(&[u8]) -> bool,
) -> Result<bool, DeviceError> {
    Ok(device.find(at, 1, scratch, &|_, bytes| test(bytes))?.is_some())
}

/// What a place is that claims nothing, of which so many bytes from `at_bytes` on matter.
pub(super) fn not_claimed<'a>(
    device: &mut dyn BlockDevice,
    at_bytes: u64,
    len: u64,
) -> Result<Seen<'a>, DeviceError> {
    match bytes::can_be_read(device, at_bytes, len) {
        Ok(()) => Ok(Seen::Foreign),
        Err(DeviceError::Unreadable(_)) => Ok(Seen::Unreadable),
        Err(error) => Err(error),
    }
}
