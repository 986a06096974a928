//! The semantics that must not move, told as short stories.
//!
//! Invariant: the expected images are written out, and disk and enumerator both give exactly them.

use std::collections::BTreeSet;

use simulator::disk::contract::{CacheOrder, Contract, Fua, InnerTear, TearShape, TornContents};

use crate::compare::{Compared, check, disagreement, leaves};
use crate::program::tell;
use crate::told::{SECTOR, assert_images, base, case, images, images_after_two};
use crate::traces::{Case, Plan};

fn unreadable() -> TornContents {
    TornContents { unreadable: true, ..TornContents::default() }
}

/// The journal writes its data and then commits with FUA, without a flush. The commit record is
/// there; the data is not.
#[test]
fn a_fua_commit_does_not_make_earlier_unflushed_data_durable() {
    assert_images(&base(), 2, "d@0 | c@1!", &[". c", "d c"]);
    // Under first in first out neither: the forced write is not a drain.
    let fifo = Contract { order: CacheOrder::Prefix, ..base() };
    assert_images(&fifo, 2, "d@0 | c@1!", &[". c", "d c"]);
}

/// A flush returns, and one that is in flight has promised nothing; what is written after it is not
/// covered either.
#[test]
fn a_flush_covers_only_writes_completed_before_it() {
    assert_images(&base(), 2, "a@0 | flush | b@1", &["a .", "a b"]);
    assert_images(&base(), 2, "a@0 | *flush | b@1", &[". .", "a ."]);
    assert_images(&base(), 2, "a@0 | b@1 | *flush", &[". .", "a .", ". b", "a b"]);
}

/// A sector is written three times without a flush: the read-modify-write of a log's tail. What
/// survives may be the one in the middle.
#[test]
fn a_middle_version_of_a_rewritten_sector_can_be_what_survives() {
    assert_images(&base(), 1, "a@0 | b@0 | c@0", &[".", "a", "b", "c"]);
    // In one call too, and never an older one over a newer that is stable.
    assert_images(&base(), 1, "a@0 b@0 c@0", &[".", "a", "b", "c"]);
    assert_images(&base(), 1, "a@0 | b@0! | c@0", &["b", "c"]);
    // With first in first out a middle version means that what came before the next is there.
    let fifo = Contract { order: CacheOrder::Prefix, ..base() };
    assert_images(&fifo, 2, "a@0 | x@1 | b@0 | c@0", &[". .", "a .", "a x", "b x", "c x"]);
}

#[test]
fn a_window_of_one_is_first_in_first_out_and_a_wide_one_is_any_order() {
    let with = |order| Contract { order, ..base() };
    for trace in ["a@0 | b@1 | c@2 | d@0", "ab@0 | c@1 d@2 | *e@0", "a@2 | flush | b@0 | drop@2"] {
        let of = |order| images(&with(order), 3, trace);
        assert_eq!(of(CacheOrder::Window(1)), of(CacheOrder::Prefix), "{trace}");
        assert_eq!(of(CacheOrder::Window(4)), of(CacheOrder::Any), "{trace}");
        assert!(of(CacheOrder::Window(2)).is_subset(&of(CacheOrder::Any)), "{trace}");
    }
}

/// The drive rewrites a physical sector of four for the sake of one logical sector, and the power
/// goes. The other three may be gone as well, and all of it is one piece of damage.
#[test]
fn one_strike_takes_several_sectors_of_a_physical_sector_and_costs_one() {
    let contract = Contract {
        physical_bytes: 4 * SECTOR,
        neighbours: true,
        damage_max: 1,
        torn: unreadable(),
        ..base()
    };
    let found = images(&contract, 8, "abcdefgh@0 | flush | *x@1 y@5");
    assert!(found.contains("! ! ! ! e f g h"), "all of one physical sector");
    assert!(found.contains("! x ! d e y g h"), "each sector on its own");
    assert!(found.contains("a b c d ! ! ! !"), "or of the other one");
    let both = |image: &String| image[..7].contains('!') && image[8..].contains('!');
    assert!(!found.iter().any(both), "and never of both");
    let two = images(&Contract { damage_max: 2, ..contract }, 8, "abcdefgh@0 | flush | *x@1 y@5");
    assert!(two.contains("! ! ! ! ! ! ! !"), "that costs two");
}

/// A case with so many lives after its first cut; the program reads in some, and may write.
fn lives(contract: &Contract, sectors: usize, trace: &str, plans: &[Plan], seed: u64) -> Case {
    let mut case = case(contract, sectors, trace);
    case.program.lives = plans.to_vec();
    case.program.seed = seed;
    case
}

const READ_ALL: Plan = Plan { steps: 0, cut: 0, full_read: true };
const NOTHING: Plan = Plan { steps: 0, cut: 0, full_read: false };

fn told(case: &Case) -> Vec<String> {
    check(case);
    let mut told: Vec<String> = leaves(case, usize::MAX).iter().map(|leaf| tell(leaf)).collect();
    told.sort();
    told
}

/// A sector is torn at the first cut: a quarter of it is `a`. The life after it writes `b` over it
/// and is cut in turn, and the tear lies over the torn content of before.
#[test]
fn an_old_torn_sector_can_be_damaged_anew_at_the_second_cut() {
    let contract = Contract { inner_tear: InnerTear::Linear(2), damage_max: 1, ..base() };
    let found = images_after_two(&contract, 1, "*a@0", "*b@0");
    assert!(found.contains("a..b") && found.contains("bb.a"), "{found:?}");
    assert!(!found.contains("abba") && !found.contains("baab"), "from one end at each cut");

    // A neighbour of a write of the second life, unreadable since the first, comes back as zeros.
    let torn = TornContents { zeros: true, ..unreadable() };
    let (neighbours, physical_bytes) = (true, 2 * SECTOR);
    let contract = Contract { torn, damage_max: 1, neighbours, physical_bytes, ..base() };
    let found = images_after_two(&contract, 2, "ab@0 | flush | *c@0", "*d@1");
    assert!(found.contains("! .") && found.contains(". !") && found.contains("! d"));
}

/// Nothing is read between two cuts. What was undecided after the first is undecided after the
/// second, exactly as much as before.
#[test]
fn undecided_sectors_stay_undecided_over_a_second_cut() {
    for order in [CacheOrder::Any, CacheOrder::Prefix] {
        let contract = Contract { order, ..base() };
        let once = told(&lives(&contract, 2, "a@0 | b@1", &[READ_ALL], 1));
        let twice = told(&lives(&contract, 2, "a@0 | b@1", &[NOTHING, NOTHING, READ_ALL], 1));
        let last = |text: &String| text.replace("| cut | ", "");
        let mut ends: Vec<String> = twice.iter().map(last).collect();
        ends.sort();
        // The order of the reads differs with the life: compare as sets of sectors.
        let sorted = |text: &String| {
            let mut sectors: Vec<&str> = text.split(' ').collect();
            sectors.sort_unstable();
            sectors.join(" ")
        };
        let set = |all: &[String]| {
            let mut all: Vec<String> = all.iter().map(sorted).collect();
            all.sort();
            all
        };
        assert_eq!(set(&once), set(&ends));
    }
}

/// Whatever a sector reads as, it reads as again, in this life and in the next.
#[test]
fn reading_twice_gives_the_same_answer() {
    let contract = Contract { damage_max: 1, torn: unreadable(), ..base() };
    let case = lives(&contract, 2, "ab@0", &[READ_ALL, READ_ALL, READ_ALL], 1);
    for text in told(&case) {
        let lives: Vec<Vec<&str>> = text
            .split(" | cut | ")
            .map(|life| {
                let mut sectors: Vec<&str> = life.split(' ').collect();
                sectors.sort_unstable();
                sectors
            })
            .collect();
        assert!(lives.iter().all(|life| *life == lives[0]), "{text}");
    }
}

/// An unreadable sector is an error and never a block of zeros; writing it again heals it, and only
/// when that write persists.
#[test]
fn unreadable_is_an_error_and_rewriting_heals() {
    let contract = Contract { damage_max: 1, torn: unreadable(), ..base() };
    assert_images(&contract, 1, "a@0 | flush | *b@0", &["a", "b", "!"]);
    let healed = images_after_two(&contract, 1, "a@0 | flush | *b@0", "c@0 | flush");
    assert_eq!(healed, BTreeSet::from(["c".to_owned()]));
    let cached = images_after_two(&contract, 1, "a@0 | flush | *b@0", "c@0");
    assert_eq!(cached, ["!", "a", "b", "c"].map(str::to_owned).into());
}

/// A prefix-torn command may damage what lies on either side of where it stopped, and nothing else.
#[test]
fn a_command_torn_from_the_front_is_damaged_where_it_stopped() {
    let contract =
        Contract { tear_shape: TearShape::Prefix, damage_max: 2, torn: unreadable(), ..base() };
    let found = images(&contract, 3, "*abc@0");
    assert!(found.contains("a ! ."), "stopped in the middle");
    assert!(found.contains("! ! ."), "stopped between the two");
    assert!(!found.contains("! b c") && !found.contains("! . !") && !found.contains("! ! !"));
    assert!(!found.contains("! . c") && !found.contains(". ! ."));
}

/// A stable write in a page of the host's cache says nothing of what else the page holds.
#[test]
fn a_forced_write_leaves_its_page_mates_at_risk() {
    let contract = Contract { page_bytes: 2 * SECTOR, ..base() };
    assert_images(&contract, 2, "a@0 | b@1! | c@0", &[". b", "a b", "c b"]);
    let whole = Contract { fua: Fua::Ignored, ..contract };
    assert_images(&whole, 2, "a@0 | b@1! | c@0", &[". .", "a .", "a b", "c b"]);
}

/// A discard is a cached write of zeros: it may be lost.
#[test]
fn a_discard_is_a_cached_write_of_zeros() {
    assert_images(&base(), 1, "a@0 | flush | drop@0", &["a", "."]);
    assert_images(&base(), 1, "a@0 | flush | drop@0 | flush", &["."]);
    let case = case(&base(), 1, "a@0 | flush | drop@0 | b@0");
    assert_eq!(disagreement(&case), Ok(Compared::Equal(3)));
}
