//! The memory budget of the process, and what of it each lane may hold.
//!
//! The process and its lanes cost something before any record; so does what is set by name (`in_flight_bytes`, librdkafka's
//! own properties). What is left is shared by all lanes alike, and in each by what nobody set: records in flight, records
//! fetched and not taken yet, records taken together, what is kept of the records of a transaction, and answers to fetches.
//! librdkafka decompresses an answer whole, one from each broker at a time, before it counts a byte of it; so an answer is
//! reckoned at what it swells to.
//!
//! Comes in: the budget, pipelines and clusters as meant. Goes out: each pipeline's room, or one mistake that tells how
//! much is asked for. Must never: hand out more than there is.

use super::mistake::{Complaint, Mistakes};
use super::typed::Typed;
use super::{Delivery, Kafka, Pipeline};
use std::collections::{BTreeMap, BTreeSet};

const CUT_RECORDS: &str = "transaction.cut_records";

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;

/// The allocator keeps some of what is freed, and rounds up: an eighth of the budget is its. Without, fault row 24 peaked at
/// the very budget.
const ALLOCATORS: u64 = 8;
/// The process before its first lane: code, runtime, admin server.
const PROCESS: u64 = 24 * MIB;
/// A lane at rest: two clients with a thread for each broker, and what they know of topics.
const LANE: u64 = 2 * MIB;
/// Brokers that may answer at once.
const ANSWERS: u64 = 3;
/// JSON compresses some eight times: so much of each lane's answers is always there.
const SWELLS: u64 = 8 * ANSWERS;
/// And on top of it one lane at a time may meet worse: in all a hundred times from each broker.
const SWELLS_ONCE: u64 = 100 * ANSWERS - SWELLS;
/// Of a record that is larger than usual: as fetched, re-encoded, being sent.
const COPIES: u64 = 3;
/// What is kept of each record of an open transaction at most (`pipeline::offsets`): a timestamp, its count, and the room
/// that their list grows by.
const IN_TRANSACTION: u64 = 32;
/// A larger record is one that `message.max.bytes` had to be raised for.
const USUAL_RECORD: u64 = 1_000_000;

/// How what is left is shared in each lane.
const IN_FLIGHT_SHARE: u64 = 3;
const QUEUED_SHARE: u64 = 1;
const BATCH_SHARE: u64 = 1;
const FETCH_SHARE: u64 = 8;
const TRANSACTION_SHARE: u64 = 1;
/// With less a lane is no use.
const LEAST_QUEUED: u64 = 128 * KIB;
const LEAST_BATCH: u64 = 64 * KIB;
const LEAST_FETCH: u64 = 16 * KIB;
/// More brings no speed.
const MOST_IN_FLIGHT: u64 = 64 * MIB;
const MOST_QUEUED: u64 = 64 * MIB;
const MOST_FETCH: u64 = 16 * MIB;
const MOST_IN_TRANSACTION: u64 = 1_000_000;

/// What a lane's consumer may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// A broker's answer to one fetch as it is sent, bytes. A single batch may be larger.
    pub fetch_bytes: u64,
    /// Values fetched and not taken yet, bytes: beyond it nothing more is fetched.
    pub queued_bytes: u64,
    /// Keys and values taken together, bytes: beyond it no more are taken, but as many again may have come at once.
    pub batch_bytes: u64,
}

impl Room {
    /// No lane has less; for clients that read no records.
    pub const LEAST: Self = Self { fetch_bytes: LEAST_FETCH, queued_bytes: LEAST_QUEUED, batch_bytes: LEAST_BATCH };
}

/// What a pipeline's lanes were given by name, in bytes of memory.
#[derive(Debug)]
struct Set {
    lanes: u64,
    in_flight: Option<u64>,
    queued: Option<u64>,
    fetch: Option<u64>,
    record: Option<u64>,
    /// Of the records of a full transaction; none where there are no transactions.
    transaction: Option<u64>,
    /// What was set, with its value.
    names: Vec<String>,
}

/// Gives each pipeline its room; the budget.
pub(super) fn share(
    typed: &Typed<'_>,
    kafka: &BTreeMap<String, Kafka>,
    pipelines: &mut BTreeMap<String, Pipeline>,
    mistakes: &mut Mistakes,
) -> u64 {
    let table = typed.section("memory");
    let budget: u64 = table.integer("budget_bytes");
    let sets: Vec<Set> = pipelines.values().map(|pipeline| Set::of(pipeline, typed, kafka)).collect();
    let fixed = PROCESS + sets.iter().map(Set::bytes).sum::<u64>();
    let shares = Shares::of(&sets);
    // Back from what may be handed out to a whole budget.
    let needed = ((fixed + shares.least()) * ALLOCATORS).div_ceil(ALLOCATORS - 1);
    if let Some(given) = table.get("budget_bytes").filter(|_| needed > budget) {
        let names: BTreeSet<&str> = sets.iter().flat_map(|set| &set.names).map(String::as_str).collect();
        let names = names.into_iter().collect::<Vec<_>>().join(", ");
        let (set, lower) = match names.as_str() {
            "" => (String::new(), "run fewer pipelines in one process"),
            names => (format!(", with {names}"), "set less"),
        };
        let pipelines = if sets.len() == 1 { "1 pipeline" } else { &format!("{} pipelines", sets.len()) };
        let wrong = format!("is {budget}, but {pipelines}{set} would need {needed} at least");
        let complaint = Complaint::new(wrong, format!("give the container more and raise it, or {lower}"));
        mistakes.add(table.mistake("budget_bytes", given, complaint));
    }
    let unit = shares.unit((budget - budget / ALLOCATORS).saturating_sub(fixed));
    for (pipeline, set) in pipelines.values_mut().zip(&sets) {
        let in_flight = set.in_flight.unwrap_or((unit * IN_FLIGHT_SHARE).min(MOST_IN_FLIGHT) * set.lanes);
        pipeline.in_flight_bytes = usize::try_from(in_flight).unwrap_or(usize::MAX);
        if let (None, Delivery::ExactlyOnce(how)) = (set.transaction, &mut pipeline.delivery) {
            how.cut.records = (unit * TRANSACTION_SHARE / IN_TRANSACTION).clamp(1, MOST_IN_TRANSACTION);
        }
        pipeline.room = Room {
            // What the user set is the client's own affair.
            fetch_bytes: shares.fetch(unit).clamp(LEAST_FETCH, MOST_FETCH),
            queued_bytes: (unit * QUEUED_SHARE).clamp(LEAST_QUEUED, MOST_QUEUED),
            batch_bytes: (unit * BATCH_SHARE / 2).clamp(LEAST_BATCH, MOST_QUEUED),
        };
    }
    budget
}

impl Set {
    fn of(pipeline: &Pipeline, typed: &Typed<'_>, kafka: &BTreeMap<String, Kafka>) -> Self {
        let mut names = Vec::new();
        let mut property = |cluster: &str, name: &str, least: u64| {
            // librdkafka refuses more.
            let value = kafka.get(cluster)?.properties.get(name)?.parse::<u64>().ok()?.min(1 << 31);
            (value > least).then(|| names.push(format!("kafka.{cluster}.{name} = {value}")))?;
            Some(value)
        };
        let (source, sink) = (&pipeline.source.kafka, &pipeline.sink.kafka);
        let queued = property(source, "queued.max.messages.kbytes", 0).map(|kilobytes| kilobytes * 1000);
        let fetch = property(source, "fetch.max.bytes", 0).map(|bytes| bytes * SWELLS);
        let mut larger = |cluster| property(cluster, "message.max.bytes", USUAL_RECORD);
        let record = larger(source).max(larger(sink)).map(|bytes| bytes * COPIES);
        let table = typed.table("pipeline", &pipeline.name);
        let in_flight = table.get("in_flight_bytes").map(|_| table.integer("in_flight_bytes"));
        names.extend(in_flight.map(|bytes: u64| format!("pipeline.{}.in_flight_bytes = {bytes}", pipeline.name)));
        let lanes = u64::try_from(pipeline.lanes).unwrap_or(u64::MAX);
        let transaction = match &pipeline.delivery {
            Delivery::AtLeastOnce => Some(0),
            Delivery::ExactlyOnce(how) => table.get(CUT_RECORDS).map(|_| how.cut.records * IN_TRANSACTION),
        };
        let cut = transaction.filter(|bytes| *bytes > 0).map(|bytes| bytes / IN_TRANSACTION);
        names.extend(cut.map(|records| format!("pipeline.{}.{CUT_RECORDS} = {records}", pipeline.name)));
        names.extend((lanes > 1).then(|| format!("pipeline.{}.lanes = {lanes}", pipeline.name)));
        Self { lanes, in_flight, queued, fetch, record, transaction, names }
    }

    /// What its lanes take whatever is left.
    fn bytes(&self) -> u64 {
        let each = [Some(LANE), self.queued, self.fetch, self.record, self.transaction];
        self.in_flight.unwrap_or(0) + each.into_iter().flatten().sum::<u64>() * self.lanes
    }
}

/// How many shares what is left is cut into.
#[derive(Debug)]
struct Shares {
    all: u64,
    queues: u64,
    fetches: u64,
}

impl Shares {
    fn of(sets: &[Set]) -> Self {
        let lanes = |left: fn(&Set) -> bool| sets.iter().filter(|set| left(set)).map(|set| set.lanes).sum::<u64>();
        let (queues, fetches) = (lanes(|set| set.queued.is_none()), lanes(|set| set.fetch.is_none()));
        let in_flight = lanes(|set| set.in_flight.is_none()) * IN_FLIGHT_SHARE;
        let transactions = lanes(|set| set.transaction.is_none()) * TRANSACTION_SHARE;
        let batches = lanes(|_| true) * BATCH_SHARE;
        let all = in_flight + transactions + batches + queues * QUEUED_SHARE + fetches * FETCH_SHARE;
        Self { all, queues, fetches }
    }

    /// The least that all of them together may be.
    fn least(&self) -> u64 {
        let batch = 2 * LEAST_BATCH / BATCH_SHARE;
        let queue = if self.queues > 0 { LEAST_QUEUED / QUEUED_SHARE } else { 0 };
        let fetch = if self.fetches > 0 { LEAST_FETCH * self.swells() / (FETCH_SHARE * self.fetches) } else { 0 };
        self.all * batch.max(queue).max(fetch)
    }

    /// One share.
    fn unit(&self, left: u64) -> u64 {
        left.checked_div(self.all).unwrap_or(0)
    }

    /// Each lane's answers to a fetch: all swell, one lane's more than the others'.
    fn fetch(&self, unit: u64) -> u64 {
        (unit * FETCH_SHARE * self.fetches).checked_div(self.swells()).unwrap_or(0)
    }

    fn swells(&self) -> u64 {
        SWELLS * self.fetches + SWELLS_ONCE
    }
}
