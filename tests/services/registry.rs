//! What a test does at the registry: register a schema, read one back.

use super::{Services, http};
use serde_json::{Value, json};
use std::time::Duration;

impl Services {
    /// Registers an Avro schema under a subject and returns its id.
    pub(crate) fn register(&self, subject: &str, schema: &str) -> i32 {
        let url = format!("{}/subjects/{subject}/versions", self.registry_url());
        let body = json!({ "schema": schema }).to_string();
        // Apicurio's first request that writes may end without an answer; a second one finds what the first one did.
        let answer = super::wait_for(&url, Duration::from_secs(10), || http::post(&url, &body).ok());
        assert_eq!(answer.status, 200, "{url}: {}", answer.body);
        let body: Value = serde_json::from_str(&answer.body).unwrap();
        i32::try_from(body["id"].as_i64().unwrap()).unwrap()
    }
}
