//! Objects for records: the key that is guessed, the fields that are missing, unknown or there twice.
//!
//! Comes in: the walk at a value for a record. Goes out: its fields in schema order. Must never: take one of two equal
//! keys, or make up a value, in silence.

use super::encode::Walk;
use super::keys::{self, UNKNOWN};
use super::ledger::Act;
use super::order::{Fields, Missing};
use super::plan::{Field, FieldDefault, Node, Record};
use super::refusal::{Expected, Failure, Halt, Reason, Segment};

/// Where a record began.
#[derive(Clone, Copy, Debug)]
struct Begin {
    at: usize,
    noted: usize,
}

/// A key that was passed, its colon too. It stays in registers: whoever takes it whole by a call puts it into memory, which
/// cost a third of a record's time.
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
        let begin = Begin { at: self.scan.at, noted: self.noted.len() };
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
                        return self.given_twice(index, node, key.field, (key.start, key.end), fields, begin);
                    };
                    self.field(index, key.field, field, start)?;
                    self.writer.end_field(&fields, position, start);
                }
                None => self.unknown_field(key.start, key.end, record, node)?,
            }
            open = self.scan.more(b'}')?;
        }
        self.end_record(index, record, fields, begin, node)
    }

    /// Passes a field's value.
    #[inline(always)]
    fn field(&mut self, record: u32, position: u32, field: &'a Field, start: usize) -> Result<(), Halt> {
        let passed = match &field.node {
            Node::String => self.string(&field.node),
            Node::Nullable(nullable) => self.nullable(nullable, &field.node),
            node => self.value(node),
        };
        match passed {
            Ok(()) => Ok(()),
            Err(halt) => self.failed_field(record, position, field, start, halt),
        }
    }

    /// A field whose value was refused: null may give way to the default.
    #[cold]
    #[inline(never)]
    fn failed_field(
        &mut self,
        record: u32,
        position: u32,
        field: &'a Field,
        start: usize,
        halt: Halt,
    ) -> Result<(), Halt> {
        // A value's own mistake is noted with no path yet, where it stands; a null within it leaves a path.
        let own = self.path.is_empty() && self.writer.out.len() == start;
        let null = self.scan.failure.is_some_and(|failure| {
            let here = failure.offset == self.scan.at && failure.reason == Reason::WrongType;
            own && here && self.scan.json.get(failure.offset) == Some(&b'n')
        });
        if null && let FieldDefault::Avro(default) = &field.default {
            let at = self.scan.at;
            if self.scan.literal("null").is_ok() && self.note_at(field, Act::NullReplaced, at).is_ok() {
                self.writer.out.extend_from_slice(default);
                self.scan.failure = None;
                return Ok(());
            }
        }
        self.path.push(Segment::Field(record, position));
        Err(halt)
    }

    /// Passes a key, its colon and the white space behind it.
    #[inline(always)]
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
        let field = record.field_of(name);
        let place = self.keys.place(index, name, field);
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
    fn unknown_field(&mut self, start: usize, end: usize, record: &'a Record, node: &'a Node) -> Result<(), Halt> {
        let segment = Segment::Key(start, end);
        if record.known.is_empty() || !self.is_known(start, record) {
            self.note(Act::UnknownField, start - 1, node).inspect_err(|_| self.path.push(segment))?;
        }
        self.scan.skip().inspect_err(|_| self.path.push(segment))
    }

    /// Whether a key is one that the options know, however it is spelt.
    #[cold]
    fn is_known(&mut self, start: usize, record: &Record) -> bool {
        let at = std::mem::replace(&mut self.scan.at, start - 1);
        let text = self.scan.key();
        self.scan.at = at;
        text.is_ok_and(|text| record.known.iter().any(|known| known.as_bytes() == self.scan.text(text)))
    }

    #[inline]
    fn end_record(
        &mut self,
        index: u32,
        record: &'a Record,
        fields: Fields,
        begin: Begin,
        node: &'a Node,
    ) -> Result<(), Halt> {
        match self.writer.end_record(fields, record) {
            Ok(filled) if filled.none() => Ok(()),
            Ok(filled) => {
                let (mut defaults, mut nulls) = (filled.defaults(), filled.nulls());
                if record.own {
                    self.filled_in_places(index, record, begin.at, &mut defaults, &mut nulls)?;
                }
                for (act, times) in [(Act::DefaultFilled, defaults), (Act::NullFilled, nulls)] {
                    if times > 0 && self.note_times(act, times, self.scan.at - 1, node).is_err() {
                        return self.must_be_given(index, record, act, begin.at, node);
                    }
                }
                // Defaults alone, field by field, may be a multiple of the JSON.
                self.bounded()
            }
            Err(Missing(field)) => self.missing(index, record, field, node),
        }
    }

    /// Refuses a record because a field that is not there may not be filled in: the first of them.
    #[cold]
    #[inline(never)]
    fn must_be_given(
        &mut self,
        index: u32,
        record: &'a Record,
        act: Act,
        start: usize,
        node: &'a Node,
    ) -> Result<(), Halt> {
        let failure = self.scan.failure;
        self.note_given(record, start)?;
        // A field that its own place says it of was accounted for.
        let filled_by = |field: &Field| filled_by(field) == Some(act) && !matches!(field.node, Node::Accepting(_));
        let absent = record.fields.iter().zip(&*self.given).position(|(field, given)| !given && filled_by(field));
        let expected = absent.and_then(|absent| record.fields.get(absent)).map_or(node, |field| &field.node);
        if let Some(absent) = absent {
            self.path.push(Segment::Field(index, absent as u32));
        }
        self.scan.failure = failure.map(|failure| Failure { expected: Expected::Type(expected), ..failure });
        Err(Halt)
    }

    /// Accounts for fields that were filled in and that have places of their own: what is left is for the record's place.
    #[cold]
    #[inline(never)]
    fn filled_in_places(
        &mut self,
        index: u32,
        record: &'a Record,
        start: usize,
        defaults: &mut u64,
        nulls: &mut u64,
    ) -> Result<(), Halt> {
        let own = |field: &Field| filled_by(field).filter(|_| matches!(field.node, Node::Accepting(_)));
        if record.fields.iter().all(|field| own(field).is_none()) {
            return Ok(());
        }
        self.note_given(record, start)?;
        for (position, field) in record.fields.iter().enumerate() {
            let Some(act) = own(field) else { continue };
            if self.given.get(position) == Some(&false) {
                let count = if act == Act::NullFilled { &mut *nulls } else { &mut *defaults };
                *count = count.saturating_sub(1);
                let noted = self.note_at(field, act, self.scan.at - 1);
                noted.inspect_err(|_| self.path.push(Segment::Field(index, position as u32)))?;
            }
        }
        Ok(())
    }

    /// Notes which fields an object gives that was passed.
    fn note_given(&mut self, record: &Record, start: usize) -> Result<(), Halt> {
        self.given.clear();
        self.given.resize(record.fields.len(), false);
        let end = std::mem::replace(&mut self.scan.at, start);
        let mut open = self.scan.open(b'}')?;
        while open {
            let key = self.scan.key()?;
            let field = record.field_of(self.scan.text(key));
            if let Some(given) = field.and_then(|field| self.given.get_mut(field)) {
                *given = true;
            }
            self.scan.colon()?;
            self.scan.skip()?;
            open = self.scan.more(b'}')?;
        }
        self.scan.at = end;
        Ok(())
    }

    /// A key that is there for the second time. Where the last one counts, the record is read once more, each field kept
    /// apart from the start.
    #[cold]
    #[inline(never)]
    fn given_twice(
        &mut self,
        index: u32,
        node: &'a Node,
        field: u32,
        key: (usize, usize),
        fields: Fields,
        begin: Begin,
    ) -> Result<(), Halt> {
        let plan = self.plan;
        let Some(record) = plan.records.get(index as usize) else { return self.scan.mismatch(node) };
        if let Some(field) = record.fields.get(field as usize) {
            self.twice(field, key)?;
        }
        self.vain(begin.at)?;
        self.writer.undo_record(fields);
        (self.scan.at, self.scan.depth) = (begin.at, self.scan.depth - 1);
        self.noted.truncate(begin.noted);
        let mut open = self.scan.open(b'}')?;
        let fields = self.writer.begin_record_apart(record);
        let previous = self.keys.start(index);
        while open {
            let key = self.other_key(index, previous, record)?;
            match record.fields.get(key.field as usize) {
                Some(field) => {
                    let position = key.field as usize;
                    if self.writer.is_given(&fields, position) {
                        self.twice(field, (key.start, key.end))?;
                    }
                    let start = self.writer.out.len();
                    self.field(index, key.field, field, start)?;
                    self.writer.end_field(&fields, position, start);
                }
                None => self.unknown_field(key.start, key.end, record, node)?,
            }
            open = self.scan.more(b'}')?;
        }
        self.end_record(index, record, fields, begin, node)
    }

    fn twice(&mut self, field: &'a Field, (start, end): (usize, usize)) -> Result<(), Halt> {
        let noted = self.note_at(field, Act::DuplicateKey, start - 1);
        noted.or_else(|_| self.duplicate(start, end))
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
        self.scan.fail(Reason::Act(Act::DuplicateKey), start - 1, Expected::Text("each key once"))
    }
}

/// The act by which a field is filled in.
fn filled_by(field: &Field) -> Option<Act> {
    match field.default {
        FieldDefault::Avro(_) => Some(Act::DefaultFilled),
        FieldDefault::Null(_) => Some(Act::NullFilled),
        FieldDefault::None | FieldDefault::Pending | FieldDefault::Invalid => None,
    }
}
