//! Journals and write-ahead logs over a block device.
//!
//! The one idea: a journal is a value that talks to a [`BlockDevice`] and to its caller, and to
//! nothing else. It never knows whether the device is real or simulated, so the code that is
//! proven is the code that ships.
//!
//! Invariant: bytes read from a device are untrusted. No decoder here panics, loops without
//! progress, or allocates beyond the size of its input, whatever the bytes say.
//!
//! What it is not: a database, a file system, or a simulator. Faults, oracles and reports live in
//! the `simulator` crate, which depends on this one and never the other way round.
#![no_std]

extern crate alloc;
#[cfg(feature = "std")]
extern crate std;

pub mod bytes;
pub mod checksum;
pub mod claim;
pub mod device;
#[cfg(feature = "std")]
pub mod file_device;
pub mod formats;
pub mod inspect;
pub mod journal;
pub mod memory;
pub mod region;
pub mod rfc;
pub mod same;
pub mod steps;

pub use checksum::Checksum;
pub use claim::{Claim, Claims, Expected};
pub use device::{BlockDevice, DeviceError, Durability, Geometry, Lba, Piece, Write};
#[cfg(feature = "std")]
pub use file_device::FileDevice;
pub use inspect::{Field, Inspect, Mark};
pub use journal::{
    Damage, End, Entropy, Entry, Error, Journal, Limits, Lsn, Opened, Promises, Resume, Survivors,
};
pub use memory::MemoryDevice;
pub use region::Region;
pub use same::Span;
pub use steps::{Plain, Recovery, Stepwise, Whole};
