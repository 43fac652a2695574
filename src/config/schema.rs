//! Where a pipeline's schema comes from.
//!
//! Comes in: a pipeline's table. Goes out: one choice with all it needs. Must never: compile the schema (`transcoder`
//! does) or ask the registry.

use super::mistake::{Complaint, Mistakes};
use super::typed::{Given, Table};
use super::{SchemaChoice, file};
use std::path::Path;

/// The keys that only one choice reads.
const ONLY: &[(&str, &str)] = &[
    ("value.refresh_ms", "latest"),
    ("value.version", "version"),
    ("value.id", "id"),
    ("value.file", "file"),
    ("value.register", "file"),
];

/// The choice. A local schema's file is read, and must be JSON.
pub(super) fn choice(table: &Table<'_>, folder: &Path, mistakes: &mut Mistakes) -> SchemaChoice {
    let latest = SchemaChoice::Latest { refresh: table.duration("value.refresh_ms") };
    let Some(word) = table.text("value.schema") else { return latest };
    for (key, choice) in ONLY.iter().filter(|(_, choice)| *choice != word) {
        if let Some(own) = table.own(key) {
            let wrong = format!("has no effect with schema = \"{word}\"");
            let complaint = Complaint::new(wrong, format!("set schema = \"{choice}\" or take it out"));
            mistakes.add(table.mistake(key, own, complaint));
        }
    }
    let needed = ONLY.iter().find(|(_, choice)| *choice == word).map_or("value.schema", |(key, _)| key);
    match table.get(needed) {
        Some(given) => match word {
            "version" => SchemaChoice::Version(table.integer(needed)),
            "id" => SchemaChoice::Id(table.integer(needed)),
            "file" => local(table, needed, given, folder, mistakes),
            _ => latest,
        },
        None => {
            table.required(needed, &format!("set it: schema is \"{word}\""), mistakes);
            latest
        }
    }
}

fn local(table: &Table<'_>, key: &str, given: &Given, folder: &Path, mistakes: &mut Mistakes) -> SchemaChoice {
    let read = file::named(given, folder);
    let parsed = read.and_then(|(path, text)| match serde_json::from_str::<serde::de::IgnoredAny>(&text) {
        Ok(_) => Ok((path, text)),
        Err(error) => Err(Complaint::new(format!("{} is no JSON: {error}", path.display()), "give it an Avro schema")),
    });
    let parsed = parsed.map_err(|complaint| mistakes.add(table.mistake(key, given, complaint)));
    let (path, text) = parsed.unwrap_or_default();
    SchemaChoice::File { path, text, register: table.flag("value.register") }
}
