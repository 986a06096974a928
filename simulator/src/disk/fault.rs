//! An operation that fails while the power is on.
//!
//! The one idea: what a device refuses is chosen by whoever writes the case, and not by the disk: one
//! operation of the first life, counted.
//!
//! What it is not: damage. That is what a power cut leaves.

/// One device operation that fails, once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[cfg_attr(feature = "program", derive(schemars::JsonSchema))]
pub struct Fault {
    /// Which operation of the run (reads, writes and flushes, counted from 0).
    pub operation: u32,
    /// How it fails.
    pub kind: FaultKind,
}

/// How an operation fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[cfg_attr(feature = "program", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum FaultKind {
    /// An I/O error and no effect. A flush that fails so drops what it was to make durable: the
    /// next flush succeeds and covers none of it.
    Error,
    /// An I/O error, and yet a write took effect.
    ErrorButDone,
    /// No space left: no effect.
    NoSpace,
}
