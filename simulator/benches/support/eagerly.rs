//! All images of a contract, one by one: what a proof would cost without laziness.
//!
//! Method. The journal is wrapped so that it reads every sector that its script ever wrote before it
//! recovers; so the disk decides all of them, and each leaf is one whole image. Ordinary leaves
//! (`Run::leaf`), the odometer over all crash points, recovery and oracles on each image. The lazy
//! side is the tree of `prove`.
//!
//! What it is not: the enumerator that checks the disk. See `tests/operational`.

use std::cell::RefCell;
use std::collections::BTreeSet;

use journal_core::{
    BlockDevice, DeviceError, Entropy, Entry, Error, Geometry, Journal, Lba, Limits, Lsn, Opened,
    Plain, Promises, Resume, Stepwise, Survivors,
};
use simulator::choose::Exhaustive;
use simulator::disk::{Fill, presets};
use simulator::oracle::OracleSet;
use simulator::run::{Run, Setup, Tree};
use simulator::workload::{Op, Workload};

/// What came of a crash state: entries shown, oracles violated.
pub type Outcomes = BTreeSet<(u32, OracleSet)>;

/// `n` entries of so many bytes that nobody flushed, and one commit.
pub fn pending(n: u32, bytes: u32, device: &str) -> Setup {
    let mut ops = vec![Op::Append(bytes); n as usize];
    ops.push(Op::Commit);
    Setup {
        contract: presets::named(device).expect("a preset"),
        device_bytes: 128 * 1024,
        fill: Fill::Zeros,
        workload: Workload::repeated(&ops, 1, Survivors::Carry),
        fault: None,
    }
}

/// Leaves and outcomes of the tree.
pub fn lazily<J: Stepwise>(options: &J::Options, setup: &Setup) -> (u64, Outcomes) {
    let (mut run, journal) = Run::<J>::new(options, setup.clone()).expect("it fits");
    run.record(journal, None);
    let (mut leaves, mut outcomes, mut tree) = (0, Outcomes::new(), Tree::default());
    while let Some(leaf) = run.next_leaf(&mut tree) {
        leaves += 1;
        let shown = leaf.last.handed_out;
        outcomes.extend(tree.stands_for().iter().map(|&(_, violated)| (shown, violated)));
    }
    (leaves, outcomes)
}

/// Images and outcomes, image by image.
pub fn eagerly<J: Journal>(options: &J::Options, setup: &Setup) -> (u64, Outcomes) {
    WRITTEN.with_borrow_mut(Vec::clear);
    let made = Run::<Plain<Eager<J>>>::new(options, setup.clone());
    let (mut run, journal) = made.expect("it fits");
    run.record(journal, None);
    let sectors = run.disk().touched().into_iter().map(|lba| lba.0).collect();
    WRITTEN.with_borrow_mut(|written| *written = sectors);
    let (mut images, mut outcomes, mut odometer) = (0, Outcomes::new(), Exhaustive::new());
    loop {
        odometer.rewind();
        let leaf = run.leaf(&mut odometer);
        images += 1;
        outcomes.insert((leaf.last.handed_out, leaf.violated));
        if !odometer.next_leaf() {
            return (images, outcomes);
        }
    }
}

thread_local! {
    /// The sectors that are read before anything else.
    static WRITTEN: RefCell<Vec<u64>> = const { RefCell::new(Vec::new()) };
}

/// A journal that has the whole image decided before it looks at it.
#[derive(Debug)]
struct Eager<J>(J);

impl<J: Journal> Journal for Eager<J> {
    type Options = J::Options;

    fn promises(options: &J::Options) -> Promises {
        J::promises(options)
    }

    fn limits(options: &J::Options, geometry: Geometry) -> Limits {
        J::limits(options, geometry)
    }

    fn format(
        device: &mut dyn BlockDevice,
        options: &J::Options,
        entropy: Entropy,
    ) -> Result<(), Error> {
        J::format(device, options, entropy)
    }

    fn open(
        device: &mut dyn BlockDevice,
        options: &J::Options,
        replay: &mut dyn FnMut(Entry<'_>),
    ) -> Result<(Self, Opened), Error> {
        let mut scratch = vec![0; device.geometry().logical_bytes as usize];
        let read: Result<(), DeviceError> = WRITTEN.with_borrow(|sectors| {
            sectors.iter().try_for_each(|&lba| match device.lend(Lba(lba), &mut scratch) {
                Ok(_) | Err(DeviceError::Unreadable(_)) => Ok(()),
                Err(error) => Err(error),
            })
        });
        read?;
        let (journal, opened) = J::open(device, options, replay)?;
        Ok((Eager(journal), opened))
    }

    fn resume(&mut self, device: &mut dyn BlockDevice, how: Resume) -> Result<(), Error> {
        self.0.resume(device, how)
    }

    fn append(&mut self, device: &mut dyn BlockDevice, payload: &[u8]) -> Result<Lsn, Error> {
        self.0.append(device, payload)
    }

    fn end_group(&mut self, device: &mut dyn BlockDevice) -> Result<(), Error> {
        self.0.end_group(device)
    }

    fn commit(&mut self, device: &mut dyn BlockDevice) -> Result<Lsn, Error> {
        self.0.commit(device)
    }

    fn checkpoint(&mut self, device: &mut dyn BlockDevice, upto: Lsn) -> Result<(), Error> {
        self.0.checkpoint(device, upto)
    }
}
