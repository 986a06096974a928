//! Reports: what an exploration found, as data, as files and as text.
//!
//! The one idea: the [`model`] is the report. It is built once from what the explorers return, goes
//! to a file as JSON, and everything a person sees is drawn from it alone, now or years later.
//!
//! Invariant: nothing here searches. The only runs are replays of single cases: to tell the story
//! of a counterexample, and to count what an undisturbed life costs. No clock, thread or
//! environment leaves a trace in a report.
//!
//! What it is not: a verdict. Verdicts come from `explore`; the report repeats them.

pub mod answers;
mod atlas;
pub mod baseline;
pub mod build;
pub mod campaign;
pub mod campaign_text;
mod columns;
pub mod cost;
pub mod device;
pub mod diff;
pub mod dump;
pub mod emit;
pub mod environment;
pub mod figures;
pub mod frontier;
pub mod github;
pub mod grid;
pub mod html;
pub mod json;
pub mod junit;
pub mod layout;
pub mod markdown;
pub mod matrix;
pub mod merge;
mod merge_campaign;
pub mod model;
pub mod oracles;
pub mod picture;
pub mod proof;
pub mod requirement;
pub mod schema;
pub mod seen;
pub mod story;
pub mod summary;
pub mod text;
mod why;

pub use model::{Report, SCHEMA_VERSION};
pub use story::{Story, tell};
