//! Smaller scripts: the neighbours of a setup that are worth a search.
//!
//! Method: delta debugging (Zeller and Hildebrandt, 2002) over the operations of all lives: halves
//! first, then quarters, down to single ones. Around it what a journal's script has besides
//! operations: whole lives, the join of two lives, the join of two neighbouring entries into one (a
//! failure that needs the log to reach some byte needs the bytes, not the entries), payload sizes, an
//! injected failure, the device.
//!
//! Invariant: the same setup gives the same neighbours in the same order. Nothing here knows
//! whether one of them fails.
//!
//! What it is not: a search over all smaller scripts. See `mod.rs` for what is guaranteed.

use journal_core::Limits;

use crate::disk::{Fault, Fill};
use crate::run::Setup;
use crate::workload::{Identity, Op, Payloads, Workload};

/// Below this many bytes payloads of different entries may be equal.
const TELLING_BYTES: u32 = 8;

/// A failing operation moves to the front when operations before it go: so far at most.
const FAULT_MOVES: u32 = 4;

/// An operation: the life it belongs to (0 for what comes before the first) and its place there.
type Place = (usize, usize);

fn script(workload: &Workload, list: usize) -> &Vec<Op> {
    match list.checked_sub(1) {
        None => &workload.before,
        Some(life) => &workload.lives[life].ops,
    }
}

fn script_mut(workload: &mut Workload, list: usize) -> &mut Vec<Op> {
    match list.checked_sub(1) {
        None => &mut workload.before,
        Some(life) => &mut workload.lives[life].ops,
    }
}

fn places(workload: &Workload) -> Vec<Place> {
    let lists = 0..=workload.lives.len();
    lists.flat_map(|list| (0..script(workload, list).len()).map(move |at| (list, at))).collect()
}

/// Setups with a smaller script: fewer entries, operations, bytes or lives.
pub fn smaller(setup: &Setup, limits: &Limits) -> Vec<Setup> {
    let mut all = Vec::new();
    let mut add = |workload: Workload| {
        let moves = match setup.fault {
            None => vec![None],
            Some(fault) => (0..=FAULT_MOVES.min(fault.operation))
                .map(|by| Some(Fault { operation: fault.operation - by, ..fault }))
                .collect(),
        };
        for fault in moves {
            let next = Setup { workload: workload.clone(), fault, ..setup.clone() };
            if next != *setup && !all.contains(&next) {
                all.push(next);
            }
        }
    };
    let workload = &setup.workload;
    lives(workload, &mut add);
    fewer_operations(workload, &mut add);
    joined_entries(workload, limits, &mut add);
    smaller_payloads(workload, limits, &mut add);
    all
}

fn lives(workload: &Workload, add: &mut dyn FnMut(Workload)) {
    if !workload.before.is_empty() {
        add(Workload { before: Vec::new(), ..workload.clone() });
    }
    let count = workload.lives.len();
    for life in (0..count).filter(|_| count > 1) {
        let mut without = workload.clone();
        without.lives.remove(life);
        add(without);
    }
    for life in 1..count {
        let mut joined = workload.clone();
        let ops = joined.lives.remove(life).ops;
        joined.lives[life - 1].ops.extend(ops);
        add(joined);
    }
}

fn fewer_operations(workload: &Workload, add: &mut dyn FnMut(Workload)) {
    let places = places(workload);
    let mut size = places.len().div_ceil(2);
    while size > 0 {
        for chunk in places.chunks(size) {
            let mut without = workload.clone();
            for &(list, at) in chunk.iter().rev() {
                script_mut(&mut without, list).remove(at);
            }
            add(without);
        }
        size = if size == 1 { 0 } else { size.div_ceil(2) };
    }
    // An entry and the operation behind it, most often its commit.
    for pair in places.windows(2).filter(|pair| pair[0].0 == pair[1].0) {
        let mut without = workload.clone();
        script_mut(&mut without, pair[0].0).drain(pair[0].1..=pair[1].1);
        add(without);
    }
}

/// Two appends of a life as one of the bytes of both, and a little more for a header that went.
fn joined_entries(workload: &Workload, limits: &Limits, add: &mut dyn FnMut(Workload)) {
    for list in 0..=workload.lives.len() {
        let appends: Vec<(usize, u32)> = script(workload, list)
            .iter()
            .enumerate()
            .filter_map(|(at, op)| match op {
                Op::Append(bytes) => Some((at, *bytes)),
                _ => None,
            })
            .collect();
        for pair in appends.windows(2) {
            let ((first, a), (second, b)) = (pair[0], pair[1]);
            for more in [0, 8, 24] {
                let bytes = a.saturating_add(b).saturating_add(more).min(limits.payload_max);
                let mut joined = workload.clone();
                let ops = script_mut(&mut joined, list);
                ops[first] = Op::Append(bytes);
                ops.remove(second);
                add(joined);
            }
        }
    }
}

fn smaller_payloads(workload: &Workload, limits: &Limits, add: &mut dyn FnMut(Workload)) {
    if workload.payloads != Payloads::Generated {
        return;
    }
    let least = TELLING_BYTES.clamp(limits.payload_min, limits.payload_max.max(limits.payload_min));
    let resized = |size: &dyn Fn(Place, u32) -> u32| {
        let mut other = workload.clone();
        for list in 0..=workload.lives.len() {
            for (at, op) in script_mut(&mut other, list).iter_mut().enumerate() {
                if let Op::Append(bytes) = op {
                    *bytes = size((list, at), *bytes).clamp(least.min(*bytes), *bytes);
                }
            }
        }
        other
    };
    add(resized(&|_, _| least));
    add(resized(&|_, bytes| bytes / 2));
    for place in places(workload) {
        let only = |size: &dyn Fn(u32) -> u32| {
            resized(&|at, bytes| if at == place { size(bytes) } else { bytes })
        };
        add(only(&|_| least));
        for part in [2, 4, 8, 32] {
            add(only(&|bytes| bytes - bytes / part));
        }
        add(only(&|bytes| bytes.saturating_sub(1)));
    }
}

/// Setups with the same script that are plainer: no failing operation or an earlier one, generated
/// payloads, plain fill, bytes of its own for each entry, a smaller device.
pub fn plainer(setup: &Setup) -> Vec<Setup> {
    let mut all = Vec::new();
    let mut add = |other: Setup| {
        if other != *setup {
            all.push(other);
        }
    };
    add(Setup { fault: None, ..setup.clone() });
    add(Setup { fill: Fill::Zeros, ..setup.clone() });
    let workload = Workload { identity: Identity::Fresh, ..setup.workload.clone() };
    add(Setup { workload, ..setup.clone() });
    add(Setup { workload: generated(&setup.workload), ..setup.clone() });
    let unit = u64::from(setup.contract.physical_bytes);
    for (of, by) in [(1, 16), (1, 4), (1, 2), (3, 4), (7, 8)] {
        let device_bytes = setup.device_bytes / unit * of / by * unit;
        if device_bytes > 0 {
            add(Setup { device_bytes, ..setup.clone() });
        }
    }
    all
}

/// The same sizes with generated payloads.
fn generated(workload: &Workload) -> Workload {
    let mut other = Workload { payloads: Payloads::Generated, ..workload.clone() };
    let mut key = 0;
    for list in 0..=workload.lives.len() {
        for op in script_mut(&mut other, list) {
            if let Op::Append(bytes) = op {
                *bytes = workload.payloads.get(key, *bytes).len() as u32;
                key += 1;
            }
        }
    }
    other
}
