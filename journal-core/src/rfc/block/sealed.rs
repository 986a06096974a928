//! Commits that own their blocks, under the commit rules other than V9's.
//!
//! The one idea: a commit counts when its LAST block is there, so a rule is a question of which
//! block that is and when it is written.
//!
//! | rule | blocks of a commit | flushes |
//! |---|---|---|
//! | flush | data, the final one LAST | one, behind all |
//! | record after flush | data; record, LAST | one between, one behind |
//! | record by FUA | data; record, LAST | one between; the record is written with FUA |
//! | pointer | data, the final one LAST | one behind, then the header pair switches, flushed |
//!
//! A record is a block without entries. Where a commit fills a unit of several blocks (the physical
//! sector, the cluster) blocks without entries fill it up, and the record's unit begins with them.
//!
//! What the record is for: it is written when its commit is durable, so a record that is there
//! proves that nothing of its commit was merely on its way.
//! 1. Blocks 5, 6 and 7 are a commit, and no block has a checksum.
//! 2. The power goes. 5 and 7 persisted whole, and of 6 the first of its eight sectors.
//! 3. Without a record the LAST in 7 makes the three a commit; with one, there is no LAST yet.
//!
//! Invariant: between two flushes at most W blocks are written, the record's unit among them.
//!
//! What it is not: V9's commit, which is in `append` and pays for none of this.

use super::codec::{Head, LAST};
use super::layout::{Layout, Pointer, Seq};
use super::open_tail::Tail;
use super::recover::Found;
use super::variant::{RECORD, Variant};
use super::{BlockJournal, BlockOptions, Extra, State};
use crate::device::{BlockDevice, Durability};
use crate::journal::{Damage, End, Error, Lsn};
use crate::rfc::header::Header;
use crate::rfc::strategy::CommitRule;

impl Extra {
    /// What recovery leaves to go on with.
    pub(super) const fn recovered(
        options: &BlockOptions,
        variant: Variant,
        tail: Option<Tail>,
    ) -> Extra {
        let options = *options;
        Extra { options, variant, tail, open: false, tail_version: 0, tail_committed: 0, slot: 0 }
    }

    /// Blocks that a commit of `data` blocks has besides: filler and record.
    pub(super) fn sealing_blocks(&self, state: &State, data: u64) -> u64 {
        if self.options.stays_open() {
            return 0;
        }
        let (layout, next) = (&state.layout, state.next);
        let filled = data + layout.missing_in_unit(next.plus(data));
        let total = if self.options.has_record() {
            filled + 1 + layout.missing_in_unit(next.plus(filled + 1))
        } else {
            filled
        };
        total - data
    }

    /// What of V9's head another point says otherwise.
    pub(super) fn head(&self, ordinal: u32, v9: Head) -> Head {
        if self.options.stays_open() {
            return self.open_head(ordinal, v9);
        }
        let durable_upto = if self.variant.numbers() { v9.durable_upto } else { Seq(0) };
        Head { durable_upto, ..v9 }
    }
}

impl BlockJournal {
    /// Commits the pending blocks, of which there are some, and closes them.
    pub(super) fn write_sealed(&mut self, device: &mut dyn BlockDevice) -> Result<Lsn, Error> {
        let (rule, record) = (self.extra().options.commit(), self.extra().options.has_record());
        let pending = |journal: &Self| u64::from(journal.state.pending.blocks);
        self.fill_unit();
        let data = pending(self);
        self.close_block(if record { 0 } else { LAST });
        self.write_blocks(device, 0, data, Durability::Cached)?;
        device.flush()?;
        if record {
            // `next_block` would close the last one again: it is on the disk as it is.
            self.open_behind();
            self.fill_unit();
            self.close_block(LAST | RECORD);
            let durability = match rule {
                CommitRule::RecordFua => Durability::Fua,
                _ => Durability::Cached,
            };
            self.write_blocks(device, data, pending(self), durability)?;
            if rule == CommitRule::RecordAfterFlush {
                device.flush()?;
            }
        }
        let blocks = pending(self);
        if rule == CommitRule::Pointer {
            let seq = self.state.next.plus(blocks);
            self.point(device, Pointer { seq, used: 0 })?;
        }
        Ok(self.committed(blocks))
    }

    /// Opens blocks without entries until the open one is the last of its unit.
    fn fill_unit(&mut self) {
        let layout = self.state.layout;
        let behind = self.state.next.plus(u64::from(self.state.pending.blocks));
        for _ in 0..layout.missing_in_unit(behind) {
            self.next_block();
        }
    }

    /// Opens a block behind one that is closed.
    fn open_behind(&mut self) {
        let pending = &mut self.state.pending;
        (pending.blocks, pending.used, pending.index) = (pending.blocks + 1, 0, 0);
        let len = self.buffer.len();
        self.buffer.resize(len + self.front().head_bytes(), 0);
    }

    /// Writes the commit pointer, flushed.
    pub(super) fn point(
        &mut self,
        device: &mut dyn BlockDevice,
        pointer: Pointer,
    ) -> Result<(), Error> {
        let header = Header { pointer: pointer.field(), ..self.state.header };
        self.write_header(device, header)
    }
}

/// What a walk found, where a commit pointer says how far the log is committed: the blocks in front of
/// it were flushed before it was written.
pub(super) fn held_against(
    options: &BlockOptions,
    header: &Header,
    found: Found,
    layout: &Layout,
) -> Found {
    if options.commit() != CommitRule::Pointer {
        return found;
    }
    let (end, damage) = if found.stop >= Pointer::of(header.pointer).seq {
        (End::Clean, None)
    } else {
        let what = "a block before the commit pointer is not there";
        let at_bytes = layout.at_bytes(found.stop);
        (End::Torn, Some(Damage { at_bytes, proven: true, what }))
    };
    Found { end, damage, ..found }
}
