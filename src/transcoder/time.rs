//! Dates, times and timestamps: as numbers in the unit that the schema says, or as text (ISO 8601, RFC 3339).
//!
//! Comes in: the walk at a value of such a type. Goes out: the number that Avro stores. Must never: read a clock or a zone
//! database; guess the zone of a text that has none.
//!
//! | type | text |
//! |---|---|
//! | `date` | `2026-11-24` |
//! | `time-*` | `17:48:52`, `17:48:52.5`, `17:48` |
//! | `timestamp-*` | `2026-11-24T17:48:52.5Z`, with `Z` or an offset (`+01:00`, `+0100`, `+01`) |
//! | `local-timestamp-*` | the same without either |
//!
//! `T` may be `t` or one space. Digits of a fraction beyond the unit, but for zeros, are an act
//! of their own (`time_truncated`).

use super::encode::Walk;
use super::ledger::Act;
use super::logical::Logical;
use super::plan::Node;
use super::refusal::{Expected, Halt, Reason};

pub(super) const DAY_SECONDS: i64 = 86_400;
pub(super) const NANOS: i64 = 1_000_000_000;

impl<'a> Walk<'a, '_> {
    /// A number that means time, on `int` or `long`, or its text.
    pub(super) fn time(&mut self, logical: Logical, is_int: bool, node: &'a Node) -> Result<(), Halt> {
        let start = self.scan.at;
        if self.scan.peek() == b'"' {
            let text = self.scan.string()?;
            let read = parse(logical, self.scan.text(text));
            return self.moment(read, start, node);
        }
        let value = self.scan.integer(node)?;
        if is_int && i32::try_from(value).is_err() {
            return self.scan.fail(Reason::OutOfRange, start, Expected::Type(node));
        }
        if doubtful(logical, value) {
            self.note(Act::TimestampUnit, start, node)?;
        }
        self.writer.long(value);
        Ok(())
    }

    /// A time that was read from something else than its number: in the schema's unit, and whether it is that exactly.
    pub(super) fn moment(
        &mut self,
        read: Result<(i64, bool), Reason>,
        start: usize,
        node: &'a Node,
    ) -> Result<(), Halt> {
        let (value, exact) = read.or_else(|reason| self.scan.fail(reason, start, Expected::Type(node)))?;
        self.writer.long(value);
        if exact { Ok(()) } else { self.truncated(start, node) }
    }

    pub(super) fn truncated(&mut self, start: usize, node: &'a Node) -> Result<(), Halt> {
        self.note(Act::TimeTruncated, start, node)
    }
}

/// Whether a timestamp is one of our days only if its unit is another one: seconds in a field for milliseconds lie in
/// January 1970, microseconds tens of thousands of years from now. From 1973 to 5138 every unit is told from its neighbours;
/// small numbers, of the first days of 1970, are what tests use.
fn doubtful(logical: Logical, value: i64) -> bool {
    /// 1973-03-03 and 5138-11-16 in seconds.
    const FROM: u64 = 100_000_000;
    const TO: u64 = 100_000_000_000;
    let Some(unit) = logical.per_second().filter(|_| logical.is_timestamp() || logical.is_local_timestamp()) else {
        return false;
    };
    let (value, unit) = (value.unsigned_abs(), unit.unsigned_abs());
    value >= FROM && !(FROM.saturating_mul(unit)..TO.saturating_mul(unit)).contains(&value)
}

/// The number that Avro stores for a text, and whether that is all that the text says.
pub(super) fn parse(logical: Logical, text: &[u8]) -> Result<(i64, bool), Reason> {
    let mut text = Cursor(text);
    let value = match logical {
        Logical::Date => (text.date().ok_or(Reason::TimeText)?, true),
        _ if logical.is_timestamp() || logical.is_local_timestamp() => {
            let days = text.date().ok_or(Reason::TimeText)?;
            text.any_of(b"Tt ").ok_or(Reason::TimeText)?;
            let clock = text.clock()?;
            let offset = if logical.is_timestamp() { text.offset().ok_or(Reason::TimeText)? } else { 0 };
            let midnight = days * DAY_SECONDS - offset;
            in_unit(logical, Clock { seconds: midnight + clock.seconds, ..clock })?
        }
        _ => in_unit(logical, text.clock()?)?,
    };
    if text.0.is_empty() { Ok(value) } else { Err(Reason::TimeText) }
}

/// Seconds and nanoseconds, and whether finer digits were left out.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    pub(super) seconds: i64,
    pub(super) nanos: i64,
    pub(super) exact: bool,
}

/// In the unit of a logical type, and whether it is that exactly.
pub(super) fn in_unit(logical: Logical, clock: Clock) -> Result<(i64, bool), Reason> {
    let per_second = logical.per_second().ok_or(Reason::TimeText)?;
    let nanos_per_unit = NANOS / per_second;
    let exact = clock.exact && clock.nanos % nanos_per_unit == 0;
    // Below zero the whole seconds alone can be beyond a number that holds the moment itself.
    let units = i128::from(clock.seconds) * i128::from(per_second) + i128::from(clock.nanos / nanos_per_unit);
    i64::try_from(units).map(|units| (units, exact)).map_err(|_| Reason::OutOfRange)
}

/// What is left of a text.
struct Cursor<'t>(&'t [u8]);

impl Cursor<'_> {
    /// `YYYY-MM-DD` as days since 1970-01-01.
    fn date(&mut self) -> Option<i64> {
        let year = self.number(4)?;
        self.any_of(b"-")?;
        let month = self.number(2)?;
        self.any_of(b"-")?;
        let day = self.number(2)?;
        let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        let days_of_month = match month {
            1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
            4 | 6 | 9 | 11 => 30,
            2 => 28 + i64::from(leap),
            _ => return None,
        };
        (1..=days_of_month).contains(&day).then(|| days_since_epoch(year, month, day))
    }

    /// `HH:MM`, `HH:MM:SS` or `HH:MM:SS.fraction`, from midnight.
    fn clock(&mut self) -> Result<Clock, Reason> {
        let (hour, minute) = self.hour_and_minute(true).ok_or(Reason::TimeText)?;
        let (mut second, mut nanos, mut exact) = (0, 0, true);
        if self.any_of(b":").is_some() {
            second = self.number(2).filter(|second| *second < 60).ok_or(Reason::TimeText)?;
            if self.any_of(b".,").is_some() {
                (nanos, exact) = self.fraction()?;
            }
        }
        Ok(Clock { seconds: hour * 3600 + minute * 60 + second, nanos, exact })
    }

    /// Nanoseconds, and whether there were no finer digits.
    fn fraction(&mut self) -> Result<(i64, bool), Reason> {
        let digits = self.0.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (fraction, rest) = self.0.split_at_checked(digits).ok_or(Reason::TimeText)?;
        self.0 = rest;
        if fraction.is_empty() {
            return Err(Reason::TimeText);
        }
        let exact = fraction.iter().skip(9).all(|byte| *byte == b'0');
        let digits = fraction.iter().chain(std::iter::repeat(&b'0')).take(9);
        Ok((digits.fold(0, |nanos, digit| nanos * 10 + i64::from(digit - b'0')), exact))
    }

    /// `Z`, `+HH:MM`, `+HHMM` or `+HH` as seconds east of Greenwich.
    fn offset(&mut self) -> Option<i64> {
        let sign = match self.any_of(b"Zz+-")? {
            b'+' => 1,
            b'-' => -1,
            _ => return Some(0),
        };
        let (hour, minute) = if self.0.len() == 2 { (self.number(2)?, 0) } else { self.hour_and_minute(false)? };
        (hour < 24).then_some(sign * (hour * 3600 + minute * 60))
    }

    fn hour_and_minute(&mut self, colon: bool) -> Option<(i64, i64)> {
        let hour = self.number(2).filter(|hour| *hour < 24)?;
        if self.any_of(b":").is_none() && colon {
            return None;
        }
        let minute = self.number(2).filter(|minute| *minute < 60)?;
        Some((hour, minute))
    }

    fn number(&mut self, digits: usize) -> Option<i64> {
        let (number, rest) = self.0.split_at_checked(digits)?;
        self.0 = rest;
        number.iter().try_fold(0, |value, byte| byte.is_ascii_digit().then(|| value * 10 + i64::from(byte - b'0')))
    }

    fn any_of(&mut self, bytes: &[u8]) -> Option<u8> {
        let (first, rest) = self.0.split_first().filter(|(first, _)| bytes.contains(first))?;
        self.0 = rest;
        Some(*first)
    }
}

/// Days from 1970-01-01 in the proleptic Gregorian calendar: the year begins in March, so that the leap day is its last.
fn days_since_epoch(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * month + 2) / 5 + day - 1;
    let days = of_era * 365 + of_era / 4 - of_era / 100 + of_year;
    // 146,097 days in 400 years; 719,468 from 0000-03-01 to 1970-01-01.
    era * 146_097 + days - 719_468
}
