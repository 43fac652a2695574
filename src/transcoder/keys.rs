//! The order of keys: the same producer writes the same keys in the same order, so the key after this one is known
//! before it is read.
//!
//! Comes in: the keys of each record as they come. Goes out: the guess, as `"key":` ready to be compared in one load.
//! Must never: be needed for the right answer; grow without bound.

use super::plan::{Plan, Record};

/// The field index of a key that the schema does not have.
pub(super) const UNKNOWN: u32 = u32::MAX;

/// Unknown keys learnt per record type, and the longest of them.
const UNKNOWN_KEYS: usize = 64;
const UNKNOWN_LENGTH: usize = 128;

/// What was learnt about one record type.
#[derive(Debug)]
pub(super) struct Keys {
    /// The record's fields in schema order, then unknown keys as they were met.
    keys: Vec<Key>,
    fields: usize,
    /// For each key, and before the first: which one followed it last time. Index 0 is the start, key i is i + 1.
    next: Vec<u32>,
}

#[derive(Debug)]
pub(super) struct Key {
    /// `"key":`
    spelling: Box<[u8]>,
    /// Its first 16 bytes, those past its end zero, and which of them count.
    head: u128,
    mask: u128,
    pub(super) field: u32,
}

impl Keys {
    pub(super) fn of(plan: &Plan) -> Vec<Self> {
        plan.records.iter().map(Self::new).collect()
    }

    /// The first guess is schema order.
    fn new(record: &Record) -> Self {
        let keys: Vec<Key> =
            (0u32..).zip(&record.fields).map(|(i, field)| Key::new(field.name.as_bytes(), i)).collect();
        let last = keys.len().saturating_sub(1) as u32;
        let next = (0..=keys.len() as u32).map(|slot| slot.min(last)).collect();
        Self { fields: keys.len(), keys, next }
    }

    /// The slot and key that followed `previous` last time.
    #[inline]
    pub(super) fn guess(&self, previous: usize) -> Option<(usize, &Key)> {
        let slot = *self.next.get(previous)? as usize;
        Some((slot, self.keys.get(slot)?))
    }

    /// Notes which key followed `previous`; returns its slot.
    pub(super) fn learn(&mut self, previous: usize, name: &[u8], field: Option<usize>) -> usize {
        let slot = match field {
            Some(field) => field,
            None => match self.unknown(name) {
                Some(slot) => slot,
                // Not learnt: the next guess is the one after the same key again.
                None => return previous.saturating_sub(1),
            },
        };
        if let Some(next) = self.next.get_mut(previous) {
            *next = slot as u32;
        }
        slot
    }

    fn unknown(&mut self, name: &[u8]) -> Option<usize> {
        let learnt = self.keys.get(self.fields..).unwrap_or_default();
        if let Some(index) = learnt.iter().position(|key| key.name() == name) {
            return Some(self.fields + index);
        }
        // A key that JSON spells with escapes would never be met in its plain spelling.
        let plain = name.iter().all(|byte| !matches!(byte, b'"' | b'\\' | 0..0x20));
        if learnt.len() == UNKNOWN_KEYS || name.len() > UNKNOWN_LENGTH || !plain {
            return None;
        }
        self.keys.push(Key::new(name, UNKNOWN));
        self.next.push(0);
        Some(self.keys.len() - 1)
    }
}

impl Key {
    fn new(name: &[u8], field: u32) -> Self {
        let spelling = [b"\"", name, b"\":"].concat();
        let (mut head, mut mask) = ([0; 16], [0; 16]);
        for ((head, mask), byte) in head.iter_mut().zip(&mut mask).zip(&spelling) {
            (*head, *mask) = (*byte, 0xff);
        }
        let (head, mask) = (u128::from_le_bytes(head), u128::from_le_bytes(mask));
        Self { spelling: spelling.into(), head, mask, field }
    }

    fn name(&self) -> &[u8] {
        self.spelling.get(1..self.spelling.len() - 2).unwrap_or_default()
    }

    /// Whether this key, its quotes and a colon stand at `at`: how long they are.
    #[inline]
    pub(super) fn stands(&self, json: &[u8], at: usize) -> Option<usize> {
        let here = json.get(at..)?;
        let stands = match (here.first_chunk::<16>(), self.spelling.get(16..)) {
            (Some(head), None) => u128::from_le_bytes(*head) & self.mask == self.head,
            (Some(head), Some(rest)) => u128::from_le_bytes(*head) == self.head && here.get(16..)?.starts_with(rest),
            (None, _) => here.starts_with(&self.spelling),
        };
        stands.then_some(self.spelling.len())
    }
}
