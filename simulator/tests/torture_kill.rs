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
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::time::SystemTime;

use journal_core::rfc::{BlockJournal, BlockOptions};
use journal_core::{FileDevice, Journal, MemoryDevice};
use simulator::campaign::Progress;
use simulator::choose::Rng;
use simulator::explore::torture::Totals;

/// Kills that must have hit a running program, over all campaigns.
const KILLS: u32 = 200;

struct Campaign<'w> {
    seed: &'static str,
    runs: &'static str,
    /// Journals and devices, and whatever else.
    what: &'w [&'w str],
    jobs: &'static str,
}

impl Campaign<'_> {
    /// Where its journal lies below `--out`.
    fn folder(&self, out: &Path) -> PathBuf {
        match self.what.contains(&"--shard") {
            true => out.join("shard-1-of-2"),
            false => out.to_owned(),
        }
    }
}

/// Campaigns with findings, of blocks that take little time, on one and on two threads, by turns.
const CAMPAIGNS: [Campaign<'static>; 2] = [
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

fn start(campaign: &Campaign<'_>, out: &Path, resume: bool) -> Child {
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

/// Kills it at a drawn moment, behind so many changes. Says whether it was still running.
fn kill(mut child: Child, journal: &Path, behind: u32, rng: &mut Rng) -> bool {
    let wanted = behind + rng.below(4);
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

/// Where the live blocks of a journal begin, how many they are, and in how many records.
#[derive(Clone, Copy, Default)]
struct Log {
    start: u64,
    live: u64,
    records: u32,
    blocks: u64,
    /// Live blocks beyond which it forgets.
    most: u64,
}

fn log(journal: &Path) -> Option<Log> {
    let mut device = FileDevice::open(journal, 4096, 4096).ok()?;
    let mut records = 0;
    let options = BlockOptions::V9_4096;
    let opened = BlockJournal::open(&mut device, &options, &mut |entry| {
        records += u32::from(entry.payload.first() == Some(&1));
    });
    let (log, _) = opened.expect("a journal that was begun can be opened");
    let (header, start) = (log.header(), log.header().start_seq);
    Some(Log {
        start,
        live: log.next().0 - start,
        records,
        blocks: u64::from(header.nblocks),
        most: u64::from(header.nblocks - header.window) / 4,
    })
}

/// Changes what a power cut may have left otherwise: a commit whose flush nobody knows of, or the space
/// behind the log. Says whether it did.
///
/// The last commit may have been in flight only if it came after what this sitting began with: what was
/// carried over, and a whole state that everything before it was given up for, were flushed before the
/// header that says so. Damage to those is damage, and would be told as such.
fn tear(journal: &Path, before: Option<Log>, rng: &mut Rng) -> bool {
    let Some(now) = log(journal) else { return false };
    let before = before.unwrap_or_default();
    let went_on = now.start != before.start || before.live == 0;
    let in_flight = now.records > 1 && went_on && now.live != before.live;
    let back = if in_flight { u64::from(rng.below(2)) } else { 0 };
    let next = now.start + now.live;
    let place = 2 * 4096 + (next - back) % now.blocks * 4096;
    let file = fs::OpenOptions::new().write(true).open(journal).unwrap();
    let noise: Vec<u8> = (0..rng.below(3500)).map(|_| rng.draw() as u8).collect();
    file.write_all_at(&noise, place + u64::from(rng.below(500))).unwrap();
    true
}

/// The result of a campaign that nobody killed: had once, and kept by its seed.
fn whole(campaign: &Campaign<'_>) -> BTreeMap<String, Vec<u8>> {
    static KNOWN: Mutex<BTreeMap<String, BTreeMap<String, Vec<u8>>>> = Mutex::new(BTreeMap::new());
    let mut known = KNOWN.lock().unwrap();
    let had = known.entry(campaign.seed.to_owned()).or_insert_with(|| {
        let folder = tempfile::tempdir().unwrap();
        assert!(start(campaign, folder.path(), false).wait().unwrap().success());
        result(&campaign.folder(folder.path()))
    });
    had.clone()
}

/// What happened to a campaign.
#[derive(Default)]
struct Told {
    kills: u32,
    torn: u32,
}

/// Kills a campaign so many times, unless it ends before, and holds its result against that of one that
/// nobody killed. `before` each start it is given the journal, and says how many of its changes to wait for
/// at least.
fn through_kills(
    campaign: &Campaign<'_>,
    kills_max: u32,
    rng: &mut Rng,
    before: &mut dyn FnMut(&Path, &mut Rng) -> u32,
) -> Told {
    let folder = tempfile::tempdir().unwrap();
    let killed = folder.path().join("killed");
    let journal = campaign.folder(&killed).join("progress.journal");
    let mut told = Told::default();
    for _ in 0..kills_max {
        let behind = before(&journal, rng);
        let begun_with = log(&journal);
        if !kill(start(campaign, &killed, true), &journal, behind, rng) {
            break;
        }
        told.kills += 1;
        if rng.below(2) == 0 {
            told.torn += u32::from(tear(&journal, begun_with, rng));
        }
    }
    let ended = start(campaign, &killed, true).wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&ended.stderr);
    assert!(ended.status.success(), "seed {}: {said}", campaign.seed);
    let (whole, killed) = (whole(campaign), result(&campaign.folder(&killed)));
    let names = |all: &BTreeMap<String, Vec<u8>>| all.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&whole), names(&killed), "seed {}", campaign.seed);
    for (name, bytes) in whole {
        assert!(bytes == killed[&name], "seed {}: {name} differs", campaign.seed);
    }
    told
}

#[test]
fn a_campaign_that_is_killed_again_and_again_ends_as_one_that_was_not() {
    let mut rng = Rng::new(20);
    let (mut kills, mut torn) = (0, 0);
    for campaign in CAMPAIGNS.iter().cycle() {
        let told = through_kills(campaign, KILLS / 2, &mut rng, &mut |_, _| 0);
        (kills, torn) = (kills + told.kills, torn + told.torn);
        println!("{kills} kills so far, {torn} torn");
        if kills >= KILLS {
            break;
        }
    }
    assert!(torn > KILLS / 8, "{torn} of {kills} torn");
}

/// Goal: so does one with all that a campaign may have: every journal and the grid, every device and varied
/// ones, payloads of a file, a shard, devices of the user's own.
#[test]
fn so_does_one_that_draws_from_everything() {
    let folder = tempfile::tempdir().unwrap();
    let (image, with) = (folder.path().join("image"), folder.path().join("with.toml"));
    let mut noise = Rng::new(1);
    let bytes: Vec<u8> = (0..1 << 20).flat_map(|_| noise.draw().to_le_bytes()).collect();
    fs::write(&image, bytes).unwrap();
    fs::write(&with, "[[device]]\nname = \"mine\"\nbase = \"hdd-512n\"\ndamage_max = 2\n").unwrap();
    let (image, with) = (image.to_str().unwrap(), with.to_str().unwrap());
    let campaign = Campaign {
        seed: "5",
        runs: "1300",
        what: &["--shard", "1/2", "--payload-from", image, "--with", with],
        jobs: "2",
    };
    let mut kills = 0;
    let mut rng = Rng::new(21);
    while kills < 10 {
        kills += through_kills(&campaign, 10 - kills, &mut rng, &mut |_, _| 0).kills;
    }
}

/// Fills the journal with records that say nothing, until few more make it forget: a campaign alone gets
/// there after hundreds of commits.
fn fill(journal: &Path, Log { live, most, .. }: Log, rng: &mut Rng) {
    let device = MemoryDevice::from_image(fs::read(journal).unwrap());
    let mut progress = Progress::read(device).unwrap().resume([rng.draw() as u8; 16]).unwrap();
    let elapsed_ms = progress.state().elapsed_ms;
    // Going on carries the live blocks over, as many as they were.
    for _ in live + u64::from(rng.below(3))..most {
        progress.count(Totals::default(), elapsed_ms).unwrap();
    }
    fs::write(journal, progress.device().bytes()).unwrap();
}

/// Goal: so does one whose journal forgets what it no longer needs: killed before it writes the whole state,
/// within, and behind, before the checkpoint and after it.
#[test]
fn so_does_one_whose_journal_is_compacted() {
    let mut rng = Rng::new(22);
    let (mut kept, mut forgot, mut kills) = (0, 0, 0);
    while kills < 240 {
        // How slow the machine is does not matter: who was killed too early is left to change twice as much.
        let (mut filled, mut behind) = (false, 0);
        let told = through_kills(&CAMPAIGNS[1], 40, &mut rng, &mut |journal, rng| {
            let Some(now) = log(journal) else { return 0 };
            if filled && now.live < now.most / 2 {
                (forgot, behind) = (forgot + 1, 0);
            } else if filled {
                (kept, behind) = (kept + 1, 2 * behind + 1);
            }
            fill(journal, now, rng);
            filled = true;
            behind
        });
        kills += told.kills;
        println!("killed before it forgot: {kept}, after: {forgot}");
        if kept >= 5 && forgot >= 5 {
            return;
        }
    }
    panic!("killed before it forgot: {kept}, after: {forgot}; expected 5 of each");
}
