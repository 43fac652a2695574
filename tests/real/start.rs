//! Where reading begins, as far as only a real broker can say: by time, and where retention took what was to be read.

use crate::services::Services;
use crate::services::sidecar::Sidecar;
use crate::services::topics::Record;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(60);
const SCHEMA: &str = r#"{"type":"record","name":"R","fields":[{"name":"n","type":"long"}]}"#;
/// Records are a second apart, from here on.
const TIME: i64 = 1_700_000_000_000;

#[test]
fn a_timestamp_says_where_a_new_group_begins() {
    let Some(services) = Services::turn() else { return };
    topics(&services, "by-time");
    services.produce("by-time", &records(0..20));
    // Start; the first number that comes out. The last lies behind every record: only what comes later is read.
    let cases = [
        ("1", 0),
        (&*(TIME + 7_000).to_string(), 7),
        (&*(TIME + 7_001).to_string(), 8),
        ("\"2030-01-01T00:00:00Z\"", 20),
    ];
    for (number, (start, from)) in cases.into_iter().enumerate() {
        let before = services.end_offsets("by-time-avro")[0];
        let end = services.end_offsets("by-time")[0];
        let more = format!("pipeline.p.start = {start}");
        let mut sidecar = run(&services, "by-time", &format!("by-time-{number}"), &more);
        sidecar.wait_for("its partition", LIMIT, |metrics| metrics.count("partitions_assigned") == 1);
        services.produce("by-time", &records(end..end + 1));
        // What earlier cases added lies behind all of these, with timestamps of its own.
        let expected = u64::try_from(end + 1 - if from == 20 { end } else { from }).unwrap();
        sidecar.wait_for(start, LIMIT, |metrics| metrics.count("records_produced_total") == expected);
        sidecar.terminate();
        let written = services.end_offsets("by-time-avro")[0] - before;
        assert_eq!(written, i64::try_from(expected).unwrap(), "start = {start}");
    }
}

#[test]
fn retention_that_took_unread_records_is_never_passed_over_in_silence() {
    let Some(services) = Services::turn() else { return };
    // Policy; how the group assigns; how many of the five that are left come out; how many offsets are counted as skipped.
    let cases = [
        ("stop", "cooperative-sticky", 0, 0),
        ("earliest", "cooperative-sticky", 5, 5),
        ("latest", "cooperative-sticky", 0, 10),
        ("earliest", "range", 5, 5),
    ];
    for (policy, strategy, comes_out, skipped) in cases {
        let topic = format!("retention-{policy}-{strategy}");
        topics(&services, &topic);
        services.produce(&topic, &records(0..10));
        let mut sidecar = run(&services, &topic, &topic, "");
        sidecar.wait_for("ten records", LIMIT, |metrics| metrics.sum("committed_offset", &[]) == 10.0);
        sidecar.terminate();
        services.produce(&topic, &records(10..20));
        services.delete_records(&topic, 0, 15);

        let more = format!(
            "pipeline.p.out_of_range = \"{policy}\"\nkafka.main.\"partition.assignment.strategy\" = \"{strategy}\""
        );
        let mut sidecar = run(&services, &topic, &topic, &more);
        let metrics = if policy == "stop" {
            let stopped = [("reason", "offset_out_of_range")];
            sidecar.wait_for("the stop", LIMIT, |metrics| metrics.sum("partitions_stopped", &stopped) == 1.0)
        } else {
            sidecar.wait_for("the gap", LIMIT, |metrics| {
                metrics.count("offsets_skipped_total") == skipped
                    && metrics.count("records_produced_total") == comes_out
            })
        };
        assert_eq!(metrics.count("records_produced_total"), comes_out, "{policy}");
        if policy == "stop" {
            sidecar.terminate();
            assert_eq!(services.committed(&topic, &topic), [10], "where it stands is kept");
            continue;
        }
        services.produce(&topic, &records(20..23));
        sidecar.wait_for("what comes later", LIMIT, |metrics| metrics.count("records_produced_total") == comes_out + 3);
        sidecar.terminate();
        assert_eq!(services.committed(&topic, &topic), [23], "{policy}");
    }
}

fn topics(services: &Services, topic: &str) {
    for name in [topic, &format!("{topic}-avro")] {
        services.create_topic(name, 1, &[("retention.ms", "-1")]);
    }
    services.register(&format!("{topic}-avro-value"), SCHEMA);
}

fn run(services: &Services, topic: &str, group: &str, more: &str) -> Sidecar {
    services.sidecar(&format!(
        "log.format = \"human\"\n\
         kafka.main.\"bootstrap.servers\" = \"{}\"\n\
         registry.main.url = \"{}\"\n\
         pipeline.p.group_id = \"{group}\"\n\
         pipeline.p.commit_interval_ms = 100\n\
         pipeline.p.source.topic = \"{topic}\"\n\
         pipeline.p.sink.topic = \"{topic}-avro\"\n\
         {more}",
        services.bootstrap(),
        services.registry_url()
    ))
}

fn records(numbers: std::ops::Range<i64>) -> Vec<Record> {
    let record = |number: i64| Record {
        partition: 0,
        offset: number,
        key: None,
        value: Some(format!(r#"{{"n":{number}}}"#).into_bytes()),
        headers: Vec::new(),
        timestamp: TIME + number * 1000,
    };
    numbers.map(record).collect()
}
