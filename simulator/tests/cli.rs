//! The command line from outside: exit codes, bytes, widths, and what becomes of bad input.
//!
//! The one idea: the program is run as a person or a script would run it; nothing is asked of the
//! library but to build cases.
//!
//! Golden texts lie in `cli_golden/`. To rewrite them: `TORNWRITE_BLESS=1 cargo test --test program cli`.

use crate::cli_support::{Ran, case, fixture, golden, text, tornwrite};
use simulator::report::json;

const SMALL: [&str; 7] =
    ["compare", "--journal", "v8c", "v9-512", "--device", "hdd-512n", "consumer-nvme-no-plp"];

fn small(out: &std::path::Path, more: &[&str]) -> Ran {
    let mut arguments = SMALL.to_vec();
    let out = out.to_str().unwrap();
    arguments.extend(["--entries", "2", "--out", out]);
    arguments.extend(more);
    tornwrite(&arguments)
}

#[test]
fn a_report_is_the_same_bytes_on_one_and_on_two_threads_and_twice() {
    let runs: Vec<_> = ["1", "2", "2"]
        .map(|jobs| {
            let out = tempfile::tempdir().unwrap();
            let ran = small(out.path(), &["-j", jobs, "--format", "json"]);
            assert_eq!(ran.exit, 0, "{}", ran.err);
            let file = std::fs::read_to_string(out.path().join("latest/report.json")).unwrap();
            assert_eq!(file, ran.out, "stdout and file say the same");
            file
        })
        .into();
    assert_eq!(runs[0], runs[1]);
    assert_eq!(runs[1], runs[2]);
    let report = json::parse(&runs[0]).unwrap();
    assert_eq!(json::text(&report), runs[0], "the report can be read and written again");
    assert_eq!(report.cells.len(), 4);
    assert!(report.first_counterexample().is_some(), "v8c on hdd-512n loses what it rewrote");
}

#[test]
fn a_counterexample_replays_to_the_same_verdict_and_bytes_however_it_is_given() {
    let out = tempfile::tempdir().unwrap();
    small(out.path(), &[]);
    let latest = out.path().join("latest");
    let report = json::parse(&text(&latest.join("report.json"))).unwrap();
    let (cell, experiment, found) = report.first_counterexample().unwrap();
    let file = latest.join(json::case_file(&cell.journal, &cell.device, &experiment.workload));
    let file = file.to_str().unwrap();
    let first = tornwrite(&["replay", file, "--format", "json"]);
    assert_eq!(first.exit, 1, "{}", first.err);
    assert!(first.out.contains("\"durability\""), "{}", first.out);
    for again in
        [&["replay", file, "--format", "json"][..], &["replay", &found.token, "--format", "json"]]
    {
        assert_eq!(tornwrite(again), first);
    }
    let piped = crate::cli_support::tornwrite_with(
        &["replay", "-", "--format", "json"],
        &text(file.as_ref()),
    );
    assert_eq!(piped, first);
    let all = tornwrite(&["replay", latest.to_str().unwrap()]);
    assert_eq!(all.exit, 1, "{}", all.err);
    assert!(!all.out.contains("CHANGED"), "{}", all.out);
}

#[test]
fn the_text_fits_80_and_100_columns_and_has_no_colour_in_a_pipe() {
    let out = tempfile::tempdir().unwrap();
    let place = out.path().to_str().unwrap().to_owned();
    for width in ["80", "100"] {
        let commands: [&[&str]; 6] = [
            &["compare", "--entries", "2", "--max-leaves", "300", "--out", &place],
            &["list", "journals"],
            &["list", "devices"],
            &["list", "oracles"],
            &["list", "faults"],
            &["explain", "durability"],
        ];
        for command in commands {
            let ran = tornwrite(&[command, &["--width", width]].concat());
            assert_eq!(ran.exit, 0, "{command:?}: {}", ran.err);
            assert!(!ran.out.contains('\u{1b}'), "{command:?}");
            // Commands to copy are one word however long.
            let copied = |line: &str| line.contains(&place);
            for line in ran.out.lines().filter(|line| !copied(line)) {
                let columns = line.chars().count();
                assert!(columns <= width.parse().unwrap(), "{command:?} {columns}: {line}");
            }
        }
    }
}

#[test]
fn the_picture_of_a_failure_is_the_golden_one() {
    golden("picture", &tornwrite(&["explain", &case("v8c", "hdd-512n").token()]).out);
    golden("straddle", &tornwrite(&["explain", &case("v8", "consumer-nvme-no-plp").token()]).out);
    golden("list-oracles", &tornwrite(&["list", "oracles"]).out);
}

#[test]
fn a_refuted_journal_is_a_result_and_an_exit_code_only_where_it_was_asked_about() {
    let out = tempfile::tempdir().unwrap();
    let out = out.path();
    assert_eq!(small(out, &[]).exit, 0);
    assert_eq!(small(out, &["--strict"]).exit, 1);
    let place = out.to_str().unwrap();
    let one = |more: &[&str]| {
        let head = ["compare", "--entries", "2", "--out", place, "--journal"];
        tornwrite(&[&head[..], more].concat())
    };
    assert_eq!(one(&["v8c", "--device", "hdd-512n"]).exit, 1);
    let proven = one(&["v9-512", "--device", "hdd-512n"]);
    assert_eq!(proven.exit, 0);
    assert!(proven.out.contains("PROVEN"), "{}", proven.out);
    let bounded = one(&["v9-512", "--device", "hdd-512n", "--max-leaves", "1"]);
    assert_eq!(bounded.exit, 3, "{}", bounded.out);
    assert!(bounded.out.contains("bounded"), "{}", bounded.out);
}

#[test]
fn the_report_before_is_kept_and_a_strangers_folder_is_not_removed() {
    let out = tempfile::tempdir().unwrap();
    small(out.path(), &[]);
    let first = text(&out.path().join("latest/report.json"));
    small(out.path(), &["--max-leaves", "7"]);
    assert_eq!(text(&out.path().join("previous/report.json")), first);
    assert_ne!(text(&out.path().join("latest/report.json")), first);
    let strange = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(strange.path().join("previous")).unwrap();
    std::fs::write(strange.path().join("previous/letters.txt"), "dear").unwrap();
    let refused = small(strange.path(), &[]);
    assert_eq!(refused.exit, 65);
    assert!(refused.err.contains("expected a former report"), "{}", refused.err);
    assert!(strange.path().join("previous/letters.txt").is_file());
    assert!(!strange.path().join("latest").exists());
    let names: Vec<_> = std::fs::read_dir(strange.path()).unwrap().collect();
    assert_eq!(names.len(), 1, "nothing half-written stays");
}

#[test]
fn a_folder_that_cannot_be_written_is_told_before_anything_is_searched() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let ran = small(file.path(), &[]);
    assert_eq!(ran.exit, 74, "{}", ran.err);
    assert!(ran.err.contains("choose another: --out"), "{}", ran.err);
    assert_eq!(ran.out, "");
}

#[test]
fn inspect_tells_the_bytes_of_real_files_and_where_a_reader_stops() {
    let wal = fixture("sqlite-wal-restarted.wal");
    let ran = tornwrite(&["inspect", &wal, "--journal", "sqlite-wal", "--raw"]);
    assert_eq!(ran.exit, 0, "{}", ran.err);
    assert!(ran.out.contains("magic = 0x377f0682"), "{}", ran.out);
    assert!(ran.out.contains("<- a reader stops here"), "{}", ran.out);
    let log = fixture("leveldb-seven.log");
    let ran = tornwrite(&["inspect", &log, "--journal", "leveldb", "--raw", "--format", "json"]);
    let told: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    let stop = told["stops_at"].as_u64().unwrap() as usize;
    assert_eq!(told["fields"][stop]["name"], "preallocated");
    // Any bytes are told, whatever they are taken for.
    for journal in ["v8", "v8pp", "v9-512", "v9-4096", "leveldb", "sqlite-wal"] {
        let ran = tornwrite(&["inspect", &wal, "--journal", journal]);
        assert_eq!(ran.exit, 0, "{journal}: {}", ran.err);
    }
}
