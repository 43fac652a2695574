//! Exactly-once on real Kafka, read as a reader of what is committed: whatever happens to the processes and the broker, each
//! record comes out once, in order, and each dead letter lies there once.

use super::event::MIXED;
use super::job::{Job, PARTITIONS, Protocol};
use super::verify::Judge;
use crate::services::sidecar::Sidecar;
use crate::services::topics::Record;
use crate::services::{Service, Services, wait_for};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const LIMIT: Duration = Duration::from_secs(90);
/// Records of each partition.
const EACH: i64 = 15_000;
/// Few bytes in flight are few records a second: a test can meet the process midway.
const BUDGET: &str = "pipeline.main.in_flight_bytes";

fn job<'a>(services: &'a Services, name: &str) -> Job<'a> {
    Job::new(services, name, EACH, MIXED).positioned().exactly_once().set(BUDGET, "65536")
}

#[test]
fn kills_midway_lose_and_duplicate_nothing() {
    let Some(services) = Services::turn() else { return };
    let job = job(&services, "eos-kill")
        .set("pipeline.main.transaction.cut_ms", "1000")
        // Or what is left ends in one, and no kill comes inside it.
        .set("pipeline.main.transaction.cut_records", "2000");
    for kill in 1..=5 {
        let mut sidecar = job.start();
        let goal = fastrand::u64(200..job.total() / 10);
        // More than the budget lets go unacknowledged: some of them lie in the log.
        sidecar.wait_for(&format!("{goal} records, then kill {kill}"), LIMIT, |metrics| {
            metrics.count("records_produced_total") >= goal && metrics.count("records_in_flight") >= 400
        });
        sidecar.signal("KILL");
        sidecar.exit(LIMIT);
    }
    let midway: i64 = job.committed().iter().sum();
    assert!((1..i64::try_from(job.total()).unwrap()).contains(&midway), "the kills came at {midway} records");
    job.finish_without(&[BUDGET], LIMIT);
    let tried: usize = services.read_uncommitted(&job.sink).iter().map(Vec::len).sum();
    let came: usize = judge(&job, &services);
    println!("eos-kill: {came} records came out, {} more were aborted", tried - came);
    assert!(tried > came, "no kill landed inside a transaction");
}

#[test]
fn sigterm_midway_loses_and_duplicates_nothing_and_aborts_nothing() {
    let Some(services) = Services::turn() else { return };
    let job = job(&services, "eos-term");
    for end in 1..=3 {
        let mut sidecar = job.start();
        let goal = fastrand::u64(200..job.total() / 6);
        sidecar.wait_for(&format!("{goal} records, then end {end}"), LIMIT, |metrics| {
            metrics.count("records_produced_total") >= goal
        });
        sidecar.terminate();
        let midway: i64 = job.committed().iter().sum();
        assert!(midway < i64::try_from(job.total()).unwrap(), "the end came too late");
    }
    job.finish_without(&[BUDGET], LIMIT);
    let tried: usize = services.read_uncommitted(&job.sink).iter().map(Vec::len).sum();
    assert_eq!(judge(&job, &services), tried, "a drain commits what is open");
}

#[test]
fn instances_that_come_go_and_die_lose_and_duplicate_nothing() {
    let Some(services) = Services::turn() else { return };
    // A handful of records for each round trip of 20 ms: the work lasts while instances come and go.
    let job = job(&services, "eos-instances")
        .set("kafka.main.\"session.timeout.ms\"", "6000")
        .set("kafka.main.\"linger.ms\"", "20")
        .set(BUDGET, "4096");
    come_and_go(&services, &job, "KILL");
}

#[test]
fn instances_that_come_and_go_under_the_eager_protocol_lose_and_duplicate_nothing() {
    come_and_go_under("eos-eager", Protocol::Eager, "TERM");
}

#[test]
fn instances_that_come_go_and_die_under_kip_848_lose_and_duplicate_nothing() {
    come_and_go_under("eos-broker-assigns", Protocol::Broker, "KILL");
}

fn come_and_go_under(name: &str, protocol: Protocol, signal: &str) {
    let Some(services) = Services::turn() else { return };
    let job = job(&services, name)
        .set("kafka.main.\"session.timeout.ms\"", "10000")
        .set("kafka.main.\"linger.ms\"", "20")
        .set(BUDGET, "4096")
        .protocol(protocol);
    come_and_go(&services, &job, signal);
}

/// Three instances one after the other; the signal ends the first.
fn come_and_go(services: &Services, job: &Job<'_>, signal: &str) {
    let mut first = job.start_as("a");
    works(&mut [&mut first], "one instance");
    let mut second = job.start_as("b");
    shared(&mut [&mut first, &mut second]);
    works(&mut [&mut first, &mut second], "a second one");
    first.signal(signal);
    let (code, _) = first.exit(Duration::from_secs(20));
    assert_eq!(code, (signal == "TERM").then_some(0), "{}", first.log());
    shared(&mut [&mut second]);
    let mut third = job.start_as("c");
    shared(&mut [&mut second, &mut third]);
    works(&mut [&mut second, &mut third], "a third one");
    second.terminate();
    shared(&mut [&mut third]);
    works(&mut [&mut third], "leaving");
    let midway: i64 = job.committed().iter().sum();
    assert!(midway < i64::try_from(job.total()).unwrap(), "all was over before the last one left");
    third.terminate();
    job.finish_without(&[BUDGET], LIMIT);
    judge(job, services);
}

#[test]
fn a_rival_with_the_same_name_is_told_and_does_no_harm() {
    let Some(services) = Services::turn() else { return };
    let job = job(&services, "eos-rival").set(BUDGET, "32768");
    let mut first = job.start_as("same");
    works(&mut [&mut first], "the first one");
    let second = job.start_as("same");
    let (exit, _) = first.exit(LIMIT);
    assert_eq!(exit, Some(64), "{}", first.log());
    assert!(first.said(&["fenced", "transaction.instance"]), "{}", first.log());
    second.terminate();
    job.finish_without(&[BUDGET], LIMIT);
    judge(&job, &services);
}

#[test]
fn a_broker_that_goes_and_comes_back_loses_and_duplicates_nothing() {
    let Some(services) = Services::turn() else { return };
    let job = job(&services, "eos-broker");
    let mut sidecar = job.start();
    works(&mut [&mut sidecar], "the start");
    services.stop(Service::Kafka);
    services.start(Service::Kafka);
    works(&mut [&mut sidecar], "the broker's return");
    sidecar.terminate();
    job.finish_without(&[BUDGET], LIMIT);
    judge(&job, &services);
}

/// Refuses timestamps of the future for `hours` at most.
fn topic(services: &Services, name: &str, hours: i64) {
    let millis = (hours * 3_600_000).to_string();
    services.create_topic(name, 1, &[("retention.ms", "-1"), ("message.timestamp.after.max.ms", &millis)]);
}

#[test]
fn of_a_batch_that_the_broker_refuses_the_guilty_alone_is_a_dead_letter() {
    let Some(services) = Services::turn() else { return };
    topic(&services, "eos-poison", 100);
    topic(&services, "eos-poison-avro", 1);
    topic(&services, "eos-poison-dead-letter", 100);
    services.register("eos-poison-avro-value", r#""long""#);
    let now = i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap();
    let guilty = [37, 38, 1_500];
    let record = |number: i64| Record {
        partition: 0,
        offset: number,
        key: None,
        value: Some(number.to_string().into_bytes()),
        headers: Vec::new(),
        timestamp: if guilty.contains(&number) { now + 50 * 3_600_000 } else { now },
    };
    let records: Vec<Record> = (0..3_000).map(record).collect();
    services.produce("eos-poison", &records);
    let config = format!(
        "kafka.main.\"bootstrap.servers\" = {:?}\nregistry.main.url = {:?}\nlog.format = \"human\"\n[pipeline.p]\n\
         group_id = \"eos-poison\"\ndelivery = \"exactly_once\"\nsource.topic = \"eos-poison\"\n\
         sink.topic = \"eos-poison-avro\"\nrefused.dead_letter_topic = \"eos-poison-dead-letter\"\n",
        services.bootstrap(),
        services.registry_url()
    );
    let mut sidecar = services.sidecar(&config);
    let metrics = sidecar.wait_for("all records", LIMIT, |metrics| metrics.count("records_produced_total") == 2_997);
    assert_eq!(metrics.sum("records_dead_lettered_total", &[("reason", "invalid_timestamp")]) as u64, 3);
    let aborted = metrics.sum("transactions_aborted_total", &[("reason", "record_refused")]);
    assert!((3.0..=45.0).contains(&aborted), "halves, not a loop: {aborted} aborts");
    sidecar.terminate();
    let letters = services.read_topic("eos-poison-dead-letter").concat();
    let letters: Vec<i64> =
        letters.iter().map(|letter| letter.header("json2avro.source.offset").unwrap().parse().unwrap()).collect();
    assert_eq!(letters, guilty);
    let came: Vec<Option<Vec<u8>>> =
        services.read_topic("eos-poison-avro").concat().into_iter().map(|record| record.value).collect();
    assert_eq!(came.len(), 2_997);
    let innocent = (0..3_000).filter(|number| !guilty.contains(number));
    for (number, value) in innocent.zip(came) {
        let expected = crate::lane::stage::avro(value.as_ref().unwrap()[4], number);
        assert_eq!(value, Some(expected), "{number}");
    }
}

/// Each instance commits some more records.
fn works(instances: &mut [&mut Sidecar], what: &str) {
    for instance in instances {
        let before = instance.metrics().map_or(0, |metrics| metrics.count("records_produced_total"));
        instance.wait_for(what, LIMIT, |metrics| metrics.count("records_produced_total") >= before + 50);
    }
}

/// Each instance has some partitions, all of them together.
fn shared(instances: &mut [&mut Sidecar]) {
    wait_for("the partitions to be shared", LIMIT, || {
        let held =
            |instance: &&mut Sidecar| instance.metrics().map_or(0, |metrics| metrics.count("partitions_assigned"));
        let held: Vec<u64> = instances.iter().map(held).collect();
        (held.iter().sum::<u64>() == PARTITIONS as u64 && held.iter().all(|held| *held > 0)).then_some(())
    });
}

/// Exactly once, dead letters too. Returns how many records came out.
fn judge(job: &Job<'_>, services: &Services) -> usize {
    let (sink, judge) = (job.read_sink(), Judge::new(job));
    judge.all_once(&sink, &services.read_topic(&job.dead_letter));
    sink.iter().map(Vec::len).sum()
}
