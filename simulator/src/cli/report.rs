//! `report`: what can be done with reports that are there.
//!
//! The one idea: a report is data; to put shards together, to draw it or to hold it against another
//! one runs nothing, but for the shards of one proof, whose bound and whose counterexample are the whole's.
//!
//! Invariant: the merged report is the bytes of the unsharded one, and what is drawn from a file is
//! what was drawn beside it.

use std::path::PathBuf;

use simulator::report::baseline::Baseline;
use simulator::report::diff::Diff;
use simulator::report::json::Beside;
use simulator::report::{Report, campaign_text, html, json, junit, markdown, matrix, merge};

use super::exit::{Exit, Failure};
use super::screen::{Screen, written_to};
use super::{Common, cases, compare, prove, ratchet};

/// What to do.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Puts the shards of a comparison, a proof or a campaign together
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
    /// Says what got worse and what got better; exit code 1 if anything got worse
    Diff {
        /// The old one: a report or a baseline
        #[arg(value_name = "OLD")]
        old: String,
        /// The new one: a report or a baseline
        #[arg(value_name = "NEW")]
        new: String,
        /// Write the new one, in brief, over the old one, which must be a file; refused where CI is set
        #[arg(long)]
        update_baseline: bool,
        /// Annotations for GitHub, behind the text
        #[arg(long)]
        github: bool,
    },
    /// One HTML page of a report
    Html(Drawn),
    /// JUnit XML of a report
    Junit(Drawn),
    /// A Markdown summary of a report, of at most 1 MiB
    Markdown(Drawn),
}

/// A report to draw.
#[derive(Debug, clap::Args)]
struct Drawn {
    /// The report: a file or a folder
    #[arg(value_name = "REPORT")]
    report: String,
    /// An older report or a baseline: what got worse is told, and what was known is no failure
    #[arg(long, value_name = "FILE")]
    baseline: Option<String>,
    /// Write into this file [default: stdout]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// Does it.
pub fn run(arguments: &Arguments, common: &Common, screen: &Screen) -> Result<Exit, Failure> {
    match &arguments.what {
        What::Merge { shards, out, strict } => {
            merged(shards, out.as_ref(), *strict, common, screen)
        }
        What::Diff { old, new, update_baseline: true, .. } => updated(old, new, screen),
        What::Diff { old, new, github, .. } => compared(old, new, *github, screen),
        What::Html(drawn) => drawn.draw(screen, html::page),
        What::Junit(drawn) => drawn.draw(screen, junit::text),
        What::Markdown(drawn) => {
            drawn.draw(screen, |report, diff| markdown::text(report, diff, markdown::ROOM))
        }
    }
}

fn read(argument: &str) -> Result<Report, Failure> {
    let bad = |what: String| Failure::new(Exit::BadData, format!("{argument}: {what}"));
    json::parse(&cases::text(argument)?).map_err(bad)
}

fn merged(
    shards: &[String],
    out: Option<&PathBuf>,
    strict: bool,
    common: &Common,
    screen: &Screen,
) -> Result<Exit, Failure> {
    let running = &common.begin();
    let (mut parts, mut lost) = (Vec::new(), Vec::new());
    for shard in shards {
        let bad = |what: String| Failure::new(Exit::BadData, format!("{shard}: {what}"));
        match cases::text(shard) {
            Ok(text) => parts.push((shard.clone(), json::parse(&text).map_err(bad)?)),
            Err(failure) => lost.push(failure),
        }
    }
    // All of them: who runs lost shards again wants to do it once.
    if let Some(Failure { exit, .. }) = lost.first() {
        let said: Vec<String> = lost.iter().map(|failure| failure.said.clone()).collect();
        return Err(Failure::new(*exit, said.join("\n")));
    }
    if prove::is_dealt(&parts) {
        return prove::merged(parts, out.map(PathBuf::as_path), (common, running), screen);
    }
    let report: Report = merge::merge(parts).map_err(|what| Failure::new(Exit::BadData, what))?;
    let folder = match out {
        Some(out) => {
            let beside = Beside { running: Some(running), diff: None };
            Some(json::write(&report, beside, out)?.display().to_string())
        }
        None => None,
    };
    if report.campaign.is_some() {
        screen
            .show(&report, || campaign_text::draw(&report, folder.as_deref(), screen.look.width))?;
        let found = report.campaign.iter().any(|campaign| !campaign.findings.is_empty());
        let told = strict || report.journals.len() == 1;
        return Ok(if found && told { Exit::Violation } else { Exit::Clean });
    }
    screen.show(&report, || {
        matrix::draw(&report, folder.as_deref(), screen.look) + &written_to(folder.as_deref())
    })?;
    Ok(compare::exit(strict || report.journals.len() == 1, &report))
}

fn compared(old: &str, new: &str, github: bool, screen: &Screen) -> Result<Exit, Failure> {
    let before = ratchet::read(old)?;
    let kind =
        |one: &Baseline| one.matrix.is_empty() && one.grid.is_empty() && !one.campaign.is_empty();
    let text = cases::text(new)?;
    // A whole report tells its tokens, too.
    let report = json::parse(&text).ok();
    let bad = |what: String| Failure::new(Exit::BadData, format!("{new}: {what}"));
    let after = match &report {
        Some(report) => Baseline::of(report),
        None => Baseline::parse(&text).map_err(bad)?,
    };
    if kind(&before) != kind(&after) {
        let said = format!(
            "{old} and {new} cannot be compared: expected two campaigns or two comparisons, found one of each"
        );
        return Err(Failure::new(Exit::BadData, said));
    }
    let diff = match &report {
        Some(report) => Diff::of_report(&before, report),
        None => Diff::between(&before, &after),
    };
    screen.show(&diff, || ratchet::text(&diff, old, github, screen))?;
    Ok(if diff.holds() { Exit::Clean } else { Exit::Violation })
}

fn updated(old: &str, new: &str, screen: &Screen) -> Result<Exit, Failure> {
    let path = PathBuf::from(old);
    ratchet::may_update(&path)?;
    let brief: Baseline = ratchet::read(new)?;
    if path.is_file() {
        let diff = Diff::between(&ratchet::read(old)?, &brief);
        screen.show(&diff, || ratchet::text(&diff, old, false, screen))?;
    }
    ratchet::write(&brief, &path)?;
    Ok(Exit::Clean)
}

impl Drawn {
    fn draw(
        &self,
        screen: &Screen,
        text: impl FnOnce(&Report, Option<&Diff>) -> String,
    ) -> Result<Exit, Failure> {
        screen.takes_no_json()?;
        let report = read(&self.report)?;
        let diff = match &self.baseline {
            Some(baseline) => Some(Diff::of_report(&ratchet::read(baseline)?, &report)),
            None => None,
        };
        let text = text(&report, diff.as_ref());
        match &self.out {
            None => screen.write(&text)?,
            Some(path) => std::fs::write(path, text).map_err(|error| {
                Failure::new(Exit::Io, format!("cannot write {}: {error}", path.display()))
            })?,
        }
        Ok(Exit::Clean)
    }
}
