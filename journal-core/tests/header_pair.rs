//! Claims about the header pair that V8ce and V9 share.

use journal_core::rfc::header::{
    CopyState, Generation, HEADER_BYTES, Header, HeaderPair, HeaderSeq, Magic, Salt,
};
use journal_core::{BlockDevice, Error, Geometry, Lba, MemoryDevice};

const SECTORS: Geometry = Geometry { logical_bytes: 512, physical_bytes: 512, sectors: 128 };

fn golden() -> Header {
    let salt = Salt([
        0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee,
        0xff,
    ]);
    Header {
        unit_bytes: 512,
        header_seq: HeaderSeq(0),
        generation: Generation(1),
        salt,
        start_seq: 0,
        nblocks: 112,
        window: 8,
        start_prev_crc: salt.crc(),
        strategy: Header::UNSPELLED,
        pointer: Header::POINTLESS,
    }
}

fn formatted() -> (MemoryDevice, HeaderPair, Header) {
    let mut device = MemoryDevice::new(SECTORS, 0);
    let pair = HeaderPair::new(512, SECTORS).unwrap();
    let header = pair.format(&mut device, Magic::V9, golden()).unwrap();
    (device, pair, header)
}

fn newest(device: &mut MemoryDevice, pair: HeaderPair) -> Result<(Header, Option<u64>), Error> {
    pair.read_newest(device, Magic::V9).map(|n| (n.header, n.spoiled))
}

#[test]
fn the_bytes_are_those_of_the_specification() {
    let (device, ..) = formatted();
    let expected: [u8; 72] = [
        0x51, 0x4a, 0x52, 0x4e, 0x4c, 0x76, 0x39, 0x00, 0x51, 0xfd, 0x6c, 0x8e, 0x00, 0x00, 0x02,
        0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
        0x00, 0x01, 0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99, 0xaa, 0xbb, 0xcc,
        0xdd, 0xee, 0xff, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x70,
        0x00, 0x00, 0x00, 0x08, 0x48, 0xdf, 0xe9, 0x82, 0xff, 0xff, 0xff, 0xff,
    ];
    assert_eq!(device.bytes()[..72], expected);
    assert!(device.bytes()[68..HEADER_BYTES].iter().all(|&byte| byte == 0xff));
}

#[test]
fn the_newest_valid_copy_counts_and_is_never_the_one_written_over() {
    let (mut device, pair, mut header) = formatted();
    for round in 1..6 {
        let before = device.bytes().to_vec();
        let changed = Header { start_seq: round, ..header };
        let next = pair.write_next(&mut device, Magic::V9, changed).unwrap();
        let kept = if header.header_seq.0 % 2 == 1 { 0 } else { HEADER_BYTES };
        let copy = kept..kept + HEADER_BYTES;
        assert_eq!(device.bytes()[copy.clone()], before[copy], "the current header was touched");
        assert_eq!(newest(&mut device, pair), Ok((next, None)));
        header = next;
    }
}

#[test]
fn any_torn_switch_leaves_the_old_header_or_shows_the_new_one() {
    // All mixes of the eight sectors of a copy, from an older header and from garbage.
    for fill in [None, Some(0), Some(0xa5)] {
        let (mut device, pair, header) = formatted();
        if let Some(fill) = fill {
            device.bytes_mut()[HEADER_BYTES..2 * HEADER_BYTES].fill(fill);
        }
        let before = device.clone();
        let changed = Header { start_seq: 9, generation: Generation(2), ..header };
        let next = pair.write_next(&mut device, Magic::V9, changed).unwrap();
        for persisted in 0..256u32 {
            let mut torn = before.clone();
            for sector in (0..8).filter(|sector| persisted >> sector & 1 == 1) {
                let bytes = HEADER_BYTES + sector * 512..HEADER_BYTES + (sector + 1) * 512;
                torn.bytes_mut()[bytes.clone()].copy_from_slice(&device.bytes()[bytes]);
            }
            let (found, _) = newest(&mut torn, pair).unwrap();
            assert!(found == header || found == next, "{persisted:#x}: {found:?}");
            // And from there the next switch works, over whatever the tear left.
            let again = pair.write_next(&mut torn, Magic::V9, found).unwrap();
            assert_eq!(newest(&mut torn, pair), Ok((again, None)));
        }
    }
}

#[test]
fn a_copy_that_is_lost_falls_back_to_the_other_and_is_told() {
    for (copy, at) in [(0u64, 0), (1, HEADER_BYTES)] {
        let (mut device, pair, header) = formatted();
        device.lose(Lba(copy * 8 + 3));
        let (found, spoiled) = newest(&mut device, pair).unwrap();
        assert_eq!(Header { header_seq: header.header_seq, ..found }, header);
        // Of an older copy only the facts are looked at.
        assert_eq!(spoiled, (copy == 0).then_some(0));
        device.lose(Lba(copy * 8));
        assert_eq!(newest(&mut device, pair).unwrap().1, Some(at as u64));
        let (mut device, ..) = formatted();
        device.bytes_mut()[at + 40] ^= 1;
        let (found, spoiled) = newest(&mut device, pair).unwrap();
        assert_eq!(Header { header_seq: header.header_seq, ..found }, header);
        // An older copy is not worth a checksum.
        assert_eq!(spoiled, (copy == 0).then_some(0));
    }
}

#[test]
fn no_valid_copy_is_no_journal() {
    let (mut device, pair, _) = formatted();
    device.bytes_mut()[9] ^= 1;
    device.lose(Lba(8));
    assert!(matches!(newest(&mut device, pair), Err(Error::NotAJournal { .. })));
}

#[test]
fn a_header_in_the_place_of_the_other_copy_does_not_count() {
    // A misdirected write must not make an older header shadow a newer one.
    let (mut device, pair, header) = formatted();
    let copy = device.bytes()[..HEADER_BYTES].to_vec();
    device.bytes_mut()[HEADER_BYTES..2 * HEADER_BYTES].copy_from_slice(&copy);
    let second = pair.read_copy(&mut device, Magic::V9, 1).unwrap();
    assert!(matches!(second, CopyState::Bad(_)));
    assert_eq!(newest(&mut device, pair).unwrap().0, header);
}

#[test]
fn copies_that_would_share_a_physical_sector_are_refused() {
    let geometry = Geometry { physical_bytes: 8192, ..SECTORS };
    assert!(matches!(HeaderPair::new(512, geometry), Err(Error::Unfit { got: 8192, .. })));
    let tiny = Geometry { sectors: 15, ..SECTORS };
    assert!(matches!(HeaderPair::new(512, tiny), Err(Error::Unfit { .. })));
    let coarse = Geometry { logical_bytes: 8192, physical_bytes: 4096, sectors: 64 };
    assert!(matches!(HeaderPair::new(512, coarse), Err(Error::Unfit { .. })));
    assert_eq!(HeaderPair::new(4096, SECTORS).unwrap().end(), Lba(16));
}

#[test]
fn a_passing_read_error_does_not_make_an_older_header_count() {
    struct Fails(MemoryDevice);
    impl BlockDevice for Fails {
        fn geometry(&self) -> Geometry {
            self.0.geometry()
        }
        fn read(&mut self, at: Lba, into: &mut [u8]) -> Result<(), journal_core::DeviceError> {
            if at == Lba(0) {
                Err(journal_core::DeviceError::Io(at))
            } else {
                self.0.read(at, into)
            }
        }
        fn write(
            &mut self,
            writes: &[journal_core::Write<'_>],
        ) -> Result<(), journal_core::DeviceError> {
            self.0.write(writes)
        }
        fn flush(&mut self) -> Result<(), journal_core::DeviceError> {
            self.0.flush()
        }
        fn discard(&mut self, at: Lba, sectors: u64) -> Result<(), journal_core::DeviceError> {
            self.0.discard(at, sectors)
        }
    }
    let (device, pair, _) = formatted();
    let read = pair.read_newest(&mut Fails(device), Magic::V9);
    assert!(matches!(read, Err(Error::Device(_))));
}

/// Sectors written: first byte and content.
type Sectors = Vec<(usize, Vec<u8>)>;

/// Keeps what was written between flushes apart.
struct Epochs {
    disk: MemoryDevice,
    epochs: Vec<(MemoryDevice, Sectors)>,
}

impl Epochs {
    fn new(disk: &MemoryDevice) -> Self {
        Epochs { disk: disk.clone(), epochs: vec![(disk.clone(), Vec::new())] }
    }
}

impl BlockDevice for Epochs {
    fn geometry(&self) -> Geometry {
        self.disk.geometry()
    }
    fn read(&mut self, at: Lba, into: &mut [u8]) -> Result<(), journal_core::DeviceError> {
        self.disk.read(at, into)
    }
    fn write(
        &mut self,
        writes: &[journal_core::Write<'_>],
    ) -> Result<(), journal_core::DeviceError> {
        for write in writes {
            for (sector, data) in write.data.chunks(512).enumerate() {
                let at = (write.at.0 as usize + sector) * 512;
                self.epochs.last_mut().unwrap().1.push((at, data.to_vec()));
            }
        }
        self.disk.write(writes)
    }
    fn flush(&mut self) -> Result<(), journal_core::DeviceError> {
        self.epochs.push((self.disk.clone(), Vec::new()));
        Ok(())
    }
    fn discard(&mut self, at: Lba, sectors: u64) -> Result<(), journal_core::DeviceError> {
        self.disk.discard(at, sectors)
    }
}

#[test]
fn a_second_switch_never_completes_a_first_one_that_was_torn() {
    // Goal: after a torn switch to X was denied, no cut of a switch to Y makes X count. The
    // sectors that the first cut ruined are zeros, or cannot be read.
    for unreadable in [false, true] {
        let mut device = MemoryDevice::new(Geometry { sectors: 16, ..SECTORS }, 0);
        let pair = HeaderPair::new(512, SECTORS).unwrap();
        let header = pair.format(&mut device, Magic::V9, golden()).unwrap();
        for ruined in 1..256u32 {
            let mut torn = device.clone();
            let x = Header { generation: Generation(2), salt: Salt([2; 16]), ..header };
            pair.write_next(&mut torn, Magic::V9, x).unwrap();
            for sector in (0..8).filter(|sector| ruined >> sector & 1 == 1) {
                if unreadable {
                    torn.lose(Lba(8 + sector));
                }
                torn.bytes_mut()[(8 + sector as usize) * 512..][..512].fill(0);
            }
            assert_eq!(newest(&mut torn, pair).unwrap().0, header);
            let mut second = Epochs::new(&torn);
            let y = Header { generation: Generation(2), salt: Salt([3; 16]), ..header };
            let y = pair.write_next(&mut second, Magic::V9, y).unwrap();
            for (base, writes) in &second.epochs {
                for persisted in 0..1u32 << writes.len() {
                    let mut image = base.clone();
                    for (index, (at, data)) in writes.iter().enumerate() {
                        if persisted >> index & 1 == 1 {
                            image.write_one(Lba(*at as u64 / 512), data).unwrap();
                        }
                    }
                    let found = newest(&mut image, pair).unwrap().0;
                    assert!(found == header || found == y, "{ruined:#x} {persisted:#x}");
                }
            }
        }
    }
}
