//! The sound twins are sound: on every device, over several lives.
//!
//! Goal: a flawed twin differs from its sound one in the flaw alone, so the sound one must hold
//! everywhere, not only where some case needs it. What it is not: the self-test.

use journal_core::Survivors::{self, Carry, Forget};
use simulator::disk::contract::{Contract, DAMAGE_UNBOUNDED, InnerTear, TornContents};
use simulator::disk::{Fill, presets};
use simulator::explore::{Bounds, Verdict, prove};
use simulator::run::Setup;
use simulator::twins::Base;
use simulator::workload::Op::{Append, Checkpoint, Commit};
use simulator::workload::{Identity, Life, Payloads, Workload};

/// Presets, and devices worse than any of them that still keep to a physical sector.
fn devices() -> Vec<Contract> {
    let all =
        TornContents { unreadable: true, zeros: true, ones: true, garbage: true, stale: true };
    let worst = Contract {
        torn: all,
        damage_max: DAMAGE_UNBOUNDED,
        inner_tear: InnerTear::Linear(256),
        ..Contract::base("anything-in-flight")
    };
    let mut devices: Vec<Contract> = presets::everyday().into_iter().map(|p| p.contract).collect();
    devices.extend(presets::named("virtio-spec-literal"));
    devices.push(worst);
    devices
}

/// Two lives: entries of one and of several sectors, a checkpoint, either way to go on.
fn workload(resume: Survivors) -> Workload {
    let first = vec![Append(100), Append(700), Commit, Checkpoint(1)];
    Workload {
        before: vec![Append(100), Append(20), Commit],
        lives: vec![
            Life { resume: Forget, ops: first },
            Life { resume, ops: vec![Append(100), Commit] },
        ],
        identity: Identity::SameAgain,
        payloads: Payloads::Generated,
    }
}

#[test]
fn no_sound_twin_breaks_anything_on_any_device() {
    for contract in devices() {
        for base in Base::ALL {
            for resume in [Carry, Forget] {
                let setup = Setup {
                    device_bytes: 18 * u64::from(contract.physical_bytes.max(512)),
                    contract: contract.clone(),
                    fill: Fill::Noise,
                    workload: workload(resume),
                    fault: None,
                };
                let bounds = Bounds { leaves_max: 1_000, first_only: false };
                let cell = prove(base.name(), &setup, bounds).unwrap();
                // What is not refuted here is not proven by this either: the trees are cut off.
                let who = format!("{} on {}", base.name(), contract.name);
                let fits = cell.explored.first.is_none()
                    && !matches!(cell.verdict, Verdict::Senseless | Verdict::Nondeterministic);
                // Entries without checksums need a device that honours flush.
                let beyond = base == Base::CommitRecord && !contract.honours_flush();
                assert!(fits || beyond, "{who}: {:?} {:?}", cell.verdict, cell.why);
            }
        }
    }
}
