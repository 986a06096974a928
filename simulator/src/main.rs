//! The program `tornwrite`.
//!
//! The one idea: arguments in, exit code out; everything between is in `cli`, and everything that
//! finds or tells something is in the library.

mod cli;

fn main() -> std::process::ExitCode {
    cli::main()
}
