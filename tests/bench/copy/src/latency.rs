//! How long a record takes from its writer to the reader of what came of it.
//!
//! Comes in: a source whose first records are written over and over at a fixed rate, and a sink in which each comes out in
//! its partition, in order; the same topic twice measures broker and clients alone. Goes out: milliseconds. Must never: take
//! one record's output for another's: the two partitions have as many records, in one order.

use super::{Answer, PATIENCE, client, ends, line, list, partitions};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::Message;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::topic_partition_list::Offset;
use std::error::Error;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

/// Feeding and reading before anything counts: connections, the reader's first fetch.
const WARM_UP: Duration = Duration::from_secs(3);

/// Feeds `rate` records a second for so many seconds, and reads what comes of them.
pub(super) fn measure(source: &str, sink: &str, rate: u32, seconds: u32) -> Answer {
    let partitions = partitions(source)?;
    let values = first_values(source, partitions)?;
    let reader: BaseConsumer = client(&[
        ("group.id", "bench-latency"),
        ("isolation.level", "read_committed"),
        ("enable.auto.commit", "false"),
        ("fetch.queue.backoff.ms", "10"),
    ])?;
    let sink_ends = ends(&client(&[])?, sink, partitions)?;
    let mut begins = list(sink, partitions, Offset::End)?;
    for (partition, end) in (0..).zip(&sink_ends) {
        begins.set_partition_offset(sink, partition, Offset::Offset(*end))?;
    }
    reader.assign(&begins)?;
    let (send, sent) = channel();
    let total = usize::try_from(rate * seconds)? + usize::try_from(rate)? * usize::try_from(WARM_UP.as_secs())?;
    let topic = source.to_owned();
    let feeder =
        std::thread::spawn(move || feed(&topic, partitions, &values, rate, total, &send).map_err(|e| e.to_string()));
    let took = read(&reader, usize::try_from(partitions)?, total, &sent)?;
    feeder.join().map_err(|_| "the feeder panicked")??;
    let mut took = took.into_iter().skip(total - usize::try_from(rate * seconds)?).collect::<Vec<_>>();
    took.sort_unstable();
    let at = |share: usize| {
        took.get((took.len() * share / 100).min(took.len() - 1)).map_or(0.0, |took| took.as_secs_f64() * 1e3)
    };
    Ok(format!("{:.2} {:.2} {:.2}", at(50), at(99), at(100)))
}

/// One record's partition and when it was written.
type Sent = (usize, Instant);

fn feed(
    topic: &str,
    partitions: i32,
    values: &[Vec<u8>],
    rate: u32,
    total: usize,
    sent: &Sender<Sent>,
) -> Result<(), Box<dyn Error>> {
    let producer: BaseProducer = client(&[("linger.ms", "0"), ("enable.idempotence", "true")])?;
    let began = Instant::now();
    for (number, value) in values.iter().cycle().take(total).enumerate() {
        let due = began + Duration::from_secs_f64(number as f64 / f64::from(rate));
        producer.poll(due.saturating_duration_since(Instant::now()));
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        let partition = number % usize::try_from(partitions)?;
        sent.send((partition, Instant::now()))?;
        let record = BaseRecord::<(), [u8]>::to(topic).partition(i32::try_from(partition)?).payload(value);
        producer.send(record).map_err(|(error, _)| error)?;
    }
    Ok(producer.flush(PATIENCE)?)
}

/// Each record's time, in the order of reading.
fn read(
    reader: &BaseConsumer,
    partitions: usize,
    total: usize,
    sent: &Receiver<Sent>,
) -> Result<Vec<Duration>, Box<dyn Error>> {
    let mut took = Vec::with_capacity(total);
    // Of each partition, when those were written that did not come out yet.
    let mut under_way = vec![std::collections::VecDeque::new(); partitions];
    while took.len() < total {
        let record = reader.poll(PATIENCE).ok_or_else(|| format!("{} of {total} came out", took.len()))??;
        let now = Instant::now();
        sent.try_iter().for_each(|(partition, at)| under_way[partition].push_back(at));
        let written: Instant =
            under_way[usize::try_from(record.partition())?].pop_front().ok_or("more came out than went in")?;
        took.push(now.duration_since(written));
    }
    Ok(took)
}

fn first_values(topic: &str, partitions: i32) -> Result<Vec<Vec<u8>>, Box<dyn Error>> {
    let ends = ends(&client(&[])?, topic, partitions)?;
    let least = usize::try_from(ends.iter().sum::<i64>())?.min(1000);
    let reader: BaseConsumer = client(&[("group.id", "bench-latency"), ("enable.auto.commit", "false")])?;
    let mut begins = list(topic, partitions, Offset::Beginning)?;
    for partition in 0..partitions {
        begins.set_partition_offset(topic, partition, Offset::Offset(0))?;
    }
    reader.assign(&begins)?;
    let mut values = Vec::new();
    while values.len() < least {
        let record = reader.poll(PATIENCE).ok_or_else(|| format!("{topic} ({}) gives no records", line(&ends)))??;
        values.extend(record.payload().map(<[u8]>::to_vec));
    }
    Ok(values)
}
