//! Which campaign it is: everything that its results follow from.
//!
//! The one idea: it is written first into the journal, and whoever goes on must bring the same.
//! Otherwise runs of two campaigns would be added up under one name.
//!
//! Invariant: what is not in it (time, threads, folders) changes no result.
//!
//! What it is not: the plan. A file of payloads is known by length and checksum, and opened by the
//! caller.

use serde::{Deserialize, Serialize};

use crate::disk::contract::Contract;
use crate::explore::torture::{BLOCK_RUNS, LEAVES_PER_RUN, Plan};
use crate::workload::Sizes;

/// Which campaign it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// Version of the program: another one may draw otherwise.
    pub version: String,
    /// Runs of a block, and leaves of a run.
    pub steps: (u64, u32),
    /// Seed.
    pub seed: u64,
    /// Runs at most.
    pub runs: u64,
    /// Journals by name, and whether the grid.
    pub journals: (Vec<String>, bool),
    /// Devices, and whether varied ones.
    #[serde(with = "named_knobs")]
    pub contracts: (Vec<Contract>, bool),
    /// Lives, operations and payload bytes at most.
    pub sizes: (u32, u32, u32),
    /// Length and checksum of the file that payloads come from.
    pub payloads: Option<(u64, u32)>,
    /// Which shard of how many.
    pub shard: (u32, u32),
}

/// Contracts in a form without names of fields: a knob that is off is not written at all, so each is
/// kept as a line of JSON.
mod named_knobs {
    use serde::de::Error as _;
    use serde::ser::Error as _;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use crate::disk::contract::Contract;

    pub fn serialize<S: Serializer>(
        (contracts, varied): &(Vec<Contract>, bool),
        to: S,
    ) -> Result<S::Ok, S::Error> {
        let lines = contracts.iter().map(serde_json::to_string).collect::<Result<Vec<_>, _>>();
        (lines.map_err(S::Error::custom)?, varied).serialize(to)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<(Vec<Contract>, bool), D::Error> {
        let (lines, varied) = <(Vec<String>, bool)>::deserialize(from)?;
        let contracts =
            lines.iter().map(|line| serde_json::from_str(line)).collect::<Result<_, _>>();
        Ok((contracts.map_err(D::Error::custom)?, varied))
    }
}

impl Identity {
    /// Of a plan.
    #[must_use]
    pub fn of(plan: &Plan) -> Identity {
        let Sizes { lives_max, ops_max, payload_max } = plan.sizes;
        Identity {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            steps: (BLOCK_RUNS, LEAVES_PER_RUN),
            seed: plan.seed,
            runs: plan.runs,
            journals: (plan.journals.clone(), plan.grid),
            contracts: (plan.contracts.clone(), plan.varied),
            sizes: (lives_max, ops_max, payload_max),
            payloads: plan.payloads.as_ref().map(|clusters| clusters.mark()),
            shard: plan.shard,
        }
    }

    /// The plan, as far as names and numbers go.
    #[must_use]
    pub fn names(&self) -> Plan {
        let (lives_max, ops_max, payload_max) = self.sizes;
        Plan {
            seed: self.seed,
            runs: self.runs,
            journals: self.journals.0.clone(),
            grid: self.journals.1,
            contracts: self.contracts.0.clone(),
            varied: self.contracts.1,
            sizes: Sizes { lives_max, ops_max, payload_max },
            payloads: None,
            shard: self.shard,
        }
    }

    /// In what it differs from what is asked for, each with what is there and what is asked.
    #[must_use]
    pub fn differences(&self, asked: &Identity) -> Vec<String> {
        let mut all = Vec::new();
        let mut differ = |what: &str, there: String, asked: String| {
            if there != asked {
                all.push(format!("{what}: there {there}, asked for {asked}"));
            }
        };
        let runs = |runs: u64| match runs {
            u64::MAX => "as many as there is time for".to_owned(),
            runs => runs.to_string(),
        };
        let journals = |(names, grid): &(Vec<String>, bool)| {
            let grid = grid.then(|| "the grid".to_owned());
            names.iter().cloned().chain(grid).collect::<Vec<_>>().join(" ")
        };
        let devices = |(contracts, varied): &(Vec<Contract>, bool)| {
            let varied = varied.then(|| "varied ones".to_owned());
            contracts.iter().map(|c| c.name.clone()).chain(varied).collect::<Vec<_>>().join(" ")
        };
        let shard = |(index, of): (u32, u32)| format!("{index}/{of}");
        differ("the program's version", self.version.clone(), asked.version.clone());
        differ("runs of a block", format!("{:?}", self.steps), format!("{:?}", asked.steps));
        differ("--seed", self.seed.to_string(), asked.seed.to_string());
        differ("--runs", runs(self.runs), runs(asked.runs));
        differ("--journal", journals(&self.journals), journals(&asked.journals));
        differ("--device", devices(&self.contracts), devices(&asked.contracts));
        differ("sizes", format!("{:?}", self.sizes), format!("{:?}", asked.sizes));
        differ("--shard", shard(self.shard), shard(asked.shard));
        let file = |mark: Option<(u64, u32)>| match mark {
            None => "none".to_owned(),
            Some((bytes, crc)) => format!("a file of {bytes} bytes, checksum {crc:08x}"),
        };
        differ("--payload-from", file(self.payloads), file(asked.payloads));
        if all.is_empty() && self != asked {
            all.push("a device has the same name and other values (--with)".to_owned());
        }
        all
    }
}
