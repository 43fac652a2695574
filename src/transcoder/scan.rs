//! JSON, byte by byte (RFC 8259, strictly): white space, punctuation, strings, values that are skipped.
//!
//! Comes in: the whole input. Goes out: spans of it, or a noted `Failure`. Must never: accept what the grammar does not,
//! pass a string that is no UTF-8 (nothing else in JSON may be beyond ASCII), go deeper than `MAX_DEPTH`.

use super::MAX_DEPTH;
use super::plan::{Kind, Node};
use super::refusal::{Expected, Failure, Halt, Reason};
use super::simd::{BLOCK, special, unplain, visible};

/// A place in the input, and the failure if there is one.
#[derive(Debug)]
pub(super) struct Scanner<'a, 'm> {
    pub(super) json: &'a [u8],
    pub(super) at: usize,
    pub(super) depth: u32,
    pub(super) failure: Option<Failure<'a>>,
    /// Whether `1.0` is no integer just now.
    pub(super) integers_as_written: bool,
    /// The last string that had escapes, without them.
    unescaped: &'m mut Vec<u8>,
}

/// A string of the input: where it stands between its quotes, and whether it is spelt with escapes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Text {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) escaped: bool,
}

impl<'a, 'm> Scanner<'a, 'm> {
    pub(super) fn new(json: &'a [u8], unescaped: &'m mut Vec<u8>) -> Self {
        Self { json, at: 0, depth: 0, failure: None, integers_as_written: false, unescaped }
    }

    /// The byte here; 0, which starts nothing in JSON, at the end.
    #[inline]
    pub(super) fn peek(&self) -> u8 {
        self.json.get(self.at).copied().unwrap_or(0)
    }

    /// Notes why the walk stops.
    #[cold]
    pub(super) fn fail<T>(&mut self, reason: Reason, offset: usize, expected: Expected<'a>) -> Result<T, Halt> {
        self.failure = Some(Failure { reason, offset, expected });
        Err(Halt)
    }

    /// Notes that another character was expected here.
    #[cold]
    pub(super) fn syntax<T>(&mut self, expected: &'static str) -> Result<T, Halt> {
        self.fail(Reason::Syntax, self.at, Expected::Text(expected))
    }

    /// Notes that what starts here is a value of another type, or no value.
    #[cold]
    pub(super) fn mismatch<T>(&mut self, node: &'a Node) -> Result<T, Halt> {
        if Kind::of(self.peek()).is_none() {
            return self.syntax("a value");
        }
        self.fail(Reason::WrongType, self.at, Expected::Type(node))
    }

    #[inline]
    pub(super) fn white_space(&mut self) {
        // One comparison in compact JSON, which has none.
        if self.peek() > b' ' {
            return;
        }
        // Mostly one space behind a colon, otherwise a line's end and indentation.
        if self.json.get(self.at + 1).is_some_and(|next| *next > b' ') && self.peek() == b' ' {
            self.at += 1;
        } else if self.at < self.json.len() {
            self.indentation();
        }
    }

    #[inline(never)]
    fn indentation(&mut self) {
        loop {
            let found = visible(self.json, self.at);
            self.at += found;
            if found < BLOCK {
                return;
            }
        }
    }

    /// Passes `null`, `true` or `false`, whose first letter is already seen.
    #[inline]
    pub(super) fn literal(&mut self, word: &'static str) -> Result<(), Halt> {
        let here = self.json.get(self.at..).unwrap_or_default();
        if !here.starts_with(word.as_bytes()) {
            return self.syntax(word);
        }
        self.at += word.len();
        Ok(())
    }

    /// Passes a `:` with white space around.
    #[inline]
    pub(super) fn colon(&mut self) -> Result<(), Halt> {
        self.white_space();
        if self.peek() != b':' {
            return self.syntax("':'");
        }
        self.at += 1;
        self.white_space();
        Ok(())
    }

    /// Passes the opening bracket, already seen, of an array or object: whether anything is in it.
    #[inline]
    pub(super) fn open(&mut self, close: u8) -> Result<bool, Halt> {
        if self.depth == MAX_DEPTH {
            return self.fail(Reason::Depth, self.at, Expected::Text("at most 128 containers inside one another"));
        }
        self.at += 1;
        self.white_space();
        if self.peek() == close {
            self.at += 1;
            return Ok(false);
        }
        self.depth += 1;
        Ok(true)
    }

    /// After an element: passes `,` (true, another follows) or the closing bracket (false).
    #[inline(always)]
    pub(super) fn more(&mut self, close: u8) -> Result<bool, Halt> {
        let mut here = self.peek();
        if here <= b' ' {
            self.white_space();
            here = self.peek();
        }
        if here == b',' {
            self.at += 1;
            self.white_space();
            Ok(true)
        } else if here == close {
            self.at += 1;
            self.depth -= 1;
            Ok(false)
        } else {
            self.syntax(if close == b']' { "',' or ']'" } else { "',' or '}'" })
        }
    }

    /// Passes a key or another string that must stand here.
    #[inline]
    pub(super) fn key(&mut self) -> Result<Text, Halt> {
        if self.peek() != b'"' {
            return self.syntax("a key in quotes");
        }
        self.string()
    }

    /// Passes a string whose opening quote is already seen.
    #[inline]
    pub(super) fn string(&mut self) -> Result<Text, Halt> {
        let start = self.at + 1;
        self.at = find(self.json, start, unplain);
        if self.peek() == b'"' {
            let end = self.at;
            self.at += 1;
            return Ok(Text { start, end, escaped: false });
        }
        self.unplain_string(start)
    }

    /// Passes a string that started at `start` and is at its first escape or character beyond ASCII.
    #[inline(never)]
    fn unplain_string(&mut self, start: usize) -> Result<Text, Halt> {
        self.at = find(self.json, self.at, special);
        let escaped = self.peek() != b'"';
        if escaped {
            self.unescape(start)?;
        }
        let end = self.at;
        let text = self.json.get(start..end).unwrap_or_default();
        if simdutf8::basic::from_utf8(text).is_err() {
            return self.fail(Reason::InvalidUtf8, start, Expected::Text("UTF-8"));
        }
        self.at += 1;
        Ok(Text { start, end, escaped })
    }

    /// The characters of a string that was just passed.
    #[inline]
    pub(super) fn text(&self, text: Text) -> &[u8] {
        if text.escaped { self.unescaped } else { self.json.get(text.start..text.end).unwrap_or_default() }
    }

    /// Takes the escapes out of the string that started at `start` and is at its first escape, up to its closing quote.
    fn unescape(&mut self, start: usize) -> Result<(), Halt> {
        self.unescaped.clear();
        let mut run = start;
        loop {
            self.unescaped.extend_from_slice(self.json.get(run..self.at).unwrap_or_default());
            match self.peek() {
                b'"' => return Ok(()),
                b'\\' => self.escape()?,
                _ if self.at >= self.json.len() => return self.syntax("'\"'"),
                _ => return self.bad_string(self.at),
            }
            run = self.at;
            self.at = find(self.json, run, special);
        }
    }

    /// Passes one escape and adds the character that it means.
    fn escape(&mut self) -> Result<(), Halt> {
        let start = self.at;
        let letter = self.json.get(start + 1).copied();
        self.at += 2;
        let byte = match letter {
            Some(b'"' | b'\\' | b'/') => letter.unwrap_or(b'/'),
            Some(b'b') => 0x08,
            Some(b'f') => 0x0c,
            Some(b'n') => b'\n',
            Some(b'r') => b'\r',
            Some(b't') => b'\t',
            Some(b'u') => {
                let Some(character) = self.code_unit().and_then(|unit| self.character(unit)) else {
                    return self.bad_string(start);
                };
                self.unescaped.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                return Ok(());
            }
            _ => return self.bad_string(start),
        };
        self.unescaped.push(byte);
        Ok(())
    }

    /// The character that a code unit starts: itself, or with the low surrogate that must follow a high one.
    fn character(&mut self, unit: u32) -> Option<char> {
        if !(0xD800..0xDC00).contains(&unit) {
            return char::from_u32(unit);
        }
        if self.json.get(self.at..self.at + 2)? != b"\\u" {
            return None;
        }
        self.at += 2;
        let low = self.code_unit()?;
        if !(0xDC00..0xE000).contains(&low) {
            return None;
        }
        char::from_u32(0x1_0000 + ((unit - 0xD800) << 10) + (low - 0xDC00))
    }

    /// Four hexadecimal digits.
    fn code_unit(&mut self) -> Option<u32> {
        let digits = self.json.get(self.at..self.at + 4)?;
        self.at += 4;
        digits.iter().try_fold(0, |unit, digit| Some(unit << 4 | char::from(*digit).to_digit(16)?))
    }

    #[cold]
    fn bad_string<T>(&mut self, offset: usize) -> Result<T, Halt> {
        self.fail(Reason::InvalidString, offset, Expected::Text("a string as RFC 8259 has it"))
    }

    /// Passes any value, checked as strictly as one that is kept.
    pub(super) fn skip(&mut self) -> Result<(), Halt> {
        match self.peek() {
            b'"' => self.string().map(|_| ()),
            b'{' => self.skip_container(b'}'),
            b'[' => self.skip_container(b']'),
            b't' => self.literal("true"),
            b'f' => self.literal("false"),
            b'n' => self.literal("null"),
            b'-' | b'0'..=b'9' => self.skip_number(),
            _ => self.syntax("a value"),
        }
    }

    fn skip_container(&mut self, close: u8) -> Result<(), Halt> {
        if !self.open(close)? {
            return Ok(());
        }
        loop {
            if close == b'}' {
                self.key()?;
                self.colon()?;
            }
            self.skip()?;
            if !self.more(close)? {
                return Ok(());
            }
        }
    }

    /// Passes the whole input as one value.
    pub(super) fn skip_document(&mut self) -> Result<(), Halt> {
        self.white_space();
        self.skip()?;
        self.end()
    }

    /// Checks that nothing but white space is left.
    #[inline]
    pub(super) fn end(&mut self) -> Result<(), Halt> {
        self.white_space();
        if self.at != self.json.len() {
            return self.fail(Reason::TrailingBytes, self.at, Expected::Text("the end"));
        }
        Ok(())
    }
}

/// The first byte at or after `at` that `of_block` finds, or the end.
#[inline(always)]
fn find(json: &[u8], mut at: usize, of_block: impl Fn(&[u8], usize) -> usize) -> usize {
    loop {
        let found = of_block(json, at);
        at += found;
        // The zeros past the end are found, too.
        if found < BLOCK {
            return at;
        }
    }
}
