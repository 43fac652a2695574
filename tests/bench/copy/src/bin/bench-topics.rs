//! What the benchmark does at the broker.
//!
//! Comes in: the brokers in KAFKA_BOOTSTRAP_SERVERS, and one command:
//!
//! ```text
//! bench-topics create TOPIC PARTITIONS
//! bench-topics delete TOPIC
//! bench-topics load TOPIC FILE RECORDS HEADERS   the file's lines over and over, dealt out to the partitions
//! bench-topics ends TOPIC                        the end offset of each partition
//! bench-topics committed GROUP TOPIC             the group's offset in each partition; -1 for none
//! bench-topics watch TOPIC FROM TO               until it holds TO records: how many were there when it was first seen
//!                                                to hold FROM, how many at last, and the seconds between
//! bench-topics first TOPIC                       until it holds any: when that was, in seconds since 1970
//! bench-topics latency SOURCE SINK RATE SECONDS  feeds records that lie in SOURCE into it once more, RATE a second, and
//!                                                reads SINK: milliseconds from writing each to having read what came of
//!                                                it, p50 p99 max
//! ```
//! Goes out: numbers in one line. Must never: be counted as anyone's CPU.

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::{ClientConfig, FromClientConfig};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use std::error::Error;
use std::process::ExitCode;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

const PATIENCE: Duration = Duration::from_secs(60);
const WATCH_INTERVAL: Duration = Duration::from_millis(20);
const FIRST_INTERVAL: Duration = Duration::from_millis(1);

#[path = "../latency.rs"]
mod latency;

type Answer = Result<String, Box<dyn Error>>;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match run(&arguments.iter().map(String::as_str).collect::<Vec<_>>()) {
        Ok(answer) => {
            println!("{answer}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("bench-topics {}: {error}", arguments.join(" "));
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[&str]) -> Answer {
    match arguments {
        ["create", topic, partitions] => create(topic, partitions.parse()?),
        ["delete", topic] => delete(topic),
        ["load", topic, file, records, headers] => load(topic, file, records.parse()?, headers.parse()?),
        ["ends", topic] => Ok(line(&ends(&client(&[])?, topic, partitions(topic)?)?)),
        ["committed", group, topic] => {
            let committed = client::<BaseConsumer>(&[("group.id", group)])?
                .committed_offsets(list(topic, partitions(topic)?, Offset::Invalid)?, PATIENCE)?;
            Ok(line(&offsets(&committed)))
        }
        ["watch", topic, from, to] => watch(topic, from.parse()?, to.parse()?),
        ["first", topic] => first(topic),
        ["latency", source, sink, rate, seconds] => latency::measure(source, sink, rate.parse()?, seconds.parse()?),
        _ => Err("no such command".into()),
    }
}

fn client<T: FromClientConfig>(properties: &[(&str, &str)]) -> Result<T, Box<dyn Error>> {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", std::env::var("KAFKA_BOOTSTRAP_SERVERS")?);
    for (name, value) in properties {
        config.set(*name, *value);
    }
    Ok(config.create()?)
}

fn create(topic: &str, partitions: i32) -> Answer {
    // The disk is freed at once when the topic goes.
    let new = NewTopic::new(topic, partitions, TopicReplication::Fixed(1)).set("file.delete.delay.ms", "0");
    let options = AdminOptions::new().operation_timeout(Some(PATIENCE));
    let admin: AdminClient<DefaultClientContext> = client(&[])?;
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let made = runtime.block_on(admin.create_topics([&new], &options))?;
    made.into_iter().try_for_each(|one| one.map(drop)).map_err(|(name, code)| format!("{name}: {code}"))?;
    Ok(line(&ends(&client(&[])?, topic, partitions)?))
}

fn delete(topic: &str) -> Answer {
    let options = AdminOptions::new().operation_timeout(Some(PATIENCE));
    let admin: AdminClient<DefaultClientContext> = client(&[])?;
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let gone = runtime.block_on(admin.delete_topics(&[topic], &options))?;
    gone.into_iter().try_for_each(|one| one.map(drop)).map_err(|(name, code)| format!("{name}: {code}"))?;
    Ok(topic.into())
}

fn load(topic: &str, file: &str, records: usize, headers: usize) -> Answer {
    let text = std::fs::read_to_string(file)?;
    let lines: Vec<&str> = text.lines().collect();
    let partitions = usize::try_from(partitions(topic)?)?;
    let producer: BaseProducer = client(&[
        ("linger.ms", "50"),
        ("compression.type", "lz4"),
        ("enable.idempotence", "true"),
        ("queue.buffering.max.kbytes", "131072"),
        ("queue.buffering.max.messages", "0"),
    ])?;
    for (number, value) in lines.iter().cycle().take(records).enumerate() {
        let key = format!("{:08}", number % lines.len());
        let partition = i32::try_from(number % partitions)?;
        let mut record = BaseRecord::to(topic).partition(partition).key(&key).payload(*value);
        if headers > 0 {
            record = record.headers(record_headers(number, headers));
        }
        while let Err((error, back)) = producer.send(record) {
            if error != KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull) {
                return Err(error.into());
            }
            producer.poll(Duration::from_millis(10));
            record = back;
        }
        if number % 1000 == 0 {
            producer.poll(Duration::ZERO);
        }
    }
    producer.flush(PATIENCE)?;
    let ends: i64 = ends(&client(&[])?, topic, i32::try_from(partitions)?)?.iter().sum();
    if usize::try_from(ends)? == records { Ok(ends.to_string()) } else { Err(format!("{ends} arrived").into()) }
}

/// As tracing and event libraries set them: a number of the record's own, and words.
fn record_headers(number: usize, count: usize) -> OwnedHeaders {
    let trace = format!("{:032x}", (number as u128 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835));
    let all = [("trace-id", trace.as_str()), ("content-type", "application/json"), ("source", "checkout.eu-west-1")];
    all.iter().cycle().take(count).fold(OwnedHeaders::new_with_capacity(count), |headers, (key, value)| {
        headers.insert(Header { key, value: Some(*value) })
    })
}

fn watch(topic: &str, from: i64, to: i64) -> Answer {
    let (asking, partitions) = (client(&[])?, partitions(topic)?);
    let mut first = None;
    loop {
        let held: i64 = ends(&asking, topic, partitions)?.iter().sum();
        let now = Instant::now();
        if held >= from {
            let (first, since) = *first.get_or_insert((held, now));
            if held >= to {
                return Ok(format!("{first} {held} {:.3}", now.duration_since(since).as_secs_f64()));
            }
        }
        std::thread::sleep(WATCH_INTERVAL);
    }
}

fn first(topic: &str) -> Answer {
    let (asking, partitions) = (client(&[])?, partitions(topic)?);
    while ends(&asking, topic, partitions)?.iter().sum::<i64>() == 0 {
        std::thread::sleep(FIRST_INTERVAL);
    }
    Ok(format!("{:.4}", SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs_f64()))
}

fn partitions(topic: &str) -> Result<i32, Box<dyn Error>> {
    let metadata = client::<BaseConsumer>(&[])?.fetch_metadata(Some(topic), PATIENCE)?;
    Ok(metadata.topics().first().map_or(0, |topic| topic.partitions().len()).try_into()?)
}

/// In one request: asking for the offset at the time -1 (`Offset::End`) gives the end. A topic just made has no leaders yet.
fn ends(client: &BaseConsumer, topic: &str, partitions: i32) -> Result<Vec<i64>, Box<dyn Error>> {
    let begun = Instant::now();
    loop {
        match client.offsets_for_times(list(topic, partitions, Offset::End)?, PATIENCE) {
            Ok(ends) => return Ok(offsets(&ends)),
            Err(error) if begun.elapsed() > PATIENCE => return Err(error.into()),
            Err(_) => std::thread::sleep(WATCH_INTERVAL),
        }
    }
}

fn list(topic: &str, partitions: i32, offset: Offset) -> Result<TopicPartitionList, KafkaError> {
    let mut list = TopicPartitionList::new();
    for partition in 0..partitions {
        list.add_partition_offset(topic, partition, offset)?;
    }
    Ok(list)
}

fn offsets(list: &TopicPartitionList) -> Vec<i64> {
    list.elements().iter().map(|element| element.offset().to_raw().unwrap_or(-1)).collect()
}

fn line(offsets: &[i64]) -> String {
    offsets.iter().map(i64::to_string).collect::<Vec<_>>().join(" ")
}
