//! Whether a record came through: what was sent beside what is read back, and every difference counted by its label.
//!
//! Comes in: the JSON that was sent, and the datum as JSON whose values name their branches. Goes out: the acts that tell
//! one from the other, which must be those of the ledger; or a difference that no act explains.

use crate::reference::number::{self, Exact};
use crate::reference::{Json, Schema, Type, Unions};
use std::collections::BTreeMap;

pub(crate) type Acts = BTreeMap<&'static str, u64>;

pub(crate) struct Same<'a> {
    pub(crate) schema: &'a Schema,
    pub(crate) unions: Unions,
}

impl Same<'_> {
    /// The acts between a value and what became of it.
    pub(crate) fn compare(&self, kind: &Type, sent: &Json, read: &Json) -> Result<Acts, String> {
        let mut acts = Acts::new();
        self.value(kind, sent, read, &mut acts)?;
        Ok(acts)
    }

    fn value(&self, kind: &Type, sent: &Json, read: &Json, acts: &mut Acts) -> Result<(), String> {
        let differ = || Err(format!("{sent:?} became {read:?}"));
        match (kind, sent, read) {
            (Type::Union(branches), _, _) => return self.union(branches, sent, read, acts),
            (Type::Array(items), Json::Array(sent), Json::Array(read)) if sent.len() == read.len() => {
                return sent.iter().zip(read).try_for_each(|(sent, read)| self.value(items, sent, read, acts));
            }
            (Type::Map(values), Json::Object(sent), Json::Object(read)) if sent.len() == read.len() => {
                for (key, sent) in sent {
                    let Some((_, read)) = read.iter().find(|(other, _)| other == key) else { return differ() };
                    self.value(values, sent, read, acts)?;
                }
                return Ok(());
            }
            (Type::Record(index), Json::Object(sent), Json::Object(read)) => {
                return self.record(*index, sent, read, acts);
            }
            (Type::Int(Some(time)) | Type::Long(Some(time)), Json::String(text), Json::Number(number)) => {
                if time.parse(text).is_ok_and(|value| value.to_string() == *number) {
                    return Ok(());
                }
            }
            (Type::Int(time) | Type::Long(time), Json::Number(sent), Json::Number(read)) => {
                if !Exact::new(sent).equals(&Exact::new(read)) {
                    return differ();
                }
                if time.is_some_and(|time| time.doubtful(read.parse().unwrap())) {
                    *acts.entry("timestamp_unit").or_default() += 1;
                }
                return Ok(());
            }
            (Type::Decimal { .. }, Json::Number(sent), Json::Number(read)) => {
                if Exact::new(sent).equals(&Exact::new(read)) {
                    return Ok(());
                }
            }
            (Type::Decimal { scale, .. }, Json::String(text), Json::Number(read)) => {
                let bytes: Vec<u8> = text.chars().map(|character| character as u8).collect();
                let exact = format!("{}e-{scale}", num_bigint::BigInt::from_signed_bytes_be(&bytes));
                if Exact::new(&exact).equals(&Exact::new(read)) {
                    return Ok(());
                }
            }
            (Type::Double | Type::Float, Json::Number(sent), Json::Number(read)) => {
                return self.floating(kind, sent, read, acts);
            }
            _ => {
                if sent == read {
                    return Ok(());
                }
            }
        }
        differ()
    }

    fn floating(&self, kind: &Type, sent: &str, read: &str, acts: &mut Acts) -> Result<(), String> {
        if Exact::new(sent).equals(&Exact::new(read)) {
            return Ok(());
        }
        let (nearest, lost) = match kind {
            Type::Double => {
                let (value, lost) = number::double(sent)?;
                (value.to_bits() == read.parse::<f64>().unwrap().to_bits(), lost)
            }
            _ => {
                let (value, lost) = number::float(sent)?;
                (value.to_bits() == read.parse::<f32>().unwrap().to_bits(), lost)
            }
        };
        if !nearest {
            return Err(format!("{sent} became {read}"));
        }
        // Of two texts that are equally near the other one is printed.
        *acts.entry("rounded").or_default() += u64::from(lost);
        Ok(())
    }

    fn record(
        &self,
        index: usize,
        sent: &[(String, Json)],
        read: &[(String, Json)],
        acts: &mut Acts,
    ) -> Result<(), String> {
        let fields = &self.schema.records[index].fields;
        let names = fields.iter().map(|field| &field.name);
        if !names.eq(read.iter().map(|(name, _)| name)) {
            return Err(format!("the fields of {} became {read:?}", self.schema.records[index].name));
        }
        for (field, (_, read)) in fields.iter().zip(read) {
            match sent.iter().find(|(name, _)| *name == field.name) {
                Some((_, sent)) => self.value(&field.kind, sent, read, acts)?,
                None => *acts.entry("default_filled").or_default() += 1,
            }
        }
        let unknown = sent.iter().filter(|(name, _)| fields.iter().all(|field| field.name != *name)).count();
        if unknown > 0 {
            *acts.entry("unknown_field").or_default() += unknown as u64;
        }
        Ok(())
    }

    fn union(&self, branches: &[Type], sent: &Json, read: &Json, acts: &mut Acts) -> Result<(), String> {
        let (tag, inner) = match read {
            Json::Object(members) if members.len() == 1 => (members[0].0.as_str(), &members[0].1),
            Json::Null => ("null", read),
            _ => return Err(format!("a union's value was read as {read:?}")),
        };
        let branch = branches.iter().find(|branch| self.schema.tag(branch) == tag);
        let branch = branch.ok_or_else(|| format!("a union's value was read as {read:?}"))?;
        let named = match sent {
            Json::Object(members) if members.len() == 1 && members[0].0 == tag => Some(&members[0].1),
            _ => None,
        };
        match (self.unions, named, sent) {
            (Unions::Plain, _, _) | (_, _, Json::Null) => self.value(branch, sent, inner, acts),
            (Unions::Tagged, Some(sent), _) => self.value(branch, sent, inner, acts),
            (Unions::Tagged, None, _) => Err(format!("{sent:?} became {read:?}")),
            (Unions::Auto, None, _) => self.value(branch, sent, inner, acts),
            (Unions::Auto, Some(by_name), _) => {
                let before = acts.clone();
                self.value(branch, by_name, inner, acts).or_else(|_| {
                    *acts = before;
                    self.value(branch, sent, inner, acts)
                })
            }
        }
    }
}
