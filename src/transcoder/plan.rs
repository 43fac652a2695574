//! What a schema is compiled to: one node per type, records by index, so that a schema may refer to itself.
//!
//! Comes in: what `schema` read. Goes out: the plan that `encode` and `decode` walk. Must never: change after it is
//! compiled; it is shared between lanes.

use super::ledger::Acts;
use super::logical::Logical;
use super::names::OtherNames;
use super::table::Table;
use super::timed::Timed;
use super::{BytesText, Options, SchemaError, schema};
use std::sync::Arc;

/// A compiled schema with the options it is read by. Immutable; share it in an `Arc`.
#[derive(Debug)]
pub struct Plan {
    pub(super) root: Node,
    pub(super) records: Vec<Record>,
    pub(super) options: Options,
    /// The lossy acts that are accepted anywhere.
    pub(super) allowed: Acts,
}

impl Plan {
    /// Compiles an Avro schema.
    ///
    /// `schema` is the schema's JSON text, `references` are the texts of the schemas it refers to, dependencies first
    /// (the registry's `references`, resolved).
    ///
    /// # Errors
    /// When a text is no JSON or no valid Avro schema (specification 1.12): the first mistake and where it stands.
    pub fn compile(schema: &str, references: &[String], options: &Options) -> Result<Self, SchemaError> {
        schema::compile(schema, references, options)
    }

    /// Whether the whole schema is Avro `bytes`: Confluent's serializers write such a value into the frame without
    /// its length.
    #[must_use]
    pub fn root_is_bytes(&self) -> bool {
        match &self.root {
            Node::Bytes(_) | Node::BigDecimal => true,
            Node::Decimal(decimal) => decimal.fixed.is_none(),
            _ => false,
        }
    }

    pub(super) fn field(&self, (record, field): FieldId) -> Option<&Field> {
        self.records.get(record as usize)?.fields.get(field as usize)
    }

    pub(super) fn field_mut(&mut self, (record, field): FieldId) -> Option<&mut Field> {
        self.records.get_mut(record as usize)?.fields.get_mut(field as usize)
    }
}

/// A field: record and field index.
pub(super) type FieldId = (u32, u32);

/// One Avro type. Kept at 16 bytes: the walk goes through many.
#[derive(Clone, Debug)]
pub(super) enum Node {
    Null,
    Boolean,
    Int(Option<Logical>),
    Long(Option<Logical>),
    Float,
    Double,
    String,
    /// `string` with the logical type `uuid`.
    Uuid,
    Bytes(BytesText),
    Fixed(Arc<Fixed>),
    Decimal(Arc<Decimal>),
    /// `bytes` with the logical type `big-decimal`.
    BigDecimal,
    Enum(Arc<Enum>),
    Array(Box<Self>),
    Map(Box<Self>),
    /// Index into `Plan::records`.
    Record(u32),
    /// A union of null and one other type: the common union, decided by one byte.
    Nullable(Nullable),
    Union(Arc<Union>),
    /// A union whose values may name their branch; only where the options say so.
    Tagged(Arc<Tagged>),
    /// A date, time or timestamp whose format in JSON the options say.
    Timed(Arc<Timed>),
    /// A union whose objects name their branch in a field that the options say.
    Named(Arc<Named>),
    /// A place that accepts other lossy acts than the places around.
    Accepting(Arc<Accepting>),
}

impl Node {
    /// A union's branch by its number.
    pub(super) fn branch(&self, index: usize) -> Option<&Self> {
        match self {
            Self::Nullable(nullable) => match (index, nullable.null_first) {
                (0, true) | (1, false) => Some(&Self::Null),
                (0 | 1, _) => Some(&nullable.value),
                _ => None,
            },
            Self::Union(union) => union.branches.get(index),
            Self::Tagged(tagged) => tagged.branch(index),
            Self::Named(named) => named.union.branch(index),
            Self::Accepting(accepting) => accepting.node.branch(index),
            _ => None,
        }
    }
}

/// A union of null and one other type.
#[derive(Clone, Debug)]
pub(super) struct Nullable {
    /// Whether null is the first branch.
    pub(super) null_first: bool,
    pub(super) value: Box<Node>,
}

impl Nullable {
    /// The number of null's branch as Avro writes it: 0 or 1, doubled.
    #[inline]
    pub(super) fn null_tag(&self) -> u8 {
        u8::from(!self.null_first) << 1
    }

    /// The number of the other branch.
    #[inline]
    pub(super) fn value_tag(&self) -> u8 {
        u8::from(self.null_first) << 1
    }
}

/// A type of so many bytes.
#[derive(Clone, Debug)]
pub(super) struct Fixed {
    pub(super) name: Box<str>,
    pub(super) size: usize,
    pub(super) text: BytesText,
    pub(super) logical: Option<FixedLogical>,
}

/// What the bytes of a `fixed` are, where a string may spell it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FixedLogical {
    /// 16 bytes of a UUID.
    Uuid,
    /// Months, days and milliseconds, 4 bytes each.
    Duration,
}

/// `bytes` or `fixed` with the logical type `decimal`.
#[derive(Debug)]
pub(super) struct Decimal {
    /// The most decimal digits of the unscaled value.
    pub(super) precision: u32,
    /// Digits right of the point.
    pub(super) scale: u32,
    /// The `fixed` that it is written as; `bytes` if none.
    pub(super) fixed: Option<Arc<Fixed>>,
}

/// A closed set of symbols.
#[derive(Debug)]
pub(super) struct Enum {
    pub(super) name: Box<str>,
    pub(super) symbols: Table,
    /// The symbol for what is none of them.
    pub(super) default: Option<usize>,
}

/// A union of more than null and one other type.
#[derive(Clone, Debug)]
pub(super) struct Union {
    pub(super) branches: Vec<Node>,
    /// Branches that can take each JSON kind, in schema order, indexed by `Kind as usize`.
    pub(super) takers: [Vec<u32>; 6],
    /// Where there are none: those that a lossy act makes of it, if it is accepted.
    pub(super) coerced: [Vec<u32>; 6],
}

/// A union with the names of its branches.
#[derive(Clone, Debug)]
pub(super) struct Tagged {
    /// The same union without names: `Nullable` or `Union`. Defaults are written so.
    pub(super) plain: Node,
    /// The branches' names -> number.
    pub(super) names: Table,
    /// The number of null's branch.
    pub(super) null: Option<u32>,
}

/// A union whose objects name their branch in one of their fields.
#[derive(Debug)]
pub(super) struct Named {
    /// The same union without that: `Nullable`, `Union` or `Tagged`.
    pub(super) union: Node,
    /// The field that tells.
    pub(super) key: Box<str>,
    /// What it may say, and which branch it means then.
    pub(super) values: Table,
    pub(super) branches: Vec<u32>,
}

/// A place that accepts other lossy acts than the places around.
#[derive(Debug)]
pub(super) struct Accepting {
    pub(super) node: Node,
    /// These are accepted, whatever holds around.
    pub(super) accepted: Acts,
    /// These are not.
    pub(super) refused: Acts,
}

/// A record type.
#[derive(Clone, Debug, Default)]
pub(super) struct Record {
    pub(super) name: Box<str>,
    pub(super) fields: Vec<Field>,
    /// The fields' keys in JSON -> index.
    pub(super) table: Table,
    /// What else is a field, by option.
    pub(super) others: OtherNames,
    /// Keys that are no field and yet known, by option: a union's discriminator.
    pub(super) known: Vec<Box<str>>,
    /// Whether it is the copy of a record type for one place.
    pub(super) own: bool,
}

impl Record {
    /// The field with this key.
    #[inline]
    pub(super) fn field_of(&self, key: &[u8]) -> Option<usize> {
        self.table.get(key).or_else(|| self.others.get(key))
    }
}

/// A field of a record.
#[derive(Clone, Debug)]
pub(super) struct Field {
    pub(super) name: Box<str>,
    /// Its key in JSON: its name, unless the options say another.
    pub(super) key: Box<str>,
    pub(super) aliases: Vec<Box<str>>,
    pub(super) node: Node,
    pub(super) default: FieldDefault,
}

/// A field's default.
#[derive(Clone, Debug)]
pub(super) enum FieldDefault {
    /// The schema gives none: the field must be there.
    None,
    /// Only while compiling: the schema gives one that is not encoded yet.
    Pending,
    /// The schema gives one that does not fit the field's type, which older registries let pass: the schema is taken, a
    /// record that needs this default is not.
    Invalid,
    /// As Avro, ready to be written.
    Avro(Box<[u8]>),
    /// The schema gives none; null, as Avro, stands in by option.
    Null(Box<[u8]>),
}

impl FieldDefault {
    /// What is written where the field is not given.
    #[inline]
    pub(super) fn avro(&self) -> Option<&[u8]> {
        match self {
            Self::Avro(avro) | Self::Null(avro) => Some(avro),
            Self::None | Self::Pending | Self::Invalid => None,
        }
    }
}

/// What a JSON value is, by its first byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Null,
    Boolean,
    Number,
    String,
    Array,
    Object,
}

impl Kind {
    pub(super) const ALL: [Self; 6] =
        [Self::Null, Self::Boolean, Self::Number, Self::String, Self::Array, Self::Object];

    /// The kind of the value that starts with this byte, if any does.
    pub(super) fn of(first: u8) -> Option<Self> {
        match first {
            b'n' => Some(Self::Null),
            b't' | b'f' => Some(Self::Boolean),
            b'-' | b'0'..=b'9' => Some(Self::Number),
            b'"' => Some(Self::String),
            b'[' => Some(Self::Array),
            b'{' => Some(Self::Object),
            _ => None,
        }
    }

    /// The word in messages.
    pub(super) fn label(self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Boolean => "boolean",
            Self::Number => "number",
            Self::String => "string",
            Self::Array => "array",
            Self::Object => "object",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Plan;
    use crate::transcoder::{Encoder, Options};

    #[test]
    fn bytes_at_the_root() {
        for (schema, wanted) in [
            (r#""bytes""#, true),
            (r#"{"type":"bytes"}"#, true),
            (r#"{"type":{"type":"bytes","logicalType":"decimal","precision":4}}"#, true),
            (r#"{"type":"fixed","name":"F","size":4}"#, false),
            (r#"{"type":"fixed","name":"F","size":4,"logicalType":"decimal","precision":4}"#, false),
            (r#"["null","bytes"]"#, false),
            (r#""string""#, false),
        ] {
            let plan = Plan::compile(schema, &[], &Options::default());
            assert_eq!(plan.map(|plan| plan.root_is_bytes()), Ok(wanted), "{schema}");
        }
    }

    #[test]
    fn shared_between_lanes() {
        fn shared<T: Send + Sync>() {}
        fn moved<T: Send>() {}
        shared::<Plan>();
        moved::<Encoder>();
        assert_eq!(size_of::<super::Node>(), 16);
    }
}
