//! `prove`, shards and `report merge` from outside.

use crate::cli_support::{Ran, text, tornwrite};
use simulator::explore::Verdict;
use simulator::oracle::Oracle;
use simulator::report::{Report, json};

fn prove(journal: &str, device: &str, more: &[&str]) -> Ran {
    let head = ["prove", "--journal", journal, "--device", device];
    tornwrite(&[&head[..], more].concat())
}

fn parsed(ran: &Ran) -> Report {
    json::parse(&ran.out).unwrap_or_else(|said| panic!("{said}: {}", ran.err))
}

#[test]
fn a_proof_counts_its_crash_states_and_says_what_it_does_not_say() {
    let ran = prove("v9-512", "hdd-512n", &["--width", "400"]);
    assert_eq!(ran.exit, 0, "{}", ran.err);
    for says in [
        "PROVEN  v9-512 x hdd-512n",
        "4 entries in each life, 2 power cuts\n",
        "  states   ",
        "  leaves   ",
        "decision histories at cut 2",
        "durability evaluated",
        "  bound ",
        "  contract ",
        "  trace ",
        "  representatives ",
    ] {
        assert!(ran.out.contains(says), "{says}: {}", ran.out);
    }
    let ran = prove("v9-512", "hdd-512n", &["--format", "json"]);
    let report = parsed(&ran);
    assert_eq!(json::text(&report), ran.out);
    let experiment = &report.cells[0].experiments[0];
    assert_eq!(experiment.images.len(), 2);
    assert!(experiment.images.iter().all(|row| row.all == row.covered), "{experiment:?}");
}

#[test]
fn a_long_name_leaves_the_whole_width_to_what_is_told_of_it() {
    let name = "block-512/block:crc32c/fresh/salt+clear/flush";
    let ran = prove(name, "consumer-nvme-no-plp", &["--width", "80"]);
    let proven =
        format!("PROVEN  {name} x consumer-nvme-no-plp\n  4 entries in each life, 2 power cuts\n");
    assert!(ran.out.contains(&proven), "{}", ran.out);
    let lines = ran.out.lines().map(|line| line.chars().count());
    assert!(lines.max() <= Some(80), "{}", ran.out);
    assert!(ran.out.lines().count() < 35, "{}", ran.out);
}

#[test]
fn the_exit_code_of_a_proof_is_its_verdict() {
    let refuted = prove("v8c", "hdd-512n", &[]);
    assert_eq!(refuted.exit, 1, "{}", refuted.err);
    assert!(refuted.out.contains("FAIL durability"), "{}", refuted.out);
    assert!(refuted.out.contains("tornwrite replay tw1-"), "{}", refuted.out);
    assert_eq!(prove("v9-512", "enterprise-nvme-plp", &[]).exit, 3, "it does not fit");
    assert_eq!(prove("v9-512", "hdd-512n", &["--entries", "0"]).exit, 2);
    assert_eq!(prove("v9-512", "hdd", &[]).exit, 2);
}

#[test]
fn what_the_bound_ended_tells_its_share_and_what_was_drawn_and_is_no_proof() {
    // One device that leaves its cuts open, and one that is asked for each crash point in turn.
    for device in ["consumer-nvme-no-plp", "hdd-512n"] {
        let more = ["--leaves-max", "50", "--sample", "300", "--width", "120"];
        let ran = prove("v9-4096", device, &more);
        assert_eq!(ran.exit, 3, "{}", ran.err);
        assert!(ran.out.contains("BOUNDED"), "{}", ran.out);
        assert!(
            ran.out.contains("0 of 300 crash states of the first cut")
                && ran.out.contains("at most 1.2644 % of all"),
            "{}",
            ran.out
        );
        assert!(!ran.out.contains("PROVEN"), "{}", ran.out);
        let report =
            parsed(&prove("v9-4096", device, &[&more[..], &["--format", "json"]].concat()));
        let first = &report.cells[0].experiments[0].images[0];
        // The whole does not depend on how far the search came.
        let later = ["--leaves-max", "900", "--sample", "0", "--format", "json"];
        let later = parsed(&prove("v9-4096", device, &later));
        let later = &later.cells[0].experiments[0].images[0];
        assert_eq!(first.all, later.all, "{device}");
        assert_ne!(first.covered, first.all, "{device}");
        let number = |digits: &str| digits.parse::<u128>().unwrap();
        assert!(number(&first.covered) <= number(&later.covered), "{device}");
    }
}

#[test]
fn probabilities_are_the_users_own_or_there_are_none() {
    let folder = std::env::temp_dir().join(format!("tornwrite-chances-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join("chances.toml");
    let with = |text: &str, device: &str, lives: &str| {
        std::fs::write(&file, text).unwrap();
        let path = file.to_str().unwrap();
        let more = ["--lives", lives, "--probabilities", path, "--format", "json"];
        prove("v8r", device, &[&more[..], &["--payload", "240"]].concat())
    };
    let given = "cut = \"uniform-over-calls\"\npersist = \"2/3\"\n";
    let found = with(given, "consumer-nvme-no-plp", "1");
    let row = parsed(&found).cells[0].experiments[0].probabilities.clone().unwrap();
    assert_eq!((row.cut.as_str(), row.persist.as_str()), ("uniform-over-calls", "2/3"));
    let integrity = row.oracles.iter().find(|row| row.oracle == Oracle::Integrity).unwrap();
    assert!(!integrity.probability.starts_with("0/"), "{}", integrity.probability);
    let none = parsed(&prove("v8r", "consumer-nvme-no-plp", &["--format", "json"]));
    assert_eq!(none.cells[0].experiments[0].probabilities, None, "never a default");
    let damaged = with(given, "hdd-512n", "1");
    assert_eq!(damaged.exit, 2);
    assert!(damaged.err.contains("damages sectors"), "{}", damaged.err);
    assert_eq!(with(given, "consumer-nvme-no-plp", "2").exit, 2);
    let unknown = with(&format!("{given}flips = \"1/9\"\n"), "consumer-nvme-no-plp", "1");
    assert_eq!(unknown.exit, 65);
    assert!(unknown.err.contains("line 3, column 1"), "{}", unknown.err);
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn a_proof_states_its_depth_and_a_refutation_the_exact_number_of_failing_crash_states() {
    let proven = prove("v9-512", "consumer-nvme-no-plp", &[]);
    assert!(proven.out.contains("2 power cuts in a row"), "{}", proven.out);
    let once = prove("v9-512", "consumer-nvme-no-plp", &["--lives", "1"]);
    assert!(once.out.contains("the power stays on during recovery"), "{}", once.out);
    let refuted = prove("v8c", "hdd-512n", &["--lives", "1", "--width", "200"]);
    assert!(
        refuted.out.contains("crash states of the first cut at their recovery"),
        "{}",
        refuted.out
    );
    let row = parsed(&prove("v8c", "hdd-512n", &["--lives", "1", "--format", "json"]));
    let experiment = &row.cells[0].experiments[0];
    assert_eq!((experiment.depth, experiment.recovery_changes_nothing), (1, false));
    let number = |digits: &str| digits.parse::<u128>().unwrap();
    let images = &experiment.images[0];
    assert!(number(&images.failing) > 0 && number(&images.failing) < number(&images.all));
}

#[test]
fn a_violation_that_was_drawn_refutes_what_the_bound_had_left_open() {
    let more = ["--leaves-max", "1", "--sample", "300", "--format", "json"];
    let ran = prove("v8c", "hdd-512n", &more);
    let report = parsed(&ran);
    assert_eq!(ran.exit, 1);
    let experiment = &report.cells[0].experiments[0];
    assert_eq!(experiment.verdict, Verdict::Refuted);
    let sample = experiment.sample.unwrap();
    assert!(sample.any_life.failed + sample.hit > 0);
    let found = experiment.counterexample.as_ref().unwrap();
    assert_eq!(tornwrite(&["replay", &found.token]).exit, 1);
    assert_eq!(report.cells[0].broken.is_empty(), found.broken.is_empty());
}

const QUESTION: [&str; 11] = [
    "compare",
    "--journal",
    "v8c",
    "v9-512",
    "--device",
    "hdd-512n",
    "hdd-512e",
    "lying-flush",
    "--entries",
    "2",
    "--format",
];

fn compare(out: &std::path::Path, more: &[&str]) -> Ran {
    let out = ["json", "--out", out.to_str().unwrap()];
    tornwrite(&[&QUESTION[..], &out, more].concat())
}

#[test]
fn merged_shards_are_the_bytes_of_the_unsharded_report_in_any_order() {
    let place = tempfile::tempdir().unwrap();
    let whole = compare(&place.path().join("whole"), &[]);
    assert_eq!(whole.exit, 0, "{}", whole.err);
    // More shards than the cells divide by, and more than there are.
    for of in [2, 4, 7] {
        let mut shards: Vec<String> = Vec::new();
        for index in 0..of {
            let out = place.path().join(format!("{index}-of-{of}"));
            let ran = compare(&out, &["--shard", &format!("{index}/{of}")]);
            assert_eq!(ran.exit, 0, "{}", ran.err);
            let latest = out.join(format!("shard-{index}-of-{of}/latest"));
            shards.insert(0, latest.to_str().unwrap().to_owned());
        }
        let out = place.path().join(format!("merged-{of}"));
        let mut arguments = vec!["report", "merge", "--format", "json"];
        arguments.extend(["--out", out.to_str().unwrap()]);
        arguments.extend(shards.iter().map(String::as_str));
        let merged = tornwrite(&arguments);
        assert_eq!(merged.exit, 0, "{}", merged.err);
        assert!(merged.out == whole.out, "{of} shards");
        assert_eq!(text(&out.join("latest/report.json")), whole.out);
    }
}

#[test]
fn a_shard_that_is_missing_doubled_or_of_another_question_is_named() {
    let place = tempfile::tempdir().unwrap();
    let shard = |name: &str, more: &[&str]| {
        let out = place.path().join(name);
        assert_eq!(compare(&out, more).exit, 0);
        let shard = more.iter().find_map(|word| word.split_once('/'));
        let below = shard.map_or(out.clone(), |(k, n)| out.join(format!("shard-{k}-of-{n}")));
        below.join("latest").to_str().unwrap().to_owned()
    };
    let first = shard("first", &["--shard", "0/3"]);
    let second = shard("second", &["--shard", "1/3"]);
    let third = shard("third", &["--shard", "2/3"]);
    let other = shard("other", &["--shard", "2/3", "--bytes", "100"]);
    let of_two = shard("of-two", &["--shard", "1/2"]);
    let whole = shard("whole", &[]);
    for (shards, says) in [
        (&[&first, &third][..], "missing: shard 1/3"),
        (&[&first, &second, &first, &third], "shard 0/3 is there twice"),
        (&[&first, &second, &other], "differs from"),
        (&[&first, &of_two], "the number of shards"),
        (&[&whole], "found a whole report"),
    ] {
        let mut arguments = vec!["report", "merge"];
        arguments.extend(shards.iter().map(|shard| shard.as_str()));
        let ran = tornwrite(&arguments);
        assert_eq!(ran.exit, 65, "{says}: {}", ran.err);
        assert!(ran.err.contains(says), "{says}: {}", ran.err);
    }
    for wrong in ["3/3", "1", "-1/2", "0/0", "a/b"] {
        let ran = tornwrite(&["compare", &format!("--shard={wrong}")]);
        assert_eq!(ran.exit, 2, "{wrong}: {}", ran.err);
    }
}

/// The shards of a proof as files in a folder, and what each ended with.
fn shards(folder: &std::path::Path, question: [&str; 2], of: u32, more: &[&str]) -> Vec<i32> {
    let one = |index: u32| {
        let shard = format!("{index}/{of}");
        let more = [more, &["--format", "json", "--shard", &shard]].concat();
        let ran = prove(question[0], question[1], &more);
        std::fs::write(folder.join(format!("{index}.json")), &ran.out).unwrap();
        ran.exit
    };
    (0..of).map(one).collect()
}

#[test]
fn merged_shards_of_a_proof_are_the_bytes_of_the_proof_that_was_not_dealt() {
    // Proven, refuted, ended by the bound, and not fitting the device; what a shard ends with.
    let small = ["--leaves-max", "20", "--sample", "100"];
    for (journal, device, more, each, whole) in [
        ("v9-512", "hdd-512n", &[][..], 0, 0),
        ("v8c", "hdd-512n", &[], 1, 1),
        ("v9-4096", "hdd-512n", &small, 3, 3),
        ("v9-512", "enterprise-nvme-plp", &[], 3, 3),
    ] {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path();
        let name = |file: &str| folder.join(file).display().to_string();
        assert_eq!(shards(folder, [journal, device], 3, more), [each; 3], "{journal} x {device}");
        let parts = [name("2.json"), name("0.json"), name("1.json")];
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        let merged = tornwrite(&[&["report", "merge"][..], &parts, &["--format", "json"]].concat());
        let alone = prove(journal, device, &[more, &["--format", "json"]].concat());
        assert_eq!(merged.out, alone.out, "{journal} x {device}: {}", merged.err);
        assert_eq!((merged.exit, alone.exit), (whole, whole), "{journal} x {device}");
        let ran = tornwrite(&[&["report", "merge"][..], &parts, &["--out", &name("out")]].concat());
        assert_eq!(ran.exit, whole, "{}", ran.err);
        assert_eq!(text(&folder.join("out/latest/report.json")), alone.out);
        // A shard is told as one wherever it is drawn.
        let drawn = tornwrite(&["report", "markdown", &name("1.json")]);
        assert!(
            drawn.out.contains("This is shard 1/3: the other leaves are missing"),
            "{}",
            drawn.out
        );
    }
}

#[test]
fn shards_of_a_proof_that_do_not_fit_are_named() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    assert_eq!(shards(folder, ["v9-512", "hdd-512n"], 2, &[]), [0, 0]);
    let name = |file: &str| folder.join(file).display().to_string();
    let merge = |files: [&str; 2]| {
        let ran = tornwrite(&["report", "merge", &name(files[0]), &name(files[1])]);
        assert_eq!(ran.exit, 65, "{}", ran.out);
        ran.err
    };
    let good = text(&folder.join("1.json"));
    let bad = |from: &str, to: &str| {
        assert!(good.contains(from), "{from}");
        std::fs::write(folder.join("bad.json"), good.replacen(from, to, 1)).unwrap();
        merge(["0.json", "bad.json"])
    };
    assert!(merge(["0.json", "0.json"]).contains("is there twice"));
    assert!(bad("\"leaves_max\": 2000000", "\"leaves_max\": 200").contains("differs"));
    assert!(bad("\"sample\": 10000", "\"sample\": 1").contains("differs"));
    let searched: serde_json::Value = serde_json::from_str(&good).unwrap();
    let first = &searched["dealt"]["searched"][0];
    let (segment, leaves) = (first["segment"].to_string(), first["leaves"].to_string());
    let said = bad(&format!("\"segment\": {segment}"), "\"segment\": 0");
    assert!(said.contains("segment 0 is of another shard"), "{said}");
    let said = bad(&format!("\"segment\": {segment}"), "\"segment\": 4000000000");
    assert!(said.contains("segment 4000000000 is of another shard, or of none"), "{said}");
    let said = bad(&format!("\"leaves\": {leaves}"), "\"leaves\": 18446744073709551615");
    assert!(said.contains("expected counts of at most"), "{said}");
    // Bytes that are whole JSON and another search's.
    let mut other = searched.clone();
    other["dealt"]["searched"][0]["images"][0][1] = "77".into();
    std::fs::write(folder.join("bad.json"), other.to_string()).unwrap();
    let said = merge(["0.json", "bad.json"]);
    assert!(said.contains("not the shards of one search"), "{said}");
    let mut other = searched;
    other["dealt"]["searched"][0]["first"] =
        serde_json::json!({"broken": ["durability"], "path": [[0, 3], [7, 2]]});
    std::fs::write(folder.join("bad.json"), other.to_string()).unwrap();
    let said = merge(["0.json", "bad.json"]);
    assert!(said.contains("a path that was told is none of this search"), "{said}");
    assert_eq!(prove("v9-512", "hdd-512n", &["--shard", "2/2"]).exit, 2);
    let chances = ["--shard", "0/2", "--probabilities", "x.toml"];
    assert_eq!(prove("v9-512", "hdd-512n", &chances).exit, 2, "chances are of the whole");
}
