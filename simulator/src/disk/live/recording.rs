//! Recording: what a life writes and flushes becomes part of the trace.
//!
//! The one idea: a write changes no medium. It is a command with a version for each of its sectors; what is left
//! of it is worked out when somebody reads behind a cut.
//!
//! Invariant: a sector has no version of a command only where nothing that the command leaves there could be told
//! from what was there before, unless the write ruined it (`rewriting.rs`), or where all of a run share one
//! (`same.rs`).
//!
//! What it is not: a check. Range, faults and the end of power come before and after.

use journal_core::{Durability, Lba, Write};

use super::super::arena::ContentId;
use super::super::trace::{CallKind, Command, NONE};
use super::Live;

/// The sectors of a command.
#[derive(Clone, Copy)]
pub(super) struct Sectors {
    pub at: Lba,
    pub count: u64,
    /// All get the one content.
    pub same: bool,
}

impl Live<'_> {
    /// Begins a call of write commands: its number, and their number among such calls.
    #[inline]
    pub(super) fn begin_writes(&mut self) -> (u32, u32) {
        let trace = &mut self.disk.trace;
        trace.ranks += 1;
        (trace.begin_call(CallKind::Write), trace.ranks - 1)
    }

    /// Records a write command, but for what comes of its sectors.
    #[inline]
    pub(super) fn command(
        &mut self,
        sectors: Sectors,
        content: ContentId,
        fua: bool,
        of: (u32, u32),
    ) -> u32 {
        let disk = &mut *self.disk;
        let number = disk.trace.commands.len() as u32;
        disk.trace.commands.push(Command {
            lba: sectors.at.0,
            sectors: sectors.count as u32,
            content,
            call: of.0,
            rank: of.1,
            floor: disk.rules.floor(of.1, disk.trace.epoch_rank),
            fua: fua && disk.rules.fua_makes_stable(),
            dropped: false,
            same: sectors.same,
            keeps: false,
            stable_from: NONE,
            // If each of its sectors has a version of its own.
            last: (disk.trace.versions.len() as u64 + sectors.count - 1) as u32,
        });
        let bytes = sectors.count * u64::from(disk.geometry.logical_bytes);
        disk.traffic.writes += 1;
        disk.traffic.fua_writes += u64::from(fua);
        disk.traffic.bytes_written += bytes;
        number
    }

    /// A sector of the newest command has a version of its own.
    #[inline]
    pub(super) fn put(&mut self, lba: u64, content: ContentId, command: u32, call: u32) {
        let disk = &mut *self.disk;
        disk.traffic.sectors_rewritten += u64::from(disk.trace.newest(lba) != NONE);
        disk.trace.put(lba, content, command, call);
    }

    /// Records one write command.
    #[inline]
    pub(super) fn record(&mut self, write: &Write<'_>, sectors: u64, of: (u32, u32)) {
        let content = self.disk.trace.arena.push(write.data);
        let all = Sectors { at: write.at, count: sectors, same: false };
        let command = self.command(all, content, write.durability == Durability::Fua, of);
        if self.disk.stands_in {
            return self.put_but_stand_ins(write, (content, command, of.0));
        }
        for i in 0..sectors {
            self.put(write.at.0 + i, ContentId(content.0 + i as u32), command, of.0);
        }
    }

    /// What a completed flush does that covers the calls below `covers`.
    #[inline]
    pub(super) fn flushed(&mut self, covers: u32) {
        let trace = &mut self.disk.trace;
        if self.disk.rules.flush_makes_stable() {
            trace.stable_before = covers;
        }
        trace.epoch_rank = trace.ranks;
    }
}
