//! Committing, and forgetting what was committed.
//!
//! The one idea: an entry is its own commit, so commit has only to bring the tail to the device in
//! the way the strategy has for it, and to flush once.
//!
//! Checkpoints. A line (V8 to V8c) has no start to move: unless everything is covered nothing
//! happens, and then the area is erased. That reset is not atomic (F5):
//! 1. two clusters are in use, and FF is written over both;
//! 2. the power goes; the second cluster is erased, the first is not;
//! 3. the entries of the first cluster, which the caller was done with, are replayed.
//!
//! A ring moves its start by whole clusters: to the cluster in which the first entry still wanted
//! begins, or, when all is covered, to the next empty one.
//!
//! Invariant: the header that gives up clusters is flushed before the call returns, and only
//! appends after it can write to them.
//! 1. Were it not, an append could go over cluster 3 while the header on the medium starts there;
//! 2. the power goes, the append persisted, the header did not;
//! 3. recovery starts in cluster 3, finds no entry, and everything behind it is lost.
//!
//! What it is not: a commit record. There is none in these strategies.

use crate::device::{BlockDevice, DeviceError, Write};
use crate::journal::{Error, Lsn};
use crate::rfc::entry::{CLUSTER_BYTES, LogOffset};
use crate::rfc::header::{Header, Magic};
use crate::rfc::strategy::TailWrite;

use super::{StreamJournal, slot};

static ERASED: [u8; CLUSTER_BYTES as usize] = [0xff; CLUSTER_BYTES as usize];

/// Clusters erased by one call to the device.
const ERASED_AT_ONCE: usize = 32;

impl StreamJournal {
    pub(super) fn commit_entries(&mut self, device: &mut dyn BlockDevice) -> Result<Lsn, Error> {
        if self.dirty {
            match self.options.tail {
                TailWrite::PingPong => self.write_full_units_and_slot(device)?,
                TailWrite::Rewrite => device.flush()?,
                _ => self.write_filled_up(device)?,
            }
            self.dirty = false;
        }
        Ok(Lsn(self.lsn))
    }

    /// Padded: the unit is filled up and never seen again.
    fn write_filled_up(&mut self, device: &mut dyn BlockDevice) -> Result<(), DeviceError> {
        let cluster = self.at.cluster();
        let unit = self.unit_bytes();
        let at = self.composer().fill_unit(&mut self.image, self.at, unit);
        let to = (at.0 - LogOffset::of_cluster(cluster).0) as usize;
        if to > self.written {
            let place = LogOffset::of_cluster(cluster).plus(self.written);
            device.write_one(self.area.lba(place), &self.image[self.written..to])?;
        }
        device.flush()?;
        if at.cluster() == cluster {
            self.at = at;
            self.written = to;
        } else {
            self.enter_cluster(at.cluster());
        }
        Ok(())
    }

    /// Ping-pong: units that became full go home, the one that is not goes to the older slot.
    fn write_full_units_and_slot(
        &mut self,
        device: &mut dyn BlockDevice,
    ) -> Result<(), DeviceError> {
        let here = self.at.in_cluster();
        let full = here - here % self.unit_bytes();
        let cluster = LogOffset::of_cluster(self.at.cluster());
        let number = self.slot_number + 1;
        let sector = self.area.sector_bytes;
        let home = Write::cached(
            self.area.lba(cluster.plus(self.written)),
            &self.image[self.written..full],
        );
        if full < here {
            self.slot.resize(slot::SLOT_BYTES as usize, 0xff);
            let sum = self.options.dialect.sum;
            let tail = &self.image[full..here];
            let salt = self.header.salt;
            let end = slot::encode(sum, salt, number, cluster.plus(full), tail, &mut self.slot);
            let end = self.area.ceil(end);
            let slot = Write::cached(slot::lba(number, sector), &self.slot[..end]);
            if home.data.is_empty() {
                device.write(&[slot])?;
            } else {
                device.write(&[home, slot])?;
            }
            self.slot_number = number;
        } else if !home.data.is_empty() {
            device.write(&[home])?;
        }
        self.written = full;
        device.flush()
    }

    pub(super) fn checkpoint_upto(
        &mut self,
        device: &mut dyn BlockDevice,
        upto: Lsn,
    ) -> Result<(), Error> {
        let everything = upto.0 >= self.lsn;
        if !self.area.ring {
            return if everything { Ok(self.erase(device)?) } else { Ok(()) };
        }
        if everything {
            let cluster = self.at.cluster_from_here();
            if cluster > self.start_cluster {
                self.switch_header(device, Header { start_seq: cluster, ..self.header })?;
                self.firsts.clear();
                self.enter_cluster(cluster);
            }
            // What was not committed is no longer wanted either.
            self.dirty = false;
            return Ok(());
        }
        // firsts[i] names the first entry of cluster start + 1 + i.
        let freed = self.firsts.partition_point(|&first| first <= upto.0 + 1);
        if freed > 0 {
            let start_seq = self.start_cluster + freed as u64;
            self.switch_header(device, Header { start_seq, ..self.header })?;
            self.firsts.drain(..freed);
        }
        Ok(())
    }

    /// Writes the next header, flushed, and starts where it says.
    pub(super) fn switch_header(
        &mut self,
        device: &mut dyn BlockDevice,
        changed: Header,
    ) -> Result<(), Error> {
        self.header = self.pair(device)?.write_next(device, Magic::V8CE, changed)?;
        self.start_cluster = self.header.start_seq;
        Ok(())
    }

    /// The reset of a line: FF over every cluster that may hold anything else, then a flush (R7).
    pub(super) fn erase(&mut self, device: &mut dyn BlockDevice) -> Result<(), DeviceError> {
        let mut cluster = 0;
        while cluster < self.used_clusters {
            let mut writes = [Write::cached(crate::Lba(0), &ERASED); ERASED_AT_ONCE];
            let count = (self.used_clusters - cluster).min(ERASED_AT_ONCE as u64) as usize;
            for (index, write) in writes[..count].iter_mut().enumerate() {
                write.at = self.area.lba(LogOffset::of_cluster(cluster + index as u64));
            }
            device.write(&writes[..count])?;
            cluster += count as u64;
        }
        device.flush()?;
        self.used_clusters = 0;
        self.dirty = false;
        self.enter_cluster(0);
        Ok(())
    }
}
