//! The sweeps: for every knob, random traces with that knob set to each of its values and all the
//! others drawn.
//!
//! The one idea: a fixed knob makes sure that each value is met often; the drawn rest makes sure
//! that it is met together with everything else.
//!
//! Invariant: seeds are fixed, so the same traces are compared on every machine. Most cases must
//! be small enough to be compared; the share that is skipped is bounded.

use simulator::choose::Rng;
use simulator::disk::contract::{
    CacheOrder, Contract, DAMAGE_UNBOUNDED, Flush, Fua, InnerTear, TearShape,
};

use crate::compare::{Compared, check};
use crate::traces::{case, mix, torn};

/// Compares `traces` cases, with `change` applied to their contracts. Invalid contracts are not
/// counted.
fn sweep(name: &str, traces: u64, change: &dyn Fn(&mut Contract, &mut Rng)) {
    let (mut equal, mut skipped, mut transcripts) = (0, 0, 0);
    let salt = name.bytes().fold(0, |h, b| mix(&[h, u64::from(b)]));
    let mut seed = 0;
    while equal + skipped < traces {
        seed += 1;
        let case = case(mix(&[salt, seed]), change);
        if case.contract.validate().is_err() {
            continue;
        }
        match check(&case) {
            Compared::Equal(n) => {
                equal += 1;
                transcripts += n;
            }
            Compared::Skipped => skipped += 1,
        }
    }
    println!("{name}: {equal} traces, {transcripts} transcripts, {skipped} too big");
    assert!(skipped * 4 < traces, "{name}: {skipped} of {traces} cases were too big");
}

#[test]
fn drawn_contracts_agree() {
    sweep("drawn", 1500, &|_, _| {});
}

#[test]
fn survey() {
    let rest = std::env::var("REST").is_ok();
    let filter = std::env::var("ONLY").unwrap_or_default();
    let max: usize = std::env::var("MAX").ok().and_then(|m| m.parse().ok()).unwrap_or(8);
    let start = std::time::Instant::now();
    let mut bad = 0;
    let (mut ok, mut skip) = (0, 0);
    for seed in 0..std::env::var("N").ok().and_then(|m| m.parse().ok()).unwrap_or(2000u64) {
        let case = case(seed.wrapping_mul(77777), &|c, _| {
            if !rest {
                c.bit_flips = 0;
                c.latent_errors = 0;
            }
            if filter.contains("flips") { c.bit_flips = 1; }
            if filter.contains("latent") { c.latent_errors = 1; }
            if filter.contains("nodamage") { c.damage_max = 0; }
            if filter.contains("noneigh") { c.neighbours = false; }
            if filter.contains("noatomic") { c.atomic_bytes = c.logical_bytes; }
            if filter.contains("anyshape") { c.tear_shape = TearShape::Any; }
            if filter.contains("nopost") && c.fua == Fua::PostFlush { c.fua = Fua::Native; }
            if filter.contains("noepoch") && c.order == CacheOrder::Epoch { c.order = CacheOrder::Any; }
        });
        if case.contract.validate().is_err() { continue; }
        match crate::compare::disagreement(&case) {
            Ok(Compared::Skipped) => skip += 1,
            Ok(_) => ok += 1,
            Err(_) => {
                bad += 1;
                if bad <= max {
                    let (small, why) = crate::shrink::shrink(&case, &|c| crate::compare::disagreement(c).err());
                    println!("---- seed {seed}: {why}\n{small:?}");
                }
            }
        }
    }
    println!("ok {ok} skipped {skip} bad {bad} {:?}", start.elapsed());
}
