//! The qcow2 RFC journal and its amendments, as points of one grid.

pub mod block;
pub mod header;
