//! What users run: the program from outside, the library's `check`, reports and campaigns.
//!
//! One program for all of these files, as `proofs.rs` is for its own.

mod cli_support;

mod campaign;
mod check_files;
mod check_journals;
mod check_my_wal;
mod cli;
mod cli_prove;
mod cli_torture;
mod cli_trouble;
mod cli_with;
mod emitted;
mod frontier;
mod grid_section;
mod report_diff;
mod report_drawn;
mod report_gallery;
mod report_schema;
mod report_schema_kept;
mod torture_disk_full;
mod torture_kill;
