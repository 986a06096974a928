//! Recovery in steps, for journals that offer it.
//!
//! The one idea: a recovery that can be copied between two questions to the device need not be run
//! again from its beginning to see what another answer leads to. A harness that visits all answers
//! copies it where they part, and pays for each outcome only what is different about it.
//!
//! Invariant: a step depends on the recovery's value and on what the device answers, and on nothing
//! else; the steps from [`Recovery::begin`] on hand out and return what [`Journal::open`] does.
//!
//! What it is not: needed. Any journal is a recovery of one step, [`Whole`].

use core::marker::PhantomData;

use crate::device::{BlockDevice, Geometry};
use crate::journal::{Entropy, Entry, Error, Journal, Limits, Lsn, Opened, Promises, Resume};

/// A recovery on its way.
pub trait Recovery<J: Journal>: Clone + core::fmt::Debug {
    /// Before the first read.
    fn begin(options: &J::Options) -> Self;

    /// Reads a little further, and hands out what that completes; the opened journal after the last
    /// step. A step should ask the device few questions: what is asked within one is asked again
    /// where a harness wants another answer to the last of them.
    ///
    /// # Errors
    /// As for [`Journal::open`]; the recovery is then over.
    fn step(
        &mut self,
        device: &mut dyn BlockDevice,
        options: &J::Options,
        replay: &mut dyn FnMut(Entry<'_>),
    ) -> Result<Option<(J, Opened)>, Error>;
}

/// A journal that says how it recovers in steps.
pub trait Stepwise: Journal {
    /// Its recovery.
    type Recovery: Recovery<Self>;
}

/// [`Journal::open`] of a journal that recovers in steps: one after the other.
///
/// # Errors
/// As for [`Journal::open`].
#[inline]
pub(crate) fn open<J: Stepwise>(
    device: &mut dyn BlockDevice,
    options: &J::Options,
    replay: &mut dyn FnMut(Entry<'_>),
) -> Result<(J, Opened), Error> {
    let mut recovery = J::Recovery::begin(options);
    loop {
        if let Some(opened) = recovery.step(device, options, replay)? {
            return Ok(opened);
        }
    }
}

/// The recovery of any journal: one step, [`Journal::open`].
pub struct Whole<J>(PhantomData<fn() -> J>);

impl<J> core::fmt::Debug for Whole<J> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Whole")
    }
}

impl<J> Clone for Whole<J> {
    fn clone(&self) -> Self {
        Whole(PhantomData)
    }
}

impl<J: Journal> Recovery<J> for Whole<J> {
    fn begin(_: &J::Options) -> Self {
        Whole(PhantomData)
    }

    fn step(
        &mut self,
        device: &mut dyn BlockDevice,
        options: &J::Options,
        replay: &mut dyn FnMut(Entry<'_>),
    ) -> Result<Option<(J, Opened)>, Error> {
        J::open(device, options, replay).map(Some)
    }
}

/// Any journal as one that recovers in steps: in one.
#[derive(Debug)]
pub struct Plain<J>(J);

impl<J: Journal> Stepwise for Plain<J> {
    type Recovery = Whole<Self>;
}

impl<J: Journal> Journal for Plain<J> {
    type Options = J::Options;

    fn promises(options: &J::Options) -> Promises {
        J::promises(options)
    }

    fn limits(options: &J::Options, geometry: Geometry) -> Limits {
        J::limits(options, geometry)
    }

    fn format(
        device: &mut dyn BlockDevice,
        options: &J::Options,
        entropy: Entropy,
    ) -> Result<(), Error> {
        J::format(device, options, entropy)
    }

    fn open(
        device: &mut dyn BlockDevice,
        options: &J::Options,
        replay: &mut dyn FnMut(Entry<'_>),
    ) -> Result<(Self, Opened), Error> {
        J::open(device, options, replay).map(|(journal, opened)| (Plain(journal), opened))
    }

    fn resume(&mut self, device: &mut dyn BlockDevice, how: Resume) -> Result<(), Error> {
        self.0.resume(device, how)
    }

    fn append(&mut self, device: &mut dyn BlockDevice, payload: &[u8]) -> Result<Lsn, Error> {
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
