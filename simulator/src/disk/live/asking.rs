//! Asking for what a checksum or a test tells, and for no more.
//!
//! Method. The contents of an open range fall into choices that pass and all others (`classes.rs`).
//! The sectors are gone through in order, with the passing choices that agree with the answers so
//! far: one question for each open sector, whether it holds a class that one of those has, which
//! one, or anything else. After the first "anything else" the answer is no. So a range of n open
//! sectors has about n + 1 answers, where reading it has all its contents.
//!
//! What is learned is a restriction (`denied.rs`), unless one content is left: that decides the
//! sector, as reading does. Where the cut was left open, an answer also narrows it; one that is
//! possible at crash points with a gap between them is an answer for each stretch.
//!
//! An unreadable sector ends a checksum with an error, as it ends a reading one, whatever the others
//! hold. So before all that it is asked whether all can be read, if there is any doubt: one more answer
//! where that is asked of the whole, which the error does not tell apart, or n sector by sector. (Asked
//! after the first "anything else", as a reader would meet it, it would be n answers for each of n.) A
//! test takes an unreadable sector as one that does not pass.
//!
//! Invariant: the answers of a question share out what the sector may hold at each crash point, and
//! each of them is possible; on each of them checksum or test come out one way.
//!
//! What it is not: for ordinary leaves, which read. See [`Disk::ask_classes`].
//!
//! [`Disk::ask_classes`]: super::super::Disk::ask_classes

use std::num::NonZeroU32;

use journal_core::{Checksum, DeviceError, Piece};
use rustc_hash::FxHashMap;
use smallvec::SmallVec;

use super::super::arena::ContentId;
use super::super::classes::{self, Admitted, Choice, Flips, Part};
use super::super::demands::Demands;
use super::super::denied::Denial;
use super::super::linear::Changes;
use super::super::passed::{Segment, summed};
use super::super::trace::NONE;
use super::super::undecided;
use super::Live;
use super::flipped::{Notice, is_sure, may_miss};
use crate::choose::{Label, What};

/// One answer of a question.
pub(super) struct Answer {
    /// The options it leaves.
    pub group: Vec<usize>,
    /// The crash points it leaves.
    pub window: (u32, u32),
    pub means: Means,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Means {
    /// A class that a choice has there which passes so far.
    Class(u32),
    /// Any such class, where nothing open comes behind it.
    Passes,
    /// Anything else.
    Other,
    Unreadable,
}

/// The sectors of the pieces, in the order of reading, and what is summed of them. The first sector
/// of the span is read before all others.
fn segments<'p>(pieces: &[Piece<'p>], first: u64, sector: u64) -> (Vec<Segment<'p>>, Vec<u64>) {
    let (mut segments, mut lbas) = (Vec::new(), vec![first]);
    for piece in pieces {
        let (mut at, end) = match *piece {
            Piece::Given(bytes) => {
                segments.push(Segment::Given(bytes));
                continue;
            }
            Piece::Device { at_bytes, bytes } => (at_bytes, at_bytes + bytes),
        };
        while at < end {
            let lba = at / sector;
            let to = end.min((lba + 1) * sector);
            let part = lbas.iter().rposition(|&known| known == lba).unwrap_or_else(|| {
                lbas.push(lba);
                lbas.len() - 1
            });
            let base = lba * sector;
            segments.push(Segment::Of {
                part,
                from: (at - base) as usize,
                to: (to - base) as usize,
            });
            at = to;
        }
    }
    (segments, lbas)
}

impl Live<'_> {
    /// Answers `verify` of a span that begins at `first`; `None` where reading answers it as well.
    pub(super) fn verify_classes(
        &mut self,
        (first, last): (u64, u64),
        pieces: &[Piece<'_>],
        sum: Checksum,
        expected: u64,
    ) -> Option<Result<bool, DeviceError>> {
        let is_open = |lba| self.certain(lba).is_none();
        if !(first..last).any(is_open) {
            return None;
        }
        let sector = u64::from(self.disk.geometry.logical_bytes);
        let (segments, lbas) = segments(pieces, first, sector);
        let asks_if_readable = cannot_be(sum, expected);
        let readable = match asks_if_readable {
            true => self.can_all_be_read(lbas.iter().copied()),
            false => self.none_is_lost(lbas.iter().copied()),
        };
        match readable {
            Ok(true) if asks_if_readable && self.rests() => return Some(Ok(false)),
            Ok(true) => {}
            Ok(false) => return Some(Err(self.no_bytes(first))),
            Err(error) => return Some(Err(error)),
        }
        let bytes = |piece: &Piece<'_>| match *piece {
            Piece::Given(bytes) => bytes.len() as u64,
            Piece::Device { bytes, .. } => bytes,
        };
        let may_miss = may_miss(sum, pieces.iter().map(bytes).sum());
        let parts: Vec<Part> = lbas
            .iter()
            .enumerate()
            .map(|(number, &lba)| {
                let covered = segments.iter().filter_map(|segment| match *segment {
                    Segment::Of { part, from, to } if part == number => Some((from, to)),
                    _ => None,
                });
                match may_miss && self.flipped(lba).is_some() {
                    true => self.part_of_flipped(lba, &covered.collect::<Vec<_>>(), &Notice::Tells),
                    false => self.part(lba, covered.collect()),
                }
            })
            .collect();
        let passing = self.passing((sum, expected), &segments, &parts)?;
        Some(self.ask(&parts, passing, true))
    }

    /// The choices of contents that have a checksum, or are so far from the one that is stored in them; `None` if
    /// they are too many to find all that pass one that is weak: mixtures pass it that nobody ever wrote.
    pub(super) fn passing(
        &mut self,
        (sum, expected): (Checksum, u64),
        segments: &[Segment<'_>],
        parts: &[Part],
    ) -> Option<Vec<Choice>> {
        if cannot_be(sum, expected) {
            return Some(Vec::new());
        }
        let disk = &mut *self.disk;
        if let Some(known) = disk.verified.passed.of((sum, expected), segments, parts) {
            disk.collisions.excluded |= !is_sure(sum, parts, !known.is_empty());
            return Some(known);
        }
        let of = |contents: &[ContentId]| summed(&disk.trace.arena, sum, segments, contents);
        let (passing, by_history) =
            classes::summing(&disk.trace, parts, &of, Changes::of(sum), expected);
        let bytes = segments.iter().map(|segment| match *segment {
            Segment::Given(bytes) => bytes.len(),
            Segment::Of { from, to, .. } => to - from,
            Segment::Stored { .. } => 0,
        });
        let flipped = parts.iter().any(Part::is_flipped);
        if by_history && (sum.is_weak() || flipped && may_miss(sum, bytes.sum::<usize>() as u64)) {
            return None;
        }
        if !by_history {
            disk.verified.passed.remember(parts, &passing);
        }
        let excluded = by_history || !is_sure(sum, parts, !passing.is_empty());
        disk.collisions.excluded |= excluded;
        disk.collisions.by_history |= by_history;
        Some(passing)
    }

    /// Whether the `each` sectors from `lba` on pass a test; `None` where reading tells as well.
    pub(super) fn test_classes(
        &mut self,
        lba: u64,
        each: u64,
        test: &dyn Fn(&[u8]) -> bool,
    ) -> Option<Result<bool, DeviceError>> {
        let is_open = |lba| self.certain(lba).is_none();
        if !(lba..lba + each).any(is_open) {
            return None;
        }
        let alone = each == 1;
        if self.rests() {
            match self.none_is_lost(lba..lba + each) {
                Ok(true) => {}
                cannot => return Some(cannot),
            }
            let is_open = |lba| self.certain(lba).is_none();
            if !(lba..lba + each).any(is_open) {
                return None;
            }
            let flipped = (lba..lba + each).any(|lba| self.flipped(lba).is_some());
            if flipped {
                let sector = self.disk.geometry.logical_bytes as usize;
                return alone.then(|| self.test_flipped(lba, (0, sector), test));
            }
        }
        let answer = match self.disk.rules.independent {
            _ if !alone => None,
            true => self.test_sector(lba, test),
            false => self.test_coupled(lba, test),
        };
        if answer.is_some() {
            return answer;
        }
        let sector = self.disk.geometry.logical_bytes as usize;
        let parts: Vec<Part> =
            (lba..lba + each).map(|lba| self.part(lba, vec![(0, sector)])).collect();
        let arena = &self.disk.trace.arena;
        let passes = |contents: &[ContentId]| match *contents {
            [content] => test(arena.get(content)),
            _ => test(&contents.iter().flat_map(|&c| arena.get(c)).copied().collect::<Vec<u8>>()),
        };
        let passing = classes::testing(&parts, &passes)?;
        Some(self.ask(&parts, passing, false))
    }

    /// What a sector may hold.
    pub(super) fn part(&mut self, lba: u64, covered: Vec<(usize, usize)>) -> Part {
        if self.flipped(lba).is_some() {
            return self.part_of_flipped(lba, &covered, &Notice::Fails);
        }
        let window = self.disk.window();
        let admitted = |content| Admitted::of(content, window);
        let mut certain = self.certain(lba);
        let is_coupled = certain.is_none() && !self.disk.rules.independent;
        let listed = is_coupled.then(|| self.listing(lba));
        if let Some(listed) = &listed {
            certain = self.settle(lba, listed);
        }
        let disk = &mut *self.disk;
        let options = if let Some(content) = certain {
            vec![admitted(content)]
        } else if let Some(listed) = listed {
            let (options, _) = disk.possible(lba, &listed, true);
            let option = |c: undecided::Content| Admitted { why: c.why, ..admitted(c.content) };
            options.into_iter().map(option).collect()
        } else {
            disk.list_independent(lba);
            let option = |candidate: &undecided::Candidate| Admitted {
                window: candidate.window,
                ..admitted(candidate.content)
            };
            disk.options.iter().map(option).collect()
        };
        Part::new(&disk.trace.arena, (lba, certain.is_none()), options, covered)
    }

    /// Goes through the parts with the choices that pass. Where `tells`, the first unreadable
    /// sector is an error; otherwise it does not pass.
    pub(super) fn ask(
        &mut self,
        parts: &[Part],
        alive: Vec<Choice>,
        tells: bool,
    ) -> Result<bool, DeviceError> {
        if tells {
            self.can_be_read(parts)?;
        }
        if self.disk.clauses.allowed
            && let [choice] = &alive[..]
        {
            let passes =
                |at: usize, option| parts[at].classes[choice[at] as usize].contains(&option);
            let parts: Vec<&Part> = parts.iter().collect();
            if let Some(answer) = self.ask_whole(&parts, &passes)? {
                return Ok(answer);
            }
        }
        let last_open = parts.iter().rposition(|part| part.open);
        Ok(!self.narrow_to(parts, alive, last_open)?.is_empty())
    }

    /// Goes through the open parts: which of these choices are left. Those of the part `merged` are not told
    /// apart, behind which nothing is open.
    pub(super) fn narrow_to(
        &mut self,
        parts: &[Part],
        mut alive: Vec<Choice>,
        merged: Option<usize>,
    ) -> Result<Vec<Choice>, DeviceError> {
        for (at, part) in parts.iter().enumerate() {
            if alive.is_empty() {
                return Ok(alive);
            }
            if !part.open {
                continue;
            }
            let by_clauses = self.disk.part_by_clauses(part);
            let part = by_clauses.as_ref().unwrap_or(part);
            let mut classes: Vec<u32> = alive.iter().map(|choice| choice[at]).collect();
            classes.sort_unstable();
            classes.dedup();
            let means = |option: usize| match part
                .class_with(option)
                .filter(|class| classes.contains(class))
            {
                Some(_) if merged == Some(at) => Means::Passes,
                Some(class) => Means::Class(class),
                None => Means::Other,
            };
            match self.question(part, &means)? {
                Means::Class(class) => alive.retain(|choice| choice[at] == class),
                // Nothing behind it is open, and each choice has its class here.
                Means::Passes => {}
                Means::Other | Means::Unreadable => alive.clear(),
            }
        }
        Ok(alive)
    }

    /// A sector that cannot be read ends a checksum, whatever the others hold: so that is asked before
    /// anything else is. The error is of the whole span.
    pub(super) fn can_be_read(&mut self, parts: &[Part]) -> Result<(), DeviceError> {
        let unreadable = |option: &Admitted| option.content == ContentId::UNREADABLE;
        let doubtful = |part: &&Part| part.options.iter().any(unreadable);
        let doubtful: Vec<&Part> = parts.iter().filter(doubtful).collect();
        // The parts begin with the first sector of the span.
        let error = self.no_bytes(parts[0].lba);
        if doubtful.iter().any(|part| !part.open) {
            return Err(error);
        }
        if self.disk.clauses.allowed {
            let readable = |at: usize, option: usize| !unreadable(&doubtful[at].options[option]);
            match self.ask_whole(&doubtful, &readable)? {
                Some(true) => return Ok(()),
                Some(false) => return Err(error),
                None => {}
            }
        }
        for part in doubtful {
            let means = |option: usize| match unreadable(&part.options[option]) {
                true => Means::Unreadable,
                false => Means::Other,
            };
            if self.question(part, &means)? == Means::Unreadable {
                return Err(error);
            }
        }
        Ok(())
    }

    /// Asks which of the options that mean different things a sector holds, and takes it in. What
    /// means the same all over is not asked.
    pub(super) fn question(
        &mut self,
        part: &Part,
        means: &dyn Fn(usize) -> Means,
    ) -> Result<Means, DeviceError> {
        let answers = self.answers(part, means);
        let count = NonZeroU32::new(answers.len() as u32).expect("some image explains it all");
        if count.get() == 1 {
            return Ok(answers[0].means);
        }
        if self.went_before() {
            return Err(DeviceError::PowerCut);
        }
        let what = What::Class { cut: self.disk.cuts(), lba: part.lba };
        self.disk.traffic.decided += 1;
        let answer = &answers[self.chooser.choose(what, count, &Label::Index) as usize];
        self.keep(part, answer);
        Ok(answer.means)
    }

    /// The answers to what a sector holds, newest first.
    fn answers(&self, part: &Part, means: &dyn Fn(usize) -> Means) -> Vec<Answer> {
        let now = self.disk.window();
        let mut groups: Vec<(Means, Vec<usize>)> = Vec::new();
        let mut groups_of: FxHashMap<u32, usize> = FxHashMap::default();
        for option in self.feasible(part, &self.disk.demands()) {
            let means = means(option);
            let of_class = match means {
                Means::Class(class) => groups_of.get(&class).copied(),
                _ => groups.iter().position(|(known, _)| *known == means),
            };
            match of_class {
                Some(group) => groups[group].1.push(option),
                None => {
                    if let Means::Class(class) = means {
                        groups_of.insert(class, groups.len());
                    }
                    groups.push((means, vec![option]));
                }
            }
        }
        let mut answers = Vec::new();
        for (means, group) in groups {
            for window in stretches(part, &group, now) {
                answers.push(Answer { group: group.clone(), window, means });
            }
        }
        answers
    }

    /// The options that are still possible after the answers since they were listed.
    pub(super) fn feasible(&self, part: &Part, demands: &Demands<'_>) -> SmallVec<[usize; 8]> {
        let (disk, lba) = (&self.disk, part.lba);
        let (denied, arena) = (disk.denied.of(lba, disk.cuts()), &disk.trace.arena);
        let now = disk.window();
        let is_feasible = |&i: &usize| {
            let option = &part.options[i];
            if arena.is_among(&denied, option.content) {
                return false;
            }
            if disk.rules.independent {
                return option.window.0.max(now.0) <= option.window.1.min(now.1);
            }
            option.why.iter().any(|why| demands.admits(lba, option.content, why))
        };
        (0..part.options.len()).filter(is_feasible).collect()
    }

    /// Takes in what an answer tells of a sector.
    pub(super) fn keep(&mut self, part: &Part, answer: &Answer) {
        if part.is_flipped() {
            let bits = self.disk.trace.arena.bits();
            let flips = answer.group.iter().filter_map(|i| part.options[*i].flipped.as_ref());
            let ways = Flips::known(flips, bits);
            return self.flipped_in(part.lba, ways);
        }
        if answer.window != self.disk.window() {
            self.disk.trace.narrow(answer.window.0, answer.window.1);
        }
        let kept = |i: &usize| &part.options[*i];
        if !self.disk.rules.independent {
            let reasons = answer
                .group
                .iter()
                .flat_map(|i| kept(i).why.iter().map(|why| (kept(i).content, why)));
            let demands = self.disk.demands();
            let admitted = reasons.filter(|(content, why)| demands.admits(part.lba, *content, why));
            let why = admitted.map(|(_, why)| why.clone()).collect();
            self.explain(part.lba, why);
        }
        let cut = self.disk.cuts();
        let disk = &mut *self.disk;
        for option in &part.options {
            let arena = &disk.trace.arena;
            let stays = answer.group.iter().any(|i| arena.same(kept(i).content, option.content));
            if !stays {
                disk.denied.push(Denial { lba: part.lba, cut, content: option.content });
            }
        }
        let content = kept(&answer.group[0]).content;
        if content == ContentId::FLIPPED {
            return;
        }
        if answer.group.iter().all(|i| disk.trace.arena.same(kept(i).content, content)) {
            let now = disk.trace.life_start;
            disk.trace.put(part.lba, content, NONE, now);
        }
    }
}

/// Who asks for more bits than there are asks whether it can be read, and no collision answers yes.
fn cannot_be(sum: Checksum, expected: u64) -> bool {
    sum.bytes() < 8 && expected >> (8 * sum.bytes()) != 0
}

/// The crash points, of those in `now`, at which one of a group of options is possible: stretch by
/// stretch, newest first.
fn stretches(part: &Part, group: &[usize], now: (u32, u32)) -> Vec<(u32, u32)> {
    let clip = |i: &usize| {
        let window = part.options[*i].window;
        (window.0.max(now.0), window.1.min(now.1))
    };
    let mut windows: Vec<(u32, u32)> = group.iter().map(clip).collect();
    merge_stretches(&mut windows, 0);
    windows
}

/// Makes stretches, newest first, of the windows from `first` on.
pub(in crate::disk) fn merge_stretches(windows: &mut Vec<(u32, u32)>, first: usize) {
    windows[first..].sort_unstable();
    let mut kept = first;
    for at in first + 1..windows.len() {
        let window = windows[at];
        if window.0 <= windows[kept].1.saturating_add(1) {
            windows[kept].1 = windows[kept].1.max(window.1);
        } else {
            kept += 1;
            windows[kept] = window;
        }
    }
    windows.truncate(kept + 1);
    windows[first..].reverse();
}
