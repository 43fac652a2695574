//! What a datum's values look like in JSON: numbers, strings, decimals, bytes.
//!
//! Comes in: the reader at a value of such a type, or the value. Goes out: its JSON, in the spelling that `encode` takes. Must
//! never: print what reads back as another value.

use super::decimal::{MAX_PRECISION, Unscaled};
use super::decode::{DecodeError, Reader};
use super::plan::{Decimal, Fixed, FixedLogical};
use super::{BytesText, big_decimal, duration};
use base64::Engine as _;
use std::fmt;
use std::io::Write as _;

impl Reader<'_> {
    /// A number with exactly the schema's digits after the point.
    pub(super) fn decimal(&mut self, decimal: &Decimal) -> Result<(), DecodeError> {
        let bytes = match &decimal.fixed {
            Some(fixed) => self.take(fixed.size)?,
            None => self.sized()?,
        };
        if bytes.is_empty() {
            return self.fail("a decimal of no bytes");
        }
        if bytes.len() > MAX_PRECISION as usize / 2 {
            return self.fail("a decimal of more than 4,900 digits");
        }
        let text = Unscaled::from_bytes(bytes).text();
        self.scaled(&text, decimal.scale as usize);
        Ok(())
    }

    /// The unscaled value and the scale, each as Avro, within bytes.
    pub(super) fn big_decimal(&mut self) -> Result<(), DecodeError> {
        let bytes = self.sized()?;
        let Some((bytes, scale)) = big_decimal::parts(bytes) else {
            self.quote_bytes(bytes);
            return Ok(());
        };
        let text = Unscaled::from_bytes(bytes).text();
        match usize::try_from(scale) {
            Ok(scale) if scale <= MAX_PRECISION as usize => self.scaled(&text, scale),
            // As an integer with an exponent it reads as the same digits and the same scale.
            _ => self.print(format_args!("{text}e{}", -i64::from(scale))),
        }
        Ok(())
    }

    /// An integer with the point so many digits from its end.
    fn scaled(&mut self, text: &str, scale: usize) {
        let (sign, digits) = text.strip_prefix('-').map_or(("", text), |digits| ("-", digits));
        // At least one digit before the point.
        let digits = format!("{digits:0>width$}", width = scale + 1);
        let (whole, fraction) = digits.split_at_checked(digits.len() - scale).unwrap_or((&digits, ""));
        let point = if fraction.is_empty() { "" } else { "." };
        self.print(format_args!("{sign}{whole}{point}{fraction}"));
    }

    pub(super) fn fixed(&mut self, fixed: &Fixed, bytes: &[u8]) -> Result<(), DecodeError> {
        match (fixed.logical, bytes.first_chunk::<12>(), bytes.first_chunk::<16>()) {
            (Some(FixedLogical::Duration), Some(duration), _) => {
                let mut text = String::new();
                if duration::print(duration, &mut text).is_err() {
                    return self.fail("a duration that cannot be printed");
                }
                self.quote(&text);
            }
            (Some(FixedLogical::Uuid), _, Some(uuid)) => {
                let hex = format!("{:032x}", u128::from_be_bytes(*uuid));
                let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default();
                let (a, b, c, d, e) = (part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32));
                self.print(format_args!("\"{a}-{b}-{c}-{d}-{e}\""));
            }
            _ => self.bytes(bytes, fixed.text)?,
        }
        Ok(())
    }

    pub(super) fn bytes(&mut self, bytes: &[u8], spelt: BytesText) -> Result<(), DecodeError> {
        match spelt {
            BytesText::Latin1 => self.quote_bytes(bytes),
            BytesText::Base64 => {
                let text = base64::engine::general_purpose::STANDARD.encode(bytes);
                self.quote(&text);
            }
            BytesText::Hex => {
                self.json.push(b'"');
                bytes.iter().for_each(|byte| self.print(format_args!("{byte:02x}")));
                self.json.push(b'"');
            }
            BytesText::Utf8 => match str::from_utf8(bytes) {
                Ok(text) => self.quote(text),
                Err(_) => return self.fail("bytes that are no UTF-8, which the options say they are"),
            },
        }
        Ok(())
    }

    pub(super) fn print(&mut self, text: fmt::Arguments<'_>) {
        // Writing to a `Vec` does not fail.
        drop(self.json.write_fmt(text));
    }

    pub(super) fn float(&mut self, text: fmt::Arguments<'_>, value: f64) {
        if value.is_finite() {
            return self.print(text);
        }
        let name: &[u8] = match value {
            f64::INFINITY => b"1e999",
            f64::NEG_INFINITY => b"-1e999",
            _ => b"\"NaN\"",
        };
        self.json.extend_from_slice(name);
    }

    pub(super) fn quote(&mut self, text: &str) {
        self.json.push(b'"');
        for byte in text.bytes() {
            self.character(byte);
        }
        self.json.push(b'"');
    }

    /// Each byte as the character of that number.
    fn quote_bytes(&mut self, bytes: &[u8]) {
        self.json.push(b'"');
        for byte in bytes {
            if *byte < 0x80 {
                self.character(*byte);
            } else {
                self.json.extend_from_slice(char::from(*byte).encode_utf8(&mut [0; 2]).as_bytes());
            }
        }
        self.json.push(b'"');
    }

    /// One byte of a string in JSON's spelling.
    fn character(&mut self, byte: u8) {
        match byte {
            b'"' => self.json.extend_from_slice(b"\\\""),
            b'\\' => self.json.extend_from_slice(b"\\\\"),
            b'\n' => self.json.extend_from_slice(b"\\n"),
            b'\r' => self.json.extend_from_slice(b"\\r"),
            b'\t' => self.json.extend_from_slice(b"\\t"),
            0..0x20 => self.print(format_args!("\\u{byte:04x}")),
            _ => self.json.push(byte),
        }
    }
}
