//! The measure: which of two failing cases is the smaller one.
//!
//! The one idea: what a reader must take in, in the order of how much it costs to take in. First the
//! script, then how often the power goes, then how much went wrong on the disk, then how badly.
//!
//! | part | smaller is |
//! |---|---|
//! | `entries` | fewer appends, those before the first life included |
//! | `operations` | fewer operations, likewise |
//! | `bytes` | fewer payload bytes |
//! | `lives` | fewer lives, each ended by a power cut |
//! | `deviations` | fewer answers that differ from "everything persisted" or from "nothing persisted", whichever are fewer; a failing operation counts as one |
//! | `damage` | less garbage; then fewer unreadable sectors, zeros, mixes. Old content is no damage |
//! | `crash` | an earlier power cut, life by life |
//! | `device_bytes`, `oddities` | a smaller device; plain fill, own bytes for each entry, generated payloads |
//!
//! Invariant: a total order that follows from the case alone.
//!
//! What it is not: a measure of how bad a failure is. That is [`worst`].

use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};

use super::limited::Background;
use crate::choose::{Chooser, Label, Torn, What};
use crate::disk::Fill;
use crate::oracle::{Oracle, OracleSet};
use crate::run::Setup;
use crate::workload::{Identity, Op, Payloads};

/// The size of a failing case; see the table above. Compared part by part, in this order.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "program", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Measure {
    /// Appends.
    pub entries: u32,
    /// Operations.
    pub operations: u32,
    /// Payload bytes.
    pub bytes: u64,
    /// Lives.
    pub lives: u32,
    /// Answers that deviate from the nearer background.
    pub deviations: u32,
    /// Sectors with garbage, unreadable, of zeros, mixed.
    pub damage: [u32; 4],
    /// Crash points, life by life, counted from the life's first call.
    pub crash: Vec<u32>,
    /// Size of the device.
    pub device_bytes: u64,
    /// Settings that are not the plain ones.
    pub oddities: u32,
}

impl Measure {
    /// Of a setup and what was answered in it.
    #[must_use]
    pub fn new(setup: &Setup, answers: &Answers) -> Measure {
        let workload = &setup.workload;
        let lives = workload.lives.iter().map(|life| &life.ops);
        let ops = || std::iter::once(&workload.before).chain(lives.clone()).flatten();
        let sizes = ops().filter_map(|op| match op {
            Op::Append(bytes) => Some(*bytes),
            _ => None,
        });
        let payload = |(key, bytes): (usize, u32)| match workload.payloads {
            Payloads::Generated => u64::from(bytes),
            Payloads::Given(_) => workload.payloads.get(key as u32, bytes).len() as u64,
        };
        let oddities = [
            setup.fill != Fill::Zeros,
            workload.identity != Identity::Fresh,
            workload.payloads != Payloads::Generated,
        ];
        Measure {
            entries: sizes.clone().count() as u32,
            operations: ops().count() as u32,
            bytes: sizes.enumerate().map(payload).sum(),
            lives: workload.lives.len() as u32,
            deviations: answers.deviations() + u32::from(setup.fault.is_some()),
            damage: answers.damage,
            crash: answers.crash.clone(),
            device_bytes: setup.device_bytes,
            oddities: oddities.into_iter().map(u32::from).sum(),
        }
    }

    /// Whether its script is smaller, whatever the disk answers.
    #[must_use]
    pub fn script_is_smaller(&self, than: &Measure) -> bool {
        let script = |m: &Measure| (m.entries, m.operations, m.bytes, m.lives);
        script(self) < script(than)
    }
}

/// What was answered along a path.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answers {
    /// Answers that are not the newest content, and not the oldest.
    not_newest: u32,
    not_oldest: u32,
    damage: [u32; 4],
    crash: Vec<u32>,
}

impl Answers {
    /// Deviations from the nearer background.
    #[must_use]
    pub fn deviations(&self) -> u32 {
        self.not_newest.min(self.not_oldest)
    }

    fn crash_of(&mut self, life: u32) -> &mut u32 {
        let life = life as usize;
        self.crash.resize(self.crash.len().max(life + 1), 0);
        &mut self.crash[life]
    }

    fn hear(&mut self, what: What, options: u32, answer: u32, label: &dyn Fn(u32) -> Label) {
        match what {
            What::Cut => *self.crash_of(0) = options - 1 - answer,
            What::CutHere { life, .. } => *self.crash_of(life) += 1 - answer.min(1),
            _ => {}
        }
        let deviates = |from: Background| from.calm(what).is_some_and(|calm| calm != answer);
        self.not_newest += u32::from(deviates(Background::Newest));
        self.not_oldest += u32::from(deviates(Background::Oldest));
        if matches!(what, What::Sector { .. })
            && answer > 0
            && let Some(kind) = damage(label(answer))
        {
            self.damage[kind] += 1;
        }
    }
}

/// The place of a damaged content in [`Measure::damage`], the worst first; none if it is whole.
fn damage(label: Label) -> Option<usize> {
    match label {
        Label::Index(_) | Label::Old | Label::Write(_) => None,
        Label::Latent => Some(1),
        Label::Flip { .. } | Label::FlipTorn { .. } => Some(0),
        Label::Torn { how, .. } | Label::TornOver { how, .. } => Some(match how {
            Torn::Ones | Torn::Garbage(_) => 0,
            Torn::Unreadable => 1,
            Torn::Zeros => 2,
            Torn::Prefix(_) | Torn::Suffix(_) | Torn::Mosaic(_) | Torn::Stale => 3,
        }),
    }
}

/// Listens to a chooser and takes the measure of its answers.
#[derive(Debug)]
pub struct Tally<C> {
    inner: C,
    /// What was heard.
    pub answers: Answers,
}

impl<C: Chooser> Tally<C> {
    /// Listens to `inner`.
    pub fn new(inner: C) -> Self {
        Tally { inner, answers: Answers::default() }
    }
}

impl<C: Chooser> Chooser for Tally<C> {
    fn choose(&mut self, what: What, options: NonZeroU32, label: &dyn Fn(u32) -> Label) -> u32 {
        let answer = self.inner.choose(what, options, label);
        self.answers.hear(what, options.get(), answer, label);
        answer
    }
}

/// Oracles from the worst to break: wrong data first, then lost data, then a journal that does not
/// serve.
const WORST_FIRST: [Oracle; 9] = [
    Oracle::Integrity,
    Oracle::NoResurrection,
    Oracle::Durability,
    Oracle::Atomicity,
    Oracle::Order,
    Oracle::Honesty,
    Oracle::Availability,
    Oracle::Afterlife,
    Oracle::Idempotence,
];

/// The worst of some oracles.
#[must_use]
pub fn worst(broken: OracleSet) -> Option<Oracle> {
    WORST_FIRST.into_iter().find(|&oracle| broken.contains(oracle))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_oracle_has_its_place_in_the_order_of_the_worst() {
        for oracle in Oracle::ALL {
            assert_eq!(worst([oracle].into_iter().collect()), Some(oracle));
        }
        assert_eq!(worst(OracleSet::default()), None);
        assert_eq!(worst(Oracle::ALL.into_iter().collect()), Some(Oracle::Integrity));
    }

    #[test]
    fn deviations_are_counted_from_the_nearer_background() {
        let mut answers = Answers::default();
        let label =
            |i: u32| [Label::Write(3), Label::Write(2), Label::Old, Label::Latent][i as usize];
        answers.hear(What::Cut, 10, 4, &Label::Index);
        assert_eq!((answers.deviations(), answers.crash.clone()), (0, vec![5]));
        for (lba, answer) in [(0, 2), (1, 2), (2, 3)] {
            answers.hear(What::Sector { cut: 1, lba, whole: 3 }, 4, answer, &label);
        }
        assert_eq!((answers.not_newest, answers.not_oldest), (3, 1));
        assert_eq!(answers.damage, [0, 1, 0, 0]);
    }
}
