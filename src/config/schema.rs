//! Where the schema of keys or values comes from.
//!
//! Comes in: a pipeline's or a topic's table. Goes out: one choice with all it needs. Must never: compile the schema (`transcoder`
//! does) or ask the registry.

use super::mistake::{Complaint, Mistakes};
use super::typed::{Given, Table};
use super::{Part, SchemaChoice, file};
use std::path::Path;

/// The keys that only one choice reads.
const ONLY: &[(&str, &str)] =
    &[("refresh_ms", "latest"), ("version", "version"), ("id", "id"), ("file", "file"), ("register", "file")];

/// The choice. A local schema's file is read, and must be JSON.
pub(super) fn choice(part: Part, table: &Table<'_>, folder: &Path, mistakes: &mut Mistakes) -> SchemaChoice {
    let part = part.label();
    let latest = SchemaChoice::Latest { refresh: table.duration(&format!("{part}.refresh_ms")) };
    let Some(word) = table.text(&format!("{part}.schema")) else { return latest };
    for (key, choice) in ONLY.iter().filter(|(_, choice)| *choice != word) {
        let wrong = format!("has no effect with schema = \"{word}\"");
        table.idle(&format!("{part}.{key}"), wrong, format!("set schema = \"{choice}\" or take it out"), mistakes);
    }
    let needed = ONLY.iter().find(|(_, choice)| *choice == word).map_or("schema", |(key, _)| key);
    let needed = format!("{part}.{needed}");
    match table.get(&needed) {
        Some(given) => match word {
            "version" => SchemaChoice::Version(table.integer(&needed)),
            "id" => SchemaChoice::Id(table.integer(&needed)),
            "file" => local(part, table, &needed, given, folder, mistakes),
            _ => latest,
        },
        None => {
            table.required(&needed, &format!("set it: schema is \"{word}\""), mistakes);
            latest
        }
    }
}

fn local(
    part: &str,
    table: &Table<'_>,
    key: &str,
    given: &Given,
    folder: &Path,
    mistakes: &mut Mistakes,
) -> SchemaChoice {
    let read = file::named(given, folder);
    let parsed = read.and_then(|(path, text)| match serde_json::from_str::<serde::de::IgnoredAny>(&text) {
        Ok(_) => Ok((path, text)),
        Err(error) => Err(Complaint::new(format!("{} is no JSON: {error}", path.display()), "give it an Avro schema")),
    });
    let parsed = parsed.map_err(|complaint| mistakes.add(table.mistake(key, given, complaint)));
    let (path, text) = parsed.unwrap_or_default();
    SchemaChoice::File { path, text, register: table.flag(&format!("{part}.register")) }
}
