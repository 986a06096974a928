//! A life up to its power cut, as the enumerator sees it: its commands, and which are stable.
//!
//! Method: rules 1, 8 and 9 of `contract.rs`, call by call, and where barriers stand for rule 4.
//!
//! Invariant: what is in flight is never stable, and what never happened is not there.

use simulator::disk::contract::{CacheOrder, Contract, Flush, Fua};

use crate::traces::Call;

/// One command of the life.
#[derive(Debug)]
pub struct Command {
    pub lba: usize,
    pub data: Vec<Vec<u8>>,
    /// Number of its call among the write calls.
    pub number: usize,
    /// Number of its call.
    pub call: usize,
    pub stable: bool,
}

impl Command {
    pub fn writes(&self, lba: usize) -> bool {
        (self.lba..self.lba + self.data.len()).contains(&lba)
    }
}

/// A life up to its power cut.
#[derive(Debug, Default)]
pub struct Life {
    pub commands: Vec<Command>,
    /// Write calls with at least this number come after a completed barrier, the others before.
    pub barriers: Vec<usize>,
}

impl Life {
    /// Rule 1: what is stable when the power goes during call `at`.
    pub fn new(contract: &Contract, calls: &[Call], at: usize) -> Life {
        let mut life = Life::default();
        let mut numbers = 0;
        for (i, call) in calls.iter().enumerate().take(at + 1) {
            let completed = i < at;
            let zeros;
            let written: Vec<(usize, &Vec<Vec<u8>>, bool)> = match call {
                Call::Flush => {
                    if completed {
                        life.flushed(contract, numbers);
                    }
                    continue;
                }
                // Rule 8.
                Call::Discard { lba, sectors } => {
                    zeros = vec![vec![0; contract.logical_bytes as usize]; *sectors];
                    vec![(*lba, &zeros, false)]
                }
                Call::Write(commands) => commands.iter().map(|c| (c.lba, &c.data, c.fua)).collect(),
            };
            // A flush that comes with FUA covers the calls before and the FUA commands of its own
            // call; whether the cached ones beside them had completed when it was issued, nobody
            // knows. As a barrier it stands behind the call.
            let post_flush = contract.fua == Fua::PostFlush && written.iter().any(|w| w.2);
            numbers += 1;
            if completed && post_flush {
                life.flushed(contract, numbers);
            }
            for (lba, data, fua) in written {
                let through = contract.order == CacheOrder::WriteThrough;
                let forced = match contract.fua {
                    Fua::Native => fua,
                    Fua::PostFlush => fua && contract.flush == Flush::Honoured,
                    Fua::Ignored => false,
                };
                let (stable, number) = (completed && (through || forced), numbers - 1);
                life.commands.push(Command { lba, data: data.clone(), number, call: i, stable });
            }
        }
        // Rule 9: what the last calls before the cut wrote.
        let late = at.saturating_sub(contract.late_calls as usize);
        life.commands.iter_mut().filter(|c| c.call >= late).for_each(|c| c.stable = false);
        life
    }

    /// A flush completed before write call `numbers`.
    fn flushed(&mut self, contract: &Contract, numbers: usize) {
        if contract.flush == Flush::Honoured {
            self.commands.iter_mut().for_each(|c| c.stable = true);
        }
        let barrier = match contract.flush {
            // What it does not cover (see `life`) is kept apart in epoch order.
            Flush::Honoured => contract.order == CacheOrder::Epoch,
            Flush::BarrierOnly => true,
            // It does nothing: no barrier either.
            Flush::Ignored => false,
        };
        // Where nothing is cached a flush means nothing, for late writes neither.
        if barrier && contract.order != CacheOrder::WriteThrough {
            self.barriers.push(numbers);
        }
    }

    /// Whether a later stable write took the place of what a command wrote in a sector.
    pub fn superseded(&self, command: usize, lba: usize) -> bool {
        self.commands[command + 1..].iter().any(|later| later.stable && later.writes(lba))
    }
}
