//! Durations: months, days and milliseconds, which do not convert into one another (specification 1.12, "Duration").
//!
//! Comes in: `P1Y2M3W4DT5H6M7.5S` (ISO 8601), or the 12 bytes. Goes out: the 12 bytes, or the text. Must never: turn months
//! into days or days into hours.

use super::refusal::Reason;
use std::fmt;

/// Whether a string is a duration's text rather than its 12 bytes.
pub(super) fn is_text(text: &[u8]) -> bool {
    text.first() == Some(&b'P') && text.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b','))
}

/// The 12 bytes of a text, and whether a fraction finer than a millisecond was cut off. A year is 12 months, a week is 7
/// days, hours, minutes and seconds are milliseconds.
pub(super) fn parse(text: &[u8]) -> Result<([u8; 12], bool), Reason> {
    let mut rest = text.strip_prefix(b"P").ok_or(Reason::DurationText)?;
    let [mut months, mut days, mut millis] = [0u64; 3];
    let (mut in_time, mut last, mut truncated, mut parts) = (false, 0, false, 0);
    while let Some(first) = rest.first() {
        if *first == b'T' && !in_time {
            (in_time, parts) = (true, 0);
            rest = rest.get(1..).unwrap_or_default();
            continue;
        }
        let (number, after) = digits(rest)?;
        let (fraction, after) = match after.split_first() {
            Some((b'.' | b',', after)) => {
                let (_, end) = digits(after)?;
                (after.get(..after.len() - end.len()).unwrap_or_default(), end)
            }
            _ => (&[][..], after),
        };
        let (unit, after) = after.split_first().ok_or(Reason::DurationText)?;
        // The order of the units, each once.
        let place = match (in_time, unit) {
            (false, b'Y') => 1,
            (false, b'M') => 2,
            (false, b'W') => 3,
            (false, b'D') => 4,
            (true, b'H') => 5,
            (true, b'M') => 6,
            (true, b'S') => 7,
            _ => return Err(Reason::DurationText),
        };
        if place <= last || !fraction.is_empty() && place != 7 {
            return Err(Reason::DurationText);
        }
        let (sum, factor) = match place {
            1 => (&mut months, 12),
            2 => (&mut months, 1),
            3 => (&mut days, 7),
            4 => (&mut days, 1),
            5 => (&mut millis, 3_600_000),
            6 => (&mut millis, 60_000),
            _ => (&mut millis, 1000),
        };
        *sum = number.checked_mul(factor).and_then(|part| sum.checked_add(part)).ok_or(Reason::OutOfRange)?;
        let thousandths = fraction.iter().chain(b"000").take(3);
        let thousandths = thousandths.fold(0, |value, digit| value * 10 + u64::from(digit - b'0'));
        millis = millis.checked_add(if place == 7 { thousandths } else { 0 }).ok_or(Reason::OutOfRange)?;
        truncated |= fraction.iter().skip(3).any(|digit| *digit != b'0');
        (rest, last, parts) = (after, place, parts + 1);
    }
    if parts == 0 {
        return Err(Reason::DurationText);
    }
    let mut bytes = [0; 12];
    for (part, value) in bytes.chunks_mut(4).zip([months, days, millis]) {
        let value = u32::try_from(value).map_err(|_| Reason::OutOfRange)?;
        part.copy_from_slice(&value.to_le_bytes());
    }
    Ok((bytes, truncated))
}

/// The digits that a text starts with, at least one, and what is behind them.
fn digits(text: &[u8]) -> Result<(u64, &[u8]), Reason> {
    let end = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (digits, rest) = text.split_at_checked(end).filter(|_| end > 0).ok_or(Reason::DurationText)?;
    let add = |value: u64, digit: &u8| value.checked_mul(10)?.checked_add(u64::from(digit - b'0'));
    let value = digits.iter().try_fold(0, add).unwrap_or(u64::MAX);
    Ok((value, rest))
}

/// 12 bytes as text that is parsed to the same bytes.
pub(super) fn print(bytes: &[u8; 12], out: &mut impl fmt::Write) -> fmt::Result {
    let mut parts = bytes.chunks(4).map(|part| part.first_chunk().map_or(0, |part| u32::from_le_bytes(*part)));
    let [months, days, millis] = std::array::from_fn(|_| parts.next().unwrap_or_default());
    out.write_char('P')?;
    for (value, unit) in [(months, 'M'), (days, 'D')] {
        if value > 0 {
            write!(out, "{value}{unit}")?;
        }
    }
    if millis > 0 || months == 0 && days == 0 {
        write!(out, "T{}.{:03}S", millis / 1000, millis % 1000)?;
    }
    Ok(())
}
