//! The real program, killed over and over: a campaign that was killed is the campaign that was not.
//!
//! Method. A seed says when: the program is killed (SIGKILL) when its journal was seen to change a drawn
//! number of times, so some kills hit the making of the file, some a recovery, most the work between
//! two commits. After some kills the tail of the journal is changed as a power cut may: the last commit's
//! bytes garbled, or the space behind it. Then the program goes on with `--resume`. In the end the report
//! must be, byte for byte, that of a run that nobody killed, and so must be the cases.
//!
//! Nothing here depends on how fast anything is: a program that ends before it is killed has ended, and
//! the next one goes on with nothing left to do.
#![cfg(unix)]

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::SystemTime;

use journal_core::rfc::{BlockJournal, BlockOptions};
use journal_core::{FileDevice, Journal};
use simulator::choose::Rng;

/// Kills that must have hit a running program, over all campaigns.
const KILLS: u32 = 200;

struct Campaign {
    seed: &'static str,
    runs: &'static str,
    /// Journals and devices.
    what: &'static [&'static str],
    jobs: &'static str,
}

/// Campaigns with findings, of blocks that take little time, on one and on two threads, by turns.
const CAMPAIGNS: [Campaign; 2] = [
    Campaign {
        seed: "3",
        runs: "9000",
        what: &["--journal", "twin-sound", "twin-never-syncs", "--device", "ideal"],
        jobs: "1",
    },
    Campaign {
        seed: "4",
        runs: "9000",
        what: &["--journal", "v9-512", "v8c", "--device", "ideal", "consumer-nvme-no-plp"],
        jobs: "2",
    },
];

fn start(campaign: &Campaign, out: &Path, resume: bool) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tornwrite"));
    command.args(["torture", "--seed", campaign.seed, "--runs", campaign.runs]);
    command.args(["-j", campaign.jobs]).args(campaign.what).arg("--out").arg(out);
    if resume {
        command.arg("--resume");
    }
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
}

/// The report and the cases, by name.
fn result(out: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut all = BTreeMap::new();
    let mut put = |name: String, path: &Path| all.insert(name, fs::read(path).unwrap());
    put("report.json".to_owned(), &out.join("latest/report.json"));
    for folder in ["latest/cases", "cases"] {
        for entry in fs::read_dir(out.join(folder)).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            // One that was killed while it was being written beside.
            if name.ends_with(".json") {
                put(format!("{folder}/{name}"), &path);
            }
        }
    }
    all
}

fn changed_at(path: &Path) -> Option<SystemTime> {
    fs::metadata(path).and_then(|facts| facts.modified()).ok()
}

/// Kills it at a drawn moment. Says whether it was still running.
fn kill(mut child: Child, journal: &Path, rng: &mut Rng) -> bool {
    let wanted = rng.below(4);
    let (mut changes, mut last) = (0, changed_at(journal));
    // A little further than the change: into whatever comes next.
    let mut further = rng.below(300);
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            let said = std::io::read_to_string(child.stderr.take().unwrap()).unwrap();
            assert!(matches!(status.code(), Some(0 | 1)), "{status}: {said}");
            return false;
        }
        let now = changed_at(journal);
        changes += u32::from(now != last);
        last = now;
        if changes >= wanted {
            if further == 0 {
                break;
            }
            further -= 1;
        }
        std::thread::yield_now();
    }
    child.kill().unwrap();
    child.wait().unwrap().code().is_none()
}

/// Changes what a power cut may have left otherwise: a commit whose flush nobody knows of, or the space
/// behind the log. Says whether it did.
fn tear(journal: &Path, rng: &mut Rng) -> bool {
    let Ok(mut device) = FileDevice::open(journal, 4096, 4096) else { return false };
    let options = BlockOptions::V9_4096;
    let opened = BlockJournal::open(&mut device, &options, &mut |_| ());
    let (log, _) = opened.expect("a journal that was begun can be opened");
    let (next, start) = (log.next().0, log.header().start_seq);
    let live = next - start;
    // The first record says which campaign it is: it was flushed before the file got its name.
    let back = if live > 2 { u64::from(rng.below(2)) } else { 0 };
    let place = 2 * 4096 + (next - back) % u64::from(log.header().nblocks) * 4096;
    let file = fs::OpenOptions::new().write(true).open(journal).unwrap();
    let noise: Vec<u8> = (0..rng.below(3500)).map(|_| rng.draw() as u8).collect();
    file.write_all_at(&noise, place + u64::from(rng.below(500))).unwrap();
    true
}

#[test]
fn a_campaign_that_is_killed_again_and_again_ends_as_one_that_was_not() {
    let mut rng = Rng::new(20);
    let (mut kills, mut torn) = (0, 0);
    for (number, campaign) in CAMPAIGNS.iter().cycle().enumerate() {
        let folder = tempfile::tempdir().unwrap();
        let (whole, killed) = (folder.path().join("whole"), folder.path().join("killed"));
        let mut child = start(campaign, &whole, false);
        assert!(child.wait().unwrap().success());
        let journal = killed.join("progress.journal");
        for _ in 0..KILLS / 2 {
            if !kill(start(campaign, &killed, true), &journal, &mut rng) {
                break;
            }
            kills += 1;
            if rng.below(2) == 0 {
                torn += u32::from(tear(&journal, &mut rng));
            }
        }
        let ended = start(campaign, &killed, true).wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&ended.stderr);
        assert!(ended.status.success(), "campaign {number}: {said}");
        let (whole, killed) = (result(&whole), result(&killed));
        let names = |all: &BTreeMap<String, Vec<u8>>| all.keys().cloned().collect::<Vec<_>>();
        assert_eq!(names(&whole), names(&killed), "campaign {number}");
        for (name, bytes) in whole {
            assert!(bytes == killed[&name], "campaign {number}: {name} differs");
        }
        println!("campaign {number}: {kills} kills so far, {torn} torn");
        if kills >= KILLS {
            break;
        }
    }
    assert!(torn > KILLS / 8, "{torn} of {kills} torn");
}
