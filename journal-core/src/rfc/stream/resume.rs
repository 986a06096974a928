//! From opened to ready: what becomes of the survivors, and of what lies beyond them.
//!
//! The one idea: where the salt is renewed a new generation begins, and what an old one left can no
//! longer be mistaken for it. Everywhere else the log goes on in place (`in_place`).
//!
//! Carrying into a new generation: the survivors are written again, under the new salt, into clusters behind
//! the old log, flushed; then the header switches, flushed.
//! 1. Power goes while they are written: the header still names the old generation, whose clusters
//!    and tail slots were not touched.
//! 2. Power goes while the header is written: one of its copies is whole. Either generation is
//!    complete.
//!
//! Not even the place where recovery stopped is written to, while the old generation may still have
//! to be read again:
//! 1. an entry begins a cluster and straddles two sectors; of it, only the first persisted;
//! 2. recovery stops before it, and the survivors are written over it, the tail of one of them
//!    where the lost rest of that entry was, and the same bytes by chance: only a byte or two of
//!    the checksum need to agree;
//! 3. the power goes when only that second sector is on the disk: an entry appears under the old
//!    header that recovery had denied.
//!
//! That is why at most half the area may be live, and why a ping-pong journal fills up the unit its
//! carried log ends in, instead of putting it into a slot: both slots may hold old survivors.
//!
//! Invariant: when resume returns, what open handed out is durable, or durably forgotten.
//!
//! What it is not: a second recovery. It reads again what open read and insists on the same.

use alloc::vec::Vec;

use crate::device::BlockDevice;
use crate::journal::{Error, Resume, Survivors};
use crate::rfc::entry::{CLUSTER_BYTES, Key, Kind, LogOffset, RECORD_BYTES};
use crate::rfc::header::{Generation, Header, Salt};
use crate::rfc::strategy::TailWrite;

use super::compose::Composer;
use super::decide::Row;
use super::recover::Log;
use super::{First, Phase, StreamJournal};

const CLUSTER: usize = CLUSTER_BYTES as usize;

impl StreamJournal {
    pub(super) fn begin(&mut self, device: &mut dyn BlockDevice, how: Resume) -> Result<(), Error> {
        let salted = self.options.dialect.salted;
        match how.survivors {
            Survivors::Carry if self.options.renews_salt() => {
                self.carry(device, Salt(how.entropy))?;
            }
            Survivors::Carry => self.stay_in_place(device)?,
            Survivors::Forget if !self.area.ring => self.erase_line(device)?,
            Survivors::Forget if salted => {
                let start = self.at.cluster_from_here();
                let end = LogOffset::of_cluster(start);
                self.begin_generation(device, Salt(how.entropy), start, end)?;
                self.firsts.clear();
                self.enter_cluster(start);
            }
            Survivors::Forget => {
                self.stay_in_place(device)?;
                self.start_at(device, self.at.cluster_from_here())?;
            }
        }
        self.phase = Phase::Ready;
        Ok(())
    }

    /// A ring: the survivors again, in a new generation.
    fn carry(&mut self, device: &mut dyn BlockDevice, salt: Salt) -> Result<(), Error> {
        // A cluster that the old generation may have begun is left alone, even if nothing of it
        // survived. Beyond its half of the ring it never begins one, so there is always room.
        let may_be_begun = self.at.cluster() - self.start_cluster < self.area.live_clusters_max();
        let start = if may_be_begun { self.at.cluster() + 1 } else { self.at.cluster_from_here() };
        let survivors = self.compose_survivors(device, salt, start)?;
        let needed = (start - self.start_cluster) * CLUSTER as u64 + survivors.bytes.len() as u64;
        let have = self.area.clusters * CLUSTER as u64;
        if needed > have {
            return Err(Error::Full { needed, free: have });
        }
        for (index, cluster) in survivors.bytes.chunks(CLUSTER).enumerate() {
            let place = LogOffset::of_cluster(start + index as u64);
            // FF behind the log needs no writing: the salt tells whatever stands there.
            let behind = survivors.at.0.saturating_sub(place.0).min(CLUSTER as u64) as usize;
            if behind > 0 {
                device.write_one(self.area.lba(place), &cluster[..self.area.ceil(behind)])?;
            }
        }
        if !survivors.bytes.is_empty() {
            device.flush()?;
        }
        self.begin_generation(device, salt, start, survivors.at)?;
        self.firsts = survivors.firsts;
        self.at = survivors.at;
        self.key.link = survivors.link;
        self.image.clear();
        self.image.resize(CLUSTER, 0xff);
        self.known = CLUSTER;
        self.written = self.at.in_cluster();
        if let Some(last) =
            survivors.bytes.chunks(CLUSTER).nth((self.at.cluster() - start) as usize)
        {
            self.image.copy_from_slice(last);
        }
        Ok(())
    }

    /// The log of the new generation in memory: whole clusters, no more than the old one takes.
    fn compose_survivors(
        &self,
        device: &mut dyn BlockDevice,
        salt: Salt,
        start: u64,
    ) -> Result<NewLog, Error> {
        let dialect = self.options.dialect;
        let mut composer = Composer { dialect, key: Key::new(salt).in_ring(self.header.nblocks) };
        let at = LogOffset::of_cluster(start);
        let mut new = NewLog { bytes: Vec::new(), at, firsts: Vec::new(), link: 0 };
        let mut lsn = 0;
        let tails = self.tails(device)?;
        let log = Log { tails: tails.as_ref(), ..self.shown_log() };
        let walk = log.walk(device, |step| {
            if matches!(step.row, Row::Entry | Row::Unknown) {
                new.put(&mut composer, step.entry.kind, step.entry.payload, lsn + 1);
                lsn += u64::from(step.row == Row::Entry);
            }
        })?;
        if (walk.at, walk.entries) != (self.at, self.lsn) {
            let what = "entries that open handed out and that cannot be read again";
            return Err(Error::Refused { what, at_bytes: self.area.byte(walk.at) });
        }
        if self.options.has_record() && !new.bytes.is_empty() {
            let place = new.at.0.to_be_bytes();
            let fits = composer.fits(new.at, RECORD_BYTES);
            let place = if fits { place } else { new.next_cluster().0.to_be_bytes() };
            new.put(&mut composer, Kind::Record, &place, lsn + 1);
        }
        if self.options.tail != TailWrite::Rewrite && !new.bytes.is_empty() {
            let image = new.bytes.len() - CLUSTER;
            new.at = composer.fill_unit(&mut new.bytes[image..], new.at, self.unit_bytes());
            if new.at.in_cluster() == 0 {
                new.firsts.push(First { lsn: lsn + 1, link: composer.key.link });
            }
        }
        new.link = composer.key.link;
        Ok(new)
    }

    /// A generation whose log lies between the cluster `start` and `end`.
    fn begin_generation(
        &mut self,
        device: &mut dyn BlockDevice,
        salt: Salt,
        start: u64,
        end: LogOffset,
    ) -> Result<(), Error> {
        let generation = Generation(self.header.generation.0 + 1);
        let pointer = self.options.pointer(end.0);
        let header = Header {
            generation,
            salt,
            start_seq: start,
            start_prev_crc: 0,
            pointer,
            ..self.header
        };
        self.switch_header(device, header)?;
        self.key = Key::new(salt).in_ring(self.header.nblocks);
        self.slot_number = 0;
        self.dirty = false;
        Ok(())
    }
}

/// The survivors as a new log.
struct NewLog {
    bytes: Vec<u8>,
    at: LogOffset,
    firsts: Vec<First>,
    /// What an entry behind it is chained to.
    link: u32,
}

impl NewLog {
    fn next_cluster(&self) -> LogOffset {
        LogOffset::of_cluster(self.at.cluster() + 1)
    }

    fn put(&mut self, composer: &mut Composer, kind: Kind, payload: &[u8], lsn: u64) {
        if self.bytes.is_empty() {
            self.bytes.resize(CLUSTER, 0xff);
        } else if !composer.fits(self.at, payload.len()) {
            let image = self.bytes.len() - CLUSTER;
            composer.put_end(&mut self.bytes[image..], self.at);
            self.at = self.next_cluster();
            self.bytes.resize(image + 2 * CLUSTER, 0xff);
            self.firsts.push(First { lsn, link: composer.key.link });
        }
        let image = self.bytes.len() - CLUSTER;
        self.at = composer.put(&mut self.bytes[image..], self.at, kind, payload);
    }
}
