//! Cases from arguments: a token, a file, or stdin.
//!
//! The one idea: whatever was printed by one command can be given to another.
//!
//! Invariant: reading takes no more than the largest case there may be, and running a case takes no
//! more memory than a device of [`DEVICE_BYTES_MAX`].

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use simulator::case::{Case, CaseError};

use super::exit::{Exit, Failure};

/// Largest text taken, bytes.
const TEXT_MAX: u64 = 64 << 20;

/// Largest simulated device that a given case may ask for: formats write all of it.
pub const DEVICE_BYTES_MAX: u64 = 256 << 20;

/// The text that an argument stands for.
pub fn text(argument: &str) -> Result<String, Failure> {
    if argument.starts_with("tw1-") || argument.starts_with("tw2-") {
        return Ok(argument.to_owned());
    }
    let failed = |error: io::Error| {
        let hint = match error.kind() {
            io::ErrorKind::NotFound if !argument.contains('/') => " (a token begins with tw1-)",
            _ => "",
        };
        Failure::new(Exit::Io, format!("cannot read {argument}: {error}{hint}"))
    };
    let mut bytes = Vec::new();
    if argument == "-" {
        io::stdin().lock().take(TEXT_MAX + 1).read_to_end(&mut bytes).map_err(failed)?;
    } else {
        let mut path = Path::new(argument).to_owned();
        if path.join("report.json").is_file() {
            path.push("report.json");
        }
        let file = File::open(path).map_err(failed)?;
        file.take(TEXT_MAX + 1).read_to_end(&mut bytes).map_err(failed)?;
    }
    if bytes.len() as u64 > TEXT_MAX {
        let said = format!("{argument}: expected at most {TEXT_MAX} bytes, found more");
        return Err(Failure::new(Exit::BadData, said));
    }
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        let said = format!("{argument}: expected text, found other bytes at byte {at}");
        Failure::new(Exit::BadData, said)
    })
}

/// Reads a case from such a text.
pub fn parse(text: &str) -> Result<Case, Failure> {
    let case = Case::parse(text).map_err(failure)?;
    if case.device_bytes > DEVICE_BYTES_MAX {
        let said = format!(
            "not a case: device_bytes: expected at most {DEVICE_BYTES_MAX}, found {}",
            case.device_bytes
        );
        return Err(Failure::new(Exit::BadData, said));
    }
    Ok(case)
}

/// How a case that cannot be run ends the program.
pub fn failure(error: CaseError) -> Failure {
    let exit = match error {
        CaseError::Malformed(_) | CaseError::Senseless(_) => Exit::BadData,
        CaseError::Version(_) | CaseError::UnknownJournal(_) | CaseError::Mismatch(_) => {
            Exit::CannotReplay
        }
    };
    Failure::new(exit, error.to_string())
}
