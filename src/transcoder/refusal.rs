//! Why a record was refused: reason, JSON path, byte offset, expected and found.
//!
//! Comes in: a `Failure`, a few words noted where it happened, and the path, gathered while the walk unwinds, so that a
//! record that converts pays nothing for it. Goes out: a `Refusal`. Must never: hold a value of the payload.

use super::plan::{Describe, Kind, Node, Plan};
use crate::fault::Stage;
use std::fmt;

/// A record that was refused. Its `Display` is one line for a person, without any value of the payload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// `Parse`: the bytes are no JSON. `Convert`: the JSON does not fit the schema.
    pub stage: Stage,
    /// A word from a closed set; `Reason::label` lists them.
    pub reason: &'static str,
    /// Where in the JSON: `$.order.items[3].price`.
    pub path: String,
    /// Where in the input, in bytes from its start.
    pub offset: usize,
    /// What the schema or JSON's grammar asks for there.
    pub expected: String,
    /// What stands there: a JSON kind or a bounded description.
    pub found: String,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { stage, reason, path, offset, expected, found } = self;
        write!(f, "{path}: expected {expected}, found {found} ({}: {reason}) at byte {offset}", stage.label())
    }
}

impl std::error::Error for Refusal {}

/// The closed set of reasons.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reason {
    Empty,
    Syntax,
    TrailingBytes,
    InvalidUtf8,
    InvalidString,
    Depth,
    WrongType,
    NotAnInteger,
    OutOfRange,
    Rounding,
    MissingField,
    UnknownField,
    DuplicateKey,
    UnknownSymbol,
    ByteRange,
    FixedSize,
    DecimalScale,
    DecimalPrecision,
    DecimalText,
    Uuid,
    TimeText,
    TimePrecision,
    TimestampUnit,
    NoBranch,
    AmbiguousUnion,
    UnionEffort,
    TooLarge,
    InvalidDefault,
    PendingDefault,
}

impl Reason {
    /// The `reason` label of metrics and headers.
    pub(super) fn label(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::Syntax => "syntax",
            Self::TrailingBytes => "trailing_bytes",
            Self::InvalidUtf8 => "invalid_utf8",
            Self::InvalidString => "invalid_string",
            Self::Depth => "depth",
            Self::WrongType => "wrong_type",
            Self::NotAnInteger => "not_an_integer",
            Self::OutOfRange => "out_of_range",
            Self::Rounding => "rounding",
            Self::MissingField => "missing_field",
            Self::UnknownField => "unknown_field",
            Self::DuplicateKey => "duplicate_key",
            Self::UnknownSymbol => "unknown_symbol",
            Self::ByteRange => "byte_range",
            Self::FixedSize => "fixed_size",
            Self::DecimalScale => "decimal_scale",
            Self::DecimalPrecision => "decimal_precision",
            Self::DecimalText => "decimal_text",
            Self::Uuid => "uuid",
            Self::TimeText => "time_text",
            Self::TimePrecision => "time_precision",
            Self::TimestampUnit => "timestamp_unit",
            Self::NoBranch => "no_branch",
            Self::AmbiguousUnion => "ambiguous_union",
            Self::UnionEffort => "union_effort",
            Self::TooLarge => "too_large",
            Self::InvalidDefault => "invalid_default",
            Self::PendingDefault => "pending_default",
        }
    }

    /// Whether the input is no JSON, or JSON that does not fit.
    pub(super) fn stage(self) -> Stage {
        match self {
            Self::Empty
            | Self::Syntax
            | Self::TrailingBytes
            | Self::InvalidUtf8
            | Self::InvalidString
            | Self::Depth => Stage::Parse,
            Self::WrongType
            | Self::NotAnInteger
            | Self::OutOfRange
            | Self::Rounding
            | Self::MissingField
            | Self::UnknownField
            | Self::DuplicateKey
            | Self::UnknownSymbol
            | Self::ByteRange
            | Self::FixedSize
            | Self::DecimalScale
            | Self::DecimalPrecision
            | Self::DecimalText
            | Self::Uuid
            | Self::TimeText
            | Self::TimePrecision
            | Self::TimestampUnit
            | Self::NoBranch
            | Self::AmbiguousUnion
            | Self::UnionEffort
            | Self::TooLarge
            | Self::InvalidDefault
            | Self::PendingDefault => Stage::Convert,
        }
    }

    /// Whether another branch of a union could still take the value.
    pub(super) fn is_final(self) -> bool {
        self.stage() == Stage::Parse || matches!(self, Self::UnionEffort | Self::TooLarge | Self::PendingDefault)
    }

    /// What stands there, where that says more than the JSON kind.
    fn found(self) -> Option<&'static str> {
        match self {
            Self::Empty => Some("nothing"),
            Self::TrailingBytes => Some("more bytes"),
            Self::InvalidUtf8 => Some("a byte that is no UTF-8"),
            Self::InvalidString => Some("a control character, a bad escape or a lone surrogate"),
            Self::Depth => Some("deeper nesting"),
            Self::NotAnInteger => Some("a number with a fraction or an exponent"),
            Self::OutOfRange => Some("a number out of its range"),
            Self::Rounding => Some("a number with more digits than it holds"),
            Self::MissingField => Some("nothing, and the schema has no default"),
            Self::UnknownField => Some("a field that it does not have"),
            Self::DuplicateKey => Some("the same key again"),
            Self::UnknownSymbol => Some("a string that is none of its symbols"),
            Self::ByteRange => Some("a string with a character above U+00FF"),
            Self::FixedSize => Some("a string of another length"),
            Self::DecimalScale => Some("a number with more digits after the point"),
            Self::DecimalPrecision => Some("a number with more digits"),
            Self::DecimalText => Some("a string: a decimal's string is its raw bytes, send a number"),
            Self::Uuid => Some("a string that is no UUID (8-4-4-4-12 hexadecimal digits)"),
            Self::AmbiguousUnion => Some("an object that is a value both with and without its name"),
            Self::TimeText => Some("a string that is none"),
            Self::TimePrecision => Some("a fraction of a second that it cannot hold"),
            Self::TimestampUnit => Some("a number that is in our time only in another unit"),
            Self::UnionEffort => Some("a value that needs too many attempts"),
            Self::TooLarge => Some("defaults that make it larger"),
            Self::InvalidDefault => Some("nothing, and the schema's default does not fit the type"),
            Self::PendingDefault => Some("a default that needs itself"),
            Self::Syntax | Self::WrongType | Self::NoBranch => None,
        }
    }
}

/// The walk stops; why is noted in the scanner. No bigger than a bool, so that results stay in a register.
#[derive(Debug)]
pub(super) struct Halt;

/// What was expected at a failure.
#[derive(Clone, Copy, Debug)]
pub(super) enum Expected<'a> {
    /// A value of this type.
    Type(&'a Node),
    /// Something of JSON's grammar, or a limit.
    Text(&'static str),
}

/// What is noted where the walk stops.
#[derive(Clone, Copy, Debug)]
pub(super) struct Failure<'a> {
    pub(super) reason: Reason,
    pub(super) offset: usize,
    pub(super) expected: Expected<'a>,
}

/// One step of a JSON path, noted while unwinding, innermost first.
#[derive(Clone, Copy, Debug)]
pub(super) enum Segment {
    /// A record's field: record and field index.
    Field(u32, u32),
    /// A key as it is spelt in the JSON, between its quotes.
    Key(usize, usize),
    /// An array's element.
    Index(usize),
}

impl Refusal {
    /// Writes out a failure.
    pub(super) fn new(plan: &Plan, json: &[u8], failure: &Failure<'_>, path: &[Segment]) -> Self {
        let expected = match failure.expected {
            Expected::Type(node) => Describe(plan, node).to_string(),
            Expected::Text(text) => text.to_owned(),
        };
        let found = failure.reason.found().unwrap_or_else(|| match json.get(failure.offset) {
            None => "the end",
            Some(b't' | b'f' | b'n') if failure.reason == Reason::Syntax => "another word",
            Some(first) => Kind::of(*first).map_or("another character", Kind::label),
        });
        Self {
            stage: failure.reason.stage(),
            reason: failure.reason.label(),
            path: spell(plan, json, path),
            offset: failure.offset,
            expected,
            found: found.to_owned(),
        }
    }
}

/// `$.a.b[3]["odd key"]`.
fn spell(plan: &Plan, json: &[u8], path: &[Segment]) -> String {
    let mut text = String::from("$");
    for segment in path.iter().rev() {
        match *segment {
            Segment::Index(index) => text.push_str(&format!("[{index}]")),
            Segment::Field(record, field) => {
                push_key(&mut text, plan.field((record, field)).map_or("", |field| &field.name));
            }
            Segment::Key(start, end) => {
                let key = json.get(start..end).unwrap_or_default();
                push_key(&mut text, &String::from_utf8_lossy(key));
            }
        }
    }
    text
}

/// A plain key as `.key`, any other as `["key"]` in its JSON spelling; a long one is cut.
fn push_key(path: &mut String, key: &str) {
    const LONGEST: usize = 64;
    let cut: String = key.chars().take(LONGEST).collect();
    let more = if cut.len() < key.len() { "…" } else { "" };
    let plain = key.chars().all(|c| c.is_alphanumeric() || c == '_') && !key.is_empty();
    path.push_str(&if plain { format!(".{cut}{more}") } else { format!("[\"{cut}{more}\"]") });
}
