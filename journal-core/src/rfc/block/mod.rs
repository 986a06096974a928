//! V9: the journal of the qcow2 RFC rebuilt from blocks that prove themselves.
//!
//! The one idea: nothing that was acknowledged is ever written again. A commit fills whole blocks
//! of its own, each salted, numbered and chained to the one before; the pair of headers says where
//! the log starts and which salt counts; a new generation is a new header, not an erased area.
//!
//! | file | concern |
//! |---|---|
//! | `layout` | where a block is |
//! | `codec` | the bytes of a block |
//! | `append` | append, commit |
//! | `recover` | open: the walk, the look-ahead, the decision table |
//! | `resume` | new generations, carry, forget, checkpoint |
//! | `inspect` | annotated decoding |
//!
//! Contract: the blast radius of a write is at most a block, and a flush is honoured. Torn, lost
//! and reordered writes are then survived. Where flushes are ignored acknowledged entries may be
//! missing, but no entry is wrong and none between two others is missing.
//!
//! Invariant: blocks `start_seq .. next` were all flushed, and no block of theirs is overwritten
//! before a header that starts behind them was flushed.
//!
//! What it is not: proof against damage at rest to the last commit. With nothing behind it, such
//! damage looks like a torn write. And with `salted: false` it is not even sound: that variant is
//! here to show what the salt is for.

mod append;
mod codec;
mod inspect;
mod layout;
mod recover;
mod resume;

use alloc::vec::Vec;

pub use layout::Seq;
pub use recover::{BlockRecovery, Conditions, RULES, Row, Rule, decide};

use crate::device::{BlockDevice, Geometry};
use crate::journal::{Entropy, Entry, Error, Journal, Limits, Lsn, Opened, Promises, Resume};
use crate::rfc::header::{Generation, Header, HeaderPair, HeaderSeq, Magic, Salt};
use crate::steps::{Recovery, Stepwise};
use codec::Front;
use layout::Layout;

/// What is not on the disk, or is needed to make one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct BlockOptions {
    /// Bytes of a block: 512 or 4096. At least what the device may damage around a write.
    pub block_bytes: u32,
    /// Whether each generation has a salt of its own. Without it (flawed on purpose) blocks of an
    /// abandoned tail can come back.
    pub salted: bool,
    /// Most blocks of a commit, and so the most that are ever unflushed. Only `format` asks; later
    /// the header tells.
    pub window: u32,
}

impl BlockOptions {
    /// v9-512.
    pub const V9_512: BlockOptions = BlockOptions { block_bytes: 512, salted: true, window: 8 };
    /// v9-4096.
    pub const V9_4096: BlockOptions = BlockOptions { block_bytes: 4096, salted: true, window: 8 };
    /// v9-nosalt, flawed on purpose.
    pub const V9_NOSALT: BlockOptions = BlockOptions { salted: false, ..Self::V9_512 };
}

/// Whether the journal takes entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Opened,
    Ready,
    Poisoned,
}

/// Entries on their way into a commit: `blocks` blocks lie in the buffer, the last of them open.
#[derive(Clone, Copy, Debug)]
struct Pending {
    blocks: u32,
    /// Bytes of entries in the open block.
    used: u32,
    /// Entries in the open block.
    index: u64,
    /// The chain up to the last closed block.
    chain: u32,
    last: Lsn,
}

/// Everything but the buffer.
#[derive(Clone, Copy, Debug)]
struct State {
    pair: HeaderPair,
    layout: Layout,
    /// The header that counts, as it is on the disk.
    header: Header,
    front: Front,
    salted: bool,
    phase: Phase,
    /// Where the next commit goes.
    next: Seq,
    /// The first place that recovery found not good: `next`, or later where a commit was cut.
    stop: Seq,
    /// The checksum of the block before `next`.
    chain: u32,
    /// Blocks that carrying over has added to the numbers of survivors in this life: entries keep
    /// their names, while their blocks move.
    renumbered: u64,
    /// The last durable entry.
    acked: Lsn,
    pending: Pending,
}

/// A V9 journal.
#[derive(Debug)]
pub struct BlockJournal {
    state: State,
    /// The blocks of the commit that is being filled.
    buffer: Vec<u8>,
}

impl Clone for BlockJournal {
    fn clone(&self) -> Self {
        BlockJournal { state: self.state, buffer: self.buffer.clone() }
    }

    /// Keeps the buffer's memory: a harness goes back to a snapshot without allocating.
    fn clone_from(&mut self, source: &Self) {
        self.state = source.state;
        self.buffer.clone_from(&source.buffer);
    }
}

/// Bits of a name for the place within a block: the smallest entry has 2 bytes.
const INDEX_BITS: u32 = 12;
const _: () = assert!((4096 - codec::HEAD_BYTES) / codec::TLV_BYTES < 1 << INDEX_BITS);

impl BlockJournal {
    /// The name of an entry: block and place, one up, so that zero names nothing.
    fn name(block: u64, index: u64) -> Lsn {
        Lsn((block << INDEX_BITS | index) + 1)
    }

    /// The header that counts.
    #[must_use]
    pub fn header(&self) -> &Header {
        &self.state.header
    }

    /// Where the next commit goes.
    #[must_use]
    pub fn next(&self) -> Seq {
        self.state.next
    }

    /// Runs `work`; if it fails, nothing can be promised until the journal is opened again.
    fn or_poison<T>(
        &mut self,
        work: impl FnOnce(&mut Self) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let done = work(self);
        if done.is_err() {
            self.state.phase = Phase::Poisoned;
        }
        done
    }

    fn ready(&self) -> Result<(), Error> {
        match self.state.phase {
            Phase::Ready => Ok(()),
            Phase::Opened => Err(Error::NotResumed),
            Phase::Poisoned => Err(Error::Poisoned),
        }
    }
}

impl Stepwise for BlockJournal {
    type Recovery = BlockRecovery;
}

impl Journal for BlockJournal {
    type Options = BlockOptions;

    /// A commit is recovered whole or not at all, and with it each group in it.
    fn promises(_: &BlockOptions) -> Promises {
        Promises {
            atomic_groups: true,
            honesty: true,
            resynchronises: false,
            shows_uncommitted: false,
        }
    }

    fn limits(_: &BlockOptions, _: Geometry) -> Limits {
        Limits { payload_min: 0, payload_max: codec::PAYLOAD_MAX as u32, groups: true }
    }

    fn format(
        device: &mut dyn BlockDevice,
        options: &BlockOptions,
        entropy: Entropy,
    ) -> Result<(), Error> {
        let (pair, layout) = Layout::for_format(options, device.geometry())?;
        let salt = if options.salted { Salt(entropy) } else { Salt::ZERO };
        if !options.salted {
            // Blocks of an earlier journal have the same salt: none.
            resume::erase(device, &layout, Seq(0), u64::from(layout.nblocks), &mut Vec::new())?;
            device.flush()?;
        }
        let header = Header {
            unit_bytes: options.block_bytes,
            header_seq: HeaderSeq(0),
            generation: Generation(1),
            salt,
            start_seq: 0,
            nblocks: layout.nblocks,
            window: layout.window,
            start_prev_crc: salt.crc(),
        };
        pair.format(device, Magic::V9, header)?;
        Ok(())
    }

    fn open(
        device: &mut dyn BlockDevice,
        options: &BlockOptions,
        replay: &mut dyn FnMut(Entry<'_>),
    ) -> Result<(Self, Opened), Error> {
        let mut recovery = BlockRecovery::begin(options);
        loop {
            if let Some(opened) = recovery.step(device, options, replay)? {
                return Ok(opened);
            }
        }
    }

    fn resume(&mut self, device: &mut dyn BlockDevice, how: Resume) -> Result<(), Error> {
        if self.state.phase == Phase::Poisoned {
            return Err(Error::Poisoned);
        }
        self.or_poison(|journal| journal.begin(device, how))
    }

    fn append(&mut self, _: &mut dyn BlockDevice, payload: &[u8]) -> Result<Lsn, Error> {
        self.ready()?;
        self.put(payload)
    }

    fn commit(&mut self, device: &mut dyn BlockDevice) -> Result<Lsn, Error> {
        self.ready()?;
        if self.state.pending.blocks == 0 {
            return Ok(self.state.acked);
        }
        self.or_poison(|journal| journal.write_commit(device))
    }

    fn checkpoint(&mut self, device: &mut dyn BlockDevice, upto: Lsn) -> Result<(), Error> {
        self.ready()?;
        self.or_poison(|journal| journal.free(device, upto))
    }
}
