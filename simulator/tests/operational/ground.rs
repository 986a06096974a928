//! The ground: every image of the stable writes alone, lost and rolled back ones included.
//!
//! Method: rule 11. (1) Choose which stable commands are lost: every set of at most
//! `lost_writes_max`. (2) Write down for each sector what it held, from when the life began, after
//! each stable command that was not lost. (3) Choose which sectors are rolled back, at most
//! `rollback_max`, and each to which of the earlier entries of its list; the others hold the last.
//!
//! Invariant: concrete bytes; nothing is known of what is at risk.

use std::collections::BTreeSet;

use simulator::disk::contract::Contract;

use crate::life::Life;
use crate::model::{Image, Sector};

/// Every ground of a life that began with `base`.
pub fn grounds(contract: &Contract, base: &Image, life: &Life) -> BTreeSet<Image> {
    let stable: Vec<usize> =
        (0..life.commands.len()).filter(|&i| life.commands[i].stable).collect();
    let mut found = BTreeSet::new();
    for mask in 0u32..1 << stable.len() {
        if mask.count_ones() > contract.lost_writes_max {
            continue;
        }
        let kept = stable.iter().enumerate().filter(|(i, _)| mask >> i & 1 == 0);
        let mut held: Vec<Vec<Sector>> = base.iter().map(|s| vec![s.clone()]).collect();
        for (_, &number) in kept {
            let command = &life.commands[number];
            for (i, data) in command.data.iter().enumerate() {
                held[command.lba + i].push(Some(data.clone()));
            }
        }
        roll_back(contract.rollback_max, &held, &mut Vec::new(), &mut found);
    }
    found
}

fn roll_back(left: u32, held: &[Vec<Sector>], image: &mut Image, found: &mut BTreeSet<Image>) {
    let Some(versions) = held.get(image.len()) else {
        found.insert(image.clone());
        return;
    };
    let last = versions.len() - 1;
    for (number, version) in versions.iter().enumerate() {
        let back = number != last;
        if back && left == 0 {
            continue;
        }
        image.push(version.clone());
        roll_back(left - u32::from(back), held, image, found);
        image.pop();
    }
}
