//! What a device is asked about a block of several sectors, at any point of the grid but V9.
//!
//! The one idea: it need not say what such a block holds to say whether it is whole. With a checksum over
//! all of it that is one question; with checksums of its entries one for each of these, and what lies
//! behind them does not matter. Only what is whole is read.
//!
//! Invariant: what is told is what reading all of it would tell, but that a place which claims nothing is
//! not looked at further.
//!
//! What it is not: for blocks without a checksum, which it would tell nothing.

use super::super::codec::{Block, CRC, MAGIC, SEQ, Seen, TLV_BYTES, TLV_MAX, TYPE_HASH};
use super::super::layout::Seq;
use super::super::read::{Asked, Place, head_passes};
use super::{HEAD_BYTES, MAGIC_BYTES, SUM_HIGH, VERSION, Variant, array};
use crate::bytes;
use crate::checksum::{Checksum, stored};
use crate::claim::Claim;
use crate::device::{BlockDevice, DeviceError, Lba};

impl Variant {
    /// Whether blocks of so many bytes have no checksum over all of them, but of their entries at most, and
    /// a head within their first sector: then what lies behind the entries is of no matter.
    pub fn ends_with_entries(&self, sector: usize, block_bytes: usize) -> bool {
        let whole = self.block != Checksum::None || self.sector != Checksum::None;
        !whole && (HEAD_BYTES..=block_bytes).contains(&sector)
    }

    /// Whether blocks of so many bytes are asked of sectors of so many.
    pub fn can_be_asked(&self, sector: usize, block_bytes: usize) -> bool {
        self.block != Checksum::None && (HEAD_BYTES..=block_bytes).contains(&sector)
    }

    /// Block `seq` as the first sector of a place has it, if that says that it is: a head to look
    /// at, and nothing that was checked.
    pub fn claimed<'a>(&self, first: &'a [u8], seq: Seq) -> Option<Block<'a>> {
        let block = Block { head: first.first_chunk()?, bytes: first, seq, shape: self.shape() };
        (block.head[MAGIC..CRC] == MAGIC_BYTES && block.mark() == self.mark(seq)).then_some(block)
    }

    /// What such a head claims of a whole block of so many bytes, from this byte of the device on; nothing
    /// if it makes no sense.
    pub fn claim(&self, block: Block<'_>, (at, bytes): (u64, usize)) -> Option<Claim> {
        if !Self::head_makes_sense(block, bytes) {
            return None;
        }
        let (head, zeros) = (block.bytes, &[0; 4]);
        let high = u32::from_be_bytes(array(head, SUM_HIGH));
        let expected = u64::from(high) << 32 | u64::from(block.crc());
        let before = [&self.salt.0[..], &head[MAGIC..CRC], zeros, &head[SEQ..SUM_HIGH], zeros];
        Some(Claim::new(self.block, expected, &before, at + VERSION as u64..at + bytes as u64))
    }

    /// Whether the place of so many bytes at `at` may hold a block of any number: not if its checksum tells
    /// otherwise.
    pub fn may_be_whole(
        &self,
        device: &mut dyn BlockDevice,
        (at, bytes): (u64, usize),
    ) -> Result<bool, DeviceError> {
        if self.block == Checksum::None {
            return Ok(true);
        }
        let claims = |head: &[u8]| {
            let start = head.first_chunk().filter(|start| start[MAGIC..CRC] == MAGIC_BYTES)?;
            let block = Block { head: start, bytes: head, seq: Seq(0), shape: self.shape() };
            self.claim(block, (at, bytes))
        };
        device.is_whole(at, HEAD_BYTES, &claims)
    }

    /// What the block at a place, a sector and the byte it begins at, is, unless it is good so far as its
    /// checksum tells. What claims nothing is not looked at further: whether its other sectors can be read is
    /// of no matter. Without a checksum over all of it the sectors behind its entries are of none either.
    pub fn ask<'a>(
        &self,
        device: &mut dyn BlockDevice,
        (at, at_bytes): (Lba, u64),
        seq: Seq,
        (sector, scratch): (usize, &mut [u8]),
    ) -> Result<Asked<'a>, DeviceError> {
        let block_bytes = scratch.len();
        let ends_with_entries = self.ends_with_entries(sector, block_bytes);
        if !ends_with_entries && !self.can_be_asked(sector, block_bytes) {
            return Ok(Asked::Reads(block_bytes));
        }
        let place = Place { at, at_bytes, head_bytes: HEAD_BYTES, block_bytes };
        let first = &mut scratch[..sector];
        let is_one = |first: &[u8]| self.claimed(first, seq).is_some();
        let claims = |head: &[u8]| self.claim(self.claimed(head, seq)?, (at_bytes, block_bytes));
        if ends_with_entries {
            return self.ask_entries(device, (place, seq), first, &is_one);
        }
        place.ask(device, (first, sector), &is_one, &claims)
    }

    /// [`Variant::ask`], of a block without a checksum over all of it: its entries are asked for one by
    /// one, if they have checksums that tell.
    fn ask_entries<'a>(
        &self,
        device: &mut dyn BlockDevice,
        (place, seq): (Place, Seq),
        first: &mut [u8],
        is_one: &dyn Fn(&[u8]) -> bool,
    ) -> Result<Asked<'a>, DeviceError> {
        let Place { at, at_bytes, block_bytes, .. } = place;
        let sector = first.len();
        if !head_passes(device, (at, HEAD_BYTES), first, is_one)? {
            return place.if_readable(device, sector, Seen::Foreign).map(Asked::Is);
        }
        let head: [u8; HEAD_BYTES] = match device.peek(at, 0..HEAD_BYTES, first) {
            Ok(head) => array(head, 0),
            Err(DeviceError::Unreadable(_)) => return Ok(Asked::Is(Seen::Unreadable)),
            Err(error) => return Err(error),
        };
        let Some(block) = self.claimed(&head, seq) else { return Ok(Asked::Is(Seen::Foreign)) };
        if !Self::head_makes_sense(block, block_bytes) {
            return Ok(Asked::Is(Seen::Claims));
        }
        let end = HEAD_BYTES + usize::from(block.used());
        let needed = end.next_multiple_of(sector);
        if self.entry == Checksum::None || self.entries_hold(device, (at_bytes, seq), end)? {
            return Ok(Asked::Reads(needed));
        }
        place.if_readable(device, needed, Seen::Claims).map(Asked::Is)
    }

    /// Whether the entries of a block fill it up to `end`, each with its checksum.
    fn entries_hold(
        &self,
        device: &mut dyn BlockDevice,
        (at_bytes, seq): (u64, Seq),
        end: usize,
    ) -> Result<bool, DeviceError> {
        let (mark, width) = (self.mark(seq).to_be_bytes(), self.entry.bytes());
        let mut at = HEAD_BYTES;
        while at < end {
            let mut start = [0; TLV_BYTES];
            let place = at_bytes + at as u64;
            match bytes::read(device, place, &mut start) {
                Ok(()) => {}
                Err(DeviceError::Unreadable(_)) => return Ok(false),
                Err(error) => return Err(error),
            }
            let (size, kind) = (usize::from(start[0]), start[1]);
            let sizes = self.shape().overhead()..=TLV_MAX.min(end - at);
            if kind != TYPE_HASH || !sizes.contains(&size) {
                return Ok(false);
            }
            let covered = (size - width) as u64;
            let claims = |trailer: &[u8]| {
                let before = [&self.salt.0[..], &mark, &(at as u16).to_be_bytes()];
                Some(Claim::new(self.entry, stored(trailer), &before, place..place + covered))
            };
            if !device.is_whole(place + covered, width, &claims)? {
                return Ok(false);
            }
            at += size;
        }
        Ok(true)
    }
}
