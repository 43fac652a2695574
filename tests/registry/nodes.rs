//! A registry of several nodes, and one behind a certificate of the user's own.

use super::{alone, client_of, record, settings};
use crate::fake_registry::{Answer, FakeRegistry};
use json2avro::registry::Reason;
use native_tls::{Identity, TlsAcceptor};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

const SUBJECT: &str = "orders-value";
const CA: &[u8] = include_bytes!("tls/ca.pem");

fn node() -> FakeRegistry {
    let node = FakeRegistry::start();
    node.register(SUBJECT, &record("Order", "a"));
    node
}

#[tokio::test]
async fn the_next_node_is_asked_where_one_does_not_answer() {
    let slow = Answer::Late(Duration::from_secs(60));
    // How the first node fails; None: it is down. Whether the second one is asked.
    let cases = [
        (None, true),
        (Some(Answer::error(500, 50001)), true),
        (Some(Answer::error(503, 50002)), true),
        (Some(Answer::Closed), true),
        (Some(Answer::Garbage), true),
        (Some(slow), true),
        (Some(Answer::http(200, "<html>")), true),
        (Some(Answer::http(404, "<html>")), true),
        // These would be the same everywhere.
        (Some(Answer::error(404, 40401)), false),
        (Some(Answer::error(401, 40101)), false),
        (Some(Answer::error(429, 42901)), false),
        (Some(Answer::error(422, 42201)), false),
    ];
    for (failure, asked) in cases {
        let (first, second) = (node(), node());
        match &failure {
            None => first.down(),
            Some(answer) => first.answer_always(Some(answer.clone())),
        }
        let mut settings = settings(first.url());
        settings.urls.push(second.url());
        settings.request_timeout = Duration::from_millis(500);
        let client = client_of(&settings);
        let answer = client.latest(SUBJECT).await;
        assert_eq!((answer.is_ok(), second.requests().len()), (asked, usize::from(asked)), "{failure:?}: {answer:?}");
        if asked {
            let before = first.requests().len();
            client.latest(SUBJECT).await.expect("the second node");
            assert_eq!(first.requests().len(), before, "{failure:?}: whoever answered last is asked first");
            second.down();
            match &failure {
                None => first.up(),
                Some(_) => first.answer_always(None),
            }
            client.latest(SUBJECT).await.expect("back at the first node");
        }
    }
}

#[tokio::test]
async fn a_schema_is_registered_through_whichever_node_answers() {
    let (first, second) = (FakeRegistry::start(), FakeRegistry::start());
    first.answer_always(Some(Answer::error(500, 50001)));
    let mut settings = settings(first.url());
    settings.urls.push(second.url());
    let id = client_of(&settings).register(SUBJECT, &alone(&record("Order", "a"))).await.expect("the second node");
    assert_eq!((id, second.count("POST", "/versions")), (1, 1));
}

#[tokio::test]
async fn where_no_node_answers_the_last_one_is_named() {
    let (first, second) = (node(), node());
    first.down();
    second.answer_always(Some(Answer::error(500, 50001)));
    let mut settings = settings(first.url());
    settings.urls.push(second.url());
    let failure = client_of(&settings).latest(SUBJECT).await.expect_err("nobody answers");
    assert_eq!(failure.reason, Reason::Unavailable, "{failure}");
    assert!(failure.to_string().contains(&second.url()), "{failure}");
}

#[tokio::test]
async fn a_certificate_of_the_users_own_is_trusted_and_no_other() {
    let registry = node();
    let url = behind_tls(registry.url());
    let mut settings = settings(url);
    let failure = client_of(&settings).latest(SUBJECT).await.expect_err("nobody vouches for it");
    assert_eq!(failure.reason, Reason::Unreachable, "{failure}");
    assert!(failure.to_string().contains("certificate"), "it does not say why: {failure}");
    settings.ca = Some(CA.to_vec());
    let found = client_of(&settings).latest(SUBJECT).await.expect("our own CA vouches for it");
    assert_eq!(found.id, 1);
}

/// The same registry over https, at a port of its own, for as long as the process lives.
fn behind_tls(url: String) -> String {
    let identity = Identity::from_pkcs8(include_bytes!("tls/server.pem"), include_bytes!("tls/server.key"));
    let acceptor = TlsAcceptor::new(identity.expect("a certificate")).expect("TLS");
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    let upstream = url.strip_prefix("http://").expect("http").to_owned();
    std::thread::spawn(move || {
        for connection in listener.incoming().flatten() {
            // A client that trusts nobody hangs up in the handshake.
            let Ok(mut client) = acceptor.accept(connection) else { continue };
            // A question without a body fits into one read.
            let mut question = [0; 16 << 10];
            let Ok(length) = client.read(&mut question) else { continue };
            let mut registry = TcpStream::connect(&upstream).expect("the registry");
            registry.write_all(&question[..length]).expect("asked");
            let mut answer = Vec::new();
            registry.read_to_end(&mut answer).expect("answered");
            client.write_all(&answer).expect("passed on");
            // The client may have gone already.
            drop(client.shutdown());
        }
    });
    format!("https://{address}")
}
