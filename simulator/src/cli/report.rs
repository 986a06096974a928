//! `report`: what can be done with reports that are there.
//!
//! The one idea: a report is data; putting shards together runs nothing.
//!
//! Invariant: the merged report is the bytes of the unsharded one.

use std::path::PathBuf;

use simulator::report::{Report, campaign_text, json, matrix, merge};

use super::exit::{Exit, Failure};
use super::screen::Screen;
use super::{cases, compare};

/// What to do.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Puts the shards of a comparison or a campaign together
    Merge {
        /// The shards: report files or folders, all of them, in any order
        #[arg(value_name = "REPORT", num_args = 1.., required = true)]
        shards: Vec<String>,
        /// Write the whole into this folder, as `compare` does
        #[arg(long, value_name = "DIR")]
        out: Option<PathBuf>,
        /// Exit with 1 if anything is refuted, and with 3 if anything is inconclusive
        #[arg(long)]
        strict: bool,
    },
}

/// Does it.
pub fn run(arguments: &Arguments, screen: &Screen) -> Result<Exit, Failure> {
    let What::Merge { shards, out, strict } = &arguments.what;
    let (mut read, mut lost) = (Vec::new(), Vec::new());
    for shard in shards {
        let bad = |what: String| Failure::new(Exit::BadData, format!("{shard}: {what}"));
        match cases::text(shard) {
            Ok(text) => read.push((shard.clone(), json::parse(&text).map_err(bad)?)),
            Err(failure) => lost.push(failure),
        }
    }
    // All of them: who runs lost shards again wants to do it once.
    if let Some(Failure { exit, .. }) = lost.first() {
        let said: Vec<String> = lost.iter().map(|failure| failure.said.clone()).collect();
        return Err(Failure::new(*exit, said.join("\n")));
    }
    let report: Report = merge::merge(read).map_err(|what| Failure::new(Exit::BadData, what))?;
    let folder = match out {
        Some(out) => Some(json::write(&report, out)?.display().to_string()),
        None => None,
    };
    if report.campaign.is_some() {
        screen
            .show(&report, || campaign_text::draw(&report, folder.as_deref(), screen.look.width))?;
        let found = report.campaign.iter().any(|campaign| !campaign.findings.is_empty());
        let told = *strict || report.journals.len() == 1;
        return Ok(if found && told { Exit::Violation } else { Exit::Clean });
    }
    screen.show(&report, || {
        let mut text = matrix::draw(&report, folder.as_deref(), screen.look);
        if let Some(folder) = &folder {
            text += &format!("\nreport   {folder}/report.json\n");
        }
        text
    })?;
    Ok(compare::exit(*strict || report.journals.len() == 1, &report))
}
