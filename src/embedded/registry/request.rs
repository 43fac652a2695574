//! What is asked of the registry: bodies and query parameters.
//!
//! Comes in: HTTP requests. Goes out: checked values, or a refusal. Must never: hold a body beyond its bound, wait for
//! one without a deadline, drop what a client asked to keep.

use super::answer::Refusal;
use axum::body::{Body as HttpBody, HttpBody as _};
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, StatusCode, header};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::HashMap;
use std::future::poll_fn;
use std::pin::Pin;
use std::str::FromStr;
use std::time::Duration;

/// The longest body that is read, bytes.
const BODY_LIMIT: usize = 4 << 20;
/// How much of a longer body is read on and thrown away, so that its sender hears the answer and no reset.
const DISCARD_LIMIT: usize = 256 << 20;
/// For a whole body to come in.
const DEADLINE: Duration = Duration::from_secs(30);

/// What a schema refers to. The order of fields is that of Confluent's answers.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(super) struct Reference {
    pub(super) name: String,
    pub(super) subject: String,
    /// In a request -1 means the latest; never in what is kept.
    pub(super) version: i32,
}

/// The body of a registration, a lookup and a check.
#[derive(Debug, Deserialize)]
pub(super) struct SchemaRequest {
    schema: Option<String>,
    #[serde(rename = "schemaType")]
    schema_type: Option<String>,
    references: Option<Vec<Reference>>,
    id: Option<i64>,
    version: Option<i64>,
    metadata: Option<Value>,
    #[serde(rename = "ruleSet")]
    rule_set: Option<Value>,
}

impl SchemaRequest {
    /// The schema's text and references, once it is sure that nothing else is asked.
    pub(super) fn schema(self) -> Result<(String, Vec<Reference>), Refusal> {
        if let Some(other) = self.schema_type.filter(|name| !name.is_empty() && name != "AVRO") {
            return Err(Refusal::invalid_schema(format!("Invalid schema type {other}; this registry keeps AVRO only")));
        }
        if self.metadata.is_some() || self.rule_set.is_some() {
            return Err(Refusal::invalid_schema("This registry keeps neither metadata nor ruleSet; leave them out"));
        }
        if self.id.is_some_and(|id| id >= 0) || self.version.is_some_and(|version| version > 0) {
            return Err(Refusal::not_permitted("The registry gives out ids and versions itself: no import mode"));
        }
        match self.schema {
            Some(schema) if !schema.trim().is_empty() => Ok((schema, self.references.unwrap_or_default())),
            _ => Err(Refusal::invalid_schema("Empty schema")),
        }
    }
}

/// The body that sets a compatibility level.
#[derive(Debug, Deserialize)]
pub(super) struct LevelRequest {
    pub(super) compatibility: Option<Value>,
}

/// A JSON object as a body.
pub(super) struct Body<T>(pub(super) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Refusal;

    async fn from_request(request: Request, _: &S) -> Result<Self, Refusal> {
        let (head, body) = request.into_parts();
        let bytes = tokio::time::timeout(DEADLINE, read(body))
            .await
            .map_err(|_| Refusal::http(StatusCode::REQUEST_TIMEOUT, "HTTP 408 Request Timeout"))??;
        check_media_type(&head.headers)?;
        let bad = |error: serde_json::Error| Refusal::http(StatusCode::BAD_REQUEST, error.to_string());
        match serde_json::from_slice(&bytes).map_err(bad)? {
            // A struct would be read from an array too, by position.
            object @ Value::Object(_) => serde_json::from_value(object).map(Self).map_err(bad),
            _ => Err(Refusal::http(StatusCode::BAD_REQUEST, "the body must be a JSON object")),
        }
    }
}

async fn read(mut body: HttpBody) -> Result<Vec<u8>, Refusal> {
    let (mut bytes, mut length) = (Vec::new(), 0_usize);
    while let Some(frame) = poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
        let frame = frame.map_err(|_| Refusal::http(StatusCode::BAD_REQUEST, "the body broke off"))?;
        let Ok(data) = frame.into_data() else { continue };
        length = length.saturating_add(data.len());
        if length <= BODY_LIMIT {
            bytes.extend_from_slice(&data);
        } else if length > DISCARD_LIMIT {
            break;
        }
    }
    if length > BODY_LIMIT {
        let message = format!("the body is longer than {BODY_LIMIT} bytes");
        return Err(Refusal::http(StatusCode::PAYLOAD_TOO_LARGE, message));
    }
    Ok(bytes)
}

/// Confluent's resources take these; a request that names no type is taken for one of them.
fn check_media_type(headers: &HeaderMap) -> Result<(), Refusal> {
    let named = headers.get(header::CONTENT_TYPE).map(|value| value.to_str().unwrap_or("?"));
    let media_type = named.map(|named| named.split(';').next().unwrap_or_default().trim().to_ascii_lowercase());
    match media_type.as_deref() {
        None
        | Some("application/vnd.schemaregistry.v1+json")
        | Some("application/vnd.schemaregistry+json")
        | Some("application/json")
        | Some("application/octet-stream") => Ok(()),
        Some(_) => Err(Refusal::http(StatusCode::UNSUPPORTED_MEDIA_TYPE, "HTTP 415 Unsupported Media Type")),
    }
}

/// The query parameters of a request. What is not read is ignored, as everywhere in HTTP.
#[derive(Debug, Default, Deserialize)]
#[serde(transparent)]
pub(super) struct Parameters(HashMap<String, String>);

impl Parameters {
    pub(super) fn flag(&self, name: &str) -> bool {
        self.0.get(name).is_some_and(|value| value.eq_ignore_ascii_case("true"))
    }

    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// The part of a list that `offset` and `limit` ask for; a limit below 1 is none.
    pub(super) fn page<T>(&self, all: impl IntoIterator<Item = T>) -> Vec<T> {
        let number = |name: &str| self.0.get(name).and_then(|value| value.parse::<i64>().ok());
        let offset = number("offset").and_then(|offset| usize::try_from(offset).ok()).unwrap_or(0);
        let limit = number("limit").and_then(|limit| usize::try_from(limit).ok()).filter(|limit| *limit > 0);
        all.into_iter().skip(offset).take(limit.unwrap_or(usize::MAX)).collect()
    }
}

/// A version in a path: a number, or `latest`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum VersionId {
    Latest,
    Number(i32),
}

impl FromStr for VersionId {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        let trimmed = text.trim();
        if trimmed.eq_ignore_ascii_case("latest") {
            return Ok(Self::Latest);
        }
        match trimmed.parse::<i32>() {
            Ok(-1) => Ok(Self::Latest),
            Ok(number) if number > 0 => Ok(Self::Number(number)),
            _ => Err(Refusal::invalid_version(text)),
        }
    }
}
