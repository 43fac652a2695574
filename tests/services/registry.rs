//! What a test does at the registry: register a schema, read one back.

use super::{Services, http, wait_for};
use serde_json::{Value, json};
use std::time::Duration;

impl Services {
    /// Registers an Avro schema under a subject and returns its id.
    pub(crate) fn register(&self, subject: &str, schema: &str) -> i32 {
        let url = format!("{}/subjects/{subject}/versions", self.registry_url());
        // Just started on a busy machine, Apicurio may close the first connection without an answer; asking again gives
        // the same id.
        let body = json!({ "schema": schema }).to_string();
        let answer = wait_for("the registry's answer", Duration::from_secs(30), || http::post(&url, &body).ok());
        assert_eq!(answer.status, 200, "{url}: {}", answer.body);
        let body: Value = serde_json::from_str(&answer.body).unwrap();
        i32::try_from(body["id"].as_i64().unwrap()).unwrap()
    }
}
