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

use super::BlockJournal;
use super::codec::{Block, Front, Seen, see};
use super::layout::{Layout, Seq};
use crate::device::{BlockDevice, DeviceError};
use crate::journal::{Damage, End, Entry, Error, Lsn};
use crate::rfc::header::Header;

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

/// Reads one place; `V9` says that the blocks are of its form. Only an unreadable sector is an answer; other errors are not the medium's.
#[inline(always)]
pub(super) fn read<'a, const V9: bool>(
    device: &'a mut dyn BlockDevice,
    layout: &Layout,
    seq: Seq,
    front: Front,
    scratch: &'a mut [u8],
) -> Result<Seen<'a>, DeviceError> {
    let scratch = &mut scratch[..layout.block_bytes as usize];
    match device.lend(layout.lba(seq), scratch) {
        Ok(bytes) => Ok(see::<V9>(bytes, seq, front)),
        Err(DeviceError::Unreadable(_)) => Ok(Seen::Unreadable),
        Err(error) => Err(error),
    }
}

/// Hands out what survived, and tells how the log ended.
pub(super) fn recover<const V9: bool>(
    device: &mut dyn BlockDevice,
    layout: &Layout,
    header: &Header,
    front: Front,
    scratch: &mut [u8],
    replay: &mut dyn FnMut(Entry<'_>),
) -> Result<Found, Error> {
    let mut cursor = Cursor::new(header, front);
    let lap_end = layout.end_of_log(header);
    let mut seen = Conditions::default();
    let (mut entries, mut last, mut chain) = (0, Lsn(0), cursor.prev_crc);
    loop {
        if cursor.seq == lap_end {
            seen.area_end = true;
            break;
        }
        let mut give = |block: Block<'_>| {
            for (index, payload) in block.payloads::<V9>().enumerate() {
                last = BlockJournal::name(block.seq().0, index as u64);
                entries += 1;
                replay(Entry { lsn: last, payload });
            }
        };
        match read::<V9>(device, layout, cursor.seq, front, scratch)? {
            Seen::Good(block) => match cursor.step(block) {
                Step::Single => give(block),
                Step::Within => continue,
                Step::Ends(first, prev_crc) => {
                    let range = (first, cursor.seq);
                    again::<V9>(device, layout, front, range, prev_crc, scratch, &mut give)?;
                }
                Step::Stop => {
                    seen.claims = true;
                    break;
                }
            },
            Seen::Claims => {
                seen.claims = true;
                break;
            }
            Seen::Unreadable => {
                seen.unreadable = true;
                break;
            }
            Seen::Foreign => break,
        }
        chain = cursor.prev_crc;
    }
    seen.inside_commit = cursor.commit < cursor.seq;
    if !seen.area_end {
        look_ahead::<V9>(device, layout, front, cursor.seq, lap_end, scratch, &mut seen)?;
    }
    let rule = decide(seen);
    let at_bytes = layout.at_bytes(cursor.seq);
    let damage = rule.damage.map(|(what, proven)| Damage { at_bytes, proven, what });
    let (next, stop) = (cursor.commit, cursor.seq);
    Ok(Found { next, stop, chain, last, entries, end: rule.end, damage })
}

/// Reads the blocks `range.0 .. range.1` of a complete commit once more, to hand them out: no
/// memory is taken to keep them. A block that now reads differently ends the recovery with an
/// error, since half of a commit may be out by then and must not be taken for all of it.
fn again<const V9: bool>(
    device: &mut dyn BlockDevice,
    layout: &Layout,
    front: Front,
    range: (Seq, Seq),
    mut prev_crc: u32,
    scratch: &mut [u8],
    give: &mut dyn FnMut(Block<'_>),
) -> Result<(), Error> {
    for number in range.0.0..range.1.0 {
        let seq = Seq(number);
        match read::<V9>(device, layout, seq, front, scratch)? {
            Seen::Good(block) if block.prev_crc() == prev_crc => {
                prev_crc = block.crc() & front.chain_mask();
                give(block);
            }
            _ => {
                let what = "a block that was good reads differently the second time";
                return Err(Error::Refused { what, at_bytes: layout.at_bytes(seq) });
            }
        }
    }
    Ok(())
}

/// Looks for a block behind `stop` that says whether the stop had been flushed.
fn look_ahead<const V9: bool>(
    device: &mut dyn BlockDevice,
    layout: &Layout,
    front: Front,
    stop: Seq,
    lap_end: Seq,
    scratch: &mut [u8],
    seen: &mut Conditions,
) -> Result<(), DeviceError> {
    let last = stop.plus(u64::from(layout.window)).0.min(lap_end.0 - 1);
    for number in stop.0 + 1..=last {
        let seq = Seq(number);
        if let Seen::Good(block) = read::<V9>(device, layout, seq, front, scratch)? {
            if block.durable_upto() > stop {
                seen.proof = true;
                return Ok(());
            }
            seen.later = true;
        }
    }
    Ok(())
}
