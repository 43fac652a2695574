//! JSON bytes -> Avro bytes by a plan compiled once per schema. PURE.
//!
//! Comes in: a schema's text and those it refers to, then JSON bytes. Goes out: Avro bytes appended to the caller's
//! buffer, and a ledger of what was lost or filled in. Must never: do I/O, read a clock, log, panic, allocate per record.
//!
//! Reading order: `plan` (what a schema is compiled to) <- `schema` (over `source`), `logical` and `default` (the
//! compiler); `scan`, `number` and `integral` (JSON, byte by byte, over `simd`), `writer` and `order` (Avro, field by
//! field); `encode` walks a plan over JSON with `record` (and the `keys` that it expects), `collection`, `text`,
//! `decimal`, `time`, `union` and `tagged` for the types of those names; `refusal` and `ledger` say how it went; `decode`
//! is the way back.
//!
//! What JSON is taken for which type: `tests/golden/README.md`.

mod collection;
mod decimal;
mod decode;
mod default;
mod encode;
mod integral;
mod keys;
mod ledger;
mod logical;
mod number;
mod order;
mod plan;
mod record;
mod refusal;
mod scan;
mod schema;
mod simd;
mod source;
mod table;
mod tagged;
mod text;
mod time;
mod union;
mod writer;

pub use decode::{DecodeError, decode};
pub use encode::Encoder;
pub use ledger::Ledger;
pub use plan::Plan;
pub use refusal::Refusal;
pub use schema::SchemaError;

/// How JSON is read against a schema.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// What happens to JSON fields that the schema does not have: left out and counted, or a refusal.
    pub unknown_fields: Lossy,
    /// What happens to numbers that `float` and `double` cannot hold as written.
    pub rounding: Lossy,
    /// How JSON says which branch of a union a value is of.
    pub unions: Unions,
    /// What happens, with [`Unions::Auto`], to an object that names a branch and could also be a value without a name.
    pub ambiguous_unions: Lossy,
    /// What happens to a timestamp that is one of our days only in another unit than the schema's.
    pub timestamp_unit: Lossy,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            unknown_fields: Lossy::Count,
            rounding: Lossy::Count,
            unions: Unions::Plain,
            ambiguous_unions: Lossy::Count,
            timestamp_unit: Lossy::Count,
        }
    }
}

/// How JSON says which branch of a union a value is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unions {
    /// Not at all: the value alone tells, as ordinary producers write.
    Plain,
    /// By the branch's name around the value, `{"string":"x"}`: Avro's own JSON encoding.
    Tagged,
    /// Either, from value to value.
    Auto,
}

/// A lossy act of conversion: allowed and counted, or a reason to refuse the record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lossy {
    /// Do it and count it in the ledger.
    Count,
    /// Refuse the record.
    Refuse,
}

/// Containers inside one another, in JSON and in Avro: deeper is a refusal, whatever the schema says.
const MAX_DEPTH: u32 = 128;
