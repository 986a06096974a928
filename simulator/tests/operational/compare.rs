//! The comparison: a program run eagerly over every image of the enumerator, and lazily over the
//! disk with the exhaustive chooser.
//!
//! Method: the eager side takes every image after the first cut, runs the program's next life on it
//! (trying every damage at rest that the life's reads may meet), enumerates the images after that
//! life's own cut on top, and so on; the transcripts go into a set. The lazy side collects the
//! transcript of every leaf. The two sets must be equal, and no two leaves may tell the same.
//!
//! Invariant: both sides run the same program code; they share nothing else.

use std::collections::{BTreeSet, HashSet};
use std::ops::Range;

use journal_core::checksum::stored;
use journal_core::{Claim, Expected};
use simulator::choose::{Chooser, Exhaustive, Undisturbed};
use simulator::disk::contract::{Contract, TornContents};
use simulator::disk::{Disk, Fill, Live};

use crate::lazy::{Lazy, merges};
use crate::model::{Image, Model, Sector};
use crate::program::{Medium, Transcript, passes, run, tell};
use crate::traces::{Ask, Call, Case, Cmd};

/// Eager runs beyond which a case is turned away.
const RUNS_MAX: usize = 1_500;

/// What came of a comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compared {
    /// So many transcripts, the same on both sides.
    Equal(usize),
    /// Too big.
    Skipped,
}

/// The answers at rest of one eager life: an odometer of its own.
#[derive(Default)]
pub struct Branches {
    path: Vec<(u32, u32)>,
    at: usize,
}

impl Branches {
    fn pick(&mut self, options: u32) -> u32 {
        if self.at == self.path.len() {
            self.path.push((0, options));
        }
        self.at += 1;
        self.path[self.at - 1].0
    }

    pub fn next(&mut self) -> bool {
        self.at = 0;
        while let Some((answer, options)) = self.path.pop() {
            if answer + 1 < options {
                self.path.push((answer + 1, options));
                return true;
            }
        }
        false
    }
}

/// An image at work during one life after a cut, with the damage at rest of rule 7.
pub struct Eager<'a> {
    /// Bytes of a sector.
    pub bytes: usize,
    /// What the medium held when the life began; damage at rest goes in here when it is read.
    pub base: Image,
    /// What reads see: `base` and the writes of this life.
    seen: Image,
    /// Read or written in this life: no longer at rest.
    touched: Vec<bool>,
    flips_left: u32,
    losses_left: u32,
    /// Whether parts that do not pass are not told apart.
    merges: bool,
    branches: &'a mut Branches,
    /// What it was asked to change.
    pub calls: Vec<Call>,
}

impl<'a> Eager<'a> {
    /// A life on `image`.
    pub fn new(contract: &Contract, image: &Image, branches: &'a mut Branches) -> Eager<'a> {
        Eager {
            bytes: contract.logical_bytes as usize,
            base: image.clone(),
            seen: image.clone(),
            touched: vec![false; image.len()],
            flips_left: contract.bit_flips,
            losses_left: contract.latent_errors,
            merges: merges(contract),
            branches,
            calls: Vec::new(),
        }
    }

    fn at_rest(&mut self, lba: usize) {
        if std::mem::replace(&mut self.touched[lba], true) {
            return;
        }
        let Some(content) = &self.base[lba] else { return };
        let bits = if self.flips_left > 0 { 8 * self.bytes as u32 } else { 0 };
        let options = 1 + bits + u32::from(self.losses_left > 0);
        if options == 1 {
            return;
        }
        let answer = self.branches.pick(options);
        let damaged: Sector = match answer.checked_sub(1) {
            None => return,
            Some(bit) if bit < bits => {
                let mut content = content.clone();
                content[bit as usize / 8] ^= 1 << (bit % 8);
                self.flips_left -= 1;
                Some(content)
            }
            Some(_) => {
                self.losses_left -= 1;
                None
            }
        };
        self.base[lba].clone_from(&damaged);
        self.seen[lba] = damaged;
    }

    fn put(&mut self, lba: usize, data: &[Vec<u8>]) {
        for (i, sector) in data.iter().enumerate() {
            self.seen[lba + i] = Some(sector.clone());
            self.touched[lba + i] = true;
        }
    }
}

impl Medium for Eager<'_> {
    fn read(&mut self, lba: usize, sectors: usize, _: bool) -> Result<Vec<u8>, usize> {
        let mut data = Vec::new();
        for lba in lba..lba + sectors {
            self.at_rest(lba);
            data.extend(self.seen[lba].as_ref().ok_or(lba)?);
        }
        Ok(data)
    }

    fn peek(&mut self, lba: usize, part: Range<usize>) -> Result<Vec<u8>, usize> {
        self.read(lba, 1, false).map(|sector| sector[part].to_vec())
    }

    fn peek_if(
        &mut self,
        lba: usize,
        part: Range<usize>,
        test: u64,
    ) -> Result<Option<Vec<u8>>, usize> {
        let (part, merges) = (self.peek(lba, part)?, self.merges);
        Ok(Some(part).filter(|part| !merges || passes(part, test)))
    }

    fn rewrite(&mut self, sectors: Range<usize>, at: usize, data: &[u8]) -> Result<(), ()> {
        let lba = sectors.start;
        let mut bytes = self.read(lba, sectors.len(), false).map_err(|_| ())?;
        bytes[at..at + data.len()].copy_from_slice(data);
        let data = bytes.chunks(self.bytes).map(<[u8]>::to_vec).collect();
        self.write(&[Cmd { lba, data, fua: false }]);
        Ok(())
    }

    fn verify(&mut self, ask: &Ask) -> Result<bool, usize> {
        // Sectors that are in the hole as a whole are not read.
        let bytes = self.bytes;
        let covered = |i: usize| {
            let (first, second) = ask.hole.unwrap_or((ask.to, ask.to));
            let (from, to) = (i * bytes, (i + 1) * bytes);
            let meets = |a: usize, b: usize| from.max(a) < to.min(b);
            meets(ask.from, first) || meets(second, ask.to)
        };
        let first = (0..ask.sectors).find(|&i| covered(i)).unwrap_or_default();
        let mut content = Vec::new();
        for i in 0..ask.sectors {
            if covered(i) {
                self.at_rest(ask.lba + i);
            }
            match &self.seen[ask.lba + i] {
                Some(sector) => content.extend(sector),
                None if covered(i) => return Err(ask.lba + first),
                None => content.extend(vec![0; self.bytes]),
            }
        }
        Ok(ask.of(&content) == ask.expected)
    }

    fn find(&mut self, lba: usize, each: usize, count: usize, test: u64) -> Option<usize> {
        (0..count).find(|number| {
            let bytes = self.read(lba + number * each, each, false);
            bytes.is_ok_and(|bytes| passes(&bytes, test))
        })
    }

    fn is_whole(&mut self, head: Range<usize>, claims: &dyn Fn(&[u8]) -> Option<Claim>) -> bool {
        let mut bytes = |range: Range<usize>| {
            let sectors = range.start / self.bytes..range.end.div_ceil(self.bytes);
            let first = sectors.start * self.bytes;
            let read = self.read(sectors.start, sectors.len(), false).ok()?;
            Some(read[range.start - first..range.end - first].to_vec())
        };
        let Some(claim) = bytes(head).and_then(|head| claims(&head)) else { return false };
        let span = claim.span().start as usize..claim.span().end as usize;
        let Some(summed) = bytes(span) else { return false };
        let (summed, behind) = summed.split_at((claim.bytes().end - claim.bytes().start) as usize);
        let expected = match claim.expected() {
            Expected::Is(expected) => expected,
            Expected::Behind => stored(behind),
        };
        claim.sum.of(&[claim.before(), summed]) == expected
    }

    fn passes(&mut self, bytes: Range<usize>, test: u64) -> bool {
        self.is_whole(bytes, &|head| passes(head, test).then(Claim::of_head))
    }

    fn any(&mut self, lba: usize, count: usize, test: u64) -> bool {
        self.find(lba, 1, count, test).is_some()
    }

    fn write(&mut self, commands: &[Cmd]) {
        commands.iter().for_each(|c| self.put(c.lba, &c.data));
        self.calls.push(Call::Write(commands.to_vec()));
    }

    fn flush(&mut self) {
        self.calls.push(Call::Flush);
    }

    fn discard(&mut self, lba: usize, sectors: usize) {
        self.put(lba, &vec![vec![0; self.bytes]; sectors]);
        self.calls.push(Call::Discard { lba, sectors });
    }
}

/// The disk of a case right after its first power cut.
pub fn disk_after_cut(case: &Case) -> Disk {
    let mut disk = disk_before_cut(case);
    disk.cut(case.cut as u32);
    disk
}

/// The disk of a case with all its calls done.
pub fn disk_before_cut(case: &Case) -> Disk {
    let bytes = u64::from(case.contract.logical_bytes) * case.sectors as u64;
    let mut disk = Disk::new(&case.contract, bytes, case.fill).expect("a valid case");
    let mut chooser = Undisturbed;
    let mut live = Lazy::new(Live::new(&mut disk, &mut chooser));
    case.calls.iter().for_each(|call| live.call(call));
    disk
}

/// Runs all lives of the program on a disk after its first cut.
pub fn run_lives<C: Chooser>(case: &Case, disk: &mut Disk, chooser: &mut C) -> Transcript {
    run_lives_with(case, disk, chooser, false)
}

/// [`run_lives`]; `clauses` says whether the last life may be told of several sectors at once.
pub fn run_lives_with<C: Chooser>(
    case: &Case,
    disk: &mut Disk,
    chooser: &mut C,
    clauses: bool,
) -> Transcript {
    let mut transcript = Vec::new();
    let bytes = case.contract.logical_bytes as usize;
    for life in 0..case.program.lives.len() {
        if life > 0 {
            transcript.push(b'C');
        }
        disk.allow_clauses(clauses, life + 1 == case.program.lives.len());
        let mut live = Lazy::under(&case.contract, Live::new(disk, chooser));
        let calls = run(&case.program, life, case.sectors, bytes, &mut live, &mut transcript);
        if life + 1 < case.program.lives.len() {
            disk.cut(disk.life_start() + calls as u32);
        }
    }
    transcript
}

/// The leaves of the exhaustive exploration, all of them or `most`.
pub fn leaves(case: &Case, most: usize) -> Vec<Transcript> {
    let mut disk = disk_after_cut(case);
    let mark = disk.mark();
    let mut chooser = Exhaustive::new();
    let mut leaves = Vec::new();
    loop {
        disk.rewind(&mark);
        chooser.rewind();
        leaves.push(run_lives(case, &mut disk, &mut chooser));
        assert_eq!(chooser.nondeterminism(), None, "{case:?}");
        if !chooser.next_leaf() || leaves.len() == most {
            return leaves;
        }
    }
}

/// What untouched sectors hold.
pub fn fill_image(contract: &Contract, sectors: usize, fill: Fill) -> Image {
    let bytes = u64::from(contract.logical_bytes);
    let mut disk = Disk::new(contract, bytes * sectors as u64, fill).expect("a valid case");
    let mut chooser = Undisturbed;
    let mut live = Lazy::new(Live::new(&mut disk, &mut chooser));
    (0..sectors).map(|lba| Some(live.read(lba, 1, false).expect("readable"))).collect()
}

/// The fixed noise of sectors of this size, asked of the disk itself: the one content of a torn
/// sector that is neither old, new, nor new inverted and turned.
pub fn noise(logical_bytes: u32) -> Vec<u8> {
    let contract = Contract {
        logical_bytes,
        physical_bytes: logical_bytes,
        atomic_bytes: logical_bytes,
        page_bytes: logical_bytes,
        torn: TornContents { garbage: true, ..TornContents::default() },
        damage_max: 1,
        ..Contract::base("noise")
    };
    let mut disk = Disk::new(&contract, logical_bytes.into(), Fill::Zeros).expect("valid");
    let bytes = logical_bytes as usize;
    let new = vec![0x3C; bytes];
    let mut undisturbed = Undisturbed;
    Lazy::new(Live::new(&mut disk, &mut undisturbed)).write(&[Cmd {
        lba: 0,
        data: vec![new.clone()],
        fua: false,
    }]);
    disk.cut(0);
    let (mark, mut chooser) = (disk.mark(), Exhaustive::new());
    let mut others = BTreeSet::new();
    loop {
        disk.rewind(&mark);
        chooser.rewind();
        let content =
            Lazy::new(Live::new(&mut disk, &mut chooser)).read(0, 1, false).expect("readable");
        if content != new && content != vec![0; bytes] && content != vec![!0x78; bytes] {
            others.insert(content);
        }
        if !chooser.next_leaf() {
            break;
        }
    }
    assert_eq!(others.len(), 1, "old, new, inverted and noise");
    others.pop_first().expect("one")
}

/// The images after the first cut.
pub fn first_images(model: &Model, case: &Case) -> Option<BTreeSet<Image>> {
    let base = fill_image(&case.contract, case.sectors, case.fill);
    model.images(&base, &case.calls, case.cut)
}

/// Every transcript over every image, or `None` when that is too much.
pub fn eager(case: &Case) -> Option<HashSet<Transcript>> {
    let model = Model::new(&case.contract, noise(case.contract.logical_bytes));
    eager_over(&model, case, &first_images(&model, case)?)
}

fn eager_over(model: &Model, case: &Case, images: &BTreeSet<Image>) -> Option<HashSet<Transcript>> {
    let (mut found, mut runs) = (HashSet::new(), 0);
    for image in images {
        eager_life(model, case, 0, image, &Vec::new(), &mut runs, &mut found)?;
    }
    Some(found)
}

fn eager_life(
    model: &Model,
    case: &Case,
    life: usize,
    image: &Image,
    so_far: &Transcript,
    runs: &mut usize,
    found: &mut HashSet<Transcript>,
) -> Option<()> {
    let mut branches = Branches::default();
    loop {
        *runs += 1;
        // Two flips, of one life or of two, come in every pair of bits.
        let contract = &case.contract;
        let harms = contract.bit_flips + contract.latent_errors;
        let pairs = contract.bit_flips > 0 && (harms > 1 || case.program.lives.len() > 1);
        let most = if pairs { 10 * RUNS_MAX } else { RUNS_MAX };
        if *runs > most {
            return None;
        }
        let mut transcript = so_far.clone();
        if life > 0 {
            transcript.push(b'C');
        }
        let mut medium = Eager::new(&case.contract, image, &mut branches);
        let bytes = medium.bytes;
        let at = run(&case.program, life, case.sectors, bytes, &mut medium, &mut transcript);
        let (base, calls) = (medium.base, medium.calls);
        if life + 1 == case.program.lives.len() {
            found.insert(transcript);
        } else {
            for image in model.images(&base, &calls, at)? {
                eager_life(model, case, life + 1, &image, &transcript, runs, found)?;
            }
        }
        if !branches.next() {
            return Some(());
        }
    }
}

/// What is wrong with the product's leaves, if anything is.
pub fn disagreement(case: &Case) -> Result<Compared, String> {
    let model = Model::new(&case.contract, noise(case.contract.logical_bytes));
    let Some(listed) = first_images(&model, case) else { return Ok(Compared::Skipped) };
    let Some(wanted) = eager_over(&model, case, &listed) else { return Ok(Compared::Skipped) };
    // One leaf more than there are transcripts is wrong in any case.
    let leaves = leaves(case, wanted.len() + 1);
    let mut found: HashSet<&Transcript> = HashSet::new();
    let twice = leaves.iter().find(|leaf| !found.insert(leaf));
    let missing = wanted.iter().filter(|t| !found.contains(t)).min();
    let extra = leaves.iter().filter(|t| !wanted.contains(*t)).min();
    let count = format!("{} transcripts owed, {} leaves", wanted.len(), leaves.len());
    match (extra, twice, missing) {
        (Some(t), _, _) => Err(format!("the disk invents: {} ({count})", tell(t))),
        (_, _, Some(t)) if leaves.len() <= wanted.len() => {
            Err(format!("the disk misses: {} ({count})", tell(t)))
        }
        (_, Some(t), _) => Err(format!("two leaves tell the same: {} ({count})", tell(t))),
        _ => crate::images::disagreement(case, &model, &listed)
            .map(|()| Compared::Equal(wanted.len())),
    }
}

/// Compares, and shows the smallest failing case if the sides differ.
pub fn check(case: &Case) -> Compared {
    match disagreement(case) {
        Ok(compared) => compared,
        Err(_) => {
            let (small, why) = crate::shrink::shrink(case, &|case| disagreement(case).err());
            panic!("{why}\n{small:?}");
        }
    }
}
