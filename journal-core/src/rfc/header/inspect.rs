//! The header pair, told field by field.
//!
//! The one idea: a copy that is not valid is one field, with the reason; of the valid ones that one
//! is believed that a reader would take.
//!
//! What it is not: a second opinion. It asks what recovery asks.

use alloc::format;
use alloc::string::{String, ToString};

use super::{
    CRC, CopyState, FILLER, GENERATION, HEADER_BYTES, HEADER_SEQ, Header, HeaderPair, MAGIC, Magic,
    NBLOCKS, POINTER, SALT, START_PREV_CRC, START_SEQ, STRATEGY, UNIT_BYTES, WINDOW, u32_at,
};
use crate::device::{BlockDevice, DeviceError};
use crate::inspect::{Field, Mark};
use crate::journal::Error;

impl HeaderPair {
    /// Tells the fields of both copies, for [`crate::Inspect`], and returns the header that
    /// counts.
    ///
    /// # Errors
    /// Device errors other than unreadable sectors.
    pub fn inspect(
        &self,
        device: &mut dyn BlockDevice,
        magic: Magic,
        tell: &mut dyn FnMut(Field),
    ) -> Result<Option<Header>, DeviceError> {
        let newest = match self.read_newest(device, magic) {
            Ok(newest) => Some(newest.header),
            Err(Error::Device(error)) => return Err(error),
            Err(_) => None,
        };
        for copy in 0..2 {
            let state = self.read_copy(device, magic, copy)?;
            let at_bytes = copy * HEADER_BYTES as u64;
            let name = if copy == 0 { "header A" } else { "header B" };
            let mut field = |offset: usize, bytes: usize, what: &str, value: String, mark: Mark| {
                let at_bytes = at_bytes + offset as u64;
                tell(Field {
                    at_bytes,
                    bytes: bytes as u64,
                    name: format!("{name}{what}"),
                    value,
                    mark,
                });
            };
            let header = match state {
                CopyState::Good(header) => header,
                CopyState::Unreadable(first) => {
                    // Reading, unlike a checksum, names the sector itself.
                    let lba = match device.read(first, &mut [0; HEADER_BYTES]) {
                        Err(DeviceError::Unreadable(lba)) => lba,
                        _ => first,
                    };
                    field(0, HEADER_BYTES, "", format!("{lba} is unreadable"), Mark::Bad);
                    continue;
                }
                CopyState::Bad(why) => {
                    field(0, HEADER_BYTES, "", why.to_string(), Mark::Bad);
                    continue;
                }
            };
            let mark = if newest == Some(header) { Mark::Good } else { Mark::Unread };
            let crc = u32_at(&header.encode(magic), CRC);
            let salt = u128::from_be_bytes(header.salt.0);
            field(MAGIC, 8, ": magic", String::from_utf8_lossy(&magic.0[..7]).into(), mark);
            field(CRC, 4, ": crc", format!("{crc:08x}"), mark);
            field(UNIT_BYTES, 4, ": unit_bytes", header.unit_bytes.to_string(), mark);
            field(HEADER_SEQ, 8, ": header_seq", header.header_seq.0.to_string(), mark);
            field(GENERATION, 8, ": generation", header.generation.0.to_string(), mark);
            field(SALT, 16, ": salt", format!("{salt:032x}"), mark);
            field(START_SEQ, 8, ": start_seq", header.start_seq.to_string(), mark);
            field(NBLOCKS, 4, ": nblocks", header.nblocks.to_string(), mark);
            field(WINDOW, 4, ": window", header.window.to_string(), mark);
            let chained = format!("{:08x}", header.start_prev_crc);
            field(START_PREV_CRC, 4, ": start_prev_crc", chained, mark);
            let mut filler = STRATEGY;
            if header.strategy != Header::UNSPELLED {
                filler = FILLER;
                field(STRATEGY, 4, ": strategy", format!("{:08x}", header.strategy), mark);
                let pointer = match header.pointer {
                    Header::POINTLESS => "none".to_string(),
                    place => place.to_string(),
                };
                field(POINTER, 8, ": pointer", pointer, mark);
            }
            field(filler, HEADER_BYTES - filler, ": filler", String::new(), Mark::Unread);
        }
        Ok(newest)
    }
}
