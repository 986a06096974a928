//! Checkpoints: forgetting a prefix of the log.
//!
//! The one idea: a line has no start to move, a ring has.
//!
//! In a line (V8 to V8c) nothing happens unless everything is covered, and then the area is erased.
//! That reset is not atomic (F5):
//! 1. two clusters are in use, and FF is written over both;
//! 2. the power goes; the second cluster is erased, the first is not;
//! 3. the entries of the first cluster, which the caller was done with, are replayed.
//!
//! A commit pointer heals that: it goes back to the beginning first, flushed.
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
//! What it is not: a way to make a ring's old clusters say nothing. Their marks do that.

use crate::device::BlockDevice;
use crate::journal::{Error, Lsn};
use crate::rfc::entry::LogOffset;
use crate::rfc::header::Header;

use super::StreamJournal;

impl StreamJournal {
    pub(super) fn checkpoint_upto(
        &mut self,
        device: &mut dyn BlockDevice,
        upto: Lsn,
    ) -> Result<(), Error> {
        let everything = upto.0 >= self.lsn;
        if !self.area.ring {
            return if everything { self.erase_line(device) } else { Ok(()) };
        }
        if everything {
            let cluster = self.at.cluster_from_here();
            if cluster > self.start_cluster {
                self.start_at(device, cluster)?;
            }
            // What was not committed is no longer wanted either.
            self.dirty = false;
            return Ok(());
        }
        let freed = self.firsts.partition_point(|first| first.lsn <= upto.0 + 1);
        if freed > 0 {
            // firsts[i] is of cluster start + 1 + i.
            let start_seq = self.start_cluster + freed as u64;
            let start_prev_crc = self.firsts[freed - 1].link;
            // Entries that were never committed may be forgotten: the pointer follows the start.
            let pointer =
                self.options.pointer(self.header.pointer.max(LogOffset::of_cluster(start_seq).0));
            let header = Header { start_seq, start_prev_crc, pointer, ..self.header };
            self.switch_header(device, header)?;
            self.firsts.drain(..freed);
        }
        Ok(())
    }

    /// Of a ring: starts with nothing in this cluster, in the same generation.
    pub(super) fn start_at(
        &mut self,
        device: &mut dyn BlockDevice,
        cluster: u64,
    ) -> Result<(), Error> {
        let pointer = self.options.pointer(LogOffset::of_cluster(cluster).0);
        let header = Header { start_seq: cluster, start_prev_crc: 0, pointer, ..self.header };
        self.switch_header(device, header)?;
        self.key.link = 0;
        self.firsts.clear();
        self.enter_cluster(cluster);
        Ok(())
    }

    /// Writes the next header, flushed, and starts where it says.
    pub(super) fn switch_header(
        &mut self,
        device: &mut dyn BlockDevice,
        changed: Header,
    ) -> Result<(), Error> {
        self.header = self.pair(device)?.write_next(device, self.options.magic(), changed)?;
        self.start_cluster = self.header.start_seq;
        Ok(())
    }

    /// The reset of a line: FF over every cluster that may hold anything else, then a flush (R7).
    pub(super) fn erase_line(&mut self, device: &mut dyn BlockDevice) -> Result<(), Error> {
        if self.options.has_header() && self.header.pointer > 0 {
            self.switch_header(device, Header { pointer: 0, ..self.header })?;
        }
        self.area.erase(device, &self.options, 0, self.used_clusters)?;
        device.flush()?;
        self.used_clusters = 0;
        (self.dirty, self.key.link, self.slot_number) = (false, 0, 0);
        self.enter_cluster(0);
        Ok(())
    }
}
