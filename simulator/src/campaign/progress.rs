//! A campaign's progress in a V9 journal.
//!
//! Method. Each commit is one record (`record.rs`). The state is the fold of the records. When the
//! live blocks are half of what may live, the next commit holds the whole state instead of what is new,
//! and a checkpoint frees everything before it: a cut between the two leaves both, and folding both
//! gives the same.
//!
//! | a campaign's journal | value | because |
//! |---|---|---|
//! | block | 4096 bytes | the page of the cache and the physical sector of today's disks: a block never shares what a torn write may take along |
//! | window | what the whole state may take | a commit is atomic, and the state is one |
//! | area | ten windows | half of nine may live, twice for carrying over; the state must fit beside that |
//!
//! Invariant: what [`Progress::count`] has returned is counted once, for ever; what it has not is as if
//! it never was.
//!
//! What it is not: bound to files. The same code runs on the simulated disk, which is how it is tested.

use journal_core::rfc::{BlockJournal, BlockOptions};
use journal_core::{
    BlockDevice, Entropy, Error, Geometry, Journal, Lsn, Opened, Resume, Survivors,
};
use serde::{Deserialize, Serialize};

use super::identity::Identity;
use super::record::{PIECE_BYTES, Pieces, Record, pieces};
use crate::explore::torture::totals::{CLASSES_MAX, FINDINGS_MAX};
use crate::explore::torture::{Plan, Totals};

/// What is known of a campaign.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// What it has seen.
    pub totals: Totals,
    /// Milliseconds used so far, over all sittings.
    pub elapsed_ms: u64,
    /// Whether its report was written, and nothing was run since.
    pub finished: bool,
}

/// Why progress could not be read or written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProgressError {
    /// The journal, or the device below.
    Journal(Error),
    /// Durable bytes are damaged: something that lies behind proves that they were there.
    Damaged {
        /// Where, in bytes.
        at_bytes: u64,
        /// What was expected there.
        what: &'static str,
    },
    /// A journal, but not of a campaign.
    Foreign(String),
}

impl std::fmt::Display for ProgressError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            ProgressError::Journal(error) => write!(f, "{error}"),
            ProgressError::Damaged { at_bytes, what } => {
                write!(f, "damaged at byte {at_bytes}: expected {what}")
            }
            ProgressError::Foreign(what) => write!(f, "no campaign's journal: {what}"),
        }
    }
}

impl std::error::Error for ProgressError {}

impl From<Error> for ProgressError {
    fn from(error: Error) -> Self {
        ProgressError::Journal(error)
    }
}

/// Bytes of a block, and of a sector of the file.
pub const BLOCK_BYTES: u32 = 4096;

/// Entries of a block: each has two bytes besides, and the block a head of 32.
const ENTRIES_PER_BLOCK: u64 = (BLOCK_BYTES as u64 - 32) / (PIECE_BYTES as u64 + 2);

/// Areas are so many windows.
const WINDOWS: u64 = 10;

/// Blocks that the whole state of a campaign may take.
#[must_use]
pub fn window(plan: &Plan) -> u32 {
    let identity = postcard::to_allocvec(&Identity::of(plan)).map_or(0, |bytes| bytes.len());
    let rows = (plan.journals.len() + 1) * (plan.contracts.len() + 1);
    // Varints: a class (ten bytes) and its block (five, up to 2^35); a fingerprint and its spot; a
    // row's thirty numbers.
    let bytes = identity + 15 * CLASSES_MAX + 32 * FINDINGS_MAX + 300 * rows + 64;
    let entries = (bytes as u64).div_ceil(PIECE_BYTES as u64 - 1) + 1;
    u32::try_from(entries.div_ceil(ENTRIES_PER_BLOCK) + 1).unwrap_or(u32::MAX)
}

/// The shape of a file for a journal with this window.
#[must_use]
pub fn geometry(window: u32) -> Geometry {
    // The header pair takes two blocks.
    let sectors = 2 + WINDOWS * u64::from(window);
    Geometry { logical_bytes: BLOCK_BYTES, physical_bytes: BLOCK_BYTES, sectors }
}

fn options(window: u32) -> BlockOptions {
    BlockOptions { window, ..BlockOptions::V9_4096 }
}

/// A campaign's progress on a device.
#[derive(Debug)]
pub struct Progress<D> {
    device: D,
    journal: BlockJournal,
    identity: Identity,
    state: State,
    acked: Lsn,
    live_max: u64,
}

/// What is on a device: nothing was written yet.
#[derive(Debug)]
pub struct Read<D> {
    progress: Progress<D>,
    /// What the journal said of itself.
    pub opened: Opened,
}

impl<D: BlockDevice> Progress<D> {
    /// Begins a campaign on a device.
    ///
    /// # Errors
    /// Whatever the device answers.
    pub fn begin(
        mut device: D,
        identity: Identity,
        window: u32,
        entropy: [Entropy; 2],
    ) -> Result<Self, (ProgressError, D)> {
        let begun = Self::formatted(&mut device, &identity, window, entropy);
        match begun {
            Ok((journal, acked)) => {
                let live_max = live_max(&journal);
                let state = State::default();
                Ok(Progress { device, journal, identity, state, acked, live_max })
            }
            Err(error) => Err((error.into(), device)),
        }
    }

    fn formatted(
        device: &mut D,
        identity: &Identity,
        window: u32,
        entropy: [Entropy; 2],
    ) -> Result<(BlockJournal, Lsn), Error> {
        BlockJournal::format(device, &options(window), entropy[0])?;
        let (mut journal, _) = BlockJournal::open(device, &options(window), &mut |_| ())?;
        let how = Resume { survivors: Survivors::Forget, entropy: entropy[1] };
        journal.resume(device, how)?;
        let record = Record::Begun(identity.clone());
        let acked = put(&mut journal, device, &record)?;
        Ok((journal, acked))
    }

    /// Reads what is on a device, and writes nothing.
    ///
    /// # Errors
    /// Where there is no campaign's journal, or one with damage that lost what was acknowledged.
    pub fn read(mut device: D) -> Result<Read<D>, (ProgressError, D)> {
        let mut folded = Folded::default();
        // What was the window is in the header.
        let opened = BlockJournal::open(&mut device, &options(1), &mut |entry| {
            folded.take(entry.lsn, entry.payload);
        });
        let whole = opened.map_err(ProgressError::Journal).and_then(|(journal, opened)| {
            if let Some(damage) = opened.damage.filter(|damage| damage.proven) {
                return Err(ProgressError::Damaged {
                    at_bytes: damage.at_bytes,
                    what: damage.what,
                });
            }
            let (identity, state, acked) = folded.whole().map_err(ProgressError::Foreign)?;
            Ok((journal, opened, identity, state, acked))
        });
        match whole {
            Ok((journal, opened, identity, state, acked)) => {
                let live_max = live_max(&journal);
                let progress = Progress { device, journal, identity, state, acked, live_max };
                Ok(Read { progress, opened })
            }
            Err(error) => Err((error, device)),
        }
    }

    /// Which campaign it is.
    #[must_use]
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// What is known and durable.
    #[must_use]
    pub fn state(&self) -> &State {
        &self.state
    }

    /// The device below.
    #[must_use]
    pub fn device(&self) -> &D {
        &self.device
    }

    /// The device alone.
    #[must_use]
    pub fn into_device(self) -> D {
        self.device
    }

    /// Counts blocks: durable when it returns.
    ///
    /// # Errors
    /// Whatever the device answers; then nothing more can be counted until it is opened again.
    pub fn count(&mut self, delta: Totals, elapsed_ms: u64) -> Result<(), ProgressError> {
        self.write(Record::Counted { delta, elapsed_ms })
    }

    /// The report is written.
    ///
    /// # Errors
    /// As for [`Progress::count`].
    pub fn finish(&mut self) -> Result<(), ProgressError> {
        self.write(Record::Finished)
    }

    fn write(&mut self, news: Record) -> Result<(), ProgressError> {
        let live = self.journal.next().0 - self.journal.header().start_seq;
        if live <= self.live_max / 2 {
            self.acked = put(&mut self.journal, &mut self.device, &news)?;
            self.state.fold(news);
            return Ok(());
        }
        let mut after = self.state.clone();
        after.fold(news);
        let before = self.acked;
        let all = Record::All(self.identity.clone(), after.clone());
        self.acked = put(&mut self.journal, &mut self.device, &all)?;
        // Whatever comes of the checkpoint, this counts.
        self.state = after;
        self.journal.checkpoint(&mut self.device, before)?;
        Ok(())
    }
}

impl State {
    /// Takes what is new.
    fn fold(&mut self, news: Record) {
        match news {
            Record::Counted { delta, elapsed_ms } => {
                self.totals.add(&delta);
                (self.elapsed_ms, self.finished) = (elapsed_ms, false);
            }
            Record::Finished => self.finished = true,
            Record::All(_, state) => *self = state,
            Record::Begun(_) => {}
        }
    }
}

impl<D: BlockDevice> Read<D> {
    /// Which campaign it is.
    #[must_use]
    pub fn identity(&self) -> &Identity {
        &self.progress.identity
    }

    /// What is known of it.
    #[must_use]
    pub fn state(&self) -> &State {
        &self.progress.state
    }

    /// Goes on: from here on it may be written.
    ///
    /// # Errors
    /// Whatever the device answers.
    pub fn resume(mut self, entropy: Entropy) -> Result<Progress<D>, (ProgressError, D)> {
        let how = Resume { survivors: Survivors::Carry, entropy };
        match self.progress.journal.resume(&mut self.progress.device, how) {
            Ok(()) => Ok(self.progress),
            Err(error) => Err((error.into(), self.progress.device)),
        }
    }
}

/// Most blocks that may live, as the journal has it.
fn live_max(journal: &BlockJournal) -> u64 {
    let header = journal.header();
    u64::from(header.nblocks.saturating_sub(header.window)) / 2
}

/// Appends a record and commits it.
fn put<D: BlockDevice>(
    journal: &mut BlockJournal,
    device: &mut D,
    record: &Record,
) -> Result<Lsn, Error> {
    for piece in pieces(record) {
        journal.append(device, &piece)?;
    }
    journal.commit(device)
}

/// Records on their way into a state.
#[derive(Debug, Default)]
struct Folded {
    pieces: Pieces,
    identity: Option<Identity>,
    state: State,
    last: Lsn,
    wrong: Option<String>,
}

impl Folded {
    fn take(&mut self, lsn: Lsn, entry: &[u8]) {
        self.last = lsn;
        if self.wrong.is_some() {
            return;
        }
        match self.pieces.take(entry) {
            Ok(None) => {}
            Ok(Some(record)) => self.fold(record),
            Err(wrong) => self.wrong = Some(wrong),
        }
    }

    fn fold(&mut self, record: Record) {
        match &record {
            Record::Begun(identity) if self.identity.is_none() => {
                self.identity = Some(identity.clone());
            }
            Record::All(identity, _) => self.identity = Some(identity.clone()),
            Record::Counted { .. } | Record::Finished if self.identity.is_some() => {}
            _ => {
                let what = if self.identity.is_some() { "a second begin" } else { "no begin" };
                self.wrong = Some(format!("expected a campaign from its begin, found {what}"));
                return;
            }
        }
        self.state.fold(record);
    }

    fn whole(self) -> Result<(Identity, State, Lsn), String> {
        if let Some(wrong) = self.wrong {
            return Err(wrong);
        }
        self.pieces.end()?;
        let identity = self.identity.ok_or("expected which campaign it is, found nothing")?;
        Ok((identity, self.state, self.last))
    }
}
