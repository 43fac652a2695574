//! What the fuzz targets run: the transcoder's own sources, and the checks that the suite has.
//!
//! Comes in: the fuzzer's bytes. Goes out: nothing, or a panic that says what is wrong.

extern crate self as json2avro;

#[path = "../../src/fault.rs"]
pub mod fault;
#[path = "../../src/transcoder/mod.rs"]
pub mod transcoder;

#[path = "../differential/mod.rs"]
mod differential;
#[path = "../reference/mod.rs"]
mod reference;

/// Random schemas and records, by choices that the bytes make: two encoders, two decoders.
///
/// # Panics
/// When they differ.
pub fn encode(bytes: &[u8]) {
    if let Err(problem) = differential::check(bytes) {
        panic!("{problem}");
    }
}

/// Schemas: the bytes as they are or, the first one odd, a valid schema broken in some places.
///
/// # Panics
/// When what is compiled does not work.
pub fn schema(bytes: &[u8]) {
    if let Err(problem) = differential::check_schema(bytes) {
        panic!("{problem}");
    }
}

/// Any bytes as a datum of a random schema.
///
/// # Panics
/// When what is decoded is no JSON, or encoded again is another value.
pub fn decode(bytes: &[u8]) {
    if let Err(problem) = differential::check_datum(bytes) {
        panic!("{problem}");
    }
}
