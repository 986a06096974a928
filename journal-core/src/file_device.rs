//! A real file, or a block device, as a device of sectors (feature `std`).
//!
//! The one idea: a sector is a stretch of the file at its own offset, and nothing is kept in memory:
//! a write is in the operating system's hands when it returns, and on the medium after
//! [`BlockDevice::flush`] (`fdatasync`).
//!
//! | asked | done | a failure is |
//! |---|---|---|
//! | read | read at the offset, until all is there | end of file: `Io`, at the first sector that is missing; EIO: `Unreadable`, at the first sector that cannot be read alone; else `Io` |
//! | write, cached | written at the offset, until all is taken | no room (disk, quota, file size): `NoSpace`, at the sector that did not fit; else `Io` |
//! | the same byte over many sectors | as writes, in pieces | the same |
//! | write, FUA | as cached, and then `fdatasync` once for the call | the same |
//! | flush | `fdatasync` | `Io` at LBA 0: which write was lost is not told |
//! | discard | nothing: contents are unspecified afterwards | - |
//!
//! Invariant: the size is fixed when the file is made, and all of it is written then, so a disk that
//! is full says so at once and not in the middle of a commit (file systems that copy on write, thin
//! devices and quotas may still). What the system said last stays readable in
//! [`FileDevice::failure`], since a [`DeviceError`] has no room for it.
//!
//! What it is not: a cache, or a lock. Two programs on one file are the caller's affair. After a failed
//! flush a second one may succeed although data is gone: journals here are poisoned by the first.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Seek, SeekFrom, Write as _};
use std::path::Path;

use alloc::format;
use alloc::string::String;
use alloc::vec;

use crate::device::{BlockDevice, DeviceError, Durability, Geometry, Lba, Write};

/// What the system said when it could not do what was asked.
#[derive(Debug)]
pub struct Failure {
    /// What was being done.
    pub doing: &'static str,
    /// Where, in bytes from the start of the file; none for a flush.
    pub at_bytes: Option<u64>,
    /// The system's words.
    pub source: io::Error,
}

impl core::fmt::Display for Failure {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self.at_bytes {
            Some(at) => write!(f, "{} at byte {at}: {}", self.doing, self.source),
            None => write!(f, "{}: {}", self.doing, self.source),
        }
    }
}

/// A device on a file.
#[derive(Debug)]
pub struct FileDevice {
    file: File,
    geometry: Geometry,
    failure: Option<Failure>,
}

/// EIO, by the number that it has on every Unix.
const EIO: i32 = 5;

/// Bytes written at once when a file is made.
const FILL_BYTES: usize = 1 << 20;

fn invalid(said: String) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, said)
}

impl FileDevice {
    /// Makes a file of zeros, all of it written and on the medium.
    ///
    /// # Errors
    /// When there is such a file already, or the system does not let it; a file that could not be
    /// filled is removed again.
    pub fn create(path: &Path, geometry: Geometry) -> io::Result<FileDevice> {
        let mut file = OpenOptions::new().read(true).write(true).create_new(true).open(path)?;
        let filled = fill(&mut file, geometry.bytes());
        if let Err(error) = filled {
            drop(file);
            let _ = std::fs::remove_file(path);
            return Err(error);
        }
        Ok(FileDevice { file, geometry, failure: None })
    }

    /// Opens a file or a block device. Its length is asked by seeking, since the metadata of a block
    /// device do not tell it.
    ///
    /// # Errors
    /// When the system does not let it; [`ErrorKind::InvalidData`] where the length is not a whole
    /// number of sectors above zero.
    pub fn open(path: &Path, logical_bytes: u32, physical_bytes: u32) -> io::Result<FileDevice> {
        let mut file = OpenOptions::new().read(true).write(true).open(path)?;
        let bytes = file.seek(SeekFrom::End(0))?;
        let sector = u64::from(logical_bytes);
        if bytes == 0 || !bytes.is_multiple_of(sector) {
            return Err(invalid(format!(
                "expected a whole number of {sector}-byte sectors, found {bytes} bytes"
            )));
        }
        let geometry = Geometry { logical_bytes, physical_bytes, sectors: bytes / sector };
        Ok(FileDevice { file, geometry, failure: None })
    }

    /// A device of this shape over a file that is open already, whatever its length.
    #[must_use]
    pub fn over(file: File, geometry: Geometry) -> FileDevice {
        FileDevice { file, geometry, failure: None }
    }

    /// What the system said when something last failed.
    #[must_use]
    pub fn failure(&self) -> Option<&Failure> {
        self.failure.as_ref()
    }

    fn offset(&self, at: Lba) -> u64 {
        at.0 * u64::from(self.geometry.logical_bytes)
    }

    /// The sector `done` bytes behind `at`.
    fn sector_at(&self, at: Lba, done: usize) -> Lba {
        at.plus(done as u64 / u64::from(self.geometry.logical_bytes))
    }

    fn failed(&mut self, doing: &'static str, at_bytes: Option<u64>, source: io::Error) {
        self.failure = Some(Failure { doing, at_bytes, source });
    }

    /// Reads until `into` is full; on failure says how many bytes were there before it.
    fn fetch(&mut self, from: u64, into: &mut [u8]) -> Result<(), (usize, io::Error)> {
        let mut done = 0;
        while done < into.len() {
            match read_at(&self.file, from + done as u64, &mut into[done..]) {
                Ok(0) => {
                    let end = format!("the file ends at byte {}", from + done as u64);
                    return Err((done, io::Error::new(ErrorKind::UnexpectedEof, end)));
                }
                Ok(more) => done += more,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err((done, error)),
            }
        }
        Ok(())
    }

    /// The first sector of a read that cannot be read alone.
    fn first_lost(&mut self, at: Lba, into: &mut [u8]) -> Option<Lba> {
        let sector = self.geometry.logical_bytes as usize;
        for (index, one) in (0..).zip(into.chunks_exact_mut(sector)) {
            let lba = at.plus(index);
            if self.fetch(self.offset(lba), one).is_err() {
                return Some(lba);
            }
        }
        None
    }

    fn put(&mut self, at: Lba, data: &[u8]) -> Result<(), DeviceError> {
        let from = self.offset(at);
        let mut done = 0;
        while done < data.len() {
            match write_at(&self.file, from + done as u64, &data[done..]) {
                Ok(more) if more > 0 => done += more,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                other => {
                    let error = match other {
                        Ok(_) => io::Error::new(ErrorKind::WriteZero, "nothing was taken"),
                        Err(error) => error,
                    };
                    let lba = self.sector_at(at, done);
                    let room = matches!(
                        error.kind(),
                        ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge
                    );
                    self.failed("cannot write", Some(from + done as u64), error);
                    let failed = if room { DeviceError::NoSpace } else { DeviceError::Io };
                    return Err(failed(lba));
                }
            }
        }
        Ok(())
    }
}

/// Writes zeros over the whole length, and has them on the medium.
fn fill(file: &mut File, bytes: u64) -> io::Result<()> {
    let zeros = vec![0; FILL_BYTES];
    let mut left = bytes;
    while left > 0 {
        let now = left.min(FILL_BYTES as u64);
        file.write_all(&zeros[..now as usize])?;
        left -= now;
    }
    file.sync_all()
}

#[cfg(unix)]
fn read_at(file: &File, from: u64, into: &mut [u8]) -> io::Result<usize> {
    std::os::unix::fs::FileExt::read_at(file, into, from)
}

#[cfg(unix)]
fn write_at(file: &File, from: u64, data: &[u8]) -> io::Result<usize> {
    std::os::unix::fs::FileExt::write_at(file, data, from)
}

#[cfg(not(unix))]
fn read_at(mut file: &File, from: u64, into: &mut [u8]) -> io::Result<usize> {
    file.seek(SeekFrom::Start(from))?;
    io::Read::read(&mut file, into)
}

#[cfg(not(unix))]
fn write_at(mut file: &File, from: u64, data: &[u8]) -> io::Result<usize> {
    file.seek(SeekFrom::Start(from))?;
    io::Write::write(&mut file, data)
}

impl BlockDevice for FileDevice {
    fn geometry(&self) -> Geometry {
        self.geometry
    }

    fn read(&mut self, at: Lba, into: &mut [u8]) -> Result<(), DeviceError> {
        self.geometry.access(at, into.len())?;
        let from = self.offset(at);
        let Err((done, error)) = self.fetch(from, into) else { return Ok(()) };
        let medium = error.raw_os_error() == Some(EIO);
        self.failed("cannot read", Some(from + done as u64), error);
        let here = self.sector_at(at, done);
        if medium {
            // One bad sector must not take its neighbours along: recovery reads those one by one.
            return match self.first_lost(at, into) {
                Some(lba) => Err(DeviceError::Unreadable(lba)),
                None => Ok(()),
            };
        }
        Err(DeviceError::Io(here))
    }

    fn write(&mut self, writes: &[Write<'_>]) -> Result<(), DeviceError> {
        for write in writes {
            self.geometry.access(write.at, write.data.len())?;
        }
        for write in writes {
            self.put(write.at, write.data)?;
        }
        match writes.iter().any(|write| write.durability == Durability::Fua) {
            true => self.flush(),
            false => Ok(()),
        }
    }

    fn flush(&mut self) -> Result<(), DeviceError> {
        self.file.sync_data().map_err(|error| {
            let room = matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded);
            self.failed("cannot flush", None, error);
            if room { DeviceError::NoSpace(Lba(0)) } else { DeviceError::Io(Lba(0)) }
        })
    }

    fn discard(&mut self, at: Lba, sectors: u64) -> Result<(), DeviceError> {
        let have = self.geometry.sectors;
        match at.0.checked_add(sectors) {
            Some(end) if end <= have => Ok(()),
            _ => Err(DeviceError::OutOfRange { at, sectors, have }),
        }
    }
}
