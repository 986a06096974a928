//! The run folder: `latest/report.json`, what is drawn from it (`report.html`, `junit.xml`, `summary.md`),
//! `latest/cases/*.json`, `latest/environment.json`, and the one before as `previous`.
//!
//! The one idea: everything is written into a new folder beside, and takes its place by renaming,
//! so that a reader never sees half a report, and a full disk never costs the last good one.
//!
//! Invariant: a folder that does not look like a report's is never removed.
//!
//! What it is not: an archive. Two generations are kept.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::diff::Diff;
use super::environment::Running;
use super::model::{Report, SCHEMA_VERSION};
use super::{html, junit, layout, markdown};
use crate::case::Case;
use crate::malformed;

/// What went wrong with a file.
#[derive(Debug)]
pub enum FileError {
    /// The machine's fault.
    Io {
        /// What was being done.
        doing: &'static str,
        /// Where.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The content's fault.
    Malformed {
        /// Where.
        path: PathBuf,
        /// Expected, found, where in the text.
        what: String,
    },
}

impl std::fmt::Display for FileError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            FileError::Io { doing, path, source } => {
                write!(f, "{doing} {}: {source}", path.display())
            }
            FileError::Malformed { path, what } => write!(f, "{}: {what}", path.display()),
        }
    }
}

impl std::error::Error for FileError {}

fn io(doing: &'static str, path: &Path) -> impl Fn(io::Error) -> FileError {
    move |source| FileError::Io { doing, path: path.to_owned(), source }
}

/// The text of a report.
///
/// # Panics
/// Never: a report is plain data.
#[must_use]
pub fn text(report: &Report) -> String {
    layout::text(report).expect("a report is plain data")
}

/// Reads the text of a report.
///
/// # Errors
/// What was expected and what was found.
pub fn parse(text: &str) -> Result<Report, String> {
    let value: serde_json::Value = malformed::read(text, "a report")?;
    match value.get("schema_version").map(|v| v.as_u64()) {
        Some(Some(version)) if version == u64::from(SCHEMA_VERSION) => {}
        Some(Some(found)) => {
            return Err(format!("expected schema_version {SCHEMA_VERSION}, found {found}"));
        }
        _ => return Err("expected a report, found no number `schema_version`".to_owned()),
    }
    // Of a value it would not be told where it is wrong.
    malformed::read(text, "a report")
}

/// The name of a counterexample's file, below the run folder.
#[must_use]
pub fn case_file(journal: &str, device: &str, workload: &str) -> String {
    let plain = |name: &str| -> String {
        name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect()
    };
    format!("cases/{}--{}--{}.json", plain(journal), plain(device), plain(workload))
}

/// What is written beside a report, or drawn with it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Beside<'b> {
    /// What differs from an older report: what is drawn tells it.
    pub diff: Option<&'b Diff>,
    /// The run that made it: `environment.json` tells of it.
    pub running: Option<&'b Running>,
}

/// The folder that a report is written into first: named by process, so that two runs do not write into one.
fn fresh(out: &Path) -> PathBuf {
    out.join(format!(".new-{}", std::process::id()))
}

/// Sees to it that a report can be written into a folder, before there is one to write.
///
/// # Errors
/// When the machine does not let it.
pub fn prepare(out: &Path) -> Result<(), FileError> {
    let trial = fresh(out);
    let tried = fs::create_dir_all(&trial).and_then(|()| fs::remove_dir(&trial));
    tried.map_err(io("no report can be written into the folder (choose another: --out)", out))
}

/// Writes a report into `out/latest`; what was there becomes `out/previous`. Returns the folder.
///
/// # Errors
/// When the machine does not let it; then `latest` is as it was.
pub fn write(report: &Report, beside: Beside<'_>, out: &Path) -> Result<PathBuf, FileError> {
    let latest = out.join("latest");
    let previous = out.join("previous");
    let fresh = fresh(out);
    fs::create_dir_all(fresh.join("cases")).map_err(io("cannot create", &fresh))?;
    let written = fill(report, beside, &fresh).and_then(|()| {
        retire(&previous, out)?;
        if latest.exists() {
            fs::rename(&latest, &previous).map_err(io("cannot rename", &latest))?;
        }
        fs::rename(&fresh, &latest).map_err(io("cannot rename", &fresh))?;
        flush(out)?;
        sweep(out);
        Ok(())
    });
    if written.is_err() {
        let _ = fs::remove_dir_all(&fresh);
    }
    written.map(|()| latest)
}

fn fill(report: &Report, beside: Beside<'_>, folder: &Path) -> Result<(), FileError> {
    let Beside { diff, running } = beside;
    let put = |name: &str, text: &str| {
        let path = folder.join(name);
        // On the medium before it gets its name: a campaign forgets what it knows once this is there.
        let write = || -> io::Result<()> {
            let mut file = fs::File::create(&path)?;
            io::Write::write_all(&mut file, text.as_bytes())?;
            file.sync_all()
        };
        write().map_err(io("cannot write", &path))
    };
    let results = text(report);
    put("report.json", &results)?;
    if let Some(running) = running {
        put("environment.json", &running.end(&report.tool, &results).text())?;
    }
    put("report.html", &html::page(report, diff))?;
    put("junit.xml", &junit::text(report, diff))?;
    put("summary.md", &markdown::text(report, diff, markdown::ROOM))?;
    for cell in &report.cells {
        for experiment in &cell.experiments {
            if let Some(found) = &experiment.counterexample {
                let name = case_file(&cell.journal, &cell.device, &experiment.workload);
                put(&name, &found.case.json())?;
            }
        }
    }
    for finding in report.campaign.iter().flat_map(|campaign| &campaign.findings) {
        // A token is a case; one that is not was put there by hand.
        if let Ok(case) = Case::parse(&finding.token) {
            put(&format!("cases/{}.json", finding.fingerprint), &case.json())?;
        }
    }
    flush(&folder.join("cases"))?;
    flush(folder)
}

/// Puts the names in a folder on the medium, where the system has a way to.
fn flush(folder: &Path) -> Result<(), FileError> {
    if cfg!(unix) {
        let flushed = fs::File::open(folder).and_then(|folder| folder.sync_all());
        flushed.map_err(io("cannot flush", folder))?;
    }
    Ok(())
}

/// What the names of former reports begin with that are about to be removed.
const RETIRED: &str = ".old-";

/// Takes a former report, and nothing else, out of the way of the next one.
///
/// It is renamed before it is removed. The crash that this prevents: the program is killed while it removes
/// one, `report.json` is gone and the folder is not, and every later run takes it for somebody else's.
fn retire(folder: &Path, out: &Path) -> Result<(), FileError> {
    if !folder.exists() {
        return Ok(());
    }
    if !folder.join("report.json").is_file() {
        let what = "expected a former report here (report.json), found something else; \
                    move it away or choose another --out";
        return Err(FileError::Malformed { path: folder.to_owned(), what: what.to_owned() });
    }
    sweep(out);
    let retired = out.join(format!("{RETIRED}{}", std::process::id()));
    fs::rename(folder, retired).map_err(io("cannot rename", folder))
}

/// Removes what was retired, by whomever. What cannot be removed now is removed another time.
fn sweep(out: &Path) {
    let Ok(entries) = fs::read_dir(out) else { return };
    for entry in entries.flatten() {
        if entry.file_name().to_string_lossy().starts_with(RETIRED) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}
