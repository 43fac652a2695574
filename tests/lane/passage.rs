//! What a record is on the other side: its bytes, key, headers, timestamp and partition.

use super::stage::{LIMIT, SCHEMA, Stage, TIME, avro, ended, json, record};
use crate::services::topics::{HeaderList, Record};

/// Value, key, headers as written and as they come out, in one partition, in order.
type Row = (Option<&'static [u8]>, Option<Vec<u8>>, Option<&'static [u8]>, HeaderList, HeaderList);

fn header(name: &str, value: Option<&[u8]>) -> (String, Option<Vec<u8>>) {
    (name.to_owned(), value.map(<[u8]>::to_vec))
}

#[test]
fn a_record_keeps_all_but_its_encoding() {
    let stale = ["__value_schema_id", "__key_schema_id"].map(|name| header(name, Some(b"\x01")));
    let own = vec![header("a", Some(b"1")), header("a", None), header("", Some(b"")), header("z", Some(&[0xff]))];
    let with_stale = [&own[..2], &stale[..], &own[2..]].concat();
    let rows: Vec<Row> = vec![
        (Some(b"{\"n\":1}"), Some(avro(1, 1)), Some(b"key"), own.clone(), own.clone()),
        (Some(b"{\"n\":-70}"), Some(avro(1, -70)), Some(b""), vec![], vec![]),
        (Some(b" {\"n\":3}\n"), Some(avro(1, 3)), None, with_stale, own.clone()),
        (None, None, Some(b"gone"), own.clone(), own),
        (None, None, None, vec![], vec![]),
    ];
    let stage = Stage::new(1);
    let records: Vec<Record> = rows
        .iter()
        .zip(0..)
        .map(|((value, _, key, headers, _), index)| Record {
            value: value.map(<[u8]>::to_vec),
            key: key.map(<[u8]>::to_vec),
            headers: headers.clone(),
            // No timestamp, and a year in which nobody wrote to Kafka.
            timestamp: [TIME, -1, 1, TIME + 7, -1][index],
            ..record(0, b"")
        })
        .collect();
    stage.cluster.produce("in", &records);
    let mut sidecar = stage.run();
    let metrics = sidecar.wait_for("all records", LIMIT, |metrics| ended(metrics) == [5, 0, 0]);
    assert_eq!(metrics.count("tombstones_total"), 2);
    sidecar.terminate();
    let found = stage.read("out");
    assert_eq!(found.len(), rows.len());
    for ((found, record), (_, value, _, _, headers)) in found.iter().zip(&records).zip(&rows) {
        assert_eq!(found.value, *value, "{record:?}");
        assert_eq!(found.key, record.key, "{record:?}");
        assert_eq!(found.headers, *headers, "{record:?}");
        assert_eq!(found.timestamp, record.timestamp, "{record:?}");
    }
}

#[test]
fn an_empty_value_and_a_json_null_are_no_tombstones() {
    // Schema; value; what comes out.
    let nullable = r#"["null","long"]"#;
    let cases: [(&str, &[u8], Option<Vec<u8>>); 4] = [
        (SCHEMA, b"", None),
        (SCHEMA, b"null", None),
        (nullable, b"null", Some(vec![0, 0, 0, 0, 2, 0])),
        (nullable, b"", None),
    ];
    for (schema, value, expected) in cases {
        let stage = Stage::new(1).set("pipeline.p.refused.policy", "skip");
        stage.registry.register("out-value", schema);
        stage.write([value]);
        let mut sidecar = stage.run();
        let ends = if expected.is_some() { [1, 0, 0] } else { [0, 0, 1] };
        sidecar.wait_for("its end", LIMIT, |metrics| ended(metrics) == ends);
        sidecar.terminate();
        let found = stage.read("out");
        assert_eq!(found.first().map(|record| record.value.clone()), expected.map(Some), "{value:?} as {schema}");
    }
}

#[test]
fn an_input_frame_is_taken_off_and_a_wrong_one_refused() {
    let stage = Stage::new(1).set("pipeline.p.value.input_framing", "confluent").dead_letters();
    stage.write(["\0\0\0\0\u{9}{\"n\":5}", "{\"n\":6}", "\0\0\0", "", "\0\0\0\0\u{9}{"]);
    let mut sidecar = stage.run();
    let metrics = sidecar.wait_for("all records", LIMIT, |metrics| ended(metrics) == [1, 4, 0]);
    assert_eq!(metrics.sum("records_dead_lettered_total", &[("reason", "bad_frame")]) as u64, 3);
    sidecar.terminate();
    assert_eq!(stage.numbers(0), [5]);
    assert_eq!(stage.read("dead").len(), 4);
}

#[test]
fn a_root_of_bytes_is_framed_without_its_length() {
    let stage = Stage::new(1);
    let id = u8::try_from(stage.registry.register("out-value", r#""bytes""#)).unwrap();
    stage.write(["\"abc\"", "\"\""]);
    let mut sidecar = stage.run();
    sidecar.wait_for("both records", LIMIT, |metrics| ended(metrics) == [2, 0, 0]);
    sidecar.terminate();
    let values: Vec<_> = stage.read("out").into_iter().filter_map(|record| record.value).collect();
    assert_eq!(values, [[&[0, 0, 0, 0, id][..], b"abc"].concat(), vec![0, 0, 0, 0, id]]);
}

#[test]
fn a_source_position_is_one_more_header() {
    let stage = Stage::new(2).raw("pipeline.p.sink.source_position", true).dead_letters();
    let with = Record { headers: vec![header("a", Some(b"1"))], ..record(1, b"{\"n\":1}") };
    stage.cluster.produce("in", [&record(1, b"{\"n\":0}"), &with, &record(1, b"no")]);
    let mut sidecar = stage.run();
    sidecar.wait_for("all records", LIMIT, |metrics| ended(metrics) == [2, 1, 0]);
    sidecar.terminate();
    let headers: Vec<_> = stage.read("out").into_iter().map(|record| record.headers).collect();
    let place = |offset: &str| header("json2avro.source", Some(format!("in:1:{offset}").as_bytes()));
    assert_eq!(headers, [vec![place("0")], vec![header("a", Some(b"1")), place("1")]]);
    assert_eq!(stage.read("dead")[0].header("json2avro.source"), None, "a dead letter has headers of its own");
}

#[test]
fn a_key_finds_its_partition_as_in_java() {
    // Kafka's UtilsTest: murmur2 of "21" is -973932308, of "foobar" -790332482, "abc" 479470107: made positive, modulo 7.
    let expected = |hash: i32| (hash & 0x7fff_ffff) % 7;
    let keys: [(Option<&[u8]>, i32); 4] = [
        (Some(b"21"), expected(-973_932_308)),
        (Some(b"foobar"), expected(-790_332_482)),
        (Some(b"abc"), expected(479_470_107)),
        // Nine source partitions to seven.
        (None, 8 % 7),
    ];
    let stage = Stage::new(9).set("pipeline.p.sink.partitioning", "by_key").set("pipeline.p.sink.topic", "keyed");
    stage.registry.register("keyed-value", SCHEMA);
    stage.cluster.mock().create_topic("keyed", 7, 1).unwrap();
    let records: Vec<Record> =
        keys.iter().map(|(key, _)| Record { key: key.map(<[u8]>::to_vec), ..record(8, b"{\"n\":1}") }).collect();
    stage.cluster.produce("in", &records);
    let mut sidecar = stage.run();
    sidecar.wait_for("all records", LIMIT, |metrics| ended(metrics) == [4, 0, 0]);
    sidecar.terminate();
    let found = stage.read("keyed");
    for (key, partition) in keys {
        let record = found.iter().find(|record| record.key.as_deref() == key).unwrap();
        assert_eq!(record.partition, partition, "{key:?}");
    }
}

#[test]
fn source_and_sink_may_be_two_clusters() {
    let stage = Stage::new(2);
    let sink = super::stage::Cluster::start();
    for topic in ["out", "dead"] {
        sink.mock().create_topic(topic, 2, 1).unwrap();
    }
    let stage = stage
        .dead_letters()
        .set("kafka.other.\"bootstrap.servers\"", sink.bootstrap())
        .set("pipeline.p.source.kafka", "main")
        .set("pipeline.p.sink.kafka", "other");
    stage.write(json(0..50));
    stage.write(["no"]);
    let mut sidecar = stage.run();
    sidecar.wait_for("all records", LIMIT, |metrics| ended(metrics) == [50, 1, 0]);
    sidecar.terminate();
    assert_eq!(sink.end_offsets("out"), [50, 0]);
    assert_eq!(sink.end_offsets("dead").iter().sum::<i64>(), 1, "dead letters lie beside the sink");
    assert_eq!((stage.read("out"), stage.read("dead")), (vec![], vec![]));
    assert_eq!(stage.committed(), [51, 0]);
}
