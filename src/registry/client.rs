//! Questions to one registry over HTTP: one call, one request; another one where a node does not answer and there are more.
//!
//! Comes in: a subject, a version, an id, a schema's text. Goes out: a checked answer, or a failure that names what was
//! asked where. Must never: cache, retry, follow a redirect, read a body without a bound, take a proxy or anything
//! else from the environment.

use super::answer::{Answer, Registered, Schema, Version};
use super::failure::{Failure, Reason};
use crate::config;
use crate::fault::{Blame, Fault, Stage};
use reqwest::header::{self, HeaderMap};
use reqwest::{ClientBuilder, Method, RequestBuilder, Response, StatusCode, Url, redirect};
use serde_json::json;
use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// The longest body that is read, bytes.
const BODY_LIMIT: usize = 4 << 20;

const MEDIA_TYPE: &str = "application/vnd.schemaregistry.v1+json";
const ACCEPTED: &str = "application/vnd.schemaregistry.v1+json, application/json";

/// Shorter than what load balancers and NAT leave an idle connection, so that no request starts on a dead one.
const IDLE_CONNECTION: Duration = Duration::from_secs(20);

/// Told of each request: the operation's label, the HTTP status or the reason why there is none, the time taken.
pub type Observer = Arc<dyn Fn(&'static str, &str, Duration) + Send + Sync>;

/// What can be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operation {
    /// The latest version of a subject.
    Latest,
    /// One version of a subject.
    Version,
    /// The schema with an id.
    ById,
    /// The version of a subject that holds a given schema.
    Lookup,
    /// A new version of a subject. The only one that writes.
    Register,
}

impl Operation {
    /// The operation as a metric label.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Latest => "latest",
            Self::Version => "version",
            Self::ById => "by_id",
            Self::Lookup => "lookup",
            Self::Register => "register",
        }
    }
}

/// One registry with Confluent's HTTP API. Cheap to share behind an `Arc`; safe for concurrent use.
pub struct Client {
    name: String,
    /// Its nodes, and which of them answered last.
    bases: Vec<Url>,
    answered: AtomicUsize,
    basic_auth: Option<(String, config::Secret)>,
    http: reqwest::Client,
    observer: Observer,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("name", &self.name).field("bases", &self.bases).finish_non_exhaustive()
    }
}

impl Client {
    /// A client for one `[registry.NAME]`. Connects to nothing yet.
    ///
    /// # Errors
    /// A URL cannot be used, or TLS cannot be set up.
    pub fn new(registry: &config::Registry, observer: Observer) -> Result<Self, Fault> {
        let bases = registry.urls.iter().map(|url| base_url(&registry.name, url)).collect::<Result<Vec<_>, _>>()?;
        let certificates = registry.ca.as_deref().map(reqwest::Certificate::from_pem_bundle).transpose();
        let http = certificates
            .map(|certificates| {
                let builder = reqwest::Client::builder();
                certificates.into_iter().flatten().fold(builder, ClientBuilder::add_root_certificate)
            })
            .and_then(|builder| {
                builder
                    .redirect(redirect::Policy::none())
                    .no_proxy()
                    .timeout(registry.request_timeout)
                    .pool_idle_timeout(IDLE_CONNECTION)
                    .user_agent(concat!("json2avro/", env!("CARGO_PKG_VERSION")))
                    .build()
            })
            .map_err(|error| {
                let message = format!("registry {}: its HTTP client cannot be made: {}", registry.name, chain(&error));
                Fault::lasting(Stage::Registry, Blame::Us, "no_client", message)
            })?;
        let (name, basic_auth) = (registry.name.clone(), registry.basic_auth.clone());
        Ok(Self { name, bases, answered: AtomicUsize::new(0), basic_auth, http, observer })
    }

    /// The registry's name in the config.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The latest version of a subject.
    ///
    /// # Errors
    /// `subject_not_found`, or any that a request can have ([`Reason`]).
    pub async fn latest(&self, subject: &str) -> Result<Version, Failure> {
        let what = format!("the latest version of subject {subject:?}");
        self.get(Operation::Latest, &["subjects", subject, "versions", "latest"], &what).await
    }

    /// One version of a subject.
    ///
    /// # Errors
    /// `subject_not_found`, `version_not_found`, or any that a request can have.
    pub async fn version(&self, subject: &str, version: i32) -> Result<Version, Failure> {
        let what = format!("version {version} of subject {subject:?}");
        self.get(Operation::Version, &["subjects", subject, "versions", &version.to_string()], &what).await
    }

    /// The schema with an id.
    ///
    /// # Errors
    /// `schema_not_found`, or any that a request can have.
    pub async fn by_id(&self, id: i32) -> Result<Schema, Failure> {
        self.get(Operation::ById, &["schemas", "ids", &id.to_string()], &format!("schema id {id}")).await
    }

    /// The version of a subject that holds exactly this schema.
    ///
    /// # Errors
    /// `subject_not_found`, `schema_not_found`, or any that a request can have.
    pub async fn lookup(&self, subject: &str, schema: &Schema) -> Result<Version, Failure> {
        let what = format!("this schema in subject {subject:?}");
        self.post(Operation::Lookup, &["subjects", subject], schema, &what).await
    }

    /// Makes this schema a version of a subject, unless it is one already: the same schema always gets the same id.
    ///
    /// # Errors
    /// `incompatible`, `invalid_schema`, `read_only`, or any that a request can have. After one of the passing ones the
    /// schema may have been registered all the same: look it up.
    pub async fn register(&self, subject: &str, schema: &Schema) -> Result<i32, Failure> {
        let what = format!("registering a version of subject {subject:?}");
        let answer: Registered =
            self.post(Operation::Register, &["subjects", subject, "versions"], schema, &what).await?;
        Ok(answer.0)
    }

    async fn get<T: Answer>(&self, operation: Operation, path: &[&str], what: &str) -> Result<T, Failure> {
        self.ask(operation, path, what, |url| self.http.request(Method::GET, url)).await
    }

    async fn post<T: Answer>(
        &self,
        operation: Operation,
        path: &[&str],
        schema: &Schema,
        what: &str,
    ) -> Result<T, Failure> {
        let body = schema_body(schema);
        let request =
            |url| self.http.request(Method::POST, url).header(header::CONTENT_TYPE, MEDIA_TYPE).body(body.clone());
        self.ask(operation, path, what, request).await
    }

    /// Asks the node that answered last, and the others in turn where it does not.
    async fn ask<T: Answer>(
        &self,
        operation: Operation,
        path: &[&str],
        what: &str,
        request: impl Fn(Url) -> RequestBuilder,
    ) -> Result<T, Failure> {
        let first = self.answered.load(Ordering::Relaxed);
        let mut last = None;
        for turn in 0..self.bases.len() {
            let node = (first + turn) % self.bases.len();
            let Some(base) = self.bases.get(node) else { continue };
            let asked = format!("{what} at registry {} ({base})", self.name);
            let answer = self.ask_node(operation, request(self.url(base, path)?), &asked).await;
            match answer {
                Err(failure) if failure.reason.of_this_node() => last = Some(failure),
                answer => {
                    self.answered.store(node, Ordering::Relaxed);
                    return answer;
                }
            }
        }
        let none = || Failure::new(Reason::Refused, format!("registry {}: it has no url", self.name));
        Err(last.unwrap_or_else(none))
    }

    /// One request, seen by the observer however it ends.
    async fn ask_node<T: Answer>(
        &self,
        operation: Operation,
        request: RequestBuilder,
        asked: &str,
    ) -> Result<T, Failure> {
        let started = Instant::now();
        let outcome = self.exchange(request, asked).await;
        let answer = match outcome {
            Err(failure) => Err((None, failure)),
            Ok((StatusCode::OK, _, body)) => T::read(&body, asked).map_err(|failure| (None, failure)),
            Ok((status, wait, body)) => {
                let failure = Failure::from_status(operation, status.as_u16(), &body, asked).after(wait);
                Err((Some(status), failure))
            }
        };
        let seen = match &answer {
            Ok(_) => StatusCode::OK.as_str(),
            Err((Some(status), _)) => status.as_str(),
            Err((None, failure)) => failure.reason.label(),
        };
        (self.observer)(operation.label(), seen, started.elapsed());
        answer.map_err(|(_, failure)| failure)
    }

    async fn exchange(
        &self,
        request: RequestBuilder,
        asked: &str,
    ) -> Result<(StatusCode, Option<Duration>, Vec<u8>), Failure> {
        let mut request = request.header(header::ACCEPT, ACCEPTED);
        if let Some((username, password)) = &self.basic_auth {
            request = request.basic_auth(username, Some(&password.0));
        }
        let response = request.send().await.map_err(|error| no_answer(error, asked))?;
        let (status, wait) = (response.status(), retry_after(response.headers()));
        Ok((status, wait, body(response, asked).await?))
    }

    /// The URL of a path below a base, each part encoded as one segment: a subject may hold any character.
    fn url(&self, base: &Url, path: &[&str]) -> Result<Url, Failure> {
        let mut url = base.as_str().trim_end_matches('/').to_owned();
        for part in path {
            // Every URL parser takes these two for directions, encoded or not.
            if matches!(*part, "" | "." | "..") {
                let what = format!("subject {part:?} at registry {}: it cannot stand in a URL", self.name);
                return Err(Failure::new(Reason::Refused, what));
            }
            url.push('/');
            push_encoded(&mut url, part);
        }
        Url::parse(&url).map_err(|error| Failure::new(Reason::Refused, format!("registry {}: {error}", self.name)))
    }
}

/// RFC 3986: everything but the unreserved characters is written as `%XX`.
fn push_encoded(url: &mut String, part: &str) {
    for byte in part.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            url.push(char::from(byte));
        } else {
            url.push_str(&format!("%{byte:02X}"));
        }
    }
}

/// The URL itself stands in no message: it may hold what it should not.
fn base_url(name: &str, url: &str) -> Result<Url, Fault> {
    let refuse = |why: &str| {
        let message = format!("registry {name}: its url {why}");
        Fault::lasting(Stage::Config, Blame::Config, "bad_url", message)
    };
    let url = Url::parse(url).map_err(|error| refuse(&format!("is none ({error})")))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(refuse("begins with neither http:// nor https://"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(refuse("holds credentials, which belong to the keys username and password"));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(refuse("has a query or fragment, which no base can have"));
    }
    Ok(url)
}

/// No `schemaType`: absent means Avro to every registry, and the oldest do not know the key. References likewise.
fn schema_body(schema: &Schema) -> Vec<u8> {
    let body = if schema.references.is_empty() {
        json!({ "schema": schema.text })
    } else {
        json!({ "schema": schema.text, "references": schema.references })
    };
    body.to_string().into_bytes()
}

async fn body(mut response: Response, asked: &str) -> Result<Vec<u8>, Failure> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| no_answer(error, asked))? {
        if body.len() + chunk.len() > BODY_LIMIT {
            return Err(Failure::new(Reason::BadAnswer, format!("{asked}: a body of more than {BODY_LIMIT} bytes")));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// The wait that a server asks for, in seconds: `Retry-After`, or Confluent Cloud's header for its rate limit. The form
/// of `Retry-After` that is a date would need a calendar; our own backoff serves as well.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = |name: &str| headers.get(name)?.to_str().ok()?.trim().parse().ok();
    seconds("retry-after").or_else(|| seconds("x-ratelimit-reset")).map(Duration::from_secs)
}

fn no_answer(error: reqwest::Error, asked: &str) -> Failure {
    let reason = if error.is_timeout() {
        Reason::Timeout
    } else if error.is_connect() {
        Reason::Unreachable
    } else {
        Reason::BadAnswer
    };
    Failure::new(reason, format!("{asked}: {}", chain(&error.without_url())))
}

/// An error with its causes: reqwest's own words hide the one that matters.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(&format!(": {error}"));
        cause = error.source();
    }
    text
}
