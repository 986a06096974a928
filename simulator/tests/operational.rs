//! The judge of the simulated disk: a second implementation of the contract, simple and slow, and
//! the demand that both give the same outcomes.
//!
//! The one idea: the disk decides lazily, with constraints; the enumerator writes every image out.
//! A program that reads, writes and is cut again must see exactly the same sets of transcripts on
//! both, over thousands of random small traces, one sweep for every knob.
//!
//! Invariant: the enumerator is written from the prose of `disk/contract.rs` and nothing else. A
//! disagreement is settled in the prose, then in the code that is wrong.

#[path = "operational/asking.rs"]
mod asking;
#[path = "operational/choosers.rs"]
mod choosers;
#[path = "operational/compare.rs"]
mod compare;
#[path = "operational/counts.rs"]
mod counts;
#[path = "operational/explanations.rs"]
mod explanations;
#[path = "operational/ground.rs"]
mod ground;
#[path = "operational/images.rs"]
mod images;
#[path = "operational/later.rs"]
mod later;
#[path = "operational/life.rs"]
mod life;
#[path = "operational/model.rs"]
mod model;
#[path = "operational/pairs.rs"]
mod pairs;
#[path = "operational/program.rs"]
mod program;
#[path = "operational/regressions.rs"]
mod regressions;
#[path = "operational/shrink.rs"]
mod shrink;
#[path = "operational/stories.rs"]
mod stories;
#[path = "operational/sweeps.rs"]
mod sweeps;
#[path = "operational/told.rs"]
mod told;
#[path = "operational/traces.rs"]
mod traces;
