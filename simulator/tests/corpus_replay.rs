//! The corpus of the fuzz targets, replayed on the stable toolchain without libFuzzer.
//!
//! The one idea: a target is a function of bytes, so its seeds are tests. What the fuzzer found
//! once is run by every `cargo test` from then on.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use simulator::fuzzing::{crash_tape, recover_image};

/// Replays every file of one folder, in order of name; names the files that fail.
fn replay(target: &str, body: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../corpus").join(target);
    let mut files: Vec<_> = fs::read_dir(&folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| entry.expect("a file of the corpus").path())
        .filter(|path| path.is_file())
        .collect();
    files.sort();
    assert!(!files.is_empty(), "corpus/{target} holds seeds");
    let fails = |path: &&std::path::PathBuf| {
        let bytes = fs::read(path).expect("a seed can be read");
        catch_unwind(AssertUnwindSafe(|| body(&bytes))).is_err()
    };
    let failed: Vec<_> = files.iter().filter(fails).collect();
    assert!(failed.is_empty(), "{target} fails on {failed:?}");
}

#[test]
fn every_seed_of_crash_tape_still_passes() {
    replay("crash_tape", crash_tape);
}

#[test]
fn every_seed_of_recover_image_still_passes() {
    replay("recover_image", recover_image);
}

#[test]
fn every_folder_of_the_corpus_is_replayed_or_known() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../corpus");
    let known = ["cases", "crash_tape", "fixtures", "recover_image"];
    for entry in fs::read_dir(folder).expect("the corpus is there") {
        let name = entry.expect("a folder of the corpus").file_name();
        let name = name.to_string_lossy();
        assert!(name.contains('.') || known.contains(&&*name), "corpus/{name}: who replays it?");
    }
}
