//! Appending: into the tail's image, and, where the tail is rewritten, to the device at once.
//!
//! The one idea: the strategies part here. `Rewrite` does what byte granularity asks for: it takes
//! the sectors the entry touches, patches them and writes them, with everything that was
//! acknowledged in them. The others keep the bytes until a commit or the end of the cluster.
//!
//! Invariant: room is checked before anything is written, so `Full` leaves no trace. A sector of a
//! padded journal is written once; of a ping-pong journal's home units the same holds.
//!
//! What it is not: durable. Only commit is.

use crate::device::{BlockDevice, DeviceError, Durability, Write};
use crate::journal::{Error, Lsn};
use crate::rfc::entry::{CLUSTER_BYTES, Kind, LogOffset};
use crate::rfc::strategy::TailWrite;

use super::{First, StreamJournal};

const CLUSTER: usize = CLUSTER_BYTES as usize;

impl StreamJournal {
    pub(super) fn append_entry(
        &mut self,
        device: &mut dyn BlockDevice,
        payload: &[u8],
    ) -> Result<Lsn, Error> {
        let dialect = self.options.dialect;
        if payload.len() > dialect.payload_max() {
            let max = dialect.payload_max() as u32;
            return Err(Error::PayloadSize { bytes: payload.len() as u64, min: 0, max });
        }
        let size = dialect.overhead_bytes() + payload.len();
        let here = dialect.fits(self.at, size);
        let cluster = if here { self.at.cluster() } else { self.at.cluster() + 1 };
        let at = if here { self.at } else { LogOffset::of_cluster(cluster) };
        // The commit record of this entry must have a place, too.
        let cluster = match self.options.has_record() {
            true => self.record_place(at.plus(size)).cluster(),
            false => cluster,
        };
        if cluster - self.start_cluster >= self.area.live_clusters_max() {
            // A line has no cluster to go on in, so no END is written: R4.
            let left = LogOffset::of_cluster(self.start_cluster + self.area.live_clusters_max()).0;
            let free = left.saturating_sub(self.at.0);
            return Err(Error::Full { needed: size as u64, free });
        }
        if self.image.is_empty() {
            self.image.resize(CLUSTER, 0xff);
        }
        if !here {
            self.close_cluster(device)?;
        }
        let from = self.at.in_cluster();
        self.know(device, from, from + size)?;
        let mut composer = self.composer();
        self.at = composer.put(&mut self.image, self.at, Kind::Hash, payload);
        self.key = composer.key;
        if self.options.tail == TailWrite::Rewrite {
            self.write_image(device, from, from + size, Durability::Cached)?;
        }
        self.lsn += 1;
        self.dirty = true;
        Ok(Lsn(self.lsn))
    }

    /// Where the commit record goes if the log ends at `at`: behind the filler, with room for an END.
    pub(super) fn record_place(&self, at: LogOffset) -> LogOffset {
        let at = match self.options.pads() {
            true => self.composer().filled(at, self.unit_bytes()),
            false => at,
        };
        match self.options.dialect.fits(at, self.options.dialect.record_bytes()) {
            true => at,
            false => LogOffset::of_cluster(at.cluster() + 1),
        }
    }

    /// Ends the cluster, writes what of it was not written yet, and goes on in the next one.
    pub(super) fn close_cluster(
        &mut self,
        device: &mut dyn BlockDevice,
    ) -> Result<(), DeviceError> {
        let from = self.at.in_cluster();
        let end = from + self.options.dialect.end_bytes();
        self.know(device, from, end)?;
        let mut composer = self.composer();
        composer.put_end(&mut self.image, self.at);
        self.key = composer.key;
        match self.options.tail {
            TailWrite::Rewrite => self.write_image(device, from, end, Durability::Cached)?,
            _ => {
                let unit = self.unit_bytes();
                let to = end.next_multiple_of(unit);
                self.write_image(device, self.written, to, Durability::Cached)?;
            }
        }
        self.enter_cluster(self.at.cluster() + 1);
        Ok(())
    }

    /// Stands at the start of a cluster, its image empty. A cluster of a line that may hold bytes
    /// of a life before this one is read as its sectors are entered: R9.
    pub(super) fn enter_cluster(&mut self, cluster: u64) {
        if self.area.ring && cluster > self.start_cluster {
            self.firsts.push(First { lsn: self.lsn + 1, link: self.key.link });
        }
        self.at = LogOffset::of_cluster(cluster);
        self.image.fill(0xff);
        self.written = 0;
        let blank = self.area.ring
            || self.options.tail != TailWrite::Rewrite
            || cluster >= self.used_clusters;
        self.known = if blank { CLUSTER } else { 0 };
    }

    /// The read of read-modify-write: has the image known in the sectors of `from..to`, but for those that
    /// are written all over: what these hold is nobody's business.
    /// A sector that cannot be read was torn, and holds nothing that was recovered: FF.
    pub(super) fn know(
        &mut self,
        device: &mut dyn BlockDevice,
        from: usize,
        to: usize,
    ) -> Result<(), DeviceError> {
        let sector = self.area.sector_bytes as usize;
        while self.known < to {
            let end = self.known + sector;
            let is_written_all_over = from <= self.known && end <= to;
            if !is_written_all_over {
                let place = LogOffset::of_cluster(self.at.cluster()).plus(self.known);
                let image = &mut self.image[self.known..end];
                match device.read(self.area.lba(place), image) {
                    Ok(()) => {}
                    Err(DeviceError::Unreadable(_)) => image.fill(0xff),
                    Err(error) => return Err(error),
                }
            }
            self.known = end;
        }
        Ok(())
    }

    /// Writes the sectors of the image that `from..to` touches, in one command.
    pub(super) fn write_image(
        &mut self,
        device: &mut dyn BlockDevice,
        from: usize,
        to: usize,
        durability: Durability,
    ) -> Result<(), DeviceError> {
        let (from, to) = (self.area.floor(from), self.area.ceil(to));
        self.used_clusters = self.used_clusters.max(self.at.cluster() + 1);
        let place = LogOffset::of_cluster(self.at.cluster()).plus(from);
        let at = self.area.lba(place);
        device.write(&[Write { at, data: &self.image[from..to], durability }])
    }
}
