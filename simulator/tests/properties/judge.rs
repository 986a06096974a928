//! The judge against its definitions.
//!
//! Method. A history (appends, groups, commits, checkpoints, the call at which each began and
//! returned), a crash, and a list of recovered payloads: a stretch of the log with a few mistakes in
//! it. The reference below decides each claim from the lists by its definition, slowly; the judge
//! sees one entry at a time and must agree.
//!
//! Two things are not asked: durability, atomicity and honesty of a recovery that is out of order
//! (the judge says `order` then, and where the range ends is a matter of taste), and entries that
//! had not been appended yet when the power went.

use std::collections::BTreeSet;

use proptest::collection::vec;
use proptest::prelude::*;

use journal_core::{Damage, End, Lsn, Opened, Promises};
use simulator::oracle::{Evaluated, Judge, Ledger, Oracle};
use simulator::workload::Payloads;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Event {
    Append,
    EndGroup,
    Commit,
    Checkpoint(u32),
}

#[derive(Clone, Copy, Debug)]
enum Mistake {
    Drop(usize),
    Swap(usize),
    Repeat(usize),
    /// An entry of an earlier time, in front of this place.
    Old(usize, u32),
    /// Bytes that nobody appended.
    Invented(usize),
}

const BYTES: u32 = 16;
/// Entries known from before, and in no log any more.
const OLD: u32 = 3;

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        4 => Just(Event::Append),
        1 => Just(Event::EndGroup),
        2 => Just(Event::Commit),
        1 => (0..3u32).prop_map(Event::Checkpoint),
    ]
}

fn mistake() -> impl Strategy<Value = Mistake> {
    prop_oneof![
        any::<usize>().prop_map(Mistake::Drop),
        any::<usize>().prop_map(Mistake::Swap),
        any::<usize>().prop_map(Mistake::Repeat),
        (any::<usize>(), 0..OLD).prop_map(|(at, key)| Mistake::Old(at, key)),
        any::<usize>().prop_map(Mistake::Invented),
    ]
}

/// What is owed, from the history alone.
#[derive(Default)]
struct Truth {
    /// Keys of the log at the crash, in order, with their groups.
    log: Vec<(u32, u32)>,
    acked: usize,
    acked_before: usize,
    released: usize,
}

/// Plays the history into a ledger and into the truth. Event `k` begins with call `k` and has
/// returned when `k + 1` calls were made.
fn play(events: &[Event], crash: u32) -> (Ledger, Truth) {
    let (mut ledger, mut truth) = (Ledger::default(), Truth::default());
    for key in 0..OLD {
        ledger.append_begins(key, BYTES, 0);
    }
    ledger.forgotten();
    let (mut appended, mut group, mut acked_now) = (0u32, 0, 0usize);
    for (k, &event) in (0u32..).zip(events) {
        let (begun, returned) = (k <= crash, k < crash);
        match event {
            Event::Append => {
                ledger.append_begins(OLD + appended, BYTES, k);
                ledger.append_returns(Lsn(u64::from(appended)));
                if begun {
                    truth.log.push((OLD + appended, group));
                }
                appended += 1;
            }
            Event::EndGroup => {
                ledger.group_ends();
                group += 1;
            }
            Event::Commit => {
                group += 1;
                let Some(last) = appended.checked_sub(1) else {
                    ledger.group_ends();
                    continue;
                };
                ledger.acknowledged(Lsn(u64::from(last)), k + 1);
                acked_now = appended as usize;
                if returned && acked_now > truth.acked {
                    truth.acked_before = truth.acked;
                    truth.acked = acked_now;
                }
            }
            Event::Checkpoint(keep) => {
                let release = acked_now.saturating_sub(keep as usize);
                if release > 0 {
                    ledger.release_begins(release as u32, k);
                    if begun {
                        truth.released = truth.released.max(release);
                    }
                }
            }
        }
    }
    (ledger, truth)
}

fn make(mistakes: &[Mistake], recovered: &mut Vec<u32>) {
    for &mistake in mistakes {
        let len = recovered.len();
        let place = |at: usize| at % (len + 1);
        match mistake {
            Mistake::Drop(at) if len > 0 => drop(recovered.remove(at % len)),
            Mistake::Swap(at) if len > 1 => recovered.swap(at % len, (at % len + 1) % len),
            Mistake::Repeat(at) if len > 0 => recovered.insert(place(at), recovered[at % len]),
            Mistake::Old(at, key) => recovered.insert(place(at), key),
            Mistake::Invented(at) => recovered.insert(place(at), 1_000_000),
            _ => {}
        }
    }
}

/// The claims, by definition.
fn broken(truth: &Truth, recovered: &[u32], reported: bool) -> (BTreeSet<Oracle>, bool) {
    let mut broken = BTreeSet::new();
    let place = |key: u32| truth.log.iter().position(|&(k, _)| k == key);
    // Integrity: nothing is invented. No resurrection: nothing comes back that had left the log.
    if recovered.contains(&1_000_000) {
        broken.insert(Oracle::Integrity);
    }
    if recovered.iter().any(|&key| key < OLD) {
        broken.insert(Oracle::NoResurrection);
    }
    // Order: what is of the log is a contiguous range in order, from the first entry still needed.
    let places: Vec<usize> = recovered.iter().filter_map(|&key| place(key)).collect();
    let contiguous = places.windows(2).all(|pair| pair[1] == pair[0] + 1);
    let in_order = contiguous && places.first().is_none_or(|&first| first <= truth.released);
    if !in_order {
        broken.insert(Oracle::Order);
    }
    let shown = |at: usize| places.contains(&at);
    // A checkpoint lets entries go from the front: behind one that is shown all must be there.
    let needed = places.first().copied().unwrap_or(truth.released);
    let lost = |upto: usize| (needed..upto).any(|at| !shown(at));
    // Durability: every acknowledged entry is there, but those that a checkpoint let go.
    if lost(truth.acked) {
        broken.insert(Oracle::Durability);
    }
    // Atomicity: of a group, whoever follows a member that is shown is shown.
    let torn = |at: usize| shown(at) && !shown(at + 1) && truth.log[at].1 == truth.log[at + 1].1;
    if (1..truth.log.len()).any(|next| torn(next - 1)) {
        broken.insert(Oracle::Atomicity);
    }
    // Honesty: proven loss is reported; nothing is called lost that is not.
    if (lost(truth.acked_before) && !reported) || (reported && !lost(truth.acked)) {
        broken.insert(Oracle::Honesty);
    }
    (broken, in_order)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, ..ProptestConfig::default() })]

    #[test]
    fn the_judge_decides_as_the_definitions_do(
        events in vec(event(), 0..24),
        crash in 0..26u32,
        stretch in (any::<usize>(), any::<usize>()),
        mistakes in vec(mistake(), 0..3),
        reported in any::<bool>(),
    ) {
        let (ledger, truth) = play(&events, crash);
        let from = stretch.0 % (truth.released + 1);
        let len = truth.log.len();
        let to = from.max(len.saturating_sub(stretch.1 % (len + 1)));
        let mut recovered: Vec<u32> = truth.log[from.min(len)..to].iter().map(|e| e.0).collect();
        make(&mistakes, &mut recovered);

        let payloads = Payloads::Generated;
        let mut judge = Judge::new(&ledger, &payloads, ledger.obligation(crash));
        for &key in &recovered {
            judge.entry(payloads.get(key, BYTES));
        }
        let damage = Damage { at_bytes: 0, proven: true, what: "block" };
        let opened = Opened {
            entries: recovered.len() as u64,
            end: End::Clean,
            damage: reported.then_some(damage),
        };
        let promises = Promises {
            atomic_groups: true, honesty: true, resynchronises: false, shows_uncommitted: true,
        };
        let found = judge.finish(&opened, &promises, &mut Evaluated::default());

        let (expected, in_order) = broken(&truth, &recovered, reported);
        let of_range = [Oracle::Durability, Oracle::Atomicity, Oracle::Honesty];
        for oracle in Oracle::ALL {
            if in_order || !of_range.contains(&oracle) {
                prop_assert_eq!(
                    found.violated.contains(oracle), expected.contains(&oracle),
                    "{}: recovered {:?} of {:?}, acked {}, released {}",
                    oracle.name(), recovered, truth.log, truth.acked, truth.released
                );
            }
        }
        // Whatever is wrong by definition is told in some way.
        prop_assert!(expected.is_empty() || !found.violated.is_empty());
    }
}
