//! Dates, times and timestamps in a format that the options say for their place: numbers in another unit than the schema's,
//! or text by a strptime pattern.
//!
//! Comes in: the walk at a value of such a place. Goes out: the number that Avro stores. Must never: read a clock or a zone
//! database, or take a text that is not all of the pattern.

use super::encode::Walk;
use super::integral;
use super::logical::Logical;
use super::number::is_number;
use super::plan::Node;
use super::refusal::{Halt, Reason};
use super::time::{Clock, DAY_SECONDS, NANOS, in_unit};
use chrono::format::{Fixed, Item, Numeric, Parsed, StrftimeItems, parse};
use chrono::{DateTime, FixedOffset, NaiveDate, NaiveTime};
use std::fmt::{self, Write as _};

/// A type of time with the format of its values in JSON.
#[derive(Debug)]
pub(super) struct Timed {
    pub(super) logical: Logical,
    pub(super) is_int: bool,
    pub(super) format: Format,
}

/// How a time is spelt in JSON.
#[derive(Clone, Debug)]
pub(super) enum Format {
    /// A number, or a string that spells one, of units of which a second has ten to the power of this.
    Epoch(i64),
    /// Text by a strptime pattern; `offset` is how many seconds east of Greenwich its clock is, where the text does not say.
    Pattern { text: Box<str>, items: Vec<Item<'static>>, offset: Option<i64> },
}

impl Format {
    /// Reads `epoch_s`, `epoch_ms`, `epoch_us`, `epoch_ns`, or a pattern (chrono's strftime specifiers).
    ///
    /// # Errors
    /// When it is none, with what is wrong.
    pub(super) fn new(text: &str, offset: Option<i64>) -> Result<Self, &'static str> {
        let places = match text {
            "epoch_s" => 0,
            "epoch_ms" => 3,
            "epoch_us" => 6,
            "epoch_ns" => 9,
            _ if text.contains('%') => {
                let items = StrftimeItems::new(text).parse_to_owned().map_err(|_| "has a % that is no specifier")?;
                return Ok(Self::Pattern { text: text.into(), items, offset });
            }
            _ => return Err("is neither epoch_s, epoch_ms, epoch_us, epoch_ns nor a pattern such as %d/%m/%Y"),
        };
        Ok(Self::Epoch(places))
    }

    /// Whether its text tells how far its clock is from Greenwich.
    pub(super) fn tells_offset(&self) -> bool {
        match self {
            Self::Epoch(_) => true,
            Self::Pattern { items, offset, .. } => {
                offset.is_some()
                    || items.iter().any(|item| match item {
                        Item::Numeric(Numeric::Timestamp, _) => true,
                        Item::Fixed(fixed) => matches!(
                            fixed,
                            Fixed::TimezoneOffset
                                | Fixed::TimezoneOffsetColon
                                | Fixed::TimezoneOffsetColonZ
                                | Fixed::TimezoneOffsetDoubleColon
                                | Fixed::TimezoneOffsetTripleColon
                                | Fixed::TimezoneOffsetZ
                                | Fixed::RFC2822
                                | Fixed::RFC3339
                        ),
                        _ => false,
                    })
            }
        }
    }
}

impl Timed {
    /// The type and its format, for a person.
    pub(super) fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let base = if self.is_int { "int" } else { "long" };
        match &self.format {
            Format::Epoch(places) => {
                let unit = match places {
                    0 => "seconds",
                    3 => "milliseconds",
                    6 => "microseconds",
                    _ => "nanoseconds",
                };
                write!(f, "{base} ({}: a number of {unit})", self.logical.label())
            }
            Format::Pattern { text, .. } => write!(f, "{base} ({}: {text})", self.logical.label()),
        }
    }

    /// A value as it is spelt here: a number of the format's unit, or text by the pattern; one that the pattern cannot say
    /// as the number that Avro stores.
    pub(super) fn print(&self, value: i64, json: &mut Vec<u8>) {
        let per_second = self.logical.per_second();
        let text = match &self.format {
            Format::Epoch(places) => match per_second {
                Some(per_second) => format!("{value}e{}", places - i64::from(per_second.ilog10())),
                None => format!("{}e{places}", i128::from(value) * i128::from(DAY_SECONDS)),
            },
            Format::Pattern { items, offset, .. } => {
                let unit = per_second.unwrap_or(1);
                let seconds =
                    if per_second.is_some() { value.div_euclid(unit) } else { value.saturating_mul(DAY_SECONDS) };
                let nanos = if per_second.is_some() { value.rem_euclid(unit) * (NANOS / unit) } else { 0 };
                let east = i32::try_from(offset.unwrap_or(0)).ok().and_then(FixedOffset::east_opt);
                let time = DateTime::from_timestamp(seconds, u32::try_from(nanos).unwrap_or(0));
                match (time, east) {
                    (Some(time), Some(east)) => {
                        let mut text = String::new();
                        let shown = time.with_timezone(&east).format_with_items(items.iter());
                        if write!(text, "{shown}").is_ok() { format!("{text:?}") } else { value.to_string() }
                    }
                    _ => value.to_string(),
                }
            }
        };
        json.extend_from_slice(text.as_bytes());
    }

    /// A number's text in the schema's unit, and whether it is that exactly.
    fn of_epoch(&self, text: &str, places: i64) -> Result<(i64, bool), Reason> {
        match self.logical.per_second() {
            Some(per_second) => integral::scaled(text, i64::from(per_second.ilog10()) - places),
            None => {
                let (seconds, exact) = integral::scaled(text, -places)?;
                Ok((seconds.div_euclid(DAY_SECONDS), exact && seconds.rem_euclid(DAY_SECONDS) == 0))
            }
        }
    }

    fn of_pattern(&self, text: &str, items: &[Item<'static>], offset: Option<i64>) -> Result<(i64, bool), Reason> {
        let mut parsed = Parsed::new();
        parse(&mut parsed, text, items.iter()).map_err(|_| Reason::TimeText)?;
        let epoch = NaiveDate::default();
        let of_day = |time: NaiveTime| {
            let since = time.signed_duration_since(NaiveTime::MIN);
            Clock { seconds: since.num_seconds(), nanos: i64::from(since.subsec_nanos()), exact: true }
        };
        match self.logical {
            Logical::Date => {
                let date = parsed.to_naive_date().map_err(|_| Reason::TimeText)?;
                Ok((date.signed_duration_since(epoch).num_days(), true))
            }
            Logical::TimeMillis | Logical::TimeMicros => {
                in_unit(self.logical, of_day(parsed.to_naive_time().map_err(|_| Reason::TimeText)?))
            }
            _ => {
                // A local timestamp is what the clock on the wall says, wherever it hangs. Seconds since 1970 hang in
                // Greenwich.
                let told = if parsed.timestamp().is_some() { Some(0) } else { parsed.offset().map(i64::from) };
                let east = if self.logical.is_timestamp() { told.or(offset).unwrap_or(0) } else { 0 };
                let local = parsed.to_naive_datetime_with_offset(0).map_err(|_| Reason::TimeText)?;
                let days = local.date().signed_duration_since(epoch).num_days();
                let clock = of_day(local.time());
                let seconds = days * DAY_SECONDS + clock.seconds - east;
                in_unit(self.logical, Clock { seconds, ..clock })
            }
        }
    }
}

impl<'a> Walk<'a, '_> {
    #[inline(never)]
    pub(super) fn timed(&mut self, timed: &'a Timed, node: &'a Node) -> Result<(), Halt> {
        let start = self.scan.at;
        let read = match (&timed.format, self.scan.peek()) {
            (Format::Pattern { items, offset, .. }, b'"') => {
                let text = self.scan.string()?;
                let text = str::from_utf8(self.scan.text(text)).unwrap_or_default();
                timed.of_pattern(text, items, *offset)
            }
            (Format::Pattern { .. }, _) => return self.scan.mismatch(node),
            (Format::Epoch(places), b'"') => {
                let text = self.scan.string()?;
                let text = str::from_utf8(self.scan.text(text)).unwrap_or_default();
                if is_number(text) { timed.of_epoch(text, *places) } else { Err(Reason::TimeText) }
            }
            (Format::Epoch(places), _) => {
                let number = self.scan.number(node)?;
                timed.of_epoch(self.scan.number_text(number), *places)
            }
        };
        let fits = |value: i64| !timed.is_int || i32::try_from(value).is_ok();
        let read =
            read.and_then(|(value, exact)| if fits(value) { Ok((value, exact)) } else { Err(Reason::OutOfRange) });
        self.moment(read, start, node)
    }
}
