//! Workloads: what the journal is asked to do, life by life.
//!
//! The one idea: a workload is a script, small and complete. Generators make scripts out of
//! choices; a case stores the script itself, so that it needs no generator to run again.
//!
//! Invariant: the payload of an entry follows from the script and its place alone, and differs from
//! every other payload of the run (from 8 bytes up), unless the script says that the client does
//! the same work again.
//!
//! What it is not: a benchmark of journals. Scripts are made to reach states.

pub mod clusters;
pub mod from_file;
mod generate;
mod payload;

use journal_core::{Limits, Survivors};
use serde::{Deserialize, Serialize};

pub use generate::{Features, Sizes, generate, generate_with};
pub use payload::{Identity, Payloads};

/// One thing the client does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "program", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Op {
    /// Append an entry of so many bytes (of the given payload's own length, where payloads are
    /// given).
    Append(u32),
    /// Close the atomic group.
    EndGroup,
    /// Make everything so far durable.
    Commit,
    /// Allow the journal to forget all acknowledged entries but the last so many.
    Checkpoint(u32),
}

/// One life: from resume to the power cut.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "program", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Life {
    /// What to do with the survivors; ignored in the first life.
    #[serde(with = "survivors")]
    #[cfg_attr(feature = "program", schemars(schema_with = "survivors::schema"))]
    pub resume: Survivors,
    /// What the client does then.
    pub ops: Vec<Op>,
}

/// A script for several lives. The power is cut once in each.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "program", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Workload {
    /// Done before the first life, without a cut, and forgotten: it fills the space with plausible
    /// old entries.
    pub before: Vec<Op>,
    /// The lives, at least one.
    pub lives: Vec<Life>,
    /// Whether a client that lost entries appends the same bytes again.
    pub identity: Identity,
    /// Where payloads come from.
    pub payloads: Payloads,
}

impl Workload {
    /// `lives` lives of the same script, generated payloads, nothing before.
    #[must_use]
    pub fn repeated(ops: &[Op], lives: u32, resume: Survivors) -> Workload {
        let life = Life { resume, ops: ops.to_vec() };
        Workload {
            before: Vec::new(),
            lives: vec![life; lives.max(1) as usize],
            identity: Identity::Fresh,
            payloads: Payloads::Generated,
        }
    }

    /// `entries` appends of so many bytes with a commit after every `every`.
    #[must_use]
    pub fn appends(entries: u32, bytes: u32, every: u32) -> Vec<Op> {
        let mut ops = Vec::new();
        for i in 1..=entries {
            ops.push(Op::Append(bytes));
            if i % every.max(1) == 0 {
                ops.push(Op::Commit);
            }
        }
        ops
    }

    /// Appends in the whole script.
    #[must_use]
    pub fn entries(&self) -> usize {
        let appends = |ops: &[Op]| ops.iter().filter(|op| matches!(op, Op::Append(_))).count();
        appends(&self.before) + self.lives.iter().map(|life| appends(&life.ops)).sum::<usize>()
    }

    /// The first append whose payload a journal of these limits does not take: its operation,
    /// counted over the whole script from 0, and its bytes.
    #[must_use]
    pub fn misfit(&self, limits: &Limits) -> Option<(usize, usize)> {
        let ops = self.before.iter().chain(self.lives.iter().flat_map(|life| &life.ops));
        let appends = ops.enumerate().filter_map(|(i, op)| match op {
            Op::Append(bytes) => Some((i, *bytes)),
            _ => None,
        });
        let takes = limits.payload_min as usize..=limits.payload_max as usize;
        let sizes = (0..).zip(appends).map(|(key, (i, n))| (i, self.payloads.get(key, n).len()));
        sizes.into_iter().find(|(_, bytes)| !takes.contains(bytes))
    }

    /// Operations in the whole script.
    #[must_use]
    pub fn operations(&self) -> usize {
        self.before.len() + self.lives.iter().map(|life| life.ops.len()).sum::<usize>()
    }
}

mod survivors {
    use journal_core::Survivors;
    use serde::{Deserialize, Deserializer, Serializer};

    pub fn serialize<S: Serializer>(value: &Survivors, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(match value {
            Survivors::Carry => "carry",
            Survivors::Forget => "forget",
        })
    }

    #[cfg(feature = "program")]
    pub fn schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "enum": ["carry", "forget"] })
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Survivors, D::Error> {
        match String::deserialize(from)?.as_str() {
            "carry" => Ok(Survivors::Carry),
            "forget" => Ok(Survivors::Forget),
            other => Err(serde::de::Error::custom(format!(
                "expected `carry` or `forget`, found `{other}`"
            ))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_payload_that_does_not_fit_is_named_wherever_it_is() {
        let limits = Limits { payload_min: 8, payload_max: 100, groups: false };
        let ops = [Op::Append(8), Op::Commit, Op::Append(100), Op::Commit];
        let fits = Workload::repeated(&ops, 2, Survivors::Carry);
        assert_eq!(fits.misfit(&limits), None);
        let mut large = fits.clone();
        large.lives[1].ops[2] = Op::Append(101);
        assert_eq!(large.misfit(&limits), Some((6, 101)));
        let before = Workload { before: vec![Op::Commit, Op::Append(7)], ..large };
        assert_eq!(before.misfit(&limits), Some((1, 7)));
        // Given payloads have their own length, and are used in turns.
        let given = Payloads::Given(vec![vec![0; 8], vec![0; 200]]);
        assert_eq!(Workload { payloads: given, ..fits }.misfit(&limits), Some((2, 200)));
    }
}
