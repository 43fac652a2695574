//! Random Avro schemas: every type, names and namespaces, types that hold themselves, unions of many branches, defaults.
//!
//! Comes in: choices. Goes out: the text of a valid schema.

use super::choices::Choices;
use super::documents::Documents;
use crate::reference::{Options, Schema};

/// A schema's text.
pub(crate) fn random(choices: &mut Choices<'_>) -> String {
    let mut schemas = Schemas { choices, named: Vec::new(), names: 0, records: 0 };
    let part = schemas.kind(5, "", false);
    with_defaults(&part.text, choices)
}

/// Puts a value in the place of each `"@record.field"`.
fn with_defaults(text: &str, choices: &mut Choices<'_>) -> String {
    let Some(schema) = Schema::parse(text, &[]) else { return text.to_owned() };
    let mut text = text.to_owned();
    for (index, record) in schema.records.iter().enumerate() {
        for (position, field) in record.fields.iter().enumerate() {
            let place = format!("\"@{index}.{position}\"");
            if !text.contains(&place) {
                continue;
            }
            let wild = if choices.one_in(4) { 8 } else { 0 };
            let options = &Options::default();
            let mut documents =
                Documents { schema: &schema, choices, options, wild, lossy: false, spaces: false, left: 50 };
            let default = documents.value(&field.kind, "$", 6);
            // What is no JSON, too deep, or what no library reads as JSON makes the whole schema none.
            let with_it = text.replace(&place, &default);
            let taken = serde_json::from_str::<serde_json::Value>(&with_it).is_ok();
            text = if taken { with_it } else { text.replace(&place, "0") };
        }
    }
    text
}

/// A part of a schema.
struct Part {
    text: String,
    /// What tells it from other branches of a union.
    identity: String,
}

struct Schemas<'c, 'b> {
    choices: &'c mut Choices<'b>,
    /// Full names of types that are defined, and whether their definition is still open.
    named: Vec<(String, bool)>,
    names: usize,
    records: usize,
}

const PRIMITIVES: [&str; 8] = ["int", "null", "boolean", "long", "float", "double", "string", "bytes"];
const ON_INT: [&str; 4] = ["date", "time-millis", "timestamp-millis", "unknown"];
const ON_LONG: [&str; 8] = [
    "time-micros",
    "timestamp-millis",
    "timestamp-micros",
    "timestamp-nanos",
    "local-timestamp-millis",
    "local-timestamp-micros",
    "local-timestamp-nanos",
    "date",
];

impl Schemas<'_, '_> {
    /// A type. `guarded`: within an array, map or union, where a type may hold itself.
    fn kind(&mut self, depth: usize, namespace: &str, guarded: bool) -> Part {
        match self.choices.below(if depth == 0 { 18 } else { 30 }) {
            0..=8 => self.primitive(),
            9 => self.logical("int", &ON_INT),
            10 | 11 => self.logical("long", &ON_LONG),
            12 => plain(r#"{"type":"string","logicalType":"uuid"}"#, "string"),
            13 => self.decimal(),
            14 => self.fixed(namespace),
            15 => self.symbols(namespace),
            16 | 17 => self.reference(guarded),
            18..=20 => {
                let items = self.kind(depth - 1, namespace, true);
                plain(&format!(r#"{{"type":"array","items":{}}}"#, items.text), "array")
            }
            21 | 22 => {
                let values = self.kind(depth - 1, namespace, true);
                plain(&format!(r#"{{"type":"map","values":{}}}"#, values.text), "map")
            }
            23..=25 => self.union(depth - 1, namespace),
            _ => self.record(depth - 1, namespace),
        }
    }

    fn primitive(&mut self) -> Part {
        let name = self.choices.pick(&PRIMITIVES);
        if self.choices.one_in(10) {
            return plain(&format!(r#"{{"type":"{name}"}}"#), name);
        }
        plain(&format!("\"{name}\""), name)
    }

    fn logical(&mut self, on: &str, names: &[&str]) -> Part {
        let name = self.choices.pick(names);
        plain(&format!(r#"{{"type":"{on}","logicalType":"{name}"}}"#), on)
    }

    fn precision_and_scale(&mut self) -> String {
        let most = if self.choices.one_in(4) { 100 } else { 20 };
        let precision = self.choices.below(most) + 1;
        let scale = self.choices.below(precision + 1);
        format!(r#""logicalType":"decimal","precision":{precision},"scale":{scale}"#)
    }

    fn decimal(&mut self) -> Part {
        if self.choices.one_in(4) {
            return plain(r#"{"type":"bytes","logicalType":"big-decimal"}"#, "bytes");
        }
        plain(&format!(r#"{{"type":"bytes",{}}}"#, self.precision_and_scale()), "bytes")
    }

    fn fixed(&mut self, namespace: &str) -> Part {
        let (name, full) = self.name(namespace);
        let decimal = if self.choices.one_in(2) { format!(",{}", self.precision_and_scale()) } else { String::new() };
        // Apache's library takes a decimal of no bytes, and then reads none.
        let size = self.choices.below(20) + usize::from(!decimal.is_empty());
        self.named.push((full.clone(), false));
        if self.choices.one_in(3) {
            let (size, logical) = if self.choices.one_in(2) { (16, "uuid") } else { (12, "duration") };
            let size = if self.choices.one_in(8) { 13 } else { size };
            return plain(&format!(r#"{{"type":"fixed",{name},"size":{size},"logicalType":"{logical}"}}"#), &full);
        }
        plain(&format!(r#"{{"type":"fixed",{name},"size":{size}{decimal}}}"#), &full)
    }

    fn symbols(&mut self, namespace: &str) -> Part {
        let (name, full) = self.name(namespace);
        let most = if self.choices.one_in(6) { 100 } else { 5 };
        let symbols: Vec<String> = (0..=self.choices.below(most)).map(|index| format!("\"S{index}\"")).collect();
        self.named.push((full.clone(), false));
        let default = if self.choices.one_in(2) {
            format!(r#","default":{}"#, symbols[self.choices.below(symbols.len())])
        } else {
            String::new()
        };
        plain(&format!(r#"{{"type":"enum",{name},"symbols":[{}]{default}}}"#, symbols.join(",")), &full)
    }

    fn reference(&mut self, guarded: bool) -> Part {
        let known: Vec<&str> =
            self.named.iter().filter(|(_, open)| guarded || !open).map(|(name, _)| name.as_str()).collect();
        if known.is_empty() {
            return self.primitive();
        }
        let name = self.choices.pick(&known);
        // A name without a dot would be looked for in the namespace around it.
        plain(&format!("\"{name}\""), name)
    }

    /// `"name":"..."`, with a namespace or without, and the full name.
    fn name(&mut self, around: &str) -> (String, String) {
        self.names += 1;
        let name = format!("{}{}", self.choices.pick(&["T", "_", "Type", "é"]), self.names);
        match self.choices.below(8) {
            7 => (format!(r#""name":"{name}","namespace":"x.y""#), format!("x.y.{name}")),
            6 => (format!(r#""name":"z.{name}""#), format!("z.{name}")),
            _ if around.is_empty() => (format!(r#""name":"{name}""#), name),
            _ => (format!(r#""name":"{name}""#), format!("{around}.{name}")),
        }
    }

    fn union(&mut self, depth: usize, namespace: &str) -> Part {
        let mut branches: Vec<Part> = Vec::new();
        if self.choices.one_in(2) {
            branches.push(plain("\"null\"", "null"));
        }
        let most = if self.choices.one_in(4) { 8 } else { 2 };
        let records_only = depth > 0 && self.choices.one_in(4);
        for _ in 0..=self.choices.below(most) {
            let (named, records) = (self.named.len(), self.records);
            // Records of some of the same fields are hardest to tell apart.
            let branch =
                if records_only { self.record(depth - 1, namespace) } else { self.kind(depth, namespace, true) };
            if branch.identity == "union" || branches.iter().any(|other| other.identity == branch.identity) {
                self.named.truncate(named);
                self.records = records;
                continue;
            }
            branches.push(branch);
        }
        if self.choices.one_in(4) && branches.iter().all(|branch| branch.identity != "null") {
            branches.push(plain("\"null\"", "null"));
        }
        let texts: Vec<String> = branches.into_iter().map(|branch| branch.text).collect();
        plain(&format!("[{}]", texts.join(",")), "union")
    }

    fn record(&mut self, depth: usize, namespace: &str) -> Part {
        let (name, full) = self.name(namespace);
        let (record, place) = (self.records, self.named.len());
        self.records += 1;
        self.named.push((full.clone(), true));
        let inner = full.rsplit_once('.').map_or("", |(namespace, _)| namespace).to_owned();
        let most = if self.choices.one_in(6) { 30 } else { 6 };
        let fields: Vec<String> = (0..self.choices.below(most))
            .map(|position| {
                let name = self.field_name(position);
                let default = match self.choices.one_in(3) {
                    true => format!(r#","default":"@{record}.{position}""#),
                    false => String::new(),
                };
                // Now and then one that is another field's name, or differs from it by case alone.
                let aliases = match self.choices.below(12) {
                    0 => format!(r#","aliases":["alias_{position}","Other{position}"]"#),
                    1 => r#","aliases":["a0"]"#.to_owned(),
                    _ => String::new(),
                };
                format!(r#"{{"name":"{name}"{aliases},"type":{}{default}}}"#, self.kind(depth, &inner, false).text)
            })
            .collect();
        self.named[place].1 = false;
        plain(&format!(r#"{{"type":"record",{name},"fields":[{}]}}"#, fields.join(",")), &full)
    }

    /// Short ones, long ones, some that differ late, some that are called like a branch of a union.
    fn field_name(&mut self, position: usize) -> String {
        const TAGS: [&str; 8] = ["string", "int", "map", "array", "bytes", "long", "T1", "record"];
        match self.choices.below(8) {
            0..=2 => format!("{}{position}", char::from(b'a' + self.choices.below(3) as u8)),
            3 if position < TAGS.len() => TAGS[position].to_owned(),
            4 => format!("{}_{position}", "same_for_all_of_them_".repeat(self.choices.below(3))),
            5 => format!("{}x{position}", "_".repeat(self.choices.below(50))),
            6 => format!("ключ{position}"),
            _ => {
                let length = self.choices.below(36);
                (0..length).map(|_| char::from(b'a' + self.choices.below(26) as u8)).collect::<String>()
                    + &format!("_{position}")
            }
        }
    }
}

fn plain(text: &str, identity: &str) -> Part {
    Part { text: text.to_owned(), identity: identity.to_owned() }
}
