//! The registry or the broker is away: at the start it is waited for, later the work goes on or resumes.

use super::event::CLEAN;
use super::job::Job;
use super::verify::Judge;
use crate::services::{Service, Services, wait_for};
use std::time::{Duration, Instant};

const LIMIT: Duration = Duration::from_secs(60);

#[test]
fn the_registry_goes_and_comes_back_under_load() {
    let Some(services) = Services::turn() else { return };
    let job = Job::new(&services, "registry-outage", 12_000, CLEAN).slow().set("pipeline.main.value.refresh_ms", "200");
    let mut sidecar = job.start();
    let share = job.total() / 5;
    sidecar.wait_for("a first share", LIMIT, |metrics| metrics.count("records_produced_total") > share);
    services.stop(Service::Registry);
    let before = sidecar.metrics().unwrap().count("records_produced_total");
    assert!(before < 4 * share, "the registry went away at {before} of {} records: too late", job.total());
    sidecar.wait_for("another share without a registry", LIMIT, |metrics| {
        metrics.count("records_produced_total") > before + share / 2 && metrics.sum("schema_age_seconds", &[]) > 0.5
    });
    assert_eq!(sidecar.probe("live"), Some(200));
    assert_eq!(sidecar.probe("ready"), Some(200));
    services.start(Service::Registry);
    let metrics = sidecar.wait_for("all records, and the registry's answer", LIMIT, |metrics| {
        metrics.count("records_produced_total") == job.total() && metrics.sum("schema_age_seconds", &[]) < 0.5
    });
    assert_eq!(metrics.count("records_abandoned_total"), 0);
    sidecar.terminate();
    Judge::new(&job).exactly_once(&job.read_sink());
}

#[test]
fn a_cold_start_waits_for_the_registry() {
    waits_for(Service::Registry, "registry-cold");
}

#[test]
fn a_cold_start_waits_for_the_broker() {
    waits_for(Service::Kafka, "broker-cold");
}

fn waits_for(service: Service, name: &str) {
    let Some(services) = Services::turn() else { return };
    let job = Job::new(&services, name, 500, CLEAN);
    services.stop(service);
    let mut sidecar = job.start();
    wait_for("the admin server", LIMIT, || sidecar.probe("live"));
    let until = Instant::now() + Duration::from_secs(3);
    while Instant::now() < until {
        sidecar.still_runs(name);
        assert_eq!((sidecar.probe("live"), sidecar.probe("ready")), (Some(200), Some(503)), "while waiting");
        assert_eq!(sidecar.metrics().unwrap().count("records_produced_total"), 0);
        std::thread::sleep(Duration::from_millis(100));
    }
    services.start(service);
    sidecar.wait_for("all records", LIMIT, |metrics| metrics.count("records_produced_total") == job.total());
    assert_eq!(sidecar.probe("ready"), Some(200));
    sidecar.terminate();
    Judge::new(&job).exactly_once(&job.read_sink());
}
