//! Values of another JSON kind than the schema asks for, where a named act makes one of the right kind: `"42"` for a
//! `long`, 42 for a `string`.
//!
//! Comes in: the walk after it found a value of the wrong kind. Goes out: the value, exactly as it was spelt, or the
//! refusal: by the act if it is one that is not accepted. Must never: guess at a text that is not all of a value.

use super::encode::Walk;
use super::integral;
use super::ledger::Act;
use super::nearest::{double_of, float_of};
use super::number::is_number;
use super::plan::{Kind, Node};
use super::refusal::{Expected, Halt, Reason};

impl<'a> Walk<'a, '_> {
    /// A value of another kind than this type's.
    #[cold]
    #[inline(never)]
    pub(super) fn other_kind(&mut self, node: &'a Node) -> Result<(), Halt> {
        match self.scan.mismatch(node) {
            Ok(()) => Ok(()),
            Err(Halt) => self.coerce(node),
        }
    }

    /// What can still be made of a value that was just refused; if nothing, it stays refused as it was.
    #[cold]
    #[inline(never)]
    pub(super) fn coerce(&mut self, node: &'a Node) -> Result<(), Halt> {
        let start = self.scan.at;
        let refused = self.scan.failure;
        if refused.is_none_or(|failure| (failure.reason, failure.offset) != (Reason::WrongType, start)) {
            return Err(Halt);
        }
        let taken = match (node, Kind::of(self.scan.peek())) {
            (Node::Int(None) | Node::Long(None) | Node::Float | Node::Double, Some(Kind::String)) => {
                self.number_from_string(start, node)?
            }
            (Node::Boolean, Some(Kind::String)) => self.boolean_from_string(start, node)?,
            (Node::Boolean, Some(Kind::Number)) => self.boolean_from_number(start, node)?,
            (Node::String, Some(kind)) => self.string_from(kind, start, node)?,
            _ => false,
        };
        if taken {
            return Ok(());
        }
        self.scan.failure = refused;
        Err(Halt)
    }

    /// False: the string is no number.
    fn number_from_string(&mut self, start: usize, node: &'a Node) -> Result<bool, Halt> {
        let text = self.scan.string()?;
        let text = str::from_utf8(self.scan.text(text)).unwrap_or_default();
        let floating = matches!(node, Node::Float | Node::Double);
        let named = floating && matches!(text, "NaN" | "Infinity" | "-Infinity" | "INF" | "-INF");
        if !named && !is_number(text) {
            return Ok(false);
        }
        let read = match node {
            Node::Float if named => Ok((Scalar::Float(text.parse().unwrap_or(f32::NAN)), None)),
            Node::Double if named => Ok((Scalar::Double(text.parse().unwrap_or(f64::NAN)), None)),
            Node::Float => float_of(text).map(|(value, act)| (Scalar::Float(value), act)),
            Node::Double => double_of(text).map(|(value, act)| (Scalar::Double(value), act)),
            _ => text.parse().or_else(|_| integral::read(text)).map(|value| (Scalar::Long(value), None)),
        };
        let (value, act) = read.or_else(|reason| self.scan.fail(reason, start, Expected::Type(node)))?;
        self.note(Act::NumberFromString, start, node)?;
        if let Some(act) = act {
            self.note(act, start, node)?;
        }
        match value {
            Scalar::Long(value) if matches!(node, Node::Int(_)) && i32::try_from(value).is_err() => {
                self.scan.fail(Reason::OutOfRange, start, Expected::Type(node))?;
            }
            Scalar::Long(value) => self.writer.long(value),
            Scalar::Float(value) => self.writer.out.extend_from_slice(&value.to_le_bytes()),
            Scalar::Double(value) => self.writer.out.extend_from_slice(&value.to_le_bytes()),
        }
        Ok(true)
    }

    fn boolean_from_string(&mut self, start: usize, node: &'a Node) -> Result<bool, Halt> {
        let text = self.scan.string()?;
        let value = match self.scan.text(text) {
            b"true" => 1,
            b"false" => 0,
            _ => return Ok(false),
        };
        self.note(Act::BooleanFromString, start, node)?;
        self.writer.byte(value);
        Ok(true)
    }

    fn boolean_from_number(&mut self, start: usize, node: &'a Node) -> Result<bool, Halt> {
        let number = self.scan.number(node)?;
        let value = match self.scan.number_text(number) {
            "1" => 1,
            "0" => 0,
            _ => return Ok(false),
        };
        self.note(Act::BooleanFromNumber, start, node)?;
        self.writer.byte(value);
        Ok(true)
    }

    /// The JSON text as it stands. Null is no text.
    fn string_from(&mut self, kind: Kind, start: usize, node: &'a Node) -> Result<bool, Halt> {
        let act = match kind {
            Kind::Null | Kind::String => return Ok(false),
            Kind::Number => Act::StringFromNumber,
            Kind::Boolean => Act::StringFromBoolean,
            Kind::Array | Kind::Object => Act::StringFromJson,
        };
        self.scan.skip()?;
        self.note(act, start, node)?;
        self.writer.bytes(self.scan.json.get(start..self.scan.at).unwrap_or_default());
        Ok(true)
    }
}

/// A number as it will be written.
enum Scalar {
    Long(i64),
    Float(f32),
    Double(f64),
}
