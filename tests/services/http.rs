//! The least HTTP that a test needs: one request, one answer, the connection closed.
//!
//! Comes in: a plain `http://host:port/path`. Goes out: status and body. Must never: share code with what is tested.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// What a server said.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: String,
}

/// GETs a URL.
pub(crate) fn get(url: &str) -> io::Result<Answer> {
    exchange("GET", url, "application/json", "")
}

/// POSTs a JSON body.
pub(crate) fn post(url: &str, body: &str) -> io::Result<Answer> {
    exchange("POST", url, "application/json", body)
}

/// Any method. HTTP/1.0, so that no server answers in chunks.
pub(crate) fn exchange(method: &str, url: &str, content_type: &str, body: &str) -> io::Result<Answer> {
    let malformed = || io::Error::new(io::ErrorKind::InvalidData, format!("no HTTP: {url}"));
    let (host, path) = url.strip_prefix("http://").and_then(|rest| rest.split_once('/')).ok_or_else(malformed)?;
    let mut stream = TcpStream::connect(host)?;
    stream.set_read_timeout(Some(Duration::from_secs(30)))?;
    let length = body.len();
    // In one piece: a server that answers before it has read all, and closes, may take its answer back by a reset.
    let question = format!(
        "{method} /{path} HTTP/1.0\r\nHost: {host}\r\nConnection: close\r\nContent-Type: {content_type}\r\n\
         Content-Length: {length}\r\n\r\n{body}"
    );
    stream.write_all(question.as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (head, body) = answer.split_once("\r\n\r\n").ok_or_else(malformed)?;
    let status = head.split(' ').nth(1).and_then(|code| code.parse().ok()).ok_or_else(malformed)?;
    Ok(Answer { status, body: body.to_owned() })
}
