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
    filled: u64,
}

/// No field comes next: everything is in any order.
const DISORDER: usize = usize::MAX;

/// A field that is not given and whose default cannot be written: its index.
#[derive(Debug)]
pub(super) struct Missing(pub(super) usize);

impl Writer<'_> {
    #[inline]
    pub(super) fn begin_record(&mut self) -> Fields {
        Fields { start: self.out.len(), fills: self.memory.fills.len(), spans: 0, next: 0, filled: 0 }
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
            return self.memory.spans.get(fields.spans + field).is_none_or(|span| span.start == ABSENT.start);
        }
        if field < fields.next {
            self.give_up_order(fields, record);
            return self.memory.spans.get(fields.spans + field).is_none_or(|span| span.start == ABSENT.start);
        }
        // A bet that the fields between are absent: with their defaults written now, nothing is out of order. If one
        // comes later, these bytes are a gap that the splice leaves out.
        let (first, start) = (fields.next, self.out.len());
        let mut last = first;
        while let Some(FieldDefault::Avro(default)) = record.fields.get(last).map(|skipped| &skipped.default)
            && last < field
        {
            append_default(&mut self.out, default);
            last += 1;
        }
        fields.filled += (last - first) as u64;
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
    pub(super) fn end_record(&mut self, mut fields: Fields, record: &Record) -> Result<u64, Missing> {
        if fields.next == DISORDER {
            return self.splice(&fields, record);
        }
        for (index, field) in record.fields.iter().enumerate().skip(fields.next) {
            let FieldDefault::Avro(default) = &field.default else { return Err(Missing(index)) };
            append_default(&mut self.out, default);
            fields.filled += 1;
        }
        self.memory.fills.truncate(fields.fills);
        Ok(fields.filled)
    }

    /// Puts a record's fields in schema order, neighbours in one piece.
    #[inline(never)]
    fn splice(&mut self, fields: &Fields, record: &Record) -> Result<u64, Missing> {
        let WriterMemory { fills, spans, unordered, .. } = &mut *self.memory;
        unordered.clear();
        unordered.extend_from_slice(self.out.get(fields.start..).unwrap_or_default());
        // So that short pieces up to the last can be copied as blocks.
        unordered.extend_from_slice(&[0; PIECE]);
        self.out.truncate(fields.start);
        let mut run = Span { start: fields.start, end: fields.start };
        let mut filled = 0;
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
            let FieldDefault::Avro(default) = &field.default else { return Err(Missing(index)) };
            append_default(&mut self.out, default);
            filled += 1;
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
