//! Decimals: an unscaled integer, exact, of at most so many digits.
//!
//! Comes in: a JSON number, or a string that spells one or is the raw bytes. Goes out: two's complement, big-endian, as
//! short as it gets on `bytes`, sign-extended on `fixed`. Must never: go through a double, or write out an exponent that a
//! hostile number asks for.

use super::bytes::{one_byte_characters, push_bytes};
use super::encode::Walk;
use super::ledger::Act;
use super::nearest::significant;
use super::number::is_number;
use super::plan::{Decimal, Node};
use super::refusal::{Expected, Halt, Reason};
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

    /// So many digits as one integer.
    pub(super) fn from_digits(digits: impl Iterator<Item = u8>, negative: bool, total: i64) -> Self {
        if total <= SMALL_DIGITS {
            let value = digits.fold(0i128, |value, digit| value * 10 + i128::from(digit - b'0'));
            return Self::Small(if negative { -value } else { value });
        }
        let digits: Vec<u8> = digits.collect();
        let value = BigInt::parse_bytes(&digits, 10).unwrap_or_default();
        Self::Big(if negative { -value } else { value })
    }

    /// One unit further from zero.
    fn away_from_zero(self, negative: bool) -> Self {
        match self {
            Self::Small(value) => Self::Small(if negative { value - 1 } else { value + 1 }),
            Self::Big(value) => Self::Big(if negative { value - 1 } else { value + 1 }),
        }
    }

    /// Two's complement, big-endian, as short as it gets.
    pub(super) fn with_bytes<T>(&self, take: impl FnOnce(&[u8]) -> T) -> T {
        match self {
            Self::Small(value) => take(shortest(&value.to_be_bytes())),
            Self::Big(value) => take(shortest(&value.to_signed_bytes_be())),
        }
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
        let (read, act) = if self.scan.peek() == b'"' {
            let text = self.scan.string()?;
            let text = self.scan.text(text);
            match str::from_utf8(text) {
                Ok(number) if is_number(number) => (of_number(number, decimal), Some(Act::DecimalFromString)),
                _ => (of_bytes(text, decimal, &mut self.writer.out), None),
            }
        } else {
            let number = self.scan.number(node)?;
            (of_number(self.scan.number_text(number), decimal), None)
        };
        let (unscaled, exact) = read.or_else(|reason| self.scan.fail(reason, start, Expected::Type(node)))?;
        if let Some(act) = act {
            self.note(act, start, node)?;
        }
        if !exact {
            self.note(Act::DecimalRounded, start, node)?;
        }
        if unscaled.digits() > decimal.precision as usize || self.write_unscaled(&unscaled, decimal).is_none() {
            return self.scan.fail(Reason::DecimalPrecision, start, Expected::Type(node));
        }
        Ok(())
    }

    /// None if it does not fit the `fixed`, which the schema's precision rules out.
    fn write_unscaled(&mut self, unscaled: &Unscaled, decimal: &Decimal) -> Option<()> {
        let writer = &mut self.writer;
        unscaled.with_bytes(|bytes| {
            let Some(fixed) = &decimal.fixed else {
                writer.bytes(bytes);
                return Some(());
            };
            let padding = fixed.size.checked_sub(bytes.len())?;
            writer.out.extend(std::iter::repeat_n(sign_byte(bytes), padding));
            writer.out.extend_from_slice(bytes);
            Some(())
        })
    }
}

/// A string that is the raw bytes, each character one of them (specification 1.12, JSON encoding of `bytes`). One that
/// reads as text is not taken: who sends "1,000" means the number, and would get another. `scratch` is left as it was.
fn of_bytes(text: &[u8], decimal: &Decimal, scratch: &mut Vec<u8>) -> Result<(Unscaled, bool), Reason> {
    let size = one_byte_characters(text).ok_or(Reason::ByteRange)?;
    if decimal.fixed.as_ref().is_some_and(|fixed| fixed.size != size) {
        return Err(Reason::FixedSize);
    }
    if text.is_empty() || reads_as_text(text) {
        return Err(Reason::DecimalText);
    }
    let from = scratch.len();
    push_bytes(scratch, text);
    let bytes = shortest(scratch.get(from..).unwrap_or_default());
    // Two bytes hold less than five digits: more of them than this need not be counted.
    let short = bytes.len() <= decimal.precision as usize / 2 + 2;
    let unscaled = short.then(|| Unscaled::from_bytes(bytes));
    scratch.truncate(from);
    unscaled.map(|unscaled| (unscaled, true)).ok_or(Reason::DecimalPrecision)
}

/// A number's unscaled value, and whether it is exact: digits beyond the scale are rounded, halves to even.
fn of_number(text: &str, decimal: &Decimal) -> Result<(Unscaled, bool), Reason> {
    let digits = significant(text);
    let count = digits.clone().count() as i64;
    if count == 0 {
        return Ok((Unscaled::Small(0), true));
    }
    let negative = text.starts_with('-');
    let shift = places(text) + i64::from(decimal.scale);
    let kept = count + shift;
    if kept > i64::from(decimal.precision) {
        return Err(Reason::DecimalPrecision);
    }
    if shift >= 0 {
        let digits = digits.chain(std::iter::repeat_n(b'0', shift as usize));
        return Ok((Unscaled::from_digits(digits, negative, kept), true));
    }
    let whole = usize::try_from(kept).unwrap_or(0);
    let unscaled = Unscaled::from_digits(digits.clone().take(whole), negative, kept.max(0));
    let odd = whole > 0 && digits.clone().nth(whole - 1).is_some_and(|digit| digit % 2 == 1);
    // What is left out begins with this digit, unless zeros come before it. Its last digit is none.
    let mut left = digits.skip(whole);
    let first = if kept < 0 { None } else { left.next() };
    let up = match first {
        Some(b'5') => odd || left.next().is_some(),
        Some(digit) => digit > b'5',
        None => false,
    };
    Ok((if up { unscaled.away_from_zero(negative) } else { unscaled }, false))
}

/// Ten to the power of this, times the significant digits, is the number. Far beyond any type it is no longer exact.
fn places(text: &str) -> i64 {
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let limit = 1i64 << 40;
    let exponent: i64 = exponent.parse().unwrap_or(if exponent.starts_with('-') { -limit } else { limit });
    let fraction = mantissa.split_once('.').map_or(0, |(_, fraction)| fraction.len() as i64);
    let zeros = mantissa.bytes().rev().filter(|byte| *byte != b'.').take_while(|byte| *byte == b'0').count() as i64;
    exponent.clamp(-limit, limit) - fraction + zeros
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
pub(super) fn reads_as_text(text: &[u8]) -> bool {
    text.iter().all(|byte| matches!(byte, b' '..=b'~')) && (text.len() > 1 || text.iter().any(u8::is_ascii_digit))
}
