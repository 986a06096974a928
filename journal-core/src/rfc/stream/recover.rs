//! Recovery: from the start of the log, entry by entry, to the first thing that is no entry.
//!
//! The one idea: look at as little as possible. Size and type are asked for first; then whether what
//! they announce is whole, by its checksum ([`BlockDevice::verify`]); and only an entry that is whole is
//! read. What recovery does not ask for need not be decided by a disk that keeps its choices open, and
//! so costs a proof nothing: of an entry that was torn between a dozen lines of 64 bytes it is a handful
//! of answers, and not all mixtures.
//!
//! Invariant: each round either stops or moves the position forward by at least two bytes, and an
//! END past the last cluster stops; so any bytes at all end the walk within the area. Nothing is
//! written, and nothing is allocated. An unreadable sector is never taken for an empty one.
//!
//! What it is not: a judge of how bad a stop is. It says where and why ([`Row`]).

use crate::bytes;
use crate::checksum::{Checksum, stored};
use crate::claim::Claim;
use crate::device::{BlockDevice, DeviceError, Piece};
use crate::rfc::entry::{
    CLUSTER_BYTES, Dialect, ENTRY_BYTES_MAX, Flaw, HEAD_BYTES, Key, Kind, LogOffset, Trusted,
};

use super::area::Area;
use super::decide::{Conditions, Row, decide};
use super::slot::Tails;

const CLUSTER: usize = CLUSTER_BYTES as usize;

/// Sectors that an entry lies in at most: where they are of 8 bytes.
const SECTORS_MAX: usize = ENTRY_BYTES_MAX.div_ceil(8) + 1;

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
    pub tails: Option<&'a Tails>,
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

impl Log<'_> {
    /// Whether the log is known to be committed no further than `at`.
    pub(super) fn is_over(&self, at: LogOffset) -> bool {
        self.until.is_some_and(|until| at >= until)
    }

    /// What stands at `at`, asked of the device bit by bit; an entry lies in `room`. Of how many bytes,
    /// its size and type may have `announced`.
    fn ask<'r>(
        &self,
        device: &mut dyn BlockDevice,
        (at, key): (LogOffset, Key),
        announced: Option<usize>,
        (room, scratch): (&'r mut [u8; ENTRY_BYTES_MAX], &mut [u8]),
    ) -> Result<(Row, Option<Trusted<'r>>), DeviceError> {
        if self.is_over(at) {
            return Ok((Row::Pointed, None));
        }
        let whole = if let Some(whole) = announced {
            whole
        } else {
            let head = HEAD_BYTES.min(CLUSTER - at.in_cluster());
            let have = match self.read(device, at, &mut room[..head], scratch) {
                Ok(()) => head,
                Err(DeviceError::Unreadable(_)) => 0,
                Err(error) => return Err(error),
            };
            match self.dialect.decode(&key, at, &room[..have]) {
                Err(Flaw::Short(whole)) if have == head => whole,
                _ => return Ok(self.judge(at, have, self.dialect.decode(&key, at, &room[..have]))),
            }
        };
        let verifies = self.dialect.sum != Checksum::None;
        let entry = &mut room[..whole];
        let flaw = match self.read_whole(device, (&key, at), verifies, (&mut *entry, scratch)) {
            Ok(true) => {
                let decoded = self.dialect.parse(&key, at, entry, verifies);
                return Ok(self.judge(at, whole, decoded));
            }
            // It is torn, and how does not matter.
            Ok(false) => Flaw::Sum,
            Err(DeviceError::Unreadable(_)) => Flaw::Short(whole),
            Err(error) => return Err(error),
        };
        Ok(self.judge(at, HEAD_BYTES, Err(flaw)))
    }

    /// Reads the entry that takes `entry`; false says that it is not what its checksum says, if that is
    /// to be asked first.
    fn read_whole(
        &self,
        device: &mut dyn BlockDevice,
        (key, at): (&Key, LogOffset),
        verifies: bool,
        (entry, scratch): (&mut [u8], &mut [u8]),
    ) -> Result<bool, DeviceError> {
        if verifies && self.is_known(at, entry.len()) {
            if !self.verify_known(device, (key, at), entry, scratch)? {
                return Ok(false);
            }
        } else if verifies {
            let sum = self.dialect.sum;
            let covered = (entry.len() - sum.bytes()) as u64;
            let (before, len) = self.dialect.before(key, at);
            let from = self.area.byte(at);
            let claims = |trailer: &[u8]| {
                let bytes = from..from + covered;
                Some(Claim::new(sum, stored(trailer), &[&before[..len]], bytes))
            };
            if !device.is_whole(from + covered, sum.bytes(), &claims)? {
                return bytes::can_be_read(device, from, entry.len() as u64).map(|()| false);
            }
        }
        self.read(device, at, entry, scratch)?;
        Ok(true)
    }

    /// Whether the entry that takes `entry`, and of which the slots know some bytes, is what its checksum
    /// says.
    fn verify_known(
        &self,
        device: &mut dyn BlockDevice,
        (key, at): (&Key, LogOffset),
        entry: &mut [u8],
        scratch: &mut [u8],
    ) -> Result<bool, DeviceError> {
        let sum = self.dialect.sum;
        let covered = entry.len() - sum.bytes();
        let trailer = &mut entry[covered..];
        self.read(device, at.plus(covered), trailer, scratch)?;
        let expected = stored(trailer);
        let (before, len) = self.dialect.before(key, at);
        // Of each sector what the slots know, and what they do not.
        let mut pieces = [Piece::Given(&before[..len]); 1 + 2 * SECTORS_MAX];
        let (mut count, mut done) = (1, 0);
        let mut push = |piece, bytes| {
            pieces[count] = piece;
            count += usize::from(bytes > 0);
        };
        while done < covered {
            let (known, to) = self.known(at.plus(done), covered - done);
            push(Piece::Given(known), known.len());
            let at_bytes = self.area.byte(at.plus(done + known.len()));
            let bytes = to - known.len();
            push(Piece::Device { at_bytes, bytes: bytes as u64 }, bytes);
            done += to;
        }
        device.verify(&pieces[..count], sum, expected)
    }

    /// What `have` bytes at `at` mean, and the entry that they are.
    pub(super) fn judge<'r>(
        &self,
        at: LogOffset,
        have: usize,
        decoded: Result<Trusted<'r>, Flaw>,
    ) -> (Row, Option<Trusted<'r>>) {
        match (self.until, decoded) {
            (Some(until), _) if at >= until => (Row::Pointed, None),
            // What is committed ends with an entry, not in one.
            (Some(until), Ok(entry)) if at.plus(entry.size) > until => (Row::BadPlace, None),
            _ => (self.row(at, have, decoded), decoded.ok()),
        }
    }

    /// The row for what `have` bytes at `at` were found to be.
    fn row(&self, at: LogOffset, have: usize, decoded: Result<Trusted<'_>, Flaw>) -> Row {
        use Conditions as C;
        let conditions = match decoded {
            Err(Flaw::Short(_)) if have < HEAD_BYTES => C::NO,
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
        decide(conditions.and_if(fresh, C::FRESH))
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

    /// Fills an image of a cluster from `from` to `to`.
    ///
    /// # Errors
    /// The device's; all of it must be readable.
    pub fn read_into(
        &self,
        device: &mut dyn BlockDevice,
        cluster: u64,
        (from, to): (usize, usize),
        image: &mut [u8],
    ) -> Result<(), DeviceError> {
        let place = LogOffset::of_cluster(cluster).plus(from);
        let scratch = &mut [0; CLUSTER][..self.area.sector_bytes as usize];
        self.read(device, place, &mut image[from..to], scratch)
    }

    /// Fills `into` with the bytes of a cluster from `at` on, those that the slots know and those of the
    /// device, by way of `scratch`.
    pub(super) fn read(
        &self,
        device: &mut dyn BlockDevice,
        at: LogOffset,
        into: &mut [u8],
        scratch: &mut [u8],
    ) -> Result<(), DeviceError> {
        if self.tails.is_none() {
            return bytes::read_by(device, self.area.byte(at), into, scratch);
        }
        let mut done = 0;
        while done < into.len() {
            let place = at.plus(done);
            let (known, to) = self.known(place, into.len() - done);
            let (front, back) = into[done..done + to].split_at_mut(known.len());
            front.copy_from_slice(known);
            bytes::read_by(device, self.area.byte(place.plus(front.len())), back, scratch)?;
            done += to;
        }
        Ok(())
    }

    /// Of `len` bytes at `at`, as far as they lie in the sector of the first: those that the slots know, and
    /// how many there are.
    fn known(&self, at: LogOffset, len: usize) -> (&[u8], usize) {
        let sector = self.area.sector_bytes as usize;
        let from = at.in_cluster() % sector;
        let to = len.min(sector - from);
        let base = LogOffset(at.0 - from as u64);
        let tail = self.tails.and_then(|tails| tails.bytes_from(base, sector));
        let known = tail.and_then(|tail| tail.get(from..)).unwrap_or(&[]);
        (&known[..known.len().min(to)], to)
    }

    /// Whether the slots know something of the sectors of so many bytes.
    pub(super) fn is_known(&self, at: LogOffset, len: usize) -> bool {
        let Some(tails) = self.tails else { return false };
        let sector = u64::from(self.area.sector_bytes);
        let mut bases = (at.0 - at.0 % sector..at.0 + len as u64).step_by(sector as usize);
        bases.any(|base| tails.bytes_from(LogOffset(base), 1).is_some())
    }

    /// Walks the log and shows each step.
    ///
    /// # Errors
    /// The device's, other than unreadable sectors.
    pub fn walk(
        &self,
        device: &mut dyn BlockDevice,
        mut visit: impl FnMut(Step<'_>),
    ) -> Result<Walk, DeviceError> {
        let mut walk = self.begin();
        while self.on(device, &mut walk, &mut visit)? {}
        Ok(walk)
    }

    /// A walk before its first round.
    pub fn begin(&self) -> Walk {
        Walk {
            at: self.start,
            row: Row::Nothing,
            entries: 0,
            unknown: 0,
            link: self.key.link,
            recorded: (self.start, self.key.link),
            sealed: true,
        }
    }

    /// A round of a walk: over what the device lends, or over what must be asked for. False is the stop.
    ///
    /// # Errors
    /// The device's, other than unreadable sectors.
    pub fn on(
        &self,
        device: &mut dyn BlockDevice,
        walk: &mut Walk,
        visit: &mut impl FnMut(Step<'_>),
    ) -> Result<bool, DeviceError> {
        // A round costs less than 4096 zeros to write.
        let sector = self.area.sector_bytes as usize;
        if sector <= SMALL {
            self.on_in(device, &mut [0; SMALL][..sector], walk, visit)
        } else {
            self.on_in(device, &mut [0; CLUSTER][..sector], walk, visit)
        }
    }

    /// [`Log::on`], with room for a sector.
    fn on_in(
        &self,
        device: &mut dyn BlockDevice,
        scratch: &mut [u8],
        walk: &mut Walk,
        visit: &mut impl FnMut(Step<'_>),
    ) -> Result<bool, DeviceError> {
        if device.pays_by_parts() {
            let mut room = [0; ENTRY_BYTES_MAX];
            let at = (walk.at, self.key.behind(walk.link));
            if let Some((row, entry)) = self.by_parts(device, at, (&mut room, scratch))? {
                return Ok(walk.take(row, entry, visit));
            }
        }
        // What the device lends without being asked for it is looked at where it lies.
        let from = walk.at;
        let lent = self.lent(device, from, scratch)?;
        let (mut asks, mut announced) = (lent.is_empty(), None);
        while walk.at.0 < from.0 + lent.len() as u64 {
            let here = &lent[(walk.at.0 - from.0) as usize..];
            let decoded = self.dialect.decode(&self.key.behind(walk.link), walk.at, here);
            if let Err(Flaw::Short(wanted)) = decoded
                && !self.is_over(walk.at)
            {
                asks = true;
                announced = (wanted > HEAD_BYTES).then_some(wanted);
                break;
            }
            let (row, entry) = self.judge(walk.at, here.len(), decoded);
            if !walk.take(row, entry, visit) {
                return Ok(false);
            }
        }
        if !asks {
            return Ok(true);
        }
        let mut room = [0; ENTRY_BYTES_MAX];
        let at = (walk.at, self.key.behind(walk.link));
        let (row, entry) = self.ask(device, at, announced, (&mut room, scratch))?;
        Ok(walk.take(row, entry, visit))
    }

    /// What the device lends for the size and type at `at`: of its sector, from there on, these or more.
    /// Nothing where they lie in two sectors, cannot be read, or are better known from a slot.
    fn lent<'a>(
        &self,
        device: &'a mut dyn BlockDevice,
        at: LogOffset,
        scratch: &'a mut [u8],
    ) -> Result<&'a [u8], DeviceError> {
        let from = at.in_cluster() % scratch.len();
        let head = from..from + HEAD_BYTES;
        if head.end > scratch.len() || self.is_over(at) || self.is_known(at, 1) {
            return Ok(&[]);
        }
        match device.peek(self.area.lba(at), head, scratch) {
            Err(DeviceError::Unreadable(_)) => Ok(&[]),
            lent => lent,
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
