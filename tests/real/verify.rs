//! The judge: what lies in the sink and the dead letter topic against what was written to the source.
//!
//! Comes in: a job and the records read back. Goes out: nothing, or a panic that names the record. Must never: trust a
//! metric or a log line.

use super::event::{Ending, Event, Flaw};
use super::job::Job;
use super::order;
use crate::services::topics::Record;
use apache_avro::Schema;
use apache_avro::reader::datum::GenericDatumReader;
use apache_avro::types::Value;
use std::collections::BTreeMap;

/// Headers that describe a schema no longer true of the value.
const STALE: [&str; 2] = ["__value_schema_id", "__key_schema_id"];
/// The source position of an output, where the job asks for it.
const SOURCE: &str = "json2avro.source";

/// Reads the values of one sink topic.
pub(crate) struct Judge<'a> {
    job: &'a Job<'a>,
    /// By schema id.
    schemas: BTreeMap<i32, Known>,
}

/// A schema that values may be written with.
struct Known {
    reader: GenericDatumReader<'static>,
    /// What its values have beyond an order.
    fields: Vec<(String, Value)>,
}

/// What a process that was killed left behind: offsets committed, by partition.
pub(crate) type Committed = Vec<i64>;

impl<'a> Judge<'a> {
    /// A judge who knows the job's first schema.
    pub(crate) fn new(job: &'a Job<'a>) -> Self {
        Self { job, schemas: BTreeMap::new() }.knows(job.schema_id, order::SCHEMA, Vec::new())
    }

    /// Tells of a later schema: its id, its text, the values of its new fields.
    #[must_use]
    pub(crate) fn knows(mut self, id: i32, schema: &str, fields: Vec<(String, Value)>) -> Self {
        // A reader borrows its schema, and a test has only a few.
        let schema: &'static Schema = Box::leak(Box::new(Schema::parse_str(schema).unwrap()));
        let reader = GenericDatumReader::builder(schema).build().unwrap();
        self.schemas.insert(id, Known { reader, fields });
        self
    }

    /// Each record that must come out came out once, in the order and partition of the source, unchanged but for its
    /// encoding.
    pub(crate) fn exactly_once(&self, sink: &[Vec<Record>]) {
        for (events, records) in self.job.events.iter().zip(sink) {
            let expected: Vec<&Event> = events.iter().filter(|event| event.comes_out()).collect();
            for (event, record) in expected.iter().zip(records) {
                self.output(event, record);
            }
            assert_eq!(expected.len(), records.len(), "records in partition {}", events[0].record.partition);
        }
    }

    /// `exactly_once`, and each dead letter once.
    pub(crate) fn all_once(&self, sink: &[Vec<Record>], letters: &[Vec<Record>]) {
        self.exactly_once(sink);
        let refused = self.job.events.iter().flatten().filter(|event| !event.comes_out()).count() as u64;
        assert_eq!(self.dead_letters(letters).values().sum::<u64>(), refused, "dead letters, once each");
    }

    /// Nothing lost; what came out twice came out the same and only since an offset committed at a kill; the first
    /// occurrences are in order. Returns the number of duplicates.
    pub(crate) fn at_least_once(&self, sink: &[Vec<Record>], kills: &[Committed]) -> usize {
        let partitions = self.job.events.iter().zip(sink).enumerate();
        partitions.map(|(partition, (events, records))| self.replayed(partition, events, records, kills)).sum()
    }

    fn replayed(&self, partition: usize, events: &[Event], records: &[Record], kills: &[Committed]) -> usize {
        let expected: Vec<&Event> = events.iter().filter(|event| event.comes_out()).collect();
        let index_of = |offset: i64| expected.partition_point(|event| event.record.offset < offset);
        let mut restarts = kills.iter().map(|committed| index_of(committed[partition]));
        let (mut next, mut high) = (0, 0);
        let mut first: Vec<Option<&Record>> = vec![None; expected.len()];
        for record in records {
            let source = source_offset(record);
            if expected.get(next).is_none_or(|event| event.record.offset != source) {
                // A process took over: from the offset committed at one of the kills still to come.
                next = restarts
                    .find(|restart| expected.get(*restart).is_some_and(|event| event.record.offset == source))
                    .unwrap_or_else(|| {
                        panic!("partition {partition}: offset {source} follows number {next}, and no kill explains it")
                    });
                assert!(next <= high, "partition {partition}: records before offset {source} are lost");
            }
            let event = expected[next];
            match first[next] {
                None => self.output(event, record),
                Some(before) => assert_eq!(before.value, record.value, "the duplicate of offset {source}"),
            }
            first[next] = first[next].or(Some(record));
            next += 1;
            high = high.max(next);
        }
        assert_eq!(high, expected.len(), "partition {partition}: records lost at the end");
        records.len() - expected.len()
    }

    /// One output against its source record.
    fn output(&self, event: &Event, record: &Record) {
        let place = format!("{}[{}]@{}", self.job.source, event.record.partition, event.record.offset);
        assert_eq!(record.partition, event.record.partition, "{place}: partition");
        assert_eq!(record.key, event.record.key, "{place}: key");
        assert_eq!(record.timestamp, event.record.timestamp, "{place}: timestamp");
        let kept = event.record.headers.iter().filter(|(name, _)| !STALE.contains(&name.as_str()));
        let found = record.headers.iter().filter(|(name, _)| name != SOURCE);
        assert!(kept.eq(found), "{place}: headers {:?} became {:?}", event.record.headers, record.headers);
        if let Some(position) = record.header(SOURCE) {
            let expected = format!("{}:{}:{}", self.job.source, event.record.partition, event.record.offset);
            assert_eq!(position, expected, "{place}: source position");
        }
        match (&event.ending, &record.value) {
            (Ending::Order(order), Some(value)) => {
                let (id, found) = self.decode(value, &place);
                let Value::Record(mut fields) = order.avro() else { panic!("an order is a record") };
                fields.extend(self.schemas[&id].fields.clone());
                assert_eq!(found, Value::Record(fields), "{place}: value");
            }
            (Ending::Tombstone, None) => {}
            (_, value) => panic!("{place}: came out as {value:?}"),
        }
    }

    /// The schema id and the value of a framed datum, all its bytes used.
    fn decode(&self, value: &[u8], place: &str) -> (i32, Value) {
        let id = schema_id(value).unwrap_or_else(|| panic!("{place}: no frame"));
        let known = self.schemas.get(&id).unwrap_or_else(|| panic!("{place}: schema id {id} is unknown"));
        let mut datum = &value[5..];
        let found = known.reader.read_value(&mut datum).unwrap_or_else(|error| panic!("{place}: {error}"));
        assert!(datum.is_empty(), "{place}: {} bytes behind the datum", datum.len());
        (id, found)
    }

    /// Each refused record lies in the dead letter topic, once at least, as it was, with where from and why in its
    /// headers. Returns how many lie there by reason.
    pub(crate) fn dead_letters(&self, letters: &[Vec<Record>]) -> BTreeMap<String, u64> {
        let mut found = BTreeMap::new();
        let mut reasons = BTreeMap::new();
        for letter in letters.iter().flatten() {
            let source = |name: &str| letter.header(&format!("json2avro.source.{name}")).unwrap_or_default();
            let place = format!("{}[{}]@{}", source("topic"), source("partition"), source("offset"));
            assert_eq!(source("topic"), self.job.source, "{place}: source topic");
            let (partition, offset): (usize, usize) =
                (source("partition").parse().unwrap(), source("offset").parse().unwrap());
            let event = &self.job.events[partition][offset];
            let Ending::Refused(flaw) = event.ending else { panic!("{place}: nothing is wrong with it: {letter:?}") };
            letter_of(letter, event, flaw, &place);
            *found.entry((partition, offset)).or_insert(0) += 1;
            *reasons.entry(letter.header("json2avro.reason").unwrap().to_owned()).or_insert(0) += 1;
        }
        for event in self.job.events.iter().flatten().filter(|event| matches!(event.ending, Ending::Refused(_))) {
            let position =
                (usize::try_from(event.record.partition).unwrap(), usize::try_from(event.record.offset).unwrap());
            assert!(found.contains_key(&position), "no dead letter for {position:?}");
        }
        reasons
    }
}

impl Event {
    /// Whether an output must follow.
    pub(crate) fn comes_out(&self) -> bool {
        !matches!(self.ending, Ending::Refused(_))
    }
}

/// The id in a Confluent frame.
pub(crate) fn schema_id(value: &[u8]) -> Option<i32> {
    match value {
        [0, a, b, c, d, ..] => Some(i32::from_be_bytes([*a, *b, *c, *d])),
        _ => None,
    }
}

/// One dead letter against its source record.
fn letter_of(letter: &Record, event: &Event, flaw: Flaw, place: &str) {
    assert_eq!(letter.value, event.record.value, "{place}: bytes");
    assert_eq!(letter.key, event.record.key, "{place}: key");
    let own = letter.headers.iter().filter(|(name, _)| !name.starts_with("json2avro."));
    assert!(own.eq(&event.record.headers), "{place}: headers {:?} became {:?}", event.record.headers, letter.headers);
    let header = |name: &str| {
        letter.header(&format!("json2avro.{name}")).unwrap_or_else(|| panic!("{place}: no header json2avro.{name}"))
    };
    assert_eq!(header("source.timestamp"), event.record.timestamp.to_string(), "{place}: source timestamp");
    assert!(["parse", "convert"].contains(&header("stage")), "{place}: stage {}", header("stage"));
    assert!(!header("reason").is_empty() && !header("message").is_empty(), "{place}: {flaw:?} without a reason");
    if let Some(member) = flaw.member() {
        let told = [header("path"), header("message")].concat();
        assert!(told.contains(member), "{place}: {flaw:?} names {told}, not {member}");
    }
}

fn source_offset(record: &Record) -> i64 {
    let position = record.header(SOURCE).unwrap_or_else(|| panic!("no {SOURCE} header: {record:?}"));
    position.rsplit(':').next().and_then(|offset| offset.parse().ok()).unwrap_or_else(|| panic!("{SOURCE}: {position}"))
}
