//! The stream journal: V8 as the RFC has it, and the amendments that keep its form.
//!
//! The one idea: entries straight in clusters, without blocks, can be made as sound as one likes by
//! answering the reviewer's two questions differently. [`StreamOptions`] holds the answers; the
//! files here hold one concern each:
//!
//! | file | concern |
//! |---|---|
//! | `area` | where the parts lie |
//! | `replay` | recovery in steps, from the headers to the opened journal |
//! | `recover`, `decide` | walking the log; what to do at each place |
//! | `slot` | the tail slots of the ping-pong journal |
//! | `compose`, `append`, `commit` | writing it |
//! | `forget`, `clear` | forgetting it; writing FF over it |
//! | `resume`, `in_place` | from opened to ready, by a new generation or without one |
//! | `inspect` | the image, told byte by byte |
//!
//! What erases before it writes (V8, V8r, V8c) writes a line: from the first cluster to the last,
//! then [`Error::Full`]. What has a mark (V8ce and what follows) writes a ring behind a header pair,
//! of which at most half is live.
//!
//! Invariant: recovery shows every whole entry up to the first one that is not. On the ladder, and
//! wherever the commit rule is a flush, an entry is its own commit, and is shown whether it was
//! committed or not; elsewhere nothing is shown that the last commit record, or the pointer, does
//! not cover.
//!
//! What it is not: sound in all its variants. The flaws of V8 and V8c are kept, because they are
//! what the harness has to find.

use alloc::vec::Vec;

use crate::device::{BlockDevice, DeviceError, Geometry};
use crate::journal::{Entropy, Entry, Error, Journal, Limits, Lsn, Opened, Promises, Resume};
use crate::rfc::entry::{CLUSTER_BYTES, Key, LogOffset};
use crate::rfc::header::{Generation, Header, HeaderPair, HeaderSeq, Salt};
use crate::rfc::strategy::{CommitRule, TailWrite};
use crate::steps::{self, Stepwise};

use area::Area;
use compose::Composer;
use recover::Log;
use slot::Tails;

mod append;
mod area;
mod by_parts;
mod clear;
mod commit;
mod compose;
mod decide;
mod forget;
mod in_place;
mod inspect;
mod options;
mod recover;
mod replay;
mod resume;
mod slot;

pub use options::StreamOptions;
pub use replay::StreamRecovery;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Opened,
    Ready,
    Poisoned,
}

/// No header: what a line has instead of one.
const HEADERLESS: Header = Header {
    unit_bytes: CLUSTER_BYTES,
    header_seq: HeaderSeq(0),
    generation: Generation(0),
    salt: Salt::ZERO,
    start_seq: 0,
    nblocks: 0,
    window: 0,
    start_prev_crc: 0,
    strategy: Header::UNSPELLED,
    pointer: Header::POINTLESS,
};

/// A stream journal. An entry's [`Lsn`] counts from 1 with the first one that `open` hands out.
#[derive(Debug)]
pub struct StreamJournal {
    options: StreamOptions,
    area: Area,
    phase: Phase,
    /// The header that counts; of a line, nothing.
    header: Header,
    key: Key,
    /// Cluster the log starts in.
    start_cluster: u64,
    /// Where the next entry goes.
    at: LogOffset,
    /// The last entry's name.
    lsn: u64,
    /// Whether anything was appended since the last commit.
    dirty: bool,
    /// Entries of unknown types that open went past.
    unknown: u64,
    /// The cluster of `at` as it shall be; empty until the first append.
    image: Vec<u8>,
    /// Bytes of the image, from the tail's sector on, that are known. Beyond: to be read first.
    known: usize,
    /// Bytes of the image that were written and will not be again (not of `Rewrite`).
    written: usize,
    /// Of a line: clusters from the first on that may hold anything but FF.
    used_clusters: u64,
    /// The newest tail slot's number.
    slot_number: u64,
    /// Room for composing a tail slot; empty until the first.
    slot: Vec<u8>,
    /// Of a ring: the first entry of each live cluster but the first.
    firsts: Vec<First>,
}

/// The name of the first entry of a cluster, and what the cluster is chained to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct First {
    lsn: u64,
    link: u32,
}

impl Clone for StreamJournal {
    fn clone(&self) -> Self {
        StreamJournal {
            image: self.image.clone(),
            slot: self.slot.clone(),
            firsts: self.firsts.clone(),
            ..*self
        }
    }

    /// Keeps the memory: a harness clones a journal for each crash state.
    fn clone_from(&mut self, source: &Self) {
        let mut image = core::mem::take(&mut self.image);
        let mut slot = core::mem::take(&mut self.slot);
        let mut firsts = core::mem::take(&mut self.firsts);
        image.clone_from(&source.image);
        slot.clone_from(&source.slot);
        firsts.clone_from(&source.firsts);
        *self = StreamJournal { image, slot, firsts, ..*source };
    }
}

impl StreamJournal {
    /// Entries of types that this version does not know, skipped by the last open.
    #[must_use]
    pub fn unknown_entries(&self) -> u64 {
        self.unknown
    }

    fn composer(&self) -> Composer {
        Composer { dialect: self.options.dialect, key: self.key }
    }

    fn log(&self) -> Log<'static> {
        let start = LogOffset::of_cluster(self.start_cluster);
        Log {
            area: self.area,
            dialect: self.options.dialect,
            key: self.key.behind(self.header.start_prev_crc),
            start,
            until: None,
            tails: None,
        }
    }

    /// The same up to what recovery has shown.
    fn shown_log(&self) -> Log<'static> {
        let until = (self.options.commit != CommitRule::Flush).then_some(self.at);
        Log { until, ..self.log() }
    }

    /// What slots and carried entries are checked with.
    const fn salt(&self) -> Salt {
        self.header.salt
    }

    fn pair(&self, device: &dyn BlockDevice) -> Result<HeaderPair, Error> {
        HeaderPair::new(CLUSTER_BYTES, device.geometry())
    }

    /// Bytes that are filled up, or kept in a slot until they are.
    fn unit_bytes(&self) -> usize {
        match self.options.tail {
            TailWrite::PadPhysical | TailWrite::PingPong => self.area.physical_bytes as usize,
            TailWrite::Fresh => CLUSTER_BYTES as usize,
            _ => self.area.sector_bytes as usize,
        }
    }

    fn ready(&self) -> Result<(), Error> {
        match self.phase {
            Phase::Ready => Ok(()),
            Phase::Opened => Err(Error::NotResumed),
            Phase::Poisoned => Err(Error::Poisoned),
        }
    }

    /// After an error of the device nobody knows what of the last write is on it.
    fn poison_on<T>(&mut self, result: Result<T, Error>) -> Result<T, Error> {
        if !matches!(result, Ok(_) | Err(Error::Full { .. } | Error::PayloadSize { .. })) {
            self.phase = Phase::Poisoned;
        }
        result
    }

    /// The journal before its log was read.
    fn start(
        device: &mut dyn BlockDevice,
        options: &StreamOptions,
    ) -> Result<(Self, Option<u64>), Error> {
        let mut area = Area::new(options, device.geometry())?;
        let (mut header, mut spoiled) = (HEADERLESS, None);
        if options.has_header() {
            let pair = HeaderPair::new(CLUSTER_BYTES, device.geometry())?;
            let newest = pair.read_newest(device, options.magic())?;
            (header, spoiled) = (newest.header, newest.spoiled);
            area = area.under(options, &header)?;
        }
        let key = if options.dialect.salted { Key::new(header.salt) } else { Key::default() };
        let journal = StreamJournal {
            options: *options,
            area,
            phase: Phase::Opened,
            header,
            key: key.in_ring(header.nblocks).behind(header.start_prev_crc),
            start_cluster: header.start_seq,
            at: LogOffset::of_cluster(header.start_seq),
            lsn: 0,
            dirty: false,
            unknown: 0,
            image: Vec::new(),
            known: 0,
            written: 0,
            used_clusters: area.clusters,
            slot_number: 0,
            slot: Vec::new(),
            firsts: Vec::new(),
        };
        Ok((journal, spoiled))
    }

    /// The tail slots, if the journal has any.
    fn tails(&self, device: &mut dyn BlockDevice) -> Result<Option<Tails>, DeviceError> {
        if self.options.tail != TailWrite::PingPong {
            return Ok(None);
        }
        let keyed = (self.options.dialect.sum, self.salt());
        Tails::read(device, self.options.slots_from(), keyed).map(Some)
    }
}

impl Stepwise for StreamJournal {
    type Recovery = StreamRecovery;
}

impl Journal for StreamJournal {
    type Options = StreamOptions;

    fn promises(options: &StreamOptions) -> Promises {
        let groups = options.commit != CommitRule::Flush;
        Promises {
            atomic_groups: groups,
            honesty: false,
            resynchronises: false,
            shows_uncommitted: !groups,
        }
    }

    fn limits(options: &StreamOptions, _: Geometry) -> Limits {
        let payload_max = options.dialect.payload_max() as u32;
        Limits { payload_min: 0, payload_max, groups: options.commit != CommitRule::Flush }
    }

    fn format(
        device: &mut dyn BlockDevice,
        options: &StreamOptions,
        entropy: Entropy,
    ) -> Result<(), Error> {
        let area = Area::new(options, device.geometry())?;
        let salt = if options.dialect.salted { Salt(entropy) } else { Salt::ZERO };
        if !options.dialect.salted {
            // What an earlier journal left has the same salt: none.
            area.erase(device, options, 0, area.clusters)?;
            device.flush()?;
        }
        if options.has_header() {
            let first = Header {
                header_seq: HeaderSeq(1),
                generation: Generation(1),
                salt,
                nblocks: area.clusters as u32,
                strategy: options.code,
                pointer: options.pointer(0),
                ..HEADERLESS
            };
            let pair = HeaderPair::new(CLUSTER_BYTES, device.geometry())?;
            pair.format(device, options.magic(), first)?;
        }
        Ok(())
    }

    fn open(
        device: &mut dyn BlockDevice,
        options: &StreamOptions,
        replay: &mut dyn FnMut(Entry<'_>),
    ) -> Result<(Self, Opened), Error> {
        steps::open(device, options, replay)
    }

    fn resume(&mut self, device: &mut dyn BlockDevice, how: Resume) -> Result<(), Error> {
        match self.phase {
            Phase::Poisoned => return Err(Error::Poisoned),
            Phase::Ready => return Err(Error::Other("resumed already: open it again".into())),
            Phase::Opened => {}
        }
        let begun = self.begin(device, how);
        if begun.is_err() {
            self.phase = Phase::Poisoned;
        }
        begun
    }

    fn append(&mut self, device: &mut dyn BlockDevice, payload: &[u8]) -> Result<Lsn, Error> {
        self.ready()?;
        let appended = self.append_entry(device, payload);
        self.poison_on(appended)
    }

    fn commit(&mut self, device: &mut dyn BlockDevice) -> Result<Lsn, Error> {
        self.ready()?;
        let committed = self.commit_entries(device);
        self.poison_on(committed)
    }

    fn checkpoint(&mut self, device: &mut dyn BlockDevice, upto: Lsn) -> Result<(), Error> {
        self.ready()?;
        let forgotten = self.checkpoint_upto(device, upto);
        self.poison_on(forgotten)
    }
}
