//! The routes of Confluent's HTTP API, and what each asks of the subjects.
//!
//! Comes in: HTTP requests. Goes out: answers with a JSON body, whatever was asked. Must never: hold the lock while it
//! waits for a client.

use super::answer::{Answer, Refusal, verbatim};
use super::level::Level;
use super::request::{Body, LevelRequest, Parameters, SchemaRequest, VersionId};
use super::subjects::{Subjects, check_name};
use axum::extract::{Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Router, middleware};
use serde_json::{Value, json};
use std::io;
use std::net::TcpListener;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Answers at this listener until it is dropped.
pub(super) async fn serve(listener: TcpListener) -> io::Result<()> {
    axum::serve(tokio::net::TcpListener::from_std(listener)?, router()).await
}

fn router() -> Router {
    Router::new()
        .route("/", get(root))
        .route("/subjects", get(subjects))
        .route("/subjects/{subject}", post(lookup).delete(delete_subject))
        .route("/subjects/{subject}/versions", get(versions).post(register))
        .route("/subjects/{subject}/versions/{version}", get(version).delete(delete_version))
        .route("/subjects/{subject}/versions/{version}/schema", get(version_text))
        .route("/subjects/{subject}/versions/{version}/referencedby", get(referenced_by))
        .route("/schemas/types", get(types))
        .route("/schemas/ids/{id}", get(schema))
        .route("/schemas/ids/{id}/schema", get(schema_text))
        .route("/schemas/ids/{id}/subjects", get(schema_subjects))
        .route("/schemas/ids/{id}/versions", get(schema_versions))
        .route("/config", get(level).put(set_level).delete(delete_level))
        .route("/config/{subject}", get(subject_level).put(set_subject_level).delete(delete_subject_level))
        .route("/compatibility/subjects/{subject}/versions", post(check_all))
        .route("/compatibility/subjects/{subject}/versions/{version}", post(check_one))
        .fallback(async || Refusal::http(StatusCode::NOT_FOUND, "HTTP 404 Not Found"))
        .method_not_allowed_fallback(async || {
            Refusal::http(StatusCode::METHOD_NOT_ALLOWED, "HTTP 405 Method Not Allowed")
        })
        .layer(middleware::map_response(in_json))
        .with_state(Registered::default())
}

/// What the routes share.
#[derive(Clone, Default)]
struct Registered(Arc<Mutex<Subjects>>);

impl Registered {
    fn lock(&self) -> MutexGuard<'_, Subjects> {
        // Nothing panics while it holds the lock; if something did, what it left is as good as any.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A refusal by axum itself (a path or query that cannot be decoded) is plain text until here.
async fn in_json(response: Response) -> Response {
    let status = response.status();
    let plain = response.headers().get(header::CONTENT_TYPE).is_some_and(|value| value.as_bytes().starts_with(b"text"));
    if plain && !status.is_success() {
        let words = format!("HTTP {} {}", status.as_u16(), status.canonical_reason().unwrap_or_default());
        return Refusal::http(status, words).into_response();
    }
    response
}

async fn root() -> Answer {
    Answer(Ok(json!({})))
}

async fn types() -> Answer {
    Answer(Ok(json!(["AVRO"])))
}

async fn subjects(State(all): State<Registered>, Query(parameters): Query<Parameters>) -> Answer {
    let all = all.lock();
    let deleted_only = parameters.flag("deletedOnly");
    let names = all.names(!deleted_only, deleted_only || parameters.flag("deleted"));
    let prefix = parameters.text("subjectPrefix").unwrap_or_default();
    Answer(Ok(json!(parameters.page(names.filter(|name| name.starts_with(prefix))))))
}

async fn versions(
    State(all): State<Registered>,
    Path(subject): Path<String>,
    Query(parameters): Query<Parameters>,
) -> Answer {
    let deleted_only = parameters.flag("deletedOnly");
    let deleted = deleted_only || parameters.flag("deleted");
    let all = all.lock();
    Answer(all.subject(&subject, deleted).map(|held| {
        let shown = held.versions.iter().filter(|(_, version)| match version.deleted {
            true => deleted,
            false => !deleted_only,
        });
        json!(parameters.page(shown.map(|(number, _)| *number)))
    }))
}

async fn register(State(all): State<Registered>, Path(subject): Path<String>, body: Body<SchemaRequest>) -> Answer {
    Answer(all.lock().register(&subject, body.0).map(|id| json!({ "id": id })))
}

async fn lookup(
    State(all): State<Registered>,
    Path(subject): Path<String>,
    Query(parameters): Query<Parameters>,
    body: Body<SchemaRequest>,
) -> Answer {
    Answer(all.lock().lookup(&subject, body.0, parameters.flag("deleted")))
}

async fn delete_subject(
    State(all): State<Registered>,
    Path(subject): Path<String>,
    Query(parameters): Query<Parameters>,
) -> Answer {
    Answer(all.lock().delete_subject(&subject, parameters.flag("permanent")).map(|numbers| json!(numbers)))
}

async fn version(
    State(all): State<Registered>,
    Path((subject, version)): Path<(String, String)>,
    Query(parameters): Query<Parameters>,
) -> Answer {
    Answer(find_version(&all.lock(), &subject, &version, parameters.flag("deleted")))
}

fn find_version(all: &Subjects, subject: &str, version: &str, deleted: bool) -> Result<Value, Refusal> {
    let (number, id) = all.version(subject, version.parse()?, deleted)?;
    all.version_answer(subject, number, id)
}

async fn version_text(
    State(all): State<Registered>,
    Path((subject, version)): Path<(String, String)>,
    Query(parameters): Query<Parameters>,
) -> Response {
    verbatim(find_version(&all.lock(), &subject, &version, parameters.flag("deleted")).and_then(text))
}

/// The schema's text out of an answer.
fn text(answer: Value) -> Result<String, Refusal> {
    answer["schema"].as_str().map(str::to_owned).ok_or_else(Refusal::schema_not_found)
}

async fn delete_version(
    State(all): State<Registered>,
    Path((subject, version)): Path<(String, String)>,
    Query(parameters): Query<Parameters>,
) -> Answer {
    let permanent = parameters.flag("permanent");
    let version = version.parse::<VersionId>();
    let deleted = version.and_then(|version| all.lock().delete_version(&subject, version, permanent));
    Answer(deleted.map(|number| json!(number)))
}

async fn referenced_by(
    State(all): State<Registered>,
    Path((subject, version)): Path<(String, String)>,
    Query(parameters): Query<Parameters>,
) -> Answer {
    let all = all.lock();
    let found = version.parse().and_then(|version| all.version(&subject, version, true));
    Answer(found.map(|(number, _)| {
        let referrers = all.referrers(&subject, number, parameters.flag("deleted"));
        json!(parameters.page(referrers))
    }))
}

/// An id in a path; one that is no number is a path that does not exist.
fn id(text: &str) -> Result<i32, Refusal> {
    text.parse().map_err(|_| Refusal::http(StatusCode::NOT_FOUND, "HTTP 404 Not Found"))
}

async fn schema(State(all): State<Registered>, Path(wanted): Path<String>) -> Answer {
    Answer(id(&wanted).and_then(|id| all.lock().by_id(id)))
}

async fn schema_text(State(all): State<Registered>, Path(wanted): Path<String>) -> Response {
    verbatim(id(&wanted).and_then(|id| all.lock().by_id(id)).and_then(text))
}

async fn schema_subjects(
    State(all): State<Registered>,
    Path(wanted): Path<String>,
    Query(parameters): Query<Parameters>,
) -> Answer {
    let all = all.lock();
    Answer(uses(&all, &wanted, &parameters).map(|uses| {
        let mut subjects: Vec<&str> = uses.into_iter().map(|(subject, _)| subject).collect();
        subjects.dedup();
        json!(parameters.page(subjects))
    }))
}

async fn schema_versions(
    State(all): State<Registered>,
    Path(wanted): Path<String>,
    Query(parameters): Query<Parameters>,
) -> Answer {
    let all = all.lock();
    Answer(uses(&all, &wanted, &parameters).map(|uses| {
        let uses = uses.into_iter().map(|(subject, version)| json!({ "subject": subject, "version": version }));
        json!(parameters.page(uses))
    }))
}

fn uses<'a>(all: &'a Subjects, wanted: &str, parameters: &Parameters) -> Result<Vec<(&'a str, i32)>, Refusal> {
    let id = id(wanted)?;
    if all.uses(id, true).is_empty() {
        return Err(Refusal::schema_not_found());
    }
    let mut uses = all.uses(id, parameters.flag("deleted"));
    if let Some(subject) = parameters.text("subject") {
        uses.retain(|(holder, _)| *holder == subject);
    }
    Ok(uses)
}

async fn level(State(all): State<Registered>) -> Answer {
    Answer(Ok(level_answer(all.lock().level)))
}

fn level_answer(level: Level) -> Value {
    json!({ "compatibilityLevel": level.name() })
}

async fn set_level(State(all): State<Registered>, body: Body<LevelRequest>) -> Answer {
    Answer(wanted_level(&body.0).map(|level| {
        all.lock().level = level;
        json!({ "compatibility": level.name() })
    }))
}

fn wanted_level(request: &LevelRequest) -> Result<Level, Refusal> {
    let named = request.compatibility.as_ref().and_then(Value::as_str);
    named.and_then(Level::named).ok_or_else(Refusal::invalid_level)
}

async fn delete_level(State(all): State<Registered>) -> Answer {
    Answer(Ok(level_answer(std::mem::take(&mut all.lock().level))))
}

async fn subject_level(
    State(all): State<Registered>,
    Path(subject): Path<String>,
    Query(parameters): Query<Parameters>,
) -> Answer {
    let all = all.lock();
    Answer(match all.levels.get(&subject) {
        Some(level) => Ok(level_answer(*level)),
        None if parameters.flag("defaultToGlobal") => Ok(level_answer(all.level)),
        None => Err(Refusal::no_subject_level(&subject)),
    })
}

async fn set_subject_level(
    State(all): State<Registered>,
    Path(subject): Path<String>,
    body: Body<LevelRequest>,
) -> Answer {
    let level = wanted_level(&body.0).and_then(|level| check_name(&subject).map(|()| level));
    Answer(level.map(|level| {
        all.lock().levels.insert(subject, level);
        json!({ "compatibility": level.name() })
    }))
}

async fn delete_subject_level(State(all): State<Registered>, Path(subject): Path<String>) -> Answer {
    let removed = all.lock().levels.remove(&subject);
    Answer(removed.map(level_answer).ok_or_else(|| Refusal::subject_not_found(&subject)))
}

async fn check_all(
    State(all): State<Registered>,
    Path(subject): Path<String>,
    Query(parameters): Query<Parameters>,
    body: Body<SchemaRequest>,
) -> Answer {
    Answer(verdict(all.lock().check(&subject, None, body.0), &parameters))
}

async fn check_one(
    State(all): State<Registered>,
    Path((subject, version)): Path<(String, String)>,
    Query(parameters): Query<Parameters>,
    body: Body<SchemaRequest>,
) -> Answer {
    let version = match version.parse::<VersionId>() {
        Ok(version) => version,
        Err(refusal) => return Answer(Err(refusal)),
    };
    Answer(verdict(all.lock().check(&subject, Some(version), body.0), &parameters))
}

fn verdict(problems: Result<Vec<String>, Refusal>, parameters: &Parameters) -> Result<Value, Refusal> {
    let verbose = parameters.flag("verbose");
    let problems = match problems {
        // Those who ask for words get them for an invalid schema too.
        Err(refusal) if verbose && refusal.is_invalid_schema() => vec![refusal.message],
        other => other?,
    };
    let mut answer = json!({ "is_compatible": problems.is_empty() });
    if verbose {
        answer["messages"] = json!(problems);
    }
    Ok(answer)
}
