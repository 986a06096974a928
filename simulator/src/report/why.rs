//! Words for a violation: the headline and the reason, derived from what was seen.
//!
//! The one idea: entries have bytes of their own, so where an entry lay can be looked up in what
//! was written; what the cut did to those sectors is the reason that the entry is gone.
//!
//! Invariant: every sentence is backed by a fact of this run (a sector's state, a command's range, a
//! knob of the contract). Where the facts do not say why, the sentence says what and no more.
//!
//! What it is not: an oracle. It explains a verdict that was reached without it.

use std::collections::BTreeMap;

use super::atlas::Atlas;
use super::story::{LifeStory, SectorState, SectorStory, Step};
use super::text::{entries, list, sectors};
use crate::case::Case;
use crate::disk::Disk;
use crate::oracle::{Ledger, Oracle};

/// Shared bytes from which on an invented entry is called a part of a real one.
const TELLING_BYTES: usize = 8;

/// The number of the entry with these bytes: in the log first, newest first, then in the past.
pub fn number_of(case: &Case, ledger: &Ledger, payload: &[u8]) -> Option<u32> {
    let bytes_of = |&number: &u32| {
        let sent = &ledger.sent[number as usize];
        case.workload.payloads.get(sent.key, sent.bytes) == payload
    };
    let all = 0..ledger.sent.len() as u32;
    ledger.log.iter().rev().copied().find(bytes_of).or_else(|| all.rev().find(bytes_of))
}

/// What is known at a recovery besides the story itself.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// Where each entry lay: entry number to sectors, by the newest command that wrote it.
    places: BTreeMap<u32, Vec<u64>>,
    /// For bytes handed out that nobody appended: how many of them are the beginning of which entry.
    invented: Option<(usize, Option<(u32, usize)>)>,
}

impl Facts {
    /// Looks up the entries among everything that was written and had begun before the cut.
    pub fn gather(
        case: &Case,
        disk: &Disk,
        ledger: &Ledger,
        happened: &[(u32, u32)],
        shown: &[Vec<u8>],
    ) -> Facts {
        let mut facts = Facts::default();
        let payload_of = |number: u32| {
            let sent = &ledger.sent[number as usize];
            case.workload.payloads.get(sent.key, sent.bytes)
        };
        facts.places = Atlas::draw(case, disk, ledger, happened).places();
        let nobody = shown.iter().find(|payload| number_of(case, ledger, payload).is_none());
        facts.invented = nobody.map(|payload| {
            let shared = |number: u32| {
                let of = payload_of(number);
                payload.iter().zip(of).take_while(|(a, b)| a == b).count()
            };
            let best = (0..ledger.sent.len() as u32).map(|n| (n, shared(n))).max_by_key(|b| b.1);
            (payload.len(), best.filter(|best| best.1 >= TELLING_BYTES))
        });
        facts
    }
}

impl Facts {
    /// The entries that lay in a sector.
    pub fn held(&self, lba: u64) -> Vec<u32> {
        let here = self.places.iter().filter(|(_, places)| places.contains(&lba));
        here.map(|(entry, _)| *entry).collect()
    }
}

/// What is wrong, in a few words.
pub fn headline(first: Option<Oracle>, lives: &[LifeStory]) -> String {
    let Some(oracle) = first else { return "nothing that is owed is violated".to_owned() };
    let last = lives.iter().rev().find_map(|life| life.recovery.as_ref());
    let Some(recovery) = last else {
        let failed = lives.iter().flat_map(|l| &l.steps).find_map(|s| s.failed.clone());
        return match failed {
            Some(said) => format!("the journal fails without a power cut: {said}"),
            None => oracle.claim().to_owned(),
        };
    };
    let shown: Vec<u32> = recovery.shown.iter().flatten().copied().collect();
    let missing: Vec<u32> =
        recovery.wanted.iter().copied().filter(|entry| !shown.contains(entry)).collect();
    let failing = || lives.last().and_then(|l| l.steps.iter().find_map(|s| s.failed.clone()));
    match oracle {
        Oracle::Durability if !missing.is_empty() => {
            format!("{}, acknowledged, {} gone", entries(&missing), are(missing.len()))
        }
        Oracle::Durability => "what is shown ends before the last acknowledged entry".to_owned(),
        Oracle::Order => format!("{} {} no range in order", entries(&shown), are(shown.len())),
        Oracle::Integrity => {
            let invented = recovery.shown.iter().filter(|entry| entry.is_none()).count();
            let noun = if invented == 1 { "an entry is" } else { "entries are" };
            format!("{noun} recovered that nobody appended")
        }
        Oracle::Atomicity => "a group of entries is recovered in part".to_owned(),
        Oracle::NoResurrection => {
            let back: Vec<u32> =
                shown.iter().copied().filter(|entry| !recovery.allowed.contains(entry)).collect();
            if back.is_empty() {
                return "an entry comes back that an earlier recovery did not show".to_owned();
            }
            let (come, its) = if back.len() == 1 { ("comes", "it") } else { ("come", "them") };
            format!("{} {come} back, and an earlier recovery did not show {its}", entries(&back))
        }
        Oracle::Idempotence => {
            format!("opened again, the journal shows {}, not what it showed before", some(&shown))
        }
        Oracle::Availability => match recovery.said.clone().or_else(failing) {
            Some(said) => format!("the journal cannot be opened: {said}"),
            None => "the journal cannot be opened".to_owned(),
        },
        Oracle::Afterlife => match failing() {
            Some(said) => format!("after recovery the journal refuses its work: {said}"),
            None => "after recovery the journal does not work again".to_owned(),
        },
        Oracle::Honesty if missing.is_empty() => {
            "damage is reported, and nothing acknowledged is missing".to_owned()
        }
        Oracle::Honesty => format!(
            "{}, acknowledged, {} gone, and recovery does not report it",
            entries(&missing),
            are(missing.len())
        ),
    }
}

fn are(count: usize) -> &'static str {
    if count == 1 { "is" } else { "are" }
}

fn some(numbers: &[u32]) -> String {
    if numbers.is_empty() { "nothing".to_owned() } else { entries(numbers) }
}

/// Everything about the last recovery that the reasons are made of.
struct Scene<'s> {
    case: &'s Case,
    lives: &'s [LifeStory],
    facts: &'s Facts,
    sectors: &'s [SectorStory],
}

impl Scene<'_> {
    fn state(&self, lba: u64) -> SectorState {
        let found = self.sectors.iter().find(|sector| sector.lba == lba);
        found.map_or(SectorState::Newest, |sector| sector.state)
    }

    /// The write command that a recorded answer blames.
    fn striker(&self, lba: u64) -> Option<(&Step, u64, u32)> {
        let decided = self.sectors.iter().find(|s| s.lba == lba)?.decided.as_deref()?;
        let number: u32 = decided.strip_prefix('w')?.split(' ').next()?.parse().ok()?;
        let steps = self.lives.iter().flat_map(|life| &life.steps);
        steps
            .flat_map(|step| step.commands.iter().map(move |c| (step, c)))
            .find_map(|(step, c)| (c.number == number).then_some((step, c.lba, c.sectors)))
    }

    fn physical(&self) -> String {
        format!("physical sector of {} bytes", self.case.contract.physical_bytes)
    }

    /// Why a sector is not what was written there last.
    fn blame(&self, lba: u64, held: &[u32]) -> Option<String> {
        let holding = |what: &str| match held {
            [] => format!("LBA {lba} {what}"),
            held => format!("LBA {lba}, which held {}, {what}", entries(held)),
        };
        match self.state(lba) {
            SectorState::Newest | SectorState::NotRead => None,
            SectorState::Flipped => Some(holding("came back with a bit flipped at rest")),
            state @ (SectorState::Unreadable
            | SectorState::Zeros
            | SectorState::Garbage
            | SectorState::Torn) => {
                let Some((step, first, count)) = self.striker(lba) else {
                    return Some(holding("was lost at rest"));
                };
                let doing = doing(step);
                if !(first..first + u64::from(count)).contains(&lba) {
                    return Some(format!(
                        "{}, and the device may damage all of it",
                        holding(&format!(
                            "shares a {} with LBA {first}, which {doing} was writing when the \
                             power went",
                            self.physical()
                        ))
                    ));
                }
                let may = match state {
                    SectorState::Torn => "this device may tear a sector that it is writing",
                    _ => "this device may lose a sector that it is writing",
                };
                let verb = if held.is_empty() { "writing" } else { "rewriting" };
                Some(format!(
                    "{doing} was {verb} {} when the power went; {may}",
                    match held {
                        [] => format!("LBA {lba}"),
                        held => format!("LBA {lba}, which held {},", entries(held)),
                    }
                ))
            }
            SectorState::Older => Some(holding(match self.case.contract.honours_flush() {
                true if !self.case.contract.keeps_its_word() => {
                    "has older content: it was not stable, or the device took it back"
                }
                false => {
                    "still has older content: the device acknowledged flushes and did not \
                          carry them out"
                }
                true => "still has older content: the write had not been flushed",
            })),
        }
    }

    /// The first sector, in order of address, that is not as written.
    fn first_odd(&self) -> Option<&SectorStory> {
        self.sectors.iter().find(|s| !matches!(s.state, SectorState::Newest | SectorState::NotRead))
    }

    fn blame_first_odd(&self) -> String {
        let blamed = self.first_odd().and_then(|odd| self.blame(odd.lba, &[]));
        blamed.unwrap_or_else(|| "every sector that was read is as written".to_owned())
    }

    fn missing(&self, missing: &[u32]) -> String {
        for entry in missing {
            for &lba in self.facts.places.get(entry).into_iter().flatten() {
                let held: Vec<u32> = missing
                    .iter()
                    .copied()
                    .filter(|m| self.facts.places.get(m).is_some_and(|p| p.contains(&lba)))
                    .collect();
                if let Some(blame) = self.blame(lba, &held) {
                    return blame;
                }
            }
        }
        match self.first_odd() {
            Some(_) => format!(
                "the sectors of {} are as written, and recovery does not get to them: {}",
                entries(missing),
                self.blame_first_odd()
            ),
            None => format!(
                "every sector that was read is as written, and still {} not shown",
                if missing.len() == 1 { "it is" } else { "they are" }
            ),
        }
    }

    fn invented(&self) -> String {
        let Some((bytes, origin)) = self.facts.invented else { return self.blame_first_odd() };
        let Some((entry, same)) = origin else {
            return format!(
                "{bytes} bytes were taken for an entry and nothing tells that they are none: {}",
                self.blame_first_odd()
            );
        };
        let place = self.facts.places.get(&entry).map(Vec::as_slice).unwrap_or_default();
        let lies = match place {
            [_, .., _] => format!("entry {entry} straddles {}", sectors(place)),
            _ => format!("entry {entry} lies in {}", sectors(place)),
        };
        format!(
            "{lies}; its first {same} bytes were recovered and the other {} something else, which \
             nothing in the format tells: {}",
            match bytes.saturating_sub(same) {
                1 => "one is".to_owned(),
                more => format!("{more} are"),
            },
            self.blame_first_odd()
        )
    }

    fn stale(&self, back: &[u32]) -> String {
        let places: Vec<u64> = back
            .iter()
            .filter_map(|entry| self.facts.places.get(entry))
            .flatten()
            .copied()
            .collect();
        if places.is_empty() {
            return self.blame_first_odd();
        }
        format!(
            "stale suffix: {} stayed in {} behind the place where an earlier recovery stopped; what \
             was appended since leads recovery back to {}",
            entries(back),
            sectors(&places),
            if back.len() == 1 { "it" } else { "them" }
        )
    }
}

/// A step as a person would name it.
fn doing(step: &Step) -> String {
    match step.number {
        Some(number) => format!("op {number} ({})", step.does),
        None => "the resume".to_owned(),
    }
}

/// Why, as far as the facts say.
pub fn why(
    first: Option<Oracle>,
    case: &Case,
    lives: &[LifeStory],
    facts: Option<&Facts>,
) -> String {
    let none = Facts::default();
    let sectors = lives.iter().rev().find(|life| life.recovery.is_some());
    let Some((life, recovery)) = sectors.and_then(|l| Some((l, l.recovery.as_ref()?))) else {
        return "no recovery was reached".to_owned();
    };
    let scene = Scene { case, lives, facts: facts.unwrap_or(&none), sectors: &life.sectors };
    let shown: Vec<u32> = recovery.shown.iter().flatten().copied().collect();
    let without = |all: &[u32], those: &[u32]| -> Vec<u32> {
        all.iter().copied().filter(|entry| !those.contains(entry)).collect()
    };
    let missing = without(&recovery.wanted, &shown);
    match first {
        None => "every owed oracle is content".to_owned(),
        Some(Oracle::Durability | Oracle::Honesty) if !missing.is_empty() => {
            scene.missing(&missing)
        }
        Some(Oracle::Integrity) => scene.invented(),
        Some(Oracle::NoResurrection) => scene.stale(&without(&shown, &recovery.allowed)),
        Some(Oracle::Order) => {
            let highest = shown.iter().max().copied().unwrap_or(0);
            let gap: Vec<u32> = recovery
                .allowed
                .iter()
                .copied()
                .filter(|entry| *entry < highest && !shown.contains(entry))
                .collect();
            match gap.is_empty() {
                true => scene.blame_first_odd(),
                false => format!("{} left out: {}", list_out(&gap), scene.missing(&gap)),
            }
        }
        Some(_) => scene.blame_first_odd(),
    }
}

fn list_out(gap: &[u32]) -> String {
    let verb = are(gap.len());
    format!("{} {} {verb}", if gap.len() == 1 { "entry" } else { "entries" }, list(gap))
}
