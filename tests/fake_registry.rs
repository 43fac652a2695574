//! A Schema Registry small enough to read: Confluent's API over real HTTP on loopback, and every way to answer badly.
//!
//! Comes in: HTTP requests, and from the test schemas, faults and orders to go down and up. Goes out: answers as the real
//! ones give them, and a log of all that was asked. Must never: be kinder than a real registry (the contract in
//! `registry.rs` runs against both).
//!
//! Its threads need no runtime, so that any kind of test can use it. One connection serves one request.

#![expect(clippy::expect_used, reason = "a test that cannot go on has failed")]

use serde_json::{Value, json};
use std::collections::{BTreeMap, VecDeque};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// The registry. Goes down when dropped.
pub(crate) struct FakeRegistry {
    address: SocketAddr,
    base_path: String,
    state: Arc<Mutex<State>>,
    listening: Mutex<Option<Listening>>,
}

/// One request as it came in.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) method: String,
    /// The path as sent, still encoded.
    pub(crate) path: String,
    /// Names in lower case.
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: String,
}

/// A way to answer instead of the right one.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    /// This status, these headers (`"Name: value"`), this body.
    Http { status: u16, headers: Vec<String>, body: String },
    /// A body that ends before its length is reached.
    Truncated,
    /// A body without an end: a block, then this pause, and so on.
    Endless { pause: Duration },
    /// Nothing for this long, then the right answer.
    Late(Duration),
    /// Bytes that are no HTTP.
    Garbage,
    /// The connection is closed at once.
    Closed,
    /// The request is carried out, then this status hides its outcome: what a proxy's timeout looks like.
    DoneBut(u16),
}

impl Answer {
    /// This status with a registry's error body.
    pub(crate) fn error(status: u16, code: i64) -> Self {
        Self::http(status, &json!({ "error_code": code, "message": "as the test ordered" }).to_string())
    }

    pub(crate) fn http(status: u16, body: &str) -> Self {
        Self::Http { status, headers: Vec::new(), body: body.to_owned() }
    }
}

#[derive(Default)]
struct State {
    /// Body by id - 1: `schema`, and `schemaType` and `references` where there are any.
    schemas: Vec<Value>,
    /// Ids by version - 1.
    subjects: BTreeMap<String, Vec<i32>>,
    next: VecDeque<Answer>,
    always: Option<Answer>,
    log: Vec<Request>,
}

struct Listening {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl FakeRegistry {
    /// A registry with its API at the root, as Confluent's.
    pub(crate) fn start() -> Self {
        Self::start_below("")
    }

    /// A registry with its API below a path, as Apicurio's `/apis/ccompat/v7`; anything else there is HTML.
    pub(crate) fn start_below(base_path: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port on loopback");
        let fake = Self {
            address: listener.local_addr().expect("a bound listener has an address"),
            base_path: base_path.to_owned(),
            state: Arc::default(),
            listening: Mutex::default(),
        };
        fake.listen(listener);
        fake
    }

    /// The base URL.
    pub(crate) fn url(&self) -> String {
        format!("http://{}{}", self.address, self.base_path)
    }

    /// Makes an Avro schema the subject's next version, unless it has it; its id.
    pub(crate) fn register(&self, subject: &str, schema: &str) -> i32 {
        self.register_body(subject, json!({ "schema": schema }))
    }

    /// As `register`, with `schemaType` and `references` as in the API's body.
    pub(crate) fn register_body(&self, subject: &str, body: Value) -> i32 {
        self.state().register(subject, body)
    }

    /// Answers the next request so; called again, the one after it.
    pub(crate) fn answer_next(&self, answer: Answer) {
        self.state().next.push_back(answer);
    }

    /// Answers every request so from now on; `None`: rightly again.
    pub(crate) fn answer_always(&self, answer: Option<Answer>) {
        self.state().always = answer;
    }

    /// Refuses connections until `up`.
    pub(crate) fn down(&self) {
        let Some(listening) = self.listening.lock().expect("no test thread panics in here").take() else { return };
        listening.stop.store(true, Ordering::SeqCst);
        // Wakes the thread out of accept.
        drop(TcpStream::connect(self.address));
        listening.thread.join().expect("the accepting thread does not panic");
    }

    /// Listens on the same port again, with all it knew.
    pub(crate) fn up(&self) {
        let _alone = crate::spawn::alone(self.address.port());
        self.listen(TcpListener::bind(self.address).expect("the port is still free"));
    }

    /// All requests so far, oldest first.
    pub(crate) fn requests(&self) -> Vec<Request> {
        self.state().log.clone()
    }

    /// How many requests so far had this method and this in their path.
    pub(crate) fn count(&self, method: &str, path: &str) -> usize {
        self.state().log.iter().filter(|request| request.method == method && request.path.contains(path)).count()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no test thread panics in here")
    }

    fn listen(&self, listener: TcpListener) {
        let stop = Arc::new(AtomicBool::new(false));
        let connection =
            Connection { state: Arc::clone(&self.state), base_path: self.base_path.clone(), stop: Arc::clone(&stop) };
        let thread = thread::spawn(move || {
            for stream in listener.incoming() {
                if connection.stop.load(Ordering::SeqCst) {
                    return;
                }
                let (Ok(stream), connection) = (stream, connection.clone()) else { continue };
                // A client that goes away early is none of the registry's business.
                thread::spawn(move || connection.serve(stream).ok());
            }
        });
        *self.listening.lock().expect("no test thread panics in here") = Some(Listening { stop, thread });
    }
}

impl Drop for FakeRegistry {
    fn drop(&mut self) {
        self.down();
    }
}

#[derive(Clone)]
struct Connection {
    state: Arc<Mutex<State>>,
    base_path: String,
    stop: Arc<AtomicBool>,
}

impl Connection {
    fn serve(&self, mut stream: TcpStream) -> std::io::Result<()> {
        let request = read_request(&stream)?;
        let answer = {
            let mut state = self.state.lock().expect("no test thread panics in here");
            state.log.push(request.clone());
            state.next.pop_front().or_else(|| state.always.clone())
        };
        match answer {
            None => self.answer_rightly(&mut stream, &request),
            Some(Answer::Http { status, headers, body }) => write_answer(&mut stream, status, &headers, &body),
            Some(Answer::Truncated) => stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{\"subject\":"),
            Some(Answer::Endless { pause }) => {
                stream.write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")?;
                while !self.stop.load(Ordering::SeqCst) {
                    stream.write_all(&[b' '; 16_384])?;
                    thread::sleep(pause);
                }
                Ok(())
            }
            Some(Answer::Late(by)) => {
                thread::sleep(by);
                self.answer_rightly(&mut stream, &request)
            }
            Some(Answer::Garbage) => stream.write_all(b"\x16\x03\x01 220 ready\n\n"),
            Some(Answer::Closed) => Ok(()),
            Some(Answer::DoneBut(status)) => {
                self.right_answer(&request);
                write_answer(&mut stream, status, &[], "upstream timed out")
            }
        }
    }

    fn answer_rightly(&self, stream: &mut TcpStream, request: &Request) -> std::io::Result<()> {
        let (status, body) = self.right_answer(request);
        write_answer(stream, status, &[], &body)
    }

    fn right_answer(&self, request: &Request) -> (u16, String) {
        let Some(path) = request.path.strip_prefix(&self.base_path) else {
            return (404, "<html>no such page</html>".to_owned());
        };
        let path: Vec<String> = path.trim_start_matches('/').split('/').map(decode).collect();
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        let body = serde_json::from_str(&request.body).unwrap_or(Value::Null);
        let mut state = self.state.lock().expect("no test thread panics in here");
        let outcome = match (request.method.as_str(), path.as_slice()) {
            ("GET", ["subjects"]) => Ok(json!(state.subjects.keys().collect::<Vec<_>>())),
            ("GET", ["subjects", subject, "versions", version]) => state.version(subject, version),
            ("GET", ["schemas", "ids", id]) => state.by_id(id),
            ("POST", ["subjects", subject]) => state.lookup(subject, &body),
            ("POST", ["subjects", subject, "versions"]) => match body["schema"].as_str().map(serde_json::from_str) {
                Some(Ok::<Value, _>(_)) => Ok(json!({ "id": state.register(subject, body) })),
                _ => Err((422, 42201)),
            },
            _ => Err((404, 404)),
        };
        match outcome {
            Ok(body) => (200, body.to_string()),
            Err((status, code)) => (status, json!({ "error_code": code, "message": "says the fake" }).to_string()),
        }
    }
}

type Outcome = Result<Value, (u16, i64)>;

impl State {
    fn register(&mut self, subject: &str, body: Value) -> i32 {
        let index = self.schemas.iter().position(|known| *known == body).unwrap_or_else(|| {
            self.schemas.push(body);
            self.schemas.len() - 1
        });
        let id = i32::try_from(index + 1).expect("few schemas");
        let versions = self.subjects.entry(subject.to_owned()).or_default();
        if !versions.contains(&id) {
            versions.push(id);
        }
        id
    }

    fn version(&self, subject: &str, version: &str) -> Outcome {
        let versions = self.subjects.get(subject).ok_or((404, 40401))?;
        let number = if version == "latest" { versions.len() } else { version.parse().map_err(|_| (422, 42202))? };
        let id = number.checked_sub(1).and_then(|index| versions.get(index)).ok_or((404, 40402))?;
        let mut body = self.by_id(&id.to_string())?;
        body["subject"] = json!(subject);
        body["version"] = json!(number);
        body["id"] = json!(id);
        Ok(body)
    }

    fn by_id(&self, id: &str) -> Outcome {
        let index = id.parse::<usize>().ok().and_then(|id| id.checked_sub(1));
        index.and_then(|index| self.schemas.get(index)).cloned().ok_or((404, 40403))
    }

    fn lookup(&self, subject: &str, body: &Value) -> Outcome {
        let versions = self.subjects.get(subject).ok_or((404, 40401))?;
        for (index, id) in versions.iter().enumerate() {
            if self.by_id(&id.to_string())? == *body {
                return self.version(subject, &(index + 1).to_string());
            }
        }
        Err((404, 40403))
    }
}

fn read_request(stream: &TcpStream) -> std::io::Result<Request> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let mut words = line.split(' ').map(str::to_owned);
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        headers.insert(name.to_ascii_lowercase(), value.to_owned());
    }
    let length = headers.get("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    Ok(Request { method, path, headers, body: String::from_utf8_lossy(&body).into_owned() })
}

fn write_answer(stream: &mut TcpStream, status: u16, headers: &[String], body: &str) -> std::io::Result<()> {
    let headers: String = headers.iter().map(|header| format!("{header}\r\n")).collect();
    let length = body.len();
    let head = format!("HTTP/1.1 {status} \r\nConnection: close\r\nContent-Length: {length}\r\n{headers}\r\n");
    stream.write_all(head.as_bytes())?;
    stream.write_all(body.as_bytes())
}

/// `%XX` -> bytes.
fn decode(segment: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = segment.as_bytes();
    while let [first, tail @ ..] = rest {
        let hex = tail.get(..2).and_then(|hex| std::str::from_utf8(hex).ok());
        match hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) if *first == b'%' => {
                bytes.push(byte);
                rest = &tail[2..];
            }
            _ => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
