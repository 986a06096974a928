//! What is claimed of explorers, oracles and the disk, held against other ways to get it.
//!
//! The one idea: a file each, as the claims are told apart, and one program for all: a program for each
//! file took longer to link than most of them take to run. `architecture.rs` sees to it that every file is in one.
//!
//! What it is not: the operational enumerator (`operational.rs`), which has a disk of its own, and what
//! counts allocations (`allocations.rs`), whose allocator would slow the rest down.

mod alike;
mod corpus_replay;
mod drawn;
mod eager;
mod forks;
mod grid;
mod habits;
mod long_checksums;
mod of_users;
mod one_space;
mod parallel;
mod probabilities;
mod properties;
mod requirements;
mod selftest;
mod shards;
mod shrink;
mod sound_twins;
mod verdicts;
mod whole;
