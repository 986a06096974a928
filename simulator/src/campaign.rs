//! Campaigns that survive: torture whose progress is on a disk.
//!
//! The one idea: the program that tests journals keeps its own progress in one, in V9 on a real file,
//! and a campaign is the fold of what its blocks saw. Killed at any moment, it goes on where the last
//! commit was; blocks that were lost are run again, and see the same.
//!
//! Some blocks are done; then, in this order:
//!
//! 1. the cases of new findings are written into `cases`, each whole, and flushed with their folder;
//! 2. what the blocks saw is one record in the journal, committed: atomic, and durable on return;
//! 3. only then are they told, and no run of theirs is ever run again.
//!
//! A cut between 1 and 2 leaves case files of blocks that do not count yet; the blocks are run again and
//! write the same bytes. A cut within 2 leaves the journal as it was before.
//!
//! Invariant: the final report follows from seed and bounds, however often the campaign was killed, and
//! whatever the power left of its last write. Kept by `simulator/tests/torture_kill.rs` on the real
//! program, and by `simulator/tests/campaign.rs` on the simulated disk.
//!
//! What it is not: a store of cases. Those are made again from their places; the files are for people.

pub mod folder;
pub mod identity;
pub mod progress;
mod record;

use std::collections::BTreeMap;
use std::path::PathBuf;

use journal_core::FileDevice;

pub use folder::{Folder, FolderError};
pub use identity::Identity;
pub use progress::{Progress, ProgressError, State};

use crate::explore::torture::threads::{Ended, Known, blocks};
use crate::explore::torture::{Fingerprint, Found, Plan, Spot, Totals, found_again};
use crate::workload::from_file::FromFileError;

/// Why a campaign could not go on. What was committed stays.
#[derive(Debug)]
pub enum CampaignError {
    /// The file that payloads come from cannot be read any more.
    Payloads(FromFileError),
    /// The folder or the journal in it.
    Folder(FolderError),
    /// A finding that is not there when its run is run again.
    Changed {
        /// What was found.
        name: String,
        /// Where.
        spot: Spot,
        /// The file of its case.
        path: PathBuf,
    },
}

impl std::fmt::Display for CampaignError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            CampaignError::Payloads(error) => write!(f, "{error}"),
            CampaignError::Folder(error) => write!(f, "{error}"),
            CampaignError::Changed { name, spot, path } => write!(
                f,
                "finding {name}: run {} was run again, and leaf {} does not fail as it did; the \
                 journal is not deterministic, or this is another build. What was found then may \
                 be in {}",
                spot.run,
                spot.leaf,
                path.display()
            ),
        }
    }
}

impl std::error::Error for CampaignError {}

impl From<FolderError> for CampaignError {
    fn from(error: FolderError) -> Self {
        CampaignError::Folder(error)
    }
}

/// What the one who runs a campaign brings along.
pub struct Hands<'h> {
    /// Threads.
    pub jobs: usize,
    /// Whether to come to an end.
    pub stop: &'h (dyn Fn() -> bool + Sync),
    /// Milliseconds since the program began, for budgets. No result depends on it.
    pub elapsed: &'h dyn Fn() -> u64,
    /// Told what is durable, and what is new in it.
    pub told: &'h mut dyn FnMut(&State, &[Found]),
}

/// Runs a campaign from where it is to its end, or until it is stopped.
///
/// # Errors
/// See [`CampaignError`].
pub fn run(
    plan: &Plan,
    folder: &Folder,
    progress: &mut Progress<FileDevice>,
    hands: &mut Hands<'_>,
) -> Result<Vec<Found>, CampaignError> {
    let before = progress.state().elapsed_ms;
    let known = Known::default();
    known.learn(&progress.state().totals);
    let mut all: Vec<Found> = Vec::new();
    let done = progress.state().totals.blocks;
    let Hands { jobs, stop, elapsed, told } = hands;
    let ended = blocks(plan, *jobs, done, &known, *stop, &mut |blocks| {
        let mut delta = Totals::default();
        let mut found = Vec::new();
        for block in blocks {
            delta.add(&block.totals);
            found.extend(block.found);
        }
        let delta = progress.state().totals.news(&delta);
        found.retain(|one| delta.has(one));
        folder.put_cases(plan, &found)?;
        let counted = progress.count(delta, before + elapsed());
        counted.map_err(|error| folder.told(error, progress.device(), "cannot write"))?;
        known.learn(&progress.state().totals);
        told(progress.state(), &found);
        all.append(&mut found);
        Ok(())
    });
    match ended {
        Ok(()) => Ok(all),
        Err(Ended::Payloads(error)) => Err(CampaignError::Payloads(error)),
        Err(Ended::Taken(error)) => Err(CampaignError::Folder(error)),
    }
}

/// All findings of a campaign with their cases: those that are at hand, and the others made again.
/// Case files that are missing or changed are written again.
///
/// # Errors
/// See [`CampaignError`].
pub fn findings(
    plan: &Plan,
    folder: &Folder,
    totals: &Totals,
    at_hand: Vec<Found>,
) -> Result<BTreeMap<Fingerprint, Found>, CampaignError> {
    use rayon::prelude::*;
    let mut all: BTreeMap<Fingerprint, Found> =
        at_hand.into_iter().filter(|f| totals.has(f)).map(|f| (f.fingerprint, f)).collect();
    let missing: Vec<(Fingerprint, Spot)> = totals
        .findings
        .iter()
        .filter(|(fingerprint, _)| !all.contains_key(fingerprint))
        .map(|(&fingerprint, &spot)| (fingerprint, spot))
        .collect();
    let again: Vec<Found> = missing
        .par_iter()
        .map(|&(fingerprint, spot)| {
            let found = found_again(plan, fingerprint, spot).map_err(CampaignError::Payloads)?;
            found.filter(|found| found.spot == spot).ok_or_else(|| {
                let name = plan.fingerprint_name(fingerprint);
                let path = folder.case_path(&name);
                CampaignError::Changed { name, spot, path }
            })
        })
        .collect::<Result<_, _>>()?;
    folder.put_cases(plan, &again)?;
    all.extend(again.into_iter().map(|found| (found.fingerprint, found)));
    Ok(all)
}
