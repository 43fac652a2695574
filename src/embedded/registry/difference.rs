//! What stands between two schemas, in the words of Confluent's registry (`Difference.java`).
//!
//! Comes in: what `compatibility` found. Goes out: a message. Must never: decide anything.

/// A reason why a reader's schema cannot read all that a writer's schema writes.
#[derive(Debug)]
pub(super) struct Difference {
    /// Avro Java's name for it; none where the comparison itself failed.
    pub(super) kind: Option<Kind>,
    /// Where in the reader's schema: `/fields/0/type`.
    pub(super) path: String,
    /// What Avro Java adds to it.
    pub(super) detail: String,
}

/// The kinds of difference that Avro Java tells apart.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    FixedSize,
    Type,
    Name,
    EnumSymbols,
    UnionBranch,
    MissingDefault,
}

impl Difference {
    /// Confluent's words for it; `reader` and `writer` say which of the two schemas is the new one and which the old.
    pub(super) fn message(&self, reader: &str, writer: &str) -> String {
        let (path, detail) = (&self.path, &self.detail);
        let (kind, words) = match self.kind {
            None => return format!("Unexpected exception during compatibility check: {detail}"),
            Some(Kind::FixedSize) => (
                "FIXED_SIZE_MISMATCH",
                format!(
                    "The size of FIXED type field at path '{path}' in the {reader} schema does not match with the \
                     {writer} schema"
                ),
            ),
            Some(Kind::Type) => (
                "TYPE_MISMATCH",
                format!(
                    "The type (path '{path}') of a field in the {reader} schema does not match with the {writer} schema"
                ),
            ),
            Some(Kind::Name) => ("NAME_MISMATCH", format!("The name of the schema has changed (path '{path}')")),
            Some(Kind::EnumSymbols) => (
                "MISSING_ENUM_SYMBOLS",
                format!(
                    "The {reader} schema is missing enum symbols '{detail}' at path '{path}' in the {writer} schema"
                ),
            ),
            Some(Kind::UnionBranch) => (
                "MISSING_UNION_BRANCH",
                format!(
                    "The {reader} schema is missing a type inside a union field at path '{path}' in the {writer} schema"
                ),
            ),
            Some(Kind::MissingDefault) => (
                "READER_FIELD_MISSING_DEFAULT_VALUE",
                format!(
                    "The field '{detail}' at path '{path}' in the {reader} schema has no default value and is missing \
                     in the {writer} schema"
                ),
            ),
        };
        format!("{{errorType:'{kind}', description:'{words}', additionalInfo:'{detail}'}}")
    }
}
