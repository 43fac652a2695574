//! A record's value back to JSON.
//!
//! Comes in: a framed Avro value. Goes out: the JSON of it, by the schema whose id stands in the frame. Must never: wait
//! for the registry without a bound.

use crate::config;
use crate::fault::Fault;
use std::time::Duration;

/// What decodes values.
pub(super) trait Values {
    /// Appends the value's JSON. Returns the schema id in its frame. On an error `json` may hold a part.
    fn decode(&mut self, framed: &[u8], json: &mut Vec<u8>) -> Result<i32, Undecodable>;
}

/// Why there is no JSON.
#[derive(Debug)]
pub(super) enum Undecodable {
    /// This record's fault: no frame, an unknown schema id, bytes that do not fit the schema. The next one may do.
    Record(String),
    /// The registry did not answer for as long as the patience.
    Registry(Fault),
}

/// Decodes by the schemas of a registry.
// WIRE: registry::Schemas by id (on a small runtime), transcoder::Plan::compile and decode, framing::parse.
pub(super) fn values(registry: &config::Registry, _patience: Duration) -> Result<impl Values + use<>, Fault> {
    Ok(Unwired(registry.url.clone()))
}

struct Unwired(String);

impl Values for Unwired {
    fn decode(&mut self, _framed: &[u8], _json: &mut Vec<u8>) -> Result<i32, Undecodable> {
        Err(Undecodable::Record(format!("decoding by the schemas of {} is not wired yet", self.0)))
    }
}
