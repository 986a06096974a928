//! Claims: what a head says that the bytes of a thing sum to.
//!
//! The one idea: a block, a slot, a frame is whole if its head says what it sums to, and it does. Who
//! wants to know whether a place holds a whole one asks that in one question
//! ([`BlockDevice::is_whole`]); a device that knows more than bytes need then say neither what the place
//! holds instead, nor which of its sectors is at fault, nor whether one of them cannot be read.
//!
//! Invariant: a claim follows from the head alone, and what is whole can be read throughout.
//!
//! What it is not: a verdict on what was written. Its entries may be nonsense with a good checksum.

use core::ops::Range;

use crate::bytes;
use crate::checksum::{Checksum, stored};
use crate::device::{BlockDevice, DeviceError, Piece};

/// Most bytes of a head.
const HEAD_MAX: usize = 64;

/// Most bytes that are summed before those of the device: a salt, and a head with fields as zeros.
const BEFORE_MAX: usize = 64;

/// That bytes of a device have this checksum.
#[derive(Clone, Copy, Debug)]
pub struct Claim {
    /// The algorithm.
    pub sum: Checksum,
    expected: Expected,
    from: u64,
    to: u64,
    before: [u8; BEFORE_MAX],
    before_bytes: u8,
}

/// What a checksum must come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// This.
    Is(u64),
    /// What is stored right behind the bytes that are summed, see [`stored`].
    Behind,
}

impl Claim {
    /// That `before`, and behind it these bytes from the start of the device, have the checksum `expected`.
    ///
    /// # Panics
    /// Where `before` is longer than 64 bytes in all.
    #[must_use]
    pub fn new(sum: Checksum, expected: u64, before: &[&[u8]], bytes: Range<u64>) -> Claim {
        let Range { start: from, end: to } = bytes;
        let expected = Expected::Is(expected);
        let mut claim = Claim { sum, expected, from, to, before: [0; BEFORE_MAX], before_bytes: 0 };
        for &piece in before {
            let at = usize::from(claim.before_bytes);
            claim.before[at..at + piece.len()].copy_from_slice(piece);
            claim.before_bytes += piece.len() as u8;
        }
        claim
    }

    /// That `before`, and behind it these bytes from the start of the device, have the checksum that is stored
    /// right behind them.
    ///
    /// # Panics
    /// As [`Claim::new`].
    #[must_use]
    pub fn stored_behind(sum: Checksum, before: &[&[u8]], bytes: Range<u64>) -> Claim {
        Claim { expected: Expected::Behind, ..Claim::new(sum, 0, before, bytes) }
    }

    /// That of a head to which nothing belongs: what it is depends on itself alone.
    #[must_use]
    pub fn of_head() -> Claim {
        let sum = Checksum::Crc32c;
        Claim::new(sum, sum.of(&[]), &[], 0..0)
    }

    /// The same of as many bytes from another place on.
    #[must_use]
    pub fn moved(self, from: u64) -> Claim {
        Claim { from, to: from + (self.to - self.from), ..self }
    }

    /// What is summed first.
    #[must_use]
    pub fn before(&self) -> &[u8] {
        &self.before[..usize::from(self.before_bytes)]
    }

    /// What is summed behind it.
    #[must_use]
    pub const fn bytes(&self) -> Range<u64> {
        self.from..self.to
    }

    /// What it must come to.
    #[must_use]
    pub const fn expected(&self) -> Expected {
        self.expected
    }

    /// All bytes of the device that it depends on: those that are summed, and the checksum behind them if
    /// it is stored there.
    #[must_use]
    pub const fn span(&self) -> Range<u64> {
        let behind = match self.expected {
            Expected::Is(_) => 0,
            Expected::Behind => self.sum.bytes() as u64,
        };
        self.from..self.to + behind
    }

    /// Asks whether it holds.
    ///
    /// # Errors
    /// As for [`BlockDevice::verify`], and for [`BlockDevice::read`] where the checksum is stored.
    pub fn verify<D: BlockDevice + ?Sized>(&self, device: &mut D) -> Result<bool, DeviceError> {
        let expected = match self.expected {
            Expected::Is(expected) => expected,
            Expected::Behind => {
                let trailer = &mut [0; 8][..self.sum.bytes()];
                bytes::read(device, self.to, trailer)?;
                stored(trailer)
            }
        };
        let behind = Piece::Device { at_bytes: self.from, bytes: self.to - self.from };
        let pieces = [Piece::Given(self.before()), behind];
        let pieces = if self.from < self.to { &pieces } else { &pieces[..1] };
        device.verify(pieces, self.sum, expected)
    }
}

/// What a head claims; `None` if it is none.
pub type Claims<'c> = &'c dyn Fn(&[u8]) -> Option<Claim>;

/// [`BlockDevice::is_whole`] in two steps: the head is read, and what it claims is verified.
///
/// # Errors
/// As for [`BlockDevice::read`], save for unreadable sectors.
///
/// # Panics
/// Where the head is longer than 64 bytes.
pub fn by_its_head<D: BlockDevice + ?Sized>(
    device: &mut D,
    at_bytes: u64,
    head_bytes: usize,
    claims: Claims<'_>,
) -> Result<bool, DeviceError> {
    let head = &mut [0; HEAD_MAX][..head_bytes];
    let whole = bytes::read(device, at_bytes, head)
        .and_then(|()| claims(head).map_or(Ok(false), |claim| claim.verify(device)));
    match whole {
        Err(DeviceError::Unreadable(_)) => Ok(false),
        told => told,
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;
    use crate::device::{Geometry, Lba, Write};
    use crate::memory::MemoryDevice;

    #[test]
    fn what_is_whole_has_the_checksum_that_its_head_claims() {
        let shape = Geometry { logical_bytes: 512, physical_bytes: 512, sectors: 64 };
        let mut device = MemoryDevice::new(shape, 0);
        // Byte 0 is a tag, the next four the checksum, over a salt and the 1019 bytes behind them.
        let salt = *b"salt";
        let mut block = vec![3; 1024];
        block[0] = 7;
        let sum = Checksum::Crc32c.of(&[&salt, &block[5..]]) as u32;
        block[1..5].copy_from_slice(&sum.to_be_bytes());
        let mut torn = block.clone();
        torn[1023] ^= 1;
        let mut other = block.clone();
        other[0] = 8;
        for (at, bytes) in [(0, &other), (2, &torn), (6, &block)] {
            device.write(&[Write::cached(Lba(at), bytes)]).unwrap();
        }
        let mut is_whole = |lba: u64| {
            let at = lba * 512;
            let claims = |head: &[u8]| {
                let sum = u32::from_be_bytes(*head[1..].first_chunk()?);
                let bytes = at + 5..at + 1024;
                let claim = Claim::new(Checksum::Crc32c, u64::from(sum), &[&salt], bytes);
                (head[0] == 7).then_some(claim)
            };
            device.is_whole(at, 5, &claims).unwrap()
        };
        assert!(!is_whole(0), "another tag");
        assert!(!is_whole(2), "torn");
        assert!(!is_whole(4), "zeros");
        assert!(is_whole(6));
        let tagged = |head: &[u8]| (head[0] == 8).then(Claim::of_head);
        assert_eq!(device.is_whole(0, 1, &tagged), Ok(true), "nothing else is asked");
        assert_eq!(device.is_whole(512, 1, &tagged), Ok(false));
    }
}
