//! Emitted tests: the golden files are what is emitted today, they compile, and they fail as long as
//! the flaw is there.
//!
//! The one idea: the files in `emitted/` are modules inside of functions, so that the harness does
//! not take their tests for its own; here they are called, and must panic. To rewrite them:
//! `TORNWRITE_BLESS=1 cargo test --test program emitted`, and once more to run what was written.
#![allow(unnameable_test_items, reason = "they are called by name")]

use std::io;
use std::path::Path;

use crate::cli_support::{case, tornwrite};
use simulator::case::Case;
use simulator::files::{FileLog, LogFile};
use simulator::report::emit;

/// Compares with a golden file, or rewrites it if that is asked for.
fn golden(name: &str, found: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/emitted").join(name);
    if std::env::var_os("TORNWRITE_BLESS").is_some() {
        std::fs::write(&path, found).unwrap();
    }
    assert_eq!(found, std::fs::read_to_string(&path).unwrap_or_default(), "{name}");
}

fn emitted(case: &Case) -> String {
    let ran = tornwrite(&["explain", &case.token(), "--emit-test"]);
    assert_eq!(ran.exit, 1, "{}", ran.err);
    ran.out
}

#[test]
fn the_golden_files_are_what_is_emitted_today() {
    golden("v8c_hdd_512n.rs", &emitted(&case("v8c", "hdd-512n")));
    golden("v8_no_plp.rs", &emitted(&case("v8", "consumer-nvme-no-plp")));
}

#[test]
#[should_panic(expected = "the case breaks durability")]
fn an_emitted_test_of_a_tail_rewrite_fails_while_the_flaw_is_there() {
    #[path = "emitted/v8c_hdd_512n.rs"]
    mod emitted;
    emitted::v8c_on_hdd_512n_keeps_durability();
}

#[test]
#[should_panic(expected = "the case breaks integrity")]
fn an_emitted_test_of_a_torn_entry_fails_while_the_flaw_is_there() {
    #[path = "emitted/v8_no_plp.rs"]
    mod emitted;
    emitted::v8_on_consumer_nvme_no_plp_keeps_integrity();
}

/// Pages of an entry each, and a commit that does nothing.
pub struct Forgetful(u64);

impl FileLog for Forgetful {
    fn open(file: &mut dyn LogFile) -> io::Result<(Self, Vec<Vec<u8>>)> {
        let (mut entries, mut page) = (Vec::new(), [0; 4096]);
        while let Ok(4096) = file.read_at(&mut page, entries.len() as u64 * 4096) {
            let len = u32::from_le_bytes(page[..4].try_into().unwrap()) as usize;
            let Some(bytes) = page.get(8..8 + len).filter(|_| len > 0) else { break };
            if page[4..8] != journal_core::checksum::crc32c(bytes).to_le_bytes() {
                break;
            }
            entries.push(bytes.to_vec());
        }
        Ok((Forgetful(entries.len() as u64), entries))
    }

    fn append(&mut self, file: &mut dyn LogFile, entry: &[u8]) -> io::Result<()> {
        let mut page = [0; 4096];
        page[..4].copy_from_slice(&(entry.len() as u32).to_le_bytes());
        page[4..8].copy_from_slice(&journal_core::checksum::crc32c(entry).to_le_bytes());
        page[8..8 + entry.len()].copy_from_slice(entry);
        self.0 += 1;
        file.write_all_at(&page, (self.0 - 1) * 4096)
    }

    fn commit(&mut self, _: &mut dyn LogFile) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn of_a_users_journal_one_line_is_to_be_filled_in() {
    let check = simulator::check::file_log::<Forgetful>().devices(&["consumer-nvme-no-plp"]);
    let rows = check.runs(200).run().rows;
    let found = rows.iter().find_map(|row| row.cell.counterexample.clone()).unwrap();
    let ran = tornwrite(&["explain", &found.token(), "--emit-test"]);
    assert_eq!(ran.exit, 0, "{}", ran.err);
    let open: Vec<&str> =
        ran.out.lines().filter(|line| line.ends_with("`my_crate::Forgetful`")).collect();
    assert_eq!(open.len(), 1, "{}", ran.out);
    assert!(open[0].contains(emit::FILL_IN));
    golden("filled_in.rs", &ran.out.replace(open[0], "type Log = crate::emitted::Forgetful;"));
}

#[test]
#[should_panic(expected = "durability")]
fn an_emitted_test_of_a_users_journal_fails_once_it_is_filled_in() {
    #[path = "emitted/filled_in.rs"]
    mod emitted;
    emitted::survives_a_crash_on_consumer_nvme_no_plp_page_cache();
}

#[test]
fn a_case_that_holds_is_no_test() {
    let holds = Case { decisions: Vec::new(), ..case("v8c", "hdd-512n") };
    let ran = tornwrite(&["explain", &holds.token(), "--emit-test"]);
    assert_eq!(ran.exit, 2, "{}", ran.out);
    assert!(ran.err.contains("holds"), "{}", ran.err);
}
