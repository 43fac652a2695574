//! Keys that are re-encoded, with or without the values.

use super::stage::{LIMIT, Stage, TIME, avro, ended};
use crate::services::topics::Record;

const NUMBER: &str = r#""long""#;
const TEXT: &str = r#""string""#;

type Pair = (Option<&'static [u8]>, Option<&'static [u8]>);

fn record((key, value): Pair) -> Record {
    let owned = |bytes: Option<&[u8]>| bytes.map(<[u8]>::to_vec);
    Record { partition: 0, offset: 0, key: owned(key), value: owned(value), headers: Vec::new(), timestamp: TIME }
}

fn pairs(stage: &Stage, topic: &str) -> Vec<(Option<Vec<u8>>, Option<Vec<u8>>)> {
    stage.read(topic).into_iter().map(|record| (record.key, record.value)).collect()
}

fn owned((key, value): Pair) -> (Option<Vec<u8>>, Option<Vec<u8>>) {
    (key.map(<[u8]>::to_vec), value.map(<[u8]>::to_vec))
}

#[test]
fn keys_values_or_both_are_re_encoded() {
    const VALUE: &[u8] = b"{\"n\":7}";
    const AVRO: &[u8] = b"\0\0\0\0\x01\x0e";
    // Settings, the key's schema, what comes in, what goes out or (with a reason) to the dead letters.
    type Case = (&'static [(&'static str, &'static str)], &'static str, Pair, Result<Pair, &'static str>);
    let json: &[(&str, &str)] = &[("key.output_format", "avro")];
    let text: &[(&str, &str)] = &[("key.output_format", "avro"), ("key.input_format", "text")];
    let number: &[(&str, &str)] =
        &[("key.output_format", "avro"), ("key.input_format", "text"), ("key.lossy.number_from_string", "accept")];
    let only: &[(&str, &str)] = &[("key.output_format", "avro"), ("value.output_format", "same")];
    let cases: [Case; 12] = [
        (json, NUMBER, (Some(b"42"), Some(VALUE)), Ok((Some(b"\0\0\0\0\x02\x54"), Some(AVRO)))),
        (json, TEXT, (Some(b"\"k\""), Some(VALUE)), Ok((Some(b"\0\0\0\0\x02\x02k"), Some(AVRO)))),
        (json, TEXT, (Some(b"k"), Some(VALUE)), Err("syntax")),
        (text, TEXT, (Some(b"k \"1\"\n"), Some(VALUE)), Ok((Some(b"\0\0\0\0\x02\x0ck \"1\"\n"), Some(AVRO)))),
        (text, TEXT, (Some(b"\xff"), Some(VALUE)), Err("invalid_utf8")),
        (text, TEXT, (Some(b""), Some(VALUE)), Ok((Some(b"\0\0\0\0\x02\x00"), Some(AVRO)))),
        (text, NUMBER, (Some(b"42"), Some(VALUE)), Err("number_from_string")),
        (number, NUMBER, (Some(b"42"), Some(VALUE)), Ok((Some(b"\0\0\0\0\x02\x54"), Some(AVRO)))),
        // No key stays no key, a tombstone a tombstone.
        (json, NUMBER, (None, Some(VALUE)), Ok((None, Some(AVRO)))),
        (json, NUMBER, (Some(b"1"), None), Ok((Some(b"\0\0\0\0\x02\x02"), None))),
        (json, NUMBER, (Some(b"1"), Some(b"{\"n\":null}")), Err("wrong_type")),
        (only, NUMBER, (Some(b"1"), Some(b"any \xff")), Ok((Some(b"\0\0\0\0\x02\x02"), Some(b"any \xff")))),
    ];
    for (settings, schema, incoming, expected) in cases {
        let mut stage = Stage::new(1).dead_letters();
        for (key, value) in settings {
            stage = stage.set(&format!("pipeline.p.{key}"), value);
        }
        stage.registry.register("out-key", schema);
        stage.cluster.produce("in", &[record(incoming)]);
        let mut sidecar = stage.run();
        let endings = if expected.is_ok() { [1, 0, 0] } else { [0, 1, 0] };
        let metrics = sidecar.wait_for("the record", LIMIT, |metrics| ended(metrics) == endings);
        sidecar.terminate();
        let case = format!("{settings:?} {schema} {incoming:?}");
        match expected {
            Ok(pair) => assert_eq!(pairs(&stage, "out"), [owned(pair)], "{case}"),
            Err(reason) => {
                assert_eq!(pairs(&stage, "dead"), [owned(incoming)], "as it was: {case}");
                assert_eq!(metrics.sum("records_dead_lettered_total", &[("reason", reason)]), 1.0, "{case}");
                let letter = &stage.read("dead")[0];
                let of_the_key = letter.header("json2avro.message").unwrap().starts_with("the key: ");
                assert_eq!(of_the_key, incoming.1 == Some(VALUE), "{case}");
            }
        }
    }
}

#[test]
fn what_a_key_loses_is_not_lost_where_its_value_is_refused() {
    const KEY: &str = r#"{"type":"record","name":"K","fields":[{"name":"k","type":"long"}]}"#;
    let stage = Stage::new(1)
        .dead_letters()
        .set("pipeline.p.key.output_format", "avro")
        .set("pipeline.p.key.lossy.unknown_field", "accept");
    stage.registry.register("out-key", KEY);
    let key: Option<&[u8]> = Some(br#"{"k":1,"unknown":2}"#);
    stage.cluster.produce("in", &[record((key, Some(b"{\"n\":1}"))), record((key, Some(b"{}")))]);
    let mut sidecar = stage.run();
    let metrics = sidecar.wait_for("both records", LIMIT, |metrics| ended(metrics) == [1, 1, 0]);
    sidecar.terminate();
    assert_eq!(metrics.sum("conversion_lossy_total", &[("reason", "unknown_field")]), 1.0);
}

#[test]
fn a_key_lies_where_a_producer_of_such_keys_would_put_it() {
    let stage = Stage::new(1)
        .set("pipeline.p.sink.topic", "keyed")
        .set("pipeline.p.value.subject", "out-value")
        .set("pipeline.p.sink.partitioning", "by_key")
        .set("pipeline.p.key.output_format", "avro")
        .set("pipeline.p.key.input_format", "text");
    stage.cluster.mock().create_topic("keyed", 5, 1).unwrap();
    stage.registry.register("keyed-key", TEXT);
    let keys: Vec<String> = (0..20).map(|n| format!("key-{n}")).collect();
    let records =
        keys.iter().map(|key| Record { key: Some(key.as_bytes().to_vec()), ..record((None, Some(b"{\"n\":1}"))) });
    stage.cluster.produce("in", &records.collect::<Vec<_>>());
    let mut sidecar = stage.run();
    sidecar.wait_for("all records", LIMIT, |metrics| ended(metrics) == [20, 0, 0]);
    sidecar.terminate();
    let mut seen = 0;
    for (partition, records) in stage.cluster.read_topic("keyed").into_iter().enumerate() {
        for record in records {
            // librdkafka's own murmur2, the same as Java's, over the bytes as written.
            assert_eq!(java_partition(record.key.as_deref().unwrap(), 5), partition, "{:?}", record.key);
            assert_eq!(record.value, Some(avro(1, 1)));
            seen += 1;
        }
    }
    assert_eq!(seen, 20);
}

/// Where librdkafka's `murmur2` partitioner, Java's, puts a key.
#[allow(unsafe_code, reason = "the partitioner has no safe wrapper")]
fn java_partition(key: &[u8], partitions: i32) -> usize {
    // SAFETY: the function reads the key only; topic and opaques may be null for it.
    let partition = unsafe {
        rdkafka_sys::rd_kafka_msg_partitioner_murmur2(
            std::ptr::null(),
            key.as_ptr().cast(),
            key.len(),
            partitions,
            std::ptr::null_mut(),
            std::ptr::null_mut(),
        )
    };
    usize::try_from(partition).unwrap()
}
