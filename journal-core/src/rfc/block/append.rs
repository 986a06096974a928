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

use super::BlockJournal;
use super::codec::{FIRST, HEAD_BYTES, Head, LAST, PAYLOAD_MAX, TLV_BYTES, seal, tlv};
use super::layout::Seq;
use crate::device::{BlockDevice, Write};
use crate::journal::{Error, Lsn};

impl BlockJournal {
    /// Adds an entry to the open block, or to a new one.
    pub(super) fn put(&mut self, payload: &[u8]) -> Result<Lsn, Error> {
        if payload.len() > PAYLOAD_MAX {
            let bytes = payload.len() as u64;
            return Err(Error::PayloadSize { bytes, min: 0, max: PAYLOAD_MAX as u32 });
        }
        let room = self.state.layout.block_bytes as usize - HEAD_BYTES;
        let size = TLV_BYTES + payload.len();
        if self.state.pending.blocks == 0 || self.state.pending.used as usize + size > room {
            self.open_block()?;
        }
        let pending = &mut self.state.pending;
        let block = self.state.next.0 + u64::from(pending.blocks) - 1 - self.state.renumbered;
        pending.last = Self::name(block, pending.index);
        pending.index += 1;
        pending.used += size as u32;
        self.buffer.extend_from_slice(&tlv(payload));
        self.buffer.extend_from_slice(payload);
        Ok(pending.last)
    }

    /// Closes the open block, if there is one, and opens the next. Refuses before it changes
    /// anything.
    fn open_block(&mut self) -> Result<(), Error> {
        let state = &self.state;
        let block_bytes = u64::from(state.layout.block_bytes);
        let pending = u64::from(state.pending.blocks);
        let live = state.next.0 - state.header.start_seq + pending;
        let free = state.layout.live_max().saturating_sub(live);
        let window = u64::from(state.layout.window) - pending;
        if free == 0 || window == 0 || state.next.plus(pending) >= Seq::MAX {
            return Err(Error::Full { needed: block_bytes, free: free.min(window) * block_bytes });
        }
        if pending == 0 {
            self.buffer.clear();
            self.state.pending.chain = self.state.chain;
        } else {
            self.close_block(0);
        }
        let pending = &mut self.state.pending;
        (pending.blocks, pending.used, pending.index) = (pending.blocks + 1, 0, 0);
        self.buffer.reserve(block_bytes as usize);
        self.buffer.extend_from_slice(&[0; HEAD_BYTES]);
        Ok(())
    }

    /// Pads and seals the open block. Its place in the chain is known, since the blocks of a
    /// commit follow each other.
    fn close_block(&mut self, flags: u16) {
        let state = &mut self.state;
        let block_bytes = state.layout.block_bytes as usize;
        let ordinal = state.pending.blocks - 1;
        let start = ordinal as usize * block_bytes;
        self.buffer.resize(start + block_bytes, 0xff);
        let head = Head {
            seq: state.next.plus(u64::from(ordinal)),
            // Everything before this commit was flushed, nothing of it is.
            durable_upto: state.next,
            used: state.pending.used as u16,
            flags: if ordinal == 0 { flags | FIRST } else { flags },
            prev_crc: state.pending.chain,
        };
        state.pending.chain = seal(&mut self.buffer[start..], head, state.front);
    }

    /// Writes and flushes the pending blocks, of which there are some.
    pub(super) fn write_commit(&mut self, device: &mut dyn BlockDevice) -> Result<Lsn, Error> {
        self.close_block(LAST);
        let state = &mut self.state;
        let (layout, next) = (state.layout, state.next);
        let blocks = u64::from(state.pending.blocks);
        let before = layout.unwrapped(next, blocks);
        let (front, back) = self.buffer.split_at(before as usize * layout.block_bytes as usize);
        let first = Write::cached(layout.lba(next), front);
        if back.is_empty() {
            device.write(&[first])?;
        } else {
            let second = Write::cached(layout.lba(next.plus(before)), back);
            device.write(&[first, second])?;
        }
        device.flush()?;
        state.next = next.plus(blocks);
        state.chain = state.pending.chain;
        state.acked = state.pending.last;
        state.pending.blocks = 0;
        Ok(state.acked)
    }
}
