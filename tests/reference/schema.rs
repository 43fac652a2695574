//! An Avro schema (specification 1.12) as a tree of types; records by number, so that a type may hold itself.
//!
//! Comes in: a schema's text and those that it refers to. Goes out: the types, with defaults as JSON. Must never: be asked
//! whether a schema is valid; what it does not understand is an error without a reason.

use super::json::Json;
use super::time::Time;
use num_bigint::BigInt;
use std::collections::HashMap;

/// A type.
#[derive(Clone, Debug)]
pub(crate) enum Type {
    Null,
    Boolean,
    Int(Option<Time>),
    Long(Option<Time>),
    Float,
    Double,
    String,
    Uuid,
    Bytes,
    Fixed(String, usize),
    /// `fixed` of 16 bytes with the logical type `uuid`.
    UuidFixed(String),
    /// `fixed` of 12 bytes with the logical type `duration`.
    Duration(String),
    BigDecimal,
    Decimal {
        precision: u32,
        scale: u32,
        /// The `fixed` below it, its name and size.
        fixed: Option<(String, usize)>,
    },
    /// Name, symbols and the default's number.
    Enum(String, Vec<String>, Option<usize>),
    Array(Box<Self>),
    Map(Box<Self>),
    /// Index into `Schema::records`.
    Record(usize),
    Union(Vec<Self>),
}

#[derive(Debug)]
pub(crate) struct Field {
    pub(crate) name: String,
    pub(crate) aliases: Vec<String>,
    pub(crate) kind: Type,
    pub(crate) default: Option<Json>,
}

#[derive(Debug)]
pub(crate) struct Record {
    pub(crate) name: String,
    pub(crate) fields: Vec<Field>,
}

#[derive(Debug)]
pub(crate) struct Schema {
    pub(crate) root: Type,
    pub(crate) records: Vec<Record>,
}

impl Schema {
    /// Reads a schema and those it refers to, dependencies first.
    pub(crate) fn parse(schema: &str, references: &[String]) -> Option<Self> {
        let mut reader = Reader::default();
        for reference in references {
            reader.kind(&Json::parse(reference.as_bytes()).ok()?, "")?;
        }
        let root = reader.kind(&Json::parse(schema.as_bytes()).ok()?, "")?;
        Some(Self { root, records: reader.records })
    }

    /// The name that a branch of a union has in Avro's JSON encoding.
    pub(crate) fn tag(&self, kind: &Type) -> String {
        let word = match kind {
            Type::Null => "null",
            Type::Boolean => "boolean",
            Type::Int(_) => "int",
            Type::Long(_) => "long",
            Type::Float => "float",
            Type::Double => "double",
            Type::String | Type::Uuid => "string",
            Type::Bytes | Type::BigDecimal | Type::Decimal { fixed: None, .. } => "bytes",
            Type::Array(_) => "array",
            Type::Map(_) => "map",
            Type::Union(_) => "a union",
            Type::Fixed(name, _) | Type::UuidFixed(name) | Type::Duration(name) | Type::Enum(name, ..) => name,
            Type::Decimal { fixed: Some((name, _)), .. } => name,
            Type::Record(index) => &self.records[*index].name,
        };
        word.to_owned()
    }
}

#[derive(Default)]
struct Reader {
    names: HashMap<String, Type>,
    records: Vec<Record>,
}

impl Reader {
    fn kind(&mut self, schema: &Json, namespace: &str) -> Option<Type> {
        match schema {
            Json::String(name) => self.named(name, namespace),
            Json::Array(branches) => {
                branches.iter().map(|branch| self.kind(branch, namespace)).collect::<Option<_>>().map(Type::Union)
            }
            Json::Object(_) => match schema.get("type")? {
                Json::String(name) => self.object(name, schema, namespace),
                nested => self.kind(nested, namespace),
            },
            _ => None,
        }
    }

    fn named(&self, name: &str, namespace: &str) -> Option<Type> {
        if let Some(primitive) = primitive(name) {
            return Some(primitive);
        }
        let full = if name.contains('.') { name.to_owned() } else { qualified(namespace, name) };
        self.names.get(&full).or_else(|| self.names.get(name)).cloned()
    }

    fn object(&mut self, kind: &str, schema: &Json, namespace: &str) -> Option<Type> {
        let logical = schema.get("logicalType").and_then(Json::text).unwrap_or_default();
        match kind {
            "record" | "error" => return self.record(schema, namespace),
            "enum" => {
                let name = full_name(schema, namespace)?;
                let symbols = schema.get("symbols")?.elements()?.iter();
                let symbols = symbols.map(|symbol| symbol.text().map(str::to_owned)).collect::<Option<Vec<_>>>()?;
                let default = match schema.get("default") {
                    None => None,
                    Some(default) => Some(symbols.iter().position(|symbol| default.text() == Some(symbol))?),
                };
                return self.define(&name.clone(), Type::Enum(name, symbols, default));
            }
            "fixed" => {
                let name = full_name(schema, namespace)?;
                let size = schema.get("size")?.whole()? as usize;
                let fixed = match (logical, size) {
                    ("uuid", 16) => Type::UuidFixed(name.clone()),
                    ("duration", 12) => Type::Duration(name.clone()),
                    _ => Type::Fixed(name.clone(), size),
                };
                let decimal = if logical == "decimal" { decimal(schema, Some((name.clone(), size))) } else { None };
                return self.define(&name, decimal.unwrap_or(fixed));
            }
            "array" => return Some(Type::Array(Box::new(self.kind(schema.get("items")?, namespace)?))),
            "map" => return Some(Type::Map(Box::new(self.kind(schema.get("values")?, namespace)?))),
            _ => {}
        }
        Some(match (self.named(kind, namespace)?, logical) {
            (Type::Int(None), _) => Type::Int(Time::named(logical, "int")),
            (Type::Long(None), _) => Type::Long(Time::named(logical, "long")),
            (Type::String, "uuid") => Type::Uuid,
            (Type::Bytes, "decimal") => decimal(schema, None).unwrap_or(Type::Bytes),
            (Type::Bytes, "big-decimal") => Type::BigDecimal,
            (kind, _) => kind,
        })
    }

    fn record(&mut self, schema: &Json, namespace: &str) -> Option<Type> {
        let name = full_name(schema, namespace)?;
        let index = self.records.len();
        self.records.push(Record { name: name.clone(), fields: Vec::new() });
        self.define(&name, Type::Record(index));
        let namespace = name.rsplit_once('.').map_or("", |(namespace, _)| namespace);
        for field in schema.get("fields")?.elements()? {
            let kind = self.kind(field.get("type")?, namespace)?;
            let name = field.get("name")?.text()?.to_owned();
            let aliases = field.get("aliases").and_then(Json::elements).unwrap_or_default();
            let aliases = aliases.iter().filter_map(Json::text).map(str::to_owned).collect();
            self.records[index].fields.push(Field { name, aliases, kind, default: field.get("default").cloned() });
        }
        Some(Type::Record(index))
    }

    fn define(&mut self, name: &str, kind: Type) -> Option<Type> {
        self.names.insert(name.to_owned(), kind.clone());
        Some(kind)
    }
}

fn primitive(name: &str) -> Option<Type> {
    Some(match name {
        "null" => Type::Null,
        "boolean" => Type::Boolean,
        "int" => Type::Int(None),
        "long" => Type::Long(None),
        "float" => Type::Float,
        "double" => Type::Double,
        "string" => Type::String,
        "bytes" => Type::Bytes,
        _ => return None,
    })
}

/// None if precision and scale are not valid: then the logical type is ignored.
fn decimal(schema: &Json, fixed: Option<(String, usize)>) -> Option<Type> {
    let precision = u32::try_from(schema.get("precision")?.whole()?).ok()?;
    let scale = match schema.get("scale") {
        None => 0,
        Some(scale) => u32::try_from(scale.whole()?).ok()?,
    };
    // The largest number of so many digits must fit two's complement of so many bytes.
    let fits = |size: usize| {
        let bits = (8 * size).min(1 << 16) as u32;
        bits > 0
            && 3 * u64::from(precision) < u64::from(bits)
            && BigInt::from(10).pow(precision) <= BigInt::from(2).pow(bits - 1)
    };
    let valid = precision > 0 && scale <= precision && fixed.as_ref().is_none_or(|(_, size)| fits(*size));
    valid.then_some(Type::Decimal { precision, scale, fixed })
}

fn full_name(schema: &Json, around: &str) -> Option<String> {
    let name = schema.get("name")?.text()?;
    if name.contains('.') {
        return Some(name.trim_start_matches('.').to_owned());
    }
    let namespace = schema.get("namespace").and_then(Json::text).unwrap_or(around);
    Some(qualified(namespace, name))
}

fn qualified(namespace: &str, name: &str) -> String {
    if namespace.is_empty() { name.to_owned() } else { format!("{namespace}.{name}") }
}
