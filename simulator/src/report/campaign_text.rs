//! A campaign for people.
//!
//! The one idea: a line for each pair of journal and device that failed, a sum for the others, whether
//! anything new was still seen, and the first failure as a picture.
//!
//! Invariant: drawn from the report alone.
//!
//! What it is not: complete. The JSON is.

use super::model::{Campaign, CampaignRow, Report, Shard};
use super::picture;
use super::text::{count, grouped, wrap};

/// The campaign for people: a line for each pair that failed, a sum for the others.
#[must_use]
pub fn draw(report: &Report, folder: Option<&str>, width: usize) -> String {
    let Some(campaign) = &report.campaign else { return String::new() };
    let mut out = String::new();
    let sum = |of: &dyn Fn(&CampaignRow) -> u64| grouped(campaign.rows.iter().map(of).sum::<u64>());
    let facts = format!(
        "seed {}, {} on {}{} x {}{}: {} crash states, {} recoveries",
        campaign.seed,
        count(campaign.runs, "run", "runs"),
        count(report.journals.len() as u64, "journal", "journals"),
        if campaign.grid { " and the grid" } else { "" },
        count(report.devices.len() as u64, "device", "devices"),
        if campaign.varied { " and varied ones" } else { "" },
        sum(&|row| row.leaves),
        sum(&|row| row.recoveries),
    );
    out += &wrap("tornwrite torture   ", &facts, width);
    let file = if campaign.payloads_from_file { " --payload-from the same file" } else { "" };
    match report.shard {
        None if campaign.blocks_by_shard.is_empty() => {
            let names = |flag: &str, names: Vec<&str>| format!(" {flag} {}", names.join(" "));
            let mut asked = String::new();
            if !campaign.grid {
                asked += &names("--journal", report.journals.iter().map(|j| &*j.name).collect());
            }
            if !campaign.varied {
                asked += &names("--device", report.devices.iter().map(|d| &*d.name).collect());
            }
            let again = format!("--seed {} --runs {}{asked}{file}", campaign.seed, campaign.runs);
            out += &wrap("  again: ", &again, width);
        }
        None => {
            let blocks: Vec<String> = campaign.blocks_by_shard.iter().map(u64::to_string).collect();
            let text =
                format!("seed {}{file}; blocks done by each: {}", campaign.seed, blocks.join(" "));
            out += &wrap("  shards: ", &text, width);
        }
        Some(shard) => out += &format!("  shard {shard}: {} blocks of runs\n", campaign.blocks),
    }
    if report.partial {
        out += "INTERRUPTED: fewer runs than asked for\n";
    }
    let (failed, silent): (Vec<_>, Vec<_>) = campaign.rows.iter().partition(|row| row.failing > 0);
    if !failed.is_empty() {
        out += "\nFound: of the crash states drawn how many fail, the first run that found it, and what breaks\n";
    }
    for row in &failed {
        let head = format!("  x {:<15} {:<20}  ", row.journal, row.device);
        let broken: Vec<&str> = row
            .counterexample
            .iter()
            .flat_map(|found| found.broken.iter().map(|oracle| oracle.name()))
            .collect();
        let figures = format!(
            "{} of {}  run {}: {}",
            grouped(row.failing),
            grouped(row.leaves),
            row.first_run.unwrap_or(0),
            broken.join(", ")
        );
        out += &wrap(&head, &figures, width);
    }
    if let (Some(least), Some(most)) =
        (silent.iter().map(|r| r.leaves).min(), silent.iter().map(|r| r.leaves).max())
    {
        let pairs = count(silent.len() as u64, "pair", "pairs");
        let text = match most {
            0 => format!("{pairs}, of which no journal fits its device: nothing was tried."),
            _ => format!(
                "{pairs}, {} to {} crash states each. That is what was drawn, and no proof; \
                 `compare` proves.",
                grouped(least),
                grouped(most)
            ),
        };
        out.push('\n');
        out += &wrap("Nothing found on ", &text, width);
    }
    out += &news(report.shard, campaign, width);
    let first = campaign.rows.iter().find_map(|row| Some((row, row.counterexample.as_ref()?)));
    if let Some((row, found)) = first {
        out += "\nThe first of them:\n\n";
        out += &picture::draw(&found.story, width);
        out.push('\n');
        out += &picture::shrunk(found.shrunk.as_ref(), width);
        let its = campaign.findings.iter().find(|finding| Some(finding.run) == row.first_run);
        let case = match (folder, its) {
            (Some(folder), Some(its)) => format!("{folder}/cases/{}.json", its.fingerprint),
            _ => found.token.clone(),
        };
        out += &format!("  replay   tornwrite replay {case}\n");
    }
    if let Some(folder) = folder {
        out += &format!("\nreport   {folder}/report.json\n");
    }
    out
}

/// The number of the last block that was done, from 1, as all shards count them together.
fn last_block(shard: Option<Shard>, blocks: u64, dealt: &[u64]) -> u64 {
    let last = |index: u64, of: u64, done: u64| match done.checked_sub(1) {
        Some(before) => 1 + index + before * of,
        None => 0,
    };
    match shard {
        Some(shard) => last(u64::from(shard.index), u64::from(shard.of), blocks),
        None if dealt.is_empty() => blocks,
        None => (0u64..)
            .zip(dealt)
            .map(|(index, &done)| last(index, dealt.len() as u64, done))
            .max()
            .unwrap_or(0),
    }
}

/// What was found, and whether anything new was still seen.
fn news(shard: Option<Shard>, campaign: &Campaign, width: usize) -> String {
    let mut out = String::new();
    if !campaign.findings.is_empty() {
        let text = format!(
            "{} that differ by journal, device, oracle and, in the grid, by design; a case for each",
            grouped(campaign.findings.len())
        );
        out.push('\n');
        out += &wrap("findings   ", &text, width);
    }
    if let Some(seen) = &campaign.saturation {
        let more = if seen.more { "at least " } else { "" };
        let text = format!(
            "{more}{} outcome classes and {} recovery decisions; the last new one in block {} of {}",
            grouped(seen.outcomes),
            grouped(seen.decisions),
            grouped(seen.last_new_at),
            grouped(last_block(shard, campaign.blocks, &campaign.blocks_by_shard))
        );
        out += if out.is_empty() { "\n" } else { "" };
        out += &wrap("seen       ", &text, width);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_counted_over_all_shards() {
        assert_eq!(last_block(None, 12, &[]), 12);
        assert_eq!(last_block(Some(Shard { index: 1, of: 3 }), 2, &[]), 5, "blocks 2 and 5");
        assert_eq!(last_block(Some(Shard { index: 1, of: 3 }), 0, &[]), 0);
        assert_eq!(last_block(None, 5, &[1, 4]), 8, "block 1; blocks 2, 4, 6 and 8");
    }
}
