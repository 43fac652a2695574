//! Random settings of places that a schema has.
//!
//! Comes in: a schema and choices. Goes out: paths, each with what holds there. Must never: set what does not fit.

use super::choices::Choices;
use crate::reference::{ACTS, Acts, Options, Schema, Setting, Spelling, Type};
use std::collections::BTreeMap;

pub(crate) fn random(schema: &Schema, options: &Options, choices: &mut Choices<'_>) -> Vec<(String, Setting)> {
    let mut found = Vec::new();
    collect(schema, &schema.root, "$", 4, &mut found);
    let mut places: Vec<(String, Setting)> = Vec::new();
    for number in 0..=choices.below(4) {
        let Some((path, kind)) = found.get(choices.below(found.len())) else { continue };
        let Some(setting) = setting(schema, kind, path, number, options, choices) else { continue };
        let same = |other: &Setting| std::mem::discriminant(other) == std::mem::discriminant(&setting);
        if places.iter().all(|(other, placed)| other != path || !same(placed)) {
            places.push((path.clone(), setting));
        }
    }
    places
}

/// The places of a schema, some levels deep.
fn collect<'s>(schema: &'s Schema, kind: &'s Type, path: &str, depth: usize, found: &mut Vec<(String, &'s Type)>) {
    if found.len() > 200 {
        return;
    }
    found.push((path.to_owned(), kind));
    if depth == 0 {
        return;
    }
    match kind {
        Type::Array(inner) | Type::Map(inner) => collect(schema, inner, &format!("{path}[*]"), depth - 1, found),
        Type::Record(index) => {
            for field in &schema.records[*index].fields {
                collect(schema, &field.kind, &format!("{path}.{}", field.name), depth - 1, found);
            }
        }
        // No step leads into a branch: the places within it are the union's.
        Type::Union(branches) => branches.iter().for_each(|branch| collect(schema, branch, path, depth - 1, found)),
        _ => {}
    }
}

fn setting(
    schema: &Schema,
    kind: &Type,
    path: &str,
    number: usize,
    options: &Options,
    choices: &mut Choices<'_>,
) -> Option<Setting> {
    if choices.one_in(3) {
        let mut some = || Acts::of(&ACTS.into_iter().filter(|_| choices.one_in(3)).collect::<Vec<_>>());
        return Some(Setting::Lossy { accepted: some(), refused: some().without(options.accepted) });
    }
    if choices.one_in(3) && !path.ends_with("[*]") && path != "$" {
        return Some(Setting::Key(format!("{}{number}", choices.pick(&["key ", "Schl\u{fc}ssel", "k\"\\", "KEY-"]))));
    }
    match kind {
        Type::Bytes | Type::Fixed(..) | Type::UuidFixed(_) | Type::Duration(_) => {
            Some(Setting::Bytes([Spelling::Latin1, Spelling::Base64, Spelling::Hex, Spelling::Utf8][choices.below(4)]))
        }
        Type::Int(Some(_)) | Type::Long(Some(_)) => Some(Setting::Epoch(3 * choices.below(4) as i128)),
        Type::Union(branches) => {
            let records: Vec<String> = branches
                .iter()
                .filter(|branch| matches!(branch, Type::Record(_)))
                .map(|branch| schema.tag(branch))
                .collect();
            let first = records.first()?.clone();
            let branches =
                if choices.one_in(2) { BTreeMap::from([("first".to_owned(), first)]) } else { BTreeMap::new() };
            let key = choices.pick(&["type", "type", "string", "a0"]).to_owned();
            Some(Setting::Discriminator { key, branches })
        }
        _ => None,
    }
}
