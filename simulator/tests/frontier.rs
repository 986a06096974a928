//! The frontier against its own theory: survival is antitone, and what is maximal is so.
//!
//! Method: pairs of contracts, one at most as hostile as the other in every knob, are drawn at
//! random from the lattice, near the places where survival ends. If the claims hold on the hostile
//! one they must hold on the kind one. Where theory and search differ, one of them is wrong.

use crate::cli_support::tornwrite;
use simulator::choose::Rng;
use simulator::explore::frontier::lattice::{BASES, Base, KNOBS, Point};
use simulator::explore::frontier::{Effort, Survey, Tested, survey, test};
use simulator::oracle::OracleSet;

const LEAVES_MAX: u64 = 1_000;

fn drawn(rng: &mut Rng, base: Base, above: &Point) -> Point {
    let values = base.values();
    let mut point = *above;
    for (coordinate, &values) in point.iter_mut().zip(&values) {
        // Mostly kind, so that something survives.
        if rng.below(4) == 0 {
            *coordinate += rng.below(u32::from(values - *coordinate)) as u8;
        }
    }
    point
}

#[test]
fn what_survives_a_contract_survives_every_kinder_one() {
    let mut rng = Rng::new(7);
    let (mut compared, mut survived) = (0, 0);
    for journal in ["v8c", "v8p", "v9-512", "sqlite-wal", "leveldb-reuse", "v8"] {
        for base in [BASES[0], BASES[1]] {
            let effort = Effort { leaves_max: LEAVES_MAX, proofs_max: 0, ..Effort::default() };
            let sets = survey(journal, base, effort).unwrap().claims;
            for _ in 0..40 {
                let kind = drawn(&mut rng, base, &[0; KNOBS]);
                let hostile = drawn(&mut rng, base, &kind);
                let (Some(one), Some(other)) = (base.contract(&kind), base.contract(&hostile))
                else {
                    continue;
                };
                for set in &sets {
                    let claims = set.claims();
                    let of = |contract| test(journal, contract, &claims, LEAVES_MAX).unwrap();
                    if of(&other) != Tested::Holds {
                        continue;
                    }
                    compared += usize::from(one != other);
                    let kinder = of(&one);
                    survived += usize::from(kinder == Tested::Holds);
                    assert!(
                        !matches!(kinder, Tested::Breaks(..)),
                        "{journal}, {}: holds on {other:?}, and on {one:?} {kinder:?}",
                        set.name
                    );
                }
            }
        }
    }
    assert!(compared > 100 && survived > 100, "{compared} pairs, {survived} survived");
}

fn maximal(survey: &Survey) -> Vec<String> {
    let all = survey.claims.iter().flat_map(|claim| &claim.maximal);
    all.map(|maximal| serde_json::to_string(&maximal.contract).unwrap()).collect()
}

#[test]
fn the_maximal_contracts_are_proven_differ_and_end_where_a_case_says_so() {
    for journal in ["v8c", "sqlite-wal"] {
        let found = survey(journal, BASES[1], Effort::default()).unwrap();
        assert!(found.claims.iter().all(|claim| claim.complete), "{found:?}");
        let mut names = maximal(&found);
        assert!(!names.is_empty());
        for claim in &found.claims {
            for maximal in &claim.maximal {
                let again = test(journal, &maximal.contract, &claim.claims(), 20_000).unwrap();
                assert_eq!(again, Tested::Holds);
                let ends = !maximal.beyond.is_empty() || claim.name == "nothing-wrong";
                assert!(ends, "{journal} {}", claim.name);
                for beyond in maximal.beyond.iter().filter(|beyond| beyond.token.is_some()) {
                    let case = simulator::case::Case::parse(beyond.token.as_ref().unwrap());
                    let outcome = case.unwrap().run(None).unwrap();
                    let broken: OracleSet = beyond.broken.iter().copied().collect();
                    assert!(!outcome.leaf.violated.and(broken).is_empty(), "{beyond:?}");
                    assert_eq!(beyond.owed, !outcome.broken().and(broken).is_empty());
                }
            }
        }
        let all = names.len();
        names.sort_unstable();
        names.dedup();
        assert!(names.len() * 2 >= all, "a contract is maximal once for each set of claims");
    }
}

#[test]
fn no_device_that_goes_so_far_in_a_knob_is_survived_whatever_else_it_does() {
    let mut rng = Rng::new(11);
    let base = BASES[1];
    let found = survey("v8c", base, Effort::default()).unwrap();
    let (mut several, mut asked) = (0, 0);
    for claim in &found.claims {
        several += usize::from(claim.maximal.len() > 1 && !claim.never().is_empty());
        for _ in 0..60 {
            let point = drawn(&mut rng, base, &[0; KNOBS]);
            let Some(contract) = base.contract(&point) else { continue };
            let at = base.normal(&point);
            for beyond in claim.never() {
                let values = base.values()[beyond.knob as usize];
                let from = (0..values).find(|&value| beyond.knob.step(value) == beyond.step);
                if at[beyond.knob as usize] > from.unwrap() {
                    asked += 1;
                    let tested = test("v8c", &contract, &claim.claims(), 20_000).unwrap();
                    assert_ne!(tested, Tested::Holds, "{} on {contract:?}", beyond.step);
                }
            }
        }
    }
    assert!(several > 0 && asked > 20, "{several} claims, {asked} contracts");
}

#[test]
fn what_theory_says_of_the_ladder_is_on_the_frontier() {
    // Padding to a sector is undone by a drive that damages neighbours; padding to a physical
    // sector is not.
    let survives_neighbours = |journal: &str| {
        let found = survey(journal, BASES[1], Effort::default()).unwrap();
        let promises = &found.claims[0];
        assert_eq!(promises.name, "promises");
        let lost = |m: &&simulator::explore::frontier::Maximal| {
            m.contract.neighbours && m.contract.torn.unreadable
        };
        promises.maximal.iter().any(|maximal| lost(&maximal))
    };
    assert!(!survives_neighbours("v8p"));
    assert!(survives_neighbours("v8pp"));
}

#[test]
fn a_frontier_is_the_same_bytes_on_one_and_on_two_threads() {
    let run = |jobs| {
        let ran = tornwrite(&["frontier", "--journal", "v8p", "-j", jobs, "--format", "json"]);
        assert_eq!(ran.exit, 0, "{}", ran.err);
        ran.out
    };
    assert!(run("1") == run("2"));
}
