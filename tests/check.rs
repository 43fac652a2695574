//! `json2avro check`, the binary from outside: configs alone in exact words, then against the real services;
//! `access` against a Kafka with an authorizer.

mod access;

use crate::lane::stage::Cluster;
use crate::services::Services;
use crate::services::topics::Record;
use crate::spawn::Spawn;
use serde_json::Value;
use std::collections::BTreeSet;
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

const SCHEMA: &str = r#"{"type":"record","name":"O","fields":[{"name":"id","type":"long"}]}"#;

/// Runs `check` in a folder with this config and `order.avsc`. Exit code, standard output, standard error.
fn check(config: &str, schema: &str, arguments: &[&str]) -> (Option<i32>, String, String) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("c.toml"), config).unwrap();
    std::fs::write(folder.path().join("order.avsc"), schema).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_json2avro"))
        .args(["check", "--config", "c.toml"])
        .args(arguments)
        .current_dir(folder.path())
        .output_apart()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

fn config(bootstrap: &str, registry: &str, name: &str, more: &str) -> String {
    format!(
        "kafka.main.\"bootstrap.servers\" = \"{bootstrap}\"\nregistry.main.url = \"{registry}\"\n\
         pipeline.o.group_id = \"{name}-g\"\npipeline.o.source.topic = \"{name}\"\n\
         pipeline.o.sink.topic = \"{name}-avro\"\n{more}\n"
    )
}

const FILE: &str = "pipeline.o.value.schema = \"file\"\npipeline.o.value.file = \"order.avsc\"";

#[test]
fn a_config_alone_in_exact_words() {
    let file = config("b:1", "http://r", "orders", FILE);
    let broken = "registry.main.url = 1\npipeline.o.source.topc = \"x\"\n";
    for (config, schema, code, expected) in [
        (&config("b:1", "http://r", "orders", ""), SCHEMA, 0, include_str!("golden/check/good.txt")),
        (&file, SCHEMA, 0, include_str!("golden/check/file.txt")),
        (&file, r#"{"type":"nope"}"#, 64, include_str!("golden/check/bad_schema.txt")),
        (&broken.to_owned(), SCHEMA, 64, include_str!("golden/check/broken.txt")),
    ] {
        let (found, out, errors) = check(config, schema, &[]);
        assert_eq!((found, out.as_str(), errors.as_str()), (Some(code), expected, ""), "{config}");
        let (found, out, _) = check(config, schema, &["--format", "json"]);
        let document: Value = serde_json::from_str(&out).unwrap();
        assert_eq!((found, document["exit_code"].as_i64()), (Some(code), Some(i64::from(code))), "{out}");
        let lines = expected.lines().count() - 1;
        assert_eq!(document["findings"].as_array().unwrap().len(), lines, "{out}");
    }
    assert_eq!(check(&file, SCHEMA, &["--records", "3"]).0, Some(64), "--records means nothing without --live");
}

/// The document of a live check, with what it says of errors and warnings.
fn live(config: &str, code: i32) -> (Value, BTreeSet<String>) {
    let (found, out, errors) = check(config, SCHEMA, &["--live", "--format", "json"]);
    assert_eq!(found, Some(code), "{out}{errors}");
    let document: Value = serde_json::from_str(&out).unwrap();
    let findings = document["findings"].as_array().unwrap().iter();
    let text = |finding: &Value, key: &str| finding[key].as_str().unwrap().to_owned();
    let bad = findings.filter(|finding| finding["severity"] != "ok").map(|finding| {
        format!("{} {}: {}", text(finding, "severity"), text(finding, "about"), text(finding, "message"))
    });
    let bad = bad.collect();
    (document, bad)
}

/// Whether each of these is said, and nothing else bad.
fn says(found: &BTreeSet<String>, expected: &[&str]) {
    assert_eq!(found.len(), expected.len(), "{found:#?}");
    for part in expected {
        assert!(found.iter().any(|line| line.contains(part)), "{found:#?}\nlacks {part}");
    }
}

fn now() -> i64 {
    i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap()
}

fn records(values: &[&str], timestamp: i64) -> Vec<Record> {
    let record = |value: &&str| Record {
        partition: 0,
        offset: 0,
        key: Some(b"k".to_vec()),
        value: Some(value.as_bytes().to_vec()),
        headers: Vec::new(),
        timestamp,
    };
    values.iter().map(record).collect()
}

#[test]
fn what_would_go_well_and_what_would_not() {
    let Some(services) = Services::turn() else { return };
    let at = |name: &str, more: &str| config(services.bootstrap(), services.registry_url(), name, more);
    let forever = [("retention.ms", "-1")];
    let source = |name: &str, partitions: i32, values: &[&str], timestamp: i64| {
        services.create_topic(name, partitions, &forever);
        services.produce(name, &records(values, timestamp));
    };
    let good = ["{\"id\":1}", "{\"id\":2}"];

    source("check-good", 2, &good, now());
    services.create_topic("check-good-avro", 2, &forever);
    services.register("check-good-avro-value", SCHEMA);
    let (document, bad) = live(&at("check-good", ""), 0);
    says(&bad, &[]);
    assert_eq!(document["samples"][0]["fit"], 2, "{document:#}");
    assert!(services.committed("check-good-g", "check-good").iter().all(|offset| *offset == 0), "it commits nothing");
    assert!(services.read_topic("check-good-avro").iter().all(Vec::is_empty), "it produces nothing");

    let dead_letter = "pipeline.o.refused.policy = \"dead_letter\"\npipeline.o.refused.dead_letter_topic = \"nowhere\"";
    says(&live(&at("check-good", dead_letter), 64).1, &["error topic \"nowhere\": dead letter: "]);

    source("check-few", 3, &good, now());
    services.create_topic("check-few-avro", 2, &forever);
    let missing = [
        "error topic \"check-few-avro\": partitioning = \"preserve\", but it has 2 partitions and the source 3",
        "error subject \"check-few-avro-value\": ",
    ];
    says(&live(&at("check-few", ""), 64).1, &missing);
    let register = format!("{FILE}\npipeline.o.value.register = true\npipeline.o.sink.partitioning = \"by_key\"");
    let (document, bad) = live(&at("check-few", &register), 0);
    says(&bad, &[]);
    assert!(document.to_string().contains("would be registered"), "{document:#}");
    says(&live(&at("check-few", ""), 64).1, &missing);

    source("check-bad", 1, &["{\"id\":1}", "{\"id\":\"hush\"}", "{\"id\":\"hush\"}", "{"], now());
    services.create_topic("check-bad-avro", 1, &forever);
    services.register("check-bad-avro-value", SCHEMA);
    let (document, bad) = live(&at("check-bad", ""), 65);
    says(&bad, &["3 of the last 4 records would be refused", "2 x $.id: expected long, found a string", "1 x $"]);
    assert!(!document.to_string().contains("hush"), "{document:#}");
    let refusal = &document["samples"][0]["refusals"][0];
    assert_eq!(
        (&refusal["reason"], &refusal["path"], &refusal["count"], &refusal["offset"]),
        (&"wrong_type".into(), &"$.id".into(), &2.into(), &1.into()),
        "{document:#}"
    );

    source("check-old", 1, &good, now() - 30 * 86_400_000);
    services.create_topic(
        "check-old-avro",
        1,
        &[("retention.ms", "86400000"), ("message.timestamp.before.max.ms", "1000"), ("max.message.bytes", "1000")],
    );
    services.register("check-old-avro-value", SCHEMA);
    says(
        &live(&at("check-old", ""), 0).1,
        &[
            "retention.ms = 86400000, but",
            "message.timestamp.before.max.ms = 1000, but",
            "max.message.bytes = 1000 is less",
        ],
    );
}

#[test]
fn a_pattern_and_what_it_matches() {
    let Some(services) = Services::turn() else { return };
    for topic in ["check.fine", "check.bare"] {
        services.create_topic(topic, 2, &[("retention.ms", "-1")]);
        services.produce(topic, &records(&["{\"id\":1}"], now()));
    }
    services.create_topic("check.fine-avro", 2, &[("retention.ms", "-1")]);
    services.register("check.fine-avro-value", SCHEMA);
    let config = |sink: &str| {
        format!(
            "kafka.main.\"bootstrap.servers\" = \"{}\"\nregistry.main.url = \"{}\"\n[pipeline.o]\n\
             group_id = \"check-o\"\nsource.topic = \"^check[.]\"\nsink = {{ create = true, {sink} }}\n",
            services.bootstrap(),
            services.registry_url()
        )
    };
    let (document, bad) = live(&config("topic = \"{topic}-avro\""), 0);
    says(&bad, &["warning subject \"check.bare-avro-value\": its topic waits: "]);
    let said = document.to_string();
    for part in ["2 topics match", "output: check.fine-avro", "check.bare-avro", "would be made"] {
        assert!(said.contains(part), "{document:#}\nlacks {part}");
    }
    // All three of them are sources now, with two partitions each.
    let (_, bad) = live(&config("topic = \"{topic}-new\", create_partitions = 1"), 64);
    let fewer = bad.iter().filter(|line| line.contains("it has 1 partitions and the source 2"));
    assert_eq!(fewer.count(), 3, "{bad:#?}");
}

#[test]
fn what_exactly_once_needs() {
    let Some(services) = Services::turn() else { return };
    for topic in ["check-once", "check-once-avro"] {
        services.create_topic(topic, 1, &[("retention.ms", "-1")]);
    }
    services.produce("check-once", &records(&["{\"id\":1}"], now()));
    services.register("check-once-avro-value", SCHEMA);
    let other_cluster = Cluster::start();
    other_cluster.mock().create_topic("check-once-avro", 1, 1).unwrap();
    let port = services.bootstrap().rsplit(':').next().unwrap();
    for (other, said) in [
        (format!("localhost:{port}"), "source and sink are one cluster, "),
        (other_cluster.bootstrap().to_owned(), "are two clusters, and no transaction spans two"),
    ] {
        let more = format!(
            "kafka.other.\"bootstrap.servers\" = \"{other}\"\npipeline.o.source.kafka = \"main\"\n\
             pipeline.o.sink.kafka = \"other\"\npipeline.o.delivery = \"exactly_once\"\npipeline.o.lanes = 2\n\
             pipeline.o.transaction.instance = \"i\""
        );
        let config = config(services.bootstrap(), services.registry_url(), "check-once", &more);
        let (code, out, errors) = check(&config, SCHEMA, &["--live"]);
        assert_eq!(code, Some(if said.starts_with("are two") { 64 } else { 0 }), "{out}{errors}");
        assert!(out.contains(said), "{out}\nlacks {said}");
        assert!(out.contains("Write on TransactionalId \"json2avro-i-o-0\", \"json2avro-i-o-1\""), "{out}");
    }
}

#[test]
fn nobody_there() {
    let (_, bad) = live(&config("127.0.0.1:1", "http://127.0.0.1:1", "orders", ""), 69);
    says(&bad, &["error kafka.main: ", "error subject \"orders-avro-value\": "]);
}
