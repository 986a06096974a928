//! Programs that ask: whether a checksum holds over a range, which unit of a range passes a test
//! first, whether any does, whether something is what its head claims, and what some bytes of a sector
//! are. The disk answers by asking its chooser only what that tells.
//!
//! Method: the enumerator reads the bytes of every image and computes. The disk has the same
//! programs with and without [`Disk::ask_classes`], and with and without clauses. Transcripts must be the
//! same sets; and the images that agree with what the leaves of a life learned must add up to all, so that
//! no two leaves stand for one image, whatever the life writes over unread. Expected checksums are those of what was
//! written, in full, up to some call, or with gaps: sums that many an image has, and mixtures that few have.
//!
//! Invariant: a case asks at least once on the way, or it is not counted.

use std::collections::{BTreeMap, HashSet};

use journal_core::Checksum;
use num_bigint::BigUint;
use simulator::choose::{Exhaustive, Rng};
use simulator::disk::contract::{CacheOrder, Contract, Flush, Fua, TearShape};
use simulator::disk::{Disk, Live};

use crate::compare::{Compared, disk_after_cut, eager, fill_image, run_lives_with};
use crate::lazy::Lazy;
use crate::model::Image;
use crate::program::{Transcript, run, tell};
use crate::traces::{Ask, Call, Case, case_of, mix, one_of};

/// What the sectors held after some calls, each sector of a command written or (with gaps) not.
fn written(case: &Case, rng: &mut Rng, gaps: bool) -> Image {
    let until = rng.below(case.calls.len() as u32 + 1) as usize;
    written_by(case, until, &mut |_| !gaps || rng.below(4) > 0)
}

/// What they hold after so many calls, of which those sectors were written that `is_written`.
fn written_by(case: &Case, until: usize, is_written: &mut dyn FnMut(usize) -> bool) -> Image {
    let mut image = fill_image(&case.contract, case.sectors, case.fill);
    for call in &case.calls[..until] {
        let Call::Write(commands) = call else { continue };
        for command in commands {
            for (i, data) in command.data.iter().enumerate() {
                if is_written(command.lba + i) {
                    image[command.lba + i] = Some(data.clone());
                }
            }
        }
    }
    image
}

/// A question that some image may answer with yes.
fn ask(case: &Case, rng: &mut Rng) -> Ask {
    let bytes = case.contract.logical_bytes;
    let lba = rng.below(case.sectors as u32);
    let sectors = 1 + rng.below(case.sectors as u32 - lba);
    let from = if rng.below(2) == 0 { 0 } else { rng.below(bytes) };
    let end = sectors * bytes;
    let to = (end - if rng.below(2) == 0 { 0 } else { rng.below(bytes) }).max(from + 1);
    let hole = (rng.below(2) == 0).then(|| {
        let first = from + rng.below(to - from);
        (first as usize, (first + 1 + rng.below(to - first)) as usize)
    });
    let sum = one_of(
        rng,
        &[Checksum::Crc32c, Checksum::SqliteBig, Checksum::SqliteLittle, Checksum::Crc32],
    );
    let (lba, sectors, from, to) = (lba as usize, sectors as usize, from as usize, to as usize);
    let mut ask = Ask { lba, sectors, from, to, hole, sum, expected: 0, claimed: 0, behind: false };
    let gaps = rng.below(3) == 0;
    let image = written(case, rng, gaps);
    let content: Vec<u8> =
        image[lba..lba + sectors].iter().flat_map(|s| s.clone().expect("readable")).collect();
    (ask.expected, ask.claimed) = (ask.of(&content), ask.of_all(&content));
    ask
}

/// Makes a command write what its sectors claim to come to into the last bytes of one of them.
fn sign(case: &mut Case, ask: &mut Ask, rng: &mut Rng) {
    let (bytes, width) = (case.contract.logical_bytes as usize, ask.sum.bytes());
    let (end, last) = (ask.sectors * bytes, ask.lba + ask.sectors - 1);
    let covers = |call: &Call| {
        let Call::Write(commands) = call else { return None };
        commands.iter().position(|c| (c.lba..c.lba + c.data.len()).contains(&last))
    };
    let signing: Vec<(usize, usize)> =
        (0..).zip(&case.calls).filter_map(|(at, call)| Some((at, covers(call)?))).collect();
    if signing.is_empty() || width > bytes || ask.from + width > end {
        return;
    }
    let (at, number) = one_of(rng, &signing);
    let image = written_by(case, at + 1, &mut |_| true);
    let sectors = image[ask.lba..=last].iter().flat_map(|s| s.clone().expect("readable"));
    let sum = ask.of_all(&sectors.collect::<Vec<u8>>()[..end - width]).to_be_bytes();
    let Call::Write(commands) = &mut case.calls[at] else { unreachable!("it writes") };
    let lba = commands[number].lba;
    commands[number].data[last - lba][bytes - width..].copy_from_slice(&sum[8 - width..]);
    ask.behind = true;
}

fn asking(seed: u64, change: &dyn Fn(&mut Contract, &mut Rng)) -> Case {
    // Two lives have a flip each, in every pair of bits.
    let mut case = case_of(seed, change, &|contract, rng| match contract.bit_flips {
        0 => 1 + rng.below(3),
        _ => 1 + u32::from(rng.below(3) == 0),
    });
    if case.contract.validate().is_err() {
        return case;
    }
    let mut rng = Rng::new(mix(&[seed, 1]));
    let mut signed: Vec<Ask> = (0..2).map(|_| ask(&case, &mut rng)).collect();
    signed.iter_mut().for_each(|ask| sign(&mut case, ask, &mut rng));
    let others = (0..4).map(|_| ask(&case, &mut rng));
    case.program.asks = others.chain(signed).collect();
    case
}

fn has_asked(transcript: &Transcript) -> bool {
    let told = tell(transcript);
    ["sum", "first", "any", "from", "whole", "head"].iter().any(|asked| told.contains(asked))
}

/// The transcripts of all leaves, if the disk is asked for classes and told of several sectors at once,
/// or not; `None` if too many mixtures would have had to be tried.
fn lazy(case: &Case, (classes, clauses): (bool, bool)) -> Option<HashSet<Transcript>> {
    let mut disk = disk_after_cut(case);
    disk.ask_classes(classes);
    let (mark, mut chooser) = (disk.mark(), Exhaustive::new());
    let mut found = HashSet::new();
    loop {
        disk.rewind(&mark);
        chooser.rewind();
        found.insert(run_lives_with(case, &mut disk, &mut chooser, clauses));
        assert_eq!(chooser.nondeterminism(), None, "{case:?}");
        if !chooser.next_leaf() {
            // Where bits flip nearly all is told so; but there is no collision here.
            let modulo_collisions = disk.take_collisions().excluded;
            return (!modulo_collisions || case.contract.bit_flips > 0).then_some(found);
        }
    }
}

/// What is done with each leaf: the disk, the crash points left, the transcript.
type Told<'a> = &'a mut dyn FnMut(&Disk, (u32, u32), &Transcript);

/// The transcripts of the first life's leaves, each with its crash points and its disk.
fn first_life(case: &Case, disk: &mut Disk, leaf: Told<'_>) {
    let (mark, mut chooser) = (disk.mark(), Exhaustive::new());
    let bytes = case.contract.logical_bytes as usize;
    loop {
        disk.rewind(&mark);
        chooser.rewind();
        let mut transcript = Transcript::new();
        let mut live = Lazy::under(&case.contract, Live::new(disk, &mut chooser));
        run(&case.program, 0, case.sectors, bytes, &mut live, &mut transcript);
        leaf(disk, disk.window(), &transcript);
        if !chooser.next_leaf() {
            return;
        }
    }
}

fn disagreement(case: &Case) -> Result<Compared, String> {
    let Some(wanted) = eager(case) else { return Ok(Compared::Skipped) };
    for how in [(false, false), (true, false), (true, true)] {
        let Some(found) = lazy(case, how) else { return Ok(Compared::Skipped) };
        if let Some(extra) = found.difference(&wanted).min() {
            return Err(format!("{how:?}: the disk invents: {}", tell(extra)));
        }
        if let Some(missing) = wanted.difference(&found).min() {
            return Err(format!("{how:?}: the disk misses: {}", tell(missing)));
        }
    }
    for clauses in [false, true] {
        let mut disk = disk_after_cut(case);
        disk.ask_classes(true);
        disk.allow_clauses(clauses, true);
        let (mut universe, at) = (disk.universe(), disk.window().1);
        let all = universe.images(&disk, at);
        let mut sum = BigUint::default();
        first_life(case, &mut disk, &mut |disk, _, _| {
            sum += universe.images(disk, at);
        });
        if sum != all {
            let how = if clauses { "with clauses" } else { "without" };
            return Err(format!(
                "{how}: {all} images at the first cut, the leaves add up to {sum}"
            ));
        }
    }
    let asked = wanted.iter().any(has_asked);
    Ok(if asked { Compared::Equal(wanted.len()) } else { Compared::Skipped })
}

fn check(case: &Case) -> Compared {
    disagreement(case).unwrap_or_else(|_| {
        let (small, why) = crate::shrink::shrink(case, &|case| disagreement(case).err());
        panic!("{why}\n{small:?}");
    })
}

fn sweep(name: &str, traces: u64, change: &dyn Fn(&mut Contract, &mut Rng)) {
    let salt = name.bytes().fold(0, |h, b| mix(&[h, u64::from(b)]));
    let (mut equal, mut transcripts, mut seed) = (0, 0, 0);
    while equal < traces {
        seed += 1;
        let case = asking(mix(&[salt, seed]), &|contract, rng| {
            contract.bit_flips = 0;
            change(contract, rng);
        });
        if case.contract.validate().is_err() {
            continue;
        }
        if let Compared::Equal(n) = check(&case) {
            equal += 1;
            transcripts += n;
        }
    }
    println!("{name}: {equal} traces of {seed}, {transcripts} transcripts");
    assert!(seed < 12 * traces, "{name}: most cases are too big or ask nothing");
}

#[test]
fn programs_that_ask_see_what_every_image_shows() {
    sweep("asking, drawn", 500, &|_, _| {});
}

#[test]
fn programs_that_ask_of_damaged_sectors_see_what_every_image_shows() {
    sweep("asking, damage", 300, &|contract, rng| {
        contract.torn.unreadable = true;
        contract.damage_max = 1 + rng.below(2);
    });
}

/// Garbage is made of what a write puts there, also where that is what was there before.
#[test]
fn programs_that_rewrite_what_they_did_not_read_see_what_every_image_shows() {
    sweep("asking, rewriting", 300, &|contract, rng| {
        contract.torn.garbage = true;
        contract.torn.stale = rng.below(3) == 0;
        contract.damage_max = 1 + rng.below(2);
        contract.neighbours = rng.below(2) == 0;
        contract.physical_bytes = contract.logical_bytes * one_of(rng, &[1, 2, 4]);
        contract.late_calls = rng.below(3);
        contract.rollback_max = rng.below(2);
        contract.lost_writes_max = rng.below(2);
    });
}

#[test]
fn programs_that_ask_of_sectors_that_may_be_lost_at_rest_see_what_every_image_shows() {
    sweep("asking, latent", 300, &|contract, rng| {
        contract.latent_errors = 1 + rng.below(2);
        contract.torn.unreadable = rng.below(2) == 0;
    });
}

#[test]
fn programs_that_ask_of_sectors_in_which_bits_may_flip_see_what_every_image_shows() {
    sweep("asking, flips", 60, &|contract, rng| {
        contract.bit_flips = 1;
        contract.torn.unreadable = rng.below(3) == 0;
        contract.torn.garbage = rng.below(2) == 0;
        contract.rollback_max = rng.below(2);
    });
    sweep("asking, flips and latent", 20, &|contract, rng| {
        (contract.bit_flips, contract.latent_errors) = (1 + rng.below(2), rng.below(2));
    });
}

#[test]
fn programs_that_ask_where_an_order_couples_sectors_see_what_every_image_shows() {
    let orders = [CacheOrder::Prefix, CacheOrder::Window(2), CacheOrder::Epoch];
    sweep("asking, order", 300, &|contract, rng| {
        contract.order = one_of(rng, &orders);
        contract.tear_shape = one_of(rng, &[TearShape::Prefix, TearShape::PrefixOrSuffix]);
    });
}

/// A device that couples nothing, so that its cut may be left open.
fn independent(contract: &mut Contract, rng: &mut Rng) {
    let bytes = contract.logical_bytes;
    *contract = Contract {
        logical_bytes: bytes,
        physical_bytes: bytes,
        atomic_bytes: bytes,
        page_bytes: bytes,
        order: one_of(rng, &[CacheOrder::Any, CacheOrder::Any, CacheOrder::WriteThrough]),
        flush: one_of(rng, &[Flush::Honoured, Flush::Honoured, Flush::Ignored]),
        fua: one_of(rng, &[Fua::Native, Fua::Ignored]),
        ..Contract::base("independent")
    };
}

#[test]
fn where_the_cut_is_left_open_each_crash_point_has_the_outcomes_and_images_it_has_alone() {
    let (mut traces, mut narrowed, mut seed) = (0, 0, 0);
    while traces < 1_000 {
        seed += 1;
        let mut case = asking(mix(&[77, seed]), &independent);
        case.program.lives.truncate(1);
        let calls = case.calls.len();
        let mut alone = Vec::new();
        for at in 0..=calls {
            case.cut = at;
            let mut disk = disk_after_cut(&case);
            let mut found = HashSet::new();
            first_life(&case, &mut disk, &mut |_, _, transcript| {
                found.insert(transcript.clone());
            });
            let images = disk_after_cut(&case).universe();
            alone.push((found, { images }.images(&disk_after_cut(&case), at as u32)));
        }
        case.cut = calls;
        let mut disk = open_disk(&case);
        disk.ask_classes(true);
        // With clauses, and without.
        disk.allow_clauses(seed.is_multiple_of(2), true);
        let mut universe = disk.universe();
        let mut found: BTreeMap<u32, (HashSet<Transcript>, BigUint)> = BTreeMap::new();
        let mut asked = false;
        first_life(&case, &mut disk, &mut |disk, (from, until), transcript| {
            asked |= has_asked(transcript);
            narrowed += u32::from(until - from < calls as u32);
            for at in from..=until {
                let (transcripts, images) = found.entry(at).or_default();
                transcripts.insert(transcript.clone());
                *images += universe.images(disk, at);
            }
        });
        if !asked {
            continue;
        }
        traces += 1;
        for (at, (transcripts, images)) in alone.iter().enumerate() {
            let (here, covered) = &found[&(at as u32)];
            assert_eq!(here, transcripts, "crash point {at} of {case:?}");
            assert!(covered == images, "crash point {at} of {case:?}");
        }
    }
    assert!(narrowed > traces, "what is asked narrows the cut");
}

/// The disk of a case, cut at any of its crash points.
fn open_disk(case: &Case) -> Disk {
    let mut disk = crate::compare::disk_before_cut(case);
    disk.cut_between(0, case.calls.len() as u32);
    disk
}
