//! A campaign's folder: the lock, the journal, the cases.
//!
//! | name | is |
//! |---|---|
//! | `lock` | locked by the system as long as a campaign runs here; it holds the number of the process |
//! | `progress.journal` | the journal of `progress.rs` |
//! | `progress.journal.new` | one that is being made; never read |
//! | `cases/*.json` | a case for each finding, shrunk, named by its fingerprint |
//!
//! The one idea: nothing appears under its name before it is whole and on the medium: it is written
//! beside, flushed, renamed, and the folder flushed.
//!
//! Invariant: a file that is not understood is never changed, and an unfinished campaign is only
//! replaced if that is asked for. The lock is the system's: it dies with its process, so none is ever
//! left behind by a kill.
//!
//! What it is not: the report. That is `report/json.rs`.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::path::{Path, PathBuf};

use journal_core::{DeviceError, Entropy, Error, FileDevice};

use super::identity::Identity;
use super::progress::{self, BLOCK_BYTES, Progress, ProgressError};
use crate::explore::torture::{Found, Plan, Totals};

/// The journal's name.
pub const JOURNAL: &str = "progress.journal";

/// What cannot be done with a folder.
#[derive(Debug)]
pub enum FolderError {
    /// The machine's fault.
    Io {
        /// What was being done.
        doing: &'static str,
        /// Where.
        path: PathBuf,
        /// What the system said.
        said: String,
    },
    /// Another campaign runs in it.
    Busy {
        /// The lock.
        path: PathBuf,
        /// What it holds: a process number, if it could be read.
        by: String,
    },
    /// An unfinished campaign is in it.
    Unfinished {
        /// Its journal.
        path: PathBuf,
        /// Runs done.
        runs: u64,
    },
    /// Another campaign than the one that is asked for.
    Differs {
        /// Its journal.
        path: PathBuf,
        /// In what.
        what: Vec<String>,
    },
    /// Not a campaign's journal, or a damaged one. It was not changed.
    Unreadable {
        /// Where.
        path: PathBuf,
        /// Expected, found.
        what: String,
    },
}

impl std::fmt::Display for FolderError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            FolderError::Io { doing, path, said } => {
                write!(f, "{doing} {}: {said}", path.display())
            }
            FolderError::Busy { path, by } => write!(
                f,
                "{}: another campaign runs in this folder{by}; wait for it, or choose another --out",
                path.display()
            ),
            FolderError::Unfinished { path, runs } => write!(
                f,
                "{}: an unfinished campaign of {runs} runs so far is here; --resume goes on with \
                 it, --fresh throws it away, another --out leaves it alone",
                path.display()
            ),
            FolderError::Differs { path, what } => write!(
                f,
                "{}: cannot go on with another campaign: {}; ask for the same, or choose another \
                 --out",
                path.display(),
                what.join("; ")
            ),
            FolderError::Unreadable { path, what } => write!(
                f,
                "{}: {what}; nothing was changed. Move the file away or choose another --out",
                path.display()
            ),
        }
    }
}

impl std::error::Error for FolderError {}

fn io<'p>(doing: &'static str, path: &'p Path) -> impl Fn(io::Error) -> FolderError + 'p {
    move |error| FolderError::Io { doing, path: path.to_owned(), said: error.to_string() }
}

/// What to do about a campaign that is there already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// Begin, unless there is an unfinished one.
    Begin,
    /// Begin, whatever is there.
    Fresh,
    /// Go on where it is; begin if there is none.
    Resume,
}

/// A folder with a campaign in it; nobody else's as long as this lives.
#[derive(Debug)]
pub struct Folder {
    out: PathBuf,
    /// Held, not read: the system unlocks it when it is closed.
    _lock: File,
}

impl Folder {
    /// Makes the folder where it is not there, and locks it.
    ///
    /// # Errors
    /// When another process has it, or the machine does not let it.
    pub fn lock(out: &Path) -> Result<Folder, FolderError> {
        let cases = out.join("cases");
        fs::create_dir_all(&cases).map_err(io("cannot create", &cases))?;
        let path = out.join("lock");
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        let mut lock = options.open(&path).map_err(io("cannot open", &path))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut by = String::new();
                let _ = lock.take(64).read_to_string(&mut by);
                let by = match by.trim() {
                    "" => String::new(),
                    number => format!(" (process {number})"),
                };
                return Err(FolderError::Busy { path, by });
            }
            Err(TryLockError::Error(error)) => return Err(io("cannot lock", &path)(error)),
        }
        let number = format!("{}\n", std::process::id());
        let written = lock.set_len(0).and_then(|()| lock.write_all(number.as_bytes()));
        written.map_err(io("cannot write", &path))?;
        Ok(Folder { out: out.to_owned(), _lock: lock })
    }

    /// The journal's path.
    #[must_use]
    pub fn journal_path(&self) -> PathBuf {
        self.out.join(JOURNAL)
    }

    /// The file of a finding's case.
    #[must_use]
    pub fn case_path(&self, name: &str) -> PathBuf {
        self.out.join("cases").join(format!("{name}.json"))
    }

    /// The campaign of this plan, begun or gone on with.
    ///
    /// # Errors
    /// When there is something else, or the machine does not let it.
    pub fn campaign(
        &self,
        plan: &Plan,
        start: Start,
        entropy: &dyn Fn() -> Entropy,
    ) -> Result<Progress<FileDevice>, FolderError> {
        let path = self.journal_path();
        let asked = Identity::of(plan);
        let there = match FileDevice::open(&path, BLOCK_BYTES, BLOCK_BYTES) {
            Ok(device) => Some(Progress::read(device)),
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(error) if error.kind() == ErrorKind::InvalidData => {
                return Err(FolderError::Unreadable { path, what: error.to_string() });
            }
            Err(error) => return Err(io("cannot open", &path)(error)),
        };
        let Some(there) = there else { return self.begin(plan, asked, entropy) };
        let read = there.map_err(|(error, device)| self.told(error, &device, "cannot read"))?;
        match start {
            Start::Resume => {
                let what = read.identity().differences(&asked);
                if !what.is_empty() {
                    return Err(FolderError::Differs { path, what });
                }
                let resumed = read.resume(entropy());
                resumed.map_err(|(error, device)| self.told(error, &device, "cannot write"))
            }
            Start::Begin if !read.state().finished => {
                Err(FolderError::Unfinished { path, runs: read.state().totals.runs })
            }
            Start::Begin | Start::Fresh => {
                let (old, totals) = (read.identity().names(), read.state().totals.clone());
                drop(read);
                // First, since whoever goes on with the old one makes them again; behind the new
                // journal nobody would know any more whose they were.
                self.remove_cases(&old, &totals)?;
                self.begin(plan, asked, entropy)
            }
        }
    }

    /// Makes a journal beside, and gives it its name when it is whole.
    fn begin(
        &self,
        plan: &Plan,
        identity: Identity,
        entropy: &dyn Fn() -> Entropy,
    ) -> Result<Progress<FileDevice>, FolderError> {
        let path = self.journal_path();
        let new = self.out.join(format!("{JOURNAL}.new"));
        // Of one that was killed while it was being made: it has no name yet.
        match fs::remove_file(&new) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return Err(io("cannot remove", &new)(error));
            }
            _ => {}
        }
        let window = progress::window(plan);
        let device = FileDevice::create(&new, progress::geometry(window));
        let device = device.map_err(io("cannot create", &new))?;
        let begun = Progress::begin(device, identity, window, [entropy(), entropy()]);
        let begun = begun.map_err(|(error, device)| {
            let _ = fs::remove_file(&new);
            self.told(error, &device, "cannot write")
        })?;
        fs::rename(&new, &path).map_err(io("cannot rename", &new))?;
        flush_folder(&self.out)?;
        Ok(begun)
    }

    /// An error of the journal, with the file and what the system said.
    #[must_use]
    pub fn told(
        &self,
        error: ProgressError,
        device: &FileDevice,
        doing: &'static str,
    ) -> FolderError {
        let path = self.journal_path();
        let machine = matches!(
            error,
            ProgressError::Journal(
                Error::Device(
                    DeviceError::Io(_) | DeviceError::NoSpace(_) | DeviceError::Unreadable(_)
                ) | Error::Full { .. }
                    | Error::Poisoned
            )
        );
        let said = error.to_string();
        let system = device.failure().map_or(String::new(), |failure| format!(" ({failure})"));
        match machine {
            true => FolderError::Io { doing, path, said: said + &system },
            false => FolderError::Unreadable { path, what: said },
        }
    }

    /// Writes the cases of findings: each is whole and on the medium, and so is its name.
    ///
    /// # Errors
    /// When the machine does not let it.
    pub fn put_cases(&self, plan: &Plan, found: &[Found]) -> Result<(), FolderError> {
        let folder = self.out.join("cases");
        let mut wrote = false;
        for found in found {
            let path = self.case_path(&plan.fingerprint_name(found.fingerprint));
            let text = found.shown().json();
            if fs::read(&path).is_ok_and(|there| there == text.as_bytes()) {
                continue;
            }
            let beside = path.with_extension("new");
            let write = || -> io::Result<()> {
                let mut file = File::create(&beside)?;
                file.write_all(text.as_bytes())?;
                file.sync_all()
            };
            write().map_err(io("cannot write", &beside))?;
            fs::rename(&beside, &path).map_err(io("cannot rename", &beside))?;
            wrote = true;
        }
        if wrote { flush_folder(&folder) } else { Ok(()) }
    }

    /// Removes the cases of a campaign that is being replaced, and nothing else.
    fn remove_cases(&self, old: &Plan, totals: &Totals) -> Result<(), FolderError> {
        for fingerprint in totals.findings.keys() {
            let path = self.case_path(&old.fingerprint_name(*fingerprint));
            match fs::remove_file(&path) {
                Err(error) if error.kind() != ErrorKind::NotFound => {
                    return Err(io("cannot remove", &path)(error));
                }
                _ => {}
            }
        }
        Ok(())
    }
}

/// Puts the names in a folder on the medium, where the system has a way to.
fn flush_folder(folder: &Path) -> Result<(), FolderError> {
    if cfg!(unix) {
        let flushed = File::open(folder).and_then(|folder| folder.sync_all());
        flushed.map_err(io("cannot flush", folder))?;
    }
    Ok(())
}
