//! Where a topic's records go and how keys and values are re-encoded: of a whole pipeline, or of one topic.
//!
//! Comes in: a table. Goes out: a `Shape`. Must never: know which topics there are.

use super::mistake::{Complaint, Mistakes};
use super::topics::{Template, Topics};
use super::typed::Table;
use super::{ConversionShape, InputFormat, Part, SchemaChoice, Shape, Subject, schema, transcoding};
use crate::framing::InputFraming;
use serde_json::Value;
use std::path::Path;

/// The shape that a table describes. `topics` is what the pipeline reads; None: the table is for one topic.
pub(super) fn shape(table: &Table<'_>, topics: Option<&Topics>, folder: &Path, mistakes: &mut Mistakes) -> Shape {
    let sink_topic =
        Template::new(table.required("sink.topic", "name the topic to write", mistakes).unwrap_or_default());
    if let (Some(topics), Some(given)) = (topics, table.get("sink.topic"))
        && topics.several()
        && !sink_topic.has_place()
    {
        let wrong = "is one topic for several";
        let next = "put {topic} into it, which stands for the source topic's name: \"{topic}-avro\"";
        mistakes.add(table.mistake("sink.topic", given, Complaint::new(wrong, next)));
    }
    let key = conversion(Part::Key, table, folder, mistakes);
    let value = conversion(Part::Value, table, folder, mistakes);
    if let (None, None, Some(given)) = (&key, &value, table.get("value.output_format")) {
        let next = "set output_format = \"avro\" for the value, the key or both";
        let wrong = "leaves nothing to convert: neither key nor value";
        mistakes.add(table.mistake("value.output_format", given, Complaint::new(wrong, next)));
    }
    Shape { sink_topic, key, value }
}

/// None: it is passed on as it is.
fn conversion(part: Part, table: &Table<'_>, folder: &Path, mistakes: &mut Mistakes) -> Option<ConversionShape> {
    let key = |name: &str| format!("{}.{name}", part.label());
    if table.text(&key("output_format")) == Some("same") {
        idle(part, table, mistakes);
        return None;
    }
    let schema = schema::choice(part, table, folder, mistakes);
    Some(ConversionShape {
        input_framing: match table.text(&key("input_framing")) {
            Some("confluent") => InputFraming::Confluent,
            _ => InputFraming::None,
        },
        input_format: match table.text(&key("input_format")) {
            Some("text") => InputFormat::Text,
            _ => InputFormat::Json,
        },
        subject: subject(part, table, &schema, mistakes),
        schema,
        transcoder: transcoding::options(part, table, mistakes),
    })
}

/// All that would say how to convert what is not converted.
fn idle(part: Part, table: &Table<'_>, mistakes: &mut Mistakes) {
    let below = format!("{}.", part.label());
    let own: Vec<&str> = table.all().map(|(key, _)| key).filter(|key| key.starts_with(&below)).collect();
    for key in own.into_iter().filter(|key| !key.ends_with(".output_format")) {
        let next = format!("set {}output_format = \"avro\" or take it out", below);
        table.idle(key, "has no effect with output_format = \"same\"", next, mistakes);
    }
}

fn subject(part: Part, table: &Table<'_>, schema: &SchemaChoice, mistakes: &mut Mistakes) -> Subject {
    let key = |name: &str| format!("{}.{name}", part.label());
    let (strategy, name) = (key("subject_strategy"), key("record_name"));
    if let Some(given) = table.get(&key("subject")) {
        let wrong = "has no effect beside subject";
        table.idle(&strategy, wrong, "take one of the two out", mistakes);
        table.idle(&name, wrong, "take it out", mistakes);
        return Subject::Given(Template::new(given.value.as_str().unwrap_or_default()));
    }
    if matches!(schema, SchemaChoice::Id(_)) {
        let wrong = "has no effect with schema = \"id\"";
        table.idle(&strategy, wrong, "take it out: an id needs no subject", mistakes);
    }
    let with_record = match table.text(&strategy) {
        Some("record_name") => Subject::RecordName,
        Some("topic_record_name") => Subject::TopicRecordName,
        _ => {
            let wrong = "has no effect with subject_strategy = \"topic_name\"";
            table.idle(&name, wrong, "set subject_strategy = \"record_name\" or take it out", mistakes);
            return Subject::TopicName;
        }
    };
    match (table.text(&name), schema) {
        (Some(record), _) => return with_record(record.to_owned()),
        (None, SchemaChoice::File { text, .. }) => {
            if let Some(record) = record_name(text) {
                return with_record(record);
            }
        }
        (None, _) => {}
    }
    if let Some(given) = table.get(&strategy)
        && !table.wrong(&name, mistakes)
        && !matches!(schema, SchemaChoice::File { text, .. } if text.is_empty())
    {
        let wrong = "needs the record's name, which nothing tells";
        let next = format!("set {name} or {}, or use a schema file with a named type", key("subject"));
        mistakes.add(table.mistake(&strategy, given, Complaint::new(wrong, next)));
    }
    Subject::TopicName
}

/// The full name of a schema's type (Avro specification, "Names"); None: it has none.
fn record_name(schema: &str) -> Option<String> {
    let schema: Value = serde_json::from_str(schema).ok()?;
    let name = schema.get("name")?.as_str()?;
    match schema.get("namespace").and_then(Value::as_str) {
        Some(namespace) if !namespace.is_empty() && !name.contains('.') => Some(format!("{namespace}.{name}")),
        _ => Some(name.trim_start_matches('.').to_owned()),
    }
}
