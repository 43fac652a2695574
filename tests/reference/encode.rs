//! The walk: a tree of types beside a tree of JSON, and the path of each type.
//!
//! Comes in: a schema and options, then JSON bytes. Goes out: the datum and the counts of lossy acts, or a reason. Must
//! never: keep anything of an attempt that failed; each value is encoded to bytes of its own.

use super::acts::Acts;
use super::json::Json;
use super::number;
use super::options::{Options, Spelling, Unions};
use super::record::DefaultState;
use super::scalar::{self, is_uuid, long, sized};
use super::schema::{Schema, Type};
use super::time::Time;
use num_bigint::BigInt;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

/// The reason for giving up where the slow way takes too long. It says nothing about the record.
pub(crate) const TOO_SLOW: &str = "too_slow";
const MOST_VALUES: u32 = 100_000;

/// One value's Avro, and what was lossy about it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Encoded {
    pub(crate) avro: Vec<u8>,
    pub(crate) acts: BTreeMap<&'static str, u64>,
}

pub(super) type Outcome = Result<Encoded, &'static str>;

impl Encoded {
    pub(super) fn of(avro: Vec<u8>) -> Outcome {
        Ok(Self { avro, acts: BTreeMap::new() })
    }

    /// A value that was made by an act, or the act as the reason for a refusal.
    fn by(act: &'static str, avro: Vec<u8>, mode: Mode) -> Outcome {
        let mut encoded = Self { avro, acts: BTreeMap::new() };
        encoded.act(act, mode)?;
        Ok(encoded)
    }

    /// An act: counted, or the reason for a refusal.
    pub(super) fn act(&mut self, act: &'static str, mode: Mode) -> Result<(), &'static str> {
        if !mode.accepted.contains(act) {
            return Err(act);
        }
        *self.acts.entry(act).or_default() += 1;
        Ok(())
    }

    fn act_unless(mut self, exact: bool, act: &'static str, mode: Mode) -> Outcome {
        if !exact {
            self.act(act, mode)?;
        }
        Ok(self)
    }

    pub(super) fn append(&mut self, other: Self) {
        self.avro.extend(other.avro);
        self.merge(other.acts);
    }

    pub(super) fn merge(&mut self, acts: BTreeMap<&'static str, u64>) {
        for (act, count) in acts {
            *self.acts.entry(act).or_default() += count;
        }
    }
}

/// The encoder of one schema.
pub(crate) struct Reference {
    pub(crate) schema: Schema,
    pub(super) options: Options,
    /// For each field of each record.
    pub(super) defaults: Vec<Vec<RefCell<DefaultState>>>,
    /// Values that may still be looked at in this record: tries within tries multiply.
    left: Cell<u32>,
}

/// How values are read just now.
#[derive(Clone, Copy)]
pub(super) struct Mode {
    pub(super) unions: Unions,
    /// The acts that are accepted here.
    pub(super) accepted: Acts,
    /// Those that are accepted anywhere: a union's first tries take little, whatever a place says.
    pub(super) allowed: Acts,
    /// Whether `1.0` is no integer: in the very first try a number with a point is a double.
    pub(super) as_written: bool,
    /// Whether it matters that an object could be of several branches.
    pub(super) doubts: bool,
    /// Whether it is a schema's default, for which options do not hold.
    pub(super) of_schema: bool,
}

impl Reference {
    /// None where the schema is none, or two fields of a record have one name.
    pub(crate) fn new(schema: &str, references: &[String], options: &Options) -> Option<Self> {
        let schema = Schema::parse(schema, references)?;
        if (0..schema.records.len()).any(|record| options.in_conflict(&schema, record)) {
            return None;
        }
        let defaults = schema.records.iter().map(|record| {
            let given = |given: bool| RefCell::new(if given { DefaultState::Given } else { DefaultState::None });
            record.fields.iter().map(|field| given(field.default.is_some())).collect()
        });
        let reference =
            Self { defaults: defaults.collect(), options: options.clone(), schema, left: Cell::new(MOST_VALUES) };
        for (record, fields) in reference.defaults.iter().enumerate() {
            for field in 0..fields.len() {
                reference.default(record, field).ok();
            }
        }
        Some(reference)
    }

    /// Encodes one document.
    pub(crate) fn encode(&self, json: &[u8]) -> Outcome {
        self.left.set(MOST_VALUES);
        let mode = Mode {
            unions: self.options.unions,
            accepted: self.options.accepted,
            allowed: Acts::ALL,
            as_written: false,
            doubts: true,
            of_schema: false,
        };
        self.pointed(&Json::parse(json)?, &self.options.root, mode)
    }

    /// How many values were looked at for the last document.
    pub(crate) fn effort(&self) -> u32 {
        MOST_VALUES - self.left.get()
    }

    /// The value that a JSON pointer leads to.
    fn pointed(&self, json: &Json, pointer: &str, mode: Mode) -> Outcome {
        let Some(pointer) = pointer.strip_prefix('/') else { return self.value(&self.schema.root, json, "$", mode) };
        let (token, rest) = pointer.find('/').map_or((pointer, ""), |end| pointer.split_at(end));
        let token = token.replace("~1", "/").replace("~0", "~");
        match json {
            Json::Object(members) => {
                let mut meant = members.iter().filter(|(key, _)| *key == token);
                let (_, first) = meant.next().ok_or("no_root")?;
                let encoded = self.pointed(first, rest, mode)?;
                if meant.next().is_some() { Err("root_twice") } else { Ok(encoded) }
            }
            Json::Array(elements) => {
                let meant = elements.iter().enumerate().find(|(index, _)| index.to_string() == token);
                self.pointed(meant.ok_or("no_root")?.1, rest, mode)
            }
            _ => Err("no_root"),
        }
    }

    /// What holds at a path.
    pub(super) fn at(&self, path: &str, mode: Mode) -> Mode {
        let accepted = if mode.of_schema { mode.accepted } else { self.options.accepted(path, mode.accepted) };
        Mode { accepted: accepted.and(mode.allowed), ..mode }
    }

    pub(super) fn value(&self, kind: &Type, json: &Json, path: &str, mode: Mode) -> Outcome {
        self.left.set(self.left.get().checked_sub(1).ok_or(TOO_SLOW)?);
        let mode = self.at(path, mode);
        let spelling = if mode.of_schema { Spelling::Latin1 } else { self.options.spelling(path) };
        match (kind, json) {
            (Type::Null, Json::Null) => Encoded::of(Vec::new()),
            (Type::Boolean, _) => boolean(json, mode),
            (Type::Int(Some(time)) | Type::Long(Some(time)), _) => {
                let epoch = if mode.of_schema { None } else { self.options.epoch(path) };
                moment(*time, epoch, json, matches!(kind, Type::Int(_)), mode)
            }
            (Type::Int(None) | Type::Long(None), Json::Number(text)) => {
                integer(text, matches!(kind, Type::Int(_)), mode).and_then(|value| Encoded::of(long(value)))
            }
            (Type::Int(None) | Type::Long(None), Json::String(text)) if number::is_one(text) => {
                let value = integer(text, matches!(kind, Type::Int(_)), Mode { as_written: false, ..mode })?;
                Encoded::by("number_from_string", long(value), mode)
            }
            (Type::Double | Type::Float, _) => floating(matches!(kind, Type::Double), json, mode),
            (Type::String, _) => string(json, mode),
            (Type::Uuid, Json::String(text)) if is_uuid(text) => Encoded::of(sized(text.as_bytes())),
            (Type::Uuid, Json::String(_)) => Err("uuid"),
            (Type::Bytes, Json::String(text)) => Encoded::of(sized(&scalar::spelt(text, spelling)?)),
            (Type::Fixed(_, size), Json::String(text)) => Encoded::of(scalar::fixed(text, spelling, *size)?),
            (Type::UuidFixed(_), Json::String(text)) if is_uuid(text) => Encoded::of(scalar::uuid_bytes(text)),
            (Type::UuidFixed(_), Json::String(text)) => Encoded::of(scalar::fixed(text, spelling, 16)?),
            (Type::Duration(_), Json::String(text)) => {
                let (bytes, exact) = scalar::duration(text, spelling)?;
                Encoded { avro: bytes, acts: BTreeMap::new() }.act_unless(exact, "time_truncated", mode)
            }
            (Type::Decimal { .. }, _) => decimal(kind, json, mode),
            (Type::BigDecimal, _) => big_decimal(json, mode),
            (Type::Enum(_, symbols, default), Json::String(text)) => {
                match (symbols.iter().position(|symbol| symbol == text), default) {
                    (Some(index), _) => Encoded::of(long(index as i64)),
                    (None, Some(index)) => Encoded::by("enum_default", long(*index as i64), mode),
                    (None, None) => Err("unknown_symbol"),
                }
            }
            (Type::Array(items), Json::Array(elements)) => self.array(items, elements, path, mode),
            (Type::Map(values), Json::Object(members)) => self.map(values, members, path, mode),
            (Type::Record(index), Json::Object(members)) => self.record(*index, members, path, None, mode),
            (Type::Union(branches), _) => self.union(branches, json, path, mode),
            _ => Err("wrong_type"),
        }
    }

    fn array(&self, items: &Type, elements: &[Json], path: &str, mode: Mode) -> Outcome {
        let mut block = Encoded::default();
        if !elements.is_empty() {
            block.avro = long(elements.len() as i64);
        }
        for element in elements {
            block.append(self.value(items, element, &format!("{path}[*]"), mode)?);
        }
        block.avro.push(0);
        Ok(block)
    }

    fn map(&self, values: &Type, members: &[(String, Json)], path: &str, mode: Mode) -> Outcome {
        let mut block = Encoded::default();
        let mut entries = Vec::new();
        for (index, (key, value)) in members.iter().enumerate() {
            let value = self.value(values, value, &format!("{path}[*]"), mode)?;
            block.merge(value.acts);
            // Of equal keys the last one counts.
            let again = members[index + 1..].iter().any(|(later, _)| later == key);
            entries.push((!again, [sized(key.as_bytes()), value.avro].concat()));
        }
        for _ in entries.iter().filter(|(kept, _)| !kept) {
            block.act("duplicate_key", mode)?;
        }
        let kept: Vec<Vec<u8>> = entries.into_iter().filter_map(|(kept, entry)| kept.then_some(entry)).collect();
        if !kept.is_empty() {
            block.avro = [long(kept.len() as i64), kept.concat()].concat();
        }
        block.avro.push(0);
        Ok(block)
    }
}

fn boolean(json: &Json, mode: Mode) -> Outcome {
    match json {
        Json::Boolean(value) => Encoded::of(vec![u8::from(*value)]),
        Json::String(text) if text == "true" || text == "false" => {
            Encoded::by("boolean_from_string", vec![u8::from(text == "true")], mode)
        }
        Json::Number(text) if text == "1" || text == "0" => {
            Encoded::by("boolean_from_number", vec![u8::from(text == "1")], mode)
        }
        _ => Err("wrong_type"),
    }
}

fn string(json: &Json, mode: Mode) -> Outcome {
    let (act, text) = match json {
        Json::String(text) => return Encoded::of(sized(text.as_bytes())),
        Json::Number(text) => ("string_from_number", text.as_str()),
        Json::Boolean(value) => ("string_from_boolean", if *value { "true" } else { "false" }),
        Json::Array(elements) => ("string_from_json", elements.text.as_str()),
        Json::Object(members) => ("string_from_json", members.text.as_str()),
        Json::Null => return Err("wrong_type"),
    };
    Encoded::by(act, sized(text.as_bytes()), mode)
}

fn integer(text: &str, is_int: bool, mode: Mode) -> Result<i64, &'static str> {
    if mode.as_written && text.contains(['.', 'e', 'E']) {
        return Err("not_an_integer");
    }
    ranged(number::long(text)?, is_int)
}

fn ranged(value: i64, is_int: bool) -> Result<i64, &'static str> {
    if is_int && i32::try_from(value).is_err() { Err("out_of_range") } else { Ok(value) }
}

/// A date, time or timestamp. `epoch`: it is a number of such a unit, or a string that spells one.
fn moment(time: Time, epoch: Option<i128>, json: &Json, is_int: bool, mode: Mode) -> Outcome {
    let (value, exact) = match (epoch, json) {
        (Some(places), Json::Number(text)) => time.since_epoch(text, places)?,
        (Some(places), Json::String(text)) if number::is_one(text) => time.since_epoch(text, places)?,
        (_, Json::String(_)) if epoch.is_some() => return Err("time_text"),
        (None, Json::String(text)) => time.parse(text)?,
        (None, Json::Number(text)) => {
            let value = integer(text, is_int, mode)?;
            let encoded = Encoded { avro: long(value), acts: BTreeMap::new() };
            return encoded.act_unless(!time.doubtful(value), "timestamp_unit", mode);
        }
        _ => return Err("wrong_type"),
    };
    Encoded { avro: long(ranged(value, is_int)?), acts: BTreeMap::new() }.act_unless(exact, "time_truncated", mode)
}

fn floating(is_double: bool, json: &Json, mode: Mode) -> Outcome {
    let (text, from_string) = match json {
        Json::Number(text) => (text.as_str(), false),
        Json::String(text) if number::is_one(text) => (text.as_str(), true),
        Json::String(text) => {
            let value = match text.as_str() {
                "NaN" => f64::NAN,
                "Infinity" | "INF" => f64::INFINITY,
                "-Infinity" | "-INF" => f64::NEG_INFINITY,
                _ => return Err("wrong_type"),
            };
            let single = (value as f32).to_le_bytes().to_vec();
            let avro = if is_double { value.to_le_bytes().to_vec() } else { single };
            return Encoded::by("number_from_string", avro, mode);
        }
        _ => return Err("wrong_type"),
    };
    let (avro, act) = if is_double {
        let (value, act) = number::double(text)?;
        (value.to_le_bytes().to_vec(), act)
    } else {
        let (value, act) = number::float(text)?;
        (value.to_le_bytes().to_vec(), act)
    };
    let encoded = Encoded { avro, acts: BTreeMap::new() }.act_unless(!from_string, "number_from_string", mode)?;
    match act {
        Some(act) => encoded.act_unless(false, act, mode),
        None => Ok(encoded),
    }
}

fn decimal(kind: &Type, json: &Json, mode: Mode) -> Outcome {
    let Type::Decimal { precision, scale, fixed } = kind else { return Err("wrong_type") };
    let size = fixed.as_ref().map(|(_, size)| *size);
    let (unscaled, exact, from_string) = match json {
        Json::Number(text) => {
            let (unscaled, exact) = number::unscaled(text, *precision, *scale)?;
            (unscaled, exact, false)
        }
        Json::String(text) if number::is_one(text) => {
            let (unscaled, exact) = number::unscaled(text, *precision, *scale)?;
            (unscaled, exact, true)
        }
        Json::String(text) => {
            let bytes = scalar::latin1(text)?;
            if size.is_some_and(|size| size != bytes.len()) {
                return Err("fixed_size");
            }
            if bytes.is_empty() || scalar::reads_as_text(&bytes) {
                return Err("decimal_text");
            }
            (BigInt::from_signed_bytes_be(&bytes), true, false)
        }
        _ => return Err("wrong_type"),
    };
    if unscaled.magnitude().to_string().len() > *precision as usize {
        return Err("decimal_precision");
    }
    let bytes = unscaled.to_signed_bytes_be();
    let sign = if unscaled < BigInt::ZERO { 0xff } else { 0 };
    let avro = match size {
        None => sized(&bytes),
        Some(size) => [vec![sign; size - bytes.len()], bytes].concat(),
    };
    Encoded { avro, acts: BTreeMap::new() }.act_unless(!from_string, "decimal_from_string", mode)?.act_unless(
        exact,
        "decimal_rounded",
        mode,
    )
}

fn big_decimal(json: &Json, mode: Mode) -> Outcome {
    match json {
        Json::Number(text) => Encoded::of(sized(&scalar::big_decimal(text)?)),
        Json::String(text) if number::is_one(text) => {
            Encoded::by("decimal_from_string", sized(&scalar::big_decimal(text)?), mode)
        }
        Json::String(text) => {
            let bytes = scalar::latin1(text)?;
            if scalar::reads_as_text(&bytes) { Err("decimal_text") } else { Encoded::of(sized(&bytes)) }
        }
        _ => Err("wrong_type"),
    }
}
