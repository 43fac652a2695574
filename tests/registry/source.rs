//! A pipeline's schema by each of the config's choices, and the one that may write.

use super::{client, client_of, record, settings};
use crate::fake_registry::{Answer, FakeRegistry};
use json2avro::config::{self, SchemaChoice};
use json2avro::fault::Blame;
use json2avro::registry::Source;
use serde_json::json;
use std::time::{Duration, Instant};

const SUBJECT: &str = "orders-value";
const LATEST: SchemaChoice = SchemaChoice::Latest { refresh: Duration::from_secs(30) };

fn file(text: &str, register: bool) -> SchemaChoice {
    SchemaChoice::File { path: "orders.avsc".into(), text: text.to_owned(), register }
}

fn source(fake: &FakeRegistry, choice: SchemaChoice) -> Source {
    Source::new(client(fake.url()), SUBJECT.to_owned(), choice)
}

#[tokio::test]
async fn each_choice_finds_its_schema_and_none_writes_unasked() {
    let fake = FakeRegistry::start();
    let (first, second) = (record("Order", "a"), record("Order", "b"));
    fake.register(SUBJECT, &first);
    fake.register(SUBJECT, &second);
    for (choice, id, version, schema) in [
        (LATEST, 2, Some(2), &second),
        (SchemaChoice::Version(1), 1, Some(1), &first),
        (SchemaChoice::Id(1), 1, None, &first),
        (file(&first, false), 1, Some(1), &first),
        (file(&second, true), 2, Some(2), &second),
    ] {
        let resolved = source(&fake, choice.clone()).resolve().await.expect("registered");
        let subject = version.map(|_| SUBJECT);
        assert_eq!((resolved.id, resolved.subject.as_deref(), resolved.version), (id, subject, version), "{choice:?}");
        assert_eq!((&resolved.schema, resolved.references.len()), (schema, 0), "{choice:?}");
    }
    for (choice, reason) in [
        (SchemaChoice::Version(3), "version_not_found"),
        (SchemaChoice::Id(3), "schema_not_found"),
        (file(&record("Order", "c"), false), "schema_not_found"),
    ] {
        // Lasting faults come at once, at start as well.
        let fault = source(&fake, choice).resolve_at_start().await.expect_err(reason);
        assert_eq!((fault.reason, fault.blame, fault.retry), (reason, Blame::Config, false), "{fault}");
        assert_eq!(
            fault.message.contains("register = true"),
            reason == "schema_not_found" && fault.message.contains(SUBJECT)
        );
    }
    assert_eq!(fake.count("POST", "/versions"), 0, "{:?}", fake.requests());
}

#[tokio::test]
async fn latest_follows_the_subject() {
    let fake = FakeRegistry::start();
    let source = source(&fake, LATEST);
    let missing = source.resolve().await.expect_err("no subject yet");
    assert_eq!((missing.reason, missing.retry), ("subject_not_found", false));
    fake.register(SUBJECT, &record("Order", "a"));
    let first = source.resolve().await.expect("registered");
    assert_eq!(first, source.resolve().await.expect("registered"));
    fake.register(SUBJECT, &record("Order", "b"));
    let second = source.resolve().await.expect("registered");
    assert_ne!(first, second);
    assert_eq!((second.id, second.version), (2, Some(2)));
}

#[tokio::test]
async fn a_file_is_registered_once_where_asked() {
    let fake = FakeRegistry::start();
    let source = source(&fake, file(&record("Order", "a"), true));
    for _ in 0..3 {
        let resolved = source.resolve().await.expect("registered");
        assert_eq!((resolved.id, resolved.subject.as_deref(), resolved.version), (1, Some(SUBJECT), Some(1)));
    }
    assert_eq!(fake.count("POST", "/versions"), 1);
}

#[tokio::test]
async fn a_registration_whose_answer_was_lost_is_found_not_repeated() {
    for lost in [500, 503, 504] {
        let fake = FakeRegistry::start();
        let source = source(&fake, file(&record("Order", "a"), true));
        fake.answer_next(Answer::error(404, 40401));
        fake.answer_next(Answer::DoneBut(lost));
        let resolved = source.resolve().await.expect("a second look");
        assert_eq!((resolved.id, resolved.version), (1, Some(1)));
        assert_eq!(fake.count("POST", "/versions"), 1, "after {lost}");
    }
}

#[tokio::test]
async fn nothing_is_registered_before_a_look_up_says_that_it_is_missing() {
    for (status, tries) in [(500, 3), (503, 3), (400, 1)] {
        let fake = FakeRegistry::start();
        fake.answer_always(Some(Answer::error(status, 0)));
        let fault = source(&fake, file(&record("Order", "a"), true)).resolve().await.expect_err("no look-up");
        assert!(!fault.message.contains("register = true"), "{fault}");
        assert_eq!((fake.requests().len(), fake.count("POST", "/versions")), (tries, 0), "{status}");
    }
}

#[tokio::test]
async fn a_refused_registration_lasts() {
    for (status, reason) in [(409, "incompatible"), (422, "invalid_schema")] {
        let fake = FakeRegistry::start();
        fake.answer_next(Answer::error(404, 40401));
        fake.answer_next(Answer::error(status, i64::from(status)));
        let source = source(&fake, file(&record("Order", "a"), true));
        let fault = source.resolve_at_start().await.expect_err(reason);
        assert_eq!((fault.reason, fault.blame, fault.retry), (reason, Blame::Config, false));
        assert_eq!(fake.count("POST", "/versions"), 1);
    }
}

#[tokio::test]
async fn a_registry_that_is_down_at_start_is_waited_for() {
    let fake = FakeRegistry::start();
    fake.down();
    let waiting = source(&fake, LATEST);
    let waiting = tokio::spawn(async move { waiting.resolve_at_start().await });
    let fault = source(&fake, LATEST).resolve().await.expect_err("a few tries are not for ever");
    assert_eq!((fault.reason, fault.retry), ("unreachable", true));
    assert!(!waiting.is_finished());
    // Up, but not well yet: that does not end the waiting either.
    fake.register(SUBJECT, &record("Order", "a"));
    fake.answer_next(Answer::http(200, "<html>"));
    fake.up();
    assert_eq!(waiting.await.expect("no panic").expect("up at last").id, 1);
    assert_eq!(fake.requests().len(), 2);
}

#[tokio::test]
async fn a_wait_that_the_registry_asks_for_is_kept() {
    let fake = FakeRegistry::start();
    fake.register(SUBJECT, &record("Order", "a"));
    fake.answer_next(Answer::Http { status: 429, headers: vec!["Retry-After: 1".to_owned()], body: String::new() });
    let started = Instant::now();
    assert!(source(&fake, LATEST).resolve().await.is_ok());
    assert!(started.elapsed() >= Duration::from_secs(1), "{:?}", started.elapsed());
}

#[tokio::test]
async fn a_slow_registry_costs_a_few_timeouts() {
    let fake = FakeRegistry::start();
    fake.answer_always(Some(Answer::Late(Duration::from_secs(2))));
    let request_timeout = Duration::from_millis(250);
    let client = client_of(&config::Registry { request_timeout, ..settings(fake.url()) });
    let fault = Source::new(client, SUBJECT.to_owned(), LATEST).resolve().await.expect_err("too slow");
    assert_eq!((fault.reason, fault.retry), ("timeout", true));
    assert_eq!(fake.requests().len(), 3);
    fake.answer_always(None);
}

#[tokio::test]
async fn references_come_once_each_dependencies_first() {
    let fake = FakeRegistry::start();
    let refer = |names: &[&str]| -> Vec<_> {
        names.iter().map(|name| json!({ "name": format!("x.{name}"), "subject": name, "version": 1 })).collect()
    };
    // A diamond over a chain: Top -> (Left, Right) -> Middle -> Bottom; `Twin` holds Bottom's very text.
    for (subject, schema, references) in [
        ("Bottom", "bottom", &[][..]),
        ("Twin", "bottom", &[]),
        ("Middle", "middle", &["Bottom"]),
        ("Left", "left", &["Middle", "Twin"]),
        ("Right", "right", &["Middle", "Bottom"]),
        (SUBJECT, "top", &["Left", "Right"]),
    ] {
        fake.register_body(subject, json!({ "schema": schema, "references": refer(references) }));
    }
    let source = source(&fake, LATEST);
    let resolved = source.resolve().await.expect("registered");
    assert_eq!(
        (resolved.schema.as_str(), resolved.references),
        ("top", ["bottom", "middle", "left", "right"].map(str::to_owned).to_vec())
    );
    let requests = fake.requests().len();
    source.resolve().await.expect("registered");
    assert_eq!(fake.requests().len(), requests + 1, "what it refers to never changes");
}

#[tokio::test]
async fn references_in_a_circle_or_without_end_come_to_an_end() {
    let fake = FakeRegistry::start();
    let refer = |subject: &str| json!([{ "name": "x.A", "subject": subject, "version": 1 }]);
    fake.register_body("a", json!({ "schema": "a", "references": refer("b") }));
    fake.register_body("b", json!({ "schema": "b", "references": refer("a") }));
    fake.register_body(SUBJECT, json!({ "schema": "top", "references": refer("a") }));
    let resolved = source(&fake, LATEST).resolve().await.expect("registered");
    assert_eq!(resolved.references, ["b", "a"]);

    for link in 0..1100 {
        let next = refer(&format!("chain-{}", link + 1));
        fake.register_body(&format!("chain-{link}"), json!({ "schema": format!("{link}"), "references": next }));
    }
    fake.register_body(SUBJECT, json!({ "schema": "chained", "references": refer("chain-0") }));
    let fault = source(&fake, LATEST).resolve().await.expect_err("too many");
    assert_eq!((fault.reason, fault.retry), ("invalid_schema", false));
}
