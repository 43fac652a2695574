//! What is written of a single value: bytes with their length, the specification's integer.
//!
//! Comes in: a number or a text. Goes out: its bytes.

/// Each character as one byte.
pub(super) fn latin1(text: &str) -> Result<Vec<u8>, &'static str> {
    text.chars().map(|character| u8::try_from(character).map_err(|_| "byte_range")).collect()
}

pub(super) fn is_uuid(text: &str) -> bool {
    let groups: Vec<&str> = text.split('-').collect();
    groups.iter().map(|group| group.len()).eq([8, 4, 4, 4, 12])
        && groups.concat().bytes().all(|digit| digit.is_ascii_hexdigit())
}

/// The specification's integer: zigzag, then seven bits a byte, lowest first.
pub(super) fn long(value: i64) -> Vec<u8> {
    let value = i128::from(value);
    let mut zigzag = if value < 0 { -2 * value - 1 } else { 2 * value };
    let mut bytes = Vec::new();
    while zigzag >= 128 {
        bytes.push((zigzag % 128 + 128) as u8);
        zigzag /= 128;
    }
    bytes.push(zigzag as u8);
    bytes
}

pub(super) fn sized(bytes: &[u8]) -> Vec<u8> {
    [long(bytes.len() as i64), bytes.to_vec()].concat()
}
