//! Kept: how many bytes a disk holds on to, by the sizes of what it keeps.
//!
//! The one idea: a bound on memory must end a search at the same leaf on every machine, so nothing
//! asks the allocator. What is counted follows from the path of the leaf alone: contents, commands,
//! versions, denials, knowledge. Room that vectors have in reserve is not counted; it is at most as
//! much again.
//!
//! Invariant: equal paths, equal numbers.
//!
//! What it is not: all of a process. Counting images has a share of its own (`residuals.rs`).

use super::{Disk, Mark};

/// What one disk, and the search that asks it, may keep unless told otherwise: 1 GiB.
pub const MEMORY_MAX: u64 = 1 << 30;

/// Of what may be kept, one part in so many is for counting images.
pub const COUNTING_SHARE: u64 = 8;

impl Disk {
    /// Bytes kept for what happened so far. Without the table of newest versions, which does not
    /// shrink when the disk goes back: see [`Disk::table_bytes`].
    #[must_use]
    pub fn kept_bytes(&self) -> u64 {
        let denied = size_of_val(self.denied.all()) as u64;
        let clauses = self.clauses.kept_bytes() + self.held.kept_bytes();
        self.trace.kept_bytes() + denied + clauses + self.worlds.kept_bytes()
    }

    /// Bytes of the table of newest versions.
    #[must_use]
    pub fn table_bytes(&self) -> u64 {
        self.trace.table_bytes()
    }

    /// Bounds what counting images may keep: a share of `bytes`.
    pub fn limit_memory(&mut self, bytes: u64) {
        self.memory_max = bytes;
    }
}

impl Mark {
    /// Bytes kept by it, besides itself.
    #[must_use]
    pub fn kept_bytes(&self) -> u64 {
        self.worlds.as_ref().map_or(0, super::worlds::Worlds::kept_bytes)
    }
}
