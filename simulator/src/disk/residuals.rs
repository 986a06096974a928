//! Residuals: for what is left of a universe, the number of images, remembered.
//!
//! Method. Sectors are counted in order of address, and what a leaf did not read is mostly the same
//! *rest* as in the leaf before it: the sectors from some place on, with the contents that were denied
//! there. How many images a rest has depends on the state of knowledge alone, and of that on the latents
//! alone which the rest depends on. So the count goes from the front to the back by recursion,
//! and each pair of a rest and a state is counted once.
//!
//! A sector counts by what explains its contents, and not by what they are or where it lies. So the
//! universes of a life behind different leaves, which mostly have the same commands at risk, are the
//! same to a count, and what is remembered of one holds for the next.
//!
//! What that may take is decided by the first count, where nothing was read yet: it goes level by
//! level, and all states that it meets are added up. Later counts meet hardly more than these, since
//! knowledge and denials only strike contents out. So the decision does not depend on what is
//! remembered; and what is remembered may be thrown away at any time.
//!
//! Invariant: a number that is given out is that of a count from nothing.
//!
//! What it is not: the list of contents. See `count.rs`.

use std::collections::BTreeMap;
use std::sync::Arc;

use num_bigint::BigUint;
use rustc_hash::FxHashMap;
use smallvec::SmallVec;

use super::boxes;
use super::kept::{COUNTING_SHARE, MEMORY_MAX};
use super::worlds::{Budget, Latent, Why, Worlds};

/// The number of a rest.
type Rest = u32;

/// A rest, what is known, and whether all sectors of its first clause that lie before it are of their
/// class.
type State = (Rest, Worlds, bool);

/// Numbers of contents.
pub type DeniedOf = SmallVec<[u32; 4]>;

/// What is known of a sector that is left.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Left {
    /// Contents that were denied.
    pub denied: DeniedOf,
    /// Where a clause speaks of it: the contents of its class, and whether it is the last of the clause.
    /// The sectors of a clause come one behind the other.
    pub clause: Option<(DeniedOf, bool)>,
}

/// The number of what a sector may hold.
pub type Shape = u32;

/// A sector that is left, and what is left behind it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Link {
    /// The sector's shape; at the end of all, how many sectors there are of which nothing was open.
    sector: u64,
    left: Left,
    next: Rest,
}

const END: Rest = Rest::MAX;

/// What is remembered of the universes of a life.
#[derive(Clone, Debug)]
pub struct Residuals {
    shapes: FxHashMap<Arc<Contents>, Shape>,
    contents: Vec<Arc<Contents>>,
    rests: FxHashMap<Link, Rest>,
    /// The links by number, and the latents that the rest depends on, in order.
    links: Vec<(Link, Arc<[Latent]>)>,
    known: FxHashMap<State, BigUint>,
    /// First counts, with the bytes of their states.
    firsts: FxHashMap<(Rest, Worlds), (BigUint, u64)>,
    /// Bytes of what is known, and of shapes, links and first counts.
    bytes: u64,
    built: u64,
    most: u64,
    /// What it is about, besides the shapes.
    about: Option<About>,
    /// Whether there is not too much to count; none before the first count.
    decided: Option<bool>,
    /// Bytes of the states that the first count met, until it is asked for.
    states: u64,
    /// How often everything was forgotten, the shapes too.
    generation: u64,
}

impl Default for Residuals {
    fn default() -> Self {
        Residuals::within(MEMORY_MAX)
    }
}

/// Of a node of a map, besides what it keeps.
const NODE_BYTES: u64 = 16;

/// More sectors than that are not left to recursion.
const DEPTH_MAX: usize = 256;

/// What a sector may hold: what explains each content, and how many are explained so.
pub type Contents = [(u128, Why)];

/// What else a number of images depends on: events per cut, the number of the cut, and the bits of a
/// sector.
pub type About = (Budget, u32, u64);

/// How a universe is counted.
pub struct Counting<'a> {
    /// Events per cut.
    pub budget: Budget,
    /// How many ways so many sectors may read of which nothing was open.
    pub alike: &'a dyn Fn(&Worlds, u64) -> BigUint,
}

impl Residuals {
    /// Those that take their share of so many bytes.
    pub fn within(bytes: u64) -> Residuals {
        Residuals {
            shapes: FxHashMap::default(),
            contents: Vec::new(),
            rests: FxHashMap::default(),
            links: Vec::new(),
            known: FxHashMap::default(),
            firsts: FxHashMap::default(),
            bytes: 0,
            built: 0,
            most: bytes / COUNTING_SHARE,
            about: None,
            decided: None,
            states: 0,
            generation: 0,
        }
    }

    /// Shapes of different generations have nothing to do with each other.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// Begins with another universe, in the share of so many bytes: shapes that were given out are of no
    /// use any more.
    pub fn begin(&mut self, bytes: u64, about: About) {
        let most = bytes / COUNTING_SHARE;
        if (self.most, self.about) != (most, Some(about)) || self.built > most / 2 {
            let generation = self.generation + 1;
            *self = Residuals { about: Some(about), generation, ..Residuals::within(bytes) };
        }
        (self.decided, self.states) = (None, 0);
    }

    /// The shape of a sector that may hold this.
    pub fn shape(&mut self, contents: Vec<(u128, Why)>) -> Shape {
        if let Some(&known) = self.shapes.get(&contents[..]) {
            return known;
        }
        let number = self.contents.len() as Shape;
        let contents: Arc<Contents> = contents.into();
        let worlds = contents.iter().flat_map(|(_, why)| why);
        self.built += NODE_BYTES + worlds.map(boxes::bytes_of).sum::<u64>();
        self.shapes.insert(Arc::clone(&contents), number);
        self.contents.push(contents);
        number
    }

    /// What a sector of some shape may hold.
    #[must_use]
    pub fn contents(&self, shape: Shape) -> &Contents {
        &self.contents[shape as usize]
    }

    /// The images of the sectors `left`, each a shape with what was denied, and of `alike` others, given
    /// what is known. The first count of all decides whether there is too much to count; then it is nothing,
    /// and so are all after it.
    pub fn count(
        &mut self,
        counting: &Counting<'_>,
        left: &[(Shape, Left)],
        alike: u64,
        worlds: &Worlds,
    ) -> BigUint {
        let end = Link { sector: alike, left: Left::default(), next: END };
        let mut rest = self.rest(end);
        for (sector, left) in left.iter().rev() {
            let link = Link { sector: u64::from(*sector), left: left.clone(), next: rest };
            rest = self.rest(link);
        }
        let start = self.narrowed(rest, worlds.clone());
        match self.decided {
            None => {
                let first = (rest, start);
                let (images, bytes) = match self.firsts.get(&first) {
                    Some(known) => known.clone(),
                    None => {
                        let counted = self.by_levels(counting, rest, first.1.clone());
                        self.built += bytes_of(&first.1, &counted.0);
                        self.firsts.insert(first, counted.clone());
                        counted
                    }
                };
                (self.states, self.decided) = (bytes, Some(bytes <= self.most));
                images
            }
            Some(false) => BigUint::default(),
            Some(true) if left.len() > DEPTH_MAX => self.by_levels(counting, rest, start).0,
            Some(true) => self.of(counting, (rest, start, true)),
        }
    }

    /// The number of a rest, and what it depends on.
    fn rest(&mut self, link: Link) -> Rest {
        if let Some(&known) = self.rests.get(&link) {
            return known;
        }
        let mut needed: Vec<Latent> = Vec::new();
        if link.next != END {
            let why = self.contents(link.sector as Shape).iter().flat_map(|(_, why)| why);
            needed.extend(why.flatten().map(|(latent, _)| *latent));
            needed.extend_from_slice(&self.links[link.next as usize].1);
            needed.sort_unstable();
            needed.dedup();
        }
        let number = self.links.len() as Rest;
        self.built += 2 * size_of::<(Link, Rest)>() as u64 + size_of_val(&needed[..]) as u64;
        self.links.push((link.clone(), needed.into()));
        self.rests.insert(link, number);
        number
    }

    /// What of the knowledge matters to a rest.
    fn narrowed(&self, rest: Rest, worlds: Worlds) -> Worlds {
        let needed = &self.links[rest as usize].1;
        worlds.project(|latent| needed.binary_search(latent).is_ok())
    }

    /// What the contents of the first sector of a rest lead to: states of the rest behind it, each with
    /// the number of contents.
    fn behind(
        &self,
        counting: &Counting<'_>,
        link: &Link,
        (worlds, all_of_class): (&Worlds, bool),
    ) -> SmallVec<[(Worlds, bool, u128); 4]> {
        let mut behind: SmallVec<[(Worlds, bool, u128); 4]> = SmallVec::new();
        for (number, (many, why)) in (0..).zip(self.contents(link.sector as Shape)) {
            if link.left.denied.contains(&number) {
                continue;
            }
            // A clause begins anew behind its last sector, and does not hold where all are of their class.
            let all_of_class = match &link.left.clause {
                None => true,
                Some((class, last)) => match (all_of_class && class.contains(&number), last) {
                    (true, true) => continue,
                    (all, false) => all,
                    (false, true) => true,
                },
            };
            let Some(worlds) = worlds.and(why, counting.budget) else { continue };
            let worlds = self.narrowed(link.next, worlds);
            let same =
                |known: &&mut (Worlds, bool, u128)| (known.1, &known.0) == (all_of_class, &worlds);
            match behind.iter_mut().find(same) {
                Some((.., contents)) => *contents += many,
                None => behind.push((worlds, all_of_class, *many)),
            }
        }
        behind
    }

    fn of(&mut self, counting: &Counting<'_>, state: State) -> BigUint {
        let link = self.links[state.0 as usize].0.clone();
        if link.next == END {
            return (counting.alike)(&state.1, link.sector);
        }
        if let Some(known) = self.known.get(&state) {
            return known.clone();
        }
        let behind = self.behind(counting, &link, (&state.1, state.2));
        let images = behind
            .into_iter()
            .map(|(worlds, all, many)| self.of(counting, (link.next, worlds, all)) * many)
            .sum::<BigUint>();
        self.bytes += bytes_of(&state.1, &images);
        if self.bytes > self.most {
            self.known.clear();
            self.bytes = 0;
        }
        self.known.insert(state, images.clone());
        images
    }

    /// The count from the front, with the bytes of its states; it ends as soon as those are too many.
    fn by_levels(&self, counting: &Counting<'_>, mut rest: Rest, start: Worlds) -> (BigUint, u64) {
        let mut states = BTreeMap::from([((start, true), BigUint::from(1u32))]);
        let mut bytes = 0;
        loop {
            let each =
                |((worlds, _), images): (&(Worlds, bool), &BigUint)| bytes_of(worlds, images);
            bytes += states.iter().map(each).sum::<u64>();
            if bytes > self.most {
                return (BigUint::default(), bytes);
            }
            let link = &self.links[rest as usize].0;
            if link.next == END {
                let each = |((worlds, _), images): (&(Worlds, bool), &BigUint)| {
                    images * (counting.alike)(worlds, link.sector)
                };
                return (states.iter().map(each).sum(), bytes);
            }
            let mut next: BTreeMap<(Worlds, bool), BigUint> = BTreeMap::new();
            for ((worlds, all), images) in &states {
                for (worlds, all, many) in self.behind(counting, link, (worlds, *all)) {
                    *next.entry((worlds, all)).or_default() += images * many;
                }
            }
            (states, rest) = (next, link.next);
        }
    }

    /// Bytes of the states that the first count met, once. Where that is more than the share of the
    /// memory, the count was given up.
    pub fn take_states(&mut self) -> u64 {
        std::mem::take(&mut self.states)
    }
}

fn bytes_of(worlds: &Worlds, images: &BigUint) -> u64 {
    NODE_BYTES + size_of::<(State, BigUint)>() as u64 + worlds.kept_bytes() + images.bits() / 8
}

#[cfg(test)]
mod tests {
    use smallvec::smallvec;

    use super::*;
    use crate::disk::worlds::{Range, World};

    const BUDGET: Budget = Budget { strikes: 2, flips: 0, lost: 0, rollbacks: 0, absent: 0 };

    /// A sector whole in one of two ways, or struck.
    fn sector(lba: u32) -> Vec<(u128, Why)> {
        let struck = (Latent::Strike { cut: 0, lba: u64::from(lba) }, Range::of(1, 1));
        vec![
            (1, smallvec![World::new()]),
            (1, smallvec![World::new()]),
            (3, smallvec![World::from_iter([struck])]),
        ]
    }

    fn counted(residuals: &mut Residuals, left: &[(u32, Left)]) -> u64 {
        (0..12).for_each(|lba| assert_eq!(residuals.shape(sector(lba)), lba));
        let alike = |_: &Worlds, sectors: u64| BigUint::from(sectors);
        let counting = Counting { budget: BUDGET, alike: &alike };
        residuals.count(&counting, left, 1, &Worlds::default()).try_into().unwrap()
    }

    /// All sectors from `from` on, the first of which is not whole in the first way if `denied`.
    fn left(from: u32, denied: bool) -> Vec<(u32, Left)> {
        let denied = |at| if denied && at == from { &[0][..] } else { &[] };
        let of = |at| Left { denied: DeniedOf::from_slice(denied(at)), clause: None };
        (from..12).map(|at| (at, of(at))).collect()
    }

    #[test]
    fn a_clause_leaves_out_the_images_in_which_all_its_sectors_are_of_their_class() {
        // Sectors 4 to 7, whole in either way: of their class is whole in the first way.
        let mut all = left(0, false);
        for (at, left) in &mut all[4..8] {
            left.clause = Some((DeniedOf::from_slice(&[0]), *at == 7));
        }
        let mut passing = left(0, false);
        for (_, left) in &mut passing[4..8] {
            left.denied = DeniedOf::from_slice(&[1, 2]);
        }
        let count = |left: &[(u32, Left)]| counted(&mut Residuals::default(), left);
        assert_eq!(count(&all), count(&left(0, false)) - count(&passing));
        let mut residuals = Residuals::default();
        counted(&mut residuals, &left(0, false));
        assert_eq!(counted(&mut residuals, &all), count(&all), "and so does what is remembered");
    }

    #[test]
    fn what_is_remembered_is_what_a_count_from_nothing_finds() {
        let choose = |n: u64, k: u64| (0..k).fold(1, |ways, i| ways * (n - i) / (i + 1));
        let by_hand = |n: u64| {
            (0..=2.min(n)).map(|k| (choose(n, k) * 3u64.pow(k as u32)) << (n - k)).sum::<u64>()
        };
        for most in [MEMORY_MAX, COUNTING_SHARE * 100_000] {
            let mut residuals = Residuals::within(most);
            for from in [0, 7, 3, 0, 11, 3] {
                let n = 12 - u64::from(from);
                assert_eq!(counted(&mut residuals, &left(from, false)), by_hand(n), "{from}");
                let fewer = by_hand(n) - by_hand(n - 1);
                assert_eq!(counted(&mut residuals, &left(from, true)), fewer, "{from}");
                assert_eq!(counted(&mut Residuals::within(most), &left(from, true)), fewer);
            }
        }
    }

    #[test]
    fn what_is_remembered_of_one_universe_holds_for_the_next() {
        let about = (BUDGET, 0, 8);
        let mut residuals = Residuals::default();
        for (from, denied) in [(0, false), (5, true), (0, true), (0, false)] {
            residuals.begin(MEMORY_MAX, about);
            let mut fresh = Residuals::default();
            let both = [&mut residuals, &mut fresh].map(|r| counted(r, &left(from, denied)));
            assert_eq!(both[0], both[1], "{from} {denied}");
            assert_eq!(residuals.take_states(), fresh.take_states(), "{from} {denied}");
        }
        // What no knowledge is kept of any more is counted again.
        residuals.begin(MEMORY_MAX, (Budget { strikes: 1, ..BUDGET }, 0, 8));
        assert!(residuals.known.is_empty() && residuals.firsts.is_empty());
    }

    #[test]
    fn the_first_count_decides_whether_there_is_too_much_to_count() {
        let mut small = Residuals::within(COUNTING_SHARE * 1000);
        assert_eq!(counted(&mut small, &left(0, false)), 0);
        assert!(small.take_states() > 1000 && small.take_states() == 0);
        assert_eq!(counted(&mut small, &left(11, false)), 0, "given up is given up");
    }
}
