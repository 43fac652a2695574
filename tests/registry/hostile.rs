//! Whatever is sent to the embedded registry: an error in JSON, and it goes on serving.
//!
//! Comes in: nothing. Goes out: failed tests. Must never: send what a healthy registry could take for good without saying so.

use super::script::{Registry, schema_body};
use json2avro::embedded;
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::io::{Read, Write as _};
use std::net::TcpStream;

const JSON: &str = "application/json";

fn start() -> (embedded::registry::Registry, Registry) {
    let server = embedded::registry::Registry::start(0).unwrap();
    let registry = Registry::new(server.url());
    (server, registry)
}

fn alive(registry: &Registry) {
    let root = registry.ask("GET", "/", &Value::Null);
    assert_eq!((root.status, root.body), (200, json!({})));
}

#[test]
fn what_makes_no_sense_is_refused_in_json() {
    let (_server, registry) = start();
    let (versions, nested) = ("/subjects/s/versions", "[".repeat(100_000));
    let nested_schema =
        schema_body(&format!("{}\"int\"{}", r#"{"type":"array","items":"#.repeat(5_000), "}".repeat(5_000)));
    let nested_schema = nested_schema.to_string();
    #[rustfmt::skip]
    let table: &[(&str, &str, &str, &str, u16, u32)] = &[
        ("POST", versions, JSON, "", 400, 400),
        ("POST", versions, JSON, "{", 400, 400),
        ("POST", versions, JSON, "\0\u{fffd}\u{1}", 400, 400),
        ("POST", versions, JSON, "[]", 400, 400),
        ("POST", versions, JSON, r#"["\"int\"",null,null,null,null,null,null]"#, 400, 400),
        ("POST", versions, JSON, "null", 400, 400),
        ("POST", versions, JSON, "42", 400, 400),
        ("POST", versions, JSON, &nested, 400, 400),
        ("POST", versions, JSON, r#"{"schema":{"type":"int"}}"#, 400, 400),
        ("POST", versions, JSON, r#"{"schema":["int"]}"#, 400, 400),
        ("POST", versions, JSON, r#"{"schema":"\"int\"","references":5}"#, 400, 400),
        ("POST", versions, JSON, r#"{"schema":"\"int\"","references":[{"name":"x"}]}"#, 400, 400),
        ("POST", versions, JSON, r#"{"schema":"\"int\"","references":[{"name":"x","subject":"s","version":"1"}]}"#, 400, 400),
        ("POST", versions, JSON, r#"{"schema":"\"int\"","references":[{"name":"x","subject":"s","version":99999999999}]}"#, 400, 400),
        ("POST", versions, JSON, r#"{"schema":"\"int\"","references":[{"name":"x","subject":"s","version":-7}]}"#, 422, 42201),
        ("POST", versions, JSON, r#"{"schema":"\"int\"","schemaType":7}"#, 400, 400),
        ("POST", versions, JSON, r#"{"schema":"\"int\"","ruleSet":{}}"#, 422, 42201),
        ("POST", versions, JSON, r#"{"schema":"\"int\"","metadata":{}}"#, 422, 42201),
        ("POST", versions, JSON, &nested_schema, 422, 42201),
        ("POST", versions, "text/plain", r#"{"schema":"\"int\""}"#, 415, 415),
        ("POST", versions, "application/x-www-form-urlencoded", "a=b", 415, 415),
        ("POST", "/subjects/s", JSON, "{", 400, 400),
        ("POST", "/compatibility/subjects/s/versions/latest", JSON, "{", 400, 400),
        ("PUT", "/config", JSON, "{", 400, 400),
        ("PUT", "/config", JSON, "{}", 422, 42203),
        ("PUT", "/config", JSON, r#"{"compatibility":null}"#, 422, 42203),
        ("PUT", "/config", JSON, r#"{"compatibility":["FULL"]}"#, 422, 42203),
        ("PUT", "/config/%00", JSON, r#"{"compatibility":"FULL"}"#, 422, 42208),
        ("PATCH", "/subjects", JSON, "", 405, 405),
        ("POST", "/subjects", JSON, "{}", 405, 405),
        ("PUT", versions, JSON, "{}", 405, 405),
        ("DELETE", "/schemas/ids/1", JSON, "", 405, 405),
        ("GET", "/nothing/here", JSON, "", 404, 404),
        ("GET", "/schemas/ids/one", JSON, "", 404, 404),
        ("GET", "/schemas/ids/2147483648", JSON, "", 404, 404),
        ("GET", "/schemas/ids/0", JSON, "", 404, 40403),
        ("GET", "/schemas/ids/-1", JSON, "", 404, 40403),
        ("GET", "/subjects/%ff/versions", JSON, "", 400, 400),
        ("GET", "/subjects/s/versions/%ff", JSON, "", 400, 400),
        ("GET", "/subjects/s/versions/99999999999999999999", JSON, "", 422, 42202),
        ("DELETE", "/subjects/s/versions/-2", JSON, "", 422, 42202),
    ];
    for (method, path, content_type, body, status, code) in table {
        let answer = registry.send(method, path, content_type, body);
        let shown = body.get(..80).unwrap_or(body);
        assert_eq!(answer.status, *status, "{method} {path} {shown}: {}", answer.body);
        assert_eq!(answer.body["error_code"], json!(code), "{method} {path} {shown}: {}", answer.body);
        assert!(answer.body["message"].is_string(), "{method} {path} {shown}: {}", answer.body);
    }
    assert_eq!(registry.ask("GET", "/subjects", &Value::Null).body, json!([]), "nothing came of it");
    alive(&registry);
}

#[test]
fn what_is_too_large_is_refused_and_its_sender_hears_it() {
    let (_server, registry) = start();
    let doc = |bytes| {
        schema_body(&json!({ "type": "record", "name": "R", "fields": [], "doc": "d".repeat(bytes) }).to_string())
    };
    for (bytes, status, code) in [(900_000, 200, None), (1_500_000, 422, Some(42209)), (20_000_000, 413, Some(413))] {
        let answer = registry.ask("POST", &format!("/subjects/{bytes}/versions"), &doc(bytes));
        assert_eq!((answer.status, answer.body["error_code"].as_i64()), (status, code), "{bytes} bytes");
    }
    alive(&registry);
}

#[test]
fn what_is_no_http_or_never_ends_holds_nobody_up() {
    let (server, registry) = start();
    let address = server.url().strip_prefix("http://").unwrap();
    let mut held = Vec::new();
    for bytes in [
        &b"\x16\x03\x01\x02\x00\x01\x00\x01"[..],
        b"GET / HT",
        b"POST /subjects/s/versions HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n{\"schema\":",
        b"POST /subjects/s/versions HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffffff\r\n",
        b"POST /subjects/s/versions HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\nContent-Length: 20\r\n\r\n0123456789",
        b"\r\n\r\n\r\n",
    ] {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.write_all(bytes).unwrap();
        held.push(stream);
    }
    alive(&registry);
    // Dropping it must not wait for those who are still talking.
    drop(server);
    for mut stream in held {
        let mut rest = Vec::new();
        // Closed or reset, but over.
        drop(stream.read_to_end(&mut rest));
    }
    assert!(TcpStream::connect(registry_address(&registry)).is_err(), "it has ended");
}

fn registry_address(registry: &Registry) -> &str {
    registry.url().strip_prefix("http://").unwrap()
}

/// Records in a chain, each referring to the one before it, the first with a field of this type.
fn chain(length: usize, leaf: &str) -> String {
    let mut schema = format!(
        r#"{{"type":"record","name":"Chain","fields":[{{"name":"f0","type":{{"type":"record","name":"R0","fields":[{{"name":"v","type":"{leaf}"}}]}}}}"#
    );
    for index in 1..length {
        let before = index - 1;
        write!(
            schema,
            r#",{{"name":"f{index}","type":{{"type":"record","name":"R{index}","fields":[{{"name":"n","type":["null","R{before}"]}}]}}}}"#
        )
        .unwrap();
    }
    schema + "]}"
}

/// Records in a ring, each referring to the next; all share one unqualified name, so that any may read any. The ring is
/// closed by an enclosing record, since a name must be defined before it is used.
fn ring(length: usize) -> String {
    let mut schema = String::from(r#"{"type":"record","name":"n0.R","fields":["#);
    for index in 1..length {
        let comma = if index == 1 { "" } else { "," };
        let before = index - 1;
        write!(
            schema,
            r#"{comma}{{"name":"f{index}","type":{{"type":"record","name":"n{index}.R","fields":[{{"name":"n","type":"n{before}.R"}}]}}}}"#
        )
        .unwrap();
    }
    write!(schema, r#",{{"name":"n","type":"n{}.R"}}]}}"#, length - 1).unwrap();
    schema
}

#[test]
fn schemas_made_to_hurt_are_compared_within_bounds() {
    let (_server, registry) = start();
    let versions = "/subjects/chain/versions";
    for (length, leaf, status) in
        [(8_001, "int", 200), (8_000, "long", 200), (7_999, "int", 409), (7_999, "double", 200)]
    {
        let answer = registry.ask("POST", versions, &schema_body(&chain(length, leaf)));
        assert_eq!(answer.status, status, "{length} {leaf}: {}", answer.body);
    }

    let check = "/compatibility/subjects/ring/versions/latest?verbose=true";
    assert_eq!(registry.ask("POST", "/subjects/ring/versions", &schema_body(&ring(1_500))).status, 200);
    let answer = registry.ask("POST", check, &schema_body(&ring(1_501)));
    assert_eq!(answer.body["is_compatible"], json!(false));
    assert!(answer.body["messages"][0].as_str().unwrap().contains("too large"), "{}", answer.body["messages"][0]);
    alive(&registry);
}

/// Valid bodies with bytes changed, cut out and doubled: any answer will do that a registry may give.
#[test]
fn mangled_bodies_are_answered() {
    let (_server, registry) = start();
    let schema = r#"{"type":"record","name":"x.R","doc":"d","fields":[{"name":"a","type":["null","x.R",{"type":"enum","name":"E","symbols":["A","B"],"default":"A"}],"default":null},{"name":"f","type":{"type":"fixed","name":"F","size":3},"default":"abc","aliases":["g"],"order":"ignore"},{"name":"m","type":{"type":"map","values":{"type":"bytes","logicalType":"decimal","precision":4,"scale":2}}}],"aliases":["Q"]}"#;
    let mut random = fastrand::Rng::with_seed(7);
    for round in 0..1_500 {
        let mut bytes = schema.as_bytes().to_vec();
        for _ in 0..random.usize(1..4) {
            let (at, length) = (random.usize(..bytes.len()), random.usize(1..12));
            let piece: Vec<u8> = bytes.iter().skip(random.usize(..bytes.len())).take(length).copied().collect();
            match random.u8(..3) {
                0 => bytes[at] = random.u8(32..127),
                1 => drop(bytes.drain(at..(at + length).min(bytes.len()))),
                _ => drop(bytes.splice(at..at, piece)),
            }
        }
        let body = schema_body(&String::from_utf8_lossy(&bytes));
        let subject = random.u8(..3);
        let path = match round % 3 {
            0 => format!("/subjects/m{subject}/versions"),
            1 => format!("/subjects/m{subject}"),
            _ => format!("/compatibility/subjects/m{subject}/versions?verbose=true"),
        };
        let answer = registry.ask("POST", &path, &body);
        assert!([200, 404, 409, 422].contains(&answer.status), "{body}: {} {}", answer.status, answer.body);
    }
    alive(&registry);
}
