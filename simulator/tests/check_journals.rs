//! A check cannot be passed by doing nothing, by refusing, or by breaking down.

use std::io;
use std::sync::atomic::{AtomicU8, AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use journal_core::rfc::block::{BlockJournal, BlockOptions};
use journal_core::{Geometry, Journal, MemoryDevice, Resume, Survivors};
use simulator::check::{self, CheckReport};
use simulator::explore::Verdict;
use simulator::files::{FileLog, FileOptions, LogFile, Metadata, Mode, OnFile};
use simulator::oracle::Oracle;
use simulator::workload::{Op, Workload};

/// How a log misbehaves.
const SOUND: u8 = 0;
const NEVER_SYNCS: u8 = 1;
const SYNCS_BEFORE_WRITING: u8 = 2;
const ALWAYS_FULL: u8 = 3;
const APPEND_PANICS: u8 = 4;
const OPEN_PANICS_ON_TORN: u8 = 5;
const SHOWS_NOTHING: u8 = 6;
const FORGETS_ON_SECOND_OPEN: u8 = 7;
const CREATE_FAILS: u8 = 8;

/// How logs misbehave now. Not a part of the type: for each type everything is compiled again, and nine of
/// them were a minute.
static HOW: AtomicU8 = AtomicU8::new(SOUND);

/// From here until what is returned is dropped, all logs are such: other tests wait.
fn logs_are(how: u8) -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    HOW.store(how, Ordering::SeqCst);
    turn
}

fn how() -> u8 {
    HOW.load(Ordering::SeqCst)
}

/// A log of whole pages (length, checksum, bytes), with a way to misbehave.
struct Pages {
    pages: u64,
    pending: Vec<Vec<u8>>,
}

const PAGE: usize = 4096;

impl FileLog for Pages {
    fn create(file: &mut dyn LogFile) -> io::Result<()> {
        match how() {
            CREATE_FAILS => Err(io::Error::other("no such luck")),
            _ => file.sync_all(),
        }
    }

    fn open(file: &mut dyn LogFile) -> io::Result<(Self, Vec<Vec<u8>>)> {
        let (mut entries, mut page) = (Vec::new(), vec![0; PAGE]);
        // A page that cannot be read was being written: nothing is behind it.
        while let Ok(PAGE) = file.read_at(&mut page, (entries.len() * PAGE) as u64) {
            let bytes = u32::from_le_bytes(page[..4].try_into().unwrap()) as usize;
            let sum = journal_core::checksum::crc32c(page.get(8..8 + bytes).unwrap_or(&[]));
            if page[4..8] != sum.to_le_bytes() || bytes == 0 {
                assert!(how() != OPEN_PANICS_ON_TORN, "page {} is torn", entries.len());
                break;
            }
            entries.push(page[8..8 + bytes].to_vec());
        }
        let pages = entries.len() as u64;
        file.set_len(pages * PAGE as u64)?;
        match how() {
            NEVER_SYNCS => {}
            FORGETS_ON_SECOND_OPEN if !file.is_empty()? => {
                file.set_len(0)?;
                file.sync_data()?;
            }
            _ => file.sync_data()?,
        }
        if how() == SHOWS_NOTHING {
            entries.clear();
        }
        Ok((Pages { pages, pending: Vec::new() }, entries))
    }

    fn append(&mut self, file: &mut dyn LogFile, payload: &[u8]) -> io::Result<()> {
        match how() {
            ALWAYS_FULL => return Err(io::ErrorKind::StorageFull.into()),
            APPEND_PANICS if self.pages == 1 => panic!("the second entry is one too many"),
            _ => {}
        }
        let mut page = vec![0; PAGE];
        page[..4].copy_from_slice(&(payload.len() as u32).to_le_bytes());
        page[4..8].copy_from_slice(&journal_core::checksum::crc32c(payload).to_le_bytes());
        page[8..8 + payload.len()].copy_from_slice(payload);
        if how() == SYNCS_BEFORE_WRITING {
            self.pending.push(page);
            return Ok(());
        }
        file.write_all_at(&page, self.pages * PAGE as u64)?;
        self.pages += 1;
        Ok(())
    }

    fn commit(&mut self, file: &mut dyn LogFile) -> io::Result<()> {
        match how() {
            NEVER_SYNCS => return Ok(()),
            _ => file.sync_data()?,
        }
        for page in std::mem::take(&mut self.pending) {
            file.write_all_at(&page, self.pages * PAGE as u64)?;
            self.pages += 1;
        }
        Ok(())
    }

    fn clear(&mut self, file: &mut dyn LogFile) -> io::Result<()> {
        self.pages = 0;
        file.set_len(0)?;
        file.sync_data()
    }
}

fn checked(how: u8, devices: &[&str]) -> CheckReport {
    let _turn = logs_are(how);
    check::file_log::<Pages>().devices(devices).runs(1_500).samples(200).run()
}

/// The kindest device there is: no excuse.
fn on_ideal(how: u8) -> CheckReport {
    checked(how, &["ideal"])
}

fn named(report: &CheckReport) -> Vec<Oracle> {
    let mut named: Vec<_> = report.failures().filter_map(|row| row.oracle()).collect();
    named.sort();
    named.dedup();
    named
}

#[test]
fn a_log_that_never_writes_a_page_again_survives_disks_that_damage_what_they_write() {
    checked(SOUND, &["ideal", "consumer-nvme-no-plp", "hdd-512n", "hdd-512e"]).assert();
}

#[test]
fn a_log_of_whole_pages_goes_past_the_page_cache_too() {
    let direct = FileOptions { mode: Mode::Direct, metadata: Metadata::Ordered };
    let _turn = logs_are(SOUND);
    let check = check::file_log::<Pages>().runs(1_500).samples(200).file_system(direct);
    let report = check.run();
    // Its entries are pages, its length a multiple of one.
    report.assert();
}

#[test]
fn a_log_that_never_syncs_is_refuted_even_where_completed_means_stable() {
    assert_eq!(named(&on_ideal(NEVER_SYNCS)), [Oracle::Durability]);
    assert_eq!(named(&checked(NEVER_SYNCS, &["enterprise-nvme-plp"])), [Oracle::Durability]);
}

#[test]
fn a_log_that_acknowledges_before_it_writes_is_refuted() {
    assert_eq!(named(&on_ideal(SYNCS_BEFORE_WRITING)), [Oracle::Durability]);
}

#[test]
fn always_full_is_no_excuse() {
    let report = on_ideal(ALWAYS_FULL);
    assert!(!report.passed());
    assert_eq!(named(&report), [Oracle::Afterlife]);
    assert!(report.explain().unwrap().contains("journal full"));
}

#[test]
fn a_panic_is_a_violation_and_its_words_are_shown() {
    let report = on_ideal(APPEND_PANICS);
    assert_eq!(named(&report), [Oracle::Afterlife]);
    let told = report.explain().unwrap();
    assert!(told.contains("panicked: the second entry is one too many"), "{told}");

    // With lengths after data no page of this log is ever torn; without, any may be.
    assert!(on_ideal(OPEN_PANICS_ON_TORN).passed());
    let writeback = FileOptions { metadata: Metadata::Writeback, ..FileOptions::default() };
    let _turn = logs_are(OPEN_PANICS_ON_TORN);
    let check = check::file_log::<Pages>().devices(&["ideal"]);
    let report = check.file_system(writeback).run();
    assert!(report.failures().any(|row| row.broken.contains(Oracle::Availability)), "{report}");
    let told = report.explain().unwrap();
    assert!(told.contains("panicked: page"), "{told}");
}

#[test]
fn a_recovery_that_hides_or_destroys_what_it_showed_is_refuted() {
    assert_eq!(named(&on_ideal(SHOWS_NOTHING)), [Oracle::Durability]);
    let report = on_ideal(FORGETS_ON_SECOND_OPEN);
    assert!(!report.passed(), "{report}");
}

/// Shows its entries on every other opening only.
struct Fickle(Pages);

static OPENED: AtomicU32 = AtomicU32::new(0);

impl FileLog for Fickle {
    fn open(file: &mut dyn LogFile) -> io::Result<(Self, Vec<Vec<u8>>)> {
        let (log, mut entries) = Pages::open(file)?;
        if OPENED.fetch_add(1, Ordering::Relaxed) % 2 == 1 {
            entries.clear();
        }
        Ok((Fickle(log), entries))
    }

    fn append(&mut self, file: &mut dyn LogFile, payload: &[u8]) -> io::Result<()> {
        self.0.append(file, payload)
    }

    fn commit(&mut self, file: &mut dyn LogFile) -> io::Result<()> {
        self.0.commit(file)
    }
}

#[test]
fn resume_holds_a_recovery_to_what_it_showed_when_it_was_only_looked_at() {
    let _turn = logs_are(SOUND);
    let geometry = Geometry { logical_bytes: 512, physical_bytes: 512, sectors: 200 };
    let mut device = MemoryDevice::new(geometry, 0);
    let options = FileOptions::default();
    let how = Resume { survivors: Survivors::Carry, entropy: [0; 16] };
    OnFile::<Fickle>::format(&mut device, &options, [0; 16]).unwrap();
    let (mut journal, _) = OnFile::<Fickle>::open(&mut device, &options, &mut |_| ()).unwrap();
    journal.resume(&mut device, how).expect("no entries, both times");
    journal.append(&mut device, b"an entry").unwrap();
    journal.commit(&mut device).unwrap();
    let (mut journal, opened) = OnFile::<Fickle>::open(&mut device, &options, &mut |_| ()).unwrap();
    assert_eq!(opened.entries, 1);
    let refused = journal.resume(&mut device, how).unwrap_err().to_string();
    assert!(refused.contains("showed 1 entries, and 0"), "{refused}");
}

#[test]
fn a_log_that_cannot_even_begin_is_called_senseless_with_its_own_words() {
    let report = on_ideal(CREATE_FAILS);
    assert!(report.rows.iter().all(|row| row.cell.verdict == Verdict::Senseless));
    assert!(report.explain().unwrap().contains("no such luck"));
}

#[test]
fn a_workload_without_commits_is_not_measured_and_does_not_pass() {
    let workload = Workload::repeated(&[Op::Append(48)], 1, Survivors::Carry);
    let _turn = logs_are(SOUND);
    let check = check::file_log::<Pages>().devices(&["ideal"]).workload("hollow", workload);
    let report = check.run();
    assert_eq!(report.rows[0].cell.verdict, Verdict::NotMeasured, "{report}");
    assert!(!report.passed());
}

#[test]
fn a_journal_on_the_bare_device_is_checked_by_the_same_words() {
    let options = BlockOptions::V9_4096;
    let devices = ["ideal", "consumer-nvme-no-plp"];
    let check = check::journal::<BlockJournal>(options).devices(&devices).runs(1_000).samples(100);
    let report = check.device_bytes(1 << 17).run();
    report.assert();
    assert_eq!(report.name, "BlockJournal");
}

#[test]
fn with_bounds_alone_a_check_says_the_same_twice_and_a_budget_only_adds_draws() {
    let _turn = logs_are(SOUND);
    let check = || check::file_log::<Pages>().devices(&["consumer-nvme-no-plp"]).runs(100);
    let once = check().samples(50).run();
    assert_eq!(once.to_string(), check().samples(50).run().to_string());
    assert!(once.rows.iter().any(|row| row.samples == 50 && row.is_clean()));
    let spent = check().samples(50).budget(Duration::ZERO).run();
    assert_eq!(spent.to_string(), once.to_string());
}

#[test]
fn a_failure_that_only_a_draw_finds_has_a_token_like_any_other() {
    let _turn = logs_are(SYNCS_BEFORE_WRITING);
    let check = || check::file_log::<Pages>().devices(&["ideal"]).lives(1).runs(1);
    let report = check().samples(500).run();
    let row = report.failures().next().expect("found by drawing");
    assert!(row.samples > 0 && row.oracle() == Some(Oracle::Durability), "{report}");
    let token = row.cell.counterexample.as_ref().unwrap().token();
    assert_eq!(check().replayed(&token).unwrap().outcome.first(), Some(Oracle::Durability));
}

#[test]
#[should_panic(expected = "BROKEN: durability")]
fn assert_panics_with_the_picture() {
    let _turn = logs_are(NEVER_SYNCS);
    check::file_log::<Pages>().devices(&["ideal"]).runs(100).assert();
}

#[test]
#[should_panic(expected = "there are ideal, enterprise-nvme-plp")]
fn an_unknown_device_is_refused_with_the_list() {
    let _ = check::file_log::<Pages>().devices(&["floppy"]);
}

#[test]
fn a_token_that_does_not_fit_is_an_error_that_says_so() {
    let check = check::file_log::<Pages>();
    assert!(check.replayed("tw1-nonsense").unwrap_err().to_string().contains("not a case"));
}
