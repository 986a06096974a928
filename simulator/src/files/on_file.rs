//! A file log as a journal.
//!
//! The one idea: a log's recovery may write, a journal's `open` only reads. So `open` runs the
//! recovery on an overlay, to hear what it shows, and throws the repairs away; `resume` runs it
//! again on the device itself, with the power going inside of it, and holds it to what it showed.
//!
//! Invariant: between two calls nothing of the device is kept but what a kernel and a program keep
//! in memory, and a power cut takes both.
//!
//! What it is not: a journal with groups, or one that reports damage.

use std::io;
use std::marker::PhantomData;

use journal_core::{
    BlockDevice, DeviceError, End, Entropy, Entry, Error, Geometry, Journal, Limits, Lsn, Opened,
    Promises, Resume, Survivors,
};

use super::inode::DATA_START;
use super::{FileLog, FileOptions, FileState, NoRoom, Overlay};

/// A file log, as a journal on a device of its own. [`crate::check::file_log`] puts a page cache
/// between the two; whoever explores it by other ways has to do so with
/// [`super::under_page_cache`], since the lengths are modelled for devices on which nothing is
/// stable before a sync.
#[derive(Debug)]
pub struct OnFile<L> {
    options: FileOptions,
    /// Entries that recovery showed and that the log must show when it runs for real.
    shown: Vec<Vec<u8>>,
    ready: Option<(FileState, L)>,
    last: u64,
    log: PhantomData<L>,
}

/// What a log's error is to the harness.
fn error_of(error: &io::Error) -> Error {
    let mut inner = error.get_ref().map(|e| e as &(dyn std::error::Error + 'static));
    while let Some(cause) = inner {
        if let Some(device) = cause.downcast_ref::<DeviceError>() {
            return Error::Device(*device);
        }
        if let Some(NoRoom { needed, capacity }) = cause.downcast_ref::<NoRoom>() {
            return Error::Full { needed: *needed, free: *capacity };
        }
        // An io::Error inside an io::Error hides its own inside from `source`.
        inner = match cause.downcast_ref::<io::Error>() {
            Some(io) => io.get_ref().map(|e| e as &(dyn std::error::Error + 'static)),
            None => cause.source(),
        };
    }
    match error.kind() {
        io::ErrorKind::StorageFull => Error::Full { needed: 0, free: 0 },
        _ => Error::Other(error.to_string()),
    }
}

fn journal<T>(result: io::Result<T>) -> Result<T, Error> {
    result.map_err(|error| error_of(&error))
}

impl<L: FileLog> OnFile<L> {
    fn ready(&mut self) -> Result<(&mut FileState, &mut L), Error> {
        match &mut self.ready {
            Some((state, log)) => Ok((state, log)),
            None => Err(Error::NotResumed),
        }
    }
}

impl<L: FileLog> Journal for OnFile<L> {
    type Options = FileOptions;

    fn promises(_: &FileOptions) -> Promises {
        Promises {
            atomic_groups: false,
            honesty: false,
            resynchronises: false,
            shows_uncommitted: true,
        }
    }

    fn limits(_: &FileOptions, geometry: Geometry) -> Limits {
        let bytes = geometry.bytes().saturating_sub(DATA_START);
        let payload_max = u32::try_from(bytes / 2).unwrap_or(u32::MAX);
        Limits { payload_min: 0, payload_max, groups: false }
    }

    fn format(
        device: &mut dyn BlockDevice,
        options: &FileOptions,
        _: Entropy,
    ) -> Result<(), Error> {
        let mut state = journal(FileState::create(device, *options))?;
        journal(L::create(&mut state.on(device)))?;
        device.flush()?;
        Ok(())
    }

    fn open(
        device: &mut dyn BlockDevice,
        options: &FileOptions,
        replay: &mut dyn FnMut(Entry<'_>),
    ) -> Result<(Self, Opened), Error> {
        let mut overlay = Overlay::new(device);
        let mut state = journal(FileState::mount(&mut overlay, *options))?;
        let (_, shown) = journal(L::open(&mut state.on(&mut overlay)))?;
        for (lsn, payload) in (1..).zip(&shown) {
            replay(Entry { lsn: Lsn(lsn), payload });
        }
        let entries = shown.len() as u64;
        let end = if overlay.is_untouched() { End::Clean } else { End::Torn };
        let journal =
            OnFile { options: *options, shown, ready: None, last: entries, log: PhantomData };
        Ok((journal, Opened { entries, end, damage: None }))
    }

    fn resume(&mut self, device: &mut dyn BlockDevice, how: Resume) -> Result<(), Error> {
        if self.ready.is_some() {
            return Err(Error::Other("resumed already".into()));
        }
        let mut state = journal(FileState::mount(device, self.options))?;
        let (mut log, shown) = journal(L::open(&mut state.on(device)))?;
        if shown != self.shown {
            let (before, now) = (self.shown.len(), shown.len());
            return Err(Error::Other(format!(
                "recovery showed {before} entries, and {now} (or others) when it ran again"
            )));
        }
        self.shown = Vec::new();
        if how.survivors == Survivors::Forget && !shown.is_empty() {
            journal(log.clear(&mut state.on(device)))?;
        }
        self.ready = Some((state, log));
        Ok(())
    }

    fn append(&mut self, device: &mut dyn BlockDevice, payload: &[u8]) -> Result<Lsn, Error> {
        let (state, log) = self.ready()?;
        journal(log.append(&mut state.on(device), payload))?;
        self.last += 1;
        Ok(Lsn(self.last))
    }

    fn commit(&mut self, device: &mut dyn BlockDevice) -> Result<Lsn, Error> {
        let (state, log) = self.ready()?;
        journal(log.commit(&mut state.on(device)))?;
        Ok(Lsn(self.last))
    }

    /// A log is forgotten as a whole or not at all.
    fn checkpoint(&mut self, device: &mut dyn BlockDevice, upto: Lsn) -> Result<(), Error> {
        let last = Lsn(self.last);
        let (state, log) = self.ready()?;
        if upto < last {
            return Ok(());
        }
        match log.clear(&mut state.on(device)) {
            Err(error) if error.kind() == io::ErrorKind::Unsupported => Ok(()),
            other => journal(other),
        }
    }
}
