//! Where a journal of this folder stands between `open` and its last failure.
//!
//! The one idea: three states, and every call asks first.
//!
//! ```text
//! open -> Opened --resume--> Ready --a device error--> Poisoned
//!            |                                             ^
//!            +------------- a device error ----------------+
//! ```
//!
//! Invariant: once a call has failed on the device nobody knows what is on it, and nothing is
//! promised any more: no way leads out of `Poisoned` but to open again. The crash that this
//! prevents: a write fails and is dropped, the next flush succeeds, and what it never covered is
//! acknowledged.
//!
//! What it is not: aware of what a call does, or of errors before the device was asked.

use crate::device::DeviceError;
use crate::journal::Error;

/// Where a journal stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// It was opened, and may be resumed.
    Opened,
    /// It takes entries.
    Ready,
    /// The device failed it.
    Poisoned,
}

impl State {
    /// Whether it takes entries.
    pub(super) fn ready(self) -> Result<(), Error> {
        match self {
            State::Ready => Ok(()),
            State::Opened => Err(Error::NotResumed),
            State::Poisoned => Err(Error::Poisoned),
        }
    }

    /// Whether it may be resumed: once.
    pub(super) fn resumable(self) -> Result<(), Error> {
        match self {
            State::Opened => Ok(()),
            State::Ready => Err(Error::Other("resumed already".into())),
            State::Poisoned => Err(Error::Poisoned),
        }
    }

    /// What came of a step that touched the device; a failure poisons.
    pub(super) fn after<T>(&mut self, step: Result<T, DeviceError>) -> Result<T, Error> {
        step.map_err(|error| {
            *self = State::Poisoned;
            Error::Device(error)
        })
    }
}
