//! JSON as a tree that keeps all there is: numbers as they are written, members in their order and as often as they come.
//!
//! Comes in: bytes. Goes out: the tree, or the label of what makes them no JSON. Must never: take what RFC 8259 does not.

use std::ops::Deref;

const DEEPEST: usize = 128;

/// A JSON value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Json {
    Null,
    Boolean(bool),
    /// As it is written.
    Number(String),
    String(String),
    Array(Held<Self>),
    Object(Held<(String, Self)>),
}

/// What is in an array or object, and how it is written there. Equal if what is in it is.
#[derive(Clone, Debug)]
pub(crate) struct Held<T> {
    pub(crate) all: Vec<T>,
    pub(crate) text: String,
}

impl<T> Deref for Held<T> {
    type Target = Vec<T>;

    fn deref(&self) -> &Vec<T> {
        &self.all
    }
}

impl<T: PartialEq> PartialEq for Held<T> {
    fn eq(&self, other: &Self) -> bool {
        self.all == other.all
    }
}

impl Json {
    /// Reads one document.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, &'static str> {
        let text = str::from_utf8(bytes).map_err(|_| "invalid_utf8")?;
        let mut parser = Parser { rest: text };
        parser.white_space();
        if parser.rest.is_empty() {
            return Err("empty");
        }
        let value = parser.value(0)?;
        parser.white_space();
        if parser.rest.is_empty() { Ok(value) } else { Err("trailing_bytes") }
    }

    /// A member of an object.
    pub(crate) fn get(&self, name: &str) -> Option<&Self> {
        let Self::Object(members) = self else { return None };
        // serde_json, which schemas are read by, keeps the last of two.
        members.iter().rfind(|(key, _)| key == name).map(|(_, value)| value)
    }

    pub(crate) fn text(&self) -> Option<&str> {
        if let Self::String(text) = self { Some(text) } else { None }
    }

    pub(crate) fn elements(&self) -> Option<&[Self]> {
        if let Self::Array(elements) = self { Some(elements) } else { None }
    }

    /// A number that is written as a plain whole number.
    pub(crate) fn whole(&self) -> Option<u64> {
        if let Self::Number(text) = self { text.parse().ok() } else { None }
    }
}

struct Parser<'t> {
    rest: &'t str,
}

impl Parser<'_> {
    fn white_space(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\t', '\n', '\r']);
    }

    fn take(&mut self, prefix: &str) -> bool {
        match self.rest.strip_prefix(prefix) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn expect(&mut self, prefix: &str) -> Result<(), &'static str> {
        if self.take(prefix) { Ok(()) } else { Err("syntax") }
    }

    fn held<T>(&self, start: &str, all: Vec<T>) -> Held<T> {
        Held { all, text: start[..start.len() - self.rest.len()].to_owned() }
    }

    fn value(&mut self, depth: usize) -> Result<Json, &'static str> {
        match self.rest.chars().next() {
            Some('n') => self.expect("null").map(|()| Json::Null),
            Some('t') => self.expect("true").map(|()| Json::Boolean(true)),
            Some('f') => self.expect("false").map(|()| Json::Boolean(false)),
            Some('"') => self.string().map(Json::String),
            Some('-' | '0'..='9') => self.number(),
            Some('[' | '{') if depth == DEEPEST => Err("depth"),
            Some('[') => self.array(depth + 1),
            Some('{') => self.object(depth + 1),
            _ => Err("syntax"),
        }
    }

    fn array(&mut self, depth: usize) -> Result<Json, &'static str> {
        let start = self.rest;
        self.expect("[")?;
        self.white_space();
        let mut elements = Vec::new();
        if self.take("]") {
            return Ok(Json::Array(self.held(start, elements)));
        }
        loop {
            self.white_space();
            elements.push(self.value(depth)?);
            self.white_space();
            if self.take("]") {
                return Ok(Json::Array(self.held(start, elements)));
            }
            self.expect(",")?;
        }
    }

    fn object(&mut self, depth: usize) -> Result<Json, &'static str> {
        let start = self.rest;
        self.expect("{")?;
        self.white_space();
        let mut members = Vec::new();
        if self.take("}") {
            return Ok(Json::Object(self.held(start, members)));
        }
        loop {
            self.white_space();
            let key = self.string()?;
            self.white_space();
            self.expect(":")?;
            self.white_space();
            members.push((key, self.value(depth)?));
            self.white_space();
            if self.take("}") {
                return Ok(Json::Object(self.held(start, members)));
            }
            self.expect(",")?;
        }
    }

    /// `-? (0 | [1-9][0-9]*) (. [0-9]+)? ([eE] [+-]? [0-9]+)?`
    fn number(&mut self) -> Result<Json, &'static str> {
        let whole = self.rest;
        self.take("-");
        if !self.take("0") {
            self.digits()?;
        }
        if self.take(".") {
            self.digits()?;
        }
        if self.take("e") || self.take("E") {
            let _sign = self.take("+") || self.take("-");
            self.digits()?;
        }
        Ok(Json::Number(whole[..whole.len() - self.rest.len()].to_owned()))
    }

    fn digits(&mut self) -> Result<(), &'static str> {
        let rest = self.rest.trim_start_matches(|character: char| character.is_ascii_digit());
        if rest.len() == self.rest.len() {
            return Err("syntax");
        }
        self.rest = rest;
        Ok(())
    }

    fn string(&mut self) -> Result<String, &'static str> {
        self.expect("\"")?;
        let mut text = String::new();
        loop {
            let next = self.rest.chars().next().ok_or("syntax")?;
            self.rest = &self.rest[next.len_utf8()..];
            match next {
                '"' => return Ok(text),
                '\\' => text.push(self.escape()?),
                '\0'..='\x1f' => return Err("invalid_string"),
                _ => text.push(next),
            }
        }
    }

    fn escape(&mut self) -> Result<char, &'static str> {
        for (letter, meant) in
            [("\"", '"'), ("\\", '\\'), ("/", '/'), ("b", '\x08'), ("f", '\x0c'), ("n", '\n'), ("r", '\r'), ("t", '\t')]
        {
            if self.take(letter) {
                return Ok(meant);
            }
        }
        let first = self.unit()?;
        let units = if (0xD800..0xDC00).contains(&first) && self.rest.starts_with("\\u") {
            self.take("\\");
            vec![first, self.unit()?]
        } else {
            vec![first]
        };
        // Surrogates that are no pair are no text.
        let text = String::from_utf16(&units).map_err(|_| "invalid_string")?;
        text.chars().next().ok_or("invalid_string")
    }

    fn unit(&mut self) -> Result<u16, &'static str> {
        let digits = self.rest.strip_prefix('u').and_then(|rest| rest.get(..4)).ok_or("invalid_string")?;
        if !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return Err("invalid_string");
        }
        self.rest = &self.rest[5..];
        u16::from_str_radix(digits, 16).map_err(|_| "invalid_string")
    }
}
