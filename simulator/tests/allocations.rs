//! What is allocated, counted by an allocator of its own.

mod habits;
mod memory;
mod speed_allocations;
