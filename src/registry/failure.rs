//! What can go wrong with a registry, and what each case means.
//!
//! Comes in: an HTTP status with an error body, or a request that had no answer. Goes out: a [`Failure`], and from it the
//! `Fault` of the other rooms. Must never: carry credentials or repeat more than a line of what a server says.

use super::client::Operation;
use crate::fault::{Blame, Fault, Stage};
use serde::Deserialize;
use std::fmt;
use std::time::Duration;

/// The longest wait that a server may ask for.
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(60);

/// How much of a server's own message is repeated, in characters.
const MESSAGE_LIMIT: usize = 300;

/// Why a question to a registry has no good answer: the `reason` of its fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// 404 / 40401.
    SubjectNotFound,
    /// 404 / 40402.
    VersionNotFound,
    /// 404 / 40403: no schema has the id, or the subject does not hold this schema.
    SchemaNotFound,
    /// 401.
    Unauthorized,
    /// 403.
    Forbidden,
    /// 409: the subject's compatibility rule refuses the schema.
    Incompatible,
    /// 422: the registry does not take the schema for valid.
    InvalidSchema,
    /// 422 / 42205: the subject or registry is in a read-only mode.
    ReadOnly,
    /// A schema that is not Avro.
    WrongType,
    /// Any other 4xx: the registry does not understand or does not want the request.
    Refused,
    /// A redirect, or a 404 without a registry's error body: something else answers at this URL.
    NoRegistry,
    /// 429.
    RateLimited,
    /// 5xx.
    Unavailable,
    /// No whole answer in time, or 408.
    Timeout,
    /// No connection: refused, no such host, TLS.
    Unreachable,
    /// Something came back that is no answer: HTML, nothing, half a body, an impossible id.
    BadAnswer,
}

impl Reason {
    /// The reason as a metric label and word in messages.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::SubjectNotFound => "subject_not_found",
            Self::VersionNotFound => "version_not_found",
            Self::SchemaNotFound => "schema_not_found",
            Self::Unauthorized => "unauthorized",
            Self::Forbidden => "forbidden",
            Self::Incompatible => "incompatible",
            Self::InvalidSchema => "invalid_schema",
            Self::ReadOnly => "read_only",
            Self::WrongType => "wrong_type",
            Self::Refused => "refused",
            Self::NoRegistry => "no_registry",
            Self::RateLimited => "rate_limited",
            Self::Unavailable => "unavailable",
            Self::Timeout => "timeout",
            Self::Unreachable => "unreachable",
            Self::BadAnswer => "bad_answer",
        }
    }

    /// Whether asking again may help, and how soon.
    pub(super) fn outlook(self) -> Outlook {
        match self {
            Self::RateLimited | Self::Unavailable | Self::Timeout | Self::Unreachable | Self::BadAnswer => {
                Outlook::Passing
            }
            // Credentials are rotated and routes rolled out on the other side: it mends, but not by asking fast.
            Self::Unauthorized | Self::Forbidden | Self::NoRegistry => Outlook::Slow,
            Self::SubjectNotFound
            | Self::VersionNotFound
            | Self::SchemaNotFound
            | Self::Incompatible
            | Self::InvalidSchema
            | Self::ReadOnly
            | Self::WrongType
            | Self::Refused => Outlook::Lasting,
        }
    }

    /// Whether another node of the same registry may answer.
    pub(super) fn of_this_node(self) -> bool {
        matches!(self, Self::Unavailable | Self::Timeout | Self::Unreachable | Self::BadAnswer | Self::NoRegistry)
    }

    fn blame(self) -> Blame {
        match self.outlook() {
            Outlook::Passing => Blame::Registry,
            Outlook::Slow | Outlook::Lasting => Blame::Config,
        }
    }

    fn next_step(self) -> &'static str {
        match self {
            Self::SubjectNotFound => "register a schema under this subject, or name another one",
            Self::VersionNotFound => "name a version that the subject has",
            Self::SchemaNotFound => "check that this registry is the one that gave out the schema id",
            Self::Unauthorized => "check the registry's username and password in the config",
            Self::Forbidden => "let this user read the subject (and write it, with register = true)",
            Self::Incompatible => "change the schema so that the subject's compatibility rule takes it",
            Self::InvalidSchema => "correct the schema",
            Self::ReadOnly => "register it where the registry is writable, or end the read-only mode",
            Self::WrongType => "name a subject that holds Avro schemas",
            Self::Refused => "check the subject's name, and that the registry speaks Confluent's API",
            Self::NoRegistry => "check the registry's url in the config, its path included",
            Self::RateLimited => "it is asked again later; ask for a higher limit if this stays",
            Self::Unavailable => "it is asked again; look at the registry's own log if this stays",
            Self::Timeout => "it is asked again; look at the network and request_timeout_ms if this stays",
            Self::Unreachable => "it is asked again; check the registry's url, the network and TLS if this stays",
            Self::BadAnswer => "it is asked again; look at what stands between here and the registry if this stays",
        }
    }
}

/// Whether asking again may help.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outlook {
    /// Soon.
    Passing,
    /// Not soon, and someone probably has to act.
    Slow,
    /// Only once someone has acted.
    Lasting,
}

/// A question without a good answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Why.
    pub reason: Reason,
    /// How long the registry asked to be left alone.
    pub retry_after: Option<Duration>,
    /// What was asked where, and what came back.
    what: String,
    next_step: &'static str,
}

impl Failure {
    pub(super) fn new(reason: Reason, what: impl Into<String>) -> Self {
        Self { reason, retry_after: None, what: what.into(), next_step: reason.next_step() }
    }

    /// Reads an answer whose status is not 200. `asked` says what was asked where.
    pub(super) fn from_status(operation: Operation, status: u16, body: &[u8], asked: &str) -> Self {
        let error = serde_json::from_slice::<ErrorBody>(body).ok();
        let reason = reason_of(operation, status, error.as_ref().map(|error| error.error_code));
        let said = error.map_or_else(String::new, |error| {
            format!(", code {}, {:?}", error.error_code, one_line(&error.message.unwrap_or_default()))
        });
        Self::new(reason, format!("{asked}: HTTP {status}{said}"))
    }

    pub(super) fn after(mut self, wait: Option<Duration>) -> Self {
        self.retry_after = wait.map(|wait| wait.min(LONGEST_RETRY_AFTER));
        self
    }

    pub(super) fn with_next_step(mut self, next_step: &'static str) -> Self {
        self.next_step = next_step;
        self
    }

    /// The failure as the other rooms know it.
    #[must_use]
    pub fn fault(&self) -> Fault {
        Fault {
            stage: Stage::Registry,
            blame: self.reason.blame(),
            reason: self.reason.label(),
            retry: self.reason.outlook() != Outlook::Lasting,
            message: format!("{}: {}", self.what, self.next_step),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.fault().fmt(f)
    }
}

impl std::error::Error for Failure {}

impl From<Failure> for Fault {
    fn from(failure: Failure) -> Self {
        failure.fault()
    }
}

/// Confluent's error body. The code is a hint: registries agree on statuses, less so on codes.
#[derive(Deserialize)]
struct ErrorBody {
    error_code: i64,
    message: Option<String>,
}

fn reason_of(operation: Operation, status: u16, code: Option<i64>) -> Reason {
    match (status, code) {
        (300..=399, _) => Reason::NoRegistry,
        (401, _) => Reason::Unauthorized,
        (403, _) => Reason::Forbidden,
        (404, Some(40401)) => Reason::SubjectNotFound,
        (404, Some(40402)) => Reason::VersionNotFound,
        (404, Some(40403)) => Reason::SchemaNotFound,
        // Code 404 is what a registry says to a path that it does not know.
        (404, None | Some(404)) => Reason::NoRegistry,
        (404, _) => match operation {
            Operation::Latest | Operation::Register => Reason::SubjectNotFound,
            Operation::Version => Reason::VersionNotFound,
            Operation::ById | Operation::Lookup => Reason::SchemaNotFound,
        },
        (408, _) => Reason::Timeout,
        (409, _) => Reason::Incompatible,
        (422, Some(42205)) => Reason::ReadOnly,
        (422, Some(42202)) => Reason::VersionNotFound,
        (422, _) => Reason::InvalidSchema,
        (429, _) => Reason::RateLimited,
        (400..=499, _) => Reason::Refused,
        (500..=599, _) => Reason::Unavailable,
        _ => Reason::BadAnswer,
    }
}

/// A server's words on one line, cut to a bearable length.
pub(super) fn one_line(text: &str) -> String {
    text.chars().take(MESSAGE_LIMIT).map(|c| if c.is_control() { ' ' } else { c }).collect()
}
