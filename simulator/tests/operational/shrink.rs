//! Shrinking: the smallest case near a failing one.
//!
//! Method: greedy. Try every smaller neighbour (a call, command or sector less, a life or a step
//! less, a knob at its kinder value, a plainer content) and move to the first that still fails,
//! until none does.
//!
//! Invariant: the result fails too, and its contract is valid.

use simulator::disk::Fill;
use simulator::disk::contract::{CacheOrder, Contract, Flush, Fua, InnerTear, TearShape};

use crate::traces::{Call, Case};

/// Takes changes of a case.
type With<'a> = dyn FnMut(&dyn Fn(&mut Case)) + 'a;

/// The smallest failing case found from `case`, and why it fails.
pub fn shrink(case: &Case, fails: &dyn Fn(&Case) -> Option<String>) -> (Case, String) {
    let mut small = case.clone();
    let mut why = fails(&small).expect("a failing case");
    loop {
        let smaller = neighbours(&small).into_iter().find_map(|c| {
            let possible = c.contract.validate().is_ok() && c != small;
            possible.then(|| fails(&c)).flatten().map(|why| (c, why))
        });
        let Some(next) = smaller else { return (small, why) };
        (small, why) = next;
    }
}

fn neighbours(case: &Case) -> Vec<Case> {
    let mut all = Vec::new();
    let mut with = |change: &dyn Fn(&mut Case)| {
        let mut changed = case.clone();
        change(&mut changed);
        all.push(changed);
    };
    for i in 0..case.calls.len() {
        with(&|c| {
            c.calls.remove(i);
            c.cut = c.cut.saturating_sub(usize::from(i < case.cut)).min(c.calls.len());
        });
    }
    for life in 0..case.program.lives.len() {
        if case.program.lives.len() > 1 {
            with(&|c| {
                c.program.lives.remove(life);
            });
        }
        for steps in 0..case.program.lives[life].steps {
            with(&|c| c.program.lives[life].steps = steps);
        }
        with(&|c| c.program.lives[life].full_read = true);
    }
    with(&|c| c.program.adaptive = false);
    with(&|c| c.cut = c.calls.len());
    with(&|c| c.fill = Fill::Zeros);
    knobs(case, &mut with);
    for i in 0..case.calls.len() {
        if let Call::Write(commands) = &case.calls[i] {
            for j in 0..commands.len() {
                smaller_command(&mut with, i, j, commands.len(), commands[j].data.len());
            }
        }
        if let Call::Discard { lba, sectors } = case.calls[i] {
            let data = vec![vec![0; case.contract.logical_bytes as usize]; sectors];
            let command = crate::traces::Cmd { lba, data, fua: false };
            with(&|c| c.calls[i] = Call::Write(vec![command.clone()]));
        }
    }
    let asks = case.program.asks.iter().map(|ask| ask.lba + ask.sectors);
    let reach = case.calls.iter().map(reach).chain(asks).max().unwrap_or(0).max(1);
    for sectors in reach..case.sectors {
        with(&|c| c.sectors = sectors);
    }
    for seed in 0..6 {
        if case.program.seed > seed {
            with(&|c| c.program.seed = seed);
        }
    }
    all
}

fn reach(call: &Call) -> usize {
    match call {
        Call::Write(commands) => commands.iter().map(|c| c.lba + c.data.len()).max().unwrap_or(0),
        Call::Flush => 0,
        Call::Discard { lba, sectors } => lba + sectors,
    }
}

fn smaller_command(with: &mut With<'_>, i: usize, j: usize, commands: usize, sectors: usize) {
    let change = |c: &mut Case, f: &dyn Fn(&mut Vec<crate::traces::Cmd>)| {
        if let Call::Write(commands) = &mut c.calls[i] {
            f(commands);
        }
    };
    if commands > 1 {
        with(&|c| {
            change(c, &|w| {
                w.remove(j);
            });
        });
    }
    with(&|c| change(c, &|w| w[j].fua = false));
    if sectors > 1 {
        with(&|c| change(c, &|w| w[j].data.truncate(sectors - 1)));
        with(&|c| {
            change(c, &|w| {
                w[j].data.remove(0);
                w[j].lba += 1;
            });
        });
    }
    for k in 0..sectors {
        let plain = 0x10 + 0x10 * i as u8 + k as u8;
        with(&|c| {
            change(c, &|w| {
                if w[j].data[k].iter().any(|&b| b != w[j].data[k][0]) {
                    let bytes = w[j].data[k].len();
                    w[j].data[k] = vec![plain; bytes];
                }
            });
        });
    }
}

fn knobs(case: &Case, with: &mut With<'_>) {
    let base = Contract::base("");
    let sector = case.contract.logical_bytes;
    let mut knob = |change: &dyn Fn(&mut Contract)| with(&|c| change(&mut c.contract));
    knob(&|c| c.damage_max = 0);
    knob(&|c| c.damage_max = c.damage_max.min(1));
    knob(&|c| c.damage_max = c.damage_max.min(2));
    knob(&|c| c.neighbours = false);
    knob(&|c| c.torn = base.torn);
    knob(&|c| c.torn.unreadable = false);
    knob(&|c| c.torn.zeros = false);
    knob(&|c| c.torn.ones = false);
    knob(&|c| c.torn.garbage = false);
    knob(&|c| c.inner_tear = InnerTear::Never);
    knob(&|c| {
        if c.inner_tear != InnerTear::Never {
            c.inner_tear = InnerTear::Linear(sector / 2);
        }
    });
    knob(&|c| c.order = CacheOrder::Any);
    knob(&|c| c.flush = Flush::Honoured);
    knob(&|c| c.fua = Fua::Native);
    knob(&|c| c.tear_shape = TearShape::Any);
    knob(&|c| c.atomic_bytes = sector);
    knob(&|c| c.physical_bytes = sector);
    knob(&|c| c.physical_bytes = (c.physical_bytes / 2).max(sector));
    knob(&|c| c.page_bytes = sector);
    knob(&|c| c.bit_flips = 0);
    knob(&|c| c.latent_errors = 0);
}
