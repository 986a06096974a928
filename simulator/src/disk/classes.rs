//! Classes: the contents of a range, as far as a question tells them apart.
//!
//! Method. A question covers some bytes of each sector of a range. Contents that agree in those are
//! one *class*. What passes is a choice of one class for each sector:
//! 1. few choices are all tried;
//! 2. where the question is a checksum that is linear, all that pass are found, see `linear.rs`;
//! 3. otherwise those are tried that a writer ever had before him: what the sectors held, as far as
//!    that is still possible, after each of the commands that wrote one of them. A checksum is made
//!    of such a choice; that another one passes is a *collision*.
//!
//! Invariant: by 1 and 2 exactly the choices that pass are found. By 3 none is found that does not
//! pass, and who asks is told.
//!
//! What it is not: a question. It does not know what is asked of whom.

use std::sync::Arc;

use smallvec::{SmallVec, smallvec};

use super::arena::{Arena, ContentId};
use super::flips::{Bits, Way};
use super::linear::{self, Changes};
use super::trace::{NONE, Trace};
use super::worlds::Why;

/// Most choices of which every one is tried for a checksum, and for a test of any other kind.
const TRIED_MAX: u64 = 16;
const TESTED_MAX: u64 = 4096;

/// A content that a sector may hold.
#[derive(Clone, Debug)]
pub struct Admitted {
    /// What it reads as.
    pub content: ContentId,
    /// The crash points of the last cut at which it may be there.
    pub window: (u32, u32),
    /// Where sectors are coupled, what explains it.
    pub why: Why,
    /// Where bits of the sector flipped.
    pub flipped: Option<Flips>,
}

/// That bits of a sector flipped.
#[derive(Clone, Debug)]
pub struct Flips {
    /// In which ways.
    pub ways: Arc<[Way]>,
    /// Of a set of bits one of which flipped, this one: in those of the ways that have such a set.
    pub bit: Option<u32>,
    /// Whether the question notices it, and it is of no class.
    pub noticed: bool,
}

impl Flips {
    /// The ways of all of these, with the bits that are known. Bits of the same ways become one set, so that
    /// there are not more ways to say what a group of answers has in common than before it was asked.
    pub fn known<'f>(all: impl IntoIterator<Item = &'f Flips>, bits: u32) -> Vec<Way> {
        let mut ways = Vec::new();
        let mut told: Vec<(&Arc<[Way]>, Vec<u32>)> = Vec::new();
        for flips in all {
            let Some(bit) = flips.bit else {
                ways.extend_from_slice(&flips.ways);
                continue;
            };
            match told.iter_mut().find(|(of, _)| Arc::ptr_eq(of, &flips.ways)) {
                Some((_, told)) => told.push(bit),
                None => told.push((&flips.ways, vec![bit])),
            }
        }
        for (of, told) in told {
            let told = Bits::from_iter(bits, told);
            ways.extend(of.iter().filter_map(|way| {
                let at = way.iter().position(|(set, n)| *n == 1 && !set.and(&told).is_empty())?;
                let mut way = way.clone();
                way[at].0 = way[at].0.and(&told);
                way.sort_unstable();
                Some(way)
            }));
        }
        ways
    }
}

impl Admitted {
    /// A content without a reason.
    pub fn of(content: ContentId, window: (u32, u32)) -> Admitted {
        Admitted { content, window, why: Why::new(), flipped: None }
    }

    /// Whether a bit flipped that the question notices.
    pub fn is_noticed(&self) -> bool {
        self.flipped.as_ref().is_some_and(|flips| flips.noticed)
    }
}

/// One sector of a range.
#[derive(Clone, Debug)]
pub struct Part {
    /// Which.
    pub lba: u64,
    /// Whether it is undecided.
    pub open: bool,
    /// What it may hold, newest first.
    pub options: Vec<Admitted>,
    /// The bytes that the question covers, as half-open ranges.
    covered: Vec<(usize, usize)>,
    /// The readable options by class, newest first.
    pub classes: Vec<Members>,
}

/// The options of a class, newest first.
pub type Members = SmallVec<[usize; 3]>;

/// One class for each part.
pub type Choice = Vec<u32>;

impl Part {
    /// A sector of which `covered` matters.
    pub fn new(
        arena: &Arena,
        (lba, open): (u64, bool),
        options: Vec<Admitted>,
        covered: Vec<(usize, usize)>,
    ) -> Part {
        let mut part = Part { lba, open, options, covered, classes: Vec::new() };
        if part.is_flipped() {
            // No two of them read the same, and what is noticed comes last.
            let told = part.options.iter().filter(|option| !option.is_noticed()).count();
            part.classes = (0..told).map(|at| smallvec![at]).collect();
            return part;
        }
        for at in 0..part.options.len() {
            let content = part.options[at].content;
            if content >= ContentId::FLIPPED {
                continue;
            }
            match part.class_of(arena, content) {
                Some(class) => part.classes[class].push(at),
                None => part.classes.push(smallvec![at]),
            }
        }
        part
    }

    /// The same where other bytes matter.
    pub fn covering(self, arena: &Arena, covered: Vec<(usize, usize)>) -> Part {
        match covered == self.covered {
            true => self,
            false => Part::new(arena, (self.lba, self.open), self.options, covered),
        }
    }

    /// The same with each option at other crash points: once for each of these, or not at all.
    pub fn at(&self, windows: impl Fn(&Admitted) -> Vec<(u32, u32)>) -> Part {
        let mut part = Part {
            lba: self.lba,
            open: self.open,
            options: Vec::with_capacity(self.options.len()),
            covered: self.covered.clone(),
            classes: vec![Members::new(); self.classes.len()],
        };
        for (at, option) in self.options.iter().enumerate() {
            let class = self.class_with(at);
            for window in windows(option) {
                if let Some(class) = class {
                    part.classes[class as usize].push(part.options.len());
                }
                part.options.push(Admitted { window, ..option.clone() });
            }
        }
        part
    }

    /// Whether bits of it flipped, and not all of them are known.
    pub fn is_flipped(&self) -> bool {
        // Where it was asked already whether any did.
        let asked = |option: &&Admitted| option.content != ContentId::FLIPPED;
        self.options.first().filter(asked).is_some_and(|option| option.flipped.is_some())
    }

    /// The class of an option, if it can be read.
    pub fn class_with(&self, option: usize) -> Option<u32> {
        // Where many bits flipped there are as many classes, each with its one option.
        if self.classes.get(option).is_some_and(|class| class[..] == [option]) {
            return Some(option as u32);
        }
        let class = self.classes.iter().position(|class| class.contains(&option));
        class.map(|class| class as u32)
    }

    /// A content that stands for a class.
    pub fn content(&self, class: u32) -> ContentId {
        self.options[self.classes[class as usize][0]].content
    }

    fn class_of(&self, arena: &Arena, content: ContentId) -> Option<usize> {
        if content == ContentId::UNREADABLE {
            return None;
        }
        let bytes = arena.get(content);
        (0..self.classes.len()).find(|&class| {
            let known = self.content(class as u32);
            known == content || {
                let known = arena.get(known);
                self.covered.iter().all(|&(from, to)| known[from..to] == bytes[from..to])
            }
        })
    }
}

fn contents(parts: &[Part], choice: &[u32]) -> Vec<ContentId> {
    parts.iter().zip(choice).map(|(part, &class)| part.content(class)).collect()
}

fn combinations(parts: &[Part]) -> u64 {
    parts.iter().fold(1, |all, part| all.saturating_mul(part.classes.len() as u64))
}

/// Every choice that passes.
fn all_that(parts: &[Part], passes: &dyn Fn(&[ContentId]) -> bool) -> Vec<Choice> {
    let mut found = Vec::new();
    let mut choice = vec![0; parts.len()];
    loop {
        if passes(&contents(parts, &choice)) {
            found.push(choice.clone());
        }
        let mut at = parts.len();
        loop {
            let Some(before) = at.checked_sub(1) else { return found };
            at = before;
            choice[at] += 1;
            if (choice[at] as usize) < parts[at].classes.len() {
                break;
            }
            choice[at] = 0;
        }
    }
}

/// Every choice of contents for which `test` holds; `None` if there are too many to try. One sector
/// alone never has too many.
#[must_use]
pub fn testing(parts: &[Part], test: &dyn Fn(&[ContentId]) -> bool) -> Option<Vec<Choice>> {
    match combinations(parts) {
        0 => Some(Vec::new()),
        many if many > TESTED_MAX && parts.len() > 1 => None,
        _ => Some(all_that(parts, test)),
    }
}

/// The choices of contents whose checksum is `expected`, and whether collisions were left out.
#[must_use]
pub fn summing(
    trace: &Trace,
    parts: &[Part],
    sum: &dyn Fn(&[ContentId]) -> u64,
    changes: Option<Changes>,
    expected: u64,
) -> (Vec<Choice>, bool) {
    let passes = |contents: &[ContentId]| sum(contents) == expected;
    let all = combinations(parts);
    if all == 0 {
        return (Vec::new(), false);
    }
    if all <= TRIED_MAX {
        return (all_that(parts, &passes), false);
    }
    let linear = changes.and_then(|changes| linear(changes, parts, sum, expected));
    if let Some(found) = linear {
        return (found, false);
    }
    let mut found = once_written(trace, parts);
    found.retain(|choice| passes(&contents(parts, choice)));
    (found, true)
}

/// By what each class changes the checksum of the first choice.
fn linear(
    changes: Changes,
    parts: &[Part],
    sum: &dyn Fn(&[ContentId]) -> u64,
    expected: u64,
) -> Option<Vec<Choice>> {
    if combinations(parts) > linear::ALL_MAX {
        return None;
    }
    let mut changed = contents(parts, &vec![0; parts.len()]);
    let base = sum(&changed);
    let mut rows = Vec::with_capacity(parts.len());
    for (at, part) in parts.iter().enumerate() {
        let mut row = vec![0];
        for class in 1..part.classes.len() {
            changed[at] = part.content(class as u32);
            row.push(changes.between(base, sum(&changed)));
        }
        changed[at] = part.content(0);
        rows.push(row);
    }
    linear::choices(changes, &rows, changes.between(base, expected))
}

/// What the range held, as far as that is still possible, at the beginning and after each command
/// and decision that changed it.
fn once_written(trace: &Trace, parts: &[Part]) -> Vec<Choice> {
    let mut moments = vec![None];
    // For each sector its versions, newest first, that are of a class; the original is last.
    let mut chains: Vec<Vec<(Option<u32>, u32)>> = Vec::with_capacity(parts.len());
    for part in parts {
        let mut chain = Vec::new();
        let mut at = trace.newest(part.lba);
        while at != NONE {
            let version = trace.versions[at as usize];
            // A command's versions come one after the other.
            let last = trace.commands.get(version.command as usize).map_or(at, |c| c.last);
            moments.push(Some(last));
            if let Some(class) = part.class_of(&trace.arena, version.content) {
                chain.push((Some(at), class as u32));
            }
            at = trace.older(part.lba, at, version.prev);
        }
        if let Some(class) = part.class_of(&trace.arena, trace.original(part.lba)) {
            chain.push((None, class as u32));
        }
        chains.push(chain);
    }
    moments.sort_unstable();
    moments.dedup();
    let at = |chain: &Vec<(Option<u32>, u32)>, part: &Part, moment: Option<u32>| {
        if part.classes.len() == 1 {
            return Some(0);
        }
        chain.iter().find(|&&(version, _)| version <= moment).map(|&(_, class)| class)
    };
    let mut found: Vec<Choice> = moments
        .into_iter()
        .filter_map(|moment| {
            chains.iter().zip(parts).map(|(chain, part)| at(chain, part, moment)).collect()
        })
        .collect();
    found.sort_unstable();
    found.dedup();
    found
}

#[cfg(test)]
mod tests {
    use journal_core::Checksum;

    use super::*;
    use crate::disk::trace::{CallKind, Command, Fill};

    const SECTOR: usize = 64;
    const SECTORS: u32 = 12;

    /// Three commands over all sectors, one behind the other.
    fn trace() -> Trace {
        let mut trace = Trace::new(SECTOR, Fill::Zeros, 0);
        for seed in 1..=3u8 {
            let bytes: Vec<u8> =
                (0..SECTORS as usize * SECTOR).map(|i| seed.wrapping_mul(i as u8) ^ seed).collect();
            let call = trace.begin_call(CallKind::Write);
            let (content, number) = (trace.arena.push(&bytes), trace.commands.len() as u32);
            trace.commands.push(Command {
                lba: 0,
                sectors: SECTORS,
                content,
                call,
                rank: call,
                floor: 0,
                fua: false,
                dropped: false,
                same: false,
                keeps: false,
                stable_from: NONE,
                last: trace.versions.len() as u32 + SECTORS - 1,
            });
            for i in 0..SECTORS {
                trace.put(u64::from(i), ContentId(content.0 + i), number, call);
            }
        }
        trace
    }

    fn parts(trace: &Trace, covered: (usize, usize)) -> Vec<Part> {
        let option = |content| Admitted::of(content, (0, 0));
        let part = |lba: u32| {
            let contents = trace.commands.iter().rev().map(|c| ContentId(c.content.0 + lba));
            let options = contents.map(option).collect();
            Part::new(&trace.arena, (u64::from(lba), true), options, vec![covered])
        };
        (0..SECTORS).map(part).collect()
    }

    #[test]
    fn of_half_a_million_mixtures_only_what_was_written_has_the_crc_of_what_was_written() {
        let trace = trace();
        let parts = parts(&trace, (0, SECTOR));
        let sum = |contents: &[ContentId]| {
            let bytes: Vec<u8> =
                contents.iter().flat_map(|&c| trace.arena.get(c)).copied().collect();
            Checksum::Crc32c.of(&[&bytes])
        };
        for class in 0..3 {
            let written = vec![class; SECTORS as usize];
            let expected = sum(&contents(&parts, &written));
            let all = summing(&trace, &parts, &sum, Some(Changes::Bits), expected);
            assert_eq!(all, (vec![written.clone()], false), "all mixtures are looked through");
            let once = summing(&trace, &parts, &sum, None, expected);
            assert_eq!(once, (vec![written], true), "what was once written is tried");
        }
    }

    #[test]
    fn contents_that_agree_in_what_is_covered_are_one_class() {
        let mut trace = trace();
        let content = trace.arena.derive(trace.commands[0].content, |bytes| bytes[40] ^= 1);
        let again = Admitted::of(content, (0, 0));
        let mut options = parts(&trace, (0, SECTOR))[0].options.clone();
        options.push(again);
        let classes = |covered| {
            Part::new(&trace.arena, (0, true), options.clone(), vec![covered]).classes.len()
        };
        assert_eq!((classes((0, 40)), classes((0, 41))), (3, 4));
    }
}
