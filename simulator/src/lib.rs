//! A crash-consistency simulator and fuzzing harness for journals and write-ahead logs.
//!
//! Without the feature `program` there is what a test needs that calls [`check`], and a fuzz target: not what the
//! program `tornwrite` reads and reports.

#[cfg(feature = "program")]
pub mod campaign;
pub mod case;
pub mod check;
pub mod choose;
#[cfg(feature = "program")]
pub mod declared;
pub mod disk;
pub mod explore;
pub mod files;
pub mod fuzzing;
pub mod journals;
mod malformed;
pub mod oracle;
mod quiet;
#[cfg(feature = "program")]
pub mod report;
pub mod run;
#[cfg(feature = "program")]
pub mod selftest;
pub mod shrink;
pub mod twins;
pub mod workload;
