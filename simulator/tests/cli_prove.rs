//! `prove`, shards and `report merge` from outside.

mod cli_support;

use cli_support::{Ran, text, tornwrite};
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
        "2 power cuts: ",
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
            shards.insert(0, out.join("latest").to_str().unwrap().to_owned());
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
        out.join("latest").to_str().unwrap().to_owned()
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
