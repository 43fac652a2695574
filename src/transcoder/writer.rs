//! Avro's binary encoding (specification 1.12), appended to the caller's buffer; fields in whatever order they come.
//!
//! Comes in: values as the JSON gives them. Goes out: Avro bytes. A record whose fields come in schema order is written
//! once; any other is put in order by one splice at its end. Must never: look at JSON.

use super::plan::{FieldDefault, Record};
use super::simd::{BLOCK, special_of, whole};

/// The buffer, and what must be remembered about the records and maps that are being written.
#[derive(Debug)]
pub(super) struct Writer<'a> {
    pub(super) out: Vec<u8>,
    pub(super) memory: &'a mut WriterMemory,
}

/// Reused from record to record, so that none allocates.
#[derive(Debug, Default)]
pub(super) struct WriterMemory {
    /// Defaults that were written before the fields behind them, for every record being written, innermost last.
    fills: Vec<Fill>,
    /// Where each field given so far stands in the buffer, for every record being written whose fields are not in
    /// order, innermost last.
    spans: Vec<Span>,
    /// Keys of the maps being written, innermost last.
    keys: Vec<MapKey>,
    /// A record's fields while they are put in order.
    unordered: Vec<u8>,
}

impl WriterMemory {
    pub(super) fn clear(&mut self) {
        self.fills.clear();
        self.spans.clear();
        self.keys.clear();
    }
}

#[derive(Clone, Copy, Debug)]
struct Span {
    start: usize,
    end: usize,
}

/// Defaults of neighbouring fields: which fields, and where they stand.
#[derive(Clone, Copy, Debug)]
struct Fill {
    fields: (usize, usize),
    bytes: Span,
}

/// The field was not given.
const ABSENT: Span = Span { start: usize::MAX, end: 0 };

/// A map's key: where it stands in the buffer and in the JSON.
#[derive(Clone, Copy, Debug)]
pub(super) struct MapKey {
    pub(super) avro: (usize, usize),
    pub(super) json: (usize, usize),
}

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

/// A place to come back to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mark {
    out: usize,
    fills: usize,
    spans: usize,
    keys: usize,
}

impl Writer<'_> {
    pub(super) fn mark(&self) -> Mark {
        let WriterMemory { fills, spans, keys, .. } = &*self.memory;
        Mark { out: self.out.len(), fills: fills.len(), spans: spans.len(), keys: keys.len() }
    }

    /// Forgets everything since the mark.
    pub(super) fn rewind(&mut self, mark: Mark) {
        self.out.truncate(mark.out);
        self.memory.fills.truncate(mark.fills);
        self.memory.spans.truncate(mark.spans);
        self.memory.keys.truncate(mark.keys);
    }

    #[inline]
    pub(super) fn byte(&mut self, byte: u8) {
        self.out.push(byte);
    }

    /// `int` and `long`: zigzag, then seven bits a byte, lowest first.
    #[inline]
    pub(super) fn long(&mut self, value: i64) {
        self.varint((value << 1 ^ value >> 63).cast_unsigned());
    }

    /// A length, a count or an index.
    #[inline]
    pub(super) fn size(&mut self, value: usize) {
        self.varint((value as u64) << 1);
    }

    #[inline]
    fn varint(&mut self, value: u64) {
        if value < 0x80 {
            self.out.push(value as u8);
        } else {
            let (bytes, length) = varint(value);
            let end = self.out.len() + length;
            self.out.extend_from_slice(&bytes);
            self.out.truncate(end);
        }
    }

    /// `bytes` and `string`: the length, then the bytes.
    #[inline]
    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        self.size(bytes.len());
        self.out.extend_from_slice(bytes);
    }

    /// Copies a string that starts at `start`, block by block while its end is looked for: how long it is. None, and
    /// nothing written, unless it is short, without escapes, and more than a block of the input is behind it.
    #[inline]
    pub(super) fn short_string(&mut self, json: &[u8], start: usize) -> Option<usize> {
        let from = self.out.len();
        self.out.push(0);
        // A length below 64 is one byte.
        for blocks in 0..4 {
            let at = start + blocks * BLOCK;
            let Some(bytes) = whole(json, at) else { break };
            self.out.extend_from_slice(bytes);
            let found = special_of(bytes);
            if found == BLOCK {
                continue;
            }
            let length = blocks * BLOCK + found;
            if json.get(at + found) != Some(&b'"') {
                break;
            }
            self.out.truncate(from + 1 + length);
            if let Some(kept) = self.out.get_mut(from) {
                *kept = (length << 1) as u8;
            }
            return Some(length);
        }
        self.out.truncate(from);
        None
    }

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
            self.out.extend_from_slice(default);
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
            self.out.extend_from_slice(default);
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
        self.out.truncate(fields.start);
        let piece = |run: Span| unordered.get(run.start - fields.start..run.end - fields.start).unwrap_or_default();
        let mut run = Span { start: fields.start, end: fields.start };
        let mut filled = 0;
        for (index, field) in record.fields.iter().enumerate() {
            let span = spans.get(fields.spans + index).copied().unwrap_or(ABSENT);
            if span.start == run.end {
                run.end = span.end;
                continue;
            }
            self.out.extend_from_slice(piece(run));
            if span.start != ABSENT.start {
                run = span;
                continue;
            }
            run = Span { start: fields.start, end: fields.start };
            let FieldDefault::Avro(default) = &field.default else { return Err(Missing(index)) };
            self.out.extend_from_slice(default);
            filled += 1;
        }
        self.out.extend_from_slice(piece(run));
        fills.truncate(fields.fills);
        spans.truncate(fields.spans);
        Ok(filled)
    }

    /// Before the elements of an array or map, whose count is not known yet: one byte is kept for it.
    #[inline]
    pub(super) fn begin_block(&mut self) -> usize {
        let start = self.out.len();
        self.out.push(0);
        start
    }

    /// After the elements: one block (readers and writers elsewhere write one, too), then the end.
    #[inline]
    pub(super) fn end_block(&mut self, start: usize, count: usize) {
        if count == 0 {
            // The byte kept for the count is the end.
            return;
        }
        match self.out.get_mut(start) {
            Some(kept) if count < 64 => *kept = (count << 1) as u8,
            _ => self.widen(start, count),
        }
        self.out.push(0);
    }

    /// Makes room for a count that needs more than one byte.
    #[inline(never)]
    fn widen(&mut self, start: usize, count: usize) {
        let (bytes, length) = varint((count as u64) << 1);
        let bytes = bytes.get(..length).unwrap_or_default();
        self.out.splice(start..=start, bytes.iter().copied());
    }

    /// Before the entries of a map: where its keys start.
    pub(super) fn begin_keys(&self) -> usize {
        self.memory.keys.len()
    }

    /// A map's key.
    #[inline]
    pub(super) fn map_key(&mut self, key: &[u8], json: (usize, usize)) {
        self.size(key.len());
        let start = self.out.len();
        self.out.extend_from_slice(key);
        self.memory.keys.push(MapKey { avro: (start, self.out.len()), json });
    }

    /// After the entries of a map: a key that is there twice, if any.
    #[inline]
    pub(super) fn end_keys(&mut self, base: usize) -> Option<MapKey> {
        let WriterMemory { keys, .. } = &mut *self.memory;
        let own = keys.get_mut(base..).unwrap_or_default();
        let twice = if own.len() > 1 { repeated(&self.out, own) } else { None };
        keys.truncate(base);
        twice
    }
}

/// The later of two equal keys.
fn repeated(out: &[u8], keys: &mut [MapKey]) -> Option<MapKey> {
    let text = |key: &MapKey| out.get(key.avro.0..key.avro.1).unwrap_or_default();
    if keys.len() <= 16 {
        return keys.iter().enumerate().find_map(|(index, key)| {
            let earlier = keys.get(..index).unwrap_or_default();
            earlier.iter().any(|other| text(other) == text(key)).then_some(*key)
        });
    }
    keys.sort_unstable_by(|a, b| text(a).cmp(text(b)).then(a.json.cmp(&b.json)));
    keys.windows(2).find_map(|pair| match pair {
        [a, b] if text(a) == text(b) => Some(*b),
        _ => None,
    })
}

/// Seven bits a byte, lowest first: the bytes, and how many of them count.
#[inline]
fn varint(value: u64) -> ([u8; 16], usize) {
    let spread = |sevens: u64| {
        // 56 bits in halves, quarters, eighths.
        let halves = sevens & 0x0FFF_FFFF | (sevens & 0x00FF_FFFF_F000_0000) << 4;
        let quarters = halves & 0x0000_3FFF_0000_3FFF | (halves & 0x0FFF_C000_0FFF_C000) << 2;
        quarters & 0x007F_007F_007F_007F | (quarters & 0x3F80_3F80_3F80_3F80) << 1
    };
    let length = (70 - (value | 1).leading_zeros() as usize) / 7;
    let sevens = u128::from(spread(value)) | u128::from(spread(value >> 56)) << 64;
    // All but the last byte say that another follows.
    let more = u128::from_le_bytes([0x80; 16]) & ((1 << (8 * (length - 1))) - 1);
    ((sevens | more).to_le_bytes(), length)
}
