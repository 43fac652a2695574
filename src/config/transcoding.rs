//! How a key's or value's JSON is read against its schema.
//!
//! Comes in: a table. Goes out: the transcoder's options. Must never: know a schema, which is there only later.

use super::mistake::{Complaint, Mistakes};
use super::typed::Table;
use super::{Part, format};
use crate::transcoder::{Act, Acts, BytesText, Names, Options, Path, Place, Setting, Unions};
use std::collections::BTreeMap;

/// The options that a table describes.
pub(super) fn options(part: Part, table: &Table<'_>, mistakes: &mut Mistakes) -> Options {
    let key = |name: &str| format!("{}.{name}", part.label());
    let accepted =
        Act::ALL.into_iter().fold(Acts::NONE, |acts, act| match table.text(&key(&format!("lossy.{}", act.label()))) {
            Some("accept") => acts.with(act),
            _ => acts,
        });
    let places = table.places(part.label()).into_iter();
    Options {
        lossy: accepted,
        unions: match table.text(&key("unions")) {
            Some("tagged") => Unions::Tagged,
            Some("auto") => Unions::Auto,
            _ => Unions::Plain,
        },
        bytes: bytes(table.text(&key("bytes"))).unwrap_or(BytesText::Latin1),
        names: match table.text(&key("names")) {
            Some("any_case") => Names::AnyCase,
            Some("any_style") => Names::AnyStyle,
            _ => Names::Exact,
        },
        aliases: table.flag(&key("aliases")),
        root: table.text(&key("root")).and_then(|text| text.parse().ok()).unwrap_or_default(),
        places: places.flat_map(|(path, table)| settings(path, &table, mistakes)).collect(),
    }
}

fn bytes(word: Option<&str>) -> Option<BytesText> {
    Some(match word? {
        "base64" => BytesText::Base64,
        "hex" => BytesText::Hex,
        "utf8" => BytesText::Utf8,
        _ => BytesText::Latin1,
    })
}

/// What a place's table says, one setting after the other.
fn settings(path: &str, table: &Table<'_>, mistakes: &mut Mistakes) -> Vec<Place> {
    let path: Path = path.parse().unwrap_or_default();
    let mut settings = Vec::new();
    settings.extend(table.text("key").map(|key| Setting::Key(key.to_owned())));
    settings.extend(bytes(table.text("bytes")).map(Setting::Bytes));
    let offset = table.text("offset").and_then(format::seconds_east);
    match table.text("format") {
        Some(format) => settings.push(Setting::Time { format: format.to_owned(), offset }),
        None => table.idle("offset", "has no effect without format", "set format, or take it out", mistakes),
    }
    match table.text("discriminator") {
        Some(key) => {
            let named = |text: &str| text.split_once('=').map(|(value, name)| (value.to_owned(), name.to_owned()));
            let branches: BTreeMap<String, String> = table.texts("branches").into_iter().filter_map(named).collect();
            settings.push(Setting::Discriminator { key: key.to_owned(), branches });
        }
        None => table.idle("branches", "has no effect without discriminator", "set it, or take it out", mistakes),
    }
    let answers = |wanted: &str| {
        let given = |act: &Act| table.text(&format!("lossy.{}", act.label())) == Some(wanted);
        Act::ALL.into_iter().filter(given).fold(Acts::NONE, Acts::with)
    };
    let (accepted, refused) = (answers("accept"), answers("reject"));
    if (accepted, refused) != (Acts::NONE, Acts::NONE) {
        settings.push(Setting::Lossy { accepted, refused });
    }
    // The format that chrono cannot read is found here, before there is a schema.
    if let (Some(format), Some(given)) = (table.text("format"), table.get("format"))
        && let Err(wrong) = Setting::time_format(format)
    {
        let next = "use epoch_s, epoch_ms, epoch_us, epoch_ns, or a pattern such as \"%d/%m/%Y %H:%M:%S %z\"";
        mistakes.add(table.mistake("format", given, Complaint::new(wrong, next)));
    }
    settings.into_iter().map(|setting| Place { path: path.clone(), setting }).collect()
}
