//! One record's way: JSON bytes -> Avro bytes -> frame -> producer.
//!
//! Comes in: a record borrowed from the lane's batch. Goes out: a record in the producer's queue and its ticket in the
//! offset tracker, or why not. Must never: wait, allocate for a record that goes well, or let a record end uncounted.

use super::buffer::{Buffer, Form, Forms};
use super::dead_letter;
use super::offsets::{InFlight, Offsets, SlotIndex};
use super::partitioner;
use super::policy::{self, Refused};
use super::refusal::Refusal;
use super::route::{self, Route};
use crate::config;
use crate::fault::{Blame, Fault, Stage};
use crate::framing;
use crate::kafka::Headers;
use crate::kafka::producer::{self, Produced, Producer, TopicIndex};
use crate::kafka::record::Record;
use crate::record::{Outcome, TopicPartition};
use crate::telemetry::{self, Counts, Events};
use crate::transcoder::Ledger;
use std::io::Write as _;
use std::sync::Arc;
use std::time::Instant;

/// A record without a timestamp stays without one (Kafka's `RecordBatch.NO_TIMESTAMP`).
const NO_TIMESTAMP: i64 = -1;

/// Everything that a record touches on its way.
#[allow(missing_debug_implementations, reason = "holds a client")]
pub(super) struct Passage {
    pub(super) config: Arc<config::Pipeline>,
    pub(super) producer: Producer,
    pub(super) routes: Vec<Route>,
    pub(super) dead_letter: Option<DeadLetter>,
    pub(super) offsets: Offsets,
    pub(super) counts: Counts,
    pub(super) events: Events,
    pub(super) buffer: Buffer,
    pub(super) ledger: Ledger,
    /// The record in hand, if the producer's queue had no room for it.
    pub(super) waiting: Option<Waiting>,
    /// The most that may be in flight.
    pub(super) in_flight_bytes: usize,
    /// The transaction takes no more records.
    pub(super) broken: Option<Fault>,
    /// Records that brokers refused by themselves, in a transaction of their own.
    pub(super) condemned: Vec<Condemned>,
}

/// A record that a broker does not take, found alone: it is refused here when it comes again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Condemned {
    pub(super) partition: TopicPartition,
    pub(super) offset: i64,
    pub(super) fault: Fault,
    /// Its dead letter was refused as well.
    pub(super) as_dead_letter: bool,
}

/// Where refused records go, where the policy is to keep them.
#[derive(Clone, Copy, Debug)]
pub(super) struct DeadLetter {
    pub(super) topic: TopicIndex,
    pub(super) partitions: i32,
}

/// A partition in hand: its slot in the books, and its route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) slot: SlotIndex,
    pub(super) route: usize,
}

/// A record in hand: all that is left to do is to hand it over.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) slot: SlotIndex,
    route: usize,
    topic: TopicIndex,
    partition: i32,
    forms: Forms,
    headers: Option<Headers>,
    in_flight: InFlight,
}

/// What the lane does next.
#[derive(Debug)]
pub(super) enum Step {
    /// The next record.
    Next,
    /// The same record again, once there is room.
    Full,
    /// Stop the record's partition in front of it.
    Stop(Fault),
    /// Stop the record's topic: a flood of refusals, the last of which is done with.
    Flood(Fault),
}

impl Passage {
    /// Takes a record on its way, or further on it if it is the one in hand.
    pub(super) fn pass(&mut self, place: Place, record: &Record<'_>, now: Instant) -> Step {
        if let Some(waiting) = self.waiting.take() {
            return self.hand_over(waiting, record, now);
        }
        let condemned = self.condemned(record);
        // A partition given just before its topic left has no way either: it must not pass as it is.
        let Some(route) = self.routes.get_mut(place.route).filter(|route| !route.retired) else {
            let message = format!("no route for topic {:?}", record.topic());
            return Step::Stop(Fault::lasting(Stage::Consume, Blame::Us, "no_topic", message));
        };
        let (key, value) = (record.key(), record.value());
        self.counts.consumed(route.prepared.place, key.map_or(0, <[u8]>::len) + value.map_or(0, <[u8]>::len));
        if value.is_none() {
            self.counts.tombstone();
        }
        if let Some(condemned) = condemned {
            if condemned.as_dead_letter {
                self.counts.failed(condemned.fault.stage, condemned.fault.reason);
                self.counts.abandoned(1);
                return Step::Stop(condemned.fault);
            }
            return self.refuse(place, record, &condemned.fault.into(), now);
        }
        let ledger = self.ledger;
        let encoded = self.buffer.fill(route, record, &mut self.ledger);
        match encoded.and_then(|forms| self.bounded(place, record, forms)) {
            Ok(forms) => {
                if let Some(route) = self.routes.get_mut(place.route) {
                    route.flood.note(false);
                }
                let waiting = self.outgoing(place, record, forms);
                self.hand_over(waiting, record, now)
            }
            Err(refusal) => {
                // What a key lost is not lost where its value is refused.
                self.ledger = ledger;
                self.refuse(place, record, &refusal, now)
            }
        }
    }

    fn condemned(&self, record: &Record<'_>) -> Option<Condemned> {
        // Most of the time there is none.
        let mut all = self.condemned.iter().filter(|condemned| condemned.offset == record.offset());
        let of = |at: &TopicPartition| at.partition == record.partition() && at.topic == record.topic();
        all.find(|condemned| of(&condemned.partition)).cloned()
    }

    /// Whether what is in flight fills the lane's budget.
    pub(super) fn over_budget(&self) -> bool {
        self.offsets.in_flight_memory() >= self.in_flight_bytes
    }

    /// Refuses here what the producer would refuse, while the record still has its own headers.
    fn bounded(&self, place: Place, record: &Record<'_>, forms: Forms) -> Result<Forms, Refusal> {
        let bytes = self.buffer.length(record, forms);
        if bytes <= self.producer.most_bytes() {
            return Ok(forms);
        }
        let sink = self.routes.get(place.route).map_or("", |route| &route.prepared.sink_topic);
        let message = format!(
            "the record has {bytes} bytes as Avro, key included, more than message.max.bytes = {}; raise it in \
             [kafka.{}] and max.message.bytes of topic {sink:?}",
            self.producer.most_bytes(),
            self.config.sink.kafka,
        );
        Err(Fault::lasting(Stage::Produce, Blame::Record, "message_too_large", message).into())
    }

    fn outgoing(&self, place: Place, record: &Record<'_>, forms: Forms) -> Waiting {
        let mut headers = record.detach_headers();
        if let Some(headers) = &mut headers
            && headers.any_begins(b"__")
        {
            // A reader that finds one takes the whole value for unframed, of that schema.
            headers.remove(framing::VALUE_SCHEMA_ID);
            headers.remove(framing::KEY_SCHEMA_ID);
        }
        let sink = &self.config.sink;
        if sink.source_position {
            headers = headers.or_else(Headers::empty);
            if let Some(headers) = &mut headers {
                add_source_position(headers, record);
            }
        }
        let (topic, partitions) = self
            .routes
            .get(place.route)
            .map_or((TopicIndex(usize::MAX), 0), |route| (route.sink, route.prepared.partitions.sink));
        // By the key as it is written: there it lies where any producer of such keys would put it.
        let key = self.buffer.key(record, forms.key);
        let partition = partitioner::partition(sink.partitioning, record.partition(), key, partitions);
        let in_flight = self.in_flight(place, record, forms, headers.as_ref(), None);
        Waiting { slot: place.slot, route: place.route, topic, partition, forms, headers, in_flight }
    }

    fn in_flight(
        &self,
        place: Place,
        record: &Record<'_>,
        forms: Forms,
        headers: Option<&Headers>,
        dead_letter: Option<&'static str>,
    ) -> InFlight {
        InFlight {
            offset: record.offset(),
            timestamp: record.timestamp().millis(),
            bytes: u32::try_from(self.buffer.length(record, forms)).unwrap_or(u32::MAX),
            headers: u32::try_from(headers.map_or(0, Headers::bytes)).unwrap_or(u32::MAX),
            route: self.routes.get(place.route).map(|route| route.prepared.place).unwrap_or_default(),
            dead_letter,
        }
    }

    fn hand_over(&mut self, mut waiting: Waiting, record: &Record<'_>, now: Instant) -> Step {
        let ticket = self.offsets.next_ticket(waiting.slot);
        let produced = Produced {
            topic: waiting.topic,
            partition: waiting.partition,
            key: self.buffer.key(record, waiting.forms.key),
            value: self.buffer.value(record, waiting.forms.value),
            timestamp_millis: timestamp_to_write(waiting.in_flight.timestamp),
            ticket: ticket.0,
        };
        let dead_letter = waiting.in_flight.dead_letter.is_some();
        match self.producer.enqueue(produced, &mut waiting.headers) {
            Ok(()) => {
                if waiting.in_flight.timestamp == Some(0) {
                    self.counts.lossy([("timestamp_zero", 1)]);
                }
                self.offsets.track(waiting.slot, waiting.in_flight);
                Step::Next
            }
            Err(producer::Refusal::Full) => {
                self.waiting = Some(waiting);
                Step::Full
            }
            Err(producer::Refusal::Broken(fault)) => {
                self.broken = Some(fault);
                self.waiting = Some(waiting);
                Step::Full
            }
            Err(producer::Refusal::Fault(fault)) if !dead_letter && fault.blame == Blame::Record => {
                self.refuse(Place { slot: waiting.slot, route: waiting.route }, record, &fault.into(), now)
            }
            Err(producer::Refusal::Fault(mut fault)) => {
                if dead_letter {
                    fault.stage = Stage::DeadLetter;
                }
                self.counts.failed(fault.stage, fault.reason);
                self.counts.abandoned(1);
                Step::Stop(fault)
            }
        }
    }

    fn refuse(&mut self, place: Place, record: &Record<'_>, refusal: &Refusal, now: Instant) -> Step {
        let ends = policy::refused(&refusal.fault, &self.config.refused.policy);
        let position = TopicPartition { topic: record.topic().to_owned(), partition: record.partition() };
        let fault = &refusal.fault;
        let refused = telemetry::Refusal {
            partition: &position,
            offset: record.offset(),
            stage: fault.stage,
            reason: fault.reason,
            path: &refusal.path,
            message: &fault.message,
            ends: match ends {
                Refused::DeadLetter => Outcome::DeadLettered,
                Refused::Skip => Outcome::Skipped,
                Refused::Stop => Outcome::Abandoned,
            },
        };
        self.events.refused(&mut self.counts, refused, now);
        if let Some(route) = self.routes.get_mut(place.route)
            && route.flood.note(true)
        {
            let fault = route::flood_fault(route, &self.config.refused, refusal.fault.reason);
            self.counts.abandoned(1);
            return Step::Flood(fault);
        }
        match (ends, self.dead_letter) {
            (Refused::DeadLetter, Some(DeadLetter { topic, partitions })) => {
                let original = Forms { key: Form::Original, value: Form::Original };
                let headers = dead_letter::headers(record, refusal);
                let in_flight = self.in_flight(place, record, original, headers.as_ref(), Some(refusal.fault.reason));
                let waiting = Waiting {
                    slot: place.slot,
                    route: place.route,
                    topic,
                    partition: record.partition() % partitions.max(1),
                    forms: original,
                    headers,
                    in_flight,
                };
                self.hand_over(waiting, record, now)
            }
            (Refused::Skip, _) => {
                self.offsets.settle(place.slot, record.offset());
                self.counts.skipped(refusal.fault.reason);
                Step::Next
            }
            (Refused::Stop | Refused::DeadLetter, _) => {
                self.counts.abandoned(1);
                Step::Stop(refusal.fault.clone())
            }
        }
    }

    /// A delivery report: the record arrived.
    pub(super) fn delivered(&mut self, record: &InFlight, wall_millis: i64) {
        match record.dead_letter {
            Some(reason) => self.counts.dead_lettered(reason, 1),
            None => self.counts.delivered(record.route, 1, u64::from(record.bytes)),
        }
        if let Some(timestamp) = record.timestamp {
            self.counts.end_to_end(wall_millis.saturating_sub(timestamp), 1);
        }
    }

    /// The transaction was committed: what it held was delivered.
    pub(super) fn settle(&mut self, wall_millis: i64) {
        self.offsets.committed(|ended| {
            self.counts.delivered(ended.route, ended.records, ended.bytes);
            ended.dead_lettered.iter().for_each(|(reason, records)| self.counts.dead_lettered(reason, *records));
            for (timestamp, records) in &ended.timestamps {
                self.counts.end_to_end(wall_millis.saturating_sub(*timestamp), *records);
            }
        });
    }

    /// A delivery report: the record did not arrive and will be read again.
    pub(super) fn undelivered(&mut self, at: &TopicPartition, record: &InFlight, fault: &mut Fault, now: Instant) {
        let mut sinks = self.routes.iter().filter(|route| route.prepared.place == record.route);
        let sink = match (&self.config.refused.policy, record.dead_letter) {
            (config::RefusedPolicy::DeadLetter { topic }, Some(_)) => topic,
            _ => sinks.next().map_or(&at.topic, |route| &route.prepared.sink_topic),
        };
        fault.message.insert_str(0, &format!("writing to topic {sink:?}: "));
        if record.dead_letter.is_some() {
            fault.stage = Stage::DeadLetter;
        }
        self.events.delivery_failed(&mut self.counts, at, record.offset, fault, now);
    }

    /// Shows the counts to whoever scrapes. Called between two records, when the books balance.
    pub(super) fn publish(&mut self, now: Instant) {
        let waiting = self.waiting.is_some();
        let records = self.offsets.held_records() + u64::from(waiting);
        let bytes = self.offsets.in_flight_bytes() + if waiting { self.buffer.len() } else { 0 };
        self.counts.in_flight(records, bytes as u64);
        self.counts.lossy(std::mem::take(&mut self.ledger).iter());
        self.events.metrics().publish(&self.counts);
        self.events.tick(now);
    }

    /// Gives up the record in hand.
    pub(super) fn abandon_waiting(&mut self) {
        if self.waiting.take().is_some() {
            self.counts.abandoned(1);
        }
    }
}

/// librdkafka takes 0 for "now" and has no other word for the epoch's first millisecond: it is written as the next one, and
/// counted.
fn timestamp_to_write(timestamp: Option<i64>) -> i64 {
    match timestamp {
        None => NO_TIMESTAMP,
        Some(0) => 1,
        Some(millis) => millis,
    }
}

/// `json2avro.source: <topic>:<partition>:<offset>`. Topic names have no colon, so the last two are split off safely.
fn add_source_position(headers: &mut Headers, record: &Record<'_>) {
    // 249 bytes of topic, 10 of partition, 19 of offset, 2 colons.
    let mut place = [0u8; 300];
    let mut rest = &mut place[..];
    let room = rest.len();
    if write!(rest, "{}:{}:{}", record.topic(), record.partition(), record.offset()).is_ok() {
        let length = room - rest.len();
        headers.add("json2avro.source", &place[..length]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timestamp_is_never_the_present() {
        for (source, written) in [(None, -1), (Some(0), 1), (Some(1), 1), (Some(i64::MAX), i64::MAX)] {
            assert_eq!(timestamp_to_write(source), written, "{source:?}");
        }
    }
}
