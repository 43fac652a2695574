//! The schema in force: which one at the start, and a newer one while it runs.

use super::stage::{LIMIT, SCHEMA, Stage, avro, ended, json};
use crate::fake_registry::Answer;
use crate::services::sidecar::Metrics;

const NEWER: &str =
    r#"{"type":"record","name":"R","fields":[{"name":"n","type":"long"},{"name":"m","type":"long","default":0}]}"#;

fn in_force(id: &str) -> impl Fn(&Metrics) -> bool + '_ {
    move |metrics| metrics.sum("schema_info", &[("schema_id", id)]) == 1.0
}

#[test]
fn the_config_names_a_version_an_id_or_a_file() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), SCHEMA).unwrap();
    let path = format!("{:?}", file.path().to_str().unwrap());
    let stranger = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(stranger.path(), r#"{"type":"record","name":"R","fields":[{"name":"n","type":"double"}]}"#).unwrap();
    let strange = format!("{:?}", stranger.path().to_str().unwrap());
    // Settings; the id in the frame, or none where it is refused.
    let cases: [(&[(&str, &str)], Option<u8>); 8] = [
        (&[("schema", "\"latest\"")], Some(2)),
        (&[("schema", "\"version\""), ("version", "1")], Some(1)),
        (&[("schema", "\"id\""), ("id", "1")], Some(1)),
        (&[("schema", "\"id\""), ("id", "77")], None),
        (&[("schema", "\"version\""), ("version", "9")], None),
        (&[("schema", "\"file\""), ("file", &path)], Some(1)),
        (&[("schema", "\"file\""), ("file", &strange)], None),
        (&[("schema", "\"file\""), ("file", &strange), ("register", "true")], Some(3)),
    ];
    for (settings, id) in cases {
        let mut stage = Stage::new(1);
        stage.registry.register("out-value", NEWER);
        for (key, value) in settings {
            stage = stage.raw(&format!("pipeline.p.value.{key}"), value);
        }
        stage.write(["{\"n\":1}"]);
        let mut sidecar = stage.run();
        let Some(id) = id else {
            assert_eq!(sidecar.exit(LIMIT).0, Some(64), "{settings:?}: {}", sidecar.log());
            continue;
        };
        sidecar.wait_for("the record", LIMIT, |metrics| ended(metrics) == [1, 0, 0]);
        sidecar.terminate();
        let value = stage.read("out")[0].value.clone().unwrap();
        assert_eq!(value[..5], [0, 0, 0, 0, id], "{settings:?}");
    }
}

#[test]
fn a_newer_version_is_in_force_from_a_record_on() {
    let stage = Stage::new(1).raw("pipeline.p.value.refresh_ms", 100);
    let mut sidecar = stage.run();
    stage.write(json(0..5));
    sidecar.wait_for("the first records", LIMIT, |metrics| ended(metrics) == [5, 0, 0]);
    stage.registry.register("out-value", NEWER);
    let metrics = sidecar.wait_for("the switch", LIMIT, in_force("2"));
    assert_eq!(metrics.count("schema_switches_total"), 1);
    stage.write(json(5..10));
    sidecar.wait_for("the next records", LIMIT, |metrics| ended(metrics) == [10, 0, 0]);
    sidecar.terminate();
    let values: Vec<_> = stage.read("out").into_iter().map(|record| record.value.unwrap()).collect();
    let older = (0..5).map(|n| avro(1, n));
    let newer = (5..10).map(|n| [avro(2, n), vec![0]].concat());
    assert_eq!(values, Vec::from_iter(older.chain(newer)));
}

#[test]
fn a_newer_version_that_cannot_be_used_changes_nothing() {
    let stage = Stage::new(1).raw("pipeline.p.value.refresh_ms", 100);
    let mut sidecar = stage.run();
    sidecar.wait_for("its partition", LIMIT, |metrics| metrics.count("partitions_assigned") == 1);
    stage.registry.register("out-value", r#"{"type":"record","name":"R"}"#);
    let log = |sidecar: &crate::services::sidecar::Sidecar| sidecar.log();
    crate::services::wait_for("word of it", LIMIT, || {
        log(&sidecar).contains("schema not refreshed, the one in force stays").then_some(())
    });
    assert!(log(&sidecar).contains("schema id 2 cannot be used"), "{}", log(&sidecar));
    stage.write(json(0..5));
    let metrics = sidecar.wait_for("records", LIMIT, |metrics| ended(metrics) == [5, 0, 0]);
    assert!(in_force("1")(&metrics));
    assert_eq!((metrics.count("schema_switches_total"), sidecar.probe("ready")), (0, Some(200)));
    sidecar.terminate();
    assert_eq!(stage.numbers(0), [0, 1, 2, 3, 4]);
}

#[test]
fn a_registry_that_is_down_holds_up_the_start_and_nothing_else() {
    let stage = Stage::new(1).raw("pipeline.p.value.refresh_ms", 100);
    stage.registry.down();
    stage.write(json(0..5));
    let mut sidecar = stage.run();
    crate::services::wait_for("word of it", LIMIT, || sidecar.log().contains("unreachable").then_some(()));
    assert_eq!((sidecar.probe("live"), sidecar.probe("ready")), (Some(200), Some(503)));
    stage.registry.up();
    sidecar.wait_for("records", LIMIT, |metrics| ended(metrics) == [5, 0, 0]);
    stage.registry.answer_always(Some(Answer::error(500, 50001)));
    let asked = stage.registry.count("GET", "/versions/latest");
    crate::services::wait_for("questions in vain", LIMIT, || {
        (stage.registry.count("GET", "/versions/latest") > asked + 1).then_some(())
    });
    stage.write(json(5..10));
    sidecar.wait_for("records in the outage", LIMIT, |metrics| ended(metrics) == [10, 0, 0]);
    assert_eq!(sidecar.probe("ready"), Some(200));
    sidecar.terminate();
    assert_eq!(stage.numbers(0), Vec::from_iter(0..10));
}
