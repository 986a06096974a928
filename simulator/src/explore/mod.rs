//! Explorers: which leaves of a run are visited.
//!
//! The one idea: a run is a tree of questions. `prove` visits every leaf, `torture` and `sample` draw
//! leaves, and all only count what the leaves say; `frontier` proves over many contracts.
//!
//! Invariant: a result does not depend on the number of threads or their timing.
//!
//! What it is not: a place where faults, oracles or formats are known.

pub mod cell;
pub mod frontier;
pub mod grid;
mod levels;
mod outside;
pub mod parallel;
pub mod prove;
pub mod sample;
pub mod shards;
mod stretch;
pub mod torture;

pub use crate::shrink::shrink;
pub use cell::{Cell, Verdict, prove, prove_alone, prove_with};
pub use outside::Outside;
pub use parallel::{Grain, explore_by_parts, explore_together};
pub use prove::{Bounds, Explored, explore};
