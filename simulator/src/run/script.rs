//! The client of a journal: carries out a workload and keeps the ledger.
//!
//! The one idea: what is owed follows from what the client was told, so the one who calls the
//! journal is the one who writes the ledger, before and after each call.
//!
//! Invariant: an entry that may have reached the disk is in the ledger; one that was refused before
//! anything was written is not.
//!
//! What it is not: a judge. An error is handed on; what it means is for the run.

use journal_core::{DeviceError, Error, Journal};

use super::{Event, Watch};
use crate::disk::{Disk, Live};
use crate::oracle::Ledger;
use crate::workload::{Identity, Op, Workload};

/// The client.
pub(super) struct Script<'a> {
    workload: &'a Workload,
    pub ledger: &'a mut Ledger,
    /// An append failed after it had written: its entry may come back or not.
    pub half_appended: bool,
}

impl<'a> Script<'a> {
    pub fn new(workload: &'a Workload, ledger: &'a mut Ledger) -> Self {
        Script { workload, ledger, half_appended: false }
    }

    #[inline]
    pub fn step<J: Journal>(
        &mut self,
        journal: &mut J,
        device: &mut Live<'_>,
        op: Op,
    ) -> Result<(), Error> {
        let calls = device.disk().calls();
        match op {
            Op::Append(bytes) => {
                let key = match self.workload.identity {
                    Identity::Fresh => self.ledger.sent.len() as u32,
                    Identity::SameAgain => self.ledger.next_place(),
                };
                let payload = self.workload.payloads.get(key, bytes);
                self.ledger.append_begins(key, payload.len() as u32, calls);
                match journal.append(device, payload) {
                    Ok(lsn) => {
                        let before = self.ledger.newest_name(1);
                        self.ledger.append_returns(lsn);
                        match before {
                            Some(before) if before >= lsn => Err(Error::Other(format!(
                                "append: expected a name above {before}, found {lsn}"
                            ))),
                            _ => Ok(()),
                        }
                    }
                    Err(Error::Device(DeviceError::PowerCut)) => {
                        Err(Error::Device(DeviceError::PowerCut))
                    }
                    Err(error) => {
                        // Refused before anything was written: there is no such entry. Otherwise
                        // parts of it may have reached the disk, and it may come back.
                        if device.disk().calls() == calls {
                            self.ledger.append_refused();
                        } else {
                            self.half_appended = true;
                        }
                        Err(error)
                    }
                }
            }
            Op::EndGroup => {
                self.ledger.group_ends();
                journal.end_group(device)
            }
            Op::Commit => {
                let upto = journal.commit(device)?;
                self.ledger.acknowledged(upto, device.disk().calls());
                // What is not acknowledged is not owed: to leave out the last entry is no escape.
                match self.ledger.newest_name(0) {
                    Some(newest) if newest > upto => Err(Error::Other(format!(
                        "commit: expected to acknowledge {newest}, found {upto}"
                    ))),
                    _ => Ok(()),
                }
            }
            Op::Checkpoint(keep) => {
                let release = self.ledger.acked().saturating_sub(keep);
                let Some(last) = release.checked_sub(1) else { return Ok(()) };
                let sent = self.ledger.log[last as usize];
                let Some(lsn) = self.ledger.sent[sent as usize].lsn else { return Ok(()) };
                self.ledger.release_begins(release, calls);
                journal.checkpoint(device, lsn)
            }
        }
    }
}

/// Tells the watch of an operation, if anybody watches.
pub(super) fn tell(
    watch: &mut Option<Watch<'_>>,
    (disk, ledger): (&Disk, &Ledger),
    (op, before): (Op, u32),
    outcome: &Result<(), Error>,
) {
    let Some(watch) = watch else { return };
    let name = ledger.sent.last().and_then(|sent| sent.lsn).map(|lsn| lsn.0);
    let name = if matches!(op, Op::Append(_)) { name } else { None };
    let outcome = outcome.as_ref().map(|()| name);
    watch(disk, ledger, Event::Does { op, outcome, calls: (before, disk.calls()) });
}
