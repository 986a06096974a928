//! Running the program, and cases to run it on.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use journal_core::Survivors;
use simulator::case::Case;
use simulator::disk::{Fill, presets};
use simulator::explore::{Bounds, prove};
use simulator::run::Setup;
use simulator::workload::Workload;

/// What came of running the program.
#[derive(Debug, PartialEq, Eq)]
pub struct Ran {
    /// Exit code.
    pub exit: i32,
    /// Stdout.
    pub out: String,
    /// Stderr.
    pub err: String,
}

/// Runs it.
pub fn tornwrite(arguments: &[&str]) -> Ran {
    tornwrite_with(arguments, "")
}

/// Runs it with something on stdin.
pub fn tornwrite_with(arguments: &[&str], stdin: &str) -> Ran {
    ran(Command::new(env!("CARGO_BIN_EXE_tornwrite")).args(arguments), stdin)
}

/// Runs it where `CI` is set so, or not at all.
pub fn tornwrite_in(arguments: &[&str], ci: Option<&str>) -> Ran {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tornwrite"));
    command.args(arguments).env_remove("CI");
    if let Some(ci) = ci {
        command.env("CI", ci);
    }
    ran(&mut command, "")
}

fn ran(command: &mut Command, stdin: &str) -> Ran {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A program that does not read its stdin may close it first.
    let _ = child.stdin.take().unwrap().write_all(stdin.as_bytes());
    let ended = child.wait_with_output().unwrap();
    Ran {
        exit: ended.status.code().unwrap(),
        out: String::from_utf8(ended.stdout).unwrap(),
        err: String::from_utf8(ended.stderr).unwrap(),
    }
}

/// The first counterexample of a journal on a device: four entries of 200 bytes in one life.
pub fn case(journal: &str, device: &str) -> Case {
    let ops = Workload::appends(4, 200, 2);
    let setup = Setup {
        contract: presets::named(device).unwrap(),
        device_bytes: 128 * 1024,
        fill: Fill::Zeros,
        workload: Workload::repeated(&ops, 1, Survivors::Carry),
        fault: None,
    };
    prove(journal, &setup, Bounds::default()).unwrap().counterexample.unwrap()
}

/// A file of `corpus/fixtures`.
pub fn fixture(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../corpus/fixtures").join(name);
    path.to_str().unwrap().to_owned()
}

/// The text of a file.
pub fn text(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap()
}

/// Compares with a golden text, or rewrites it if that is asked for.
pub fn golden(name: &str, found: &str) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cli_golden");
    let path: PathBuf = folder.join(format!("{name}.txt"));
    if std::env::var_os("TORNWRITE_BLESS").is_some() {
        std::fs::write(&path, found).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(found, expected, "{name}.txt; TORNWRITE_BLESS=1 rewrites it");
}
