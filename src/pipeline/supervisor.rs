//! A pipeline's life: prepare its routes, run its lanes, keep schemas and topics fresh, start lanes anew.
//!
//! Comes in: checked config, clients, the order to drain. Goes out: the pipeline's end, good or not. Must never: touch a
//! record; wait for one pipeline because of another; give up because of an outage.

use super::assignment::Assignment;
use super::buffer::Buffer;
use super::drain::Drain;
use super::exactly_once::ExactlyOnce;
use super::lag::Lag;
use super::lane::{Commits, Lane};
use super::lanes::Lanes;
use super::offsets::Offsets;
use super::passage::{DeadLetter, Passage};
use super::route::Board;
use super::routes::Routes;
use super::survey::Surveyor;
use super::transaction::Transaction;
use crate::backoff::Backoff;
use crate::config::{self, Delivery, RefusedPolicy};
use crate::fault::{Blame, Fault, Stage};
use crate::kafka::consumer::Consumer;
use crate::kafka::producer::Producer;
use crate::kafka::transaction::Transactor;
use crate::lifecycle::{Pulse, Shutdown};
use crate::registry::Client;
use crate::telemetry::{Events, LaneMetrics};
use crate::transcoder::Ledger;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Between two looks at a cluster that does not answer, and between two starts of a lane.
pub(super) const AGAIN: Backoff = Backoff { first: Duration::from_millis(200), most: Duration::from_secs(10) };
/// A topic that was just made is not known to every broker at once: only after this long is it believed to be missing.
const JUST_MADE: Duration = Duration::from_secs(5);

/// One pipeline with all that it needs.
#[derive(Debug)]
pub struct Supervisor {
    /// What it shall do.
    pub config: Arc<config::Pipeline>,
    /// The source's cluster.
    pub source: config::Kafka,
    /// The sink's cluster.
    pub sink: config::Kafka,
    /// The sink's registry.
    pub registry: Arc<Client>,
    /// The process's pipelines that write to the source's cluster: a pattern matches none of their outputs.
    pub writers: Vec<Arc<config::Pipeline>>,
    /// Its place in the metrics.
    pub metrics: LaneMetrics,
    /// Those of its lanes, as many as the config says.
    pub lanes: Vec<Seat>,
    /// The order to drain.
    pub shutdown: Shutdown,
    /// How long a drain may take.
    pub drain_timeout: Duration,
}

/// What stays of a lane when it is started anew.
#[derive(Clone, Debug)]
pub struct Seat {
    /// Its place in the metrics.
    pub metrics: LaneMetrics,
    /// Its sign of life.
    pub pulse: Pulse,
}

impl Supervisor {
    /// Runs the pipeline until it is drained.
    ///
    /// # Errors
    /// It cannot go on until someone acts; this was logged and shows in the metrics.
    pub async fn run(self) -> Result<(), Fault> {
        let mut events = Events::new(self.metrics.clone());
        let ended = self.life(&mut events).await;
        if let Err(fault) = &ended {
            events.failed(fault);
            self.failed();
        }
        ended
    }

    async fn life(&self, events: &mut Events) -> Result<(), Fault> {
        let config = Arc::clone(&self.config);
        let surveyor = Surveyor { config, source: self.source.clone(), sink: self.sink.clone() };
        let mut routes = Routes::new(surveyor, Arc::clone(&self.registry), self.writers.clone(), self.metrics.clone());
        tokio::select! {
            resolved = routes.resolve_named(events) => resolved?,
            () = self.shutdown.wait() => return Ok(()),
        }
        let mut lanes = Lanes::new(&self.lanes);
        while !self.shutdown.ordered() {
            let Some(dead_letter) = self.look(&mut routes, events).await? else { return Ok(()) };
            lanes.run(self, &mut routes, dead_letter, events).await?;
        }
        Ok(())
    }

    /// No probe shall wait for a lane any more.
    pub(super) fn failed(&self) {
        self.lanes.iter().for_each(|seat| seat.pulse.failed());
    }

    /// Looks at all topics until there is something to read: the dead letter topic's partitions, 0 where there is none.
    /// None: the order to drain came first.
    async fn look(&self, routes: &mut Routes, events: &mut Events) -> Result<Option<i32>, Fault> {
        let (began, mut tries) = (Instant::now(), 0);
        while !self.shutdown.ordered() {
            let looked = tokio::select! {
                looked = routes.look(events) => looked,
                () = self.shutdown.wait() => return Ok(None),
            };
            match looked {
                Ok(dead_letter) if routes.any() => return Ok(Some(dead_letter)),
                Ok(_) => {
                    // Ready, as a lane without a partition is: nothing else will come of waiting.
                    self.lanes.iter().for_each(|seat| seat.pulse.joined());
                    events.waiting(&routes.nothing_matches(), Instant::now());
                    if !routes.unanswered() {
                        self.rest(self.config.source.topic_refresh).await;
                        continue;
                    }
                }
                Err(fault) if fault.retry => events.waiting(&fault, Instant::now()),
                Err(fault) if fault.reason == "unknown_topic" && began.elapsed() < JUST_MADE => {
                    events.waiting(&fault, Instant::now());
                }
                Err(fault) => return Err(fault),
            }
            self.rest(AGAIN.wait(tries)).await;
            tries += 1;
        }
        Ok(None)
    }

    /// Lane number `number`, ready to run until `shutdown`.
    ///
    /// # Errors
    /// A client does not take its settings, or the system gives no thread.
    pub(super) fn build_lane(
        &self,
        number: usize,
        board: Arc<Board>,
        dead_letter_partitions: i32,
        shutdown: Shutdown,
    ) -> Result<Lane, Fault> {
        let config = &self.config;
        let Seat { metrics, pulse } = self.lanes[number].clone();
        let in_flight_bytes = config.in_flight_bytes_of_lane();
        // The budget is checked after each record, so the queue may hold one more than it allows, and librdkafka counts
        // its own bookkeeping.
        let queue_bytes = in_flight_bytes.saturating_mul(2);
        let mut producer = match &config.delivery {
            Delivery::AtLeastOnce => Producer::new(&self.sink, queue_bytes)?,
            Delivery::ExactlyOnce(how) => {
                Producer::transactional(&self.sink, queue_bytes, &how.id(&config.name, number), how.timeout)?
            }
        };
        let dead_letter = match &config.refused.policy {
            RefusedPolicy::DeadLetter { topic } => {
                Some(DeadLetter { topic: producer.topic(topic)?, partitions: dead_letter_partitions })
            }
            RefusedPolicy::Skip | RefusedPolicy::Stop => None,
        };
        let instance_id = config.group_instance_id_of_lane(number);
        let consumer = Consumer::new(&self.source, &config.group_id, instance_id.as_deref(), config.room)?;
        let lag = Lag::begin(consumer.watch(), metrics.clone())
            .map_err(|error| died(Stage::Config, "the lag's thread", &error.to_string()))?;
        if let Some(route) = board.shown().routes.first() {
            producer.topic(&route.sink_topic)?;
        }
        let once = self.transactions(&producer)?;
        let offsets = if once.is_some() { Offsets::in_transactions() } else { Offsets::default() };
        let passage = Passage {
            config: Arc::clone(config),
            producer,
            routes: Vec::new(),
            dead_letter,
            offsets,
            // A lane that starts anew counts on.
            counts: metrics.counts(),
            events: Events::new(metrics),
            buffer: Buffer::default(),
            ledger: Ledger::default(),
            waiting: None,
            in_flight_bytes,
            broken: None,
            condemned: Vec::new(),
        };
        Ok(Lane {
            passage,
            assignment: Assignment::default(),
            commits: Commits { pending: false, failed: false, last: Instant::now() },
            once,
            board,
            seen: None,
            subscribed: Vec::new(),
            waiting_topics: Vec::new(),
            drain: Drain::new(self.drain_timeout, config.group_instance_id.is_some()),
            forwarded: Instant::now(),
            began: Instant::now(),
            lag,
            pulse,
            shutdown,
            reports: Vec::new(),
            cursor: 0,
            consumer,
        })
    }

    /// The transactions of a lane, the first call made; None without.
    fn transactions(&self, producer: &Producer) -> Result<Option<ExactlyOnce>, Fault> {
        let Delivery::ExactlyOnce(how) = &self.config.delivery else { return Ok(None) };
        let calls = Transactor::begin(&self.config.name, how.timeout)
            .map_err(|error| died(Stage::Config, "the transactions' thread", &error.to_string()))?;
        calls.init(producer, None);
        Ok(Some(ExactlyOnce { state: Transaction::new(how.cut, how.timeout), calls, committing: Vec::new() }))
    }

    /// Waits, but not through an order to drain.
    pub(super) async fn rest(&self, wait: Duration) {
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = self.shutdown.wait() => {}
        }
    }
}

pub(super) fn died(stage: Stage, what: &str, how: &str) -> Fault {
    Fault::lasting(stage, Blame::Us, "died", format!("{what} did not live: {how}; please report this"))
}
