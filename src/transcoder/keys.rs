//! The keys of records, in the order in which they come: the same producer writes the same keys in the same order, so
//! the key after this one is known before it is read. Where that fails, its first bytes find it in a small table.
//!
//! Comes in: the keys of each record as they come. Goes out: the guess, as `"key":` ready to be compared in one load.
//! Must never: be needed for the right answer; grow without bound.

use super::plan::{Plan, Record};
use super::simd::{BLOCK, same, special_of, whole};

/// The field index of a key that the schema does not have.
pub(super) const UNKNOWN: u32 = u32::MAX;

/// Keys that are no field's own, learnt per record type, and the longest of them.
const OTHER_KEYS: usize = 64;
const OTHER_LENGTH: usize = 128;

/// Places of a table that are looked at for one key: a schema whose names differ late is not worth more.
const PROBES: usize = 4;
const EMPTY: u32 = u32::MAX;

/// What was learnt about all record types of a plan.
#[derive(Debug, Default)]
pub(super) struct Keys {
    /// For each record type a place before the first key, which no key is at, then its fields in schema order; behind
    /// all of them other keys as they were met.
    keys: Vec<Key>,
    records: Vec<RecordKeys>,
}

/// The keys of one record type.
#[derive(Debug)]
struct RecordKeys {
    /// The place before the first key.
    start: usize,
    /// Keys that are no field, or a field by another name.
    others: Vec<usize>,
    /// Places of keys by their first bytes; a power of two of them, less than half in use.
    table: Vec<u32>,
    used: usize,
}

#[derive(Debug)]
pub(super) struct Key {
    /// The first 16 bytes of `"key":` and the next 16, those past its end zero, and a bit for each that counts.
    head: [u8; BLOCK],
    tail: [u8; BLOCK],
    masks: (u32, u32),
    pub(super) field: u32,
    /// The place of the key that followed this one last time.
    pub(super) next: u32,
    spelling: Box<[u8]>,
}

impl Keys {
    pub(super) fn new(plan: &Plan) -> Self {
        let mut keys = Self::default();
        for record in &plan.records {
            keys.add_record(record);
        }
        keys
    }

    /// The first guess is schema order.
    fn add_record(&mut self, record: &Record) {
        let start = self.keys.len();
        let last = start + record.fields.len();
        let table = vec![EMPTY; (record.fields.len() * 4 + 32).next_power_of_two()];
        let mut own = RecordKeys { start, others: Vec::new(), table, used: 0 };
        self.keys.push(Key::new(b"", UNKNOWN, last.min(start + 1)));
        for (index, field) in (0u32..).zip(&record.fields) {
            let place = self.keys.len();
            self.keys.push(Key::new(field.key.as_bytes(), index, last.min(place + 1)));
            own.enter(field.key.as_bytes(), place);
        }
        self.records.push(own);
    }

    /// The place before a record type's first key.
    #[inline]
    pub(super) fn start(&self, record: u32) -> usize {
        self.records.get(record as usize).map_or(0, |own| own.start)
    }

    #[inline]
    pub(super) fn get(&self, place: usize) -> Option<&Key> {
        self.keys.get(place)
    }

    /// The place of a key of this record type that stands at `at`, and how long it is with quotes and colon. None if it
    /// is not known or not spelt plainly.
    #[inline]
    pub(super) fn find(&self, record: u32, json: &[u8], at: usize) -> Option<(usize, usize)> {
        let own = self.records.get(record as usize)?;
        let first = hash(whole(json, at + 1)?);
        for slot in first..first + PROBES {
            let place = *own.table.get(slot & (own.table.len() - 1))? as usize;
            // An empty slot's place is past the end of the keys.
            if let Some(length) = self.keys.get(place)?.stands(json, at) {
                return Some((place, length));
            }
        }
        None
    }

    /// Notes which key followed that at `previous`.
    #[inline]
    pub(super) fn learn(&mut self, previous: usize, place: usize) {
        if let Some(key) = self.keys.get_mut(previous) {
            key.next = place as u32;
        }
    }

    /// The place of a field's key; that of another name for it, or of a key that is no field, is learnt if it is new and
    /// there is room.
    pub(super) fn place(&mut self, record: u32, name: &[u8], field: Option<usize>) -> Option<usize> {
        let own = self.records.get_mut(record as usize)?;
        let named = |place: &usize| self.keys.get(*place).is_some_and(|key| key.name() == name);
        if let Some(place) = field.map(|field| own.start + 1 + field).filter(named) {
            return Some(place);
        }
        if let Some(place) = own.others.iter().find(|place| named(place)) {
            return Some(*place);
        }
        // A key that JSON spells with escapes would never be met in its plain spelling.
        let plain = name.iter().all(|byte| !matches!(byte, b'"' | b'\\' | 0..0x20));
        if own.others.len() == OTHER_KEYS || name.len() > OTHER_LENGTH || !plain {
            return None;
        }
        let place = self.keys.len();
        self.keys.push(Key::new(name, field.map_or(UNKNOWN, |field| field as u32), own.start + 1));
        own.others.push(place);
        own.enter(name, place);
        Some(place)
    }
}

impl RecordKeys {
    /// Enters a key into the table, unless that is half full.
    fn enter(&mut self, name: &[u8], place: usize) {
        if self.used * 2 >= self.table.len() {
            return;
        }
        self.used += 1;
        // What `find` sees behind the opening quote: all that counts is at the front, up to the closing one.
        let seen = [name, b"\"", &[0; BLOCK]].concat();
        let Some(seen) = seen.first_chunk::<BLOCK>() else { return };
        let (mut slot, mask) = (hash(seen), self.table.len() - 1);
        while let Some(taken) = self.table.get_mut(slot & mask) {
            if *taken == EMPTY {
                *taken = place as u32;
                return;
            }
            slot += 1;
        }
    }
}

/// Of the bytes up to the closing quote.
#[inline]
fn hash(bytes: &[u8; BLOCK]) -> usize {
    let past_end = 128 - 8 * special_of(bytes) as u32;
    let name = u128::from_le_bytes(*bytes).checked_shl(past_end).unwrap_or(0);
    let mixed = ((name >> 64) as u64 ^ (name as u64).rotate_left(29)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    (mixed >> 40) as usize
}

impl Key {
    fn new(name: &[u8], field: u32, next: usize) -> Self {
        let spelling = [b"\"", name, b"\":"].concat();
        let (mut parts, mut masks) = ([[0; BLOCK]; 2], [0; 2]);
        for ((part, mask), bytes) in parts.iter_mut().zip(&mut masks).zip(spelling.chunks(BLOCK)) {
            for (byte, given) in part.iter_mut().zip(bytes) {
                *byte = *given;
            }
            *mask = (1 << bytes.len()) - 1;
        }
        let [head, tail] = parts;
        Self { head, tail, masks: masks.into(), field, next: next as u32, spelling: spelling.into() }
    }

    fn name(&self) -> &[u8] {
        self.spelling.get(1..self.spelling.len() - 2).unwrap_or_default()
    }

    /// Whether this key, its quotes and a colon stand at `at`: how long they are.
    #[inline(always)]
    pub(super) fn stands(&self, json: &[u8], at: usize) -> Option<usize> {
        let Some(head) = whole(json, at) else { return self.stands_last(json, at) };
        if !same(head, &self.head, self.masks.0) || self.spelling.len() > BLOCK && !self.goes_on(json, at + BLOCK) {
            return None;
        }
        Some(self.spelling.len())
    }

    #[inline]
    fn goes_on(&self, json: &[u8], at: usize) -> bool {
        let Some(tail) = whole(json, at) else { return self.stands_last(json, at - BLOCK).is_some() };
        let rest = self.spelling.get(2 * BLOCK..).unwrap_or_default();
        same(tail, &self.tail, self.masks.1)
            && (rest.is_empty() || json.get(at + BLOCK..).is_some_and(|json| json.starts_with(rest)))
    }

    /// The same where the input ends soon.
    #[inline(never)]
    fn stands_last(&self, json: &[u8], at: usize) -> Option<usize> {
        json.get(at..)?.starts_with(&self.spelling).then_some(self.spelling.len())
    }
}
