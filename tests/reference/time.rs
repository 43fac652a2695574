//! Dates and times as text -> the number that Avro stores.
//!
//! Comes in: a logical type and a text. Goes out: the number, what is finer cut off, or the label of what is wrong.

use super::number;
use num_bigint::BigInt;
use regex_lite::Regex;

/// A logical type of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Time {
    Date,
    /// Units in a second.
    OfDay(i64),
    Timestamp(i64),
    LocalTimestamp(i64),
}

impl Time {
    /// What a schema's `logicalType` means on `int` or `long`.
    pub(crate) fn named(name: &str, on: &str) -> Option<Self> {
        const MILLIS: i64 = 1_000;
        const MICROS: i64 = 1_000_000;
        const NANOS: i64 = 1_000_000_000;
        Some(match (name, on) {
            ("date", "int") => Self::Date,
            ("time-millis", "int") => Self::OfDay(MILLIS),
            ("time-micros", "long") => Self::OfDay(MICROS),
            ("timestamp-millis", "long") => Self::Timestamp(MILLIS),
            ("timestamp-micros", "long") => Self::Timestamp(MICROS),
            ("timestamp-nanos", "long") => Self::Timestamp(NANOS),
            ("local-timestamp-millis", "long") => Self::LocalTimestamp(MILLIS),
            ("local-timestamp-micros", "long") => Self::LocalTimestamp(MICROS),
            ("local-timestamp-nanos", "long") => Self::LocalTimestamp(NANOS),
            _ => return None,
        })
    }

    /// The number that a text means, and whether it is all that the text says.
    pub(crate) fn parse(self, text: &str) -> Result<(i64, bool), &'static str> {
        const DATE: &str = r"(?<y>[0-9]{4})-(?<m>[0-9]{2})-(?<d>[0-9]{2})";
        const CLOCK: &str = r"(?<H>[0-9]{2}):(?<M>[0-9]{2})(?::(?<S>[0-9]{2})(?:[.,](?<f>[0-9]+))?)?";
        const OFFSET: &str = r"(?:[Zz]|(?<sign>[+-])(?<oh>[0-9]{2})(?::?(?<om>[0-9]{2}))?)";
        let (pattern, unit) = match self {
            Self::Date => (DATE.to_owned(), None),
            Self::OfDay(unit) => (CLOCK.to_owned(), Some(unit)),
            Self::Timestamp(unit) => (format!("{DATE}[Tt ]{CLOCK}{OFFSET}"), Some(unit)),
            Self::LocalTimestamp(unit) => (format!("{DATE}[Tt ]{CLOCK}"), Some(unit)),
        };
        let found = Regex::new(&format!(r"\A{pattern}\z")).unwrap().captures(text).ok_or("time_text")?;
        let number = |name: &str| found.name(name).map_or(0, |digits| digits.as_str().parse::<i64>().unwrap());
        let days = if found.name("y").is_some() { days(number("y"), number("m"), number("d"))? } else { 0 };
        let Some(unit) = unit else { return Ok((days, true)) };
        if number("H") > 23 || number("M") > 59 || number("S") > 59 || number("oh") > 23 || number("om") > 59 {
            return Err("time_text");
        }
        let east = number("oh") * 3600 + number("om") * 60;
        let east = if found.name("sign").is_some_and(|sign| sign.as_str() == "-") { -east } else { east };
        let seconds = days * 86_400 + number("H") * 3600 + number("M") * 60 + number("S") - east;
        // The fraction in units.
        let fraction = found.name("f").map_or("0", |digits| digits.as_str());
        let (units, ten) = (fraction.parse::<BigInt>().unwrap() * unit, BigInt::from(10).pow(fraction.len() as u32));
        let exact = &units % &ten == BigInt::ZERO;
        let value = i64::try_from(BigInt::from(seconds) * unit + units / ten).map_err(|_| "out_of_range")?;
        Ok((value, exact))
    }

    /// The number for a number of units since 1970 of which a second has ten to the power of `places`, and whether it is
    /// that exactly.
    pub(crate) fn since_epoch(self, text: &str, places: i128) -> Result<(i64, bool), &'static str> {
        let (value, exact) = match self {
            Self::Date => {
                let (seconds, exact) = number::floor(text, -places)?;
                let day: BigInt = 86_400.into();
                let (days, rest) = (&seconds / &day, &seconds % &day);
                (if rest < BigInt::ZERO { days - 1 } else { days }, exact && rest == BigInt::ZERO)
            }
            Self::OfDay(unit) | Self::Timestamp(unit) | Self::LocalTimestamp(unit) => {
                number::floor(text, i128::from(unit.ilog10()) - places)?
            }
        };
        i64::try_from(value).map(|value| (value, exact)).map_err(|_| "out_of_range")
    }

    /// Whether a number is a day from 1973 to 5138 in seconds, milliseconds, microseconds or nanoseconds, and it is
    /// another of these units that the schema has.
    pub(crate) fn doubtful(self, value: i64) -> bool {
        let (Self::Timestamp(unit) | Self::LocalTimestamp(unit)) = self else { return false };
        let lies_in = |unit: i64| {
            let unit = u128::from(unit.unsigned_abs());
            (100_000_000 * unit..100_000_000_000 * unit).contains(&u128::from(value.unsigned_abs()))
        };
        !lies_in(unit) && [1, 1_000, 1_000_000, 1_000_000_000].into_iter().any(lies_in)
    }
}

/// Days from 1970-01-01, counted year by year and month by month.
fn days(year: i64, month: i64, day: i64) -> Result<i64, &'static str> {
    let leap = |year: i64| i64::from(year % 4 == 0 && (year % 100 != 0 || year % 400 == 0));
    let month_days = |month: i64| match month {
        2 => 28 + leap(year),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    if !(1..=12).contains(&month) || !(1..=month_days(month)).contains(&day) {
        return Err("time_text");
    }
    let years: i64 = if year >= 1970 {
        (1970..year).map(|year| 365 + leap(year)).sum()
    } else {
        -(year..1970).map(|year| 365 + leap(year)).sum::<i64>()
    };
    Ok(years + (1..month).map(month_days).sum::<i64>() + day - 1)
}
