//! The numbers of images: what the disk counts against what the enumerator lists.
//!
//! Method: at the first cut the disk's count must be the number of images listed; after a life that
//! only read, the counts of the leaves must add up to it. At the second cut the disk does not know
//! the first image, only what was read of it: for each leaf of the life between, its count must be
//! the number of distinct images that any first image which reads so can lead to.
//!
//! What it is not: a check of damage at rest, which is not in an image.

use std::collections::{BTreeMap, BTreeSet};

use num_bigint::BigUint;
use simulator::choose::Exhaustive;
use simulator::disk::{Disk, Live};

use crate::compare::{Branches, Eager, Lazy, disk_after_cut};
use crate::model::{Image, Model};
use crate::program::{Transcript, run};
use crate::traces::Case;

/// Images beyond which the second cut is not compared.
const IMAGES_MAX: usize = 1_000;

fn images(disk: &mut Disk) -> BigUint {
    let mut universe = disk.universe().expect("no damage at rest");
    let (_, at) = disk.window();
    universe.images(disk, at)
}

/// What is wrong with the numbers, if anything is.
pub fn disagreement(case: &Case, model: &Model, listed: &BTreeSet<Image>) -> Result<(), String> {
    if case.contract.damages_at_rest() {
        return Ok(());
    }
    let mut disk = disk_after_cut(case);
    let all = images(&mut disk);
    if all != BigUint::from(listed.len()) {
        return Err(format!("{} images at the first cut, counted {all}", listed.len()));
    }
    let owed = second(case, &Model::new(&case.contract, model.noise.clone()), listed);
    let (bytes, mark) = (case.contract.logical_bytes as usize, disk.mark());
    let (mut universe, at) = (disk.universe().expect("as before"), disk.window().1);
    let mut chooser = Exhaustive::new();
    let (mut sum, mut wrote) = (BigUint::default(), false);
    loop {
        disk.rewind(&mark);
        chooser.rewind();
        let before = disk.calls();
        let mut transcript = Transcript::new();
        let mut live = Lazy(Live::new(&mut disk, &mut chooser));
        let calls = run(&case.program, 0, case.sectors, bytes, &mut live, &mut transcript);
        wrote |= disk.calls() > before;
        sum += universe.images(&disk, at);
        if let Some(owed) = &owed {
            disk.cut(disk.life_start() + calls as u32);
            let (counted, listed) =
                (images(&mut disk), owed.get(&transcript).map_or(0, BTreeSet::len));
            if counted != BigUint::from(listed) {
                return Err(format!("{listed} images at a second cut, counted {counted}"));
            }
        }
        if !chooser.next_leaf() {
            break;
        }
    }
    // What a life overwrites unread is in no leaf's number.
    if !wrote && sum != all {
        return Err(format!("{all} images at the first cut, and the leaves add up to {sum}"));
    }
    Ok(())
}

/// For each transcript of the first life after the cut, the images after the next one.
fn second(
    case: &Case,
    model: &Model,
    first: &BTreeSet<Image>,
) -> Option<BTreeMap<Transcript, BTreeSet<Image>>> {
    if case.program.lives.len() < 2 {
        return None;
    }
    let mut found: BTreeMap<Transcript, BTreeSet<Image>> = BTreeMap::new();
    let mut count = 0;
    for image in first {
        let mut transcript = Transcript::new();
        let mut branches = Branches::default();
        let mut medium = Eager::new(&case.contract, image, &mut branches);
        let bytes = medium.bytes;
        let at = run(&case.program, 0, case.sectors, bytes, &mut medium, &mut transcript);
        let after = model.images(&medium.base, &medium.calls, at)?;
        count += after.len();
        if count > IMAGES_MAX {
            return None;
        }
        found.entry(transcript).or_default().extend(after);
    }
    Some(found)
}
