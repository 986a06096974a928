//! Chances: how likely an image is, if each sector of each command at risk persists with a given chance.
//!
//! Method. The chance is a fraction, the user's own; sector writes persist independently of each other.
//! Of the writes of one sector at risk at a crash point the last that persisted shows, and what was there
//! before if none did; so with k of them and the chance a/b the j-th newest shows in `a (b-a)^(j-1)
//! b^(k-j)` of `b^k` ways, and contents that read the same add up. Sectors that are independent of each
//! other multiply. Everything is a whole number of ways; nothing is rounded.
//!
//! Invariant: at a crash point the ways of all contents of a sector add up to `b^k`, so the ways of leaves
//! that share out the images add up to `b` to the number of sector writes at risk there.
//!
//! What it is not: for devices that couple sectors, or damage them: the chance that a command persists
//! says nothing about the order in which a cache drains, or of damage. And it is no default: who has no
//! chances gets no probability.

use std::cmp::Ordering;

use num_bigint::BigUint;

use super::Disk;
use super::arena::ContentId;
use super::trace::NONE;

/// A fraction, at most 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fraction {
    of: BigUint,
    per: BigUint,
}

impl Fraction {
    /// `of` in `per`, reduced; `None` unless 0 <= `of` <= `per` and `per` > 0.
    #[must_use]
    pub fn new(of: BigUint, per: BigUint) -> Option<Fraction> {
        let zero = BigUint::default();
        if per == zero || of.cmp(&per) == Ordering::Greater {
            return None;
        }
        let (mut a, mut b) = (of.clone(), per.clone());
        while b != zero {
            let rest = &a % &b;
            a = std::mem::replace(&mut b, rest);
        }
        Some(Fraction { of: of / &a, per: per / a })
    }

    /// Numerator.
    #[must_use]
    pub fn of(&self) -> &BigUint {
        &self.of
    }

    /// Denominator.
    #[must_use]
    pub fn per(&self) -> &BigUint {
        &self.per
    }
}

impl std::fmt::Display for Fraction {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.of, self.per)
    }
}

/// What the sectors of a life may hold after its cut, and how likely.
#[derive(Clone, Debug)]
pub struct Chances {
    sectors: Vec<Sector>,
    persist: Fraction,
}

#[derive(Clone, Debug)]
struct Sector {
    lba: u64,
    /// Writes of the life, newest first: what was written, during which call, and from which crash
    /// point on it is stable.
    writes: Vec<(ContentId, u32, u32)>,
    before: ContentId,
}

impl Sector {
    /// The contents possible at a crash point with their ways, and how many writes are at risk there.
    fn at(&self, at: u32, persist: &Fraction) -> (Vec<(ContentId, BigUint)>, u32) {
        let lost = &persist.per - &persist.of;
        let made = self.writes.iter().filter(|write| write.1 <= at);
        let mut risk = Vec::new();
        let mut base = self.before;
        for &(content, _, stable_from) in made {
            if stable_from <= at {
                base = content;
                break;
            }
            risk.push(content);
        }
        let k = risk.len() as u32;
        let mut contents: Vec<(ContentId, BigUint)> = (0..)
            .zip(risk)
            .map(|(j, content)| (content, &persist.of * lost.pow(j) * persist.per.pow(k - 1 - j)))
            .collect();
        contents.push((base, lost.pow(k)));
        (contents, k)
    }
}

impl Disk {
    /// The chances of what the present life may leave. The life is sealed, was not cut yet, and all
    /// before it is settled.
    ///
    /// # Errors
    /// Why the contract says too little.
    pub fn chances(&self, persist: Fraction) -> Result<Chances, &'static str> {
        let contract = &self.rules.contract;
        if contract.damages_at_rest() || contract.damages_writes() {
            return Err(
                "the device damages sectors, and the chance that a sector persists does not say \
                        how likely that is",
            );
        }
        if !self.rules.independent {
            return Err(
                "the device couples sectors (order of the cache, pages, atomic or ordered \
                        commands), and chances for each sector alone do not say how likely the allowed \
                        images are",
            );
        }
        let trace = &self.trace;
        let ours = trace.commands.iter().filter(|command| command.call >= trace.life_start);
        let mut lbas: Vec<u64> = ours.flat_map(|c| c.lba..c.lba + u64::from(c.sectors)).collect();
        lbas.sort_unstable();
        lbas.dedup();
        let sector = |lba| {
            let (mut writes, mut at) = (Vec::new(), trace.newest(lba));
            while at != NONE {
                let version = trace.versions[at as usize];
                if version.call < trace.life_start || version.command == NONE {
                    return Sector { lba, writes, before: version.content };
                }
                let stable_from = trace.commands[version.command as usize].stable_from;
                writes.push((version.content, version.call, stable_from));
                at = trace.older(lba, at, version.prev);
            }
            Sector { lba, writes, before: trace.original(lba) }
        };
        Ok(Chances { sectors: lbas.into_iter().map(sector).collect(), persist })
    }
}

impl Chances {
    /// All ways at a crash point.
    #[must_use]
    pub fn all(&self, at: u32) -> BigUint {
        let risk = self.sectors.iter().map(|sector| sector.at(at, &self.persist).1).sum();
        self.persist.per.pow(risk)
    }

    /// The ways of the images that agree with what was learned of them since the cut, if it came at
    /// crash point `at`.
    #[must_use]
    pub fn agreeing(&self, disk: &Disk, at: u32) -> BigUint {
        let arena = &disk.trace.arena;
        let mut ways = BigUint::from(1u32);
        for sector in &self.sectors {
            let (contents, _) = sector.at(at, &self.persist);
            let held = disk.told(sector.lba);
            let agrees = |content: ContentId| match held {
                Some(held) => arena.same(held, content),
                None => !disk.denied.after(arena, sector.lba, disk.cuts(), content),
            };
            let here = contents.into_iter().filter(|(content, _)| agrees(*content));
            ways *= here.map(|(_, ways)| ways).sum::<BigUint>();
        }
        ways
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fraction(of: u32, per: u32) -> Option<Fraction> {
        Fraction::new(of.into(), per.into())
    }

    #[test]
    fn a_fraction_is_reduced_and_lies_between_nothing_and_one() {
        assert_eq!(fraction(4, 6), fraction(2, 3));
        assert_eq!(fraction(0, 7).unwrap().to_string(), "0/1");
        assert_eq!((fraction(4, 3), fraction(0, 0)), (None, None));
    }

    #[test]
    fn the_ways_of_a_sector_add_up_and_the_newest_that_persisted_shows() {
        let id = ContentId;
        // Two writes at risk over a stable one; a third came after the crash point.
        let writes = vec![(id(9), 7, NONE), (id(8), 5, NONE), (id(7), 4, 9), (id(6), 1, 3)];
        let sector = Sector { lba: 0, writes, before: id(5) };
        let third = fraction(1, 3).unwrap();
        let ways = |at| sector.at(at, &third);
        let big = |n: u32| BigUint::from(n);
        assert_eq!(ways(6), (vec![(id(8), big(3)), (id(7), big(2)), (id(6), big(4))], 2));
        assert_eq!(ways(0), (vec![(id(5), big(1))], 0));
        assert_eq!(ways(9).0.iter().map(|way| way.0).collect::<Vec<_>>(), [id(9), id(8), id(7)]);
    }
}
