//! What is drawn from a report: whole, escaped, and as an independent parser reads it.
//!
//! The one idea: the names in a report are as hostile as they can be, and the readers are not ours:
//! Python's parsers of XML and HTML, where `python3` exists. With `TORNWRITE_REQUIRE_PYTHON=1` its
//! absence is a failure.

use std::process::Command;

use crate::cli_support::tornwrite;
use simulator::explore::Verdict;
use simulator::explore::frontier::lattice::BASES;
use simulator::explore::frontier::{Effort, Survey, survey};
use simulator::oracle::Oracle;
use simulator::report::diff::Diff;
use simulator::report::grid::Grid;
use simulator::report::json::Beside;
use simulator::report::model::{Experiment, Report, WorkloadRow};
use simulator::report::{baseline::Baseline, html, json, junit, markdown};

/// A name that is markup in every language it is drawn in.
const HOSTILE: &str = "</script><img src=x onerror=alert(1)>'\"&]]>{{ 7 * 7 }}|`*_\u{1b}[31m\n## é";

fn report() -> Report {
    static TEXT: std::sync::OnceLock<String> = std::sync::OnceLock::new();
    let text = TEXT.get_or_init(|| {
        let place = tempfile::tempdir().unwrap();
        let ran = tornwrite(&[
            "compare",
            "--journal",
            "v8c",
            "v9-512",
            "v9-4096",
            "--device",
            "hdd-512n",
            "ideal",
            "--entries",
            "4",
            "--bytes",
            "48",
            "--format",
            "json",
            "--out",
            place.path().to_str().unwrap(),
        ]);
        assert_eq!(ran.exit, 0, "{}", ran.err);
        ran.out
    });
    json::parse(text).unwrap()
}

/// The same, with hostile names, every verdict, and a grid.
fn hostile() -> Report {
    let mut report = report();
    for cell in &mut report.cells {
        for experiment in &mut cell.experiments {
            experiment.why = Some(HOSTILE.to_owned());
            if let Some(found) = &mut experiment.counterexample {
                found.story.headline = HOSTILE.to_owned();
                found.story.why = HOSTILE.to_owned();
            }
        }
        if cell.journal == "v8c" {
            cell.journal = HOSTILE.to_owned();
        }
    }
    for row in &mut report.journals {
        row.about = HOSTILE.to_owned();
        if row.name == "v8c" {
            row.name = HOSTILE.to_owned();
        }
    }
    report.devices[0].source = HOSTILE.to_owned();
    let verdicts = [
        Verdict::Bounded,
        Verdict::NotMeasured,
        Verdict::Hollow,
        Verdict::Nondeterministic,
        Verdict::Senseless,
    ];
    let cell = report.cells.iter_mut().find(|cell| cell.journal == "v9-512").unwrap();
    for (experiment, verdict) in cell.experiments.iter_mut().zip(verdicts.into_iter().cycle()) {
        experiment.verdict = verdict;
    }
    report.grid = Some(Grid {
        chosen: HOSTILE.to_owned(),
        leaves_max: 1,
        workload: WorkloadRow {
            name: HOSTILE.to_owned(),
            about: HOSTILE.to_owned(),
            workload: report.asked.workloads[0].workload.clone(),
        },
        strategies: Vec::new(),
        cells: Vec::new(),
        changes: Vec::new(),
    });
    report.campaign = campaign().campaign;
    for row in report.campaign.iter_mut().flat_map(|campaign| &mut campaign.findings) {
        row.fingerprint = HOSTILE.to_owned();
        row.journal = HOSTILE.to_owned();
    }
    report.frontiers = surveys();
    for survey in &mut report.frontiers {
        survey.journal = HOSTILE.to_owned();
    }
    report
}

/// A small campaign that finds something.
fn campaign() -> Report {
    static TEXT: std::sync::OnceLock<String> = std::sync::OnceLock::new();
    let text = TEXT.get_or_init(|| {
        let place = tempfile::tempdir().unwrap();
        let out = place.path().to_str().unwrap();
        let asked = ["torture", "--runs", "40", "--journal", "v8c", "v8", "--device", "hdd-512n"];
        let ran = tornwrite(&[&asked[..], &["--format", "json", "--out", out]].concat());
        assert_eq!(ran.exit, 0, "{}", ran.err);
        ran.out
    });
    json::parse(text).unwrap()
}

/// How far a journal holds, as a search finds it that is soon over.
fn surveys() -> Vec<Survey> {
    let effort = Effort { leaves_max: 500, proofs_max: 12, ..Effort::default() };
    BASES[..2].iter().filter_map(|&base| survey("v8c", base, effort)).collect()
}

/// Runs a script on texts, one file each; `None` where there is no Python and none is required.
fn python(script: &str, texts: &[&str]) -> Option<String> {
    let place = tempfile::tempdir().unwrap();
    let mut command = Command::new("python3");
    command.args(["-c", script]);
    for (i, text) in texts.iter().enumerate() {
        let path = place.path().join(i.to_string());
        std::fs::write(&path, text).unwrap();
        command.arg(path);
    }
    match command.output() {
        Ok(ran) => {
            assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
            Some(String::from_utf8(ran.stdout).unwrap())
        }
        Err(error) => {
            let required =
                std::env::var("TORNWRITE_REQUIRE_PYTHON").is_ok_and(|value| value == "1");
            assert!(!required, "TORNWRITE_REQUIRE_PYTHON is 1 and python3 does not run: {error}");
            None
        }
    }
}

/// Reads JUnit XML and counts what its elements say against what its attributes say.
const XML: &str = "
import sys, json, xml.etree.ElementTree as tree
report = json.load(open(sys.argv[2], encoding='utf-8'))
root = tree.parse(sys.argv[1]).getroot()
assert root.tag == 'testsuites', root.tag
def check(element):
    cases = list(element.iter('testcase'))
    for tag, attribute in ('failure', 'failures'), ('error', 'errors'), ('skipped', 'skipped'):
        if attribute in element.attrib:
            found = sum(case.find(tag) is not None for case in cases)
            assert int(element.get(attribute)) == found, (element.attrib, tag, found)
    assert int(element.get('tests')) == len(cases)
    names = [(case.get('classname'), case.get('name')) for case in cases]
    assert len(set(names)) == len(names), 'a test is named twice'
check(root)
for suite in root: check(suite)
asked = {(c['journal'], c['device'], e['workload']): e for c in report['cells'] for e in c['experiments']}
clean = lambda t: ''.join(c if c >= ' ' or c in '\\t\\n\\r' else '\\ufffd' for c in t)
told = {}
for suite in root:
    for case in suite: told[suite.get('name'), case.get('name')] = case
for (journal, device, workload), e in asked.items():
    case = told.pop((clean(journal), clean(f'{device} / {workload}')))
    kinds = [child.tag for child in case]
    want = {'proven': [], 'refuted': ['failure'], 'nondeterministic': ['failure'], 'hollow': ['error'],
        'not-measured': ['error'], 'bounded': ['skipped'], 'senseless': ['skipped']}[e['verdict']]
    assert kinds == want, (journal, device, workload, kinds)
    if e['counterexample'] and want == ['failure']:
        assert e['counterexample']['token'] in case[0].text
campaign = report.get('campaign') or {'rows': []}
for row in campaign['rows']:
    case = told.pop(('torture', clean(f\"{row['journal']} / {row['device']}\")))
    assert [child.tag for child in case] == ['failure'] * (row['failing'] > 0), row
assert not told, list(told)
print(len(asked) + len(campaign['rows']))
";

#[test]
fn junit_is_read_by_another_parser_and_says_what_the_report_says() {
    for report in [report(), hostile(), campaign()] {
        let said = python(XML, &[&junit::text(&report, None), &json::text(&report)]);
        let asked: usize = report.cells.iter().map(|cell| cell.experiments.len()).sum();
        let asked = asked + report.campaign.as_ref().map_or(0, |campaign| campaign.rows.len());
        assert!(said.is_none_or(|said| said.trim() == asked.to_string()));
    }
}

/// Reads a page: elements that close in order, no address but into the page, no code but one script.
const HTML: &str = "
import sys, html.parser
VOID = {'meta', 'input', 'br', 'hr', 'img', 'link'}
class Reader(html.parser.HTMLParser):
    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.open, self.ids, self.to, self.scripts, self.policy = [], [], [], 0, None
    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        assert tag not in ('img', 'link', 'iframe', 'object', 'embed', 'form', 'base'), tag
        for name, value in attrs.items():
            assert not name.startswith('on') and name not in ('src', 'style', 'srcset', 'xlink:href'), name
        if 'id' in attrs: self.ids.append(attrs['id'])
        if 'href' in attrs:
            assert attrs['href'].startswith('#'), attrs['href']
            self.to.append(attrs['href'][1:])
        if attrs.get('http-equiv') == 'Content-Security-Policy': self.policy = attrs['content']
        self.scripts += tag == 'script'
        if tag not in VOID: self.open.append(tag)
    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID: self.open.pop()
    def handle_endtag(self, tag):
        assert self.open and self.open[-1] == tag, (tag, self.open[-3:], self.getpos())
        self.open.pop()
reader = Reader()
text = open(sys.argv[1], encoding='utf-8').read()
reader.feed(text)
reader.close()
assert not reader.open, reader.open
assert len(set(reader.ids)) == len(reader.ids), 'an id is there twice'
assert set(reader.to) <= set(reader.ids), set(reader.to) - set(reader.ids)
assert reader.scripts == 1, reader.scripts
import base64, hashlib, re
for tag in 'style', 'script':
    body = re.search(f'<{tag}>(.*?)</{tag}>', text, re.S).group(1)
    digest = base64.urlsafe_b64encode(hashlib.sha256(body.encode()).digest()).decode()
    assert f\"'sha256-{digest}'\" in reader.policy, (tag, digest, reader.policy)
assert reader.policy.startswith(\"default-src 'none';\"), reader.policy
print(len(reader.ids))
";

#[test]
fn the_page_is_whole_reaches_nothing_and_takes_no_name_for_markup() {
    for report in [report(), hostile(), campaign()] {
        let lost = {
            let mut less = report.clone();
            less.cells.truncate(1);
            Diff::of_report(&Baseline::of(&report), &less)
        };
        for diff in [None, Some(&lost)] {
            let page = html::page(&report, diff);
            assert_eq!(page, html::page(&report, diff), "the same bytes");
            assert!(!page.contains("<img") && !page.contains("</script><"), "escaped");
            assert!(!page.contains("49|"), "a name is no template");
            assert!(
                python(HTML, &[&page]).is_none_or(|ids| ids.trim().parse::<u32>().unwrap() > 5)
            );
        }
    }
}

#[test]
fn every_counterexample_is_on_the_page_as_a_command() {
    let report = report();
    let page = html::page(&report, None);
    let found = report.cells.iter().flat_map(|cell| &cell.experiments);
    let found: Vec<_> = found.filter_map(|experiment| experiment.counterexample.as_ref()).collect();
    assert!(!found.is_empty());
    for counterexample in found {
        assert!(page.contains(&counterexample.token), "{}", counterexample.token);
    }
    // Each letter of a cell has one.
    for cell in &report.cells {
        let told =
            |e: &Experiment| e.counterexample.iter().flat_map(|c| c.broken.clone()).collect();
        let also = |e: &Experiment| e.also.iter().flat_map(|also| also.broken.clone()).collect();
        let sets = cell.experiments.iter().flat_map(|e| [told(e), also(e)]);
        let shown: Vec<Oracle> = sets.flat_map(|set: Vec<Oracle>| set).collect();
        assert!(cell.broken.iter().all(|oracle| shown.contains(oracle)), "{cell:?}");
    }
}

#[test]
fn every_finding_of_a_campaign_and_every_step_of_a_frontier_is_on_the_page_as_a_command() {
    let mut report = campaign();
    report.frontiers = surveys();
    let page = html::page(&report, None);
    let campaign = report.campaign.as_ref().unwrap();
    let found = campaign.findings.iter().map(|row| &row.token);
    let steps = report.frontiers.iter().flat_map(|survey| &survey.claims);
    let steps = steps.flat_map(|claim| &claim.maximal).flat_map(|maximal| &maximal.beyond);
    let tokens: Vec<_> = found.chain(steps.filter_map(|beyond| beyond.token.as_ref())).collect();
    assert!(campaign.findings.len() > 1 && tokens.len() > campaign.findings.len() + 1);
    for token in tokens {
        assert!(page.contains(token), "{token}");
    }
    // The curve goes on to the last block, also where nothing new was seen in it.
    let mut longer = report.clone();
    longer.campaign.as_mut().unwrap().blocks += 9;
    assert_ne!(html::page(&longer, None), page);
}

#[test]
fn the_summary_keeps_within_its_room_and_takes_no_name_for_markup() {
    let report = hostile();
    for room in [markdown::ROOM, 20_000, 4_000] {
        let text = markdown::text(&report, None, room);
        assert!(text.len() <= room, "{room}");
        assert!(!text.contains("<img"), "{text}");
        assert!(text.starts_with("## tornwrite compare\n"), "{text}");
    }
}

/// A campaign was killed while it removed the report before the last: `report.json` was gone, the folder was
/// not, and every later run refused it as somebody else's.
#[test]
fn a_report_that_was_being_removed_when_the_program_was_killed_is_in_nobodys_way() {
    let place = tempfile::tempdir().unwrap();
    let report = report();
    let write = || json::write(&report, Beside::default(), place.path());
    for _ in 0..3 {
        write().unwrap();
    }
    let half = place.path().join(".old-77");
    std::fs::create_dir(&half).unwrap();
    std::fs::write(half.join("junit.xml"), "").unwrap();
    write().unwrap();
    let entries = std::fs::read_dir(place.path()).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["latest", "previous"]);
    // What is nobody's report is left alone.
    let previous = place.path().join("previous");
    std::fs::remove_file(previous.join("report.json")).unwrap();
    assert!(write().is_err() && previous.join("junit.xml").exists());
}

#[test]
fn the_run_folder_holds_what_the_commands_draw() {
    let place = tempfile::tempdir().unwrap();
    let report = report();
    let latest = json::write(&report, Beside::default(), place.path()).unwrap();
    for (name, what) in
        [("report.html", "html"), ("junit.xml", "junit"), ("summary.md", "markdown")]
    {
        let ran = tornwrite(&["report", what, latest.to_str().unwrap()]);
        assert_eq!(ran.exit, 0, "{}", ran.err);
        assert!(ran.out == crate::cli_support::text(&latest.join(name)), "{name}");
    }
}
