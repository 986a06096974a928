//! Bring your own journal: one test, every device.
//!
//! The one idea: a check is a table, devices by experiments; each cell is proven by visiting every
//! crash state where the bound allows it, and drawn from at random beyond. Every cell has its
//! teeth control: the same journal with its flushes dropped must lose something, or the cell says
//! NOT MEASURED and the check fails.
//!
//! Invariant: with bounds alone (no [`Check::budget`]) the outcome is the same on every machine.
//! The clock is looked at here, between batches of random draws, and nowhere below; it never
//! changes what the exhaustive part does.
//!
//! What it is not: a proof about other workloads than the ones it runs, or about files that the
//! log does not go through [`crate::files::LogFile`] for.
//!
//! # A log on a plain file
//!
//! ```
//! use simulator::files::{FileLog, LogFile};
//! use std::io;
//!
//! /// Each entry takes a page: length, checksum, bytes.
//! struct PageLog(u64);
//!
//! impl FileLog for PageLog {
//!     fn open(file: &mut dyn LogFile) -> io::Result<(Self, Vec<Vec<u8>>)> {
//!         let (mut entries, mut page) = (Vec::new(), [0; 4096]);
//!         while let Ok(4096) = file.read_at(&mut page, entries.len() as u64 * 4096) {
//!             let len = u32::from_le_bytes(page[..4].try_into().unwrap()) as usize;
//!             let Some(bytes) = page.get(8..8 + len) else { break };
//!             if page[4..8] != journal_core::checksum::crc32c(bytes).to_le_bytes() || len == 0 {
//!                 break;
//!             }
//!             entries.push(bytes.to_vec());
//!         }
//!         file.set_len(entries.len() as u64 * 4096)?;
//!         file.sync_data()?;
//!         Ok((PageLog(entries.len() as u64), entries))
//!     }
//!     fn append(&mut self, file: &mut dyn LogFile, entry: &[u8]) -> io::Result<()> {
//!         let mut page = [0; 4096];
//!         page[..4].copy_from_slice(&(entry.len() as u32).to_le_bytes());
//!         page[4..8].copy_from_slice(&journal_core::checksum::crc32c(entry).to_le_bytes());
//!         page[8..8 + entry.len()].copy_from_slice(entry);
//!         self.0 += 1;
//!         file.write_all_at(&page, (self.0 - 1) * 4096)
//!     }
//!     fn commit(&mut self, file: &mut dyn LogFile) -> io::Result<()> {
//!         file.sync_data()
//!     }
//! }
//!
//! simulator::check::file_log::<PageLog>().runs(2_000).assert();
//! ```
//!
//! When it fails, the message holds a token; the same failure again, with its picture:
//! `simulator::check::file_log::<PageLog>().replay("tw1-...")`.
//!
//! # Which devices a journal must survive
//!
//! By default those on which no byte changes but the ones that the log wrote (powersafe overwrite)
//! are *asserted*; the other ones that honour a flush are run and *reported*.
//!
//! | device | [`journal`] | [`file_log`] | why |
//! |---|---|---|---|
//! | `ideal`, `enterprise-nvme-plp`, `consumer-nvme-no-plp`, `virtio-writeback`, `cloud-twp-16k` | asserted | asserted | they tear and reorder; they damage nothing |
//! | `hdd-512n` | asserted | reported | damages what is being written; below a page cache that is the whole page, committed entries and all, so a file log survives only if it never writes a page again |
//! | `hdd-512e` | reported | reported | damages the seven sectors around as well: survived only by logs that pad to 4096 bytes |
//! | `pm-8byte`, `virtio-spec-literal` | no | no | large searches: ask for them by name |
//! | `hdd-512e-nvc` | no | no | tears less than `consumer-nvme-no-plp`: ask for it by name |
//! | those that lie about flushes, `sd-card`, `ssd-zheng-hostile` | no | no | nothing can be durable there; ask for them by name to see integrity and order judged |
//!
//! Another choice: [`Check::devices`].

mod experiments;
mod picture;
mod report;

use std::time::{Duration, Instant};

use journal_core::{Journal, Plain, Stepwise};

pub use picture::plain_picture;
pub use report::{CheckReport, Replayed, Row};

use crate::case::{Case, CaseError, decisions_of, run_case};
use crate::choose::Random;
use crate::disk::contract::Contract;
use crate::disk::{Fill, presets};
use crate::explore::{Bounds, Verdict, prove_with};
use crate::files::{FileLog, FileOptions, OnFile, under_page_cache};
use crate::oracle::{Oracle, OracleSet};
use crate::run::{Run, Setup};
use crate::workload::{Op, Workload};

/// Random leaves between two looks at the clock.
const BATCH: u64 = 256;

/// A check, being put together.
#[derive(Debug)]
pub struct Check<J: Journal> {
    name: String,
    options: J::Options,
    page_cache: bool,
    asserted: Vec<Contract>,
    reported: Vec<Contract>,
    workloads: Option<Vec<(String, Workload)>>,
    entries: u32,
    payload_bytes: u32,
    lives: u32,
    device_bytes: u64,
    fill: Fill,
    runs: u64,
    samples: u64,
    budget: Option<Duration>,
}

/// A check of anything that implements [`Journal`].
#[must_use]
pub fn journal<J: Journal>(options: J::Options) -> Check<J> {
    let psow = |contract: &Contract| !(contract.damages_writes() && contract.neighbours);
    Check::new(std::any::type_name::<J>(), options, false, psow)
}

/// A check of a log on a plain file.
#[must_use]
pub fn file_log<L: FileLog>() -> Check<OnFile<L>> {
    let options = FileOptions::default();
    Check::new(std::any::type_name::<L>(), options, true, |contract| !contract.damages_writes())
}

impl<L: FileLog> Check<OnFile<L>> {
    /// Another file system than the default one (page cache, lengths after data).
    #[must_use]
    pub fn file_system(mut self, options: FileOptions) -> Self {
        self.options = options;
        self
    }
}

impl<J: Journal> Check<J> {
    fn new(
        name: &str,
        options: J::Options,
        page_cache: bool,
        asserted: impl Fn(&Contract) -> bool,
    ) -> Self {
        let (asserted, reported) = presets::everyday()
            .into_iter()
            .map(|preset| preset.contract)
            .filter(Contract::keeps_its_word)
            .partition(asserted);
        Check {
            name: without_paths(name),
            options,
            page_cache,
            asserted,
            reported,
            workloads: None,
            entries: 4,
            payload_bytes: 48,
            lives: 2,
            device_bytes: 1 << 20,
            fill: Fill::Zeros,
            runs: 20_000,
            samples: 2_000,
            budget: None,
        }
    }

    /// What the journal is called in reports.
    #[must_use]
    pub fn named(mut self, name: &str) -> Self {
        self.name = name.to_owned();
        self
    }

    /// Runs these devices and no others; all of them must be survived.
    ///
    /// # Panics
    /// When there is no device of a name.
    #[must_use]
    pub fn devices(mut self, names: &[&str]) -> Self {
        let find = |name: &&str| {
            presets::named(name).unwrap_or_else(|| {
                let all: Vec<String> =
                    presets::all().into_iter().map(|preset| preset.contract.name).collect();
                panic!("no device is named `{name}`; there are {}", all.join(", "))
            })
        };
        self.asserted = names.iter().map(find).collect();
        self.reported = Vec::new();
        self
    }

    /// One more device that must be survived.
    #[must_use]
    pub fn device(mut self, contract: Contract) -> Self {
        self.asserted.push(contract);
        self
    }

    /// Entries appended in the first life of an experiment: 4 unless told.
    #[must_use]
    pub fn entries(mut self, entries: u32) -> Self {
        self.entries = entries.max(1);
        self
    }

    /// Bytes of a small payload: 48 unless told. At least 8, or entries cannot be told apart.
    #[must_use]
    pub fn payload_bytes(mut self, bytes: u32) -> Self {
        self.payload_bytes = bytes;
        self
    }

    /// Power cuts in a row at most, each after a recovery and more work: 2 unless told.
    #[must_use]
    pub fn lives(mut self, lives: u32) -> Self {
        self.lives = lives.max(1);
        self
    }

    /// Bytes of the device: 1 MiB unless told.
    #[must_use]
    pub fn device_bytes(mut self, bytes: u64) -> Self {
        self.device_bytes = bytes;
        self
    }

    /// What the device holds where nothing was written: zeros unless told.
    #[must_use]
    pub fn fill(mut self, fill: Fill) -> Self {
        self.fill = fill;
        self
    }

    /// Crash states visited at most in each cell, in order: 20,000 unless told. A cell that ends
    /// within the bound is proven.
    #[must_use]
    pub fn runs(mut self, runs: u64) -> Self {
        self.runs = runs;
        self
    }

    /// Crash states drawn at random in each cell that the bound ended: 2,000 unless told.
    #[must_use]
    pub fn samples(mut self, samples: u64) -> Self {
        self.samples = samples;
        self
    }

    /// Goes on drawing at random, in the cells that the bound ended, until the whole check has
    /// taken so long. How many are drawn then depends on the machine.
    #[must_use]
    pub fn budget(mut self, budget: Duration) -> Self {
        self.budget = Some(budget);
        self
    }

    /// Runs this experiment, and of the built-in ones none.
    #[must_use]
    pub fn workload(mut self, name: &str, workload: Workload) -> Self {
        self.workloads.get_or_insert_default().push((name.to_owned(), workload));
        self
    }

    /// The experiments: what is appended, in how many lives.
    #[must_use]
    pub fn experiments(&self) -> Vec<(String, Workload)> {
        if let Some(own) = &self.workloads {
            return own.clone();
        }
        experiments::built_in(self.entries, self.payload_bytes, self.lives)
    }

    /// An experiment that the journal can take on a device: payloads within its limits.
    fn fitting(&self, workload: &Workload, contract: &Contract) -> Workload {
        let limits = J::limits(&self.options, contract.geometry(self.device_bytes));
        let fit = |op: &mut Op| {
            if let Op::Append(bytes) = op {
                *bytes = (*bytes).min(limits.payload_max).max(limits.payload_min);
            }
        };
        let mut workload = workload.clone();
        workload.lives.iter_mut().for_each(|life| life.ops.iter_mut().for_each(fit));
        workload
    }

    /// Runs every experiment on every device.
    pub fn run(&self) -> CheckReport {
        let begun = Instant::now();
        let experiments = self.experiments();
        let mut rows: Vec<Row> = Vec::new();
        let asserted = self.asserted.iter().map(|contract| (contract, true));
        let reported = self.reported.iter().map(|contract| (contract, false));
        for (contract, asserted) in asserted.chain(reported) {
            for (experiment, workload) in &experiments {
                let device = contract.name.clone();
                let setup = Setup {
                    contract: match self.page_cache {
                        true => under_page_cache(contract),
                        false => contract.clone(),
                    },
                    device_bytes: self.device_bytes,
                    fill: self.fill,
                    workload: self.fitting(workload, contract),
                    fault: None,
                };
                let bounds =
                    Bounds { leaves_max: self.runs, first_only: true, ..Bounds::default() };
                let cell = prove_with::<Plain<J>>(&self.name, &self.options, &setup, bounds);
                let experiment = experiment.clone();
                let broken = cell.explored.first.as_ref().map_or_else(OracleSet::default, |f| f.0);
                let (samples, picture) = (0, None);
                rows.push(Row { device, experiment, asserted, cell, samples, broken, picture });
            }
        }
        self.sample(&mut rows, begun);
        for row in &mut rows {
            if let Some(case) = &mut row.cell.counterexample {
                *case = picture::essential::<Plain<J>>(case, &self.options);
                row.picture = Some(plain_picture::<Plain<J>>(case, &self.options));
            }
        }
        CheckReport { name: self.name.clone(), rows }
    }

    /// Draws leaves of the cells that the bound ended: the same number from each, and then, if
    /// there is a budget, batch by batch until it is spent.
    fn sample(&self, rows: &mut [Row], begun: Instant) {
        let mut open: Vec<(&mut Row, Run<'_, Plain<J>>)> = Vec::new();
        for row in rows.iter_mut().filter(|row| row.cell.verdict == Verdict::Bounded) {
            let Ok((mut run, journal)) = Run::<Plain<J>>::new(&self.options, row.cell.case.setup())
            else {
                continue;
            };
            run.record(journal, None);
            open.push((row, run));
        }
        let spent = || self.budget.is_none_or(|budget| begun.elapsed() >= budget);
        for (row, run) in &mut open {
            draw(row, run, self.samples);
        }
        loop {
            open.retain(|(row, _)| row.cell.verdict == Verdict::Bounded);
            if open.is_empty() || spent() {
                return;
            }
            for (row, run) in &mut open {
                draw(row, run, BATCH);
            }
        }
    }

    /// Runs the check and panics unless every asserted cell is clean: with the first failure's
    /// picture and token, and the table.
    ///
    /// # Panics
    /// So that a test fails. [`Check::run`] does not.
    pub fn assert(&self) {
        self.run().assert();
    }

    /// Runs the case of a token (or its JSON) again, on this journal.
    ///
    /// # Errors
    /// When it is no token, or when the journal does not ask any more what the token decides: it
    /// was changed since.
    pub fn replayed(&self, token: &str) -> Result<Replayed, CaseError> {
        let case = Case::parse(token)?;
        let outcome = run_case::<Plain<J>>(&case, &self.options, None)?;
        let picture = plain_picture::<Plain<J>>(&case, &self.options);
        Ok(Replayed { outcome, picture })
    }

    /// As [`Check::replayed`], for a test: panics with the picture while the failure is there.
    ///
    /// # Panics
    /// See above, and where the token cannot be replayed.
    pub fn replay(&self, token: &str) {
        match self.replayed(token) {
            Err(error) => panic!("{error}"),
            Ok(again) if again.outcome.first().is_some() => panic!("\n{again}"),
            Ok(again) => print!("{again}"),
        }
    }
}

/// A type's name without the modules it lives in: `Wal<Page>` of `my::Wal<my::page::Page>`.
fn without_paths(name: &str) -> String {
    let words = name.split_inclusive(['<', '>', ',', ' ', '(', ')', '&', '[', ']']);
    words.map(|word| word.rsplit("::").next().unwrap_or(word)).collect()
}

/// Draws `count` more leaves of a cell; each has a seed of its own.
fn draw<J: Stepwise>(row: &mut Row, run: &mut Run<'_, J>, count: u64) {
    for _ in 0..count {
        let seed = row.samples;
        row.samples += 1;
        let broken = run.leaf(&mut Random::new(seed)).violated.and(run.owed());
        if !broken.is_empty() {
            let (_, decisions) = decisions_of(run, Random::new(seed));
            row.cell.counterexample = Some(Case { decisions, ..row.cell.case.clone() });
            row.cell.verdict = Verdict::Refuted;
            row.broken = broken;
            let names: Vec<_> = broken.iter().map(Oracle::name).collect();
            row.cell.why = Some(names.join(", "));
            return;
        }
    }
}
