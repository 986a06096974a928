//! Clusters on demand: a file of any size as a stream of payloads for a campaign of runs.
//!
//! The one idea: run number k reads a stretch of its own, wherever the runs before it have got to:
//!
//! ```text
//! clusters   0 ........ 63 | 64 ....... 127 | 128 ...     behind the last one: from 0 again,
//! run        0             | 1              | 2           one cluster further on at each pass
//! ```
//!
//! A stretch gives payloads as [`super::from_file`] makes them: 48 bytes for each
//! content that the stretch has not shown before, whose offset is where the stretch found it. Where
//! a stretch is poor, such as a hole of zeros, the file's first payloads fill it up.
//!
//! Invariant: what a run gets follows from the file and the run's number alone, whoever reads, and
//! in whatever order. Memory is bounded whatever the file's size: no list of what earlier runs saw
//! is kept, only the first [`STRETCH`] payloads, and two clusters and [`STRETCH`] payloads for each
//! stretch being read; a stretch reads at most [`READS_MAX`] clusters, each by its position.
//!
//! What it is not: a snapshot. A file that changes during a campaign gives other payloads; the cases
//! carry theirs and do not care. One that shrinks is an error.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use super::from_file::{self, CLUSTER_BYTES, FromFileError, PAYLOAD_BYTES};
use super::{Op, Payloads, Workload};

/// Clusters from the beginning of one run's stretch to that of the next; payloads at most.
pub const STRETCH: usize = 64;

/// Clusters that a stretch reads at most: 16 MiB.
pub const READS_MAX: u64 = 256;

/// A file to take payloads from.
#[derive(Debug)]
pub struct Clusters {
    path: PathBuf,
    file: Mutex<File>,
    bytes: u64,
    /// Its first payloads.
    head: Vec<Vec<u8>>,
}

impl Clusters {
    /// Opens a file that has at least `distinct_min` clusters that differ.
    ///
    /// # Errors
    /// When it cannot be read or has no length, is empty, or is too poor.
    pub fn open(path: &Path, distinct_min: usize) -> Result<Clusters, FromFileError> {
        let head = from_file::read(path, STRETCH)?;
        if head.payloads.len() < distinct_min {
            return Err(head.too_few(path, distinct_min));
        }
        let failed = |source| FromFileError::Io { path: path.to_owned(), source };
        let mut file = File::open(path).map_err(failed)?;
        // The length of a disk is not in its metadata.
        let bytes = file.seek(SeekFrom::End(0)).map_err(failed)?;
        if bytes == 0 {
            return Err(FromFileError::Empty(path.to_owned()));
        }
        let head = head.payloads;
        Ok(Clusters { path: path.to_owned(), file: Mutex::new(file), bytes, head })
    }

    /// Clusters of the file, a last partial one included.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.bytes.div_ceil(CLUSTER_BYTES as u64)
    }

    /// What tells this file from another: its length, and a checksum of its first payloads.
    #[must_use]
    pub fn mark(&self) -> (u64, u32) {
        (self.bytes, journal_core::checksum::crc32c(&self.head.concat()))
    }

    /// The payloads of run number `run`, all different: as many as wanted, if the file has them,
    /// and [`STRETCH`] at most.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn stretch(&self, run: u64, wanted: usize) -> Result<Vec<Vec<u8>>, FromFileError> {
        let failed = |source| FromFileError::Io { path: self.path.clone(), source };
        let wanted = wanted.min(STRETCH);
        let mut found: Vec<Vec<u8>> = Vec::new();
        let mut cluster = vec![0; CLUSTER_BYTES];
        let mut before: Option<Vec<u8>> = None;
        let start = first_of(run, self.count());
        for step in 0..READS_MAX.min(self.count()) {
            if found.len() == wanted {
                return Ok(found);
            }
            let index = (start + step) % self.count();
            self.read(index, &mut cluster).map_err(failed)?;
            // As in `from_file`: a long hole costs a comparison and no hash.
            if before.as_ref() == Some(&cluster) {
                continue;
            }
            keep(&mut found, from_file::payload(index, &cluster));
            match &mut before {
                Some(before) => before.copy_from_slice(&cluster),
                None => before = Some(cluster.clone()),
            }
        }
        for payload in &self.head {
            if found.len() < wanted {
                keep(&mut found, payload.clone());
            }
        }
        Ok(found)
    }

    /// A workload with this run's payloads instead of its own.
    ///
    /// # Errors
    /// As [`Clusters::stretch`].
    pub fn feed(&self, run: u64, workload: Workload) -> Result<Workload, FromFileError> {
        let payloads = self.stretch(run, workload.entries())?;
        Ok(fed(workload, payloads))
    }

    /// Reads a cluster by its position; a last partial one is filled up with zeros.
    fn read(&self, index: u64, into: &mut [u8]) -> io::Result<()> {
        let at = index * CLUSTER_BYTES as u64;
        let (data, rest) = into.split_at_mut((self.bytes - at).min(CLUSTER_BYTES as u64) as usize);
        let mut file = self.file.lock().expect("no reader panics while it reads");
        file.seek(SeekFrom::Start(at))?;
        file.read_exact(data)?;
        rest.fill(0);
        Ok(())
    }
}

/// The first cluster of a run's stretch. Each pass through the file begins one cluster later than
/// the pass before, so that every cluster comes first some time.
fn first_of(run: u64, count: u64) -> u64 {
    let far = u128::from(run) * STRETCH as u128;
    let count = u128::from(count);
    ((far + far / count) % count) as u64
}

/// Adds a payload unless its content is there.
fn keep(found: &mut Vec<Vec<u8>>, payload: Vec<u8>) {
    if found.iter().all(|known| known[..32] != payload[..32]) {
        found.push(payload);
    }
}

/// The same script with given payloads. Two entries with the same bytes could not be told apart:
/// where there are fewer payloads than entries, each script keeps its first appends.
fn fed(mut workload: Workload, mut payloads: Vec<Vec<u8>>) -> Workload {
    let entries = workload.entries();
    let scripts = workload.lives.len() + usize::from(!workload.before.is_empty());
    let most = if payloads.len() < entries { payloads.len() / scripts } else { entries };
    let lives = workload.lives.iter_mut().map(|life| &mut life.ops);
    for ops in lives.chain([&mut workload.before]) {
        let mut left = most;
        ops.retain_mut(|op| {
            let Op::Append(bytes) = op else { return true };
            *bytes = PAYLOAD_BYTES as u32;
            let keep = left > 0;
            left = left.saturating_sub(1);
            keep
        });
    }
    payloads.truncate(workload.entries());
    workload.payloads = Payloads::Given(payloads);
    workload
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::io::Write;

    use super::*;
    use crate::workload::{Identity, Life};
    use journal_core::Survivors;

    /// A file whose clusters are filled with these numbers, the last one partial.
    fn file(clusters: &[u32]) -> tempfile::NamedTempFile {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        for (i, number) in clusters.iter().enumerate() {
            let bytes = number.to_le_bytes().repeat(CLUSTER_BYTES / 4);
            let last = i + 1 == clusters.len();
            file.write_all(&bytes[..if last { 400 } else { CLUSTER_BYTES }]).unwrap();
        }
        file
    }

    fn index(payload: &[u8]) -> u64 {
        u64::from_be_bytes(payload[40..].try_into().unwrap())
    }

    #[test]
    fn runs_stream_the_whole_file_and_begin_elsewhere_at_each_pass() {
        let file = file(&(0..150).collect::<Vec<_>>());
        let clusters = Clusters::open(file.path(), 4).unwrap();
        assert_eq!(clusters.count(), 150);
        let run = |k| clusters.stretch(k, 64).unwrap();
        let mut seen = BTreeSet::new();
        for k in 0..3 {
            assert_eq!(run(k).len(), 64);
            seen.extend(run(k).iter().map(|payload| index(payload)));
        }
        assert_eq!(seen.len(), 150, "three stretches cover the file, the partial cluster too");
        assert_eq!(index(&run(2)[0]), 128);
        assert_eq!(index(&run(2)[22]), 0, "behind the end it goes on at the beginning");
        // Lengths that a stretch divides would begin at the same places for ever.
        let firsts: BTreeSet<u64> = (0..64 * 128).map(|k| first_of(k, 128)).collect();
        assert_eq!(firsts.len(), 128);
        assert!(first_of(u64::MAX, u64::MAX) < u64::MAX);
    }

    #[test]
    fn a_stretch_gives_the_payloads_that_the_whole_file_gives() {
        let file = file(&[7, 8, 7, 7, 9, 10]);
        let whole = from_file::read(file.path(), 9).unwrap().payloads;
        let clusters = Clusters::open(file.path(), 4).unwrap();
        assert_eq!(clusters.stretch(0, 9).unwrap(), whole);
        assert_eq!(clusters.stretch(0, 2).unwrap(), whole[..2]);
    }

    #[test]
    fn a_hole_is_filled_up_with_the_first_payloads_of_the_file() {
        let mut content: Vec<u32> = (1..=10).collect();
        content.resize(600, 0);
        let file = file(&content);
        let clusters = Clusters::open(file.path(), 4).unwrap();
        // Run 2 begins at cluster 128, and 256 reads later it is still in the hole.
        let found = clusters.stretch(2, 5).unwrap();
        assert_eq!(found.iter().map(|p| index(p)).collect::<Vec<_>>(), [128, 0, 1, 2, 3]);
        assert_eq!(clusters.stretch(2, 64).unwrap().len(), 11, "and no content twice");
    }

    #[test]
    fn a_poor_file_is_refused_and_one_that_shrinks_is_an_error() {
        let poor = file(&[1, 1, 1]);
        let said = Clusters::open(poor.path(), 3).unwrap_err().to_string();
        assert!(said.contains("at least 3 clusters of 64 KiB that differ"), "{said}");
        let file = file(&[1, 2, 3]);
        let clusters = Clusters::open(file.path(), 2).unwrap();
        file.as_file().set_len(10).unwrap();
        assert!(matches!(clusters.stretch(0, 3), Err(FromFileError::Io { .. })));
    }

    #[test]
    fn entries_beyond_the_payloads_are_left_out_so_that_no_two_are_alike() {
        let ops = [Op::Append(9), Op::Append(8), Op::Commit, Op::Append(7), Op::Commit];
        let workload = Workload {
            before: ops.to_vec(),
            lives: vec![Life { resume: Survivors::Carry, ops: ops.to_vec() }; 2],
            identity: Identity::Fresh,
            payloads: Payloads::Generated,
        };
        let payloads = |n: u8| vec![vec![0; PAYLOAD_BYTES]; n.into()];
        let all = fed(workload.clone(), payloads(20));
        assert_eq!(all.entries(), 9);
        assert_eq!(all.payloads, Payloads::Given(payloads(9)));
        let some = fed(workload, payloads(4));
        assert_eq!(some.lives[1].ops, [Op::Append(48), Op::Commit, Op::Commit]);
        assert_eq!(some.payloads, Payloads::Given(payloads(3)), "one for each of three scripts");
    }
}
