//! Clients that others wrote read back what was written: Python's confluent-kafka with its AvroDeserializer, and npm's
//! kafkajs with @kafkajs/confluent-schema-registry.

use super::event::CLEAN;
use super::job::Job;
use crate::services::Services;
use crate::spawn::Spawn;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// Programs that take bootstrap servers, registry URL, source and sink topic, and compare.
const READERS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/foreign");

#[test]
fn foreign_clients_read_every_value() {
    let Some(services) = Services::turn() else { return };
    // kafkajs reads no lz4.
    let job =
        Job::new(&services, "foreign", 2_000, CLEAN).positioned().set("kafka.main.\"compression.type\"", "\"gzip\"");
    let mut sidecar = job.start();
    sidecar.wait_for("all records", Duration::from_secs(60), |metrics| {
        metrics.count("records_produced_total") == job.total()
    });
    sidecar.terminate();
    for reader in ["read_back", "read_back_mjs"] {
        let read = Command::new(Path::new(READERS).join(reader))
            .args([services.bootstrap(), services.registry_url(), &job.source, &job.sink])
            .output_apart()
            .unwrap();
        let said = String::from_utf8_lossy(&read.stdout);
        assert!(read.status.success(), "{reader}: {said}{}", String::from_utf8_lossy(&read.stderr));
        assert_eq!(said.trim(), format!("{} records compared", job.total()), "{reader}");
    }
}
