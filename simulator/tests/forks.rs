//! The tree with forks against the odometer that begins each leaf anew: the same leaves.
//!
//! For every journal, on devices of each kind, in one and in several lives: leaf by leaf the same
//! path and the same findings. What the tree shares between leaves must not show.

use journal_core::formats::Format;
use journal_core::{Geometry, Survivors};
use simulator::choose::Exhaustive;
use simulator::disk::contract::Contract;
use simulator::disk::{Fill, presets};
use simulator::journals::{self, Family, Row, Visitor};
use simulator::run::{Run, Setup, Tree};
use simulator::workload::{Life, Op, Workload};

/// Leaves compared per case.
const LEAVES_MAX: u32 = 1_500;
const DEVICE_BYTES: u64 = 128 * 1024;

struct Compare<'a> {
    contract: &'a Contract,
    workload: &'a Workload,
}

impl Visitor for Compare<'_> {
    type Out = u32;

    fn visit<J: Format>(self, row: Row, options: J::Options) -> u32 {
        let setup = Setup {
            contract: self.contract.clone(),
            device_bytes: DEVICE_BYTES,
            fill: Fill::Noise,
            workload: self.workload.clone(),
            fault: None,
        };
        let Ok((mut plain, journal)) = Run::<J>::new(&options, setup.clone()) else { return 0 };
        plain.record(journal, None);
        let (mut forked, journal) = Run::<J>::new(&options, setup).expect("as before");
        forked.record(journal, None);
        let mut odometer = Exhaustive::new();
        let mut tree = Tree::default();
        for number in 1..=LEAVES_MAX {
            odometer.rewind();
            let want = plain.leaf(&mut odometer);
            let got = forked.next_leaf(&mut tree);
            let case = format!("{} on {}, leaf {number}", row.name, self.contract.name);
            assert_eq!(got, Some(want), "{case}");
            assert_eq!(tree.path(), odometer.path(), "{case}");
            if !odometer.next_leaf() {
                assert!(tree.is_last(), "{case}");
                assert_eq!(forked.next_leaf(&mut tree), None, "{case}");
                return number;
            }
        }
        LEAVES_MAX
    }
}

/// Two commits of two entries each; with later lives that append one more.
fn workload(lives: usize, resume: Survivors, bytes: u32) -> Workload {
    let mut workload = Workload::repeated(&Workload::appends(4, bytes, 2), 1, resume);
    let more = Life { resume, ops: vec![Op::Append(bytes), Op::Commit] };
    workload.lives.extend(std::iter::repeat_n(more, lives - 1));
    workload
}

fn compare(lives: usize, resume: Survivors, devices: &[&str]) {
    let mut leaves = 0;
    for row in journals::rows().into_iter().filter(|row| row.family != Family::Twin) {
        for device in devices {
            let contract = presets::named(device).expect("a preset");
            let geometry: Geometry = contract.geometry(DEVICE_BYTES);
            assert!(geometry.sectors > 0);
            let workload = workload(lives, resume, 100);
            let compare = Compare { contract: &contract, workload: &workload };
            leaves += journals::visit(row.name, compare).expect("a journal of the list");
        }
    }
    assert!(leaves > 1_000, "{leaves} leaves say little");
}

#[test]
fn a_forked_tree_has_the_leaves_of_the_odometer_in_one_life() {
    compare(1, Survivors::Carry, &["consumer-nvme-no-plp", "hdd-512e", "lying-flush"]);
}

#[test]
fn a_forked_tree_has_the_leaves_of_the_odometer_in_several_lives() {
    compare(2, Survivors::Carry, &["consumer-nvme-no-plp", "hdd-512n", "barrier-flush"]);
    compare(3, Survivors::Forget, &["consumer-nvme-no-plp", "enterprise-nvme-plp"]);
}
