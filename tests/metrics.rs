//! `/metrics` as its readers have it: names and labels are a contract, and the books balance on every scrape.

use json2avro::config::Part;
use json2avro::fault::{Blame, Fault, Stage};
use json2avro::lifecycle::Pulse;
use json2avro::record::TopicPartition;
use json2avro::telemetry::{Counts, Events, LaneMetrics, Metrics, SchemaInForce};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Dashboards and alerts are built on these: adding one is fine, a change of one is a breaking release.
pub(crate) const CONTRACT: &str = "\
json2avro_build_info gauge version,librdkafka
json2avro_bytes_consumed_total counter pipeline,topic
json2avro_bytes_produced_total counter pipeline,topic
json2avro_commits_total counter pipeline,result
json2avro_committed_offset gauge pipeline,topic,partition
json2avro_consumer_lag gauge pipeline,topic,partition
json2avro_control_poll_age_seconds gauge pipeline
json2avro_conversion_lossy_total counter pipeline,reason
json2avro_convert_duration_seconds histogram pipeline
json2avro_end_offset gauge pipeline,topic,partition
json2avro_end_to_end_latency_seconds histogram pipeline
json2avro_in_flight_bytes gauge pipeline
json2avro_offsets_skipped_total counter pipeline
json2avro_partitions_assigned gauge pipeline
json2avro_partitions_stopped gauge pipeline,reason
json2avro_pipeline_failed gauge pipeline,reason
json2avro_progress_age_seconds gauge pipeline
json2avro_rebalances_total counter pipeline
json2avro_records_abandoned_total counter pipeline
json2avro_records_consumed_total counter pipeline,topic
json2avro_records_dead_lettered_total counter pipeline,reason
json2avro_records_failed_total counter pipeline,stage,reason
json2avro_records_in_flight gauge pipeline
json2avro_records_produced_total counter pipeline,topic
json2avro_records_skipped_total counter pipeline,reason
json2avro_registry_request_duration_seconds histogram registry,operation
json2avro_registry_requests_total counter registry,operation,status
json2avro_schema_age_seconds gauge pipeline
json2avro_schema_info gauge pipeline,subject,version,schema_id
json2avro_schema_switches_total counter pipeline
json2avro_tombstones_total counter pipeline
json2avro_topics_waiting gauge pipeline,reason
json2avro_transaction_duration_seconds histogram pipeline
json2avro_transactions_aborted_total counter pipeline,reason
json2avro_transactions_committed_total counter pipeline
";

/// Sample (name and labels) -> value.
fn samples(page: &str) -> BTreeMap<&str, f64> {
    let lines: Vec<_> = page.lines().filter(|line| !line.starts_with('#')).collect();
    let samples: BTreeMap<_, _> = lines
        .iter()
        .map(|line| line.rsplit_once(' ').map(|(name, value)| (name, value.parse().unwrap())).unwrap())
        .collect();
    assert_eq!(samples.len(), lines.len(), "a series told twice spoils the page:\n{page}");
    samples
}

fn partition(partition: i32) -> TopicPartition {
    TopicPartition { topic: "orders".into(), partition }
}

/// A process in which everything happened once.
fn busy() -> std::sync::Arc<Metrics> {
    let metrics = Metrics::new("2.12.1");
    let lane = metrics.pipeline("orders");
    let route = lane.route("orders", "orders-avro");
    let mut counts = Counts::default();
    counts.consumed(route, 100);
    counts.delivered(route, 1, 60);
    counts.dead_lettered("missing_field", 1);
    counts.skipped("not_json");
    counts.failed(Stage::Convert, "missing_field");
    counts.converted(Duration::from_micros(20), 10);
    counts.end_to_end(7, 1);
    lane.publish(&counts);
    lane.beats(&Pulse::default());
    lane.set_lag(&partition(0), 40, 100);
    let schema = SchemaInForce { subject: "orders-avro-value".into(), version: Some(3), id: 12 };
    lane.schema_in_force("orders", Part::Value, schema);
    lane.schema_answered("orders", Part::Value, Instant::now());
    lane.topic_waits("orders-new", Some("subject_not_found"));
    lane.committed(true);
    lane.transaction_committed(Duration::from_millis(110));
    lane.transaction_aborted("not_committed");
    lane.failed("flood");
    let fault = Fault::lasting(Stage::Produce, Blame::Config, "message_too_large", "too large");
    Events::new(lane).partition_stopped(&partition(1), 9, &fault);
    metrics.registry_observer("main")("latest_version", "200", Duration::from_millis(3));
    metrics
}

#[test]
fn names_types_and_labels_are_a_contract() {
    let page = busy().render();
    let mut found = BTreeMap::new();
    for line in page.lines() {
        if let Some(family) = line.strip_prefix("# TYPE ") {
            let (name, kind) = family.split_once(' ').unwrap();
            found.insert(name.to_owned(), (kind.to_owned(), BTreeSet::new()));
        }
    }
    for sample in samples(&page).keys() {
        let (name, labels) = sample.trim_end_matches('}').split_once('{').unwrap();
        let family = ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name);
        let keys: Vec<_> =
            labels.split(',').filter_map(|pair| pair.split('=').next()).filter(|key| *key != "le").collect();
        found.get_mut(family).unwrap().1.insert(keys.join(","));
    }
    let mut text = String::new();
    for (name, (kind, labels)) in found {
        let labels: Vec<_> = labels.into_iter().collect();
        text.push_str(&format!("{name} {kind} {}\n", labels.join(" | ")));
    }
    assert_eq!(text, CONTRACT, "\n{text}");
}

#[test]
fn values_stand_where_they_belong() {
    let metrics = busy();
    let page = metrics.render();
    let samples = samples(&page);
    for (sample, value) in [
        (r#"json2avro_consumer_lag{pipeline="orders",topic="orders",partition="0"}"#, 60.0),
        (r#"json2avro_bytes_produced_total{pipeline="orders",topic="orders-avro"}"#, 60.0),
        (r#"json2avro_topics_waiting{pipeline="orders",reason="subject_not_found"}"#, 1.0),
        (r#"json2avro_partitions_stopped{pipeline="orders",reason="message_too_large"}"#, 1.0),
        (r#"json2avro_convert_duration_seconds_bucket{pipeline="orders",le="0.000001"}"#, 0.0),
        (r#"json2avro_convert_duration_seconds_bucket{pipeline="orders",le="0.0000025"}"#, 10.0),
        (r#"json2avro_convert_duration_seconds_bucket{pipeline="orders",le="+Inf"}"#, 10.0),
        (r#"json2avro_conversion_lossy_total{pipeline="orders",reason="rounded"}"#, 0.0),
        (r#"json2avro_schema_info{pipeline="orders",subject="orders-avro-value",version="3",schema_id="12"}"#, 1.0),
        (r#"json2avro_registry_requests_total{registry="main",operation="latest_version",status="200"}"#, 1.0),
    ] {
        assert_eq!(samples.get(sample), Some(&value), "{sample}\n{page}");
    }
    assert_eq!(metrics.failure("orders"), Some("flood"));
}

#[test]
fn a_schema_switches_when_its_id_changes() {
    let metrics = Metrics::new("x");
    let lane = metrics.pipeline("p");
    for (id, switches) in [(1, 0.0), (1, 0.0), (2, 1.0), (1, 2.0)] {
        lane.schema_in_force("in", Part::Value, SchemaInForce { subject: "s".into(), version: None, id });
        let page = metrics.render();
        assert_eq!(samples(&page)[r#"json2avro_schema_switches_total{pipeline="p"}"#], switches, "id {id}");
        assert_eq!(page.matches("json2avro_schema_info{").count(), 1, "only the one in force:\n{page}");
    }
}

#[test]
fn a_partition_that_is_gone_leaves_no_series() {
    let metrics = Metrics::new("x");
    let lane = metrics.pipeline("p");
    lane.set_lag(&partition(4), 1, 2);
    lane.stopped(&partition(4), "refused");
    assert!(metrics.render().contains(r#"partition="4""#));
    Events::new(lane).revoked(&[partition(4)], 0);
    let page = metrics.render();
    assert!(!page.contains(r#"partition="4""#) && !page.contains("partitions_stopped"), "{page}");
}

#[test]
fn a_status_from_outside_cannot_become_any_label() {
    let metrics = Metrics::new("x");
    let observe = metrics.registry_observer("main");
    for status in ["404", "timeout", "<html>", "2000", ""] {
        observe("by_id", status, Duration::ZERO);
    }
    let page = metrics.render();
    let samples = samples(&page);
    for (status, times) in [("404", 1.0), ("timeout", 1.0), ("other", 3.0)] {
        let sample =
            format!(r#"json2avro_registry_requests_total{{registry="main",operation="by_id",status="{status}"}}"#);
        assert_eq!(samples.get(sample.as_str()), Some(&times), "{page}");
    }
}

/// Two lanes of one pipeline count and publish as fast as they can; every page in between must balance and not go back.
#[test]
fn the_books_balance_on_every_scrape() {
    let metrics = Metrics::new("x");
    let enough = AtomicBool::new(false);
    let mut consumed = 0.0;
    std::thread::scope(|scope| {
        for lane in [metrics.pipeline("p"), metrics.pipeline("p")] {
            scope.spawn(|| count_until(&enough, lane));
        }
        for _ in 0..2_000 {
            consumed = check_balance(&metrics.render(), consumed);
        }
        while consumed == 0.0 {
            consumed = check_balance(&metrics.render(), consumed);
        }
        enough.store(true, Ordering::Relaxed);
    });
    assert!(check_balance(&metrics.render(), consumed) > 0.0);
}

/// A lane that reads batches of seven records, one in five of which stays in flight for good.
fn count_until(enough: &AtomicBool, lane: LaneMetrics) {
    let mut counts = Counts::default();
    let routes = [lane.route("in", "out"), lane.route("in-2", "out-2")];
    let mut in_flight = 0;
    for record in 0u64.. {
        let route = routes[usize::from(record % 3 == 0)];
        counts.consumed(route, 10);
        match record % 5 {
            0 => counts.dead_lettered("a", 1),
            1 => counts.skipped("b"),
            2 => counts.abandoned(1),
            3 => counts.delivered(route, 1, 9),
            _ => in_flight += 1,
        }
        if record % 7 == 0 {
            counts.in_flight(in_flight, 0);
            lane.publish(&counts);
            if enough.load(Ordering::Relaxed) {
                return;
            }
        }
    }
}

fn check_balance(page: &str, consumed_before: f64) -> f64 {
    let samples = samples(page);
    let sum = |name: &str| -> f64 {
        let mine = samples.iter().filter(|(sample, _)| sample.split('{').next() == Some(name));
        mine.map(|(_, value)| value).sum()
    };
    let consumed = sum("json2avro_records_consumed_total");
    let accounted = sum("json2avro_records_produced_total")
        + sum("json2avro_records_dead_lettered_total")
        + sum("json2avro_records_skipped_total")
        + sum("json2avro_records_abandoned_total")
        + sum("json2avro_records_in_flight");
    assert_eq!(consumed, accounted, "{page}");
    assert!(consumed >= consumed_before, "a counter went back");
    consumed
}
