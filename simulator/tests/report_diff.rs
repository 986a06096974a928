//! The ratchet: what counts as worse, and what the command line makes of it.
//!
//! The one idea: a small report is found once; each test changes one thing of it and looks at what the
//! diff says.

use std::path::Path;

use crate::cli_support::{Ran, golden, text, tornwrite, tornwrite_in, tornwrite_with};
use simulator::explore::Verdict;
use simulator::oracle::Oracle;
use simulator::report::baseline::Baseline;
use simulator::report::diff::{Diff, Kind, draw};
use simulator::report::model::Campaign;
use simulator::report::{Report, github, json, junit, markdown};

/// Two journals on two devices: proven and refuted.
fn report() -> Report {
    static TEXT: std::sync::OnceLock<String> = std::sync::OnceLock::new();
    let text = TEXT.get_or_init(|| {
        let place = tempfile::tempdir().unwrap();
        let out = place.path().to_str().unwrap();
        let ran = tornwrite(&[&QUESTION[..], &["--format", "json", "--out", out]].concat());
        assert_eq!(ran.exit, 0, "{}", ran.err);
        ran.out
    });
    json::parse(text).unwrap()
}

const QUESTION: [&str; 10] = [
    "compare",
    "--journal",
    "v8c",
    "v9-512",
    "--device",
    "hdd-512n",
    "lying-flush",
    "--entries",
    "4",
    "--bytes=48",
];

fn diff(change: impl FnOnce(&mut Report)) -> Diff {
    let old = Baseline::of(&report());
    let mut new = report();
    change(&mut new);
    Diff::of_report(&old, &new)
}

/// The kinds of what is worse, each once.
fn worse(diff: &Diff) -> Vec<Kind> {
    let mut kinds: Vec<Kind> = diff.worse.iter().map(|change| change.kind).collect();
    kinds.dedup();
    kinds
}

/// The experiment of a journal on a device under the first workload.
fn experiment<'r>(
    report: &'r mut Report,
    journal: &str,
    device: &str,
) -> &'r mut simulator::report::model::Experiment {
    let cell = report.cells.iter_mut().find(|c| c.journal == journal && c.device == device);
    &mut cell.unwrap().experiments[0]
}

#[test]
fn a_report_held_against_itself_holds_and_says_nothing() {
    let same = diff(|_| {});
    assert!(same.holds() && same.better.is_empty() && same.asked_otherwise.is_empty());
    assert_eq!(same.same, 2 * 2 * report().asked.workloads.len() as u64);
    // Whole or in brief makes no difference.
    let brief = Baseline::of(&report());
    assert_eq!(Baseline::parse(&brief.text()), Ok(brief.clone()));
    assert_eq!(Baseline::parse(&json::text(&report())), Ok(brief));
}

#[test]
fn each_way_of_getting_worse_is_named() {
    let to = |verdict: Verdict| {
        move |report: &mut Report| experiment(report, "v9-512", "hdd-512n").verdict = verdict
    };
    for (verdict, kind) in [
        (Verdict::Refuted, Kind::Worse),
        (Verdict::Bounded, Kind::Worse),
        (Verdict::Senseless, Kind::Worse),
        (Verdict::Nondeterministic, Kind::Worse),
        (Verdict::Hollow, Kind::Hollow),
        (Verdict::NotMeasured, Kind::Hollow),
    ] {
        assert_eq!(worse(&diff(to(verdict))), [kind], "{verdict:?}");
    }
    let modulo = diff(|r| experiment(r, "v9-512", "hdd-512n").modulo_collisions = true);
    assert_eq!(worse(&modulo), [Kind::Weaker]);
    // A refutation that is lost without a proof is no progress.
    for (verdict, kind) in [
        (Verdict::Bounded, Kind::Undecided),
        (Verdict::Senseless, Kind::Undecided),
        (Verdict::Hollow, Kind::Hollow),
        (Verdict::NotMeasured, Kind::Hollow),
    ] {
        let lost = diff(|r| experiment(r, "v8c", "hdd-512n").verdict = verdict);
        assert_eq!(worse(&lost), [kind], "{verdict:?}");
    }
    let another = diff(|report| {
        let found = experiment(report, "v8c", "hdd-512n").counterexample.as_mut().unwrap();
        found.broken.push(Oracle::Honesty);
    });
    assert_eq!(worse(&another), [Kind::NewViolation]);
    assert_eq!(another.worse[0].oracles, [Oracle::Honesty]);
    assert!(another.worse[0].token.as_ref().unwrap().starts_with("tw1-"));
    let excused = diff(|report| {
        for cell in report.cells.iter_mut().filter(|cell| cell.journal == "v9-512") {
            for tally in cell.experiments.iter_mut().flat_map(|e| &mut e.oracles) {
                if tally.oracle == Oracle::Integrity {
                    tally.excused = Some("because".to_owned());
                }
            }
        }
    });
    assert_eq!(worse(&excused), [Kind::NoLongerOwed]);
    let gone = diff(|report| report.cells.retain(|cell| cell.device != "lying-flush"));
    assert_eq!(worse(&gone), [Kind::Vanished]);
    assert_eq!(gone.worse.len(), 2 * report().asked.workloads.len());
}

#[test]
fn what_got_better_or_is_new_fails_nothing() {
    let mended = diff(|report| {
        let experiment = experiment(report, "v8c", "hdd-512n");
        experiment.verdict = Verdict::Proven;
        experiment.counterexample = None;
        experiment.oracles.iter_mut().for_each(|tally| tally.violations = 0);
    });
    assert!(mended.holds());
    assert_eq!(mended.better[0].kind, Kind::Better);
    let old = {
        let mut less = report();
        less.cells.retain(|cell| cell.journal == "v8c");
        Baseline::of(&less)
    };
    let more = Diff::of_report(&old, &report());
    assert!(more.holds());
    assert!(more.better.iter().all(|change| change.kind == Kind::Added));
    assert_eq!(more.better.len(), 2 * report().asked.workloads.len());
}

#[test]
fn a_question_that_changed_is_told_from_an_answer_that_did() {
    let asked = diff(|report| {
        report.devices[0].contract.damage_max += 1;
        report.asked.leaves_max = Some(3);
    });
    assert!(asked.holds());
    assert_eq!(asked.asked_otherwise, ["bound", "device hdd-512n"]);
}

/// A small campaign of one pair that finds something.
fn campaign(seed: &str, out: &Path, more: &[&str], ci: Option<&str>) -> Ran {
    let asked = ["torture", "--runs", "20", "--device", "hdd-512n", "--journal", "v8c", "v8pp"];
    let out = out.to_str().unwrap();
    tornwrite_in(&[&asked[..], &["--seed", seed, "--out", out], more].concat(), ci)
}

#[test]
fn a_campaign_is_held_to_what_was_found_and_silence_only_if_the_same_was_drawn() {
    let place = tempfile::tempdir().unwrap();
    let ran = campaign("1", &place.path().join("one"), &["--format", "json"], None);
    assert_eq!(ran.exit, 0, "{}", ran.err);
    let old = json::parse(&ran.out).unwrap();
    let changed = |change: &dyn Fn(&mut Campaign)| {
        let mut new = old.clone();
        change(new.campaign.as_mut().unwrap());
        Diff::of_report(&Baseline::of(&old), &new)
    };
    assert_eq!(changed(&|_| {}), Diff { same: 2, ..Diff::default() });
    let silent = |campaign: &mut Campaign| {
        for row in &mut campaign.rows {
            row.failing = 0;
            row.counterexample = None;
        }
    };
    assert_eq!(worse(&changed(&silent)), [Kind::Undecided]);
    let other_seed = changed(&|campaign| {
        campaign.seed = 2;
        silent(campaign);
    });
    assert!(other_seed.holds(), "{other_seed:?}");
    assert_eq!(other_seed.better[0].kind, Kind::NotMet);
    assert_eq!(other_seed.asked_otherwise, ["campaign"]);
    // What was never found is held against a campaign of any seed.
    let found = changed(&|campaign| {
        campaign.seed = 2;
        let [v8c, v8pp] = &mut campaign.rows[..] else { panic!("two pairs were asked for") };
        v8pp.failing = 1;
        v8pp.counterexample.clone_from(&v8c.counterexample);
    });
    assert_eq!(worse(&found), [Kind::Worse]);
    // And so on the command line.
    let file = place.path().join("baseline.json");
    let path = file.to_str().unwrap();
    let update = ["--baseline", path, "--update-baseline"];
    let two = place.path().join("two");
    assert_eq!(campaign("1", &two, &update, Some("true")).exit, 2);
    assert_eq!(campaign("1", &two, &update, None).exit, 0);
    let ran = campaign("1", &two, &["--baseline", path], Some("true"));
    assert_eq!(ran.exit, 0, "{}", ran.err);
    assert!(ran.out.contains("RATCHET holds"), "{}", ran.out);
    std::fs::write(&file, text(&file).replace("refuted", "bounded")).unwrap();
    assert_eq!(campaign("1", &two, &["--baseline", path], Some("true")).exit, 1);
}

#[test]
fn the_text_of_a_diff_names_what_got_worse() {
    let diff = diff(|report| {
        experiment(report, "v9-512", "hdd-512n").verdict = Verdict::Hollow;
        experiment(report, "v9-512", "lying-flush").verdict = Verdict::Bounded;
        report.cells.retain(|cell| (&cell.journal[..], &cell.device[..]) != ("v8c", "lying-flush"));
        report.devices[0].contract.damage_max += 1;
    });
    golden("diff", &draw(&diff, "baseline.json", 80));
    golden("diff-github", &github::of_diff(&diff));
}

#[test]
fn against_a_baseline_only_what_got_worse_fails_as_a_test() {
    let report = report();
    let known = junit::text(&report, Some(&Diff::of_report(&Baseline::of(&report), &report)));
    assert!(known.contains("failures=\"0\"") && known.contains("known: breaks"), "{known}");
    let alone = junit::text(&report, None);
    assert!(alone.contains("<failure type=\"refuted\" message=\"breaks "), "{alone}");
    let lost = diff(|report| report.cells.retain(|cell| cell.journal == "v9-512"));
    let text = junit::text(&report, Some(&lost));
    assert!(text.contains("<testsuite name=\"vanished\""), "{text}");
    let summary = markdown::text(&report, Some(&lost), markdown::ROOM);
    assert!(summary.contains("The ratchet is broken"), "{summary}");
}

fn held(folder: &Path, more: &[&str], ci: Option<&str>) -> Ran {
    let out = folder.join("out");
    let arguments = [&QUESTION[..], &["--out", out.to_str().unwrap()], more].concat();
    tornwrite_in(&arguments, ci)
}

#[test]
fn a_baseline_is_written_on_request_held_to_and_never_moved_in_ci() {
    let place = tempfile::tempdir().unwrap();
    let file = place.path().join("baseline.json");
    let path = file.to_str().unwrap();
    let ran = held(place.path(), &["--baseline", path], None);
    assert_eq!(ran.exit, 74, "there is none yet: {}", ran.err);
    assert!(!place.path().join("out").exists(), "nothing ran");
    let ran = held(place.path(), &["--baseline", path, "--update-baseline"], Some("true"));
    assert_eq!((ran.exit, file.exists()), (2, false), "{}", ran.err);
    assert!(ran.err.contains("CI is set"), "{}", ran.err);
    let ran = held(place.path(), &["--baseline", path, "--update-baseline"], None);
    assert_eq!(ran.exit, 0, "{}", ran.err);
    let written = text(&file);
    assert_eq!(Baseline::parse(&written), Ok(Baseline::of(&report())));
    let ran = held(place.path(), &["--baseline", path], Some("true"));
    assert_eq!(ran.exit, 0, "{}", ran.err);
    assert!(ran.out.contains("RATCHET holds"), "{}", ran.out);
    // A baseline that asks for more than there is.
    std::fs::write(&file, written.replace("refuted", "proven")).unwrap();
    let ran = held(place.path(), &["--baseline", path, "--github"], Some("true"));
    assert_eq!(ran.exit, 1, "{}", ran.err);
    assert!(ran.out.contains("RATCHET BROKEN"), "{}", ran.out);
    assert!(ran.out.contains("::error title=worse%3A v8c x hdd-512n::proven"), "{}", ran.out);
    for wrong in ["{", "{\"baseline_version\": 99}", "{}", "{\"baseline_version\": \"x\"}"] {
        std::fs::write(&file, wrong).unwrap();
        let ran = held(place.path(), &["--baseline", path], None);
        assert_eq!(ran.exit, 65, "{wrong}: {}", ran.err);
    }
}

#[test]
fn reports_that_are_there_are_compared_and_drawn_without_running_anything() {
    let place = tempfile::tempdir().unwrap();
    let file = |name: &str| place.path().join(name).to_str().unwrap().to_owned();
    let (old, new, brief) = (file("old.json"), file("new.json"), file("brief.json"));
    std::fs::write(&old, json::text(&report())).unwrap();
    let mut worse = report();
    worse.cells.retain(|cell| cell.journal == "v9-512");
    std::fs::write(&new, json::text(&worse)).unwrap();
    assert_eq!(tornwrite(&["report", "diff", &old, &old]).exit, 0);
    let ran = tornwrite(&["report", "diff", &old, &new]);
    assert_eq!(ran.exit, 1, "{}", ran.err);
    assert!(ran.out.contains("vanished"), "{}", ran.out);
    let ran = tornwrite(&["report", "diff", &old, &new, "--format", "json"]);
    let said: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(said["worse"][0]["kind"], "vanished");
    // From a pipe it is read once, and its tokens are told as they are of a file.
    let mut proven = report();
    for experiment in proven.cells.iter_mut().flat_map(|cell| &mut cell.experiments) {
        (experiment.verdict, experiment.counterexample) = (Verdict::Proven, None);
        experiment.oracles.iter_mut().for_each(|tally| tally.violations = 0);
    }
    std::fs::write(&brief, json::text(&proven)).unwrap();
    let piped = tornwrite_with(&["report", "diff", &brief, "-"], &text(Path::new(&old)));
    assert_eq!(piped.exit, 1, "{}", piped.err);
    assert!(piped.out.contains("tw1-"), "{}", piped.out);
    assert_eq!(piped.out, tornwrite(&["report", "diff", &brief, &old]).out);
    std::fs::remove_file(&brief).unwrap();
    let update = ["report", "diff", &brief, &new, "--update-baseline"];
    assert_eq!(tornwrite_in(&update, Some("1")).exit, 2);
    assert_eq!(tornwrite_in(&update, None).exit, 0);
    assert_eq!(tornwrite(&["report", "diff", &brief, &new]).exit, 0);
    assert_eq!(tornwrite(&["report", "diff", &new, &brief]).exit, 0);
    for (what, begins) in [("junit", "<?xml"), ("markdown", "## tornwrite"), ("html", "<!doctype")]
    {
        let ran = tornwrite(&["report", what, &old]);
        assert_eq!(ran.exit, 0, "{}", ran.err);
        assert!(ran.out.starts_with(begins), "{what}");
        let out = file("drawn");
        let ran_to = tornwrite(&["report", what, &old, "--baseline", &brief, "--out", &out]);
        assert_eq!(ran_to.exit, 0, "{}", ran_to.err);
        assert!(text(Path::new(&out)).starts_with(begins), "{what}");
    }
}
