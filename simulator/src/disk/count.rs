//! How many images the medium may hold: exactly.
//!
//! The one idea: a leaf stands for every image that agrees with what it read, so a proof can say how
//! many crash states it covered, and can check itself: the numbers of the leaves must add up to the
//! number of all. An image with a denied content (`denied.rs`) does not agree. Where sectors are independent that number is a product. Elsewhere it is summed up
//! sector by sector over the states of knowledge (`worlds.rs`): each content of a sector leads from
//! one state to another or is impossible in it, so every image is counted by the one path that its
//! contents take, however many explanations it has.
//!
//! Invariant: at a cut, before anything is read, [`Universe::images`] is the number of distinct
//! images that the contract allows; after some reads, of those that agree with them.
//!
//! What it is not: a count of damage at rest. That is not in an image, it comes with reading; under
//! contracts that have it nothing is counted.

use std::collections::BTreeMap;

use num_bigint::BigUint;

use super::arena::ContentId;
use super::remembered::Remembered;
use super::undecided::{self, Choice};
use super::worlds::{Latent, World, Worlds};
use super::{Disk, trace};

/// The sectors of a disk that may hold more than one content, as of a cut.
#[derive(Clone, Debug, Default)]
pub struct Universe {
    sectors: Vec<Sector>,
    /// Images that were counted.
    known: Remembered,
    /// Bytes of the sectors.
    bytes: u64,
}

#[derive(Clone, Debug)]
struct Sector {
    lba: u64,
    contents: Contents,
    /// What each of them reads as.
    held: Vec<Held>,
}

/// A content, as long as a universe is of use.
#[derive(Clone, Debug)]
enum Held {
    /// One that the disk keeps, or none that can be read.
    Kept(ContentId),
    /// One that was made to be counted, such as a mix: the disk forgets it.
    Made(Box<[u8]>),
}

#[derive(Clone, Debug)]
enum Contents {
    /// Of an independent device: the crash points at which each is possible.
    Windows(Vec<(u32, u32)>),
    /// Of any other: what explains each.
    Explained(Vec<Vec<World>>),
}

impl Disk {
    /// The sectors that are open after the last cut; `None` where there is damage at rest. Costs
    /// as much as reading them all once.
    pub fn universe(&mut self) -> Option<Universe> {
        if self.rules.contract.damages_at_rest() {
            return None;
        }
        let known = Remembered::within(self.memory_max);
        let mut universe = Universe { known, ..Universe::default() };
        let arena = self.trace.arena.len();
        let mut choices: Vec<Choice> = Vec::new();
        for lba in self.open_sectors() {
            let ids: Vec<ContentId>;
            let contents = if self.rules.independent {
                undecided::independent(&self.trace, &self.denied, lba, &mut choices);
                ids = choices.iter().map(|choice| choice.content).collect();
                Contents::Windows(choices.iter().map(|choice| choice.window).collect())
            } else {
                let (worlds, denied) = (Worlds::default(), &self.denied);
                let (options, _) =
                    undecided::coupled(&mut self.trace, &self.rules, &worlds, denied, lba);
                ids = options.iter().map(|option| option.content).collect();
                Contents::Explained(options.into_iter().map(|option| option.why).collect())
            };
            let held = ids.into_iter().map(|id| {
                if id == ContentId::UNREADABLE || (id.0 as usize) < arena {
                    Held::Kept(id)
                } else {
                    Held::Made(self.trace.arena.get(id).into())
                }
            });
            let held = held.collect();
            let sector = Sector { lba, contents, held };
            universe.bytes += sector.kept_bytes();
            universe.sectors.push(sector);
        }
        self.trace.arena.truncate(arena);
        self.verified.truncate(arena as u32);
        Some(universe)
    }

    /// Sectors that some command at risk at some cut may have changed, in order of address.
    fn open_sectors(&self) -> Vec<u64> {
        let mut sectors = Vec::new();
        let (mut cuts, mut cut) = (self.trace.cuts.iter(), None::<&trace::Cut>);
        for command in &self.trace.commands {
            while cut.is_none_or(|cut| command.call >= cut.calls) {
                match cuts.next() {
                    Some(next) => cut = Some(next),
                    None => break,
                }
            }
            let Some(cut) = cut.filter(|cut| command.call < cut.calls) else { break };
            if command.call > cut.at || command.stable_from <= cut.from {
                continue;
            }
            let domain = self.rules.domain_sectors;
            let first = command.lba / domain * domain;
            let end = (command.lba + u64::from(command.sectors)).next_multiple_of(domain);
            sectors.extend(first..end.min(self.geometry.sectors));
        }
        sectors.sort_unstable();
        sectors.dedup();
        sectors.retain(|&lba| !self.is_decided(lba));
        sectors
    }

    /// Whether content `number` of a sector as of the last cut was denied since.
    fn denies(&self, sector: &Sector, number: usize) -> bool {
        let (cut, arena) = (self.trace.cuts.len() as u32, &self.trace.arena);
        self.denied.all().iter().any(|denial| {
            (denial.lba, denial.cut) == (sector.lba, cut)
                && match &sector.held[number] {
                    Held::Kept(content) => arena.same(*content, denial.content),
                    Held::Made(bytes) => {
                        denial.content != ContentId::UNREADABLE
                            && arena.get(denial.content) == &**bytes
                    }
                }
        })
    }

    /// Whether a sector was read or written since the last cut.
    fn is_decided(&self, lba: u64) -> bool {
        let newest = self.trace.newest(lba);
        newest != trace::NONE && newest >= self.trace.life_version
    }
}

impl Universe {
    /// The images that agree with what was read since the cut, if it came at crash point `at`.
    pub fn images(&mut self, disk: &Disk, at: u32) -> BigUint {
        if disk.rules.independent { self.product(disk, at) } else { self.summed(disk) }
    }

    fn product(&self, disk: &Disk, at: u32) -> BigUint {
        let (mut big, mut small) = (BigUint::from(1u32), 1u64);
        for sector in self.sectors.iter().filter(|sector| !disk.is_decided(sector.lba)) {
            let Contents::Windows(windows) = &sector.contents else { continue };
            let possible =
                |(i, w): &(usize, &(u32, u32))| w.0 <= at && at <= w.1 && !disk.denies(sector, *i);
            let possible = windows.iter().enumerate().filter(possible).count() as u64;
            small = match small.checked_mul(possible) {
                Some(product) => product,
                None => {
                    big *= small;
                    possible
                }
            };
        }
        big * small
    }

    fn summed(&mut self, disk: &Disk) -> BigUint {
        let open = |&at: &u32| !disk.is_decided(self.sectors[at as usize].lba);
        let left: Vec<u32> = (0..self.sectors.len() as u32).filter(open).collect();
        let needed = self.needed(&left);
        let start = disk.worlds.project(|latent| needed.contains_key(latent));
        let mut denied = Vec::new();
        for &at in &left {
            let sector = &self.sectors[at as usize];
            let all = 0..sector.held.len() as u32;
            denied.extend(all.filter(|&i| disk.denies(sector, i as usize)).map(|i| (at, i)));
        }
        let key = (left, denied, start);
        if let Some(known) = self.known.get(&key) {
            return known.clone();
        }
        let (left, denied, start) = key;
        let mut states = BTreeMap::from([(start.clone(), BigUint::from(1u32))]);
        for (step, &at) in left.iter().enumerate() {
            let Contents::Explained(contents) = &self.sectors[at as usize].contents else {
                continue;
            };
            let mut next: BTreeMap<Worlds, BigUint> = BTreeMap::new();
            for (worlds, images) in &states {
                for (i, why) in (0..).zip(contents) {
                    if denied.contains(&(at, i)) {
                        continue;
                    }
                    let Some(worlds) = worlds.and(why, disk.rules.budget) else { continue };
                    // What no later sector depends on makes no difference any more.
                    let worlds =
                        worlds.project(|latent| needed.get(latent).is_some_and(|&n| n > step));
                    *next.entry(worlds).or_default() += images;
                }
            }
            states = next;
            if self.known.too_many(&states) {
                return BigUint::default();
            }
        }
        let images: BigUint = states.into_values().sum();
        self.known.insert((left, denied, start), images.clone());
        images
    }

    /// Which latents the contents of the sectors `left` depend on: the last of them to do so.
    fn needed(&self, left: &[u32]) -> BTreeMap<Latent, usize> {
        let mut needed = BTreeMap::new();
        for (step, &at) in left.iter().enumerate() {
            let Contents::Explained(contents) = &self.sectors[at as usize].contents else {
                continue;
            };
            let latents = contents.iter().flatten().flatten().map(|&(latent, _)| latent);
            needed.extend(latents.map(|latent| (latent, step)));
        }
        needed
    }
}

/// What a search wants to know of it besides numbers of images.
impl Universe {
    /// Bytes kept, but for what is remembered.
    #[must_use]
    pub fn kept_bytes(&self) -> u64 {
        self.bytes
    }

    /// The bytes of the largest set of states of a count since this was asked. A count that needed
    /// more than its share of the memory was given up: its number is 0.
    pub fn take_states(&mut self) -> u64 {
        self.known.take_states()
    }

    /// If the cut came at crash point `at`: the sectors that might then have held several contents,
    /// and those of them that nobody knows yet.
    #[must_use]
    pub fn at_risk(&self, disk: &Disk, at: u32) -> (u32, u32) {
        let several = |sector: &&Sector| match &sector.contents {
            Contents::Windows(windows) => {
                windows.iter().filter(|w| w.0 <= at && at <= w.1).nth(1).is_some()
            }
            Contents::Explained(contents) => contents.len() > 1,
        };
        let mut counted = (0, 0);
        for sector in self.sectors.iter().filter(several) {
            counted.0 += 1;
            counted.1 += u32::from(!disk.is_decided(sector.lba));
        }
        counted
    }
}

impl Sector {
    fn kept_bytes(&self) -> u64 {
        let contents = match &self.contents {
            Contents::Windows(windows) => size_of_val(&windows[..]),
            Contents::Explained(contents) => {
                let of = |world: &World| size_of::<World>() + size_of_val(&world[..]);
                contents.iter().flatten().map(of).sum()
            }
        };
        let made = |held: &Held| match held {
            Held::Kept(_) => 0,
            Held::Made(bytes) => bytes.len(),
        };
        let held = size_of_val(&self.held[..]) + self.held.iter().map(made).sum::<usize>();
        (size_of::<Sector>() + contents + held) as u64
    }
}
