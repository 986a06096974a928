//! The image of a stream journal, told field by field.
//!
//! The one idea: the same walk as recovery's, so what is told good here is what a reader believes,
//! and the last field is where it stops and why.
//!
//! Invariant: any image can be told; one without a valid header ends after the header's fields.
//!
//! What it is not: a search. What lies beyond the stop is told as not read.

use alloc::format;
use alloc::string::String;

use crate::device::{BlockDevice, DeviceError};
use crate::inspect::{Field, Inspect, Mark};
use crate::journal::Error;
use crate::rfc::entry::{CLUSTER_BYTES, HEAD_BYTES, Kind, LogOffset};
use crate::rfc::header::HeaderPair;
use crate::rfc::strategy::CommitRule;

use super::decide::Row;
use super::recover::{Log, Step};
use super::slot::{FIELDS, Tails, byte};
use super::{StreamJournal, StreamOptions};

impl Inspect for StreamJournal {
    fn inspect(
        device: &mut dyn BlockDevice,
        options: &StreamOptions,
        tell: &mut dyn FnMut(Field),
    ) -> Result<(), DeviceError> {
        if options.has_header()
            && let Ok(pair) = HeaderPair::new(CLUSTER_BYTES, device.geometry())
        {
            pair.inspect(device, options.magic(), tell)?;
        }
        let journal = match StreamJournal::start(device, options) {
            Ok((journal, _)) => journal,
            Err(Error::Device(error)) => return Err(error),
            Err(why) => {
                let bytes = device.geometry().bytes();
                let value = format!("{why}");
                tell(Field { at_bytes: 0, bytes, name: "journal".into(), value, mark: Mark::Bad });
                return Ok(());
            }
        };
        let tails = journal.tails(device)?;
        tails.iter().for_each(|tails| tell_slots(tails, options.slots_from(), tell));
        let until = match options.commit {
            CommitRule::Pointer => Some(LogOffset(journal.header.pointer)),
            _ => None,
        };
        let log = Log { tails: tails.as_ref(), until, ..journal.log() };
        let mut index = 0;
        let walk = log.walk(device, |step| {
            tell_step(&log, &step, index, tell);
            index += u64::from(step.row == Row::Entry);
        })?;
        let (_, what) = walk.row.end().expect("a walk ends at a row that ends it");
        if walk.row == Row::AreaEnd {
            return Ok(());
        }
        let left = CLUSTER_BYTES as usize - walk.at.in_cluster();
        tell(Field {
            at_bytes: log.area.byte(walk.at),
            bytes: HEAD_BYTES.min(left) as u64,
            name: format!("stop: {:?}", walk.row),
            value: what.map_or(String::new(), |what| format!("expected {what}")),
            mark: if what.is_some() { Mark::Bad } else { Mark::Stop },
        });
        if left > HEAD_BYTES {
            tell(Field {
                at_bytes: log.area.byte(walk.at.plus(HEAD_BYTES)),
                bytes: (left - HEAD_BYTES) as u64,
                name: "rest of the cluster".into(),
                value: String::new(),
                mark: Mark::Unread,
            });
        }
        Ok(())
    }
}

fn tell_slots(tails: &Tails, slots_from: u64, tell: &mut dyn FnMut(Field)) {
    for (which, slot) in (0..).zip(tails.slots()) {
        let name = format!("tail slot {which}");
        let (bytes, value, mark) = match slot {
            Some(slot) => {
                let value = format!(
                    "number {}, {} bytes of the unit at log offset {}",
                    slot.number, slot.used, slot.home.0
                );
                ((FIELDS + slot.used) as u64, value, Mark::Good)
            }
            None => (FIELDS as u64, "not valid in this generation".into(), Mark::Unread),
        };
        tell(Field { at_bytes: byte(slots_from, which), bytes, name, value, mark });
    }
}

fn tell_step(log: &Log<'_>, step: &Step<'_>, index: u64, tell: &mut dyn FnMut(Field)) {
    let name = match step.row {
        Row::Entry => format!("entry {index}"),
        Row::Jump => "END".into(),
        Row::Pad if step.entry.kind == Kind::Record => "RECORD".into(),
        Row::Pad => "PAD".into(),
        _ => "unknown entry".into(),
    };
    let mut field = |from: usize, to: usize, what: &str, value: String, mark: Mark| {
        if from < to {
            let at = LogOffset(step.at.0 + from as u64);
            let (at_bytes, bytes) = (log.area.byte(at), (to - from) as u64);
            tell(Field { at_bytes, bytes, name: format!("{name}: {what}"), value, mark });
        }
    };
    let size = step.entry.size;
    let kind = match step.entry.kind {
        Kind::End => 1,
        Kind::Hash => 2,
        Kind::Pad => 3,
        Kind::Record => 4,
        Kind::Other(other) => other,
    };
    field(0, 1, "size", format!("{size}"), Mark::Good);
    field(1, HEAD_BYTES, "type", format!("{kind}"), Mark::Good);
    let sum = log.dialect.sum;
    let front = log.dialect.front_bytes();
    field(HEAD_BYTES, front, "cluster", format!("{}", step.at.cluster()), Mark::Good);
    if step.row == Row::Jump {
        let end = log.dialect.end_bytes();
        field(front, end, "checksum", sum.name().into(), Mark::Good);
        field(end, size, "rest", String::new(), Mark::Unread);
        return;
    }
    let payload = size - sum.bytes();
    let hex =
        step.entry.payload.iter().take(8).fold(String::new(), |text, b| text + &format!("{b:02x}"));
    let more = if step.entry.payload.len() > 8 { ".." } else { "" };
    field(front, payload, "payload", format!("{hex}{more}"), Mark::Good);
    field(payload, size, "checksum", sum.name().into(), Mark::Good);
}
