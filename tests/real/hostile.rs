//! Records made to hurt, on a real broker: 20 MiB, 3 that would become 2,000, deep, not UTF-8, empty. Each ends as its line says, whole.

use crate::services::Services;
use crate::services::topics::Record;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(120);
const MIB: usize = 1 << 20;
/// What topics and clients take.
const MOST_BYTES: &str = "25165824";
/// For records of 20 MiB in a default budget of 128 MiB.
const MOST_MIB: u64 = 256;
/// An item is two bytes of JSON and, with its default, two thousand of Avro.
const SCHEMA: &str = r#"{"type":"record","name":"R","fields":[
    {"name":"text","type":"string"},
    {"name":"numbers","type":{"type":"array","items":"double"},"default":[]},
    {"name":"items","type":{"type":"array","items":{"type":"record","name":"Item","fields":[
        {"name":"swells","type":"string","default":"@"}]}},"default":[]}]}"#;

#[test]
fn records_made_to_hurt() {
    let Some(services) = Services::turn() else { return };
    let topics = ["hostile", "hostile-avro", "hostile-dead-letter"];
    for topic in topics {
        services.create_topic(topic, 1, &[("max.message.bytes", MOST_BYTES), ("retention.ms", "-1")]);
    }
    let id = services.register("hostile-avro-value", &SCHEMA.replace('@', &"x".repeat(2000)));
    let records = records();
    services.produce(topics[0], records.iter().map(|(record, _)| record));
    let refused = records.iter().filter(|(_, reason)| reason.is_some()).count();

    let mut sidecar = services.sidecar(&format!(
        r#"
        log.format = "human"
        kafka.main."bootstrap.servers" = "{}"
        kafka.main."message.max.bytes" = {MOST_BYTES}
        registry.main.url = "{}"
        pipeline.main.group_id = "hostile"
        pipeline.main.source.topic = "{}"
        pipeline.main.sink.topic = "{}"
        pipeline.main.refused.policy = "dead_letter"
        pipeline.main.refused.dead_letter_topic = "{}"
        "#,
        services.bootstrap(),
        services.registry_url(),
        topics[0],
        topics[1],
        topics[2],
    ));
    sidecar.wait_for("all records", LIMIT, |metrics| metrics.sum("committed_offset", &[]) == records.len() as f64);
    let peak = sidecar.peak_mib();
    println!("hostile: {} records, {refused} refused, peak {peak:?} MiB", records.len());
    assert!(peak.is_none_or(|peak| peak < MOST_MIB), "{peak:?} MiB");
    assert_eq!(sidecar.probe("live"), Some(200));
    sidecar.terminate();

    let (sink, letters) = (services.read_topic(topics[1]).remove(0), services.read_topic(topics[2]).remove(0));
    let expected = records.iter().filter(|(_, reason)| reason.is_none());
    let written: Vec<Vec<u8>> = expected.map(|(record, _)| avro(id, record.value.as_deref().unwrap())).collect();
    assert_eq!(written.len(), sink.len(), "outputs");
    // Not assert_eq: nobody wants to read 20 MiB.
    assert!(written.iter().zip(&sink).all(|(expected, found)| found.value.as_ref() == Some(expected)), "outputs");
    let expected: Vec<_> = records.iter().filter_map(|(record, reason)| Some((record, (*reason)?))).collect();
    assert_eq!(expected.len(), letters.len(), "dead letters");
    for ((record, reason), letter) in expected.iter().zip(&letters) {
        assert_eq!(letter.header("json2avro.reason"), Some(*reason), "{:?}", record.key);
        assert!(letter.value == record.value, "the bytes of {:?}", record.key);
    }
}

/// Each with the reason of its refusal; a good record of the usual size after each.
fn records() -> Vec<(Record, Option<&'static str>)> {
    let text = |bytes: usize| format!("{{\"text\":\"{}\"}}", "x".repeat(bytes)).into_bytes();
    let cut = |mut json: Vec<u8>| {
        json.pop();
        json
    };
    let numbers = format!("{{\"text\":\"\",\"numbers\":[1{}]}}", ",1".repeat(4 * MIB)).into_bytes();
    let swelling = format!("{{\"text\":\"\",\"items\":[{{}}{}]}}", ",{}".repeat(MIB)).into_bytes();
    let deep = format!("{{\"text\":\"\",\"x\":{}", "[".repeat(100_000)).into_bytes();
    [
        (text(20 * MIB), None),
        (cut(text(20 * MIB)), Some("syntax")),
        (numbers, Some("message_too_large")),
        (swelling, Some("message_too_large")),
        (deep, Some("depth")),
        (b"{\"text\":\"\xff\xfe\"}".to_vec(), Some("invalid_utf8")),
        (b"".to_vec(), Some("empty")),
        (b" \n".to_vec(), Some("empty")),
        (b"null".to_vec(), Some("wrong_type")),
        (b"\0".to_vec(), Some("syntax")),
        (text(20 * MIB), None),
        (text(20 * MIB), None),
        (text(20 * MIB), None),
    ]
    .into_iter()
    .flat_map(|hostile| [hostile, (text(10), None)])
    .enumerate()
    .map(|(offset, (value, reason))| {
        let key = Some(format!("number {offset}").into_bytes());
        let offset = i64::try_from(offset).unwrap();
        (Record { partition: 0, offset, key, value: Some(value), headers: vec![], timestamp: 1 + offset }, reason)
    })
    .collect()
}

/// The framed Avro of `{"text":"..."}`, by the specification.
fn avro(id: i32, json: &[u8]) -> Vec<u8> {
    let text = &json[br#"{"text":""#.len()..json.len() - br#""}"#.len()];
    let mut avro = vec![0];
    avro.extend(id.to_be_bytes());
    let mut length = text.len() << 1;
    while length > 0x7f {
        avro.push(length as u8 | 0x80);
        length >>= 7;
    }
    avro.push(length as u8);
    avro.extend(text);
    // No numbers, no items.
    avro.extend([0, 0]);
    avro
}
