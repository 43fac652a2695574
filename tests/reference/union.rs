//! Unions: by JSON kind, by name, by either, or by a field of the object.
//!
//! Comes in: a value and the branches. Goes out: the branch's number and the value.

use super::acts::Acts;
use super::encode::{Encoded, Mode, Outcome, Reference, TOO_SLOW};
use super::json::Json;
use super::options::Unions;
use super::scalar::long;
use super::schema::Type;
use std::collections::BTreeMap;

/// Whether no other branch of a union is tried.
fn is_final(reason: &str) -> bool {
    matches!(reason, "pending_default" | TOO_SLOW)
}

impl Reference {
    pub(super) fn union(&self, branches: &[Type], json: &Json, path: &str, mode: Mode) -> Outcome {
        let discriminator = if mode.of_schema { None } else { self.options.discriminator(path, branches) };
        match (discriminator, mode.unions, json) {
            (Some((key, values)), _, Json::Object(members)) => {
                let branch = self.told(branches, members, key, values).ok_or("no_branch")?;
                let mut union = Encoded { avro: long(branch as i64), acts: BTreeMap::new() };
                let Type::Record(record) = branches[branch] else { return Err("no_branch") };
                union.append(self.record(record, members, path, Some(key), mode)?);
                Ok(union)
            }
            (_, Unions::Plain, _) => self.by_kind(branches, json, path, mode),
            (_, Unions::Tagged, _) => self.by_tag(branches, json, path, mode),
            (_, Unions::Auto, Json::Object(members)) => self.either(branches, json, members, path, mode),
            (_, Unions::Auto, _) => self.by_kind(branches, json, path, mode),
        }
    }

    /// The record that the first string of this key tells: by an option, by full name, by short name.
    fn told(
        &self,
        branches: &[Type],
        members: &[(String, Json)],
        key: &str,
        values: &BTreeMap<String, String>,
    ) -> Option<usize> {
        let told = members.iter().find_map(|(own, value)| if own == key { value.text() } else { None })?;
        let record = |is: &dyn Fn(&str) -> bool| {
            branches.iter().position(|branch| matches!(branch, Type::Record(_)) && is(&self.schema.tag(branch)))
        };
        if let Some(name) = values.get(told) {
            return record(&|full| full == name);
        }
        let short = |full: &str| full.rsplit('.').next() == Some(told);
        let named =
            branches.iter().filter(|branch| matches!(branch, Type::Record(_)) && short(&self.schema.tag(branch)));
        // A short name that two have names neither.
        let unique = named.count() == 1;
        record(&|full| full == told).or_else(|| if unique { record(&short) } else { None })
    }

    /// A union whose branch the JSON kind tells.
    fn by_kind(&self, branches: &[Type], json: &Json, path: &str, mode: Mode) -> Outcome {
        let takers = |ease: Ease| -> Vec<usize> {
            let takes = |branch: &usize| takes(&branches[*branch], json, mode.accepted) == Some(ease);
            (0..branches.len()).filter(takes).collect()
        };
        let candidates = match branches {
            // Null or one other type: what is not null is that type, or refused as that type refuses it.
            [Type::Null, _] if *json != Json::Null => vec![1],
            [_, Type::Null] if *json != Json::Null => vec![0],
            _ => [Ease::Own, Ease::Spelt, Ease::Coerced]
                .map(takers)
                .into_iter()
                .find(|takers| !takers.is_empty())
                .ok_or("wrong_type")?,
        };
        if let [only] = candidates[..] {
            return self.branch(branches, only, json, path, mode);
        }
        let written = Acts::of(&["ambiguous_union"]);
        let filled = Acts::of(&["ambiguous_union", "default_filled"]);
        for (pass, first) in [(written, true), (filled, false), (Acts::ALL, false)] {
            let now = Mode {
                accepted: mode.accepted.and(pass),
                allowed: mode.allowed.and(pass),
                as_written: mode.as_written || first,
                ..mode
            };
            for (number, branch) in candidates.iter().enumerate() {
                let mut taken = match self.branch(branches, *branch, json, path, now) {
                    Err(reason) if is_final(reason) => return Err(reason),
                    Err(_) => continue,
                    Ok(taken) => taken,
                };
                if self.others(branches, &candidates[number + 1..], json, path, now)? {
                    taken.act("ambiguous_union", mode)?;
                }
                return Ok(taken);
            }
        }
        Err("no_branch")
    }

    /// Whether one of these branches takes an object as well; whether that would be in doubt in itself is not asked.
    fn others(
        &self,
        branches: &[Type],
        others: &[usize],
        json: &Json,
        path: &str,
        mode: Mode,
    ) -> Result<bool, &'static str> {
        if !mode.doubts || !matches!(json, Json::Object(_)) {
            return Ok(false);
        }
        for other in others {
            match self.branch(branches, *other, json, path, Mode { doubts: false, ..mode }) {
                Ok(_) => return Ok(true),
                Err(TOO_SLOW) => return Err(TOO_SLOW),
                Err(_) => {}
            }
        }
        Ok(false)
    }

    fn branch(&self, branches: &[Type], index: usize, json: &Json, path: &str, mode: Mode) -> Outcome {
        let mut union = Encoded { avro: long(index as i64), acts: BTreeMap::new() };
        union.append(self.value(&branches[index], json, path, mode)?);
        Ok(union)
    }

    /// A union whose branch the JSON names.
    fn by_tag(&self, branches: &[Type], json: &Json, path: &str, mode: Mode) -> Outcome {
        let named = |tag: &str| branches.iter().position(|branch| self.schema.tag(branch) == tag);
        match json {
            Json::Null => self.branch(branches, named("null").ok_or("wrong_type")?, json, path, mode),
            Json::Object(members) => {
                let (tag, value) = members.first().ok_or("no_branch")?;
                let index = named(tag).filter(|_| tag != "null").ok_or("no_branch")?;
                let union = self.branch(branches, index, value, path, mode)?;
                if members.len() == 1 { Ok(union) } else { Err("no_branch") }
            }
            _ => Err("wrong_type"),
        }
    }

    /// An object that names its branch, or does not.
    fn either(&self, branches: &[Type], json: &Json, members: &[(String, Json)], path: &str, mode: Mode) -> Outcome {
        if !branches.iter().any(|branch| takes(branch, json, mode.accepted).is_some()) {
            return self.by_tag(branches, json, path, mode);
        }
        if !members.first().is_some_and(|(key, _)| branches.iter().any(|branch| self.schema.tag(branch) == *key)) {
            return self.by_kind(branches, json, path, mode);
        }
        let mut tagged = match self.by_tag(branches, json, path, mode) {
            Ok(tagged) => tagged,
            Err(reason) if is_final(reason) => return Err(reason),
            Err(_) => return self.by_kind(branches, json, path, mode),
        };
        match self.by_kind(branches, json, path, mode) {
            Ok(_) => tagged.act("ambiguous_union", mode)?,
            Err(reason) if is_final(reason) => return Err(reason),
            Err(_) => {}
        }
        Ok(tagged)
    }
}

/// How near a JSON kind is to a type: its own, one that may spell it, one that becomes it by an accepted act.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ease {
    Own,
    Spelt,
    Coerced,
}

fn takes(branch: &Type, json: &Json, accepted: Acts) -> Option<Ease> {
    let by = |act: &str| accepted.contains(act).then_some(Ease::Coerced);
    match (branch, json) {
        (Type::Null, Json::Null) | (Type::Boolean, Json::Boolean(_)) | (Type::Array(_), Json::Array(_)) => {
            Some(Ease::Own)
        }
        (Type::Map(_) | Type::Record(_), Json::Object(_)) => Some(Ease::Own),
        (Type::Int(_) | Type::Long(_) | Type::Float | Type::Double, Json::Number(_)) => Some(Ease::Own),
        (Type::Decimal { .. } | Type::BigDecimal, Json::Number(_)) => Some(Ease::Own),
        (Type::String | Type::Uuid | Type::Bytes | Type::Enum(..), Json::String(_)) => Some(Ease::Own),
        (Type::Fixed(..) | Type::UuidFixed(_) | Type::Duration(_), Json::String(_)) => Some(Ease::Own),
        (Type::Decimal { .. } | Type::BigDecimal | Type::Int(Some(_)) | Type::Long(Some(_)), Json::String(_)) => {
            Some(Ease::Spelt)
        }
        (Type::Int(None) | Type::Long(None) | Type::Float | Type::Double, Json::String(_)) => by("number_from_string"),
        (Type::Boolean, Json::String(_)) => by("boolean_from_string"),
        (Type::Boolean, Json::Number(_)) => by("boolean_from_number"),
        (Type::String, Json::Number(_)) => by("string_from_number"),
        (Type::String, Json::Boolean(_)) => by("string_from_boolean"),
        (Type::String, Json::Array(_) | Json::Object(_)) => by("string_from_json"),
        _ => None,
    }
}
