//! The commands: one file each.
//!
//! Comes in: the command line. Goes out: an exit code. Must never: hold what a library user would also need.
//!
//! Exit codes (sysexits.h): 0 done; 64 wrong call, configuration or schema; 65 a record was refused; 69 a service is
//! unreachable; 70 a bug or a fatal client error.

pub mod check;
pub mod convert;
pub mod demo;
pub mod read;
pub mod run;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// A wrong call, a wrong configuration, a wrong schema.
pub const EXIT_USAGE: u8 = 64;
/// A record was refused.
pub const EXIT_DATA: u8 = 65;

/// Moves Kafka topics from JSON to Avro.
#[derive(Debug, Parser)]
#[command(name = "json2avro", version, about, max_term_width = 100)]
pub struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// See it work: embedded broker and registry, orders from JSON to Avro; nothing needed
    Demo(demo::Args),
    /// Run the pipelines of a config file until SIGTERM
    Run(run::Args),
    /// Validate a config file without running it, against the live services too with --live
    Check(check::Args),
    /// Convert JSON to Avro offline, standard input to standard output
    Convert(convert::Args),
    /// Read an Avro topic and print it as JSON lines
    Read(read::Args),
}

impl Command {
    /// Runs the command to its end.
    #[must_use]
    pub fn run(self) -> ExitCode {
        match self {
            Self::Demo(args) => demo::run(&args),
            Self::Run(args) => run::run(&args),
            Self::Check(args) => check::run(&args),
            Self::Convert(args) => convert::run(&args),
            Self::Read(args) => read::run(&args),
        }
    }
}

/// Prints what clap has to say: help and version are no mistake, anything else is a wrong call.
#[must_use]
pub fn usage(error: &clap::Error) -> ExitCode {
    let code = if error.use_stderr() { EXIT_USAGE } else { 0 };
    // Nothing is left to do when even the terminal is gone.
    drop(error.print());
    ExitCode::from(code)
}

/// Says what is wrong with the call or the configuration, and gives the exit code for it.
fn refuse(message: &str) -> ExitCode {
    complain(message);
    ExitCode::from(EXIT_USAGE)
}

/// One message for a person, on standard error.
fn complain(message: &str) {
    use std::io::Write as _;
    // eprintln! would panic where the reader has gone.
    drop(writeln!(std::io::stderr(), "{message}"));
}
