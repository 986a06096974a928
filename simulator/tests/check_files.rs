//! The file on the simulated disk: an ordinary file until the power goes, and after that one that
//! keeps to the file system that `files` describes.

use std::error::Error as _;
use std::io;

use journal_core::{BlockDevice, DeviceError, Geometry, Lba, MemoryDevice};
use proptest::prelude::*;
use simulator::choose::{Random, Undisturbed};
use simulator::disk::contract::Contract;
use simulator::disk::{Disk, Fill, Live, presets};
use simulator::files::{
    FileOptions, FileState, LogFile, Metadata, Mode, NoRoom, Overlay, under_page_cache,
};

const GEOMETRY: Geometry = Geometry { logical_bytes: 512, physical_bytes: 512, sectors: 80 };

fn options(mode: Mode, metadata: Metadata) -> FileOptions {
    FileOptions { mode, metadata }
}

#[derive(Clone, Debug)]
enum Step {
    Write(u64, Vec<u8>),
    SetLen(u64),
    Read(u64, usize),
    Sync,
    Remount,
}

fn step(unit: u64) -> impl Strategy<Value = Step> {
    let place = (0..20_000u64).prop_map(move |at| at / unit * unit);
    let data = (any::<u8>(), 0..6_000u64)
        .prop_map(move |(seed, n)| (0..n / unit * unit).map(|i| seed ^ i as u8).collect());
    prop_oneof![
        4 => (place.clone(), data).prop_map(|(at, data)| Step::Write(at, data)),
        2 => (0..26_000u64).prop_map(Step::SetLen),
        2 => (place, 0..9_000u64).prop_map(move |(at, n)| Step::Read(at, (n / unit * unit) as usize)),
        1 => Just(Step::Sync),
        1 => Just(Step::Remount),
    ]
}

/// The model: a vector of bytes.
fn behaves_as_bytes(steps: Vec<Step>, options: FileOptions) -> Result<(), TestCaseError> {
    let mut device = MemoryDevice::new(GEOMETRY, 0xee);
    let mut state = FileState::create(&mut device, options).unwrap();
    let mut model: Vec<u8> = Vec::new();
    for step in steps {
        let file = &mut state.on(&mut device);
        match step {
            Step::Write(at, data) => {
                file.write_all_at(&data, at).unwrap();
                let end = at as usize + data.len();
                if model.len() < end && !data.is_empty() {
                    model.resize(end, 0);
                }
                if !data.is_empty() {
                    model[at as usize..end].copy_from_slice(&data);
                }
            }
            Step::SetLen(len) => {
                file.set_len(len).unwrap();
                model.resize(len as usize, 0);
            }
            Step::Read(at, bytes) => {
                let mut into = vec![0xaa; bytes];
                let read = file.read_at(&mut into, at).unwrap();
                let from = (at as usize).min(model.len());
                let expected = &model[from..(at as usize + bytes).clamp(from, model.len())];
                prop_assert_eq!(&into[..read], expected);
            }
            Step::Sync => file.sync_data().unwrap(),
            Step::Remount => state = FileState::mount(&mut device, options).unwrap(),
        }
        prop_assert_eq!(state.length(), model.len() as u64);
    }
    let mut again = FileState::mount(&mut device, FileOptions::default()).unwrap();
    prop_assert_eq!(again.on(&mut device).read_all().unwrap(), model);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn an_undisturbed_cached_file_is_a_vector_of_bytes(
        steps in prop::collection::vec(step(1), 1..25),
        writeback: bool,
    ) {
        let metadata = if writeback { Metadata::Writeback } else { Metadata::Ordered };
        behaves_as_bytes(steps, options(Mode::Cached, metadata))?;
    }

    #[test]
    fn an_undisturbed_direct_file_is_a_vector_of_bytes(
        steps in prop::collection::vec(step(512), 1..25),
    ) {
        behaves_as_bytes(steps, options(Mode::Direct, Metadata::Ordered))?;
    }
}

/// Appends pieces of different sizes, syncing after some, cuts the power at a drawn call, and reads
/// the file on what a drawn disk is left with. Says what was synced, appended and found.
fn after_a_crash(
    seed: u64,
    contract: &Contract,
    options: FileOptions,
) -> (usize, Vec<u8>, Vec<u8>) {
    let mut random = Random::new(seed);
    let mut disk = Disk::new(&under_page_cache(contract), 1 << 16, Fill::Noise).unwrap();
    let mut calm = Undisturbed;
    let device = &mut Live::new(&mut disk, &mut calm);
    let mut state = FileState::create(device, options).unwrap();
    disk.settle();
    let mut model: Vec<u8> = Vec::new();
    let mut syncs = vec![(disk.calls(), 0)];
    for _ in 0..6 {
        let bytes = [100, 700, 4096, 5000][random.rng().below(4) as usize];
        let sync = random.rng().below(3) == 0;
        let fill = 1 + random.rng().below(255) as u8;
        let device = &mut Live::new(&mut disk, &mut calm);
        let file = &mut state.on(device);
        file.write_all_at(&vec![fill; bytes], model.len() as u64).unwrap();
        model.resize(model.len() + bytes, fill);
        if sync {
            file.sync_data().unwrap();
            syncs.push((disk.calls(), model.len()));
        }
    }
    let at = syncs[0].0 + random.rng().below(disk.calls() - syncs[0].0 + 1);
    let synced = syncs.iter().rev().find(|s| s.0 <= at).unwrap().1;
    disk.cut(at);
    let device = &mut Live::new(&mut disk, &mut random);
    let mut state = FileState::mount(device, options).unwrap();
    let found = state.on(device).read_all().unwrap();
    (synced, model, found)
}

#[test]
fn an_ordered_length_uncovers_only_what_was_written_and_keeps_all_that_was_synced() {
    let ordered = options(Mode::Cached, Metadata::Ordered);
    let mut between = 0;
    for name in ["ideal", "consumer-nvme-no-plp", "virtio-writeback"] {
        let contract = presets::named(name).unwrap();
        for seed in 0..600 {
            let (synced, model, found) = after_a_crash(seed, &contract, ordered);
            assert!(found.len() >= synced && model.starts_with(&found), "{name}, seed {seed}");
            between += u32::from(found.len() > synced && found.len() < model.len());
        }
    }
    assert!(between > 100, "more than the synced part may be there, in steps");
}

#[test]
fn a_writeback_length_keeps_what_was_synced_and_may_uncover_stale_bytes() {
    let writeback = options(Mode::Cached, Metadata::Writeback);
    let contract = presets::named("consumer-nvme-no-plp").unwrap();
    let mut stale = 0;
    for seed in 0..600 {
        let (synced, model, found) = after_a_crash(seed, &contract, writeback);
        assert!(found.len() >= synced && found[..synced] == model[..synced], "seed {seed}");
        stale += u32::from(!model.starts_with(&found));
    }
    assert!(stale > 50, "{stale}");
}

#[test]
fn the_length_is_never_damaged_where_the_device_damages_what_it_writes() {
    for name in ["hdd-512n", "hdd-512e"] {
        let contract = presets::named(name).unwrap();
        // In direct mode, whole pages at a time, nothing synced is written again.
        for seed in 0..600 {
            let mut random = Random::new(seed);
            let mut disk = Disk::new(&under_page_cache(&contract), 1 << 16, Fill::Zeros).unwrap();
            let mut calm = Undisturbed;
            let device = &mut Live::new(&mut disk, &mut calm);
            let direct = options(Mode::Direct, Metadata::Ordered);
            let mut state = FileState::create(device, direct).unwrap();
            disk.settle();
            let first = disk.calls();
            let mut synced = vec![(first, 0)];
            for page in 0..3u64 {
                let device = &mut Live::new(&mut disk, &mut calm);
                let file = &mut state.on(device);
                file.write_all_at(&[page as u8 + 1; 4096], page * 4096).unwrap();
                file.sync_data().unwrap();
                synced.push((disk.calls(), page + 1));
            }
            let at = first + random.rng().below(disk.calls() - first + 1);
            disk.cut(at);
            let pages = synced.iter().rev().find(|s| s.0 <= at).unwrap().1;
            let device = &mut Live::new(&mut disk, &mut random);
            let mut state = FileState::mount(device, direct).expect("the file is there");
            assert!(state.length() >= pages * 4096, "{name}, seed {seed}");
            let mut bytes = vec![0; pages as usize * 4096];
            let read = state.on(device).read_at(&mut bytes, 0).unwrap();
            assert_eq!(read, bytes.len());
            assert!(bytes.chunks(4096).zip(1..).all(|(page, n)| page == [n; 4096]));
        }
    }
}

#[test]
fn a_synced_length_stands_whatever_happens_to_the_bytes_it_once_uncovered() {
    // A header is overwritten in place after the sync, which makes the checksum of the length that
    // uncovered it a thing of the past.
    let mut news = 0;
    for name in ["ideal", "consumer-nvme-no-plp", "virtio-writeback"] {
        let contract = under_page_cache(&presets::named(name).unwrap());
        for seed in 0..100 {
            let mut random = Random::new(seed);
            let mut disk = Disk::new(&contract, 1 << 16, Fill::Noise).unwrap();
            let mut calm = Undisturbed;
            let device = &mut Live::new(&mut disk, &mut calm);
            let mut state = FileState::create(device, FileOptions::default()).unwrap();
            let file = &mut state.on(device);
            file.write_all_at(&[1; 1000], 0).unwrap();
            file.sync_data().unwrap();
            file.write_all_at(&[2; 10], 0).unwrap();
            disk.cut_here();
            let device = &mut Live::new(&mut disk, &mut random);
            let mut state = FileState::mount(device, FileOptions::default()).unwrap();
            let found = state.on(device).read_all().unwrap();
            assert_eq!((found.len(), found[999]), (1000, 1), "{name}, seed {seed}");
            assert!(found[..10] == [1; 10] || found[..10] == [2; 10]);
            news += u32::from(found[0] == 2);
        }
    }
    assert!((1..300).contains(&news), "old and new both occur: {news}");
}

#[test]
fn what_lies_behind_the_end_after_a_crash_reads_as_zeros_when_the_file_grows_over_it() {
    let contract = under_page_cache(&presets::named("ideal").unwrap());
    let mut behind = 0;
    for seed in 0..200 {
        let mut random = Random::new(seed);
        let mut disk = Disk::new(&contract, 1 << 16, Fill::Zeros).unwrap();
        let mut calm = Undisturbed;
        let device = &mut Live::new(&mut disk, &mut calm);
        let mut state = FileState::create(device, FileOptions::default()).unwrap();
        let file = &mut state.on(device);
        file.write_all_at(&[1; 100], 0).unwrap();
        file.sync_data().unwrap();
        file.write_all_at(&[2; 100], 100).unwrap();
        disk.cut_here();
        let device = &mut Live::new(&mut disk, &mut random);
        let mut state = FileState::mount(device, FileOptions::default()).unwrap();
        if state.length() == 200 {
            continue;
        }
        let mut sector = [0; 512];
        device.read(Lba(16), &mut sector).unwrap();
        behind += u32::from(sector[100] == 2);
        let file = &mut state.on(device);
        file.set_len(300).unwrap();
        assert_eq!(file.read_all().unwrap()[..], [&[1; 100][..], &[0; 200]].concat());
    }
    assert!(behind > 10, "the lost bytes lay there: {behind}");
}

#[test]
fn an_overlay_is_read_through_and_leaves_the_device_as_it_was() {
    let mut device = MemoryDevice::new(GEOMETRY, 7);
    let before = device.bytes().to_vec();
    let mut overlay = Overlay::new(&mut device);
    assert!(overlay.is_untouched());
    overlay.write_one(Lba(2), &[1; 1024]).unwrap();
    overlay.discard(Lba(3), 1).unwrap();
    overlay.flush().unwrap();
    let mut four = [9; 2048];
    overlay.read(Lba(1), &mut four).unwrap();
    let sectors: Vec<_> = four.chunks(512).map(|s| s[0]).collect();
    assert_eq!(sectors, [7, 1, 0, 7]);
    let beyond = overlay.write_one(Lba(80), &[0; 512]);
    assert!(matches!(beyond, Err(DeviceError::OutOfRange { .. })));
    assert!(matches!(overlay.write_one(Lba(0), &[0; 7]), Err(DeviceError::Misaligned { .. })));
    assert!(!overlay.is_untouched());
    assert_eq!(device.bytes(), before);
    assert_eq!((device.writes, device.flushes), (0, 0));
}

#[test]
fn errors_are_those_a_program_knows_and_name_the_device_error_inside() {
    let cached = FileOptions::default();
    let mut device = MemoryDevice::new(GEOMETRY, 0);
    let mut state = FileState::create(&mut device, cached).unwrap();
    let capacity = state.capacity();
    let file = &mut state.on(&mut device);
    file.write_all_at(&[5; 6000], 0).unwrap();
    file.sync_all().unwrap();
    let full = file.write_all_at(&[0; 10], capacity - 5).unwrap_err();
    assert_eq!(full.kind(), io::ErrorKind::StorageFull);
    assert!(full.get_ref().unwrap().is::<NoRoom>());
    assert_eq!(file.set_len(u64::MAX).unwrap_err().kind(), io::ErrorKind::StorageFull);
    assert_eq!(file.read_at(&mut [0; 10], u64::MAX).unwrap(), 0, "behind the end: a short read");

    // The last sector of the second page is lost: reads of the first end before it.
    device.lose(Lba(16 + 15));
    let mut state = FileState::mount(&mut device, cached).unwrap();
    let file = &mut state.on(&mut device);
    let mut all = [0; 6000];
    assert_eq!(file.read_at(&mut all, 0).unwrap(), 4096);
    let lost = file.read_at(&mut all, 4096).unwrap_err();
    let inside = lost.get_ref().unwrap().downcast_ref::<DeviceError>();
    assert_eq!(inside, Some(&DeviceError::Unreadable(Lba(31))));
    assert!(lost.source().is_none() && lost.to_string().contains("unreadable"));
    assert!(file.write_all_at(b"x", 5000).is_err(), "the rest of the page has to be read");
    assert_eq!(file.len().unwrap(), 6000);

    let mut state =
        FileState::mount(&mut device, options(Mode::Direct, Metadata::Ordered)).unwrap();
    let odd = state.on(&mut device).write_all_at(&[0; 100], 0).unwrap_err();
    assert_eq!(odd.kind(), io::ErrorKind::InvalidInput);

    let mut empty = MemoryDevice::new(GEOMETRY, 0xff);
    assert_eq!(FileState::mount(&mut empty, cached).unwrap_err().kind(), io::ErrorKind::NotFound);
    let mut tiny = MemoryDevice::new(Geometry { sectors: 16, ..GEOMETRY }, 0);
    assert_eq!(
        FileState::create(&mut tiny, cached).unwrap_err().kind(),
        io::ErrorKind::InvalidInput
    );
}

#[test]
fn any_bytes_in_the_place_of_an_inode_are_no_panic() {
    let mut random = Random::new(1);
    let mut good = MemoryDevice::new(GEOMETRY, 0);
    let mut state = FileState::create(&mut good, FileOptions::default()).unwrap();
    state.on(&mut good).write_all_at(&[3; 5000], 0).unwrap();
    for _ in 0..2_000 {
        let mut device = good.clone();
        for _ in 0..=random.rng().below(3) {
            let at = [0, 4096][random.rng().below(2) as usize] + random.rng().below(36) as usize;
            device.bytes_mut()[at] = random.rng().below(256) as u8;
        }
        if let Ok(mut state) = FileState::mount(&mut device, FileOptions::default()) {
            let _ = state.on(&mut device).read_all();
        }
    }
}
