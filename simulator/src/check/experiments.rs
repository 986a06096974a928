//! The experiments that a check runs unless it is given others.
//!
//! The one idea: small scripts, small enough to be proven, each for a state that real logs fail in:
//! a group cut in two, a record across two pages, work after a recovery, the same work done again
//! after it was lost, a log that was cleared.
//!
//! Invariant: each ends with an append that is not committed, so that there is something to lose;
//! and each has a commit, so that there is something to keep.
//!
//! What it is not: a search for workloads.

use journal_core::Survivors;

use crate::workload::{Identity, Life, Op, Payloads, Workload};

/// Payload that takes a file's first page up to its last hundred bytes.
const NEARLY_A_PAGE: u32 = 4000;

fn script(lives: Vec<Vec<Op>>, identity: Identity) -> Workload {
    let life = |ops| Life { resume: Survivors::Carry, ops };
    let lives = lives.into_iter().map(life).collect();
    Workload { before: Vec::new(), lives, identity, payloads: Payloads::Generated }
}

/// The experiments with their names.
pub fn built_in(entries: u32, payload_bytes: u32, lives: u32) -> Vec<(String, Workload)> {
    let (small, edge) = (Op::Append(payload_bytes), Op::Append(100));
    let mut many = Workload::appends(entries, payload_bytes, 2);
    if many.last() != Some(&Op::Commit) {
        many.push(Op::Commit);
    }
    many.push(small);
    let across = vec![Op::Append(NEARLY_A_PAGE), Op::Commit, edge, edge];
    let longer = [&across[..], &[Op::Commit, edge]].concat();
    let mut all = vec![
        ("one life".to_owned(), script(vec![many], Identity::Fresh)),
        ("one life, across pages".to_owned(), script(vec![longer], Identity::Fresh)),
    ];
    let plain = vec![small, Op::Commit, small];
    let forget = vec![small, Op::Commit, small, Op::Commit, Op::Checkpoint(0), small];
    for lives in 2..=lives {
        let mut add = |what: &str, first: &[Op], later: &[Op], identity| {
            let mut all_lives = vec![later.to_vec(); lives as usize];
            all_lives[0] = first.to_vec();
            all.push((format!("{lives} lives{what}"), script(all_lives, identity)));
        };
        add("", &plain, &plain, Identity::Fresh);
        add(", the same again", &plain, &plain, Identity::SameAgain);
        add(", across pages", &across, &[edge, Op::Commit, edge], Identity::Fresh);
        add(", a checkpoint", &forget, &plain, Identity::Fresh);
    }
    all
}
