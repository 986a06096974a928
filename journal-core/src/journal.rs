//! The seam above the device: what a journal is to its user and to the harness.
//!
//! The one idea: six verbs. `format` an area, `open` it (reads only), `resume` appending,
//! `append`, `commit` (acknowledge), `checkpoint` (forget a prefix). Everything a journal promises
//! is said in terms of the calls and their returns, so an oracle never has to look at a sector.
//!
//! Invariant: `Ok` from [`Journal::commit`] is the acknowledgement. Whatever the journal knew
//! before a power cut is gone after it: the only way back is [`Journal::open`].
//!
//! What it is not: a file format. Each journal keeps its bytes in a file of its own.

use alloc::string::String;
use core::fmt;

use crate::device::{BlockDevice, DeviceError};

/// Names an entry in a journal, growing with every append. The journal chooses the scale; the
/// harness only relates what `append` returned to what `commit` returned.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Lsn(pub u64);

impl fmt::Display for Lsn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "lsn {}", self.0)
    }
}

/// Sixteen bytes that the caller draws afresh for each new generation: from a random source in
/// production, from the case in the simulator, so that runs stay deterministic.
pub type Entropy = [u8; 16];

/// An entry as recovery hands it out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry<'a> {
    /// Its name.
    pub lsn: Lsn,
    /// What was appended, byte for byte.
    pub payload: &'a [u8],
}

/// What to do with the entries that an `open` handed out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Survivors {
    /// A log: they live on in this journal.
    Carry,
    /// A redo journal: the caller has applied them and made that durable; the journal starts
    /// empty. To the oracles this is a checkpoint.
    Forget,
}

/// How to begin a new generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resume {
    /// Carry the survivors or forget them.
    pub survivors: Survivors,
    /// Fresh bytes for a salt, if the journal uses one.
    pub entropy: Entropy,
}

/// How the log ended, as far as recovery could tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum End {
    /// At a place that looks never written, or written by an older generation.
    Clean,
    /// At something that was being written when the power went: a torn or unreadable tail.
    Torn,
    /// The area is used to its last byte.
    AreaEnd,
}

/// Damage that recovery noticed. It is data, not an error: the caller decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Damage {
    /// Where, in bytes from the start of the journal's device.
    pub at_bytes: u64,
    /// Whether something durable that lies later proves that acknowledged entries are affected.
    pub proven: bool,
    /// What was expected there, in a few words.
    pub what: &'static str,
}

/// What an `open` found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opened {
    /// Entries handed out.
    pub entries: u64,
    /// How the log ended.
    pub end: End,
    /// Damage noticed on the way, the first piece of it.
    pub damage: Option<Damage>,
}

/// What a journal signs up to beyond durability, order and integrity. Oracles for the rest are
/// evaluated only where the journal promises.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Promises {
    /// The entries of a group are recovered all or none.
    pub atomic_groups: bool,
    /// Damage to acknowledged entries is reported where something later proves it.
    pub honesty: bool,
    /// Recovery may skip damaged stretches and go on behind them (LevelDB resynchronises at the
    /// next block). The order oracle still judges; this says that a gap is by design.
    pub resynchronises: bool,
    /// Recovery hands out entries that were not yet committed if they are intact. Journals with a
    /// commit record do not.
    pub shows_uncommitted: bool,
}

/// Sizes a journal takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Smallest payload, bytes.
    pub payload_min: u32,
    /// Largest payload, bytes.
    pub payload_max: u32,
    /// Whether `end_group` is meaningful.
    pub groups: bool,
}

/// Why a journal could not do what was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// The device failed.
    Device(DeviceError),
    /// No room for this entry now; a checkpoint may make some.
    Full {
        /// Bytes needed.
        needed: u64,
        /// Bytes free.
        free: u64,
    },
    /// The payload is outside [`Limits`].
    PayloadSize {
        /// Bytes given.
        bytes: u64,
        /// Smallest taken.
        min: u32,
        /// Largest taken.
        max: u32,
    },
    /// `append` or `commit` before `resume`.
    NotResumed,
    /// An earlier error left the journal unable to promise anything: open it again.
    Poisoned,
    /// The area is too small, or the options do not fit the device.
    Unfit {
        /// What is wrong.
        what: &'static str,
        /// What the journal wants (bytes, sectors, as `what` says).
        want: u64,
        /// What it was given.
        got: u64,
    },
    /// There is no journal of this kind here.
    NotAJournal {
        /// What was looked for.
        what: &'static str,
        /// Where, in bytes.
        at_bytes: u64,
    },
    /// A journal refuses to open because of damage. Legal for a user's journal, and a violation of
    /// availability wherever the contract owes that.
    Refused {
        /// What was found.
        what: &'static str,
        /// Where, in bytes.
        at_bytes: u64,
    },
    /// Anything else, in the journal's own words.
    Other(String),
}

impl From<DeviceError> for Error {
    fn from(error: DeviceError) -> Self {
        Error::Device(error)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Device(error) => write!(f, "device: {error}"),
            Error::Full { needed, free } => {
                write!(f, "journal full: {needed} bytes needed, {free} free; checkpoint first")
            }
            Error::PayloadSize { bytes, min, max } => {
                write!(f, "payload of {bytes} bytes, this journal takes {min} to {max}")
            }
            Error::NotResumed => write!(f, "append before resume: call resume after open"),
            Error::Poisoned => write!(f, "journal poisoned by an earlier error: open it again"),
            Error::Unfit { what, want, got } => write!(f, "{what}: want {want}, got {got}"),
            Error::NotAJournal { what, at_bytes } => {
                write!(f, "no journal here: expected {what} at byte {at_bytes}")
            }
            Error::Refused { what, at_bytes } => {
                write!(f, "refused to open: {what} at byte {at_bytes}")
            }
            Error::Other(words) => f.write_str(words),
        }
    }
}

impl core::error::Error for Error {}

/// A journal: ours, one that people run, or the user's own.
///
/// The device is handed to every call instead of being owned, so that a crash can be a clone and
/// several journals can share one disk.
pub trait Journal: Sized {
    /// What a journal needs to know that is not on the disk.
    type Options;

    /// What it signs up to with these options.
    fn promises(options: &Self::Options) -> Promises;

    /// Sizes it takes with these options on that device.
    fn limits(options: &Self::Options, geometry: crate::Geometry) -> Limits;

    /// Makes an empty journal out of the whole device, durably.
    ///
    /// # Errors
    /// [`Error::Unfit`] where the device is too small, and whatever the device answers.
    fn format(
        device: &mut dyn BlockDevice,
        options: &Self::Options,
        entropy: Entropy,
    ) -> Result<(), Error>;

    /// Reads the journal and hands out what survived, in order. Writes nothing. Damage is data in
    /// [`Opened`]; an error is for what leaves nothing to open.
    ///
    /// # Errors
    /// [`Error::NotAJournal`] where there is none.
    fn open(
        device: &mut dyn BlockDevice,
        options: &Self::Options,
        replay: &mut dyn FnMut(Entry<'_>),
    ) -> Result<(Self, Opened), Error>;

    /// Makes the journal ready to append: begins a new generation, cuts the tail, carries or
    /// forgets the survivors. When it returns, what `open` handed out is durable (or durably
    /// forgotten).
    ///
    /// # Errors
    /// Whatever the device answers; the journal must then be opened again.
    fn resume(&mut self, device: &mut dyn BlockDevice, how: Resume) -> Result<(), Error>;

    /// Adds an entry, which may stay in memory until the next commit.
    ///
    /// # Errors
    /// [`Error::Full`], [`Error::PayloadSize`], [`Error::NotResumed`], or the device's.
    fn append(&mut self, device: &mut dyn BlockDevice, payload: &[u8]) -> Result<Lsn, Error>;

    /// The entries since the last group form one atomic group. Journals without groups ignore it.
    ///
    /// # Errors
    /// The device's.
    fn end_group(&mut self, device: &mut dyn BlockDevice) -> Result<(), Error> {
        let _ = device;
        Ok(())
    }

    /// Makes everything appended so far durable. `Ok` is the acknowledgement, up to that name.
    ///
    /// # Errors
    /// The device's; then nothing new is acknowledged.
    fn commit(&mut self, device: &mut dyn BlockDevice) -> Result<Lsn, Error>;

    /// Entries up to and with `upto` may be forgotten. A journal may ignore it.
    ///
    /// # Errors
    /// The device's.
    fn checkpoint(&mut self, device: &mut dyn BlockDevice, upto: Lsn) -> Result<(), Error>;
}
