//! Where reading starts, out of text: a word, an RFC 3339 timestamp, or milliseconds.
//!
//! Comes in: what someone typed. Goes out: a `Start`. Must never: guess a time zone or drop a digit.

use super::Start;
use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;

/// What is expected of such a text.
const EXPECTED: &str =
    "earliest, latest, a timestamp with its zone (2026-11-01T00:00:00Z) or milliseconds since 1970 as an integer";

/// A text that names no start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StartError;

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "use {EXPECTED}")
    }
}

impl std::error::Error for StartError {}

impl FromStr for Start {
    type Err = StartError;

    fn from_str(text: &str) -> Result<Self, StartError> {
        let millis = match text {
            "earliest" => return Ok(Self::Earliest),
            "latest" => return Ok(Self::Latest),
            _ if text.bytes().all(|byte| byte.is_ascii_digit()) => text.parse().ok(),
            _ => millis(text),
        };
        millis.filter(|millis| *millis >= 0).map(Self::Timestamp).ok_or(StartError)
    }
}

/// An RFC 3339 timestamp (section 5.6) as milliseconds since the Unix epoch. Exact: no leap second, which the epoch
/// does not count, and no digit beyond the millisecond.
fn millis(text: &str) -> Option<i64> {
    let mut rest = text;
    let year = digits(&mut rest, 4, 0..=9999)?;
    mark(&mut rest, "-")?;
    let month = digits(&mut rest, 2, 1..=12)?;
    mark(&mut rest, "-")?;
    let day = digits(&mut rest, 2, 1..=days_in(year, month))?;
    mark(&mut rest, "Tt ")?;
    let hour = digits(&mut rest, 2, 0..=23)?;
    mark(&mut rest, ":")?;
    let minute = digits(&mut rest, 2, 0..=59)?;
    mark(&mut rest, ":")?;
    let second = digits(&mut rest, 2, 0..=59)?;
    let fraction = fraction(&mut rest)?;
    let offset = offset(&mut rest)?;
    if !rest.is_empty() {
        return None;
    }
    let minutes = (days_since_epoch(year, month, day) * 24 + hour) * 60 + minute - offset;
    Some((minutes * 60 + second) * 1000 + fraction)
}

/// One to three digits behind a dot, as milliseconds; 0 where there is no dot.
fn fraction(rest: &mut &str) -> Option<i64> {
    if mark(rest, ".").is_none() {
        return Some(0);
    }
    match rest.bytes().take_while(u8::is_ascii_digit).count() {
        1 => Some(digits(rest, 1, 0..=9)? * 100),
        2 => Some(digits(rest, 2, 0..=99)? * 10),
        3 => digits(rest, 3, 0..=999),
        _ => None,
    }
}

/// The zone's minutes ahead of UTC.
fn offset(rest: &mut &str) -> Option<i64> {
    let sign = match mark(rest, "Zz+-")? {
        '+' => 1,
        '-' => -1,
        _ => return Some(0),
    };
    let hours = digits(rest, 2, 0..=23)?;
    mark(rest, ":")?;
    Some(sign * (hours * 60 + digits(rest, 2, 0..=59)?))
}

fn digits(rest: &mut &str, count: usize, range: RangeInclusive<i64>) -> Option<i64> {
    let (number, behind) = rest.split_at_checked(count)?;
    if !number.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    *rest = behind;
    number.parse().ok().filter(|number| range.contains(number))
}

fn mark(rest: &mut &str, marks: &str) -> Option<char> {
    let mark = rest.chars().next().filter(|mark| marks.contains(*mark))?;
    *rest = rest.get(mark.len_utf8()..)?;
    Some(mark)
}

fn days_in(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from 1970-01-01, in years that begin in March so that the leap day comes last.
fn days_since_epoch(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    year * 365 + leap_days + (month * 153 + 2) / 5 + day - 1 - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_start_is_exact_or_refused() {
        // The numbers: `date -u -d TEXT +%s%3N` (GNU).
        let table = [
            ("earliest", Some(Start::Earliest)),
            ("latest", Some(Start::Latest)),
            ("0", Some(Start::Timestamp(0))),
            ("1793491200000", Some(Start::Timestamp(1_793_491_200_000))),
            ("1970-01-01T00:00:00Z", Some(Start::Timestamp(0))),
            ("2026-11-01T00:00:00Z", Some(Start::Timestamp(1_793_491_200_000))),
            ("2026-11-01T01:30:00+01:30", Some(Start::Timestamp(1_793_491_200_000))),
            ("2026-10-31t19:00:00.25-05:00", Some(Start::Timestamp(1_793_491_200_250))),
            ("2000-02-29 23:59:59.999Z", Some(Start::Timestamp(951_868_799_999))),
            ("2024-12-31T23:59:59Z", Some(Start::Timestamp(1_735_689_599_000))),
            ("9999-12-31T23:59:59.9z", Some(Start::Timestamp(253_402_300_799_900))),
            ("", None),
            ("Earliest", None),
            ("-1", None),
            ("1e5", None),
            ("99999999999999999999", None),
            ("2026-11-01", None),
            ("2026-11-01T00:00:00", None),
            ("2026-11-01T00:00:00Zx", None),
            ("2026-11-01T24:00:00Z", None),
            ("2026-11-01T00:00:60Z", None),
            ("2026-11-01T00:00:00.1234Z", None),
            ("2026-11-01T00:00:00.Z", None),
            ("2026-02-29T00:00:00Z", None),
            ("1900-02-29T00:00:00Z", None),
            ("1969-12-31T23:59:59Z", None),
            ("2026-1é-01T00:00:00Z", None),
        ];
        for (text, start) in table {
            assert_eq!(text.parse().ok(), start, "{text}");
        }
    }
}
