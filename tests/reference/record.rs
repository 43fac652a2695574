//! Records: keys, fields that are missing, and the schema's defaults.
//!
//! Comes in: the members of an object. Goes out: the fields in schema order.

use super::acts::Acts;
use super::encode::{Encoded, Mode, Outcome, Reference};
use super::json::Json;
use super::options::Unions;
use super::scalar::long;
use super::schema::Type;

pub(super) enum DefaultState {
    None,
    Given,
    /// Just being encoded: it needs itself if it is needed now.
    Begun,
    Invalid,
    Avro(Vec<u8>),
}

impl Reference {
    /// A record; `known` is a key that is no field and none that is unknown either.
    pub(super) fn record(
        &self,
        index: usize,
        members: &[(String, Json)],
        path: &str,
        known: Option<&str>,
        mode: Mode,
    ) -> Outcome {
        let fields = &self.schema.records[index].fields;
        let place = |position: usize| format!("{path}.{}", fields[position].name);
        let mut given: Vec<Option<Vec<u8>>> = vec![None; fields.len()];
        let mut record = Encoded::default();
        for (key, value) in members {
            let position = match mode.of_schema {
                true => fields.iter().position(|field| field.name == *key),
                false => self.options.field(&self.schema, index, path, key),
            };
            let Some(position) = position else {
                if known != Some(key) {
                    record.act("unknown_field", mode)?;
                }
                continue;
            };
            let here = self.at(&place(position), mode);
            if given[position].is_some() {
                record.act("duplicate_key", here)?;
            }
            let encoded = match self.value(&fields[position].kind, value, &place(position), mode) {
                // Null for a field that cannot be null.
                Err("wrong_type") if *value == Json::Null && self.has_default(index, position) => {
                    let mut replaced = Encoded { avro: self.default(index, position)?, ..Encoded::default() };
                    replaced.act("null_replaced", here)?;
                    replaced
                }
                encoded => encoded?,
            };
            record.merge(encoded.acts);
            given[position] = Some(encoded.avro);
        }
        self.fill(index, path, given, record, mode)
    }

    /// The fields in schema order, those that are missing filled in.
    fn fill(&self, index: usize, path: &str, given: Vec<Option<Vec<u8>>>, mut record: Encoded, mode: Mode) -> Outcome {
        let mut filled = Vec::new();
        for (position, avro) in given.into_iter().enumerate() {
            let field = &self.schema.records[index].fields[position];
            let null = if field.default.is_none() && !mode.of_schema { null(&field.kind) } else { None };
            record.avro.extend(match (avro, null) {
                (Some(avro), _) => avro,
                (None, Some(null)) => {
                    filled.push(("null_filled", position));
                    null
                }
                (None, None) => {
                    let default = self.default(index, position)?;
                    filled.push(("default_filled", position));
                    default
                }
            });
        }
        // That a field is missing for good is told first.
        filled.sort_unstable();
        for (act, position) in filled {
            let name = &self.schema.records[index].fields[position].name;
            record.act(act, self.at(&format!("{path}.{name}"), mode))?;
        }
        Ok(record)
    }

    fn has_default(&self, record: usize, field: usize) -> bool {
        matches!(&*self.defaults[record][field].borrow(), DefaultState::Avro(_))
    }

    /// A field's default as Avro.
    pub(super) fn default(&self, record: usize, field: usize) -> Result<Vec<u8>, &'static str> {
        let cell = &self.defaults[record][field];
        match &*cell.borrow() {
            DefaultState::None => return Err("missing_field"),
            DefaultState::Invalid => return Err("invalid_default"),
            DefaultState::Begun => return Err("pending_default"),
            DefaultState::Avro(avro) => return Ok(avro.clone()),
            DefaultState::Given => {}
        }
        cell.replace(DefaultState::Begun);
        let name = &self.schema.records[record].fields[field];
        let json = name.default.as_ref().ok_or("missing_field")?;
        let accepted =
            Acts::of(&["unknown_field", "default_filled", "rounded", "infinity", "timestamp_unit", "ambiguous_union"]);
        let mode = Mode {
            unions: Unions::Plain,
            accepted,
            allowed: accepted,
            as_written: false,
            doubts: true,
            of_schema: true,
        };
        let encoded = self.value(&name.kind, json, "$", mode);
        cell.replace(
            encoded.as_ref().map_or(DefaultState::Invalid, |encoded| DefaultState::Avro(encoded.avro.clone())),
        );
        encoded.map(|encoded| encoded.avro).map_err(|_| "invalid_default")
    }
}

/// Null as a value of a type that may be null.
fn null(kind: &Type) -> Option<Vec<u8>> {
    match kind {
        Type::Null => Some(Vec::new()),
        Type::Union(branches) => {
            let index = branches.iter().position(|branch| matches!(branch, Type::Null))?;
            Some(long(index as i64))
        }
        _ => None,
    }
}
