//! A schema's canonical text: what Avro Java's `Schema.toString()` writes, which is what Confluent's registry keeps,
//! compares and sends.
//!
//! It is not the specification's Parsing Canonical Form, which drops defaults, docs and logical types: two schemas that
//! differ in a default must not share an id. Against Avro Java, unknown attributes are in the order of their names.
//!
//! Comes in: the parts of a schema in Java's order. Goes out: JSON without white space. Must never: drop a part.

use super::schema::Name;
use serde_json::{Map, Value};
use std::collections::HashSet;

/// The text as it grows.
#[derive(Debug, Default)]
pub(super) struct Text {
    json: String,
}

impl Text {
    pub(super) fn into_string(self) -> String {
        self.json
    }

    pub(super) fn open(&mut self, bracket: char) {
        self.json.push(bracket);
    }

    pub(super) fn close(&mut self, bracket: char) {
        self.json.push(bracket);
    }

    /// Begins an array's next element.
    pub(super) fn element(&mut self) {
        if !self.json.ends_with('[') {
            self.json.push(',');
        }
    }

    /// Begins an object's next member.
    pub(super) fn key(&mut self, key: &str) {
        if !self.json.ends_with('{') {
            self.json.push(',');
        }
        self.string(key);
        self.json.push(':');
    }

    pub(super) fn string(&mut self, text: &str) {
        self.json.push_str(&Value::from(text).to_string());
    }

    pub(super) fn member(&mut self, key: &str, value: &Value) {
        self.key(key);
        self.json.push_str(&value.to_string());
    }

    /// A primitive type: its bare name where nothing more is said of it.
    pub(super) fn primitive(&mut self, name: &str, attributes: &Map<String, Value>) {
        if attributes.keys().all(|key| reserved(name, key)) {
            return self.string(name);
        }
        self.open('{');
        self.member("type", &Value::from(name));
        self.properties(attributes, name);
        self.close('}');
    }

    /// A named type where it is defined, below the namespace around it.
    pub(super) fn name(&mut self, name: &Name, around: &str) {
        self.member("name", &Value::from(name.own.as_str()));
        if name.namespace != around {
            self.member("namespace", &Value::from(name.namespace.as_str()));
        }
    }

    /// A named type where it is referred to.
    pub(super) fn qualified(&mut self, name: &Name, around: &str) {
        self.string(&written(name, around));
    }

    pub(super) fn aliases(&mut self, aliases: impl Iterator<Item = Name>, namespace: &str) {
        let mut seen = HashSet::new();
        let aliases = aliases.map(|alias| written(&alias, namespace)).filter(|alias| seen.insert(alias.clone()));
        let aliases: Vec<Value> = aliases.map(Value::from).collect();
        if !aliases.is_empty() {
            self.member("aliases", &Value::from(aliases));
        }
    }

    pub(super) fn doc(&mut self, attributes: &Map<String, Value>) {
        if let Some(doc @ Value::String(_)) = attributes.get("doc") {
            self.member("doc", doc);
        }
    }

    /// A field's sort order, where it is not the usual one.
    pub(super) fn order(&mut self, attributes: &Map<String, Value>) -> Result<(), String> {
        let Some(order) = attributes.get("order") else { return Ok(()) };
        match order.as_str().map(str::to_ascii_lowercase).as_deref() {
            Some("ascending") => {}
            Some(order @ ("descending" | "ignore")) => self.member("order", &Value::from(order)),
            _ => return Err("a field's `order` is ascending, descending or ignore".to_owned()),
        }
        Ok(())
    }

    /// The attributes that Avro gives no meaning to, logical types among them.
    pub(super) fn properties(&mut self, attributes: &Map<String, Value>, kind: &str) {
        for (key, value) in attributes {
            if !reserved(kind, key) {
                self.member(key, value);
            }
        }
    }
}

/// A type's name as short as it can be in a namespace. One that is called like a kind of type keeps its namespace.
fn written(name: &Name, around: &str) -> String {
    const KINDS: [&str; 14] = [
        "record", "enum", "array", "map", "union", "fixed", "string", "bytes", "int", "long", "float", "double",
        "boolean", "null",
    ];
    if name.namespace == around && !KINDS.contains(&name.own.as_str()) { name.own.clone() } else { name.full() }
}

/// The attributes that a schema (or a `field`) has a place for. Avro Java reserves them on every type, so that they are
/// lost where they mean nothing: `doc` on an `int`.
fn reserved(kind: &str, key: &str) -> bool {
    match (kind, key) {
        ("field", "default" | "order") | ("enum", "default") => true,
        ("field", key) => matches!(key, "doc" | "name" | "type" | "aliases"),
        (_, key) => matches!(
            key,
            "doc" | "fields" | "items" | "name" | "namespace" | "size" | "symbols" | "values" | "type" | "aliases"
        ),
    }
}
