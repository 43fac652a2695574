//! One layer of configuration: the embedded defaults, the file, one environment variable or one `--set`.
//!
//! Comes in: TOML, or one name and its text. Goes out: values at their addresses with one spelling each, for figment to
//! merge. Must never: parse a text that may be a secret, change the case of a table's name.

use super::keys::{Kind, Section, TOPIC, of_topic};
use super::lines;
use super::mistake::{Complaint, Mistake, Origin};
use figment::providers::{Format, Toml};
use figment::value::{Dict, Map, Value};
use figment::{Metadata, Profile, Provider, Source};

/// The name of the layer under all others.
pub(super) const EMBEDDED: &str = "embedded default";

/// How an environment variable of ours begins. Two underscores: a Kubernetes service called `json2avro` puts
/// `JSON2AVRO_PORT` and others into every container.
pub(super) const PREFIX: &str = "JSON2AVRO__";

/// librdkafka properties whose name does not come out of `_` -> `.` in upper case.
const IRREGULAR: &[&str] = &[
    "log_level",
    "sasl.oauthbearer.assertion.file",
    "sasl.oauthbearer.assertion.jwt.template.file",
    "sasl.oauthbearer.assertion.private.key.file",
];

/// Values and where they came from. No `Debug`: they may be secrets.
pub(super) struct Layer {
    name: String,
    values: Dict,
}

impl Provider for Layer {
    fn metadata(&self) -> Metadata {
        Metadata::from(self.name.clone(), Source::Custom(self.name.clone()))
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        Ok(Map::from([(Profile::Default, self.values.clone())]))
    }
}

impl Layer {
    /// A TOML text and the properties that it gives twice.
    pub(super) fn toml(name: &str, text: &str) -> Result<(Self, Vec<String>), Mistake> {
        let mut values: Dict = Toml::from_str(text).map_err(|error| syntax(name, text, &error))?;
        values.values_mut().for_each(datetimes);
        let mut twice = Vec::new();
        if let Some(Value::Dict(_, clusters)) = values.get_mut("kafka") {
            for (cluster, properties) in clusters {
                if let Value::Dict(_, properties) = properties {
                    let mut flat = Dict::new();
                    flatten("", std::mem::take(properties), &mut flat, &mut |property| {
                        twice.push(format!("kafka.{cluster}.{property}"));
                    });
                    *properties = flat;
                }
            }
        }
        Ok((Self { name: name.to_owned(), values }, twice))
    }

    /// One environment variable, its name without the prefix. Section and key in any case, a table's name as it is.
    pub(super) fn variable(rest: &str, text: Option<&str>) -> Result<Self, Mistake> {
        let name = format!("environment variable {PREFIX}{rest}");
        let parts: Vec<&str> = rest.split("__").collect();
        let section = parts.first().map(|section| section.to_lowercase()).unwrap_or_default();
        let named = matches!(Section::named(&section), Some(Section::Tables(_) | Section::Properties));
        let (table, key) = if named { parts.split_at(parts.len().min(2)) } else { parts.split_at(1) };
        let key = match Section::named(&section) {
            Some(Section::Properties) => property(&key.join(".")),
            _ => match key {
                // The topic's name is in the case that it has.
                [word, topic, rest @ ..] if word.eq_ignore_ascii_case(TOPIC) && !rest.is_empty() => {
                    format!("{TOPIC}.{topic}.{}", rest.join(".").to_lowercase())
                }
                _ => key.join(".").to_lowercase(),
            },
        };
        let table = table.get(1).map(|name| (*name).to_owned());
        let complaint = match text {
            _ if parts.contains(&"") || key.is_empty() => Complaint::new(
                "names no key",
                format!("write it like {PREFIX}LOG__LEVEL or {PREFIX}PIPELINE__orders__START"),
            ),
            None => Complaint::new("is not UTF-8", "set it to UTF-8 text"),
            Some(text) => return Ok(Self::single(name, &section, table, &key, text)),
        };
        Err(complaint.at(Origin { name, line: None }, ""))
    }

    /// One `KEY=VALUE`, the key dotted.
    pub(super) fn flag(set: &str) -> Result<Self, Mistake> {
        let key = set.split_once('=').map_or(set, |(key, _)| key);
        // What follows may be a secret put behind the wrong sign.
        let shown: String = key.chars().take_while(|c| c.is_ascii_alphanumeric() || "._-*".contains(*c)).collect();
        let name = format!("--set {shown}");
        let (section, rest) = key.split_once('.').unwrap_or((key, ""));
        let (table, path) = match Section::named(section) {
            Some(Section::Tables(_) | Section::Properties) => {
                let (table, path) = rest.split_once('.').unwrap_or((rest, ""));
                (Some(table.to_owned()), path)
            }
            _ => (None, rest),
        };
        let whole = shown == key && !path.is_empty() && !key.split('.').any(str::is_empty);
        match set.split_once('=') {
            Some((_, text)) if whole => Ok(Self::single(name, section, table, path, text)),
            equals => {
                let wrong = if equals.is_some() { "names no key" } else { "is no KEY=VALUE" };
                let next = "write it like --set log.level=debug or --set pipeline.orders.start=latest";
                Err(Complaint::new(wrong, next).at(Origin { name, line: None }, ""))
            }
        }
    }

    /// A layer with one value. Text stays as it is unless the key table knows better.
    fn single(name: String, section: &str, table: Option<String>, key: &str, text: &str) -> Self {
        let kind = Section::named(section).and_then(|section| section.kind(key));
        let value = kind.map_or_else(|| Value::from(text), |kind: Kind| kind.read(text));
        let inner = match Section::named(section) {
            Some(Section::Properties) => Dict::from([(key.to_owned(), value)]),
            _ => match of_topic(key) {
                Some((topic, key)) => {
                    let tables = Dict::from([(topic.to_owned(), Value::from(nest(key, value)))]);
                    Dict::from([(TOPIC.to_owned(), Value::from(tables))])
                }
                None => nest(key, value),
            },
        };
        let values = match table {
            Some(table) => Dict::from([(table, Value::from(inner))]),
            None => inner,
        };
        Self { name, values: Dict::from([(section.to_owned(), Value::from(values))]) }
    }
}

/// The property that a variable's last part means: lower case, dots for underscores, `_file` kept.
fn property(part: &str) -> String {
    let dotted = part.to_lowercase().replace('_', ".");
    let irregular = IRREGULAR.iter().find(|property| property.replace('_', ".") == dotted);
    match (irregular, dotted.strip_suffix(".file")) {
        (Some(property), _) => (*property).to_owned(),
        (None, Some(property)) => format!("{property}_file"),
        (None, None) => dotted,
    }
}

/// TOML nests the dots of an unquoted property name; librdkafka wants them back.
fn flatten(above: &str, nested: Dict, flat: &mut Dict, twice: &mut impl FnMut(&str)) {
    for (name, value) in nested {
        let property = if above.is_empty() { name } else { format!("{above}.{name}") };
        match value {
            Value::Dict(_, deeper) => flatten(&property, deeper, flat, twice),
            value => {
                if flat.insert(property.clone(), value).is_some() {
                    twice(&property);
                }
            }
        }
    }
}

/// `a.b.c` as tables in tables.
fn nest(key: &str, value: Value) -> Dict {
    match key.split_once('.') {
        Some((table, rest)) => Dict::from([(table.to_owned(), Value::from(nest(rest, value)))]),
        None => Dict::from([(key.to_owned(), value)]),
    }
}

/// A TOML date-time arrives as a table with one private key: make it the text that was written.
fn datetimes(value: &mut Value) {
    if let Value::Dict(_, table) = value {
        if let Some(written) = table.remove("$__toml_private_datetime") {
            *value = written;
        } else {
            table.values_mut().for_each(datetimes);
        }
    }
}

/// The parser's message without its picture of the line, which may show a secret.
fn syntax(name: &str, text: &str, error: &<Toml as Format>::Error) -> Mistake {
    let message = error.message().lines().collect::<Vec<_>>().join(", ");
    let next = if message.contains("dotted key") {
        "put librdkafka properties that begin alike in quotes: \"group.protocol.type\" = ..."
    } else {
        "mend the TOML"
    };
    let line = error.span().map(|span| lines::line(text, span.start));
    Complaint::new(format!("is no TOML: {message}"), next).at(Origin { name: name.to_owned(), line }, "")
}
