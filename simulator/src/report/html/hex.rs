//! Hexdumps on the page: lines of sixteen bytes, what was found above what was written.
//!
//! The one idea: what differs is marked where it stands, so the eye need not compare.
//!
//! Invariant: every byte of the window is shown, of what was written only lines that differ.
//!
//! What it is not: a decoder. The fields were named when the story was told.

use serde::Serialize;

use crate::report::dump::Dump;

/// Bytes of a line.
const LINE: usize = 16;

/// A window on a sector.
#[derive(Clone, Debug, Serialize)]
pub struct DumpView {
    /// The sector.
    pub lba: u64,
    /// Its lines.
    pub lines: Vec<Line>,
    /// Whether it could be read.
    pub readable: bool,
    /// Fields in the window.
    pub fields: Vec<FieldView>,
}

/// A line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Line {
    /// `found` or `written`.
    pub what: &'static str,
    /// Where it begins, hexadecimal.
    pub at: String,
    /// Bytes in hex, in runs; whether each run differs.
    pub runs: Vec<(String, bool)>,
    /// What stands between them and the text.
    pub gap: String,
    /// As text.
    pub text: String,
}

/// A field.
#[derive(Clone, Debug, Serialize)]
pub struct FieldView {
    /// Where, hexadecimal.
    pub at: String,
    /// How many bytes.
    pub bytes: u32,
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: String,
    /// How a reader takes it, as a word for a style.
    pub reader: String,
}

/// Reads hex; what is none is left out, since a report may be written by hand.
fn bytes(hex: &str) -> Vec<u8> {
    let digit = |c: &u8| (*c as char).to_digit(16).map(|digit| digit as u8);
    hex.as_bytes()
        .chunks_exact(2)
        .filter_map(|two| Some(digit(&two[0])? << 4 | digit(&two[1])?))
        .collect()
}

/// A window as lines.
#[must_use]
pub fn view(dump: &Dump) -> DumpView {
    let found = dump.found.as_deref().map(bytes);
    let written = dump.written.as_deref().map(bytes);
    let len = [&found, &written].into_iter().flatten().map(Vec::len).max().unwrap_or(0);
    let differs = |at: usize| match (&found, &written) {
        (Some(found), Some(written)) => found.get(at) != written.get(at),
        _ => false,
    };
    let mut lines = Vec::new();
    for from in (0..len).step_by(LINE) {
        let to = (from + LINE).min(len);
        let any = (from..to).any(differs);
        for (what, bytes) in [("found", &found), ("written", &written)] {
            let Some(bytes) = bytes else { continue };
            // A line that is as written is said once.
            if what == "written" && found.is_some() && !any {
                continue;
            }
            let Some(line) = bytes.get(from..to.min(bytes.len())) else { continue };
            let mut runs: Vec<(String, bool)> = Vec::new();
            for (i, byte) in line.iter().enumerate() {
                let marked = differs(from + i);
                let text = format!("{byte:02x}");
                match runs.last_mut() {
                    Some(run) if run.1 == marked => run.0 += &format!(" {text}"),
                    // The space between two runs is marked in neither.
                    Some(run) if run.1 => runs.push((format!(" {text}"), marked)),
                    Some(run) => {
                        run.0.push(' ');
                        runs.push((text, marked));
                    }
                    None => runs.push((text, marked)),
                }
            }
            let shown = |byte: &u8| if (0x20..0x7f).contains(byte) { *byte as char } else { '.' };
            lines.push(Line {
                what,
                at: format!("{:04x}", dump.at as usize + from),
                runs,
                gap: " ".repeat(2 + 3 * (LINE - line.len())),
                text: line.iter().map(shown).collect(),
            });
        }
    }
    DumpView {
        lba: dump.lba,
        lines,
        readable: found.is_some(),
        fields: dump
            .fields
            .iter()
            .map(|field| FieldView {
                at: format!("{:04x}", field.at),
                bytes: field.bytes,
                name: field.name.clone(),
                value: field.value.clone(),
                reader: field.reader.clone(),
            })
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_is_marked_and_what_does_not_is_said_once() {
        let written = "00".repeat(16) + &"41".repeat(16);
        let found = "00".repeat(16) + &"41".repeat(15) + "ff";
        let of = |found: Option<String>| Dump {
            lba: 3,
            at: 16,
            found,
            written: Some(written.clone()),
            fields: Vec::new(),
        };
        let view = super::view(&of(Some(found)));
        let brief: Vec<_> = view.lines.iter().map(|l| (l.what, &l.at[..], l.runs.len())).collect();
        assert_eq!(brief, [("found", "0010", 1), ("found", "0020", 2), ("written", "0020", 2)]);
        assert_eq!(view.lines[1].runs[1], ("ff".to_owned(), true));
        assert_eq!(view.lines[1].text, "AAAAAAAAAAAAAAA.");
        let lost = super::view(&of(None));
        assert!(!lost.readable && lost.lines.iter().all(|line| line.what == "written"));
    }
}
