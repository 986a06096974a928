//! `torture` on its folder: shards, interrupts, and everything that a folder may have in it already.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use crate::cli_support::{Ran, tornwrite};

/// Two journals on two devices, one of which fails.
const WHAT: [&str; 6] =
    ["--journal", "v9-512", "twin-sound", "--device", "hdd-512e", "consumer-nvme-no-plp"];

fn torture(out: &Path, more: &[&str]) -> Ran {
    let place = ["--format", "json", "--out", out.to_str().unwrap()];
    tornwrite(&[&["torture"], &WHAT[..], &place, more].concat())
}

/// Goal: dealt to any number of shards, run in any order, a campaign is the same bytes; a shard that is
/// not there, or did not come to its end, is named.
#[test]
fn merged_shards_are_the_bytes_of_the_campaign_that_was_not_dealt() {
    let folder = tempfile::tempdir().unwrap();
    let whole = torture(&folder.path().join("whole"), &["--runs", "1100"]);
    assert_eq!(whole.exit, 0, "{}", whole.err);
    let dealt = folder.path().join("dealt");
    for shard in ["2/3", "0/3", "1/3"] {
        let ran = torture(&dealt, &["--runs", "1100", "--shard", shard]);
        assert_eq!(ran.exit, 0, "{}", ran.err);
    }
    let latest = |shard: &str| dealt.join(format!("shard-{shard}-of-3/latest"));
    let paths: Vec<_> = ["1", "0", "2"].map(latest).into();
    let names: Vec<&str> = paths.iter().map(|path| path.to_str().unwrap()).collect();
    let merged = folder.path().join("merged");
    let out = ["--out", merged.to_str().unwrap(), "--format", "json"];
    let ran = tornwrite(&[&["report", "merge"], &names[..], &out].concat());
    assert_eq!(ran.exit, 0, "{}", ran.err);
    assert!(ran.out == whole.out, "the same bytes");
    let file = |folder: &Path| fs::read(folder.join("latest/report.json")).unwrap();
    assert!(file(&merged) == file(&folder.path().join("whole")));
    let lost = tornwrite(&["report", "merge", names[0], names[2]]);
    assert_eq!(lost.exit, 65);
    assert!(lost.err.contains("missing: shard 0/3"), "{}", lost.err);
    // One that says it is whole, and has not done all of its blocks.
    let report = dealt.join("shard-2-of-3/latest/report.json");
    let text = fs::read_to_string(&report).unwrap();
    let fewer = text.replacen("\"blocks\": 1,", "\"blocks\": 0,", 1);
    assert!(fewer != text);
    fs::write(&report, fewer).unwrap();
    let ran = tornwrite(&[&["report", "merge"], &names[..]].concat());
    assert_eq!(ran.exit, 65);
    assert!(ran.err.contains("shard 2/3 ended after 0 of 1 blocks"), "{}", ran.err);
    fs::write(&report, text).unwrap();
    let other = torture(&dealt, &["--runs", "1000", "--shard", "0/3"]);
    assert_eq!(other.exit, 0, "{}", other.err);
    let ran = tornwrite(&[&["report", "merge"], &names[..]].concat());
    assert_eq!(ran.exit, 65);
    assert!(ran.err.contains("differs from") && ran.err.contains("runs"), "{}", ran.err);
}

/// Goal: a shard that was interrupted, killed or never run is named, all that are lost at once, and nothing
/// is put together without it.
#[cfg(unix)]
#[test]
fn a_lost_shard_is_named_and_never_silently_absent() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path();
    let merged = folder.path().join("merged");
    let merge = |shards: &[&str]| {
        let named = |shard: &&str| out.join(format!("shard-{shard}-of-4/latest"));
        let paths: Vec<_> = shards.iter().map(named).collect();
        let paths: Vec<&str> = paths.iter().map(|path| path.to_str().unwrap()).collect();
        tornwrite(&[&["report", "merge", "--out", merged.to_str().unwrap()], &paths[..]].concat())
    };
    // One is interrupted and leaves a partial report, one is killed and leaves none.
    let [interrupted, mut killed] = ["2/4", "3/4"].map(|shard| endless(out, &["--shard", shard]));
    Command::new("kill").args(["-INT", &interrupted.id().to_string()]).status().unwrap();
    killed.kill().unwrap();
    killed.wait().unwrap();
    assert_eq!(interrupted.wait_with_output().unwrap().status.code(), Some(130));
    let ran = merge(&["2"]);
    assert_eq!(ran.exit, 65);
    assert!(ran.err.contains("shard 2/4 was interrupted"), "{}", ran.err);
    let ran = merge(&["0", "2", "3"]);
    assert_eq!(ran.exit, 74);
    for lost in ["shard-0-of-4", "shard-3-of-4"] {
        assert!(ran.err.contains(lost), "{}", ran.err);
    }
    assert!(!merged.exists(), "nothing was put together");
}

/// Goal: a batch system's numbers are taken when told, and never guessed.
#[test]
fn a_shard_is_taken_from_the_batch_system_when_told() {
    let folder = tempfile::tempdir().unwrap();
    let auto = |variables: &[(&str, &str)]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tornwrite"));
        for name in ["SLURM_ARRAY_TASK_ID", "JOB_COMPLETION_INDEX"] {
            command.env_remove(name);
        }
        command.args(["torture", "--shard", "auto", "--runs", "1"]).args(WHAT);
        command.arg("--out").arg(folder.path()).envs(variables.iter().copied());
        let ended = command.output().unwrap();
        (ended.status.code().unwrap(), String::from_utf8(ended.stderr).unwrap())
    };
    let (exit, said) = auto(&[("JOB_COMPLETION_INDEX", "1"), ("JOB_COMPLETIONS", "2")]);
    assert_eq!(exit, 0, "{said}");
    assert!(folder.path().join("shard-1-of-2/latest/report.json").is_file());
    let (exit, said) = auto(&[]);
    assert_eq!(exit, 2);
    assert!(said.contains("SLURM_ARRAY_TASK_ID"), "{said}");
}

/// Starts a campaign without an end, and returns when it is running.
fn endless(out: &Path, more: &[&str]) -> std::process::Child {
    let mut child = Command::new(env!("CARGO_BIN_EXE_tornwrite"))
        .args(["torture", "--runs", "100000000", "--out", out.to_str().unwrap()])
        .args(WHAT)
        .args(more)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stderr.as_mut().unwrap()).read_line(&mut line).unwrap();
    assert!(line.contains("seed"), "{line}");
    child
}

/// Goal: a folder belongs to one campaign at a time, and an unfinished one is never lost by a mistake.
#[cfg(unix)]
#[test]
fn a_second_run_is_refused_and_an_unfinished_campaign_is_not_thrown_away() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path();
    let child = endless(out, &[]);
    for more in [&[][..], &["--resume"], &["--fresh"]] {
        let second = torture(out, more);
        assert_eq!(second.exit, 74, "{more:?}: {}", second.err);
        let number = format!("process {}", child.id());
        assert!(second.err.contains(&number), "{}", second.err);
    }
    Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    let ended = child.wait_with_output().unwrap();
    assert_eq!(ended.status.code(), Some(130));
    let text = fs::read_to_string(out.join("latest/report.json")).unwrap();
    assert!(simulator::report::json::parse(&text).unwrap().partial);
    let journal = fs::read(out.join("progress.journal")).unwrap();
    for (more, says) in [
        (&["--runs", "100000000"][..], "--resume goes on"),
        (&["--runs", "5", "--resume"], "--runs: there 100000000, asked for 5"),
        (&["--runs", "100000000", "--seed", "2", "--resume"], "--seed: there 1, asked for 2"),
    ] {
        let ran = torture(out, more);
        assert_eq!(ran.exit, 2, "{more:?}: {}", ran.err);
        assert!(ran.err.contains(says), "{}", ran.err);
        assert!(fs::read(out.join("progress.journal")).unwrap() == journal, "{more:?}");
    }
    assert_eq!(torture(out, &["--runs", "300", "--fresh"]).exit, 0);
    assert_eq!(torture(out, &["--runs", "300"]).exit, 0, "a finished one may be replaced");
}

/// Goal: what is not understood is told and left alone.
#[test]
fn a_foreign_or_damaged_journal_is_bad_data_and_stays_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    assert_eq!(torture(&out, &["--runs", "600"]).exit, 0);
    let journal = out.join("progress.journal");
    let good = fs::read(&journal).unwrap();
    let mut begin = good.clone();
    begin[8192 + 100] ^= 1;
    let mut headers = good.clone();
    headers[..8192].fill(0);
    let short = good[..good.len() - 4096].to_vec();
    for (name, bytes) in [
        ("text", b"not a journal".to_vec()),
        ("zeros", vec![0; 65536]),
        ("odd", good[..8192 + 77].to_vec()),
        ("short", short),
        ("headers", headers),
        ("begin", begin),
    ] {
        fs::write(&journal, &bytes).unwrap();
        for more in [&["--resume", "--runs", "600"][..], &["--fresh"], &[]] {
            let ran = torture(&out, more);
            assert_eq!(ran.exit, 65, "{name} {more:?}: {}", ran.err);
            assert!(ran.err.contains("progress.journal"), "{name}: {}", ran.err);
            assert!(fs::read(&journal).unwrap() == bytes, "{name} was changed");
        }
    }
    // The good one again: everything is as it was.
    fs::write(&journal, &good).unwrap();
    let before = fs::read(out.join("latest/report.json")).unwrap();
    assert_eq!(torture(&out, &["--resume", "--runs", "600"]).exit, 0);
    assert!(fs::read(out.join("latest/report.json")).unwrap() == before);
}

/// Goal: a folder that cannot be made is an I/O error with its path.
#[test]
fn a_folder_that_cannot_be_is_an_io_error() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let ran = torture(&file.join("below"), &["--runs", "1"]);
    assert_eq!(ran.exit, 74);
    assert!(ran.err.contains("cannot create") && ran.err.contains("below"), "{}", ran.err);
}

/// Goal: no room for the journal is told before anything is run, and leaves nothing half made. The room is
/// a limit on the size of files, which the shell can set.
#[cfg(target_os = "linux")]
#[test]
fn no_room_for_the_journal_is_an_io_error_and_leaves_no_journal() {
    let folder = tempfile::tempdir().unwrap();
    let script = format!(
        "trap '' XFSZ; ulimit -f 64; exec '{}' torture --runs 1 --out '{}'",
        env!("CARGO_BIN_EXE_tornwrite"),
        folder.path().display()
    );
    let ended = Command::new("sh").args(["-c", &script]).output().unwrap();
    let said = String::from_utf8_lossy(&ended.stderr);
    assert_eq!(ended.status.code(), Some(74), "{said}");
    assert!(said.contains("cannot create") && said.contains("File too large"), "{said}");
    assert!(!folder.path().join("progress.journal").exists());
    assert!(!folder.path().join("progress.journal.new").exists());
}
