//! A second encoder, for tests alone: slow, plain, written from `config/default.toml` and `config/conversion.md` line by
//! line.
//!
//! Comes in: a schema's text, options, JSON bytes. Goes out: one Avro datum with the counts of lossy acts by label, or the
//! label of the reason for a refusal. Must never: share code with `src/transcoder`, save work, or remember anything from
//! one record to the next. Strptime patterns it does not have: those are in `tests/golden` alone.

pub(crate) mod acts;
pub(crate) mod encode;
pub(crate) mod json;
pub(crate) mod number;
pub(crate) mod options;
mod record;
pub(crate) mod scalar;
pub(crate) mod schema;
pub(crate) mod time;
mod union;

pub(crate) use acts::{ACTS, Acts};
pub(crate) use encode::{Encoded, Reference};
pub(crate) use json::Json;
pub(crate) use options::{Names, Options, Setting, Spelling, Unions};
pub(crate) use schema::{Schema, Type};
