//! Names in arguments.
//!
//! The one idea: what has a short list is completed and corrected by it; a strategy has too long a
//! list for that, and is read by its five answers instead.
//!
//! Invariant: what comes out is a name that `journals::visit` knows, spelled as reports spell it.

use std::ffi::OsStr;

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, Command, Error};
use simulator::journals::{self, Family};

use super::with;

/// Reads the name of a journal, or the spelling of a strategy. A strategy that was declared under a
/// name goes by its spelling from here on: cases must not depend on the file.
#[derive(Clone, Copy, Debug)]
pub struct JournalNames;

/// The names of all journals, for arguments: a wrong one is refused with the nearest, a misspelt
/// strategy with the axis that is wrong.
pub fn journal_names() -> JournalNames {
    JournalNames
}

/// All names; hidden are those of twins, unless one is meant: there are as many as fill a screen.
fn listed(shows_twins: bool) -> impl Iterator<Item = PossibleValue> {
    journals::rows().into_iter().map(move |row| {
        PossibleValue::new(row.name).hide(row.family == Family::Twin && !shows_twins)
    })
}

impl TypedValueParser for JournalNames {
    type Value = String;

    fn parse_ref(
        &self,
        command: &Command,
        argument: Option<&Arg>,
        value: &OsStr,
    ) -> Result<String, Error> {
        let text = value.to_string_lossy();
        let declared = with::declared().strategies.iter().find(|(name, _)| *name == text);
        if let Some((_, strategy)) = declared {
            let spelling = strategy.to_string();
            return Ok(journals::name_of(&spelling).map_or(spelling.clone(), str::to_owned));
        }
        match journals::name_of(&text) {
            Ok(name) => Ok(name.to_owned()),
            Err(None) => PossibleValuesParser::new(listed(text.starts_with("twin")))
                .parse_ref(command, argument, value),
            Err(Some(why)) => {
                let mut error = Error::new(ErrorKind::ValueValidation).with_cmd(command);
                let argument = argument.map_or_else(String::new, ToString::to_string);
                error.insert(ContextKind::InvalidArg, ContextValue::String(argument));
                error.insert(ContextKind::InvalidValue, ContextValue::String(text.into_owned()));
                let why = format!("not a strategy: {why}");
                error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![why.into()]));
                Err(error)
            }
        }
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new(listed(false)))
    }
}
