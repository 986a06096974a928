//! Outcome classes: whether a campaign still sees anything new.
//!
//! The one idea: a campaign that runs faster and sees nothing new has stopped to work. Each leaf is put
//! into a class, coarse enough that a campaign can come to the end of them; what counts is how many
//! classes were seen, and since when none was new.
//!
//! A class is a number of 64 bits:
//!
//! | bits | outcome of a leaf | recovery decision (first leaf of each run, each of its recoveries) |
//! |---|---|---|
//! | 63 | 0 | 1 |
//! | 48 .. 63 | row of the journal | the same |
//! | 40 .. 48 | design of a point of the grid | the same |
//! | 16 .. 40 | oracles violated (9), whether one was owed, power cuts (3), questions asked: their bit length (4) | how the log ended (2), whether it opened (1), damage: none, suspected, proven (2), CRC of its words (16) |
//! | 0 .. 16 | entries shown: up to 6 or more (3), whether the first was gone (1) | entries shown less owed: fewer, all, more (2); none shown (1) |
//!
//! Invariant: a class depends on the leaf alone; never on time, threads or what came before.
//!
//! What it is not: coverage of code, or a count of crash states.

use journal_core::End;

use super::finding::{Design, RowKey};
use crate::choose::{Chooser, Label, What};
use crate::oracle::OracleSet;
use crate::run::{Event, Leaf};

/// Recovery decisions have this bit, outcomes do not.
pub const DECISION: u64 = 1 << 63;

fn head(row: RowKey, design: Design) -> u64 {
    (u64::from(row.journal) & 0x7fff) << 48 | u64::from(design.0) << 40
}

/// The class of a leaf.
pub(super) fn outcome(
    row: RowKey,
    design: Design,
    leaf: &Leaf,
    broken: OracleSet,
    questions: u32,
) -> u64 {
    let violated = leaf.violated.iter().fold(0u64, |set, oracle| set | 1 << oracle as u64);
    let middle = violated
        | u64::from(!broken.is_empty()) << 9
        | u64::from(leaf.cuts.min(7)) << 10
        | u64::from(u32::BITS - questions.leading_zeros()).min(15) << 13;
    let shown = u64::from(leaf.last.handed_out.min(7)) | u64::from(leaf.last.first > 0) << 3;
    head(row, design) | middle << 16 | shown
}

/// The class of a recovery, if the event is one.
pub(super) fn decision(row: RowKey, design: Design, event: &Event<'_>) -> Option<u64> {
    let Event::Opened { result, owed, judgement } = event else { return None };
    let middle = match result {
        Err(_) => 1 << 2,
        Ok(opened) => {
            let end = match opened.end {
                End::Clean => 0,
                End::Torn => 1,
                End::AreaEnd => 2,
            };
            let damage = opened.damage.map_or(0, |damage| {
                let crc = journal_core::checksum::crc32c(damage.what.as_bytes());
                (1 + u64::from(damage.proven)) << 3 | u64::from(crc & 0xffff) << 5
            });
            end | damage
        }
    };
    let order = match judgement.end.cmp(&owed.acked) {
        std::cmp::Ordering::Less => 0,
        std::cmp::Ordering::Equal => 1,
        std::cmp::Ordering::Greater => 2,
    };
    let shown = order | u64::from(judgement.handed_out == 0) << 2;
    Some(DECISION | head(row, design) | middle << 16 | shown)
}

/// A chooser that counts what it is asked.
#[derive(Debug)]
pub(super) struct Counting<C> {
    pub chooser: C,
    pub questions: u32,
}

impl<C: Chooser> Chooser for Counting<C> {
    #[inline]
    fn choose(
        &mut self,
        what: What,
        options: std::num::NonZeroU32,
        label: &dyn Fn(u32) -> Label,
    ) -> u32 {
        self.questions += 1;
        self.chooser.choose(what, options, label)
    }
}
