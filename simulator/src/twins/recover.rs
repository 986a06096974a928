//! Opening a twin: the newer header, the walk over its area, the look behind the end.
//!
//! Method. The walk hands out one record after the other until one does not hold. Behind it the
//! next few units are searched for a record that says that the broken place had been flushed when
//! it was built: that proves damage to what was acknowledged. Without one the end is a tear.
//!
//! Invariant: nothing is written, and the number of reads is bounded by the size of the area.
//!
//! What it is not: fast. It copies every payload.

use journal_core::{BlockDevice, Damage, DeviceError, End, Entry, Error, Lsn};

use super::bytes::{self, Claim, Head, Header, Kind};
use super::layout::Layout;
use super::{Base, Flaw, TwinOptions};

/// Units behind the end that are searched for a proof.
const WINDOW_UNITS: u64 = 8;

/// What stands at a place of the area.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen {
    /// A record that holds, with its payload and where it ends.
    Good(Head, Vec<u8>, u64),
    /// A record of this generation that does not hold, and where it would end.
    Bad(Head, u64),
    /// No record of this generation.
    Nothing {
        /// Every byte of the head is zero.
        zeros: bool,
    },
    /// A sector that cannot be read.
    Unreadable,
}

/// What the walk found.
#[derive(Clone, Debug)]
pub struct Found {
    /// Payloads, in order.
    pub live: Vec<Vec<u8>>,
    /// Where the last record that counts ends.
    pub end_at: u64,
    /// A torn record there, for `reseals-torn-tail`.
    pub torn: Option<Head>,
    /// How the log ended.
    pub end: End,
    /// Damage noticed.
    pub damage: Option<Damage>,
}

/// The header slots: the header that counts and the slot that holds it.
pub fn newest(
    device: &mut dyn BlockDevice,
    options: TwinOptions,
    layout: &Layout,
) -> Result<(Header, u32), Error> {
    let mut best: Option<(Header, u32)> = None;
    // FLAW header-in-place: there is one slot.
    let slots = if options.has(Flaw::HeaderInPlace) { 1 } else { 2 };
    for slot in 0..slots {
        let mut sector = vec![0; layout.sector as usize];
        match device.read(layout.slot(slot), &mut sector) {
            Ok(()) => {}
            Err(DeviceError::Unreadable(_)) => continue,
            Err(error) => return Err(error.into()),
        }
        let Some(header) = Header::parse(&sector) else { continue };
        if best.is_none_or(|(known, _)| header.generation > known.generation) {
            best = Some((header, slot));
        }
    }
    best.ok_or(Error::NotAJournal { what: "the header of a twin", at_bytes: 0 })
}

/// Reads what stands at `at`.
pub fn see(
    device: &mut dyn BlockDevice,
    options: TwinOptions,
    layout: &Layout,
    header: &Header,
    at: u64,
) -> Result<Seen, Error> {
    let mut read = |len| match layout.read(device, header.area, at, len) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(DeviceError::Unreadable(_)) => Ok(None),
        Err(error) => Err(Error::Device(error)),
    };
    let Some(first) = read(bytes::HEAD_BYTES as u64)? else { return Ok(Seen::Unreadable) };
    let room = layout.area_bytes - at;
    let (head, sum) = match bytes::claim(options, &first, header.salt, room) {
        Claim::Record(head, sum) => (head, sum),
        Claim::Nothing => {
            let zeros = first[..bytes::HEAD_BYTES].iter().all(|&byte| byte == 0);
            return Ok(Seen::Nothing { zeros });
        }
    };
    let size = bytes::size(options, head.len);
    if size > room {
        // Only `huge-length` comes here. Reading so much gives this answer, or no memory.
        let sectors = size.div_ceil(layout.sector);
        let (at, have) = (layout.lba(header.area, at), layout.area_bytes / layout.sector);
        return Err(DeviceError::OutOfRange { at, sectors, have }.into());
    }
    let Some(sectors) = read(size)? else { return Ok(Seen::Unreadable) };
    if !bytes::vouched(options, &sectors, head, sum, layout.sector as usize) {
        return Ok(Seen::Bad(head, at + size));
    }
    let payload = sectors[bytes::HEAD_BYTES..][..head.len as usize].to_vec();
    Ok(Seen::Good(head, payload, at + size))
}

/// Hands out what survived.
pub fn walk(
    device: &mut dyn BlockDevice,
    options: TwinOptions,
    layout: &Layout,
    header: &Header,
    replay: &mut dyn FnMut(Entry<'_>),
) -> Result<Found, Error> {
    let mut found =
        Found { live: Vec::new(), end_at: 0, torn: None, end: End::AreaEnd, damage: None };
    let mut group: Vec<Vec<u8>> = Vec::new();
    let mut give = |live: &mut Vec<Vec<u8>>, payload: Vec<u8>| {
        // FLAW renames-survivors: a name that says nothing.
        let named = !options.has(Flaw::RenamesSurvivors);
        let lsn = if named { Lsn(header.start_lsn + live.len() as u64) } else { Lsn(0) };
        replay(Entry { lsn, payload: &payload });
        if options.has(Flaw::HandsOutTwice) {
            // FLAW hands-out-twice: once more.
            replay(Entry { lsn, payload: &payload });
        }
        live.push(payload);
    };
    let mut at = 0;
    // FLAW drops-last: one record is held back, and nobody comes for the last.
    let mut held: Option<(Vec<u8>, u64)> = None;
    while layout.has_room(at) {
        let seen = match see(device, options, layout, header, at)? {
            // FLAW zero-record-valid: an empty record.
            Seen::Nothing { zeros: true } if options.has(Flaw::ZeroRecordValid) => {
                let head = Head { salt: 0, durable: 0, kind: Kind::Entry, covers: 0, len: 0 };
                Seen::Good(head, Vec::new(), at + bytes::HEAD_BYTES as u64)
            }
            // FLAW loops-on-zeros: on to the next record, zero bytes on.
            Seen::Nothing { zeros: true } if options.has(Flaw::LoopsOnZeros) => continue,
            other => other,
        };
        if options.has(Flaw::ReplayPastHole)
            && !matches!(seen, Seen::Good(..))
            && let Some(next) = next_good(device, options, layout, header, at)?
        {
            // FLAW replay-past-hole: the next record that holds will do.
            at = next;
            continue;
        }
        match seen {
            Seen::Good(head, payload, end) => {
                at = layout.aligned(end);
                match (options.base, head.kind) {
                    (Base::CommitRecord, Kind::Entry) => {
                        group.push(payload);
                        continue;
                    }
                    (Base::CommitRecord, Kind::Commit) if head.covers as usize != group.len() => {
                        found.end = End::Torn;
                        break;
                    }
                    (Base::CommitRecord, Kind::Commit) => {
                        group.drain(..).for_each(|entry| give(&mut found.live, entry));
                    }
                    _ if options.has(Flaw::DropsLast) => {
                        if let Some((entry, end)) = held.replace((payload, end)) {
                            give(&mut found.live, entry);
                            found.end_at = end;
                        }
                        continue;
                    }
                    _ => give(&mut found.live, payload),
                }
                found.end_at = end;
            }
            stop => {
                found.end = End::Clean;
                if let Seen::Bad(head, _) = stop {
                    // FLAW panics-on-tear: this cannot be.
                    assert!(!options.has(Flaw::PanicsOnTear), "a record fails its checksum");
                    found.torn = Some(head);
                    found.end = End::Torn;
                }
                // FLAW unreadable-is-end: nothing there.
                if stop == Seen::Unreadable && !options.has(Flaw::UnreadableIsEnd) {
                    found.end = End::Torn;
                }
                if (stop != Seen::Unreadable || !options.has(Flaw::UnreadableIsEnd))
                    // FLAW silent-corruption: nobody looks behind the end.
                    && !options.has(Flaw::SilentCorruption)
                {
                    found.damage = proof(device, options, layout, header, at)?;
                }
                break;
            }
        }
    }
    // FLAW shows-uncommitted: what is there is there.
    if options.has(Flaw::ShowsUncommitted) {
        group.drain(..).for_each(|entry| give(&mut found.live, entry));
    }
    // FLAW false-alarm: a tear is called damage.
    if options.has(Flaw::FalseAlarm) && found.end == End::Torn {
        let at_bytes = layout.at_bytes(header.area, at);
        found.damage = Some(Damage { at_bytes, proven: true, what: "a torn record" });
    }
    Ok(found)
}

/// The places behind `at` where a record may begin, as far as one looks.
fn behind(layout: &Layout, at: u64) -> impl Iterator<Item = u64> + use<> {
    let layout = *layout;
    let first = at / layout.unit * layout.unit;
    (1..=WINDOW_UNITS).map(move |n| first + n * layout.unit).filter(move |&at| layout.has_room(at))
}

/// The next place behind `at` with a record that holds.
fn next_good(
    device: &mut dyn BlockDevice,
    options: TwinOptions,
    layout: &Layout,
    header: &Header,
    at: u64,
) -> Result<Option<u64>, Error> {
    for place in behind(layout, at) {
        if let Seen::Good(..) = see(device, options, layout, header, place)? {
            return Ok(Some(place));
        }
    }
    Ok(None)
}

/// A record behind `at` that says that what is at `at` had been flushed.
fn proof(
    device: &mut dyn BlockDevice,
    options: TwinOptions,
    layout: &Layout,
    header: &Header,
    at: u64,
) -> Result<Option<Damage>, Error> {
    if options.base == Base::CommitRecord {
        return Ok(None);
    }
    for place in behind(layout, at) {
        if let Seen::Good(head, ..) = see(device, options, layout, header, place)?
            && u64::from(head.durable) > at
        {
            let what = "a record that was flushed does not hold";
            let at_bytes = layout.at_bytes(header.area, at);
            return Ok(Some(Damage { at_bytes, proven: true, what }));
        }
    }
    Ok(None)
}
