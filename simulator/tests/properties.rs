//! Properties of the simulator, on inputs nobody thought of.
//!
//! `cases`: what is written down reads back, and nonsense is refused. `contracts`: a kinder device
//! leaves nothing that a more hostile one does not. `judge`: the oracles against their definitions. `same`: what a
//! disk is told in a word is what it could have been handed.
//! Inputs that failed once stay in `proptest-regressions/` and are tried first.

mod cases;
mod contracts;
mod judge;
mod same;
