//! Exact probabilities against literal summation.
//!
//! Goal: the sum over leaves that a proof makes is the sum over every subset of the sector writes at risk,
//! each with its probability, of what the ordinary leaf of that image violates. The subsets are written out
//! here, from the calls alone; the disk is only told which content each sector has.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU32;

use journal_core::formats::Format;
use journal_core::{Lba, Survivors};
use simulator::choose::{Chooser, Label, What};
use simulator::disk::{CallKind, Fill, Fraction, presets};
use simulator::explore::cell::probable;
use simulator::journals::{self, Row, Visitor};
use simulator::oracle::Oracle;
use simulator::run::{Run, Setup};
use simulator::workload::{Op, Workload};

const OF: u64 = 1;
const PER: u64 = 3;

fn setup(device: &str, lives: u32) -> Setup {
    let ops = [Op::Append(48), Op::Append(300), Op::Commit, Op::Append(48), Op::Commit];
    Setup {
        contract: presets::named(device).unwrap(),
        device_bytes: 128 * 1024,
        fill: Fill::Noise,
        workload: Workload::repeated(&ops, lives, Survivors::Carry),
        fault: None,
    }
}

/// Leads a leaf to an image.
struct ToImage<'w> {
    back: u32,
    /// For each sector the content it has; none for what was there before the life.
    image: BTreeMap<u64, Option<Vec<u8>>>,
    written: &'w BTreeMap<(u32, u64), Vec<u8>>,
}

impl Chooser for ToImage<'_> {
    fn choose(&mut self, what: What, options: NonZeroU32, label: &dyn Fn(u32) -> Label) -> u32 {
        let What::Sector { lba, .. } = what else { return self.back };
        let wanted = self.image.get(&lba).cloned().flatten();
        let is = |i: &u32| match label(*i) {
            Label::Write(command) => self.written.get(&(command, lba)).cloned() == wanted,
            _ => wanted.is_none(),
        };
        // What was there before may go by the name of the command that wrote it.
        (0..options.get()).find(is).unwrap_or(options.get() - 1)
    }
}

/// For each oracle, the ways in which it is violated, and all ways: of each crash point, of `PER` to the
/// power of what is at risk at the point where most is.
struct Literal<'s>(&'s Setup);

impl Visitor for Literal<'_> {
    type Out = (BTreeMap<Oracle, u64>, u64);

    fn visit<J: Format>(self, _: Row, options: J::Options) -> Self::Out {
        let (mut run, journal) = Run::<J>::new(&options, self.0.clone()).unwrap();
        let first_call = run.disk().calls();
        let first_command = run.disk().commands().len() as u32;
        run.record(journal, None);
        let calls = run.disk().calls();
        let commands: Vec<_> = (first_command..)
            .zip(run.disk().commands().split_off(first_command as usize))
            .collect();
        let mut written = BTreeMap::new();
        for (number, command) in &commands {
            for lba in command.lba.0..command.lba.0 + u64::from(command.sectors) {
                let data = run.disk().written(*number, Lba(lba)).unwrap().to_vec();
                written.insert((*number, lba), data);
            }
        }
        let through = self.0.contract.name == "enterprise-nvme-plp";
        // Sector writes at risk and stable at each crash point, by the prose of the contract.
        let mut points = Vec::new();
        for at in first_call..=calls {
            let flushed = (first_call..at)
                .rev()
                .find(|&call| run.disk().call_kind(call) == Some(CallKind::Flush))
                .unwrap_or(first_call);
            let (mut risk, mut stable) = (Vec::new(), BTreeSet::new());
            for (number, command) in commands.iter().filter(|(_, c)| c.call <= at) {
                let done = command.call < at;
                let is_stable = done && (through || command.fua || command.call < flushed);
                for lba in command.lba.0..command.lba.0 + u64::from(command.sectors) {
                    if is_stable {
                        stable.insert((*number, lba));
                    } else {
                        risk.push((*number, lba));
                    }
                }
            }
            points.push((at, risk, stable));
        }
        let most = points.iter().map(|point| point.1.len()).max().unwrap();
        assert!((4..=14).contains(&most), "{most} sector writes at risk");
        let (mut ways, mut all) = (BTreeMap::new(), 0);
        for (at, risk, stable) in points {
            for subset in 0..1u32 << risk.len() {
                let mut on_medium = stable.clone();
                let mut weight = PER.pow((most - risk.len()) as u32);
                for (i, write) in risk.iter().enumerate() {
                    let persists = subset >> i & 1 == 1;
                    weight *= if persists { OF } else { PER - OF };
                    if persists {
                        on_medium.insert(*write);
                    }
                }
                let mut image: BTreeMap<u64, Option<Vec<u8>>> =
                    risk.iter().map(|&(_, lba)| (lba, None)).collect();
                // In order of submission: the last that persisted wins.
                for write in &on_medium {
                    image.insert(write.1, Some(written[write].clone()));
                }
                let mut chooser = ToImage { back: calls - at, image, written: &written };
                let leaf = run.leaf(&mut chooser);
                all += weight;
                for oracle in leaf.violated.and(run.owed()).iter() {
                    *ways.entry(oracle).or_default() += weight;
                }
            }
        }
        (ways, all)
    }
}

#[test]
fn the_probability_is_the_sum_over_every_subset_of_what_was_at_risk() {
    let third = Fraction::new(OF.into(), PER.into()).unwrap();
    let mut violated = 0;
    for (journal, device) in [
        ("v8", "consumer-nvme-no-plp"),
        ("v8r", "consumer-nvme-no-plp"),
        ("v9-512", "consumer-nvme-no-plp"),
        ("leveldb", "consumer-nvme-no-plp"),
        ("v8c", "enterprise-nvme-plp"),
        ("twin-never-syncs", "consumer-nvme-no-plp"),
    ] {
        let setup = setup(device, 1);
        let Some((ways, all)) = journals::visit(journal, Literal(&setup)) else {
            panic!("{journal} is not in the list");
        };
        let found = probable(journal, &setup, &third, 100_000).unwrap().unwrap();
        for (oracle, chance) in &found.oracles {
            let literal = ways.get(oracle).copied().unwrap_or(0);
            let literal = Fraction::new(literal.into(), all.into()).unwrap();
            assert_eq!(chance, &literal, "{journal} on {device}: {}", oracle.name());
            violated += u32::from(literal.of() > &0u32.into());
        }
        println!("{journal} on {device}: any {}", found.any);
    }
    assert!(violated >= 2, "zeros alone say little");
}

#[test]
fn chances_of_one_and_of_nothing_leave_one_image_at_each_crash_point() {
    let setup = setup("consumer-nvme-no-plp", 1);
    for of in [0u32, 1] {
        let certain = Fraction::new(of.into(), 1u32.into()).unwrap();
        let found = probable("v9-512", &setup, &certain, 100_000).unwrap().unwrap();
        assert_eq!(found.any.to_string(), "0/1");
    }
}

#[test]
fn what_does_not_follow_from_the_chances_is_refused_in_words() {
    let third = Fraction::new(OF.into(), PER.into()).unwrap();
    let refused = |device, lives, most| {
        probable("v8c", &setup(device, lives), &third, most).unwrap().unwrap_err()
    };
    assert!(refused("hdd-512n", 1, 100_000).contains("damages sectors"));
    assert!(refused("lying-flush", 1, 100_000).contains("couples sectors"));
    assert!(refused("virtio-writeback", 1, 100_000).contains("couples sectors"));
    assert!(refused("consumer-nvme-no-plp", 2, 100_000).contains("expected one life, found 2"));
    assert!(refused("consumer-nvme-no-plp", 1, 2).contains("did not finish"));
}
