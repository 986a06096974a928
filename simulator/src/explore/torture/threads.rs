//! Blocks on all cores, handed on in order.
//!
//! The one idea: workers take the next block and work; one thread, the caller's, takes what they
//! have done, puts it in order, and hands it on. It alone writes to disks, so a worker never waits
//! for one, and while it waits more blocks come together and are handed on at once.
//!
//! Invariant: what is handed on are the shard's blocks in order, each once, and none is left out: after
//! a stop what was begun is finished and handed on.
//!
//! What it is not: deterministic in how many blocks come at once. What they add up to is.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, mpsc};

use super::Plan;
use super::finding::Fingerprint;
use super::run::{Block, block};
use super::totals::Totals;
use crate::workload::from_file::FromFileError;

/// Findings that need not be looked at again: failures of blocks that were handed on.
#[derive(Debug, Default)]
pub struct Known(Mutex<BTreeMap<Fingerprint, (u64, u32)>>);

impl Known {
    /// Learns all findings of these totals.
    pub fn learn(&self, totals: &Totals) {
        let mut known = self.0.lock().expect("nobody panics with the list");
        for (&fingerprint, spot) in &totals.findings {
            known.insert(fingerprint, (spot.run, spot.leaf));
        }
    }

    /// Whether a failure at this place, or before it, is known.
    #[must_use]
    pub fn has(&self, fingerprint: Fingerprint, place: (u64, u32)) -> bool {
        let known = self.0.lock().expect("nobody panics with the list");
        known.get(&fingerprint).is_some_and(|known| *known <= place)
    }
}

/// Why it ended before the last block.
#[derive(Debug)]
pub enum Ended<E> {
    /// The file that payloads come from cannot be read any more.
    Payloads(FromFileError),
    /// The one who takes blocks could not.
    Taken(E),
}

/// Blocks that wait to be taken, at most, for each worker.
const WAITING: usize = 8;

/// Runs the shard's blocks behind the first `done` ones on so many threads, until they are done or
/// `stop` says so, and hands them to `take`, some at a time.
///
/// # Errors
/// See [`Ended`]; blocks that were handed on before are done.
pub fn blocks<E>(
    plan: &Plan,
    jobs: usize,
    done: u64,
    known: &Known,
    stop: &(dyn Fn() -> bool + Sync),
    take: &mut dyn FnMut(Vec<Block>) -> Result<(), E>,
) -> Result<(), Ended<E>> {
    let jobs = jobs.max(1);
    let (next, last) = (AtomicU64::new(done), plan.own_blocks());
    let ended = AtomicBool::new(false);
    let (send, receive) = mpsc::sync_channel(WAITING * jobs);
    std::thread::scope(|scope| {
        for _ in 0..jobs {
            let send = send.clone();
            scope.spawn({
                let (next, ended) = (&next, &ended);
                move || {
                    while !ended.load(Ordering::Relaxed) && !stop() {
                        let nth = next.fetch_add(1, Ordering::Relaxed);
                        if nth >= last {
                            break;
                        }
                        let one = block(plan, plan.nth_block(nth), known);
                        let failed = one.is_err();
                        if send.send((nth, one)).is_err() || failed {
                            break;
                        }
                    }
                }
            });
        }
        drop(send);
        let result = in_order(done, &receive, take);
        // Whoever still works finds nobody to give it to, and ends.
        ended.store(true, Ordering::Relaxed);
        drop(receive);
        result
    })
}

type Sent = (u64, Result<Block, FromFileError>);

/// Takes blocks as they come, and hands them on as soon as all before them are there.
fn in_order<E>(
    done: u64,
    receive: &mpsc::Receiver<Sent>,
    take: &mut dyn FnMut(Vec<Block>) -> Result<(), E>,
) -> Result<(), Ended<E>> {
    let mut wanted = done;
    let mut early: BTreeMap<u64, Block> = BTreeMap::new();
    while let Ok(first) = receive.recv() {
        for (nth, block) in std::iter::once(first).chain(receive.try_iter()) {
            early.insert(nth, block.map_err(Ended::Payloads)?);
        }
        let mut ready = Vec::new();
        while let Some(block) = early.remove(&wanted) {
            ready.push(block);
            wanted += 1;
        }
        if !ready.is_empty() {
            take(ready).map_err(Ended::Taken)?;
        }
    }
    Ok(())
}
