//! `list`: what there is, by name.
//!
//! The one idea: whatever an argument or a report names can be listed, with a line about it.

use journal_core::Checksum;
use journal_core::rfc::{LADDER, Strategy};
use serde::Serialize;
use simulator::disk::presets;
use simulator::journals::{self, Family};
use simulator::report::model::{DeviceRow, JournalRow, OracleRow, OwedRow};
use simulator::report::oracles;
use simulator::report::text::{grouped, wrap};

use super::exit::{Exit, Failure};
use super::screen::Screen;
use super::with;

/// What to list.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Which list
    #[arg(value_enum)]
    what: What,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum What {
    /// Every journal that can be named
    Journals,
    /// The axes of the RFC journal and its amendments, and how many there are
    Strategies,
    /// Device contracts
    Devices,
    /// What must hold after a crash, and where it is owed
    Oracles,
    /// What can go wrong
    Faults,
}

#[derive(Debug, Serialize)]
struct Oracles {
    oracles: Vec<OracleRow>,
    owed: Vec<OwedRow>,
}

#[derive(Debug, Serialize)]
struct FaultRow {
    name: &'static str,
    about: &'static str,
}

/// What can go wrong: contents that a contract may allow after a cut, and operations that fail.
const FAULTS: [FaultRow; 14] = [
    FaultRow {
        name: "power-cut",
        about: "during any device call, or after all of them; again in each life",
    },
    FaultRow { name: "lost-write", about: "a write that was acknowledged and not flushed is gone" },
    FaultRow { name: "reordering", about: "a later write persists and an earlier one does not" },
    FaultRow { name: "torn-write", about: "some sectors of a command persist and others do not" },
    FaultRow { name: "shorn-write", about: "within a sector some granules are new and others old" },
    FaultRow { name: "unreadable", about: "a sector that was being written cannot be read" },
    FaultRow {
        name: "zeros, ones, garbage",
        about: "a sector that was being written holds what nobody wrote",
    },
    FaultRow {
        name: "neighbours",
        about: "damage takes the whole physical sector, also sectors that were not written",
    },
    FaultRow { name: "ignored-flush", about: "a flush is acknowledged and not carried out" },
    FaultRow { name: "bit-flip", about: "one bit of a sector at rest changes" },
    FaultRow { name: "latent", about: "a sector at rest becomes unreadable" },
    FaultRow {
        name: "error",
        about: "an operation fails and has no effect; a failed flush drops what it covered",
    },
    FaultRow { name: "error-but-done", about: "a write reports an error and took effect" },
    FaultRow { name: "no-space", about: "a write finds no space left" },
];

/// The journals, as rows of a report.
pub fn journal_rows() -> Vec<JournalRow> {
    let row = |row: journals::Row| JournalRow {
        name: row.name.to_owned(),
        family: row.family,
        about: row.about.to_owned(),
    };
    journals::rows().into_iter().map(row).collect()
}

/// The same, and the strategies among these names that are on no list.
pub fn journal_rows_with(names: &[String]) -> Vec<JournalRow> {
    let mut rows = journal_rows();
    for name in names {
        if rows.iter().all(|row| row.name != *name) {
            let family = Family::Rfc;
            let declared = with::declared().strategies.iter();
            let called = |(_, strategy): &&(String, Strategy)| strategy.to_string() == *name;
            let about = match declared.into_iter().find(called) {
                Some((own, _)) => format!("declared by you as {own}"),
                None => "a point of the grid: framing/integrity/tail/reuse/commit".to_owned(),
            };
            rows.push(JournalRow { name: name.clone(), family, about });
        }
    }
    rows
}

/// An axis of the grid, and its answers.
#[derive(Debug, Serialize)]
struct AxisRow {
    axis: &'static str,
    answers: Vec<AnswerRow>,
}

#[derive(Debug, Serialize)]
struct AnswerRow {
    answer: String,
    /// Points of the grid with this answer.
    points: usize,
}

/// The grid: its axes, and how many points it has.
#[derive(Debug, Serialize)]
struct Strategies {
    named: Vec<NamedStrategy>,
    declared: Vec<DeclaredStrategy>,
    points: usize,
    axes: Vec<AxisRow>,
}

#[derive(Debug, Serialize)]
struct NamedStrategy {
    name: &'static str,
    spelling: String,
    about: &'static str,
}

/// A strategy of the user's.
#[derive(Debug, Serialize)]
struct DeclaredStrategy {
    name: String,
    spelling: String,
}

fn strategies() -> Strategies {
    let named = LADDER.iter().map(|(name, strategy, about)| NamedStrategy {
        name,
        spelling: strategy.to_string(),
        about,
    });
    let mut axes: Vec<AxisRow> = Vec::new();
    let mut points = 0;
    for strategy in Strategy::all() {
        points += 1;
        for (place, (axis, answer)) in strategy.axes().into_iter().enumerate() {
            if axes.len() == place {
                axes.push(AxisRow { axis, answers: Vec::new() });
            }
            let (answers, answer) = (&mut axes[place].answers, answer.to_string());
            match answers.iter_mut().find(|row| row.answer == answer) {
                Some(row) => row.points += 1,
                None => answers.push(AnswerRow { answer, points: 1 }),
            }
        }
    }
    let declared = with::declared().strategies.iter().map(|(name, strategy)| DeclaredStrategy {
        name: name.clone(),
        spelling: strategy.to_string(),
    });
    Strategies { named: named.collect(), declared: declared.collect(), points, axes }
}

fn strategies_text(all: &Strategies, width: usize) -> String {
    let mut out = String::new();
    for row in &all.named {
        out += &wrap(&format!("{:<10}  ", row.name), row.about, width);
        out += &wrap(&format!("{:<10}  ", ""), &row.spelling, width);
    }
    for row in &all.declared {
        out += &wrap(&format!("{:<10}  ", row.name), &row.spelling, width);
    }
    let title = format!(
        "Any of the {} points of the grid is a journal, named by its five answers in this order:",
        grouped(all.points as u64)
    );
    out += &format!("\n{}\n", wrap("", &title, width));
    for row in &all.axes {
        // Of the integrity sets those of one algorithm stand for all.
        let shown = |answer: &&AnswerRow| {
            let other = ["bytesum", "crc16", "crc32", "xxh3", "blake3"];
            let ends = |sum: &str| answer.answer.ends_with(sum);
            !other.into_iter().any(ends)
        };
        let words: Vec<_> = row.answers.iter().filter(shown).map(|row| &row.answer[..]).collect();
        out += &wrap(&format!("  {:<10}", row.axis), &words.join(", "), width);
    }
    let weak: Vec<_> = Checksum::ALL.iter().filter(|sum| sum.is_weak()).map(|s| s.name()).collect();
    let sums: Vec<_> = Checksum::ALL.iter().map(|sum| sum.name()).collect();
    let note = format!("{} (weak: {})", sums[1..].join(", "), weak[1..].join(", "));
    out + &wrap("  for crc32c also any of ", &note, width)
}

/// The devices, as rows of a report.
pub fn device_rows() -> Vec<DeviceRow> {
    let row = |preset: presets::Preset| DeviceRow {
        name: preset.contract.name.clone(),
        about: preset.about.to_owned(),
        source: preset.source.to_owned(),
        representatives: preset.contract.uses_representatives(),
        contract: preset.contract,
    };
    let declared = with::declared().devices.iter().map(|contract| DeviceRow {
        name: contract.name.clone(),
        about: "declared by you".to_owned(),
        source: "the file given by --with".to_owned(),
        representatives: contract.uses_representatives(),
        contract: contract.clone(),
    });
    presets::all().into_iter().map(row).chain(declared).collect()
}

/// Lists it.
pub fn run(arguments: &Arguments, screen: &Screen) -> Result<Exit, Failure> {
    let width = screen.look.width;
    match arguments.what {
        What::Strategies => {
            let all = strategies();
            screen.show(&all, || strategies_text(&all, width))?;
        }
        What::Journals => {
            let rows = journal_rows();
            let left = rows.iter().map(|row| row.name.len()).max().unwrap_or(0);
            screen.show(&rows, || {
                let line = |row: &JournalRow| {
                    let family = match row.family {
                        Family::Rfc => "rfc",
                        Family::Format => "format",
                        Family::Twin => "twin",
                    };
                    wrap(&format!("{:<left$}  {family:<6}  ", row.name), &row.about, width)
                };
                rows.iter().map(line).collect()
            })?;
        }
        What::Devices => {
            let rows = device_rows();
            screen.show(&rows, || {
                let line = |row: &DeviceRow| {
                    wrap(&format!("{:<22}", row.name), &row.about, width)
                        + &wrap(&format!("{:<22}", ""), &format!("source: {}", row.source), width)
                };
                rows.iter().map(line).collect()
            })?;
        }
        What::Oracles => {
            let contracts: Vec<_> = device_rows().into_iter().map(|row| row.contract).collect();
            let all = Oracles { oracles: oracles::rows(), owed: oracles::owed(&contracts) };
            screen.show(&all, || oracles_text(&all, width))?;
        }
        What::Faults => {
            let line = |row: &FaultRow| wrap(&format!("{:<22}", row.name), row.about, width);
            screen.show(&FAULTS, || FAULTS.iter().map(line).collect())?;
        }
    }
    Ok(Exit::Clean)
}

fn oracles_text(all: &Oracles, width: usize) -> String {
    let mut out = String::new();
    for row in &all.oracles {
        out += &wrap(&format!("{}  {:<16}", row.letter, row.oracle.name()), &row.claim, width);
    }
    out += "\nOwed by a journal that promises everything (+), or why not:\n";
    let mut reasons: Vec<&str> = Vec::new();
    let mut device = "";
    for row in &all.owed {
        if row.device != device {
            device = &row.device;
            out += &format!("\n  {device:<22}");
        }
        let letter = all.oracles.iter().find(|o| o.oracle == row.oracle).map_or('?', |o| o.letter);
        match row.excused.as_deref() {
            None => out += &format!(" {letter}+ "),
            Some(reason) => {
                let known = reasons.iter().position(|known| *known == reason);
                let number = known.unwrap_or_else(|| {
                    reasons.push(reason);
                    reasons.len() - 1
                });
                out += &format!(" {letter}{} ", number + 1);
            }
        }
    }
    out += "\n\n";
    for (i, reason) in reasons.iter().enumerate() {
        out += &format!("  {}  {reason}\n", i + 1);
    }
    let lines: Vec<&str> = out.lines().map(str::trim_end).collect();
    lines.join("\n") + "\n"
}
