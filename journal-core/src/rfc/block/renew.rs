//! From opened to ready, at the points of the grid besides V9.
//!
//! The one idea: there are two ways to live on. *Anew*, with a salt that is renewed: the survivors
//! are written again behind the old ones, flushed, and the header switches; what the old life left
//! means nothing any more. *In place*, everywhere else: the log goes on where recovery found its
//! end, and what lies behind it means something, unless it is cleared.
//!
//! | reuse | carry | forget |
//! |---|---|---|
//! | salt, clearing | anew | new salt, start behind the log |
//! | salt | in place | new salt, start behind the log |
//! | sequence, lap, erase | in place | start behind the log |
//! | ... clearing | and everything free is wiped | and everything free is wiped |
//!
//! Invariant: a cut anywhere in here leaves what `open` showed.
//!
//! What it is not: clever about clean ends. An end that looks clean may have a lost block in front
//! of a whole one further on, so whoever clears does it at every opening.

use alloc::vec::Vec;

use super::codec::{Block, Front, Head, LAST, Seen, seal};
use super::layout::{Pointer, Seq};
use super::open_tail::{OpenLog, Tail};
use super::read::read;
use super::{BlockJournal, Extra, Phase};
use crate::device::{BlockDevice, Durability};
use crate::journal::{Error, Lsn, Resume, Survivors};
use crate::rfc::header::{Generation, HEADER_BYTES, Header, Salt};
use crate::rfc::strategy::{CommitRule, ReuseBy, TailWrite};

/// Blocks copied per write.
const BATCH_BLOCKS: u64 = 16;

impl BlockJournal {
    /// Makes the journal ready to append.
    pub(super) fn renew(&mut self, device: &mut dyn BlockDevice, how: Resume) -> Result<(), Error> {
        let options = self.extra().options;
        let (salted, clears) = (options.by() == ReuseBy::Salt, options.clears());
        let tail = self.extra_mut().tail.take();
        self.state.pending.blocks = 0;
        let live = self.state.next.0 - self.state.header.start_seq;
        match how.survivors {
            Survivors::Carry if salted && clears && live > 0 => {
                let layout = self.state.layout;
                let mut to = self.state.stop.max(self.state.next).plus(1);
                // The commit behind the copies shall begin with a unit.
                to = to.plus(layout.missing_in_unit(to.plus(live)));
                if to.plus(live).0 - self.state.header.start_seq <= u64::from(layout.nblocks) {
                    self.copy_survivors(device, Salt(how.entropy), to, tail)?;
                } else {
                    self.stay_in_place(device, tail)?;
                    self.wipe_free(device)?;
                }
            }
            Survivors::Carry if salted && clears => self.reset(device, Salt(how.entropy))?,
            Survivors::Carry => {
                self.stay_in_place(device, tail)?;
                if clears {
                    self.wipe_free(device)?;
                }
            }
            Survivors::Forget if salted => self.reset(device, Salt(how.entropy))?,
            Survivors::Forget => {
                self.stay_in_place(device, tail)?;
                self.state.pending.blocks = 0;
                self.forget_all(device)?;
                if clears {
                    self.wipe_free(device)?;
                }
            }
        }
        self.state.phase = Phase::Ready;
        Ok(())
    }

    /// Starts behind everything that is live, in the same generation. What is open is closed.
    pub(super) fn forget_all(&mut self, device: &mut dyn BlockDevice) -> Result<(), Error> {
        let old = Seq(self.state.header.start_seq);
        let mut to = self.state.next;
        if self.extra().open {
            to = to.plus(1);
        }
        self.extra_mut().open = false;
        self.state.pending.blocks = 0;
        self.state.next = to;
        if to == old {
            return Ok(());
        }
        if self.extra().options.stays_open() {
            // Nobody knows yet which form of the open block would have been its last.
            self.state.chain = self.front().first_link(self.state.header.salt);
        }
        self.start_at(device, to, self.state.chain)?;
        if self.extra().options.by() == ReuseBy::Erase {
            self.wipe(device, old, to.0 - old.0)?;
        }
        Ok(())
    }

    /// Frees the blocks whose entries are all named `upto` or before.
    pub(super) fn free_blocks(
        &mut self,
        device: &mut dyn BlockDevice,
        upto: Lsn,
    ) -> Result<(), Error> {
        let open = self.extra().options.stays_open();
        let old = Seq(self.state.header.start_seq);
        if upto >= self.state.acked && open && !self.has_news() {
            return self.forget_all(device);
        }
        let Some((to, chain)) = self.freed_to(device, upto)? else { return Ok(()) };
        if to == old {
            return Ok(());
        }
        self.start_at(device, to, chain)?;
        if self.extra().options.by() == ReuseBy::Erase {
            self.wipe(device, old, to.0 - old.0)?;
        }
        Ok(())
    }

    /// The header of a log that starts later. A commit pointer is never left in front of it.
    fn start_at(&mut self, device: &mut dyn BlockDevice, to: Seq, chain: u32) -> Result<(), Error> {
        let mut header = Header { start_seq: to.0, start_prev_crc: chain, ..self.state.header };
        if self.extra().options.commit() == CommitRule::Pointer {
            let least = Pointer { seq: to, used: 0 };
            header.pointer = Pointer::of(header.pointer).max(least).field();
        }
        self.write_header(device, header)
    }

    /// Begins an empty generation where the old one ended.
    fn reset(&mut self, device: &mut dyn BlockDevice, salt: Salt) -> Result<(), Error> {
        self.new_generation(device, salt, self.state.next, self.state.next)?;
        self.state.chain = self.front().first_link(salt);
        Ok(())
    }

    fn new_generation(
        &mut self,
        device: &mut dyn BlockDevice,
        salt: Salt,
        start: Seq,
        end: Seq,
    ) -> Result<(), Error> {
        let old = self.state.header;
        let front = self.extra().options.front(salt, &self.state.layout);
        let pointer = match self.extra().options.commit() {
            CommitRule::Pointer => Pointer { seq: end, used: 0 }.field(),
            _ => Header::POINTLESS,
        };
        let header = Header {
            generation: Generation(old.generation.0 + 1),
            salt,
            start_seq: start.0,
            start_prev_crc: front.first_link(salt),
            pointer,
            ..old
        };
        self.write_header(device, header)?;
        if let Front::Variant(variant) = front {
            self.extra_mut().variant = variant;
        }
        Ok(())
    }

    /// Writes the survivors again from `new_start` on, each block closed, then switches to the
    /// copies.
    fn copy_survivors(
        &mut self,
        device: &mut dyn BlockDevice,
        salt: Salt,
        new_start: Seq,
        tail: Option<Tail>,
    ) -> Result<(), Error> {
        let (state, extra, was_front) = (self.state, *self.extra(), self.front());
        let layout = state.layout;
        let old_start = Seq(state.header.start_seq);
        let live = state.next.0 - old_start.0;
        let front = extra.options.front(salt, &layout);
        let log = match extra.options.stays_open() {
            true => Some(OpenLog::new(device, &extra.options, &layout, was_front)?),
            false => None,
        };
        let (mut was, mut chain) = (state.header.start_prev_crc, front.first_link(salt));
        let mut done = 0;
        while done < live {
            let batch = layout.unwrapped(new_start.plus(done), BATCH_BLOCKS.min(live - done));
            self.buffer.clear();
            for index in done..done + batch {
                let (old, new) = (old_start.plus(index), new_start.plus(index));
                let before = was;
                let mut copy = |block: Block<'_>| {
                    let used = match tail {
                        Some(tail) if tail.seq == old => tail.used,
                        _ => block.used(),
                    };
                    was = block.crc() & was_front.chain_mask();
                    let (old, place) = ((block, used), (new, layout.block_bytes as usize));
                    chain = extra.copy_block(old, place, chain, front, &mut self.buffer);
                };
                match &log {
                    Some(log) => log.again(device, old, before, &mut copy)?,
                    None => {
                        let mut scratch = [0; HEADER_BYTES];
                        match read::<false>(device, &layout, old, was_front, &mut scratch)? {
                            Seen::Good(block) if block.prev_crc() == before => copy(block),
                            _ => {
                                let what = "a block that was shown and has changed since";
                                let at_bytes = layout.at_bytes(old);
                                return Err(Error::Refused { what, at_bytes });
                            }
                        }
                    }
                }
            }
            device.write_one(layout.lba(new_start.plus(done)), &self.buffer)?;
            done += batch;
        }
        device.flush()?;
        let end = new_start.plus(live);
        self.new_generation(device, salt, new_start, end)?;
        self.state.next = end;
        self.state.chain = chain;
        self.state.renumbered += new_start.0 - old_start.0;
        Ok(())
    }

    /// In the same generation, right behind the log. Where the tail stays open it is opened again.
    fn stay_in_place(
        &mut self,
        device: &mut dyn BlockDevice,
        tail: Option<Tail>,
    ) -> Result<(), Error> {
        // After a crash of the program alone, what was shown may still be in the disk's cache.
        device.flush()?;
        let Some(tail) = tail else {
            return if self.extra().options.tail() == TailWrite::PingPong {
                self.wipe_slots(device)
            } else {
                Ok(())
            };
        };
        let (layout, front) = (self.state.layout, self.front());
        let log = OpenLog::new(device, &self.extra().options, &layout, front)?;
        let block_bytes = self.state.layout.block_bytes as usize;
        let (mut image, mut count) = (Vec::new(), 0);
        log.again(device, tail.seq, tail.prev_crc, |block| {
            count = block.payloads_in(tail.used).count() as u64;
            put_entries((block, tail.used), (tail.seq, block_bytes), front, &mut image);
        })?;
        self.buffer = image;
        let state = &mut self.state;
        state.next = tail.seq;
        state.chain = tail.prev_crc;
        let pending = &mut state.pending;
        (pending.blocks, pending.chain) = (1, tail.prev_crc);
        (pending.used, pending.index) = (u32::from(tail.used), count);
        pending.last = state.acked;
        let extra = self.extra_mut();
        (extra.tail_version, extra.open) = (tail.version + 1, true);
        extra.tail_committed = if extra.options.has_record() { tail.used } else { 0 };
        if self.extra().options.tail() == TailWrite::PingPong {
            self.bring_home(device, tail)?;
        }
        Ok(())
    }

    /// Ping-pong: the tail to its own place, so that neither slot is needed, then both are wiped.
    /// 1. The newer slot holds block 6, the older one 5; the closed 5 never reached its place.
    /// 2. Recovery ends in the older slot. Going on, the next commit would write over it.
    /// 3. And the newer slot's 6 would count again as soon as a new 5 is closed.
    ///
    /// The place is wiped first, and the wipe begins with the head, for the reason told in `clear`:
    /// the closed 5 may be there but for its padding, and the padding of what is written now would
    /// complete it.
    fn bring_home(&mut self, device: &mut dyn BlockDevice, tail: Tail) -> Result<(), Error> {
        if !tail.in_slot {
            return self.wipe_slots(device);
        }
        self.wipe(device, tail.seq, 1)?;
        let open_bytes = self.buffer.len();
        self.close_block(LAST);
        self.state.pending.chain = tail.prev_crc;
        self.write_blocks(device, 0, 1, Durability::Cached)?;
        device.flush()?;
        self.buffer.truncate(open_bytes);
        self.extra_mut().tail_version += 1;
        self.wipe_slots(device)
    }
}

/// Puts the entries in the first `used` bytes of a block, of which no more may have been read, behind
/// `into`, as those of the block `seq` of so many bytes.
fn put_entries(
    (block, used): (Block<'_>, u16),
    (seq, block_bytes): (Seq, usize),
    front: Front,
    into: &mut Vec<u8>,
) {
    let start = into.len();
    into.resize(start + front.head_bytes(), 0);
    let Front::Variant(variant) = front else { unreachable!("V9 has its own resume") };
    let mut behind = 0;
    for payload in block.payloads_in(used) {
        let size = front.overhead() + payload.len();
        let at = front.place(behind, size, block_bytes).expect("it was in a block of this size");
        into.resize(start + at, 0xff);
        variant.put(seq, at, payload, into);
        behind = at + size - front.head_bytes();
    }
}

impl Extra {
    /// Puts a closed copy of a block, with its first `used` bytes of entries, behind `into`, and
    /// returns its checksum.
    fn copy_block(
        &self,
        (block, used): (Block<'_>, u16),
        (seq, block_bytes): (Seq, usize),
        prev_crc: u32,
        front: Front,
        into: &mut Vec<u8>,
    ) -> u32 {
        let start = into.len();
        put_entries((block, used), (seq, block_bytes), front, into);
        let used = (into.len() - start - front.head_bytes()) as u16;
        into.resize(start + block_bytes, 0xff);
        let Front::Variant(variant) = front else { unreachable!("V9 has its own resume") };
        let open = self.options.stays_open();
        let head = Head {
            seq,
            // Visible only under a header that was written after all copies were flushed.
            durable_upto: if variant.numbers() || open { seq } else { Seq(0) },
            used,
            flags: if open { 0 } else { block.flags() },
            prev_crc,
            version: 0,
            committed: if open && self.options.has_record() { used } else { 0 },
        };
        seal(&mut into[start..], head, front)
    }
}
