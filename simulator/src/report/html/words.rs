//! What the report does not show, and the words of the page.
//!
//! The one idea: limits follow from what is in the report, so that none is claimed that does not apply and
//! none is left out that does.
//!
//! Invariant: a word is explained once, here.
//!
//! What it is not: the documentation.

use crate::explore::Verdict;
use crate::report::matrix::{COLLISIONS, LIMITS};
use crate::report::model::{Experiment, Report};

/// What the report does not show.
#[must_use]
pub fn limits(report: &Report) -> Vec<String> {
    let mut limits = vec![LIMITS.to_owned()];
    let any = |of: &dyn Fn(&Experiment) -> bool| {
        report.cells.iter().flat_map(|cell| &cell.experiments).any(of)
    };
    if any(&|experiment| experiment.modulo_collisions) {
        limits.push(COLLISIONS.to_owned());
    }
    if report.devices.iter().any(|device| device.representatives) {
        let names = report.devices.iter().filter(|device| device.representatives);
        let names: Vec<&str> = names.map(|device| &device.name[..]).collect();
        limits.push(format!(
            "On {} some damage is covered by representatives: contents that cannot be enumerated, such \
             as garbage, stand for all of their kind.",
            names.join(", ")
        ));
    }
    if any(&|experiment| experiment.verdict == Verdict::Bounded) {
        limits.push(
            "BOUNDED is no proof: the bound ended the search. What was drawn at random there is an upper \
             bound over such draws, not over power cuts."
                .to_owned(),
        );
    }
    limits.push(
        "REFUTED says that a crash state that the contract allows breaks a claim; it does not say how \
         often a real drive does that."
            .to_owned(),
    );
    if report.campaign.is_some() {
        limits.push(
            "A random campaign that finds nothing has drawn what it has drawn; `compare` proves."
                .to_owned(),
        );
    }
    limits
}

/// The words of the page.
pub const GLOSSARY: [[&str; 2]; 23] = [
    ["acknowledged", "a commit returned: the journal promised that the entries are durable"],
    [
        "block",
        "256 runs of a campaign, the unit of its progress; where journals are told, a run of sectors \
         sealed as one",
    ],
    ["cell", "one journal on one device: its experiments and their controls"],
    ["command", "a write as the device sees it: a run of sectors, sent at once"],
    [
        "contract",
        "what a device may do with writes, flushes and a power cut; one with a name is a device here",
    ],
    ["crash point", "a call of the first life during which the power may go, or the end of it"],
    ["crash state", "an image of the disk that the contract allows after a cut"],
    ["cut", "the moment at which the power goes"],
    ["entry", "what a journal is given to keep; numbered in the order of the appends"],
    ["epoch", "the writes between two flushes: what may overtake each other in a cache"],
    ["excused", "not owed on this device, with the reason"],
    [
        "flush",
        "a call that returns when all writes that were completed before it are on the medium",
    ],
    ["FUA", "a write that returns when it is on the medium itself; it says nothing of others"],
    [
        "leaf",
        "a class of crash states that recovery cannot tell apart: one run stands for all of them",
    ],
    [
        "finding",
        "the first failure of its kind: by journal, device, claim and, in the grid, design",
    ],
    ["life", "from one power-up to the next cut"],
    [
        "outcome class",
        "what a leaf came to, coarsely; with recovery decisions, what tells whether a campaign still \
         sees anything new",
    ],
    ["owed", "a claim that the contract lets a journal keep, so that it must"],
    [
        "read-modify-write",
        "a sector that already holds entries is written again to add one: they are at risk with it",
    ],
    [
        "teeth control",
        "the same experiment with flushes dropped: if nothing fails then, a pass proves nothing",
    ],
    ["token", "a complete experiment as one word: `tornwrite replay tw1-...` runs it again"],
    [
        "torn",
        "of a command that was in flight, some sectors or parts of one persist and others do not",
    ],
    ["write amplification", "bytes written to the device per byte of payload"],
];
