//! Damage: what commands in progress at a cut may have made of a sector, besides persisting whole.
//!
//! Method. A strike is one command at risk in one domain; its contents are the torn ones, mixes with
//! what is legal below, and something older of the sector itself. A line of stores is not struck: a
//! write that was under way has reached it with the first of its stores.
//!
//! Invariant: each content carries the strike and all that it takes of other commands, so contents of
//! several sectors of a domain hang together. Where no budget ties strikes and a domain is one
//! sector, a strike tells nothing of any other, and is not kept.
//!
//! What it is not: damage at rest.

use smallvec::smallvec;

use super::arena::ContentId;
use super::contract::{DAMAGE_UNBOUNDED, InnerTear, MOSAIC_GRANULES_MAX};
use super::rules::Rules;
use super::trace::{Command, Trace, Version};
use super::undecided::{AtRisk, Content, Coupling, at_risk, is_stable, lost, of_life, persisted};
use super::worlds::{Latent, Range, Why, World, both, narrow};
use crate::choose::{Label, Torn};

/// A sector as a cut finds it.
#[derive(Clone, Copy, Debug)]
pub struct Sector<'s> {
    /// Which.
    pub lba: u64,
    /// Which cut.
    pub cut: u32,
    /// Its versions at risk, newest first.
    pub risk: &'s [AtRisk],
    /// What lies below them, whole.
    pub whole: &'s [Content],
    /// What lies below them, damaged by an earlier cut.
    pub damaged: &'s [Content],
}

/// Something older of a sector.
#[derive(Clone, Debug)]
pub struct Stale {
    content: ContentId,
    /// The command that wrote it in the life of the cut, if one did.
    command: Option<u32>,
    /// For what was there before: the write that it is called by, or its number if it is damaged.
    below: Result<Option<u32>, u32>,
    why: Why,
}

/// What a struck sector may show as something older: what it held when the life of a cut began, and
/// what that life wrote there, oldest first.
pub fn stale(
    trace: &Trace,
    rules: &Rules,
    lba: u64,
    cut: u32,
    (whole, damaged): (&[Content], &[Content]),
) -> Vec<Stale> {
    let mut all = Vec::new();
    if !rules.contract.damages_writes() || !rules.contract.torn.stale {
        return all;
    }
    for older in whole {
        let below = match older.label {
            Label::Write(n) => Some(n),
            _ => None,
        };
        let why = older.why.clone();
        all.push(Stale { content: older.content, command: None, below: Ok(below), why });
    }
    for (older, number) in damaged.iter().zip(0..) {
        let why = older.why.clone();
        all.push(Stale { content: older.content, command: None, below: Err(number), why });
    }
    let settled = trace.cuts[cut as usize].settled;
    let written = of_life(trace, lba, cut).take_while(|version| version.call >= settled);
    let first_written = all.len();
    all.extend(written.map(|version| Stale {
        content: version.content,
        command: Some(version.command),
        below: Ok(Some(version.command)),
        why: smallvec![World::new()],
    }));
    all[first_written..].reverse();
    all
}

impl Sector<'_> {
    /// What lies below all that is at risk, each with its number if it is damaged.
    fn below(&self) -> impl Iterator<Item = (Content, Option<u32>)> {
        let damaged = self.damaged.iter().cloned().zip((0..).map(Some));
        let all = self.whole.iter().cloned().map(|older| (older, None)).chain(damaged);
        all.filter(|(older, _)| !older.why.is_empty() && older.content != ContentId::UNREADABLE)
    }
}

/// The name of a content that a command made of an older one.
fn named(write: u32, how: Torn, older: Label, number: Option<u32>) -> Label {
    match (number, older) {
        (Some(older), _) => Label::TornOver { write, how, older },
        (None, Label::Write(below)) => Label::Torn { write, how, below: Some(below) },
        (None, _) => Label::Torn { write, how, below: None },
    }
}

/// What strikes may have made of a sector.
pub fn strikes(
    trace: &mut Trace,
    rules: &Rules,
    sector: &Sector<'_>,
    stale: &[Stale],
) -> Vec<Content> {
    let mut out = Vec::new();
    if !rules.contract.damages_writes() {
        return out;
    }
    let Sector { lba, cut, risk, .. } = *sector;
    let domain = lba / rules.domain_sectors * rules.domain_sectors;
    let mut strikers: Vec<u32> = if rules.domain_sectors == 1 {
        risk.iter().map(|r| r.command).collect()
    } else {
        let sectors = domain..domain + rules.domain_sectors;
        sectors.flat_map(|l| at_risk(trace, rules, l, cut)).map(|r| r.command).collect()
    };
    let keepers = |lba| keepers(trace, rules, lba, cut);
    strikers.extend((domain..domain + rules.domain_sectors).flat_map(keepers));
    let own_keepers: Vec<u32> = keepers(lba).collect();
    strikers.sort_unstable_by(|a, b| b.cmp(a));
    strikers.dedup();
    for striker in strikers {
        let c = trace.commands[striker as usize];
        let Some(mut why) = struck(rules, cut, domain, striker, &c) else { continue };
        let own = risk.iter().position(|r| r.command == striker);
        let is_kept = own_keepers.contains(&striker);
        let newer = own.unwrap_or(if is_kept { risk.len() } else { 0 });
        if !risk[..newer].iter().all(|n| lost(trace, rules, cut, lba, n.command, &mut why)) {
            continue;
        }
        if let Some(own) = own {
            mixes(trace, rules, sector, own, &why, &mut out);
        }
        if is_kept && rules.contract.torn.garbage {
            spoilt(trace, sector, striker, &why, &mut out);
        }
        let torn = rules.contract.torn;
        let mut add = |how: Torn, content: ContentId| {
            let label = Label::Torn { write: striker, how, below: None };
            out.push(Content { content, label, why: smallvec![why.clone()] });
        };
        if torn.zeros {
            add(Torn::Zeros, ContentId::ZEROS);
        }
        if torn.ones {
            add(Torn::Ones, ContentId::ONES);
        }
        if torn.garbage {
            if let Some(own) = own {
                add(Torn::Garbage(0), trace.arena.spoil(risk[own].content));
            }
            add(Torn::Garbage(1), ContentId::NOISE);
        }
        if torn.unreadable {
            add(Torn::Unreadable, ContentId::UNREADABLE);
        }
        for older in stale.iter().filter(|older| older.command.is_none_or(|n| n < striker)) {
            let (write, how) = (striker, Torn::Stale);
            let label = match older.below {
                Ok(below) => Label::Torn { write, how, below },
                Err(older) => Label::TornOver { write, how, older },
            };
            let why: Why = older.why.iter().filter_map(|other| both(&why, other)).collect();
            if !why.is_empty() {
                out.push(Content { content: older.content, label, why });
            }
        }
    }
    out
}

/// The commands at risk at a cut that wrote a sector back as it was, so that their version of it is what was
/// there when their life began (`live/rewriting.rs`). What stable writes superseded is a neighbour again.
pub fn keepers<'t>(
    trace: &'t Trace,
    rules: &'t Rules,
    lba: u64,
    cut: u32,
) -> impl Iterator<Item = u32> + 't {
    let ended_by = &trace.cuts[cut as usize];
    let next_life = trace.cuts.get(cut as usize + 1).map_or(trace.life_start, |c| c.life_start);
    let end = next_life.min(ended_by.at.saturating_add(1));
    let first = trace.commands.partition_point(|c| c.call < ended_by.life_start);
    let commands = trace.commands[first..].iter().zip(first as u32..);
    let keep = commands
        .take_while(move |(c, _)| c.call < end)
        .filter(move |(c, _)| c.keeps && (c.lba..c.lba + u64::from(c.sectors)).contains(&lba));
    keep.map(|(_, number)| number).filter(move |&command| {
        let is_stable = |command| is_stable(trace, rules, ended_by, command);
        let stands = |version: Version| version.command != command && !is_stable(version.command);
        !is_stable(command) && of_life(trace, lba, cut).all(stands)
    })
}

/// Garbage made of what a command wrote back: of each content that may have been there.
fn spoilt(
    trace: &mut Trace,
    sector: &Sector<'_>,
    striker: u32,
    struck: &World,
    out: &mut Vec<Content>,
) {
    let below: Vec<_> = sector.below().collect();
    for (older, number) in below {
        let why: Why = older.why.iter().filter_map(|other| both(struck, other)).collect();
        if why.is_empty() {
            continue;
        }
        let content = trace.arena.spoil(older.content);
        let label = named(striker, Torn::Garbage(0), older.label, number);
        out.push(Content { content, label, why });
    }
}

/// That a command struck a domain: in progress there when the power went.
fn struck(rules: &Rules, cut: u32, domain: u64, striker: u32, c: &Command) -> Option<World> {
    let mut why = World::new();
    let (first, last) =
        (domain.max(c.lba), (domain + rules.domain_sectors).min(c.lba + u64::from(c.sectors)));
    let (a, b) = ((first - c.lba) as u32, (last - c.lba) as u32);
    let stop = Latent::Stop { command: striker };
    let strike = Latent::Strike { cut, lba: domain };
    // A budget that nothing exhausts ties no strikes, and a domain of one sector is decided once.
    let alone = rules.domain_sectors == 1 && rules.budget.strikes == DAMAGE_UNBOUNDED;
    let possible = (alone || narrow(&mut why, strike, Range::of(striker, striker)))
        && (!rules.ordered || narrow(&mut why, Latent::Drain { cut }, Range::of(c.floor, c.rank)))
        && match rules.coupling(c) {
            Coupling::Free => true,
            Coupling::Prefix => narrow(&mut why, stop, Range::of(a, b)),
            Coupling::Ends => narrow(&mut why, stop, Range::two((a, b), (a, b))),
            Coupling::Atomic | Coupling::Page => false,
        };
    possible.then_some(why)
}

/// The mixes of the struck sector: granules of the new content over each legal older one.
fn mixes(
    trace: &mut Trace,
    rules: &Rules,
    sector: &Sector<'_>,
    own: usize,
    struck: &World,
    out: &mut Vec<Content>,
) {
    let granule = match rules.contract.inner_tear {
        InnerTear::Never => return,
        InnerTear::Linear(granule) | InnerTear::Any(granule) => granule,
    };
    let Sector { lba, cut, risk, .. } = *sector;
    // Each with its number if it is damaged, for the name of the mix.
    let mut below: Vec<(Content, Option<u32>)> = Vec::new();
    for (i, r) in risk.iter().enumerate().skip(own + 1) {
        let mut why = struck.clone();
        let possible = persisted(trace, rules, cut, lba, r.command, &mut why)
            && risk[own + 1..i].iter().all(|n| lost(trace, rules, cut, lba, n.command, &mut why));
        if possible {
            let label = Label::Write(r.command);
            below.push((Content { content: r.content, label, why: smallvec![why] }, None));
        }
    }
    for (mut older, number) in sector.below() {
        older.why.retain_mut(|why| {
            struck.iter().all(|(l, r)| narrow(why, *l, r.clone()))
                && risk[own + 1..].iter().all(|n| lost(trace, rules, cut, lba, n.command, why))
        });
        if !older.why.is_empty() {
            below.push((older, number));
        }
    }
    let granules = rules.contract.logical_bytes / granule;
    let write = risk[own].command;
    for (old, number) in below {
        for how in mix_kinds(rules.contract.inner_tear, granules) {
            let content = trace.arena.mix(risk[own].content, old.content, granule as usize, |i| {
                mix_takes(how, granules, i as u32)
            });
            let label = named(write, how, old.label, number);
            out.push(Content { content, label, why: old.why.clone() });
        }
    }
}

/// A line that a write had reached with the first of its stores when the power went.
pub fn stores(trace: &mut Trace, rules: &Rules, sector: &Sector<'_>) -> Vec<Content> {
    let granule = rules.contract.store_bytes;
    let mut out = Vec::new();
    if granule == 0 {
        return out;
    }
    let granules = rules.contract.logical_bytes / granule;
    for (own, r) in sector.risk.iter().enumerate() {
        let below: Vec<(Content, Option<u32>)> = match sector.risk.get(own + 1) {
            Some(older) => {
                let label = Label::Write(older.command);
                vec![(
                    Content { content: older.content, label, why: smallvec![World::new()] },
                    None,
                )]
            }
            None => sector.below().collect(),
        };
        for (old, number) in below {
            for first in 1..granules {
                let how = Torn::Prefix(first as u16);
                let content = trace
                    .arena
                    .mix(r.content, old.content, granule as usize, |i| (i as u32) < first);
                let label = named(r.command, how, old.label, number);
                out.push(Content { content, label, why: old.why.clone() });
            }
        }
    }
    out
}

/// The mixes that an inner tear allows, for a sector of so many granules.
#[must_use]
pub fn mix_kinds(tear: InnerTear, granules: u32) -> Vec<Torn> {
    let prefixes = (1..granules).map(|n| Torn::Prefix(n as u16));
    let suffixes = (1..granules).map(|n| Torn::Suffix(n as u16));
    match tear {
        InnerTear::Never => Vec::new(),
        InnerTear::Linear(_) => prefixes.chain(suffixes).collect(),
        InnerTear::Any(_) if granules <= MOSAIC_GRANULES_MAX => {
            (1..(1u64 << granules) - 1).map(Torn::Mosaic).collect()
        }
        // Representatives: prefixes, suffixes, and every other granule from either start.
        InnerTear::Any(_) => {
            prefixes.chain(suffixes).chain([Torn::Mosaic(1), Torn::Mosaic(2)]).collect()
        }
    }
}

/// Whether granule `i` of a mix is new.
#[must_use]
pub fn mix_takes(how: Torn, granules: u32, i: u32) -> bool {
    match how {
        Torn::Prefix(n) => i < u32::from(n),
        Torn::Suffix(n) => i >= granules - u32::from(n),
        Torn::Mosaic(mask) if granules <= MOSAIC_GRANULES_MAX => mask >> i & 1 == 1,
        Torn::Mosaic(start) => u64::from(i % 2) == start - 1,
        _ => false,
    }
}
