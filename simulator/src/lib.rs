//! A crash-consistency simulator and fuzzing harness for journals and write-ahead logs.

pub mod choose;
pub mod disk;
