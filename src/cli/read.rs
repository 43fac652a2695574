//! `json2avro read`: an Avro topic as JSON lines.
//!
//! `source` finds cluster, registry and topic; `value` decodes; `line` writes. Comes in: arguments. Goes out: lines on
//! standard output, refused records on standard error, an exit code. Must never: join a group, commit, print a secret.

mod line;
mod source;
mod value;

pub(super) use value::{Undecodable, Values};

use super::{EXIT_DATA, EXIT_USAGE};
use crate::config::{Log, LogFormat, Start};
use crate::fault::{Blame, Fault, Stage};
use crate::kafka::reader::{Reader, Record, Span};
use crate::telemetry;
use std::io::{self, Write};
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

/// How long a cluster or a registry may not answer.
const PATIENCE: Duration = Duration::from_secs(30);

const AFTER_HELP: &str = "\
Reading ends after --max-records records; without it, it ends where each partition ended when reading began, unless \
--follow or --from latest is given. Partitions are read in turns, each one in order. No consumer group is joined, nothing \
is committed.

Exit codes: 0 done; 64 wrong call, or no such topic; 65 a record could not be decoded (standard error says which one, \
the others are printed); 69 the cluster or the registry did not answer for 30 seconds.";

/// Arguments of `read`.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Args {
    /// Topic to read [default with --config: the pipeline's sink topic]
    #[arg(long, required_unless_present = "config")]
    topic: Option<String>,
    /// Take cluster and registry from this config file: those of the pipeline's sink
    #[arg(long, value_name = "FILE", conflicts_with_all = ["bootstrap_servers", "registry_url"])]
    config: Option<PathBuf>,
    /// The pipeline in the config file [default: the only one]
    #[arg(long, value_name = "NAME", requires = "config", conflicts_with_all = ["bootstrap_servers", "registry_url"])]
    pipeline: Option<String>,
    /// Cluster, as HOST:PORT[,HOST:PORT]...; a secured one needs --config
    #[arg(long, value_name = "SERVERS", required_unless_present = "config", requires = "registry_url")]
    bootstrap_servers: Option<String>,
    /// Schema Registry, the base of its Confluent API; a secured one needs --config
    #[arg(long, value_name = "URL", required_unless_present = "config", requires = "bootstrap_servers")]
    registry_url: Option<String>,
    /// Only this partition
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i32).range(0..))]
    partition: Option<i32>,
    /// Where to begin: earliest, latest, or the first record of a time (2026-11-01T00:00:00Z, or milliseconds)
    #[arg(long, default_value = "earliest")]
    from: Start,
    /// End after this many records, waiting for them if need be
    #[arg(long, value_name = "N")]
    max_records: Option<u64>,
    /// Wait for more at the end
    #[arg(long)]
    follow: bool,
    /// Print each record as an object: topic, partition, offset, timestamp, key, headers, schema_id, value. A key or header
    /// that is no UTF-8 text is {"hex":"..."}
    #[arg(long)]
    with_metadata: bool,
    /// With --with-metadata: the key is Avro in a frame, too; print it as JSON
    #[arg(long, requires = "with_metadata")]
    avro_key: bool,
}

impl Args {
    fn span<'a>(&self, topic: &'a str) -> Span<'a> {
        let to_end = !self.follow && self.max_records.is_none() && self.from != Start::Latest;
        Span { topic, partition: self.partition, from: self.from, to_end }
    }
}

/// Runs the command.
#[must_use]
pub fn run(args: &Args) -> ExitCode {
    // Fails only where a process logs already, and then lines have a place to go.
    drop(telemetry::log::init(&Log { format: LogFormat::Human, level: "warn".to_owned() }));
    match source::find(args) {
        Ok(source) => match read(args, &source) {
            Ok(0) => ExitCode::SUCCESS,
            Ok(_) => ExitCode::from(EXIT_DATA),
            Err(fault) => {
                complain(&fault.message);
                ExitCode::from(fault.blame.exit_code())
            }
        },
        Err(message) => {
            complain(&message);
            ExitCode::from(EXIT_USAGE)
        }
    }
}

/// Reads to the end. Returns how many records could not be decoded.
fn read(args: &Args, source: &source::Source) -> Result<u64, Fault> {
    let mut values = Values::new(&source.registry, PATIENCE)?;
    let mut reader = Reader::open(&source.kafka, args.span(&source.topic), PATIENCE)?;
    let mut printer = Printer {
        topic: &source.topic,
        values: &mut values,
        out: io::stdout().lock(),
        with_metadata: args.with_metadata,
        avro_key: args.avro_key,
        left: args.max_records,
        line: Vec::new(),
        refused: 0,
        ended: Ok(()),
    };
    if printer.left != Some(0) {
        reader.each(|record| printer.print(record))?;
    }
    printer.ended.map(|()| printer.refused)
}

/// Record by record to standard output.
struct Printer<'a, W> {
    topic: &'a str,
    values: &'a mut Values,
    out: W,
    with_metadata: bool,
    avro_key: bool,
    /// Records still wanted.
    left: Option<u64>,
    line: Vec<u8>,
    refused: u64,
    /// How it ended, once it broke off.
    ended: Result<(), Fault>,
}

impl<W: Write> Printer<'_, W> {
    fn print(&mut self, record: &Record<'_>) -> ControlFlow<()> {
        if let Err(fault) = self.record(record) {
            self.ended = fault.map_or(Ok(()), Err);
            return ControlFlow::Break(());
        }
        self.left = self.left.map(|left| left.saturating_sub(1));
        if self.left == Some(0) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    /// Prints one record. An error ends it all; one without a fault is a reader of ours that has seen enough.
    fn record(&mut self, record: &Record<'_>) -> Result<(), Option<Fault>> {
        self.line.clear();
        let meta = self.with_metadata.then_some(self.topic);
        match line::write(&mut self.line, meta, self.avro_key, record, self.values) {
            Ok(()) => self.out.write_all(&self.line).and_then(|()| self.out.flush()).map_err(|error| {
                let message = format!("cannot write to standard output: {error}");
                (error.kind() != io::ErrorKind::BrokenPipe)
                    .then(|| Fault::lasting(Stage::Produce, Blame::Us, "stdout", message))
            }),
            Err(Undecodable::Record(message)) => {
                self.refused += 1;
                let (partition, offset) = (record.partition, record.offset);
                complain(&format!("{}[{partition}] offset {offset}: {message}", self.topic));
                Ok(())
            }
            Err(Undecodable::Registry(fault)) => Err(Some(fault)),
        }
    }
}

fn complain(message: &str) {
    // Nothing is left to do when even standard error is gone.
    drop(writeln!(io::stderr(), "json2avro read: {message}"));
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Debug, Parser)]
    struct Call {
        #[command(flatten)]
        args: Args,
    }

    fn call(line: &str) -> Result<Args, clap::Error> {
        Call::try_parse_from(std::iter::once("read").chain(line.split_whitespace())).map(|call| call.args)
    }

    #[test]
    fn a_wrong_call_is_refused() {
        const FLAGS: &str = "--topic t --bootstrap-servers b:1 --registry-url http://r";
        for (line, right) in [
            (FLAGS, true),
            ("--config f.toml", true),
            ("--config f.toml --pipeline p --topic t --max-records 5 --with-metadata --follow --partition 3", true),
            ("--config f.toml --avro-key", false),
            ("--config f.toml --avro-key --with-metadata", true),
            ("--topic t", false),
            ("--topic t --bootstrap-servers b:1", false),
            ("--topic t --registry-url http://r", false),
            ("--bootstrap-servers b:1 --registry-url http://r", false),
            ("--config f.toml --bootstrap-servers b:1 --registry-url http://r", false),
            ("--topic t --bootstrap-servers b:1 --registry-url http://r --pipeline p", false),
            ("--config f.toml --from yesterday", false),
            ("--config f.toml --partition -1", false),
            ("--config f.toml --max-records many", false),
        ] {
            assert_eq!(call(line).is_ok(), right, "{line}");
        }
    }

    #[test]
    fn where_it_begins_and_whether_it_ends_by_itself() {
        for (more, from, to_end) in [
            ("", Start::Earliest, true),
            ("--from earliest", Start::Earliest, true),
            ("--from 1700000000000", Start::Timestamp(1_700_000_000_000), true),
            ("--from latest", Start::Latest, false),
            ("--follow", Start::Earliest, false),
            ("--max-records 3", Start::Earliest, false),
        ] {
            let args = call(&format!("--config f.toml {more}")).unwrap();
            let span = args.span("t");
            assert_eq!((span.from, span.to_end), (from, to_end), "{more:?}");
        }
    }
}
