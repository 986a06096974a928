//! Payloads from a file: the deduplication journal that the RFC wanted, fed by a real image.
//!
//! The one idea: the file is read in clusters of 64 KiB, qcow2's default, and each content that was
//! not seen before gives one TYPE_HASH payload of the RFC:
//!
//! ```text
//! offset  bytes
//!      0     32  SHA-256 of the cluster
//!     32      8  physical offset, big-endian: where in the file the content lies first, bytes
//!     40      8  first logical cluster index, big-endian: that offset in clusters
//! ```
//!
//! A cluster whose content was seen before gives no payload, as deduplication writes no new hash
//! for it. A last, partial cluster counts as if filled up with zeros, which is how qcow2 reads
//! behind the end of its file.
//!
//! Invariant: the same file gives the same payloads, all different. Memory is bounded by the number
//! of payloads asked for, never by the size of the file, and at most [`CLUSTERS_MAX`] clusters are
//! read, so that a huge sparse file is an answer and not an endless wait.
//!
//! What it is not: a reader of qcow2. The file's bytes are taken as they are.

use std::collections::HashSet;
use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

/// Bytes of a cluster.
pub const CLUSTER_BYTES: usize = 64 * 1024;

/// Bytes of a payload.
pub const PAYLOAD_BYTES: usize = 48;

/// Clusters read at most: 4 GiB.
pub const CLUSTERS_MAX: u64 = 1 << 16;

/// The payloads of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FromFile {
    /// In the order of their first clusters.
    pub payloads: Vec<Vec<u8>>,
    /// Clusters read to find them.
    pub clusters: u64,
    /// Whether the file was read to its end.
    pub complete: bool,
}

impl FromFile {
    /// That these are too few.
    #[must_use]
    pub fn too_few(self, path: &Path, wanted: usize) -> FromFileError {
        FromFileError::TooFew { path: path.to_owned(), wanted, found: self }
    }
}

/// Why a file gives no payloads.
#[derive(Debug)]
pub enum FromFileError {
    /// It cannot be read.
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It holds nothing.
    Empty(PathBuf),
    /// Too few of its clusters differ.
    TooFew {
        /// The file.
        path: PathBuf,
        /// Payloads wanted.
        wanted: usize,
        /// What there was instead.
        found: FromFile,
    },
}

impl fmt::Display for FromFileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FromFileError::Io { path, source } => {
                write!(f, "cannot read payloads from {}: {source}", path.display())
            }
            FromFileError::Empty(path) => write!(
                f,
                "no payloads in {}: expected at least one byte, found an empty file",
                path.display()
            ),
            FromFileError::TooFew { path, wanted, found } => {
                let read = if found.complete { "the whole file" } else { "its first 4 GiB" };
                write!(
                    f,
                    "{}: expected at least {wanted} clusters of 64 KiB that differ, found {} among \
                     {} ({read} was read)",
                    path.display(),
                    found.payloads.len(),
                    found.clusters
                )
            }
        }
    }
}

impl std::error::Error for FromFileError {}

/// The first `payloads_max` payloads of a file.
///
/// # Errors
/// When the file cannot be read, is no regular file or device, or is empty.
pub fn read(path: &Path, payloads_max: usize) -> Result<FromFile, FromFileError> {
    let failed = |source| FromFileError::Io { path: path.to_owned(), source };
    let file = File::open(path).map_err(failed)?;
    if file.metadata().map_err(failed)?.is_dir() {
        return Err(failed(io::ErrorKind::IsADirectory.into()));
    }
    let found = payloads(file, payloads_max).map_err(failed)?;
    if found.clusters == 0 && payloads_max > 0 {
        return Err(FromFileError::Empty(path.to_owned()));
    }
    Ok(found)
}

/// As [`read`], from any reader.
///
/// # Errors
/// The reader's.
pub fn payloads(from: impl Read, payloads_max: usize) -> io::Result<FromFile> {
    within(from, payloads_max, CLUSTERS_MAX)
}

fn within(mut from: impl Read, payloads_max: usize, clusters_max: u64) -> io::Result<FromFile> {
    let mut found = FromFile { payloads: Vec::new(), clusters: 0, complete: false };
    let mut seen: HashSet<Vec<u8>> = HashSet::new();
    let mut cluster = vec![0; CLUSTER_BYTES];
    let mut before: Option<Vec<u8>> = None;
    while found.payloads.len() < payloads_max && found.clusters < clusters_max {
        let filled = fill(&mut from, &mut cluster)?;
        if filled == 0 {
            found.complete = true;
            break;
        }
        cluster[filled..].fill(0);
        let index = found.clusters;
        found.clusters += 1;
        // Long stretches of one content, such as holes, cost a comparison and no hash.
        if before.as_ref() != Some(&cluster) {
            let payload = payload(index, &cluster);
            if seen.insert(payload[..32].to_vec()) {
                found.payloads.push(payload);
            }
            match &mut before {
                Some(before) => before.copy_from_slice(&cluster),
                None => before = Some(cluster.clone()),
            }
        }
        if filled < CLUSTER_BYTES {
            found.complete = true;
            break;
        }
    }
    Ok(found)
}

/// The payload of the cluster of this index.
pub(super) fn payload(index: u64, cluster: &[u8]) -> Vec<u8> {
    let mut payload = Sha256::digest(cluster).to_vec();
    payload.extend_from_slice(&(index * CLUSTER_BYTES as u64).to_be_bytes());
    payload.extend_from_slice(&index.to_be_bytes());
    payload
}

/// Reads until `into` is full or the file ends.
fn fill(from: &mut impl Read, into: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < into.len() {
        match from.read(&mut into[filled..]) {
            Ok(0) => break,
            Ok(n) => filled += n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_is_hash_offset_and_index_and_repeats_give_none() {
        let mut bytes = vec![1; CLUSTER_BYTES];
        bytes.extend(vec![2; CLUSTER_BYTES]);
        bytes.extend(vec![1; CLUSTER_BYTES]);
        bytes.extend(vec![3; 10]);
        let found = payloads(&bytes[..], 9).unwrap();
        assert_eq!((found.clusters, found.complete), (4, true));
        assert_eq!(found.payloads.len(), 3, "the third cluster repeats the first");
        let last = &found.payloads[2];
        assert_eq!(last.len(), PAYLOAD_BYTES);
        let mut padded = vec![3; 10];
        padded.resize(CLUSTER_BYTES, 0);
        assert_eq!(last[..32], Sha256::digest(&padded)[..], "filled up with zeros");
        assert_eq!(last[32..40], (3 * CLUSTER_BYTES as u64).to_be_bytes());
        assert_eq!(last[40..], 3u64.to_be_bytes());
    }

    #[test]
    fn reading_stops_at_what_was_asked_for_and_at_the_cap() {
        let found = payloads(io::repeat(7), 1).unwrap();
        assert_eq!((found.payloads.len(), found.clusters, found.complete), (1, 1, false));
        let found = within(io::repeat(7), 2, 40).unwrap();
        assert_eq!((found.payloads.len(), found.clusters), (1, 40));
        assert!(!found.complete, "an endless file is told apart from one that ended");
    }

    #[test]
    fn an_empty_file_is_refused_by_name() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let said = read(file.path(), 4).unwrap_err().to_string();
        assert!(said.contains("empty file"), "{said}");
    }
}
