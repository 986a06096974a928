//! Recovery in steps: headers, tail slots, then round by round along the log.
//!
//! Method
//! 1. The header says which log there is, and the slots, where there are any, what its tail is.
//! 2. Where commits are records, the log is walked once without handing anything out, up to where nothing
//!    whole follows: the last record on the way says how far it counts. Memory that would keep
//!    entries until then is not taken.
//! 3. It is walked as far as it counts, and each entry is handed out.
//!
//! A step is one round of the walk, so that what is asked in it is a handful of bytes and the checksum
//! over what they announce. Who keeps a copy from before a step need not walk the log again to see what
//! another answer leads to.
//!
//! Invariant: the walk is in one copy of the recovery as it would be without steps.
//!
//! What it is not: small to look at. It carries the journal that it will return.

use alloc::sync::Arc;

use crate::device::BlockDevice;
use crate::journal::{Damage, Entry, Error, Lsn, Opened};
use crate::rfc::entry::LogOffset;
use crate::rfc::strategy::{CommitRule, TailWrite};
use crate::steps::Recovery;

use super::decide::Row;
use super::recover::{Log, Step, Walk};
use super::slot::Tails;
use super::{First, StreamJournal, StreamOptions};

/// The recovery of a stream journal, on its way.
#[derive(Clone, Debug)]
pub struct StreamRecovery {
    stage: Stage,
    /// Once the headers were read.
    journal: Option<StreamJournal>,
    /// The other header copy, if that cannot be believed.
    spoiled: Option<u64>,
    /// Once they were read. Nobody changes them.
    tails: Option<Arc<Tails>>,
}

#[derive(Clone, Copy, Debug)]
enum Stage {
    Headers,
    Tails,
    /// How far the log counts is looked for.
    Count(Walk),
    /// Entries are handed out, as far as the log counts; and where it ends, if that was looked for.
    Show(Walk, Option<LogOffset>, Option<(LogOffset, Row)>),
}

impl Recovery<StreamJournal> for StreamRecovery {
    fn begin(_: &StreamOptions) -> Self {
        StreamRecovery { stage: Stage::Headers, journal: None, spoiled: None, tails: None }
    }

    fn step(
        &mut self,
        device: &mut dyn BlockDevice,
        options: &StreamOptions,
        replay: &mut dyn FnMut(Entry<'_>),
    ) -> Result<Option<(StreamJournal, Opened)>, Error> {
        let Some(journal) = &mut self.journal else {
            let (journal, spoiled) = StreamJournal::start(device, options)?;
            self.spoiled = spoiled;
            self.stage = match options.tail {
                TailWrite::PingPong => Stage::Tails,
                _ => journal.stage(),
            };
            self.journal = Some(journal);
            return Ok(None);
        };
        let tails = self.tails.as_deref();
        match &mut self.stage {
            Stage::Headers | Stage::Tails => {
                self.tails = journal.tails(device)?.map(Arc::new);
                self.stage = journal.stage();
            }
            Stage::Count(walk) => {
                let log = Log { tails, ..journal.log() };
                if !log.on(device, walk, &mut |_| ())? {
                    let (begun, until) = (log.begin(), walk.recorded.0);
                    self.stage = Stage::Show(begun, Some(until), Some((walk.at, walk.row)));
                }
            }
            Stage::Show(walk, until, all) => {
                let log = Log { tails, until: *until, ..journal.log() };
                if !log.on(device, walk, &mut journal.shows(replay))? {
                    let (walk, all) = (*walk, *all);
                    return Ok(self.journal.take().map(|journal| {
                        journal.opened(walk, all, (self.tails.as_deref(), self.spoiled))
                    }));
                }
            }
        }
        Ok(None)
    }
}

impl StreamJournal {
    /// The walk's first stage.
    fn stage(&self) -> Stage {
        let walk = self.log().begin();
        match self.options.commit {
            CommitRule::Flush => Stage::Show(walk, None, None),
            CommitRule::Pointer => Stage::Show(walk, Some(LogOffset(self.header.pointer)), None),
            CommitRule::RecordAfterFlush | CommitRule::RecordFua => Stage::Count(walk),
        }
    }

    /// What a step of the walk means to the journal; entries are handed out.
    fn shows<'a>(&'a mut self, replay: &'a mut dyn FnMut(Entry<'_>)) -> impl FnMut(Step<'_>) + 'a {
        let (ring, lsn, firsts) = (self.area.ring, &mut self.lsn, &mut self.firsts);
        move |step| match step.row {
            Row::Entry => {
                *lsn += 1;
                replay(Entry { lsn: Lsn(*lsn), payload: step.entry.payload });
            }
            Row::Jump if ring => firsts.push(First { lsn: *lsn + 1, link: step.entry.link }),
            _ => {}
        }
    }

    /// The journal behind its recovery, which walked so far; and where the log ends, whether that counts or
    /// not, if it was looked for.
    fn opened(
        mut self,
        walk: Walk,
        all: Option<(LogOffset, Row)>,
        (tails, spoiled): (Option<&Tails>, Option<u64>),
    ) -> (StreamJournal, Opened) {
        (self.at, self.unknown) = (walk.at, walk.unknown);
        self.key.link = walk.link;
        let (at, row) = all.unwrap_or((walk.at, walk.row));
        let (end, mut what) = row.end().expect("a walk ends at a row that ends it");
        // Slot n exists: slot n - 1, and all before where it ends, were acknowledged.
        let acknowledged = tails.and_then(Tails::acknowledged_to);
        let mut proven = acknowledged.is_some_and(|upto| at < upto);
        if proven {
            what = Some("acknowledged entries up to the tail slot");
        }
        if self.options.commit == CommitRule::Pointer && self.at.0 != self.header.pointer {
            (what, proven) = (Some("entries up to the commit pointer"), true);
        }
        let damage = match (what, spoiled) {
            (Some(what), _) => Some(Damage { at_bytes: self.area.byte(at), proven, what }),
            (None, Some(at_bytes)) => {
                Some(Damage { at_bytes, proven: false, what: "a second valid journal header" })
            }
            (None, None) => None,
        };
        (self, Opened { entries: walk.entries, end, damage })
    }
}
