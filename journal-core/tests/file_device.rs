//! A device on a real file: what the system cannot do is told with the sector, and journals live on it.
#![cfg(feature = "std")]

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read, Seek, SeekFrom, Write as _};

use journal_core::rfc::{BlockJournal, BlockOptions};
use journal_core::{
    BlockDevice, DeviceError, FileDevice, Geometry, Journal, Lba, MemoryDevice, Resume, Survivors,
    Write,
};

const SHAPE: Geometry = Geometry { logical_bytes: 512, physical_bytes: 4096, sectors: 64 };

/// Goal: the file holds what the device was told, and an opened one is the same device.
#[test]
fn what_is_written_is_in_the_file_and_comes_back_from_a_new_opening() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("disk");
    let mut device = FileDevice::create(&path, SHAPE).unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().len(), SHAPE.bytes());
    let (one, two) = ([1; 512], [2; 1024]);
    device.write(&[Write::cached(Lba(3), &one), Write::fua(Lba(62), &two)]).unwrap();
    device.flush().unwrap();
    device.discard(Lba(60), 4).unwrap();
    assert!(matches!(device.discard(Lba(60), 5), Err(DeviceError::OutOfRange { .. })));
    drop(device);
    let mut device = FileDevice::open(&path, 512, 4096).unwrap();
    assert_eq!(device.geometry(), SHAPE);
    let mut back = [0; 1536];
    device.read(Lba(2), &mut back).unwrap();
    assert_eq!(
        (&back[..512], &back[512..1024], &back[1024..]),
        (&[0; 512][..], &one[..], &[0; 512][..])
    );
    let bytes = std::fs::read(&path).unwrap();
    assert_eq!(bytes[62 * 512..], two);
    assert!(matches!(device.read(Lba(64), &mut [0; 512]), Err(DeviceError::OutOfRange { .. })));
    assert!(matches!(device.write_one(Lba(0), &[0; 100]), Err(DeviceError::Misaligned { .. })));
}

/// Goal: nothing that is there is written over, and no length is taken that is not whole sectors.
#[test]
fn a_file_that_is_there_is_not_made_anew_and_one_of_half_a_sector_is_not_opened() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("disk");
    std::fs::write(&path, b"mine").unwrap();
    assert_eq!(FileDevice::create(&path, SHAPE).unwrap_err().kind(), ErrorKind::AlreadyExists);
    for bytes in [0, 4, 511, 513] {
        std::fs::write(&path, vec![7; bytes]).unwrap();
        let error = FileDevice::open(&path, 512, 512).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidData);
        assert!(error.to_string().contains(&format!("found {bytes} bytes")), "{error}");
    }
}

/// Goal: a file that lost its end says at which sector.
#[test]
fn a_read_beyond_the_end_of_the_file_names_the_first_sector_that_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("disk");
    let mut device = FileDevice::create(&path, SHAPE).unwrap();
    // Ten sectors and a bit.
    OpenOptions::new().write(true).open(&path).unwrap().set_len(10 * 512 + 100).unwrap();
    let mut into = [0; 4096];
    assert_eq!(device.read(Lba(2), &mut into), Ok(()));
    assert_eq!(device.read(Lba(4), &mut into), Err(DeviceError::Io(Lba(10))));
    let said = device.failure().unwrap().to_string();
    assert!(said.contains("cannot read at byte 5220: the file ends at byte 5220"), "{said}");
}

/// Goal: a full disk is `NoSpace`, at the sector that did not fit; here the disk is `/dev/full`.
#[test]
fn a_full_disk_is_told_with_the_sector() {
    let Ok(full) = OpenOptions::new().read(true).write(true).open("/dev/full") else { return };
    let mut device = FileDevice::over(full, SHAPE);
    assert_eq!(device.write_one(Lba(9), &[1; 512]), Err(DeviceError::NoSpace(Lba(9))));
    let said = device.failure().unwrap().to_string();
    assert!(said.starts_with("cannot write at byte 4608: No space left"), "{said}");
}

/// Goal: EIO is a sector that cannot be read, never a block of zeros. Reading one's own memory at
/// address zero gives it.
#[cfg(target_os = "linux")]
#[test]
fn an_input_error_is_an_unreadable_sector() {
    let Ok(memory) = File::open("/proc/self/mem") else { return };
    let mut device = FileDevice::over(memory, SHAPE);
    assert_eq!(device.read(Lba(1), &mut [0; 1024]), Err(DeviceError::Unreadable(Lba(1))));
    // And what may not be written is an error, too.
    assert!(matches!(device.write_one(Lba(1), &[0; 512]), Err(DeviceError::Io(Lba(1)))));
}

/// Goal: V9 leaves the same bytes in a file as in memory, and is read from either.
#[test]
fn a_journal_on_a_file_has_the_bytes_of_one_in_memory() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("disk");
    let mut file = FileDevice::create(&path, SHAPE).unwrap();
    let mut memory = MemoryDevice::new(SHAPE, 0);
    let devices: [&mut dyn BlockDevice; 2] = [&mut file, &mut memory];
    for device in devices {
        let options = BlockOptions::V9_512;
        BlockJournal::format(device, &options, [1; 16]).unwrap();
        for life in 2..5u8 {
            let (mut journal, opened) = BlockJournal::open(device, &options, &mut |entry| {
                assert_eq!(entry.payload.len(), 99)
            })
            .unwrap();
            assert_eq!(opened.entries, u64::from(life - 2) * 7);
            let how = Resume { survivors: Survivors::Carry, entropy: [life; 16] };
            journal.resume(device, how).unwrap();
            for entry in 0..7 {
                journal.append(device, &[entry; 99]).unwrap();
            }
            journal.commit(device).unwrap();
        }
    }
    drop(file);
    let mut bytes = Vec::new();
    File::open(&path).unwrap().read_to_end(&mut bytes).unwrap();
    assert_eq!(bytes, memory.bytes());
    // A torn last sector in the file ends the log, and is no error.
    let mut file = OpenOptions::new().write(true).open(&path).unwrap();
    let at = bytes.chunks(512).rposition(|sector| sector.starts_with(b"qjb9")).unwrap();
    file.seek(SeekFrom::Start(at as u64 * 512 + 100)).unwrap();
    file.write_all(&[0x55; 50]).unwrap();
    let mut device = FileDevice::open(&path, 512, 4096).unwrap();
    let (_, opened) = BlockJournal::open(&mut device, &BlockOptions::V9_512, &mut |_| ()).unwrap();
    assert!(opened.entries < 21, "{opened:?}");
}
