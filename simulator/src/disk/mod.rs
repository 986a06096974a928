//! The disk that asks: contract, presets, trace, undecided contents.
pub mod contract;
pub mod presets;
