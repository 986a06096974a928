//! The seams hold: one generic test drives every journal there is, and stubs of some to come.
//!
//! `exercise` knows nothing but the trait. A new format that is in the registry is exercised
//! without a line here.

use crate::stubs::{file_log::FileLog, jbd2};
use journal_core::formats::{self, Format, FormatVisitor};
use journal_core::{
    BlockDevice, Entropy, Error, Geometry, Journal, Lsn, MemoryDevice, Opened, Resume, Survivors,
};

const ENTROPY: Entropy = *b"sixteen of these";
const CARRY: Resume = Resume { survivors: Survivors::Carry, entropy: ENTROPY };
const FORGET: Resume = Resume { survivors: Survivors::Forget, entropy: ENTROPY };

/// 512e, so that the two sector sizes differ.
const GEOMETRY: Geometry = Geometry { logical_bytes: 512, physical_bytes: 4096, sectors: 512 };

struct Reopened<J> {
    journal: J,
    opened: Opened,
    payloads: Vec<Vec<u8>>,
    last: Option<Lsn>,
}

fn open<J: Journal>(device: &mut MemoryDevice, options: &J::Options) -> Reopened<J> {
    let mut payloads = Vec::new();
    let mut last = None;
    let writes = device.writes;
    let (journal, opened) = J::open(device, options, &mut |entry| {
        assert!(last < Some(entry.lsn), "names grow");
        last = Some(entry.lsn);
        payloads.push(entry.payload.to_vec());
    })
    .expect("an undamaged journal opens");
    assert_eq!(device.writes, writes, "open writes nothing");
    assert_eq!(opened.entries, payloads.len() as u64);
    Reopened { journal, opened, payloads, last }
}

fn payload(number: usize, max: u32) -> Vec<u8> {
    let length = (number * 37 % 200).min(max as usize);
    (0..length).map(|i| (i + number) as u8 | 1).collect()
}

/// What any journal must do where nothing goes wrong.
fn exercise<J: Journal>(name: &str, options: &J::Options) {
    let limits = J::limits(options, GEOMETRY);
    assert!(limits.payload_min <= limits.payload_max, "{name}");
    let entry = |number| payload(number, limits.payload_max);
    let mut device = MemoryDevice::new(GEOMETRY, 0xa5);
    let device = &mut device;
    J::format(device, options, ENTROPY).expect("the device is large enough");

    // A new journal is empty, and wants to be resumed before it is written.
    let mut first = open::<J>(device, options);
    assert!(first.payloads.is_empty() && first.opened.damage.is_none(), "{name}");
    assert_eq!(first.journal.append(device, b"too early"), Err(Error::NotResumed), "{name}");
    assert_eq!(first.journal.commit(device), Err(Error::NotResumed), "{name}");

    // What was committed comes back, over several lives, in order, and each commit names it.
    let mut expected: Vec<Vec<u8>> = Vec::new();
    for life in 0..4 {
        let Reopened { mut journal, payloads, last, .. } = open::<J>(device, options);
        assert_eq!(payloads, expected, "{name}, life {life}");
        journal.resume(device, CARRY).unwrap();
        let mut newest = last;
        for _ in 0..3 {
            let flushes = device.flushes;
            for _ in 0..2 {
                let lsn = journal.append(device, &entry(expected.len())).unwrap();
                assert!(newest < Some(lsn), "{name}: names grow");
                newest = Some(lsn);
                expected.push(entry(expected.len()));
            }
            journal.end_group(device).unwrap();
            assert_eq!(Some(journal.commit(device).unwrap()), newest, "{name}");
            assert!(device.flushes > flushes, "{name}: a commit flushes");
        }
    }

    // Forgotten is forgotten; then the largest payload fits, and one byte more does not.
    let mut journal = open::<J>(device, options).journal;
    journal.resume(device, FORGET).unwrap();
    let Reopened { mut journal, payloads, .. } = open::<J>(device, options);
    assert!(payloads.is_empty(), "{name}: durably forgotten");
    journal.resume(device, CARRY).unwrap();
    let largest = vec![0x7f; limits.payload_max as usize];
    let larger = vec![0x7f; limits.payload_max as usize + 1];
    let refused = journal.append(device, &larger);
    assert!(matches!(refused, Err(Error::PayloadSize { .. })), "{name}: {refused:?}");
    journal.append(device, &largest).unwrap();
    let upto = journal.commit(device).unwrap();
    let Reopened { mut journal, payloads, last, .. } = open::<J>(device, options);
    assert_eq!((&payloads[..], last), (&[largest][..], Some(upto)), "{name}");
    journal.resume(device, FORGET).unwrap();

    // Fill it, checkpoint, and there is room again, many times over.
    let mut number = 0;
    for round in 0..5 {
        let began = number;
        let upto = loop {
            match journal.append(device, &entry(number)) {
                Ok(_) => number += 1,
                Err(Error::Full { .. }) => break journal.commit(device).unwrap(),
                Err(error) => panic!("{name}: {error}"),
            }
        };
        assert!(number > began + 5, "{name}, round {round}: always full is no answer");
        journal.checkpoint(device, upto).unwrap();
        journal.append(device, &entry(number)).unwrap();
        number += 1;
        journal.commit(device).unwrap();
        let reopened = open::<J>(device, options);
        // Checkpointed entries may be there or not, the one behind them must.
        let from = number - reopened.payloads.len();
        let still: Vec<_> = (from..number).map(entry).collect();
        assert_eq!(reopened.payloads, still, "{name}, round {round}");
        assert!(from < number, "{name}");
        journal = reopened.journal;
        journal.resume(device, CARRY).unwrap();
    }
}

#[test]
fn every_registered_format_is_a_journal() {
    struct Exercise;
    impl FormatVisitor for Exercise {
        fn visit<J: Format>(&mut self, name: &'static str, _: &'static str, options: J::Options) {
            exercise::<J>(name, &options);
        }
    }
    formats::each(&mut Exercise);
}

#[test]
fn a_journal_of_blocks_with_a_fua_commit_record_fits_the_seam() {
    exercise::<jbd2::Jbd2>("jbd2 stub", &jbd2::Options { block_bytes: 1024 });
    exercise::<jbd2::Jbd2>("jbd2 stub", &jbd2::Options { block_bytes: 4096 });
}

#[test]
fn a_users_log_on_a_plain_file_fits_the_seam() {
    exercise::<FileLog>("file log stub", &());
}

#[test]
fn formats_refuse_a_device_that_does_not_fit_them() {
    struct TooSmall(Geometry);
    impl FormatVisitor for TooSmall {
        fn visit<J: Format>(&mut self, name: &'static str, _: &'static str, options: J::Options) {
            let mut device = MemoryDevice::new(self.0, 0);
            assert_eq!(device.geometry(), self.0);
            let refused = J::format(&mut device, &options, ENTROPY);
            assert!(matches!(refused, Err(Error::Unfit { .. })), "{name}: {refused:?}");
            let refused = J::open(&mut device, &options, &mut |_| {}).err();
            assert!(matches!(refused, Some(Error::Unfit { .. })), "{name}: {refused:?}");
        }
    }
    formats::each(&mut TooSmall(Geometry { sectors: 1, ..GEOMETRY }));
    let large = Geometry { logical_bytes: 65536, physical_bytes: 65536, sectors: 16 };
    formats::each(&mut TooSmall(large));
}
