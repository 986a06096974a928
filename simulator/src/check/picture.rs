//! The picture of a failure, in plain text.
//!
//! The one idea: a case is run again with a watch, and what is seen is told in order: what the
//! client did, where the power went, what the disk answered, what recovery handed out.
//!
//! Invariant: everything said is taken from the run; nothing is guessed.
//!
//! What it is not: the renderer of reports. It knows no sectors' contents and no format.

use std::fmt::Write as _;

use journal_core::{DeviceError, Error, Stepwise};

use crate::case::{Case, run_case};
use crate::disk::Disk;
use crate::oracle::{Ledger, Oracle};
use crate::run::Event;
use crate::workload::Op;

/// The same case without the decisions that do not matter to its first broken oracle.
pub fn essential<J: Stepwise>(case: &Case, options: &J::Options) -> Case {
    let broken = |case: &Case| run_case::<J>(case, options, None).ok().and_then(|o| o.first());
    let Some(oracle) = broken(case) else { return case.clone() };
    let mut case = case.clone();
    let mut at = case.decisions.len();
    while at > 0 {
        at -= 1;
        let mut without = case.clone();
        without.decisions.remove(at);
        if broken(&without) == Some(oracle) {
            case = without;
            // Others may only have been asked because of the one that went.
            at = at.min(case.decisions.len());
        }
    }
    case
}

/// What the client did, until it is known where the power went.
struct Done {
    calls: (u32, u32),
    what: String,
    outcome: String,
}

/// Tells what happens in a case, line by line.
#[must_use]
pub fn plain_picture<J: Stepwise>(case: &Case, options: &J::Options) -> String {
    let mut text = String::new();
    let mut recorded: Vec<Done> = Vec::new();
    let mut first_cut = true;
    let mut begun = 0;
    let mut watch = |disk: &Disk, ledger: &Ledger, event: Event<'_>| match event {
        Event::LifeBegins(0) => text.push_str("  life 0\n"),
        Event::LifeBegins(life) => {
            begun = disk.calls();
            line(&mut text, &format!("  life {life}"));
        }
        Event::Does { op, outcome, calls } => {
            let outcome = match outcome {
                Ok(Some(lsn)) => format!("-> lsn {lsn}"),
                Ok(None) if op == Op::Commit => "-> acknowledged".to_owned(),
                Ok(None) => String::new(),
                Err(Error::Device(DeviceError::PowerCut)) => "-> (cut)".to_owned(),
                Err(error) => format!("-> {error}"),
            };
            let done = Done { calls, what: name_of(op), outcome };
            if first_cut {
                recorded.push(done);
            } else {
                line(&mut text, &told(disk, &done, true));
            }
        }
        Event::Cut(at) => {
            if std::mem::take(&mut first_cut) {
                for done in recorded.iter().filter(|done| done.calls.0 <= at) {
                    let whole = done.calls.1 <= at;
                    if whole || done.calls.0 < done.calls.1 {
                        line(&mut text, &told(disk, done, whole));
                    }
                }
            }
            line(&mut text, "        ~~ power cut ~~");
        }
        Event::Entry(payload) => {
            let entry = |at: &u32| {
                let sent = &ledger.sent[*at as usize];
                case.workload.payloads.get(sent.key, sent.bytes) == payload
            };
            let which = match ledger.log.iter().position(entry) {
                Some(at) => format!("entry {at} of the log"),
                None if (0..ledger.sent.len() as u32).any(|at| entry(&at)) => {
                    "an entry that was given up before".to_owned()
                }
                None => "bytes that nobody appended".to_owned(),
            };
            line(&mut text, &format!("  recovery hands out {} B: {which}", payload.len()));
        }
        Event::Opened { result, owed, judgement } => {
            match result {
                Ok(opened) => line(&mut text, &format!("  recovered {} entries", opened.entries)),
                Err(said) => line(&mut text, &format!("  recovery failed: {said}")),
            }
            let wanted = match owed.acked {
                0 => "nothing yet".to_owned(),
                acked => format!("entries 0 to {} of the log", acked - 1),
            };
            let broken: Vec<_> = judgement.violated.iter().map(Oracle::name).collect();
            let broken = match broken.is_empty() {
                true => String::new(),
                false => format!("   BROKEN: {}", broken.join(", ")),
            };
            let gone = match owed.released {
                0 => String::new(),
                released => format!(" (the first {released} may be gone)"),
            };
            line(&mut text, &format!("  acknowledged before: {wanted}{gone}{broken}"));
        }
        Event::Resumed(survivors, result) => {
            let what = format!("resume, {survivors:?}").to_lowercase();
            let outcome = match result {
                Ok(()) => String::new(),
                Err(Error::Device(DeviceError::PowerCut)) => "-> (cut)".to_owned(),
                Err(error) => format!("-> {error}"),
            };
            let done = Done { calls: (begun, disk.calls()), what, outcome };
            line(&mut text, &told(disk, &done, true));
        }
    };
    let ran = run_case::<J>(case, options, Some(&mut watch));
    if first_cut {
        for done in &recorded {
            line(&mut text, &format!("    {:14} {}", done.what, done.outcome));
        }
    }
    if let Err(error) = ran {
        line(&mut text, &format!("  {error}"));
    }
    if !case.decisions.is_empty() {
        let answers: Vec<_> =
            case.decisions.iter().map(|d| format!("{} = {}", d.what, d.is)).collect();
        line(&mut text, &format!("  the disk's answers that matter: {}", answers.join("; ")));
    }
    text
}

fn line(text: &mut String, words: &str) {
    text.push_str(words.trim_end());
    text.push('\n');
}

fn name_of(op: Op) -> String {
    match op {
        Op::Append(bytes) => format!("append {bytes} B"),
        Op::EndGroup => "end of group".to_owned(),
        Op::Commit => "commit".to_owned(),
        Op::Checkpoint(keep) => format!("checkpoint, keep {keep}"),
    }
}

/// One operation and the sectors it wrote.
fn told(disk: &Disk, done: &Done, whole: bool) -> String {
    let outcome = if whole { done.outcome.as_str() } else { "-> (cut)" };
    let mut text = format!("    {:14} {outcome:18}", done.what);
    let commands = disk.commands();
    let first = commands.iter().position(|c| c.call >= done.calls.0);
    for (i, c) in commands.iter().enumerate().skip(first.unwrap_or(commands.len())) {
        if c.call >= done.calls.1 {
            break;
        }
        let _ = write!(text, "  w{i} LBA {}", c.lba.0);
        if c.sectors > 1 {
            let _ = write!(text, "-{}", c.lba.0 + u64::from(c.sectors) - 1);
        }
        if c.fua {
            text.push_str(" FUA");
        }
    }
    text
}
