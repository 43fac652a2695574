//! Bad answers and none: each becomes the right fault, and none is taken for good.

use super::{client, client_of, record, settings};
use crate::fake_registry::{Answer, FakeRegistry};
use json2avro::config;
use json2avro::fault::{Blame, Fault, Stage};
use json2avro::registry::{Client, Schemas};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

const SUBJECT: &str = "orders-value";
const FAILURE_CACHE: Duration = Duration::from_secs(1);

/// Reason, who has to act, whether it is asked again.
type Expected = (&'static str, Blame, bool);

fn check(fault: &Fault, expected: Expected, case: &str) {
    assert_eq!((fault.reason, fault.blame, fault.retry), expected, "{case}: {fault}");
    assert_eq!(fault.stage, Stage::Registry, "{case}");
}

#[tokio::test]
async fn each_status_becomes_its_fault() {
    use Blame::{Config, Registry};
    let fake = FakeRegistry::start();
    let client = client(fake.url());
    for (status, code, expected) in [
        (400, 400, ("refused", Config, false)),
        (401, 40101, ("unauthorized", Config, true)),
        (403, 40301, ("forbidden", Config, true)),
        (404, 40401, ("subject_not_found", Config, false)),
        (404, 40402, ("version_not_found", Config, false)),
        (404, 40403, ("schema_not_found", Config, false)),
        (404, 0, ("subject_not_found", Config, false)),
        (404, 404, ("no_registry", Config, true)),
        (408, 408, ("timeout", Registry, true)),
        (409, 40901, ("incompatible", Config, false)),
        (409, 409, ("incompatible", Config, false)),
        (422, 42201, ("invalid_schema", Config, false)),
        (422, 42205, ("read_only", Config, false)),
        (422, 422, ("invalid_schema", Config, false)),
        (429, 429, ("rate_limited", Registry, true)),
        (500, 50001, ("unavailable", Registry, true)),
        (500, 0, ("unavailable", Registry, true)),
        (502, 502, ("unavailable", Registry, true)),
        (503, 50301, ("unavailable", Registry, true)),
        (504, 504, ("unavailable", Registry, true)),
    ] {
        fake.answer_next(Answer::error(status, code));
        let fault = client.latest(SUBJECT).await.expect_err("an error status").fault();
        check(&fault, expected, &format!("{status}/{code}"));
        for part in [SUBJECT, &fake.url(), &format!("HTTP {status}"), "registry main"] {
            assert!(fault.message.contains(part), "{status}/{code}: no {part} in {}", fault.message);
        }
    }
}

#[tokio::test]
async fn an_answer_that_is_none_is_a_passing_fault() {
    let bad: Expected = ("bad_answer", Blame::Registry, true);
    let elsewhere = FakeRegistry::start();
    elsewhere.register(SUBJECT, &record("Order", "a"));
    let redirect = |status| Answer::Http {
        status,
        headers: vec![format!("Location: {}/subjects/{SUBJECT}/versions/latest", elsewhere.url())],
        body: String::new(),
    };
    let version =
        |id: &str| Answer::http(200, &format!(r#"{{"subject":"s","version":1,"id":{id},"schema":"\"int\""}}"#));
    let fake = FakeRegistry::start();
    for (name, answer, expected) in [
        ("HTML", Answer::http(200, "<html>please log in</html>"), bad),
        ("empty", Answer::http(200, ""), bad),
        ("another shape", Answer::http(200, r#"{"ok":true}"#), bad),
        ("no content", Answer::http(204, ""), bad),
        ("id 0", version("0"), bad),
        ("a negative id", version("-7"), bad),
        ("an id over 32 bits", version("4294967297"), bad),
        ("truncated", Answer::Truncated, bad),
        ("garbage", Answer::Garbage, bad),
        ("closed", Answer::Closed, bad),
        ("endless and fast", Answer::Endless { pause: Duration::ZERO }, bad),
        ("endless and slow", Answer::Endless { pause: Duration::from_millis(50) }, ("timeout", Blame::Registry, true)),
        ("late", Answer::Late(Duration::from_secs(4)), ("timeout", Blame::Registry, true)),
        ("HTML 404", Answer::http(404, "<html>"), ("no_registry", Blame::Config, true)),
        ("HTML 503", Answer::http(503, "<html>"), ("unavailable", Blame::Registry, true)),
        ("moved", redirect(301), ("no_registry", Blame::Config, true)),
        ("elsewhere for now", redirect(307), ("no_registry", Blame::Config, true)),
        (
            "Protobuf",
            Answer::http(200, r#"{"subject":"s","version":1,"id":1,"schema":"s","schemaType":"PROTOBUF"}"#),
            ("wrong_type", Blame::Config, false),
        ),
    ] {
        let timeout = Duration::from_millis(if expected.0 == "timeout" { 300 } else { 10_000 });
        let client = client_of(&config::Registry { request_timeout: timeout, ..settings(fake.url()) });
        fake.answer_next(answer);
        let started = Instant::now();
        let fault = client.latest(SUBJECT).await.expect_err(name).fault();
        check(&fault, expected, name);
        assert!(started.elapsed() < Duration::from_secs(3), "{name} took {:?}", started.elapsed());
    }
    assert_eq!(elsewhere.requests().len(), 0, "no redirect is followed");
}

#[tokio::test]
async fn no_connection_is_a_passing_fault() {
    let fake = FakeRegistry::start();
    let client = client(fake.url());
    fake.down();
    let fault = client.latest(SUBJECT).await.expect_err("nobody listens").fault();
    check(&fault, ("unreachable", Blame::Registry, true), "refused");
    let no_tls = client_of(&settings(FakeRegistry::start().url().replace("http:", "https:")));
    let fault = no_tls.latest(SUBJECT).await.expect_err("plain HTTP there").fault();
    check(&fault, ("unreachable", Blame::Registry, true), "TLS");
    fake.register(SUBJECT, &record("Order", "a"));
    fake.up();
    assert_eq!(client.latest(SUBJECT).await.expect("up again").id, 1);
}

#[tokio::test]
async fn a_wait_that_the_registry_asks_for_is_carried() {
    let fake = FakeRegistry::start();
    let client = client(fake.url());
    for (status, header, expected) in [
        (429, "Retry-After: 7", Some(7)),
        (503, "Retry-After: 0", Some(0)),
        (429, "X-RateLimit-Reset: 3", Some(3)),
        (429, "Retry-After: 4000000000", Some(60)),
        (429, "Retry-After: Fri, 31 Dec 1999 23:59:59 GMT", None),
        (429, "X-Nothing: 1", None),
    ] {
        fake.answer_next(Answer::Http { status, headers: vec![header.to_owned()], body: String::new() });
        let failure = client.latest(SUBJECT).await.expect_err("an error status");
        assert_eq!(failure.retry_after, expected.map(Duration::from_secs), "{header}");
    }
}

#[tokio::test]
async fn a_failure_is_remembered_for_its_time_and_never_as_an_answer() {
    tokio::join!(
        remembered(Answer::http(200, "<html>"), 3),
        remembered(Answer::error(404, 40403), 1),
        remembered(Answer::error(503, 503), 3),
        remembered(Answer::Truncated, 3),
    );
}

async fn remembered(answer: Answer, tries: usize) {
    let fake = FakeRegistry::start();
    let id = fake.register(SUBJECT, &record("Order", "a"));
    let schemas = Schemas::new(client(fake.url()), FAILURE_CACHE);
    fake.answer_always(Some(answer));
    let failure = schemas.get(id).await.expect_err("a bad answer");
    fake.answer_always(None);
    let remembered = schemas.get(id).await.expect_err("still remembered");
    assert_eq!((remembered, fake.requests().len()), (failure, tries));
    tokio::time::sleep(FAILURE_CACHE).await;
    assert_eq!(schemas.get(id).await.expect("asked again").schema, record("Order", "a"));
    fake.down();
    assert_eq!(schemas.get(id).await.expect("known for ever").id, id);
    assert_eq!(fake.requests().len(), tries + 1);
}

#[tokio::test]
async fn fifty_callers_are_one_request() {
    let fake = FakeRegistry::start();
    let id = fake.register(SUBJECT, &record("Order", "a"));
    fake.answer_next(Answer::Late(Duration::from_millis(100)));
    let schemas = Arc::new(Schemas::new(client(fake.url()), FAILURE_CACHE));
    let callers: Vec<_> = (0..50)
        .map(|_| {
            let schemas = Arc::clone(&schemas);
            tokio::spawn(async move { schemas.get(id).await })
        })
        .collect();
    for caller in callers {
        assert_eq!(caller.await.expect("no panic").expect("registered").id, id);
    }
    assert_eq!(fake.requests().len(), 1);
}

#[tokio::test]
async fn the_observer_sees_each_request_once() {
    let fake = FakeRegistry::start();
    fake.register(SUBJECT, &record("Order", "a"));
    let seen = Arc::new(Mutex::new(Vec::new()));
    let notes = Arc::clone(&seen);
    let observer = move |operation: &'static str, status: &str, _: Duration| {
        notes.lock().expect("no panic").push(format!("{operation} {status}"));
    };
    let client = Client::new(&settings(fake.url()), Arc::new(observer)).expect("usable settings");
    assert!(client.latest(SUBJECT).await.is_ok());
    assert!(client.by_id(99).await.is_err());
    fake.answer_next(Answer::http(200, "<html>"));
    assert!(client.version(SUBJECT, 1).await.is_err());
    fake.down();
    assert!(client.latest(SUBJECT).await.is_err());
    let seen = seen.lock().expect("no panic");
    assert_eq!(*seen, ["latest 200", "by_id 404", "version bad_answer", "latest unreachable"]);
}
