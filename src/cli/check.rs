//! `json2avro check`: a config validated without running it.
//!
//! `schema` the schema a pipeline would write with; `topics` what the clusters say; `access` what they allow;
//! `exactly_once` what transactions need; `sample` real records converted for a trial; `finding` what comes out. Comes in: a config file. Goes out: a report on standard
//! output, an exit code. Must never: produce, commit, join a group, register a schema, print a payload or a secret.

mod access;
mod exactly_once;
mod finding;
mod sample;
mod schema;
mod topics;

use crate::config::{self, Config, Conversion, Log, LogFormat, Mistakes, Pipeline, SchemaChoice};
use crate::fault::Blame;
use crate::telemetry;
use crate::transcoder::Plan;
use clap::ValueEnum;
use finding::{Finding, Notes, Report, Severity};
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;
use tokio::runtime::Runtime;

/// How long a cluster may not answer.
const PATIENCE: Duration = Duration::from_secs(15);

const AFTER_HELP: &str = "\
Without --live nothing is asked of any service: the config is loaded, all mistakes told at once, and local schema files \
are compiled. With --live, for each pipeline and each topic that it reads: brokers, topics, partition counts, sink \
topic settings, the subjects and their schemas, and what the principal is allowed: Read on source topics and on the group, \
Write on sink and dead letter topics; under exactly-once, whether source and sink are one cluster. The last records of the source are converted, neither produced nor committed. \
--records is shared among the source's partitions, at least one each. \
Brokers before Kafka 2.3 do not tell what they allow; there, Write is only known once something is written. Of a topic that \
would be made, Create is only told for the cluster as a whole.

Exit codes: 0 no errors, warnings allowed; 64 a mistake in the call, config, schema, topics or access; 65 records would \
be refused; 69 a service does not answer (15 seconds a cluster, three tries a registry); 70 a bug. Of several, the first \
of 70, 64, 69, 65.";

/// Arguments of `check`.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Args {
    /// The config file (TOML)
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Overrides a config key, over file and environment: --set pipeline.orders.start=latest
    #[arg(long = "set", value_name = "KEY=VALUE")]
    sets: Vec<String>,
    /// Ask brokers and registries too, and convert real records for a trial
    #[arg(long)]
    live: bool,
    /// How to print the findings: human = aligned lines, json = one JSON document
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
    /// How many records of each source topic to convert for a trial, 0 for none
    #[arg(long, value_name = "N", default_value_t = 100, requires = "live")]
    records: u32,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    Human,
    Json,
}

/// Runs the command.
#[must_use]
pub fn run(args: &Args) -> ExitCode {
    // What clients log is told again as findings.
    drop(telemetry::log::init(&Log { format: LogFormat::Human, level: "off".to_owned() }));
    let mut report = Report::default();
    match config::load(&args.config, &args.sets, std::env::vars_os()) {
        Ok(config) => check(args, &config, &mut report),
        Err(mistakes) => misconfigured(&mistakes, &mut report),
    }
    let text = match args.format {
        Format::Human => report.human(),
        Format::Json => report.json(),
    };
    // The exit code tells it too; nothing is left to do when nobody reads.
    drop(io::stdout().lock().write_all(text.as_bytes()));
    ExitCode::from(report.exit_code())
}

fn misconfigured(mistakes: &Mistakes, report: &mut Report) {
    for mistake in mistakes.iter() {
        let pipeline = mistake.key.strip_prefix("pipeline.").and_then(|rest| rest.split('.').next());
        report.findings.push(Finding {
            severity: Severity::Error,
            pipeline: pipeline.map(str::to_owned),
            about: if mistake.key.is_empty() { "config".to_owned() } else { mistake.key.clone() },
            message: format!("{}: {}", mistake.origin, mistake.wrong),
            next_step: mistake.next.clone(),
            blame: Some(Blame::Config),
        });
    }
}

fn check(args: &Args, config: &Config, report: &mut Report) {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            let mut notes = Notes { report, pipeline: "-" };
            return notes.error(Blame::Us, "runtime", format!("no runtime: {error}"), "report this");
        }
    };
    let mut clusters = topics::Clusters::new(config, PATIENCE);
    for (name, pipeline) in &config.pipeline {
        let mut notes = Notes { report, pipeline: name };
        notes.ok("config", "loaded");
        local_schemas(pipeline, &mut notes);
        if args.live {
            live(args, &runtime, &mut clusters, pipeline, &mut notes);
        }
    }
}

fn live(
    args: &Args,
    runtime: &Runtime,
    clusters: &mut topics::Clusters<'_>,
    pipeline: &Pipeline,
    notes: &mut Notes<'_>,
) {
    let mut first_readable = None;
    for topic in topics::of_pipeline(clusters, pipeline, notes) {
        let (route, named) = (pipeline.route(&topic), pipeline.source.topics.names.contains(&topic));
        let readable = topics::check(runtime, clusters, pipeline, &route, notes);
        if readable.is_some() && first_readable.is_none() {
            first_readable = Some(topic.clone());
        }
        let most_bytes = readable.as_ref().map_or(usize::MAX, |readable| readable.most_bytes);
        let mut resolve = |conversion: &Option<Conversion>| {
            let conversion = conversion.as_ref()?;
            Some(runtime.block_on(schema::resolve(clusters.config, pipeline, conversion, named, most_bytes, notes)))
        };
        // None: not converted. Some(None): its schema cannot be had, which was told.
        let (key, value) = (resolve(&route.key), resolve(&route.value));
        if let (Some(source), true) = (readable, args.records > 0)
            && !matches!((&key, &value), (Some(None), _) | (_, Some(None)))
        {
            let reencoders = sample::Reencoders { key: key.flatten(), value: value.flatten() };
            sample::check(&source, &topic, reencoders, args.records, PATIENCE, notes);
        }
    }
    access::group(clusters, pipeline, first_readable.as_deref(), notes);
    exactly_once::check(clusters, pipeline, notes);
}

/// Compiles the local files that a pipeline takes schemas from.
fn local_schemas(pipeline: &Pipeline, notes: &mut Notes<'_>) {
    let shapes = std::iter::once(&pipeline.shape).chain(pipeline.topic.values());
    let mut seen = Vec::new();
    for shape in shapes.flat_map(|shape| shape.key.iter().chain(&shape.value)) {
        let SchemaChoice::File { path, text, .. } = &shape.schema else { continue };
        // The same file with other settings is another matter.
        if seen.contains(&(path, &shape.transcoder)) {
            continue;
        }
        seen.push((path, &shape.transcoder));
        let about = format!("schema {}", path.file_name().unwrap_or_default().to_string_lossy());
        match Plan::compile(text, &[], &shape.transcoder) {
            Ok(_) => notes.ok(&about, "compiles"),
            Err(error) => notes.error(Blame::Config, &about, error.to_string(), error.next("correct the schema")),
        }
    }
}
