//! Probabilities that a user gives, from a file.
//!
//! The one idea: nothing is assumed. Both numbers must be there, and both are the user's own:
//!
//! ```toml
//! cut = "uniform-over-calls"   # the power goes at each crash point of the life alike
//! persist = "1/3"              # each sector of each command at risk is on the medium with this chance
//! ```
//!
//! A chance is a fraction `a/b`, or a decimal such as `0.25`, as text: it is taken exactly.
//!
//! Invariant: what comes out lies between 0 and 1. Whatever is wrong is told with line and column.

use num_bigint::BigUint;
use serde::Deserialize;
use toml::Spanned;

use super::{DeclaredError, Wrong, place};
use crate::disk::Fraction;

/// What a user knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probabilities {
    /// Where the power goes.
    pub cut: CutChance,
    /// The chance of each sector of each command at risk to be on the medium.
    pub persist: Fraction,
}

/// Where the power goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CutChance {
    /// During each call of the life that changes something, and after the last, alike.
    UniformOverCalls,
}

impl CutChance {
    /// The name in files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            CutChance::UniformOverCalls => "uniform-over-calls",
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    cut: Spanned<String>,
    persist: Spanned<String>,
}

impl Probabilities {
    /// Reads them.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn parse(text: &str) -> Result<Probabilities, DeclaredError> {
        let at = |wrong| place(text, wrong);
        let file: File = toml::from_str(text).map_err(|error| {
            at((error.span().unwrap_or(0..0), error.message().trim().to_owned()))
        })?;
        let cut = match file.cut.get_ref().as_str() {
            "uniform-over-calls" => CutChance::UniformOverCalls,
            other => {
                let said = format!("cut: expected `uniform-over-calls`, found `{other}`");
                return Err(at((file.cut.span(), said)));
            }
        };
        let persist = fraction(&file.persist).map_err(at)?;
        Ok(Probabilities { cut, persist })
    }
}

/// `a/b`, or a decimal.
fn fraction(text: &Spanned<String>) -> Result<Fraction, Wrong> {
    const DIGITS_MAX: usize = 30;
    let given = text.get_ref().trim();
    let wrong =
        |expected: &str| (text.span(), format!("persist: expected {expected}, found `{given}`"));
    let number = |digits: &str| -> Option<BigUint> {
        let plain = digits.len() <= DIGITS_MAX && digits.bytes().all(|b| b.is_ascii_digit());
        if plain { digits.parse().ok() } else { None }
    };
    let parsed = match (given.split_once('/'), given.split_once('.')) {
        (Some((of, per)), _) => number(of.trim()).zip(number(per.trim())),
        (None, Some((units, decimals))) => {
            let of = number(&format!("{units}{decimals}"));
            of.zip(number(&format!("1{}", "0".repeat(decimals.len()))))
        }
        (None, None) => number(given).map(|of| (of, BigUint::from(1u32))),
    };
    let (of, per) =
        parsed.ok_or_else(|| wrong("a fraction such as `1/3` or a decimal such as `0.25`"))?;
    Fraction::new(of, per).ok_or_else(|| wrong("a chance from 0 to 1"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(persist: &str) -> Result<String, String> {
        let text = format!("cut = \"uniform-over-calls\"\npersist = \"{persist}\"\n");
        Probabilities::parse(&text).map(|p| p.persist.to_string()).map_err(|e| e.to_string())
    }

    #[test]
    fn chances_are_taken_exactly() {
        let exact = [("1/3", "1/3"), ("2/6", "1/3"), ("0.25", "1/4"), ("0", "0/1"), ("1", "1/1")];
        for (given, taken) in exact {
            assert_eq!(parse(given), Ok(taken.to_owned()));
        }
    }

    #[test]
    fn what_is_no_chance_is_pointed_at() {
        for (given, expected) in
            [("4/3", "from 0 to 1"), ("1/0", "from 0 to 1"), ("1.5", "from 0 to 1")]
        {
            let said = parse(given).unwrap_err();
            assert!(said.starts_with("line 2, column 11") && said.contains(expected), "{said}");
        }
        for given in ["-1/3", "a third", "", "1/2/3", "1e-3", "0x1"] {
            assert!(parse(given).unwrap_err().contains("expected a fraction"), "{given}");
        }
    }

    #[test]
    fn nothing_is_assumed_and_nothing_unknown_is_passed_over() {
        let said = |text: &str| Probabilities::parse(text).unwrap_err().to_string();
        assert!(said("cut = \"uniform-over-calls\"\n").contains("persist"));
        assert!(said("persist = \"1/3\"\n").contains("cut"));
        let unknown = "cut = \"uniform-over-calls\"\npersist = \"1/3\"\nbit_flips = \"1/9\"\n";
        assert!(said(unknown).starts_with("line 3, column 1"), "{}", said(unknown));
        let where_else = "cut = \"at-random\"\npersist = \"1/3\"\n";
        assert!(said(where_else).starts_with("line 1, column 7"), "{}", said(where_else));
    }
}
