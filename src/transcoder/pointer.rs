//! JSON pointers (RFC 6901): which value of a document is encoded, where it is not the whole.
//!
//! Comes in: a pointer's text, then the walk at a document. Goes out: the value that is pointed to; all else in the
//! document is read as strictly, and passed over. Must never: take a second value of the same key for the first.

use super::encode::Walk;
use super::plan::Node;
use super::refusal::{Expected, Halt, Reason, Segment};
use std::str::FromStr;

/// Which value of a document is meant: `/payload`, `/items/0`; nothing at all is the whole document.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pointer(Vec<Box<str>>);

impl Pointer {
    /// Whether it is the whole document.
    #[inline]
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn tokens(&self) -> &[Box<str>] {
        &self.0
    }
}

/// The text is no JSON pointer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PointerError;

impl FromStr for Pointer {
    type Err = PointerError;

    fn from_str(text: &str) -> Result<Self, PointerError> {
        let Some(tokens) = text.strip_prefix('/') else {
            return if text.is_empty() { Ok(Self::default()) } else { Err(PointerError) };
        };
        let token = |token: &str| {
            let escapes = token.matches('~').count();
            let known = token.matches("~0").count() + token.matches("~1").count();
            (escapes == known).then(|| token.replace("~1", "/").replace("~0", "~").into())
        };
        tokens.split('/').map(token).collect::<Option<_>>().map(Self).ok_or(PointerError)
    }
}

impl<'a> Walk<'a, '_> {
    /// The value at these tokens from here.
    pub(super) fn pointed(&mut self, node: &'a Node, tokens: &'a [Box<str>]) -> Result<(), Halt> {
        let start = self.scan.at;
        let Some((token, rest)) = tokens.split_first() else { return self.value(node) };
        let found = match self.scan.peek() {
            b'{' => self.member(node, token, rest)?,
            b'[' => self.element(node, token, rest)?,
            _ => {
                self.scan.skip()?;
                false
            }
        };
        if found { Ok(()) } else { self.scan.fail(Reason::NoRoot, start, Expected::Type(node)) }
    }

    fn member(&mut self, node: &'a Node, token: &'a str, rest: &'a [Box<str>]) -> Result<bool, Halt> {
        let mut found = false;
        let mut open = self.scan.open(b'}')?;
        while open {
            let key = self.scan.key()?;
            let meant = self.scan.text(key) == token.as_bytes();
            self.scan.colon()?;
            if !meant {
                self.scan.skip()?;
            } else if found {
                self.path.push(Segment::Key(key.start, key.end));
                let once = Expected::Text("each key once");
                return self.scan.fail(Reason::RootTwice, key.start - 1, once);
            } else if let Err(halt) = self.pointed(node, rest) {
                self.path.push(Segment::Key(key.start, key.end));
                return Err(halt);
            }
            found |= meant;
            open = self.scan.more(b'}')?;
        }
        Ok(found)
    }

    fn element(&mut self, node: &'a Node, token: &'a str, rest: &'a [Box<str>]) -> Result<bool, Halt> {
        // RFC 6901 has one spelling of a number.
        let wanted = token.parse::<usize>().ok().filter(|_| token == "0" || !token.starts_with(['0', '+']));
        let (mut found, mut index) = (false, 0);
        let mut open = self.scan.open(b']')?;
        while open {
            if wanted != Some(index) {
                self.scan.skip()?;
            } else if let Err(halt) = self.pointed(node, rest) {
                self.path.push(Segment::Index(index));
                return Err(halt);
            } else {
                found = true;
            }
            index += 1;
            open = self.scan.more(b']')?;
        }
        Ok(found)
    }
}
