//! Generated workloads: scripts out of choices.
//!
//! The one idea: the generator asks a chooser, like the disk does, so the same code makes random
//! workloads for torture and mutated ones for the fuzzer.
//!
//! Invariant: with an exhausted tape (all answers 0) the script is the smallest useful one: one
//! append and one commit in one life.

use journal_core::{Limits, Survivors};

use super::{Identity, Life, Op, Payloads, Workload};
use crate::choose::{Chooser, What, pick};

/// Bounds of a generated workload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizes {
    /// Lives at most.
    pub lives_max: u32,
    /// Operations per life at most.
    pub ops_max: u32,
    /// Largest payload, bytes, within what the journal takes.
    pub payload_max: u32,
}

impl Default for Sizes {
    fn default() -> Self {
        Sizes { lives_max: 3, ops_max: 12, payload_max: 300 }
    }
}

/// What a workload may have in it. What is off is never asked for, so that the answers go to what
/// is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Features {
    /// More lives than one.
    pub lives: bool,
    /// Work that was lost may be done again with the same bytes.
    pub same_again: bool,
    /// Operations before the first life.
    pub before: bool,
    /// Groups, where the journal has them.
    pub groups: bool,
    /// Checkpoints.
    pub checkpoints: bool,
    /// Forgetting the survivors.
    pub forget: bool,
}

impl Features {
    /// Everything.
    pub const ALL: Features = Features {
        lives: true,
        same_again: true,
        before: true,
        groups: true,
        checkpoints: true,
        forget: true,
    };
}

/// Asks for a workload of any kind.
pub fn generate(chooser: &mut dyn Chooser, limits: &Limits, sizes: Sizes) -> Workload {
    generate_with(chooser, limits, sizes, Features::ALL)
}

/// Asks for a workload with no more than these features.
pub fn generate_with(
    chooser: &mut dyn Chooser,
    limits: &Limits,
    sizes: Sizes,
    features: Features,
) -> Workload {
    let mut ask = |name, n| pick(chooser, What::Workload(name), n);
    let lives = if features.lives { 1 + ask("lives", sizes.lives_max) } else { 1 };
    let identity = match features.same_again {
        true => [Identity::Fresh, Identity::SameAgain][ask("identity", 2) as usize],
        false => Identity::Fresh,
    };
    let menu = if features.checkpoints { 8 } else { 7 };
    let groups = limits.groups && features.groups;
    let mut script = |ops_max: u32| -> Vec<Op> {
        let count = ask("ops", ops_max.max(1));
        let mut ops = vec![Op::Append(payload_size(&mut ask, limits, sizes))];
        for _ in 0..count {
            ops.push(match ask("op", menu) {
                0..=3 => Op::Append(payload_size(&mut ask, limits, sizes)),
                4 | 5 => Op::Commit,
                6 if groups => Op::EndGroup,
                6 => Op::Commit,
                _ => Op::Checkpoint(ask("keep", 3)),
            });
        }
        ops.push(Op::Commit);
        ops
    };
    let before = match lives {
        1 => Vec::new(),
        _ if !features.before => Vec::new(),
        // Twice a life's length: enough to wrap small areas.
        _ => script(sizes.ops_max * 2),
    };
    let scripts: Vec<Vec<Op>> = (0..lives).map(|_| script(sizes.ops_max)).collect();
    let lives = scripts
        .into_iter()
        .map(|ops| {
            let resume = match features.forget {
                true => [Survivors::Carry, Survivors::Forget][ask("resume", 2) as usize],
                false => Survivors::Carry,
            };
            Life { resume, ops }
        })
        .collect();
    Workload { before, lives, identity, payloads: Payloads::Generated }
}

/// A payload size, leaning to the edges: smallest, largest, around a sector, anything.
fn payload_size(
    ask: &mut dyn FnMut(&'static str, u32) -> u32,
    limits: &Limits,
    sizes: Sizes,
) -> u32 {
    let (min, max) = (limits.payload_min.max(8), limits.payload_max.min(sizes.payload_max));
    let max = max.max(limits.payload_min);
    let min = min.min(max);
    match ask("size kind", 4) {
        0 => 48.clamp(min, max),
        1 => max,
        2 => min + ask("size", 16.min(max - min + 1)),
        _ => min + ask("size", max - min + 1),
    }
}
