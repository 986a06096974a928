//! Every point of the grid, in an order that does not change.
//!
//! The one idea: the product of the axes, less what is refused. The order is that of the axes'
//! answers, the last axis running fastest, so neighbours in the list differ in one answer.
//!
//! Invariant: each point comes once, and [`Strategy::new`] accepts it.
//!
//! What it is not: a selection. The flawed and the weak are in it too.

use crate::checksum::Checksum;
use crate::rfc::strategy::{CommitRule, Framing, Integrity, Reuse, ReuseBy, Strategy, TailWrite};

/// The framings, in the order of the grid.
pub const FRAMINGS: [Framing; 4] = [
    Framing::Stream,
    Framing::StreamLiteral,
    Framing::Block { bytes: 512 },
    Framing::Block { bytes: 4096 },
];

/// The tails, in the order of the grid.
pub const TAILS: [TailWrite; 5] = [
    TailWrite::Rewrite,
    TailWrite::PadLogical,
    TailWrite::PadPhysical,
    TailWrite::PingPong,
    TailWrite::Fresh,
];

/// The marks, in the order of the grid.
pub const MARKS: [ReuseBy; 4] = [ReuseBy::Erase, ReuseBy::Sequence, ReuseBy::Salt, ReuseBy::Lap];

/// The commit rules, in the order of the grid.
pub const COMMITS: [CommitRule; 4] =
    [CommitRule::Flush, CommitRule::RecordAfterFlush, CommitRule::RecordFua, CommitRule::Pointer];

/// The sets of integrity that one algorithm can make, in the order of the grid. `None` makes one.
fn sets(sum: Checksum) -> impl Iterator<Item = Integrity> {
    let subsets = if sum == Checksum::None { 0..1 } else { 1..16u8 };
    subsets.map(move |members| {
        let member = |bit: u8| if members & bit == 0 { Checksum::None } else { sum };
        Integrity { entry: member(1), block: member(2), chain: member(4), sector: member(8) }
    })
}

impl Strategy {
    /// All points of the grid.
    pub fn all() -> impl Iterator<Item = Strategy> {
        let integrities = || Checksum::ALL.into_iter().flat_map(sets);
        let reuses = || {
            MARKS.into_iter().flat_map(|by| {
                [false, true].map(|clears_after_unclean| Reuse { by, clears_after_unclean })
            })
        };
        FRAMINGS.into_iter().flat_map(move |framing| {
            integrities().flat_map(move |integrity| {
                TAILS.into_iter().flat_map(move |tail| {
                    reuses().flat_map(move |reuse| {
                        COMMITS.into_iter().filter_map(move |commit| {
                            Strategy::new(framing, integrity, tail, reuse, commit).ok()
                        })
                    })
                })
            })
        })
    }
}
