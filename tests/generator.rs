//! Random schemas, and random records of them as JSON and as Avro: the Avro is written here a second time, from the
//! value, not from the JSON.

use fastrand::Rng;
use json2avro::transcoder::{Act, Ledger};
use serde_json::{Value, json};

/// A type as the generator knows it.
pub(crate) enum Type {
    Null,
    Boolean,
    Int,
    Long,
    Float,
    Double,
    String,
    Bytes,
    Uuid,
    Fixed(String, usize),
    Decimal(u32, u32),
    Enum(String, Vec<String>),
    Array(Box<Self>),
    Map(Box<Self>),
    Record(String, Vec<Field>),
    /// Branches of different JSON kinds.
    Union(Vec<Self>),
}

pub(crate) struct Field {
    name: String,
    kind: Type,
    /// As JSON and as Avro.
    default: Option<(Value, Vec<u8>)>,
}

/// A value as JSON and as Avro, and what the ledger must say.
#[derive(Default)]
pub(crate) struct Sample {
    pub(crate) json: String,
    pub(crate) avro: Vec<u8>,
    pub(crate) ledger: Ledger,
}

pub(crate) struct Generator {
    pub(crate) rng: Rng,
    pub(crate) names: usize,
}

impl Generator {
    fn name(&mut self) -> String {
        self.names += 1;
        let stem: String = (0..self.rng.usize(0..20)).map(|_| self.rng.lowercase()).collect();
        format!("{stem}_{}", self.names)
    }

    pub(crate) fn kind(&mut self, depth: usize) -> Type {
        match self.rng.u8(0..if depth == 0 { 12 } else { 17 }) {
            0 => Type::Null,
            1 => Type::Boolean,
            2 => Type::Int,
            3 => Type::Long,
            4 => Type::Float,
            5 => Type::Double,
            6 => Type::String,
            7 => Type::Bytes,
            8 => Type::Uuid,
            9 => Type::Fixed(self.name(), self.rng.usize(0..20)),
            10 => {
                let precision = self.rng.u32(1..19);
                Type::Decimal(precision, self.rng.u32(0..=precision))
            }
            11 => Type::Enum(self.name(), (0..self.rng.usize(1..100)).map(|i| format!("S{i}")).collect()),
            12 => Type::Array(Box::new(self.kind(depth - 1))),
            13 => Type::Map(Box::new(self.kind(depth - 1))),
            14 => self.union(depth - 1),
            _ => Type::Record(self.name(), (0..self.rng.usize(0..9)).map(|_| self.field(depth - 1)).collect()),
        }
    }

    fn union(&mut self, depth: usize) -> Type {
        let mut branches = vec![Type::Null];
        for branch in [self.kind(0), self.kind(depth), Type::Boolean] {
            let new = !matches!(branch, Type::Union(_) | Type::Null)
                && branches
                    .iter()
                    .all(|other| json_kinds(other).iter().all(|kind| !json_kinds(&branch).contains(kind)));
            if new && self.rng.bool() {
                branches.push(branch);
            }
        }
        self.rng.shuffle(&mut branches);
        Type::Union(branches)
    }

    fn field(&mut self, depth: usize) -> Field {
        let (name, kind) = (self.name(), self.kind(depth));
        // Others' readers take defaults of these types as ours does.
        let plain =
            |kind: &Type| matches!(kind, Type::Int | Type::Long | Type::String | Type::Boolean | Type::Enum(..));
        let simple = plain(&kind) || matches!(&kind, Type::Array(items) if plain(items));
        let default = (simple && self.rng.bool()).then(|| self.value(&kind));
        let default = default.filter(|sample| sample.ledger == Ledger::default());
        let default = default.map(|sample| (serde_json::from_str(&sample.json).unwrap(), sample.avro));
        Field { name, kind, default }
    }

    fn space(&mut self) -> &'static str {
        if self.rng.u8(0..8) == 0 { ["\n", "  ", "\t\r\n "][self.rng.usize(0..3)] } else { "" }
    }

    pub(crate) fn value(&mut self, kind: &Type) -> Sample {
        let (json, avro) = match kind {
            Type::Null => ("null".to_owned(), vec![]),
            Type::Boolean => {
                let value = self.rng.bool();
                (value.to_string(), vec![value.into()])
            }
            Type::Int => {
                let value = self.rng.i32(..) >> self.rng.u32(0..32);
                (value.to_string(), long(value.into()))
            }
            Type::Long => {
                let value = self.rng.i64(..) >> self.rng.u32(0..64);
                (value.to_string(), long(value))
            }
            Type::Float => self.float(),
            Type::Double => self.double(),
            Type::String => self.text(),
            Type::Bytes => {
                let length = self.rng.usize(0..30);
                let (json, bytes) = self.bytes(length);
                (json, sized(&bytes))
            }
            Type::Fixed(_, size) => self.bytes(*size),
            Type::Uuid => {
                let digits = format!("{:032x}", self.rng.u128(..));
                let parts = [&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..]];
                (json!(parts.join("-")).to_string(), sized(parts.join("-").as_bytes()))
            }
            Type::Decimal(precision, scale) => self.decimal(*precision, *scale as usize),
            Type::Enum(_, symbols) => {
                let index = self.rng.usize(0..symbols.len());
                (json!(symbols[index]).to_string(), long(index as i64))
            }
            Type::Array(items) => return self.array(items),
            Type::Map(values) => return self.map(values),
            Type::Record(_, fields) => return self.record(fields),
            Type::Union(branches) => {
                let index = self.rng.usize(0..branches.len());
                let mut sample = self.value(&branches[index]);
                sample.avro.splice(..0, long(index as i64));
                return sample;
            }
        };
        Sample { json, avro, ledger: Ledger::default() }
    }

    fn float(&mut self) -> (String, Vec<u8>) {
        let value = f32::from_bits(self.rng.u32(..));
        let value = if value.is_finite() { value } else { 0.5 };
        (if self.rng.bool() { format!("{value:?}") } else { format!("{value:e}") }, value.to_le_bytes().to_vec())
    }

    fn double(&mut self) -> (String, Vec<u8>) {
        let value = match self.rng.u8(0..3) {
            0 => f64::from_bits(self.rng.u64(..)),
            1 => f64::from(self.rng.i32(..)) / 1000.0,
            _ => self.rng.f64(),
        };
        let value = if value.is_finite() { value } else { 0.5 };
        (if self.rng.bool() { format!("{value:?}") } else { format!("{value:E}") }, value.to_le_bytes().to_vec())
    }

    fn text(&mut self) -> (String, Vec<u8>) {
        let longest = if self.rng.u8(0..10) == 0 { 200 } else { 20 };
        let length = self.rng.usize(0..longest);
        let plain = self.rng.bool();
        let character = |rng: &mut Rng| if plain { rng.alphanumeric() } else { rng.char(..) };
        let text: String = (0..length).map(|_| character(&mut self.rng)).collect();
        (self.quote(&text), sized(text.as_bytes()))
    }

    fn bytes(&mut self, length: usize) -> (String, Vec<u8>) {
        let bytes: Vec<u8> = (0..length).map(|_| self.rng.u8(..)).collect();
        let text: String = bytes.iter().map(|byte| char::from(*byte)).collect();
        (self.quote(&text), bytes)
    }

    /// A JSON string, each character as it is or escaped.
    fn quote(&mut self, text: &str) -> String {
        let mut json = String::from("\"");
        for character in text.chars() {
            if self.rng.u8(0..20) == 0 || matches!(character, '"' | '\\' | '\0'..' ') {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    json.push_str(&format!("\\u{unit:04x}"));
                }
            } else {
                json.push(character);
            }
        }
        json + "\""
    }

    fn decimal(&mut self, precision: u32, scale: usize) -> (String, Vec<u8>) {
        let unscaled = self.rng.i64(..) % 10i64.pow(precision);
        let mut bytes = unscaled.to_be_bytes().to_vec();
        while bytes.len() > 1 && (bytes[0] == 0 && bytes[1] < 0x80 || bytes[0] == 0xff && bytes[1] >= 0x80) {
            bytes.remove(0);
        }
        if self.rng.bool() {
            return (format!("{unscaled}e-{scale}"), sized(&bytes));
        }
        let digits = format!("{:0>width$}", unscaled.unsigned_abs(), width = scale + 1);
        let (whole, fraction) = digits.split_at(digits.len() - scale);
        let sign = if unscaled < 0 { "-" } else { "" };
        (format!("{sign}{whole}{}{fraction}", if scale > 0 { "." } else { "" }), sized(&bytes))
    }

    fn array(&mut self, items: &Type) -> Sample {
        let most = if self.rng.u8(0..10) == 0 { 80 } else { 4 };
        let count = self.rng.usize(0..most);
        let elements: Vec<Sample> = (0..count).map(|_| self.value(items)).collect();
        let mut sample = Sample::default();
        if count > 0 {
            sample.avro = long(count as i64);
        }
        let texts: Vec<String> = elements
            .into_iter()
            .map(|element| {
                sample.avro.extend(element.avro);
                sample.ledger.merge(&element.ledger);
                format!("{}{}{}", self.space(), element.json, self.space())
            })
            .collect();
        sample.avro.push(0);
        sample.json = format!("[{}]", texts.join(","));
        sample
    }

    fn map(&mut self, values: &Type) -> Sample {
        let count = self.rng.usize(0..4);
        let mut sample = Sample::default();
        let mut texts = Vec::new();
        if count > 0 {
            sample.avro = long(count as i64);
        }
        for index in 0..count {
            let (key, element) = (format!("k{index}é"), self.value(values));
            sample.avro.extend(sized(key.as_bytes()).into_iter().chain(element.avro));
            sample.ledger.merge(&element.ledger);
            texts.push(format!("{}{}:{}{}", self.quote(&key), self.space(), self.space(), element.json));
        }
        sample.avro.push(0);
        sample.json = format!("{{{}{}}}", self.space(), texts.join(","));
        sample
    }

    fn record(&mut self, fields: &[Field]) -> Sample {
        let mut sample = Sample::default();
        let mut texts = Vec::new();
        for field in fields {
            if let Some((_, avro)) = field.default.as_ref().filter(|_| self.rng.bool()) {
                sample.avro.extend(avro);
                sample.ledger.add(Act::DefaultFilled, 1);
                continue;
            }
            let element = self.value(&field.kind);
            sample.avro.extend(element.avro);
            sample.ledger.merge(&element.ledger);
            texts.push(format!("{}:{}{}", self.quote(&field.name), self.space(), element.json));
        }
        while self.rng.u8(0..4) == 0 {
            sample.ledger.add(Act::UnknownField, 1);
            let kind = self.kind(2);
            texts.push(format!("\"unknown {}\":{}", self.rng.u8(0..3), self.value(&kind).json));
        }
        if self.rng.bool() {
            self.rng.shuffle(&mut texts);
        }
        sample.json = format!("{{{}{}}}", self.space(), texts.join(&format!("{},", self.space())));
        sample
    }
}

fn json_kinds(kind: &Type) -> &'static [&'static str] {
    match kind {
        Type::Null => &["null"],
        Type::Boolean => &["boolean"],
        Type::Int | Type::Long | Type::Float | Type::Double => &["number"],
        Type::Decimal(..) => &["number", "string"],
        Type::String | Type::Bytes | Type::Uuid | Type::Fixed(..) | Type::Enum(..) => &["string"],
        Type::Array(_) => &["array"],
        Type::Map(_) | Type::Record(..) => &["object"],
        Type::Union(_) => &[],
    }
}

pub(crate) fn schema(kind: &Type) -> Value {
    match kind {
        Type::Null => json!("null"),
        Type::Boolean => json!("boolean"),
        Type::Int => json!("int"),
        Type::Long => json!("long"),
        Type::Float => json!("float"),
        Type::Double => json!("double"),
        Type::String => json!("string"),
        Type::Bytes => json!("bytes"),
        Type::Uuid => json!({"type": "string", "logicalType": "uuid"}),
        Type::Fixed(name, size) => json!({"type": "fixed", "name": name, "size": size}),
        Type::Decimal(precision, scale) => {
            json!({"type": "bytes", "logicalType": "decimal", "precision": precision, "scale": scale})
        }
        Type::Enum(name, symbols) => json!({"type": "enum", "name": name, "symbols": symbols}),
        Type::Array(items) => json!({"type": "array", "items": schema(items)}),
        Type::Map(values) => json!({"type": "map", "values": schema(values)}),
        Type::Record(name, fields) => {
            let fields: Vec<Value> = fields
                .iter()
                .map(|field| {
                    let mut entry = json!({"name": field.name, "type": schema(&field.kind)});
                    if let Some((default, _)) = &field.default {
                        entry["default"] = default.clone();
                    }
                    entry
                })
                .collect();
            json!({"type": "record", "name": name, "fields": fields})
        }
        Type::Union(branches) => branches.iter().map(schema).collect(),
    }
}

/// The specification's integer, written a second time.
fn long(value: i64) -> Vec<u8> {
    let mut zigzag = if value < 0 { (-(i128::from(value)) * 2 - 1) as u128 } else { value as u128 * 2 };
    let mut bytes = Vec::new();
    while zigzag > 127 {
        bytes.push((zigzag % 128 + 128) as u8);
        zigzag /= 128;
    }
    bytes.push(zigzag as u8);
    bytes
}

fn sized(bytes: &[u8]) -> Vec<u8> {
    [long(bytes.len() as i64), bytes.to_vec()].concat()
}
