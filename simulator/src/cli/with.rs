//! `--with FILE`: devices and strategies of the user's own.
//!
//! The one idea: names in other arguments may be those that the file declares, so the file is read
//! before the arguments are. That is the only argument that is looked for by hand.
//!
//! Invariant: read once, before anything else; from then on what it declares is like what is built
//! in, and cases do not need it.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use simulator::declared::Declared;

use super::exit::{Exit, Failure};

/// Largest file taken, bytes.
const FILE_BYTES_MAX: u64 = 1 << 20;

static DECLARED: OnceLock<Declared> = OnceLock::new();

/// What was declared.
pub fn declared() -> &'static Declared {
    static NOTHING: Declared = Declared { devices: Vec::new(), strategies: Vec::new() };
    DECLARED.get().unwrap_or(&NOTHING)
}

/// The files that the arguments name.
fn files(arguments: impl Iterator<Item = OsString>) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut arguments = arguments.take_while(|argument| argument != "--");
    while let Some(argument) = arguments.next() {
        if argument == "--with" {
            files.extend(arguments.next().map(PathBuf::from));
        } else if let Some(file) = argument.to_str().and_then(|text| text.strip_prefix("--with=")) {
            files.push(PathBuf::from(file));
        }
    }
    files
}

/// The text of a small file.
pub fn text(path: &Path) -> Result<String, Failure> {
    let name = path.display();
    let io = |e: std::io::Error| Failure::new(Exit::Io, format!("cannot read {name}: {e}"));
    let bytes = std::fs::metadata(path).map_err(io)?.len();
    if bytes > FILE_BYTES_MAX {
        let said = format!("{name}: expected at most {FILE_BYTES_MAX} bytes, found {bytes}");
        return Err(Failure::new(Exit::BadData, said));
    }
    String::from_utf8(std::fs::read(path).map_err(io)?)
        .map_err(|_| Failure::new(Exit::BadData, format!("{name}: expected text in UTF-8")))
}

fn read(path: &Path) -> Result<Declared, Failure> {
    let bad = |error| Failure::new(Exit::BadData, format!("{}: {error}", path.display()));
    Declared::parse(&text(path)?).map_err(bad)
}

/// Reads what the arguments name. A second file is left to the reader of arguments to refuse.
pub fn load(arguments: impl Iterator<Item = OsString>) -> Result<(), Failure> {
    if let Some(path) = files(arguments).first() {
        let _ = DECLARED.set(read(path)?);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_is_found_in_both_forms_and_not_behind_the_end_of_options() {
        let found = |words: &[&str]| files(words.iter().map(OsString::from));
        assert_eq!(found(&["compare", "--with", "a.toml"]), [PathBuf::from("a.toml")]);
        assert_eq!(found(&["--with=b.toml", "list"]), [PathBuf::from("b.toml")]);
        assert!(found(&["--", "--with", "c.toml"]).is_empty());
        assert!(found(&["list", "--with"]).is_empty());
    }
}
