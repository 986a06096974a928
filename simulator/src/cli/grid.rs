//! The grid section of `compare`: a selection of all strategies on every device, under one workload.
//!
//! The one idea: the ladder tells a story rung by rung under many workloads; the grid asks one
//! question of many designs, so that the answers of each axis can be weighed. How the strategies are
//! chosen is told in `journal_core::rfc::selection`.
//!
//! Invariant: the cells do not depend on the number of threads, and none is chosen by its verdict.
//!
//! What it is not: shrunk or told. A cell has a verdict, figures and a token.

use journal_core::rfc::Strategy;
use rayon::prelude::*;
use simulator::disk::contract::Contract;
use simulator::explore::grid::{LEAVES_MAX, cell, workload};
use simulator::report::grid::{self, Grid, GridCell};
use simulator::report::model::{Shard, WorkloadRow};

use super::screen::Progress;
use super::signal;

/// Runs the section; the second is whether it was interrupted.
pub fn run(contracts: &[Contract], shard: Option<Shard>) -> (Grid, bool) {
    let strategies: Vec<String> = Strategy::selection().map(|point| point.to_string()).collect();
    let workload = WorkloadRow {
        name: "again-mixed".to_owned(),
        about:
            "entries of 48, 232, 232 and 48 bytes and a commit, then a power cut at any moment; \
                48, 232 and 232 bytes, what was lost once more, and another cut"
                .to_owned(),
        workload: workload(),
    };
    let pairs = strategies.iter().flat_map(|s| contracts.iter().map(move |contract| (s, contract)));
    let mine = |(rank, pair)| shard.is_none_or(|s| s.holds(rank)).then_some(pair);
    let pairs: Vec<_> = pairs.enumerate().filter_map(mine).collect();
    let progress = Progress::new("cells of the grid", Some(pairs.len() as u64));
    let found: Vec<Option<GridCell>> = pairs
        .par_iter()
        .with_max_len(1)
        .map(|&(strategy, contract)| {
            if signal::stopped() {
                return None;
            }
            let cell = cell(strategy, contract)?;
            progress.one_more();
            Some(grid::cell(strategy, &cell))
        })
        .collect();
    let cells: Vec<GridCell> = found.into_iter().flatten().collect();
    let partial = cells.len() < pairs.len();
    let mut grid = Grid {
        chosen: "the ladder, and with the central checksum (CRC-32C of each entry of a stream, of \
                 each block) all tails x all reuses x flush, and all tails x erase, salt+clear (in \
                 streams also salt) x all commit rules; with rewrite, pad-sector x erase x flush all sets of checksums and all \
                 algorithms; in all framings, less what takes minutes to prove; on devices of 64 KiB, or 112 KiB for blocks of 4096 \
                 bytes"
            .to_owned(),
        leaves_max: LEAVES_MAX,
        workload,
        strategies,
        cells,
        changes: Vec::new(),
    };
    if shard.is_none() && !partial {
        let devices: Vec<String> = contracts.iter().map(|contract| contract.name.clone()).collect();
        grid.summarise(&devices);
    }
    (grid, partial)
}
