//! New generations, and the start of the log.
//!
//! The one idea: whatever lies behind the end of the log must never join it, so every life begins
//! with a new salt:
//! 1. a commit of blocks 5 and 6 is cut: 6 is on the disk, 5 is not, and recovery ends at 5;
//! 2. the next life commits the same entries in 5, and the chain now leads to the old 6;
//! 3. after the next cut entries of a commit that was never acknowledged, and that an earlier
//!    recovery did not show, are back.
//!
//! *Forget* is a header: new salt, start behind the survivors. *Carry* writes the survivors again,
//! block for block under the new salt, behind the old ones, and flushes, and only then writes the
//! header. A cut before the header leaves the old generation as it was; a cut after it finds the
//! copies, all flushed. Old blocks and copies do not overlap, since no more blocks are ever live
//! than fit twice, and neither is the *stop* written, the first place that was not good:
//! 1. block 5 of 8 sectors is torn: its head is on the disk, its padding is not;
//! 2. recovery ends at 5, and the copies are written from 5 on, with padding in the same sectors;
//! 3. the power goes when of the copy in 5 only the padding is on the disk, and the header is not;
//! 4. block 5 of the old generation is whole now, and an entry appears that recovery had denied.
//!
//! So the copies begin one place behind the stop.
//!
//! A copy says that everything below itself was flushed. When it was built that was not so, but it
//! is visible only under a header that was written after the flush. Had it kept the promise it was
//! built with, damage to a carried block with more than W carried blocks behind it would look like
//! the end of the log.
//!
//! Invariant: a cut anywhere in here leaves what `open` showed.
//!
//! What it is not: sound without the salt. Unsalted, Carry goes on in the old chain.

use super::codec::{Front, Head, Seen, seal};
use super::layout::{Layout, Seq};
use super::read::read;
use super::{BlockJournal, INDEX_BITS, Phase};
use crate::device::{BlockDevice, DeviceError};
use crate::journal::{Error, Lsn, Resume, Survivors};
use crate::rfc::header::{Generation, HEADER_BYTES, Header, Salt};
use crate::same::Span;

/// Blocks copied or erased per write.
const BATCH_BLOCKS: u64 = 16;

impl BlockJournal {
    /// Makes the journal ready to append. Entries that were never committed are dropped.
    pub(super) fn begin(&mut self, device: &mut dyn BlockDevice, how: Resume) -> Result<(), Error> {
        if self.extra.is_some() {
            return self.renew(device, how);
        }
        self.state.pending.blocks = 0;
        let live = self.state.next.0 - self.state.header.start_seq;
        let salt = Salt(how.entropy);
        match how.survivors {
            Survivors::Forget if self.state.salted => self.switch(device, salt)?,
            Survivors::Carry if self.state.salted && live == 0 => self.switch(device, salt)?,
            Survivors::Forget => self.move_start(device, self.state.next, self.state.chain)?,
            Survivors::Carry if !self.state.salted => device.flush()?,
            Survivors::Carry => {
                let to = self.state.stop.max(self.state.next).plus(1);
                let laid = to.plus(live).0 - self.state.header.start_seq;
                if laid <= u64::from(self.state.layout.nblocks) {
                    self.carry(device, salt, to, live)?;
                } else {
                    self.stay(device, live)?;
                }
            }
        }
        self.state.phase = Phase::Ready;
        Ok(())
    }

    /// Begins an empty generation where the old one ended.
    fn switch(&mut self, device: &mut dyn BlockDevice, salt: Salt) -> Result<(), Error> {
        self.write_generation(device, salt, self.state.next)?;
        self.state.chain = salt.crc();
        Ok(())
    }

    /// Writes the survivors again from `new_start` on, then switches to the copies.
    fn carry(
        &mut self,
        device: &mut dyn BlockDevice,
        salt: Salt,
        new_start: Seq,
        live: u64,
    ) -> Result<(), Error> {
        let old_start = Seq(self.state.header.start_seq);
        let layout = self.state.layout;
        let block_bytes = layout.block_bytes as usize;
        let front = Front::new(salt);
        let (mut was, mut chain) = (self.state.header.start_prev_crc, salt.crc());
        let mut scratch = [0; HEADER_BYTES];
        let mut done = 0;
        while done < live {
            let batch = layout.unwrapped(new_start.plus(done), BATCH_BLOCKS.min(live - done));
            self.buffer.clear();
            for index in done..done + batch {
                let old = old_start.plus(index);
                // What is copied must be what `open` has shown: good still, and in the chain.
                let block = match read::<false>(device, &layout, old, self.front(), &mut scratch)? {
                    Seen::Good(block) if block.prev_crc() == was => block,
                    _ => return Err(changed(&layout, old)),
                };
                was = block.crc();
                let seq = new_start.plus(index);
                let (used, flags) = (block.used(), block.flags());
                let at = self.buffer.len();
                self.buffer.extend_from_slice(block.bytes());
                let head = Head {
                    seq,
                    durable_upto: seq,
                    used,
                    flags,
                    prev_crc: chain,
                    version: 0,
                    committed: 0,
                };
                chain = seal(&mut self.buffer[at..at + block_bytes], head, front);
            }
            device.write_one(layout.lba(new_start.plus(done)), &self.buffer)?;
            done += batch;
        }
        if was != self.state.chain {
            return Err(changed(&layout, self.state.next));
        }
        device.flush()?;
        self.write_generation(device, salt, new_start)?;
        self.state.next = new_start.plus(live);
        self.state.chain = chain;
        self.state.renumbered += new_start.0 - old_start.0;
        Ok(())
    }

    /// The header of a new generation.
    fn write_generation(
        &mut self,
        device: &mut dyn BlockDevice,
        salt: Salt,
        start: Seq,
    ) -> Result<(), Error> {
        let header = self.state.header;
        self.write_header(
            device,
            Header {
                generation: Generation(header.generation.0 + 1),
                salt,
                start_seq: start.0,
                start_prev_crc: salt.crc(),
                ..header
            },
        )?;
        self.state.front = Front::new(salt).v9();
        Ok(())
    }

    /// Where the survivors leave no room for their copies, which takes a device that forgot the
    /// header of a checkpoint: goes on in the old generation, after the free blocks were wiped.
    fn stay(&mut self, device: &mut dyn BlockDevice, live: u64) -> Result<(), Error> {
        let layout = self.state.layout;
        let free = u64::from(layout.nblocks) - live;
        erase(device, &layout, self.state.next, free)?;
        device.flush()?;
        Ok(())
    }

    /// Frees the blocks whose entries are all named `upto` or before.
    pub(super) fn free(&mut self, device: &mut dyn BlockDevice, upto: Lsn) -> Result<(), Error> {
        if self.extra.is_some() {
            return self.free_blocks(device, upto);
        }
        match self.freed_to(device, upto)? {
            Some((to, chain)) => self.move_start(device, to, chain),
            None => Ok(()),
        }
    }

    /// Where the log starts once all entries named `upto` or before are forgotten, and what its
    /// first block is chained to. `None` frees nothing.
    pub(super) fn freed_to(
        &self,
        device: &mut dyn BlockDevice,
        upto: Lsn,
    ) -> Result<Option<(Seq, u32)>, Error> {
        let state = &self.state;
        let start = Seq(state.header.start_seq);
        if upto >= state.acked {
            // What is not yet committed has no block to free.
            return Ok(Some((state.next, state.chain)));
        }
        let Some(name) = upto.0.checked_sub(1) else { return Ok(None) };
        let (block, index) = (name >> INDEX_BITS, name & ((1 << INDEX_BITS) - 1));
        let seq = Seq(block + state.renumbered);
        if seq < start || seq >= state.next {
            return Ok(None);
        }
        let mut scratch = [0; HEADER_BYTES];
        Ok(match read::<false>(device, &state.layout, seq, self.front(), &mut scratch)? {
            Seen::Good(block) => {
                let all = index + 1 >= block.payloads::<false>().count() as u64;
                let link = block.crc() & self.front().chain_mask();
                Some(if all { (seq.plus(1), link) } else { (seq, block.prev_crc()) })
            }
            // The block was damaged since. Freeing nothing is always right.
            _ => None,
        })
    }

    /// Makes the log start at `to`, durably, before anything in front of it is written over:
    /// 1. the header that frees block 5 is written but not flushed;
    /// 2. block 5's place is used again, and that is flushed by luck of the cache;
    /// 3. after a cut the old header counts, and its log starts at a block that is gone.
    fn move_start(
        &mut self,
        device: &mut dyn BlockDevice,
        to: Seq,
        chain: u32,
    ) -> Result<(), Error> {
        if to.0 == self.state.header.start_seq {
            return Ok(());
        }
        let header = Header { start_seq: to.0, start_prev_crc: chain, ..self.state.header };
        self.write_header(device, header)
    }

    pub(super) fn write_header(
        &mut self,
        device: &mut dyn BlockDevice,
        header: Header,
    ) -> Result<(), Error> {
        if header.start_seq > Seq::MAX.0 {
            let what = "block numbers up to";
            return Err(Error::Unfit { what, want: Seq::MAX.0, got: header.start_seq });
        }
        assert!(header.start_seq >= self.state.header.start_seq, "the start never moves back");
        self.state.header = self.state.pair.write_next(device, self.magic(), header)?;
        Ok(())
    }
}

/// Writes padding over `blocks` blocks from `from` on.
pub(super) fn erase(
    device: &mut dyn BlockDevice,
    layout: &Layout,
    from: Seq,
    blocks: u64,
) -> Result<(), DeviceError> {
    let geometry = device.geometry();
    let (block, sector) = (u64::from(layout.block_bytes), u64::from(geometry.logical_bytes));
    let at_once = geometry.bulk_bytes(BATCH_BLOCKS * block) / block;
    let mut done = 0;
    while done < blocks {
        let batch = layout.unwrapped(from.plus(done), at_once.min(blocks - done));
        let at = layout.lba(from.plus(done));
        device.write_same(0xff, &[Span { at, sectors: batch * block / sector }])?;
        done += batch;
    }
    Ok(())
}

fn changed(layout: &Layout, seq: Seq) -> Error {
    let what = "a block that was shown and has changed since";
    Error::Refused { what, at_bytes: layout.at_bytes(seq) }
}
