//! From opened to ready: what becomes of the survivors, and of what lies beyond them.
//!
//! The one idea: a line goes on where recovery stopped, because nothing in it can tell lives apart;
//! a ring never does. It begins a new generation, and what an old one left can no longer be
//! mistaken for it.
//!
//! The stale suffix of a line (F4), which is meant to be seen:
//! 1. entries A B C are appended in three sectors, none committed; the power goes;
//! 2. A and C persisted, B did not: recovery shows A and stops;
//! 3. the caller carries on: D, as long as B, goes where B was, is committed, and the power goes;
//! 4. recovery shows A D C: C, which recovery had declared lost, is back.
//!
//! Carrying in a ring: the survivors are written again, under the new salt, into clusters behind
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
use crate::rfc::entry::{CLUSTER_BYTES, Key, Kind, LogOffset};
use crate::rfc::header::{Generation, Header, Salt};
use crate::rfc::strategy::TailWrite;

use super::compose::Composer;
use super::decide::Row;
use super::recover::Log;
use super::slot::{ROOM, Tails};
use super::{Phase, StreamJournal};

const CLUSTER: usize = CLUSTER_BYTES as usize;

impl StreamJournal {
    pub(super) fn begin(&mut self, device: &mut dyn BlockDevice, how: Resume) -> Result<(), Error> {
        match (self.area.ring, how.survivors) {
            (false, Survivors::Carry) => self.go_on(device)?,
            (false, Survivors::Forget) => self.erase(device)?,
            (true, Survivors::Carry) => self.carry(device, Salt(how.entropy))?,
            (true, Survivors::Forget) => {
                let start = self.at.cluster_from_here();
                self.begin_generation(device, Salt(how.entropy), start)?;
                self.firsts.clear();
                self.enter_cluster(start);
            }
        }
        self.phase = Phase::Ready;
        Ok(())
    }

    /// A line: right behind the last entry. The tail's sector is kept in memory from here on, so
    /// that appends need not read it. Beyond the tail it is what was found there.
    fn go_on(&mut self, device: &mut dyn BlockDevice) -> Result<(), Error> {
        let here = self.at.in_cluster();
        self.known = self.area.floor(here);
        if self.known < here {
            // Recovery read entries from this sector: if it is lost now, they are, and another
            // open must say so.
            let sector = self.known..self.known + self.area.sector_bytes as usize;
            let place = LogOffset::of_cluster(self.at.cluster()).plus(self.known);
            self.image.resize(CLUSTER, 0xff);
            device.read(self.area.lba(place), &mut self.image[sector.clone()])?;
            self.known = sector.end;
        }
        // After a crash of the program alone, what was shown may still be in the disk's cache.
        Ok(device.flush()?)
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
        self.begin_generation(device, salt, start)?;
        self.firsts = survivors.firsts;
        self.at = survivors.at;
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
        let composer = Composer { dialect: self.options.dialect, key: Key::new(salt) };
        let mut new =
            NewLog { bytes: Vec::new(), at: LogOffset::of_cluster(start), firsts: Vec::new() };
        let mut lsn = 0;
        let mut room = ROOM;
        let tails = match self.options.tail {
            TailWrite::PingPong => {
                let sum = self.options.dialect.sum;
                Tails::read(device, sum, self.header.salt, &mut room)?
            }
            _ => None,
        };
        let log = Log { tails: tails.as_ref(), ..self.log() };
        let walk = log.walk(device, |step| {
            if matches!(step.row, Row::Entry | Row::Unknown) {
                new.put(&composer, step.entry.kind, step.entry.payload, lsn + 1);
                lsn += u64::from(step.row == Row::Entry);
            }
        })?;
        if (walk.at, walk.entries) != (self.at, self.lsn) {
            let what = "entries that open handed out and that cannot be read again";
            return Err(Error::Refused { what, at_bytes: self.area.byte(walk.at) });
        }
        if self.options.tail != TailWrite::Rewrite && !new.bytes.is_empty() {
            let image = new.bytes.len() - CLUSTER;
            new.at = composer.fill_unit(&mut new.bytes[image..], new.at, self.unit_bytes());
            if new.at.in_cluster() == 0 {
                new.firsts.push(lsn + 1);
            }
        }
        Ok(new)
    }

    fn begin_generation(
        &mut self,
        device: &mut dyn BlockDevice,
        salt: Salt,
        start_seq: u64,
    ) -> Result<(), Error> {
        let generation = Generation(self.header.generation.0 + 1);
        self.switch_header(device, Header { generation, salt, start_seq, ..self.header })?;
        self.key = Key::new(salt);
        self.slot_number = 0;
        self.dirty = false;
        Ok(())
    }
}

/// The survivors as a new log.
struct NewLog {
    bytes: Vec<u8>,
    at: LogOffset,
    firsts: Vec<u64>,
}

impl NewLog {
    fn put(&mut self, composer: &Composer, kind: Kind, payload: &[u8], lsn: u64) {
        if self.bytes.is_empty() {
            self.bytes.resize(CLUSTER, 0xff);
        } else if !composer.fits(self.at, payload.len()) {
            let image = self.bytes.len() - CLUSTER;
            composer.put_end(&mut self.bytes[image..], self.at);
            self.at = LogOffset::of_cluster(self.at.cluster() + 1);
            self.bytes.resize(image + 2 * CLUSTER, 0xff);
            self.firsts.push(lsn);
        }
        let image = self.bytes.len() - CLUSTER;
        self.at = composer.put(&mut self.bytes[image..], self.at, kind, payload);
    }
}
