//! Logical types (specification 1.12): what a schema's `logicalType` makes of the type that it stands on.
//!
//! Comes in: a primitive or `fixed` type and its schema's attributes. Goes out: the type to encode. Must never: refuse a
//! schema for a logical type that is unknown, misplaced or not valid; the specification asks to ignore it.

use super::decimal::{MAX_PRECISION, fits};
use super::plan::{Decimal, Fixed, FixedLogical, Node};
use serde_json::{Map, Value};
use std::sync::Arc;

/// Gives a type the logical type that its schema names.
///
/// # Errors
/// When it is a decimal wider than this version takes.
pub(super) fn apply(node: Node, attributes: &Map<String, Value>) -> Result<Node, String> {
    let Some(name) = attributes.get("logicalType").and_then(Value::as_str) else { return Ok(node) };
    Ok(match node {
        Node::Int(_) => Node::Int(Logical::of_int(name)),
        Node::Long(_) => Node::Long(Logical::of_long(name)),
        Node::String if name == "uuid" => Node::Uuid,
        Node::Bytes(text) if name == "decimal" => decimal(attributes, None)?.unwrap_or(Node::Bytes(text)),
        Node::Bytes(_) if name == "big-decimal" => Node::BigDecimal,
        Node::Fixed(fixed) if name == "decimal" => decimal(attributes, Some(&fixed))?.unwrap_or(Node::Fixed(fixed)),
        Node::Fixed(fixed) => {
            let logical = match (name, fixed.size) {
                ("uuid", 16) => Some(FixedLogical::Uuid),
                ("duration", 12) => Some(FixedLogical::Duration),
                _ => None,
            };
            Node::Fixed(Arc::new(Fixed { logical, ..Fixed::clone(&fixed) }))
        }
        _ => node,
    })
}

/// None if precision and scale are not valid, or do not fit the `fixed`.
fn decimal(attributes: &Map<String, Value>, fixed: Option<&Arc<Fixed>>) -> Result<Option<Node>, String> {
    let precision = attributes.get("precision").and_then(Value::as_u64);
    let scale = attributes.get("scale").map_or(Some(0), Value::as_u64);
    let (Some(precision @ 1..), Some(scale)) = (precision, scale) else { return Ok(None) };
    if scale > precision || fixed.is_some_and(|fixed| !fits(precision, fixed.size)) {
        return Ok(None);
    }
    if precision > u64::from(MAX_PRECISION) {
        return Err(format!("decimals of more than {MAX_PRECISION} digits are not supported"));
    }
    // Both are below the limit.
    let (precision, scale) = (precision as u32, scale as u32);
    Ok(Some(Node::Decimal(Arc::new(Decimal { precision, scale, fixed: fixed.map(Arc::clone) }))))
}

/// A number that means a point in time, or a time of day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Logical {
    Date,
    TimeMillis,
    TimeMicros,
    TimestampMillis,
    TimestampMicros,
    TimestampNanos,
    LocalTimestampMillis,
    LocalTimestampMicros,
    LocalTimestampNanos,
}

impl Logical {
    /// The logical type that a schema names, on `int`. Any other name is ignored, as the specification asks.
    pub(super) fn of_int(name: &str) -> Option<Self> {
        [Self::Date, Self::TimeMillis].into_iter().find(|logical| logical.label() == name)
    }

    /// The logical type that a schema names, on `long`.
    pub(super) fn of_long(name: &str) -> Option<Self> {
        use Logical as L;
        [
            L::TimeMicros,
            L::TimestampMillis,
            L::TimestampMicros,
            L::TimestampNanos,
            L::LocalTimestampMillis,
            L::LocalTimestampMicros,
            L::LocalTimestampNanos,
        ]
        .into_iter()
        .find(|logical| logical.label() == name)
    }

    /// A point on the time line, whatever the clocks say.
    pub(super) fn is_timestamp(self) -> bool {
        matches!(self, Self::TimestampMillis | Self::TimestampMicros | Self::TimestampNanos)
    }

    /// A date and time by some clock on a wall.
    pub(super) fn is_local_timestamp(self) -> bool {
        matches!(self, Self::LocalTimestampMillis | Self::LocalTimestampMicros | Self::LocalTimestampNanos)
    }

    /// How many of its units a second has; none for a date.
    pub(super) fn per_second(self) -> Option<i64> {
        Some(match self {
            Self::Date => return None,
            Self::TimeMillis | Self::TimestampMillis | Self::LocalTimestampMillis => 1_000,
            Self::TimeMicros | Self::TimestampMicros | Self::LocalTimestampMicros => 1_000_000,
            Self::TimestampNanos | Self::LocalTimestampNanos => 1_000_000_000,
        })
    }

    /// What its text looks like, for a person.
    pub(super) fn text(self) -> &'static str {
        match self {
            Self::Date => "YYYY-MM-DD",
            Self::TimeMillis | Self::TimeMicros => "HH:MM:SS",
            _ if self.is_timestamp() => "RFC 3339 with Z or an offset",
            _ => "YYYY-MM-DDTHH:MM:SS without an offset",
        }
    }

    /// The name in the specification.
    pub(super) fn label(self) -> &'static str {
        match self {
            Self::Date => "date",
            Self::TimeMillis => "time-millis",
            Self::TimeMicros => "time-micros",
            Self::TimestampMillis => "timestamp-millis",
            Self::TimestampMicros => "timestamp-micros",
            Self::TimestampNanos => "timestamp-nanos",
            Self::LocalTimestampMillis => "local-timestamp-millis",
            Self::LocalTimestampMicros => "local-timestamp-micros",
            Self::LocalTimestampNanos => "local-timestamp-nanos",
        }
    }
}
