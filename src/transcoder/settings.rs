//! What the options make of a plan that was compiled from a schema alone: other names, other spellings, places with
//! settings of their own.
//!
//! Comes in: a plan by the schema, its defaults encoded. Goes out: the plan that records are encoded by: an option that is off
//! costs nothing there. Must never: touch a record type for one place where another place has it, too: it is copied.

use super::names::OtherNames;
use super::place::{Place, Setting, Step};
use super::plan::{Accepting, Field, FieldDefault, Named, Node, Plan};
use super::schema::SchemaError;
use super::table::Table;
use super::timed::{Format, Timed};
use super::writer::{Writer, WriterMemory};
use super::{BytesText, Names, Options};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Applies a plan's options to it.
///
/// # Errors
/// When a setting does not fit the schema.
pub(super) fn apply(plan: &mut Plan) -> Result<(), SchemaError> {
    let options = plan.options.clone();
    everywhere(plan, &options);
    for place in &options.places {
        let root = std::mem::replace(&mut plan.root, Node::Null);
        let applied = Apply { plan, place }.at(root, place.path.steps());
        plan.root = applied.map_err(|problem| SchemaError::setting(&place.path.to_string(), problem))?;
    }
    names(plan, &options)
}

/// What holds for all places.
fn everywhere(plan: &mut Plan, options: &Options) {
    let set = |node: &mut Node| each(node, &mut |node| general(node, options));
    set(&mut plan.root);
    for field in plan.records.iter_mut().flat_map(|record| &mut record.fields) {
        set(&mut field.node);
        // Whether it may be filled in is decided place by place.
        if let (FieldDefault::None, Some(null)) = (&field.default, null(&field.node)) {
            field.default = FieldDefault::Null(null.into());
        }
    }
}

/// Null as a value of a type that may be null, as Avro.
fn null(node: &Node) -> Option<Vec<u8>> {
    if let Node::Null = node {
        return Some(Vec::new());
    }
    let branch = (0..).map_while(|index| node.branch(index)).position(|branch| matches!(branch, Node::Null))?;
    let mut memory = WriterMemory::default();
    let mut writer = Writer { out: Vec::new(), memory: &mut memory };
    writer.size(branch);
    Some(writer.out)
}

/// A type and all types within it, but for the fields of records.
fn each(node: &mut Node, set: &mut impl FnMut(&mut Node)) {
    match node {
        Node::Array(inner) | Node::Map(inner) => each(inner, set),
        Node::Nullable(nullable) => each(&mut nullable.value, set),
        Node::Union(union) => Arc::make_mut(union).branches.iter_mut().for_each(|branch| each(branch, set)),
        Node::Tagged(tagged) => each(&mut Arc::make_mut(tagged).plain, set),
        _ => {}
    }
    set(node);
}

fn general(node: &mut Node, options: &Options) {
    match node {
        Node::Bytes(text) => *text = options.bytes,
        Node::Fixed(fixed) if options.bytes != fixed.text => Arc::make_mut(fixed).text = options.bytes,
        _ => {}
    }
}

fn names(plan: &mut Plan, options: &Options) -> Result<(), SchemaError> {
    for record in &mut plan.records {
        if options.names != Names::Exact || options.aliases {
            record.others = OtherNames::new(&record.fields, options.names, options.aliases).map_err(|name| {
                let problem = format!("two fields of record {} are both called {name:?}", record.name);
                SchemaError::setting("names and aliases", problem)
            })?;
        }
    }
    Ok(())
}

/// One setting on its way to its place.
struct Apply<'p> {
    plan: &'p mut Plan,
    place: &'p Place,
}

impl Apply<'_> {
    /// The type with the setting at these steps from it.
    fn at(&mut self, node: Node, steps: &[Step]) -> Result<Node, String> {
        let Some((step, rest)) = steps.split_first() else { return self.set(node) };
        Ok(match (node, step) {
            (Node::Array(items), Step::Elements) => Node::Array(Box::new(self.at(*items, rest)?)),
            (Node::Map(values), Step::Elements) => Node::Map(Box::new(self.at(*values, rest)?)),
            (Node::Record(index), Step::Field(name)) => Node::Record(self.field(index, name, rest)?),
            (
                node @ (Node::Nullable(_) | Node::Union(_) | Node::Tagged(_) | Node::Named(_) | Node::Accepting(_)),
                _,
            ) => self.within(node, steps)?,
            (_, Step::Field(name)) => return Err(format!("the schema has no field {name:?} there")),
            (_, Step::Elements) => return Err(String::from("the schema has no array or map there")),
        })
    }

    /// Through a union, into each branch that has the place.
    fn within(&mut self, node: Node, steps: &[Step]) -> Result<Node, String> {
        match node {
            Node::Nullable(mut nullable) => {
                let value = std::mem::replace(&mut *nullable.value, Node::Null);
                *nullable.value = self.at(value, steps)?;
                Ok(Node::Nullable(nullable))
            }
            Node::Union(mut union) => {
                let (mut applied, mut problem) = (false, String::from("the union there has no branch with that"));
                for branch in &mut Arc::make_mut(&mut union).branches {
                    match self.at(branch.clone(), steps) {
                        Ok(set) => (*branch, applied) = (set, true),
                        Err(other) if !matches!(branch, Node::Null) => problem = other,
                        Err(_) => {}
                    }
                }
                if applied { Ok(Node::Union(union)) } else { Err(problem) }
            }
            Node::Tagged(mut tagged) => {
                let inner = Arc::make_mut(&mut tagged);
                inner.plain = self.at(std::mem::replace(&mut inner.plain, Node::Null), steps)?;
                Ok(Node::Tagged(tagged))
            }
            Node::Named(named) => {
                let union = self.at(named.union.clone(), steps)?;
                let (key, values, branches) = (named.key.clone(), named.values.clone(), named.branches.clone());
                Ok(Node::Named(Arc::new(Named { union, key, values, branches })))
            }
            Node::Accepting(accepting) => {
                let node = self.at(accepting.node.clone(), steps)?;
                let (accepted, refused) = (accepting.accepted, accepting.refused);
                Ok(Node::Accepting(Arc::new(Accepting { node, accepted, refused })))
            }
            node => Ok(node),
        }
    }

    /// A record's own copy, with the setting at these steps from one of its fields.
    fn field(&mut self, index: u32, name: &str, steps: &[Step]) -> Result<u32, String> {
        let mut own = index;
        let record = self.plan.records.get(index as usize).cloned().unwrap_or_default();
        let Some(position) = record.fields.iter().position(|field| *field.name == *name) else {
            return Err(format!("record {} has no field {name:?}", record.name));
        };
        if !record.own {
            own = u32::try_from(self.plan.records.len()).map_err(|_| String::from("too many record types"))?;
            self.plan.records.push(super::plan::Record { own: true, ..record.clone() });
        }
        let Some(field) = record.fields.get(position) else { return Ok(own) };
        let node = match (&self.place.setting, steps) {
            (Setting::Key(key), []) => {
                if record.fields.iter().any(|other| *other.key == **key && other.name != field.name) {
                    return Err(format!("{key:?} is the key of another field of record {}", record.name));
                }
                if let Some(field) = self.plan.field_mut((own, position as u32)) {
                    field.key = key.as_str().into();
                }
                self.spell(own);
                return Ok(own);
            }
            _ => self.at(field.node.clone(), steps)?,
        };
        if let Some(field) = self.plan.field_mut((own, position as u32)) {
            field.node = node;
        }
        Ok(own)
    }

    /// Enters a record's keys anew.
    fn spell(&mut self, index: u32) {
        if let Some(record) = self.plan.records.get_mut(index as usize) {
            record.table = Table::new(record.fields.iter().map(|Field { key, .. }| key.clone()).collect());
        }
    }

    /// The type with the setting.
    fn set(&mut self, node: Node) -> Result<Node, String> {
        match &self.place.setting {
            Setting::Key(_) => Err(String::from("only a field has a key")),
            Setting::Bytes(text) => self.bytes(node, *text),
            Setting::Time { format, offset } => {
                let format =
                    Format::new(format, offset.map(i64::from)).map_err(|wrong| format!("{format:?} {wrong}"))?;
                self.time(node, &format)
            }
            Setting::Discriminator { key, branches } => self.discriminator(node, key, branches),
            Setting::Lossy { accepted, refused } => {
                Ok(Node::Accepting(Arc::new(Accepting { node, accepted: *accepted, refused: *refused })))
            }
        }
    }

    fn bytes(&mut self, node: Node, text: BytesText) -> Result<Node, String> {
        match node {
            Node::Bytes(_) => Ok(Node::Bytes(text)),
            Node::Fixed(mut fixed) => {
                Arc::make_mut(&mut fixed).text = text;
                Ok(Node::Fixed(fixed))
            }
            Node::Nullable(_) | Node::Union(_) | Node::Tagged(_) | Node::Named(_) | Node::Accepting(_) => {
                self.within(node, &[])
            }
            _ => Err(String::from("the schema has no bytes or fixed there")),
        }
    }

    fn time(&mut self, node: Node, format: &Format) -> Result<Node, String> {
        let timed = |logical, is_int| {
            let timed = Timed { logical, is_int, format: format.clone() };
            if logical.is_timestamp() && !timed.format.tells_offset() {
                let wrong = "the format tells no offset from UTC (%z), and a timestamp needs one: set offset, too";
                return Err(String::from(wrong));
            }
            Ok(Node::Timed(Arc::new(timed)))
        };
        match node {
            Node::Int(Some(logical)) => timed(logical, true),
            Node::Long(Some(logical)) => timed(logical, false),
            Node::Nullable(_) | Node::Union(_) | Node::Tagged(_) | Node::Named(_) | Node::Accepting(_) => {
                self.within(node, &[])
            }
            _ => Err(String::from("the schema has no date, time or timestamp there")),
        }
    }

    fn discriminator(&mut self, node: Node, key: &str, given: &BTreeMap<String, String>) -> Result<Node, String> {
        let mut union = match node {
            Node::Nullable(_) | Node::Union(_) | Node::Tagged(_) => node,
            Node::Accepting(_) => return self.within(node, &[]),
            _ => return Err(String::from("the schema has no union there")),
        };
        let mut values: Vec<(Box<str>, u32)> = Vec::new();
        let mut full: Vec<(String, u32)> = Vec::new();
        let branches: Vec<Node> = (0..).map_while(|index| union.branch(index).cloned()).collect();
        let mut own = Vec::new();
        for (branch, number) in branches.into_iter().zip(0u32..) {
            let Node::Record(index) = branch else {
                own.push(branch);
                continue;
            };
            let mut record = self.plan.records.get(index as usize).cloned().unwrap_or_default();
            full.push((record.name.to_string(), number));
            if record.table.get(key.as_bytes()).is_none() {
                record.known.push(key.into());
            }
            own.push(Node::Record(self.plan.records.len() as u32));
            self.plan.records.push(super::plan::Record { own: true, ..record });
        }
        replace(&mut union, own);
        for (value, name) in given {
            let Some((_, number)) = full.iter().find(|(full, _)| full == name) else {
                return Err(format!("the union there has no record {name:?}"));
            };
            values.push((value.as_str().into(), *number));
        }
        // A short name that two have names neither; one may be another's full name.
        let short = |name: &str| name.rsplit('.').next().unwrap_or(name).to_owned();
        let shorts = full.iter().map(|(name, number)| (short(name), *number));
        let unique = shorts.clone().filter(|(name, _)| shorts.clone().filter(|(other, _)| other == name).count() == 1);
        for (name, number) in full.iter().cloned().chain(unique) {
            if values.iter().all(|(value, _)| **value != *name) {
                values.push((name.into(), number));
            }
        }
        if full.is_empty() {
            return Err(String::from("the union there has no record"));
        }
        let (values, branches) = values.into_iter().unzip();
        let values = Table::new(values);
        Ok(Node::Named(Arc::new(Named { union, key: key.into(), values, branches })))
    }
}

/// Puts other types in a union's branches.
fn replace(union: &mut Node, branches: Vec<Node>) {
    match union {
        Node::Nullable(nullable) => {
            if let Some(value) = branches.into_iter().find(|branch| !matches!(branch, Node::Null)) {
                *nullable.value = value;
            }
        }
        Node::Union(union) => Arc::make_mut(union).branches = branches,
        Node::Tagged(tagged) => replace(&mut Arc::make_mut(tagged).plain, branches),
        _ => {}
    }
}
