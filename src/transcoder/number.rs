//! Numbers: JSON's grammar, integers that fit, floating point correctly rounded.
//!
//! Comes in: the scanner at a number. Goes out: an integer, a float, or the number's parts for `decimal`. Must never:
//! wrap, truncate or overflow to infinity.

use super::integral;
use super::ledger::Act;
use super::nearest::{double_of, float_of};
use super::plan::Node;
use super::refusal::{Expected, Halt, Reason};
use super::scan::Scanner;

/// A number that was passed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Number {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) negative: bool,
    /// All its digits as one integer; right only up to 19 of them.
    mantissa: u64,
    digits: usize,
    /// Ten to the power of this times the digits is the number. Far beyond any type it is no longer exact.
    pub(super) exponent: i64,
}

/// Ten to the powers that a `f64` holds exactly.
const TENS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20,
    1e21, 1e22,
];

/// Ten to the powers that a `u64` holds.
const WHOLE_TENS: [u64; 20] = {
    let mut tens = [1; 20];
    let mut power = 1;
    while power < 20 {
        tens[power] = tens[power - 1] * 10;
        power += 1;
    }
    tens
};

impl<'a> Scanner<'a, '_> {
    /// Passes an integer for `int` or `long`.
    #[inline(always)]
    pub(super) fn integer(&mut self, node: &'a Node) -> Result<i64, Halt> {
        let start = self.at;
        let negative = self.peek() == b'-';
        let first = start + usize::from(negative);
        let (value, end) = digits(self.json, first, 0);
        // 18 digits always fit; one that starts with zero is only zero.
        let plain = (1..=18).contains(&(end - first)) && (end - first == 1 || self.json.get(first) != Some(&b'0'));
        if !plain || matches!(self.json.get(end), Some(b'.' | b'e' | b'E')) {
            return self.integer_slowly(start, node);
        }
        self.at = end;
        let value = value.cast_signed();
        Ok(if negative { -value } else { value })
    }

    /// Passes a 19-digit integer, or one that is written with a point or an exponent, or says what is wrong.
    #[cold]
    fn integer_slowly(&mut self, start: usize, node: &'a Node) -> Result<i64, Halt> {
        self.at = start;
        let number = self.number(node)?;
        let text = self.number_text(number);
        let only_digits = self.integers_as_written && text.contains(['.', 'e', 'E']);
        let found =
            if only_digits { Err(Reason::NotAnInteger) } else { text.parse().or_else(|_| integral::read(text)) };
        found.or_else(|reason| self.fail(reason, start, Expected::Type(node)))
    }

    /// Passes any number.
    #[inline(never)]
    pub(super) fn number(&mut self, node: &'a Node) -> Result<Number, Halt> {
        let start = self.at;
        let negative = self.peek() == b'-';
        self.at += usize::from(negative);
        let first = self.at;
        let mut mantissa;
        (mantissa, self.at) = digits(self.json, first, 0);
        let mut count = self.at - first;
        if count == 0 {
            if negative {
                return self.syntax("a digit");
            }
            return self.mismatch(node);
        }
        if count > 1 && self.json.get(first) == Some(&b'0') {
            self.at = first + 1;
            return self.syntax("no digit after a leading zero");
        }
        let mut exponent = 0;
        if self.peek() == b'.' {
            self.at += 1;
            let point = self.at;
            (mantissa, self.at) = digits(self.json, point, mantissa);
            let fraction = self.at - point;
            if fraction == 0 {
                return self.syntax("a digit");
            }
            count += fraction;
            exponent -= fraction as i64;
        }
        if matches!(self.peek(), b'e' | b'E') {
            exponent += self.exponent()?;
        }
        Ok(Number { start, end: self.at, negative, mantissa, digits: count, exponent })
    }

    /// Passes the exponent; one that is far beyond any type stays so.
    fn exponent(&mut self) -> Result<i64, Halt> {
        self.at += 1;
        let negative = self.peek() == b'-';
        self.at += usize::from(negative || self.peek() == b'+');
        let first = self.at;
        let mut value = 0i64;
        while let Some(digit @ b'0'..=b'9') = self.json.get(self.at) {
            value = (value * 10 + i64::from(digit - b'0')).min(1 << 40);
            self.at += 1;
        }
        if self.at == first {
            return self.syntax("a digit");
        }
        Ok(if negative { -value } else { value })
    }

    /// Passes a number whose value nobody wants.
    #[inline]
    pub(super) fn skip_number(&mut self) -> Result<(), Halt> {
        self.number(&Node::Null).map(|_| ())
    }

    /// A number as it is written.
    pub(super) fn number_text(&self, number: Number) -> &'a str {
        let text = self.json.get(number.start..number.end).unwrap_or_default();
        str::from_utf8(text).unwrap_or_default()
    }

    /// Passes a number that is written without an exponent and of 18 digits at most; none, and nothing passed, if it is
    /// another or none at all.
    #[inline(always)]
    fn plain_number(&mut self) -> Option<Number> {
        let (json, start) = (self.json, self.at);
        let negative = self.peek() == b'-';
        let first = start + usize::from(negative);
        let (mut mantissa, mut end) = digits(json, first, 0);
        let (mut count, mut fraction) = (end - first, 0);
        let valid = count > 0 && (count == 1 || json.get(first) != Some(&b'0'));
        if json.get(end) == Some(&b'.') {
            let point = end + 1;
            (mantissa, end) = digits(json, point, mantissa);
            fraction = end - point;
            count += fraction;
            if fraction == 0 {
                return None;
            }
        }
        if !valid || count > 18 || matches!(json.get(end), Some(b'e' | b'E')) {
            return None;
        }
        self.at = end;
        Some(Number { start, end, negative, mantissa, digits: count, exponent: -(fraction as i64) })
    }

    /// Passes a number for `double`: the nearest one, and what was lossy about it.
    #[inline(always)]
    pub(super) fn double(&mut self, node: &'a Node) -> Result<(f64, Option<Act>), Halt> {
        let Some(number) = self.plain_number() else { return self.any_double(node) };
        let places = number.exponent.unsigned_abs() as usize;
        // Up to 15 digits survive a double; digits and power of ten are exact, so their quotient is rounded once.
        let value = if number.mantissa < 1_000_000_000_000_000 {
            TENS.get(places).map(|ten| number.mantissa.cast_signed() as f64 / ten)
        } else {
            shortest_double(number.mantissa, places)
        };
        let Some(value) = value else { return self.double_slowly(number, node) };
        Ok((if number.negative { -value } else { value }, None))
    }

    #[inline(never)]
    fn any_double(&mut self, node: &'a Node) -> Result<(f64, Option<Act>), Halt> {
        let number = self.number(node)?;
        if number.digits <= 19 && number.mantissa < 1_000_000_000_000_000 {
            let ten = TENS.get(number.exponent.unsigned_abs() as usize);
            if let Some(ten) = ten {
                let value = number.mantissa as f64;
                let value = if number.exponent < 0 { value / ten } else { value * ten };
                return Ok((if number.negative { -value } else { value }, None));
            }
        }
        self.double_slowly(number, node)
    }

    #[inline(never)]
    fn double_slowly(&mut self, number: Number, node: &'a Node) -> Result<(f64, Option<Act>), Halt> {
        double_of(self.number_text(number)).or_else(|reason| self.fail(reason, number.start, Expected::Type(node)))
    }

    /// Passes a number for `float`: the nearest one (not the nearest of the nearest double), and what was lossy about it.
    #[inline]
    pub(super) fn float(&mut self, node: &'a Node) -> Result<(f32, Option<Act>), Halt> {
        let number = self.number(node)?;
        // As for double: 6 digits survive, and powers up to 10 are exact.
        if number.digits <= 19 && number.mantissa < 1_000_000 && (-10..=10).contains(&number.exponent) {
            let ten = TENS.get(number.exponent.unsigned_abs() as usize).map_or(1.0, |ten| *ten as f32);
            let value = number.mantissa as f32;
            let value = if number.exponent < 0 { value / ten } else { value * ten };
            return Ok((if number.negative { -value } else { value }, None));
        }
        self.float_slowly(number, node)
    }

    #[inline(never)]
    fn float_slowly(&mut self, number: Number, node: &'a Node) -> Result<(f32, Option<Act>), Halt> {
        float_of(self.number_text(number)).or_else(|reason| self.fail(reason, number.start, Expected::Type(node)))
    }
}

/// Whether all of a text is a number by JSON's grammar.
pub(super) fn is_number(text: &str) -> bool {
    let mut none = Vec::new();
    let mut scan = Scanner::new(text.as_bytes(), &mut none);
    scan.skip_number().is_ok() && scan.at == text.len()
}

/// Digits from `at` on, behind those already read, and where they end; wraps past 19 of them.
#[inline(always)]
fn digits(json: &[u8], mut at: usize, mut value: u64) -> (u64, usize) {
    while let Some(eight) = json.get(at..).and_then(|rest| rest.first_chunk::<8>()) {
        let (number, digits) = leading_digits(u64::from_le_bytes(*eight));
        value = value.wrapping_mul(WHOLE_TENS.get(digits).copied().unwrap_or(1)).wrapping_add(number);
        at += digits;
        if digits < 8 {
            return (value, at);
        }
    }
    // The input's end is near.
    while let Some(digit @ b'0'..=b'9') = json.get(at) {
        value = value.wrapping_mul(10).wrapping_add(u64::from(digit - b'0'));
        at += 1;
    }
    (value, at)
}

/// The digits that eight bytes start with, as a number, and how many they are.
#[inline]
fn leading_digits(word: u64) -> (u64, usize) {
    const ONES: u64 = 0x0101_0101_0101_0101;
    let values = word ^ (ONES * b'0' as u64);
    // The top bit of each byte above 9. A carry runs upwards only: the first such byte is exact.
    let others = (values.wrapping_add(ONES * (0x80 - 10)) | values) & (ONES << 7);
    let digits = others.trailing_zeros() as usize / 8;
    // What is no digit is pushed out, zeros come in front.
    let values = values.checked_shl(64 - 8 * digits as u32).unwrap_or(0);
    // Pairs, then fours, then eight, by three multiplications.
    let pairs = values.wrapping_mul(10).wrapping_add(values >> 8);
    let high = (pairs & 0x0000_00FF_0000_00FF).wrapping_mul(0x000F_4240_0000_0064);
    let low = ((pairs >> 16) & 0x0000_00FF_0000_00FF).wrapping_mul(0x0000_2710_0000_0001);
    (high.wrapping_add(low) >> 32, digits)
}

/// A number of 16 to 18 digits as a double, where it is quickly proven that the double is the nearest one and that the
/// digits are its shortest text, so that none was lost.
///
/// The number is `mantissa / 10^places`, the double `m / 2^shift`; the first is `gap / (10^places 2^shift)` above the
/// second, and `gap` is a whole number small enough to be told from its lowest 64 bits.
#[inline]
fn shortest_double(mantissa: u64, places: usize) -> Option<f64> {
    if mantissa >= WHOLE_TENS[18] || places > 18 {
        return None;
    }
    let ten = *WHOLE_TENS.get(places)?;
    // A few units in the last place away at most: the mantissa was rounded, and so was the quotient.
    let value = mantissa.cast_signed() as f64 / TENS.get(places)?;
    let shift = 1075u32.checked_sub((value.to_bits() >> 52) as u32)?;
    let fraction = value.to_bits() & ((1 << 52) - 1);
    // Next to a power of two the neighbours are not equally far.
    if !(1..=64).contains(&shift) || !(2..(1 << 52) - 2).contains(&fraction) {
        return None;
    }
    let whole = fraction | 1 << 52;
    let scaled = mantissa.checked_shl(shift).unwrap_or(0);
    let mut gap = scaled.wrapping_sub(whole.wrapping_mul(ten)).cast_signed();
    let ten = ten.cast_signed();
    let step = i64::from(gap * 2 > ten) - i64::from(gap * 2 < -ten);
    gap -= step * ten;
    let value = f64::from_bits(value.to_bits().wrapping_add_signed(step));
    // Halfway between two doubles, the standard library decides.
    let nearest = gap.abs() * 2 < ten;
    // The next decimals of as many digits are further away, and those of fewer digits are no text of this double.
    let gap = i128::from(gap);
    let unit = 1i128 << shift;
    let last = i128::from(mantissa % 10);
    let closest = gap.abs() * 2 < unit;
    let below = (last * unit - gap) * 2 > i128::from(ten);
    let above = ((10 - last) * unit + gap) * 2 > i128::from(ten);
    (nearest && last != 0 && closest && below && above).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::{WHOLE_TENS, leading_digits, shortest_double};
    use crate::transcoder::nearest::has_its_digits;

    #[test]
    fn what_is_proven_is_so() {
        let mut rng = fastrand::Rng::with_seed(7);
        let mut proven = 0;
        for round in 0..300_000u32 {
            let places = rng.usize(0..20);
            let near_a_power_of_two = (1u64 << rng.u32(0..60)).wrapping_mul(10u64.pow(places as u32 % 18));
            let mantissa = match round % 3 {
                0 => rng.u64(..) >> rng.u32(1..12),
                1 => near_a_power_of_two.wrapping_add_signed(rng.i64(-40..40)),
                // A double's own shortest text.
                _ => {
                    let text = format!("{:e}", rng.f64() + 0.1);
                    text.bytes().filter(u8::is_ascii_digit).fold(0, |all, digit| all * 10 + u64::from(digit - b'0'))
                        / 10
                }
            };
            if let Some(value) = shortest_double(mantissa, places) {
                let text = format!("{mantissa}e-{places}");
                assert_eq!(text.parse(), Ok(value), "{text}");
                assert!(has_its_digits(value, &text), "{text}");
                proven += 1;
            }
        }
        assert!(proven > 60_000, "only {proven} were proven: the fast way is of no use");
    }

    #[test]
    fn digits_end_at_the_first_other_byte() {
        let mut rng = fastrand::Rng::with_seed(7);
        for _ in 0..100_000 {
            let digits = rng.usize(0..=8);
            let bytes: [u8; 8] =
                std::array::from_fn(|index| if index < digits { rng.u8(b'0'..=b'9') } else { rng.u8(..) });
            let digits = bytes.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(8);
            let number = bytes[..digits].iter().fold(0, |all, digit| all * 10 + u64::from(digit - b'0'));
            assert_eq!(leading_digits(u64::from_le_bytes(bytes)), (number, digits), "{bytes:?}");
        }
        assert_eq!(WHOLE_TENS.last().map(u64::to_string), Some(format!("1{}", "0".repeat(19))));
    }
}
