//! Big decimals: a decimal that carries its scale along (specification 1.12, "Decimal", `big-decimal`).
//!
//! Comes in: a JSON number, or a string that spells one or is the raw bytes. Goes out: `bytes` that hold the unscaled value as Avro `bytes`, then
//! the scale as an `int`, as Avro's Java library lays them out. Must never: change the number of digits: `1.50` is not `1.5`.

use super::bytes::{one_byte_characters, push_bytes};
use super::decimal::{MAX_PRECISION, Unscaled, reads_as_text};
use super::encode::Walk;
use super::ledger::Act;
use super::number::is_number;
use super::plan::Node;
use super::refusal::{Expected, Halt, Reason};

impl<'a> Walk<'a, '_> {
    #[inline(never)]
    pub(super) fn big_decimal(&mut self, node: &'a Node) -> Result<(), Halt> {
        let start = self.scan.at;
        let (read, act) = if self.scan.peek() == b'"' {
            let text = self.scan.string()?;
            let text = self.scan.text(text);
            match str::from_utf8(text) {
                Ok(number) if is_number(number) => (split(number), Some(Act::DecimalFromString)),
                // The raw bytes, each character one of them, are taken as they are, as for any `bytes`.
                _ => match one_byte_characters(text) {
                    Some(size) if !reads_as_text(text) => {
                        self.writer.size(size);
                        push_bytes(&mut self.writer.out, text);
                        return Ok(());
                    }
                    Some(_) => (Err(Reason::DecimalText), None),
                    None => (Err(Reason::ByteRange), None),
                },
            }
        } else {
            let number = self.scan.number(node)?;
            (split(self.scan.number_text(number)), None)
        };
        let (unscaled, scale) = read.or_else(|reason| self.scan.fail(reason, start, Expected::Type(node)))?;
        if let Some(act) = act {
            self.note(act, start, node)?;
        }
        let writer = &mut self.writer;
        unscaled.with_bytes(|bytes| {
            // How long it is comes first: written behind its place, then moved.
            let from = writer.out.len();
            writer.bytes(bytes);
            writer.long(i64::from(scale));
            let length = writer.out.len() - from;
            writer.size(length);
            if let Some(written) = writer.out.get_mut(from..) {
                written.rotate_left(length);
            }
        });
        Ok(())
    }
}

/// The unscaled value's bytes and the scale, if that is what bytes hold and all that they hold.
pub(super) fn parts(bytes: &[u8]) -> Option<(&[u8], i32)> {
    let (length, rest) = long(bytes)?;
    let (unscaled, rest) = rest.split_at_checked(usize::try_from(length).ok()?)?;
    let (scale, rest) = long(rest)?;
    let fits = !unscaled.is_empty() && unscaled.len() <= MAX_PRECISION as usize / 2 && rest.is_empty();
    i32::try_from(scale).ok().filter(|_| fits).map(|scale| (unscaled, scale))
}

/// An Avro `long`, and what is behind it.
fn long(bytes: &[u8]) -> Option<(i64, &[u8])> {
    let mut value = 0u64;
    for (index, byte) in bytes.iter().enumerate().take(10) {
        let bits = u64::from(byte & 0x7f);
        if index == 9 && bits > 1 {
            return None;
        }
        value |= bits << (7 * index);
        if *byte < 0x80 {
            return Some(((value >> 1).cast_signed() ^ -(value & 1).cast_signed(), bytes.get(index + 1..)?));
        }
    }
    None
}

/// The digits as one integer, and how many of them are behind the point, as `java.math.BigDecimal` reads them.
fn split(text: &str) -> Result<(Unscaled, i32), Reason> {
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let fraction = mantissa.split_once('.').map_or(0, |(_, fraction)| fraction.len());
    let exponent: i64 = exponent.parse().map_err(|_| Reason::OutOfRange)?;
    let scale = i64::try_from(fraction).ok().and_then(|fraction| fraction.checked_sub(exponent));
    let scale = scale.and_then(|scale| i32::try_from(scale).ok()).ok_or(Reason::OutOfRange)?;
    let digits = mantissa.bytes().filter(u8::is_ascii_digit).skip_while(|digit| *digit == b'0');
    let total = digits.clone().count();
    if total > MAX_PRECISION as usize {
        return Err(Reason::DecimalPrecision);
    }
    Ok((Unscaled::from_digits(digits, text.starts_with('-'), total as i64), scale))
}
