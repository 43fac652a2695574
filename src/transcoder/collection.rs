//! Arrays and maps.
//!
//! Comes in: the walk at a value for an array or a map. Goes out: one block of elements. Must never: write a map with
//! the same key twice.

use super::encode::Walk;
use super::ledger::Act;
use super::plan::Node;
use super::refusal::{Halt, Segment};

impl<'a> Walk<'a, '_> {
    #[inline(never)]
    pub(super) fn array(&mut self, items: &'a Node, node: &'a Node) -> Result<(), Halt> {
        if self.scan.peek() != b'[' {
            return self.scan.mismatch(node);
        }
        // Long arrays are of numbers: a loop for each kind, instead of a decision for each element.
        match items {
            Node::Double => self.elements(|walk| walk.double(items)),
            Node::Long(None) => self.elements(|walk| walk.long(items)),
            Node::Int(None) => self.elements(|walk| walk.int(items)),
            _ => self.elements(|walk| walk.value(items)),
        }
    }

    #[inline(always)]
    fn elements(&mut self, mut element: impl FnMut(&mut Self) -> Result<(), Halt>) -> Result<(), Halt> {
        let mut open = self.scan.open(b']')?;
        let start = self.writer.begin_block();
        let mut count = 0;
        while open {
            if let Err(halt) = element(self).and_then(|()| self.bounded()) {
                self.path.push(Segment::Index(count));
                return Err(halt);
            }
            count += 1;
            open = self.scan.more(b']')?;
        }
        self.writer.end_block(start, count);
        Ok(())
    }

    #[inline(never)]
    pub(super) fn map(&mut self, values: &'a Node, node: &'a Node) -> Result<(), Halt> {
        if self.scan.peek() != b'{' {
            return self.scan.mismatch(node);
        }
        let mut open = self.scan.open(b'}')?;
        let start = self.writer.begin_block();
        let keys = self.writer.begin_keys();
        let mut count = 0;
        while open {
            let key = self.scan.key()?;
            self.writer.map_key(self.scan.text(key), (key.start, key.end));
            self.scan.colon()?;
            if let Err(halt) = self.value(values).and_then(|()| self.bounded()) {
                self.path.push(Segment::Key(key.start, key.end));
                return Err(halt);
            }
            count += 1;
            open = self.scan.more(b'}')?;
        }
        if let Some(twice) = self.writer.repeated_key(keys) {
            if !self.accepted.contains(Act::DuplicateKey) {
                return self.duplicate(twice.json.0, twice.json.1);
            }
            let dropped = self.writer.drop_repeated(keys);
            self.note_times(Act::DuplicateKey, dropped as u64, twice.json.0 - 1, node)?;
            count -= dropped;
        }
        self.writer.end_keys(keys);
        self.writer.end_block(start, count);
        Ok(())
    }
}
