//! A page cache over a device that hands out stand-ins.
//!
//! Invariant: a stand-in goes back to where it came from, or nowhere; what is overwritten in part is read.

use std::ops::Range;

use journal_core::formats::page_cache::{Area, PageCache};
use journal_core::{BlockDevice, DeviceError, Geometry, Lba, MemoryDevice, Write};

const SECTOR: usize = 512;
const STAND_IN: u8 = 0xee;

/// Says of sectors that are read to be rewritten nothing that it need not say, and finds stand-ins wrong
/// anywhere but in a write.
struct Reticent(MemoryDevice);

impl BlockDevice for Reticent {
    fn geometry(&self) -> Geometry {
        self.0.geometry()
    }

    fn read(&mut self, at: Lba, into: &mut [u8]) -> Result<(), DeviceError> {
        self.0.read(at, into)
    }

    fn read_to_rewrite(
        &mut self,
        at: Lba,
        into: &mut [u8],
        overwrites: Range<usize>,
    ) -> Result<bool, DeviceError> {
        self.0.read(at, into)?;
        for (number, sector) in into.chunks_exact_mut(SECTOR).enumerate() {
            let (from, end) = (number * SECTOR, (number + 1) * SECTOR);
            if end <= overwrites.start || overwrites.end <= from {
                sector.fill(STAND_IN);
            }
        }
        Ok(false)
    }

    fn write(&mut self, writes: &[Write<'_>]) -> Result<(), DeviceError> {
        for write in writes {
            for (lba, sector) in (write.at.0..).zip(write.data.chunks_exact(SECTOR)) {
                if !sector.iter().all(|&byte| byte == STAND_IN) {
                    assert!(!sector.contains(&STAND_IN), "a part of a stand-in in LBA {lba}");
                    self.0.write(&[Write::cached(Lba(lba), sector)])?;
                }
            }
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), DeviceError> {
        self.0.flush()
    }

    fn discard(&mut self, at: Lba, sectors: u64) -> Result<(), DeviceError> {
        self.0.discard(at, sectors)
    }
}

#[test]
fn what_a_page_holds_beside_the_new_bytes_the_device_need_not_say() {
    let geometry = Geometry { logical_bytes: 512, physical_bytes: 512, sectors: 32 };
    let area = Area::new(geometry, 0, 16384).unwrap();
    let mut told = MemoryDevice::new(geometry, 0xaa);
    let mut reticent = Reticent(MemoryDevice::new(geometry, 0xaa));
    let both: [&mut dyn BlockDevice; 2] = [&mut told, &mut reticent];
    for device in both {
        let mut cache = PageCache::over(area);
        // Within sector 1; all of sector 3 and the start of 4; then the end of 4, and over a page's end.
        for (at, len) in [(700, 20), (1536, 600), (2500, 60), (4000, 200), (600, 80)] {
            cache.write(device, at, &vec![at as u8 & 0x7f; len]).unwrap();
            cache.write_back(device).unwrap();
        }
    }
    assert_eq!(told.bytes(), reticent.0.bytes());
}
