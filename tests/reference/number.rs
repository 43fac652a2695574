//! Numbers as they are written -> exact values.
//!
//! Comes in: the text of a JSON number. Goes out: an integer, a double or float with whether digits were lost, an unscaled
//! decimal. Must never: round but once.

use super::json::Json;
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

    /// This times ten to the power of `places`: the greatest integer that is not above it, and what is left, in parts of
    /// the second number. No more than `most` digits.
    fn floor(&self, places: i128, most: i128) -> Option<(BigInt, BigInt, BigInt)> {
        let shift = self.exponent + places;
        let count = self.digits.len() as i128;
        if self.digits.is_empty() {
            return Some((BigInt::ZERO, BigInt::ZERO, BigInt::from(1)));
        }
        if count + shift > most {
            return None;
        }
        // Far below the point it is no more than not zero.
        let shift = shift.max(-count - 2);
        let digits: BigInt = self.digits.parse().unwrap();
        let digits = if self.negative { -digits } else { digits };
        let ten = BigInt::from(10);
        if shift >= 0 {
            return Some((digits * ten.pow(shift as u32), BigInt::ZERO, BigInt::from(1)));
        }
        let unit = ten.pow(shift.unsigned_abs() as u32);
        let (mut whole, mut rest) = (&digits / &unit, &digits % &unit);
        if rest < BigInt::ZERO {
            (whole, rest) = (whole - 1, rest + &unit);
        }
        Some((whole, rest, unit))
    }
}

/// Whether a text is a JSON number.
pub(crate) fn is_one(text: &str) -> bool {
    matches!(Json::parse(text.as_bytes()), Ok(Json::Number(number)) if number == text)
}

/// The integer that a number is.
pub(crate) fn long(text: &str) -> Result<i64, &'static str> {
    let (whole, rest, _) = Exact::new(text).floor(0, 19).ok_or("out_of_range")?;
    if rest != BigInt::ZERO {
        return Err("not_an_integer");
    }
    i64::try_from(whole).map_err(|_| "out_of_range")
}

/// A number times ten to the power of `places`: the greatest integer that is not above it, and whether it is that.
pub(crate) fn floor(text: &str, places: i128) -> Result<(BigInt, bool), &'static str> {
    let (whole, rest, _) = Exact::new(text).floor(places, 40).ok_or("out_of_range")?;
    Ok((whole, rest == BigInt::ZERO))
}

/// The unscaled value of a decimal, halves rounded to even, and whether it is exact.
pub(crate) fn unscaled(text: &str, precision: u32, scale: u32) -> Result<(BigInt, bool), &'static str> {
    let exact = Exact::new(text).floor(scale.into(), precision.into()).ok_or("decimal_precision")?;
    Ok((nearest(&exact), exact.1 == BigInt::ZERO))
}

/// The integer nearest to one and a part; of two, the even one.
fn nearest((whole, rest, unit): &(BigInt, BigInt, BigInt)) -> BigInt {
    let twice = rest * 2;
    let odd = whole % 2 != BigInt::ZERO;
    if twice > *unit || twice == *unit && odd { whole + 1 } else { whole.clone() }
}

/// The nearest double, and the act that it took.
pub(crate) fn double(text: &str) -> Result<(f64, Option<&'static str>), &'static str> {
    let value: f64 = text.parse().unwrap();
    if !value.is_finite() {
        return infinity(text).map(|act| (value, Some(act)));
    }
    Ok((value, lost(text, value, value, 17).then_some("rounded")))
}

/// The nearest float, and the act that it took.
pub(crate) fn float(text: &str) -> Result<(f32, Option<&'static str>), &'static str> {
    let value: f32 = text.parse().unwrap();
    if !value.is_finite() {
        return infinity(text).map(|act| (value, Some(act)));
    }
    // Its digits may be those of the double that it is.
    let lost = lost(text, value, value.into(), 9) && lost(text, f64::from(value), value.into(), 0);
    Ok((value, lost.then_some("rounded")))
}

fn infinity(text: &str) -> Result<&'static str, &'static str> {
    if matches!(text, "1e999" | "-1e999") { Ok("infinity") } else { Err("out_of_range") }
}

/// Whether the digits that are written are neither those of a shortest text of the value that they became nor, up to `most`
/// of them, those of the value rounded to as many. Where two texts are equally short and near, the standard library and
/// serde_json do not always print the same; either will do.
fn lost(text: &str, value: impl serde::Serialize + std::fmt::LowerExp, as_double: f64, most: usize) -> bool {
    let written = Exact::new(text);
    let shortest = [format!("{value:e}"), serde_json::to_string(&value).unwrap()];
    if shortest.iter().any(|shortest| Exact::new(shortest).equals(&written)) {
        return false;
    }
    let digits = text.split(['e', 'E']).next().unwrap().replace(['-', '.'], "").trim_start_matches('0').len();
    digits > most || !rounded(as_double, digits).equals(&written)
}

/// A double rounded to so many digits, halves to even.
fn rounded(value: f64, digits: usize) -> Exact {
    let (bits, zero) = (value.to_bits(), BigInt::ZERO);
    let (power, fraction) = ((bits >> 52 & 0x7ff) as i64, bits & ((1 << 52) - 1));
    let (fraction, power) = if power == 0 { (fraction, -1074) } else { (fraction | 1 << 52, power - 1075) };
    // fraction * 2^power, as an integer and a power of ten.
    let two = |power: i64| BigInt::from(2).pow(power as u32);
    let (all, exponent) = match power {
        0.. => (BigInt::from(fraction) * two(power), 0),
        _ => (BigInt::from(fraction) * BigInt::from(5).pow(power.unsigned_abs() as u32), power),
    };
    if all == zero {
        return Exact::new("0");
    }
    let cut = all.to_string().len().saturating_sub(digits);
    let unit = BigInt::from(10).pow(cut as u32);
    let kept = nearest(&(&all / &unit, &all % &unit, unit));
    Exact::new(&format!("{}{kept}e{}", if value < 0.0 { "-" } else { "" }, exponent + cut as i64))
}
