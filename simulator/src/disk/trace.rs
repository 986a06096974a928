//! The trace: what was written, in which call, and when it was flushed.
//!
//! The one idea: the disk is an append-only list of versions with, for each sector ever touched, a
//! link to its newest one (`newest.rs`). A power cut is a remark in that list, and going back is cutting it
//! short, so a crash state costs what recovery reads and never the size of the image.
//!
//! Invariant: `rewind(mark())` restores everything, and what happened before a mark is never
//! changed, only followed by newer versions.
//!
//! What it is not: knowledge of contracts. It says which call wrote what; what survives is worked
//! out in `undecided.rs`.

use std::ops::Range;

use super::arena::{Arena, ContentId, NOISE_SECTORS};
use super::newest::{Newest, Run};

/// No version: the sector holds what it held before the trace.
pub const NONE: u32 = u32::MAX;

/// What untouched sectors hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[cfg_attr(feature = "program", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Fill {
    /// Zeros, as a fresh file.
    Zeros,
    /// 0xFF, as erased flash.
    Ones,
    /// Noise, as a used disk.
    Noise,
}

/// One write command.
#[derive(Clone, Copy, Debug)]
pub struct Command {
    /// First sector.
    pub lba: u64,
    /// Sectors.
    pub sectors: u32,
    /// Content of its first sector; the others follow, unless it puts the same on all.
    pub content: ContentId,
    /// The call it belongs to.
    pub call: u32,
    /// Its write call's number among write calls.
    pub rank: u32,
    /// The lowest drain that lets it reach the medium (see `Latent::Drain`).
    pub floor: u32,
    /// Stable once completed, whatever the cache does.
    pub fua: bool,
    /// A flush that covered it failed: no later flush makes it stable.
    pub dropped: bool,
    /// All its sectors have the one content.
    pub same: bool,
    /// Of some of its sectors it has no version: it wrote back what they held.
    pub keeps: bool,
    /// The first crash point at which it is on the medium for certain, or `NONE`; known once its
    /// life was sealed.
    pub stable_from: u32,
    /// The last version that came about with it.
    pub last: u32,
}

impl Command {
    /// What it puts on its sector number `i`.
    #[inline]
    #[must_use]
    pub fn content_of(&self, i: u32) -> ContentId {
        if self.same { self.content } else { ContentId(self.content.0 + i) }
    }
}

/// The content of one sector as of some moment.
#[derive(Clone, Copy, Debug)]
pub struct Version {
    /// What it holds.
    pub content: ContentId,
    /// The command that wrote it, or `NONE` for a decision.
    pub command: u32,
    /// The call during which it came about.
    pub call: u32,
    /// The one before it that is its sector's own, or `NONE`: for [`Trace::older`].
    pub prev: u32,
}

/// What a device call was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallKind {
    /// Write commands, in flight together.
    Write,
    /// A flush.
    Flush,
}

/// One device call that changes something.
#[derive(Clone, Copy, Debug)]
pub struct Call {
    /// Writes or flush.
    pub kind: CallKind,
    /// First command that belongs to it or comes after it.
    pub first_command: u32,
    /// Calls below this were stable when it began.
    pub stable_before: u32,
}

/// A power cut.
#[derive(Clone, Copy, Debug)]
pub struct Cut {
    /// Tells it from all other cuts of this trace, also from those that were taken back.
    pub id: u64,
    /// First call of the life that it ended.
    pub life_start: u32,
    /// The call in flight, or the number of calls if none was.
    pub at: u32,
    /// Where the cut is one of several in a row and none has been told from the others yet, the
    /// first of them, and `at` is the last. Otherwise `at`.
    pub from: u32,
    /// Calls below this were stable (at `from`).
    pub stable_before: u32,
    /// Calls below this had been settled: no cut of this life can reach them.
    pub settled: u32,
    /// Calls of that life, and of those before it.
    pub calls: u32,
    /// Versions of that life, and of those before it.
    pub versions: u32,
    /// Calls below this were stable at the end of that life.
    stable_at_end: u32,
}

/// A moment to come back to.
#[derive(Clone, Copy, Debug)]
pub struct Mark {
    /// Contents by then.
    pub arena: usize,
    commands: usize,
    versions: usize,
    calls: usize,
    cuts: usize,
    undo: usize,
    stable_before: u32,
    settled: u32,
    epoch_rank: u32,
    ranks: u32,
    life_start: u32,
    life_version: u32,
    certain: (u32, u32),
    dropped: bool,
    sealed: u32,
    /// The last cut: its `from`, `at` and `stable_before`.
    window: (u32, u32, u32),
}

/// The trace.
#[derive(Clone, Debug)]
pub struct Trace {
    /// Contents.
    pub arena: Arena,
    /// Commands, in order of submission.
    pub commands: Vec<Command>,
    /// Versions, in order of coming about.
    pub versions: Vec<Version>,
    /// Calls that change something, in order.
    pub calls: Vec<Call>,
    /// Cuts, in order.
    pub cuts: Vec<Cut>,
    /// First call of the present life.
    pub life_start: u32,
    /// First version of the present life. A life may read and decide without a single call, so
    /// calls alone do not tell lives apart.
    pub life_version: u32,
    /// Calls below this are stable.
    pub stable_before: u32,
    /// Calls below this are stable for good: a long rest, or a cut, lies behind them.
    pub settled: u32,
    /// So many calls stay at risk after they completed.
    pub late_calls: u32,
    /// Calls of the last life whose versions were certainly stable at its cut.
    pub certain: Range<u32>,
    /// A flush failed: not all that a later one covered is stable.
    pub dropped: bool,
    /// How many calls there were when the commands of the present life were last told from when on
    /// they are stable.
    sealed: u32,
    /// Write calls so far.
    pub ranks: u32,
    /// Number of the first write call since the last flush.
    pub epoch_rank: u32,
    newest: Newest,
    undo: Vec<(usize, u32)>,
    /// Room for a list of sectors.
    own: Vec<u64>,
    fill: Fill,
    /// Cuts that there were, those taken back included.
    cut_ids: u64,
}

impl Trace {
    /// An empty trace over a medium of so many bytes per sector.
    #[must_use]
    pub fn new(sector_bytes: usize, fill: Fill, late_calls: u32) -> Self {
        Trace {
            arena: Arena::new(sector_bytes),
            commands: Vec::new(),
            versions: Vec::new(),
            calls: Vec::new(),
            cuts: Vec::new(),
            life_start: 0,
            life_version: 0,
            stable_before: 0,
            settled: 0,
            late_calls,
            certain: 0..0,
            dropped: false,
            sealed: NONE,
            ranks: 0,
            epoch_rank: 0,
            newest: Newest::default(),
            undo: Vec::new(),
            own: Vec::new(),
            fill,
            cut_ids: 0,
        }
    }

    /// The number of the next call.
    #[inline]
    #[must_use]
    pub fn now(&self) -> u32 {
        self.calls.len() as u32
    }

    /// What a sector held before the trace.
    #[inline]
    #[must_use]
    pub fn original(&self, lba: u64) -> ContentId {
        match self.fill {
            Fill::Zeros => ContentId::ZEROS,
            Fill::Ones => ContentId::ONES,
            Fill::Noise => ContentId(ContentId::NOISE.0 + (lba % u64::from(NOISE_SECTORS)) as u32),
        }
    }

    /// The newest version of a sector, or `NONE`.
    #[inline]
    #[must_use]
    pub fn newest(&self, lba: u64) -> u32 {
        self.newest.get(lba)
    }

    /// Puts a version in front of the others of its sector.
    #[inline]
    pub fn put(&mut self, lba: u64, content: ContentId, command: u32, call: u32) {
        let place = self.newest.place(lba);
        let entry = self.newest.at(place);
        let prev = std::mem::replace(entry, self.versions.len() as u32);
        self.undo.push((place, prev));
        self.versions.push(Version { content, command, call, prev });
    }

    /// The sectors of the versions that came about since a mark, but for those of runs, in order.
    pub fn put_since(&self, mark: &Mark) -> impl Iterator<Item = u64> {
        self.undo[mark.undo..].iter().map(|&(place, _)| self.newest.sector(place))
    }

    /// The version before `version` of a sector, which links to `prev`, or `NONE`.
    #[inline]
    #[must_use]
    pub fn older(&self, lba: u64, version: u32, prev: u32) -> u32 {
        self.newest.older(lba, version, prev)
    }

    /// Puts one content on the sectors of a command, which is the newest: one version for all sectors
    /// that have none of their own.
    pub fn put_run(&mut self, command: u32, call: u32) {
        let Command { lba, sectors, content, .. } = self.commands[command as usize];
        let end = lba + u64::from(sectors);
        let mut own = std::mem::take(&mut self.own);
        own.extend(self.newest.with_entry(lba, end));
        own.drain(..).for_each(|lba| self.put(lba, content, command, call));
        self.own = own;
        self.newest.put_run((lba, end), self.versions.len() as u32, content);
        self.versions.push(Version { content, command, call, prev: NONE });
    }

    /// Whether the sectors of `from..to` without versions of their own all hold `content`, whatever a
    /// cut makes of what was written to them since the disk was settled. May say no where they do.
    #[must_use]
    pub fn holds(&self, from: u64, to: u64, content: ContentId) -> bool {
        self.newest.hold((from, to), content, self.original(from) == content)
    }

    /// The sectors of `from..to` that have versions of their own, in no order.
    pub fn with_own(&self, from: u64, to: u64) -> impl Iterator<Item = u64> {
        self.newest.with_entry(from, to)
    }

    /// Commands side by side that each put one content on all their sectors, newest first.
    pub fn runs(&self) -> impl Iterator<Item = &Run> {
        self.newest.runs()
    }

    /// How many sectors of `from..to` have a version.
    #[must_use]
    pub fn count(&self, from: u64, to: u64) -> u64 {
        self.newest.count(from, to)
    }

    /// Sectors that have a version, in order of address.
    #[must_use]
    pub fn touched(&self) -> Vec<u64> {
        self.newest.sectors()
    }

    /// Bytes of all that was recorded, by the sizes of what is in it.
    #[must_use]
    pub fn kept_bytes(&self) -> u64 {
        let lists = size_of_val(&self.commands[..])
            + size_of_val(&self.versions[..])
            + size_of_val(&self.calls[..])
            + size_of_val(&self.cuts[..])
            + size_of_val(&self.undo[..])
            + self.newest.run_bytes();
        self.arena.kept_bytes() + lists as u64
    }

    /// Bytes of the table of newest versions.
    #[must_use]
    pub fn table_bytes(&self) -> u64 {
        self.newest.table_bytes()
    }

    /// Begins a call.
    #[inline]
    pub fn begin_call(&mut self, kind: CallKind) -> u32 {
        let call = self.now();
        self.calls.push(Call {
            kind,
            first_command: self.commands.len() as u32,
            stable_before: self.stable_before,
        });
        call
    }

    /// This moment.
    #[must_use]
    pub fn mark(&self) -> Mark {
        Mark {
            arena: self.arena.len(),
            commands: self.commands.len(),
            versions: self.versions.len(),
            calls: self.calls.len(),
            cuts: self.cuts.len(),
            undo: self.undo.len(),
            stable_before: self.stable_before,
            settled: self.settled,
            epoch_rank: self.epoch_rank,
            ranks: self.ranks,
            life_start: self.life_start,
            life_version: self.life_version,
            certain: (self.certain.start, self.certain.end),
            dropped: self.dropped,
            sealed: self.sealed,
            window: self.cuts.last().map_or((0, 0, 0), |c| (c.from, c.at, c.stable_before)),
        }
    }

    /// Back to a moment. Allocates and frees nothing.
    pub fn rewind(&mut self, mark: &Mark) {
        for &(place, newest) in self.undo[mark.undo..].iter().rev() {
            *self.newest.at(place) = newest;
        }
        self.undo.truncate(mark.undo);
        self.newest.truncate_runs(mark.versions as u32);
        self.arena.truncate(mark.arena);
        self.commands.truncate(mark.commands);
        self.versions.truncate(mark.versions);
        self.calls.truncate(mark.calls);
        self.cuts.truncate(mark.cuts);
        self.stable_before = mark.stable_before;
        self.settled = mark.settled;
        self.epoch_rank = mark.epoch_rank;
        self.ranks = mark.ranks;
        self.life_start = mark.life_start;
        self.life_version = mark.life_version;
        self.certain = mark.certain.0..mark.certain.1;
        self.dropped = mark.dropped;
        self.sealed = mark.sealed;
        if let Some(cut) = self.cuts.last_mut() {
            (cut.from, cut.at, cut.stable_before) = mark.window;
        }
    }

    /// Makes everything so far stable for good.
    pub fn settle(&mut self) {
        self.stable_before = self.now();
        self.settled = self.now();
        self.epoch_rank = self.ranks;
        self.sealed = NONE;
        let start = self.calls.get(self.life_start as usize);
        let first = start.map_or(self.commands.len(), |call| call.first_command as usize);
        for command in &mut self.commands[first..] {
            command.dropped = false;
        }
    }

    /// Tells each command of the present life from which crash point on it is stable. Done by every
    /// cut; who does it before a mark saves it in the cuts after.
    pub fn seal(&mut self, write_through: bool) {
        if self.sealed == self.now() {
            return;
        }
        self.sealed = self.now();
        let start = self.calls.get(self.life_start as usize);
        let first = start.map_or(self.commands.len(), |call| call.first_command as usize);
        let mut point = self.life_start;
        for command in &mut self.commands[first..] {
            let stable_before = |point: u32| {
                self.calls.get(point as usize).map_or(self.stable_before, |c| c.stable_before)
            };
            while point <= self.sealed && stable_before(point) <= command.call {
                point += 1;
            }
            let flushed = if point > self.sealed || command.dropped { NONE } else { point };
            let done = command.call + 1;
            let at_once = write_through || command.fua;
            let stable_from = if at_once { done.min(flushed) } else { flushed };
            command.stable_from = match command.call < self.settled || stable_from == NONE {
                true => stable_from,
                false => stable_from.max(done.saturating_add(self.late_calls)),
            };
        }
    }

    /// The first crash point from `at` on, of the present life, which is sealed, such that something
    /// becomes stable between it and the one after it.
    #[must_use]
    pub fn next_event(&self, at: u32) -> Option<u32> {
        let start = self.calls.get(self.life_start as usize);
        let first = start.map_or(self.commands.len(), |call| call.first_command as usize);
        let stable_from = self.commands[first..].iter().map(|command| command.stable_from);
        stable_from.filter(|&from| from > at && from != NONE).min().map(|from| from - 1)
    }

    /// What the sector with the newest version `newest` holds under a contract that couples nothing,
    /// where the crash points that are left allow one content only: whatever was written later never
    /// was. `None` where there may be more, or where it takes more to tell.
    #[inline]
    #[must_use]
    pub fn only(&self, lba: u64, newest: u32) -> Option<ContentId> {
        let cut = self.cuts.last()?;
        let mut at = newest;
        while at != NONE {
            let version = self.versions[at as usize];
            if version.call <= cut.at {
                let stands = version.command == NONE
                    || (version.call >= cut.life_start
                        && self.commands[version.command as usize].stable_from <= cut.from);
                return stands.then_some(version.content);
            }
            at = self.older(lba, at, version.prev);
        }
        Some(self.original(lba))
    }

    /// Cuts the power during a call of `from..=at` (or after all calls). What was recorded after
    /// `at` in this life never happened.
    pub fn cut(&mut self, from: u32, at: u32) {
        self.cut_ids += 1;
        self.cuts.push(Cut {
            id: self.cut_ids,
            life_start: self.life_start,
            from,
            at,
            stable_before: 0,
            settled: self.settled.max(self.life_start),
            calls: self.now(),
            versions: self.versions.len() as u32,
            stable_at_end: self.stable_before,
        });
        self.narrow(from, at);
        (self.life_start, self.life_version) = (self.now(), self.versions.len() as u32);
        (self.stable_before, self.settled) = (self.now(), self.now());
        self.epoch_rank = self.ranks;
        self.sealed = NONE;
    }

    /// The last cut is now known to have come during a call of `from..=at`.
    #[inline]
    pub fn narrow(&mut self, from: u32, at: u32) {
        let cut = self.cuts.last_mut().expect("narrowed after a cut");
        (cut.from, cut.at) = (from, at);
        cut.stable_before = match self.calls.get(from as usize) {
            Some(call) if from < cut.calls => call.stable_before,
            _ => cut.stable_at_end,
        };
        let certain = if self.dropped { cut.life_start } else { cut.stable_before };
        let in_time = from.saturating_sub(self.late_calls).max(cut.settled);
        self.certain = cut.life_start..certain.min(in_time);
    }
}
