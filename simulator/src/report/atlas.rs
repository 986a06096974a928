//! The atlas: which entry lay in which sectors, command by command.
//!
//! Method. The commands of the lives are applied one after the other to an image; after each, the
//! payloads are looked for around it, whole. So each command is known to have rewritten what lay in
//! its sectors before it, and each entry to have lain last where it was found last.
//!
//! Invariant: an entry is found by its bytes alone. A format that breaks a payload into pieces has
//! no entry in the atlas, and then nothing is said about places.
//!
//! What it is not: a decoder.

use std::collections::BTreeMap;

use journal_core::Lba;

use crate::case::Case;
use crate::disk::Disk;
use crate::oracle::Ledger;

/// Where entries lay.
#[derive(Clone, Debug, Default)]
pub struct Atlas {
    image: BTreeMap<u64, Vec<u8>>,
    /// Where each entry lies in the image.
    now: BTreeMap<u32, Vec<u64>>,
    /// Where each entry was found last.
    last: BTreeMap<u32, Vec<u64>>,
    rewritten: BTreeMap<u32, Vec<u32>>,
}

impl Atlas {
    /// Applies the commands whose calls are in `happened`.
    #[must_use]
    pub fn draw(case: &Case, disk: &Disk, ledger: &Ledger, happened: &[(u32, u32)]) -> Atlas {
        let payloads: Vec<&[u8]> = ledger
            .sent
            .iter()
            .map(|sent| case.workload.payloads.get(sent.key, sent.bytes))
            .collect();
        let mut atlas = Atlas::default();
        for (number, command) in disk.commands().iter().enumerate() {
            let number = number as u32;
            let written = command.lba.0..command.lba.0 + u64::from(command.sectors);
            if !happened.iter().any(|&(from, to)| (from..=to).contains(&command.call)) {
                continue;
            }
            let hit = |places: &Vec<u64>| places.iter().any(|lba| written.contains(lba));
            let held: Vec<u32> =
                atlas.now.iter().filter(|(_, at)| hit(at)).map(|(entry, _)| *entry).collect();
            for lba in written.clone() {
                if let Some(bytes) = disk.written(number, Lba(lba)) {
                    atlas.image.insert(lba, bytes.to_vec());
                }
            }
            for entry in &held {
                atlas.now.remove(entry);
            }
            atlas.search(&payloads, written.start, written.end);
            atlas.rewritten.insert(number, held);
        }
        atlas
    }

    /// Entries of which something lay in the sectors of a command when it was sent.
    #[must_use]
    pub fn rewritten_by(&self, command: u32) -> Vec<u32> {
        self.rewritten.get(&command).cloned().unwrap_or_default()
    }

    /// The sectors where each entry was found last.
    #[must_use]
    pub fn places(self) -> BTreeMap<u32, Vec<u64>> {
        self.last
    }

    /// Looks for the payloads that touch the sectors `from..to`.
    fn search(&mut self, payloads: &[&[u8]], from: u64, to: u64) {
        let longest = payloads.iter().map(|payload| payload.len()).max().unwrap_or(0);
        let Some(sector) = self.image.get(&from).map(Vec::len) else { return };
        let around = longest.div_ceil(sector) as u64;
        let mut start = from;
        while start > 0 && from - start < around && self.image.contains_key(&(start - 1)) {
            start -= 1;
        }
        let bytes: Vec<u8> =
            (start..to + around).map_while(|lba| self.image.get(&lba)).flatten().copied().collect();
        // Payloads may overlap: the bytes of a short one are found inside of a longer one, where it
        // does not lie.
        let mut found: Vec<(usize, usize, usize)> = Vec::new();
        let mut longest_first: Vec<usize> = (0..payloads.len()).collect();
        longest_first.sort_by_key(|&entry| std::cmp::Reverse(payloads[entry].len()));
        for entry in longest_first {
            let payload = payloads[entry];
            let inside = |at: usize| {
                let end = at + payload.len();
                found.iter().any(|&(_, from, to)| from <= at && end <= to && end - at < to - from)
            };
            if let Some(at) = places_of(&bytes, payload).find(|&at| !inside(at)) {
                found.push((entry, at, at + payload.len()));
            }
        }
        for (entry, at, end) in found {
            let place = |at: usize| start + (at / sector) as u64;
            let places: Vec<u64> = (place(at)..=place(end - 1)).collect();
            self.now.insert(entry as u32, places.clone());
            self.last.insert(entry as u32, places);
        }
    }
}

/// Where `part` begins in `content`; an empty one nowhere.
fn places_of(content: &[u8], part: &[u8]) -> impl Iterator<Item = usize> {
    let windows = content.windows(part.len().max(1)).enumerate();
    windows.filter(move |(_, window)| *window == part).map(|(at, _)| at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_that_is_part_of_a_longer_one_is_not_found_inside_of_it() {
        let pool: Vec<u8> = (0..=255).collect();
        let payloads = [&pool[..40], &pool[2..12], &pool[100..110]];
        let mut sector = pool[..40].to_vec();
        sector.extend([9; 24]);
        let second: Vec<u8> = pool[2..12].iter().copied().chain([9; 54]).collect();
        let mut atlas = Atlas { image: BTreeMap::from([(3, sector)]), ..Atlas::default() };
        atlas.search(&payloads, 3, 4);
        assert_eq!(atlas.last, BTreeMap::from([(0, vec![3])]));
        atlas.image.insert(4, second);
        atlas.search(&payloads, 4, 5);
        assert_eq!(atlas.last, BTreeMap::from([(0, vec![3]), (1, vec![4])]));
    }
}
