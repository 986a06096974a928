//! Undecided sectors: which contents a sector may hold, given the contract and all read so far.
//!
//! Method. A sector that was not stable at the cut is old and new at once until it is read. Its
//! options are built life by life, oldest first: what it held before; then each version at risk in
//! that life; then what commands that were in progress at the life's cut may have made of it. Each
//! option carries its explanation, a box of latents (`worlds.rs`): "this command persisted here,
//! those after it did not". Options whose explanation contradicts what was read before are dropped,
//! options that read the same are one option with several explanations.
//!
//! Invariant: an answer is offered if and only if the contract allows an image in which all answers
//! so far hold. The operational enumerator of the tests, which applies subsets of writes to images
//! byte by byte, must find the same sets.
//!
//! What it is not: a choice. It lists; the chooser picks.

use smallvec::{SmallVec, smallvec};

use super::arena::ContentId;
use super::contract::{CacheOrder, Flush, TearShape};
use super::denied::Denied;
use super::held::Held;
use super::rules::Rules;
use super::trace::{Cut, NONE, Trace, Version};
use super::worlds::{Latent, Range, Why, World, narrow};
use super::{damage, ground, rested};
use crate::choose::Label;

/// A content that a sector may hold, and why it may.
#[derive(Clone, Debug)]
pub struct Content {
    /// What it reads as.
    pub content: ContentId,
    /// What it is called.
    pub label: Label,
    /// Which hidden facts it takes, any one of these boxes.
    pub why: Why,
}

/// A version that was at risk at a cut.
#[derive(Clone, Copy, Debug)]
pub struct AtRisk {
    /// What it holds.
    pub content: ContentId,
    /// The command that wrote it.
    pub command: u32,
}

/// Whether a command was on the medium at a cut, whatever the cache did.
pub fn is_stable(trace: &Trace, rules: &Rules, cut: &Cut, command: u32) -> bool {
    let command = &trace.commands[command as usize];
    let late = command.call.saturating_add(rules.contract.late_calls) >= cut.at;
    if late && command.call >= cut.settled {
        return false;
    }
    if rules.contract.order == CacheOrder::WriteThrough {
        return command.call < cut.at;
    }
    (command.call < cut.stable_before && !command.dropped) || (command.fua && command.call < cut.at)
}

/// A content that a sector of an independent device may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// What it reads as.
    pub content: ContentId,
    /// The command that wrote it, or `NONE`.
    pub command: u32,
    /// The crash points of the last cut at which it may be there.
    pub window: (u32, u32),
}

/// The options of a sector in a device where sectors are independent of each other, newest first.
/// The hot path.
///
/// Where the last cut is one of several, each option has its crash points: from the command's call
/// on, until a newer one is stable. A content that was written twice is the newer one wherever both
/// are possible, so that at each crash point no two options read the same.
///
/// A content that was denied after some cut is none of those that older lives left; a later life
/// may have written the same bytes.
pub fn independent(trace: &Trace, denied: &Denied, lba: u64, into: &mut Vec<Candidate>) {
    into.clear();
    let newest_cut = trace.cuts.len();
    let Some(last) = trace.cuts.last() else { return };
    let (from, mut until) = (last.from, last.at);
    let mut add = |cut: usize, content: ContentId, command: u32, (a, mut b): (u32, u32)| {
        if denied.since(&trace.arena, lba, cut as u32, content) {
            return;
        }
        for other in into.iter() {
            if trace.arena.same(other.content, content) {
                // Options come newest first: an older one's points begin and end earlier.
                if other.window.0 == 0 {
                    return;
                }
                b = b.min(other.window.0 - 1);
            }
        }
        if a <= b {
            into.push(Candidate { content, command, window: (a, b) });
        }
    };
    let mut at = trace.newest(lba);
    let mut cut = newest_cut;
    while at != NONE {
        let version = trace.versions[at as usize];
        while cut > 0 && version.call < trace.cuts[cut - 1].life_start {
            cut -= 1;
        }
        at = trace.older(lba, at, version.prev);
        if version.command == NONE {
            return add(cut, version.content, NONE, (from, until));
        }
        let ended_by = &trace.cuts[cut - 1];
        if version.call > ended_by.at {
            continue;
        }
        let stable_from = trace.commands[version.command as usize].stable_from;
        if cut == newest_cut {
            add(cut, version.content, version.command, (from.max(version.call), until));
            if stable_from <= from {
                return;
            }
            until = until.min(stable_from - 1);
        } else {
            add(cut, version.content, version.command, (from, until));
            if stable_from <= ended_by.at {
                return;
            }
        }
    }
    add(0, trace.original(lba), NONE, (from, until));
}

/// What the contract allows a sector to hold, whatever else was read since the last cut: each newest
/// first. Some may read the same.
#[derive(Clone, Debug, Default)]
pub struct Listed {
    /// Whole contents.
    pub whole: Vec<Content>,
    /// Damaged ones.
    pub damaged: Vec<Content>,
}

impl Listed {
    /// What the cut left there for certain.
    pub fn only(&self) -> Option<ContentId> {
        match (&self.whole[..], &self.damaged[..]) {
            ([only], []) => only.why.iter().any(World::is_empty).then_some(only.content),
            _ => None,
        }
    }
}

/// The options of a sector under any contract, whole ones first and newest first; with the number
/// of whole ones. Those denied since the last cut are dropped, and those for which no reason is
/// admitted.
pub fn coupled(
    trace: &Trace,
    denied: &Denied,
    (lba, listed): (u64, &Listed),
    admits: &dyn Fn(ContentId, &World) -> bool,
) -> (Vec<Content>, usize) {
    let (arena, cut) = (&trace.arena, trace.cuts.len() as u32);
    let mut options: Vec<Content> = Vec::with_capacity(listed.whole.len() + listed.damaged.len());
    let denied = denied.of(lba, cut);
    let mut feasible = |contents: &[Content]| {
        for content in contents {
            if arena.is_among(&denied, content.content) {
                continue;
            }
            let admitted = |why: &&World| admits(content.content, why);
            let mut why = content.why.iter().filter(admitted).cloned().peekable();
            if why.peek().is_none() {
                continue;
            }
            match options.iter_mut().find(|other| arena.same(other.content, content.content)) {
                Some(other) => other.why.extend(why),
                None => options.push(Content { why: why.collect(), ..*content }),
            }
        }
        options.len()
    };
    let whole = feasible(&listed.whole);
    feasible(&listed.damaged);
    (options, whole)
}

/// See [`Listed`].
pub fn listed(
    trace: &mut Trace,
    rules: &Rules,
    (denied, held): (&Denied, &Held),
    lba: u64,
) -> Listed {
    let (start, content, label) = ground::beginning(trace, rules, lba);
    let mut whole = vec![Content { content, label, why: smallvec![World::new()] }];
    let mut damaged: Vec<Content> = Vec::new();
    for cut in start..trace.cuts.len() as u32 {
        let risk = at_risk(trace, rules, lba, cut);
        // A cut at which nothing was at risk there leaves it as it was, if no neighbour can harm it.
        let is_kept = rules.contract.damages_writes()
            && damage::keepers(trace, rules, lba, cut).next().is_some();
        if !risk.is_empty() || is_kept || rules.domain_sectors > 1 || rules.looks_back {
            put_at_risk(trace, rules, (lba, cut), &risk, &mut whole, &mut damaged);
        }
        if (cut as usize) + 1 < trace.cuts.len() {
            let stands = |c: &Content| !denied.after(&trace.arena, lba, cut + 1, c.content);
            whole.retain(stands);
            damaged.retain(stands);
            if denied.after(&trace.arena, lba, cut + 1, ContentId::FLIPPED) {
                let of = (&mut whole[..], &mut damaged[..]);
                rested::explain_flips(trace, rules.budget, (cut, lba), of);
            }
            let contents = whole.iter_mut().chain(&mut damaged);
            held.tell_apart(&trace.arena, (cut, lba), contents);
        }
    }
    Listed { whole, damaged }
}

/// Makes what a sector may hold before the writes of a life what it may hold after the cut that ended it.
fn put_at_risk(
    trace: &mut Trace,
    rules: &Rules,
    (lba, cut): (u64, u32),
    risk: &[AtRisk],
    whole: &mut Vec<Content>,
    damaged: &mut Vec<Content>,
) {
    let stale = damage::stale(trace, rules, lba, cut, (whole, damaged));
    if rules.looks_back {
        ground::go_back(trace, rules, lba, cut, whole, damaged);
    }
    let sector = damage::Sector { lba, cut, risk, whole, damaged };
    let mut fresh = damage::strikes(trace, rules, &sector, &stale);
    fresh.extend(damage::stores(trace, rules, &sector));
    // What was there before shows through where every version at risk was lost.
    let lost_all = |content: &mut Content| -> bool {
        content
            .why
            .retain_mut(|why| risk.iter().all(|r| lost(trace, rules, cut, lba, r.command, why)));
        !content.why.is_empty()
    };
    whole.retain_mut(lost_all);
    damaged.retain_mut(lost_all);
    let mut newer = Vec::with_capacity(risk.len() + whole.len());
    for (i, r) in risk.iter().enumerate() {
        let mut why = World::new();
        let possible = persisted(trace, rules, cut, lba, r.command, &mut why)
            && risk[..i].iter().all(|n| lost(trace, rules, cut, lba, n.command, &mut why));
        if possible {
            let label = Label::Write(r.command);
            newer.push(Content { content: r.content, label, why: smallvec![why] });
        }
    }
    newer.append(whole);
    *whole = newer;
    damaged.extend(fresh);
}

/// The versions of a sector that came about in the life of a cut and before it, newest first.
pub fn of_life(trace: &Trace, lba: u64, cut: u32) -> impl Iterator<Item = Version> + '_ {
    let ended_by = &trace.cuts[cut as usize];
    let next_life = trace.cuts.get(cut as usize + 1).map_or(trace.life_start, |c| c.life_start);
    let mut at = trace.newest(lba);
    let all = std::iter::from_fn(move || {
        let version = *trace.versions.get(at as usize)?;
        at = trace.older(lba, at, version.prev);
        Some(version)
    });
    let later = move |version: &Version| version.call >= next_life || version.call > ended_by.at;
    let settled = |version: &Version| version.call < ended_by.life_start || version.command == NONE;
    all.skip_while(later).take_while(move |version| !settled(version))
}

/// The versions of a sector at risk at a cut, newest first.
pub fn at_risk(trace: &Trace, rules: &Rules, lba: u64, cut: u32) -> SmallVec<[AtRisk; 4]> {
    let ended_by = &trace.cuts[cut as usize];
    of_life(trace, lba, cut)
        .take_while(|version| !is_stable(trace, rules, ended_by, version.command))
        .map(|version| AtRisk { content: version.content, command: version.command })
        .collect()
}

/// Adds to `why` that a command at risk did not persist in this sector. False if impossible.
pub fn lost(
    trace: &Trace,
    rules: &Rules,
    cut: u32,
    lba: u64,
    command: u32,
    why: &mut World,
) -> bool {
    let c = &trace.commands[command as usize];
    let (i, m) = ((lba - c.lba) as u32, c.sectors);
    let drained = !rules.ordered || narrow(why, Latent::Drain { cut }, Range::of(0, c.rank));
    drained
        && match rules.coupling(c) {
            Coupling::Free => true,
            Coupling::Atomic => narrow(why, Latent::Stop { command }, Range::of(0, 0)),
            Coupling::Prefix => narrow(why, Latent::Stop { command }, Range::of(0, i)),
            Coupling::Ends => narrow(why, Latent::Stop { command }, Range::two((0, i), (i + 1, m))),
            // The page was written back before this write of it.
            Coupling::Page => page(rules, cut, lba, why, Range::of(0, command)),
        }
}

/// Adds to `why` that a command at risk persisted in this sector. False if impossible.
pub fn persisted(
    trace: &Trace,
    rules: &Rules,
    cut: u32,
    lba: u64,
    command: u32,
    why: &mut World,
) -> bool {
    let c = &trace.commands[command as usize];
    let (i, m) = ((lba - c.lba) as u32, c.sectors);
    let drained =
        !rules.ordered || narrow(why, Latent::Drain { cut }, Range::of(c.floor, u32::MAX));
    drained
        && match rules.coupling(c) {
            Coupling::Free => true,
            Coupling::Atomic => narrow(why, Latent::Stop { command }, Range::of(1, 1)),
            Coupling::Prefix => narrow(why, Latent::Stop { command }, Range::of(i + 1, m)),
            Coupling::Ends => narrow(why, Latent::Stop { command }, Range::two((i + 1, m), (0, i))),
            Coupling::Page => page(rules, cut, lba, why, Range::of(command + 1, u32::MAX)),
        }
}

/// The page latent counts commands: the value v says that the page holds the writes below v.
fn page(rules: &Rules, cut: u32, lba: u64, why: &mut World, commands: Range) -> bool {
    let page = Latent::Page { cut, lba: lba / rules.page_sectors * rules.page_sectors };
    narrow(why, page, commands)
}

/// How the sectors of a command hang together at a cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coupling {
    /// Each on its own.
    Free,
    /// All or none.
    Atomic,
    /// The first so many.
    Prefix,
    /// The first or the last so many.
    Ends,
    /// With the other sectors of their cache page.
    Page,
}

/// Whether a flush orders epochs under this contract.
#[must_use]
pub fn flush_is_barrier(order: CacheOrder, flush: Flush) -> bool {
    match flush {
        Flush::Honoured => order == CacheOrder::Epoch,
        Flush::BarrierOnly => true,
        Flush::Ignored => false,
    }
}

/// What a tear shape means for the sectors of a command.
#[must_use]
pub fn coupling_of(tear: TearShape) -> Coupling {
    match tear {
        TearShape::Any => Coupling::Free,
        TearShape::Prefix => Coupling::Prefix,
        TearShape::PrefixOrSuffix => Coupling::Ends,
    }
}
