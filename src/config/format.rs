//! How single values must look, and how a value is shown in a message.
//!
//! Comes in: one value. Goes out: nothing, or a complaint. Must never: look at another key, show what may be a secret.

use super::mistake::Complaint;
use super::topics::{PLACE, Pattern};
use super::{Start, start::StartError};
use crate::transcoder::Pointer;
use figment::value::{Num, Value};
use std::net::SocketAddr;

/// Any text but none.
pub(super) fn some(text: &str) -> Result<(), Complaint> {
    match text.trim() {
        "" => Err(Complaint::new("is empty", "give it a value or leave the key out")),
        _ => Ok(()),
    }
}

/// A topic's name as the broker has it (Kafka's `org.apache.kafka.common.internals.Topic`).
pub(super) fn topic(text: &str) -> Result<(), Complaint> {
    let legal = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
    if legal && (1..=249).contains(&text.len()) && text != "." && text != ".." {
        return Ok(());
    }
    let wrong = format!("{} is no topic name", quoted(text));
    Err(Complaint::new(wrong, "use 1 to 249 of the characters a-z, A-Z, 0-9, '.', '_' and '-', not '.' or '..' alone"))
}

/// A topic's name, or a pattern, which begins with `^`.
pub(super) fn topic_or_pattern(text: &str) -> Result<(), Complaint> {
    if !text.starts_with('^') {
        return topic(text);
    }
    let next = "mend the regular expression (syntax of the Rust crate regex, ASCII classes)";
    Pattern::check(text).map_err(|why| Complaint::new(format!("{} is no pattern: {why}", quoted(text)), next))
}

/// A topic's name with or without a place for the source topic's.
pub(super) fn topic_template(text: &str) -> Result<(), Complaint> {
    template(text)?;
    topic(&text.replacen(PLACE, "x", 1)).map_err(|complaint| Complaint {
        wrong: format!("{} is no topic name", quoted(text)),
        next: format!("{}; {PLACE} stands for the source topic's name", complaint.next),
    })
}

/// Any text with at most one place for the source topic's name.
pub(super) fn template(text: &str) -> Result<(), Complaint> {
    some(text)?;
    match text.matches(PLACE).count() {
        0 | 1 => Ok(()),
        _ => Err(Complaint::new(format!("{} has {PLACE} more than once", quoted(text)), "keep one of them")),
    }
}

/// An Avro full name (Avro specification, "Names").
pub(super) fn record_name(text: &str) -> Result<(), Complaint> {
    let name = |part: &str| {
        part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') && !part.starts_with(|c: char| c.is_ascii_digit())
    };
    if text.split('.').all(|part| !part.is_empty() && name(part)) {
        return Ok(());
    }
    let wrong = format!("{} is no full name of a record", quoted(text));
    Err(Complaint::new(wrong, "write it with its namespace: com.example.Order"))
}

/// `NAME=VALUE`.
pub(super) fn setting(text: &str) -> Result<(), Complaint> {
    match text.split_once('=') {
        Some((name, _)) if !name.trim().is_empty() => Ok(()),
        _ => Err(Complaint::new(format!("{} is no NAME=VALUE", quoted(text)), "write it like retention.ms=604800000")),
    }
}

/// Each of a list of texts, which must not be empty.
pub(super) fn each(value: &Value, check: fn(&str) -> Result<(), Complaint>) -> Result<(), Complaint> {
    if let Value::Array(_, items) = value
        && let Some(other) = items.iter().find(|item| item.as_str().is_none())
    {
        return Err(Complaint::new(format!("holds {}", shown(other)), "write each in quotes"));
    }
    match texts(value).as_slice() {
        [] => some(""),
        texts => texts.iter().try_for_each(|text| check(text)),
    }
}

/// The texts of a list, or of one text, split at white space.
pub(super) fn texts(value: &Value) -> Vec<&str> {
    match value {
        Value::Array(_, items) => items.iter().filter_map(Value::as_str).collect(),
        Value::String(_, text) => text.split_whitespace().collect(),
        _ => Vec::new(),
    }
}

/// An address and a port.
pub(super) fn listen(text: &str) -> Result<(), Complaint> {
    match text.parse::<SocketAddr>() {
        Ok(_) => Ok(()),
        Err(_) => Err(Complaint::new(
            format!("{} is no address with a port", quoted(text)),
            "use an IP address and a port: 127.0.0.1:9464, 0.0.0.0:9464 or [::]:9464",
        )),
    }
}

/// Levels, each for everything or for one target: `warn,json2avro::pipeline=debug`. Stricter than `EnvFilter`, which
/// takes a misspelt level for the name of a target.
pub(super) fn level(text: &str) -> Result<(), Complaint> {
    let known = |level: &str| ["off", "error", "warn", "info", "debug", "trace"].contains(&level);
    let target = |name: &str| !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_:".contains(&b));
    let fits = text.split(',').all(|part| match part.split_once('=') {
        Some((name, level)) => target(name) && known(level),
        None => known(part),
    });
    if fits {
        return Ok(());
    }
    let next =
        "use off, error, warn, info, debug or trace, and behind a comma target=level: info,json2avro::kafka=debug";
    Err(Complaint::new(format!("is {}", quoted(text)), next))
}

/// A registry's base URL. It is never shown: it may hold what must not be seen.
pub(super) fn url(text: &str) -> Result<(), Complaint> {
    const NEXT: &str = "use http:// or https://, a host, and the path if there is one: http://localhost:8081";
    let Ok(url) = reqwest::Url::parse(text) else {
        return Err(Complaint::new("is no URL", NEXT));
    };
    if !url.username().is_empty() || url.password().is_some() {
        return Err(Complaint::new("holds a user name or password", "take it out; use username and password_file"));
    }
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none_or(str::is_empty) {
        return Err(Complaint::new("is no http or https URL", NEXT));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(Complaint::new("has a query or a fragment", "take away '?' or '#' and all behind it"));
    }
    Ok(())
}

/// A JSON pointer.
pub(super) fn pointer(text: &str) -> Result<(), Complaint> {
    match text.parse::<Pointer>() {
        Ok(_) => Ok(()),
        Err(_) => Err(Complaint::new(
            format!("{} is no JSON pointer (RFC 6901)", quoted(text)),
            "use /payload, /a/b, or nothing for the whole document; ~1 stands for /, ~0 for ~",
        )),
    }
}

/// How far a clock is from UTC.
pub(super) fn offset(text: &str) -> Result<(), Complaint> {
    match seconds_east(text) {
        Some(_) => Ok(()),
        None => Err(Complaint::new(format!("is {}", quoted(text)), "use +HH:MM or -HH:MM: +00:00 is UTC")),
    }
}

/// `+HH:MM` in seconds east of Greenwich.
pub(super) fn seconds_east(text: &str) -> Option<i32> {
    let (sign, rest) = text.split_at_checked(1)?;
    let (hours, minutes) = rest.split_once(':').filter(|(hours, minutes)| hours.len() == 2 && minutes.len() == 2)?;
    let number = |text: &str, below: i32| {
        let digits = text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse::<i32>().ok().filter(|number| digits && *number < below)
    };
    let seconds = number(hours, 24)? * 3600 + number(minutes, 60)? * 60;
    match sign {
        "+" => Some(seconds),
        "-" => Some(-seconds),
        _ => None,
    }
}

/// Where a group's first start begins.
pub(super) fn start(value: &Value) -> Result<Start, Complaint> {
    let text = match value {
        Value::String(_, text) => text.clone(),
        Value::Num(_, number) => number.to_i128().map(|millis| millis.to_string()).unwrap_or_default(),
        _ => String::new(),
    };
    text.parse().map_err(|error: StartError| Complaint::new(format!("is {}", shown(value)), error.to_string()))
}

/// A value for a message.
pub(super) fn shown(value: &Value) -> String {
    match value {
        Value::String(_, text) => quoted(text),
        Value::Char(_, letter) => quoted(&letter.to_string()),
        Value::Bool(_, flag) => flag.to_string(),
        Value::Num(_, number) => digits(number),
        Value::Empty(..) => "nothing".to_owned(),
        Value::Dict(..) => "a table".to_owned(),
        Value::Array(..) => "a list".to_owned(),
    }
}

/// A number as text: `5`, `0.5`.
pub(super) fn digits(number: &Num) -> String {
    match (number.to_i128(), number.to_u128(), number.to_f64()) {
        (Some(integer), ..) => integer.to_string(),
        (_, Some(integer), _) => integer.to_string(),
        (.., float) => float.unwrap_or(f64::NAN).to_string(),
    }
}

/// Text in quotes, on one line, not endless.
pub(super) fn quoted(text: &str) -> String {
    match text.char_indices().nth(60) {
        Some((cut, _)) => format!("{:?}...", text.get(..cut).unwrap_or_default()),
        None => format!("{text:?}"),
    }
}
