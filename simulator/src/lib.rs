//! A crash-consistency simulator and fuzzing harness for journals and write-ahead logs.

pub mod choose;
pub mod disk;
pub mod oracle;
mod quiet;
pub mod run;
pub mod workload;
