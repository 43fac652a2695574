//! Strings, and what is a string in JSON and in Avro: enum, uuid.
//!
//! Comes in: the walk at a value for one of them. Goes out: its bytes. Must never: take a text for another.

use super::encode::Walk;
use super::ledger::Act;
use super::plan::{Enum, Node};
use super::refusal::{Expected, Halt, Reason};
use super::scan::Text;

impl<'a> Walk<'a, '_> {
    #[inline(always)]
    pub(super) fn string(&mut self, node: &'a Node) -> Result<(), Halt> {
        if self.scan.peek() != b'"' {
            return self.other_kind(node);
        }
        let start = self.scan.at + 1;
        match self.writer.short_string(self.scan.json, start) {
            Some(length) => {
                self.scan.at = start + length + 1;
                Ok(())
            }
            None => self.long_string(),
        }
    }

    /// A string that is long, has escapes or ends close to the input's end.
    #[inline(never)]
    fn long_string(&mut self) -> Result<(), Halt> {
        let text = self.scan.string()?;
        self.writer.bytes(self.scan.text(text));
        Ok(())
    }

    /// Passes a string where only a string will do.
    #[inline]
    pub(super) fn quoted(&mut self, node: &'a Node) -> Result<Text, Halt> {
        if self.scan.peek() != b'"' {
            return self.scan.mismatch(node);
        }
        self.scan.string()
    }

    #[inline(never)]
    pub(super) fn symbol(&mut self, symbols: &'a Enum, node: &'a Node) -> Result<(), Halt> {
        let start = self.scan.at;
        let text = self.quoted(node)?;
        let index = match (symbols.symbols.get(self.scan.text(text)), symbols.default) {
            (Some(index), _) => index,
            (None, Some(default)) => {
                self.note(Act::EnumDefault, start, node)?;
                default
            }
            (None, None) => return self.scan.fail(Reason::UnknownSymbol, start, Expected::Type(node)),
        };
        self.writer.size(index);
        Ok(())
    }

    /// A uuid is checked here: its readers turn it into one, and fail on anything else.
    #[inline(never)]
    pub(super) fn uuid(&mut self, node: &'a Node) -> Result<(), Halt> {
        let start = self.scan.at;
        let text = self.quoted(node)?;
        let text = self.scan.text(text);
        if !is_uuid(text) {
            return self.scan.fail(Reason::Uuid, start, Expected::Type(node));
        }
        self.writer.bytes(text);
        Ok(())
    }
}

/// 8-4-4-4-12 hexadecimal digits, as RFC 4122 writes them, in either case.
pub(super) fn is_uuid(text: &[u8]) -> bool {
    text.len() == 36
        && text.iter().enumerate().all(|(index, byte)| match index {
            8 | 13 | 18 | 23 => *byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}
