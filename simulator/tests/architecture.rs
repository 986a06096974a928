//! The architecture's invariants, kept by looking at the source.
//!
//! The one idea: a rule that nothing checks is a wish. Each test reads the files of the workspace
//! and names what breaks its rule, with the line.
//!
//! What it is not: a parser. It knows lines, and this code base's habits.

use std::fs;
use std::path::{Path, PathBuf};

/// The floors of the simulator, lowest first. A module uses its own floor and those below.
const FLOORS: &[&[&str]] = &[
    &["quiet", "malformed", "choose"],
    &["disk", "workload"],
    &["oracle"],
    &["run"],
    &["twins"],
    &["journals", "declared"],
    &["case"],
    &["shrink"],
    &["explore"],
    &["campaign"],
    &["files", "check"],
    &["fuzzing", "selftest"],
    &["report"],
    &["cli", "main", "lib"],
];

/// Words that make a run depend on something besides the case, and the files that may use them.
const IMPURE: &[(&str, &[&str])] = &[
    // `check` has a budget in seconds. What it finds is a case, and that has none.
    ("Instant", &["simulator/src/check.rs"]),
    // The environment of a run is told beside its results, and nothing reads it back.
    ("SystemTime", &["simulator/src/report/environment.rs"]),
    ("std::env", &["simulator/src/report/environment.rs"]),
    ("thread::current", &[]),
    ("HashMap", &[]),
    // Membership of extents that were seen; never iterated.
    ("HashSet", &["simulator/src/workload/from_file.rs"]),
    ("rand::rng", &[]),
];

/// Lines a file may have.
const LINES_MAX: usize = 500;

/// Files that are longer, with the length they must not exceed: a ratchet. Lower it when you can.
const LONGER: &[(&str, usize)] = &[];

struct Source {
    /// From the root of the workspace.
    path: String,
    text: String,
}

impl Source {
    /// Lines of code outside of tests and comments, numbered from 1.
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let lines = self.text.lines().take_while(|line| line.trim() != "#[cfg(test)]");
        let code = |line: &str| !line.trim_start().starts_with("//");
        lines.enumerate().map(|(i, line)| (i + 1, line)).filter(move |(_, line)| code(line))
    }

    /// The module of the simulator that the file belongs to.
    fn module(&self) -> Option<&str> {
        let inside = self.path.strip_prefix("simulator/src/")?;
        inside.split(['/', '.']).next()
    }
}

/// The Rust files below some folders of the workspace, in order of name.
fn sources(folders: &[&str]) -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut open: Vec<PathBuf> = folders.iter().map(|folder| root.join(folder)).collect();
    let mut found = Vec::new();
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten() {
            let path = entry.expect("a folder of the workspace").path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                let text = fs::read_to_string(&path).expect("source is text");
                let path = path.strip_prefix(&root).expect("found below the root");
                let path = path.to_string_lossy().replace('\\', "/");
                found.push(Source { path, text });
            }
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    assert!(found.len() > 10, "the workspace has source in {folders:?}");
    found
}

fn everything() -> Vec<Source> {
    sources(&["journal-core", "simulator", "fuzz"])
}

fn nothing_wrong(wrong: &[String]) {
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

/// The modules that a line names by `crate::`.
fn used(line: &str) -> Vec<&str> {
    let word = |text: &str| text.find(|c: char| !c.is_alphanumeric() && c != '_');
    let mut names = Vec::new();
    for (at, _) in line.match_indices("crate::") {
        let rest = &line[at + "crate::".len()..];
        match rest.strip_prefix('{') {
            None => names.push(&rest[..word(rest).unwrap_or(rest.len())]),
            Some(list) => {
                let list = list.split('}').next().unwrap_or(list);
                names.extend(list.split(',').map(|item| {
                    let item = item.trim();
                    &item[..word(item).unwrap_or(item.len())]
                }));
            }
        }
    }
    // Items of the crate itself, such as macros, are not modules.
    names.retain(|name| name.chars().next().is_some_and(char::is_lowercase));
    names
}

#[test]
fn a_module_uses_only_lower_floors() {
    let floor = |name: &str| FLOORS.iter().position(|names| names.contains(&name));
    let mut wrong = Vec::new();
    for source in sources(&["simulator/src"]) {
        let module = source.module().expect("a file of the simulator");
        let Some(own) = floor(module) else {
            wrong.push(format!("{}: give `{module}` a floor in this test", source.path));
            continue;
        };
        for (number, line) in source.code() {
            for name in used(line).into_iter().filter(|&name| name != module) {
                if floor(name).is_some_and(|other| other > own) {
                    wrong.push(format!("{}:{number}: {module} uses {name}", source.path));
                }
            }
        }
    }
    nothing_wrong(&wrong);
}

#[test]
fn the_reader_of_lines_sees_what_is_used() {
    assert_eq!(used("use crate::disk::contract::Fua;"), ["disk"]);
    assert_eq!(used("use crate::{case::Case, run, Item};"), ["case", "run"]);
    assert_eq!(used("    crate::quiet::caught(|| crate::run::x())"), ["quiet", "run"]);
}

#[test]
fn the_journals_never_know_that_they_are_simulated() {
    let mut wrong = Vec::new();
    for source in sources(&["journal-core/src"]) {
        for (number, line) in source.code().filter(|(_, line)| line.contains("simulator::")) {
            wrong.push(format!("{}:{number}: {line}", source.path));
        }
    }
    let manifest = include_str!("../../journal-core/Cargo.toml");
    assert!(!manifest.contains("simulator"), "journal-core depends on no simulator");
    assert!(include_str!("../../journal-core/src/lib.rs").contains("#![no_std]"));
    nothing_wrong(&wrong);
}

#[test]
fn unsafe_code_is_forbidden_in_every_crate() {
    let workspace = include_str!("../../Cargo.toml");
    assert!(workspace.contains("unsafe_code = \"forbid\""));
    for manifest in [include_str!("../../journal-core/Cargo.toml"), include_str!("../Cargo.toml")] {
        assert!(manifest.contains("[lints]\nworkspace = true"));
    }
    // The macro of libfuzzer-sys exports symbols, which `forbid` takes for unsafe code.
    assert!(include_str!("../../fuzz/Cargo.toml").contains("unsafe_code = \"deny\""));
}

#[test]
fn nothing_below_the_command_line_asks_clock_environment_thread_or_hash_order() {
    let mut wrong = Vec::new();
    for source in sources(&["journal-core/src", "simulator/src"]) {
        if matches!(source.module(), Some("cli" | "main")) {
            continue;
        }
        for (number, line) in source.code() {
            for (word, allowed) in IMPURE {
                // `FxHashMap` and the like have no random seed.
                let found = line.match_indices(word).any(|(at, _)| !line[..at].ends_with("Fx"));
                if found && !allowed.contains(&source.path.as_str()) {
                    wrong.push(format!("{}:{number}: {word}: {line}", source.path));
                }
            }
        }
    }
    nothing_wrong(&wrong);
}

#[test]
fn every_file_opens_by_saying_what_it_is() {
    let all = everything();
    let silent = all.iter().filter(|source| !source.text.starts_with("//! "));
    nothing_wrong(
        &silent.map(|source| format!("{} has no `//!`", source.path)).collect::<Vec<_>>(),
    );
}

#[test]
fn files_stay_small() {
    let mut wrong = Vec::new();
    for source in everything() {
        let known = LONGER.iter().find(|(path, _)| *path == source.path);
        let most = known.map_or(LINES_MAX, |(_, most)| *most);
        let lines = source.text.lines().count();
        if lines > most {
            wrong.push(format!("{}: {lines} lines, at most {most}", source.path));
        }
        if known.is_some() && lines <= LINES_MAX {
            wrong.push(format!("{}: {lines} lines: take it off the list", source.path));
        }
    }
    nothing_wrong(&wrong);
}

#[test]
fn no_test_is_ignored_and_none_sleeps() {
    // Put together here, so that this file does not name them.
    let words = [format!("#[{}", "ignore"), format!("thread::{}", "sleep")];
    let mut wrong = Vec::new();
    for source in everything() {
        for (number, line) in source.text.lines().enumerate() {
            if words.iter().any(|word| line.contains(word.as_str())) {
                wrong.push(format!("{}:{}: {line}", source.path, number + 1));
            }
        }
    }
    nothing_wrong(&wrong);
}

/// Cargo takes each file of `tests/` for a program unless it is told which are; told, it says nothing
/// of a file that is in none of them, whose tests would never run.
#[test]
fn every_file_of_tests_is_part_of_a_program() {
    let mut wrong = Vec::new();
    for (folder, manifest) in [
        ("journal-core/tests", include_str!("../../journal-core/Cargo.toml")),
        ("simulator/tests", include_str!("../Cargo.toml")),
    ] {
        let all = sources(&[folder]);
        let programs = manifest.split("[[test]]\nname = \"").skip(1);
        let programs: Vec<_> = programs.filter_map(|rest| rest.split('"').next()).collect();
        assert!(!programs.is_empty(), "{folder}: the manifest names its programs");
        for source in &all {
            let stem = source.path[folder.len() + 1..].trim_end_matches(".rs");
            let module = format!("\nmod {stem};\n");
            let listed = || all.iter().any(|other| other.text.contains(&module));
            if !stem.contains('/') && !programs.contains(&stem) && !listed() {
                wrong.push(format!("{}: list it in one of {programs:?}", source.path));
            }
        }
    }
    nothing_wrong(&wrong);
}
