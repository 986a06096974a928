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

use journal_core::{Checksum, Claim, Claims, DeviceError, Expected};
use rustc_hash::FxHashMap;
use smallvec::smallvec;

use super::super::arena::ContentId;
use super::super::classes::{Admitted, Flips, Part};
use super::super::flips::{self, Bits, Way, flip};
use super::super::linear::Changes;
use super::super::parted;
use super::super::readings::damaged;
use super::super::trace::NONE;
use super::super::worlds::World;
use super::Live;
use super::asking::Means;
use super::claimed::{holds, lbas, same, span_of, within};
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

    /// Asks for one of the bits that flipped in one of these ways, which are all, if it was this one.
    fn which_first(&mut self, lba: u64, ways: Vec<Way>, of: &Way) {
        let bits = self.disk.trace.arena.bits();
        let mut others = ways;
        others.retain(|way| way != of);
        let open = of.iter().position(|(set, n)| set.len() > *n);
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
                Err(way) => self.which_first(lba, [outside, inside].concat(), &way),
            }
        }
    }

    /// What it may hold: where nothing flipped that is noticed, where something did that fails, and of
    /// what is left, where that tells; or a way of which it must be asked first which bits they are.
    fn options(
        &mut self,
        content: ContentId,
        (unnoticed, mut failing, open): (&[Way], Vec<Way>, &[Way]),
        covered: &Bits,
        notice: &Notice<'_>,
    ) -> Result<Vec<Admitted>, Way> {
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
                Notice::Parts(passes) if flips::images(&covered_of(way, covered)) <= TRIED_MAX => {
                    let mut bytes = self.disk.trace.arena.get(content).to_vec();
                    let mut passes = |flipped: &[u32]| {
                        flipped.iter().for_each(|&bit| flip(&mut bytes, bit));
                        let passes = passes(&bytes);
                        flipped.iter().for_each(|&bit| flip(&mut bytes, bit));
                        passes
                    };
                    let (pass, fail) = parted::by(way, covered, &mut passes);
                    passing.extend(pass);
                    failing.extend(fail);
                    continue;
                }
                Notice::Parts(_) => return Err(way.clone()),
                _ => {}
            }
            // In which set of bits the one that is covered lies; the others are of no concern.
            let mut covers =
                way.iter().enumerate().filter(|(_, (set, _))| !set.and(covered).is_empty());
            let one = covers.next().filter(|(_, (_, n))| *n == 1 && covers.next().is_none());
            let Some((at, (set, _))) = one else {
                if !self.all_fail(content, way, covered, notice) {
                    return Err(way.clone());
                }
                failing.push(way.clone());
                continue;
            };
            let (mut fails, mut tells) = (Vec::new(), Vec::new());
            let mut bytes = self.disk.trace.arena.get(content).to_vec();
            for bit in set.iter() {
                flip(&mut bytes, bit);
                let passes = match notice {
                    Notice::TellsIf(passes) | Notice::Claims(passes) => passes(&bytes),
                    _ => true,
                };
                if passes { &mut tells } else { &mut fails }.push(bit);
                flip(&mut bytes, bit);
            }
            if matches!(notice, Notice::Claims(_)) && way.len() > 1 && !tells.is_empty() {
                return Err(way.clone());
            }
            let bits = self.disk.trace.arena.bits();
            if !fails.is_empty() {
                let mut way = way.clone();
                way[at].0 = Bits::from_iter(bits, fails);
                way.sort_unstable();
                failing.push(way);
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

    /// Whether nothing passes that has bits flipped in this way, as far as that can be tried.
    fn all_fail(&self, content: ContentId, way: &Way, covered: &Bits, notice: &Notice<'_>) -> bool {
        let (Notice::TellsIf(passes) | Notice::Claims(passes)) = notice else { return false };
        let mut bytes = self.disk.trace.arena.get(content).to_vec();
        all_images(way, covered, &mut bytes, &|bytes| !passes(bytes))
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

    /// The sector in which bits flipped and a head lies: what is told of them is whether something else is
    /// claimed that may hold and, `with_summed`, whether they lie in what is claimed. `None` where that takes
    /// reading.
    pub(super) fn head_of_flipped(
        &mut self,
        lba: u64,
        (head, with_summed): ((u64, u64), bool),
        claims: Claims<'_>,
    ) -> Option<Part> {
        let sector = u64::from(self.disk.geometry.logical_bytes);
        let base = lba * sector;
        // A head in two sectors is read.
        let from = head.0.checked_sub(base)? as usize;
        let to = (head.1 <= base + sector).then(|| (head.1 - base) as usize)?;
        loop {
            let Some(content) = self.flipped(lba) else {
                return Some(self.part(lba, vec![(from, to)]));
            };
            let bits = self.disk.trace.arena.bits();
            let mut bytes = self.disk.trace.arena.get(content).to_vec();
            let claim = claims(&bytes[from..to]);
            if claim.is_some_and(|claim| misses(&claim)) {
                return None;
            }
            let mut changes = Vec::new();
            let mut claimed: Vec<Claim> = claim.into_iter().collect();
            for bit in from as u32 * 8..to as u32 * 8 {
                flip(&mut bytes, bit);
                let other = claims(&bytes[from..to]);
                flip(&mut bytes, bit);
                if !same(&claim, &other) {
                    changes.push(bit);
                    claimed.extend(other.filter(|other| claim.is_none_or(|c| !differs(&c, other))));
                }
            }
            if !self.may_rest_worse() {
                for claim in &claimed {
                    self.none_is_lost(self.sectors_of(claim)).ok()?;
                }
            }
            let summed = claim.filter(|_| with_summed).map_or((0, 0), |claim| span_of(&claim));
            let summed = Bits::of_bytes(bits, &within(&[summed], lba, sector));
            let changes = Bits::from_iter(bits, changes);
            let ways = self.disk.trace.arena.ways(content).expect("bits of it flipped");
            let (others, open) = flips::split(ways, &changes);
            // What no bit of the head changes two may.
            let of_head = Bits::of_bytes(bits, &[(from, to)]);
            let (off_head, in_head) = flips::split(&others, &of_head);
            let two =
                |way: &&Way| covered_of(way, &of_head).iter().map(|(_, n)| n).sum::<u32>() > 1;
            let is_same = |bytes: &[u8]| same(&claim, &claims(&bytes[from..to]));
            let changed = |way: &&Way| two(way) && !all_images(way, &of_head, &mut bytes, &is_same);
            if let Some(way) = in_head.iter().find(changed).cloned() {
                self.which_first(lba, [off_head, in_head, open].concat(), &way);
                continue;
            }
            let (unnoticed, failing) = flips::split(&others, &summed);
            let known = (&unnoticed[..], failing, &open[..]);
            if claimed.len() == 1 && claim.is_some() {
                let options = self.options(content, known, &changes, &Notice::Fails).ok()?;
                let arena = &self.disk.trace.arena;
                return Some(Part::new(arena, (lba, true), options, vec![(from, to)]));
            }
            let contents: FxHashMap<u64, Option<Vec<u8>>> = claimed
                .iter()
                .flat_map(|claim| self.sectors_of(claim))
                .filter_map(|other| Some((other, self.certain(other)?)))
                .map(|(other, content)| (other, self.bytes_of(content)))
                .collect();
            let passes = |bytes: &[u8]| match claims(&bytes[from..to]) {
                None => false,
                Some(other) if same(&claim, &Some(other)) => false,
                Some(other) => holds(&other, (lba, bytes), sector, &contents) != Some(false),
            };
            match self.options(content, known, &changes, &Notice::Claims(&passes)) {
                Ok(options) => {
                    let arena = &self.disk.trace.arena;
                    return Some(Part::new(arena, (lba, true), options, vec![(from, to)]));
                }
                Err(way) => self.which_first(lba, [others, open].concat(), &way),
            }
        }
    }

    /// Whether more may have been damaged at rest since the last cut than is known.
    fn may_rest_worse(&self) -> bool {
        let cut = self.disk.cuts() - 1;
        let worse = [damaged(cut, 1, 0), damaged(cut, 0, 1)];
        self.disk.worlds.admit(&worse, self.disk.rules.budget)
    }

    /// The sectors that a claim is about, as far as the device has them.
    fn sectors_of(&self, claim: &Claim) -> std::ops::Range<u64> {
        let sectors = lbas(span_of(claim), u64::from(self.disk.geometry.logical_bytes));
        sectors.start..sectors.end.min(self.disk.geometry.sectors)
    }

    fn bytes_of(&self, content: ContentId) -> Option<Vec<u8>> {
        let readable = content != ContentId::UNREADABLE;
        readable.then(|| self.disk.trace.arena.get(content).to_vec())
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

/// Whether two heads that differ in a flipped bit claim the same bytes and different checksums, or sums of other
/// bytes before them: then not both are right, unless by a rare chance.
fn differs(claim: &Claim, other: &Claim) -> bool {
    let stored = |claim: &Claim| matches!(claim.expected(), Expected::Behind);
    let alike = claim.sum == other.sum && stored(claim) == stored(other);
    alike && span_of(claim) == span_of(other) && !misses(other)
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
fn covered_of(way: &Way, covered: &Bits) -> Way {
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
        && flips::all(&within, &mut |flipped| {
            flipped.iter().for_each(|&bit| flip(bytes, bit));
            let here = holds(bytes);
            flipped.iter().for_each(|&bit| flip(bytes, bit));
            here
        })
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
