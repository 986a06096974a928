//! The header pair, asked for part by part.
//!
//! The one idea: of a copy that is not known to be whole nothing is of use but whether it claims to be newer
//! than the other one. Where a bit of its number may have flipped, that is two answers and not one for each bit.
//!
//! Method. The number of one copy is read, of the one that the device knows better; of the other it is asked
//! on which side of that it lies. The rest of a copy is read once it is whole.
//!
//! Invariant: what comes of it is what reading the front of both copies would bring, and the same sectors are
//! asked of; but both copies are asked for whole where the device can hardly say anything of either.
//!
//! What it is not: for devices that do not [pay](BlockDevice::pays_by_parts) for it.

use super::{
    CRC, CopyState, FILLER, GENERATION, HEADER_BYTES, HEADER_SEQ, Header, HeaderPair, HeaderSeq,
    UNIT_BYTES, u32_at, u64_at,
};
use crate::bytes;
use crate::checksum::Checksum;
use crate::claim::Claim;
use crate::device::{BlockDevice, DeviceError};

impl HeaderPair {
    /// Which of two copies with the magic claims more; copy 0 if they claim the same, and none where neither is
    /// whole, so that it makes no difference.
    ///
    /// # Errors
    /// The device's. Both can be read.
    #[cold]
    pub(super) fn newer_by_parts(
        &self,
        device: &mut dyn BlockDevice,
    ) -> Result<Option<u64>, DeviceError> {
        let doubts = [0, 1].map(|copy| device.doubts(self.lba(copy)));
        // Of sectors that are in much doubt few are whole, and what number they have is all the longer to say.
        if doubts[0].min(doubts[1]) > 1 && !is_whole(device, 0)? && !is_whole(device, 1)? {
            return Ok(None);
        }
        let (read, other) = if doubts[1] < doubts[0] { (1, 0) } else { (0, 1) };
        let mut number = [0; GENERATION - HEADER_SEQ];
        bytes::read(device, read * HEADER_BYTES as u64 + HEADER_SEQ as u64, &mut number)?;
        let number = u64::from_be_bytes(number);
        let counts = |seq| if other == 1 { seq > number } else { seq >= number };
        Ok(Some(if claims(device, other, &counts)? { other } else { read }))
    }

    /// Whether a copy with the magic claims to be newer than `current`.
    ///
    /// # Errors
    /// The device's. It can be read.
    #[cold]
    pub(super) fn is_newer_by_parts(
        &self,
        device: &mut dyn BlockDevice,
        copy: u64,
        current: HeaderSeq,
    ) -> Result<bool, DeviceError> {
        claims(device, copy, &|number| number > current.0)
    }

    /// Verifies a copy with the magic. Its facts are read once it is whole.
    ///
    /// # Errors
    /// The device's, other than unreadable sectors.
    #[cold]
    pub(super) fn believe_by_parts(
        &self,
        device: &mut dyn BlockDevice,
        copy: u64,
    ) -> Result<CopyState, DeviceError> {
        let at_bytes = copy * HEADER_BYTES as u64;
        let mut bytes = [0; FILLER];
        let read = bytes::can_be_read(device, at_bytes, HEADER_BYTES as u64)
            .and_then(|()| is_whole(device, copy))
            .and_then(|whole| match whole {
                true => bytes::read(device, at_bytes, &mut bytes).map(|()| true),
                false => Ok(false),
            });
        match read {
            Ok(true) => Ok(self.accept(copy, Header::fields(&bytes))),
            Ok(false) => Ok(CopyState::Bad("wrong checksum")),
            Err(DeviceError::Unreadable(lba)) => Ok(CopyState::Unreadable(lba)),
            Err(error) => Err(error),
        }
    }
}

/// Whether the number of a copy counts.
fn claims(
    device: &mut dyn BlockDevice,
    copy: u64,
    counts: &dyn Fn(u64) -> bool,
) -> Result<bool, DeviceError> {
    let head = |head: &[u8]| counts(u64_at(head, HEADER_SEQ));
    device.passes(copy * HEADER_BYTES as u64, GENERATION, &head)
}

/// Whether a copy has the checksum that it claims.
fn is_whole(device: &mut dyn BlockDevice, copy: u64) -> Result<bool, DeviceError> {
    let (at_bytes, end) = (copy * HEADER_BYTES as u64, (copy + 1) * HEADER_BYTES as u64);
    let claims = |head: &[u8]| {
        let before = [&head[..CRC], &[0; UNIT_BYTES - CRC]];
        let bytes = at_bytes + UNIT_BYTES as u64..end;
        Some(Claim::new(Checksum::Crc32c, u64::from(u32_at(head, CRC)), &before, bytes))
    };
    device.is_whole(at_bytes, UNIT_BYTES, &claims)
}
