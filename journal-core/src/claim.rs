//! Claims: what a run of sectors says of itself in its first one.
//!
//! The one idea: a block is whole if its first sector says what it sums to, and it does. Who only wants
//! to know whether a place holds a whole block, as a look-ahead does, asks that in one question
//! ([`BlockDevice::find_whole`]); a device that knows more than bytes need then say neither what the
//! place holds instead, nor which of its sectors is at fault, nor whether one of them cannot be read.
//!
//! Invariant: a claim follows from the first sector alone, and a run that holds one is readable
//! throughout.
//!
//! What it is not: a verdict on what the block says. Its entries may be nonsense with a good checksum.

use crate::checksum::Checksum;
use crate::device::{BlockDevice, DeviceError, Lba};

/// Most bytes that are summed before those of the run: a salt, and a head with fields as zeros.
const BEFORE_MAX: usize = 64;

/// That a run of sectors has this checksum.
#[derive(Clone, Copy, Debug)]
pub struct Claim {
    /// The algorithm.
    pub sum: Checksum,
    /// What it must come to.
    pub expected: u64,
    /// The first byte of the run that is summed as it stands, in its first sector; all behind it are.
    pub from: usize,
    before: [u8; BEFORE_MAX],
    before_bytes: u8,
}

impl Claim {
    /// That `before` and the run from its byte `from` on have the checksum `expected`.
    ///
    /// # Panics
    /// Where `before` is longer than 64 bytes in all.
    #[must_use]
    pub fn new(sum: Checksum, expected: u64, before: &[&[u8]], from: usize) -> Claim {
        let mut claim = Claim { sum, expected, from, before: [0; BEFORE_MAX], before_bytes: 0 };
        for &piece in before {
            let at = usize::from(claim.before_bytes);
            claim.before[at..at + piece.len()].copy_from_slice(piece);
            claim.before_bytes += piece.len() as u8;
        }
        claim
    }

    /// What is summed first.
    #[must_use]
    pub fn before(&self) -> &[u8] {
        &self.before[..usize::from(self.before_bytes)]
    }

    /// Whether it holds of these bytes.
    #[must_use]
    pub fn holds(&self, run: &[u8]) -> bool {
        let summed = run.get(self.from..);
        summed.is_some_and(|summed| self.sum.of(&[self.before(), summed]) == self.expected)
    }
}

/// What the first sector of a run claims, given the number of the run.
pub type Claims<'c> = &'c dyn Fn(u64, &[u8]) -> Option<Claim>;

/// [`BlockDevice::find_whole`] by reading: the first sector of each run, and where it claims anything
/// all of it.
///
/// # Errors
/// As for [`BlockDevice::read`], save for unreadable sectors.
pub fn find_by_reading<D: BlockDevice + ?Sized>(
    device: &mut D,
    at: Lba,
    count: u64,
    scratch: &mut [u8],
    claims: Claims<'_>,
) -> Result<Option<u64>, DeviceError> {
    let sector = device.geometry().logical_bytes as usize;
    let each = (scratch.len() / sector) as u64;
    for number in 0..count {
        let at = at.plus(number * each);
        let claim = match device.lend(at, &mut scratch[..sector]) {
            Ok(first) => claims(number, first),
            Err(DeviceError::Unreadable(_)) => None,
            Err(error) => return Err(error),
        };
        let Some(claim) = claim else { continue };
        match device.lend(at, scratch) {
            Ok(run) if claim.holds(run) => return Ok(Some(number)),
            Ok(_) | Err(DeviceError::Unreadable(_)) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;
    use crate::device::{Geometry, Write};
    use crate::memory::MemoryDevice;

    #[test]
    fn the_first_run_is_found_that_has_the_checksum_that_its_first_sector_claims() {
        let shape = Geometry { logical_bytes: 512, physical_bytes: 512, sectors: 64 };
        let mut device = MemoryDevice::new(shape, 0);
        // Byte 0 of a run is a tag, the next four its checksum, over a salt and all behind them.
        let salt = *b"salt";
        let claims = |_: u64, first: &[u8]| {
            let sum = u32::from_be_bytes(*first[1..].first_chunk()?);
            (first[0] == 7).then(|| Claim::new(Checksum::Crc32c, u64::from(sum), &[&salt], 5))
        };
        let mut block = vec![3; 1024];
        block[0] = 7;
        let sum = Checksum::Crc32c.of(&[&salt, &block[5..]]) as u32;
        block[1..5].copy_from_slice(&sum.to_be_bytes());
        let mut torn = block.clone();
        torn[1023] ^= 1;
        let mut other = block.clone();
        other[0] = 8;
        for (at, bytes) in [(0, &other), (2, &torn), (6, &block), (8, &block)] {
            device.write(&[Write::cached(Lba(at), bytes)]).unwrap();
        }
        let mut find = |count| device.find_whole(Lba(0), count, &mut [0; 1024], &claims);
        assert_eq!(find(3), Ok(None), "another tag, a torn block, zeros");
        assert_eq!(find(5), Ok(Some(3)));
    }
}
