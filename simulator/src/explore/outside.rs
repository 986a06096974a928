//! What ends a search from outside, and sees how far it is.
//!
//! The one idea: a flag and a count that outlive the search, looked at between two leaves.
//!
//! Invariant: a search that nobody ended finds what it finds without them.
//!
//! What it is not: a bound. Where such a search ended is chance, and it says that it was interrupted.

use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Who may end a search, and where its leaves are counted.
#[derive(Clone, Copy, Debug, Default)]
pub struct Outside {
    /// Set when it is to end.
    pub stop: Option<&'static AtomicBool>,
    /// Leaves that were visited, by all threads.
    pub leaves: Option<&'static AtomicU64>,
}

impl Outside {
    /// Notes a leaf, or several that are known at once.
    #[inline]
    pub(super) fn visited(self, leaves: u64) {
        if let Some(count) = self.leaves {
            count.fetch_add(leaves, Ordering::Relaxed);
        }
    }

    /// Whether the search is to end.
    #[inline]
    pub(super) fn is_stopped(self) -> bool {
        self.stop.is_some_and(|stop| stop.load(Ordering::Relaxed))
    }
}

/// The same flag and the same count.
impl PartialEq for Outside {
    fn eq(&self, other: &Outside) -> bool {
        let same_flag = self.stop.map(ptr::from_ref) == other.stop.map(ptr::from_ref);
        same_flag && self.leaves.map(ptr::from_ref) == other.leaves.map(ptr::from_ref)
    }
}

impl Eq for Outside {}
