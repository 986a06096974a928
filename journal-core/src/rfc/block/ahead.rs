//! Behind the stop of a recovery: whether good blocks follow, and what they say of it.
//!
//! Method. The look-ahead wants no chain, since the chain is broken at the stop. It ends at the first
//! proof; at W blocks, because the writer never has more than W blocks unflushed, so that the
//! commit after a flushed stop begins among them; and at the end of the lap, since places beyond
//! it were already seen to hold other numbers.
//!
//! Blocks of one sector, but V9's, are asked for all together ([`BlockDevice::any`]): is any good, and if
//! so, does any prove that the stop had been flushed? Which one it is makes no difference, and a device
//! that is not asked need not say. (Of V9's several often prove, and the second question would be asked
//! sector by sector, having forgotten what the first one told.) Of blocks of several sectors each is one
//! question ([`BlockDevice::is_whole`]): is it whole? Why one is not makes no difference.
//!
//! Invariant: reads only, and tells no more of the blocks than whether one is good, and one a proof.
//!
//! What it is not: a walk. What is found here is not handed out.

use super::codec::{Block, Front, HEAD_BYTES, Seen, claimed, see, v9_claim};
use super::layout::Seq;
use super::read::{head_passes, read};
use super::recover::Walk;
use crate::device::{BlockDevice, DeviceError};

/// Where the look-ahead is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ahead {
    next: Seq,
    /// A good block was seen: what is looked for now is a proof.
    seen_good: bool,
}

impl Ahead {
    /// Right behind a stop.
    pub fn behind(stop: Seq) -> Ahead {
        Ahead { next: stop.plus(1), seen_good: false }
    }
}

impl Walk {
    /// Looks at all blocks behind the stop, of V9. A good one is looked for by itself, since what was learned
    /// of the ones before it need not be asked again.
    pub(super) fn look_ahead(
        &mut self,
        device: &mut dyn BlockDevice,
        scratch: &mut [u8],
    ) -> Result<(), DeviceError> {
        let (stop, end) = (self.cursor.seq, self.ahead_end());
        let behind = (stop.plus(1), end);
        let good = self.first_behind::<true>(device, scratch, behind, |_| true)?;
        let Some(good) = good else { return Ok(()) };
        let proves = |block: Block<'_>| block.durable_upto() > stop;
        self.seen.proof =
            self.first_behind::<true>(device, scratch, (good, end), proves)?.is_some();
        self.seen.later = !self.seen.proof;
        Ok(())
    }

    /// A step of looking ahead at another point than V9: all of it, or one block of several sectors, of
    /// which several may be torn. True when all was looked at.
    pub(super) fn look_at(
        &mut self,
        ahead: &mut Ahead,
        device: &mut dyn BlockDevice,
        scratch: &mut [u8],
    ) -> Result<bool, DeviceError> {
        let (stop, end) = (self.cursor.seq, self.ahead_end());
        let proves = |block: Block<'_>| block.durable_upto() > stop;
        if self.layout.is_read_whole() {
            // A log usually ends where nothing good follows: one question.
            let behind = (ahead.next, end);
            let good = self.any_behind(device, scratch, behind, |_| true)?;
            self.seen.proof = good && self.any_behind(device, scratch, behind, proves)?;
            self.seen.later = good && !self.seen.proof;
            return Ok(true);
        }
        let at = ahead.next;
        if at >= end {
            self.seen.later = ahead.seen_good;
            return Ok(true);
        }
        let range = (at, at.plus(1));
        if !ahead.seen_good {
            let good = self.first_behind::<false>(device, scratch, range, |_| true)?;
            ahead.seen_good = good.is_some();
            if ahead.seen_good {
                // The same block once more: does it prove anything?
                return Ok(false);
            }
        } else {
            self.seen.proof = self.first_behind::<false>(device, scratch, range, proves)?.is_some();
        }
        ahead.next = at.plus(1);
        Ok(self.seen.proof)
    }

    /// Behind the last block that may be unflushed.
    fn ahead_end(&self) -> Seq {
        let window = u64::from(self.layout.window);
        self.cursor.seq.plus(window + 1).min(self.lap_end())
    }

    /// The first of the blocks from `from` to `end` that is good and `says` so.
    fn first_behind<const V9: bool>(
        &self,
        device: &mut dyn BlockDevice,
        scratch: &mut [u8],
        (mut from, end): (Seq, Seq),
        says: impl Fn(Block<'_>) -> bool,
    ) -> Result<Option<Seq>, DeviceError> {
        let (layout, front) = (self.layout, self.front);
        let scratch = &mut scratch[..layout.block_bytes as usize];
        let sector = layout.logical_bytes() as usize;
        // A block of several sectors is whole, as far as its checksum tells, or it is not.
        let block_bytes = scratch.len();
        let by_its_claim = match front {
            Front::V9(..) => V9 && (HEAD_BYTES..=block_bytes).contains(&sector),
            Front::Variant(variant) => variant.can_be_asked(sector, block_bytes),
        } && !layout.is_read_whole();
        while by_its_claim && from < end {
            let at_bytes = layout.at_bytes(from);
            let claims = |head: &[u8]| match front {
                Front::V9(_, salt) => {
                    let block = claimed(head, from).filter(|&block| says(block))?;
                    Some(v9_claim(salt, block, (at_bytes, block_bytes)))
                }
                Front::Variant(variant) => {
                    let block = variant.claimed(head, from).filter(|&block| says(block))?;
                    variant.claim(block, (at_bytes, block_bytes))
                }
            };
            if device.is_whole(at_bytes, front.head_bytes(), &claims)?
                && let Seen::Good(block) = read::<V9>(device, &layout, from, front, scratch)?
                && says(block)
            {
                return Ok(Some(from));
            }
            from = from.plus(1);
        }
        // Of one without a checksum over all of it what is there is read, up to its last entry.
        while let Front::Variant(variant) = front
            && variant.ends_with_entries(sector, block_bytes)
            && !layout.is_read_whole()
            && from < end
        {
            let claims = |head: &[u8]| variant.claimed(head, from).is_some_and(&says);
            let head = (layout.lba(from), front.head_bytes());
            if head_passes(device, head, &mut scratch[..sector], &claims)?
                && let Seen::Good(block) = read::<V9>(device, &layout, from, front, scratch)?
                && says(block)
            {
                return Ok(Some(from));
            }
            from = from.plus(1);
        }
        while from < end {
            let stretch = layout.unwrapped(from, end.0 - from.0);
            let good =
                |number: u64, bytes: &[u8]| is_good::<V9>(bytes, from.plus(number), front, &says);
            if let Some(number) = device.find(layout.lba(from), stretch, scratch, &good)? {
                return Ok(Some(from.plus(number)));
            }
            from = from.plus(stretch);
        }
        Ok(None)
    }

    /// Whether any of the blocks from `from` to `end`, of a sector each and not V9's, is good and `says` so.
    fn any_behind(
        &self,
        device: &mut dyn BlockDevice,
        scratch: &mut [u8],
        (mut from, end): (Seq, Seq),
        says: impl Fn(Block<'_>) -> bool,
    ) -> Result<bool, DeviceError> {
        let (layout, front) = (self.layout, self.front);
        let scratch = &mut scratch[..layout.block_bytes as usize];
        while from < end {
            let stretch = layout.unwrapped(from, end.0 - from.0);
            let good = |number: u64, bytes: &[u8]| {
                is_good::<false>(bytes, from.plus(number), front, &says)
            };
            if device.any(layout.lba(from), stretch, scratch, &good)? {
                return Ok(true);
            }
            from = from.plus(stretch);
        }
        Ok(false)
    }
}

/// Whether bytes are the block `seq`, and it `says` so.
fn is_good<const V9: bool>(
    bytes: &[u8],
    seq: Seq,
    front: Front,
    says: impl Fn(Block<'_>) -> bool,
) -> bool {
    match see::<V9>(bytes, seq, front) {
        Seen::Good(block) => says(block),
        _ => false,
    }
}
