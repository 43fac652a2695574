//! Objects for records: the key that is guessed, the fields that are missing, unknown or there twice.
//!
//! Comes in: the walk at a value for a record. Goes out: its fields in schema order. Must never: take the last of two
//! equal keys, invent a value.

use super::encode::Walk;
use super::keys::{self, UNKNOWN};
use super::order::{Fields, Missing};
use super::plan::{FieldDefault, Node, Record};
use super::refusal::{Expected, Halt, Reason, Segment};

/// The longest datum: a record batch's size is an `int32`. Only defaults can make one much longer than its JSON.
const MAX_DATUM: usize = i32::MAX as usize;

/// A key that was passed, its colon too.
#[derive(Clone, Copy, Debug)]
struct Key {
    /// Where it is in the learnt keys.
    place: usize,
    /// Where the key is that followed it last time.
    next: usize,
    field: u32,
    start: usize,
    end: usize,
}

impl Key {
    /// A key that stands at `start` in its plain spelling, `length` with quotes and colon.
    #[inline]
    fn plain(key: &keys::Key, place: usize, start: usize, length: usize) -> Self {
        Self { place, next: key.next as usize, field: key.field, start: start + 1, end: start + length - 2 }
    }
}

impl<'a> Walk<'a, '_> {
    #[inline(never)]
    pub(super) fn record(&mut self, index: u32, node: &'a Node) -> Result<(), Halt> {
        let plan = self.plan;
        let Some(record) = plan.records.get(index as usize) else { return self.scan.mismatch(node) };
        if self.scan.peek() != b'{' {
            return self.scan.mismatch(node);
        }
        let mut open = self.scan.open(b'}')?;
        let mut fields = self.writer.begin_record();
        let mut previous = self.keys.start(index);
        let mut guess = self.keys.get(previous).map_or(0, |key| key.next as usize);
        while open {
            let key = self.record_key(index, previous, guess, record)?;
            (previous, guess) = (key.place, key.next);
            match record.fields.get(key.field as usize) {
                Some(field) => {
                    let position = key.field as usize;
                    let Some(start) = self.writer.begin_field(&mut fields, record, position) else {
                        return self.duplicate(key.start, key.end);
                    };
                    let passed = match &field.node {
                        Node::String => self.string(&field.node),
                        Node::Nullable(nullable) => self.nullable(nullable, &field.node),
                        node => self.value(node),
                    };
                    if let Err(halt) = passed {
                        self.path.push(Segment::Field(index, key.field));
                        return Err(halt);
                    }
                    self.writer.end_field(&fields, position, start);
                }
                None => self.unknown_field(key, node)?,
            }
            open = self.scan.more(b'}')?;
        }
        self.end_record(index, record, fields, node)
    }

    /// Passes a key, its colon and the white space behind it.
    #[inline]
    fn record_key(&mut self, index: u32, previous: usize, guess: usize, record: &Record) -> Result<Key, Halt> {
        let start = self.scan.at;
        if let Some(key) = self.keys.get(guess)
            && let Some(length) = key.stands(self.scan.json, start)
        {
            let key = Key::plain(key, guess, start, length);
            self.scan.at += length;
            self.scan.white_space();
            return Ok(key);
        }
        self.other_key(index, previous, record)
    }

    /// Passes a key that is not the one that was guessed.
    #[inline(never)]
    fn other_key(&mut self, index: u32, previous: usize, record: &Record) -> Result<Key, Halt> {
        let start = self.scan.at;
        if let Some((place, length)) = self.keys.find(index, self.scan.json, start)
            && let Some(key) = self.keys.get(place)
        {
            let key = Key::plain(key, place, start, length);
            self.keys.learn(previous, place);
            self.scan.at += length;
            self.scan.white_space();
            return Ok(key);
        }
        self.look_up(index, previous, record)
    }

    /// Passes a key that is new, in an odd spelling, or close to the input's end.
    #[inline(never)]
    fn look_up(&mut self, index: u32, previous: usize, record: &Record) -> Result<Key, Halt> {
        let text = self.scan.key()?;
        let name = self.scan.text(text);
        let field = record.table.get(name);
        let place = match field {
            Some(field) => Some(self.keys.field(index, field)),
            None => self.keys.unknown(index, name),
        };
        if let Some(place) = place {
            self.keys.learn(previous, place);
        }
        self.scan.colon()?;
        // One that is not learnt: the next guess is the one after the same key again.
        let place = place.unwrap_or(previous);
        let next = self.keys.get(place).map_or(0, |key| key.next as usize);
        let field = field.map_or(UNKNOWN, |field| field as u32);
        Ok(Key { place, next, field, start: text.start, end: text.end })
    }

    /// Passes the value of a field that the schema does not have. That such a field is there twice is not noticed:
    /// neither is kept.
    fn unknown_field(&mut self, key: Key, node: &'a Node) -> Result<(), Halt> {
        let segment = Segment::Key(key.start, key.end);
        if self.strict.unknown_fields {
            self.path.push(segment);
            return self.scan.fail(Reason::UnknownField, key.start - 1, Expected::Type(node));
        }
        self.ledger.unknown_field += 1;
        self.scan.skip().inspect_err(|_| self.path.push(segment))
    }

    #[inline]
    fn end_record(&mut self, index: u32, record: &'a Record, fields: Fields, node: &'a Node) -> Result<(), Halt> {
        match self.writer.end_record(fields, record) {
            Ok(0) => Ok(()),
            Ok(filled) => {
                self.ledger.default_filled += filled;
                if self.writer.out.len() > MAX_DATUM {
                    return self.scan.fail(Reason::TooLarge, self.scan.at, Expected::Text("at most 2 GiB of Avro"));
                }
                Ok(())
            }
            Err(Missing(field)) => self.missing(index, record, field, node),
        }
    }

    /// Refuses a record because of a field that is not there.
    #[cold]
    fn missing(&mut self, index: u32, record: &'a Record, field: usize, node: &'a Node) -> Result<(), Halt> {
        self.path.push(Segment::Field(index, field as u32));
        let field = record.fields.get(field);
        let reason = match field.map(|field| &field.default) {
            Some(FieldDefault::Pending) => Reason::PendingDefault,
            Some(FieldDefault::Invalid) => Reason::InvalidDefault,
            _ => Reason::MissingField,
        };
        let expected = field.map_or(node, |field| &field.node);
        self.scan.fail(reason, self.scan.at - 1, Expected::Type(expected))
    }

    /// Refuses a key that is there twice.
    #[cold]
    pub(super) fn duplicate(&mut self, start: usize, end: usize) -> Result<(), Halt> {
        self.path.push(Segment::Key(start, end));
        self.scan.fail(Reason::DuplicateKey, start - 1, Expected::Text("each key once"))
    }
}
