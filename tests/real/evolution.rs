//! The schema evolves while records flow: a switch at a record boundary.

use super::event::CLEAN;
use super::job::Job;
use super::order;
use super::verify::{Judge, schema_id};
use crate::services::Services;
use apache_avro::types::Value;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(60);

#[test]
fn a_new_version_is_taken_up_at_a_record_boundary() {
    let Some(services) = Services::turn() else { return };
    let job = Job::new(&services, "evolution", 12_000, CLEAN).slow().set("pipeline.main.value.refresh_ms", "100");
    let mut sidecar = job.start();
    sidecar.wait_for("a first share", LIMIT, |metrics| metrics.count("records_produced_total") > job.total() / 10);
    let second = second_schema();
    let second_id = services.register(&format!("{}-value", job.sink), &second);
    assert_ne!(second_id, job.schema_id);
    let metrics =
        sidecar.wait_for("all records", LIMIT, |metrics| metrics.count("records_produced_total") == job.total());
    assert_eq!(metrics.count("schema_switches_total"), 1);
    assert_eq!(metrics.sum("schema_info", &[("schema_id", &second_id.to_string())]), 1.0);
    sidecar.terminate();

    let sink = job.read_sink();
    let new_field = ("channel".to_owned(), Value::String("web".into()));
    Judge::new(&job).knows(second_id, &second, vec![new_field]).exactly_once(&sink);
    let mut seen = [0, 0];
    for records in &sink {
        let ids: Vec<i32> = records.iter().filter_map(|record| schema_id(record.value.as_deref()?)).collect();
        let switch = ids.iter().position(|id| *id == second_id).unwrap_or(ids.len());
        assert!(ids[..switch].iter().all(|id| *id == job.schema_id), "the first schema, up to the switch");
        assert!(ids[switch..].iter().all(|id| *id == second_id), "the second schema, after it");
        seen[0] += switch;
        seen[1] += ids.len() - switch;
    }
    assert!(seen[0] > 0 && seen[1] > 0, "records by schema: {seen:?}");
}

/// The order's schema with one more field, which the JSON does not have.
fn second_schema() -> String {
    let mut schema: serde_json::Value = serde_json::from_str(order::SCHEMA).unwrap();
    let field = serde_json::json!({"name": "channel", "type": "string", "default": "web"});
    schema["fields"].as_array_mut().unwrap().push(field);
    schema.to_string()
}
