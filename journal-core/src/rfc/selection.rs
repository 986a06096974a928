//! A selection of the grid: few enough points to prove each on every device, enough to compare the
//! answers of every axis.
//!
//! Method. Whole crosses rather than a sample, so that for each answer there are points which differ
//! in nothing else:
//!
//! | cross | integrity | tails | reuses | commit rules |
//! |---|---|---|---|---|
//! | reuse | the central set | all | all, cleared and not | flush |
//! | commit | the central set | all | `erase`, `salt+clear`, and in streams `salt` | all |
//! | integrity | all sets of CRC-32C, and the central set by each algorithm, weak ones too | `rewrite`, `pad-sector` | `erase` | flush |
//!
//! each in all framings, as far as it makes sense there; and the [`LADDER`]. The *central set* is one
//! CRC-32C where the framing has its unit: on each entry of a stream, on each block. `erase` is the
//! RFC's own reuse, so that the third cross holds the reviewer's amendment itself.
//!
//! Left out is what makes a commit eight sectors whose every mixture is a crash state of its own, so
//! that a proof takes minutes: in blocks of a cluster, stamps in sectors, weak algorithms, tails in
//! slots, and a rewritten tail under a salt; in blocks of a sector, commits that fill a cluster and need
//! a record or a pointer besides.
//!
//! What was left out was found by trying: proofs on devices that damage what they write did not end
//! within minutes. So that a cell of the selection is decided says less than it would of a selection
//! made blindly. No point was left out for what its verdict was.
//!
//! Invariant: a subset of [`Strategy::all`], in that order. No point is chosen by its verdict.
//!
//! What it is not: a random sample. It says nothing of how large a part of the grid is sound.

use crate::checksum::Checksum;
use crate::rfc::strategy::{
    CommitRule, Framing, Integrity, LADDER, Reuse, ReuseBy, Strategy, TailWrite,
};

const ERASE: Reuse = Reuse { by: ReuseBy::Erase, clears_after_unclean: false };
const SALT: Reuse = Reuse { by: ReuseBy::Salt, clears_after_unclean: false };
const SALT_CLEAR: Reuse = Reuse { by: ReuseBy::Salt, clears_after_unclean: true };

/// One checksum where the framing has its unit.
const fn central(framing: Framing, sum: Checksum) -> Integrity {
    match framing {
        Framing::Stream => Integrity::entry(sum),
        Framing::StreamLiteral => Integrity::NONE,
        Framing::Block { .. } => Integrity { block: sum, ..Integrity::NONE },
    }
}

/// Whether a commit is eight sectors that a cut mixes freely.
fn is_wide(point: &Strategy) -> bool {
    let clusters = matches!(point.tail(), TailWrite::PadPhysical | TailWrite::Fresh);
    match point.framing() {
        Framing::Block { bytes: 4096 } => {
            let salted = point.reuse().by == ReuseBy::Salt;
            let tail = point.tail();
            tail == TailWrite::PingPong || (tail == TailWrite::Rewrite && salted)
        }
        Framing::Block { .. } => clusters && point.commit() != CommitRule::Flush,
        _ => false,
    }
}

fn is_selected(point: &Strategy) -> bool {
    let (framing, integrity) = (point.framing(), point.integrity());
    let flush = point.commit() == CommitRule::Flush;
    let is_central = integrity == central(framing, Checksum::Crc32c);
    let is_central = is_central && !is_wide(point);
    let of_reuse = is_central && flush;
    let in_stream = framing == Framing::Stream && point.reuse() == SALT;
    let of_commit = is_central && (in_stream || [ERASE, SALT_CLEAR].contains(&point.reuse()));
    let Integrity { entry, block, chain, sector } = integrity;
    let is_of = |sum: Checksum| [Checksum::None, Checksum::Crc32c].contains(&sum);
    let a_set = [entry, block, chain, sector].into_iter().all(is_of);
    let an_algorithm = Checksum::ALL.into_iter().any(|sum| integrity == central(framing, sum));
    let weak = entry.max(block).is_weak() && integrity != Integrity::NONE;
    let mixes = framing == Framing::Block { bytes: 4096 } && (sector != Checksum::None || weak);
    let tails = [TailWrite::Rewrite, TailWrite::PadLogical];
    let of_integrity = (a_set || an_algorithm)
        && flush
        && !mixes
        && point.reuse() == ERASE
        && tails.contains(&point.tail());
    of_reuse || of_commit || of_integrity || LADDER.iter().any(|rung| rung.1 == *point)
}

impl Strategy {
    /// The points that are compared by default.
    pub fn selection() -> impl Iterator<Item = Strategy> {
        Strategy::all().filter(is_selected)
    }
}
