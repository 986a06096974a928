//! Claims about every point of the grid.

use std::collections::BTreeSet;

use journal_core::rfc::{LADDER, RfcJournal, RfcOptions, Strategy};
use journal_core::{
    Checksum, Entropy, Error, Geometry, Journal, Lsn, MemoryDevice, Resume, Survivors,
};

const GEOMETRY: Geometry = Geometry { logical_bytes: 512, physical_bytes: 4096, sectors: 400 };

fn entropy(number: u64) -> Entropy {
    let mut bytes = [0xa5; 16];
    bytes[..8].copy_from_slice(&number.to_be_bytes());
    bytes
}

type Shown = Vec<(Lsn, Vec<u8>)>;

fn open(device: &mut MemoryDevice, strategy: Strategy) -> (RfcJournal, Shown) {
    let mut shown = Vec::new();
    let (journal, opened) = RfcJournal::open(device, &RfcOptions { strategy }, &mut |entry| {
        shown.push((entry.lsn, entry.payload.to_vec()));
    })
    .unwrap_or_else(|error| panic!("{strategy}: {error}"));
    assert_eq!(opened.damage, None, "{strategy}");
    assert_eq!(opened.entries, shown.len() as u64, "{strategy}");
    (journal, shown)
}

fn payloads(shown: &Shown) -> Vec<Vec<u8>> {
    shown.iter().map(|entry| entry.1.clone()).collect()
}

fn formatted(strategy: Strategy) -> MemoryDevice {
    let mut device = MemoryDevice::new(GEOMETRY, 0);
    RfcJournal::format(&mut device, &RfcOptions { strategy }, entropy(0)).unwrap();
    device
}

#[test]
fn the_grid_has_all_its_points_once_and_each_reads_back_what_it_is_spelled() {
    let (mut spelled, mut codes) = (BTreeSet::new(), BTreeSet::new());
    for strategy in Strategy::all() {
        let text = strategy.to_string();
        assert_eq!(Strategy::parse(&text), Ok(strategy), "{text}");
        assert!(codes.insert(strategy.code()), "{text}");
        assert!(spelled.insert(text));
    }
    for (name, strategy, _) in LADDER {
        assert!(spelled.contains(&strategy.to_string()), "{name}");
        assert_eq!(Strategy::parse(name), Ok(strategy));
    }
    println!("{} points", spelled.len());
    assert!(spelled.len() > 300, "{}", spelled.len());
}

/// Lives that carry, and one that forgets: every entry that was committed is shown, in order, and
/// under the name it was given.
#[test]
fn whatever_was_committed_is_there_after_any_number_of_openings() {
    for strategy in Strategy::all() {
        let mut device = formatted(strategy);
        let mut want: Vec<Vec<u8>> = Vec::new();
        for life in 0..5u8 {
            let (mut journal, shown) = open(&mut device, strategy);
            assert_eq!(payloads(&shown), want, "{strategy} life {life}");
            let survivors = if life == 3 { Survivors::Forget } else { Survivors::Carry };
            if survivors == Survivors::Forget {
                want.clear();
            }
            let how = Resume { survivors, entropy: entropy(u64::from(life) + 1) };
            journal.resume(&mut device, how).unwrap_or_else(|e| panic!("{strategy}: {e}"));
            let mut last = Lsn(0);
            for commit in 0..3u8 {
                for index in 0..=commit {
                    let payload = vec![life * 16 + commit; 20 + 23 * usize::from(index + life)];
                    let lsn = journal
                        .append(&mut device, &payload)
                        .unwrap_or_else(|e| panic!("{strategy}: {e}"));
                    assert!(lsn > last, "{strategy}: names grow");
                    (last, _) = (lsn, want.push(payload));
                }
                assert_eq!(journal.commit(&mut device), Ok(last), "{strategy}");
                assert_eq!(journal.commit(&mut device), Ok(last), "{strategy}: again");
            }
        }
        assert_eq!(payloads(&open(&mut device, strategy).1), want, "{strategy}");
    }
}

/// Rounds of append, commit, checkpoint, many times what the area holds, with openings between.
#[test]
fn a_checkpoint_makes_room_for_ever_and_keeps_what_it_does_not_cover() {
    for strategy in Strategy::all() {
        let mut device = formatted(strategy);
        let mut want: Shown = Vec::new();
        let mut journal = open(&mut device, strategy).0;
        let carry = |number| Resume { survivors: Survivors::Carry, entropy: entropy(number) };
        journal.resume(&mut device, carry(1)).unwrap();
        let line =
            strategy.to_string().starts_with("stream") && strategy.to_string().contains("erase");
        for round in 0..36u64 {
            for index in 0..3u64 {
                let payload = vec![(round * 3 + index) as u8; 100 + (round % 120) as usize];
                let lsn = journal
                    .append(&mut device, &payload)
                    .unwrap_or_else(|e| panic!("{strategy} round {round}: {e}"));
                want.push((lsn, payload));
            }
            journal.commit(&mut device).unwrap_or_else(|e| panic!("{strategy}: {e}"));
            // A line forgets all or nothing.
            let keep = if line || round % 5 == 0 { 0 } else { 2 };
            let upto = want[want.len() - 1 - keep].0;
            journal.checkpoint(&mut device, upto).unwrap_or_else(|e| panic!("{strategy}: {e}"));
            let at = want.len() - keep;
            want.drain(..at);
            if round % 7 == 3 {
                let shown;
                (journal, shown) = open(&mut device, strategy);
                let (all, kept) = (payloads(&shown), payloads(&want));
                assert!(all.ends_with(&kept), "{strategy} round {round}");
                // What is still shown besides is older, and no more than shares a cluster with it.
                assert!(all.len() <= kept.len() + 45, "{strategy}: {}", all.len());
                journal.resume(&mut device, carry(round + 2)).unwrap();
                // Names are this life's.
                want = shown[all.len() - kept.len()..].to_vec();
            }
        }
    }
}

#[test]
fn a_full_journal_says_so_changes_nothing_and_takes_more_after_a_checkpoint() {
    for strategy in Strategy::all() {
        let mut device = formatted(strategy);
        let mut journal = open(&mut device, strategy).0;
        let how = Resume { survivors: Survivors::Carry, entropy: entropy(1) };
        journal.resume(&mut device, how).unwrap();
        let mut want = Vec::new();
        let last = loop {
            let payload = vec![want.len() as u8; 150];
            match journal.append(&mut device, &payload) {
                Ok(lsn) => {
                    want.push(payload);
                    assert_eq!(journal.commit(&mut device), Ok(lsn), "{strategy}");
                }
                Err(Error::Full { needed, .. }) => {
                    assert!(needed > 0);
                    break journal.commit(&mut device).unwrap();
                }
                Err(error) => panic!("{strategy}: {error}"),
            }
            assert!(want.len() < 5000, "{strategy} never fills");
        };
        assert!(want.len() >= 10, "{strategy} takes {}", want.len());
        assert_eq!(payloads(&open(&mut device, strategy).1), want, "{strategy}");
        journal.checkpoint(&mut device, last).unwrap();
        let lsn =
            journal.append(&mut device, b"more").unwrap_or_else(|e| panic!("{strategy}: {e}"));
        assert_eq!(journal.commit(&mut device), Ok(lsn), "{strategy}");
        assert!(payloads(&open(&mut device, strategy).1).ends_with(&[b"more".to_vec()]));
        // And a full journal can be carried over.
        let mut journal = open(&mut device, strategy).0;
        journal.resume(&mut device, how).unwrap_or_else(|e| panic!("{strategy}: {e}"));
    }
}

#[test]
fn no_point_opens_another_ones_journal() {
    let some: Vec<_> = Strategy::all().step_by(97).collect();
    for &one in &some {
        let mut device = formatted(one);
        for &other in &some {
            let opened =
                RfcJournal::open(&mut device, &RfcOptions { strategy: other }, &mut |_| ());
            let headers = |s: Strategy| s.code() >> 28 > 1;
            if one != other && headers(other) {
                assert!(matches!(opened, Err(Error::NotAJournal { .. })), "{one} as {other}");
            }
        }
    }
}

mod refusals {
    use journal_core::rfc::Strategy;

    fn said(text: &str) -> String {
        match Strategy::parse(text) {
            Ok(strategy) => panic!("{strategy} is a strategy"),
            Err(error) => error.to_string(),
        }
    }

    /// One row for each way in which answers do not go together.
    #[test]
    fn what_makes_no_sense_is_refused_with_the_reason() {
        let rows = [
            ("stream/none/rewrite/salt/flush", "a salt works through a checksum"),
            ("stream/none/ping-pong/erase/flush", "a torn slot cannot be told from a whole one"),
            ("stream/block:crc32/rewrite/erase/flush", "a stream has no blocks"),
            ("stream/sector:crc32/rewrite/erase/flush", "a stamp would stand in the middle"),
            ("stream/chain:crc32/rewrite/erase/flush", "links their checksums, and they have none"),
            (
                "stream/entry:crc32+chain:crc32c/rewrite/erase/flush",
                "a chain holds the checksums that the entries have",
            ),
            ("stream/none/rewrite/lap/flush", "the middle of an old entry passes for a new one"),
            ("stream-literal/entry:crc32/rewrite/erase/flush", "the literal text has no checksum"),
            ("stream-literal/none/fresh/erase/flush", "has no type to pad with"),
            ("stream-literal/none/rewrite/erase+clear/flush", "the literal text erases before"),
            ("stream-literal/none/rewrite/erase/pointer", "neither commit records nor a header"),
            ("block-512/chain:crc32/rewrite/erase/flush", "a chain of blocks links"),
            (
                "block-512/block:crc32+chain:crc16/rewrite/erase/flush",
                "a chain holds the checksums that the blocks have",
            ),
            ("block-512/entry:crc32+block:crc32/rewrite/erase/flush", "covers its entries already"),
            ("block-4096/block:crc32+sector:crc32/rewrite/erase/flush", "a mix of its sectors"),
            ("block-512/sector:crc32/rewrite/erase/flush", "this block is one sector"),
            ("block-4096/block:crc32/fresh/erase/flush", "padded to all of these at once"),
            ("block-4096/entry:crc32+sector:crc16/rewrite/erase/flush", "two algorithms"),
        ];
        for (text, reason) in rows {
            let said = said(text);
            assert!(said.contains(reason), "{text}: {said}");
        }
    }
}

mod untrusted {
    use journal_core::rfc::{RfcJournal, RfcOptions, Strategy};
    use journal_core::{Inspect, Journal, Lba, MemoryDevice, Resume, Survivors};
    use proptest::prelude::*;

    use super::{GEOMETRY, entropy};

    /// Opens, inspects, opens again, lives on. Whatever the bytes, each of these ends, and the
    /// second opening shows what the first one did.
    fn bears(strategy: Strategy, mut device: MemoryDevice, carry: bool) {
        let options = RfcOptions { strategy };
        let mut fields = 0;
        RfcJournal::inspect(&mut device, &options, &mut |field| {
            fields += 1;
            assert!(field.at_bytes <= GEOMETRY.bytes(), "{strategy}: {}", field.name);
        })
        .unwrap();
        assert!(fields > 0, "{strategy}");
        let mut shown = Vec::new();
        let show = &mut |entry: journal_core::Entry<'_>| shown.push(entry.payload.to_vec());
        let Ok((mut journal, opened)) = RfcJournal::open(&mut device, &options, show) else {
            return;
        };
        assert_eq!(opened.entries, shown.len() as u64, "{strategy}");
        // No more is handed out than the device can hold: an entry has two bytes at least.
        assert!(shown.len() as u64 <= GEOMETRY.bytes() / 2);
        let survivors = if carry { Survivors::Carry } else { Survivors::Forget };
        if journal.resume(&mut device, Resume { survivors, entropy: entropy(9) }).is_ok() {
            let _ = journal.append(&mut device, b"on").and_then(|_| journal.commit(&mut device));
            let mut again = Vec::new();
            let again_show =
                &mut |entry: journal_core::Entry<'_>| again.push(entry.payload.to_vec());
            let opened = RfcJournal::open(&mut device, &options, again_show);
            assert!(opened.is_ok(), "{strategy}: {opened:?}");
        }
    }

    fn point() -> impl proptest::strategy::Strategy<Value = Strategy> {
        let all: Vec<Strategy> = Strategy::all().collect();
        prop::sample::select(all)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1_500))]

        #[test]
        fn a_damaged_journal_of_any_point_is_borne(
            strategy in point(),
            sizes in prop::collection::vec(0..220usize, 1..40),
            damage in prop::collection::vec((0..60_000usize, any::<u8>()), 0..24),
            lost in prop::collection::vec(0..100u64, 0..3),
            carry in any::<bool>(),
        ) {
            let options = RfcOptions { strategy };
            let mut device = MemoryDevice::new(GEOMETRY, 0x55);
            RfcJournal::format(&mut device, &options, entropy(0)).unwrap();
            let (mut journal, _) = RfcJournal::open(&mut device, &options, &mut |_| ()).unwrap();
            let how = Resume { survivors: Survivors::Carry, entropy: entropy(1) };
            journal.resume(&mut device, how).unwrap();
            for size in &sizes {
                let _ = journal.append(&mut device, &vec![*size as u8; *size]);
                if size % 5 == 0 {
                    journal.commit(&mut device).unwrap();
                }
            }
            for &(at, byte) in &damage {
                device.bytes_mut()[at] = byte;
            }
            lost.iter().for_each(|&lba| device.lose(Lba(lba)));
            bears(strategy, device, carry);
        }

        #[test]
        fn any_bytes_are_borne_at_any_point(
            strategy in point(),
            bytes in prop::collection::vec(any::<u8>(), 0..3000),
            at in 0..60_000usize,
            fill in prop::sample::select(vec![0u8, 0xff, 0x55, 2, 1]),
            formatted in any::<bool>(),
            carry in any::<bool>(),
        ) {
            let mut device = MemoryDevice::new(GEOMETRY, fill);
            if formatted {
                RfcJournal::format(&mut device, &RfcOptions { strategy }, entropy(0)).unwrap();
            }
            device.bytes_mut()[at..at + bytes.len()].copy_from_slice(&bytes);
            bears(strategy, device, carry);
        }
    }
}

#[test]
fn the_selection_is_points_of_the_grid_in_its_order_with_every_answer_and_the_ladder() {
    let all: Vec<_> = Strategy::all().collect();
    let selected: Vec<_> = Strategy::selection().collect();
    assert!(selected.len() >= 200, "{}", selected.len());
    assert_eq!(selected, Strategy::selection().collect::<Vec<_>>());
    let places: Vec<_> =
        selected.iter().map(|point| all.iter().position(|other| other == point)).collect();
    assert!(places.iter().all(Option::is_some) && places.is_sorted());
    for (name, strategy, _) in LADDER {
        assert!(selected.contains(&strategy), "{name}");
    }
    // Every answer, and every algorithm; of integrity not every set by every algorithm.
    for (axis, _) in all[0].axes().iter().enumerate().filter(|(_, answer)| answer.0 != "integrity")
    {
        let answers = |points: &[Strategy]| -> BTreeSet<String> {
            points.iter().map(|point| point.axes()[axis].1.to_string()).collect()
        };
        assert_eq!(answers(&selected), answers(&all));
    }
    for sum in Checksum::ALL {
        let named = |point: &&Strategy| point.to_string().contains(sum.name());
        assert!(selected.iter().any(|point| named(&point)), "{}", sum.name());
    }
    // Each has a neighbour to be told from: one that differs in one answer.
    let apart = |one: &Strategy, other: &Strategy| {
        one.axes().iter().zip(other.axes()).filter(|(one, other)| one.1 != other.1).count()
    };
    for point in &selected {
        assert!(selected.iter().any(|other| apart(point, other) == 1), "{point}");
    }
}
