//! What is written of a single value: bytes with their length, the specification's integer, what strings spell.
//!
//! Comes in: a number or a text. Goes out: its bytes.

use super::options::Spelling;
use num_bigint::BigInt;
use regex_lite::Regex;

/// Each character as one byte.
pub(crate) fn latin1(text: &str) -> Result<Vec<u8>, &'static str> {
    text.chars().map(|character| u8::try_from(character).map_err(|_| "byte_range")).collect()
}

/// The bytes that a text spells.
pub(crate) fn spelt(text: &str, spelling: Spelling) -> Result<Vec<u8>, &'static str> {
    match spelling {
        Spelling::Latin1 => latin1(text),
        Spelling::Base64 => base64(text).ok_or("bytes_text"),
        Spelling::Hex => {
            if !text.len().is_multiple_of(2) || !text.bytes().all(|digit| digit.is_ascii_hexdigit()) {
                return Err("bytes_text");
            }
            Ok((0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect())
        }
        Spelling::Utf8 => Ok(text.as_bytes().to_vec()),
    }
}

pub(super) fn fixed(text: &str, spelling: Spelling, size: usize) -> Result<Vec<u8>, &'static str> {
    let bytes = spelt(text, spelling)?;
    if bytes.len() == size { Ok(bytes) } else { Err("fixed_size") }
}

/// RFC 4648, one of its two alphabets, padded or not; bits that are left over are zero.
fn base64(text: &str) -> Option<Vec<u8>> {
    let digits = text.trim_end_matches('=');
    let padding = text.len() - digits.len();
    let whole = digits.len().next_multiple_of(4) - digits.len();
    if digits.len() % 4 == 1 || padding > whole || (digits.contains(['+', '/']) && digits.contains(['-', '_'])) {
        return None;
    }
    let mut bits = String::new();
    for digit in digits.bytes() {
        let value = match digit {
            b'A'..=b'Z' => digit - b'A',
            b'a'..=b'z' => digit - b'a' + 26,
            b'0'..=b'9' => digit - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            _ => return None,
        };
        bits += &format!("{value:06b}");
    }
    let (bytes, left) = bits.split_at(bits.len() / 8 * 8);
    if left.contains('1') {
        return None;
    }
    Some((0..bytes.len()).step_by(8).map(|at| u8::from_str_radix(&bytes[at..at + 8], 2).unwrap()).collect())
}

pub(super) fn is_uuid(text: &str) -> bool {
    let groups: Vec<&str> = text.split('-').collect();
    groups.iter().map(|group| group.len()).eq([8, 4, 4, 4, 12])
        && groups.concat().bytes().all(|digit| digit.is_ascii_hexdigit())
}

/// The 16 bytes of a UUID's text.
pub(super) fn uuid_bytes(text: &str) -> Vec<u8> {
    spelt(&text.replace('-', ""), Spelling::Hex).unwrap()
}

/// Whether bytes look like what a person would write: a digit, or several printable characters.
pub(super) fn reads_as_text(bytes: &[u8]) -> bool {
    let printable = bytes.iter().all(|byte| (b' '..=b'~').contains(byte));
    printable && (bytes.len() > 1 || bytes.iter().any(u8::is_ascii_digit))
}

/// The 12 bytes of a duration, from its text (ISO 8601) or as they are spelt, and whether they are all that the text says.
pub(crate) fn duration(text: &str, spelling: Spelling) -> Result<(Vec<u8>, bool), &'static str> {
    let pattern = r"\AP(?:(?<Y>\d+)Y)?(?:(?<M>\d+)M)?(?:(?<W>\d+)W)?(?:(?<D>\d+)D)?(?<T>T(?:(?<h>\d+)H)?(?:(?<m>\d+)M)?(?:(?<s>\d+)(?:[.,](?<f>\d+))?S)?)?\z";
    let found = Regex::new(pattern).unwrap().captures(text);
    let Some(found) = found.filter(|_| !text.ends_with(['P', 'T'])) else {
        // What begins like a duration's text is none of the bytes, unless base64 says what each character is.
        let like_one =
            text.starts_with('P') && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".,".contains(&byte));
        if like_one && spelling != Spelling::Base64 {
            return Err("duration_text");
        }
        return fixed(text, spelling, 12).map(|bytes| (bytes, true));
    };
    let number =
        |name: &str| found.name(name).map_or(BigInt::ZERO, |digits| digits.as_str().parse::<BigInt>().unwrap());
    let fraction = found.name("f").map_or("", |digits| digits.as_str());
    let thousandths: BigInt = format!("{fraction:0<3}")[..3].parse().unwrap();
    let parts = [
        number("Y") * 12 + number("M"),
        number("W") * 7 + number("D"),
        (number("h") * 3600 + number("m") * 60 + number("s")) * 1000 + thousandths,
    ];
    let mut bytes = Vec::new();
    for part in parts {
        bytes.extend(u32::try_from(part).map_err(|_| "out_of_range")?.to_le_bytes());
    }
    Ok((bytes, !fraction.get(3..).unwrap_or_default().contains(|digit| digit != '0')))
}

/// The unscaled value as Avro bytes and the scale as an Avro int: all digits as they are written.
pub(crate) fn big_decimal(text: &str) -> Result<Vec<u8>, &'static str> {
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let fraction = mantissa.split_once('.').map_or(0, |(_, fraction)| fraction.len());
    let unscaled: BigInt = mantissa.replace('.', "").parse().unwrap();
    let scale = BigInt::from(fraction) - exponent.parse::<BigInt>().unwrap();
    let scale = i32::try_from(scale).map_err(|_| "out_of_range")?;
    if unscaled.magnitude().to_string().len() > 4096 {
        return Err("decimal_precision");
    }
    Ok([sized(&unscaled.to_signed_bytes_be()), long(scale.into())].concat())
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
