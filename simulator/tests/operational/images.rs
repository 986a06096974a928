//! The numbers of images: what the disk counts against what the enumerator lists.
//!
//! Method: at the first cut the disk's count must be the number of images listed; after a life,
//! whatever it reads and writes, the counts of the leaves must add up to it. At the second cut the disk does not know
//! the first image, only what was read of it: for each leaf of the life between, its count must be
//! the number of distinct images that any first image which reads so can lead to.
//!
//! Under damage at rest an image is the medium as it reads in the life after the cut: each image listed is
//! damaged in every way that the contract allows, and the distinct results are counted.
//!
//! What it is not: a count of explanations. Two ways to the same bytes are one image.

use std::collections::{BTreeMap, BTreeSet};

use num_bigint::BigUint;
use simulator::choose::Exhaustive;
use simulator::disk::contract::Contract;
use simulator::disk::{Disk, Live};

use crate::compare::{Branches, Eager, disk_after_cut};
use crate::lazy::Lazy;
use crate::model::{Image, Model};
use crate::program::{Transcript, run};
use crate::traces::Case;

/// Images beyond which the second cut is not compared.
const IMAGES_MAX: usize = 1_000;

/// Ways of damage, over all images, beyond which damage at rest is not compared.
const DAMAGED_MAX: usize = 60_000;

fn images(disk: &mut Disk) -> BigUint {
    let mut universe = disk.universe();
    let (_, at) = disk.window();
    universe.images(disk, at)
}

/// What each of these images may read as in the life after the cut; `None` if that is too much.
fn readings(contract: &Contract, images: &BTreeSet<Image>) -> Option<BTreeSet<Image>> {
    let (flips, lost) = (contract.bit_flips as usize, contract.latent_errors as usize);
    let Some(first) = images.first() else { return Some(BTreeSet::new()) };
    let bits = 8 * contract.logical_bytes as usize;
    let each = (1 + bits * first.len()).pow(flips as u32) * (1 + first.len()).pow(lost as u32);
    if flips + lost == 0 {
        return Some(images.clone());
    }
    if each * images.len() > DAMAGED_MAX {
        return None;
    }
    let mut all = BTreeSet::new();
    let mut left: Vec<(Image, usize, usize, usize)> =
        images.iter().map(|image| (image.clone(), 0, flips, lost)).collect();
    // Sector by sector, so that none is damaged twice.
    while let Some((image, lba, flips, lost)) = left.pop() {
        if lba == image.len() {
            all.insert(image);
            continue;
        }
        left.push((image.clone(), lba + 1, flips, lost));
        if let (Some(content), true) = (&image[lba], flips > 0) {
            for bit in 0..bits {
                let mut flipped = content.clone();
                flipped[bit / 8] ^= 1 << (bit % 8);
                let mut image = image.clone();
                image[lba] = Some(flipped);
                left.push((image, lba + 1, flips - 1, lost));
            }
        }
        if image[lba].is_some() && lost > 0 {
            let mut image = image.clone();
            image[lba] = None;
            left.push((image, lba + 1, flips, lost - 1));
        }
    }
    Some(all)
}

/// What is wrong with the numbers, if anything is.
pub fn disagreement(case: &Case, model: &Model, left: &BTreeSet<Image>) -> Result<(), String> {
    let Some(listed) = readings(&case.contract, left) else { return Ok(()) };
    let mut disk = disk_after_cut(case);
    let all = images(&mut disk);
    if all != BigUint::from(listed.len()) {
        return Err(format!("{} images at the first cut, counted {all}", listed.len()));
    }
    // What is drawn from is what is counted.
    let drawable = |disk: &mut Disk, all: &BigUint| match disk.drawable().map(|mut d| d.images()) {
        Some(images) if images != *all => Err(format!("{all} images, {images} to draw from")),
        _ => Ok(()),
    };
    drawable(&mut disk, &all)?;
    let owed = second(case, &Model::new(&case.contract, model.noise.clone()), left);
    let (mut universe, at) = (disk.universe(), disk.window().1);
    let (bytes, mark) = (case.contract.logical_bytes as usize, disk.mark());
    let mut chooser = Exhaustive::new();
    let mut sum = BigUint::default();
    loop {
        disk.rewind(&mark);
        chooser.rewind();
        let mut transcript = Transcript::new();
        let mut live = Lazy::new(Live::new(&mut disk, &mut chooser));
        let calls = run(&case.program, 0, case.sectors, bytes, &mut live, &mut transcript);
        sum += universe.images(&disk, at);
        if let Some(owed) = &owed {
            disk.cut(disk.life_start() + calls as u32);
            let (counted, listed) =
                (images(&mut disk), owed.get(&transcript).map_or(0, BTreeSet::len));
            if counted != BigUint::from(listed) {
                return Err(format!("{listed} images at a second cut, counted {counted}"));
            }
            drawable(&mut disk, &counted)?;
        }
        if !chooser.next_leaf() {
            break;
        }
    }
    if sum != all {
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
        let mut branches = Branches::default();
        loop {
            let mut transcript = Transcript::new();
            let mut medium = Eager::new(&case.contract, image, &mut branches);
            let bytes = medium.bytes;
            let at = run(&case.program, 0, case.sectors, bytes, &mut medium, &mut transcript);
            let after = model.images(&medium.base, &medium.calls, at)?;
            count += after.len();
            if count > IMAGES_MAX {
                return None;
            }
            found.entry(transcript).or_default().extend(after);
            if !branches.next() {
                break;
            }
        }
    }
    let read = |(transcript, images)| Some((transcript, readings(&case.contract, &images)?));
    found.into_iter().map(read).collect()
}
