//! V8r, read by a decoder that shares nothing with this crate but the description.
//!
//! Where there is no `python3` the comparison is left out, and says so; with the environment
//! variable `TORNWRITE_REQUIRE_PYTHON` set to 1 its absence is a failure.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::stream_support::{Random, disk, fresh, open, options};
use journal_core::{BlockDevice, End, Journal, MemoryDevice};

const BYTES: u64 = 5 * 4096;

/// Random entries in a formatted area, as many as `count`.
fn written(random: &mut Random, count: u64) -> MemoryDevice {
    let mut disk = disk(512, 512, BYTES, 0);
    let mut journal = fresh(&mut disk, &options("v8r"));
    // Small ones, large ones, and a mixture.
    let (least, span) = [(0, 12), (230, 22), (0, 252)][random.below(3) as usize];
    for _ in 0..count {
        let size = least + random.below(span);
        let payload: Vec<u8> = (0..size).map(|_| random.next() as u8).collect();
        if journal.append(&mut disk, &payload).is_err() {
            break;
        }
    }
    journal.commit(&mut disk).unwrap();
    disk
}

/// An image: whole, torn in a sector, with damaged bytes, or of no journal at all.
fn image(seed: u64) -> MemoryDevice {
    let mut random = Random(seed);
    let count = random.below(300);
    let mut disk = written(&mut random, count);
    match seed % 4 {
        1 => {
            let at = random.below(BYTES / 512) as usize * 512;
            let fill = [0x00, 0xff][random.below(2) as usize];
            disk.bytes_mut()[at..at + 512].fill(fill);
        }
        2 => {
            for _ in 0..1 + random.below(4) {
                let at = random.below(BYTES) as usize;
                disk.bytes_mut()[at] =
                    [0, 1, 2, 0xff, random.next() as u8][random.below(5) as usize];
            }
        }
        3 if seed % 8 == 7 => {
            disk.bytes_mut().iter_mut().for_each(|byte| *byte = random.below(12) as u8);
        }
        _ => {}
    }
    disk
}

/// What this crate reads, in the words of the other decoder.
fn read_here(disk: &mut MemoryDevice) -> String {
    let (_, opened, entries) = open(disk, &options("v8r"));
    let mut text = String::new();
    for entry in entries {
        if entry.is_empty() {
            text.push('-');
        }
        for byte in entry {
            write!(text, "{byte:02x}").unwrap();
        }
        text.push('\n');
    }
    let reason = match opened.end {
        End::Clean => "end",
        End::Torn => "corrupt",
        End::AreaEnd => "full",
    };
    write!(text, "stop {reason}").unwrap();
    if let Some(damage) = opened.damage {
        write!(text, " {}", damage.at_bytes).unwrap();
    }
    text
}

/// Whether there is a Python, by asking it.
fn python() -> bool {
    Command::new("python3").arg("--version").output().is_ok_and(|output| output.status.success())
}

/// A folder of its own for the images, removed in the end.
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn python_agrees() {
    if !python() {
        let required = std::env::var("TORNWRITE_REQUIRE_PYTHON").is_ok_and(|value| value == "1");
        assert!(!required, "TORNWRITE_REQUIRE_PYTHON is 1 and python3 does not run");
        eprintln!("left out: no python3");
        return;
    }
    let name = format!("tornwrite-python-agrees-{}", std::process::id());
    let folder = Folder(std::env::temp_dir().join(name));
    std::fs::create_dir_all(&folder.0).unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/decode_v8.py");
    let mut command = Command::new("python3");
    command.arg(script);
    let mut here = Vec::new();
    for seed in 0..400 {
        let mut disk = image(seed);
        here.push(read_here(&mut disk));
        let path = folder.0.join(format!("{seed:03}.img"));
        std::fs::write(&path, disk.bytes()).unwrap();
        assert_eq!(disk.geometry().bytes(), BYTES);
        command.arg(path);
    }
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();

    let mut lines = text.lines();
    let mut reasons = [0; 3];
    for (seed, here) in here.iter().enumerate() {
        let mut there: Vec<&str> = Vec::new();
        for line in lines.by_ref() {
            there.push(line);
            if line.starts_with("stop") {
                break;
            }
        }
        let there = there.join("\n");
        // Only a corrupt stop has a place in `Opened`.
        let comparable = if there.contains("corrupt") {
            there.as_str()
        } else {
            there.rsplit_once(' ').unwrap().0
        };
        assert_eq!(here, comparable, "image {seed}");
        for (count, reason) in reasons.iter_mut().zip(["stop end", "stop corrupt", "stop full"]) {
            *count += usize::from(there.contains(reason));
        }
    }
    assert_eq!(lines.next(), None);
    assert!(reasons[0] > 50 && reasons[1] > 50, "a hollow pass: {reasons:?}");
}
