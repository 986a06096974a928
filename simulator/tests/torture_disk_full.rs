//! The disk fills up in the middle of a campaign: it says where, loses nothing, and goes on.
//!
//! Method. A campaign writes three things: its journal, the cases of findings, and the report. Each of them
//! is made to meet a full disk while the others still have room: the journal by a limit on the size of
//! files, which the shell can set; a case and a report by a link of their name to `/dev/full`, on which every
//! write fails as on a full disk. So no privilege is needed, and nothing is skipped. Then there is room
//! again, and the campaign goes on: the report must be, byte for byte, that of one that always had room.
//!
//! And once on a file system that is really full, in a namespace of our own. Where the system does not allow
//! one that test says so, and fails if the environment variable `TORNWRITE_REQUIRE_MOUNT` is 1.
#![cfg(target_os = "linux")]

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;

use journal_core::FileDevice;
use simulator::campaign::Progress;

const PROGRAM: &str = env!("CARGO_BIN_EXE_tornwrite");

/// A campaign of 36 blocks with findings in several of them.
const WHAT: &str = "torture --seed 4 --runs 9000 -j 1 \
    --journal v8r twin-never-syncs twin-retries-flush twin-continues-after-no-space \
    --device consumer-nvme-no-plp virtio-writeback";

/// Runs a script of the shell, in which `$1` is the program and `$2` the folder.
fn shell(script: &str, out: &Path) -> (i32, String) {
    let ended = Command::new("sh").args(["-ec", script, "sh", PROGRAM]).arg(out).output().unwrap();
    let said = String::from_utf8_lossy(&ended.stderr).into_owned();
    (ended.status.code().unwrap_or(-1), said)
}

fn campaign(more: &str, out: &Path) -> (i32, String) {
    shell(&format!("exec \"$1\" {WHAT} {more} --out \"$2\""), out)
}

/// The report and the cases, by name.
fn result(out: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut all = BTreeMap::new();
    all.insert("report".to_owned(), fs::read(out.join("latest/report.json")).unwrap());
    for folder in ["latest/cases", "cases"] {
        for entry in fs::read_dir(out.join(folder)).unwrap() {
            let path = entry.unwrap().path();
            all.insert(
                path.strip_prefix(out).unwrap().display().to_string(),
                fs::read(path).unwrap(),
            );
        }
    }
    all
}

/// Runs that are counted, as a program says that goes on.
fn going_on_after(said: &str) -> u64 {
    let line = said.lines().find_map(|line| line.strip_prefix("going on after "));
    let runs = line.and_then(|line| line.strip_suffix(" runs"));
    runs.map_or(0, |runs| runs.parse().unwrap())
}

/// Goes on with room, and holds the result against that of a campaign that always had it.
fn goes_on(out: &Path, counted_min: u64) {
    let (exit, said) = campaign("--resume", out);
    assert_eq!(exit, 0, "{said}");
    let counted = going_on_after(&said);
    assert!(counted >= counted_min, "{counted} runs were kept: {said}");
    same(out);
}

/// The result of the campaign that always had room.
fn whole() -> &'static BTreeMap<String, Vec<u8>> {
    static WHOLE: OnceLock<BTreeMap<String, Vec<u8>>> = OnceLock::new();
    WHOLE.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(campaign("", folder.path()).0, 0);
        result(folder.path())
    })
}

fn same(out: &Path) {
    let (whole, mine) = (whole(), result(out));
    assert_eq!(whole.keys().collect::<Vec<_>>(), mine.keys().collect::<Vec<_>>());
    for (name, bytes) in whole {
        assert!(*bytes == mine[name], "{name} differs");
    }
}

/// Where the journal's next block will lie once the campaign goes on, bytes: found out on a copy.
fn next_block(out: &Path) -> u64 {
    let copy = tempfile::NamedTempFile::new().unwrap();
    fs::copy(out.join("progress.journal"), copy.path()).unwrap();
    let read = Progress::read(FileDevice::open(copy.path(), 4096, 4096).unwrap()).unwrap();
    let progress = read.resume([9; 16]).unwrap();
    let bytes = fs::read(copy.path()).unwrap();
    drop(progress);
    let last = bytes.chunks(4096).rposition(|block| block.iter().any(|&byte| byte != 0)).unwrap();
    (last as u64 + 1) * 4096
}

/// Goal: the journal's own blocks have no room any more, after some commits that had.
#[test]
fn a_journal_that_has_no_room_is_named_and_what_it_holds_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path();
    // Begun, and nothing done. Then there is room for the first commits, and not for all.
    assert_eq!(campaign("--budget 0s", out).0, 0);
    let limit = (next_block(out) + 7 * 4096) / 512;
    let script =
        format!("trap '' XFSZ; ulimit -f {limit}; exec \"$1\" {WHAT} --resume --out \"$2\"");
    let (exit, said) = shell(&script, out);
    assert_eq!(exit, 74, "{said}");
    assert!(said.contains("cannot write") && said.contains("progress.journal"), "{said}");
    assert!(said.contains("File too large"), "what the system says: {said}");
    goes_on(out, 1);
}

/// Goal: a case has no room. Its block is not counted, and those before it are.
#[test]
fn a_case_that_has_no_room_is_named_and_its_block_is_run_again() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path();
    let text = std::str::from_utf8(&whole()["report"]).unwrap();
    let report = simulator::report::json::parse(text).unwrap().campaign.unwrap();
    let last = report.findings.last().unwrap();
    // More blocks before it than may wait to be counted.
    assert!(last.run >= 20 * 256, "a finding that comes late: {}", last.run);
    fs::create_dir_all(out.join("cases")).unwrap();
    let beside = out.join(format!("cases/{}.new", last.fingerprint));
    symlink("/dev/full", &beside).unwrap();
    let (exit, said) = campaign("", out);
    assert_eq!(exit, 74, "{said}");
    assert!(said.contains("cannot write") && said.contains(&last.fingerprint), "{said}");
    assert!(said.contains("No space left on device"), "{said}");
    assert!(!out.join("latest").exists(), "no report is made of half a campaign");
    fs::remove_file(beside).unwrap();
    goes_on(out, 1);
}

/// Goal: the report has no room. The one before stays, all runs are kept, and it is written later.
#[test]
fn a_report_that_has_no_room_is_named_and_the_one_before_stays() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path();
    assert_eq!(campaign("--budget 0s", out).0, 0);
    let before = fs::read(out.join("latest/report.json")).unwrap();
    // The new report's folder is named by the process, which is the shell's.
    let script = format!(
        "mkdir -p \"$2/.new-$$\"; ln -s /dev/full \"$2/.new-$$/report.json\"; \
         exec \"$1\" {WHAT} --resume --out \"$2\""
    );
    let (exit, said) = shell(&script, out);
    assert_eq!(exit, 74, "{said}");
    assert!(said.contains("cannot write") && said.contains("report.json"), "{said}");
    assert!(said.contains("No space left on device"), "{said}");
    assert!(fs::read(out.join("latest/report.json")).unwrap() == before);
    goes_on(out, 9000);
}

/// A file system of 12 MiB, on which everything is taken but three pages: some cases have room, and more
/// have not. Then the rest is given back. What is on it goes with its namespace, so the result is copied.
const REALLY_FULL: &str = "
mount -t tmpfs -o size=12m none \"$2/full\"
full=\"$2/full\"
\"$1\" WHAT --budget 0s --out \"$full\"
head -c 12288 /dev/zero >\"$full/reserve\"
cat /dev/zero >\"$full/filler\" 2>/dev/null || true
rm \"$full/reserve\"
status=0
\"$1\" WHAT --resume --out \"$full\" || status=$?
rm \"$full/filler\"
\"$1\" WHAT --resume --out \"$full\"
cp -r \"$full\" \"$2/copy\"
exit $status
";

/// Goal: what the others show one by one is so where the file system itself has no room.
#[test]
fn a_file_system_that_is_full_is_told_and_the_campaign_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path();
    fs::create_dir(out.join("full")).unwrap();
    let tried = Command::new("unshare")
        .args(["--user", "--map-root-user", "--mount", "mount", "-t", "tmpfs", "none"])
        .arg(out.join("full"))
        .output();
    if !tried.is_ok_and(|tried| tried.status.success()) {
        let required = std::env::var("TORNWRITE_REQUIRE_MOUNT").is_ok_and(|value| value == "1");
        assert!(!required, "TORNWRITE_REQUIRE_MOUNT is 1 and no namespace with a mount is allowed");
        eprintln!("left out: no namespace with a mount is allowed here");
        return;
    }
    let ended = Command::new("unshare")
        .args(["--user", "--map-root-user", "--mount", "sh", "-ec"])
        .args([&REALLY_FULL.replace("WHAT", WHAT), "sh", PROGRAM])
        .arg(out)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&ended.stderr);
    assert_eq!(ended.status.code(), Some(74), "{said}");
    assert!(said.contains("No space left on device") && said.contains("full/"), "{said}");
    same(&out.join("copy"));
}
