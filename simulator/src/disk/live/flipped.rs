//! Sectors in which bits are known to have flipped: asking which, as far as it matters.
//!
//! Method. A question covers some bytes of a sector. If no bit of them flipped the sector is in these bytes what
//! it was before: of the same class. If one did, most questions have one answer, whichever it was: a
//! checksum of 32 bits or more does not hold. That is exact where a CRC would hold but for the one flip, and
//! told to be modulo collisions elsewhere. A test is tried with every bit, and who asks for bytes that a bit
//! flipped in is told which. Where that would take too many tries, as when two bits flipped, it is asked which
//! bit it was, and tried again.
//!
//! Invariant: the images behind an answer are told by ways (`flips.rs`), and answers share none.
//!
//! What it is not: a question whether any bit flipped (`resting.rs`).

use std::num::NonZeroU32;
use std::sync::Arc;

use journal_core::{Checksum, Claim, DeviceError};
use smallvec::smallvec;

use super::super::arena::ContentId;
use super::super::classes::{Admitted, Flips, Part};
use super::super::flips::{self, Bits, Way, flip, with_flipped};
use super::super::linear::Changes;
use super::super::parted;
use super::super::trace::NONE;
use super::super::worlds::World;
use super::Live;
use super::asking::Means;
use crate::choose::{Label, What};

/// Most images of which each is tried.
const TRIED_MAX: u128 = 1 << 16;

/// What a question makes of a sector with a flipped bit among the covered ones.
pub(super) enum Notice<'t> {
    /// It does not pass.
    Fails,
    /// Whether this passes, and nothing else.
    Parts(&'t dyn Fn(&[u8]) -> bool),
    /// It is told by its bytes.
    Tells,
    /// If this passes it is told by its bytes, and does not pass otherwise.
    TellsIf(&'t dyn Fn(&[u8]) -> bool),
    /// The same for a head, which claims something of other bytes too: no other bit may be open then.
    Claims(&'t dyn Fn(&[u8]) -> bool),
}

/// A way that it takes more to tell of.
pub(super) struct Unclear {
    of: Way,
    /// It again, in parts.
    parts: Vec<Way>,
    /// The part of which it must be asked which bits they are.
    ask: Way,
}

impl Live<'_> {
    /// The content of a sector in which bits flipped, not all of which are known.
    #[inline]
    pub(super) fn flipped(&self, lba: u64) -> Option<ContentId> {
        let trace = &self.disk.trace;
        let newest = trace.newest(lba);
        if newest == NONE || newest < trace.life_version {
            return None;
        }
        let content = trace.versions[newest as usize].content;
        trace.arena.ways(content).map(|_| content)
    }

    /// What is known now of a sector in which bits flipped.
    pub(super) fn flipped_in(&mut self, lba: u64, ways: Vec<Way>) {
        let content = self.flipped(lba).expect("bits of it flipped");
        let trace = &mut self.disk.trace;
        let (content, now) = (trace.arena.flip(content, ways), trace.life_start);
        trace.put(lba, content, NONE, now);
    }

    /// Asks which bits flipped, to the last.
    pub(super) fn which(&mut self, lba: u64) -> ContentId {
        while let Some(content) = self.flipped(lba) {
            let ways = self.disk.trace.arena.ways(content).expect("bits of it flipped").to_vec();
            let first = ways[0].clone();
            self.which_first(lba, ways, &first);
        }
        self.certain(lba).unwrap_or(ContentId::UNREADABLE)
    }

    /// Asks for one of the bits that flipped, of which a question cannot be told otherwise.
    pub(super) fn clear_up(&mut self, lba: u64, mut ways: Vec<Way>, unclear: Unclear) {
        ways.retain(|way| *way != unclear.of);
        ways.extend(unclear.parts);
        self.which_first(lba, ways, &unclear.ask);
    }

    /// Asks for one of the bits that flipped in one of these ways, which are all, if it was this one.
    pub(super) fn which_first(&mut self, lba: u64, ways: Vec<Way>, of: &Way) {
        let bits = self.disk.trace.arena.bits();
        let mut others = ways;
        others.retain(|way| way != of);
        // Where there is least to ask.
        let open = (0..of.len()).filter(|&at| of[at].0.len() > of[at].1);
        let open = open.min_by_key(|&at| of[at].0.len());
        // Its first bit; the others lie behind it.
        let firsts: Vec<u32> = open.map_or(Vec::new(), |open| {
            let (set, n) = &of[open];
            set.iter().take((set.len() - (n - 1)) as usize).collect()
        });
        let of_this = firsts.len().max(1);
        let answers = of_this + usize::from(!others.is_empty());
        let mut answer = 0;
        if let Some(count) = NonZeroU32::new(answers as u32).filter(|count| count.get() > 1) {
            let what = What::Class { cut: self.disk.cuts(), lba };
            self.disk.traffic.decided += 1;
            answer = self.chooser.choose(what, count, &Label::Index) as usize;
        }
        let left = match (open, firsts.get(answer)) {
            _ if answer == of_this => others,
            (Some(open), Some(&bit)) => {
                let mut known = of.clone();
                let (set, n) = known[open].clone();
                known[open] = (Bits::one(bits, bit), 1);
                if n > 1 {
                    let behind = Bits::from_iter(bits, set.iter().filter(|&other| other > bit));
                    known.push((behind, n - 1));
                }
                known.sort_unstable();
                vec![known]
            }
            _ => vec![of.clone()],
        };
        self.flipped_in(lba, left);
    }

    /// A sector in which bits flipped, for a question that covers some of its bytes.
    pub(super) fn part_of_flipped(
        &mut self,
        lba: u64,
        covered: &[(usize, usize)],
        notice: &Notice<'_>,
    ) -> Part {
        let bits = self.disk.trace.arena.bits();
        let all = Bits::of_bytes(bits, covered);
        loop {
            let Some(content) = self.flipped(lba) else { return self.part(lba, covered.to_vec()) };
            let ways = self.disk.trace.arena.ways(content).expect("bits of it flipped");
            let (outside, inside) = flips::split(ways, &all);
            let known = (&outside[..], Vec::new(), &inside[..]);
            match self.options(content, known, &all, notice) {
                Ok(options) => {
                    let arena = &self.disk.trace.arena;
                    return Part::new(arena, (lba, true), options, covered.to_vec());
                }
                Err(unclear) => self.clear_up(lba, [outside, inside].concat(), unclear),
            }
        }
    }

    /// What it may hold: where nothing flipped that is noticed, where something did that fails, and of
    /// what is left, where that tells; or a way of which it must be asked first which bits they are.
    pub(super) fn options(
        &mut self,
        content: ContentId,
        (unnoticed, mut failing, open): (&[Way], Vec<Way>, &[Way]),
        covered: &Bits,
        notice: &Notice<'_>,
    ) -> Result<Vec<Admitted>, Unclear> {
        let window = self.disk.window();
        let option = |content, flips| Admitted {
            content,
            window,
            why: smallvec![World::new()],
            flipped: Some(flips),
        };
        let mut options = Vec::new();
        if !unnoticed.is_empty() {
            let flips = Flips { ways: unnoticed.into(), bit: None, noticed: false };
            options.push(option(content, flips));
        }
        let (mut told, mut telling): (Vec<u32>, Vec<Way>) = (Vec::new(), Vec::new());
        let mut passing: Vec<Way> = Vec::new();
        for way in open {
            match notice {
                Notice::Fails => {
                    failing.push(way.clone());
                    continue;
                }
                Notice::Parts(_) => {
                    let (pass, fail) = self.parted(content, way, covered, notice)?;
                    passing.extend(pass);
                    failing.extend(fail);
                    continue;
                }
                _ => {}
            }
            // In which set of bits the one that is covered lies; the others are of no concern.
            let mut covers =
                way.iter().enumerate().filter(|(_, (set, _))| !set.and(covered).is_empty());
            let one = covers.next().filter(|(_, (_, n))| *n == 1 && covers.next().is_none());
            let Some((at, (set, _))) = one else {
                let (tell, fail) = self.parted(content, way, covered, notice)?;
                if let Some(ask) = tell.first().cloned() {
                    return Err(Unclear { of: way.clone(), parts: [tell, fail].concat(), ask });
                }
                failing.push(way.clone());
                continue;
            };
            let (mut fails, mut tells) = (Vec::new(), Vec::new());
            let mut bytes = self.disk.trace.arena.get(content).to_vec();
            for bit in set.iter() {
                let passes = with_flipped(&mut bytes, &[bit], |bytes| match notice {
                    Notice::TellsIf(passes) | Notice::Claims(passes) => passes(bytes),
                    _ => true,
                });
                if passes { &mut tells } else { &mut fails }.push(bit);
            }
            let bits = self.disk.trace.arena.bits();
            let with = |these: &[u32]| {
                let mut way = way.clone();
                way[at].0 = Bits::from_iter(bits, these.iter().copied());
                way.sort_unstable();
                way
            };
            if matches!(notice, Notice::Claims(_)) && way.len() > 1 && !tells.is_empty() {
                let ask = with(&tells);
                let fail = (!fails.is_empty()).then(|| with(&fails));
                let parts = fail.into_iter().chain([ask.clone()]).collect();
                return Err(Unclear { of: way.clone(), parts, ask });
            }
            if !fails.is_empty() {
                failing.push(with(&fails));
            }
            if !tells.is_empty() {
                telling.push(way.clone());
                told.extend(tells);
            }
        }
        told.sort_unstable();
        told.dedup();
        // Not those of which nothing tells: there the same bit is none of what passes.
        let ways: Arc<[Way]> = telling.into();
        for bit in told {
            let reads_as = self.disk.trace.arena.derive(content, |bytes| flip(bytes, bit));
            let flips = Flips { ways: Arc::clone(&ways), bit: Some(bit), noticed: false };
            options.push(option(reads_as, flips));
        }
        if let Some(one) = passing.first() {
            // That it passes is all that is told, by whichever of them.
            let flipped = flips::first(&covered_of(one, covered));
            let reads_as = self.disk.trace.arena.derive(content, |bytes| {
                flipped.iter().for_each(|&bit| flip(bytes, bit));
            });
            let flips = Flips { ways: passing.into(), bit: None, noticed: false };
            options.push(option(reads_as, flips));
        }
        if !failing.is_empty() {
            options.push(option(content, Flips { ways: failing.into(), bit: None, noticed: true }));
        }
        Ok(options)
    }

    /// A way, by whether what has bits flipped so passes; or that it must be asked first which they are, where
    /// that is too much to try, or all of it is told.
    fn parted(
        &self,
        content: ContentId,
        way: &Way,
        covered: &Bits,
        notice: &Notice<'_>,
    ) -> Result<(Vec<Way>, Vec<Way>), Unclear> {
        let test = match notice {
            Notice::Parts(test) | Notice::TellsIf(test) | Notice::Claims(test) => Some(test),
            Notice::Fails | Notice::Tells => None,
        };
        let few = flips::images(&covered_of(way, covered)) <= TRIED_MAX;
        let Some(test) = test.filter(|_| few) else {
            let (of, ask) = (way.clone(), way.clone());
            return Err(Unclear { of, parts: vec![way.clone()], ask });
        };
        let mut bytes = self.disk.trace.arena.get(content).to_vec();
        Ok(parted::by(way, covered, &mut |bits| with_flipped(&mut bytes, bits, test)))
    }

    /// Whether such a sector passes a test of these of its bytes.
    pub(super) fn test_flipped(
        &mut self,
        lba: u64,
        covered: (usize, usize),
        test: &dyn Fn(&[u8]) -> bool,
    ) -> Result<bool, DeviceError> {
        let test = |bytes: &[u8]| test(&bytes[covered.0..covered.1]);
        let part = self.part_of_flipped(lba, &[covered], &Notice::Parts(&test));
        if !part.is_flipped() {
            let content = self.certain(lba).expect("it was asked which bits flipped");
            return Ok(self.content_passes(content, &test));
        }
        let passes = |content| test(self.disk.trace.arena.get(content));
        // Where nothing flipped that is covered all is as it was.
        let passing: Vec<bool> =
            (0..part.classes.len() as u32).map(|class| passes(part.content(class))).collect();
        let means = |option: usize| match part.class_with(option) {
            Some(class) if passing[class as usize] => Means::Passes,
            _ => Means::Other,
        };
        Ok(self.question(&part, &means)? == Means::Passes)
    }
}

/// Whether a checksum of so many bytes may hold though a bit of them flipped, and not by a rare chance: short
/// ones, and SQLite's leave out what is behind the last pair of words.
pub(super) fn may_miss(sum: Checksum, bytes: u64) -> bool {
    sum.is_weak() || Changes::of(sum) == Some(Changes::Words) && !bytes.is_multiple_of(8)
}

/// [`may_miss`], of what a claim is about.
pub(super) fn misses(claim: &Claim) -> bool {
    let summed = claim.bytes();
    may_miss(claim.sum, claim.before().len() as u64 + (summed.end - summed.start))
}

/// Whether it is sure that a checksum does not hold over parts in which it is taken that it does not for a
/// flipped bit.
pub(super) fn is_sure(sum: Checksum, parts: &[Part], passes: bool) -> bool {
    let noticed = |part: &Part| part.options.iter().any(Admitted::is_noticed);
    let mut noticing = parts.iter().filter(|part| noticed(part)).peekable();
    if noticing.peek().is_none() {
        return true;
    }
    // A CRC that holds is wrong with any one bit flipped, and so is a sum of words.
    let one = |option: &Admitted| {
        let noticed = option.flipped.iter().filter(|flips| flips.noticed);
        let mut ways = noticed.flat_map(|flips| flips.ways.iter());
        ways.all(|way| way.iter().map(|(_, n)| n).sum::<u32>() == 1)
    };
    let single = noticing.next().is_some_and(|part| part.options.iter().all(one));
    let is_linear = Changes::of(sum).is_some();
    let known = parts.iter().all(|part| part.classes.len() <= 1);
    is_linear && single && noticing.next().is_none() && known && passes
}

/// Of the covered bits that flipped in a way.
pub(super) fn covered_of(way: &Way, covered: &Bits) -> Way {
    way.iter().filter(|(set, _)| !set.and(covered).is_empty()).cloned().collect()
}

/// Whether something holds of some bytes, whichever of the covered bits flipped in this way. False where that
/// is too much to try.
pub(super) fn all_images(
    way: &Way,
    covered: &Bits,
    bytes: &mut [u8],
    holds: &dyn Fn(&[u8]) -> bool,
) -> bool {
    let within = covered_of(way, covered);
    flips::images(&within) <= TRIED_MAX
        && flips::all(&within, &mut |bits| with_flipped(bytes, bits, holds))
}

#[cfg(test)]
mod tests {
    use journal_core::{BlockDevice, Lba};
    use num_bigint::BigUint;

    use super::*;
    use crate::choose::{Exhaustive, Undisturbed};
    use crate::disk::contract::Contract;
    use crate::disk::{Disk, Fill};

    /// Whether bytes of sector 1 pass a test, in each way that it may be answered; the images add up.
    fn ask(
        disk: &mut Disk,
        len: usize,
        test: &dyn Fn(&[u8]) -> bool,
        then: &mut dyn FnMut(&mut Disk),
    ) {
        let (start, mut chooser, mut found) = (disk.mark(), Exhaustive::new(), BigUint::default());
        let mut universe = disk.universe();
        let now = disk.window().0;
        let all = universe.images(disk, now);
        loop {
            disk.rewind(&start);
            chooser.rewind();
            Live::new(disk, &mut chooser).passes(512, len, test).unwrap();
            universe.add_images(disk, now, &mut found);
            then(disk);
            if !chooser.next_leaf() {
                break;
            }
        }
        assert_eq!(found, all);
    }

    #[test]
    fn of_two_flips_that_are_both_covered_no_image_is_told_twice() {
        // A bit of the first four bytes flipped in the first life, and one behind them in the second: none of
        // that passes a test that minds all bytes but the first, where that first flip alone may.
        let contract = Contract { bit_flips: 1, ..Contract::base("flips") };
        let mut disk = Disk::new(&contract, 4 * 512, Fill::Zeros).unwrap();
        let mut undisturbed = Undisturbed;
        let mut live = Live::new(&mut disk, &mut undisturbed);
        live.write_one(Lba(1), &[7; 512]).and_then(|()| live.flush()).unwrap();
        disk.cut(disk.calls());
        disk.ask_classes(true);
        let is_left = |bytes: &[u8]| bytes.iter().all(|byte| *byte == 7);
        ask(&mut disk, 4, &is_left, &mut |disk| {
            disk.cut(disk.calls());
            ask(disk, 64, &|bytes| is_left(&bytes[1..]), &mut |_| ());
        });
    }
}
