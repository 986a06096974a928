//! The example is what its text says: sound and flawed come apart, and where the sound one ends.

#[path = "../examples/my_wal.rs"]
#[allow(dead_code)]
mod my_wal;

use my_wal::{Flawed, Sound, Wal};
use simulator::check::{self, Row};
use simulator::explore::Verdict;
use simulator::files::{FileLog, FileOptions, LogFile, Metadata};
use simulator::oracle::Oracle;
use std::fs::OpenOptions;

fn refuted(row: &Row, oracle: Oracle) -> bool {
    row.cell.verdict == Verdict::Refuted && row.oracle() == Some(oracle)
}

#[test]
fn the_sound_log_passes_on_every_asserted_device() {
    let report = check::file_log::<Sound>().runs(3_000).samples(300).run();
    report.assert();
    for device in ["ideal", "enterprise-nvme-plp", "consumer-nvme-no-plp", "virtio-writeback"] {
        assert_eq!(report.on(device).filter(|row| row.asserted).count(), 6, "{report}");
    }
    let proven = |row: &&Row| row.asserted && row.cell.verdict == Verdict::Proven;
    assert!(report.rows.iter().filter(proven).count() >= 22, "{report}");
    assert!(report.on("lying-flush").next().is_none());
}

#[test]
fn the_flawed_log_loses_durability_even_on_the_ideal_device_and_only_with_a_second_life() {
    let report = check::file_log::<Flawed>().devices(&["ideal"]).run();
    let broken: Vec<_> = report.rows.iter().filter(|row| !row.is_clean()).collect();
    assert_eq!(broken.len(), 1, "{report}");
    assert_eq!(broken[0].experiment, "2 lives, across pages");
    assert!(refuted(broken[0], Oracle::Durability), "{report}");
    check::file_log::<Flawed>().devices(&["ideal"]).lives(1).assert();
}

#[test]
fn the_flaw_is_told_by_its_story_and_its_token_tells_it_again() {
    let report = check::file_log::<Flawed>().devices(&["consumer-nvme-no-plp"]).run();
    let told = report.explain().unwrap();
    for part in ["FAIL durability", "power cut", "life 1", "BROKEN: durability", "LBA 24-31"] {
        assert!(told.contains(part), "{part} in {told}");
    }
    let token = told.split('"').nth(1).unwrap();
    let again = check::file_log::<Flawed>().replayed(token).unwrap();
    assert_eq!(again.outcome.first(), Some(Oracle::Durability));
    assert!(told.contains(&again.picture), "the same picture");
    // On the sound log the same story ends well.
    let fixed = check::file_log::<Sound>().replayed(token).unwrap();
    assert_eq!(fixed.outcome.first(), None);
}

#[test]
fn a_log_that_writes_its_last_page_again_loses_committed_entries_on_a_disk_that_damages_it() {
    let report = check::file_log::<Sound>().runs(1_000).run();
    for device in ["hdd-512n", "hdd-512e"] {
        assert!(report.on(device).all(|row| !row.asserted), "reported only");
        assert!(report.on(device).all(|row| refuted(row, Oracle::Durability)), "{report}");
    }
}

#[test]
fn where_lengths_overtake_data_a_truncated_log_shows_given_up_entries_again() {
    // 1. Entry 1 is written and its page persists, its length does not: recovery shows entry 0.
    // 2. Entry 2 of the same size takes its place; now the length persists and the page does not.
    // 3. The file holds entry 1 again, checksum and all.
    let writeback = FileOptions { metadata: Metadata::Writeback, ..FileOptions::default() };
    let report = check::file_log::<Sound>().devices(&["ideal"]).file_system(writeback).run();
    let row = report.rows.iter().find(|row| row.experiment == "2 lives").unwrap();
    assert!(refuted(row, Oracle::NoResurrection), "{report}");
    check::file_log::<Sound>().devices(&["ideal"]).file_system(writeback).lives(1).assert();
}

#[test]
fn the_same_code_runs_on_a_real_file() {
    let dir = tempfile::tempdir().unwrap();
    let open = || {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        options.open(dir.path().join("log")).unwrap()
    };
    let mut file = open();
    let (mut log, entries) = Wal::<true>::open(&mut file).unwrap();
    assert!(entries.is_empty() && file.is_empty().unwrap());
    log.append(&mut file, b"one").unwrap();
    log.append(&mut file, b"two").unwrap();
    log.commit(&mut file).unwrap();
    let end = LogFile::len(&mut file).unwrap();
    file.write_all_at(b"torn", end + 2).unwrap();
    let mut file = open();
    let (_, entries) = Wal::<true>::open(&mut file).unwrap();
    assert_eq!(entries, [b"one".to_vec(), b"two".to_vec()]);
    assert_eq!(file.read_all().unwrap().len(), 22, "the torn tail is gone");
}
