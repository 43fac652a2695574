//! Config -> App: build, run, drain. The only file that sees all rooms.
//!
//! Comes in: a checked config. Goes out: the process's exit code. Must never: hold logic that a room could hold.

use crate::admin;
use crate::config::{Config, Kafka, Pipeline};
use crate::fault::{Blame, Fault, Stage};
use crate::kafka;
use crate::lifecycle::{Pulse, Shutdown};
use crate::pipeline::supervisor::{Seat, Supervisor};
use crate::registry::Client;
use crate::telemetry::{self, Metrics};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::JoinSet;

/// The drain was cut short: what was not committed is read again.
const EXIT_CUT_SHORT: i32 = 75;
/// What the process may still need after the drain's deadline: leaving the group, joining threads.
const GRACE: Duration = Duration::from_secs(5);

/// The pipelines of one process, with the admin server beside them.
#[derive(Debug)]
pub struct App {
    admin: admin::Bound,
    metrics: Arc<Metrics>,
    supervisors: Vec<Supervisor>,
    pulses: Vec<(String, Vec<Pulse>)>,
    shutdown: Shutdown,
    drain_timeout: Duration,
}

impl App {
    /// Puts everything together; nothing is asked of a broker or a registry yet.
    ///
    /// # Errors
    /// The admin address is taken, or a registry's settings cannot be used.
    pub fn build(config: &Config) -> Result<Self, Fault> {
        let admin = admin::bind(&config.admin)?;
        let metrics = Metrics::new(kafka::librdkafka_version());
        let shutdown = Shutdown::default();
        let registries = registries(config, &metrics)?;
        let mut supervisors = Vec::new();
        let mut pulses = Vec::new();
        let pipelines: Vec<Arc<Pipeline>> =
            config.pipeline.values().map(|pipeline| Arc::new(pipeline.clone())).collect();
        for pipeline in &pipelines {
            let name = &pipeline.name;
            let source = cluster(config, &pipeline.source.kafka)?;
            let writes_there = |other: &&Arc<Pipeline>| {
                config.kafka.get(&other.sink.kafka).is_some_and(|sink| sink.same_cluster(&source))
            };
            let lanes: Vec<Seat> = (0..pipeline.lanes)
                .map(|lane| {
                    let (one, pulse) = (pipeline.lanes == 1, Pulse::default());
                    let metrics = if one { metrics.pipeline(name) } else { metrics.lane(name, lane) };
                    metrics.beats(&pulse);
                    Seat { metrics, pulse }
                })
                .collect();
            pulses.push((name.clone(), lanes.iter().map(|seat| seat.pulse.clone()).collect()));
            supervisors.push(Supervisor {
                writers: pipelines.iter().filter(writes_there).cloned().collect(),
                source,
                sink: cluster(config, &pipeline.sink.kafka)?,
                registry: registries
                    .get(&pipeline.sink.registry)
                    .cloned()
                    .ok_or_else(|| undefined("registry", &pipeline.sink.registry))?,
                metrics: metrics.pipeline(name),
                lanes,
                config: Arc::clone(pipeline),
                shutdown: shutdown.clone(),
                drain_timeout: config.drain_timeout,
            });
        }
        Ok(Self { admin, metrics, supervisors, pulses, shutdown, drain_timeout: config.drain_timeout })
    }

    /// Gives the order to drain from elsewhere in the process, as SIGTERM does from outside.
    #[must_use]
    pub fn shutdown(&self) -> Shutdown {
        self.shutdown.clone()
    }

    /// What `/metrics` shows.
    #[must_use]
    pub fn metrics(&self) -> Arc<Metrics> {
        Arc::clone(&self.metrics)
    }

    /// Where `/live`, `/ready` and `/metrics` are.
    #[must_use]
    pub fn admin_address(&self) -> SocketAddr {
        self.admin.address()
    }

    /// Runs until every pipeline has ended, by SIGTERM or SIGINT, by [`Self::shutdown`], or because none
    /// can go on.
    ///
    /// # Errors
    /// The first fault of a pipeline that could not go on.
    pub async fn run(self) -> Result<(), Fault> {
        let mut signals = Signals::listen()?;
        tracing::info!(admin = %self.admin.address(), version = env!("CARGO_PKG_VERSION"), "json2avro runs");
        let mut pipelines = JoinSet::new();
        for supervisor in self.supervisors {
            pipelines.spawn(supervisor.run());
        }
        let admin = self.admin.serve(self.metrics, self.pulses, self.shutdown.clone());
        tokio::pin!(admin);
        let (mut first, mut serving) = (None, true);
        loop {
            tokio::select! {
                ended = pipelines.join_next() => match ended {
                    None => return first.map_or(Ok(()), Err),
                    Some(ended) => {
                        let fault = ended.unwrap_or_else(|error| Err(lost(&error.to_string()))).err();
                        first = first.or(fault);
                    }
                },
                served = &mut admin, if serving => {
                    serving = false;
                    tracing::error!(?served, "the admin server ended; the pipelines go on");
                }
                name = signals.next() => drain_or_end(name, &self.shutdown, self.drain_timeout),
            }
        }
    }
}

/// SIGTERM and SIGINT.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn listen() -> Result<Self, Fault> {
        let listen = |kind| signal(kind).map_err(|error| lost(&format!("no signal handler: {error}")));
        Ok(Self { terminate: listen(SignalKind::terminate())?, interrupt: listen(SignalKind::interrupt())? })
    }

    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}

/// The first signal orders the drain; a second one, or a drain that does not end by its deadline, ends the process.
fn drain_or_end(signal: &str, shutdown: &Shutdown, drain_timeout: Duration) {
    if shutdown.ordered() {
        tracing::warn!(signal, "second signal: ends without draining; what was not committed is read again");
        telemetry::log::flush();
        std::process::exit(EXIT_CUT_SHORT);
    }
    tracing::info!(signal, drain_timeout_ms = drain_timeout.as_millis(), "draining");
    shutdown.order();
    // A thread, not a task: it must end the process even if the runtime hangs in a client's close.
    let watchdog = std::thread::Builder::new().name("drain watchdog".into()).spawn(move || {
        std::thread::sleep(drain_timeout + GRACE);
        tracing::error!("the drain did not end by its deadline: ends anyway; what was not committed is read again");
        telemetry::log::flush();
        std::process::exit(EXIT_CUT_SHORT);
    });
    if let Err(error) = watchdog {
        tracing::warn!(%error, "no drain watchdog");
    }
}

fn registries(config: &Config, metrics: &Arc<Metrics>) -> Result<BTreeMap<String, Arc<Client>>, Fault> {
    let client = |(name, registry): (&String, _)| {
        Ok((name.clone(), Arc::new(Client::new(registry, Arc::new(metrics.registry_observer(name)))?)))
    };
    config.registry.iter().map(client).collect()
}

fn cluster(config: &Config, name: &str) -> Result<Kafka, Fault> {
    config.kafka.get(name).cloned().ok_or_else(|| undefined("kafka", name))
}

fn undefined(table: &str, name: &str) -> Fault {
    let message = format!("[{table}.{name}] is not defined");
    Fault::lasting(Stage::Config, Blame::Config, "undefined", message)
}

fn lost(how: &str) -> Fault {
    Fault::lasting(Stage::Config, Blame::Us, "died", format!("{how}; please report this"))
}
