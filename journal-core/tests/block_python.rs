//! V9 as a second reader sees it, written in another language from the specification alone.
//!
//! Runs where `python3` exists. With `TORNWRITE_REQUIRE_PYTHON=1` its absence is a failure.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::Command;

use journal_core::rfc::block::{BlockJournal, BlockOptions};
use journal_core::{End, Geometry, Journal, MemoryDevice, Resume, Survivors};

/// A generator with a published stream (SplitMix64), so that the images are always the same.
struct Stream(u64);

impl Stream {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % n
    }

    fn bytes<const N: usize>(&mut self) -> [u8; N] {
        core::array::from_fn(|_| self.below(256) as u8)
    }
}

/// An image with some history, and then some damage.
fn image(random: &mut Stream) -> (MemoryDevice, BlockOptions) {
    let window = 1 + random.below(4) as u32;
    let block_bytes = if random.below(4) == 0 { 4096 } else { 512 };
    let options = BlockOptions { block_bytes, salted: random.below(4) != 0, window, grid: None };
    let blocks = u64::from(window) * 3 + random.below(12);
    let sectors = 16 + blocks * u64::from(block_bytes) / 512;
    let geometry = Geometry { logical_bytes: 512, physical_bytes: 512, sectors };
    let mut disk = MemoryDevice::new(geometry, 0);
    BlockJournal::format(&mut disk, &options, random.bytes()).unwrap();
    let mut before = disk.clone();
    for _ in 0..1 + random.below(3) {
        let (mut journal, _) = BlockJournal::open(&mut disk, &options, &mut |_| ()).unwrap();
        let forget = random.below(3) == 0;
        let survivors = if forget { Survivors::Forget } else { Survivors::Carry };
        journal.resume(&mut disk, Resume { survivors, entropy: random.bytes() }).unwrap();
        for _ in 0..random.below(14) {
            let mut last = None;
            for _ in 0..1 + random.below(5) {
                let payload = vec![random.below(256) as u8; random.below(252) as usize];
                last = journal.append(&mut disk, &payload).ok().or(last);
            }
            before = disk.clone();
            journal.commit(&mut disk).unwrap();
            if let (Some(last), 0) = (last, random.below(3)) {
                journal.checkpoint(&mut disk, last).unwrap();
            }
        }
    }
    // Each sector of the last commit may be missing.
    if random.below(2) == 0 {
        for sector in 16..sectors as usize {
            let range = sector * 512..(sector + 1) * 512;
            if random.below(2) == 0 {
                let old = &before.bytes()[range.clone()];
                disk.bytes_mut()[range].copy_from_slice(old);
            }
        }
    }
    for _ in 0..random.below(3) {
        let at = random.below(geometry.bytes() - 4096) as usize + 4096;
        disk.bytes_mut()[at] ^= 1 << random.below(8);
    }
    (disk, options)
}

/// What the Python reader prints for this image, if both agree.
fn line(disk: &mut MemoryDevice, options: BlockOptions) -> String {
    let mut hex = String::new();
    let opened = BlockJournal::open(disk, &options, &mut |entry| {
        hex.push_str(" x");
        entry.payload.iter().for_each(|byte| write!(hex, "{byte:02x}").unwrap());
    });
    let verdict = match opened {
        Err(_) => "none",
        Ok((_, opened)) if opened.damage.is_some_and(|damage| damage.proven) => "damage",
        Ok((_, opened)) => match opened.end {
            End::Clean => "clean",
            End::Torn => "torn",
            End::AreaEnd => "full",
        },
    };
    format!("{verdict}{hex}")
}

#[test]
fn python_agrees_on_v9() {
    let python = Command::new("python3").arg("--version").output();
    if python.is_err() {
        let required = std::env::var("TORNWRITE_REQUIRE_PYTHON").is_ok_and(|value| value == "1");
        assert!(!required, "python3 is required and was not found");
        return;
    }
    let folder = std::env::temp_dir().join(format!("tornwrite-v9-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let mut random = Stream(9);
    let mut expected = Vec::new();
    let mut files: Vec<PathBuf> = Vec::new();
    for number in 0..120 {
        let (mut disk, options) = image(&mut random);
        let file = folder.join(format!("{number}.img"));
        std::fs::write(&file, disk.bytes()).unwrap();
        files.push(file);
        expected.push(line(&mut disk, options));
    }
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/decode_v9.py");
    let output = Command::new("python3").arg(script).args(&files).output().unwrap();
    std::fs::remove_dir_all(&folder).unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let found = String::from_utf8(output.stdout).unwrap();
    let found: Vec<&str> = found.lines().collect();
    assert_eq!(found.len(), expected.len());
    for (number, (found, expected)) in found.iter().zip(&expected).enumerate() {
        assert_eq!(found, expected, "image {number}");
    }
    // Not hollow: each verdict that a crash or damage can cause was met, and entries were compared.
    for verdict in ["clean", "torn", "damage"] {
        assert!(expected.iter().filter(|line| line.starts_with(verdict)).count() >= 5, "{verdict}");
    }
    assert!(expected.iter().filter(|line| line.contains(" x")).count() > 40);
}
