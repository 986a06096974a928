//! The failure catalogue of the RFC's journal, F1 to F8, as experiments.
//!
//! The one idea: the eight lines that the reviewers' questions come down to, each with the rung of
//! the ladder that closes it. A claim about V8 is a case here or it is not made.
//!
//! | | on V8 | closed by |
//! |---|---|---|
//! | F1 | a torn entry across two sectors is accepted | a checksum (V8ce) |
//! | F2 | rewriting the tail sector destroys committed entries | padding (V8p) |
//! | F3 | a torn header between two sectors: the size of one entry, the rest of another | blocks (V9) |
//! | F4 | a hole, filled later, makes the stale suffix behind it entries | a salt (V8ce) |
//! | F5 | a torn reset: an old prefix replays | a header pair (V8ce) |
//! | F6 | one flipped bit in a size reframes the rest | a checksum (V8c) |
//! | F7 | D1: an END of 255 bytes looks like NONE | entries of 253 bytes at most (V8r) |
//! | F8 | a zeroed sector: size 0, and what was in it is gone | padding (V8p) |
//!
//! Invariant: except in F7, where the entry's size is the flaw, both sides get the same script.
//!
//! What it is not: a catalogue of what V8ce or V9 do wrong.

use journal_core::Survivors::{Carry, Forget};

use super::experiments::{Comes, Experiment, disk_512n, lives, nvme, one};
use crate::disk::contract::{Contract, TornContents};
use crate::disk::presets;
use crate::oracle::Oracle::{self, Durability, Idempotence, Integrity, NoResurrection, Order};
use crate::run::Setup;
use crate::workload::Op::{self, Append, Commit};

/// One line of the catalogue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// `f1` to `f8`.
    pub name: &'static str,
    /// What happens.
    pub does: &'static str,
    /// The rung that has it.
    pub journal: &'static str,
    /// What must come of it there.
    pub experiment: Experiment,
    /// The rung that closes it.
    pub twin: &'static str,
    /// What the twin is put through.
    pub twin_setup: Setup,
}

/// 64 KiB: an area of fifteen clusters or so.
const DEVICE_BYTES: u64 = 64 << 10;

fn failure(
    (name, does): (&'static str, &'static str),
    (journal, twin): (&'static str, &'static str),
    setup: Setup,
    oracle: Oracle,
    also: &'static [Oracle],
) -> Failure {
    let setup = Setup { device_bytes: DEVICE_BYTES, ..setup };
    let twin_setup = setup.clone();
    let experiment = Experiment { setup, comes: Comes::Trips(oracle, also) };
    Failure { name, does, journal, experiment, twin, twin_setup }
}

/// No device is to blame for F7.
fn ideal() -> Contract {
    presets::named("ideal").expect("a preset of this crate")
}

/// Two commits of one HASH entry each (50 bytes in V8).
const TWO: &[Op] = &[Append(48), Commit, Append(48), Commit];

/// The catalogue.
#[must_use]
pub fn catalogue() -> Vec<Failure> {
    // Ten entries of 50 bytes end at 500: the eleventh lies across byte 512.
    let mut straddling = vec![Append(48); 10];
    straddling.extend([Commit, Append(48), Commit]);
    // 247 + 247 + 17 = 511: the next size byte is the last of its sector.
    let header_straddles = [Append(245), Append(245), Append(15), Commit, Append(48), Commit];
    // 245 + 210 = 455; 57 more end at 512, and the next entry has a sector of its own.
    let hole = [Append(243), Append(208), Commit, Append(55), Append(48), Commit];
    let several = [Append(200), Commit, Append(200), Commit, Append(200), Commit];
    // Up to byte 3841, where 255 are left.
    let largest = |bytes: u32, first: u32| {
        let mut ops = vec![Append(bytes); 15];
        ops.extend([Append(first), Commit, Append(bytes), Commit]);
        ops.extend([Append(48), Commit]);
        ops
    };
    let flips = Contract { bit_flips: 1, ..Contract::base("one-bit-flips") };
    let zeros = Contract {
        torn: TornContents { zeros: true, ..TornContents::default() },
        damage_max: 1,
        ..Contract::base("torn-sectors-read-zeros")
    };
    let mut all = vec![
        failure(
            ("f1", "a torn entry across two sectors is accepted"),
            ("v8r", "v8ce"),
            one(nvme(), &straddling),
            Integrity,
            &[],
        ),
        failure(
            ("f2", "the rewrite of the tail sector destroys committed entries"),
            ("v8r", "v8p"),
            one(disk_512n(), TWO),
            Durability,
            &[],
        ),
        failure(
            ("f3", "a torn header takes its size from one entry and the rest from another"),
            ("v8r", "v9-512"),
            lives(nvme(), &[], &[(Forget, &header_straddles), (Carry, &[Append(48), Commit])]),
            Integrity,
            &[NoResurrection],
        ),
        failure(
            ("f4", "a hole is filled in the next life and the stale suffix behind it comes back"),
            ("v8r", "v8ce"),
            lives(nvme(), &[], &[(Forget, &hole), (Carry, &[Append(55), Commit])]),
            NoResurrection,
            &[],
        ),
        failure(
            ("f5", "a torn reset leaves an old prefix to be replayed"),
            ("v8r", "v8ce"),
            lives(nvme(), &[], &[(Forget, &several), (Forget, TWO)]),
            Durability,
            &[Integrity, Idempotence],
        ),
        failure(
            ("f6", "a flipped bit in a size reframes everything behind it"),
            ("v8r", "v8c"),
            one(flips, TWO),
            Integrity,
            &[Order],
        ),
        failure(
            ("f7", "D1: with 255 bytes left the END is 255 long and looks like NONE"),
            ("v8", "v8r"),
            one(ideal(), &largest(252, 29)),
            Durability,
            &[],
        ),
        failure(
            ("f8", "a zeroed sector has size 0, and takes what was committed along"),
            ("v8r", "v8p"),
            one(zeros, TWO),
            Durability,
            &[],
        ),
    ];
    // 254 bytes are what V8r does not take: 15 of 253 and one of 46 end at 3841 too.
    all[6].twin_setup.workload.lives[0].ops = largest(251, 44);
    all
}
