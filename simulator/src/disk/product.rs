//! How many images there are where sectors are independent: a product.
//!
//! The one idea: such a device couples nothing, so the images at one crash point are the contents
//! that each open sector may have there, multiplied. A proof counts after every leaf, so the
//! contents are listed once per cut, side by side, and nothing is allocated after that.
//!
//! Invariant: a sector that was read since counts once; a content that was denied since, not at all.
//!
//! What it is not: for devices that couple sectors. See `count.rs`.

use num_bigint::BigUint;

use super::Disk;
use super::undecided::{self, Candidate};

/// The open sectors of an independent device as of a cut, and what each may hold.
#[derive(Clone, Debug, Default)]
pub struct Product {
    /// Each with the end of its contents among `contents`; they begin where those before end.
    sectors: Vec<(u64, usize)>,
    contents: Vec<Candidate>,
    /// Where contents are listed, one sector at a time.
    listed: Vec<Candidate>,
}

impl Disk {
    /// Lists what the open sectors may hold after the last cut.
    pub(super) fn product(&self, into: &mut Product) {
        into.sectors.clear();
        into.contents.clear();
        let mut open = std::mem::take(&mut into.sectors);
        self.open_sectors(&mut |lba| open.push((lba, 0)));
        open.sort_unstable();
        open.dedup();
        for (lba, end) in &mut open {
            undecided::independent(&self.trace, &self.denied, *lba, &mut into.listed);
            into.contents.extend_from_slice(&into.listed);
            *end = into.contents.len();
        }
        into.sectors = open;
    }
}

impl Product {
    /// Adds the images that agree with what was read since the cut, if it came at crash point `at`.
    pub fn add(&self, disk: &Disk, at: u32, to: &mut BigUint) {
        if !disk.clauses.is_empty() {
            *to += self.with_clauses(disk, at);
            return;
        }
        let (mut big, mut small) = (None::<BigUint>, 1u64);
        let undenied = disk.denied.all().is_empty();
        let mut first = 0;
        for &(lba, end) in &self.sectors {
            let contents = &self.contents[first..end];
            first = end;
            if disk.told(lba).is_some() {
                continue;
            }
            let possible = |candidate: &&Candidate| {
                candidate.window.0 <= at
                    && at <= candidate.window.1
                    && (undenied || !self.denies(disk, lba, candidate))
            };
            let possible = contents.iter().filter(possible).count() as u64;
            small = small.checked_mul(possible).unwrap_or_else(|| {
                *big.get_or_insert_with(|| BigUint::from(1u32)) *= small;
                possible
            });
        }
        match big {
            None => *to += small,
            Some(big) => *to += big * small,
        }
    }

    /// The images, less those that clauses leave out: of the sectors of a clause all mixtures but those in
    /// which each holds its class.
    #[cold]
    fn with_clauses(&self, disk: &Disk, at: u32) -> BigUint {
        let clauses: Vec<_> = disk.open_clauses().collect();
        let mut of_clauses = vec![[BigUint::from(1u32), BigUint::from(1u32)]; clauses.len()];
        let (mut images, mut first) = (BigUint::from(1u32), 0);
        for &(lba, end) in &self.sectors {
            let contents = &self.contents[first..end];
            first = end;
            if disk.told(lba).is_some() {
                continue;
            }
            let possible = |candidate: &&Candidate| {
                candidate.window.0 <= at
                    && at <= candidate.window.1
                    && !self.denies(disk, lba, candidate)
            };
            let possible = || contents.iter().filter(possible);
            let clause = clauses.iter().zip(&mut of_clauses).find_map(|(open, counted)| {
                open.iter().find(|literal| literal.lba == lba).map(|own| (own, counted))
            });
            let Some((own, [all, passing])) = clause else {
                images *= possible().count();
                continue;
            };
            *all *= possible().count();
            *passing *=
                possible().filter(|candidate| disk.in_class(own, candidate.content)).count();
        }
        of_clauses.into_iter().fold(images, |images, [all, passing]| images * (all - passing))
    }

    /// Bytes of the sectors and their contents.
    pub fn kept_bytes(&self) -> u64 {
        (size_of_val(&self.sectors[..]) + size_of_val(&self.contents[..])) as u64
    }

    /// If the cut came at crash point `at`: the sectors that might then have held several contents,
    /// and those of them that were not read.
    pub fn at_risk(&self, disk: &Disk, at: u32) -> (u32, u32) {
        let (mut counted, mut first) = ((0, 0), 0);
        for &(lba, end) in &self.sectors {
            let contents = &self.contents[first..end];
            first = end;
            let possible =
                |candidate: &&Candidate| candidate.window.0 <= at && at <= candidate.window.1;
            if contents.iter().filter(possible).nth(1).is_some() {
                counted.0 += 1;
                counted.1 += u32::from(disk.told(lba).is_none());
            }
        }
        counted
    }

    /// Whether a content as of the last cut was denied since.
    #[cold]
    fn denies(&self, disk: &Disk, lba: u64, candidate: &Candidate) -> bool {
        let cut = disk.trace.cuts.len() as u32;
        disk.denied.after(&disk.trace.arena, lba, cut, candidate.content)
    }
}
