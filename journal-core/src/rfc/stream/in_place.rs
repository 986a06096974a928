//! Living on without a new generation: in a line, and in a ring that keeps its mark.
//!
//! The one idea: the log goes on where recovery found its end. What lies behind it is still there
//! and still means something, unless the strategy clears; without, this is the stale suffix (F4):
//! 1. entries A B C are appended in three sectors, none committed; the power goes;
//! 2. A and C persisted, B did not: recovery shows A and stops;
//! 3. the caller carries on: D, as long as B, goes where B was, is committed, and the power goes;
//! 4. recovery shows A D C: C, which recovery had declared lost, is back.
//!
//! | tail | what becomes of the unit that the log ends in |
//! |---|---|
//! | rewrite | stays open; clearing, it is written with FF behind the log |
//! | padded | is filled up, in place: the one time that such a unit is written again |
//! | ping-pong | is written to its place, then both slots are wiped |
//!
//! The slots of a ping-pong journal go first, in any case:
//! 1. the newer slot speaks of a unit that lies behind one that never reached its place;
//! 2. recovery ends in the older slot, which the next commit would write over;
//! 3. and as soon as the missing unit is there, the newer slot counts again.
//!
//! Invariant: what open handed out is durable when this returns, and readable all along.
//!
//! What it is not: sound wherever a write may damage its sector, but for ping-pong.

use crate::device::{BlockDevice, Durability};
use crate::journal::Error;
use crate::rfc::entry::CLUSTER_BYTES;
use crate::rfc::strategy::TailWrite;

use super::StreamJournal;
use super::recover::Log;

const CLUSTER: usize = CLUSTER_BYTES as usize;

impl StreamJournal {
    pub(super) fn stay_in_place(&mut self, device: &mut dyn BlockDevice) -> Result<(), Error> {
        let clears = self.options.reuse.clears_after_unclean;
        let here = self.at.in_cluster();
        let rewrites = self.options.tail == TailWrite::Rewrite;
        let unit = if rewrites { self.area.sector_bytes as usize } else { self.unit_bytes() };
        let from = here / unit * unit;
        // A line that does not clear keeps what it found behind its end: R9.
        let keeps = !(self.area.ring || clears || !rewrites);
        self.read_tail(device, (from, if keeps { self.area.ceil(here) } else { here }))?;
        // After a crash of the program alone, what was shown may still be in the disk's cache.
        device.flush()?;
        if keeps {
            self.known = self.area.ceil(here);
        } else {
            self.image.resize(CLUSTER, 0xff);
            self.image[here..].fill(0xff);
            self.known = CLUSTER;
        }
        self.written = from;
        if self.options.tail == TailWrite::PingPong {
            if from < here {
                self.write_image(device, from, here, Durability::Cached)?;
                device.flush()?;
            }
            self.area.erase_slots(device, &self.options)?;
            device.flush()?;
            self.slot_number = 0;
        }
        if clears {
            if rewrites && from < here {
                self.write_image(device, from, here, Durability::Cached)?;
            }
            self.wipe_behind(device, here.next_multiple_of(unit))?;
        }
        if self.options.pads() && from < here {
            self.write_filled_up(device, Durability::Cached)?;
            device.flush()?;
        }
        Ok(())
    }

    /// Reads the log's last cluster from `from` to `to`, which recovery has read up to its end: if that
    /// is lost now, another open must say so.
    fn read_tail(
        &mut self,
        device: &mut dyn BlockDevice,
        (from, to): (usize, usize),
    ) -> Result<(), Error> {
        if from == self.at.in_cluster() {
            return Ok(());
        }
        self.image.resize(CLUSTER, 0xff);
        let (cluster, tails) = (self.at.cluster(), self.tails(device)?);
        let log = Log { tails: tails.as_ref(), ..self.log() };
        Ok(log.read_into(device, cluster, (from, to), &mut self.image)?)
    }
}
