//! Decimals: an unscaled integer, exact, of at most so many digits.
//!
//! Comes in: a JSON number, or a string that is the raw bytes. Goes out: two's complement, big-endian, as short as it
//! gets on `bytes`, sign-extended on `fixed`. Must never: round, or write out an exponent that a hostile number asks for.

use super::encode::Walk;
use super::number::{Number, significant};
use super::plan::{Decimal, Node};
use super::refusal::{Expected, Halt, Reason};
use super::text::{one_byte_characters, push_bytes};
use num_bigint::BigInt;

/// The widest decimal that is supported, in digits; a schema that asks for more is refused.
pub(super) const MAX_PRECISION: u32 = 4096;

/// 38 digits always fit 128 bits.
const SMALL_DIGITS: i64 = 38;

/// An unscaled value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Unscaled {
    Small(i128),
    Big(BigInt),
}

impl Unscaled {
    /// Two's complement, big-endian; zero of no bytes.
    pub(super) fn from_bytes(bytes: &[u8]) -> Self {
        let bytes = shortest(bytes);
        let Some(room) = 16usize.checked_sub(bytes.len()) else {
            return Self::Big(BigInt::from_signed_bytes_be(bytes));
        };
        let mut wide = [sign_byte(bytes); 16];
        if let Some(low) = wide.get_mut(room..) {
            low.copy_from_slice(bytes);
        }
        Self::Small(i128::from_be_bytes(wide))
    }

    /// `significant` digits of a number as written, and zeros behind them.
    fn from_digits(text: &str, negative: bool, zeros: usize, total: i64) -> Self {
        let digits = significant(text).chain(std::iter::repeat_n(b'0', zeros));
        if total <= SMALL_DIGITS {
            let value = digits.fold(0i128, |value, digit| value * 10 + i128::from(digit - b'0'));
            return Self::Small(if negative { -value } else { value });
        }
        let digits: Vec<u8> = digits.collect();
        let value = BigInt::parse_bytes(&digits, 10).unwrap_or_default();
        Self::Big(if negative { -value } else { value })
    }

    /// All its digits, with a sign.
    pub(super) fn text(&self) -> String {
        match self {
            Self::Small(value) => value.to_string(),
            Self::Big(value) => value.to_string(),
        }
    }

    fn digits(&self) -> usize {
        match self {
            Self::Small(value) => value.unsigned_abs().checked_ilog10().map_or(1, |log| log as usize + 1),
            Self::Big(value) => value.magnitude().to_string().len(),
        }
    }
}

impl<'a> Walk<'a, '_> {
    #[inline(never)]
    pub(super) fn decimal(&mut self, decimal: &'a Decimal, node: &'a Node) -> Result<(), Halt> {
        let start = self.scan.at;
        let unscaled = if self.scan.peek() == b'"' {
            self.decimal_bytes(decimal, node)?
        } else {
            let number = self.scan.number(node)?;
            self.decimal_number(number, decimal, node)?
        };
        if self.write_unscaled(&unscaled, decimal).is_none() {
            return self.scan.fail(Reason::DecimalPrecision, start, Expected::Type(node));
        }
        Ok(())
    }

    /// A number, exactly.
    fn decimal_number(&mut self, number: Number, decimal: &Decimal, node: &'a Node) -> Result<Unscaled, Halt> {
        let text = self.scan.number_text(number);
        let digits = significant(text).count() as i64;
        if digits == 0 {
            return Ok(Unscaled::Small(0));
        }
        let mantissa = text.split(['e', 'E']).next().unwrap_or_default();
        let zeros = mantissa.bytes().rev().filter(|byte| *byte != b'.').take_while(|byte| *byte == b'0').count() as i64;
        // What is left of the exponent once the point is moved `scale` places.
        let shift = number.exponent + zeros + i64::from(decimal.scale);
        if shift < 0 {
            return self.scan.fail(Reason::DecimalScale, number.start, Expected::Type(node));
        }
        let total = digits + shift;
        if total > i64::from(decimal.precision) {
            return self.scan.fail(Reason::DecimalPrecision, number.start, Expected::Type(node));
        }
        Ok(Unscaled::from_digits(text, number.negative, shift as usize, total))
    }

    /// A string: the raw bytes, each character one of them (specification 1.12, JSON encoding of `bytes`). One that
    /// reads as text is not taken: who sends "12.50" or "1,000" means the number, and would get another.
    fn decimal_bytes(&mut self, decimal: &Decimal, node: &'a Node) -> Result<Unscaled, Halt> {
        let start = self.scan.at;
        let text = self.quoted(node)?;
        let text = self.scan.text(text);
        let size = one_byte_characters(text);
        let wrong = match (size, &decimal.fixed) {
            (None, _) => Some(Reason::ByteRange),
            (Some(size), Some(fixed)) if size != fixed.size => Some(Reason::FixedSize),
            (Some(_), None) if text.is_empty() || reads_as_text(text) => Some(Reason::DecimalText),
            (Some(_), Some(_)) if reads_as_text(text) => Some(Reason::DecimalText),
            _ => None,
        };
        if let Some(reason) = wrong {
            return self.scan.fail(reason, start, Expected::Type(node));
        }
        let out = &mut self.writer.out;
        let from = out.len();
        push_bytes(out, text);
        let bytes = out.get(from..).unwrap_or_default();
        // Two bytes hold less than five digits: more of them than this need not be counted.
        let unscaled =
            (shortest(bytes).len() <= decimal.precision as usize / 2 + 2).then(|| Unscaled::from_bytes(bytes));
        out.truncate(from);
        match unscaled {
            Some(unscaled) if unscaled.digits() <= decimal.precision as usize => Ok(unscaled),
            _ => self.scan.fail(Reason::DecimalPrecision, start, Expected::Type(node)),
        }
    }

    /// None if it does not fit the `fixed`, which the schema's precision rules out.
    fn write_unscaled(&mut self, unscaled: &Unscaled, decimal: &Decimal) -> Option<()> {
        let (small, big);
        let bytes = match unscaled {
            Unscaled::Small(value) => {
                small = value.to_be_bytes();
                shortest(&small)
            }
            Unscaled::Big(value) => {
                big = value.to_signed_bytes_be();
                shortest(&big)
            }
        };
        let Some(fixed) = &decimal.fixed else {
            self.writer.bytes(bytes);
            return Some(());
        };
        let padding = fixed.size.checked_sub(bytes.len())?;
        self.writer.out.extend(std::iter::repeat_n(sign_byte(bytes), padding));
        self.writer.out.extend_from_slice(bytes);
        Some(())
    }
}

/// Whether this many digits fit a two's complement of `size` bytes.
pub(super) fn fits(precision: u64, size: usize) -> bool {
    // 2^(8 size - 1) - 1 has floor((8 size - 1) log10 2) digits that are free.
    let free = (size as f64 * 8.0 - 1.0) * std::f64::consts::LOG10_2;
    precision as f64 <= free.floor()
}

/// The same number without bytes that only repeat its sign; at least one byte of any.
fn shortest(mut bytes: &[u8]) -> &[u8] {
    while let [sign, rest @ ..] = bytes {
        let repeated = !rest.is_empty() && *sign == sign_byte(rest);
        if !repeated {
            break;
        }
        bytes = rest;
    }
    bytes
}

fn sign_byte(bytes: &[u8]) -> u8 {
    if bytes.first().is_some_and(|first| *first >= 0x80) { 0xff } else { 0 }
}

/// Whether bytes look like something a person would write: a digit, or several printable characters.
fn reads_as_text(text: &[u8]) -> bool {
    text.iter().all(|byte| matches!(byte, b' '..=b'~')) && (text.len() > 1 || text.iter().any(u8::is_ascii_digit))
}
