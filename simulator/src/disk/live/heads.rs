//! Heads in which bits flipped: what they claim then.
//!
//! Method. What a head claims is looked at with each of its bits flipped. Where it claims the same the flip is
//! none of the head's. Where it claims another checksum of the same bytes, the two are not both right: it does not
//! hold, unless by a rare chance. What is left, as where it says how much there is, is told if it may hold, as far
//! as the other sectors are known.
//!
//! Invariant: that of `flipped.rs`.
//!
//! What it is not: for heads in two sectors, or checksums that may miss a bit. Those are read.

use journal_core::{Claim, Claims, Expected};
use rustc_hash::FxHashMap;

use super::super::arena::ContentId;
use super::super::classes::Part;
use super::super::flips::{self, Bits, Way, with_flipped};
use super::super::readings::damaged;
use super::Live;
use super::claimed::{holds, lbas, same, span_of, within};
use super::flipped::{Notice, all_images, covered_of, misses};

impl Live<'_> {
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
            let (mut changes, mut minded) = (Vec::new(), Vec::new());
            let mut claimed: Vec<Claim> = claim.into_iter().collect();
            for bit in from as u32 * 8..to as u32 * 8 {
                let other = with_flipped(&mut bytes, &[bit], |bytes| claims(&bytes[from..to]));
                if !same(&claim, &other) {
                    changes.push(bit);
                    if !matches!((claim, other), (Some(one), Some(other)) if differs(&one, &other))
                    {
                        minded.push(bit);
                        claimed.extend(other);
                    }
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
            // Where the checksum is another one the rest makes no difference.
            let minded = Bits::from_iter(bits, minded);
            let (unminded, open) = flips::split(&open, &minded);
            let of_sum = changes.minus(&minded);
            let is_minded = |way: &Way| covered_of(way, &of_sum).is_empty();
            let (open, differing): (Vec<Way>, Vec<Way>) = open.into_iter().partition(is_minded);
            let failing = [failing, unminded, differing].concat();
            let contents: FxHashMap<u64, Option<Vec<u8>>> = claimed
                .iter()
                .flat_map(|claim| self.sectors_of(claim))
                .filter_map(|other| Some((other, self.certain(other)?)))
                .map(|(other, content)| (other, self.bytes_of(content)))
                .collect();
            let passes = |bytes: &[u8]| match claims(&bytes[from..to]) {
                None => false,
                Some(other) if same(&claim, &Some(other)) => false,
                Some(other) if claim.is_some_and(|claim| differs(&claim, &other)) => false,
                Some(other) => holds(&other, (lba, bytes), sector, &contents) != Some(false),
            };
            let all = [&unnoticed[..], &failing, &open].concat();
            let known = (&unnoticed[..], failing, &open[..]);
            match self.options(content, known, &minded, &Notice::Claims(&passes)) {
                Ok(options) => {
                    let arena = &self.disk.trace.arena;
                    return Some(Part::new(arena, (lba, true), options, vec![(from, to)]));
                }
                Err(unclear) => self.clear_up(lba, all, unclear),
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

/// Whether two heads that differ in a flipped bit claim the same bytes and different checksums, or sums of other
/// bytes before them: then not both are right, unless by a rare chance.
fn differs(claim: &Claim, other: &Claim) -> bool {
    let stored = |claim: &Claim| matches!(claim.expected(), Expected::Behind);
    let alike = claim.sum == other.sum && stored(claim) == stored(other);
    alike && span_of(claim) == span_of(other) && !misses(other)
}
