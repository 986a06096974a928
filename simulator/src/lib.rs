//! A crash-consistency simulator and fuzzing harness for journals and write-ahead logs.

pub mod campaign;
pub mod case;
pub mod check;
pub mod choose;
pub mod declared;
pub mod disk;
pub mod explore;
pub mod files;
pub mod fuzzing;
pub mod journals;
pub mod oracle;
mod quiet;
pub mod report;
pub mod run;
pub mod selftest;
pub mod shrink;
pub mod twins;
pub mod workload;
