//! What got worse, as annotations of GitHub's workflow commands.
//!
//! The one idea: a line for each thing that a person has to look at, worst first. GitHub shows ten of
//! a step; the tenth counts the others.
//!
//! Invariant: one line each, whatever names hold.
//!
//! What it is not: asked for by the environment. It is a flag.

use super::diff::{Diff, alike};
use super::model::Report;
use crate::explore::Verdict;

/// Annotations of one kind that GitHub shows of a step.
const SHOWN: usize = 10;

fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

/// The first ones, and how many others there are.
fn lines(kind: &str, all: &[(String, String)]) -> String {
    let shown = if all.len() > SHOWN { SHOWN - 1 } else { all.len() };
    let mut out = String::new();
    for (title, message) in &all[..shown] {
        out += &format!("::{kind} title={}::{}\n", property(title), data(message));
    }
    if all.len() > shown {
        let more = all.len() - shown;
        out += &format!("::{kind} title=tornwrite::{more} more like these, in the report\n");
    }
    out
}

/// Of a diff: an error for whatever is held against the new report.
#[must_use]
pub fn of_diff(diff: &Diff) -> String {
    let told: Vec<(String, String)> = alike(&diff.worse)
        .iter()
        .map(|group| {
            let first = group.first;
            let title = format!("{}: {} x {}", first.kind.name(), first.journal, first.device);
            let mut message = first.what();
            if !group.workloads.is_empty() {
                message += &format!(" ({})", group.workloads.join(", "));
            }
            if let Some(token) = &first.token {
                message += &format!("\ntornwrite explain {token}");
            }
            (title, message)
        })
        .collect();
    lines("error", &told)
}

/// Of a report alone: an error for what is nondeterministic, a warning for what is refuted or could
/// not have been seen.
#[must_use]
pub fn of_report(report: &Report) -> String {
    let (mut errors, mut warnings) = (Vec::new(), Vec::new());
    for cell in &report.cells {
        let title = format!("{}: {} x {}", cell.verdict.name(), cell.journal, cell.device);
        let found = cell.experiments.iter().find_map(|e| e.counterexample.as_ref());
        let why = cell.experiments.iter().find_map(|e| e.why.clone()).unwrap_or_default();
        let message = match found {
            Some(found) => {
                format!("{}\ntornwrite explain {}", found.story.headline, found.token)
            }
            None => why,
        };
        match cell.verdict {
            Verdict::Nondeterministic => errors.push((title, message)),
            Verdict::Refuted | Verdict::Hollow | Verdict::NotMeasured => {
                warnings.push((title, message));
            }
            Verdict::Proven | Verdict::Bounded | Verdict::Senseless => {}
        }
    }
    for row in report.campaign.iter().flat_map(|campaign| &campaign.rows) {
        if let Some(found) = &row.counterexample {
            let title = format!("found: {} x {}", row.journal, row.device);
            let message = format!("{}\ntornwrite explain {}", found.story.headline, found.token);
            warnings.push((title, message));
        }
    }
    lines("error", &errors) + &lines("warning", &warnings)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_annotation_is_one_line_and_the_tenth_counts_the_others() {
        let many: Vec<_> =
            (0..12).map(|i| (format!("a: b,{i}"), "100 %\nmore".to_owned())).collect();
        let text = lines("error", &many);
        assert_eq!(text.lines().count(), SHOWN);
        assert_eq!(text.lines().next(), Some("::error title=a%3A b%2C0::100 %25%0Amore"));
        assert!(text.ends_with("::3 more like these, in the report\n"));
        assert_eq!(lines("error", &many[..10]).lines().count(), 10);
    }
}
