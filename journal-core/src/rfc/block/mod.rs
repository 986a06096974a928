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
//! | `recover`, `decide` | open: the walk, the look-ahead; the decision table |
//! | `resume` | new generations, carry, forget, checkpoint |
//! | `inspect` | annotated decoding |
//!
//! That is V9. The other points of the grid that frame in blocks run on the same machine:
//!
//! | file | what they do otherwise |
//! |---|---|
//! | `variant` | the bytes of a block |
//! | `sealed` | commits that own their blocks: padding units, commit records, the pointer |
//! | `open_tail` | tails that are rewritten, or kept in slots by turns |
//! | `renew` | living on anew or in place, forgetting |
//! | `clear` | wiping |
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

mod ahead;
mod append;
mod clear;
mod codec;
mod decide;
mod inspect;
mod layout;
mod open_tail;
mod options;
mod read;
mod recover;
mod renew;
mod resume;
mod sealed;
mod variant;

use alloc::boxed::Box;
use alloc::vec::Vec;

pub use decide::{Conditions, RULES, Row, Rule, decide};
pub use layout::Seq;
pub use options::BlockOptions;
pub use recover::BlockRecovery;

use crate::device::{BlockDevice, Geometry};
use crate::journal::{
    Damage, Entropy, Entry, Error, Journal, Limits, Lsn, Opened, Promises, Resume,
};
use crate::rfc::header::{Generation, Header, HeaderPair, HeaderSeq, Magic, Salt};
use crate::steps::{self, Stepwise};
use codec::Front;
use layout::Layout;
use open_tail::Tail;
use recover::Found;
use variant::Variant;

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

/// Everything of V9 but the buffer.
#[derive(Clone, Copy, Debug)]
struct State {
    pair: HeaderPair,
    layout: Layout,
    /// The header that counts, as it is on the disk.
    header: Header,
    /// Of V9: see [`Front::V9`].
    front: u32,
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

/// What the points of the grid besides V9 know more.
#[derive(Clone, Copy, Debug)]
struct Extra {
    options: BlockOptions,
    variant: Variant,
    /// What recovery found to be the open block, until `resume` opens it.
    tail: Option<Tail>,
    /// Whether the block `next` is on the disk and in the buffer: an open tail.
    open: bool,
    /// How often the first pending block was written before.
    tail_version: u32,
    /// Bytes of its entries that a record covers.
    tail_committed: u16,
    /// The tail slot that is written next.
    slot: u64,
}

/// A V9 journal.
#[derive(Debug)]
pub struct BlockJournal {
    state: State,
    /// The blocks of the commit that is being filled.
    buffer: Vec<u8>,
    /// None is V9, whose journals are copied for each crash state: the rest stays out of their way.
    extra: Option<Box<Extra>>,
}

impl Clone for BlockJournal {
    fn clone(&self) -> Self {
        BlockJournal { state: self.state, buffer: self.buffer.clone(), extra: self.extra.clone() }
    }

    /// Keeps the buffer's memory: a harness goes back to a snapshot without allocating.
    fn clone_from(&mut self, source: &Self) {
        self.state = source.state;
        self.buffer.clone_from(&source.buffer);
        match (&mut self.extra, &source.extra) {
            (Some(to), Some(from)) => **to = **from,
            (to, from) => *to = from.clone(),
        }
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

    /// What the blocks of this generation have in common.
    #[inline(always)]
    fn front(&self) -> Front {
        match &self.extra {
            None => Front::V9(self.state.front, self.state.header.salt),
            Some(extra) => Front::Variant(extra.variant),
        }
    }

    fn magic(&self) -> Magic {
        self.extra.as_ref().map_or(Magic::V9, |extra| extra.options.magic())
    }

    /// Of a point besides V9.
    fn extra(&self) -> &Extra {
        self.extra.as_deref().expect("asked at no point of the ladder")
    }

    /// Of a point besides V9.
    fn extra_mut(&mut self) -> &mut Extra {
        self.extra.as_deref_mut().expect("asked at no point of the ladder")
    }

    /// The journal that a recovery found, with what it says of it. `spoiled` is where the header copy
    /// lies that does not count, if it cannot be believed.
    fn opened(
        options: &BlockOptions,
        (pair, layout, header, front): (HeaderPair, Layout, Header, Front),
        spoiled: Option<u64>,
        found: Found,
        extra: Option<Box<Extra>>,
    ) -> (Self, Opened) {
        let spoiled = spoiled.map(|at_bytes| Damage {
            at_bytes,
            proven: false,
            what: "a header copy: a torn switch, or a newer header that was damaged",
        });
        // What is proven must not hide behind what is only suspected.
        let damage = match found.damage {
            Some(damage) if damage.proven => Some(damage),
            other => spoiled.or(other),
        };
        let opened = Opened { entries: found.entries, end: found.end, damage };
        let (chain, last) = (found.chain, found.last);
        let state = State {
            pair,
            layout,
            header,
            front: front.v9(),
            salted: options.salted,
            phase: Phase::Opened,
            next: found.next,
            stop: found.stop,
            chain,
            renumbered: 0,
            acked: last,
            pending: Pending { blocks: 0, used: 0, index: 0, chain, last },
        };
        (BlockJournal { state, buffer: Vec::new(), extra }, opened)
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
    fn promises(options: &BlockOptions) -> Promises {
        let groups = options.keeps_commits_whole();
        Promises {
            atomic_groups: groups,
            honesty: options.tells_damage(),
            resynchronises: false,
            shows_uncommitted: !groups,
        }
    }

    fn limits(options: &BlockOptions, _: Geometry) -> Limits {
        let groups = options.keeps_commits_whole();
        Limits { payload_min: 0, payload_max: options.payload_max(), groups }
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
            resume::erase(device, &layout, Seq(0), u64::from(layout.nblocks))?;
            clear::erase_slots(device, &layout, options)?;
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
            start_prev_crc: options.front(salt, &layout).first_link(salt),
            strategy: options.code(),
            pointer: options.first_pointer(),
        };
        pair.format(device, options.magic(), header)?;
        Ok(())
    }

    fn open(
        device: &mut dyn BlockDevice,
        options: &BlockOptions,
        replay: &mut dyn FnMut(Entry<'_>),
    ) -> Result<(Self, Opened), Error> {
        steps::open(device, options, replay)
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
        match &self.extra {
            None => self.or_poison(|journal| journal.write_commit(device)),
            Some(extra) if !extra.options.stays_open() => {
                self.or_poison(|journal| journal.write_sealed(device))
            }
            Some(_) if self.has_news() => self.or_poison(|journal| journal.write_open(device)),
            Some(_) => Ok(self.state.acked),
        }
    }

    fn checkpoint(&mut self, device: &mut dyn BlockDevice, upto: Lsn) -> Result<(), Error> {
        self.ready()?;
        self.or_poison(|journal| journal.free(device, upto))
    }
}
