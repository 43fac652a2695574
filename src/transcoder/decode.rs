//! The way back: one Avro datum by its plan -> compact JSON, the very form that `encode` with the same options takes.
//!
//! Comes in: Avro bytes from anywhere. Goes out: JSON appended to the caller's buffer, and how many bytes the datum was.
//! Must never: trust a length or a count, allocate by one, go deeper than `MAX_DEPTH`.
//!
//! Floats are the shortest text that reads back as the same, always with a point or an exponent. Infinity is `1e999`, as
//! `encode` takes it. NaN, which JSON does not have and `encode` never writes, becomes the string `"NaN"`.

use super::MAX_DEPTH;
use super::plan::{Node, Plan};
use std::fmt;

/// Values that may take no bytes at all (null, an empty record): a few bytes of count could ask for any number of them.
const MAX_IDLE: usize = 1 << 20;

/// Bytes that are no datum of the schema.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DecodeError {
    /// What is wrong, for a person.
    pub problem: &'static str,
    /// Where, in bytes from the datum's start.
    pub offset: usize,
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no datum of this schema: {} at byte {}", self.problem, self.offset)
    }
}

impl std::error::Error for DecodeError {}

/// Appends one datum as compact JSON; returns how many bytes it was. What stands behind it is the caller's.
///
/// # Errors
/// When the bytes are no datum of the schema; then `json` is as before.
pub fn decode(plan: &Plan, datum: &[u8], json: &mut Vec<u8>) -> Result<usize, DecodeError> {
    let entry = json.len();
    let idle = MAX_IDLE.saturating_add(datum.len());
    let mut reader = Reader { plan, datum, at: 0, depth: 0, idle, json };
    match reader.value(&plan.root) {
        Ok(()) => Ok(reader.at),
        Err(error) => {
            json.truncate(entry);
            Err(error)
        }
    }
}

/// A datum on its way to JSON.
pub(super) struct Reader<'a> {
    plan: &'a Plan,
    datum: &'a [u8],
    at: usize,
    depth: u32,
    /// How many more values may take no bytes.
    idle: usize,
    pub(super) json: &'a mut Vec<u8>,
}

impl<'a> Reader<'a> {
    pub(super) fn fail<T>(&self, problem: &'static str) -> Result<T, DecodeError> {
        Err(DecodeError { problem, offset: self.at })
    }

    fn value(&mut self, node: &Node) -> Result<(), DecodeError> {
        match node {
            Node::Null => {
                self.idle()?;
                self.json.extend_from_slice(b"null");
            }
            Node::Boolean => match self.take(1)? {
                [0] => self.json.extend_from_slice(b"false"),
                [1] => self.json.extend_from_slice(b"true"),
                _ => return self.fail("a boolean that is neither 0 nor 1"),
            },
            Node::Int(_) => {
                let Ok(value) = i32::try_from(self.long()?) else { return self.fail("an int out of its range") };
                self.print(format_args!("{value}"));
            }
            Node::Long(_) => {
                let value = self.long()?;
                self.print(format_args!("{value}"));
            }
            Node::Float => {
                let value = f32::from_le_bytes(self.array()?);
                self.float(format_args!("{value:?}"), f64::from(value));
            }
            Node::Double => {
                let value = f64::from_le_bytes(self.array()?);
                self.float(format_args!("{value:?}"), value);
            }
            Node::String | Node::Uuid => {
                let text = self.text()?;
                self.quote(text);
            }
            Node::Bytes(spelt) => {
                let bytes = self.sized()?;
                self.bytes(bytes, *spelt)?;
            }
            Node::Fixed(fixed) => {
                self.idle()?;
                let bytes = self.take(fixed.size)?;
                self.fixed(fixed, bytes)?;
            }
            Node::Decimal(decimal) => self.decimal(decimal)?,
            Node::BigDecimal => self.big_decimal()?,
            // The schema's own spelling: not each format can say each value.
            Node::Timed(timed) => {
                let value = self.long()?;
                timed.print(value, self.json);
            }
            Node::Accepting(accepting) => self.value(&accepting.node)?,
            Node::Named(named) => self.value(&named.union)?,
            Node::Enum(symbols) => {
                let index = self.size("an enum index that is negative")?;
                let Some(symbol) = symbols.symbols.names().get(index) else {
                    return self.fail("an enum index past the last symbol");
                };
                self.quote(symbol);
            }
            Node::Nullable(_) | Node::Union(_) | Node::Tagged(_) => self.union(node)?,
            Node::Array(_) | Node::Map(_) | Node::Record(_) => {
                if self.depth == MAX_DEPTH {
                    return self.fail("more than 128 containers inside one another");
                }
                self.depth += 1;
                self.container(node)?;
                self.depth -= 1;
            }
        }
        Ok(())
    }

    /// A union's value, with the name of its branch where these have names.
    fn union(&mut self, node: &Node) -> Result<(), DecodeError> {
        let index = self.size("a union branch that is negative")?;
        let Some(branch) = node.branch(index) else { return self.fail("a union branch past the last") };
        match (branch, node) {
            (Node::Null, _) => self.value(branch),
            (_, Node::Tagged(tagged)) => {
                self.json.push(b'{');
                self.quote(tagged.names.names().get(index).map_or("", |name| name));
                self.json.push(b':');
                self.value(branch)?;
                self.json.push(b'}');
                Ok(())
            }
            _ => self.value(branch),
        }
    }

    fn container(&mut self, node: &Node) -> Result<(), DecodeError> {
        match node {
            Node::Array(items) => {
                self.json.push(b'[');
                self.blocks(|reader| reader.value(items))?;
                self.json.push(b']');
            }
            Node::Map(values) => {
                self.json.push(b'{');
                self.blocks(|reader| {
                    let key = reader.text()?;
                    reader.quote(key);
                    reader.json.push(b':');
                    reader.value(values)
                })?;
                self.json.push(b'}');
            }
            Node::Record(index) => self.record(*index)?,
            _ => {}
        }
        Ok(())
    }

    fn record(&mut self, index: u32) -> Result<(), DecodeError> {
        self.idle()?;
        let plan = self.plan;
        let fields = plan.records.get(index as usize).map(|record| record.fields.as_slice()).unwrap_or_default();
        self.json.push(b'{');
        for (position, field) in fields.iter().enumerate() {
            if position > 0 {
                self.json.push(b',');
            }
            self.quote(&field.key);
            self.json.push(b':');
            self.value(&field.node)?;
        }
        self.json.push(b'}');
        Ok(())
    }

    /// The elements of an array or map, block by block, commas between them.
    fn blocks(&mut self, element: impl Fn(&mut Self) -> Result<(), DecodeError>) -> Result<(), DecodeError> {
        let mut first = true;
        loop {
            let count = self.long()?;
            if count == 0 {
                return Ok(());
            }
            // A negative count is followed by the block's size in bytes, for those who skip it.
            let end = if count < 0 { Some(self.length()?).and_then(|size| self.at.checked_add(size)) } else { None };
            for _ in 0..count.unsigned_abs() {
                if !first {
                    self.json.push(b',');
                }
                first = false;
                element(self)?;
            }
            if end.is_some_and(|end| end != self.at) {
                return self.fail("a block of another size than it says");
            }
        }
    }

    /// Counts a value that may have taken no bytes.
    pub(super) fn idle(&mut self) -> Result<(), DecodeError> {
        match self.idle.checked_sub(1) {
            Some(left) => self.idle = left,
            None => return self.fail("too many values of no bytes"),
        }
        Ok(())
    }

    pub(super) fn take(&mut self, size: usize) -> Result<&'a [u8], DecodeError> {
        let datum = self.datum;
        let Some(bytes) = self.at.checked_add(size).and_then(|end| datum.get(self.at..end)) else {
            return self.fail("fewer bytes than the schema needs");
        };
        self.at += size;
        Ok(bytes)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        self.take(N).map(|bytes| bytes.first_chunk().copied().unwrap_or([0; N]))
    }

    fn long(&mut self) -> Result<i64, DecodeError> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let [byte] = self.array()?;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                break;
            }
            value |= bits << shift;
            if byte < 0x80 {
                return Ok((value >> 1).cast_signed() ^ -(value & 1).cast_signed());
            }
        }
        self.fail("an integer of more than 64 bits")
    }

    fn size(&mut self, negative: &'static str) -> Result<usize, DecodeError> {
        let value = self.long()?;
        usize::try_from(value).or_else(|_| self.fail(negative))
    }

    fn length(&mut self) -> Result<usize, DecodeError> {
        self.size("a length that is negative")
    }

    pub(super) fn sized(&mut self) -> Result<&'a [u8], DecodeError> {
        let length = self.length()?;
        self.take(length)
    }

    fn text(&mut self) -> Result<&'a str, DecodeError> {
        let bytes = self.sized()?;
        simdutf8::basic::from_utf8(bytes).or_else(|_| self.fail("a string that is no UTF-8"))
    }
}
