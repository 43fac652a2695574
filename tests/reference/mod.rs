//! A second encoder, for tests alone: slow, plain, written from `tests/golden/README.md` line by line.
//!
//! Comes in: a schema's text, options, JSON bytes. Goes out: one Avro datum with the counts of lossy acts by label, or the
//! label of the reason for a refusal. Must never: share code with `src/transcoder`, save work, or remember anything from
//! one record to the next.

pub(crate) mod encode;
pub(crate) mod json;
pub(crate) mod number;
mod scalar;
pub(crate) mod schema;
pub(crate) mod time;

pub(crate) use encode::{Encoded, Options, Reference, Unions};
pub(crate) use json::Json;
pub(crate) use schema::{Schema, Type};
