//! What cannot work ends the process before it joins its group, with the exit code and the words of a config mistake.

use super::stage::{LIMIT, Stage};

#[test]
fn what_cannot_work_is_refused_at_start() {
    // Key, value; what the message names.
    let cases: [(&str, &str, &[&str]); 6] = [
        ("source.topic", "in-typo", &["in-typo", "kafka.main"]),
        ("sink.topic", "out-typo", &["out-typo", "kafka.main"]),
        ("refused.dead_letter_topic", "dead-typo", &["dead-typo", "kafka.main"]),
        ("sink.topic", "narrow", &["preserve", "narrow", "1", "2", "by_key"]),
        ("value.subject", "typo-value", &["typo-value"]),
        ("value.file", "nowhere.avsc", &["nowhere.avsc"]),
    ];
    for (key, value, words) in cases {
        let mut stage = Stage::new(2).set("pipeline.p.value.subject", "out-value");
        stage.cluster.mock().create_topic("narrow", 1, 1).unwrap();
        if key == "value.file" {
            stage = stage.set("pipeline.p.value.schema", "file");
        }
        // Bound, not a temporary: it holds the cluster and the registry.
        let stage = stage.set(&format!("pipeline.p.{key}"), value);
        let mut sidecar = stage.run();
        let (code, _) = sidecar.exit(LIMIT);
        let log = sidecar.log();
        assert_eq!(code, Some(64), "{key} = {value}: {log}");
        for word in words {
            assert!(log.contains(word), "{key} = {value} does not name {word}: {log}");
        }
    }
}

#[test]
fn a_schema_that_cannot_be_used_is_refused_at_start() {
    let file = tempfile::NamedTempFile::new().unwrap();
    for schema in [r#"{"type":"record"}"#, "{", r#""strnig""#] {
        std::fs::write(file.path(), schema).unwrap();
        let stage = Stage::new(1)
            .set("pipeline.p.value.schema", "file")
            .set("pipeline.p.value.file", file.path().to_str().unwrap());
        let mut sidecar = stage.run();
        let (code, _) = sidecar.exit(LIMIT);
        assert_eq!(code, Some(64), "{schema}: {}", sidecar.log());
    }
}
