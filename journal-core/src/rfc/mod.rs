//! The qcow2 RFC journal and its amendments, as points of one grid.

pub mod entry;
pub mod header;
pub mod refusal;
pub mod strategy;
pub mod stream;

pub use refusal::Refusal;
pub use strategy::{LADDER, Strategy};
pub use stream::{StreamJournal, StreamOptions};
