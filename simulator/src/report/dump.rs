//! The bytes of a finding: what recovery found in the sectors that went wrong, beside what was written
//! there, with the fields named.
//!
//! Method. Of the sectors that are not as written last, the first few are taken. A window is laid on
//! each from the first byte that differs. The image as recovery found it (sectors that it never read as
//! they were written last) is told by the journal's own decoder, and the fields in the window are kept.
//!
//! Invariant: bytes are those that recovery was given. A field is what the journal's decoder says of
//! that image, and a reader that stops says so.
//!
//! What it is not: the whole image. `inspect` tells that.

use journal_core::formats::Format;
use journal_core::{Field, Lba, Mark, MemoryDevice};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::story::{SectorState, SectorStory};
use crate::case::Case;
use crate::disk::Disk;
use crate::journals::{self, Row, Visitor};

/// Sectors shown of each recovery.
const SECTORS_MAX: usize = 2;

/// Bytes shown of each sector: a multiple of a line of sixteen.
const WINDOW: usize = 64;

/// Fields named in each window.
const FIELDS_MAX: usize = 8;

/// Devices up to this size are decoded, bytes: the image is held in memory.
const IMAGE_MAX: u64 = 16 << 20;

/// A window on a sector.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Dump {
    /// The sector.
    pub lba: u64,
    /// Where in the sector the window begins, bytes.
    pub at: u32,
    /// What recovery found, as lower-case hex; none if it could not be read.
    pub found: Option<String>,
    /// What was written there last.
    pub written: Option<String>,
    /// Fields that have bytes in the window, as the journal's decoder tells them of what was found.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<DumpField>,
}

/// A field in a window.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DumpField {
    /// First byte, from the beginning of the sector; of a field that begins before it, 0.
    pub at: u32,
    /// Bytes in this sector.
    pub bytes: u32,
    /// Its name in the byte table.
    pub name: String,
    /// Its value, and what is wrong with it.
    pub value: String,
    /// How a reader takes it: `good`, `stop`, `bad`, `unread`.
    pub reader: String,
}

/// Windows on the sectors that are not as written last.
#[must_use]
pub fn dumps<'d>(
    case: &Case,
    disk: &'d Disk,
    sectors: &[SectorStory],
    newest: &dyn Fn(u64) -> Option<&'d [u8]>,
) -> Vec<Dump> {
    let odd =
        |sector: &&SectorStory| !matches!(sector.state, SectorState::Newest | SectorState::NotRead);
    let odd: Vec<&SectorStory> = sectors.iter().filter(odd).take(SECTORS_MAX).collect();
    if odd.is_empty() {
        return Vec::new();
    }
    let fields = decoded(case, disk, newest);
    odd.into_iter().map(|sector| window(sector.lba, disk, newest(sector.lba), &fields)).collect()
}

fn window(lba: u64, disk: &Disk, written: Option<&[u8]>, fields: &[Field]) -> Dump {
    let found = disk.peek(Lba(lba)).and_then(Result::ok);
    let size = disk.geometry().logical_bytes as usize;
    let first = match (found, written) {
        (Some(found), Some(written)) => {
            found.iter().zip(written).position(|(a, b)| a != b).unwrap_or(0)
        }
        _ => 0,
    };
    let at = (first / 16 * 16).min(size.saturating_sub(WINDOW));
    let hex = |bytes: &[u8]| -> String {
        bytes[at..(at + WINDOW).min(bytes.len())].iter().map(|b| format!("{b:02x}")).collect()
    };
    let begin = lba * size as u64;
    let (from, to) = (begin + at as u64, begin + (at + WINDOW).min(size) as u64);
    let inside = fields.iter().filter(|f| f.at_bytes < to && from < f.at_bytes + f.bytes);
    let told = |field: &Field| {
        let start = field.at_bytes.max(begin);
        let end = (field.at_bytes + field.bytes).min(begin + size as u64);
        DumpField {
            at: (start - begin) as u32,
            bytes: (end - start) as u32,
            name: field.name.clone(),
            value: field.value.clone(),
            reader: match field.mark {
                Mark::Good => "good",
                Mark::Stop => "stop",
                Mark::Bad => "bad",
                Mark::Unread => "unread",
            }
            .to_owned(),
        }
    };
    Dump {
        lba,
        at: at as u32,
        found: found.map(hex),
        written: written.map(hex),
        fields: inside.take(FIELDS_MAX).map(told).collect(),
    }
}

/// What the journal's decoder says of the image that recovery found.
fn decoded<'d>(
    case: &Case,
    disk: &'d Disk,
    newest: &dyn Fn(u64) -> Option<&'d [u8]>,
) -> Vec<Field> {
    let geometry = disk.geometry();
    if geometry.bytes() > IMAGE_MAX {
        return Vec::new();
    }
    let mut image = MemoryDevice::new(geometry, 0);
    let size = geometry.logical_bytes as usize;
    for lba in disk.touched() {
        let bytes = match disk.peek(lba) {
            Some(Ok(bytes)) => bytes,
            Some(Err(_)) => {
                image.lose(lba);
                continue;
            }
            None => match newest(lba.0) {
                Some(bytes) => bytes,
                None => continue,
            },
        };
        let at = lba.0 as usize * size;
        image.bytes_mut()[at..at + size].copy_from_slice(bytes);
    }
    journals::visit(&case.journal, Decode { image }).unwrap_or_default()
}

struct Decode {
    image: MemoryDevice,
}

impl Visitor for Decode {
    type Out = Vec<Field>;

    fn visit<J: Format>(mut self, _: Row, options: J::Options) -> Vec<Field> {
        let mut fields = Vec::new();
        // What the decoder cannot read it tells as a field; an error ends it, and what it told stays.
        let _ = J::inspect(&mut self.image, &options, &mut |field| fields.push(field));
        fields
    }
}
