//! A device that would rather be asked part by part is told the same by a journal, and asked of the same sectors.
//!
//! Method. Every journal, and every point of the grid, with a few commits in it; then bits flip, sectors are lost
//! or go back to zeros, the newest ones mostly. The same image is opened twice: on a device that is asked for all
//! bytes at once, and on one that says that it pays to ask by parts. What is shown, what is told of it, and
//! which sectors were read must be equal, these unless the device can hardly say anything of a sector.

use std::collections::BTreeSet;

use journal_core::formats::leveldb::{self, LevelDb};
use journal_core::formats::sqlite_wal::{self, SqliteWal};
use journal_core::rfc::{RfcJournal, RfcOptions, Strategy};
use journal_core::{
    BlockDevice, DeviceError, Entropy, Geometry, Journal, Lba, MemoryDevice, Resume, Survivors,
    Write,
};

const GEOMETRY: Geometry = Geometry { logical_bytes: 512, physical_bytes: 4096, sectors: 256 };

/// Of which sectors a device says that it does not know what they hold.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Doubts {
    One(Lba),
    /// Of all, and much.
    All,
}

/// Notes what is read.
struct Asked {
    below: MemoryDevice,
    by_parts: bool,
    doubts: Doubts,
    read: BTreeSet<u64>,
}

impl BlockDevice for Asked {
    fn geometry(&self) -> Geometry {
        self.below.geometry()
    }

    fn read(&mut self, at: Lba, into: &mut [u8]) -> Result<(), DeviceError> {
        self.read.extend(at.0..at.0 + (into.len() / 512) as u64);
        self.below.read(at, into)
    }

    fn write(&mut self, writes: &[Write<'_>]) -> Result<(), DeviceError> {
        self.below.write(writes)
    }

    fn flush(&mut self) -> Result<(), DeviceError> {
        self.below.flush()
    }

    fn discard(&mut self, at: Lba, sectors: u64) -> Result<(), DeviceError> {
        self.below.discard(at, sectors)
    }

    fn pays_by_parts(&self) -> bool {
        self.by_parts
    }

    fn doubts(&self, at: Lba) -> u32 {
        match self.doubts {
            Doubts::One(unknown) => u32::from(at == unknown),
            Doubts::All => 2,
        }
    }
}

struct Rng(u64);

impl Rng {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
        (self.0 >> 33) as usize % n
    }
}

fn opened<J: Journal>(
    image: &MemoryDevice,
    options: &J::Options,
    (by_parts, doubts): (bool, Doubts),
) -> (String, BTreeSet<u64>) {
    let mut device = Asked { below: image.clone(), by_parts, doubts, read: BTreeSet::new() };
    let mut shown = Vec::new();
    let result = J::open(&mut device, options, &mut |entry| {
        shown.push((entry.lsn, entry.payload.to_vec()));
    });
    let told = result.map(|(_, opened)| opened);
    (format!("{told:?} {shown:?}"), device.read)
}

/// Opens damaged images of a journal both ways, and fails where it is not told the same.
fn told_the_same<J: Journal>(rng: &mut Rng, name: &str, options: &J::Options, images: usize) {
    let mut device = MemoryDevice::new(GEOMETRY, 0);
    let mut touched: Vec<usize> = Vec::new();
    let entropy = |n: u8| -> Entropy { [n; 16] };
    J::format(&mut device, options, entropy(1)).unwrap();
    let mut before = device.bytes().to_vec();
    for life in 0..2u8 {
        let (mut journal, _) = J::open(&mut device, options, &mut |_| ()).unwrap();
        let how = Resume { survivors: Survivors::Carry, entropy: entropy(2 + life) };
        journal.resume(&mut device, how).unwrap();
        for commit in 0..2u8 {
            journal.append(&mut device, &[life * 2 + commit; 60]).unwrap();
            journal.commit(&mut device).unwrap();
            let bytes = device.bytes();
            touched.extend((0..bytes.len()).filter(|&i| bytes[i] != before[i]));
            before.clear();
            before.extend_from_slice(bytes);
        }
    }
    for _ in 0..images {
        let mut image = device.clone();
        for _ in 0..1 + rng.below(2) {
            let at = match rng.below(4) {
                0 => rng.below(2 * 4096),
                _ => touched[touched.len() - 1 - rng.below(touched.len().min(600))],
            };
            match rng.below(6) {
                0 => image.lose(Lba(at as u64 / 512)),
                1 => image.bytes_mut()[at / 512 * 512..][..512].fill(0),
                _ => image.bytes_mut()[at] ^= 1 << rng.below(8),
            }
        }
        let doubts = match rng.below(4) {
            3 => Doubts::All,
            copy => Doubts::One(Lba(8 * copy as u64)),
        };
        let both = [false, true].map(|by_parts| opened::<J>(&image, options, (by_parts, doubts)));
        assert_eq!(both[0].0, both[1].0, "{name}");
        // Then both copies of a header are asked for whole.
        if doubts != Doubts::All {
            assert_eq!(both[0].1, both[1].1, "{name}: sectors read");
        }
    }
}

#[test]
fn what_is_asked_by_parts_is_told_as_what_is_read_at_once_and_of_the_same_sectors() {
    let mut rng = Rng(7);
    for strategy in Strategy::all() {
        told_the_same::<RfcJournal>(&mut rng, &strategy.to_string(), &RfcOptions { strategy }, 6);
    }
    told_the_same::<LevelDb>(&mut rng, "leveldb", &leveldb::Options::default(), 2000);
    told_the_same::<SqliteWal>(&mut rng, "sqlite-wal", &sqlite_wal::Options::default(), 2000);
}
