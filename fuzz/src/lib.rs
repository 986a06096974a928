//! Thin cargo-fuzz targets; see `fuzz_targets/`.
