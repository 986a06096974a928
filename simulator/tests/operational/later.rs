//! The knobs that came last, by hand: what goes back, late damage, lines of stores, wide domains,
//! something older.
//!
//! Invariant: the expected images are written out and argued, and disk and enumerator both give
//! exactly them.

use std::collections::BTreeSet;

use simulator::choose::{Exhaustive, Undisturbed};
use simulator::disk::contract::{CacheOrder, Contract, Flush, Fua, InnerTear, TornContents};
use simulator::disk::{Disk, Fill, Live};

use crate::lazy::Lazy;
use crate::program::Medium;
use crate::told::{SECTOR, assert_images, base, calls, images_after_two, outcomes};

fn set(images: &[&str]) -> BTreeSet<String> {
    images.iter().map(|&image| image.to_owned()).collect()
}

/// The drive loses the newest part of its mapping table: one sector is back at any older version
/// of this life, or at what it held before.
#[test]
fn a_rolled_back_sector_shows_any_older_stable_version() {
    let back = Contract { rollback_max: 1, ..base() };
    assert_images(&back, 1, "a@0 | flush | b@0 | flush", &["b", "a", "."]);
    let two = "ab@0 | flush | cd@0 | flush";
    assert_images(&back, 2, two, &["c d", "a d", ". d", "c b", "c ."]);
    // Two of them, each to a version of its own: 3 times 3.
    assert_eq!(outcomes(&Contract { rollback_max: 2, ..base() }, 2, two), 9);
    // What is at risk lies on top of it.
    assert_images(&back, 1, "a@0 | flush | b@0", &["b", "a", "."]);
}

/// The drive acknowledges a command that it never carries out.
#[test]
fn a_lost_write_is_absent_as_a_whole_and_those_after_it_are_not() {
    let lost = Contract { lost_writes_max: 1, ..base() };
    let two = "ab@0 | flush | cd@0 | flush";
    assert_images(&lost, 2, two, &["c d", "a b"]);
    // Two commands lost: nothing is there.
    let both = Contract { lost_writes_max: 2, ..base() };
    assert_images(&both, 2, two, &["c d", "a b", ". ."]);
    // Half of the older command was overwritten: a sector of it shows it, or what lay below.
    assert_images(&lost, 2, "ab@0 | flush | c@0 | flush", &["c b", "a b", "c ."]);
    // An entry is lost and the one behind it is not: what a log must stop at.
    assert_images(&lost, 2, "a@0 | flush | b@1 | flush", &["a b", ". b", "a ."]);
}

/// Where each command is one sector, and no sector is written twice, the two knobs are the same.
#[test]
fn a_lost_write_and_a_rollback_are_the_same_where_nothing_is_written_twice() {
    let trace = "a@0 | b@1! | flush | c@2 | flush";
    for most in 0..3 {
        let (back, lost) = (
            Contract { rollback_max: most, ..base() },
            Contract { lost_writes_max: most, ..base() },
        );
        assert_eq!(outcomes(&back, 3, trace), outcomes(&lost, 3, trace), "{most}");
        // None, or one of three, or two of three.
        assert_eq!(outcomes(&back, 3, trace), [1, 4, 7][most as usize]);
    }
}

/// `a` is in the cache when `b` takes its place there. That `b` is then lost does not bring `a` back.
#[test]
fn what_a_stable_write_superseded_stays_superseded_when_it_is_lost() {
    let lost = Contract { lost_writes_max: 1, rollback_max: 1, ..base() };
    assert_images(&lost, 1, "a@0 | b@0!", &["b", "."]);
}

/// A rollback takes back what one life did. What the life began with is not taken back by its cut.
#[test]
fn a_cut_takes_back_nothing_of_an_earlier_life() {
    let back = Contract { rollback_max: 1, ..base() };
    let found = images_after_two(&back, 1, "a@0 | flush | b@0 | flush", "flush");
    assert_eq!(found, set(&["b", "a", "."]), "as after the first cut");
    let found = images_after_two(&back, 2, "a@0 | flush", "b@1 | flush");
    // Each of the two cuts takes back its own life's sector, or does not.
    assert_eq!(found, set(&["a b", ". b", "a .", ". ."]));
    let lost = Contract { lost_writes_max: 1, ..base() };
    assert_eq!(images_after_two(&lost, 2, "a@0 | flush", "b@1 | flush"), found);
}

/// What was settled before a life is out of reach, for rollback, lost writes and late damage.
#[test]
fn what_was_settled_is_not_taken_back() {
    let contract = Contract { rollback_max: 1, lost_writes_max: 1, late_calls: 9, ..base() };
    let mut disk = Disk::new(&contract, u64::from(SECTOR), Fill::Zeros).unwrap();
    let mut calm = Undisturbed;
    let mut run = |text: &str, disk: &mut Disk| {
        let mut live = Lazy::new(Live::new(disk, &mut calm));
        calls(text).0.iter().for_each(|call| live.call(call));
    };
    run("a@0 | flush | b@0 | flush", &mut disk);
    disk.settle();
    run("c@0 | flush", &mut disk);
    disk.cut(disk.calls());
    let (mark, mut chooser, mut found) = (disk.mark(), Exhaustive::new(), BTreeSet::new());
    loop {
        disk.rewind(&mark);
        chooser.rewind();
        let read = Lazy::new(Live::new(&mut disk, &mut chooser)).read(0, 1, false).unwrap();
        found.insert(read[0] as char);
        if !chooser.next_leaf() {
            break;
        }
    }
    assert_eq!(found, BTreeSet::from(['b', 'c']));
}

/// The card says that it is done, and is still moving the data when the power goes.
#[test]
fn the_last_calls_are_at_risk_though_they_were_flushed() {
    let late = |late_calls| Contract { late_calls, ..base() };
    let trace = "a@0 | flush | b@1 | flush";
    assert_images(&late(0), 2, trace, &["a b"]);
    // The last call is a flush, and holds no write.
    assert_images(&late(1), 2, trace, &["a b"]);
    assert_images(&late(2), 2, trace, &["a b", "a ."]);
    assert_images(&late(4), 2, trace, &["a b", "a .", ". b", ". ."]);
    // Calls that completed are counted, and the one in flight is not.
    assert_images(&late(1), 2, "a@0! | *b@1", &["a b", "a .", ". b", ". ."]);
    assert_images(
        &Contract { order: CacheOrder::WriteThrough, ..late(1) },
        2,
        "a@0 | b@1",
        &["a b", "a ."],
    );
    // They may be damaged, too.
    let torn = TornContents { ones: true, ..TornContents::default() };
    let ruined = Contract { torn, damage_max: 1, ..late(2) };
    assert_images(&ruined, 1, "a@0 | flush", &["a", ".", "#"]);
}

/// Enumerator and disk disagreed: is a flush a barrier between late writes where nothing is cached? It
/// is not: on such a device a flush means nothing, whatever it is said to be.
#[test]
fn where_nothing_is_cached_a_flush_does_not_order_what_is_late() {
    let through = Contract { order: CacheOrder::WriteThrough, late_calls: 3, ..base() };
    for flush in [Flush::Honoured, Flush::BarrierOnly, Flush::Ignored] {
        let contract = Contract { flush, ..through.clone() };
        assert_images(&contract, 2, "a@0 | flush | b@1", &["a b", "a .", ". b", ". ."]);
    }
}

/// Two writes of a line by four stores each, none of them flushed: the line holds the first so many
/// of the eight, and is never `b` in front of what was there before `a`.
#[test]
fn a_line_holds_the_first_so_many_of_its_stores() {
    let lines = Contract { store_bytes: SECTOR / 4, ..base() };
    let states = [".", "a...", "aa..", "aaa.", "a", "baaa", "bbaa", "bbba", "b"];
    assert_images(&lines, 1, "a@0 | b@0", &states);
    // A flush in between: the second write lies over the first.
    assert_images(&lines, 1, "a@0 | flush | b@0", &states[4..]);
    // A torn sector of a block device may also be new over old.
    let block = Contract { inner_tear: InnerTear::Linear(SECTOR / 4), damage_max: 1, ..base() };
    assert!(outcomes(&block, 1, "a@0 | b@0") > states.len());
    // Lines of one command are independent: 5 times 5.
    assert_eq!(outcomes(&lines, 2, "*ab@0"), 25);
    // A line that is written behind a fence in the second life lies over what the first left there.
    let found = images_after_two(&lines, 1, "*a@0", "*b@0");
    assert!(found.contains("baa.") && found.contains("bb..") && !found.contains(".a.."));
}

/// An erase block of four sectors is ruined by one write to it.
#[test]
fn a_domain_may_be_wider_than_the_physical_sector() {
    let torn = TornContents { unreadable: true, ..TornContents::default() };
    let wide =
        |domain_bytes| Contract { domain_bytes, neighbours: true, damage_max: 1, torn, ..base() };
    // Old, new or unreadable, times what each neighbour is: kept or unreadable.
    assert_eq!(outcomes(&wide(0), 4, "*a@0"), 3);
    assert_eq!(outcomes(&wide(2 * SECTOR), 4, "*a@0"), 6);
    assert_eq!(outcomes(&wide(4 * SECTOR), 4, "*a@0"), 24);
}

/// What a sector may show that no order of its writes explains: something older of itself.
#[test]
fn a_struck_sector_may_be_something_older_of_itself() {
    let torn = TornContents { stale: true, ..TornContents::default() };
    let stale = Contract { torn, damage_max: 1, ..base() };
    assert_images(&stale, 1, "a@0 | b@0 | flush | *c@0", &["c", "b", "a", "."]);
    // What nobody writes when the power goes shows nothing older.
    assert_images(&stale, 1, "a@0 | b@0 | flush", &["b"]);
    // Nothing older is left of what an earlier life wrote over.
    let found = images_after_two(&stale, 1, "a@0 | b@0 | flush", "*c@0");
    assert_eq!(found, set(&["b", "c"]));
}

/// The letter of virtio: all that was not flushed holds anything, everywhere at once.
#[test]
fn what_is_not_defined_is_so_in_every_sector_at_once() {
    let torn =
        TornContents { zeros: true, ones: true, garbage: true, stale: true, unreadable: false };
    let literal = |damage_max| Contract { torn, damage_max, fua: Fua::PostFlush, ..base() };
    // `x`, older, zeros, ones, inverted, noise, and new: over `x`, and zeros are what lay below.
    let trace = "x@0 y@1 | flush | a@0 b@1";
    assert_eq!(outcomes(&literal(u32::MAX), 2, trace), 36);
    // One of them: both plain 4; one of two undefined beyond plain, 4 more, the other plain: 2 times 8.
    assert_eq!(outcomes(&literal(1), 2, trace), 20);
}
