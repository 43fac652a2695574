//! One Avro schema as the registry knows it: its canonical text, and the types that compatibility is decided on.
//!
//! What a schema may say is decided by the front end of `transcoder`, defaults included, so that nothing is registered
//! here that the rest of the program does not take. The walk after it writes the canonical text and keeps what schema
//! resolution asks for and the transcoder has no use for: aliases, and which fields and enums have defaults.
//!
//! Comes in: a schema's text and those it refers to. Goes out: a [`Schema`]. Must never: take what Confluent's parser
//! (Avro Java) does not, lose an attribute that Avro Java keeps.

use super::canonical::Text;
use super::default;
use crate::transcoder::{Options, Plan};
use serde_json::{Map, Value};
use std::collections::HashMap;

/// A schema with the types that it refers to.
#[derive(Debug)]
pub(super) struct Schema {
    /// The canonical text, its own alone.
    pub(super) text: String,
    pub(super) root: Type,
    /// What [`Type::Named`] counts into; those of the references come first.
    pub(super) named: Vec<Named>,
}

/// A type. Logical types do not matter to schema resolution.
#[derive(Debug)]
pub(super) enum Type {
    Primitive(Primitive),
    Array(Box<Type>),
    Map(Box<Type>),
    Union(Vec<Type>),
    Named(usize),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Primitive {
    Null,
    Boolean,
    Int,
    Long,
    Float,
    Double,
    Bytes,
    String,
}

/// A type with a name.
#[derive(Debug)]
pub(super) struct Named {
    pub(super) name: Name,
    /// Full names.
    pub(super) aliases: Vec<String>,
    pub(super) definition: Definition,
}

#[derive(Debug)]
pub(super) enum Definition {
    /// Still being read, and referred to from within.
    Pending,
    Record {
        fields: Vec<Field>,
        positions: HashMap<String, usize>,
    },
    Enum {
        symbols: Vec<String>,
        has_default: bool,
    },
    Fixed {
        size: u64,
    },
}

#[derive(Debug)]
pub(super) struct Field {
    pub(super) name: String,
    pub(super) aliases: Vec<String>,
    pub(super) has_default: bool,
    pub(super) schema: Type,
}

/// A named type's name and namespace; an empty namespace is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Name {
    pub(super) own: String,
    pub(super) namespace: String,
}

impl Name {
    /// A name as written, in the namespace around it; its own dots win.
    fn new(written: &str, namespace: &str) -> Self {
        let (namespace, own) = written.rsplit_once('.').unwrap_or((namespace, written));
        Self { own: own.to_owned(), namespace: namespace.to_owned() }
    }

    pub(super) fn full(&self) -> String {
        if self.namespace.is_empty() { self.own.clone() } else { format!("{}.{}", self.namespace, self.own) }
    }
}

impl Schema {
    /// Reads a schema. `references` are the texts that it refers to, dependencies first. Names and defaults are looked
    /// at closely where it is `new`, not where it is only looked for.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub(super) fn parse(text: &str, references: &[String], new: bool) -> Result<Self, String> {
        Plan::compile(text, references, &Options::default()).map_err(|error| error.to_string())?;
        let mut walk = Walk::default();
        for reference in references {
            walk.schema(reference)?;
        }
        walk.text = Text::default();
        walk.strict = new;
        let root = walk.schema(text)?;
        Ok(Self { text: walk.text.into_string(), root, named: walk.named })
    }
}

impl Primitive {
    fn named(name: &str) -> Option<Self> {
        Some(match name {
            "null" => Self::Null,
            "boolean" => Self::Boolean,
            "int" => Self::Int,
            "long" => Self::Long,
            "float" => Self::Float,
            "double" => Self::Double,
            "bytes" => Self::Bytes,
            "string" => Self::String,
            _ => return None,
        })
    }
}

/// From JSON to types and canonical text in one pass. The names are resolved by the rules of the transcoder's front
/// end.
#[derive(Default)]
struct Walk {
    named: Vec<Named>,
    /// Places in `named` by full name.
    places: HashMap<String, usize>,
    text: Text,
    /// As Confluent's `schema.validate.new.schemas`, which is on unless someone turns it off.
    strict: bool,
}

impl Walk {
    fn schema(&mut self, text: &str) -> Result<Type, String> {
        let schema = serde_json::from_str(text).map_err(|error| format!("no JSON: {error}"))?;
        self.walk(&schema, "")
    }

    fn walk(&mut self, schema: &Value, namespace: &str) -> Result<Type, String> {
        match schema {
            Value::String(name) => self.reference(name, namespace),
            Value::Array(branches) => {
                let mut types = Vec::new();
                self.text.open('[');
                for branch in branches {
                    self.text.element();
                    types.push(self.walk(branch, namespace)?);
                }
                self.text.close(']');
                Ok(Type::Union(types))
            }
            Value::Object(attributes) => self.object(attributes, namespace),
            _ => Err("a schema is a name, an object or an array".to_owned()),
        }
    }

    fn object(&mut self, attributes: &Map<String, Value>, namespace: &str) -> Result<Type, String> {
        // Avro Java takes no schema inside `type` either, though the specification leaves room for it.
        let Some(name) = attributes.get("type").and_then(Value::as_str) else {
            return Err("No type: an object's `type` is a name".to_owned());
        };
        match name {
            "record" | "error" | "enum" | "fixed" => self.define(name, attributes, namespace),
            "array" => self.container("array", "items", attributes, namespace).map(|inner| Type::Array(inner.into())),
            "map" => self.container("map", "values", attributes, namespace).map(|inner| Type::Map(inner.into())),
            _ => match Primitive::named(name) {
                Some(primitive) => {
                    self.text.primitive(name, attributes);
                    Ok(Type::Primitive(primitive))
                }
                None => self.reference(name, namespace),
            },
        }
    }

    fn container(
        &mut self,
        name: &str,
        inner: &str,
        attributes: &Map<String, Value>,
        namespace: &str,
    ) -> Result<Type, String> {
        self.text.open('{');
        self.text.member("type", &Value::from(name));
        self.text.key(inner);
        let schema = self.walk(attributes.get(inner).unwrap_or(&Value::Null), namespace)?;
        self.text.properties(attributes, name);
        self.text.close('}');
        Ok(schema)
    }

    fn reference(&mut self, name: &str, namespace: &str) -> Result<Type, String> {
        if let Some(primitive) = Primitive::named(name) {
            self.text.string(name);
            return Ok(Type::Primitive(primitive));
        }
        let full = Name::new(name, namespace).full();
        let place = self.places.get(&full).or_else(|| self.places.get(name)).copied();
        let found = place.and_then(|place| Some((place, self.named.get(place)?)));
        let Some((place, named)) = found else { return Err(format!("`{full}` is no type that is defined")) };
        self.text.qualified(&named.name, namespace);
        Ok(Type::Named(place))
    }

    fn define(&mut self, kind: &str, attributes: &Map<String, Value>, around: &str) -> Result<Type, String> {
        let own = attributes.get("namespace").and_then(Value::as_str);
        let written = attributes.get("name").and_then(Value::as_str).unwrap_or_default();
        let name = Name::new(written, own.unwrap_or(around));
        self.check_name(&name.own)?;
        let aliases = strings(attributes.get("aliases"), "aliases")?;
        let full_aliases = aliases.iter().map(|alias| Name::new(alias, &name.namespace).full()).collect();
        let place = self.named.len();
        self.places.insert(name.full(), place);
        // A record is known before its fields, which may refer to it.
        self.named.push(Named { name: name.clone(), aliases: full_aliases, definition: Definition::Pending });

        self.text.open('{');
        self.text.member("type", &Value::from(kind));
        self.text.name(&name, around);
        self.text.doc(attributes);
        let definition = self.definition(kind, attributes, &name.namespace)?;
        self.text.properties(attributes, kind);
        self.text.aliases(aliases.iter().map(|alias| Name::new(alias, &name.namespace)), &name.namespace);
        self.text.close('}');
        if let Some(named) = self.named.get_mut(place) {
            named.definition = definition;
        }
        Ok(Type::Named(place))
    }

    fn definition(
        &mut self,
        kind: &str,
        attributes: &Map<String, Value>,
        namespace: &str,
    ) -> Result<Definition, String> {
        match kind {
            "enum" => {
                let symbols = strings(attributes.get("symbols"), "symbols")?;
                symbols.iter().try_for_each(|symbol| self.check_name(symbol))?;
                self.text.member("symbols", &Value::from(symbols.clone()));
                let default = attributes.get("default");
                default.iter().for_each(|default| self.text.member("default", default));
                Ok(Definition::Enum { symbols, has_default: default.is_some() })
            }
            "fixed" => {
                let size = attributes.get("size").and_then(Value::as_u64).unwrap_or_default();
                self.text.member("size", &Value::from(size));
                Ok(Definition::Fixed { size })
            }
            _ => {
                let written = attributes.get("fields").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
                let mut fields = Vec::new();
                self.text.key("fields");
                self.text.open('[');
                for field in written {
                    self.text.element();
                    fields.push(self.field(field, namespace)?);
                }
                self.text.close(']');
                let positions = fields.iter().enumerate().map(|(at, field): (_, &Field)| (field.name.clone(), at));
                Ok(Definition::Record { positions: positions.collect(), fields })
            }
        }
    }

    fn field(&mut self, field: &Value, namespace: &str) -> Result<Field, String> {
        let Value::Object(attributes) = field else { return Err("a field is an object".to_owned()) };
        let name = attributes.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
        let aliases = strings(attributes.get("aliases"), "aliases")?;
        self.check_name(&name)?;
        let default = attributes.get("default");
        self.text.open('{');
        self.text.member("name", &Value::from(name.as_str()));
        self.text.key("type");
        let schema = self.walk(attributes.get("type").unwrap_or(&Value::Null), namespace)?;
        self.text.doc(attributes);
        if let Some(default) = default {
            let fits = default::fits(&self.named, &schema, default) || default::is_number_as_text(&schema, default);
            if self.strict && !fits {
                return Err(format!("Invalid default for field {name}"));
            }
            self.text.member("default", default);
        }
        self.text.order(attributes)?;
        if !aliases.is_empty() {
            self.text.member("aliases", &Value::from(aliases.clone()));
        }
        self.text.properties(attributes, "field");
        self.text.close('}');
        Ok(Field { name, aliases, has_default: default.is_some(), schema })
    }

    /// The specification's names; without a closer look, letters of any script pass.
    fn check_name(&self, name: &str) -> Result<(), String> {
        if self.strict && !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
            return Err(format!("Illegal character in: {name}"));
        }
        Ok(())
    }
}

/// An array of strings, or nothing.
fn strings(value: Option<&Value>, what: &str) -> Result<Vec<String>, String> {
    let bad = || format!("`{what}` is no array of strings");
    match value {
        None => Ok(Vec::new()),
        Some(Value::Array(values)) => {
            values.iter().map(|value| value.as_str().map(str::to_owned).ok_or_else(bad)).collect()
        }
        Some(_) => Err(bad()),
    }
}
