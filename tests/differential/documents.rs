//! Random JSON for a schema: what fits it, however it may be spelt, and sometimes what does not.
//!
//! Comes in: a schema's types and choices. Goes out: JSON text.

use super::choices::Choices;
use crate::reference::time::Time;
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
    fn wild(&mut self) -> bool {
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

    /// Digits with a sign, sometimes with a point or an exponent that change nothing.
    fn integer(&mut self, width: u32) -> String {
        let (least, most) = if width == 32 { (i32::MIN.into(), i32::MAX.into()) } else { (i64::MIN, i64::MAX) };
        let value = match self.choices.below(8) {
            0..=3 => i64::from(self.choices.byte()) - 20,
            4..=6 => self.choices.bits().cast_signed() >> (64 - width as usize + self.choices.below(width as usize)),
            _ => [0, least, most, least + 1, most - 1, 1 << 53, (1 << 53) + 1, 1_000_000][self.choices.below(8)],
        };
        let value = if self.wild() { i128::from(value) * 3 } else { value.into() };
        self.spelt(&value.to_string())
    }

    /// The same number, perhaps with a point or an exponent.
    fn spelt(&mut self, digits: &str) -> String {
        if !self.choices.one_in(4) {
            return digits.to_owned();
        }
        let zeros = self.choices.below(4);
        match self.choices.below(6) {
            0 => format!("{digits}.{}", "0".repeat(zeros + 1)),
            1 => format!("{digits}{}0", self.choices.pick(&["e", "E", "e+", "E-", "e00"])),
            2 if !digits.contains('.') => format!("{digits}{}e-{zeros}", "0".repeat(zeros)),
            3 if !digits.contains('.') && digits.len() > 3 => {
                let (front, back) = digits.split_at(digits.len() - 1);
                format!("{front}.{back}E+1")
            }
            4 if self.wild() => format!("{digits}.5"),
            5 if digits == "0" => "-0".to_owned(),
            _ => format!("{digits}e{}", if self.wild() { "2" } else { "0" }),
        }
        .replace(".0.0", ".0")
    }

    fn floating(&mut self, single: bool) -> String {
        const EDGES: [&str; 16] = [
            "0.0",
            "-0",
            "0.1",
            "5e-324",
            "3e-324",
            "2e-324",
            "2.2250738585072014e-308",
            "1.7976931348623157e308",
            "1.7976931348623159e308",
            "1e999",
            "9007199254740993",
            "16777217",
            "3.4028235e38",
            "3.4028236e38",
            "1.4e-45",
            "5.684341886080802e-14",
        ];
        match self.choices.below(8) {
            0 | 1 => format!("{}", f64::from(self.choices.byte()) / 8.0),
            2 if single => format!("{:?}", finite(f32::from_bits(self.choices.bits() as u32).into()) as f32),
            2 => format!("{:?}", finite(f64::from_bits(self.choices.bits()))),
            3 => format!("{:e}", finite(f64::from_bits(self.choices.bits()))),
            4 => EDGES[self.choices.below(EDGES.len())].to_owned(),
            5 => self.integer(64),
            6 => {
                // About as many digits as a double holds, and a point among them.
                let digits = (self.choices.bits() >> self.choices.below(20)).to_string();
                let (front, back) = digits.split_at(self.choices.below(digits.len() - 1) + 1);
                format!("{front}{}{back}", if back.is_empty() { "" } else { "." })
            }
            _ => {
                let exponent = self.choices.below(700) as i64 - 350;
                let digits = self.digits(25);
                format!("{}.{digits}e{exponent}", self.choices.below(10))
            }
        }
    }

    /// One to `most` digits.
    fn digits(&mut self, most: usize) -> String {
        (0..=self.choices.below(most)).map(|_| char::from(b'0' + self.choices.below(10) as u8)).collect()
    }

    fn decimal(&mut self, precision: usize, scale: usize) -> String {
        let more = usize::from(self.wild());
        let digits = self.digits(precision + more);
        let digits = format!("{digits:0>width$}", width = scale + 1);
        let (whole, fraction) = digits.split_at(digits.len() - scale);
        let whole = whole.trim_start_matches('0');
        let sign = if self.choices.one_in(3) { "-" } else { "" };
        let whole = if whole.is_empty() { "0" } else { whole };
        if self.choices.one_in(4) {
            return format!("{sign}{}e-{scale}", format!("{whole}{fraction}").trim_start_matches('0'))
                .replace("-e", "0e")
                .replace("--", "-");
        }
        let point = if fraction.is_empty() { "" } else { "." };
        let text = format!("{sign}{whole}{point}{fraction}");
        if point.is_empty() { self.spelt(&text) } else { text }
    }

    fn time(&mut self, time: Option<Time>, width: u32) -> String {
        let Some(time) = time.filter(|_| self.choices.one_in(2)) else { return self.integer(width) };
        // The years that nanoseconds hold end in 1677 and 2262.
        let year = match self.choices.below(4) {
            0 => 1970 + self.choices.below(100),
            1 => self.choices.below(10_000),
            2 => [1677, 2262, 1969, 1900, 2000, 2100][self.choices.below(6)],
            _ => 2026,
        };
        let wrong = usize::from(self.wild());
        let (month, day) = (self.choices.below(12 + wrong) + 1, self.choices.below(28 + 3 * wrong) + 1);
        let mut date = format!("{year:04}-{month:02}-{day:02}");
        let mut clock = format!("{:02}:{:02}", self.choices.below(24 + wrong), self.choices.below(60));
        if !self.choices.one_in(6) {
            clock += &format!(":{:02}", self.choices.below(60 + wrong));
            if self.choices.one_in(2) {
                let most = if self.wild() { 12 } else { 3 };
                clock += &format!("{}{}", self.choices.pick(&[".", ".", ","]), self.digits(most));
            }
        }
        if self.choices.one_in(8) {
            // The last moments that nanoseconds hold.
            let edge =
                ["1677-09-21 00:12:43.145224192", "1677-09-21 00:12:43.145224193", "2262-04-11 23:47:16.854775807"];
            let edge = edge[self.choices.below(3)];
            (date, clock) = (edge[..10].to_owned(), edge[11..].to_owned());
        }
        let between = self.choices.pick(&["T", "t", " "]);
        let offset = self.choices.pick(&["Z", "z", "+01:00", "-0530", "+14", "-00:00", "+23:59"]);
        let text = match time {
            Time::Date => date,
            Time::OfDay(_) => clock,
            Time::Timestamp(_) => format!("{date}{between}{clock}{offset}"),
            Time::LocalTimestamp(_) => format!("{date}{between}{clock}"),
        };
        let text =
            if self.wild() { format!("{text}{}", self.choices.pick(&["Z", " ", "+1", "0", ":00"])) } else { text };
        self.quote(&text)
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
    fn quote(&mut self, text: &str) -> String {
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
        character.encode_utf16(&mut [0; 2]).iter().map(|it| unit(it)).collect()
    }
}

fn finite(value: f64) -> f64 {
    if value.is_finite() { value } else { 0.5 }
}
