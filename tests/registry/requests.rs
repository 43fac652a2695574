//! What goes out: the path, the headers, the body; and nothing that should stay here.

use super::{alone, client, client_of, record, settings};
use crate::fake_registry::{Answer, FakeRegistry};
use json2avro::config::{self, Secret};
use json2avro::fault::Blame;
use json2avro::registry::{Client, Reference, Schema};
use std::sync::Arc;

#[tokio::test]
async fn a_subject_is_one_segment_below_the_base_path() {
    for (base_path, subject, path) in [
        ("", "orders-value", "/subjects/orders-value/versions/latest"),
        ("/apis/ccompat/v7", "orders-value", "/apis/ccompat/v7/subjects/orders-value/versions/latest"),
        ("/a%20b", "x", "/a%20b/subjects/x/versions/latest"),
        ("", "a/b", "/subjects/a%2Fb/versions/latest"),
        ("", "../../config", "/subjects/..%2F..%2Fconfig/versions/latest"),
        ("", "100%", "/subjects/100%25/versions/latest"),
        ("", "a?b#c;d", "/subjects/a%3Fb%23c%3Bd/versions/latest"),
        ("", "é 木\n", "/subjects/%C3%A9%20%E6%9C%A8%0A/versions/latest"),
        ("", ":.ctx:orders", "/subjects/%3A.ctx%3Aorders/versions/latest"),
    ] {
        let fake = FakeRegistry::start_below(base_path);
        let id = fake.register(subject, &record("Order", "a"));
        for url in [fake.url(), format!("{}/", fake.url())] {
            assert_eq!(client(url).latest(subject).await.expect("registered").id, id, "{subject:?}");
        }
        assert_eq!(fake.count("GET", path), 2, "{path} in {:?}", fake.requests());
    }
}

#[tokio::test]
async fn a_subject_that_no_url_can_hold_is_refused() {
    let fake = FakeRegistry::start();
    for subject in ["", ".", ".."] {
        let fault = client(fake.url()).latest(subject).await.expect_err("no segment").fault();
        assert_eq!((fault.reason, fault.blame, fault.retry), ("refused", Blame::Config, false), "{subject:?}");
    }
    assert_eq!(fake.requests().len(), 0);
}

#[tokio::test]
async fn headers_and_bodies_are_the_api_s() {
    let fake = FakeRegistry::start();
    let client = client(fake.url());
    let reference = Reference { name: "x.Leaf".to_owned(), subject: "leaf".to_owned(), version: 3 };
    client.register("orders", &alone("\"int\"")).await.expect("registered");
    client.register("lines", &Schema { text: "\"int\"".to_owned(), references: vec![reference] }).await.expect("same");
    client.latest("orders").await.expect("registered");
    let bodies: Vec<_> = fake.requests().into_iter().map(|request| request.body).collect();
    assert_eq!(
        bodies,
        [
            r#"{"schema":"\"int\""}"#,
            r#"{"references":[{"name":"x.Leaf","subject":"leaf","version":3}],"schema":"\"int\""}"#,
            ""
        ]
    );
    for request in fake.requests() {
        let header = |name: &str| request.headers.get(name).map(String::as_str);
        assert_eq!(header("accept"), Some("application/vnd.schemaregistry.v1+json, application/json"));
        let content_type = (request.method == "POST").then_some("application/vnd.schemaregistry.v1+json");
        assert_eq!((header("content-type"), header("authorization")), (content_type, None));
    }
}

#[tokio::test]
async fn a_password_goes_to_the_registry_and_nowhere_else() {
    let fake = FakeRegistry::start();
    let basic_auth = Some(("user".to_owned(), Secret("pass word:é".to_owned())));
    let client = client_of(&config::Registry { basic_auth, ..settings(fake.url()) });
    fake.answer_next(Answer::error(401, 40101));
    let failure = client.latest("orders").await.expect_err("ordered");
    // base64("user:pass word:é")
    let sent = fake.requests().remove(0).headers.remove("authorization");
    assert_eq!(sent.as_deref(), Some("Basic dXNlcjpwYXNzIHdvcmQ6w6k="));
    fake.down();
    let unreachable = client.latest("orders").await.expect_err("down");
    for text in [failure.to_string(), format!("{failure:?}"), unreachable.to_string(), format!("{client:?}")] {
        assert!(!text.contains("pass word") && !text.contains("dXNlcj"), "{text}");
    }
}

#[test]
fn a_url_that_is_no_base_is_refused_without_repeating_it() {
    for url in [
        "",
        "localhost:8081",
        "ftp://localhost",
        "http://",
        "http://user:hunter2@localhost:8081",
        "http://localhost:8081/?a=hunter2",
        "http://localhost:8081/#hunter2",
    ] {
        let fault = Client::new(&settings(url.to_owned()), Arc::new(|_, _, _| ())).expect_err(url);
        assert_eq!((fault.reason, fault.blame, fault.retry), ("bad_url", Blame::Config, false), "{url}");
        assert!(!fault.message.contains("hunter2"), "{fault}");
    }
}
