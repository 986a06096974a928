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
//! Under damage at rest an image is the medium as it reads in the life after the cut (`readings.rs`).
//!
//! What it is not: a list. No image is made.

use std::collections::BTreeMap;

use num_bigint::BigUint;

use super::arena::ContentId;
use super::at_rest::AtRest;
use super::product::Product;
use super::readings;
use super::undecided::{self, Content};
use super::worlds::{Latent, World, Worlds, merged};
use super::{Disk, trace};

/// The sectors of a disk that may hold more than one content, as of a cut.
#[derive(Clone, Debug, Default)]
pub struct Universe {
    /// Of an independent device.
    product: Product,
    /// Of any other.
    sectors: Vec<Sector>,
    /// Images that were counted, by sectors left, contents denied, and state of knowledge.
    known: BTreeMap<Known, BigUint>,
}

type Known = (Vec<u32>, u64, Vec<(u32, u32)>, Worlds);

#[derive(Clone, Debug)]
struct Sector {
    lba: u64,
    /// What explains each content, and how many are explained so.
    contents: Vec<(u64, Vec<World>)>,
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

impl Disk {
    /// The sectors that are open after the last cut. Costs as much as reading them all once.
    pub fn universe(&mut self) -> Universe {
        let mut universe = Universe::default();
        self.universe_into(&mut universe);
        universe
    }

    /// [`Disk::universe`], with the memory of one that is not needed any more.
    pub fn universe_into(&mut self, into: &mut Universe) {
        if self.rules.independent {
            self.product(&mut into.product);
            return;
        }
        let mut universe = Universe::default();
        let arena = self.trace.arena.len();
        let mut open = self.open();
        if self.rules.contract.damages_at_rest() {
            // What cannot be read since an earlier cut is not damaged further.
            open.extend(self.trace.touched());
            open.sort_unstable();
            open.dedup();
            open.retain(|&lba| !self.is_decided(lba));
        }
        for lba in open {
            let (worlds, denied) = (Worlds::default(), &self.denied);
            let (options, _) =
                undecided::coupled(&mut self.trace, &self.rules, &worlds, denied, lba);
            if self.rules.contract.damages_at_rest() {
                universe.sectors.extend(self.at_rest(lba, options));
                continue;
            }
            let held = options.iter().map(|option| {
                let id = option.content;
                if id == ContentId::UNREADABLE || (id.0 as usize) < arena {
                    Held::Kept(id)
                } else {
                    Held::Made(self.trace.arena.get(id).into())
                }
            });
            let held = held.collect();
            let contents = options.into_iter().map(|option| (1, merged(option.why))).collect();
            universe.sectors.push(Sector { lba, contents, held });
        }
        self.trace.arena.truncate(arena);
        self.verified.truncate(arena as u32);
        *into = universe;
    }

    /// A sector with damage at rest laid over what the cut may have left there; `None` if that is one
    /// certain content, as it is nearly everywhere.
    fn at_rest(&mut self, lba: u64, mut options: Vec<Content>) -> Option<Sector> {
        let certain =
            |o: &Content| o.content != ContentId::UNREADABLE && o.why.contains(&World::new());
        if let [option] = &options[..]
            && certain(option)
        {
            return None;
        }
        let at = (self.trace.cuts.len() as u32 - 1, lba);
        let (worlds, budget) = (Worlds::default(), self.rules.budget);
        let rest = AtRest::new(&self.trace.arena, &worlds, budget, at, &mut options);
        let mut contents = rest.groups(&mut self.trace.arena, at, &options);
        contents.extend(options.into_iter().map(|option| (1, option.why)));
        let merge = |(many, why)| (many, merged(why));
        let contents = contents.into_iter().map(merge).collect();
        Some(Sector { lba, contents, held: Vec::new() })
    }

    /// The sectors that are open, in order of address.
    pub(super) fn open(&self) -> Vec<u64> {
        let mut open = Vec::new();
        self.open_sectors(&mut |lba| open.push(lba));
        open.sort_unstable();
        open.dedup();
        open.retain(|&lba| !self.is_decided(lba));
        open
    }

    /// Names the sectors that some command at risk at some cut may have changed, some more than once.
    pub(super) fn open_sectors(&self, tell: &mut dyn FnMut(u64)) {
        let (mut cuts, mut cut) = (self.trace.cuts.iter(), None::<&trace::Cut>);
        for command in &self.trace.commands {
            while cut.is_none_or(|cut| command.call >= cut.calls) {
                match cuts.next() {
                    Some(next) => cut = Some(next),
                    None => break,
                }
            }
            let Some(cut) = cut.filter(|cut| command.call < cut.calls) else { break };
            let stable = command.stable_from <= cut.from;
            let for_good = !self.rules.contract.goes_back() || command.call < cut.settled;
            if command.call > cut.at || stable && for_good {
                continue;
            }
            let domain = self.rules.domain_sectors;
            let first = command.lba / domain * domain;
            let end = (command.lba + u64::from(command.sectors)).next_multiple_of(domain);
            (first..end.min(self.geometry.sectors)).for_each(&mut *tell);
        }
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

    /// Sectors that were neither read nor written since the last cut.
    fn undecided(&self) -> u64 {
        let begun = self.trace.life_version;
        let since = &self.trace.versions[begun as usize..];
        let first = |prev| prev == trace::NONE || prev < begun;
        let decided = since.iter().filter(|version| first(version.prev)).count();
        self.geometry.sectors - decided as u64
    }

    /// Whether a sector was read or written since the last cut.
    #[inline]
    pub(super) fn is_decided(&self, lba: u64) -> bool {
        let newest = self.trace.newest(lba);
        newest != trace::NONE && newest >= self.trace.life_version
    }
}

impl Universe {
    /// The images that agree with what was read since the cut, if it came at crash point `at`.
    pub fn images(&mut self, disk: &Disk, at: u32) -> BigUint {
        let mut images = BigUint::default();
        self.add_images(disk, at, &mut images);
        images
    }

    /// [`Universe::images`], added to others.
    pub fn add_images(&mut self, disk: &Disk, at: u32, to: &mut BigUint) {
        if disk.rules.independent {
            self.product.add(disk, at, to);
        } else {
            *to += self.summed(disk);
        }
    }

    fn summed(&mut self, disk: &Disk) -> BigUint {
        let open = |&at: &u32| !disk.is_decided(self.sectors[at as usize].lba);
        let left: Vec<u32> = (0..self.sectors.len() as u32).filter(open).collect();
        let needed = self.needed(&left);
        let start = disk.worlds.project(|latent| needed.contains_key(latent));
        // Those of which nothing was open.
        let alike = match disk.rules.contract.damages_at_rest() {
            true => disk.undecided() - left.len() as u64,
            false => 0,
        };
        let mut denied = Vec::new();
        for &at in &left {
            let sector = &self.sectors[at as usize];
            let all = 0..sector.held.len() as u32;
            denied.extend(all.filter(|&i| disk.denies(sector, i as usize)).map(|i| (at, i)));
        }
        let key = (left, alike, denied, start);
        if let Some(known) = self.known.get(&key) {
            return known.clone();
        }
        let (left, alike, denied, start) = key;
        let mut states = BTreeMap::from([(start.clone(), BigUint::from(1u32))]);
        for (step, &at) in left.iter().enumerate() {
            let contents = &self.sectors[at as usize].contents;
            let mut next: BTreeMap<Worlds, BigUint> = BTreeMap::new();
            for (worlds, images) in &states {
                for (i, (many, why)) in (0..).zip(contents) {
                    if denied.contains(&(at, i)) {
                        continue;
                    }
                    let Some(worlds) = worlds.and(why, disk.rules.budget) else { continue };
                    // What no later sector depends on makes no difference any more.
                    let worlds =
                        worlds.project(|latent| needed.get(latent).is_some_and(|&n| n > step));
                    *next.entry(worlds).or_default() += images * *many;
                }
            }
            states = next;
        }
        let (budget, cut) = (disk.rules.budget, disk.cuts() - 1);
        let bits = 8 * u64::from(disk.geometry.logical_bytes);
        let beside = |worlds: &Worlds| readings::of_alike(worlds, budget, cut, alike, bits);
        let images = states.iter().map(|(worlds, images)| images * beside(worlds));
        let images = images.sum::<BigUint>();
        self.known.insert((left, alike, denied, start), images.clone());
        images
    }

    /// Which latents the contents of the sectors `left` depend on: the last of them to do so.
    fn needed(&self, left: &[u32]) -> BTreeMap<Latent, usize> {
        let mut needed = BTreeMap::new();
        for (step, &at) in left.iter().enumerate() {
            let contents = &self.sectors[at as usize].contents;
            let why = contents.iter().flat_map(|(_, why)| why).flatten();
            let latents = why.map(|(latent, _)| *latent);
            needed.extend(latents.map(|latent| (latent, step)));
        }
        needed
    }
}
