//! The lattice: contracts as points, one coordinate for each knob.
//!
//! The one idea: every knob is a chain from kind to hostile, so a contract is a tuple of small
//! numbers, and "no kinder in any knob" is the order of contracts. Of two points in that order the
//! hostile one allows every image that the kind one allows.
//!
//! | knob | kind to hostile |
//! |---|---|
//! | order | write-through, prefix, window(8), any |
//! | flush | honoured, barrier-only, ignored |
//! | atomic | all aligned commands, up to 4096 bytes, the sector |
//! | tear | prefix, prefix or suffix, any |
//! | page | whole 4096-byte pages, sectors |
//! | inner | never, half of a sector |
//! | unreadable, zeros, ones, garbage | no, yes, each |
//! | damage | 1, 2 domains |
//! | neighbours | no, yes; where physical sectors are larger |
//! | latent | 0, 1 |
//!
//! Left out: `epoch`, since every rule makes it the same set as `any`; `window(64)`, which no script
//! here can tell from `any`; FUA, since it is no chain: a native FUA write may outrun the cache of a
//! first-in-first-out device, an ignored one may not. No journal that is named here sends FUA. Late
//! damage, for the same reason. Rollback and lost writes are chains, but one step on either takes
//! back something acknowledged, so they break the set `promises` for every journal there is, and
//! tell nothing of it. Stores, wide domains and what is stale: devices of their own, asked by name. Bit
//! flips and finer mixes: with two lives they are more than a search of seconds can decide.
//!
//! Invariant: the contract of a point is normal: knobs that mean nothing have their kind value, so
//! points that are the same device have equal contracts.
//!
//! What it is not: a product. Whole pages go with few other knobs; other points are no devices.

use serde::{Deserialize, Serialize};

use crate::disk::contract::{CacheOrder, Contract, Flush, InnerTear, TearShape, TornContents};

/// A knob.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "program", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Knob {
    /// The order of the volatile cache.
    Order,
    /// What a flush does.
    Flush,
    /// Which commands do not tear.
    Atomic,
    /// How commands tear.
    Tear,
    /// Whether the cache works in whole pages.
    Page,
    /// How sectors tear inside.
    Inner,
    /// Whether a damaged sector may be unreadable.
    Unreadable,
    /// Whether it may be zeros.
    Zeros,
    /// Whether it may be 0xFF.
    Ones,
    /// Whether it may be anything.
    Garbage,
    /// How many domains are damaged.
    Damage,
    /// Whether damage takes the physical sector along.
    Neighbours,
    /// Whether a sector at rest becomes unreadable.
    Latent,
}

/// Knobs there are.
pub const KNOBS: usize = 13;

impl Knob {
    /// All, in the order of coordinates.
    pub const ALL: [Knob; KNOBS] = [
        Knob::Order,
        Knob::Flush,
        Knob::Atomic,
        Knob::Tear,
        Knob::Page,
        Knob::Inner,
        Knob::Unreadable,
        Knob::Zeros,
        Knob::Ones,
        Knob::Garbage,
        Knob::Damage,
        Knob::Neighbours,
        Knob::Latent,
    ];

    /// What one step towards hostile means, in words, from value `value`.
    #[must_use]
    pub const fn step(self, value: u8) -> &'static str {
        match (self, value) {
            (Knob::Order, 0) => "a volatile cache, first in first out",
            (Knob::Order, 1) => "a cache in which 8 calls may overtake",
            (Knob::Order, _) => "a cache of any order",
            (Knob::Flush, 0) => "a flush that orders and makes nothing durable",
            (Knob::Flush, _) => "a flush that is ignored",
            (Knob::Atomic, 0) => "commands above 4096 bytes tear",
            (Knob::Atomic, _) => "all commands tear between sectors",
            (Knob::Tear, 0) => "the last sectors of a torn command may persist without the first",
            (Knob::Tear, _) => "any sectors of a torn command may persist",
            (Knob::Page, _) => "a cache of sectors, not of whole pages",
            (Knob::Inner, _) => "a sector may be half old and half new",
            (Knob::Unreadable, _) => "a sector being written may be unreadable",
            (Knob::Zeros, _) => "a sector being written may be zeros",
            (Knob::Ones, _) => "a sector being written may be 0xFF",
            (Knob::Garbage, _) => "a sector being written may be garbage",
            (Knob::Damage, _) => "two places are damaged at once",
            (Knob::Neighbours, _) => "damage takes the neighbours in the physical sector along",
            (Knob::Latent, _) => "a sector at rest becomes unreadable",
        }
    }
}

/// A contract as coordinates.
pub type Point = [u8; KNOBS];

/// The sectors of a device, and the knobs that mean something there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "program", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Base {
    /// Bytes of a logical sector.
    pub logical_bytes: u32,
    /// Bytes of a physical sector.
    pub physical_bytes: u32,
}

/// The geometries that are tried.
pub const BASES: [Base; 3] = [
    Base { logical_bytes: 512, physical_bytes: 512 },
    Base { logical_bytes: 512, physical_bytes: 4096 },
    Base { logical_bytes: 4096, physical_bytes: 4096 },
];

const ORDERS: [CacheOrder; 4] =
    [CacheOrder::WriteThrough, CacheOrder::Prefix, CacheOrder::Window(8), CacheOrder::Any];
const FLUSHES: [Flush; 3] = [Flush::Honoured, Flush::BarrierOnly, Flush::Ignored];
const SHAPES: [TearShape; 3] = [TearShape::Prefix, TearShape::PrefixOrSuffix, TearShape::Any];
const PAGE_BYTES: u32 = 4096;

impl Base {
    /// How many values each knob has here.
    #[must_use]
    pub fn values(self) -> Point {
        let small = self.logical_bytes < PAGE_BYTES;
        let wide = self.physical_bytes > self.logical_bytes;
        Knob::ALL.map(|knob| match knob {
            Knob::Order => ORDERS.len() as u8,
            Knob::Flush | Knob::Tear => 3,
            Knob::Atomic => 2 + u8::from(small),
            Knob::Page => 1 + u8::from(small),
            Knob::Neighbours => 1 + u8::from(wide),
            _ => 2,
        })
    }

    /// The device of a point; `None` where the values make none.
    #[must_use]
    pub fn contract(self, point: &Point) -> Option<Contract> {
        let at = |knob: Knob| usize::from(point[knob as usize]);
        let yes = |knob: Knob| at(knob) > 0;
        let sector = self.logical_bytes;
        let small = sector < PAGE_BYTES;
        let order = ORDERS[at(Knob::Order)];
        let through = order == CacheOrder::WriteThrough;
        let torn = TornContents {
            unreadable: yes(Knob::Unreadable),
            zeros: yes(Knob::Zeros),
            ones: yes(Knob::Ones),
            garbage: yes(Knob::Garbage),
            stale: false,
        };
        let inner_tear = match at(Knob::Inner) {
            0 => InnerTear::Never,
            _ => InnerTear::Any(sector / 2),
        };
        let damages = torn != TornContents::default() || inner_tear != InnerTear::Never;
        // A page is persisted whatever it holds of which command: such a device tears anyhow.
        let pages = small && !yes(Knob::Page) && !through;
        if pages && at(Knob::Tear) + 1 < SHAPES.len() {
            return None;
        }
        let contract = Contract {
            name: "frontier".to_owned(),
            physical_bytes: self.physical_bytes,
            logical_bytes: sector,
            order,
            flush: if through { Flush::Honoured } else { FLUSHES[at(Knob::Flush)] },
            atomic_bytes: match at(Knob::Atomic) {
                0 => u32::MAX,
                1 if small => PAGE_BYTES,
                _ => sector,
            },
            page_bytes: if pages { PAGE_BYTES } else { sector },
            tear_shape: SHAPES[at(Knob::Tear)],
            inner_tear,
            torn,
            damage_max: if damages { 1 + u32::from(yes(Knob::Damage)) } else { 0 },
            neighbours: damages && yes(Knob::Neighbours),
            latent_errors: u32::from(yes(Knob::Latent)),
            ..Contract::base("frontier")
        };
        contract.validate().is_ok().then_some(contract)
    }
}

impl Base {
    /// The same device with knobs that mean nothing at their kind value.
    #[must_use]
    pub fn normal(self, point: &Point) -> Point {
        let mut normal = *point;
        let mut kind = |knobs: &[Knob]| knobs.iter().for_each(|&k| normal[k as usize] = 0);
        let at = |knob: Knob| point[knob as usize];
        if ORDERS[usize::from(at(Knob::Order))] == CacheOrder::WriteThrough {
            kind(&[Knob::Flush, Knob::Page]);
        }
        let damage = [Knob::Inner, Knob::Unreadable, Knob::Zeros, Knob::Ones, Knob::Garbage];
        if damage.iter().all(|&knob| at(knob) == 0) {
            kind(&[Knob::Damage, Knob::Neighbours]);
        }
        normal
    }
}

/// Whether no knob of `one` is more hostile than in `other`.
#[must_use]
pub fn at_most(one: &Point, other: &Point) -> bool {
    one.iter().zip(other).all(|(one, other)| one <= other)
}

/// All points of so many values each, the kindest first, in mixed radix.
#[must_use]
pub fn point(values: &Point, mut rank: usize) -> Point {
    let mut point = [0; KNOBS];
    for (coordinate, &values) in point.iter_mut().zip(values).rev() {
        *coordinate = (rank % usize::from(values)) as u8;
        rank /= usize::from(values);
    }
    point
}

/// How many points there are.
#[must_use]
pub fn size(values: &Point) -> usize {
    values.iter().map(|&values| usize::from(values)).product()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_and_points_are_one_to_one_and_kind_comes_before_hostile() {
        let values = BASES[1].values();
        let (first, last) = (point(&values, 0), point(&values, size(&values) - 1));
        assert_eq!(first, [0; KNOBS]);
        assert!(last.iter().zip(&values).all(|(last, values)| last + 1 == *values));
        assert!(at_most(&first, &last) && !at_most(&last, &first));
    }

    #[test]
    fn points_that_are_the_same_device_have_equal_contracts() {
        let base = BASES[0];
        let through = |flush| {
            let mut point = [0; KNOBS];
            point[Knob::Page as usize] = 1;
            point[Knob::Flush as usize] = flush;
            base.contract(&point).unwrap()
        };
        assert_eq!(through(0), through(2));
        let values = base.values();
        for rank in (0..size(&values)).step_by(97) {
            let point = point(&values, rank);
            assert_eq!(base.contract(&point), base.contract(&base.normal(&point)), "{point:?}");
        }
    }
}
