//! Torture: random workloads, devices and decisions, as many as there is time for.
//!
//! Method. Runs are numbered. A run's seed follows from the campaign's seed and its number alone;
//! it draws what it is about (`swarm.rs`), generates a workload, and visits a handful of leaves under
//! the random chooser. Runs are done in *blocks* of [`BLOCK_RUNS`]: what a block saw is added up, its
//! failures are told apart by fingerprint (`finding.rs`) and shrunk, and blocks are handed on in order,
//! however many threads there are. Payloads may come from the clusters of a file: which ones follows
//! from the run's number, too.
//!
//! Invariant: the same plan gives the same result on any number of threads, in as many sittings as
//! one likes, and dealt to as many shards as one likes. Where a campaign ends by time, what differs
//! is how many blocks it has.
//!
//! What it is not: a proof, or a rate of failures in the field. Absence of findings is an upper
//! bound over what was drawn, and no more.

pub mod finding;
pub mod outcome;
mod run;
mod swarm;
pub mod threads;
pub mod totals;

use std::sync::Arc;

pub use finding::{Design, Fingerprint, Found, RowKey, Spot};
pub use run::{Bare, bare, block, found_again};
pub use swarm::VARIED;
pub use totals::{Seen, Totals};

use crate::disk::contract::Contract;
use crate::shrink::Budget;
use crate::workload::Sizes;
use crate::workload::clusters::Clusters;
use crate::workload::from_file::FromFileError;

/// A campaign.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Everything follows from it.
    pub seed: u64,
    /// Runs at most: a workload each, with several leaves.
    pub runs: u64,
    /// Journals to draw from.
    pub journals: Vec<String>,
    /// Whether any point of the grid may be drawn, too.
    pub grid: bool,
    /// Devices to draw from.
    pub contracts: Vec<Contract>,
    /// Whether such a one may be drawn with some knobs turned, too.
    pub varied: bool,
    /// Bounds of the workloads.
    pub sizes: Sizes,
    /// A file that the payloads come from, instead of noise.
    pub payloads: Option<Arc<Clusters>>,
    /// The blocks whose number leaves the first when divided by the second.
    pub shard: (u32, u32),
}

/// Runs of a block.
pub const BLOCK_RUNS: u64 = 256;

/// Leaves visited per workload.
pub const LEAVES_PER_RUN: u32 = 32;

/// Bytes of the simulated device: small, so that laps are short.
pub const DEVICE_BYTES: u64 = 128 * 1024;

/// What shrinking a finding may cost. Part of the result, so the same wherever a case is made again.
/// A campaign has hundreds of findings; whoever looks at one has `tornwrite shrink` to make it smaller.
pub const BUDGET: Budget = Budget { neighbour: 100, answers: 1_000, total: 5_000 };

/// The row of points of the grid.
pub const GRID: &str = "grid";

impl Plan {
    /// Blocks of the campaign, all shards together.
    #[must_use]
    pub fn blocks(&self) -> u64 {
        self.runs.div_ceil(BLOCK_RUNS)
    }

    /// Blocks of this shard.
    #[must_use]
    pub fn own_blocks(&self) -> u64 {
        let (index, of) = (u64::from(self.shard.0), u64::from(self.shard.1));
        self.blocks().saturating_sub(index).div_ceil(of)
    }

    /// The number of the shard's block that comes after `done` others.
    #[must_use]
    pub fn nth_block(&self, done: u64) -> u64 {
        u64::from(self.shard.0) + done * u64::from(self.shard.1)
    }

    /// The runs of a block.
    #[must_use]
    pub fn runs_of(&self, block: u64) -> std::ops::Range<u64> {
        let start = block * BLOCK_RUNS;
        start.min(self.runs)..start.saturating_add(BLOCK_RUNS).min(self.runs)
    }

    /// What a row's journal is called.
    #[must_use]
    pub fn journal_name(&self, row: RowKey) -> &str {
        self.journals.get(usize::from(row.journal)).map_or(GRID, String::as_str)
    }

    /// What a row's device is called.
    #[must_use]
    pub fn device_name(&self, row: RowKey) -> &str {
        self.contracts.get(usize::from(row.device)).map_or(VARIED, |c| c.name.as_str())
    }

    /// What a fingerprint is called: a word for a file's name.
    #[must_use]
    pub fn fingerprint_name(&self, fingerprint: Fingerprint) -> String {
        let plain = |name: &str| -> String {
            name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect()
        };
        let Fingerprint { row, design, oracle } = fingerprint;
        let design = design.words().map_or(String::new(), |words| format!("-{words}"));
        let journal = plain(self.journal_name(row));
        format!("{journal}{design}--{}--{}", plain(self.device_name(row)), oracle.name())
    }
}

/// Runs a whole campaign in memory, on so many threads.
///
/// # Errors
/// When the file that payloads come from cannot be read any more.
pub fn torture(plan: &Plan, jobs: usize) -> Result<(Totals, Vec<Found>), FromFileError> {
    let mut totals = Totals::default();
    let mut found = Vec::new();
    let known = threads::Known::default();
    let ended: Result<(), threads::Ended<std::convert::Infallible>> =
        threads::blocks(plan, jobs, 0, &known, &|| false, &mut |blocks| {
            for block in blocks {
                let news = totals.news(&block.totals);
                found.extend(block.found.into_iter().filter(|f| news.has(f)));
                totals.add(&block.totals);
            }
            known.learn(&totals);
            Ok(())
        });
    match ended {
        Ok(()) => Ok((totals, found)),
        Err(threads::Ended::Payloads(error)) => Err(error),
        Err(threads::Ended::Taken(never)) => match never {},
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::case::Case;
    use crate::disk::presets;

    fn plan() -> Plan {
        let contracts = ["consumer-nvme-no-plp", "hdd-512e"];
        Plan {
            seed: 7,
            runs: 300,
            journals: vec!["v9-512".to_owned(), "sqlite-wal".to_owned()],
            contracts: contracts.iter().map(|name| presets::named(name).unwrap()).collect(),
            grid: false,
            varied: false,
            sizes: Sizes::default(),
            payloads: None,
            shard: (0, 1),
        }
    }

    #[test]
    fn the_result_is_the_same_on_any_number_of_threads() {
        let plan = Plan { runs: 600, grid: true, varied: true, ..plan() };
        let one = torture(&plan, 1).unwrap();
        assert_eq!(one, torture(&plan, 3).unwrap());
        assert_eq!((one.0.runs, one.0.blocks), (600, 3));
        assert!(one.0.seen.contains_key(&RowKey { journal: 2, device: 2 }), "swarm");
    }

    #[test]
    fn shards_add_up_to_the_whole_and_so_do_sittings() {
        let plan = Plan { runs: 1100, ..plan() };
        let (whole, mut found) = torture(&plan, 2).unwrap();
        for of in [2, 7] {
            let mut sum = Totals::default();
            let mut by_shard = Vec::new();
            for index in (0..of).rev() {
                let (part, found) =
                    torture(&Plan { shard: (index, of), ..plan.clone() }, 1).unwrap();
                sum.add(&part);
                by_shard.extend(found);
            }
            assert_eq!(sum, whole, "{of} shards");
            by_shard.retain(|found| whole.has(found));
            by_shard.sort_by_key(|found| found.fingerprint);
            found.sort_by_key(|found| found.fingerprint);
            assert_eq!(by_shard, found);
        }
    }

    #[test]
    fn what_it_finds_replays_to_the_same_violation_and_is_found_again_from_its_place() {
        let plan = Plan { grid: true, varied: true, ..plan() };
        let (totals, all) = torture(&plan, 2).unwrap();
        assert_eq!(totals.findings.len(), all.len());
        assert!(all.iter().any(|f| f.fingerprint.design == Design::NAMED), "v9-512 on hdd-512e");
        for found in all {
            let again = found.case.run(None).unwrap();
            assert_eq!(again.broken(), found.broken);
            assert_eq!(Case::parse(&found.case.token()).as_ref(), Ok(&found.case));
            assert_eq!(Case::parse(&found.case.json()).as_ref(), Ok(&found.case));
            assert!(found.shown().run(None).unwrap().broken().contains(found.fingerprint.oracle));
            let again = found_again(&plan, found.fingerprint, found.spot).unwrap();
            assert_eq!(again.as_ref(), Some(&found));
        }
    }

    #[test]
    fn payloads_of_a_file_are_the_same_on_any_number_of_threads_and_stay_in_the_case() {
        use std::io::Write;
        let mut file = tempfile::NamedTempFile::new().unwrap();
        for number in 0..90u32 {
            file.write_all(&number.to_le_bytes().repeat(16 * 1024)).unwrap();
        }
        let clusters = Arc::new(Clusters::open(file.path(), 4).unwrap());
        let plan = Plan { payloads: Some(clusters), runs: 600, ..plan() };
        let one = torture(&plan, 1).unwrap();
        assert_eq!(one, torture(&plan, 3).unwrap());
        assert!(!one.1.is_empty(), "v9-512 on 512e loses acknowledged entries");
        // A file that is gone fails a campaign, and no case.
        file.as_file().set_len(0).unwrap();
        assert!(matches!(torture(&plan, 3), Err(FromFileError::Io { .. })));
        for found in one.1 {
            let again = Case::parse(&found.case.token()).unwrap();
            assert_eq!(again, found.case);
            assert_eq!(again.run(None).unwrap().broken(), found.broken);
        }
    }

    #[test]
    fn sound_twins_are_silent_and_ones_that_take_errors_lightly_are_found() {
        let on = |journal: &str| {
            let plan = Plan { runs: 600, journals: vec![journal.to_owned()], ..plan() };
            torture(&plan, 2).unwrap().1
        };
        for sound in ["twin-sound", "twin-sound-erase", "twin-sound-commit-record"] {
            let found = on(sound);
            let tokens: Vec<_> = found.iter().map(|found| found.case.token()).collect();
            assert!(found.is_empty(), "{sound}: {tokens:?}");
        }
        for flawed in
            ["twin-retries-flush", "twin-swallows-write-error", "twin-continues-after-no-space"]
        {
            let found = on(flawed);
            for device in 0..2 {
                let on = |found: &&Found| found.fingerprint.row.device == device;
                let faults: Vec<_> = found.iter().filter(on).map(|f| f.case.fault).collect();
                assert!(!faults.is_empty(), "{flawed}: on both devices");
                assert!(faults.iter().all(Option::is_some), "{flawed}: found by a fault");
            }
        }
    }
}
