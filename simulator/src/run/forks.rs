//! Forks: a recovery as it was before each step of the present path that asked something.
//!
//! The one idea: whoever wants another answer goes on from there. A search comes and goes over the same few
//! forks, so one that is left is written over by the next one at its place, in its memory.
//!
//! Invariant: each fork is deeper than the one before; what is behind the path holds no worlds.
//!
//! What it is not: what the leaves share besides. That is the tree's (`grown.rs`).

use crate::disk::Mark;
use crate::oracle::SoFar;

/// A recovery step that asked something, as things were before it.
#[derive(Debug)]
pub(super) struct Fork<R> {
    /// Questions of the path before it.
    pub(super) depth: usize,
    pub(super) life: usize,
    pub(super) recovery: R,
    pub(super) judged: SoFar,
    pub(super) names: usize,
    pub(super) strangers: usize,
    /// Bytes kept by it and by the forks before it.
    pub(super) kept: u64,
    pub(super) disk: Mark,
}

/// The forks of the present path.
#[derive(Debug)]
pub(super) struct Forks<R> {
    /// Those of the path, and behind them such as are written over.
    all: Vec<Fork<R>>,
    len: usize,
}

impl<R> Forks<R> {
    pub(super) const fn new() -> Self {
        Forks { all: Vec::new(), len: 0 }
    }

    /// Those of the path.
    pub(super) fn path(&self) -> &[Fork<R>] {
        &self.all[..self.len]
    }

    /// The deepest.
    pub(super) fn last(&self) -> Option<&Fork<R>> {
        self.path().last()
    }

    /// Leaves the deepest.
    pub(super) fn pop(&mut self) {
        self.len -= 1;
        // What couples nothing keeps nothing.
        if self.all[self.len].disk.kept_bytes() > 0 {
            self.all.truncate(self.len);
        }
    }

    /// Leaves all.
    pub(super) fn clear(&mut self) {
        while self.len > 0 {
            self.pop();
        }
    }

    /// The fork at a depth that is the deepest of the path: the last one, if that is there, or one to be
    /// written over; none where there is no memory for it yet.
    pub(super) fn at(&mut self, depth: usize) -> Option<&mut Fork<R>> {
        if self.last().is_none_or(|last| last.depth != depth) {
            if self.all.len() == self.len {
                return None;
            }
            self.len += 1;
        }
        self.all.get_mut(self.len - 1)
    }

    /// Adds one behind all.
    pub(super) fn push(&mut self, fork: Fork<R>) {
        self.all.truncate(self.len);
        self.all.push(fork);
        self.len += 1;
    }
}
