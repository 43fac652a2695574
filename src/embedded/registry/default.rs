//! Whether a field's default is a value of the field's type, as Avro Java decides it when a schema is new.
//!
//! Comes in: a type and a default. Goes out: yes or no. Must never: look into a record that is still being read; its
//! own default could not come before it.

use super::schema::{Definition, Named, Primitive, Type};
use serde_json::Value;

/// Whether the default fits. That of a union may be of any branch; a record may leave fields out that have defaults,
/// which were looked at when they were read.
pub(super) fn fits(named: &[Named], of: &Type, default: &Value) -> bool {
    match (of, default) {
        (Type::Primitive(primitive), _) => fits_primitive(*primitive, default),
        (Type::Array(items), Value::Array(values)) => values.iter().all(|value| fits(named, items, value)),
        (Type::Map(inner), Value::Object(members)) => members.values().all(|value| fits(named, inner, value)),
        (Type::Union(branches), _) => branches.iter().any(|branch| fits(named, branch, default)),
        (Type::Named(place), _) => match (named.get(*place).map(|named| &named.definition), default) {
            (Some(Definition::Enum { .. } | Definition::Fixed { .. }), _) => default.is_string(),
            (Some(Definition::Record { fields, .. }), Value::Object(members)) => {
                fields.iter().all(|field| match members.get(&field.name) {
                    Some(value) => fits(named, &field.schema, value),
                    None => field.has_default,
                })
            }
            _ => false,
        },
        _ => false,
    }
}

fn fits_primitive(primitive: Primitive, default: &Value) -> bool {
    match primitive {
        Primitive::Null => default.is_null(),
        Primitive::Boolean => default.is_boolean(),
        Primitive::Int => default.as_i64().is_some_and(|number| i32::try_from(number).is_ok()),
        Primitive::Long => default.as_i64().is_some(),
        Primitive::Float | Primitive::Double => default.is_number(),
        Primitive::Bytes | Primitive::String => default.is_string(),
    }
}

/// `"NaN"` and the like: Avro Java reads a text as the default of a field that is a float or a double.
pub(super) fn is_number_as_text(of: &Type, default: &Value) -> bool {
    matches!(of, Type::Primitive(Primitive::Float | Primitive::Double))
        && default.as_str().is_some_and(|text| text.parse::<f64>().is_ok())
}
