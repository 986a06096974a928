//! Remembered: images that were counted before.
//!
//! The one idea: counting is worth remembering, and forgetting costs only time. So what is
//! remembered is bounded, and thrown away as a whole when it is full; and what one count needs on the
//! way is bounded likewise, by giving up.
//!
//! Invariant: whether a count is given up follows from the count alone, not from what is remembered:
//! one that was given up is never remembered.
//!
//! What it is not: the count. See `count.rs`.

use std::collections::BTreeMap;

use num_bigint::BigUint;

use super::kept::{COUNTING_SHARE, MEMORY_MAX};
use super::worlds::Worlds;

/// What was counted: sectors left, others that are undecided, contents denied, state of knowledge.
pub type Known = (Vec<u32>, u64, Vec<(u32, u32)>, Worlds);

/// The memory.
#[derive(Clone, Debug)]
pub struct Remembered {
    known: BTreeMap<Known, BigUint>,
    bytes: u64,
    most: u64,
    /// The largest set of states since it was last asked for.
    states: u64,
}

impl Default for Remembered {
    fn default() -> Self {
        Remembered::within(MEMORY_MAX)
    }
}

/// Of a node of a map, besides what it keeps.
const NODE_BYTES: u64 = 16;

impl Remembered {
    /// One that takes its share of so many bytes.
    pub fn within(bytes: u64) -> Remembered {
        Remembered { known: BTreeMap::new(), bytes: 0, most: bytes / COUNTING_SHARE, states: 0 }
    }

    pub fn get(&self, known: &Known) -> Option<&BigUint> {
        self.known.get(known)
    }

    pub fn insert(&mut self, known: Known, images: BigUint) {
        let (left, _, denied, worlds) = &known;
        self.bytes += NODE_BYTES
            + size_of::<(Known, BigUint)>() as u64
            + (size_of_val(&left[..]) + size_of_val(&denied[..])) as u64
            + worlds.kept_bytes()
            + images.bits() / 8;
        if self.bytes > self.most {
            self.known.clear();
            self.bytes = 0;
        } else {
            self.known.insert(known, images);
        }
    }

    /// Notes the states that a count has on its way; whether they are too many to go on.
    pub fn too_many(&mut self, states: &BTreeMap<Worlds, BigUint>) -> bool {
        let each = |(worlds, images): (&Worlds, &BigUint)| {
            NODE_BYTES
                + size_of::<(Worlds, BigUint)>() as u64
                + worlds.kept_bytes()
                + images.bits() / 8
        };
        // Two sets are there at once.
        let bytes = 2 * states.iter().map(each).sum::<u64>();
        self.states = self.states.max(bytes);
        bytes > self.most
    }

    /// The bytes of the largest set of states since this was asked.
    pub fn take_states(&mut self) -> u64 {
        std::mem::take(&mut self.states)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_full_is_emptied_and_what_grows_too_large_is_told() {
        let key = |n: u32| (vec![n; 10], 0, Vec::new(), Worlds::default());
        let mut small = Remembered::within(COUNTING_SHARE * 1000);
        for n in 0..20 {
            small.insert(key(n), BigUint::from(n));
        }
        assert!(small.known.len() < 10 && small.bytes <= 1000, "{small:?}");
        let mut large = Remembered::default();
        for n in 0..20 {
            large.insert(key(n), BigUint::from(n));
        }
        assert_eq!(large.get(&key(7)), Some(&BigUint::from(7u32)));
        let states = BTreeMap::from([(Worlds::default(), BigUint::from(1u32) << 8_000)]);
        assert!(small.too_many(&states) && !large.too_many(&states));
        assert!(large.take_states() > 2_000 && large.take_states() == 0);
    }
}
