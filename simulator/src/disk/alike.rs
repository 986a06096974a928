//! Alike: crash states that nobody can tell apart who reads on.
//!
//! The one idea: what can be read after a cut follows from what each sector may hold, from what explains
//! each of these contents, and from what is known of the explanations; how it came to that does not
//! matter. So a crash state has a *name*, which is all of this written down, and two of the same name have
//! the same questions behind them, with the same answers in the same order.
//!
//! Method. Contents are named by their bytes and knowledge by its boxes, each looked up in a table that
//! keeps them whole; the name is the list of these numbers. Nothing is hashed into a name: that names are
//! equal is equality of what they say.
//!
//! Invariant: equal names, equal trees of answers below, up to what contents are called. Where that cannot
//! be told there is no name: where sectors are independent, since there a cut may be left open.
//!
//! What it is not: canonical. Two states that are the same by an argument, and are written down in two ways,
//! have two names.

use rustc_hash::{FxHashMap, FxHashSet};

use super::arena::ContentId;
use super::count::Universe;
use super::flips::Way;
use super::worlds::{Latent, Worlds};
use super::{Disk, Mark, ground, trace};

/// The numbers by which names speak of contents and of knowledge.
#[derive(Clone, Debug, Default)]
pub struct Names {
    bytes: FxHashMap<Box<[u8]>, u32>,
    /// Of contents that the disk keeps below those of the life that is searched, by their number there.
    kept: Vec<Option<u32>>,
    worlds: FxHashMap<Worlds, u32>,
    size: u64,
}

/// The name of what cannot be read.
const UNREADABLE: u64 = u64::MAX;
/// In place of a content, where the sector is open and was named among those.
const OPEN: u64 = u64::MAX - 1;

impl Names {
    /// Bytes kept.
    #[must_use]
    pub fn kept_bytes(&self) -> u64 {
        self.size
    }

    /// Bytes of a sector, and the ways in which bits of them may have flipped.
    fn flipped(&mut self, bytes: &[u8], ways: &[Way]) -> u64 {
        let mut all = bytes.to_vec();
        for way in ways {
            all.extend((way.len() as u32).to_le_bytes());
            for (bits, n) in way {
                all.extend(n.to_le_bytes());
                all.extend(bits.words().iter().flat_map(|word| word.to_le_bytes()));
            }
        }
        self.bytes(&all)
    }

    fn bytes(&mut self, bytes: &[u8]) -> u64 {
        if let Some(&known) = self.bytes.get(bytes) {
            return u64::from(known);
        }
        let number = self.bytes.len() as u32;
        self.bytes.insert(bytes.into(), number);
        self.size += (bytes.len() + size_of::<(Box<[u8]>, u32)>()) as u64;
        u64::from(number)
    }

    /// A content of a disk whose first so many contents stay.
    fn content(&mut self, disk: &Disk, stay: usize, content: ContentId) -> u64 {
        if content == ContentId::UNREADABLE {
            return UNREADABLE;
        }
        let arena = &disk.trace.arena;
        let at = content.0 as usize;
        if at >= stay {
            return match arena.ways(content) {
                Some(ways) => self.flipped(arena.get(content), ways),
                None => self.bytes(arena.get(content)),
            };
        }
        if self.kept.len() <= at {
            self.kept.resize(at + 1, None);
        }
        if let Some(known) = self.kept[at] {
            return u64::from(known);
        }
        let number = self.bytes(arena.get(content));
        self.kept[at] = Some(number as u32);
        number
    }

    fn worlds(&mut self, worlds: &Worlds) -> u64 {
        if let Some(&known) = self.worlds.get(worlds) {
            return u64::from(known);
        }
        let number = self.worlds.len() as u32;
        self.size += worlds.kept_bytes() + size_of::<(Worlds, u32)>() as u64;
        self.worlds.insert(worlds.clone(), number);
        u64::from(number)
    }
}

impl Disk {
    /// Whether crash states of this disk have names.
    #[must_use]
    pub fn has_names(&self) -> bool {
        !self.rules.independent
    }

    /// Forgets, right after a cut, what is known of explanations that explain nothing any more.
    pub fn forget_beside(&mut self, universe: &Universe) {
        let mut needed: FxHashSet<Latent> = FxHashSet::default();
        for sector in &universe.sectors {
            let why = universe.residuals.contents(sector.shape).iter().flat_map(|(_, why)| why);
            needed.extend(why.flatten().map(|(latent, _)| *latent));
        }
        let mut needed: Vec<Latent> = needed.into_iter().collect();
        needed.sort_unstable();
        self.worlds = std::mem::take(&mut self.worlds).forget_beside(&needed);
    }

    /// Adds to `name` that of the crash state right after a cut, with its universe: what was written
    /// before `ready` is the same in all that are told apart, and the contents before `end` stay. To be
    /// asked of a disk that has names.
    pub fn name(
        &mut self,
        universe: &Universe,
        (ready, end): (&Mark, &Mark),
        names: &mut Names,
        name: &mut Vec<u64>,
    ) {
        let stay = end.trace.arena;
        name.push(universe.residuals.generation());
        name.push(names.worlds(&self.worlds));
        name.push(universe.sectors.len() as u64);
        for sector in &universe.sectors {
            name.extend([sector.lba, u64::from(sector.shape), sector.held.len() as u64]);
            let is_flipped = |held: &&ContentId| **held == ContentId::FLIPPED;
            let plain = sector.held.iter().filter(|held| !is_flipped(held));
            name.extend(plain.map(|&held| names.content(self, stay, held)));
            if sector.held.iter().any(|held| is_flipped(&held)) {
                // What it is that flipped, in the order of what explains it.
                let rested = self.rested(sector.lba);
                let arena = &self.trace.arena;
                let flipped = rested.flipped.iter();
                name.extend(flipped.map(|of| names.flipped(arena.get(of.over), &of.ways)));
            }
        }
        for lba in self.trace.touched_since(&ready.trace) {
            // Of a sector with versions of its own the device says less without reading (`live/same.rs`).
            if universe.sectors.binary_search_by_key(&lba, |sector| sector.lba).is_ok() {
                name.extend([lba, OPEN]);
                continue;
            }
            let content = ground::settled(&self.trace, &self.rules, lba);
            // What a list says, which is too long to be made for each.
            if cfg!(debug_assertions) {
                let listed = self.listed(lba);
                let (options, _) = self.possible(lba, &listed, false);
                let all: Vec<ContentId> = options.iter().map(|option| option.content).collect();
                assert!(matches!(all[..], [only] if self.trace.arena.same(only, content)), "{lba}");
            }
            name.extend([lba, names.content(self, stay, content)]);
        }
    }
}

impl trace::Trace {
    /// The sectors of which a version came about since a mark, in order of address.
    fn touched_since(&self, mark: &trace::Mark) -> Vec<u64> {
        let mut all: Vec<u64> = self.put_since(mark).collect();
        all.sort_unstable();
        all.dedup();
        all
    }
}

#[cfg(test)]
mod tests {
    use journal_core::{BlockDevice, Lba};

    use super::*;
    use crate::choose::{Exhaustive, Undisturbed};
    use crate::disk::contract::Contract;
    use crate::disk::residuals::Shape;
    use crate::disk::{Fill, Live};

    #[test]
    fn as_many_bits_that_may_have_flipped_elsewhere_make_another_name() {
        let contract = Contract { bit_flips: 1, ..Contract::base("flips") };
        let mut disk = Disk::new(&contract, 8 * 512, Fill::Zeros).unwrap();
        let (ready, written) = (disk.mark(), [7; 512]);
        let mut undisturbed = Undisturbed;
        let mut live = Live::new(&mut disk, &mut undisturbed);
        live.write_one(Lba(1), &written).and_then(|()| live.flush()).unwrap();
        let end = disk.mark();
        disk.cut(disk.calls());
        disk.ask_classes(true);
        let (start, mut chooser) = (disk.mark(), Exhaustive::new());
        let (mut universe, mut names, mut found) = (disk.universe(), Names::default(), Vec::new());
        loop {
            disk.rewind(&start);
            chooser.rewind();
            let mut live = Live::new(&mut disk, &mut chooser);
            let mut is_left =
                |at: u64| live.passes(512 + at, 8, &|bytes| bytes == &written[..8]).unwrap();
            let left = [is_left(0), is_left(8)];
            live.write_one(Lba(5), &[1; 512]).unwrap();
            disk.cut(disk.calls());
            disk.universe_into(&mut universe);
            disk.forget_beside(&universe);
            let mut name = Vec::new();
            disk.name(&universe, (&ready, &end), &mut names, &mut name);
            let shapes: Vec<Shape> = universe.sectors.iter().map(|sector| sector.shape).collect();
            found.push((left, name, shapes));
            if !chooser.next_leaf() {
                break;
            }
        }
        let of = |left: [bool; 2]| found.iter().find(|found| found.0 == left).expect("a leaf");
        let (first, second) = (of([false, true]), of([true, false]));
        assert_eq!(first.2, second.2, "64 bits, for the same reasons");
        assert_ne!(first.1, second.1);
        // Unharmed, and a bit somewhere else.
        assert_eq!(found.iter().filter(|found| found.0 == [true; 2]).count(), 2);
        assert_eq!(found.len(), 4);
    }
}
