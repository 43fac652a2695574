//! Arguments -> command -> exit code.

use clap::Parser;
use std::process::ExitCode;

/// jemalloc for everything, librdkafka included: it allocates a message on one thread and frees it on another.
#[cfg(all(target_os = "linux", feature = "jemalloc"))]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    match json2avro::cli::Arguments::try_parse() {
        Ok(arguments) => arguments.command.run(),
        Err(error) => json2avro::cli::usage(&error),
    }
}
