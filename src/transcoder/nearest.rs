//! The floating-point number nearest to a decimal text, and whether it still has all the digits that were written.
//!
//! Comes in: a number's text. Goes out: the value, and the act if it is a lossy one. Must never: round twice (a `float` is
//! not the nearest of the nearest double), overflow to infinity in silence.

use super::ledger::Act;
use super::refusal::Reason;
use serde::Serialize;
use std::fmt;
use std::io::Write as _;

/// The `double` nearest to a number's text.
pub(super) fn double_of(text: &str) -> Result<(f64, Option<Act>), Reason> {
    let value: f64 = text.parse().unwrap_or(f64::INFINITY);
    if !value.is_finite() {
        return infinity(text).map(|act| (value, Some(act)));
    }
    // 17 digits tell every double from its neighbours.
    let kept = has_its_digits(value, text) || reads_rounded(value, text, 17);
    Ok((value, (!kept).then_some(Act::Rounded)))
}

/// The `float` nearest to a number's text.
pub(super) fn float_of(text: &str) -> Result<(f32, Option<Act>), Reason> {
    let value: f32 = text.parse().unwrap_or(f32::INFINITY);
    if !value.is_finite() {
        return infinity(text).map(|act| (value, Some(act)));
    }
    let kept = has_its_digits(value, text)
        || reads_rounded(value, text, 9)
        // A float that went through a double on its way to JSON.
        || has_its_digits(f64::from(value), text);
    Ok((value, (!kept).then_some(Act::Rounded)))
}

/// The spelling of infinity that Avro's other libraries write into JSON, which has none. Any other number beyond the
/// range is out of range.
fn infinity(text: &str) -> Result<Act, Reason> {
    match text {
        "1e999" | "-1e999" => Ok(Act::Infinity),
        _ => Err(Reason::OutOfRange),
    }
}

/// Whether a text of so many digits at most is the value rounded to as many digits as the text has.
fn reads_rounded(value: impl fmt::LowerExp, written: &str, most: usize) -> bool {
    // Zeros at the end were written: they count.
    let mantissa = written.split(['e', 'E']).next().unwrap_or_default().trim_start_matches(['-', '0', '.']);
    let digits = mantissa.bytes().filter(u8::is_ascii_digit).count();
    (1..=most).contains(&digits) && reads(written, |text| write!(text, "{value:.*e}", digits - 1).is_ok())
}

/// The significant digits of a number as written: no sign, point, exponent, leading or trailing zeros.
pub(super) fn significant(text: &str) -> impl Iterator<Item = u8> + Clone {
    let digits = text.split(['e', 'E']).next().unwrap_or_default().trim_start_matches(['-', '0', '.']);
    // Trailing zeros before a point count as little as those behind one.
    let digits = if digits.is_empty() { digits } else { digits.trim_end_matches(['0', '.']) };
    digits.bytes().filter(u8::is_ascii_digit)
}

/// Whether rounding lost nothing that the type can hold: the number was written with the digits of a shortest text that
/// reads back as the same value. Some values have two of them: serde_json, the faster by far, and the standard library
/// do not always choose the same.
pub(super) fn has_its_digits(value: impl Serialize + fmt::LowerExp, written: &str) -> bool {
    reads(written, |text| serde_json::to_writer(text, &value).is_ok())
        || reads(written, |text| write!(text, "{value:e}").is_ok())
}

/// Whether what is printed has the digits of what was written.
fn reads(written: &str, print: impl FnOnce(&mut &mut [u8]) -> bool) -> bool {
    // 17 digits, sign, point and exponent fit.
    let mut text = [0; 32];
    let mut rest = text.as_mut_slice();
    let printed = print(&mut rest);
    let length = 32 - rest.len();
    let text = text.get(..length).and_then(|text| str::from_utf8(text).ok()).unwrap_or_default();
    printed && (text == written || significant(text).eq(significant(written)))
}
