//! One record's way: JSON bytes -> Avro bytes -> frame -> producer.
//!
//! Comes in: a record borrowed from the lane's batch. Goes out: a record in the producer's queue and its ticket in the
//! offset tracker, or why not. Must never: wait, allocate for a record that goes well, or let a record end uncounted.

use super::dead_letter;
use super::flood::Flood;
use super::offsets::{InFlight, Offsets, SlotIndex};
use super::partitioner;
use super::policy::{self, Refused};
use super::refusal::Refusal;
use super::schema::InForce;
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

/// The sink topic, and behind it the dead letter topic, as the producer knows them.
const SINK: TopicIndex = TopicIndex(0);
const DEAD_LETTER: TopicIndex = TopicIndex(1);
/// A record without a timestamp stays without one (Kafka's `RecordBatch.NO_TIMESTAMP`).
const NO_TIMESTAMP: i64 = -1;

/// Everything that a record touches on its way.
#[allow(missing_debug_implementations, reason = "holds a client")]
pub(super) struct Passage {
    pub(super) config: Arc<config::Pipeline>,
    pub(super) producer: Producer,
    pub(super) in_force: InForce,
    pub(super) offsets: Offsets,
    pub(super) counts: Counts,
    pub(super) events: Events,
    pub(super) partition_counts: PartitionCounts,
    pub(super) flood: Flood,
    /// The framed Avro of the record in hand.
    pub(super) buffer: Vec<u8>,
    pub(super) ledger: Ledger,
    /// The record in hand, if the producer's queue had no room for it.
    pub(super) waiting: Option<Waiting>,
}

/// How many partitions the topics have that a lane writes to.
#[derive(Clone, Copy, Debug)]
pub(super) struct PartitionCounts {
    pub(super) sink: i32,
    pub(super) dead_letter: i32,
}

/// A record in hand: all that is left to do is to hand it over.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) slot: SlotIndex,
    topic: TopicIndex,
    partition: i32,
    value: Value,
    headers: Option<Headers>,
    in_flight: InFlight,
}

#[derive(Clone, Copy, Debug)]
enum Value {
    Tombstone,
    /// In the passage's buffer.
    Encoded,
    /// As it was read.
    Original,
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
    /// Stop the pipeline: a flood of refusals, the last of which is done with.
    Flood(Fault),
}

impl Passage {
    /// Takes a record on its way, or further on it if it is the one in hand.
    pub(super) fn pass(&mut self, slot: SlotIndex, record: &Record<'_>, now: Instant) -> Step {
        if let Some(waiting) = self.waiting.take() {
            return self.hand_over(waiting, record, now);
        }
        let value = record.value();
        self.counts.consumed(record.key().map_or(0, <[u8]>::len) + value.map_or(0, <[u8]>::len));
        let encoded = match value {
            None => {
                self.counts.tombstone();
                Ok(Value::Tombstone)
            }
            Some(value) => self.encode(value).map(|()| Value::Encoded),
        };
        match encoded.and_then(|value| self.bounded(record, value)) {
            Ok(value) => {
                self.flood.note(false);
                let waiting = self.outgoing(slot, record, value);
                self.hand_over(waiting, record, now)
            }
            Err(refusal) => self.refuse(slot, record, &refusal, now),
        }
    }

    /// Whether what is in flight fills the pipeline's budget: bytes, and librdkafka's bookkeeping for each record, which
    /// outweighs small records.
    pub(super) fn over_budget(&self) -> bool {
        const BOOKKEEPING: usize = 256;
        let records = usize::try_from(self.offsets.in_flight_records()).unwrap_or(usize::MAX);
        let held = self.offsets.in_flight_bytes().saturating_add(records.saturating_mul(BOOKKEEPING));
        held >= self.config.in_flight_bytes
    }

    /// Appends frame and datum to the emptied buffer.
    fn encode(&mut self, value: &[u8]) -> Result<(), Refusal> {
        let (_, json) = self.config.value.input_framing.strip(value)?;
        let target = &self.in_force.target;
        self.buffer.clear();
        self.buffer.extend_from_slice(&target.frame);
        self.in_force.encoder.encode(json, &mut self.buffer, &mut self.ledger)?;
        if target.plan.root_is_bytes() {
            let content = framing::unwrap_root_bytes(&self.buffer[target.frame.len()..]).len();
            let length = self.buffer.len() - content - target.frame.len();
            self.buffer.drain(target.frame.len()..target.frame.len() + length);
        }
        Ok(())
    }

    /// Refuses here what the producer would refuse, while the record still has its own headers.
    fn bounded(&self, record: &Record<'_>, value: Value) -> Result<Value, Refusal> {
        let bytes = record.key().map_or(0, <[u8]>::len) + self.bytes(record, value).map_or(0, <[u8]>::len);
        if bytes <= self.producer.most_bytes() {
            return Ok(value);
        }
        let message = format!(
            "the record has {bytes} bytes as Avro, key included, more than message.max.bytes = {}; raise it in \
             [kafka.{}] and max.message.bytes of topic {:?}",
            self.producer.most_bytes(),
            self.config.sink.kafka,
            self.config.sink.topic
        );
        Err(Fault::lasting(Stage::Produce, Blame::Record, "message_too_large", message).into())
    }

    fn bytes<'r>(&'r self, record: &Record<'r>, value: Value) -> Option<&'r [u8]> {
        match value {
            Value::Tombstone => None,
            Value::Encoded => Some(&self.buffer),
            Value::Original => record.value(),
        }
    }

    fn outgoing(&self, slot: SlotIndex, record: &Record<'_>, value: Value) -> Waiting {
        let mut headers = record.detach_headers();
        if let Some(headers) = &mut headers {
            // A reader that finds one takes the whole value for unframed, of that schema.
            headers.remove(framing::VALUE_SCHEMA_ID);
            headers.remove(framing::KEY_SCHEMA_ID);
        }
        if self.config.sink.source_position {
            headers = headers.or_else(Headers::empty);
            if let Some(headers) = &mut headers {
                add_source_position(headers, record);
            }
        }
        let sink = &self.config.sink;
        let partition =
            partitioner::partition(sink.partitioning, record.partition(), record.key(), self.partition_counts.sink);
        let in_flight = self.in_flight(record, value, None);
        Waiting { slot, topic: SINK, partition, value, headers, in_flight }
    }

    fn in_flight(&self, record: &Record<'_>, value: Value, dead_letter: Option<&'static str>) -> InFlight {
        let bytes = record.key().map_or(0, <[u8]>::len) + self.bytes(record, value).map_or(0, <[u8]>::len);
        InFlight {
            offset: record.offset(),
            timestamp: record.timestamp().millis(),
            bytes: u32::try_from(bytes).unwrap_or(u32::MAX),
            dead_letter,
        }
    }

    fn hand_over(&mut self, mut waiting: Waiting, record: &Record<'_>, now: Instant) -> Step {
        let ticket = self.offsets.next_ticket(waiting.slot);
        let produced = Produced {
            topic: waiting.topic,
            partition: waiting.partition,
            key: record.key(),
            value: self.bytes(record, waiting.value),
            timestamp_millis: timestamp_to_write(waiting.in_flight.timestamp),
            ticket: ticket.0,
        };
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
            Err(producer::Refusal::Fault(fault)) if waiting.topic == SINK && fault.blame == Blame::Record => {
                self.refuse(waiting.slot, record, &fault.into(), now)
            }
            Err(producer::Refusal::Fault(mut fault)) => {
                if waiting.topic == DEAD_LETTER {
                    fault.stage = Stage::DeadLetter;
                }
                self.counts.failed(fault.stage, fault.reason);
                self.counts.abandoned(1);
                Step::Stop(fault)
            }
        }
    }

    fn refuse(&mut self, slot: SlotIndex, record: &Record<'_>, refusal: &Refusal, now: Instant) -> Step {
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
        if self.flood.note(true) {
            let fault = self.flood_fault(refusal);
            self.counts.abandoned(1);
            return Step::Flood(fault);
        }
        match ends {
            Refused::DeadLetter => {
                let in_flight = self.in_flight(record, Value::Original, Some(refusal.fault.reason));
                let partition = record.partition() % self.partition_counts.dead_letter.max(1);
                let headers = dead_letter::headers(record, refusal);
                let value = Value::Original;
                self.hand_over(Waiting { slot, topic: DEAD_LETTER, partition, value, headers, in_flight }, record, now)
            }
            Refused::Skip => {
                self.offsets.settle(slot, record.offset());
                self.counts.skipped(refusal.fault.reason);
                Step::Next
            }
            Refused::Stop => {
                self.counts.abandoned(1);
                Step::Stop(refusal.fault.clone())
            }
        }
    }

    fn flood_fault(&self, refusal: &Refusal) -> Fault {
        let message = format!(
            "{} of the last {} records are refused, more than flood_share = {}: the schema or the config is likely \
             wrong, not the records; the last reason is {}. Correct it and start again, or raise flood_share",
            self.flood.refused(),
            self.config.refused.flood_window,
            self.config.refused.flood_share,
            refusal.fault.reason
        );
        Fault::lasting(Stage::Convert, Blame::Config, "flood", message)
    }

    /// A delivery report: the record arrived.
    pub(super) fn delivered(&mut self, record: &InFlight, wall_millis: i64) {
        match record.dead_letter {
            Some(reason) => self.counts.dead_lettered(reason),
            None => self.counts.delivered(record.bytes as usize),
        }
        if let Some(timestamp) = record.timestamp {
            self.counts.end_to_end(wall_millis.saturating_sub(timestamp));
        }
    }

    /// A delivery report: the record did not arrive and will be read again.
    pub(super) fn undelivered(&mut self, at: &TopicPartition, record: &InFlight, fault: &mut Fault, now: Instant) {
        if record.dead_letter.is_some() {
            fault.stage = Stage::DeadLetter;
        }
        self.events.delivery_failed(&mut self.counts, at, record.offset, fault, now);
        self.counts.abandoned(1);
    }

    /// Shows the counts to whoever scrapes. Called between two records, when the books balance.
    pub(super) fn publish(&mut self, now: Instant) {
        let waiting = self.waiting.is_some();
        let records = self.offsets.in_flight_records() + u64::from(waiting);
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
