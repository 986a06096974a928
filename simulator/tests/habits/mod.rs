//! A journal with a habit: V9, but for something that it does besides.
//!
//! The one idea: our own journals are well-behaved, a user's need not be. A habit is the one thing that
//! such a journal does on top of a sound one, so what is found of it is due to that alone.

use std::marker::PhantomData;

use journal_core::rfc::{RfcJournal, RfcOptions};
use journal_core::{
    BlockDevice, Entropy, Entry, Error, Geometry, Journal, Limits, Lsn, Opened, Promises, Recovery,
    Resume, Stepwise,
};

/// What it does besides.
pub trait Habit: Sized + 'static {
    /// Before it looks at anything: a step of its recovery.
    fn before_open(_: &mut dyn BlockDevice) -> Result<(), Error> {
        Ok(())
    }

    /// When it has handed out so many entries: in the last step of its recovery.
    fn after_open(_: &mut dyn BlockDevice, _entries: u64) -> Result<(), Error> {
        Ok(())
    }

    /// Before each entry.
    fn before_append(_: &mut dyn BlockDevice, _payload: &[u8]) -> Result<(), Error> {
        Ok(())
    }
}

/// V9 with that habit.
#[derive(Debug)]
pub struct Habitual<H>(RfcJournal, PhantomData<fn() -> H>);

impl<H: Habit> Journal for Habitual<H> {
    type Options = RfcOptions;

    fn promises(options: &RfcOptions) -> Promises {
        RfcJournal::promises(options)
    }

    fn limits(options: &RfcOptions, geometry: Geometry) -> Limits {
        RfcJournal::limits(options, geometry)
    }

    fn format(
        device: &mut dyn BlockDevice,
        options: &RfcOptions,
        entropy: Entropy,
    ) -> Result<(), Error> {
        RfcJournal::format(device, options, entropy)
    }

    fn open(
        device: &mut dyn BlockDevice,
        options: &RfcOptions,
        replay: &mut dyn FnMut(Entry<'_>),
    ) -> Result<(Self, Opened), Error> {
        let mut steps = <Steps as Recovery<Self>>::begin(options);
        loop {
            if let Some(opened) = steps.step(device, options, replay)? {
                return Ok(opened);
            }
        }
    }

    fn resume(&mut self, device: &mut dyn BlockDevice, how: Resume) -> Result<(), Error> {
        self.0.resume(device, how)
    }

    fn append(&mut self, device: &mut dyn BlockDevice, payload: &[u8]) -> Result<Lsn, Error> {
        H::before_append(device, payload)?;
        self.0.append(device, payload)
    }

    fn end_group(&mut self, device: &mut dyn BlockDevice) -> Result<(), Error> {
        self.0.end_group(device)
    }

    fn commit(&mut self, device: &mut dyn BlockDevice) -> Result<Lsn, Error> {
        self.0.commit(device)
    }

    fn checkpoint(&mut self, device: &mut dyn BlockDevice, upto: Lsn) -> Result<(), Error> {
        self.0.checkpoint(device, upto)
    }
}

/// Its recovery: what it does before, and the rest.
#[derive(Clone, Debug)]
pub struct Steps {
    has_begun: bool,
}

impl<H: Habit> Stepwise for Habitual<H> {
    type Recovery = Steps;
}

impl<H: Habit> Recovery<Habitual<H>> for Steps {
    fn begin(_: &RfcOptions) -> Self {
        Steps { has_begun: false }
    }

    fn step(
        &mut self,
        device: &mut dyn BlockDevice,
        options: &RfcOptions,
        replay: &mut dyn FnMut(Entry<'_>),
    ) -> Result<Option<(Habitual<H>, Opened)>, Error> {
        if !std::mem::replace(&mut self.has_begun, true) {
            H::before_open(device)?;
            return Ok(None);
        }
        let (journal, opened) = RfcJournal::open(device, options, replay)?;
        H::after_open(device, opened.entries)?;
        Ok(Some((Habitual(journal, PhantomData), opened)))
    }
}
