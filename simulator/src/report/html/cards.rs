//! Findings as cards: a refuted cell, its first counterexample of each kind, and the others by token.
//!
//! The one idea: one cell, one card. Of counterexamples that break the same claims, one story is told;
//! the others are a command each.
//!
//! Invariant: every counterexample of the report is on the page, as a story or as a command.
//!
//! What it is not: text. The template writes that.

use serde::Serialize;

use super::hex::{self, DumpView};
use crate::oracle::Oracle;
use crate::report::baseline::CAMPAIGN;
use crate::report::model::{Counterexample, Experiment, Report};
use crate::report::picture;
use crate::report::story::{LifeStory, SectorState, SectorStory, Step};
use crate::report::text::{entries, grouped, sectors};

/// Sectors of a strip that are drawn at either end of a run that is all alike.
const ENDS: usize = 2;

/// A finding.
#[derive(Clone, Debug, Serialize)]
pub struct Card {
    /// Its place on the page.
    pub id: String,
    /// The journal.
    pub journal: String,
    /// The device.
    pub device: String,
    /// Names of the claims that break, in the order of reports.
    pub broken: Vec<&'static str>,
    /// What is wrong, in a few words: that of the first story.
    pub headline: String,
    /// The stories.
    pub stories: Vec<Told>,
    /// Counterexamples that break the same as one that is told.
    pub others: Vec<Other>,
}

/// A counterexample that is told.
#[derive(Clone, Debug, Serialize)]
pub struct Told {
    /// The workload.
    pub workload: String,
    /// What is wrong.
    pub headline: String,
    /// Names of the claims that break.
    pub broken: Vec<&'static str>,
    /// Life by life.
    pub lives: Vec<Life>,
    /// The reason.
    pub why: String,
    /// Journals that are proven on this device.
    pub holds: Vec<String>,
    /// How much it was shrunk, in words.
    pub shrunk: String,
    /// The case.
    pub token: String,
}

/// A counterexample that is a command.
#[derive(Clone, Debug, Serialize)]
pub struct Other {
    /// The workload.
    pub workload: String,
    /// What is wrong.
    pub headline: String,
    /// The case.
    pub token: String,
}

/// A life.
#[derive(Clone, Debug, Serialize)]
pub struct Life {
    /// What the client did, in groups that a flush ends.
    pub epochs: Vec<Epoch>,
    /// Where the power went: during or after the last operation, or before the first.
    pub cut: Option<&'static str>,
    /// What the sectors held.
    pub strip: Vec<Sector>,
    /// Bytes of sectors that are not as written last.
    pub dumps: Vec<DumpView>,
    /// What recovery read there and what it decided.
    pub reads: Vec<String>,
    /// What recovery did.
    pub recovery: Option<Recovery>,
}

/// The operations between two flushes.
#[derive(Clone, Debug, Serialize)]
pub struct Epoch {
    /// Operations.
    pub ops: Vec<Op>,
    /// Whether a flush ended it, and not the cut.
    pub flushed: bool,
}

/// An operation.
#[derive(Clone, Debug, Serialize)]
pub struct Op {
    /// `op 3`, or `then`.
    pub head: String,
    /// What it did.
    pub does: String,
    /// What it wrote, where.
    pub writes: Vec<String>,
    /// What it says besides: acknowledged, refused.
    pub notes: Vec<String>,
    /// The entries that lay where it wrote.
    pub rewrites: Option<String>,
    /// Whether the power went during it.
    pub cut_here: bool,
}

/// A sector of the strip, or a run of sectors that are alike.
#[derive(Clone, Debug, Serialize)]
pub struct Sector {
    /// Its address, or that of a run.
    pub lba: String,
    /// Its sign.
    pub sign: &'static str,
    /// Its state in words.
    pub state: &'static str,
    /// Its state as a word for a style.
    pub class: &'static str,
    /// What it held.
    pub held: String,
}

/// What a recovery did.
#[derive(Clone, Debug, Serialize)]
pub struct Recovery {
    /// Entries shown.
    pub shown: String,
    /// Entries that had to be shown.
    pub wanted: String,
    /// Entries that might be shown.
    pub allowed: String,
    /// What it said.
    pub said: Option<String>,
    /// Claims that it violates, owed or not.
    pub violated: Vec<&'static str>,
}

/// The cards of a report, in the order of the matrix.
#[must_use]
pub fn cards(report: &Report) -> Vec<Card> {
    let mut cards = Vec::new();
    for cell in &report.cells {
        let found = cell.experiments.iter().filter_map(|experiment| {
            Some((experiment.workload.as_str(), experiment.counterexample.as_ref()?))
        });
        let place = place(report, &cell.journal, &cell.device);
        let mut card = card(place, &cell.journal, &cell.device, &found.collect::<Vec<_>>());
        if let Some(card) = &mut card {
            add_others(card, &cell.experiments);
        }
        cards.extend(card);
    }
    for (at, row) in report.campaign.iter().flat_map(|campaign| campaign.rows.iter().enumerate()) {
        let found: Vec<_> = row.counterexample.iter().map(|found| (CAMPAIGN, found)).collect();
        if let Some(mut card) = card(row_place(at), &row.journal, &row.device, &found) {
            // The row may be `grid`; the case is one journal.
            card.journal.clone_from(&found[0].1.case.journal);
            cards.push(card);
        }
    }
    cards
}

/// Adds a command for each claim that breaks, and that no story of a card is about.
fn add_others(card: &mut Card, experiments: &[Experiment]) {
    let found = experiments.iter().flat_map(|e| e.also.iter().map(move |also| (e, also)));
    for (experiment, also) in found {
        let new = |oracle: &&Oracle| !card.broken.contains(&oracle.name());
        let names: Vec<&str> = also.broken.iter().filter(new).map(|o| o.name()).collect();
        if !names.is_empty() {
            card.others.push(Other {
                workload: experiment.workload.clone(),
                headline: format!("breaks {}", names.join(", ")),
                token: also.token.clone(),
            });
            card.broken.extend(names);
        }
    }
    let place = |name: &&str| Oracle::ALL.iter().position(|oracle| oracle.name() == *name);
    card.broken.sort_by_key(place);
}

/// The place of the card of a journal and a device: by number, since names may hold anything.
#[must_use]
pub fn place(report: &Report, journal: &str, device: &str) -> String {
    let number = |at: Option<usize>| at.map_or("x".to_owned(), |at| at.to_string());
    let journal = report.journals.iter().position(|row| row.name == journal);
    let device = report.devices.iter().position(|row| row.name == device);
    format!("f-{}-{}", number(journal), number(device))
}

/// The place of the card of a campaign's row.
#[must_use]
pub fn row_place(row: usize) -> String {
    format!("c-{row}")
}

fn card(
    id: String,
    journal: &str,
    device: &str,
    found: &[(&str, &Counterexample)],
) -> Option<Card> {
    let (_, first) = found.first()?;
    let mut stories: Vec<Told> = Vec::new();
    let mut others = Vec::new();
    let mut told: Vec<&[Oracle]> = Vec::new();
    for (workload, found) in found {
        if told.contains(&&found.broken[..]) {
            others.push(Other {
                workload: (*workload).to_owned(),
                headline: found.story.headline.clone(),
                token: found.token.clone(),
            });
        } else {
            told.push(&found.broken);
            stories.push(story(workload, found));
        }
    }
    let mut broken: Vec<&'static str> = Vec::new();
    for oracle in Oracle::ALL {
        if told.iter().any(|set| set.contains(&oracle)) {
            broken.push(oracle.name());
        }
    }
    Some(Card {
        id,
        journal: journal.to_owned(),
        device: device.to_owned(),
        broken,
        headline: first.story.headline.clone(),
        stories,
        others,
    })
}

fn story(workload: &str, found: &Counterexample) -> Told {
    let shrunk = picture::shrunk(found.shrunk.as_ref(), usize::MAX);
    Told {
        workload: workload.to_owned(),
        headline: found.story.headline.clone(),
        broken: found.broken.iter().map(|oracle| oracle.name()).collect(),
        lives: found.story.lives.iter().map(life).collect(),
        why: found.story.why.clone(),
        holds: found.story.holds.clone(),
        shrunk: shrunk.trim().trim_start_matches("shrunk").trim().to_owned(),
        token: found.token.clone(),
    }
}

fn life(life: &LifeStory) -> Life {
    let mut epochs = vec![Epoch { ops: Vec::new(), flushed: false }];
    for (i, step) in life.steps.iter().enumerate() {
        let cut_here = life.cut_in_flight && i + 1 == life.steps.len();
        let last = epochs.last_mut().expect("one at least");
        last.ops.push(op(step, cut_here));
        if step.flushes > 0 && !cut_here {
            last.flushed = true;
            epochs.push(Epoch { ops: Vec::new(), flushed: false });
        }
    }
    epochs.retain(|epoch| !epoch.ops.is_empty());
    let cut = life.recovery.as_ref().map(|_| match (life.cut_in_flight, life.steps.is_empty()) {
        (true, _) => "power cut during this operation",
        (false, true) => "power cut before the first operation",
        (false, false) => "power cut after this operation",
    });
    let reads = life.sectors.iter().filter_map(|sector| {
        let decided = sector.decided.as_ref()?;
        Some(format!("LBA {}: {} ({decided})", sector.lba, sector.state.about()))
    });
    Life {
        epochs,
        cut,
        strip: strip(&life.sectors),
        dumps: life.dumps.iter().map(hex::view).collect(),
        reads: reads.collect(),
        recovery: life.recovery.as_ref().map(|recovery| {
            let known: Vec<u32> = recovery.shown.iter().flatten().copied().collect();
            let unknown = recovery.shown.len() - known.len();
            let shown = match (known.is_empty(), unknown) {
                (_, 0) => entries(&known),
                (true, unknown) => format!("{unknown} that nobody appended"),
                (false, unknown) => {
                    format!("{}, and {unknown} that nobody appended", entries(&known))
                }
            };
            Recovery {
                shown,
                wanted: entries(&recovery.wanted),
                allowed: entries(&recovery.allowed),
                said: recovery.said.clone(),
                violated: recovery.violated.iter().map(|oracle| oracle.name()).collect(),
            }
        }),
    }
}

fn op(step: &Step, cut_here: bool) -> Op {
    let mut does = step.does.clone();
    match (&step.does[..], step.amount) {
        ("append", Some(bytes)) => does += &format!(" {} B", grouped(bytes)),
        ("checkpoint", Some(keep)) => does += &format!(", keep {keep}"),
        _ => {}
    }
    if let Some(entry) = step.entry {
        does += &format!(" · entry {entry}");
    }
    let writes = step.commands.iter().map(|command| {
        let range: Vec<u64> = (command.lba..command.lba + u64::from(command.sectors)).collect();
        let fua = if command.fua { " FUA" } else { "" };
        format!("w{} {}{fua}", command.number, sectors(&range))
    });
    let mut held: Vec<u32> = step.commands.iter().flat_map(|c| c.rewrites.clone()).collect();
    held.sort_unstable();
    held.dedup();
    let mut notes = Vec::new();
    match step.flushes {
        // The line between two epochs is the one.
        1 if cut_here => notes.push("flush".to_owned()),
        0 | 1 => {}
        more => notes.push(format!("{more} flushes")),
    }
    if !step.acknowledged.is_empty() {
        notes.push(format!("acknowledged: {}", entries(&step.acknowledged)));
    }
    notes.extend(step.failed.iter().map(|said| format!("refused: {said}")));
    Op {
        head: step.number.map_or("then".to_owned(), |number| format!("op {number}")),
        does,
        writes: writes.collect(),
        notes,
        rewrites: (!held.is_empty()).then(|| entries(&held)),
        cut_here,
    }
}

/// The word by which styles name a state.
const fn class(state: SectorState) -> &'static str {
    match state {
        SectorState::Newest => "newest",
        SectorState::Older => "older",
        SectorState::Torn => "torn",
        SectorState::Unreadable => "unreadable",
        SectorState::Zeros => "zeros",
        SectorState::Garbage => "garbage",
        SectorState::Flipped => "flipped",
        SectorState::NotRead => "not-read",
    }
}

fn strip(all: &[SectorStory]) -> Vec<Sector> {
    let drawn = |lba: String, sector: &SectorStory| Sector {
        lba,
        sign: sector.state.sign().trim(),
        state: sector.state.about(),
        class: class(sector.state),
        held: if sector.held.is_empty() { String::new() } else { entries(&sector.held) },
    };
    let goes_on = |a: &SectorStory, b: &SectorStory| {
        a.state == b.state && a.held == b.held && a.lba + 1 == b.lba
    };
    let mut strip = Vec::new();
    for run in all.chunk_by(goes_on) {
        if run.len() > 2 * ENDS {
            let ends = format!("{} to {}", run[0].lba, run[run.len() - 1].lba);
            strip.push(drawn(ends, &run[0]));
        } else {
            strip.extend(run.iter().map(|sector| drawn(sector.lba.to_string(), sector)));
        }
    }
    strip
}
