//! Append and commit.
//!
//! The one idea: a commit owns its blocks. Entries are packed into as many blocks as they need,
//! the rest of the last one is padding, and the next commit begins a new block. What the padding
//! costs in space buys that no acknowledged byte is ever read, changed and written back:
//! 1. entry 1 is acknowledged in a block that has room left;
//! 2. entry 2 is put into that room, and the block is rewritten;
//! 3. the power goes in the middle of that write, and the sector is lost, entry 1 with it.
//!
//! Invariant: a commit is one device write (two commands where the ring wraps) and one flush, of
//! at most W blocks, and never so many that the live blocks would not fit twice into the area.
//!
//! What it is not: a place that repairs. After a failed write or flush the journal is poisoned:
//! 1. the flush fails, and the device drops what it could not write;
//! 2. a second flush finds nothing to do and succeeds;
//! 3. taking that for durability would acknowledge entries that are gone.

use super::codec::{FIRST, Front, Head, LAST, TLV_MAX, seal, tlv};
use super::layout::Seq;
use super::{BlockJournal, State};
use crate::device::{BlockDevice, DeviceError, Durability, Write};
use crate::journal::{Error, Lsn};

impl State {
    /// What the head of a pending block says.
    fn head(&self, ordinal: u32, flags: u16) -> Head {
        Head {
            seq: self.next.plus(u64::from(ordinal)),
            // Everything before this commit was flushed, nothing of it is.
            durable_upto: self.next,
            used: self.pending.used as u16,
            flags: if ordinal == 0 { flags | FIRST } else { flags },
            prev_crc: self.pending.chain,
            version: 0,
            committed: 0,
        }
    }
}

impl BlockJournal {
    /// Adds an entry to the open block, or to a new one.
    pub(super) fn put(&mut self, payload: &[u8]) -> Result<Lsn, Error> {
        let front = self.front();
        let size = front.overhead() + payload.len();
        if size > TLV_MAX {
            let (bytes, max) = (payload.len() as u64, (TLV_MAX - front.overhead()) as u32);
            return Err(Error::PayloadSize { bytes, min: 0, max });
        }
        let block_bytes = self.state.layout.block_bytes as usize;
        let place = |used: u32| front.place(used as usize, size, block_bytes);
        let at = match (self.state.pending.blocks, place(self.state.pending.used)) {
            (1.., Some(at)) => at,
            _ => {
                self.open_block()?;
                place(0).expect("an empty block has room for any entry")
            }
        };
        let pending = &mut self.state.pending;
        let ordinal = u64::from(pending.blocks) - 1;
        let seq = self.state.next.plus(ordinal);
        pending.last = Self::name(seq.0 - self.state.renumbered, pending.index);
        pending.index += 1;
        pending.used = (at + size - front.head_bytes()) as u32;
        match front {
            Front::V9(..) => {
                self.buffer.extend_from_slice(&tlv(payload));
                self.buffer.extend_from_slice(payload);
            }
            Front::Variant(variant) => {
                self.buffer.resize(ordinal as usize * block_bytes + at, 0xff);
                variant.put(seq, at, payload, &mut self.buffer);
            }
        }
        Ok(pending.last)
    }

    /// Closes the open block, if there is one, and opens the next. Refuses before it changes
    /// anything.
    fn open_block(&mut self) -> Result<(), Error> {
        let state = &self.state;
        let block_bytes = u64::from(state.layout.block_bytes);
        let pending = u64::from(state.pending.blocks);
        // Besides the data blocks of a commit.
        let extra = match &self.extra {
            None => 0,
            Some(extra) => extra.sealing_blocks(state, pending + 1),
        };
        let live = state.next.0 - state.header.start_seq + pending + extra;
        let free = state.layout.live_max().saturating_sub(live);
        let window = u64::from(state.layout.window).saturating_sub(pending + extra);
        if free == 0 || window == 0 || state.next.plus(pending) >= Seq::MAX {
            return Err(Error::Full { needed: block_bytes, free: free.min(window) * block_bytes });
        }
        self.next_block();
        Ok(())
    }

    /// Closes the open block, if there is one, and opens the next.
    #[inline(always)]
    pub(super) fn next_block(&mut self) {
        if self.state.pending.blocks == 0 {
            self.buffer.clear();
            self.state.pending.chain = self.state.chain;
            if let Some(extra) = &mut self.extra {
                (extra.tail_version, extra.tail_committed) = (0, 0);
            }
        } else {
            self.close_block(0);
        }
        let head_bytes = self.front().head_bytes();
        let pending = &mut self.state.pending;
        (pending.blocks, pending.used, pending.index) = (pending.blocks + 1, 0, 0);
        self.buffer.reserve(self.state.layout.block_bytes as usize);
        let len = self.buffer.len();
        self.buffer.resize(len + head_bytes, 0);
    }

    /// Pads and seals the open block. Its place in the chain is known, since the blocks of a
    /// commit follow each other.
    pub(super) fn close_block(&mut self, flags: u16) {
        let block_bytes = self.state.layout.block_bytes as usize;
        let ordinal = self.state.pending.blocks - 1;
        let start = ordinal as usize * block_bytes;
        self.buffer.resize(start + block_bytes, 0xff);
        let mut head = self.state.head(ordinal, flags);
        if let Some(extra) = &self.extra {
            head = extra.head(ordinal, head);
        }
        let front = self.front();
        self.state.pending.chain = seal(&mut self.buffer[start..], head, front);
    }

    /// Writes and flushes the pending blocks, of which there are some.
    pub(super) fn write_commit(&mut self, device: &mut dyn BlockDevice) -> Result<Lsn, Error> {
        self.close_block(LAST);
        let blocks = u64::from(self.state.pending.blocks);
        self.write_run(device, 0, blocks, Durability::Cached)?;
        device.flush()?;
        Ok(self.committed(blocks))
    }

    /// Writes the pending blocks `from .. to` in one call.
    pub(super) fn write_blocks(
        &self,
        device: &mut dyn BlockDevice,
        from: u64,
        to: u64,
        durability: Durability,
    ) -> Result<(), DeviceError> {
        self.write_run(device, from, to, durability)
    }

    /// The same, for the one caller that is hot.
    #[inline(always)]
    fn write_run(
        &self,
        device: &mut dyn BlockDevice,
        from: u64,
        to: u64,
        durability: Durability,
    ) -> Result<(), DeviceError> {
        let (layout, next) = (self.state.layout, self.state.next.plus(from));
        let block_bytes = layout.block_bytes as usize;
        let before = layout.unwrapped(next, to - from);
        let blocks = &self.buffer[from as usize * block_bytes..to as usize * block_bytes];
        let (front, back) = blocks.split_at(before as usize * block_bytes);
        let first = Write { at: layout.lba(next), data: front, durability };
        if back.is_empty() {
            device.write(&[first])
        } else {
            let at = layout.lba(next.plus(before));
            device.write(&[first, Write { at, data: back, durability }])
        }
    }

    /// The pending blocks are durable, and closed.
    pub(super) fn committed(&mut self, blocks: u64) -> Lsn {
        let state = &mut self.state;
        state.next = state.next.plus(blocks);
        state.chain = state.pending.chain;
        state.acked = state.pending.last;
        state.pending.blocks = 0;
        state.acked
    }
}
