//! Numbers as they are written -> exact values.
//!
//! Comes in: the text of a JSON number. Goes out: an integer, a double or float with whether digits were lost, an unscaled
//! decimal. Must never: round but once, to the nearest double or float.

use num_bigint::BigInt;

/// A number, exactly: `digits` times ten to the power of `exponent`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Exact {
    pub(crate) negative: bool,
    /// Without leading or trailing zeros: empty for zero.
    pub(crate) digits: String,
    /// 0 for zero. Beyond every number that is written, but not exact, where it has more than 18 digits.
    pub(crate) exponent: i128,
}

impl Exact {
    pub(crate) fn new(text: &str) -> Self {
        let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
        let (negative, mantissa) = match mantissa.strip_prefix('-') {
            Some(mantissa) => (true, mantissa),
            None => (false, mantissa),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let all = format!("{whole}{fraction}");
        let digits = all.trim_end_matches('0');
        let zeros = (all.len() - digits.len()) as i128;
        let digits = digits.trim_start_matches('0').to_owned();
        let (down, power) = match exponent.strip_prefix('-') {
            Some(power) => (true, power),
            None => (false, exponent.trim_start_matches('+')),
        };
        let power = power.trim_start_matches('0');
        let power = if power.len() > 18 { 10i128.pow(18) } else { power.parse().unwrap_or(0) };
        let exponent = (if down { -power } else { power }) - fraction.len() as i128 + zeros;
        Self { negative, exponent: if digits.is_empty() { 0 } else { exponent }, digits }
    }

    /// The same value, the sign of zero aside.
    pub(crate) fn equals(&self, other: &Self) -> bool {
        (&self.digits, self.exponent) == (&other.digits, other.exponent)
            && (self.negative == other.negative || self.digits.is_empty())
    }

    /// This times ten to the power of `places`, if that is whole and of no more than `most` digits.
    fn whole(&self, places: i128, most: i128) -> Result<BigInt, Not> {
        if self.digits.is_empty() {
            return Ok(BigInt::ZERO);
        }
        let zeros = self.exponent + places;
        if zeros < 0 {
            return Err(Not::Whole);
        }
        if self.digits.len() as i128 + zeros > most {
            return Err(Not::Small);
        }
        let text = format!("{}{}", self.digits, "0".repeat(zeros as usize));
        let value: BigInt = text.parse().unwrap();
        Ok(if self.negative { -value } else { value })
    }
}

enum Not {
    Whole,
    Small,
}

/// The integer that a number is.
pub(crate) fn long(text: &str) -> Result<i64, &'static str> {
    match Exact::new(text).whole(0, 19) {
        Err(Not::Whole) => Err("not_an_integer"),
        Err(Not::Small) => Err("out_of_range"),
        Ok(value) => i64::try_from(value).map_err(|_| "out_of_range"),
    }
}

/// The unscaled value of a decimal.
pub(crate) fn unscaled(text: &str, precision: u32, scale: u32) -> Result<BigInt, &'static str> {
    Exact::new(text).whole(i128::from(scale), i128::from(precision)).map_err(|not| match not {
        Not::Whole => "decimal_scale",
        Not::Small => "decimal_precision",
    })
}

/// The nearest double, and whether digits were lost.
pub(crate) fn double(text: &str) -> Result<(f64, bool), &'static str> {
    let value: f64 = text.parse().unwrap();
    if !value.is_finite() {
        return if matches!(text, "1e999" | "-1e999") { Ok((value, false)) } else { Err("out_of_range") };
    }
    Ok((value, lost(text, value)))
}

/// The nearest float, and whether digits were lost.
pub(crate) fn float(text: &str) -> Result<(f32, bool), &'static str> {
    let value: f32 = text.parse().unwrap();
    if !value.is_finite() {
        return if matches!(text, "1e999" | "-1e999") { Ok((value, false)) } else { Err("out_of_range") };
    }
    Ok((value, lost(text, value)))
}

/// Whether the digits that are written are not those of a shortest text of the value that they became. Where two texts are
/// equally short and near, the standard library and serde_json do not always print the same; either will do.
fn lost(written: &str, value: impl serde::Serialize + std::fmt::LowerExp) -> bool {
    let written = Exact::new(written);
    let shortest = [format!("{value:e}"), serde_json::to_string(&value).unwrap()];
    !shortest.iter().any(|shortest| Exact::new(shortest).equals(&written))
}
