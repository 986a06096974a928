//! Annotated decoding: what each byte of a journal image means, and where a reader would stop.
//!
//! The one idea: a format tells its fields to a callback, in the order a reader meets them. The
//! command line prints them beside a hexdump, the HTML report draws them.
//!
//! Invariant: works on any bytes. A field that makes no sense is told as such, never a panic.
//!
//! What it is not: recovery. It may look at more of the image than recovery does.

use alloc::string::String;

use crate::device::{BlockDevice, DeviceError};
use crate::journal::Journal;

/// How a reader takes a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// Read and believed.
    Good,
    /// The reader stops here: the ordinary end of the log.
    Stop,
    /// The reader stops or skips here because something is wrong.
    Bad,
    /// Not looked at by a reader (padding, slack).
    Unread,
}

/// One stretch of bytes and its meaning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// First byte, from the start of the journal's device.
    pub at_bytes: u64,
    /// Length in bytes.
    pub bytes: u64,
    /// The field's name in the byte table, such as `block 3: durable_upto`.
    pub name: String,
    /// Its value, and what is wrong with it if anything.
    pub value: String,
    /// How a reader takes it.
    pub mark: Mark,
}

/// A journal whose images can be told byte by byte.
pub trait Inspect: Journal {
    /// Tells the fields of the image on `device`, in the order a reader meets them.
    ///
    /// # Errors
    /// Only what the device answers besides unreadable sectors, which are told as fields.
    fn inspect(
        device: &mut dyn BlockDevice,
        options: &Self::Options,
        tell: &mut dyn FnMut(Field),
    ) -> Result<(), DeviceError>;
}
