//! A report as JUnit XML, for the pages of CI systems.
//!
//! The one idea: a question is a test. Each journal is a suite, each device and workload a test in it.
//! Held against an older report, only what got worse fails: a journal that is known to be refuted is
//! no news.
//!
//! ```text
//! verdict                              alone      against a baseline
//! proven                               passes     passes
//! refuted, nondeterministic            fails      fails if it is held against the report, else skipped
//! hollow, not measured                 error      the same
//! bounded, senseless                   skipped    the same
//! in the baseline and not here         -          fails
//! ```
//!
//! Invariant: well-formed whatever names and messages hold; no times, so the same report gives the
//! same bytes.
//!
//! What it is not: complete. A failure names the command that tells all.

use super::baseline::{CAMPAIGN, GRID};
use super::diff::{Change, Diff, Kind};
use super::model::Report;
use crate::explore::Verdict;
use crate::oracle::Oracle;

/// How a test came out.
enum Came {
    Passed,
    Skipped(String),
    Failed { kind: String, message: String, body: String },
    Error { kind: String, message: String },
}

struct Test {
    name: String,
    came: Came,
}

struct Suite {
    name: String,
    tests: Vec<Test>,
}

/// What is known of a question.
struct Answer<'r> {
    verdict: Verdict,
    why: Option<&'r str>,
    broken: String,
    /// Headline and reason.
    story: Option<(&'r str, &'r str)>,
    token: Option<&'r str>,
}

/// Text as XML may hold it, in an attribute or between tags.
#[must_use]
pub fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out += "&amp;",
            '<' => out += "&lt;",
            '>' => out += "&gt;",
            '"' => out += "&quot;",
            '\'' => out += "&apos;",
            '\t' | '\n' | '\r' => out += &format!("&#{};", c as u32),
            // XML 1.0 has no way to hold these.
            '\u{0}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

fn names(oracles: &[Oracle]) -> String {
    oracles.iter().map(|oracle| oracle.name()).collect::<Vec<_>>().join(", ")
}

/// How a test comes out alone.
fn alone(answer: &Answer<'_>) -> Came {
    let why = answer.why.unwrap_or("");
    match answer.verdict {
        Verdict::Proven => Came::Passed,
        Verdict::Refuted | Verdict::Nondeterministic => Came::Failed {
            kind: answer.verdict.name().to_lowercase(),
            message: match &answer.broken[..] {
                "" => why.to_owned(),
                broken => format!("breaks {broken}"),
            },
            body: body(answer),
        },
        Verdict::Hollow | Verdict::NotMeasured => Came::Error {
            kind: answer.verdict.name().to_lowercase(),
            message: match why {
                "" => "the experiment could not have seen a failure".to_owned(),
                why => why.to_owned(),
            },
        },
        Verdict::Bounded => Came::Skipped(
            "bounded: nothing was found before the bound ended the search, and nothing is proven"
                .to_owned(),
        ),
        Verdict::Senseless => Came::Skipped(format!("does not fit: {why}")),
    }
}

fn body(answer: &Answer<'_>) -> String {
    let mut lines = Vec::new();
    if let Some((headline, why)) = answer.story {
        lines.push(headline.to_owned());
        lines.push(format!("why: {why}"));
    }
    if let Some(token) = answer.token {
        lines.push(format!("tornwrite explain {token}"));
    }
    lines.join("\n")
}

/// How a test comes out where only what got worse fails.
fn against(answer: &Answer<'_>, changes: &[&Change]) -> Came {
    if changes.is_empty() {
        return match alone(answer) {
            Came::Failed { message, .. } => Came::Skipped(format!("known: {message}")),
            other => other,
        };
    }
    let said: Vec<String> =
        changes.iter().map(|change| format!("{}: {}", change.kind.name(), change.what())).collect();
    Came::Failed {
        kind: changes[0].kind.name().replace(' ', "-"),
        message: said.join("; "),
        body: body(answer),
    }
}

/// The text. `diff` is that of this report against an older one.
#[must_use]
pub fn text(report: &Report, diff: Option<&Diff>) -> String {
    let mut suites: Vec<Suite> = Vec::new();
    let mut add = |suite: &str, name: String, came: Came| {
        if suites.last().is_none_or(|last| last.name != suite) {
            suites.push(Suite { name: suite.to_owned(), tests: Vec::new() });
        }
        suites.last_mut().expect("pushed").tests.push(Test { name, came });
    };
    let came = |answer: &Answer<'_>, section: &str, place: [&str; 3]| match diff {
        None => alone(answer),
        Some(diff) => {
            let here = |change: &&Change| {
                change.section == section
                    && change.journal == place[0]
                    && change.device == place[1]
                    && change.workload.as_deref().is_none_or(|workload| workload == place[2])
            };
            against(answer, &diff.worse.iter().filter(here).collect::<Vec<_>>())
        }
    };
    for cell in &report.cells {
        for experiment in &cell.experiments {
            let found = experiment.counterexample.as_ref();
            let answer = Answer {
                verdict: experiment.verdict,
                why: experiment.why.as_deref(),
                broken: found.map_or(String::new(), |found| names(&found.broken)),
                story: found.map(|f| (f.story.headline.as_str(), f.story.why.as_str())),
                token: found.map(|found| found.token.as_str()),
            };
            let place = [&cell.journal[..], &cell.device, &experiment.workload];
            let name = format!("{} / {}", cell.device, experiment.workload);
            add(&cell.journal, name, came(&answer, "matrix", place));
        }
    }
    if let Some(grid) = &report.grid {
        for cell in &grid.cells {
            let answer = Answer {
                verdict: cell.verdict,
                why: cell.why.as_deref(),
                broken: names(&cell.broken),
                story: None,
                token: cell.token.as_deref(),
            };
            let place = [&cell.strategy[..], &cell.device, GRID];
            let name = format!("{} / {}", cell.strategy, cell.device);
            add("grid", name, came(&answer, GRID, place));
        }
    }
    for row in report.campaign.iter().flat_map(|campaign| &campaign.rows) {
        let found = row.counterexample.as_ref();
        let answer = Answer {
            verdict: if row.failing > 0 { Verdict::Refuted } else { Verdict::Proven },
            why: None,
            broken: found.map_or(String::new(), |found| names(&found.broken)),
            story: found.map(|f| (f.story.headline.as_str(), f.story.why.as_str())),
            token: found.map(|found| found.token.as_str()),
        };
        let place = [&row.journal[..], &row.device, CAMPAIGN];
        let name = format!("{} / {}", row.journal, row.device);
        add("torture", name, came(&answer, CAMPAIGN, place));
    }
    let gone = |change: &&Change| change.kind == Kind::Vanished;
    for change in diff.iter().flat_map(|diff| &diff.worse).filter(gone) {
        let workload = change.workload.as_deref().unwrap_or("all");
        let name = format!("{} / {} / {workload}", change.journal, change.device);
        let message = format!("{}: {}", change.kind.name(), change.what());
        let kind = change.kind.name().to_owned();
        add("vanished", name, Came::Failed { kind, message, body: String::new() });
    }
    write(&suites)
}

fn write(suites: &[Suite]) -> String {
    let tally = |tests: &mut dyn Iterator<Item = &Test>| {
        let mut counts = [0u64; 4];
        for test in tests {
            counts[0] += 1;
            match test.came {
                Came::Passed => {}
                Came::Failed { .. } => counts[1] += 1,
                Came::Error { .. } => counts[2] += 1,
                Came::Skipped(_) => counts[3] += 1,
            }
        }
        counts
    };
    let all = tally(&mut suites.iter().flat_map(|suite| &suite.tests));
    let mut out = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n".to_owned();
    out += &format!(
        "<testsuites name=\"tornwrite\" tests=\"{}\" failures=\"{}\" errors=\"{}\">\n",
        all[0], all[1], all[2]
    );
    for suite in suites {
        let [tests, failures, errors, skipped] = tally(&mut suite.tests.iter());
        let name = escaped(&suite.name);
        out += &format!(
            "  <testsuite name=\"{name}\" tests=\"{tests}\" failures=\"{failures}\" \
             errors=\"{errors}\" skipped=\"{skipped}\">\n"
        );
        for test in &suite.tests {
            let head = format!(
                "    <testcase classname=\"tornwrite.{name}\" name=\"{}\"",
                escaped(&test.name)
            );
            out += &head;
            out += &match &test.came {
                Came::Passed => "/>\n".to_owned(),
                Came::Skipped(message) => {
                    format!("><skipped message=\"{}\"/></testcase>\n", escaped(message))
                }
                Came::Error { kind, message } => format!(
                    "><error type=\"{}\" message=\"{}\"/></testcase>\n",
                    escaped(kind),
                    escaped(message)
                ),
                Came::Failed { kind, message, body } => format!(
                    "><failure type=\"{}\" message=\"{}\">{}</failure></testcase>\n",
                    escaped(kind),
                    escaped(message),
                    escaped(body)
                ),
            };
        }
        out += "  </testsuite>\n";
    }
    out + "</testsuites>\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_a_name_may_hold_breaks_the_xml() {
        assert_eq!(escaped("<a b=\"c\">&'\n"), "&lt;a b=&quot;c&quot;&gt;&amp;&apos;&#10;");
        assert_eq!(escaped("\u{0}\u{1b}[31mé\u{ffff}"), "\u{fffd}\u{fffd}[31mé\u{fffd}");
    }
}
