//! Tails that stay open: the last block takes more entries, and is written again.
//!
//! The one idea: between two commits the open block stays in memory, so that the next commit begins
//! with it. *Rewrite* writes it over itself. *Ping-pong* writes it to two slots by turns, and to its
//! place once it is closed.
//!
//! A block of such a journal stands alone: FIRST and LAST of a commit cannot be kept, since entries
//! of two commits share a block. LAST says instead that the log ended here when this was written:
//! 1. Block 5 is the tail, with LAST, acknowledged.
//! 2. The next commit closes it with one more entry, without LAST, and begins block 6.
//! 3. The power goes. The new 5 is lost, 6 is there. Were 6 taken for the next block, the entry
//!    that 5 lacks would be missing in the middle of the log. The old 5 says LAST, and ends it.
//!
//! That is why a block that is on the disk without LAST is not opened again, unless it holds more
//! than counts: the block behind it could be there before its own next form is.
//!
//! Versions. Each writing of a block under one seq has a larger version, and the largest one that is
//! good counts, in its place or in a slot. A slot ends the log as LAST does.
//!
//! Commit rules: a record is the field `committed` of the tail, written with the next version after
//! the flush; a pointer says how many bytes of the tail's entries count. Either way recovery first
//! finds how far the log is committed, then walks again and hands out no more.
//!
//! Invariant: in ping-pong, no sector that holds something acknowledged is written over: a slot is
//! written only when the other slot, or the block's place, holds at least as much, flushed.
//!
//! What it is not: atomic under the rule flush. Part of a cut commit is shown then.

use super::codec::{Block, FIRST, Front, Head, LAST, Seen, see};
use super::layout::{Layout, Pointer, Seq};
use super::read::read;
use super::recover::Found;
use super::{BlockJournal, BlockOptions, Extra};
use crate::device::{BlockDevice, DeviceError, Durability, Write};
use crate::journal::{Damage, End, Entry, Error, Lsn};
use crate::rfc::header::{HEADER_BYTES, Header};
use crate::rfc::strategy::{CommitRule, TailWrite};

/// The last block of the log, which may take more.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tail {
    pub seq: Seq,
    /// Bytes of its entries that count.
    pub used: u16,
    /// How often it was written before.
    pub version: u32,
    /// What it is chained to.
    pub prev_crc: u32,
    /// Whether that form of it lies in a slot.
    pub in_slot: bool,
}

impl Extra {
    /// What the head of a pending block says, where the last one stays open.
    pub(super) fn open_head(&self, ordinal: u32, v9: Head) -> Head {
        let again = ordinal == 0;
        Head {
            durable_upto: v9.seq,
            flags: v9.flags & !FIRST,
            version: if again { self.tail_version } else { 0 },
            committed: if again { self.tail_committed } else { 0 },
            ..v9
        }
    }
}

impl BlockJournal {
    /// Whether something was appended since the last commit.
    pub(super) fn has_news(&self) -> bool {
        self.state.pending.blocks > 0 && self.state.pending.last != self.state.acked
    }

    /// Commits the pending blocks, of which there are some; the last one stays open.
    pub(super) fn write_open(&mut self, device: &mut dyn BlockDevice) -> Result<Lsn, Error> {
        let options = self.extra().options;
        let closed = u64::from(self.state.pending.blocks) - 1;
        let block_bytes = self.state.layout.block_bytes as usize;
        let (chain, open_bytes) = (self.state.pending.chain, self.buffer.len());
        self.close_block(LAST);
        if options.tail() == TailWrite::PingPong {
            if closed > 0 {
                self.write_home_and_slot(device, closed)?;
            } else {
                self.write_slot(device, closed, Durability::Cached)?;
            }
        } else {
            self.write_blocks(device, 0, closed + 1, Durability::Cached)?;
        }
        device.flush()?;
        // What was closed is done with: the buffer begins with the open block again.
        let state = &mut self.state;
        state.next = state.next.plus(closed);
        (state.pending.blocks, state.pending.chain, state.chain) = (1, chain, chain);
        let extra = self.extra_mut();
        let version = if closed == 0 { extra.tail_version } else { 0 };
        (extra.open, extra.tail_version, extra.tail_committed) = (true, version + 1, 0);
        let state = &self.state;
        let used = state.pending.used as u16;
        self.buffer.drain(..closed as usize * block_bytes);
        match options.commit() {
            CommitRule::Flush => {}
            rule @ (CommitRule::RecordAfterFlush | CommitRule::RecordFua) => {
                self.extra_mut().tail_committed = used;
                self.close_block(LAST);
                self.state.pending.chain = chain;
                let fua = rule == CommitRule::RecordFua;
                let durability = if fua { Durability::Fua } else { Durability::Cached };
                match options.tail() {
                    TailWrite::PingPong => self.write_slot(device, 0, durability)?,
                    _ => self.write_blocks(device, 0, 1, durability)?,
                }
                if !fua {
                    device.flush()?;
                }
                self.extra_mut().tail_version += 1;
            }
            CommitRule::Pointer => {
                let seq = self.state.next;
                self.point(device, Pointer { seq, used })?;
            }
        }
        self.buffer.truncate(open_bytes - closed as usize * block_bytes);
        self.state.acked = self.state.pending.last;
        Ok(self.state.acked)
    }

    /// The closed blocks to their places, the one behind them to the older slot, in one call.
    fn write_home_and_slot(
        &mut self,
        device: &mut dyn BlockDevice,
        closed: u64,
    ) -> Result<(), DeviceError> {
        let layout = self.state.layout;
        let block_bytes = layout.block_bytes as usize;
        let before = layout.unwrapped(self.state.next, closed);
        let (home, tail) = self.buffer.split_at(closed as usize * block_bytes);
        let (front, back) = home.split_at(before as usize * block_bytes);
        let slot = Write::cached(layout.slot_lba(self.extra().slot), tail);
        let first = Write::cached(layout.lba(self.state.next), front);
        if back.is_empty() {
            device.write(&[first, slot])?;
        } else {
            let at = layout.lba(self.state.next.plus(before));
            device.write(&[first, Write::cached(at, back), slot])?;
        }
        self.extra_mut().slot ^= 1;
        Ok(())
    }

    /// The pending block `ordinal` to the older slot.
    fn write_slot(
        &mut self,
        device: &mut dyn BlockDevice,
        ordinal: u64,
        durability: Durability,
    ) -> Result<(), DeviceError> {
        let block_bytes = self.state.layout.block_bytes as usize;
        let from = ordinal as usize * block_bytes;
        let data = &self.buffer[from..from + block_bytes];
        let at = self.state.layout.slot_lba(self.extra().slot);
        device.write(&[Write { at, data, durability }])?;
        self.extra_mut().slot ^= 1;
        Ok(())
    }
}

/// Room for a block.
type Room = [u8; HEADER_BYTES];

/// The tail slots as they were when they were read.
struct Slots {
    bytes: [Room; 2],
    /// Whether the bytes are those of a slot that can be read.
    there: [bool; 2],
}

/// What a walk needs to know.
pub(super) struct OpenLog<'a> {
    layout: &'a Layout,
    front: Front,
    slots: Option<Slots>,
}

/// Where a walk is, or has come to.
#[derive(Clone, Copy, Debug)]
struct Walk {
    /// The last block that is good.
    tail: Option<Tail>,
    /// How far the newest record commits.
    recorded: Pointer,
    /// The first place that is not good.
    stop: Seq,
    end: End,
    damage: Option<&'static str>,
}

/// A block, and whether it is a slot's.
#[derive(Clone, Copy)]
struct Choice<'a>(Block<'a>, bool);

impl<'a> OpenLog<'a> {
    /// Reads the slots, if there are any.
    pub fn new(
        device: &mut dyn BlockDevice,
        options: &BlockOptions,
        layout: &'a Layout,
        front: Front,
    ) -> Result<Self, DeviceError> {
        let mut slots = None;
        if options.tail() == TailWrite::PingPong {
            let mut read = Slots { bytes: [[0; HEADER_BYTES]; 2], there: [false; 2] };
            for which in 0..2 {
                let into = &mut read.bytes[which][..layout.block_bytes as usize];
                // What is not whole is no slot, and need not be read.
                let slot = (layout.slot_bytes(which as u64), into.len());
                if let Front::Variant(variant) = front
                    && !variant.may_be_whole(device, slot)?
                {
                    continue;
                }
                read.there[which] = match device.read(layout.slot_lba(which as u64), into) {
                    Ok(()) => true,
                    Err(DeviceError::Unreadable(_)) => false,
                    Err(error) => return Err(error),
                };
            }
            slots = Some(read);
        }
        Ok(OpenLog { layout, front, slots })
    }

    /// The newest slot that holds the block `seq`, chained to `prev_crc`.
    fn slot(&self, seq: Seq, prev_crc: u32) -> Option<Block<'_>> {
        let slots = self.slots.as_ref()?;
        let blocks = (0..2).filter(|&which| slots.there[which]).filter_map(|which| {
            let bytes = &slots.bytes[which][..self.layout.block_bytes as usize];
            match see::<false>(bytes, seq, self.front) {
                // The mark of a slot need not name its seq; this field does.
                Seen::Good(block) if block.durable_upto() == seq => Some(block),
                _ => None,
            }
        });
        blocks.filter(|block| block.prev_crc() == prev_crc).max_by_key(|block| block.version())
    }

    /// The newest good form of the block `seq`, chained to `prev_crc`.
    ///
    /// # Errors
    /// What stands there instead, told as [`Seen`].
    fn newest<'b>(
        &'b self,
        device: &'b mut dyn BlockDevice,
        seq: Seq,
        prev_crc: u32,
        scratch: &'b mut Room,
    ) -> Result<Result<Choice<'b>, Seen<'b>>, DeviceError> {
        let slot = self.slot(seq, prev_crc);
        let home = read::<false>(device, self.layout, seq, self.front, scratch)?;
        Ok(match (home, slot) {
            (Seen::Good(home), Some(slot)) if slot.version() > home.version() => {
                Ok(Choice(slot, true))
            }
            (Seen::Good(home), _) if home.prev_crc() == prev_crc => Ok(Choice(home, false)),
            (_, Some(slot)) => Ok(Choice(slot, true)),
            (Seen::Good(_), None) => Err(Seen::Claims),
            (other, None) => Err(other),
        })
    }

    /// Walks the blocks from the start to the last one that is good, or to `end`.
    fn walk(
        &self,
        device: &mut dyn BlockDevice,
        header: &Header,
        visit: &mut dyn FnMut(Block<'_>),
    ) -> Result<Walk, DeviceError> {
        let mut scratch = [0; HEADER_BYTES];
        let mask = self.front.chain_mask();
        let mut walk = Walk {
            tail: None,
            recorded: Pointer { seq: Seq(header.start_seq), used: 0 },
            stop: Seq(header.start_seq),
            end: End::AreaEnd,
            damage: None,
        };
        let mut prev_crc = header.start_prev_crc;
        let lap_end = Seq(header.start_seq).plus(u64::from(self.layout.nblocks));
        while walk.stop < lap_end {
            let seq = walk.stop;
            let Choice(block, in_slot) = match self.newest(device, seq, prev_crc, &mut scratch)? {
                Ok(choice) => choice,
                Err(seen) => {
                    (walk.end, walk.damage) = match seen {
                        Seen::Unreadable => (End::Torn, Some("the next block cannot be read")),
                        Seen::Claims => (End::Torn, None),
                        _ => (End::Clean, None),
                    };
                    return Ok(walk);
                }
            };
            visit(block);
            let (used, version) = (block.used(), block.version());
            walk.tail = Some(Tail { seq, used, version, prev_crc, in_slot });
            if block.committed() > 0 {
                walk.recorded = Pointer { seq, used: block.committed() };
            }
            prev_crc = block.crc() & mask;
            walk.stop = seq.plus(1);
            if in_slot || block.is_last() {
                walk.end = End::Clean;
                return Ok(walk);
            }
        }
        Ok(walk)
    }

    /// Hands out what survived, and tells how the log ended.
    pub fn recover(
        &self,
        device: &mut dyn BlockDevice,
        rule: CommitRule,
        header: &Header,
        replay: &mut dyn FnMut(Entry<'_>),
    ) -> Result<(Found, Option<Tail>), Error> {
        let walk = self.walk(device, header, &mut |_| ())?;
        let walked = walk.tail.map_or(Pointer { seq: walk.stop, used: 0 }, |tail| Pointer {
            seq: tail.seq,
            used: tail.used,
        });
        let (mut end, mut damage) = (walk.end, walk.damage.map(|what| (walk.stop, what, false)));
        let counts = match rule {
            CommitRule::Flush => walked,
            CommitRule::RecordAfterFlush | CommitRule::RecordFua => walk.recorded,
            CommitRule::Pointer => {
                let pointer = Pointer::of(header.pointer);
                let reached = pointer <= walked || (pointer.seq, pointer.used) == (walk.stop, 0);
                (end, damage) = if reached {
                    (End::Clean, None)
                } else {
                    let what = "entries before the commit pointer are not there";
                    (End::Torn, Some((walk.stop, what, true)))
                };
                pointer.min(walked)
            }
        };
        let (mut entries, mut last) = (0, Lsn(0));
        let (mut tail, mut last_block) = (None, None);
        self.walk(device, header, &mut |block| {
            let seq = block.seq();
            if seq > counts.seq || (seq == counts.seq && counts.used == 0) {
                return;
            }
            let used = if seq == counts.seq { counts.used } else { block.used() };
            for (index, payload) in block.payloads_in(used).enumerate() {
                last = BlockJournal::name(seq.0, index as u64);
                entries += 1;
                replay(Entry { lsn: last, payload });
            }
            let (version, prev_crc) = (block.version(), block.prev_crc());
            let in_slot = walk.tail.is_some_and(|last| last.seq == seq && last.in_slot);
            last_block = Some((seq, block.crc() & self.front.chain_mask()));
            let takes_more = in_slot || block.is_last() || used < block.used();
            tail = takes_more.then_some(Tail { seq, used, version, prev_crc, in_slot });
        })?;
        let damage = damage.map(|(seq, what, proven)| Damage {
            at_bytes: self.layout.at_bytes(seq),
            proven,
            what,
        });
        let start = Seq(header.start_seq);
        let (next, behind) = match last_block {
            Some((seq, link)) => (seq.plus(1), link),
            None => (start, header.start_prev_crc),
        };
        let chain = tail.map_or(behind, |tail| tail.prev_crc);
        let found = Found { next, stop: walk.stop, chain, last, entries, end, damage };
        Ok((found, tail))
    }

    /// Shows each block with the byte it lies at, and says whether the log ends with the last one,
    /// and which block would be next.
    pub fn each(
        &self,
        device: &mut dyn BlockDevice,
        header: &Header,
        show: &mut dyn FnMut(u64, Block<'_>),
    ) -> Result<(bool, Seq), DeviceError> {
        let mut last = false;
        let walk = self.walk(device, header, &mut |block| {
            let in_slot = (0..2).find(|&which| {
                let slot = self.slots.as_ref().map(|slots| &slots.bytes[which]);
                slot.is_some_and(|bytes| core::ptr::eq(bytes.as_ptr(), block.bytes().as_ptr()))
            });
            last = in_slot.is_some() || block.is_last();
            let home = self.layout.at_bytes(block.seq());
            show(in_slot.map_or(home, |which| self.layout.slot_bytes(which as u64)), block);
        })?;
        Ok((last, walk.stop))
    }

    /// Shows a block that recovery has shown, again.
    ///
    /// # Errors
    /// [`Error::Refused`] if it is not there any more.
    pub fn again<T>(
        &self,
        device: &mut dyn BlockDevice,
        seq: Seq,
        prev_crc: u32,
        with: impl FnOnce(Block<'_>) -> T,
    ) -> Result<T, Error> {
        match self.newest(device, seq, prev_crc, &mut [0; HEADER_BYTES])? {
            Ok(Choice(block, _)) => Ok(with(block)),
            Err(_) => {
                let what = "a block that was shown and has changed since";
                Err(Error::Refused { what, at_bytes: self.layout.at_bytes(seq) })
            }
        }
    }
}
