//! Bad input and bad luck on the command line: each has an exit code and a sentence.

use crate::cli_support::{case, fixture, tornwrite, tornwrite_with};
use simulator::case::Case;
use simulator::choose::{Decision, Label, What};
use simulator::workload::Op;

fn replayed(text: &str) -> (i32, String) {
    let ran = tornwrite_with(&["replay", "-"], text);
    assert_eq!(ran.out, "", "trouble goes to stderr");
    (ran.exit, ran.err)
}

#[test]
fn what_is_no_case_is_bad_data_and_says_where() {
    let token = case("v8c", "hdd-512n").token();
    for (text, says) in [
        ("", "not a case"),
        ("{\"version\": 1}", "missing field"),
        ("{\"version\": 1, \"journal\":", "line 1"),
        ("[1, 2", "not a case"),
        ("tw1-", "cut short"),
        ("tw1-AAAA!", "cut short or altered"),
        (&token[..token.len() - 6], "copied whole"),
        ("{\"schema_version\": 99}", "expected schema_version 1, found 99"),
    ] {
        let (exit, said) = replayed(text);
        assert_eq!(exit, 65, "{text}: {said}");
        assert!(said.contains(says), "{text}: {said}");
    }
    let ran = tornwrite(&["replay", &fixture("sqlite-wal-512.wal")]);
    assert_eq!(ran.exit, 65, "{}", ran.err);
    assert!(ran.err.contains("expected text"), "{}", ran.err);
}

#[test]
fn a_case_that_this_program_cannot_replay_says_why() {
    let good = case("v8c", "hdd-512n");
    let unknown = Case { journal: "v77".to_owned(), ..good.clone() };
    let newer = Case { version: 99, ..good.clone() };
    let impossible =
        Decision { what: What::Sector { cut: 1, lba: 0, whole: 1 }, is: Label::Write(9999) };
    let impossible = Case { decisions: vec![impossible], ..good.clone() };
    for (case, says) in [(unknown, "v77"), (newer, "version 99"), (impossible, "does not replay")] {
        let (exit, said) = replayed(&case.json());
        assert_eq!(exit, 4, "{said}");
        assert!(said.contains(says), "{said}");
    }
    let mut senseless = good.clone();
    senseless.contract.logical_bytes = 500;
    assert_eq!(replayed(&senseless.json()).0, 65);
    let mut large = good.clone();
    large.workload.lives[0].ops[2] = Op::Append(70_000);
    let (exit, said) = replayed(&large.json());
    assert_eq!(exit, 65);
    assert!(said.contains("operation 2 of the workload"), "{said}");
    assert!(said.contains("found 70000"), "{said}");
    let huge = Case { device_bytes: u64::MAX, ..good };
    let (exit, said) = replayed(&huge.json());
    assert_eq!(exit, 65);
    assert!(said.contains("device_bytes"), "{said}");
}

#[test]
fn a_wrong_name_is_a_usage_error_with_the_nearest_right_one() {
    for (arguments, says) in [
        (&["compare", "--journal", "v8d"][..], "v8c"),
        (&["compare", "--device", "hdd-512"], "hdd-512n"),
        (&["compare", "--entries", "0"], "1..=64"),
        (&["torture", "--budget", "soon"], "such as 30s"),
        (&["compar"], "compare"),
        (&["selftest", "no such case"], "no case is named"),
    ] {
        let ran = tornwrite(arguments);
        assert_eq!(ran.exit, 2, "{arguments:?}: {}", ran.err);
        assert!(ran.err.contains(says), "{arguments:?}: {}", ran.err);
    }
}

#[test]
fn a_file_that_is_not_there_is_an_io_error() {
    let ran = tornwrite(&["replay", "no-such-file.json"]);
    assert_eq!(ran.exit, 74, "{}", ran.err);
    assert!(ran.err.contains("a token (tw1-... or tw2-...)"), "{}", ran.err);
    assert_eq!(tornwrite(&["inspect", "no-such-file", "--journal", "v8"]).exit, 74);
}

#[test]
fn payloads_come_from_a_real_image_and_what_gives_none_is_told() {
    let out = tempfile::tempdir().unwrap();
    let place = out.path().to_str().unwrap();
    let from = |file: &str, more: &[&str]| {
        let head = ["compare", "--journal", "v8p", "--device", "hdd-512n", "--out", place];
        tornwrite(&[&head[..], &["--payload-from", file, "--format", "json"], more].concat())
    };
    let image = fixture("qcow2-small.qcow2");
    let ran = from(&image, &["--entries", "2"]);
    assert_eq!(ran.exit, 0, "{}", ran.err);
    // SHA-256 of the image's first 64 KiB, then offset 0 and index 0.
    let first = "11d0eab6";
    assert!(ran.out.contains(&format!("\"{first}")), "the first payload begins with {first}");
    assert!(!ran.out.contains("qcow2-small"), "no path of the machine in a report");
    let few = from(&image, &["--entries", "9"]);
    assert_eq!(few.exit, 0, "{}", few.err);
    assert!(few.err.contains("4 clusters that differ, 18 wanted: 2 entries"), "{}", few.err);

    let file = |name: &str| out.path().join(name);
    std::fs::write(file("empty"), "").unwrap();
    let sparse = std::fs::File::create(file("sparse")).unwrap();
    sparse.set_len(64 << 20).unwrap();
    for (name, exit, says) in [
        ("empty", 65, "empty file"),
        ("sparse", 65, "at least 2 clusters of 64 KiB that differ"),
        ("missing", 74, "cannot read payloads"),
        (".", 74, "directory"),
    ] {
        let ran = from(file(name).to_str().unwrap(), &[]);
        assert_eq!(ran.exit, exit, "{name}: {}", ran.err);
        assert!(ran.err.contains(says), "{name}: {}", ran.err);
    }
    let once = from(file("sparse").to_str().unwrap(), &["--lives", "1"]);
    assert_eq!(once.exit, 0, "one life needs one entry: {}", once.err);
}

#[test]
fn torture_streams_a_real_image_and_what_gives_no_payloads_is_told() {
    let out = tempfile::tempdir().unwrap();
    let place = out.path().to_str().unwrap();
    let from = |file: &str, more: &[&str]| {
        let head = ["torture", "--journal", "v8c", "--device", "hdd-512n", "--runs", "64"];
        let tail = ["--out", place, "--payload-from", file];
        tornwrite(&[&head[..], &tail, more].concat())
    };
    let image = fixture("qcow2-small.qcow2");
    let ran = from(&image, &["--format", "json", "-j", "1"]);
    assert_eq!(ran.exit, 1, "one journal was asked about, and it fails: {}", ran.err);
    assert_eq!(ran, from(&image, &["--format", "json", "-j", "3"]));
    assert!(!ran.out.contains("qcow2-small"), "no path of the machine in a report");
    let campaign = simulator::report::json::parse(&ran.out).unwrap().campaign.unwrap();
    assert!(campaign.payloads_from_file);
    let found = campaign.rows[0].counterexample.as_ref().unwrap();
    assert_eq!(tornwrite(&["replay", &found.token]).exit, 1, "without the file");
    // The one that is shown needs no such bytes any more; the one that was found carries them.
    let origin = &found.shrunk.as_ref().unwrap().from;
    assert!(Case::parse(origin).unwrap().json().contains("\"11d0eab6"), "it carries its payloads");
    assert_eq!(tornwrite(&["replay", origin]).exit, 1, "without the file");
    let said = from(&image, &[]).out;
    assert!(said.contains("--seed 1 --runs 64 --journal v8c --device hdd-512n --payload-from the\n         same file"), "{said}");

    let file = |name: &str| out.path().join(name);
    std::fs::write(file("empty"), "").unwrap();
    let sparse = std::fs::File::create(file("sparse")).unwrap();
    sparse.set_len(64 << 20).unwrap();
    for (name, exit, says) in [
        ("empty", 65, "empty file"),
        ("sparse", 65, "at least 4 clusters of 64 KiB that differ"),
        ("missing", 74, "cannot read payloads"),
        (".", 74, "directory"),
    ] {
        let ran = from(file(name).to_str().unwrap(), &[]);
        assert_eq!(ran.exit, exit, "{name}: {}", ran.err);
        assert!(ran.err.contains(says), "{name}: {}", ran.err);
    }
}

#[test]
fn a_reader_that_goes_away_is_no_panic() {
    use std::process::{Command, Stdio};
    let mut child = Command::new(env!("CARGO_BIN_EXE_tornwrite"))
        .args(["list", "devices", "--format", "json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let ended = child.wait_with_output().unwrap();
    assert_eq!(ended.status.code(), Some(0));
    assert_eq!(String::from_utf8(ended.stderr).unwrap(), "");
}

#[test]
fn a_full_disk_below_stdout_is_an_io_error() {
    let Ok(full) = std::fs::OpenOptions::new().write(true).open("/dev/full") else { return };
    let status = std::process::Command::new(env!("CARGO_BIN_EXE_tornwrite"))
        .args(["list", "devices"])
        .stdout(full)
        .stderr(std::process::Stdio::null())
        .status()
        .unwrap();
    assert_eq!(status.code(), Some(74));
}

#[test]
fn torture_says_how_to_have_it_again_and_is_the_same_on_any_number_of_threads() {
    let out = tempfile::tempdir().unwrap();
    let place = out.path().to_str().unwrap();
    let run = |jobs: &str| {
        let head = ["torture", "--runs", "128", "--seed", "7", "--out", place, "-j", jobs];
        let what = ["--journal", "v9-512", "v8c", "--device", "hdd-512n", "--format", "json"];
        tornwrite(&[&head[..], &what].concat())
    };
    let one = run("1");
    assert_eq!(one.exit, 0, "{}", one.err);
    assert!(one.err.contains("seed 7"), "{}", one.err);
    assert_eq!(one, run("2"));
    let report = simulator::report::json::parse(&one.out).unwrap();
    let campaign = report.campaign.unwrap();
    assert_eq!((campaign.seed, campaign.runs), (7, 128));
    let found = campaign.rows.iter().find_map(|row| row.counterexample.as_ref()).unwrap();
    assert_eq!(tornwrite(&["replay", &found.token]).exit, 1);
}

#[cfg(unix)]
#[test]
fn an_interrupt_leaves_a_partial_report_and_its_exit_code() {
    use std::io::{BufRead, BufReader};
    use std::process::{Command, Stdio};
    let out = tempfile::tempdir().unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_tornwrite"))
        .args(["torture", "--budget", "1h", "--journal", "v9-512", "--device", "ideal", "--out"])
        .arg(out.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // The first line is written when the program already listens for interrupts.
    let mut line = String::new();
    BufReader::new(child.stderr.take().unwrap()).read_line(&mut line).unwrap();
    assert!(line.contains("seed"), "{line}");
    let sent = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(sent.success());
    let ended = child.wait_with_output().unwrap();
    assert_eq!(ended.status.code(), Some(130));
    let text = std::fs::read_to_string(out.path().join("latest/report.json")).unwrap();
    assert!(simulator::report::json::parse(&text).unwrap().partial);
}

#[test]
fn shrink_writes_a_smaller_case_that_replays_and_says_where_it_came_from() {
    let out = tempfile::tempdir().unwrap();
    let file = out.path().join("small.json");
    let case = case("v8c", "hdd-512n");
    let shrink = ["shrink", &case.token(), "--out", file.to_str().unwrap()];
    let ran = tornwrite(&shrink);
    assert_eq!(ran.exit, 1, "{}", ran.err);
    assert!(ran.out.contains("shrunk   entries 4 -> 2"), "{}", ran.out);
    assert_eq!(ran, tornwrite(&shrink), "the same bytes");
    assert_eq!(tornwrite(&["replay", file.to_str().unwrap()]).exit, 1);
    let json = tornwrite(&["shrink", file.to_str().unwrap(), "--format", "json"]);
    let facts: serde_json::Value = serde_json::from_str(&json.out).unwrap();
    assert_eq!(facts["shrunk_from"], facts["token"], "it was as small as it gets");
    assert_eq!(facts["oracle"], "durability");
    let other = tornwrite(&["shrink", &case.token(), "--oracle", "afterlife"]);
    assert_eq!(other.exit, 2, "{}", other.out);
    let holds = Case { decisions: Vec::new(), ..case };
    assert_eq!(tornwrite(&["shrink", &holds.token()]).exit, 0);
    assert_eq!(tornwrite(&["shrink", "tw1-nonsense"]).exit, 65);
}

#[test]
fn what_torture_and_compare_show_is_shrunk_and_names_the_case_that_was_found() {
    let out = tempfile::tempdir().unwrap();
    let place = out.path().to_str().unwrap();
    let commands: [&[&str]; 2] = [
        &["torture", "--journal", "v9-512", "--device", "hdd-512e", "--runs", "64"],
        &["compare", "--journal", "v8c", "--device", "hdd-512n"],
    ];
    for command in commands {
        let ran = tornwrite(&[command, &["--out", place, "--format", "json"]].concat());
        assert_eq!(ran.exit, 1, "{}", ran.err);
        let report = simulator::report::json::parse(&ran.out).unwrap();
        let cells = report.cells.iter().flat_map(|cell| &cell.experiments);
        let cells = cells.filter_map(|experiment| experiment.counterexample.as_ref());
        let rows = report.campaign.iter().flat_map(|campaign| &campaign.rows);
        let all = cells.chain(rows.filter_map(|row| row.counterexample.as_ref()));
        let mut count = 0;
        for found in all {
            count += 1;
            let origin = found.shrunk.as_ref().expect("there was something to shrink");
            assert!(origin.after < origin.before);
            let from = Case::parse(&origin.from).unwrap().run(None).unwrap().broken();
            assert!(found.broken.iter().all(|&oracle| from.contains(oracle)));
        }
        assert!(count > 0, "{command:?}");
        let again = tornwrite(&["replay", &format!("{place}/latest")]);
        assert!(!again.out.contains("CHANGED"), "{}", again.out);
    }
}

#[test]
fn what_says_nothing_does_not_end_as_if_it_said_something() {
    let place = tempfile::tempdir().unwrap();
    let out = |name: &str| place.path().join(name).to_str().unwrap().to_owned();
    // A journal that does not fit, tortured.
    let (tortured, compared) = (out("tortured"), out("compared"));
    let misfit = ["--journal", "v9-512", "--device", "enterprise-nvme-plp"];
    let ran = tornwrite(&[&["torture", "--runs", "300", "--out", &tortured][..], &misfit].concat());
    assert_eq!(ran.exit, 3, "{}", ran.err);
    assert!(ran.out.contains("nothing was tried"), "{}", ran.out);
    let ran = tornwrite(&[&["compare", "--out", &compared][..], &misfit].concat());
    assert_eq!(ran.exit, 3, "{}", ran.err);
    assert!(ran.out.contains("a divisor of the block's: want 512, got 4096"), "{}", ran.out);
    // A campaign is neither better nor worse than a comparison. The folder above a report stands for it.
    let ran = tornwrite(&["report", "diff", &tortured, &compared]);
    assert_eq!(ran.exit, 65, "{}", ran.err);
    assert!(ran.err.contains("cannot be compared"), "{}", ran.err);
    // A strategy has a frontier as well as a name has.
    let strategy = "block-512/block:crc32c/fresh/salt+clear/flush";
    let ran = tornwrite(&["frontier", "--journal", strategy, "--leaves-max", "50"]);
    assert!([0, 3].contains(&ran.exit), "{}", ran.err);
    assert!(ran.out.contains(strategy), "{}", ran.out);
    // What has a form of its own is no JSON.
    for what in ["html", "junit", "markdown"] {
        assert_eq!(tornwrite(&["report", what, &compared, "--format", "json"]).exit, 2, "{what}");
    }
}
