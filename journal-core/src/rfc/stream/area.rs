//! Where things are: the clusters of a stream journal on its device.
//!
//! | dialect | from | what |
//! |---|---|---|
//! | with a mark, or a commit pointer | 0 | header pair, 2 x 4096 |
//! | ping-pong | 0 or 8192 | tail slots, 2 x 8192 (see [`slot`](super::slot)) |
//! | erase (V8, V8r, V8c) | behind these | clusters, as many as fit; a line: the log ends with the last one |
//! | with a mark (V8ce and on) | behind these | clusters; a ring: log cluster `n` lies at `n mod clusters` |
//!
//! The one idea: the log counts on, the device wraps. [`LogOffset`] never goes back, and this file
//! alone turns it into sectors.
//!
//! Invariant: every part begins at a multiple of 4096 bytes and no physical sector is larger, so
//! headers, slots and clusters never share one. What a disk may ruin around a write stays in the
//! part that is written.
//!
//! What it is not: aware of what the clusters hold.

use crate::device::{Geometry, Lba};
use crate::journal::Error;
use crate::rfc::entry::{CLUSTER_BYTES, LogOffset};
use crate::rfc::header::Header;
use crate::rfc::strategy::{CommitRule, TailWrite};

use super::{StreamOptions, slot};

const CLUSTER: u64 = CLUSTER_BYTES as u64;

/// More laps than any device lives, and no sum of offsets overflows below it.
const START_CLUSTER_MAX: u64 = 1 << 50;

/// The clusters of a journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Area {
    /// First sector of the first cluster.
    first: Lba,
    /// Bytes of a logical sector, a power of two, at most a cluster.
    pub sector_bytes: u32,
    /// Bytes of a physical sector, at most a cluster.
    pub physical_bytes: u32,
    /// Clusters on the device.
    pub clusters: u64,
    /// Whether the first cluster follows the last one.
    pub ring: bool,
}

impl Area {
    /// The area on a device of this shape.
    pub fn new(options: &StreamOptions, geometry: Geometry) -> Result<Area, Error> {
        let Geometry { logical_bytes, physical_bytes, .. } = geometry;
        let ring = options.is_ring();
        // A line writes through whatever sectors there are; only the parts of a ring rely on it.
        let parts = options.has_header() || options.tail == TailWrite::PingPong;
        let largest = if parts { physical_bytes.max(logical_bytes) } else { logical_bytes };
        if !logical_bytes.is_power_of_two() || largest > CLUSTER_BYTES {
            let what = "bytes of a sector, a power of two and at most";
            return Err(Error::Unfit { what, want: CLUSTER, got: u64::from(largest) });
        }
        let slots_from = options.slots_from();
        let before = match options.tail {
            TailWrite::PingPong => slots_from + 2 * slot::SLOT_BYTES,
            _ => slots_from,
        };
        // The header counts clusters in 32 bits.
        let room = geometry.bytes().saturating_sub(before) / CLUSTER;
        let clusters = if options.has_header() { room.min(u64::from(u32::MAX)) } else { room };
        // A ring needs a free cluster beside each live one, to carry into.
        let least = if ring { 2 } else { 1 };
        if clusters < least {
            let what = "bytes for the smallest journal";
            return Err(Error::Unfit {
                what,
                want: before + least * CLUSTER,
                got: geometry.bytes(),
            });
        }
        Ok(Area {
            first: Lba(before / u64::from(logical_bytes)),
            sector_bytes: logical_bytes,
            physical_bytes: physical_bytes.clamp(logical_bytes, CLUSTER_BYTES),
            clusters,
            ring,
        })
    }

    /// The area as its header has it: the device may have grown since, and the ring has not.
    pub fn under(self, options: &StreamOptions, header: &Header) -> Result<Area, Error> {
        let clusters = u64::from(header.nblocks);
        let least = if self.ring { 2 } else { 1 };
        let fits = (least..=self.clusters).contains(&clusters)
            && header.start_seq <= if self.ring { START_CLUSTER_MAX } else { 0 }
            && header.strategy == options.code;
        // A commit pointer stands just where one belongs, in the log or at its end.
        let log = LogOffset::of_cluster(header.start_seq.min(START_CLUSTER_MAX));
        let reach = clusters.min(u64::from(u32::MAX)) * CLUSTER;
        let pointed = match options.commit {
            CommitRule::Pointer => (log.0..=log.0 + reach).contains(&header.pointer),
            _ => header.pointer == Header::POINTLESS,
        };
        if !fits || !pointed {
            let what = "a journal header that describes this device";
            return Err(Error::NotAJournal { what, at_bytes: 0 });
        }
        Ok(Area { clusters, ..self })
    }

    /// Most clusters from the start of the log to its tail. In a ring it is half of them: the other
    /// half is where survivors are carried to while the old generation must stay readable.
    pub const fn live_clusters_max(&self) -> u64 {
        if self.ring { self.clusters / 2 } else { self.clusters }
    }

    /// The byte of the device at which `at` lies.
    pub const fn byte(&self, at: LogOffset) -> u64 {
        let cluster = if self.ring { at.cluster() % self.clusters } else { at.cluster() };
        self.first.0 * self.sector_bytes as u64 + cluster * CLUSTER + at.in_cluster() as u64
    }

    /// The sector that `at` lies in.
    pub const fn lba(&self, at: LogOffset) -> Lba {
        Lba(self.byte(at) / self.sector_bytes as u64)
    }

    /// `bytes` rounded down to a sector.
    pub const fn floor(&self, bytes: usize) -> usize {
        bytes & !(self.sector_bytes as usize - 1)
    }

    /// `bytes` rounded up to a sector.
    pub const fn ceil(&self, bytes: usize) -> usize {
        self.floor(bytes + self.sector_bytes as usize - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rfc::Strategy;

    fn area(name: &str, sectors: u64) -> Result<Area, Error> {
        let options = StreamOptions::new(Strategy::named(name).unwrap()).unwrap();
        Area::new(&options, Geometry { logical_bytes: 512, physical_bytes: 4096, sectors })
    }

    #[test]
    fn parts_begin_where_the_layout_table_says() {
        assert_eq!(area("v8", 16).unwrap().byte(LogOffset(5000)), 5000);
        assert_eq!(area("v8ce", 48).unwrap().byte(LogOffset(0)), 8192);
        assert_eq!(area("v8pp", 80).unwrap().byte(LogOffset(0)), 24576);
    }

    #[test]
    fn the_ring_wraps_and_the_offset_does_not() {
        let ring = area("v8ce", 16 + 4 * 8).unwrap();
        assert_eq!((ring.clusters, ring.live_clusters_max()), (4, 2));
        assert_eq!(ring.byte(LogOffset(4 * 4096 + 7)), ring.byte(LogOffset(7)));
        assert_eq!(ring.lba(LogOffset(4096)), Lba(24));
    }

    #[test]
    fn a_device_without_room_for_a_journal_is_refused() {
        assert!(matches!(area("v8", 7), Err(Error::Unfit { want: 4096, .. })));
        assert!(matches!(area("v8ce", 31), Err(Error::Unfit { want: 16384, .. })));
    }
}
