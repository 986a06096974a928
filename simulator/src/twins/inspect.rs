//! Annotated decoding of a twin's image: the two slots, then record after record.
//!
//! The one idea: the same reader as recovery's, told field by field.
//!
//! Invariant: works on any bytes.
//!
//! What it is not: recovery; it looks only at the area of the header that counts.

use journal_core::{BlockDevice, DeviceError, Error, Field, Inspect, Mark};

use super::bytes::{self, Header};
use super::layout::Layout;
use super::recover::{self, Seen};
use super::{TwinLog, TwinOptions};

impl Inspect for TwinLog {
    fn inspect(
        device: &mut dyn BlockDevice,
        options: &TwinOptions,
        tell: &mut dyn FnMut(Field),
    ) -> Result<(), DeviceError> {
        let options = *options;
        let Ok(layout) = Layout::new(options, device.geometry()) else { return Ok(()) };
        for slot in 0..2 {
            let mut sector = vec![0; layout.sector as usize];
            let read = device.read(layout.slot(slot), &mut sector);
            let (value, mark) = match (read, Header::parse(&sector)) {
                (Err(DeviceError::Unreadable(_)), _) => ("unreadable".to_owned(), Mark::Bad),
                (Err(error), _) => return Err(error),
                (Ok(()), None) => ("no header, or a torn one".to_owned(), Mark::Bad),
                (Ok(()), Some(header)) => (format!("{header:?}"), Mark::Good),
            };
            tell(Field {
                at_bytes: layout.slot(slot).0 * layout.sector,
                bytes: bytes::HEADER_BYTES as u64,
                name: format!("slot {slot}"),
                value,
                mark,
            });
        }
        let Ok((header, _)) = recover::newest(device, options, &layout) else { return Ok(()) };
        let mut at = 0;
        for number in 0u64.. {
            if !layout.has_room(at) {
                break;
            }
            let seen = match recover::see(device, options, &layout, &header, at) {
                Ok(seen) => seen,
                Err(Error::Device(error)) => return Err(error),
                Err(_) => break,
            };
            let head = bytes::HEAD_BYTES as u64;
            let (bytes, value, mark) = match &seen {
                Seen::Good(head, _, end) => (end - at, format!("{head:?}"), Mark::Good),
                Seen::Bad(head, end) => {
                    (end - at, format!("{head:?}: the checksum is wrong"), Mark::Bad)
                }
                Seen::Nothing { .. } => {
                    (head, "no record of this generation".to_owned(), Mark::Stop)
                }
                Seen::Unreadable => (head, "unreadable".to_owned(), Mark::Bad),
            };
            let at_bytes = layout.at_bytes(header.area, at);
            tell(Field { at_bytes, bytes, name: format!("record {number}"), value, mark });
            match seen {
                Seen::Good(_, _, end) => at = layout.aligned(end),
                _ => break,
            }
        }
        Ok(())
    }
}
