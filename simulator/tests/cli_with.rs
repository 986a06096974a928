//! `--with FILE`: devices and strategies of the user's own, from outside.

use std::io::Write;

use crate::cli_support::tornwrite;

fn file(text: &str) -> (tempfile::NamedTempFile, String) {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    let path = file.path().to_str().unwrap().to_owned();
    (file, path)
}

const OWN: &str = "\
[[device]]
name = \"two-lost\"
base = \"hdd-512n\"
damage_max = 2

[[strategy]]
name = \"mine\"
framing = \"block-512\"
integrity = \"entry:xxh3\"
tail = \"pad-sector\"
reuse = \"salt+clear\"
commit = \"record-fua\"
";

#[test]
fn what_a_file_declares_is_like_what_is_built_in_and_its_cases_replay_without_it() {
    let (_kept, path) = file(OWN);
    let out = tempfile::tempdir().unwrap();
    let place = out.path().to_str().unwrap();
    let asked = ["--device", "two-lost", "--entries", "2", "--bytes", "48", "--out", place];
    let compare = |journal| {
        let head = ["compare", "--with", &path, "--journal", journal];
        tornwrite(&[&head[..], &asked].concat())
    };
    let proven = compare("mine");
    assert_eq!(proven.exit, 0, "{}{}", proven.out, proven.err);
    assert!(proven.out.contains("block-512/entry:xxh3/pad-sector/salt+clear/record-fua"));
    let refuted = compare("v8c");
    assert_eq!(refuted.exit, 1, "{}", refuted.err);
    let replayed = tornwrite(&["replay", &format!("{place}/latest")]);
    assert_eq!(replayed.exit, 1, "{}", replayed.err);
    let listed = tornwrite(&["list", "devices", "--with", &path]);
    assert!(listed.out.contains("two-lost"), "{}", listed.out);
    let listed = tornwrite(&["list", "strategies", &format!("--with={path}")]);
    assert!(listed.out.contains("mine"), "{}", listed.out);
    let unknown = tornwrite(&["compare", "--device", "two-lost", "--out", place]);
    assert_eq!(unknown.exit, 2, "without the file there is no such device");
}

#[test]
fn what_is_wrong_with_a_file_is_told_with_its_place() {
    let (_kept, path) = file(&OWN.replace("damage_max", "damage_least"));
    let ran = tornwrite(&["list", "devices", "--with", &path]);
    assert_eq!(ran.exit, 65);
    let place = format!("{path}: line 4, column 1: unknown field `damage_least`, expected one of");
    assert!(ran.err.contains(&place), "{}", ran.err);
    let ran = tornwrite(&["list", "devices", "--with", "no/such/file.toml"]);
    assert_eq!(ran.exit, 74);
    assert!(ran.err.contains("cannot read no/such/file.toml"), "{}", ran.err);
}

#[test]
fn a_strategy_is_named_by_its_answers_and_a_misspelt_one_is_refused_by_axis() {
    let out = tempfile::tempdir().unwrap();
    let place = out.path().to_str().unwrap();
    let asked = |journal: &str| {
        let head = ["compare", "--device", "hdd-512n", "--entries", "2", "--out", place];
        tornwrite(&[&head[..], &["--journal", journal]].concat())
    };
    let ran = asked("block-512/block:crc16/pad-sector/salt+clear/pointer");
    assert_eq!(ran.exit, 0, "{}{}", ran.out, ran.err);
    let ran = asked("block-512/block:crc16/pad-sector/salts/pointer");
    assert_eq!(ran.exit, 2);
    assert!(ran.err.contains("reuse: expected one of erase, sequence"), "{}", ran.err);
    let ran = asked("block-512/none/pad-sector/salt/pointer");
    assert_eq!(ran.exit, 2);
    assert!(ran.err.contains("a salt works through a checksum"), "{}", ran.err);
    for width in ["80", "100"] {
        let ran = tornwrite(&["list", "strategies", "--width", width]);
        assert!(ran.out.contains("7,857"), "{}", ran.out);
        let fits = |line: &str| line.chars().count() <= width.parse().unwrap();
        assert!(ran.out.lines().all(fits), "{}", ran.out);
    }
}

#[test]
fn inspect_tells_any_bytes_for_points_of_the_grid() {
    let (_kept, path) = file(OWN);
    for journal in [
        "stream/none/fresh/erase+clear/record-fua",
        "stream/entry:crc16+chain:crc16/ping-pong/lap/pointer",
        "block-4096/entry:blake3+sector:blake3/rewrite/sequence/record-after-flush",
        "block-512/block:xxh3+chain:xxh3/ping-pong/salt/flush",
    ] {
        let ran = tornwrite(&["inspect", &path, "--journal", journal]);
        assert_eq!(ran.exit, 0, "{journal}: {}", ran.err);
    }
}
