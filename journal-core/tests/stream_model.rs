//! The stream journals against a list, and against any bytes at all.

use std::collections::VecDeque;

use crate::stream_support::{RINGS, SALT, STREAMS, disk, fresh, open, options, resume};
use journal_core::rfc::entry::{Dialect, Flaw, Key, Kind, LogOffset};
use journal_core::rfc::header::Salt;
use journal_core::rfc::{LADDER, RfcJournal, RfcOptions, StreamJournal};
use journal_core::{Error, Inspect, Journal, Lba, Lsn, MemoryDevice, Survivors};
use proptest::prelude::*;

#[derive(Clone, Debug)]
enum Op {
    Append(usize),
    Commit,
    Checkpoint(usize),
    Reopen(bool),
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    let op = prop_oneof![
        12 => (0..300usize).prop_map(Op::Append),
        3 => Just(Op::Commit),
        1 => (0..100usize).prop_map(Op::Checkpoint),
        1 => any::<bool>().prop_map(Op::Reopen),
    ];
    prop::collection::vec(op, 1..200)
}

fn dialects() -> impl Strategy<Value = Dialect> {
    let sums = prop::sample::select(&journal_core::Checksum::ALL[1..]);
    prop_oneof![
        Just(Dialect::V8),
        Just(Dialect::V8R),
        sums.clone().prop_map(|sum| Dialect { sum, ..Dialect::V8C }),
        sums.prop_map(|sum| Dialect { sum, ..Dialect::V8CE }),
    ]
}

/// Appends, commits, checkpoints and reopens, and compares with a list at every reopening.
fn agrees_with_a_list(name: &str, shape: (u32, u32), clusters: u64, ops: &[Op]) {
    let options = options(name);
    let ring = RINGS.contains(&name);
    let mut disk = disk(shape.0, shape.1, 24576 + clusters * 4096, 0x5c);
    let mut journal = fresh(&mut disk, &options);
    // What must be there, and its names; and how many before it may still be shown.
    let mut list: VecDeque<(Lsn, Vec<u8>)> = VecDeque::new();
    let mut forgotten: Vec<Vec<u8>> = Vec::new();
    let mut commits = 0;
    for (index, op) in ops.iter().chain([&Op::Commit, &Op::Reopen(true)]).enumerate() {
        match *op {
            Op::Append(size) => {
                let payload: Vec<u8> =
                    (0..size).map(|i| (i + index) as u8 ^ (index >> 4) as u8).collect();
                match journal.append(&mut disk, &payload) {
                    Ok(lsn) => list.push_back((lsn, payload)),
                    Err(Error::PayloadSize { max, .. }) => assert!(size > max as usize),
                    Err(Error::Full { .. }) => {
                        journal.checkpoint(&mut disk, Lsn(u64::MAX)).unwrap();
                        list.clear();
                        forgotten.clear();
                        // Forgetting everything makes room for any entry.
                        let lsn = journal.append(&mut disk, &payload).unwrap();
                        list.push_back((lsn, payload));
                    }
                    Err(other) => panic!("{other}"),
                }
            }
            Op::Commit => {
                let upto = journal.commit(&mut disk).unwrap();
                assert!(list.back().is_none_or(|last| last.0 == upto));
                commits += 1;
            }
            Op::Checkpoint(percent) => {
                let covered = list.len() * percent / 100;
                if covered > 0 {
                    journal.checkpoint(&mut disk, list[covered - 1].0).unwrap();
                    forgotten.extend(list.drain(..covered).map(|(_, payload)| payload));
                }
            }
            Op::Reopen(carry) => {
                journal.commit(&mut disk).unwrap();
                let (reopened, opened, shown) = open(&mut disk, &options);
                journal = reopened;
                assert_eq!(opened.damage, None);
                // A checkpoint forgets at most what it was told to, in whole clusters.
                let kept = shown.len().checked_sub(list.len()).expect("nothing is missing");
                assert!(kept <= forgotten.len());
                let want = forgotten[forgotten.len() - kept..].iter();
                assert!(shown.iter().eq(want.chain(list.iter().map(|entry| &entry.1))), "{name}");
                let how = if carry { Survivors::Carry } else { Survivors::Forget };
                assert!(matches!(journal.append(&mut disk, b""), Err(Error::NotResumed)));
                journal.resume(&mut disk, resume(how, index as u64 + 2)).unwrap();
                forgotten.clear();
                list.clear();
                if carry {
                    list = (1..).map(Lsn).zip(shown).collect();
                }
            }
        }
    }
    assert!(commits > 0);
    if ring {
        // Always a new generation, and it alone is left.
        let (_, opened, _) = open(&mut disk, &options);
        assert_eq!(opened.entries as usize, list.len());
    }
}

/// Whatever the device holds: everything answers, and what is appended then is there.
fn bears_any_bytes(name: &str, mut disk: MemoryDevice, carry: bool) {
    let strategy = journal_core::rfc::Strategy::named(name).unwrap();
    let options = RfcOptions { strategy };
    let mut told = 0;
    RfcJournal::inspect(&mut disk, &options, &mut |_| told += 1).unwrap();
    assert!(told > 0);
    let mut shown = 0u64;
    let Ok((mut journal, opened)) = RfcJournal::open(&mut disk, &options, &mut |_| shown += 1)
    else {
        return;
    };
    assert_eq!(opened.entries, shown);
    assert!(shown <= disk.bytes().len() as u64 / 2);
    let how = if carry { Survivors::Carry } else { Survivors::Forget };
    if journal.resume(&mut disk, resume(how, 9)).is_ok()
        && journal.append(&mut disk, b"alive").is_ok()
    {
        journal.commit(&mut disk).unwrap();
    }
    let _ = RfcJournal::open(&mut disk, &options, &mut |_| {}).map(|_| ());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn every_stream_journal_agrees_with_a_list(
        ops in ops(),
        clusters in 2..6u64,
        shape in prop::sample::select(&[(512, 512), (512, 4096), (4096, 4096), (64, 512), (8, 8)][..]),
    ) {
        for name in STREAMS {
            // Literal V8 loses entries to D1 whenever one is as large as the text allows.
            if name == "v8" && ops.iter().any(|op| matches!(op, Op::Append(252))) {
                continue;
            }
            agrees_with_a_list(name, shape, clusters, &ops);
        }
    }

    #[test]
    fn any_bytes_are_borne(
        bytes in prop::collection::vec(any::<u8>(), 0..2000),
        at in 0..40_000usize,
        lost in prop::collection::vec(0..80u64, 0..3),
        carry in any::<bool>(),
        formatted in any::<bool>(),
    ) {
        for (name, strategy, _) in LADDER {
            let mut disk = disk(512, 4096, 131_072, bytes.first().copied().unwrap_or(0xff));
            if formatted {
                RfcJournal::format(&mut disk, &RfcOptions { strategy }, SALT).unwrap();
            }
            disk.bytes_mut()[at..at + bytes.len()].copy_from_slice(&bytes);
            lost.iter().for_each(|&lba| disk.lose(Lba(lba)));
            bears_any_bytes(name, disk, carry);
        }
    }

    #[test]
    fn a_used_journal_bears_any_damage(
        damage in prop::collection::vec((0..65536usize, any::<u8>()), 1..12),
        sizes in prop::collection::vec(0..240usize, 1..60),
        carry in any::<bool>(),
    ) {
        for name in STREAMS {
            let mut disk = disk(512, 512, 65536, 0);
            let mut journal = fresh(&mut disk, &options(name));
            for size in &sizes {
                let _ = journal.append(&mut disk, &vec![*size as u8; *size]);
                if size % 7 == 0 {
                    journal.commit(&mut disk).unwrap();
                }
            }
            journal.commit(&mut disk).unwrap();
            for &(at, byte) in &damage {
                disk.bytes_mut()[at] = byte;
            }
            bears_any_bytes(name, disk, carry);
        }
    }

    #[test]
    fn what_is_encoded_is_decoded(
        dialect in dialects(),
        payload in prop::collection::vec(any::<u8>(), 0..=252),
        at in 0..1u64 << 40,
        salt in any::<[u8; 16]>(),
    ) {
        let (key, at) = (Key::new(Salt(salt)), LogOffset(at));
        let payload = &payload[..payload.len().min(dialect.payload_max())];
        let mut bytes = [0; 256];
        let size = dialect.encode(&key, at, Kind::Hash, payload, &mut bytes);
        let decoded = dialect.decode(&key, at, &bytes);
        if dialect.fits(at, size) {
            let entry = decoded.unwrap();
            prop_assert_eq!((entry.kind, entry.size, entry.payload), (Kind::Hash, size, payload));
            for short in 0..size {
                prop_assert!(
                    matches!(dialect.decode(&key, at, &bytes[..short]), Err(Flaw::Short(n)) if n > short)
                );
            }
        } else {
            prop_assert_eq!(decoded, Err(Flaw::Place));
        }
    }

    #[test]
    fn any_slice_is_decoded_without_panic_and_with_progress(
        dialect in dialects(),
        bytes in prop::collection::vec(any::<u8>(), 0..300),
        at in any::<u64>(),
    ) {
        let at = LogOffset(at >> 1);
        if let Ok(entry) = dialect.decode(&Key::default(), at, &bytes) {
            prop_assert!((2..=254).contains(&entry.size) && entry.payload.len() < entry.size);
        }
    }

    #[test]
    fn the_loss_of_one_sector_costs_what_lies_in_it_and_behind(
        lost in 0..32u64,
        sizes in prop::collection::vec(0..240usize, 1..60),
    ) {
        for name in STREAMS {
            let mut disk = disk(512, 512, 65536, 0);
            let options = options(name);
            let mut journal = fresh(&mut disk, &options);
            let mut whole = Vec::new();
            for (index, size) in sizes.iter().enumerate() {
                let payload = vec![index as u8; *size];
                if journal.append(&mut disk, &payload).is_err() {
                    break;
                }
                whole.push(payload);
            }
            journal.commit(&mut disk).unwrap();
            let area = match name {
                "v8pp" => 48,
                _ if RINGS.contains(&name) => 16,
                _ => 0,
            };
            disk.lose(Lba(area + 8 + lost));
            let (_, opened, shown) = open(&mut disk, &options);
            prop_assert!(whole.starts_with(&shown));
            if shown.len() < whole.len() {
                let damage = opened.damage.expect("what cannot be read is told");
                // The walk stops at the sector or less than an entry before it.
                let sector = (area + 8 + lost) * 512;
                prop_assert!(damage.at_bytes + 254 > sector && damage.at_bytes < sector + 512);
            }
        }
    }
}

#[test]
fn a_clone_keeps_its_memory_and_goes_its_own_way() {
    for name in STREAMS {
        let mut disk = disk(512, 512, 65536, 0);
        let mut journal = fresh(&mut disk, &options(name));
        journal.append(&mut disk, b"before").unwrap();
        let mut twin: StreamJournal = fresh(&mut disk.clone(), &options(name));
        twin.clone_from(&journal);
        let mut other = disk.clone();
        journal.append(&mut disk, b"here").unwrap();
        journal.commit(&mut disk).unwrap();
        twin.append(&mut other, b"there").unwrap();
        twin.commit(&mut other).unwrap();
        assert_eq!(open(&mut disk, &options(name)).2, [&b"before"[..], b"here"], "{name}");
        assert_eq!(open(&mut other, &options(name)).2, [&b"before"[..], b"there"], "{name}");
    }
}

#[test]
fn a_header_copy_that_is_lost_is_told_and_does_not_matter() {
    for name in RINGS {
        let mut disk = disk(512, 512, 65536, 0);
        let mut journal = fresh(&mut disk, &options(name));
        journal.append(&mut disk, b"kept").unwrap();
        journal.commit(&mut disk).unwrap();
        // Formatted with header 1 in copy A, resumed with header 2 in copy B.
        disk.lose(Lba(0));
        let (_, opened, shown) = open(&mut disk, &options(name));
        assert_eq!(shown, [b"kept"]);
        assert_eq!(opened.damage.map(|damage| (damage.at_bytes, damage.proven)), Some((0, false)));
    }
}

#[test]
fn every_rung_of_the_ladder_runs_through_one_type() {
    for (name, strategy, _) in LADDER {
        let options = RfcOptions { strategy };
        let mut disk = disk(512, 512, 131_072, 0);
        RfcJournal::format(&mut disk, &options, SALT).unwrap();
        let mut want: Vec<Vec<u8>> = Vec::new();
        for life in 0..5u8 {
            let mut shown = Vec::new();
            let (mut journal, opened) =
                RfcJournal::open(&mut disk, &options, &mut |e| shown.push(e.payload.to_vec()))
                    .unwrap();
            assert_eq!((&shown, opened.damage), (&want, None), "{name}");
            journal.resume(&mut disk, resume(Survivors::Carry, u64::from(life))).unwrap();
            for index in 0..10 {
                want.push(vec![life, index, 7]);
                journal.append(&mut disk, want.last().unwrap()).unwrap();
            }
            journal.end_group(&mut disk).unwrap();
            journal.commit(&mut disk).unwrap();
        }
    }
}
