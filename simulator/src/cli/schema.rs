//! `schema`: the JSON Schemas of what this program writes.
//!
//! The one idea: who has the program has its schemas.
//!
//! Invariant: the text is that of `reports/schema`.

use simulator::report::schema;

use super::exit::{Exit, Failure};
use super::screen::Screen;

/// Which one.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Of what
    #[arg(value_name = "WHAT", default_value = "report", value_parser = schema::NAMES)]
    what: String,
}

/// Prints it.
pub fn run(arguments: &Arguments, screen: &Screen) -> Result<Exit, Failure> {
    let text = schema::text(&arguments.what)
        .ok_or_else(|| Failure::new(Exit::Usage, format!("no schema of `{}`", arguments.what)))?;
    screen.write(&text)?;
    Ok(Exit::Clean)
}
