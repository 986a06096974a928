//! The two tail slots of the ping-pong journal.
//!
//! The log is written in units of `U` bytes, the physical sector. A unit that is full lies in its
//! place in the area, its "home", and is written there once. The tail's unit, not yet full, lies in
//! a slot: commit `n` writes slot `n & 1`.
//!
//! Byte table of a slot, big-endian; slots of 8192 bytes each, behind the header pair if there is one:
//!
//! | offset | bytes | field |
//! |---|---|---|
//! | 0 | 8 | magic "QJRNLpp\0" |
//! | 8 | 8 | n, counted from 1 in each generation |
//! | 16 | 8 | home: offset in the log of the unit's first byte |
//! | 24 | 4 | used: bytes of the unit that follow, 1 to 4096 |
//! | 28 | 4 | zero |
//! | 32 | 8 | checksum (the strategy's) over salt, bytes 0..32, bytes 40..40+used |
//! | 40 | used | the first `used` bytes of the unit |
//!
//! The one idea: what was acknowledged is never in a sector that is being written.
//! 1. Commit 6 put the tail into slot 0 and returned: entries A, B are acknowledged.
//! 2. C is appended; A, B, C do not fill the unit; commit 7 writes slot 1. The power goes.
//! 3. Slot 1 is torn, unreadable, or ruined with its whole physical sector: slot 0 still has A, B.
//! 4. Or else C, D, E fill the unit: commit 7 writes it home for the first time, and the next
//!    unit's beginning to slot 1. The home is torn: its first bytes, A and B, come from slot 0.
//! 5. Only commit 8 writes over slot 0, after the flush of commit 7 made slot 1 and home durable.
//!
//! Invariant: between two flushes at most one slot is written, and never the newer one.
//!
//! What it is not: dependent on `U` when read. A slot says what it covers, so a disk that reports
//! another physical sector size after a move is still recovered.

use alloc::vec;
use alloc::vec::Vec;

use crate::bytes;
use crate::checksum::Checksum;
use crate::claim::Claim;
use crate::device::{BlockDevice, DeviceError, Lba};
use crate::rfc::entry::{CLUSTER_BYTES, LogOffset};
use crate::rfc::header::Salt;

/// Bytes of a slot on the device: a full unit of 4096 and the fields before it, in whole 4096s.
pub(super) const SLOT_BYTES: u64 = 8192;

const MAGIC_BYTES: [u8; 8] = *b"QJRNLpp\0";
const MAGIC: usize = 0;
const NUMBER: usize = MAGIC + 8;
const HOME: usize = NUMBER + 8;
const USED: usize = HOME + 8;
const ZERO: usize = USED + 4;
const SUM: usize = ZERO + 4;
/// Bytes in front of the tail's.
pub(super) const FIELDS: usize = SUM + 8;
const _: () = assert!(FIELDS == 40 && FIELDS + CLUSTER_BYTES as usize <= SLOT_BYTES as usize);

/// The first byte of slot `number & 1`.
pub(super) const fn byte(slots_from: u64, number: u64) -> u64 {
    slots_from + (number & 1) * SLOT_BYTES
}

/// Its first sector.
pub(super) const fn lba(slots_from: u64, number: u64, sector_bytes: u32) -> Lba {
    Lba(byte(slots_from, number) / sector_bytes as u64)
}

fn checksum(sum: Checksum, salt: Salt, fields: &[u8], tail: &[u8]) -> u64 {
    sum.of(&[&salt.0, &fields[..SUM], tail])
}

/// Writes slot `number` for the first bytes of a unit to the front of `into`, and returns the bytes
/// used; behind them nothing is changed.
pub(super) fn encode(
    sum: Checksum,
    salt: Salt,
    number: u64,
    home: LogOffset,
    tail: &[u8],
    into: &mut [u8],
) -> usize {
    let end = FIELDS + tail.len();
    into[MAGIC..NUMBER].copy_from_slice(&MAGIC_BYTES);
    into[NUMBER..HOME].copy_from_slice(&number.to_be_bytes());
    into[HOME..USED].copy_from_slice(&home.0.to_be_bytes());
    into[USED..ZERO].copy_from_slice(&(tail.len() as u32).to_be_bytes());
    into[ZERO..SUM].fill(0);
    into[FIELDS..end].copy_from_slice(tail);
    let value = checksum(sum, salt, into, tail);
    into[SUM..FIELDS].copy_from_slice(&value.to_be_bytes());
    end
}

/// The facts of a valid slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Slot {
    pub number: u64,
    pub home: LogOffset,
    pub used: usize,
}

impl Slot {
    /// Behind the last byte it covers.
    pub const fn end(&self) -> LogOffset {
        self.home.plus(self.used)
    }
}

/// What both slots hold.
#[derive(Debug)]
pub(super) struct Tails([Option<(Slot, Vec<u8>)>; 2]);

impl Tails {
    /// Reads both slots; one that is not valid in this generation counts for nothing.
    ///
    /// # Errors
    /// The device's, other than unreadable sectors.
    pub fn read(
        device: &mut dyn BlockDevice,
        slots_from: u64,
        keyed: (Checksum, Salt),
    ) -> Result<Self, DeviceError> {
        let even = read_slot(device, slots_from, keyed, 0)?;
        let odd = read_slot(device, slots_from, keyed, 1)?;
        Ok(Tails([even, odd]))
    }

    /// The slots, in their places.
    pub fn slots(&self) -> [Option<Slot>; 2] {
        self.0.each_ref().map(|slot| slot.as_ref().map(|(slot, _)| *slot))
    }

    fn newest(&self) -> Option<usize> {
        match self.slots() {
            [Some(even), Some(odd)] => Some(usize::from(odd.number > even.number)),
            [Some(_), None] => Some(0),
            [None, Some(_)] => Some(1),
            [None, None] => None,
        }
    }

    /// Behind the last byte that the newest slot covers.
    pub fn newest_end(&self) -> Option<LogOffset> {
        self.newest().and_then(|which| self.slots()[which]).map(|slot| slot.end())
    }

    /// Up to where the log was acknowledged for certain: slot `n` is begun only after the flush
    /// that made slot `n - 1` and everything before it durable.
    pub fn acknowledged_to(&self) -> Option<LogOffset> {
        let [Some(even), Some(odd)] = self.slots() else { return None };
        let (older, newer) = if odd.number > even.number { (even, odd) } else { (odd, even) };
        (older.number + 1 == newer.number).then(|| older.end())
    }

    /// Bytes of the log from `base` on, at most `max`, if a slot has them; the newer slot is asked
    /// first, since both may hold the same unit and it then holds more of it.
    pub fn bytes_from(&self, base: LogOffset, max: usize) -> Option<&[u8]> {
        let newest = self.newest()?;
        [newest, 1 - newest].into_iter().find_map(|which| {
            let (slot, bytes) = self.0[which].as_ref()?;
            if base < slot.home || base >= slot.end() {
                return None;
            }
            let from = (base.0 - slot.home.0) as usize;
            let to = slot.used.min(from + max);
            Some(&bytes[from..to])
        })
    }
}

fn read_slot(
    device: &mut dyn BlockDevice,
    slots_from: u64,
    keyed: (Checksum, Salt),
    which: u64,
) -> Result<Option<(Slot, Vec<u8>)>, DeviceError> {
    match slot_at(device, byte(slots_from, which), keyed) {
        // A number from the other place was never written here.
        Ok(found) => Ok(found.filter(|(slot, _)| slot.number & 1 == which)),
        Err(DeviceError::Unreadable(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

/// The slot that begins at a byte of the device, whichever it is, and the bytes that it has of its unit.
fn slot_at(
    device: &mut dyn BlockDevice,
    at_bytes: u64,
    (sum, salt): (Checksum, Salt),
) -> Result<Option<(Slot, Vec<u8>)>, DeviceError> {
    // Whether it is whole is asked before it is read.
    let claims = |fields: &[u8]| {
        let (used, expected) = (facts(fields)?.used as u64, u64_at(fields, SUM));
        let from = at_bytes + FIELDS as u64;
        Some(Claim::new(sum, expected, &[&salt.0, &fields[..SUM]], from..from + used))
    };
    if sum != Checksum::None && !device.is_whole(at_bytes, FIELDS, &claims)? {
        return Ok(None);
    }
    let mut fields = [0; FIELDS];
    bytes::read(device, at_bytes, &mut fields)?;
    let Some(slot) = facts(&fields) else { return Ok(None) };
    let mut tail = vec![0; slot.used];
    bytes::read(device, at_bytes + FIELDS as u64, &mut tail)?;
    let holds =
        sum != Checksum::None || u64_at(&fields, SUM) == checksum(sum, salt, &fields, &tail);
    Ok(holds.then_some((slot, tail)))
}

/// What fields say, if they are of a slot. Before the checksum nothing is believed: this only keeps the
/// arithmetic in bounds.
fn facts(fields: &[u8]) -> Option<Slot> {
    let (number, home) = (u64_at(fields, NUMBER), LogOffset(u64_at(fields, HOME)));
    let used = u64_at(fields, USED) >> 32;
    let fits = (1..=u64::from(CLUSTER_BYTES)).contains(&used) && home.0.checked_add(used).is_some();
    let is_slot = fields[MAGIC..NUMBER] == MAGIC_BYTES && fits;
    is_slot.then_some(Slot { number, home, used: used as usize })
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    let mut array = [0; 8];
    array.copy_from_slice(&bytes[at..at + 8]);
    u64::from_be_bytes(array)
}
