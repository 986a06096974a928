//! Reading one place of the area.
//!
//! The one idea: whether a block is whole is asked before what it holds. Of a block of several sectors it
//! is asked whether the first of them claims to be it, then whether that is so
//! ([`BlockDevice::is_whole`]), and only what passed both is read. A device that knows more than bytes need
//! then not say what each sector of a torn block holds: of eight sectors that a cut mixed freely that
//! is nine answers instead of 256.
//!
//! Invariant: what is told of a place is what reading all of it would tell, but that a place which
//! claims nothing is not looked at further.
//!
//! What it is not: a walk. See `recover` and `open_tail`.

use super::codec::{Front, HEAD_BYTES, Seen, claimed, see, v9_claim};
use super::layout::{Layout, Seq};
use crate::bytes;
use crate::claim::Claims;
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
    let at = layout.lba(seq);
    let held = if layout.is_read_whole() {
        // What is no block of ours is not told from anything else that is none.
        let is_ours = |bytes: &[u8]| !matches!(see::<V9>(bytes, seq, front), Seen::Foreign);
        device.peek_if(at, 0..bytes, scratch, &is_ours)
    } else {
        match ask::<V9>(device, layout, seq, front, scratch)? {
            Asked::Is(seen) => return Ok(seen),
            Asked::Reads(needed) => bytes = needed,
        }
        device.lend(at, &mut scratch[..bytes]).map(Some)
    };
    match held {
        Ok(held) => Ok(held.map_or(Seen::Foreign, |bytes| see::<V9>(bytes, seq, front))),
        Err(DeviceError::Unreadable(_)) => Ok(Seen::Unreadable),
        Err(error) => Err(error),
    }
}

/// What a block that is not asked for by all its bytes at once is, unless it is good so far as its checksum
/// tells: its head says what it claims to be, and whether that is so is asked of the device, which need not
/// say what the rest holds.
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
    let (at_bytes, block_bytes) = (layout.at_bytes(seq), scratch.len());
    let claims = |head: &[u8]| {
        claimed(head, seq).map(|block| v9_claim(salt, block, (at_bytes, block_bytes)))
    };
    let place = Place { at: layout.lba(seq), at_bytes, head_bytes: HEAD_BYTES, block_bytes };
    let first = &mut scratch[..layout.logical_bytes() as usize];
    place.ask(device, (first, block_bytes), &|head| claimed(head, seq).is_some(), &claims)
}

/// What a question about a block came to.
pub(super) enum Asked<'a> {
    /// This is what is in its place.
    Is(Seen<'a>),
    /// So many of its bytes must be read to know.
    Reads(usize),
}

/// Where a block of several sectors lies.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub at: Lba,
    /// The byte of the device that it begins at.
    pub at_bytes: u64,
    pub head_bytes: usize,
    pub block_bytes: usize,
}

impl Place {
    /// What it is: of a head that `is_one` it is asked whether what it `claims` is so. `first` has room
    /// for a sector. Where there is no such head it matters whether so many bytes can be read.
    pub fn ask<'a>(
        &self,
        device: &mut dyn BlockDevice,
        (first, foreign_bytes): (&mut [u8], usize),
        is_one: &dyn Fn(&[u8]) -> bool,
        claims: Claims<'_>,
    ) -> Result<Asked<'a>, DeviceError> {
        let head = (self.at, self.head_bytes);
        if !head_passes(device, head, first, is_one)? {
            return self.if_readable(device, foreign_bytes, Seen::Foreign).map(Asked::Is);
        }
        // Of a head that makes no sense nothing else is looked at.
        if !head_passes(device, head, first, &|head| claims(head).is_some())? {
            return Ok(Asked::Is(Seen::Claims));
        }
        let seen = self.if_readable(device, self.block_bytes, Seen::Claims)?;
        let can_be_read = !matches!(seen, Seen::Unreadable);
        Ok(match can_be_read && device.is_whole(self.at_bytes, self.head_bytes, claims)? {
            true => Asked::Reads(self.block_bytes),
            false => Asked::Is(seen),
        })
    }

    /// What it is, if so many of its bytes can be read.
    pub fn if_readable<'a>(
        &self,
        device: &mut dyn BlockDevice,
        bytes: usize,
        seen: Seen<'a>,
    ) -> Result<Seen<'a>, DeviceError> {
        match bytes::can_be_read(device, self.at_bytes, bytes as u64) {
            Ok(()) => Ok(seen),
            Err(DeviceError::Unreadable(_)) => Ok(Seen::Unreadable),
            Err(error) => Err(error),
        }
    }
}

/// Whether a sector can be read and its head passes: what it holds otherwise is not asked, as it would be by a
/// look at it. `sector` has room for it; the test looks at so many bytes of it.
pub(super) fn head_passes(
    device: &mut dyn BlockDevice,
    (at, head_bytes): (Lba, usize),
    sector: &mut [u8],
    test: &dyn Fn(&[u8]) -> bool,
) -> Result<bool, DeviceError> {
    if device.pays_by_parts() {
        return device.passes(at.0 * sector.len() as u64, head_bytes, test);
    }
    Ok(device.find(at, 1, sector, &|_, bytes| test(bytes))?.is_some())
}
