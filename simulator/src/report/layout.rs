//! JSON with line breaks where a person reads, and none where only programs do.
//!
//! The one idea: the outer levels are a table of contents, one item a line; what is deeper is one line
//! however long. So a cell of a report is a line for `grep` and `diff`, and a report is half the size.
//!
//! Invariant: white space is all that it adds; what is read back is the same.
//!
//! What it is not: configurable.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::ser::{Formatter, Serializer};

/// Levels of arrays and objects whose items stand on lines of their own.
const LEVELS: usize = 3;

#[derive(Default)]
struct Layout {
    level: usize,
    /// Whether something was written into the present level.
    filled: bool,
}

impl Layout {
    fn begin<W: ?Sized + Write>(&mut self, out: &mut W, bracket: &[u8]) -> io::Result<()> {
        self.level += 1;
        self.filled = false;
        out.write_all(bracket)
    }

    fn end<W: ?Sized + Write>(&mut self, out: &mut W, bracket: &[u8]) -> io::Result<()> {
        self.level -= 1;
        if self.filled && self.level < LEVELS {
            self.new_line(out)?;
        }
        self.filled = true;
        out.write_all(bracket)
    }

    fn new_line<W: ?Sized + Write>(&self, out: &mut W) -> io::Result<()> {
        out.write_all(b"\n")?;
        (0..self.level).try_for_each(|_| out.write_all(b"  "))
    }

    fn item<W: ?Sized + Write>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        self.filled = true;
        match (self.level <= LEVELS, first) {
            (true, first) => {
                out.write_all(if first { b"" } else { b"," })?;
                self.new_line(out)
            }
            (false, true) => Ok(()),
            (false, false) => out.write_all(b", "),
        }
    }
}

impl Formatter for Layout {
    fn begin_array<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.begin(out, b"[")
    }

    fn end_array<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.end(out, b"]")
    }

    fn begin_array_value<W: ?Sized + Write>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        self.item(out, first)
    }

    fn begin_object<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.begin(out, b"{")
    }

    fn end_object<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.end(out, b"}")
    }

    fn begin_object_key<W: ?Sized + Write>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        self.item(out, first)
    }

    fn begin_object_value<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        out.write_all(b": ")
    }
}

/// The JSON of some facts, with a line break at its end.
///
/// # Errors
/// When they cannot be JSON, such as a map whose keys are no text.
pub fn text<T: Serialize>(facts: &T) -> Result<String, serde_json::Error> {
    let mut out = Vec::new();
    facts.serialize(&mut Serializer::with_formatter(&mut out, Layout::default()))?;
    out.push(b'\n');
    Ok(String::from_utf8(out).expect("JSON is UTF-8"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outer_levels_have_lines_and_inner_ones_do_not_and_nothing_is_changed() {
        let facts = serde_json::json!({
            "cells": [{ "a": [1, 2, { "b": [] }], "c": {} }, { "a": "x", "c": [[3]] }],
            "empty": [],
        });
        let said = text(&facts).unwrap();
        let expected = r#"{
  "cells": [
    {
      "a": [1, 2, {"b": []}],
      "c": {}
    },
    {
      "a": "x",
      "c": [[3]]
    }
  ],
  "empty": []
}
"#;
        assert_eq!(said, expected);
        assert_eq!(serde_json::from_str::<serde_json::Value>(&said).unwrap(), facts);
    }
}
