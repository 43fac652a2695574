//! Records, whose fields may come in any order.
//!
//! Comes in: the fields of a record as the JSON gives them. Goes out: their Avro in schema order, defaults for those not
//! given. A record whose fields come in schema order is written once; any other is put in order by one splice at its
//! end. Must never: write a field twice.

use super::plan::{FieldDefault, Record};
use super::writer::{Writer, WriterMemory};

#[derive(Clone, Copy, Debug)]
pub(super) struct Span {
    start: usize,
    end: usize,
}

/// Defaults of neighbouring fields: which fields, and where they stand.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fill {
    fields: (usize, usize),
    bytes: Span,
}

/// The field was not given.
const ABSENT: Span = Span { start: usize::MAX, end: 0 };

/// A record being written.
#[derive(Debug)]
pub(super) struct Fields {
    /// Where its bytes start.
    start: usize,
    /// Where its fills start.
    fills: usize,
    /// Where its spans start, once it is out of order.
    spans: usize,
    /// The field that comes next in schema order; none once it is out of order.
    next: usize,
    /// Defaults written so far.
    filled: Filled,
}

/// How many fields were filled in: with the schema's default, and with null for want of one. Both in one number, for speed.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Filled(u64);

impl Filled {
    #[inline]
    pub(super) fn none(self) -> bool {
        self.0 == 0
    }

    pub(super) fn defaults(self) -> u64 {
        self.0 & u64::from(u32::MAX)
    }

    pub(super) fn nulls(self) -> u64 {
        self.0 >> 32
    }

    #[inline]
    fn add(&mut self, default: &FieldDefault) {
        self.0 += if matches!(default, FieldDefault::Null(_)) { 1 << 32 } else { 1 };
    }
}

/// No field comes next: everything is in any order.
const DISORDER: usize = usize::MAX;

/// A field that is not given and whose default cannot be written: its index.
#[derive(Debug)]
pub(super) struct Missing(pub(super) usize);

impl Writer<'_> {
    #[inline]
    pub(super) fn begin_record(&mut self) -> Fields {
        Fields { start: self.out.len(), fills: self.memory.fills.len(), spans: 0, next: 0, filled: Filled::default() }
    }

    /// A record whose fields are kept apart from the start.
    pub(super) fn begin_record_apart(&mut self, record: &Record) -> Fields {
        let mut fields = self.begin_record();
        self.give_up_order(&mut fields, record);
        fields
    }

    /// Forgets a record that was begun.
    pub(super) fn undo_record(&mut self, fields: Fields) {
        self.out.truncate(fields.start);
        self.memory.fills.truncate(fields.fills);
        if fields.next == DISORDER {
            self.memory.spans.truncate(fields.spans);
        }
    }

    /// Whether a field of a record out of order was given.
    pub(super) fn is_given(&self, fields: &Fields, field: usize) -> bool {
        self.memory.spans.get(fields.spans + field).is_some_and(|span| span.start != ABSENT.start)
    }

    /// Before a field's value: where it starts; none if the field was given already.
    #[inline]
    pub(super) fn begin_field(&mut self, fields: &mut Fields, record: &Record, field: usize) -> Option<usize> {
        if field == fields.next {
            fields.next += 1;
        } else if !self.jump(fields, record, field) {
            return None;
        }
        Some(self.out.len())
    }

    /// A field that is not the next one: whether it is given for the first time.
    #[inline(never)]
    fn jump(&mut self, fields: &mut Fields, record: &Record, field: usize) -> bool {
        if fields.next == DISORDER {
            return !self.is_given(fields, field);
        }
        if field < fields.next {
            self.give_up_order(fields, record);
            return !self.is_given(fields, field);
        }
        // A bet that the fields between are absent: with their defaults written now, nothing is out of order. If one
        // comes later, these bytes are a gap that the splice leaves out.
        let (first, start) = (fields.next, self.out.len());
        let mut last = first;
        while let Some(skipped) = record.fields.get(last)
            && let Some(default) = skipped.default.avro()
            && last < field
        {
            append_default(&mut self.out, default);
            fields.filled.add(&skipped.default);
            last += 1;
        }
        self.memory.fills.push(Fill { fields: (first, last), bytes: Span { start, end: self.out.len() } });
        if last < field {
            self.give_up_order(fields, record);
        } else {
            fields.next = field + 1;
        }
        true
    }

    /// Notes where the fields given so far stand, which nobody did while they came in order: those between two fills are
    /// one piece, which its first field holds.
    fn give_up_order(&mut self, fields: &mut Fields, record: &Record) {
        let WriterMemory { fills, spans, .. } = &mut *self.memory;
        fields.spans = spans.len();
        spans.resize(fields.spans + record.fields.len(), ABSENT);
        let own = spans.get_mut(fields.spans..).unwrap_or_default();
        let (mut field, mut start) = (0, fields.start);
        let end = Span { start: self.out.len(), end: self.out.len() };
        let end = Fill { fields: (fields.next, fields.next), bytes: end };
        for fill in fills.get(fields.fills..).unwrap_or_default().iter().chain([&end]) {
            let piece = Span { start, end: fill.bytes.start };
            for (index, span) in own.iter_mut().enumerate().take(fill.fields.0).skip(field) {
                *span = if index == field { piece } else { Span { start: piece.end, end: piece.end } };
            }
            (field, start) = (fill.fields.1, fill.bytes.end);
        }
        fields.next = DISORDER;
    }

    /// After a field's value.
    #[inline]
    pub(super) fn end_field(&mut self, fields: &Fields, field: usize, start: usize) {
        if fields.next == DISORDER
            && let Some(span) = self.memory.spans.get_mut(fields.spans + field)
        {
            *span = Span { start, end: self.out.len() };
        }
    }

    /// After the last field: fills in the defaults of those not given and says how many they were.
    #[inline]
    pub(super) fn end_record(&mut self, mut fields: Fields, record: &Record) -> Result<Filled, Missing> {
        if fields.next == DISORDER {
            return self.splice(&fields, record);
        }
        for (index, field) in record.fields.iter().enumerate().skip(fields.next) {
            let Some(default) = field.default.avro() else { return Err(Missing(index)) };
            append_default(&mut self.out, default);
            fields.filled.add(&field.default);
        }
        self.memory.fills.truncate(fields.fills);
        Ok(fields.filled)
    }

    /// Puts a record's fields in schema order, neighbours in one piece.
    #[inline(never)]
    fn splice(&mut self, fields: &Fields, record: &Record) -> Result<Filled, Missing> {
        let WriterMemory { fills, spans, unordered, .. } = &mut *self.memory;
        unordered.clear();
        unordered.extend_from_slice(self.out.get(fields.start..).unwrap_or_default());
        // So that short pieces up to the last can be copied as blocks.
        unordered.extend_from_slice(&[0; PIECE]);
        self.out.truncate(fields.start);
        let mut run = Span { start: fields.start, end: fields.start };
        let mut filled = Filled::default();
        for (index, field) in record.fields.iter().enumerate() {
            let span = spans.get(fields.spans + index).copied().unwrap_or(ABSENT);
            if span.start == run.end {
                run.end = span.end;
                continue;
            }
            append(&mut self.out, unordered, run.start - fields.start, run.end - fields.start);
            if span.start != ABSENT.start {
                run = span;
                continue;
            }
            run = Span { start: fields.start, end: fields.start };
            let Some(default) = field.default.avro() else { return Err(Missing(index)) };
            append_default(&mut self.out, default);
            filled.add(&field.default);
        }
        append(&mut self.out, unordered, run.start - fields.start, run.end - fields.start);
        fills.truncate(fields.fills);
        spans.truncate(fields.spans);
        Ok(filled)
    }
}

/// Fields are short: up to this length one is copied as a block, of which what is too much is dropped again.
const PIECE: usize = 32;

/// Appends bytes `start..end` of a buffer that goes on behind them.
#[inline]
fn append(out: &mut Vec<u8>, from: &[u8], start: usize, end: usize) {
    match from.get(start..).and_then(|rest| rest.first_chunk::<PIECE>()) {
        Some(bytes) if end - start <= PIECE => {
            let length = out.len() + (end - start);
            out.extend_from_slice(bytes);
            out.truncate(length);
        }
        _ => out.extend_from_slice(from.get(start..end).unwrap_or_default()),
    }
}

/// Appends a default: mostly null, one byte.
#[inline]
fn append_default(out: &mut Vec<u8>, default: &[u8]) {
    match default {
        [byte] => out.push(*byte),
        _ => out.extend_from_slice(default),
    }
}
