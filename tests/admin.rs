//! The admin server over real HTTP.

use crate::spawn::alone;
use json2avro::admin;
use json2avro::config::Admin;
use json2avro::fault::Blame;
use json2avro::lifecycle::{Pulse, Shutdown};
use json2avro::telemetry::Metrics;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

struct Server {
    address: SocketAddr,
    metrics: Arc<Metrics>,
    lanes: [Pulse; 3],
    shutdown: Shutdown,
    over: Shutdown,
}

impl Server {
    fn start(live_timeout: Duration) -> Self {
        let bound = admin::bind(&Admin { listen: ([127, 0, 0, 1], 0).into(), live_timeout }).unwrap();
        let server = Self {
            address: bound.address(),
            metrics: Metrics::new("2.12.1"),
            lanes: Default::default(),
            shutdown: Shutdown::default(),
            over: Shutdown::default(),
        };
        // Two lanes of one pipeline, one of another.
        let [first, second, users] = server.lanes.clone();
        let pulses = vec![("orders".to_owned(), vec![first, second]), ("users".to_owned(), vec![users])];
        let (metrics, shutdown, over) = (Arc::clone(&server.metrics), server.shutdown.clone(), server.over.clone());
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                tokio::select! {
                    ended = bound.serve(metrics, pulses, shutdown) => panic!("ended by itself: {ended:?}"),
                    () = over.wait() => {}
                }
            });
        });
        server
    }

    /// Head and body of the answer, read until the server closes.
    fn ask(&self, method: &str, path: &str) -> (String, String) {
        let mut stream = TcpStream::connect(self.address).unwrap();
        write!(stream, "{method} {path} HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head.to_ascii_lowercase(), body.to_owned())
    }

    fn check(&self, path: &str, status: u16, words: &[&str]) {
        let (head, body) = self.ask("GET", path);
        assert!(head.starts_with(&format!("http/1.1 {status} ")), "{path}: {head}\n{body}");
        for word in words {
            assert!(body.contains(word), "{path}: no {word:?} in {body}");
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.over.order();
    }
}

#[test]
fn ready_once_every_lane_joined_and_none_failed() {
    let server = Server::start(Duration::from_secs(60));
    let [first, second, users] = &server.lanes;
    let waits = r#"{"name":"orders","ready":false,"reason":"has not joined its consumer group yet"}"#;
    server.check("/ready", 503, &[r#""ready":false"#, waits]);
    first.joined();
    server.check("/ready", 503, &[waits]);
    second.joined();
    server.check("/ready", 503, &[r#"{"name":"orders","ready":true,"reason":null}"#]);
    users.joined();
    server.check("/ready", 200, &[r#""ready":true"#]);
    server.metrics.pipeline("users").failed("flood");
    users.failed();
    server.check("/ready", 503, &[r#"{"name":"users","ready":false,"reason":"flood"}"#]);
    second.failed();
    server.check("/ready", 503, &[r#"{"name":"orders","ready":false,"reason":"failed"}"#]);
}

#[test]
fn a_drain_is_not_ready_and_still_answers() {
    let server = Server::start(Duration::from_secs(60));
    server.lanes.iter().for_each(Pulse::joined);
    server.check("/ready", 200, &[]);
    server.shutdown.order();
    server.check("/ready", 503, &[r#""draining":true"#]);
    server.check("/metrics", 200, &["json2avro_build_info"]);
}

#[test]
fn live_while_lanes_poll() {
    let server = Server::start(Duration::ZERO);
    // One that does not poll is enough.
    server.lanes[1].beat();
    server.check("/live", 503, &["orders lane 1: stalled"]);
    server.lanes.iter().for_each(Pulse::beat);
    server.check("/live", 503, &["orders lane 0: stalled", "orders lane 1: stalled", "users: stalled"]);
    let server = Server::start(Duration::from_secs(60));
    let alive = ["orders lane 0: alive", "orders lane 1: alive", "users: alive"];
    server.check("/live", 200, &alive);
    server.lanes.iter().for_each(Pulse::beat);
    server.check("/live", 200, &alive);
}

#[test]
fn methods_types_and_unknown_paths() {
    let server = Server::start(Duration::from_secs(60));
    for (method, path, status, has, body) in [
        ("GET", "/metrics", "200", "content-type: text/plain; version=0.0.4", true),
        ("HEAD", "/metrics", "200", "content-type: text/plain; version=0.0.4", false),
        ("HEAD", "/live", "200", "connection: close", false),
        ("GET", "/ready", "503", "content-type: application/json", true),
        ("GET", "/", "404", "connection: close", false),
        ("GET", "/metrics/x", "404", "connection: close", false),
        ("POST", "/metrics", "405", "connection: close", false),
    ] {
        let (head, text) = server.ask(method, path);
        assert!(head.starts_with(&format!("http/1.1 {status}")) && head.contains(has), "{method} {path}: {head}");
        assert_eq!(!text.is_empty(), body, "{method} {path}: {text}");
    }
}

#[test]
fn a_taken_address_is_the_configs_fault() {
    let server = Server::start(Duration::from_secs(60));
    let fault = admin::bind(&Admin { listen: server.address, live_timeout: Duration::ZERO }).unwrap_err();
    assert_eq!(fault.blame, Blame::Config);
    assert!(fault.message.contains(&server.address.to_string()), "{fault}");
}

/// Clients that do not behave hold neither the answers up nor descriptors: the oldest of too many makes room.
#[test]
fn misbehaving_clients_hold_up_nothing() {
    let server = Server::start(Duration::from_secs(60));
    let huge = format!("GET /live HTTP/1.1\r\nx: {}\r\n", "x".repeat(1 << 20));
    for (what, sent) in [
        ("idle", ""),
        ("half a request", "GET /met"),
        ("a header without end", "GET /live HTTP/1.1\r\nhost: x\r\nx: "),
        ("a body that never comes", "POST /live HTTP/1.1\r\nhost: x\r\ncontent-length: 1000000\r\n\r\n"),
        ("no HTTP", "\u{16}\u{3}\u{1} hello\r\n\r\n"),
        ("a huge header", &huge),
    ] {
        let count = if sent.len() > 1000 { 20 } else { 500 };
        let clients: Vec<TcpStream> = (0..count)
            .map(|_| {
                let mut client = TcpStream::connect(server.address).unwrap();
                // It may be cut off while it still sends.
                drop(client.write_all(sent.as_bytes()));
                client
            })
            .collect();
        let asked = Instant::now();
        server.check("/live", 200, &["users: alive"]);
        server.check("/metrics", 200, &["json2avro_build_info"]);
        let took = asked.elapsed();
        assert!(took < Duration::from_secs(2), "{count} clients, {what}: the answers took {took:?}");
        // A child that is being made holds what the server has closed.
        let _alone = alone(server.address.port());
        let held = clients.iter().filter(|client| still_open(client)).count();
        assert!(held <= 64, "{count} clients, {what}: {held} are still held");
    }
}

fn still_open(mut client: &TcpStream) -> bool {
    client.set_nonblocking(true).unwrap();
    loop {
        match client.read(&mut [0; 4096]) {
            Ok(0) => return false,
            Ok(_) => {}
            Err(error) => return error.kind() == ErrorKind::WouldBlock,
        }
    }
}
