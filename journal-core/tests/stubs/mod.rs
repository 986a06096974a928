//! Stubs of journals that are not built yet, as small as the seam lets them be.
//!
//! They prove that the traits `BlockDevice` and `Journal` suffice for shapes unlike the formats
//! that exist. They are not byte-compatible with anything.

pub mod file_log;
pub mod jbd2;
