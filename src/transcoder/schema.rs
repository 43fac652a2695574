//! Avro schemas (specification 1.12) -> plan: types, names and namespaces, references, logical types.
//!
//! Comes in: a schema's JSON text and those of the schemas it refers to, dependencies first. Goes out: a plan, or the
//! first mistake and where it stands. Must never: accept what cannot be encoded; a logical type that is unknown or does
//! not fit its type is ignored, as the specification asks.

use super::place::Setting;
use super::plan::{Enum, Field, FieldDefault, FieldId, Fixed, Node, Nullable, Plan, Record, Tagged, Union};
use super::table::Table;
use super::{BytesText, Options, Unions, default, logical, settings, source};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;
use std::sync::Arc;

/// A text that is no valid Avro schema, or one that this version does not take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SchemaError {
    /// Where in the schema: `$.fields[2].type`.
    pub path: String,
    /// What is wrong there.
    pub problem: String,
    /// Whether the schema is fine by itself, and a setting does not fit it.
    pub of_setting: bool,
}

impl SchemaError {
    pub(super) fn new(path: &str, problem: impl Into<String>) -> Self {
        Self { path: path.to_owned(), problem: problem.into(), of_setting: false }
    }

    /// A setting does not fit the schema.
    pub(super) fn setting(path: &str, problem: impl Into<String>) -> Self {
        Self { of_setting: true, ..Self::new(path, problem) }
    }
}

impl SchemaError {
    /// What a person does about it: `about_the_schema`, unless it is a setting that does not fit.
    #[must_use]
    pub fn next(&self, about_the_schema: &'static str) -> &'static str {
        if self.of_setting { "mend the setting or take it out" } else { about_the_schema }
    }
}

impl fmt::Display for SchemaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let wrong = if self.of_setting { "a setting does not fit the schema" } else { "no valid Avro schema" };
        write!(f, "{wrong}: {}: {}", self.path, self.problem)
    }
}

impl std::error::Error for SchemaError {}

/// Compiles a schema and those it refers to.
pub(super) fn compile(schema: &str, references: &[String], options: &Options) -> Result<Plan, SchemaError> {
    let mut compiler = Compiler { tags: options.unions != Unions::Plain, ..Compiler::default() };
    for (index, reference) in references.iter().enumerate() {
        compiler.path = format!("references[{index}]");
        compiler.text(reference)?;
    }
    compiler.path = String::from("$");
    let root = compiler.text(schema)?;
    let allowed = options.places.iter().fold(options.lossy, |allowed, place| match &place.setting {
        Setting::Lossy { accepted, .. } => allowed.or(*accepted),
        _ => allowed,
    });
    let mut plan = Plan { root, records: compiler.records, options: options.clone(), allowed };
    default::encode(&mut plan, &compiler.defaults)?;
    settings::apply(&mut plan)?;
    Ok(plan)
}

#[derive(Debug, Default)]
struct Compiler {
    /// Named types by full name.
    names: HashMap<String, Node>,
    records: Vec<Record>,
    /// Defaults as JSON.
    defaults: BTreeMap<FieldId, String>,
    /// Where the compiler is, for messages.
    path: String,
    /// Whether unions carry the names of their branches.
    tags: bool,
}

impl Compiler {
    fn fail<T>(&self, problem: impl Into<String>) -> Result<T, SchemaError> {
        Err(SchemaError::new(&self.path, problem))
    }

    fn text(&mut self, text: &str) -> Result<Node, SchemaError> {
        // The parser's own limit on depth, 128, is the bound of every recursion here.
        match source::read(text) {
            Ok(schema) => self.node(&schema, ""),
            Err(error) => self.fail(format!("no JSON: {error}")),
        }
    }

    /// Compiles a part of the schema, with its place in messages.
    fn part(&mut self, place: fmt::Arguments<'_>, schema: &Value, namespace: &str) -> Result<Node, SchemaError> {
        let outer = self.path.len();
        self.path.push_str(&place.to_string());
        let node = self.node(schema, namespace)?;
        self.path.truncate(outer);
        Ok(node)
    }

    fn node(&mut self, schema: &Value, namespace: &str) -> Result<Node, SchemaError> {
        match schema {
            Value::String(name) => self.reference(name, namespace),
            Value::Array(branches) => self.union(branches, namespace),
            Value::Object(attributes) => self.object(attributes, namespace),
            _ => self.fail("a schema is a name, an object or an array"),
        }
    }

    fn object(&mut self, attributes: &Map<String, Value>, namespace: &str) -> Result<Node, SchemaError> {
        let name = match attributes.get("type") {
            Some(Value::String(name)) => name.as_str(),
            Some(nested @ (Value::Object(_) | Value::Array(_))) => {
                return self.part(format_args!(".type"), nested, namespace);
            }
            _ => return self.fail("no `type`"),
        };
        match name {
            "record" | "error" => self.record(attributes, namespace),
            "enum" => self.symbols(attributes, namespace),
            "fixed" => self.fixed(attributes, namespace),
            "array" => match attributes.get("items") {
                Some(items) => Ok(Node::Array(Box::new(self.part(format_args!(".items"), items, namespace)?))),
                None => self.fail("an array without `items`"),
            },
            "map" => match attributes.get("values") {
                Some(values) => Ok(Node::Map(Box::new(self.part(format_args!(".values"), values, namespace)?))),
                None => self.fail("a map without `values`"),
            },
            _ => match primitive(name) {
                Some(node) => logical::apply(node, attributes).or_else(|problem| self.fail(problem)),
                // A named type has the logical type of its definition.
                None => self.reference(name, namespace),
            },
        }
    }

    /// A primitive type or a type named before.
    fn reference(&self, name: &str, namespace: &str) -> Result<Node, SchemaError> {
        if let Some(node) = primitive(name) {
            return Ok(node);
        }
        let full =
            if name.contains('.') || namespace.is_empty() { name.to_owned() } else { format!("{namespace}.{name}") };
        match self.names.get(&full).or_else(|| self.names.get(name)) {
            Some(node) => Ok(node.clone()),
            None => self.fail(format!("`{full}` is no type that is defined before this place")),
        }
    }

    fn union(&mut self, branches: &[Value], namespace: &str) -> Result<Node, SchemaError> {
        let mut nodes = Vec::new();
        let (mut seen, mut names) = (HashSet::new(), Vec::new());
        for (index, branch) in branches.iter().enumerate() {
            let node = self.part(format_args!("[{index}]"), branch, namespace)?;
            let Some(identity) = self.identity(&node) else { return self.fail("a union directly in a union") };
            names.push(identity.as_str().into());
            if !seen.insert(identity) {
                return self.fail(format!("branch {index} is of the same type as an earlier one"));
            }
            nodes.push(node);
        }
        let null = nodes.iter().zip(0u32..).find_map(|(node, index)| matches!(node, Node::Null).then_some(index));
        let plain = match <[Node; 2]>::try_from(nodes) {
            Ok([Node::Null, value]) => Node::Nullable(Nullable { null_first: true, value: Box::new(value) }),
            Ok([value, Node::Null]) => Node::Nullable(Nullable { null_first: false, value: Box::new(value) }),
            Ok(others) => Node::Union(Arc::new(Union::new(others.into()))),
            Err(nodes) => Node::Union(Arc::new(Union::new(nodes))),
        };
        if !self.tags {
            return Ok(plain);
        }
        Ok(Node::Tagged(Arc::new(Tagged { plain, names: Table::new(names), null })))
    }

    /// What tells a union's branches apart: a named type's name, any other's type without its logical type.
    fn identity(&self, node: &Node) -> Option<String> {
        let word = match node {
            Node::Null => "null",
            Node::Boolean => "boolean",
            Node::Int(_) => "int",
            Node::Long(_) => "long",
            Node::Float => "float",
            Node::Double => "double",
            Node::String | Node::Uuid => "string",
            Node::Bytes(_) | Node::BigDecimal => "bytes",
            Node::Array(_) => "array",
            Node::Map(_) => "map",
            Node::Fixed(fixed) => &fixed.name,
            Node::Decimal(decimal) => decimal.fixed.as_ref().map_or("bytes", |fixed| &fixed.name),
            Node::Enum(symbols) => &symbols.name,
            Node::Record(index) => self.records.get(*index as usize).map_or("", |record| &record.name),
            Node::Nullable(_) | Node::Union(_) | Node::Tagged(_) => return None,
            // Made later, by options.
            Node::Timed(_) | Node::Named(_) | Node::Accepting(_) => return None,
        };
        Some(word.to_owned())
    }

    fn record(&mut self, attributes: &Map<String, Value>, namespace: &str) -> Result<Node, SchemaError> {
        let name = self.full_name(attributes, namespace)?;
        let Some(fields) = attributes.get("fields").and_then(Value::as_array) else {
            return self.fail("a record without an array of `fields`");
        };
        let index = self.records.len() as u32;
        let node = Node::Record(index);
        self.define(&name, &node)?;
        // The record is known before its fields, which may refer to it.
        self.records.push(Record { name: name.as_str().into(), ..Record::default() });
        let namespace = name.rsplit_once('.').map_or("", |(namespace, _)| namespace);
        let mut compiled = Vec::new();
        let mut seen = HashSet::new();
        let outer = self.path.len();
        for (position, field) in fields.iter().enumerate() {
            self.path.push_str(&format!(".fields[{position}]"));
            let field = self.field(field, namespace, (index, position as u32))?;
            if !seen.insert(field.name.clone()) {
                return self.fail(format!("field `{}` is there twice", field.name));
            }
            compiled.push(field);
            self.path.truncate(outer);
        }
        if let Some(record) = self.records.get_mut(index as usize) {
            record.table = Table::new(compiled.iter().map(|field| field.name.clone()).collect());
            record.fields = compiled;
        }
        Ok(node)
    }

    fn field(&mut self, field: &Value, namespace: &str, id: FieldId) -> Result<Field, SchemaError> {
        let Some(name) = field.get("name").and_then(Value::as_str) else { return self.fail("a field without `name`") };
        if !is_name(name) {
            return self.fail(format!("`{name}` is no name: letters, digits and underscores, no digit first"));
        }
        let Some(schema) = field.get("type") else { return self.fail(format!("field `{name}` has no `type`")) };
        let node = self.part(format_args!(".type"), schema, namespace)?;
        let default = match field.get("default").and_then(Value::as_str) {
            None => FieldDefault::None,
            Some(text) => {
                self.defaults.insert(id, text.to_owned());
                FieldDefault::Pending
            }
        };
        let aliases = field.get("aliases").and_then(Value::as_array).into_iter().flatten();
        let aliases = aliases.filter_map(Value::as_str).map(Into::into).collect();
        Ok(Field { name: name.into(), key: name.into(), aliases, node, default })
    }

    fn symbols(&mut self, attributes: &Map<String, Value>, namespace: &str) -> Result<Node, SchemaError> {
        let name = self.full_name(attributes, namespace)?;
        let Some(symbols) = attributes.get("symbols").and_then(Value::as_array) else {
            return self.fail("an enum without an array of `symbols`");
        };
        let mut names: Vec<Box<str>> = Vec::new();
        let mut seen = HashSet::new();
        for symbol in symbols {
            let Some(symbol) = symbol.as_str().filter(|symbol| is_name(symbol)) else {
                return self.fail("a symbol that is no name: letters, digits and underscores, no digit first");
            };
            if !seen.insert(symbol) {
                return self.fail(format!("symbol `{symbol}` is there twice"));
            }
            names.push(symbol.into());
        }
        let symbols = Table::new(names);
        let mut default = None;
        if let Some(text) = attributes.get("default").and_then(Value::as_str) {
            let given = serde_json::from_str::<String>(text).ok();
            default = given.and_then(|given| symbols.get(given.as_bytes()));
            if default.is_none() {
                return self.fail("the enum's `default` is none of its symbols");
            }
        }
        let node = Node::Enum(Arc::new(Enum { name: name.as_str().into(), symbols, default }));
        self.define(&name, &node)?;
        Ok(node)
    }

    fn fixed(&mut self, attributes: &Map<String, Value>, namespace: &str) -> Result<Node, SchemaError> {
        let name = self.full_name(attributes, namespace)?;
        let size = attributes.get("size").and_then(Value::as_u64).and_then(|size| usize::try_from(size).ok());
        let Some(size) = size else { return self.fail("a fixed without `size`, a number of bytes") };
        let fixed =
            Node::Fixed(Arc::new(Fixed { name: name.as_str().into(), size, text: BytesText::Latin1, logical: None }));
        let node = logical::apply(fixed, attributes).or_else(|problem| self.fail(problem))?;
        self.define(&name, &node)?;
        Ok(node)
    }

    /// A named type's full name: its own dots, its `namespace`, or the namespace around it.
    fn full_name(&self, attributes: &Map<String, Value>, around: &str) -> Result<String, SchemaError> {
        let Some(name) = attributes.get("name").and_then(Value::as_str) else {
            return self.fail("a named type without `name`");
        };
        let namespace = match attributes.get("namespace") {
            Some(Value::String(namespace)) => namespace,
            None | Some(Value::Null) => around,
            Some(_) => return self.fail("a `namespace` that is no string"),
        };
        let full =
            if name.contains('.') || namespace.is_empty() { name.to_owned() } else { format!("{namespace}.{name}") };
        // A leading dot spells the empty namespace.
        let full = full.strip_prefix('.').unwrap_or(&full).to_owned();
        if !full.split('.').all(is_name) {
            return self.fail(format!("`{full}` is no name: letters, digits and underscores, no digit first"));
        }
        Ok(full)
    }

    fn define(&mut self, name: &str, node: &Node) -> Result<(), SchemaError> {
        if primitive(name).is_some() {
            return self.fail(format!("`{name}` is a primitive type's name"));
        }
        if self.names.insert(name.to_owned(), node.clone()).is_some() {
            return self.fail(format!("`{name}` is defined twice"));
        }
        Ok(())
    }
}

fn primitive(name: &str) -> Option<Node> {
    Some(match name {
        "null" => Node::Null,
        "boolean" => Node::Boolean,
        "int" => Node::Int(None),
        "long" => Node::Long(None),
        "float" => Node::Float,
        "double" => Node::Double,
        "string" => Node::String,
        "bytes" => Node::Bytes(BytesText::Latin1),
        _ => return None,
    })
}

/// Letters of any script are names to Avro's Java library since 1.12, hence to most registries.
fn is_name(name: &str) -> bool {
    let mut characters = name.chars();
    characters.next().is_some_and(|first| first.is_alphabetic() || first == '_')
        && characters.all(|character| character.is_alphanumeric() || character == '_')
}
