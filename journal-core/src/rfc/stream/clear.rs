//! FF over what must not be taken for part of the log.
//!
//! The one idea: FF is NONE, so a place that was wiped ends the log.
//!
//! Invariant: nothing that is live is touched.
//!
//! What it is not: atomic, or durable before the caller flushes.

use crate::device::{BlockDevice, DeviceError, Write};
use crate::rfc::entry::{CLUSTER_BYTES, LogOffset};
use crate::rfc::strategy::TailWrite;
use crate::same::Span;

use super::area::Area;
use super::{StreamJournal, StreamOptions, slot};

/// What NONE is made of.
const NONE: u8 = 0xff;

static ERASED: [u8; CLUSTER_BYTES as usize] = [NONE; CLUSTER_BYTES as usize];

/// Commands in one call to the device.
const ERASED_AT_ONCE: usize = 32;

impl Area {
    /// Wipes the clusters `from .. to` of the log, and the tail slots.
    pub fn erase(
        &self,
        device: &mut dyn BlockDevice,
        options: &StreamOptions,
        from: u64,
        to: u64,
    ) -> Result<(), DeviceError> {
        if options.tail == TailWrite::PingPong {
            self.erase_slots(device, options)?;
        }
        self.erase_clusters(device, from, to)
    }

    /// Wipes the clusters `from .. to` of the log.
    pub fn erase_clusters(
        &self,
        device: &mut dyn BlockDevice,
        from: u64,
        to: u64,
    ) -> Result<(), DeviceError> {
        let cluster_sectors = u64::from(CLUSTER_BYTES / self.sector_bytes);
        let each =
            device.geometry().bulk_bytes(u64::from(CLUSTER_BYTES)) / u64::from(CLUSTER_BYTES);
        let mut cluster = from;
        while cluster < to {
            let mut spans = [Span::default(); ERASED_AT_ONCE];
            let mut count = 0;
            while count < ERASED_AT_ONCE && cluster < to {
                // A command does not go around the end of a ring.
                let in_a_row = self.clusters - if self.ring { cluster % self.clusters } else { 0 };
                let clusters = each.min(to - cluster).min(in_a_row);
                let at = self.lba(LogOffset::of_cluster(cluster));
                spans[count] = Span { at, sectors: clusters * cluster_sectors };
                (count, cluster) = (count + 1, cluster + clusters);
            }
            device.write_same(NONE, &spans[..count])?;
        }
        Ok(())
    }

    /// Wipes the first sector of both tail slots. It holds their fields, and nothing else is needed:
    /// what else a slot holds is under the checksum among them.
    pub fn erase_slots(
        &self,
        device: &mut dyn BlockDevice,
        options: &StreamOptions,
    ) -> Result<(), DeviceError> {
        let place = |which| slot::lba(options.slots_from(), which, self.sector_bytes);
        let fields = &ERASED[..self.ceil(slot::FIELDS)];
        device.write(&[0, 1].map(|which| Write::cached(place(which), fields)))
    }
}

impl StreamJournal {
    /// Wipes everything behind the log, from byte `from` of its last cluster on, and flushes.
    pub(super) fn wipe_behind(
        &mut self,
        device: &mut dyn BlockDevice,
        from: usize,
    ) -> Result<(), DeviceError> {
        let cluster = self.at.cluster();
        let end = self.start_cluster + self.area.clusters;
        if cluster < end && from < ERASED.len() {
            let place = LogOffset::of_cluster(cluster).plus(from);
            device.write_one(self.area.lba(place), &ERASED[from..])?;
        }
        self.area.erase_clusters(device, cluster + 1, end)?;
        device.flush()?;
        self.used_clusters = (cluster + 1).min(end);
        Ok(())
    }
}
