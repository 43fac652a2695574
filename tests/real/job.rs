//! One pipeline under test: its topics, its subject, its config.
//!
//! Comes in: a name. Goes out: topics filled and a config text for the sidecar, each key of which a test may set.

use super::event::{Event, Mix, events};
use super::order;
use crate::services::sidecar::Sidecar;
use crate::services::topics::Record;
use crate::services::{Services, wait_at_broker};
use std::collections::BTreeMap;
use std::time::Duration;

/// Source and sink partitions.
pub(crate) const PARTITIONS: i32 = 4;

/// How the group's partitions change hands.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Protocol {
    /// The default: only those that change hands stop.
    Cooperative,
    /// All stop at each rebalance.
    Eager,
    /// KIP-848: the broker assigns.
    Broker,
}

/// One pipeline, its source filled, its schema registered.
pub(crate) struct Job<'a> {
    services: &'a Services,
    pub(crate) source: String,
    pub(crate) sink: String,
    pub(crate) dead_letter: String,
    pub(crate) group: String,
    /// By partition and offset.
    pub(crate) events: Vec<Vec<Event>>,
    /// Of the schema registered first.
    pub(crate) schema_id: i32,
    /// Dotted key to TOML value.
    settings: BTreeMap<&'static str, String>,
}

impl<'a> Job<'a> {
    /// Makes the topics, registers the schema, writes the source.
    pub(crate) fn new(services: &'a Services, name: &str, each: i64, mix: Mix) -> Self {
        let (source, sink, dead_letter) = (name.to_owned(), format!("{name}-avro"), format!("{name}-dead-letter"));
        for topic in [&source, &sink, &dead_letter] {
            // The timestamps are old: nothing must be deleted by age.
            services.create_topic(topic, PARTITIONS, &[("retention.ms", "-1")]);
        }
        let schema_id = services.register(&format!("{sink}-value"), order::SCHEMA);
        let events = events(PARTITIONS, each, mix);
        // Interleaved, as traffic is.
        let rows = (0..usize::try_from(each).unwrap()).flat_map(|row| events.iter().map(move |lane| &lane[row].record));
        services.produce(&source, rows);
        let group = format!("{name}-group");
        let settings = BTreeMap::from([
            ("log.format", quoted("human")),
            ("kafka.main.\"bootstrap.servers\"", quoted(services.bootstrap())),
            // A killed member must be found dead soon.
            ("kafka.main.\"session.timeout.ms\"", "6000".into()),
            ("kafka.main.\"heartbeat.interval.ms\"", "500".into()),
            ("registry.main.url", quoted(services.registry_url())),
            ("pipeline.main.group_id", quoted(&group)),
            ("pipeline.main.source.topic", quoted(&source)),
            ("pipeline.main.sink.topic", quoted(&sink)),
            ("pipeline.main.refused.policy", quoted("dead_letter")),
            ("pipeline.main.refused.dead_letter_topic", quoted(&dead_letter)),
        ]);
        Self { services, source, sink, dead_letter, group, events, schema_id, settings }
    }

    /// Sets a config key to a TOML value.
    #[must_use]
    pub(crate) fn set(mut self, key: &'static str, value: &str) -> Self {
        self.settings.insert(key, value.to_owned());
        self
    }

    /// Leaves a config key out.
    #[must_use]
    pub(crate) fn unset(mut self, key: &'static str) -> Self {
        self.settings.remove(key);
        self
    }

    /// Slow enough that a test can meet it midway: few bytes in flight are few records for each round trip.
    #[must_use]
    pub(crate) fn slow(self) -> Self {
        self.set("pipeline.main.in_flight_bytes", "32768").set("pipeline.main.commit_interval_ms", "300")
    }

    /// Each output carries where it came from.
    #[must_use]
    pub(crate) fn positioned(self) -> Self {
        self.set("pipeline.main.sink.source_position", "true")
    }

    /// Starts a process on this job.
    pub(crate) fn start(&self) -> Sidecar {
        self.start_without(&[])
    }

    /// Starts a process on this job with the defaults of these keys.
    pub(crate) fn start_without(&self, keys: &[&str]) -> Sidecar {
        let kept = self.settings.iter().filter(|(key, _)| !keys.contains(key));
        let lines: Vec<String> = kept.map(|(key, value)| format!("{key} = {value}")).collect();
        self.services.sidecar(&lines.join("\n"))
    }

    /// In transactions, as the instance `a`.
    #[must_use]
    pub(crate) fn exactly_once(self) -> Self {
        self.unset("pipeline.main.commit_interval_ms")
            .set("pipeline.main.delivery", "\"exactly_once\"")
            .set("pipeline.main.transaction.instance", "\"a\"")
            .set("pipeline.main.transaction.cut_ms", "50")
    }

    /// With this protocol in place of the default.
    #[must_use]
    pub(crate) fn protocol(self, protocol: Protocol) -> Self {
        match protocol {
            Protocol::Cooperative => self,
            Protocol::Eager => self.set("kafka.main.\"partition.assignment.strategy\"", "\"range\""),
            // Here the broker says how long a session is.
            Protocol::Broker => self
                .set("kafka.main.\"group.protocol\"", "\"consumer\"")
                .unset("kafka.main.\"session.timeout.ms\"")
                .unset("kafka.main.\"heartbeat.interval.ms\""),
        }
    }

    /// Starts a process on this job, under exactly-once as another instance.
    pub(crate) fn start_as(&self, instance: &str) -> Sidecar {
        self.start_with(&["pipeline.main.transaction.instance"], instance)
    }

    /// Starts a process on this job, in its group as this static member.
    pub(crate) fn start_static(&self, instance: &str) -> Sidecar {
        const KEYS: &[&str] = &["pipeline.main.group_instance_id", "pipeline.main.transaction.instance"];
        let transactions = self.settings.contains_key("pipeline.main.delivery");
        self.start_with(if transactions { KEYS } else { &KEYS[..1] }, instance)
    }

    fn start_with(&self, names: &[&str], instance: &str) -> Sidecar {
        let named = names.iter().map(|name| format!("{name} = {}", quoted(instance)));
        let kept = self.settings.iter().filter(|(key, _)| !names.contains(key));
        let lines: Vec<String> = named.chain(kept.map(|(key, value)| format!("{key} = {value}"))).collect();
        self.services.sidecar(&lines.join("\n"))
    }

    /// One process with the defaults of these keys runs to the end of the source.
    pub(crate) fn finish_without(&self, keys: &[&str], limit: Duration) {
        let last = self.start_without(keys);
        self.await_end(limit);
        last.terminate();
    }

    /// Waits until the whole source is committed.
    pub(crate) fn await_end(&self, limit: Duration) {
        let end: Vec<i64> = self.events.iter().map(|events| events.len() as i64).collect();
        wait_at_broker("the rest", limit, || (self.committed() == end).then_some(()));
    }

    /// How many records the source holds.
    pub(crate) fn total(&self) -> u64 {
        self.events.iter().map(|partition| partition.len() as u64).sum()
    }

    /// What lies in the sink, by partition.
    pub(crate) fn read_sink(&self) -> Vec<Vec<Record>> {
        self.services.read_topic(&self.sink)
    }

    /// How many members the group has, and its state.
    pub(crate) fn members(&self) -> (usize, String) {
        self.services.group(&self.group)
    }

    /// How many records lie in the sink.
    pub(crate) fn written(&self) -> u64 {
        self.services.end_offsets(&self.sink).iter().sum::<i64>().unsigned_abs()
    }

    /// What the group committed, by partition.
    pub(crate) fn committed(&self) -> Vec<i64> {
        self.services.committed(&self.group, &self.source)
    }
}

fn quoted(text: &str) -> String {
    format!("{text:?}")
}
