//! A cell of which the search is dealt to shards.
//!
//! The one idea: what a shard finds is a cell of its own, so that who sees one sees a counterexample,
//! and never a proof; the whole is the cell of [`crate::explore::prove()`].
//!
//! Invariant: a shard is never PROVEN.
//!
//! What it is not: a search. See the module above.

use journal_core::formats::Format;

use super::{Cut, Searched, Share, explore_share, put_together};
use crate::explore::cell::prove_by;
use crate::explore::{Bounds, Cell, Explored, Verdict};
use crate::journals::{self, Row, Visitor};
use crate::run::Setup;

/// Searches one of so many shards of a proof, on the threads of the present pool: what it found taken
/// for itself, and to be put together. `None` if there is no such journal.
#[must_use]
pub fn prove_share(
    journal: &str,
    setup: &Setup,
    bounds: Bounds,
    shard: (u32, u32),
) -> Option<(Cell, Share)> {
    let (mut cell, share) = journals::visit(journal, OfShare { setup, bounds, shard })?;
    if cell.verdict == Verdict::Bounded {
        let (index, of) = shard;
        let leaves = cell.explored.leaves;
        cell.why = Some(format!(
            "{leaves} leaves visited in shard {index}/{of}, and none violates anything that is owed; `tornwrite report \
             merge` puts the shards together"
        ));
    }
    Some((cell, share))
}

struct OfShare<'s> {
    setup: &'s Setup,
    bounds: Bounds,
    shard: (u32, u32),
}

impl Visitor for OfShare<'_> {
    type Out = (Cell, Share);

    fn visit<J: Format>(self, row: Row, options: J::Options) -> Self::Out {
        let mut share = Share::default();
        let cell = prove_by::<J>(row.name, &options, self.setup, |run| {
            share = explore_share(run, self.bounds, self.shard, Cut::default());
            share.explored(run, self.bounds)
        });
        (cell, share)
    }
}

/// The whole proof, of what its shards found. `None` if there is no such journal.
///
/// # Errors
/// In words, what does not fit.
#[must_use]
pub fn prove_put_together(
    journal: &str,
    setup: &Setup,
    bounds: Bounds,
    of: u32,
    segments: Vec<Option<Searched>>,
) -> Option<Result<Cell, String>> {
    journals::visit(journal, OfShares { setup, bounds, of, segments })
}

struct OfShares<'s> {
    setup: &'s Setup,
    bounds: Bounds,
    of: u32,
    segments: Vec<Option<Searched>>,
}

impl Visitor for OfShares<'_> {
    type Out = Result<Cell, String>;

    fn visit<J: Format>(self, row: Row, options: J::Options) -> Self::Out {
        let mut wrong = None;
        let cell = prove_by::<J>(row.name, &options, self.setup, |run| {
            let dealt = (self.of, Cut::default());
            put_together(run, self.bounds, dealt, self.segments).unwrap_or_else(|what| {
                wrong = Some(what);
                Explored::default()
            })
        });
        wrong.map_or(Ok(cell), Err)
    }
}
