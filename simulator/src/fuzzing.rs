//! The bodies of the fuzz targets, as functions of bytes.
//!
//! The one idea: libFuzzer, the corpus replay of `cargo test` and a debugger all call the same
//! function, so a finding of one is a finding of all. Journal, device and faults are structured
//! and stand at fixed places at the front of the input ([`arbitrary`]); the workload and every
//! answer of the disk come from the [`Tape`] behind them, so that mutating a knob leaves the tape
//! as it was.
//!
//! Invariant: a target panics if and only if something is wrong: a claim that must hold was
//! broken (the panic ends with a token), a journal or the harness itself panicked, or a run could
//! not be repeated from what was recorded of it. Broken claims of journals that are known to be
//! weak are what the harness is for, and no panic.
//!
//! What it is not: a search. libFuzzer searches; see `fuzz/`.

mod image;
mod knobs;

use arbitrary::Unstructured;
use journal_core::formats::Format;
use journal_core::{Error, Stepwise};

use crate::case::{Case, decisions_of};
use crate::choose::{Chooser, Replay, Tape};
use crate::disk::contract::Contract;
use crate::journals::{self, Family, Row, Visitor};
use crate::oracle::Oracle;
use crate::run::{Event, Leaf, Run};
use crate::workload::generate;

pub use image::recover_image;
use knobs::Knobs;

/// Bytes at the front of an input that are knobs and not tape.
pub const HEAD_BYTES: usize = 32;

/// Bytes of the simulated device: small, so that laps are short.
const DEVICE_BYTES: u64 = 128 * 1024;

/// Crash states visited per input at most.
const LEAVES_MAX: u32 = 8;

/// Whether nothing that is owed may ever break: the conservative part of what is known.
///
/// | journal | must hold on |
/// |---|---|
/// | `v9-512`, `v8pp` | devices whose damage stays within the sector |
/// | `v9-4096` | devices whose damage stays within 4096 bytes |
///
/// In all rows the device honours flush and keeps data at rest. Everything else is exercised for
/// the invariants of the harness alone.
#[must_use]
pub fn must_hold(journal: &str, contract: &Contract) -> bool {
    let blast_bytes = contract.damage_bytes();
    let keeps_its_word = contract.keeps_its_word() && !contract.damages_at_rest();
    keeps_its_word
        && match journal {
            "v9-512" | "v8pp" => blast_bytes == contract.logical_bytes,
            "v9-4096" => blast_bytes <= 4096,
            _ => false,
        }
}

/// Journals that the targets draw from: all but the ones made to fail, which the selftest keeps.
fn drawn() -> Vec<Row> {
    journals::rows().into_iter().filter(|row| row.family != Family::Twin).collect()
}

/// The input's front, and its tape.
fn split(data: &[u8]) -> (Unstructured<'_>, Tape<'_>) {
    let (head, tape) = data.split_at(data.len().min(HEAD_BYTES));
    (Unstructured::new(head), Tape::new(tape))
}

/// Target `crash_tape`: a journal on a device, both from `data`, through several crash states.
///
/// # Panics
/// When something is wrong: see the file's invariant.
pub fn crash_tape(data: &[u8]) {
    let (mut head, tape) = split(data);
    let Ok(knobs) = head.arbitrary::<Knobs>() else { return };
    let rows = drawn();
    let journal = rows[knobs.journal as usize % rows.len()].name;
    journals::visit(journal, CrashTape { knobs, tape });
}

struct CrashTape<'a> {
    knobs: Knobs,
    tape: Tape<'a>,
}

impl Visitor for CrashTape<'_> {
    type Out = ();

    fn visit<J: Format>(mut self, row: Row, options: J::Options) {
        let limits = J::limits(&options, self.knobs.contract.geometry(DEVICE_BYTES));
        let workload = generate(&mut self.tape, &limits, self.knobs.sizes);
        let setup = self.knobs.setup(DEVICE_BYTES, workload);
        let must_hold = must_hold(row.name, &setup.contract);
        // A journal that does not fit the device is an honest answer.
        let Ok((mut run, mut journal)) = Run::<J>::new(&options, setup) else { return };
        let plain = Case::new(row.name, run.setup());
        record(&mut run, &mut journal, &plain);
        for number in 0..LEAVES_MAX {
            let before = self.tape;
            let leaf = watched(&mut run, &mut self.tape, &plain);
            let (again, decisions) = decisions_of(&mut run, before);
            let case = Case { decisions, ..plain.clone() };
            assert_eq!(leaf, again, "the same tape gives the same leaf: {}", case.token());
            repeats(&mut run, &case, leaf, number == 0);
            let broken = leaf.violated.and(run.owed());
            if must_hold && !broken.is_empty() {
                let names: Vec<_> = broken.iter().map(Oracle::name).collect();
                panic!(
                    "{} on {} broke {}: {}",
                    row.name,
                    case.contract.name,
                    names.join(", "),
                    case.token()
                );
            }
            if self.tape.left() == 0 {
                break;
            }
        }
    }
}

/// Records the first life; a panic in it is ours to report.
fn record<J: Stepwise>(run: &mut Run<'_, J>, journal: &mut J, case: &Case) {
    let (mut done, mut refused) = (0, false);
    let mut watch = |_: &_, _: &_, event: Event<'_>| {
        if let Event::Does { outcome, .. } = event {
            done += 1;
            refused |= matches!(&outcome, Err(error) if !matches!(error, Error::Full { .. }));
        }
    };
    run.record_with(journal, &mut Some(&mut watch));
    let all = case.workload.lives[0].ops.len();
    let panicked = done < all && !refused;
    // Full with nothing to make room of ends the life too, and is told in `violated`.
    let full = run.leaf(&mut crate::choose::Undisturbed).violated.contains(Oracle::Afterlife);
    assert!(!panicked || full, "operation {done} of the first life panicked: {}", case.token());
}

/// One leaf, in which nothing may panic.
fn watched<J: Stepwise, C: Chooser>(run: &mut Run<'_, J>, chooser: &mut C, case: &Case) -> Leaf {
    let mut panicked = None;
    let mut note = |said: &str| {
        if said.starts_with("panicked: ") && panicked.is_none() {
            panicked = Some(said.to_owned());
        }
    };
    let mut watch = |_: &_, _: &_, event: Event<'_>| match event {
        Event::Opened { result: Err(said), .. } => note(said),
        Event::Resumed(_, Err(Error::Other(said)))
        | Event::Does { outcome: Err(Error::Other(said)), .. } => note(said),
        _ => {}
    };
    let leaf = run.leaf_watched(chooser, Some(&mut watch));
    if let Some(said) = panicked {
        panic!("{} on {} {said}: {}", case.journal, case.contract.name, case.token());
    }
    leaf
}

/// What was recorded of a leaf gives the same leaf again, in this run, and through a token.
fn repeats<J: Stepwise>(run: &mut Run<'_, J>, case: &Case, leaf: Leaf, from_scratch: bool) {
    let token = case.token();
    let mut replay = Replay::new(&case.decisions);
    let replayed = run.leaf(&mut replay);
    assert_eq!(replay.mismatch(), None, "what was recorded fits: {token}");
    assert_eq!(replayed, leaf, "the recorded decisions give the same leaf: {token}");
    if from_scratch {
        assert_eq!(Case::parse(&token).as_ref(), Ok(case), "a token is the whole case");
        assert_eq!(Case::parse(&case.json()).as_ref(), Ok(case), "and so is its JSON");
        let outcome = case.run(None).map(|outcome| outcome.leaf);
        assert_eq!(outcome, Ok(leaf), "the case alone gives the same leaf: {token}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::choose::Rng;

    #[test]
    fn every_input_is_taken_the_empty_one_too() {
        crash_tape(&[]);
        recover_image(&[]);
        let mut rng = Rng::new(11);
        for len in [1usize, 31, 32, 33, 100, 400] {
            for _ in 0..20 {
                let bytes: Vec<u8> = (0..len).map(|_| rng.draw() as u8).collect();
                crash_tape(&bytes);
                recover_image(&bytes);
            }
        }
    }

    #[test]
    fn every_row_of_the_table_is_a_journal_that_is_drawn() {
        let base = Contract::base("x");
        let held = drawn().iter().filter(|row| must_hold(row.name, &base)).count();
        assert_eq!(held, 3);
        assert!(!must_hold("v9-512", &Contract { bit_flips: 1, ..base.clone() }));
        assert!(!must_hold("v9-512", &base.without_flush()));
        let wide = Contract { neighbours: true, physical_bytes: 4096, ..base };
        assert!(!must_hold("v9-512", &wide) && must_hold("v9-4096", &wide));
    }
}
