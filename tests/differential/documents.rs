//! Random JSON for a schema: what fits it, however it may be spelt, and sometimes what does not.
//!
//! Comes in: a schema's types and choices. Goes out: JSON text.

use super::choices::Choices;
use crate::reference::number::is_one;
use crate::reference::{Names, Options, Schema, Spelling, Type, Unions, scalar};
use std::fmt::Write as _;

pub(crate) struct Documents<'a, 'c, 'b> {
    pub(crate) schema: &'a Schema,
    pub(crate) choices: &'c mut Choices<'b>,
    /// How the values are spelt.
    pub(crate) options: &'a Options,
    /// Whether there are values that take a lossy act.
    pub(crate) lossy: bool,
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

    fn lossy(&mut self) -> bool {
        self.lossy && self.choices.one_in(8)
    }

    /// A document with a value where the options look for it.
    pub(crate) fn document(&mut self, depth: i32) -> String {
        let root = &self.schema.root;
        let value = self.value(root, "$", depth);
        let odd = self.odd();
        match self.options.root.as_str() {
            "" => value,
            "/payload" if self.wild() => format!(r#"{{"payload":{value},"payload":{odd}}}"#),
            "/payload" => format!(r#"{{"x":{odd},"payl\u006fad" :{value}}}"#),
            "/a~1b/1" => format!(r#"{{"a/b":[{odd},{value}],"b":[]}}"#),
            "//~0" => format!(r#"{{"":{{"~":{value}}}}}"#),
            _ => odd,
        }
    }

    /// A value of a type at a path of the schema.
    pub(crate) fn value(&mut self, kind: &Type, path: &str, depth: i32) -> String {
        // Types that hold themselves come to an end, though not to one that fits.
        if self.left == 0 || depth < -8 {
            return "null".to_owned();
        }
        self.left -= 1;
        if self.wild() {
            return self.odd();
        }
        if self.lossy()
            && let Some(text) = self.made_by_an_act(kind)
        {
            return text;
        }
        let spelling = self.options.spelling(path);
        match kind {
            Type::Null => "null".to_owned(),
            Type::Boolean => self.choices.pick(&["false", "true"]).to_owned(),
            Type::Int(Some(_)) | Type::Long(Some(_)) if self.options.epoch(path).is_some() => self.since_epoch(),
            Type::Int(time) => self.time(*time, 32),
            Type::Long(time) => self.time(*time, 64),
            Type::Float | Type::Double => self.floating(matches!(kind, Type::Float)),
            Type::String => {
                let text = self.text();
                self.quote(&text)
            }
            Type::Uuid => self.uuid(),
            Type::UuidFixed(_) if self.choices.one_in(2) => self.uuid(),
            Type::UuidFixed(_) => self.bytes(16, spelling),
            Type::Duration(_) if !self.choices.one_in(3) => self.duration(),
            Type::Duration(_) => self.bytes(12, spelling),
            Type::Bytes => {
                let length = self.choices.below(40);
                self.bytes(length, spelling)
            }
            Type::Fixed(_, size) => {
                let more = usize::from(self.wild());
                self.bytes(size.saturating_add(more).min(MOST_BYTES), spelling)
            }
            Type::Decimal { precision, scale, fixed } => match (self.choices.one_in(8), fixed) {
                (true, None) => {
                    let length = self.choices.below(12);
                    self.bytes(length, Spelling::Latin1)
                }
                (true, Some((_, size))) => self.bytes(*size.min(&MOST_BYTES), Spelling::Latin1),
                _ => {
                    let number = self.decimal(*precision as usize, *scale as usize);
                    if self.choices.one_in(6) { self.quote(&number) } else { number }
                }
            },
            Type::BigDecimal => {
                let number = if self.choices.one_in(2) { self.decimal(30, 9) } else { self.floating(false) };
                match self.choices.below(8) {
                    0 if is_one(&number) && !self.wild() => {
                        let bytes = scalar::big_decimal(&number).unwrap_or_default();
                        let text: String = bytes.into_iter().map(char::from).collect();
                        self.quote(&text)
                    }
                    0 => self.bytes(5, Spelling::Latin1),
                    1 => self.quote(&number),
                    _ => number,
                }
            }
            Type::Enum(_, symbols, _) if symbols.is_empty() => self.odd(),
            Type::Enum(_, symbols, _) => {
                let symbol = symbols[self.choices.below(symbols.len())].clone();
                self.quote(&symbol)
            }
            Type::Array(items) => self.array(items, &format!("{path}[*]"), depth),
            Type::Map(values) => self.map(values, &format!("{path}[*]"), depth),
            Type::Record(index) => self.record(*index, path, None, depth),
            Type::Union(branches) => self.union(branches, path, depth),
        }
    }

    /// A value of another kind, or of more than the type holds, that an act makes one of the type.
    fn made_by_an_act(&mut self, kind: &Type) -> Option<String> {
        Some(match kind {
            Type::Boolean => self.choices.pick(&["\"true\"", "\"false\"", "1", "0", "1.0", "2", "\"True\""]).to_owned(),
            Type::Int(None) | Type::Long(None) => {
                let number = self.integer(if matches!(kind, Type::Int(_)) { 32 } else { 64 });
                self.quote(&number)
            }
            Type::Float | Type::Double => {
                let named = self.choices.pick(&["NaN", "Infinity", "-Infinity", "INF", "-INF", "nan", "1e999", "0x1"]);
                let number = self.floating(matches!(kind, Type::Float));
                let text = if self.choices.one_in(2) { named } else { &number };
                self.quote(text)
            }
            Type::String => match self.choices.below(4) {
                0 => self.floating(false),
                1 => self.choices.pick(&["true", "false"]).to_owned(),
                2 => self.choices.pick(&["[]", "{}", "[1 , \"\\u0041\"]", "{ \"a\" : [1e5,null] }"]).to_owned(),
                _ => self.odd(),
            },
            Type::Enum(..) => self.choices.pick(&["\"\"", "\"other\"", "\"s0\""]).to_owned(),
            Type::Decimal { precision, scale, .. } => {
                let more = self.choices.below(4) + 1;
                let number = self.decimal(*precision as usize, *scale as usize);
                let tail: String = (0..more).map(|_| self.choices.pick(&["5", "5", "0", "4", "9"])).collect();
                if number.contains('e') {
                    return Some(number.replace("e-", "e-1"));
                }
                let point = if number.contains('.') { "" } else { "." };
                let number = format!("{number}{point}{tail}");
                if self.choices.one_in(3) { self.quote(&number) } else { number }
            }
            _ => return None,
        })
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

    fn array(&mut self, items: &Type, path: &str, depth: i32) -> String {
        let most = if self.choices.one_in(16) { 70 } else { 4 };
        let count = if depth <= 0 { 0 } else { self.choices.below(most) };
        let elements: Vec<String> = (0..count)
            .map(|_| format!("{}{}{}", self.space(), self.value(items, path, depth - 1), self.space()))
            .collect();
        format!("[{}{}]", self.space(), elements.join(","))
    }

    fn map(&mut self, values: &Type, path: &str, depth: i32) -> String {
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
                self.member(&key, values, path, depth - 1)
            })
            .collect();
        self.twice(&mut members);
        format!("{{{}{}}}", self.space(), members.join(","))
    }

    fn member(&mut self, key: &str, kind: &Type, path: &str, depth: i32) -> String {
        let (key, before, behind) = (self.quote(key), self.space(), self.space());
        format!("{}{key}{before}:{behind}{}{}", self.space(), self.value(kind, path, depth), self.space())
    }

    fn twice(&mut self, members: &mut Vec<String>) {
        while !members.is_empty() && (self.wild() || self.lossy()) {
            let again = members[self.choices.below(members.len())].clone();
            let at = self.choices.below(members.len() + 1);
            members.insert(at, again);
        }
    }

    /// `told`: a member that tells which record it is.
    fn record(&mut self, index: usize, path: &str, told: Option<(&str, &str)>, depth: i32) -> String {
        let schema = self.schema;
        let mut members = Vec::new();
        for field in &schema.records[index].fields {
            let left_out = field.default.is_some() && self.choices.one_in(2);
            let nullable = matches!(&field.kind, Type::Union(branches) if branches.iter().any(|branch| matches!(branch, Type::Null)));
            if left_out || self.wild() || nullable && self.lossy() {
                continue;
            }
            let place = format!("{path}.{}", field.name);
            let key = self.spelt_key(self.options.key(&place, &field.name), &field.aliases);
            if field.default.is_some() && self.lossy() {
                members.push(format!("{}:null", self.quote(&key)));
                continue;
            }
            members.push(self.member(&key, &field.kind, &place, depth - 1));
            if self.lossy() {
                members.push(self.member(&key, &field.kind, &place, depth - 1));
            }
        }
        while self.choices.one_in(8) {
            let key = self.choices.pick(&["unknown", "x", "", "Unknown field, and a long one at that", "a\"b", "ÿ"]);
            let value = self.odd();
            members.push(format!("{}:{value}", self.quote(key)));
        }
        if let Some((key, value)) = told {
            let member = format!("{}:{}", self.quote(key), self.quote(value));
            members.retain(|other| !other.trim_start().starts_with(&format!("\"{key}\"")));
            members.insert(0, member);
        }
        self.twice(&mut members);
        if self.choices.one_in(2) {
            self.choices.shuffle(&mut members);
        }
        format!("{{{}{}}}", self.space(), members.join(","))
    }

    /// A field's key, perhaps by another name that the options take.
    fn spelt_key(&mut self, key: &str, aliases: &[String]) -> String {
        let key = match aliases {
            [alias, ..] if self.options.aliases && self.choices.one_in(3) => alias,
            _ => key,
        };
        if self.options.names == Names::Exact || !self.choices.one_in(3) {
            return key.to_owned();
        }
        let mut spelt = String::new();
        for character in key.chars() {
            let styled = self.options.names == Names::AnyStyle && self.choices.one_in(4);
            match character {
                '_' if styled => spelt.push_str(self.choices.pick(&["", "-", "__"])),
                _ if styled => write!(spelt, "_{character}").unwrap(),
                _ if self.choices.one_in(2) => spelt.push(character.to_ascii_uppercase()),
                _ => spelt.push(character),
            }
        }
        spelt
    }

    fn union(&mut self, branches: &[Type], path: &str, depth: i32) -> String {
        if branches.is_empty() {
            return "null".to_owned();
        }
        let nested = |kind: &Type| matches!(kind, Type::Record(_) | Type::Array(_) | Type::Map(_));
        let flat = if depth <= 0 { branches.iter().position(|branch| !nested(branch)) } else { None };
        let branch = &branches[flat.unwrap_or_else(|| self.choices.below(branches.len()))];
        let options = self.options;
        if let (Type::Record(index), Some((key, values))) = (branch, options.discriminator(path, branches))
            && !self.wild()
        {
            let full = self.schema.tag(branch);
            let given = values.iter().find(|(_, name)| **name == full).map(|(value, _)| value.as_str());
            let short = full.rsplit('.').next().unwrap_or(&full);
            let told = given.unwrap_or_else(|| self.choices.pick(&[&full, short])).to_owned();
            return self.record(*index, path, Some((key, &told)), depth - 1);
        }
        let named = match options.unions {
            Unions::Plain => self.wild(),
            Unions::Tagged => !self.wild(),
            Unions::Auto => self.choices.one_in(2),
        };
        if named && !matches!(branch, Type::Null) {
            let tag = self.schema.tag(branch);
            return format!("{{{}}}", self.member(&tag, branch, path, depth - 1));
        }
        self.value(branch, path, depth)
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
