//! The bytes that the documents show, and the flaws that they name, as stories.

use crate::stream_support::{SALT, disk, fresh, hash_payload, open, options, resume};
use journal_core::rfc::entry::{Dialect, Key, Kind, LogOffset};
use journal_core::rfc::header::Salt;
use journal_core::{BlockDevice, End, Geometry, Journal, Lba, MemoryDevice, Region, Survivors};

/// A log of HASH entries, as one disk image.
fn hashes(name: &str, count: u64) -> MemoryDevice {
    let mut disk = disk(512, 512, 16384, 0);
    let mut journal = fresh(&mut disk, &options(name));
    for index in 0..count {
        journal.append(&mut disk, &hash_payload(index)).unwrap();
    }
    journal.commit(&mut disk).unwrap();
    disk
}

fn hex(text: &str) -> Vec<u8> {
    text.split_whitespace().map(|byte| u8::from_str_radix(byte, 16).unwrap()).collect()
}

#[test]
fn v8r_writes_the_published_bytes() {
    let disk = hashes("v8r", 82);
    for (at, bytes) in [
        (0x0000, "32 02 b6 40 7e a6 f3 80 62 07 c1 6d 32 71 24 b5"),
        (0x0010, "f9 cc c6 a4 5c 72 ce eb a7 9e b6 e0 69 4a e1 52"),
        (0x0020, "d9 94 00 00 00 00 00 05 00 00 00 00 00 00 00 00"),
        (0x0030, "00 00 32 02 a1 40 79 1d"),
        (0x01f0, "00 00 00 09 32 02 61 a2 04 37 c5 e4 7d 55 89 b2"),
        (0x0200, "96 5c 8a e5 b7 e5 6f 6b"),
        (0x0fa0, "32 02 6d 57"),
        (0x0fd0, "00 50 2e 01 ff ff ff ff"),
        (0x1000, "32 02 1e ea 44 cf"),
        (0x1030, "00 51 ff ff ff ff"),
    ] {
        let want = hex(bytes);
        assert_eq!(disk.bytes()[at..at + want.len()], want, "at {at:#x}");
    }
}

#[test]
fn v8c_ends_the_published_entry_with_its_crc32c() {
    let disk = hashes("v8c", 1);
    assert_eq!(disk.bytes()[..4], hex("36 02 b6 40"));
    assert_eq!(disk.bytes()[48..58], hex("00 00 68 dc a9 3f ff ff ff ff"));
}

#[test]
fn v8ce_ends_the_published_entry_with_its_salted_crc32c() {
    let mut bytes = [0; 64];
    let key = Key::new(Salt(SALT));
    let payload = hash_payload(0);
    let size = Dialect::V8CE.encode(&key, LogOffset(0), Kind::Hash, &payload, &mut bytes);
    assert_eq!((size, &bytes[50..54]), (54, &hex("a7 ec c9 aa")[..]));
}

#[test]
fn seven_of_the_81_entries_of_a_cluster_straddle_a_sector() {
    let straddling = (0..81).filter(|i| i * 50 / 512 != (i * 50 + 49) / 512).count();
    assert_eq!(straddling, 7);
}

#[test]
fn f1_v8r_takes_a_torn_entry_for_whole_and_v8c_does_not() {
    // 1. Entry 10 lies in two sectors; the first persists, the second stays as it was: FF.
    // 2. The size is right, so V8r hands out half a hash.
    for (name, whole) in [("v8r", 11), ("v8c", 9)] {
        let mut disk = hashes(name, 11);
        disk.bytes_mut()[512..1024].fill(0xff);
        let (_, opened, entries) = open(&mut disk, &options(name));
        assert_eq!(entries.len(), whole, "{name}");
        if name == "v8r" {
            assert_eq!(entries[10][38..], [0xff; 10]);
        } else {
            assert_eq!(opened.end, End::Torn);
        }
    }
}

#[test]
fn f2_the_loss_of_the_sector_being_rewritten_takes_acknowledged_entries_along() {
    for name in ["v8r", "v8c"] {
        let mut disk = hashes(name, 3);
        disk.lose(Lba(0));
        let (mut journal, opened, entries) = open(&mut disk, &options(name));
        assert_eq!((opened.end, entries.len()), (End::Torn, 0));
        assert!(opened.damage.is_some());
        // The journal goes on all the same: the lost sector is written anew, never read.
        journal.resume(&mut disk, resume(Survivors::Carry, 2)).unwrap();
        journal.append(&mut disk, b"after").unwrap();
        journal.commit(&mut disk).unwrap();
        assert_eq!(open(&mut disk, &options(name)).2, [b"after"]);
    }
}

#[test]
fn f4_an_append_after_a_hole_brings_back_what_recovery_had_denied() {
    for name in ["v8r", "v8c"] {
        let options = options(name);
        let overhead = options.dialect().overhead_bytes();
        let fill = |byte: u8| vec![byte; 128 - overhead];
        let mut disk = disk(512, 512, 16384, 0);
        let mut journal = fresh(&mut disk, &options);
        for byte in 0..12 {
            journal.append(&mut disk, &fill(byte)).unwrap();
        }
        // The second of three sectors did not persist.
        disk.bytes_mut()[512..1024].fill(0xff);
        let (mut journal, _, shown) = open(&mut disk, &options);
        assert_eq!(shown.len(), 4);
        journal.resume(&mut disk, resume(Survivors::Carry, 2)).unwrap();
        for byte in 20..24 {
            journal.append(&mut disk, &fill(byte)).unwrap();
        }
        journal.commit(&mut disk).unwrap();
        let bytes: Vec<u8> = open(&mut disk, &options).2.iter().map(|entry| entry[0]).collect();
        assert_eq!(bytes, [0, 1, 2, 3, 20, 21, 22, 23, 8, 9, 10, 11], "{name}");
    }
}

#[test]
fn f5_a_reset_that_is_cut_short_replays_what_was_forgotten() {
    let mut before = hashes("v8r", 100);
    let mut disk = before.clone();
    let (mut journal, ..) = open(&mut disk, &options("v8r"));
    journal.resume(&mut disk, resume(Survivors::Forget, 2)).unwrap();
    assert!(disk.bytes().iter().all(|&byte| byte == 0xff));
    before.bytes_mut()[4096..].copy_from_slice(&disk.bytes()[4096..]);
    assert_eq!(open(&mut before, &options("v8r")).2.len(), 81);
}

#[test]
fn d1_the_literal_text_loses_acknowledged_entries_without_any_power_cut() {
    for (name, largest, shown) in [("v8", 252, 16), ("v8r", 251, 17)] {
        let mut disk = disk(512, 512, 16384, 0);
        let mut journal = fresh(&mut disk, &options(name));
        // 15 of 254 bytes and one of 31: 3841. Not one of them is unusual.
        for size in [[252; 15].as_slice(), &[29]].concat().iter().map(|s| s.min(&largest)) {
            journal.append(&mut disk, &vec![7; *size]).unwrap();
        }
        journal.append(&mut disk, &vec![8; largest]).unwrap();
        journal.commit(&mut disk).unwrap();
        let (_, opened, entries) = open(&mut disk, &options(name));
        assert_eq!(entries.len(), shown, "{name}");
        if name == "v8" {
            assert_eq!(disk.bytes()[3841..3843], [0xff, 0x01]);
            assert_eq!(opened.damage.map(|damage| damage.at_bytes), Some(3841));
        }
    }
}

#[test]
fn a_line_is_full_at_the_end_of_its_last_cluster() {
    for name in ["v8", "v8r", "v8c"] {
        let mut disk = disk(512, 512, 8192, 0);
        let mut journal = fresh(&mut disk, &options(name));
        let mut count = 0;
        while journal.append(&mut disk, &[1; 100]).is_ok() {
            count += 1;
        }
        journal.commit(&mut disk).unwrap();
        assert_eq!(count, 2 * (4094 / (100 + options(name).dialect().overhead_bytes())));
        assert_eq!(open(&mut disk, &options(name)).2.len(), count);
        // Forgetting everything makes room.
        journal.checkpoint(&mut disk, journal_core::Lsn(u64::MAX)).unwrap();
        journal.append(&mut disk, &[2; 100]).unwrap();
        assert_eq!(open(&mut disk, &options(name)).2, [[2; 100]]);
    }
}

#[test]
fn an_append_to_a_line_keeps_the_rest_of_a_sector_it_did_not_write() {
    // Read-modify-write reads: behind the new entry stands what an earlier life left there. Once
    // in the sector after the tail's, once in the first one of the next cluster.
    let options = options("v8c");
    for (damaged, appended, untouched) in [(4, 1, 512 + 128..1024), (30, 2, 4096 + 128..4608)] {
        let mut disk = disk(512, 512, 16384, 0);
        let mut journal = fresh(&mut disk, &options);
        // 31 entries of 128 bytes to a cluster.
        for byte in 0..36 {
            journal.append(&mut disk, &[byte; 122]).unwrap();
        }
        let stale = disk.bytes()[untouched.clone()].to_vec();
        disk.bytes_mut()[damaged * 128] ^= 1;
        let (mut journal, _, shown) = open(&mut disk, &options);
        assert_eq!(shown.len(), damaged);
        journal.resume(&mut disk, resume(Survivors::Carry, 2)).unwrap();
        for _ in 0..appended {
            journal.append(&mut disk, &[99; 122]).unwrap();
        }
        journal.commit(&mut disk).unwrap();
        assert_eq!(disk.bytes()[untouched], stale);
        assert_eq!(open(&mut disk, &options).2.len(), 36);
    }
}

#[test]
fn a_checkpoint_of_a_ring_frees_the_clusters_before_the_first_entry_still_wanted() {
    for name in crate::stream_support::RINGS {
        let mut disk = disk(512, 512, 24576 + 8 * 4096, 0);
        let mut journal = fresh(&mut disk, &options(name));
        let mut entries = Vec::new();
        while let Ok(lsn) = journal.append(&mut disk, &[entries.len() as u8; 200]) {
            entries.push(lsn);
        }
        journal.commit(&mut disk).unwrap();
        // 19 entries of 206 bytes to a cluster: with the first 19 forgotten, one cluster is free.
        journal.checkpoint(&mut disk, entries[17]).unwrap();
        assert!(journal.append(&mut disk, &[0; 200]).is_err(), "{name}");
        journal.checkpoint(&mut disk, entries[18]).unwrap();
        assert_eq!(open(&mut disk, &options(name)).2[0], [19; 200], "{name}");
        for _ in 0..19 {
            journal.append(&mut disk, &[0; 200]).unwrap();
        }
        assert!(journal.append(&mut disk, &[0; 200]).is_err(), "{name}");
    }
}

#[test]
fn two_journals_in_two_regions_keep_out_of_each_others_way() {
    let mut disk = disk(512, 512, 131_072, 0);
    for name in crate::stream_support::STREAMS {
        let half = 128;
        let mut region = Region::new(&mut disk, Lba(0), half).unwrap();
        let mut one = fresh(&mut region, &options(name));
        let mut region = Region::new(&mut disk, Lba(half), half).unwrap();
        let mut two = fresh(&mut region, &options(name));
        for round in 0..100u8 {
            let mut region = Region::new(&mut disk, Lba(0), half).unwrap();
            one.append(&mut region, &[1, round]).unwrap();
            let mut region = Region::new(&mut disk, Lba(half), half).unwrap();
            two.append(&mut region, &[2, round]).unwrap();
            if round % 10 == 9 {
                two.commit(&mut region).unwrap();
            }
        }
        one.commit(&mut Region::new(&mut disk, Lba(0), half).unwrap()).unwrap();
        for (start, number) in [(0, 1), (half, 2)] {
            let mut region = Region::new(&mut disk, Lba(start), half).unwrap();
            let want: Vec<Vec<u8>> = (0..100).map(|round| vec![number, round]).collect();
            assert_eq!(open(&mut region, &options(name)).2, want, "{name}");
        }
    }
}

#[test]
fn a_padded_journal_never_writes_a_sector_twice() {
    struct Once(MemoryDevice, std::collections::BTreeSet<u64>);
    impl BlockDevice for Once {
        fn geometry(&self) -> Geometry {
            self.0.geometry()
        }
        fn read(&mut self, at: Lba, into: &mut [u8]) -> Result<(), journal_core::DeviceError> {
            self.0.read(at, into)
        }
        fn write(
            &mut self,
            writes: &[journal_core::Write<'_>],
        ) -> Result<(), journal_core::DeviceError> {
            for write in writes {
                for lba in write.at.0..write.at.0 + write.data.len() as u64 / 512 {
                    assert!(lba < 16 || self.1.insert(lba), "LBA {lba} written again");
                }
            }
            self.0.write(writes)
        }
        fn flush(&mut self) -> Result<(), journal_core::DeviceError> {
            self.0.flush()
        }
        fn discard(&mut self, _: Lba, _: u64) -> Result<(), journal_core::DeviceError> {
            unreachable!()
        }
    }
    let mut disk = Once(disk(512, 512, 65536, 0), Default::default());
    let mut journal = fresh(&mut disk, &options("v8p"));
    for round in 0..150usize {
        if journal.append(&mut disk, &vec![round as u8; round * 37 % 243]).is_err() {
            break;
        }
        if round % 3 == 0 {
            journal.commit(&mut disk).unwrap();
        }
    }
    assert!(disk.1.len() > 40, "{} sectors written", disk.1.len());
}
