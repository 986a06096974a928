//! An SQLite WAL, told byte by byte.
//!
//! The one idea: the recovery reader tells its frames; the header and the frame it stopped at are
//! told from the bytes.
//!
//! What it is not: a decoder of database pages.

use alloc::format;
use alloc::string::String;

use super::SqliteWal;
use super::frame::{FRAME_HEADER_BYTES, FrameHeader, HEADER_BYTES, HeaderRead, WalHeader};
use super::reader::{Stop, read_wal};
use crate::device::{BlockDevice, DeviceError};
use crate::formats::page_cache::Area;
use crate::inspect::{Field, Inspect, Mark};

/// Tells the fields of a WAL file that lies in `area`.
///
/// # Errors
/// The device's, besides unreadable sectors, which are told.
pub fn inspect_raw_log(
    device: &mut dyn BlockDevice,
    area: &Area,
    tell: &mut dyn FnMut(Field),
) -> Result<(), DeviceError> {
    if area.bytes() < HEADER_BYTES {
        return Ok(());
    }
    let mut bytes = [0; HEADER_BYTES as usize];
    if let Err(error) = area.read(device, 0, &mut bytes) {
        return lost(area, 0, HEADER_BYTES, error, tell);
    }
    let header = WalHeader::decode(&bytes);
    tell_header(area, &bytes, header, tell);
    let HeaderRead::Valid(wal, _) = header else {
        return Ok(());
    };
    let mut chained = 0;
    let mut committed = 0;
    let read = read_wal(device, area, &mut |frame| {
        chained = frame.number;
        if frame.header.commits() {
            committed = frame.number;
        }
        tell_frame(area.on_device(frame.at_bytes), frame.number, &frame.header, frame.page, tell);
    });
    let at = wal.frame_at(chained + 1);
    let found = match read {
        Ok(found) => found,
        Err(error) => {
            let bytes = wal.frame_bytes().min(area.bytes().saturating_sub(at));
            return lost(area, at, bytes, error, tell);
        }
    };
    let (value, mark) = match found.stop {
        Stop::NoHeader | Stop::FileEnd => (String::from("the file ends"), Mark::Stop),
        Stop::Salt => {
            let mut bytes = [0; FRAME_HEADER_BYTES as usize];
            // It was read a moment ago.
            if let Err(error) = area.read(device, at, &mut bytes) {
                return lost(area, at, FRAME_HEADER_BYTES, error, tell);
            }
            let [salt1, salt2] = FrameHeader::decode(&bytes).salts;
            (format!("salts {salt1:08x} {salt2:08x}: another generation"), Mark::Stop)
        }
        Stop::PageNumber => (String::from("page number 0"), Mark::Stop),
        Stop::Sum => (String::from("does not continue the sum"), Mark::Bad),
    };
    let name = format!("end: {committed} of {chained} frames committed");
    let bytes = FRAME_HEADER_BYTES.min(area.bytes().saturating_sub(at));
    tell(Field { at_bytes: area.on_device(at), bytes, name, value, mark });
    Ok(())
}

fn lost(
    area: &Area,
    at: u64,
    bytes: u64,
    error: DeviceError,
    tell: &mut dyn FnMut(Field),
) -> Result<(), DeviceError> {
    match error {
        DeviceError::Unreadable(_) | DeviceError::Io(_) => {
            let (name, value) = (String::from("unreadable"), format!("{error}: SQLite refuses"));
            tell(Field { at_bytes: area.on_device(at), bytes, name, value, mark: Mark::Bad });
            Ok(())
        }
        other => Err(other),
    }
}

fn tell_header(
    area: &Area,
    bytes: &[u8; HEADER_BYTES as usize],
    header: HeaderRead,
    tell: &mut dyn FnMut(Field),
) {
    let mark = match header {
        HeaderRead::Valid(..) => Mark::Good,
        HeaderRead::Nothing if bytes.iter().all(|&byte| byte == 0) => Mark::Stop,
        _ => Mark::Bad,
    };
    let names = [
        "magic",
        "version",
        "page size",
        "checkpoint sequence",
        "salt 1",
        "salt 2",
        "sum 1",
        "sum 2",
    ];
    for (i, (name, word)) in names.into_iter().zip(bytes.chunks_exact(4)).enumerate() {
        let word = u32::from_be_bytes([word[0], word[1], word[2], word[3]]);
        let value = match i {
            1..4 => format!("{word}"),
            _ => format!("{word:#010x}"),
        };
        let name = format!("header: {name}");
        tell(Field { at_bytes: area.on_device(4 * i as u64), bytes: 4, name, value, mark });
    }
}

fn tell_frame(
    at: u64,
    number: u64,
    header: &FrameHeader,
    page: &[u8],
    tell: &mut dyn FnMut(Field),
) {
    let commit = match header.commits() {
        true => format!("{}: commits", header.database_pages),
        false => String::from("0: does not commit"),
    };
    let [salt1, salt2] = header.salts;
    let fields = [
        (0, 4, "page number", format!("{}", header.page_number)),
        (4, 4, "database size", commit),
        (8, 8, "salts", format!("{salt1:08x} {salt2:08x}")),
        (16, 8, "sums", format!("{:08x} {:08x}", header.sums.0, header.sums.1)),
        (24, page.len() as u64, "page", format!("{} bytes", page.len())),
    ];
    for (offset, bytes, part, value) in fields {
        let name = format!("frame {number}: {part}");
        tell(Field { at_bytes: at + offset, bytes, name, value, mark: Mark::Good });
    }
}

impl Inspect for SqliteWal {
    fn inspect(
        device: &mut dyn BlockDevice,
        _: &Self::Options,
        tell: &mut dyn FnMut(Field),
    ) -> Result<(), DeviceError> {
        let geometry = device.geometry();
        match Area::new(geometry, 0, geometry.bytes()) {
            Ok(area) => inspect_raw_log(device, &area, tell),
            Err(error) => {
                let value = format!("{error}");
                let (at_bytes, bytes, mark) = (0, 0, Mark::Bad);
                tell(Field { at_bytes, bytes, name: "device".into(), value, mark });
                Ok(())
            }
        }
    }
}
