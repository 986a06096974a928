//! Properties of the existing formats: what goes in comes out, and no bytes hurt.

use journal_core::formats::leveldb::record::Header;
use journal_core::formats::leveldb::{LogWriter, read_log};
use journal_core::formats::page_cache::Area;
use journal_core::formats::sqlite_wal::frame::{FrameHeader, HeaderRead, Sums, WalHeader};
use journal_core::formats::{self, Format, FormatVisitor};
use journal_core::{End, Entropy, Error, Geometry, Lba, Lsn, MemoryDevice, Resume, Survivors};
use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;

const ENTROPY: Entropy = [7; 16];

fn geometry(sectors: u64) -> Geometry {
    Geometry { logical_bytes: 512, physical_bytes: 512, sectors }
}

fn resume(survivors: Survivors, entropy: u8) -> Resume {
    Resume { survivors, entropy: [entropy; 16] }
}

#[derive(Clone, Debug)]
enum Op {
    Append(usize),
    EndGroup,
    Commit,
    Checkpoint,
    /// The process ends without another word; memory is lost, the device keeps what it was given.
    Reopen(Survivors),
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        6 => (0usize..400).prop_map(Op::Append),
        1 => (400usize..4000).prop_map(Op::Append),
        2 => Just(Op::EndGroup),
        3 => Just(Op::Commit),
        1 => Just(Op::Checkpoint),
        1 => Just(Op::Reopen(Survivors::Carry)),
        1 => Just(Op::Reopen(Survivors::Forget)),
    ]
}

/// What must be there: `entries[a..b]` for some `a <= optional` and some `b >= durable`.
#[derive(Default)]
struct Model {
    entries: Vec<Vec<u8>>,
    /// Checkpointed: these may be forgotten.
    optional: usize,
    /// Committed.
    durable: usize,
}

impl Model {
    fn takes(&mut self, found: Vec<Vec<u8>>) -> bool {
        let fits = (0..=self.optional).find(|&a| {
            let b = a + found.len();
            // An empty log is a valid answer only if nothing beyond the checkpoint is owed.
            b >= self.durable && b <= self.entries.len() && self.entries[a..b] == found[..]
        });
        let Some(a) = fits else { return false };
        *self = Model { optional: self.optional - a, durable: found.len(), entries: found };
        self.optional = self.optional.min(self.durable);
        true
    }
}

fn behaves_like_a_vec<J: Format>(
    name: &str,
    options: &J::Options,
    ops: &[Op],
) -> Result<(), TestCaseError> {
    let mut device = MemoryDevice::new(geometry(256), 0);
    let max = J::limits(options, geometry(256)).payload_max as usize;
    J::format(&mut device, options, ENTROPY).unwrap();
    let (mut journal, _) = J::open(&mut device, options, &mut |_| {}).unwrap();
    journal.resume(&mut device, resume(Survivors::Carry, 0)).unwrap();
    let mut model = Model::default();
    let mut last = Lsn(0);
    let closing = [Op::Commit, Op::Reopen(Survivors::Carry)];
    for (number, op) in ops.iter().chain(&closing).enumerate() {
        match *op {
            Op::Append(length) => {
                let length = length.min(max);
                let payload: Vec<u8> = (0..length).map(|i| (i ^ number) as u8).collect();
                match journal.append(&mut device, &payload) {
                    Ok(lsn) => {
                        model.entries.push(payload);
                        last = lsn;
                    }
                    Err(Error::Full { .. }) => {}
                    Err(error) => prop_assert!(false, "{name}: {error}"),
                }
            }
            Op::EndGroup => journal.end_group(&mut device).unwrap(),
            Op::Commit => {
                let lsn = journal.commit(&mut device).unwrap();
                prop_assert!(lsn >= last, "{}: everything appended is named", name);
                model.durable = model.entries.len();
            }
            Op::Checkpoint => {
                journal.checkpoint(&mut device, last).unwrap();
                model.optional = model.durable;
                // A checkpoint of entries that are not committed yet is legal, too.
                if model.entries.len() > model.durable {
                    model.optional = model.entries.len();
                    model.durable = 0;
                }
            }
            Op::Reopen(survivors) => {
                let mut found = Vec::new();
                last = Lsn(0);
                let (reopened, opened) = J::open(&mut device, options, &mut |entry| {
                    last = entry.lsn;
                    found.push(entry.payload.to_vec());
                })
                .unwrap();
                prop_assert_eq!(opened.damage, None, "{}", name);
                prop_assert!(opened.end != End::Torn, "{}", name);
                prop_assert!(model.takes(found), "{}, step {}", name, number);
                // As an explorer copies them: into one that was used before.
                journal.clone_from(&reopened);
                journal.resume(&mut device, resume(survivors, number as u8)).unwrap();
                if survivors == Survivors::Forget {
                    model = Model::default();
                }
            }
        }
    }
    Ok(())
}

/// Opens whatever is there and goes on with it as far as it lets us.
fn survives<J: Format>(options: &J::Options, device: &mut MemoryDevice, survivors: Survivors) {
    let mut told = 0u64;
    J::inspect(device, options, &mut |field| told = told.saturating_add(field.bytes)).unwrap();
    for life in 0..3 {
        let mut handed_out = 0u64;
        let opened = J::open(device, options, &mut |entry| {
            handed_out += entry.payload.len() as u64;
        });
        assert!(handed_out <= device.bytes().len() as u64, "no more than is there");
        let Ok((mut journal, opened)) = opened else { return };
        assert!(opened.entries <= device.bytes().len() as u64);
        if journal.resume(device, resume(survivors, life)).is_err() {
            return;
        }
        let lsn = journal.append(device, b"after the damage");
        let committed = journal.commit(device);
        if let (Ok(lsn), Ok(committed)) = (lsn, committed) {
            assert!(committed >= lsn);
            let _ = journal.checkpoint(device, committed);
        }
    }
}

struct EachFormat<F>(F);

/// A closure cannot be generic; these two tests are.
struct Vecs<'a>(&'a [Op], Result<(), TestCaseError>);

impl FormatVisitor for Vecs<'_> {
    fn visit<J: Format>(&mut self, name: &'static str, _: &'static str, options: J::Options) {
        let result = behaves_like_a_vec::<J>(name, &options, self.0);
        self.1 = std::mem::replace(&mut self.1, Ok(())).and(result);
    }
}

struct Damaged<'a> {
    entries: &'a [usize],
    writes: &'a [(u64, Vec<u8>)],
    lost: &'a [u64],
    survivors: Survivors,
}

impl FormatVisitor for EachFormat<Damaged<'_>> {
    fn visit<J: Format>(&mut self, _: &'static str, _: &'static str, options: J::Options) {
        let mut device = MemoryDevice::new(geometry(128), 0);
        J::format(&mut device, &options, ENTROPY).unwrap();
        let (mut journal, _) = J::open(&mut device, &options, &mut |_| {}).unwrap();
        journal.resume(&mut device, resume(Survivors::Carry, 1)).unwrap();
        for &length in self.0.entries {
            let _ = journal.append(&mut device, &vec![length as u8; length]);
            journal.commit(&mut device).unwrap();
        }
        let bytes = device.bytes_mut();
        for (at, damage) in self.0.writes {
            let at = (*at % bytes.len() as u64) as usize;
            let end = (at + damage.len()).min(bytes.len());
            bytes[at..end].copy_from_slice(&damage[..end - at]);
        }
        for lost in self.0.lost {
            device.lose(Lba(lost % 128));
        }
        survives::<J>(&options, &mut device, self.0.survivors);
    }
}

fn survivors() -> impl Strategy<Value = Survivors> {
    prop_oneof![Just(Survivors::Carry), Just(Survivors::Forget)]
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 256,
        failure_persistence: Some(Box::new(FileFailurePersistence::WithSource("regressions"))),
        ..ProptestConfig::default()
    })]

    #[test]
    fn every_format_behaves_like_a_vec(ops in prop::collection::vec(op(), 0..80)) {
        let mut vecs = Vecs(&ops, Ok(()));
        formats::each(&mut vecs);
        vecs.1?;
    }

    #[test]
    fn damage_to_a_real_image_never_panics_or_hangs(
        entries in prop::collection::vec(0usize..600, 0..12),
        writes in prop::collection::vec(
            (0u64..20000, prop::collection::vec(any::<u8>(), 1..64)), 0..6),
        lost in prop::collection::vec(any::<u64>(), 0..3),
        survivors in survivors(),
    ) {
        let damaged =
            Damaged { entries: &entries, writes: &writes, lost: &lost, survivors };
        formats::each(&mut EachFormat(damaged));
    }

    #[test]
    fn arbitrary_bytes_never_panic_or_hang(
        image in prop::collection::vec(any::<u8>(), 20480..40960),
        survivors in survivors(),
    ) {
        struct Arbitrary(Vec<u8>, Survivors);
        impl FormatVisitor for Arbitrary {
            fn visit<J: Format>(&mut self, _: &'static str, _: &'static str, options: J::Options) {
                let mut device = MemoryDevice::from_image(self.0.clone());
                survives::<J>(&options, &mut device, self.1);
            }
        }
        formats::each(&mut Arbitrary(image, survivors));
    }

    #[test]
    fn a_bare_leveldb_log_of_arbitrary_bytes_is_read_to_its_end(
        image in prop::collection::vec(any::<u8>(), 0..70000),
    ) {
        let mut device = MemoryDevice::from_image(image.clone());
        let area = Area::new(geometry(device.bytes().len() as u64 / 512), 0, image.len() as u64);
        let found = read_log(&mut device, &area.unwrap(), &mut |_| {}).unwrap();
        prop_assert!(found.intact_bytes <= image.len() as u64);
    }

    #[test]
    fn leveldb_records_of_any_length_come_back(
        lengths in prop::collection::vec(
            prop_oneof![0usize..100, 32700usize..32800, 0usize..70000], 0..8),
        start in prop_oneof![Just(0u64), 0u64..40000],
    ) {
        let mut device = MemoryDevice::new(geometry(1024), 0);
        let area = Area::new(geometry(1024), 0, 1024 * 512).unwrap();
        let mut writer = LogWriter::at(area, start - start % 32768);
        let mut expected = Vec::new();
        for (i, length) in lengths.into_iter().enumerate() {
            let payload = vec![i as u8 + 1; length];
            if writer.append(&mut device, &payload).is_ok() {
                expected.push(payload);
            }
        }
        writer.write_back(&mut device).unwrap();
        let mut read = Vec::new();
        let found = read_log(&mut device, &area, &mut |record| read.push(record.payload.to_vec()));
        prop_assert!(read == expected);
        prop_assert_eq!(found.unwrap().damage, None);
    }

    #[test]
    fn headers_are_read_as_they_were_written(
        kind: u8, payload in prop::collection::vec(any::<u8>(), 0..64),
        big_endian_sums: bool, shift in 9u32..=16, sequence: u32, salts: [u32; 2],
        page_number: u32, database_pages: u32, sum1: u32, sum2: u32,
    ) {
        let header = Header::of(kind, &payload);
        prop_assert_eq!(Header::decode(&header.encode()), header);
        prop_assert!(header.fits(&payload));
        let wal = WalHeader { big_endian_sums, page_bytes: 1 << shift, sequence, salts };
        let (bytes, sums) = wal.encode();
        prop_assert_eq!(WalHeader::decode(&bytes), HeaderRead::Valid(wal, sums));
        let frame = FrameHeader { page_number, database_pages, salts, sums: Sums(sum1, sum2) };
        prop_assert_eq!(FrameHeader::decode(&frame.encode()), frame);
    }
}
