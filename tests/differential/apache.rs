//! Apache's own library as a reader of our bytes.
//!
//! Comes in: a datum, its schema, and the same datum as our JSON, values with the names of their branches. Goes out: what
//! the two read differently. Schemas that Apache's library does not take are left out.

use crate::reference::number::Exact;
use crate::reference::{Json, Schema, Spelling, Type, scalar};
use apache_avro::types::Value;
use num_bigint::BigInt;

pub(crate) struct Apache {
    schema: apache_avro::Schema,
    /// Whether raw bytes may stand for a big decimal, which they need not be.
    raw: bool,
}

impl Apache {
    /// None where Apache's library does not take the schema.
    pub(crate) fn new(schema: &str) -> Option<Self> {
        let raw = schema.contains("big-decimal");
        apache_avro::Schema::parse_str(schema).ok().map(|schema| Self { schema, raw })
    }

    pub(crate) fn compare(&self, schema: &Schema, datum: &[u8], json: &Json) -> Result<(), String> {
        let reader = apache_avro::reader::datum::GenericDatumReader::builder(&self.schema).build();
        let reader = reader.map_err(|error| error.to_string())?;
        let mut rest = datum;
        let value = match reader.read_value(&mut rest) {
            Err(_) if self.raw => return Ok(()),
            read => read.map_err(|error| format!("Apache's reader: {error}"))?,
        };
        if !rest.is_empty() {
            return Err(format!("Apache's reader leaves {} bytes", rest.len()));
        }
        same(schema, &schema.root, &value, json)
    }
}

fn same(schema: &Schema, kind: &Type, value: &Value, json: &Json) -> Result<(), String> {
    let right = match (kind, value, json) {
        (Type::Union(branches), Value::Union(index, value), _) => {
            let branch = &branches[*index as usize];
            return match (branch, json) {
                (Type::Null, _) => same(schema, branch, value, json),
                (_, Json::Object(members)) if members.len() == 1 && members[0].0 == schema.tag(branch) => {
                    same(schema, branch, value, &members[0].1)
                }
                _ => Err(format!("{json:?} is {value:?} to Apache's reader")),
            };
        }
        (Type::Array(items), Value::Array(values), Json::Array(elements)) if values.len() == elements.len() => {
            return values.iter().zip(elements.iter()).try_for_each(|(value, json)| same(schema, items, value, json));
        }
        (Type::Map(kind), Value::Map(values), Json::Object(members)) if values.len() == members.len() => {
            return members.iter().try_for_each(|(key, json)| match values.get(key) {
                Some(value) => same(schema, kind, value, json),
                None => Err(format!("{key} is not there to Apache's reader")),
            });
        }
        (Type::Record(index), Value::Record(values), Json::Object(members)) if values.len() == members.len() => {
            let fields = &schema.records[*index].fields;
            return fields
                .iter()
                .zip(values.iter().zip(members.iter()))
                .try_for_each(|(field, ((_, value), (_, json)))| same(schema, &field.kind, value, json));
        }
        (_, Value::Null, Json::Null) => true,
        (_, Value::Boolean(value), Json::Boolean(json)) => value == json,
        (_, Value::Int(value) | Value::Date(value) | Value::TimeMillis(value), Json::Number(json)) => {
            value.to_string() == *json
        }
        (
            _,
            Value::Long(value)
            | Value::TimeMicros(value)
            | Value::TimestampMillis(value)
            | Value::TimestampMicros(value)
            | Value::TimestampNanos(value)
            | Value::LocalTimestampMillis(value)
            | Value::LocalTimestampMicros(value)
            | Value::LocalTimestampNanos(value),
            Json::Number(json),
        ) => value.to_string() == *json,
        (_, Value::Float(value), Json::Number(json)) => json.parse::<f32>().unwrap().to_bits() == value.to_bits(),
        (_, Value::Double(value), Json::Number(json)) => json.parse::<f64>().unwrap().to_bits() == value.to_bits(),
        (_, Value::Float(value), Json::String(json)) => value.is_nan() && json == "NaN",
        (_, Value::Double(value), Json::String(json)) => value.is_nan() && json == "NaN",
        (_, Value::String(value), Json::String(json)) | (_, Value::Enum(_, value), Json::String(json)) => value == json,
        (_, Value::Uuid(value), Json::String(json)) => value.to_string() == json.to_lowercase(),
        (_, Value::Bytes(bytes) | Value::Fixed(_, bytes), Json::String(json)) => {
            bytes.iter().map(|byte| char::from(*byte)).eq(json.chars())
        }
        (Type::Decimal { scale, .. }, Value::Decimal(value), Json::Number(json)) => {
            let unscaled = BigInt::from(value.clone());
            Exact::new(&format!("{unscaled}e-{scale}")).equals(&Exact::new(json))
        }
        (Type::Duration(_), Value::Duration(value), Json::String(json)) => {
            scalar::duration(json, Spelling::Latin1).is_ok_and(|(bytes, _)| bytes == <[u8; 12]>::from(*value))
        }
        // Raw bytes with more behind the number, which Apache's library does not mind.
        (Type::BigDecimal, Value::BigDecimal(_), Json::String(_)) => true,
        (Type::BigDecimal, Value::BigDecimal(value), Json::Number(json)) => {
            let (unscaled, scale) = value.as_bigint_and_exponent();
            Exact::new(&format!("{unscaled}e{}", -scale)).equals(&Exact::new(json))
        }
        // Apache's library takes a precision that the bytes cannot hold.
        (Type::Bytes | Type::Fixed(..), Value::Decimal(value), Json::String(json)) => {
            let bytes = Vec::<u8>::try_from(value).map_err(|error| error.to_string())?;
            bytes.iter().map(|byte| char::from(*byte)).eq(json.chars())
        }
        // What Apache's library reads as bytes because it does not know, or not take, the logical type.
        (Type::Decimal { scale, .. }, Value::Bytes(bytes) | Value::Fixed(_, bytes), Json::Number(json)) => {
            Exact::new(&format!("{}e-{scale}", BigInt::from_signed_bytes_be(bytes))).equals(&Exact::new(json))
        }
        _ => false,
    };
    if right { Ok(()) } else { Err(format!("{json:?} is {value:?} to Apache's reader")) }
}
