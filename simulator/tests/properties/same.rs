//! The same byte over many sectors is the ordinary writes that it stands for, and what is said to be
//! known is so.
//!
//! Method. A program of three lives on a disk of twelve sectors (of five where contracts couple them), run on two disks: one is told of the same
//! byte over spans with `write_same`, the other is handed the bytes. The first life begins on a disk
//! that was prepared and settled, the power goes in it and in the second (at any of its calls, or the
//! call left open). All leaves of both are gone through side by side, up to a number: every question
//! with its names, every answer, every read, every count of images must be the same. On the disk that
//! was told, what is said to be known of sectors is held against reading them, which must ask nothing.
//!
//! What it is not: a check of the images themselves. That is `operational`, whose programs discard.

use proptest::collection::vec;
use proptest::prelude::*;
use std::num::NonZeroU32;

use journal_core::{BlockDevice, Checksum, DeviceError, Lba, Piece, Span, Write};
use simulator::choose::{Chooser, Exhaustive, Label, Undisturbed, What};
use simulator::disk::contract::{CacheOrder, Contract, Flush};
use simulator::disk::{Disk, Fill, Live};

use super::contracts;

const SECTOR: usize = 8;

/// Leaves that are compared at most, where sectors are independent and elsewhere.
const LEAVES_MAX: (usize, usize) = (200, 40);

#[derive(Clone, Debug)]
enum Step {
    Same(u8, Vec<(u64, u64)>),
    /// First sector, sectors, what is written, FUA.
    Write(u64, u64, u8, bool),
    Flush,
    Read(u64, u64),
    /// The first of so many sectors from one on that is not all this byte.
    Find(u64, u64, u8),
    /// Whether these sectors have the checksum of this byte.
    Verify(u64, u64, u8),
}

#[derive(Clone, Debug)]
struct Program {
    sectors: u64,
    fill: Fill,
    before: Vec<Step>,
    lives: [Vec<Step>; 3],
    /// Where the first life is cut; where its cut is left open, from where on.
    cut: (prop::sample::Index, prop::sample::Index),
    left_open: bool,
    asks_classes: bool,
}

fn byte() -> impl Strategy<Value = u8> {
    prop_oneof![5 => Just(0), 4 => Just(0xff), 1 => Just(7)]
}

fn span(sectors: u64, most: u64) -> impl Strategy<Value = (u64, u64)> {
    (0..sectors, 1..=most).prop_map(move |(lba, n)| (lba, n.min(sectors - lba)))
}

/// Spans of one length side by side, as a journal erases its area, or any.
fn spans(sectors: u64) -> impl Strategy<Value = Vec<(u64, u64)>> {
    let row = (0..sectors / 2, 1..5u64, 1..6u64).prop_map(move |(first, each, count)| {
        let at = (0..count).map(|i| first + i * each).filter(|at| *at < sectors);
        at.map(|at| (at, each.min(sectors - at))).collect()
    });
    let any = prop_oneof![span(sectors, sectors), span(sectors, 3)];
    prop_oneof![2 => row, 1 => vec(any, 1..3)]
}

fn steps(sectors: u64, most: usize) -> impl Strategy<Value = Vec<Step>> {
    let small = || span(sectors, 3);
    let step = prop_oneof![
        4 => (byte(), spans(sectors)).prop_map(|(byte, spans)| Step::Same(byte, spans)),
        2 => (small(), any::<u8>(), prop::bool::weighted(0.2))
            .prop_map(|((lba, n), tag, fua)| Step::Write(lba, n, tag, fua)),
        2 => Just(Step::Flush),
        2 => small().prop_map(|(lba, n)| Step::Read(lba, n)),
        1 => (small(), byte()).prop_map(|((lba, n), byte)| Step::Find(lba, n, byte)),
        1 => (small(), byte()).prop_map(|((lba, n), byte)| Step::Verify(lba, n, byte)),
    ];
    vec(step, 0..most)
}

fn program(sectors: u64, most: usize) -> impl Strategy<Value = Program> {
    let fill = prop_oneof![3 => Just(Fill::Zeros), 1 => Just(Fill::Ones), 1 => Just(Fill::Noise)];
    let life = || steps(sectors, most);
    let lives = (life(), life(), life(), life());
    let cut = (any::<prop::sample::Index>(), any::<prop::sample::Index>());
    (fill, lives, cut, any::<bool>(), any::<bool>()).prop_map(
        move |(fill, (before, first, second, third), cut, left_open, asks_classes)| {
            let lives = [first, second, third];
            Program { sectors, fill, before, lives, cut, left_open, asks_classes }
        },
    )
}

/// A contract that couples nothing, of which such writes are recorded in a word in every life.
fn uncoupled() -> impl Strategy<Value = Contract> {
    let order = prop_oneof![Just(CacheOrder::Any), Just(CacheOrder::WriteThrough)];
    let flush = prop_oneof![Just(Flush::Honoured), Just(Flush::Ignored)];
    (order, flush, 0..2u32).prop_map(|(order, flush, late_calls)| Contract {
        order,
        flush,
        late_calls,
        logical_bytes: SECTOR as u32,
        physical_bytes: SECTOR as u32,
        atomic_bytes: SECTOR as u32,
        page_bytes: SECTOR as u32,
        ..Contract::base("uncoupled")
    })
}

/// Writes down each question and its answer by name.
struct Told<'a> {
    chooser: &'a mut Exhaustive,
    lines: &'a mut Vec<String>,
}

impl Chooser for Told<'_> {
    fn choose(&mut self, what: What, options: NonZeroU32, label: &dyn Fn(u32) -> Label) -> u32 {
        let answer = self.chooser.choose(what, options, label);
        let names: Vec<Label> = (0..options.get()).map(label).collect();
        self.lines.push(format!("{what:?}: {names:?}, {answer}"));
        answer
    }
}

/// Reading what is known asks nothing.
struct Nothing;

impl Chooser for Nothing {
    fn choose(&mut self, what: What, _: NonZeroU32, _: &dyn Fn(u32) -> Label) -> u32 {
        panic!("known, and asked about: {what:?}");
    }
}

/// Holds what a disk says that it knows against what it holds.
fn what_is_known_is_so(disk: &Disk) {
    let all = disk.geometry().sectors;
    for (at, byte) in [(0, 0), (0, 0xff), (1, 0), (all / 2, 0), (all / 2, 0xff), (all - 1, 0)] {
        let mut disk = disk.clone();
        let mut nothing = Nothing;
        let mut device = Live::new(&mut disk, &mut nothing);
        for sectors in [1, all / 2, all] {
            let sectors = sectors.min(all - at);
            let known = device.knows_same(Lba(at), sectors, byte);
            assert!(known <= sectors);
            for lba in at..at + known {
                let mut sector = [!byte; SECTOR];
                device.read(Lba(lba), &mut sector).expect("known, so readable");
                assert_eq!(sector, [byte; SECTOR], "{lba} of {at}+{known}");
            }
        }
    }
}

fn step(device: &mut dyn BlockDevice, in_a_word: bool, step: &Step) -> Result<String, DeviceError> {
    let bytes = |n: u64, byte: u8| vec![byte; n as usize * SECTOR];
    Ok(match step {
        Step::Same(byte, spans) if in_a_word => {
            let span = |&(at, sectors): &(u64, u64)| Span { at: Lba(at), sectors };
            device.write_same(*byte, &spans.iter().map(span).collect::<Vec<_>>())?;
            String::new()
        }
        Step::Same(byte, spans) => {
            let data: Vec<_> = spans.iter().map(|&(_, sectors)| bytes(sectors, *byte)).collect();
            let write = |(span, data)| {
                let &(at, _): &(u64, u64) = span;
                Write::cached(Lba(at), data)
            };
            let data = data.iter().map(Vec::as_slice);
            device.write(&spans.iter().zip(data).map(write).collect::<Vec<_>>())?;
            String::new()
        }
        Step::Write(at, sectors, tag, fua) => {
            let data: Vec<u8> = (0..*sectors as u8 * SECTOR as u8).map(|i| tag ^ i).collect();
            let write = if *fua { Write::fua } else { Write::cached };
            device.write(&[write(Lba(*at), &data)])?;
            String::new()
        }
        Step::Flush => device.flush().map(|()| String::new())?,
        Step::Read(at, sectors) => {
            let mut into = bytes(*sectors, 0);
            match device.read(Lba(*at), &mut into) {
                Err(DeviceError::PowerCut) => return Err(DeviceError::PowerCut),
                read => format!("{read:?} {into:?}"),
            }
        }
        Step::Find(at, count, byte) => {
            let other = |_: u64, bytes: &[u8]| bytes.iter().any(|b| b != byte);
            format!("{:?}", device.find(Lba(*at), *count, &mut [0; SECTOR], &other)?)
        }
        Step::Verify(at, sectors, byte) => {
            let (at_bytes, bytes) = (at * SECTOR as u64, sectors * SECTOR as u64);
            let sum = Checksum::Crc32c.of(&[&vec![*byte; bytes as usize]]);
            let piece = [Piece::Device { at_bytes, bytes }];
            match device.verify(&piece, Checksum::Crc32c, sum) {
                Err(DeviceError::PowerCut) => return Err(DeviceError::PowerCut),
                holds => format!("{holds:?}"),
            }
        }
    })
}

fn live(device: &mut dyn BlockDevice, in_a_word: bool, steps: &[Step]) -> Vec<String> {
    let mut told = Vec::new();
    for each in steps {
        match step(device, in_a_word, each) {
            Ok(said) => told.push(said),
            Err(error) => {
                told.push(format!("{error}"));
                break;
            }
        }
    }
    told
}

/// Every leaf of a program, as all that it tells.
fn leaves(contract: &Contract, program: &Program, in_a_word: bool) -> Vec<Vec<String>> {
    let most = if contract.name == "uncoupled" { LEAVES_MAX.0 } else { LEAVES_MAX.1 };
    let bytes = program.sectors * u64::from(contract.logical_bytes);
    let mut disk = Disk::new(contract, bytes, program.fill).expect("a valid contract");
    if in_a_word {
        disk.prepare();
    }
    let mut calm = Undisturbed;
    live(&mut Live::new(&mut disk, &mut calm), in_a_word, &program.before);
    disk.settle();
    let begins = disk.calls();
    live(&mut Live::new(&mut disk, &mut calm), in_a_word, &program.lives[0]);
    let traffic = disk.traffic();
    let points = (disk.calls() - begins + 1) as usize;
    let at = begins + program.cut.0.index(points) as u32;
    let from = begins + program.cut.1.index((at - begins) as usize + 1) as u32;
    let opens = program.left_open && disk.leaves_cuts_open();
    disk.cut_between(if opens { from } else { at }, at);
    disk.ask_classes(program.asks_classes);
    let mark = disk.mark();
    let mut odometer = Exhaustive::new();
    let mut leaves = Vec::new();
    while leaves.len() < most {
        odometer.rewind();
        disk.rewind(&mark);
        let mut told = vec![format!("{traffic:?} {:?}", disk.touched())];
        let mut questions = Vec::new();
        for steps in &program.lives[1..] {
            let window = disk.window();
            let mut universe = disk.universe();
            let counted = |universe: &mut simulator::disk::Universe, disk: &Disk| {
                let (first, last) = disk.window();
                let at =
                    |at| format!("{} {:?}", universe.images(disk, at), universe.at_risk(disk, at));
                (first..=last).map(at).collect::<Vec<_>>()
            };
            told.extend(counted(&mut universe, &disk));
            let mut chooser = Told { chooser: &mut odometer, lines: &mut questions };
            let begins = disk.calls();
            let may_go = (!opens).then_some(3);
            let device = &mut Live::asking(&mut disk, &mut chooser, may_go);
            told.extend(live(device, in_a_word, steps));
            told.push(format!("{window:?} to {:?}, {}", disk.window(), disk.is_dead()));
            told.extend(counted(&mut universe, &disk));
            what_is_known_is_so(&disk);
            if opens {
                disk.cut_between(begins, disk.calls());
            } else {
                disk.cut_here();
            }
        }
        told.append(&mut questions);
        leaves.push(told);
        if !odometer.next_leaf() {
            break;
        }
    }
    leaves
}

fn compare(contract: &Contract, program: &Program) -> Result<(), TestCaseError> {
    let (told, handed) = (leaves(contract, program, true), leaves(contract, program, false));
    for (leaf, (told, handed)) in told.iter().zip(&handed).enumerate() {
        prop_assert_eq!(told, handed, "leaf {}", leaf);
    }
    prop_assert_eq!(told.len(), handed.len());
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, ..ProptestConfig::default() })]

    #[test]
    fn a_word_means_the_writes_that_it_stands_for_where_sectors_are_independent(
        contract in uncoupled(),
        program in program(12, 6),
    ) {
        compare(&contract, &program)?;
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, ..ProptestConfig::default() })]

    #[test]
    fn a_word_means_the_writes_that_it_stands_for_under_any_contract(
        contract in contracts::contract(),
        program in program(5, 4),
    ) {
        compare(&contract, &program)?;
    }
}

/// Goal: what was erased as the disk was prepared is known to the last sector, but for those that
/// something was written to; and a disk that damages at rest knows nothing.
#[test]
fn what_nobody_wrote_since_it_was_erased_is_known() {
    let contract = |latent_errors| Contract {
        latent_errors,
        logical_bytes: 512,
        physical_bytes: 512,
        ..Contract::base("x")
    };
    for (latent_errors, known) in [(0, [(0, 0), (3, 1), (4, 0), (5, 4091)]), (1, [(5, 0); 4])] {
        let mut disk = Disk::new(&contract(latent_errors), 4096 * 512, Fill::Noise).unwrap();
        disk.prepare();
        let mut calm = Undisturbed;
        let mut device = Live::new(&mut disk, &mut calm);
        let spans = [0, 1024, 2048, 3072].map(|at| Span { at: Lba(at), sectors: 1024 });
        device.write_same(0xff, &spans).unwrap();
        device.write_one(Lba(0), &[3; 1536]).unwrap();
        disk.settle();
        Live::new(&mut disk, &mut calm).write_one(Lba(4), &[0xff; 512]).unwrap();
        disk.cut_here();
        let mut nothing = Nothing;
        let mut device = Live::new(&mut disk, &mut nothing);
        for (at, sectors) in known {
            assert_eq!(device.knows_same(Lba(at), 4096 - at, 0xff), sectors, "from {at}");
            assert_eq!(device.knows_same(Lba(at), 4096 - at, 0), 0);
        }
        assert_eq!(device.knows_same(Lba(5), 4096, 0xff), 0, "there are no such sectors");
    }
}
