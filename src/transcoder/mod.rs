//! JSON bytes -> Avro bytes by a plan compiled once per schema. PURE.
//!
//! Comes in: a schema's text and those it refers to, then JSON bytes. Goes out: Avro bytes appended to the caller's
//! buffer, and a ledger of what was lost or filled in. Must never: do I/O, read a clock, log, panic, allocate per record.

/// How JSON is read against a schema.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// What happens to JSON fields that the schema does not have: left out and counted, or a refusal.
    pub unknown_fields: Lossy,
    /// What happens to numbers that `float` and `double` cannot hold as written.
    pub rounding: Lossy,
}

impl Default for Options {
    fn default() -> Self {
        Self { unknown_fields: Lossy::Count, rounding: Lossy::Count }
    }
}

/// A lossy act of conversion: allowed and counted, or a reason to refuse the record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lossy {
    /// Do it and count it in the ledger.
    Count,
    /// Refuse the record.
    Refuse,
}
