//! How many images the medium may hold: exactly.
//!
//! The one idea: a leaf stands for every image that agrees with what it read, so a proof can say how
//! many crash states it covered, and can check itself: the numbers of the leaves must add up to the
//! number of all. An image with a denied content (`denied.rs`) does not agree. A sector that was
//! written over before it was read told nothing: it counts with all that it may have held.
//!
//! Where sectors are independent that number is a product. Elsewhere it is summed up sector by sector
//! over the states of knowledge (`worlds.rs`): each content of a sector leads from one state to another
//! or is impossible in it, so every image is counted by the one path that its contents take, however
//! many explanations it has.
//!
//! Invariant: at a cut, before anything is read, [`Universe::images`] is the number of distinct
//! images that the contract allows; after some reads, of those that agree with them.
//!
//! Under damage at rest an image is the medium as it reads in the life after the cut (`readings.rs`).
//!
//! What it is not: a list. No image is made.

use num_bigint::BigUint;
use smallvec::smallvec;

use super::arena::ContentId;
use super::boxes::bytes_of;
use super::product::Product;
use super::readings;
use super::residuals::{About, Contents, Counting, DeniedOf, Left, Residuals, Shape};
use super::rested::Rested;
use super::undecided::Content;
use super::worlds::{Why, World, merged};
use super::{Disk, ground, trace};
use crate::choose::Label;

/// The sectors of a disk that may hold more than one content, as of a cut.
#[derive(Clone, Debug, Default)]
pub struct Universe {
    /// Of an independent device.
    product: Product,
    /// Of any other.
    pub(super) sectors: Vec<Sector>,
    /// Images that were counted.
    pub(super) residuals: Residuals,
    /// Bytes of the sectors.
    bytes: u64,
}

/// What explains the contents of a sector, each so many, and what they read as.
type AtRestOf = (Vec<(u128, Why)>, Vec<ContentId>);

fn of_rested(rested: &Rested) -> AtRestOf {
    rested.entries().map(|(many, why, held)| ((many, why), held)).unzip()
}

/// A sector that is open.
#[derive(Clone, Debug)]
pub(super) struct Sector {
    pub(super) lba: u64,
    /// What explains its contents.
    pub(super) shape: Shape,
    /// What each of them reads as.
    pub(super) held: Vec<ContentId>,
}

impl Disk {
    /// The sectors that are open after the last cut. Costs as much as reading them all once. It is of use
    /// until the disk is rewound to a mark that was made before.
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
        into.sectors.clear();
        into.bytes = 0;
        into.residuals.begin(self.memory_max, self.about());
        let mut open = self.open();
        if self.rules.contract.damages_at_rest() {
            // What cannot be read since an earlier cut is not damaged further.
            open.extend(self.trace.with_own(0, self.geometry.sectors));
            open.sort_unstable();
            open.dedup();
        }
        for lba in open {
            let listed = self.listed(lba);
            let (options, _) = self.possible(lba, &listed, false);
            if self.rules.contract.damages_at_rest() {
                if let Some((contents, held)) = self.at_rest(lba, &options) {
                    into.add(lba, contents, held);
                }
                continue;
            }
            let held = options.iter().map(|option| option.content).collect();
            let contents = options.into_iter().map(|option| (1, merged(option.why))).collect();
            into.add(lba, contents, held);
        }
    }

    /// What explains the contents of a sector with damage at rest laid over what the cut may have left
    /// there, and what they read as; `None` if that is one certain content, as it is nearly everywhere.
    fn at_rest(&mut self, lba: u64, options: &[Content]) -> Option<AtRestOf> {
        let arena = &self.trace.arena;
        let certain = |o: &Content| {
            let known = o.content != ContentId::UNREADABLE && arena.ways(o.content).is_none();
            known && o.why.contains(&World::new())
        };
        if let [option] = options
            && certain(option)
        {
            return None;
        }
        Some(of_rested(&self.rested(lba)))
    }

    /// What numbers of images depend on besides the sectors.
    fn about(&self) -> About {
        (self.rules.budget, self.cuts() - 1, 8 * u64::from(self.geometry.logical_bytes))
    }

    /// The sectors that are open, in order of address.
    pub(super) fn open(&self) -> Vec<u64> {
        let mut open = Vec::new();
        self.open_sectors(&mut |lba| open.push(lba));
        open.sort_unstable();
        open.dedup();
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
            let end = command.lba + u64::from(command.sectors);
            if command.same && self.rules.independent {
                // The others hold the same whatever became of it (`live/same.rs`).
                self.trace.with_own(command.lba, end).for_each(&mut *tell);
                continue;
            }
            let domain = self.rules.domain_sectors;
            let first = command.lba / domain * domain;
            let end = end.next_multiple_of(domain);
            (first..end.min(self.geometry.sectors)).for_each(&mut *tell);
        }
    }

    /// The contents of a sector as of the last cut that were denied since, by number.
    fn denied_of(&self, sector: &Sector) -> DeniedOf {
        let (cut, arena) = (self.trace.cuts.len() as u32, &self.trace.arena);
        let mut denied = DeniedOf::new();
        for denial in self.denied.all() {
            if (denial.lba, denial.cut) != (sector.lba, cut) {
                continue;
            }
            let is = |held: ContentId| arena.same(held, denial.content);
            let same = (0..).zip(&sector.held).filter(|&(_, &held)| is(held));
            denied.extend(same.map(|(number, _)| number));
        }
        denied.sort_unstable();
        denied.dedup();
        denied
    }

    /// The sectors of which nothing was open at the cut and nobody was told what they hold, but something of what
    /// became of them at rest.
    fn told_in_part(&self, sectors: &[Sector], residuals: &mut Residuals) -> Vec<Sector> {
        if !self.rules.contract.damages_at_rest() || !self.clauses.allowed {
            return Vec::new();
        }
        let of_clauses = self.open_clauses().flatten().map(|literal| literal.lba);
        let denied = self.denied.all().iter().filter(|denial| denial.cut == self.cuts());
        let mut lbas: Vec<u64> = of_clauses.chain(denied.map(|denial| denial.lba)).collect();
        lbas.sort_unstable();
        lbas.dedup();
        let is_open = |lba: &u64| sectors.binary_search_by_key(lba, |sector| sector.lba).is_ok();
        lbas.retain(|lba| !is_open(lba) && self.told(*lba).is_none());
        let at_rest = |lba| {
            let known = self.known_rested(lba);
            let rested = known.unwrap_or_else(|| {
                let content = ground::settled(&self.trace, &self.rules, lba);
                let settled = Content { content, label: Label::Old, why: smallvec![World::new()] };
                let at = (self.cuts() - 1, lba);
                Rested::new(&self.trace.arena, self.rules.budget, at, vec![settled]).into()
            });
            let (contents, held) = of_rested(&rested);
            Sector { lba, shape: residuals.shape(contents), held }
        };
        lbas.into_iter().map(at_rest).collect()
    }

    /// Says of sectors that are left which clause speaks of them, and puts those of a clause one behind
    /// the other.
    fn add_clauses(&self, sectors: &[&Sector], left: &mut Vec<(u32, Left)>) {
        if self.clauses.is_empty() {
            return;
        }
        let clauses: Vec<_> = self.open_clauses().collect();
        // By the first sector of its clause, or itself.
        let mut places: Vec<(u32, u32)> = left.iter().map(|&(at, _)| (at, at)).collect();
        for open in &clauses {
            let mut first = None;
            for ((place, at), (_, left)) in places.iter_mut().zip(&mut *left) {
                let sector = sectors[*at as usize];
                let Some(literal) = open.iter().find(|literal| literal.lba == sector.lba) else {
                    continue;
                };
                *place = *first.get_or_insert(*at);
                let is = |held: ContentId| self.in_class(literal, held);
                let class = (0..).zip(&sector.held).filter(|&(_, &held)| is(held));
                left.clause = Some((class.map(|(number, _)| number).collect(), false));
            }
        }
        let mut placed: Vec<_> = places.into_iter().zip(std::mem::take(left)).collect();
        placed.sort_by_key(|&(place, _)| place);
        for i in 0..placed.len() {
            let last = placed.get(i + 1).is_none_or(|next| next.0.0 != placed[i].0.0);
            if let Some((_, is_last)) = &mut placed[i].1.1.clause {
                *is_last = last;
            }
        }
        left.extend(placed.into_iter().map(|(_, sector)| sector));
    }

    /// Sectors of which nobody was told what they held after the last cut.
    fn untold(&self) -> u64 {
        let begun = self.trace.life_version;
        let since = &self.trace.versions[begun as usize..];
        let first = |prev| prev == trace::NONE || prev < begun;
        let told =
            since.iter().filter(|version| version.command == trace::NONE && first(version.prev));
        self.geometry.sectors - told.count() as u64
    }

    /// How many images there are of the sectors of which it was told that bits flipped.
    fn images_told(&self) -> BigUint {
        let mut images = BigUint::from(1u32);
        if self.rules.budget.flips == 0 {
            return images;
        }
        let versions = &self.trace.versions;
        let is_told = |version: &&trace::Version| version.command == trace::NONE;
        for (next, version) in (1..).zip(versions).skip(self.trace.life_version as usize) {
            let known = self.trace.arena.images(version.content);
            // Whoever asked further knows more.
            let mut told_later = versions[next..].iter().filter(is_told);
            if is_told(&version) && known > 1 && !told_later.any(|v| v.prev as usize == next - 1) {
                images *= known;
            }
        }
        images
    }

    /// What a sector was found to hold after the last cut, whatever was written there since; `None` if nobody
    /// was told. What was written over before it was read may have held anything.
    #[inline]
    pub(super) fn told(&self, lba: u64) -> Option<ContentId> {
        let newest = self.trace.newest(lba);
        if newest == trace::NONE || newest < self.trace.life_version {
            return None;
        }
        let version = &self.trace.versions[newest as usize];
        if version.command == trace::NONE {
            return Some(version.content);
        }
        self.told_before_written(lba, newest)
    }

    /// What was found is the oldest that there is of a sector in this life.
    #[cold]
    fn told_before_written(&self, lba: u64, newest: u32) -> Option<ContentId> {
        let mut at = newest;
        loop {
            let version = self.trace.versions[at as usize];
            if version.command == trace::NONE {
                return Some(version.content);
            }
            at = self.trace.older(lba, at, version.prev);
            if at == trace::NONE || at < self.trace.life_version {
                return None;
            }
        }
    }
}

impl Universe {
    /// Adds a sector with what explains its contents, and what they read as.
    fn add(&mut self, lba: u64, contents: Vec<(u128, Why)>, held: Vec<ContentId>) {
        let shape = self.residuals.shape(contents);
        let sector = Sector { lba, shape, held };
        self.bytes += sector.kept_bytes(self.residuals.contents(shape));
        self.sectors.push(sector);
    }

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
        let Universe { sectors, residuals, .. } = self;
        let rest = disk.told_in_part(sectors, residuals);
        let sectors: Vec<&Sector> = sectors.iter().chain(&rest).collect();
        let mut left = Vec::with_capacity(sectors.len());
        for (at, sector) in (0..).zip(&sectors) {
            if disk.told(sector.lba).is_none() {
                left.push((at, Left { denied: disk.denied_of(sector), clause: None }));
            }
        }
        disk.add_clauses(&sectors, &mut left);
        // Those of which nothing was open.
        let alike = match disk.rules.contract.damages_at_rest() {
            true => disk.untold() - left.len() as u64,
            false => 0,
        };
        let (budget, cut, bits) = disk.about();
        let counting = Counting {
            budget,
            alike: &|worlds, alike| readings::of_alike(worlds, budget, cut, alike, bits),
        };
        let shape = |(at, left): (u32, Left)| (sectors[at as usize].shape, left);
        let left: Vec<(Shape, Left)> = left.into_iter().map(shape).collect();
        // What was told of some sectors is that bits flipped, and not which.
        let told = disk.images_told();
        residuals.count(&counting, &left, alike, &disk.worlds) * told
    }
}

/// What a search wants to know of it besides numbers of images.
impl Universe {
    /// Bytes kept, but for what is remembered.
    #[must_use]
    pub fn kept_bytes(&self) -> u64 {
        self.bytes + self.product.kept_bytes()
    }

    /// The bytes that counting its images takes, once. Where that is more than its share of the memory,
    /// the count was given up: its number is 0.
    pub fn take_states(&mut self) -> u64 {
        self.residuals.take_states()
    }

    /// If the cut came at crash point `at`: the sectors that might then have held several contents,
    /// and those of them that nobody knows yet.
    #[must_use]
    pub fn at_risk(&self, disk: &Disk, at: u32) -> (u32, u32) {
        if disk.rules.independent {
            return self.product.at_risk(disk, at);
        }
        let mut counted = (0, 0);
        let several = |sector: &&Sector| self.residuals.contents(sector.shape).len() > 1;
        for sector in self.sectors.iter().filter(several) {
            counted.0 += 1;
            counted.1 += u32::from(disk.told(sector.lba).is_none());
        }
        counted
    }
}

impl Sector {
    fn kept_bytes(&self, contents: &Contents) -> u64 {
        let contents: u64 = contents.iter().flat_map(|(_, why)| why).map(bytes_of).sum();
        let held = size_of_val(&self.held[..]);
        (size_of::<Sector>() + held) as u64 + contents
    }
}
