//! Integers that are written with a point or an exponent: `1.0`, `1e2`.
//!
//! Comes in: a JSON number's text. Goes out: the integer that it is, exactly, or why it is none. Must never: go through a
//! double.

use super::refusal::Reason;

/// The integer that a JSON number is: `1.0`, `1e2`, `-12.50e1`.
pub(super) fn read(text: &str) -> Result<i64, Reason> {
    match scaled(text, 0)? {
        (value, true) => Ok(value),
        (_, false) => Err(Reason::NotAnInteger),
    }
}

/// A JSON number times ten to the power of `places`: the greatest integer that is not above it, and whether it is that.
pub(super) fn scaled(text: &str, places: i64) -> Result<(i64, bool), Reason> {
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let (sign, mantissa) = mantissa.strip_prefix('-').map_or(("", mantissa), |mantissa| ("-", mantissa));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let fraction = fraction.trim_end_matches('0');
    let digits = || whole.bytes().chain(fraction.bytes());
    if digits().all(|digit| digit == b'0') {
        return Ok((0, true));
    }
    // An exponent of more digits than these is beyond every integer, or leaves a fraction.
    let down = exponent.starts_with('-');
    let exponent: i64 = exponent.parse().unwrap_or(if down { i64::MIN } else { i64::MAX });
    let zeros = exponent.saturating_add(places).saturating_sub(i64::try_from(fraction.len()).unwrap_or(i64::MAX));
    if zeros < 0 {
        // What is behind the point must be zeros.
        let behind = usize::try_from(zeros.unsigned_abs()).unwrap_or(usize::MAX);
        let ahead = (whole.len() + fraction.len()).saturating_sub(behind);
        let exact = digits().skip(ahead).all(|digit| digit == b'0');
        let value = number(sign, digits().take(ahead), 0)?;
        let below = !exact && !sign.is_empty();
        return value.checked_sub(i64::from(below)).map(|value| (value, exact)).ok_or(Reason::OutOfRange);
    }
    number(sign, digits(), zeros).map(|value| (value, true))
}

/// Digits and zeros behind them as a number.
fn number(sign: &str, digits: impl Iterator<Item = u8>, zeros: i64) -> Result<i64, Reason> {
    let shift = |value: i64, digit: i64| value.checked_mul(10)?.checked_add(digit);
    let negative = !sign.is_empty();
    let mut value = Some(0);
    for digit in digits {
        let digit = i64::from(digit - b'0');
        // Below zero all the way: the least integer has no positive twin.
        value = value.and_then(|value| shift(value, if negative { -digit } else { digit }));
    }
    // 10^19 is beyond every integer but 0, which does not come here.
    for _ in 0..zeros.min(20) {
        value = value.and_then(|value| shift(value, 0));
    }
    value.ok_or(Reason::OutOfRange)
}
