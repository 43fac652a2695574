//! What lies in the topics when all is over, as the checker's history.
//!
//! Comes in: the names of a run's topics and group. Goes out: inputs, outputs, dead letters, and every offset commit as
//! the group's coordinator logged it. Must never: take what was meant to be written for what was.

use super::feeder::{Feed, LARGE, fed_as};
use super::history::{Commit, Fate, History, Input, Letter, Output, Position};
use super::watcher::source_of;
use crate::real::event::Ending;
use crate::real::order;
use crate::services::topics::{Broker, HeaderList, Record, patiently};
use apache_avro::Schema;
use apache_avro::reader::datum::GenericDatumReader;
use apache_avro::types::Value;
use rdkafka::consumer::{BaseConsumer, Consumer};
use std::collections::BTreeSet;
use std::ops::Range;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(30);
/// The broker's log of commits: kafka.apache.org, "Distribution", consumer offset tracking.
const COMMITS: &str = "__consumer_offsets";

/// A tombstone is None; what is no order in Avro says why.
pub(crate) type Decoded = Result<Option<Value>, String>;

/// One run's names.
pub(crate) struct Readback<'a> {
    pub(crate) broker: &'a Broker,
    pub(crate) source: &'a str,
    pub(crate) sink: &'a str,
    pub(crate) dead_letter: &'a str,
    pub(crate) group: &'a str,
    pub(crate) schema_id: i32,
    pub(crate) feed: Feed,
    /// What is large must be a dead letter.
    pub(crate) large_refused: bool,
    /// Records of the source that are no longer in it.
    pub(crate) gone: &'a [Record],
    /// Offsets of a partition that nobody could read in time: nothing may come of them.
    pub(crate) skipped: &'a [(i32, Range<i64>)],
    /// What was seen of a sink that was deleted.
    pub(crate) earlier: &'a [Record],
    /// Of each partition, the offset up to which outputs may have gone with that sink, unseen.
    pub(crate) reclaimed: &'a [i64],
}

impl Readback<'_> {
    /// Reads everything.
    pub(crate) fn history(&self, watched: &[Record]) -> History<Decoded> {
        let schema = Schema::parse_str(order::SCHEMA).unwrap();
        let reader = GenericDatumReader::builder(&schema).build().unwrap();
        let outputs = |records: &mut dyn Iterator<Item = &Record>| {
            records.map(|record| output(record, |value| decode(&reader, self.schema_id, value))).collect()
        };
        let (mut source, sink) = (self.broker.read_topic(self.source).concat(), self.broker.read_topic(self.sink));
        source.extend_from_slice(self.gone);
        source.sort_by_key(|record| (record.partition, record.offset));
        source.dedup();
        let letters = self.broker.read_topic(self.dead_letter);
        let later = |records: &mut dyn Iterator<Item = &Record>| -> Vec<Record> {
            records.map(|record| Record { offset: record.offset + self.shift(), ..record.clone() }).collect()
        };
        let watched = [self.earlier, &later(&mut watched.iter())].concat();
        let sink = [self.earlier, &later(&mut sink.iter().flatten())].concat();
        let came: BTreeSet<_> = sink.iter().filter_map(source_of).collect();
        History {
            inputs: source.iter().map(|record| self.input(record, &came)).collect(),
            watched: outputs(&mut watched.iter()),
            outputs: outputs(&mut sink.iter()),
            letters: letters.iter().flatten().map(|found| self.letter(found, &source)).collect(),
            commits: commits(self.broker, self.group, self.source),
            unstable: unstable(self.broker, self.sink),
        }
    }

    /// The offsets of a sink that was made anew lie behind those of the one before.
    fn shift(&self) -> i64 {
        if self.earlier.is_empty() { 0 } else { 1 << 40 }
    }

    fn input(&self, record: &Record, came: &BTreeSet<(i32, i64)>) -> Input<Decoded> {
        let event =
            fed_as(record, self.feed).unwrap_or_else(|| panic!("{}: this was not fed: {record:?}", self.source));
        let skipped = self.skipped.iter().any(|(of, range)| *of == record.partition && range.contains(&record.offset));
        let reclaimed = usize::try_from(record.partition).ok().and_then(|partition| self.reclaimed.get(partition));
        let unseen = !came.contains(&(record.partition, record.offset));
        let deleted = unseen && reclaimed.is_some_and(|before| record.offset < *before);
        let fate = match event.ending {
            _ if skipped => Fate::Filtered,
            Ending::Order(_) | Ending::Tombstone if deleted => Fate::Filtered,
            _ if self.too_large(record) => Fate::DeadLetter,
            Ending::Order(order) => Fate::Output(Ok(Some(order.avro()))),
            Ending::Tombstone => Fate::Output(Ok(None)),
            Ending::Refused(_) => Fate::DeadLetter,
        };
        Input { at: place(record), key: event.record.key.unwrap_or_default(), fate }
    }

    fn too_large(&self, record: &Record) -> bool {
        self.large_refused && record.value.as_ref().is_some_and(|value| value.len() > LARGE)
    }

    /// A dead letter against the record of the source that it says it is.
    fn letter(&self, letter: &Record, source: &[Record]) -> Letter {
        let number = |name: &str| -> Option<i64> { letter.header(&format!("json2avro.source.{name}"))?.parse().ok() };
        let (partition, offset) = (number("partition").unwrap_or(-1), number("offset").unwrap_or(-1));
        let own = letter.headers.iter().filter(|(name, _)| !name.starts_with("json2avro."));
        let own: HeaderList = own.cloned().collect();
        let same = |was: &&Record| was.key == letter.key && was.value == letter.value && was.headers == own;
        let at = (partition as i32, offset);
        let was = source.binary_search_by_key(&at, |record| (record.partition, record.offset));
        let was = was.ok().and_then(|index| source.get(index));
        let reason = was.filter(same).and_then(|was| self.reason(was));
        let told = reason.is_some() && letter.header("json2avro.reason") == reason;
        Letter { source: Position { partition: partition as i32, offset }, intact: told }
    }

    /// Why a record of the source must be refused.
    fn reason(&self, record: &Record) -> Option<&'static str> {
        match fed_as(record, self.feed)?.ending {
            _ if self.too_large(record) => Some("message_too_large"),
            Ending::Refused(flaw) => Some(flaw.reason()),
            Ending::Order(_) | Ending::Tombstone => None,
        }
    }
}

fn place(record: &Record) -> Position {
    Position { partition: record.partition, offset: record.offset }
}

fn output(record: &Record, decode: impl Fn(Option<&[u8]>) -> Decoded) -> Output<Decoded> {
    let (partition, offset) = source_of(record).unwrap_or((-1, -1));
    Output {
        at: place(record),
        source: Position { partition, offset },
        key: record.key.clone().unwrap_or_default(),
        value: decode(record.value.as_deref()),
        bytes: record.value.clone().unwrap_or_default(),
        appended: record.timestamp,
    }
}

fn decode(reader: &GenericDatumReader<'_>, id: i32, value: Option<&[u8]>) -> Decoded {
    let Some(value) = value else { return Ok(None) };
    let [0, a, b, c, d, datum @ ..] = value else { return Err("no frame".into()) };
    if i32::from_be_bytes([*a, *b, *c, *d]) != id {
        return Err("another schema id".into());
    }
    let mut rest = datum;
    let found = reader.read_value(&mut rest).map_err(|error| error.to_string())?;
    if rest.is_empty() { Ok(Some(found)) } else { Err(format!("{} bytes behind the datum", rest.len())) }
}

/// Every commit of a group for a topic. A log record's key is a version (0 or 1: a commit), group, topic, partition; its
/// value a version and the offset, then what is not needed here (Kafka: OffsetCommitKey.json, OffsetCommitValue.json).
fn commits(broker: &Broker, group: &str, topic: &str) -> Vec<Commit> {
    let partitions = broker.read_topic(COMMITS);
    let mut found: Vec<Commit> =
        partitions.iter().flatten().filter_map(|record| commit(record, group, topic)).collect();
    // A group's commits lie in one partition of the log: they are in order already.
    found.sort_by_key(|commit| commit.appended);
    found
}

fn commit(record: &Record, group: &str, topic: &str) -> Option<Commit> {
    let (version, mut rest) = record.key.as_deref()?.split_first_chunk::<2>()?;
    if i16::from_be_bytes(*version) > 1 {
        return None;
    }
    for expected in [group, topic] {
        let (length, behind) = rest.split_first_chunk::<2>()?;
        let (text, behind) = behind.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
        if text != expected.as_bytes() {
            return None;
        }
        rest = behind;
    }
    let partition = i32::from_be_bytes(*rest.first_chunk::<4>()?);
    // A tombstone: the offset expired or the group was deleted.
    let next = i64::from_be_bytes(*record.value.as_deref()?.get(2..)?.first_chunk::<8>()?);
    Some(Commit { partition, next, appended: record.timestamp })
}

/// Offsets between what a read_committed reader and any reader may see.
pub(crate) fn unstable(broker: &Broker, topic: &str) -> i64 {
    let ends = |isolation: &str| -> i64 {
        let consumer: BaseConsumer = broker.client().set("isolation.level", isolation).create().unwrap();
        patiently("end offsets", || {
            let metadata = consumer.fetch_metadata(Some(topic), PATIENCE)?;
            let partitions = metadata.topics()[0].partitions().iter();
            partitions.map(|found| Ok(consumer.fetch_watermarks(topic, found.id(), PATIENCE)?.1)).sum()
        })
    };
    // In this order: what is written in between must not hide an open transaction.
    let stable = ends("read_committed");
    ends("read_uncommitted") - stable
}
