//! What is wrong with JSON that somebody else wrote, or that was cut off.
//!
//! The one idea: who reads the message has the file before them and not our types, so it says what the file
//! should have been, and where it stops being that.
//!
//! Invariant: the place is in the message.
//!
//! What it is not: a judgement of versions. Each kind of file looks at its own first.

use serde::de::DeserializeOwned;

/// Reads JSON that should be `what`: "a report".
///
/// # Errors
/// What was expected, what was found, and at which line and column.
pub fn read<T: DeserializeOwned>(text: &str, what: &str) -> Result<T, String> {
    serde_json::from_str(text).map_err(|error| said(&error, what))
}

/// What is wrong with JSON that should have been `what`.
#[must_use]
pub fn said(error: &serde_json::Error, what: &str) -> String {
    let (line, column) = (error.line(), error.column());
    if error.is_eof() {
        return format!(
            "expected {what}, found the end of the text at line {line} column {column}"
        );
    }
    if error.is_syntax() {
        return format!("expected {what}, found no JSON: {error}");
    }
    format!("expected {what}: {error}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_is_told_with_its_place() {
        let wrong = |text: &str| read::<Vec<u8>>(text, "a list").unwrap_err();
        assert_eq!(
            wrong("[1,\n2"),
            "expected a list, found the end of the text at line 2 column 1"
        );
        assert!(
            wrong("[1,\n}").starts_with("expected a list, found no JSON: expected value at line 2")
        );
        let said = wrong("[1,\n\"two\"]");
        assert!(said.starts_with("expected a list: invalid type: string \"two\""), "{said}");
        assert!(said.ends_with("at line 2 column 5"), "{said}");
    }
}
