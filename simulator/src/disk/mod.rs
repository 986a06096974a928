//! The disk that asks.
//!
//! The one idea: the disk never draws a fault. Writes are recorded, and a power cut leaves what was
//! not yet durable *undecided*; when recovery reads such a sector, the disk works out which
//! contents the contract allows there, given every answer so far, and asks a chooser. What is never
//! read is never decided, so one run stands for all combinations of it.
//!
//! Invariant: the answers of one run are the view of at least one image that the contract allows,
//! and every such image is the view of some run. Reading twice gives the same answer.
//!
//! What it is not: a judge. It does not know what a journal is.

mod alike;
pub mod arena;
mod at_rest;
mod boxes;
mod chances;
mod classes;
mod clauses;
pub mod contract;
mod count;
mod damage;
mod demands;
mod denied;
mod drawn;
mod facts;
mod fault;
mod flips;
mod ground;
mod held;
mod kept;
mod linear;
mod listings;
mod live;
mod newest;
mod parted;
mod passed;
pub mod presets;
mod product;
mod readings;
mod residuals;
mod rested;
mod rules;
mod trace;
mod undecided;
mod verified;
mod worlds;

use journal_core::{DeviceError, Geometry, Lba};

use arena::ContentId;
use clauses::Clauses;
use contract::{CacheOrder, Contract};
use denied::Denied;
use facts::Facts;
use held::Held;
use listings::Listings;
use rules::Rules;
use trace::{NONE, Trace};
use verified::Verified;
use worlds::Worlds;

pub use alike::Names;
pub use chances::{Chances, Fraction};
pub use count::Universe;
pub use damage::{mix_kinds, mix_takes};
pub use denied::Denial;
pub use drawn::{Drawable, Image};
pub use fault::{Fault, FaultKind};
pub use kept::{COUNTING_SHARE, MEMORY_MAX};
pub use live::Live;
pub use passed::Collisions;
pub use trace::{CallKind, Fill};

/// What the device was asked to do, for cost figures. All counts since the last reset.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Traffic {
    /// Read calls.
    pub reads: u64,
    /// Bytes read.
    pub bytes_read: u64,
    /// Write commands.
    pub writes: u64,
    /// Bytes written.
    pub bytes_written: u64,
    /// Flushes.
    pub flushes: u64,
    /// Write commands with FUA.
    pub fua_writes: u64,
    /// Sectors written again that held something of this journal's already, since the last format:
    /// the read-modify-write question.
    pub sectors_rewritten: u64,
    /// Reads whose content had to be decided.
    pub decided: u64,
}

/// A simulated disk.
#[derive(Clone, Debug)]
pub struct Disk {
    geometry: Geometry,
    rules: Rules,
    trace: Trace,
    worlds: Worlds,
    /// What is known of undecided sectors without having been read.
    denied: Denied,
    clauses: Clauses,
    held: Held,
    listings: Listings,
    /// Checksums and searches are answered by what they tell, and not by reading.
    asks_classes: bool,
    /// Every answer of every question will be visited.
    visits_all: bool,
    collisions: Collisions,
    /// The power is not cut before the disk was settled.
    prepares: bool,
    /// The power went during the last call.
    dead: bool,
    operations: u32,
    fault: Option<Fault>,
    fault_fired: bool,
    traffic: Traffic,
    /// Reads that are still allowed, if they are limited.
    reads_left: Option<u64>,
    verified: Verified,
    options: Vec<undecided::Candidate>,
    /// Of which counting images may take a share.
    memory_max: u64,
    /// Crash points at which the answers to a test are possible.
    stretches: Vec<(u32, u32)>,
    /// During a life whose cut is left open: the first crash point that is still possible.
    open_from: Option<u32>,
    facts: Option<Box<Facts>>,
    /// Stand-ins were handed out at some time.
    stands_in: bool,
}

/// How much there is in the record of a disk: two equal stamps of one life, and nothing was written
/// or decided between them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// Calls that change something.
    pub calls: u32,
    /// Versions of sectors, decided ones too.
    versions: usize,
    /// Questions asked.
    decided: u64,
}

/// A moment to come back to.
#[derive(Clone, Debug)]
pub struct Mark {
    trace: trace::Mark,
    worlds: Option<Worlds>,
    denied: usize,
    clauses: usize,
    held: usize,
    dead: bool,
    operations: u32,
    fault_fired: bool,
    traffic: Traffic,
    reads_left: Option<u64>,
}

/// One write command as a person reads it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CommandView {
    /// First sector.
    pub lba: Lba,
    /// Sectors.
    pub sectors: u32,
    /// The call it belongs to, counted over the whole run.
    pub call: u32,
    /// Forced to the medium.
    pub fua: bool,
}

impl Disk {
    /// A disk of `bytes` under a contract, holding `fill` everywhere.
    ///
    /// # Errors
    /// What [`Contract::validate`] says, or that no sector fits.
    pub fn new(contract: &Contract, bytes: u64, fill: Fill) -> Result<Disk, String> {
        let rules = Rules::new(contract)?;
        let geometry = contract.geometry(bytes);
        if geometry.sectors == 0 {
            return Err(format!("expected room for a sector, found {bytes} bytes"));
        }
        Ok(Disk {
            geometry,
            rules,
            trace: Trace::new(contract.logical_bytes as usize, fill, contract.late_calls),
            worlds: Worlds::default(),
            denied: Denied::default(),
            clauses: Clauses::default(),
            held: Held::default(),
            listings: Listings::default(),
            asks_classes: false,
            visits_all: false,
            collisions: Collisions::default(),
            prepares: false,
            dead: false,
            operations: 0,
            fault: None,
            fault_fired: false,
            traffic: Traffic::default(),
            reads_left: None,
            verified: Verified::default(),
            options: Vec::new(),
            memory_max: MEMORY_MAX,
            stretches: Vec::new(),
            open_from: None,
            facts: None,
            stands_in: false,
        })
    }

    /// The contract it keeps.
    #[must_use]
    pub fn contract(&self) -> &Contract {
        &self.rules.contract
    }

    /// Its shape.
    #[must_use]
    pub fn geometry(&self) -> Geometry {
        self.geometry
    }

    /// Power cuts so far.
    #[must_use]
    pub fn cuts(&self) -> u32 {
        self.trace.cuts.len() as u32
    }

    /// Calls so far that change something, over all lives: the number the next one will have.
    #[must_use]
    pub fn calls(&self) -> u32 {
        self.trace.now()
    }

    /// What call `call` was.
    #[must_use]
    pub fn call_kind(&self, call: u32) -> Option<CallKind> {
        self.trace.calls.get(call as usize).map(|call| call.kind)
    }

    /// The commands so far, for pictures.
    #[must_use]
    pub fn commands(&self) -> Vec<CommandView> {
        let view = |c: &trace::Command| CommandView {
            lba: Lba(c.lba),
            sectors: c.sectors,
            call: c.call,
            fua: c.fua,
        };
        self.trace.commands.iter().map(view).collect()
    }

    /// What one sector of a command wrote.
    #[must_use]
    pub fn written(&self, command: u32, lba: Lba) -> Option<&[u8]> {
        let c = self.trace.commands.get(command as usize)?;
        let i = u32::try_from(lba.0.checked_sub(c.lba)?).ok().filter(|&i| i < c.sectors)?;
        Some(self.trace.arena.get(c.content_of(i)))
    }

    /// Sectors that were written or decided at some time, in order of address.
    #[must_use]
    pub fn touched(&self) -> Vec<Lba> {
        self.trace.touched().into_iter().map(Lba).collect()
    }

    /// What was asked of the disk since the last reset of the figures.
    #[must_use]
    pub fn traffic(&self) -> Traffic {
        self.traffic
    }

    /// Sets the figures back to zero.
    pub fn reset_traffic(&mut self) {
        self.traffic = Traffic::default();
    }

    /// Makes one operation fail, counted from now on, or none.
    pub fn set_fault(&mut self, fault: Option<Fault>) {
        self.fault = fault;
        self.fault_fired = false;
        self.operations = 0;
    }

    /// Allows so many reads from now on, or any number. Says whether the limit before was used up. A mark
    /// remembers how many are left.
    pub fn limit_reads(&mut self, reads: Option<u64>) -> bool {
        std::mem::replace(&mut self.reads_left, reads) == Some(0)
    }

    /// Reads that are still allowed, if they are limited.
    #[must_use]
    pub fn reads_left(&self) -> Option<u64> {
        self.reads_left
    }

    /// From now on [`Live`] asks, where a checksum or a search covers undecided sectors, only what
    /// the answer tells of them: each question then names a class of contents ([`What::Class`])
    /// and not a content. For searches that visit every answer; a case can not name such answers.
    ///
    /// [`What::Class`]: crate::choose::What::Class
    pub fn ask_classes(&mut self, whether: bool) {
        self.visits_all = whether;
        self.asks_classes = whether;
    }

    /// What has been taken for granted since this was last asked.
    pub fn take_collisions(&mut self) -> Collisions {
        std::mem::take(&mut self.collisions)
    }

    /// Operations since the fault was set.
    #[must_use]
    pub fn operations(&self) -> u32 {
        self.operations
    }

    /// Whether the fault has struck.
    #[must_use]
    pub fn fault_fired(&self) -> bool {
        self.fault_fired
    }

    /// Whether the power went during the last call.
    #[must_use]
    pub fn is_dead(&self) -> bool {
        self.dead
    }

    /// Makes everything so far stable, as a clean shutdown and a long rest do even on a device that
    /// ignores flushes.
    pub fn settle(&mut self) {
        self.trace.settle();
        self.prepares = false;
    }

    /// Cuts the power during call `at` of the present life, or after all calls with `at` equal to
    /// [`Disk::calls`]. What the recording has from there on never happened.
    ///
    /// # Panics
    /// When `at` lies before the present life.
    pub fn cut(&mut self, at: u32) {
        self.cut_between(at, at);
    }

    /// Cuts the power during one of the calls `from..=at` of the present life, and leaves open
    /// which: what is read will tell. Under a contract that couples sectors `from` must be `at`.
    ///
    /// # Panics
    /// When the calls are not of the present life, or are several under such a contract.
    pub fn cut_between(&mut self, from: u32, at: u32) {
        let calls = self.trace.life_start..=self.trace.now();
        assert!(calls.contains(&from) && calls.contains(&at), "no such call in this life");
        assert!(from == at || self.leaves_cuts_open(), "this contract wants to know the call");
        assert!(!self.prepares, "settled before the power is cut");
        self.carry_clauses();
        self.trace.seal(self.rules.contract.order == CacheOrder::WriteThrough);
        self.trace.cut(from, at);
        self.clauses.of_cut(self.trace.cuts.len() as u32);
        self.dead = false;
        self.open_from = None;
    }

    /// Whether [`Disk::cut_between`] may leave open where the cut was.
    #[must_use]
    pub fn leaves_cuts_open(&self) -> bool {
        self.rules.independent
    }

    /// The crash points that are still possible for the last cut: the first and the last of them.
    #[must_use]
    pub fn window(&self) -> (u32, u32) {
        self.trace.cuts.last().map_or((0, 0), |cut| (cut.from, cut.at))
    }

    /// The calls of the life that the last cut ended: the first, and the number of all by then.
    #[must_use]
    pub fn last_life(&self) -> (u32, u32) {
        self.trace.cuts.last().map_or((0, 0), |cut| (cut.life_start, cut.calls))
    }

    /// The last cut came during a call of `from..=at`, which must be among those still possible.
    pub fn narrow(&mut self, from: u32, at: u32) {
        let (first, last) = self.window();
        assert!(first <= from && from <= at && at <= last, "only what is still possible");
        self.trace.narrow(from, at);
    }

    /// The first crash point from `at` on, of the present life, which is sealed, such that something
    /// becomes stable between it and the one after it. Up to there, whatever a crash point may leave
    /// on the medium the next one may leave too.
    #[must_use]
    pub fn next_event(&self, at: u32) -> Option<u32> {
        self.trace.next_event(at)
    }

    /// Makes ready what the cuts of the present life will need.
    pub fn seal(&mut self) {
        self.trace.seal(self.rules.contract.order == CacheOrder::WriteThrough);
    }

    /// From now on the power may have gone before any question: a question is asked only after it
    /// was asked whether it had (`What::CutHere`). Ends with the life, or with [`Disk::cut`].
    pub fn leave_open_from(&mut self, first: Option<u32>) {
        self.open_from = first;
    }

    /// The first crash point of the present life that is still possible.
    #[must_use]
    pub fn open_from(&self) -> Option<u32> {
        self.open_from
    }

    /// Cuts the power where it went, or now.
    pub fn cut_here(&mut self) {
        let at = if self.dead { self.trace.now() - 1 } else { self.trace.now() };
        self.cut(at);
    }

    /// First call of the present life.
    #[must_use]
    pub fn life_start(&self) -> u32 {
        self.trace.life_start
    }

    /// How much there is in the record by now.
    #[inline]
    #[must_use]
    pub fn stamp(&self) -> Stamp {
        let (calls, versions) = (self.trace.now(), self.trace.versions.len());
        Stamp { calls, versions, decided: self.traffic.decided }
    }

    /// This moment, to come back to.
    #[must_use]
    pub fn mark(&self) -> Mark {
        Mark {
            trace: self.trace.mark(),
            worlds: (!self.rules.independent).then(|| self.worlds.clone()),
            denied: self.denied.len(),
            clauses: self.clauses.len(),
            held: self.held.len(),
            dead: self.dead,
            operations: self.operations,
            fault_fired: self.fault_fired,
            traffic: self.traffic,
            reads_left: self.reads_left,
        }
    }

    /// Back to a moment. Allocates nothing under contracts that couple nothing.
    pub fn rewind(&mut self, mark: &Mark) {
        let contents = self.trace.arena.len();
        self.trace.rewind(&mark.trace);
        if self.trace.arena.len() < contents {
            self.forget_contents(self.trace.arena.len());
        }
        if let Some(worlds) = &mark.worlds {
            self.worlds.clone_from(worlds);
        }
        self.denied.truncate(mark.denied);
        self.clauses.truncate(mark.clauses);
        self.clauses.of_cut(self.trace.cuts.len() as u32);
        self.held.truncate(mark.held);
        self.dead = mark.dead;
        self.operations = mark.operations;
        self.fault_fired = mark.fault_fired;
        self.traffic = mark.traffic;
        self.reads_left = mark.reads_left;
    }

    /// What a sector holds if that is certain now, without deciding anything: its bytes, or the
    /// error of reading it. `None` where it is undecided.
    #[must_use]
    pub fn peek(&self, lba: Lba) -> Option<Result<&[u8], DeviceError>> {
        let newest = self.trace.newest(lba.0);
        let content = if newest != NONE {
            let content = self.trace.versions[newest as usize].content;
            if newest < self.trace.life_version || self.trace.arena.ways(content).is_some() {
                return None;
            }
            content
        } else if self.trace.cuts.is_empty() {
            self.trace.original(lba.0)
        } else {
            return None;
        };
        Some(match content {
            ContentId::UNREADABLE => Err(DeviceError::Unreadable(lba)),
            content => Ok(self.trace.arena.get(content)),
        })
    }
}
