//! The log of LevelDB: append records to a file, sync, start a new file at each open.
//!
//! The one idea: a checksum per record, blocks of 32 KiB to resynchronise at, and *no reuse*: a log
//! is never written again after a crash, so what a torn tail left behind cannot hurt. Unless
//! `reuse_logs` is on, which is why there are two rows of it.
//!
//! What stands for what (everything outside [`record`] and [`reader`] is a model):
//!
//! | here | in LevelDB |
//! |---|---|
//! | one of two areas, zeroed before use | a log file; its length is where the zeros begin |
//! | the two slots of [`current`] | CURRENT, the MANIFEST, and the file system below them |
//! | a payload | a write batch, any bytes here |
//! | `commit` | a write with `sync = true` |
//! | `resume(Forget)`, `checkpoint` of everything | the memtable goes to a table, a new log begins |
//! | `resume(Carry)`, no reuse | the same; the survivors are copied, as the table would keep them |
//! | `resume(Carry)`, `reuse_logs` | the log is opened for appending, at its length; no sync |
//!
//! The crash that `reuse_logs` lets happen:
//! 1. A record is being written when the power goes. Its header is there, its payload is torn.
//! 2. Recovery drops it silently and opens the same file for appending, behind the torn bytes.
//! 3. The next record is appended, synced and acknowledged, in the same 32 KiB block.
//! 4. The next recovery meets the torn record first and drops the rest of the block, with it the
//!    acknowledged one.
//!
//! Invariants: CURRENT is switched only after the new log is durable; with `reuse_logs` off, a log
//! that was read by a recovery is never appended to.
//!
//! What it is not: a database. Tables, compaction and sequence numbers are left out; a read error
//! ends the log, as without `paranoid_checks`.

pub mod current;
mod inspect;
pub mod reader;
pub mod record;
mod replay;

use self::current::{Current, Layout};
pub use self::inspect::inspect_raw_log;
pub use self::reader::{LogEnd, Record, read_log};
pub use self::record::LogWriter;
use self::record::payload_max;
pub use self::replay::LevelDbRecovery;
use super::state::State;
use crate::device::{BlockDevice, DeviceError, Geometry};
use crate::journal::{
    Entropy, Entry, Error, Journal, Limits, Lsn, Opened, Promises, Resume, Survivors,
};
use crate::steps::{self, Stepwise};

/// What LevelDB is told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Append to the log found at open instead of starting a new one. Off in LevelDB, too.
    pub reuse_logs: bool,
}

/// A LevelDB log on a block device.
#[derive(Debug)]
pub struct LevelDb {
    options: Options,
    layout: Layout,
    current: Current,
    slot: usize,
    /// Entries in the current log, durable or not.
    entries: u64,
    intact_bytes: u64,
    writer: LogWriter,
    state: State,
}

impl Clone for LevelDb {
    fn clone(&self) -> Self {
        LevelDb { writer: self.writer.clone(), ..*self }
    }

    fn clone_from(&mut self, source: &Self) {
        let LevelDb { options, layout, current, slot, entries, intact_bytes, writer, state } =
            source;
        self.options = *options;
        self.layout = *layout;
        self.current = *current;
        self.slot = *slot;
        self.entries = *entries;
        self.intact_bytes = *intact_bytes;
        self.writer.clone_from(writer);
        self.state = *state;
    }
}

impl LevelDb {
    fn other_file(&self) -> u32 {
        1 - self.current.file
    }

    /// The new log, prepared and written by `writer`, becomes the one that counts.
    ///
    /// Why two flushes: were CURRENT switched with the new log still in flight, the power could
    /// go with the switch persisted and the log not, and the old one would not be looked at.
    fn switch(
        &mut self,
        device: &mut dyn BlockDevice,
        mut writer: LogWriter,
        before: u64,
    ) -> Result<(), DeviceError> {
        let file = self.other_file();
        self.layout.files[file as usize].zero(device)?;
        writer.write_back(device)?;
        device.flush()?;
        let slot = 1 - self.slot;
        let current = Current { sequence: self.current.sequence.wrapping_add(1), before, file };
        current.store(device, &self.layout, slot)?;
        self.current = current;
        self.slot = slot;
        self.writer = writer;
        Ok(())
    }

    fn switch_to_empty(&mut self, device: &mut dyn BlockDevice) -> Result<(), DeviceError> {
        let before = self.last().0;
        let writer = LogWriter::at(self.layout.files[self.other_file() as usize], 0);
        self.switch(device, writer, before)?;
        self.entries = 0;
        Ok(())
    }

    /// The survivors go into a new log.
    fn copy_to_new_log(&mut self, device: &mut dyn BlockDevice) -> Result<(), DeviceError> {
        let mut writer = LogWriter::at(self.layout.files[self.other_file() as usize], 0);
        let mut payloads = alloc::vec::Vec::new();
        let old = self.layout.files[self.current.file as usize];
        read_log(device, &old, &mut |record| payloads.push(record.payload.to_vec()))?;
        let mut copied = 0;
        for payload in &payloads {
            match writer.append(device, payload) {
                Ok(()) => copied += 1,
                Err(Error::Device(error)) => return Err(error),
                // What fitted the old log at its offsets fits the new one, which has no gaps.
                Err(_) => break,
            }
        }
        self.switch(device, writer, self.current.before)?;
        self.entries = copied;
        Ok(())
    }

    /// The next record goes behind whatever the file holds.
    fn reuse_old_log(&mut self, device: &mut dyn BlockDevice) -> Result<(), DeviceError> {
        let area = self.layout.files[self.current.file as usize];
        let length = reader::file_length(device, &area, self.intact_bytes)?;
        self.writer = LogWriter::at(area, length);
        Ok(())
    }

    fn last(&self) -> Lsn {
        Lsn(self.current.before.saturating_add(self.entries))
    }
}

impl Stepwise for LevelDb {
    type Recovery = LevelDbRecovery;
}

impl Journal for LevelDb {
    type Options = Options;

    fn promises(_: &Options) -> Promises {
        Promises {
            atomic_groups: false,
            // A sector of zeros in the middle of a log reads as preallocated: silence.
            honesty: false,
            resynchronises: true,
            shows_uncommitted: true,
        }
    }

    fn limits(_: &Options, geometry: Geometry) -> Limits {
        let bytes = Layout::of(geometry).map_or(0, |layout| layout.files[0].bytes());
        let max = u32::try_from(payload_max(bytes)).unwrap_or(u32::MAX);
        Limits { payload_min: 0, payload_max: max, groups: false }
    }

    fn format(device: &mut dyn BlockDevice, _: &Options, _: Entropy) -> Result<(), Error> {
        let layout = Layout::of(device.geometry())?;
        for area in layout.slots.iter().chain(&layout.files) {
            area.zero(device)?;
        }
        device.flush()?;
        Current { sequence: 1, before: 0, file: 0 }.store(device, &layout, 0)?;
        Ok(())
    }

    fn open(
        device: &mut dyn BlockDevice,
        options: &Options,
        replay: &mut dyn FnMut(Entry<'_>),
    ) -> Result<(Self, Opened), Error> {
        steps::open(device, options, replay)
    }

    fn resume(&mut self, device: &mut dyn BlockDevice, how: Resume) -> Result<(), Error> {
        self.state.resumable()?;
        let resumed = match how.survivors {
            Survivors::Forget => self.switch_to_empty(device),
            Survivors::Carry if !self.options.reuse_logs => self.copy_to_new_log(device),
            Survivors::Carry => self.reuse_old_log(device),
        };
        self.state.after(resumed)?;
        self.state = State::Ready;
        Ok(())
    }

    fn append(&mut self, device: &mut dyn BlockDevice, payload: &[u8]) -> Result<Lsn, Error> {
        self.state.ready()?;
        let max = payload_max(self.layout.files[0].bytes());
        if payload.len() as u64 > max {
            let max = u32::try_from(max).unwrap_or(u32::MAX);
            return Err(Error::PayloadSize { bytes: payload.len() as u64, min: 0, max });
        }
        if let Err(error) = self.writer.append(device, payload) {
            if let Error::Device(_) = error {
                self.state = State::Poisoned;
            }
            return Err(error);
        }
        self.entries += 1;
        Ok(self.last())
    }

    fn commit(&mut self, device: &mut dyn BlockDevice) -> Result<Lsn, Error> {
        self.state.ready()?;
        // Flushed always, even with nothing to write: it may be entries that a reused log showed.
        let written = self.writer.write_back(device).and_then(|()| device.flush());
        self.state.after(written)?;
        Ok(self.last())
    }

    fn checkpoint(&mut self, device: &mut dyn BlockDevice, upto: Lsn) -> Result<(), Error> {
        self.state.ready()?;
        // A log is forgotten as a whole or not at all.
        if upto < self.last() || self.entries == 0 {
            return Ok(());
        }
        let switched = self.switch_to_empty(device);
        self.state.after(switched)
    }
}
