//! Committing.
//!
//! The one idea: commit brings the tail to the device in the way the strategy has for it, and makes
//! it durable in the way the rule has.
//!
//! | rule | what is written, and when |
//! |---|---|
//! | flush | entries; flush. An entry is its own commit |
//! | record after flush | entries; flush; RECORD; flush |
//! | record by FUA | entries; flush; RECORD, with FUA |
//! | pointer | entries; flush; the next header of the pair, which points behind them; flush |
//!
//! The flush in front of a RECORD is what it is for:
//! 1. Entries A and B and their RECORD go out together, and B has no checksum.
//! 2. The power goes when A and RECORD persisted, and where B should be is what was there before.
//! 3. The RECORD says that B counts. Behind a flush, it is there only if B is.
//!
//! Invariant: on the ladder, one flush for each commit and nothing else.
//!
//! What it is not: the place of a checkpoint. See `forget`.

use crate::device::{BlockDevice, DeviceError, Durability, Write};
use crate::journal::{Error, Lsn};
use crate::rfc::entry::LogOffset;
use crate::rfc::header::Header;
use crate::rfc::strategy::{CommitRule, TailWrite};

use super::{StreamJournal, slot};

impl StreamJournal {
    pub(super) fn commit_entries(&mut self, device: &mut dyn BlockDevice) -> Result<Lsn, Error> {
        if self.dirty {
            let rule = self.options.commit;
            self.bring_tail(device, Durability::Cached)?;
            if self.options.has_record() && self.record_place(self.at) != self.at {
                self.close_cluster(device)?;
            }
            device.flush()?;
            match rule {
                CommitRule::Flush => {}
                CommitRule::RecordAfterFlush => {
                    self.put_record(device, Durability::Cached)?;
                    device.flush()?;
                }
                CommitRule::RecordFua => self.put_record(device, Durability::Fua)?,
                CommitRule::Pointer => {
                    self.switch_header(device, Header { pointer: self.at.0, ..self.header })?;
                }
            }
            self.dirty = false;
        }
        Ok(Lsn(self.lsn))
    }

    /// Puts a commit record where there is room for it, and brings it to the device.
    fn put_record(
        &mut self,
        device: &mut dyn BlockDevice,
        durability: Durability,
    ) -> Result<(), DeviceError> {
        let from = self.at.in_cluster();
        let to = from + self.options.dialect.record_bytes();
        self.know(device, from, to)?;
        let mut composer = self.composer();
        self.at = composer.put_record(&mut self.image, self.at);
        self.key = composer.key;
        if self.options.tail == TailWrite::Rewrite {
            self.write_image(device, from, to, durability)?;
        }
        self.bring_tail(device, durability)
    }

    /// Has everything that was composed on its way to the device. What is rewritten went there with
    /// each append.
    fn bring_tail(
        &mut self,
        device: &mut dyn BlockDevice,
        durability: Durability,
    ) -> Result<(), DeviceError> {
        match self.options.tail {
            TailWrite::PingPong => self.write_full_units_and_slot(device, durability),
            TailWrite::Rewrite => Ok(()),
            _ => self.write_filled_up(device, durability),
        }
    }

    /// Padded: the unit is filled up and never seen again.
    pub(super) fn write_filled_up(
        &mut self,
        device: &mut dyn BlockDevice,
        durability: Durability,
    ) -> Result<(), DeviceError> {
        let cluster = self.at.cluster();
        let (mut composer, unit) = (self.composer(), self.unit_bytes());
        let at = composer.fill_unit(&mut self.image, self.at, unit);
        self.key = composer.key;
        let to = (at.0 - LogOffset::of_cluster(cluster).0) as usize;
        if to > self.written {
            self.write_image(device, self.written, to, durability)?;
        }
        if at.cluster() == cluster {
            self.at = at;
            self.written = to;
        } else {
            self.enter_cluster(at.cluster());
        }
        Ok(())
    }

    /// Ping-pong: units that became full go home, the one that is not goes to the older slot.
    fn write_full_units_and_slot(
        &mut self,
        device: &mut dyn BlockDevice,
        durability: Durability,
    ) -> Result<(), DeviceError> {
        let here = self.at.in_cluster();
        let full = here - here % self.unit_bytes();
        let cluster = LogOffset::of_cluster(self.at.cluster());
        let number = self.slot_number + 1;
        let (sector, slots_from) = (self.area.sector_bytes, self.options.slots_from());
        self.used_clusters = self.used_clusters.max(self.at.cluster() + 1);
        let at = self.area.lba(cluster.plus(self.written));
        let home = Write { at, data: &self.image[self.written..full], durability };
        if full < here {
            self.slot.resize(slot::SLOT_BYTES as usize, 0xff);
            let sum = self.options.dialect.sum;
            let tail = &self.image[full..here];
            let salt = self.salt();
            let end = slot::encode(sum, salt, number, cluster.plus(full), tail, &mut self.slot);
            let end = self.area.ceil(end);
            let at = slot::lba(slots_from, number, sector);
            let slot = Write { at, data: &self.slot[..end], durability };
            if home.data.is_empty() {
                device.write(&[slot])?;
            } else {
                device.write(&[home, slot])?;
            }
            self.slot_number = number;
        } else if !home.data.is_empty() {
            device.write(&[home])?;
        }
        self.written = full;
        Ok(())
    }
}
