//! A pipeline's life: prepare its routes, run its lane, keep schemas and topics fresh, start the lane anew.
//!
//! Comes in: checked config, clients, the order to drain. Goes out: the pipeline's end, good or not. Must never: touch a
//! record; wait for one pipeline because of another; give up because of an outage.

use super::assignment::Assignment;
use super::buffer::Buffer;
use super::exactly_once::ExactlyOnce;
use super::lag::Lag;
use super::lane::{Commits, Drain, Lane};
use super::offsets::Offsets;
use super::passage::{DeadLetter, Passage};
use super::rebalance::Rebalances;
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
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// Between two looks at a cluster that does not answer, and between two starts of a lane.
const AGAIN: Backoff = Backoff { first: Duration::from_millis(200), most: Duration::from_secs(10) };
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
    /// Its sign of life.
    pub pulse: Pulse,
    /// The order to drain.
    pub shutdown: Shutdown,
    /// How long a drain may take.
    pub drain_timeout: Duration,
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
            self.pulse.failed();
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
        let mut tries = 0;
        while !self.shutdown.ordered() {
            let began = Instant::now();
            let ended = match self.look(&mut routes, events).await? {
                None => return Ok(()),
                Some(dead_letter) => self.lane(&mut routes, dead_letter, events).await,
            };
            match ended {
                Err(fault) if fault.retry || fault.reason == "producer_fatal" => events.waiting(&fault, Instant::now()),
                ended => return ended,
            }
            // A lane that ran for a while starts anew at once.
            tries = if began.elapsed() > Duration::from_secs(60) { 0 } else { tries + 1 };
            self.rest(AGAIN.wait(tries)).await;
        }
        Ok(())
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
                    self.pulse.joined();
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

    /// Runs one lane to its end, and meanwhile asks for newer schemas and new topics.
    async fn lane(&self, routes: &mut Routes, dead_letter: i32, events: &mut Events) -> Result<(), Fault> {
        let lane = self.build_lane(routes, dead_letter)?;
        let (send, mut ended) = oneshot::channel();
        let spawned = std::thread::Builder::new().name(format!("lane {}", self.config.name)).spawn(move || {
            // Nobody listens any more only when the process is on its way out.
            drop(send.send(lane.run()));
        });
        spawned.map_err(|error| died(Stage::Config, "the lane's thread", &error.to_string()))?;
        events.started(&self.config.group_id, routes.count());
        loop {
            tokio::select! {
                ended = &mut ended => {
                    return ended.unwrap_or_else(|_| Err(died(Stage::Consume, "the lane", "it panicked")));
                }
                () = routes.freshen(events) => {}
            }
        }
    }

    fn build_lane(&self, routes: &Routes, dead_letter_partitions: i32) -> Result<Lane, Fault> {
        let config = &self.config;
        // The budget is checked after each record, so the queue may hold one more than it allows, and librdkafka counts
        // its own bookkeeping.
        let queue_bytes = config.in_flight_bytes.saturating_mul(2);
        let mut producer = match &config.delivery {
            Delivery::AtLeastOnce => Producer::new(&self.sink, queue_bytes)?,
            // One lane a pipeline, so far.
            Delivery::ExactlyOnce(how) => {
                Producer::transactional(&self.sink, queue_bytes, &how.id(&config.name, 0), how.timeout)?
            }
        };
        let dead_letter = match &config.refused.policy {
            RefusedPolicy::DeadLetter { topic } => {
                Some(DeadLetter { topic: producer.topic(topic)?, partitions: dead_letter_partitions })
            }
            RefusedPolicy::Skip | RefusedPolicy::Stop => None,
        };
        let consumer = Consumer::new(&self.source, &config.group_id)?;
        let lag = Lag::begin(consumer.watch(), self.metrics.clone())
            .map_err(|error| died(Stage::Config, "the lag's thread", &error.to_string()))?;
        let once = self.transactions(&producer)?;
        let offsets = if once.is_some() { Offsets::in_transactions() } else { Offsets::default() };
        let passage = Passage {
            config: Arc::clone(config),
            producer,
            routes: Vec::new(),
            dead_letter,
            offsets,
            // A lane that starts anew counts on.
            counts: self.metrics.counts(),
            events: Events::new(self.metrics.clone()),
            buffer: Buffer::default(),
            ledger: Ledger::default(),
            waiting: None,
            broken: None,
            condemned: Vec::new(),
        };
        Ok(Lane {
            passage,
            assignment: Assignment::default(),
            rebalances: Rebalances::default(),
            commits: Commits { pending: false, failed: false, last: Instant::now() },
            once,
            stops: BTreeMap::new(),
            board: routes.board(),
            seen: None,
            subscribed: Vec::new(),
            waiting_topics: Vec::new(),
            drain: Drain { timeout: self.drain_timeout, began: None, left_group: false },
            forwarded: Instant::now(),
            lag,
            pulse: self.pulse.clone(),
            shutdown: self.shutdown.clone(),
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
    async fn rest(&self, wait: Duration) {
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = self.shutdown.wait() => {}
        }
    }
}

pub(super) fn died(stage: Stage, what: &str, how: &str) -> Fault {
    Fault::lasting(stage, Blame::Us, "died", format!("{what} did not live: {how}; please report this"))
}
