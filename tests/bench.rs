//! The benchmark of the loop (`bench/loop`) does not rot: its records and properties, without running it.

use crate::spawn::Spawn;
use json2avro::config::{Kafka, load_text};
use json2avro::kafka::settings;
use serde_json::Value;
use std::collections::BTreeMap;
use std::process::{Command, Output, Stdio};

#[path = "bench/copy/src/properties.rs"]
mod properties;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/bench");

#[test]
fn the_command_tells_how_it_is_called() {
    let output = Command::new(format!("{FOLDER}/loop")).arg("--help").output_apart().unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && told.contains("--rounds"), "{output:?}");
    let wrong = Command::new(format!("{FOLDER}/loop")).args(["--sets", "z"]).output_apart().unwrap();
    assert!(!wrong.status.success() && wrong.stdout.is_empty(), "{wrong:?}");
}

#[test]
fn the_same_seed_makes_the_same_records() {
    for (set, bytes) in [("a", 183), ("b", 955), ("c", 9500), ("d", 2806)] {
        let [records, again, others] = [&["7"][..], &["7"], &["8"]].map(|seed| generate(set, seed));
        assert!(records == again && records != others, "set {set}");
        let lines = records.split_inclusive(|byte| *byte == b'\n').count();
        let mean = records.len() / lines;
        assert_eq!(lines, 400, "set {set}");
        assert!(mean.abs_diff(bytes) * 20 < bytes, "set {set}: {mean} bytes on average instead of {bytes}");
        every_record_converts(set, &records);
    }
}

#[test]
fn sets_e_and_w_are_set_d_in_another_spelling() {
    let [d, e, w] = ["d", "e", "w"].map(|set| String::from_utf8(generate(set, &[])).unwrap());
    let read = |text: &str, end: &str| -> Vec<Value> {
        text.split_terminator(end).map(|record| serde_json::from_str(record).unwrap()).collect()
    };
    assert!(d != e && read(&d, "\n") == read(&e, "\n"));
    assert!(w.contains("\n  \"id\": ") && read(&d, "\n") == read(&w, "\n\n"));
}

/// A pair that differs would make the comparison one of settings.
#[test]
fn the_copy_has_the_properties_of_our_clients() {
    let kafka = Kafka { name: "main".into(), properties: BTreeMap::new() };
    let one = r#"
        kafka.main."bootstrap.servers" = "localhost:9092"
        registry.main.url = "http://localhost:8081"
        pipeline.bench = { group_id = "g", source.topic = "a", sink.topic = "b" }
    "#;
    let pipeline = &load_text("bench", one.to_owned()).unwrap().pipeline["bench"];
    let mut consumer = settings::consumer(&kafka, "group", None, pipeline.room);
    consumer.remove("group.id");
    let producer = settings::producer(&kafka, 2 * pipeline.in_flight_bytes);
    for (copys, ours) in [(properties::CONSUMER, consumer), (properties::PRODUCER, producer)] {
        assert_eq!(copys.iter().copied().collect::<BTreeMap<_, _>>(), ours.config_map());
    }
}

fn generate(set: &str, seed: &[&str]) -> Vec<u8> {
    let output = Command::new(format!("{FOLDER}/generate.py")).args([set, "400"]).args(seed).output_apart().unwrap();
    assert!(output.status.success(), "{output:?}");
    output.stdout
}

fn every_record_converts(set: &str, records: &[u8]) {
    let input = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(input.path(), records).unwrap();
    let output: Output = Command::new(env!("CARGO_BIN_EXE_json2avro"))
        .args(["convert", "--schema", &format!("{FOLDER}/sets/{set}.avsc"), "--accept", "unknown_field"])
        .stdin(Stdio::from(input.reopen().unwrap()))
        .output_apart()
        .unwrap();
    let lines = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "set {set}: {}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(lines.lines().filter(|line| !line.is_empty()).count(), 400, "set {set}");
}
