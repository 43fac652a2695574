//! A family of topics with keys, on a real cluster and registry: found by a pattern, sinks made, subjects by strategy.

use super::event::{CLEAN, Event, events};
use super::order;
use crate::services::Services;
use crate::services::http;
use crate::services::sidecar::Metrics;
use crate::spawn::Spawn;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(60);
const FOREVER: [(&str, &str); 1] = [("retention.ms", "-1")];
const EACH: i64 = 500;

fn config(services: &Services, folder: &Path) -> String {
    std::fs::write(folder.join("order.avsc"), order::SCHEMA).unwrap();
    std::fs::write(folder.join("key.avsc"), "\"string\"").unwrap();
    let file = |name: &str| folder.join(name).display().to_string();
    format!(
        r#"
        log.format = "human"
        kafka.main."bootstrap.servers" = "{}"
        registry.main.url = ["http://127.0.0.1:1", "{}"]
        [pipeline.shop]
        group_id = "breadth-group"
        source.topic = ["breadth-orders", "^breadth\\."]
        source.topic_refresh_ms = 300
        refused.dead_letter_topic = "breadth.dead"
        key = {{ output_format = "avro", input_format = "text", subject = "breadth-keys", schema = "file", file = {:?}, register = true }}
        value = {{ schema = "file", file = {:?}, register = true, subject_strategy = "topic_record_name" }}
        [pipeline.shop.sink]
        topic = "{{topic}}.avro"
        source_position = true
        create = true
        create_replication_factor = 1
        create_settings = ["cleanup.policy=compact,delete", "retention.ms=-1", "min.cleanable.dirty.ratio=1"]
        "#,
        services.bootstrap(),
        services.registry_url(),
        file("key.avsc"),
        file("order.avsc"),
    )
}

fn fill(services: &Services, topic: &str, partitions: i32) -> u64 {
    services.create_topic(topic, partitions, &FOREVER);
    let mut events = events(partitions, EACH, CLEAN);
    // A compacted sink takes no record without a key.
    let keyed = |(number, event): (usize, &mut Event)| {
        let number = number.to_string();
        event.record.key.get_or_insert_with(|| number.into_bytes());
    };
    events.iter_mut().for_each(|partition| partition.iter_mut().enumerate().for_each(keyed));
    services.produce(topic, events.iter().flatten().map(|event| &event.record));
    partitions as u64 * EACH as u64
}

#[test]
fn a_family_of_topics_comes_out_whole() {
    let Some(services) = Services::turn() else { return };
    let folder = tempfile::tempdir().unwrap();
    let mut total = fill(&services, "breadth-orders", 2) + fill(&services, "breadth.a", 3);
    let mut sidecar = services.sidecar(&config(&services, folder.path()));
    let produced = |wanted| move |metrics: &Metrics| metrics.count("records_produced_total") == wanted;
    sidecar.wait_for("the first topics", LIMIT, produced(total));
    total += fill(&services, "breadth.b", 1);
    let metrics = sidecar.wait_for("a topic that came later", LIMIT, produced(total));
    assert_eq!(metrics.count("partitions_assigned"), 6);

    // One is deleted: it leaves, the others go on.
    services.delete_topic("breadth.b");
    sidecar.wait_for("the topic to leave", LIMIT, |metrics| metrics.count("partitions_assigned") == 5);
    let more = events(2, 10, CLEAN);
    let more: Vec<_> = more.iter().flatten().map(|event| &event.record).filter(|record| record.key.is_some()).collect();
    total += more.len() as u64;
    services.produce("breadth-orders", more);
    sidecar.wait_for("more of another", LIMIT, produced(total));
    assert!(sidecar.said(&["topic left", "breadth.b"]), "{}", sidecar.log());
    sidecar.terminate();

    for (source, partitions) in [("breadth-orders", 2), ("breadth.a", 3)] {
        let sink = format!("{source}.avro");
        assert_eq!(services.end_offsets(&sink).len(), partitions, "as many as the source");
        assert_eq!(services.settings(&sink)["cleanup.policy"], "compact,delete");
        let read = Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/foreign/read_back"))
            .args([services.bootstrap(), services.registry_url(), source, &sink, "text"])
            .output_apart()
            .unwrap();
        let said = String::from_utf8_lossy(&read.stdout);
        assert!(read.status.success(), "{source}: {said}{}", String::from_utf8_lossy(&read.stderr));
    }
    assert_eq!(
        services.settings("breadth.dead")["cleanup.policy"],
        "delete",
        "dead letters have the broker's settings"
    );
    for subject in ["breadth-keys", "breadth-orders.avro-shop.Order", "breadth.a.avro-shop.Order"] {
        let url = format!("{}/subjects/{subject}/versions/1", services.registry_url());
        assert_eq!(http::get(&url).unwrap().status, 200, "{subject}");
    }
}

#[test]
fn the_last_topic_may_go_and_another_come() {
    let Some(services) = Services::turn() else { return };
    let config = format!(
        r#"
        log.format = "human"
        kafka.main."bootstrap.servers" = "{}"
        registry.main.url = "{}"
        [pipeline.shop]
        group_id = "alone-group"
        source.topic = "^alone\\."
        source.topic_refresh_ms = 300
        sink = {{ topic = "{{topic}}-avro", create = true, create_settings = "retention.ms=-1" }}
        value.subject = "alone-value"
        "#,
        services.bootstrap(),
        services.registry_url(),
    );
    services.register("alone-value", order::SCHEMA);
    let first = fill(&services, "alone.a", 2);
    let mut sidecar = services.sidecar(&config);
    sidecar.wait_for("the first topic", LIMIT, |metrics| metrics.count("records_produced_total") == first);
    services.delete_topic("alone.a");
    sidecar.wait_for("the topic to leave", LIMIT, |metrics| metrics.count("partitions_assigned") == 0);
    let second = fill(&services, "alone.b", 1);
    let metrics =
        sidecar.wait_for("another topic", LIMIT, |metrics| metrics.count("records_produced_total") == first + second);
    assert_eq!((metrics.count("partitions_assigned"), sidecar.probe("ready")), (1, Some(200)));
    sidecar.terminate();
}
