//! A client that others wrote reads back what was written: Python's confluent-kafka with its AvroDeserializer.

use super::event::CLEAN;
use super::job::Job;
use crate::services::Services;
use std::process::Command;
use std::time::Duration;

const READER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/foreign/read_back");

#[test]
fn a_foreign_client_reads_every_value() {
    let Some(services) = Services::turn() else { return };
    let job = Job::new(&services, "foreign", 2_000, CLEAN).positioned();
    let mut sidecar = job.start();
    sidecar.wait_for("all records", Duration::from_secs(60), |metrics| {
        metrics.count("records_produced_total") == job.total()
    });
    sidecar.terminate();
    let read = Command::new(READER)
        .args([services.bootstrap(), services.registry_url(), &job.source, &job.sink])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&read.stdout);
    assert!(read.status.success(), "{said}{}", String::from_utf8_lossy(&read.stderr));
    assert_eq!(said.trim(), format!("{} records compared", job.total()));
}
