//! A pipeline's life: find its schema, look at its topics, run its lane, keep its schema fresh, start the lane anew.
//!
//! Comes in: checked config, clients, the order to drain. Goes out: the pipeline's end, good or not. Must never: touch a
//! record; wait for one pipeline because of another; give up because of an outage.

use super::assignment::Assignment;
use super::flood::Flood;
use super::lag::Lag;
use super::lane::{Commits, Drain, Lane};
use super::offsets::Offsets;
use super::passage::{PartitionCounts, Passage};
use super::rebalance::Rebalances;
use super::schema::{InForce, SchemaCell, Target};
use crate::backoff::Backoff;
use crate::config::{self, Partitioning, RefusedPolicy, SchemaChoice};
use crate::fault::{Blame, Fault, Stage};
use crate::kafka::consumer::Consumer;
use crate::kafka::producer::Producer;
use crate::kafka::topics::Topics;
use crate::lifecycle::{Pulse, Shutdown};
use crate::registry::{Client, Resolved, Source};
use crate::telemetry::{Events, LaneMetrics, SchemaInForce};
use crate::transcoder::Ledger;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// Between two looks at a cluster that does not answer, and between two starts of a lane.
const AGAIN: Backoff = Backoff { first: Duration::from_millis(200), most: Duration::from_secs(10) };
/// A topic that was just made is not known to every broker at once: only after this long is it believed to be missing.
const JUST_MADE: Duration = Duration::from_secs(5);
/// How long one question to a cluster may take.
const ASK: Duration = Duration::from_secs(5);

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
        let value = &self.config.value;
        let source = Source::new(Arc::clone(&self.registry), value.subject.clone(), value.schema.clone());
        let resolved = tokio::select! {
            resolved = source.resolve_at_start() => resolved?,
            () = self.shutdown.wait() => return Ok(()),
        };
        let cell = Arc::new(SchemaCell::new(self.compile(resolved, events)?));
        let mut tries = 0;
        while !self.shutdown.ordered() {
            let began = Instant::now();
            let ended = match self.partition_counts(events).await? {
                None => return Ok(()),
                Some(counts) => self.lane(&cell, &source, counts, events).await,
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

    fn compile(&self, resolved: Resolved, events: &Events) -> Result<Target, Fault> {
        let target = Target::compile(resolved, &self.config.value.transcoder)?;
        let resolved = &target.resolved;
        events.schema_in_force(SchemaInForce {
            subject: resolved.subject.clone().unwrap_or_else(|| self.config.value.subject.clone()),
            version: resolved.version,
            id: resolved.id,
        });
        if matches!(self.config.value.schema, SchemaChoice::Latest { .. }) {
            // Anything else is settled once: it has no age.
            self.metrics.schema_answered(Instant::now());
        }
        Ok(target)
    }

    /// How many partitions the topics have, once both clusters answer. None: the order to drain came first.
    async fn partition_counts(&self, events: &mut Events) -> Result<Option<PartitionCounts>, Fault> {
        let (began, mut tries) = (Instant::now(), 0);
        while !self.shutdown.ordered() {
            let (config, source, sink) = (Arc::clone(&self.config), self.source.clone(), self.sink.clone());
            let looked = tokio::task::spawn_blocking(move || look_at_topics(&config, &source, &sink)).await;
            match looked.unwrap_or_else(|error| Err(died(Stage::Config, "the look at the topics", &error.to_string())))
            {
                Ok(counts) => return Ok(Some(counts)),
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

    /// Runs one lane to its end, and meanwhile asks for a newer schema.
    async fn lane(
        &self,
        cell: &Arc<SchemaCell>,
        source: &Source,
        counts: PartitionCounts,
        events: &mut Events,
    ) -> Result<(), Fault> {
        let lane = self.build_lane(cell, counts)?;
        let (send, mut ended) = oneshot::channel();
        let spawned = std::thread::Builder::new().name(format!("lane {}", self.config.name)).spawn(move || {
            // Nobody listens any more only when the process is on its way out.
            drop(send.send(lane.run()));
        });
        spawned.map_err(|error| died(Stage::Config, "the lane's thread", &error.to_string()))?;
        events.started(&self.config.group_id);
        loop {
            tokio::select! {
                ended = &mut ended => {
                    return ended.unwrap_or_else(|_| Err(died(Stage::Consume, "the lane", "it panicked")));
                }
                () = self.refresh_due() => self.refresh(cell, source, events).await,
            }
        }
    }

    async fn refresh_due(&self) {
        match self.config.value.schema {
            SchemaChoice::Latest { refresh } => tokio::time::sleep(refresh).await,
            SchemaChoice::Version(_) | SchemaChoice::Id(_) | SchemaChoice::File { .. } => std::future::pending().await,
        }
    }

    /// A newer latest version is written with from the next record on. One that cannot be used, or a registry that does
    /// not answer, changes nothing: the schema in force stays.
    async fn refresh(&self, cell: &Arc<SchemaCell>, source: &Source, events: &mut Events) {
        let resolved = match source.resolve().await {
            Ok(resolved) if resolved == cell.target().resolved => return self.metrics.schema_answered(Instant::now()),
            Ok(resolved) => resolved,
            Err(fault) => return events.schema_refresh_failed(&fault, Instant::now()),
        };
        match self.compile(resolved, events) {
            Ok(target) => cell.switch(target),
            Err(fault) => events.schema_refresh_failed(&fault, Instant::now()),
        }
    }

    fn build_lane(&self, cell: &Arc<SchemaCell>, partition_counts: PartitionCounts) -> Result<Lane, Fault> {
        let config = &self.config;
        let mut topics = vec![config.sink.topic.as_str()];
        if let RefusedPolicy::DeadLetter { topic } = &config.refused.policy {
            topics.push(topic);
        }
        // The budget is checked after each record, so the queue may hold one more than it allows, and librdkafka counts
        // its own bookkeeping.
        let producer = Producer::new(&self.sink, config.in_flight_bytes.saturating_mul(2), &topics)?;
        let consumer = Consumer::new(&self.source, &config.group_id)?;
        let lag = Lag::begin(consumer.watch(), self.metrics.clone())
            .map_err(|error| died(Stage::Config, "the lag's thread", &error.to_string()))?;
        let passage = Passage {
            config: Arc::clone(config),
            producer,
            in_force: InForce::new(Arc::clone(cell)),
            offsets: Offsets::default(),
            // A lane that starts anew counts on.
            counts: self.metrics.counts(),
            events: Events::new(self.metrics.clone()),
            partition_counts,
            flood: Flood::new(&config.refused),
            buffer: Vec::new(),
            ledger: Ledger::default(),
            waiting: None,
        };
        Ok(Lane {
            passage,
            assignment: Assignment::default(),
            rebalances: Rebalances::default(),
            commits: Commits { pending: false, failed: false, last: Instant::now() },
            stops: BTreeMap::new(),
            flooded: None,
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

    /// Waits, but not through an order to drain.
    async fn rest(&self, wait: Duration) {
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = self.shutdown.wait() => {}
        }
    }
}

/// Asks both clusters, and refuses what cannot work.
fn look_at_topics(
    config: &config::Pipeline,
    source: &config::Kafka,
    sink: &config::Kafka,
) -> Result<PartitionCounts, Fault> {
    let source_partitions = Topics::new(source)?.partition_count(&config.source.topic, ASK)?;
    let topics = Topics::new(sink)?;
    let sink_partitions = topics.partition_count(&config.sink.topic, ASK)?;
    if config.sink.partitioning == Partitioning::Preserve && sink_partitions < source_partitions {
        let message = format!(
            "partitioning = \"preserve\", but sink topic {:?} has {sink_partitions} partitions and source topic {:?} has \
             {source_partitions}: give the sink at least as many, or set partitioning = \"by_key\"",
            config.sink.topic, config.source.topic
        );
        return Err(Fault::lasting(Stage::Config, Blame::Config, "fewer_partitions", message));
    }
    let dead_letter = match &config.refused.policy {
        RefusedPolicy::DeadLetter { topic } => topics.partition_count(topic, ASK)?,
        RefusedPolicy::Skip | RefusedPolicy::Stop => 0,
    };
    Ok(PartitionCounts { sink: sink_partitions, dead_letter })
}

fn died(stage: Stage, what: &str, how: &str) -> Fault {
    Fault::lasting(stage, Blame::Us, "died", format!("{what} did not live: {how}; please report this"))
}
