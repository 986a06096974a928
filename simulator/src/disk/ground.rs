//! The ground: what lies below the writes at risk, and how it may go back.
//!
//! Method. Without lost writes and rollback it is the newest stable version, and nothing older is
//! looked at. With them the stable versions of a life are gone through, newest first: each shows if
//! all above it were lost, or if the sector was rolled back; and so does what was there when the life
//! began. A command of several sectors that shows in one of them was not lost in another.
//!
//! Invariant: the ground is built before anything at risk is put on it, so what a stable write
//! superseded stays superseded, whatever became of that write.
//!
//! What it is not: aware of what is at risk.

use super::arena::ContentId;
use super::rules::Rules;
use super::trace::{Cut, NONE, Trace, Version};
use super::undecided::{AtRisk, Content, is_stable, of_life};
use super::worlds::{Latent, Range, Why, World, narrow};
use crate::choose::Label;

/// The first cut that leaves a sector open, and what it held before that life, or at its newest
/// version that nothing can take back; and what that is called.
pub fn beginning(trace: &Trace, rules: &Rules, lba: u64) -> (u32, ContentId, Label) {
    newest_stable(trace, rules, lba, |version, cut| !rules.looks_back || version.call < cut.settled)
}

/// What a sector holds that no cut leaves open.
pub fn settled(trace: &Trace, rules: &Rules, lba: u64) -> ContentId {
    newest_stable(trace, rules, lba, |_, _| true).1
}

/// The newest stable version of a sector that `counts`, or what was there before all: the cut that ended its
/// life, what it holds, and what that is called.
fn newest_stable(
    trace: &Trace,
    rules: &Rules,
    lba: u64,
    counts: impl Fn(&Version, &Cut) -> bool,
) -> (u32, ContentId, Label) {
    let mut at = trace.newest(lba);
    while at != NONE {
        let version = trace.versions[at as usize];
        let life =
            trace.cuts.iter().take_while(|cut| version.call >= cut.life_start).count() as u32;
        let ended_by = life.checked_sub(1).expect("an open sector was written before a cut");
        let cut = &trace.cuts[ended_by as usize];
        if version.command == NONE {
            return (ended_by, version.content, Label::Old);
        }
        let stable = version.call <= cut.at && is_stable(trace, rules, cut, version.command);
        if stable && counts(&version, cut) {
            return (ended_by, version.content, Label::Write(version.command));
        }
        at = trace.older(lba, at, version.prev);
    }
    (0, trace.original(lba), Label::Old)
}

/// The stable versions of a sector that a cut may take back, newest first.
fn stable(trace: &Trace, rules: &Rules, lba: u64, cut: u32) -> Vec<AtRisk> {
    let ended_by = &trace.cuts[cut as usize];
    of_life(trace, lba, cut)
        .take_while(|version| version.call >= ended_by.settled)
        .filter(|version| is_stable(trace, rules, ended_by, version.command))
        .map(|version| AtRisk { content: version.content, command: version.command })
        .collect()
}

/// Whether a command reached the medium; where it wrote one sector no other can tell.
fn reached(trace: &Trace, rules: &Rules, cut: u32, command: u32, why: &mut World) -> bool {
    let one = trace.commands[command as usize].sectors == 1 || rules.budget.absent == 0;
    one || narrow(why, Latent::Absent { cut, command }, Range::of(0, 0))
}

/// Puts the stable versions of a life on what was there when it began.
pub fn go_back(
    trace: &Trace,
    rules: &Rules,
    lba: u64,
    cut: u32,
    whole: &mut Vec<Content>,
    damaged: &mut [Content],
) {
    let stable = stable(trace, rules, lba, cut);
    // All of the newest ones lost; or the sector rolled back over what is left of them.
    let below = |newer: &[AtRisk], why: &World| -> Why {
        let mut lost = why.clone();
        let all_lost = rules.budget.absent as usize >= newer.len()
            && newer.iter().all(|n| {
                narrow(&mut lost, Latent::Absent { cut, command: n.command }, Range::of(1, 1))
            });
        let mut back = why.clone();
        let rolled_back = rules.budget.rollbacks > 0
            && !newer.is_empty()
            && narrow(&mut back, Latent::Rollback { cut, lba }, Range::of(1, 1));
        [all_lost.then_some(lost), rolled_back.then_some(back)].into_iter().flatten().collect()
    };
    let mut ground = Vec::with_capacity(stable.len() + whole.len());
    for (i, version) in stable.iter().enumerate() {
        let mut why = World::new();
        if reached(trace, rules, cut, version.command, &mut why) {
            let why = below(&stable[..i], &why);
            let label = Label::Write(version.command);
            ground.push(Content { content: version.content, label, why });
        }
    }
    for older in whole.iter_mut().chain(damaged) {
        older.why = older.why.iter().flat_map(|why| below(&stable, why)).collect();
    }
    ground.append(whole);
    ground.retain(|content| !content.why.is_empty());
    *whole = ground;
}
