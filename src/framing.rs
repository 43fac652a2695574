//! Schema id <-> bytes: the frames that stand before a payload.
//!
//! Comes in: a record's value. Goes out: what is left behind the frame, or the frame to put before. Must never: look into
//! the payload, but for the length that a root `bytes` schema writes there.

use std::ffi::CStr;
use thiserror::Error;

/// The first byte of every Confluent frame.
pub const MAGIC: u8 = 0x00;

/// Bytes before the payload: the magic byte and the schema id.
pub const HEADER_LENGTH: usize = 5;

/// The record header in which Confluent serializers may name the value's schema instead of in a frame. A reader that
/// finds it takes the value for unframed, so a stale one must never be copied through.
pub const VALUE_SCHEMA_ID: &CStr = c"__value_schema_id";

/// As [`VALUE_SCHEMA_ID`], for the key.
pub const KEY_SCHEMA_ID: &CStr = c"__key_schema_id";

/// What stands before the JSON in a source record's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InputFraming {
    /// Nothing.
    None,
    /// `0x00` and a 4-byte schema id, as Confluent's JSON Schema serializer writes.
    Confluent,
}

impl InputFraming {
    /// Takes the frame off: the id in it, if there is a frame, and the payload behind it.
    ///
    /// # Errors
    /// The value has no Confluent frame although it should.
    pub fn strip(self, value: &[u8]) -> Result<(Option<i32>, &[u8]), BadFrame> {
        match self {
            Self::None => Ok((None, value)),
            Self::Confluent => parse(value).map(|(id, payload)| (Some(id), payload)),
        }
    }
}

/// A value that should begin with a Confluent frame and does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum BadFrame {
    /// Fewer bytes than a frame has.
    #[error("the value has {length} bytes, fewer than the {HEADER_LENGTH} of a Confluent frame")]
    Short {
        /// The value's length in bytes.
        length: usize,
    },
    /// Another first byte.
    #[error("the value begins with byte {byte:#04x}, a Confluent frame with {MAGIC:#04x}")]
    Magic {
        /// The first byte found.
        byte: u8,
    },
}

impl BadFrame {
    /// The word for metrics and headers.
    #[must_use]
    pub fn reason(self) -> &'static str {
        "bad_frame"
    }
}

/// The frame for a schema id: `0x00`, then the id as 4 bytes, big-endian.
#[must_use]
pub fn confluent_header(id: i32) -> [u8; HEADER_LENGTH] {
    let [a, b, c, d] = id.to_be_bytes();
    [MAGIC, a, b, c, d]
}

/// The schema id in a value's Confluent frame, and the payload behind it.
///
/// # Errors
/// The value is shorter than a frame or begins with another byte.
pub fn parse(value: &[u8]) -> Result<(i32, &[u8]), BadFrame> {
    match value {
        [MAGIC, a, b, c, d, payload @ ..] => Ok((i32::from_be_bytes([*a, *b, *c, *d]), payload)),
        [byte, ..] if *byte != MAGIC => Err(BadFrame::Magic { byte: *byte }),
        _ => Err(BadFrame::Short { length: value.len() }),
    }
}

/// What Confluent's serializers write for a root schema of type `bytes`: the bytes without the length that Avro puts
/// before them (`AbstractKafkaAvroSerializer`, Python's `AvroSerializer`). The datum comes back as it is when its length
/// does not fit, which no encoder writes.
#[must_use]
pub fn unwrap_root_bytes(datum: &[u8]) -> &[u8] {
    match read_length(datum) {
        Some((length, content)) if length == content.len() as u64 => content,
        _ => datum,
    }
}

/// The inverse, for readers: puts the Avro length back before a payload of root type `bytes`.
#[must_use]
pub fn wrap_root_bytes(payload: &[u8]) -> Vec<u8> {
    let mut datum = Vec::with_capacity(payload.len() + 10);
    let mut zigzag = (payload.len() as u64) << 1;
    while zigzag >= 0x80 {
        datum.push((zigzag & 0x7f) as u8 | 0x80);
        zigzag >>= 7;
    }
    datum.push(zigzag as u8);
    datum.extend_from_slice(payload);
    datum
}

/// A length that is not negative, as a zigzag varint of at most 10 bytes, and what follows it.
fn read_length(datum: &[u8]) -> Option<(u64, &[u8])> {
    let mut zigzag = 0u64;
    for (index, byte) in datum.iter().enumerate().take(10) {
        zigzag |= u64::from(byte & 0x7f).checked_shl(7 * index as u32)?;
        if byte & 0x80 == 0 {
            let length = (zigzag & 1 == 0).then_some(zigzag >> 1)?;
            return Some((length, datum.get(index + 1..)?));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_magic_and_a_big_endian_id() {
        for (id, bytes) in [
            (1, [0, 0, 0, 0, 1]),
            (0x0102_0304, [0, 1, 2, 3, 4]),
            (i32::MAX, [0, 0x7f, 0xff, 0xff, 0xff]),
            (-2, [0, 0xff, 0xff, 0xff, 0xfe]),
        ] {
            assert_eq!(confluent_header(id), bytes);
            assert_eq!(parse(&bytes), Ok((id, &[][..])));
        }
    }

    #[test]
    fn an_input_frame_is_taken_off_or_refused() {
        use InputFraming::{Confluent, None as Bare};
        type Row = (InputFraming, &'static [u8], Result<(Option<i32>, &'static [u8]), BadFrame>);
        let rows: [Row; 8] = [
            (Bare, b"", Ok((None, b""))),
            (Bare, b"{}", Ok((None, b"{}"))),
            (Bare, b"\0\0\0\0\x07{}", Ok((None, b"\0\0\0\0\x07{}"))),
            (Confluent, b"\0\0\0\0\x07{}", Ok((Some(7), b"{}"))),
            (Confluent, b"\0\0\0\x01\0", Ok((Some(256), b""))),
            (Confluent, b"", Err(BadFrame::Short { length: 0 })),
            (Confluent, b"\0\0\0\x01", Err(BadFrame::Short { length: 4 })),
            (Confluent, b"{\"a\":1}", Err(BadFrame::Magic { byte: b'{' })),
        ];
        for (framing, value, expected) in rows {
            assert_eq!(framing.strip(value), expected, "{framing:?} {value:?}");
        }
    }

    #[test]
    fn root_bytes_lose_their_length_and_get_it_back() {
        for (length, prefix) in [
            (0, &[0x00][..]),
            (1, &[0x02]),
            (63, &[0x7e]),
            (64, &[0x80, 0x01]),
            (8191, &[0xfe, 0x7f]),
            (8192, &[0x80, 0x80, 0x01]),
        ] {
            let payload = vec![0xab; length];
            let datum = [prefix, &payload].concat();
            assert_eq!(wrap_root_bytes(&payload), datum, "{length} bytes");
            assert_eq!(unwrap_root_bytes(&datum), payload, "{length} bytes");
        }
    }

    #[test]
    fn a_datum_that_is_no_root_bytes_stays_whole() {
        for datum in [&[][..], &[0x01], &[0x04, 0xab], &[0x02, 0xab, 0xcd], &[0x80], &[0xff; 12]] {
            assert_eq!(unwrap_root_bytes(datum), datum);
        }
    }
}
