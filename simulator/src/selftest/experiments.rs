//! The experiments: for each flaw the smallest device and script that bring it out.
//!
//! The one idea: a flaw needs its occasion. Most want a second life, some a device that tears in
//! one way, some a failing operation; the experiment is the occasion, and the sound twin is put
//! through the very same one.
//!
//! Invariant: every flaw has one. A test keeps `corpus/cases` equal to what this file says.
//!
//! What it is not: run from here. The files are the experiments; this is where they are written.

use journal_core::Survivors::{self, Carry, Forget};

use crate::disk::contract::{Contract, DAMAGE_UNBOUNDED, InnerTear, TornContents};
use crate::disk::{Fault, FaultKind, Fill, presets};
use crate::explore::Verdict;
use crate::oracle::Oracle;
use crate::run::Setup;
use crate::twins::Flaw;
use crate::workload::Op::{Append, Checkpoint, Commit};
use crate::workload::{Identity, Life, Op, Payloads, Workload};

/// What must come of a flaw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comes {
    /// This oracle trips, and beside it exactly these.
    Trips(Oracle, &'static [Oracle]),
    /// No oracle trips, and yet the verdict is this one.
    Says(Verdict),
}

/// An experiment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Experiment {
    /// Device and script.
    pub setup: Setup,
    /// What must come of it.
    pub comes: Comes,
}

/// Physical sectors of every device: two slots, two areas of eight.
const UNITS: u64 = 18;

/// The preset of a name.
fn preset(name: &str) -> Contract {
    presets::named(name).expect("a preset of this crate")
}

/// A cache that persists any subset of sectors until a flush.
pub(super) fn nvme() -> Contract {
    preset("consumer-nvme-no-plp")
}

/// 512-byte sectors of which the one being written may be lost.
pub(super) fn disk_512n() -> Contract {
    preset("hdd-512n")
}

/// 64-byte sectors, so that every single bit of damage at rest can be gone through.
fn small_sectors(name: &str) -> Contract {
    Contract {
        logical_bytes: 64,
        physical_bytes: 64,
        atomic_bytes: 64,
        page_bytes: 64,
        ..Contract::base(name)
    }
}

/// One life of a script.
pub(super) fn one(contract: Contract, ops: &[Op]) -> Setup {
    lives(contract, &[], &[(Forget, ops)])
}

/// Several lives, and what comes before them.
pub(super) fn lives(contract: Contract, before: &[Op], lives: &[(Survivors, &[Op])]) -> Setup {
    let device_bytes = UNITS * u64::from(contract.physical_bytes);
    let lives = lives.iter().map(|&(resume, ops)| Life { resume, ops: ops.to_vec() }).collect();
    let workload = Workload {
        before: before.to_vec(),
        lives,
        identity: Identity::Fresh,
        payloads: Payloads::Generated,
    };
    Setup { contract, device_bytes, fill: Fill::Zeros, workload, fault: None }
}

/// The same with an operation that fails.
fn failing(setup: Setup, operation: u32, kind: FaultKind) -> Setup {
    Setup { fault: Some(Fault { operation, kind }), ..setup }
}

/// Two commits of one small entry each.
const TWO: &[Op] = &[Append(100), Commit, Append(100), Commit];
/// Three of them.
const THREE: &[Op] = &[Append(100), Commit, Append(100), Commit, Append(100), Commit];
/// One commit of two small entries.
const PAIR: &[Op] = &[Append(100), Append(100), Commit];
/// One commit of an entry of three sectors.
const LONG: &[Op] = &[Append(1200), Commit];
const ONE: &[Op] = &[Append(100), Commit];

impl Flaw {
    /// The oracles that trip beside the one that names the flaw: an acknowledged entry that is gone
    /// is also an unreported loss where a later commit was acknowledged; a journal that does not
    /// open shows nothing of what it owes; a shortened entry has no place in the log.
    const fn also(self) -> &'static [Oracle] {
        use Oracle::{Durability, Honesty, Idempotence, Order};
        match self {
            Flaw::NeverSyncs
            | Flaw::DoesNothing
            | Flaw::ContinuesAfterNoSpace
            | Flaw::AppendBehindTornTail => &[Honesty],
            Flaw::ReplayInPlace | Flaw::ResetNotAtomic => &[Idempotence, Honesty],
            Flaw::FuaOnlyCommit => &[Durability],
            Flaw::LengthUnsummed => &[Order],
            Flaw::HeaderInPlace | Flaw::SlotsInOneUnit | Flaw::SlotsTogether => {
                &[Durability, Idempotence]
            }
            Flaw::SequenceRestarts => &[Idempotence],
            _ => &[],
        }
    }

    /// The occasion that brings it out, and what it does then.
    #[must_use]
    pub fn experiment(self) -> Experiment {
        use Oracle::{
            Afterlife, Atomicity, Availability, Durability, Honesty, Idempotence, Integrity,
            NoResurrection, Order,
        };
        let trips = |setup, oracle| Experiment { setup, comes: Comes::Trips(oracle, self.also()) };
        let says = |setup, verdict| Experiment { setup, comes: Comes::Says(verdict) };
        match self {
            Flaw::NeverSyncs => trips(one(nvme(), TWO), Durability),
            Flaw::SyncBeforeWrite | Flaw::AckBeforeSync => trips(one(nvme(), TWO), Durability),
            Flaw::FirstCommitUnsynced => {
                trips(lives(nvme(), &[], &[(Forget, ONE), (Carry, ONE)]), Durability)
            }
            Flaw::PointerBeforeData | Flaw::FreesEarly => trips(
                one(nvme(), &[Append(100), Commit, Append(100), Commit, Checkpoint(1)]),
                Durability,
            ),
            Flaw::FuaOnlyCommit | Flaw::CommitWithData => {
                trips(one(nvme(), &[Append(100), Commit, Append(700), Commit]), Integrity)
            }
            Flaw::CommitRecordCached => trips(one(nvme(), TWO), Durability),
            Flaw::TrailingMagic | Flaw::MiddleUnsummed => trips(one(nvme(), LONG), Integrity),
            Flaw::LengthUnsummed => {
                let contract = Contract { bit_flips: 1, ..small_sectors("one-bit-flips") };
                trips(one(contract, &[Append(20), Commit, Append(20), Commit]), Integrity)
            }
            Flaw::Crc16 => {
                // 32 bytes that fill the first sector, and the generator polynomial in the second:
                // with the second sector lost, that is zero, the sum is the same.
                let mut payload = vec![0x5a; 32];
                payload.extend([0x03, 0x40, 0x01]);
                let mut setup = one(small_sectors("sectors-of-64"), ONE);
                setup.workload.payloads = Payloads::Given(vec![payload]);
                trips(setup, Integrity)
            }
            Flaw::ZeroRecordValid | Flaw::LoopsOnZeros => {
                let oracle = if self == Flaw::LoopsOnZeros { Availability } else { Integrity };
                trips(Setup { fill: Fill::Ones, ..one(disk_512n(), TWO) }, oracle)
            }
            Flaw::HugeLength => {
                let contract = Contract {
                    inner_tear: InnerTear::Linear(4),
                    damage_max: 1,
                    ..small_sectors("words-tear")
                };
                trips(Setup { fill: Fill::Noise, ..one(contract, ONE) }, Availability)
            }
            Flaw::PanicsOnTear => trips(one(nvme(), LONG), Availability),
            Flaw::PlaceholderFirst => trips(one(nvme(), ONE), Integrity),
            Flaw::TailRewrite => trips(one(disk_512n(), TWO), Durability),
            Flaw::PadsToLogical => trips(one(preset("hdd-512e"), TWO), Durability),
            Flaw::HeaderInPlace => {
                trips(lives(disk_512n(), &[], &[(Forget, ONE), (Carry, ONE)]), Availability)
            }
            Flaw::SlotsInOneUnit => {
                trips(lives(preset("hdd-512e"), &[], &[(Forget, ONE), (Carry, ONE)]), Availability)
            }
            Flaw::SlotsTogether => {
                let torn = TornContents { unreadable: true, zeros: true, ..disk_512n().torn };
                let contract = Contract {
                    torn,
                    damage_max: DAMAGE_UNBOUNDED,
                    ..Contract::base("every-write-may-be-lost")
                };
                trips(lives(contract, &[], &[(Forget, ONE), (Carry, ONE)]), Availability)
            }
            Flaw::NoGeneration => {
                trips(lives(nvme(), ONE, &[(Forget, ONE), (Forget, ONE)]), NoResurrection)
            }
            Flaw::SequenceRestarts => trips(
                lives(
                    nvme(),
                    &[],
                    &[(Forget, &[Append(100), Append(100), Commit, Checkpoint(1)]), (Forget, ONE)],
                ),
                NoResurrection,
            ),
            Flaw::StaleTailAfterHole | Flaw::TruncateUnsynced => {
                trips(lives(nvme(), &[], &[(Forget, PAIR), (Carry, ONE)]), NoResurrection)
            }
            Flaw::AppendBehindTornTail => {
                trips(lives(nvme(), &[], &[(Forget, LONG), (Carry, ONE)]), Durability)
            }
            Flaw::ResealsTornTail => {
                trips(lives(nvme(), &[], &[(Forget, LONG), (Carry, ONE)]), Integrity)
            }
            Flaw::ReplayPastHole => trips(one(nvme(), PAIR), Order),
            Flaw::ReplayInPlace => {
                trips(lives(nvme(), &[], &[(Forget, TWO), (Carry, ONE)]), Durability)
            }
            Flaw::ResetNotAtomic => {
                trips(lives(nvme(), &[], &[(Forget, TWO), (Forget, ONE)]), Durability)
            }
            Flaw::DuplicateOnCarry => {
                trips(lives(nvme(), &[], &[(Forget, ONE), (Carry, ONE)]), Order)
            }
            Flaw::DropsLast => trips(one(nvme(), TWO), Durability),
            Flaw::ShowsUncommitted => trips(one(nvme(), PAIR), Atomicity),
            Flaw::PoisonedByTear => {
                trips(lives(nvme(), &[], &[(Forget, LONG), (Carry, ONE)]), Afterlife)
            }
            Flaw::Nondeterministic => says(one(nvme(), PAIR), Verdict::Nondeterministic),
            Flaw::OpenWrites => trips(one(nvme(), ONE), Idempotence),
            Flaw::SilentCorruption => {
                let contract = Contract { bit_flips: 1, ..small_sectors("one-bit-flips") };
                trips(one(contract, &[Append(20), Commit, Append(20), Commit]), Honesty)
            }
            Flaw::UnreadableIsEnd => {
                let contract = Contract { latent_errors: 1, ..Contract::base("one-latent-error") };
                trips(one(contract, TWO), Honesty)
            }
            Flaw::FalseAlarm => trips(one(nvme(), LONG), Honesty),
            // Operations are counted from 0: write, flush, write, flush.
            Flaw::RetriesFlush => trips(failing(one(nvme(), TWO), 3, FaultKind::Error), Durability),
            Flaw::SwallowsWriteError => {
                trips(failing(one(nvme(), TWO), 2, FaultKind::Error), Durability)
            }
            Flaw::ContinuesAfterNoSpace => {
                trips(failing(one(nvme(), THREE), 2, FaultKind::NoSpace), Durability)
            }
            Flaw::DoesNothing => trips(one(nvme(), TWO), Durability),
            Flaw::AlwaysFull | Flaw::AckLags | Flaw::LsnStandsStill => {
                trips(one(nvme(), TWO), Afterlife)
            }
            Flaw::FullForever => {
                trips(lives(nvme(), &[], &[(Forget, ONE), (Forget, ONE)]), Afterlife)
            }
            Flaw::OneEntryOnly => says(one(nvme(), THREE), Verdict::NotMeasured),
            Flaw::Remembers => trips(one(nvme(), TWO), NoResurrection),
            Flaw::RenamesSurvivors => trips(one(nvme(), TWO), Order),
            Flaw::ForgetsAtCheckpoint => {
                trips(one(nvme(), &[Append(100), Append(100), Commit, Checkpoint(1)]), Durability)
            }
            Flaw::HandsOutTwice => trips(one(nvme(), ONE), Order),
        }
    }
}
