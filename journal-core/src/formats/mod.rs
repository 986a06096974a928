//! Journals that people run, byte-compatible: one file or folder each.
