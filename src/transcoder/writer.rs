//! Avro's binary encoding (specification 1.12), appended to the caller's buffer; fields in whatever order they come.
//!
//! Comes in: values as the JSON gives them. Goes out: Avro bytes. A record whose fields come in schema order is written
//! once; any other is put in order by one splice at its end. Must never: look at JSON.

use super::plan::{FieldDefault, Record};

/// The buffer, and what must be remembered about the records and maps that are being written.
#[derive(Debug)]
pub(super) struct Writer<'a> {
    pub(super) out: &'a mut Vec<u8>,
    pub(super) memory: &'a mut WriterMemory,
}

/// Reused from record to record, so that none allocates.
#[derive(Debug, Default)]
pub(super) struct WriterMemory {
    /// Where each field given so far stands in the buffer, for every record being written, innermost last.
    spans: Vec<Span>,
    /// Keys of the maps being written, innermost last.
    keys: Vec<MapKey>,
    /// A record's fields while they are put in order.
    unordered: Vec<u8>,
}

impl WriterMemory {
    pub(super) fn clear(&mut self) {
        self.spans.clear();
        self.keys.clear();
    }
}

#[derive(Clone, Copy, Debug)]
struct Span {
    start: usize,
    end: usize,
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
    /// Where its spans start.
    base: usize,
    /// Where its bytes start.
    start: usize,
    /// The field that comes next in schema order.
    next: usize,
    /// Whether everything so far is in schema order.
    ordered: bool,
    /// Defaults written so far.
    filled: u64,
}

/// A field that is not given and whose default cannot be written: its index.
#[derive(Debug)]
pub(super) struct Missing(pub(super) usize);

/// A place to come back to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mark {
    out: usize,
    spans: usize,
    keys: usize,
}

impl Writer<'_> {
    pub(super) fn mark(&self) -> Mark {
        Mark { out: self.out.len(), spans: self.memory.spans.len(), keys: self.memory.keys.len() }
    }

    /// Forgets everything since the mark.
    pub(super) fn rewind(&mut self, mark: Mark) {
        self.out.truncate(mark.out);
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
            self.out.extend_from_slice(bytes.get(..length).unwrap_or_default());
        }
    }

    /// `bytes` and `string`: the length, then the bytes.
    #[inline]
    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        self.size(bytes.len());
        self.out.extend_from_slice(bytes);
    }

    #[inline]
    pub(super) fn begin_record(&mut self, record: &Record) -> Fields {
        let base = self.memory.spans.len();
        self.memory.spans.resize(base + record.fields.len(), ABSENT);
        Fields { base, start: self.out.len(), next: 0, ordered: true, filled: 0 }
    }

    /// Before a field's value: where it starts; none if the field was given already.
    #[inline]
    pub(super) fn begin_field(&mut self, fields: &mut Fields, record: &Record, field: usize) -> Option<usize> {
        if (field != fields.next || !fields.ordered) && !self.jump(fields, record, field) {
            return None;
        }
        fields.next = field + 1;
        Some(self.out.len())
    }

    /// A field out of order: whether it is given for the first time.
    #[inline(never)]
    fn jump(&mut self, fields: &mut Fields, record: &Record, field: usize) -> bool {
        if fields.ordered && field > fields.next {
            // A bet that the fields between are absent: with their defaults written now, nothing is out of order. If
            // one comes later, these bytes are a gap that the splice leaves out.
            for skipped in record.fields.get(fields.next..field).unwrap_or_default() {
                let FieldDefault::Avro(default) = &skipped.default else {
                    fields.ordered = false;
                    break;
                };
                self.out.extend_from_slice(default);
                fields.filled += 1;
            }
            return true;
        }
        fields.ordered = false;
        self.memory.spans.get(fields.base + field).is_none_or(|span| span.start == ABSENT.start)
    }

    /// After a field's value.
    #[inline]
    pub(super) fn end_field(&mut self, fields: &Fields, field: usize, start: usize) {
        if let Some(span) = self.memory.spans.get_mut(fields.base + field) {
            *span = Span { start, end: self.out.len() };
        }
    }

    /// After the last field: fills in the defaults of those not given and says how many they were.
    #[inline]
    pub(super) fn end_record(&mut self, mut fields: Fields, record: &Record) -> Result<u64, Missing> {
        if !fields.ordered {
            return self.splice(&fields, record);
        }
        for (index, field) in record.fields.iter().enumerate().skip(fields.next) {
            let FieldDefault::Avro(default) = &field.default else { return Err(Missing(index)) };
            self.out.extend_from_slice(default);
            fields.filled += 1;
        }
        self.memory.spans.truncate(fields.base);
        Ok(fields.filled)
    }

    /// Puts a record's fields in schema order, neighbours in one piece.
    #[inline(never)]
    fn splice(&mut self, fields: &Fields, record: &Record) -> Result<u64, Missing> {
        let WriterMemory { spans, unordered, .. } = &mut *self.memory;
        unordered.clear();
        unordered.extend_from_slice(self.out.get(fields.start..).unwrap_or_default());
        self.out.truncate(fields.start);
        let piece = |run: Span| unordered.get(run.start - fields.start..run.end - fields.start).unwrap_or_default();
        let mut run = Span { start: fields.start, end: fields.start };
        let mut filled = 0;
        for (index, field) in record.fields.iter().enumerate() {
            let span = spans.get(fields.base + index).copied().unwrap_or(ABSENT);
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
        spans.truncate(fields.base);
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
        let twice = if own.len() > 1 { repeated(self.out, own) } else { None };
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

/// Seven bits a byte, lowest first: the bytes and how many they are.
#[inline]
fn varint(mut value: u64) -> ([u8; 10], usize) {
    let mut bytes = [0; 10];
    let mut length = 0;
    for byte in &mut bytes {
        length += 1;
        *byte = value as u8 & 0x7f;
        value >>= 7;
        if value == 0 {
            break;
        }
        *byte |= 0x80;
    }
    (bytes, length)
}
