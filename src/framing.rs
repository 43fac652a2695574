//! Schema id <-> bytes: the frames that stand before a payload.
//!
//! Comes in: payload bytes. Goes out: what is left behind the frame, or the frame to put before. Must never: look into
//! the payload.

/// What stands before the JSON in a source record's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InputFraming {
    /// Nothing.
    None,
    /// `0x00` and a 4-byte schema id, as Confluent's JSON Schema serializer writes.
    Confluent,
}
