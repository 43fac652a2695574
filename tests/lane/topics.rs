//! Many topics in one pipeline: by name, by pattern, each with a schema and a sink of its own.

use super::stage::{LIMIT, SCHEMA, Stage, avro, ended, json, record};
use crate::services::sidecar::{Metrics, Sidecar};
use crate::services::wait_for;

const TEXT: &str = r#"{"type":"record","name":"T","fields":[{"name":"t","type":"string"}]}"#;

/// Records read from a topic.
fn read_from(metrics: &Metrics, topic: &str) -> u64 {
    metrics.sum("records_consumed_total", &[("topic", topic)]) as u64
}

/// Values of a topic, all partitions.
fn values(stage: &Stage, topic: &str) -> Vec<Vec<u8>> {
    stage.read(topic).into_iter().map(|record| record.value.unwrap()).collect()
}

fn topics(stage: &Stage, names: &[&str]) {
    names.iter().for_each(|name| stage.cluster.mock().create_topic(name, 1, 1).unwrap());
}

fn write(stage: &Stage, topic: &str, values: &[String]) {
    let records: Vec<_> = values.iter().map(|value| record(0, value.as_bytes())).collect();
    stage.cluster.produce(topic, &records);
}

#[test]
fn a_list_of_topics_each_with_its_own_way() {
    let stage = Stage::new(1)
        .raw("pipeline.p.source.topic", r#"["a", "b", "c.d"]"#)
        .set("pipeline.p.sink.topic", "{topic}-out")
        .set("pipeline.p.topic.\"c.d\".sink.topic", "other")
        .set("pipeline.p.topic.\"c.d\".value.subject", "text-of-{topic}");
    topics(&stage, &["a", "b", "c.d", "a-out", "b-out", "other"]);
    // Ids 1 (again), 2 and 3.
    stage.registry.register("a-out-value", SCHEMA);
    let id =
        stage.registry.register("b-out-value", r#"{"type":"record","name":"B","fields":[{"name":"n","type":"long"}]}"#);
    let text = stage.registry.register("text-of-c.d", TEXT);
    write(&stage, "a", &json(0..3));
    write(&stage, "b", &json(10..12));
    write(&stage, "c.d", &[r#"{"t":"x"}"#.to_owned()]);
    let mut sidecar = stage.run();
    let metrics = sidecar.wait_for("all records", LIMIT, |metrics| ended(metrics) == [6, 0, 0]);
    assert_eq!(["a", "b", "c.d"].map(|topic| read_from(&metrics, topic)), [3, 2, 1]);
    assert_eq!(metrics.sum("records_produced_total", &[("topic", "other")]), 1.0);
    sidecar.terminate();
    assert_eq!(values(&stage, "a-out"), [avro(1, 0), avro(1, 1), avro(1, 2)]);
    assert_eq!(values(&stage, "b-out"), [avro(id as u8, 10), avro(id as u8, 11)]);
    assert_eq!(values(&stage, "other"), [[0, 0, 0, 0, text as u8, 2, b'x']]);
    assert_eq!(["a", "b", "c.d"].map(|topic| stage.cluster.committed("g", topic)), [[3], [2], [1]]);
}

#[test]
fn a_pattern_takes_up_topics_as_they_appear_and_never_an_output() {
    let stage = Stage::new(1)
        .set("pipeline.p.source.topic", "^shop[.-]")
        .set("pipeline.p.sink.topic", "{topic}-avro")
        .set("pipeline.p.refused.dead_letter_topic", "shop-dead")
        .raw("pipeline.p.source.topic_refresh_ms", 100);
    topics(&stage, &["shop-dead"]);
    let mut sidecar = stage.run();
    // Nothing there yet: it waits, ready, and says so.
    wait_for("word of it", LIMIT, || sidecar.log().contains("no topic that can be read matches").then_some(()));
    assert_eq!((sidecar.probe("live"), sidecar.probe("ready")), (Some(200), Some(200)));

    topics(&stage, &["shop.a", "shop.a-avro", "shop.b", "shop.b-avro", "shopping", "_shop.x"]);
    stage.registry.register("shop.a-avro-value", SCHEMA);
    write(&stage, "shop.a", &json(0..3));
    write(&stage, "shop.b", &json(5..7));
    let waits = |reason| move |metrics: &Metrics| metrics.sum("topics_waiting", &[("reason", reason)]) == 1.0;
    sidecar.wait_for("one topic's records", LIMIT, |metrics| ended(metrics) == [3, 0, 0]);
    sidecar.wait_for("the other to wait", LIMIT, waits("subject_not_found"));

    // A schema for it: it joins without a restart, and the first one goes on.
    stage.registry.register("shop.b-avro-value", SCHEMA);
    sidecar.wait_for("the other's records", LIMIT, |metrics| ended(metrics) == [5, 0, 0]);
    write(&stage, "shop.a", &[json([3]).remove(0), "{".to_owned()]);
    let metrics = sidecar.wait_for("more of the first", LIMIT, |metrics| ended(metrics) == [6, 1, 0]);
    assert!(!metrics.has("topics_waiting", &[]), "nothing waits any more");
    for topic in ["shop.a-avro", "shop.b-avro", "shop-dead", "shopping", "_shop.x"] {
        assert!(!metrics.has("records_consumed_total", &[("topic", topic)]), "{topic} is read");
    }
    sidecar.terminate();
    assert_eq!(values(&stage, "shop.a-avro"), Vec::from_iter((0..4).map(|n| avro(1, n))));
    assert_eq!(values(&stage, "shop.b-avro"), [avro(1, 5), avro(1, 6)]);
    assert_eq!(values(&stage, "shop-dead"), [b"{"]);
}

#[test]
fn a_topic_that_appears_later_is_read_from_its_beginning() {
    let stage = Stage::new(1)
        .set("pipeline.p.source.topic", "^in")
        .set("pipeline.p.sink.topic", "{topic}-avro")
        .set("pipeline.p.start", "latest")
        .raw("pipeline.p.source.topic_refresh_ms", 100);
    topics(&stage, &["in-avro", "in2-avro"]);
    for subject in ["in-avro-value", "in2-avro-value"] {
        stage.registry.register(subject, SCHEMA);
    }
    write(&stage, "in", &json(0..3));
    let mut sidecar = stage.run();
    sidecar.wait_for("the first topic", LIMIT, |metrics| metrics.count("partitions_assigned") == 1);
    write(&stage, "in", &json(3..4));
    sidecar.wait_for("what came after the start", LIMIT, |metrics| ended(metrics) == [1, 0, 0]);
    topics(&stage, &["in2"]);
    write(&stage, "in2", &json(10..13));
    sidecar.wait_for("the whole new topic", LIMIT, |metrics| ended(metrics) == [4, 0, 0]);
    sidecar.terminate();
    assert_eq!(values(&stage, "in-avro"), [avro(1, 3)]);
    assert_eq!(values(&stage, "in2-avro"), [avro(1, 10), avro(1, 11), avro(1, 12)]);
}

#[test]
fn a_topic_that_appears_where_there_was_none_is_read_from_its_beginning() {
    let stage = Stage::new(1)
        .set("pipeline.p.source.topic", "^shop")
        .set("pipeline.p.sink.topic", "{topic}-avro")
        .set("pipeline.p.start", "latest")
        .raw("pipeline.p.source.topic_refresh_ms", 200);
    let mut sidecar = stage.run();
    wait_for("the first look", LIMIT, || sidecar.log().contains("no topic that can be read matches").then_some(()));
    stage.registry.register("shop-avro-value", SCHEMA);
    topics(&stage, &["shop-avro", "shop"]);
    write(&stage, "shop", &json(0..3));
    sidecar.wait_for("all of it", LIMIT, |metrics| ended(metrics) == [3, 0, 0]);
    sidecar.terminate();
}

#[test]
fn a_registry_that_is_away_holds_up_only_what_needs_it() {
    let stage = Stage::new(1)
        .set("pipeline.p.source.topic", "^shop")
        .set("pipeline.p.sink.topic", "{topic}-avro")
        .raw("pipeline.p.source.topic_refresh_ms", 200);
    topics(&stage, &["shop-a", "shop-a-avro", "shop-b", "shop-b-avro"]);
    stage.registry.register("shop-a-avro-value", SCHEMA);
    stage.registry.register("shop-b-avro-value", SCHEMA);
    stage.registry.down();
    write(&stage, "shop-a", &json(0..3));
    let mut sidecar = stage.run();
    let waits = |metrics: &Metrics| metrics.sum("topics_waiting", &[("reason", "unreachable")]) >= 1.0;
    sidecar.wait_for("word of it", LIMIT, waits);
    stage.registry.up();
    // Unlike the 30 s between two looks of a pipeline that has all that it needs.
    sidecar
        .wait_for("the records", LIMIT, |metrics| ended(metrics) == [3, 0, 0] && !metrics.has("topics_waiting", &[]));
    stage.registry.down();
    topics(&stage, &["shop-c", "shop-c-avro"]);
    sidecar.wait_for("a new topic that waits", LIMIT, waits);
    write(&stage, "shop-b", &json(3..5));
    sidecar.wait_for("another topic's records", LIMIT, |metrics| ended(metrics) == [5, 0, 0]);
    assert!(sidecar.said(&["topic waits", "shop-c", "unreachable"]), "{}", sidecar.log());
    sidecar.terminate();
}

#[test]
fn a_named_topic_that_cannot_run_fails_the_pipeline_and_a_matched_one_waits() {
    let stage = |source: &str| {
        let stage = Stage::new(2)
            .set("pipeline.p.source.topic", source)
            .set("pipeline.p.sink.topic", "{topic}-out")
            .raw("pipeline.p.source.topic_refresh_ms", 100);
        topics(&stage, &["x", "in-out", "x-out"]);
        stage.registry.register("in-out-value", SCHEMA);
        stage.registry.register("x-out-value", SCHEMA);
        stage
    };
    // `in` has two partitions, `in-out` one.
    let named = stage("in x");
    let mut sidecar = named.run();
    let (code, log) = (sidecar.exit(LIMIT).0, sidecar.log());
    assert_eq!(code, Some(64), "{log}");
    assert!(log.contains("\"in-out\" has 1 partitions and source topic \"in\" has 2"), "{log}");

    let matched = stage("x ^in$");
    let mut sidecar = matched.run();
    write(&matched, "x", &json(0..2));
    sidecar.wait_for("the topic that can be read", LIMIT, |metrics| {
        ended(metrics) == [2, 0, 0] && metrics.sum("topics_waiting", &[("reason", "fewer_partitions")]) == 1.0
    });
    sidecar.terminate();
}

#[test]
fn a_pipeline_that_fails_leaves_the_others_alone() {
    let stage = Stage::new(1)
        .set("pipeline.q.group_id", "q")
        .set("pipeline.q.source.topic", "q")
        .set("pipeline.q.sink.topic", "q-out");
    topics(&stage, &["q", "q-out"]);
    let mut sidecar = stage.run();
    let failed = |metrics: &Metrics| metrics.sum("pipeline_failed", &[("reason", "subject_not_found")]) == 1.0;
    sidecar.wait_for("one to fail", LIMIT, failed);
    stage.write(json(0..3));
    sidecar.wait_for("the other's records", LIMIT, |metrics| ended(metrics) == [3, 0, 0]);
    assert!(sidecar.said(&["pipeline failed", "\"q\""]) && sidecar.said(&["pipeline started", "\"p\""]));
    assert_eq!((sidecar.probe("live"), sidecar.probe("ready")), (Some(200), Some(503)));
    sidecar.signal("TERM");
    assert_eq!(sidecar.exit(LIMIT).0, Some(64), "it says which one failed: {}", sidecar.log());
    assert_eq!((stage.numbers(0), stage.committed()), (vec![0, 1, 2], vec![3]));
}

#[test]
fn a_flood_in_one_topic_leaves_the_others_alone() {
    let stage = Stage::new(1)
        .set("pipeline.p.source.topic", "in x")
        .set("pipeline.p.sink.topic", "{topic}-out")
        .raw("pipeline.p.refused.flood_window", 20)
        .dead_letters();
    topics(&stage, &["x", "in-out", "x-out"]);
    stage.registry.register("in-out-value", SCHEMA);
    stage.registry.register("x-out-value", TEXT);
    write(&stage, "x", &json(0..50));
    let mut sidecar = stage.run();
    let flooded = |metrics: &Metrics| metrics.sum("partitions_stopped", &[("reason", "flood")]) == 1.0;
    sidecar.wait_for("the flood", LIMIT, flooded);
    write(&stage, "in", &json(0..30));
    let metrics = sidecar.wait_for("the other topic", LIMIT, |metrics| ended(metrics)[0] == 30);
    assert!(!metrics.has("pipeline_failed", &[]), "it still runs");
    assert_eq!((sidecar.probe("ready"), ended(&metrics)[1]), (Some(200), 10));
    assert!(sidecar.said(&["topic failed", "\"x\"", "flood_share"]), "{}", sidecar.log());
    let all = |sidecar: &mut Sidecar| sidecar.wait_for("the end", LIMIT, |metrics| metrics.has("pipeline_failed", &[]));
    write(&stage, "in", &Vec::from_iter((0..50).map(|_| "{}".to_owned())));
    all(&mut sidecar);
    assert_eq!(sidecar.probe("ready"), Some(503));
    sidecar.terminate();
}
