//! An entry, asked for part by part.
//!
//! The one idea: where a bit may have flipped, size and type are told apart from each of the sixteen pairs
//! that one bit makes of them, and most of these announce an entry that is none. So it is asked first
//! whether there is a whole entry, of whatever size ([`Claim::stored_behind`]), and where there is none, which
//! kind of none: not which bytes stand there instead.
//!
//! Invariant: what is told of a place is what looking at it tells, and no sector is asked of that looking
//! would leave alone. Places of which that cannot be said here are looked at.
//!
//! What it is not: for devices that lend what they have. Those are looked at ([`Log::on`]).

use crate::checksum::Checksum;
use crate::claim::Claim;
use crate::device::{BlockDevice, DeviceError};
use crate::rfc::entry::{ENTRY_BYTES_MAX, Flaw, HEAD_BYTES, Key, LogOffset, Trusted};

use super::decide::Row;
use super::recover::Log;

impl Log<'_> {
    /// What stands at `at`; `None` where that takes looking. `scratch` has room for a sector.
    ///
    /// # Errors
    /// The device's, other than unreadable sectors.
    #[cold]
    pub(super) fn by_parts<'r>(
        &self,
        device: &mut dyn BlockDevice,
        (at, key): (LogOffset, Key),
        (room, scratch): (&'r mut [u8; ENTRY_BYTES_MAX], &mut [u8]),
    ) -> Result<Option<(Row, Option<Trusted<'r>>)>, DeviceError> {
        let (sector, sum) = (scratch.len(), self.dialect.sum);
        let from = at.in_cluster() % sector;
        let is_elsewhere = self.is_over(at) || self.is_known(at, ENTRY_BYTES_MAX);
        if is_elsewhere || sum == Checksum::None || from + HEAD_BYTES > sector {
            return Ok(None);
        }
        let decode = |head: &[u8]| self.dialect.decode(&key, at, &head[..HEAD_BYTES]).err();
        let (before, len) = self.dialect.before(&key, at);
        let place = self.area.byte(at);
        let claims = |head: &[u8]| {
            let Some(Flaw::Short(whole)) = decode(head) else { return None };
            let covered = (whole - sum.bytes()) as u64;
            Some(Claim::stored_behind(sum, &[&before[..len]], place..place + covered))
        };
        if device.is_whole(place, HEAD_BYTES, &claims)? {
            self.read(device, at, &mut room[..HEAD_BYTES], scratch)?;
            let Some(Flaw::Short(whole)) = decode(&room[..]) else { return Ok(None) };
            let entry = &mut room[..whole];
            self.read(device, at, entry, scratch)?;
            let parsed = self.dialect.parse(&key, at, entry, true);
            return Ok(Some(self.judge(at, whole, parsed)));
        }
        // Of an entry in one sector all can be read, and then it is torn.
        let is_torn =
            |flaw: Option<Flaw>| matches!(flaw, Some(Flaw::Short(to)) if from + to <= sector);
        for flaw in [Flaw::Sum, Flaw::Nothing, Flaw::Size, Flaw::Place] {
            let is_it = |head: &[u8]| match decode(head) {
                found if is_torn(found) => flaw == Flaw::Sum,
                found => found == Some(flaw),
            };
            if device.passes(place, HEAD_BYTES, &is_it)? {
                return Ok(Some(self.judge(at, HEAD_BYTES, Err(flaw))));
            }
        }
        Ok(None)
    }
}
