//! What the tests of the stream journal share: payloads, short forms of the six verbs, and a disk
//! with a cache whose power can go.

use std::collections::BTreeMap;

use journal_core::rfc::{Strategy, StreamJournal, StreamOptions};
use journal_core::{
    BlockDevice, DeviceError, Geometry, Journal, Lba, MemoryDevice, Opened, Resume, Survivors,
    Write,
};
use sha2::{Digest, Sha256};

/// The salt of the published examples.
pub const SALT: [u8; 16] = [
    0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff,
];

pub const STREAMS: [&str; 7] = ["v8", "v8r", "v8c", "v8c-crc32", "v8ce", "v8p", "v8pp"];
pub const RINGS: [&str; 3] = ["v8ce", "v8p", "v8pp"];

pub fn options(name: &str) -> StreamOptions {
    StreamOptions::new(Strategy::named(name).expect("a rung")).expect("a stream")
}

/// The payload of the RFC's use case: a hash, where it is, what it is of.
pub fn hash_payload(index: u64) -> Vec<u8> {
    let mut payload = Sha256::digest(format!("cluster{index}")).to_vec();
    payload.extend((0x50000 + index * 0x10000).to_be_bytes());
    payload.extend(index.to_be_bytes());
    payload
}

pub fn disk(logical_bytes: u32, physical_bytes: u32, bytes: u64, fill: u8) -> MemoryDevice {
    let sectors = bytes / u64::from(logical_bytes);
    MemoryDevice::new(Geometry { logical_bytes, physical_bytes, sectors }, fill)
}

/// Opens, and collects what is handed out.
pub fn open(
    device: &mut dyn BlockDevice,
    options: &StreamOptions,
) -> (StreamJournal, Opened, Vec<Vec<u8>>) {
    let mut entries = Vec::new();
    let (journal, opened) =
        StreamJournal::open(device, options, &mut |e| entries.push(e.payload.to_vec())).unwrap();
    assert_eq!(opened.entries, entries.len() as u64);
    (journal, opened, entries)
}

pub fn resume(survivors: Survivors, entropy: u64) -> Resume {
    let mut bytes = [0x5a; 16];
    bytes[..8].copy_from_slice(&entropy.to_be_bytes());
    Resume { survivors, entropy: bytes }
}

/// A journal, formatted and ready.
pub fn fresh(device: &mut dyn BlockDevice, options: &StreamOptions) -> StreamJournal {
    StreamJournal::format(device, options, SALT).unwrap();
    let (mut journal, ..) = open(device, options);
    journal.resume(device, resume(Survivors::Carry, 1)).unwrap();
    journal
}

/// SplitMix64: the choices of these tests.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
    pub fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }
}

/// A disk with a volatile cache that keeps, per sector, everything written since the last flush.
#[derive(Clone)]
pub struct CachedDisk {
    durable: MemoryDevice,
    cached: MemoryDevice,
    pending: BTreeMap<u64, Vec<Vec<u8>>>,
    /// Writes and flushes until the power goes.
    pub fuse: u64,
}

impl CachedDisk {
    pub fn new(disk: MemoryDevice) -> Self {
        CachedDisk { durable: disk.clone(), cached: disk, pending: BTreeMap::new(), fuse: u64::MAX }
    }

    fn burn(&mut self) -> Result<(), DeviceError> {
        if self.fuse == 0 {
            return Err(DeviceError::PowerCut);
        }
        self.fuse -= 1;
        Ok(())
    }

    /// The power has gone: each sector that was pending holds its durable content or any that was
    /// written since; and if `ruins`, a physical sector one of them lies in may be unreadable.
    pub fn crash(self, random: &mut Random, ruins: bool) -> MemoryDevice {
        let CachedDisk { mut durable, pending, .. } = self;
        let Geometry { logical_bytes, physical_bytes, .. } = durable.geometry();
        // Whole styles beside the mosaic: all new, all old, or each on its own.
        let style = random.below(4);
        for (&lba, versions) in &pending {
            let newest = versions.len() as u64;
            let pick = match style {
                0 => newest,
                1 => 0,
                _ => random.below(newest + 1),
            };
            if pick > 0 {
                durable.write_one(Lba(lba), &versions[pick as usize - 1]).unwrap();
            }
        }
        if ruins && !pending.is_empty() && random.below(2) == 0 {
            let which = random.below(pending.len() as u64) as usize;
            let group = u64::from(physical_bytes / logical_bytes);
            let first = pending.keys().nth(which).unwrap() / group * group;
            (first..first + group).for_each(|lba| durable.lose(Lba(lba)));
        }
        durable
    }
}

impl BlockDevice for CachedDisk {
    fn geometry(&self) -> Geometry {
        self.cached.geometry()
    }
    fn read(&mut self, at: Lba, into: &mut [u8]) -> Result<(), DeviceError> {
        self.cached.read(at, into)
    }
    fn write(&mut self, writes: &[Write<'_>]) -> Result<(), DeviceError> {
        let cut = self.burn();
        let sector = self.geometry().logical_bytes as usize;
        self.cached.write(writes)?;
        for write in writes {
            for (index, data) in write.data.chunks(sector).enumerate() {
                self.pending.entry(write.at.0 + index as u64).or_default().push(data.to_vec());
            }
        }
        cut
    }
    fn flush(&mut self) -> Result<(), DeviceError> {
        self.burn()?;
        self.pending.clear();
        self.durable = self.cached.clone();
        Ok(())
    }
    fn discard(&mut self, _: Lba, _: u64) -> Result<(), DeviceError> {
        unreachable!("no stream journal discards")
    }
}
