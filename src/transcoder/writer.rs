//! Avro's binary encoding (specification 1.12), appended to the caller's buffer.
//!
//! Comes in: values as the JSON gives them. Goes out: Avro bytes. Must never: read JSON's grammar. Records are in `order`.

use super::order::{Fill, Span};
use super::simd::{BLOCK, unplain_of, whole};
use std::collections::HashMap;

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
    pub(super) fills: Vec<Fill>,
    /// Where each field given so far stands in the buffer, for every record being written whose fields are not in
    /// order, innermost last.
    pub(super) spans: Vec<Span>,
    /// Keys of the maps being written, innermost last.
    keys: Vec<MapKey>,
    /// A record's fields while they are put in order.
    pub(super) unordered: Vec<u8>,
}

impl WriterMemory {
    pub(super) fn clear(&mut self) {
        self.fills.clear();
        self.spans.clear();
        self.keys.clear();
    }
}

/// A map's key: where its entry and it itself stand in the buffer, and where it stands in the JSON.
#[derive(Clone, Copy, Debug)]
pub(super) struct MapKey {
    entry: usize,
    pub(super) avro: (usize, usize),
    pub(super) json: (usize, usize),
}

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

    #[inline(always)]
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
    /// nothing written, unless it is short, ASCII without escapes, and not at the input's end.
    #[inline(always)]
    pub(super) fn short_string(&mut self, json: &[u8], start: usize) -> Option<usize> {
        let from = self.out.len();
        self.out.push(0);
        // A length below 64 is one byte.
        for blocks in 0..4 {
            let at = start + blocks * BLOCK;
            let Some(bytes) = whole(json, at) else { break };
            self.out.extend_from_slice(bytes);
            let found = unplain_of(bytes);
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
        let entry = self.out.len();
        self.size(key.len());
        let start = self.out.len();
        self.out.extend_from_slice(key);
        self.memory.keys.push(MapKey { entry, avro: (start, self.out.len()), json });
    }

    /// After the entries of a map: a key that is there twice, if any.
    #[inline]
    pub(super) fn repeated_key(&mut self, base: usize) -> Option<MapKey> {
        let WriterMemory { keys, .. } = &mut *self.memory;
        let own = keys.get_mut(base..).unwrap_or_default();
        if own.len() > 1 { repeated(&self.out, own) } else { None }
    }

    /// Drops all entries of a map whose key comes again behind them: how many they are.
    #[cold]
    pub(super) fn drop_repeated(&mut self, base: usize) -> usize {
        let own = self.memory.keys.get_mut(base..).unwrap_or_default();
        own.sort_unstable_by_key(|key| key.entry);
        let Some(first) = own.first().map(|key| key.entry) else { return 0 };
        let entries = self.out.split_off(first);
        let part = |start: usize, end: usize| entries.get(start - first..end - first).unwrap_or_default();
        let mut last = HashMap::new();
        for (index, key) in own.iter().enumerate() {
            last.insert(part(key.avro.0, key.avro.1), index);
        }
        let ends = own.iter().skip(1).map(|key| key.entry).chain([first + entries.len()]);
        for (index, (key, end)) in own.iter().zip(ends).enumerate() {
            if last.get(part(key.avro.0, key.avro.1)) == Some(&index) {
                self.out.extend_from_slice(part(key.entry, end));
            }
        }
        own.len() - last.len()
    }

    /// Forgets a map's keys.
    #[inline]
    pub(super) fn end_keys(&mut self, base: usize) {
        self.memory.keys.truncate(base);
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
