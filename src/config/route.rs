//! One topic's way through a pipeline: which sink topic, which subjects, which schemas.
//!
//! Comes in: a pipeline as meant and a source topic's name. Goes out: a `Route`. Must never: look at the topic itself.

use super::topics::{Template, Topics};
use super::{Pipeline, RefusedPolicy, SchemaChoice};
use crate::framing::InputFraming;
use crate::transcoder;

/// One source topic, all templates filled in.
#[derive(Clone, Debug)]
pub struct Route {
    /// The topic that is read.
    pub source_topic: String,
    /// The topic that is written.
    pub sink_topic: String,
    /// How keys are re-encoded; None: they are passed on as they are.
    pub key: Option<Conversion>,
    /// How values are re-encoded; None: they are passed on as they are.
    pub value: Option<Conversion>,
}

/// How keys or values of a topic are re-encoded.
#[derive(Clone, Debug)]
pub struct Conversion {
    /// Which of the two.
    pub part: Part,
    /// What stands before the payload in the source.
    pub input_framing: InputFraming,
    /// What the payload is.
    pub input_format: InputFormat,
    /// The subject of the schema.
    pub subject: String,
    /// Where the schema comes from.
    pub schema: SchemaChoice,
    /// How JSON is read against the schema.
    pub transcoder: transcoder::Options,
}

/// One half of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The key.
    Key,
    /// The value.
    Value,
}

impl Part {
    /// The word for config keys, messages and the end of a subject's name.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Key => "key",
            Self::Value => "value",
        }
    }
}

/// What a payload is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InputFormat {
    /// JSON (RFC 8259).
    Json,
    /// Text in UTF-8 without quotes, as Kafka's `StringSerializer` writes; read as one JSON string.
    Text,
}

/// What a pipeline, or its table for one topic, says of its routes.
#[derive(Clone, Debug)]
pub struct Shape {
    /// The sink topic.
    pub sink_topic: Template,
    /// How keys are re-encoded, if at all.
    pub key: Option<ConversionShape>,
    /// How values are re-encoded, if at all.
    pub value: Option<ConversionShape>,
}

/// A [`Conversion`] for any topic.
#[derive(Clone, Debug)]
pub struct ConversionShape {
    /// See [`Conversion::input_framing`].
    pub input_framing: InputFraming,
    /// See [`Conversion::input_format`].
    pub input_format: InputFormat,
    /// What the subject is called.
    pub subject: Subject,
    /// See [`Conversion::schema`].
    pub schema: SchemaChoice,
    /// See [`Conversion::transcoder`].
    pub transcoder: transcoder::Options,
}

/// What a subject is called: as said, or by one of Confluent's strategies
/// (`io.confluent.kafka.serializers.subject`, class names as below).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// As the config says.
    Given(Template),
    /// `TopicNameStrategy`: the sink topic's name, `-`, the part.
    TopicName,
    /// `RecordNameStrategy`: the full name of the schema's record, whichever topic and part.
    RecordName(String),
    /// `TopicRecordNameStrategy`: the sink topic's name, `-`, the record's full name.
    TopicRecordName(String),
}

impl Pipeline {
    /// The route of a source topic.
    #[must_use]
    pub fn route(&self, topic: &str) -> Route {
        let shape = self.topic.get(topic).unwrap_or(&self.shape);
        let sink_topic = shape.sink_topic.name(topic);
        let conversion = |part: Part, shape: &Option<ConversionShape>| {
            shape.as_ref().map(|shape| Conversion {
                part,
                input_framing: shape.input_framing,
                input_format: shape.input_format,
                subject: shape.subject.name(part, topic, &sink_topic),
                schema: shape.schema.clone(),
                transcoder: shape.transcoder.clone(),
            })
        };
        Route {
            key: conversion(Part::Key, &shape.key),
            value: conversion(Part::Value, &shape.value),
            source_topic: topic.to_owned(),
            sink_topic,
        }
    }

    /// Whether the topic has the name of one that this pipeline writes: the dead letter topic, or the sink of any topic
    /// that it selects.
    #[must_use]
    pub fn writes(&self, topic: &str) -> bool {
        let dead_letter = matches!(&self.refused.policy, RefusedPolicy::DeadLetter { topic: dead } if dead == topic);
        let topics: &Topics = &self.source.topics;
        let general = |made_of: &str| topics.select(made_of) && !self.topic.contains_key(made_of);
        dead_letter
            || self.shape.sink_topic.makes(topic, general)
            || self.topic.iter().any(|(source, shape)| shape.sink_topic.name(source) == topic)
    }
}

impl Subject {
    fn name(&self, part: Part, source_topic: &str, sink_topic: &str) -> String {
        match self {
            Self::Given(template) => template.name(source_topic),
            Self::TopicName => format!("{sink_topic}-{}", part.label()),
            Self::RecordName(record) => record.clone(),
            Self::TopicRecordName(record) => format!("{sink_topic}-{record}"),
        }
    }
}
