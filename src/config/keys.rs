//! The key table: every key that is ours, with what it holds. The one place that knows which keys exist.
//!
//! Comes in: an address or a value. Goes out: what the address holds, whether the value fits. Must never: hold a default
//! (`config/default.toml` does) or know a librdkafka property (librdkafka does).

use super::format;
use super::mistake::Complaint;
use figment::value::Value;

/// What lies under one top-level name.
#[derive(Debug)]
pub(super) enum Section {
    /// The keys themselves.
    Keys(&'static [&'static [Key]]),
    /// Named tables of these keys.
    Tables(&'static [&'static [Key]]),
    /// Named tables of librdkafka properties.
    Properties,
}

/// One key.
#[derive(Debug)]
pub(super) struct Key {
    /// Dotted, from its table.
    pub(super) path: &'static str,
    pub(super) kind: Kind,
}

/// What a key holds.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    /// Text that passes a check.
    Text(fn(&str) -> Result<(), Complaint>),
    /// Such a text, or a list of them; one text is split at white space.
    Texts(fn(&str) -> Result<(), Complaint>),
    /// Text that is never shown.
    Secret,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// An integer from .. to.
    Integer(i64, i64),
    /// A number above 0, at most 1.
    Share,
    /// true or false.
    Flag,
    /// Where a group's first start begins.
    Start,
}

/// The top level.
pub(super) const SECTIONS: &[(&str, Section)] = &[
    ("log", Section::Keys(&[LOG])),
    ("admin", Section::Keys(&[ADMIN])),
    ("drain", Section::Keys(&[DRAIN])),
    ("memory", Section::Keys(&[MEMORY])),
    ("kafka", Section::Properties),
    ("registry", Section::Tables(&[REGISTRY])),
    ("defaults", Section::Keys(PIPELINE)),
    ("pipeline", Section::Tables(PIPELINE)),
];

const MIB: i64 = 1 << 20;
const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;

const LOG: &[Key] = &[key("format", Kind::Choice(&["json", "human"])), key("level", Kind::Text(format::level))];

const ADMIN: &[Key] =
    &[key("listen", Kind::Text(format::listen)), key("live_timeout_ms", Kind::Integer(1000, HOUR_MS))];

const DRAIN: &[Key] = &[key("timeout_ms", Kind::Integer(100, HOUR_MS))];

const MEMORY: &[Key] = &[key("budget_bytes", Kind::Integer(32 * MIB, 1024 * 1024 * MIB))];

const REGISTRY: &[Key] = &[
    key("url", Kind::Texts(format::url)),
    key("ca_file", Kind::Text(format::some)),
    key("username", Kind::Text(format::some)),
    key("password", Kind::Secret),
    key("password_file", Kind::Text(format::some)),
    key("request_timeout_ms", Kind::Integer(10, 10 * MINUTE_MS)),
    key("failure_cache_ms", Kind::Integer(1, HOUR_MS)),
];

const ANSWERS: &[&str] = &["accept", "reject"];

/// The keys of `lossy` below a prefix: one for each `transcoder::Act`.
macro_rules! and_lossy {
    ($under:literal, [$($others:expr),* $(,)?]) => {
        &[
            $($others,)*
            key(concat!($under, "lossy.unknown_field"), Kind::Choice(ANSWERS)),
            key(concat!($under, "lossy.duplicate_key"), Kind::Choice(ANSWERS)),
            key(concat!($under, "lossy.default_filled"), Kind::Choice(ANSWERS)),
            key(concat!($under, "lossy.null_filled"), Kind::Choice(ANSWERS)),
            key(concat!($under, "lossy.null_replaced"), Kind::Choice(ANSWERS)),
            key(concat!($under, "lossy.enum_default"), Kind::Choice(ANSWERS)),
            key(concat!($under, "lossy.rounded"), Kind::Choice(ANSWERS)),
            key(concat!($under, "lossy.infinity"), Kind::Choice(ANSWERS)),
            key(concat!($under, "lossy.decimal_rounded"), Kind::Choice(ANSWERS)),
            key(concat!($under, "lossy.time_truncated"), Kind::Choice(ANSWERS)),
            key(concat!($under, "lossy.timestamp_unit"), Kind::Choice(ANSWERS)),
            key(concat!($under, "lossy.number_from_string"), Kind::Choice(ANSWERS)),
            key(concat!($under, "lossy.decimal_from_string"), Kind::Choice(ANSWERS)),
            key(concat!($under, "lossy.boolean_from_string"), Kind::Choice(ANSWERS)),
            key(concat!($under, "lossy.boolean_from_number"), Kind::Choice(ANSWERS)),
            key(concat!($under, "lossy.string_from_number"), Kind::Choice(ANSWERS)),
            key(concat!($under, "lossy.string_from_boolean"), Kind::Choice(ANSWERS)),
            key(concat!($under, "lossy.string_from_json"), Kind::Choice(ANSWERS)),
            key(concat!($under, "lossy.ambiguous_union"), Kind::Choice(ANSWERS)),
        ]
    };
}

/// The keys of a record's key or value.
macro_rules! of_part {
    ($part:literal) => {
        and_lossy!(
            $part,
            [
                key(concat!($part, "output_format"), Kind::Choice(&["avro", "same"])),
                key(concat!($part, "input_format"), Kind::Choice(&["json", "text"])),
                key(concat!($part, "input_framing"), Kind::Choice(&["none", "confluent"])),
                key(concat!($part, "subject"), Kind::Text(format::template)),
                key(concat!($part, "subject_strategy"), Kind::Choice(STRATEGIES)),
                key(concat!($part, "record_name"), Kind::Text(format::record_name)),
                key(concat!($part, "schema"), Kind::Choice(&["latest", "version", "id", "file"])),
                key(concat!($part, "version"), Kind::Integer(1, i32::MAX as i64)),
                key(concat!($part, "id"), Kind::Integer(1, i32::MAX as i64)),
                key(concat!($part, "file"), Kind::Text(format::some)),
                key(concat!($part, "register"), Kind::Flag),
                key(concat!($part, "refresh_ms"), Kind::Integer(100, 24 * HOUR_MS)),
                key(concat!($part, "root"), Kind::Text(format::pointer)),
                key(concat!($part, "unions"), Kind::Choice(&["plain", "tagged", "auto"])),
                key(concat!($part, "bytes"), Kind::Choice(BYTES)),
                key(concat!($part, "names"), Kind::Choice(&["exact", "any_case", "any_style"])),
                key(concat!($part, "aliases"), Kind::Flag),
            ]
        )
    };
}

const BYTES: &[&str] = &["latin1", "base64", "hex", "utf8"];

/// The table of a key or value that holds tables for single places of the schema.
pub(super) const PATH: &str = "path";

/// The keys of such a table.
pub(super) const OF_PATH: &[Key] = and_lossy!(
    "",
    [
        key("key", Kind::Text(format::some)),
        key("bytes", Kind::Choice(BYTES)),
        key("format", Kind::Text(format::some)),
        key("offset", Kind::Text(format::offset)),
        key("discriminator", Kind::Text(format::some)),
        key("branches", Kind::Texts(format::setting)),
    ]
);

const STRATEGIES: &[&str] = &["topic_name", "record_name", "topic_record_name"];

/// The table of a pipeline that holds tables for single topics.
pub(super) const TOPIC: &str = "topic";

/// The keys of such a table.
pub(super) const OF_TOPIC: &[&[Key]] =
    &[&[key("sink.topic", Kind::Text(format::topic_template))], of_part!("key."), of_part!("value.")];

const PIPELINE: &[&[Key]] = &[
    &[
        key("group_id", Kind::Text(format::some)),
        key("group_instance_id", Kind::Text(format::some)),
        key("delivery", Kind::Choice(&["at_least_once", "exactly_once"])),
        key("transaction.prefix", Kind::Text(format::some)),
        key("transaction.instance", Kind::Text(format::some)),
        key("transaction.timeout_ms", Kind::Integer(2000, 15 * MINUTE_MS)),
        key("transaction.cut_ms", Kind::Integer(1, 7 * MINUTE_MS)),
        key("transaction.cut_records", Kind::Integer(1, 10_000_000)),
        key("transaction.cut_bytes", Kind::Integer(1024, 8192 * MIB)),
        key("start", Kind::Start),
        key("out_of_range", Kind::Choice(&["stop", "earliest", "latest"])),
        key("commit_interval_ms", Kind::Integer(10, 10 * MINUTE_MS)),
        key("in_flight_bytes", Kind::Integer(1024, 8192 * MIB)),
        key("lanes", Kind::Integer(1, 64)),
        key("source.kafka", Kind::Text(format::some)),
        key("source.topic", Kind::Texts(format::topic_or_pattern)),
        key("source.topic_refresh_ms", Kind::Integer(100, 24 * HOUR_MS)),
        key("sink.kafka", Kind::Text(format::some)),
        key("sink.registry", Kind::Text(format::some)),
        key("sink.partitioning", Kind::Choice(&["preserve", "by_key"])),
        key("sink.source_position", Kind::Flag),
        key("sink.create", Kind::Flag),
        key("sink.create_partitions", Kind::Integer(0, 100_000)),
        key("sink.create_replication_factor", Kind::Integer(0, 1000)),
        key("sink.create_settings", Kind::Texts(format::setting)),
        key("refused.policy", Kind::Choice(&["dead_letter", "skip", "stop"])),
        key("refused.dead_letter_topic", Kind::Text(format::topic)),
        key("refused.flood_window", Kind::Integer(0, 1_000_000)),
        key("refused.flood_share", Kind::Share),
        key("sink.topic", Kind::Text(format::topic_template)),
    ],
    of_part!("key."),
    of_part!("value."),
];

const fn key(path: &'static str, kind: Kind) -> Key {
    Key { path, kind }
}

impl Section {
    /// The section with this name.
    pub(super) fn named(name: &str) -> Option<&'static Self> {
        SECTIONS.iter().find(|(known, _)| *known == name).map(|(_, section)| section)
    }

    /// What the key at `path` in this section's tables holds, if it is a known key of ours.
    pub(super) fn kind(&self, path: &str) -> Option<Kind> {
        match self {
            Self::Keys(keys) | Self::Tables(keys) => {
                let found = |keys: &[&[Key]], path: &str| {
                    keys.iter().copied().flatten().find(|key| key.path == path).map(|key| key.kind)
                };
                found(keys, path).or_else(|| found(OF_TOPIC, of_topic(path)?.1))
            }
            Self::Properties => None,
        }
    }
}

/// The topic and the key that `topic.NAME.KEY` is about. The name may hold dots.
pub(super) fn of_topic(path: &str) -> Option<(&str, &str)> {
    let rest = path.strip_prefix(TOPIC)?.strip_prefix('.')?;
    OF_TOPIC.iter().copied().flatten().find_map(|key| Some((rest.strip_suffix(key.path)?.strip_suffix('.')?, key.path)))
}

impl Kind {
    /// A text from the environment or a flag as this kind understands it. What it does not understand stays text, for
    /// `check` to refuse.
    pub(super) fn read(self, text: &str) -> Value {
        match self {
            Self::Integer(..) => text.parse::<i64>().map_or_else(|_| Value::from(text), Value::from),
            Self::Share => text.parse::<f64>().map_or_else(|_| Value::from(text), Value::from),
            Self::Flag => text.parse::<bool>().map_or_else(|_| Value::from(text), Value::from),
            Self::Text(_) | Self::Texts(_) | Self::Secret | Self::Choice(_) | Self::Start => Value::from(text),
        }
    }

    /// Whether the value fits.
    pub(super) fn check(self, value: &Value) -> Result<(), Complaint> {
        let fits = match (self, value) {
            (Self::Text(check), Value::String(_, text)) => return check(text),
            (Self::Texts(check), Value::String(..) | Value::Array(..)) => return format::each(value, check),
            (Self::Secret, Value::String(..)) | (Self::Flag, Value::Bool(..)) => true,
            (Self::Choice(words), Value::String(_, text)) => words.contains(&text.as_str()),
            (Self::Integer(least, most), Value::Num(_, number)) => {
                number.to_i128().is_some_and(|n| i128::from(least) <= n && n <= i128::from(most))
            }
            (Self::Share, Value::Num(_, number)) => {
                let share = number.to_f64().or_else(|| number.to_i128().map(|n| n as f64));
                share.is_some_and(|share| share > 0.0 && share <= 1.0)
            }
            (Self::Start, _) => return format::start(value).map(drop),
            _ => false,
        };
        if fits { Ok(()) } else { Err(self.complain(value)) }
    }

    fn complain(self, value: &Value) -> Complaint {
        let next = match self {
            Self::Text(_) => "write text in quotes".to_owned(),
            Self::Texts(_) => "write text in quotes, or a list of such texts".to_owned(),
            Self::Secret => return Complaint::new("is not text", "write text in quotes"),
            Self::Choice(words) => format!("use {}", alternatives(words)),
            Self::Integer(least, most) => format!("use an integer from {least} to {most}"),
            Self::Share => "use a number above 0, at most 1".to_owned(),
            Self::Flag => "use true or false".to_owned(),
            Self::Start => super::start::StartError.to_string(),
        };
        Complaint::new(format!("is {}", format::shown(value)), next)
    }
}

/// `a`, `a or b`, `a, b or c`.
pub(super) fn alternatives<T: AsRef<str>>(words: &[T]) -> String {
    let words: Vec<&str> = words.iter().map(AsRef::as_ref).collect();
    match words.split_last() {
        Some((last, [])) => (*last).to_owned(),
        Some((last, others)) => format!("{} or {last}", others.join(", ")),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transcoder::{Act, Acts};
    use std::collections::BTreeSet;

    #[test]
    fn every_act_has_its_key_and_the_default_that_the_transcoder_has() {
        let defaults: toml_edit::DocumentMut = include_str!("../../config/default.toml").parse().unwrap_or_default();
        for (act, part) in Act::ALL.into_iter().flat_map(|act| [(act, "key"), (act, "value")]) {
            let wanted = if Acts::default().contains(act) { "accept" } else { "reject" };
            let given =
                defaults.get("defaults").and_then(|all| all.get(part)?.get("lossy")?.get(act.label())?.as_str());
            assert_eq!(given, Some(wanted), "{part}.lossy.{}", act.label());
        }
        let lossy = |keys: &[Key]| keys.iter().filter(|key| key.path.contains("lossy.")).count();
        assert_eq!([lossy(OF_PATH), lossy(of_part!("value."))], [Act::ALL.len(); 2]);
    }

    #[test]
    fn the_embedded_file_tells_of_every_key_and_of_no_other() {
        let mut table = String::new();
        let mut told = BTreeSet::new();
        for line in include_str!("../../config/default.toml").lines() {
            let line = line.strip_prefix("# ").unwrap_or(line);
            if let Some(header) = line.strip_prefix('[') {
                table = header.trim_end_matches(']').replace('"', "");
            } else if let Some((key, _)) = line.split_once(" = ").filter(|(key, _)| !key.contains([' ', '"'])) {
                told.insert(format!("{table}.{key}"));
            }
        }
        let known = SECTIONS.iter().flat_map(|(name, section)| match section {
            Section::Keys(keys) => keys.iter().copied().flatten().map(|key| format!("{name}.{}", key.path)).collect(),
            Section::Tables(keys) if *name == "registry" => {
                keys.iter().copied().flatten().map(|key| format!("{name}.*.{}", key.path)).collect::<Vec<_>>()
            }
            // The keys of [pipeline.NAME] are those of [defaults].
            Section::Tables(_) | Section::Properties => Vec::new(),
        });
        assert_eq!(told, known.collect());
    }
}
