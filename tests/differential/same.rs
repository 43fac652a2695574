//! Whether a record came through: what was sent beside what is read back, and every difference counted by its label.
//!
//! Comes in: the JSON that was sent, and the datum as JSON whose values name their branches. Goes out: the acts that tell
//! one from the other, which must be those of the ledger; or a difference that no act explains.

use crate::reference::number::{self, Exact};
use crate::reference::{Json, Options, Schema, Type, Unions, scalar, time::Time};
use num_bigint::BigInt;
use std::collections::BTreeMap;

pub(crate) struct Same<'a> {
    pub(crate) schema: &'a Schema,
    pub(crate) options: &'a Options,
}

/// The acts between what was sent and what is read.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Found {
    pub(crate) acts: BTreeMap<&'static str, u64>,
    /// A value was dropped for a later one of the same key: the acts that it took cannot be told.
    pub(crate) dropped: bool,
}

impl Found {
    fn add(&mut self, act: &'static str, times: usize) {
        if times > 0 {
            *self.acts.entry(act).or_default() += times as u64;
        }
    }
}

type Verdict = Result<(), String>;

fn differ<T>(sent: &Json, read: &Json) -> Result<T, String> {
    Err(format!("{sent:?} became {read:?}"))
}

impl Same<'_> {
    /// The acts between a document's value and what became of it.
    pub(crate) fn compare(&self, sent: &Json, read: &Json) -> Result<Found, String> {
        let mut found = Found::default();
        let mut sent = sent;
        for token in self.options.root.split('/').skip(1) {
            let token = token.replace("~1", "/").replace("~0", "~");
            let inner = match sent {
                Json::Array(elements) => token.parse().ok().and_then(|index: usize| elements.get(index)),
                _ => sent.get(&token),
            };
            sent = inner.ok_or("the root is not there")?;
        }
        self.value(&self.schema.root, sent, read, "$", &mut found)?;
        Ok(found)
    }

    fn value(&self, kind: &Type, sent: &Json, read: &Json, path: &str, found: &mut Found) -> Verdict {
        match (kind, sent, read) {
            (Type::Union(branches), _, _) => self.union(branches, sent, read, path, found),
            (Type::Array(items), Json::Array(sent), Json::Array(read)) if sent.len() == read.len() => {
                let path = format!("{path}[*]");
                sent.iter().zip(read.iter()).try_for_each(|(sent, read)| self.value(items, sent, read, &path, found))
            }
            (Type::Map(values), Json::Object(members), Json::Object(entries)) => {
                for (key, entry) in entries.iter() {
                    let mut same = members.iter().filter(|(other, _)| other == key);
                    let Some((_, last)) = same.next_back() else { return differ(sent, read) };
                    self.value(values, last, entry, &format!("{path}[*]"), found)?;
                }
                if members.iter().any(|(key, _)| entries.iter().all(|(other, _)| other != key)) {
                    return differ(sent, read);
                }
                found.add("duplicate_key", members.len() - entries.len());
                found.dropped |= members.len() > entries.len();
                Ok(())
            }
            (Type::Record(index), Json::Object(sent), Json::Object(read)) => {
                self.record(*index, sent, read, path, None, found)
            }
            (Type::Int(Some(time)) | Type::Long(Some(time)), _, Json::Number(number)) => {
                self.time(*time, sent, read, number, path, found)
            }
            (
                Type::Bytes | Type::Fixed(..) | Type::UuidFixed(_) | Type::Duration(_),
                Json::String(text),
                Json::String(_),
            ) => self.bytes(kind, text, sent, read, path, found),
            _ => plain(kind, sent, read, found),
        }
    }

    fn time(&self, time: Time, sent: &Json, read: &Json, number: &str, path: &str, found: &mut Found) -> Verdict {
        let epoch = self.options.epoch(path);
        let (value, exact) = match (sent, epoch) {
            (Json::Number(text) | Json::String(text), Some(places)) => time.since_epoch(text, places)?,
            (Json::String(text), None) => time.parse(text)?,
            (Json::Number(text), None) => {
                let value = number::long(text)?;
                found.add("timestamp_unit", usize::from(time.doubtful(value)));
                (value, true)
            }
            _ => return differ(sent, read),
        };
        found.add("time_truncated", usize::from(!exact));
        if value.to_string() == number { Ok(()) } else { differ(sent, read) }
    }

    fn bytes(&self, kind: &Type, text: &str, sent: &Json, read: &Json, path: &str, found: &mut Found) -> Verdict {
        let (spelling, shown) = (self.options.spelling(path), read.text().unwrap());
        let same = match kind {
            Type::Duration(_) => {
                let (bytes, exact) = scalar::duration(text, spelling)?;
                found.add("time_truncated", usize::from(!exact));
                scalar::duration(shown, spelling)?.0 == bytes
            }
            Type::UuidFixed(_) if text.len() == 36 && shown == text.to_lowercase() => true,
            Type::UuidFixed(_) => {
                let hex: String = scalar::spelt(text, spelling)?.iter().map(|byte| format!("{byte:02x}")).collect();
                hex == shown.replace('-', "")
            }
            _ => scalar::spelt(text, spelling)? == scalar::latin1(shown)?,
        };
        if same { Ok(()) } else { differ(sent, read) }
    }

    fn record(
        &self,
        index: usize,
        sent: &[(String, Json)],
        read: &[(String, Json)],
        path: &str,
        known: Option<&str>,
        found: &mut Found,
    ) -> Verdict {
        let fields = &self.schema.records[index].fields;
        if !fields.iter().map(|field| &field.name).eq(read.iter().map(|(name, _)| name)) {
            return Err(format!("the fields of {} became {read:?}", self.schema.records[index].name));
        }
        let position = |key: &str| self.options.field(self.schema, index, path, key);
        for (number, (field, (_, read))) in fields.iter().zip(read).enumerate() {
            let given: Vec<&Json> =
                sent.iter().filter(|(key, _)| position(key) == Some(number)).map(|(_, value)| value).collect();
            let Some(last) = given.last() else {
                found.add(if field.default.is_some() { "default_filled" } else { "null_filled" }, 1);
                if field.default.is_none() && *read != Json::Null {
                    return Err(format!("{}, which is missing, became {read:?}", field.name));
                }
                continue;
            };
            found.add("duplicate_key", given.len() - 1);
            found.dropped |= given.len() > 1;
            if **last == Json::Null && *read != Json::Null && field.default.is_some() {
                found.add("null_replaced", 1);
                continue;
            }
            self.value(&field.kind, last, read, &format!("{path}.{}", field.name), found)?;
        }
        let unknown = sent.iter().filter(|(key, _)| position(key).is_none() && known != Some(key));
        found.add("unknown_field", unknown.count());
        Ok(())
    }

    fn union(&self, branches: &[Type], sent: &Json, read: &Json, path: &str, found: &mut Found) -> Verdict {
        let (tag, inner) = match read {
            Json::Object(members) if members.len() == 1 => (members[0].0.as_str(), &members[0].1),
            Json::Null => ("null", read),
            _ => return Err(format!("a union's value was read as {read:?}")),
        };
        let branch = branches.iter().find(|branch| self.schema.tag(branch) == tag);
        let branch = branch.ok_or_else(|| format!("a union's value was read as {read:?}"))?;
        if let (Some((key, _)), Type::Record(index), Json::Object(sent), Json::Object(read)) =
            (self.options.discriminator(path, branches), branch, sent, inner)
        {
            return self.record(*index, sent, read, path, Some(key), found);
        }
        let named = match sent {
            Json::Object(members) if members.len() == 1 && members[0].0 == tag => Some(&members[0].1),
            _ => None,
        };
        match (self.options.unions, named, sent) {
            (Unions::Plain, _, _) | (_, _, Json::Null) => self.value(branch, sent, inner, path, found),
            (Unions::Tagged, Some(sent), _) => self.value(branch, sent, inner, path, found),
            (Unions::Tagged, None, _) => differ(sent, read),
            (Unions::Auto, None, _) => self.value(branch, sent, inner, path, found),
            (Unions::Auto, Some(by_name), _) => {
                let before = found.clone();
                self.value(branch, by_name, inner, path, found).or_else(|_| {
                    *found = before;
                    self.value(branch, sent, inner, path, found)
                })
            }
        }
    }
}

/// Types that no option changes.
fn plain(kind: &Type, sent: &Json, read: &Json, found: &mut Found) -> Verdict {
    match (kind, sent, read) {
        (Type::Int(None) | Type::Long(None), Json::String(text), Json::Number(number)) => {
            found.add("number_from_string", 1);
            equal(text, number)
        }
        (Type::Int(None) | Type::Long(None), Json::Number(sent), Json::Number(read)) => equal(sent, read),
        (Type::Double | Type::Float, Json::Number(text), Json::Number(number)) => floating(kind, text, number, found),
        (Type::Double | Type::Float, Json::String(text), Json::Number(number)) if number::is_one(text) => {
            found.add("number_from_string", 1);
            floating(kind, text, number, found)
        }
        (Type::Double | Type::Float, Json::String(text), _) => {
            found.add("number_from_string", 1);
            let wanted = match text.as_str() {
                "Infinity" | "INF" => Json::Number("1e999".to_owned()),
                "-Infinity" | "-INF" => Json::Number("-1e999".to_owned()),
                _ => sent.clone(),
            };
            if wanted == *read { Ok(()) } else { differ(sent, read) }
        }
        (Type::Boolean, Json::String(text), Json::Boolean(value)) if *text == value.to_string() => {
            found.add("boolean_from_string", 1);
            Ok(())
        }
        (Type::Boolean, Json::Number(text), Json::Boolean(value)) if *text == u8::from(*value).to_string() => {
            found.add("boolean_from_number", 1);
            Ok(())
        }
        (Type::String, _, Json::String(text)) if sent.text().is_none() => {
            let (act, written) = match sent {
                Json::Number(number) => ("string_from_number", number.clone()),
                Json::Boolean(value) => ("string_from_boolean", value.to_string()),
                Json::Array(elements) => ("string_from_json", elements.text.clone()),
                Json::Object(members) => ("string_from_json", members.text.clone()),
                _ => return differ(sent, read),
            };
            found.add(act, 1);
            if written == *text { Ok(()) } else { differ(sent, read) }
        }
        (Type::Enum(_, symbols, Some(default)), Json::String(text), Json::String(symbol))
            if !symbols.contains(text) && symbols[*default] == *symbol =>
        {
            found.add("enum_default", 1);
            Ok(())
        }
        (Type::Decimal { scale, .. }, _, Json::Number(number)) => decimal(*scale, sent, number, found),
        (Type::BigDecimal, Json::Number(text), Json::Number(number)) => equal(text, number),
        (Type::BigDecimal, Json::String(text), Json::Number(number)) if number::is_one(text) => {
            found.add("decimal_from_string", 1);
            equal(text, number)
        }
        // Raw bytes that are one.
        (Type::BigDecimal, Json::String(_), Json::Number(_)) => Ok(()),
        _ if sent == read => Ok(()),
        _ => differ(sent, read),
    }
}

fn equal(sent: &str, read: &str) -> Verdict {
    if Exact::new(sent).equals(&Exact::new(read)) { Ok(()) } else { Err(format!("{sent} became {read}")) }
}

fn floating(kind: &Type, sent: &str, read: &str, found: &mut Found) -> Verdict {
    let (nearest, act) = match kind {
        Type::Double => {
            let (value, act) = number::double(sent)?;
            (value.to_bits() == read.parse::<f64>().unwrap().to_bits(), act)
        }
        _ => {
            let (value, act) = number::float(sent)?;
            (value.to_bits() == read.parse::<f32>().unwrap().to_bits(), act)
        }
    };
    if !nearest {
        return Err(format!("{sent} became {read}"));
    }
    // Without an act, digits that are none of the value's own are those of the value rounded.
    act.into_iter().for_each(|act| found.add(act, 1));
    Ok(())
}

fn decimal(scale: u32, sent: &Json, read: &str, found: &mut Found) -> Verdict {
    let text = match sent {
        Json::Number(text) => text,
        Json::String(text) if number::is_one(text) => {
            found.add("decimal_from_string", 1);
            text
        }
        Json::String(text) => {
            let bytes = scalar::latin1(text)?;
            return equal(&format!("{}e-{scale}", BigInt::from_signed_bytes_be(&bytes)), read);
        }
        _ => return Err(format!("{sent:?} became {read}")),
    };
    if Exact::new(text).equals(&Exact::new(read)) {
        return Ok(());
    }
    found.add("decimal_rounded", 1);
    let (unscaled, _) = number::unscaled(text, 10_000, scale)?;
    equal(&format!("{unscaled}e-{scale}"), read)
}
