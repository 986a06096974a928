//! Journals and devices, from outside: formats byte for byte, models, crashes by hand, what Python reads.
//!
//! One program for all of these files: a program for each took longer to link than to run.

mod stream_support;
mod stubs;

mod block_crash;
mod block_format;
mod block_model;
mod block_python;
mod by_parts;
mod file_device;
mod fixtures;
mod formats_properties;
mod grid;
mod grid_bytes;
mod header_pair;
mod known_weaknesses;
mod page_cache;
mod python_agrees;
mod seams;
mod stream_crash;
mod stream_golden;
mod stream_model;
