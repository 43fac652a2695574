//! Strings, and the types that JSON spells as strings: bytes, fixed, enum, uuid.
//!
//! Comes in: the walk at a value for one of them. Goes out: its bytes. Must never: guess an encoding; in `bytes` and
//! `fixed` each character up to U+00FF is one byte, as the specification has it for JSON.

use super::encode::Walk;
use super::plan::{Enum, Node};
use super::refusal::{Expected, Halt, Reason};
use super::scan::Text;

impl<'a> Walk<'a, '_> {
    #[inline(always)]
    pub(super) fn string(&mut self, node: &'a Node) -> Result<(), Halt> {
        if self.scan.peek() != b'"' {
            return self.scan.mismatch(node);
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
        let Some(index) = symbols.symbols.get(self.scan.text(text)) else {
            return self.scan.fail(Reason::UnknownSymbol, start, Expected::Type(node));
        };
        self.writer.size(index);
        Ok(())
    }

    #[inline(never)]
    pub(super) fn bytes(&mut self, node: &'a Node) -> Result<(), Halt> {
        let start = self.scan.at;
        let text = self.quoted(node)?;
        let text = self.scan.text(text);
        let Some(length) = one_byte_characters(text) else {
            return self.scan.fail(Reason::ByteRange, start, Expected::Type(node));
        };
        self.writer.size(length);
        push_bytes(&mut self.writer.out, text);
        Ok(())
    }

    #[inline(never)]
    pub(super) fn fixed(&mut self, size: usize, node: &'a Node) -> Result<(), Halt> {
        let start = self.scan.at;
        let text = self.quoted(node)?;
        let text = self.scan.text(text);
        let Some(length) = one_byte_characters(text) else {
            return self.scan.fail(Reason::ByteRange, start, Expected::Type(node));
        };
        if length != size {
            return self.scan.fail(Reason::FixedSize, start, Expected::Type(node));
        }
        push_bytes(&mut self.writer.out, text);
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

/// How many characters a text has, if each of them is one byte of ISO-8859-1.
pub(super) fn one_byte_characters(text: &[u8]) -> Option<usize> {
    // In UTF-8, U+0080 to U+00FF are two bytes that start with C2 or C3.
    if text.iter().any(|byte| *byte > 0xC3) {
        return None;
    }
    Some(text.iter().filter(|byte| !matches!(byte, 0x80..0xC0)).count())
}

/// Appends a text of one-byte characters as those bytes.
pub(super) fn push_bytes(out: &mut Vec<u8>, text: &[u8]) {
    if text.is_ascii() {
        return out.extend_from_slice(text);
    }
    let mut high = 0;
    for byte in text {
        match byte {
            0xC2 | 0xC3 => high = byte << 6,
            // A second byte carries the low six bits of the character.
            0x80..0xC0 => out.push(high | byte & 0x3f),
            _ => out.push(*byte),
        }
    }
}

/// 8-4-4-4-12 hexadecimal digits, as RFC 4122 writes them, in either case.
fn is_uuid(text: &[u8]) -> bool {
    text.len() == 36
        && text.iter().enumerate().all(|(index, byte)| match index {
            8 | 13 | 18 | 23 => *byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}
