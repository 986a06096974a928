//! Logs on plain files: the way in for code that writes to one file.
//!
//! The one idea: a log that goes through [`LogFile`] instead of `std::fs::File` runs unchanged on a
//! real file and on a file of the simulated disk. Implement [`FileLog`] for it, and
//! [`OnFile`] makes it a journal that every explorer can check.
//!
//! # The file system that is modelled
//!
//! One file, which exists (creating, renaming and removing it are not modelled).
//!
//! 1. *Data* goes through a page cache of 4096-byte pages ([`Mode::Cached`]): whole pages are read,
//!    so one unreadable sector fails the reads of its whole page; a write puts its bytes into pages
//!    in memory, and each dirty page is at once issued to the device as one cached write. The
//!    kernel's freedom to write a page back early, late or never before the next sync is thereby
//!    the device's freedom with cached writes. A device that has no volatile cache offers none of
//!    it, so file logs are checked on [`under_page_cache`] of a contract.
//!    [`Mode::Direct`] has no page cache and takes whole sectors only; the length is cached in both
//!    modes, and the assumption of a volatile cache somewhere below is kept.
//! 2. *The length* is metadata. Every change of it may reach the medium at any time from then on,
//!    until a sync makes the last one durable. A write across several pages changes it page by
//!    page, as kernels do. The length is never damaged (file systems journal it), only older.
//! 3. *Their order* is [`Metadata`]: with `Ordered`, a length reaches the medium only after the
//!    bytes that it uncovers (XFS, btrfs, ext4 with `data=ordered` for new blocks); with
//!    `Writeback`, in any order, and what it uncovers may then be whatever the blocks held before:
//!    old records of this very log, for one (ext4 with `data=writeback`, ext2, FAT).
//! 4. Bytes behind the end read as zeros once the file grows over them, in memory; what shortening
//!    cuts off a page is written as zeros, like any other write.
//! 5. `sync_data` and `sync_all` are the same: both make data and length durable.
//!
//! Invariant: a file log sees errors as a program sees them: an unreadable page is an
//! [`io::Error`], reading behind the end is a short read, and growing beyond the device is
//! [`io::ErrorKind::StorageFull`]. The [`DeviceError`] is inside as its source.
//!
//! What it is not: a file system. No directory, no second file, no delayed allocation, no copy on
//! write, and a failing write is told at once instead of by the next sync.

mod fs;
mod inode;
mod on_file;
mod overlay;
mod real;

use std::fmt;
use std::io;

use journal_core::DeviceError;

pub use fs::{FileState, SimFile};
pub use on_file::OnFile;
pub use overlay::Overlay;

use crate::disk::contract::{CacheOrder, Contract};

/// Bytes of a page of the modelled cache.
pub const PAGE_BYTES: u64 = 4096;

/// A file as a log needs it: `std::fs::File`, or a file on the simulated disk.
pub trait LogFile {
    /// Reads bytes from `offset` on and says how many: fewer than asked for at the end of the file.
    ///
    /// # Errors
    /// An I/O error where the medium does not return the data.
    fn read_at(&mut self, into: &mut [u8], offset: u64) -> io::Result<usize>;

    /// Writes all of `data` at `offset`; the file grows if it must, and a gap reads as zeros.
    ///
    /// # Errors
    /// [`io::ErrorKind::StorageFull`] where there is no room; nothing was written then.
    fn write_all_at(&mut self, data: &[u8], offset: u64) -> io::Result<()>;

    /// Cuts the file off at `len` bytes or lets it grow, with zeros.
    ///
    /// # Errors
    /// As for [`LogFile::write_all_at`].
    fn set_len(&mut self, len: u64) -> io::Result<()>;

    /// Bytes of the file.
    ///
    /// # Errors
    /// The operating system's.
    fn len(&mut self) -> io::Result<u64>;

    /// Makes all bytes, and the length, durable.
    ///
    /// # Errors
    /// What was written since the last sync may then be lost for good, even if a later one works.
    fn sync_data(&mut self) -> io::Result<()>;

    /// As [`LogFile::sync_data`], with metadata that no reader needs.
    ///
    /// # Errors
    /// As for [`LogFile::sync_data`].
    fn sync_all(&mut self) -> io::Result<()> {
        self.sync_data()
    }

    /// Whether the file has no bytes.
    ///
    /// # Errors
    /// As for [`LogFile::len`].
    fn is_empty(&mut self) -> io::Result<bool> {
        Ok(self.len()? == 0)
    }

    /// The whole file.
    ///
    /// # Errors
    /// As for [`LogFile::read_at`].
    fn read_all(&mut self) -> io::Result<Vec<u8>> {
        let len = usize::try_from(self.len()?).map_err(io::Error::other)?;
        let mut bytes = vec![0; len];
        let mut filled = 0;
        while filled < len {
            match self.read_at(&mut bytes[filled..], filled as u64)? {
                0 => break,
                read => filled += read,
            }
        }
        bytes.truncate(filled);
        Ok(bytes)
    }
}

/// A log on one file: what the user implements to have it checked.
///
/// Nothing may be kept but in the file and in `Self`: after a power cut `Self` is gone, and the
/// only way back is [`FileLog::open`]. Randomness, clocks and threads would make failures
/// impossible to replay.
pub trait FileLog: Sized {
    /// Writes what a new, empty log holds, if anything. Not cut by the simulator.
    ///
    /// # Errors
    /// Any; there is then nothing to check.
    fn create(file: &mut dyn LogFile) -> io::Result<()> {
        file.sync_all()
    }

    /// Recovery: reads the file, hands out the entries that survived, and may repair the file. When
    /// it returns, the log is ready to append, and the entries it handed out are promised: the
    /// application has acted on them.
    ///
    /// It must cope with every state that a crash can leave, a crash inside of itself included. It
    /// runs at least twice: once on a copy, to see what it shows, once for real, with the power
    /// going inside of it; it must show the same both times.
    ///
    /// # Errors
    /// An error is a refusal to open, and the simulator takes it as a violation of availability.
    fn open(file: &mut dyn LogFile) -> io::Result<(Self, Vec<Vec<u8>>)>;

    /// Adds an entry. It need not be durable before [`FileLog::commit`].
    ///
    /// # Errors
    /// [`io::ErrorKind::StorageFull`] is an honest answer while the log holds entries.
    fn append(&mut self, file: &mut dyn LogFile, payload: &[u8]) -> io::Result<()>;

    /// Makes everything appended so far durable: `Ok` is the acknowledgement.
    ///
    /// # Errors
    /// Then nothing new is acknowledged.
    fn commit(&mut self, file: &mut dyn LogFile) -> io::Result<()>;

    /// Forgets all entries, durably; the log goes on empty.
    ///
    /// # Errors
    /// [`io::ErrorKind::Unsupported`], the default, says that the log only grows: it is then never
    /// asked to forget.
    fn clear(&mut self, file: &mut dyn LogFile) -> io::Result<()> {
        let _ = file;
        Err(io::ErrorKind::Unsupported.into())
    }
}

/// How the file reaches the device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Mode {
    /// By way of a page cache.
    #[default]
    Cached,
    /// Past it (`O_DIRECT`): offsets and lengths are multiples of the sector size.
    Direct,
}

/// In which order length and data reach the medium.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Metadata {
    /// A length only after the bytes that it uncovers.
    #[default]
    Ordered,
    /// Any order: a length may uncover what the blocks held before.
    Writeback,
}

/// The file system below a log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct FileOptions {
    /// Page cache or not.
    pub mode: Mode,
    /// Order of length and data.
    pub metadata: Metadata,
}

/// There is no room for a file of that length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoRoom {
    /// Bytes the file would have.
    pub needed: u64,
    /// Bytes it can have.
    pub capacity: u64,
}

impl fmt::Display for NoRoom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a file of {} bytes does not fit in {}", self.needed, self.capacity)
    }
}

impl std::error::Error for NoRoom {}

impl From<NoRoom> for io::Error {
    fn from(error: NoRoom) -> Self {
        io::Error::new(io::ErrorKind::StorageFull, error)
    }
}

/// What a program sees of a device error; the error itself is inside.
#[must_use]
pub fn io_error(error: DeviceError) -> io::Error {
    let kind = match error {
        DeviceError::NoSpace(_) => io::ErrorKind::StorageFull,
        DeviceError::Misaligned { .. } | DeviceError::OutOfRange { .. } => {
            io::ErrorKind::InvalidInput
        }
        // std has no name for EIO.
        DeviceError::Unreadable(_) | DeviceError::Io(_) | DeviceError::PowerCut => {
            io::ErrorKind::Other
        }
    };
    io::Error::new(kind, error)
}

/// The device that a file stands on as the file's writer meets it: the kernel holds writes back in
/// memory and reorders them, whatever the device below promises. Only a flush is as good as the
/// device's. Without this, a log that never syncs would pass wherever completed means stable.
#[must_use]
pub fn under_page_cache(contract: &Contract) -> Contract {
    Contract {
        name: format!("{} + page cache", contract.name),
        order: CacheOrder::Any,
        ..contract.clone()
    }
}
