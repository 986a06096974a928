//! Where in the log an entry stands, and what its checksum begins with there.
//!
//! The one idea: the same bytes are an entry in one place, lap, generation and chain, and nothing
//! anywhere else.
//!
//! Invariant: a [`LogOffset`] never goes back and never wraps; the area alone turns it into sectors.
//!
//! What it is not: a checksum. See [`entry`](super::entry).

use crate::rfc::entry::CLUSTER_BYTES;
use crate::rfc::header::Salt;

/// A place in the log: bytes from the log's beginning, counted on through every lap of a ring.
///
/// On the device it is the offset in the area, modulo the area. It is the unwrapped number that a
/// salted checksum covers. Were it the wrapped one, an entry of an earlier lap would pass at the
/// same place of a later one:
/// 1. the ring wraps and overwrites a cluster's first sector, the power goes, recovery stops there;
/// 2. the second sector still holds entries of the last lap, under the same salt;
/// 3. an append that happens to end where they begin re-attaches them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LogOffset(pub u64);

impl LogOffset {
    /// The first byte of a cluster.
    #[must_use]
    pub const fn of_cluster(cluster: u64) -> Self {
        LogOffset(cluster * CLUSTER_BYTES as u64)
    }

    /// The cluster it lies in.
    #[must_use]
    pub const fn cluster(self) -> u64 {
        self.0 / CLUSTER_BYTES as u64
    }

    /// Bytes from the start of its cluster.
    #[must_use]
    pub const fn in_cluster(self) -> usize {
        (self.0 % CLUSTER_BYTES as u64) as usize
    }

    /// The place `bytes` further on.
    #[must_use]
    pub const fn plus(self, bytes: usize) -> Self {
        LogOffset(self.0 + bytes as u64)
    }

    /// The first cluster that begins here or later.
    #[must_use]
    pub const fn cluster_from_here(self) -> u64 {
        self.0.div_ceil(CLUSTER_BYTES as u64)
    }
}

/// Most bytes that a checksum covers before an entry's own: salt, place, link.
pub const BEFORE_MAX: usize = 28;

/// A salt, with what can be computed of it once, and where in its ring and chain an entry stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Key {
    pub(super) salt: Salt,
    pub(super) crc: u32,
    /// Clusters of the ring, for dialects that count laps.
    pub(super) clusters: u32,
    /// The low half of the checksum before, for dialects that chain.
    pub link: u32,
}

impl Key {
    /// The key of a salt. Dialects without a salt ignore it.
    #[must_use]
    pub fn new(salt: Salt) -> Self {
        Key { salt, crc: salt.crc(), ..Key::default() }
    }

    /// The same in a ring of so many clusters.
    #[must_use]
    pub fn in_ring(self, clusters: u32) -> Self {
        Key { clusters, ..self }
    }

    /// The same behind an entry with this link.
    #[must_use]
    pub fn behind(self, link: u32) -> Self {
        Key { link, ..self }
    }

    /// What a checksum begins with: salt and place, if it covers a place, then the link, if it is
    /// chained. With its length.
    #[must_use]
    pub fn before(&self, at: Option<LogOffset>, chained: bool) -> ([u8; BEFORE_MAX], usize) {
        let (mut before, mut len) = ([0; BEFORE_MAX], 0);
        if let Some(at) = at {
            before[..16].copy_from_slice(&self.salt.0);
            before[16..24].copy_from_slice(&at.0.to_be_bytes());
            len = 24;
        }
        if chained {
            before[len..len + 4].copy_from_slice(&self.link.to_be_bytes());
            len += 4;
        }
        (before, len)
    }
}
