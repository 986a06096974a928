//! A LevelDB log, told byte by byte.
//!
//! The one idea: the recovery reader itself tells what it met, so what is shown is what is read.
//!
//! What it is not: a decoder of write batches.

use alloc::format;
use alloc::string::String;

use super::LevelDb;
use super::current::{Current, Layout, SLOT_BYTES};
use super::reader::{Stretch, walk};
use super::record::{FIRST, FULL, HEADER_BYTES, LAST, MIDDLE};
use crate::device::{BlockDevice, DeviceError};
use crate::formats::page_cache::Area;
use crate::inspect::{Field, Inspect, Mark};

/// Tells the fields of a bare log file that lies in `area`, without CURRENT around it.
///
/// # Errors
/// The device's, besides unreadable sectors, which are told.
pub fn inspect_raw_log(
    device: &mut dyn BlockDevice,
    area: &Area,
    tell: &mut dyn FnMut(Field),
) -> Result<(), DeviceError> {
    let mut number = 0u64;
    walk(device, area, &mut |_| {}, &mut |at, bytes, stretch| {
        let at_bytes = area.on_device(at);
        let (name, value, mark) = match stretch {
            Stretch::Fragment(header) => {
                number += 1;
                let name = |part| format!("record {number}: {part}");
                let known = (FULL..=LAST).contains(&header.kind);
                let mark = if known { Mark::Good } else { Mark::Bad };
                let mut field = |at, bytes, part, value, mark| {
                    tell(Field { at_bytes: at_bytes + at, bytes, name: name(part), value, mark });
                };
                field(0, 4, "checksum", format!("{:#010x}, fits", header.masked), Mark::Good);
                field(4, 2, "length", format!("{}", header.length), Mark::Good);
                field(6, 1, "type", String::from(kind(header.kind)), mark);
                let length = u64::from(header.length);
                if length > 0 {
                    field(HEADER_BYTES, length, "payload", format!("{length} bytes"), Mark::Good);
                }
                return;
            }
            Stretch::Preallocated => ("preallocated", String::from("never written"), Mark::Stop),
            Stretch::Trailer => ("trailer", String::from("too short for a header"), Mark::Unread),
            Stretch::Dropped(what) => ("dropped", format!("expected {what}"), Mark::Bad),
            Stretch::CutOff => ("cut off", String::from("a record beyond the file"), Mark::Stop),
        };
        tell(Field { at_bytes, bytes, name: String::from(name), value, mark });
    })?;
    Ok(())
}

fn kind(kind: u8) -> &'static str {
    match kind {
        FULL => "FULL",
        FIRST => "FIRST",
        MIDDLE => "MIDDLE",
        LAST => "LAST",
        _ => "unknown",
    }
}

impl Inspect for LevelDb {
    fn inspect(
        device: &mut dyn BlockDevice,
        _: &Self::Options,
        tell: &mut dyn FnMut(Field),
    ) -> Result<(), DeviceError> {
        let Ok(layout) = Layout::of(device.geometry()) else {
            let value = String::from("too small for CURRENT and two logs");
            tell(Field { at_bytes: 0, bytes: 0, name: "device".into(), value, mark: Mark::Bad });
            return Ok(());
        };
        let current = Current::load(device, &layout)?;
        for (slot, area) in layout.slots.iter().enumerate() {
            let mut bytes = [0; SLOT_BYTES as usize];
            let (value, mark) = match area.read(device, 0, &mut bytes) {
                Err(error @ (DeviceError::Unreadable(_) | DeviceError::Io(_))) => {
                    (format!("{error}"), Mark::Bad)
                }
                Err(error) => return Err(error),
                Ok(()) => match Current::decode(&bytes) {
                    None if bytes == [0; SLOT_BYTES as usize] => {
                        (String::from("never written"), Mark::Unread)
                    }
                    None => (String::from("not whole"), Mark::Bad),
                    Some(c) => {
                        let counts = current.is_some_and(|(_, winner)| winner == slot);
                        let value = format!(
                            "sequence {}, log {}, {} entries before it",
                            c.sequence, c.file, c.before
                        );
                        (value, if counts { Mark::Good } else { Mark::Unread })
                    }
                },
            };
            let name = format!("CURRENT slot {slot}");
            tell(Field { at_bytes: area.on_device(0), bytes: SLOT_BYTES, name, value, mark });
        }
        match current {
            Some((current, _)) => {
                inspect_raw_log(device, &layout.files[current.file as usize], tell)
            }
            None => Ok(()),
        }
    }
}
