//! The qcow2 RFC journal and its amendments, as points of one grid.
//!
//! The one idea: a [`Strategy`] is data, and [`RfcJournal`] runs whichever it is given. Two
//! machines serve the whole grid, one per framing.
//!
//! Invariant: every [`Strategy`] that exists can be formatted and opened on a device that is large
//! enough; combinations that make no sense cannot be made.
//!
//! What it is not: a dispatch in the hot path of anything but the simulator. Who wants one journal
//! takes [`StreamJournal`] or [`BlockJournal`].

pub mod block;
pub mod entry;
pub mod grid;
pub mod header;
pub mod place;
pub mod refusal;
pub mod selection;
pub mod spelling;
pub mod strategy;
pub mod stream;

pub use block::{BlockJournal, BlockOptions, BlockRecovery};
pub use refusal::Refusal;
pub use spelling::SpellingError;
pub use strategy::{LADDER, Strategy};
pub use stream::{StreamJournal, StreamOptions, StreamRecovery};

use alloc::boxed::Box;

use crate::device::{BlockDevice, DeviceError, Geometry};
use crate::inspect::{Field, Inspect};
use crate::journal::{Entropy, Entry, Error, Journal, Limits, Lsn, Opened, Promises, Resume};
use crate::rfc::strategy::Framing;
use crate::steps::{self, Recovery, Stepwise};

/// Most blocks of a block journal that are ever unflushed.
const WINDOW_BLOCKS: u32 = 8;

/// Which of the family to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RfcOptions {
    /// The point of the grid.
    pub strategy: Strategy,
}

/// The machine of a strategy, with its options.
enum Machine {
    Stream(StreamOptions),
    Block(BlockOptions),
}

const NO_BLOCKS: &str = "what is not in blocks is a stream";

impl RfcOptions {
    fn machine(self) -> Machine {
        let strategy = self.strategy;
        match strategy.framing() {
            Framing::Block { .. } => Machine::Block(
                BlockOptions::of(&strategy).expect("this arm has the framing of blocks"),
            ),
            Framing::Stream | Framing::StreamLiteral => {
                Machine::Stream(StreamOptions::new(strategy).expect(NO_BLOCKS))
            }
        }
    }
}

/// A journal of the family.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "the journal in blocks opens without allocating")]
pub enum RfcJournal {
    /// Entries straight in clusters. It is the larger one: boxed, the other stays small to copy.
    Stream(Box<StreamJournal>),
    /// Entries in blocks.
    Block(BlockJournal),
}

impl Clone for RfcJournal {
    fn clone(&self) -> Self {
        match self {
            RfcJournal::Stream(journal) => RfcJournal::Stream(journal.clone()),
            RfcJournal::Block(journal) => RfcJournal::Block(journal.clone()),
        }
    }

    fn clone_from(&mut self, source: &Self) {
        match (self, source) {
            (RfcJournal::Stream(to), RfcJournal::Stream(from)) => (**to).clone_from(from),
            (RfcJournal::Block(to), RfcJournal::Block(from)) => to.clone_from(from),
            (to, from) => *to = from.clone(),
        }
    }
}

/// A recovery of the family.
#[derive(Clone, Debug)]
pub enum RfcRecovery {
    /// Entry by entry, or by what the device lends.
    Stream(StreamOptions, StreamRecovery),
    /// Block by block.
    Block(BlockOptions, BlockRecovery),
}

impl Stepwise for RfcJournal {
    type Recovery = RfcRecovery;
}

impl Recovery<RfcJournal> for RfcRecovery {
    fn begin(options: &RfcOptions) -> Self {
        // Recovery is what a harness runs most, so the machine is not asked for its name first.
        match BlockOptions::of(&options.strategy) {
            Some(options) => RfcRecovery::Block(options, BlockRecovery::begin(&options)),
            None => {
                let options = StreamOptions::new(options.strategy).expect(NO_BLOCKS);
                RfcRecovery::Stream(options, StreamRecovery::begin(&options))
            }
        }
    }

    #[inline]
    fn step(
        &mut self,
        device: &mut dyn BlockDevice,
        _: &RfcOptions,
        replay: &mut dyn FnMut(Entry<'_>),
    ) -> Result<Option<(RfcJournal, Opened)>, Error> {
        match self {
            RfcRecovery::Block(options, recovery) => {
                let opened = recovery.step(device, options, replay)?;
                Ok(opened.map(|(journal, opened)| (RfcJournal::Block(journal), opened)))
            }
            RfcRecovery::Stream(options, recovery) => {
                let opened = recovery.step(device, options, replay)?;
                Ok(opened.map(|(journal, opened)| (RfcJournal::Stream(Box::new(journal)), opened)))
            }
        }
    }
}

impl Journal for RfcJournal {
    type Options = RfcOptions;

    fn promises(options: &RfcOptions) -> Promises {
        match options.machine() {
            Machine::Stream(options) => StreamJournal::promises(&options),
            Machine::Block(options) => BlockJournal::promises(&options),
        }
    }

    fn limits(options: &RfcOptions, geometry: Geometry) -> Limits {
        match options.machine() {
            Machine::Stream(options) => StreamJournal::limits(&options, geometry),
            Machine::Block(options) => BlockJournal::limits(&options, geometry),
        }
    }

    fn format(
        device: &mut dyn BlockDevice,
        options: &RfcOptions,
        entropy: Entropy,
    ) -> Result<(), Error> {
        match options.machine() {
            Machine::Stream(options) => StreamJournal::format(device, &options, entropy),
            Machine::Block(options) => BlockJournal::format(device, &options, entropy),
        }
    }

    fn open(
        device: &mut dyn BlockDevice,
        options: &RfcOptions,
        replay: &mut dyn FnMut(Entry<'_>),
    ) -> Result<(Self, Opened), Error> {
        steps::open(device, options, replay)
    }

    fn resume(&mut self, device: &mut dyn BlockDevice, how: Resume) -> Result<(), Error> {
        match self {
            RfcJournal::Stream(journal) => journal.resume(device, how),
            RfcJournal::Block(journal) => journal.resume(device, how),
        }
    }

    fn append(&mut self, device: &mut dyn BlockDevice, payload: &[u8]) -> Result<Lsn, Error> {
        match self {
            RfcJournal::Stream(journal) => journal.append(device, payload),
            RfcJournal::Block(journal) => journal.append(device, payload),
        }
    }

    fn end_group(&mut self, device: &mut dyn BlockDevice) -> Result<(), Error> {
        match self {
            RfcJournal::Stream(journal) => journal.end_group(device),
            RfcJournal::Block(journal) => journal.end_group(device),
        }
    }

    fn commit(&mut self, device: &mut dyn BlockDevice) -> Result<Lsn, Error> {
        match self {
            RfcJournal::Stream(journal) => journal.commit(device),
            RfcJournal::Block(journal) => journal.commit(device),
        }
    }

    fn checkpoint(&mut self, device: &mut dyn BlockDevice, upto: Lsn) -> Result<(), Error> {
        match self {
            RfcJournal::Stream(journal) => journal.checkpoint(device, upto),
            RfcJournal::Block(journal) => journal.checkpoint(device, upto),
        }
    }
}

impl Inspect for RfcJournal {
    fn inspect(
        device: &mut dyn BlockDevice,
        options: &RfcOptions,
        tell: &mut dyn FnMut(Field),
    ) -> Result<(), DeviceError> {
        match options.machine() {
            Machine::Stream(options) => StreamJournal::inspect(device, &options, tell),
            Machine::Block(options) => BlockJournal::inspect(device, &options, tell),
        }
    }
}
