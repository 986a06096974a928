//! The operational enumerator: every image that a contract allows after a power cut, literally.
//!
//! Method: (1) go through the calls of the life and note for every command whether it is stable
//! (rule 1). (2) Choose the strikes: at most `damage_max` domains, each with a command at risk.
//! (3) Choose for every command at risk which of its sectors persisted: all subsets, kept if the
//! shape and the atomic unit allow them (rule 2). (4) Compute `lo` and `hi` and drop what the order
//! forbids (rule 4). (5) Apply the stable commands, of which some may be lost and some
//! sectors rolled back (rule 11, `ground.rs`), and on them the persisted sectors, in the order of
//! submission (rule 6). (6) Let every sector of a struck domain keep what it has or take each of
//! its damaged contents, byte by byte (rule 5). Collect the images in a set. A cache of pages (rule 3)
//! and lines of stores (rule 10) are methods of their own.
//!
//! Invariant: written from the prose of `contract.rs`, rules 1 to 11, and from nothing else of the
//! product. Concrete bytes throughout; no versions, intervals or constraints.
//!
//! What it is not: fast. A limit on the work turns big cases away; it never cuts one short.

use std::cell::Cell;
use std::collections::BTreeSet;

use simulator::disk::contract::{CacheOrder, Contract, InnerTear, TearShape};

use crate::ground::grounds;
use crate::life::{Command, Life};
use crate::traces::Call;

/// A sector's content; `None` cannot be read.
pub type Sector = Option<Vec<u8>>;
/// What the medium holds.
pub type Image = Vec<Sector>;

/// The enumerator of a contract.
pub struct Model {
    pub contract: Contract,
    /// The fixed noise that stands for garbage.
    pub noise: Vec<u8>,
    /// Images and combinations looked at so far, over all calls of [`Model::images`].
    work: Cell<usize>,
}

/// Images and combinations beyond which a case is turned away.
const WORK_MAX: usize = 4_000;

/// A domain and the command that strikes it.
#[derive(Clone, Copy, Debug)]
struct Strike {
    domain: usize,
    command: usize,
}

impl Model {
    pub fn new(contract: &Contract, noise: Vec<u8>) -> Model {
        Model { contract: contract.clone(), noise, work: Cell::new(0) }
    }

    fn worked(&self, more: usize) -> Option<()> {
        self.work.set(self.work.get() + more);
        (self.work.get() <= WORK_MAX).then_some(())
    }

    fn bytes(&self) -> usize {
        self.contract.logical_bytes as usize
    }

    /// Every image after the power went during call `at` of a life that began with `base`; `None`
    /// if that is too much work.
    pub fn images(&self, base: &Image, calls: &[Call], at: usize) -> Option<BTreeSet<Image>> {
        let life = Life::new(&self.contract, calls, at);
        let pages = self.contract.page_bytes > self.contract.logical_bytes;
        let pages = pages && self.contract.order != CacheOrder::WriteThrough;
        let grounds = grounds(&self.contract, base, &life);
        self.worked(grounds.len())?;
        let mut found = BTreeSet::new();
        if pages || self.contract.store_bytes > 0 {
            for ground in &grounds {
                found.extend(if pages {
                    self.page_images(ground, &life)?
                } else {
                    self.store_images(ground, &life)?
                });
            }
            return Some(found);
        }
        for strikes in self.strike_sets(base.len(), &life)? {
            let mut fates = Vec::new();
            self.fates(&life, &strikes, &mut Vec::new(), &mut fates)?;
            for persisted in fates {
                for ground in &grounds {
                    self.apply((base, ground), &life, &strikes, &persisted, &mut found)?;
                }
            }
        }
        Some(found)
    }

    /// Rule 10: each line as it was after one of its stores at risk, or before them all; lines are
    /// independent.
    fn store_images(&self, ground: &Image, life: &Life) -> Option<BTreeSet<Image>> {
        let store = self.contract.store_bytes as usize;
        let mut images: BTreeSet<Image> = BTreeSet::from([ground.clone()]);
        for lba in 0..ground.len() {
            let mut line = ground[lba].clone();
            let mut states: BTreeSet<Sector> = BTreeSet::from([line.clone()]);
            for (number, command) in life.commands.iter().enumerate() {
                if command.stable || !command.writes(lba) || life.superseded(number, lba) {
                    continue;
                }
                let new = &command.data[lba - command.lba];
                // Nothing mixes with what cannot be read.
                for first in (0..self.bytes()).step_by(store) {
                    if let Some(bytes) = &mut line {
                        bytes[first..first + store].copy_from_slice(&new[first..first + store]);
                        states.insert(line.clone());
                    }
                }
                line = Some(new.clone());
                states.insert(line.clone());
            }
            self.worked(images.len() * states.len())?;
            let each = images.iter().flat_map(|image| {
                states.iter().map(|state| {
                    let mut image = image.clone();
                    image[lba].clone_from(state);
                    image
                })
            });
            images = each.collect();
        }
        Some(images)
    }

    /// Rule 2: whether a command persists whole or not at all.
    fn atomic(&self, command: &Command) -> bool {
        if self.contract.atomic_bytes == u32::MAX {
            return true;
        }
        let n = command.data.len();
        let naturally_aligned = n.is_power_of_two() && command.lba.is_multiple_of(n);
        naturally_aligned && n * self.bytes() <= self.contract.atomic_bytes as usize
    }

    /// Rule 4 for the lowest call that is not full and the highest that is not lost.
    fn order_allows(&self, life: &Life, lo: usize, hi: usize) -> bool {
        let order = match self.contract.order {
            CacheOrder::Prefix => hi <= lo,
            CacheOrder::Window(w) => hi < lo + w as usize,
            CacheOrder::Epoch | CacheOrder::Any | CacheOrder::WriteThrough => true,
        };
        order && !life.barriers.iter().any(|&barrier| lo < barrier && barrier <= hi)
    }

    fn domain(&self, lba: usize) -> usize {
        if self.contract.neighbours { lba / self.domain_sectors() } else { lba }
    }

    fn domain_sectors(&self) -> usize {
        if self.contract.neighbours {
            let bytes = self.contract.physical_bytes.max(self.contract.domain_bytes);
            (bytes / self.contract.logical_bytes) as usize
        } else {
            1
        }
    }

    /// Rule 5: every set of strikes, the empty one included.
    fn strike_sets(&self, sectors: usize, life: &Life) -> Option<Vec<Vec<Strike>>> {
        let mut sets: Vec<Vec<Strike>> = vec![Vec::new()];
        let damaging = self.contract.inner_tear != InnerTear::Never
            || self.contract.torn != Default::default();
        if !damaging {
            return Some(sets);
        }
        for domain in 0..=self.domain(sectors - 1) {
            let with: Vec<Strike> = (0..life.commands.len())
                .filter(|&command| self.may_strike(life, domain, command))
                .map(|command| Strike { domain, command })
                .collect();
            for i in 0..sets.len() {
                if sets[i].len() as u64 >= u64::from(self.contract.damage_max) {
                    continue;
                }
                for &strike in &with {
                    let mut longer = sets[i].clone();
                    longer.push(strike);
                    sets.push(longer);
                }
            }
            self.worked(sets.len())?;
        }
        Some(sets)
    }

    fn may_strike(&self, life: &Life, domain: usize, command: usize) -> bool {
        let c = &life.commands[command];
        let writes_there = (c.lba..c.lba + c.data.len())
            .any(|lba| self.domain(lba) == domain && !life.superseded(command, lba));
        let strikes_nothing = c.data.len() > 1 && self.atomic(c);
        !c.stable && writes_there && !strikes_nothing
    }

    /// Chooses what persisted of the next command; keeps all choices that the rules allow.
    fn fates(
        &self,
        life: &Life,
        strikes: &[Strike],
        persisted: &mut Vec<u32>,
        fates: &mut Vec<Vec<u32>>,
    ) -> Option<()> {
        self.worked(1)?;
        let at = persisted.len();
        let Some(command) = life.commands.get(at) else {
            if self.keeps_order(life, strikes, persisted) {
                fates.push(persisted.clone());
            }
            return Some(());
        };
        let all = (1u32 << command.data.len()) - 1;
        let struck: Vec<usize> =
            strikes.iter().filter(|s| s.command == at).map(|s| s.domain).collect();
        for mask in 0..=all {
            let possible = match (command.stable, struck.is_empty()) {
                (true, _) => mask == all,
                (false, true) => self.shape_allows(command, mask),
                (false, false) => self.shape_allows_struck(command, mask, &struck),
            };
            if possible {
                persisted.push(mask);
                self.fates(life, strikes, persisted, fates)?;
                persisted.pop();
            }
        }
        Some(())
    }

    /// Rule 2 for a command that no strike of its own damages.
    fn shape_allows(&self, command: &Command, mask: u32) -> bool {
        let n = command.data.len() as u32;
        let all = (1u32 << n) - 1;
        if self.atomic(command) {
            return mask == 0 || mask == all;
        }
        let prefix = mask.trailing_ones() == mask.count_ones();
        let suffix = mask == all & !(all >> mask.count_ones());
        match self.contract.tear_shape {
            TearShape::Prefix => prefix,
            TearShape::PrefixOrSuffix => prefix || suffix,
            TearShape::Any => true,
        }
    }

    /// Rule 5, last sentence: a command of shape prefix or suffix stopped in every domain that it
    /// struck, or at an end of it.
    fn shape_allows_struck(&self, command: &Command, mask: u32, struck: &[usize]) -> bool {
        if self.contract.tear_shape == TearShape::Any {
            return true;
        }
        let n = command.data.len();
        let stopped_there = |stop: usize| {
            struck.iter().all(|&domain| {
                let here = (0..n).filter(|i| self.domain(command.lba + i) == domain);
                let (first, last) = (here.clone().min().unwrap(), here.max().unwrap());
                first <= stop && stop <= last + 1
            })
        };
        let has = |i: usize| mask >> i & 1 == 1;
        (0..=n).filter(|&stop| stopped_there(stop)).any(|stop| {
            let prefix = (0..n).all(|i| has(i) == (i < stop));
            let suffix = (0..n).all(|i| has(i) == (i >= stop));
            prefix || (suffix && self.contract.tear_shape == TearShape::PrefixOrSuffix)
        })
    }

    /// Rule 4.
    fn keeps_order(&self, life: &Life, strikes: &[Strike], persisted: &[u32]) -> bool {
        let (mut lo, mut hi) = (None, None);
        for (i, command) in life.commands.iter().enumerate() {
            if command.stable {
                continue;
            }
            let struck = strikes.iter().any(|s| s.command == i);
            let full = persisted[i] == (1 << command.data.len()) - 1 && !struck;
            let lost = persisted[i] == 0 && !struck;
            if !full && lo.is_none() {
                lo = Some(command.number);
            }
            if !lost {
                hi = Some(command.number);
            }
        }
        match (lo, hi) {
            (Some(lo), Some(hi)) => self.order_allows(life, lo, hi),
            _ => true,
        }
    }

    /// Rules 6 and 5: on the ground the persisted sectors that no stable write superseded, in order,
    /// then the damage. `base` is what the life began with.
    fn apply(
        &self,
        (base, ground): (&Image, &Image),
        life: &Life,
        strikes: &[Strike],
        persisted: &[u32],
        found: &mut BTreeSet<Image>,
    ) -> Option<()> {
        let holds = |lba: usize, until: usize| -> Sector {
            let mut content = ground[lba].clone();
            for (number, mask) in persisted[..until].iter().enumerate() {
                let command = &life.commands[number];
                let at_risk = !command.stable && command.writes(lba);
                if at_risk && !life.superseded(number, lba) && mask >> (lba - command.lba) & 1 == 1
                {
                    content = Some(command.data[lba - command.lba].clone());
                }
            }
            content
        };
        let all = life.commands.len();
        let mut images: Vec<Image> = vec![(0..base.len()).map(|lba| holds(lba, all)).collect()];
        for strike in strikes {
            let command = &life.commands[strike.command];
            for lba in (0..base.len()).filter(|&lba| self.domain(lba) == strike.domain) {
                let mut damaged: BTreeSet<Sector> = BTreeSet::new();
                if command.writes(lba) && !life.superseded(strike.command, lba) {
                    let later_persisted = (strike.command + 1..all).any(|later| {
                        let later_command = &life.commands[later];
                        later_command.writes(lba)
                            && persisted[later] >> (lba - later_command.lba) & 1 == 1
                    });
                    if !later_persisted {
                        let new = &command.data[lba - command.lba];
                        self.torn_contents(Some(new), &mut damaged);
                        self.stale((base, life), strike, lba, &mut damaged);
                        if let Some(below) = holds(lba, strike.command) {
                            self.mixes(new, &below, &mut damaged);
                        }
                    }
                } else {
                    self.torn_contents(None, &mut damaged);
                    self.stale((base, life), strike, lba, &mut damaged);
                }
                let whole = images.len();
                self.worked(whole * damaged.len())?;
                for i in 0..whole {
                    for content in &damaged {
                        let mut image = images[i].clone();
                        image[lba] = content.clone();
                        images.push(image);
                    }
                }
            }
        }
        found.extend(images);
        Some(())
    }

    /// Everything a damaged sector may hold besides mixes. Garbage is told by two representatives;
    /// the first exists only where there is new content to spoil: inverted, and turned by a bit.
    fn torn_contents(&self, new: Option<&Vec<u8>>, to: &mut BTreeSet<Sector>) {
        let torn = self.contract.torn;
        if torn.unreadable {
            to.insert(None);
        }
        if torn.zeros {
            to.insert(Some(vec![0; self.bytes()]));
        }
        if torn.ones {
            to.insert(Some(vec![0xFF; self.bytes()]));
        }
        if torn.garbage {
            to.insert(Some(self.noise.clone()));
            to.extend(new.map(|new| Some(new.iter().map(|b| !b.rotate_left(1)).collect())));
        }
    }

    /// What is stale: what the life began with, and what its commands before the one that struck
    /// wrote there.
    fn stale(
        &self,
        (base, life): (&Image, &Life),
        strike: &Strike,
        lba: usize,
        to: &mut BTreeSet<Sector>,
    ) {
        if !self.contract.torn.stale {
            return;
        }
        to.insert(base[lba].clone());
        for command in life.commands[..strike.command].iter().filter(|c| c.writes(lba)) {
            to.insert(Some(command.data[lba - command.lba].clone()));
        }
    }

    /// Mixes of `new` and `below`, byte by byte.
    fn mixes(&self, new: &[u8], below: &[u8], to: &mut BTreeSet<Sector>) {
        let (granule, linear) = match self.contract.inner_tear {
            InnerTear::Never => return,
            InnerTear::Linear(granule) => (granule as usize, true),
            InnerTear::Any(granule) => (granule as usize, false),
        };
        let granules = self.bytes() / granule;
        for mask in 1u32..(1 << granules) - 1 {
            let has = |g: usize| mask >> g & 1 == 1;
            let turns = (1..granules).filter(|&g| has(g) != has(g - 1)).count();
            // One turn from new to old or back is a prefix or a suffix.
            if !linear || turns == 1 {
                let byte = |i: usize| if has(i / granule) { new[i] } else { below[i] };
                to.insert(Some((0..self.bytes()).map(byte).collect()));
            }
        }
    }

    /// Rule 3: each page as it was after one of its writes at risk, or before all of them; stable
    /// writes are on the medium in their own sectors whatever the page.
    fn page_images(&self, ground: &Image, life: &Life) -> Option<BTreeSet<Image>> {
        let page = (self.contract.page_bytes / self.contract.logical_bytes) as usize;
        let mut images: Vec<Image> = vec![ground.clone()];
        for first in (0..ground.len()).step_by(page) {
            let range = first..(first + page).min(ground.len());
            let mut versions = Vec::new();
            for last in 0..=life.commands.len() {
                let mut version = ground[range.clone()].to_vec();
                for (i, command) in life.commands.iter().enumerate() {
                    for lba in range.clone().filter(|&lba| command.writes(lba)) {
                        if !command.stable && i < last && !life.superseded(i, lba) {
                            version[lba - first] = Some(command.data[lba - command.lba].clone());
                        }
                    }
                }
                versions.push(version);
            }
            let each = images.iter().flat_map(|image| {
                versions.iter().map(|version| {
                    let mut image = image.clone();
                    image[range.clone()].clone_from_slice(version);
                    image
                })
            });
            images = each.collect::<BTreeSet<Image>>().into_iter().collect();
            self.worked(images.len())?;
        }
        Some(images.into_iter().collect())
    }
}
