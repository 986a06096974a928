//! Recovery of a V9 journal.
//!
//! Method
//! 1. Walk from start_seq, block by block, as far as each block is good for its place, chained to
//!    the one before, and where a commit allows it. Hand out a commit when its LAST block is seen.
//! 2. The first block that fails is the *stop*. It is a torn or missing tail, or damage, and the
//!    stop itself cannot tell. So look ahead over the next W blocks: a good one with durable_upto
//!    beyond the stop says that the stop had been flushed, hence was readable once.
//! 3. [`decide`] turns what was seen into the verdict.
//!
//! The look-ahead wants no chain, since the chain is broken at the stop. It ends at the first
//! proof; at W blocks, because the writer never has more than W blocks unflushed, so that the
//! commit after a flushed stop begins among them; and at the end of the lap, since places beyond
//! it were already seen to hold other numbers.
//!
//! Invariant: reads only, no block more than three times, and hands out nothing of a commit before all of
//! it was seen good.
//!
//! What it is not: a repair. Nothing behind a stop is handed out, proven damage or not.

use alloc::vec::Vec;

use super::codec::{Block, Front, HEAD_BYTES, SUMMED_FROM, Seen, claimed, see};
use super::layout::{self, Layout, Seq};
use super::{BlockJournal, BlockOptions, Pending, Phase, State};
use crate::checksum::Checksum;
use crate::device::{BlockDevice, DeviceError, Piece};
use crate::journal::{Damage, End, Entry, Error, Lsn, Opened};
use crate::rfc::header::{HEADER_BYTES, Header, HeaderPair, Magic, Newest};
use crate::steps::Recovery;

/// What recovery saw, as far as the verdict depends on it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Conditions {
    /// Every block of the lap is good: there is no stop.
    pub area_end: bool,
    /// Blocks of a commit without its LAST block precede the stop.
    pub inside_commit: bool,
    /// The stop cannot be read.
    pub unreadable: bool,
    /// The stop says that it is the next block, and fails a check.
    pub claims: bool,
    /// A good block follows that does not prove anything about the stop.
    pub later: bool,
    /// A good block follows that was built when the stop had been flushed.
    pub proof: bool,
}

/// The verdicts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Row {
    /// Damage to acknowledged data.
    A,
    /// The lap is used up.
    B,
    /// The lap is used up inside a commit, which our writer never does.
    C,
    /// A commit that was being written.
    D,
    /// The next block cannot be read: torn, or damaged with nothing behind it to prove that.
    E,
    /// The next block is there in part.
    F,
    /// The next block is missing and one behind it is not: written out of order.
    G,
    /// Nothing of a next commit.
    H,
}

impl Conditions {
    /// The conditions as bits, the first one highest.
    const fn bits(self) -> u8 {
        let Conditions { area_end, inside_commit, unreadable, claims, later, proof } = self;
        (area_end as u8) << 5
            | (inside_commit as u8) << 4
            | (unreadable as u8) << 3
            | (claims as u8) << 2
            | (later as u8) << 1
            | proof as u8
    }
}

/// A row of the table.
pub struct Rule {
    /// The conditions that matter to it, as bits.
    mask: u8,
    /// What those must be.
    want: u8,
    /// The row's name.
    pub row: Row,
    /// How the log ended.
    pub end: End,
    /// What was found damaged, and whether that is proven.
    pub damage: Option<(&'static str, bool)>,
}

/// A row from a pattern: each condition required (1), excluded (0), or of no matter.
const fn rule(when: [u8; 6], row: Row, end: End, damage: Option<(&'static str, bool)>) -> Rule {
    let (mut mask, mut want, mut i) = (0, 0, 0);
    while i < when.len() {
        mask = mask << 1 | matches!(when[i], b'0' | b'1') as u8;
        want = want << 1 | matches!(when[i], b'1') as u8;
        i += 1;
    }
    Rule { mask, want, row, end, damage }
}

const LOST: Option<(&str, bool)> = Some(("a block that was flushed is not there", true));
const UNREAD: Option<(&str, bool)> = Some(("the next block cannot be read", false));

/// The table, conditions in the order of [`Conditions`]. Exactly one row fits any input.
pub const RULES: [Rule; 8] = [
    rule(*b"0....1", Row::A, End::Torn, LOST),
    rule(*b"10....", Row::B, End::AreaEnd, None),
    rule(*b"11....", Row::C, End::Torn, None),
    rule(*b"01...0", Row::D, End::Torn, None),
    rule(*b"001..0", Row::E, End::Torn, UNREAD),
    rule(*b"0001.0", Row::F, End::Torn, None),
    rule(*b"000010", Row::G, End::Torn, None),
    rule(*b"000000", Row::H, End::Clean, None),
];

impl Rule {
    /// Whether this row speaks for what was seen.
    #[must_use]
    pub const fn fits(&self, seen: Conditions) -> bool {
        seen.bits() & self.mask == self.want
    }
}

/// The row that speaks for what was seen.
#[must_use]
pub fn decide(seen: Conditions) -> &'static Rule {
    RULES.iter().find(|rule| rule.fits(seen)).expect("a test walks all inputs: one row fits each")
}

/// Whether a good block may follow what was seen so far.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cursor {
    start: Seq,
    window: u64,
    /// The block to look at next.
    pub seq: Seq,
    /// First block of the commit that it belongs to or begins.
    pub commit: Seq,
    /// What it must be chained to.
    pub prev_crc: u32,
    /// What the block `commit` was chained to.
    commit_prev_crc: u32,
}

/// What a block means to the walk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// It does not fit here.
    Stop,
    /// It fits, and its commit goes on.
    Within,
    /// It fits and is a commit by itself.
    Single,
    /// It fits and ends the commit of several blocks that began with this one.
    Ends(Seq, u32),
}

impl Cursor {
    pub fn new(header: &Header) -> Cursor {
        let start = Seq(header.start_seq);
        let prev_crc = header.start_prev_crc;
        let window = u64::from(header.window);
        Cursor { start, window, seq: start, commit: start, prev_crc, commit_prev_crc: prev_crc }
    }

    /// Moves over `block` if it fits.
    pub fn step(&mut self, block: Block<'_>) -> Step {
        let begins = self.seq == self.commit;
        // A checkpoint may have freed the first blocks of the oldest commit.
        let first_fits = block.is_first() == begins || self.seq == self.start;
        let length = self.seq.0 - self.commit.0 + 1;
        if block.prev_crc() != self.prev_crc || !first_fits || length > self.window {
            return Step::Stop;
        }
        let ended = (self.commit, self.commit_prev_crc);
        self.prev_crc = block.crc();
        self.seq = self.seq.plus(1);
        if !block.is_last() {
            return Step::Within;
        }
        (self.commit, self.commit_prev_crc) = (self.seq, self.prev_crc);
        if begins { Step::Single } else { Step::Ends(ended.0, ended.1) }
    }
}

/// Reads one place. Only an unreadable sector is an answer; other errors are not the medium's.
#[inline(always)]
pub(super) fn read<'a>(
    device: &'a mut dyn BlockDevice,
    layout: &Layout,
    seq: Seq,
    front: Front,
    scratch: &'a mut [u8],
) -> Result<Seen<'a>, DeviceError> {
    let scratch = &mut scratch[..layout.block_bytes as usize];
    if layout.block_bytes > 512
        && let Some(seen) = ask(device, layout, seq, front, scratch)?
    {
        return Ok(seen);
    }
    match device.lend(layout.lba(seq), scratch) {
        Ok(bytes) => Ok(see(bytes, seq, front)),
        Err(DeviceError::Unreadable(_)) => Ok(Seen::Unreadable),
        Err(error) => Err(error),
    }
}

/// What a block of several sectors is, unless it is good so far as its checksum tells: the first
/// sector says what it claims to be, and whether that is so is asked of the device, which need not
/// say what the others hold. Whether all of them can be read matters in any case.
#[cold]
fn ask<'a>(
    device: &mut dyn BlockDevice,
    layout: &Layout,
    seq: Seq,
    front: Front,
    scratch: &mut [u8],
) -> Result<Option<Seen<'a>>, DeviceError> {
    let sector = layout.logical_bytes() as usize;
    if scratch.len() <= sector || sector < HEAD_BYTES {
        return Ok(None);
    }
    let claim = match device.lend(layout.lba(seq), &mut scratch[..sector]) {
        Ok(first) => claimed(first, seq).map(Block::crc),
        Err(DeviceError::Unreadable(_)) => return Ok(Some(Seen::Unreadable)),
        Err(error) => return Err(error),
    };
    let before = front.bytes();
    let covered = scratch.len() - SUMMED_FROM;
    let at_bytes = layout.at_bytes(seq) + SUMMED_FROM as u64;
    let pieces = [Piece::Given(&before), Piece::Device { at_bytes, bytes: covered as u64 }];
    // No bytes have this checksum: then it is only told whether they can be read.
    let expected = claim.map_or(u64::MAX, u64::from);
    match device.verify(&pieces, Checksum::Crc32c, expected) {
        Ok(true) => Ok(None),
        Ok(false) if claim.is_some() => Ok(Some(Seen::Claims)),
        Ok(false) => Ok(Some(Seen::Foreign)),
        Err(DeviceError::Unreadable(_)) => Ok(Some(Seen::Unreadable)),
        Err(error) => Err(error),
    }
}

/// The recovery of a V9 journal, on its way: headers, then block by block, then the look-ahead.
#[derive(Clone, Copy, Debug)]
pub struct BlockRecovery {
    stage: Stage,
}

#[derive(Clone, Copy, Debug)]
enum Stage {
    Headers,
    Walk(Walk),
    /// Behind the stop.
    Ahead(Walk),
}

/// Where the walk is, and what it met.
#[derive(Clone, Copy, Debug)]
struct Walk {
    pair: HeaderPair,
    layout: Layout,
    header: Header,
    front: Front,
    /// The other header copy, if that cannot be believed.
    spoiled: Option<u64>,
    cursor: Cursor,
    seen: Conditions,
    entries: u64,
    /// The last entry handed out.
    last: Lsn,
    /// The chain up to the last commit handed out.
    chain: u32,
}

impl Recovery<BlockJournal> for BlockRecovery {
    fn begin(_: &BlockOptions) -> Self {
        BlockRecovery { stage: Stage::Headers }
    }

    #[inline]
    fn step(
        &mut self,
        device: &mut dyn BlockDevice,
        options: &BlockOptions,
        replay: &mut dyn FnMut(Entry<'_>),
    ) -> Result<Option<(BlockJournal, Opened)>, Error> {
        match &mut self.stage {
            Stage::Headers => {
                self.stage = Stage::Walk(Walk::begin(device, options)?);
                Ok(None)
            }
            Stage::Walk(walk) => {
                // Clearing scratch that the device never needs costs more than the read.
                let on = match walk.layout.block_bytes {
                    ..=512 => walk.on(device, &mut [0; 512], replay)?,
                    _ => walk.on(device, &mut [0; HEADER_BYTES], replay)?,
                };
                if on {
                    return Ok(None);
                }
                walk.seen.inside_commit = walk.cursor.commit < walk.cursor.seq;
                if walk.seen.area_end {
                    return Ok(Some(walk.end(options)));
                }
                self.stage = Stage::Ahead(*walk);
                Ok(None)
            }
            Stage::Ahead(walk) => {
                match walk.layout.block_bytes {
                    ..=512 => walk.look_ahead(device, &mut [0; 512])?,
                    _ => walk.look_ahead(device, &mut [0; HEADER_BYTES])?,
                }
                Ok(Some(walk.end(options)))
            }
        }
    }
}

impl Walk {
    fn begin(device: &mut dyn BlockDevice, options: &BlockOptions) -> Result<Walk, Error> {
        let geometry = device.geometry();
        let pair = layout::pair(options, geometry)?;
        let Newest { header, spoiled } = pair.read_newest(device, Magic::V9)?;
        let layout = Layout::of(&header, &pair, geometry)?;
        let cursor = Cursor::new(&header);
        Ok(Walk {
            pair,
            layout,
            header,
            front: Front::new(header.salt),
            spoiled,
            cursor,
            seen: Conditions::default(),
            entries: 0,
            last: Lsn(0),
            chain: cursor.prev_crc,
        })
    }

    fn lap_end(&self) -> Seq {
        Seq(self.header.start_seq).plus(u64::from(self.layout.nblocks))
    }

    fn give(&mut self, block: Block<'_>, replay: &mut dyn FnMut(Entry<'_>)) {
        for (index, payload) in block.payloads().enumerate() {
            self.last = BlockJournal::name(block.seq().0, index as u64);
            self.entries += 1;
            replay(Entry { lsn: self.last, payload });
        }
    }

    /// Looks at the next place. False is the stop.
    #[inline]
    fn on(
        &mut self,
        device: &mut dyn BlockDevice,
        scratch: &mut [u8],
        replay: &mut dyn FnMut(Entry<'_>),
    ) -> Result<bool, Error> {
        if self.cursor.seq == self.lap_end() {
            self.seen.area_end = true;
            return Ok(false);
        }
        match read(device, &self.layout, self.cursor.seq, self.front, scratch)? {
            Seen::Good(block) => match self.cursor.step(block) {
                Step::Single => self.give(block, replay),
                Step::Within => return Ok(true),
                Step::Ends(first, prev_crc) => {
                    self.again(device, first, prev_crc, scratch, replay)?;
                }
                Step::Stop => self.seen.claims = true,
            },
            Seen::Claims => self.seen.claims = true,
            Seen::Unreadable => self.seen.unreadable = true,
            Seen::Foreign => return Ok(false),
        }
        if self.seen.claims || self.seen.unreadable {
            return Ok(false);
        }
        self.chain = self.cursor.prev_crc;
        Ok(true)
    }

    /// Reads the blocks of a complete commit from `first` on once more, to hand them out: no
    /// memory is taken to keep them. A block that now reads differently ends the recovery with an
    /// error, since half of a commit may be out by then and must not be taken for all of it.
    fn again(
        &mut self,
        device: &mut dyn BlockDevice,
        first: Seq,
        mut prev_crc: u32,
        scratch: &mut [u8],
        replay: &mut dyn FnMut(Entry<'_>),
    ) -> Result<(), Error> {
        for number in first.0..self.cursor.seq.0 {
            let seq = Seq(number);
            match read(device, &self.layout, seq, self.front, scratch)? {
                Seen::Good(block) if block.prev_crc() == prev_crc => {
                    prev_crc = block.crc();
                    self.give(block, replay);
                }
                _ => {
                    let what = "a block that was good reads differently the second time";
                    return Err(Error::Refused { what, at_bytes: self.layout.at_bytes(seq) });
                }
            }
        }
        Ok(())
    }

    /// Looks for a block behind the stop that says whether the stop had been flushed, and failing
    /// that for any good one. Two questions, each over at its first answer: a device that answers
    /// without saying what the other blocks hold then says little.
    fn look_ahead(
        &mut self,
        device: &mut dyn BlockDevice,
        scratch: &mut [u8],
    ) -> Result<(), DeviceError> {
        let stop = self.cursor.seq;
        self.seen.proof = self.any_behind(device, scratch, |b| b.durable_upto() > stop)?;
        self.seen.later = !self.seen.proof && self.any_behind(device, scratch, |_| true)?;
        Ok(())
    }

    /// Whether one of the blocks that may be unflushed behind the stop is good and `says` so.
    fn any_behind(
        &self,
        device: &mut dyn BlockDevice,
        scratch: &mut [u8],
        says: impl Fn(Block<'_>) -> bool,
    ) -> Result<bool, DeviceError> {
        let (layout, front, stop) = (self.layout, self.front, self.cursor.seq);
        let scratch = &mut scratch[..layout.block_bytes as usize];
        let end = stop.plus(u64::from(layout.window) + 1).min(self.lap_end());
        let mut from = stop.plus(1);
        let sector = layout.logical_bytes() as usize;
        // A block of several sectors is asked for by its first one; most are out by that.
        while from < end && (HEAD_BYTES..scratch.len()).contains(&sector) {
            let claims = |_: u64, first: &[u8]| claimed(first, from).is_some_and(&says);
            let at = layout.lba(from);
            if device.find(at, 1, &mut scratch[..sector], &claims)?.is_some()
                && let Seen::Good(block) = read(device, &layout, from, front, scratch)?
                && says(block)
            {
                return Ok(true);
            }
            from = from.plus(1);
        }
        while from < end {
            let stretch = layout.unwrapped(from, end.0 - from.0);
            let good = |number: u64, bytes: &[u8]| matches!(see(bytes, from.plus(number), front), Seen::Good(block) if says(block));
            if device.find(layout.lba(from), stretch, scratch, &good)?.is_some() {
                return Ok(true);
            }
            from = from.plus(stretch);
        }
        Ok(false)
    }

    /// The verdict on what was seen, and the journal.
    fn end(&self, options: &BlockOptions) -> (BlockJournal, Opened) {
        let rule = decide(self.seen);
        let at_bytes = self.layout.at_bytes(self.cursor.seq);
        let damage = rule.damage.map(|(what, proven)| Damage { at_bytes, proven, what });
        let spoiled = self.spoiled.map(|at_bytes| Damage {
            at_bytes,
            proven: false,
            what: "a header copy: a torn switch, or a newer header that was damaged",
        });
        // What is proven must not hide behind what is only suspected.
        let damage = match damage {
            Some(damage) if damage.proven => Some(damage),
            other => spoiled.or(other),
        };
        let opened = Opened { entries: self.entries, end: rule.end, damage };
        let (chain, last) = (self.chain, self.last);
        let state = State {
            pair: self.pair,
            layout: self.layout,
            header: self.header,
            front: self.front,
            salted: options.salted,
            phase: Phase::Opened,
            next: self.cursor.commit,
            stop: self.cursor.seq,
            chain,
            renumbered: 0,
            acked: last,
            pending: Pending { blocks: 0, used: 0, index: 0, chain, last },
        };
        (BlockJournal { state, buffer: Vec::new() }, opened)
    }
}
