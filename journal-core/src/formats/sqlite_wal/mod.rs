//! The write-ahead log of SQLite, in its default form: powersafe overwrite, synchronous=FULL.
//!
//! The one idea: a transaction is a run of page images, the last of which says that it commits. A
//! running sum chains them to the header, so recovery needs no other commit record: the last
//! commit frame that the chain reaches is the end.
//!
//! What stands for what:
//!
//! | here | in SQLite |
//! |---|---|
//! | the area, zeroed by `format` | the -wal file; the end of the area is its end |
//! | an entry: u16 BE length, payload, zeros | one page image, `page_bytes` long |
//! | page number = frame number | the page's place in the database (never twice in a transaction) |
//! | frames since the last group or commit | the dirty pages of a transaction, in the page cache |
//! | `end_group` | COMMIT with synchronous=NORMAL: commit frame written, no sync |
//! | `commit` | COMMIT with synchronous=FULL: commit frame written, synced |
//! | `checkpoint` of everything | a checkpoint; the WAL restarts at the next write |
//! | `resume(Forget)` | the same, and the restart is carried out at once |
//! | `resume(Carry)` | recovery: go on behind the last commit frame, *same salts*, no sync |
//!
//! The crash that the restart order prevents (ticket ff5be73dee):
//! 1. A checkpoint has copied all frames; the next write restarts the WAL with new salts.
//! 2. New frames overwrite old ones, and the power goes while the new header is still in flight.
//! 3. The old header is found over new frames, or with old frames that were already copied: part of
//!    an old state would be replayed over the database. So the header is synced before any frame.
//!
//! Left as SQLite has it, for the search to judge: recovery does not change the salts, so frames of
//! the transaction that was cut off stay acceptable to the chain if the frames before them are
//! written again with the same bytes; recovery does not sync what it showed; and a header with a
//! bad sum still lends its sequence and salts to the next one. The first needs two transactions in
//! flight, as synchronous=NORMAL has them; it was confirmed on SQLite 3.40.1 itself
//! (`corpus/fixtures/confirm_sqlite_resurrection.py`).
//!
//! Invariants: no frame of a new generation is written before its header is durable; a frame, once
//! committed, is only ever rewritten with the bytes it had (the shared tail page).
//!
//! What it is not: the wal-index, readers, spilled or rewritten frames of a large transaction
//! (`iReCksum`), or psow=0, whose padding frames are another format.

pub mod frame;
mod inspect;
pub mod reader;
mod replay;

use alloc::vec::Vec;

use self::frame::{FRAME_HEADER_BYTES, FrameHeader, Sums, WalHeader, is_page_size};
pub use self::inspect::inspect_raw_log;
pub use self::reader::{Frame, Recovered, read_wal};
pub use self::replay::SqliteRecovery;
use super::page_cache::{Area, PAGE_BYTES, PageCache};
use super::state::State;
use crate::device::{BlockDevice, DeviceError, Geometry};
use crate::journal::{
    Entropy, Entry, Error, Journal, Limits, Lsn, Opened, Promises, Resume, Survivors,
};
use crate::steps::{self, Stepwise};

/// Bytes of a page that hold the payload's length.
const LENGTH_BYTES: u32 = 2;

/// What SQLite is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Bytes of a page: a power of two, 512 to 65536. An existing WAL goes on with its own.
    pub page_bytes: u32,
}

impl Default for Options {
    /// The smallest page SQLite takes, for small state spaces. Its own default is 4096.
    fn default() -> Self {
        Options { page_bytes: 512 }
    }
}

/// An SQLite WAL on a block device.
#[derive(Debug)]
pub struct SqliteWal {
    wal: WalHeader,
    /// Whether `wal` was written and synced by this process, with no frame behind it yet.
    header_is_new: bool,
    /// Committed frames, and the sum after the last of them.
    frames: u64,
    sums: Sums,
    /// Everything is checkpointed: the next write begins a new generation.
    restart: bool,
    /// Page images of the transaction at hand.
    pages: Vec<u8>,
    random: Random,
    cache: PageCache,
    state: State,
}

impl Clone for SqliteWal {
    fn clone(&self) -> Self {
        SqliteWal { pages: self.pages.clone(), cache: self.cache.clone(), ..*self }
    }

    fn clone_from(&mut self, source: &Self) {
        let SqliteWal { wal, header_is_new, frames, sums, restart, pages, random, cache, state } =
            source;
        self.wal = *wal;
        self.header_is_new = *header_is_new;
        self.frames = *frames;
        self.sums = *sums;
        self.restart = *restart;
        self.pages.clone_from(pages);
        self.random = *random;
        self.cache.clone_from(cache);
        self.state = *state;
    }
}

/// What stands for `sqlite3_randomness`: like it, a stream that is seeded once per process.
/// SplitMix64 (Steele, Lea, Flood, OOPSLA 2014).
#[derive(Clone, Copy, Debug)]
struct Random(u64);

impl Random {
    fn seeded(entropy: &Entropy) -> Self {
        let (mut front, mut back) = ([0; 8], [0; 8]);
        front.copy_from_slice(&entropy[..8]);
        back.copy_from_slice(&entropy[8..]);
        Random(u64::from_le_bytes(front) ^ u64::from_le_bytes(back).rotate_left(32))
    }

    fn word(&mut self) -> u32 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 32) as u32
    }
}

/// The area: whole pages of the cache, with room for one frame.
fn area_of(geometry: Geometry, page_bytes: u32) -> Result<Area, Error> {
    if !is_page_size(page_bytes) {
        let (what, got) = ("page size, a power of two from 512 to 65536", u64::from(page_bytes));
        return Err(Error::Unfit { what, want: 4096, got });
    }
    let bytes = geometry.bytes() / PAGE_BYTES * PAGE_BYTES;
    let want = frame::HEADER_BYTES + FRAME_HEADER_BYTES + u64::from(page_bytes);
    if bytes < want {
        return Err(Error::Unfit { what: "bytes for a header and a frame", want, got: bytes });
    }
    Area::new(geometry, 0, bytes)
}

/// The name of frame `number` of a generation.
fn lsn_of(sequence: u32, number: u64) -> Lsn {
    Lsn(u64::from(sequence) << 32 | number & 0xffff_ffff)
}

impl SqliteWal {
    fn pending(&self) -> u64 {
        (self.pages.len() / self.wal.page_bytes as usize) as u64
    }

    /// The name of the last frame appended.
    fn last(&self) -> Lsn {
        if self.restart && self.pending() > 0 {
            return lsn_of(self.wal.sequence.wrapping_add(1), self.pending());
        }
        lsn_of(self.wal.sequence, self.frames + self.pending())
    }

    /// A new generation: salt 1 counts, salt 2 is drawn. In memory only.
    fn begin_generation(&mut self) {
        self.wal.sequence = self.wal.sequence.wrapping_add(1);
        self.wal.salts = [self.wal.salts[0].wrapping_add(1), self.random.word()];
        self.frames = 0;
        self.header_is_new = false;
        self.restart = false;
    }

    /// Writes the header and syncs it, ahead of the first frame. See the file's crash story.
    fn write_header(&mut self, device: &mut dyn BlockDevice) -> Result<(), DeviceError> {
        if self.wal.sequence == 0 {
            self.wal.salts = [self.random.word(), self.random.word()];
        }
        // As on the little-endian machines that nearly everybody has.
        self.wal.big_endian_sums = false;
        let (bytes, sums) = self.wal.encode();
        self.cache.write(device, 0, &bytes)?;
        self.cache.write_back(device)?;
        device.flush()?;
        self.sums = sums;
        self.header_is_new = true;
        Ok(())
    }

    /// The transaction at hand goes to the device, its last frame as the commit frame, unsynced.
    fn write_transaction(&mut self, device: &mut dyn BlockDevice) -> Result<(), DeviceError> {
        let count = self.pending();
        if count == 0 {
            return Ok(());
        }
        if self.restart {
            self.begin_generation();
        }
        if self.frames == 0 && !self.header_is_new {
            self.write_header(device)?;
        }
        let page_bytes = self.wal.page_bytes as usize;
        for (i, page) in (1..=count).zip(self.pages.chunks_exact(page_bytes)) {
            let number = self.frames + i;
            let page_number = u32::try_from(number).unwrap_or(u32::MAX);
            let database_pages = if i == count { page_number } else { 0 };
            let header = FrameHeader::of(&self.wal, self.sums, page_number, database_pages, page);
            let at = self.wal.frame_at(number);
            self.cache.write(device, at, &header.encode())?;
            self.cache.write(device, at + FRAME_HEADER_BYTES, page)?;
            self.sums = header.sums;
        }
        self.cache.write_back(device)?;
        self.frames += count;
        self.header_is_new = false;
        self.pages.clear();
        Ok(())
    }
}

impl Stepwise for SqliteWal {
    type Recovery = SqliteRecovery;
}

impl Journal for SqliteWal {
    type Options = Options;

    fn promises(_: &Options) -> Promises {
        Promises {
            atomic_groups: true,
            honesty: false,
            resynchronises: false,
            // A transaction whose commit frame is intact counts, synced or not.
            shows_uncommitted: true,
        }
    }

    fn limits(options: &Options, _: Geometry) -> Limits {
        let payload_max = options.page_bytes.saturating_sub(LENGTH_BYTES).min(65534);
        Limits { payload_min: 0, payload_max, groups: true }
    }

    /// A zeroed file. The header is written with the first transaction, as SQLite does.
    fn format(device: &mut dyn BlockDevice, options: &Options, _: Entropy) -> Result<(), Error> {
        area_of(device.geometry(), options.page_bytes)?.zero(device)?;
        Ok(device.flush()?)
    }

    fn open(
        device: &mut dyn BlockDevice,
        options: &Options,
        replay: &mut dyn FnMut(Entry<'_>),
    ) -> Result<(Self, Opened), Error> {
        steps::open(device, options, replay)
    }

    fn resume(&mut self, device: &mut dyn BlockDevice, how: Resume) -> Result<(), Error> {
        self.state.resumable()?;
        self.random = Random::seeded(&how.entropy);
        // An empty WAL has nothing to forget, and SQLite does not restart one.
        if how.survivors == Survivors::Forget && self.frames > 0 {
            self.begin_generation();
            let written = self.write_header(device);
            self.state.after(written)?;
        }
        self.state = State::Ready;
        Ok(())
    }

    fn append(&mut self, _: &mut dyn BlockDevice, payload: &[u8]) -> Result<Lsn, Error> {
        self.state.ready()?;
        let page_bytes = self.wal.page_bytes;
        let max = page_bytes - LENGTH_BYTES;
        let Some(length) = u16::try_from(payload.len()).ok().filter(|&n| u32::from(n) <= max)
        else {
            return Err(Error::PayloadSize { bytes: payload.len() as u64, min: 0, max });
        };
        let behind = self.pending() + if self.restart { 0 } else { self.frames };
        let (end, have) = (self.wal.frame_at(behind + 1), self.cache.area().bytes());
        if end + self.wal.frame_bytes() > have {
            let (needed, free) = (self.wal.frame_bytes(), have.saturating_sub(end));
            return Err(Error::Full { needed, free });
        }
        self.pages.extend_from_slice(&length.to_be_bytes());
        self.pages.extend_from_slice(payload);
        self.pages.resize(self.pages.len().next_multiple_of(page_bytes as usize), 0);
        Ok(self.last())
    }

    fn end_group(&mut self, device: &mut dyn BlockDevice) -> Result<(), Error> {
        self.state.ready()?;
        let written = self.write_transaction(device);
        self.state.after(written)
    }

    fn commit(&mut self, device: &mut dyn BlockDevice) -> Result<Lsn, Error> {
        self.state.ready()?;
        // Flushed also with nothing to write: groups before it, or what recovery showed, may wait.
        let written = self.write_transaction(device).and_then(|()| device.flush());
        self.state.after(written)?;
        Ok(self.last())
    }

    fn checkpoint(&mut self, device: &mut dyn BlockDevice, upto: Lsn) -> Result<(), Error> {
        self.state.ready()?;
        let everything = self.frames > 0 && self.pages.is_empty() && upto >= self.last();
        if everything && !self.restart {
            // A checkpoint syncs the WAL before it copies a page into the database.
            self.state.after(device.flush())?;
            self.restart = true;
        }
        Ok(())
    }
}
