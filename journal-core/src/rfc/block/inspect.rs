//! Annotated decoding of a V9 image.
//!
//! The one idea: the same walk as recovery, told field by field; then the blocks that the
//! look-ahead would meet.
//!
//! Invariant: any image is told, and no more blocks of it than the area has.
//!
//! What it is not: the verdict. That is `recover`'s.

use alloc::format;
use alloc::string::{String, ToString};

use super::codec::{Block, FIELDS, Front, HEAD_BYTES, LAST, Seen, TLV_BYTES};
use super::layout::{self, Layout, Seq};
use super::recover::{Cursor, Step, read};
use super::{BlockJournal, BlockOptions};
use crate::device::{BlockDevice, DeviceError};
use crate::inspect::{Field, Inspect, Mark};
use crate::rfc::header::{HEADER_BYTES, Magic};

impl Inspect for BlockJournal {
    fn inspect(
        device: &mut dyn BlockDevice,
        options: &BlockOptions,
        tell: &mut dyn FnMut(Field),
    ) -> Result<(), DeviceError> {
        let geometry = device.geometry();
        let bad = |what: String| Field {
            at_bytes: 0,
            bytes: geometry.bytes(),
            name: "journal".to_string(),
            value: what,
            mark: Mark::Bad,
        };
        let pair = match layout::pair(options, geometry) {
            Ok(pair) => pair,
            Err(error) => {
                tell(bad(error.to_string()));
                return Ok(());
            }
        };
        let Some(header) = pair.inspect(device, Magic::V9, tell)? else { return Ok(()) };
        let layout = match Layout::of(&header, &pair, geometry) {
            Ok(layout) => layout,
            Err(error) => {
                tell(bad(error.to_string()));
                return Ok(());
            }
        };
        let front = Front::new(header.salt);
        let mut scratch = [0; HEADER_BYTES];
        let mut cursor = Cursor::new(&header);
        let lap_end = cursor.seq.plus(u64::from(layout.nblocks));
        let mut stopped = false;
        while cursor.seq < lap_end && !stopped {
            let seq = cursor.seq;
            match read(device, &layout, seq, front, &mut scratch)? {
                Seen::Good(block) => {
                    stopped = cursor.step(block) == Step::Stop;
                    let mark = if stopped { Mark::Bad } else { Mark::Good };
                    tell_block(&layout, block, mark, tell);
                }
                other => {
                    stopped = true;
                    tell(whole(&layout, seq, other));
                }
            }
        }
        let last = cursor.seq.plus(u64::from(layout.window)).0.min(lap_end.0.saturating_sub(1));
        for number in cursor.seq.0 + 1..=last {
            let seq = Seq(number);
            if let Seen::Good(block) = read(device, &layout, seq, front, &mut scratch)? {
                let proves = block.durable_upto() > cursor.seq;
                tell_block(&layout, block, if proves { Mark::Bad } else { Mark::Unread }, tell);
            }
        }
        Ok(())
    }
}

/// A place that does not hold its block.
fn whole(layout: &Layout, seq: Seq, seen: Seen<'_>) -> Field {
    let (value, mark) = match seen {
        Seen::Unreadable => ("unreadable", Mark::Bad),
        Seen::Claims => ("says that it is this block, and fails a check", Mark::Bad),
        _ => ("not this block: the log ends", Mark::Stop),
    };
    Field {
        at_bytes: layout.at_bytes(seq),
        bytes: u64::from(layout.block_bytes),
        name: seq.to_string(),
        value: value.to_string(),
        mark,
    }
}

fn tell_block(layout: &Layout, block: Block<'_>, mark: Mark, tell: &mut dyn FnMut(Field)) {
    let seq = block.seq();
    let start = layout.at_bytes(seq);
    let mut field = |offset: usize, bytes: usize, name: &str, value: String, mark: Mark| {
        let at_bytes = start + offset as u64;
        tell(Field { at_bytes, bytes: bytes as u64, name: format!("{seq}: {name}"), value, mark });
    };
    let values = [
        "qjb9".to_string(),
        format!("{:08x}", block.crc()),
        seq.0.to_string(),
        block.durable_upto().0.to_string(),
        block.used().to_string(),
        match (block.is_first(), block.flags() & LAST != 0) {
            (true, true) => "FIRST LAST",
            (true, false) => "FIRST",
            (false, true) => "LAST",
            (false, false) => "within a commit",
        }
        .to_string(),
        format!("{:08x}", block.prev_crc()),
    ];
    for ((offset, bytes, name), value) in FIELDS.into_iter().zip(values) {
        field(offset, bytes, name, value, mark);
    }
    let mut at = HEAD_BYTES;
    for (index, payload) in block.payloads().enumerate() {
        let name = format!("entry {index}");
        let bytes = TLV_BYTES + payload.len();
        field(at, bytes, &name, format!("HASH, {} bytes of payload", payload.len()), mark);
        at += bytes;
    }
    let rest = layout.block_bytes as usize - at;
    if rest > 0 {
        field(at, rest, "padding", String::new(), Mark::Unread);
    }
}
