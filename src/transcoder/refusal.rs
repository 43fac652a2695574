//! Why a record was refused: reason, JSON path, byte offset, expected and found.
//!
//! Comes in: a `Failure`, a few words noted where it happened, and the path, gathered while the walk unwinds, so that a
//! record that converts pays nothing for it. Goes out: a `Refusal`. Must never: hold a value of the payload.

use super::describe::Describe;
use super::ledger::Act;
use super::plan::{Kind, Node, Plan};
use super::scan::Scanner;
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
        write!(f, "{path}: expected {expected}, found {found} ({}: {reason}) at byte {offset}", stage.label())?;
        match Act::named(reason) {
            Some(_) => write!(f, "; lossy.{reason} = \"accept\" would take it"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Refusal {}

/// The closed set of reasons.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reason {
    /// A lossy act that is not accepted here.
    Act(Act),
    Empty,
    Syntax,
    TrailingBytes,
    InvalidUtf8,
    InvalidString,
    Depth,
    WrongType,
    NotAnInteger,
    OutOfRange,
    MissingField,
    UnknownSymbol,
    ByteRange,
    FixedSize,
    DecimalPrecision,
    DecimalText,
    BytesText,
    Uuid,
    DurationText,
    TimeText,
    NoBranch,
    NoRoot,
    RootTwice,
    UnionEffort,
    TooLarge,
    InvalidDefault,
    PendingDefault,
}

impl Reason {
    /// The `reason` label of metrics and headers.
    pub(super) fn label(self) -> &'static str {
        match self {
            Self::Act(act) => act.label(),
            Self::Empty => "empty",
            Self::Syntax => "syntax",
            Self::TrailingBytes => "trailing_bytes",
            Self::InvalidUtf8 => "invalid_utf8",
            Self::InvalidString => "invalid_string",
            Self::Depth => "depth",
            Self::WrongType => "wrong_type",
            Self::NotAnInteger => "not_an_integer",
            Self::OutOfRange => "out_of_range",
            Self::MissingField => "missing_field",
            Self::UnknownSymbol => "unknown_symbol",
            Self::ByteRange => "byte_range",
            Self::FixedSize => "fixed_size",
            Self::DecimalPrecision => "decimal_precision",
            Self::DecimalText => "decimal_text",
            Self::BytesText => "bytes_text",
            Self::Uuid => "uuid",
            Self::DurationText => "duration_text",
            Self::TimeText => "time_text",
            Self::NoBranch => "no_branch",
            Self::NoRoot => "no_root",
            Self::RootTwice => "root_twice",
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
            Self::Act(_)
            | Self::WrongType
            | Self::NotAnInteger
            | Self::OutOfRange
            | Self::MissingField
            | Self::UnknownSymbol
            | Self::ByteRange
            | Self::FixedSize
            | Self::DecimalPrecision
            | Self::DecimalText
            | Self::BytesText
            | Self::Uuid
            | Self::DurationText
            | Self::TimeText
            | Self::NoBranch
            | Self::NoRoot
            | Self::RootTwice
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

    /// What stands there, with nothing of the value itself.
    fn found(self) -> Found {
        use Found::{Text, Value};
        match self {
            Self::Act(act) => Self::found_for(act),
            Self::Empty => Text("nothing"),
            Self::TrailingBytes => Text("more bytes"),
            Self::InvalidUtf8 => Text("a byte that is no UTF-8"),
            Self::InvalidString => Text("a control character, a bad escape or a lone surrogate"),
            Self::Depth => Text("deeper nesting"),
            Self::MissingField => Text("nothing, and the schema has no default"),
            Self::InvalidDefault => Text("nothing, and the schema's default does not fit the type"),
            Self::PendingDefault => Text("a default that needs itself"),
            Self::TooLarge => Text("defaults that make it larger"),
            Self::NotAnInteger => Value(" that is no integer"),
            Self::OutOfRange => Value(" out of its range"),
            Self::UnknownSymbol => Value(" that is none of its symbols"),
            Self::ByteRange => Value(" with a character above U+00FF"),
            Self::FixedSize => Value(", which are other bytes than so many"),
            Self::DecimalPrecision => Value(" that needs more digits"),
            Self::DecimalText => Value(" that is no number"),
            Self::BytesText => Value(" that is no such text"),
            Self::Uuid => Value(" that is no UUID (8-4-4-4-12 hexadecimal digits)"),
            Self::DurationText => Value(" that is no duration"),
            Self::TimeText => Value(" that is none"),
            Self::UnionEffort => Value(" that needs too many attempts"),
            Self::NoBranch => Value(" that fits none of them"),
            Self::NoRoot => Text("nothing where root points to"),
            Self::RootTwice => Text("the key that root points to again"),
            Self::Syntax | Self::WrongType => Value(""),
        }
    }

    fn found_for(act: Act) -> Found {
        use Found::{Text, Value};
        match act {
            Act::UnknownField => Text("a field that it does not have"),
            Act::DuplicateKey => Text("the same key again"),
            Act::DefaultFilled => Text("nothing, where the schema has a default"),
            Act::NullFilled => Text("nothing, where it may be null"),
            Act::NullReplaced => Text("null, where the schema has a default"),
            Act::EnumDefault => Value(" that is none of its symbols, where it has a default"),
            Act::Rounded | Act::DecimalRounded => Value(" with more digits than it holds"),
            Act::Infinity => Value(" that spells infinity"),
            Act::TimeTruncated => Value(" with a fraction of a second that it cannot hold"),
            Act::TimestampUnit => Value(" that is in our time only in another unit"),
            Act::NumberFromString | Act::DecimalFromString => Value(" that spells a number"),
            Act::BooleanFromString | Act::BooleanFromNumber => Value(" that spells a boolean"),
            Act::StringFromNumber | Act::StringFromBoolean | Act::StringFromJson => Value(""),
            Act::AmbiguousUnion => Value(" that could be a value of several of its types"),
        }
    }
}

/// What stands at a failure.
enum Found {
    /// This.
    Text(&'static str),
    /// A value, of which this is to say.
    Value(&'static str),
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
        let found = match failure.reason.found() {
            Found::Text(text) => text.to_owned(),
            Found::Value(about) => format!("{}{about}", value_at(json, failure)),
        };
        Self {
            stage: failure.reason.stage(),
            reason: failure.reason.label(),
            path: spell(plan, json, path),
            offset: failure.offset,
            expected,
            found,
        }
    }
}

/// The kind and the size of the value where the walk stopped.
fn value_at(json: &[u8], failure: &Failure<'_>) -> String {
    let Some(first) = json.get(failure.offset) else { return String::from("the end") };
    let Some(kind) = Kind::of(*first) else { return String::from("another character") };
    if failure.reason == Reason::Syntax && matches!(kind, Kind::Null | Kind::Boolean) {
        return String::from("another word");
    }
    let mut unescaped = Vec::new();
    let mut scan = Scanner::new(json, &mut unescaped);
    scan.at = failure.offset;
    let article = if matches!(kind, Kind::Array | Kind::Object) { "an" } else { "a" };
    match (kind, scan.skip()) {
        (Kind::Null, _) => String::from("null"),
        (Kind::Boolean, _) | (_, Err(Halt)) => format!("{article} {}", kind.label()),
        (_, Ok(())) => {
            let quotes = if kind == Kind::String { 2 } else { 0 };
            let size = scan.at - failure.offset - quotes;
            format!("{article} {} of {size} byte{}", kind.label(), if size == 1 { "" } else { "s" })
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
