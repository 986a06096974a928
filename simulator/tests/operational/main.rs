//! The judge of the simulated disk: a second implementation of the contract, simple and slow, and
//! the demand that both give the same outcomes.
//!
//! The one idea: the disk decides lazily, with constraints; the enumerator writes every image out.
//! A program that reads, writes and is cut again must see exactly the same sets of transcripts on
//! both, over thousands of random small traces, one sweep for every knob.
//!
//! Invariant: the enumerator is written from the prose of `disk/contract.rs` and nothing else. A
//! disagreement is settled in the prose, then in the code that is wrong.

mod asking;
mod choosers;
mod compare;
mod counts;
mod explanations;
mod ground;
mod images;
mod later;
mod lazy;
mod life;
mod model;
mod pairs;
mod program;
mod regressions;
mod shrink;
mod stories;
mod sweeps;
mod told;
mod traces;
