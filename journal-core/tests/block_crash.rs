//! Every crash of small V9 workloads, by brute force.
//!
//! Method: a device that records. Whenever the power may go (after each write and each flush) the
//! images that may be left are built eagerly: each sector holds its durable content or any content
//! that a write since the last flush gave it, independently of the others. Each image is opened,
//! and crashed again inside `resume` in the same way.
//!
//! What it is not: the simulator. It knows one contract (any subset, 512-byte sectors), and its
//! workloads are a handful of operations.

use std::collections::BTreeMap;

use journal_core::rfc::block::{BlockJournal, BlockOptions};
use journal_core::{
    BlockDevice, DeviceError, Geometry, Journal, Lba, Lsn, MemoryDevice, Resume, Survivors, Write,
};

const SECTOR: usize = 512;

/// Records every write since the last flush, sector by sector.
#[derive(Clone)]
struct Recorder {
    durable: MemoryDevice,
    cached: MemoryDevice,
    pending: BTreeMap<u64, Vec<Vec<u8>>>,
    drops_flushes: bool,
    /// Where the power may go: what was durable, what was pending, what was acknowledged.
    crashes: Vec<Crash>,
    acked: usize,
    begun: usize,
}

#[derive(Clone)]
struct Crash {
    durable: MemoryDevice,
    pending: BTreeMap<u64, Vec<Vec<u8>>>,
    /// Payloads acknowledged, and payloads appended, so far.
    acked: usize,
    begun: usize,
}

impl Recorder {
    fn new(disk: MemoryDevice) -> Self {
        Recorder {
            durable: disk.clone(),
            cached: disk,
            pending: BTreeMap::new(),
            drops_flushes: false,
            crashes: Vec::new(),
            acked: 0,
            begun: 0,
        }
    }

    fn crash_point(&mut self) {
        self.crashes.push(Crash {
            durable: self.durable.clone(),
            pending: self.pending.clone(),
            acked: self.acked,
            begun: self.begun,
        });
    }
}

impl BlockDevice for Recorder {
    fn geometry(&self) -> Geometry {
        self.cached.geometry()
    }
    fn read(&mut self, at: Lba, into: &mut [u8]) -> Result<(), DeviceError> {
        self.cached.read(at, into)
    }
    fn write(&mut self, writes: &[Write<'_>]) -> Result<(), DeviceError> {
        self.cached.write(writes)?;
        for write in writes {
            for (index, data) in write.data.chunks(SECTOR).enumerate() {
                let versions = self.pending.entry(write.at.0 + index as u64).or_default();
                if versions.last().map(Vec::as_slice) != Some(data) {
                    versions.push(data.to_vec());
                }
            }
        }
        self.crash_point();
        Ok(())
    }
    fn flush(&mut self) -> Result<(), DeviceError> {
        if !self.drops_flushes {
            self.durable = self.cached.clone();
            self.pending.clear();
        }
        self.crash_point();
        Ok(())
    }
    fn discard(&mut self, at: Lba, sectors: u64) -> Result<(), DeviceError> {
        self.cached.discard(at, sectors)
    }
}

impl Crash {
    /// Calls `with` for each image that this crash may leave. A version that equals what is
    /// durable, such as the filler of a header, is no choice.
    fn images(&self, with: &mut dyn FnMut(&mut MemoryDevice)) {
        let mut choices: Vec<(usize, Vec<&[u8]>)> = Vec::new();
        for (&lba, versions) in &self.pending {
            let at = lba as usize * SECTOR;
            let mut options = vec![&self.durable.bytes()[at..at + SECTOR]];
            for version in versions {
                if !options.contains(&version.as_slice()) {
                    options.push(version);
                }
            }
            if options.len() > 1 {
                choices.push((at, options));
            }
        }
        let mut digits = vec![0; choices.len()];
        loop {
            let mut image = self.durable.clone();
            for ((at, options), &digit) in choices.iter().zip(&digits) {
                image.bytes_mut()[*at..at + SECTOR].copy_from_slice(options[digit]);
            }
            with(&mut image);
            let mut place = 0;
            loop {
                if place == digits.len() {
                    return;
                }
                digits[place] += 1;
                if digits[place] < choices[place].1.len() {
                    break;
                }
                digits[place] = 0;
                place += 1;
            }
        }
    }
}

fn entropy(n: u8) -> [u8; 16] {
    core::array::from_fn(|i| n.wrapping_mul(31).wrapping_add(i as u8 * 7 + 1))
}

/// Payload `index`: tells its index, and is long enough for a few to fill a block.
fn payload(index: usize) -> Vec<u8> {
    let mut bytes = vec![index as u8; 120];
    bytes[0] = b'#';
    bytes
}

fn recover(device: &mut MemoryDevice, options: BlockOptions) -> Result<Vec<usize>, String> {
    let mut entries = Vec::new();
    let mut wrong = None;
    let (_, opened) = BlockJournal::open(device, &options, &mut |entry| {
        let index = usize::from(entry.payload[1]);
        if entry.payload != payload(index) {
            wrong = Some(index);
        }
        entries.push(index);
    })
    .map_err(|error| format!("open: {error}"))?;
    if opened.damage.is_some_and(|damage| damage.proven) {
        return Err(format!("a power cut is no damage: {opened:?}"));
    }
    match wrong {
        Some(index) => Err(format!("entry {index} differs")),
        None => Ok(entries),
    }
}

/// The entries must be a range without gaps that begins at most at `from`, the first entry no
/// checkpoint has freed, and holds everything acknowledged from there on.
fn judge(found: &[usize], from: usize, crash: &Crash) -> Result<(), String> {
    let contiguous = found.windows(2).all(|w| w[0] + 1 == w[1]);
    let holds = match (found.first(), found.last()) {
        (Some(&first), Some(&last)) => {
            first <= from && last + 1 >= crash.acked && last < crash.begun
        }
        _ => crash.acked <= from,
    };
    if contiguous && holds {
        return Ok(());
    }
    Err(format!("found {found:?}, acknowledged {}, freed below {from}", crash.acked))
}

/// What was examined.
#[derive(Default)]
struct Count {
    images: u64,
    inside_resume: u64,
    ranges: std::collections::BTreeSet<Vec<usize>>,
}

struct Workload {
    options: BlockOptions,
    /// Blocks of the area.
    blocks: u64,
    /// Entries of each commit, or `None` for a checkpoint of all but the last entry.
    steps: &'static [Option<usize>],
    resume: Survivors,
    drops_flushes: bool,
}

fn explore(workload: &Workload) -> Result<Count, String> {
    let Workload { options, blocks, steps, resume, drops_flushes } = *workload;
    let sectors = 16 + blocks * u64::from(options.block_bytes) / SECTOR as u64;
    let geometry = Geometry { logical_bytes: 512, physical_bytes: 512, sectors };
    let mut disk = MemoryDevice::new(geometry, 0);
    BlockJournal::format(&mut disk, &options, entropy(1)).unwrap();
    let (mut journal, _) = BlockJournal::open(&mut disk, &options, &mut |_| ()).unwrap();
    let mut device = Recorder::new(disk);
    device.drops_flushes = drops_flushes;
    journal
        .resume(&mut device, Resume { survivors: resume, entropy: entropy(2) })
        .map_err(|error| error.to_string())?;
    let mut freed_at = vec![(0, 0)];
    let mut names: Vec<Lsn> = Vec::new();
    for step in steps {
        match step {
            Some(entries) => {
                for _ in 0..*entries {
                    let next = payload(device.begun);
                    let lsn = journal.append(&mut device, &next).unwrap();
                    names.push(lsn);
                    device.begun += 1;
                }
                let upto = journal.commit(&mut device).unwrap();
                assert_eq!(Some(&upto), names.last());
                device.acked = device.begun;
                device.crash_point();
            }
            None => {
                let keep = names.len() - 1;
                freed_at.push((device.crashes.len(), keep));
                journal.checkpoint(&mut device, names[keep - 1]).unwrap();
            }
        }
    }
    let mut count = Count::default();
    for (index, crash) in device.crashes.iter().enumerate() {
        let from = freed_at.iter().rev().find(|(at, _)| *at <= index).map_or(0, |(_, from)| *from);
        let mut result = Ok(());
        crash.images(&mut |image| {
            if result.is_ok() {
                result = examine(image, options, from, crash, &mut count);
            }
        });
        result?;
    }
    Ok(count)
}

/// Judges an image, then crashes each way of resuming from it.
fn examine(
    image: &mut MemoryDevice,
    options: BlockOptions,
    from: usize,
    crash: &Crash,
    count: &mut Count,
) -> Result<(), String> {
    count.images += 1;
    let found = recover(image, options)?;
    judge(&found, from, crash)?;
    // What a resume does depends on the image only through what it finds; still, each is tried.
    for survivors in [Survivors::Carry, Survivors::Forget] {
        let mut inside = Recorder::new(image.clone());
        let (mut journal, _) = BlockJournal::open(&mut inside, &options, &mut |_| ()).unwrap();
        let how = Resume { survivors, entropy: entropy(3) };
        journal.resume(&mut inside, how).map_err(|error| format!("resume: {error}"))?;
        for second in &inside.crashes {
            let mut result = Ok(());
            second.images(&mut |image| {
                count.inside_resume += 1;
                let again = recover(image, options);
                let same = match (&again, survivors) {
                    (Ok(again), Survivors::Carry) => *again == found,
                    (Ok(again), Survivors::Forget) => again.is_empty() || *again == found,
                    (Err(_), _) => false,
                };
                if !same && result.is_ok() {
                    result = Err(format!("{survivors:?} over {found:?} left {again:?}"));
                }
            });
            result?;
        }
        let after = recover(&mut inside.durable, options)?;
        let expected = if survivors == Survivors::Carry { &found[..] } else { &[] };
        if after != expected {
            return Err(format!("{survivors:?} over {found:?} ended with {after:?}"));
        }
        afterlife(journal, &mut inside, options, expected)?;
    }
    count.ranges.insert(found);
    Ok(())
}

/// The journal goes on: a commit behind the survivors is found behind them.
fn afterlife(
    mut journal: BlockJournal,
    device: &mut Recorder,
    options: BlockOptions,
    survivors: &[usize],
) -> Result<(), String> {
    match journal.append(device, &payload(200)) {
        Ok(_) => journal.commit(device).map_err(|error| error.to_string())?,
        Err(journal_core::Error::Full { .. }) => return Ok(()),
        Err(error) => return Err(error.to_string()),
    };
    let found = recover(&mut device.durable, options)?;
    let expected: Vec<usize> = survivors.iter().copied().chain([200]).collect();
    if found == expected { Ok(()) } else { Err(format!("went on with {found:?}")) }
}

/// Commits of one, two and more blocks, checkpoints, and enough of them to wrap the ring.
const STEPS: &[Option<usize>] =
    &[Some(1), Some(4), None, Some(8), None, Some(2), None, Some(7), None, Some(1)];
const SMALL: BlockOptions = BlockOptions { window: 4, ..BlockOptions::V9_512 };

#[test]
fn no_power_cut_loses_or_invents_an_entry() {
    for resume in [Survivors::Carry, Survivors::Forget] {
        let workload =
            Workload { options: SMALL, blocks: 13, steps: STEPS, resume, drops_flushes: false };
        let count = explore(&workload).unwrap();
        // Not hollow: torn commits, both kinds of resume, and various ranges were seen.
        assert!(count.images > 40, "{} images", count.images);
        assert!(count.inside_resume > 500, "{} images inside resume", count.inside_resume);
        assert!(count.ranges.len() >= 10, "{:?}", count.ranges);
    }
}

#[test]
fn blocks_of_eight_sectors_may_be_torn_inside() {
    let options = BlockOptions { window: 2, ..BlockOptions::V9_4096 };
    let steps = &[Some(3), Some(8), None, Some(20), None, Some(1)];
    let workload =
        Workload { options, blocks: 6, steps, resume: Survivors::Carry, drops_flushes: false };
    let count = explore(&workload).unwrap();
    assert!(count.images > 20 && count.inside_resume > 1000);
}

#[test]
fn dropped_flushes_are_caught() {
    // Teeth: the same judge over a device that ignores flushes must find a loss.
    let workload = Workload {
        options: SMALL,
        blocks: 13,
        steps: &[Some(1), Some(4)],
        resume: Survivors::Forget,
        drops_flushes: true,
    };
    let error = explore(&workload).map(|count| count.images).unwrap_err();
    assert!(error.contains("acknowledged") || error.contains("open"), "{error}");
}

/// Two lives: a commit of two blocks of which only the second reaches the disk, then a commit that
/// begins with the same block and of which only the first reaches the disk.
fn stale_suffix(options: BlockOptions) -> Vec<Vec<u8>> {
    let geometry = Geometry { logical_bytes: 512, physical_bytes: 512, sectors: 64 };
    let mut disk = MemoryDevice::new(geometry, 0);
    BlockJournal::format(&mut disk, &options, entropy(1)).unwrap();
    for (life, second) in [(2, b"never shown"), (3, b"second life")] {
        let (mut journal, _) = BlockJournal::open(&mut disk, &options, &mut |_| ()).unwrap();
        let how = Resume { survivors: Survivors::Carry, entropy: entropy(life) };
        journal.resume(&mut disk, how).unwrap();
        let place = (16 + journal.next().0 as usize) * SECTOR;
        let before = disk.clone();
        journal.append(&mut disk, &[1; 251]).unwrap();
        journal.append(&mut disk, &[2; 220]).unwrap();
        journal.append(&mut disk, second).unwrap();
        journal.commit(&mut disk).unwrap();
        // The cut: of the two sectors one keeps its old content.
        let lost = if life == 2 { place } else { place + SECTOR };
        disk.bytes_mut()[lost..lost + SECTOR].copy_from_slice(&before.bytes()[lost..][..SECTOR]);
    }
    let mut shown = Vec::new();
    BlockJournal::open(&mut disk, &options, &mut |entry| shown.push(entry.payload.to_vec()))
        .unwrap();
    shown
}

#[test]
fn a_stale_suffix_comes_back_only_without_the_salt() {
    assert!(stale_suffix(BlockOptions::V9_512).is_empty());
    let shown = stale_suffix(BlockOptions::V9_NOSALT);
    assert_eq!(shown.last().map(Vec::as_slice), Some(&b"never shown"[..]));
}
