//! Twins: small logs that are sound, and the same with one flaw each.
//!
//! The one idea: a harness that says "sound" must be seen to say "flawed". Three sound bases, and
//! some fifty deviations from them of one place each; every deviation is a journal of its own in
//! the list, and `corpus/cases` holds for each the experiment that must catch it, and that its
//! sound twin must pass.
//!
//! | base | proves its records by | goes on after a crash |
//! |---|---|---|
//! | `Log` | a checksum in each | in a new generation, with a new salt, in the other area |
//! | `Erase` | a checksum in each | behind the survivors, after zeros and a flush |
//! | `CommitRecord` | a record after a flush, with FUA | as `Log` |
//!
//! | file | concern |
//! |---|---|
//! | `flaw` | the list of flaws |
//! | `bytes` | the bytes of a slot and of a record |
//! | `layout` | where they are |
//! | `recover` | open |
//! | `write` | append, commit, generations |
//! | `inspect` | annotated decoding |
//!
//! Invariant: without a flaw a twin keeps all it promises on every device that honours flush and
//! whose torn writes stay within a physical sector.
//!
//! What it is not: a journal to use. It copies what it can copy.

mod bytes;
mod flaw;
mod inspect;
mod layout;
mod recover;
mod write;

use std::cell::{Cell, RefCell};

use journal_core::{
    BlockDevice, End, Entropy, Entry, Error, Geometry, Journal, Limits, Lsn, Opened, Promises,
    Resume, Stepwise, Whole,
};

use bytes::{Head, Header};
pub use flaw::{About, Flaw};
use layout::Layout;

/// How a twin proves its records and goes on after a crash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Base {
    /// Checksums; a new generation at each recovery.
    Log,
    /// Checksums; the tail is cut by erasing it.
    Erase,
    /// No checksum over entries; a commit record, written with FUA after a flush.
    CommitRecord,
}

impl Base {
    /// All bases.
    pub const ALL: [Base; 3] = [Base::Log, Base::Erase, Base::CommitRecord];

    /// The name of its sound variant in the list of journals.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Base::Log => "twin-sound",
            Base::Erase => "twin-sound-erase",
            Base::CommitRecord => "twin-sound-commit-record",
        }
    }

    const fn does(self) -> &'static str {
        match self {
            Base::Log => "the sound twin: checksummed records, two areas, mirrored headers",
            Base::Erase => "the sound twin that cuts a torn tail by erasing it",
            Base::CommitRecord => "the sound twin with commit records: flush, then FUA",
        }
    }
}

/// Which twin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TwinOptions {
    /// The base.
    pub base: Base,
    /// What is wrong with it, if anything.
    pub flaw: Option<Flaw>,
}

impl TwinOptions {
    /// The sound twin of a base.
    #[must_use]
    pub const fn sound(base: Base) -> TwinOptions {
        TwinOptions { base, flaw: None }
    }

    /// A twin with a flaw.
    #[must_use]
    pub const fn flawed(flaw: Flaw) -> TwinOptions {
        TwinOptions { base: flaw.base(), flaw: Some(flaw) }
    }

    fn has(self, flaw: Flaw) -> bool {
        self.flaw == Some(flaw)
    }
}

/// All twins: name, options, a line about each. The sound ones first.
pub fn rows() -> impl Iterator<Item = (&'static str, TwinOptions, &'static str)> {
    let sound = Base::ALL.map(|base| (base.name(), TwinOptions::sound(base), base.does()));
    let flawed = Flaw::ALL.iter().map(|&flaw| {
        let about = flaw.about();
        (about.name, TwinOptions::flawed(flaw), about.does)
    });
    sound.into_iter().chain(flawed)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Opened,
    Ready,
    Poisoned,
}

/// A twin.
#[derive(Clone, Debug)]
pub struct TwinLog {
    options: TwinOptions,
    layout: Layout,
    header: Header,
    /// The slot that holds the header that counts.
    slot: u32,
    phase: Phase,
    /// Entries that are durable, from the header's `start_lsn` on.
    live: Vec<Vec<u8>>,
    /// Entries that wait for a commit.
    pending: Vec<Vec<u8>>,
    /// Where the last durable record ends in the area.
    end_at: u64,
    /// Where the last pending one will end.
    filled: u64,
    /// What the last sector holds, where records share it.
    tail: Vec<u8>,
    torn: Option<Head>,
    ended_torn: bool,
    /// Commits of this generation.
    commits: u64,
    entropy: Entropy,
    switches: u64,
}

/// Largest payload: far more than a case needs.
const PAYLOAD_MAX: u32 = 1 << 16;

thread_local! {
    /// Opens since the last format: what `nondeterministic` depends on.
    static OPENS: Cell<u64> = const { Cell::new(0) };
    /// What `remembers` was given since the last format.
    static REMEMBERED: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
}

impl TwinLog {
    /// Runs `work`; if it fails, nothing can be promised until the journal is opened again.
    fn or_poison<T>(
        &mut self,
        work: impl FnOnce(&mut Self) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let done = work(self);
        if done.is_err() && !self.options.has(Flaw::ContinuesAfterNoSpace) {
            self.phase = Phase::Poisoned;
        }
        done
    }

    fn ready(&self) -> Result<(), Error> {
        match self.phase {
            Phase::Ready => Ok(()),
            Phase::Opened => Err(Error::NotResumed),
            Phase::Poisoned => Err(Error::Poisoned),
        }
    }

    /// Where an entry of `bytes` bytes would end behind `at`, with the commit record it needs.
    fn end_of(&self, at: u64, bytes: u32) -> (u64, u64) {
        let end = self.layout.aligned(at) + bytes::size(self.options, bytes);
        let needs = match self.options.base {
            Base::CommitRecord => self.layout.aligned(end) + bytes::size(self.options, 0),
            _ => end,
        };
        (end, needs)
    }

    fn room_for_pending(&mut self) {
        let mut at = self.end_at;
        for entry in &self.pending {
            at = self.end_of(at, entry.len() as u32).0;
        }
        self.filled = at;
    }

    fn next_lsn(&self) -> u64 {
        self.header.start_lsn + (self.live.len() + self.pending.len()) as u64
    }
}

impl Stepwise for TwinLog {
    type Recovery = Whole<Self>;
}

impl Journal for TwinLog {
    type Options = TwinOptions;

    fn promises(options: &TwinOptions) -> Promises {
        let commit_record = options.base == Base::CommitRecord;
        Promises {
            atomic_groups: commit_record,
            honesty: !commit_record,
            resynchronises: false,
            shows_uncommitted: !commit_record,
        }
    }

    fn limits(_: &TwinOptions, _: Geometry) -> Limits {
        Limits { payload_min: 0, payload_max: PAYLOAD_MAX, groups: false }
    }

    fn format(
        device: &mut dyn BlockDevice,
        options: &TwinOptions,
        entropy: Entropy,
    ) -> Result<(), Error> {
        let layout = Layout::new(*options, device.geometry())?;
        OPENS.set(0);
        REMEMBERED.take();
        let salt = journal_core::Checksum::Xxh3.of(&[&entropy]);
        let header = Header { generation: 1, salt, start_lsn: 1, area: 0, mounts: 0 };
        let sector = header.sector(layout.sector as usize);
        for slot in 0..2 {
            device.write_one(layout.slot(slot), &sector)?;
        }
        Ok(device.flush()?)
    }

    fn open(
        device: &mut dyn BlockDevice,
        options: &TwinOptions,
        replay: &mut dyn FnMut(Entry<'_>),
    ) -> Result<(Self, Opened), Error> {
        let options = *options;
        let layout = Layout::new(options, device.geometry())?;
        let (header, slot) = recover::newest(device, options, &layout)?;
        if options.has(Flaw::Nondeterministic) && OPENS.replace(OPENS.get() + 1) % 2 == 1 {
            // FLAW nondeterministic: read ahead, if the scheduler likes.
            let _ = recover::see(device, options, &layout, &header, layout.unit)?;
        }
        let mut found = recover::walk(device, options, &layout, &header, replay)?;
        if options.has(Flaw::Remembers) {
            // FLAW remembers: what the disk lost is still here.
            let more = REMEMBERED.with_borrow(|all| all.get(found.live.len()..).map(<[_]>::to_vec));
            for payload in more.unwrap_or_default() {
                let lsn = Lsn(header.start_lsn + found.live.len() as u64);
                replay(Entry { lsn, payload: &payload });
                found.live.push(payload);
            }
        }
        let entries = found.live.len() as u64;
        let mut journal = TwinLog {
            options,
            layout,
            header,
            slot,
            phase: Phase::Opened,
            live: found.live,
            pending: Vec::new(),
            end_at: found.end_at,
            filled: found.end_at,
            tail: Vec::new(),
            torn: found.torn,
            ended_torn: found.end == End::Torn,
            commits: 0,
            entropy: [0; 16],
            switches: 0,
        };
        // FLAW open-writes: a crash here has changed what the next open finds.
        if options.has(Flaw::OpenWrites) {
            journal.count_mount(device)?;
        }
        Ok((journal, Opened { entries, end: found.end, damage: found.damage }))
    }

    fn resume(&mut self, device: &mut dyn BlockDevice, how: Resume) -> Result<(), Error> {
        if self.phase == Phase::Poisoned {
            return Err(Error::Poisoned);
        }
        self.entropy = how.entropy;
        self.or_poison(|journal| journal.begin(device, how.survivors))?;
        self.phase = Phase::Ready;
        Ok(())
    }

    fn append(&mut self, _: &mut dyn BlockDevice, payload: &[u8]) -> Result<Lsn, Error> {
        self.ready()?;
        let bytes = payload.len() as u64;
        if bytes > u64::from(PAYLOAD_MAX) {
            return Err(Error::PayloadSize { bytes, min: 0, max: PAYLOAD_MAX });
        }
        let (end, needs) = self.end_of(self.filled, payload.len() as u32);
        let full = match self.options.flaw {
            // FLAW always-full: nothing can be lost that was never taken.
            Some(Flaw::AlwaysFull) => true,
            // FLAW full-forever: the same, after a first entry for show.
            Some(Flaw::FullForever) => self.next_lsn() > 1,
            // FLAW one-entry-only: full, and honestly so.
            Some(Flaw::OneEntryOnly) => self.filled > 0,
            _ => needs > self.layout.area_bytes,
        };
        if full {
            let free = self.layout.area_bytes.saturating_sub(self.filled);
            return Err(Error::Full { needed: needs - self.filled, free });
        }
        // FLAW poisoned-by-tear: open did not refuse, but this does.
        if self.options.has(Flaw::PoisonedByTear) && self.ended_torn {
            return Err(Error::Poisoned);
        }
        let lsn = Lsn(self.next_lsn());
        self.filled = end;
        self.pending.push(payload.to_vec());
        if self.options.has(Flaw::Remembers) {
            REMEMBERED.with_borrow_mut(|all| all.push(payload.to_vec()));
        }
        // FLAW lsn-stands-still: one name for all.
        Ok(if self.options.has(Flaw::LsnStandsStill) { Lsn(1) } else { lsn })
    }

    fn commit(&mut self, device: &mut dyn BlockDevice) -> Result<Lsn, Error> {
        self.ready()?;
        let before = self.acked();
        if !self.pending.is_empty() {
            if self.options.has(Flaw::DoesNothing) {
                // FLAW does-nothing: a good memory.
                self.live.append(&mut self.pending);
            } else {
                self.or_poison(|journal| journal.write_commit(device))?;
            }
        }
        Ok(match self.options.flaw {
            Some(Flaw::LsnStandsStill) => Lsn(1),
            // FLAW ack-lags: what is not acknowledged is not owed.
            Some(Flaw::AckLags) => before,
            _ => self.acked(),
        })
    }

    fn checkpoint(&mut self, device: &mut dyn BlockDevice, upto: Lsn) -> Result<(), Error> {
        self.ready()?;
        let released = (upto.0 + 1).saturating_sub(self.header.start_lsn);
        let released = released.min(self.live.len() as u64) as usize;
        if released == 0 {
            return Ok(());
        }
        let keep = match self.options.flaw {
            // FLAW forgets-at-checkpoint: tidy.
            Some(Flaw::ForgetsAtCheckpoint) => 0,
            _ => self.live.len() - released,
        };
        self.or_poison(|journal| journal.switch(device, keep))
    }
}
