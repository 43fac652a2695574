//! Random JSON for a schema: what fits it, however it may be spelt, and sometimes what does not.
//!
//! Comes in: a schema's types and choices. Goes out: JSON text.

use super::choices::Choices;
use crate::reference::{Schema, Type, Unions};

pub(crate) struct Documents<'a, 'c, 'b> {
    pub(crate) schema: &'a Schema,
    pub(crate) choices: &'c mut Choices<'b>,
    /// Whether values name their branch.
    pub(crate) unions: Unions,
    /// Once in so many times something is wrong; never if 0.
    pub(crate) wild: usize,
    /// Whether there is white space.
    pub(crate) spaces: bool,
    /// How many more values there may be; beyond them everything is null, whether it fits or not.
    pub(crate) left: usize,
}

const ODD: [&str; 24] = [
    "null",
    "true",
    "false",
    "0",
    "-1",
    "1.0",
    "1.5",
    "-0",
    "1e999",
    "-1e999",
    "1e400",
    "9223372036854775808",
    "\"\"",
    "\"x\"",
    "\"12\"",
    "\"A\"",
    "\"2026-11-24T17:48:52.5Z\"",
    "[]",
    "{}",
    "[1,2]",
    "{\"a\":1}",
    "{\"string\":\"x\"}",
    "{\"int\":1}",
    "\"NaN\"",
];

/// A larger fixed is not filled.
const MOST_BYTES: usize = 1_000;

impl Documents<'_, '_, '_> {
    pub(super) fn wild(&mut self) -> bool {
        self.wild > 0 && self.choices.one_in(self.wild)
    }

    fn space(&mut self) -> &'static str {
        if !self.spaces || !self.choices.one_in(6) {
            return "";
        }
        self.choices.pick(&[" ", "\n", "  ", "\t\r\n ", "\n                  ", "                "])
    }

    pub(crate) fn value(&mut self, kind: &Type, depth: i32) -> String {
        // Types that hold themselves come to an end, though not to one that fits.
        if self.left == 0 || depth < -8 {
            return "null".to_owned();
        }
        self.left -= 1;
        if self.wild() {
            return self.odd();
        }
        match kind {
            Type::Null => "null".to_owned(),
            Type::Boolean => self.choices.pick(&["false", "true"]).to_owned(),
            Type::Int(time) => self.time(*time, 32),
            Type::Long(time) => self.time(*time, 64),
            Type::Float | Type::Double => self.floating(matches!(kind, Type::Float)),
            Type::String => {
                let text = self.text();
                self.quote(&text)
            }
            Type::Uuid => self.uuid(),
            Type::Bytes => {
                let length = self.choices.below(40);
                self.bytes(length)
            }
            Type::Fixed(_, size) => {
                let more = usize::from(self.wild());
                self.bytes(size.saturating_add(more).min(MOST_BYTES))
            }
            Type::Decimal { precision, scale, fixed } => match (self.choices.one_in(8), fixed) {
                (true, None) => {
                    let length = self.choices.below(12);
                    self.bytes(length)
                }
                (true, Some((_, size))) => self.bytes(*size.min(&MOST_BYTES)),
                _ => self.decimal(*precision as usize, *scale as usize),
            },
            Type::Enum(_, symbols) if symbols.is_empty() => self.odd(),
            Type::Enum(_, symbols) => {
                let symbol = symbols[self.choices.below(symbols.len())].clone();
                self.quote(&symbol)
            }
            Type::Array(items) => self.array(items, depth),
            Type::Map(values) => self.map(values, depth),
            Type::Record(index) => self.record(*index, depth),
            Type::Union(branches) => self.union(branches, depth),
        }
    }

    fn odd(&mut self) -> String {
        match self.choices.below(8) {
            7 => {
                let depth = 120 + self.choices.below(12);
                format!("{}{}", "[".repeat(depth), "]".repeat(depth))
            }
            6 => self.integer(64),
            _ => self.choices.pick(&ODD).to_owned(),
        }
    }

    fn array(&mut self, items: &Type, depth: i32) -> String {
        let most = if self.choices.one_in(16) { 70 } else { 4 };
        let count = if depth <= 0 { 0 } else { self.choices.below(most) };
        let elements: Vec<String> =
            (0..count).map(|_| format!("{}{}{}", self.space(), self.value(items, depth - 1), self.space())).collect();
        format!("[{}{}]", self.space(), elements.join(","))
    }

    fn map(&mut self, values: &Type, depth: i32) -> String {
        let most = if self.choices.one_in(16) { 40 } else { 4 };
        let count = if depth <= 0 { 0 } else { self.choices.below(most) };
        let mut members: Vec<String> = (0..count)
            .map(|index| {
                let stem = if self.choices.one_in(6) { self.text() } else { String::new() };
                // One that is called like a branch: where values name theirs, it could be either.
                let key = if self.choices.one_in(6) {
                    self.choices.pick(&["string", "int", "map", "null", "T1", "array"]).to_owned()
                } else {
                    format!("{stem}{index}")
                };
                self.member(&key, values, depth - 1)
            })
            .collect();
        self.twice(&mut members);
        format!("{{{}{}}}", self.space(), members.join(","))
    }

    fn member(&mut self, key: &str, kind: &Type, depth: i32) -> String {
        let (key, before, behind) = (self.quote(key), self.space(), self.space());
        format!("{}{key}{before}:{behind}{}{}", self.space(), self.value(kind, depth), self.space())
    }

    fn twice(&mut self, members: &mut Vec<String>) {
        if !members.is_empty() && self.wild() {
            let again = members[self.choices.below(members.len())].clone();
            members.push(again);
        }
    }

    fn record(&mut self, index: usize, depth: i32) -> String {
        let schema = self.schema;
        let mut members = Vec::new();
        for field in &schema.records[index].fields {
            let left_out = field.default.is_some() && self.choices.one_in(2);
            if left_out || self.wild() {
                continue;
            }
            members.push(self.member(&field.name, &field.kind, depth - 1));
        }
        while self.choices.one_in(8) {
            let key = self.choices.pick(&["unknown", "x", "", "Unknown field, and a long one at that", "a\"b", "ÿ"]);
            let value = self.odd();
            members.push(format!("{}:{value}", self.quote(key)));
        }
        self.twice(&mut members);
        if self.choices.one_in(2) {
            self.choices.shuffle(&mut members);
        }
        format!("{{{}{}}}", self.space(), members.join(","))
    }

    fn union(&mut self, branches: &[Type], depth: i32) -> String {
        if branches.is_empty() {
            return "null".to_owned();
        }
        let nested = |kind: &Type| matches!(kind, Type::Record(_) | Type::Array(_) | Type::Map(_));
        let flat = if depth <= 0 { branches.iter().position(|branch| !nested(branch)) } else { None };
        let branch = &branches[flat.unwrap_or_else(|| self.choices.below(branches.len()))];
        let named = match self.unions {
            Unions::Plain => self.wild(),
            Unions::Tagged => !self.wild(),
            Unions::Auto => self.choices.one_in(2),
        };
        if named && !matches!(branch, Type::Null) {
            let tag = self.schema.tag(branch);
            return format!("{{{}}}", self.member(&tag, branch, depth - 1));
        }
        self.value(branch, depth)
    }

    fn uuid(&mut self) -> String {
        let digits = format!("{:016x}{:016X}", self.choices.bits(), self.choices.bits());
        let groups = [&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..]];
        let text = groups.join(if self.wild() { "" } else { "-" });
        self.quote(&text)
    }

    fn bytes(&mut self, length: usize) -> String {
        let plain = self.choices.one_in(2);
        let mut text: String =
            (0..length).map(|_| char::from(if plain { b'a' } else { self.choices.byte() })).collect();
        if self.wild() {
            text.push('Ā');
        }
        self.quote(&text)
    }

    fn text(&mut self) -> String {
        const LETTERS: [&str; 12] = ["a", "B", " ", "é", "ÿ", "Ā", "€", "😀", "\"", "\\", "\n", "\u{7f}"];
        let most = if self.choices.one_in(12) { 200 } else { 24 };
        let (length, plain) = (self.choices.below(most), !self.choices.one_in(3));
        let letter = |choices: &mut Choices<'_>| if plain { LETTERS[0] } else { LETTERS[choices.below(12)] };
        (0..length).map(|_| letter(self.choices)).collect()
    }

    /// A JSON string, some of its characters escaped.
    pub(super) fn quote(&mut self, text: &str) -> String {
        let escaped = if self.choices.one_in(4) { 6 } else { usize::MAX };
        let mut json = String::from("\"");
        for character in text.chars() {
            if matches!(character, '"' | '\\' | '\0'..' ') || escaped == 6 && self.choices.one_in(escaped) {
                json.push_str(&self.escape(character));
            } else {
                json.push(character);
            }
        }
        if self.wild() {
            json.push_str(self.choices.pick(&[
                "\\ud800",
                "\\udc00\\ud800",
                "\\x",
                "\\u12g4",
                "\t",
                "\u{0}",
                "\\ud83d\\u0041",
            ]));
        }
        json + "\""
    }

    fn escape(&mut self, character: char) -> String {
        let short = match character {
            '"' => "\\\"",
            '\\' => "\\\\",
            '\n' => "\\n",
            '\r' => "\\r",
            '\t' => "\\t",
            '\x08' => "\\b",
            '\x0c' => "\\f",
            _ => "",
        };
        if !short.is_empty() && !self.choices.one_in(2) {
            return short.to_owned();
        }
        let upper = self.choices.one_in(2);
        let unit = |unit: &u16| if upper { format!("\\u{unit:04X}") } else { format!("\\u{unit:04x}") };
        character.encode_utf16(&mut [0; 2]).iter().map(unit).collect()
    }
}
