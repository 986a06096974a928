//! The newest version of each sector: where to look for what a sector holds.
//!
//! The one idea: a disk may be large, and what is written to it one by one is little. Sectors that were
//! written or decided one by one have an entry each, in pages that exist only where there is such a
//! sector. A command that puts the same content on all its sectors (`write_same`) has one version for
//! those of them that have no entry, and commands side by side of one length make one *run*.
//!
//! ```text
//! entries          [7]      [9 12]                      a sector with an entry: look there
//! runs, newest   |  5  |  6  |  8  | 10 |               and otherwise here: version + place / length
//!       oldest   |  0  |  1  |  2  | 3  | 4 |
//! ```
//!
//! Invariant: what a run says of a sector is older than any of its entries. So the versions of a sector
//! are those of its entry, newest first, and behind these those of the runs that reach over it.
//!
//! What it is not: another kind of version. Whoever walks a sector's versions meets the same ones, of
//! the same commands and calls, as if each sector had been written one by one.

use super::arena::ContentId;
use super::trace::NONE;

/// Sectors of a page of the table of entries.
const PAGE_SECTORS: u64 = 512;

/// Pages that are found by their address. What lies beyond is looked for: there are few such pages, and
/// a table of all addresses would grow with the device.
const NEAR_PAGES: usize = 64;

/// The newest version of each sector that has one. The cost of a look-up is the same on a small disk
/// and on a large one.
#[derive(Clone, Debug, Default)]
pub struct Newest {
    /// Page number by address, or `NONE`, of the near pages.
    top: Vec<u32>,
    /// Address and number of the others, in order.
    far: Vec<(u64, u32)>,
    /// The pages, one behind the other.
    entries: Vec<u32>,
    /// First sector of each page.
    pages: Vec<u64>,
    /// Oldest first.
    runs: Vec<Run>,
    /// There are runs, or far pages: on most disks there are none.
    more: bool,
}

/// Commands of one length side by side that each put one content on all their sectors.
#[derive(Clone, Copy, Debug)]
pub struct Run {
    /// First sector of the first command.
    pub first: u64,
    /// Behind the last sector of the last one.
    pub end: u64,
    /// Sectors of each command but the last one, which may have fewer.
    each: u64,
    /// Version of the first command; the others follow.
    version: u32,
    /// What they put there.
    pub content: ContentId,
}

impl Run {
    /// The version of the command that this sector belongs to.
    #[inline]
    fn version(&self, lba: u64) -> u32 {
        let from = lba - self.first;
        // Nearly always a power of two; a division costs as much as the rest.
        let command = match self.each.is_power_of_two() {
            true => from >> self.each.trailing_zeros(),
            false => from / self.each,
        };
        self.version + command as u32
    }

    fn commands(&self) -> u64 {
        (self.end - self.first).div_ceil(self.each)
    }

    /// The versions of the commands that write a sector of `from..to`, with the sectors of `from..to`
    /// that each begins with.
    pub fn versions(&self, from: u64, to: u64) -> impl Iterator<Item = (u64, u32)> {
        let (run, from, to) = (*self, from.max(self.first), to.min(self.end));
        let last = if from < to { run.version(to - 1) + 1 } else { 0 };
        let first = if from < to { run.version(from) } else { 0 };
        let begins = move |version| run.first + u64::from(version - run.version) * run.each;
        (first..last).map(move |version| (begins(version).max(from), version))
    }
}

impl Newest {
    /// The newest version of a sector, or `NONE`.
    #[inline]
    pub fn get(&self, lba: u64) -> u32 {
        if let Some(&page) = self.top.get((lba / PAGE_SECTORS) as usize)
            && page != NONE
        {
            let entry = self.entries[Newest::place_in(page, lba)];
            if entry != NONE {
                return entry;
            }
        }
        if self.more { self.get_more(lba) } else { NONE }
    }

    #[inline(never)]
    fn get_more(&self, lba: u64) -> u32 {
        match self.page(lba) {
            NONE => self.in_runs(lba, NONE),
            page => match self.entries[Newest::place_in(page, lba)] {
                NONE => self.in_runs(lba, NONE),
                entry => entry,
            },
        }
    }

    /// Where the entry of a sector is, whose page this is.
    #[inline]
    fn place_in(page: u32, lba: u64) -> usize {
        page as usize * PAGE_SECTORS as usize + (lba % PAGE_SECTORS) as usize
    }

    /// The version of a sector before `version`, whose own link is `prev`.
    #[inline]
    pub fn older(&self, lba: u64, version: u32, prev: u32) -> u32 {
        match prev {
            NONE if self.more => self.in_runs(lba, version),
            prev => prev,
        }
    }

    /// The newest version that a run has for a sector, of those before `version`.
    #[inline(never)]
    fn in_runs(&self, lba: u64, version: u32) -> u32 {
        let of = |run: &Run| (run.first..run.end).contains(&lba).then(|| run.version(lba));
        self.runs.iter().rev().filter_map(of).find(|&found| found < version).unwrap_or(NONE)
    }

    /// The number of a sector's page, or `NONE`.
    #[inline]
    fn page(&self, lba: u64) -> u32 {
        let at = lba / PAGE_SECTORS;
        match self.top.get(at as usize) {
            Some(&page) => page,
            None if self.far.is_empty() => NONE,
            None => self.far_page(at),
        }
    }

    #[inline(never)]
    fn far_page(&self, at: u64) -> u32 {
        self.far.binary_search_by_key(&at, |far| far.0).map_or(NONE, |place| self.far[place].1)
    }

    /// Where the entry of a sector is.
    #[inline]
    pub fn place(&mut self, lba: u64) -> usize {
        let page = match self.page(lba) {
            NONE => self.new_page(lba / PAGE_SECTORS),
            page => page,
        };
        Newest::place_in(page, lba)
    }

    #[cold]
    fn new_page(&mut self, at: u64) -> u32 {
        let page = self.pages.len() as u32;
        if at >= NEAR_PAGES as u64 {
            self.more = true;
            self.far.insert(self.far.partition_point(|far| far.0 < at), (at, page));
        } else {
            let at = at as usize;
            self.top.resize(self.top.len().max(at + 1), NONE);
            self.top[at] = page;
        }
        self.pages.push(at * PAGE_SECTORS);
        self.entries.resize(self.entries.len() + PAGE_SECTORS as usize, NONE);
        page
    }

    /// The sector whose entry is at a place.
    pub fn sector(&self, place: usize) -> u64 {
        let page = PAGE_SECTORS as usize;
        self.pages[place / page] + (place % page) as u64
    }

    /// The entry at a place.
    #[inline]
    pub fn at(&mut self, place: usize) -> &mut u32 {
        &mut self.entries[place]
    }

    /// The sectors of `from..to` that have an entry, page by page.
    pub fn with_entry(&self, from: u64, to: u64) -> impl Iterator<Item = u64> {
        let pages = self.pages.iter().zip(self.entries.chunks(PAGE_SECTORS as usize));
        pages.flat_map(move |(&first, entries)| {
            let begin = from.clamp(first, first + PAGE_SECTORS);
            let end = to.clamp(begin, first + PAGE_SECTORS);
            let here = &entries[(begin - first) as usize..(end - first) as usize];
            (begin..).zip(here).filter(|&(_, &newest)| newest != NONE).map(|(lba, _)| lba)
        })
    }

    /// The runs, newest first.
    pub fn runs(&self) -> impl Iterator<Item = &Run> {
        self.runs.iter().rev()
    }

    /// A command put one content on the sectors `first..end`; its version is for those without entry.
    pub fn put_run(&mut self, (first, end): (u64, u64), version: u32, content: ContentId) {
        let follows = |last: &&mut Run| {
            last.end == first
                && last.content == content
                && (last.end - last.first).is_multiple_of(last.each)
                && end - first <= last.each
                && u64::from(version - last.version) == last.commands()
        };
        self.more = true;
        match self.runs.last_mut().filter(follows) {
            Some(last) => last.end = end,
            None => self.runs.push(Run { first, end, each: end - first, version, content }),
        }
    }

    /// Forgets the versions from `versions` on that runs have.
    pub fn truncate_runs(&mut self, versions: u32) {
        while let Some(last) = self.runs.last_mut() {
            if last.version < versions {
                let kept = u64::from(versions - last.version) * last.each;
                last.end = last.end.min(last.first + kept);
                return;
            }
            self.runs.pop();
        }
    }

    /// How many sectors of `from..to` have a version.
    pub fn count(&self, from: u64, to: u64) -> u64 {
        let mut covered: Vec<(u64, u64)> = Vec::new();
        let clipped = self.runs().map(|run| (run.first.max(from), run.end.min(to)));
        covered.extend(clipped.filter(|(from, to)| from < to));
        covered.sort_unstable();
        let (mut count, mut behind) = (0, from);
        for &(first, end) in &covered {
            count += end.saturating_sub(first.max(behind));
            behind = behind.max(end);
        }
        let in_run = |lba: u64| covered.iter().any(|&(first, end)| (first..end).contains(&lba));
        count + self.with_entry(from, to).filter(|&lba| !in_run(lba)).count() as u64
    }

    /// Whether runs say of each sector of `from..to` without an entry that it holds `content`, or nobody
    /// wrote it and all such hold that. May say no where it is so.
    pub fn hold(
        &self,
        (mut from, mut to): (u64, u64),
        content: ContentId,
        unwritten: bool,
    ) -> bool {
        for run in self.runs() {
            let meets = run.first < to && from < run.end;
            if !meets {
                continue;
            }
            if run.content != content {
                return false;
            }
            (from, to) = match (run.first <= from, to <= run.end) {
                (true, true) => return true,
                (true, false) => (run.end, to),
                (false, true) => (from, run.first),
                (false, false) => (from, to),
            };
        }
        unwritten
    }

    /// Sectors that have a version, in order of address.
    pub fn sectors(&self) -> Vec<u64> {
        let mut all: Vec<u64> = self.with_entry(0, u64::MAX).collect();
        all.extend(self.runs().flat_map(|run| run.first..run.end));
        all.sort_unstable();
        all.dedup();
        all
    }

    /// Bytes of the runs.
    pub fn run_bytes(&self) -> usize {
        size_of_val(&self.runs[..])
    }

    /// Bytes of the table of entries.
    pub fn table_bytes(&self) -> u64 {
        let found = size_of_val(&self.top[..]) + size_of_val(&self.far[..]);
        (size_of_val(&self.entries[..]) + found) as u64
    }
}
