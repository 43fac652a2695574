//! An order, the payload of these suites: one value, seen as JSON text and as the Avro value it must become.
//!
//! Comes in: a source partition and a sequence number; everything else follows from them. Goes out: JSON members in an
//! order of their own, and `apache_avro`'s value. The two are made side by side from plain fields, neither from the
//! other. Must never: use what is tested.

use apache_avro::Decimal;
use apache_avro::types::Value;
use fastrand::Rng;
use num_bigint::BigInt;
use std::collections::HashMap;

/// The schema under which orders are registered.
pub(crate) const SCHEMA: &str = include_str!("order.avsc");

const SYMBOLS: [&str; 3] = ["NEW", "PAID", "SHIPPED"];
const NAMES: [&str; 5] = ["Ada", "Zoë \"Z\" O'Neil", "李小龍", "Łukasz\n\tŻ", "🦀 crab \\ claw"];

/// The fields, plain.
#[derive(Clone, Debug)]
pub(crate) struct Order {
    partition: i32,
    sequence: i64,
    customer: Customer,
    status: usize,
    /// Hundredths.
    amount: i64,
    weight: f64,
    ratio: f32,
    quantity: i32,
    tags: Vec<&'static str>,
    attributes: Vec<(String, i64)>,
    digest: Option<Vec<u8>>,
    note: Option<String>,
    gift: Option<bool>,
    placed_at: i64,
    shipped_on: Option<i32>,
    reference: Option<Reference>,
}

/// A union with two branches besides null.
#[derive(Clone, Debug)]
enum Reference {
    Number(i64),
    Text(String),
}

#[derive(Clone, Debug)]
struct Customer {
    name: &'static str,
    email: Option<String>,
    address: Option<(String, Option<String>)>,
}

impl Order {
    /// The order with this identity, always the same.
    pub(crate) fn new(rng: &mut Rng, partition: i32, sequence: i64, placed_at: i64) -> Self {
        Self {
            partition,
            sequence,
            customer: Customer {
                name: NAMES[rng.usize(..NAMES.len())],
                email: rng.bool().then(|| format!("user{sequence}@example.org")),
                address: rng
                    .bool()
                    .then(|| (format!("{} Rue de l'Église", rng.u8(1..)), rng.bool().then(|| "04109".into()))),
            },
            status: rng.usize(..SYMBOLS.len()),
            amount: rng.i64(-999_999_999_999..1_000_000_000_000),
            weight: (rng.f64() - 0.5) * 10f64.powi(rng.i32(-30..30)),
            ratio: rng.f32(),
            quantity: rng.i32(..),
            tags: (0..rng.usize(..4)).map(|_| NAMES[rng.usize(..NAMES.len())]).collect(),
            attributes: (0..rng.usize(..4)).map(|number| (format!("key {number} ✓"), rng.i64(..))).collect(),
            digest: rng.bool().then(|| (0..rng.usize(..9)).map(|_| rng.u8(..)).collect()),
            note: rng.bool().then(|| "x".repeat(rng.usize(..200))),
            gift: rng.bool().then(|| rng.bool()),
            placed_at,
            shipped_on: rng.bool().then(|| rng.i32(0..30_000)),
            reference: match rng.u8(..3) {
                0 => None,
                1 => Some(Reference::Number(rng.i64(..))),
                _ => Some(Reference::Text(format!("R-{sequence}"))),
            },
        }
    }

    /// With another note.
    pub(crate) fn noted(self, note: String) -> Self {
        Self { note: Some(note), ..self }
    }

    /// The members of the JSON object, in schema order; what is absent is left out or null.
    pub(crate) fn members(&self, rng: &mut Rng) -> Vec<(&'static str, String)> {
        let mut members = vec![
            ("partition", self.partition.to_string()),
            ("sequence", self.sequence.to_string()),
            ("customer", self.customer.json()),
            ("status", text(SYMBOLS[self.status])),
            ("amount", self.amount_text()),
            ("weight", serde_json::to_string(&self.weight).unwrap()),
            ("ratio", serde_json::to_string(&self.ratio).unwrap()),
            ("quantity", self.quantity.to_string()),
            ("tags", serde_json::to_string(&self.tags).unwrap()),
            ("attributes", self.attributes_json()),
            ("placed_at", self.placed_at.to_string()),
        ];
        let digest =
            self.digest.as_ref().map(|bytes| text(&bytes.iter().map(|byte| char::from(*byte)).collect::<String>()));
        for (name, value) in [
            ("digest", digest),
            ("note", self.note.as_deref().map(text)),
            ("shipped_on", self.shipped_on.map(|days| days.to_string())),
            ("reference", self.reference.as_ref().map(Reference::json)),
        ] {
            match value {
                Some(value) => members.push((name, value)),
                None if rng.bool() => members.push((name, "null".into())),
                None => {}
            }
        }
        // Not nullable: left out, its default comes in.
        members.extend(self.gift.map(|gift| ("gift", gift.to_string())));
        members
    }

    /// The value that must come out.
    pub(crate) fn avro(&self) -> Value {
        let attributes: HashMap<_, _> =
            self.attributes.iter().map(|(key, value)| (key.clone(), Value::Long(*value))).collect();
        record([
            ("partition", Value::Int(self.partition)),
            ("sequence", Value::Long(self.sequence)),
            ("customer", self.customer.avro()),
            ("status", Value::Enum(u32::try_from(self.status).unwrap(), SYMBOLS[self.status].into())),
            ("amount", Value::Decimal(Decimal::from(BigInt::from(self.amount).to_signed_bytes_be()))),
            ("weight", Value::Double(self.weight)),
            ("ratio", Value::Float(self.ratio)),
            ("quantity", Value::Int(self.quantity)),
            ("tags", Value::Array(self.tags.iter().map(|tag| Value::String((*tag).into())).collect())),
            ("attributes", Value::Map(attributes)),
            ("digest", nullable(self.digest.clone().map(Value::Bytes))),
            ("note", nullable(self.note.clone().map(Value::String))),
            ("gift", Value::Boolean(self.gift.unwrap_or(false))),
            ("placed_at", Value::TimestampMillis(self.placed_at)),
            ("shipped_on", nullable(self.shipped_on.map(Value::Date))),
            ("reference", self.reference.as_ref().map_or_else(|| nullable(None), Reference::avro)),
        ])
    }

    fn amount_text(&self) -> String {
        let sign = if self.amount < 0 { "-" } else { "" };
        format!("{sign}{}.{:02}", self.amount.abs() / 100, self.amount.abs() % 100)
    }

    fn attributes_json(&self) -> String {
        let members: Vec<String> =
            self.attributes.iter().map(|(key, value)| format!("{}: {value}", text(key))).collect();
        format!("{{{}}}", members.join(", "))
    }
}

impl Customer {
    fn json(&self) -> String {
        let email = self.email.as_deref().map_or("null".into(), text);
        let address = self.address.as_ref().map(|(street, zip)| {
            let zip = zip.as_deref().map(|zip| format!(",\"zip\":{}", text(zip))).unwrap_or_default();
            format!(",\"address\":{{\"street\":{}{zip}}}", text(street))
        });
        format!("{{\"email\":{email}{},\"name\":{}}}", address.unwrap_or_default(), text(self.name))
    }

    fn avro(&self) -> Value {
        let address = self.address.as_ref().map(|(street, zip)| {
            record([("street", Value::String(street.clone())), ("zip", nullable(zip.clone().map(Value::String)))])
        });
        record([
            ("name", Value::String(self.name.into())),
            ("email", nullable(self.email.clone().map(Value::String))),
            ("address", nullable(address)),
        ])
    }
}

impl Reference {
    fn json(&self) -> String {
        match self {
            Self::Number(number) => number.to_string(),
            Self::Text(words) => text(words),
        }
    }

    fn avro(&self) -> Value {
        match self {
            Self::Number(number) => Value::Union(1, Box::new(Value::Long(*number))),
            Self::Text(words) => Value::Union(2, Box::new(Value::String(words.clone()))),
        }
    }
}

fn text(text: &str) -> String {
    serde_json::to_string(text).unwrap()
}

fn record<const N: usize>(fields: [(&str, Value); N]) -> Value {
    Value::Record(fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}

/// `["null", T]`.
fn nullable(value: Option<Value>) -> Value {
    value.map_or_else(|| Value::Union(0, Box::new(Value::Null)), |value| Value::Union(1, Box::new(value)))
}
