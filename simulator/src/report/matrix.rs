//! The report for a terminal: the matrix, what it costs, what it does not say.
//!
//! The one idea: journals down, devices across, and in each cell a sign and the letters of what
//! broke. Whatever does not fit by name is abbreviated, and the legend says what for (`columns.rs`).
//!
//! Invariant: drawn from the report alone, within the width; colour repeats what a sign says.
//!
//! What it is not: complete. The JSON is.

use std::ops::Range;

use num_bigint::BigUint;

use super::columns::{Columns, row_heads};
use super::json::case_file;
use super::model::{CellRow, CostRow, Experiment, ImagesRow, Report};
use super::text::{count, grouped, wrap};
use super::{answers, figures, picture, proof, summary};
use crate::explore::Verdict;

/// How to draw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    /// Columns.
    pub width: usize,
    /// Whether signs are coloured as well.
    pub colour: bool,
}

/// The sign of a verdict.
#[must_use]
pub const fn sign(verdict: Verdict) -> char {
    match verdict {
        Verdict::Proven => '+',
        Verdict::Refuted => 'x',
        Verdict::Bounded => '~',
        Verdict::NotMeasured => '?',
        Verdict::Hollow => 'o',
        Verdict::Nondeterministic => '!',
        Verdict::Senseless => '-',
    }
}

/// What a sign means.
#[must_use]
pub const fn about(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Proven => "proven: every crash state of these workloads",
        Verdict::Refuted => "refuted, by what",
        Verdict::Bounded => "bounded: nothing found before the bound ended the search",
        Verdict::NotMeasured => "not measured: the control without flushes found nothing either",
        Verdict::Hollow => "hollow: an owed claim was never evaluated",
        Verdict::Nondeterministic => "nondeterministic",
        Verdict::Senseless => "the journal does not fit this device",
    }
}

fn painted(text: &str, verdict: Verdict, look: Look) -> String {
    let code = match verdict {
        Verdict::Proven => 32,
        Verdict::Refuted | Verdict::Nondeterministic => 31,
        _ => 33,
    };
    if look.colour { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
}

/// The whole report.
#[must_use]
pub fn draw(report: &Report, folder: Option<&str>, look: Look) -> String {
    let mut out = head(report, look);
    if !report.cells.is_empty() {
        out += &matrix(report, look);
        out.push('\n');
        out += &costs(report, look);
    }
    out += &passes(report, look);
    out += &bounded(report, look);
    out += &misfits(report, look);
    if let Some(grid) = &report.grid {
        out += &answers::draw(grid, look);
    }
    if let Some((cell, experiment, found)) = report.first_counterexample() {
        out += "\nThe first counterexample:\n\n";
        out += &picture::draw(&found.story, look.width);
        out.push('\n');
        out += &picture::shrunk(found.shrunk.as_ref(), look.width);
        let case = match folder {
            Some(folder) => {
                let file = case_file(&cell.journal, &cell.device, &experiment.workload);
                format!("{folder}/{file}")
            }
            None => found.token.clone(),
        };
        out += &format!("  replay   tornwrite replay {case}\n");
        out += &format!("  explain  tornwrite explain {case}\n");
    }
    out
}

fn head(report: &Report, look: Look) -> String {
    let asked = &report.asked;
    let mut out = String::new();
    let count = |some: usize, one: &str, many: &str| count(some as u64, one, many);
    let bound = asked
        .leaves_max
        .map_or(String::new(), |max| format!(", at most {} leaves each", grouped(max)));
    let text = format!(
        "{}, {}, {}{bound}",
        count(report.journals.len(), "journal", "journals"),
        count(report.devices.len(), "device", "devices"),
        count(asked.workloads.len(), "workload", "workloads"),
    );
    out += &wrap(&format!("tornwrite {}   ", asked.command), &text, look.width);
    for row in &asked.workloads {
        out += &wrap(&format!("  {:<13} ", row.name), &row.about, look.width);
    }
    if let Some(shard) = summary::shard(report) {
        out += &format!("SHARD {shard}\n");
    }
    if report.partial {
        out += "INTERRUPTED: cells that were not finished are missing\n";
    }
    out.push('\n');
    out
}

fn cell_text(report: &Report, cell: Option<&CellRow>, letters_max: usize) -> String {
    let Some(cell) = cell else { return " ".to_owned() };
    let mut text = sign(cell.verdict).to_string();
    if cell.representatives && cell.verdict == Verdict::Proven {
        text.push('*');
    }
    if !cell.broken.is_empty() {
        let letters: String = cell.broken.iter().map(|&oracle| report.letter(oracle)).collect();
        text.push(' ');
        if letters.len() > letters_max {
            text += &letters[..letters_max.saturating_sub(1)];
            text.push('>');
        } else {
            text += &letters;
        }
    }
    text
}

/// Journals down, devices across; in panels one below the other where one line has no room for all.
#[must_use]
pub fn matrix(report: &Report, look: Look) -> String {
    let rows = rows(report);
    let left = left(&rows, 0);
    let columns = Columns::of(report, look.width.saturating_sub(left));
    let mut out = String::new();
    for panel in &columns.panels {
        out += &draw_panel(report, &columns, panel.clone(), &rows, look);
        out.push('\n');
    }
    out + &legend(report, &columns.heads, &rows, look)
}

/// What journals are called before lines.
fn rows(report: &Report) -> Vec<String> {
    let names: Vec<&str> = report.journals.iter().map(|row| row.name.as_str()).collect();
    row_heads(&names)
}

/// Room for them, `least` characters or more.
fn left(rows: &[String], least: usize) -> usize {
    rows.iter().map(String::len).max().unwrap_or(0).max(least) + 2
}

fn draw_panel(
    report: &Report,
    columns: &Columns,
    panel: Range<usize>,
    rows: &[String],
    look: Look,
) -> String {
    let left = left(rows, 0);
    let find = |journal: &str, device: &str| {
        report.cells.iter().find(|c| c.journal == journal && c.device == device)
    };
    let text =
        |journal: &str, device: &str| cell_text(report, find(journal, device), columns.letters_max);
    let (devices, heads) = (&report.devices[panel.clone()], &columns.heads[panel]);
    let widths: Vec<usize> = devices
        .iter()
        .zip(heads)
        .map(|(device, head)| {
            let cells = report.journals.iter().map(|row| text(&row.name, &device.name).len());
            cells.max().unwrap_or(1).max(head.len())
        })
        .collect();
    let total: usize = widths.iter().sum();
    let gap = if left + total + 2 * widths.len() <= look.width { 2 } else { 1 };
    let mut out = " ".repeat(left);
    for (name, width) in heads.iter().zip(&widths) {
        out += &format!("{name:<w$}", w = width + gap);
    }
    out = out.trim_end().to_owned();
    out.push('\n');
    for (journal, head) in report.journals.iter().zip(rows) {
        let mut line = format!("{head:<left$}");
        for (device, width) in devices.iter().zip(&widths) {
            let cell = text(&journal.name, &device.name);
            let pad = " ".repeat(width + gap - cell.len());
            line += &match find(&journal.name, &device.name) {
                Some(row) => painted(&cell, row.verdict, look),
                None => cell,
            };
            line += &pad;
        }
        out += line.trim_end();
        out.push('\n');
    }
    out
}

fn legend(report: &Report, heads: &[String], rows: &[String], look: Look) -> String {
    let mut out = String::new();
    let mut used: Vec<Verdict> = report.cells.iter().map(|cell| cell.verdict).collect();
    used.sort_unstable();
    used.dedup();
    for verdict in used {
        out += &format!("  {}  {}\n", sign(verdict), about(verdict));
    }
    if report.cells.iter().any(|c| c.representatives && c.verdict == Verdict::Proven) {
        out += "  *  some contents by representatives only\n";
    }
    let broken = |oracle| report.cells.iter().any(|cell| cell.broken.contains(&oracle));
    let letters: Vec<String> = report
        .oracles
        .iter()
        .filter(|row| broken(row.oracle))
        .map(|row| format!("{} {}", row.letter, row.oracle.name()))
        .collect();
    if !letters.is_empty() {
        out += &wrap("  letters  ", &letters.join(", "), look.width);
    }
    let devices = report.devices.iter().map(|row| &row.name).zip(heads);
    out += &spelled_out("  devices  ", devices, look.width);
    let journals = report.journals.iter().map(|row| &row.name).zip(rows);
    out + &spelled_out("  journals ", journals, look.width)
}

/// What short names stand for, where they are not the names.
fn spelled_out<'n>(
    label: &str,
    names: impl Iterator<Item = (&'n String, &'n String)>,
    width: usize,
) -> String {
    let short = names.filter(|(name, short)| name != short);
    let said: Vec<String> = short.map(|(name, short)| format!("{short} = {name}")).collect();
    if said.is_empty() { String::new() } else { wrap(label, &said.join(", "), width) }
}

/// What each journal costs, on devices of the smallest and of the largest sectors.
#[must_use]
pub fn costs(report: &Report, look: Look) -> String {
    let Some(first) = report.costs.first() else { return String::new() };
    let text = format!(
        "of {} entries of {} bytes, undisturbed; `rewritten` counts sectors written again while \
         they held something of this life",
        first.entries,
        first.payload_bytes.checked_div(first.entries).unwrap_or(0),
    );
    let mut out = wrap("What it costs   ", &text, look.width);
    let heads = rows(report);
    let left = left(&heads, 9);
    let mut sectors: Vec<u32> = report.costs.iter().map(|row| row.logical_bytes).collect();
    sectors.sort_unstable();
    sectors.dedup();
    for bytes in sectors {
        out += &format!(
            "{:<left$}{:>9} {:>8} {:>8} {:>9} {:>7} {:>7}\n",
            format!("{bytes}-byte"),
            "written",
            "written",
            "flushes",
            "rewritten",
            "reads",
            "space"
        );
        out += &format!(
            "{:<left$}{:>9} {:>8} {:>8} {:>9} {:>7} {:>7}\n",
            "sectors", "B/entry", "/payload", "/commit", "/entry", "/entry", "/payload"
        );
        for (journal, head) in report.journals.iter().zip(&heads) {
            let row = report
                .costs
                .iter()
                .find(|row| row.journal == journal.name && row.logical_bytes == bytes);
            if let Some(row) = row {
                out += &cost_line(head, row, left);
            }
        }
    }
    out
}

fn cost_line(head: &str, row: &CostRow, left: usize) -> String {
    format!(
        "{head:<left$}{:>9} {:>8} {:>8} {:>9} {:>7} {:>7}\n",
        row.bytes_per_entry,
        row.write_amplification,
        row.flushes_per_commit,
        row.rewritten_per_entry,
        row.reads_per_entry,
        row.space
    )
}

/// What was proven, in numbers, and what that does not say.
#[must_use]
pub fn passes(report: &Report, look: Look) -> String {
    let proven: Vec<&CellRow> =
        report.cells.iter().filter(|cell| cell.verdict == Verdict::Proven).collect();
    if proven.is_empty() {
        return String::new();
    }
    let sum = |of: &dyn Fn(&Experiment) -> u64| {
        grouped(proven.iter().flat_map(|cell| &cell.experiments).map(of).sum::<u64>())
    };
    let mut out = String::from("\n");
    let text = format!(
        "{} of {} cells: {}; {} leaves (classes of crash states), {} recoveries; durability \
         evaluated {} times",
        proven.len(),
        report.cells.len(),
        crash_states(proven.iter().flat_map(|cell| &cell.experiments)),
        sum(&|e| e.leaves),
        sum(&|e| e.recoveries),
        sum(&|e| {
            let of = e.oracles.iter().find(|t| t.oracle == crate::oracle::Oracle::Durability);
            of.map_or(0, |tally| tally.evaluated)
        }),
    );
    out += &wrap("PROVEN  ", &text, look.width);
    if let [only] = proven[..] {
        for experiment in &only.experiments {
            out += &pass(only, experiment, look);
        }
    }
    out += &wrap("        ", LIMITS, look.width);
    if proven.iter().flat_map(|cell| &cell.experiments).any(|e| e.modulo_collisions) {
        out += &wrap("        ", COLLISIONS, look.width);
    }
    out
}

/// How far the searches came that their bound ended, and what was drawn there.
fn bounded(report: &Report, look: Look) -> String {
    let mut out = String::new();
    for cell in report.cells.iter().filter(|cell| cell.verdict == Verdict::Bounded) {
        out += &format!("  {} x {}\n", cell.journal, cell.device);
        for experiment in cell.experiments.iter().filter(|e| e.verdict == Verdict::Bounded) {
            let first = experiment.images.first();
            let share = first.and_then(|row| figures::share(&row.covered, &row.all));
            let covered = share.map_or("a share that is not counted".to_owned(), |share| share.1);
            let sampled = experiment.sample.as_ref().map_or(String::new(), |sample| {
                let most = figures::percent(sample.first_recovery.at_most_millionths);
                let failed = sample.any_life.failed + sample.hit;
                let (failed, drawn) = (grouped(failed), grouped(sample.drawn + sample.hunted));
                format!("; {failed} of {drawn} drawn failed; at most {most}")
            });
            let head = format!("    {:<13}  ", experiment.workload);
            out += &wrap(&head, &format!("{covered} covered{sampled}"), look.width);
        }
    }
    if out.is_empty() {
        return out;
    }
    let about = "searches that the bound ended: the share of the first cut's crash states that was \
                 covered, and what was drawn, with an upper bound for the share of them that fails at \
                 its recovery (95 %, over crash states, not over power cuts)";
    format!("\n{}{out}", wrap("BOUNDED ", about, look.width))
}

/// Why journals were not run on devices.
fn misfits(report: &Report, look: Look) -> String {
    let mut out = String::new();
    for cell in report.cells.iter().filter(|cell| cell.verdict == Verdict::Senseless) {
        let why = cell.experiments.iter().find_map(|experiment| experiment.why.as_deref());
        let text = format!("{} x {}: {}", cell.journal, cell.device, why.unwrap_or("no reason"));
        out += &wrap("  ", &text, look.width);
    }
    if out.is_empty() { out } else { format!("\nDOES NOT FIT\n{out}") }
}

/// Crash states of some experiments, power cut by power cut.
fn crash_states<'e>(experiments: impl Iterator<Item = &'e Experiment>) -> String {
    let mut sums: Vec<BigUint> = Vec::new();
    for row in experiments.flat_map(|experiment| &experiment.images) {
        let at = row.cut as usize - 1;
        sums.resize_with(sums.len().max(at + 1), BigUint::default);
        sums[at] += row.all.parse::<BigUint>().unwrap_or_default();
    }
    let row = |(cut, all): (u32, &BigUint)| ImagesRow {
        cut,
        all: all.to_string(),
        covered: String::new(),
        failing: String::new(),
    };
    proof::crash_states(&(1..).zip(&sums).map(row).collect::<Vec<_>>())
}

/// One proof in numbers.
fn pass(cell: &CellRow, experiment: &Experiment, look: Look) -> String {
    let evaluated: Vec<String> = experiment
        .oracles
        .iter()
        .filter(|tally| tally.excused.is_none())
        .map(|tally| format!("{} {}", tally.oracle.name(), grouped(tally.evaluated)))
        .collect();
    let text = format!(
        "{} x {}: {}; {} leaves, {} recoveries; evaluated: {}{}",
        cell.journal,
        cell.device,
        crash_states(std::iter::once(experiment)),
        grouped(experiment.leaves),
        grouped(experiment.recoveries),
        evaluated.join(", "),
        if experiment.modulo_collisions { "; modulo checksum collisions" } else { "" }
    );
    wrap(&format!("        {:<13} ", experiment.workload), &text, look.width)
}

/// What a proof here does not say.
pub const LIMITS: &str = "A proof here covers these workloads on these contracts, and no others: not \
    longer logs, larger devices, or devices that do what their contract excludes; and it is a proof \
    about this implementation's writes, not about a compiler or a drive.";

/// What it does not say where checksums were too long.
pub const COLLISIONS: &str = "Modulo checksum collisions: some checksum covered more mixtures of old and \
    new sectors, or more bits that may have flipped, than can be tried; that a mixture of different writes, \
    or one with a flipped bit, has the checksum of another by chance is left out.";
