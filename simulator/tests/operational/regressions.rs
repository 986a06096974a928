//! What disk and enumerator once disagreed on, each told as a story: the trace, what the disk said,
//! and why that was wrong.
//!
//! Invariant: each of these failed before the fix that it came with.

use std::collections::BTreeSet;

use simulator::choose::{Exhaustive, Record, Undisturbed};
use simulator::disk::Live;
use simulator::disk::contract::{CacheOrder, Contract, Flush, Fua, InnerTear, TornContents};

use crate::compare::{check, disk_after_cut, leaves};
use crate::lazy::Lazy;
use crate::program::{Medium, tell};
use crate::told::{SECTOR, assert_images, base, calls, case};
use crate::traces::Call;

/// 1. Two sectors are written at address 1, on a device whose atomic unit is four sectors.
/// 2. The disk took them for atomic, since they lie within one aligned window of four.
/// 3. Hosts promise that for naturally aligned commands only (a power of two of sectors at a
///    multiple of its length), so a journal that leans on the window was called safe.
#[test]
fn a_command_that_is_not_naturally_aligned_is_not_atomic() {
    let contract = Contract { atomic_bytes: 4 * SECTOR, ..base() };
    assert_images(&contract, 4, "*ab@1", &[". . . .", ". a . .", ". . b .", ". a b ."]);
    assert_images(&contract, 4, "*ab@2", &[". . . .", ". . a b"]);
    // Three sectors are no power of two.
    let three = ["a . .", ". b .", ". . c", "a b .", "a . c", ". b c", "a b c", ". . ."];
    assert_images(&contract, 3, "*abc@0", &three);
}

/// 1. A barrier device (order `epoch`) has its flushes dropped, as the teeth control does it.
/// 2. `a` is written, flushed, and then `b`.
/// 3. The disk still kept the two apart, as if the flush had been a barrier: no crash state had `b`
///    without `a`, and a journal on this device could not fail its teeth control.
#[test]
fn an_ignored_flush_is_no_barrier_even_in_epoch_order() {
    let kept = Contract { order: CacheOrder::Epoch, flush: Flush::BarrierOnly, ..base() };
    assert_images(&kept, 2, "a@0 | flush | b@1", &[". .", "a .", "a b"]);
    assert_images(&kept.without_flush(), 2, "a@0 | flush | b@1", &[". .", "a .", "a b", ". b"]);
}

/// 1. FUA is carried out as the write and then a flush. One call issues the data, cached, and the
///    commit record, FUA.
/// 2. The kernel sends that flush when the commit record has completed; the data may be in flight
///    still, and a flush covers only what had completed.
/// 3. The disk let the flush cover the whole call, so it hid the commit record without its data.
#[test]
fn the_flush_of_a_fua_write_does_not_cover_the_cached_write_beside_it() {
    let contract = Contract { fua: Fua::PostFlush, ..base() };
    assert_images(&contract, 2, "a@0 b@1!", &[". b", "a b"]);
    // What completed in an earlier call is covered, and a later one covers this call.
    assert_images(&contract, 2, "a@0 | b@1!", &["a b"]);
    assert_images(&contract, 2, "a@0 b@1! | c@1!", &["a c"]);
}

/// 1. A physical sector holds two logical ones; `a` is being written to the first, and the damage
///    of a cut may be garbage.
/// 2. The second sector, a neighbour, has no new content that could be inverted: it is noise.
/// 3. The disk showed a second block of noise, inverted, that the contract does not name.
#[test]
fn a_damaged_neighbour_has_no_new_content_to_invert() {
    let torn = TornContents { garbage: true, ..TornContents::default() };
    let contract =
        Contract { physical_bytes: 2 * SECTOR, neighbours: true, damage_max: 1, torn, ..base() };
    let images = [". .", "a .", "A .", "~ .", ". ~", "a ~", "A ~", "~ ~"];
    assert_images(&contract, 2, "*a@0", &images);
}

/// 1. The first life after a cut reads a sector, finds it good, and writes nothing.
/// 2. The power goes again. In the second life the sector is unreadable: each life has its latent
///    error.
/// 3. The disk told lives apart by their calls, took its decision of the first life for one of the
///    second, and never asked again.
#[test]
fn a_life_without_calls_is_a_life() {
    let contract = Contract { latent_errors: 1, ..base() };
    let mut case = case(&contract, 1, "*a@0");
    case.program.lives = vec![case.program.lives[0]; 2];
    let mut told: Vec<String> = leaves(&case, usize::MAX).iter().map(|leaf| tell(leaf)).collect();
    check(&case);
    told.sort();
    let (a, zeros) = ("0=6161616161616161", "0=zeros");
    let lost = "0=unreadable";
    let mut expected = vec![format!("{lost} | cut | {lost}")];
    for was in [a, zeros] {
        expected.push(format!("{was} | cut | {was}"));
        expected.push(format!("{was} | cut | {lost}"));
    }
    expected.sort();
    assert_eq!(told, expected);
}

/// 1. A cut may damage one sector, to unreadable or ones; and one sector may be lost at rest.
/// 2. Recovery finds sector 0 unreadable. That may be the damage, or the latent error.
/// 3. It finds sector 1 to be ones: so the damage was there, and sector 0 was lost at rest.
/// 4. The disk had put sector 0 down to damage for good, and ruled step 3 out.
#[test]
fn an_unreadable_sector_is_torn_or_lost_at_rest_until_another_read_tells() {
    let torn = TornContents { unreadable: true, ones: true, ..TornContents::default() };
    let contract = Contract { torn, damage_max: 1, latent_errors: 1, ..base() };
    let told = transcripts(&contract, 2, "*a@0 b@1");
    assert!(told.contains("0=unreadable 1=ones"), "{told:?}");
    assert!(told.contains("0=unreadable 1=unreadable"));
    assert!(!told.contains("0=ones 1=ones"), "one strike");
}

/// 1. `c` and `b` differ in one bit, and so do `b` and a flipped `c`. One bit may flip at rest;
///    the cache is first in, first out: sector 0 gets `b` and then `c`, sector 1 then gets `d`.
/// 2. Recovery reads `b`: `c` was lost, or it is there with a flipped bit.
/// 3. It reads `d` in sector 1: so `c` is there.
/// 4. The disk took `b` for `b` alone, ruled step 3 out, and offered `b` a second time as a flip.
#[test]
fn a_flip_that_reads_as_an_older_version_leaves_both_open() {
    let order = CacheOrder::Prefix;
    let contract = Contract { bit_flips: 1, order, ..base() };
    let old = "6262626262626262";
    let new = "6262626262626263";
    let mut case = case(&contract, 2, "b@0 | ?@0 | d@1");
    let hex = |text: &str| -> Vec<u8> {
        (0..8).map(|i| u8::from_str_radix(&text[2 * i..2 * i + 2], 16).expect("hex")).collect()
    };
    if let Call::Write(commands) = &mut case.calls[1] {
        commands[0].data = vec![hex(new)];
    }
    check(&case);
    let leaves = leaves(&case, usize::MAX);
    let told: BTreeSet<String> = leaves.iter().map(|leaf| tell(leaf)).collect();
    assert_eq!(told.len(), leaves.len());
    assert!(told.contains(&format!("0={old} 1=6464646464646464")), "{told:?}");
}

fn transcripts(contract: &Contract, sectors: usize, trace: &str) -> BTreeSet<String> {
    let mut case = case(contract, sectors, trace);
    case.program.seed = 1;
    check(&case);
    leaves(&case, usize::MAX).iter().map(|leaf| tell(leaf)).collect()
}

/// 1. At the first cut a sector is torn: mixes of `a` and zeros. The second life writes `b` over it
///    and is cut; the sector is torn again.
/// 2. "`b` torn over what was there" named three answers: over zeros, and over each mix that reads otherwise.
/// 3. The replay of a recorded failure took the first of them, and passed.
#[test]
fn mixes_over_different_torn_contents_have_different_names() {
    let contract = Contract { inner_tear: InnerTear::Linear(2), damage_max: 1, ..base() };
    let case = case(&contract, 1, "*a@0");
    let mut disk = disk_after_cut(&case);
    Lazy::new(Live::new(&mut disk, &mut Undisturbed)).call(&calls("b@0").0[0]);
    disk.cut(disk.life_start());
    let (mark, mut chooser) = (disk.mark(), Exhaustive::new());
    let mut names = BTreeSet::new();
    let mut contents = BTreeSet::new();
    loop {
        disk.rewind(&mark);
        chooser.rewind();
        let mut record = Record::new(&mut chooser);
        let read = Lazy::new(Live::new(&mut disk, &mut record)).read(0, 1, false);
        names.insert(record.decisions[0].is.to_string());
        contents.insert(read);
        if !chooser.next_leaf() {
            break;
        }
    }
    assert_eq!(names.len(), contents.len(), "{names:?}");
}
