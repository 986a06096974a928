//! Recovery in steps: the header, then frame by frame.
//!
//! Method
//! 1. The reader goes on by a frame with each step.
//! 2. The pages of a transaction are kept until its commit frame, and handed out then.
//! 3. Where the chain ends, the frames of a transaction without its commit frame are dropped.
//!
//! Invariant: what is handed out and returned follows from what [`read_wal`](super::read_wal) hands
//! out and returns, since it is the same reader.
//!
//! What it is not: a repair. The next generation's salts and header are `resume`'s business.

use alloc::vec::Vec;

use super::frame::{HeaderRead, WalHeader};
use super::reader::{Frame, Recovered, WalReader};
use super::{LENGTH_BYTES, Options, Random, SqliteWal, area_of, lsn_of};
use crate::device::BlockDevice;
use crate::formats::page_cache::{Area, PageCache};
use crate::formats::state::State;
use crate::journal::{Damage, Entry, Error, Opened};
use crate::steps::Recovery;

/// The recovery of an SQLite WAL, on its way.
#[derive(Clone, Debug, Default)]
pub struct SqliteRecovery {
    /// Once it was begun.
    reader: Option<WalReader>,
    handed_out: HandedOut,
}

/// What came of the frames so far.
#[derive(Clone, Debug, Default)]
struct HandedOut {
    /// Page images since the last commit frame.
    transaction: Vec<u8>,
    entries: u64,
    /// The first committed frame whose page this journal cannot have written. Nothing behind it is
    /// handed out.
    foreign: Option<u64>,
}

impl Recovery<SqliteWal> for SqliteRecovery {
    fn begin(_: &Options) -> Self {
        SqliteRecovery::default()
    }

    fn step(
        &mut self,
        device: &mut dyn BlockDevice,
        options: &Options,
        replay: &mut dyn FnMut(Entry<'_>),
    ) -> Result<Option<(SqliteWal, Opened)>, Error> {
        let area = area_of(device.geometry(), options.page_bytes)?;
        let reader = self.reader.get_or_insert_with(|| WalReader::begin(area));
        let found = reader.step(device, &mut |frame| self.handed_out.frame(frame, replay))?;
        found.map(|found| self.handed_out.opened(area, &found, options)).transpose()
    }
}

impl HandedOut {
    /// A frame of the chain: a commit frame hands out its transaction.
    fn frame(&mut self, frame: &Frame<'_>, replay: &mut dyn FnMut(Entry<'_>)) {
        self.transaction.extend_from_slice(frame.page);
        if !frame.header.commits() {
            return;
        }
        let pages = self.transaction.chunks_exact(frame.page.len());
        let first = frame.number + 1 - pages.len() as u64;
        for (number, page) in (first..).zip(pages) {
            match payload_of(page) {
                Some(payload) if self.foreign.is_none() => {
                    self.entries += 1;
                    replay(Entry { lsn: lsn_of(frame.sequence, number), payload });
                }
                _ => self.foreign = self.foreign.or(Some(frame.at_bytes)),
            }
        }
        self.transaction.clear();
    }

    /// The journal behind its recovery.
    fn opened(
        &self,
        area: Area,
        found: &Recovered,
        options: &Options,
    ) -> Result<(SqliteWal, Opened), Error> {
        let wal = match found.header {
            HeaderRead::Valid(wal, _) => wal,
            // As in SQLite: the sum is bad, the sequence and the salts are kept all the same.
            HeaderRead::BadSum(wal) => WalHeader { page_bytes: options.page_bytes, ..wal },
            HeaderRead::BadVersion(_) => {
                let what = "a WAL version other than 3007000";
                return Err(Error::Refused { what, at_bytes: 4 });
            }
            HeaderRead::Nothing => WalHeader {
                big_endian_sums: false,
                page_bytes: options.page_bytes,
                sequence: 0,
                salts: [0; 2],
            },
        };
        let damage = match (self.foreign, found.header) {
            (Some(at_bytes), _) => Some((at_bytes, "a page image with a payload's length")),
            (None, HeaderRead::BadSum(_)) => Some((0, "a WAL header that fits its sum")),
            _ => None,
        };
        let damage = damage.map(|(at_bytes, what)| Damage { at_bytes, proven: false, what });
        let journal = SqliteWal {
            wal,
            header_is_new: false,
            frames: found.committed,
            sums: found.sums,
            restart: false,
            pages: Vec::new(),
            random: Random(0),
            cache: PageCache::over(area),
            state: State::Opened,
        };
        Ok((journal, Opened { entries: self.entries, end: found.end(), damage }))
    }
}

/// The payload in a page image, if this journal wrote it.
fn payload_of(page: &[u8]) -> Option<&[u8]> {
    let length = usize::from(u16::from_be_bytes([*page.first()?, *page.get(1)?]));
    page.get(LENGTH_BYTES as usize..)?.get(..length)
}
