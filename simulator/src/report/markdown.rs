//! A report as Markdown, for the summary pages of CI systems.
//!
//! The one idea: what matters most stands first, and when the room is used up the rest is counted.
//! GitHub takes a step summary of at most 1 MiB, and drops a larger one whole.
//!
//! Invariant: never longer than the room it is given, and nothing that the report holds is taken for
//! Markdown or HTML.
//!
//! What it is not: complete. The JSON is, and the page is drawn from it.

use super::diff::{Diff, alike};
use super::matrix::{about, sign};
use super::model::{CellRow, Report};
use super::text::grouped;
use super::{answers, summary};
use crate::explore::Verdict;

/// What GitHub takes, bytes.
pub const ROOM: usize = 1 << 20;

/// What a summary keeps free for the lines that count what is left out.
const RESERVE: usize = 2048;

/// Text that stands for itself.
#[must_use]
pub fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out += "&amp;",
            '<' => out += "&lt;",
            '>' => out += "&gt;",
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '#' | '~' | '@' | '!' => {
                out.push('\\');
                out.push(c);
            }
            '\n' | '\r' | '\t' => out.push(' '),
            c if c.is_control() => {}
            c => out.push(c),
        }
    }
    out
}

/// Text as code, of any text.
fn code(text: &str) -> String {
    let kept = |c: &char| !c.is_control();
    let text: String = text.chars().filter(kept).collect();
    let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    // `|` would end the cell of a table even within code.
    format!(
        "<code>{}</code>",
        text.replace('|', "&#124;").replace('*', "&#42;").replace('_', "&#95;")
    )
}

/// A part of the summary: rows between a head and a foot.
struct Part {
    head: String,
    rows: Vec<String>,
    foot: String,
}

/// Parts in order, as far as there is room.
fn fit(parts: Vec<Part>, room: usize) -> String {
    let mut out = String::new();
    for part in parts {
        let left = room.saturating_sub(RESERVE + out.len());
        let frame = part.head.len() + part.foot.len();
        let mut used = frame;
        let kept = part.rows.iter().take_while(|row| {
            used += row.len();
            used <= left
        });
        let kept = kept.count();
        if frame > left || (kept == 0 && !part.rows.is_empty()) {
            let title = part.head.lines().find(|line| !line.is_empty()).unwrap_or("");
            let title = title.trim_start_matches('#').trim();
            let said = format!("\n{}: left out for want of room; see report.json.\n", title);
            if out.len() + said.len() <= room {
                out += &said;
            }
            continue;
        }
        out += &part.head;
        part.rows[..kept].iter().for_each(|row| out += row);
        out += &part.foot;
        let more = part.rows.len() - kept;
        if more > 0 {
            let said = format!("\n{} more in report.json.\n", grouped(more));
            if out.len() + said.len() <= room {
                out += &said;
            }
        }
    }
    out
}

/// The text, of at most `room` bytes. `diff` is that of this report against an older one.
#[must_use]
pub fn text(report: &Report, diff: Option<&Diff>, room: usize) -> String {
    let command = &report.asked.command;
    let head =
        format!("## tornwrite {}\n\n{}\n", plain(command), plain(&summary::sentence(report)));
    let mut parts = vec![Part { head, rows: Vec::new(), foot: String::new() }];
    parts.extend(diff.map(ratchet));
    if !report.cells.is_empty() {
        parts.push(matrix(report));
        parts.push(findings(report));
    }
    parts.extend(campaign(report));
    if !report.costs.is_empty() {
        parts.push(costs(report));
    }
    parts.extend(report.grid.as_ref().filter(|grid| !grid.changes.is_empty()).map(grid));
    parts.push(Part {
        head: "\n### What this does not show\n\n".to_owned(),
        rows: vec![format!("{}\n", plain(super::matrix::LIMITS))],
        foot: String::new(),
    });
    fit(parts, room)
}

fn ratchet(diff: &Diff) -> Part {
    let held = if diff.holds() { "The ratchet holds" } else { "The ratchet is broken" };
    let head = format!(
        "\n### {held}\n\n{} worse, {} better, {} the same.\n{}\n",
        grouped(diff.worse.len()),
        grouped(diff.better.len()),
        grouped(diff.same),
        match &diff.asked_otherwise[..] {
            [] => String::new(),
            asked => format!("\nAsked otherwise: {}.\n", plain(&asked.join(", "))),
        }
    );
    let mut rows = Vec::new();
    for changes in [&diff.worse, &diff.better] {
        for group in alike(changes) {
            let first = group.first;
            let workloads = group.workloads.join(", ");
            let replay =
                first.token.as_ref().map(|token| code(&format!("tornwrite replay {token}")));
            rows.push(format!(
                "- **{}** {} x {} ({}): {} {}\n",
                first.kind.name(),
                plain(&first.journal),
                plain(&first.device),
                plain(&workloads),
                plain(&first.what()),
                replay.unwrap_or_default()
            ));
        }
    }
    Part { head, rows, foot: String::new() }
}

fn cell(report: &Report, cell: Option<&CellRow>) -> String {
    let Some(cell) = cell else { return String::new() };
    let letters: String = cell.broken.iter().map(|&oracle| report.letter(oracle)).collect();
    let star = if cell.representatives && cell.verdict == Verdict::Proven { "*" } else { "" };
    let text = format!("{}{star} {letters}", sign(cell.verdict));
    plain(text.trim_end())
}

fn matrix(report: &Report) -> Part {
    let names: Vec<String> = report.devices.iter().map(|row| plain(&row.name)).collect();
    let head = format!(
        "\n### Matrix\n\n| | {} |\n|---|{}\n",
        names.join(" | "),
        "---|".repeat(names.len())
    );
    let find = |journal: &str, device: &str| {
        report.cells.iter().find(|cell| cell.journal == journal && cell.device == device)
    };
    let row = |journal: &str| {
        let cells = report.devices.iter().map(|device| cell(report, find(journal, &device.name)));
        format!("| {} | {} |\n", plain(journal), cells.collect::<Vec<_>>().join(" | "))
    };
    let rows = report.journals.iter().map(|journal| row(&journal.name)).collect();
    Part { head, rows, foot: legend(report) }
}

fn legend(report: &Report) -> String {
    let mut parts: Vec<String> = Vec::new();
    let verdicts = report.cells.iter().map(|cell| cell.verdict);
    for (verdict, _) in summary::counts(verdicts) {
        parts.push(format!("`{}` {}", sign(verdict), plain(about(verdict))));
    }
    if report.cells.iter().any(|cell| cell.representatives && cell.verdict == Verdict::Proven) {
        parts.push("`*` some contents by representatives only".to_owned());
    }
    let broken = |oracle| report.cells.iter().any(|cell| cell.broken.contains(&oracle));
    let letters = report.oracles.iter().filter(|row| broken(row.oracle));
    parts.extend(letters.map(|row| format!("{} {}", row.letter, row.oracle.name())));
    format!("\n{}\n", parts.join(" · "))
}

fn findings(report: &Report) -> Part {
    let mut rows = Vec::new();
    for cell in &report.cells {
        let found = cell.experiments.iter().find_map(|experiment| {
            experiment.counterexample.as_ref().map(|found| (experiment, found))
        });
        if let Some((experiment, found)) = found {
            rows.push(format!(
                "- {} x {}, {}: {}. {}\n",
                plain(&cell.journal),
                plain(&cell.device),
                plain(&experiment.workload),
                plain(&found.story.headline),
                code(&format!("tornwrite explain {}", found.token))
            ));
        }
    }
    let head = format!(
        "\n<details><summary>{} refuted cells, the first counterexample of each</summary>\n\n",
        rows.len()
    );
    Part { head, rows, foot: "\n</details>\n".to_owned() }
}

fn campaign(report: &Report) -> Option<Part> {
    let campaign = report.campaign.as_ref()?;
    let failing = campaign.rows.iter().filter(|row| row.failing > 0);
    let row = |row: &super::model::CampaignRow| {
        let found = row.counterexample.as_ref();
        format!(
            "| {} | {} | {} of {} | {} |\n",
            plain(&row.journal),
            plain(&row.device),
            grouped(row.failing),
            grouped(row.leaves),
            found
                .map_or(String::new(), |found| code(&format!("tornwrite explain {}", found.token)))
        )
    };
    let head = "\n### Found\n\n| journal | device | failing | first |\n|---|---|---|---|\n";
    Some(Part { head: head.to_owned(), rows: failing.map(row).collect(), foot: String::new() })
}

fn costs(report: &Report) -> Part {
    let head = "\n### What survival costs\n\n| journal | proven on | bytes written per payload byte \
                | flushes per commit | sectors rewritten per entry |\n|---|--:|--:|--:|--:|\n";
    let row = |standing: summary::Standing| {
        let cost = summary::cost(report, &standing.journal);
        let of = |ratio: Option<String>| ratio.unwrap_or_else(|| "-".to_owned());
        format!(
            "| {} | {} of {} | {} | {} | {} |\n",
            plain(&standing.journal),
            standing.proven.len(),
            standing.devices,
            of(standing.written.map(|ratio| ratio.to_string())),
            of(standing.flushes.map(|ratio| ratio.to_string())),
            of(cost.map(|row| row.rewritten_per_entry.to_string())),
        )
    };
    let rows = summary::standings(report).into_iter().map(row).collect();
    Part { head: head.to_owned(), rows, foot: String::new() }
}

fn grid(grid: &super::grid::Grid) -> Part {
    let head = format!(
        "\n<details><summary>The grid: what each answer buys and costs</summary>\n\n{}\n\n\
         | axis | instead of | answer | pairs | mends | breaks | bytes | flushes |\n\
         |---|---|---|--:|--:|--:|--:|--:|\n",
        plain(&answers::sentence(grid))
    );
    let row = |change: &&super::grid::Change| {
        format!(
            "| {} | {} | {} | {} | {} | {} | {} | {} |\n",
            plain(&change.axis),
            plain(&change.from),
            plain(&change.to),
            change.pairs,
            change.mends,
            change.breaks,
            answers::times(&change.written),
            answers::times(&change.flushes)
        )
    };
    let rows = answers::told(grid).iter().map(row).collect();
    Part { head, rows, foot: "\n</details>\n".to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_long_is_counted_and_never_longer_than_the_room() {
        let part = |name: &str, rows: usize| Part {
            head: format!("\n### {name}\n\n"),
            rows: (0..rows).map(|i| format!("- row {i} of {name}\n")).collect(),
            foot: String::new(),
        };
        let whole = fit(vec![part("one", 900), part("two", 10)], ROOM);
        assert!(!whole.contains("more in"), "{whole}");
        for room in [0, 100, 3000, 6000, 9000, whole.len(), whole.len() + RESERVE] {
            let text = fit(vec![part("one", 900), part("two", 10)], room);
            assert!(text.len() <= room, "{room}");
            let says = text.contains("more in report.json") || text.contains("left out");
            assert_eq!(says, text != whole && room >= 100, "{room}: {text}");
        }
    }

    #[test]
    fn nothing_is_taken_for_markdown_or_html() {
        assert_eq!(plain("<img src=x>|*a*\n_b_"), "&lt;img src=x&gt;\\|\\*a\\* \\_b\\_");
        assert_eq!(code("a|<b>_`"), "<code>a&#124;&lt;b&gt;&#95;`</code>");
    }
}
