//! What a journal costs: counted, not estimated.
//!
//! Method. One undisturbed life on the simulated disk, watched: what the disk was asked to do
//! between the first operation and the end of the life. The life is long enough (see [`ENTRIES`])
//! that what is paid once does not hide what is paid for every entry.
//!
//! Invariant: format, first open and first resume are not in the figures; everything after is.
//!
//! What it is not: time. Bytes, commands and flushes are the same everywhere, durations are not.

use std::collections::BTreeSet;

use super::model::{CostRow, Ratio};
use crate::case::{Case, CaseError};
use crate::disk::{Disk, Traffic};
use crate::run::Event;
use crate::workload::Op;

/// Entries of the life that is counted.
pub const ENTRIES: u32 = 64;

/// Bytes of its device: room for every format, so that no lap ends and nothing is refused.
pub const DEVICE_BYTES: u64 = 1 << 20;

#[derive(Default)]
struct Counted {
    first_call: u32,
    traffic: Traffic,
    taken: u64,
    payload_bytes: u64,
    commits: u64,
    /// Entries that the next commit makes durable.
    pending: u64,
    rewritten: u64,
    sectors: u64,
    shape: (u32, u32),
}

impl Counted {
    fn look(&mut self, disk: &Disk) {
        self.traffic = disk.traffic();
        let geometry = disk.geometry();
        self.shape = (geometry.logical_bytes, geometry.physical_bytes);
        let mut seen = BTreeSet::new();
        let mut written = 0;
        for command in disk.commands().iter().filter(|c| c.call >= self.first_call) {
            written += u64::from(command.sectors);
            seen.extend(command.lba.0..command.lba.0 + u64::from(command.sectors));
        }
        self.sectors = seen.len() as u64;
        self.rewritten = written - self.sectors;
    }
}

/// Counts the first life of a case, which is run without decisions.
///
/// # Errors
/// When the case makes no sense on its device.
pub fn count(case: &Case) -> Result<CostRow, CaseError> {
    let case = Case { decisions: Vec::new(), device_bytes: DEVICE_BYTES, ..case.clone() };
    let mut counted = Counted::default();
    let mut over = false;
    case.run(Some(&mut |disk, ledger, event| match event {
        Event::LifeBegins(0) => counted.first_call = disk.calls(),
        Event::Does { op, outcome: Ok(_), .. } if !over => match op {
            Op::Append(_) => {
                counted.taken += 1;
                counted.pending += 1;
                counted.payload_bytes += ledger.sent.last().map_or(0, |s| u64::from(s.bytes));
            }
            Op::Commit => {
                counted.commits += u64::from(counted.pending > 0);
                counted.pending = 0;
            }
            _ => {}
        },
        Event::Cut(_) if !over => {
            over = true;
            counted.look(disk);
        }
        _ => {}
    }))?;
    let per_entry = |of| Ratio::new(of, counted.taken);
    let per_commit = |of| Ratio::new(of, counted.commits);
    let per_byte = |of| Ratio::new(of, counted.payload_bytes);
    let traffic = counted.traffic;
    Ok(CostRow {
        journal: case.journal,
        logical_bytes: counted.shape.0,
        physical_bytes: counted.shape.1,
        entries: counted.taken,
        payload_bytes: counted.payload_bytes,
        commits: counted.commits,
        bytes_per_entry: per_entry(traffic.bytes_written),
        write_amplification: per_byte(traffic.bytes_written),
        flushes_per_commit: per_commit(traffic.flushes),
        fua_per_commit: per_commit(traffic.fua_writes),
        rewritten_per_entry: per_entry(counted.rewritten),
        overwritten_per_entry: per_entry(traffic.sectors_rewritten),
        reads_per_entry: per_entry(traffic.reads),
        space: per_byte(counted.sectors * u64::from(counted.shape.0)),
    })
}
