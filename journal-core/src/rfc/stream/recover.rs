//! Recovery: from the start of the log, sector by sector, to the first thing that is no entry.
//!
//! The one idea: look at as little as possible. A sector is asked for when the log's position
//! enters it, never a cluster at once; what recovery does not read need not be decided by a disk
//! that keeps its choices open, and so costs a proof nothing.
//!
//! Invariant: each round either stops or moves the position forward by at least two bytes, and an
//! END past the last cluster stops; so any bytes at all end the walk within the area. Nothing is
//! written, and nothing is allocated. An unreadable sector is never taken for an empty one.
//!
//! What it is not: a judge of how bad a stop is. It says where and why ([`Row`]).

use crate::device::{BlockDevice, DeviceError};
use crate::rfc::entry::{
    CLUSTER_BYTES, Dialect, ENTRY_BYTES_MAX, Flaw, Key, Kind, LogOffset, Trusted,
};

use super::area::Area;
use super::decide::{Conditions, Row, decide};
use super::slot::Tails;

/// Bytes of the sectors that most disks have.
const SMALL: usize = 512;

/// What a walk needs to know.
pub(super) struct Log<'a> {
    pub area: Area,
    pub dialect: Dialect,
    pub key: Key,
    /// Where the log starts.
    pub start: LogOffset,
    /// Where to stop at the latest, if that is known.
    pub until: Option<LogOffset>,
    /// Bytes that are better known from the tail slots, where there are any.
    pub tails: Option<&'a Tails<'a>>,
}

/// Something the walk went past.
pub(super) struct Step<'a> {
    /// Where it begins.
    pub at: LogOffset,
    /// [`Row::Entry`], [`Row::Unknown`], [`Row::Pad`] or [`Row::Jump`].
    pub row: Row,
    pub entry: Trusted<'a>,
}

/// Where a walk has come to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Walk {
    /// The position: behind the last step.
    pub at: LogOffset,
    /// Why it stopped there.
    pub row: Row,
    pub entries: u64,
    /// Entries of unknown types.
    pub unknown: u64,
    /// What an entry here must be chained to.
    pub link: u32,
    /// Behind the last commit record and the filler after it: position and link.
    pub recorded: (LogOffset, u32),
    /// Whether nothing but filler came since.
    pub sealed: bool,
}

enum Look<'a> {
    /// So many bytes are wanted, and the device may have them.
    More(usize),
    Found(Row, Option<Trusted<'a>>),
}

impl Log<'_> {
    /// Looks at the bytes from `at` on. `readable` says that more than `bytes` could be had.
    fn look<'b>(&self, walk: &Walk, bytes: &'b [u8], readable: bool) -> Look<'b> {
        use Conditions as C;
        let at = walk.at;
        if let Some(until) = self.until
            && at >= until
        {
            return Look::Found(Row::Pointed, None);
        }
        let decoded = self.dialect.decode(&self.key.behind(walk.link), at, bytes);
        let conditions = match decoded {
            Err(Flaw::Short(wanted)) if readable => return Look::More(wanted),
            Err(Flaw::Short(_)) if bytes.len() < 2 => C::NO,
            Err(Flaw::Short(_)) => C::HEAD.and(C::SIZE).and(C::PLACE),
            Err(Flaw::Nothing) => C::HEAD.and(C::NOTHING),
            Err(Flaw::Size) => C::HEAD,
            Err(Flaw::Place) => C::HEAD.and(C::SIZE),
            Err(Flaw::Sum | Flaw::Mark) => C::HEAD.and(C::SIZE).and(C::PLACE).and(C::BODY),
            Ok(Trusted { kind, .. }) => {
                let good = C::HEAD.and(C::SIZE).and(C::PLACE).and(C::BODY).and(C::SUM);
                match kind {
                    Kind::Hash => good.and(C::HASH),
                    Kind::Pad | Kind::Record => good.and(C::PAD),
                    Kind::End => good.and(C::END).and_if(self.is_last(at), C::LAST),
                    Kind::Other(_) => good,
                }
            }
        };
        let fresh = decoded.is_err() && self.may_be_older(at);
        let row = decide(conditions.and_if(fresh, C::FRESH));
        match (self.until, decoded) {
            // What is committed ends with an entry, not in one.
            (Some(until), Ok(entry)) if at.plus(entry.size) > until => {
                Look::Found(Row::BadPlace, None)
            }
            _ => Look::Found(row, decoded.ok()),
        }
    }

    fn is_last(&self, at: LogOffset) -> bool {
        at.cluster() + 1 >= self.start.cluster() + self.area.clusters
    }

    /// Whether what stands at `at` may well have been written by an older generation: the log's
    /// writer leaves FF, not old bytes, between its tail and the end of the sector it wrote. Where
    /// one byte is left, the second byte of size and type lies in a sector not yet written.
    fn may_be_older(&self, at: LogOffset) -> bool {
        let sector = u64::from(self.area.sector_bytes);
        let in_sector = at.0 % sector;
        self.area.ring
            && (in_sector == 0
                || in_sector == sector - 1
                || self.tails.is_some_and(|tails| tails.newest_end() == Some(at)))
    }

    /// The sectors of a cluster from `from` on that `to` reaches into, copied into its image.
    ///
    /// # Errors
    /// The device's; a sector must be readable up to `to`.
    pub fn read_into(
        &self,
        device: &mut dyn BlockDevice,
        cluster: u64,
        (from, to): (usize, usize),
        image: &mut [u8],
    ) -> Result<(), DeviceError> {
        let mut scratch = [0; CLUSTER_BYTES as usize];
        let sector = self.area.sector_bytes as usize;
        for base in (from..to).step_by(sector) {
            let place = LogOffset::of_cluster(cluster).plus(base);
            let bytes = self.fetch(device, place, &mut scratch[..sector])?;
            if base + bytes.len() < to && bytes.len() < sector {
                return Err(DeviceError::Unreadable(self.area.lba(place)));
            }
            image[base..base + bytes.len()].copy_from_slice(bytes);
        }
        Ok(())
    }

    /// The sector that begins at `base`, as far as it is known: what is missing at its end cannot
    /// be read.
    fn fetch<'a>(
        &'a self,
        device: &'a mut dyn BlockDevice,
        base: LogOffset,
        scratch: &'a mut [u8],
    ) -> Result<&'a [u8], DeviceError> {
        let lba = self.area.lba(base);
        let Some(tail) = self.tails.and_then(|tails| tails.bytes_from(base, scratch.len())) else {
            return match device.lend(lba, scratch) {
                Ok(bytes) => Ok(bytes),
                Err(DeviceError::Unreadable(_)) => Ok(&[]),
                Err(error) => Err(error),
            };
        };
        if tail.len() == scratch.len() {
            return Ok(tail);
        }
        match device.read(lba, scratch) {
            Ok(()) => {
                scratch[..tail.len()].copy_from_slice(tail);
                Ok(scratch)
            }
            Err(DeviceError::Unreadable(_)) => Ok(tail),
            Err(error) => Err(error),
        }
    }

    /// Walks the log and shows each step.
    ///
    /// # Errors
    /// The device's, other than unreadable sectors.
    pub fn walk(
        &self,
        device: &mut dyn BlockDevice,
        visit: impl FnMut(Step<'_>),
    ) -> Result<Walk, DeviceError> {
        // A short log costs less to read than 4096 zeros to write.
        let sector = self.area.sector_bytes as usize;
        if sector <= SMALL {
            self.walk_in(device, &mut [0; SMALL][..sector], visit)
        } else {
            self.walk_in(device, &mut [0; CLUSTER_BYTES as usize][..sector], visit)
        }
    }

    /// [`Log::walk`], with room for a sector.
    fn walk_in(
        &self,
        device: &mut dyn BlockDevice,
        scratch: &mut [u8],
        mut visit: impl FnMut(Step<'_>),
    ) -> Result<Walk, DeviceError> {
        let sector = scratch.len();
        let mut spill = [0; ENTRY_BYTES_MAX];
        let mut walk = Walk {
            at: self.start,
            row: Row::Nothing,
            entries: 0,
            unknown: 0,
            link: self.key.link,
            recorded: (self.start, self.key.link),
            sealed: true,
        };
        'sectors: loop {
            let mut base = LogOffset(walk.at.0 - walk.at.0 % sector as u64);
            let bytes = self.fetch(device, base, scratch)?;
            let mut wanted = loop {
                let from = (walk.at.0 - base.0) as usize;
                if from >= sector {
                    continue 'sectors;
                }
                let here = bytes.get(from..).unwrap_or(&[]);
                match self.look(&walk, here, bytes.len() == sector) {
                    Look::More(wanted) => break wanted,
                    Look::Found(row, entry) => {
                        if !walk.take(row, entry, &mut visit) {
                            return Ok(walk);
                        }
                    }
                }
            };
            // The entry straddles: what is here and what the next sectors add to it.
            let mut here = &bytes[(walk.at.0 - base.0) as usize..];
            let mut have = 0;
            let mut readable = true;
            loop {
                let more = here.len().min(ENTRY_BYTES_MAX - have);
                spill[have..have + more].copy_from_slice(&here[..more]);
                have += more;
                if have < wanted && readable {
                    base = base.plus(sector);
                    here = self.fetch(device, base, scratch)?;
                    readable = here.len() == sector;
                    continue;
                }
                match self.look(&walk, &spill[..have], readable) {
                    Look::More(more) => {
                        wanted = more;
                        here = &[];
                    }
                    Look::Found(row, entry) => {
                        if !walk.take(row, entry, &mut visit) {
                            return Ok(walk);
                        }
                        continue 'sectors;
                    }
                }
            }
        }
    }
}

impl Walk {
    /// Does what the row says; false is a stop.
    fn take(
        &mut self,
        row: Row,
        entry: Option<Trusted<'_>>,
        visit: &mut impl FnMut(Step<'_>),
    ) -> bool {
        self.row = row;
        if let (Row::AreaEnd, Some(entry)) = (row, entry) {
            self.pass(entry);
        }
        let (None, Some(entry)) = (row.end(), entry) else { return false };
        let at = self.at;
        self.entries += u64::from(row == Row::Entry);
        self.unknown += u64::from(row == Row::Unknown);
        self.pass(entry);
        visit(Step { at, row, entry });
        true
    }
    /// Goes on behind an entry.
    fn pass(&mut self, entry: Trusted<'_>) {
        self.at = self.at.plus(entry.size);
        self.link = entry.link;
        self.sealed = match entry.kind {
            Kind::Record => true,
            Kind::Pad | Kind::End => self.sealed,
            Kind::Hash | Kind::Other(_) => false,
        };
        if self.sealed {
            self.recorded = (self.at, self.link);
        }
    }
}
