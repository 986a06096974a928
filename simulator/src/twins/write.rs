//! Writing a twin: commits, generations, cuts of the tail.
//!
//! The one idea: two moves. A commit puts records behind the last one and flushes. A switch puts
//! what is kept into the other area under a new salt, flushes, and only then moves the headers,
//! one after the other:
//! 1. the power goes before a header is durable: the old area is untouched, and the copies carry a
//!    salt that no header names;
//! 2. it goes between the two headers: the new one counts, and all it needs was flushed before;
//! 3. one of them is damaged later: the other says the same.
//!
//! Invariant: no sector that holds something acknowledged, and no slot that holds the header that
//! counts, is written before its replacement was flushed.
//!
//! What it is not: sound with a flaw. Each flaw is one marked place.

use journal_core::{BlockDevice, Checksum, Error, Lba, Lsn, Span, Survivors, Write};

use super::bytes::{self, Head, Header, Kind};
use super::{Base, Flaw, TwinLog};

/// A run of sectors to be written: where in the area, and what.
type Piece = (u64, Vec<u8>);

impl TwinLog {
    /// Flushes.
    fn sync(&self, device: &mut dyn BlockDevice) -> Result<(), Error> {
        match self.options.flaw {
            // FLAW never-syncs: the call is not there.
            Some(Flaw::NeverSyncs) => Ok(()),
            // FLAW retries-flush: a second one finds nothing to do and succeeds.
            Some(Flaw::RetriesFlush) => Ok(device.flush().or_else(|_| device.flush())?),
            _ => Ok(device.flush()?),
        }
    }

    /// The sectors of records from `at` on, and where they end.
    fn build(
        &self,
        records: &[(Kind, &[u8])],
        salt: u64,
        mut at: u64,
        durable: Option<u64>,
    ) -> (Vec<Piece>, u64) {
        let sector = self.layout.sector;
        let packed = self.layout.align == 1;
        let mut pieces: Vec<Piece> = Vec::new();
        // What the sector already holds in front of the first record: nothing, unless packed.
        if packed && !at.is_multiple_of(sector) {
            pieces.push((at / sector * sector, self.tail.clone()));
        }
        for (before, &(kind, payload)) in (0..).zip(records) {
            at = self.layout.aligned(at);
            let head = Head {
                salt,
                durable: durable.unwrap_or(at) as u32,
                kind,
                covers: if kind == Kind::Commit { before } else { 0 },
                len: payload.len() as u32,
            };
            let record = bytes::record(self.options, head, payload, sector as usize);
            let end = at + record.len() as u64;
            match pieces.last_mut() {
                Some((start, piece)) if packed && *start + piece.len() as u64 == at => {
                    piece.extend(record);
                }
                _ => pieces.push((at, record)),
            }
            at = end;
        }
        (pieces, at)
    }

    /// Writes pieces, in flight together.
    fn put(
        &self,
        device: &mut dyn BlockDevice,
        area: u32,
        pieces: &[Piece],
        fua: bool,
    ) -> Result<(), Error> {
        let sector = self.layout.sector as usize;
        let padded: Vec<(Lba, Vec<u8>)> = pieces
            .iter()
            .map(|(at, bytes)| {
                let mut bytes = bytes.clone();
                bytes.resize(bytes.len().next_multiple_of(sector), 0);
                (self.layout.lba(area, *at), bytes)
            })
            .collect();
        let one = if fua { Write::fua } else { Write::cached };
        let writes: Vec<Write<'_>> = padded.iter().map(|(at, bytes)| one(*at, bytes)).collect();
        let done = device.write(&writes);
        match self.options.flaw {
            // FLAW swallows-write-error: whatever it returned.
            Some(Flaw::SwallowsWriteError) => Ok(()),
            _ => Ok(done?),
        }
    }

    /// What the last sector holds in front of `end`.
    fn keep_tail(&mut self, pieces: &[Piece], end: u64) {
        self.tail.clear();
        let held = (end % self.layout.sector) as usize;
        if let Some((_, piece)) = pieces.last() {
            self.tail.extend_from_slice(&piece[piece.len() - held.min(piece.len())..]);
        }
    }

    /// Writes and flushes what is pending.
    pub(super) fn write_commit(&mut self, device: &mut dyn BlockDevice) -> Result<(), Error> {
        let (area, salt, start) = (self.header.area, self.header.salt, self.end_at);
        let entries: Vec<(Kind, &[u8])> =
            self.pending.iter().map(|entry| (Kind::Entry, entry.as_slice())).collect();
        let durable = Some(self.layout.aligned(start));
        let (mut pieces, mut end) = self.build(&entries, salt, start, durable);
        if self.options.has(Flaw::PlaceholderFirst) {
            // FLAW placeholder-first: zeros with a good checksum, until the flush or for good.
            let zeros: Vec<Vec<u8>> = self.pending.iter().map(|e| vec![0; e.len()]).collect();
            let zeros: Vec<(Kind, &[u8])> =
                zeros.iter().map(|entry| (Kind::Entry, entry.as_slice())).collect();
            self.put(device, area, &self.build(&zeros, salt, start, durable).0, false)?;
        }
        // FLAW sync-before-write: the flush covers what was written before, and that is not this.
        let before = self.options.has(Flaw::SyncBeforeWrite);
        if before {
            self.sync(device)?;
        }
        if self.options.base == Base::CommitRecord {
            end = self.seal_commit(device, &mut pieces)?;
        } else {
            if let Err(error) = self.put(device, area, &pieces, false) {
                if self.options.has(Flaw::ContinuesAfterNoSpace) {
                    // FLAW continues-after-no-space: the place is taken, the entries are gone.
                    self.end_at = end;
                    self.pending.clear();
                }
                return Err(error);
            }
            let skip = match self.options.flaw {
                // FLAW ack-before-sync: every second commit waits for the next one.
                Some(Flaw::AckBeforeSync) => self.commits.is_multiple_of(2),
                // FLAW first-commit-unsynced: the generation was flushed a moment ago.
                Some(Flaw::FirstCommitUnsynced) => self.commits == 0,
                _ => before,
            };
            if !skip {
                self.sync(device)?;
            }
        }
        self.keep_tail(&pieces, end);
        // The commit record takes room, too. Were that forgotten, the last append that still fits
        // would be taken and its commit refused.
        (self.end_at, self.filled) = (end, end);
        self.commits += 1;
        let pending = std::mem::take(&mut self.pending);
        self.live.extend(pending);
        Ok(())
    }

    /// Entries, a flush, and the record that says that they are all there.
    fn seal_commit(
        &self,
        device: &mut dyn BlockDevice,
        pieces: &mut Vec<Piece>,
    ) -> Result<u64, Error> {
        let (area, salt) = (self.header.area, self.header.salt);
        let mut records: Vec<(Kind, &[u8])> =
            self.pending.iter().map(|entry| (Kind::Entry, entry.as_slice())).collect();
        records.push((Kind::Commit, &[]));
        let (all, end) = self.build(&records, salt, self.end_at, None);
        if self.options.has(Flaw::CommitWithData) {
            // FLAW commit-with-data: one call, any order.
            self.put(device, area, &all, false)?;
            self.sync(device)?;
            return Ok(end);
        }
        self.put(device, area, pieces, false)?;
        // FLAW fua-only-commit: FUA is for the commit record alone.
        if !self.options.has(Flaw::FuaOnlyCommit) {
            self.sync(device)?;
        }
        let record = &all[all.len() - 1..];
        // FLAW commit-record-cached: completed is not durable.
        self.put(device, area, record, !self.options.has(Flaw::CommitRecordCached))?;
        *pieces = all;
        Ok(end)
    }

    /// Begins a generation that holds the last `keep` of the live entries.
    pub(super) fn switch(
        &mut self,
        device: &mut dyn BlockDevice,
        keep: usize,
    ) -> Result<(), Error> {
        let old = self.header;
        let gone = self.live.len() - keep;
        self.switches += 1;
        let mut header = Header {
            generation: old.generation + 1,
            salt: Checksum::Xxh3.of(&[&self.entropy, &self.switches.to_le_bytes()]),
            start_lsn: old.start_lsn + gone as u64,
            area: old.area ^ 1,
            ..old
        };
        match self.options.flaw {
            // FLAW sequence-restarts: the number of a generation that never became durable.
            Some(Flaw::SequenceRestarts) => header.salt = header.generation,
            // FLAW replay-in-place: the copies go where the originals are.
            Some(Flaw::ReplayInPlace) => header.area = old.area,
            _ => {}
        }
        self.live.drain(..gone);
        if self.options.has(Flaw::DuplicateOnCarry)
            && let Some(last) = self.live.last().cloned()
        {
            // FLAW duplicate-on-carry: off by one.
            self.live.push(last);
        }
        let mut records: Vec<(Kind, &[u8])> =
            self.live.iter().map(|entry| (Kind::Entry, entry.as_slice())).collect();
        if self.options.base == Base::CommitRecord && !records.is_empty() {
            records.push((Kind::Commit, &[]));
        }
        // Nothing here is seen before a header says so, and then all was flushed.
        let (pieces, end) = self.build(&records, header.salt, 0, None);
        // FLAW pointer-before-data: the header first.
        if self.options.has(Flaw::PointerBeforeData) {
            self.move_headers(device, header)?;
        }
        if !pieces.is_empty() {
            self.put(device, header.area, &pieces, false)?;
            self.sync(device)?;
        }
        // FLAW frees-early: nobody needs the old area any more, or so it seems.
        if self.options.has(Flaw::FreesEarly) {
            let sectors = self.layout.area_bytes / self.layout.sector;
            device.discard(self.layout.lba(old.area, 0), sectors)?;
        }
        if !self.options.has(Flaw::PointerBeforeData) {
            self.move_headers(device, header)?;
        }
        self.keep_tail(&pieces, end);
        self.end_at = end;
        self.filled = end;
        self.commits = 0;
        self.room_for_pending();
        Ok(())
    }

    /// Writes both header slots; the one that counts last.
    fn move_headers(&mut self, device: &mut dyn BlockDevice, header: Header) -> Result<(), Error> {
        let sector = header.sector(self.layout.sector as usize);
        let slot = |slot| Write::cached(self.layout.slot(slot), &sector);
        match self.options.flaw {
            // FLAW header-in-place: the one that counts is the only one.
            Some(Flaw::HeaderInPlace) => {
                device.write(&[slot(0)])?;
                self.sync(device)?;
            }
            // FLAW slots-together: one accident for both.
            Some(Flaw::SlotsTogether) => {
                device.write(&[slot(0), slot(1)])?;
                self.sync(device)?;
            }
            _ => {
                for one in [self.slot ^ 1, self.slot] {
                    device.write(&[slot(one)])?;
                    self.sync(device)?;
                }
            }
        }
        self.header = header;
        self.slot = 0;
        Ok(())
    }

    /// Makes the journal ready: see [`journal_core::Journal::resume`].
    pub(super) fn begin(
        &mut self,
        device: &mut dyn BlockDevice,
        survivors: Survivors,
    ) -> Result<(), Error> {
        match (survivors, self.options.base) {
            (Survivors::Forget, _) if self.options.has(Flaw::ResetNotAtomic) => {
                // FLAW reset-not-atomic: any part of the old log may be left.
                self.erase(device, 0)?;
                self.sync(device)?;
                self.live.clear();
                (self.end_at, self.filled) = (0, 0);
                Ok(())
            }
            (Survivors::Forget, _) => self.switch(device, 0),
            (Survivors::Carry, Base::Erase) => self.cut_tail(device),
            (Survivors::Carry, _) => self.switch(device, self.live.len()),
        }
    }

    /// Zeros from `at` to the end of the area.
    fn erase(&self, device: &mut dyn BlockDevice, at: u64) -> Result<(), Error> {
        let from = self.layout.aligned(at);
        let sectors = (self.layout.area_bytes - from) / self.layout.sector;
        if sectors > 0 {
            let at = self.layout.lba(self.header.area, from);
            device.write_same(0, &[Span { at, sectors }])?;
        }
        Ok(())
    }

    /// Goes on in the same generation behind the survivors.
    fn cut_tail(&mut self, device: &mut dyn BlockDevice) -> Result<(), Error> {
        match self.options.flaw {
            // FLAW stale-tail-after-hole: the next record will overwrite it, or most of it.
            Some(Flaw::StaleTailAfterHole) => return Ok(()),
            // FLAW append-behind-torn-tail: as a file opened for appending does.
            Some(Flaw::AppendBehindTornTail) => {
                if let Some(head) = self.torn {
                    let at = self.layout.aligned(self.end_at);
                    self.end_at = at + bytes::size(self.options, head.len);
                    self.filled = self.end_at;
                }
                return Ok(());
            }
            // FLAW reseals-torn-tail: whatever its bytes are now.
            Some(Flaw::ResealsTornTail) => {
                if let Some(head) = self.torn {
                    return self.reseal(device, head);
                }
            }
            _ => {}
        }
        self.erase(device, self.end_at)?;
        // FLAW truncate-unsynced: the next commit flushes anyway, but not before it writes.
        if !self.options.has(Flaw::TruncateUnsynced) { self.sync(device) } else { Ok(()) }
    }

    fn reseal(&mut self, device: &mut dyn BlockDevice, head: Head) -> Result<(), Error> {
        let at = self.layout.aligned(self.end_at);
        let size = bytes::size(self.options, head.len);
        let mut record = self.layout.read(device, self.header.area, at, size)?;
        let payload = record.drain(..size as usize).skip(bytes::HEAD_BYTES).collect::<Vec<_>>();
        let (pieces, end) = self.build(&[(Kind::Entry, &payload)], head.salt, at, None);
        self.put(device, self.header.area, &pieces, false)?;
        self.sync(device)?;
        (self.end_at, self.filled) = (end, end);
        self.live.push(payload);
        Ok(())
    }

    /// Writes the header again, with one more mount: only `open-writes` does.
    pub(super) fn count_mount(&mut self, device: &mut dyn BlockDevice) -> Result<(), Error> {
        let header = Header { mounts: self.header.mounts + 1, ..self.header };
        self.move_headers(device, header)
    }

    /// The name of the last durable entry.
    pub(super) fn acked(&self) -> Lsn {
        Lsn((self.header.start_lsn + self.live.len() as u64).saturating_sub(1))
    }
}
