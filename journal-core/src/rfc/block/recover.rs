//! Recovery of a journal in blocks.
//!
//! Method
//! 1. Walk from start_seq, block by block, as far as each block is good for its place, chained to
//!    the one before, and where a commit allows it. Hand out a commit when its LAST block is seen.
//! 2. The first block that fails is the *stop*. It is a torn or missing tail, or damage, and the
//!    stop itself cannot tell. So look ahead over the next W blocks: a good one with durable_upto
//!    beyond the stop says that the stop had been flushed, hence was readable once.
//! 3. [`decide`] turns what was seen into the verdict.
//!
//! The look-ahead is in `ahead`.
//!
//! Invariant: reads only, no sector more than four times, and hands out nothing of a commit before all of
//! it was seen good.
//!
//! What it is not: a repair. Nothing behind a stop is handed out, proven damage or not.

use super::ahead::Ahead;
use super::codec::{Block, Front, Seen};
use super::decide::{Conditions, decide};
use super::layout::{self, Layout, Seq};
use super::open_tail::{OpenLog, Tail};
use super::read::read;
use super::sealed::held_against;
use super::{BlockJournal, BlockOptions, Extra};
use alloc::boxed::Box;

use crate::device::BlockDevice;
use crate::journal::{Damage, End, Entry, Error, Lsn, Opened};
use crate::rfc::header::{HEADER_BYTES, Header, HeaderPair, Newest};
use crate::steps::Recovery;

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
    /// What of a block's checksum the next one holds.
    mask: u32,
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
    pub fn new(header: &Header, front: Front) -> Cursor {
        let start = Seq(header.start_seq);
        let prev_crc = header.start_prev_crc;
        Cursor {
            start,
            window: u64::from(header.window),
            seq: start,
            commit: start,
            prev_crc,
            commit_prev_crc: prev_crc,
            mask: front.chain_mask(),
        }
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
        self.prev_crc = block.crc() & self.mask;
        self.seq = self.seq.plus(1);
        if !block.is_last() {
            return Step::Within;
        }
        (self.commit, self.commit_prev_crc) = (self.seq, self.prev_crc);
        if begins { Step::Single } else { Step::Ends(ended.0, ended.1) }
    }
}

/// What recovery found.
#[derive(Clone, Copy, Debug)]
pub(super) struct Found {
    /// Where the next commit goes.
    pub next: Seq,
    /// The first place that is not good.
    pub stop: Seq,
    /// The chain up to there.
    pub chain: u32,
    /// The last entry handed out.
    pub last: Lsn,
    pub entries: u64,
    pub end: End,
    pub damage: Option<Damage>,
}

/// The recovery of a journal in blocks, on its way: headers, then block by block, then the look-ahead.
/// A log whose last block stays open is walked all at once.
#[derive(Clone, Copy, Debug)]
pub struct BlockRecovery {
    stage: Stage,
    /// Once the headers were read.
    walk: Option<Walk>,
}

#[derive(Clone, Copy, Debug)]
enum Stage {
    Headers,
    Walk,
    /// Behind the stop: the next block to look at.
    Ahead(Ahead),
}

/// Where the walk is, and what it met.
#[derive(Clone, Copy, Debug)]
pub(super) struct Walk {
    pair: HeaderPair,
    pub(super) layout: Layout,
    header: Header,
    pub(super) front: Front,
    /// The other header copy, if that cannot be believed.
    spoiled: Option<u64>,
    pub(super) cursor: Cursor,
    pub(super) seen: Conditions,
    entries: u64,
    /// The last entry handed out.
    last: Lsn,
    /// The chain up to the last commit handed out.
    chain: u32,
}

impl Recovery<BlockJournal> for BlockRecovery {
    fn begin(_: &BlockOptions) -> Self {
        BlockRecovery { stage: Stage::Headers, walk: None }
    }

    #[inline]
    fn step(
        &mut self,
        device: &mut dyn BlockDevice,
        options: &BlockOptions,
        replay: &mut dyn FnMut(Entry<'_>),
    ) -> Result<Option<(BlockJournal, Opened)>, Error> {
        let Some(walk) = &mut self.walk else {
            self.walk = Some(Walk::begin(device, options)?);
            self.stage = Stage::Walk;
            return Ok(None);
        };
        if options.grid.is_some() {
            return variant_step(&mut self.stage, walk, device, options, replay);
        }
        // Clearing scratch that the device never needs costs more than the read.
        let small = walk.layout.block_bytes <= 512;
        if matches!(self.stage, Stage::Ahead(_)) {
            if small {
                walk.look_ahead(device, &mut [0; 512])?;
            } else {
                walk.look_ahead(device, &mut [0; HEADER_BYTES])?;
            }
            return Ok(Some(walk.journal(options)));
        }
        let on = if small {
            walk.on::<true>(device, &mut [0; 512], replay)?
        } else {
            walk.on::<true>(device, &mut [0; HEADER_BYTES], replay)?
        };
        if !on && walk.seen.area_end {
            return Ok(Some(walk.journal(options)));
        }
        if !on {
            self.stage = walk.behind_stop();
        }
        Ok(None)
    }
}

/// A step behind the headers, at any other point of the grid than V9.
#[inline(never)]
fn variant_step(
    stage: &mut Stage,
    walk: &mut Walk,
    device: &mut dyn BlockDevice,
    options: &BlockOptions,
    replay: &mut dyn FnMut(Entry<'_>),
) -> Result<Option<(BlockJournal, Opened)>, Error> {
    if options.stays_open() {
        return walk.open_tail(device, options, replay).map(Some);
    }
    let scratch = &mut [0; HEADER_BYTES];
    if let Stage::Ahead(ahead) = stage {
        if !walk.look_at(ahead, device, scratch)? {
            return Ok(None);
        }
    } else if walk.on::<false>(device, scratch, replay)? {
        return Ok(None);
    } else if !walk.seen.area_end {
        *stage = walk.behind_stop();
        return Ok(None);
    }
    let found = walk.found();
    let found = held_against(options, &walk.header, found, &walk.layout);
    Ok(Some(walk.variant(options, found, None)))
}

impl Walk {
    fn begin(device: &mut dyn BlockDevice, options: &BlockOptions) -> Result<Walk, Error> {
        let geometry = device.geometry();
        let pair = layout::pair(options, geometry)?;
        let newest = pair.read_newest(device, options.magic())?;
        let mut layout = Layout::of(options, &newest.header, &pair, geometry)?;
        layout.by_parts = device.pays_by_parts();
        let front = options.front(newest.header.salt, &layout);
        Ok(Walk::over(newest, pair, layout, front))
    }

    fn over(newest: Newest, pair: HeaderPair, layout: Layout, front: Front) -> Walk {
        let Newest { header, spoiled } = newest;
        let cursor = Cursor::new(&header, front);
        Walk {
            pair,
            layout,
            header,
            front,
            spoiled,
            cursor,
            seen: Conditions::default(),
            entries: 0,
            last: Lsn(0),
            chain: cursor.prev_crc,
        }
    }

    fn behind_stop(&self) -> Stage {
        Stage::Ahead(Ahead::behind(self.cursor.seq))
    }

    pub(super) fn lap_end(&self) -> Seq {
        self.layout.end_of_log(&self.header)
    }

    fn give<const V9: bool>(&mut self, block: Block<'_>, replay: &mut dyn FnMut(Entry<'_>)) {
        for (index, payload) in block.payloads::<V9>().enumerate() {
            self.last = BlockJournal::name(block.seq().0, index as u64);
            self.entries += 1;
            replay(Entry { lsn: self.last, payload });
        }
    }

    /// Looks at the next place. False is the stop.
    #[inline]
    fn on<const V9: bool>(
        &mut self,
        device: &mut dyn BlockDevice,
        scratch: &mut [u8],
        replay: &mut dyn FnMut(Entry<'_>),
    ) -> Result<bool, Error> {
        if self.cursor.seq == self.lap_end() {
            self.seen.area_end = true;
            return Ok(false);
        }
        match read::<V9>(device, &self.layout, self.cursor.seq, self.front, scratch)? {
            Seen::Good(block) => match self.cursor.step(block) {
                Step::Single => self.give::<V9>(block, replay),
                Step::Within => return Ok(true),
                Step::Ends(first, prev_crc) => {
                    self.again::<V9>(device, first, prev_crc, scratch, replay)?;
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
    fn again<const V9: bool>(
        &mut self,
        device: &mut dyn BlockDevice,
        first: Seq,
        mut prev_crc: u32,
        scratch: &mut [u8],
        replay: &mut dyn FnMut(Entry<'_>),
    ) -> Result<(), Error> {
        for number in first.0..self.cursor.seq.0 {
            let seq = Seq(number);
            match read::<V9>(device, &self.layout, seq, self.front, scratch)? {
                Seen::Good(block) if block.prev_crc() == prev_crc => {
                    prev_crc = block.crc() & self.front.chain_mask();
                    self.give::<V9>(block, replay);
                }
                _ => {
                    let what = "a block that was good reads differently the second time";
                    return Err(Error::Refused { what, at_bytes: self.layout.at_bytes(seq) });
                }
            }
        }
        Ok(())
    }

    /// The verdict on what was seen.
    fn found(&mut self) -> Found {
        self.seen.inside_commit = self.cursor.commit < self.cursor.seq;
        let rule = decide(self.seen);
        let at_bytes = self.layout.at_bytes(self.cursor.seq);
        Found {
            next: self.cursor.commit,
            stop: self.cursor.seq,
            chain: self.chain,
            last: self.last,
            entries: self.entries,
            end: rule.end,
            damage: rule.damage.map(|(what, proven)| Damage { at_bytes, proven, what }),
        }
    }

    /// The journal, of V9.
    fn journal(&mut self, options: &BlockOptions) -> (BlockJournal, Opened) {
        let found = self.found();
        let at = (self.pair, self.layout, self.header, self.front);
        BlockJournal::opened(options, at, self.spoiled, found, None)
    }

    /// The journal, of another point of the grid.
    fn variant(
        &self,
        options: &BlockOptions,
        found: Found,
        tail: Option<Tail>,
    ) -> (BlockJournal, Opened) {
        let Front::Variant(variant) = self.front else { unreachable!("V9 is no variant") };
        let at = (self.pair, self.layout, self.header, self.front);
        let extra = Box::new(Extra::recovered(options, variant, tail));
        BlockJournal::opened(options, at, self.spoiled, found, Some(extra))
    }

    /// Opens a journal whose last block stays open.
    fn open_tail(
        &self,
        device: &mut dyn BlockDevice,
        options: &BlockOptions,
        replay: &mut dyn FnMut(Entry<'_>),
    ) -> Result<(BlockJournal, Opened), Error> {
        let log = OpenLog::new(device, options, &self.layout, self.front)?;
        let (found, tail) = log.recover(device, options.commit(), &self.header, replay)?;
        Ok(self.variant(options, found, tail))
    }
}
