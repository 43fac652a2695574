//! Defaults, encoded once when the schema is compiled, so that a missing field costs a copy.
//!
//! Comes in: a plan whose fields with defaults are `Pending`, and the defaults' JSON texts. Goes out: the same plan with
//! all of them as Avro. Must never: follow a default into itself, or grow without bound.

use super::Unions;
use super::encode::{Memory, Task};
use super::ledger::{Act, Acts};
use super::plan::{FieldDefault, FieldId, Plan};
use super::pointer::Pointer;
use super::refusal::{Reason, Segment};
use super::schema::SchemaError;
use std::collections::{BTreeMap, HashSet};

/// All defaults of one schema together, as Avro.
const MAX_BYTES: usize = 1 << 24;

/// Encodes every default; one that does not fit its type, or needs itself, becomes `Invalid`.
pub(super) fn encode(plan: &mut Plan, texts: &BTreeMap<FieldId, String>) -> Result<(), SchemaError> {
    let mut memory = Memory::new(plan);
    let mut left = MAX_BYTES;
    for field in texts.keys() {
        // A default that needs others (a record in it leaves fields out) waits on the stack until they are done.
        let (mut stack, mut waiting) = (vec![*field], HashSet::from([*field]));
        while let Some(field) = stack.last().copied() {
            let text = texts.get(&field).map_or("", String::as_str);
            let default = match encode_one(plan, &mut memory, field, text) {
                Outcome::Needs(other) if waiting.insert(other) => {
                    stack.push(other);
                    continue;
                }
                Outcome::Done(default) => Some(default),
                Outcome::Needs(_) => Some(FieldDefault::Invalid),
                Outcome::Kept => None,
            };
            if let Some(FieldDefault::Avro(avro)) = &default {
                left = left
                    .checked_sub(avro.len())
                    .ok_or_else(|| SchemaError::new("$", "defaults of more than 16 MiB"))?;
            }
            if let (Some(default), Some(field)) = (default, plan.field_mut(field)) {
                field.default = default;
            }
            waiting.remove(&field);
            stack.pop();
        }
    }
    Ok(())
}

/// What a schema's own defaults may do: nothing that a reader of the schema would see otherwise.
const OF_DEFAULTS: Acts = Acts::NONE
    .with(Act::UnknownField)
    .with(Act::DefaultFilled)
    .with(Act::Rounded)
    .with(Act::Infinity)
    .with(Act::TimestampUnit)
    .with(Act::AmbiguousUnion);

enum Outcome {
    Done(FieldDefault),
    /// Another default must be done first.
    Needs(FieldId),
    /// It was done before.
    Kept,
}

fn encode_one(plan: &Plan, memory: &mut Memory, field: FieldId, text: &str) -> Outcome {
    let Some(field) = plan.field(field).filter(|field| matches!(field.default, FieldDefault::Pending)) else {
        return Outcome::Kept;
    };
    let mut avro = Vec::new();
    let (node, root) = (&field.node, Pointer::default());
    let task = Task { node, root: &root, unions: Unions::Plain, accepted: OF_DEFAULTS, allowed: OF_DEFAULTS };
    match memory.encode(plan, task, text.as_bytes(), &mut avro, usize::MAX).map_err(|failure| failure.reason) {
        Ok(_) => Outcome::Done(FieldDefault::Avro(avro.into())),
        Err(Reason::PendingDefault) => match memory.path.first() {
            Some(Segment::Field(record, field)) => Outcome::Needs((*record, *field)),
            _ => Outcome::Done(FieldDefault::Invalid),
        },
        Err(_) => Outcome::Done(FieldDefault::Invalid),
    }
}
