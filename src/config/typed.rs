//! The configuration as typed: values by dotted key, each of a known key and of its kind, nothing compared yet.
//!
//! Comes in: merged values with their origins. Goes out: what was given, by table. Must never: stop at the first
//! mistake (serde would), compare two keys.

use super::keys::{Key, Kind, OF_PATH, OF_TOPIC, PATH, SECTIONS, Section, TOPIC, alternatives};
use super::load::Sources;
use super::mistake::{Complaint, Mistake, Mistakes, Origin};
use super::{format, layer};
use crate::transcoder::Path;
use figment::value::{Dict, Value};
use std::collections::{BTreeMap, BTreeSet};

/// The table that lies under every registry.
const EVERY: &str = "*";

/// One value. No `Debug`: it may be a secret.
pub(super) struct Given {
    pub(super) value: Value,
    pub(super) origin: Origin,
}

/// All values that are fine by themselves, by dotted key.
pub(super) struct Typed<'a> {
    given: BTreeMap<String, Given>,
    tables: BTreeMap<&'static str, BTreeSet<String>>,
    topics: BTreeMap<String, BTreeSet<String>>,
    /// Places of schemas that have a table, by the table of the key or value around.
    places: BTreeMap<String, BTreeSet<String>>,
    sources: &'a Sources,
}

impl<'a> Typed<'a> {
    /// Walks everything against the key table.
    pub(super) fn new(sources: &'a Sources, mistakes: &mut Mistakes) -> Self {
        let mut walk = Walk {
            typed: Self {
                given: BTreeMap::new(),
                tables: BTreeMap::new(),
                topics: BTreeMap::new(),
                places: BTreeMap::new(),
                sources,
            },
            mistakes,
        };
        match sources.values() {
            Ok(Value::Dict(_, top)) => walk.top(top),
            Ok(_) => {}
            Err(complaint) => walk.mistakes.add(complaint.at(sources.place(""), "")),
        }
        walk.typed
    }

    /// The names of a section's tables.
    pub(super) fn names(&self, section: &str) -> Vec<&str> {
        self.tables.get(section).into_iter().flatten().map(String::as_str).collect()
    }

    /// A section that is one table.
    pub(super) fn section(&self, name: &str) -> Table<'_> {
        Table { typed: self, at: name.to_owned(), under: Vec::new() }
    }

    /// One table of a section.
    pub(super) fn table(&self, section: &str, name: &str) -> Table<'_> {
        let under = match section {
            "pipeline" => "defaults".to_owned(),
            _ => format!("{section}.{EVERY}"),
        };
        Table { typed: self, at: format!("{section}.{name}"), under: vec![under] }
    }

    /// The topics for which a pipeline has a table of their own.
    pub(super) fn topics(&self, pipeline: &str) -> impl Iterator<Item = &str> {
        self.topics.get(pipeline).into_iter().flatten().map(String::as_str)
    }

    /// A pipeline's table for one topic.
    pub(super) fn topic(&self, pipeline: &str, topic: &str) -> Table<'_> {
        let above = format!("pipeline.{pipeline}");
        Table { typed: self, at: format!("{above}.{TOPIC}.{topic}"), under: vec![above, "defaults".to_owned()] }
    }

    /// A mistake about a whole table.
    pub(super) fn table_mistake(&self, table: &Table<'_>, complaint: Complaint) -> Mistake {
        complaint.at(self.sources.place(&table.at), table.at.clone())
    }

    /// A mistake about something that is not there.
    pub(super) fn absent(&self, key: &str, complaint: Complaint) -> Mistake {
        complaint.at(self.sources.around(key), key)
    }
}

/// One table's values, over those of the tables that lie under it, the uppermost first.
pub(super) struct Table<'a> {
    typed: &'a Typed<'a>,
    at: String,
    under: Vec<String>,
}

impl<'a> Table<'a> {
    /// The dotted key of `key` in this table.
    pub(super) fn key(&self, key: &str) -> String {
        format!("{}.{key}", self.at)
    }

    /// A value of the table itself.
    pub(super) fn own(&self, key: &str) -> Option<&'a Given> {
        self.typed.given.get(&self.key(key))
    }

    /// A value.
    pub(super) fn get(&self, key: &str) -> Option<&'a Given> {
        self.own(key).or_else(|| self.under.iter().find_map(|under| self.typed.given.get(&format!("{under}.{key}"))))
    }

    /// The tables for single places below `part`, each with its path.
    pub(super) fn places(&self, part: &str) -> Vec<(&'a str, Self)> {
        let tables: Vec<String> =
            std::iter::once(&self.at).chain(&self.under).map(|table| format!("{table}.{part}")).collect();
        let paths: BTreeSet<&str> =
            tables.iter().filter_map(|table| self.typed.places.get(table)).flatten().map(String::as_str).collect();
        let table = |path: &str| {
            let mut at = tables.iter().map(|table| format!("{table}.{PATH}.{path}"));
            Self { typed: self.typed, at: at.next().unwrap_or_default(), under: at.collect() }
        };
        paths.into_iter().map(|path| (path, table(path))).collect()
    }

    /// A text, if it is given.
    pub(super) fn text(&self, key: &str) -> Option<&'a str> {
        self.get(key)?.value.as_str()
    }

    /// Texts, one or a list of them; none if nothing is given.
    pub(super) fn texts(&self, key: &str) -> Vec<&'a str> {
        self.get(key).map(|given| format::texts(&given.value)).unwrap_or_default()
    }

    /// An integer. 0 stands in for one that is wrong, which no one will see.
    pub(super) fn integer<N: TryFrom<i128> + Default>(&self, key: &str) -> N {
        let integer = self.get(key).and_then(|given| given.value.to_i128());
        integer.and_then(|integer| N::try_from(integer).ok()).unwrap_or_default()
    }

    /// Milliseconds.
    pub(super) fn duration(&self, key: &str) -> std::time::Duration {
        std::time::Duration::from_millis(self.integer(key))
    }

    /// true or false.
    pub(super) fn flag(&self, key: &str) -> bool {
        self.get(key).and_then(|given| given.value.to_bool()).unwrap_or_default()
    }

    /// A number that need not be an integer.
    pub(super) fn share(&self, key: &str) -> f64 {
        let value = self.get(key).map(|given| &given.value);
        value
            .and_then(|value| value.to_i128().map(|n| n as f64).or_else(|| value.to_num()?.to_f64()))
            .unwrap_or_default()
    }

    /// A text, or texts, that must be there. The text, if it is one.
    pub(super) fn required(&self, key: &str, next: &str, mistakes: &mut Mistakes) -> Option<&'a str> {
        if self.get(key).is_none() && !self.wrong(key, mistakes) {
            mistakes.add(self.typed.absent(&self.key(key), Complaint::new("is missing", next)));
        }
        self.text(key)
    }

    /// Whether the key's value is known to be wrong.
    pub(super) fn wrong(&self, key: &str, mistakes: &Mistakes) -> bool {
        mistakes.blame(&self.key(key)) || self.under.iter().any(|under| mistakes.blame(&format!("{under}.{key}")))
    }

    /// All values of the table itself, by key.
    pub(super) fn all(&self) -> impl Iterator<Item = (&'a str, &'a Given)> + use<'a> {
        let above = self.key("");
        let all = self.typed.given.range(above.clone()..);
        all.map_while(move |(key, given)| Some((key.strip_prefix(&above)?, given)))
    }

    /// A mistake about a value.
    pub(super) fn mistake(&self, key: &str, given: &Given, complaint: Complaint) -> Mistake {
        let tables = || std::iter::once(&self.at).chain(&self.under).map(|table| format!("{table}.{key}"));
        let found = tables().find(|key| self.typed.given.contains_key(key));
        complaint.at(given.origin.clone(), found.unwrap_or_else(|| self.key(key)))
    }

    /// A key that this very table gives and that does nothing.
    pub(super) fn idle(&self, key: &str, wrong: impl Into<String>, next: impl Into<String>, mistakes: &mut Mistakes) {
        if let Some(own) = self.own(key) {
            mistakes.add(self.mistake(key, own, Complaint::new(wrong, next)));
        }
    }
}

impl Given {
    /// Whether no one but us gave it.
    pub(super) fn embedded(&self) -> bool {
        self.origin.name == layer::EMBEDDED
    }
}

/// The way through all values.
struct Walk<'a, 'm> {
    typed: Typed<'a>,
    mistakes: &'m mut Mistakes,
}

impl Walk<'_, '_> {
    fn top(&mut self, top: Dict) {
        for (name, value) in top {
            let Some((section, keys)) = SECTIONS.iter().find(|(known, _)| *known == name) else {
                let known: Vec<&str> = SECTIONS.iter().map(|(known, _)| *known).collect();
                self.unknown(&name, &name, &value, &known, &[]);
                continue;
            };
            match keys {
                Section::Keys(keys) => self.keys(&name, "", value, keys),
                Section::Tables(_) | Section::Properties => self.tables(section, keys, value),
            }
        }
    }

    fn tables(&mut self, section: &'static str, kind: &Section, value: Value) {
        let Some(tables) = self.dict(section, value) else { return };
        for (name, value) in tables {
            let at = format!("{section}.{name}");
            let every = name == EVERY && section == "registry";
            if !every && !legal(&name) {
                let complaint = Complaint::new(
                    "is no name for a table",
                    "use 1 to 64 of the characters a-z, A-Z, 0-9, '-' and '_', no two '_' in a row",
                );
                self.mistakes.add(complaint.at(self.typed.sources.origin(value.tag(), &at), at));
                continue;
            }
            if !every {
                self.typed.tables.entry(section).or_default().insert(name);
            }
            match kind {
                Section::Keys(keys) | Section::Tables(keys) if section == "pipeline" => self.pipeline(&at, value, keys),
                Section::Keys(keys) | Section::Tables(keys) => self.keys(&at, "", value, keys),
                Section::Properties => self.properties(&at, value),
            }
        }
    }

    /// A pipeline: its keys, and its tables for single topics.
    fn pipeline(&mut self, at: &str, mut value: Value, keys: &[&[Key]]) {
        let tables = match &mut value {
            // Anything but a table is a key that stands in the wrong place.
            Value::Dict(_, table) if matches!(table.get(TOPIC), Some(Value::Dict(..))) => table.remove(TOPIC),
            _ => None,
        };
        self.keys(at, "", value, keys);
        let above = format!("{at}.{TOPIC}");
        let Some(tables) = tables.and_then(|tables| self.dict(&above, tables)) else { return };
        let pipeline = at.split_once('.').map_or(at, |(_, name)| name);
        for (name, value) in tables {
            let at = format!("{above}.{name}");
            if let Err(complaint) = format::topic(&name) {
                self.mistakes.add(complaint.at(self.typed.sources.origin(value.tag(), &at), at));
                continue;
            }
            self.typed.topics.entry(pipeline.to_owned()).or_default().insert(name);
            self.keys(&at, "", value, OF_TOPIC);
        }
    }

    /// A table of ours; `inside` is the path from the table's top.
    fn keys(&mut self, at: &str, inside: &str, value: Value, keys: &[&[Key]]) {
        let Some(values) = self.dict(at, value) else { return };
        for (name, value) in values {
            let (key, path) = (format!("{at}.{name}"), format!("{inside}{name}"));
            let below = format!("{path}.");
            let mut every = keys.iter().copied().flatten();
            if name == PATH && matches!(inside, "key." | "value.") {
                self.places(at, &key, value);
            } else if let Some(known) = every.clone().find(|known| known.path == path) {
                self.leaf(key, value, known.kind);
            } else if every.any(|known| known.path.starts_with(&below)) {
                self.keys(&key, &below, value, keys);
            } else {
                let every = keys.iter().copied().flatten();
                let siblings: BTreeSet<&str> = every
                    .clone()
                    .filter_map(|known| known.path.strip_prefix(inside))
                    .map(|rest| rest.split('.').next().unwrap_or(rest))
                    .collect();
                let ending = format!(".{name}");
                let elsewhere = every.map(|known| known.path).filter(|path| path.ends_with(&ending));
                let (siblings, elsewhere): (Vec<_>, Vec<_>) = (siblings.into_iter().collect(), elsewhere.collect());
                self.unknown(&key, &name, &value, &siblings, &elsewhere);
            }
        }
    }

    /// The tables of a key or value for single places of its schema.
    fn places(&mut self, part: &str, at: &str, value: Value) {
        let Some(tables) = self.dict(at, value) else { return };
        for (path, value) in tables {
            let at = format!("{at}.{path}");
            if path.parse::<Path>().is_err() {
                let complaint = Complaint::new(
                    "is no place of a schema",
                    "write it as refusals do, [*] for every element: \"$.items[*].price\"",
                );
                self.mistakes.add(complaint.at(self.typed.sources.origin(value.tag(), &at), at));
                continue;
            }
            self.typed.places.entry(part.to_owned()).or_default().insert(path);
            self.keys(&at, "", value, &[OF_PATH]);
        }
    }

    fn properties(&mut self, at: &str, value: Value) {
        let Some(values) = self.dict(at, value) else { return };
        for (name, value) in values {
            let key = format!("{at}.{name}");
            let origin = self.typed.sources.origin(value.tag(), &key);
            let text = match &value {
                Value::String(_, text) => Ok(text.clone()),
                Value::Bool(_, flag) => Ok(flag.to_string()),
                Value::Num(_, number) => Ok(format::digits(number)),
                _ => Err(Complaint::new("is no single value", "write one text; librdkafka takes lists with commas")),
            };
            match text {
                Ok(text) => drop(self.typed.given.insert(key, Given { value: Value::from(text), origin })),
                Err(complaint) => self.mistakes.add(complaint.at(origin, key)),
            }
        }
    }

    fn leaf(&mut self, key: String, value: Value, kind: Kind) {
        let origin = self.typed.sources.origin(value.tag(), &key);
        match kind.check(&value) {
            Ok(()) => drop(self.typed.given.insert(key, Given { value, origin })),
            Err(complaint) => self.mistakes.add(complaint.at(origin, key)),
        }
    }

    fn dict(&mut self, at: &str, value: Value) -> Option<Dict> {
        let tag = value.tag();
        let dict = value.into_dict();
        if dict.is_none() {
            let complaint = Complaint::new("is no table", format!("put its keys below [{at}]"));
            self.mistakes.add(complaint.at(self.typed.sources.origin(tag, at), at));
        }
        dict
    }

    fn unknown(&mut self, key: &str, name: &str, value: &Value, known: &[&str], elsewhere: &[&str]) {
        let nearest = known
            .iter()
            .map(|known| (strsim::damerau_levenshtein(&name.to_lowercase(), known), known))
            .min()
            .filter(|(distance, known)| *distance <= known.len().div_ceil(3));
        let next = match nearest {
            Some((_, nearest)) => format!("did you mean {nearest}?"),
            None if !elsewhere.is_empty() => format!("did you mean {}?", alternatives(elsewhere)),
            None => format!("use {}", alternatives(known)),
        };
        let origin = self.typed.sources.origin(value.tag(), key);
        self.mistakes.add(Complaint::new("is no known key", next).at(origin, key));
    }
}

/// A table's name is part of variable names, flags and metric labels.
fn legal(name: &str) -> bool {
    let legal = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
    legal && (1..=64).contains(&name.len()) && !name.contains("__")
}
