//! Where results and progress go.
//!
//! The one idea: results are made as a whole and written once; a reader that goes away (a closed
//! pipe) ends the writing, not the program.
//!
//! Invariant: nothing but results on stdout; colour only on a terminal, and not with NO_COLOR;
//! progress only where stderr is a terminal.

use std::io::{self, ErrorKind, IsTerminal, Write};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::Thread;
use std::time::Duration;

use serde::Serialize;
use simulator::report::layout;
use simulator::report::matrix::Look;

use super::exit::{Exit, Failure};

/// The form of results.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Form {
    /// For people.
    Text,
    /// For programs.
    Json,
}

/// The width where there is no terminal to ask.
const WIDTH: u16 = 80;

/// Where results go.
#[derive(Debug)]
pub struct Screen {
    /// In which form.
    pub form: Form,
    /// How text is drawn.
    pub look: Look,
}

impl Screen {
    /// The screen of this process.
    pub fn new(form: Form, width: Option<u16>) -> Screen {
        let terminal = io::stdout().is_terminal();
        let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let own = || {
            let size = terminal.then(terminal_size::terminal_size).flatten();
            size.map_or(WIDTH, |(width, _)| width.0.clamp(60, 160))
        };
        let width = usize::from(width.unwrap_or_else(own));
        Screen { form, look: Look { width, colour: terminal && !plain } }
    }

    /// Writes a result: as text, or the same facts as JSON.
    pub fn show<T: Serialize>(
        &self,
        facts: &T,
        text: impl FnOnce() -> String,
    ) -> Result<(), Failure> {
        match self.form {
            Form::Text => self.write(&text()),
            Form::Json => {
                let json =
                    layout::text(facts).map_err(|e| Failure::new(Exit::Ours, e.to_string()))?;
                self.write(&json)
            }
        }
    }

    /// Refuses `--format json` where the result has a form of its own.
    pub fn takes_no_json(&self) -> Result<(), Failure> {
        match self.form {
            Form::Text => Ok(()),
            Form::Json => {
                let said = "--format json: expected a result that can be JSON; this one has a form of its own";
                Err(Failure::new(Exit::Usage, said))
            }
        }
    }

    /// Writes text to stdout.
    pub fn write(&self, text: &str) -> Result<(), Failure> {
        let mut out = io::stdout().lock();
        match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
            Err(error) if error.kind() != ErrorKind::BrokenPipe => {
                Err(Failure::new(Exit::Io, format!("cannot write the result: {error}")))
            }
            _ => Ok(()),
        }
    }
}

/// The last line of a result: where its report was written, if it was.
pub fn written_to(folder: Option<&str>) -> String {
    folder.map_or(String::new(), |folder| format!("\nreport   {folder}/report.json, report.html\n"))
}

/// Says what is wrong, on stderr.
pub fn complain(said: &str) {
    let _ = writeln!(io::stderr(), "tornwrite: {said}");
}

/// Says something that is worth knowing and is no result, on stderr.
pub fn remark(said: &str) {
    let _ = writeln!(io::stderr(), "{said}");
}

/// A count on stderr, redrawn in place.
#[derive(Debug)]
pub struct Progress {
    what: &'static str,
    of: Option<u64>,
    done: AtomicU64,
    shown: bool,
}

impl Progress {
    /// A count of `what`, out of so many if that is known.
    pub fn new(what: &'static str, of: Option<u64>) -> Progress {
        Progress { what, of, done: AtomicU64::new(0), shown: io::stderr().is_terminal() }
    }

    /// One more is done.
    pub fn one_more(&self) {
        self.reached(self.done.load(Ordering::Relaxed) + 1);
    }

    /// So many are done.
    pub fn reached(&self, done: u64) {
        self.done.fetch_max(done, Ordering::Relaxed);
        if !self.shown {
            return;
        }
        let of = self.of.map_or(String::new(), |of| format!(" of {of}"));
        let done = self.done.load(Ordering::Relaxed);
        let _ = write!(io::stderr(), "\r{done}{of} {}", self.what);
    }
}

/// Does some work, and meanwhile shows how far a count of `what` is.
pub fn watching<T>(what: &'static str, count: &AtomicU64, work: impl FnOnce() -> T) -> T {
    let (progress, done) =
        (Progress::new(what, None), AtomicBool::new(!io::stderr().is_terminal()));
    std::thread::scope(|scope| {
        let watcher = scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                std::thread::park_timeout(BETWEEN);
                progress.reached(count.load(Ordering::Relaxed));
            }
        });
        let _wakes = Wakes(&done, watcher.thread());
        work()
    })
}

/// Between two looks at a count.
const BETWEEN: Duration = Duration::from_millis(200);

/// Ends the watching, however the work ends.
struct Wakes<'w>(&'w AtomicBool, &'w Thread);

impl Drop for Wakes<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
        self.1.unpark();
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.shown {
            let _ = write!(io::stderr(), "\r{:40}\r", "");
        }
    }
}
