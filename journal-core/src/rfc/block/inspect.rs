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

use super::codec::{Block, FIELDS, Front, HEAD_BYTES, LAST, Seen};
use super::layout::{self, Layout, Seq};
use super::open_tail::OpenLog;
use super::read::read;
use super::recover::{Cursor, Step};
use super::{BlockJournal, BlockOptions, variant};
use crate::device::{BlockDevice, DeviceError};
use crate::inspect::{Field, Inspect, Mark};
use crate::rfc::header::{HEADER_BYTES, Header};

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
        let Some(header) = pair.inspect(device, options.magic(), tell)? else { return Ok(()) };
        let layout = match Layout::of(options, &header, &pair, geometry) {
            Ok(layout) => layout,
            Err(error) => {
                tell(bad(error.to_string()));
                return Ok(());
            }
        };
        let front = options.front(header.salt, &layout);
        let mut scratch = [0; HEADER_BYTES];
        let mut cursor = Cursor::new(&header, front);
        if options.stays_open() {
            return open_tail(device, options, &layout, &header, front, tell);
        }
        let lap_end = layout.end_of_log(&header);
        let mut stopped = false;
        while cursor.seq < lap_end && !stopped {
            let seq = cursor.seq;
            match read::<false>(device, &layout, seq, front, &mut scratch)? {
                Seen::Good(block) => {
                    stopped = cursor.step(block) == Step::Stop;
                    let mark = if stopped { Mark::Bad } else { Mark::Good };
                    tell_block(layout.at_bytes(seq), block, mark, tell);
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
            if let Seen::Good(block) = read::<false>(device, &layout, seq, front, &mut scratch)? {
                let proves = block.durable_upto() > cursor.seq;
                let mark = if proves { Mark::Bad } else { Mark::Unread };
                tell_block(layout.at_bytes(seq), block, mark, tell);
            }
        }
        Ok(())
    }
}

/// The log of a tail that stays open: the blocks in their places, then the slots.
fn open_tail(
    device: &mut dyn BlockDevice,
    options: &BlockOptions,
    layout: &Layout,
    header: &Header,
    front: Front,
    tell: &mut dyn FnMut(Field),
) -> Result<(), DeviceError> {
    let log = OpenLog::new(device, options, layout, front)?;
    let (last, stop) = log.each(device, header, &mut |at_bytes, block| {
        tell_block(at_bytes, block, Mark::Good, tell);
    })?;
    if !last {
        let mut scratch = [0; HEADER_BYTES];
        tell(whole(layout, stop, read::<false>(device, layout, stop, front, &mut scratch)?));
    }
    Ok(())
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

fn tell_block(start: u64, block: Block<'_>, mark: Mark, tell: &mut dyn FnMut(Field)) {
    let seq = block.seq();
    let mut field = |offset: usize, bytes: usize, name: &str, value: String, mark: Mark| {
        let at_bytes = start + offset as u64;
        tell(Field { at_bytes, bytes: bytes as u64, name: format!("{seq}: {name}"), value, mark });
    };
    let values = [
        block.magic(),
        format!("{:08x}", block.crc()),
        block.mark().to_string(),
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
    let mut entries = block.entries();
    let mut at = entries.begin();
    if at > HEAD_BYTES {
        let values = block.variant_values();
        for ((offset, bytes, name), value) in variant::FIELDS.into_iter().zip(values) {
            field(offset, bytes, name, value.to_string(), mark);
        }
    }
    let mut index = 0;
    while let Some(entry) = entries.next() {
        let name = format!("entry {index}");
        let value = format!("HASH, {} bytes of payload", entry.payload.len());
        if entry.at > at {
            field(at, entry.at - at, "up to the next sector", String::new(), Mark::Unread);
        }
        field(entry.at, entry.bytes.len(), &name, value, mark);
        at = entry.at + entry.bytes.len();
        index += 1;
    }
    let rest = block.bytes().len() - at;
    if rest > 0 {
        field(at, rest, "padding", String::new(), Mark::Unread);
    }
}
