//! `json2avro demo`: the whole way of a record, with nothing installed.
//!
//! `settings` the config it runs; `screen` the terminal; `progress` watches the run; `evolution` gives the subject its
//! second version; `account` adds it all up; `readback` shows what lies in the topics. The pipeline is the one that `run` runs, from the same config; embedded are the broker
//! (librdkafka's own), the registry and the feed of orders. Comes in: how many records. Goes out: progress, a summary, an
//! exit code. Must never: reach beyond loopback, read the environment's config, leave anything behind.

mod account;
mod evolution;
mod progress;
mod readback;
mod screen;
mod settings;

use crate::app::App;
use crate::config::{Config, Log, LogFormat};
use crate::embedded::feed::{Feed, Load};
use crate::embedded::orders;
use crate::embedded::registry::Registry;
use crate::fault::{Blame, Fault, Stage};
use crate::kafka::mock::MockCluster;
use crate::registry::Client;
use crate::telemetry;
use account::Account;
use evolution::Evolution;
use progress::Progress;
use screen::Screen;
use std::io::IsTerminal as _;
use std::process::ExitCode;
use std::sync::Arc;
use std::thread::JoinHandle;
use tokio::runtime::Runtime;

/// With `--forever`, the schema evolves after so many records.
const EVOLVE_AFTER: u64 = 100_000;

const AFTER_HELP: &str = "\
Needs no broker, no registry and no config: those are embedded, on loopback, and keep the newest 5 MiB of each partition \
in memory. At a terminal the status is redrawn in place, otherwise it is a line a second. Colours stay off where NO_COLOR \
is set.

Exit codes: 0 every record read was written or dead-lettered, and all of it is committed (after Ctrl-C too); 70 it does \
not add up, and the last lines say what; 64, 69 a fault that is yours or the system's; 75 a second Ctrl-C.";

/// Arguments of `demo`.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Args {
    /// End after this many orders
    #[arg(long, value_name = "N", default_value_t = 1_000_000, value_parser = clap::value_parser!(u64).range(1..))]
    records: u64,
    /// Go on until Ctrl-C
    #[arg(long, conflicts_with = "records")]
    forever: bool,
}

/// Runs the demo to its end.
#[must_use]
pub fn run(args: &Args) -> ExitCode {
    // What the log would tell is shown as progress; errors are not.
    drop(telemetry::log::init(&Log { format: LogFormat::Human, level: "error".to_owned() }));
    let mut screen = Screen::new(std::io::stdout().is_terminal());
    match Scene::set(&mut screen).and_then(|scene| scene.play(args, &mut screen)) {
        Ok(code) => ExitCode::from(code),
        Err(fault) => {
            super::complain(&format!("json2avro demo: {fault}"));
            ExitCode::from(fault.blame.exit_code())
        }
    }
}

/// All that the demo runs on.
struct Scene {
    /// Held for its services alone.
    _cluster: MockCluster,
    _registry: Registry,
    runtime: Runtime,
    client: Client,
    config: Config,
    text: String,
    app: App,
}

impl Scene {
    /// Starts the services, writes the config for them and builds the pipeline by it.
    fn set(screen: &mut Screen) -> Result<Self, Fault> {
        let cluster = MockCluster::start()?;
        for (topic, partitions) in settings::TOPICS {
            cluster.create_topic(topic, partitions)?;
        }
        let registry = Registry::start(0).map_err(|error| died("the embedded registry", &error.to_string()))?;
        let (text, config, app) = settings::build(&cluster.bootstrap_servers(), registry.url())?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| died("the runtime", &error.to_string()))?;
        // The pipeline's own client counts its requests; this one stands for whoever owns the schema.
        let client = Client::new(settings::registry(&config)?, Arc::new(|_, _, _| {}))?;
        introduce(screen, &cluster, &registry, &app);
        Ok(Self { _cluster: cluster, _registry: registry, runtime, client, config, text, app })
    }

    /// Runs the pipeline over the orders and tells how it went: the exit code.
    fn play(self, args: &Args, screen: &mut Screen) -> Result<u8, Fault> {
        let records = (!args.forever).then_some(args.records);
        let evolve_after = records.map_or(EVOLVE_AFTER, |records| (records / 2).max(1));
        let mut evolution = Evolution::begin(self.runtime, self.client, evolve_after)?;
        let (shutdown, metrics) = (self.app.shutdown(), self.app.metrics());
        let kafka = settings::kafka(&self.config)?;
        let load = Load {
            kafka: kafka.clone(),
            topic: settings::SOURCE.to_owned(),
            partitions: settings::PARTITIONS,
            pipeline: settings::PIPELINE.to_owned(),
            records,
            evolve_after,
        };
        let feed = Feed::start(load, Arc::clone(&metrics), shutdown.clone())?;
        let app = spawn(self.app)?;
        let mut progress = Progress::new(metrics, shutdown, records);
        while !app.is_finished() {
            if let Err(fault) = evolution.step(&feed, &mut progress, screen) {
                progress.give_up(fault);
            }
            progress.step(&feed, screen);
        }
        let ended = app.join().unwrap_or_else(|_| Err(died("the pipeline", "it panicked")));
        let run = progress.close(&feed, screen);
        let account = Account::draw(kafka, run, feed.join(), ended);
        readback::show(kafka, settings::registry(&self.config)?, screen)?;
        account.show(screen);
        settings::show(&self.text, screen);
        Ok(account.verdict(screen))
    }
}

fn introduce(screen: &mut Screen, cluster: &MockCluster, registry: &Registry, app: &App) {
    let title = screen.bold("json2avro demo: orders as JSON in, the same orders as Avro out");
    let metrics = screen.bold(&format!("http://{}/metrics", app.admin_address()));
    let lines = [
        title,
        String::new(),
        format!("  embedded   Kafka broker     {}  (librdkafka's mock cluster)", cluster.bootstrap_servers()),
        format!("  embedded   Schema Registry  {}", registry.url()),
        format!("  embedded   a producer of orders, one in {} of them bad", orders::BAD_EVERY),
        "  real       the pipeline: config, consumer group, transcoder, commits, dead letters".to_owned(),
        format!("  metrics    {metrics}"),
        String::new(),
    ];
    lines.iter().for_each(|line| screen.say(line));
}

/// The pipeline's own thread, so that this one can watch.
fn spawn(app: App) -> Result<JoinHandle<Result<(), Fault>>, Fault> {
    let run = || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.map_err(|error| died("the pipeline's runtime", &error.to_string()))?.block_on(app.run())
    };
    let thread = std::thread::Builder::new().name("app".to_owned()).spawn(run);
    thread.map_err(|error| died("the pipeline's thread", &error.to_string()))
}

fn died(what: &str, how: &str) -> Fault {
    Fault::lasting(Stage::Config, Blame::Us, "died", format!("{what} did not live: {how}"))
}
