//! Flips: which bits of a sector have flipped, as far as that is known.
//!
//! The one idea: that a bit flipped somewhere is one answer, where each bit would be one by itself. What is
//! known of the place is a *way*: of each of some disjoint sets of bits, so many have flipped. One flip is a way
//! with one set; two, of different lives, are a way with two sets, or two bits of one set. A question that covers
//! some of the bits splits ways, and nothing else does.
//!
//! Method. To say of several contents, each with its ways, which of the images that they stand for are the same,
//! all sets are split into *cells* that are covered by each of them or not at all. A way is then a number for
//! each cell, and two of them have an image in common only if they are equal. Contents that differ in a few
//! bits are ways over one of them.
//!
//! Invariant: two ways of one list have no image in common, and a list says how many images it stands for.
//!
//! What it is not: a reason. Why a bit may have flipped is said in `rested.rs`.

use std::collections::BTreeMap;

use smallvec::{SmallVec, smallvec};

/// A set of bits of a sector: bit i of byte n has the number 8 n + i.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bits(Box<[u64]>);

impl Bits {
    /// None of so many.
    fn none(bits: u32) -> Bits {
        Bits(vec![0; bits.div_ceil(64) as usize].into())
    }

    /// All of so many.
    #[must_use]
    pub fn all(bits: u32) -> Bits {
        Bits::of_bytes(bits, &[(0, bits as usize / 8)])
    }

    /// One of so many.
    #[must_use]
    pub fn one(bits: u32, bit: u32) -> Bits {
        Bits::from_iter(bits, [bit])
    }

    /// These, of so many.
    #[must_use]
    pub fn from_iter(bits: u32, these: impl IntoIterator<Item = u32>) -> Bits {
        let mut set = Bits::none(bits);
        these.into_iter().for_each(|bit| set.0[bit as usize / 64] |= 1 << (bit % 64));
        set
    }

    /// Those of some stretches of bytes, half-open, of so many bits.
    #[must_use]
    pub fn of_bytes(bits: u32, bytes: &[(usize, usize)]) -> Bits {
        let mut set = Bits::none(bits);
        for &(from, to) in bytes {
            // Whole words where there are, and bytes at either end.
            for byte in (from..to).take_while(|byte| byte % 8 != 0) {
                set.0[byte / 8] |= 0xff << (byte % 8 * 8);
            }
            let (first, last) = (from.next_multiple_of(8).min(to), (to / 8 * 8).max(from));
            set.0[first / 8..last.max(first) / 8].fill(u64::MAX);
            for byte in last.max(first)..to {
                set.0[byte / 8] |= 0xff << (byte % 8 * 8);
            }
        }
        set
    }

    /// Those in both.
    #[must_use]
    pub fn and(&self, other: &Bits) -> Bits {
        Bits(self.0.iter().zip(&other.0).map(|(a, b)| a & b).collect())
    }

    /// Those that are not in the other.
    #[must_use]
    pub fn minus(&self, other: &Bits) -> Bits {
        Bits(self.0.iter().zip(&other.0).map(|(a, b)| a & !b).collect())
    }

    /// They, 64 to a word.
    #[must_use]
    pub fn words(&self) -> &[u64] {
        &self.0
    }

    /// How many they are.
    #[must_use]
    pub fn len(&self) -> u32 {
        self.0.iter().map(|word| word.count_ones()).sum()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(|&word| word == 0)
    }

    /// They, ascending.
    pub fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        (0..).zip(&self.0).flat_map(|(at, &word)| {
            let next = |left: &u64| Some(left & (left - 1)).filter(|left| *left != 0);
            let left = std::iter::successors(Some(word).filter(|word| *word != 0), next);
            left.map(move |left| 64 * at + left.trailing_zeros())
        })
    }
}

/// Of each of these sets of bits, disjoint and in order, so many have flipped, one at least.
pub type Way = SmallVec<[(Bits, u32); 1]>;

/// How many images a way stands for.
#[must_use]
pub fn images(way: &Way) -> u128 {
    way.iter().map(|(bits, n)| choose(bits.len(), *n)).product()
}

/// How many images ways stand for.
#[must_use]
pub fn images_of(ways: &[Way]) -> u128 {
    ways.iter().map(images).sum()
}

/// How many sets of `k` there are among `n`.
fn choose(n: u32, k: u32) -> u128 {
    (0..k.min(n + 1)).fold(1, |ways, i| ways * u128::from(n - i) / u128::from(i + 1))
}

/// Takes the bits out of a way that have flipped for certain.
pub fn take_sure(way: &mut Way) -> Vec<u32> {
    let is_sure = |(bits, n): &(Bits, u32)| bits.len() == *n;
    let sure = way.iter().filter(|of| is_sure(of)).flat_map(|(bits, _)| bits.iter()).collect();
    way.retain(|of| !is_sure(of));
    sure
}

/// Whether these bits, ascending, may be those that flipped.
#[must_use]
pub fn fits(way: &Way, flipped: &[u32]) -> bool {
    let within =
        |bits: &Bits| bits.and(&Bits::from_iter(64 * bits.0.len() as u32, flipped.iter().copied()));
    let all: u32 = way.iter().map(|(_, n)| n).sum();
    all as usize == flipped.len() && way.iter().all(|(bits, n)| within(bits).len() == *n)
}

/// Bits that flipped, ascending in each set of a way.
pub type Image = SmallVec<[u32; 4]>;

/// Whether all images of a way are such; ends with the first that is not.
pub fn all(way: &Way, is_such: &mut dyn FnMut(&[u32]) -> bool) -> bool {
    /// The images of some sets, `n` more bits of the first of them behind its first `from`.
    fn behind(
        sets: &[(Vec<u32>, u32)],
        (from, n): (usize, u32),
        image: &mut Image,
        is_such: &mut dyn FnMut(&[u32]) -> bool,
    ) -> bool {
        let Some(((set, _), others)) = sets.split_first() else { return is_such(image) };
        if n == 0 {
            let next = others.first().map_or(0, |(_, n)| *n);
            return behind(others, (0, next), image, is_such);
        }
        (from..set.len()).all(|at| {
            image.push(set[at]);
            let all = behind(sets, (at + 1, n - 1), image, is_such);
            image.pop();
            all
        })
    }
    let sets: SmallVec<[(Vec<u32>, u32); 2]> =
        way.iter().map(|(set, n)| (set.iter().collect(), *n)).collect();
    let first = sets.first().map_or(0, |(_, n)| *n);
    behind(&sets, (0, first), &mut Image::new(), is_such)
}

/// The first of the images of a way.
#[must_use]
pub fn first(way: &Way) -> Image {
    way.iter().flat_map(|(set, n)| set.iter().take(*n as usize)).collect()
}

/// Flips a bit, or back.
#[inline]
pub fn flip(bytes: &mut [u8], bit: u32) {
    bytes[bit as usize / 8] ^= 1 << (bit % 8);
}

/// Looks at bytes with these bits flipped, which are flipped back.
#[inline]
pub fn with_flipped<T>(bytes: &mut [u8], bits: &[u32], look: impl FnOnce(&[u8]) -> T) -> T {
    bits.iter().for_each(|&bit| flip(bytes, bit));
    let seen = look(bytes);
    bits.iter().for_each(|&bit| flip(bytes, bit));
    seen
}

/// The bits in which two contents differ, ascending.
pub fn differing<'b>(a: &'b [u8], b: &'b [u8]) -> impl Iterator<Item = u32> + 'b {
    let bytes = (0..).zip(a.iter().zip(b)).filter(|(_, (a, b))| a != b);
    bytes.flat_map(|(at, (a, b))| {
        let differ = a ^ b;
        (0..8).filter(move |bit| differ >> bit & 1 == 1).map(move |bit| at * 8 + bit)
    })
}

/// A way as a number for each of some cells.
type Numbers = SmallVec<[u32; 8]>;

/// Disjoint sets that together are all bits, such that each of some sets is made of them.
struct Cells(Vec<Bits>);

impl Cells {
    fn new<'b>(bits: u32, sets: impl IntoIterator<Item = &'b Bits>) -> Cells {
        let mut cells = vec![Bits::all(bits)];
        for set in sets {
            let split = |cell: &Bits| [cell.and(set), cell.minus(set)];
            cells = cells.iter().flat_map(split).filter(|cell| !cell.is_empty()).collect();
        }
        Cells(cells)
    }

    /// A way, by the numbers that it may have in each cell.
    fn numbers(&self, way: &Way) -> Vec<Numbers> {
        let mut all = vec![Numbers::from_elem(0, self.0.len())];
        for (bits, n) in way {
            let inside: Vec<usize> =
                (0..self.0.len()).filter(|&at| !self.0[at].and(bits).is_empty()).collect();
            all = all.iter().flat_map(|numbers| self.shared_out(numbers, &inside, *n)).collect();
        }
        all
    }

    /// The ways to take `n` bits of these cells.
    fn shared_out(&self, before: &Numbers, cells: &[usize], n: u32) -> Vec<Numbers> {
        let Some((&cell, others)) = cells.split_first() else {
            return if n == 0 { vec![before.clone()] } else { Vec::new() };
        };
        let take = |taken: u32| {
            let mut numbers = before.clone();
            numbers[cell] += taken;
            self.shared_out(&numbers, others, n - taken)
        };
        (0..=n.min(self.0[cell].len())).flat_map(take).collect()
    }

    fn way(&self, numbers: &Numbers) -> Way {
        let cells = self.0.iter().zip(numbers).filter(|(_, n)| **n > 0);
        let mut way: Way = cells.map(|(cell, n)| (cell.clone(), *n)).collect();
        way.sort_unstable();
        way
    }

    /// With one more bit flipped, or flipped back.
    fn one_more<'c>(&'c self, numbers: &'c Numbers) -> impl Iterator<Item = Numbers> + 'c {
        let change = |cell: usize, n: u32| {
            let mut numbers = numbers.clone();
            numbers[cell] = n;
            numbers
        };
        (0..self.0.len()).flat_map(move |cell| {
            let n = numbers[cell];
            let more = (n < self.0[cell].len()).then(|| change(cell, n + 1));
            let back = (n > 0).then(|| change(cell, n - 1));
            more.into_iter().chain(back)
        })
    }
}

/// Ways in which none of some bits flipped, and those in which one did.
#[must_use]
pub fn split(ways: &[Way], covered: &Bits) -> (Vec<Way>, Vec<Way>) {
    let (mut outside, mut inside) = (Vec::new(), Vec::new());
    for way in ways {
        let mut begun: SmallVec<[(Way, bool); 2]> = smallvec![(Way::new(), false)];
        for (set, n) in way {
            let (within, without) = (set.and(covered), set.minus(covered));
            let (most, others) = (within.len().min(*n), without.len());
            let with = |&(ref begun, noticed): &(Way, bool)| {
                let begun = begun.clone();
                let part = |set: &Bits, n: u32| (n > 0).then(|| (set.clone(), n));
                let (within, without) = (within.clone(), without.clone());
                (n.saturating_sub(others)..=most).map(move |inside| {
                    let parts = part(&within, inside).into_iter().chain(part(&without, n - inside));
                    (begun.iter().cloned().chain(parts).collect::<Way>(), noticed || inside > 0)
                })
            };
            begun = begun.iter().flat_map(with).collect();
        }
        for (mut way, noticed) in begun {
            way.sort_unstable();
            if noticed { &mut inside } else { &mut outside }.push(way);
        }
    }
    (outside, inside)
}

/// What is left of ways where the bits of `gone` are written over.
#[must_use]
pub fn without(bits: u32, ways: &[Way], gone: &Bits) -> Vec<Way> {
    let sets = || ways.iter().flatten().map(|(set, _)| set);
    let cells = Cells::new(bits, sets().chain([gone]));
    let mut left: Vec<Numbers> = ways.iter().flat_map(|way| cells.numbers(way)).collect();
    for numbers in &mut left {
        let cells = cells.0.iter().zip(numbers.iter_mut());
        cells.filter(|(cell, _)| !cell.and(gone).is_empty()).for_each(|(_, n)| *n = 0);
    }
    left.sort_unstable();
    left.dedup();
    left.iter().map(|numbers| cells.way(numbers)).collect()
}

/// The ways with their bits moved.
#[must_use]
pub fn moved(bits: u32, ways: &[Way], to: impl Fn(u32) -> u32) -> Vec<Way> {
    let set = |set: &Bits| Bits::from_iter(bits, set.iter().map(&to));
    let way = |way: &Way| {
        let mut way: Way = way.iter().map(|(bits, n)| (set(bits), *n)).collect();
        way.sort_unstable();
        way
    };
    ways.iter().map(way).collect()
}

/// Contents, with ways over each: as ways over the first of them.
pub struct Over {
    /// In which bits it differs from the first.
    pub differs: Vec<u32>,
    /// Its ways; where nothing has flipped, the one way that says nothing.
    pub ways: Vec<Way>,
    /// Whether one more bit may have flipped.
    pub flips: bool,
}

/// The ways of all of these over the first, disjoint, each with those that explain it: by number, and whether
/// by one more flipped bit.
#[must_use]
pub fn joined(bits: u32, all: &[Over]) -> Vec<(Way, Vec<(usize, bool)>)> {
    let alone: Vec<Bits> =
        all.iter().flat_map(|over| &over.differs).map(|&bit| Bits::one(bits, bit)).collect();
    let sets = all.iter().flat_map(|over| &over.ways).flatten().map(|(set, _)| set);
    let cells = Cells::new(bits, alone.iter().chain(sets));
    let mut found: BTreeMap<Numbers, Vec<(usize, bool)>> = BTreeMap::new();
    for (number, over) in all.iter().enumerate() {
        let mut own: Vec<Numbers> = over.ways.iter().flat_map(|way| cells.numbers(way)).collect();
        for (at, cell) in cells.0.iter().enumerate() {
            // A cell that is one bit in which both differ.
            if over.differs.iter().any(|&bit| *cell == Bits::one(bits, bit)) {
                own.iter_mut().for_each(|numbers| numbers[at] = 1 - numbers[at]);
            }
        }
        let flipped = own.iter().filter(|_| over.flips).flat_map(|numbers| cells.one_more(numbers));
        let flipped = flipped.map(|numbers| (numbers, true)).collect::<Vec<_>>();
        for (numbers, flips) in own.into_iter().map(|numbers| (numbers, false)).chain(flipped) {
            let by = found.entry(numbers).or_default();
            if !by.contains(&(number, flips)) {
                by.push((number, flips));
            }
        }
    }
    found.into_iter().map(|(numbers, by)| (cells.way(&numbers), by)).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::choose::Rng;

    const BITS: u32 = 8;

    /// Every image of a way, as a number.
    fn all_of(way: &Way) -> Vec<u64> {
        (0..1u64 << BITS)
            .filter(|image| {
                fits(way, &(0..BITS).filter(|b| image >> b & 1 == 1).collect::<Vec<_>>())
            })
            .collect()
    }

    fn drawn(rng: &mut Rng) -> Way {
        let mut left: Vec<u32> = (0..BITS).collect();
        let mut way = Way::new();
        for _ in 0..rng.below(3) {
            let set: Vec<u32> = left.iter().copied().filter(|_| rng.below(2) == 0).collect();
            left.retain(|bit| !set.contains(bit));
            if !set.is_empty() {
                let n = 1 + rng.below(set.len().min(2) as u32);
                way.push((Bits::from_iter(BITS, set), n));
            }
        }
        way.sort_unstable();
        way
    }

    fn images_listed(ways: &[Way]) -> BTreeSet<u64> {
        let listed: Vec<u64> = ways.iter().flat_map(all_of).collect();
        let set: BTreeSet<u64> = listed.iter().copied().collect();
        assert_eq!(set.len(), listed.len(), "no image twice: {ways:?}");
        assert_eq!(images_of(ways), set.len() as u128);
        set
    }

    #[test]
    fn bits_of_bytes_are_eight_each() {
        for from in 0..40 {
            for to in from..=40 {
                let bits: Vec<u32> = Bits::of_bytes(320, &[(from, to)]).iter().collect();
                assert_eq!(bits, (8 * from as u32..8 * to as u32).collect::<Vec<_>>());
            }
        }
    }

    #[test]
    fn ways_are_split_cut_and_moved_as_their_images_are() {
        let mut rng = Rng::new(1);
        for _ in 0..2_000 {
            let way = drawn(&mut rng);
            let covered: Vec<u32> = (0..BITS).filter(|_| rng.below(2) == 0).collect();
            let mask = covered.iter().fold(0u64, |mask, bit| mask | 1 << bit);
            let covered = Bits::from_iter(BITS, covered);
            let (outside, inside) = split(std::slice::from_ref(&way), &covered);
            let all: BTreeSet<u64> = all_of(&way).into_iter().collect();
            let number = |bits: &[u32]| bits.iter().fold(0, |image, b| image | 1 << b);
            let mut listed: Vec<u64> = Vec::new();
            assert!(super::all(&way, &mut |image| {
                listed.push(number(image));
                true
            }));
            assert_eq!(listed.first(), Some(&number(&first(&way))));
            assert_eq!(listed.len(), all.len());
            assert_eq!(listed.into_iter().collect::<BTreeSet<u64>>(), all);
            let (out, within): (BTreeSet<u64>, _) =
                all.iter().partition(|image| **image & mask == 0);
            assert_eq!((images_listed(&outside), images_listed(&inside)), (out, within));
            let cut: BTreeSet<u64> = all.iter().map(|image| image & !mask).collect();
            assert_eq!(images_listed(&without(BITS, std::slice::from_ref(&way), &covered)), cut);
            let turned = moved(BITS, std::slice::from_ref(&way), |bit| (bit + 3) % BITS);
            let turn = |image: &u64| (image << 3 | image >> (BITS - 3)) & 0xff;
            assert_eq!(images_listed(&turned), all.iter().map(turn).collect());
        }
    }

    #[test]
    fn ways_over_several_contents_are_joined_into_disjoint_ones_that_know_all_their_reasons() {
        let mut rng = Rng::new(2);
        for _ in 0..2_000 {
            let contents: Vec<(u64, Vec<Way>, bool)> = (0..1 + rng.below(3))
                .map(|n| {
                    let apart = if n == 0 { 0 } else { u64::from(rng.below(1 << BITS)) };
                    (apart, vec![drawn(&mut rng)], rng.below(2) == 0)
                })
                .collect();
            let bits_of = |image: u64| (0..BITS).filter(|b| image >> b & 1 == 1).collect();
            let over = |(apart, ways, flips): &(u64, Vec<Way>, bool)| Over {
                differs: bits_of(*apart),
                ways: ways.clone(),
                flips: *flips,
            };
            let all: Vec<Over> = contents.iter().map(over).collect();
            let mut wanted: BTreeMap<u64, BTreeSet<(usize, bool)>> = BTreeMap::new();
            for (number, (apart, ways, flips)) in contents.iter().enumerate() {
                for image in ways.iter().flat_map(all_of).map(|image| image ^ apart) {
                    wanted.entry(image).or_default().insert((number, false));
                    for bit in (0..BITS).filter(|_| *flips) {
                        wanted.entry(image ^ 1 << bit).or_default().insert((number, true));
                    }
                }
            }
            let joined = joined(BITS, &all);
            images_listed(&joined.iter().map(|(way, _)| way.clone()).collect::<Vec<_>>());
            let mut found: BTreeMap<u64, BTreeSet<(usize, bool)>> = BTreeMap::new();
            for (way, by) in joined {
                for image in all_of(&way) {
                    found.insert(image, by.iter().copied().collect());
                }
            }
            assert_eq!(found, wanted);
        }
    }
}
