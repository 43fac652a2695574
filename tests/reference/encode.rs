//! The walk: a tree of types beside a tree of JSON.
//!
//! Comes in: a schema and options, then JSON bytes. Goes out: the datum and the counts of lossy acts, or a reason. Must
//! never: keep anything of an attempt that failed; each value is encoded to bytes of its own.

use super::json::Json;
use super::number;
use super::scalar::{is_uuid, latin1, long, sized};
use super::schema::{Schema, Type};
use super::time::Time;
use num_bigint::BigInt;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

/// How JSON says which branch of a union a value is of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Unions {
    #[default]
    Plain,
    Tagged,
    Auto,
}

/// Options: lossy acts by their labels.
#[derive(Clone, Debug, Default)]
pub(crate) struct Options {
    pub(crate) unions: Unions,
    /// Acts that are refusals.
    pub(crate) refused: Vec<&'static str>,
}

/// Every act and, where it is refused, the reason.
pub(crate) const ACTS: [(&str, &str); 4] = [
    ("unknown_field", "unknown_field"),
    ("rounded", "rounding"),
    ("ambiguous_union", "ambiguous_union"),
    ("timestamp_unit", "timestamp_unit"),
];

/// The reason for giving up where the slow way takes too long. It says nothing about the record.
pub(crate) const TOO_SLOW: &str = "too_slow";
const MOST_VALUES: u32 = 100_000;

/// Whether no other branch of a union is tried.
fn is_final(reason: &str) -> bool {
    matches!(reason, "pending_default" | TOO_SLOW)
}

/// One value's Avro, and what was lossy about it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Encoded {
    pub(crate) avro: Vec<u8>,
    pub(crate) acts: BTreeMap<&'static str, u64>,
}

type Outcome = Result<Encoded, &'static str>;

impl Encoded {
    fn of(avro: Vec<u8>) -> Outcome {
        Ok(Self { avro, acts: BTreeMap::new() })
    }

    fn append(&mut self, other: Self) {
        self.avro.extend(other.avro);
        for (act, count) in other.acts {
            *self.acts.entry(act).or_default() += count;
        }
    }
}

/// The encoder of one schema.
pub(crate) struct Reference {
    pub(crate) schema: Schema,
    options: Options,
    /// For each field of each record.
    defaults: Vec<Vec<RefCell<DefaultState>>>,
    /// Values that may still be looked at in this record: tries within tries multiply.
    left: Cell<u32>,
}

enum DefaultState {
    None,
    Given,
    /// Just being encoded: it needs itself if it is needed now.
    Begun,
    Invalid,
    Avro(Vec<u8>),
}

/// How values are read just now.
#[derive(Clone, Copy)]
struct Mode<'a> {
    unions: Unions,
    /// Whether every lossy act is refused: in the first tries at a union.
    lossless: bool,
    /// Whether `1.0` is no integer: in the very first try a number with a point is a double.
    as_written: bool,
    refused: &'a [&'static str],
}

impl Reference {
    pub(crate) fn new(schema: &str, references: &[String], options: &Options) -> Option<Self> {
        let schema = Schema::parse(schema, references)?;
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
        self.value(&self.schema.root, &Json::parse(json)?, self.mode(self.options.unions))
    }

    fn mode(&self, unions: Unions) -> Mode<'_> {
        Mode { unions, lossless: false, as_written: false, refused: &self.options.refused }
    }

    /// An act that loses something: counted, or the reason for a refusal.
    fn act(encoded: &mut Encoded, act: &'static str, mode: Mode<'_>) -> Result<(), &'static str> {
        if mode.lossless || mode.refused.contains(&act) {
            return Err(ACTS.iter().find(|(name, _)| *name == act).unwrap().1);
        }
        *encoded.acts.entry(act).or_default() += 1;
        Ok(())
    }

    fn value(&self, kind: &Type, json: &Json, mode: Mode<'_>) -> Outcome {
        self.left.set(self.left.get().checked_sub(1).ok_or(TOO_SLOW)?);
        match (kind, json) {
            (Type::Null, Json::Null) => Encoded::of(Vec::new()),
            (Type::Boolean, Json::Boolean(value)) => Encoded::of(vec![u8::from(*value)]),
            (Type::Int(time) | Type::Long(time), Json::Number(text)) => {
                integer(text, matches!(kind, Type::Int(_)), *time, mode)
            }
            (Type::Int(Some(time)) | Type::Long(Some(time)), Json::String(text)) => {
                Encoded::of(long(time.parse(text)?))
            }
            (Type::Double, Json::Number(text)) => {
                let (value, lost) = number::double(text)?;
                floating(value.to_le_bytes().to_vec(), lost, mode)
            }
            (Type::Float, Json::Number(text)) => {
                let (value, lost) = number::float(text)?;
                floating(value.to_le_bytes().to_vec(), lost, mode)
            }
            (Type::String, Json::String(text)) => Encoded::of(sized(text.as_bytes())),
            (Type::Uuid, Json::String(text)) if is_uuid(text) => Encoded::of(sized(text.as_bytes())),
            (Type::Uuid, Json::String(_)) => Err("uuid"),
            (Type::Bytes, Json::String(text)) => Encoded::of(sized(&latin1(text)?)),
            (Type::Fixed(_, size), Json::String(text)) => {
                let bytes = latin1(text)?;
                if bytes.len() == *size { Encoded::of(bytes) } else { Err("fixed_size") }
            }
            (Type::Decimal { precision, scale, fixed }, Json::Number(text)) => {
                let unscaled = number::unscaled(text, *precision, *scale)?;
                decimal(&unscaled, *precision, fixed.as_ref().map(|(_, size)| *size))
            }
            (Type::Decimal { precision, fixed, .. }, Json::String(text)) => {
                let bytes = latin1(text)?;
                let fixed = fixed.as_ref().map(|(_, size)| *size);
                if fixed.is_some_and(|size| size != bytes.len()) {
                    return Err("fixed_size");
                }
                let printable = bytes.iter().all(|byte| (b' '..=b'~').contains(byte));
                if printable && (bytes.len() != 1 || bytes[0].is_ascii_digit()) {
                    return Err("decimal_text");
                }
                decimal(&BigInt::from_signed_bytes_be(&bytes), *precision, fixed)
            }
            (Type::Enum(_, symbols), Json::String(text)) => {
                let index = symbols.iter().position(|symbol| symbol == text).ok_or("unknown_symbol")?;
                Encoded::of(long(index as i64))
            }
            (Type::Array(items), Json::Array(elements)) => self.array(items, elements, mode),
            (Type::Map(values), Json::Object(members)) => self.map(values, members, mode),
            (Type::Record(index), Json::Object(members)) => self.record(*index, members, mode),
            (Type::Union(branches), _) => match (mode.unions, json) {
                (Unions::Plain, _) => self.by_kind(branches, json, mode),
                (Unions::Tagged, _) => self.by_tag(branches, json, mode),
                (Unions::Auto, Json::Object(members)) => self.either(branches, json, members, mode),
                (Unions::Auto, _) => self.by_kind(branches, json, mode),
            },
            _ => Err("wrong_type"),
        }
    }

    fn array(&self, items: &Type, elements: &[Json], mode: Mode<'_>) -> Outcome {
        let mut block = Encoded::default();
        if !elements.is_empty() {
            block.avro = long(elements.len() as i64);
        }
        for element in elements {
            block.append(self.value(items, element, mode)?);
        }
        block.avro.push(0);
        Ok(block)
    }

    fn map(&self, values: &Type, members: &[(String, Json)], mode: Mode<'_>) -> Outcome {
        let mut block = Encoded::default();
        if !members.is_empty() {
            block.avro = long(members.len() as i64);
        }
        for (key, value) in members {
            block.avro.extend(sized(key.as_bytes()));
            block.append(self.value(values, value, mode)?);
        }
        let twice =
            |(index, (key, _)): (usize, &(String, Json))| members[..index].iter().any(|(other, _)| other == key);
        if members.iter().enumerate().any(twice) {
            return Err("duplicate_key");
        }
        block.avro.push(0);
        Ok(block)
    }

    fn record(&self, index: usize, members: &[(String, Json)], mode: Mode<'_>) -> Outcome {
        let fields = &self.schema.records[index].fields;
        let mut given: Vec<Option<Encoded>> = fields.iter().map(|_| None).collect();
        let mut record = Encoded::default();
        for (key, value) in members {
            match fields.iter().position(|field| field.name == *key) {
                Some(position) if given[position].is_some() => return Err("duplicate_key"),
                Some(position) => given[position] = Some(self.value(&fields[position].kind, value, mode)?),
                None => Self::act(&mut record, "unknown_field", mode)?,
            }
        }
        for (position, value) in given.into_iter().enumerate() {
            match value {
                Some(value) => record.append(value),
                None => {
                    record.avro.extend(self.default(index, position)?);
                    *record.acts.entry("default_filled").or_default() += 1;
                }
            }
        }
        Ok(record)
    }

    /// A field's default as Avro.
    fn default(&self, record: usize, field: usize) -> Result<Vec<u8>, &'static str> {
        let cell = &self.defaults[record][field];
        match &*cell.borrow() {
            DefaultState::None => return Err("missing_field"),
            DefaultState::Invalid => return Err("invalid_default"),
            DefaultState::Begun => return Err("pending_default"),
            DefaultState::Avro(avro) => return Ok(avro.clone()),
            DefaultState::Given => {}
        }
        cell.replace(DefaultState::Begun);
        let field = &self.schema.records[record].fields[field];
        let json = field.default.as_ref().ok_or("missing_field")?;
        let encoded = self.value(&field.kind, json, self.mode(Unions::Plain));
        cell.replace(
            encoded.as_ref().map_or(DefaultState::Invalid, |encoded| DefaultState::Avro(encoded.avro.clone())),
        );
        encoded.map(|encoded| encoded.avro).map_err(|_| "invalid_default")
    }

    /// A union whose branch the JSON kind tells.
    fn by_kind(&self, branches: &[Type], json: &Json, mode: Mode<'_>) -> Outcome {
        let takers = |always: bool| -> Vec<usize> {
            (0..branches.len()).filter(|branch| takes(&branches[*branch], json, always)).collect()
        };
        let mut candidates = takers(true);
        if candidates.is_empty() {
            candidates = takers(false);
        }
        if candidates.is_empty() {
            return Err("wrong_type");
        }
        if let [only] = candidates[..] {
            return self.branch(branches, only, json, mode);
        }
        let lossless = Mode { lossless: true, ..mode };
        for mode in [Mode { as_written: true, ..lossless }, lossless, mode] {
            for branch in &candidates {
                match self.branch(branches, *branch, json, mode) {
                    Err(reason) if is_final(reason) => return Err(reason),
                    Err(_) => {}
                    taken => return taken,
                }
            }
        }
        Err("no_branch")
    }

    fn branch(&self, branches: &[Type], index: usize, json: &Json, mode: Mode<'_>) -> Outcome {
        let mut union = Encoded { avro: long(index as i64), acts: BTreeMap::new() };
        union.append(self.value(&branches[index], json, mode)?);
        Ok(union)
    }

    /// A union whose branch the JSON names.
    fn by_tag(&self, branches: &[Type], json: &Json, mode: Mode<'_>) -> Outcome {
        let named = |tag: &str| branches.iter().position(|branch| self.schema.tag(branch) == tag);
        match json {
            Json::Null => self.branch(branches, named("null").ok_or("wrong_type")?, json, mode),
            Json::Object(members) => {
                let (tag, value) = members.first().ok_or("no_branch")?;
                let index = named(tag).filter(|_| tag != "null").ok_or("no_branch")?;
                let union = self.branch(branches, index, value, mode)?;
                if members.len() == 1 { Ok(union) } else { Err("no_branch") }
            }
            _ => Err("wrong_type"),
        }
    }

    /// An object that names its branch, or does not.
    fn either(&self, branches: &[Type], json: &Json, members: &[(String, Json)], mode: Mode<'_>) -> Outcome {
        if !branches.iter().any(|branch| takes(branch, json, true)) {
            return self.by_tag(branches, json, mode);
        }
        if !members.first().is_some_and(|(key, _)| branches.iter().any(|branch| self.schema.tag(branch) == *key)) {
            return self.by_kind(branches, json, mode);
        }
        let mut tagged = match self.by_tag(branches, json, mode) {
            Ok(tagged) => tagged,
            Err(reason) if is_final(reason) => return Err(reason),
            Err(_) => return self.by_kind(branches, json, mode),
        };
        match self.by_kind(branches, json, mode) {
            Ok(_) => Self::act(&mut tagged, "ambiguous_union", mode)?,
            Err(reason) if is_final(reason) => return Err(reason),
            Err(_) => {}
        }
        Ok(tagged)
    }
}

/// Whether a branch takes values of this JSON kind: always, or where no other branch does.
fn takes(branch: &Type, json: &Json, always: bool) -> bool {
    match (branch, json) {
        (Type::Null, Json::Null) | (Type::Boolean, Json::Boolean(_)) | (Type::Array(_), Json::Array(_)) => true,
        (Type::Map(_) | Type::Record(_), Json::Object(_)) => true,
        (Type::Int(_) | Type::Long(_) | Type::Float | Type::Double | Type::Decimal { .. }, Json::Number(_)) => true,
        (Type::String | Type::Uuid | Type::Bytes | Type::Fixed(..) | Type::Enum(..), Json::String(_)) => true,
        (Type::Decimal { .. } | Type::Int(Some(_)) | Type::Long(Some(_)), Json::String(_)) => !always,
        _ => false,
    }
}

fn integer(text: &str, is_int: bool, time: Option<Time>, mode: Mode<'_>) -> Outcome {
    if mode.as_written && text.contains(['.', 'e', 'E']) {
        return Err("not_an_integer");
    }
    let value = number::long(text)?;
    if is_int && i32::try_from(value).is_err() {
        return Err("out_of_range");
    }
    let mut encoded = Encoded { avro: long(value), acts: BTreeMap::new() };
    if time.is_some_and(|time| time.doubtful(value)) {
        Reference::act(&mut encoded, "timestamp_unit", mode)?;
    }
    Ok(encoded)
}

fn floating(avro: Vec<u8>, lost: bool, mode: Mode<'_>) -> Outcome {
    let mut encoded = Encoded { avro, acts: BTreeMap::new() };
    if lost {
        Reference::act(&mut encoded, "rounded", mode)?;
    }
    Ok(encoded)
}

fn decimal(unscaled: &BigInt, precision: u32, fixed: Option<usize>) -> Outcome {
    if unscaled.magnitude().to_string().len() > precision as usize {
        return Err("decimal_precision");
    }
    let bytes = unscaled.to_signed_bytes_be();
    let Some(size) = fixed else { return Encoded::of(sized(&bytes)) };
    let sign = if *unscaled < BigInt::ZERO { 0xff } else { 0 };
    Encoded::of([vec![sign; size - bytes.len()], bytes].concat())
}
