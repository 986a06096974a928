//! The command line: one file per command.
//!
//! The one idea: a command takes its arguments and the screen, and returns how it ended. Results go
//! to stdout, progress and trouble to stderr.
//!
//! Invariant: arguments, exit codes and JSON are stable; the text for people is not.
//!
//! What it is not: a place where anything is found out. Commands ask the library.

mod bytes;
mod cases;
mod compare;
mod exit;
mod explain;
mod frontier;
mod grid;
mod inspect;
mod list;
mod names;
mod prove;
mod ratchet;
mod replay;
mod report;
mod schema;
mod screen;
mod selftest;
mod shard;
mod shrink;
mod signal;
mod torture;
mod with;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

use clap::builder::PossibleValuesParser;
use clap::{Parser, Subcommand};

use exit::{Exit, Failure};
use names::journal_names;
use screen::{Form, Screen};
use simulator::report::environment::Running;

/// Crash-tests journals and write-ahead logs on a simulated disk.
#[derive(Debug, Parser)]
#[command(name = "tornwrite", version, about, after_help = exit::HELP)]
struct Arguments {
    /// Without a command: compare
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    common: Common,
}

/// What every command takes.
#[derive(Clone, Debug, clap::Args)]
struct Common {
    /// For people, or the same facts as JSON
    #[arg(long, value_enum, default_value_t = Form::Text, global = true)]
    format: Form,
    /// Threads; the result does not depend on it [default: one per core]
    #[arg(short = 'j', long, value_name = "N", global = true)]
    #[arg(value_parser = clap::value_parser!(u16).range(1..=1024))]
    jobs: Option<u16>,
    /// Columns of the text [default: the terminal's, or 80]
    #[arg(long, value_name = "N", global = true)]
    #[arg(value_parser = clap::value_parser!(u16).range(60..=400))]
    width: Option<u16>,
    /// Devices and strategies of your own, as tables `device` and `strategy` of a TOML file
    #[arg(long, value_name = "FILE", global = true)]
    with: Option<std::path::PathBuf>,
}

impl Common {
    fn jobs(&self) -> usize {
        let cores = || std::thread::available_parallelism().map_or(1, usize::from);
        self.jobs.map_or_else(cores, usize::from)
    }

    /// The run that begins now.
    fn begin(&self) -> Running {
        let arguments = std::env::args_os().skip(1).map(|word| word.to_string_lossy().into_owned());
        Running::begin(arguments.collect(), self.jobs(), ratchet::unattended())
    }

    fn pool(&self) -> Result<rayon::ThreadPool, Failure> {
        let builder = rayon::ThreadPoolBuilder::new().num_threads(self.jobs());
        builder.build().map_err(|e| Failure::new(Exit::Io, format!("cannot start threads: {e}")))
    }
}

#[derive(Debug, Subcommand)]
enum Command {
    /// The matrix: journals x devices, each cell proven or refuted; writes the report
    Compare(compare::Arguments),
    /// One journal, one device, one workload, exhaustively
    Prove(prove::Arguments),
    /// The most hostile devices that each journal survives, and what breaks just beyond
    Frontier(frontier::Arguments),
    /// Random workloads and decisions, as many as there is time for
    Torture(torture::Arguments),
    /// Runs a case again, exactly
    Replay(replay::Arguments),
    /// A smaller case that fails in the same way
    Shrink(shrink::Arguments),
    /// The picture of a case, or what an oracle claims
    Explain(explain::Arguments),
    /// What each byte of a journal image means, and where a reader would stop
    Inspect(inspect::Arguments),
    /// A report drawn again, held against another one, or put together from shards
    Report(report::Arguments),
    /// The JSON Schema of a report, a case, a baseline or an environment
    Schema(schema::Arguments),
    /// What there is
    List(list::Arguments),
    /// Every flawed journal caught, every sound one silent: can this program still see?
    Selftest(selftest::Arguments),
}

/// The names of all devices.
fn device_names() -> PossibleValuesParser {
    let presets = simulator::disk::presets::all().into_iter().map(|preset| preset.contract.name);
    let declared = with::declared().devices.iter().map(|contract| contract.name.clone());
    PossibleValuesParser::new(presets.chain(declared))
}

/// Runs the program.
pub fn main() -> ExitCode {
    if let Err(failure) = with::load(std::env::args_os().skip(1)) {
        screen::complain(&failure.said);
        return ExitCode::from(failure.exit as u8);
    }
    let arguments = Arguments::parse();
    let screen = Screen::new(arguments.common.format, arguments.common.width);
    let common = &arguments.common;
    let command = arguments.command.unwrap_or(Command::Compare(compare::Arguments::default()));
    let ended = catch_unwind(AssertUnwindSafe(|| match command {
        Command::Compare(mine) => compare::run(&mine, common, &screen),
        Command::Prove(mine) => prove::run(&mine, common, &screen),
        Command::Frontier(mine) => frontier::run(&mine, common, &screen),
        Command::Torture(mine) => torture::run(&mine, common, &screen),
        Command::Replay(mine) => replay::run(&mine, &screen),
        Command::Shrink(mine) => shrink::run(&mine, &screen),
        Command::Explain(mine) => explain::run(&mine, &screen),
        Command::Inspect(mine) => inspect::run(&mine, &screen),
        Command::Report(mine) => report::run(&mine, common, &screen),
        Command::Schema(mine) => schema::run(&mine, &screen),
        Command::List(mine) => list::run(&mine, &screen),
        Command::Selftest(mine) => selftest::run(&mine, common, &screen),
    }));
    // What went wrong was told where it went wrong.
    let bug = "this is a bug of tornwrite: please report it, with the command and the lines above";
    let ended = ended.unwrap_or_else(|_| Err(Failure::new(Exit::Ours, bug)));
    let exit = ended.unwrap_or_else(|failure| {
        screen::complain(&failure.said);
        failure.exit
    });
    ExitCode::from(exit as u8)
}
