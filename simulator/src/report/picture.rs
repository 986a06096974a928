//! The picture of a failure: a story, drawn for a terminal.
//!
//! The one idea: the reader sees the operations, the cut, the sectors and the recovery in one
//! column, in the order of time, and at the end the reason.
//!
//! Invariant: drawn from the story alone; every line fits the width but for words that do not.
//!
//! What it is not: colourful. Signs carry the meaning.

use super::model::Origin;
use super::story::{LifeStory, RecoveryStory, SectorState, SectorStory, Step, Story};
use super::text::{entries, grouped, sectors, wrap, wrap_parts};

/// Steps of a life shown at its beginning and at its end, where it is long.
const STEPS_HEAD: usize = 3;
const STEPS_TAIL: usize = 9;

/// Sectors shown of a run that is all alike.
const ALIKE: usize = 3;

impl SectorState {
    /// Its sign in the picture.
    #[must_use]
    pub const fn sign(self) -> &'static str {
        match self {
            SectorState::Newest => "[#]",
            SectorState::Older => "[ ]",
            SectorState::Torn => "[~]",
            SectorState::Unreadable => "[X]",
            SectorState::Zeros => "[0]",
            SectorState::Garbage => "[?]",
            SectorState::Flipped => "[^]",
            SectorState::NotRead => " . ",
        }
    }

    /// What the sign means.
    #[must_use]
    pub const fn about(self) -> &'static str {
        match self {
            SectorState::Newest => "newest",
            SectorState::Older => "older",
            SectorState::Torn => "torn",
            SectorState::Unreadable => "unreadable",
            SectorState::Zeros => "zeros",
            SectorState::Garbage => "garbage",
            SectorState::Flipped => "bit flipped",
            SectorState::NotRead => "not read, any content",
        }
    }
}

/// Draws a story within `width` columns.
#[must_use]
pub fn draw(story: &Story, width: usize) -> String {
    let mut out = String::new();
    let names: Vec<&str> = story.broken.iter().map(|oracle| oracle.name()).collect();
    match names.first() {
        Some(first) => out += &wrap(&format!("FAIL {first}   "), &story.headline, width),
        None => out += "HOLDS   no owed oracle is violated in this case\n",
    }
    out += &format!("     journal {}   device {}\n", story.journal, story.device);
    if names.len() > 1 {
        out += &wrap("     also ", &names[1..].join(", "), width);
    }
    let several = story.lives.len() > 1;
    for (number, life) in story.lives.iter().enumerate() {
        out.push('\n');
        if several {
            out += &format!("  life {}\n", number + 1);
        }
        draw_life(life, width, &mut out);
    }
    if !story.broken.is_empty() {
        out += &wrap("  why      ", &story.why, width);
    }
    if !story.holds.is_empty() {
        out += &wrap("  proven on this device: ", &story.holds.join(", "), width);
    }
    out
}

/// How much a case was shrunk, in words; nothing if it was not.
#[must_use]
pub fn shrunk(origin: Option<&Origin>, width: usize) -> String {
    let Some(Origin { before, after, .. }) = origin else { return String::new() };
    let mut parts = Vec::new();
    for (what, before, after) in [
        ("entries", u64::from(before.entries), u64::from(after.entries)),
        ("operations", u64::from(before.operations), u64::from(after.operations)),
        ("bytes", before.bytes, after.bytes),
        ("lives", u64::from(before.lives), u64::from(after.lives)),
        ("deviations", u64::from(before.deviations), u64::from(after.deviations)),
    ] {
        if before != after {
            parts.push(format!("{what} {} -> {}", grouped(before), grouped(after)));
        }
    }
    if parts.is_empty() {
        parts.push("a plainer case with the same operations".to_owned());
    }
    wrap("  shrunk   ", &parts.join(", "), width)
}

fn draw_life(life: &LifeStory, width: usize, out: &mut String) {
    let steps = life.steps.len();
    for (i, step) in life.steps.iter().enumerate() {
        let hidden = steps > STEPS_HEAD + STEPS_TAIL && i >= STEPS_HEAD && i < steps - STEPS_TAIL;
        if !hidden {
            draw_step(step, width, out);
        } else if i == STEPS_HEAD {
            *out += &format!("  ...   {} more operations\n", steps - STEPS_HEAD - STEPS_TAIL);
        }
    }
    let Some(recovery) = &life.recovery else {
        return;
    };
    *out += match (life.cut_in_flight, life.steps.is_empty()) {
        (true, _) => "        ~~ power cut during this operation ~~\n",
        (false, true) => "        ~~ power cut before the first operation ~~\n",
        (false, false) => "        ~~ power cut after this operation ~~\n",
    };
    draw_sectors(&life.sectors, width, out);
    draw_recovery(recovery, width, out);
}

fn draw_step(step: &Step, width: usize, out: &mut String) {
    let head = match step.number {
        Some(number) => format!("op {number}"),
        None => "then".to_owned(),
    };
    let mut text = step.does.clone();
    match (step.does.as_str(), step.amount) {
        ("append", Some(bytes)) => text += &format!(" {bytes} B"),
        ("checkpoint", Some(keep)) => text += &format!(", keep {keep}"),
        _ => {}
    }
    let mut parts = vec![format!("{text:<12}")];
    if let Some(entry) = step.entry {
        parts.push(format!("entry {entry:<2}"));
    }
    if let Some(lsn) = step.lsn {
        parts.push(format!("lsn {lsn:<3}"));
    }
    let mut written: Vec<String> = Vec::new();
    for c in &step.commands {
        let range: Vec<u64> = (c.lba..c.lba + u64::from(c.sectors)).collect();
        written.push(format!("{}{}", sectors(&range), if c.fua { " FUA" } else { "" }));
    }
    if written.len() > 4 {
        let more = written.len() - 3;
        written.truncate(3);
        written.push(format!("{more} more"));
    }
    if !written.is_empty() {
        parts.push(written.join(" + "));
    }
    match step.flushes {
        0 => {}
        1 => parts.push("flush".to_owned()),
        more => parts.push(format!("{more} flushes")),
    }
    if !step.acknowledged.is_empty() {
        parts.push(format!("-> acknowledged: {}", entries(&step.acknowledged)));
    }
    if let Some(said) = &step.failed {
        parts.push(format!("-> refused: {said}"));
    }
    let mut held: Vec<u32> = step.commands.iter().flat_map(|c| c.rewrites.clone()).collect();
    held.sort_unstable();
    held.dedup();
    if !held.is_empty() {
        parts.push(format!("<- rewrites a sector that held {}", entries(&held)));
    }
    *out += &wrap_parts(&format!("  {head:<6}"), &parts, width);
}

/// A column of the strip: a sector, or a gap.
enum Column {
    Sector(u64, SectorState),
    Gap,
}

fn draw_sectors(all: &[SectorStory], width: usize, out: &mut String) {
    if all.is_empty() {
        return;
    }
    let mut columns: Vec<Column> = Vec::new();
    let mut run: Vec<&SectorStory> = Vec::new();
    let mut close = |run: &mut Vec<&SectorStory>| {
        let hide = run.len() > ALIKE + 1;
        for (i, sector) in run.iter().enumerate() {
            if !hide || i == 0 || i + 1 == run.len() {
                columns.push(Column::Sector(sector.lba, sector.state));
            } else if i == 1 {
                columns.push(Column::Gap);
            }
        }
        run.clear();
    };
    for sector in all {
        let goes_on =
            run.last().is_some_and(|last| last.state == sector.state && last.lba + 1 == sector.lba);
        if !goes_on {
            close(&mut run);
        }
        run.push(sector);
    }
    close(&mut run);
    let cell = all.iter().map(|s| s.lba.to_string().len()).max().unwrap_or(1).max(3) + 1;
    let per_line = (width.saturating_sub(11) / cell).max(1);
    for line in columns.chunks(per_line) {
        let mut above = "  LBA      ".to_owned();
        let mut below = "  on disk  ".to_owned();
        for column in line {
            let (lba, sign) = match column {
                Column::Sector(lba, state) => (lba.to_string(), state.sign()),
                Column::Gap => ("..".to_owned(), "..."),
            };
            above += &format!("{lba:^cell$}");
            below += &format!("{sign:^cell$}");
        }
        *out += above.trim_end();
        out.push('\n');
        *out += below.trim_end();
        out.push('\n');
    }
    let mut used: Vec<SectorState> = all.iter().map(|sector| sector.state).collect();
    used.sort_unstable();
    used.dedup();
    let legend: Vec<String> =
        used.iter().map(|state| format!("{} {}", state.sign().trim(), state.about())).collect();
    *out += &wrap_parts("           ", &legend, width);
}

fn draw_recovery(recovery: &RecoveryStory, width: usize, out: &mut String) {
    let known: Vec<u32> = recovery.shown.iter().flatten().copied().collect();
    let unknown = recovery.shown.len() - known.len();
    let nobody = |count: usize| match count {
        1 => "one that nobody appended".to_owned(),
        more => format!("{more} that nobody appended"),
    };
    let shown = match (known.is_empty(), unknown) {
        (_, 0) => entries(&known),
        (true, unknown) => nobody(unknown),
        (false, unknown) => format!("{}, and {}", entries(&known), nobody(unknown)),
    };
    let mut parts =
        vec![format!("-> {shown}"), format!("     wanted: {}", entries(&recovery.wanted))];
    parts.extend(recovery.said.as_ref().map(|said| format!("     it says: {said}")));
    *out += &wrap_parts("  recover  ", &parts, width);
}
