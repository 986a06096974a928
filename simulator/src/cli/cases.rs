//! Cases from arguments: a token, a file, or stdin.
//!
//! The one idea: whatever was printed by one command can be given to another.
//!
//! Invariant: reading takes no more than the largest case there may be, and running a case takes no
//! more memory than a device of [`DEVICE_BYTES_MAX`].

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use simulator::case::{self, Case, CaseError};

use super::exit::{Exit, Failure};

/// Largest text taken, bytes.
const TEXT_MAX: u64 = 64 << 20;

/// Largest simulated device that a given case may ask for: formats write all of it.
pub const DEVICE_BYTES_MAX: u64 = 256 << 20;

/// The text that an argument stands for.
pub fn text(argument: &str) -> Result<String, Failure> {
    if case::is_token(argument) {
        return Ok(argument.to_owned());
    }
    let failed =
        |error: io::Error| Failure::new(Exit::Io, format!("cannot read {argument}: {error}"));
    let mut bytes = Vec::new();
    if argument == "-" {
        io::stdin().lock().take(TEXT_MAX + 1).read_to_end(&mut bytes).map_err(failed)?;
    } else {
        let mut path = Path::new(argument).to_owned();
        // The folder of a report, or the one that it was written into.
        let report = ["report.json", "latest/report.json"].map(|name| path.join(name));
        path = report.into_iter().find(|report| report.is_file()).unwrap_or(path);
        if path.is_dir() {
            let said =
                format!("{argument}: expected a file, or the folder of a report, found another");
            return Err(Failure::new(Exit::Io, said));
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

/// The same of an argument that is to be a case; `others` is what it may be besides.
pub fn text_of_case(argument: &str, others: &str) -> Result<String, Failure> {
    text(argument).map_err(|failure| {
        let is_name = argument != "-" && !Path::new(argument).exists();
        let hint = format!("; expected a file, a token (tw1-... or tw2-...){others}");
        let hint = if is_name { hint } else { String::new() };
        Failure { said: failure.said + &hint, ..failure }
    })
}

/// The case in the text of an argument: what is wrong is told with the argument's name.
pub fn named(argument: &str, text: &str) -> Result<Case, Failure> {
    parse(text).map_err(|failure| match case::is_token(argument) || argument == "-" {
        true => failure,
        false => Failure { said: format!("{argument}: {}", failure.said), ..failure },
    })
}

/// The case that an argument stands for.
pub fn given(argument: &str, others: &str) -> Result<Case, Failure> {
    named(argument, &text_of_case(argument, others)?)
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
        CaseError::Version { .. } | CaseError::UnknownJournal(_) | CaseError::Mismatch(_) => {
            Exit::CannotReplay
        }
    };
    Failure::new(exit, error.to_string())
}
