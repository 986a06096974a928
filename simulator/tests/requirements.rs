//! The requirement behind well-known flaws, word for word.
//!
//! The one idea: the answer is known from the flaw's own description; what the experiments find on
//! the shrunk case must be that answer. Cases in which several sentences are right are listed with
//! all of them.

use simulator::case::Case;
use simulator::explore::{Bounds, prove};
use simulator::oracle::Oracle;
use simulator::report::{requirement, tell};
use simulator::selftest::{CASES, Expectation};
use simulator::shrink::blame::{Requirement, blame};
use simulator::shrink::{Budget, shrink};

fn shrunk(name: &str, oracle: Oracle) -> Case {
    let (_, text) = CASES.iter().find(|case| case.0 == format!("flawed/{name}")).unwrap();
    let read = Expectation::parse(text).unwrap();
    let bounds = Bounds { leaves_max: read.leaves_max, first_only: true, ..Bounds::default() };
    let cell = prove(&read.case.journal, &read.case.setup(), bounds).unwrap();
    let found = cell.counterexample.unwrap();
    shrink(&found, Some(oracle), Budget::BRISK).unwrap().unwrap().case
}

fn sentences(case: &Case, oracle: Oracle) -> Vec<String> {
    let (story, _) = tell(case).unwrap();
    requirement::words(case, &story, oracle, &blame(case, oracle).unwrap())
}

fn requires(name: &str, oracle: Oracle, expected: &[&str]) {
    assert_eq!(sentences(&shrunk(name, oracle), oracle), expected, "{name}");
}

const STALE: &str = "or else: what lies behind the place where a recovery stops must be made \
                     unrecognisable before anything is appended there";

const SEEN: &str = "or not at all, or recovery must see that it did not";

#[test]
fn the_failures_of_the_rfc_say_what_closes_them() {
    use Oracle::{Durability, Integrity, NoResurrection};
    let seen = |what: &str| format!("{what} {SEEN}");
    requires("rfc-f1", Integrity, &[&seen("write 4 (op 2, LBA 1) must persist with its LBA 0")]);
    let rewritten = "LBA 0 must not be rewritten (by op 2 (append)) while it holds acknowledged entries (entry 0)";
    requires("rfc-f2", Durability, &[rewritten]);
    requires("rfc-f8", Durability, &[rewritten]);
    requires(
        "rfc-f3",
        NoResurrection,
        &[
            &seen("write 5 (op 3, LBA 0) must persist with its LBA 1"),
            &seen("write 6 (op 4, LBA 1) must persist with its LBA 0"),
        ],
    );
    let order = "write 4 (op 2, LBA 0) must be durable before write 5 (op 3, LBA 1); with this order \
                 alone none of the 99 crash states of this script fails so";
    requires("rfc-f4", NoResurrection, &[order, STALE]);
    // The reset erases both sectors of the old log with one write.
    requires(
        "rfc-f5",
        Durability,
        &[&seen("write 5 (the resume, LBA 0) must persist with its LBA 1")],
    );
    requires(
        "rfc-f6",
        Integrity,
        &["recovery must notice a flipped bit in byte 0 of LBA 0: a checksum must cover it"],
    );
    requires(
        "rfc-f7",
        Durability,
        &["no order of writes helps, and no device: it happens with every write durable and the \
           power cut after all is done"],
    );
}

#[test]
fn the_twins_say_what_their_flaw_leaves_out() {
    use Oracle::{Atomicity, Availability, Durability, Honesty, Idempotence, Order};
    let acknowledged = "write 4 (op 1, LBA 24) must be durable before op 1 (commit) returns";
    for name in ["twin-never-syncs", "twin-ack-before-sync", "twin-first-commit-unsynced"] {
        requires(name, Durability, &[acknowledged]);
    }
    requires(
        "twin-tail-rewrite",
        Durability,
        &[
            "LBA 3 must not be rewritten (by op 3 (commit)) while it holds acknowledged entries (entry 0)",
        ],
    );
    requires(
        "twin-pads-to-logical",
        Durability,
        &[
            "LBA 25 must not be written (by op 3 (commit)) while LBA 24, in the same physical sector \
           of 4096 bytes, holds acknowledged entries (entry 0)",
        ],
    );
    requires(
        "twin-pointer-before-data",
        Durability,
        &["write 8 (LBA 16, not sent when the power went) must be durable before write 6 (op 3, \
           LBA 8)"],
    );
    let order = "with this order alone none of the 9 crash states of this script fails so";
    let group =
        format!("write 5 (op 2, LBA 48) must be durable before write 4 (op 2, LBA 40); {order}");
    requires("twin-shows-uncommitted", Atomicity, &[&group]);
    let hole =
        format!("write 4 (op 2, LBA 32) must be durable before write 5 (op 2, LBA 40); {order}");
    requires("twin-replay-past-hole", Order, &[&hole]);
    requires(
        "twin-header-in-place",
        Availability,
        &["recovery must bear LBA 0, turned to zeros by the resume"],
    );
    requires(
        "twin-swallows-write-error",
        Durability,
        &["after device operation 0 fails, nothing may be acknowledged that rests on it"],
    );
    requires("twin-unreadable-is-end", Honesty, &["that LBA 4 cannot be read must be reported"]);
    requires(
        "twin-replay-in-place",
        Idempotence,
        &["recovery must bear a power cut during the resume, with every write so far durable: \
           nothing has to be lost for this"],
    );
}

#[test]
fn an_order_that_is_not_enough_is_not_called_enough() {
    let case = shrunk("twin-fua-only-commit", Oracle::Integrity);
    let all = blame(&case, Oracle::Integrity).unwrap();
    assert!(all.iter().any(|r| matches!(r, Requirement::Before { enough: None, .. })), "{all:?}");
    assert_eq!(blame(&case, Oracle::Afterlife), Ok(Vec::new()), "nothing broken, nothing required");
}
