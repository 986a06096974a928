//! `inspect`: what each byte of a journal image means, and where a reader would stop.
//!
//! The one idea: the journal tells its fields, this prints them beside the bytes.
//!
//! Invariant: any bytes are told; nothing is written.

use std::fs::File;
use std::io::Read;
use std::path::PathBuf;

use journal_core::formats::page_cache::Area;
use journal_core::formats::{Format, leveldb, sqlite_wal};
use journal_core::{DeviceError, Field, Geometry, Mark, MemoryDevice};
use serde::Serialize;
use simulator::journals::{self, Row, Visitor};
use simulator::report::text::wrap;

use super::exit::{Exit, Failure};
use super::screen::Screen;

/// Largest image taken, bytes: it is held in memory.
const IMAGE_BYTES_MAX: u64 = 256 << 20;

/// Lines of the hexdump of one field.
const DUMP_LINES_MAX: usize = 4;

/// What to inspect.
#[derive(Clone, Debug, clap::Args)]
pub struct Arguments {
    /// The image
    file: PathBuf,
    /// Whose image it is: a name of `list journals`, or a strategy by its five answers
    #[arg(long, value_name = "NAME", value_parser = super::journal_names())]
    journal: String,
    /// Bytes of the logical sector of the device that the image is of
    #[arg(long, value_name = "N", default_value_t = 512, value_parser = sector)]
    sector_bytes: u32,
    /// The file is a bare log as the program itself writes it (leveldb, sqlite-wal), and not the
    /// image of a device
    #[arg(long)]
    raw: bool,
}

fn sector(text: &str) -> Result<u32, String> {
    let wrong = || format!("expected a power of two from 512 to 65536, found `{text}`");
    let bytes: u32 = text.parse().map_err(|_| wrong())?;
    if bytes.is_power_of_two() && (512..=65536).contains(&bytes) { Ok(bytes) } else { Err(wrong()) }
}

/// A field with its bytes.
#[derive(Debug, Serialize)]
struct Told {
    at_bytes: u64,
    bytes: u64,
    name: String,
    value: String,
    reader: &'static str,
    hex: String,
}

#[derive(Debug, Serialize)]
struct Inspected {
    journal: String,
    image_bytes: u64,
    /// The first place where a reader stops, as an index of the fields.
    stops_at: Option<usize>,
    fields: Vec<Told>,
}

struct Tell<'d> {
    device: &'d mut MemoryDevice,
    fields: &'d mut Vec<Field>,
}

impl Visitor for Tell<'_> {
    type Out = Result<(), DeviceError>;

    fn visit<J: Format>(self, _: Row, options: J::Options) -> Self::Out {
        J::inspect(self.device, &options, &mut |field| self.fields.push(field))
    }
}

/// Inspects.
pub fn run(arguments: &Arguments, screen: &Screen) -> Result<Exit, Failure> {
    let name = arguments.file.display();
    let io = |e: std::io::Error| Failure::new(Exit::Io, format!("cannot read {name}: {e}"));
    let file = File::open(&arguments.file).map_err(io)?;
    let mut image = Vec::new();
    file.take(IMAGE_BYTES_MAX + 1).read_to_end(&mut image).map_err(io)?;
    let bad = |what: String| Failure::new(Exit::BadData, format!("{name}: {what}"));
    if image.len() as u64 > IMAGE_BYTES_MAX {
        return Err(bad(format!("expected at most {IMAGE_BYTES_MAX} bytes, found more")));
    }
    if image.is_empty() {
        return Err(bad("expected an image, found an empty file".to_owned()));
    }
    let sector = arguments.sector_bytes;
    let sectors = (image.len() as u64).div_ceil(u64::from(sector));
    let geometry = Geometry { logical_bytes: sector, physical_bytes: sector, sectors };
    let mut device = MemoryDevice::new(geometry, 0);
    device.bytes_mut()[..image.len()].copy_from_slice(&image);
    let mut fields = Vec::new();
    let told = if arguments.raw {
        raw(arguments, &mut device, image.len() as u64, &mut fields)?
    } else {
        let tell = Tell { device: &mut device, fields: &mut fields };
        journals::visit(&arguments.journal, tell)
            .ok_or_else(|| Failure::new(Exit::Ours, "a listed journal is not there"))?
    };
    told.map_err(|error| bad(error.to_string()))?;
    let stop = fields.iter().position(|field| matches!(field.mark, Mark::Stop | Mark::Bad));
    let told = |field: Field| {
        let bytes = device.bytes();
        let from = usize::try_from(field.at_bytes).map_or(bytes.len(), |at| at.min(bytes.len()));
        let len =
            usize::try_from(field.bytes).map_or(bytes.len(), |len| len.min(bytes.len() - from));
        let shown = &bytes[from..from + len.min(DUMP_LINES_MAX * 16)];
        Told {
            at_bytes: field.at_bytes,
            bytes: field.bytes,
            name: field.name,
            value: field.value,
            reader: match field.mark {
                Mark::Good => "good",
                Mark::Stop => "stop",
                Mark::Bad => "bad",
                Mark::Unread => "unread",
            },
            hex: shown.iter().map(|byte| format!("{byte:02x}")).collect(),
        }
    };
    let inspected = Inspected {
        journal: arguments.journal.clone(),
        image_bytes: image.len() as u64,
        stops_at: stop,
        fields: fields.into_iter().map(told).collect(),
    };
    screen.show(&inspected, || text(&inspected, device.bytes(), screen.look.width))?;
    Ok(Exit::Clean)
}

fn raw(
    arguments: &Arguments,
    device: &mut MemoryDevice,
    bytes: u64,
    fields: &mut Vec<Field>,
) -> Result<Result<(), DeviceError>, Failure> {
    let whole = bytes.next_multiple_of(u64::from(arguments.sector_bytes));
    let area = Area::new(journal_core::BlockDevice::geometry(device), 0, whole)
        .map_err(|error| Failure::new(Exit::BadData, error.to_string()))?;
    let tell = &mut |field| fields.push(field);
    match arguments.journal.as_str() {
        name if name.starts_with("leveldb") => Ok(leveldb::inspect_raw_log(device, &area, tell)),
        name if name.starts_with("sqlite-wal") => {
            Ok(sqlite_wal::inspect_raw_log(device, &area, tell))
        }
        name => {
            let said = format!("--raw: expected leveldb or sqlite-wal, found {name}");
            Err(Failure::new(Exit::BadData, said))
        }
    }
}

fn text(inspected: &Inspected, image: &[u8], width: usize) -> String {
    let mut out = format!(
        "{} in an image of {} bytes   (* believed, | the reader stops, ! wrong, . not read)\n\n",
        inspected.journal, inspected.image_bytes
    );
    for (i, field) in inspected.fields.iter().enumerate() {
        let sign = match field.reader {
            "good" => '*',
            "stop" => '|',
            "bad" => '!',
            _ => '.',
        };
        let value =
            if field.value.is_empty() { String::new() } else { format!(" = {}", field.value) };
        let here = if inspected.stops_at == Some(i) { "   <- a reader stops here" } else { "" };
        let head = format!("{:08x} {sign} ", field.at_bytes);
        out += &wrap(&head, &format!("{}{value}{here}", field.name), width);
        let from = (field.at_bytes as usize).min(image.len());
        dump(&image[from..from + field.hex.len() / 2], &mut out);
        let hidden = field.bytes.saturating_sub(field.hex.len() as u64 / 2);
        if hidden > 0 {
            out += &format!("           ... {hidden} more bytes\n");
        }
    }
    match inspected.stops_at {
        Some(at) => {
            let field = &inspected.fields[at];
            out += &format!("\nA reader stops at byte {} ({}).\n", field.at_bytes, field.name);
        }
        None => out += "\nA reader believes all of it and stops at the end of the area.\n",
    }
    out
}

/// Sixteen bytes a line.
fn dump(bytes: &[u8], out: &mut String) {
    for sixteen in bytes.chunks(16) {
        let hex: Vec<String> = sixteen.iter().map(|byte| format!("{byte:02x}")).collect();
        let plain = |byte: &u8| if byte.is_ascii_graphic() { char::from(*byte) } else { '.' };
        let ascii: String = sixteen.iter().map(plain).collect();
        *out += &format!("           {:<47}  {ascii}\n", hex.join(" "));
    }
}
