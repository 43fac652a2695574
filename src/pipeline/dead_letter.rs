//! A dead letter: the record as it was, and where it came from, what failed and why in headers.
//!
//! Comes in: a refused record and its fault. Goes out: headers for the dead letter topic. Must never: change or hide the
//! record's own bytes, key or headers; put any of its content into a header.

use super::refusal::Refusal;
use crate::kafka::Headers;
use crate::kafka::record::Record;

/// The record's own headers, and behind them ours; None only when memory is out.
pub(super) fn headers(record: &Record<'_>, refusal: &Refusal) -> Option<Headers> {
    let mut headers = record.detach_headers().or_else(Headers::empty)?;
    headers.add("json2avro.source.topic", record.topic().as_bytes());
    headers.add("json2avro.source.partition", record.partition().to_string().as_bytes());
    headers.add("json2avro.source.offset", record.offset().to_string().as_bytes());
    let timestamp = record.timestamp().millis().map(|millis| millis.to_string()).unwrap_or_default();
    headers.add("json2avro.source.timestamp", timestamp.as_bytes());
    headers.add("json2avro.stage", refusal.fault.stage.label().as_bytes());
    headers.add("json2avro.reason", refusal.fault.reason.as_bytes());
    headers.add("json2avro.path", refusal.path.as_bytes());
    headers.add("json2avro.message", refusal.fault.message.as_bytes());
    Some(headers)
}
