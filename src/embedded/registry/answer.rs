//! What the registry answers: JSON, and the refusals with Confluent's codes (`Errors.java`).
//!
//! Comes in: outcomes. Goes out: HTTP responses. Must never: let an answer leave without a JSON body.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use std::fmt;

/// The media type of every answer.
pub(super) const MEDIA_TYPE: &str = "application/vnd.schemaregistry.v1+json";

/// An outcome as it goes out.
pub(super) struct Answer(pub(super) Result<Value, Refusal>);

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        match self.0 {
            Ok(body) => respond(StatusCode::OK, body.to_string()),
            Err(refusal) => refusal.into_response(),
        }
    }
}

/// A body that is JSON already: a schema's own text.
pub(super) fn verbatim(outcome: Result<String, Refusal>) -> Response {
    match outcome {
        Ok(text) => respond(StatusCode::OK, text),
        Err(refusal) => refusal.into_response(),
    }
}

/// Why a request is not done: an HTTP status, Confluent's code, words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    status: StatusCode,
    code: u32,
    /// What is wrong.
    pub(super) message: String,
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        respond(self.status, json!({ "error_code": self.code, "message": self.message }).to_string())
    }
}

fn respond(status: StatusCode, body: String) -> Response {
    (status, [(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE))], body).into_response()
}

impl Refusal {
    fn new(status: StatusCode, code: u32, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into() }
    }

    /// HTTP's own refusals, whose code is the status.
    pub(super) fn http(status: StatusCode, message: impl Into<String>) -> Self {
        Self::new(status, u32::from(status.as_u16()), message)
    }

    pub(super) fn subject_not_found(subject: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, 40401, format!("Subject '{subject}' not found."))
    }

    pub(super) fn version_not_found(version: impl fmt::Display) -> Self {
        Self::new(StatusCode::NOT_FOUND, 40402, format!("Version {version} not found."))
    }

    pub(super) fn schema_not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, 40403, "Schema not found")
    }

    pub(super) fn id_not_found(id: i32) -> Self {
        Self::new(StatusCode::NOT_FOUND, 40403, format!("Schema {id} not found"))
    }

    pub(super) fn subject_soft_deleted(subject: &str) -> Self {
        let message = format!("Subject '{subject}' was soft deleted. Set permanent=true to delete permanently");
        Self::new(StatusCode::NOT_FOUND, 40404, message)
    }

    pub(super) fn subject_not_soft_deleted(subject: &str) -> Self {
        let message = format!("Subject '{subject}' was not deleted first before being permanently deleted");
        Self::new(StatusCode::NOT_FOUND, 40405, message)
    }

    pub(super) fn version_soft_deleted(subject: &str, version: i32) -> Self {
        let message =
            format!("Subject '{subject}' Version {version} was soft deleted. Set permanent=true to delete permanently");
        Self::new(StatusCode::NOT_FOUND, 40406, message)
    }

    pub(super) fn version_not_soft_deleted(subject: &str, version: i32) -> Self {
        let message =
            format!("Subject '{subject}' Version {version} was not deleted first before being permanently deleted");
        Self::new(StatusCode::NOT_FOUND, 40407, message)
    }

    pub(super) fn no_subject_level(subject: &str) -> Self {
        let message = format!("Subject '{subject}' does not have subject-level compatibility configured");
        Self::new(StatusCode::NOT_FOUND, 40408, message)
    }

    pub(super) fn incompatible(subject: &str, differences: &[String]) -> Self {
        let message = format!(
            "Schema being registered is incompatible with an earlier schema for subject \"{subject}\", details: [{}]",
            differences.join(", ")
        );
        Self::new(StatusCode::CONFLICT, 40901, message)
    }

    pub(super) fn invalid_schema(message: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, 42201, message)
    }

    pub(super) fn is_invalid_schema(&self) -> bool {
        self.code == 42201
    }

    pub(super) fn invalid_version(version: &str) -> Self {
        let message = format!(
            "The specified version '{version}' is not a valid version id. Allowed values are between [1, 2^31-1] and the \
             string \"latest\""
        );
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, 42202, message)
    }

    pub(super) fn invalid_level() -> Self {
        let message = "Invalid compatibility level. Valid values are none, backward, forward, full, \
                       backward_transitive, forward_transitive, and full_transitive";
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, 42203, message)
    }

    pub(super) fn not_permitted(message: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, 42205, message)
    }

    pub(super) fn reference_exists(subject: &str, version: i32) -> Self {
        let message = format!(
            "One or more references exist to the schema {{magic=1,keytype=SCHEMA,subject={subject},version={version}}}."
        );
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, 42206, message)
    }

    pub(super) fn invalid_subject(subject: &str) -> Self {
        let message = format!("The specified subject '{subject}' is not a valid.");
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, 42208, message)
    }

    pub(super) fn too_large() -> Self {
        let message = "Register operation failed because schema is too large";
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, 42209, message)
    }

    /// Ids or version numbers have run out.
    pub(super) fn exhausted() -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, 50001, "No further number can be given out")
    }
}
