//! One case, from format to verdict.
//!
//! Method. A run formats the journal, lets everything settle, and records the first life once,
//! without a cut. From then on each crash state is a *leaf*: the recording is cut at some call, the
//! journal is opened on what the chooser makes of the disk, the judge judges; for cases of several
//! lives the journal resumes and works on until the next cut. Then everything goes back to the end
//! of the recording, and the next leaf begins.
//!
//! Invariant: what a leaf finds follows from the case and the chooser's answers alone. A violation
//! is a result, an error is for what makes a case senseless.
//!
//! What it is not: a search. It runs one leaf; `explore` decides which.

use journal_core::{
    BlockDevice, Entropy, Error, Limits, Lsn, Opened, Promises, Resume, Stepwise, Survivors,
};

use crate::choose::Undisturbed;
use crate::disk::contract::Contract;
use crate::disk::{Disk, Fault, Fill, Live, Mark, Traffic};
use crate::oracle::{Evaluated, Judgement, Ledger, Obligation, Oracle, OracleSet};
use crate::quiet;
use crate::workload::{Op, Workload};

mod alike;
mod behind;
mod drawn;
mod forks;
mod grown;
mod kept;
mod leaf;
mod points;
mod probable;
mod questions;
mod script;
mod tree;
mod witness;

pub use alike::{Below, Room};
pub use behind::{Counts, Place};
pub use drawn::FirstCut;
pub use grown::{Images, Tree};
pub use kept::Reads;
pub use probable::Probable;

use leaf::Opening;
use script::{Script, tell};

/// Everything a run needs besides the journal and the answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setup {
    /// What the device may do.
    pub contract: Contract,
    /// Its size.
    pub device_bytes: u64,
    /// What untouched sectors hold.
    pub fill: Fill,
    /// What the journal is asked to do.
    pub workload: Workload,
    /// An operation that fails in the first life.
    pub fault: Option<Fault>,
}

/// What a leaf found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Leaf {
    /// Oracles violated, owed or not.
    pub violated: OracleSet,
    /// The last judgement.
    pub last: Judgement,
    /// Power cuts that happened.
    pub cuts: u32,
    /// Recoveries run.
    pub recoveries: u32,
}

/// A moment in a leaf, told to whoever watches (pictures, traces). The search watches nothing.
#[derive(Clone, Debug)]
pub enum Event<'a> {
    /// A life begins, numbered from 0.
    LifeBegins(u32),
    /// The client does something; with the number of device calls so far.
    Does {
        /// The operation.
        op: Op,
        /// What the entry is called and how it went, if it is an append.
        outcome: Result<Option<u64>, &'a Error>,
        /// Device calls before and after.
        calls: (u32, u32),
    },
    /// The power goes during this device call.
    Cut(u32),
    /// Recovery hands out an entry.
    Entry(&'a [u8]),
    /// Recovery is over.
    Opened {
        /// What it said.
        result: Result<&'a Opened, &'a str>,
        /// What was owed.
        owed: Obligation,
        /// What the judge says.
        judgement: Judgement,
    },
    /// The journal resumed, or failed to.
    Resumed(Survivors, Result<(), &'a Error>),
}

/// Watches a leaf.
pub type Watch<'w> = &'w mut dyn FnMut(&Disk, &Ledger, Event<'_>);

/// Why a case makes no sense. Not a violation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SetupError {
    /// The contract or the device size.
    Contract(String),
    /// The journal cannot be formatted or opened on an undisturbed device.
    Journal {
        /// During what.
        during: &'static str,
        /// What it said.
        said: String,
    },
    /// A payload that the journal does not take on this device.
    Payload {
        /// The append, counted over the whole script from 0.
        op: usize,
        /// Its bytes.
        bytes: usize,
        /// What the journal takes.
        limits: Limits,
    },
}

impl std::fmt::Display for SetupError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            SetupError::Contract(what) => write!(f, "contract: {what}"),
            SetupError::Journal { during, said } => {
                write!(f, "the journal failed during {during}, without any fault: {said}")
            }
            SetupError::Payload { op, bytes, limits: Limits { payload_min, payload_max, .. } } => {
                write!(
                    f,
                    "operation {op} of the workload: expected a payload of {payload_min} to \
                     {payload_max} bytes, found {bytes}"
                )
            }
        }
    }
}

impl std::error::Error for SetupError {}

/// The device calls that may happen while a journal recovers, per sector of the device. A recovery
/// that makes more is looping.
const READS_PER_SECTOR_MAX: u64 = 16;

fn reads_max(disk: &Disk) -> u64 {
    READS_PER_SECTOR_MAX * disk.geometry().sectors + 1024
}

/// A run: the disk, the ledger and the recording of the first life.
#[derive(Debug)]
pub struct Run<'o, J: Stepwise> {
    options: &'o J::Options,
    setup: Setup,
    promises: Promises,
    owed: OracleSet,
    disk: Disk,
    ledger: Ledger,
    recorded: Ledger,
    old: Ledger,
    ready: Mark,
    end: Mark,
    first_call: u32,
    last_call: u32,
    /// Evaluations so far, over all leaves.
    pub evaluated: Evaluated,
    recording_violated: OracleSet,
    missed_fault: Option<u32>,
    traffic: Traffic,
    calls_per_life: u32,
    /// Bytes of the disk's table at the end of the recording.
    table_bytes: u64,
    /// What the last recovery called the entries it handed out.
    names: Vec<Lsn>,
    /// For each crash point, its recovery as far as that asks nothing, once known.
    certain: Vec<Option<Opening<J::Recovery>>>,
    /// Leaves since the recording.
    leaves: u64,
    /// Resumes so far, and those that changed something on the device.
    pub resumes: (u64, u64),
}

/// Fresh bytes for generation `n` of a run: the simulator's source of entropy.
fn entropy(n: u32) -> Entropy {
    let mut rng = crate::choose::Rng::new(0x7361_6c74 ^ u64::from(n) << 32);
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&rng.draw().to_be_bytes());
    bytes[8..].copy_from_slice(&rng.draw().to_be_bytes());
    bytes
}

/// Runs what may panic in foreign code; a panic is told in its own words.
fn guarded<T>(what: impl FnOnce() -> T) -> Result<T, String> {
    quiet::caught(what).map_err(|panic| {
        let words = panic.downcast_ref::<String>().map(String::as_str);
        let words = words.or_else(|| panic.downcast_ref::<&str>().copied());
        format!("panicked: {}", words.unwrap_or("without words"))
    })
}

impl<'o, J: Stepwise> Run<'o, J> {
    /// Formats the journal, does what comes before, and stands ready for the first life.
    ///
    /// # Errors
    /// When the case makes no sense: see [`SetupError`].
    pub fn new(options: &'o J::Options, setup: Setup) -> Result<(Self, J), SetupError> {
        let contract = SetupError::Contract;
        let mut disk =
            Disk::new(&setup.contract, setup.device_bytes, setup.fill).map_err(contract)?;
        let promises = J::promises(options);
        let mut calm = Undisturbed;
        let mut old = Ledger::default();
        let failed = |during| move |said: String| SetupError::Journal { during, said };
        disk.prepare();
        // A journal that reads without end on a fresh device does not get as far as a leaf.
        disk.limit_reads(Some(4 * reads_max(&disk)));
        let prepared = guarded(|| -> Result<J, SetupError> {
            let says = |during| move |e: Error| failed(during)(e.to_string());
            let device = &mut Live::new(&mut disk, &mut calm);
            J::format(device, options, entropy(0)).map_err(says("format"))?;
            let (mut journal, _) =
                J::open(device, options, &mut |_| ()).map_err(says("the first open"))?;
            let forget = |n| Resume { survivors: Survivors::Forget, entropy: entropy(n) };
            journal.resume(device, forget(1)).map_err(says("the first resume"))?;
            // Not before the journal has said that it fits the device at all.
            let limits = J::limits(options, device.geometry());
            if let Some((op, bytes)) = setup.workload.misfit(&limits) {
                return Err(SetupError::Payload { op, bytes, limits });
            }
            if !setup.workload.before.is_empty() {
                let mut script = Script::new(&setup.workload, &mut old);
                for &op in &setup.workload.before {
                    let _ = script.step(&mut journal, device, op);
                }
                (journal, _) =
                    J::open(device, options, &mut |_| ()).map_err(says("the open before"))?;
                journal.resume(device, forget(2)).map_err(says("the resume before"))?;
            }
            Ok(journal)
        });
        let journal = prepared.map_err(failed("set-up")).and_then(|journal| journal)?;
        disk.limit_reads(None);
        old.keep_earlier(!setup.contract.honours_flush());
        let owed = old.obligation(u32::MAX);
        old.reopened(owed);
        old.forgotten();
        disk.settle();
        disk.reset_traffic();
        let ready = disk.mark();
        let owed = OracleSet::owed(&setup.contract, &promises);
        let run = Run {
            options,
            promises,
            owed,
            ledger: Ledger::default(),
            recorded: Ledger::default(),
            old,
            end: ready.clone(),
            ready,
            first_call: disk.calls(),
            last_call: disk.calls(),
            evaluated: Evaluated::default(),
            recording_violated: OracleSet::default(),
            missed_fault: None,
            traffic: Traffic::default(),
            calls_per_life: 1,
            table_bytes: 0,
            names: Vec::new(),
            certain: Vec::new(),
            leaves: 0,
            resumes: (0, 0),
            disk,
            setup,
        };
        Ok((run, journal))
    }

    /// What the journal takes on this device.
    #[must_use]
    pub fn limits(&self) -> Limits {
        J::limits(self.options, self.disk.geometry())
    }

    /// The oracles that are owed.
    #[must_use]
    pub fn owed(&self) -> OracleSet {
        self.owed
    }

    /// What the journal promises.
    #[must_use]
    pub fn promises(&self) -> &Promises {
        &self.promises
    }

    /// The options of its journal.
    #[must_use]
    pub fn options(&self) -> &'o J::Options {
        self.options
    }

    /// The disk, for pictures.
    #[must_use]
    pub fn disk(&self) -> &Disk {
        &self.disk
    }

    /// The setup it runs.
    #[must_use]
    pub fn setup(&self) -> &Setup {
        &self.setup
    }

    /// What the first life asked of the device: the journal's cost.
    #[must_use]
    pub fn traffic(&self) -> Traffic {
        self.traffic
    }

    /// Entries the first life appended, and their payload bytes.
    #[must_use]
    pub fn appended(&self) -> (u64, u64) {
        let sent = &self.recorded.sent[self.old.sent.len()..];
        (sent.len() as u64, sent.iter().map(|s| u64::from(s.bytes)).sum())
    }

    /// If there was a fault to strike the first life, and it did not: how many operations that life made.
    #[must_use]
    pub fn missed_fault(&self) -> Option<u32> {
        self.missed_fault
    }

    /// Crash points of the first life: during each call, and after all.
    #[must_use]
    pub fn crash_points(&self) -> u32 {
        self.last_call - self.first_call + 1
    }

    /// Back to the end of the recording, from wherever a [`Tree`] was left.
    pub fn leave(&mut self) {
        self.disk.limit_reads(None);
        self.disk.leave_open_from(None);
        self.disk.ask_classes(false);
        self.disk.rewind(&self.end);
    }

    /// Records the first life with a journal that is ready to append. Goes back to the beginning of
    /// the life first, so a run can be recorded again and again.
    pub fn record(&mut self, mut journal: J, mut watch: Option<Watch<'_>>) {
        self.record_with(&mut journal, &mut watch);
    }

    /// As [`Run::record`], with a journal that the caller keeps.
    pub fn record_with(&mut self, journal: &mut J, watch: &mut Option<Watch<'_>>) {
        self.disk.rewind(&self.ready);
        self.disk.set_fault(self.setup.fault);
        self.recorded.copy_from(&self.old);
        self.recording_violated = OracleSet::default();
        let mut calm = Undisturbed;
        let setup = &self.setup;
        if let Some(watch) = watch {
            watch(&self.disk, &self.recorded, Event::LifeBegins(0));
        }
        let disk = &mut self.disk;
        let recorded = &mut self.recorded;
        let done = guarded(|| {
            let mut script = Script::new(&setup.workload, recorded);
            for &op in &setup.workload.lives[0].ops {
                let before = disk.calls();
                let device = &mut Live::new(disk, &mut calm);
                // A panic is told to the watch in its own words, like any other outcome; where
                // nobody watches, one guard around all is enough.
                let stepped = match watch {
                    Some(_) => guarded(|| script.step(journal, device, op)),
                    None => Ok(script.step(journal, device, op)),
                };
                let panicked = stepped.is_err();
                let outcome = stepped.unwrap_or_else(|panic| Err(Error::Other(panic)));
                tell(watch, (disk, script.ledger), (op, before), &outcome);
                match outcome {
                    Ok(()) => {}
                    // Full is an honest answer while there is something to make room of.
                    Err(Error::Full { .. }) if !script.ledger.log.is_empty() => {}
                    Err(_) if panicked => return false,
                    // Half an entry may be there: the client stops, and recovery must cope.
                    Err(_) if disk.fault_fired() && script.half_appended => return true,
                    // After an injected error the client goes on, as clients do. A journal that can
                    // promise nothing any more says so each time; what one that goes on
                    // acknowledges, is owed.
                    Err(_) if disk.fault_fired() => {}
                    Err(_) => return false,
                }
            }
            true
        });
        if done != Ok(true) {
            self.recording_violated.insert(Oracle::Afterlife);
        }
        let missed = self.setup.fault.is_some() && !self.disk.fault_fired();
        self.missed_fault = missed.then(|| self.disk.operations());
        self.disk.set_fault(None);
        self.last_call = self.disk.calls();
        self.traffic = self.disk.traffic();
        self.calls_per_life = (self.last_call - self.first_call).max(1);
        self.disk.seal();
        self.end = self.disk.mark();
        self.table_bytes = self.disk.table_bytes();
        self.certain.clear();
        self.leaves = 0;
    }
}
