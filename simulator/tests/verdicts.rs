//! The verdicts that theory predicts, from exhaustive search on small bounds.
//!
//! Method: each claim of the design is a test that explores every leaf of a workload and demands the
//! predicted answer: PROVEN, or REFUTED by the oracle that the theory names. Where a journal is
//! refuted the counterexample must replay to the same violation. Theory and search check each other:
//! if one of these fails, one of the two is wrong.

use journal_core::Survivors;
use simulator::disk::contract::{CacheOrder, Contract, InnerTear};
use simulator::disk::{Fill, presets};
use simulator::explore::{Bounds, Cell, Verdict, prove};
use simulator::oracle::{Oracle, OracleSet};
use simulator::run::Setup;
use simulator::workload::{Identity, Life, Op, Payloads, Workload};

/// Four entries that straddle sectors, a commit after every second.
fn straddling(lives: u32) -> Workload {
    Workload::repeated(&Workload::appends(4, 200, 2), lives, Survivors::Carry)
}

fn preset(name: &str) -> Contract {
    presets::named(name).unwrap()
}

fn explore(journal: &str, contract: &Contract, workload: &Workload) -> Cell {
    let setup = Setup {
        contract: contract.clone(),
        device_bytes: 256 * 1024,
        fill: Fill::Noise,
        workload: workload.clone(),
        fault: None,
    };
    let bounds = Bounds { leaves_max: 2_000_000, first_only: false, ..Bounds::default() };
    prove(journal, &setup, bounds).expect("a journal of the list")
}

fn holds(journal: &str, contract: &Contract, workload: &Workload) {
    let cell = explore(journal, contract, workload);
    let device = &contract.name;
    assert_eq!(cell.verdict, Verdict::Proven, "{journal} on {device}: {:?}", cell.why);
}

/// Refuted by these oracles, at least, and by a counterexample that replays.
fn fails(journal: &str, contract: &Contract, workload: &Workload, by: &[Oracle]) -> Cell {
    let cell = explore(journal, contract, workload);
    let device = &contract.name;
    assert_eq!(cell.verdict, Verdict::Refuted, "{journal} on {device}");
    for &oracle in by {
        let count = cell.explored.violations[oracle as usize];
        assert!(count > 0 && cell.owed.contains(oracle), "{journal} on {device}: {oracle:?}");
    }
    let case = cell.counterexample.as_ref().expect("refuted by a case");
    let again = case.run(None).unwrap();
    assert_eq!(again.broken(), cell.explored.first.as_ref().unwrap().0, "the case replays");
    cell
}

/// A device whose 512-byte sectors persist independently, but whose 4096-byte blocks are atomic.
fn atomic_clusters() -> Contract {
    Contract {
        name: "atomic 4096-byte clusters".to_owned(),
        logical_bytes: 4096,
        physical_bytes: 4096,
        atomic_bytes: 4096,
        page_bytes: 4096,
        ..Contract::base("")
    }
}

/// A device where a torn sector is a mix of old and new, and nothing worse.
fn mixing() -> Contract {
    Contract {
        name: "torn sectors are mixes".to_owned(),
        inner_tear: InnerTear::Linear(64),
        damage_max: 1,
        ..Contract::base("")
    }
}

#[test]
fn v8_fails_wherever_sectors_persist_independently_and_holds_where_its_cluster_is_atomic() {
    for device in ["consumer-nvme-no-plp", "hdd-512n", "hdd-512e"] {
        fails("v8r", &preset(device), &straddling(1), &[Oracle::Integrity]);
        fails("v8", &preset(device), &straddling(1), &[Oracle::Integrity]);
    }
    holds("v8r", &atomic_clusters(), &straddling(1));
    holds("v8r", &preset("virtio-writeback"), &straddling(1));
    holds("v8r", &preset("enterprise-nvme-plp"), &straddling(1));
}

#[test]
fn v8c_holds_where_tears_are_mixes_and_loses_acknowledged_entries_where_they_are_unreadable() {
    holds("v8c", &mixing(), &straddling(1));
    holds("v8c-crc32", &mixing(), &straddling(1));
    fails("v8r", &mixing(), &straddling(1), &[Oracle::Integrity]);
    fails("v8c", &preset("hdd-512n"), &straddling(1), &[Oracle::Durability]);
    fails("v8c", &preset("hdd-512e"), &straddling(1), &[Oracle::Durability]);
}

#[test]
fn padding_to_the_logical_sector_holds_on_512n_and_fails_on_512e() {
    for journal in ["v8p", "v9-512"] {
        holds(journal, &preset("hdd-512n"), &straddling(1));
        fails(journal, &preset("hdd-512e"), &straddling(1), &[Oracle::Durability]);
    }
}

#[test]
fn blocks_of_the_physical_sector_hold_on_both_disks() {
    let short = Workload::repeated(&Workload::appends(2, 200, 1), 1, Survivors::Carry);
    for device in ["hdd-512n", "hdd-512e"] {
        holds("v9-4096", &preset(device), &short);
    }
}

#[test]
fn a_ping_pong_tail_holds_on_both_disks_without_padding() {
    for device in ["hdd-512n", "hdd-512e"] {
        holds("v8pp", &preset(device), &straddling(1));
        holds("v8pp", &preset(device), &straddling(2));
    }
}

#[test]
fn over_two_lives_v8_and_v8c_bring_a_stale_suffix_back_and_v8ce_and_v9_do_not() {
    let device = preset("consumer-nvme-no-plp");
    for journal in ["v8r", "v8c"] {
        fails(journal, &device, &straddling(2), &[Oracle::NoResurrection]);
    }
    for journal in ["v8ce", "v8p", "v9-512"] {
        holds(journal, &device, &straddling(2));
    }
}

/// Three entries in one commit of three blocks; then the same again but for the last.
fn appended_again() -> Workload {
    let large = Op::Append(240);
    let life = |ops: &[Op]| Life { resume: Survivors::Carry, ops: ops.to_vec() };
    Workload {
        before: Vec::new(),
        lives: vec![
            life(&[large, large, large, Op::Commit]),
            life(&[large, large, Op::Append(200), Op::Commit]),
        ],
        identity: Identity::SameAgain,
        payloads: Payloads::Generated,
    }
}

#[test]
fn v9_without_salt_shows_a_stale_suffix_when_a_client_appends_the_same_bytes_again() {
    let device = preset("consumer-nvme-no-plp");
    fails("v9-nosalt", &device, &appended_again(), &[Oracle::NoResurrection]);
    holds("v9-512", &device, &appended_again());
    // Where the client appends something else, the chain alone rejects what is stale.
    holds("v9-nosalt", &device, &straddling(2));
}

#[test]
fn v9_where_flush_is_ignored_loses_acknowledged_entries_and_never_shows_a_wrong_byte_or_a_gap() {
    for device in ["lying-flush", "virtio-cache-unsafe"] {
        for lives in [1, 2] {
            let cell = explore("v9-512", &preset(device), &straddling(lives));
            assert_eq!(cell.verdict, Verdict::Proven, "{device}: {:?}", cell.why);
            let lost = cell.explored.violations[Oracle::Durability as usize];
            assert!(lost > 0 && !cell.owed.contains(Oracle::Durability));
            for oracle in [Oracle::Integrity, Oracle::Order] {
                assert_eq!(cell.explored.violations[oracle as usize], 0);
                assert!(cell.owed.contains(oracle) && cell.explored.evaluated.of(oracle) > 0);
            }
        }
    }
}

#[test]
fn an_old_log_that_comes_back_whole_where_flush_is_ignored_breaks_nothing_that_is_owed() {
    // The padding of the next life completes a torn block of the life before, and the header that had
    // disowned it is lost. By its bytes the old log is the beginning of the new one, cut inside of a
    // group; but it is an old group, and whole (oracle/earlier.rs).
    let device = preset("lying-flush");
    for journal in ["v9-4096", "v9-nosalt"] {
        let cell = explore(journal, &device, &appended_again());
        assert_eq!(cell.verdict, Verdict::Proven, "{journal}: {:?}", cell.why);
        let came_back = cell.explored.violations[Oracle::NoResurrection as usize];
        assert!(came_back > 0, "{journal}: it is told, though not owed");
        assert!(cell.owed.contains(Oracle::Atomicity) && cell.owed.contains(Oracle::Order));
    }
    // Where flush is honoured the same is a violation: nothing that was disowned may come back.
    let honest = preset("consumer-nvme-no-plp");
    fails("v9-nosalt", &honest, &appended_again(), &[Oracle::NoResurrection]);
}

#[test]
fn a_new_beginning_with_an_old_end_is_no_log_wherever_flushes_go() {
    // The stale suffix: entries of two lives in one log. No resurrection is owed where flush is ignored,
    // and yet no life ever had such a log.
    for device in ["lying-flush", "barrier-flush"] {
        fails("v8c", &preset(device), &straddling(2), &[Oracle::Order]);
        for journal in ["v8ce", "v8p", "v9-512"] {
            holds(journal, &preset(device), &straddling(2));
        }
    }
}

/// Two groups in flight behind a committed entry, and what was lost once more.
fn groups_again() -> Workload {
    let one = Op::Append(48);
    let ops = [one, Op::Commit, one, Op::EndGroup, one, Op::EndGroup, Op::Commit];
    Workload { identity: Identity::SameAgain, ..Workload::repeated(&ops, 2, Survivors::Carry) }
}

#[test]
fn sqlite_and_leveldb_hold_without_damage_and_lose_the_rewritten_tail_where_it_may_be_lost() {
    for journal in ["sqlite-wal", "leveldb"] {
        for lives in [1, 2] {
            holds(journal, &preset("consumer-nvme-no-plp"), &straddling(lives));
            fails(journal, &preset("hdd-512n"), &straddling(lives), &[Oracle::Durability]);
        }
    }
}

#[test]
fn sqlite_brings_back_a_transaction_once_its_predecessor_is_written_again_unchanged() {
    // Finding of this search; confirmed on the real program (see docs/EXISTING-JOURNALS.md).
    let device = preset("consumer-nvme-no-plp");
    fails("sqlite-wal", &device, &groups_again(), &[Oracle::NoResurrection]);
    holds("leveldb", &device, &groups_again());
}

#[test]
fn leveldb_that_reuses_its_log_loses_what_it_acknowledges_behind_a_torn_tail() {
    let device = preset("consumer-nvme-no-plp");
    let workload = straddling(2);
    fails("leveldb-reuse", &device, &workload, &[Oracle::Durability]);
    holds("leveldb-reuse", &device, &straddling(1));
}

#[test]
fn the_order_of_the_cache_alone_makes_no_journal_of_the_ladder_fail_where_it_is_kept() {
    // First in, first out, tears between sectors only: what V8's author may have had in mind.
    let fifo = Contract {
        name: "fifo".to_owned(),
        atomic_bytes: u32::MAX,
        order: CacheOrder::Prefix,
        ..Contract::base("")
    };
    for journal in ["v8r", "v8c", "v8ce", "v9-512"] {
        holds(journal, &fifo, &straddling(1));
    }
}

#[test]
fn v9_that_loses_its_newer_header_at_rest_cannot_prove_what_it_lost() {
    // A residual of the header pair: the older copy speaks, and what it knows nothing of is gone.
    // 1. generation 2 begins: its header goes to the other copy, and two commits follow;
    // 2. at rest the newer copy becomes unreadable;
    // 3. recovery takes generation 1, finds nothing of its salt, and can only suspect.
    let rots =
        Contract { name: "one latent error".to_owned(), latent_errors: 1, ..Contract::base("") };
    let commits = Workload::repeated(&Workload::appends(2, 48, 1), 1, Survivors::Carry);
    fails("v9-512", &rots, &commits, &[Oracle::Honesty]);
    // The damage of a block is told from its end wherever a later one was acknowledged.
    let cell = explore("v9-512", &rots, &commits);
    assert_eq!(cell.explored.violations[Oracle::Integrity as usize], 0);
    assert_eq!(cell.explored.violations[Oracle::Order as usize], 0);
}

#[test]
fn each_claim_that_breaks_has_a_case_that_breaks_it() {
    let mut several = 0;
    for (journal, device, lives) in
        [("v8", "hdd-512n", 2), ("v9-nosalt", "hdd-512e", 2), ("sqlite-wal", "hdd-512n", 2)]
    {
        let cell = explore(journal, &preset(device), &straddling(lives));
        let violated = |oracle: &Oracle| cell.explored.violations[*oracle as usize] > 0;
        let broken: OracleSet = cell.owed.iter().filter(violated).collect();
        let (first, _) = cell.explored.first.clone().expect("it is refuted");
        let mut shown = first;
        for (breaks, case) in &cell.also {
            assert!(!breaks.and(broken).is_empty() && breaks.and(broken) == *breaks, "{journal}");
            let outcome = case.run(None).expect("it replays");
            assert_eq!(outcome.broken(), *breaks, "{journal} on {device}");
            shown = shown.or(*breaks);
        }
        assert_eq!(shown, broken, "{journal} on {device}");
        several += cell.also.len();
    }
    assert!(several > 2, "{several} cases beside the first ones");
}
