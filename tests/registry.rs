//! The registry room from outside, over real HTTP: right answers, bad answers, no answers.
//!
//! Comes in: `fake_registry`, or a real registry's URL. Goes out: failed tests. Must never: look at anything but results,
//! faults, and what the registry was asked.

#![expect(clippy::expect_used, reason = "a test that cannot go on has failed")]

mod answers;
mod api;
mod apicurio;
mod contract;
mod hostile;
mod nodes;
mod requests;
mod resolution;
mod script;
mod source;
mod steps;

use json2avro::config;
use json2avro::registry::{Client, Schema};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Long enough for a busy machine; tests that wait for it to pass set their own.
const TIMEOUT: Duration = Duration::from_secs(10);

fn settings(url: String) -> config::Registry {
    config::Registry {
        name: "main".to_owned(),
        urls: vec![url],
        ca: None,
        basic_auth: None,
        request_timeout: TIMEOUT,
        failure_cache: Duration::from_secs(5),
    }
}

fn client(url: String) -> Arc<Client> {
    client_of(&settings(url))
}

fn client_of(settings: &config::Registry) -> Arc<Client> {
    Arc::new(Client::new(settings, Arc::new(|_, _, _| ())).expect("usable settings"))
}

/// A record of one field.
fn record(name: &str, field: &str) -> String {
    format!(r#"{{"type":"record","name":"{name}","namespace":"x","fields":[{{"name":"{field}","type":"int"}}]}}"#)
}

fn alone(text: &str) -> Schema {
    Schema { text: text.to_owned(), references: Vec::new() }
}

/// Sets this run's subjects apart from those of earlier ones.
fn run() -> String {
    let nanos = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_nanos();
    format!("{}-{nanos}", std::process::id())
}
