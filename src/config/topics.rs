//! Which topics a pipeline reads, and what the topics it writes are called.
//!
//! Comes in: names, patterns, a template, all of legal form. Goes out: whether a topic is selected, the sink's name, and
//! whether a topic has the name of an output. Must never: ask a cluster which topics there are.

use regex_lite::Regex;
use std::fmt;

/// Stands in a template for the name of the source topic.
pub(super) const PLACE: &str = "{topic}";

/// The topics that a pipeline reads: those named, and those that match a pattern.
#[derive(Clone, Debug, Default)]
pub struct Topics {
    /// Read whatever they are called; each must exist.
    pub names: Vec<String>,
    /// Read as they appear; see [`Topics::matches`].
    pub patterns: Vec<Pattern>,
}

/// A regular expression over topic names, which begins with `^` and need not reach to the name's end.
#[derive(Clone)]
pub struct Pattern(Regex);

/// The name of a topic or subject, with or without a place for the source topic's name.
#[derive(Clone, PartialEq, Eq)]
pub struct Template(String);

impl Topics {
    pub(super) fn new<'t>(texts: impl IntoIterator<Item = &'t str>) -> Self {
        let mut topics = Self::default();
        for text in texts {
            match Pattern::new(text) {
                Some(pattern) => topics.patterns.push(pattern),
                None if topics.names.iter().any(|name| name == text) => {}
                None => topics.names.push(text.to_owned()),
            }
        }
        topics
    }

    /// Whether the topic is named, or matches a pattern.
    #[must_use]
    pub fn select(&self, topic: &str) -> bool {
        self.names.iter().any(|name| name == topic) || self.matches(topic)
    }

    /// Whether the topic matches a pattern. What begins with an underscore is internal (`__consumer_offsets`, `_schemas`)
    /// and matches none.
    #[must_use]
    pub fn matches(&self, topic: &str) -> bool {
        !topic.starts_with('_') && self.patterns.iter().any(|pattern| pattern.0.is_match(topic))
    }

    /// Whether it is more than one topic, or may become more.
    pub(super) fn several(&self) -> bool {
        !self.patterns.is_empty() || self.names.len() > 1
    }
}

impl Pattern {
    /// None: it does not begin with `^`, so it is a name; or it is none of the syntax, which is checked before.
    fn new(text: &str) -> Option<Self> {
        text.starts_with('^').then(|| Regex::new(text).ok().map(Self))?
    }

    /// Why a text that begins with `^` is no pattern.
    pub(super) fn check(text: &str) -> Result<(), String> {
        Regex::new(text).map(drop).map_err(|error| error.to_string())
    }

    /// As it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_str().fmt(f)
    }
}

impl Template {
    pub(super) fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// As it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name, for this source topic.
    #[must_use]
    pub fn name(&self, topic: &str) -> String {
        self.0.replacen(PLACE, topic, 1)
    }

    /// Whether every source topic gets its own name.
    pub(super) fn has_place(&self) -> bool {
        self.0.contains(PLACE)
    }

    /// Whether `name` is what this template makes of a topic that is selected.
    pub(super) fn makes(&self, name: &str, selected: impl Fn(&str) -> bool) -> bool {
        match self.0.split_once(PLACE) {
            None => self.0 == name,
            Some((before, after)) => name
                .strip_prefix(before)
                .and_then(|rest| rest.strip_suffix(after))
                .is_some_and(|topic| !topic.is_empty() && selected(topic)),
        }
    }
}

impl fmt::Debug for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics_are_selected_by_name_or_pattern() {
        let topics = Topics::new(["orders", r"^eu\.", "^pay.*s$", "orders"]);
        assert_eq!((topics.names.len(), topics.patterns.len()), (1, 2));
        for (topic, selected) in [
            ("orders", true),
            ("orders2", false),
            ("eu.orders", true),
            ("eu_orders", false),
            ("payments", true),
            ("payment", false),
            ("my-payments", false),
            ("__consumer_offsets", false),
        ] {
            assert_eq!(topics.select(topic), selected, "{topic}");
        }
        let all = Topics::new(["^"]);
        assert!(all.select("any") && !all.select("_schemas") && !all.select("__transaction_state"));
    }

    #[test]
    fn a_template_knows_what_it_makes() {
        for (template, topic, name) in [
            ("{topic}-avro", "a", "a-avro"),
            ("avro.{topic}.v1", "a", "avro.a.v1"),
            ("{topic}", "a", "a"),
            ("b", "a", "b"),
        ] {
            let template = Template::new(template);
            assert_eq!(template.name(topic), name);
            assert!(template.makes(name, |made_of| made_of == topic), "{template:?} {name}");
            assert!(!template.makes("c-avro", |made_of| made_of == topic), "{template:?}");
        }
        assert!(!Template::new("{topic}-avro").makes("-avro", |_| true), "no topic is called nothing");
    }
}
