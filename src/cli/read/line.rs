//! A record as one JSON line.
//!
//! Comes in: a record and what decodes its value. Goes out: bytes that end with a newline. Must never: reorder headers,
//! guess at bytes that are no text.

use super::value::{Undecodable, Values};
use crate::kafka::reader::Record;
use serde::Serialize;

/// Appends the record's line: its value alone (`null` for a tombstone), or with the topic given, an object around it, the
/// key as JSON in it if it is Avro too.
pub(super) fn write(
    line: &mut Vec<u8>,
    topic: Option<&str>,
    avro_key: bool,
    record: &Record<'_>,
    values: &mut Values,
) -> Result<(), Undecodable> {
    let Some(topic) = topic else {
        value(line, record.value, values)?;
        line.push(b'\n');
        return Ok(());
    };
    let mut json = Vec::new();
    let id = value(&mut json, record.value, values)?;
    let headers: Vec<_> = record.headers().into_iter().map(Header::new).collect();
    line.push(b'{');
    member(line, "topic", &topic);
    member(line, "partition", &record.partition);
    member(line, "offset", &record.offset);
    member(line, "timestamp", &record.timestamp.millis());
    if avro_key {
        line.extend_from_slice(b"\"key\":");
        value(line, record.key, values)?;
        line.push(b',');
    } else {
        member(line, "key", &record.key.map(Text::new));
    }
    member(line, "headers", &headers);
    member(line, "schema_id", &id);
    line.extend_from_slice(b"\"value\":");
    line.extend_from_slice(&json);
    line.extend_from_slice(b"}\n");
    Ok(())
}

fn value(json: &mut Vec<u8>, value: Option<&[u8]>, values: &mut Values) -> Result<Option<i32>, Undecodable> {
    match value {
        Some(framed) => values.decode(framed, json).map(Some),
        None => {
            json.extend_from_slice(b"null");
            Ok(None)
        }
    }
}

fn member(line: &mut Vec<u8>, name: &str, value: &impl Serialize) {
    line.push(b'"');
    line.extend_from_slice(name.as_bytes());
    line.extend_from_slice(b"\":");
    // Text and numbers into memory: there is nothing to fail.
    drop(serde_json::to_writer(&mut *line, value));
    line.push(b',');
}

#[derive(Serialize)]
struct Header<'a> {
    name: Text<'a>,
    value: Option<Text<'a>>,
}

impl<'a> Header<'a> {
    fn new((name, value): (&'a [u8], Option<&'a [u8]>)) -> Self {
        Self { name: Text::new(name), value: value.map(Text::new) }
    }
}

/// Bytes that are text, or else their hexadecimal form, which no text can be taken for.
#[derive(Serialize)]
#[serde(untagged)]
enum Text<'a> {
    Utf8(&'a str),
    Bytes { hex: String },
}

impl<'a> Text<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        match std::str::from_utf8(bytes) {
            Ok(text) => Self::Utf8(text),
            Err(_) => Self::Bytes { hex: bytes.iter().map(|byte| format!("{byte:02x}")).collect() },
        }
    }
}
