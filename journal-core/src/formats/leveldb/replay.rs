//! Recovery in steps: CURRENT, then the log, header by header and record by record.
//!
//! Method
//! 1. CURRENT says which file is the log.
//! 2. A step of the reader either meets a header or asks whether what it announces is whole, so that
//!    no step asks the device about more than one record.
//!
//! Invariant: what is handed out and returned is what a reader of the whole log hands out, since it
//! is the same reader.
//!
//! What it is not: a repair. What follows from the damage is decided at `resume`.

use super::current::{Current, Layout};
use super::reader::LogReader;
use super::{LevelDb, LogWriter, Options};
use crate::device::BlockDevice;
use crate::formats::state::State;
use crate::journal::{Entry, Error, Lsn, Opened};
use crate::steps::Recovery;

/// The recovery of a LevelDB log, on its way.
#[derive(Clone, Debug)]
pub struct LevelDbRecovery(Option<Reading>);

/// The log that CURRENT names, read so far.
#[derive(Clone, Debug)]
struct Reading {
    layout: Layout,
    current: Current,
    slot: usize,
    reader: LogReader,
}

impl Recovery<LevelDb> for LevelDbRecovery {
    fn begin(_: &Options) -> Self {
        LevelDbRecovery(None)
    }

    fn step(
        &mut self,
        device: &mut dyn BlockDevice,
        options: &Options,
        replay: &mut dyn FnMut(Entry<'_>),
    ) -> Result<Option<(LevelDb, Opened)>, Error> {
        let Some(Reading { layout, current, slot, reader }) = &mut self.0 else {
            self.0 = Some(Reading::begin(device)?);
            return Ok(None);
        };
        let mut lsn = current.before.saturating_add(reader.end().records);
        let goes_on = reader.step(
            device,
            &mut |record| {
                lsn = lsn.saturating_add(1);
                replay(Entry { lsn: Lsn(lsn), payload: record.payload });
            },
            &mut |_, _, _| {},
        )?;
        if goes_on {
            return Ok(None);
        }
        let found = reader.end();
        let area = layout.files[current.file as usize];
        let journal = LevelDb {
            options: *options,
            layout: *layout,
            current: *current,
            slot: *slot,
            entries: found.records,
            intact_bytes: found.intact_bytes,
            writer: LogWriter::at(area, found.intact_bytes),
            state: State::Opened,
        };
        let opened = Opened { entries: found.records, end: found.end, damage: found.damage };
        Ok(Some((journal, opened)))
    }
}

impl Reading {
    fn begin(device: &mut dyn BlockDevice) -> Result<Reading, Error> {
        let layout = Layout::of(device.geometry())?;
        let Some((current, slot)) = Current::load(device, &layout)? else {
            return Err(Error::NotAJournal { what: "a slot of CURRENT", at_bytes: 0 });
        };
        let reader = LogReader::begin(layout.files[current.file as usize]);
        Ok(Reading { layout, current, slot, reader })
    }
}
